/* SPDX-License-Identifier: MIT */
#include "common/retry.h"
#include "tap.h"

#define NOW ((int64_t)1700000000 * 1000) /* Tue, 14 Nov 2023 22:13:20 GMT */

static int64_t after(const char *text)
{
	return retry_after_ms(str_of(text), NOW);
}

static int64_t hint(const char *text)
{
	return retry_hint_ms(str_of(text), NOW);
}

static void test_hint(void)
{
	ok(hint("12") == 12000 && hint("1.5") == 1500 && hint("0") == 0,
	   "a number is seconds");
	ok(hint("12s") == 12000 && hint("500ms") == 500 && hint("2m") == 120000,
	   "or says what it counts");
	ok(hint("-3") == 0, "what is over needs no waiting");
	ok(hint("1700000007") == 7000 && hint("1700000007500") == 7500,
	   "a large one is a moment, in seconds or milliseconds");
	ok(hint("1699999999") == 0, "one gone by needs no waiting");
	ok(hint("2023-11-14T22:13:30Z") == 10000 &&
	       hint("2023-11-14T23:13:30+01:00") == 10000 &&
	       hint("Tue, 14 Nov 2023 22:13:30 GMT") == 10000,
	   "so are dates");
	ok(hint("") == -1 && hint("soon") == -1 && hint("5 apples") == -1 &&
	       hint("nan") == -1 && hint("12x") == -1,
	   "anything else is no hint");
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

int main(void)
{
	test_hint();
	test_retry_after();
	test_delay();
	return tap_done();
}
