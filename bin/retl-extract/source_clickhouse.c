/* SPDX-License-Identifier: MIT */
/*
 * ClickHouse over HTTP, in the format JSONEachRow. The server answers 200
 * before it knows whether all will go well; what goes wrong later stands as a
 * text between or behind the rows. So the end is proved by an answer that came
 * whole, of lines that are rows and nothing else. Every setting that could
 * change values or cut the result is given with the query.
 */
#include "bin/retl-extract/source.h"

#include "bin/retl-extract/cancel.h"
#include "bin/retl-extract/clickhouse.h"
#include "bin/retl-extract/dburl.h"
#include "bin/retl-extract/interrupt.h"
#include "bin/retl-extract/session.h"
#include "common/digest.h"
#include "common/enc.h"
#include "common/mem.h"
#include "common/msg.h"

#define CONNECT_MS 30000
#define SILENCE_MS                                                \
	3600000 /* a query may take its time before the first row \
		 */
#define EXCEPTION_MAX ((size_t)16 << 10) /* of the block it stands in */
#define MUCH ((size_t)1 << 20) /* of the answer in memory: it is held up */

struct clickhouse {
	struct session session;
	const char *name;
	struct dburl url;
	struct http *http;
	struct buf target;         /* http://host:port/ */
	struct buf user, password; /* header lines */
	char id[33];               /* of the query */
	unsigned year;             /* of the server's version: 18, 24 */
	char zone[64];             /* its time zone */
	struct click_column *types;
	struct json_obj obj;
	struct rows *rows;
	size_t max_record;

	/* the answer under way */
	struct http_transfer *transfer;
	struct buf data; /* at .. len is not used yet */
	size_t at;
	size_t limit; /* bytes in data from which on the sender is held up */
	bool paused, done;
	bool open_end; /* it closed, which may mean anything */
	long status;
	enum http_failure failure;
	struct buf why;
};

/* ---- errors ---- */

static int status_of(unsigned long code)
{
	switch (code) {
	case 192: /* unknown user */
	case 193: /* wrong password */
	case 194: /* password required */
	case 195: /* not from this address */
	case 497: /* not enough privileges */
	case 516: /* authentication failed */
		return EX_NOPERM;
	case 159: /* timeout */
	case 202: /* too many queries */
	case 209: /* socket timeout */
	case 210: /* network */
	case 236: /* aborted */
	case 241: /* memory limit */
	case 242: /* table is read-only */
	case 243: /* no space */
	case 394: /* cancelled */
	case 425: /* the system says no */
		return EX_TEMPFAIL;
	case 6:   /* cannot parse text */
	case 27:  /* cannot parse input */
	case 38:  /* cannot parse date */
	case 41:  /* cannot parse a moment */
	case 69:  /* argument out of bound */
	case 72:  /* cannot parse number */
	case 125: /* scalar subquery with rows */
	case 131: /* too large string */
	case 153: /* illegal division */
	case 349: /* null in what is not nullable */
	case 395: /* throwIf */
	case 407: /* decimal overflow */
		return EX_DATAERR;
	case 36:  /* bad arguments */
	case 42:  /* number of arguments */
	case 43:  /* types of arguments */
	case 46:  /* unknown function */
	case 47:  /* unknown name */
	case 48:  /* not implemented */
	case 53:  /* types do not match */
	case 60:  /* unknown table */
	case 62:  /* syntax */
	case 81:  /* unknown database */
	case 115: /* unknown setting */
	case 164: /* settings are read-only */
	case 179: /* two columns of one name */
	case 386: /* no common type */
	case 456: /* unknown parameter */
		return EX_CONFIG;
	default:
		return EX_UNAVAILABLE;
	}
}

/* "Code: 62, e.displayText() = DB::Exception: Syntax error: ..., e.what() =" */
static int take_exception(const struct clickhouse *s, struct str text,
			  struct failure *f)
{
	static const char begin[] = "DB::Exception: ";
	const char *code = memmem(text.s, text.n, "Code: ", 6);
	const char *p = memmem(text.s, text.n, begin, sizeof begin - 1), *stop;
	unsigned long number = code ? strtoul(code + 6, NULL, 10) : 0;
	int status = status_of(number);
	struct buf message = BUF_INIT;
	bool quoted = false;

