/* SPDX-License-Identifier: MIT */
#include "common/format.h"

#include <arpa/inet.h>

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_alpha(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_alnum(char c)
{
	return is_alpha(c) || is_digit(c);
}

static bool is_hex(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* ---- names of hosts, mail addresses ---- */

static bool is_label(struct str l, bool wide)
{
	if (!l.n || l.n > 63 || l.s[0] == '-' || l.s[l.n - 1] == '-')
		return false;
	for (size_t i = 0; i < l.n; i++)
		if (!is_alnum(l.s[i]) && l.s[i] != '-' &&
		    !(wide && (unsigned char)l.s[i] >= 0x80))
			return false;
	return true;
}

/* *n_labels of them; the last is not a number. */
static bool is_domain(struct str text, bool wide, size_t *n_labels)
{
	struct str rest = text, label = STR_NONE;
	bool digits = true;

	*n_labels = 0;
	if (!text.n || text.n > 253)
		return false;
	while (str_split(&rest, '.', &label)) {
		if (!is_label(label, wide))
			return false;
		++*n_labels;
	}
	for (size_t i = 0; i < label.n; i++)
		digits &= is_digit(label.s[i]);
	return !digits;
}

static bool is_hostname(struct str text)
{
	size_t n;

	return is_domain(text, false, &n);
}

static bool is_local_part(struct str text, bool wide)
{
	struct str rest = text, atom;

	if (!text.n || text.n > 64)
		return false;
	while (str_split(&rest, '.', &atom)) {
		if (!atom.n)
			return false;
		for (size_t i = 0; i < atom.n; i++) {
			unsigned char c = (unsigned char)atom.s[i];

			if (c >= 0x80
				? !wide
				: !is_alnum((char)c) &&
				      (!c || !strchr("!#$%&'*+-/=?^_`{|}~", c)))
				return false;
		}
	}
	return true;
}

static bool is_address(struct str text, bool wide)
{
	const char *at = text.n ? memrchr(text.s, '@', text.n) : NULL;
	struct str local, domain;
	size_t n;

	if (!at || text.n > 254)
		return false;
	local = (struct str){ text.s, (size_t)(at - text.s) };
	domain = (struct str){ at + 1, text.n - local.n - 1 };
	/* No destination delivers to a bare host name. */
	return is_local_part(local, wide) && is_domain(domain, wide, &n) &&
	       n > 1;
}

static bool is_email(struct str text)
{
	return is_address(text, false);
}

static bool is_idn_email(struct str text)
{
	return is_address(text, true);
}

/* ---- numbers and codes ---- */

static bool is_e164(struct str text)
{
	if (text.n < 8 || text.n > 16 || text.s[0] != '+' || text.s[1] == '0')
		return false;
	for (size_t i = 1; i < text.n; i++)
		if (!is_digit(text.s[i]))
			return false;
	return true;
}

static bool is_uuid(struct str text)
{
	if (text.n != 36)
		return false;
	for (size_t i = 0; i < text.n; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash ? text.s[i] != '-' : !is_hex(text.s[i]))
			return false;
	}
	return true;
}

static bool is_address_of(int family, struct str text)
{
	char zero_ended[64];
	unsigned char out[16];

	if (!text.n || text.n >= sizeof zero_ended ||
	    memchr(text.s, '\0', text.n))
		return false;
	memcpy(zero_ended, text.s, text.n);
	zero_ended[text.n] = '\0';
	return inet_pton(family, zero_ended, out) == 1;
}

static bool is_ipv4(struct str text)
{
	return is_address_of(AF_INET, text);
}

static bool is_ipv6(struct str text)
{
	return is_address_of(AF_INET6, text);
}

/* "scheme:rest" of characters that RFC 3986 allows. */
static bool is_uri(struct str text)
{
	size_t i = 0;

	while (i < text.n &&
	       (is_alnum(text.s[i]) || (text.s[i] && strchr("+-.", text.s[i]))))
		i++;
	if (!i || !is_alpha(text.s[0]) || i + 1 >= text.n || text.s[i] != ':')
		return false;
	for (i++; i < text.n; i++) {
		char c = text.s[i];

		if (c == '%' ? i + 2 >= text.n || !is_hex(text.s[i + 1]) ||
				   !is_hex(text.s[i + 2])
			     : !is_alnum(c) &&
				   (!c || !strchr("-._~:/?#[]@!$&'()*+,;=", c)))
			return false;
	}
	return true;
}

/* ---- dates ---- */

/* n digits at *p as a number, -1 if they are not there. */
static int number(const char **p, const char *end, int n)
{
	int v = 0;

	if (end - *p < n)
		return -1;
	for (int i = 0; i < n; i++) {
		if (!is_digit((*p)[i]))
			return -1;
		v = v * 10 + ((*p)[i] - '0');
	}
	*p += n;
	return v;
}

static bool take(const char **p, const char *end, char c)
{
	if (*p >= end || **p != c)
		return false;
	++*p;
	return true;
}

static int days_in(int year, int month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30,
				    31, 31, 30, 31, 30, 31 };
	bool leap = (year % 4 == 0 && year % 100) || year % 400 == 0;

	return month == 2 && leap ? 29 : days[month - 1];
}

