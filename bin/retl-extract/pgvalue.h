/* SPDX-License-Identifier: MIT */
/*
 * Values as PostgreSQL writes them in text form, as JSON. The type of a column
 * tells what its text means.
 */
#ifndef RETL_EXTRACT_PGVALUE_H
#define RETL_EXTRACT_PGVALUE_H

#include "bin/retl-extract/pgtypes.h"

#define PG_MAX_DEPTH 24 /* arrays and composites in each other */

/* A value on its way into a row. */
struct pg_cell {
	struct rows *rows;
	const struct columns *columns;
	size_t column;
	struct failure *f;
	unsigned level; /* 1: it stands in the record */
	/* To work in: elements and fields, by level. */
	struct buf part[PG_MAX_DEPTH + 2];
};

/* -1: the row cannot be written; c->f names row and column. */
int pg_put_value(struct pg_cell *c, const struct pg_type *type, struct str v);

#endif
