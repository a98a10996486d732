/* SPDX-License-Identifier: MIT */
/*
 * Sorted files of a state, read row by row and stepped together by key. A row
 * is only looked into when somebody asks: where bytes decide, no key is needed.
 */
#ifndef RETL_DIFF_ROWS_H
#define RETL_DIFF_ROWS_H

#include "common/key.h"
#include "common/ndjson.h"

/* The types that the key's members have in this state and its input. */
struct key_types {
	enum json_type type[KEY_MAX];
	bool known;
};

struct rows {
	struct ndjson in;
	char *path;
	/* Slots of its own (see json_slot); names are the state's. */
	struct key_spec key;
	struct key_types *types;
	struct record rec;
	struct json_index *index; /* of the line that is parsed, or NULL */
	struct str vals[KEY_MAX];
	/* key_prefix of the first of them: what tells most keys apart */
	uint64_t prefix;
	bool is_whole; /* it tells the whole key */
	uint64_t left; /* rows still to come */
	bool have;     /* rec.line is a row */
	bool parsed;   /* rec and vals are filled */
	/*
	 * Set: only the key and what is reserved are wanted of a row, so that
	 * rec.obj may be left empty. It is an error to set it with a key that
	 * is not one plain name, see rows_may_skim.
	 */
	bool skim;
	bool skimmed; /* that was enough: rec.obj is empty */
	/*
	 * Set: the lines are changes. Parsing leaves of them the row, and of
	 * the marks behind it rec.result.
	 */
	bool marked;
};

/* Not open: it has no rows. */
#define ROWS_INIT ((struct rows){ .in = NDJSON_INIT, .rec = RECORD_INIT })

/*
 * Opens path from a byte offset on, for at most n rows, and takes the first.
 * key and types are borrowed.
 */
void rows_open(struct rows *r, const char *path, off_t from, uint64_t n,
	       const struct key_spec *key, struct key_types *types);
/* The same; false, and no rows, if there is no such file. */
bool rows_find(struct rows *r, const char *path, off_t from, uint64_t n,
	       const struct key_spec *key, struct key_types *types);
void rows_close(struct rows *r);

/* The next row; r->have says whether there was one. */
void rows_next(struct rows *r);

/* Fills rec of the current row, as record_parse does. */
int rows_parse_line(struct rows *r, struct json_fault *f);
/* Fills rec and vals of the current row. A damaged row ends the program. */
void rows_parse(struct rows *r);

/* May rows with this key be skimmed? */
bool rows_may_skim(const struct key_spec *key);

/* Its vals have been filled: it is parsed. */
void rows_keyed(struct rows *r);

/* <0, 0, >0, of two current rows; no row is behind every row. */
int rows_cmp(struct rows *a, struct rows *b);

/*
 * Makes r something to compare with that has the key of from, which may move
 * on, and no more; text keeps the line. Release with rows_close.
 */
void rows_hold(struct rows *r, struct buf *text, struct rows *from);
/* key_put_members of a row that has been parsed, or is held. */
void rows_put_key(struct buf *out, const struct key_spec *key, struct rows *r);

/* ---- lines ---- */

/* The object's own text, without the white space around it. */
struct str row_text(struct str line);

/* Appends what a line that ends with our marks says without them: the row. */
void row_put_unmarked(struct buf *out, const struct record *r);

/*
 * Appends row with the marks of a change: diff_result, diff_id, and what more
 * holds (text of further members, may be empty); no LF. run NULL: no diff_id.
 */
void row_put_change(struct buf *out, struct str row, enum diff_result result,
		    const char *run, uint64_t n, struct str more);

#endif
