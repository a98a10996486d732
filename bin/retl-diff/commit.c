/* SPDX-License-Identifier: MIT */
/*
 * Folding: the changes of one run, what became of each, and the generation as
 * it was give the next generation. All are sorted by key, so one pass over
 * what changed is enough. Nothing is visible before state.json is renamed.
 *
 * What the destination may hold for a key is its acknowledged row and the rows
 * in doubt. A change that was applied settles doubts that came before it; not
 * those of a run that was alive beside it, since nobody knows which of the two
 * came last.
 */
#include "bin/retl-diff/commit.h"

#include "bin/retl-diff/arrived.h"
#include "bin/retl-diff/journal.h"

#include <sys/stat.h>

#include "common/clock.h"
#include "common/mem.h"
#include "common/msg.h"

/* A line of the doubt file: what may be at the destination besides. */
struct entry {
	struct buf row;
	bool removal; /* of row: the destination may lack it */
	bool before;  /* it was in doubt before its run, too */
	char run[RUN_ID_LEN + 1];
	uint64_t n;
	uint64_t number, until; /* of its run, see run_entry */
	struct ident_values values;
	bool dropped;
};

/* A line of the held file. */
struct held {
	struct buf line;
	bool dropped;
};

/* A change of the run that is folded. */
struct folded {
	struct buf row, kept, replaces;
	uint64_t n;
	bool removal;
	bool acked;   /* a removal, of the acknowledged row */
	bool settled; /* it never went out: there was nothing to send */
	bool unsent;  /* it never went out, though it should have */
	bool unheld;  /* it only says that what was rejected is not wanted */
	struct ident_values values;
	enum fate now, then;
};

enum effect { APPLIED, REFUSED, PASSED, DOUBTFUL };

struct fold {
	struct state *st;
	struct run_file file;
	struct run_entry *run;
	struct journal journal;
	enum closing how;
	bool first;   /* the run is folded for the first time */
	bool newer;   /* runs came after it */
	bool rewrite; /* the snapshot */

	struct rows snapshot, changes, doubt, held_rows, sec[RUN_SECTIONS];
	/* a newer run that is open: which keys has it touched? */
	struct run_file open;
	struct rows open_sec[RUN_SECTIONS];
	struct part_writer out[STATE_FILES];

	/* of the key at hand */
	struct rows at;
	struct buf at_text;
	struct entry *entries;
	size_t n_entries, cap_entries;
	struct held *held;
	size_t n_held, cap_held;
	struct folded *c;
	size_t n_c, cap_c;
	bool open_too; /* the open run has it as well */
	enum { AS_IT_WAS, A_ROW, GONE } ack;
	struct str ack_row; /* of one of c */
	bool has_change;
	struct buf change; /* its line of the changes file */
	struct record scratch;

	struct arrived *arrived; /* NULL: no removal kept anything */
	uint64_t n_fate[FATE_UNRESENT + 1];
};

/* ---- lists of one key, their memory reused ---- */

static struct entry *add_entry(struct fold *f, struct str row, bool removal,
			       const char *run, uint64_t n)
{
	struct entry *e;
	struct json_fault fault;

	if (f->n_entries == f->cap_entries) {
		f->cap_entries = f->cap_entries ? f->cap_entries * 2 : 4;
		f->entries = xreallocarray(f->entries, f->cap_entries,
					   sizeof *f->entries);
		for (size_t i = f->n_entries; i < f->cap_entries; i++)
			f->entries[i] = (struct entry){ .row = BUF_INIT };
	}
	e = &f->entries[f->n_entries++];
	buf_reset(&e->row);
	buf_adds(&e->row, row);
	e->removal = removal;
	e->before = e->dropped = false;
	memcpy(e->run, run, sizeof e->run);
	e->n = n;
	e->number = f->file.number;
	e->until = f->run->until;
	if (f->st->identity.n) {
		if (record_parse(&f->scratch, buf_str(&e->row), &fault) < 0)
			BUG("a row in doubt is broken: %s", fault.what);
		identity_values(&f->st->identity, &f->scratch, &e->values);
	}
	return e;
}

static struct held *add_held(struct fold *f)
{
	if (f->n_held == f->cap_held) {
		f->cap_held = f->cap_held ? f->cap_held * 2 : 4;
		f->held = xreallocarray(f->held, f->cap_held, sizeof *f->held);
		for (size_t i = f->n_held; i < f->cap_held; i++)
			f->held[i] = (struct held){ .line = BUF_INIT };
	}
	f->held[f->n_held].dropped = false;
	buf_reset(&f->held[f->n_held].line);
	return &f->held[f->n_held++];
}

