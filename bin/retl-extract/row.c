/* SPDX-License-Identifier: MIT */
#include "bin/retl-extract/row.h"

#include <math.h>

#include "common/enc.h"
#include "common/mem.h"
#include "common/msg.h"
#include "common/record.h"
#include "common/utf8.h"

/* Integers beyond this are not all doubles: 2^53 - 1. */
#define SAFE_INTEGER INT64_C(9007199254740991)

void rows_init(struct rows *r, int fd, const char *name)
{
	*r = (struct rows){ .limit = UINT64_MAX,
			    .max_record = NDJSON_MAX_RECORD };
	out_init(&r->out, fd, name);
}

void rows_release(struct rows *r)
{
	buf_release(&r->out.b);
}

int rows_end(struct rows *r, struct failure *f)
{
	if (UNLIKELY(r->out.b.len - r->start > r->max_record))
		return failed(f, EX_DATAERR,
			      "row %" PRIu64 ": longer than %zu bytes "
			      "(--max-record raises that)",
			      rows_number(r), r->max_record);
	if (r->cursor && cursor_take(r->cursor,
				     (struct str){ r->out.b.data + r->start,
						   r->out.b.len - r->start },
				     f) < 0)
		return -1;
	out_record(&r->out);
	r->start = r->out.b.len;
	return 0;
}

void rows_flush(struct rows *r)
{
	struct buf *b = &r->out.b;
	struct buf rest = BUF_INIT;

	buf_add(&rest, b->data + r->start, b->len - r->start);
	buf_truncate(b, r->start);
	out_flush(&r->out);
	buf_adds(b, buf_str(&rest));
	buf_release(&rest);
	r->start = 0;
}

void rows_drop(struct rows *r)
{
	buf_truncate(&r->out.b, r->start);
}

/* ---- columns ---- */

ssize_t columns_find(const struct columns *c, struct str name)
{
	for (size_t i = 0; i < c->n; i++)
		if (str_eq(column_name(c, i), name))
			return (ssize_t)i;
	return -1;
}

int columns_add(struct columns *c, struct str name, struct failure *f)
{
	struct column *new;
	ssize_t twin = columns_find(c, name);

	if (!name.n)
		return failed(f, EX_DATAERR, "column %zu: has no name",
			      c->n + 1);
	if (c->n == COLUMNS_MAX)
		return failed(f, EX_DATAERR, "more than %d columns",
			      COLUMNS_MAX);
	if (twin >= 0)
		return failed(f, EX_DATAERR,
			      "column %zu: has the name of column %zu, '%.*s'; "
			      "rename one of them",
			      c->n + 1, (size_t)twin + 1, STR_ARG(name));
	if (record_reserved_name(name) && !str_is(name, "diff_result"))
		return failed(f, EX_DATAERR,
			      "column %zu: the name '%.*s' is reserved, see "
			      "retl-stream(5); rename it",
			      c->n + 1, STR_ARG(name));
	GROW(c->v, c->n, c->cap);
	new = &c->v[c->n];
	*new = (struct column){ .kind = COLUMN_ANY };
	new->name = c->text.len;
	new->n_name = name.n;
	buf_adds(&c->text, name);
	new->prefix = c->text.len;
	buf_addc(&c->text, c->n ? ',' : '{');
	if (row_put_text(&c->text, name) < 0)
		return failed(f, EX_DATAERR,
			      "column %zu: its name is not UTF-8", c->n + 1);
	buf_addc(&c->text, ':');
	new->n_prefix = c->text.len - new->prefix;
	c->n++;
	return 0;
}

void columns_set_type(struct columns *c, enum column_kind kind,
		      const char *native)
{
	struct column *last = &c->v[c->n - 1];

	last->kind = kind;
	last->native = c->text.len;
	last->n_native = strlen(native);
	buf_addz(&c->text, native);
}

void columns_release(struct columns *c)
{
	free(c->v);
	buf_release(&c->text);
	*c = COLUMNS_INIT;
}

