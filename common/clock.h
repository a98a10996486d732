/* SPDX-License-Identifier: MIT */
/*
 * The time of day, in one place so that tests can hold it still: with
 * RETL_TEST_CLOCK=SECONDS in the environment, clock_now answers that second
 * for ever. Waiting and measuring use the monotonic clock and are not stopped.
 */
#ifndef RETL_CLOCK_H
#define RETL_CLOCK_H

#include "common/buf.h"

/* Milliseconds since 1970-01-01T00:00:00Z. */
int64_t clock_now_ms(void);

/* Milliseconds of the monotonic clock, from an arbitrary start. */
int64_t clock_tick_ms(void);

/* "2026-11-22T19:33:17Z" */
void clock_put_rfc3339(struct buf *out, int64_t ms);

#endif