static struct folded *add_change(struct fold *f)
{
	if (f->n_c == f->cap_c) {
		f->cap_c = f->cap_c ? f->cap_c * 2 : 4;
		f->c = xreallocarray(f->c, f->cap_c, sizeof *f->c);
		for (size_t i = f->n_c; i < f->cap_c; i++)
			f->c[i] = (struct folded){ .row = BUF_INIT,
						   .kept = BUF_INIT,
						   .replaces = BUF_INIT };
	}
	buf_reset(&f->c[f->n_c].row);
	buf_reset(&f->c[f->n_c].kept);
	buf_reset(&f->c[f->n_c].replaces);
	return &f->c[f->n_c++];
}

/* ---- taking in what each stream has for the key ---- */

static void take_entry(struct fold *f)
{
	const struct record *rec = &f->doubt.rec;
	struct buf text = BUF_INIT, scratch = BUF_INIT;
	char id[RUN_ID_LEN + 1] = "";
	struct run_entry *run;
	struct entry *e;
	uint64_t n;

	if (!rec->diff_id.s ||
	    run_parse_id(json_text(rec->diff_id, &scratch), id, &n) < 0)
		die(EX_DATAERR,
		    "%s:%" PRIu64 ": diff_id: the state is damaged; restore "
		    "it from a copy",
		    f->doubt.path, f->doubt.in.line_no);
	row_put_unmarked(&text, rec);
	e = add_entry(f, buf_str(&text), rec->result == DIFF_REMOVED, id, n);
	e->before =
	    rec->diff_outcome.s && json_get(rec->diff_outcome, "before").s;
	run = state_find_run(f->st, id);
	e->number = run ? run->number : 0;
	e->until = run ? run->until : 0;
	buf_release(&text);
	buf_release(&scratch);
}

static void copy_member(struct buf *out, struct str obj, const char *name)
{
	struct str v = json_get(obj, name);

	if (v.s)
		buf_adds(out, v);
}

static void take_change(struct fold *f, enum run_section section)
{
	struct rows *r = &f->sec[section];
	struct folded *c = add_change(f);
	struct str outcome = r->rec.diff_outcome;

	row_put_unmarked(&c->row, &r->rec);
	c->n = run_number(&f->file, section, r);
	c->removal = r->rec.result == DIFF_REMOVED;
	c->acked = !outcome.s || !str_is(json_get(outcome, "acked"), "false");
	c->settled = c->removal && outcome.s && !json_get(outcome, "sent").s;
	if (outcome.s) {
		copy_member(&c->kept, outcome, "kept");
		copy_member(&c->replaces, outcome, "replaces");
	}
	if (f->st->identity.n)
		identity_values(&f->st->identity, &r->rec, &c->values);
	c->unsent = outcome.s && json_get(outcome, "unsent").s;
	c->unheld = outcome.s && json_get(outcome, "unheld").s;
	c->settled |= c->unheld;
	c->now = c->settled ? FATE_DELIVERED : journal_now(&f->journal, c->n);
	c->then = c->settled ? FATE_DELIVERED : journal_then(&f->journal, c->n);
	if (!c->settled && !c->unsent)
		f->n_fate[c->now]++;
}

/* ---- what became of a change ---- */

static enum effect effect_of(enum fate fate)
{
	switch (fate) {
	case FATE_DELIVERED:
	case FATE_SKIPPED:
	case FATE_SENDING:
	case FATE_UNRESENT:
		return APPLIED;
	case FATE_REJECTED:
		return REFUSED;
	case FATE_FAILED:
		return PASSED;
	default:
		return DOUBTFUL;
	}
}

static bool is_unresent(enum fate fate)
{
	return fate == FATE_SENDING || fate == FATE_UNRESENT;
}

static struct entry *own_entry(struct fold *f, const struct folded *c)
{
	for (size_t i = 0; i < f->n_entries; i++) {
		struct entry *e = &f->entries[i];

		if (!e->dropped && e->n == c->n &&
		    strcmp(e->run, f->file.id) == 0)
			return e;
	}
	return NULL;
}

static void drop_own(struct fold *f, const struct folded *c)
{
	struct entry *e;

	while ((e = own_entry(f, c)))
		e->dropped = true;
}

