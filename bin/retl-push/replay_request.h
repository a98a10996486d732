/* SPDX-License-Identifier: MIT */
/*
 * The request of a line that is replayed, made from the line and the contract:
 * what of it fits the contract's templates is taken over, secrets are put into
 * their places. -1: err says what of the line does not fit.
 */
#ifndef RETL_PUSH_REPLAY_REQUEST_H
#define RETL_PUSH_REPLAY_REQUEST_H

#include "bin/retl-push/replay_line.h"

/* Appends to out; NULL: only looks. */
int replay_make_url(struct push *p, const struct replay_line *l,
		    struct buf *out, struct buf *err);
/* Before there are credentials: could replay_make_headers? */
int replay_check_headers(struct push *p, const struct replay_line *l,
			 struct buf *err);
/* Appends lines "name: value" and LF; body is that of the request. */
int replay_make_headers(struct push *p, const struct replay_line *l,
			struct str body, struct buf *out, struct buf *err);
int replay_make_body(struct push *p, const struct replay_line *l,
		     struct buf *out, struct buf *err);

#endif
