/* SPDX-License-Identifier: MIT */
/*
 * Databricks by its SQL Statement Execution API. The result comes in chunks,
 * several at once and written in order: from the warehouse's own storage, by
 * links that are good for some minutes and must not see our credentials, or
 * within the answers. All rows are there when every chunk that was announced
 * has come, with as many rows as were announced, and nothing was truncated.
 */
#include "bin/retl-extract/source.h"

#include "bin/retl-extract/cancel.h"
#include "bin/retl-extract/databricks.h"
#include "bin/retl-extract/interrupt.h"
#include "bin/retl-extract/session.h"
#include "common/enc.h"
#include "common/mem.h"
#include "common/msg.h"

#define N_FLYING 4
#define MAX_BODY ((size_t)512 << 20)
#define MAX_WAITING ((size_t)256 << 20)
#define ROWS_AT_ONCE 512

struct databricks {
	struct session session;
	struct databricks_login login;
	struct web *web, *links; /* links: what is asked between */
	struct web_queue *queue;
	struct buf id; /* of the statement */
	enum databricks_type *types;
	uint64_t *counts; /* of the rows in each chunk */
	size_t n_chunks, chunk, asked;
	uint64_t n_rows, n_wanted, n_here;
	struct json_iter rows;
	bool in_chunk;
	struct buf text;
};

/* ---- asking ---- */

static int sign(struct web_request *rq, unsigned attempt UNUSED,
		struct failure *f)
{
	struct databricks *s = rq->arg;

	return databricks_sign(&s->login, rq, f);
}

static enum web_verdict judge(struct web_request *rq,
			      const struct web_answer *a, unsigned attempt,
			      struct failure *f)
{
	struct databricks *s = rq->arg;

	if (databricks_renew(&s->login, rq, a)) {
		failed(f, EX_NOPERM, "HTTP 401, again and again");
		return WEB_NOW;
	}
	return web_judge(rq, a, attempt, f);
}

/* path: behind .../statements/ */
static void begin(struct databricks *s, struct web_request *rq,
		  const char *path)
{
	web_request_reset(rq);
	buf_addf(&rq->url, "%s/api/2.0/sql/statements/%s", s->login.base.data,
		 path);
	buf_addz(&rq->headers, "Accept: application/json\n");
	rq->prepare = sign;
	rq->judge = judge;
	rq->arg = s;
}

/* One line of words, without what they may quote. */
static void put_words(struct buf *out, struct str v, bool *about_values)
{
	static const char *const classes[] = {
		"[DIVIDE_BY_ZERO",      "[CAST_INVALID_INPUT",
		"[CAST_OVERFLOW",       "[ARITHMETIC_OVERFLOW",
		"[INVALID_ARRAY_INDEX", "[NUMERIC_VALUE_OUT_OF_RANGE",
		"[CANNOT_PARSE_",       "[SCALAR_SUBQUERY_TOO_MANY_ROWS",
	};
	size_t from = out->len;

	if (!v.s)
		return;
	json_unescape(out, (struct str){ v.s + 1, v.n - 2 });
	for (size_t i = 0; i < ARRAY_LEN(classes); i++)
		*about_values |= str_starts(
		    (struct str){ out->data + from, out->len - from },
		    classes[i]);
	if (*about_values)
		buf_truncate(out, from + strcspn(out->data + from, "]") + 1);
	if (out->len > from + 400)
		buf_truncate(out, from + 400);
	for (size_t i = from; i < out->len; i++)
		if (iscntrl((unsigned char)out->data[i]))
			out->data[i] = ' ';
}

static int status_of_code(struct str code)
{
	static const struct {
		const char *code;
		int status;
	} table[] = {
		{ "BAD_REQUEST", EX_CONFIG },
		{ "INVALID_PARAMETER_VALUE", EX_CONFIG },
		{ "NOT_FOUND", EX_CONFIG },
		{ "RESOURCE_DOES_NOT_EXIST", EX_CONFIG },
		{ "PERMISSION_DENIED", EX_NOPERM },
		{ "UNAUTHENTICATED", EX_NOPERM },
		{ "RESOURCE_EXHAUSTED", EX_TEMPFAIL },
		{ "REQUEST_LIMIT_EXCEEDED", EX_TEMPFAIL },
		{ "TEMPORARILY_UNAVAILABLE", EX_TEMPFAIL },
		{ "WORKSPACE_TEMPORARILY_UNAVAILABLE", EX_TEMPFAIL },
		{ "SERVICE_UNDER_MAINTENANCE", EX_TEMPFAIL },
		{ "DEADLINE_EXCEEDED", EX_TEMPFAIL },
		{ "CANCELLED", EX_TEMPFAIL },
		{ "ABORTED", EX_TEMPFAIL },
	};

	for (size_t i = 0; code.s && i < ARRAY_LEN(table); i++)
		if (json_text_is(code, table[i].code))
			return table[i].status;
	return EX_UNAVAILABLE;
}

