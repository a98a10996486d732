/* SPDX-License-Identifier: MIT */
/*
 * Files put on a server by SFTP, over several connections at once (libcurl
 * with libssh2). A file is written under a temporary name beside its own and
 * gets that when it is whole: no reader sees half of it.
 *
 * After a connection was lost the size of what is there tells where to go on,
 * and before a file gets its name whether all of it is there. Whether it got
 * that is found out when the answer was lost.
 */
#ifndef RETL_PUSH_SFTP_H
#define RETL_PUSH_SFTP_H

#include "common/buf.h"
#include "common/ssh.h"

struct sftp;

struct sftp_opts {
	struct ssh_opts ssh;
	long connect_ms, timeout_ms;
	size_t n_connections;
};

/* A piece of a file: all of it, or what follows earlier ones. Copied. */
struct sftp_piece {
	const char *url;  /* of the file */
	const char *temp; /* its temporary name, in the same folder */
	struct str bytes; /* borrowed until done is called */
	uint64_t offset;  /* where it stands in the file */
	bool last;        /* then the file is whole, and gets its name */
	bool replace;     /* one that has the name already */
	bool again;       /* an attempt to write it has failed */
	bool maybe;       /* an attempt to give it was not answered */
};

enum sftp_outcome {
	SFTP_DONE,
	SFTP_EXISTS,      /* there is such a file, not to be replaced */
	SFTP_REFUSED,     /* for good: host key, login, folder, rights */
	SFTP_FAILED,      /* by the server, perhaps for now */
	SFTP_UNREACHABLE, /* the file has not got its name */
	SFTP_LOST,        /* it may have */
};

struct sftp_answer {
	enum sftp_outcome outcome;
	bool denied;     /* SFTP_REFUSED: credentials or rights */
	const char *why; /* one line */
	int64_t took_ms;
};

typedef void sftp_done(void *arg, const struct sftp_answer *a);

/* The texts in o->ssh are borrowed. NULL: libcurl speaks no SFTP. */
struct sftp *sftp_new(const struct sftp_opts *o);
/* Waits for what is under way; its answers are dropped. */
void sftp_free(struct sftp *s);

void sftp_put(struct sftp *s, const struct sftp_piece *piece, sftp_done *done,
	      void *arg);
/* Removes a temporary file that nothing will come of; nobody is told. */
void sftp_drop(struct sftp *s, const char *url, const char *temp);

/* Can be read as soon as sftp_collect has something to do. */
int sftp_fd(const struct sftp *s);
/* Calls back for what has been answered. */
void sftp_collect(struct sftp *s);
/* Gives up what is under way. */
void sftp_abort(struct sftp *s);

#endif
