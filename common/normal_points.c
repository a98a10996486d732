/* SPDX-License-Identifier: MIT */
/* Kinds of code points, and white space at the ends. */
#include "common/normal_private.h"

#include <utf8proc.h>

/* The text is valid UTF-8: it came through the JSON scanner. */
int32_t normal_point(struct str *rest)
{
	utf8proc_int32_t c;
	utf8proc_ssize_t n = utf8proc_iterate((const uint8_t *)rest->s,
					      (utf8proc_ssize_t)rest->n, &c);

	if (n < 1) {
		n = 1;
		c = 0xfffd;
	}
	rest->s += n;
	rest->n -= (size_t)n;
	return c;
}

void normal_put_point(struct buf *b, int32_t c)
{
	uint8_t text[4];

	buf_add(b, text, (size_t)utf8proc_encode_char(c, text));
}

bool normal_is_ascii(struct str t)
{
	for (size_t i = 0; i < t.n; i++)
		if ((unsigned char)t.s[i] >= 0x80)
			return false;
	return true;
}

bool normal_is_white(int32_t c)
{
	if (c < 0x80)
		return c == ' ' || (c >= 9 && c <= 13);
	if (c == 0x85 || c == 0xfeff) /* next line, byte order mark */
		return true;
	switch (utf8proc_category(c)) {
	case UTF8PROC_CATEGORY_ZS:
	case UTF8PROC_CATEGORY_ZL:
	case UTF8PROC_CATEGORY_ZP:
		return true;
	default:
		return false;
	}
}

bool normal_is_letter(int32_t c)
{
	if (c < 0x80)
		return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
	switch (utf8proc_category(c)) {
	case UTF8PROC_CATEGORY_LU:
	case UTF8PROC_CATEGORY_LL:
	case UTF8PROC_CATEGORY_LT:
	case UTF8PROC_CATEGORY_LM:
	case UTF8PROC_CATEGORY_LO:
	case UTF8PROC_CATEGORY_MN: /* accents that stand on their own */
	case UTF8PROC_CATEGORY_MC:
	case UTF8PROC_CATEGORY_ME:
		return true;
	default:
		return false;
	}
}

bool normal_is_punct(int32_t c)
{
	if (c < 0x80)
		return c > 0x20 && c < 0x7f && !normal_is_letter(c) &&
		       !(c >= '0' && c <= '9');
	switch (utf8proc_category(c)) {
	case UTF8PROC_CATEGORY_PC:
	case UTF8PROC_CATEGORY_PD:
	case UTF8PROC_CATEGORY_PS:
	case UTF8PROC_CATEGORY_PE:
	case UTF8PROC_CATEGORY_PI:
	case UTF8PROC_CATEGORY_PF:
	case UTF8PROC_CATEGORY_PO:
		return true;
	default:
		return false;
	}
}

bool normal_is_digit(int32_t c)
{
	return c >= '0' && c <= '9';
}

bool normal_is_foreign_digit(int32_t c)
{
	return c >= 0x80 && utf8proc_category(c) == UTF8PROC_CATEGORY_ND;
}

static bool is_ascii_black(char c)
{
	return c > ' ' && c < 0x7f;
}

struct str normal_trim(struct str t)
{
	struct str rest = t, last;

	/* Nearly always there is a letter or a digit at both ends. */
	if (t.n && is_ascii_black(t.s[0]) && is_ascii_black(t.s[t.n - 1]))
		return t;
	while (rest.n) {
		last = rest;
		if (!normal_is_white(normal_point(&rest))) {
			rest = last;
			break;
		}
	}
	while (rest.n) {
		size_t at = rest.n - 1;

		while (at && ((unsigned char)rest.s[at] & 0xc0) == 0x80)
			at--;
		last = (struct str){ rest.s + at, rest.n - at };
		if (!normal_is_white(normal_point(&last)))
			break;
		rest.n = at;
	}
	return rest;
}

bool normal_is_blank(struct str t)
{
	return !normal_trim(t).n;
}
