/* SPDX-License-Identifier: MIT */
/*
 * A second pair of hands: one job at a time that is done beside its caller, in
 * a thread of its own. Where there is none (NULL), a job is done at once, so
 * callers read the same with and without threads.
 */
#ifndef RETL_BESIDE_H
#define RETL_BESIDE_H

#include "common/base.h"

struct beside;

/* NULL: no thread can be had. */
struct beside *beside_start(void);

/* Is the job before still being done? */
bool beside_busy(struct beside *b);
/* Waits for the job before; the caller sees all that it did. */
void beside_wait(struct beside *b);
/* The same, and begins this one. What arg points to is the job's until then. */
void beside_do(struct beside *b, void (*job)(void *arg), void *arg);

/* Waits, and ends the thread. */
void beside_end(struct beside *b);

#endif
