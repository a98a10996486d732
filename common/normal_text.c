/* SPDX-License-Identifier: MIT */
/* Steps on texts of any kind. */
#include "common/normal_private.h"

#include <utf8proc.h>

#include "common/mem.h"

/* Keeps the code points that are wanted. */
static int keep(struct normal *n, const struct step *s, struct normal_value *v,
		bool (*wanted)(const struct step *s, int32_t c))
{
	struct str rest = v->s, all = v->s;
	struct buf *b;

	while (rest.n) {
		struct str at = rest;

		if (wanted(s, normal_point(&rest)))
			continue;
		/* The first that goes: from here on a copy is needed. */
		b = normal_fresh(n);
		buf_add(b, all.s, (size_t)(at.s - all.s));
		while (rest.n) {
			at = rest;
			if (wanted(s, normal_point(&rest)))
				buf_add(b, at.s, (size_t)(rest.s - at.s));
		}
		return normal_give(v, buf_str(b));
	}
	return 0;
}

static int step_trim(struct normal *n, const struct step *s,
		     struct normal_value *v)
{
	(void)n;
	(void)s;
	return normal_give(v, normal_trim(v->s));
}

/* Below U+0300 nothing combines. */
static bool is_surely_nfc(struct str t)
{
	for (size_t i = 0; i < t.n; i++)
		if ((unsigned char)t.s[i] >= 0xcc)
			return false;
	return true;
}

static struct str nfc(struct normal *n, struct str t)
{
	const utf8proc_option_t how = UTF8PROC_STABLE | UTF8PROC_COMPOSE;
	utf8proc_ssize_t len;
	struct buf *b;

	if (is_surely_nfc(t))
		return t;
	for (;;) {
		len = utf8proc_decompose((const uint8_t *)t.s,
					 (utf8proc_ssize_t)t.n, n->points,
					 (utf8proc_ssize_t)n->cap_points, how);
		if (len < 0)
			return t;
		if ((size_t)len <= n->cap_points)
			break;
		n->cap_points = (size_t)len + 64;
		n->points = xreallocarray(n->points, n->cap_points + 1,
					  sizeof *n->points);
	}
	len = utf8proc_normalize_utf32(n->points, len, how);
	b = normal_fresh(n);
	for (utf8proc_ssize_t i = 0; i < len; i++)
		normal_put_point(b, n->points[i]);
	return normal_built(n, b, t);
}

static int step_nfc(struct normal *n, const struct step *s,
		    struct normal_value *v)
{
	(void)s;
	return normal_give(v, nfc(n, v->s));
}

static struct str ascii_case(struct normal *n, struct str t, char from, char to)
{
	struct buf *b;
	size_t i = 0;

	while (i < t.n && !(t.s[i] >= from && t.s[i] <= to))
		i++;
	if (i == t.n)
		return t;
	b = normal_fresh(n);
	buf_add(b, t.s, t.n);
	for (; i < b->len; i++)
		if (b->data[i] >= from && b->data[i] <= to)
			b->data[i] ^= 0x20;
	return buf_str(b);
}

/*
 * Each letter by itself, as the vendors' SDKs do it: case folding would turn
 * the sharp s into ss and make another address of it.
 */
struct str normal_change_case(struct normal *n, struct str t, bool lower)
{
	struct str rest;
	struct buf *b;

	if (normal_is_ascii(t))
		return lower ? ascii_case(n, t, 'A', 'Z')
			     : ascii_case(n, t, 'a', 'z');
	rest = t = nfc(n, t);
	b = normal_fresh(n);
	while (rest.n) {
		int32_t c = normal_point(&rest);

		normal_put_point(b, lower ? utf8proc_tolower(c)
					  : utf8proc_toupper(c));
	}
	return nfc(n, normal_built(n, b, t));
}

static int step_lower(struct normal *n, const struct step *s,
		      struct normal_value *v)
{
	(void)s;
	return normal_give(v, normal_change_case(n, v->s, true));
}

static int step_upper(struct normal *n, const struct step *s,
		      struct normal_value *v)
{
	(void)s;
	return normal_give(v, normal_change_case(n, v->s, false));
}

static bool wanted_letter(const struct step *s, int32_t c)
{
	(void)s;
	return normal_is_letter(c);
}

static bool wanted_digit(const struct step *s, int32_t c)
{
	(void)s;
	return normal_is_digit(c);
}

static bool not_white(const struct step *s, int32_t c)
{
	(void)s;
	return !normal_is_white(c);
}

static int step_strip_spaces(struct normal *n, const struct step *s,
			     struct normal_value *v)
{
	return keep(n, s, v, not_white);
}

static int step_letters(struct normal *n, const struct step *s,
			struct normal_value *v)
{
	return keep(n, s, v, wanted_letter);
}

static bool is_ascii_alnum(const struct step *s, int32_t c)
{
	(void)s;
	return c < 0x80 && (normal_is_letter(c) || normal_is_digit(c));
}

