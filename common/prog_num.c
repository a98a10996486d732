/* SPDX-License-Identifier: MIT */
#include "common/prog_num.h"

#include <float.h>
#include <math.h>

#include "common/json.h"

/* More digits than a double prints with, plus what says that there are more. */
#define NUM_DIGITS 18

/* (-1)^neg * 0.DIGITS * 10^exp */
struct digits {
	char d[NUM_DIGITS + 1];
	size_t n; /* NUM_DIGITS: there may be more than d holds */
	int64_t exp;
	bool neg;
};

static void digits_parse(struct digits *out, struct str number, bool *huge)
{
	struct json_num num;
	size_t from_a, from_b;

	json_num_parse(&num, number);
	from_a = MIN(num.a.n, (size_t)NUM_DIGITS);
	from_b = MIN(num.b.n, NUM_DIGITS - from_a);
	if (from_a)
		memcpy(out->d, num.a.s, from_a);
	if (from_b)
		memcpy(out->d + from_a, num.b.s, from_b);
	out->n = from_a + from_b;
	out->exp = num.exp;
	out->neg = number.s[0] == '-';
	*huge = num.huge;
}

/* "1.29e5" to "1.30e5". False: there is one more digit then. */
static bool round_up(char *text)
{
	char *p = strchr(text, 'e');

	while (p-- > text) {
		if (*p == '.')
			continue;
		if (*p != '9') {
			++*p;
			return true;
		}
		*p = '0';
	}
	return false;
}

/*
 * The fewest digits that give d again. Below a power of two doubles stand
 * closer, so there the next decimal above may do where the nearest does not.
 */
static void shortest(char *text, size_t size, double d)
{
	/* Fifteen digits do for nearly all; what is denormal may have fewer. */
	int prec = d < DBL_MIN ? 0 : 14, unused;
	bool power = frexp(d, &unused) == 0.5;

	for (; prec < 16; prec++) {
		snprintf(text, size, "%.*e", prec, d);
		if (strtod(text, NULL) == d)
			return;
		if (power && round_up(text) && strtod(text, NULL) == d)
			return;
	}
	snprintf(text, size, "%.16e", d);
}

static void digits_of(struct digits *out, double d)
{
	char text[40], *p = text;

	out->neg = signbit(d);
	out->n = 0;
	out->exp = 0;
	d = fabs(d);
	if (d == 0)
		return;
	shortest(text, sizeof text, d);
	for (; *p != 'e'; p++)
		if (*p != '.')
			out->d[out->n++] = *p;
	while (out->d[out->n - 1] == '0')
		out->n--;
	out->exp = strtol(p + 1, NULL, 10) + 1;
}

/* DIGITS (all of them in d and more) in the layout that jq gives a double. */
static void put_digits(struct buf *out, const struct digits *n)
{
	int64_t exp = n->exp;
	size_t whole;

	if (n->neg)
		buf_addc(out, '-');
	if (!n->n) {
		buf_addc(out, '0');
	} else if (exp <= -4 || exp > (int64_t)n->n + 15) {
		buf_addc(out, n->d[0]);
		if (n->n > 1) {
			buf_addc(out, '.');
			buf_add(out, n->d + 1, n->n - 1);
		}
		exp--;
		buf_addf(out, "e%c%02" PRId64, exp < 0 ? '-' : '+',
			 exp < 0 ? -exp : exp);
	} else if (exp <= 0) {
		buf_addz(out, "0.");
		for (; exp < 0; exp++)
			buf_addc(out, '0');
		buf_add(out, n->d, n->n);
	} else {
		whole = MIN((size_t)exp, n->n);
		buf_add(out, n->d, whole);
		for (size_t i = whole; i < (size_t)exp; i++)
			buf_addc(out, '0');
		if (n->n > whole) {
			buf_addc(out, '.');
			buf_add(out, n->d + whole, n->n - whole);
		}
	}
}

void num_put_double(struct buf *out, double d)
{
	struct digits n;

	if (isnan(d)) {
		buf_addz(out, "null");
		return;
	}
	if (fabs(d) < 1e15 && d == trunc(d) && !(d == 0 && signbit(d))) {
		if (d < 0)
			buf_addc(out, '-');
		buf_addu(out, (uint64_t)fabs(d));
		return;
	}
	if (isinf(d))
		d = d < 0 ? -DBL_MAX : DBL_MAX;
	digits_of(&n, d);
	put_digits(out, &n);
}

/* Whether a double prints with just these digits. */
static bool survives(const struct digits *n)
{
	struct digits back;
	char text[NUM_DIGITS + 32];
	double d;

	if (!n->n)
		return true;
	if (n->n <= 15 && n->exp > -300 && n->exp < 300)
		return true;
	if (n->n > 17 || n->exp < -400 || n->exp > 400)
		return false;
	snprintf(text, sizeof text, "0.%.*se%" PRId64, (int)n->n, n->d, n->exp);
	d = strtod(text, NULL);
	if (isinf(d))
		return false;
	digits_of(&back, d);
	return back.n == n->n && back.exp == n->exp &&
	       memcmp(back.d, n->d, n->n) == 0;
}

int num_to_double(struct str number, double *d)
{
	struct digits n;
	char text[NUM_DIGITS + 32];
	bool huge;
	int64_t v = 0;

	digits_parse(&n, number, &huge);
	if (huge || !survives(&n))
		return -1;
	if (n.n <= 15 && n.exp >= 0 && n.exp <= 15) {
		for (int64_t i = 0; i < n.exp; i++)
			v = v * 10 + ((size_t)i < n.n ? n.d[i] - '0' : 0);
		if ((size_t)n.exp >= n.n) {
			*d = n.neg ? -(double)v : (double)v;
			return 0;
		}
	}
	snprintf(text, sizeof text, "%s0.%.*se%" PRId64, n.neg ? "-" : "",
		 (int)n.n, n.d, n.exp);
	*d = strtod(text, NULL);
	return 0;
}

/* All digits of a number that no double has, plain where that is readable. */
static void put_exact(struct buf *out, struct str number)
{
	struct json_num n;
	int64_t exp, at = 0;

	json_num_parse(&n, number);
	if (n.huge || n.exp > 400 || n.exp < -40) {
		buf_adds(out, number);
		return;
	}
	exp = n.exp;
	if (n.neg)
		buf_addc(out, '-');
	if (exp <= 0) {
		buf_addz(out, "0.");
		for (; exp < 0; exp++)
			buf_addc(out, '0');
		at = 1; /* the point is written */
	}
	for (size_t i = 0; i<n.a.n + n.b.n; i++, at += exp> 0) {
		if (exp > 0 && at == exp)
			buf_addc(out, '.');
		buf_addc(out, i < n.a.n ? n.a.s[i] : n.b.s[i - n.a.n]);
	}
	for (; at < exp; at++)
		buf_addc(out, '0');
}

void num_put_text(struct buf *out, struct str number)
{
	struct digits n;
	bool huge;

	digits_parse(&n, number, &huge);
	if (!huge && survives(&n))
		put_digits(out, &n);
	else
		put_exact(out, number);
}
