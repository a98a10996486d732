/* SPDX-License-Identifier: MIT */
/*
 * Whatever has an ODBC driver, through unixODBC. Rows come many at a time
 * where every column has a length that can be known, else one at a time, and
 * each value in pieces: what a driver cuts off in silence otherwise, comes
 * whole that way. Texts travel as UTF-16, the one encoding that drivers agree
 * on. The end is proved by SQL_NO_DATA, of the rows and of the results: a
 * driver that runs several statements would else have the first one sealed.
 */
#include "bin/retl-extract/source.h"

#include <sql.h>
#include <sqlext.h>
#include <sqlucode.h>
#include <strings.h>

#include "bin/retl-extract/cancel.h"
#include "bin/retl-extract/session.h"
#include "bin/retl-extract/sqlite.h"
#include "common/mem.h"
#include "common/msg.h"

#define LOGIN_TIMEOUT_S 30
#define ROWS_AT_ONCE 100
#define LONGEST_BOUND 1000 /* characters of a text that is bound */
#define PIECE 32768        /* bytes of a value that comes in pieces */

struct odbc_column {
	SQLSMALLINT type;   /* of the column */
	SQLSMALLINT c_type; /* that it is asked for as */
	bool is_long;
	char *data; /* room for ROWS_AT_ONCE values of size bytes */
	size_t size;
	SQLLEN *lengths;
};

struct odbc {
	struct session session;
	SQLHENV env;
	SQLHDBC dbc;
	SQLHSTMT stmt;
	bool connected;
	bool is_sqlite;
	bool runs; /* the query has been compiled */
	struct odbc_column *column;
	size_t n_columns;
	bool in_pieces;
	SQLULEN n, at; /* rows that came together, and the next of them */
	SQLUSMALLINT states[ROWS_AT_ONCE]; /* what became of each */
	struct sql_dialect dialect;
	struct buf wide, text; /* to work in */
	SQLWCHAR **params;
	SQLLEN *param_lengths;
	size_t n_params;
};

/* ---- UTF-16 ---- */

/* UTF-8 that is right becomes UTF-16, with a 0 behind it. */
static SQLWCHAR *wide_of(struct str s, size_t *n)
{
	SQLWCHAR *out = xcalloc(s.n + 1, sizeof *out);
	size_t k = 0;

	for (size_t i = 0; i < s.n;) {
		unsigned char c = (unsigned char)s.s[i++];
		unsigned more = c < 0xc0 ? 0 : c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;
		uint32_t u = more ? c & (0x3fu >> more) : c;

		for (; more && i < s.n; more--)
			u = u << 6 | ((unsigned char)s.s[i++] & 0x3f);
		if (u >= 0x10000) {
			out[k++] = (SQLWCHAR)(0xd7c0 + (u >> 10));
			u = 0xdc00 | (u & 0x3ff);
		}
		out[k++] = (SQLWCHAR)u;
	}
	*n = k;
	return out;
}

static void put_code_point(struct buf *out, uint32_t u)
{
	if (u < 0x80) {
		buf_addc(out, (char)u);
		return;
	}
	if (u < 0x800) {
		buf_addc(out, (char)(0xc0 | u >> 6));
	} else {
		if (u < 0x10000) {
			buf_addc(out, (char)(0xe0 | u >> 12));
		} else {
			buf_addc(out, (char)(0xf0 | u >> 18));
			buf_addc(out, (char)(0x80 | (u >> 12 & 0x3f)));
		}
		buf_addc(out, (char)(0x80 | (u >> 6 & 0x3f)));
	}
	buf_addc(out, (char)(0x80 | (u & 0x3f)));
}

/* Half a pair stays what it is, and is refused as text later. */
static void put_wide(struct buf *out, const char *p, size_t bytes)
{
	for (size_t i = 0; i + 1 < bytes; i += 2) {
		uint16_t a, b = 0;
		uint32_t u;

		memcpy(&a, p + i, 2);
		if (i + 3 < bytes)
			memcpy(&b, p + i + 2, 2);
		u = a;
		if ((a & 0xfc00) == 0xd800 && (b & 0xfc00) == 0xdc00) {
			u = 0x10000 + ((uint32_t)(a & 0x3ff) << 10) +
			    (b & 0x3ff);
			i += 2;
		}
		put_code_point(out, u);
	}
}

