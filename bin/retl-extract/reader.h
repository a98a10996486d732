/* SPDX-License-Identifier: MIT */
/*
 * Rows out of text in one of the formats that files have: CSV, TSV, NDJSON,
 * or one JSON array of objects.
 */
#ifndef RETL_EXTRACT_READER_H
#define RETL_EXTRACT_READER_H

#include "bin/retl-extract/input.h"
#include "bin/retl-extract/row.h"
#include "bin/retl-extract/tap.h"

enum format {
	FORMAT_UNKNOWN,
	FORMAT_CSV,
	FORMAT_TSV,
	FORMAT_NDJSON,
	FORMAT_JSON,
	FORMAT_PARQUET,
};

/* "csv" and so on; -1: no such format. */
int format_parse(const char *name, enum format *out);

/* What the name of a file tells: "rows.csv.gz" is CSV. */
enum format format_of_path(const char *path);

struct reader_options {
	enum format format; /* unknown: NDJSON or JSON, if it looks like that */
	char delimiter;     /* 0: that of the format */
	const char *null, *columns; /* see csv.h */
	size_t max_record;
	bool lines_by_default; /* unknown and no array: NDJSON, for sure */
	struct tap *tap;       /* the lines are its messages; NULL: records */
};

struct reader;

/* Reads from in, which stays the caller's. NULL: see f. */
struct reader *reader_new(const struct reader_options *o, struct input *in,
			  struct failure *f);
void reader_free(struct reader *r);

/* 1: rows were written; 0: the text has ended where it may end; -1. */
int reader_next(struct reader *r, struct rows *rows, struct failure *f);

/*
 * After the end: what the text itself says about being all. Except for the
 * first, *why tells what speaks against it.
 */
enum reader_verdict {
	READER_SEALED,   /* right seals cover it */
	READER_UNSEALED, /* there are seals, and they do not cover it */
	READER_SUSPECT,  /* no seals; it looks as if it were cut off */
	READER_EMPTY,    /* there is nothing in it, not even a header */
	READER_SILENT,   /* no seals, and nothing is amiss */
};
enum reader_verdict reader_verdict(struct reader *r, const char **why);

/*
 * For one file, see struct source: why its rows may not be all; silent is the
 * answer if the text says nothing, and NULL if its end is proved elsewise.
 */
const char *reader_doubt(struct reader *r, const char *silent);

/* One file, as a feed has it, and what reads it. */
struct textfile {
	struct input in;
	struct reader *reader; /* NULL: it is not open */
};

/* name: for messages, and it tells the format if o does not; borrowed. */
int textfile_open(struct textfile *t, const struct feed *feed, const char *name,
		  const struct reader_options *o, struct failure *f);
void textfile_close(struct textfile *t);

#endif
