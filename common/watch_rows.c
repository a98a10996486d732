/* SPDX-License-Identifier: MIT */
/*
 * The cursor rests at the left of the first row, so that a message of anybody
 * is written over rows, which come again below it, and none is ever lost.
 */
#include "common/watch_rows.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <signal.h>

#include "common/buf.h"
#include "common/clock.h"
#include "common/file.h"
#include "common/msg.h"
#include "common/process.h"
#include "common/rundir.h"

#define MOST_ROWS 16
/* What is over sooner needs no rows. */
#define FIRST_MS 1000
#define NAME_WIDTH 13

/* In shared memory. What is written while it is read is drawn next time. */
struct row {
	pid_t pid;
	char tool[24];
	bool plain; /* its records go to this terminal */
	atomic_bool ended;
	int status;
	int64_t began, ended_at; /* ticks */
	uint32_t n;
	struct watch_value v[WATCH_COUNTS];
};

struct board {
	uint32_t n;
	bool always; /* one of them was asked for rows */
	atomic_bool closed;
	unsigned drawn; /* rows on the terminal */
	struct row row[MOST_ROWS];
};

static struct board *board;
static struct row *own;
static int board_fd = -1, folder_fd = -1;
static char board_name[64];
static bool drawing, looked, plain;

/* ---- two locks ---- */

/* Held for a moment, by whoever joins or leaves. */
static void lock_board(int fd, short how)
{
	struct flock l = { .l_type = how, .l_whence = SEEK_SET };

	while (fcntl(fd, F_OFD_SETLKW, &l) < 0 && errno == EINTR)
		;
}

/* Held by the process that draws, for as long as it runs. */
static bool draws(void)
{
	if (!drawing)
		drawing = flock(board_fd, LOCK_EX | LOCK_NB) == 0;
	return drawing;
}

static void stop_drawing(void)
{
	flock(board_fd, LOCK_UN);
	drawing = false;
}

/* ---- joining ---- */

/* Locked, and still the one that goes by its name. */
static int open_board(void)
{
	struct stat st;
	int fd;

	for (;;) {
		fd = openat(folder_fd, board_name,
			    O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (fd < 0)
			return -1;
		lock_board(fd, F_WRLCK);
		if (fstat(fd, &st) == 0 && st.st_nlink > 0)
			break;
		close(fd);
	}
	if (ftruncate(fd, sizeof *board) == 0)
		return fd;
	close(fd);
	return -1;
}

static bool is_alive(const struct row *r)
{
	return !r->ended && (kill(r->pid, 0) == 0 || errno == EPERM);
}

static bool any_alive(const struct board *b)
{
	for (uint32_t i = 0; i < MIN(b->n, MOST_ROWS); i++)
		if (is_alive(&b->row[i]))
			return true;
	return false;
}

/* Boards of pipelines that were killed. */
static void sweep(void)
{
	int fd = openat(folder_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	struct dirent *d;
	struct board b;

	while (dir && (d = readdir(dir))) {
		if (strncmp(d->d_name, "rows.", 5) != 0 ||
		    strcmp(d->d_name, board_name) == 0)
			continue;
		fd = openat(folder_fd, d->d_name,
			    O_RDWR | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0)
			continue;
		/* Nobody joins between the look and the removal; two that
		 * sweep do not wait for each other. */
		if (fcntl(fd, F_OFD_SETLK, &l) == 0 &&
		    read(fd, &b, sizeof b) == sizeof b && !any_alive(&b))
			unlinkat(folder_fd, d->d_name, 0);
		close(fd);
	}
	if (dir)
		closedir(dir);
}

/* Tools of a pipeline are started from left to right. */
static struct row *add_row(const char *tool)
{
	struct row *r;

	/* Left by a pipeline that was killed. */
	if (board->n && !any_alive(board))
		memset(board, 0, sizeof *board);
	if (!board->n)
		sweep();
	if (board->n == MOST_ROWS)
		return NULL;
	r = &board->row[board->n];
	r->pid = getpid();
	snprintf(r->tool, sizeof r->tool, "%s", tool);
	r->began = clock_tick_ms();
	board->n++;
	return r;
}

/* The same terminal as standard error is? */
static bool is_same_tty(const char *path)
{
	struct stat a, b;

	return stat(path, &a) == 0 && S_ISCHR(a.st_mode) &&
	       fstat(STDERR_FILENO, &b) == 0 && a.st_rdev == b.st_rdev;
}

bool watch_rows_join(const char *tool, bool always)
{
	struct buf err = BUF_INIT;
	struct stat tty;
	void *p;
	int fd;

	folder_fd = rundir_open(&err);
	buf_release(&err);
	if (folder_fd < 0 || fstat(STDERR_FILENO, &tty) < 0)
		return false;
	snprintf(board_name, sizeof board_name, "rows.%" PRIu64 ".%ld",
		 (uint64_t)tty.st_rdev, (long)getpgrp());
	fd = open_board();
	if (fd < 0)
		return false;
	p = mmap(NULL, sizeof *board, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		 0);
	if (p == MAP_FAILED) {
		close(fd);
		return false;
	}
	board = p;
	own = add_row(tool);
	if (own) {
		own->plain = is_same_tty("/proc/self/fd/1");
		board->always |= always;
	}
	lock_board(fd, F_UNLCK);
	board_fd = fd;
	return own;
}

void watch_rows_set(const struct watch_value *v, size_t n)
{
	memcpy(own->v, v, n * sizeof *v);
	own->n = (uint32_t)n;
}

/* ---- who else writes to the terminal? ---- */

static bool is_fifo(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISFIFO(st.st_mode);
}

static bool is_ours(pid_t pid)
{
	for (uint32_t i = 0; i < board->n; i++)
		if (board->row[i].pid == pid)
			return true;
	return false;
}

/* Such as jq or less at the end of the pipeline. */
static bool shows_records(const struct process *p, void *unused)
{
	char path[64];

	(void)unused;
	if (p->group != getpgrp() || is_ours(p->pid))
		return false;
	snprintf(path, sizeof path, "/proc/%ld/fd/0", (long)p->pid);
	if (!is_fifo(path))
		return false;
	snprintf(path, sizeof path, "/proc/%ld/fd/1", (long)p->pid);
	return is_same_tty(path);
}

/* Rows among records would spoil both. */
static bool is_plain(void)
{
	if (board->always)
		return false;
	for (uint32_t i = 0; i < board->n; i++)
		if (board->row[i].plain)
			return true;
	if (!looked)
		plain = process_any(shows_records, NULL);
	looked = true;
	return plain;
}

/* ---- drawing ---- */

static int by_pid(const void *a, const void *b)
{
	const struct row *x = &board->row[*(const uint32_t *)a];
	const struct row *y = &board->row[*(const uint32_t *)b];

	return x->pid < y->pid ? -1 : x->pid > y->pid;
}

/* 1234567 as 1,234,567. */
static void put_grouped(struct buf *out, uint64_t n)
{
	char digits[24];
	int len = snprintf(digits, sizeof digits, "%" PRIu64, n);

	for (int i = 0; i < len; i++) {
		if (i && (len - i) % 3 == 0)
			buf_addc(out, ',');
		buf_addc(out, digits[i]);
	}
}

static void put_rate(struct buf *out, double rate)
{
	if (rate >= 1e6)
		buf_addf(out, "%.1fM/s", rate / 1e6);
	else if (rate >= 1e3)
		buf_addf(out, "%.1fk/s", rate / 1e3);
	else
		buf_addf(out, "%.0f/s", rate);
}

/* The first count always, with its rate; others when there is something. */
static void put_row(struct buf *out, const struct row *r, int64_t tick)
{
	int64_t ms = (r->ended ? r->ended_at : tick) - r->began;
	int64_t s = ms / 1000;

	buf_addf(out, "%-*s%3" PRId64 ":%02d", NAME_WIDTH, r->tool, s / 60,
		 (int)(s % 60));
	for (uint32_t i = 0; i < MIN(r->n, WATCH_COUNTS); i++) {
		if (i && !r->v[i].n)
			continue;
		buf_addz(out, "  ");
		put_grouped(out, r->v[i].n);
		buf_addf(out, " %.*s", (int)sizeof r->v[i].what - 1,
			 r->v[i].what);
		if (!i) {
			buf_addz(out, " ");
			put_rate(out,
				 (double)r->v[i].n * 1000 / (double)MAX(ms, 1));
		}
	}
	if (r->ended && r->status)
		buf_addf(out, "  ended with %d", r->status);
	else if (r->ended)
		buf_addz(out, "  done");
	else if (!is_alive(r))
		buf_addz(out, "  gone");
}

static size_t columns(void)
{
	struct winsize size;

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) < 0 || !size.ws_col)
		return 80;
	return size.ws_col;
}