/* ---- errors ---- */

static int status_of(const char *sqlstate, bool connected)
{
	static const struct {
		const char *begins;
		int status;
	} table[] = {
		{ "28", EX_NOPERM },   { "42501", EX_NOPERM },
		{ "42", EX_CONFIG },   { "IM", EX_CONFIG },
		{ "07", EX_CONFIG },   { "HYC", EX_CONFIG },
		{ "S0", EX_CONFIG },   { "25006", EX_CONFIG },
		{ "40", EX_TEMPFAIL }, { "HYT", EX_TEMPFAIL },
		{ "57", EX_TEMPFAIL }, { "53", EX_TEMPFAIL },
		{ "HY001", EX_OSERR }, { "2", EX_DATAERR },
	};

	if (str_starts(str_of(sqlstate), "08"))
		return connected ? EX_TEMPFAIL : EX_UNAVAILABLE;
	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		if (str_starts(str_of(sqlstate), table[i].begins))
			return table[i].status;
	return EX_UNAVAILABLE;
}

/* SQLite's driver says HY000 to everything, with the library's own number. */
static int status_of_sqlite(SQLINTEGER number, bool compiling)
{
	if (number <= 0)
		return compiling ? EX_CONFIG : EX_UNAVAILABLE;
	return sqlite_status(number, compiling);
}

/* Messages about values quote them. */
static void put_message(struct buf *out, struct str text, bool hide)
{
	bool quoted = false;

	for (size_t i = 0; i < text.n && text.s[i] != '\n'; i++) {
		bool quote = text.s[i] == '\'' || text.s[i] == '"';

		if (quote && hide) {
			quoted = !quoted;
			buf_addz(out, quoted ? "'..." : "'");
		} else if (!quoted) {
			buf_addc(out, text.s[i]);
		}
	}
}

static int give_up(struct odbc *s, SQLSMALLINT kind, SQLHANDLE handle,
		   struct failure *f)
{
	SQLWCHAR state[6] = { 0 }, text[1024] = { 0 };
	struct buf message = BUF_INIT;
	SQLSMALLINT n = 0;
	SQLINTEGER number = 0;
	char sqlstate[6] = "HY000";

	buf_reset(&s->text);
	if (SQL_SUCCEEDED(SQLGetDiagRecW(kind, handle, 1, state, &number, text,
					 ARRAY_LEN(text), &n))) {
		for (size_t i = 0; i < 5; i++)
			sqlstate[i] = (char)state[i];
		n = (SQLSMALLINT)MIN((size_t)n, ARRAY_LEN(text) - 1);
		put_wide(&s->text, (const char *)text, (size_t)n * 2);
	}
	put_message(&message, buf_str(&s->text), *sqlstate == '2');
	failed(f,
	       s->is_sqlite ? status_of_sqlite(number, !s->runs)
			    : status_of(sqlstate, s->connected),
	       "odbc: %s (SQLSTATE %s)", message.data, sqlstate);
	buf_release(&message);
	return -1;
}

static int statement_failed(struct odbc *s, struct failure *f)
{
	return give_up(s, SQL_HANDLE_STMT, s->stmt, f);
}

/* In the thread that saw the signal. */
static void cancel(void *arg)
{
	SQLCancel(arg);
}

static void odbc_close(void *self)
{
	struct odbc *s = self;

	cancel_unwatch();
	if (s->stmt) {
		SQLCancel(s->stmt);
		SQLFreeHandle(SQL_HANDLE_STMT, s->stmt);
	}
	if (s->connected) {
		SQLEndTran(SQL_HANDLE_DBC, s->dbc, SQL_ROLLBACK);
		SQLDisconnect(s->dbc);
	}
	if (s->dbc)
		SQLFreeHandle(SQL_HANDLE_DBC, s->dbc);
	if (s->env)
		SQLFreeHandle(SQL_HANDLE_ENV, s->env);
	for (size_t i = 0; i < s->n_columns; i++) {
		free(s->column[i].data);
		free(s->column[i].lengths);
	}
	for (size_t i = 0; i < s->n_params; i++)
		free(s->params[i]);
	free(s->params);
	free(s->param_lengths);
	free(s->column);
	columns_release(&s->session.columns);
	buf_release(&s->wide);
	buf_release(&s->text);
	free(s);
}

