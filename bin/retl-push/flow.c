/* SPDX-License-Identifier: MIT */
/*
 * One batch on its way through the steps of its operation: what goes next,
 * what is tried again and when, what is split, how it ends.
 */
#include "bin/retl-push/push.h"

#include "common/clock.h"
#include "common/digest.h"
#include "common/msg.h"

/* A destination that asks for a longer silence is left alone: 75. */
#define LONGEST_WAIT_MS ((int64_t)15 * 60 * 1000)
/* So many records further on, what ends them is fetched from memory. */
#define FETCH_AHEAD 3

/* ---- verdicts ---- */

static struct span note(struct flow *f, struct str text)
{
	struct span s = { f->notes.len, text.n };

	buf_adds(&f->notes, text);
	return s;
}

void flow_decide(struct flow *f, struct rec *r, enum verdict v, struct str code,
		 struct str reason)
{
	r->verdict = v;
	r->code = note(f, code);
	r->reason = note(f, reason);
}

/* The same without a word. */
static void decide_plainly(struct rec *r, enum verdict v)
{
	r->verdict = v;
	r->code = r->reason = (struct span){ 0, 0 };
}

void flow_decide_all(struct flow *f, enum verdict v, struct str code,
		     struct str reason)
{
	struct span c = note(f, code), w = note(f, reason);

	for (size_t i = 0; i < f->n; i++) {
		struct rec *r = f->recs[i];

		if (!r->carried || (f->n_pages && r->verdict))
			continue;
		r->verdict = v;
		r->code = c;
		r->reason = w;
	}
}

struct rec *flow_alone(const struct flow *f)
{
	if (f->step < f->op->n_steps && f->op->steps[f->step].each)
		return f->recs[f->each];
	return f->op->one ? f->recs[0] : NULL;
}

static struct str noted(const struct flow *f, struct span s)
{
	return s.n ? (struct str){ f->notes.data + s.at, s.n } : STR_NONE;
}

static void wake_at(struct flow *f, int64_t tick)
{
	struct push *p = f->push;

	f->wake = tick;
	if (tick > clock_tick_ms())
		list_push(&p->asleep, f, false);
	else
		list_push(&p->ready, f, true);
}

/* To the front of what is ready, so the last of them first. */
static void release(struct flow *f)
{
	if (!f)
		return;
	release(f->next);
	wake_at(f, f->wake);
}

/* Steps without records are done: those that waited for them go on. */
static void ended(struct flow *f, enum verdict v, const struct outcome *o)
{
	struct push *p = f->push;
	struct str why = o->code.n ? o->code : o->reason;
	char status[32] = "";

	release(f->then);
	f->then = NULL;
	if (f->op->whole && v != DELIVERED && v != SKIPPED) {
		p->session.broken = true;
		if (!p->stopped)
			msg_error("%s: replacing everything by nothing was not "
				  "taken%s%.*s",
				  p->contract->name, why.n ? ": " : "",
				  STR_ARG(why));
	}
	if (f->op->role != TO_PREPARE)
		return;
	p->prepared = PREPARED;
	buf_reset(&p->shared);
	buf_adds(&p->shared, buf_str(&f->saved));
	if (o->http_status)
		snprintf(status, sizeof status, " (HTTP %ld)", o->http_status);
	if (v != DELIVERED)
		push_stop(
		    p,
		    v == FAILED || v == UNKNOWN ? EX_TEMPFAIL : EX_UNAVAILABLE,
		    "%s: prepare did not succeed%s%s%.*s", p->contract->name,
		    status, o->reason.n ? ": " : "", STR_ARG(o->reason));
}

static void settle_as(struct flow *f, struct rec *r, enum verdict v)
{
	struct outcome o = {
		.status = v,
		.http_status = r->http_status,
		.code = noted(f, r->code),
		.reason = noted(f, r->reason),
		.no_resend = v == UNKNOWN && r->sent_once,
	};

	if (r->stand_in)
		ended(f, v, &o);
	rec_settle(f->push, r, &o);
}

/* It goes no further: was it refused, or may it have been accepted? */
static enum verdict given_up(const struct flow *f, const struct rec *r)
{
	return r->ambiguous || r->acted || r->was_sent_once || f->acted_before
		   ? UNKNOWN
		   : FAILED;
}

/* ---- stopping ---- */

