/* SPDX-License-Identifier: MIT */
/*
 * Amazon Redshift by its Data API: HTTPS instead of a connection, signed with
 * AWS credentials instead of a password. A statement is submitted under a
 * token of ours, so that submitting it again does not run it twice; its result
 * comes in pages, each of which names the next. All rows are there when a page
 * names no next one and as many came as the statement gave. Or the result goes
 * to S3, see unload.h.
 * docs.aws.amazon.com/redshift-data/latest/APIReference
 */
#include "bin/retl-extract/source.h"

#include "bin/retl-extract/aws.h"
#include "bin/retl-extract/cancel.h"
#include "bin/retl-extract/instant.h"
#include "bin/retl-extract/interrupt.h"
#include "bin/retl-extract/redshift.h"
#include "bin/retl-extract/session.h"
#include "bin/retl-extract/unload.h"
#include "common/digest.h"
#include "common/enc.h"
#include "common/mem.h"
#include "common/msg.h"

#define MAX_BODY ((size_t)64 << 20)
#define ROWS_AT_ONCE 512
/* Attempts in which something may be mended at once. */
#define MENDING 4

enum type {
	TYPE_TEXT,
	TYPE_BOOL,
	TYPE_INTEGER,
	TYPE_DOUBLE,
	TYPE_NUMERIC,
	TYPE_TIMESTAMP,
	TYPE_TIMESTAMPTZ,
	TYPE_SUPER,
};

struct redshift {
	struct session session;
	struct aws *aws;
	struct web *web;
	struct web_queue *queue;
	struct buf region, url;
	struct buf where;  /* JSON members that say which database */
	struct buf id;     /* of the statement */
	struct buf token;  /* of the next page */
	bool asked, first; /* first: no page has been asked for yet */
	enum type *types;
	uint64_t n_rows, n_wanted;
	struct json_iter it;
	bool in_page, finished;
	struct unload unload;
	bool unloading; /* the statement is one of UNLOAD */
	struct json_obj obj;
	struct json_slot *slots; /* of the columns */
	struct buf text;
};

/* ---- asking ---- */

static void put_text(struct buf *out, struct str v)
{
	if (v.s)
		json_unescape(out, (struct str){ v.s + 1, v.n - 2 });
}

/* The target stays, the signature is new. */
static int sign(struct web_request *rq, unsigned attempt UNUSED,
		struct failure *f)
{
	struct redshift *s = rq->arg;
	const char *end = strchr(rq->headers.data, '\n');

	buf_truncate(&rq->headers, (size_t)(end - rq->headers.data) + 1);
	buf_addz(&rq->headers, "content-type: application/x-amz-json-1.1\n");
	return aws_sign(s->aws, rq, buf_str(&s->region), "redshift-data", f);
}

/* "com.amazon.coral.service#ThrottlingException": what is behind the #. */
static void put_error_name(struct buf *out, const struct web_answer *a)
{
	struct str v = web_object(a);
	const char *hash;

	put_text(out, json_member(v, "__type", JSON_STRING));
	hash = strrchr(out->data, '#');
	if (hash) {
		size_t from = (size_t)(hash - out->data) + 1;

		memmove(out->data, out->data + from, out->len - from + 1);
		buf_truncate(out, out->len - from);
	}
	for (size_t i = 0; i < out->len; i++)
		if (!isalnum((unsigned char)out->data[i]))
			buf_truncate(out, i);
}

static int status_of_name(const char *name)
{
	static const struct {
		const char *name;
		int status;
	} table[] = {
		{ "AccessDeniedException", EX_NOPERM },
		{ "UnrecognizedClientException", EX_NOPERM },
		{ "InvalidSignatureException", EX_NOPERM },
		{ "MissingAuthenticationTokenException", EX_NOPERM },
		{ "ExpiredTokenException", EX_NOPERM },
		{ "ValidationException", EX_CONFIG },
		{ "ResourceNotFoundException", EX_CONFIG },
		{ "DatabaseConnectionException", EX_UNAVAILABLE },
	};

	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		if (strcmp(name, table[i].name) == 0)
			return table[i].status;
	return EX_UNAVAILABLE;
}

