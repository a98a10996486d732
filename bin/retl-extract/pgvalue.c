/* SPDX-License-Identifier: MIT */
#include "bin/retl-extract/pgvalue.h"

#define MAX_DIMENSIONS 6 /* PostgreSQL's own limit */

/* Built-in types have had these numbers since they were added. */
static const struct type {
	unsigned oid, array;
	enum pg_kind kind;
} types[] = {
	{ 16, 1000, PG_BOOL },          /* boolean */
	{ 17, 1001, PG_BYTEA },         /* bytea */
	{ 19, 1003, PG_TEXT },          /* name */
	{ 20, 1016, PG_INTEGER },       /* bigint */
	{ 21, 1005, PG_INTEGER },       /* smallint */
	{ 23, 1007, PG_INTEGER },       /* integer */
	{ 25, 1009, PG_TEXT },          /* text */
	{ 26, 1028, PG_INTEGER },       /* oid */
	{ 114, 199, PG_JSON },          /* json */
	{ 700, 1021, PG_FLOAT },        /* real */
	{ 701, 1022, PG_FLOAT },        /* double precision */
	{ 1042, 1014, PG_TEXT },        /* char(n) */
	{ 1043, 1015, PG_TEXT },        /* varchar */
	{ 1082, 1182, PG_TEXT },        /* date */
	{ 1083, 1183, PG_TEXT },        /* time */
	{ 1114, 1115, PG_TIMESTAMP },   /* timestamp */
	{ 1184, 1185, PG_TIMESTAMPTZ }, /* timestamptz */
	{ 1186, 1187, PG_TEXT },        /* interval */
	{ 1266, 1270, PG_TEXT },        /* timetz */
	{ 1700, 1231, PG_DECIMAL },     /* numeric */
	{ 2950, 2951, PG_TEXT },        /* uuid */
	{ 3802, 3807, PG_JSON },        /* jsonb */
};

/* ---- one value ---- */

static int bad_cell(const struct pg_cell *c, const char *what)
{
	return row_fault(c->rows, c->columns, c->column, what, c->f);
}

static size_t skip_digits(struct str v, size_t i)
{
	while (i < v.n && v.s[i] >= '0' && v.s[i] <= '9')
		i++;
	return i;
}

/* As RFC 8259 spells numbers; PostgreSQL does, relatives of it may not. */
static bool is_number(struct str v)
{
	size_t i = v.n && *v.s == '-', j = skip_digits(v, i);

	if (j == i || (v.s[i] == '0' && j > i + 1))
		return false;
	i = j;
	if (i < v.n && v.s[i] == '.') {
		j = skip_digits(v, i + 1);
		if (j == i + 1)
			return false;
		i = j;
	}
	if (i < v.n && (v.s[i] == 'e' || v.s[i] == 'E')) {
		i++;
		if (i < v.n && (v.s[i] == '+' || v.s[i] == '-'))
			i++;
		j = skip_digits(v, i);
		if (j == i)
			return false;
		i = j;
	}
	return i == v.n;
}

static bool is_nan(struct str v)
{
	return str_is(v, "NaN") || str_is(v, "Infinity") ||
	       str_is(v, "-Infinity");
}

static int put_number(const struct pg_cell *c, enum pg_kind kind, struct str v)
{
	if (is_nan(v))
		row_put_nan(c->rows, c->columns, c->column);
	else if (!is_number(v))
		return bad_cell(c, "not a number as JSON writes them");
	else if (kind == PG_FLOAT)
		buf_adds(&c->rows->out.b, v);
	else
		row_put_digits(c->rows, v, kind == PG_DECIMAL);
	return 0;
}

static int put_text(const struct pg_cell *c, struct str v)
{
	if (row_put_text(&c->rows->out.b, v) < 0)
		return bad_cell(c, "the text is not UTF-8");
	return 0;
}

/*
 * "2024-01-31 12:00:00.5+00": RFC 3339. What that has no words for, infinity
 * and the years before 1, stays as the server writes it.
 */
