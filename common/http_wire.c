/* SPDX-License-Identifier: MIT */
/*
 * The side of libcurl: one turn after the other it starts what is to be sent,
 * waits, and tells libcurl which sockets are ready.
 */
#include "common/http_private.h"

#include <poll.h>

#include "common/clock.h"
#include "common/mem.h"
#include "common/msg.h"

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
	struct http_transfer *done; /* seen before a wait, and not yet told */
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

void wire_start(struct wire *w, struct http_transfer *t)
{
	t->prev = NULL;
	t->next = w->active;
	if (w->active)
		w->active->prev = t;
	w->active = t;
	if (t->timeout_ms)
		w->first_end = MIN(w->first_end, t->started + t->timeout_ms);
	if (curl_multi_add_handle(w->multi, t->easy) != CURLM_OK)
		die(EX_OSERR, "libcurl does not take another request");
}

void wire_drop(struct wire *w, struct http_transfer *t)
{
	curl_multi_remove_handle(w->multi, t->easy);
	if (t->prev)
		t->prev->next = t->next;
	else
		w->active = t->next;
	if (t->next)
		t->next->prev = t->prev;
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
	wire_drop(w, t);
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
	for (struct http_transfer *t = w->active; t; t = t->next) {
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
	return w;
}

void wire_free(struct wire *w)
{
	curl_multi_cleanup(w->multi);
	free(w->sockets);
	free(w->poll);
	free(w);
}

struct http_transfer *wire_any(const struct wire *w)
{
	return w->active;
}

struct http_transfer *wire_unsent(const struct wire *w)
{
	struct http_transfer *t = w->active;

	while (t && t->begun)
		t = t->next;
	return t;
}

void wire_go(struct wire *w)
{
	run_due(w);
}

void wire_wait(struct wire *w, const int *fds, size_t n_fds, int timeout_ms)
{
	wire_go(w);
	w->done = next_done(w);
	if (!w->done)
		turn(w, fds, n_fds, timeout_ms);
}

struct http_transfer *wire_ended(struct wire *w)
{
	struct http_transfer *t = w->done;

	w->done = NULL;
	return t ? t : next_done(w);
}
