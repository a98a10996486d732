/* SPDX-License-Identifier: MIT */
/*
 * SQLite databases, opened read-only. Types belong to values here, not to
 * columns, so every cell is asked for its own. One statement is one read
 * transaction: the rows are of one moment. The end is proved by SQLITE_DONE.
 */
#include "bin/retl-extract/source.h"

#include <sqlite3.h>

#include "bin/retl-extract/session.h"
#include "bin/retl-extract/sqlite.h"
#include "common/mem.h"

#define BUSY_TIMEOUT_MS 5000

struct sqlite {
	struct session session;
	const char *file;
	sqlite3 *db;
	sqlite3_stmt *stmt;
};

int sqlite_status(int code, bool compiling)
{
	switch (code & 0xff) {
	case SQLITE_ERROR:
		return compiling ? EX_CONFIG : EX_DATAERR;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
	case SQLITE_SCHEMA:
	case SQLITE_INTERRUPT:
		return EX_TEMPFAIL;
	case SQLITE_CANTOPEN:
		return EX_NOINPUT;
	case SQLITE_PERM:
	case SQLITE_AUTH:
	case SQLITE_READONLY:
		return EX_NOPERM;
	case SQLITE_IOERR:
	case SQLITE_FULL:
		return EX_IOERR;
	case SQLITE_NOMEM:
		return EX_OSERR;
	default:
		return EX_DATAERR;
	}
}

static int give_up(struct sqlite *s, bool compiling, struct failure *f)
{
	int code = sqlite3_extended_errcode(s->db);
	int why = sqlite3_system_errno(s->db), status;

	/* So it calls some errors of syntax; the words tell which they are. */
	if (compiling && code == SQLITE_SCHEMA &&
	    strcmp(sqlite3_errmsg(s->db), sqlite3_errstr(code)) != 0)
		code = SQLITE_ERROR;
	/* "unable to open" is all that it says itself; "disk I/O error" here.
	 */
	if (why == EISDIR || (why && (code & 0xff) == SQLITE_CANTOPEN))
		return failed(f, EX_NOINPUT, "%s: %s", s->file, strerror(why));
	/* It is opened for reading alone, and something has to be written. */
	if (code == SQLITE_READONLY_ROLLBACK)
		return failed(f, EX_NOPERM,
			      "%s: a transaction on it was cut off; who may "
			      "write to it has to open it once, for instance "
			      "with sqlite3 FILE .tables",
			      s->file);
	if ((code & 0xff) == SQLITE_READONLY)
		return failed(f, EX_NOPERM,
			      "%s: in WAL mode, and its folder may not be "
			      "written to: if nobody else writes, "
			      "sqlite:file:PATH?immutable=1 does without",
			      s->file);
	status = sqlite_status(code, compiling);
	return failed(f, status, "%s: %s%s", s->file,
		      status == EX_CONFIG ? "query: " : "",
		      sqlite3_errmsg(s->db));
}

static void sqlite_close(void *self)
{
	struct sqlite *s = self;

	sqlite3_finalize(s->stmt);
	sqlite3_close(s->db);
	columns_release(&s->session.columns);
	free(s);
}

static int open_file(struct sqlite *s, const char *file, struct failure *f)
{
	/* One thread, so that no call has to lock. */
	int flags =
	    SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_URI;

	s->file = file;
	if (!*file)
		return failed(f, EX_USAGE,
			      "sqlite: a file is missing: sqlite:FILE");
	if (sqlite3_open_v2(file, &s->db, flags, NULL) != SQLITE_OK)
		return give_up(s, false, f);
	sqlite3_busy_timeout(s->db, BUSY_TIMEOUT_MS);
	return 0;
}

/* ---- the statement ---- */

static const char *skip_comment(const char *p, const char *end)
{
	const char *stop;

	if (end - p >= 2 && p[0] == '-' && p[1] == '-') {
		stop = memchr(p, '\n', (size_t)(end - p));
		return stop ? stop : end;
	}
	if (end - p >= 2 && p[0] == '/' && p[1] == '*') {
		stop = memmem(p + 2, (size_t)(end - p) - 2, "*/", 2);
		return stop ? stop + 2 : end;
	}
	return NULL;
}

/* Is there nothing but blanks, semicolons and comments? */
static bool is_blank(const char *p, const char *end)
{
	while (p < end) {
		const char *behind = skip_comment(p, end);

		if (behind)
			p = behind;
		else if (strchr(" \t\r\n\f\v;", *p) && *p)
			p++;
		else
			return false;
	}
	return true;
}

