/* SPDX-License-Identifier: MIT */
#include "common/retry.h"

#include "common/digest.h"

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