void push_stop(struct push *p, int status, const char *fmt, ...)
{
	va_list ap;

	if (p->stopped)
		return;
	p->stopped = true;
	p->stop_status = status;
	buf_reset(&p->stop_reason);
	va_start(ap, fmt);
	buf_vaddf(&p->stop_reason, fmt, ap);
	va_end(ap);
	msg_error("%s; nothing more is sent", p->stop_reason.data);
}

void push_wait(struct push *p, int64_t ms)
{
	if (ms > LONGEST_WAIT_MS)
		push_stop(p, EX_TEMPFAIL,
			  "the destination asks to wait %" PRId64 " s",
			  ms / 1000);
	else if (ms > 0)
		p->not_before = MAX(p->not_before, clock_tick_ms() + ms);
}

static void fail_record(struct flow *f, struct rec *r)
{
	switch (r->verdict) {
	case DELIVERED:
	case SKIPPED:
	case REJECTED:
	case UNKNOWN:
		/* An earlier page has said it. */
		settle_as(f, r, r->verdict);
		return;
	default:
		flow_decide(f, r, GIVEN_UP, STR("stopped"),
			    STR("the push was stopped before this was "
				"delivered"));
		settle_as(f, r, given_up(f, r));
	}
}

static void fail_list(struct push *p, struct flow_list *l)
{
	struct flow *f;

	while ((f = l->first)) {
		list_remove(l, f);
		for (size_t i = 0; i < f->n; i++)
			fail_record(f, f->recs[i]);
		if (f->begun)
			p->n_active--;
		flow_free(p, f);
	}
}

void flow_fail_all(struct push *p)
{
	/* Settling a record may admit the next of its key to an open batch. */
	while (p->open.n || p->ready.n || p->asleep.n || p->session.waiting.n) {
		fail_list(p, &p->session.waiting);
		fail_list(p, &p->asleep);
		fail_list(p, &p->ready);
		fail_list(p, &p->open);
	}
}

/* ---- after an answer ---- */

/* A flow for some records of f, at the step where f is. */
static struct flow *fork_flow(struct flow *f)
{
	struct flow *g = flow_new(f->push, f->op);

	buf_adds(&g->group, buf_str(&f->group));
	return g;
}

static void fork_further(struct flow *f, struct flow *g)
{
	g->step = f->step;
	g->advanced = f->advanced;
	g->acted_before = f->acted_before;
	g->parted = true;
	g->marked = f->marked;
	g->renewals = f->renewals;
	g->poll_since = f->poll_since;
	g->poll_ms = f->poll_ms;
	buf_adds(&g->saved, buf_str(&f->saved));
}

static bool is_spent(const struct flow *f, const struct rec *r)
{
	const struct push *p = f->push;

	return r->tries >= p->d.retry.attempts ||
	       (p->d.max_retries && p->n_retries >= p->d.max_retries);
}

/*
 * A line that is replayed is sent again as a whole, or not at all. So is a
 * batch that was marked as the last: what it lacks cannot follow, as that would
 * be another last one.
 */
static bool is_torn(const struct flow *f)
{
	size_t n = 0, n_again = 0, n_split = 0;

	if (!f->push->cfg.replay && !f->marked)
		return false;
	for (size_t i = 0; i < f->n; i++) {
		const struct rec *r = f->recs[i];

		n += r->carried || r->verdict;
		n_again += r->verdict == RETRY || r->verdict == AGAIN;
		n_split += r->verdict == SPLIT;
	}
	return (n_again && n_again < n) || (n_split && n_split < n);
}

/*
 * Is it refused for what an earlier attempt, which may have been accepted, has
 * made of it? A conflict has a status of its own, and is told by others as
 * well; that something is too large is none. After a batch that was answered,
 * and halved, the others mean the record: of it the destination says no more
 * the next time.
 */
static bool is_own_doing(const struct rec *r)
{
	switch (r->http_status) {
	case 409:
		return r->ambiguous;
	case 400:
	case 404:
	case 410:
	case 422:
		return r->unanswered;
	default:
		return false;
	}
}

/* What is said of it now, and why that does not settle it. */
static void doubt(struct flow *f, struct rec *r)
{
	struct buf why = BUF_INIT;

	buf_adds(&why, noted(f, r->reason));
	buf_addf(&why, "%san earlier attempt may have been accepted",
		 why.len ? "; " : "");
	r->reason = note(f, buf_str(&why));
	buf_release(&why);
}

