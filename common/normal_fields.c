/* SPDX-License-Identifier: MIT */
/* Steps that know what a text is about: names, addresses, phones, places. */
#include "common/normal_private.h"

#include "common/codes.h"

/* ---- names of persons ---- */

static bool is_word(struct str text, const char *const *words, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strlen(words[i]) == text.n &&
		    strncasecmp(words[i], text.s, text.n) == 0)
			return true;
	return false;
}

static int step_strip_title(struct normal *n, const struct step *s,
			    struct normal_value *v)
{
	static const char *const titles[] = { "mr.", "mrs.", "ms.", "dr." };
	const char *space = v->s.n ? memchr(v->s.s, ' ', v->s.n) : NULL;
	struct str first;

	(void)n;
	(void)s;
	if (!space)
		return 0;
	first = (struct str){ v->s.s, (size_t)(space - v->s.s) };
	if (!is_word(first, titles, ARRAY_LEN(titles)))
		return 0;
	return normal_give(
	    v, normal_trim((struct str){ space, v->s.n - first.n }));
}

/* Without a comma at the end. */
static struct str trim_comma(struct str t)
{
	t = normal_trim(t);
	while (t.n && t.s[t.n - 1] == ',')
		t = normal_trim((struct str){ t.s, t.n - 1 });
	return t;
}

static int step_strip_suffix(struct normal *n, const struct step *s,
			     struct normal_value *v)
{
	static const char *const suffixes[] = {
		"jr.", "jr", "sr.", "sr", "2nd", "3rd", "ii", "iii", "iv",
		"v",   "vi", "cpa", "dc", "dds", "vm",  "jd", "md",  "phd",
	};
	struct str t = v->s;

	(void)n;
	(void)s;
	for (;;) {
		const char *space = t.n ? memrchr(t.s, ' ', t.n) : NULL;
		struct str last, head;

		if (!space)
			break;
		head = (struct str){ t.s, (size_t)(space - t.s) };
		last = trim_comma((struct str){ space, t.n - head.n });
		if (!is_word(last, suffixes, ARRAY_LEN(suffixes)))
			break;
		t = trim_comma(head);
	}
	return normal_give(v, t);
}

/* ---- addresses and phone numbers ---- */

/*
 * The address without what follows a plus in the name, and without its dots; no
 * change if nothing is left of the name.
 */
static int strip_mailbox(struct normal *n, struct normal_value *v, bool plus,
			 bool gmail_only)
{
	static const char *const gmail[] = { "@gmail.com", "@googlemail.com" };
	const char *at = v->s.n ? memrchr(v->s.s, '@', v->s.n) : NULL;
	struct str local, domain;
	struct buf *b;

	if (!at)
		return 0;
	local = (struct str){ v->s.s, (size_t)(at - v->s.s) };
	domain = (struct str){ at, v->s.n - local.n };
	if (gmail_only && !is_word(domain, gmail, ARRAY_LEN(gmail)))
		return 0;
	b = normal_fresh(n);
	for (size_t i = 0; i < local.n; i++) {
		if (plus && local.s[i] == '+')
			break;
		if (local.s[i] != '.')
			buf_addc(b, local.s[i]);
	}
	if (!b->len)
		buf_adds(b, local);
	buf_adds(b, domain);
	return normal_give(v, normal_built(n, b, v->s));
}

static int step_gmail(struct normal *n, const struct step *s,
		      struct normal_value *v)
{
	(void)s;
	return strip_mailbox(n, v, true, true);
}

static int step_gmail_dots(struct normal *n, const struct step *s,
			   struct normal_value *v)
{
	(void)s;
	return strip_mailbox(n, v, false, true);
}

static int step_all_dots_plus(struct normal *n, const struct step *s,
			      struct normal_value *v)
{
	(void)s;
	return strip_mailbox(n, v, true, false);
}

static int step_country(struct normal *n, const struct step *s,
			struct normal_value *v)
{
	struct str text = normal_change_case(n, normal_trim(v->s), true);
	const char *two;

	(void)s;
	if (!text.n)
		return normal_give(v, text);
	two = codes_country(text);
	if (!two)
		return normal_broken(
		    n, "not a country: a code such as DE or DEU, or "
		       "its English name, is expected");
	return str_is(v->s, two) ? 0 : normal_give(v, str_of(two));
}

/* ---- phone numbers ---- */

static int step_e164(struct normal *n, const struct step *s,
		     struct normal_value *v)
{
	struct str text = normal_trim(v->s);
	const char *why;
	struct buf *b;

	if (!text.n || phone_is_e164(text))
		return normal_give(v, text);
	b = normal_fresh(n);
	why = phone_e164(&n->phone, text, normal_arg_country(n, s), b);
	if (why)
		return normal_broken(n, why);
	return normal_give(v, buf_str(b));
}

/*
 * As e164; and of a number whose country nobody names the digits are all there,
 * unless a zero, which no country code has in front, shows that they are not.
 */
static int step_phone(struct normal *n, const struct step *s,
		      struct normal_value *v)
{
	struct str text = normal_trim(v->s);
	size_t first = 0;
	struct buf *b;

