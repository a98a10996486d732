/* SPDX-License-Identifier: MIT */
/*
 * --adopt: the input is what the destination has. It becomes the snapshot, and
 * whatever the state believed before is forgotten, but for keys that came as
 * stubs.
 */
#include "bin/retl-diff/acked.h"
#include "bin/retl-diff/commit.h"
#include "bin/retl-diff/input.h"
#include "bin/retl-diff/part.h"

#include "common/msg.h"

struct adopt {
	const struct config *cfg;
	struct state st;
	struct input in;
	struct acked acked;
	struct part_writer out;
	uint64_t n_stubs;
};

static NORETURN void give_up(struct adopt *a)
{
	if (a->out.fd >= 0)
		unlink(a->out.path);
	die(a->in.status, "%s", a->in.err.data);
}

/* The acknowledged row of a key whose row now was refused before it came. */
static void keep_old(struct adopt *a)
{
	a->n_stubs++;
	while (a->acked.cur && rows_cmp(a->acked.cur, &a->in.rows) < 0)
		acked_next(&a->acked);
	if (!a->acked.cur || rows_cmp(a->acked.cur, &a->in.rows) != 0)
		return;
	buf_adds(&a->out.b, a->acked.cur->rec.line);
	part_row(&a->out);
}

static void copy_all(struct adopt *a)
{
	int got;

	while ((got = input_next(&a->in)) == 1) {
		if (input_parse(&a->in) < 0)
			give_up(a);
		if (record_is_stub(&a->in.rows.rec)) {
			keep_old(a);
			continue;
		}
		buf_adds(&a->out.b, row_text(a->in.rows.rec.line));
		part_row(&a->out);
	}
	if (got < 0)
		give_up(a);
}

static void check_seal(struct adopt *a)
{
	const char *no_seal = ndjson_seal_fault(&a->in.rows.in);

	if (!no_seal || a->cfg->trust_eof)
		return;
	a->in.status = EX_DATAERR;
	fail(&a->in.err,
	     "%s: nothing adopted: rows that were cut off would be sent again "
	     "and never removed; feed a sealed stream, or give --trust-eof if "
	     "you know it to be complete",
	     no_seal);
	give_up(a);
}

static void forget(struct state *st)
{
	state_set_part(st, STATE_DOUBT, (struct part){ .name = NULL });
	state_set_part(st, STATE_HELD, (struct part){ .name = NULL });
	state_drop_layers(st);
	/* No receipt of these runs means anything any more. */
	st->n_runs = 0;
	st->full = 0;
}

int diff_adopt(const struct config *cfg)
{
	struct adopt a = { .cfg = cfg, .st = { .lock = -1 } };
	struct part snapshot;

	state_lock(&a.st, cfg->dir, false);
	state_load(&a.st, cfg->dir);
	if (state_bind(&a.st, cfg, cfg->rebase) && cfg->rebase)
		a.st.to = NULL;
	fold_before_run(&a.st);
	if (!acked_open(&a.acked, &a.st))
		die(EX_NOINPUT, "%s: a file of the state is missing", cfg->dir);
	if (a.acked.cur)
		rows_parse(a.acked.cur); /* what types the keys have */
	input_open(&a.in, &a.st, cfg->max_record);
	part_begin(&a.out, &a.st, STATE_SNAPSHOT, a.st.generation + 1);
	copy_all(&a);
	check_seal(&a);
	snapshot = part_end(&a.out);
	forget(&a.st);
	state_set_part(&a.st, STATE_SNAPSHOT, snapshot);
	a.st.generation++;
	state_save(&a.st);
	fold_before_run(&a.st); /* nothing but sweeping is left to do */
	msg_info("%" PRIu64 " rows adopted", snapshot.rows);
	acked_close(&a.acked);
	input_close(&a.in);
	state_release(&a.st);
	return a.n_stubs ? EX_REFUSED : 0;
}
