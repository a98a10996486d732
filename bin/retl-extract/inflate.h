/* SPDX-License-Identifier: MIT */
/*
 * The bytes of a descriptor, or of whoever else gives some, decompressed if
 * they are gzip or zstd, which their first bytes tell. Compressed data must end
 * where its format says that it ends: what was cut off, or what follows as
 * garbage, is an error. Memory is bounded whatever the data says about itself.
 */
#ifndef RETL_EXTRACT_INFLATE_H
#define RETL_EXTRACT_INFLATE_H

#include "bin/retl-extract/row.h"

/* As read(2) gives bytes, but with -1 it has filled f. */
struct feed {
	ssize_t (*read)(void *self, void *p, size_t n, struct failure *f);
	void *self;
};

struct inflate {
	int fd;
	struct feed feed;  /* instead of fd, if .read is set */
	const char *name;  /* for messages */
	struct rows *rows; /* go out before a read has to wait; may be NULL */

	/* private */
	enum { INFLATE_UNKNOWN, INFLATE_NONE, INFLATE_GZIP, INFLATE_ZSTD } kind;
	unsigned char *in; /* read and not used yet: at .. end */
	size_t at, end;
	bool eof;
	bool between; /* nothing, or a whole member or frame, came before at */
	bool padding; /* zeros follow the last gzip member */
	void *engine; /* z_stream or ZSTD_DStream */
};

/*
 * Reads nothing yet. The descriptor stays the caller's. feed may be set behind
 * it.
 */
void inflate_init(struct inflate *z, int fd, const char *name,
		  struct rows *rows);

/* Up to n bytes; 0: the end, and it is the right one; -1. */
ssize_t inflate_read(struct inflate *z, void *p, size_t n, struct failure *f);

void inflate_release(struct inflate *z);

#endif