/* ---- connecting ---- */

/* "DSN=x;UID=y", or the name of a data source by itself. */
static int put_connection(struct buf *out, const char *where, struct failure *f)
{
	const char *password = getenv("RETL_ODBC_PASSWORD");

	if (!*where)
		return failed(f, EX_USAGE,
			      "odbc: a data source is missing: odbc:NAME, or "
			      "odbc:Driver=...;Server=...");
	if (strcasestr(where, "pwd=") || strcasestr(where, "password="))
		return failed(f, EX_USAGE,
			      "odbc: there is a password in the URL, where "
			      "everybody can see it; put it into odbc.ini or "
			      "RETL_ODBC_PASSWORD");
	buf_addf(out, strchr(where, '=') ? "%s" : "DSN=%s", where);
	if (!password)
		return 0;
	msg_hide(password, strlen(password));
	buf_addz(out, ";PWD={");
	for (; *password; password++) {
		if (*password == '}')
			buf_addc(out, '}');
		buf_addc(out, *password);
	}
	buf_addc(out, '}');
	return 0;
}

static int do_connect(struct odbc *s, const char *where, struct failure *f)
{
	struct buf text = BUF_INIT;
	SQLWCHAR *wide;
	SQLSMALLINT unused;
	size_t n;
	SQLRETURN r;

	if (put_connection(&text, where, f) < 0)
		return -1;
	wide = wide_of(buf_str(&text), &n);
	r = SQLDriverConnectW(s->dbc, NULL, wide, (SQLSMALLINT)n, NULL, 0,
			      &unused, SQL_DRIVER_NOPROMPT);
	free(wide);
	buf_release(&text);
	if (!SQL_SUCCEEDED(r))
		return give_up(s, SQL_HANDLE_DBC, s->dbc, f);
	s->connected = true;
	return 0;
}

/* Texts would be in the order of a collation that nobody can name. */
static int put_order(struct buf *out, const struct columns *c, size_t i,
		     struct str name, const char **why)
{
	enum column_kind kind = c->v[i].kind;

	if (kind != COLUMN_INTEGER && kind != COLUMN_DECIMAL &&
	    kind != COLUMN_FLOAT && kind != COLUMN_DATE) {
		*why = "anything but numbers and dates";
		return -1;
	}
	buf_adds(out, name);
	return 0;
}

static void take_quote(struct odbc *s)
{
	SQLWCHAR quote[4] = { 0 };
	SQLSMALLINT n = 0;

	s->dialect = (struct sql_dialect){ .name = "ODBC",
					   .quote = '"',
					   .marks = SQL_QUESTION,
					   .put_order = put_order };
	if (SQL_SUCCEEDED(SQLGetInfoW(s->dbc, SQL_IDENTIFIER_QUOTE_CHAR, quote,
				      sizeof quote, &n)) &&
	    (quote[0] == '`' || quote[0] == '"'))
		s->dialect.quote = (char)quote[0];
}

static int new_statement(struct odbc *s, struct failure *f)
{
	if (s->stmt)
		SQLFreeHandle(SQL_HANDLE_STMT, s->stmt);
	s->stmt = NULL;
	if (!SQL_SUCCEEDED(SQLAllocHandle(SQL_HANDLE_STMT, s->dbc, &s->stmt)))
		return give_up(s, SQL_HANDLE_DBC, s->dbc, f);
	/* Whatever odbc.ini says: nothing is cut in silence. */
	SQLSetStmtAttrW(s->stmt, SQL_ATTR_MAX_ROWS, 0, 0);
	SQLSetStmtAttrW(s->stmt, SQL_ATTR_MAX_LENGTH, 0, 0);
	return 0;
}

static int do_sql(struct odbc *s, struct str sql, struct failure *f)
{
	size_t n;
	SQLWCHAR *wide = wide_of(sql, &n);
	int ret = new_statement(s, f);

	if (ret == 0 &&
	    !SQL_SUCCEEDED(SQLExecDirectW(s->stmt, wide, (SQLINTEGER)n)))
		ret = statement_failed(s, f);
	free(wide);
	return ret;
}

