/* SPDX-License-Identifier: MIT */
/*
 * Why a source gave up: a message for people and the exit status that goes
 * with it.
 */
#ifndef RETL_EXTRACT_FAILURE_H
#define RETL_EXTRACT_FAILURE_H

#include "common/buf.h"

struct failure {
	int status;
	struct buf text;
};
#define FAILURE_INIT ((struct failure){ .text = BUF_INIT })

/* Sets both and returns -1, so that `return failed(f, EX_…, "…")` ends a
 * function. The arguments may borrow from f->text. */
int failed(struct failure *f, int status, const char *fmt, ...)
    PRINTF_LIKE(3, 4);

#endif
