/* SPDX-License-Identifier: MIT */
/*
 * Trino by its client protocol: a statement is posted, and its result comes in
 * pages, each of which names the next. All rows are there when a page names no
 * next one, has no error, and the query has finished. The next page is on its
 * way while one is being written.
 * trino.io/docs/current/develop/client-protocol.html
 */
#include "bin/retl-extract/source.h"

#include "bin/retl-extract/cancel.h"
#include "bin/retl-extract/interrupt.h"
#include "bin/retl-extract/session.h"
#include "bin/retl-extract/trino_value.h"
#include "common/enc.h"
#include "common/mem.h"
#include "common/msg.h"

#define MAX_BODY ((size_t)256 << 20)
#define ROWS_AT_ONCE 512
#define LONGEST_PREPARED 2000 /* bytes of SQL that fit into a header */

struct trino {
	struct session session;
	bool tls;
	struct buf base; /* https://host:port */
	struct buf user, catalog, schema;
	struct buf headers, secrets; /* of every request */
	struct web *web;
	struct web_queue *queue;
	struct buf next; /* the page to ask for; empty: there is none */
	bool asked;      /* for it */
	bool finished;
	struct buf first;        /* the answer to the statement */
	struct buf columns_text; /* JSON */
	struct trino_column *types;
	struct str data;
	struct json_iter it;
	bool in_page;
	struct buf text;
};

/* ---- where, and who ---- */

/* USER@HOST:PORT/CATALOG/SCHEMA */
static int parse_where(struct trino *s, const char *where, struct failure *f)
{
	struct str rest, host, part;
	const char *at;

	if (strncmp(where, "//", 2) != 0)
		return failed(f, EX_USAGE,
			      "trino: expected "
			      "trino://USER@HOST:PORT/CATALOG/SCHEMA");
	rest = str_of(where + 2);
	str_split(&rest, '/', &host);
	at = memchr(host.s, '@', host.n);
	if (at) {
		part = (struct str){ host.s, (size_t)(at - host.s) };
		host = (struct str){ at + 1, host.n - part.n - 1 };
		if (memchr(part.s, ':', part.n))
			return failed(f, EX_USAGE,
				      "trino: a password in the URL would be "
				      "there for everybody to see; set "
				      "TRINO_PASSWORD");
		buf_adds(&s->user, part);
	} else {
		const char *user = getenv("TRINO_USER");

		if (!user)
			user = getenv("USER");
		buf_addz(&s->user, user ? user : "");
	}
	if (!host.n || !s->user.len)
		return failed(f, EX_USAGE, "trino: a %s is missing",
			      host.n ? "user" : "host");
	if (rest.s && str_split(&rest, '/', &part))
		buf_adds(&s->catalog, part);
	if (rest.s && str_split(&rest, '/', &part))
		buf_adds(&s->schema, part);
	buf_addf(&s->base, "http%s://%.*s", s->tls ? "s" : "", STR_ARG(host));
	return 0;
}

static bool is_clean(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			return false;
	return true;
}

static int make_headers(struct trino *s, struct failure *f)
{
	const char *password = getenv("TRINO_PASSWORD");
	const char *token = getenv("TRINO_TOKEN");
	struct buf pair = BUF_INIT;

	if ((password && !is_clean(password)) || (token && !is_clean(token)) ||
	    !is_clean(s->user.data) || !is_clean(s->catalog.data) ||
	    !is_clean(s->schema.data))
		return failed(f, EX_CONFIG,
			      "trino: there is a control character in a name "
			      "or a secret");
	if ((password || token) && !s->tls)
		return failed(f, EX_CONFIG,
			      "trino: a password or a token would go out in "
			      "the clear; use trino: instead of trino+http:");
	buf_addf(&s->headers,
		 "X-Trino-User: %s\n"
		 "X-Trino-Source: retl-extract\n"
		 "X-Trino-Time-Zone: UTC\n"
		 "X-Trino-Client-Capabilities: PARAMETRIC_DATETIME\n",
		 s->user.data);
	if (s->catalog.len)
		buf_addf(&s->headers, "X-Trino-Catalog: %s\n", s->catalog.data);
	if (s->schema.len)
		buf_addf(&s->headers, "X-Trino-Schema: %s\n", s->schema.data);
	if (token) {
		msg_hide(token, strlen(token));
		buf_addf(&s->secrets, "Authorization: Bearer %s\n", token);
	} else if (password) {
		msg_hide(password, strlen(password));
		buf_addf(&pair, "%s:%s", s->user.data, password);
		buf_addz(&s->secrets, "Authorization: Basic ");
		enc_base64(&s->secrets, pair.data, pair.len);
		buf_addc(&s->secrets, '\n');
	}
	buf_release(&pair);
	return 0;
}

