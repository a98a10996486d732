/* SPDX-License-Identifier: MIT */
/*
 * What a run has done, for those who look on or come later: the counts that a
 * tool keeps anyway, as rows on the terminal while it runs (--progress, see
 * watch_rows.h), and in files when it has ended (--stats, --metrics), however
 * it did: by returning from main, or by die(). See retl(7), WATCHING.
 */
#ifndef RETL_WATCH_H
#define RETL_WATCH_H

#include "common/base.h"

/* After opt_parse, before anything is counted. A file that cannot be: 73. */
void watch_begin(void);

/*
 * *n, which may go on growing, counts towards `what`: "records_read", in words
 * that suit JSON, Prometheus and people. Both are borrowed, n until watch_stop.
 * NULL: from another call on, which it stands before. Does nothing if nobody
 * watches.
 */
void watch_count(const char *what, const uint64_t *n);

/* Keeps the value of *n and looks at it no more. */
void watch_stop(const uint64_t *n);

#endif
