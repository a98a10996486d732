/* SPDX-License-Identifier: MIT */
#include "bin/retl-push/intake.h"

#include "bin/retl-push/handover.h"

#include "common/json.h"
#include "common/mem.h"
#include "common/msg.h"
#include "common/thread.h"

/* So much is read at a time: enough to be quick about it, not more. */
#define MOST_RECORDS 64
#define MOST_BYTES ((size_t)128 << 10)

struct intake {
	struct intake_opts o;
	struct ndjson lines;
	struct record rec; /* of the line at hand */
	struct faults faults;
	struct buf scratch;
	struct json_slot *slots; /* of all keys' members, one after the other */
	uint64_t n_read;
	bool ends; /* nothing more is read */
	struct buf why;
	struct intake_end end;

	struct rec_list pool; /* for records to come */
	struct chunk ready;   /* read, and not yet handed on */

	/* All of the above is the thread's, if there is one. */
	bool begun;
	struct handover *between; /* NULL: there is none */
	pthread_t thread;
	bool running;
	struct rec_list taken; /* what was handed on */
	enum behind behind;    /* that */
};

/* ---- memory ---- */

static struct rec *get_rec(struct intake *in)
{
	return rec_make(&in->pool, in->o.contract->n_keys);
}

/* ---- a record ---- */

static struct span put_span(struct rec *r, struct str s)
{
	struct span at = { r->text.len, s.n };

	buf_adds(&r->text, s);
	return at;
}

/* Whole numbers, and strings without an escape, have one spelling. */
static bool is_plain(struct str v)
{
	size_t i = 0;

	if (json_type(v) == JSON_STRING)
		return !memchr(v.s, '\\', v.n);
	while (i < v.n && v.s[i] >= '0' && v.s[i] <= '9')
		i++;
	return i == v.n;
}

/* A value's text that all its spellings share. */
static void put_key(struct buf *out, struct str v)
{
	struct json_num n;

	if (is_plain(v)) {
		buf_adds(out, v);
		return;
	}
	if (json_type(v) == JSON_NUMBER) {
		json_num_parse(&n, v);
		/* 1.0 and 10e-1 are 1. */
		if (!n.neg && !n.huge && n.exp >= 0 && n.exp <= 400 &&
		    (uint64_t)n.exp >= n.a.n + n.b.n) {
			buf_adds(out, n.a);
			buf_adds(out, n.b);
			for (int64_t i = (int64_t)(n.a.n + n.b.n); i < n.exp;
			     i++)
				buf_addc(out, '0');
			if (!n.a.n && !n.b.n && !n.exp)
				buf_addc(out, '0');
			return;
		}
	}
	json_canon(out, v);
}

/*
 * A member of the record at hand: where it came in, else what was made. Not a
 * value that says nothing of who it is: two empty lists are not the same
 * person.
 */
static struct str key_value(struct intake *in, struct rec *r,
			    struct json_slot *slot)
{
	const struct json_obj *obj = &in->rec.obj;
	ssize_t at = json_obj_slot(obj, slot);
	struct str v;

	if (at >= 0 && contract_tells_apart(in->o.contract, obj->m[at].val))
		return obj->m[at].val;
	if (json_find(rec_str(r, r->record), slot->name, &v) != 1 ||
	    !contract_tells_apart(in->o.contract, v))
		return STR_NONE;
	return v;
}

/* What the values of a set, whose slots these are, are told apart by. */
static struct str key_text(struct intake *in, struct rec *r,
			   struct json_slot *slots, size_t n)
{
	buf_reset(&in->scratch);
	for (size_t i = 0; i < n; i++) {
		struct str v = key_value(in, r, &slots[i]);

		/* Nearly always that is all. */
		if (!v.s || (n == 1 && is_plain(v)))
			return v;
		put_key(&in->scratch, v);
		if (n > 1)
			buf_addc(&in->scratch, '\0');
	}
	return buf_str(&in->scratch);
}

