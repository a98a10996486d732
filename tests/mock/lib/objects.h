/* SPDX-License-Identifier: MIT */
/*
 * Files of a folder as a web server or an object store gives them: ETag,
 * ranges, conditions.
 */
#ifndef MOCK_OBJECTS_H
#define MOCK_OBJECTS_H

#include "tests/mock/lib/server.h"

struct object {
	struct buf data;
	struct buf etag; /* with its quotes */
	uint64_t cap;    /* no range is longer; 0: any */
};
#define OBJECT_INIT ((struct object){ .data = BUF_INIT, .etag = BUF_INIT })

/* name is decoded already. -1: there is no such file, or it leads outside. */
int object_load(struct object *o, const char *root, struct str name);
void object_release(struct object *o);

/* Decodes %XX. */
void object_decode(struct buf *out, struct str text);

enum {
	OBJECT_NO_RANGES = 1,     /* Range is ignored */
	OBJECT_NO_CONDITIONS = 2, /* If-Match is ignored */
	OBJECT_NO_LENGTH = 4,     /* a range does not say of how much */
};

/*
 * The object, or a part of it as Range and If-Match ask: 200, 206, 412, 416.
 * An empty etag is not sent.
 */
void object_answer(const struct object *o, const struct request *r,
		   struct answer *a, unsigned without);

#endif
