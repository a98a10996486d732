/* SPDX-License-Identifier: MIT */
/*
 * Keys as bytes that sort as the keys do, so that whoever compares many of them
 * parses each only once and compares eight bytes at a time.
 *
 * A number x is floor(x), eight bytes, then what is left of it: nothing for a
 * whole number, else digits of x - floor(x), which is not negative whatever the
 * sign of x; a text of digits stands before what continues it, as 0.5 before
 * 0.55. Where floor(x) would not fit, the decimal exponent takes its place.
 * Where it is 0 or -1, the exponent precedes the digits: 1e-999999999 is short.
 */
#include "common/key.h"

#define MIDDLE ((uint64_t)1 << 63) /* zero */
#define HUGE_NUMBERS ((uint64_t)1 << 62)
#define INT_PLACES 18 /* decimal places that surely fit below HUGE_NUMBERS */

struct code {
	uint64_t prefix;
	struct json_num num;
	size_t from;   /* digits of num from here on follow */
	bool with_exp; /* its exponent does, before them */
};

static size_t n_digits(const struct json_num *n)
{
	return n->a.n + n->b.n;
}

static unsigned digit(const struct json_num *n, size_t i)
{
	char c = i < n->a.n ? n->a.s[i] : n->b.s[i - n->a.n];

	return (unsigned)(c - '0');
}

/* Digits and an optional minus: the commonest key. */
static bool small_integer(struct str val, bool neg, uint64_t *out)
{
	struct str digits = { val.s + neg, val.n - neg };

	return digits.n <= INT_PLACES && str_to_u64(digits, out) == 0;
}

/* The places before the point; returns how many digits they take. */
static size_t whole_part(const struct json_num *n, uint64_t *v)
{
	size_t have = n_digits(n), places = (size_t)n->exp;

	*v = 0;
	for (size_t i = 0; i < places; i++)
		*v = *v * 10 + (i < have ? digit(n, i) : 0);
	return MIN(have, places);
}

static void code_number(struct code *c, struct str val)
{
	bool neg = val.s[0] == '-';
	uint64_t v = 0;

	*c = (struct code){ .prefix = 0 };
	if (!small_integer(val, neg, &v)) {
		json_num_parse(&c->num, val);
		neg = c->num.neg;
		if (c->num.exp > INT_PLACES)
			v = HUGE_NUMBERS + (uint64_t)c->num.exp;
		else if (c->num.exp > 0)
			c->from = whole_part(&c->num, &v);
		else
			c->with_exp = n_digits(&c->num) > 0;
	}
	c->prefix = neg ? MIDDLE - v : MIDDLE + v;
	if (neg && c->from < n_digits(&c->num))
		c->prefix--;
}

static void put_u64(struct buf *out, uint64_t v)
{
	v = htobe64(v);
	buf_add(out, &v, sizeof v);
}

/* The digits of the fraction, or of 1 less the fraction below zero. */
static void put_digits(struct buf *out, const struct code *c)
{
	size_t n = n_digits(&c->num);

	for (size_t i = c->from; i < n; i++) {
		unsigned d = digit(&c->num, i);

		/* The last one is not 0, so nothing is carried. */
		if (c->num.neg)
			d = (i + 1 < n ? 9 : 10) - d;
		buf_addc(out, (char)('0' + d));
	}
}

static void encode_number(struct buf *out, struct str val)
{
	struct code c;
	uint64_t exp;

	code_number(&c, val);
	put_u64(out, c.prefix);
	if (c.with_exp) {
		exp = MIDDLE + (uint64_t)c.num.exp;
		put_u64(out, c.num.neg ? ~exp : exp);
	}
	put_digits(out, &c);
}

/* NUL ends a member of several, so it and the byte after it are escaped. */
static void put_escaped(struct buf *out, struct str text)
{
	for (size_t i = 0; i < text.n; i++) {
		if (LIKELY((unsigned char)text.s[i] > 1)) {
			buf_addc(out, text.s[i]);
		} else {
			buf_addc(out, 1);
			buf_addc(out, (char)(text.s[i] + 1));
		}
	}
}

static void encode_string(struct buf *out, struct str val, bool alone)
{
	struct buf scratch = BUF_INIT;
	struct str text = json_text(val, &scratch);

	if (alone)
		buf_adds(out, text);
	else
		put_escaped(out, text);
	buf_release(&scratch);
}

void key_encode(struct buf *out, const struct str *vals, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		switch (json_type(vals[i])) {
		case JSON_NUMBER:
			encode_number(out, vals[i]);
			break;
		case JSON_STRING:
			encode_string(out, vals[i], n == 1);
			break;
		default:
			buf_addc(out, vals[i].s[0] == 't');
		}
		/*
		 * No exponent begins with a byte of 0, so the end of a whole
		 * number stands before any fraction.
		 */
		if (n > 1)
			buf_addc(out, 0);
	}
}

uint64_t key_prefix(struct str val, bool *whole)
{
	struct buf scratch = BUF_INIT;
	struct code c;
	struct str text;
	uint64_t v;

	switch (json_type(val)) {
	case JSON_NUMBER:
		code_number(&c, val);
		*whole = c.from == n_digits(&c.num);
		return c.prefix;
	case JSON_STRING:
		text = json_text(val, &scratch);
		v = key_window(text.s, text.n, 0);
		*whole = text.n <= 8 && !memchr(text.s, 0, text.n);
		buf_release(&scratch);
		return v;
	default:
		*whole = true;
		return (uint64_t)(val.s[0] == 't') << 56;
	}
}
