/* SPDX-License-Identifier: MIT */
/*
 * What is to be done with a run as a whole: it is found, folded, summed up in
 * words and a status, and remembered as long as it may be heard of.
 */
#include "bin/retl-diff/commit.h"

#include "bin/retl-diff/fold.h"

#include <sys/stat.h>

#include "common/clock.h"
#include "common/mem.h"
#include "common/msg.h"

/* What the sync came to. */
static int sum_up(const struct fold *f)
{
	const uint64_t *n = f->n_fate;

	if (f->file.data_error || f->journal.unknown)
		return EX_DATAERR;
	if (!f->file.ended || n[FATE_NONE] || n[FATE_UNKNOWN] || n[FATE_FAILED])
		return EX_TEMPFAIL;
	if (n[FATE_REJECTED] || n[FATE_SENDING] || n[FATE_UNRESENT] ||
	    f->file.refused)
		return EX_REFUSED;
	return 0;
}

static void say(const struct fold *f)
{
	const uint64_t *n = f->n_fate;
	uint64_t lost = n[FATE_NONE] + n[FATE_UNKNOWN];

	if (f->journal.unknown)
		msg_error("%" PRIu64 " receipts name changes that run %s has "
			  "not: they were left out",
			  f->journal.unknown, f->file.id);
	if (!f->file.ended)
		msg_warn("run %s has no end: its diff stage was stopped",
			 f->file.id);
	if (n[FATE_REJECTED])
		msg_warn("%" PRIu64 " changes were rejected: --status lists "
			 "them, the next run sends them again",
			 n[FATE_REJECTED]);
	if (n[FATE_FAILED])
		msg_warn("%" PRIu64 " changes failed for a passing reason: "
			 "the next run sends them again",
			 n[FATE_FAILED]);
	if (lost)
		msg_warn("%" PRIu64 " changes are in doubt: the next run "
			 "sends them again",
			 lost);
	if (n[FATE_SENDING] + n[FATE_UNRESENT])
		msg_warn("%" PRIu64 " changes may not have arrived and must "
			 "not be sent twice: --status lists them",
			 n[FATE_SENDING] + n[FATE_UNRESENT]);
	msg_debug("run %s: %" PRIu64 " delivered, %" PRIu64 " skipped",
		  f->file.id, n[FATE_DELIVERED], n[FATE_SKIPPED]);
}

static bool all_final(const struct fold *f)
{
	return f->file.ended && !f->n_fate[FATE_NONE] &&
	       !f->n_fate[FATE_UNKNOWN] && !f->n_fate[FATE_SENDING];
}

static uint64_t newest_run(const struct fold *f)
{
	uint64_t n = MAX(f->st->run, f->file.number);

	return f->open.path ? MAX(n, f->open.number) : n;
}

static void update_run(struct fold *f, int status)
{
	struct run_entry *run = f->run;

	run->folded = f->journal.bytes;
	run->status = status;
	/* It was heard of after others had begun. */
	if (!f->first && (f->journal.n_receipts || f->how == CLOSE_BY_COMMIT))
		run->until = newest_run(f);
	/* Its changes may yet arrive, after those of the run that starts. */
	if (f->first && f->how == CLOSE_BY_START && run_may_live(&f->file))
		run->until = run_next_number(f->st);
	if (f->how == CLOSE_BY_COMMIT && !run->committed)
		for (size_t i = 0; i < f->st->n_runs; i++)
			f->st->runs[i].commits +=
			    f->st->runs[i].number < run->number;
	run->committed |= f->how == CLOSE_BY_COMMIT || all_final(f);
	f->st->run = MAX(f->st->run, f->file.number);
	if (f->file.full && f->file.finished && f->file.number >= f->st->full)
		f->st->full = 0;
}

static void remember_settled(struct state *st, const struct run_entry *run)
{
	size_t last = ARRAY_LEN(st->settled) - 1;

	memmove(&st->settled[1], &st->settled[0], last * sizeof *st->settled);
	memcpy(st->settled[0].id, run->id, sizeof run->id);
	st->settled[0].status = run->status;
	st->n_settled = MIN(st->n_settled + 1, ARRAY_LEN(st->settled));
}

/*
 * Runs of which nothing is in doubt and nothing more will be heard. One that
 * no commit closed may still have a push at work: it stays until two newer
 * ones were closed.
 */
