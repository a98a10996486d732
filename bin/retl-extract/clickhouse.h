/* SPDX-License-Identifier: MIT */
/*
 * Values as ClickHouse writes them in JSONEachRow, as ours: the types of its
 * columns tell what they are.
 */
#ifndef RETL_EXTRACT_CLICKHOUSE_H
#define RETL_EXTRACT_CLICKHOUSE_H

#include "bin/retl-extract/row.h"

struct click_column {
	enum column_kind kind;
	bool is_single; /* Float32 */
};

/* type: "Nullable(Decimal(9, 2))" */
void click_column_parse(struct click_column *c, struct str type);

/* Is a DateTime of that type written in another time zone than zone? */
bool click_zone_differs(struct str type, const char *zone);

/* v: a value of the row, as JSON. -1: see f. */
int click_put_value(const struct click_column *c, struct rows *rows,
		    const struct columns *columns, size_t i, struct str v,
		    struct failure *f);

#endif