static bool is_passing(const char *name)
{
	return strcmp(name, "ThrottlingException") == 0 ||
	       strcmp(name, "TooManyRequestsException") == 0 ||
	       strcmp(name, "ActiveSessionsExceededException") == 0 ||
	       strcmp(name, "ActiveStatementsExceededException") == 0;
}

static enum web_verdict judge_answer(struct redshift *s,
				     const struct web_answer *a,
				     unsigned attempt, struct failure *f)
{
	struct buf name = BUF_INIT;
	enum web_verdict v = WEB_FAIL;
	bool may = attempt < MENDING;

	if (a->status == 200) {
		if (web_object(a).s)
			return WEB_TAKE;
		failed(f, EX_UNAVAILABLE, "an answer that is no JSON object");
		return WEB_FAIL;
	}
	if (a->status == 429 || a->status >= 500)
		return web_judge(NULL, a, attempt, f);
	put_error_name(&name, a);
	failed(f,
	       is_passing(name.data) ? EX_TEMPFAIL : status_of_name(name.data),
	       "HTTP %ld %s", a->status, name.data);
	if (is_passing(name.data))
		v = WEB_AGAIN;
	else if (strcmp(name.data, "ExpiredTokenException") == 0)
		v = may && aws_renew(s->aws) ? WEB_NOW : WEB_FAIL;
	else if (strcmp(name.data, "InvalidSignatureException") == 0)
		v = may && aws_set_clock(s->aws, a->headers) ? WEB_NOW
							     : WEB_FAIL;
	buf_release(&name);
	return v;
}

static enum web_verdict judge(struct web_request *rq,
			      const struct web_answer *a, unsigned attempt,
			      struct failure *f)
{
	return judge_answer(rq->arg, a, attempt, f);
}

/* The next page's token, as soon as a page is there. */
static enum web_verdict judge_page(struct web_request *rq,
				   const struct web_answer *a, unsigned attempt,
				   struct failure *f)
{
	struct redshift *s = rq->arg;
	enum web_verdict v = judge_answer(s, a, attempt, f);

	if (v == WEB_TAKE) {
		buf_reset(&s->token);
		put_text(&s->token,
			 json_member(web_object(a), "NextToken", JSON_STRING));
		s->asked = false;
	}
	return v;
}

/* A call of an action; the body is open. */
static void begin(struct redshift *s, struct web_request *rq,
		  const char *action)
{
	web_request_reset(rq);
	rq->method = "POST";
	rq->has_body = true;
	buf_adds(&rq->url, buf_str(&s->url));
	buf_addf(&rq->headers, "x-amz-target: RedshiftData.%s\n", action);
	rq->prepare = sign;
	rq->judge = judge;
	rq->arg = s;
	buf_addc(&rq->body, '{');
	if (s->id.len) {
		buf_addz(&rq->body, "\"Id\":");
		json_put_str(&rq->body, buf_str(&s->id));
	}
}

static int ask(struct redshift *s, struct web_request *rq, struct str *v,
	       struct failure *f)
{
	struct web_answer a;

	buf_addc(&rq->body, '}');
	if (web_ask(s->web, rq, &a, f) < 0)
		return -1;
	*v = web_object(&a);
	return 0;
}

/* ---- the statement ---- */

/* What the server says of SQL; texts in quotes may be values. */
static int statement_failed(struct str words, struct failure *f)
{
	static const struct {
		const char *has;
		int status;
	} table[] = {
		{ "permission denied", EX_NOPERM },
		{ "syntax error", EX_CONFIG },
		{ "does not exist", EX_CONFIG },
		{ "invalid input", EX_DATAERR },
		{ "out of range", EX_DATAERR },
		{ "overflow", EX_DATAERR },
		{ "division by zero", EX_DATAERR },
		{ "Divide by zero", EX_DATAERR },
		{ "cancel", EX_TEMPFAIL },
		{ "erializable", EX_TEMPFAIL },
		{ "terminat", EX_TEMPFAIL },
	};
	struct buf text = BUF_INIT, shown = BUF_INIT;
	int status = EX_UNAVAILABLE;
	bool inside = false;

	put_text(&text, words);
	for (size_t i = ARRAY_LEN(table); i-- > 0;)
		if (strstr(text.data, table[i].has))
			status = table[i].status;
	for (size_t i = 0; i < MIN(text.len, 400); i++) {
		char c = text.data[i];

		if (c == '"')
			inside = !inside;
		if (!inside || status == EX_CONFIG || c == '"')
			buf_addc(&shown, iscntrl((unsigned char)c) ? ' ' : c);
	}
	failed(f, status, "redshift-data: the statement failed: %s",
	       shown.len ? shown.data : "no reason is given");
	buf_release(&text);
	buf_release(&shown);
	return -1;
}

