/* SPDX-License-Identifier: MIT */
/* What the values of Databricks, which come as text, are as JSON. */
#ifndef RETL_EXTRACT_DATABRICKS_H
#define RETL_EXTRACT_DATABRICKS_H

#include "bin/retl-extract/row.h"

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
