/* SPDX-License-Identifier: MIT */
/*
 * When a request may leave: the contract's limits, what the destination has
 * asked for, and how many it bears at once, which is found by trying: one more
 * with each answer while answers come as fast as before, half as many when it
 * says that there are too many.
 */
#include "bin/retl-push/push.h"

#include "common/clock.h"
#include "common/mem.h"
#include "common/msg.h"

#define FIRST_LEVEL 4
/* Answers this much slower than the fastest: no more requests at once. */
#define SLOWER 2
#define SLOWER_MS 20
/* Half of the machine's delay is another thing than half of the vendor's. */
#define SMOOTH 8
/* A window that opens after this is for another run. */
#define LONGEST_WAIT_MS ((int64_t)15 * 60 * 1000)
/* A connection that took longer to make shifts what its request has spent. */
#define SHIFT_MS 5
/* One that is still being made does so this often, or so often in a window. */
#define LONGEST_FRESH_MS 100
#define FRESH_PARTS 8

/* ---- setting up ---- */

static int by_name(const void *a, const void *b)
{
	const struct limit *x = a, *y = b;

	return strcmp(x->rate.name, y->rate.name);
}

/* Scheme and host: what is behind them shares the vendor's counters. */
static struct str origin_of(struct str url)
{
	const char *slash = memmem(url.s, url.n, "://", 3);
	size_t i = slash ? (size_t)(slash - url.s) + 3 : 0;

	while (i < url.n && url.s[i] != '/')
		i++;
	return (struct str){ url.s, i };
}

void pace_begin(struct push *p)
{
	const struct setting *base =
	    contract_setting(p->contract, STR("base_url"));
	struct buf what = BUF_INIT;
	size_t mark;

	p->pace.level = (double)MIN(p->d.concurrency, FIRST_LEVEL);
	p->pace.fresh_ms = LONGEST_FRESH_MS;
	for (size_t i = 0; i < p->d.n_limits; i++)
		p->pace.fresh_ms = MIN(
		    p->pace.fresh_ms,
		    MAX(p->d.limits[i].rate.window_ms / FRESH_PARTS, SHIFT_MS));
	if (p->cfg.dry_run || !p->d.n_limits)
		return;
	auth_put_identity(p->d.auth, &what);
	buf_addc(&what, '\n');
	if (base && base->text.s)
		buf_adds(&what, origin_of(base->text));
	mark = what.len;
	for (size_t i = 0; i < p->d.n_limits; i++) {
		struct limit *l = &p->d.limits[i];

		buf_truncate(&what, mark);
		buf_addc(&what, '\n');
		buf_adds(&what, l->by);
		if (rate_share(&l->rate, buf_str(&what), &p->err) < 0) {
			msg_warn("limits hold for this process alone: %s",
				 p->err.data);
			break;
		}
	}
	explicit_bzero(what.data, what.len);
	buf_release(&what);
	/* All processes lock in the same order. */
	qsort(p->d.limits, p->d.n_limits, sizeof *p->d.limits, by_name);
}

/* ---- limits ---- */

/* Whose value a limit counts by. */
static struct rec *counted(const struct flow *f)
{
	struct rec *r = flow_alone(f);

	return r ? r : f->recs[0];
}

/* The value that a limit counts by. */
static uint32_t key_of(struct flow *f, struct limit *l, struct rec *r)
{
	struct push *p = f->push;
	struct buf out = BUF_INIT;
	struct scope scope;
	struct tmpl_field field;
	uint32_t key;

	if (l->by_program.prog) {
		scope_fill(f, r, &scope);
		program_value(&l->by_program, rec_str(r, r->record), &scope,
			      &out, NULL, &p->err);
	} else {
		struct tmpl_scope t = {
			.record = rec_str(r, r->record),
			.group = f->group.len ? buf_str(&f->group) : STR_NONE,
		};

		tmpl_expand(&l->by_tmpl, TMPL_HEADER, &t, &out, &field,
			    &p->err);
	}
	key = rate_key(buf_str(&out));
	buf_release(&out);
	return key;
}

static void find_uses(struct flow *f)
{
	struct push *p = f->push;
	struct rec *r;

	if (!p->d.n_limits)
		return;
	r = counted(f);
	if (f->paced == r)
		return;
	f->paced = r;
	f->uses = xreallocarray(f->uses, p->d.n_limits, sizeof *f->uses);
	for (size_t i = 0; i < p->d.n_limits; i++) {
		struct limit *l = &p->d.limits[i];

		f->uses[i].rate = &l->rate;
		f->uses[i].key = l->by.s ? key_of(f, l, r) : 0;
	}
}