/* error: {"error_code", "message"} */
static int statement_failed(struct str error, struct failure *f)
{
	struct str code = json_member(error, "error_code", JSON_STRING);
	struct buf name = BUF_INIT, words = BUF_INIT;
	bool about_values = false;
	int status = status_of_code(code);

	put_words(&words, json_member(error, "message", JSON_STRING),
		  &about_values);
	if (code.s)
		json_unescape(&name, (struct str){ code.s + 1, code.n - 2 });
	failed(f, about_values ? EX_DATAERR : status,
	       "databricks: the statement failed: %s%s%s",
	       name.len ? name.data : "no code is given", words.len ? ": " : "",
	       words.data);
	buf_release(&name);
	buf_release(&words);
	return -1;
}

static int refused(const struct web_answer *a, const char *what,
		   struct failure *f)
{
	struct str v = web_object(a);

	if (a->status != 401 && a->status != 403 && v.s &&
	    json_member(v, "error_code", JSON_STRING).s)
		return statement_failed(v, f);
	web_refused(a, what, f);
	return failed(f, f->status, "databricks: %s%s", f->text.data,
		      f->status == EX_NOPERM
			  ? ": check the token or the client, and what it may "
			    "do with the warehouse"
			  : "");
}

/* ---- the statement ---- */

static int put_order(struct buf *out, const struct columns *c, size_t i,
		     struct str name, const char **why)
{
	struct str native = column_native(c, i);

	if (sql_is_plain(c->v[i].kind)) {
		buf_adds(out, name);
		return 0;
	}
	/* By its bytes, whatever the column's collation is. */
	if (c->v[i].kind == COLUMN_TEXT &&
	    (str_is(native, "STRING") || str_is(native, "CHAR"))) {
		buf_addf(out, "cast(%.*s as binary)", STR_ARG(name));
		return 0;
	}
	*why = "such a type";
	return -1;
}

static void put_shard(struct buf *out, const struct source_args *a,
		      const struct str *hashed)
{
	buf_addz(out, "pmod(xxhash64(");
	for (size_t i = 0; i < a->n_key; i++)
		sql_put_each(out, hashed + i, 1, i ? ", " : "", "");
	buf_addf(out, "), %" PRIu64 ") = %" PRIu64, a->n_shards, a->shard - 1);
}

/*
 * The server knows :name itself; that each has a value, and the other way
 * round, is found out here.
 */
static const struct sql_dialect dialect = {
	.name = "Databricks",
	.quote = '`',
	.marks = SQL_COLON,
	.backslash = true,
	.paths = true,
	.put_order = put_order,
	.put_shard = put_shard,
};

static void put_member(struct buf *out, const char *name, struct str text)
{
	if (!text.n)
		return;
	buf_addf(out, ",\"%s\":", name);
	json_put_str(out, text);
}

static void put_statement(struct databricks *s, struct buf *out,
			  const struct buf *sql)
{
	const struct source_args *a = s->session.args;

	buf_addz(out, "{\"statement\":");
	json_put_str(out, buf_str(sql));
	put_member(out, "warehouse_id", buf_str(&s->login.warehouse));
	put_member(out, "catalog", buf_str(&s->login.catalog));
	put_member(out, "schema", buf_str(&s->login.schema));
	put_member(out, "disposition",
		   s->login.inline_rows ? STR("INLINE")
					: STR("EXTERNAL_LINKS"));
	buf_addz(out, ",\"format\":\"JSON_ARRAY\",\"wait_timeout\":\"0s\","
		      "\"on_wait_timeout\":\"CONTINUE\"");
	for (size_t i = 0; i < a->n_params; i++) {
		buf_addz(out, i ? "," : ",\"parameters\":[");
		buf_addz(out, "{\"name\":");
		json_put_str(out, a->params[i].name);
		if (!a->params[i].null) {
			buf_addz(out, ",\"value\":");
			json_put_str(out, a->params[i].value);
		}
		buf_addc(out, '}');
	}
	buf_addz(out, a->n_params ? "]}" : "}");
}

