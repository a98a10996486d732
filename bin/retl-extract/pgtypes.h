/* SPDX-License-Identifier: MIT */
/*
 * What PostgreSQL's types are: the built-in ones by their numbers, which they
 * have had since they were added, and those that a database defines by its
 * catalogue.
 */
#ifndef RETL_EXTRACT_PGTYPES_H
#define RETL_EXTRACT_PGTYPES_H

#include <libpq-fe.h>

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
	PG_HEX, /* Redshift's varbyte: bytea without \x */
	PG_JSON,
	PG_ARRAY,
	PG_COMPOSITE,
};

struct pg_type {
	unsigned oid;
	enum pg_kind kind;
	enum column_kind column;
	const char *name;
	/* of an array */
	const struct pg_type *element;
	char delimiter;
	/* of a composite type */
	struct pg_field {
		struct buf prefix; /* "name": or ,"name": */
		const struct pg_type *type;
	} * fields;
	size_t n_fields;
};

/* Those that were asked for so far. */
struct pg_types {
	PGconn *conn;     /* nothing runs on it while types are asked for */
	bool is_redshift; /* has types of its own, and no catalogue to ask */
	struct pg_type **v;
	size_t n, cap;
};

/* Borrowed from t. NULL: the catalogue cannot be read; *r is why. */
const struct pg_type *pg_types_find(struct pg_types *t, unsigned oid,
				    PGresult **r);
void pg_types_release(struct pg_types *t);

#endif
