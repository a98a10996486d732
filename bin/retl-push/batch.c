/* SPDX-License-Identifier: MIT */
/*
 * Records and batches: their memory, which is used again, and which record
 * joins which batch.
 */
#include "bin/retl-push/push.h"

#include "common/clock.h"
#include "common/mem.h"
#include "common/msg.h"

/* Batches that fill side by side; groups beyond that close the oldest. */
#define MAX_OPEN 64
/* A record's memory is kept for the next one unless it is larger. */
#define KEEP_BYTES ((size_t)64 << 10)

/* ---- lists ---- */

void list_push(struct flow_list *l, struct flow *f, bool front)
{
	f->prev = front ? NULL : l->last;
	f->next = front ? l->first : NULL;
	if (f->prev)
		f->prev->next = f;
	else
		l->first = f;
	if (f->next)
		f->next->prev = f;
	else
		l->last = f;
	l->n++;
}

void list_remove(struct flow_list *l, struct flow *f)
{
	if (f->prev)
		f->prev->next = f->next;
	else
		l->first = f->next;
	if (f->next)
		f->next->prev = f->prev;
	else
		l->last = f->prev;
	f->next = f->prev = NULL;
	l->n--;
}

/* ---- records ---- */

void rec_fetch(const struct rec *r)
{
	for (size_t i = 0; i < sizeof *r; i += 64)
		__builtin_prefetch((const char *)r + i, 1);
}

struct rec *rec_make(struct rec_list *pool, size_t n_keys)
{
	struct rec *r = pool->first;

	if (r) {
		pool->first = r->next;
		if (r->next)
			rec_fetch(r->next);
		memset(r, 0, offsetof(struct rec, text));
		r->changed = r->derived = r->original = (struct span){ 0, 0 };
		buf_reset(&r->text);
		buf_reset(&r->saved);
		return r;
	}
	r = xcalloc(1, sizeof *r + n_keys * sizeof *r->keys);
	r->text = r->saved = BUF_INIT;
	return r;
}

static void drop_faults(struct rec *r)
{
	if (!r->faults)
		return;
	faults_release(r->faults);
	free(r->faults);
	r->faults = NULL;
}

void rec_put_back(struct rec_list *pool, struct rec *r)
{
	drop_faults(r);
	if (r->text.cap > KEEP_BYTES)
		buf_release(&r->text);
	r->next = pool->first;
	if (!r->next)
		pool->last = r;
	pool->first = r;
}

void rec_free(struct rec *r)
{
	drop_faults(r);
	buf_release(&r->text);
	buf_release(&r->saved);
	free(r);
}

void rec_list_move(struct rec_list *to, struct rec_list *from)
{
	if (!from->first)
		return;
	if (to->first)
		to->last->next = from->first;
	else
		to->first = from->first;
	to->last = from->last;
	from->first = NULL;
}

void rec_list_lead(struct rec_list *to, struct rec_list *from)
{
	rec_list_move(from, to);
	*to = *from;
	from->first = NULL;
}

void rec_list_free(struct rec_list *l)
{
	struct rec *r;

	while ((r = l->first)) {
		l->first = r->next;
		rec_free(r);
	}
}

struct rec *rec_new(struct push *p)
{
	p->n_unsettled++;
	return rec_make(&p->pool, p->contract->n_keys);
}

void push_reject(struct push *p, const char *place, uint64_t line,
		 const struct faults *why, struct str record)
{
	rejects_add(&p->rejects, place, line, why, record);
	if (p->rejects.error)
		push_stop(p, EX_IOERR, "--rejects %s: %s", p->cfg.rejects,
			  strerror(p->rejects.error));
	else if (p->cfg.strict)
		push_stop(p, EX_DATAERR, "%s: refused (--strict)", place);
}

/* Codes of our own are fixed words; those of a vendor could be anything. */
static const char *fixed_code(const struct outcome *o)
{
	static const char *const own[] = { "precision", "too_large", "size",
					   "limit",     "address",   "jq",
					   "body" };

	for (size_t i = 0; i < ARRAY_LEN(own); i++)
		if (!o->http_status && str_is(o->code, own[i]))
			return own[i];
	return "refused";
}

static void list_reject(struct push *p, const struct rec *r,
			const struct outcome *o)
{
	const char *code = fixed_code(o);
	struct str why = o->reason.s ? o->reason : STR("refused");
	char place[32];

	faults_reset(&p->faults);
	snprintf(place, sizeof place, "line %" PRIu64, r->line);
	if (!o->http_status)
		faults_add(&p->faults, STR_NONE, code, "%.*s", STR_ARG(why));
	else if (p->rejects.fd >= 0)
		faults_add(&p->faults, STR_NONE, code, "HTTP %ld%s%.*s: %.*s",
			   o->http_status, o->code.n ? ", " : "",
			   STR_ARG(o->code), STR_ARG(why));
	else
		/* Only a file gets their words: they may quote the record. */
		faults_add(&p->faults, STR_NONE, code,
			   "refused by the destination (HTTP %ld%s%.*s)",
			   o->http_status, o->code.n ? ", " : "",
			   STR_ARG(o->code));
	push_reject(p, place, r->line, &p->faults,
		    r->original.n ? rec_str(r, r->original)
				  : rec_str(r, r->record));
}

