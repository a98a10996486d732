/* SPDX-License-Identifier: MIT */
/* TAP for C tests: ok(condition, "claim"), is(got, wanted, "claim"). */
#ifndef RETL_TESTS_TAP_H
#define RETL_TESTS_TAP_H

#include "common/base.h"

static int tap_n, tap_failed;

static inline bool tap_ok(bool good, const char *claim, const char *file,
			  int line)
{
	printf("%sok %d - %s\n", good ? "" : "not ", ++tap_n, claim);
	if (!good) {
		tap_failed++;
		printf("# %s:%d\n", file, line);
	}
	return good;
}

static inline void tap_is(const char *got, const char *wanted,
			  const char *claim, const char *file, int line)
{
	if (!tap_ok(strcmp(got, wanted) == 0, claim, file, line))
		printf("# got:    %s\n# wanted: %s\n", got, wanted);
}

static inline int tap_done(void)
{
	printf("1..%d\n", tap_n);
	return tap_failed ? 1 : 0;
}

#define ok(good, claim) tap_ok((good), (claim), __FILE__, __LINE__)
#define is(got, wanted, claim) \
	tap_is((got), (wanted), (claim), __FILE__, __LINE__)

#endif
