/* SPDX-License-Identifier: MIT */
/* Running a plan. All that it makes on the way lives until the next run. */
#ifndef RETL_PROG_RUN_H
#define RETL_PROG_RUN_H

#include "common/prog_plan.h"

struct run {
	struct jqside *jq;
	struct arena mem;
	/* The input: text, or the members of a record. */
	struct str input;
	const struct record *record;
	struct str *vars; /* the caller's, then those that are bound */
	/* Buffers for what is being built, one a level. */
	struct buf *tmp;
	size_t n_tmp, cap_tmp;
	struct buf scratch;
	/* What went wrong. */
	const char *code;
	unsigned line;
	struct buf why;
	/*
	 * Not NULL: an object at the top leaves out members that fail, and
	 * goes on; each is added here.
	 */
	struct faults *tolerant;
	const char *where; /* for these faults */
};

typedef int plan_sink(struct run *r, void *ctx, struct str value);

/* Hands each value to sink. -1: failed, or sink did. */
int run_each(struct run *r, struct plan *p, struct str in, plan_sink *sink,
	     void *ctx);

/* p->one: appends its value. On failure out may hold a part of it. */
int run_put(struct run *r, struct plan *p, struct str in, struct buf *out);

void run_begin(struct run *r);
void run_release(struct run *r);

#endif