static void arm(struct databricks *s)
{
	struct web_request rq = WEB_REQUEST_INIT;
	struct failure f = FAILURE_INIT;

	begin(s, &rq, s->id.data);
	buf_addz(&rq.url, "/cancel");
	rq.method = "POST";
	if (sign(&rq, 1, &f) == 0)
		interrupt_arm(&rq, s->session.args->cacert);
	web_request_release(&rq);
	buf_release(&f.text);
}

static int take_id(struct databricks *s, struct str v, struct failure *f)
{
	struct str id = json_member(v, "statement_id", JSON_STRING);

	buf_reset(&s->id);
	if (id.s)
		json_unescape(&s->id, (struct str){ id.s + 1, id.n - 2 });
	for (size_t i = 0; i < s->id.len; i++)
		if (!isalnum((unsigned char)s->id.data[i]) &&
		    s->id.data[i] != '-')
			buf_reset(&s->id);
	if (!s->id.len)
		return failed(f, EX_UNAVAILABLE,
			      "databricks: an answer that names no statement");
	return 0;
}

/* 1: it has succeeded; 0: not yet; -1. */
static int check_state(struct str v, struct failure *f)
{
	struct str status = json_member(v, "status", JSON_OBJECT);
	struct str state = json_member(status, "state", JSON_STRING);
	struct str error = json_member(status, "error", JSON_OBJECT);

	if (!state.s)
		return failed(f, EX_UNAVAILABLE,
			      "databricks: an answer without a state");
	if (json_text_is(state, "PENDING") || json_text_is(state, "RUNNING"))
		return 0;
	if (json_text_is(state, "SUCCEEDED"))
		return 1;
	if (error.s)
		return statement_failed(error, f);
	return failed(
	    f, json_text_is(state, "FAILED") ? EX_UNAVAILABLE : EX_TEMPFAIL,
	    "databricks: the statement was %s",
	    json_text_is(state, "FAILED") ? "not carried out"
					  : "cancelled or closed");
}

/* Submits it, and asks until it has ended; *result is the last answer. */
static int run_statement(struct databricks *s, const struct buf *sql,
			 struct str *result, struct failure *f)
{
	struct web_request rq = WEB_REQUEST_INIT;
	int64_t ms = 0;
	struct web_answer a;
	int got = -1;

	begin(s, &rq, "");
	rq.method = "POST";
	rq.has_body = rq.once = true;
	buf_addz(&rq.headers, "Content-Type: application/json\n");
	put_statement(s, &rq.body, sql);
	if (web_ask(s->web, &rq, &a, f) < 0)
		goto out;
	*result = web_object(&a);
	if (a.status != 200) {
		refused(&a, "the statement", f);
		goto out;
	}
	if (take_id(s, *result, f) < 0)
		goto out;
	arm(s);
	begin(s, &rq, s->id.data);
	while ((got = check_state(*result, f)) == 0) {
		web_wait_turn(s->web, &ms);
		if (web_ask(s->web, &rq, &a, f) < 0) {
			got = -1;
			break;
		}
		if (a.status != 200) {
			got = refused(&a, "the statement", f);
			break;
		}
		*result = web_object(&a);
	}
	if (got < 0)
		cancel_settle();
	interrupt_disarm();
out:
	web_request_release(&rq);
	return got < 0 ? -1 : 0;
}

/* ---- its result ---- */

static int take_columns(struct databricks *s, struct str manifest,
			struct failure *f)
{
	struct str list =
	    json_member(json_member(manifest, "schema", JSON_OBJECT), "columns",
			JSON_ARRAY);
	struct json_iter it;
	struct str v, name;
	size_t n = 0;

	if (!list.s || !json_count(list))
		return failed(f, EX_CONFIG,
			      "databricks: the query gives no rows");
	s->types = xcalloc(json_count(list), sizeof *s->types);
	json_iter_init(&it, list);
	while (json_iter_element(&it, &v)) {
		name = json_member(v, "name", JSON_STRING);
		buf_reset(&s->text);
		if (name.s)
			json_unescape(&s->text,
				      (struct str){ name.s + 1, name.n - 2 });
		if (columns_add(&s->session.columns, buf_str(&s->text), f) < 0)
			return failed(f, f->status, "databricks: %s",
				      f->text.data);
		s->types[n++] = databricks_type_of(v, &s->session.columns);
	}
	return 0;
}

