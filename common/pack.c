/* SPDX-License-Identifier: MIT */
#include "common/pack.h"

#include <zlib.h>

#include "common/msg.h"

/* zlib counts in unsigned int. */
#define MOST ((size_t)1 << 30)

void pack_gzip(struct buf *out, struct str text)
{
	z_stream z = { .next_in = (Bytef *)text.s };
	size_t rest = text.n;
	int got;

	/* 16: with gzip's head, whose time stays 0. */
	if (deflateInit2(&z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 15 + 16, 8,
			 Z_DEFAULT_STRATEGY) != Z_OK)
		die(EX_OSERR, "out of memory");
	do {
		if (!z.avail_in) {
			z.avail_in = (uInt)MIN(rest, MOST);
			rest -= z.avail_in;
		}
		buf_reserve(out, (size_t)64 << 10);
		z.next_out = (Bytef *)out->data + out->len;
		z.avail_out = (uInt)MIN(out->cap - out->len - 1, MOST);
		got = deflate(&z, rest ? Z_NO_FLUSH : Z_FINISH);
		out->len = (size_t)((char *)z.next_out - out->data);
		out->data[out->len] = '\0';
	} while (got != Z_STREAM_END);
	deflateEnd(&z);
}
