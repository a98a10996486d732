/* SPDX-License-Identifier: MIT */
/*
 * CSV and its like as rows: well-formed ones by csvrow.h, the rest by libcsv.
 * Every value is a string: nothing guesses that 00123 or 1e5 is a number. An
 * unquoted empty field is null, a quoted one is the empty string.
 */
#ifndef RETL_EXTRACT_CSV_H
#define RETL_EXTRACT_CSV_H

#include "bin/retl-extract/row.h"

struct csv_options {
	char delimiter;
	const char *null;    /* --null: the text that means null, or NULL */
	const char *columns; /* --columns: "id,name", there is no header line */
	const char *name;    /* the file, NULL: none */
	size_t max_record;
	bool libcsv_only; /* csvrow reads nothing: tests do that */
};

struct csv_rows;

/* NULL: the columns are not right. */
struct csv_rows *csv_rows_new(const struct csv_options *o, struct failure *f);
void csv_rows_free(struct csv_rows *c);

/* Takes a block; the rows that it completes go to rows, none once it is full.
 */
int csv_rows_feed(struct csv_rows *c, struct str block, struct rows *rows,
		  struct failure *f);

/* Behind the last block. */
int csv_rows_end(struct csv_rows *c, struct rows *rows, struct failure *f);

/* Did the last line end as lines do? */
bool csv_rows_ended_well(const struct csv_rows *c);

#endif
