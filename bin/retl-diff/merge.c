/* SPDX-License-Identifier: MIT */
/*
 * A run: the dataset as it is now, stepped key by key with what the
 * destination has been seen to hold, what it may hold besides, and what it
 * refused. What differs goes out as a change.
 */
#include <poll.h>

#include "bin/retl-diff/acked.h"
#include "bin/retl-diff/commit.h"
#include "bin/retl-diff/input.h"
#include "bin/retl-diff/removal.h"
#include "bin/retl-diff/run.h"

#include "common/filter.h"
#include "common/mem.h"
#include "common/msg.h"
#include "common/watch.h"

/* What may be at the destination besides the acknowledged row of a key. */
struct doubt {
	struct buf row;
	bool removal; /* of row: the destination may lack it */
	struct record rec;
	struct ident_values values;
	bool due; /* a removal of it is to go out */
};

struct walk {
	const struct config *cfg;
	struct state *st;
	struct input in;
	struct acked acked;
	struct rows doubt, held;
	struct run run;
	struct out out;
	struct removals removals;
	bool full;

	/* of the key at hand */
	struct rows *now, *old; /* NULL: not there */
	struct rows key, none;
	struct rows *lowest; /* a row with that key */
	struct buf key_text;
	struct doubt *doubts;
	size_t n_doubts, cap_doubts;
	struct ident_values now_values, old_values;
	struct buf marks, more;

	uint64_t n_rows; /* read */
	uint64_t n_stubs, n_quarantined;
	uint64_t n_there;   /* keys that the destination may have */
	uint64_t n_gone;    /* of these, keys that are not in the input */
	uint64_t n_due;     /* keys with something to remove */
	uint64_t n_kind[4]; /* by enum diff_result */
};

/* ---- sending ---- */

static bool has_identity(const struct walk *w)
{
	return w->st->identity.n > 0;
}

static void live(struct walk *w, const struct record *row, bool acked)
{
	if (has_identity(w))
		removals_live(&w->removals, row, acked);
}

static void send_now(struct walk *w, enum diff_result kind, bool replacing)
{
	struct str row = row_text(w->now->rec.line);

	live(w, &w->now->rec, false);
	w->n_kind[kind]++;
	if (replacing) {
		removals_add_replacing(&w->removals, row);
		return;
	}
	run_change(&w->run, &(struct change){ .result = kind,
					      .row = row,
					      .marks = buf_str(&w->marks),
					      .more = buf_str(&w->more),
					      .go = true });
}

/*
 * All rows are to be sent, and this one cannot be. A destination that is new
 * lacks it, and being acknowledged by the old one must not hide that.
 */
static void note_unsent(struct walk *w)
{
	if (!w->full || !w->old)
		return;
	run_change(&w->run,
		   &(struct change){
		       .result = DIFF_ADDED,
		       .row = row_text(w->old->rec.line),
		       .more = STR("\"diff_outcome\":{\"status\":\"skipped\","
				   "\"unsent\":true}"),
		   });
}

/* ---- a key that the dataset has ---- */

static bool removal_in_doubt(const struct walk *w)
{
	for (size_t i = 0; i < w->n_doubts; i++)
		if (w->doubts[i].removal)
			return true;
	return false;
}

/* Refused so often, with this content, that it is not worth another try. */
static bool in_quarantine(struct walk *w)
{
	struct buf digest = BUF_INIT;
	struct str why, times, sum;
	uint64_t n;
	bool same;

	if (!w->cfg->quarantine)
		return false;
	for (; rows_cmp(&w->held, w->now) == 0; rows_next(&w->held)) {
		why = w->held.rec.diff_outcome;
		times = json_get(why, "times");
		sum = json_get(why, "digest");
		if (!json_text_is(json_get(why, "status"), "rejected") ||
		    json_text_is(json_get(why, "change"), "DiffRemoved") ||
		    !times.s || str_to_u64(times, &n) < 0 ||
		    n < w->cfg->quarantine || !sum.s)
			continue;
		compare_put_digest(&digest, &w->st->compare, &w->now->rec);
		same = json_text_is(sum, digest.data);
		buf_release(&digest);
		return same;
	}
	return false;
}

