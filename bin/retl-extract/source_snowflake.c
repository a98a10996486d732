/* SPDX-License-Identifier: MIT */
/*
 * Snowflake by its SQL API v2. A statement is submitted under an id of ours,
 * so that submitting it again does not run it twice; its result comes in
 * partitions, which are fetched several at a time, by the statement's handle,
 * and written in order. All rows are there when every partition that was
 * announced has come, with as many rows as were announced, each and in all.
 */
#include "bin/retl-extract/source.h"

#include "bin/retl-extract/cancel.h"
#include "bin/retl-extract/interrupt.h"
#include "bin/retl-extract/snowflake.h"
#include "bin/retl-extract/session.h"
#include "common/digest.h"
#include "common/enc.h"
#include "common/mem.h"
#include "common/msg.h"

#define N_FLYING 4
#define MAX_BODY ((size_t)512 << 20)
#define MAX_WAITING ((size_t)256 << 20)
/* How long between two questions whether the statement has ended. */
#define ROWS_AT_ONCE 512

struct snowflake {
	struct session session;
	struct snowflake_login login;
	struct web *web;
	struct web_queue *queue;
	struct buf handle; /* of the statement */
	enum snowflake_type *types;
	uint64_t *counts; /* of the rows in each partition */
	size_t n_partitions, partition, asked;
	uint64_t n_rows, n_wanted, n_here; /* n_here: of this partition */
	struct buf first;                  /* the answer with partition 0 */
	struct json_iter rows;
	bool in_partition;
	struct buf text;
};

/* ---- asking ---- */

static int sign(struct web_request *rq, unsigned attempt, struct failure *f)
{
	struct snowflake *s = rq->arg;

	(void)attempt;
	(void)f;
	/* The server was told to stop: what it says now is of no interest. */
	snowflake_sign(&s->login, rq, rq->number > 0);
	return 0;
}

static void put_member(struct buf *out, const char *name, const struct buf *v)
{
	if (!v->len)
		return;
	buf_addf(out, ",\"%s\":", name);
	json_put_str(out, buf_str(v));
}

static bool is_json(const struct web_answer *a, struct str *v)
{
	struct json_fault fault;

	return json_check(a->body, v, &fault) == 0 &&
	       json_type(*v) == JSON_OBJECT;
}

static void put_text(struct buf *out, struct str object, const char *name)
{
	struct str v = json_get(object, name);

	if (v.s && json_type(v) == JSON_STRING)
		json_unescape(out, (struct str){ v.s + 1, v.n - 2 });
}

/* What SQL says, without the values that it may quote: one line. */
static int statement_failed(const struct web_answer *a, struct failure *f)
{
	struct buf code = BUF_INIT, state = BUF_INIT, words = BUF_INIT;
	struct str v;
	int status = EX_CONFIG;

	if (is_json(a, &v)) {
		put_text(&code, v, "code");
		put_text(&state, v, "sqlState");
		put_text(&words, v, "message");
	}
	if (str_starts(buf_str(&state), "22"))
		status = EX_DATAERR;
	if (str_starts(buf_str(&state), "42501"))
		status = EX_NOPERM;
	for (size_t i = 0; i < words.len; i++)
		if (iscntrl((uint8_t)words.data[i]))
			words.data[i] = ' ';
	if (status == EX_DATAERR)
		buf_reset(&words);
	failed(f, status, "the statement failed%s%s (code %s, SQLSTATE %s)",
	       words.len ? ": " : "", words.data, code.len ? code.data : "?",
	       state.len ? state.data : "?");
	buf_release(&code);
	buf_release(&state);
	buf_release(&words);
	return -1;
}

/*
 * 401: a new token, once. 408 with a handle is the statement's own end, not
 * the network's.
 */
static enum web_verdict judge(struct web_request *rq,
			      const struct web_answer *a, unsigned attempt,
			      struct failure *f)
{
	struct snowflake *s = rq->arg;
	struct str v;

