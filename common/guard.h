/* SPDX-License-Identifier: MIT */
/*
 * What a worker process (crew.h) tells of the step that it is at, so that
 * whoever finds it dead knows which one it was, and what its successor is told
 * not to try again. It lies in memory that both share.
 */
#ifndef RETL_GUARD_H
#define RETL_GUARD_H

#include "common/base.h"

enum guard_cause {
	GUARD_NONE,
	GUARD_TIME,   /* more than the limit */
	GUARD_MEMORY, /* more than GUARD_BYTES */
	GUARD_CRASH,  /* the process ended by itself */
};

/* What one record may take in a worker beyond what that has anyway. */
#define GUARD_BYTES ((size_t)512 << 20)
#define GUARD_BAD 16

struct guard {
	volatile uint32_t step; /* what may not end, from 1; 0: none of it */
	/* Steps of the current record that have ended a worker. */
	uint32_t n_bad;
	struct {
		uint32_t step;
		enum guard_cause cause;
	} bad[GUARD_BAD];
	enum guard_cause whole; /* the record as such did */
	unsigned limit_ms;      /* of processor time a record */
};

static inline const char *guard_reason(enum guard_cause cause)
{
	static const char *const reasons[] = {
		[GUARD_NONE] = "",
		[GUARD_TIME] = "takes longer than --limit-ms allows",
		[GUARD_MEMORY] = "takes more than 512 MiB of memory",
		[GUARD_CRASH] = "makes libjq crash",
	};

	return reasons[cause];
}

static inline enum guard_cause guard_find(const struct guard *g, uint32_t step)
{
	for (uint32_t i = 0; i < g->n_bad; i++)
		if (g->bad[i].step == step)
			return g->bad[i].cause;
	return GUARD_NONE;
}

#endif