/* May an applied change of this run settle the doubt? */
static bool came_before(const struct fold *f, const struct entry *e)
{
	return e->number == f->file.number ||
	       (e->number < f->file.number && e->until < f->file.number);
}

/*
 * The key's doubts that a change with these values settles: rows that say
 * nothing beyond them, and all removals if it is an addition.
 */
static void settle(struct fold *f, const struct folded *c)
{
	for (size_t i = 0; i < f->n_entries; i++) {
		struct entry *e = &f->entries[i];

		if (came_before(f, e) &&
		    ((e->removal && !c->removal) ||
		     identity_within(&e->values, &c->values)))
			e->dropped = true;
	}
}

/* It did not arrive. What was in doubt before it was sent is so still. */
static void undo_own(struct fold *f, const struct folded *c)
{
	for (size_t i = 0; i < f->n_entries; i++) {
		struct entry *e = &f->entries[i];

		if (e->n == c->n && strcmp(e->run, f->file.id) == 0)
			e->dropped |= !e->before;
	}
}

/* A doubt that says the same already is replaced by the newer one. */
static void doubt(struct fold *f, struct str row, bool removal, uint64_t n)
{
	bool before = false;

	for (size_t i = 0; i < f->n_entries; i++) {
		struct entry *e = &f->entries[i];

		if (!e->dropped && e->removal == removal && came_before(f, e) &&
		    str_eq(buf_str(&e->row), row)) {
			before |= e->before || strcmp(e->run, f->file.id) != 0;
			e->dropped = true;
		}
	}
	add_entry(f, row, removal, f->file.id, n)->before = before;
}

/* ---- held rows ---- */

static bool held_is(struct fold *f, const struct held *h, const char *status,
		    bool removal, struct str *outcome)
{
	struct json_fault fault;

	if (record_parse(&f->scratch, buf_str(&h->line), &fault) < 0)
		die(EX_DATAERR, "a held row is broken: the state is damaged; "
				"restore it from a copy");
	*outcome = f->scratch.diff_outcome;
	return outcome->s &&
	       json_text_is(json_get(*outcome, "status"), status) &&
	       json_text_is(json_get(*outcome, "change"), "DiffRemoved") ==
		   removal;
}

static void drop_held(struct fold *f, const char *status, bool removal)
{
	struct str outcome;

	for (size_t i = 0; i < f->n_held; i++)
		if (held_is(f, &f->held[i], status, removal, &outcome))
			f->held[i].dropped = true;
}

static void put_held(struct fold *f, const struct folded *c, const char *status,
		     uint64_t times, const char *digest)
{
	struct held *h = add_held(f);

	buf_addc(&h->line, '{');
	rows_put_held(&h->line, &f->st->key, &f->at);
	buf_addf(&h->line, ",\"diff_outcome\":{\"status\":\"%s\"", status);
	buf_addf(&h->line, ",\"change\":\"%s\"",
		 c->removal ? "DiffRemoved" : "DiffAdded");
	if (digest)
		buf_addf(&h->line, ",\"times\":%" PRIu64 ",\"digest\":\"%s\"",
			 times, digest);
	else
		buf_addz(&h->line, ",\"code\":\"unresent\"");
	buf_addf(&h->line, ",\"diff_id\":\"%s:%" PRIu64 "\"}}", f->file.id,
		 c->n);
}

/*
 * Counts a refusal; from one, where it is another content than before. Not one
 * that comes after a newer run was folded, which may have been accepted.
 */
static void hold(struct fold *f, const struct folded *c)
{
	struct buf digest = BUF_INIT;
	struct json_fault fault;
	uint64_t times = 0, n;
	struct str outcome;

	if (record_parse(&f->scratch, buf_str(&c->row), &fault) < 0)
		BUG("a change is broken: %s", fault.what);
	compare_put_digest(&digest, &f->st->compare, &f->scratch);
	for (size_t i = 0; i < f->n_held; i++)
		if (held_is(f, &f->held[i], "rejected", c->removal, &outcome)) {
			struct str t = json_get(outcome, "times");

			if (json_text_is(json_get(outcome, "digest"),
					 digest.data) &&
			    t.s && str_to_u64(t, &n) == 0)
				times = n;
			f->held[i].dropped = true;
		}
	put_held(f, c, "rejected", times + 1, digest.data);
	buf_release(&digest);
}

/* Did the run see the key in its dataset? Then it has an addition. */
static bool key_is_there(const struct fold *f)
{
	for (size_t i = 0; i < f->n_c; i++)
		if (!f->c[i].removal)
			return true;
	return false;
}

