/* SPDX-License-Identifier: MIT */
/*
 * The tools of a pipeline share a terminal: a row each, in the order of the
 * pipeline. Each writes its counts into memory that they share, and one of
 * them, whoever holds the lock, draws them all.
 */
#ifndef RETL_WATCH_ROWS_H
#define RETL_WATCH_ROWS_H

#include "common/base.h"

#define WATCH_COUNTS 12

struct watch_value {
	char what[24];
	uint64_t n;
};

/*
 * Joins the rows of this terminal and process group. always: even if somebody
 * writes to the terminal what should not be mixed with rows. False: there is
 * no place for them.
 */
bool watch_rows_join(const char *tool, bool always);

/* The row as it is now. */
void watch_rows_set(const struct watch_value *v, size_t n);

/* Draws, if it is this process that does. */
void watch_rows_draw(void);

/*
 * The row stays as it is, with the exit status; the last one to leave leaves
 * the cursor below.
 */
void watch_rows_leave(int status);

#endif