/* ---- errors ---- */

/* Errors about values quote them; those about names need theirs. */
static int status_of(struct str name, struct str type, bool *about_values)
{
	static const char *const values[] = {
		"DIVISION_BY_ZERO",          "INVALID_CAST_ARGUMENT",
		"INVALID_FUNCTION_ARGUMENT", "NUMERIC_VALUE_OUT_OF_RANGE",
		"SUBQUERY_MULTIPLE_ROWS",    "GENERIC_USER_ERROR",
	};
	static const char *const passing[] = {
		"USER_CANCELED",
		"ADMINISTRATIVELY_KILLED",
		"ADMINISTRATIVELY_PREEMPTED",
		"SERVER_SHUTTING_DOWN",
		"SERVER_STARTING_UP",
		"ABANDONED_QUERY",
	};

	*about_values = false;
	for (size_t i = 0; name.s && i < ARRAY_LEN(values); i++)
		if (json_text_is(name, values[i])) {
			*about_values = true;
			return EX_DATAERR;
		}
	for (size_t i = 0; name.s && i < ARRAY_LEN(passing); i++)
		if (json_text_is(name, passing[i]))
			return EX_TEMPFAIL;
	if (name.s && json_text_is(name, "PERMISSION_DENIED"))
		return EX_NOPERM;
	if (type.s && json_text_is(type, "USER_ERROR"))
		return EX_CONFIG;
	if (type.s && json_text_is(type, "INSUFFICIENT_RESOURCES"))
		return EX_TEMPFAIL;
	return EX_UNAVAILABLE;
}

static int query_failed(struct str error, struct failure *f)
{
	struct str name = json_member(error, "errorName", JSON_STRING);
	struct str type = json_member(error, "errorType", JSON_STRING);
	struct str words = json_member(error, "message", JSON_STRING);
	struct buf a = BUF_INIT, b = BUF_INIT;
	bool hide;
	int status = status_of(name, type, &hide);

	if (words.s && !hide)
		json_unescape(&a, (struct str){ words.s + 1, words.n - 2 });
	for (size_t i = 0; i < a.len; i++)
		if (iscntrl((unsigned char)a.data[i]))
			a.data[i] = ' ';
	if (name.s)
		json_unescape(&b, (struct str){ name.s + 1, name.n - 2 });
	failed(f, status, "the query failed: %s%s%s", a.data, a.len ? " " : "",
	       b.len ? b.data : "no name is given");
	buf_release(&a);
	buf_release(&b);
	return -1;
}

/* ---- pages ---- */

/* Only the server that was named goes on being asked. */
static int take_next(struct trino *s, struct str v, struct failure *f)
{
	struct buf url = BUF_INIT;

	buf_reset(&s->next);
	s->asked = false;
	if (!v.s)
		return 0;
	json_unescape(&url, (struct str){ v.s + 1, v.n - 2 });
	if (!is_clean(url.data) || !http_same_origin(url.data, s->base.data)) {
		buf_release(&url);
		return failed(f, EX_UNAVAILABLE,
			      "the next page is at another server; if it "
			      "stands behind a proxy, that has to pass on how "
			      "it was called (X-Forwarded-Proto, -Host, "
			      "-Port)");
	}
	buf_adds(&s->next, buf_str(&url));
	buf_release(&url);
	return 0;
}

static enum web_verdict judge(struct web_request *rq,
			      const struct web_answer *a, unsigned attempt,
			      struct failure *f)
{
	struct trino *s = rq->arg;
	struct json_fault fault;
	struct str v;

