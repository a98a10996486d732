/* SPDX-License-Identifier: MIT */
#include "common/file.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "common/mem.h"

static void nothing(int sig)
{
	(void)sig;
}

void file_outlive_limits(void)
{
	struct sigaction a = { .sa_handler = nothing, .sa_flags = SA_RESTART };

	sigaction(SIGXFSZ, &a, NULL);
}

int file_read(const char *path, size_t max, struct buf *out, struct buf *err)
{
	bool is_stdin = strcmp(path, "-") == 0;
	int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	size_t start = out->len;
	int ret = -1;

	if (fd < 0)
		return fail(err, "%s: %s", path, strerror(errno));
	for (;;) {
		ssize_t n;

		if (!buf_reserve(out, 65536)) {
			fail(err, "%s: too large", path);
			goto out;
		}
		n = read(fd, out->data + out->len, 65536);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			fail(err, "%s: %s", path, strerror(errno));
			goto out;
		}
		if (n == 0)
			break;
		out->len += (size_t)n;
		out->data[out->len] = '\0';
		if (out->len - start > max) {
			fail(err, "%s: larger than %zu bytes", path, max);
			goto out;
		}
	}
	ret = 0;
out:
	if (!is_stdin)
		close(fd);
	return ret;
}

int file_nameless(const char *dir, struct buf *err)
{
	int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	struct buf path = BUF_INIT;

	if (fd >= 0)
		return fd;
	/* Some file systems cannot do that; it has a name for a moment then. */
	buf_addf(&path, "%s/retl.XXXXXX", dir);
	fd = mkostemp(path.data, O_CLOEXEC);
	if (fd >= 0)
		unlink(path.data);
	else if (err)
		fail(err, "%s: no file can be made there: %s", dir,
		     strerror(errno));
	buf_release(&path);
	return fd;
}

int file_write_all(int fd, const void *p, size_t n)
{
	const char *at = p;

	while (n) {
		ssize_t k = write(fd, at, n);

		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0)
			return -1;
		at += k;
		n -= (size_t)k;
	}
	return 0;
}

#define WRITE_BACK ((uint64_t)1 << 20)

void file_write_back(int fd, uint64_t at, size_t n)
{
	uint64_t from = at / WRITE_BACK, to = (at + n) / WRITE_BACK;

	/* A favour: whether it was done is told by fsync. */
	if (to > from)
		(void)sync_file_range(fd, (off_t)(from * WRITE_BACK),
				      (off_t)((to - from) * WRITE_BACK),
				      SYNC_FILE_RANGE_WRITE);
}

int tmpfile_open(struct tmpfile *t, const char *path, struct buf *err)
{
	struct buf tmp = BUF_INIT;

	buf_addf(&tmp, "%s.tmp", path);
	t->path = xstrdup(path);
	t->tmp = buf_take(&tmp);
	t->fd = open(t->tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (t->fd < 0) {
		fail(err, "%s: %s", t->tmp, strerror(errno));
		free(t->tmp);
		t->tmp = NULL;
		tmpfile_release(t);
		return -1;
	}
	return 0;
}

static int sync_parent(const char *path, struct buf *err)
{
	const char *slash = strrchr(path, '/');
	char *dir = slash ? xstrndup(path, MAX((size_t)(slash - path), 1))
			  : xstrdup(".");
	int ret = file_sync_dir(dir, err);

	free(dir);
	return ret;
}

int tmpfile_commit(struct tmpfile *t, struct buf *err)
{
	int fd = t->fd;

	if (fsync(fd) < 0)
		return fail(err, "%s: %s", t->tmp, strerror(errno));
	t->fd = -1;
	if (close(fd) < 0)
		return fail(err, "%s: %s", t->tmp, strerror(errno));
	if (rename(t->tmp, t->path) < 0)
		return fail(err, "%s: %s", t->path, strerror(errno));
	free(t->tmp);
	t->tmp = NULL;
	return sync_parent(t->path, err);
}

void tmpfile_release(struct tmpfile *t)
{
	if (t->fd >= 0)
		close(t->fd);
	if (t->tmp)
		unlink(t->tmp);
	free(t->tmp);
	free(t->path);
	*t = TMPFILE_INIT;
}

int file_replace(const char *path, struct str text, struct buf *err)
{
	struct tmpfile t = TMPFILE_INIT;
	int ret = -1;

	if (tmpfile_open(&t, path, err) < 0)
		return -1;
	if (file_write_all(t.fd, text.s, text.n) < 0)
		fail(err, "%s: %s", t.tmp, strerror(errno));
	else
		ret = tmpfile_commit(&t, err);
	tmpfile_release(&t);
	return ret;
}

int file_sync_dir(const char *path, struct buf *err)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int ret = 0;

	if (fd < 0 || fsync(fd) < 0)
		ret = fail(err, "%s: %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	return ret;
}

int file_lock_dir(const char *path, bool wait, struct buf *err)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return fail(err, "%s: %s", path, strerror(errno));
	while (flock(fd, LOCK_EX | (wait ? 0 : LOCK_NB)) < 0) {
		if (errno == EINTR)
			continue;
		if (errno == EWOULDBLOCK) {
			close(fd);
			return -2;
		}
		fail(err, "%s: cannot lock: %s", path, strerror(errno));
		close(fd);
		return -1;
	}
	return fd;
}
