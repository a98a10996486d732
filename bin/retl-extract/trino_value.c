/* SPDX-License-Identifier: MIT */
#include "bin/retl-extract/trino_value.h"

#include <math.h>

#define DEPTH_MAX 64

static const struct {
	const char *name;
	enum trino_type type;
	enum column_kind kind;
} types[] = {
	{ "boolean", TRINO_BOOLEAN, COLUMN_BOOL },
	{ "tinyint", TRINO_INTEGER, COLUMN_INTEGER },
	{ "smallint", TRINO_INTEGER, COLUMN_INTEGER },
	{ "integer", TRINO_INTEGER, COLUMN_INTEGER },
	{ "bigint", TRINO_INTEGER, COLUMN_INTEGER },
	{ "real", TRINO_DOUBLE, COLUMN_FLOAT },
	{ "double", TRINO_DOUBLE, COLUMN_FLOAT },
	{ "decimal", TRINO_DECIMAL, COLUMN_DECIMAL },
	{ "number", TRINO_DECIMAL, COLUMN_DECIMAL },
	{ "date", TRINO_DATE, COLUMN_DATE },
	{ "time", TRINO_TIME, COLUMN_TIME },
	{ "timestamp", TRINO_TIMESTAMP, COLUMN_TIMESTAMP },
	{ "timestamp with time zone", TRINO_TIMESTAMP_TZ, COLUMN_TIMESTAMPTZ },
	{ "varbinary", TRINO_BINARY, COLUMN_BINARY },
	{ "json", TRINO_JSON, COLUMN_JSON },
	{ "array", TRINO_ARRAY, COLUMN_ARRAY },
	{ "map", TRINO_MAP, COLUMN_OBJECT },
	{ "row", TRINO_ROW, COLUMN_OBJECT },
};

static struct str member(struct str obj, const char *name)
{
	struct str v;

	if (!obj.s || json_type(obj) != JSON_OBJECT ||
	    json_find(obj, str_of(name), &v) != 1)
		return STR_NONE;
	return v;
}

static size_t find_type(struct str signature)
{
	struct str raw = member(signature, "rawType");
	size_t i = 0;

	while (i < ARRAY_LEN(types) &&
	       !(raw.s && json_text_is(raw, types[i].name)))
		i++;
	return i;
}

static struct trino_column typed(struct str signature)
{
	size_t i = find_type(signature);

	return (struct trino_column){
		.signature = signature,
		.type = i < ARRAY_LEN(types) ? types[i].type : TRINO_OTHER,
	};
}

struct trino_column trino_column_of(struct str signature, struct columns *c)
{
	size_t i = find_type(signature);
	struct buf native = BUF_INIT;
	struct str raw = member(signature, "rawType");

	if (raw.s && json_type(raw) == JSON_STRING)
		json_unescape(&native, (struct str){ raw.s + 1, raw.n - 2 });
	columns_set_type(c, i < ARRAY_LEN(types) ? types[i].kind : COLUMN_TEXT,
			 native.data);
	buf_release(&native);
	return typed(signature);
}

/* ---- dates and times ---- */

static int two(const char *p)
{
	return (p[0] - '0') * 10 + p[1] - '0';
}

/* Does the text begin as the pattern, in which 0 is any digit? */
static bool looks(struct str t, const char *pattern)
{
	size_t n = strlen(pattern);

	for (size_t i = 0; i < n; i++)
		if (i >= t.n ||
		    (pattern[i] == '0' ? !isdigit((unsigned char)t.s[i])
				       : t.s[i] != pattern[i]))
			return false;
	return true;
}

/* ".500" at the beginning of t: how long, and how much of it counts. */
static void fraction(struct str t, size_t *n, size_t *counts)
{
	*n = *counts = 0;
	if (!t.n || *t.s != '.')
		return;
	for (*n = 1; *n < t.n && isdigit((unsigned char)t.s[*n]); ++*n)
		if (t.s[*n] != '0')
			*counts = *n + 1;
}

static int put_time(struct buf *out, struct str t)
{
	size_t n, counts;

	if (!looks(t, "00:00:00"))
		return -1;
	fraction((struct str){ t.s + 8, t.n - 8 }, &n, &counts);
	if (8 + n != t.n)
		return -1;
	buf_add(out, t.s, 8 + counts);
	return 0;
}

/* "2024-01-31 12:00:00.500" */
static int put_timestamp(struct buf *out, struct str t)
{
	if (!looks(t, "0000-00-00 00:00:00"))
		return -1;
	buf_add(out, t.s, 10);
	buf_addc(out, 'T');
	return put_time(out, (struct str){ t.s + 11, t.n - 11 });
}

