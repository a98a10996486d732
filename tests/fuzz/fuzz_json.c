/* SPDX-License-Identifier: MIT */
/*
 * libFuzzer: whatever bytes come, the scanner answers without reading beyond
 * them, its two entrances agree, and what it accepts can be walked, printed
 * again and compared.
 */
#include "common/json.h"
#include "common/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void demand(bool promise)
{
	if (!promise)
		abort();
}

/* Compacting and the canonical text are JSON again, and mean the same. */
static void check_value(struct str v)
{
	struct buf compact = BUF_INIT, canon = BUF_INIT, again = BUF_INIT;
	struct json_fault f;

	json_put_compact(&compact, v);
	demand(json_check(buf_str(&compact), NULL, &f) == 0);
	demand(json_equal(v, v));
	json_canon(&canon, v);
	json_canon(&again, buf_str(&compact));
	demand(json_equal(v, buf_str(&compact)) ==
	       str_eq(buf_str(&canon), buf_str(&again)));
	buf_release(&compact);
	buf_release(&canon);
	buf_release(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	/* A copy of exact size, so that one byte beyond is seen. */
	char *text = malloc(n ? n : 1);
	struct record r = RECORD_INIT;
	struct json_fault f;
	struct str v = STR_NONE;
	bool valid, is_record;

	memcpy(text, data, n);
	valid = json_check((struct str){ text, n }, &v, &f) == 0;
	is_record = record_parse(&r, (struct str){ text, n }, &f) == 0;
	demand(!is_record || (valid && json_type(v) == JSON_OBJECT));
	if (!valid)
		demand(f.at <= n && f.what);
	if (is_record)
		demand(json_count(v) == r.obj.n);
	if (valid)
		check_value(v);
	record_release(&r);
	free(text);
	return 0;
}