/* What is text here may be a time, or blob of bytes, there. */
static int put_order(struct buf *out, const struct columns *c, size_t i,
		     struct str name, const char **why)
{
	if (c->v[i].kind == COLUMN_TEXT &&
	    !str_is(column_native(c, i), "varchar")) {
		*why = "such a type";
		return -1;
	}
	return redshift_put_order(out, c, i, name, why);
}

/* The service knows :name itself; here it is held against the values. */
static const struct sql_dialect dialect = {
	.name = "Redshift",
	.quote = '"',
	.marks = SQL_COLON,
	.backslash = true,
	.nested = true,
	.dollars = true,
	.put_order = put_order,
	.put_shard = redshift_put_shard,
};

static int put_statement(struct redshift *s, struct buf *out,
			 const struct buf *sql, struct failure *f)
{
	const struct source_args *a = s->session.args;
	uint8_t random[16];
	int ret = 0;

	buf_addz(out, s->unloading ? "\"Sqls\":[" : "\"Sql\":");
	json_put_str(out, buf_str(sql));
	if (s->unloading)
		buf_addz(out, ",\"select pg_last_unload_count()\"]");
	buf_adds(out, buf_str(&s->where));
	digest_random(random, sizeof random);
	buf_addz(out, ",\"StatementName\":\"retl-extract\","
		      "\"ClientToken\":\"");
	enc_hex(out, random, sizeof random);
	buf_addc(out, '"');
	for (size_t i = 0; ret == 0 && i < a->n_params; i++) {
		if (a->params[i].null)
			ret = failed(f, EX_USAGE,
				     "redshift-data: :%.*s is NULL, which this "
				     "service cannot bind",
				     STR_ARG(a->params[i].name));
		buf_addz(out,
			 i ? ",{\"name\":" : ",\"Parameters\":[{\"name\":");
		json_put_str(out, a->params[i].name);
		buf_addz(out, ",\"value\":");
		json_put_str(out, a->params[i].value);
		buf_addz(out, i + 1 < a->n_params ? "}" : "}]");
	}
	return ret;
}

/* Signatures are good for a quarter of an hour: armed anew at each question. */
static void arm(struct redshift *s)
{
	struct web_request rq = WEB_REQUEST_INIT;
	struct failure f = FAILURE_INIT;

	begin(s, &rq, "CancelStatement");
	buf_addc(&rq.body, '}');
	if (sign(&rq, 1, &f) == 0)
		interrupt_arm(&rq, s->session.args->cacert);
	web_request_release(&rq);
	buf_release(&f.text);
}

/* 1: it has ended well; 0: not yet; -1. */
static int check_status(struct redshift *s, struct str v, struct failure *f)
{
	struct str status = json_member(v, "Status", JSON_STRING);
	struct str rows = json_member(v, "ResultRows", JSON_NUMBER);
	struct str has = json_member(v, "HasResultSet", JSON_BOOL);

	if (!status.s)
		return failed(f, EX_UNAVAILABLE,
			      "redshift-data: an answer without a status");
	if (json_text_is(status, "FAILED"))
		return statement_failed(json_member(v, "Error", JSON_STRING),
					f);
	if (json_text_is(status, "ABORTED"))
		return failed(f, EX_TEMPFAIL,
			      "redshift-data: the statement was cancelled");
	if (!json_text_is(status, "FINISHED"))
		return 0;
	if (s->unloading)
		return 1;
	if (!has.s || !str_is(has, "true"))
		return failed(f, EX_CONFIG,
			      "redshift-data: the query gives no rows");
	if (!rows.s || str_to_u64(rows, &s->n_wanted) < 0)
		return failed(f, EX_UNAVAILABLE,
			      "redshift-data: an answer that does not say how "
			      "many rows there are");
	return 1;
}

