/* SPDX-License-Identifier: MIT */
/*
 * Statements for a PostgreSQL server, each in a transaction of its own, over
 * several connections at once. libpq waits while it works, so a thread per
 * connection does; answers come back to the thread that collects them.
 *
 * In every transaction: UTC, and a bound on how long a statement may take. A
 * connection is made when there is work for it and kept.
 */
#ifndef RETL_PUSH_PG_H
#define RETL_PUSH_PG_H

#include "common/buf.h"

struct pg;

struct pg_opts {
	const char *url;
	long connect_ms, timeout_ms;
	size_t n_connections;
};

enum pg_outcome {
	PG_DONE,        /* and committed */
	PG_REFUSED,     /* by the server: nothing of it is there */
	PG_UNREACHABLE, /* nothing of it is there either */
	PG_LOST,        /* while committing: it may be there */
};

struct pg_answer {
	enum pg_outcome outcome;
	char sqlstate[6]; /* PG_REFUSED; "" if it came from elsewhere */
	const char *why;  /* one line, without values of the data */
	int64_t took_ms;
};

typedef void pg_done(void *arg, const struct pg_answer *a);

/* -1: it is no URL of a PostgreSQL database. */
int pg_check_url(const char *url);

struct pg *pg_new(const struct pg_opts *o);
/* Waits for the statements under way; their answers are dropped. */
void pg_free(struct pg *g);

/*
 * Runs a statement whose only parameter is $1. Both texts are borrowed until
 * done is called. n_rows: how many rows it has to touch, else it is undone and
 * refused; -1: any number.
 */
void pg_send(struct pg *g, const char *sql, struct str param, int64_t n_rows,
	     pg_done *done, void *arg);

/* Can be read as soon as pg_collect has something to do. */
int pg_fd(const struct pg *g);
/* Calls back for what has been answered. */
void pg_collect(struct pg *g);
/* Asks the server to give up what is under way. */
void pg_abort(struct pg *g);

#endif