/*
 * What the server's own settings would do in silence: a moment comes without
 * its zone, which so must be the same for everybody, and a sql_select_limit
 * cuts every result.
 */
static int set_up_session(struct odbc *s, struct failure *f)
{
	SQLWCHAR dbms[64] = { 0 };
	SQLSMALLINT bytes = 0;
	int ret = 0;

	if (!SQL_SUCCEEDED(
		SQLGetInfoW(s->dbc, SQL_DBMS_NAME, dbms, sizeof dbms, &bytes)))
		return 0;
	buf_reset(&s->text);
	for (size_t i = 0; i < ARRAY_LEN(dbms) && dbms[i]; i++)
		buf_addc(&s->text, (char)dbms[i]);
	s->is_sqlite = str_is(buf_str(&s->text), "SQLite");
	if (str_is(buf_str(&s->text), "PostgreSQL"))
		ret = do_sql(s, STR("SET TIME ZONE 'UTC'"), f);
	else if (str_is(buf_str(&s->text), "MySQL") ||
		 str_is(buf_str(&s->text), "MariaDB"))
		ret = do_sql(s,
			     STR("SET SESSION time_zone = '+00:00', "
				 "sql_select_limit = 18446744073709551615"),
			     f);
	return ret;
}

static void *open_session(const struct source_args *a, struct failure *f)
{
	struct odbc *s = xcalloc(1, sizeof *s);
	SQLPOINTER version = (SQLPOINTER)(uintptr_t)SQL_OV_ODBC3;
	SQLPOINTER timeout = (SQLPOINTER)(uintptr_t)LOGIN_TIMEOUT_S;

	session_init(&s->session, a, &s->dialect);
	s->wide = s->text = BUF_INIT;
	SQLAllocHandle(SQL_HANDLE_ENV, SQL_NULL_HANDLE, &s->env);
	SQLSetEnvAttr(s->env, SQL_ATTR_ODBC_VERSION, version, 0);
	SQLAllocHandle(SQL_HANDLE_DBC, s->env, &s->dbc);
	SQLSetConnectAttrW(s->dbc, SQL_ATTR_LOGIN_TIMEOUT, timeout, 0);
	if (do_connect(s, a->where, f) < 0) {
		odbc_close(s);
		return NULL;
	}
	/* Hints, for drivers that take them: nothing is ever committed. */
	SQLSetConnectAttrW(s->dbc, SQL_ATTR_ACCESS_MODE,
			   (SQLPOINTER)(uintptr_t)SQL_MODE_READ_ONLY, 0);
	SQLSetConnectAttrW(s->dbc, SQL_ATTR_AUTOCOMMIT,
			   (SQLPOINTER)(uintptr_t)SQL_AUTOCOMMIT_OFF, 0);
	take_quote(s);
	if (set_up_session(s, f) < 0) {
		odbc_close(s);
		return NULL;
	}
	return s;
}

/* ---- columns ---- */

static enum column_kind kind_of(SQLSMALLINT type)
{
	switch (type) {
	case SQL_BIT:
		return COLUMN_BOOL;
	case SQL_TINYINT:
	case SQL_SMALLINT:
	case SQL_INTEGER:
	case SQL_BIGINT:
		return COLUMN_INTEGER;
	case SQL_DECIMAL:
	case SQL_NUMERIC:
		return COLUMN_DECIMAL;
	case SQL_REAL:
	case SQL_FLOAT:
	case SQL_DOUBLE:
		return COLUMN_FLOAT;
	case SQL_TYPE_DATE:
		return COLUMN_DATE;
	case SQL_TYPE_TIME:
		return COLUMN_TIME;
	case SQL_TYPE_TIMESTAMP:
		return COLUMN_TIMESTAMP;
	case SQL_BINARY:
	case SQL_VARBINARY:
	case SQL_LONGVARBINARY:
		return COLUMN_BINARY;
	default:
		return COLUMN_TEXT;
	}
}