static void give_up(struct push *p, const struct limit *l, int64_t wait)
{
	push_stop(p, EX_TEMPFAIL,
		  "%s: the limit of %" PRIu64 " requests in %" PRId64
		  " s is used up for another %" PRId64 " s",
		  p->contract->name, l->rate.most, l->seconds, wait / 1000 + 1);
}

int64_t pace_wait(struct flow *f, int64_t tick, bool *alone)
{
	struct push *p = f->push;
	int64_t wait = MAX(p->not_before - tick, 0);

	*alone = false;
	if (p->cfg.dry_run || f->step >= f->op->n_steps)
		return 0;
	find_uses(f);
	for (size_t i = 0; i < p->d.n_limits; i++) {
		int64_t w =
		    rate_wait_ms(&f->uses[i], f->op->steps[f->step].cost, tick);

		if (w > LONGEST_WAIT_MS)
			give_up(p, &p->d.limits[i], w);
		if (w <= wait)
			continue;
		wait = w;
		*alone = p->d.limits[i].by.s != NULL;
	}
	return wait;
}

int64_t pace_take(struct flow *f)
{
	struct push *p = f->push;
	int64_t wait;

	f->taken = clock_tick_ms();
	f->round = p->pace.round;
	if (!p->d.n_limits)
		return 0;
	/* Those before it may have had nothing to send. */
	find_uses(f);
	wait = rate_take(f->uses, p->d.n_limits, f->op->steps[f->step].cost,
			 f->taken);
	if (!wait) {
		f->next_leaving = p->pace.leaving;
		p->pace.leaving = f;
	}
	return wait;
}

static void count_as_of(struct flow *f, int64_t tick)
{
	rate_move(f->uses, f->push->d.n_limits, f->op->steps[f->step].cost,
		  f->taken, tick);
	f->taken = tick;
}

/*
 * What waits for its connection is spent at no other time than when it leaves:
 * else the window would let others go, and all of them arrive together.
 */
void pace_refresh(struct push *p, int64_t tick)
{
	for (struct flow *f = p->pace.leaving; f; f = f->next_leaving)
		if (tick - f->taken >= p->pace.fresh_ms)
			count_as_of(f, tick);
}

int64_t pace_next(const struct push *p, int64_t tick)
{
	return p->pace.leaving ? tick + p->pace.fresh_ms : INT64_MAX;
}

void pace_gone(struct flow *f)
{
	struct flow **at = &f->push->pace.leaving;

	while (*at && *at != f)
		at = &(*at)->next_leaving;
	if (*at)
		*at = f->next_leaving;
}

void pace_left(struct flow *f, int64_t tick)
{
	pace_gone(f);
	if (f->push->d.n_limits && tick - f->taken > SHIFT_MS)
		count_as_of(f, tick);
}

/* ---- how many at once ---- */

bool pace_is_full(const struct push *p)
{
	return p->n_under_way >= (size_t)p->pace.level;
}

/* Is the destination as fast as it was? */
static bool holds(struct pace *c, int64_t took_ms)
{
	double took = (double)took_ms;

	c->smooth += (took - c->smooth) / (c->smooth > 0 ? SMOOTH : 1);
	/* What was fastest once is forgotten slowly. */
	c->fastest *= 1.001;
	if (c->fastest == 0 || c->smooth < c->fastest)
		c->fastest = c->smooth;
	return c->smooth <= c->fastest * SLOWER + SLOWER_MS;
}

void pace_answered(struct flow *f, int64_t took_ms, bool throttled)
{
	struct push *p = f->push;
	struct pace *c = &p->pace;
	double most = (double)p->d.concurrency;

	if (throttled) {
		/* Once for all that were under way together. */
		if (f->round == c->round) {
			c->round++;
			c->slow = true;
			c->level = MAX(c->level / 2, 1);
			msg_debug("%d requests at once", (int)c->level);
		}
		return;
	}
	if (holds(c, took_ms))
		c->level = MIN(c->level + (c->slow ? 1 / c->level : 1), most);
}

/* ---- a destination that is down ---- */

void pace_failed(struct push *p, bool failed)
{
	p->pace.n_failed = failed ? p->pace.n_failed + 1 : 0;
	if (p->cfg.max_failures && p->pace.n_failed >= p->cfg.max_failures)
		push_stop(p, EX_TEMPFAIL,
			  "%s: %" PRIu64 " requests in a row have failed "
			  "(--max-failures)",
			  p->contract->name, p->pace.n_failed);
}
