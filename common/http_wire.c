/* SPDX-License-Identifier: MIT */
/*
 * The side of libcurl: one turn after the other it starts what is to be sent,
 * waits, and tells libcurl which sockets are ready. http_wait takes these
 * turns itself, or a thread does. The two sides then share four lists, under
 * one lock, and whoever waits has a bell:
 *
 *	to start   http.c -> wire      left, ended   wire -> http.c
 *
 * What such a thread is worth: libcurl, TLS and the kernel's work for a socket
 * take as long for a request of 100 records as all the rest, and with a
 * processor for each the two go on side by side.
 */
#include "common/http_private.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>

#include "common/clock.h"
#include "common/mem.h"
#include "common/msg.h"
#include "common/thread.h"

/* Descriptors of the caller that are watched beside libcurl's. */
#define MAX_FDS 4

/*
 * Whoever looks at a request so long after its time was over, has been away: it
 * was stopped, or had to wait for something else. The answer may be there, so
 * it is looked for, for so long, and not often: a request that is given up is
 * sent a second time.
 */
#define AWAY_MS 300
#define GRACE_MS 2000
#define MAX_GRACES 3
#define GRACE_STEP_MS 250

/* Wakes a side that waits in poll(2). The flags are under the lock. */
struct bell {
	int fd;
	bool wanted; /* somebody waits, or is about to */
	bool rung;
};

struct queue {
	struct http_transfer *first, **end; /* by wire_next */
};

struct wire {
	CURLM *multi;
	struct http_transfer *active; /* that libcurl has; both ways */
	/* What libcurl waits for: sockets, and a time. */
	struct pollfd *sockets;
	size_t n_sockets, cap_sockets;
	struct pollfd *poll; /* of one wait: as many, and MAX_FDS */
	int64_t due;         /* tick, INT64_MAX: none */
	int64_t first_end;   /* tick at which the first has no time any more */
	bool graced;         /* some have been given more */

	struct http_transfer *told_left, *told_ended; /* for http.c */

	bool threaded;
	pthread_t thread;
	pthread_mutex_t lock; /* for all that follows */
	struct queue start, ended;
	struct http_transfer *left; /* by next_left, latest first */
	bool abort, stop;
	struct bell to_wire, to_http;
};

/* ---- what libcurl waits for ---- */

static size_t find_socket(const struct wire *w, curl_socket_t fd)
{
	size_t i = 0;

	while (i < w->n_sockets && w->sockets[i].fd != fd)
		i++;
	return i;
}

static int watch(CURL *e, curl_socket_t fd, int what, void *arg, void *unused)
{
	struct wire *w = arg;
	size_t i = find_socket(w, fd);

	(void)e;
	(void)unused;
	if (what == CURL_POLL_REMOVE) {
		if (i < w->n_sockets)
			w->sockets[i] = w->sockets[--w->n_sockets];
		return 0;
	}
	if (i == w->n_sockets) {
		if (w->n_sockets == w->cap_sockets) {
			w->cap_sockets = MAX(2 * w->cap_sockets, 16);
			w->sockets = xreallocarray(w->sockets, w->cap_sockets,
						   sizeof *w->sockets);
			w->poll = xreallocarray(
			    w->poll, w->cap_sockets + MAX_FDS, sizeof *w->poll);
		}
		w->sockets[w->n_sockets++] = (struct pollfd){ .fd = fd };
	}
	w->sockets[i].events = (short)((what & CURL_POLL_IN ? POLLIN : 0) |
				       (what & CURL_POLL_OUT ? POLLOUT : 0));
	return 0;
}

static int set_timer(CURLM *multi, long timeout_ms, void *arg)
{
	struct wire *w = arg;

	(void)multi;
	w->due = timeout_ms < 0 ? INT64_MAX : clock_tick_ms() + timeout_ms;
	return 0;
}

/* ---- what is under way ---- */