/* As what a column is asked for, and how many bytes a value may have. */
static void plan(struct odbc_column *c, SQLULEN characters)
{
	switch (kind_of(c->type)) {
	case COLUMN_BOOL:
	case COLUMN_INTEGER:
	case COLUMN_DECIMAL:
		c->c_type = SQL_C_CHAR;
		c->size = 128;
		break;
	case COLUMN_FLOAT:
		c->c_type = c->type == SQL_REAL ? SQL_C_FLOAT : SQL_C_DOUBLE;
		c->size = sizeof(double);
		break;
	case COLUMN_DATE:
		c->c_type = SQL_C_TYPE_DATE;
		c->size = sizeof(SQL_DATE_STRUCT);
		break;
	case COLUMN_TIME:
		c->c_type = SQL_C_TYPE_TIME;
		c->size = sizeof(SQL_TIME_STRUCT);
		break;
	case COLUMN_TIMESTAMP:
		c->c_type = SQL_C_TYPE_TIMESTAMP;
		c->size = sizeof(SQL_TIMESTAMP_STRUCT);
		break;
	default:
		c->c_type = kind_of(c->type) == COLUMN_BINARY ? SQL_C_BINARY
							      : SQL_C_WCHAR;
		c->is_long = !characters || characters > LONGEST_BOUND ||
			     c->type == SQL_LONGVARCHAR ||
			     c->type == SQL_WLONGVARCHAR ||
			     c->type == SQL_LONGVARBINARY;
		c->size = c->is_long ? PIECE : (characters + 1) * 4;
	}
}

static int add_column(struct odbc *s, SQLUSMALLINT i, struct failure *f)
{
	struct odbc_column *c = &s->column[i];
	SQLWCHAR name[512];
	SQLSMALLINT n = 0, digits, nullable;
	SQLULEN size = 0;

	if (!SQL_SUCCEEDED(SQLDescribeColW(s->stmt, i + 1, name,
					   ARRAY_LEN(name), &n, &c->type, &size,
					   &digits, &nullable)))
		return statement_failed(s, f);
	buf_reset(&s->text);
	put_wide(&s->text, (const char *)name,
		 MIN((size_t)n, ARRAY_LEN(name) - 1) * 2);
	if (columns_add(&s->session.columns, buf_str(&s->text), f) < 0)
		return failed(f, f->status, "odbc: %s", f->text.data);
	columns_set_type(&s->session.columns, kind_of(c->type), "");
	plan(c, size);
	s->in_pieces |= c->is_long;
	return 0;
}

static int take_columns(struct odbc *s, struct failure *f)
{
	SQLSMALLINT n = 0;

	if (!SQL_SUCCEEDED(SQLNumResultCols(s->stmt, &n)))
		return statement_failed(s, f);
	if (n <= 0)
		return failed(f, EX_CONFIG, "odbc: the query gives no rows");
	columns_release(&s->session.columns);
	free(s->column);
	s->in_pieces = false;
	s->column = xcalloc((size_t)n, sizeof *s->column);
	s->n_columns = (size_t)n;
	for (SQLUSMALLINT i = 0; i < n; i++)
		if (add_column(s, i, f) < 0)
			return -1;
	return 0;
}

/* ---- the query ---- */

static int compile(struct odbc *s, const struct sql_query *q, struct failure *f)
{
	SQLWCHAR *sql;
	size_t n;
	SQLRETURN r;

	if (new_statement(s, f) < 0)
		return -1;
	sql = wide_of(buf_str(&q->sql), &n);
	r = SQLPrepareW(s->stmt, sql, (SQLINTEGER)n);
	free(sql);
	return SQL_SUCCEEDED(r) ? 0 : statement_failed(s, f);
}

static int bind_params(struct odbc *s, const struct sql_query *q,
		       struct failure *f)
{
	s->params = xcalloc(q->n, sizeof *s->params);
	s->param_lengths = xcalloc(q->n, sizeof *s->param_lengths);
	s->n_params = q->n;
	for (size_t i = 0; i < q->n; i++) {
		const struct param *p = q->values[i];
		size_t n;

		s->params[i] = wide_of(p->value, &n);
		s->param_lengths[i] =
		    p->null ? SQL_NULL_DATA : (SQLLEN)(n * sizeof(SQLWCHAR));
		if (!SQL_SUCCEEDED(SQLBindParameter(
			s->stmt, (SQLUSMALLINT)(i + 1), SQL_PARAM_INPUT,
			SQL_C_WCHAR, SQL_WVARCHAR, n ? n : 1, 0, s->params[i],
			(SQLLEN)((n + 1) * sizeof(SQLWCHAR)),
			&s->param_lengths[i])))
			return statement_failed(s, f);
	}
	return 0;
}

