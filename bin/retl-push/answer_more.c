/* SPDX-License-Identifier: MIT */
/*
 * Answers that ask for more: what they say is saved for later requests, a poll
 * asks again, a page names the next one.
 */
#include "bin/retl-push/answer.h"

#include "common/clock.h"
#include "common/retry.h"
#include "common/url.h"

#define MAX_PAGES 100000
#define MAX_PAGE_URL 65536

/* ---- save ---- */

/* For the record, if the step is about one of a batch; else for the flow. */
int answer_save(struct answer *w)
{
	struct flow *f = w->f;
	struct rec *r = w->s->each ? flow_alone(f) : NULL;
	struct buf saved = BUF_INIT, value = BUF_INIT;
	int ret = 0;

	if (!w->s->n_save)
		return 0;
	buf_adds(&saved, r ? buf_str(&r->saved) : saved_of(f, NULL));
	if (!saved.len)
		buf_addz(&saved, "{}");
	for (size_t i = 0; !ret && i < w->s->n_save; i++) {
		const struct named *n = &w->s->save[i];
		int got;

		buf_reset(&value);
		got = answer_first(w, &n->prog, &value);
		if (got == 0)
			buf_addz(&value, "null");
		ret = got < 0 || w->unreadable ? -1 : 0;
		saved_put(&saved, n->name, buf_str(&value));
	}
	if (ret == 0) {
		struct buf *to = r ? &r->saved : &f->saved;

		buf_reset(to);
		buf_adds(to, buf_str(&saved));
		w->scope.v[VAR_SAVED] = saved_of(f, flow_alone(f));
	}
	buf_release(&saved);
	buf_release(&value);
	return ret;
}

/* ---- again: polls and pages ---- */

/* The step is repeated by the flow, whose records stay as they are. */
static void repeat(struct answer *w, int64_t wait_ms)
{
	w->f->course = REPEATS;
	w->f->wake = clock_tick_ms() + wait_ms;
}

/*
 * What went well was not a try; but what an outcome asked to be tried again, or
 * began anew, has been one.
 */
static void forget_tries(struct flow *f)
{
	for (size_t i = 0; i < f->n; i++)
		if (f->recs[i]->carried)
			f->recs[i]->tries = f->recs[i]->spent + 1;
}

int answer_poll(struct answer *w)
{
	const struct poll *poll = &w->s->poll;
	struct flow *f = w->f;
	struct buf out = BUF_INIT;
	int64_t tick = clock_tick_ms();
	int got = answer_first(w, &poll->until, &out);
	bool done = got > 0 && strcmp(out.data, "false") != 0 &&
		    strcmp(out.data, "null") != 0;

	buf_release(&out);
	if (got < 0 || w->unreadable)
		return -1;
	if (done)
		return 1;
	if (!f->poll_since)
		f->poll_since = MAX(tick, 1);
	f->poll_ms = f->poll_ms ? MIN(f->poll_ms * 3 / 2, poll->most_ms)
				: poll->every_ms;
	forget_tries(f);
	if (tick + f->poll_ms - f->poll_since > poll->deadline_ms) {
		answer_decide_all(w, poll->late, STR("late"),
				  STR("not done before the deadline"));
		return 0;
	}
	repeat(w, f->poll_ms);
	return 0;
}

/*
 * Did the pages come to where they were before? One address is remembered, a
 * later one each time that their number has doubled: a circle is noticed before
 * it was gone round a third time.
 */
static bool goes_round(struct flow *f, const struct buf *to)
{
	if (str_eq(buf_str(&f->seen_page), buf_str(to)))
		return true;
	if ((f->n_pages & (f->n_pages + 1)) == 0) {
		buf_reset(&f->seen_page);
		buf_adds(&f->seen_page, buf_str(to));
	}
	return false;
}

int answer_page(struct answer *w)
{
	struct flow *f = w->f;
	struct buf v = BUF_INIT, to = BUF_INIT, scratch = BUF_INIT;
	int ret = answer_first(w, &w->s->next, &v);

	if (ret == 1 && json_type(buf_str(&v)) == JSON_NULL)
		ret = 0;
	if (ret == 1 &&
	    (json_type(buf_str(&v)) != JSON_STRING ||
	     url_resolve(w->a->url, json_text(buf_str(&v), &scratch), &to) < 0))
		ret = fail(&w->p->err, "next: not an address");
	if (ret == 1 &&
	    (str_eq(buf_str(&to), str_of(w->a->url)) || goes_round(f, &to) ||
	     to.len > MAX_PAGE_URL || f->n_pages == MAX_PAGES))
		ret = fail(&w->p->err, "next: pages without an end");
	w->final |= ret < 0;
	if (ret == 1) {
		buf_reset(&f->page);
		buf_adds(&f->page, buf_str(&to));
		f->n_pages++;
		f->page_tries = 0;
		forget_tries(f);
		repeat(w, 0);
	}
	buf_release(&v);
	buf_release(&to);
	buf_release(&scratch);
	return ret;
}

bool answer_repeat_page(struct answer *w)
{
	struct flow *f = w->f;
	const struct retry_plan *plan = &w->p->d.retry;

	if (!f->n_pages || ++f->page_tries >= plan->attempts)
		return false;
	repeat(w, MAX(retry_delay_ms(plan, f->page_tries), w->wait_ms));
	return true;
}
