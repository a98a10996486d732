/* SPDX-License-Identifier: MIT */
/*
 * CSV that csvrow reads, and the same when libcsv reads all of it: random
 * tables, many of them damaged, cut into blocks anywhere, give the same rows
 * and the same errors.
 */
#include "bin/retl-extract/csv.h"
#include "bin/retl-extract/csvrow.h"
#include "common/mem.h"
#include "common/msg.h"

#include "tests/unit/tap.h"

static uint64_t state = 88172645463325252;

/* 0 .. n-1 */
static size_t roll(size_t n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (size_t)(state % n);
}

/* ---- tables ---- */

static const struct str pieces[] = {
	STR("a"),
	STR("bc"),
	STR(" "),
	STR("0.5"),
	STR("\\"),
	STR("\t"),
	STR("\0"),
	STR("\x1f"),
	STR("\x7f"),
	STR("\xc3\xa9"),
	STR("\xe2\x82\xac"),
	STR("NULL"),
	STR("\\N"),
	STR("\xf0\x9f\x98\x80"),
	STR("sixteen bytes..."),
	STR("some more than sixteen bytes of text"),
};
/* What only a value in quotes may have. */
static const struct str quoted_pieces[] = {
	STR("\"\""), STR(","),        STR(";"),
	STR("\n"),   STR("\r\n"),     STR("\r"),
	STR("NULL"), STR("\xc3\xa9"), STR("sixteen bytes..."),
};
/* What damages. */
static const struct str odd_pieces[] = {
	STR("\""),
	STR("\n"),
	STR("\r"),
	STR(","),
	STR("\xff"),
	STR("\xe2\x82"),
	STR("\xed\xa0\x80"),
	STR("\n\n"),
	STR("\"\"\""),
	STR("\r\r\n"),
	STR(";"),
	STR("\t"),
	STR("\xc0\x80"),
};

#define PICK(list) (list)[roll(ARRAY_LEN(list))]

static void put_value(struct buf *b)
{
	size_t kind = roll(8), n = roll(5);

	if (kind < 1)
		return;
	if (kind < 4) {
		while (n--)
			buf_adds(b, PICK(pieces));
		return;
	}
	buf_addc(b, '"');
	while (n--)
		buf_adds(b, roll(2) ? PICK(pieces) : PICK(quoted_pieces));
	buf_addc(b, '"');
}

static void damage(struct buf *b)
{
	struct buf new = BUF_INIT;
	size_t at = roll(b->len + 1), gone = roll(3);

	gone = MIN(gone, b->len - at);
	buf_add(&new, b->data, at);
	if (roll(3))
		buf_adds(&new, PICK(odd_pieces));
	buf_add(&new, b->data + at + gone, b->len - at - gone);
	buf_release(b);
	*b = new;
}

static void put_table(struct buf *b, const struct csv_options *o)
{
	static const char *const ends[] = { "\n", "\r\n", "\n", "\r" };
	const char *end = ends[roll(roll(8) ? 3 : 4)];
	size_t columns = 1 + roll(4), rows = roll(12);

	for (size_t i = 0; i < columns; i++)
		buf_addf(b, "%c%c", i ? o->delimiter : ' ', 'a' + (int)i);
	buf_addz(b, end);
	for (size_t r = 0; r < rows; r++) {
		for (size_t i = 0; i < columns; i++) {
			if (i)
				buf_addc(b, o->delimiter);
			put_value(b);
		}
		buf_addz(b, end);
		if (roll(40) == 0)
			buf_addz(b, end);
	}
	for (size_t n = roll(4); n > 1; n--)
		damage(b);
}

/* ---- reading ---- */

struct result {
	struct buf rows, error;
	uint64_t n;
	int status;
	bool ended_well;
};

static void release(struct result *r)
{
	buf_release(&r->rows);
	buf_release(&r->error);
}

/* In blocks of random sizes, which begin with seed. */
static struct result read_table(struct str text, const struct csv_options *o,
				uint64_t limit, uint64_t seed)
{
	struct result result = { .rows = BUF_INIT, .error = BUF_INIT };
	struct failure f = FAILURE_INIT;
	struct rows rows;
	struct csv_rows *c;
	uint64_t before = state;
	int got = -1;

	state = seed;
	rows_init(&rows, -1, "memory");
	rows.out.hold = true;
	rows.limit = limit;
	rows.max_record = o->max_record;
	c = csv_rows_new(o, &f);
	if (c) {
		size_t most = roll(2) ? text.n + 1 : 100;

		got = 0;
		while (got == 0 && text.n && !rows_full(&rows)) {
			size_t want = 1 + roll(most);
			size_t n = MIN(want, text.n);
			/* So that a step beyond its end is seen. */
			char *block = xmalloc(n);

			memcpy(block, text.s, n);
			got = csv_rows_feed(c, (struct str){ block, n }, &rows,
					    &f);
			free(block);
			text.s += n;
			text.n -= n;
		}
		if (got == 0 && !rows_full(&rows))
			got = csv_rows_end(c, &rows, &f);
		result.ended_well = got == 0 && csv_rows_ended_well(c);
	}
	csv_rows_free(c);
	rows_drop(&rows);
	buf_adds(&result.rows, buf_str(&rows.out.b));
	if (got < 0)
		buf_adds(&result.error, buf_str(&f.text));
	result.status = got < 0 ? f.status : 0;
	result.n = rows.out.n_records;
	rows_release(&rows);
	buf_release(&f.text);
	state = before;
	return result;
}