static int get_number(struct str obj, const char *name, uint64_t *n)
{
	struct str v = json_member(obj, name, JSON_NUMBER);

	return v.s ? str_to_u64(v, n) : -1;
}

static int take_chunks(struct databricks *s, struct str manifest,
		       struct failure *f)
{
	struct str list = json_member(manifest, "chunks", JSON_ARRAY), v;
	struct str cut = json_member(manifest, "truncated", JSON_BOOL);
	uint64_t n = 0, index;
	struct json_iter it;

	if (cut.s && str_is(cut, "true"))
		return failed(f, EX_UNAVAILABLE,
			      "databricks: the result was truncated: it is "
			      "larger than the server gives");
	if (get_number(manifest, "total_row_count", &s->n_wanted) < 0)
		return failed(
		    f, EX_UNAVAILABLE,
		    "databricks: an answer that does not say how many "
		    "rows there are");
	get_number(manifest, "total_chunk_count", &n);
	s->counts =
	    xcalloc(MAX(list.s ? json_count(list) : 0, 1), sizeof *s->counts);
	if (list.s)
		json_iter_init(&it, list);
	while (list.s && json_iter_element(&it, &v)) {
		if (get_number(v, "chunk_index", &index) < 0 ||
		    index != s->n_chunks ||
		    get_number(v, "row_count", &s->counts[s->n_chunks]) < 0)
			return failed(f, EX_UNAVAILABLE,
				      "databricks: chunks out of their order, "
				      "or without their number of rows");
		s->n_chunks++;
	}
	if (s->n_chunks != n)
		return failed(f, EX_UNAVAILABLE,
			      "databricks: %" PRIu64
			      " chunks are announced, and %zu described",
			      n, s->n_chunks);
	return 0;
}

/* ---- chunks ---- */

static bool is_clean(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text <= ' ' || *text == 0x7f)
			return false;
	return true;
}

static bool is_near(const char *url)
{
	return str_starts(str_of(url), "https://") ||
	       str_starts(str_of(url), "http://127.0.0.1:");
}

/* What the link wants in its headers, and nothing of ours. */
static int put_link_headers(struct web_request *rq, struct str headers)
{
	struct json_iter it;
	struct json_member m;
	struct buf one = BUF_INIT;
	int ret = 0;

	if (!headers.s)
		return 0;
	json_iter_init(&it, headers);
	while (json_iter_member(&it, &m)) {
		if (json_type(m.val) != JSON_STRING)
			continue;
		buf_reset(&one);
		json_unescape(&one, m.key);
		buf_addz(&one, ": ");
		json_unescape(&one, (struct str){ m.val.s + 1, m.val.n - 2 });
		for (size_t i = 0; i < one.len; i++)
			if (iscntrl((unsigned char)one.data[i]))
				ret = -1;
		buf_addf(&rq->headers, "%s\n", one.data);
	}
	buf_release(&one);
	return ret;
}

/* The link to a chunk out of the answer that has it. */
static int take_link(struct web_request *rq, struct str v, struct failure *f)
{
	struct str list = json_member(v, "external_links", JSON_ARRAY), one,
		   link;
	struct json_iter it;
	uint64_t index;

	buf_reset(&rq->url);
	buf_reset(&rq->headers);
	if (list.s)
		json_iter_init(&it, list);
	while (list.s && json_iter_element(&it, &one)) {
		link = json_member(one, "external_link", JSON_STRING);
		if (get_number(one, "chunk_index", &index) < 0 ||
		    index != rq->number || !link.s)
			continue;
		json_unescape(&rq->url, (struct str){ link.s + 1, link.n - 2 });
		if (!is_near(rq->url.data) || !is_clean(rq->url.data) ||
		    put_link_headers(
			rq, json_member(one, "http_headers", JSON_OBJECT)) < 0)
			break;
		return 0;
	}
	return failed(f, EX_UNAVAILABLE,
		      "chunk %" PRIu64 ": an answer without a right link to it",
		      rq->number);
}

/* Before each attempt a new link: the old one may have run out. */
static int find_link(struct web_request *rq, unsigned attempt,
		     struct failure *f)
{
	struct databricks *s = rq->arg;
	struct web_request ask = WEB_REQUEST_INIT;
	struct web_answer a;
	int ret;

