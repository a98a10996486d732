/* SPDX-License-Identifier: MIT */
/*
 * The key of a record and its order, which sort and diff share: numbers by
 * value, exactly; strings by code point; false before true. One type a key
 * member over the whole stream.
 */
#ifndef RETL_KEY_H
#define RETL_KEY_H

#include <endian.h>

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
 * The key as bytes: the order of bytes, a text before what continues it, is the
 * order of keys, and equal keys give equal bytes. Appended to out. Nothing
 * stands in it for the types, which are the same throughout.
 */
void key_encode(struct buf *out, const struct str *vals, size_t n);

/*
 * The first 8 of these bytes for a key of the one value val, as a number, with
 * zeros behind a shorter key. *whole: there are no more, and no NULs among
 * them that a shorter key lacks, so that equal prefixes are equal keys as long
 * as both are whole.
 */
uint64_t key_prefix(struct str val, bool *whole);

/* Bytes at .. at + 7 of an encoded key, with zeros behind its end. */
static inline uint64_t key_window(const char *p, size_t n, size_t at)
{
	uint64_t v = 0;

	if (LIKELY(at + sizeof v <= n)) {
		memcpy(&v, p + at, sizeof v);
		return be64toh(v);
	}
	if (at < n)
		memcpy(&v, p + at, n - at);
	return be64toh(v);
}

#endif
