/* SPDX-License-Identifier: MIT */
#include "common/watch.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "common/clock.h"
#include "common/file.h"
#include "common/json.h"
#include "common/msg.h"
#include "common/opt.h"
#include "common/thread.h"
#include "common/watch_rows.h"

#define DRAW_MS 250
#define OLD_METRICS ((size_t)1 << 20) /* of a file that is read again */

struct count {
	const char *what;
	uint64_t before; /* of places that are looked at no more */
	const uint64_t *n;
};

static struct {
	const char *stats, *metrics; /* files, or NULL */
	bool rows;
	bool on; /* any of these */
	pid_t pid;
	int64_t began_ms, began_tick;
	/* What follows is shared with the thread that draws. */
	pthread_mutex_t lock;
	pthread_cond_t ended_cond;
	bool ended;
	pthread_t drawer;
	struct count v[WATCH_COUNTS];
	size_t n;
} w = { .lock = PTHREAD_MUTEX_INITIALIZER,
	.ended_cond = PTHREAD_COND_INITIALIZER };

/* ---- counts ---- */

/*
 * Another thread may be counting just now: one word, and so never half of one,
 * is read, older or newer. Counting with atomics would cost where it matters.
 */
__attribute__((no_sanitize("thread"))) static uint64_t
value_of(const struct count *c)
{
	return c->before + (c->n ? *(const volatile uint64_t *)c->n : 0);
}

void watch_count(const char *what, const uint64_t *n)
{
	size_t i = 0;

	if (!w.on)
		return;
	pthread_mutex_lock(&w.lock);
	while (i < w.n && strcmp(w.v[i].what, what) != 0)
		i++;
	if (i == WATCH_COUNTS)
		BUG("too many counts");
	if (i == w.n)
		w.v[w.n++] = (struct count){ .what = what };
	w.v[i].before = value_of(&w.v[i]);
	w.v[i].n = n;
	pthread_mutex_unlock(&w.lock);
}

void watch_stop(const uint64_t *n)
{
	if (!w.on)
		return;
	pthread_mutex_lock(&w.lock);
	for (size_t i = 0; i < w.n; i++) {
		if (w.v[i].n != n)
			continue;
		w.v[i].before = value_of(&w.v[i]);
		w.v[i].n = NULL;
	}
	pthread_mutex_unlock(&w.lock);
}

/* ---- rows on a terminal ---- */

/* With the lock. */
static void set_row(void)
{
	struct watch_value v[WATCH_COUNTS];

	for (size_t i = 0; i < w.n; i++) {
		snprintf(v[i].what, sizeof v[i].what, "%s", w.v[i].what);
		v[i].n = value_of(&w.v[i]);
	}
	watch_rows_set(v, w.n);
}

static void *draw(void *unused)
{
	struct timespec until;

	(void)unused;
	pthread_mutex_lock(&w.lock);
	while (!w.ended) {
		set_row();
		watch_rows_draw();
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += DRAW_MS * 1000000L;
		until.tv_sec += until.tv_nsec / 1000000000;
		until.tv_nsec %= 1000000000;
		pthread_cond_timedwait(&w.ended_cond, &w.lock, &until);
	}
	pthread_mutex_unlock(&w.lock);
	return NULL;
}

static void stop_drawing(int status)
{
	pthread_mutex_lock(&w.lock);
	w.ended = true;
	pthread_cond_signal(&w.ended_cond);
	pthread_mutex_unlock(&w.lock);
	pthread_join(w.drawer, NULL);
	set_row();
	watch_rows_leave(status);
}

/* ---- files ---- */

struct run {
	int status;
	int64_t ended_ms;
	double seconds, cpu;
	uint64_t peak;
};

static double seconds_of(const struct timeval *t)
{
	return (double)t->tv_sec + (double)t->tv_usec / 1e6;
}

