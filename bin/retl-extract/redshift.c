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
			struct str names)
{
	(void)names;
	buf_addz(out, "mod(strtol(left(md5(''");
	for (size_t i = 0; i < a->n_key; i++) {
		buf_addz(out, " || ',' || coalesce(cast(");
		sql_put_name(out, '"', a->key[i]);
		buf_addz(out, " as varchar), '')");
	}
	buf_addf(out, "), 8), 16), %" PRIu64 ") = %" PRIu64, a->n_shards,
		 a->shard - 1);
}
