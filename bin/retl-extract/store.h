/* SPDX-License-Identifier: MIT */
/*
 * Objects of a store (S3, Google Cloud Storage) as rows: one object, or all
 * that a listing gives, one after the other. Objects are read in parts, several
 * at once and across their bounds, each part on condition that the object is
 * still the version that was listed. The end is proved if the listing came to
 * its end and every byte of every object came.
 *
 * What differs between stores is a struct store.
 */
#ifndef RETL_EXTRACT_STORE_H
#define RETL_EXTRACT_STORE_H

#include "bin/retl-extract/source.h"
#include "bin/retl-extract/web.h"

#define STORE_PART ((uint64_t)8 << 20) /* bytes of a part */

struct object {
	struct store_reader *reader;
	struct buf key;
	struct buf version; /* ETag, generation; empty: not known */
	uint64_t size;
	bool known; /* size and version are */
	struct object *next;
};

/* What was asked of a URL: s3://BUCKET/KEY */
struct store_place {
	struct buf bucket;
	struct buf key; /* or the prefix of keys */
	bool many;      /* a listing: the key is empty, ends with /, has a * */
	struct buf pattern; /* of keys, with *; empty: all */
};

struct store {
	const char *scheme; /* "s3" */
	/* Its own part; NULL: see f. */
	void *(*open)(const struct source_args *a,
		      const struct store_place *place, struct failure *f);
	void (*close)(void *self);
	/*
	 * Fills and signs the request for bytes from .. to of an object, with
	 * its version if that is known. whole: all of it; no range is needed.
	 */
	int (*ask)(void *self, struct web_request *rq, const struct object *o,
		   uint64_t from, uint64_t to, bool whole, struct failure *f);
	/*
	 * What an answer that is not 200 or 206 means; WEB_NOW after it has
	 * mended something.
	 */
	enum web_verdict (*judge)(void *self, const struct web_request *rq,
				  const struct web_answer *a, unsigned attempt,
				  struct failure *f);
	/* The version that an answer is of. */
	struct str (*version)(struct str headers);
	/* Fills and signs the request for a page of the listing. */
	int (*ask_list)(void *self, struct web_request *rq, struct str page,
			struct failure *f);
	/*
	 * Takes a page apart: store_add for each object, the next page's token
	 * into next (empty: it was the last). -1: see f.
	 */
	int (*take_list)(void *self, struct store_reader *r, struct str body,
			 struct buf *next, struct failure *f);
};

void store_add(struct store_reader *r, struct str key, struct str version,
	       uint64_t size);

/* All of the one object that a names, at most max bytes. */
int store_read_all(const struct store *store, const struct source_args *a,
		   size_t max, struct buf *out, struct failure *f);

/* Removes it; none there is no failure. */
int store_remove(const struct store *store, const struct source_args *a,
		 struct failure *f);

struct store_reader *store_open(const struct store *store,
				const struct source_args *a, struct failure *f);
int store_next(void *self, struct rows *rows, struct failure *f);
const char *store_doubt(void *self);
void store_close(void *self);

#endif
