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

#include "common/faults.h"
#include "common/guard.h"
#include "common/record.h"

struct prog;

struct prog_opts {
	const char *const *vars; /* names, without the dollar sign */
	size_t n_vars;
	const char *where;  /* for messages: "mapping.jq" */
	const char *libdir; /* -L, may be NULL */
	/*
	 * Bounds, 0: none. What runs natively keeps them by itself: an error
	 * with the code "limit" or "size". libjq is told to halt, but does not
	 * within one of its steps, and a size is seen only once it has come:
	 * who cannot live with that has prog_watch.
	 */
	unsigned limit_ms; /* of processor time a run */
	size_t max_bytes;  /* of a result, and of what is built on the way */
	/*
	 * For a program that judges and sends nothing: a number that libjq
	 * would change goes to it as the text of its digits, no error.
	 */
	bool digits_as_text;
};

/* NULL: the program does not compile; err has jq's words and the place. */
struct prog *prog_new(struct str text, const struct prog_opts *opts,
		      struct buf *err);
void prog_free(struct prog *p);

/*
 * Where the process may be ended for what libjq does: *guard (NULL for now) is
 * told which piece is running, and asked which pieces must not run again; these
 * fail with the code "limit".
 */
void prog_watch(struct prog *p, struct guard *const *guard);

/*
 * A single step of libjq that does not end, ends the process: in a signal's
 * handler, which calls this before, in the middle of the run.
 */
void prog_before_end(void (*call)(void));

/* True if no part of it needs libjq. */
bool prog_is_native(const struct prog *p);

/*
 * True if its output holds the input once, as it is, and depends on it in no
 * other way. Where a program has several outputs, not each may hold it.
 */
bool prog_is_frame(const struct prog *p);

/*
 * Runs it on one JSON value, with vars[i] (JSON values) for the i-th name.
 * Appends each output as compact-enough JSON text followed by LF; returns how
 * many there were. -1: the program failed; err says why without showing a
 * value, and prog_error_code gives a word for rejects ("precision", "jq").
 */
int prog_run(struct prog *p, struct str input, const struct str *vars,
	     struct buf *out, struct buf *err);
const char *prog_error_code(const struct prog *p);

/*
 * The same for mappings: runs it on a record's members that are not reserved.
 * Appends the one output, which must be an object, without its closing brace
 * (record_put_reserved adds it; *any: there are members). Returns 1; 0: there
 * was no output; -1: faults are added, and what could be made is in out all
 * the same, if anything: an object without the members that failed.
 */
int prog_map(struct prog *p, const struct record *r, const struct str *vars,
	     struct buf *out, bool *any, struct faults *faults);

/*
 * Lists the members of what prog_map has just made, without reading it again:
 * made is all of the buffer that it was appended to, as it lies now. o is for
 * nothing else. False: they are not known, as names are computed or a member
 * failed.
 */
bool prog_map_list(struct prog *p, struct str made, struct json_obj *o);

/* One member that a program makes. */
struct prog_member {
	struct str name;
	struct str *reads; /* members of the input */
	size_t n_reads;    /* SIZE_MAX: any of them */
	const bool *uses;  /* for each variable: does it depend on that? */
	bool native;
	bool whole;     /* libjq is given all of the record for it */
	struct str why; /* not native: because of "gsub" */
	unsigned line;
};

/* What a program makes of an object, as far as can be told beforehand. */
struct prog_shape {
	bool known; /* false: anything; the rest says nothing */
	bool rest;  /* members of the input go on under their names, but for */
	struct str *without;
	size_t n_without;
	struct prog_member *m;
	size_t n;
	/* not known: why; also where all of it is libjq's */
	struct str why;
	/* private, while it is told: all there is is made as this one is */
	bool is_inside;
	struct prog_member inside;
};
const struct prog_shape *prog_shape(const struct prog *p);

#endif