static int run_statement(struct redshift *s, const struct buf *sql,
			 struct failure *f)
{
	struct web_request rq = WEB_REQUEST_INIT;
	int64_t ms = 0;
	struct str v;
	int got = -1;

	/* Those of a batch are of one session. */
	begin(s, &rq,
	      s->unloading ? "BatchExecuteStatement" : "ExecuteStatement");
	if (put_statement(s, &rq.body, sql, f) < 0 || ask(s, &rq, &v, f) < 0)
		goto out;
	put_text(&s->id, json_member(v, "Id", JSON_STRING));
	if (!s->id.len) {
		failed(f, EX_UNAVAILABLE,
		       "redshift-data: an answer that names no statement");
		goto out;
	}
	for (;;) {
		arm(s);
		begin(s, &rq, "DescribeStatement");
		got = ask(s, &rq, &v, f);
		if (got == 0)
			got = check_status(s, v, f);
		if (got)
			break;
		web_wait_turn(s->web, &ms);
	}
	if (got < 0)
		cancel_settle();
	/* What has failed need not be told to stop. */
	interrupt_disarm();
out:
	web_request_release(&rq);
	return got < 0 ? -1 : 0;
}

/* ---- pages ---- */

static int make_page(void *arg, struct web_request *rq, struct failure *f)
{
	struct redshift *s = arg;

	(void)f;
	if (s->asked || (!s->first && !s->token.len))
		return 0;
	begin(s, rq, "GetStatementResult");
	rq->judge = judge_page;
	if (s->token.len) {
		buf_addz(&rq->body, ",\"NextToken\":");
		json_put_str(&rq->body, buf_str(&s->token));
	}
	buf_addc(&rq->body, '}');
	s->asked = true;
	s->first = false;
	return 1;
}

static const struct {
	const char *name;
	enum type type;
	enum column_kind kind;
} types[] = {
	{ "bool", TYPE_BOOL, COLUMN_BOOL },
	{ "int2", TYPE_INTEGER, COLUMN_INTEGER },
	{ "int4", TYPE_INTEGER, COLUMN_INTEGER },
	{ "int8", TYPE_INTEGER, COLUMN_INTEGER },
	{ "float4", TYPE_DOUBLE, COLUMN_FLOAT },
	{ "float8", TYPE_DOUBLE, COLUMN_FLOAT },
	{ "numeric", TYPE_NUMERIC, COLUMN_DECIMAL },
	{ "date", TYPE_TEXT, COLUMN_DATE },
	{ "timestamp", TYPE_TIMESTAMP, COLUMN_TIMESTAMP },
	{ "timestamptz", TYPE_TIMESTAMPTZ, COLUMN_TIMESTAMPTZ },
	{ "super", TYPE_SUPER, COLUMN_JSON },
};

static enum type type_of(struct redshift *s, struct str column)
{
	struct str v = json_member(column, "typeName", JSON_STRING);
	size_t i = 0;

	buf_reset(&s->text);
	put_text(&s->text, v);
	while (i < ARRAY_LEN(types) && strcmp(s->text.data, types[i].name) != 0)
		i++;
	columns_set_type(&s->session.columns,
			 i < ARRAY_LEN(types) ? types[i].kind : COLUMN_TEXT,
			 s->text.data);
	return i < ARRAY_LEN(types) ? types[i].type : TYPE_TEXT;
}

static int take_columns(struct redshift *s, struct str page, struct failure *f)
{
	struct str list = json_member(page, "ColumnMetadata", JSON_ARRAY), v,
		   name;
	struct json_iter it;
	size_t n = 0;

	if (s->types)
		return 0;
	if (!list.s || !json_count(list))
		return failed(f, EX_UNAVAILABLE,
			      "redshift-data: a page without its columns");
	s->types = xcalloc(json_count(list), sizeof *s->types);
	json_iter_init(&it, list);
	while (json_iter_element(&it, &v)) {
		name = json_member(v, "label", JSON_STRING);
		if (!name.s || name.n == 2)
			name = json_member(v, "name", JSON_STRING);
		buf_reset(&s->text);
		put_text(&s->text, name);
		if (columns_add(&s->session.columns, buf_str(&s->text), f) < 0)
			return failed(f, f->status, "redshift-data: %s",
				      f->text.data);
		s->types[n++] = type_of(s, v);
	}
	return 0;
}