	if (a->status != 200) {
		if (a->status >= 500 && a->status != 502 && a->status != 503 &&
		    a->status != 504) {
			failed(f, EX_UNAVAILABLE, "HTTP %ld", a->status);
			return WEB_FAIL;
		}
		return web_judge(rq, a, attempt, f);
	}
	if (!a->body.n) {
		failed(f, EX_TEMPFAIL, "an empty answer");
		return WEB_AGAIN;
	}
	if (json_check(a->body, &v, &fault) < 0 ||
	    json_type(v) != JSON_OBJECT) {
		failed(f, EX_UNAVAILABLE, "an answer that is no JSON object");
		return WEB_FAIL;
	}
	if (take_next(s, json_member(v, "nextUri", JSON_STRING), f) < 0)
		return WEB_FAIL;
	if (json_member(v, "error", JSON_OBJECT).s) {
		query_failed(json_member(v, "error", JSON_OBJECT), f);
		buf_reset(&s->next);
		return WEB_FAIL;
	}
	return WEB_TAKE;
}

static void begin(struct trino *s, struct web_request *rq)
{
	web_request_reset(rq);
	buf_adds(&rq->headers, buf_str(&s->headers));
	buf_adds(&rq->secrets, buf_str(&s->secrets));
	rq->judge = judge;
	rq->arg = s;
}

static int make_page(void *arg, struct web_request *rq, struct failure *f)
{
	struct trino *s = arg;

	(void)f;
	if (!s->next.len || s->asked)
		return 0;
	begin(s, rq);
	buf_adds(&rq->url, buf_str(&s->next));
	s->asked = true;
	return 1;
}

static int take_columns(struct trino *s, struct str list, struct failure *f)
{
	struct json_iter it;
	struct str v, name;
	size_t n = 0;

	if (s->types || !json_count(list))
		return 0;
	/* It outlives the page. */
	buf_adds(&s->columns_text, list);
	list = buf_str(&s->columns_text);
	s->types = xcalloc(json_count(list), sizeof *s->types);
	json_iter_init(&it, list);
	while (json_iter_element(&it, &v)) {
		name = json_member(v, "name", JSON_STRING);
		buf_reset(&s->text);
		if (name.s)
			json_unescape(&s->text,
				      (struct str){ name.s + 1, name.n - 2 });
		if (columns_add(&s->session.columns, buf_str(&s->text), f) < 0)
			return failed(f, f->status, "trino: %s", f->text.data);
		s->types[n++] = trino_column_of(
		    json_member(v, "typeSignature", JSON_OBJECT),
		    &s->session.columns);
	}
	return 0;
}

/* The query goes on without us, unless it is told. */
static void arm(struct trino *s)
{
	struct web_request rq = WEB_REQUEST_INIT;

	begin(s, &rq);
	rq.method = "DELETE";
	buf_adds(&rq.url, buf_str(&s->next));
	interrupt_arm(&rq, s->session.args->cacert);
	web_request_release(&rq);
}

static struct str trim(struct str t)
{
	while (t.n && strchr(" \t\r\n", *t.s))
		t = (struct str){ t.s + 1, t.n - 1 };
	return t;
}

static int take_page(struct trino *s, const struct web_answer *a,
		     struct failure *f)
{
	struct str page = trim(a->body), data, state;

	if (a->status != 200) {
		web_refused(a, "trino", f);
		if (f->status == EX_NOPERM)
			failed(f, EX_NOPERM,
			       "%s: check the user and TRINO_PASSWORD or "
			       "TRINO_TOKEN",
			       f->text.data);
		return -1;
	}
	data = json_member(page, "columns", JSON_ARRAY);
	if (data.s && take_columns(s, data, f) < 0)
		return -1;
	if (json_member(page, "data", JSON_OBJECT).s)
		return failed(f, EX_UNAVAILABLE,
			      "trino: rows in an encoding that was not asked "
			      "for");
	data = json_member(page, "data", JSON_ARRAY);
	if (data.s && !s->types)
		return failed(f, EX_UNAVAILABLE, "trino: rows before columns");
	/* Whoever reads on there gets these rows for ever. */
	if (data.s && s->next.len && str_is(buf_str(&s->next), a->url))
		return failed(f, EX_UNAVAILABLE,
			      "trino: the page behind this one is this one");
	s->in_page = data.s != NULL;
	if (data.s)
		json_iter_init(&s->it, data);
	if (s->next.len) {
		arm(s);
		return 0;
	}
	state = json_member(json_member(page, "stats", JSON_OBJECT), "state",
			    JSON_STRING);
	if (!state.s || !json_text_is(state, "FINISHED"))
		return failed(f, EX_UNAVAILABLE,
			      "trino: the last page came before the query had "
			      "finished");
	if (!s->types)
		return failed(f, EX_CONFIG, "trino: the query gives no rows");
	s->finished = true;
	interrupt_disarm();
	return 0;
}

