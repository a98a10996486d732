/* SPDX-License-Identifier: MIT */
/*
 * Work that waits for a server in a library of its own: threads do it, and
 * hand it back to the thread that sends. There are as many of them as there is
 * work for, up to a bound.
 */
#ifndef RETL_PUSH_ASIDE_H
#define RETL_PUSH_ASIDE_H

#include "common/buf.h"

struct aside;

/* At the head of a caller's own struct. */
struct aside_job {
	struct aside_job *next;
};

struct aside_opts {
	size_t n_workers;
	/* In thread i. */
	void (*work)(void *arg, size_t i, struct aside_job *j);
	void (*leave)(void *arg, size_t i);
	void *arg;
};

struct aside *aside_new(const struct aside_opts *o);
void aside_add(struct aside *a, struct aside_job *j);
/* Can be read as soon as aside_take has something to give. */
int aside_fd(const struct aside *a);
/* One that is done, in the order in which they were; NULL: no more. */
struct aside_job *aside_take(struct aside *a);
/* Waits until all that was handed in is done, and for the threads' end. */
void aside_end(struct aside *a);
void aside_free(struct aside *a);

#endif
