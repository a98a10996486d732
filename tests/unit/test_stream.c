/* SPDX-License-Identifier: MIT */
/* Lines and seals, at every length and at every cut. */
#include "common/ndjson.h"

#include <fcntl.h>
#include <sys/mman.h>

#include "tests/unit/tap.h"

/* Reads text as a stream: the number of records, or -1. */
static int records(struct str text, bool *sealed, int *status)
{
	struct ndjson r = NDJSON_INIT;
	int n = 0, got;

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

int main(void)
{
	struct buf b = BUF_INIT;
	bool sealed;
	int status;

	seal_put(&b, 0);
	seal_put(&b, 3);
	seal_put(&b, 120);
	is(b.data, "\t\n\t   \n\t \t  \t\n", "seals as retl-stream(5) shows");
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
	buf_release(&b);
	ok(same_through_block(4096, 4096) && same_through_block(1000, 100) &&
	       same_through_block(64, 7) && same_through_block(40, 1),
	   "lines stay in place in a lent block");
	return tap_done();
}