static bool in_front(void)
{
	pid_t front = tcgetpgrp(STDERR_FILENO);

	return front < 0 || front == getpgrp();
}

static void draw_all(bool last)
{
	struct buf text = BUF_INIT, line = BUF_INIT;
	uint32_t order[MOST_ROWS], n = MIN(board->n, MOST_ROWS);
	int64_t tick = clock_tick_ms();

	for (uint32_t i = 0; i < n; i++)
		order[i] = i;
	qsort(order, n, sizeof *order, by_pid);
	for (uint32_t i = 0; i < n; i++) {
		buf_reset(&line);
		put_row(&line, &board->row[order[i]], tick);
		buf_truncate(&line, MIN(line.len, columns() - 1));
		buf_adds(&text, buf_str(&line));
		buf_addz(&text, "\033[K\n");
	}
	if (!last)
		buf_addf(&text, "\033[%uA\r", n);
	board->drawn = n;
	file_write_all(STDERR_FILENO, text.data, text.len);
	buf_release(&text);
	buf_release(&line);
}

void watch_rows_draw(void)
{
	msg_on_rows(board->drawn && !board->closed);
	if (!draws())
		return;
	if (clock_tick_ms() - board->row[0].began < FIRST_MS || !in_front() ||
	    is_plain())
		return;
	draw_all(false);
	msg_on_rows(true);
}

/* ---- leaving ---- */

static void close_board(void)
{
	if (board->closed)
		return;
	if (board->drawn)
		draw_all(true);
	board->closed = true;
	unlinkat(folder_fd, board_name, 0);
}

/* True: nobody is left, and the rows are finished. */
static bool leave_board(void)
{
	bool others;

	lock_board(board_fd, F_WRLCK);
	others = any_alive(board);
	if (!others)
		close_board();
	else if (board->drawn)
		draw_all(false);
	lock_board(board_fd, F_UNLCK);
	return !others;
}

void watch_rows_leave(int status)
{
	bool closed = false;

	own->status = status;
	own->ended_at = clock_tick_ms();
	own->ended = true;
	/*
	 * Whoever draws looks again when it has let go of the lock: another
	 * one may have ended in between, and found it taken.
	 */
	while (!closed && draws()) {
		closed = leave_board();
		stop_drawing();
		if (any_alive(board))
			break;
	}
	msg_on_rows(false);
	close(board_fd);
	close(folder_fd);
}