static void add(struct wire *w, struct http_transfer *t)
{
	t->wire_prev = NULL;
	t->wire_next = w->active;
	if (w->active)
		w->active->wire_prev = t;
	w->active = t;
	if (t->timeout_ms)
		w->first_end = MIN(w->first_end, t->started + t->timeout_ms);
	if (curl_multi_add_handle(w->multi, t->easy) != CURLM_OK)
		die(EX_OSERR, "libcurl does not take another request");
}

static void take_out(struct wire *w, struct http_transfer *t)
{
	curl_multi_remove_handle(w->multi, t->easy);
	if (t->wire_prev)
		t->wire_prev->wire_next = t->wire_next;
	else
		w->active = t->wire_next;
	if (t->wire_next)
		t->wire_next->wire_prev = t->wire_prev;
}

/* One that libcurl is done with. */
static struct http_transfer *next_done(struct wire *w)
{
	struct http_transfer *t = NULL;
	struct CURLMsg *m;
	int left;

	do {
		m = curl_multi_info_read(w->multi, &left);
		if (!m)
			return NULL;
	} while (m->msg != CURLMSG_DONE);
	curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&t);
	t->code = m->data.result;
	take_out(w, t);
	t->wire_next = NULL;
	return t;
}

/* ---- a turn ---- */

static void give_time(struct wire *w)
{
	int64_t tick = clock_tick_ms();

	if (LIKELY(tick <= w->first_end || tick - w->first_end <= AWAY_MS))
		return;
	w->first_end = INT64_MAX;
	w->graced = false;
	for (struct http_transfer *t = w->active; t; t = t->wire_next) {
		if (!t->timeout_ms)
			continue;
		if (tick > t->started + t->timeout_ms + AWAY_MS &&
		    t->n_graces++ < MAX_GRACES) {
			t->timeout_ms = tick - t->started + GRACE_MS;
			curl_easy_setopt(t->easy, CURLOPT_TIMEOUT_MS,
					 (long)t->timeout_ms);
		}
		w->graced |= t->n_graces > 0;
		w->first_end = MIN(w->first_end, t->started + t->timeout_ms);
	}
}

static void run_due(struct wire *w)
{
	int running;

	give_time(w);
	if (w->due > clock_tick_ms())
		return;
	w->due = INT64_MAX;
	curl_multi_socket_action(w->multi, CURL_SOCKET_TIMEOUT, 0, &running);
}

static int curl_mask(short revents)
{
	return (revents & POLLIN ? CURL_CSELECT_IN : 0) |
	       (revents & POLLOUT ? CURL_CSELECT_OUT : 0) |
	       (revents & (POLLERR | POLLHUP | POLLNVAL) ? CURL_CSELECT_ERR
							 : 0);
}

/*
 * Told which sockets are ready, libcurl looks at no other: with
 * curl_multi_perform it asks the kernel for each that is open, twice a round.
 */
static void turn(struct wire *w, const int *fds, size_t n_fds, int timeout_ms)
{
	size_t n_sockets, n = w->n_sockets;
	int running;

	if (w->due != INT64_MAX)
		timeout_ms =
		    (int)MIN(timeout_ms, MAX(w->due - clock_tick_ms(), 0));
	if (n)
		memcpy(w->poll, w->sockets, n * sizeof *w->poll);
	for (size_t i = 0; i < n_fds && i < MAX_FDS; i++)
		if (fds[i] >= 0)
			w->poll[n++] =
			    (struct pollfd){ .fd = fds[i], .events = POLLIN };
	/* libcurl's own clock has rung for them already. */
	if (w->graced)
		timeout_ms = MIN(timeout_ms, GRACE_STEP_MS);
	n_sockets = w->n_sockets;
	if (poll(w->poll, n, timeout_ms) <= 0 && !w->graced)
		n_sockets = 0;
	give_time(w);
	/* By its place: what libcurl opens meanwhile may move w->poll. */
	for (size_t i = 0; i < n_sockets; i++)
		if (w->poll[i].revents || w->graced)
			curl_multi_socket_action(w->multi, w->poll[i].fd,
						 curl_mask(w->poll[i].revents),
						 &running);
	run_due(w);
}