/* A verdict that the rest of the flow's history changes. */
static enum verdict settled_verdict(struct flow *f, struct rec *r,
				    size_t n_split, bool torn)
{
	switch (r->verdict) {
	case AGAIN:
		/* A token that was too old has not let it be tried. */
		r->again = r->http_status != 401;
		return torn ? given_up(f, r) : RETRY;
	case RETRY:
		r->trying = false;
		if (torn || is_spent(f, r))
			return given_up(f, r);
		return RETRY;
	case SPLIT:
		if (f->acted_before || (n_split > 1 && r->was_sent_once))
			return UNKNOWN;
		/* It may have been the last already. */
		if (f->marked && r->ambiguous)
			return UNKNOWN;
		if (n_split > 1)
			return torn || f->push->cfg.replay ? given_up(f, r)
							   : SPLIT;
		if (!is_own_doing(r))
			return REJECTED;
		doubt(f, r);
		return UNKNOWN;
	case FAILED:
		/* The contract says so; but an earlier attempt? */
		if (!r->ambiguous)
			return FAILED;
		doubt(f, r);
		return UNKNOWN;
	case EXISTS:
		/* Made by an attempt whose answer was lost, or not by us. */
		return r->ambiguous ? DELIVERED : REJECTED;
	case GIVEN_UP:
	case STOP:
	case LATER:
	case REFRESH:
		return given_up(f, r);
	default:
		return r->verdict;
	}
}

struct sorted {
	struct flow *retry, *first, *second;
	size_t n_split, seen_split;
	uint64_t most_attempts;
	bool at_once;   /* nobody waits: all were "again" */
	bool in_place;  /* a record of an "each" step is tried again */
	bool ambiguous; /* the step may have been carried out */
	bool in_part;   /* the answer that splits says that some was taken */
};

static void take_retry(struct flow *f, struct rec *r, struct sorted *s)
{
	if (!s->retry) {
		s->retry = fork_flow(f);
		if (!f->restart)
			fork_further(f, s->retry);
		s->retry->batch = f->batch;
		s->retry->in_session = f->in_session;
		s->retry->lost = f->lost;
		/* Who waits for f waits for it still. */
		s->retry->then = f->then;
		f->then = NULL;
		f->push->session.n_out += f->in_session;
		s->at_once = true;
	}
	/* That request does not count: it is made once more. */
	r->in_results = r->was_in_results && !f->restart;
	if (f->restart) {
		buf_reset(&r->saved);
		r->spent = r->tries;
	}
	s->at_once &= r->verdict == AGAIN;
	s->most_attempts = MAX(s->most_attempts, r->tries);
	flow_add(s->retry, r);
}

static void take_split(struct flow *f, struct rec *r, struct sorted *s)
{
	if (!s->first) {
		s->first = fork_flow(f);
		s->second = fork_flow(f);
	}
	r->in_results = false;
	buf_reset(&r->saved);
	flow_add(s->seen_split++ < s->n_split / 2 ? s->first : s->second, r);
}

/*
 * Settles what is decided and sorts the others: those that go on stay in f.
 */
static void sort_records(struct flow *f, struct sorted *s)
{
	bool each = f->step < f->op->n_steps && f->op->steps[f->step].each;
	bool torn = is_torn(f);
	size_t stay = 0, n = f->n;

	for (size_t i = 0; i < n; i++) {
		s->n_split += f->recs[i]->verdict == SPLIT;
		s->ambiguous |= f->recs[i]->carried && f->recs[i]->ambiguous;
		s->in_part |= f->recs[i]->verdict == SPLIT &&
			      f->recs[i]->http_status / 100 == 2;
	}
	for (size_t i = 0; i < n; i++) {
		struct rec *r = f->recs[i];
		enum verdict v = settled_verdict(f, r, s->n_split, torn);

		if (i + FETCH_AHEAD < n)
			order_fetch(&f->push->order, f->recs[i + FETCH_AHEAD]);
		r->carried = false;
		switch (v) {
		case NO_VERDICT:
		case GO_ON:
			r->verdict = NO_VERDICT;
			f->recs[stay++] = r;
			break;
		case RETRY:
			/* It was refused for now: no second time, a first. */
			r->sent_once = r->was_sent_once && !f->restart;
			f->push->n_retries += r->verdict != AGAIN;
			if (each && !f->restart) {
				/* The batch waits for it. */
				s->in_place = true;
				r->in_results = r->was_in_results;
				s->at_once = r->verdict == AGAIN;
				s->most_attempts = r->tries;
				f->recs[stay++] = r;
			} else {
				take_retry(f, r, s);
			}
			r->verdict = NO_VERDICT;
			break;
		case SPLIT:
			r->sent_once = false;
			take_split(f, r, s);
			r->verdict = NO_VERDICT;
			break;
		default:
			settle_as(f, r, v);
		}
	}
	/* The last one is what comes last: a half, what is tried again. */
	if (s->retry)
		s->retry->last = f->last && !s->first;
	f->last &= !s->first && !s->retry;
	f->n = stay;
	f->parted |= stay < n;
	buf_reset(&f->notes);
}

