/* SPDX-License-Identifier: MIT */
/*
 * One record of a stream: its members, and among them the reserved ones that
 * the tools use to talk to each other (retl-stream(5)). They are written last
 * and never delivered.
 */
#ifndef RETL_RECORD_H
#define RETL_RECORD_H

#include "common/json.h"

enum diff_result {
	DIFF_NONE, /* no diff stage came before */
	DIFF_ADDED,
	DIFF_UPDATED,
	DIFF_REMOVED,
};

/* "DiffAdded" and so on; NULL for DIFF_NONE. */
const char *diff_result_name(enum diff_result r);
/* "added" and so on, as options and people say it; NULL for DIFF_NONE. */
const char *diff_result_word(enum diff_result r);
/* The kind of this word; DIFF_NONE: it is none of them. */
enum diff_result diff_result_of_word(struct str word);

struct record {
	struct str line;     /* the record as it came */
	struct json_obj obj; /* all members, reserved ones too */
	enum diff_result result;
	/* Values as they came; .s is NULL where the member is absent. */
	struct str diff_result;  /* string */
	struct str diff_id;      /* string */
	struct str diff_changed; /* array of strings */
	struct str diff_outcome; /* object: the record is a stub */
	/* private: a shape of obj, or 0, and which of its members are reserved
	 */
	uint32_t shape;
	uint32_t reserved[4], n_reserved;
};
#define RECORD_INIT ((struct record){ .obj = JSON_OBJ_INIT })

/* Validates line and reads what is reserved. The spans borrow from line. */
int record_parse(struct record *r, struct str line, struct json_fault *f);
/* The same of a line of a stream; x: its in_index (ndjson.h), may be NULL. */
int record_parse_indexed(struct record *r, struct str line,
			 struct json_index *x, struct json_fault *f);
void record_release(struct record *r);

static inline bool record_is_stub(const struct record *r)
{
	return r->diff_outcome.s != NULL;
}

/* Is this member of an object one that the tools keep for themselves? */
bool record_reserved(const struct json_member *m);

/*
 * The same for a name that a dataset, a mapping or a contract wants to define.
 * diff_result is reserved as well, though a dataset may have it.
 */
bool record_reserved_name(struct str name);

/* {"a":1,"b":2 -- the members that are not reserved, without the last brace. */
void record_put_open(struct buf *out, const struct record *r);

/*
 * Writes the reserved members of r and the closing brace. any: something
 * stands behind the opening brace already, so that a comma is due.
 */
void record_put_reserved(struct buf *out, const struct record *r, bool any);

/* A stub that goes on in a refused record's place. */
struct stub {
	struct str status; /* "rejected" or "skipped" */
	struct str code, field, reason;
};

/*
 * Writes the stub of r: the members that keys (text of an object's members,
 * "\"id\":7", may be empty) names, what r has reserved, and diff_outcome.
 */
void record_put_stub(struct buf *out, const struct record *r, struct str keys,
		     const struct stub *why);

#endif
