/* SPDX-License-Identifier: MIT */
#include "tests/mock/lib/mishap.h"

/* "3=500": 3 and "500". */
static int split(const char *text, uint64_t *n, struct str *what)
{
	struct str rest = str_of(text), number;

	str_split(&rest, '=', &number);
	*what = rest;
	return rest.s && rest.n ? str_to_u64(number, n) : -1;
}

bool mishap_number(struct str what, const char *prefix, uint64_t *n,
		   struct str *rest)
{
	size_t from = strlen(prefix), i;

	if (!str_starts(what, prefix))
		return false;
	for (i = from; i < what.n && isdigit((unsigned char)what.s[i]); i++)
		;
	*rest = (struct str){ what.s + i, what.n - i };
	return str_to_u64((struct str){ what.s + from, i - from }, n) == 0;
}

static bool known(struct str what)
{
	static const char *const words[] = { "throttle",    "daily",
					     "half",        "garbage",
					     "empty",       "reset-after",
					     "close-after", "reset-before",
					     "500-after",   "close-before" };
	struct str rest;
	uint64_t n;

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (str_is(what, words[i]))
			return true;
	if (mishap_number(what, "", &n, &rest))
		return n >= 300 && n < 600 && (!rest.n || rest.s[0] == '+');
	return (mishap_number(what, "code", &n, &rest) ||
		mishap_number(what, "slow", &n, &rest)) &&
	       !rest.n;
}

static void list_check(const struct opt_list *l, const char *name)
{
	for (size_t i = 0; i < l->n; i++) {
		struct str what;
		uint64_t n;

		if (split(l->v[i], &n, &what) < 0 || !n || !known(what))
			opt_die("--%s: '%s' is no N=WHAT", name, l->v[i]);
	}
}

void mishaps_check(const struct mishaps *m)
{
	list_check(&m->at, "at");
	list_check(&m->every, "every");
	list_check(&m->chance, "chance");
}

/* 0 to 99, for the i-th chance at the n-th request. */
static uint64_t roll(const struct mishaps *m, uint64_t n, uint64_t i)
{
	uint64_t x = (m->seed << 32) ^ (n * 1000003) ^ (i << 56);

	for (int k = 0; k < 3; k++) {
		x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
		x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	}
	return (x >> 17) % 100;
}

struct str mishap_of(const struct mishaps *m, uint64_t n)
{
	struct str what;
	uint64_t k;

	for (size_t i = 0; i < m->at.n; i++)
		if (split(m->at.v[i], &k, &what) == 0 && n == k)
			return what;
	for (size_t i = 0; i < m->every.n; i++)
		if (split(m->every.v[i], &k, &what) == 0 && n % k == 0)
			return what;
	for (size_t i = 0; i < m->chance.n; i++)
		if (split(m->chance.v[i], &k, &what) == 0 && roll(m, n, i) < k)
			return what;
	return STR_NONE;
}

enum drop mishap_before(struct str what)
{
	if (str_is(what, "reset-before"))
		return DROP_RESET;
	return str_is(what, "close-before") ? DROP_CLOSE : DROP_NONE;
}

bool mishap_after(struct str what)
{
	return str_is(what, "half") || str_is(what, "garbage") ||
	       str_is(what, "empty") || str_is(what, "reset-after") ||
	       str_is(what, "close-after") || str_is(what, "500-after") ||
	       str_starts(what, "slow");
}

static void answer_replace(struct answer *a, int status, const char *body)
{
	a->status = status;
	buf_reset(&a->headers);
	buf_reset(&a->body);
	buf_addz(&a->body, body);
}

void mishap_spoil(struct str what, struct answer *a)
{
	struct str rest;

	if (str_is(what, "reset-after")) {
		a->status = 0;
		a->drop = DROP_RESET;
	} else if (str_is(what, "close-after")) {
		a->status = 0;
		a->drop = DROP_CLOSE;
	} else if (str_is(what, "half")) {
		a->drop = DROP_CLOSE;
		a->keep = a->headers.len + a->body.len / 2 + 40;
	} else if (str_is(what, "500-after")) {
		answer_replace(a, 500, "{\"message\":\"something broke\"}");
	} else if (str_is(what, "garbage")) {
		answer_replace(a, a->status, "<html>not what you asked for");
	} else if (str_is(what, "empty")) {
		answer_replace(a, a->status, "");
	} else {
		mishap_number(what, "slow", &a->delay_ms, &rest);
	}
}