	if (a->status == 401 && s->login.key && !rq->number) {
		rq->number = 1;
		return WEB_NOW;
	}
	rq->number = 0;
	if (a->status == 422) {
		statement_failed(a, f);
		return WEB_FAIL;
	}
	if (a->status == 408 && is_json(a, &v) &&
	    json_get(v, "statementHandle").s) {
		failed(f, EX_TEMPFAIL,
		       "the statement took longer than the server allows and "
		       "was stopped");
		return WEB_FAIL;
	}
	return web_judge(rq, a, attempt, f);
}

static void put_path(struct snowflake *s, struct web_request *rq)
{
	web_request_reset(rq);
	buf_addf(&rq->url, "%s/api/v2/statements", s->login.base.data);
	buf_addz(&rq->headers, "Accept: application/json\n");
	rq->prepare = sign;
	rq->judge = judge;
	rq->arg = s;
}

/* Anything but what is wanted; what: "the statement". */
static int refused(const struct web_answer *a, const char *what,
		   struct failure *f)
{
	struct buf text = BUF_INIT;

	web_refused(a, what, f);
	buf_addf(&text, "snowflake: %s%s", f->text.data,
		 f->status == EX_NOPERM
		     ? ": check the account, the user and its key or token, "
		       "and what its role may do"
		     : "");
	failed(f, f->status, "%s", text.data);
	buf_release(&text);
	return -1;
}

/* ---- the statement ---- */

static void put_bindings(struct buf *out, const struct sql_query *q)
{
	if (!q->n)
		return;
	buf_addz(out, ",\"bindings\":{");
	for (size_t i = 0; i < q->n; i++) {
		/* A text fits every type: the server casts it. */
		buf_addf(out, "%s\"%zu\":{\"type\":\"TEXT\",\"value\":",
			 i ? "," : "", i + 1);
		if (q->values[i]->null)
			buf_addz(out, "null");
		else
			json_put_str(out, q->values[i]->value);
		buf_addc(out, '}');
	}
	buf_addc(out, '}');
}

static void put_body(struct snowflake *s, struct buf *out,
		     const struct sql_query *q)
{
	buf_addz(out, "{\"statement\":");
	json_put_str(out, buf_str(&q->sql));
	put_member(out, "database", &s->login.database);
	put_member(out, "schema", &s->login.schema);
	put_member(out, "warehouse", &s->login.warehouse);
	put_member(out, "role", &s->login.role);
	put_bindings(out, q);
	/*
	 * Names as the service's specification has them. The account or the
	 * user may have a limit of rows, which would cut every result in
	 * silence, and may allow several statements.
	 */
	buf_addz(out, ",\"parameters\":{\"timezone\":\"UTC\","
		      "\"binary_output_format\":\"HEX\","
		      "\"rows_per_resultset\":0,"
		      "\"multi_statement_count\":1,"
		      "\"query_tag\":\"retl-extract\"}}");
}

static void put_uuid(struct buf *out)
{
	uint8_t b[16];
	struct buf hex = BUF_INIT;

	digest_random(b, sizeof b);
	b[6] = (uint8_t)((b[6] & 0x0f) | 0x40);
	b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
	enc_hex(&hex, b, sizeof b);
	buf_addf(out, "%.8s-%.4s-%.4s-%.4s-%.12s", hex.data, hex.data + 8,
		 hex.data + 12, hex.data + 16, hex.data + 20);
	buf_release(&hex);
}

/* A second attempt says so: the server then looks for the first one. */
static int sign_submit(struct web_request *rq, unsigned attempt,
		       struct failure *f)
{
	if (attempt == 2)
		buf_addz(&rq->url, "&retry=true");
	return sign(rq, attempt, f);
}

static void arm(struct snowflake *s)
{
	struct web_request rq = WEB_REQUEST_INIT;

	put_path(s, &rq);
	buf_addf(&rq.url, "/%s/cancel", s->handle.data);
	rq.method = "POST";
	snowflake_sign(&s->login, &rq, false);
	interrupt_arm(&rq, s->session.args->cacert);
	web_request_release(&rq);
}

