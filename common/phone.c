/* SPDX-License-Identifier: MIT */
#include "common/phone.h"

#include <dlfcn.h>
#include <pthread.h>

#include "common/mem.h"
#include "common/normal_private.h"

#define E164_LEAST 8 /* with + */
#define E164_MAX 17  /* with + and NUL */

/* ---- libphonenumber ---- */

typedef int shim_fn(const char *text, size_t n, const char *region, char *out,
		    size_t cap);

static shim_fn *shim;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void load(void)
{
	char path[PATH_MAX + 32];
	ssize_t n = readlink("/proc/self/exe", path, PATH_MAX);
	char *slash;
	const int *version;
	void *lib;

	if (n < 0)
		return;
	path[n] = '\0';
	slash = strrchr(path, '/');
	if (!slash)
		return;
	snprintf(slash, 32, "/../lib/retl/phone.so");
	lib = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!lib)
		return;
	version = dlsym(lib, "retl_phone_version");
	if (version && *version == 1)
		shim = (shim_fn *)dlsym(lib, "retl_phone_e164");
}

static bool has_library(void)
{
	pthread_once(&once, load);
	return shim != NULL;
}

/* ---- what it has answered ---- */

#define SLOTS 4096
#define TEXT_MAX 32

struct slot {
	char text[TEXT_MAX];
	uint8_t n; /* 0: empty */
	char country[2];
	char e164[E164_MAX];
	const char *why;
};

struct phone {
	struct slot slots[SLOTS];
};

void phone_free(struct phone *p)
{
	free(p);
}

/* The slot that this number has, filled with it or with another. */
static struct slot *slot_of(struct phone *p, struct str text,
			    const char *country)
{
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < text.n; i++)
		h = (h ^ (uint8_t)text.s[i]) * 16777619u;
	h = (h ^ (uint8_t)country[0]) * 16777619u;
	h = (h ^ (uint8_t)country[1]) * 16777619u;
	return &p->slots[(h ^ h >> 15) % SLOTS];
}

static bool holds(const struct slot *s, struct str text, const char *country)
{
	return s->n == text.n && memcmp(s->text, text.s, text.n) == 0 &&
	       memcmp(s->country, country, 2) == 0;
}

static const char *ask_library(struct str text, const char *country, char *out)
{
	char region[3] = "ZZ";

	if (country[0] != 'z' || country[1] != 'z') {
		region[0] = (char)toupper((unsigned char)country[0]);
		region[1] = (char)toupper((unsigned char)country[1]);
	}
	switch (shim(text.s, text.n, region, out, E164_MAX)) {
	case 0:
		/* As numbers with their country code are held against it. */
		if (strlen(out) >= E164_LEAST)
			return NULL;
		/* fall through */
	case 2:
		return "not a phone number: too short";
	case 3:
		return "not a phone number: too long";
	default:
		return "not a phone number";
	}
}

static const char *ask(struct phone **p, struct str text, const char *country,
		       struct buf *out)
{
	char e164[E164_MAX];
	struct slot *s = NULL;
	const char *why;

	if (text.n <= TEXT_MAX) {
		if (!*p)
			*p = xcalloc(1, sizeof **p);
		s = slot_of(*p, text, country);
		if (s->n && holds(s, text, country)) {
			if (!s->why)
				buf_addz(out, s->e164);
			return s->why;
		}
	}
	why = ask_library(text, country, e164);
	if (!why)
		buf_addz(out, e164);
	if (!s)
		return why;
	memcpy(s->text, text.s, text.n);
	s->n = (uint8_t)text.n;
	memcpy(s->country, country, 2);
	s->why = why;
	if (!why)
		memcpy(s->e164, e164, sizeof e164);
	return why;
}

/* ---- numbers that have their country code ---- */

/* How many of the digits are the country code, ITU-T E.164. */
static size_t code_length(struct str digits)
{
	static const char two[] = "20 27 30 31 32 33 34 36 39 40 41 43 44 45 "
				  "46 47 48 49 51 52 53 54 55 56 57 58 60 61 "
				  "62 63 64 65 66 81 82 84 86 90 91 92 93 94 "
				  "95 98";

	if (digits.s[0] == '1' || digits.s[0] == '7')
		return 1;
	for (const char *p = two; digits.n > 1; p += 3) {
		if (memcmp(p, digits.s, 2) == 0)
			return 2;
		if (!p[2])
			break;
	}
	return 3;
}

/*
 * Does a zero follow the country code that only those dial who are in the
 * country? In some countries it is part of the number.
 */
static bool has_trunk_zero(struct str digits)
{
	static const char *const kept[] = { "39",  "378", "225",
					    "229", "241", "242" };
	size_t n = code_length(digits);

	if (digits.n <= n || digits.s[n] != '0')
		return false;
	for (size_t i = 0; i < ARRAY_LEN(kept); i++)
		if (strlen(kept[i]) == n && memcmp(kept[i], digits.s, n) == 0)
			return false;
	return true;
}