	if (p)
		text = (struct str){ p + sizeof begin - 1,
				     (size_t)(text.s + text.n - p) -
					 (sizeof begin - 1) };
	stop = memmem(text.s, text.n, ", e.what()", 10);
	if (stop)
		text.n = (size_t)(stop - text.s);
	for (size_t i = 0; i < text.n && i < 400 && text.s[i] != '\n'; i++) {
		/* Values stand in quotes there. */
		if (text.s[i] == '\'' && status == EX_DATAERR) {
			quoted = !quoted;
			buf_addz(&message, quoted ? "'..." : "'");
		} else if (!quoted) {
			buf_addc(&message, text.s[i]);
		}
	}
	failed(f, status, "%s: %s (code %lu)", s->name, message.data, number);
	buf_release(&message);
	return -1;
}

static int transfer_failed(const struct clickhouse *s, struct failure *f)
{
	int status = EX_UNAVAILABLE;

	if (s->failure == HTTP_LOST)
		status = EX_TEMPFAIL;
	else if (s->failure == HTTP_BAD_URL)
		status = EX_USAGE;
	return failed(f, status, "%s: %s", s->name, s->why.data);
}

static int answer_failed(const struct clickhouse *s, struct failure *f)
{
	struct str text = { s->data.data + s->at, s->data.len - s->at };

	if (memmem(text.s, text.n, "Code: ", 6))
		return take_exception(s, text, f);
	return failed(f,
		      s->status == 401 || s->status == 403 ? EX_NOPERM
		      : s->status >= 500                   ? EX_TEMPFAIL
							   : EX_UNAVAILABLE,
		      "%s: HTTP status %ld", s->name, s->status);
}

static void clickhouse_close(void *self)
{
	struct clickhouse *s = self;

	/* --limit, or a fault of ours: the server would go on to its end. */
	if (!s->done)
		cancel_now();
	interrupt_disarm();
	http_free(s->http);
	dburl_release(&s->url);
	buf_release(&s->target);
	buf_release(&s->user);
	buf_release(&s->password);
	columns_release(&s->session.columns);
	free(s->types);
	json_obj_release(&s->obj);
	buf_release(&s->data);
	buf_release(&s->why);
	free(s);
}

/* ---- asking ---- */

static enum http_take take_data(void *arg, long status, struct str headers,
				struct str piece)
{
	struct clickhouse *s = arg;

	(void)headers;
	s->status = status;
	if (s->data.len - s->at >= s->limit) {
		s->paused = true;
		return HTTP_PAUSE;
	}
	if (s->at) {
		memmove(s->data.data, s->data.data + s->at,
			s->data.len - s->at);
		buf_truncate(&s->data, s->data.len - s->at);
		s->at = 0;
	}
	buf_adds(&s->data, piece);
	return HTTP_TAKEN;
}

static void take_end(void *arg, const struct http_answer *a)
{
	struct clickhouse *s = arg;

	s->done = true;
	s->transfer = NULL;
	s->failure = a->failure;
	s->open_end = a->open_end;
	if (a->cut && a->failure == HTTP_OK)
		s->failure = HTTP_LOST;
	if (a->status)
		s->status = a->status;
	buf_reset(&s->why);
	buf_addz(&s->why, a->why);
}

static void put_setting(struct buf *url, const char *name, struct str value)
{
	buf_addf(url, "&%s=", name);
	enc_percent(url, value);
}

/* Values of parameters are read as those in files with tabs are. */
static void put_param(struct buf *url, const struct param *param)
{
	struct buf name = BUF_INIT, value = BUF_INIT;

	buf_addf(&name, "param_%.*s", STR_ARG(param->name));
	for (size_t i = 0; !param->null && i < param->value.n; i++) {
		static const char plain[] = "\\\t\n\r", escaped[] = "\\tnr";
		char c = param->value.s[i];
		const char *p = c ? strchr(plain, c) : NULL;

		if (p)
			buf_addc(&value, '\\');
		buf_addc(&value, p ? escaped[p - plain] : c);
	}
	if (param->null)
		buf_addz(&value, "\\N");
	put_setting(url, name.data, buf_str(&value));
	buf_release(&name);
	buf_release(&value);
}

