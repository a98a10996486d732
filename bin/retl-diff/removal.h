/* SPDX-License-Identifier: MIT */
/*
 * Removals wait until all else has gone out and the stream is known to be
 * complete. With an identity they lose every value that a living row holds,
 * and rows whose identity changed wait behind them.
 */
#ifndef RETL_DIFF_REMOVAL_H
#define RETL_DIFF_REMOVAL_H

#include "bin/retl-diff/run.h"

/* Why a row is among them; a byte before it in the spool. */
enum removal {
	REMOVE_ACKED = 'A', /* it is the acknowledged row */
	REMOVE_DOUBT = 'D', /* it may be there */
	FORGET_HELD = 'H',  /* the key alone: it was refused and never there */
};

struct spool {
	int fd; /* -1: nothing was put aside yet */
	struct buf b;
	uint64_t n;
};

struct removals {
	struct state *st;
	bool dry;
	struct spool due;       /* rows to remove, in key order */
	struct spool replacing; /* rows to add after them, in key order */
	struct spool live;      /* digests of values that living rows hold */
	struct ident_values values; /* scratch */
};

void removals_init(struct removals *r, struct state *st, bool dry);
void removals_release(struct removals *r);

void removals_add(struct removals *r, struct str row, enum removal why);
void removals_add_replacing(struct removals *r, struct str row);

/*
 * A row that is to stay. acked: the destination has acknowledged it as it is,
 * so that what it holds is its own.
 */
void removals_live(struct removals *r, const struct record *row, bool acked);

/* All of them, into the run and out. */
void removals_emit(struct removals *r, struct run *run);

#endif
