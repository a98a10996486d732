/* SPDX-License-Identifier: MIT */
/*
 * Values as PostgreSQL writes them in text form, as JSON. The number of a
 * column's type tells what its text means.
 */
#ifndef RETL_EXTRACT_PGVALUE_H
#define RETL_EXTRACT_PGVALUE_H

#include "bin/retl-extract/row.h"

enum pg_kind {
	PG_TEXT,
	PG_BOOL,
	PG_INTEGER,
	PG_DECIMAL,
	PG_FLOAT,
	PG_TIMESTAMP,
	PG_TIMESTAMPTZ,
	PG_BYTEA,
	PG_JSON,
};

struct pg_type {
	enum pg_kind kind;
	bool is_array; /* of elements of that kind */
};

/* What is not known is text, as it stands. */
struct pg_type pg_type_of(unsigned oid);

/* A value on its way into a row. */
struct pg_cell {
	struct rows *rows;
	const struct columns *columns;
	size_t column;
	struct buf *element, *bytes; /* to work in */
	struct failure *f;
	unsigned level; /* 1: it stands in the record */
};

/* -1: the row cannot be written; c->f names row and column. */
int pg_put_value(struct pg_cell *c, struct pg_type type, struct str v);

#endif
