/* SPDX-License-Identifier: MIT */
/*
 * What an answer says of single records: the outcomes that the contract's
 * results make of it, and whom they name.
 */
#include "bin/retl-push/answer.h"

#include "common/mem.h"
#include "common/msg.h"
#include "common/siphash.h"

/*
 * Finds records by ref or key: texts in a small hash table, made once an
 * answer, and only if an outcome asks for it.
 */
struct index {
	size_t *slots; /* place in recs + 1 */
	size_t n_slots;
	struct buf text;
	struct span *names;
	bool made;
};

/* The text that an outcome's key is compared with. */
static void put_match(struct answer *w, struct rec *r, struct buf *out)
{
	const struct contract *c = w->p->contract;
	struct program *match = (struct program *)&w->f->op->match;
	struct buf v = BUF_INIT;
	struct scope scope;
	struct str val;

	if (match->prog) {
		scope_fill(w->f, r, &scope);
		if (program_value(match, rec_str(r, r->record), &scope, &v,
				  NULL, &w->p->err) == 1)
			answer_scalar(out, buf_str(&v));
	} else if (c->n_keys == 1 && c->keys[0].n == 1 &&
		   json_find(rec_str(r, r->record), c->keys[0].v[0], &val) ==
		       1) {
		answer_scalar(out, val);
	}
	buf_release(&v);
}

static void index_make(struct answer *w, struct index *x, bool by_ref)
{
	struct flow *f = w->f;

	x->made = true;
	x->n_slots = 16;
	while (x->n_slots < 2 * f->n)
		x->n_slots *= 2;
	x->slots = xcalloc(x->n_slots, sizeof *x->slots);
	x->names = xcalloc(f->n, sizeof *x->names);
	x->text = BUF_INIT;
	for (size_t i = 0; i < f->n; i++) {
		struct rec *r = f->recs[i];
		size_t at = x->text.len;
		uint64_t h;

		if (!r->carried)
			continue;
		if (by_ref)
			buf_addu(&x->text, r->line);
		else
			put_match(w, r, &x->text);
		x->names[i] = (struct span){ at, x->text.len - at };
		/* Who has no name is not called by none. */
		if (!x->names[i].n)
			continue;
		h = siphash_here(x->text.data + at, x->names[i].n);
		while (x->slots[h & (x->n_slots - 1)])
			h++;
		x->slots[h & (x->n_slots - 1)] = i + 1;
	}
}

static void index_release(struct index *x)
{
	free(x->slots);
	free(x->names);
	if (x->made)
		buf_release(&x->text);
}

/* Which verdict stands when an answer gives a record two. */
static int weight(enum verdict v)
{
	static const int weights[] = {
		[NO_VERDICT] = 0, [DELIVERED] = 1, [SKIPPED] = 1, [AGAIN] = 2,
		[RETRY] = 3,      [SPLIT] = 4,     [UNKNOWN] = 5, [FAILED] = 6,
		[GIVEN_UP] = 6,   [REJECTED] = 7,  [EXISTS] = 7,  [LATER] = 8,
		[STOP] = 9,
	};

	return weights[v];
}

static void decide(struct answer *w, struct rec *r, enum verdict v,
		   struct str code, struct str reason)
{
	r->in_results = true;
	r->http_status = w->a->status;
	if (weight(v) > weight(r->verdict))
		flow_decide(w->f, r, v, code, reason);
}

struct spoken {
	enum verdict v;
	struct str code, reason; /* text, borrowed */
};

/* Applies an outcome to all whose text is name. True: there are such. */
static bool decide_named(struct answer *w, struct index *x, bool by_ref,
			 struct str name, const struct spoken *o)
{
	uint64_t h = siphash_here(name.s, name.n);
	bool found = false;
	size_t slot;

	if (!x->made)
		index_make(w, x, by_ref);
	for (; (slot = x->slots[h & (x->n_slots - 1)]); h++) {
		struct span at = x->names[slot - 1];

		if (!str_eq((struct str){ x->text.data + at.at, at.n }, name))
			continue;
		decide(w, w->f->recs[slot - 1], o->v, o->code, o->reason);
		found = true;
	}
	return found;
}

