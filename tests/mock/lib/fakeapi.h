/* SPDX-License-Identifier: MIT */
/*
 * What fakes of APIs that are read from share: they go wrong on order
 * (mishap.h), and note each request in a log.
 */
#ifndef MOCK_FAKEAPI_H
#define MOCK_FAKEAPI_H

#include "tests/mock/lib/mishap.h"

struct fakeapi {
	/* Does what the vendor would. */
	void (*give)(void *self, const struct request *r, struct answer *a);
	/* The vendor's answer of a status that was ordered. */
	void (*trouble)(struct answer *a, int status);
	/* Appends what the log says of a request, without LF. */
	void (*note)(void *self, const struct request *r, int status,
		     struct buf *line);
	void *self;

	/* private */
	struct server server;
	struct mishaps mishaps;
	const char *log_path;
};

#define FAKEAPI_N_OPTS 5
/* Writes the rows --port-file, --idle, --log, --at and --every. */
void fakeapi_opts(struct fakeapi *f, struct opt *out);

/* Serves until told to end; ends the program if it cannot. */
void fakeapi_run(struct fakeapi *f);

/* A member of the request's query, as it was sent; .s NULL: it is not there. */
struct str fakeapi_query(const struct request *r, const char *name);

#endif
