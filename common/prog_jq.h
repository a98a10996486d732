/* SPDX-License-Identifier: MIT */
/*
 * libjq's side of a program: the pieces that the plain subset does not cover.
 * All pieces of one program share one libjq state, since starting one costs
 * 20 ms. Values go in by spans and come out as text; numbers that would not
 * survive are refused on the way in.
 */
#ifndef RETL_PROG_JQ_H
#define RETL_PROG_JQ_H

#include "common/json.h"

struct jqside;

/* One piece. Spans borrow from the program's text. */
struct jqpiece {
	struct str defs;  /* definitions that it may call, may be empty */
	struct str text;  /* "(.a | test(\"x\"))" */
	unsigned line;    /* where text begins, for messages */
	const bool *uses; /* which variables; .n of them as in jqside_new */
};

/*
 * imports: the program's directives, which stand first. vars: names of all
 * variables. whole: the program as written, for the words of an error.
 */
struct jqside_opts {
	struct str whole, imports;
	bool check_whole; /* even if the pieces compile */
	const char *const *vars;
	size_t n_vars,
	    n_given; /* n_given: bound from outside, the first ones */
	const struct jqpiece *pieces;
	size_t n;
	const char *where, *libdir;
	bool digits_as_text; /* see prog.h */
	/* Texts that the program itself gives to error(), to be shown. */
	const struct str *own_errors;
	size_t n_own_errors;
};

struct jqside *jqside_new(const struct jqside_opts *o, struct buf *err);
void jqside_free(struct jqside *s);

/* Takes one output. -1: there are too many. */
typedef int jqside_emit(void *ctx, struct str value);

/*
 * Runs a piece on input: all of it, or, where it is an object and n_names is
 * not SIZE_MAX, only the members with these names. Of a record never those
 * that are reserved. -1 with err and *code.
 */
struct jqside_in {
	struct str value;
	const struct json_obj *obj; /* in its place: a record's members */
	const struct str *names;
	size_t n_names;
	const struct str *vars; /* values; .s NULL: null */
	unsigned limit_ms;      /* see prog_halt.h; 0: none */
};
int jqside_run(struct jqside *s, size_t piece, const struct jqside_in *in,
	       jqside_emit *emit, void *ctx, const char **code,
	       struct buf *err);

#endif