/* A place among the items: a number, or its digits as a text. */
static int place_of(struct str index, uint64_t *place)
{
	struct buf scratch = BUF_INIT;
	int ret = -1;

	if (json_type(index) == JSON_NUMBER)
		ret = json_num_u64(index, place);
	else if (json_type(index) == JSON_STRING)
		ret = str_to_u64(json_text(index, &scratch), place);
	buf_release(&scratch);
	return ret;
}

static bool decide_at(struct answer *w, struct str index,
		      const struct spoken *o)
{
	struct flow *f = w->f;
	uint64_t want;

	if (place_of(index, &want) < 0)
		return false;
	for (size_t i = 0; i < f->n; i++) {
		if (!f->recs[i]->carried)
			continue;
		if (want-- == 0) {
			decide(w, f->recs[i], o->v, o->code, o->reason);
			return true;
		}
	}
	return false;
}

/*
 * May an outcome of this answer be about a record that is not in the request?
 * After some of the batch went on by themselves, a report on an earlier request
 * still names them. What a request carries itself, its answer is about.
 */
static bool speaks_of_others(const struct answer *w)
{
	if (w->s->item.prog)
		return false;
	return w->s->each || w->f->parted || w->f->n_carried < w->f->n;
}

struct outcomes {
	struct answer *w;
	const struct program *results;
	struct index refs, keys;
};

/* It speaks when the last page has come. */
static void keep_rest(struct flow *f, const struct spoken *o)
{
	if (weight(o->v) <= weight(f->rest.v))
		return;
	f->rest.v = o->v;
	buf_reset(&f->rest.code);
	buf_adds(&f->rest.code, o->code);
	buf_reset(&f->rest.reason);
	buf_adds(&f->rest.reason, o->reason);
}

static struct str spoken_text(struct str object, const char *member,
			      struct buf *out, size_t max)
{
	struct str v = json_get(object, member);

	buf_reset(out);
	if (v.s && answer_scalar(out, v) < 0 && json_type(v) != JSON_NULL)
		json_put_compact(out, v);
	answer_cut(out, max);
	return text_or_none(out);
}

static bool says_well(enum verdict v)
{
	return v == DELIVERED || v == SKIPPED;
}

/* One outcome of the stream; -1: it is none. */
static int take_outcome(struct answer *w, struct str line, struct outcomes *all)
{
	struct str status, index, ref, key;
	struct buf word = BUF_INIT, name = BUF_INIT;
	struct spoken o;
	bool known = true;
	int ret = 0;

	if (json_type(line) != JSON_OBJECT)
		return -1;
	status = json_get(line, "status");
	index = json_get(line, "index");
	ref = json_get(line, "ref");
	key = json_get(line, "key");
	o.v = status.s && json_type(status) == JSON_STRING
		  ? verdict_parse(json_text(status, &word))
		  : NO_VERDICT;
	if (!o.v || o.v == GO_ON || o.v == REFRESH) {
		ret = -1;
		goto out;
	}
	o.code = spoken_text(line, "code", &w->code, MAX_CODE);
	o.reason = spoken_text(line, "reason", &w->reason, MAX_REASON);
	if (index.s && (json_type(index) == JSON_NUMBER ||
			json_type(index) == JSON_STRING))
		known = decide_at(w, index, &o);
	else if (ref.s && answer_scalar(&name, ref) == 0)
		known = decide_named(w, &all->refs, true, buf_str(&name), &o) ||
			speaks_of_others(w);
	else if (key.s && w->p->cfg.replay)
		w->nameless = true;
	else if (key.s && answer_scalar(&name, key) == 0)
		known =
		    decide_named(w, &all->keys, false, buf_str(&name), &o) ||
		    speaks_of_others(w);
	else if (index.s || ref.s || key.s)
		known = false; /* null, or no text */
	else
		keep_rest(w->f, &o);
	w->f->stray |= !known && !says_well(o.v);
out:
	buf_release(&word);
	buf_release(&name);
	return ret;
}