static int take_page(struct redshift *s, const struct web_answer *a,
		     struct failure *f)
{
	struct str page = web_object(a);
	struct str rows = json_member(page, "Records", JSON_ARRAY);

	if (take_columns(s, page, f) < 0)
		return -1;
	if (!rows.s)
		return failed(f, EX_UNAVAILABLE,
			      "redshift-data: a page without rows");
	json_iter_init(&s->it, rows);
	s->in_page = true;
	buf_reset(&s->text);
	put_text(&s->text, json_member(page, "NextToken", JSON_STRING));
	s->finished = !s->text.len;
	return 0;
}

/* ---- values: {"longValue": 1} ---- */

static int put_double(struct redshift *s, struct rows *rows, size_t i,
		      struct str v)
{
	struct str text =
	    json_type(v) == JSON_STRING ? json_text(v, &s->text) : v;
	char number[64], *end;
	double d;

	snprintf(number, sizeof number, "%.*s", STR_ARG(text));
	d = strtod(number, &end);
	if (text.n >= sizeof number || *end || !text.n)
		return -1;
	row_put_double(rows, &s->session.columns, i, d);
	return 0;
}

static int put_typed(struct redshift *s, struct rows *rows, size_t i,
		     struct str v, const char **what)
{
	struct buf *out = &rows->out.b;
	struct str text;
	int got;

	*what = "is not what its type says";
	if (s->types[i] == TYPE_DOUBLE)
		return put_double(s, rows, i, v);
	if (json_type(v) == JSON_NUMBER) {
		row_put_digits(rows, v, s->types[i] == TYPE_NUMERIC);
		return 0;
	}
	if (json_type(v) == JSON_BOOL) {
		buf_adds(out, v);
		return 0;
	}
	if (json_type(v) != JSON_STRING)
		return -1;
	text = json_text(v, &s->text);
	switch (s->types[i]) {
	case TYPE_BOOL:
		if (!str_is(text, "t") && !str_is(text, "f"))
			return -1;
		buf_addz(out, str_is(text, "t") ? "true" : "false");
		return 0;
	case TYPE_INTEGER:
	case TYPE_NUMERIC:
		if (!row_is_number(text))
			return -1;
		row_put_digits(rows, text, s->types[i] == TYPE_NUMERIC);
		return 0;
	case TYPE_TIMESTAMP:
	case TYPE_TIMESTAMPTZ:
		buf_addc(out, '"');
		got = instant_put_text(out, text,
				       s->types[i] == TYPE_TIMESTAMPTZ);
		buf_addc(out, '"');
		return got;
	case TYPE_SUPER:
		return row_put_json(out, text, 1, what);
	default:
		return row_put_text(out, text);
	}
}

static int put_cell(void *self, struct rows *rows, size_t i, struct str cell,
		    struct failure *f)
{
	struct redshift *s = self;
	const char *what = "is no cell";
	struct json_iter it;
	struct json_member m;

	if (json_type(cell) != JSON_OBJECT)
		return row_fault(rows, &s->session.columns, i, what, f);
	json_iter_init(&it, cell);
	if (!json_iter_member(&it, &m))
		return row_fault(rows, &s->session.columns, i, what, f);
	if (str_is(m.key, "isNull") && str_is(m.val, "true")) {
		buf_addz(&rows->out.b, "null");
		return 0;
	}
	if (put_typed(s, rows, i, m.val, &what) < 0)
		return row_fault(rows, &s->session.columns, i, what, f);
	return 0;
}

/* ---- the source ---- */

