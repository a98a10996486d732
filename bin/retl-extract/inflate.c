/* SPDX-License-Identifier: MIT */
#include "bin/retl-extract/inflate.h"

#include <poll.h>
#include <zlib.h>
#ifdef HAVE_ZSTD
#include <zstd.h>
#endif

#include "common/mem.h"

#define CHUNK ((size_t)256 << 10)
#define GZIP_WINDOW (15 + 16) /* the largest, gzip's header demanded */

void inflate_init(struct inflate *z, int fd, const char *name,
		  struct rows *rows)
{
	*z = (struct inflate){
		.fd = fd, .name = name, .rows = rows, .between = true
	};
	z->in = xmalloc(CHUNK);
}

static bool would_block(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 0) == 0;
}

static ssize_t read_raw(struct inflate *z, void *p, size_t n, struct failure *f)
{
	ssize_t got;

	if (z->feed.read)
		return z->feed.read(z->feed.self, p, n, f);
	if (z->rows && rows_waiting(z->rows) && would_block(z->fd))
		rows_flush(z->rows);
	do
		got = read(z->fd, p, n);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return failed(f, errno == EISDIR ? EX_NOINPUT : EX_IOERR,
			      "%s: %s", z->name, strerror(errno));
	return got;
}

/* More bytes behind what is kept. */
static int fill(struct inflate *z, struct failure *f)
{
	ssize_t got;

	if (z->at) {
		memmove(z->in, z->in + z->at, z->end - z->at);
		z->end -= z->at;
		z->at = 0;
	}
	got = read_raw(z, z->in + z->end, CHUNK - z->end, f);
	if (got < 0)
		return -1;
	z->eof = got == 0;
	z->end += (size_t)got;
	return 0;
}

/* ---- gzip ---- */

static int gzip_start(struct inflate *z, struct failure *f)
{
	z_stream *s = xcalloc(1, sizeof *s);

	z->kind = INFLATE_GZIP;
	z->engine = s;
	if (inflateInit2(s, GZIP_WINDOW) != Z_OK)
		return failed(f, EX_OSERR, "%s: zlib cannot start", z->name);
	return 0;
}

/*
 * Between members: true if another one begins. Zeros up to the end are the
 * padding of tapes and blocks; gzip(1) ignores them too.
 */
static int gzip_more(struct inflate *z, struct failure *f)
{
	for (;;) {
		while (z->at < z->end && z->in[z->at] == 0) {
			z->padding = true;
			z->at++;
		}
		if (z->at < z->end || z->eof)
			break;
		if (fill(z, f) < 0)
			return -1;
	}
	if (z->at == z->end)
		return 0;
	if (z->padding || z->in[z->at] != 0x1f)
		return failed(f, EX_DATAERR,
			      "%s: something follows the gzip data", z->name);
	inflateReset2(z->engine, GZIP_WINDOW);
	z->between = false;
	return 1;
}

static int gzip_fault(struct inflate *z, int code, struct failure *f)
{
	z_stream *s = z->engine;

	if (code == Z_MEM_ERROR)
		return failed(f, EX_OSERR, "%s: out of memory", z->name);
	return failed(f, EX_DATAERR, "%s: damaged gzip data: %s", z->name,
		      s->msg ? s->msg : "preset dictionary");
}

static ssize_t gzip_read(struct inflate *z, void *p, size_t n,
			 struct failure *f)
{
	z_stream *s = z->engine;
	int code, more;

	s->next_out = p;
	s->avail_out = (uInt)MIN(n, (size_t)1 << 30);
	n = s->avail_out;
	while (s->avail_out == n) {
		if (z->between) {
			more = gzip_more(z, f);
			if (more <= 0)
				return more;
		}
		if (z->at == z->end && !z->eof && fill(z, f) < 0)
			return -1;
		if (z->at == z->end)
			return failed(f, EX_DATAERR,
				      "%s: the gzip data is cut off", z->name);
		s->next_in = z->in + z->at;
		s->avail_in = (uInt)(z->end - z->at);
		code = inflate(s, Z_NO_FLUSH);
		z->at = z->end - s->avail_in;
		if (code == Z_STREAM_END)
			z->between = true;
		else if (code != Z_OK && code != Z_BUF_ERROR)
			return gzip_fault(z, code, f);
	}
	return (ssize_t)(n - s->avail_out);
}

