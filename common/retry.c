/* SPDX-License-Identifier: MIT */
#include "common/retry.h"

#include "common/digest.h"
#include "common/format.h"

static uint64_t random_below(uint64_t n)
{
	uint64_t r;

	digest_random(&r, sizeof r);
	return n ? r % n : 0;
}

int64_t retry_delay_ms(const struct retry_plan *plan, uint64_t n)
{
	int64_t top = plan->first_ms;

	while (n-- > 1 && top < plan->most_ms)
		top *= 2;
	top = MIN(top, plan->most_ms);
	return (int64_t)random_below((uint64_t)top + 1);
}

/* The three forms of RFC 9110: today's and two that must be understood. */
int http_date_ms(struct str value, int64_t *ms)
{
	static const char *const forms[] = {
		"%a, %d %b %Y %H:%M:%S GMT",
		"%A, %d-%b-%y %H:%M:%S GMT",
		"%a %b %d %H:%M:%S %Y",
	};
	char text[64];

	if (!value.n || value.n >= sizeof text)
		return -1;
	memcpy(text, value.s, value.n);
	text[value.n] = '\0';
	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		struct tm tm = { .tm_isdst = 0 };
		const char *end = strptime(text, forms[i], &tm);

		if (end && !*end) {
			*ms = (int64_t)timegm(&tm) * 1000;
			return 0;
		}
	}
	return -1;
}

int64_t retry_after_ms(struct str value, int64_t now_ms)
{
	uint64_t s;
	int64_t at;

	value = str_trim(value);
	if (!value.n)
		return -1;
	if (str_to_u64(value, &s) == 0)
		return (int64_t)MIN(s, UINT32_MAX) * 1000;
	if (http_date_ms(value, &at) == 0)
		return MAX(at - now_ms, 0);
	return -1;
}

static int64_t unit_ms(const char *unit)
{
	static const struct {
		const char *name;
		int64_t ms;
	} units[] = { { "", 1000 },
		      { "s", 1000 },
		      { "ms", 1 },
		      { "m", 60000 },
		      { "h", 3600000 } };

	for (size_t i = 0; i < ARRAY_LEN(units); i++)
		if (strcmp(unit, units[i].name) == 0)
			return units[i].ms;
	return 0;
}

/* What is so large is no length of time but a moment. */
#define FIRST_MOMENT_S 1e9
#define FIRST_MOMENT_MS 1e12
#define LAST_MOMENT_MS 1e15

static int parse_amount(struct str value, int64_t now_ms, int64_t *ms)
{
	char text[40], *unit;
	double n;

	if (value.n >= sizeof text || !strchr("-.0123456789", value.s[0]))
		return -1;
	memcpy(text, value.s, value.n);
	text[value.n] = '\0';
	n = strtod(text, &unit);
	if (unit == text || !unit_ms(unit) || !(n < LAST_MOMENT_MS))
		return -1;
	if (!*unit && n >= FIRST_MOMENT_S)
		n = (n >= FIRST_MOMENT_MS ? n : n * 1000) - (double)now_ms;
	else
		n *= (double)unit_ms(unit);
	*ms = n > 0 ? (int64_t)MIN(n, (double)UINT32_MAX * 1000) : 0;
	return 0;
}

int64_t retry_hint_ms(struct str value, int64_t now_ms)
{
	struct format_time t;
	int64_t at;

	value = str_trim(value);
	if (!value.n)
		return -1;
	if (parse_amount(value, now_ms, &at) == 0)
		return at;
	if (format_time_parse(&t, value) && t.has_zone)
		return MAX(format_time_unix(&t) * 1000 - now_ms, 0);
	if (http_date_ms(value, &at) == 0)
		return MAX(at - now_ms, 0);
	return -1;
}
