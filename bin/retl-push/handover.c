/* SPDX-License-Identifier: MIT */
#include "bin/retl-push/handover.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>

#include "common/mem.h"
#include "common/msg.h"

/*
 * So much lies between the two: some requests' worth, so that neither is woken
 * for each record, and not more than the second cache holds.
 */
#define ROOM_RECORDS 1024
#define ROOM_BYTES ((size_t)512 << 10)

struct handover {
	pthread_mutex_t lock; /* for all but the descriptors */
	pthread_cond_t room;
	struct chunk there;
	enum behind behind;
	struct rec_list back; /* what has come back */
	bool stop;
	bool wanted; /* the engine waits, or is about to */
	bool rung;
	int to_engine, to_reader; /* eventfd */
};

static int bell(void)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	if (fd < 0)
		die(EX_OSERR, "eventfd: %s", strerror(errno));
	return fd;
}

static void ring(int fd)
{
	if (eventfd_write(fd, 1) < 0)
		die(EX_OSERR, "eventfd: %s", strerror(errno));
}

struct handover *handover_new(void)
{
	struct handover *h = xcalloc(1, sizeof *h);

	pthread_mutex_init(&h->lock, NULL);
	pthread_cond_init(&h->room, NULL);
	h->to_engine = bell();
	h->to_reader = bell();
	return h;
}

void handover_free(struct handover *h)
{
	rec_list_free(&h->there.list);
	rec_list_free(&h->back);
	close(h->to_engine);
	close(h->to_reader);
	pthread_cond_destroy(&h->room);
	pthread_mutex_destroy(&h->lock);
	free(h);
}

/* ---- the reader ---- */

static bool is_full(const struct handover *h)
{
	return h->there.n >= ROOM_RECORDS || h->there.bytes >= ROOM_BYTES;
}

bool handover_put(struct handover *h, struct chunk *c, enum behind behind,
		  struct rec_list *pool)
{
	bool go_on;

	pthread_mutex_lock(&h->lock);
	if (h->wanted && !h->rung && (c->n || behind != h->behind)) {
		h->rung = true;
		ring(h->to_engine);
	}
	rec_list_move(&h->there.list, &c->list);
	h->there.n += c->n;
	h->there.bytes += c->bytes;
	h->behind = behind;
	while (is_full(h) && !h->stop && behind != BEHIND_END)
		pthread_cond_wait(&h->room, &h->lock);
	rec_list_move(pool, &h->back);
	go_on = !h->stop && behind != BEHIND_END;
	pthread_mutex_unlock(&h->lock);
	c->n = c->bytes = 0;
	return go_on;
}

void handover_wait(struct handover *h, int fd)
{
	struct pollfd p[] = { { fd, POLLIN, 0 }, { h->to_reader, POLLIN, 0 } };

	poll(p, ARRAY_LEN(p), -1);
}

/* ---- the engine ---- */

enum behind handover_take(struct handover *h, struct rec_list *all,
			  struct rec_list *pool)
{
	enum behind behind;
	eventfd_t unused;

	pthread_mutex_lock(&h->lock);
	if (h->rung)
		eventfd_read(h->to_engine, &unused);
	h->rung = false;
	h->wanted = !h->there.n;
	if (h->there.n)
		pthread_cond_signal(&h->room);
	rec_list_move(all, &h->there.list);
	h->there.n = h->there.bytes = 0;
	rec_list_move(&h->back, pool);
	behind = h->behind;
	pthread_mutex_unlock(&h->lock);
	return behind;
}

int handover_fd(const struct handover *h)
{
	return h->to_engine;
}

void handover_stop(struct handover *h)
{
	pthread_mutex_lock(&h->lock);
	h->stop = true;
	pthread_cond_signal(&h->room);
	pthread_mutex_unlock(&h->lock);
	ring(h->to_reader);
}