/* ---- the thread ---- */

static void put(struct queue *q, struct http_transfer *t)
{
	t->wire_next = NULL;
	*q->end = t;
	q->end = &t->wire_next;
}

static struct http_transfer *take_all(struct queue *q)
{
	struct http_transfer *t = q->first;

	q->first = NULL;
	q->end = &q->first;
	return t;
}

/* With the lock; what is to be seen has been put there. */
static void ring(struct bell *b)
{
	if (!b->wanted || b->rung)
		return;
	b->rung = true;
	if (eventfd_write(b->fd, 1) < 0)
		die(EX_OSERR, "eventfd: %s", strerror(errno));
}

/* With the lock: nobody waits any more. */
static void hush(struct bell *b)
{
	eventfd_t unused;

	b->wanted = false;
	if (b->rung)
		eventfd_read(b->fd, &unused);
	b->rung = false;
}

static void end_all(struct wire *w, struct queue *ended)
{
	struct http_transfer *t;

	while ((t = w->active)) {
		t->code = CURLE_ABORTED_BY_CALLBACK;
		take_out(w, t);
		put(ended, t);
	}
}

/* Starts what has come, and tells what has ended; false: that was all. */
static bool exchange(struct wire *w)
{
	struct http_transfer *t, *next;
	struct queue ended;
	bool abort, stop;

	pthread_mutex_lock(&w->lock);
	hush(&w->to_wire);
	t = take_all(&w->start);
	abort = w->abort;
	stop = w->stop;
	w->abort = false;
	pthread_mutex_unlock(&w->lock);

	for (; t; t = next) {
		next = t->wire_next;
		add(w, t);
	}
	run_due(w);
	take_all(&ended);
	while ((t = next_done(w)))
		put(&ended, t);
	if (abort)
		end_all(w, &ended);

	pthread_mutex_lock(&w->lock);
	if (ended.first) {
		*w->ended.end = ended.first;
		w->ended.end = ended.end;
		ring(&w->to_http);
	}
	/* Not to sleep over what has come meanwhile. */
	w->to_wire.wanted = true;
	if (w->start.first || w->abort || w->stop)
		ring(&w->to_wire);
	pthread_mutex_unlock(&w->lock);
	return !stop;
}

static void *carry(void *arg)
{
	struct wire *w = arg;

	while (exchange(w))
		turn(w, &w->to_wire.fd, 1, 60000);
	return NULL;
}

static void start_thread(struct wire *w)
{
	pthread_mutex_init(&w->lock, NULL);
	w->to_wire.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	w->to_http.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (w->to_wire.fd < 0 || w->to_http.fd < 0)
		die(EX_OSERR, "eventfd: %s", strerror(errno));
	if (!thread_start(&w->thread, carry, w))
		die(EX_OSERR, "no more threads");
}

static void end_thread(struct wire *w)
{
	pthread_mutex_lock(&w->lock);
	w->stop = true;
	ring(&w->to_wire);
	pthread_mutex_unlock(&w->lock);
	pthread_join(w->thread, NULL);
	close(w->to_wire.fd);
	close(w->to_http.fd);
	pthread_mutex_destroy(&w->lock);
}

/* ---- for http.c ---- */

struct wire *wire_new(const struct http_opts *opts)
{
	struct wire *w = xcalloc(1, sizeof *w);