static void put_settings(const struct clickhouse *s, struct buf *url)
{
	/* Named so by the first version that we know; nothing is cut. */
	static const char always[] =
	    "&output_format_json_quote_64bit_integers=0"
	    "&output_format_json_quote_denormals=1"
	    "&read_overflow_mode=throw&group_by_overflow_mode=throw"
	    "&sort_overflow_mode=throw&result_overflow_mode=throw"
	    "&timeout_overflow_mode=throw&set_overflow_mode=throw"
	    "&join_overflow_mode=throw&transfer_overflow_mode=throw"
	    "&distinct_overflow_mode=throw";
	static const char since_23[] =
	    "&limit=0&offset=0" /* of all queries of a user */
	    "&date_time_output_format=iso"
	    "&output_format_json_quote_decimals=0"
	    "&output_format_decimal_trailing_zeros=1"
	    "&output_format_json_named_tuples_as_objects=1";
	static const char since_24[] =
	    "&http_write_exception_in_output_format=0"
	    "&session_timezone=UTC";

	buf_addz(url, always);
	if (s->year >= 23)
		buf_addz(url, since_23);
	if (s->year >= 24)
		buf_addz(url, since_24);
}

static void put_target(const struct clickhouse *s, struct buf *url)
{
	buf_adds(url, buf_str(&s->target));
	buf_addf(url, "?query_id=%s", s->id);
	if (s->url.database)
		put_setting(url, "database", str_of(s->url.database));
}

/* Sends SQL; its answer begins to come. q: whose parameters go along. */
static void ask(struct clickhouse *s, struct str sql, const struct sql_query *q)
{
	const char *headers[3] = { "Content-Type: text/plain" };
	struct http_request rq = { .method = "POST",
				   .headers = headers,
				   .n_headers = 1,
				   .body = sql,
				   .data = take_data,
				   .max_body = SIZE_MAX,
				   .silence_ms = SILENCE_MS };
	struct buf url = BUF_INIT;

	if (s->user.len)
		headers[rq.n_headers++] = s->user.data;
	if (s->password.len)
		headers[rq.n_headers++] = s->password.data;
	put_target(s, &url);
	put_settings(s, &url);
	for (size_t i = 0; q && i < q->n; i++)
		put_param(&url, q->values[i]);
	rq.url = url.data;
	buf_reset(&s->data);
	s->at = 0;
	s->done = s->paused = false;
	s->limit = MUCH;
	s->status = 0;
	s->transfer = http_send(s->http, &rq, take_end, s);
	buf_release(&url);
}

/* 1: there is more in s->data than there was. 0: the answer has ended. */
static int more(struct clickhouse *s)
{
	size_t before = s->data.len - s->at;

	/* A line may be longer than what is much. */
	s->limit = before + MUCH;
	if (s->paused) {
		s->paused = false;
		http_resume(s->transfer);
	}
	while (!s->done && s->data.len - s->at <= before) {
		http_wait(s->http, NULL, 0, 0);
		if (s->done || s->data.len - s->at > before)
			break;
		if (s->rows && rows_waiting(s->rows))
			rows_flush(s->rows);
		http_wait(s->http, NULL, 0, 1000);
	}
	return s->data.len - s->at > before;
}

/* 1: the next line, without LF. 0: a right end. -1. */
static int next_line(struct clickhouse *s, struct str *line, struct failure *f)
{
	size_t seen = 0;
	const char *start, *lf;

	for (;;) {
		start = s->data.data + s->at;
		lf = memchr(start + seen, '\n', s->data.len - s->at - seen);
		if (lf && (s->status == 200 || s->status == 0))
			break;
		seen = s->data.len - s->at;
		if (seen > s->max_record + MUCH)
			return failed(f, EX_DATAERR,
				      "%s: a row is longer than --max-record",
				      s->name);
		if (more(s))
			continue;
		if (s->failure != HTTP_OK && !memmem(start, seen, "Code: ", 6))
			return transfer_failed(s, f);
		if (s->status != 200 || s->at < s->data.len)
			return answer_failed(s, f);
		return 0;
	}
	*line = (struct str){ start, (size_t)(lf - start) };
	s->at += line->n + 1;
	return 1;
}

