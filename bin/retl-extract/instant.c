/* SPDX-License-Identifier: MIT */
#include "bin/retl-extract/instant.h"

#define DAY 86400
#define DAYS_OF_400_YEARS 146097
/* From 0000-03-01 to 1970-01-01: years are counted from March. */
#define DAYS_TO_1970 719468
#define FIRST_DAY -719162 /* 0001-01-01 */
#define LAST_DAY 2932896  /* 9999-12-31 */

int instant_put_date(struct buf *out, int64_t days)
{
	uint32_t era, of_era, year, of_year, month, day;

	if (days < FIRST_DAY || days > LAST_DAY)
		return -1;
	days += DAYS_TO_1970;
	era = (uint32_t)(days / DAYS_OF_400_YEARS);
	of_era = (uint32_t)(days % DAYS_OF_400_YEARS);
	year =
	    (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	of_year = of_era - (365 * year + year / 4 - year / 100);
	month = (5 * of_year + 2) / 153;
	day = of_year - (153 * month + 2) / 5 + 1;
	month = month < 10 ? month + 3 : month - 9;
	year += era * 400 + (month <= 2);
	buf_addf(out, "%04u-%02u-%02u", year, month, day);
	return 0;
}

static void put_fraction(struct buf *out, uint32_t nanos)
{
	char digits[16];
	int n = 9;

	if (!nanos)
		return;
	snprintf(digits, sizeof digits, "%09u", nanos);
	while (digits[n - 1] == '0')
		n--;
	buf_addf(out, ".%.*s", n, digits);
}

int instant_put_time(struct buf *out, int64_t seconds, uint32_t nanos)
{
	int s = (int)seconds;

	if (seconds < 0 || seconds >= DAY)
		return -1;
	buf_addf(out, "%02d:%02d:%02d", s / 3600, s / 60 % 60, s % 60);
	put_fraction(out, nanos);
	return 0;
}

int instant_put(struct buf *out, int64_t seconds, uint32_t nanos, bool zulu)
{
	int64_t days = seconds / DAY, rest = seconds % DAY;

	if (rest < 0) {
		rest += DAY;
		days--;
	}
	if (instant_put_date(out, days) < 0)
		return -1;
	buf_addc(out, 'T');
	instant_put_time(out, rest, nanos);
	if (zulu)
		buf_addc(out, 'Z');
	return 0;
}

int instant_parse(struct str text, int64_t *seconds, uint32_t *nanos)
{
	bool negative = text.n && text.s[0] == '-';
	struct str whole, rest = { text.s + negative, text.n - negative };
	uint64_t n, fraction = 0;

	if (!str_split(&rest, '.', &whole) || str_to_u64(whole, &n) < 0 ||
	    n > INT64_MAX / 2)
		return -1;
	if (rest.s) {
		if (rest.n > 9 || str_to_u64(rest, &fraction) < 0)
			return -1;
		for (size_t i = rest.n; i < 9; i++)
			fraction *= 10;
	}
	*seconds = negative ? -(int64_t)n : (int64_t)n;
	*nanos = (uint32_t)fraction;
	if (negative && fraction) {
		*seconds -= 1;
		*nanos = (uint32_t)(1000000000 - fraction);
	}
	return 0;
}

/* ---- from text ---- */

/* Digits at the beginning of t, n of them; -1: they are not there. */
static int take_digits(struct str *t, size_t n, int *out)
{
	*out = 0;
	if (t->n < n)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (!isdigit((unsigned char)t->s[i]))
			return -1;
		*out = *out * 10 + t->s[i] - '0';
	}
	*t = (struct str){ t->s + n, t->n - n };
	return 0;
}

static bool take_char(struct str *t, const char *which)
{
	if (!t->n || !strchr(which, *t->s))
		return false;
	*t = (struct str){ t->s + 1, t->n - 1 };
	return true;
}

static int take_zone(struct str *t, int *minutes)
{
	bool west;
	int h, m = 0;

	*minutes = 0;
	if (!t->n || take_char(t, "Z"))
		return 0;
	west = *t->s == '-';
	if (!take_char(t, "+-") || take_digits(t, 2, &h) < 0)
		return -1;
	take_char(t, ":");
	if (t->n && take_digits(t, 2, &m) < 0)
		return -1;
	*minutes = (h * 60 + m) * (west ? -1 : 1);
	return 0;
}

int instant_put_text(struct buf *out, struct str t, bool zulu)
{
	struct tm tm = { .tm_isdst = 0 };
	uint32_t nanos = 0, unit = 100000000;
	int minutes;

	if (take_digits(&t, 4, &tm.tm_year) < 0 || !take_char(&t, "-") ||
	    take_digits(&t, 2, &tm.tm_mon) < 0 || !take_char(&t, "-") ||
	    take_digits(&t, 2, &tm.tm_mday) < 0 || !take_char(&t, "T ") ||
	    take_digits(&t, 2, &tm.tm_hour) < 0 || !take_char(&t, ":") ||
	    take_digits(&t, 2, &tm.tm_min) < 0 || !take_char(&t, ":") ||
	    take_digits(&t, 2, &tm.tm_sec) < 0)
		return -1;
	if (take_char(&t, "."))
		for (; t.n && isdigit((unsigned char)*t.s); unit /= 10) {
			nanos += (uint32_t)(*t.s - '0') * unit;
			take_char(&t, "0123456789");
		}
	if (take_zone(&t, &minutes) < 0 || t.n)
		return -1;
	tm.tm_year -= 1900;
	tm.tm_mon--;
	return instant_put(out, (int64_t)timegm(&tm) - minutes * 60, nanos,
			   zulu);
}
