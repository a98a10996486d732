/* SPDX-License-Identifier: MIT */
#include "bin/retl-diff/acked.h"

/* ---- layers ---- */

/*
 * There are few of them, and rows are passed over in the hundred thousands at
 * most: looking at all is as good as a heap.
 */
static void overlay_choose(struct overlay *o)
{
	struct rows *low = &o->none;

	for (size_t i = 0; i < o->n; i++)
		if (rows_cmp(&o->v[i], low) < 0)
			low = &o->v[i];
	o->cur = low;
	if (!low->have)
		return;
	rows_parse(low);
	/* What older ones have for the key stands behind it in v. */
	for (struct rows *r = low + 1; r < o->v + o->n; r++)
		if (rows_cmp(r, low) == 0)
			rows_next(r);
}

/* False: its file is gone. */
static bool add(struct overlay *o, struct state *st, const struct layer *layer,
		off_t from, uint64_t count)
{
	struct rows *r = &o->v[o->n++];
	bool there = rows_find(r, state_path(st, layer->part.name), from, count,
			       &st->key, &st->types);

	r->marked = layer->is_run;
	return there;
}

static bool add_run(struct overlay *o, struct state *st,
		    const struct layer *layer)
{
	const struct run_sections *s = &layer->sections;

	for (int i = RUN_CHANGES; i <= RUN_REMOVALS; i++)
		if (s->count[i] && !add(o, st, layer, s->at[i], s->count[i]))
			return false;
	return true;
}

bool overlay_open(struct overlay *o, struct state *st)
{
	bool all = true;

	*o = (struct overlay){ .none = ROWS_INIT };
	for (size_t i = st->n_layers; i-- > 0 && all;)
		all = st->layer[i].is_run
			  ? add_run(o, st, &st->layer[i])
			  : add(o, st, &st->layer[i], 0, UINT64_MAX);
	if (all)
		overlay_choose(o);
	else
		overlay_close(o);
	return all;
}

void overlay_next(struct overlay *o)
{
	rows_next(o->cur);
	overlay_choose(o);
}

void overlay_close(struct overlay *o)
{
	for (size_t i = 0; i < o->n; i++)
		rows_close(&o->v[i]);
	o->n = 0;
	o->cur = &o->none;
}

/* ---- with the snapshot ---- */

static void choose(struct acked *a)
{
	for (;;) {
		struct rows *change = a->changes.cur;
		int c;

		if (!change->have) {
			a->cur = a->snapshot.have ? &a->snapshot : NULL;
			return;
		}
		c = rows_cmp(&a->snapshot, change);
		if (c < 0) {
			a->cur = &a->snapshot;
			return;
		}
		if (c == 0)
			rows_next(&a->snapshot);
		a->cur = change;
		if (change->rec.result != DIFF_REMOVED)
			return;
		overlay_next(&a->changes);
	}
}

bool acked_open(struct acked *a, struct state *st)
{
	const char *name = st->part[STATE_SNAPSHOT].name;

	a->snapshot = ROWS_INIT;
	if (name && !rows_find(&a->snapshot, state_path(st, name), 0,
			       UINT64_MAX, &st->key, &st->types)) {
		rows_close(&a->snapshot);
		return false;
	}
	if (!overlay_open(&a->changes, st)) {
		rows_close(&a->snapshot);
		return false;
	}
	choose(a);
	return true;
}

void acked_next(struct acked *a)
{
	if (a->cur == &a->snapshot)
		rows_next(a->cur);
	else
		overlay_next(&a->changes);
	choose(a);
}

void acked_close(struct acked *a)
{
	rows_close(&a->snapshot);
	overlay_close(&a->changes);
	a->cur = NULL;
}
