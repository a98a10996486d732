/* SPDX-License-Identifier: MIT */
/*
 * The commit stage: receipts are written down as they come, and folded into
 * the state when no more will come. Until then no lock is held, so that a diff
 * stage that feeds the same pipeline is never waited for in a circle.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>

#include "bin/retl-diff/commit.h"
#include "bin/retl-diff/journal.h"

#include "common/clock.h"
#include "common/file.h"
#include "common/mem.h"
#include "common/msg.h"
#include "common/watch.h"

#define FSYNC_EVERY_MS 1000
#define WRITE_ENOUGH ((size_t)64 << 10)

/* A run that receipts named. */
struct named {
	char id[RUN_ID_LEN + 1];
	enum { NAMED_KNOWN, NAMED_SETTLED, NAMED_STRANGE } what;
	/* What this process wrote, as long as the journal is nothing else. */
	struct journal heard;
	bool is_whole;
};

struct commit {
	const struct config *cfg;
	struct state st;
	struct ndjson in;
	struct receipt receipt;
	struct named *runs;
	size_t n_runs, cap_runs;
	/* the journal that is open */
	size_t cur;
	char *path;
	int fd; /* -1: none */
	struct buf b;
	uint64_t size; /* of the file */
	bool dirty;    /* written, but not known to be on the disk */
	bool named;    /* its name is on the disk */
	int64_t synced_ms;
	char *to;
	uint64_t n_receipts, n_broken, n_strange;
};

/* ---- the journal ---- */

static NORETURN void journal_die(const struct commit *c)
{
	die(EX_IOERR,
	    "%s: %s: receipts cannot be kept, what has none will be sent "
	    "again",
	    c->path, strerror(errno));
}

static void journal_write(struct commit *c)
{
	if (c->fd < 0 || !c->b.len)
		return;
	if (file_write_all(c->fd, c->b.data, c->b.len) < 0)
		journal_die(c);
	file_write_back(c->fd, c->size, c->b.len);
	c->size += c->b.len;
	buf_reset(&c->b);
	c->dirty = true;
}

static void journal_sync(struct commit *c)
{
	struct buf err = BUF_INIT;

	journal_write(c);
	if (c->dirty && fdatasync(c->fd) < 0)
		journal_die(c);
	/* Behind that there is mostly nothing left to do. */
	if (!c->named && file_sync_dir(state_path(&c->st, "runs"), &err) < 0)
		journal_die(c);
	buf_release(&err);
	c->dirty = false;
	c->named = true;
	c->synced_ms = clock_tick_ms();
}

static void journal_shut(struct commit *c)
{
	if (c->fd < 0)
		return;
	journal_sync(c);
	if (close(c->fd) < 0)
		journal_die(c);
	c->fd = -1;
	free(c->path);
	c->path = NULL;
}

/* A line that a crash tore is ended, so that ours begins on its own. */
static void mend_tail(struct commit *c, off_t size)
{
	char last = '\n';

	if (size > 0 && pread(c->fd, &last, 1, size - 1) == 1 && last != '\n')
		buf_addc(&c->b, '\n');
}