static int step_alnum(struct normal *n, const struct step *s,
		      struct normal_value *v)
{
	return keep(n, s, v, is_ascii_alnum);
}

static bool not_punct(const struct step *s, int32_t c)
{
	(void)s;
	return !normal_is_punct(c);
}

static int step_strip_punct(struct normal *n, const struct step *s,
			    struct normal_value *v)
{
	return keep(n, s, v, not_punct);
}

static int step_first(struct normal *n, const struct step *s,
		      struct normal_value *v)
{
	struct str rest = v->s;

	(void)n;
	for (uint64_t i = 0; i < s->n && rest.n; i++)
		normal_point(&rest);
	return normal_give(v,
			   (struct str){ v->s.s, (size_t)(rest.s - v->s.s) });
}

static int step_cut(struct normal *n, const struct step *s,
		    struct normal_value *v)
{
	const char *at =
	    v->s.n ? memmem(v->s.s, v->s.n, s->arg.s, s->arg.n) : NULL;

	(void)n;
	if (at)
		v->s.n = (size_t)(at - v->s.s);
	return 0;
}

static int step_prefix(struct normal *n, const struct step *s,
		       struct normal_value *v)
{
	struct buf *b;

	if (!v->s.n ||
	    (v->s.n >= s->arg.n && memcmp(v->s.s, s->arg.s, s->arg.n) == 0))
		return 0;
	b = normal_fresh(n);
	buf_adds(b, s->arg);
	buf_adds(b, v->s);
	return normal_give(v, buf_str(b));
}

static bool has_foreign_digit(struct str t)
{
	while (t.n)
		if (normal_is_foreign_digit(normal_point(&t)))
			return true;
	return false;
}

static int step_digits(struct normal *n, const struct step *s,
		       struct normal_value *v)
{
	if (!normal_is_ascii(v->s) && has_foreign_digit(v->s))
		return normal_broken(
		    n, "has digits of another script than 0 to 9");
	return keep(n, s, v, wanted_digit);
}

static int step_strip_zeros(struct normal *n, const struct step *s,
			    struct normal_value *v)
{
	(void)n;
	(void)s;
	while (v->s.n && *v->s.s == '0') {
		v->s.s++;
		v->s.n--;
	}
	return 0;
}

static int step_pad(struct normal *n, const struct step *s,
		    struct normal_value *v)
{
	struct buf *b;

	if (!v->s.n || v->s.n >= s->n)
		return 0;
	for (size_t i = 0; i < v->s.n; i++)
		if (!normal_is_digit(v->s.s[i]))
			return normal_broken(n, "not a number of digits only");
	b = normal_fresh(n);
	for (uint64_t i = v->s.n; i < s->n; i++)
		buf_addc(b, '0');
	buf_adds(b, v->s);
	return normal_give(v, buf_str(b));
}

/* Is c one of the arg's code points or in one of its ranges? */
static bool in_class(const struct step *s, int32_t c)
{
	struct str rest = s->arg;

	while (rest.n) {
		int32_t from = normal_point(&rest), to = from;

		if (rest.n > 1 && *rest.s == '-') {
			rest = (struct str){ rest.s + 1, rest.n - 1 };
			to = normal_point(&rest);
		}
		if (c >= from && c <= to)
			return true;
	}
	return false;
}

static bool not_in_class(const struct step *s, int32_t c)
{
	return !in_class(s, c);
}

static int step_keep(struct normal *n, const struct step *s,
		     struct normal_value *v)
{
	return keep(n, s, v, in_class);
}

static int step_drop(struct normal *n, const struct step *s,
		     struct normal_value *v)
{
	return keep(n, s, v, not_in_class);
}

const struct step_def normal_text_steps[] = {
	{ "trim", ARG_NONE, false, step_trim },
	{ "lower", ARG_NONE, false, step_lower },
	{ "upper", ARG_NONE, false, step_upper },
	{ "nfc", ARG_NONE, false, step_nfc },
	{ "strip-spaces", ARG_NONE, false, step_strip_spaces },
	{ "strip-punct", ARG_NONE, false, step_strip_punct },
	{ "letters", ARG_NONE, false, step_letters },
	{ "alnum", ARG_NONE, false, step_alnum },
	{ "digits", ARG_NONE, false, step_digits },
	{ "strip-leading-zeros", ARG_NONE, false, step_strip_zeros },
	{ "pad", ARG_NUMBER, false, step_pad },
	{ "keep", ARG_TEXT, false, step_keep },
	{ "drop", ARG_TEXT, false, step_drop },
	{ "first", ARG_NUMBER, false, step_first },
	{ "cut", ARG_TEXT, false, step_cut },
	{ "prefix", ARG_TEXT, false, step_prefix },
	{ NULL, ARG_NONE, false, NULL },
};
