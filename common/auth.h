/* SPDX-License-Identifier: MIT */
/*
 * How a request shows who it is from: a table of schemes, one struct each. A
 * scheme is given its values (a contract's "auth" with its templates filled
 * in) once, and is then applied to every request.
 *
 * Everything secret that a scheme computes is registered with msg_hide.
 */
#ifndef RETL_AUTH_H
#define RETL_AUTH_H

#include "common/oauth.h"

struct auth_value {
	struct str name; /* "token" */
	struct str text;
};

/* The request as it stands before it is signed; schemes change it in place. */
struct auth_request {
	struct str method;
	struct buf *url;
	struct buf *headers; /* "name: value" lines, LF between */
	struct buf *body;    /* empty where there is none */
	struct str id;       /* of the message, the same on every retry */
	int64_t now_ms;
};

struct auth;

/*
 * A value that is a list is given as its texts with blanks between them, one
 * that is an object as values NAME.MEMBER.
 *
 * NULL: err says what is missing, *status is the exit status for it (78, or 77
 * where there are no credentials). show: the values are placeholders for people
 * (a dry run), so what would be computed of them is shown as a placeholder too.
 */
struct auth *auth_new(struct str type, const struct auth_value *values,
		      size_t n, bool show, int *status, struct buf *err);
void auth_free(struct auth *a);

/* Tokens, where the scheme has some, must be ready. */
int auth_apply(struct auth *a, struct auth_request *rq, struct buf *err);

/* What has to be ready before auth_apply; NULL: nothing. */
struct oauth *auth_tokens(struct auth *a);

/* Does it put something into the body? */
bool auth_writes_body(const struct auth *a);

/*
 * Appends what tells one credential from another: secret. A token that is
 * renewed from run to run is left out where something else names the client.
 */
void auth_put_identity(const struct auth *a, struct buf *out);

/* ---- for the schemes ---- */

struct auth_scheme {
	const char *type;
	const char *needs[8]; /* values that must be there, NULL-terminated */
	/* Those that may; "form." stands for all that begin so. */
	const char *takes[20];
	/* Checks and prepares the values; may be NULL. */
	int (*prepare)(struct auth *a, struct buf *err);
	int (*apply)(struct auth *a, struct auth_request *rq, struct buf *err);
};

struct auth {
	const struct auth_scheme *scheme;
	struct auth_value *values;
	size_t n_values;
	bool show;
	struct buf key;      /* what prepare made of them */
	struct buf proof;    /* appsecret_proof, empty if none */
	struct oauth *oauth; /* NULL: the scheme needs no tokens */
	int status;          /* of a prepare that failed, if not 78 */
};

extern const struct auth_scheme auth_hmac, auth_oauth1, auth_aws_sigv4;
extern const struct auth_scheme auth_oauth2, auth_jwt_bearer, auth_google;

struct str auth_get(const struct auth *a, const char *name); /* .s NULL */
void auth_put_header(struct auth_request *rq, const char *name,
		     struct str value);
void auth_put_query(struct auth_request *rq, struct str name, struct str value,
		    bool as_is);
/* Value of a header that was set before, any case; .s NULL: none. */
struct str auth_find_header(const struct auth_request *rq, const char *name);

#endif
