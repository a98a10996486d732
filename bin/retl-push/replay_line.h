/* SPDX-License-Identifier: MIT */
/* A line of a dry run that is to be replayed: what it says, and may it be? */
#ifndef RETL_PUSH_REPLAY_LINE_H
#define RETL_PUSH_REPLAY_LINE_H

#include "bin/retl-push/push.h"

/* What a line says; JSON values that borrow from it. */
struct replay_line {
	struct str to, method, url, headers, body, ids, lines, results;
	const struct operation *op;    /* as it is carried out */
	const struct operation *shown; /* the same, secrets as placeholders */
	size_t n;                      /* records */
};

/* line is a JSON object. -1: err says why it cannot be replayed. */
int replay_line_read(struct push *p, struct str line, struct replay_line *l,
		     struct buf *err);

/* The kind of change that v, a JSON value, names. */
enum diff_result replay_kind(struct str v);

#endif
