/* SPDX-License-Identifier: MIT */
/*
 * Answers that are files of rows: CSV (libcsv does the splitting) and lines of
 * JSON, packed or not.
 */
#ifndef RETL_PUSH_ROWS_H
#define RETL_PUSH_ROWS_H

#include "common/buf.h"

/* row is a JSON value; -1 ends the reading. */
typedef int rows_take(void *arg, struct str row);

/*
 * Calls take for each row of a file whose first line names the columns: an
 * object of texts. -1: it cannot be read (err says why), or take gave -1.
 */
int rows_csv(struct str text, rows_take *take, void *arg, struct buf *err);
int rows_ndjson(struct str text, rows_take *take, void *arg, struct buf *err);

bool rows_is_gzip(struct str bytes);
/* Appends what is packed, all members of it; -1: cut off, or damaged. */
int rows_unpack(struct str bytes, struct buf *out, struct buf *err);

#endif