/* When it may be tried again. */
static int64_t next_try(struct flow *f, const struct sorted *s, int64_t wait_ms)
{
	struct push *p = f->push;
	int64_t delay =
	    s->at_once ? 0
		       : retry_delay_ms(&p->d.retry, MAX(s->most_attempts, 1));

	/* A hint is kept to; the jitter comes on top of it. */
	if (wait_ms >= 0)
		delay = wait_ms + MIN(delay, p->d.retry.first_ms);
	if (delay && !s->at_once)
		msg_debug("batch %" PRIu64 ": waiting %.1f s (attempt %" PRIu64
			  " of %" PRIu64 ")",
			  f->number, (double)delay / 1000, s->most_attempts + 1,
			  p->d.retry.attempts);
	return clock_tick_ms() + delay;
}

/* Until then it is nobody's turn. */
static void sleep_until(struct flow *f, int64_t tick)
{
	f->wake = tick;
	list_push(&f->push->asleep, f, false);
}

static void end_flow(struct flow *f)
{
	struct push *p = f->push;

	if (f->begun)
		p->n_active--;
	flow_free(p, f);
}

/*
 * Does nobody go on with what f has begun at the destination, and has it not
 * come to the point from which on that may have acted?
 */
static bool leaves_something(const struct flow *f, const struct sorted *s)
{
	return f->op->cleanup && f->advanced && !f->acted_before &&
	       !s->ambiguous && !f->n && (!s->retry || f->restart);
}

/* Cleans up after f; those that begin anew wait for it. */
static void clean_up(struct flow *f, struct flow *then)
{
	struct push *p = f->push;
	struct flow *c = flow_for(p, f->op->cleanup);

	buf_adds(&c->saved, buf_str(&f->saved));
	buf_adds(&c->group, buf_str(&f->group));
	c->batch = f->batch ? f->batch : f->number;
	c->then = then;
	list_push(&p->ready, c, true);
}

/* The halves of a batch, and what begins with the first step again. */
static struct flow *chain(struct sorted *s, bool with_retry)
{
	struct flow *then = NULL;

	if (s->second) {
		s->second->next = NULL;
		s->first->next = s->second;
		then = s->first;
	}
	if (with_retry) {
		s->retry->next = then;
		then = s->retry;
	}
	return then;
}

static void start_halves(struct flow *f, struct sorted *s, size_t n)
{
	struct push *p = f->push;

	if (!s->second)
		return;
	if (f->op->whole) {
		session_halves(p, s->first, s->second,
			       s->n_split == n && !s->in_part);
		return;
	}
	list_push(&p->ready, s->second, true);
	list_push(&p->ready, s->first, true);
}

/* True: f is still there, and its records go on with the next step. */
static bool sweep(struct flow *f, int64_t wait_ms)
{
	struct push *p = f->push;
	struct sorted s = { .retry = NULL };
	size_t n = f->n;
	bool clean;

	sort_records(f, &s);
	/* Part of a batch is a batch of its own to the destination. */
	if (s.retry && f->in_session && s.retry->n < n)
		s.retry->batch = ++p->session.n_batches;
	/* All of it is the same one: a file's name does not change. */
	if (s.retry && s.retry->n == n)
		s.retry->number = f->number;
	clean = leaves_something(f, &s);
	if (s.retry) {
		/* The place is handed on, if f has no more use for it. */
		if (!f->n && f->begun && !clean) {
			s.retry->begun = true;
			f->begun = false;
		}
		s.retry->wake = next_try(s.retry, &s, wait_ms);
	}
	if (clean) {
		bool anew = s.retry && f->restart;

		clean_up(f, chain(&s, anew));
	} else {
		start_halves(f, &s, n);
		if (s.retry)
			sleep_until(s.retry, s.retry->wake);
	}
	f->restart = false;
	if (f->n && s.in_place) {
		/* Page by page again; a page that a new token is for, alone. */
		if (!s.at_once)
			flow_turn_reset(f);
		sleep_until(f, next_try(f, &s, wait_ms));
		return false;
	}
	if (f->n)
		return true;
	end_flow(f);
	return false;
}