/* ---- SQL ---- */

static int put_order(struct buf *out, const struct columns *c, size_t i,
		     struct str name, const char **why)
{
	if (!sql_is_plain(c->v[i].kind) &&
	    !str_is(column_native(c, i), "varchar")) {
		*why = "such a type";
		return -1;
	}
	buf_adds(out, name);
	return 0;
}

static void put_shard(struct buf *out, const struct source_args *a,
		      const struct str *hashed)
{
	/* The hash has 64 bits, one of them its sign. */
	buf_addz(out, "mod(mod(from_big_endian_64(xxhash64(to_utf8(''");
	sql_put_each(out, hashed, a->n_key, " || ',' || coalesce(cast(",
		     " as varchar), '')");
	buf_addf(out,
		 "))), %" PRIu64 ") + %" PRIu64 ", %" PRIu64 ") = %" PRIu64,
		 a->n_shards, a->n_shards, a->n_shards, a->shard - 1);
}

static const struct sql_dialect dialect = {
	.name = "Trino",
	.quote = '"',
	.marks = SQL_QUESTION,
	.put_order = put_order,
	.put_shard = put_shard,
};

/*
 * Values go as a prepared statement's, quoted here, never into its text; they
 * are varchar, and the query casts them where it needs another type. Servers
 * refuse long headers, and those that are not too old (418) take the statement
 * itself.
 */
static void put_statement(struct web_request *rq, const struct sql_query *q)
{
	if (!q->n) {
		buf_adds(&rq->body, buf_str(&q->sql));
		return;
	}
	if (q->sql.len > LONGEST_PREPARED) {
		buf_addz(&rq->body, "EXECUTE IMMEDIATE ");
		sql_put_name(&rq->body, '\'', buf_str(&q->sql));
	} else {
		buf_addz(&rq->headers, "X-Trino-Prepared-Statement: retl=");
		enc_percent(&rq->headers, buf_str(&q->sql));
		buf_addc(&rq->headers, '\n');
		buf_addz(&rq->body, "EXECUTE retl");
	}
	buf_addz(&rq->body, " USING ");
	for (size_t i = 0; i < q->n; i++) {
		buf_addz(&rq->body, i ? ", " : "");
		if (q->values[i]->null)
			buf_addz(&rq->body, "NULL");
		else
			sql_put_name(&rq->body, '\'', q->values[i]->value);
	}
}

static int submit(struct trino *s, const struct sql_query *q, struct failure *f)
{
	struct web_request rq = WEB_REQUEST_INIT;
	struct web_answer a;
	int ret;

	begin(s, &rq);
	buf_addf(&rq.url, "%s/v1/statement", s->base.data);
	buf_addz(&rq.headers, "Content-Type: text/plain; charset=utf-8\n");
	rq.method = "POST";
	rq.has_body = rq.once = true;
	put_statement(&rq, q);
	ret = web_ask(s->web, &rq, &a, f);
	if (ret == 0) {
		/* Rows in it have to outlive the next answer. */
		buf_adds(&s->first, a.body);
		a.body = buf_str(&s->first);
		ret = take_page(s, &a, f);
	}
	web_request_release(&rq);
	return ret;
}

static int next_page(struct trino *s, struct failure *f)
{
	struct web_answer a;

	if (web_chain_next(&s->queue, s->web, make_page, s, &a, f) < 0)
		return -1;
	return take_page(s, &a, f);
}

static int learn(void *self, const struct sql_query *q, struct failure *f)
{
	struct trino *s = self;
	struct sql_query bare = *q;
	int ret;

	bare.sql = BUF_INIT;
	sql_put_bare(&bare.sql, &dialect, &q->sql);
	ret = submit(s, &bare, f);
	while (ret == 0 && !s->finished)
		ret = next_page(s, f);
	buf_release(&bare.sql);
	return ret;
}