static void admit_heir(struct push *p, struct rec *r)
{
	p->n_waiting--;
	batch_admit(p, r);
}

void rec_settle(struct push *p, struct rec *r, const struct outcome *o)
{
	struct outcome told = *o;
	/* Mostly neither has to be asked. */
	bool waits = r->stand_in ||
		     (!p->alike.settled && alike_settle(p, r, &told)) ||
		     (r->op->unmade && unmade_settle(p, r, &told));

	/* It is asked in any case: it counts who was taken. */
	if (!r->stand_in && r->op->whole && session_settle(p, r, &told))
		waits = true;
	if (!waits)
		receipts_add(&p->receipts, r->line, rec_str(r, r->id),
			     r->attempts, &told);
	if (o->status == REJECTED && !r->stand_in)
		list_reject(p, r, o);
	p->bytes_unsettled -= r->n_counted;
	order_leave(&p->order, r, p, admit_heir);
	p->n_unsettled--;
	rec_put_back(&p->pool, r);
}

/* ---- flows ---- */

struct flow flow_stand_in(struct push *p, const struct operation *op)
{
	return (struct flow){ .push = p,
			      .op = op,
			      .saved = BUF_INIT,
			      .group = BUF_INIT,
			      .vars = BUF_INIT,
			      .notes = BUF_INIT };
}

struct flow *flow_new(struct push *p, const struct operation *op)
{
	struct flow *f = p->flow_pool;

	if (f) {
		p->flow_pool = f->next;
	} else {
		f = xcalloc(1, sizeof *f);
		f->group = f->saved = f->seen = f->notes = BUF_INIT;
		f->url = f->headers = f->body = BUF_INIT;
		f->vars = f->page = BUF_INIT;
		f->seen_page = BUF_INIT;
		f->rest.code = f->rest.reason = BUF_INIT;
	}
	f->push = p;
	f->next = f->prev = f->then = NULL;
	f->op = op;
	f->n = f->n_bytes = f->step = f->each = f->n_carried = 0;
	f->opened = f->wake = 0;
	f->paced = NULL;
	f->acted_before = f->under_way = f->begun = f->restart = false;
	f->advanced = f->last = f->marked = f->in_session = false;
	f->parted = f->lost = false;
	f->batch = 0;
	f->number = ++p->n_flows_made;
	buf_reset(&f->group);
	buf_reset(&f->notes);
	buf_reset(&f->saved);
	flow_step_reset(f);
	return f;
}

void flow_step_reset(struct flow *f)
{
	f->each = 0;
	flow_turn_reset(f);
}

void flow_turn_reset(struct flow *f)
{
	f->course = GOES_ON;
	f->renewals = 0;
	f->poll_since = f->poll_ms = 0;
	f->n_pages = f->page_tries = 0;
	f->rest.v = NO_VERDICT;
	f->stray = false;
	buf_reset(&f->page);
	buf_reset(&f->seen_page);
}

struct flow *flow_for(struct push *p, const struct operation *op)
{
	struct flow *f = flow_new(p, op);
	struct rec *r = rec_new(p);

	r->op = op;
	r->stand_in = true;
	buf_addz(&r->text, "{}");
	r->record = (struct span){ 0, r->text.len };
	r->n_own = r->text.len;
	flow_add(f, r);
	return f;
}

static void drop_if_large(struct buf *b)
{
	if (b->cap > (1 << 20))
		buf_release(b);
}

void flow_free(struct push *p, struct flow *f)
{
	drop_if_large(&f->body);
	drop_if_large(&p->items);
	drop_if_large(&f->saved);
	drop_if_large(&f->seen);
	if (f->in_session)
		p->session.n_out--;
	f->next = p->flow_pool;
	p->flow_pool = f;
}

void flow_add(struct flow *f, struct rec *r)
{
	GROW(f->recs, f->n, f->cap);
	f->recs[f->n++] = r;
}

/* ---- joining ---- */

static struct flow *find_open(struct push *p, const struct operation *op,
			      struct str group)
{
	for (struct flow *f = p->open.first; f; f = f->next)
		if (f->op == op && str_eq(buf_str(&f->group), group))
			return f;
	return NULL;
}

static void close_batch(struct push *p, struct flow *f)
{
	list_remove(&p->open, f);
	if (f->op->whole)
		session_add(p, f);
	else
		list_push(&p->ready, f, false);
}