/* All steps are done: who was in the results of none has been delivered. */
static void finish(struct flow *f)
{
	for (size_t i = 0; i < f->n; i++) {
		struct rec *r = f->recs[i];

		if (r->in_results && !r->stand_in)
			flow_decide(f, r, UNKNOWN, STR("no_outcome"),
				    STR("the answer does not say what became "
					"of it"));
		else if (!r->attempts && !r->stand_in)
			/* No step had anything to send for it. */
			decide_plainly(r, SKIPPED);
		else
			decide_plainly(r, DELIVERED);
	}
	sweep(f, -1);
}

/* All of the step's requests are answered. */
static void step_done(struct flow *f)
{
	const struct step *s = &f->op->steps[f->step];

	f->advanced = true;
	f->acted_before |= s->commits;
	for (size_t i = 0; f->op->never && i < f->n; i++)
		f->recs[i]->was_sent_once = f->recs[i]->sent_once;
	f->step++;
	flow_step_reset(f);
	/* The last answer is the end, whatever has happened to the push. */
	if (f->step == f->op->n_steps && f->op->role != TO_PREPARE)
		finish(f);
	else if (s->pause_ms)
		sleep_until(f, clock_tick_ms() + s->pause_ms);
	else
		list_push(&f->push->ready, f, true);
}

void flow_answered(struct flow *f, int64_t wait_ms)
{
	const struct step *s = &f->op->steps[f->step];
	size_t n = f->n;

	f->under_way = false;
	if (f->course == REPEATS) {
		/* The same step once more, for the same records. */
		f->course = GOES_ON;
		wake_at(f, f->wake);
		return;
	}
	if (!sweep(f, wait_ms))
		return;
	/* Who went has made room for the next in its place. */
	if (s->each && f->n == n) {
		f->recs[f->each]->acted |= s->commits;
		f->recs[f->each]->was_sent_once = f->recs[f->each]->sent_once;
		f->each++;
	}
	if (s->each && f->each < f->n) {
		flow_turn_reset(f);
		list_push(&f->push->ready, f, true);
		return;
	}
	step_done(f);
}

/* ---- going on ---- */

/*
 * Counts the request, and says so first where it must not be repeated. -1:
 * nobody takes receipts any more, so nothing is sent.
 */
static int mark_sent(struct flow *f)
{
	struct push *p = f->push;
	const struct step *s = &f->op->steps[f->step];

	for (size_t i = 0; i < f->n; i++) {
		struct rec *r = f->recs[i];

		if (!r->carried)
			continue;
		r->was_in_results = r->in_results;
		/* Another request it is, but no try that counts. */
		r->attempts += !r->trying || r->again;
		r->tries += !r->trying;
		r->trying = true;
		r->again = false;
		r->was_sent_once = r->sent_once;
		r->sent_once |= s->resend == RESEND_NEVER;
		if (s->resend == RESEND_NEVER && !r->stand_in)
			receipts_sending(&p->receipts, r->line,
					 rec_str(r, r->id));
	}
	/* Receipts stand before what they are about leaves. */
	if (receipts_flush(&p->receipts) < 0)
		return -1;
	return 0;
}

/* Nothing comes of this step, or of its turn for one record. */
static void pass_over(struct flow *f)
{
	for (size_t i = 0; i < f->n; i++)
		f->recs[i]->carried = false;
	if (f->op->steps[f->step].each && ++f->each < f->n)
		return;
	f->step++;
	flow_step_reset(f);
}

/* In the place of what the answer would say: "{saved.x}". */
static void save_nothing(struct flow *f)
{
	const struct step *s = &f->op->steps[f->step];
	struct buf *to = s->each ? &flow_alone(f)->saved : &f->saved;
	struct buf text = BUF_INIT;

	if (s->n_save && !to->len)
		buf_adds(to, s->each ? STR("{}") : saved_of(f, NULL));
	for (size_t i = 0; i < s->n_save; i++) {
		struct str name = s->save[i].name;

		buf_reset(&text);
		buf_addf(&text, "\"{saved.%.*s}\"", (int)name.n - 2,
			 name.s + 1);
		saved_put(to, name, buf_str(&text));
	}
	buf_release(&text);
}