static int learn(void *self, const struct sql_query *q, struct failure *f)
{
	struct odbc *s = self;

	if (compile(s, q, f) < 0 || take_columns(s, f) < 0)
		return -1;
	s->runs = true;
	return 0;
}

/* Room for many rows; the driver fills it. */
static int bind_columns(struct odbc *s, struct failure *f)
{
	SQLPOINTER many = (SQLPOINTER)(uintptr_t)ROWS_AT_ONCE;

	if (!SQL_SUCCEEDED(
		SQLSetStmtAttrW(s->stmt, SQL_ATTR_ROW_ARRAY_SIZE, many, 0)))
		return statement_failed(s, f);
	SQLSetStmtAttrW(s->stmt, SQL_ATTR_ROWS_FETCHED_PTR, &s->n, 0);
	SQLSetStmtAttrW(s->stmt, SQL_ATTR_ROW_STATUS_PTR, s->states, 0);
	for (size_t i = 0; i < s->n_columns; i++) {
		struct odbc_column *c = &s->column[i];

		c->data = xcalloc(ROWS_AT_ONCE, c->size);
		c->lengths = xcalloc(ROWS_AT_ONCE, sizeof *c->lengths);
		if (!SQL_SUCCEEDED(SQLBindCol(s->stmt, (SQLUSMALLINT)(i + 1),
					      c->c_type, c->data,
					      (SQLLEN)c->size, c->lengths)))
			return statement_failed(s, f);
	}
	return 0;
}

static int run(void *self, const struct sql_query *q, struct failure *f)
{
	struct odbc *s = self;

	/* Else it has been compiled already. */
	if (sql_is_wrapped(s->session.args) && compile(s, q, f) < 0)
		return -1;
	if (bind_params(s, q, f) < 0)
		return -1;
	cancel_watch(cancel, s->stmt);
	if (!SQL_SUCCEEDED(SQLExecute(s->stmt)))
		return statement_failed(s, f);
	/* Some drivers know the types only now. */
	if (take_columns(s, f) < 0)
		return -1;
	return s->in_pieces ? 0 : bind_columns(s, f);
}

static const struct session_ops session = {
	.open = open_session,
	.learn = learn,
	.must_learn = session_always,
	.run = run,
	.close = odbc_close,
};

/* ---- values ---- */

static int put_digits(const struct odbc *s, struct rows *rows, size_t i,
		      struct str v, struct failure *f)
{
	struct buf number = BUF_INIT;
	int ret = 0;

	v = str_trim(v);
	/* ".50" and "-.50": some servers save the zero. */
	if (v.n && *v.s == '-') {
		buf_addc(&number, '-');
		v.s++;
		v.n--;
	}
	if (v.n && *v.s == '.')
		buf_addc(&number, '0');
	buf_adds(&number, v);
	if (row_is_number(buf_str(&number)))
		row_put_digits(rows, buf_str(&number),
			       kind_of(s->column[i].type) == COLUMN_DECIMAL);
	else
		ret = row_fault(rows, &s->session.columns, i,
				"not a number as JSON writes them", f);
	buf_release(&number);
	return ret;
}

