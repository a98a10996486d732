/* SPDX-License-Identifier: MIT */
/* How receipts become state: folding a run into the next generation. */
#ifndef RETL_DIFF_COMMIT_H
#define RETL_DIFF_COMMIT_H

#include "bin/retl-diff/journal.h"

/* Who folds: it tells whether the run may still be alive. */
enum closing {
	CLOSE_BY_COMMIT, /* its commit stage, whose input has ended */
	CLOSE_SILENT,    /* a commit that saw no receipt */
	CLOSE_BY_START,  /* another start */
};

/*
 * Folds one run, open or known, into a new generation, if there is anything
 * to fold. Returns the status that sums it up: 0, 1, 65 or 75. The lock is
 * held. heard (may be NULL): what the run's journal says, if it says no more.
 */
int fold_run(struct state *st, const char *id, enum closing how, const char *to,
	     struct journal *heard);

/* Receipts that came after their run was folded. */
void fold_late(struct state *st);

/* What a start finds: strays, an open run, receipts that came late. */
void fold_before_run(struct state *st);

#endif
