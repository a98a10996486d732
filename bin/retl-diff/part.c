/* SPDX-License-Identifier: MIT */
#include "bin/retl-diff/part.h"

#include <fcntl.h>

#include "common/beside.h"
#include "common/file.h"
#include "common/mem.h"
#include "common/msg.h"

#define PART_ENOUGH ((size_t)256 << 10)

void part_begin(struct part_writer *w, struct state *st, enum state_file which,
		uint64_t generation)
{
	*w = (struct part_writer){
		.st = st, .fd = -1, .b = BUF_INIT, .going = BUF_INIT
	};
	w->part.name = part_name(which, generation);
	w->path = xstrdup(state_path(st, w->part.name));
}

static NORETURN void part_die(struct part_writer *w, int why)
{
	unlink(w->path);
	die(EX_IOERR, "%s: %s: the state is as it was before", w->path,
	    strerror(why));
}

/* Done beside. */
static void write_rows(void *arg)
{
	struct part_writer *w = arg;

	if (file_write_all(w->fd, w->going.data, w->going.len) < 0)
		w->error = errno;
	file_write_back(w->fd, w->at, w->going.len);
}

static void part_wait(struct part_writer *w)
{
	beside_wait(w->beside);
	buf_reset(&w->going);
	if (w->error)
		part_die(w, w->error);
}

static void part_flush(struct part_writer *w)
{
	struct buf empty;

	/* Never into a stray: it may be the file of a run as well. */
	if (w->fd < 0 && (unlink(w->path) == 0 || errno == ENOENT))
		w->fd = open(w->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
			     0600);
	if (w->fd < 0)
		part_die(w, errno);
	part_wait(w);
	empty = w->going;
	w->going = w->b;
	w->b = empty;
	w->at = w->part.bytes;
	w->part.bytes += w->going.len;
	beside_do(w->beside, write_rows, w);
}

void part_row(struct part_writer *w)
{
	buf_addc(&w->b, '\n');
	w->part.rows++;
	if (LIKELY(w->b.len < PART_ENOUGH))
		return;
	if (!w->beside)
		w->beside = beside_start();
	part_flush(w);
}

struct part part_end(struct part_writer *w)
{
	struct part p = w->part;

	if (p.rows) {
		part_flush(w);
		part_wait(w);
		if (fsync(w->fd) < 0)
			part_die(w, errno);
		close(w->fd);
		p = w->part;
	} else {
		free(p.name);
		p = (struct part){ .name = NULL };
	}
	beside_end(w->beside);
	buf_release(&w->b);
	buf_release(&w->going);
	free(w->path);
	return p;
}
