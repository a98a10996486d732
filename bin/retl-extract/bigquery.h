/* SPDX-License-Identifier: MIT */
/*
 * BigQuery's schemas and cells as JSON. A field may be a record of fields, and
 * repeated; a cell is {"v": value}, whose texts its field gives a meaning.
 */
#ifndef RETL_EXTRACT_BIGQUERY_H
#define RETL_EXTRACT_BIGQUERY_H

#include "bin/retl-extract/row.h"

enum bigquery_type {
	BIGQUERY_TEXT,
	BIGQUERY_INTEGER,
	BIGQUERY_FLOAT,
	BIGQUERY_NUMERIC,
	BIGQUERY_BOOLEAN,
	BIGQUERY_BYTES,
	BIGQUERY_TIMESTAMP,
	BIGQUERY_CLOCK, /* DATE, TIME, DATETIME */
	BIGQUERY_JSON,
	BIGQUERY_RECORD,
};

struct bigquery_field {
	struct buf name; /* as JSON; of nested fields */
	enum bigquery_type type;
	bool repeated;
	struct bigquery_field *fields;
	size_t n;
};

/*
 * The fields of a schema, {"fields": [...]}; those at the top are added to c.
 * -1: see f. Release in any case.
 */
int bigquery_schema(struct bigquery_field *top, struct str schema,
		    struct columns *c, struct failure *f);
void bigquery_release(struct bigquery_field *field);

/* Appends the row {"f": [...]}; -1: see f. */
int bigquery_put_row(struct rows *rows, const struct bigquery_field *top,
		     const struct columns *c, struct str row,
		     struct failure *f);

#endif
