/* SPDX-License-Identifier: MIT */
/*
 * SQLite databases, opened read-only. Types belong to values here, not to
 * columns, so every cell is asked for its own. One statement is one read
 * transaction: the rows are of one moment. The end is proved by SQLITE_DONE.
 */
#include "bin/retl-extract/source.h"

#include <sqlite3.h>

#include "common/mem.h"

#define BUSY_TIMEOUT_MS 5000

struct sqlite {
	const char *file;
	sqlite3 *db;
	sqlite3_stmt *stmt;
	struct columns columns;
};

/* Which exit status an error of the library comes to. */
static int status_of(int code)
{
	switch (code & 0xff) {
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

/* status 0: that of the error itself. */
static int give_up(struct sqlite *s, int status, const char *what,
		   struct failure *f)
{
	int code = sqlite3_extended_errcode(s->db);

	return failed(f, status ? status : status_of(code), "%s: %s%s", s->file,
		      what, sqlite3_errmsg(s->db));
}

static void sqlite_close(void *self)
{
	struct sqlite *s = self;

	sqlite3_finalize(s->stmt);
	sqlite3_close(s->db);
	columns_release(&s->columns);
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
		return give_up(s, 0, "", f);
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
	if (code == SQLITE_ERROR)
		return give_up(s, EX_CONFIG, "query: ", f);
	if (code != SQLITE_OK)
		return give_up(s, 0, "", f);
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
	int n = sqlite3_column_count(s->stmt);

	columns_release(&s->columns);
	for (int i = 0; i < n; i++) {
		const char *name = sqlite3_column_name(s->stmt, i);

		if (!name)
			return failed(f, EX_OSERR, "out of memory");
		if (columns_add(&s->columns, str_of(name), f) < 0)
			return failed(f, f->status, "%s: %s", s->file,
				      f->text.data);
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

static int bind_one(sqlite3_stmt *stmt, int i, struct str v)
{
	sqlite3_int64 n;
	double d;

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
		if (bind_one(s->stmt, i, p->value) != SQLITE_OK)
			return give_up(s, 0, "", f);
	}
	return source_check_params(a, f);
}

static int start(struct sqlite *s, const struct source_args *a,
		 struct failure *f)
{
	struct buf select = BUF_INIT;
	struct str sql = a->query;
	int ret;

	if (!sql.s) {
		if (source_put_select(&select, a->dataset, f) < 0) {
			buf_release(&select);
			return -1;
		}
		sql = buf_str(&select);
	}
	ret = prepare(s, sql, f);
	buf_release(&select);
	if (ret < 0 || name_columns(s, f) < 0)
		return -1;
	return bind(s, a, f);
}

static void *sqlite_open(const struct source_args *a, struct failure *f)
{
	struct sqlite *s = xcalloc(1, sizeof *s);

	s->columns = COLUMNS_INIT;
	if (open_file(s, a->where, f) < 0 || start(s, a, f) < 0) {
		sqlite_close(s);
		return NULL;
	}
	return s;
}

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
		return row_fault(rows, &s->columns, (size_t)i,
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

	column_put(&rows->out.b, &s->columns, (size_t)i);
	switch (sqlite3_value_type(v)) {
	case SQLITE_INTEGER:
		row_put_int(rows, sqlite3_value_int64(v));
		return 0;
	case SQLITE_FLOAT:
		row_put_double(rows, &s->columns, (size_t)i,
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
	int n = (int)s->columns.n;

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
		return give_up(s, 0, "", f);
	}
}

static int sqlite_list(const struct source_args *a, struct buf *names,
		       struct failure *f)
{
	static const char sql[] =
	    "select name from pragma_table_list where schema = 'main' and "
	    "type in ('table', 'view', 'virtual') and "
	    "name not like 'sqlite\\_%' escape '\\' order by name";
	struct sqlite *s = xcalloc(1, sizeof *s);
	int code = SQLITE_ROW, ret = -1;

	s->columns = COLUMNS_INIT;
	if (open_file(s, a->where, f) < 0 || prepare(s, STR(sql), f) < 0)
		goto out;
	while ((code = sqlite3_step(s->stmt)) == SQLITE_ROW) {
		const char *name =
		    (const char *)sqlite3_column_text(s->stmt, 0);

		source_put_name(names, str_of(name));
		buf_addc(names, '\n');
	}
	ret = code == SQLITE_DONE ? 0 : give_up(s, 0, "", f);
out:
	sqlite_close(s);
	return ret;
}

const struct source source_sqlite = {
	.has_datasets = true,
	.open = sqlite_open,
	.next = sqlite_next,
	.list = sqlite_list,
	.close = sqlite_close,
};
