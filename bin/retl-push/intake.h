/* SPDX-License-Identifier: MIT */
/*
 * The reading side: from lines to records that are checked, settled and know
 * their keys, or to what is to be said of a line instead. It takes nothing from
 * the engine and decides nothing that depends on what has been sent: what comes
 * of a line is the same whenever it is read. That is half of what is done for a
 * record, and may be done in a thread of its own.
 */
#ifndef RETL_PUSH_INTAKE_H
#define RETL_PUSH_INTAKE_H

#include "bin/retl-push/push.h"

struct intake_opts {
	const struct config *cfg;
	bool threaded; /* lines are read and checked in a thread of its own */
	const struct delivery *d;
	struct contract *contract;
};

struct intake;

/* path NULL or "-": stdin. Ends the program (66) if it cannot be opened. */
struct intake *intake_open(const struct intake_opts *o, const char *path);
void intake_free(struct intake *in);

/*
 * The next line's record, which belongs to the caller; NULL: there is none yet,
 * or, if intake_ended says so, there will be none. What lies in *pool may be
 * taken for records to come.
 */
struct rec *intake_next(struct intake *in, struct rec_list *pool);
/* To be waited for after NULL: when it can be read there may be more. */
int intake_fd(const struct intake *in);
/* After NULL: does the other side have nothing for us at the moment? */
bool intake_is_silent(const struct intake *in);

struct intake_end {
	bool sealed;
	int status;      /* EX_... if the stream is broken */
	const char *why; /* words for that, else NULL */
};
/* NULL: not yet. */
const struct intake_end *intake_ended(const struct intake *in);

/*
 * Reads no more: whoever writes to our standard input is to know. intake_next
 * gives what has been read.
 */
void intake_stop(struct intake *in);

/* "line 17" or "FILE:17" */
void intake_place(const struct intake *in, uint64_t line, struct buf *out);

#endif
