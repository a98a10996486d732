/* SPDX-License-Identifier: MIT */
/*
 * jq programs: the expression language of mappings and contracts. The plain
 * subset (retl-mapping(5)) is compiled to a plan that runs on the spans of its
 * input, so that what is only copied keeps its bytes; the rest runs in libjq,
 * with the same meaning, member by member of a topmost object construction.
 *
 * libjq 1.6 turns numbers into doubles. A number handed to it whose value
 * would not survive is an error with the code "precision", never a change.
 */
#ifndef RETL_PROG_H
#define RETL_PROG_H

#include "common/buf.h"

struct prog;

struct prog_opts {
	const char *const *vars; /* names, without the dollar sign */
	size_t n_vars;
	const char *where;  /* for messages: "mapping.jq" */
	const char *libdir; /* -L, may be NULL */
};

/* NULL: the program does not compile; err has jq's words and the place. */
struct prog *prog_new(struct str text, const struct prog_opts *opts,
		      struct buf *err);
void prog_free(struct prog *p);

/* True if no part of it needs libjq. */
bool prog_is_native(const struct prog *p);

/*
 * Runs it on one JSON value, with vars[i] (JSON values) for the i-th name.
 * Appends each output as compact-enough JSON text followed by LF; returns how
 * many there were. -1: the program failed; err says why without showing a
 * value, and prog_error_code gives a word for rejects ("precision", "jq").
 */
int prog_run(struct prog *p, struct str input, const struct str *vars,
	     struct buf *out, struct buf *err);
const char *prog_error_code(const struct prog *p);

#endif
