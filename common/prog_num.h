/* SPDX-License-Identifier: MIT */
/*
 * Numbers as jq 1.6 knows them: doubles, printed with the fewest digits that
 * give the same double again. Here is what survives that, and how a number
 * reads as text.
 */
#ifndef RETL_PROG_NUM_H
#define RETL_PROG_NUM_H

#include "common/buf.h"

/* 0 and *d if jq would print a number of the same value, else -1. */
int num_to_double(struct str number, double *d);

/* As jq prints it. */
void num_put_double(struct buf *out, double d);

/*
 * The text that a string built from this number has: jq's, where jq is exact;
 * else all its digits.
 */
void num_put_text(struct buf *out, struct str number);

#endif
