/* SPDX-License-Identifier: MIT */
#include "bin/retl-sort/mapped.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>

#include "common/msg.h"

/* ---- a page that is not there any more ---- */

static char lost[512];
static size_t lost_len;

/* There is no way back: where it was missed, a value was expected. */
static void page_lost(int signal_no)
{
	(void)signal_no;
	if (write(STDERR_FILENO, lost, lost_len) < 0)
		_exit(EX_IOERR);
	_exit(EX_IOERR);
}

static void expect_losses(const char *name)
{
	struct sigaction sa = { .sa_handler = page_lost };

	lost_len = (size_t)snprintf(
	    lost, sizeof lost,
	    "retl-sort: error: %s: was cut short, or cannot be read, while it "
	    "is sorted\n",
	    name);
	lost_len = MIN(lost_len, sizeof lost - 1);
	sigaction(SIGBUS, &sa, NULL);
}

/* ---- files ---- */

static size_t whole_pages(size_t n)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	return (n + page - 1) / page * page;
}

void mapped_take(struct mapped *m, const struct ndjson *in, char *block,
		 size_t cap)
{
	const char *name = in->name ? in->name : "standard input";
	size_t size;

	if (fstat(in->fd, &m->was) < 0 || !S_ISREG(m->was.st_mode) ||
	    m->was.st_size <= 0 || lseek(in->fd, 0, SEEK_CUR) != 0)
		return;
	size = (size_t)m->was.st_size;
	if (size > cap)
		return;
	/* The reader's own is closed when it is at the end. */
	m->fd = fcntl(in->fd, F_DUPFD_CLOEXEC, 3);
	if (m->fd < 0)
		return;
	expect_losses(name);
	if (mmap(block, size, PROT_READ, MAP_SHARED | MAP_FIXED, m->fd, 0) ==
	    MAP_FAILED) {
		close(m->fd);
		return;
	}
	m->size = size;
	m->name = name;
}

size_t mapped_pages(const struct mapped *m)
{
	return whole_pages(m->size);
}

static bool is_as_it_was(const struct mapped *m)
{
	struct stat now;

	return fstat(m->fd, &now) == 0 && now.st_size == m->was.st_size &&
	       now.st_mtim.tv_sec == m->was.st_mtim.tv_sec &&
	       now.st_mtim.tv_nsec == m->was.st_mtim.tv_nsec;
}

void mapped_end(struct mapped *m)
{
	if (!m->size)
		return;
	if (!is_as_it_was(m))
		die(EX_IOERR,
		    "%s: was changed while it was sorted: sort a copy, or feed "
		    "it through a pipe",
		    m->name);
	close(m->fd);
	m->size = 0;
}
