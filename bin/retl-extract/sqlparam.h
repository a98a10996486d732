/* SPDX-License-Identifier: MIT */
/*
 * Named parameters for servers that number theirs: ":since" becomes "$1".
 * Strings, quoted names, comments, dollar quotes and casts are left alone.
 */
#ifndef RETL_EXTRACT_SQLPARAM_H
#define RETL_EXTRACT_SQLPARAM_H

#include "bin/retl-extract/source.h"

#define SQLPARAM_MAX 1000

struct sqlparam {
	struct buf sql;
	const char **values; /* of $1, $2, ... */
	int n;
};
#define SQLPARAM_INIT ((struct sqlparam){ .sql = BUF_INIT })

/* -1: a parameter has no value, or a value no parameter. */
int sqlparam_rewrite(struct sqlparam *q, const struct source_args *a,
		     struct str sql, struct failure *f);
void sqlparam_release(struct sqlparam *q);

#endif
