/* SPDX-License-Identifier: MIT */
/*
 * runs/<run>.receipts: the receipts of a run as they arrived, one a line. What
 * they come to for each change is worked out anew from the whole file whenever
 * it is folded, so that a fold can be cut off at any point.
 */
#ifndef RETL_DIFF_JOURNAL_H
#define RETL_DIFF_JOURNAL_H

#include "bin/retl-diff/receipt.h"
#include "bin/retl-diff/run.h"

/* fates[i] of change i + 1: what is known now, and was at the last fold. */
struct journal {
	uint8_t *fates; /* low 4 bits: now; high: then */
	uint64_t n;
	uint64_t bytes;      /* of whole lines */
	uint64_t unknown;    /* receipts for changes that the run has not */
	uint64_t n_receipts; /* that the last fold had not */
	uint64_t last;       /* journal_hear: the greatest change named */
};

static inline enum fate journal_now(const struct journal *j, uint64_t n)
{
	return (enum fate)(j->fates[n - 1] & 15);
}

static inline enum fate journal_then(const struct journal *j, uint64_t n)
{
	return (enum fate)(j->fates[n - 1] >> 4);
}

/*
 * A receipt that was appended to the file of a run, of line bytes: so that the
 * file need not be read by the process that wrote all of it. False: j has no
 * room for it, and is of no use any more.
 */
bool journal_hear(struct journal *j, const struct receipt *r, size_t bytes);

/*
 * Makes j of what was heard, which is left empty. False if there is more in the
 * file than that, or a change that the run (of n) has not: read it then.
 */
bool journal_take(struct journal *j, struct journal *heard, const char *path,
		  uint64_t n);

/* n: changes of the run; folded: bytes that the last fold had read. */
void journal_read(struct journal *j, const char *path, uint64_t n,
		  uint64_t folded);
void journal_release(struct journal *j);

#endif
