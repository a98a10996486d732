/* SPDX-License-Identifier: MIT */
/*
 * Worker processes. Batches of lines go to them in memory that is shared; what
 * they make of a batch comes back in the same way. They are processes and not
 * threads because libjq can neither be interrupted nor trusted with everything:
 * a worker that takes too long, or too much memory, ends itself by its own
 * clock, and another one goes on behind the last record that was finished.
 */
#ifndef RETL_CREW_H
#define RETL_CREW_H

#include <stdatomic.h>

#include "common/buf.h"
#include "common/guard.h"

#define CREW_LINES 4096

struct crew_line {
	size_t at, n; /* in crew_slot.in */
	uint64_t no;
};

/* What is finished of a batch. */
struct crew_progress {
	uint32_t done;        /* lines */
	uint32_t n_out;       /* records in out */
	size_t out_len, told; /* bytes of crew_slot.out and .tell */
};

/* One batch, and room for what becomes of it. */
struct crew_slot {
	struct crew_line line[CREW_LINES];
	uint32_t n;
	char *in, *out, *tell; /* the same address in every process */
	size_t in_cap, out_cap, tell_cap;
	/* The worker's: p[cur] holds, however it ends. */
	struct crew_progress p[2];
	atomic_uint cur;
	atomic_uint cause; /* enum guard_cause, where its clock ended it */
	struct guard guard;
};

static inline struct crew_progress *crew_progress(struct crew_slot *s)
{
	return &s->p[atomic_load(&s->cur)];
}

enum crew_state {
	CREW_EMPTY,
	CREW_QUEUED,
	CREW_AT_WORK,
	CREW_PART, /* what is there so far must be taken, then crew_go_on */
	CREW_DONE,
};

struct crew_worker {
	pid_t pid;
	int fd;
	ssize_t slot; /* at work on it, or -1 */
};

struct crew {
	unsigned n, n_slots;
	struct crew_worker *w;
	struct crew_slot **slot;
	enum crew_state *state; /* of each slot */
	/* Runs in a worker: goes on with the slot from its progress. */
	void (*work)(void *arg, struct crew_slot *s);
	void *arg;
	void (*in_worker)(void *arg); /* once, when one begins; may be NULL */
	size_t max_line;
	unsigned limit_ms;
};

/* n, max_line, limit_ms, work and arg are set. Starts nobody yet. */
void crew_init(struct crew *c);
/* Ends all workers, and waits for them. */
void crew_release(struct crew *c);

/* Hands queued slots, from first on in their order, to who has time. */
void crew_dispatch(struct crew *c, unsigned first);
bool crew_has_time(const struct crew *c);

/*
 * Waits until a worker reports, or, with fd >= 0, until that can be read. A
 * worker that died is replaced, and its slot given to the next.
 */
void crew_wait(struct crew *c, int fd);

/* A slot in CREW_PART whose output has been taken. */
void crew_go_on(struct crew *c, unsigned slot);
/* A slot in CREW_DONE that has been taken: it is empty again. */
void crew_recycle(struct crew *c, unsigned slot);

/* ---- in a worker ---- */

/* Another record begins: the clock is set to zero. */
void crew_beat(struct crew_slot *s);
/* p is what is finished now, all at once. */
void crew_commit(struct crew_slot *s, struct crew_progress p);
/* Waits until what is finished has been taken; then nothing is. */
void crew_hand_over(struct crew_slot *s);
/* Ends this worker: what is committed is the last of it. */
NORETURN void crew_leave(void);

#endif