static int take_handle(struct snowflake *s, const struct web_answer *a,
		       struct failure *f)
{
	struct str v;

	buf_reset(&s->handle);
	if (is_json(a, &v))
		put_text(&s->handle, v, "statementHandle");
	for (size_t i = 0; i < s->handle.len; i++)
		if (!isalnum((uint8_t)s->handle.data[i]) &&
		    s->handle.data[i] != '-')
			buf_reset(&s->handle);
	if (!s->handle.len)
		return failed(f, EX_UNAVAILABLE,
			      "snowflake: an answer that names no statement");
	return 0;
}

static int submit(struct snowflake *s, const struct sql_query *q,
		  struct web_answer *a, struct failure *f)
{
	struct web_request rq = WEB_REQUEST_INIT;
	int ret;

	put_path(s, &rq);
	buf_addz(&rq.url, "?async=true&requestId=");
	put_uuid(&rq.url);
	buf_addz(&rq.headers, "Content-Type: application/json\n");
	rq.method = "POST";
	rq.prepare = sign_submit;
	rq.has_body = true;
	put_body(s, &rq.body, q);
	ret = web_ask(s->web, &rq, a, f);
	if (ret == 0 && a->status != 200 && a->status != 202)
		ret = refused(a, "the statement", f);
	if (ret == 0)
		ret = take_handle(s, a, f);
	web_request_release(&rq);
	return ret;
}

/* Until it has ended; a is the answer with its result. */
static int poll_statement(struct snowflake *s, struct web_answer *a,
			  struct failure *f)
{
	struct web_request rq = WEB_REQUEST_INIT;
	int64_t ms = 0;
	int ret = 0;

	put_path(s, &rq);
	buf_addf(&rq.url, "/%s", s->handle.data);
	while (ret == 0 && a->status == 202) {
		web_wait_turn(s->web, &ms);
		ret = web_ask(s->web, &rq, a, f);
	}
	if (ret == 0 && a->status != 200)
		ret = refused(a, "the statement", f);
	web_request_release(&rq);
	return ret;
}

/* ---- its result ---- */

static int take_columns(struct snowflake *s, struct str meta, struct failure *f)
{
	struct str list = json_get(meta, "rowType"), v;
	struct json_iter it;
	size_t n = 0;

	if (!list.s || json_type(list) != JSON_ARRAY || !json_count(list))
		return failed(f, EX_CONFIG,
			      "snowflake: the query gives no rows");
	columns_release(&s->session.columns);
	free(s->types);
	s->types = xcalloc(json_count(list), sizeof *s->types);
	json_iter_init(&it, list);
	while (json_iter_element(&it, &v)) {
		if (json_type(v) != JSON_OBJECT)
			v = STR("{}");
		buf_reset(&s->text);
		put_text(&s->text, v, "name");
		if (columns_add(&s->session.columns, buf_str(&s->text), f) < 0)
			return failed(f, f->status, "snowflake: %s",
				      f->text.data);
		s->types[n++] = snowflake_type_of(v, &s->session.columns);
	}
	return 0;
}

static int take_partitions(struct snowflake *s, struct str meta,
			   struct failure *f)
{
	struct str list = json_get(meta, "partitionInfo"), v;
	struct str total = json_get(meta, "numRows");
	struct json_iter it;

	if (!list.s || json_type(list) != JSON_ARRAY || !total.s ||
	    str_to_u64(total, &s->n_wanted) < 0)
		return failed(f, EX_UNAVAILABLE,
			      "snowflake: an answer that does not say how many "
			      "rows and partitions there are");
	s->counts = xcalloc(MAX(json_count(list), 1), sizeof *s->counts);
	json_iter_init(&it, list);
	while (json_iter_element(&it, &v)) {
		struct str count = json_type(v) == JSON_OBJECT
				       ? json_get(v, "rowCount")
				       : STR_NONE;

		if (!count.s ||
		    str_to_u64(count, &s->counts[s->n_partitions]) < 0)
			return failed(f, EX_UNAVAILABLE,
				      "snowflake: a partition without its "
				      "number of rows");
		s->n_partitions++;
	}
	if (!s->n_partitions)
		s->n_partitions = 1;
	return 0;
}

