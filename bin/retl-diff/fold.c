/* SPDX-License-Identifier: MIT */
#include "bin/retl-diff/fold.h"

#include <sys/stat.h>

#include "common/mem.h"
#include "common/msg.h"

/* ---- one key ---- */

static void take_key(struct fold *f)
{
	f->n_entries = f->n_held = f->n_c = 0;
	f->ack = AS_IT_WAS;
	for (; rows_cmp(&f->doubt, &f->at) == 0; rows_next(&f->doubt)) {
		doubts_take(f);
		if (!f->doubt.have)
			break;
	}
	for (; rows_cmp(&f->held_rows, &f->at) == 0; rows_next(&f->held_rows))
		held_take(f);
	for (int s = 0; s < RUN_SECTIONS; s++)
		for (; rows_cmp(&f->sec[s], &f->at) == 0; rows_next(&f->sec[s]))
			effect_take(f, (enum run_section)s);
	f->open_too = false;
	for (int s = 0; s < RUN_SECTIONS; s++) {
		struct rows *r = &f->open_sec[s];

		while (r->have && rows_cmp(r, &f->at) < 0)
			rows_next(r);
		f->open_too |= rows_cmp(r, &f->at) == 0;
	}
}

/* ---- what is acknowledged ---- */

/* The row of base; not have: there are no more, or none is asked for. */
static struct rows *old_row(struct fold *f)
{
	if (f->base == BASE_ALL && f->acked.cur)
		return f->acked.cur;
	return f->base == BASE_LAYERS ? f->acked.changes.cur : &f->none;
}

static void old_next(struct fold *f)
{
	if (f->base == BASE_ALL)
		acked_next(&f->acked);
	else
		overlay_next(&f->acked.changes);
}

static struct part_writer *acked_out(struct fold *f)
{
	return &f->out[f->base == BASE_ALL ? STATE_SNAPSHOT : STATE_CHANGES];
}

static void write_row(struct fold *f, struct str line)
{
	struct part_writer *w = acked_out(f);

	buf_adds(&w->b, line);
	part_row(w);
}

/* In the snapshot it is enough to leave it out. */
static void write_gone(struct fold *f, struct rows *key)
{
	struct part_writer *w = acked_out(f);

	if (f->base == BASE_ALL)
		return;
	buf_addc(&w->b, '{');
	rows_put_key(&w->b, &f->st->key, key);
	buf_addz(&w->b, ",\"diff_result\":\"DiffRemoved\"}");
	part_row(w);
}

static void write_old(struct fold *f, struct rows *old)
{
	if (old->rec.result == DIFF_REMOVED)
		write_gone(f, old);
	else
		write_row(f, old->rec.line);
}

static void write_acked(struct fold *f)
{
	struct rows *old = old_row(f);
	bool there = rows_cmp(old, &f->at) == 0;

	if (f->ack == A_ROW)
		write_row(f, f->ack_row);
	else if (f->ack == GONE)
		write_gone(f, &f->at);
	else if (there)
		write_old(f, old);
	if (there)
		old_next(f);
}

/* ---- all that is known of a key ---- */

static void fold_key(struct fold *f)
{
	take_key(f);
	effect_of_all(f);
	doubts_write(f);
	held_write(f);
	write_acked(f);
}

/*
 * A change that was delivered, of a key of which nothing is known besides but
 * its acknowledged row: what fold_key comes to then. Nearly all are like that,
 * and it takes a tenth of the time.
 */
static bool fold_delivered(struct fold *f, enum run_section section)
{
	struct rows *r = &f->sec[section];
	enum fate fate;

	rows_parse(r);
	if (!f->first || f->open.path || f->st->identity.n ||
	    r->rec.diff_outcome.s || rows_cmp(&f->doubt, r) == 0 ||
	    rows_cmp(&f->held_rows, r) == 0)
		return false;
	for (int s = 0; s < RUN_SECTIONS; s++)
		if (s != (int)section && rows_cmp(&f->sec[s], r) == 0)
			return false;
	fate = journal_now(&f->journal, run_number(&f->file, section, r));
	if (fate != FATE_DELIVERED && fate != FATE_SKIPPED)
		return false;
	f->n_fate[fate]++;
	if (r->rec.result == DIFF_REMOVED) {
		write_gone(f, r);
	} else {
		row_put_unmarked(&acked_out(f)->b, &r->rec);
		part_row(acked_out(f));
	}
	if (rows_cmp(old_row(f), r) == 0)
		old_next(f);
	rows_next(r);
	return true;
}

/*
 * A stream with the lowest key, that of old rows only if no other has it; NULL
 * at the end of all.
 */
static struct rows *lowest(struct fold *f)
{
	enum { OTHERS = 5 };
	struct rows *const other[OTHERS] = {
		&f->doubt, &f->held_rows, &f->sec[0], &f->sec[1], &f->sec[2],
	};
	struct rows *low = old_row(f);

	for (size_t i = 0; i < OTHERS; i++)
		if (rows_cmp(other[i], low) <= 0)
			low = other[i];
	return low->have ? low : NULL;
}

/* Does the row at hand need no more than to be written? */
static bool fold_alone(struct fold *f, struct rows *low)
{
	for (int s = 0; s < RUN_SECTIONS; s++)
		if (low == &f->sec[s])
			return fold_delivered(f, (enum run_section)s);
	if (low != old_row(f))
		return false;
	write_old(f, low);
	old_next(f);
	return true;
}

static void fold_all(struct fold *f)
{
	struct rows *low;

	while ((low = lowest(f))) {
		if (fold_alone(f, low))
			continue;
		rows_hold(&f->at, &f->at_text, low);
		fold_key(f);
	}
}