static bool parse_date(struct format_time *t, const char **p, const char *end)
{
	t->year = number(p, end, 4);
	if (t->year < 0 || !take(p, end, '-'))
		return false;
	t->month = number(p, end, 2);
	if (t->month < 1 || t->month > 12 || !take(p, end, '-'))
		return false;
	t->day = number(p, end, 2);
	return t->day >= 1 && t->day <= days_in(t->year, t->month);
}

static bool parse_zone(struct format_time *t, const char **p, const char *end)
{
	bool west;
	int hours, minutes;

	t->has_zone = true;
	if (take(p, end, 'Z') || take(p, end, 'z'))
		return true;
	west = *p < end && **p == '-';
	if (!take(p, end, '+') && !take(p, end, '-'))
		return false;
	hours = number(p, end, 2);
	if (hours < 0 || hours > 23 || !take(p, end, ':'))
		return false;
	minutes = number(p, end, 2);
	if (minutes < 0 || minutes > 59)
		return false;
	t->offset = (hours * 60 + minutes) * (west ? -1 : 1);
	return true;
}

static bool parse_clock(struct format_time *t, const char **p, const char *end)
{
	t->has_time = true;
	t->hour = number(p, end, 2);
	if (t->hour < 0 || t->hour > 23 || !take(p, end, ':'))
		return false;
	t->minute = number(p, end, 2);
	if (t->minute < 0 || t->minute > 59 || !take(p, end, ':'))
		return false;
	t->second = number(p, end, 2);
	if (t->second < 0 || t->second > 60)
		return false;
	if (take(p, end, '.')) {
		const char *from = *p;

		while (*p < end && is_digit(**p))
			++*p;
		if (*p == from)
			return false;
	}
	return *p == end || parse_zone(t, p, end);
}

bool format_time_parse(struct format_time *t, struct str text)
{
	const char *p = text.s, *end = text.s + text.n;

	*t = (struct format_time){ 0 };
	if (!text.n || !parse_date(t, &p, end))
		return false;
	if (p == end)
		return true;
	if (!take(&p, end, 'T') && !take(&p, end, 't') && !take(&p, end, ' '))
		return false;
	return parse_clock(t, &p, end) && p == end;
}

int64_t format_time_unix(const struct format_time *t)
{
	/* Days of the proleptic Gregorian calendar, years begun in March. */
	int64_t y = t->month > 2 ? t->year : t->year - 1;
	int64_t era = (y >= 0 ? y : y - 399) / 400, of_era = y - era * 400;
	int64_t of_year = (153 * ((t->month + 9) % 12) + 2) / 5 + t->day - 1;
	int64_t days = era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 +
		       of_year - 719468;

	return ((days * 24 + t->hour) * 60 + t->minute - t->offset) * 60 +
	       t->second;
}

static bool is_date(struct str text)
{
	struct format_time t;

	return text.n == 10 && format_time_parse(&t, text);
}

/* RFC 3339's: with a T and a zone. */
static bool is_date_time(struct str text)
{
	struct format_time t;

	return format_time_parse(&t, text) && t.has_zone && text.s[10] != ' ';
}

static bool is_time(struct str text)
{
	struct format_time t = { 0 };
	const char *p = text.s, *end = text.s + text.n;

	return text.n && parse_clock(&t, &p, end) && p == end && t.has_zone;
}

static const struct format formats[] = {
	{ "email", is_email, "not an e-mail address" },
	{ "idn-email", is_idn_email, "not an e-mail address" },
	{ "e164", is_e164, "not a phone number as +, country code and digits" },
	{ "date", is_date, "not a date as YYYY-MM-DD" },
	{ "time", is_time, "not a time with a zone, such as 19:33:17Z" },
	{ "date-time", is_date_time,
	  "not a date and time with a zone, such as 2026-11-22T19:33:17Z" },
	{ "uri", is_uri, "not a URL with its scheme" },
	{ "hostname", is_hostname, "not a host name" },
	{ "ipv4", is_ipv4, "not an IPv4 address" },
	{ "ipv6", is_ipv6, "not an IPv6 address" },
	{ "uuid", is_uuid, "not a UUID" },
};

const struct format *format_find(struct str name)
{
	for (size_t i = 0; i < ARRAY_LEN(formats); i++)
		if (str_is(name, formats[i].name))
			return &formats[i];
	return NULL;
}

const struct format *format_at(size_t i)
{
	return i < ARRAY_LEN(formats) ? &formats[i] : NULL;
}