static void put_moment(struct buf *out, const struct odbc_column *c,
		       const char *p)
{
	SQL_TIMESTAMP_STRUCT t;
	SQL_DATE_STRUCT d;
	SQL_TIME_STRUCT h;
	char fraction[16];
	size_t n;

	if (c->c_type == SQL_C_TYPE_DATE) {
		memcpy(&d, p, sizeof d);
		buf_addf(out, "\"%04d-%02u-%02u\"", d.year, d.month, d.day);
		return;
	}
	if (c->c_type == SQL_C_TYPE_TIME) {
		memcpy(&h, p, sizeof h);
		buf_addf(out, "\"%02u:%02u:%02u\"", h.hour, h.minute, h.second);
		return;
	}
	memcpy(&t, p, sizeof t);
	buf_addf(out, "\"%04d-%02u-%02uT%02u:%02u:%02u", t.year, t.month, t.day,
		 t.hour, t.minute, t.second);
	n = (size_t)snprintf(fraction, sizeof fraction, ".%09u",
			     (unsigned)t.fraction);
	while (fraction[n - 1] == '0')
		n--;
	if (n > 1)
		buf_add(out, fraction, n);
	buf_addc(out, '"');
}

static int put_text(struct odbc *s, struct rows *rows, size_t i, struct str v,
		    struct failure *f)
{
	buf_reset(&s->text);
	put_wide(&s->text, v.s, v.n);
	if (row_put_text(&rows->out.b, buf_str(&s->text)) < 0)
		return row_fault(rows, &s->session.columns, i,
				 "the text is not Unicode", f);
	return 0;
}

/* v: what the driver gave; .s NULL: NULL */
static int put_value(struct odbc *s, struct rows *rows, size_t i, struct str v,
		     struct failure *f)
{
	const struct odbc_column *c = &s->column[i];
	struct buf *out = &rows->out.b;
	double d;
	float single;

	column_put(out, &s->session.columns, i);
	if (!v.s) {
		buf_addz(out, "null");
		return 0;
	}
	switch (c->c_type) {
	case SQL_C_WCHAR:
		return put_text(s, rows, i, v, f);
	case SQL_C_BINARY:
		row_put_base64(rows, v.s, v.n);
		return 0;
	case SQL_C_DOUBLE:
		memcpy(&d, v.s, sizeof d);
		row_put_double(rows, &s->session.columns, i, d);
		return 0;
	case SQL_C_FLOAT:
		memcpy(&single, v.s, sizeof single);
		row_put_float(rows, &s->session.columns, i, single);
		return 0;
	case SQL_C_CHAR:
		if (c->type != SQL_BIT)
			return put_digits(s, rows, i, v, f);
		buf_addz(out, v.n && *v.s == '1' ? "true" : "false");
		return 0;
	default:
		put_moment(out, c, v.s);
		return 0;
	}
}

/* ---- rows ---- */

/* One value, however long, into s->wide. *null: there is none. */
static int get_data(struct odbc *s, const struct rows *rows, size_t i,
		    bool *null, struct failure *f)
{
	const struct odbc_column *c = &s->column[i];
	size_t end = c->c_type == SQL_C_WCHAR  ? sizeof(SQLWCHAR)
		     : c->c_type == SQL_C_CHAR ? 1
					       : 0;
	struct buf *b = &s->wide;
	SQLLEN length = 0;
	SQLRETURN r;

	buf_reset(b);
	*null = false;
	do {
		buf_reserve(b, PIECE);
		r = SQLGetData(s->stmt, (SQLUSMALLINT)(i + 1), c->c_type,
			       b->data + b->len, PIECE, &length);
		if (r == SQL_NO_DATA)
			break;
		if (!SQL_SUCCEEDED(r))
			return statement_failed(s, f);
		if (length == SQL_NULL_DATA) {
			*null = true;
			return 0;
		}
		/* More than fits, or they cannot say: the piece is full. */
		if (length == SQL_NO_TOTAL || (size_t)length > PIECE - end)
			b->len += PIECE - end;
		else
			b->len += (size_t)length;
		if (b->len > 2 * rows->max_record)
			return row_fault(rows, &s->session.columns, i,
					 "longer than --max-record", f);
	} while (r == SQL_SUCCESS_WITH_INFO);
	return 0;
}

static int put_row_in_pieces(struct odbc *s, struct rows *rows,
			     struct failure *f)
{
	for (size_t i = 0; i < s->n_columns; i++) {
		bool null;

		if (get_data(s, rows, i, &null, f) < 0 ||
		    put_value(s, rows, i, null ? STR_NONE : buf_str(&s->wide),
			      f) < 0)
			return -1;
	}
	return 0;
}