/* The same and " UTC", or " +05:30"; *region: it is the name of one. */
static int put_timestamp_tz(struct buf *out, struct str t, bool *region)
{
	const char *blank = memrchr(t.s, ' ', t.n);
	struct str zone, at;
	size_t n, counts;
	struct tm tm = { .tm_isdst = 0 };
	time_t seconds;
	char text[24];
	int minutes;

	if (!looks(t, "0000-00-00 00:00:00") || blank == t.s + 10)
		return -1;
	at = (struct str){ t.s, (size_t)(blank - t.s) };
	zone = (struct str){ blank + 1, t.n - at.n - 1 };
	if (str_is(zone, "UTC") || str_is(zone, "Z") ||
	    str_is(zone, "+00:00")) {
		if (put_timestamp(out, at) < 0)
			return -1;
		buf_addc(out, 'Z');
		return 0;
	}
	if (zone.n != 6 || !(looks(zone, "+00:00") || looks(zone, "-00:00"))) {
		*region = true;
		return -1;
	}
	minutes = two(zone.s + 1) * 60 + two(zone.s + 4);
	tm.tm_year = two(at.s) * 100 + two(at.s + 2) - 1900;
	tm.tm_mon = two(at.s + 5) - 1;
	tm.tm_mday = two(at.s + 8);
	tm.tm_hour = two(at.s + 11);
	tm.tm_min = two(at.s + 14);
	tm.tm_sec = two(at.s + 17);
	seconds = timegm(&tm) + (*zone.s == '+' ? -60 : 60) * minutes;
	gmtime_r(&seconds, &tm);
	strftime(text, sizeof text, "%H:%M:%S", &tm);
	buf_addf(out, "%04d-%02d-%02dT%s", tm.tm_year + 1900, tm.tm_mon + 1,
		 tm.tm_mday, text);
	fraction((struct str){ at.s + 19, at.n - 19 }, &n, &counts);
	if (19 + n != at.n)
		return -1;
	buf_add(out, at.s + 19, counts);
	buf_addc(out, 'Z');
	return 0;
}

/* ---- values ---- */

struct put {
	struct rows *rows;
	const struct columns *columns;
	size_t column;
	struct buf *scratch;
	const char *what; /* is wrong */
};

static int wrong(struct put *p, const char *what)
{
	p->what = what;
	return -1;
}

static int put_double(struct put *p, struct str v)
{
	struct str text =
	    json_type(v) == JSON_STRING ? json_text(v, p->scratch) : v;
	char number[64], *end;
	double d;

	if (str_is(text, "NaN") || str_is(text, "Infinity") ||
	    str_is(text, "-Infinity")) {
		row_put_nan(p->rows, p->columns, p->column);
		return 0;
	}
	snprintf(number, sizeof number, "%.*s", STR_ARG(text));
	d = strtod(number, &end);
	if (text.n >= sizeof number || *end || !text.n)
		return wrong(p, "is no number");
	row_put_double(p->rows, p->columns, p->column, d);
	return 0;
}

static int put_decimal(struct put *p, struct str v)
{
	struct str text =
	    json_type(v) == JSON_STRING ? json_text(v, p->scratch) : v;

	if (!row_is_number(text))
		return wrong(p, "is no decimal number");
	row_put_digits(p->rows, text, true);
	return 0;
}

/* A value whose text is copied into a string, by one of the above. */
static int put_moment(struct put *p, enum trino_type type, struct str v)
{
	struct buf *out = &p->rows->out.b;
	struct str text;
	bool region = false;
	int got;

	if (json_type(v) != JSON_STRING)
		return wrong(p, "is no text");
	text = json_text(v, p->scratch);
	buf_addc(out, '"');
	if (type == TRINO_TIMESTAMP)
		got = put_timestamp(out, text);
	else if (type == TRINO_TIMESTAMP_TZ)
		got = put_timestamp_tz(out, text, &region);
	else
		got = put_time(out, text);
	buf_addc(out, '"');
	if (region)
		return wrong(p, "has a time zone by name, of which an hour a "
				"year means two; write AT TIME ZONE 'UTC' "
				"behind it in the query");
	return got < 0 ? wrong(p, "is no date and time that JSON could have")
		       : 0;
}

static int put_value(struct put *p, const struct trino_column *t, struct str v,
		     unsigned depth);

/* The i-th type among the arguments of a type; .s NULL: there is none. */
static struct str argument(struct str signature, size_t i, struct str *name)
{
	struct str list = member(signature, "arguments"), one, value;
	struct json_iter it;

	*name = STR_NONE;
	if (!list.s || json_type(list) != JSON_ARRAY)
		return STR_NONE;
	json_iter_init(&it, list);
	do
		if (!json_iter_element(&it, &one))
			return STR_NONE;
	while (i--);
	value = member(one, "value");
	if (!value.s || json_type(value) != JSON_OBJECT)
		return STR_NONE;
	if (member(value, "typeSignature").s) {
		*name = member(member(value, "fieldName"), "name");
		return member(value, "typeSignature");
	}
	return value;
}