static void drop_settled(struct state *st)
{
	size_t kept = 0;

	for (size_t i = 0; i < st->n_runs; i++) {
		struct run_entry *r = &st->runs[i];

		if (!r->doubts && (r->committed || r->commits >= 2))
			remember_settled(st, r);
		else
			st->runs[kept++] = *r;
	}
	st->n_runs = kept;
}

static struct run_entry *enter_run(struct state *st,
				   const struct run_file *file)
{
	struct run_entry *run;

	GROW(st->runs, st->n_runs, st->cap_runs);
	run = &st->runs[st->n_runs++];
	*run =
	    (struct run_entry){ .number = file->number, .until = file->number };
	memcpy(run->id, file->id, sizeof run->id);
	return run;
}

static void stamp(struct state *st, const char *to)
{
	struct buf now = BUF_INIT;

	clock_put_rfc3339(&now, clock_now_ms());
	free(st->committed);
	st->committed = buf_take(&now);
	if (to && *to && !st->to)
		st->to = xstrdup(to);
}

int fold_run(struct state *st, const char *id, enum closing how, const char *to,
	     struct journal *heard)
{
	struct fold f = { .st = st,
			  .how = how,
			  .at = ROWS_INIT,
			  .at_text = BUF_INIT,
			  .none = ROWS_INIT,
			  .scratch = RECORD_INIT };
	struct run_file open = { .path = NULL };
	int status;

	f.run = state_find_run(st, id);
	f.first = !f.run;
	run_scan(&f.file, st, id);
	if (f.first) {
		f.run = enter_run(st, &f.file);
	} else if (run_find_open(st, false, &open)) {
		run_scan(&f.open, st, open.id);
		run_file_release(&open);
	}
	if (!heard || f.run->folded ||
	    !journal_take(&f.journal, heard, run_path(st, id, "receipts"),
			  f.file.n))
		journal_read(&f.journal, run_path(st, id, "receipts"), f.file.n,
			     f.run->folded);
	f.newer = newest_run(&f) > f.file.number;
	fold_parts(&f);
	status = sum_up(&f);
	if (how == CLOSE_BY_COMMIT)
		say(&f);
	update_run(&f, status);
	drop_settled(st);
	stamp(st, to);
	state_save(st);
	state_sweep(st);
	if (run_find_open(st, true, &open))
		run_file_release(&open);
	journal_release(&f.journal);
	run_file_release(&f.file);
	run_file_release(&f.open);
	return status;
}

/* Has the journal of a known run grown since it was folded? */
static bool has_grown(struct state *st, const struct run_entry *run)
{
	struct stat sb;

	return stat(run_path(st, run->id, "receipts"), &sb) == 0 &&
	       (uint64_t)sb.st_size > run->folded;
}

/* Late receipts of runs that are known already. */
void fold_late(struct state *st)
{
	char(*ids)[RUN_ID_LEN + 1] = NULL;
	size_t n = 0, cap = 0;

	for (size_t i = 0; i < st->n_runs; i++) {
		if (!has_grown(st, &st->runs[i]))
			continue;
		GROW(ids, n, cap);
		memcpy(ids[n++], st->runs[i].id, sizeof *ids);
	}
	for (size_t i = 0; i < n; i++)
		if (state_find_run(st, ids[i]))
			fold_run(st, ids[i], CLOSE_BY_START, NULL, NULL);
	free(ids);
}

/*
 * What the push of a run may still send can arrive after the changes of the
 * run that starts now: as long as it is there, no newer run settles its doubts.
 */
static void stretch_living(struct state *st)
{
	struct run_file f;
	bool any = false;

	for (size_t i = 0; i < st->n_runs; i++) {
		struct run_entry *run = &st->runs[i];

		if (run->committed || !run->doubts ||
		    run_read_header(&f, st, run->id) < 0)
			continue;
		if (run_lives(&f)) {
			run->until = run_next_number(st);
			any = true;
		}
		run_file_release(&f);
	}
	if (any)
		state_save(st);
}

void fold_before_run(struct state *st)
{
	struct run_file open;

	state_sweep(st);
	fold_late(st);
	if (run_find_open(st, true, &open)) {
		fold_run(st, open.id, CLOSE_BY_START, NULL, NULL);
		run_file_release(&open);
	}
	stretch_living(st);
}
