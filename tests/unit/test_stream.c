/* SPDX-License-Identifier: MIT */
/* Lines and seals, at every length and at every cut. */
#include "common/ndjson.h"
#include "common/record.h"

#include <fcntl.h>
#include <sys/mman.h>

#include "tests/unit/tap.h"

/* Lines are found in two ways, and main goes both. */
static bool with_index;

/* Reads text as a stream: the number of records, or -1. */
static int records(struct str text, bool *sealed, int *status)
{
	struct ndjson r = NDJSON_INIT;
	int n = 0, got;

	ndjson_index(&r, with_index);
	r.max_record = 100;
	r.fd = memfd_create("stream", 0);
	if (write(r.fd, text.s, text.n) != (ssize_t)text.n ||
	    lseek(r.fd, 0, SEEK_SET) != 0)
		return -2;
	r.name = "memory";
	while ((got = ndjson_next(&r)) == 1)
		n++;
	*sealed = got == 0 && ndjson_sealed(&r);
	*status = r.status;
	ndjson_close(&r);
	return got < 0 ? -1 : n;
}

static bool is_sealed(const char *text)
{
	bool sealed;
	int status;

	return records(str_of(text), &sealed, &status) >= 0 && sealed;
}

/* Does any stream that lacks bytes at its end pass for complete? */
static int faked_by_cutting(uint64_t n)
{
	struct buf b = BUF_INIT;
	bool sealed;
	int status, faked = 0;

	for (uint64_t i = 0; i < n; i++)
		buf_addf(&b, "{\"id\":%" PRIu64 "}\n", i);
	seal_put(&b, n);
	if (!is_sealed(b.data))
		faked = 1000;
	/* The last LF may be missing: everything is there. */
	for (size_t cut = b.len - 2; cut > 0; cut--) {
		records((struct str){ b.data, cut }, &sealed, &status);
		faked += sealed;
	}
	buf_release(&b);
	return faked;
}

/*
 * Reads 500 records through a block of cap bytes that is lent again and again:
 * are they the ones that went in, still in place when the block is full?
 */
static bool same_through_block(size_t cap, size_t chunk)
{
	static char block[4096];
	struct ndjson r = NDJSON_INIT;
	struct buf in = BUF_INIT, out = BUF_INIT;
	struct str kept[600];
	size_t n = 0;
	bool same;
	int got;

	for (unsigned i = 0; i < 500; i++)
		buf_addf(&in, "{\"%*d\":%u}\n", (int)(i * 7 % 30), 1, i);
	r.fd = memfd_create("stream", 0);
	if (write(r.fd, in.data, in.len) != (ssize_t)in.len ||
	    lseek(r.fd, 0, SEEK_SET) != 0)
		return false;
	r.name = "memory";
	ndjson_index(&r, with_index);
	ndjson_lend(&r, block, cap, chunk);
	do {
		got = ndjson_next(&r);
		if (got == 1) {
			kept[n++] = r.line;
			continue;
		}
		for (size_t i = 0; i < n; i++) {
			buf_adds(&out, kept[i]);
			buf_addc(&out, '\n');
		}
		n = 0;
		if (got == 2)
			ndjson_lend(&r, block, cap, chunk);
	} while (got > 0);
	same =
	    got == 0 && r.line_no == 500 && str_eq(buf_str(&in), buf_str(&out));
	ndjson_close(&r);
	buf_release(&in);
	buf_release(&out);
	return same;
}

/* A line of a record, of about n bytes, some with what is not plain. */
static void put_line(struct buf *b, unsigned i, size_t n)
{
	static const char *const odd[] = { "x", "\xc3\xa9", "\\\"", "\\\\" };

	buf_addf(b, "{\"id\":%u,\"text\":\"", i);
	for (size_t k = 0; k < n; k++)
		buf_addz(b, i % 7 ? "y" : odd[(i + k) % 4]);
	buf_addz(b, i % 11 ? "\"}\n" : i % 2 ? "\"}\r\n" : "\t\"}\n");
}

