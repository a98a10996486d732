/* SPDX-License-Identifier: MIT */
/*
 * The text of a file, of standard input, of a command's output or of a feed:
 * decompressed, its byte order mark dropped. UTF-16 is refused.
 */
#ifndef RETL_EXTRACT_INPUT_H
#define RETL_EXTRACT_INPUT_H

#include <sys/stat.h>

#include "bin/retl-extract/inflate.h"

struct input {
	const char *path; /* NULL: standard input or a command */
	const char *name; /* for messages */
	int fd;
	struct stat before; /* of the file, when it was opened */
	struct inflate z;
	char *head; /* what was looked at, and not read yet: at .. end */
	size_t at, end;
	bool looked, eof;
};

/* path "-": standard input. */
int input_open(struct input *in, const char *path, struct rows *rows,
	       struct failure *f);
/* Takes over fd. */
void input_from_fd(struct input *in, int fd, const char *name,
		   struct rows *rows);

/* path: what messages call it, "FILE:17: ..."; borrowed. */
void input_from_feed(struct input *in, const struct feed *feed,
		     const char *path);

/*
 * What comes next, behind white space, one byte at least; borrowed. .n 0: there
 * is nothing, or too much white space.
 */
int input_peek(struct input *in, struct str *head, struct failure *f);

ssize_t input_read(struct input *in, void *p, size_t n, struct failure *f);

/* Has everything been read? */
static inline bool input_at_end(const struct input *in)
{
	return in->z.eof;
}

/*
 * After the end: is it a file, and is it still what it was when it was opened?
 * Then all of it has been read. -1: it has changed meanwhile. 0: it is a pipe
 * or the like, whose end proves nothing.
 */
int input_whole(const struct input *in, struct failure *f);

void input_close(struct input *in);

#endif
