/* SPDX-License-Identifier: MIT */
/*
 * When to ask again: back-off with full jitter, and what a server says about
 * it (Retry-After).
 */
#ifndef RETL_RETRY_H
#define RETL_RETRY_H

#include "common/buf.h"

struct retry_plan {
	uint64_t attempts; /* requests for one record, the first included */
	int64_t first_ms;
	int64_t most_ms;
};

/*
 * How long to wait after the n-th attempt (from 1) has failed: anything
 * between 0 and first * 2^(n-1), at most most. Spread evenly, so that clients
 * that failed together do not come back together.
 */
int64_t retry_delay_ms(const struct retry_plan *plan, uint64_t n);

/*
 * What a Retry-After value (seconds or an HTTP date) means in milliseconds
 * from now, at least 0; -1 if it means nothing.
 */
int64_t retry_after_ms(struct str value, int64_t now_ms);

/* A date as HTTP writes it, in milliseconds since 1970; -1: it is none. */
int http_date_ms(struct str value, int64_t *ms);

/*
 * The same for what destinations say in words of their own: seconds ("12",
 * "1.5"), with a unit ("12s", "500ms", "2m"), a moment as seconds or
 * milliseconds since 1970 (a number from 10^9 or from 10^12), an HTTP date, or
 * a date and time with its zone as RFC 3339 has it.
 */
int64_t retry_hint_ms(struct str value, int64_t now_ms);

#endif