static void redshift_close(void *self)
{
	struct redshift *s = self;

	interrupt_disarm();
	unload_release(&s->unload);
	json_obj_release(&s->obj);
	free(s->slots);
	web_queue_free(s->queue);
	web_free(s->web);
	aws_free(s->aws);
	columns_release(&s->session.columns);
	free(s->types);
	buf_release(&s->region);
	buf_release(&s->url);
	buf_release(&s->where);
	buf_release(&s->id);
	buf_release(&s->token);
	buf_release(&s->text);
	free(s);
}

static void put_member(struct buf *out, const char *name, struct str text)
{
	buf_addf(out, ",\"%s\":", name);
	json_put_str(out, text);
}

/* //workgroup/NAME/DATABASE, //cluster/NAME/DATABASE?user=U or ?secret=ARN */
static int parse_where(struct redshift *s, const char *where, struct failure *f)
{
	struct str query = str_of(where), rest, kind = STR_NONE;
	struct str name = STR_NONE, database = STR_NONE, part, key;
	bool is_cluster;

	str_split(&query, '?', &rest);
	if (str_starts(rest, "//")) {
		rest = (struct str){ rest.s + 2, rest.n - 2 };
		str_split(&rest, '/', &kind);
		if (rest.s && str_split(&rest, '/', &name) && rest.s)
			str_split(&rest, '/', &database);
	}
	is_cluster = kind.s && str_is(kind, "cluster");
	if ((!is_cluster && !(kind.s && str_is(kind, "workgroup"))) ||
	    !name.n || !database.n)
		return failed(f, EX_USAGE,
			      "redshift-data: expected "
			      "redshift-data://workgroup/NAME/DATABASE or "
			      "redshift-data://cluster/NAME/DATABASE?user=U");
	put_member(&s->where,
		   is_cluster ? "ClusterIdentifier" : "WorkgroupName", name);
	put_member(&s->where, "Database", database);
	while (query.s && str_split(&query, '&', &part)) {
		int taken;

		str_split(&part, '=', &key);
		taken = part.s ? unload_option(&s->unload, key, part, f) : 0;
		if (taken < 0)
			return failed(f, f->status, "redshift-data: %s",
				      f->text.data);
		if (taken)
			continue;
		if (!part.n || (!str_is(key, "user") && !str_is(key, "secret")))
			return failed(
			    f, EX_USAGE,
			    "redshift-data: '%.*s' in the URL: only "
			    "user=NAME, secret=ARN, unload=URL, "
			    "iam_role=ARN, region=NAME and remove=yes "
			    "are known",
			    STR_ARG(key));
		put_member(&s->where,
			   str_is(key, "user") ? "DbUser" : "SecretArn", part);
	}
	if (unload_begin(&s->unload, f) < 0)
		return failed(f, f->status, "redshift-data: %s", f->text.data);
	return 0;
}

static int find_service(struct redshift *s, struct failure *f)
{
	struct str region = aws_region(s->aws);
	struct str own = aws_endpoint(s->aws, "REDSHIFT_DATA");

	for (size_t i = 0; i < region.n; i++)
		if (!isalnum((unsigned char)region.s[i]) && region.s[i] != '-')
			region.n = 0;
	if (!region.n)
		return failed(f, EX_CONFIG,
			      "redshift-data: which region? Set AWS_REGION");
	buf_adds(&s->region, region);
	if (own.s)
		buf_adds(&s->url, own);
	else
		buf_addf(&s->url, "https://redshift-data.%.*s.amazonaws.com%s",
			 STR_ARG(region),
			 str_starts(region, "cn-") ? ".cn" : "");
	if (s->url.data[s->url.len - 1] != '/')
		buf_addc(&s->url, '/');
	return 0;
}

static void *open_session(const struct source_args *a, struct failure *f)
{
	struct redshift *s = xcalloc(1, sizeof *s);
	struct web_opts web = session_web(a, "redshift-data", MAX_BODY);

	s->first = true;
	s->region = s->url = s->where = s->id = s->token = s->text = BUF_INIT;
	session_init(&s->session, a, &dialect);
	s->obj = JSON_OBJ_INIT;
	unload_init(&s->unload);
	if (parse_where(s, a->where, f) < 0 || !(s->aws = aws_new(&web, f)) ||
	    find_service(s, f) < 0 || !(s->web = web_new(&web, f))) {
		redshift_close(s);
		return NULL;
	}
	return s;
}

