/* SPDX-License-Identifier: MIT */
#include "bin/retl-extract/parquet.h"

#include "bin/retl-extract/source.h"
#include "common/file.h"
#include "common/mem.h"

#define BLOCK ((size_t)1 << 20)

struct parquet {
	struct input *in;
	int fd;
	char path[32]; /* of fd */
	struct source_args args;
	void *source; /* NULL: it has not been opened */
};

struct parquet *parquet_new(struct input *in)
{
	struct parquet *p = xcalloc(1, sizeof *p);

	p->in = in;
	p->fd = -1;
	return p;
}

void parquet_free(struct parquet *p)
{
	if (!p)
		return;
	if (p->source)
		source_close(&source_parquet, p->source);
	if (p->fd >= 0)
		close(p->fd);
	free(p);
}

/* The file is called as what came was called. */
static int named(struct parquet *p, struct failure *f)
{
	size_t n = strlen(p->path);

	if (strncmp(f->text.data, p->path, n) == 0)
		failed(f, f->status, "%s%s", p->in->name, f->text.data + n);
	return -1;
}

static int copy(struct parquet *p, struct failure *f)
{
	char *block = xmalloc(BLOCK);
	ssize_t got;

	while ((got = input_read(p->in, block, BLOCK, f)) > 0)
		if (file_write_all(p->fd, block, (size_t)got) < 0) {
			failed(f, EX_IOERR, "%s: its copy in TMPDIR: %s",
			       p->in->name, strerror(errno));
			got = -1;
			break;
		}
	free(block);
	return got < 0 ? -1 : 0;
}

static int start(struct parquet *p, struct failure *f)
{
	const char *tmp = getenv("TMPDIR");

	p->fd = file_nameless(tmp && *tmp ? tmp : "/tmp", &f->text);
	if (p->fd < 0) {
		f->status = EX_IOERR;
		return -1;
	}
	if (copy(p, f) < 0)
		return -1;
	snprintf(p->path, sizeof p->path, "/proc/self/fd/%d", p->fd);
	p->args.url = p->args.where = p->path;
	p->source = source_open(&source_parquet, &p->args, f);
	return p->source ? 0 : named(p, f);
}

int parquet_next(struct parquet *p, struct rows *rows, struct failure *f)
{
	int got;

	if (!p->source && start(p, f) < 0)
		return -1;
	got = source_parquet.next(p->source, rows, f);
	return got < 0 ? named(p, f) : got;
}
