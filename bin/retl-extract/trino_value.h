/* SPDX-License-Identifier: MIT */
/*
 * Trino's values, which come as JSON, in the form that rows have here. A type
 * is what the server says of it: {"rawType": "decimal", "arguments": [...]}.
 */
#ifndef RETL_EXTRACT_TRINO_VALUE_H
#define RETL_EXTRACT_TRINO_VALUE_H

#include "bin/retl-extract/row.h"

struct trino_column {
	struct str signature; /* JSON, borrowed */
	enum trino_type {
		TRINO_OTHER, /* text stays text, and JSON JSON */
		TRINO_INTEGER,
		TRINO_DOUBLE,
		TRINO_DECIMAL,
		TRINO_BOOLEAN,
		TRINO_DATE,
		TRINO_TIME,
		TRINO_TIMESTAMP,
		TRINO_TIMESTAMP_TZ,
		TRINO_BINARY,
		TRINO_JSON,
		TRINO_ARRAY,
		TRINO_MAP,
		TRINO_ROW,
	} type;
};

/* Of a typeSignature; also tells c about the column added last. */
struct trino_column trino_column_of(struct str signature, struct columns *c);

/* -1: see f. scratch is free for it. */
int trino_put_value(struct rows *rows, const struct columns *c, size_t i,
		    const struct trino_column *t, struct str value,
		    struct buf *scratch, struct failure *f);

#endif
