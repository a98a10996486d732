/* SPDX-License-Identifier: MIT */
/*
 * The connections that Snowflake's own tools keep in files: connections.toml,
 * else the section "connections" of config.toml, in SNOWFLAKE_HOME,
 * ~/.snowflake, or ~/.config/snowflake.
 */
#ifndef RETL_EXTRACT_SNOWFLAKE_CONNECTION_H
#define RETL_EXTRACT_SNOWFLAKE_CONNECTION_H

#include "bin/retl-extract/failure.h"

struct snowflake_connection {
	char *name, *path;  /* NULL: there is none */
	struct buf text;    /* of the file */
	struct buf section; /* that it is in */
	bool is_default;    /* nobody has named it */
};
#define SNOWFLAKE_CONNECTION_INIT \
	((struct snowflake_connection){ .text = BUF_INIT, .section = BUF_INIT })

/*
 * name: the connection that is asked for; NULL: the one of
 * SNOWFLAKE_DEFAULT_CONNECTION_NAME, else the default one, which need not be
 * there. -1: see f.
 */
int snowflake_connection_find(struct snowflake_connection *c, const char *name,
			      struct failure *f);

/* Appends a setting, if it is there. -1: it is not one that can be read. */
int snowflake_connection_get(const struct snowflake_connection *c,
			     const char *setting, struct buf *out,
			     struct failure *f);

void snowflake_connection_release(struct snowflake_connection *c);

#endif