static void hash_key(struct rec *r, struct str text, size_t set)
{
	struct key_node *k = &r->keys[r->n_keys];

	order_digest(text, set, k->digest);
	for (size_t i = 0; i < r->n_keys; i++)
		if (!memcmp(r->keys[i].digest, k->digest, sizeof k->digest))
			return;
	r->n_keys++;
}

static void find_keys(struct intake *in, struct rec *r)
{
	const struct contract *c = in->o.contract;
	struct json_slot *slots = in->slots;

	for (size_t i = 0; i < c->n_keys; i++) {
		struct str text = key_text(in, r, slots, c->keys[i].n);

		slots += c->keys[i].n;
		if (text.s)
			hash_key(r, text, i);
	}
}

static struct json_slot *make_slots(const struct contract *c)
{
	struct json_slot *slots = NULL;
	size_t n = 0, cap = 0;

	for (size_t i = 0; i < c->n_keys; i++)
		for (size_t k = 0; k < c->keys[i].n; k++) {
			GROW(slots, n, cap);
			slots[n++] = JSON_SLOT(c->keys[i].v[k]);
		}
	return slots;
}

static bool is_listed(struct str list, const struct json_member *m)
{
	struct buf scratch = BUF_INIT;
	struct json_iter it;
	struct str v;
	bool yes = false;

	if (!list.s || json_type(list) != JSON_ARRAY)
		return false;
	json_iter_init(&it, list);
	while (!yes && json_iter_element(&it, &v))
		yes = json_type(v) == JSON_STRING &&
		      json_key_is(m, json_text(v, &scratch));
	buf_release(&scratch);
	return yes;
}

static bool is_key(const struct contract *c, const struct json_member *m)
{
	for (size_t i = 0; i < c->n_keys; i++)
		for (size_t k = 0; k < c->keys[i].n; k++)
			if (json_key_is(m, c->keys[i].v[k]))
				return true;
	return false;
}

/* changed_only: leaves out of the settled record what has not changed. */
static void keep_changed(struct intake *in, struct rec *r)
{
	struct json_iter it;
	struct json_member m;

	if (!r->op->always.s || !in->rec.diff_changed.s)
		return;
	buf_reset(&in->scratch);
	json_iter_init(&it, buf_str(&r->text));
	while (json_iter_member(&it, &m)) {
		if (!is_key(in->o.contract, &m) &&
		    !is_listed(r->op->always, &m) &&
		    !is_listed(in->rec.diff_changed, &m))
			continue;
		buf_addc(&in->scratch, in->scratch.len ? ',' : '{');
		buf_add(&in->scratch, m.key.s - 1, m.key.n + 2);
		buf_addc(&in->scratch, ':');
		buf_adds(&in->scratch, m.val);
	}
	buf_addz(&in->scratch, in->scratch.len ? "}" : "{}");
	buf_reset(&r->text);
	buf_adds(&r->text, buf_str(&in->scratch));
}

/* ---- what a line is ---- */

/* The id, and the line as it came where that may be asked for. */
static void put_marks(struct intake *in, struct rec *r, bool refused)
{
	if (in->rec.diff_id.s)
		r->id = put_span(r, in->rec.diff_id);
	if (in->o.cfg->rejects || refused)
		r->original = put_span(r, in->rec.line);
}

/* What is said of it stands in in->faults. */
static void refuse(struct intake *in, struct rec *r, enum taken how)
{
	r->taken = how;
	buf_reset(&r->text);
	r->record = r->changed = r->derived = (struct span){ 0, 0 };
	put_marks(in, r, true);
	r->faults = xmalloc(sizeof *r->faults);
	*r->faults = in->faults;
	in->faults = FAULTS_INIT;
}

static void put_text(struct intake *in, struct rec *r, enum taken how,
		     struct str text)
{
	r->taken = how;
	r->record = put_span(r, text);
	put_marks(in, r, false);
}

