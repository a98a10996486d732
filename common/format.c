/* SPDX-License-Identifier: MIT */
#include "common/format.h"

#include <arpa/inet.h>

#include "common/codes.h"
#include "common/utf8.h"

/* ---- kinds of bytes ---- */

enum {
	DIGIT = 1,
	ALPHA = 2,
	HEX = 4,
	DASH = 8,
	ATOM = 16, /* of an address's name, letters and digits included */
	WIDE = 32, /* of UTF-8 beyond ASCII */
};

#define DIGIT_KIND (DIGIT | HEX | ATOM)
#define HEX_KIND (ALPHA | HEX | ATOM)
#define ALPHA_KIND (ALPHA | ATOM)

static const uint8_t kinds[256] = {
	['0' ... '9'] = DIGIT_KIND,
	['a' ... 'f'] = HEX_KIND,
	['A' ... 'F'] = HEX_KIND,
	['g' ... 'z'] = ALPHA_KIND,
	['G' ... 'Z'] = ALPHA_KIND,
	['-'] = DASH | ATOM,
	['!'] = ATOM,
	['#'] = ATOM,
	['$'] = ATOM,
	['%'] = ATOM,
	['&'] = ATOM,
	['\''] = ATOM,
	['*'] = ATOM,
	['+'] = ATOM,
	['/'] = ATOM,
	['='] = ATOM,
	['?'] = ATOM,
	['^'] = ATOM,
	['_'] = ATOM,
	['`'] = ATOM,
	['{'] = ATOM,
	['|'] = ATOM,
	['}'] = ATOM,
	['~'] = ATOM,
	[0x80 ... 0xff] = WIDE,
};

static inline unsigned kind(char c)
{
	return kinds[(unsigned char)c];
}

static bool is_digit(char c)
{
	return kind(c) & DIGIT;
}

static bool is_alpha(char c)
{
	return kind(c) & ALPHA;
}

static bool is_alnum(char c)
{
	return kind(c) & (ALPHA | DIGIT);
}

static bool is_hex(char c)
{
	return kind(c) & HEX;
}

/* ---- names of hosts, mail addresses ---- */

/* Of characters that a label may have: may it be one? */
static bool is_label(const char *s, size_t n)
{
	if (!n || n > 63 || s[0] == '-' || s[n - 1] == '-')
		return false;
	/* RFC 5891: kept for names in other scripts. */
	return n <= 3 || s[2] != '-' || s[3] != '-' ||
	       strncasecmp(s, "xn", 2) == 0;
}

/* *n_labels of them; the last is not a number. */
static bool is_domain(struct str text, bool wide, size_t *n_labels)
{
	unsigned allowed = ALPHA | DIGIT | DASH | (wide ? WIDE : 0);
	size_t from = 0, i;
	bool digits = true;

	*n_labels = 1;
	if (!text.n || text.n > 253)
		return false;
	for (i = 0; i < text.n; i++) {
		if (text.s[i] != '.') {
			if (!(kind(text.s[i]) & allowed))
				return false;
			continue;
		}
		if (!is_label(text.s + from, i - from))
			return false;
		++*n_labels;
		from = i + 1;
	}
	if (!is_label(text.s + from, i - from))
		return false;
	for (i = from; i < text.n; i++)
		digits &= is_digit(text.s[i]);
	return !digits;
}

static bool is_hostname(struct str text)
{
	size_t n;

	return is_domain(text, false, &n);
}

static bool is_address(struct str text, bool wide)
{
	unsigned allowed = ATOM | (wide ? WIDE : 0);
	bool dot = true; /* the last was one, where none may be */
	size_t i, n;

	if (text.n > 254)
		return false;
	/* Atoms with dots between. */
	for (i = 0; i < text.n && text.s[i] != '@'; i++) {
		if (text.s[i] == '.' ? dot : !(kind(text.s[i]) & allowed))
			return false;
		dot = text.s[i] == '.';
	}
	if (dot || i > 64 || i == text.n)
		return false;
	/* No destination delivers to a bare host name. */
	return is_domain((struct str){ text.s + i + 1, text.n - i - 1 }, wide,
			 &n) &&
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
	static const size_t dashes[] = { 8, 13, 18, 23 };
	char digits[32];

	if (text.n != 36)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(dashes); i++)
		if (text.s[dashes[i]] != '-')
			return false;
	memcpy(digits, text.s, 8);
	memcpy(digits + 8, text.s + 9, 4);
	memcpy(digits + 12, text.s + 14, 4);
	memcpy(digits + 16, text.s + 19, 4);
	memcpy(digits + 20, text.s + 24, 12);
	return utf8_is_hex(digits, sizeof digits, true);
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

/* ---- URLs, RFC 3986 ---- */

