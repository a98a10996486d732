/* SPDX-License-Identifier: MIT */
/*
 * The URL of a database server, //USER@HOST:PORT/DATABASE?NAME=VALUE&..., for
 * sources whose libraries do not read one themselves. Arguments are for
 * everybody to see (ps), and source files get committed: a password in it is
 * refused.
 */
#ifndef RETL_EXTRACT_DBURL_H
#define RETL_EXTRACT_DBURL_H

#include "bin/retl-extract/failure.h"

#define DBURL_OPTIONS_MAX 16

struct dburl {
	char *user, *host, *database; /* NULL: not there; decoded */
	unsigned port;                /* 0: not there */
	struct dburl_option {
		char *name, *value;
		bool used;
	} option[DBURL_OPTIONS_MAX];
	size_t n_options;
};
#define DBURL_INIT ((struct dburl){ .port = 0 })

/*
 * where: the URL behind its scheme and colon; without the slashes it is the
 * name of a database. scheme is for messages. -1: EX_USAGE.
 */
int dburl_parse(struct dburl *u, const char *scheme, const char *where,
		struct failure *f);

/* The value of an option, borrowed; NULL: it is not there. */
const char *dburl_option(struct dburl *u, const char *name);

/* Options that nobody asked for are an error. */
int dburl_check(const struct dburl *u, const char *scheme, struct failure *f);

/* Is it this machine? NULL, localhost, a loopback address. */
bool dburl_is_local(const char *host);

void dburl_release(struct dburl *u);

#endif