/*
 * Of 20000 lines, short and long ones, good and bad ones (a raw tab in a
 * string): how many does the index make another thing of?
 */
static int index_differs(void)
{
	struct ndjson r = NDJSON_INIT;
	struct record rec = RECORD_INIT, plain = RECORD_INIT;
	struct buf in = BUF_INIT;
	int bad = 0, n_indexed = 0;
	unsigned n = 0;

	for (unsigned i = 0; i < 20000; i++)
		put_line(&in, i, i % 999 ? i * 37 % 90 : 20000);
	r.fd = memfd_create("stream", 0);
	if (write(r.fd, in.data, in.len) != (ssize_t)in.len ||
	    lseek(r.fd, 0, SEEK_SET) != 0)
		return -1;
	r.name = "memory";
	ndjson_index(&r, true);
	while (ndjson_next(&r) == 1) {
		struct json_fault f, g;
		int got = record_parse_indexed(&rec, r.line, r.in_index, &f);

		bad += got != record_parse(&plain, r.line, &g);
		bad += got == 0 ? rec.obj.n != 2 || !str_eq(rec.obj.m[1].val,
							    plain.obj.m[1].val)
				: n % 22 != 0 || f.at != g.at;
		n_indexed += r.in_index != NULL;
		n++;
	}
	bad += n != 20000 || (json_index_usable() && n_indexed < 15000);
	ndjson_close(&r);
	record_release(&rec);
	record_release(&plain);
	buf_release(&in);
	return bad;
}

static void test_lines(void)
{
	struct buf b = BUF_INIT;
	bool sealed;
	int status;

	ok(is_sealed("\t\n"), "no record, sealed");
	ok(!is_sealed(""), "nothing at all is not sealed");
	ok(!is_sealed("\n"), "nor does an empty line seal");
	ok(is_sealed("{}\n\t \n{}\n{}\n\t  \n"), "sealed streams in a row");
	ok(!is_sealed("{}\n\t \n{}\n"), "an unsealed one behind a sealed one");
	ok(!is_sealed("{}\n{}\n\t \n"), "a wrong count");
	ok(!is_sealed("{}\n{}\n\t \n{}\n\t \n"),
	   "a wrong count is not mended by a right one");
	ok(!is_sealed("{}\n\t\t \n"), "a leading zero");
	ok(!is_sealed("{}\n \t \n"), "a blank before the seal");
	ok(is_sealed("{}\r\n\t \r\n"), "CR LF");
	ok(faked_by_cutting(1) + faked_by_cutting(9) + faked_by_cutting(10) +
		   faked_by_cutting(30) + faked_by_cutting(101) ==
	       0,
	   "no cut passes for the whole");
	ok(records(STR("{}\n{}"), &sealed, &status) == 2,
	   "a last line without LF is a line");
	buf_reset(&b);
	for (int i = 0; i < 100; i++)
		buf_addc(&b, 'x');
	ok(records(buf_str(&b), &sealed, &status) == 1, "a line of the limit");
	buf_addc(&b, 'x');
	ok(records(buf_str(&b), &sealed, &status) == -1 && status == EX_DATAERR,
	   "a line beyond it is 65");
	ok(same_through_block(4096, 4096) && same_through_block(1000, 100) &&
	       same_through_block(64, 7) && same_through_block(40, 1),
	   "lines stay in place in a lent block");
	buf_release(&b);
}

int main(void)
{
	struct buf b = BUF_INIT;

	seal_put(&b, 0);
	seal_put(&b, 3);
	seal_put(&b, 120);
	is(b.data, "\t\n\t   \n\t \t  \t\n", "seals as retl-stream(5) shows");
	buf_release(&b);
	test_lines();
	with_index = true;
	test_lines();
	ok(index_differs() == 0, "an index changes nothing");
	return tap_done();
}
