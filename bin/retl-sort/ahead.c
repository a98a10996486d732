/* SPDX-License-Identifier: MIT */
#include "bin/retl-sort/ahead.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <time.h>

#include "common/mem.h"
#include "common/msg.h"
#include "common/thread.h"

struct ahead {
	struct ndjson *in;
	size_t chunk;
	bool mapped; /* all of the file is in the block */
	bool wants_thread, threaded;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed; /* anything below */

	char *block;
	size_t cap, touched;
	unsigned slow; /* how many huge pages took too long */
	/*
	 * Of the block: what the scanner has, and what has been read. Each is
	 * written by one thread, and looked at by the other without the lock,
	 * which is for waiting only.
	 */
	atomic_size_t taken, filled;
	atomic_bool ended; /* nothing comes behind filled: */
	int error;         /* 0: it was the end; else an errno */
	bool held;         /* the reader is to keep off */
	bool busy;         /* it is within read */
	bool asleep;       /* it waits for room */
	size_t wanted;     /* the scanner waits for so much; 0: it does not */
};

/* ---- reading ---- */

#define HUGE_PAGE ((uintptr_t)2 << 20)
/* Nobody who reads little tries, nor who has no room for one more. */
#define HUGE_BEHIND ((uintptr_t)16 << 20)
#define HUGE_WITHIN ((size_t)128 << 20)
#define HUGE_SLOW_NS 1000000 /* as small pages they would have taken less */
#define HUGE_TRIES 2

/* A favour: where it is not known, a fault for each page does it. */
static void ask_for(uintptr_t at, uintptr_t n)
{
	(void)madvise((void *)at, n, MADV_POPULATE_WRITE);
}

static int64_t thread_ns(void)
{
	struct timespec t;

	if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t) < 0)
		return 0;
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void ask_for_huge(struct ahead *a, uintptr_t at)
{
	int64_t begun = thread_ns();

	(void)madvise((void *)at, HUGE_PAGE, MADV_HUGEPAGE);
	ask_for(at, HUGE_PAGE);
	if (thread_ns() - begun > HUGE_SLOW_NS)
		a->slow++;
}

/* Asks for pages at .. to, or for some of them; returns how far it came. */
static uintptr_t ask_for_some(struct ahead *a, uintptr_t at, uintptr_t to)
{
	uintptr_t block = (uintptr_t)a->block;
	uintptr_t next = (at + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;

	if (a->slow < HUGE_TRIES && a->cap >= HUGE_WITHIN &&
	    at >= block + HUGE_BEHIND && next + HUGE_PAGE <= block + a->cap) {
		if (at == next) {
			ask_for_huge(a, at);
			return at + HUGE_PAGE;
		}
		to = MIN(to, next);
	}
	ask_for(at, to - at);
	return to;
}

/* Before n bytes are read behind filled. */
static void touch(struct ahead *a, size_t filled, size_t n)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	uintptr_t block = (uintptr_t)a->block, at, to;

	if (filled + n <= a->touched)
		return;
	at = (block + MAX(a->touched, filled)) / page * page;
	to = block +
	     MIN(atomic_load(&a->taken) + AHEAD_CHUNKS * a->chunk, a->cap);
	to = MAX(to, block + filled + n);
	while (at < to)
		at = ask_for_some(a, at, to);
	a->touched = at - block;
}

/* How much may be read now. */
static size_t room(const struct ahead *a)
{
	size_t filled = atomic_load(&a->filled), taken = atomic_load(&a->taken);
	size_t end = MIN(taken + AHEAD_CHUNKS * a->chunk, a->cap);

	return filled < end ? MIN(end - filled, a->chunk) : 0;
}

/* One read, which may wait. */
static void read_some(struct ahead *a, size_t n)
{
	size_t filled = atomic_load(&a->filled);
	ssize_t got;

	touch(a, filled, n);
	do
		got = read(a->in->fd, a->block + filled, n);
	while (got < 0 && errno == EINTR);
	if (got > 0) {
		atomic_store(&a->filled, filled + (size_t)got);
		return;
	}
	a->error = got < 0 ? errno : 0;
	atomic_store(&a->ended, true);
}

/* ---- beside the scanner ---- */

static void wait_for_data(const struct ahead *a)
{
	struct pollfd p = { .fd = a->in->fd, .events = POLLIN };

	(void)poll(&p, 1, -1);
}

/* With the lock: waits until it may read, and says how much. */
static size_t wait_for_room(struct ahead *a)
{
	size_t n;

	while (a->held || !(n = room(a))) {
		a->asleep = true;
		pthread_cond_wait(&a->changed, &a->lock);
	}
	a->asleep = false;
	return n;
}

static void *run(void *to)
{
	struct ahead *a = to;

	while (!atomic_load(&a->ended)) {
		size_t n;

		/*
		 * What waits for a slow producer is poll and not read, since a
		 * read has a place in a block and could not be called back when
		 * the block is to be sorted.
		 */
		wait_for_data(a);
		pthread_mutex_lock(&a->lock);
		n = wait_for_room(a);
		a->busy = true;
		pthread_mutex_unlock(&a->lock);
		read_some(a, n);
		pthread_mutex_lock(&a->lock);
		a->busy = false;
		if (a->held || atomic_load(&a->ended) ||
		    (a->wanted && atomic_load(&a->filled) >= a->wanted))
			pthread_cond_broadcast(&a->changed);
		pthread_mutex_unlock(&a->lock);
	}
	return NULL;
}