static int prepare(struct sqlite *s, struct str sql, struct failure *f)
{
	const char *end = sql.s + sql.n, *tail;
	int code;

	if (is_blank(sql.s, end))
		return failed(f, EX_CONFIG, "the query is empty");
	if (sql.n > INT_MAX)
		return failed(f, EX_CONFIG, "the query is too long");
	code = sqlite3_prepare_v2(s->db, sql.s, (int)sql.n, &s->stmt, &tail);
	if (code != SQLITE_OK)
		return give_up(s, true, f);
	if (!s->stmt || !is_blank(tail, end))
		return failed(f, EX_CONFIG,
			      "%s: the query must be one statement", s->file);
	if (!sqlite3_stmt_readonly(s->stmt))
		return failed(f, EX_CONFIG,
			      "%s: the query would change the database",
			      s->file);
	if (!sqlite3_column_count(s->stmt))
		return failed(f, EX_CONFIG, "%s: the query gives no rows",
			      s->file);
	return 0;
}

static int name_columns(struct sqlite *s, struct failure *f)
{
	struct columns *c = &s->session.columns;
	int n = sqlite3_column_count(s->stmt);

	columns_release(c);
	for (int i = 0; i < n; i++) {
		const char *name = sqlite3_column_name(s->stmt, i);
		const char *type = sqlite3_column_decltype(s->stmt, i);

		if (!name)
			return failed(f, EX_OSERR, "out of memory");
		if (columns_add(c, str_of(name), f) < 0)
			return failed(f, f->status, "%s: %s", s->file,
				      f->text.data);
		/* A value has a type here, whatever its column declares. */
		if (type)
			columns_set_type(c, COLUMN_ANY, type);
	}
	return 0;
}

/* ---- parameters ---- */

/* Would an integer be written exactly like this? */
static bool is_integer(struct str v, sqlite3_int64 *n)
{
	char text[24], again[24];

	if (!v.n || v.n >= sizeof text)
		return false;
	memcpy(text, v.s, v.n);
	text[v.n] = '\0';
	errno = 0;
	*n = strtoll(text, NULL, 10);
	snprintf(again, sizeof again, "%lld", *n);
	return !errno && strcmp(text, again) == 0;
}

/* Would a floating-point number? */
static bool is_real(struct str v, double *d)
{
	struct buf again = BUF_INIT;
	char text[40];
	bool is;

	if (!v.n || v.n >= sizeof text || !memchr(v.s, '.', v.n))
		return false;
	memcpy(text, v.s, v.n);
	text[v.n] = '\0';
	*d = strtod(text, NULL);
	if (*d - *d != 0)
		return false;
	double_put(&again, *d);
	is = str_is(v, again.data);
	buf_release(&again);
	return is;
}

static int bind_one(sqlite3_stmt *stmt, int i, const struct param *p)
{
	struct str v = p->value;
	sqlite3_int64 n;
	double d;

	if (p->null)
		return sqlite3_bind_null(stmt, i);
	if (is_integer(v, &n))
		return sqlite3_bind_int64(stmt, i, n);
	if (is_real(v, &d))
		return sqlite3_bind_double(stmt, i, d);
	return sqlite3_bind_text64(stmt, i, v.s, v.n, SQLITE_STATIC,
				   SQLITE_UTF8);
}

static int bind(struct sqlite *s, const struct source_args *a,
		struct failure *f)
{
	int n = sqlite3_bind_parameter_count(s->stmt);

	for (int i = 1; i <= n; i++) {
		const char *name = sqlite3_bind_parameter_name(s->stmt, i);
		struct param *p;

		if (!name || *name == '?')
			return failed(f, EX_CONFIG,
				      "%s: the query has a ?; give it a name, "
				      "as in :since, for -p since=VALUE",
				      s->file);
		p = source_find_param(a, str_of(name + 1));
		if (!p)
			return failed(f, EX_USAGE,
				      "the query needs -p %s=VALUE", name + 1);
		p->used = true;
		if (bind_one(s->stmt, i, p) != SQLITE_OK)
			return give_up(s, false, f);
	}
	return source_check_params(a, f);
}

/* ---- the key and the shard ---- */

static int put_order(struct buf *out, const struct columns *c UNUSED,
		     size_t i UNUSED, struct str name, const char **why UNUSED)
{
	/* Whatever the column says: bytes, which are code points in UTF-8. */
	buf_adds(out, name);
	buf_addz(out, " collate binary");
	return 0;
}

