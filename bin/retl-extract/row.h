/* SPDX-License-Identifier: MIT */
/*
 * Rows as JSON records, the same for every source: a value of one type looks
 * the same wherever it came from. A row is built in place, in the buffer that
 * is written to standard output; nothing is allocated for it.
 */
#ifndef RETL_EXTRACT_ROW_H
#define RETL_EXTRACT_ROW_H

#include "bin/retl-extract/cursor.h"
#include "common/json.h"
#include "common/ndjson.h"

/* Where rows go, and what every row is held against. */
struct rows {
	struct out out;
	size_t start;   /* in out.b: where the current row begins */
	uint64_t limit; /* rows that are wanted; UINT64_MAX: all */
	size_t max_record;
	bool wide_strings;     /* --wide-numbers=string */
	bool warned;           /* that a value had to become null */
	struct cursor *cursor; /* --cursor; NULL: none */
};

void rows_init(struct rows *r, int fd, const char *name);
void rows_release(struct rows *r);

static inline bool rows_full(const struct rows *r)
{
	return r->out.n_records >= r->limit;
}

/* The current row, counted from 1. */
static inline uint64_t rows_number(const struct rows *r)
{
	return r->out.n_records + 1;
}

/* Ends the row that was appended to out.b. -1: it is longer than allowed. */
int rows_end(struct rows *r, struct failure *f);

/* Are there whole rows that have not been written yet? */
static inline bool rows_waiting(const struct rows *r)
{
	return r->start > 0;
}

/* Writes the whole rows; of the current one nothing leaves. */
void rows_flush(struct rows *r);

/* Takes back what was appended since the last row ended. */
void rows_drop(struct rows *r);

/* ---- columns ---- */

/* What a column's values are, as far as its source knows. */
enum column_kind {
	COLUMN_ANY, /* the source cannot tell */
	COLUMN_BOOL,
	COLUMN_INTEGER,
	COLUMN_DECIMAL,
	COLUMN_FLOAT,
	COLUMN_TEXT,
	COLUMN_DATE,
	COLUMN_TIME,
	COLUMN_TIMESTAMP,   /* without a zone */
	COLUMN_TIMESTAMPTZ, /* in UTC */
	COLUMN_BINARY,
	COLUMN_JSON,
	COLUMN_ARRAY,
	COLUMN_OBJECT,
};

/*
 * The names of the columns, each with what stands before its value in a row:
 * {"id": or ,"name":
 */
struct columns {
	struct column {
		size_t name, n_name;     /* in text */
		size_t prefix, n_prefix; /* in text */
		enum column_kind kind;
		size_t native, n_native; /* in text: as the source calls it */
	} * v;
	size_t n, cap;
	struct buf text;
};
#define COLUMNS_MAX 16384
#define COLUMNS_INIT ((struct columns){ .text = BUF_INIT })

/*
 * Adds the next column. Refused (65) are names that are empty, not UTF-8,
 * there already, or kept by the tools for themselves; the message begins with
 * "column 3:".
 */
int columns_add(struct columns *c, struct str name, struct failure *f);
void columns_release(struct columns *c);

/* Of the column added last. */
void columns_set_type(struct columns *c, enum column_kind kind,
		      const char *native);

/* Place of the column of this name, or -1. */
ssize_t columns_find(const struct columns *c, struct str name);

static inline struct str column_name(const struct columns *c, size_t i)
{
	return (struct str){ c->text.data + c->v[i].name, c->v[i].n_name };
}

static inline struct str column_native(const struct columns *c, size_t i)
{
	return (struct str){ c->text.data + c->v[i].native, c->v[i].n_native };
}

static inline void column_put(struct buf *out, const struct columns *c,
			      size_t i)
{
	buf_add(out, c->text.data + c->v[i].prefix, c->v[i].n_prefix);
}

/* ---- values ---- */

/* "row 17: column 'email': what": status 65. */
int row_fault(const struct rows *r, const struct columns *c, size_t i,
	      const char *what, struct failure *f);

/* A JSON string; -1 if text is not UTF-8 (something may be appended then). */
int row_put_text(struct buf *out, struct str text);

void row_put_int(struct rows *r, int64_t n);

/*
 * The shortest decimal that reads back as the same double, as PostgreSQL
 * writes it: 0.1, 1e+20, 1e-05. NaN and the infinities: null, with a warning.
 */
void row_put_double(struct rows *r, const struct columns *c, size_t i,
		    double d);

/* The same for one that was stored in 32 bits: 0.1, not 0.10000000149. */
void row_put_float(struct rows *r, const struct columns *c, size_t i, float f);

/* The number by itself, NaN and infinities excluded. */
void double_put(struct buf *out, double d);

/* Digits that are a JSON number already; exact: it is of a decimal type. */
void row_put_digits(struct rows *r, struct str digits, bool decimal);

/*
 * null for what JSON has no words for, and a warning: said once, since there
 * may be millions. what: "NaN or infinite, which JSON does not have".
 */
void row_put_null(struct rows *r, const struct columns *c, size_t i,
		  const char *what);
void row_put_nan(struct rows *r, const struct columns *c, size_t i);

/* A number as RFC 8259 spells them? */
bool row_is_number(struct str v);

void row_put_base64(struct rows *r, const void *p, size_t n);

/*
 * JSON text from a database, without its white space and with every other byte
 * as it is. level: how many containers it comes to stand in, the record being
 * one. -1: *what says what is wrong with it.
 */
int row_put_json(struct buf *out, struct str text, unsigned level,
		 const char **what);

/*
 * Of a value that is a text or null: 1, the text; it is borrowed from v or
 * scratch. 0: null, which has been appended. -1: neither, see f.
 */
int row_take_text(struct rows *r, const struct columns *c, size_t i,
		  struct str v, struct buf *scratch, struct str *text,
		  struct failure *f);

/*
 * A row that came as a JSON array, ended: put appends the value of column i.
 * name is the source's, for messages. -1: see f.
 */
int row_put_list(struct rows *r, const struct columns *c, struct str list,
		 const char *name,
		 int (*put)(void *self, struct rows *r, size_t i, struct str v,
			    struct failure *f),
		 void *self, struct failure *f);

#endif