static int next_page(struct redshift *s, struct failure *f)
{
	struct web_answer a;

	if (web_chain_next(&s->queue, s->web, make_page, s, &a, f) < 0)
		return -1;
	return take_page(s, &a, f);
}

static int learn(void *self, const struct sql_query *q, struct failure *f)
{
	struct redshift *s = self;
	struct buf bare = BUF_INIT;
	int ret;

	sql_put_bare(&bare, &dialect, &q->sql);
	ret = run_statement(s, &bare, f);
	if (ret == 0)
		ret = next_page(s, f);
	buf_release(&bare);
	return ret;
}

/* Ready for another statement, whose columns are the same. */
static void forget_pages(struct redshift *s)
{
	web_queue_free(s->queue);
	s->queue = NULL;
	buf_reset(&s->id);
	buf_reset(&s->token);
	s->first = true;
	s->in_page = s->finished = false;
}

static void forget_result(struct redshift *s)
{
	forget_pages(s);
	columns_release(&s->session.columns);
	free(s->types);
	s->types = NULL;
}

/* ---- UNLOAD ---- */

/* The one row of the batch's second statement. */
static int get_count(struct redshift *s, uint64_t *n, struct failure *f)
{
	struct json_iter it;
	struct str row, cell, v = STR_NONE;

	buf_addz(&s->id, ":2");
	if (next_page(s, f) < 0)
		return -1;
	if (json_iter_element(&s->it, &row) && json_type(row) == JSON_ARRAY) {
		json_iter_init(&it, row);
		if (json_iter_element(&it, &cell))
			v = json_member(cell, "longValue", JSON_NUMBER);
	}
	if (!v.s || str_to_u64(v, n) < 0)
		return failed(f, EX_UNAVAILABLE,
			      "redshift-data: the server does not say how many "
			      "rows it has unloaded");
	return 0;
}

/* q becomes files; its columns are known already. */
static int run_unload(struct redshift *s, const struct sql_query *q,
		      struct failure *f)
{
	const struct source_args *a = s->session.args;
	struct buf bare = BUF_INIT, sql = BUF_INIT;
	uint64_t n = 0;
	int ret;

	forget_pages(s);
	/* A LIMIT may only stand in a subquery, and the end be a comment. */
	if (sql_is_wrapped(a))
		buf_adds(&bare, buf_str(&q->sql));
	else
		buf_addf(&bare, "select * from (\n%s\n) \"retl_rows\"",
			 q->sql.data);
	unload_put_statement(&sql, &s->unload, buf_str(&bare),
			     sql_is_wrapped(a));
	s->unloading = true;
	ret = run_statement(s, &sql, f);
	if (ret == 0)
		ret = get_count(s, &n, f);
	if (ret == 0)
		ret = unload_open(&s->unload, a, n, f);
	s->slots = xcalloc(s->session.columns.n, sizeof *s->slots);
	for (size_t i = 0; i < s->session.columns.n; i++)
		s->slots[i] = JSON_SLOT(column_name(&s->session.columns, i));
	buf_release(&bare);
	buf_release(&sql);
	return ret;
}

static int put_unloaded(struct redshift *s, struct rows *rows,
			struct str record, struct failure *f)
{
	struct json_fault fault;
	struct str v;
	ssize_t at;

	if (json_obj_parse(&s->obj, record, &fault) < 0)
		return failed(f, EX_DATAERR,
			      "redshift-data: row %" PRIu64 ": %s",
			      rows_number(rows), fault.what);
	if (s->obj.n != s->session.columns.n)
		return failed(f, EX_DATAERR,
			      "redshift-data: row %" PRIu64
			      ": not as many values as there are columns",
			      rows_number(rows));
	for (size_t i = 0; i < s->session.columns.n; i++) {
		const char *what = "is missing";

		at = json_obj_slot(&s->obj, &s->slots[i]);
		if (at < 0)
			return row_fault(rows, &s->session.columns, i, what, f);
		v = s->obj.m[at].val;
		column_put(&rows->out.b, &s->session.columns, i);
		if (json_type(v) == JSON_NULL)
			buf_addz(&rows->out.b, "null");
		else if (s->types[i] == TYPE_SUPER
			     ? row_put_json(&rows->out.b, v, 1, &what) < 0
			     : put_typed(s, rows, i, v, &what) < 0)
			return row_fault(rows, &s->session.columns, i, what, f);
	}
	buf_addc(&rows->out.b, '}');
	return rows_end(rows, f);
}

