/* SPDX-License-Identifier: MIT */
#include "bin/retl-extract/redshift.h"

int redshift_put_order(struct buf *out, const struct columns *c, size_t i,
		       struct str name, const char **why)
{
	switch (c->v[i].kind) {
	case COLUMN_BOOL:
	case COLUMN_INTEGER:
	case COLUMN_DECIMAL:
	case COLUMN_FLOAT:
	case COLUMN_TEXT:
	case COLUMN_DATE:
	case COLUMN_TIMESTAMP:
		buf_adds(out, name);
		return 0;
	default:
		*why = "such a type";
		return -1;
	}
}

void redshift_put_shard(struct buf *out, const struct source_args *a,
			const struct str *hashed)
{
	buf_addz(out, "mod(strtol(left(md5(''");
	sql_put_each(out, hashed, a->n_key, " || ',' || coalesce(cast(",
		     " as varchar), '')");
	buf_addf(out, "), 8), 16), %" PRIu64 ") = %" PRIu64, a->n_shards,
		 a->shard - 1);
}