/*
 * A row that is gone is held no more; nor is the removal of a row that came
 * back, unless it is that of an identity which may be there still.
 */
static void hold_applied(struct fold *f, const struct folded *c)
{
	drop_held(f, "rejected", c->removal);
	drop_held(f, "skipped", c->removal);
	if (c->removal ? !key_is_there(f) : !f->st->identity.n) {
		drop_held(f, "rejected", !c->removal);
		drop_held(f, "skipped", !c->removal);
	}
	if (is_unresent(c->now))
		put_held(f, c, "skipped", 0, NULL);
}

/* ---- one change ---- */

/*
 * Did this fold learn anything about the change? A run that its own commit
 * closes late leaves its open changes in doubt, whatever a newer run said.
 */
static bool has_news(struct fold *f, const struct folded *c)
{
	if (f->first || c->now != c->then)
		return true;
	return f->how == CLOSE_BY_COMMIT && f->newer && !f->run->committed &&
	       effect_of(c->now) == DOUBTFUL;
}

/*
 * A newer run has settled it behind our back, or was folded while this one was
 * at work: who knows which of the two came last?
 */
static bool overtaken(struct fold *f, const struct folded *c)
{
	bool beside =
	    f->st->run > f->file.number && f->run->until > f->file.number;

	return !f->first && f->newer && (beside || !own_entry(f, c)) &&
	       effect_of(c->then) != APPLIED;
}

/* Have this run's additions brought there all that a removal left out? */
static bool kept_arrived(struct fold *f, const struct folded *c)
{
	struct ident_values values = { .n = 0 };
	struct json_fault fault;
	bool all = true;

	if (!f->arrived)
		return false;
	if (record_parse(&f->scratch, buf_str(&c->kept), &fault) < 0)
		BUG("what a removal kept is broken: %s", fault.what);
	identity_values(&f->st->identity, &f->scratch, &values);
	for (size_t i = 0; i < values.n; i++)
		all &= arrived_has(f->arrived, values.v[i].digest);
	free(values.v);
	return all;
}

static void removal_applied(struct fold *f, const struct folded *c)
{
	const struct entry *own;

	if (overtaken(f, c)) {
		doubt(f, buf_str(&c->row), true, c->n);
		return;
	}
	/* Unless its row was replaced already and is in doubt since. */
	own = own_entry(f, c);
	if (c->acked && (!own || own->removal))
		f->ack = GONE;
	drop_own(f, c);
	settle(f, c);
	if (c->kept.len && !kept_arrived(f, c))
		add_entry(f, buf_str(&c->kept), false, f->file.id, c->n);
	if (f->open_too)
		add_entry(f, buf_str(&c->row), true, f->file.id, c->n);
	hold_applied(f, c);
}

static void fold_removal(struct fold *f, const struct folded *c)
{
	bool late;

	if (!has_news(f, c))
		return;
	switch (effect_of(c->now)) {
	case APPLIED:
		removal_applied(f, c);
		break;
	case REFUSED:
	case PASSED:
		late = overtaken(f, c);
		undo_own(f, c);
		/* It had counted as sent. */
		if (effect_of(c->then) == APPLIED)
			doubt(f, buf_str(&c->row), false, c->n);
		if (c->now == FATE_REJECTED && !late)
			hold(f, c);
		break;
	case DOUBTFUL:
		if (c->acked)
			doubt(f, buf_str(&c->row), true, c->n);
		break;
	}
}

/*
 * The row that an addition takes the place of stays in doubt until its own
 * removal is settled, which may be in a later run.
 */
static void doubt_replaced(struct fold *f, const struct folded *add)
{
	for (size_t i = 0; i < f->n_c; i++) {
		const struct folded *c = &f->c[i];

		if (!c->removal || !c->acked || effect_of(c->now) == APPLIED)
			continue;
		drop_own(f, c);
		doubt(f, buf_str(&c->row), false, c->n);
	}
	if (add->replaces.len)
		doubt(f, buf_str(&add->replaces), false, add->n);
}

static void addition_applied(struct fold *f, const struct folded *c)
{
	if (overtaken(f, c)) {
		doubt(f, buf_str(&c->row), false, c->n);
		return;
	}
	f->ack = A_ROW;
	f->ack_row = buf_str(&c->row);
	drop_own(f, c);
	settle(f, c);
	if (f->st->identity.n)
		doubt_replaced(f, c);
	if (f->open_too)
		add_entry(f, buf_str(&c->row), false, f->file.id, c->n);
	hold_applied(f, c);
}

