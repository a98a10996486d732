/* SPDX-License-Identifier: MIT */
#include "bin/retl-diff/fold.h"

#include "common/mem.h"
#include "common/msg.h"

struct entry *doubts_add(struct fold *f, struct str row, bool removal,
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

void doubts_take(struct fold *f)
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
	e = doubts_add(f, buf_str(&text), rec->result == DIFF_REMOVED, id, n);
	e->before =
	    rec->diff_outcome.s && json_get(rec->diff_outcome, "before").s;
	run = state_find_run(f->st, id);
	e->number = run ? run->number : 0;
	e->until = run ? run->until : 0;
	buf_release(&text);
	buf_release(&scratch);
}

struct entry *doubts_own(struct fold *f, const struct folded *c)
{
	for (size_t i = 0; i < f->n_entries; i++) {
		struct entry *e = &f->entries[i];

		if (!e->dropped && e->n == c->n &&
		    strcmp(e->run, f->file.id) == 0)
			return e;
	}
	return NULL;
}

void doubts_drop_own(struct fold *f, const struct folded *c)
{
	struct entry *e;

	while ((e = doubts_own(f, c)))
		e->dropped = true;
}

/* May an applied change of this run settle the doubt? */
static bool came_before(const struct fold *f, const struct entry *e)
{
	return e->number == f->file.number ||
	       (e->number < f->file.number && e->until < f->file.number);
}

void doubts_settle(struct fold *f, const struct folded *c)
{
	for (size_t i = 0; i < f->n_entries; i++) {
		struct entry *e = &f->entries[i];

		if (came_before(f, e) &&
		    ((e->removal && !c->removal) ||
		     identity_within(&e->values, &c->values)))
			e->dropped = true;
	}
}

void doubts_undo_own(struct fold *f, const struct folded *c)
{
	for (size_t i = 0; i < f->n_entries; i++) {
		struct entry *e = &f->entries[i];

		if (e->n == c->n && strcmp(e->run, f->file.id) == 0)
			e->dropped |= !e->before;
	}
}

void doubts_put(struct fold *f, struct str row, bool removal, uint64_t n)
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
	doubts_add(f, row, removal, f->file.id, n)->before = before;
}

void doubts_write(struct fold *f)
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

void doubts_release(struct fold *f)
{
	for (size_t i = 0; i < f->cap_entries; i++) {
		buf_release(&f->entries[i].row);
		free(f->entries[i].values.v);
	}
	free(f->entries);
}
