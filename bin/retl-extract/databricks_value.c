/* SPDX-License-Identifier: MIT */
#include "bin/retl-extract/databricks.h"

#include "bin/retl-extract/instant.h"

static const struct {
	const char *name;
	enum databricks_type type;
	enum column_kind kind;
} types[] = {
	{ "BOOLEAN", DATABRICKS_BOOLEAN, COLUMN_BOOL },
	{ "BYTE", DATABRICKS_INTEGER, COLUMN_INTEGER },
	{ "SHORT", DATABRICKS_INTEGER, COLUMN_INTEGER },
	{ "INT", DATABRICKS_INTEGER, COLUMN_INTEGER },
	{ "LONG", DATABRICKS_INTEGER, COLUMN_INTEGER },
	{ "FLOAT", DATABRICKS_FLOAT, COLUMN_FLOAT },
	{ "DOUBLE", DATABRICKS_DOUBLE, COLUMN_FLOAT },
	{ "DECIMAL", DATABRICKS_DECIMAL, COLUMN_DECIMAL },
	{ "DATE", DATABRICKS_TEXT, COLUMN_DATE },
	{ "TIMESTAMP", DATABRICKS_TIMESTAMP, COLUMN_TIMESTAMPTZ },
	{ "TIMESTAMP_NTZ", DATABRICKS_NTZ, COLUMN_TIMESTAMP },
	{ "BINARY", DATABRICKS_TEXT, COLUMN_BINARY },
	{ "ARRAY", DATABRICKS_JSON, COLUMN_ARRAY },
	{ "STRUCT", DATABRICKS_JSON, COLUMN_OBJECT },
	{ "MAP", DATABRICKS_JSON, COLUMN_OBJECT },
	{ "VARIANT", DATABRICKS_JSON, COLUMN_JSON },
};

enum databricks_type databricks_type_of(struct str column, struct columns *c)
{
	struct buf name = BUF_INIT;
	struct str v;
	size_t i = 0;

	if (json_type(column) == JSON_OBJECT &&
	    json_find(column, STR("type_name"), &v) == 1 &&
	    json_type(v) == JSON_STRING)
		json_unescape(&name, (struct str){ v.s + 1, v.n - 2 });
	while (i < ARRAY_LEN(types) && strcmp(name.data, types[i].name) != 0)
		i++;
	columns_set_type(c, i < ARRAY_LEN(types) ? types[i].kind : COLUMN_TEXT,
			 name.data);
	buf_release(&name);
	return i < ARRAY_LEN(types) ? types[i].type : DATABRICKS_TEXT;
}

/* Digits at the beginning of t, n of them; -1: they are not there. */
static int take_digits(struct str *t, size_t n, int *out)
{
	*out = 0;
	if (t->n < n)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (!isdigit((unsigned char)t->s[i]))
			return -1;
		*out = *out * 10 + t->s[i] - '0';
	}
	*t = (struct str){ t->s + n, t->n - n };
	return 0;
}

static bool take_char(struct str *t, const char *which)
{
	if (!t->n || !strchr(which, *t->s))
		return false;
	*t = (struct str){ t->s + 1, t->n - 1 };
	return true;
}

static int take_zone(struct str *t, int *minutes)
{
	bool west;
	int h, m = 0;

	*minutes = 0;
	if (!t->n || take_char(t, "Z"))
		return 0;
	west = *t->s == '-';
	if (!take_char(t, "+-") || take_digits(t, 2, &h) < 0)
		return -1;
	take_char(t, ":");
	if (t->n && take_digits(t, 2, &m) < 0)
		return -1;
	*minutes = (h * 60 + m) * (west ? -1 : 1);
	return 0;
}

/* "2024-01-31T12:00:00.500Z", with a blank for the T, with or without a zone.
 */
static int put_timestamp(struct buf *out, struct str t, bool zulu)
{
	struct tm tm = { .tm_isdst = 0 };
	uint32_t nanos = 0, unit = 100000000;
	int minutes;

	if (take_digits(&t, 4, &tm.tm_year) < 0 || !take_char(&t, "-") ||
	    take_digits(&t, 2, &tm.tm_mon) < 0 || !take_char(&t, "-") ||
	    take_digits(&t, 2, &tm.tm_mday) < 0 || !take_char(&t, "T ") ||
	    take_digits(&t, 2, &tm.tm_hour) < 0 || !take_char(&t, ":") ||
	    take_digits(&t, 2, &tm.tm_min) < 0 || !take_char(&t, ":") ||
	    take_digits(&t, 2, &tm.tm_sec) < 0)
		return -1;
	if (take_char(&t, "."))
		for (; t.n && isdigit((unsigned char)*t.s); unit /= 10) {
			nanos += (uint32_t)(*t.s - '0') * unit;
			take_char(&t, "0123456789");
		}
	if (take_zone(&t, &minutes) < 0 || t.n)
		return -1;
	tm.tm_year -= 1900;
	tm.tm_mon--;
	return instant_put(out, (int64_t)timegm(&tm) - minutes * 60, nanos,
			   zulu);
}

static int put_number(struct rows *rows, const struct columns *c, size_t i,
		      enum databricks_type type, struct str text)
{
	char number[64], *end;
	double d;

	if (str_is(text, "NaN") || str_is(text, "Infinity") ||
	    str_is(text, "-Infinity")) {
		row_put_nan(rows, c, i);
		return 0;
	}
	snprintf(number, sizeof number, "%.*s", STR_ARG(text));
	d = strtod(number, &end);
	if (text.n >= sizeof number || *end || !text.n)
		return -1;
	if (type == DATABRICKS_FLOAT)
		row_put_float(rows, c, i, (float)d);
	else
		row_put_double(rows, c, i, d);
	return 0;
}

int databricks_put_value(struct rows *rows, const struct columns *c, size_t i,
			 enum databricks_type type, struct str text,
			 struct failure *f)
{
	struct buf *out = &rows->out.b;
	const char *what;

	switch (type) {
	case DATABRICKS_BOOLEAN:
		if (!str_is(text, "true") && !str_is(text, "false"))
			return row_fault(rows, c, i, "is no boolean", f);
		buf_adds(out, text);
		return 0;
	case DATABRICKS_INTEGER:
	case DATABRICKS_DECIMAL:
		if (!row_is_number(text))
			return row_fault(rows, c, i, "is no number", f);
		row_put_digits(rows, text, type == DATABRICKS_DECIMAL);
		return 0;
	case DATABRICKS_FLOAT:
	case DATABRICKS_DOUBLE:
		if (put_number(rows, c, i, type, text) < 0)
			return row_fault(rows, c, i, "is no number", f);
		return 0;
	case DATABRICKS_TIMESTAMP:
	case DATABRICKS_NTZ:
		buf_addc(out, '"');
		if (put_timestamp(out, text, type == DATABRICKS_TIMESTAMP) < 0)
			return row_fault(rows, c, i, "is no date and time", f);
		buf_addc(out, '"');
		return 0;
	case DATABRICKS_JSON:
		if (row_put_json(out, text, 1, &what) < 0)
			return row_fault(rows, c, i, what, f);
		return 0;
	default:
		if (row_put_text(out, text) < 0)
			return row_fault(rows, c, i, "is not UTF-8", f);
		return 0;
	}
}