/* ---- all of them ---- */

/* With roughly the bytes that this fold adds to them. */
static bool layers_outgrown(const struct fold *f)
{
	uint64_t applied = 0, more;

	for (uint64_t n = 1; n <= f->file.n; n++)
		applied += effect_of(journal_now(&f->journal, n)) == APPLIED &&
			   (f->first ||
			    effect_of(journal_then(&f->journal, n)) != APPLIED);
	more = f->file.n ? (uint64_t)((double)f->file.bytes *
				      ((double)applied / (double)f->file.n))
			 : 0;
	return state_layer_bytes(f->st) + more >
	       f->st->part[STATE_SNAPSHOT].bytes / 4;
}

static void open_streams(struct fold *f)
{
	struct state *st = f->st;

	if ((f->base == BASE_ALL && !acked_open(&f->acked, st)) ||
	    (f->base == BASE_LAYERS && !overlay_open(&f->acked.changes, st)))
		die(EX_NOINPUT,
		    "%s: a file that state.json names is missing: restore the "
		    "state from a copy",
		    st->dir);
	state_open_part(st, STATE_DOUBT, &f->doubt);
	state_open_part(st, STATE_HELD, &f->held_rows);
	for (int s = 0; s < RUN_SECTIONS; s++) {
		run_open_section(&f->file, (enum run_section)s, st, &f->sec[s]);
		f->sec[s].skim = !st->identity.n && rows_may_skim(&st->key);
		f->open_sec[s] = ROWS_INIT;
		if (f->open.path)
			run_open_section(&f->open, (enum run_section)s, st,
					 &f->open_sec[s]);
	}
	for (int i = 0; i < STATE_FILES; i++)
		part_begin(&f->out[i], st, (enum state_file)i,
			   st->generation + 1);
}

static void close_streams(struct fold *f)
{
	if (f->base != BASE_NONE)
		acked_close(&f->acked);
	rows_close(&f->doubt);
	rows_close(&f->held_rows);
	for (int s = 0; s < RUN_SECTIONS; s++) {
		rows_close(&f->sec[s]);
		rows_close(&f->open_sec[s]);
	}
	rows_close(&f->at);
	buf_release(&f->at_text);
	doubts_release(f);
	held_release(f);
	effect_release(f);
	record_release(&f->scratch);
	arrived_free(f->arrived);
}

static void take_parts(struct fold *f)
{
	struct state *st = f->st;
	struct part p[STATE_FILES];

	for (int i = 0; i < STATE_FILES; i++)
		p[i] = part_end(&f->out[i]);
	state_set_part(st, STATE_DOUBT, p[STATE_DOUBT]);
	state_set_part(st, STATE_HELD, p[STATE_HELD]);
	if (f->base == BASE_ALL)
		state_set_part(st, STATE_SNAPSHOT, p[STATE_SNAPSHOT]);
	if (f->base != BASE_NONE)
		state_drop_layers(st);
	if (p[STATE_CHANGES].name)
		state_add_layer(st,
				&(struct layer){ .part = p[STATE_CHANGES] });
	st->generation++;
}

static void write_parts(struct fold *f)
{
	if (f->st->identity.n)
		f->arrived = arrived_new(f->st, &f->file, &f->journal);
	for (size_t i = 0; i < f->st->n_runs; i++)
		f->st->runs[i].doubts = 0;
	open_streams(f);
	fold_all(f);
	take_parts(f);
	close_streams(f);
}

/* ---- nothing to write ---- */

/* Counts what became of the changes, if every one was delivered. */
static bool all_delivered(struct fold *f)
{
	uint64_t n[FATE_UNRESENT + 1] = { 0 };

	for (uint64_t i = 1; i <= f->file.n; i++)
		n[journal_now(&f->journal, i)]++;
	if (n[FATE_DELIVERED] + n[FATE_SKIPPED] != f->file.n)
		return false;
	memcpy(f->n_fate, n, sizeof n);
	return true;
}

/*
 * Most runs are delivered as a whole, and then their file says all that a file
 * of changes would: it becomes one under a second name. (35k changes: 30 ms of
 * CPU when they were copied, 9 now; most of what is left is for reading the
 * receipts and keeping them.)
 */
static bool take_run_as_layer(struct fold *f)
{
	struct state *st = f->st;
	struct layer layer = { .is_run = true, .sections = f->file.sections };
	struct stat sb;

	if (f->base != BASE_NONE || !f->first || f->newer || !f->file.plain ||
	    !f->file.n || st->identity.n || st->part[STATE_DOUBT].name ||
	    st->part[STATE_HELD].name || layer.sections.count[RUN_REPLACING] ||
	    !all_delivered(f) || stat(f->file.path, &sb) < 0)
		return false;
	layer.part = (struct part){
		.name = part_name(STATE_CHANGES, st->generation + 1),
		.rows = f->file.n,
		.bytes = (uint64_t)sb.st_size,
	};
	/* Not every file system can do that. */
	if (link(f->file.path, state_path(st, layer.part.name)) < 0) {
		free(layer.part.name);
		memset(f->n_fate, 0, sizeof f->n_fate);
		return false;
	}
	state_add_layer(st, &layer);
	st->generation++;
	return true;
}

void fold_parts(struct fold *f)
{
	if (layers_outgrown(f))
		f->base = BASE_ALL;
	else if (f->st->n_layers == STATE_LAYERS)
		f->base = BASE_LAYERS;
	if (!take_run_as_layer(f))
		write_parts(f);
}