static int put_row_of_many(struct odbc *s, struct rows *rows, struct failure *f)
{
	/* It may be the only one that failed, and the fetch did not. */
	if (s->states[s->at] == SQL_ROW_ERROR ||
	    s->states[s->at] == SQL_ROW_NOROW)
		return statement_failed(s, f);
	for (size_t i = 0; i < s->n_columns; i++) {
		const struct odbc_column *c = &s->column[i];
		SQLLEN n = c->lengths[s->at];
		struct str v = { c->data + s->at * c->size, (size_t)n };

		if (n == SQL_NULL_DATA)
			v = STR_NONE;
		else if (n < 0 || (size_t)n > c->size)
			return row_fault(rows, &s->session.columns, i,
					 "is longer than its driver says; "
					 "cast it to a long type",
					 f);
		if (put_value(s, rows, i, v, f) < 0)
			return -1;
	}
	s->at++;
	return 0;
}

/* The rows are at their end: 0, if nothing stands behind them. */
static int at_end(struct odbc *s, struct failure *f)
{
	SQLRETURN r = SQLMoreResults(s->stmt);

	if (r == SQL_NO_DATA)
		return 0;
	if (!SQL_SUCCEEDED(r))
		return statement_failed(s, f);
	return failed(f, EX_CONFIG,
		      "odbc: the query gives more than one result: expected "
		      "one statement");
}

/* The next row, or the next ones. */
static int fetch(struct odbc *s, struct failure *f)
{
	SQLRETURN r;

	s->n = s->at = 0;
	memset(s->states, 0, sizeof s->states);
	r = SQLFetch(s->stmt);
	if (r == SQL_NO_DATA)
		return at_end(s, f);
	if (!SQL_SUCCEEDED(r))
		return statement_failed(s, f);
	if (s->in_pieces)
		return 1;
	if (!s->n || s->n > ROWS_AT_ONCE)
		return failed(f, EX_UNAVAILABLE,
			      "odbc: the driver does not say how many rows it "
			      "has given");
	return 1;
}

static int odbc_next(void *self, struct rows *rows, struct failure *f)
{
	struct odbc *s = self;
	int ret;

	if (s->in_pieces || s->at == s->n) {
		ret = fetch(s, f);
		if (ret <= 0)
			return ret;
	}
	ret = s->in_pieces ? put_row_in_pieces(s, rows, f)
			   : put_row_of_many(s, rows, f);
	if (ret < 0)
		return -1;
	buf_addc(&rows->out.b, '}');
	return rows_end(rows, f) < 0 ? -1 : 1;
}

/* ---- tables ---- */

static int odbc_list(const struct source_args *a, struct buf *names,
		     struct failure *f)
{
	enum { SCHEMA = 1, NAME = 2 };
	static SQLWCHAR types[] = { 'T', 'A', 'B', 'L', 'E',
				    ',', 'V', 'I', 'E', 'W' };
	struct rows unused = { .max_record = NDJSON_MAX_RECORD };
	struct odbc *s = open_session(a, f);
	bool null;
	int ret = -1;

	if (!s)
		return -1;
	if (new_statement(s, f) < 0 ||
	    (!SQL_SUCCEEDED(SQLTablesW(s->stmt, NULL, 0, NULL, 0, NULL, 0,
				       types, ARRAY_LEN(types))) &&
	     statement_failed(s, f) < 0) ||
	    take_columns(s, f) < 0)
		goto out;
	s->column[SCHEMA].c_type = s->column[NAME].c_type = SQL_C_WCHAR;
	while (SQL_SUCCEEDED(SQLFetch(s->stmt))) {
		for (size_t i = SCHEMA; i <= NAME; i++) {
			if (get_data(s, &unused, i, &null, f) < 0)
				goto out;
			buf_reset(&s->text);
			put_wide(&s->text, s->wide.data, s->wide.len);
			if (null || !s->text.len)
				continue;
			source_put_name(names, buf_str(&s->text));
			buf_addc(names, i == NAME ? '\n' : '.');
		}
	}
	ret = 0;
out:
	odbc_close(s);
	return ret;
}

const struct source source_odbc = {
	.has_datasets = true,
	.can_order = true,
	.session = &session,
	.next = odbc_next,
	.list = odbc_list,
};
