/* SPDX-License-Identifier: MIT */
/* What the files oauth*.c share. */
#ifndef RETL_OAUTH_PRIVATE_H
#define RETL_OAUTH_PRIVATE_H

#include "common/jwt.h"
#include "common/oauth.h"

/* A text in a file that is replaced in it as a whole or not at all. */
struct keepfile {
	char *path;
	char *member; /* NULL: the text is all of the file */
	int lock;     /* descriptor of the locked file, -1: none */
};

/*
 * Locks the file against other processes and reads the text. 1: another one
 * has the lock, try again; -1: err.
 */
int keepfile_take(struct keepfile *k, struct buf *text, struct buf *err);
/* The same without the lock. */
int keepfile_read(const struct keepfile *k, struct buf *text, struct buf *err);
/* Writes the text: temporary file, fsync, rename; mode and rest as before. */
int keepfile_put(struct keepfile *k, struct str text, struct buf *err);
void keepfile_drop(struct keepfile *k); /* unlocks */
void keepfile_release(struct keepfile *k);

struct oauth {
	enum oauth_grant grant;
	char *token_url, *client_id, *client_secret, *scope, *form;
	bool basic;
	struct buf given;     /* for a token: a refresh token, someone else's */
	struct keepfile file; /* that it is in */
	bool unsaved;
	struct jwt_key *key;
	char *kid, *iss, *sub, *aud;
	int64_t lifetime_s;
	char *quota_project;
	struct oauth *source;
	char *subject_type, *subject_member, *delegates, *headers;

	enum oauth_state state;
	struct retry_plan plan;
	uint64_t n_tries; /* that failed in a row */
	uint64_t n_busy;  /* in a row: someone else had the file */
	/* Until then, in ticks, one more try is better than giving up. */
	int64_t patient_until;
	/* ticks */
	int64_t not_before; /* no new try before */
	int64_t renew_at, expires_at;
	uint64_t generation;
	bool denied; /* the token was refused */
	struct buf token, answer, body, header, err;
	int status;
};

/* Without white space at both ends, line breaks included. */
struct str oauth_trim(struct str text);
/* Ends it for good; o->err says why. -1 */
int oauth_give_up(struct oauth *o, int status);
/* From messages, as it is and as it stands in a form. */
void oauth_hide(struct str secret);
void oauth_free_secret(struct buf *b);
/* Does the token that there is still hold? */
bool oauth_holds(const struct oauth *o, int64_t tick_ms);
/* What an answer to this one's own request means, see oauth_take. */
void oauth_take_own(struct oauth *o, const struct oauth_answer *a,
		    int64_t tick_ms, int64_t now_ms);

#endif
