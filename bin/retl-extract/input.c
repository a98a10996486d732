/* SPDX-License-Identifier: MIT */
#include "bin/retl-extract/input.h"

#include <fcntl.h>

#include "common/mem.h"

#define HEAD ((size_t)64 << 10)

void input_from_fd(struct input *in, int fd, const char *name,
		   struct rows *rows)
{
	*in = (struct input){ .fd = fd, .name = name };
	pipe_widen(fd);
	if (fstat(fd, &in->before) < 0)
		in->before.st_mode = 0; /* not known to be a file */
	inflate_init(&in->z, fd, in->name, rows);
}

void input_from_feed(struct input *in, const struct feed *feed,
		     const char *path)
{
	*in = (struct input){ .fd = -1, .name = path, .path = path };
	inflate_init(&in->z, -1, path, NULL);
	in->z.feed = *feed;
}

int input_open(struct input *in, const char *path, struct rows *rows,
	       struct failure *f)
{
	int fd;

	if (strcmp(path, "-") == 0) {
		input_from_fd(in, STDIN_FILENO, "standard input", rows);
		return 0;
	}
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return failed(f, EX_NOINPUT, "%s: %s", path, strerror(errno));
	input_from_fd(in, fd, path, rows);
	in->path = path;
	return 0;
}

/* The first bytes, so many that a byte order mark would be whole. */
static int look(struct input *in, struct failure *f)
{
	in->looked = true;
	in->head = xmalloc(HEAD);
	while (in->end < 3 && !in->eof) {
		ssize_t got =
		    inflate_read(&in->z, in->head + in->end, HEAD - in->end, f);

		if (got < 0)
			return -1;
		in->eof = got == 0;
		in->end += (size_t)got;
	}
	if (in->end >= 3 && memcmp(in->head, "\xef\xbb\xbf", 3) == 0)
		in->at = 3;
	else if (in->end >= 2 && (memcmp(in->head, "\xff\xfe", 2) == 0 ||
				  memcmp(in->head, "\xfe\xff", 2) == 0))
		return failed(f, EX_DATAERR,
			      "%s: is UTF-16; convert it to UTF-8 first, for "
			      "instance with iconv -f UTF-16 -t UTF-8",
			      in->name);
	return 0;
}

/* Where something begins, behind white space. */
static size_t first_ink(const struct input *in)
{
	size_t i = in->at;

	while (i < in->end && in->head[i] && strchr(" \t\r\n", in->head[i]))
		i++;
	return i;
}

int input_peek(struct input *in, struct str *head, struct failure *f)
{
	if (!in->looked && look(in, f) < 0)
		return -1;
	while (first_ink(in) == in->end && in->end < HEAD && !in->eof) {
		ssize_t got =
		    inflate_read(&in->z, in->head + in->end, HEAD - in->end, f);

		if (got < 0)
			return -1;
		in->eof = got == 0;
		in->end += (size_t)got;
	}
	*head =
	    (struct str){ in->head + first_ink(in), in->end - first_ink(in) };
	return 0;
}

ssize_t input_read(struct input *in, void *p, size_t n, struct failure *f)
{
	struct str head;

	if (!in->looked && look(in, f) < 0)
		return -1;
	if (in->at == in->end)
		return in->eof ? 0 : inflate_read(&in->z, p, n, f);
	head = (struct str){ in->head + in->at, MIN(n, in->end - in->at) };
	memcpy(p, head.s, head.n);
	in->at += head.n;
	return (ssize_t)head.n;
}

static bool same_time(struct timespec a, struct timespec b)
{
	return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

int input_whole(const struct input *in, struct failure *f)
{
	struct stat now;

	if (!S_ISREG(in->before.st_mode))
		return 0;
	if (fstat(in->fd, &now) < 0 || now.st_size != in->before.st_size ||
	    !same_time(now.st_mtim, in->before.st_mtim))
		return failed(f, EX_TEMPFAIL,
			      "%s: was changed while it was read; run again "
			      "when its writer has finished",
			      in->name);
	return 1;
}

void input_close(struct input *in)
{
	inflate_release(&in->z);
	if (in->fd > STDERR_FILENO)
		close(in->fd);
	free(in->head);
	*in = (struct input){ .fd = -1 };
}