/* Letters, digits and these, and what is percent-encoded. */
static bool is_made_of(struct str t, const char *others)
{
	for (size_t i = 0; i < t.n; i++) {
		if (t.s[i] == '%') {
			if (i + 2 >= t.n || !is_hex(t.s[i + 1]) ||
			    !is_hex(t.s[i + 2]))
				return false;
			i += 2;
		} else if (!is_alnum(t.s[i]) &&
			   (!t.s[i] || !strchr(others, t.s[i]))) {
			return false;
		}
	}
	return true;
}

#define UNRESERVED "-._~"
#define SUB_DELIMS "!$&'()*+,;="

/* "[v6]" or a name, and a port. */
static bool is_host_port(struct str t)
{
	const char *end = t.n ? memchr(t.s, ']', t.n) : NULL;
	struct str host = t, port;

	if (t.n && t.s[0] == '[') {
		if (!end ||
		    !is_ipv6((struct str){ t.s + 1, (size_t)(end - t.s) - 1 }))
			return false;
		port = (struct str){ end + 1, (size_t)(t.s + t.n - end) - 1 };
		if (port.n && *port.s != ':')
			return false;
	} else {
		end = t.n ? memchr(t.s, ':', t.n) : NULL;
		if (end)
			host.n = (size_t)(end - t.s);
		if (!is_made_of(host, UNRESERVED SUB_DELIMS))
			return false;
		port = (struct str){ t.s + host.n, t.n - host.n };
	}
	for (size_t i = 1; i < port.n; i++)
		if (!is_digit(port.s[i]))
			return false;
	return true;
}

static bool is_authority(struct str t)
{
	const char *at = t.n ? memchr(t.s, '@', t.n) : NULL;
	struct str user = { t.s, at ? (size_t)(at - t.s) : 0 };

	if (!at)
		return is_host_port(t);
	return is_made_of(user, UNRESERVED SUB_DELIMS ":") &&
	       is_host_port((struct str){ at + 1, t.n - user.n - 1 });
}

static size_t span_to(struct str t, const char *ends)
{
	size_t n = 0;

	while (n < t.n && !(t.s[n] && strchr(ends, t.s[n])))
		n++;
	return n;
}

static bool is_uri(struct str text)
{
	struct str rest;
	size_t n = 0;

	while (n < text.n &&
	       (is_alnum(text.s[n]) || (text.s[n] && strchr("+-.", text.s[n]))))
		n++;
	if (!n || !is_alpha(text.s[0]) || n + 1 >= text.n || text.s[n] != ':')
		return false;
	rest = (struct str){ text.s + n + 1, text.n - n - 1 };
	if (str_starts(rest, "//")) {
		rest = (struct str){ rest.s + 2, rest.n - 2 };
		n = span_to(rest, "/?#");
		if (!is_authority((struct str){ rest.s, n }))
			return false;
		rest = (struct str){ rest.s + n, rest.n - n };
	}
	n = span_to(rest, "?#");
	if (!is_made_of((struct str){ rest.s, n }, UNRESERVED SUB_DELIMS ":@/"))
		return false;
	rest = (struct str){ rest.s + n, rest.n - n };
	/* The query, and one fragment. */
	n = span_to(rest, "#");
	if (!is_made_of((struct str){ rest.s, n },
			UNRESERVED SUB_DELIMS ":@/?"))
		return false;
	return n == rest.n ||
	       is_made_of((struct str){ rest.s + n + 1, rest.n - n - 1 },
			  UNRESERVED SUB_DELIMS ":@/?");
}

/* ---- codes and digests ---- */

static bool is_currency(struct str text)
{
	return codes_is_currency(text);
}

static bool is_country(struct str text)
{
	return codes_is_country(text);
}

static bool is_hex_of(struct str text, size_t n)
{
	return text.n == n && utf8_is_hex(text.s, n, false);
}

static bool is_md5(struct str text)
{
	return is_hex_of(text, 32);
}

static bool is_sha1(struct str text)
{
	return is_hex_of(text, 40);
}

static bool is_sha256(struct str text)
{
	return is_hex_of(text, 64);
}

