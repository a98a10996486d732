/* SPDX-License-Identifier: MIT */
/*
 * Asking servers over HTTP, for every source that does: what fails in passing
 * is asked again (network, 408, 429, 5xx), as often as --retries allows, no
 * sooner than the server said, and spread at random; several requests are
 * under way at once, and their answers are handed out in order.
 *
 * One thread: the network moves while web_ask and web_queue_next wait, and in
 * the kernel's buffers meanwhile.
 */
#ifndef RETL_EXTRACT_WEB_H
#define RETL_EXTRACT_WEB_H

#include "bin/retl-extract/row.h"
#include "common/http.h"

struct web_opts {
	const char *name;   /* for messages: "snowflake" */
	const char *cacert; /* --cacert, or NULL */
	struct rows *rows;  /* go out before anybody waits; NULL: none */
	uint64_t retries;   /* --retries */
	size_t max_body;    /* of an answer; 0: 64 MiB */
	long timeout_ms;    /* for one request; 0: two minutes */
	bool http1;         /* see http.h */
};

struct web;

/* NULL: see f. The name and --cacert are borrowed. */
struct web *web_new(const struct web_opts *o, struct failure *f);
void web_free(struct web *w);

/* ---- for what asks by itself, see download.h ---- */

struct http *web_http(struct web *w);

/* Were the attempts so far, the first included, not enough yet? */
bool web_may_repeat(const struct web *w, unsigned attempts);

/* How long to wait behind them; hint: a Retry-After, or .s NULL. */
int64_t web_delay_ms(const struct web *w, unsigned attempts, struct str hint);

/* The rows that are ready go out. */
void web_before_wait(struct web *w);

/*
 * Between questions whether something is ready: not long at first, when *ms is
 * 0, and longer each time.
 */
void web_wait_turn(struct web *w, int64_t *ms);

/* ---- one request ---- */

/*
 * The last attempt's answer, until the request is used again. The body is not
 * cut: an answer that was, counts as lost.
 */
struct web_answer {
	long status;
	struct str headers; /* for http_header */
	struct str body;
	const char *url; /* that it came from, behind redirects */
};

/* The body, if it is a JSON object; else .s is NULL. */
struct str web_object(const struct web_answer *a);

enum web_verdict {
	WEB_TAKE,  /* hand it out */
	WEB_AGAIN, /* ask again, after a while */
	WEB_NOW,   /* at once: prepare will do something about it */
	WEB_FAIL,  /* the judge has filled f */
};

struct web_request {
	const char *method; /* NULL: GET */
	struct buf url;
	/* "name: value" lines, LF behind each. */
	struct buf headers;
	/* The same, but a redirect to another server does not get them. */
	struct buf secrets;
	struct buf body;
	bool has_body;
	/*
	 * Asking twice could do something twice: it is repeated only if it
	 * never left, or was refused with 429 or 503.
	 */
	bool once;
	unsigned redirects; /* to follow, of a GET; 0: they are answers */
	size_t max_body;    /* 0: as web_opts has it */
	bool raw;           /* see http.h */
	/*
	 * Before each attempt, from 1: signs, renews; what it asks for that,
	 * it asks on another struct web. Headers that it sets must be reset by
	 * it first. -1: see f, and nothing is sent.
	 */
	int (*prepare)(struct web_request *rq, unsigned attempt,
		       struct failure *f);
	/*
	 * What an answer is worth; attempt is the one it came from. NULL:
	 * web_judge. Whoever says WEB_AGAIN leaves the reason in f, for the
	 * case that there were enough attempts.
	 */
	enum web_verdict (*judge)(struct web_request *rq,
				  const struct web_answer *a, unsigned attempt,
				  struct failure *f);
	/* The caller's own. */
	void *arg;
	uint64_t number;
};
#define WEB_REQUEST_INIT                            \
	((struct web_request){ .url = BUF_INIT,     \
			       .headers = BUF_INIT, \
			       .secrets = BUF_INIT, \
			       .body = BUF_INIT })

/* As WEB_REQUEST_INIT, but the memory of the buffers stays. */
void web_request_reset(struct web_request *rq);
void web_request_release(struct web_request *rq);

/* WEB_AGAIN for 408, 429 and 5xx (f is filled), else WEB_TAKE. */
enum web_verdict web_judge(struct web_request *rq, const struct web_answer *a,
			   unsigned attempt, struct failure *f);

/*
 * Asks, and waits for the answer, which is borrowed until the next web_ask on
 * w. -1: 69, 75 or what prepare and judge said.
 */
int web_ask(struct web *w, struct web_request *rq, struct web_answer *a,
	    struct failure *f);

/*
 * What a status that nobody wants means, for messages and exit statuses: 77
 * for 401 and 403, 66 for 404 and 410, 75 for 408, 429 and 5xx, else 69.
 * Returns -1. what: "snowflake: page 3".
 */
int web_refused(const struct web_answer *a, const char *what,
		struct failure *f);

/* ---- many, in order ---- */

struct web_queue_opts {
	size_t n_flying; /* requests under way at most */
	/*
	 * Bytes of answers that wait for their turn: beyond it no request is
	 * started, but the one whose turn it is.
	 */
	size_t max_bytes;
	/*
	 * Fills the next request (which has been reset): 1; 0: there are no
	 * more, or none yet (it will be asked again after the next answer was
	 * handed out); -1: see f.
	 */
	int (*make)(void *arg, struct web_request *rq, struct failure *f);
	void *arg;
};

struct web_queue;

struct web_queue *web_queue_new(struct web *w, const struct web_queue_opts *o);
void web_queue_free(struct web_queue *q);

/*
 * 1: the next answer, in the order of the requests, until the next call; rq
 * (may be NULL) is its request. 0: there are no more. -1: the request whose
 * turn it is failed for good.
 */
int web_queue_next(struct web_queue *q, struct web_answer *a,
		   const struct web_request **rq, struct failure *f);

/*
 * The same of a chain, in which each answer tells what to ask next: that is
 * under way while the answer is read. *q is made at the first call. There must
 * be another request: 0, or -1.
 */
int web_chain_next(struct web_queue **q, struct web *w,
		   int (*make)(void *arg, struct web_request *rq,
			       struct failure *f),
		   void *arg, struct web_answer *a, struct failure *f);

#endif