/* What the record will take in a body, as far as can be told beforehand. */
static size_t size_of(struct push *p, struct rec *r)
{
	const struct step *s = r->op->sizing;
	struct flow alone;
	size_t n = r->record.n + 1;

	if (!s || s->item_varies)
		return n;
	if (s->item_is_record) {
		r->item = r->record;
		r->item_of = s;
		return body_item_size(s->type, rec_str(r, r->item));
	}
	alone = flow_stand_in(p, r->op);
	if (request_item(&alone, r, s) == 0)
		n = r->item.n ? body_item_size(s->type, rec_str(r, r->item))
			      : 0;
	if (alone.notes.cap) {
		/* The verdict's words move with the record. */
		r->code = r->reason = (struct span){ 0, 0 };
		buf_release(&alone.notes);
	}
	return n;
}

static bool fits(const struct flow *f, size_t size)
{
	const struct operation *op = f->op;
	const struct step *s = op->sizing;
	uint64_t most;

	most = op->max_bytes;
	if (op->fit_bytes && (!most || op->fit_bytes < most))
		most = op->fit_bytes;
	if (f->n >= op->max_records)
		return false;
	if (!most || !f->n)
		return true;
	return (double)(f->n_bytes + size) * op->swell +
		   (double)(s ? s->body_extra : 0) <=
	       (double)most;
}

/* Once, when the first batch is half full: see swell. */
static void measure(struct flow *f)
{
	const struct operation *op = f->op;

	if (op->max_bytes && !op->measured && op->sizing &&
	    !op->sizing->item_varies && f->n_bytes >= op->max_bytes / 2)
		request_measure(f, op->sizing);
}

static int str_order(const void *a, const void *b)
{
	return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

/* The names of its members, in one order whatever that of the record is. */
static void put_keys(struct str record, struct buf *out)
{
	struct str *v = xcalloc(MAX(json_count(record), 1), sizeof *v);
	struct json_iter it;
	struct json_member m;
	size_t n = 0;

	json_iter_init(&it, record);
	while (json_iter_member(&it, &m))
		v[n++] = (struct str){ m.key.s - 1, m.key.n + 2 };
	qsort(v, n, sizeof *v, str_order);
	for (size_t i = 0; i < n; i++) {
		buf_addc(out, i ? ',' : '[');
		buf_adds(out, v[i]);
	}
	buf_addz(out, n ? "]" : "[]");
	free(v);
}

/* -1: it has none, and so the record is settled. */
static int group_of(struct push *p, struct rec *r, struct buf *out)
{
	struct operation *op = (struct operation *)r->op;
	const char *code = "jq";
	struct flow alone;
	struct scope scope;
	int got;

	if (op->by_keys)
		put_keys(rec_str(r, r->record), out);
	if (!op->by.prog)
		return 0;
	alone = flow_stand_in(p, r->op);
	scope_fill(&alone, r, &scope);
	got = program_value(&op->by, rec_str(r, r->record), &scope, out, &code,
			    &p->err);
	if (got >= 0) {
		if (!op->grouped) {
			op->grouped = true;
			unmade_made(p);
		}
		return 0;
	}
	if (program_too_often(p, code)) {
		push_stop(p, EX_CONFIG, "line %" PRIu64 ": %s", r->line,
			  p->err.data);
		return 0;
	}
	op->unmade = &op->grouped;
	rec_settle(p, r,
		   &(struct outcome){ .status = REJECTED,
				      .code = str_of(code),
				      .reason = buf_str(&p->err) });
	return -1;
}

void batch_admit(struct push *p, struct rec *r)
{
	struct buf group = BUF_INIT;
	size_t size = r->size = size_of(p, r);
	bool grouped = r->op->by_keys || r->op->by.prog;
	struct flow *f;

	if (grouped && group_of(p, r, &group) < 0) {
		buf_release(&group);
		return;
	}
	f = find_open(p, r->op, buf_str(&group));
	if (f && !fits(f, size)) {
		close_batch(p, f);
		f = NULL;
	}
	if (!f) {
		if (p->open.n >= MAX_OPEN)
			close_batch(p, p->open.first);
		f = flow_new(p, r->op);
		buf_adds(&f->group, buf_str(&group));
		f->opened = clock_tick_ms();
		list_push(&p->open, f, false);
	}
	flow_add(f, r);
	f->n_bytes += size;
	measure(f);
	if (f->n >= f->op->max_records)
		close_batch(p, f);
	buf_release(&group);
}

void batch_close_all(struct push *p)
{
	while (p->open.first)
		close_batch(p, p->open.first);
}

void batch_close_old(struct push *p, int64_t tick)
{
	struct flow *f = p->open.first, *next;

	for (; f; f = next) {
		next = f->next;
		if (f->op->max_age_ms && tick - f->opened >= f->op->max_age_ms)
			close_batch(p, f);
	}
}