/*
 * The line as an object; -1: it is an exception, or what not. Servers
 * from 25.11 on put an exception into a block that begins with lines of its
 * own.
 */
static int parse_line(struct clickhouse *s, struct str line, struct failure *f)
{
	struct json_fault fault;
	struct str rest;

	if (json_obj_parse(&s->obj, line, &fault) == 0)
		return 0;
	s->at -= line.n + 1;
	while (s->data.len - s->at < EXCEPTION_MAX && more(s))
		continue;
	rest = (struct str){ s->data.data + s->at,
			     MIN(s->data.len - s->at, EXCEPTION_MAX) };
	if (memmem(rest.s, rest.n, "DB::Exception", 13))
		return take_exception(s, rest, f);
	return failed(f, EX_DATAERR, "%s: row %" PRIu64 ": %s", s->name,
		      s->rows ? rows_number(s->rows) : 1, fault.what);
}

/* ---- opening ---- */

static int take_url(struct clickhouse *s, const struct source_args *a,
		    struct failure *f)
{
	bool tls = str_starts(str_of(a->url), "clickhouses:");
	const char *user, *password = getenv("CLICKHOUSE_PASSWORD"), *host;

	if (dburl_parse(&s->url, s->name, a->where, f) < 0 ||
	    dburl_check(&s->url, s->name, f) < 0)
		return -1;
	host = s->url.host ? s->url.host : "localhost";
	buf_addf(&s->target,
		 strchr(host, ':') ? "http%s://[%s]:%u/" : "http%s://%s:%u/",
		 tls ? "s" : "", host,
		 s->url.port ? s->url.port
		 : tls       ? 8443
			     : 8123);
	user = s->url.user ? s->url.user : getenv("CLICKHOUSE_USER");
	if ((user && strpbrk(user, "\r\n")) ||
	    (password && strpbrk(password, "\r\n")))
		return failed(f, EX_USAGE, "%s: a line break in a credential",
			      s->name);
	if (user)
		buf_addf(&s->user, "X-ClickHouse-User: %s", user);
	if (password) {
		msg_hide(password, strlen(password));
		buf_addf(&s->password, "X-ClickHouse-Key: %s", password);
	}
	return 0;
}

/* A signal makes the server stop. */
static void arm(struct clickhouse *s, const struct source_args *a)
{
	struct web_request rq = WEB_REQUEST_INIT;

	rq.method = "POST";
	buf_addf(&rq.url, "%s?", s->target.data);
	if (s->user.len)
		buf_addf(&rq.secrets, "%s\n", s->user.data);
	if (s->password.len)
		buf_addf(&rq.secrets, "%s\n", s->password.data);
	buf_addf(&rq.body, "KILL QUERY WHERE query_id = '%s'", s->id);
	rq.has_body = true;
	interrupt_arm(&rq, a->cacert);
	web_request_release(&rq);
}

static struct str text_member(struct clickhouse *s, const char *name,
			      struct buf *scratch)
{
	ssize_t i = json_obj_find(&s->obj, str_of(name));

	if (i < 0 || json_type(s->obj.m[i].val) != JSON_STRING)
		return STR("");
	return json_text(s->obj.m[i].val, scratch);
}

/* Which version is it? Settings have come with them. */
static int greet(struct clickhouse *s, struct failure *f)
{
	struct buf scratch = BUF_INIT;
	struct str line, text;
	int got;

	ask(s, STR("select version() v, timezone() z format JSONEachRow"),
	    NULL);
	got = next_line(s, &line, f);
	if (got == 0)
		got = failed(f, EX_UNAVAILABLE, "%s: an empty answer", s->name);
	if (got < 0 || parse_line(s, line, f) < 0)
		return -1;
	text = text_member(s, "v", &scratch);
	s->year = (unsigned)strtoul(text.n ? text.s : "0", NULL, 10);
	text = text_member(s, "z", &scratch);
	snprintf(s->zone, sizeof s->zone, "%.*s", STR_ARG(text));
	buf_release(&scratch);
	return next_line(s, &line, f) < 0 ? -1 : 0;
}

/* ---- the query ---- */

static int put_order(struct buf *out, const struct columns *c, size_t i,
		     struct str name, const char **why)
{
	struct str native = column_native(c, i);

