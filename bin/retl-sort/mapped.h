/* SPDX-License-Identifier: MIT */
/*
 * A regular file that is sorted where the system's cache has it, instead of
 * being read into memory of ours: nothing is copied, and no memory is needed
 * but for the entries. (A million rows into a pipe: 0.40 s of CPU for 0.62
 * where they are in order, 0.75 for 1.0 where they are not.)
 *
 * What was read cannot change any more, what was mapped can. A file that is cut
 * short ends the program (74), and so does one that has been changed when all
 * is written, before the seal.
 */
#ifndef RETL_SORT_MAPPED_H
#define RETL_SORT_MAPPED_H

#include <sys/stat.h>

#include "common/ndjson.h"

struct mapped {
	size_t size; /* 0: nothing is mapped */
	int fd;
	const char *name; /* for messages; borrowed */
	struct stat was;
};

/*
 * Puts the file of in, nothing of which has been read, at the beginning of a
 * block of cap bytes, if it is a regular one and fits; else size stays 0.
 */
void mapped_take(struct mapped *m, const struct ndjson *in, char *block,
		 size_t cap);

/* How much of the block it takes: whole pages, which cannot be written to. */
size_t mapped_pages(const struct mapped *m);

/*
 * Nobody looks at it any more; its pages are the caller's to unmap. Ends the
 * program if the file is not as it was.
 */
void mapped_end(struct mapped *m);

#endif
