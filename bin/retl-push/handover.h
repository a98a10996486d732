/* SPDX-License-Identifier: MIT */
/*
 * Between the thread that reads and the engine: records go one way, those that
 * are done with come back. One of each side; whoever has to wait for the other
 * sleeps, the reader for room, the engine in poll(2), where it waits for all
 * else too.
 */
#ifndef RETL_PUSH_HANDOVER_H
#define RETL_PUSH_HANDOVER_H

#include "bin/retl-push/push.h"

struct handover;

/* What the reader finds behind what it gives. */
enum behind {
	BEHIND_MORE,
	BEHIND_SILENCE, /* nothing for now */
	BEHIND_END,     /* nothing any more */
};

struct handover *handover_new(void);
void handover_free(struct handover *h);

/* ---- the reader ---- */

struct chunk {
	struct rec_list list;
	size_t n, bytes; /* of these */
};

/*
 * Gives what is in c, which is empty then, and waits for room for the next.
 * Puts what has come back into *pool. False: read no more.
 */
bool handover_put(struct handover *h, struct chunk *c, enum behind behind,
		  struct rec_list *pool);
/* Waits until fd can be read, or nothing more is to be read. */
void handover_wait(struct handover *h, int fd);

/* ---- the engine ---- */

/*
 * Takes all that there is, and says what is behind it; if that is nothing,
 * handover_fd can be read when it has changed. What is in *pool goes back.
 */
enum behind handover_take(struct handover *h, struct rec_list *all,
			  struct rec_list *pool);
int handover_fd(const struct handover *h);
/* Has the reader's side end soon. */
void handover_stop(struct handover *h);

#endif
