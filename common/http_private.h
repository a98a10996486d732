/* SPDX-License-Identifier: MIT */
/*
 * Between http.c, which makes requests and tells answers, and http_wire.c,
 * which has libcurl carry them.
 */
#ifndef RETL_HTTP_PRIVATE_H
#define RETL_HTTP_PRIVATE_H

#include <curl/curl.h>

#include "common/http.h"

/* One request. Its memory and its easy handle are used again for the next. */
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
	/* Under way, which is the wire's list; or idle (next alone). */
	struct http_transfer *prev, *next;
};

struct wire;

struct wire *wire_new(const struct http_opts *opts);
/* Nothing is under way any more. */
void wire_free(struct wire *w);

void wire_start(struct wire *w, struct http_transfer *t);
void wire_drop(struct wire *w, struct http_transfer *t);
/* One that is under way; NULL: there is none. */
struct http_transfer *wire_any(const struct wire *w);

/* What has been started gets going. */
void wire_go(struct wire *w);
/*
 * Goes on until something has happened, timeout_ms passed, or one of the n_fds
 * descriptors can be read (-1 is skipped).
 */
void wire_wait(struct wire *w, const int *fds, size_t n_fds, int timeout_ms);
/* One that is over; NULL: no more. */
struct http_transfer *wire_ended(struct wire *w);

#endif
