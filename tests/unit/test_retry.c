/* SPDX-License-Identifier: MIT */
#include "common/retry.h"
#include "tap.h"

#define NOW ((int64_t)1700000000 * 1000) /* Tue, 14 Nov 2023 22:13:20 GMT */

static int64_t after(const char *text)
{
	return retry_after_ms(str_of(text), NOW);
}

static void test_retry_after(void)
{
	ok(after("7") == 7000, "seconds");
	ok(after(" 0 ") == 0, "no wait at all");
	ok(after("99999999999999999999") == -1, "a number beyond 64 bits");
	ok(after("99999999999999") > 0, "a huge number stays positive");
	ok(after("Tue, 14 Nov 2023 22:13:30 GMT") == 10000, "a date");
	ok(after("Tuesday, 14-Nov-23 22:13:30 GMT") == 10000,
	   "an RFC 850 date");
	ok(after("Tue Nov 14 22:13:30 2023") == 10000, "an asctime date");
	ok(after("Tue, 14 Nov 2023 22:13:10 GMT") == 0, "a date gone by");
	ok(after("soon") == -1 && after("") == -1 && after("-1") == -1,
	   "words that mean nothing");
}

static void test_delay(void)
{
	const struct retry_plan plan = { 6, 1000, 5000 };
	int64_t most1 = 0, most3 = 0, most9 = 0, least = INT64_MAX;

	for (int i = 0; i < 2000; i++) {
		int64_t a = retry_delay_ms(&plan, 1);
		int64_t b = retry_delay_ms(&plan, 3);
		int64_t c = retry_delay_ms(&plan, 9);

		most1 = MAX(most1, a);
		most3 = MAX(most3, b);
		most9 = MAX(most9, c);
		least = MIN(least, b);
	}
	ok(most1 <= 1000 && most1 > 900, "the first delay is up to first");
	ok(most3 <= 4000 && most3 > 3600, "it doubles");
	ok(most9 <= 5000 && most9 > 4500, "it stays below most");
	ok(least < 400, "the jitter is full");
}

static void test_rate(void)
{
	struct rate r;
	int64_t wait;

	rate_init(&r, 3, 1000);
	for (int i = 0; i < 3; i++) {
		ok(rate_wait_ms(&r, 1, 10 * i) == 0, "within the rate");
		rate_spend(&r, 1, 10 * i);
	}
	wait = rate_wait_ms(&r, 1, 30);
	ok(wait >= 970 && wait < 1000, "the fourth waits for the first");
	ok(rate_wait_ms(&r, 1, 30 + wait) == 0, "and goes after that");
	ok(rate_wait_ms(&r, 2, 30 + wait) > 0, "two at once wait longer");
	ok(rate_wait_ms(&r, 99, 5000) == 0,
	   "what costs more than there is goes alone");
	rate_spend(&r, 99, 5000);
	ok(rate_wait_ms(&r, 1, 5500) > 0, "and uses all of it");
	rate_release(&r);
}

/* No window of the length has more than most, whatever the pattern. */
static void test_rate_windows(void)
{
	static int64_t sent[4000];
	struct rate r;
	size_t n = 0, worst = 0;
	int64_t tick = 0;

	rate_init(&r, 150, 10000);
	while (n < ARRAY_LEN(sent)) {
		int64_t wait = rate_wait_ms(&r, 1, tick);

		if (wait) {
			tick += wait;
			continue;
		}
		rate_spend(&r, 1, tick);
		sent[n++] = tick;
		tick += (int64_t)(n * 7919 % 13) * (n % 97 == 0 ? 400 : 1);
	}
	for (size_t i = 0, j = 0; i < n; i++) {
		while (sent[j] <= sent[i] - 10000)
			j++;
		worst = MAX(worst, i - j + 1);
	}
	ok(worst <= 150, "no window holds more than it may");
	rate_release(&r);
}

int main(void)
{
	test_retry_after();
	test_delay();
	test_rate();
	test_rate_windows();
	return tap_done();
}