	while (first < text.n && !normal_is_digit(text.s[first]))
		first++;
	if (normal_arg_country(n, s) || str_starts(text, "+") ||
	    first == text.n || text.s[first] == '0')
		return step_e164(n, s, v);
	b = normal_fresh(n);
	buf_addc(b, '+');
	buf_adds(b, text);
	v->s = normal_built(n, b, text);
	return step_e164(n, s, v);
}

/* "+44-0447..." and "0044 0447..." without the third zero. */
static int step_trunk_zero(struct normal *n, const struct step *s,
			   struct normal_value *v)
{
	struct str text = normal_trim(v->s);
	size_t from = str_starts(text, "+")    ? 1
		      : str_starts(text, "00") ? 2
					       : 0;
	size_t at = from;
	struct buf *b;

	(void)s;
	while (at < text.n && normal_is_digit(text.s[at]))
		at++;
	if (!from || at == from || at - from > 3 || at + 1 >= text.n ||
	    (text.s[at] != ' ' && text.s[at] != '-') || text.s[at + 1] != '0')
		return normal_give(v, text);
	b = normal_fresh(n);
	buf_add(b, text.s, at + 1);
	buf_add(b, text.s + at + 2, text.n - at - 2);
	return normal_give(v, buf_str(b));
}

/* ---- persons and places ---- */

/* The letter for a word; NULL: there is none. */
static const char *gender_of(struct str text)
{
	static const char *const male[] = { "m", "male", "man", "boy" };
	static const char *const female[] = { "f", "female", "woman", "girl" };
	static const char *const neither[] = { "n", "non-binary", "nonbinary",
					       "diverse" };

	if (is_word(text, male, ARRAY_LEN(male)))
		return "m";
	if (is_word(text, female, ARRAY_LEN(female)))
		return "f";
	return is_word(text, neither, ARRAY_LEN(neither)) ? "n" : NULL;
}

static int give_gender(struct normal *n, struct normal_value *v, bool neither,
		       const char *why)
{
	struct str text = normal_trim(v->s);
	const char *letter = gender_of(text);

	if (!text.n)
		return normal_give(v, text);
	if (!letter || (*letter == 'n' && !neither))
		return normal_broken(n, why);
	return normal_give(v, str_of(letter));
}

static int step_gender(struct normal *n, const struct step *s,
		       struct normal_value *v)
{
	(void)s;
	return give_gender(n, v, false, "not m or f, male or female");
}

static int step_gender_n(struct normal *n, const struct step *s,
			 struct normal_value *v)
{
	(void)s;
	return give_gender(n, v, true,
			   "not m, f or n, male, female or non-binary");
}

/* Is the argument a country, and another than the USA? */
static bool is_elsewhere(struct normal *n, const struct step *s)
{
	const char *country = normal_arg_country(n, s);

	return country && strcmp(country, "us") != 0;
}

static int step_state(struct normal *n, const struct step *s,
		      struct normal_value *v)
{
	struct str text = normal_change_case(n, v->s, true), rest = text;
	struct buf *b = normal_fresh(n);
	const char *two;

	while (rest.n) {
		int32_t c = normal_point(&rest);

		if (!normal_is_white(c) && !normal_is_punct(c))
			normal_put_point(b, c);
	}
	text = normal_built(n, b, text);
	two = is_elsewhere(n, s) ? NULL : codes_us_state(text);
	if (!two)
		return normal_give(v, text);
	return str_is(v->s, two) ? 0 : normal_give(v, str_of(two));
}

/* "94105-1234" */
static bool is_zip_plus_4(struct str t)
{
	if (t.n != 10 || t.s[5] != '-')
		return false;
	for (size_t i = 0; i < t.n; i++)
		if (i != 5 && !normal_is_digit(t.s[i]))
			return false;
	return true;
}

static int step_zip(struct normal *n, const struct step *s,
		    struct normal_value *v)
{
	struct str text = normal_change_case(n, v->s, true), rest = text;
	struct buf *b = normal_fresh(n);

	while (rest.n) {
		int32_t c = normal_point(&rest);

		if (!normal_is_white(c))
			normal_put_point(b, c);
	}
	text = normal_built(n, b, text);
	if (is_zip_plus_4(text) && !is_elsewhere(n, s))
		text.n = 5;
	return normal_give(v, text);
}

const struct step_def normal_field_steps[] = {
	{ "gmail", ARG_NONE, false, step_gmail },
	{ "gmail-dots", ARG_NONE, false, step_gmail_dots },
	{ "all-dots-plus", ARG_NONE, false, step_all_dots_plus },
	{ "e164", ARG_COUNTRY, false, step_e164 },
	{ "phone", ARG_COUNTRY, false, step_phone },
	{ "trunk-zero", ARG_NONE, false, step_trunk_zero },
	{ "country", ARG_NONE, false, step_country },
	{ "state", ARG_COUNTRY, false, step_state },
	{ "zip", ARG_COUNTRY, false, step_zip },
	{ "gender", ARG_NONE, false, step_gender },
	{ "gender-n", ARG_NONE, false, step_gender_n },
	{ "strip-title", ARG_NONE, false, step_strip_title },
	{ "strip-suffix", ARG_NONE, false, step_strip_suffix },
	{ NULL, ARG_NONE, false, NULL },
};