/* Of an answer with rows. */
static int begin_partition(struct snowflake *s, struct str body,
			   struct failure *f)
{
	struct json_fault fault;
	struct str v, data = STR_NONE;

	if (json_check(body, &v, &fault) == 0 && json_type(v) == JSON_OBJECT)
		data = json_get(v, "data");
	if (!data.s || json_type(data) != JSON_ARRAY)
		return failed(f, EX_UNAVAILABLE,
			      "snowflake: partition %zu: an answer without "
			      "rows",
			      s->partition);
	json_iter_init(&s->rows, data);
	s->in_partition = true;
	s->n_here = 0;
	return 0;
}

static int make_partition(void *arg, struct web_request *rq, struct failure *f)
{
	struct snowflake *s = arg;

	(void)f;
	if (s->asked == s->n_partitions)
		return 0;
	put_path(s, rq);
	buf_addf(&rq->url, "/%s?partition=%zu", s->handle.data, s->asked++);
	return 1;
}

static int take_result(struct snowflake *s, const struct web_answer *a,
		       struct failure *f)
{
	struct web_queue_opts q = { .n_flying = N_FLYING,
				    .max_bytes = MAX_WAITING,
				    .make = make_partition,
				    .arg = s };
	struct str v, meta = STR_NONE, format;

	if (is_json(a, &v))
		meta = json_get(v, "resultSetMetaData");
	if (!meta.s || json_type(meta) != JSON_OBJECT)
		return failed(f, EX_UNAVAILABLE,
			      "snowflake: an answer without a result");
	format = json_get(meta, "format");
	if (format.s && !json_text_is(format, "jsonv2"))
		return failed(f, EX_UNAVAILABLE,
			      "snowflake: a result in a format other than "
			      "jsonv2");
	if (take_columns(s, meta, f) < 0 || take_partitions(s, meta, f) < 0)
		return -1;
	/* It outlives the answers to come. */
	buf_adds(&s->first, a->body);
	s->asked = 1;
	s->queue = web_queue_new(s->web, &q);
	return begin_partition(s, buf_str(&s->first), f);
}

/* Runs q to its end; the answer has its result. */
static int run_statement(struct snowflake *s, const struct sql_query *q,
			 struct web_answer *a, struct failure *f)
{
	int ret = submit(s, q, a, f);

	if (ret == 0 && a->status == 202) {
		arm(s);
		ret = poll_statement(s, a, f);
		if (ret < 0)
			cancel_settle();
		interrupt_disarm();
	}
	return ret;
}

/* ---- SQL ---- */

static int put_order(struct buf *out, const struct columns *c, size_t i,
		     struct str name, const char **why)
{
	if (sql_is_plain(c->v[i].kind)) {
		buf_adds(out, name);
		return 0;
	}
	if (c->v[i].kind == COLUMN_TEXT) {
		buf_addf(out, "collate(%.*s, '')", STR_ARG(name));
		return 0;
	}
	*why = "such a type";
	return -1;
}

static void put_shard(struct buf *out, const struct source_args *a,
		      const struct str *hashed)
{
	buf_addz(out, "mod(md5_number_lower64(''");
	sql_put_each(out, hashed, a->n_key, " || ',' || nvl(to_varchar(",
		     "), '')");
	buf_addf(out, "), %" PRIu64 ") = %" PRIu64, a->n_shards, a->shard - 1);
}

