/* SPDX-License-Identifier: MIT */
/*
 * libFuzzer: the first line says how a text is read (a letter for the format,
 * then letters for options), the rest is the text, perhaps compressed. Whatever
 * it is, rows that come out are records, they do not depend on how the text is
 * cut into pieces, and what fails says why.
 */
#include "bin/retl-extract/reader.h"
#include "common/msg.h"
#include "common/record.h"

#define LONGEST ((size_t)1 << 16)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void demand(bool promise)
{
	if (!promise)
		abort();
}

/* The text, step bytes a read. */
struct text {
	struct str rest;
	size_t step;
};

static ssize_t give(void *self, void *p, size_t n, struct failure *f UNUSED)
{
	struct text *t = self;

	n = MIN(MIN(n, t->step), t->rest.n);
	if (n)
		memcpy(p, t->rest.s, n);
	t->rest.s += n;
	t->rest.n -= n;
	return (ssize_t)n;
}

/* What would be written. */
static int keep(struct out *o)
{
	buf_adds(o->put_to, buf_str(&o->b));
	buf_reset(&o->b);
	return 0;
}

static void check_rows(struct str text, uint64_t n_records)
{
	struct record r = RECORD_INIT;
	struct json_fault f;
	struct str line;
	uint64_t n = 0;

	while (text.n && str_split(&text, '\n', &line)) {
		demand(text.s != NULL);
		demand(record_parse(&r, line, &f) == 0);
		demand(!r.diff_id.s && !r.diff_changed.s && !r.diff_outcome.s);
		n++;
	}
	demand(n == n_records);
	record_release(&r);
}

/* The status; the rows go to out. */
static int read_all(const struct reader_options *o, struct str text,
		    size_t step, struct buf *out)
{
	struct text t = { text, step };
	struct feed feed = { .read = give, .self = &t };
	struct failure f = FAILURE_INIT;
	struct reader *r;
	struct input in;
	struct rows rows;
	int got = -1;

	rows_init(&rows, -1, "out");
	rows.max_record = LONGEST;
	rows.out.put = keep;
	rows.out.put_to = out;
	input_from_feed(&in, &feed, "text");
	r = reader_new(o, &in, &f);
	if (r)
		do
			got = reader_next(r, &rows, &f);
		while (got == 1);
	if (got < 0)
		rows_drop(&rows);
	rows_flush(&rows);
	demand(got == 0 || (f.status >= EX_USAGE && f.text.len));
	check_rows(buf_str(out), rows.out.n_records);
	reader_free(r);
	input_close(&in);
	rows_release(&rows);
	buf_release(&f.text);
	return got ? f.status : 0;
}

static int read_by(struct str how, struct str text, size_t step,
		   struct buf *out)
{
	struct tap tap = TAP_INIT;
	struct reader_options o = { .max_record = LONGEST };
	int status;

	for (size_t i = 0; i < how.n; i++)
		switch (how.s[i]) {
		case 'c':
			o.format = FORMAT_CSV;
			break;
		case 't':
			o.format = FORMAT_TSV;
			break;
		case 'n':
			o.format = FORMAT_NDJSON;
			break;
		case 'j':
			o.format = FORMAT_JSON;
			break;
		case 'a':
			tap.dialect = DIALECT_AIRBYTE;
			o.tap = &tap;
			break;
		case 's':
			o.tap = &tap;
			break;
		case 'S':
			tap.stream = "s";
			break;
		case 'N':
			o.null = "\\N";
			break;
		case 'C':
			o.columns = "a,b";
			break;
		case ';':
			o.delimiter = ';';
			break;
		default:
			break;
		}
	status = read_all(&o, text, step, out);
	tap_release(&tap);
	return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct buf once = BUF_INIT, again = BUF_INIT;
	struct str rest, how;
	char *text = malloc(n ? n : 1);
	int status;

	msg_set_level(MSG_ERROR);
	memcpy(text, data, n);
	rest = (struct str){ text, n };
	str_split(&rest, '\n', &how);
	if (rest.s) {
		/* Of two faults either may be met first. */
		status = read_by(how, rest, SIZE_MAX, &once);
		demand(!status == !read_by(how, rest, 1 + how.n % 7, &again));
		demand(status || str_eq(buf_str(&once), buf_str(&again)));
	}
	buf_release(&once);
	buf_release(&again);
	free(text);
	return 0;
}
