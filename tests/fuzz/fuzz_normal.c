/* SPDX-License-Identifier: MIT */
/*
 * libFuzzer: the first line is a list of steps, the second a value, the third
 * the record that it stands in. What comes out is JSON again, and the same the
 * second time; what has been brought into a case stays in it; formats answer.
 */
#include "common/format.h"
#include "common/normal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void demand(bool promise)
{
	if (!promise)
		abort();
}

/* The result as JSON; false: the steps refuse the value. */
static bool run(struct normal *n, struct str v, struct str record,
		struct buf *out)
{
	struct normal_value value;
	struct normal_fault fault;
	struct json_fault f;
	bool changed;

	buf_reset(out);
	if (normal_run(n, v, record, &value, &changed, &fault) < 0) {
		demand(fault.code && fault.reason);
		return false;
	}
	if (value.is_text)
		json_put_str(out, value.s);
	else
		buf_adds(out, value.s);
	demand(json_check(buf_str(out), NULL, &f) == 0);
	demand(changed || json_equal(buf_str(out), v));
	return true;
}

static void run_steps(struct normal *n, struct str v, struct str record)
{
	struct buf once = BUF_INIT, again = BUF_INIT;
	bool good = run(n, v, record, &once);

	demand(run(n, v, record, &again) == good);
	demand(!good || str_eq(buf_str(&once), buf_str(&again)));
	buf_release(&once);
	buf_release(&again);
}

/* Twice is as once. */
static void check_settled(const char *steps, struct str v)
{
	struct normal *n = normal_new(str_of(steps), NULL, NULL, NULL);
	struct buf once = BUF_INIT, again = BUF_INIT;

	if (run(n, v, STR_NONE, &once)) {
		demand(run(n, buf_str(&once), STR_NONE, &again));
		demand(str_eq(buf_str(&once), buf_str(&again)));
	}
	normal_free(n);
	buf_release(&once);
	buf_release(&again);
}

static void check_formats(struct str v)
{
	struct buf scratch = BUF_INIT;
	int64_t first, last;

	if (json_type(v) == JSON_STRING)
		v = json_text(v, &scratch);
	for (size_t i = 0; format_at(i); i++)
		if (format_at(i)->is(v) && format_at(i)->seconds)
			format_at(i)->seconds(v, &first, &last);
	if (format_seconds(v, &first, &last))
		demand(first <= last);
	buf_release(&scratch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const char *const settling[] = {
		"[\"trim\"]",    "[\"lower\"]",  "[\"e164\"]",
		"[\"country\"]", "[\"digits\"]", "[\"gmail\"]",
		"[\"gender\"]",  "[\"state\"]",  "[\"number\"]",
	};
	char *text = malloc(n ? n : 1);
	struct str rest = { text, n }, a, b, steps, v, record = STR_NONE;
	struct json_fault f;
	struct normal *normal;

	memcpy(text, data, n);
	str_split(&rest, '\n', &a);
	if (rest.s && str_split(&rest, '\n', &b) &&
	    json_check(a, &steps, &f) == 0 && json_check(b, &v, &f) == 0) {
		if (!rest.s || json_check(rest, &record, &f) < 0)
			record = STR_NONE;
		normal = normal_new(steps, NULL, NULL, NULL);
		if (normal)
			run_steps(normal, v, record);
		normal_free(normal);
		for (size_t i = 0; i < ARRAY_LEN(settling); i++)
			check_settled(settling[i], v);
		check_formats(v);
	}
	free(text);
	return 0;
}
