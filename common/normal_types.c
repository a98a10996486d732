/* SPDX-License-Identifier: MIT */
/* Steps that know of dates, and those that make another type of a value. */
#include "common/normal_private.h"

#include "common/format.h"

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

bool normal_is_date_form(struct str form)
{
	bool any = false;
	size_t width;

	while (form.n) {
		char other = *form.s, part = date_part(&form, &width);

		any |= part;
		if (!part && strchr("YMDHhmSs", other) && other)
			return false;
	}
	return any;
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
			if (!normal_is_digit(text.s[i]))
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
		return normal_give(v, text);
	if (!format_time_parse(&t, text))
		return normal_broken(n, "not a date as YYYY-MM-DD");
	b = normal_fresh(n);
	while (pattern.n) {
		char other = *pattern.s, part = date_part(&pattern, &width);

		if (part)
			buf_addf(b, "%0*d", (int)width, date_value(&t, part));
		else
			buf_addc(b, other);
	}
	return normal_give(v, buf_str(b));
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
		return normal_give(v, text);
	if (!format_time_parse(&t, text))
		return normal_broken(n, "not a date and time");
	if (t.has_time && !t.has_zone)
		return normal_broken(n,
				     "a time without its zone (add Z if it is "
				     "UTC)");
	b = normal_fresh(n);
	buf_addf(b, "%" PRId64,
		 format_time_unix(&t) * scale + (scale == 1 ? 0 : t.ms));
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
		return normal_give(v, v->s);
	default:
		return 0; /* the schema says whether that may be */
	}
}

/* A text that is a number as JSON writes it, with its digits. */
static int step_number(struct normal *n, const struct step *s,
		       struct normal_value *v)
{
	struct str text, value;
	struct json_fault f;

	(void)s;
	if (!v->is_text)
		return 0;
	text = normal_trim(v->s);
	if (!text.n)
		return normal_give(v, text);
	if (json_check(text, &value, &f) < 0 || json_type(value) != JSON_NUMBER)
		return normal_broken(n, "not a number such as 12 or 12.50");
	*v = (struct normal_value){ false, value };
	return 0;
}

static int step_boolean(struct normal *n, const struct step *s,
			struct normal_value *v)
{
	static const char *const yes[] = { "true", "t", "yes", "y", "1" };
	static const char *const no[] = { "false", "f", "no", "n", "0" };
	struct str text = v->s;

	(void)s;
	if (v->is_text)
		text = normal_trim(text);
	else if (json_type(text) != JSON_NUMBER)
		return 0;
	if (!text.n)
		return normal_give(v, text);
	for (size_t i = 0; i < ARRAY_LEN(yes); i++) {
		bool is = text.n == strlen(yes[i]) &&
			  strncasecmp(text.s, yes[i], text.n) == 0;

		if (!is && (text.n != strlen(no[i]) ||
			    strncasecmp(text.s, no[i], text.n) != 0))
			continue;
		*v = (struct normal_value){ false,
					    is ? STR("true") : STR("false") };
		return 0;
	}
	return normal_broken(n, "not true or false, yes or no, 1 or 0");
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
	b = normal_fresh(n);
	json_iter_init(&it, v->s);
	while (json_iter_element(&it, &e)) {
		enum json_type t = json_type(e);

		if (t == JSON_NULL)
			continue;
		text = t == JSON_STRING ? json_text(e, &scratch) : e;
		if (t == JSON_ARRAY || t == JSON_OBJECT ||
		    (text.n && memmem(text.s, text.n, s->arg.s, s->arg.n))) {
			buf_release(&scratch);
			return normal_broken(
			    n, "a list whose items cannot be joined: "
			       "one is no plain value, or has the "
			       "separator in it");
		}
		if (any)
			buf_adds(b, s->arg);
		buf_adds(b, text);
		any = true;
	}
	buf_release(&scratch);
	return normal_give(v, buf_str(b));
}

const struct step_def normal_type_steps[] = {
	{ "date", ARG_DATE, false, step_date },
	{ "string", ARG_NONE, true, step_string },
	{ "number", ARG_NONE, true, step_number },
	{ "boolean", ARG_NONE, true, step_boolean },
	{ "unix", ARG_NONE, true, step_unix },
	{ "unix-ms", ARG_NONE, true, step_unix_ms },
	{ "join", ARG_TEXT, true, step_join },
	{ NULL, ARG_NONE, false, NULL },
};
