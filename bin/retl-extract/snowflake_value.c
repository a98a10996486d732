/* SPDX-License-Identifier: MIT */
/*
 * Snowflake's values in the format jsonv2: every one is a text, whose meaning
 * its column's type tells. Decimals have their point in them; times are counts
 * of seconds or days.
 */
#include "bin/retl-extract/snowflake.h"

#include <strings.h>

#include "bin/retl-extract/instant.h"

static const struct {
	const char *name;
	enum snowflake_type type;
	enum column_kind kind;
} types[] = {
	{ "fixed", SNOWFLAKE_FIXED, COLUMN_DECIMAL },
	{ "real", SNOWFLAKE_REAL, COLUMN_FLOAT },
	{ "float", SNOWFLAKE_REAL, COLUMN_FLOAT },
	{ "decfloat", SNOWFLAKE_DECFLOAT, COLUMN_DECIMAL },
	{ "text", SNOWFLAKE_TEXT, COLUMN_TEXT },
	{ "boolean", SNOWFLAKE_BOOLEAN, COLUMN_BOOL },
	{ "date", SNOWFLAKE_DATE, COLUMN_DATE },
	{ "time", SNOWFLAKE_TIME, COLUMN_TIME },
	{ "timestamp_ntz", SNOWFLAKE_NTZ, COLUMN_TIMESTAMP },
	{ "timestamp_ltz", SNOWFLAKE_LTZ, COLUMN_TIMESTAMPTZ },
	{ "timestamp_tz", SNOWFLAKE_TZ, COLUMN_TIMESTAMPTZ },
	{ "binary", SNOWFLAKE_BINARY, COLUMN_BINARY },
	{ "variant", SNOWFLAKE_JSON, COLUMN_JSON },
	{ "object", SNOWFLAKE_JSON, COLUMN_JSON },
	{ "map", SNOWFLAKE_JSON, COLUMN_JSON },
	{ "array", SNOWFLAKE_JSON, COLUMN_JSON },
	{ "vector", SNOWFLAKE_JSON, COLUMN_JSON },
	{ "geography", SNOWFLAKE_JSON, COLUMN_JSON },
	{ "geometry", SNOWFLAKE_JSON, COLUMN_JSON },
};

enum snowflake_type snowflake_type_of(struct str row_type, struct columns *c)
{
	struct str name = json_get(row_type, "type");
	struct str scale = json_get(row_type, "scale");
	enum snowflake_type type = SNOWFLAKE_TEXT;
	enum column_kind kind = COLUMN_ANY;
	char text[32] = "";

	if (name.s && json_type(name) == JSON_STRING && name.n < sizeof text)
		snprintf(text, sizeof text, "%.*s", (int)name.n - 2,
			 name.s + 1);
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (strcasecmp(text, types[i].name) == 0) {
			type = types[i].type;
			kind = types[i].kind;
		}
	if (type == SNOWFLAKE_FIXED && scale.s && str_is(scale, "0")) {
		type = SNOWFLAKE_INTEGER;
		kind = COLUMN_INTEGER;
	}
	columns_set_type(c, kind, text);
	return type;
}

/* ---- values ---- */

static int put_number(struct rows *rows, struct str text, bool decimal)
{
	if (!row_is_number(text))
		return -1;
	row_put_digits(rows, text, decimal);
	return 0;
}

static int put_real(struct rows *rows, const struct columns *c, size_t i,
		    struct str text)
{
	char digits[64], *end;
	double d;

	if (!text.n || text.n >= sizeof digits)
		return -1;
	memcpy(digits, text.s, text.n);
	digits[text.n] = '\0';
	d = strtod(digits, &end);
	if (*end)
		return -1;
	row_put_double(rows, c, i, d);
	return 0;
}

static int put_boolean(struct buf *out, struct str text)
{
	bool yes = str_is(text, "true") || str_is(text, "1");

	if (!yes && !str_is(text, "false") && !str_is(text, "0"))
		return -1;
	buf_addz(out, yes ? "true" : "false");
	return 0;
}

static int put_date(struct buf *out, struct str text)
{
	int64_t days;
	uint32_t nanos;

	if (instant_parse(text, &days, &nanos) < 0 || nanos)
		return -1;
	buf_addc(out, '"');
	if (instant_put_date(out, days) < 0)
		return -1;
	buf_addc(out, '"');
	return 0;
}

