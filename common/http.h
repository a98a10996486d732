/* SPDX-License-Identifier: MIT */
/*
 * HTTP over libcurl's multi interface: requests are handed in, http_wait runs
 * them all and calls back with each answer; whatever calls back does so from
 * there.
 *
 * What always holds: TLS is verified; redirects are not followed; the path
 * goes out as it is written (no squashing of dots); the answer is bounded in
 * size, also after decompression, and in time; connections are kept alive,
 * and shared by HTTP/2 streams; proxies are taken from the environment as curl
 * does.
 *
 * A body is collected, or handed on in pieces as it comes (data): then whoever
 * takes it can pause the transfer, which holds up the sender, so that a body
 * of any size needs no memory.
 */
#ifndef RETL_HTTP_H
#define RETL_HTTP_H

#include "common/buf.h"

struct http;

struct http_opts {
	const char *cacert; /* file of CA certificates, NULL: the system's */
	/* Who we are, if a server asks: files in PEM; key NULL: in cert. */
	const char *cert, *key;
	size_t max_body;      /* bytes of an answer's body */
	long connect_ms;      /* for connecting, TLS included */
	long timeout_ms;      /* for a whole request */
	size_t n_connections; /* kept open at most */
	/*
	 * HTTP/1.1 only, a connection for each request: for bodies that get
	 * paused, which HTTP/2 would gather in memory up to its window.
	 */
	bool http1;
};

enum http_take {
	HTTP_TAKEN,
	HTTP_PAUSE, /* nothing was taken: again after http_resume */
	HTTP_STOP,  /* the rest is not wanted: the answer is cut */
};

struct http_request {
	const char *method;
	const char *url;
	/*
	 * "Name: value", n_headers of them. Without a value: no such header,
	 * also where libcurl has one of its own.
	 */
	const char *const *headers;
	size_t n_headers;
	struct str body; /* .s NULL: none */
	/*
	 * Never on a connection that was used before: libcurl sends a request
	 * again by itself when a kept connection turns out to be dead, which
	 * some requests cannot have.
	 */
	bool fresh;
	/*
	 * Called once, when there is a connection for it and it goes, which is
	 * when tick says; may be NULL.
	 */
	void (*leaves)(void *arg, int64_t tick);
	/*
	 * Takes pieces of the body, whatever the status is; the answer has
	 * none then. NULL: the body is collected.
	 */
	enum http_take (*data)(void *arg, long status, struct str headers,
			       struct str piece);
	size_t max_body; /* of this answer; 0: as http_opts has it */
	/*
	 * Instead of a limit for the whole request, how long nothing may come
	 * (a pause does not count); 0: timeout_ms holds.
	 */
	long silence_ms;
	/* As it is stored: no compression is asked for, or undone. */
	bool raw;
};

enum http_failure {
	HTTP_OK, /* an answer came, whatever its status */
	/*
	 * Nothing of the request left; or, if it was fresh, the server says not
	 * to have looked at it (HTTP/2).
	 */
	HTTP_UNREACHABLE,
	HTTP_UNTRUSTED, /* TLS: the other side's certificate is not good */
	HTTP_BAD_CERT,  /* our own certificate, or its key, cannot be used */
	HTTP_LOST,      /* it began to leave; no whole answer came */
	HTTP_BAD_URL,   /* it cannot be sent at all */
};

struct http_answer {
	enum http_failure failure;
	const char *why; /* words for failure, "" if there is none */
	long status;     /* 0: not even that came */
	struct str body; /* at most max_body */
	/* The body is not whole: past its ceiling, cut off, or not decodable.
	 */
	bool cut;
	/* No length, no chunks: only that it closed says that it is whole. */
	bool open_end;
	struct str headers; /* "name: value" lines, LF between, of the answer */
	const char *url;
	int64_t took_ms;
};

/* The answer is borrowed for the length of the call. */
typedef void http_done(void *arg, const struct http_answer *answer);

struct http *http_new(const struct http_opts *opts, struct buf *err);
/* Requests still under way are dropped without calling back. */
void http_free(struct http *h);

/*
 * Starts a request. Method, URL and headers are copied; the body is borrowed
 * until done is called. What is returned is valid until then too.
 */
struct http_transfer *http_send(struct http *h, const struct http_request *rq,
				http_done *done, void *arg);

/* Goes on after HTTP_PAUSE; may call data before it returns. */
void http_resume(struct http_transfer *t);

/* Drops a request that is under way, without calling back. */
void http_cancel(struct http_transfer *t);

/* What has been handed in gets going; answers are for http_wait. */
void http_go(struct http *h);

/*
 * Moves the requests on until something happened, timeout_ms passed, or one of
 * the n_fds descriptors can be read (-1 is skipped).
 */
void http_wait(struct http *h, const int *fds, size_t n_fds, int timeout_ms);

/*
 * Ends what has no connection yet, so that nothing of it can have left: each is
 * called back as HTTP_UNREACHABLE.
 */
void http_drop_unsent(struct http *h);

/* Ends everything under way: each is called back as HTTP_LOST. */
void http_abort(struct http *h);

/*
 * Appends what a reference (of a redirect) means, seen from an absolute URL.
 * -1: it is no http or https URL, has a user in it, or leads from https to
 * http.
 */
int http_resolve(struct buf *out, const char *base, struct str reference);

/* Do both have the same scheme, host and port? */
bool http_same_origin(const char *a, const char *b);

/* Value of a header (name in lower case) in an answer; .s NULL: none. */
struct str http_header(struct str headers, const char *name);
struct str http_find_header(struct str headers, struct str name);

/* Takes the next line of headers apart; false at the end. */
bool http_next_header(struct str *rest, struct str *name, struct str *value);

#endif
