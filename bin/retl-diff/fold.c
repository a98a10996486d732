/* SPDX-License-Identifier: MIT */
#include "bin/retl-diff/fold.h"

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
	buf_reset(&f->change);
	if (rows_cmp(&f->changes, &f->at) == 0) {
		buf_adds(&f->change, f->changes.rec.line);
		rows_next(&f->changes);
	}
}

static void write_line(struct part_writer *w, struct str line)
{
	buf_adds(&w->b, line);
	part_row(w);
}

/* The key's row in the snapshot is passed over, or is what stays. */
static void write_acked(struct fold *f)
{
	struct part_writer *w =
	    &f->out[f->rewrite ? STATE_SNAPSHOT : STATE_CHANGES];
	bool in_snapshot = rows_cmp(&f->snapshot, &f->at) == 0;
	struct str line = f->ack == A_ROW             ? f->ack_row
			  : f->change.len             ? buf_str(&f->change)
			  : f->rewrite && in_snapshot ? f->snapshot.rec.line
						      : STR_NONE;
	bool gone = f->ack == GONE;

	if (f->ack == AS_IT_WAS && f->change.len) {
		struct json_fault fault;

		if (record_parse(&f->scratch, line, &fault) < 0)
			BUG("a row was broken: %s", fault.what);
		gone = f->scratch.result == DIFF_REMOVED;
	}
	if (gone && !f->rewrite) {
		buf_addc(&w->b, '{');
		rows_put_held(&w->b, &f->st->key, &f->at);
		buf_addz(&w->b, ",\"diff_result\":\"DiffRemoved\"}");
		part_row(w);
	} else if (!gone && line.s) {
		write_line(w, line);
	}
	if (in_snapshot)
		rows_next(&f->snapshot);
}

static void fold_key(struct fold *f)
{
	take_key(f);
	effect_of_all(f);
	doubts_write(f);
	held_write(f);
	write_acked(f);
}

/*
 * A stream with the lowest key, the snapshot only if no other has it; NULL at
 * the end of all.
 */
static struct rows *lowest(struct fold *f)
{
	enum { OTHERS = 6 };
	struct rows *const other[OTHERS] = {
		&f->changes, &f->doubt,  &f->held_rows,
		&f->sec[0],  &f->sec[1], &f->sec[2],
	};
	struct rows *low = &f->snapshot;

	for (size_t i = 0; i < OTHERS; i++)
		if (rows_cmp(other[i], low) <= 0)
			low = other[i];
	return low->have ? low : NULL;
}

static void fold_all(struct fold *f)
{
	struct rows *low;

	while ((low = lowest(f))) {
		if (low == &f->snapshot) {
			/* Only the snapshot has it: it stays. */
			write_line(&f->out[STATE_SNAPSHOT], low->rec.line);
			rows_next(low);
			continue;
		}
		rows_hold(&f->at, &f->at_text, low);
		fold_key(f);
	}
}

/* ---- all of them ---- */

/* Roughly the bytes that this fold adds to what differs from the snapshot. */
static bool outgrown(const struct fold *f)
{
	const struct part *part = f->st->part;
	uint64_t applied = 0, more;

	for (uint64_t n = 1; n <= f->file.n; n++)
		applied += effect_of(journal_now(&f->journal, n)) == APPLIED &&
			   (f->first ||
			    effect_of(journal_then(&f->journal, n)) != APPLIED);
	more = f->file.n ? (uint64_t)((double)f->file.bytes *
				      ((double)applied / (double)f->file.n))
			 : 0;
	return part[STATE_CHANGES].bytes + more >
	       part[STATE_SNAPSHOT].bytes / 4;
}

static void open_streams(struct fold *f)
{
	struct state *st = f->st;

	f->snapshot = ROWS_INIT;
	if (f->rewrite)
		state_open_part(st, STATE_SNAPSHOT, &f->snapshot);
	state_open_part(st, STATE_CHANGES, &f->changes);
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
	rows_close(&f->snapshot);
	rows_close(&f->changes);
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
	buf_release(&f->change);
	record_release(&f->scratch);
	arrived_free(f->arrived);
}

static void take_parts(struct fold *f)
{
	struct state *st = f->st;

	for (int i = 0; i < STATE_FILES; i++) {
		struct part p = part_end(&f->out[i]);

		if (i == STATE_SNAPSHOT && !f->rewrite)
			continue;
		free(st->part[i].name);
		st->part[i] = p;
	}
	st->generation++;
}

void fold_parts(struct fold *f)
{
	f->rewrite = outgrown(f);
	if (f->st->identity.n)
		f->arrived = arrived_new(f->st, &f->file, &f->journal);
	for (size_t i = 0; i < f->st->n_runs; i++)
		f->st->runs[i].doubts = 0;
	open_streams(f);
	fold_all(f);
	take_parts(f);
	close_streams(f);
}
