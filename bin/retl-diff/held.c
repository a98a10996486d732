/* SPDX-License-Identifier: MIT */
#include "bin/retl-diff/fold.h"

#include "common/mem.h"
#include "common/msg.h"

static struct held *add(struct fold *f)
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

void held_take(struct fold *f)
{
	buf_adds(&add(f)->line, f->held_rows.rec.line);
}

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

void held_drop(struct fold *f, const char *status, bool removal)
{
	struct str outcome;

	for (size_t i = 0; i < f->n_held; i++)
		if (held_is(f, &f->held[i], status, removal, &outcome))
			f->held[i].dropped = true;
}

static void put(struct fold *f, const struct folded *c, const char *status,
		uint64_t times, const char *digest)
{
	struct held *h = add(f);

	buf_addc(&h->line, '{');
	rows_put_key(&h->line, &f->st->key, &f->at);
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

void held_put_unresent(struct fold *f, const struct folded *c)
{
	put(f, c, "skipped", 0, NULL);
}

void held_count(struct fold *f, const struct folded *c)
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
	put(f, c, "rejected", times + 1, digest.data);
	buf_release(&digest);
}

void held_write(struct fold *f)
{
	struct part_writer *w = &f->out[STATE_HELD];

	for (size_t i = 0; i < f->n_held; i++) {
		if (f->held[i].dropped)
			continue;
		buf_adds(&w->b, buf_str(&f->held[i].line));
		part_row(w);
	}
}

void held_release(struct fold *f)
{
	for (size_t i = 0; i < f->cap_held; i++)
		buf_release(&f->held[i].line);
	free(f->held);
}