static void measure(struct run *r, int status)
{
	struct rusage self, workers;

	getrusage(RUSAGE_SELF, &self);
	getrusage(RUSAGE_CHILDREN, &workers);
	*r = (struct run){
		.status = status,
		.ended_ms = clock_now_ms(),
		.seconds = (double)(clock_tick_ms() - w.began_tick) / 1000,
		.cpu = seconds_of(&self.ru_utime) + seconds_of(&self.ru_stime) +
		       seconds_of(&workers.ru_utime) +
		       seconds_of(&workers.ru_stime),
		.peak = (uint64_t)self.ru_maxrss * 1024,
	};
}

static void put_stats(struct buf *out, const struct run *r)
{
	buf_addz(out, "{\"tool\":");
	json_put_strz(out, msg_tool());
	buf_addz(out, ",\"version\":\"" RETL_VERSION "\",\"started\":\"");
	clock_put_rfc3339(out, w.began_ms);
	buf_addf(out,
		 "\",\"seconds\":%.3f,\"cpu_seconds\":%.3f,"
		 "\"peak_bytes\":%" PRIu64 ",\"status\":%d,\"counts\":{",
		 r->seconds, r->cpu, r->peak, r->status);
	for (size_t i = 0; i < w.n; i++)
		buf_addf(out, "%s\"%s\":%" PRIu64, i ? "," : "", w.v[i].what,
			 value_of(&w.v[i]));
	buf_addz(out, "}}\n");
}

/*
 * A collector reads all files of a folder as one page, in which no series may
 * stand twice: the file's own name tells its series from others'.
 */
static void put_labels(struct buf *out)
{
	const char *slash = strrchr(w.metrics, '/');
	struct str job = str_of(slash ? slash + 1 : w.metrics);

	if (job.n > 5 && !memcmp(job.s + job.n - 5, ".prom", 5))
		job.n -= 5;
	buf_addf(out, "{tool=\"%s\",job=\"", msg_tool());
	for (size_t i = 0; i < job.n; i++) {
		if (job.s[i] == '"' || job.s[i] == '\\')
			buf_addc(out, '\\');
		buf_addc(out, job.s[i] == '\n' ? ' ' : job.s[i]);
	}
	buf_addc(out, '"');
}

static void put_head(struct buf *out, const char *name, const char *help)
{
	buf_addf(out, "# HELP %s %s\n# TYPE %s gauge\n", name, help, name);
}

static void put_metric(struct buf *out, const char *name, const char *help,
		       double value)
{
	put_head(out, name, help);
	buf_addz(out, name);
	put_labels(out);
	buf_addf(out, "} %.3f\n", value);
}

#define LAST_SUCCESS "retl_last_success_timestamp_seconds"

/* The line of the run before, if this one did not succeed. */
static void put_last_success(struct buf *out, const struct run *r)
{
	static const char help[] = "When a run last ended with status 0.";
	struct buf old = BUF_INIT;
	struct str rest, line;

	if (!r->status) {
		put_metric(out, LAST_SUCCESS, help, (double)r->ended_ms / 1000);
		return;
	}
	if (file_read(w.metrics, OLD_METRICS, &old, NULL) == 0) {
		rest = buf_str(&old);
		while (str_split(&rest, '\n', &line)) {
			if (!str_starts(line, LAST_SUCCESS "{"))
				continue;
			put_head(out, LAST_SUCCESS, help);
			buf_adds(out, line);
			buf_addc(out, '\n');
		}
	}
	buf_release(&old);
}

static void put_metrics(struct buf *out, const struct run *r)
{
	put_metric(out, "retl_run_status", "Exit status of the last run.",
		   r->status);
	put_metric(out, "retl_run_end_timestamp_seconds",
		   "When the last run ended.", (double)r->ended_ms / 1000);
	put_metric(out, "retl_run_seconds", "How long the last run took.",
		   r->seconds);
	put_metric(out, "retl_run_cpu_seconds",
		   "Processor time of the last run.", r->cpu);
	put_metric(out, "retl_run_peak_bytes", "Most memory of the last run.",
		   (double)r->peak);
	put_last_success(out, r);
	if (!w.n)
		return;
	put_head(out, "retl_run_count", "What the last run has counted.");
	for (size_t i = 0; i < w.n; i++) {
		buf_addz(out, "retl_run_count");
		put_labels(out);
		buf_addf(out, ",what=\"%s\"} %" PRIu64 "\n", w.v[i].what,
			 value_of(&w.v[i]));
	}
}