static void put_shard(struct buf *out, const struct source_args *a,
		      const struct str *hashed)
{
	buf_addf(out, "retl_shard(%" PRIu64, a->n_shards);
	sql_put_each(out, hashed, a->n_key, ", ", "");
	buf_addf(out, ") = %" PRIu64, a->shard - 1);
}

static const struct sql_dialect dialect = {
	.name = "SQLite",
	.quote = '"',
	.put_order = put_order,
	.put_shard = put_shard,
};

/* FNV-1a, and a last turn so that its low bits are as good as the others. */
static uint64_t hash_bytes(uint64_t h, const void *p, size_t n)
{
	const unsigned char *u = p;

	for (size_t i = 0; i < n; i++)
		h = (h ^ u[i]) * UINT64_C(0x100000001b3);
	return h;
}

static uint64_t hash_value(uint64_t h, sqlite3_value *v)
{
	sqlite3_int64 n;
	double d;
	const void *p;

	switch (sqlite3_value_type(v)) {
	case SQLITE_INTEGER:
		n = sqlite3_value_int64(v);
		return hash_bytes(h, &n, sizeof n);
	case SQLITE_FLOAT:
		d = sqlite3_value_double(v);
		/* 1.0 and 1 are one key, and so are -0.0 and 0. */
		if (d >= -0x1p63 && d < 0x1p63 && d == (double)(int64_t)d) {
			n = (int64_t)d;
			return hash_bytes(h, &n, sizeof n);
		}
		return hash_bytes(h, &d, sizeof d);
	case SQLITE_TEXT:
	case SQLITE_BLOB:
		p = sqlite3_value_blob(v);
		h = hash_bytes(h, p, (size_t)sqlite3_value_bytes(v));
		/* So that ('a', 'bc') is not ('ab', 'c'). */
		return hash_bytes(h, "", 1);
	default:
		return h;
	}
}

/* SQL: retl_shard(n, key...), which SQLite has no function for: 0 to n - 1. */
static void shard(sqlite3_context *context, int n, sqlite3_value **v)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (int i = 1; i < n; i++)
		h = hash_value(h, v[i]);
	h ^= h >> 33;
	h *= UINT64_C(0xff51afd7ed558ccd);
	h ^= h >> 33;
	sqlite3_result_int64(
	    context, (sqlite3_int64)(h % (uint64_t)sqlite3_value_int64(v[0])));
}

/* Bytes of UTF-16 are in another order. */
static int check_encoding(struct sqlite *s, struct failure *f)
{
	sqlite3_stmt *stmt = NULL;
	bool utf8 = false;

	if (sqlite3_prepare_v2(s->db, "pragma encoding", -1, &stmt, NULL) ==
		SQLITE_OK &&
	    sqlite3_step(stmt) == SQLITE_ROW)
		utf8 = strcmp((const char *)sqlite3_column_text(stmt, 0),
			      "UTF-8") == 0;
	sqlite3_finalize(stmt);
	if (!utf8)
		return failed(f, EX_CONFIG,
			      "%s: the database is in UTF-16, whose order is "
			      "not that of keys; leave -k to retl-sort(1)",
			      s->file);
	return 0;
}

static int get_ready_to_wrap(struct sqlite *s, struct failure *f)
{
	if (check_encoding(s, f) < 0)
		return -1;
	sqlite3_create_function(s->db, "retl_shard", -1,
				SQLITE_UTF8 | SQLITE_DETERMINISTIC, NULL, shard,
				NULL, NULL);
	return 0;
}

static int compile(void *self, const struct sql_query *q, struct failure *f)
{
	struct sqlite *s = self;

	sqlite3_finalize(s->stmt);
	s->stmt = NULL;
	if (prepare(s, buf_str(&q->sql), f) < 0)
		return -1;
	return bind(s, s->session.args, f);
}

/* The library binds :name itself. */
static int take_query(void *self, struct sql_query *q, struct failure *f)
{
	const struct source_args *a = ((struct session *)self)->args;

	if (!a->query.s)
		return source_put_select(&q->sql, a->dataset, '"', f);
	/* What is wrapped has no room for a comment or a semicolon. */
	buf_adds(&q->sql,
		 sql_is_wrapped(a) ? sql_trim(&dialect, a->query) : a->query);
	return 0;
}

static int learn(void *self, const struct sql_query *q, struct failure *f)
{
	struct sqlite *s = self;

	if (compile(s, q, f) < 0 || name_columns(s, f) < 0)
		return -1;
	return sql_is_wrapped(s->session.args) ? get_ready_to_wrap(s, f) : 0;
}

