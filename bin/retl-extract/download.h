/* SPDX-License-Identifier: MIT */
/*
 * One file over HTTP, of any size, in constant memory. When the connection is
 * lost, the rest is asked for by range, if the server has said how to know
 * that it is still the same file (ETag, Last-Modified); never are bytes of two
 * versions put together, and never does a file that was cut off look whole.
 */
#ifndef RETL_EXTRACT_DOWNLOAD_H
#define RETL_EXTRACT_DOWNLOAD_H

#include "bin/retl-extract/inflate.h"
#include "bin/retl-extract/web.h"

struct download;

/*
 * rq (url, headers, secrets) is borrowed; name, for messages, too. w should be
 * for HTTP/1.1 only. Waits until the first bytes are there. NULL: see f.
 */
struct download *download_open(struct web *w, const struct web_request *rq,
			       const char *name, struct failure *f);
void download_free(struct download *d);

/* For input_from_feed. 0: the end, and all of it has come. */
ssize_t download_read(void *self, void *p, size_t n, struct failure *f);

/* A header of the first answer, in lower case; .s NULL: none. */
struct str download_header(const struct download *d, const char *name);

/*
 * After the end: did the server say how long the file is, or where it ends?
 * If not, the end of the connection may as well have been an accident.
 */
bool download_proved(const struct download *d);

#endif
