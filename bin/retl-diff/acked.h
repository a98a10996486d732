/* SPDX-License-Identifier: MIT */
/*
 * The acknowledged rows of a state, in key order: the snapshot, and what
 * commits have changed since laid over it, layer by layer.
 */
#ifndef RETL_DIFF_ACKED_H
#define RETL_DIFF_ACKED_H

#include "bin/retl-diff/state.h"

/* Of each key what the newest layer has: a row, or that it is gone. */
struct overlay {
	struct rows v[2 * STATE_LAYERS]; /* the newest first */
	size_t n;
	struct rows none;
	/* Parsed; not have: there are no more. rec.result DIFF_REMOVED: gone */
	struct rows *cur;
};

/* False: a file is gone, since another generation came; load again. */
bool overlay_open(struct overlay *o, struct state *st);
void overlay_next(struct overlay *o);
void overlay_close(struct overlay *o);

struct acked {
	struct rows snapshot;
	struct overlay changes;
	struct rows *cur; /* NULL: no more */
};

/* False: as overlay_open. */
bool acked_open(struct acked *a, struct state *st);
void acked_next(struct acked *a);
void acked_close(struct acked *a);

#endif
