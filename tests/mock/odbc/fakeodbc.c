/* SPDX-License-Identifier: MIT */
/*
 * An ODBC driver that gives ROWS rows, as many at once as it is asked for, and
 * goes wrong in ways that the specification allows and few drivers show. Of
 * the connection string:
 *
 *	BAD=N     row N is SQL_ROW_ERROR, the rows behind it SQL_ROW_NOROW, and
 *	          SQLFetch says SQL_SUCCESS_WITH_INFO
 *	LONG=N    the name of row N is longer than its column, and cut off
 *	SILENT=1  nobody is told how many rows came
 */
#include <sql.h>
#include <sqlext.h>
#include <sqlucode.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ID, NAME, N_COLUMNS, NAME_MAX_CHARS = 40 };

static struct {
	unsigned long rows, bad, longer, silent, given;
	SQLULEN at_once, *fetched;
	SQLUSMALLINT *states;
	struct {
		char *data;
		SQLLEN size, *lengths;
	} column[N_COLUMNS];
	bool failed;
} fake = { .at_once = 1 };

/* ---- handles: there is one of each kind ---- */

SQLRETURN SQLAllocHandle(SQLSMALLINT kind, SQLHANDLE in, SQLHANDLE *out)
{
	(void)kind;
	(void)in;
	*out = malloc(1);
	return SQL_SUCCESS;
}

SQLRETURN SQLFreeHandle(SQLSMALLINT kind, SQLHANDLE h)
{
	(void)kind;
	free(h);
	return SQL_SUCCESS;
}

SQLRETURN SQLFreeStmt(SQLHSTMT h, SQLUSMALLINT option)
{
	(void)h;
	(void)option;
	return SQL_SUCCESS;
}

SQLRETURN SQLSetEnvAttr(SQLHENV h, SQLINTEGER name, SQLPOINTER v, SQLINTEGER n)
{
	(void)h;
	(void)name;
	(void)v;
	(void)n;
	return SQL_SUCCESS;
}

SQLRETURN SQLSetConnectAttrW(SQLHDBC h, SQLINTEGER name, SQLPOINTER v,
			     SQLINTEGER n)
{
	(void)h;
	(void)name;
	(void)v;
	(void)n;
	return SQL_SUCCESS;
}

static unsigned long option(const char *text, const char *name)
{
	const char *p = strstr(text, name);

	return p ? strtoul(p + strlen(name), NULL, 10) : 0;
}

SQLRETURN SQLDriverConnectW(SQLHDBC h, SQLHWND window, SQLWCHAR *in,
			    SQLSMALLINT n, SQLWCHAR *out, SQLSMALLINT most,
			    SQLSMALLINT *length, SQLUSMALLINT how)
{
	char text[1024] = "";

	(void)h;
	(void)window;
	(void)out;
	(void)most;
	(void)length;
	(void)how;
	for (size_t i = 0;
	     i + 1 < sizeof text && in[i] && (n < 0 || i < (size_t)n); i++)
		text[i] = (char)in[i];
	fake.rows = option(text, "ROWS=");
	fake.bad = option(text, "BAD=");
	fake.longer = option(text, "LONG=");
	fake.silent = option(text, "SILENT=");
	return SQL_SUCCESS;
}

SQLRETURN SQLDisconnect(SQLHDBC h)
{
	(void)h;
	return SQL_SUCCESS;
}

SQLRETURN SQLGetInfoW(SQLHDBC h, SQLUSMALLINT what, SQLPOINTER v, SQLSMALLINT n,
		      SQLSMALLINT *length)
{
	(void)h;
	(void)what;
	if (v && n > 0)
		memset(v, 0, (size_t)n);
	if (length)
		*length = 0;
	return SQL_SUCCESS;
}

SQLRETURN SQLEndTran(SQLSMALLINT kind, SQLHANDLE h, SQLSMALLINT how)
{
	(void)kind;
	(void)h;
	(void)how;
	return SQL_SUCCESS;
}

/* ---- the statement ---- */

SQLRETURN SQLPrepareW(SQLHSTMT h, SQLWCHAR *sql, SQLINTEGER n)
{
	(void)h;
	(void)sql;
	(void)n;
	return SQL_SUCCESS;
}

SQLRETURN SQLExecute(SQLHSTMT h)
{
	(void)h;
	return SQL_SUCCESS;
}

SQLRETURN SQLCancel(SQLHSTMT h)
{
	(void)h;
	return SQL_SUCCESS;
}

SQLRETURN SQLMoreResults(SQLHSTMT h)
{
	(void)h;
	return SQL_NO_DATA;
}

SQLRETURN SQLNumResultCols(SQLHSTMT h, SQLSMALLINT *n)
{
	(void)h;
	*n = N_COLUMNS;
	return SQL_SUCCESS;
}