	(void)attempt;
	begin(s, &ask, s->id.data);
	buf_addf(&ask.url, "/result/chunks/%" PRIu64, rq->number);
	ret = web_ask(s->links, &ask, &a, f);
	if (ret == 0 && a.status != 200)
		ret = refused(&a, "a chunk", f);
	if (ret == 0)
		ret = take_link(rq, web_object(&a), f);
	web_request_release(&ask);
	return ret;
}

static enum web_verdict judge_link(struct web_request *rq,
				   const struct web_answer *a, unsigned attempt,
				   struct failure *f)
{
	enum web_verdict v = web_judge(rq, a, attempt, f);

	if (v != WEB_TAKE || a->status == 200)
		return v;
	failed(f, a->status == 403 ? EX_TEMPFAIL : EX_UNAVAILABLE,
	       "chunk %" PRIu64 ": its link is answered with HTTP %ld",
	       rq->number, a->status);
	return a->status == 403 ? WEB_AGAIN : WEB_FAIL;
}

static int make_chunk(void *arg, struct web_request *rq, struct failure *f)
{
	struct databricks *s = arg;

	(void)f;
	if (s->asked == s->n_chunks)
		return 0;
	if (s->login.inline_rows) {
		begin(s, rq, s->id.data);
		buf_addf(&rq->url, "/result/chunks/%zu", s->asked);
	} else {
		rq->prepare = find_link;
		rq->judge = judge_link;
		rq->arg = s;
	}
	rq->number = s->asked++;
	return 1;
}

static int begin_chunk(struct databricks *s, const struct web_answer *a,
		       struct failure *f)
{
	struct json_fault fault;
	struct str v;

	if (a->status != 200)
		return refused(a, "a chunk", f);
	if (json_check(a->body, &v, &fault) < 0)
		v = STR_NONE;
	if (s->login.inline_rows && v.s)
		v = json_member(v, "data_array", JSON_ARRAY);
	if (!v.s || json_type(v) != JSON_ARRAY)
		return failed(f, EX_UNAVAILABLE,
			      "databricks: chunk %zu: an answer without rows",
			      s->chunk);
	json_iter_init(&s->rows, v);
	s->in_chunk = true;
	s->n_here = 0;
	return 0;
}

static int end_chunk(struct databricks *s, struct failure *f)
{
	s->in_chunk = false;
	if (s->n_here != s->counts[s->chunk])
		return failed(
		    f, EX_DATAERR,
		    "databricks: chunk %zu was announced with %" PRIu64
		    " rows and has %" PRIu64,
		    s->chunk, s->counts[s->chunk], s->n_here);
	s->n_rows += s->n_here;
	s->chunk++;
	return 0;
}

/* ---- the source ---- */

static void databricks_close(void *self)
{
	struct databricks *s = self;

	interrupt_disarm();
	web_queue_free(s->queue);
	web_free(s->web);
	web_free(s->links);
	databricks_login_release(&s->login);
	columns_release(&s->session.columns);
	free(s->types);
	free(s->counts);
	buf_release(&s->id);
	buf_release(&s->text);
	free(s);
}

/* Runs the statement, and learns what its result is made of. */
static int get_result(struct databricks *s, const struct buf *sql,
		      struct failure *f)
{
	struct str result, manifest;

	if (run_statement(s, sql, &result, f) < 0)
		return -1;
	manifest = json_member(result, "manifest", JSON_OBJECT);
	if (!manifest.s)
		return failed(f, EX_UNAVAILABLE,
			      "databricks: an answer without a result");
	if (take_columns(s, manifest, f) < 0)
		return -1;
	return take_chunks(s, manifest, f);
}

static int learn(void *self, const struct sql_query *q, struct failure *f)
{
	struct buf bare = BUF_INIT;
	int ret;

	sql_put_bare(&bare, &dialect, &q->sql);
	ret = get_result(self, &bare, f);
	buf_release(&bare);
	return ret;
}

static void forget_result(struct databricks *s)
{
	buf_reset(&s->id);
	columns_release(&s->session.columns);
	free(s->types);
	s->types = NULL;
	free(s->counts);
	s->counts = NULL;
	s->n_chunks = 0;
}

