/* SPDX-License-Identifier: MIT */
#include "bin/retl-extract/pgvalue.h"

/* ---- one value ---- */

static int bad_cell(const struct pg_cell *c, const char *what)
{
	return row_fault(c->rows, c->columns, c->column, what, c->f);
}

static bool is_nan(struct str v)
{
	return str_is(v, "NaN") || str_is(v, "Infinity") ||
	       str_is(v, "-Infinity");
}

/* Relatives of PostgreSQL may spell numbers in their own way. */
static int put_number(const struct pg_cell *c, enum pg_kind kind, struct str v)
{
	if (is_nan(v))
		row_put_nan(c->rows, c->columns, c->column);
	else if (!row_is_number(v))
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

static int put_hex(struct pg_cell *c, struct str v)
{
	struct buf *bytes = &c->part[0];

	if (v.n % 2)
		return bad_cell(c, "bytes that are not in hexadecimal form");
	buf_reset(bytes);
	for (size_t i = 0; i < v.n; i += 2) {
		int high = hex_value(v.s[i]), low = hex_value(v.s[i + 1]);

		if (high < 0 || low < 0)
			return bad_cell(c, "bytes that are not in hexadecimal "
					   "form");
		buf_addc(bytes, (char)(high << 4 | low));
	}
	row_put_base64(c->rows, bytes->data, bytes->len);
	return 0;
}

static int put_bytea(struct pg_cell *c, struct str v)
{
	if (v.n < 2 || memcmp(v.s, "\\x", 2) != 0)
		return bad_cell(c, "bytes that are not in hexadecimal form");
	return put_hex(c, (struct str){ v.s + 2, v.n - 2 });
}

static int put_scalar(struct pg_cell *c, enum pg_kind kind, struct str v)
{
	const char *what;

	switch (kind) {
	case PG_BOOL:
		if (!str_is(v, "t") && !str_is(v, "f"))
			return bad_cell(c, "neither t nor f");
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
	case PG_HEX:
		return put_hex(c, v);
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

/* One container more. The buffer for its parts; NULL: too deep. */
static struct buf *enter(struct pg_cell *c)
{
	if (c->level > PG_MAX_DEPTH)
		return NULL;
	return &c->part[c->level++];
}

/*
 * The element at *p goes to text. *quoted: it stood in quotes, so that "NULL"
 * is a text.
 */
static void take_element(struct buf *text, char delimiter, const char **p,
			 const char *end, bool *quoted)
{
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
		while (q < end && *q != delimiter && *q != '}')
			buf_addc(text, *q++);
	}
	*p = q;
}

/* p is at the opening brace; *p is behind the closing one afterwards. */
static int put_array(struct pg_cell *c, const struct pg_type *type,
		     const char **p, const char *end)
{
	struct buf *out = &c->rows->out.b, *text;
	bool quoted;

	if (*p == end || **p != '{')
		return bad_array(c);
	text = enter(c);
	if (!text)
		return bad_cell(c, "nested too deep");
	buf_addc(out, '[');
	if (++*p < end && **p == '}')
		goto out;
	for (;;) {
		if (*p < end && **p == '{') {
			if (put_array(c, type, p, end) < 0)
				return -1;
		} else {
			take_element(text, type->delimiter, p, end, &quoted);
			if (!quoted && str_is(buf_str(text), "NULL"))
				buf_addz(out, "null");
			else if (pg_put_value(c, type->element, buf_str(text)) <
				 0)
				return -1;
		}
		if (*p == end || (**p != type->delimiter && **p != '}'))
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

static int put_whole_array(struct pg_cell *c, const struct pg_type *type,
			   struct str v)
{
	const char *p = v.s, *end = v.s + v.n;

	/* "[0:2]={...}": where its numbering begins is no part of the value. */
	if (v.n && *p == '[') {
		p = memchr(v.s, '=', v.n);
		if (!p)
			return bad_array(c);
		p++;
	}
	if (put_array(c, type, &p, end) < 0)
		return -1;
	return p == end ? 0 : bad_array(c);
}

/* ---- composites: (1,,"a ""b""") ---- */

/* The field at *p goes to text. False: it is null, which is nothing at all. */
static bool take_field(struct buf *text, const char **p, const char *end)
{
	const char *q = *p;
	bool in_quotes = false, any = false;

	buf_reset(text);
	for (; q < end && (in_quotes || (*q != ',' && *q != ')')); q++) {
		any = true;
		if (*q == '\\' && q + 1 < end)
			buf_addc(text, *++q);
		else if (*q != '"')
			buf_addc(text, *q);
		else if (in_quotes && q + 1 < end && q[1] == '"')
			buf_addc(text, *q++);
		else
			in_quotes = !in_quotes;
	}
	*p = q;
	return any;
}

static int put_composite(struct pg_cell *c, const struct pg_type *type,
			 struct str v)
{
	struct buf *out = &c->rows->out.b, *text = enter(c);
	const char *p = v.s + 1, *end = v.s + v.n;

	if (!text)
		return bad_cell(c, "nested too deep");
	if (v.n < 2 || *v.s != '(' || end[-1] != ')')
		return bad_cell(c, "not a row as PostgreSQL writes them");
	buf_addc(out, '{');
	for (size_t i = 0; i < type->n_fields; i++) {
		buf_adds(out, buf_str(&type->fields[i].prefix));
		if (!take_field(text, &p, end))
			buf_addz(out, "null");
		else if (pg_put_value(c, type->fields[i].type, buf_str(text)) <
			 0)
			return -1;
		/* Was the type altered, so that it has another number? */
		if (p == end || (*p == ')') != (i + 1 == type->n_fields))
			return bad_cell(c, "a row with more or fewer fields "
					   "than its type");
		p++;
	}
	buf_addc(out, '}');
	c->level--;
	return 0;
}

/* ---- any value ---- */

int pg_put_value(struct pg_cell *c, const struct pg_type *type, struct str v)
{
	if (type->kind == PG_ARRAY)
		return put_whole_array(c, type, v);
	if (type->kind == PG_COMPOSITE)
		return put_composite(c, type, v);
	return put_scalar(c, type->kind, v);
}
