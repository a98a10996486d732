/* SPDX-License-Identifier: MIT */
#include "common/base.h"
#include "tap.h"

static int n_calls;

/* What it gives is another each time, as the time is, or a random number. */
static int64_t falls(void)
{
	return 10 - 8 * n_calls++;
}

static void test_once(void)
{
	n_calls = 0;
	ok(MAX(falls(), 5) == 10 && n_calls == 1,
	   "the greater one is what was compared");
	n_calls = 0;
	ok(MIN(20, falls()) == 10 && n_calls == 1, "so is the lesser one");
	n_calls = 0;
	ok(MIN(30, MAX(falls(), 0)) == 10 && n_calls == 1,
	   "also of one within another");
}

static void test_types(void)
{
	uint8_t small = 3;
	unsigned char large = 250;

	ok(MAX(-1.5, 0) == 0 && MIN(-1.5, 2) == -1.5, "fractions are kept");
	ok(MIN(small, large) == 3 && MAX(small, large) == 250,
	   "so are small numbers");
	ok(MIN(UINT64_MAX, (uint64_t)1 << 40) == (uint64_t)1 << 40 &&
	       MAX(INT64_MIN, -1) == -1,
	   "large ones, and negative ones");
	ok(sizeof(MIN(1, (size_t)2)) == sizeof(size_t) &&
	       sizeof(MAX(1, 2)) == sizeof(int),
	   "the type is the one that both have in common");
}

int main(void)
{
	test_once();
	test_types();
	return tap_done();
}
