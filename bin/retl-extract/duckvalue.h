/* SPDX-License-Identifier: MIT */
/* Values in DuckDB's vectors as JSON, each exactly. */
#ifndef RETL_EXTRACT_DUCKVALUE_H
#define RETL_EXTRACT_DUCKVALUE_H

#include "bin/retl-extract/duckdb.h"
#include "bin/retl-extract/row.h"

/* A column, or a part of one, and where the current chunk has its values. */
struct duck_column {
	enum duckdb_type type, internal; /* the latter of decimals and enums */
	unsigned scale;
	bool is_json;
	uint64_t size; /* of an array */
	char **words;  /* of an enum */
	size_t n_words;
	struct duck_part {
		struct buf prefix; /* "name": or ,"name": */
		struct duck_column *column;
	} * parts; /* elements, keys and values, or members */
	size_t n_parts;
	const void *data;
	const uint64_t *validity; /* NULL: no value is null */
};

/* NULL: such a type cannot be written. Borrows type. */
struct duck_column *duck_column_new(const struct duckdb_api *db, duckdb type);
void duck_column_free(struct duck_column *c);

/* What it is for others; *native is static. */
enum column_kind duck_column_kind(const struct duck_column *c,
				  const char **native);

/* Where the values are from now on: in that vector of a chunk. */
void duck_column_point(struct duck_column *c, const struct duckdb_api *db,
		       duckdb vector);

/* Of a column of texts. */
struct str duck_text(const struct duck_column *c, uint64_t i);

struct duck_cell {
	struct rows *rows;
	const struct columns *columns;
	size_t column;
	struct failure *f;
};

/* The value at place i. -1: see cell->f. */
int duck_put_value(const struct duck_cell *cell, const struct duck_column *c,
		   uint64_t i, unsigned level);

#endif