/* "again" is only for neighbours of a record that was settled. */
static void check_again(struct flow *f)
{
	bool settled = false;

	for (size_t i = 0; i < f->n; i++)
		settled |= f->recs[i]->carried &&
			   weight(f->recs[i]->verdict) >= 1 &&
			   f->recs[i]->verdict != AGAIN &&
			   f->recs[i]->verdict != RETRY;
	for (size_t i = 0; !settled && i < f->n; i++)
		if (f->recs[i]->verdict == AGAIN)
			f->recs[i]->verdict = RETRY;
}

/* Outcomes of the whole answer, or of one of its rows. */
static int take_row(void *arg, struct str row)
{
	struct outcomes *all = arg;
	struct answer *w = all->w;
	struct buf out = BUF_INIT;
	struct str rest, line;
	int ret = 0;

	w->n_rows++;
	if (program_run((struct program *)all->results, row,
			answer_scope(w, all->results), &out, NULL,
			&w->p->err) < 0)
		ret = -1;
	rest = buf_str(&out);
	while (!ret && str_split(&rest, '\n', &line))
		if (line.n && take_outcome(w, line, all) < 0)
			ret = fail(&w->p->err, "an outcome without a status "
					       "that is known");
	buf_release(&out);
	return ret;
}

static void mark_carried(struct answer *w)
{
	for (size_t i = 0; i < w->f->n; i++) {
		struct rec *r = w->f->recs[i];

		if (!r->carried)
			continue;
		r->in_results = true;
		r->http_status = w->a->status;
	}
}

/* -1: the answer cannot be read. */
int answer_results(struct answer *w, const struct program *results)
{
	struct outcomes all = { .w = w, .results = results };
	int ret;

	if (answer_is_rows(w))
		ret = answer_each_row(w, take_row, &all);
	else
		ret = take_row(&all, answer_value(w));
	if (ret == 0)
		mark_carried(w);
	index_release(&all.refs);
	index_release(&all.keys);
	return ret;
}

/*
 * Someone was refused; the others may have been taken, so that sending them
 * again has to be allowed.
 */
static void settle_split(struct answer *w, struct rec *r)
{
	if (r->verdict != SPLIT || !w->s->acts)
		return;
	r->ambiguous = true;
	if (w->s->resend == RESEND_NEVER && w->f->n_carried > 1)
		flow_decide(w->f, r, UNKNOWN, STR("split"),
			    STR("the answer does not say who was refused, and "
				"nobody may be sent twice"));
}

/*
 * After the last page: what was said of those not named. If somebody was
 * refused whom nobody knows, it may be any of them.
 */
void answer_settle_rest(struct answer *w)
{
	struct flow *f = w->f;

	for (size_t i = 0; i < f->n; i++) {
		struct rec *r = f->recs[i];

		if (!r->carried)
			continue;
		if (!r->verdict && w->nameless)
			flow_decide(f, r, UNKNOWN, STR("no_outcome"),
				    STR("the answer names records by values "
					"that a replay does not know"));
		if (!r->verdict && f->stray && says_well(f->rest.v))
			flow_decide(f, r, UNKNOWN, STR("stray"),
				    STR("the answer refuses a record that is "
					"not in the request"));
		else if (!r->verdict && f->rest.v)
			flow_decide(f, r, f->rest.v,
				    text_or_none(&f->rest.code),
				    text_or_none(&f->rest.reason));
		settle_split(w, r);
	}
	f->rest.v = NO_VERDICT;
	f->stray = false;
	check_again(f);
}

void answer_decide_all(struct answer *w, enum verdict v, struct str code,
		       struct str reason)
{
	for (size_t i = 0; i < w->f->n; i++)
		if (w->f->recs[i]->carried)
			w->f->recs[i]->http_status = w->a->status;
	flow_decide_all(w->f, v, code, reason);
}
