/* SPDX-License-Identifier: MIT */
#include "bin/retl-push/rows.h"

#include <csv.h>
#include <zlib.h>

#include "common/json.h"
#include "common/mem.h"
#include "common/msg.h"
#include "common/utf8.h"

#define MAX_COLUMNS 10000

struct csv_reader {
	struct csv_parser parser;
	struct buf names; /* JSON strings, LF behind each */
	struct str *name;
	size_t n_names, at;
	bool in_rows;
	struct buf row;
	rows_take *take;
	void *arg;
	struct buf *err;
	int failed;
};

static void take_field(void *field, size_t n, void *arg)
{
	struct csv_reader *c = arg;
	struct str text = { field ? field : "", field ? n : 0 };

	if (c->failed)
		return;
	if (!c->in_rows) {
		if (c->n_names++ < MAX_COLUMNS) {
			json_put_str(&c->names, text);
			buf_addc(&c->names, '\n');
		}
		return;
	}
	if (c->at < c->n_names) {
		buf_addc(&c->row, c->at ? ',' : '{');
		buf_adds(&c->row, c->name[c->at]);
		buf_addc(&c->row, ':');
		json_put_str(&c->row, text);
	}
	c->at++;
}

static void know_names(struct csv_reader *c)
{
	struct str rest = buf_str(&c->names);

	c->name = xcalloc(MAX(c->n_names, 1), sizeof *c->name);
	for (size_t i = 0; i < c->n_names; i++)
		str_split(&rest, '\n', &c->name[i]);
	c->in_rows = true;
}

static void end_row(int end, void *arg)
{
	struct csv_reader *c = arg;

	(void)end;
	if (c->failed)
		return;
	if (!c->in_rows) {
		if (c->n_names > MAX_COLUMNS)
			c->failed = fail(c->err, "too many columns");
		else
			know_names(c);
		return;
	}
	if (c->at != c->n_names) {
		c->failed = fail(c->err,
				 "a row of %zu columns, the first line names "
				 "%zu",
				 c->at, c->n_names);
		return;
	}
	buf_addc(&c->row, '}');
	c->failed = c->take(c->arg, buf_str(&c->row));
	buf_reset(&c->row);
	c->at = 0;
}

/* libcsv hands bytes on as they are; JSON needs UTF-8. */
static bool is_text(struct str text)
{
	const char *s = text.s, *end = text.s + text.n;
	size_t n = 1;

	for (; s < end && n; s += n)
		n = utf8_length(s, end);
	return n != 0;
}

int rows_csv(struct str text, rows_take *take, void *arg, struct buf *err)
{
	struct csv_reader c = { .names = BUF_INIT,
				.row = BUF_INIT,
				.take = take,
				.arg = arg,
				.err = err };

	if (!is_text(text))
		return fail(err, "CSV that is no UTF-8");
	if (csv_init(&c.parser, CSV_STRICT | CSV_STRICT_FINI) != 0)
		die(EX_OSERR, "out of memory");
	if (csv_parse(&c.parser, text.s, text.n, take_field, end_row, &c) !=
		text.n ||
	    csv_fini(&c.parser, take_field, end_row, &c) != 0)
		c.failed = fail(err, "CSV with a quote that does not end: %s",
				csv_strerror(csv_error(&c.parser)));
	csv_free(&c.parser);
	free(c.name);
	buf_release(&c.names);
	buf_release(&c.row);
	return c.failed;
}

int rows_ndjson(struct str text, rows_take *take, void *arg, struct buf *err)
{
	struct str rest = text, line, value;
	struct json_fault fault;

	while (str_split(&rest, '\n', &line)) {
		line = str_trim(line);
		if (!line.n)
			continue;
		if (json_check(line, &value, &fault) < 0)
			return fail(err, "a line that is no JSON: %s",
				    fault.what);
		if (take(arg, value) < 0)
			return -1;
	}
	return 0;
}

bool rows_is_gzip(struct str bytes)
{
	return bytes.n > 2 && memcmp(bytes.s, "\x1f\x8b\x08", 3) == 0;
}

int rows_unpack(struct str bytes, struct buf *out, struct buf *err)
{
	z_stream z = { .next_in = (unsigned char *)(uintptr_t)bytes.s,
		       .avail_in = (unsigned)bytes.n };
	char block[1 << 16];
	int got = Z_STREAM_END;

	if (inflateInit2(&z, 15 + 16) != Z_OK)
		die(EX_OSERR, "out of memory");
	while (z.avail_in && !out->over) {
		if (got == Z_STREAM_END)
			inflateReset(&z);
		z.next_out = (unsigned char *)block;
		z.avail_out = sizeof block;
		got = inflate(&z, Z_NO_FLUSH);
		if (got != Z_OK && got != Z_STREAM_END)
			break;
		buf_add(out, block, sizeof block - z.avail_out);
	}
	/* What is still inside when the input is used up. */
	while (got == Z_OK && !out->over) {
		z.next_out = (unsigned char *)block;
		z.avail_out = sizeof block;
		got = inflate(&z, Z_NO_FLUSH);
		buf_add(out, block, sizeof block - z.avail_out);
		if (z.avail_out)
			break;
	}
	inflateEnd(&z);
	if (out->over)
		return fail(err, "more than may come, once unpacked");
	return got == Z_STREAM_END ? 0 : fail(err, "gzip that is cut off");
}