static bool same(const struct result *a, const struct result *b)
{
	return str_eq(buf_str(&a->rows), buf_str(&b->rows)) &&
	       str_eq(buf_str(&a->error), buf_str(&b->error)) && a->n == b->n &&
	       a->status == b->status && a->ended_well == b->ended_well;
}

static struct csv_options random_options(void)
{
	static const char delimiters[] = {
		',', ',', ',', ';', '\t', '\\', '"'
	};
	static const char *const nulls[] = { NULL,  NULL, NULL, "NULL",
					     "\\N", "",   "\"" };
	static const char *const columns[] = { NULL, NULL, NULL, "x,y", "x" };

	return (struct csv_options){
		.delimiter = PICK(delimiters),
		.null = PICK(nulls),
		.columns = PICK(columns),
		.name = roll(2) ? "FILE" : NULL,
		.max_record = roll(4) ? 1 << 20 : 20 + roll(200),
	};
}

static void print_difference(struct str text, const struct result *a,
			     const struct result *b)
{
	printf("# of a text of %zu bytes: %" PRIu64 " rows, %d, %s\n", text.n,
	       a->n, a->status, a->error.data);
	printf("# libcsv: %" PRIu64 " rows, %d, %s\n", b->n, b->status,
	       b->error.data);
}

static void hold_against_libcsv(void)
{
	int different = 0, good = 0, bad = 0;

	for (int turn = 0; turn < 40000; turn++) {
		struct csv_options o = random_options();
		uint64_t limit = roll(8) ? UINT64_MAX : roll(4), seed;
		struct buf text = BUF_INIT;
		struct result ours, theirs;

		put_table(&text, &o);
		seed = 1 + roll(1 << 30);
		ours = read_table(buf_str(&text), &o, limit, seed);
		o.libcsv_only = true;
		theirs = read_table(buf_str(&text), &o, limit, seed);
		if (!same(&ours, &theirs) && different++ < 5)
			print_difference(buf_str(&text), &ours, &theirs);
		good += ours.status == 0;
		bad += ours.status != 0;
		release(&ours);
		release(&theirs);
		buf_release(&text);
	}
	ok(!different, "random tables: the same rows and errors as libcsv's");
	ok(good > 10000 && bad > 10000, "many of them are right, many wrong");
}

/* ---- what csvrow takes by itself ---- */

/* Of columns a and b. NULL: not taken. */
static bool takes(const char *text, const char *wanted)
{
	/* What follows is long enough that no row is too near the end. */
	static const char rest[] = "another row,whose text is long enough\n";
	struct columns columns = COLUMNS_INIT;
	struct failure f = FAILURE_INIT;
	struct csvrow row = CSVROW_INIT;
	struct buf block = BUF_INIT, out = BUF_INIT;
	uint64_t lines = 0;
	const char *next;
	bool good = columns_add(&columns, STR("a"), &f) == 0 &&
		    columns_add(&columns, STR("b"), &f) == 0 &&
		    csvrow_start(&row, &columns, ',', NULL);

	buf_addz(&block, text);
	buf_addz(&block, rest);
	next =
	    csvrow_take(&row, block.data, block.data + block.len, &out, &lines);
	if (wanted)
		good = good && next == block.data + strlen(text) &&
		       strcmp(out.data, wanted) == 0;
	else
		good = good && !next;
	csvrow_release(&row);
	columns_release(&columns);
	buf_release(&block);
	buf_release(&out);
	return good;
}

int main(void)
{
	/* Headers made at random look as if they had another delimiter. */
	msg_set_level(MSG_ERROR);
	ok(takes("1,x\n", "{\"a\":\"1\",\"b\":\"x\"}"), "plain values");
	ok(takes(",\"\"\r\n", "{\"a\":null,\"b\":\"\"}"), "null and empty");
	ok(takes("\"say \"\"so\"\"\",\"a,\nb\"\n",
		 "{\"a\":\"say \\\"so\\\"\",\"b\":\"a,\\nb\"}"),
	   "quotes, delimiters and line ends in quotes");
	ok(takes("M\xc3\xbcnchen,a\\b\tc\n",
		 "{\"a\":\"M\xc3\xbcnchen\",\"b\":\"a\\\\b\\tc\"}"),
	   "letters beyond ASCII, and what JSON escapes");
	ok(takes("1\n", NULL), "not: too few values");
	ok(takes("1,2,3\n", NULL), "not: too many");
	ok(takes("1,a\"b\n", NULL), "not: a quote inside a value");
	ok(takes("1,\"a\"b\n", NULL), "not: text behind a quote");
	ok(takes("1,\xff\n", NULL), "not: invalid UTF-8");
	ok(takes("1,2\r3,4\n", NULL), "not: a line end of CR");
	ok(takes("\n", NULL), "not: a blank line");
	hold_against_libcsv();
	return tap_done();
}
