/* SPDX-License-Identifier: MIT */
/* How Redshift orders and shards, whichever way it is asked: see sql.h. */
#ifndef RETL_EXTRACT_REDSHIFT_H
#define RETL_EXTRACT_REDSHIFT_H

#include "bin/retl-extract/sql.h"

/* Texts are ordered by their bytes there, whatever the database says. */
int redshift_put_order(struct buf *out, const struct columns *c, size_t i,
		       struct str name, const char **why);
void redshift_put_shard(struct buf *out, const struct source_args *a,
			const struct str *hashed);

#endif
