/* SPDX-License-Identifier: MIT */
/* Text in columns, for people. */
#ifndef RETL_TABLE_H
#define RETL_TABLE_H

#include "common/buf.h"

#define TABLE_COLUMNS 6 /* at most */

struct table {
	struct buf (*rows)[TABLE_COLUMNS];
	size_t n, cap;
};

/* A row of empty cells, to be filled; valid until the next. */
struct buf *table_row(struct table *t);
/* A row of texts; NULL ends it before TABLE_COLUMNS. */
void table_add(struct table *t, const char *const *cells);
/* Appends the rows, each column as wide as its widest cell. */
void table_put(const struct table *t, struct buf *out);
void table_release(struct table *t);

#endif
