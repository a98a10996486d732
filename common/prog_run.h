/* SPDX-License-Identifier: MIT */
/* Running a plan. All that it makes on the way lives until the next run. */
#ifndef RETL_PROG_RUN_H
#define RETL_PROG_RUN_H

#include <time.h>

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
	/*
	 * Where each value of the object `listed` begins and ends in the text
	 * that was appended to; NULL: nobody asks. is_listed: all are there.
	 */
	const struct plan *listed;
	size_t *at;
	bool is_listed;
	/* Bounds, see prog.h, and what has been used of them. */
	unsigned limit_ms;
	size_t max_bytes;
	const struct buf *out; /* where the result goes, behind out_mark */
	size_t out_mark;
	uint64_t steps;
	struct timespec since[2]; /* the clock of the wall, that of the CPU */
	struct guard *const *guard;
};

typedef int plan_sink(struct run *r, void *ctx, struct str value);

/* Hands each value to sink. -1: failed, or sink did. */
int run_each(struct run *r, struct plan *p, struct str in, plan_sink *sink,
	     void *ctx);

/* p->one: its value, which lives until the next run. */
int run_eval(struct run *r, struct plan *p, struct str in, struct str *v);

/* p->one: appends its value. On failure out may hold a part of it. */
int run_put(struct run *r, struct plan *p, struct str in, struct buf *out);

/* Notes why the run failed; returns -1. The message shows no value. */
int run_fail(struct run *r, const struct plan *p, const char *code,
	     const char *fmt, ...) PRINTF_LIKE(4, 5);
int run_repeated(struct run *r, const struct plan *p);
const char *run_type(struct str v); /* "a number" */

/*
 * How much out may hold: some room beyond what a result may have, since the
 * exact bound is for the result alone.
 */
#define RUN_SLACK ((size_t)4 << 20)
static inline size_t run_most(const struct run *r, const struct buf *out)
{
	return r->max_bytes ? r->max_bytes + RUN_SLACK +
				  (out == r->out ? r->out_mark : 0)
			    : SIZE_MAX;
}
/* Has so much been built that it fails for it? */
int run_check_size(struct run *r, const struct plan *p, const struct buf *out);

/* A buffer for what is built: its place in r->tmp, from r->n_tmp on. */
size_t run_tmp(struct run *r);

static inline bool run_truthy(struct str v)
{
	return v.s[0] != 'n' && v.s[0] != 'f';
}
static inline struct str run_boolean(bool b)
{
	return b ? STR("true") : STR("false");
}

/* The input of the program: a record without what is reserved. */
struct str run_record_text(struct run *r);
bool run_compare(enum plan_cmp cmp, struct str a, struct str b);

/* ---- prog_text.c ---- */

bool text_has_repeats(struct str object);
/* v as jq's tojson writes it. */
int text_put_json(struct run *r, const struct plan *p, struct buf *out,
		  struct str v);
/* The text of v inside a string: without quotes, escaped. */
int text_put_inside(struct run *r, const struct plan *p, struct buf *out,
		    struct str v);
/* What the function p->fn makes of v; arg is a text, or .s is NULL. */
int text_call(struct run *r, struct plan *p, struct str v, struct str arg,
	      struct buf *out);

/* ---- prog_sum.c ---- */

int sum_put(struct run *r, struct plan *p, struct str a, struct str b,
	    struct buf *out);
int sum_subtract(struct run *r, struct plan *p, struct str a, struct str b,
		 struct buf *out);
int sum_all(struct run *r, struct plan *p, struct str v, struct buf *out);
int sum_delete(struct run *r, struct plan *p, struct str in, struct buf *out);

/* ---- prog_list.c ---- */

int list_filter(struct run *r, struct plan *p, struct str v, struct buf *out);
int list_update(struct run *r, struct plan *p, struct str v, struct buf *out);
int list_slice(struct run *r, struct plan *p, struct str v, struct buf *out);
/* .[key] where key is neither a text nor a number. */
int list_lookup(struct run *r, struct plan *p, struct str v, struct str key,
		struct str *found);
int list_any(struct run *r, struct plan *p, struct str in, struct str *v);
/* The same for functions on arrays and objects; arg is a value. */
int list_call(struct run *r, struct plan *p, struct str v, struct str arg,
	      struct buf *out);

void run_begin(struct run *r);
void run_release(struct run *r);

#endif
