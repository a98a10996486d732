/* SPDX-License-Identifier: MIT */
#include "common/rundir.h"

#include <fcntl.h>
#include <sys/stat.h>

/* Ours, a real folder, and for nobody else. */
static int open_own(const char *path, struct buf *err)
{
	struct stat st;
	int fd;

	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return fail(err, "%s: %s", path, strerror(errno));
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return fail(err, "%s: %s", path, strerror(errno));
	if (fstat(fd, &st) < 0 || st.st_uid != geteuid() || st.st_mode & 077) {
		close(fd);
		return fail(err,
			    "%s: not a folder of this user alone (mode "
			    "0700)",
			    path);
	}
	return fd;
}

/* The same for a job of cron, which has no XDG_RUNTIME_DIR, as for a shell. */
int rundir_open(struct buf *err)
{
	const char *run = getenv("XDG_RUNTIME_DIR");
	struct buf path = BUF_INIT;
	int fd;

	if (run && *run)
		buf_addz(&path, run);
	else
		buf_addf(&path, "/run/user/%u", (unsigned)geteuid());
	if (access(path.data, W_OK) == 0) {
		buf_addz(&path, "/retl");
	} else {
		buf_reset(&path);
		buf_addf(&path, "/tmp/retl-%u", (unsigned)geteuid());
	}
	fd = open_own(path.data, err);
	buf_release(&path);
	return fd;
}
