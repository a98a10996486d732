/* SPDX-License-Identifier: MIT */
/*
 * Writing one of the files of a generation, row by row. Nobody looks at it
 * before state.json names it.
 */
#ifndef RETL_DIFF_PART_H
#define RETL_DIFF_PART_H

#include "bin/retl-diff/state.h"

struct part_writer {
	struct state *st;
	char *path;
	int fd; /* -1: nothing written yet */
	struct buf b;
	struct part part;
	/* What is being written beside, if there is much. */
	struct beside *beside;
	struct buf going;
	uint64_t at;
	int error; /* an errno; of that */
};

/* The file appears with the first row; die (74) removes it. */
void part_begin(struct part_writer *w, struct state *st, enum state_file which,
		uint64_t generation);
/* Ends the row that was appended to w->b. */
void part_row(struct part_writer *w);
/* On the disk; the part is the caller's. */
struct part part_end(struct part_writer *w);

#endif
