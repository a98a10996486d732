/* SPDX-License-Identifier: MIT */
/*
 * Members that are collected for an object: of a name that comes again the last
 * value counts, in the place of the first. All memory is that of an arena.
 */
#ifndef RETL_PROG_BAG_H
#define RETL_PROG_BAG_H

#include "common/prog_ast.h"

struct bag_member {
	struct str raw, name; /* as between the quotes, and unescaped */
	struct str val;
};

struct bag {
	struct bag_member *v;
	size_t n, cap;
	uint32_t *table; /* places in v, counted from 1 */
	size_t n_table;  /* a power of two, or 0 */
};

/* raw: the bytes between the quotes of a name. Spans are borrowed. */
void bag_put(struct bag *b, struct arena *mem, struct str raw, struct str val);
/* Appends the object. */
void bag_write(const struct bag *b, struct buf *out);

#endif
