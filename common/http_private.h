/* SPDX-License-Identifier: MIT */
/*
 * Between http.c, which takes requests and tells answers, http_tell.c, which
 * tells libcurl what is wanted, and http_wire.c, which has libcurl do it.
 */
#ifndef RETL_HTTP_PRIVATE_H
#define RETL_HTTP_PRIVATE_H

#include <curl/curl.h>

#include "common/http.h"

struct http {
	struct http_opts opts;
	struct wire *wire;
	struct http_transfer *idle;
	bool proxied;    /* the environment may name a proxy */
	char *encodings; /* a header line: what can be unpacked */
};

/* What an easy handle was told of the last request, and holds still. */
struct told {
	char *method;
	bool body;
	char *url;
	CURLU *parsed;
	struct curl_slist *headers;
	const char **lines; /* of the request at hand */
	size_t cap_lines;
	bool any, raw, heard;
};

/* One request. Its memory and its easy handle are used again for the next. */
struct http_transfer {
	struct http *http;
	CURL *easy;
	struct told told;
	struct buf answer_headers, body;
	char error[CURL_ERROR_SIZE];
	bool too_large;
	bool headers_end;   /* the empty line behind them has come */
	bool repeatable;    /* libcurl may send it again by itself */
	bool begun;         /* it has been sent, or nearly so */
	uint64_t stream;    /* HTTP/2, if what libcurl says is heard; 0 */
	bool refused;       /* the server says not to have looked at it */
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

/* ---- http.c, called by libcurl ---- */

size_t http_take_body(char *data, size_t one, size_t n, void *arg);
size_t http_take_header(char *data, size_t one, size_t n, void *arg);
int http_before_request(void *arg, char *to, char *from, int to_port,
			int from_port);

int http_hear(CURL *e, curl_infotype type, char *data, size_t n, void *arg);

/* ---- http_tell.c ---- */

void tell_first(struct http *h);
/* What holds for every request; t->easy is new. */
void tell_always(struct http_transfer *t);
/* A request that is about to start. */
void tell(struct http_transfer *t, const struct http_request *rq);
void tell_free(struct http_transfer *t); /* the easy handle is gone */

/* ---- http_wire.c ---- */

struct wire;

struct wire *wire_new(const struct http_opts *opts);
/* Nothing is under way any more. */
void wire_free(struct wire *w);

void wire_start(struct wire *w, struct http_transfer *t);
void wire_drop(struct wire *w, struct http_transfer *t);
/* One that is under way; NULL: there is none. */
struct http_transfer *wire_any(const struct wire *w);
/* The same of those that have no connection yet. */
struct http_transfer *wire_unsent(const struct wire *w);

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