static const struct sql_dialect dialect = {
	.name = "Snowflake",
	.quote = '"',
	.marks = SQL_QUESTION,
	.backslash = true,
	.dollars = true,
	.slashes = true,
	.paths = true,
	.put_order = put_order,
	.put_shard = put_shard,
};

static bool is_plain(struct str part)
{
	for (size_t i = 0; i < part.n; i++)
		if (!(isalpha((uint8_t)part.s[i]) || part.s[i] == '_' ||
		      (i && isdigit((uint8_t)part.s[i]))))
			return false;
	return part.n > 0;
}

/*
 * A name without quotes goes out without them, so that it means what it means
 * in Snowflake's SQL, where it is in capitals.
 */
static int prepare(void *self, struct sql_query *q, struct failure *f)
{
	const struct source_args *a = ((struct session *)self)->args;
	struct str rest = str_of(a->dataset), part;
	bool plain = !a->query.s;

	if (!plain && !sql_is_query(&dialect, a->query))
		return failed(f, EX_CONFIG,
			      "snowflake: only queries are run: SELECT, WITH, "
			      "SHOW and the like");
	while (plain && str_split(&rest, '.', &part))
		plain = is_plain(part);
	if (!plain)
		return sql_prepare(q, &dialect, a, f);
	buf_addf(&q->sql, "select * from %s", a->dataset);
	return source_check_params(a, f);
}

/* The columns of q, of which no row is asked for. */
static int learn(void *self, const struct sql_query *q, struct failure *f)
{
	struct snowflake *s = self;
	struct sql_query bare = *q;
	struct web_answer a;
	struct str v, meta = STR_NONE;
	int ret;

	bare.sql = BUF_INIT;
	sql_put_bare(&bare.sql, &dialect, &q->sql);
	ret = run_statement(s, &bare, &a, f);
	if (ret == 0) {
		if (is_json(&a, &v))
			meta = json_get(v, "resultSetMetaData");
		if (!meta.s || json_type(meta) != JSON_OBJECT)
			ret = failed(f, EX_UNAVAILABLE,
				     "snowflake: an answer without a result");
		else
			ret = take_columns(s, meta, f);
	}
	buf_release(&bare.sql);
	return ret;
}

/* ---- the source ---- */

static void snowflake_close(void *self)
{
	struct snowflake *s = self;

	interrupt_disarm();
	web_queue_free(s->queue);
	web_free(s->web);
	snowflake_login_release(&s->login);
	columns_release(&s->session.columns);
	free(s->types);
	free(s->counts);
	buf_release(&s->handle);
	buf_release(&s->first);
	buf_release(&s->text);
	free(s);
}

static void *open_session(const struct source_args *a, struct failure *f)
{
	struct snowflake *s = xcalloc(1, sizeof *s);
	struct web_opts web = session_web(a, "snowflake", MAX_BODY);

	s->handle = s->first = s->text = BUF_INIT;
	session_init(&s->session, a, &dialect);
	if (snowflake_login_init(&s->login, a->where, f) < 0) {
		failed(f, f->status, "snowflake: %s", f->text.data);
		snowflake_close(s);
		return NULL;
	}
	s->web = web_new(&web, f);
	if (!s->web) {
		snowflake_close(s);
		return NULL;
	}
	return s;
}

static int run(void *self, const struct sql_query *q, struct failure *f)
{
	struct web_answer answer;

	if (run_statement(self, q, &answer, f) < 0)
		return -1;
	return take_result(self, &answer, f);
}

static const struct session_ops session = {
	.open = open_session,
	.prepare = prepare,
	.learn = learn,
	.run = run,
	.close = snowflake_close,
};

/* ---- rows ---- */

static int put_cell(void *self, struct rows *rows, size_t i, struct str v,
		    struct failure *f)
{
	struct snowflake *s = self;
	const struct columns *c = &s->session.columns;
	struct str text;
	int got = row_take_text(rows, c, i, v, &s->text, &text, f);

	return got <= 0 ? got
			: snowflake_put_value(rows, c, i, s->types[i], text, f);
}