	switch (c->v[i].kind) {
	case COLUMN_BOOL:
	case COLUMN_INTEGER:
	case COLUMN_DECIMAL:
	case COLUMN_FLOAT:
	case COLUMN_DATE:
		buf_adds(out, name);
		return 0;
	case COLUMN_TEXT:
		/* An enum would be in the order of its numbers, and so on. */
		buf_addf(out, "toString(%.*s)", STR_ARG(name));
		return 0;
	case COLUMN_TIMESTAMPTZ:
		/* "10:00:00Z" is behind "10:00:00.5Z". */
		if (memmem(native.s, native.n, "DateTime64", 10))
			break;
		buf_adds(out, name);
		return 0;
	default:
		break;
	}
	*why = "such a type";
	return -1;
}

static void put_shard(struct buf *out, const struct source_args *a,
		      const struct str *hashed)
{
	buf_addz(out, "sipHash64(concat(''");
	sql_put_each(out, hashed, a->n_key, ", ',', ifNull(toString(",
		     "), '')");
	buf_addf(out, ")) %% %" PRIu64 " = %" PRIu64, a->n_shards,
		 a->shard - 1);
}

static const struct sql_dialect dialect = {
	.name = "ClickHouse",
	.quote = '`',
	.marks = SQL_BRACED,
	.backslash = true,
	.put_order = put_order,
	.put_shard = put_shard,
};

static int add_column(struct clickhouse *s, struct failure *f)
{
	struct buf name = BUF_INIT, type = BUF_INIT;
	struct str text = text_member(s, "type", &type);
	size_t i = s->session.columns.n;
	int ret =
	    columns_add(&s->session.columns, text_member(s, "name", &name), f);
	char *native = xstrndup(text.s, text.n);

	if (ret < 0) {
		failed(f, f->status, "%s: %s", s->name, f->text.data);
	} else {
		s->types = xreallocarray(s->types, i + 1, sizeof *s->types);
		click_column_parse(&s->types[i], text);
		columns_set_type(&s->session.columns, s->types[i].kind, native);
		if (s->year < 23 && click_zone_differs(text, s->zone))
			ret = failed(f, EX_CONFIG,
				     "%s: column %zu is written in another "
				     "zone than UTC; use "
				     "toTimeZone(..., 'UTC')",
				     s->name, i + 1);
	}
	free(native);
	buf_release(&name);
	buf_release(&type);
	return ret;
}

/* The server describes what the query gives; only a SELECT can stand there. */
static int learn_columns(void *self, const struct sql_query *q,
			 struct failure *f)
{
	struct clickhouse *s = self;
	struct buf sql = BUF_INIT;
	struct str line;
	int got;

	buf_addf(&sql, "describe table (\n%s\n) format JSONEachRow",
		 q->sql.data);
	ask(s, buf_str(&sql), q);
	while ((got = next_line(s, &line, f)) == 1)
		if (parse_line(s, line, f) < 0 || add_column(s, f) < 0) {
			got = -1;
			break;
		}
	buf_release(&sql);
	return got;
}

static int check_params(const struct clickhouse *s, const struct sql_query *q,
			struct failure *f)
{
	if (q->n && s->year < 20)
		return failed(f, EX_CONFIG,
			      "%s: this server is too old for parameters",
			      s->name);
	return 0;
}

static int prepare(void *self, struct sql_query *q, struct failure *f)
{
	struct clickhouse *s = self;

	if (sql_prepare(q, &dialect, s->session.args, f) < 0)
		return -1;
	return check_params(s, q, f);
}

static int run(void *self, const struct sql_query *q, struct failure *f UNUSED)
{
	struct clickhouse *s = self;
	struct buf sql = BUF_INIT;

	arm(s, s->session.args);
	/* A wrapped one is a select already, and in order. */
	buf_addf(&sql,
		 sql_is_wrapped(s->session.args)
		     ? "%s format JSONEachRow"
		     : "select * from (\n%s\n) format JSONEachRow",
		 q->sql.data);
	ask(s, buf_str(&sql), q);
	/* The body is borrowed until it has been sent. */
	while (!s->done && !s->status)
		more(s);
	buf_release(&sql);
	return 0;
}

