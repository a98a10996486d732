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
/* Writes the text: temporary file, fsync, rename; mode and rest as before. */
int keepfile_put(struct keepfile *k, struct str text, struct buf *err);
void keepfile_drop(struct keepfile *k); /* unlocks */
void keepfile_release(struct keepfile *k);

struct oauth {
	enum oauth_grant grant;
	char *token_url, *client_id, *client_secret, *scope, *form;
	bool basic;
	struct buf refresh; /* the refresh token */
	struct keepfile file;
	bool unsaved;
	struct jwt_key *key;
	char *kid, *iss, *sub, *aud;
	int64_t lifetime_s;
	char *quota_project;

	enum oauth_state state;
	struct retry_plan plan;
	uint64_t n_tries; /* that failed in a row */
	/* ticks */
	int64_t not_before; /* no new try before */
	int64_t renew_at, expires_at;
	uint64_t generation;
	bool denied; /* the token was refused */
	struct buf token, answer, body, header, err;
	int status;
};

#endif