/* ---- text ---- */

int row_put_text(struct buf *out, struct str text)
{
	const char *p = text.s, *from = p, *end;

	if (!text.n) {
		buf_addz(out, "\"\"");
		return 0;
	}
	end = p + text.n;
	buf_reserve(out, text.n + 2);
	buf_addc(out, '"');
	for (;;) {
		p = utf8_skip_plain(p, end);
		if (p == end)
			break;
		if ((unsigned char)*p >= 0x80) {
			size_t n = utf8_length(p, end);

			if (!n)
				return -1;
			p += n;
			continue;
		}
		buf_add(out, from, (size_t)(p - from));
		json_put_escaped(out, (struct str){ p, 1 });
		from = ++p;
	}
	buf_add(out, from, (size_t)(p - from));
	buf_addc(out, '"');
	return 0;
}

int row_fault(const struct rows *r, const struct columns *c, size_t i,
	      const char *what, struct failure *f)
{
	struct str name = column_name(c, i);

	return failed(f, EX_DATAERR, "row %" PRIu64 ": column '%.*s': %s",
		      rows_number(r), STR_ARG(name), what);
}

/* ---- numbers ---- */

void row_put_int(struct rows *r, int64_t n)
{
	struct buf *out = &r->out.b;
	bool quoted =
	    r->wide_strings && (n > SAFE_INTEGER || n < -SAFE_INTEGER);

	if (quoted)
		buf_addc(out, '"');
	if (n < 0)
		buf_addc(out, '-');
	buf_addu(out, n < 0 ? -(uint64_t)n : (uint64_t)n);
	if (quoted)
		buf_addc(out, '"');
}

/* More than SAFE_INTEGER, whatever the sign. */
static bool is_wide(struct str digits)
{
	if (digits.n && *digits.s == '-') {
		digits.s++;
		digits.n--;
	}
	return digits.n > 16 ||
	       (digits.n == 16 && memcmp(digits.s, "9007199254740991", 16) > 0);
}

void row_put_digits(struct rows *r, struct str digits, bool decimal)
{
	struct buf *out = &r->out.b;
	bool quoted = r->wide_strings && (decimal || is_wide(digits));

	if (quoted)
		buf_addc(out, '"');
	buf_adds(out, digits);
	if (quoted)
		buf_addc(out, '"');
}

void row_put_null(struct rows *r, const struct columns *c, size_t i,
		  const char *what)
{
	struct str name = column_name(c, i);

	buf_addz(&r->out.b, "null");
	if (r->warned)
		return;
	r->warned = true;
	msg_warn("row %" PRIu64 ": column '%.*s': %s: null is written, here "
		 "and from now on",
		 rows_number(r), STR_ARG(name), what);
}

void row_put_nan(struct rows *r, const struct columns *c, size_t i)
{
	row_put_null(r, c, i, "NaN or infinite, which JSON does not have");
}

static size_t skip_digits(struct str v, size_t i)
{
	while (i < v.n && v.s[i] >= '0' && v.s[i] <= '9')
		i++;
	return i;
}

bool row_is_number(struct str v)
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

/* ddd and an exponent: the value is 0.ddd * 10^exp. */
struct decimal {
	char digits[20];
	int n, exp;
};

static void decimal_parse(struct decimal *d, const char *text)
{
	/* "1.2345e+02" */
	const char *p = text;

	d->n = 0;
	for (; *p != 'e'; p++)
		if (*p != '.')
			d->digits[d->n++] = *p;
	d->exp = (int)strtol(p + 1, NULL, 10) + 1;
	while (d->n > 1 && d->digits[d->n - 1] == '0')
		d->n--;
}