static int run(void *self, const struct sql_query *q, struct failure *f)
{
	struct sqlite *s = self;

	/* Else it has been compiled already. */
	return sql_is_wrapped(s->session.args) ? compile(s, q, f) : 0;
}

static void *open_session(const struct source_args *a, struct failure *f)
{
	struct sqlite *s = xcalloc(1, sizeof *s);

	session_init(&s->session, a, &dialect);
	if (open_file(s, a->where, f) < 0) {
		sqlite_close(s);
		return NULL;
	}
	return s;
}

static const struct session_ops session = {
	.open = open_session,
	.prepare = take_query,
	.learn = learn,
	.must_learn = session_always,
	.run = run,
	.close = sqlite_close,
};

/* ---- rows ---- */

static int put_text(struct sqlite *s, struct rows *rows, int i,
		    sqlite3_value *v, struct failure *f)
{
	/* The text first, its length after that: the order is SQLite's. */
	const void *text = sqlite3_value_text(v);
	int n = sqlite3_value_bytes(v);

	if (!text)
		return failed(f, EX_OSERR, "out of memory");
	if (row_put_text(&rows->out.b, (struct str){ text, (size_t)n }) < 0)
		return row_fault(rows, &s->session.columns, (size_t)i,
				 "the text is not UTF-8", f);
	return 0;
}

static int put_blob(struct rows *rows, sqlite3_value *v, struct failure *f)
{
	const void *p = sqlite3_value_blob(v);
	int n = sqlite3_value_bytes(v);

	if (!p && n)
		return failed(f, EX_OSERR, "out of memory");
	row_put_base64(rows, p, (size_t)n);
	return 0;
}

static int put_value(struct sqlite *s, struct rows *rows, int i,
		     struct failure *f)
{
	/*
	 * "Unprotected", which matters to those who share a connection between
	 * threads; it spares the lock that each sqlite3_column_ call takes.
	 */
	sqlite3_value *v = sqlite3_column_value(s->stmt, i);

	column_put(&rows->out.b, &s->session.columns, (size_t)i);
	switch (sqlite3_value_type(v)) {
	case SQLITE_INTEGER:
		row_put_int(rows, sqlite3_value_int64(v));
		return 0;
	case SQLITE_FLOAT:
		row_put_double(rows, &s->session.columns, (size_t)i,
			       sqlite3_value_double(v));
		return 0;
	case SQLITE_TEXT:
		return put_text(s, rows, i, v, f);
	case SQLITE_BLOB:
		return put_blob(rows, v, f);
	default:
		buf_addz(&rows->out.b, "null");
		return 0;
	}
}

static int put_row(struct sqlite *s, struct rows *rows, struct failure *f)
{
	int n = (int)s->session.columns.n;

	for (int i = 0; i < n; i++)
		if (put_value(s, rows, i, f) < 0)
			return -1;
	buf_addc(&rows->out.b, '}');
	return rows_end(rows, f);
}

/* The schema may have changed between preparing and the first step. */
static int check_columns(struct sqlite *s, struct rows *rows, struct failure *f)
{
	if (rows->out.n_records == 0)
		return name_columns(s, f);
	return 0;
}

static int sqlite_next(void *self, struct rows *rows, struct failure *f)
{
	struct sqlite *s = self;

	switch (sqlite3_step(s->stmt)) {
	case SQLITE_ROW:
		if (check_columns(s, rows, f) < 0 || put_row(s, rows, f) < 0)
			return -1;
		return 1;
	case SQLITE_DONE:
		return 0;
	default:
		return give_up(s, false, f);
	}
}

static int sqlite_list(const struct source_args *a, struct buf *names,
		       struct failure *f)
{
	static const char sql[] =
	    "select name from pragma_table_list where schema = 'main' and "
	    "type in ('table', 'view', 'virtual') and "
	    "name not like 'sqlite\\_%' escape '\\' order by name";
	struct sqlite *s = open_session(a, f);
	int code = SQLITE_ROW, ret = -1;

	if (!s)
		return -1;
	if (prepare(s, STR(sql), f) < 0)
		goto out;
	while ((code = sqlite3_step(s->stmt)) == SQLITE_ROW) {
		const char *name =
		    (const char *)sqlite3_column_text(s->stmt, 0);

		source_put_name(names, str_of(name));
		buf_addc(names, '\n');
	}
	ret = code == SQLITE_DONE ? 0 : give_up(s, false, f);
out:
	sqlite_close(s);
	return ret;
}

const struct source source_sqlite = {
	.has_datasets = true,
	.can_order = true,
	.can_shard = true,
	.session = &session,
	.next = sqlite_next,
	.list = sqlite_list,
};