/* ---- zstd ---- */

#ifdef HAVE_ZSTD
static int zstd_start(struct inflate *z, struct failure *f)
{
	z->kind = INFLATE_ZSTD;
	z->engine = ZSTD_createDStream();
	if (!z->engine || ZSTD_isError(ZSTD_initDStream(z->engine)))
		return failed(f, EX_OSERR, "%s: zstd cannot start", z->name);
	return 0;
}

static ssize_t zstd_read(struct inflate *z, void *p, size_t n,
			 struct failure *f)
{
	ZSTD_outBuffer out = { p, n, 0 };

	while (!out.pos) {
		ZSTD_inBuffer in;
		size_t left;

		if (z->at == z->end && !z->eof && fill(z, f) < 0)
			return -1;
		if (z->at == z->end && z->between)
			return 0;
		in = (ZSTD_inBuffer){ z->in, z->end, z->at };
		left = ZSTD_decompressStream(z->engine, &out, &in);
		/* At the end there may still be output inside. */
		if (z->at == z->end && z->eof && !out.pos && left &&
		    !ZSTD_isError(left))
			return failed(f, EX_DATAERR,
				      "%s: the zstd data is cut off", z->name);
		z->at = in.pos;
		if (ZSTD_isError(left))
			return failed(f, EX_DATAERR,
				      "%s: damaged zstd data: %s", z->name,
				      ZSTD_getErrorName(left));
		z->between = left == 0;
	}
	return (ssize_t)out.pos;
}

static void zstd_stop(struct inflate *z)
{
	ZSTD_freeDStream(z->engine);
}
#else
static int zstd_start(struct inflate *z, struct failure *f)
{
	return failed(f, EX_USAGE, "%s: zstd is not built in (needs libzstd)",
		      z->name);
}

static ssize_t zstd_read(struct inflate *z, void *p UNUSED, size_t n UNUSED,
			 struct failure *f)
{
	return zstd_start(z, f);
}

static void zstd_stop(struct inflate *z UNUSED)
{
}
#endif

/* ---- both, and neither ---- */

static bool begins(const struct inflate *z, const char *magic, size_t n)
{
	return z->end >= n && memcmp(z->in, magic, n) == 0;
}

static int look_at_magic(struct inflate *z, struct failure *f)
{
	while (z->end < 4 && !z->eof)
		if (fill(z, f) < 0)
			return -1;
	if (begins(z, "\x1f\x8b", 2))
		return gzip_start(z, f);
	/* A frame, or one to skip, with which some compressors begin. */
	if (begins(z, "\x28\xb5\x2f\xfd", 4) ||
	    (z->end >= 4 && (z->in[0] & 0xf0) == 0x50 &&
	     memcmp(z->in + 1, "\x2a\x4d\x18", 3) == 0))
		return zstd_start(z, f);
	z->kind = INFLATE_NONE;
	return 0;
}

static ssize_t plain_read(struct inflate *z, void *p, size_t n,
			  struct failure *f)
{
	ssize_t got = (ssize_t)MIN(n, z->end - z->at);

	if (got) {
		memcpy(p, z->in + z->at, (size_t)got);
		z->at += (size_t)got;
	} else if (!z->eof) {
		got = read_raw(z, p, n, f);
		z->eof = got == 0;
	}
	return got;
}

ssize_t inflate_read(struct inflate *z, void *p, size_t n, struct failure *f)
{
	if (z->kind == INFLATE_UNKNOWN && look_at_magic(z, f) < 0)
		return -1;
	switch (z->kind) {
	case INFLATE_GZIP:
		return gzip_read(z, p, n, f);
	case INFLATE_ZSTD:
		return zstd_read(z, p, n, f);
	default:
		return plain_read(z, p, n, f);
	}
}

void inflate_release(struct inflate *z)
{
	if (z->kind == INFLATE_GZIP) {
		inflateEnd(z->engine);
		free(z->engine);
	} else if (z->kind == INFLATE_ZSTD) {
		zstd_stop(z);
	}
	free(z->in);
	*z = (struct inflate){ .fd = -1 };
}
