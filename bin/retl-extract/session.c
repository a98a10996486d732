/* SPDX-License-Identifier: MIT */
#include "bin/retl-extract/session.h"

void session_init(struct session *s, const struct source_args *a,
		  const struct sql_dialect *d)
{
	*s = (struct session){ .args = a,
			       .dialect = d,
			       .columns = COLUMNS_INIT };
}

struct web_opts session_web(const struct source_args *a, const char *name,
			    size_t max_body)
{
	return (struct web_opts){ .name = name,
				  .cacert = a->cacert,
				  .rows = a->rows,
				  .retries = a->retries,
				  .max_body = max_body };
}

bool session_always(void *self UNUSED)
{
	return true;
}

static int prepare(const struct session_ops *o, struct session *s,
		   struct sql_query *q, struct failure *f)
{
	return o->prepare ? o->prepare(s, q, f)
			  : sql_prepare(q, s->dialect, s->args, f);
}

static int start(const struct session_ops *o, struct session *s,
		 struct sql_query *q, struct failure *f)
{
	bool wrapped = sql_is_wrapped(s->args);

	if (prepare(o, s, q, f) < 0)
		return -1;
	if ((wrapped || (o->must_learn && o->must_learn(s))) &&
	    o->learn(s, q, f) < 0)
		return -1;
	if (wrapped && sql_wrap(q, s->dialect, s->args, &s->columns, f) < 0)
		return -1;
	return o->run(s, q, f);
}

void *session_open(const struct session_ops *o, const struct source_args *a,
		   struct failure *f)
{
	struct session *s = o->open(a, f);
	struct sql_query q = SQL_QUERY_INIT;

	if (s && start(o, s, &q, f) < 0) {
		o->close(s);
		s = NULL;
	}
	sql_query_release(&q);
	return s;
}

int session_describe(const struct session_ops *o, const struct source_args *a,
		     struct columns *c, struct failure *f)
{
	struct session *s = o->open(a, f);
	struct sql_query q = SQL_QUERY_INIT;
	int ret = -1;

	if (!s)
		return -1;
	if (prepare(o, s, &q, f) == 0 && o->learn(s, &q, f) == 0) {
		*c = s->columns;
		s->columns = COLUMNS_INIT;
		ret = 0;
	}
	sql_query_release(&q);
	o->close(s);
	return ret;
}
