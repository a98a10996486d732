/* SPDX-License-Identifier: MIT */
/*
 * How much may be asked for within any window of time: by this process, or by
 * all of a user's processes that keep the same account in a small locked file.
 *
 * When units were spent is kept in marks, a fixed number for each window; those
 * close together share one, which carries the time of the last: what is kept
 * never says less than what was spent. A process that is killed leaves a file
 * that is right.
 */
#ifndef RETL_RATE_H
#define RETL_RATE_H

#include "common/buf.h"

struct rate {
	uint64_t most; /* units in any window */
	int64_t window_ms;
	/* private */
	bool keyed;
	char name[40];  /* of the shared file, "": this process alone */
	int fd;         /* of it, -1 */
	uint8_t *slots; /* else here */
};

/* keyed: each value of a key has the rate for itself. */
void rate_init(struct rate *r, uint64_t most, int64_t window_ms, bool keyed);
void rate_release(struct rate *r);

/*
 * From now on the account is kept in the user's folder for what programs share
 * while they run, under a name made of the text `what` (which names the
 * credential, and may be secret: the name is a keyed digest) and of the rate
 * itself. -1: err says why not; the rate holds for this process then, and also
 * (a warning says so) from the moment on when the file takes no more.
 */
int rate_share(struct rate *r, struct str what, struct buf *err);

/* A rate and, if it is keyed, a value; else key counts for nothing. */
struct rate_use {
	struct rate *rate;
	uint32_t key; /* rate_key */
};

/* The same for equal values. Two values may be taken for one, but rarely. */
uint32_t rate_key(struct str value);

/*
 * Milliseconds of the monotonic clock until cost units may be spent; 0: now.
 * Spends nothing, and another process may be faster.
 */
int64_t rate_wait_ms(const struct rate_use *u, uint64_t cost, int64_t tick_ms);

/*
 * Spends cost units of all n rates, or of none: 0, or how long to wait before
 * the next try. What costs more than a window holds uses all of it.
 */
int64_t rate_take(const struct rate_use *u, size_t n, uint64_t cost,
		  int64_t tick_ms);

/* What was spent at from_ms left at to_ms only, so that the window is later. */
void rate_move(const struct rate_use *u, size_t n, uint64_t cost,
	       int64_t from_ms, int64_t to_ms);

#endif
