/* SPDX-License-Identifier: MIT */
/*
 * Where a refresh token lives on. Some endpoints give a new one with each
 * access token, and the old one is dead then: losing it means that a person
 * has to authorize again. Two processes that use one file take turns.
 */
#include "common/oauth_private.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "common/file.h"
#include "common/json.h"
#include "common/mem.h"

#define MAX_FILE ((size_t)1 << 20)

static bool same_file(int fd, const char *path)
{
	struct stat a, b;

	return fstat(fd, &a) == 0 && stat(path, &b) == 0 &&
	       a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/*
 * The lock is on the file itself. Who waited for it while the file was
 * replaced holds the old one, and has to begin again.
 */
static int lock(struct keepfile *k, struct buf *err)
{
	for (;;) {
		k->lock = open(k->path, O_RDONLY | O_CLOEXEC);
		if (k->lock < 0)
			return fail(err, "%s: %s", k->path, strerror(errno));
		if (flock(k->lock, LOCK_EX | LOCK_NB) < 0) {
			int was = errno;

			keepfile_drop(k);
			if (was == EWOULDBLOCK || was == EINTR)
				return 1;
			/* A file system without locks: one user at a time. */
			return 0;
		}
		if (same_file(k->lock, k->path))
			return 0;
		keepfile_drop(k);
	}
}

void keepfile_drop(struct keepfile *k)
{
	if (k->lock >= 0)
		close(k->lock);
	k->lock = -1;
}

void keepfile_release(struct keepfile *k)
{
	keepfile_drop(k);
	free(k->path);
	free(k->member);
}

struct str oauth_trim(struct str text)
{
	while (text.n && isspace((uint8_t)text.s[text.n - 1]))
		text.n--;
	while (text.n && isspace((uint8_t)*text.s)) {
		text.s++;
		text.n--;
	}
	return text;
}

/* Where the text is in the file's content; -1: it is not there. */
static int locate(const struct keepfile *k, struct str all, struct str *value,
		  struct buf *err)
{
	struct json_fault f;
	struct str object;

	if (!k->member) {
		*value = oauth_trim(all);
		if (!value->n)
			return fail(err, "%s: is empty", k->path);
		return 0;
	}
	if (json_check(all, &object, &f) < 0)
		return fail(err, "%s: byte %zu: %s", k->path, f.at + 1, f.what);
	if (json_type(object) != JSON_OBJECT ||
	    json_find(object, str_of(k->member), value) != 1 ||
	    json_type(*value) != JSON_STRING)
		return fail(err, "%s: has no member \"%s\" that is a text",
			    k->path, k->member);
	return 0;
}

int keepfile_read(const struct keepfile *k, struct buf *text, struct buf *err)
{
	struct buf all = BUF_INIT;
	struct str value;
	int ret = -1;

	if (file_read(k->path, MAX_FILE, &all, err) == 0 &&
	    locate(k, buf_str(&all), &value, err) == 0) {
		buf_reset(text);
		if (k->member)
			json_unescape(text,
				      (struct str){ value.s + 1, value.n - 2 });
		else
			buf_adds(text, value);
		ret = 0;
	}
	oauth_free_secret(&all);
	return ret;
}

int keepfile_take(struct keepfile *k, struct buf *text, struct buf *err)
{
	int ret = lock(k, err);

	if (ret)
		return ret;
	ret = keepfile_read(k, text, err);
	if (ret < 0)
		keepfile_drop(k);
	return ret;
}

/*
 * Mode and owner stay; another owner only root can give. *stays: no file can
 * take its place, since the folder is not ours or it is mounted by itself, as
 * files are in containers.
 */
static int write_new(const char *path, struct str text, bool *stays,
		     struct buf *err)
{
	struct tmpfile t = TMPFILE_INIT;
	struct stat st;
	int ret = -1;

	*stays = false;
	if (stat(path, &st) < 0)
		return fail(err, "%s: %s", path, strerror(errno));
	if (tmpfile_open(&t, path, err) < 0) {
		*stays = errno == EACCES || errno == EPERM || errno == EROFS;
		return -1;
	}
	if ((st.st_uid != geteuid() || st.st_gid != getegid()) &&
	    fchown(t.fd, st.st_uid, st.st_gid) < 0)
		errno = 0;
	if (fchmod(t.fd, st.st_mode & 07777) < 0 ||
	    file_write_all(t.fd, text.s, text.n) < 0)
		fail(err, "%s: %s", t.tmp, strerror(errno));
	else
		ret = tmpfile_commit(&t, err);
	*stays = ret < 0 && errno == EBUSY;
	tmpfile_release(&t);
	return ret;
}

/* Who is cut off meanwhile leaves a part of it: better than none for sure. */
static int write_over(const char *path, struct str text, struct buf *err)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), ret = 0;

	/* What was wrong before is to be said. */
	if (fd < 0)
		return -1;
	if (file_write_all(fd, text.s, text.n) < 0 ||
	    ftruncate(fd, (off_t)text.n) < 0 || fsync(fd) < 0)
		ret = fail(err, "%s: %s", path, strerror(errno));
	close(fd);
	return ret;
}

int keepfile_put(struct keepfile *k, struct str text, struct buf *err)
{
	struct buf all = BUF_INIT, out = BUF_INIT;
	char *real = realpath(k->path, NULL);
	struct str value;
	bool stays = false;
	int ret = -1;

	/* The content of now: what else stands in it may have changed. */
	if (!real)
		fail(err, "%s: %s", k->path, strerror(errno));
	else if (file_read(real, MAX_FILE, &all, err) == 0 &&
		 locate(k, buf_str(&all), &value, err) == 0) {
		buf_add(&out, all.data, (size_t)(value.s - all.data));
		if (k->member)
			json_put_str(&out, text);
		else
			buf_adds(&out, text);
		buf_addz(&out, value.s + value.n);
		ret = write_new(real, buf_str(&out), &stays, err);
		if (stays)
			ret = write_over(real, buf_str(&out), err);
	}
	oauth_free_secret(&all);
	oauth_free_secret(&out);
	free(real);
	return ret;
}
