/* SPDX-License-Identifier: MIT */
/*
 * What the files of the Snowflake source share: where to connect and as whom
 * (snowflake_login.c), and what its values are as JSON (snowflake_value.c).
 */
#ifndef RETL_EXTRACT_SNOWFLAKE_H
#define RETL_EXTRACT_SNOWFLAKE_H

#include "bin/retl-extract/web.h"
#include "common/jwt.h"

/* ---- snowflake_login.c ---- */

struct snowflake_login {
	struct buf base; /* "https://account.snowflakecomputing.com" */
	/* Empty: the user's defaults hold. */
	struct buf account, user, database, schema, warehouse, role;
	struct buf token; /* .len 0: a key signs */
	const char *kind; /* of X-Snowflake-Authorization-Token-Type */
	struct jwt_key *key;
	struct buf jwt;
	int64_t jwt_until; /* tick */
};

/*
 * //ACCOUNT/DATABASE/SCHEMA?warehouse=W&role=R&user=U; what it does not say is
 * in SNOWFLAKE_* variables, or, if these have no credentials, in the default
 * connection; or in the one that the URL names, and nowhere else. -1: see f.
 */
int snowflake_login_init(struct snowflake_login *l, const char *where,
			 struct failure *f);
void snowflake_login_release(struct snowflake_login *l);

/* Sets rq->secrets. renew: what was there was refused. */
void snowflake_sign(struct snowflake_login *l, struct web_request *rq,
		    bool renew);

/* ---- snowflake_value.c ---- */

enum snowflake_type {
	SNOWFLAKE_FIXED,
	SNOWFLAKE_INTEGER, /* FIXED without a scale */
	SNOWFLAKE_REAL,
	SNOWFLAKE_DECFLOAT,
	SNOWFLAKE_TEXT,
	SNOWFLAKE_BOOLEAN,
	SNOWFLAKE_DATE,
	SNOWFLAKE_TIME,
	SNOWFLAKE_NTZ,
	SNOWFLAKE_LTZ,
	SNOWFLAKE_TZ,
	SNOWFLAKE_BINARY,
	SNOWFLAKE_JSON,
};

/* Of one element of rowType; also tells c about the column added last. */
enum snowflake_type snowflake_type_of(struct str row_type, struct columns *c);

/* text: the value's, never null. -1: see f. */
int snowflake_put_value(struct rows *rows, const struct columns *c, size_t i,
			enum snowflake_type type, struct str text,
			struct failure *f);

#endif
