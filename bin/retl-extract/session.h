/* SPDX-License-Identifier: MIT */
/*
 * The frame of sources that are asked in SQL. What one of them does differs,
 * but not the order of it: open a session, make of the query or the table what
 * the server takes, learn its columns, put it into a query that orders and
 * divides the rows, run it.
 */
#ifndef RETL_EXTRACT_SESSION_H
#define RETL_EXTRACT_SESSION_H

#include "bin/retl-extract/sql.h"
#include "bin/retl-extract/web.h"

/* What the struct of such a source begins with. */
struct session {
	const struct source_args *args;
	const struct sql_dialect *dialect;
	/* Of the statement that was learned about, or has been run, last. */
	struct columns columns;
};

struct session_ops {
	/* The session is initialised by it, see session_init. NULL: see f. */
	void *(*open)(const struct source_args *a, struct failure *f);
	/* NULL: sql_prepare */
	int (*prepare)(void *self, struct sql_query *q, struct failure *f);
	/* The columns of q, of which no row is asked for. */
	int (*learn)(void *self, const struct sql_query *q, struct failure *f);
	/*
	 * Must they be known before every run? NULL: only where the query is
	 * to be wrapped.
	 */
	bool (*must_learn)(void *self);
	/* What was learned before is of another statement. */
	int (*run)(void *self, const struct sql_query *q, struct failure *f);
	void (*close)(void *self);
};

void session_init(struct session *s, const struct source_args *a,
		  const struct sql_dialect *d);

/* How its requests are sent, if it is asked over HTTP. */
struct web_opts session_web(const struct source_args *a, const char *name,
			    size_t max_body);

/* For must_learn: always. */
bool session_always(void *self);

/* For struct source, see there; the session is closed if something fails. */
void *session_open(const struct session_ops *o, const struct source_args *a,
		   struct failure *f);
int session_describe(const struct session_ops *o, const struct source_args *a,
		     struct columns *c, struct failure *f);

#endif
