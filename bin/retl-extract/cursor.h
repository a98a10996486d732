/* SPDX-License-Identifier: MIT */
/*
 * --cursor COLUMN=FILE: what a query gives beyond what it gave last time. FILE
 * holds the value to begin with, which is bound to :cursor; at the proven end
 * FILE.next gets the largest value seen. Renaming it to FILE, once everything
 * has been delivered, is the caller's business.
 */
#ifndef RETL_EXTRACT_CURSOR_H
#define RETL_EXTRACT_CURSOR_H

#include "bin/retl-extract/failure.h"
#include "common/json.h"

struct cursor {
	char *column, *file, *next;
	struct buf value; /* FILE's content; empty: the first time */
	struct json_obj obj;
	struct json_slot slot;
	struct buf largest; /* as JSON; empty: none came */
	struct buf text, other;
};
#define CURSOR_INIT                             \
	((struct cursor){ .value = BUF_INIT,    \
			  .obj = JSON_OBJ_INIT, \
			  .largest = BUF_INIT,  \
			  .text = BUF_INIT,     \
			  .other = BUF_INIT })

/* "COLUMN=FILE": reads FILE, removes FILE.next. -1: see f. */
int cursor_open(struct cursor *c, const char *option, struct failure *f);

/* Do the rows have its column? -1: they do not, see f. */
int cursor_check(const struct cursor *c, bool has_column, struct failure *f);

/* A row. -1: the column is not there, or no number and no string. */
int cursor_take(struct cursor *c, struct str row, struct failure *f);

/* Writes FILE.next. */
int cursor_save(struct cursor *c, struct failure *f);

void cursor_release(struct cursor *c);

#endif
