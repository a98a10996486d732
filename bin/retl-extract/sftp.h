/* SPDX-License-Identifier: MIT */
/*
 * One file over SFTP (libcurl with libssh2), in constant memory. The server's
 * host key must be known. A lost connection is taken up again where it ended,
 * if size and time of the file are still the same, and behind the last byte
 * they are looked at once more: a file that is still being written shows.
 */
#ifndef RETL_EXTRACT_SFTP_H
#define RETL_EXTRACT_SFTP_H

#include "bin/retl-extract/row.h"

struct sftp_opts {
	const char *url;  /* sftp://USER@HOST:PORT/PATH, without a password */
	const char *name; /* for messages */
	struct rows *rows;
	uint64_t retries;
};

struct sftp;

/* Borrows the texts. Waits for the first bytes. NULL: see f. */
struct sftp *sftp_open(const struct sftp_opts *o, struct failure *f);
void sftp_free(struct sftp *s);

/* For input_from_feed. 0: the end, and all of it has come. */
ssize_t sftp_read(void *self, void *p, size_t n, struct failure *f);

#endif