static int put_timestamp(const struct pg_cell *c, bool zoned, struct str v)
{
	struct buf *out = &c->rows->out.b;
	const char *blank = memchr(v.s, ' ', v.n);
	bool utc = v.n > 3 && memcmp(v.s + v.n - 3, "+00", 3) == 0;
	size_t at = blank ? (size_t)(blank - v.s) : 0;

	/* Letters: infinity, BC. */
	if (!blank || (zoned && !utc) || strspn(v.s, "0123456789-:.+ ") < v.n)
		return put_text(c, v);
	buf_addc(out, '"');
	buf_add(out, v.s, at);
	buf_addc(out, 'T');
	buf_add(out, blank + 1, v.n - at - 1 - (zoned ? 3 : 0));
	if (zoned)
		buf_addc(out, 'Z');
	buf_addc(out, '"');
	return 0;
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int put_bytea(const struct pg_cell *c, struct str v)
{
	struct buf *bytes = c->bytes;

	if (v.n % 2 || v.n < 2 || memcmp(v.s, "\\x", 2) != 0)
		return bad_cell(c, "bytes that are not in hexadecimal form");
	buf_reset(bytes);
	for (size_t i = 2; i < v.n; i += 2) {
		int high = hex_value(v.s[i]), low = hex_value(v.s[i + 1]);

		if (high < 0 || low < 0)
			return bad_cell(c, "bytes that are not in hexadecimal "
					   "form");
		buf_addc(bytes, (char)(high << 4 | low));
	}
	row_put_base64(c->rows, bytes->data, bytes->len);
	return 0;
}

static int put_scalar(const struct pg_cell *c, enum pg_kind kind, struct str v)
{
	const char *what;

	switch (kind) {
	case PG_BOOL:
		buf_addz(&c->rows->out.b, *v.s == 't' ? "true" : "false");
		return 0;
	case PG_INTEGER:
	case PG_DECIMAL:
	case PG_FLOAT:
		return put_number(c, kind, v);
	case PG_TIMESTAMP:
	case PG_TIMESTAMPTZ:
		return put_timestamp(c, kind == PG_TIMESTAMPTZ, v);
	case PG_BYTEA:
		return put_bytea(c, v);
	case PG_JSON:
		if (row_put_json(&c->rows->out.b, v, c->level, &what) < 0)
			return bad_cell(c, what);
		return 0;
	default:
		return put_text(c, v);
	}
}

/* ---- arrays: {1,NULL,"a,\"b"} ---- */

static int bad_array(const struct pg_cell *c)
{
	return bad_cell(c, "not an array as PostgreSQL writes them");
}

/* The element at *p, in c->s->element. *quoted: so "NULL" is a text. */
static void take_element(const struct pg_cell *c, const char **p,
			 const char *end, bool *quoted)
{
	struct buf *text = c->element;
	const char *q = *p;

	buf_reset(text);
	*quoted = q < end && *q == '"';
	if (*quoted) {
		for (q++; q < end && *q != '"'; q++) {
			if (*q == '\\' && q + 1 < end)
				q++;
			buf_addc(text, *q);
		}
		q += q < end;
	} else {
		while (q < end && *q != ',' && *q != '}')
			buf_addc(text, *q++);
	}
	*p = q;
}

/* p is at the opening brace; *p is behind the closing one afterwards. */
static int put_array(struct pg_cell *c, enum pg_kind kind, const char **p,
		     const char *end)
{
	struct buf *out = &c->rows->out.b;
	bool quoted;

	if (*p == end || **p != '{' || c->level > MAX_DIMENSIONS)
		return bad_array(c);
	c->level++;
	buf_addc(out, '[');
	if (++*p < end && **p == '}')
		goto out;
	for (;;) {
		if (*p < end && **p == '{') {
			if (put_array(c, kind, p, end) < 0)
				return -1;
		} else {
			take_element(c, p, end, &quoted);
			if (!quoted && str_is(buf_str(c->element), "NULL"))
				buf_addz(out, "null");
			else if (put_scalar(c, kind, buf_str(c->element)) < 0)
				return -1;
		}
		if (*p == end || (**p != ',' && **p != '}'))
			return bad_array(c);
		if (**p == '}')
			break;
		buf_addc(out, ',');
		++*p;
	}
out:
	++*p;
	c->level--;
	buf_addc(out, ']');
	return 0;
}

static int put_whole_array(struct pg_cell *c, enum pg_kind kind, struct str v)
{
	const char *p = v.s, *end = v.s + v.n;

	/* "[0:2]={...}": where its numbering begins is no part of the value. */
	if (v.n && *p == '[') {
		p = memchr(v.s, '=', v.n);
		if (!p)
			return bad_array(c);
		p++;
	}
	if (put_array(c, kind, &p, end) < 0)
		return -1;
	return p == end ? 0 : bad_array(c);
}

/* ---- any value ---- */

struct pg_type pg_type_of(unsigned oid)
{
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (types[i].oid == oid || types[i].array == oid)
			return (struct pg_type){ types[i].kind,
						 types[i].array == oid };
	return (struct pg_type){ PG_TEXT, false };
}

int pg_put_value(struct pg_cell *c, struct pg_type type, struct str v)
{
	if (type.is_array)
		return put_whole_array(c, type.kind, v);
	return put_scalar(c, type.kind, v);
}
