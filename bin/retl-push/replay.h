/* SPDX-License-Identifier: MIT */
/*
 * Sending what a dry run has shown, and people have looked at: each line of
 * it is one request, made again from the line and the contract. What the
 * contract makes of answers, retries and limits holds as ever; the records
 * themselves are no longer there, so that a line is one thing: it is neither
 * split nor sent in part. One line is under way at a time, in the order of the
 * file: what keeps changes of one key apart is not known.
 *
 * A line is an address, headers and a body that somebody may have edited. It
 * must still fit the contract's templates: it cannot lead to another server,
 * add a header, or take a secret anywhere but to its own place.
 */
#ifndef RETL_PUSH_REPLAY_H
#define RETL_PUSH_REPLAY_H

#include "bin/retl-push/push.h"

/*
 * Before anything is sent: can all lines be? -1: messages have said which
 * cannot, and why.
 */
int replay_check(struct push *p);
/* Takes a line; false: it has to wait, and stays where it is. */
bool replay_take(struct push *p, struct str line, uint64_t line_no);
/* As request_build, for a flow that replay_take has made. */
enum built replay_build(struct flow *f);
void replay_release(struct push *p);

#endif
