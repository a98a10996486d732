/* SPDX-License-Identifier: MIT */
/*
 * Where sorted records leave: buffers are written beside the thread that fills
 * them, and memory that needs no copying is lent to the pipe.
 */
#ifndef RETL_SORT_OUTLET_H
#define RETL_SORT_OUTLET_H

#include "common/ndjson.h"

struct beside;

struct outlet {
	struct out out; /* records go here */
	/* private */
	struct beside *beside; /* NULL: writes wait */
	struct buf going;      /* what is being written */
	int error;             /* an errno: of what was written beside */
};

/* To standard output. Failures end the program, 74. */
void outlet_open(struct outlet *o, bool threaded);

/* Many bytes, which are not copied together first. */
void outlet_write(struct outlet *o, const char *p, size_t n);

/*
 * The same of memory that nobody writes to any more. A file's may not be lent:
 * the pipe has it when we are gone, and then it may be changed.
 */
void outlet_lend(struct outlet *o, const char *p, size_t n);

/* All is written, and the output is closed. */
void outlet_close(struct outlet *o);

#endif