static int end_partition(struct snowflake *s, struct failure *f)
{
	uint64_t wanted =
	    s->partition < s->n_partitions ? s->counts[s->partition] : 0;

	s->in_partition = false;
	if (s->n_here != wanted)
		return failed(f, EX_DATAERR,
			      "snowflake: partition %zu was announced with "
			      "%" PRIu64 " rows and has %" PRIu64,
			      s->partition, wanted, s->n_here);
	s->n_rows += s->n_here;
	s->partition++;
	return 0;
}

/* 1: another partition; 0: there are no more, and all rows were there. */
static int next_partition(struct snowflake *s, struct failure *f)
{
	struct web_answer a;
	int got = web_queue_next(s->queue, &a, NULL, f);

	if (got < 0)
		return -1;
	if (got == 0 &&
	    (s->partition != s->n_partitions || s->n_rows != s->n_wanted))
		return failed(f, EX_DATAERR,
			      "snowflake: %" PRIu64 " rows were announced, and "
			      "%" PRIu64 " came",
			      s->n_wanted, s->n_rows);
	if (got == 0)
		return 0;
	if (a.status != 200)
		return refused(&a, "a partition of the result", f);
	return begin_partition(s, a.body, f) < 0 ? -1 : 1;
}

static int snowflake_next(void *self, struct rows *rows, struct failure *f)
{
	struct snowflake *s = self;
	struct str row;

	if (!s->in_partition)
		return next_partition(s, f);
	for (int i = 0; i < ROWS_AT_ONCE && !rows_full(rows); i++) {
		if (!json_iter_element(&s->rows, &row))
			return end_partition(s, f) < 0 ? -1 : 1;
		if (row_put_list(rows, &s->session.columns, row, "snowflake",
				 put_cell, s, f) < 0)
			return -1;
		s->n_here++;
	}
	return 1;
}

/* ---- tables ---- */

static void put_listed(struct buf *out, struct str name)
{
	for (size_t i = 0; i < name.n; i++)
		if (!isupper((uint8_t)name.s[i]) && name.s[i] != '_' &&
		    !(i && isdigit((uint8_t)name.s[i]))) {
			sql_put_name(out, '"', name);
			return;
		}
	buf_adds(out, name);
}

static int list_partition(struct snowflake *s, struct buf *names,
			  struct failure *f)
{
	struct str row, v;
	struct json_iter it;

	while (json_iter_element(&s->rows, &row)) {
		if (json_type(row) != JSON_ARRAY)
			return failed(f, EX_DATAERR, "snowflake: no list");
		json_iter_init(&it, row);
		for (int i = 0;
		     json_iter_element(&it, &v) && json_type(v) == JSON_STRING;
		     i++) {
			if (i)
				buf_addc(names, '.');
			put_listed(names, json_text(v, &s->text));
		}
		buf_addc(names, '\n');
		s->n_here++;
	}
	return end_partition(s, f);
}

static int snowflake_list(const struct source_args *a, struct buf *names,
			  struct failure *f)
{
	static const char sql[] =
	    "select table_schema, table_name from information_schema.tables "
	    "where table_schema <> 'INFORMATION_SCHEMA' order by 1, 2";
	struct snowflake *s = open_session(a, f);
	struct sql_query q = SQL_QUERY_INIT;
	struct web_answer answer;
	int ret = -1;

	if (!s)
		return -1;
	buf_addz(&q.sql, sql);
	if (run_statement(s, &q, &answer, f) == 0 &&
	    take_result(s, &answer, f) == 0)
		do
			ret = list_partition(s, names, f);
		while (ret == 0 && (ret = next_partition(s, f)) == 1);
	sql_query_release(&q);
	snowflake_close(s);
	return ret;
}

const struct source source_snowflake = {
	.has_datasets = true,
	.can_order = true,
	.can_shard = true,
	.session = &session,
	.next = snowflake_next,
	.list = snowflake_list,
};