SQLRETURN SQLDescribeColW(SQLHSTMT h, SQLUSMALLINT i, SQLWCHAR *name,
			  SQLSMALLINT most, SQLSMALLINT *n, SQLSMALLINT *type,
			  SQLULEN *size, SQLSMALLINT *digits,
			  SQLSMALLINT *nullable)
{
	const char *text = i == 1 ? "id" : "name";

	(void)h;
	*n = (SQLSMALLINT)strlen(text);
	for (SQLSMALLINT k = 0; k <= *n && k < most; k++)
		name[k] = (SQLWCHAR)text[k];
	*type = i == 1 ? SQL_BIGINT : SQL_VARCHAR;
	*size = i == 1 ? 19 : NAME_MAX_CHARS;
	*digits = 0;
	*nullable = SQL_NO_NULLS;
	return SQL_SUCCESS;
}

SQLRETURN SQLSetStmtAttrW(SQLHSTMT h, SQLINTEGER name, SQLPOINTER v,
			  SQLINTEGER n)
{
	(void)h;
	(void)n;
	if (name == SQL_ATTR_ROW_ARRAY_SIZE)
		fake.at_once = (SQLULEN)v;
	else if (name == SQL_ATTR_ROWS_FETCHED_PTR)
		fake.fetched = v;
	else if (name == SQL_ATTR_ROW_STATUS_PTR)
		fake.states = v;
	return SQL_SUCCESS;
}

SQLRETURN SQLBindCol(SQLHSTMT h, SQLUSMALLINT i, SQLSMALLINT type,
		     SQLPOINTER data, SQLLEN size, SQLLEN *lengths)
{
	(void)h;
	(void)type;
	fake.column[i - 1].data = data;
	fake.column[i - 1].size = size;
	fake.column[i - 1].lengths = lengths;
	return SQL_SUCCESS;
}

/* ---- rows ---- */

static void put_row(SQLULEN i, unsigned long id)
{
	char text[32];
	char *number = fake.column[ID].data + i * (SQLULEN)fake.column[ID].size;
	SQLWCHAR name[sizeof text];
	int n = snprintf(text, sizeof text, "%lu", id);

	memcpy(number, text, (size_t)n + 1);
	fake.column[ID].lengths[i] = n;
	n = snprintf(text, sizeof text, "row %lu", id);
	for (int k = 0; k <= n; k++)
		name[k] = (SQLWCHAR)text[k];
	memcpy(fake.column[NAME].data + i * (SQLULEN)fake.column[NAME].size,
	       name, ((size_t)n + 1) * sizeof *name);
	fake.column[NAME].lengths[i] = id == fake.longer
					   ? fake.column[NAME].size + 100
					   : (SQLLEN)(n * (int)sizeof *name);
}

SQLRETURN SQLFetch(SQLHSTMT h)
{
	SQLRETURN r = SQL_SUCCESS;
	SQLULEN n = 0;

	(void)h;
	if (fake.given == fake.rows)
		return SQL_NO_DATA;
	for (; n < fake.at_once && fake.given < fake.rows; n++) {
		unsigned long id = ++fake.given;
		bool fails = fake.bad && id >= fake.bad;

		if (!fails)
			put_row(n, id);
		if (fake.states)
			fake.states[n] = !fails           ? SQL_ROW_SUCCESS
					 : id == fake.bad ? SQL_ROW_ERROR
							  : SQL_ROW_NOROW;
		if (fails || id == fake.longer)
			r = SQL_SUCCESS_WITH_INFO;
		fake.failed |= fails;
	}
	if (fake.fetched && !fake.silent)
		*fake.fetched = n;
	return r;
}

SQLRETURN SQLGetDiagRecW(SQLSMALLINT kind, SQLHANDLE h, SQLSMALLINT i,
			 SQLWCHAR *state, SQLINTEGER *number, SQLWCHAR *text,
			 SQLSMALLINT most, SQLSMALLINT *n)
{
	static const char words[] = "on order", code[] = "22003";

	(void)kind;
	(void)h;
	if (i > 1 || !fake.failed || most < (SQLSMALLINT)sizeof words)
		return SQL_NO_DATA;
	for (size_t k = 0; k < sizeof code; k++)
		state[k] = (SQLWCHAR)code[k];
	for (size_t k = 0; k < sizeof words; k++)
		text[k] = (SQLWCHAR)words[k];
	*number = 1;
	*n = sizeof words - 1;
	return SQL_SUCCESS;
}

/* Without it the driver manager does not ask for records either. */
SQLRETURN SQLGetDiagFieldW(SQLSMALLINT kind, SQLHANDLE h, SQLSMALLINT i,
			   SQLSMALLINT field, SQLPOINTER v, SQLSMALLINT most,
			   SQLSMALLINT *n)
{
	(void)kind;
	(void)h;
	(void)i;
	(void)field;
	(void)v;
	(void)most;
	(void)n;
	return SQL_NO_DATA;
}
