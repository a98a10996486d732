/* SPDX-License-Identifier: MIT */
/*
 * The key of a record and its order, which sort and diff share: numbers by
 * value, exactly; strings by code point; false before true. One type a key
 * member over the whole stream.
 */
#ifndef RETL_KEY_H
#define RETL_KEY_H

#include "common/record.h"

#define KEY_MAX 16 /* members of one key */

struct key_part {
	struct str name; /* as given; a JSON Pointer if it starts with / */
	struct json_slot slot; /* of the top-level member */
	struct str rest;       /* of the pointer, below that member */
};

/* What --key says, and the types that the stream's first records set. */
struct key_spec {
	char *text;
	struct key_part part[KEY_MAX];
	size_t n;
	enum json_type type[KEY_MAX];
	bool typed; /* type holds */
};
#define KEY_SPEC_INIT ((struct key_spec){ .n = 0 })

/* "id" or "region,id". */
int key_spec_parse(struct key_spec *k, const char *text, struct buf *err);
void key_spec_release(struct key_spec *k);

/*
 * The key's values, k->n of them, borrowed from the record. -1 with a message
 * that names member and reason ("id: missing", "id: a string where the records
 * before it have a number").
 */
int key_get(struct key_spec *k, const struct record *r, struct str *vals,
	    struct buf *err);

/* <0, 0, >0. Values of one spec, types equal. */
int key_cmp(const struct str *a, const struct str *b, size_t n);

/*
 * "\"id\":7,\"region\":\"eu\"": the members as a stub carries them. Only the
 * top-level members: for a pointer the whole member that it points into.
 */
void key_put_members(struct buf *out, const struct key_spec *k,
		     const struct record *r);

/*
 * The first 64 bits of the order: prefix(a) < prefix(b) means a < b. *exact
 * tells whether equal prefixes mean equal values for this value.
 */
uint64_t key_prefix(struct str val, bool *exact);

#endif
