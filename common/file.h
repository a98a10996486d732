/* SPDX-License-Identifier: MIT */
/*
 * Whole files: read, replaced atomically, locked. Functions that fail say why
 * in err, with the path.
 */
#ifndef RETL_FILE_H
#define RETL_FILE_H

#include "common/buf.h"

/* Appends the file's content to out, up to max bytes. "-" is stdin. */
int file_read(const char *path, size_t max, struct buf *out, struct buf *err);

/*
 * From now on a limit on the size of files is an error of write(2), EFBIG, and
 * does not end the process. No program that is started inherits that.
 */
void file_outlive_limits(void);

/* All n bytes, through EINTR and short writes. -1: errno says why. */
int file_write_all(int fd, const void *p, size_t n);

/*
 * n bytes have been written at an offset: the disk may begin with them, so that
 * an fsync at the end finds little left to wait for. It is asked for a mebibyte
 * at a time.
 */
void file_write_back(int fd, uint64_t at, size_t n);

/* A file in dir that has no name, and is gone when it is closed. -1: err. */
int file_nameless(const char *dir, struct buf *err);

/*
 * A file that comes to be under its name only when it is whole and on the
 * disk. Written through fd; created with mode 0600, since most of what we keep
 * is personal data.
 */
struct tmpfile {
	int fd; /* -1: none open */
	char *tmp, *path;
};
#define TMPFILE_INIT ((struct tmpfile){ .fd = -1 })

int tmpfile_open(struct tmpfile *t, const char *path, struct buf *err);
/* fsync, rename, fsync of the folder. */
int tmpfile_commit(struct tmpfile *t, struct buf *err);
/* Removes what was not committed. */
void tmpfile_release(struct tmpfile *t);

/* The text as the new content of path, by way of a tmpfile. */
int file_replace(const char *path, struct str text, struct buf *err);

int file_sync_dir(const char *path, struct buf *err);

/*
 * Opens a folder and locks it (flock). wait false: if it is taken, returns -2.
 * Closing the descriptor unlocks. -1 on failure.
 */
int file_lock_dir(const char *path, bool wait, struct buf *err);

#endif
