/* SPDX-License-Identifier: MIT */
/* The steps, one function each, and the table of them at the end. */
#include "common/normal.h"

#include <utf8proc.h>

#include "common/codes.h"
#include "common/format.h"
#include "common/mem.h"

struct step {
	const struct step_def *def;
	struct str arg;
	uint64_t n; /* arg as a number, where the step wants one */
};

struct normal {
	struct step *steps;
	size_t n, cap;
	struct buf args; /* their unescaped texts */
	struct buf unescaped;
	struct buf out[2]; /* by turns: one is read while the other is filled */
	int turn;
	int32_t *points; /* for NFC */
	size_t cap_points;
	const char *why; /* of a step that failed */
};

typedef int step_fn(struct normal *n, const struct step *s,
		    struct normal_value *v);

enum step_arg { ARG_NONE, ARG_TEXT, ARG_NUMBER };

struct step_def {
	const char *name;
	enum step_arg arg;
	bool any_type; /* false: leaves what is no text alone */
	step_fn *run;
};

/* ---- code points ---- */

/* The text is valid UTF-8: it came through the JSON scanner. */
static int32_t next_point(struct str *rest)
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

static void put_point(struct buf *b, int32_t c)
{
	uint8_t text[4];

	buf_add(b, text, (size_t)utf8proc_encode_char(c, text));
}

static bool is_ascii(struct str t)
{
	for (size_t i = 0; i < t.n; i++)
		if ((unsigned char)t.s[i] >= 0x80)
			return false;
	return true;
}

static bool is_white(int32_t c)
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

static bool is_letter(int32_t c)
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