/* A dry run takes every answer for a yes, and knows nothing of what it says. */
static void pretend(struct flow *f)
{
	dryrun_print(f);
	if (!f->op->table)
		save_nothing(f);
	pass_over(f);
}

/* How an operation cleans up is shown once. */
static void pretend_cleanup(struct flow *f)
{
	struct operation *op = (struct operation *)f->op;

	if (!f->push->cfg.dry_run || !op->cleanup || op->cleanup_shown)
		return;
	op->cleanup_shown = true;
	clean_up(f, NULL);
}

static void go(struct flow *f)
{
	struct push *p = f->push;
	int64_t wait;

	for (;;) {
		if (f->step == f->op->n_steps) {
			pretend_cleanup(f);
			finish(f);
			return;
		}
		if (!session_may(f)) {
			sweep(f, -1);
			return;
		}
		switch (request_build(f)) {
		case NOT_RUN:
			pass_over(f);
			break;
		case BUILD_AGAIN:
			if (!sweep(f, -1))
				return;
			if (f->op->steps[f->step].each)
				flow_turn_reset(f);
			break;
		case BUILD_FAILED:
			list_push(&p->ready, f, true);
			return;
		case BUILT:
			if (p->cfg.dry_run) {
				pretend(f);
				break;
			}
			wait = pace_take(f);
			if (wait > 0) {
				/* Another process was faster. */
				f->wake = clock_tick_ms() + wait;
				list_push(&p->asleep, f, false);
				return;
			}
			if (mark_sent(f) < 0) {
				pace_gone(f);
				list_push(&p->ready, f, true);
				return;
			}
			session_sent(f);
			f->under_way = true;
			request_send(f);
			return;
		}
	}
}

static void wake_sleepers(struct push *p, int64_t tick)
{
	struct flow *f = p->asleep.first, *after;

	for (; f; f = after) {
		after = f->next;
		if (f->wake > tick)
			continue;
		list_remove(&p->asleep, f);
		list_push(&p->ready, f, true);
	}
}

static int64_t first_to_wake(const struct push *p)
{
	int64_t tick = INT64_MAX;

	for (const struct flow *f = p->asleep.first; f; f = f->next)
		tick = MIN(tick, f->wake);
	return tick;
}

/* The first that may go: with a place already, or for a free one. */
static struct flow *pick(struct push *p)
{
	struct flow *f = p->ready.first;
	bool full = p->n_active >= p->d.concurrency;

	if (pace_is_full(p))
		return NULL;
	while (f && ((full && !f->begun) ||
		     (p->prepared != PREPARED && f->op != p->d.prepare)))
		f = f->next;
	return f;
}

/* Once, and only if there is something to be sent. */
static void prepare(struct push *p)
{
	if (p->prepared != UNPREPARED || !p->ready.n)
		return;
	p->prepared = p->d.prepare ? PREPARING : PREPARED;
	if (p->d.prepare)
		list_push(&p->ready, flow_for(p, p->d.prepare), true);
}

/* A flow that has just ended may have been what others waited for. */
static struct flow *choose(struct push *p)
{
	session_go_on(p);
	prepare(p);
	return pick(p);
}

/* Returns when the first of those left may go, if nothing happens before. */
static int64_t run_what_may(struct push *p, int64_t tick)
{
	int64_t next = INT64_MAX;
	struct flow *f;

	while (!p->stopped && !p->receipts.error && (f = choose(p))) {
		bool alone;
		int64_t wait;

		if (!credentials_ready(p, &next))
			return next;
		wait = pace_wait(f, tick, &alone);
		if (wait > 0)
			next = MIN(next, tick + wait);
		if (wait > 0 && !alone)
			return next;
		list_remove(&p->ready, f);
		if (wait > 0) {
			f->wake = tick + wait;
			list_push(&p->asleep, f, false);
			continue;
		}
		if (!f->begun) {
			f->begun = true;
			p->n_active++;
		}
		go(f);
	}
	return next;
}

int64_t flow_run_ready(struct push *p)
{
	int64_t tick = clock_tick_ms();
	int64_t next;

	pace_refresh(p, tick);
	wake_sleepers(p, tick);
	next = run_what_may(p, tick);
	/* Those as well that have just gone to sleep, or are about to leave. */
	return MIN(MIN(next, pace_next(p, tick)), first_to_wake(p));
}