static void *open_server(const struct source_args *a, struct failure *f)
{
	struct clickhouse *s = xcalloc(1, sizeof *s);
	struct http_opts o = { .cacert = a->cacert,
			       .max_body = MUCH,
			       .connect_ms = CONNECT_MS,
			       .timeout_ms = SILENCE_MS,
			       .n_connections = 1,
			       .http1 = true };
	struct buf id = BUF_INIT;
	uint8_t random[16];

	s->name = "clickhouse";
	s->target = s->user = s->password = s->data = s->why = BUF_INIT;
	session_init(&s->session, a, &dialect);
	s->obj = JSON_OBJ_INIT;
	s->rows = a->rows;
	s->max_record = a->rows ? a->rows->max_record : NDJSON_MAX_RECORD;
	digest_random(random, sizeof random);
	enc_hex(&id, random, sizeof random);
	memcpy(s->id, id.data, sizeof s->id);
	buf_release(&id);
	if (take_url(s, a, f) < 0)
		goto bad;
	s->http = http_new(&o, &f->text);
	if (!s->http) {
		f->status = EX_NOINPUT;
		goto bad;
	}
	if (greet(s, f) < 0)
		goto bad;
	return s;
bad:
	clickhouse_close(s);
	return NULL;
}

static const struct session_ops session = {
	.open = open_server,
	.prepare = prepare,
	.learn = learn_columns,
	.must_learn = session_always,
	.run = run,
	.close = clickhouse_close,
};

/* ---- rows ---- */

static int put_row(struct clickhouse *s, struct rows *rows, struct failure *f)
{
	if (s->obj.n != s->session.columns.n)
		return failed(f, EX_TEMPFAIL,
			      "%s: the query's columns have changed meanwhile",
			      s->name);
	for (size_t i = 0; i < s->obj.n; i++) {
		column_put(&rows->out.b, &s->session.columns, i);
		if (!json_key_is(&s->obj.m[i],
				 column_name(&s->session.columns, i)))
			return failed(f, EX_TEMPFAIL,
				      "%s: the query's columns have changed "
				      "meanwhile",
				      s->name);
		if (click_put_value(&s->types[i], rows, &s->session.columns, i,
				    s->obj.m[i].val, f) < 0)
			return -1;
	}
	buf_addc(&rows->out.b, '}');
	return rows_end(rows, f) < 0 ? -1 : 1;
}

static int clickhouse_next(void *self, struct rows *rows, struct failure *f)
{
	struct clickhouse *s = self;
	struct str line;
	int got = next_line(s, &line, f);

	if (got <= 0)
		return got;
	if (parse_line(s, line, f) < 0)
		return -1;
	return put_row(s, rows, f);
}

static int clickhouse_list(const struct source_args *a, struct buf *names,
			   struct failure *f)
{
	static const char sql[] =
	    "select database = currentDatabase() own, database, name "
	    "from system.tables where database != 'system' "
	    "and lower(database) != 'information_schema' "
	    "and (database = currentDatabase() or "
	    "currentDatabase() = 'default') order by database, name "
	    "format JSONEachRow";
	struct clickhouse *s = open_server(a, f);
	struct buf scratch = BUF_INIT;
	struct str line;
	int got;

	if (!s)
		return -1;
	ask(s, STR(sql), NULL);
	while ((got = next_line(s, &line, f)) == 1) {
		if (parse_line(s, line, f) < 0) {
			got = -1;
			break;
		}
		if (*s->obj.m[0].val.s != '1') {
			source_put_name(names,
					text_member(s, "database", &scratch));
			buf_addc(names, '.');
		}
		source_put_name(names, text_member(s, "name", &scratch));
		buf_addc(names, '\n');
	}
	buf_release(&scratch);
	clickhouse_close(s);
	return got;
}

static const char *clickhouse_doubt(void *self)
{
	const struct clickhouse *s = self;

	return s->open_end ? "the server, or a proxy before it, does not say "
			     "where its answer ends"
			   : NULL;
}

const struct source source_clickhouse = {
	.has_datasets = true,
	.can_order = true,
	.can_shard = true,
	.session = &session,
	.next = clickhouse_next,
	.doubt = clickhouse_doubt,
	.list = clickhouse_list,
};