/* What the record asks for; -1: it has been refused. */
static int kind_of(struct intake *in, struct rec *r)
{
	const struct config *cfg = in->o.cfg;
	const char *why = NULL;

	r->kind = in->rec.result;
	if (cfg->as) {
		if (r->kind)
			why = "there already, and --as says it too";
		r->kind = cfg->as_kind;
	} else if (!r->kind) {
		why = "missing: put retl-diff before, or say --as added";
	}
	if (!why)
		return 0;
	faults_add(&in->faults, STR("diff_result"), "diff_result", "%s", why);
	refuse(in, r, TAKEN_REFUSED);
	return -1;
}

/* -1: it cannot be made. */
static int derive(struct intake *in, struct rec *r)
{
	if (!in->o.contract->n_derived)
		return 0;
	buf_reset(&in->scratch);
	if (contract_derive(in->o.contract, rec_str(r, r->record), &in->scratch,
			    &in->faults) < 0)
		return -1;
	r->derived = put_span(r, buf_str(&in->scratch));
	return 0;
}

/* With what is to be sent, and its keys. */
static void settle(struct intake *in, struct rec *r)
{
	int got;

	/* Settling asks for the kind that --as gave. */
	in->rec.result = r->kind;
	got = contract_settle(in->o.contract, &in->rec, SETTLE_PUSH, &r->text,
			      &in->faults);
	if (got < 0) {
		refuse(in, r,
		       got == SETTLE_UNHASHED ? TAKEN_UNHASHED : TAKEN_REFUSED);
		return;
	}
	buf_addc(&r->text, '}');
	keep_changed(in, r);
	r->record = (struct span){ 0, r->text.len };
	put_marks(in, r, false);
	if (in->rec.diff_changed.s)
		r->changed = put_span(r, in->rec.diff_changed);
	if (derive(in, r) < 0) {
		refuse(in, r, TAKEN_REFUSED);
		return;
	}
	if (r->text.len > REC_TEXT_MAX) {
		faults_add(&in->faults, STR_NONE, "size",
			   "too long to be kept");
		refuse(in, r, TAKEN_REFUSED);
		return;
	}
	r->n_own = (uint32_t)r->text.len;
	find_keys(in, r);
}

static void read_no_more(struct intake *in, int status, const char *why)
{
	in->ends = true;
	in->end.status = status;
	if (!why)
		return;
	buf_addz(&in->why, why);
	in->end.why = in->why.data;
}

/* -1: it is no record, and the stream ends here. */
static int take_line(struct intake *in, struct rec *r)
{
	struct json_fault fault;

	r->line = in->lines.line_no;
	if (in->o.cfg->replay) {
		in->rec.line = in->lines.line;
		in->rec.diff_id = STR_NONE;
		put_text(in, r, TAKEN_LINE, in->lines.line);
		return 0;
	}
	if (record_parse_indexed(&in->rec, in->lines.line, in->lines.in_index,
				 &fault) < 0) {
		struct buf why = BUF_INIT;

		ndjson_place(&in->lines, &why);
		buf_addf(&why, ": byte %zu: %s", fault.at + 1, fault.what);
		read_no_more(in, EX_DATAERR, why.data);
		buf_release(&why);
		return -1;
	}
	faults_reset(&in->faults);
	if (record_is_stub(&in->rec)) {
		put_text(in, r, TAKEN_STUB, in->rec.diff_outcome);
		return 0;
	}
	if (kind_of(in, r) < 0)
		return 0;
	r->op = in->o.d->of[r->kind];
	if (!r->op)
		put_text(in, r, TAKEN_NOTHING, STR(""));
	else
		settle(in, r);
	return 0;
}

/* ---- reading ---- */

static void append(struct chunk *c, struct rec *r)
{
	struct rec_list one = { r, r };

	r->next = NULL;
	rec_list_move(&c->list, &one);
	c->n++;
	c->bytes += r->text.len;
}

/* Until there is a good deal, or nothing more to be had for now. */
static enum behind read_ahead(struct intake *in)
{
	struct chunk *c = &in->ready;