bool phone_is_e164(struct str text)
{
	if (text.n < E164_LEAST || text.n >= E164_MAX || text.s[0] != '+' ||
	    text.s[1] == '0')
		return false;
	for (size_t i = 1; i < text.n; i++)
		if (!normal_is_digit(text.s[i]))
			return false;
	return !has_trunk_zero((struct str){ text.s + 1, text.n - 1 });
}

/* Spaces, marks of direction that come along in a copy, and -./() */
static bool is_filler(int32_t c)
{
	return normal_is_white(c) || c == '-' || c == '.' || c == '/' ||
	       c == '(' || c == ')' || c == 0xad ||
	       (c >= 0x200b && c <= 0x2015) || (c >= 0x202a && c <= 0x202e) ||
	       (c >= 0x2060 && c <= 0x2069);
}

/* "ext. 12", "x12", ";ext=12" at the end: no part of the number. */
static bool is_extension(struct str t)
{
	static const char *const marks[] = { ";ext=", "extension", "ext.",
					     "ext",   "x",         "#" };
	size_t i = 0;

	while (i < ARRAY_LEN(marks) &&
	       (t.n <= strlen(marks[i]) ||
		strncasecmp(t.s, marks[i], strlen(marks[i])) != 0))
		i++;
	if (i == ARRAY_LEN(marks))
		return false;
	t = normal_trim(
	    (struct str){ t.s + strlen(marks[i]), t.n - strlen(marks[i]) });
	for (i = 0; i < t.n; i++)
		if (!normal_is_digit(t.s[i]))
			return false;
	return t.n > 0 && t.n <= 8;
}

#define DIGITS_MAX 32

struct scanned {
	char digits[DIGITS_MAX];
	size_t n;
	bool plus; /* began with + */
};

static bool begins_with_00(const struct scanned *s)
{
	return s->n > 2 && s->digits[0] == '0' && s->digits[1] == '0';
}

/* NULL, or why this is none. */
static const char *scan(struct scanned *s, struct str rest)
{
	while (rest.n) {
		struct str at = rest;
		int32_t c = normal_point(&rest);

		if (normal_is_digit(c)) {
			if (s->n == DIGITS_MAX)
				return "not a phone number: too long";
			s->digits[s->n++] = (char)c;
		} else if (c == '+' && !s->n && !s->plus) {
			s->plus = true;
		} else if (s->n && is_extension(at)) {
			break;
		} else if (!is_filler(c)) {
			return "not a phone number: only digits, spaces and "
			       "-./() may follow the +";
		} else if ((s->plus || begins_with_00(s)) && s->n &&
			   str_starts(at, "(0)")) {
			rest = (struct str){ at.s + 3, at.n - 3 };
		}
	}
	return NULL;
}

/*
 * As ask; and what it gives is what it gives again, so that twice is as once:
 * of two zeros too many it takes one.
 */
static const char *ask_settled(struct phone **p, struct str text,
			       const char *country, struct buf *out)
{
	struct buf again = BUF_INIT;
	size_t mark = out->len;
	const char *why = ask(p, text, country, out);
	struct str got = { out->data + mark, out->len - mark };

	if (!why && !phone_is_e164(got)) {
		why = ask(p, got, "zz", &again);
		if (!why && !str_eq(buf_str(&again), got))
			why = "not a phone number: a 0 after the country code "
			      "that does not belong there";
		if (why)
			buf_truncate(out, mark);
	}
	buf_release(&again);
	return why;
}

/* digits begin with a country code. */
static const char *with_code(struct phone **p, struct str digits,
			     struct buf *out)
{
	char coded[DIGITS_MAX + 2];

	if (digits.n < 7 || digits.n > 15 || digits.s[0] == '0')
		return "not a phone number: 7 to 15 digits with the country "
		       "code, which has no 0 in front";
	if (!has_trunk_zero(digits)) {
		buf_addc(out, '+');
		buf_adds(out, digits);
		return NULL;
	}
	if (!has_library())
		return "a 0 after the country code, of which a retl that was "
		       "built without libphonenumber cannot tell whether it "
		       "belongs there";
	snprintf(coded, sizeof coded, "+%.*s", STR_ARG(digits));
	return ask_settled(p, str_of(coded), "zz", out);
}

const char *phone_e164(struct phone **p, struct str text, const char *country,
		       struct buf *out)
{
	struct scanned s = { .n = 0 };
	const char *why = scan(&s, text);
	struct str digits = { s.digits, s.n };

	if (why)
		return why;
	if (s.plus)
		return with_code(p, digits, out);
	/* Not everywhere 00 is what leads abroad: the library knows. */
	if (begins_with_00(&s) && (!country || !has_library()))
		return with_code(p, (struct str){ digits.s + 2, digits.n - 2 },
				 out);
	if (!country)
		return "not a phone number with its country code (+49... or "
		       "0049...)";
	if (!has_library())
		return "not a phone number with its country code (+49... or "
		       "0049...), which a retl that was built without "
		       "libphonenumber cannot add";
	return ask_settled(p, digits, country, out);
}