static void fold_addition(struct fold *f, const struct folded *c)
{
	bool late;

	if (!has_news(f, c))
		return;
	switch (effect_of(c->now)) {
	case APPLIED:
		addition_applied(f, c);
		break;
	case REFUSED:
	case PASSED:
		late = overtaken(f, c);
		undo_own(f, c);
		/*
		 * It had counted as sent; or all rows were to be sent again,
		 * and the acknowledged one would hide that this was not.
		 */
		if (effect_of(c->then) == APPLIED || f->file.full)
			doubt(f, buf_str(&c->row), true, c->n);
		if (c->now == FATE_REJECTED && !late)
			hold(f, c);
		break;
	case DOUBTFUL:
		doubt(f, buf_str(&c->row), false, c->n);
		break;
	}
}

/* ---- one key ---- */

static void take_key(struct fold *f)
{
	f->n_entries = f->n_held = f->n_c = 0;
	f->ack = AS_IT_WAS;
	for (; rows_cmp(&f->doubt, &f->at) == 0; rows_next(&f->doubt)) {
		take_entry(f);
		if (!f->doubt.have)
			break;
	}
	for (; rows_cmp(&f->held_rows, &f->at) == 0; rows_next(&f->held_rows))
		buf_adds(&add_held(f)->line, f->held_rows.rec.line);
	for (int s = 0; s < RUN_SECTIONS; s++)
		for (; rows_cmp(&f->sec[s], &f->at) == 0; rows_next(&f->sec[s]))
			take_change(f, (enum run_section)s);
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

static void write_doubts(struct fold *f)
{
	struct part_writer *w = &f->out[STATE_DOUBT];

	for (size_t i = 0; i < f->n_entries; i++) {
		const struct entry *e = &f->entries[i];
		struct run_entry *run = state_find_run(f->st, e->run);

		if (e->dropped)
			continue;
		if (run)
			run->doubts++;
		row_put_change(&w->b, buf_str(&e->row),
			       e->removal ? DIFF_REMOVED : DIFF_ADDED, e->run,
			       e->n,
			       e->before ? STR("\"diff_outcome\":{\"status\":"
					       "\"skipped\",\"before\":true}")
					 : STR_NONE);
		part_row(w);
	}
}

static void write_held(struct fold *f)
{
	struct part_writer *w = &f->out[STATE_HELD];

	for (size_t i = 0; i < f->n_held; i++) {
		if (f->held[i].dropped)
			continue;
		buf_adds(&w->b, buf_str(&f->held[i].line));
		part_row(w);
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

/* Unless a newer run has seen it otherwise. */
static void unhold(struct fold *f)
{
	if (!f->first || f->newer)
		return;
	drop_held(f, "rejected", false);
	drop_held(f, "rejected", true);
}

static void fold_key(struct fold *f)
{
	take_key(f);
	for (size_t i = 0; i < f->n_c; i++)
		if (f->c[i].unsent && f->first)
			doubt(f, buf_str(&f->c[i].row), true, f->c[i].n);
	for (size_t i = 0; i < f->n_c; i++)
		if (f->c[i].removal)
			fold_removal(f, &f->c[i]);
	for (size_t i = 0; i < f->n_c; i++)
		if (f->c[i].unheld)
			unhold(f);
		else if (!f->c[i].removal && !f->c[i].unsent)
			fold_addition(f, &f->c[i]);
	write_doubts(f);
	write_held(f);
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

/* ---- the whole run ---- */

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
	for (size_t i = 0; i < f->cap_entries; i++) {
		buf_release(&f->entries[i].row);
		free(f->entries[i].values.v);
	}
	for (size_t i = 0; i < f->cap_held; i++)
		buf_release(&f->held[i].line);
	for (size_t i = 0; i < f->cap_c; i++) {
		buf_release(&f->c[i].row);
		buf_release(&f->c[i].kept);
		buf_release(&f->c[i].replaces);
		free(f->c[i].values.v);
	}
	free(f->entries);
	free(f->held);
	free(f->c);
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

static void fold_into(struct fold *f)
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

int fold_run(struct state *st, const char *id, enum closing how, const char *to,
	     struct journal *heard)
{
	struct fold f = { .st = st,
			  .how = how,
			  .at = ROWS_INIT,
			  .at_text = BUF_INIT,
			  .change = BUF_INIT,
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
	fold_into(&f);
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