/* n / 10^k, n > 0 */
static void decimal_set(struct decimal *d, uint64_t n, int k)
{
	char text[20], *p = text + sizeof text;

	do
		*--p = (char)('0' + n % 10);
	while (n /= 10);
	d->n = (int)(text + sizeof text - p);
	d->exp = d->n - k;
	while (d->n > 1 && p[d->n - 1] == '0')
		d->n--;
	memcpy(d->digits, p, (size_t)d->n);
}

/*
 * d > 0. The fewest digits that read back as d, and of those the nearest; of a
 * few powers of two one digit more, which reads back as well.
 */
static void decimal_shortest(struct decimal *out, double d)
{
	char text[40];
	/* Below the normal range a few digits may be enough. */
	int precision = d < 2.3e-308 ? 0 : 14;

	for (;; precision++) {
		snprintf(text, sizeof text, "%.*e", precision, d);
		if (precision >= 16 || strtod(text, NULL) == d)
			break;
	}
	decimal_parse(out, text);
}

/* From 10^most on with an exponent. */
static void decimal_put(struct buf *out, const struct decimal *d, int most)
{
	int e = d->exp - 1;

	if (e < -4 || e >= most) {
		buf_addc(out, d->digits[0]);
		if (d->n > 1)
			buf_addc(out, '.');
		buf_add(out, d->digits + 1, (size_t)d->n - 1);
		buf_addf(out, "e%c%02d", e < 0 ? '-' : '+', abs(e));
		return;
	}
	if (d->exp <= 0) {
		buf_addz(out, "0.");
		for (int i = d->exp; i < 0; i++)
			buf_addc(out, '0');
		buf_add(out, d->digits, (size_t)d->n);
		return;
	}
	buf_add(out, d->digits, (size_t)MIN(d->n, d->exp));
	for (int i = d->n; i < d->exp; i++)
		buf_addc(out, '0');
	if (d->n > d->exp) {
		buf_addc(out, '.');
		buf_add(out, d->digits + d->exp, (size_t)(d->n - d->exp));
	}
}

/*
 * The same for 10^-4 <= d < 10^15, where 128 bits hold every step exactly: d is
 * m / 2^shift, and n / 10^k reads back as d if it is no farther from it than
 * half the way to d's neighbours.
 */
static void decimal_exact(struct decimal *out, double d)
{
	static const double tens[] = { 1e-3, 1e-2, 1e-1, 1e0,  1e1,  1e2,
				       1e3,  1e4,  1e5,  1e6,  1e7,  1e8,
				       1e9,  1e10, 1e11, 1e12, 1e13, 1e14 };
	int exp2, exp10 = -4, digits = 15;
	uint64_t m = (uint64_t)ldexp(frexp(d, &exp2), 53);
	unsigned shift = (unsigned)(53 - exp2);
	unsigned __int128 n, scale = 1;
	unsigned __int128 half = (unsigned __int128)1 << (shift - 1);

	/* The doubles next to 10^-1 and so on are above them: no mistake. */
	while (exp10 < 14 && d >= tens[exp10 + 4])
		exp10++;
	for (int k = 14 - exp10; k > 0; k--)
		scale *= 10;
	for (;; digits++, scale *= 10) {
		unsigned __int128 exact = m * scale, back, off;

		n = exact >> shift;
		back = n << shift;
		/* To the nearest, of two as near to the even one. */
		if (exact - back > half || (exact - back == half && n % 2)) {
			n++;
			back += 2 * half;
		}
		off = back > exact ? back - exact : exact - back;
		/* Below a power of two the neighbour is half as far. */
		off <<= back < exact && m == (uint64_t)1 << 52 ? 2 : 1;
		if (digits == 17 || off < scale)
			break;
	}
	decimal_set(out, (uint64_t)n, digits - 1 - exp10);
}

void double_put(struct buf *out, double d)
{
	struct decimal shortest = { .n = 0 };

	if (signbit(d)) {
		buf_addc(out, '-');
		d = -d;
	}
	if (d == 0) {
		buf_addc(out, '0');
	} else {
		if (d >= 1e-4 && d < 1e15)
			decimal_exact(&shortest, d);
		else
			decimal_shortest(&shortest, d);
		decimal_put(out, &shortest, 15);
	}
}