static int put_array(struct put *p, const struct trino_column *t, struct str v,
		     unsigned depth)
{
	struct buf *out = &p->rows->out.b;
	struct str name, element;
	struct trino_column of = typed(argument(t->signature, 0, &name));
	struct json_iter it;
	char sep = '[';

	if (json_type(v) != JSON_ARRAY)
		return wrong(p, "is no array");
	json_iter_init(&it, v);
	while (json_iter_element(&it, &element)) {
		buf_addc(out, sep);
		sep = ',';
		if (put_value(p, &of, element, depth + 1) < 0)
			return -1;
	}
	buf_addz(out, sep == '[' ? "[]" : "]");
	return 0;
}

static int put_map(struct put *p, const struct trino_column *t, struct str v,
		   unsigned depth)
{
	struct buf *out = &p->rows->out.b;
	struct str name;
	struct trino_column of = typed(argument(t->signature, 1, &name));
	struct json_iter it;
	struct json_member m;
	char sep = '{';

	if (json_type(v) != JSON_OBJECT)
		return wrong(p, "is no map");
	json_iter_init(&it, v);
	while (json_iter_member(&it, &m)) {
		buf_addf(out, "%c\"%.*s\":", sep, STR_ARG(m.key));
		sep = ',';
		if (put_value(p, &of, m.val, depth + 1) < 0)
			return -1;
	}
	buf_addz(out, sep == '{' ? "{}" : "}");
	return 0;
}

/* The fields of a row come in their order, without their names. */
static int put_fields(struct put *p, const struct trino_column *t, struct str v,
		      unsigned depth)
{
	struct buf *out = &p->rows->out.b;
	struct json_iter it;
	struct str field;
	size_t i = 0;

	if (json_type(v) != JSON_ARRAY)
		return wrong(p, "is no row");
	json_iter_init(&it, v);
	while (json_iter_element(&it, &field)) {
		struct str name, signature = argument(t->signature, i, &name);
		struct trino_column of = typed(signature);

		if (!signature.s)
			return wrong(p, "has more fields than its type");
		buf_addc(out, i ? ',' : '{');
		if (name.s && json_type(name) == JSON_STRING)
			buf_adds(out, name);
		else
			buf_addf(out, "\"field%zu\"", i);
		buf_addc(out, ':');
		i++;
		if (put_value(p, &of, field, depth + 1) < 0)
			return -1;
	}
	buf_addz(out, i ? "}" : "{}");
	return 0;
}

static int put_json(struct put *p, struct str v, unsigned depth)
{
	const char *what;

	if (json_type(v) != JSON_STRING)
		return wrong(p, "is no text");
	if (row_put_json(&p->rows->out.b, json_text(v, p->scratch), depth + 1,
			 &what) < 0)
		return wrong(p, what);
	return 0;
}

static int put_other(struct put *p, struct str v)
{
	struct buf *out = &p->rows->out.b;

	if (json_type(v) != JSON_STRING)
		json_put_compact(out, v);
	else if (row_put_text(out, json_text(v, p->scratch)) < 0)
		return wrong(p, "is not UTF-8");
	return 0;
}

static int put_value(struct put *p, const struct trino_column *t, struct str v,
		     unsigned depth)
{
	if (depth > DEPTH_MAX)
		return wrong(p, "is nested too deeply");
	if (json_type(v) == JSON_NULL) {
		buf_addz(&p->rows->out.b, "null");
		return 0;
	}
	switch (t->type) {
	case TRINO_INTEGER:
		if (json_type(v) != JSON_NUMBER)
			return wrong(p, "is no number");
		row_put_digits(p->rows, v, false);
		return 0;
	case TRINO_DOUBLE:
		return put_double(p, v);
	case TRINO_DECIMAL:
		return put_decimal(p, v);
	case TRINO_TIME:
	case TRINO_TIMESTAMP:
	case TRINO_TIMESTAMP_TZ:
		return put_moment(p, t->type, v);
	case TRINO_JSON:
		return put_json(p, v, depth);
	case TRINO_ARRAY:
		return put_array(p, t, v, depth);
	case TRINO_MAP:
		return put_map(p, t, v, depth);
	case TRINO_ROW:
		return put_fields(p, t, v, depth);
	default:
		return put_other(p, v);
	}
}

int trino_put_value(struct rows *rows, const struct columns *c, size_t i,
		    const struct trino_column *t, struct str value,
		    struct buf *scratch, struct failure *f)
{
	struct put p = {
		.rows = rows, .columns = c, .column = i, .scratch = scratch
	};

	if (put_value(&p, t, value, 1) < 0)
		return row_fault(rows, c, i, p.what, f);
	return 0;
}