static void journal_open(struct commit *c, struct named *run)
{
	struct stat sb;

	c->path = xstrdup(run_path(&c->st, run->id, "receipts"));
	c->fd = open(c->path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (c->fd < 0 || fstat(c->fd, &sb) < 0)
		journal_die(c);
	c->named = false;
	run->is_whole &= (uint64_t)sb.st_size == run->heard.bytes;
	c->size = (uint64_t)sb.st_size;
	mend_tail(c, sb.st_size);
}

/*
 * The reader has to wait: what we have is written, and is on the disk when a
 * second has gone by.
 */
static void while_waiting(void *arg)
{
	struct commit *c = arg;
	struct pollfd p = { .fd = STDIN_FILENO, .events = POLLIN };
	int64_t left;

	journal_write(c);
	while (c->dirty) {
		left = c->synced_ms + FSYNC_EVERY_MS - clock_tick_ms();
		if (left > 0 && poll(&p, 1, (int)left) > 0)
			return;
		if (clock_tick_ms() - c->synced_ms >= FSYNC_EVERY_MS)
			journal_sync(c);
	}
}

/* ---- receipts ---- */

/* Its place in runs. */
static size_t find_named(struct commit *c, const char *id)
{
	struct run_file f;
	struct named *r;

	if (c->fd >= 0 && strcmp(c->runs[c->cur].id, id) == 0)
		return c->cur;
	for (size_t i = 0; i < c->n_runs; i++)
		if (strcmp(c->runs[i].id, id) == 0)
			return i;
	GROW(c->runs, c->n_runs, c->cap_runs);
	r = &c->runs[c->n_runs];
	*r = (struct named){ .what = NAMED_STRANGE, .is_whole = true };
	memcpy(r->id, id, sizeof r->id);
	if (state_find_settled(&c->st, id) >= 0) {
		r->what = NAMED_SETTLED;
	} else if (run_read_header(&f, &c->st, id) == 0) {
		r->what = NAMED_KNOWN;
		run_file_release(&f);
	}
	return c->n_runs++;
}

static void check_to(struct commit *c, const struct receipt *r)
{
	if (!r->to.n)
		return;
	if (!c->to)
		c->to =
		    c->st.to ? xstrdup(c->st.to) : xstrndup(r->to.s, r->to.n);
	if (str_is(r->to, c->to))
		return;
	journal_shut(c);
	die(EX_CONFIG,
	    "line %" PRIu64 ": to: the state belongs to %s, the receipt is "
	    "from %.*s: deliver there from a state of its own, or run "
	    "retl-diff --full or --rebase once to move this one",
	    c->in.line_no, c->to, STR_ARG(r->to));
}

static void take(struct commit *c, const struct receipt *r)
{
	struct named *run;
	size_t at;

	check_to(c, r);
	at = find_named(c, r->run);
	run = &c->runs[at];
	c->n_receipts++;
	if (run->what == NAMED_STRANGE) {
		if (!c->n_strange++)
			msg_error("line %" PRIu64 ": diff_id: the state knows "
				  "no run %s",
				  c->in.line_no, r->run);
		return;
	}
	if (run->what == NAMED_SETTLED)
		return;
	if (c->fd < 0 || at != c->cur) {
		journal_shut(c);
		c->cur = at;
		journal_open(c, run);
	}
	run->is_whole =
	    run->is_whole && journal_hear(&run->heard, r, c->in.line.n + 1);
	buf_adds(&c->b, c->in.line);
	buf_addc(&c->b, '\n');
	if (c->b.len < WRITE_ENOUGH)
		return;
	journal_write(c);
	if (clock_tick_ms() - c->synced_ms >= FSYNC_EVERY_MS)
		journal_sync(c);
}

static void take_line(struct commit *c)
{
	struct buf err = BUF_INIT;
	int what = receipt_parse(&c->receipt, c->in.line, &err);

	if (what == 1 && !c->n_receipts)
		die(EX_DATAERR,
		    "line %" PRIu64 ": status: missing: --commit reads the "
		    "receipts that retl-push writes, nothing else",
		    c->in.line_no);
	if (what == 0) {
		take(c, &c->receipt);
	} else if (c->n_broken++ < 10) {
		msg_error("line %" PRIu64 ": %s: left out", c->in.line_no,
			  what == 1 ? "status: missing" : err.data);
	}
	buf_release(&err);
}

/* ---- folding ---- */

/* 65 before 75 before 1: what helps least is said first. */
static int worse(int a, int b)
{
	static const int order[] = { EX_DATAERR, EX_TEMPFAIL, EX_REFUSED };

	for (size_t i = 0; i < ARRAY_LEN(order); i++)
		if (a == order[i] || b == order[i])
			return order[i];
	return a ? a : b;
}

static int fold_named(struct commit *c)
{
	struct state *st = &c->st;
	int status = 0, at;

	for (size_t i = 0; i < c->n_runs; i++) {
		struct named *r = &c->runs[i];

		if (r->what == NAMED_STRANGE)
			continue;
		/* A start may have folded and forgotten it meanwhile. */
		at = state_find_settled(st, r->id);
		if (at >= 0)
			status = worse(status, st->settled[at].status);
		else
			status = worse(
			    status, fold_run(st, r->id, CLOSE_BY_COMMIT, c->to,
					     r->is_whole ? &r->heard : NULL));
	}
	return status;
}

/*
 * There was no receipt. The push had nothing to do, or it came to nothing: the
 * run that is open was ours, most likely. Nothing is lost if it was not, so
 * that does not count as proof that it has ended unless it was empty.
 */
static int fold_silent(struct commit *c)
{
	struct run_file open;
	int status;

	if (!run_find_open(&c->st, true, &open)) {
		msg_error("%s: there is no run to close: the diff stage did "
			  "not begin one",
			  c->cfg->dir);
		return EX_TEMPFAIL;
	}
	status = fold_run(&c->st, open.id, CLOSE_SILENT, c->to, NULL);
	if (status)
		msg_warn("run %s: no receipts came: %s", open.id,
			 status == EX_DATAERR
			     ? "its diff stage ended with an error"
			 : status == EX_REFUSED
			     ? "its input had records that were refused, or "
			       "that are in quarantine"
			     : "what it may have sent is in doubt, the next "
			       "run sends it again");
	run_file_release(&open);
	return status;
}

static void read_all(struct commit *c)
{
	int got;

	ndjson_open(&c->in, NULL);
	c->in.on_wait = while_waiting;
	c->in.on_wait_arg = c;
	c->in.max_record = (size_t)c->cfg->max_record;
	watch_count("read", &c->in.n_records);
	while ((got = ndjson_next(&c->in)) == 1)
		take_line(c);
	journal_shut(c);
	if (got < 0)
		die(c->in.status, "%s", c->in.err.data);
	watch_stop(&c->in.n_records);
	ndjson_close(&c->in);
}

static void set_signals(void (*handler)(int))
{
	signal(SIGINT, handler);
	signal(SIGTERM, handler);
	signal(SIGHUP, handler);
}

int diff_commit(const struct config *cfg)
{
	struct commit c = { .cfg = cfg,
			    .st = { .lock = -1 },
			    .in = NDJSON_INIT,
			    .receipt = RECEIPT_INIT,
			    .fd = -1,
			    .b = BUF_INIT };
	struct run_file open;
	int status;

	set_signals(SIG_IGN);
	state_load(&c.st, cfg->dir);
	c.synced_ms = clock_tick_ms();
	read_all(&c);
	/* What is written down is safe; the rest can be done again. */
	set_signals(SIG_DFL);

	state_release(&c.st);
	state_lock(&c.st, cfg->dir, true);
	state_load(&c.st, cfg->dir);
	state_sweep(&c.st);
	if (run_find_open(&c.st, true, &open))
		run_file_release(&open);
	if (c.st.to && c.to && strcmp(c.st.to, c.to) != 0)
		die(EX_CONFIG,
		    "to: the state belongs to %s since another commit, the "
		    "receipts are from %s",
		    c.st.to, c.to);
	status = c.n_receipts || c.n_broken ? fold_named(&c) : fold_silent(&c);
	if (c.n_broken || c.n_strange) {
		msg_error("%" PRIu64 " lines were left out: no receipts of "
			  "this state",
			  c.n_broken + c.n_strange);
		status = EX_DATAERR;
	}
	for (size_t i = 0; i < c.n_runs; i++)
		journal_release(&c.runs[i].heard);
	free(c.runs);
	free(c.to);
	receipt_release(&c.receipt);
	buf_release(&c.b);
	state_release(&c.st);
	return status;
}
