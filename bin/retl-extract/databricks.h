/* SPDX-License-Identifier: MIT */
/*
 * What the files of the Databricks source share: where to connect and as whom
 * (databricks_login.c), and what its values, which come as text, are as JSON
 * (databricks_value.c).
 */
#ifndef RETL_EXTRACT_DATABRICKS_H
#define RETL_EXTRACT_DATABRICKS_H

#include "bin/retl-extract/token.h"

/* ---- databricks_login.c ---- */

struct databricks_login {
	struct buf base; /* "https://host" */
	struct buf warehouse, catalog, schema;
	bool inline_rows;
	struct buf secrets; /* a personal token's header; empty: token */
	struct token token;
};

/* -1: see f; databricks_login_release in any case. cacert is borrowed. */
int databricks_login_init(struct databricks_login *l, const char *where,
			  const char *cacert, struct failure *f);
void databricks_login_release(struct databricks_login *l);

/* Sets rq->secrets. */
int databricks_sign(struct databricks_login *l, struct web_request *rq,
		    struct failure *f);

/* See token_renew. */
bool databricks_renew(struct databricks_login *l, const struct web_request *rq,
		      const struct web_answer *a);

/* ---- databricks_value.c ---- */

enum databricks_type {
	DATABRICKS_TEXT,
	DATABRICKS_BOOLEAN,
	DATABRICKS_INTEGER,
	DATABRICKS_FLOAT,
	DATABRICKS_DOUBLE,
	DATABRICKS_DECIMAL,
	DATABRICKS_TIMESTAMP,
	DATABRICKS_NTZ,
	DATABRICKS_JSON,
	DATABRICKS_BINARY, /* of which nobody says how it is written */
};

/* Of {"name", "type_name", "type_text"}; also tells c about the column added
 * last. */
enum databricks_type databricks_type_of(struct str column, struct columns *c);

/* text: the value's, never null. -1: see f. */
int databricks_put_value(struct rows *rows, const struct columns *c, size_t i,
			 enum databricks_type type, struct str text,
			 struct failure *f);

#endif