static int put_time(struct buf *out, struct str text)
{
	int64_t seconds;
	uint32_t nanos;

	if (instant_parse(text, &seconds, &nanos) < 0)
		return -1;
	buf_addc(out, '"');
	if (instant_put_time(out, seconds, nanos) < 0)
		return -1;
	buf_addc(out, '"');
	return 0;
}

static int put_timestamp(struct buf *out, struct str text, bool zulu)
{
	int64_t seconds;
	uint32_t nanos;

	if (instant_parse(text, &seconds, &nanos) < 0)
		return -1;
	buf_addc(out, '"');
	if (instant_put(out, seconds, nanos, zulu) < 0)
		return -1;
	buf_addc(out, '"');
	return 0;
}

/* "1700000000.5 1560": behind the instant, how it was written down. */
static int put_zoned(struct buf *out, struct str text)
{
	struct str instant;

	if (!str_split(&text, ' ', &instant) || !text.s)
		return -1;
	return put_timestamp(out, instant, true);
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int put_binary(struct rows *rows, struct str text)
{
	struct buf raw = BUF_INIT;
	int ret = text.n % 2 ? -1 : 0;

	for (size_t i = 0; ret == 0 && i < text.n; i += 2) {
		int hi = hex_digit(text.s[i]), lo = hex_digit(text.s[i + 1]);

		if (hi < 0 || lo < 0)
			ret = -1;
		else
			buf_addc(&raw, (char)(hi << 4 | lo));
	}
	if (ret == 0)
		row_put_base64(rows, raw.data, raw.len);
	buf_release(&raw);
	return ret;
}

/* An SQL NULL within an array is written as undefined. */
static void put_defined(struct buf *out, struct str text)
{
	static const struct str word = { "undefined", 9 };
	bool quoted = false;

	for (size_t i = 0; i < text.n; i++) {
		char c = text.s[i];

		if (!quoted && c == 'u' && text.n - i >= word.n &&
		    memcmp(text.s + i, word.s, word.n) == 0) {
			buf_addz(out, "null");
			i += word.n - 1;
			continue;
		}
		if (quoted && c == '\\' && i + 1 < text.n) {
			buf_addc(out, c);
			c = text.s[++i];
		} else if (c == '"') {
			quoted = !quoted;
		}
		buf_addc(out, c);
	}
}

static int put_json(struct buf *out, struct str text, const char **what)
{
	struct buf defined = BUF_INIT;
	int ret;

	if (!memmem(text.s, text.n, "undefined", 9))
		return row_put_json(out, text, 1, what);
	put_defined(&defined, text);
	ret = row_put_json(out, buf_str(&defined), 1, what);
	buf_release(&defined);
	return ret;
}

int snowflake_put_value(struct rows *rows, const struct columns *c, size_t i,
			enum snowflake_type type, struct str text,
			struct failure *f)
{
	struct buf *out = &rows->out.b;
	const char *what = "not a value of its type";
	int ret = -1;

	switch (type) {
	case SNOWFLAKE_FIXED:
	case SNOWFLAKE_DECFLOAT:
		ret = put_number(rows, text, true);
		break;
	case SNOWFLAKE_INTEGER:
		ret = put_number(rows, text, false);
		break;
	case SNOWFLAKE_REAL:
		ret = put_real(rows, c, i, text);
		break;
	case SNOWFLAKE_TEXT:
		ret = row_put_text(out, text);
		break;
	case SNOWFLAKE_BOOLEAN:
		ret = put_boolean(out, text);
		break;
	case SNOWFLAKE_DATE:
		ret = put_date(out, text);
		break;
	case SNOWFLAKE_TIME:
		ret = put_time(out, text);
		break;
	case SNOWFLAKE_NTZ:
	case SNOWFLAKE_LTZ:
		ret = put_timestamp(out, text, type == SNOWFLAKE_LTZ);
		break;
	case SNOWFLAKE_TZ:
		ret = put_zoned(out, text);
		break;
	case SNOWFLAKE_BINARY:
		ret = put_binary(rows, text);
		break;
	case SNOWFLAKE_JSON:
		ret = put_json(out, text, &what);
		break;
	}
	return ret < 0 ? row_fault(rows, c, i, what, f) : 0;
}
