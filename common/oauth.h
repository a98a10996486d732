/* SPDX-License-Identifier: MIT */
/*
 * Access tokens of OAuth 2.0 (RFC 6749, RFC 7523): asked for at a token
 * endpoint, kept in memory, renewed before they expire and when they are
 * refused.
 *
 * Sends nothing itself. The owner asks oauth_state; on OAUTH_NEEDED it takes
 * the request from oauth_begin, sends it however it sends requests, and hands
 * the answer to oauth_take. One request at a time.
 *
 *	NEEDED --begin--> FETCHING --take--> READY -(time, refused)-> NEEDED
 *	   ^                 |   \--> FAILED: for good, *status and err say why
 *	   \-- try later ----/
 *
 * A token that is given for another one needs several requests; they are handed
 * out one after the other, from NEEDED to NEEDED.
 */
#ifndef RETL_OAUTH_H
#define RETL_OAUTH_H

#include "common/retry.h"

enum oauth_grant {
	OAUTH_CLIENT_CREDENTIALS,
	OAUTH_REFRESH_TOKEN,
	OAUTH_JWT_BEARER,
	OAUTH_METADATA, /* a GET within a cloud's machine: no secret needed */
	OAUTH_ISSUER,   /* a GET of a token that someone else has issued */
	OAUTH_EXCHANGE, /* RFC 8693: such a token for one of this endpoint */
	OAUTH_IMPERSONATE, /* Google: the source's for a service account's */
};

/* Texts are copied; .n 0 or NULL: there is none. */
struct oauth_opts {
	enum oauth_grant grant;
	struct str token_url;
	struct str client_id, client_secret;
	bool basic; /* the client in a header, not in the form */
	struct str scope;
	struct str form; /* further members, encoded: "audience=x&a=b" */

	struct str refresh_token;
	/*
	 * The file that the refresh token is in, and goes back to when the
	 * endpoint gives another: alone in it, or as this member of a JSON
	 * object.
	 */
	const char *refresh_file, *refresh_member;

	/* OAUTH_JWT_BEARER: the key in PEM, and what the assertion claims. */
	struct str key, passphrase, kid, iss, sub, aud;
	int64_t lifetime_s; /* of the assertion, 0: 180; of the token */

	/*
	 * What a token is given for is another one: that of the source, or in
	 * subject_file. It is asked for, or read, anew each time. The source
	 * is taken, also if oauth_new fails.
	 */
	struct oauth *source;
	const char *subject_file;
	struct str subject_type;
	/* Where it is, in the file or the issuer's answer; n 0: it is all. */
	struct str subject_member;
	struct str headers;   /* OAUTH_ISSUER: lines, LF behind each */
	struct str delegates; /* OAUTH_IMPERSONATE: a JSON array */
};

enum oauth_state {
	OAUTH_READY,
	OAUTH_NEEDED,
	OAUTH_LATER, /* oauth_wait_ms from now */
	OAUTH_FETCHING,
	OAUTH_FAILED,
};

struct oauth;

/* NULL: err says what is wrong with the options. */
struct oauth *oauth_new(const struct oauth_opts *opts, struct buf *err);
void oauth_free(struct oauth *o);
/* How often an endpoint is asked that does not answer, if not 5 times. */
void oauth_set_retry(struct oauth *o, const struct retry_plan *plan);

/*
 * Google's application default credentials, as its own tools find them: the
 * file that GOOGLE_APPLICATION_CREDENTIALS names (or path, if not NULL), the
 * one that gcloud has written, the metadata server. scopes: separated by
 * blanks. subject: the user to act for, n 0: none. NULL: *status (77, 78), err.
 */
struct oauth *oauth_google(const char *path, struct str scopes,
			   struct str subject, int *status, struct buf *err);
/* The project that Google counts requests for, .s NULL: none is named. */
struct str oauth_quota_project(const struct oauth *o);

/* ---- the machine ---- */

/* tick_ms: of a clock that only runs forward. now_ms: the time of day. */
enum oauth_state oauth_state(const struct oauth *o, int64_t tick_ms);
int64_t oauth_wait_ms(const struct oauth *o, int64_t tick_ms);
/*
 * Is an answer under way that may bring another refresh token for the file? The
 * last one may be dead already: who does not wait for it has none.
 */
bool oauth_is_replacing(const struct oauth *o);

#define OAUTH_MAX_HEADERS 8
/* Borrowed until the next call of oauth_begin. */
struct oauth_request {
	const char *method, *url;
	const char *headers[OAUTH_MAX_HEADERS]; /* "Name: value" */
	size_t n_headers;
	struct str body; /* .s NULL: none */
};

/* -1: nothing is to be sent now; the state says why. */
int oauth_begin(struct oauth *o, int64_t tick_ms, int64_t now_ms,
		struct oauth_request *rq);

struct oauth_answer {
	long status;     /* of HTTP; 0: no answer came */
	bool untrusted;  /* because TLS says so */
	const char *why; /* words for that */
	struct str body;
	struct str headers; /* "name: value" lines, names in lower case */
};

void oauth_take(struct oauth *o, const struct oauth_answer *a, int64_t tick_ms,
		int64_t now_ms);

/* Of OAUTH_FAILED: 77, 75, 74, 69. The text names what to do. */
int oauth_status(const struct oauth *o);
const char *oauth_error(const struct oauth *o);

/* ---- what there is when it is ready ---- */

struct str oauth_token(const struct oauth *o);
struct str oauth_answer(const struct oauth *o); /* JSON, as it came */
/* Counts tokens, from 1: to tell whose fault a 401 is. */
uint64_t oauth_generation(const struct oauth *o);
/*
 * A request with the token of this generation got 401: unless there is a newer
 * one already, it is not used any more.
 */
void oauth_refused(struct oauth *o, uint64_t generation);

/*
 * A new refresh token could not be written to its file: tries once more. 0 if
 * there is nothing to save (any more), else err says why.
 */
int oauth_save(struct oauth *o, struct buf *err);

#endif