/* Nothing goes out for this key: what is there stays, and lives. */
static void keep_all(struct walk *w)
{
	if (!has_identity(w))
		return;
	if (w->old)
		live(w, &w->old->rec, true);
	for (size_t i = 0; i < w->n_doubts; i++)
		live(w, &w->doubts[i].rec, false);
}

/*
 * Which of the rows that may be there have a value that the row as it is now
 * lacks: each identity once. True if there is one.
 */
static bool find_due(struct walk *w, bool *old_due)
{
	bool any;

	*old_due = w->old && (!w->now ||
			      !identity_within(&w->old_values, &w->now_values));
	any = *old_due;
	for (size_t i = 0; i < w->n_doubts; i++) {
		struct doubt *d = &w->doubts[i];

		d->due =
		    !w->now || !identity_within(&d->values, &w->now_values);
		if (*old_due && identity_within(&d->values, &w->old_values))
			d->due = false;
		for (size_t j = 0; j < i && d->due; j++)
			d->due =
			    !w->doubts[j].due ||
			    !identity_within(&d->values, &w->doubts[j].values);
		any |= d->due;
	}
	return any;
}

static void remove_due(struct walk *w, bool old_due)
{
	w->n_due++;
	w->n_kind[DIFF_REMOVED]++;
	if (old_due)
		removals_add(&w->removals, row_text(w->old->rec.line),
			     REMOVE_ACKED);
	for (size_t i = 0; i < w->n_doubts; i++)
		if (w->doubts[i].due)
			removals_add(&w->removals, buf_str(&w->doubts[i].row),
				     REMOVE_DOUBT);
}

static bool may_remove(const struct walk *w)
{
	return w->cfg->emits[DIFF_REMOVED] && !w->cfg->delta;
}

/*
 * The old identity stays, since this run removes nothing: the state must
 * remember it when the new one is acknowledged.
 */
static void note_replaced(struct walk *w)
{
	buf_addz(&w->more,
		 "\"diff_outcome\":{\"status\":\"skipped\",\"replaces\":");
	buf_adds(&w->more, row_text(w->old->rec.line));
	buf_addc(&w->more, '}');
}

/*
 * The row is as it is acknowledged again, so nothing goes out for it: what was
 * refused in its place is no longer wanted, and held no more.
 */
static void note_unheld(struct walk *w)
{
	bool rejected = false;

	for (; rows_cmp(&w->held, w->now) == 0; rows_next(&w->held))
		rejected |= json_text_is(
		    json_get(w->held.rec.diff_outcome, "status"), "rejected");
	if (!rejected)
		return;
	run_change(&w->run,
		   &(struct change){
		       .result = DIFF_UPDATED,
		       .row = row_text(w->now->rec.line),
		       .more = STR("\"diff_outcome\":{\"status\":\"skipped\","
				   "\"unheld\":true}"),
		   });
}

static void present(struct walk *w)
{
	bool in_doubt = w->n_doubts > 0, old_due = false, due = false;
	bool same =
	    w->old && compare_rows(&w->st->compare, &w->old->rec, &w->now->rec);
	bool moved = false;
	enum diff_result kind;

	if (has_identity(w)) {
		identity_values(&w->st->identity, &w->now->rec, &w->now_values);
		due = find_due(w, &old_due);
		moved =
		    w->old && !identity_within(&w->now_values, &w->old_values);
	}
	if (same && !in_doubt && !w->full && !due && !moved) {
		live(w, &w->now->rec, true);
		note_unheld(w);
		return;
	}
	kind = w->full || !w->old || removal_in_doubt(w) || due || moved
		   ? DIFF_ADDED
		   : DIFF_UPDATED;
	if (!in_doubt && !w->full && in_quarantine(w)) {
		w->n_quarantined++;
	} else if (w->cfg->emits[kind]) {
		if (w->cfg->changed && kind == DIFF_UPDATED && !in_doubt) {
			buf_addz(&w->marks, "\"diff_changed\":");
			compare_put_changed(&w->marks, &w->st->compare,
					    &w->old->rec, &w->now->rec);
		}
		if (due && may_remove(w))
			remove_due(w, old_due);
		else if (old_due)
			note_replaced(w);
		send_now(w, kind, due && may_remove(w));
		return;
	} else {
		note_unsent(w);
	}
	live(w, &w->now->rec, false);
	keep_all(w);
}