static bool is_sha512(struct str text)
{
	return is_hex_of(text, 128);
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

/* A second 60 comes at the end of a day in UTC only. */
static bool leap_fits(const struct format_time *t)
{
	int minute = t->hour * 60 + t->minute - t->offset;

	return t->second < 60 || !t->has_zone ||
	       (minute + 2 * 1440) % 1440 == 1439;
}

static bool parse_fraction(struct format_time *t, const char **p,
			   const char *end)
{
	const char *from = *p;
	int weight = 100;

	for (; *p < end && is_digit(**p); ++*p, weight /= 10)
		t->ms += (**p - '0') * weight;
	return *p > from;
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
	if (take(p, end, '.') && !parse_fraction(t, p, end))
		return false;
	return (*p == end || parse_zone(t, p, end)) && leap_fits(t);
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

/* ---- seconds since 1970 ---- */

static void date_seconds(struct str text, int64_t *first, int64_t *last)
{
	struct format_time t;

	format_time_parse(&t, text);
	*first = *last = format_time_unix(&t);
	if (!t.has_time)
		*last += 24 * 60 * 60 - 1;
}

/* Whole digits, with a sign. False: more than fit, or something else. */
static bool whole(struct str text, int64_t *out)
{
	bool minus = text.n && text.s[0] == '-';
	uint64_t n;

	if (minus)
		text = (struct str){ text.s + 1, text.n - 1 };
	if (str_to_u64(text, &n) < 0 || n > INT64_MAX)
		return false;
	*out = minus ? -(int64_t)n : (int64_t)n;
	return true;
}

/*
 * Seconds with more than 11 digits are milliseconds by mistake, and
 * milliseconds with fewer are seconds: the year 5138, and March 1973.
 */
#define TIME_BOUND INT64_C(100000000000)

static bool is_unix(struct str text)
{
	int64_t n;

	return whole(text, &n) && n > -TIME_BOUND && n < TIME_BOUND;
}

static bool is_unix_ms(struct str text)
{
	int64_t n;

	return whole(text, &n) && (n <= -TIME_BOUND || n >= TIME_BOUND) &&
	       n / 1000 > -TIME_BOUND && n / 1000 < TIME_BOUND;
}

static void unix_seconds(struct str text, int64_t *first, int64_t *last)
{
	whole(text, first);
	*last = *first;
}

static void unix_ms_seconds(struct str text, int64_t *first, int64_t *last)
{
	whole(text, first);
	*last = *first /= 1000;
}

bool format_seconds(struct str text, int64_t *first, int64_t *last)
{
	struct format_time t;

	if (is_unix(text))
		unix_seconds(text, first, last);
	else if (format_time_parse(&t, text))
		date_seconds(text, first, last);
	else
		return false;
	return true;
}

static const struct format formats[] = {
	{ .name = "email", .is = is_email, .reason = "not an e-mail address" },
	{ .name = "idn-email",
	  .is = is_idn_email,
	  .reason = "not an e-mail address" },
	{ .name = "e164",
	  .is = is_e164,
	  .reason = "not a phone number as +, country code and digits" },
	{ .name = "date",
	  .is = is_date,
	  .reason = "not a date as YYYY-MM-DD",
	  .seconds = date_seconds },
	{ .name = "time",
	  .is = is_time,
	  .reason = "not a time with a zone, such as 19:33:17Z" },
	{ .name = "date-time",
	  .is = is_date_time,
	  .reason =
	      "not a date and time with a zone, such as 2026-11-22T19:33:17Z",
	  .seconds = date_seconds },
	{ .name = "unix-seconds",
	  .is = is_unix,
	  .reason = "not a time in whole seconds since 1970 (10 digits these "
		    "days; 13 "
		    "are milliseconds)",
	  .is_number = is_unix,
	  .seconds = unix_seconds },
	{ .name = "unix-ms",
	  .is = is_unix_ms,
	  .reason = "not a time in whole milliseconds since 1970 (13 digits "
		    "these days; "
		    "10 are seconds)",
	  .is_number = is_unix_ms,
	  .seconds = unix_ms_seconds },
	{ .name = "uri", .is = is_uri, .reason = "not a URL with its scheme" },
	{ .name = "hostname", .is = is_hostname, .reason = "not a host name" },
	{ .name = "ipv4", .is = is_ipv4, .reason = "not an IPv4 address" },
	{ .name = "ipv6", .is = is_ipv6, .reason = "not an IPv6 address" },
	{ .name = "uuid", .is = is_uuid, .reason = "not a UUID" },
	{ .name = "iso-4217",
	  .is = is_currency,
	  .reason = "not a currency's three letters, such as EUR" },
	{ .name = "iso-3166-1",
	  .is = is_country,
	  .reason = "not a country's two capital letters, such as DE" },
	{ .name = "md5",
	  .is = is_md5,
	  .reason = "not an MD5 as 32 hexadecimal digits in lower case" },
	{ .name = "sha1",
	  .is = is_sha1,
	  .reason = "not a SHA-1 as 40 hexadecimal digits in lower case" },
	{ .name = "sha256",
	  .is = is_sha256,
	  .reason = "not a SHA-256 as 64 hexadecimal digits in lower case" },
	{ .name = "sha512",
	  .is = is_sha512,
	  .reason = "not a SHA-512 as 128 hexadecimal digits in lower case" },
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
