/* SPDX-License-Identifier: MIT */
/*
 * --dump and --status: read only, without the lock. A generation that vanishes
 * while its files are being opened is looked for again.
 */
#include "bin/retl-diff/acked.h"
#include "bin/retl-diff/commit.h"

#include "common/mem.h"
#include "common/msg.h"

#define TRIES 100

static void load_acked(struct state *st, const char *dir, struct acked *a)
{
	for (int i = 0; i < TRIES; i++) {
		state_load(st, dir);
		if (acked_open(a, st))
			return;
		state_release(st);
	}
	die(EX_NOINPUT, "%s: a file that state.json names is missing", dir);
}

int diff_dump(const struct config *cfg)
{
	struct state st = { .lock = -1 };
	struct acked a;
	struct out out;

	load_acked(&st, cfg->dir, &a);
	out_init(&out, STDOUT_FILENO, "standard output");
	for (; a.cur; acked_next(&a))
		out_line(&out, a.cur->rec.line);
	out_seal(&out);
	out_close(&out);
	acked_close(&a);
	state_release(&st);
	return 0;
}

/* ---- --status ---- */

static void put_text(struct buf *b, const char *name, const char *text)
{
	buf_addf(b, ",\"%s\":", name);
	if (text)
		json_put_strz(b, text);
	else
		buf_addz(b, "null");
}

/* How many keys a file has, and how many lines of each kind. */
struct tally {
	uint64_t doubts, held, unresent;
};

static void put_key(struct buf *b, const struct state *st, const struct rows *r)
{
	buf_addc(b, '{');
	key_put_members(b, &st->key, &r->rec);
	buf_addc(b, '}');
}

/* {"doubt":{"id":7},"change":"DiffAdded","diff_id":"..."} */
static void list_doubts(struct state *st, struct out *out, struct tally *t)
{
	struct rows r;

	state_open_part(st, STATE_DOUBT, &r);
	for (; r.have; rows_next(&r)) {
		rows_parse(&r);
		t->doubts++;
		if (!out)
			continue;
		buf_addz(&out->b, "{\"doubt\":");
		put_key(&out->b, st, &r);
		buf_addz(&out->b, ",\"change\":");
		buf_adds(&out->b, r.rec.diff_result);
		buf_addz(&out->b, ",\"diff_id\":");
		buf_adds(&out->b, r.rec.diff_id);
		buf_addc(&out->b, '}');
		out_record(out);
	}
	rows_close(&r);
}

static void put_member(struct buf *b, struct str obj, const char *name)
{
	struct str v = json_get(obj, name);

	if (!v.s)
		return;
	buf_addf(b, ",\"%s\":", name);
	buf_adds(b, v);
}

/* {"held":{"id":7},"times":2,...} and {"unresent":{"id":9},...} */
static void list_held(struct state *st, struct out *out, struct tally *t)
{
	struct rows r;

	state_open_part(st, STATE_HELD, &r);
	for (; r.have; rows_next(&r)) {
		bool unresent;

		rows_parse(&r);
		unresent = json_text_is(json_get(r.rec.diff_outcome, "status"),
					"skipped");
		t->held += !unresent;
		t->unresent += unresent;
		if (!out)
			continue;
		buf_addz(&out->b, unresent ? "{\"unresent\":" : "{\"held\":");
		put_key(&out->b, st, &r);
		put_member(&out->b, r.rec.diff_outcome, "change");
		put_member(&out->b, r.rec.diff_outcome, "times");
		put_member(&out->b, r.rec.diff_outcome, "digest");
		put_member(&out->b, r.rec.diff_outcome, "diff_id");
		buf_addc(&out->b, '}');
		out_record(out);
	}
	rows_close(&r);
}

static void list_runs(struct state *st, struct out *out)
{
	struct run_file open;

	for (size_t i = 0; i < st->n_runs; i++) {
		const struct run_entry *r = &st->runs[i];

		buf_addf(&out->b,
			 "{\"run\":\"%s\",\"number\":%" PRIu64
			 ",\"open\":false,\"doubts\":%" PRIu64
			 ",\"status\":%d}",
			 r->id, r->number, r->doubts, r->status);
		out_record(out);
	}
	if (!run_find_open(st, false, &open))
		return;
	buf_addf(&out->b,
		 "{\"run\":\"%s\",\"number\":%" PRIu64 ",\"open\":true}",
		 open.id, open.number);
	out_record(out);
	run_file_release(&open);
}

static uint64_t count_rows(struct acked *a)
{
	uint64_t n = 0;

	for (; a->cur; acked_next(a))
		n++;
	return n;
}

static void put_summary(struct buf *b, const struct state *st, uint64_t rows,
			const struct tally *t)
{
	buf_addf(b,
		 "{\"rows\":%" PRIu64 ",\"doubts\":%" PRIu64
		 ",\"held\":%" PRIu64 ",\"unresent\":%" PRIu64
		 ",\"runs\":%" PRIu64 ",\"generation\":%" PRIu64,
		 rows, t->doubts, t->held, t->unresent, st->run,
		 st->generation);
	put_text(b, "key", st->key.text);
	buf_addf(b, ",\"identity\":%s",
		 st->identity.text ? st->identity.text : "null");
	put_text(b, "to", st->to);
	buf_addf(b, ",\"full\":%s", st->full ? "true" : "false");
	put_text(b, "created", st->created);
	put_text(b, "committed", st->committed);
	buf_addc(b, '}');
}

int diff_status(const struct config *cfg)
{
	struct state st = { .lock = -1 };
	struct tally t = { 0 };
	struct acked a;
	struct out out;

	load_acked(&st, cfg->dir, &a);
	out_init(&out, STDOUT_FILENO, "standard output");
	list_doubts(&st, NULL, &t);
	list_held(&st, NULL, &t);
	put_summary(&out.b, &st, count_rows(&a), &t);
	out_record(&out);
	list_runs(&st, &out);
	list_doubts(&st, &out, &t);
	list_held(&st, &out, &t);
	out_close(&out);
	acked_close(&a);
	state_release(&st);
	return t.unresent ? EX_REFUSED : 0;
}
