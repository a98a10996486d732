/* SPDX-License-Identifier: MIT */
#include "common/clock.h"

int64_t clock_now_ms(void)
{
	const char *fixed = getenv("RETL_TEST_CLOCK");
	struct timespec ts;
	uint64_t s;

	if (fixed && str_to_u64(str_of(fixed), &s) == 0)
		return (int64_t)s * 1000;
	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int64_t clock_tick_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

void clock_put_rfc3339(struct buf *out, int64_t ms)
{
	time_t s = (time_t)(ms / 1000);
	struct tm tm;
	char text[32];

	gmtime_r(&s, &tm);
	strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm);
	buf_addz(out, text);
}