/* ---- a key that the dataset has not ---- */

static NORETURN void out_of_order(struct walk *w)
{
	run_flush(&w->run);
	run_break(&w->run, "stopped");
	die(EX_DATAERR,
	    "%s: its rows are out of order: the state is damaged; restore it "
	    "from a copy, or --init a new one and --adopt what the destination "
	    "has",
	    w->st->dir);
}

static void absent(struct walk *w)
{
	bool old_due = w->old != NULL;

	/* Whatever the files of the state say, what was read is not gone. */
	if (input_passed(&w->in, w->lowest))
		out_of_order(w);
	w->n_gone++;
	note_unsent(w);
	if (!may_remove(w))
		return;
	if (has_identity(w)) {
		find_due(w, &old_due);
	} else {
		for (size_t i = 0; i < w->n_doubts; i++)
			w->doubts[i].due = !w->old && i + 1 == w->n_doubts;
	}
	remove_due(w, old_due);
}

/* ---- stepping ---- */

static NORETURN void stop(struct walk *w)
{
	/* What went into the run can still be acknowledged. */
	run_flush(&w->run);
	run_break(&w->run, w->in.status == EX_DATAERR ? "broken" : "stopped");
	die(w->in.status, "%s", w->in.err.data);
}

static void next_input(struct walk *w)
{
	if (input_next(&w->in) < 0)
		stop(w);
}

static void parse_input(struct walk *w)
{
	if (input_parse(&w->in) < 0)
		stop(w);
}

static void take_doubt(struct walk *w)
{
	struct doubt *d;
	struct json_fault fault;

	if (w->n_doubts == w->cap_doubts) {
		w->cap_doubts = w->cap_doubts ? w->cap_doubts * 2 : 4;
		w->doubts =
		    xreallocarray(w->doubts, w->cap_doubts, sizeof *w->doubts);
		for (size_t i = w->n_doubts; i < w->cap_doubts; i++)
			w->doubts[i] = (struct doubt){ .row = BUF_INIT,
						       .rec = RECORD_INIT };
	}
	d = &w->doubts[w->n_doubts++];
	buf_reset(&d->row);
	row_put_unmarked(&d->row, &w->doubt.rec);
	d->removal = w->doubt.rec.result == DIFF_REMOVED;
	if (!has_identity(w))
		return;
	if (record_parse(&d->rec, buf_str(&d->row), &fault) < 0)
		BUG("a row in doubt is broken: %s", fault.what);
	identity_values(&w->st->identity, &d->rec, &d->values);
}

/* The lowest of all keys, and what each stream has for it. */
static void gather(struct walk *w)
{
	struct rows *x = &w->in.rows;
	struct rows *a = w->acked.cur ? w->acked.cur : &w->none;
	struct rows *lowest = x;

	if (x->have)
		parse_input(w);
	if (rows_cmp(a, lowest) < 0)
		lowest = a;
	if (rows_cmp(&w->doubt, lowest) < 0)
		lowest = &w->doubt;
	if (rows_cmp(&w->held, lowest) < 0)
		lowest = &w->held;
	w->now = x->have && rows_cmp(x, lowest) == 0 ? x : NULL;
	w->old = a->have && rows_cmp(a, lowest) == 0 ? a : NULL;
	w->n_doubts = 0;
	if (w->old) {
		rows_parse(w->old);
		if (has_identity(w))
			identity_values(&w->st->identity, &w->old->rec,
					&w->old_values);
	}
	if (lowest == &w->doubt || lowest == &w->held) {
		/* It moves on, while its key is needed still. */
		rows_hold(&w->key, &w->key_text, lowest);
		lowest = &w->key;
	}
	for (; w->doubt.have && rows_cmp(&w->doubt, lowest) == 0;
	     rows_next(&w->doubt))
		take_doubt(w);
	w->lowest = lowest;
}

/* Refused and never there, and the dataset has it no more. */
static void forget_held(struct walk *w)
{
	struct buf row = BUF_INIT;

	if (may_remove(w)) {
		buf_addc(&row, '{');
		rows_put_key(&row, &w->st->key, w->lowest);
		buf_addc(&row, '}');
		removals_add(&w->removals, buf_str(&row), FORGET_HELD);
	}
	buf_release(&row);
}