	while (!in->ends && c->n < MOST_RECORDS && c->bytes < MOST_BYTES) {
		int got = ndjson_next(&in->lines);
		struct rec *r;

		if (got == NDJSON_WAIT)
			return BEHIND_SILENCE;
		if (got < 0) {
			read_no_more(in, in->lines.status, in->lines.err.data);
			break;
		}
		if (!got) {
			in->end.sealed = ndjson_sealed(&in->lines);
			read_no_more(in, 0, NULL);
			break;
		}
		r = get_rec(in);
		if (take_line(in, r) < 0) {
			rec_put_back(&in->pool, r);
			break;
		}
		append(c, r);
		if (++in->n_read == in->o.cfg->limit)
			read_no_more(in, 0, NULL);
	}
	return in->ends ? BEHIND_END : BEHIND_MORE;
}

static void *read_all(void *arg)
{
	struct intake *in = arg;

	for (;;) {
		enum behind behind = read_ahead(in);

		if (!handover_put(in->between, &in->ready, behind, &in->pool))
			return NULL;
		if (behind == BEHIND_SILENCE)
			handover_wait(in->between, in->lines.fd);
	}
}

/* ---- from the engine ---- */

struct intake *intake_open(const struct intake_opts *o, const char *path)
{
	struct intake *in = xcalloc(1, sizeof *in);

	in->o = *o;
	in->lines = NDJSON_INIT;
	in->lines.max_record = o->cfg->max_record;
	in->lines.nowait = true;
	in->rec = RECORD_INIT;
	in->faults = FAULTS_INIT;
	in->scratch = in->why = BUF_INIT;
	in->slots = make_slots(o->contract);
	if (ndjson_open(&in->lines, path) < 0)
		die(in->lines.status, "%s", in->lines.err.data);
	ndjson_index(&in->lines, !o->cfg->replay);
	return in;
}

/* Not before it is asked for: nothing is read of what nobody will answer. */
static void begin(struct intake *in)
{
	in->begun = true;
	if (!in->o.threaded)
		return;
	in->between = handover_new();
	in->running = thread_start(&in->thread, read_all, in);
	if (in->running)
		return;
	handover_free(in->between);
	in->between = NULL;
}

static void take_more(struct intake *in, struct rec_list *pool)
{
	if (!in->begun)
		begin(in);
	if (in->between) {
		in->behind = handover_take(in->between, &in->taken, pool);
		return;
	}
	rec_list_lead(&in->pool, pool);
	in->behind = read_ahead(in);
	in->taken = in->ready.list;
	in->ready = (struct chunk){ .n = 0 };
}

struct rec *intake_next(struct intake *in, struct rec_list *pool)
{
	struct rec *r;

	if (!in->taken.first)
		take_more(in, pool);
	r = in->taken.first;
	if (r)
		in->taken.first = r->next;
	return r;
}

int intake_fd(const struct intake *in)
{
	return in->between ? handover_fd(in->between) : in->lines.fd;
}

bool intake_is_silent(const struct intake *in)
{
	return in->behind == BEHIND_SILENCE;
}

const struct intake_end *intake_ended(const struct intake *in)
{
	return in->behind == BEHIND_END && !in->taken.first ? &in->end : NULL;
}

static void join(struct intake *in)
{
	if (!in->running)
		return;
	handover_stop(in->between);
	pthread_join(in->thread, NULL);
	in->running = false;
}

void intake_stop(struct intake *in)
{
	in->begun = true;
	join(in);
	if (in->lines.fd == STDIN_FILENO && !in->lines.name)
		close(STDIN_FILENO);
	in->ends = true;
}

void intake_place(const struct intake *in, uint64_t line, struct buf *out)
{
	ndjson_place_of(&in->lines, line, out);
}

void intake_free(struct intake *in)
{
	if (!in)
		return;
	join(in);
	if (in->between)
		handover_free(in->between);
	rec_list_free(&in->taken);
	rec_list_free(&in->pool);
	ndjson_close(&in->lines);
	record_release(&in->rec);
	faults_release(&in->faults);
	buf_release(&in->scratch);
	buf_release(&in->why);
	free(in->slots);
	free(in);
}