static bool is_punct(int32_t c)
{
	if (c < 0x80)
		return c > 0x20 && c < 0x7f && !is_letter(c) &&
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

static bool is_digit(int32_t c)
{
	return c >= '0' && c <= '9';
}

/* A digit, but of a script that nobody here can read. */
static bool is_foreign_digit(int32_t c)
{
	return c >= 0x80 && utf8proc_category(c) == UTF8PROC_CATEGORY_ND;
}

struct str normal_trim(struct str t)
{
	struct str rest = t, last;

	while (rest.n) {
		last = rest;
		if (!is_white(next_point(&rest))) {
			rest = last;
			break;
		}
	}
	while (rest.n) {
		size_t at = rest.n - 1;

		while (at && ((unsigned char)rest.s[at] & 0xc0) == 0x80)
			at--;
		last = (struct str){ rest.s + at, rest.n - at };
		if (!is_white(next_point(&last)))
			break;
		rest.n = at;
	}
	return rest;
}

bool normal_is_blank(struct str t)
{
	return !normal_trim(t).n;
}

/* ---- building results ---- */

static struct buf *fresh(struct normal *n)
{
	struct buf *b = &n->out[n->turn ^= 1];

	buf_reset(b);
	return b;
}

/*
 * What was built, or, where that is the same, what it was built from: then the
 * buffer is as if it had not been asked for, since a value must never stand in
 * the one that comes next.
 */
static struct str built(struct normal *n, const struct buf *b, struct str from)
{
	if (!str_eq(buf_str(b), from))
		return buf_str(b);
	n->turn ^= 1;
	return from;
}

static int give(struct normal_value *v, struct str text)
{
	*v = (struct normal_value){ true, text };
	return 0;
}

static int broken(struct normal *n, const char *why)
{
	n->why = why;
	return -1;
}

/* Keeps the code points that are wanted. */
static int keep(struct normal *n, struct normal_value *v,
		bool (*wanted)(int32_t c))
{
	struct str rest = v->s, all = v->s;
	struct buf *b;

	while (rest.n) {
		struct str at = rest;

		if (wanted(next_point(&rest)))
			continue;
		/* The first that goes: from here on a copy is needed. */
		b = fresh(n);
		buf_add(b, all.s, (size_t)(at.s - all.s));
		while (rest.n) {
			at = rest;
			if (wanted(next_point(&rest)))
				buf_add(b, at.s, (size_t)(rest.s - at.s));
		}
		return give(v, buf_str(b));
	}
	return 0;
}

/* ---- letters ---- */

static int step_trim(struct normal *n, const struct step *s,
		     struct normal_value *v)
{
	(void)n;
	(void)s;
	return give(v, normal_trim(v->s));
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
	b = fresh(n);
	for (utf8proc_ssize_t i = 0; i < len; i++)
		put_point(b, n->points[i]);
	return built(n, b, t);
}

static int step_nfc(struct normal *n, const struct step *s,
		    struct normal_value *v)
{
	(void)s;
	return give(v, nfc(n, v->s));
}

static struct str ascii_case(struct normal *n, struct str t, char from, char to)
{
	struct buf *b;
	size_t i = 0;

	while (i < t.n && !(t.s[i] >= from && t.s[i] <= to))
		i++;
	if (i == t.n)
		return t;
	b = fresh(n);
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
static struct str change_case(struct normal *n, struct str t, bool lower)
{
	struct str rest;
	struct buf *b;

	if (is_ascii(t))
		return lower ? ascii_case(n, t, 'A', 'Z')
			     : ascii_case(n, t, 'a', 'z');
	rest = t = nfc(n, t);
	b = fresh(n);
	while (rest.n) {
		int32_t c = next_point(&rest);

		put_point(b, lower ? utf8proc_tolower(c) : utf8proc_toupper(c));
	}
	return nfc(n, built(n, b, t));
}

static int step_lower(struct normal *n, const struct step *s,
		      struct normal_value *v)
{
	(void)s;
	return give(v, change_case(n, v->s, true));
}

static int step_upper(struct normal *n, const struct step *s,
		      struct normal_value *v)
{
	(void)s;
	return give(v, change_case(n, v->s, false));
}

static bool not_white(int32_t c)
{
	return !is_white(c);
}

static int step_strip_spaces(struct normal *n, const struct step *s,
			     struct normal_value *v)
{
	(void)s;
	return keep(n, v, not_white);
}

static int step_letters(struct normal *n, const struct step *s,
			struct normal_value *v)
{
	(void)s;
	return keep(n, v, is_letter);
}

static bool is_ascii_alnum(int32_t c)
{
	return c < 0x80 && (is_letter(c) || is_digit(c));
}

static int step_alnum(struct normal *n, const struct step *s,
		      struct normal_value *v)
{
	(void)s;
	return keep(n, v, is_ascii_alnum);
}

static bool not_punct(int32_t c)
{
	return !is_punct(c);
}

static int step_strip_punct(struct normal *n, const struct step *s,
			    struct normal_value *v)
{
	(void)s;
	return keep(n, v, not_punct);
}

static int step_first(struct normal *n, const struct step *s,
		      struct normal_value *v)
{
	struct str rest = v->s;

	(void)n;
	for (uint64_t i = 0; i < s->n && rest.n; i++)
		next_point(&rest);
	return give(v, (struct str){ v->s.s, (size_t)(rest.s - v->s.s) });
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
	b = fresh(n);
	buf_adds(b, s->arg);
	buf_adds(b, v->s);
	return give(v, buf_str(b));
}

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
	return give(v, normal_trim((struct str){ space, v->s.n - first.n }));
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
	return give(v, t);
}

/* ---- addresses and phone numbers ---- */

static int step_gmail(struct normal *n, const struct step *s,
		      struct normal_value *v)
{
	const char *at = v->s.n ? memrchr(v->s.s, '@', v->s.n) : NULL;
	struct str local, domain;
	struct buf *b;

	(void)s;
	if (!at)
		return 0;
	local = (struct str){ v->s.s, (size_t)(at - v->s.s) };
	domain = (struct str){ at, v->s.n - local.n };
	if (!is_word(domain,
		     (const char *const[]){ "@gmail.com", "@googlemail.com" },
		     2))
		return 0;
	b = fresh(n);
	for (size_t i = 0; i < local.n && local.s[i] != '+'; i++)
		if (local.s[i] != '.')
			buf_addc(b, local.s[i]);
	buf_adds(b, domain);
	return give(v, built(n, b, v->s));
}

static bool has_foreign_digit(struct str t)
{
	while (t.n)
		if (is_foreign_digit(next_point(&t)))
			return true;
	return false;
}

static int step_digits(struct normal *n, const struct step *s,
		       struct normal_value *v)
{
	(void)s;
	if (!is_ascii(v->s) && has_foreign_digit(v->s))
		return broken(n, "has digits of another script than 0 to 9");
	return keep(n, v, is_digit);
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
		if (!is_digit(v->s.s[i]))
			return broken(n, "not a number of digits only");
	b = fresh(n);
	for (uint64_t i = v->s.n; i < s->n; i++)
		buf_addc(b, '0');
	buf_adds(b, v->s);
	return give(v, buf_str(b));
}

static bool is_phone_filler(int32_t c)
{
	return is_white(c) || c == '-' || c == '.' || c == '/' || c == '(' ||
	       c == ')' || (c >= 0x2010 && c <= 0x2015);
}

/*
 * Only numbers that carry their country code: to guess one would send
 * somebody else's number. "+49 (0)30 …" has a zero too many, as people write
 * it.
 */
static int step_e164(struct normal *n, const struct step *s,
		     struct normal_value *v)
{
	struct str rest = normal_trim(v->s);
	struct buf *b;

	(void)s;
	if (!rest.n || format_find(STR("e164"))->is(rest))
		return give(v, rest);
	b = fresh(n);
	buf_addc(b, '+');
	if (*rest.s == '+') {
		rest.s++;
		rest.n--;
	} else if (str_starts(rest, "00")) {
		rest.s += 2;
		rest.n -= 2;
	} else {
		return broken(n, "not a phone number with its country code "
				 "(+49... or 0049...)");
	}
	while (rest.n) {
		struct str at = rest;
		int32_t c = next_point(&rest);

		if (is_digit(c)) {
			put_point(b, c);
		} else if (!is_phone_filler(c)) {
			return broken(n, "not a phone number: only digits, "
					 "spaces and -./() may follow the +");
		} else if (b->len > 1 && str_starts(at, "(0)")) {
			rest = (struct str){ at.s + 3, at.n - 3 };
		}
	}
	if (!format_find(STR("e164"))->is(buf_str(b)))
		return broken(n, "not a phone number: 7 to 15 digits with the "
				 "country code, which has no 0 in front");
	return give(v, buf_str(b));
}

static int step_country(struct normal *n, const struct step *s,
			struct normal_value *v)
{
	struct str text = change_case(n, normal_trim(v->s), true);
	const char *two;

	(void)s;
	if (!text.n)
		return give(v, text);
	two = codes_country(text);
	if (!two)
		return broken(n, "not a country: a code such as DE or DEU, or "
				 "its English name, is expected");
	return str_is(v->s, two) ? 0 : give(v, str_of(two));
}

/* ---- dates ---- */

/* The next part of a date's pattern: YYYY, MM, ... or 0 for one other byte. */
static char date_part(struct str *pattern, size_t *width)
{
	static const char *const parts[] = { "YYYY", "MM", "DD",
					     "hh",   "mm", "ss" };

	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		if (str_starts(*pattern, parts[i])) {
			*width = strlen(parts[i]);
			pattern->s += *width;
			pattern->n -= *width;
			return *parts[i];
		}
	*width = 1;
	pattern->s++;
	pattern->n--;
	return 0;
}

static int date_value(const struct format_time *t, char part)
{
	switch (part) {
	case 'Y':
		return t->year;
	case 'M':
		return t->month;
	case 'D':
		return t->day;
	case 'h':
		return t->hour;
	case 'm':
		return t->minute;
	default:
		return t->second;
	}
}

/* Is text what this step makes, so that twice is as once? */
static bool fits_pattern(struct str text, struct str pattern)
{
	size_t width;
	int v;

	while (pattern.n) {
		char other = *pattern.s, part = date_part(&pattern, &width);

		if (text.n < width)
			return false;
		v = 0;
		for (size_t i = 0; part && i < width; i++) {
			if (!is_digit(text.s[i]))
				return false;
			v = v * 10 + (text.s[i] - '0');
		}
		if (part ? (part == 'M' && (v < 1 || v > 12)) ||
			       (part == 'D' && (v < 1 || v > 31)) ||
			       (part == 'h' && v > 23) ||
			       ((part == 'm' || part == 's') && v > 60)
			 : *text.s != other)
			return false;
		text.s += width;
		text.n -= width;
	}
	return !text.n;
}

static int step_date(struct normal *n, const struct step *s,
		     struct normal_value *v)
{
	struct str text = normal_trim(v->s), pattern = s->arg;
	struct format_time t;
	struct buf *b;
	size_t width;

	if (!text.n || fits_pattern(text, pattern))
		return give(v, text);
	if (!format_time_parse(&t, text))
		return broken(n, "not a date as YYYY-MM-DD");
	b = fresh(n);
	while (pattern.n) {
		char other = *pattern.s, part = date_part(&pattern, &width);

		if (part)
			buf_addf(b, "%0*d", (int)width, date_value(&t, part));
		else
			buf_addc(b, other);
	}
	return give(v, buf_str(b));
}

static int unix_time(struct normal *n, struct normal_value *v, int64_t scale)
{
	struct str text;
	struct format_time t;
	struct buf *b;

	if (!v->is_text)
		return 0;
	text = normal_trim(v->s);
	if (!text.n)
		return give(v, text);
	if (!format_time_parse(&t, text))
		return broken(n, "not a date and time");
	if (t.has_time && !t.has_zone)
		return broken(n, "a time without its zone (add Z if it is "
				 "UTC)");
	b = fresh(n);
	buf_addf(b, "%" PRId64, format_time_unix(&t) * scale);
	*v = (struct normal_value){ false, buf_str(b) };
	return 0;
}

static int step_unix(struct normal *n, const struct step *s,
		     struct normal_value *v)
{
	(void)s;
	return unix_time(n, v, 1);
}

static int step_unix_ms(struct normal *n, const struct step *s,
			struct normal_value *v)
{
	(void)s;
	return unix_time(n, v, 1000);
}

/* ---- types ---- */

static int step_string(struct normal *n, const struct step *s,
		       struct normal_value *v)
{
	(void)n;
	(void)s;
	if (v->is_text)
		return 0;
	switch (json_type(v->s)) {
	case JSON_NUMBER: /* with the digits it came with */
	case JSON_BOOL:
		return give(v, v->s);
	default:
		return 0; /* the schema says whether that may be */
	}
}

static int step_join(struct normal *n, const struct step *s,
		     struct normal_value *v)
{
	struct json_iter it;
	struct str e, text;
	struct buf *b, scratch = BUF_INIT;
	bool any = false;

	if (v->is_text || json_type(v->s) != JSON_ARRAY)
		return 0;
	b = fresh(n);
	json_iter_init(&it, v->s);
	while (json_iter_element(&it, &e)) {
		enum json_type t = json_type(e);

		if (t == JSON_NULL)
			continue;
		text = t == JSON_STRING ? json_text(e, &scratch) : e;
		if (t == JSON_ARRAY || t == JSON_OBJECT ||
		    (text.n && memmem(text.s, text.n, s->arg.s, s->arg.n))) {
			buf_release(&scratch);
			return broken(n, "a list whose items cannot be joined: "
					 "one is no plain value, or has the "
					 "separator in it");
		}
		if (any)
			buf_adds(b, s->arg);
		buf_adds(b, text);
		any = true;
	}
	buf_release(&scratch);
	return give(v, buf_str(b));
}

static const struct step_def defs[] = {
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
	{ "first", ARG_NUMBER, false, step_first },
	{ "cut", ARG_TEXT, false, step_cut },
	{ "prefix", ARG_TEXT, false, step_prefix },
	{ "gmail", ARG_NONE, false, step_gmail },
	{ "e164", ARG_NONE, false, step_e164 },
	{ "country", ARG_NONE, false, step_country },
	{ "strip-title", ARG_NONE, false, step_strip_title },
	{ "strip-suffix", ARG_NONE, false, step_strip_suffix },
	{ "date", ARG_TEXT, false, step_date },
	{ "string", ARG_NONE, true, step_string },
	{ "unix", ARG_NONE, true, step_unix },
	{ "unix-ms", ARG_NONE, true, step_unix_ms },
	{ "join", ARG_TEXT, true, step_join },
};

/* ---- a list of steps ---- */

static const struct step_def *find_def(struct str name)
{
	for (size_t i = 0; i < ARRAY_LEN(defs); i++)
		if (str_is(name, defs[i].name))
			return &defs[i];
	return NULL;
}

static int unknown_step(struct str name, struct buf *err)
{
	struct buf list = BUF_INIT;

	for (size_t i = 0; i < ARRAY_LEN(defs); i++)
		buf_addf(&list, " %s%s", defs[i].name,
			 defs[i].arg == ARG_NONE ? "" : "=");
	fail(err, "'%.*s' is not a step; there are:%s", STR_ARG(name),
	     list.data);
	buf_release(&list);
	return -1;
}

static int read_arg(struct step *s, struct str arg, struct buf *err)
{
	const char *name = s->def->name;

	if (s->def->arg == ARG_NONE && arg.s)
		return fail(err, "the step %s takes no argument", name);
	if (s->def->arg == ARG_NONE)
		return 0;
	if (!arg.n)
		return fail(err, "the step %s needs an argument: %s=...", name,
			    name);
	if (s->def->arg == ARG_NUMBER &&
	    (str_to_u64(arg, &s->n) < 0 || s->n > 1000))
		return fail(err, "the step %s needs a number", name);
	s->arg = arg;
	return 0;
}

static int add_step(struct normal *n, struct str text,
		    normal_setting_fn *setting, void *arg, struct buf *err)
{
	struct str rest = text, name, value;
	struct step *s;

	str_split(&rest, '=', &name);
	value = rest;
	GROW(n->steps, n->n, n->cap);
	s = &n->steps[n->n++];
	*s = (struct step){ .def = find_def(name) };
	if (!s->def)
		return unknown_step(name, err);
	if (value.n > 1 && *value.s == '/')
		return fail(err,
			    "the step %s: an argument taken from another "
			    "member is not supported by this version",
			    s->def->name);
	if (value.n > 1 && *value.s == '$' && setting &&
	    setting(arg, (struct str){ value.s + 1, value.n - 1 }, &value,
		    err) < 0)
		return -1;
	return read_arg(s, value, err);
}

struct normal *normal_new(struct str steps, normal_setting_fn *setting,
			  void *arg, struct buf *err)
{
	struct normal *n = xcalloc(1, sizeof *n);
	struct json_iter it;
	struct str e;
	size_t at;

	n->args = n->unescaped = n->out[0] = n->out[1] = BUF_INIT;
	if (json_type(steps) != JSON_ARRAY) {
		fail(err, "not a list of steps");
		goto bad;
	}
	/* Room at once: the steps borrow from it. */
	buf_reserve(&n->args, steps.n);
	json_iter_init(&it, steps);
	while (json_iter_element(&it, &e)) {
		if (json_type(e) != JSON_STRING) {
			fail(err, "a step is a text, \"name\" or "
				  "\"name=argument\"");
			goto bad;
		}
		at = n->args.len;
		json_unescape(&n->args, (struct str){ e.s + 1, e.n - 2 });
		if (add_step(
			n, (struct str){ n->args.data + at, n->args.len - at },
			setting, arg, err) < 0)
			goto bad;
	}
	return n;
bad:
	normal_free(n);
	return NULL;
}

void normal_free(struct normal *n)
{
	if (!n)
		return;
	free(n->steps);
	free(n->points);
	buf_release(&n->args);
	buf_release(&n->unescaped);
	buf_release(&n->out[0]);
	buf_release(&n->out[1]);
	free(n);
}

void normal_put(struct buf *out, const struct normal *n)
{
	for (size_t i = 0; i < n->n; i++) {
		buf_addf(out, "%s%s", i ? ", " : "", n->steps[i].def->name);
		if (n->steps[i].arg.s)
			buf_addf(out, "=%.*s", STR_ARG(n->steps[i].arg));
	}
}

int normal_run(struct normal *n, struct str value, struct normal_value *out,
	       bool *changed, struct normal_fault *f)
{
	struct normal_value v = { json_type(value) == JSON_STRING, value }, was;

	if (v.is_text)
		v.s = json_text(value, &n->unescaped);
	was = v;
	for (size_t i = 0; i < n->n; i++) {
		const struct step *s = &n->steps[i];

		if (!v.is_text && !s->def->any_type)
			continue;
		if (s->def->run(n, s, &v) < 0) {
			*f = (struct normal_fault){ s->def->name, n->why };
			return -1;
		}
	}
	*out = v;
	*changed = v.is_text != was.is_text || !str_eq(v.s, was.s);
	return 0;
}