static void step(struct walk *w)
{
	gather(w);
	buf_reset(&w->marks);
	buf_reset(&w->more);
	if (w->old || w->n_doubts)
		w->n_there++;
	if (!w->now && !w->old && !w->n_doubts) {
		forget_held(w);
	} else if (!w->now) {
		absent(w);
	} else if (record_is_stub(&w->now->rec)) {
		w->n_stubs++;
		note_unsent(w);
		keep_all(w);
	} else {
		present(w);
	}
	while (rows_cmp(&w->held, w->lowest) == 0)
		rows_next(&w->held);
	if (w->now) {
		w->n_rows++;
		next_input(w);
	}
	if (w->old)
		acked_next(&w->acked);
}

/* A line equal to the acknowledged one, and nothing else to look at. */
static bool equal_line(struct walk *w)
{
	return w->in.rows.have && w->acked.cur && !w->doubt.have &&
	       !w->held.have && !has_identity(w) && !w->full &&
	       str_eq(w->in.rows.rec.line, w->acked.cur->rec.line);
}

static void walk(struct walk *w)
{
	next_input(w);
	while (w->in.rows.have || w->acked.cur || w->doubt.have ||
	       w->held.have) {
		if (LIKELY(equal_line(w))) {
			w->n_rows++;
			w->n_there++;
			next_input(w);
			acked_next(&w->acked);
		} else {
			step(w);
		}
	}
}

/* ---- the end ---- */

/* More than the guard allows? */
static bool too_many(const struct walk *w)
{
	switch (w->cfg->guard) {
	case GUARD_ROWS:
		return w->n_due > w->cfg->guard_n;
	case GUARD_PERCENT:
		return (double)w->n_due * 100 >
		       (double)w->cfg->guard_n * (double)w->n_there;
	default:
		return (w->n_gone && w->n_gone == w->n_there) ||
		       (w->n_due > 20 && w->n_due * 5 > w->n_there);
	}
}

/* True: removals are due and must not go out. Says why. */
static bool withheld(struct walk *w)
{
	const char *no_seal = ndjson_seal_fault(&w->in.rows.in);

	if (!w->n_due)
		return false;
	if (no_seal && !w->cfg->trust_eof) {
		msg_error("%s: %" PRIu64 " removal%s withheld, since what is "
			  "missing may only have been cut off: feed a sealed "
			  "stream, or give --trust-eof if you know it to be "
			  "complete",
			  no_seal, w->n_due, w->n_due == 1 ? "" : "s");
		return true;
	}
	if (too_many(w)) {
		msg_error("%" PRIu64 " of %" PRIu64 " rows would be removed, "
			  "more than --max-removed allows: all removals "
			  "withheld; --max-removed %" PRIu64 " lets them pass",
			  w->n_due, w->n_there, w->n_due);
		return true;
	}
	return false;
}

static int finish(struct walk *w)
{
	bool sealed = ndjson_sealed(&w->in.rows.in), hold = withheld(w);
	struct run_end end = { .end = hold ? "withheld" : "finished",
			       .sealed = sealed,
			       .rows = w->n_rows,
			       .stubs = w->n_stubs,
			       .quarantined = w->n_quarantined,
			       .withheld = hold ? w->n_due : 0 };

	if (!hold && (sealed || w->cfg->trust_eof))
		removals_emit(&w->removals, &w->run);
	run_finish(&w->run, &end);
	if (!w->n_due)
		filter_warn_unsealed(&w->in.rows.in);
	msg_debug("%" PRIu64 " rows: %" PRIu64 " added, %" PRIu64
		  " updated, %" PRIu64 " removed%s, %" PRIu64
		  " in quarantine, %" PRIu64 " stubs",
		  w->n_rows, w->n_kind[DIFF_ADDED], w->n_kind[DIFF_UPDATED],
		  w->n_kind[DIFF_REMOVED], hold ? " (withheld)" : "",
		  w->n_quarantined, w->n_stubs);
	if (!hold && sealed)
		out_seal(&w->out);
	out_close(&w->out);
	return hold ? EX_DATAERR : 0;
}

