/* SPDX-License-Identifier: MIT */
#include "common/str.h"

int str_cmp(struct str a, struct str b)
{
	size_t n = MIN(a.n, b.n);
	int c = n ? memcmp(a.s, b.s, n) : 0;

	return c ? c : (a.n > b.n) - (a.n < b.n);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

struct str str_trim(struct str a)
{
	while (a.n && is_blank(a.s[0])) {
		a.s++;
		a.n--;
	}
	while (a.n && is_blank(a.s[a.n - 1]))
		a.n--;
	return a;
}

bool str_split(struct str *rest, char sep, struct str *part)
{
	const char *at;

	if (!rest->s)
		return false;
	at = rest->n ? memchr(rest->s, sep, rest->n) : NULL;
	if (!at) {
		*part = *rest;
		*rest = STR_NONE;
		return true;
	}
	*part = (struct str){ rest->s, (size_t)(at - rest->s) };
	rest->n -= part->n + 1;
	rest->s = at + 1;
	return true;
}

int str_to_u64(struct str a, uint64_t *out)
{
	uint64_t v = 0;

	if (!a.n)
		return -1;
	for (size_t i = 0; i < a.n; i++) {
		unsigned d = (unsigned char)a.s[i] - '0';

		/* Below 20 digits there is nothing to overflow. */
		if (d > 9 || (i >= 19 && v > (UINT64_MAX - d) / 10))
			return -1;
		v = v * 10 + d;
	}
	*out = v;
	return 0;
}

char *str_put_u64(char *to, uint64_t n)
{
	char text[STR_U64_MAX], *p = text + sizeof text;

	do
		*--p = (char)('0' + n % 10);
	while (n /= 10);
	return mempcpy(to, p, (size_t)(text + sizeof text - p));
}

int str_to_size(struct str a, uint64_t *out)
{
	unsigned shift = 0;

	if (!a.n)
		return -1;
	switch (a.s[a.n - 1]) {
	case 'k':
	case 'K':
		shift = 10;
		break;
	case 'm':
	case 'M':
		shift = 20;
		break;
	case 'g':
	case 'G':
		shift = 30;
		break;
	case 't':
	case 'T':
		shift = 40;
		break;
	}
	if (shift)
		a.n--;
	if (str_to_u64(a, out) < 0 || *out > UINT64_MAX >> shift)
		return -1;
	*out <<= shift;
	return 0;
}
