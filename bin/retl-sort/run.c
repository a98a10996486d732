/* SPDX-License-Identifier: MIT */
/*
 * Sorted runs on disk. They stand one after another in one file without a name,
 * so that neither a crash leaves anything behind nor do many runs need many
 * descriptors. A record is preceded by its key, encoded, so that merging parses
 * nothing; a key that can be seen in the record is told by its place there.
 */
#include "bin/retl-sort/sort.h"

#include <fcntl.h>

#include "common/file.h"
#include "common/mem.h"
#include "common/msg.h"

#define WRITE_MAX ((size_t)1 << 20)
#define WRITE_MIN ((size_t)16 << 10)

struct head {
	uint64_t prefix;
	uint64_t place;
	uint32_t len;
	uint32_t key_at; /* in the record, or just behind it */
	uint32_t key_n;
	uint32_t reserved;
};

void runs_init(struct runs *r, const struct config *cfg)
{
	*r = (struct runs){
		.cfg = cfg,
		.fd = -1,
		.last = CODE_COPY_INIT,
		.b = BUF_INIT,
		.enough = MIN(MAX(cfg->memory / 32, WRITE_MIN), WRITE_MAX),
	};
}

void runs_release(struct runs *r)
{
	if (r->fd >= 0)
		close(r->fd);
	free(r->v);
	buf_release(&r->last.text);
	buf_release(&r->b);
}

static NORETURN void die_tmp(const struct runs *r, const char *what)
{
	die(EX_IOERR, "%s: cannot %s a run file: %s; -T names another folder",
	    r->cfg->tmpdir, what, strerror(errno));
}

static void open_file(struct runs *r)
{
	r->fd = file_nameless(r->cfg->tmpdir, NULL);
	if (r->fd < 0)
		die_tmp(r, "make");
}

static void flush(struct runs *r)
{
	if (file_write_all(r->fd, r->b.data, r->b.len) < 0)
		die_tmp(r, "write");
	r->size += (off_t)r->b.len;
	buf_reset(&r->b);
}

void run_begin(struct runs *r)
{
	if (r->fd < 0)
		open_file(r);
	GROW(r->v, r->n, r->cap);
	r->v[r->n++] = (struct run){ r->size, r->size };
}

void run_put(struct runs *r, const struct item *item)
{
	const struct str rec = item->rec, key = item->code.bytes;
	bool inside = key.n && key.s >= rec.s && key.s < rec.s + rec.n;
	struct head h = {
		.prefix = item->code.prefix,
		.place = item->place,
		.len = (uint32_t)rec.n,
		.key_at = (uint32_t)(inside ? (size_t)(key.s - rec.s) : rec.n),
		.key_n = (uint32_t)key.n,
	};

	buf_add(&r->b, &h, sizeof h);
	buf_adds(&r->b, rec);
	if (!inside)
		buf_adds(&r->b, key);
	if (r->b.len >= r->enough)
		flush(r);
}

void run_end(struct runs *r)
{
	flush(r);
	r->v[r->n - 1].end = r->size;
}

void runs_add_block(struct runs *r, const struct block *b)
{
	struct item item;

	if (!b->n)
		return;
	/* Input that is in order makes one run, however long it is. */
	block_item(b, 0, &item);
	if (!r->n || code_cmp(&r->last.code, &item.code, r->cfg->reverse) > 0)
		run_begin(r);
	for (size_t i = 0; i < b->n; i++) {
		block_fetch(b, i);
		block_item(b, i, &item);
		run_put(r, &item);
	}
	code_keep(&r->last, &item.code);
	run_end(r);
}

void runs_punch(struct runs *r, const struct run *v, size_t n)
{
	/* It is a favour to the disk: where it cannot be done, never mind. */
	for (size_t i = 0; i < n; i++)
		(void)fallocate(r->fd,
				FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				v[i].at, v[i].end - v[i].at);
}

/* ---- reading ---- */

void run_open(struct run_reader *rd, const struct runs *r, size_t i, size_t cap)
{
	*rd = (struct run_reader){
		.runs = r,
		.at = r->v[i].at,
		.end = r->v[i].end,
		.buf = xmalloc(cap),
		.cap = cap,
	};
}

static void fill(struct run_reader *rd)
{
	size_t room = rd->cap - rd->filled;
	off_t left = rd->end - rd->at;
	ssize_t n;

	if ((off_t)room > left)
		room = (size_t)left;
	do
		n = pread(rd->runs->fd, rd->buf + rd->filled, room, rd->at);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		die_tmp(rd->runs, "read");
	if (n == 0)
		BUG("a run ends too early");
	rd->at += n;
	rd->filled += (size_t)n;
}

/* The next n bytes are in the buffer; NULL at the end of the run. */
static const char *need(struct run_reader *rd, size_t n)
{
	if (rd->filled - rd->begin >= n)
		return rd->buf + rd->begin;
	memmove(rd->buf, rd->buf + rd->begin, rd->filled - rd->begin);
	rd->filled -= rd->begin;
	rd->begin = 0;
	if (n > rd->cap) {
		rd->cap = n;
		rd->buf = xrealloc(rd->buf, n);
	}
	if (!rd->filled && rd->at == rd->end)
		return NULL;
	while (rd->filled < n)
		fill(rd);
	return rd->buf;
}

bool run_next(struct run_reader *rd, struct item *item)
{
	struct head h;
	const char *p = need(rd, sizeof h);
	size_t size;

	if (!p)
		return false;
	memcpy(&h, p, sizeof h);
	size = sizeof h + MAX((size_t)h.len, (size_t)h.key_at + h.key_n);
	p = need(rd, size) + sizeof h;
	rd->begin += size;
	item->rec = (struct str){ p, h.len };
	item->code.prefix = h.prefix;
	item->code.bytes = (struct str){ p + h.key_at, h.key_n };
	item->place = h.place;
	return true;
}

void run_close(struct run_reader *rd)
{
	free(rd->buf);
}