	w->multi = curl_multi_init();
	if (!w->multi)
		die(EX_OSERR, "out of memory");
	curl_multi_setopt(w->multi, CURLMOPT_MAXCONNECTS,
			  (long)opts->n_connections);
	curl_multi_setopt(w->multi, CURLMOPT_PIPELINING,
			  (long)CURLPIPE_MULTIPLEX);
	curl_multi_setopt(w->multi, CURLMOPT_SOCKETFUNCTION, watch);
	curl_multi_setopt(w->multi, CURLMOPT_SOCKETDATA, w);
	curl_multi_setopt(w->multi, CURLMOPT_TIMERFUNCTION, set_timer);
	curl_multi_setopt(w->multi, CURLMOPT_TIMERDATA, w);
	w->due = w->first_end = INT64_MAX;
	w->poll = xcalloc(MAX_FDS, sizeof *w->poll);
	take_all(&w->start);
	take_all(&w->ended);
	w->threaded = opts->threaded;
	if (w->threaded)
		start_thread(w);
	return w;
}

void wire_free(struct wire *w)
{
	if (w->threaded)
		end_thread(w);
	while (w->active)
		take_out(w, w->active);
	curl_multi_cleanup(w->multi);
	free(w->sockets);
	free(w->poll);
	free(w);
}

void wire_start(struct wire *w, struct http_transfer *t)
{
	t->left = 0;
	if (!w->threaded) {
		add(w, t);
		return;
	}
	pthread_mutex_lock(&w->lock);
	put(&w->start, t);
	ring(&w->to_wire);
	pthread_mutex_unlock(&w->lock);
}

void wire_drop(struct wire *w, struct http_transfer *t)
{
	if (w->threaded)
		BUG("a request is dropped that another thread has");
	take_out(w, t);
}

void wire_abort(struct wire *w)
{
	pthread_mutex_lock(&w->lock);
	w->abort = true;
	ring(&w->to_wire);
	pthread_mutex_unlock(&w->lock);
}

/* Takes over what the other thread has told; true: there is something. */
static bool take_told(struct wire *w)
{
	w->told_left = w->left;
	w->left = NULL;
	w->told_ended = take_all(&w->ended);
	return w->told_left || w->told_ended;
}

static void wait_for_thread(struct wire *w, const int *fds, size_t n_fds,
			    int timeout_ms)
{
	struct pollfd p[1 + MAX_FDS] = { { w->to_http.fd, POLLIN, 0 } };
	nfds_t n = 1;
	bool any;

	pthread_mutex_lock(&w->lock);
	any = take_told(w);
	w->to_http.wanted = !any && timeout_ms;
	pthread_mutex_unlock(&w->lock);
	if (any || !timeout_ms)
		return;
	for (size_t i = 0; i < n_fds && i < MAX_FDS; i++)
		if (fds[i] >= 0)
			p[n++] =
			    (struct pollfd){ .fd = fds[i], .events = POLLIN };
	poll(p, n, timeout_ms);
	pthread_mutex_lock(&w->lock);
	hush(&w->to_http);
	take_told(w);
	pthread_mutex_unlock(&w->lock);
}

void wire_wait(struct wire *w, const int *fds, size_t n_fds, int timeout_ms)
{
	if (w->threaded) {
		wait_for_thread(w, fds, n_fds, timeout_ms);
		return;
	}
	/* What was just handed in gets going before we wait. */
	run_due(w);
	w->told_ended = next_done(w);
	if (!w->told_ended)
		turn(w, fds, n_fds, timeout_ms);
	w->told_left = w->left;
	w->left = NULL;
}

struct http_transfer *wire_left(struct wire *w)
{
	struct http_transfer *t = w->told_left;

	if (t)
		w->told_left = t->next_left;
	return t;
}

struct http_transfer *wire_ended(struct wire *w)
{
	struct http_transfer *t = w->told_ended;

	if (t)
		w->told_ended = t->wire_next;
	else if (!w->threaded)
		/* One by one: what is made of it may drop the next. */
		t = next_done(w);
	return t;
}

void wire_leaves(struct wire *w, struct http_transfer *t)
{
	if (t->left)
		return;
	t->left = clock_tick_ms();
	if (w->threaded)
		pthread_mutex_lock(&w->lock);
	t->next_left = w->left;
	w->left = t;
	if (w->threaded) {
		ring(&w->to_http);
		pthread_mutex_unlock(&w->lock);
	}
}