static int next_unloaded(struct redshift *s, struct rows *rows,
			 struct failure *f)
{
	struct str record;

	for (int i = 0; i < ROWS_AT_ONCE && !rows_full(rows); i++) {
		int got = unload_next(&s->unload, &record, f);

		if (got == 0 && i)
			break;
		if (got <= 0)
			return got;
		if (put_unloaded(s, rows, record, f) < 0)
			return -1;
	}
	return 1;
}

/* Names of tables and columns are not worth it. */
static bool is_unload(void *self)
{
	struct redshift *s = self;

	return s->unload.to.len > 0 && s->session.args->rows;
}

static int prepare(void *self, struct sql_query *q, struct failure *f)
{
	const struct source_args *a = ((struct session *)self)->args;

	if (is_unload(self) && a->n_params)
		return failed(f, EX_USAGE,
			      "redshift-data: -p: UNLOAD takes no parameters");
	return sql_prepare(q, &dialect, a, f);
}

static int run(void *self, const struct sql_query *q, struct failure *f)
{
	if (is_unload(self))
		return run_unload(self, q, f);
	forget_result(self);
	return run_statement(self, &q->sql, f);
}

static const struct session_ops session = {
	.open = open_session,
	.prepare = prepare,
	.learn = learn,
	.must_learn = is_unload,
	.run = run,
	.close = redshift_close,
};

/* 1: there is a page; 0: there are no more, and all rows were there. */
static int begin_page(struct redshift *s, struct failure *f)
{
	if (s->in_page)
		return 1;
	/* Pages that come again would not end. */
	if (!s->finished && s->n_rows <= s->n_wanted)
		return next_page(s, f) < 0 ? -1 : 1;
	if (s->finished && s->n_rows == s->n_wanted)
		return 0;
	return failed(f, EX_DATAERR,
		      "redshift-data: %" PRIu64
		      " rows were announced, and %" PRIu64 " came",
		      s->n_wanted, s->n_rows);
}

static int redshift_next(void *self, struct rows *rows, struct failure *f)
{
	struct redshift *s = self;
	struct str row;
	int got;

	if (s->unloading)
		return next_unloaded(s, rows, f);
	got = begin_page(s, f);
	if (got <= 0)
		return got;
	for (int i = 0; i < ROWS_AT_ONCE && !rows_full(rows); i++) {
		if (!json_iter_element(&s->it, &row)) {
			s->in_page = false;
			break;
		}
		if (row_put_list(rows, &s->session.columns, row,
				 "redshift-data", put_cell, s, f) < 0)
			return -1;
		s->n_rows++;
	}
	return 1;
}

/* ---- names of tables ---- */

static int redshift_list(const struct source_args *a, struct buf *names,
			 struct failure *f)
{
	struct source_args all = *a;
	struct redshift *s;
	int got;

	all.query = STR("select table_schema, table_name from svv_tables "
			"where table_schema not in ('pg_catalog', "
			"'pg_internal', 'information_schema') order by 1, 2");
	all.dataset = NULL;
	s = session_open(&session, &all, f);
	if (!s)
		return -1;
	while ((got = begin_page(s, f)) > 0) {
		ssize_t n = source_put_names(names, &s->it, &s->text);

		if (n < 0) {
			got = failed(f, EX_UNAVAILABLE,
				     "redshift-data: a name that is no text");
			break;
		}
		s->n_rows += (uint64_t)n;
		s->in_page = false;
	}
	redshift_close(s);
	return got;
}

const struct source source_redshift_data = {
	.has_datasets = true,
	.can_order = true,
	.can_shard = true,
	.session = &session,
	.next = redshift_next,
	.list = redshift_list,
};