/*
 * Bytes come as a text: in hex by one of the vendor's own clients, in base64 by
 * another. They are not to be guessed.
 */
static int check_types(const struct databricks *s, struct failure *f)
{
	const struct columns *c = &s->session.columns;

	for (size_t i = 0; i < c->n; i++)
		if (s->types[i] == DATABRICKS_BINARY)
			return failed(f, EX_CONFIG,
				      "databricks: column '%.*s' is BINARY, "
				      "and how the service writes that is not "
				      "laid down; use base64() in the query",
				      STR_ARG(column_name(c, i)));
	return 0;
}

static int run(void *self, const struct sql_query *q, struct failure *f)
{
	struct databricks *s = self;
	struct web_queue_opts opts = { .n_flying = N_FLYING,
				       .max_bytes = MAX_WAITING,
				       .make = make_chunk,
				       .arg = s };

	forget_result(s);
	if (get_result(s, &q->sql, f) < 0 || check_types(s, f) < 0)
		return -1;
	s->queue = web_queue_new(s->web, &opts);
	return 0;
}

static void *open_session(const struct source_args *a, struct failure *f)
{
	struct databricks *s = xcalloc(1, sizeof *s);
	struct web_opts web = session_web(a, "databricks", MAX_BODY);

	s->id = s->text = BUF_INIT;
	session_init(&s->session, a, &dialect);
	if (databricks_login_init(&s->login, a->where, a->cacert, f) < 0 ||
	    !(s->web = web_new(&web, f)) || !(s->links = web_new(&web, f))) {
		databricks_close(s);
		return NULL;
	}
	return s;
}

static int put_cell(void *self, struct rows *rows, size_t i, struct str v,
		    struct failure *f)
{
	struct databricks *s = self;
	const struct columns *c = &s->session.columns;
	struct str text;
	int got = row_take_text(rows, c, i, v, &s->text, &text, f);

	return got <= 0
		   ? got
		   : databricks_put_value(rows, c, i, s->types[i], text, f);
}

/* 1: another chunk; 0: there are no more, and all rows were there. */
static int next_chunk(struct databricks *s, struct failure *f)
{
	struct web_answer a;
	int got = web_queue_next(s->queue, &a, NULL, f);

	if (got < 0)
		return -1;
	if (got)
		return begin_chunk(s, &a, f) < 0 ? -1 : 1;
	if (s->n_rows != s->n_wanted)
		return failed(f, EX_DATAERR,
			      "databricks: %" PRIu64
			      " rows were announced, and %" PRIu64 " came",
			      s->n_wanted, s->n_rows);
	return 0;
}

static int databricks_next(void *self, struct rows *rows, struct failure *f)
{
	struct databricks *s = self;
	struct str row;

	if (!s->in_chunk) {
		int got = next_chunk(s, f);

		if (got <= 0)
			return got;
	}
	for (int i = 0; i < ROWS_AT_ONCE && !rows_full(rows); i++) {
		if (!json_iter_element(&s->rows, &row))
			return end_chunk(s, f) < 0 ? -1 : 1;
		if (row_put_list(rows, &s->session.columns, row, "databricks",
				 put_cell, s, f) < 0)
			return -1;
		s->n_here++;
	}
	return 1;
}

static const struct session_ops session = {
	.open = open_session,
	.learn = learn,
	.run = run,
	.close = databricks_close,
};

/* ---- names of tables ---- */

static int put_names(struct databricks *s, struct buf *names, struct failure *f)
{
	ssize_t n = source_put_names(names, &s->rows, &s->text);

	if (n < 0)
		return failed(f, EX_UNAVAILABLE,
			      "databricks: a name that is no text");
	s->n_here = (uint64_t)n;
	return end_chunk(s, f);
}

static int databricks_list(const struct source_args *a, struct buf *names,
			   struct failure *f)
{
	struct source_args all = *a;
	struct databricks *s;
	int got = 1;

	all.query = STR(SQL_NAMES);
	all.dataset = NULL;
	s = session_open(&session, &all, f);
	if (!s)
		return -1;
	while (got > 0) {
		got = next_chunk(s, f);
		if (got > 0 && put_names(s, names, f) < 0)
			got = -1;
	}
	databricks_close(s);
	return got;
}

const struct source source_databricks = {
	.has_datasets = true,
	.can_order = true,
	.can_shard = true,
	.session = &session,
	.next = databricks_next,
	.list = databricks_list,
};