static void forget_result(struct trino *s)
{
	web_queue_free(s->queue);
	s->queue = NULL;
	columns_release(&s->session.columns);
	free(s->types);
	s->types = NULL;
	buf_reset(&s->columns_text);
	buf_reset(&s->first);
	s->in_page = s->finished = false;
}

static int run(void *self, const struct sql_query *q, struct failure *f)
{
	forget_result(self);
	return submit(self, q, f);
}

/* ---- the source ---- */

/* Rows that nobody wants any more: the server is told, once. */
static void stop_query(struct trino *s)
{
	struct web_request rq = WEB_REQUEST_INIT;
	struct failure f = FAILURE_INIT;
	struct web_answer a;

	if (!s->next.len)
		return;
	begin(s, &rq);
	rq.method = "DELETE";
	rq.judge = NULL;
	rq.once = true;
	buf_adds(&rq.url, buf_str(&s->next));
	if (web_ask(s->web, &rq, &a, &f) < 0)
		msg_debug("%s", f.text.data);
	web_request_release(&rq);
	buf_release(&f.text);
}

static void trino_close(void *self)
{
	struct trino *s = self;

	web_queue_free(s->queue);
	stop_query(s);
	interrupt_disarm();
	web_free(s->web);
	buf_release(&s->base);
	buf_release(&s->user);
	buf_release(&s->catalog);
	buf_release(&s->schema);
	buf_release(&s->headers);
	buf_release(&s->secrets);
	buf_release(&s->next);
	buf_release(&s->first);
	buf_release(&s->columns_text);
	buf_release(&s->text);
	columns_release(&s->session.columns);
	free(s->types);
	free(s);
}

static void *open_session(const struct source_args *a, struct failure *f)
{
	struct trino *s = xcalloc(1, sizeof *s);
	struct web_opts web = session_web(a, "trino", MAX_BODY);

	s->tls = !str_starts(str_of(a->url), "trino+http:");
	s->base = s->user = s->catalog = s->schema = BUF_INIT;
	s->headers = s->secrets = s->next = BUF_INIT;
	s->first = s->columns_text = s->text = BUF_INIT;
	session_init(&s->session, a, &dialect);
	if (parse_where(s, a->where, f) == 0 && make_headers(s, f) == 0)
		s->web = web_new(&web, f);
	if (!s->web) {
		trino_close(s);
		return NULL;
	}
	return s;
}

static int put_cell(void *self, struct rows *rows, size_t i, struct str v,
		    struct failure *f)
{
	struct trino *s = self;

	return trino_put_value(rows, &s->session.columns, i, &s->types[i], v,
			       &s->text, f);
}

static int trino_next(void *self, struct rows *rows, struct failure *f)
{
	struct trino *s = self;
	struct str row;

	while (!s->in_page) {
		if (s->finished)
			return 0;
		if (next_page(s, f) < 0)
			return -1;
	}
	for (int i = 0; i < ROWS_AT_ONCE && !rows_full(rows); i++) {
		if (!json_iter_element(&s->it, &row)) {
			s->in_page = false;
			break;
		}
		if (row_put_list(rows, &s->session.columns, row, "trino",
				 put_cell, s, f) < 0)
			return -1;
	}
	return 1;
}

static const struct session_ops session = {
	.open = open_session,
	.learn = learn,
	.run = run,
	.close = trino_close,
};

/* ---- names of tables ---- */

static int trino_list(const struct source_args *a, struct buf *names,
		      struct failure *f)
{
	struct source_args all = *a;
	struct trino *s;
	int ret = 0;

	all.query = STR(SQL_NAMES);
	all.dataset = NULL;
	s = session_open(&session, &all, f);
	if (!s)
		return -1;
	while (ret == 0) {
		if (s->in_page && source_put_names(names, &s->it, &s->text) < 0)
			ret = failed(f, EX_UNAVAILABLE,
				     "trino: a name that is no text");
		else if (s->finished)
			break;
		else
			ret = next_page(s, f);
	}
	trino_close(s);
	return ret;
}

const struct source source_trino = {
	.has_datasets = true,
	.can_order = true,
	.can_shard = true,
	.session = &session,
	.next = trino_next,
	.list = trino_list,
};
