/* SPDX-License-Identifier: MIT */
/*
 * Between http.c, which makes requests and tells answers, and http_wire.c,
 * which has libcurl carry them, in a thread of its own if that was asked for.
 */
#ifndef RETL_HTTP_PRIVATE_H
#define RETL_HTTP_PRIVATE_H

#include <curl/curl.h>

#include "common/http.h"

/*
 * One request. Its memory and its easy handle are used again for the next. It
 * is the wire's from wire_start until wire_ended gives it back: nobody else
 * looks at it meanwhile.
 */
struct http_transfer {
	struct http *http;
	CURL *easy;
	struct curl_slist *headers;
	struct buf answer_headers, body;
	char error[CURL_ERROR_SIZE];
	bool too_large;
	bool headers_end;   /* the empty line behind them has come */
	bool repeatable;    /* libcurl may send it again by itself */
	bool begun;         /* it has been sent, or nearly so */
	int64_t started;    /* tick */
	int64_t timeout_ms; /* 0: none */
	int n_graces;
	CURLcode code; /* how it ended */
	size_t n_body, max_body;
	enum http_take (*data)(void *arg, long status, struct str headers,
			       struct str piece);
	http_done *done;
	void (*leaves)(void *arg, int64_t tick);
	void *arg;
	/* http.c's: in flight, or free (next alone). */
	struct http_transfer *prev, *next;
	/* The wire's. */
	struct http_transfer *wire_prev, *wire_next;
	struct http_transfer *next_left;
	int64_t left; /* tick; 0: not yet */
};

struct wire;

struct wire *wire_new(const struct http_opts *opts);
/* Whatever is under way is dropped. */
void wire_free(struct wire *w);

void wire_start(struct wire *w, struct http_transfer *t);
/* Drops it: without a thread. */
void wire_drop(struct wire *w, struct http_transfer *t);
/* With one: ends what has been started so far; wire_ended gives it. */
void wire_abort(struct wire *w);

/*
 * Goes on until something has happened, timeout_ms passed, or one of the n_fds
 * descriptors can be read (-1 is skipped).
 */
void wire_wait(struct wire *w, const int *fds, size_t n_fds, int timeout_ms);
/* One that has found its connection, as of t->left; NULL: no more. */
struct http_transfer *wire_left(struct wire *w);
/* One that is over; NULL: no more. What has left is taken before. */
struct http_transfer *wire_ended(struct wire *w);

/* For the wire: t has a connection and goes. */
void wire_leaves(struct wire *w, struct http_transfer *t);

#endif