/*
 * The input lets us wait: what we have found so far goes out, unless that was
 * done a moment ago and more is coming. Each time costs an fsync.
 */
static void while_waiting(void *arg)
{
	struct walk *w = arg;
	struct pollfd p = { .fd = STDIN_FILENO, .events = POLLIN };

	if ((w->run.out.len || w->run.file.len) && poll(&p, 1, 100) == 0)
		run_flush(&w->run);
}

/* A file is not there; without the lock it may have been replaced meanwhile. */
static NORETURN void has_vanished(const struct state *st)
{
	struct state now = { .lock = -1 };

	state_load(&now, st->dir);
	if (now.generation != st->generation)
		die(EX_TEMPFAIL,
		    "%s: another sync has just changed the state: try again",
		    st->dir);
	die(EX_NOINPUT,
	    "%s: a file that state.json names is missing: restore the state "
	    "from a copy",
	    st->dir);
}

static void open_all(struct walk *w)
{
	if (!acked_open(&w->acked, w->st))
		has_vanished(w->st);
	state_open_part(w->st, STATE_DOUBT, &w->doubt);
	state_open_part(w->st, STATE_HELD, &w->held);
	/* What the state has sets the types that the input is held to. */
	if (w->acked.cur)
		rows_parse(w->acked.cur);
	if (w->doubt.have)
		rows_parse(&w->doubt);
	input_open(&w->in, w->st, w->cfg->max_record);
	w->in.rows.in.on_wait = while_waiting;
	w->in.rows.in.on_wait_arg = w;
}

static void close_all(struct walk *w)
{
	acked_close(&w->acked);
	rows_close(&w->doubt);
	rows_close(&w->held);
	rows_close(&w->key);
	buf_release(&w->key_text);
	input_close(&w->in);
	removals_release(&w->removals);
	for (size_t i = 0; i < w->cap_doubts; i++) {
		buf_release(&w->doubts[i].row);
		record_release(&w->doubts[i].rec);
		free(w->doubts[i].values.v);
	}
	free(w->doubts);
	free(w->now_values.v);
	free(w->old_values.v);
	buf_release(&w->marks);
	buf_release(&w->more);
}

/* Another destination, and the wish to send all: on the disk before a run. */
static void move_on(const struct config *cfg, struct state *st, bool rebound)
{
	if (cfg->full || cfg->rebase) {
		free(st->to);
		st->to = NULL;
	}
	if (cfg->full)
		st->full = run_next_number(st);
	if ((rebound || cfg->full || cfg->rebase) && !cfg->dry_run)
		state_save(st);
}

static void begin_watch(const struct walk *w)
{
	watch_count("read", &w->n_rows);
	for (int i = DIFF_ADDED; i <= DIFF_REMOVED; i++)
		watch_count(diff_result_word((enum diff_result)i),
			    &w->n_kind[i]);
}

static void end_watch(const struct walk *w)
{
	watch_stop(&w->n_rows);
	for (int i = DIFF_ADDED; i <= DIFF_REMOVED; i++)
		watch_stop(&w->n_kind[i]);
}

int diff_run(const struct config *cfg)
{
	struct state st = { .lock = -1 };
	struct walk w = { .cfg = cfg,
			  .st = &st,
			  .key = ROWS_INIT,
			  .none = ROWS_INIT,
			  .key_text = BUF_INIT,
			  .marks = BUF_INIT,
			  .more = BUF_INIT };
	bool rebound;
	int status;

	if (!cfg->dry_run)
		state_lock(&st, cfg->dir, false);
	state_load(&st, cfg->dir);
	rebound = state_bind(&st, cfg, cfg->full || cfg->rebase);
	if (!cfg->dry_run)
		fold_before_run(&st);
	move_on(cfg, &st, rebound);
	w.full = st.full > 0;
	out_init(&w.out, STDOUT_FILENO, "standard output");
	removals_init(&w.removals, &st, cfg->dry_run);
	open_all(&w);
	begin_watch(&w);
	run_begin(&w.run, &st, w.full, cfg->dry_run, &w.out);
	walk(&w);
	status = finish(&w);
	end_watch(&w);
	close_all(&w);
	state_release(&st);
	return status;
}
