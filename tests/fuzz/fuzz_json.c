/* SPDX-License-Identifier: MIT */
/*
 * libFuzzer: whatever bytes come, the scanner answers without reading beyond
 * them, its two entrances agree, so do its two ways (with an index of the text
 * and without), and what it accepts can be walked, printed again and compared.
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
	struct record r = RECORD_INIT, plain = RECORD_INIT;
	struct json_fault f = { 0, "" }, g = { 0, "" };
	struct str v = STR_NONE;
	bool valid, is_record;

	memcpy(text, data, n);
	valid = json_check((struct str){ text, n }, &v, &f) == 0;
	/* From the second object on there is an index. */
	demand(record_parse(&r, STR("{\"id\":1}"), &f) == 0);
	is_record = record_parse(&r, (struct str){ text, n }, &f) == 0;
	plain.obj.no_index = true;
	demand(is_record ==
	       (record_parse(&plain, (struct str){ text, n }, &g) == 0));
	demand(is_record ? r.obj.n == plain.obj.n
			 : f.at == g.at && strcmp(f.what, g.what) == 0);
	demand(!is_record || (valid && json_type(v) == JSON_OBJECT));
	if (!valid)
		demand(f.at <= n && f.what);
	if (is_record)
		demand(json_count(v) == r.obj.n);
	if (valid)
		check_value(v);
	record_release(&r);
	record_release(&plain);
	free(text);
	return 0;
}
