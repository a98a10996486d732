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

static unsigned count_digits(uint64_t n)
{
	unsigned digits = 1;

	for (; n >= 10000; n /= 10000)
		digits += 4;
	return digits + (n >= 10) + (n >= 100) + (n >= 1000);
}

/* From behind, two digits a division. */
char *str_put_u64(char *to, uint64_t n)
{
	static const char pairs[] = "00010203040506070809"
				    "10111213141516171819"
				    "20212223242526272829"
				    "30313233343536373839"
				    "40414243444546474849"
				    "50515253545556575859"
				    "60616263646566676869"
				    "70717273747576777879"
				    "80818283848586878889"
				    "90919293949596979899";
	char *end = to + count_digits(n), *p = end;

	for (; n >= 100; n /= 100)
		memcpy(p -= 2, pairs + 2 * (n % 100), 2);
	if (n >= 10)
		memcpy(p - 2, pairs + 2 * n, 2);
	else
		p[-1] = (char)('0' + n);
	return end;
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
