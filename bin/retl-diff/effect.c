/* SPDX-License-Identifier: MIT */
#include "bin/retl-diff/fold.h"

#include "common/mem.h"
#include "common/msg.h"

/* ---- taking them in ---- */

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

static void copy_member(struct buf *out, struct str obj, const char *name)
{
	struct str v = json_get(obj, name);

	if (v.s)
		buf_adds(out, v);
}

void effect_take(struct fold *f, enum run_section section)
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

enum effect effect_of(enum fate fate)
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

/* ---- held rows ---- */

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
	held_drop(f, "rejected", c->removal);
	held_drop(f, "skipped", c->removal);
	if (c->removal ? !key_is_there(f) : !f->st->identity.n) {
		held_drop(f, "rejected", !c->removal);
		held_drop(f, "skipped", !c->removal);
	}
	if (is_unresent(c->now))
		held_put_unresent(f, c);
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

	return !f->first && f->newer && (beside || !doubts_own(f, c)) &&
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
		doubts_put(f, buf_str(&c->row), true, c->n);
		return;
	}
	/* Unless its row was replaced already and is in doubt since. */
	own = doubts_own(f, c);
	if (c->acked && (!own || own->removal))
		f->ack = GONE;
	doubts_drop_own(f, c);
	doubts_settle(f, c);
	if (c->kept.len && !kept_arrived(f, c))
		doubts_add(f, buf_str(&c->kept), false, f->file.id, c->n);
	if (f->open_too)
		doubts_add(f, buf_str(&c->row), true, f->file.id, c->n);
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
		doubts_undo_own(f, c);
		/* It had counted as sent. */
		if (effect_of(c->then) == APPLIED)
			doubts_put(f, buf_str(&c->row), false, c->n);
		if (c->now == FATE_REJECTED && !late)
			held_count(f, c);
		break;
	case DOUBTFUL:
		if (c->acked)
			doubts_put(f, buf_str(&c->row), true, c->n);
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
		doubts_drop_own(f, c);
		doubts_put(f, buf_str(&c->row), false, c->n);
	}
	if (add->replaces.len)
		doubts_put(f, buf_str(&add->replaces), false, add->n);
}

static void addition_applied(struct fold *f, const struct folded *c)
{
	if (overtaken(f, c)) {
		doubts_put(f, buf_str(&c->row), false, c->n);
		return;
	}
	f->ack = A_ROW;
	f->ack_row = buf_str(&c->row);
	doubts_drop_own(f, c);
	doubts_settle(f, c);
	if (f->st->identity.n)
		doubt_replaced(f, c);
	if (f->open_too)
		doubts_add(f, buf_str(&c->row), false, f->file.id, c->n);
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
		doubts_undo_own(f, c);
		/*
		 * It had counted as sent; or all rows were to be sent again,
		 * and the acknowledged one would hide that this was not.
		 */
		if (effect_of(c->then) == APPLIED || f->file.full)
			doubts_put(f, buf_str(&c->row), true, c->n);
		if (c->now == FATE_REJECTED && !late)
			held_count(f, c);
		break;
	case DOUBTFUL:
		doubts_put(f, buf_str(&c->row), false, c->n);
		break;
	}
}

/* Unless a newer run has seen it otherwise. */
static void unhold(struct fold *f)
{
	if (!f->first || f->newer)
		return;
	held_drop(f, "rejected", false);
	held_drop(f, "rejected", true);
}

void effect_of_all(struct fold *f)
{
	for (size_t i = 0; i < f->n_c; i++)
		if (f->c[i].unsent && f->first)
			doubts_put(f, buf_str(&f->c[i].row), true, f->c[i].n);
	for (size_t i = 0; i < f->n_c; i++)
		if (f->c[i].removal)
			fold_removal(f, &f->c[i]);
	for (size_t i = 0; i < f->n_c; i++)
		if (f->c[i].unheld)
			unhold(f);
		else if (!f->c[i].removal && !f->c[i].unsent)
			fold_addition(f, &f->c[i]);
}

void effect_release(struct fold *f)
{
	for (size_t i = 0; i < f->cap_c; i++) {
		buf_release(&f->c[i].row);
		buf_release(&f->c[i].kept);
		buf_release(&f->c[i].replaces);
		free(f->c[i].values.v);
	}
	free(f->c);
}