/* A terminal or a pipe (/dev/stderr) is written to, and not replaced. */
static bool is_special(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && !S_ISREG(st.st_mode);
}

static int write_special(const char *path, struct str text, struct buf *err)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);

	if (fd < 0 || file_write_all(fd, text.s, text.n) < 0) {
		fail(err, "%s: %s", path, strerror(errno));
		if (fd >= 0)
			close(fd);
		return -1;
	}
	close(fd);
	return 0;
}

/* Counts are no secret, and a collector is another user. */
static int replace(const char *path, struct str text, struct buf *err)
{
	struct tmpfile t = TMPFILE_INIT;
	mode_t mask = umask(0);
	int status = -1;

	umask(mask);
	if (tmpfile_open(&t, path, err) < 0)
		return -1;
	if (fchmod(t.fd, 0666 & ~mask) < 0 ||
	    file_write_all(t.fd, text.s, text.n) < 0)
		fail(err, "%s: %s", path, strerror(errno));
	else
		status = tmpfile_commit(&t, err);
	tmpfile_release(&t);
	return status;
}

/* What was to be delivered has been: only told. */
static void write_file(const char *option, const char *path, struct str text)
{
	struct buf err = BUF_INIT;
	int got = is_special(path) ? write_special(path, text, &err)
				   : replace(path, text, &err);

	if (got < 0)
		msg_error("--%s %s", option, err.data);
	buf_release(&err);
}

/* ---- from beginning to end ---- */

static void end(int status, void *unused)
{
	struct buf text = BUF_INIT;
	struct run r;

	(void)unused;
	/* A worker that ends is not the tool. */
	if (getpid() != w.pid)
		return;
	if (w.rows)
		stop_drawing(status);
	measure(&r, status);
	if (w.stats) {
		put_stats(&text, &r);
		write_file("stats", w.stats, buf_str(&text));
		buf_reset(&text);
	}
	if (w.metrics) {
		put_metrics(&text, &r);
		write_file("metrics", w.metrics, buf_str(&text));
	}
	buf_release(&text);
}

/* Better known before the work than after it. */
static void check_file(const char *option, const char *path)
{
	struct tmpfile t = TMPFILE_INIT;
	struct buf err = BUF_INIT;

	if (!*path || strcmp(path, "-") == 0)
		opt_die("--%s needs the name of a file", option);
	if (is_special(path))
		return;
	if (tmpfile_open(&t, path, &err) < 0)
		die(EX_IOERR, "--%s %s", option, err.data);
	tmpfile_release(&t);
}

static bool wants_rows(const char *how)
{
	if (!how || strcmp(how, "auto") == 0)
		return msg_get_level() >= MSG_INFO && isatty(STDERR_FILENO);
	if (strcmp(how, "never") == 0)
		return false;
	if (*how && strcmp(how, "always") != 0)
		opt_die("--progress: '%s' is none of always, auto, never", how);
	if (!isatty(STDERR_FILENO))
		msg_warn("--progress: standard error is no terminal");
	return isatty(STDERR_FILENO);
}

void watch_begin(void)
{
	const struct opt_watch *o = opt_watch();
	bool always = o->progress && strcmp(o->progress, "auto") != 0;

	w.stats = o->stats;
	w.metrics = o->metrics;
	if (w.stats)
		check_file("stats", w.stats);
	if (w.metrics)
		check_file("metrics", w.metrics);
	w.rows = wants_rows(o->progress) && watch_rows_join(msg_tool(), always);
	w.on = w.stats || w.metrics || w.rows;
	if (!w.on)
		return;
	w.pid = getpid();
	w.began_ms = clock_now_ms();
	w.began_tick = clock_tick_ms();
	/* atexit() does not tell with which status. */
	if (on_exit(end, NULL) != 0)
		die(EX_OSERR, "out of memory");
	if (w.rows && !thread_start(&w.drawer, draw, NULL)) {
		watch_rows_leave(0);
		w.rows = false;
	}
}
