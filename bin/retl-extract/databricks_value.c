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
	{ "BINARY", DATABRICKS_BINARY, COLUMN_BINARY },
	{ "ARRAY", DATABRICKS_JSON, COLUMN_ARRAY },
	{ "STRUCT", DATABRICKS_JSON, COLUMN_OBJECT },
	{ "MAP", DATABRICKS_JSON, COLUMN_OBJECT },
	{ "VARIANT", DATABRICKS_JSON, COLUMN_JSON },
};

enum databricks_type databricks_type_of(struct str column, struct columns *c)
{
	struct str v = json_member(column, "type_name", JSON_STRING);
	struct str text = json_member(column, "type_text", JSON_STRING);
	struct buf name = BUF_INIT;
	size_t i = 0;

	/* The names in the reference lack some types that there are. */
	if (!v.s || (text.s && json_text_is(text, "TIMESTAMP_NTZ")))
		v = text;
	if (v.s)
		json_unescape(&name, (struct str){ v.s + 1, v.n - 2 });
	while (i < ARRAY_LEN(types) && strcmp(name.data, types[i].name) != 0)
		i++;
	columns_set_type(c, i < ARRAY_LEN(types) ? types[i].kind : COLUMN_TEXT,
			 name.data);
	buf_release(&name);
	return i < ARRAY_LEN(types) ? types[i].type : DATABRICKS_TEXT;
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
		if (instant_put_text(out, text, type == DATABRICKS_TIMESTAMP) <
		    0)
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
