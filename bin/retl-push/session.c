/* SPDX-License-Identifier: MIT */
/*
 * Batches that together replace what is at the destination. They go one at a
 * time, in order. The last one makes the destination drop what it has not seen,
 * so it is sent only if the whole dataset is known to have come: the input is
 * sealed, nothing was refused, all before it has been taken.
 *
 * Until then nobody knows whether a batch that was taken will count, so its
 * receipts wait; lines are kept as ranges, which is little however many.
 */
#include "bin/retl-push/push.h"

#include "common/mem.h"
#include "common/msg.h"

void session_add(struct push *p, struct flow *f)
{
	p->session.any = true;
	list_push(&p->session.waiting, f, false);
}

void session_halves(struct push *p, struct flow *first, struct flow *second,
		    bool all)
{
	/*
	 * What was refused as a whole has used up no place, so that the first
	 * one is still to come. One that was taken in part has: its number
	 * means that part.
	 */
	if (all && p->session.n_batches)
		p->session.n_batches--;
	list_push(&p->session.waiting, second, true);
	list_push(&p->session.waiting, first, true);
}

static bool is_open(const struct push *p)
{
	for (const struct flow *f = p->open.first; f; f = f->next)
		if (f->op->whole)
			return true;
	return false;
}

static const char *flaw(const struct push *p)
{
	const uint64_t *n = p->receipts.n;

	if (p->cfg.dry_run)
		return NULL;
	if (n[REJECTED] || p->session.n_stubs)
		return "a record was refused";
	if (p->session.broken || n[FAILED] || n[UNKNOWN])
		return "a record was not taken";
	return NULL;
}

static void tell(struct push *p, const char *why)
{
	if (!p->session.told)
		msg_error("%s: so the last batch, which makes the destination "
			  "drop all else, is not sent",
			  why);
	p->session.told = p->session.broken = true;
}

static void give_up(struct push *p, const char *why)
{
	struct outcome o = { .status = FAILED,
			     .code = STR("incomplete"),
			     .reason = str_of(why) };
	struct flow *f;

	tell(p, why);
	while ((f = p->session.waiting.first)) {
		list_remove(&p->session.waiting, f);
		for (size_t i = 0; i < f->n; i++)
			rec_settle(p, f->recs[i], &o);
		flow_free(p, f);
	}
}

/* What records would be given to, if it replaces everything. */
static const struct operation *wanted(const struct push *p)
{
	for (int kind = DIFF_ADDED; kind <= DIFF_REMOVED; kind++) {
		const struct operation *op = p->d.of[kind];

		if (op && op->whole &&
		    (!p->cfg.as || p->cfg.as_kind == (enum diff_result)kind))
			return op;
	}
	return NULL;
}

static void send_empty(struct push *p, const struct operation *op)
{
	struct session *s = &p->session;
	struct flow *f = flow_for(p, op);

	s->any = true;
	s->last_sent = !op->marks;
	f->last = f->in_session = true;
	f->batch = ++s->n_batches;
	s->n_out++;
	list_push(&p->ready, f, true);
}

/*
 * A dataset without a record: replacing everything by it is the largest
 * removal there is, so somebody has to have said that this is meant.
 */
static void replace_by_nothing(struct push *p, const struct operation *op)
{
	const char *why = NULL;

	p->session.nothing = true;
	/* A look at what would be sent needs no records. */
	if (!p->complete && p->cfg.dry_run)
		return;
	if (!p->complete)
		why = "the input is empty and not sealed";
	else if (!p->cfg.allow_empty)
		why = "the input has no records, and everything at the "
		      "destination would be replaced by nothing "
		      "(--allow-empty, if that is meant)";
	else if (op->one)
		why = "the input has no records, and the contract knows no "
		      "request without one";
	if (!why) {
		send_empty(p, op);
		return;
	}
	p->session.broken = true;
	p->session.refused = true;
	msg_error("%s: nothing is sent", why);
}

void session_go_on(struct push *p)
{
	struct session *s = &p->session;
	struct flow *f = s->waiting.first;
	bool ended = p->input_ended && !is_open(p);

	if (ended && !p->n_read && !s->nothing && !p->stopped &&
	    !p->input_status && wanted(p))
		replace_by_nothing(p, wanted(p));

	if (!f || s->n_out || p->stopped)
		return;
	if (flaw(p)) {
		give_up(p, flaw(p));
		return;
	}
	if (s->waiting.n == 1 && !p->n_waiting) {
		/* It may be the last, and is if nothing more comes. */
		if (!ended || p->n_unsettled > f->n)
			return;
		if (!p->complete && !p->cfg.dry_run) {
			give_up(p, "the input is not sealed");
			return;
		}
		f->last = true;
		s->last_sent = !f->op->marks;
	}
	list_remove(&s->waiting, f);
	f->batch = ++s->n_batches;
	f->in_session = true;
	s->n_out++;
	list_push(&p->ready, f, true);
}

bool session_may(struct flow *f)
{
	const char *why = f->last && !f->marked ? flaw(f->push) : NULL;

	if (!why)
		return true;
	tell(f->push, why);
	for (size_t i = 0; i < f->n; i++) {
		f->recs[i]->http_status = 0;
		flow_decide(f, f->recs[i], GIVEN_UP, STR("incomplete"),
			    str_of(why));
	}
	return false;
}

void session_sent(struct flow *f)
{
	if (!f->last || !f->op->steps[f->step].marks)
		return;
	f->marked = true;
	f->push->session.last_sent = true;
}

/* Lines come in order but for those that were tried again. */
static void hold(struct session *s, uint64_t line)
{
	struct range *r = s->n_taken ? &s->taken[s->n_taken - 1] : NULL;

	s->n_held++;
	if (r && line == r->line + r->n) {
		r->n++;
		return;
	}
	GROW(s->taken, s->n_taken, s->cap_taken);
	s->taken[s->n_taken++] = (struct range){ line, 1 };
}

bool session_settle(struct push *p, struct rec *r, const struct outcome *o)
{
	if (!r->op->whole || p->cfg.dry_run)
		return false;
	if (o->status == SKIPPED)
		return false;
	if (o->status != DELIVERED) {
		p->session.broken = true;
		return false;
	}
	hold(&p->session, r->line);
	return true;
}

int session_end(struct push *p)
{
	struct session *s = &p->session;
	bool replaced = s->last_sent && !s->broken;
	struct outcome o = { .status = DELIVERED };

	if (!replaced)
		o = (struct outcome){
			.status = UNKNOWN,
			.code = STR("incomplete"),
			.reason = STR("taken, but the batch that ends the "
				      "replacement was not"),
		};
	for (size_t i = 0; i < s->n_taken; i++)
		for (uint64_t k = 0; k < s->taken[i].n; k++)
			receipts_add(&p->receipts, s->taken[i].line + k,
				     (struct str){ "", 0 }, 0, &o);
	if (s->any && !s->last_sent && !s->broken && !s->refused &&
	    !p->stopped && !p->cfg.dry_run)
		msg_error(
		    "no request said which batch is the last, as "
		    "nothing was left to send in it: nothing is replaced");
	if (s->last_sent && !replaced && !p->stopped)
		msg_error("the last batch, which makes the destination drop "
			  "all else, was sent and not taken: what is there "
			  "now is not known");
	free(s->taken);
	s->taken = NULL;
	if (p->cfg.as && !s->any && !s->refused && wanted(p) && flaw(p)) {
		msg_error("%s: nothing is replaced", flaw(p));
		s->refused = true;
	}
	return s->refused || (s->any && !replaced && !p->cfg.dry_run)
		   ? EX_DATAERR
		   : 0;
}
