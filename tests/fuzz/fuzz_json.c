/* SPDX-License-Identifier: MIT */
/*
 * libFuzzer: whatever bytes come, the scanner answers without reading beyond
 * them, its two entrances agree, so do its two ways (with an index of many
 * lines and without), and what it accepts can be walked, printed again and
 * compared.
 */
#include "common/json.h"
#include "common/json_index.h"
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

static void check_line(struct str line, struct json_index *x)
{
	static struct record r = { .obj = JSON_OBJ_INIT };
	struct record plain = RECORD_INIT;
	struct json_fault f = { 0, "" }, g = { 0, "" };
	int got = record_parse_indexed(&r, line, x, &f);

	demand(got == record_parse(&plain, line, &g));
	demand(got < 0 ? f.at == g.at && strcmp(f.what, g.what) == 0
		       : r.obj.n == plain.obj.n);
	for (size_t i = 0; got == 0 && i < r.obj.n; i++)
		demand(str_eq(r.obj.m[i].key, plain.obj.m[i].key) &&
		       str_eq(r.obj.m[i].val, plain.obj.m[i].val) &&
		       r.obj.m[i].key_esc == plain.obj.m[i].key_esc);
	record_release(&plain);
}

/* The same bytes as lines of a stream. */
static void check_lines(struct str text)
{
	static struct json_index x;
	const char *end = text.s + text.n;

	json_index_forget(&x);
	while (json_index_usable() && text.n) {
		const char *lf = memchr(text.s, '\n', text.n);
		const char *found = json_index_line(&x, text);
		struct str line = { text.s,
				    (size_t)((lf ? lf : end) - text.s) };

		demand(!found || found == lf);
		check_line(line, found ? &x : NULL);
		text.s = lf ? lf + 1 : end;
		text.n = (size_t)(end - text.s);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	/* A copy of exact size, so that one byte beyond is seen. */
	char *text = malloc(n ? n : 1);
	struct record r = RECORD_INIT;
	struct json_fault f = { 0, "" };
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
	check_lines((struct str){ text, n });
	free(text);
	return 0;
}
