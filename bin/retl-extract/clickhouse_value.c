/* SPDX-License-Identifier: MIT */
#include "bin/retl-extract/clickhouse.h"

/* What stands between the parentheses of NAME(...); false: it is no such. */
static bool unwrap(struct str *type, const char *name)
{
	size_t n = strlen(name);

	if (!str_starts(*type, name) || type->n < n + 2 || type->s[n] != '(' ||
	    type->s[type->n - 1] != ')')
		return false;
	type->s += n + 1;
	type->n -= n + 2;
	return true;
}

static struct str bare_type(struct str type)
{
	while (unwrap(&type, "Nullable") || unwrap(&type, "LowCardinality"))
		continue;
	return type;
}

static const struct {
	const char *begins;
	enum column_kind kind;
} kinds[] = {
	{ "Int", COLUMN_INTEGER },
	{ "UInt", COLUMN_INTEGER },
	{ "Decimal", COLUMN_DECIMAL },
	{ "Float", COLUMN_FLOAT },
	{ "BFloat", COLUMN_FLOAT },
	{ "Bool", COLUMN_BOOL },
	{ "DateTime", COLUMN_TIMESTAMPTZ },
	{ "Date", COLUMN_DATE },
	{ "Time", COLUMN_TIME },
	{ "String", COLUMN_TEXT },
	{ "FixedString", COLUMN_TEXT },
	{ "UUID", COLUMN_TEXT },
	{ "Enum", COLUMN_TEXT },
	{ "IPv", COLUMN_TEXT },
	{ "Array", COLUMN_ARRAY },
	{ "Nested", COLUMN_ARRAY },
	{ "Map", COLUMN_OBJECT },
	{ "JSON", COLUMN_JSON },
	{ "Object", COLUMN_JSON },
};

void click_column_parse(struct click_column *c, struct str type)
{
	type = bare_type(type);
	/* Tuples, intervals, states of aggregates: as they come. */
	*c = (struct click_column){ .kind = COLUMN_ANY };
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (str_starts(type, kinds[i].begins)) {
			c->kind = kinds[i].kind;
			break;
		}
	c->is_single = str_is(type, "Float32") || str_is(type, "BFloat16");
}

bool click_zone_differs(struct str type, const char *zone)
{
	const char *quote;

	type = bare_type(type);
	if (!str_starts(type, "DateTime"))
		return false;
	quote = memchr(type.s, '\'', type.n);
	if (quote) {
		type.n -= (size_t)(quote + 1 - type.s);
		type.s = quote + 1;
		quote = memchr(type.s, '\'', type.n);
		type.n = quote ? (size_t)(quote - type.s) : 0;
		return !str_is(type, zone);
	}
	return strcmp(zone, "UTC") != 0 && strcmp(zone, "Etc/UTC") != 0;
}

/* The text of a number, which may stand in quotes; scratch is to work in. */
static struct str number_text(struct str v, struct buf *scratch)
{
	return json_type(v) == JSON_STRING ? json_text(v, scratch) : v;
}

static void put_float(const struct click_column *c, struct rows *rows,
		      const struct columns *columns, size_t i, struct str text)
{
	char copy[64];

	if (text.n >= sizeof copy || !row_is_number(text)) {
		row_put_nan(rows, columns, i);
		return;
	}
	memcpy(copy, text.s, text.n);
	copy[text.n] = '\0';
	if (c->is_single)
		row_put_float(rows, columns, i, strtof(copy, NULL));
	else
		row_put_double(rows, columns, i, strtod(copy, NULL));
}

static int put_number(const struct click_column *c, struct rows *rows,
		      const struct columns *columns, size_t i, struct str text,
		      struct failure *f)
{
	if (c->kind == COLUMN_FLOAT)
		put_float(c, rows, columns, i, text);
	else if (row_is_number(text))
		row_put_digits(rows, text, c->kind == COLUMN_DECIMAL);
	else
		return row_fault(rows, columns, i,
				 "not a number as JSON writes them", f);
	return 0;
}

/*
 * "2024-01-31 12:00:00.500" or, in the ISO format, "2024-01-31T12:00:00.500Z".
 */
static void put_timestamp(struct buf *out, struct str text)
{
	if (text.n && text.s[text.n - 1] == 'Z')
		text.n--;
	if (memchr(text.s, '.', text.n)) {
		while (text.s[text.n - 1] == '0')
			text.n--;
		text.n -= text.s[text.n - 1] == '.';
	}
	buf_addc(out, '"');
	for (size_t i = 0; i < text.n; i++)
		buf_addc(out, i == 10 && text.s[i] == ' ' ? 'T' : text.s[i]);
	buf_addz(out, "Z\"");
}

int click_put_value(const struct click_column *c, struct rows *rows,
		    const struct columns *columns, size_t i, struct str v,
		    struct failure *f)
{
	struct buf *out = &rows->out.b, scratch = BUF_INIT;
	int ret = 0;

	if (json_type(v) == JSON_NULL) {
		buf_addz(out, "null");
		return 0;
	}
	switch (c->kind) {
	case COLUMN_INTEGER:
	case COLUMN_DECIMAL:
	case COLUMN_FLOAT:
		ret = put_number(c, rows, columns, i, number_text(v, &scratch),
				 f);
		break;
	case COLUMN_TIMESTAMPTZ:
		put_timestamp(out, number_text(v, &scratch));
		break;
	default:
		/* A slash has a backslash before it there, for no reason. */
		if (json_type(v) == JSON_STRING && memchr(v.s, '\\', v.n))
			json_put_str(out, json_text(v, &scratch));
		else
			json_put_compact(out, v);
	}
	buf_release(&scratch);
	return ret;
}
