/* SPDX-License-Identifier: MIT */
/*
 * libFuzzer: the first line is a schema, the second a value. Whatever they are,
 * the answer comes, twice the same, with faults exactly where it is no; a value
 * spelt otherwise gets the same answer.
 */
#include "common/schema.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void demand(bool promise)
{
	if (!promise)
		abort();
}

static bool check(const struct schema *s, struct str v, struct buf *text)
{
	struct faults f = FAULTS_INIT;
	bool good = schema_check(s, v, &f) == 0;

	demand(good == (f.n == 0));
	faults_put(text, &f);
	faults_release(&f);
	return good;
}

static void check_value(const struct schema *s, struct str v)
{
	struct buf once = BUF_INIT, again = BUF_INIT, compact = BUF_INIT;
	bool good = check(s, v, &once);

	json_put_compact(&compact, v);
	demand(check(s, buf_str(&compact), &again) == good);
	demand(str_eq(buf_str(&once), buf_str(&again)));
	buf_release(&once);
	buf_release(&again);
	buf_release(&compact);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const char *const own[] = { "normalize", "default", NULL };
	char *text = malloc(n ? n : 1);
	struct str rest = { text, n }, line, schema, v;
	struct buf err = BUF_INIT;
	struct json_fault f;
	struct schema *s;

	memcpy(text, data, n);
	str_split(&rest, '\n', &line);
	if (rest.s && json_check(line, &schema, &f) == 0 &&
	    json_check(rest, &v, &f) == 0) {
		s = schema_new(schema, own, &err);
		demand(s || err.len);
		if (s)
			check_value(s, v);
		schema_free(s);
	}
	buf_release(&err);
	free(text);
	return 0;
}
