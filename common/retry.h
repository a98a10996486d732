/* SPDX-License-Identifier: MIT */
/*
 * When to ask again: back-off with full jitter, what a server says about it
 * (Retry-After), and the rates that a destination allows.
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

/* ---- rates ---- */

/* At most `most` units in any `window_ms`. */
struct rate {
	uint64_t most;
	int64_t window_ms;
	/* private: when each of the last units was spent, a ring */
	int64_t *spent;
	uint64_t cap, begin, n;
};

void rate_init(struct rate *r, uint64_t most, int64_t window_ms);
void rate_release(struct rate *r);

/* Milliseconds until cost units may be spent; 0: now. Spends nothing. */
int64_t rate_wait_ms(struct rate *r, uint64_t cost, int64_t tick_ms);
void rate_spend(struct rate *r, uint64_t cost, int64_t tick_ms);

#endif