void row_put_double(struct rows *r, const struct columns *c, size_t i, double d)
{
	if (isfinite(d))
		double_put(&r->out.b, d);
	else
		row_put_nan(r, c, i);
}

/* Nine digits tell any two of them apart; most need fewer. */
void row_put_float(struct rows *r, const struct columns *c, size_t i, float f)
{
	struct decimal shortest = { .n = 0 };
	struct buf *out = &r->out.b;
	char text[40];

	if (!isfinite(f)) {
		row_put_nan(r, c, i);
		return;
	}
	if (signbit(f)) {
		buf_addc(out, '-');
		f = -f;
	}
	if (f == 0) {
		buf_addc(out, '0');
		return;
	}
	for (int precision = 0; precision < 9; precision++) {
		snprintf(text, sizeof text, "%.*e", precision, (double)f);
		if (strtof(text, NULL) == f)
			break;
	}
	decimal_parse(&shortest, text);
	/* As PostgreSQL writes a real: with an exponent from 10^6 on. */
	decimal_put(out, &shortest, 6);
}

/* ---- bytes and JSON ---- */

void row_put_base64(struct rows *r, const void *p, size_t n)
{
	buf_addc(&r->out.b, '"');
	enc_base64(&r->out.b, p, n);
	buf_addc(&r->out.b, '"');
}

/* How deep compact, valid JSON is nested. */
static unsigned depth_of(const char *p, const char *end)
{
	unsigned depth = 0, most = 0;
	bool in_string = false;

	for (; p < end; p++) {
		if (in_string) {
			if (*p == '\\')
				p++;
			else if (*p == '"')
				in_string = false;
		} else if (*p == '"') {
			in_string = true;
		} else if (*p == '{' || *p == '[') {
			depth++;
			most = MAX(most, depth);
		} else if (*p == '}' || *p == ']') {
			depth--;
		}
	}
	return most;
}

int row_put_json(struct buf *out, struct str text, unsigned level,
		 const char **what)
{
	struct json_fault fault;
	size_t start = out->len;

	if (json_check(text, NULL, &fault) < 0) {
		*what = fault.what;
		return -1;
	}
	json_put_compact(out, text);
	if (depth_of(out->data + start, out->data + out->len) + level >
	    JSON_MAX_DEPTH) {
		*what = "nested too deep";
		return -1;
	}
	return 0;
}

int row_take_text(struct rows *r, const struct columns *c, size_t i,
		  struct str v, struct buf *scratch, struct str *text,
		  struct failure *f)
{
	if (json_type(v) == JSON_NULL) {
		buf_addz(&r->out.b, "null");
		return 0;
	}
	if (json_type(v) != JSON_STRING)
		return row_fault(r, c, i, "neither a text nor null", f);
	*text = json_text(v, scratch);
	return 1;
}

int row_put_list(struct rows *r, const struct columns *c, struct str list,
		 const char *name,
		 int (*put)(void *self, struct rows *r, size_t i, struct str v,
			    struct failure *f),
		 void *self, struct failure *f)
{
	struct json_iter it;
	struct str v;
	size_t i = 0;

	if (json_type(list) != JSON_ARRAY)
		return failed(f, EX_DATAERR,
			      "%s: row %" PRIu64 ": not a list of values", name,
			      rows_number(r));
	json_iter_init(&it, list);
	for (; i < c->n && json_iter_element(&it, &v); i++) {
		column_put(&r->out.b, c, i);
		if (put(self, r, i, v, f) < 0)
			return -1;
	}
	if (i < c->n || json_iter_element(&it, &v))
		return failed(f, EX_DATAERR,
			      "%s: row %" PRIu64
			      ": not as many values as there are columns",
			      name, rows_number(r));
	buf_addc(&r->out.b, '}');
	return rows_end(r, f);
}