/* ---- the scanner ---- */

/* n bytes more than it has, or the end. */
static void wait_for_text(struct ahead *a, size_t taken, size_t n)
{
	pthread_mutex_lock(&a->lock);
	a->wanted = taken + n;
	if (a->asleep)
		pthread_cond_broadcast(&a->changed);
	while (atomic_load(&a->filled) < a->wanted && !atomic_load(&a->ended))
		pthread_cond_wait(&a->changed, &a->lock);
	a->wanted = 0;
	pthread_mutex_unlock(&a->lock);
}

static void wake_reader(struct ahead *a)
{
	pthread_mutex_lock(&a->lock);
	if (a->asleep)
		pthread_cond_broadcast(&a->changed);
	pthread_mutex_unlock(&a->lock);
}

/*
 * Gives whole chunks as long as there are any, whatever the pace of the input:
 * nobody waits for the first records, and what fits into a block depends on
 * nothing but the bytes.
 */
static ssize_t pull(struct ndjson *r, void *p, size_t n)
{
	struct ahead *a = r->pull_from;
	size_t taken = (size_t)((char *)p - a->block), there;

	if (!a->threaded)
		while (atomic_load(&a->filled) - taken < n &&
		       !atomic_load(&a->ended))
			read_some(a, room(a));
	else if (atomic_load(&a->filled) - taken < n)
		wait_for_text(a, taken, n);
	there = atomic_load(&a->filled) - taken;
	if (!there)
		return a->error ? ndjson_read_failed(r, a->error) : 0;
	n = MIN(n, there);
	atomic_store(&a->taken, taken + n);
	if (a->threaded && there - n <= AHEAD_CHUNKS / 2 * a->chunk)
		wake_reader(a);
	return (ssize_t)n;
}

struct ahead *ahead_start(struct ndjson *in, size_t chunk, bool threaded)
{
	struct ahead *a = xcalloc(1, sizeof *a);

	a->in = in;
	a->chunk = chunk;
	in->pull = pull;
	in->pull_from = a;
	pthread_mutex_init(&a->lock, NULL);
	pthread_cond_init(&a->changed, NULL);
	a->wants_thread = threaded;
	return a;
}

/* Nothing is read until the lock is free again. */
static void hold(struct ahead *a)
{
	if (!a->threaded)
		return;
	pthread_mutex_lock(&a->lock);
	a->held = true;
	while (a->busy)
		pthread_cond_wait(&a->changed, &a->lock);
}

static void let_go(struct ahead *a)
{
	if (!a->threaded)
		return;
	a->held = false;
	pthread_cond_broadcast(&a->changed);
	pthread_mutex_unlock(&a->lock);
}

/* The other block will be read into. */
static void stop_mapping(struct ahead *a, size_t taken)
{
	if (lseek(a->in->fd, (off_t)taken, SEEK_SET) < 0)
		die(EX_IOERR, "%s: %s",
		    a->in->name ? a->in->name : "standard input",
		    strerror(errno));
	atomic_store(&a->filled, taken);
	atomic_store(&a->ended, false);
	a->mapped = false;
}

static bool map(struct ahead *a, char *block, size_t cap, struct mapped *m)
{
	if (m)
		mapped_take(m, a->in, block, cap);
	if (!m || !m->size)
		return false;
	ndjson_lend(a->in, block, cap, a->chunk);
	a->block = block;
	a->cap = cap;
	a->mapped = true;
	atomic_store(&a->filled, m->size);
	atomic_store(&a->ended, true);
	return true;
}

void ahead_lend(struct ahead *a, char *block, size_t cap, size_t touched,
		struct mapped *m)
{
	size_t taken = ndjson_filled(a->in), given, more;

	if (!a->block && map(a, block, cap, m))
		return;
	if (a->mapped)
		stop_mapping(a, taken);
	hold(a);
	more = atomic_load(&a->filled) - taken;
	ndjson_lend(a->in, block, cap, a->chunk);
	given = ndjson_filled(a->in);
	if (more)
		memmove(block + given, a->block + taken, more);
	a->block = block;
	a->cap = cap;
	a->touched = MAX(touched, given + more);
	atomic_store(&a->taken, given);
	atomic_store(&a->filled, given + more);
	let_go(a);
	if (a->wants_thread && !a->threaded)
		a->threaded = thread_start(&a->thread, run, a);
	a->wants_thread = a->threaded;
}

void ahead_end(struct ahead *a)
{
	/* Who has the same descriptor finds it where reading leaves it. */
	if (a->mapped)
		(void)lseek(a->in->fd, 0, SEEK_END);
	if (a->threaded)
		pthread_join(a->thread, NULL);
	pthread_mutex_destroy(&a->lock);
	pthread_cond_destroy(&a->changed);
	free(a);
}
