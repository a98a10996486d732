/* SPDX-License-Identifier: MIT */
/*
 * What is done about an answer, or about there being none: each record that the
 * request carried gets a verdict.
 */
#include "bin/retl-push/answer.h"

#include "common/clock.h"
#include "common/msg.h"

/*
 * It may have been carried out, whatever comes of it. unanswered: and is going
 * to be made again as it was.
 */
static void mark(struct answer *w, bool unanswered)
{
	for (size_t i = 0; w->s->acts && i < w->f->n; i++) {
		struct rec *r = w->f->recs[i];

		if (!r->carried)
			continue;
		r->ambiguous = true;
		r->unanswered |= unanswered;
	}
}

static void mark_ambiguous(struct answer *w)
{
	mark(w, false);
}

static void mark_unanswered(struct answer *w)
{
	mark(w, true);
}

/* Would the flow, were it begun anew, repeat what must not be repeated? */
static bool has_sent_once(const struct answer *w)
{
	const struct flow *f = w->f;

	for (size_t i = 0; f->op->never && i < f->n; i++)
		if (f->recs[i]->carried && f->recs[i]->was_sent_once)
			return true;
	return false;
}

/*
 * A request that may have been carried out is to be tried again, as the step
 * says: from the first step on, or by itself. What is neither is in doubt.
 */
static enum verdict try_again(struct answer *w)
{
	if (w->s->resend == RESEND_NEVER)
		return UNKNOWN;
	if (w->s->resend == RESEND_SAME)
		return RETRY;
	w->f->restart = !has_sent_once(w);
	return w->f->restart || !w->s->acts ? RETRY : UNKNOWN;
}

/* No whole answer has come: it is asked for again, if that may be. */
static void take_lost(struct answer *w, struct str code, struct str why)
{
	w->failed = true;
	mark_unanswered(w);
	if (answer_repeat_page(w))
		return;
	answer_decide_all(w, w->f->n_pages ? GIVEN_UP : try_again(w), code,
			  why);
}

/*
 * Where nothing can have happened yet, or is only looked at, it is asked again:
 * a doubt would be settled by sending all of it again.
 */
static bool may_ask_again(const struct answer *w)
{
	return !w->s->acts && w->s->resend != RESEND_NEVER && !w->a->cut &&
	       !w->final;
}

/* It says yes, but not in words that the contract understands. */
static void take_unreadable(struct answer *w)
{
	struct buf why = BUF_INIT;

	if (w->lost) {
		buf_adds(&why, buf_str(&w->p->err));
		take_lost(w, STR("lost"), buf_str(&why));
		buf_release(&why);
		return;
	}
	buf_addf(&why, "an answer that cannot be read%s%s",
		 w->p->err.len ? ": " : "", w->p->err.data);
	if (w->a->cut)
		buf_addf(&why, " (%s)", w->a->why);
	answer_cut(&why, MAX_REASON);
	if (may_ask_again(w)) {
		take_lost(w, STR("unreadable"), buf_str(&why));
	} else {
		mark_ambiguous(w);
		answer_decide_all(w, GIVEN_UP, STR("unreadable"),
				  buf_str(&why));
	}
	buf_release(&why);
}

/* What the destination says, for people: " CODE: REASON", as far as it does. */
static void put_words(struct answer *w, struct buf *out)
{
	struct buf reason = BUF_INIT;

	answer_explain(w);
	if (w->code.len)
		buf_addf(out, " %s", w->code.data);
	if (!w->reason.len)
		return;
	buf_adds(&reason, buf_str(&w->reason));
	show_without_values(w->f, &reason);
	buf_addf(out, ": %s", reason.data);
	buf_release(&reason);
}

static void stop(struct answer *w, bool credentials)
{
	long status = w->a->status;
	bool denied = credentials || status == 401 || status == 403;
	struct buf words = BUF_INIT;

	/* What cannot be cleaned up stays where it is. */
	if (w->f->op->role == TO_CLEAN_UP)
		return;
	put_words(w, &words);
	push_stop(w->p, denied ? EX_NOPERM : EX_UNAVAILABLE,
		  "%s: the destination refuses, HTTP %ld%s%s",
		  w->p->contract->name, status, words.data,
		  denied ? " (check the credentials)"
		  : status >= 300 && status < 400
		      ? " (redirects are not followed: check the address)"
		      : "");
	buf_release(&words);
}

/* A quota that opens again some day, but not while somebody waits. */
static void leave_for_later(struct answer *w)
{
	struct buf words = BUF_INIT;

	if (w->f->op->role == TO_CLEAN_UP)
		return;
	put_words(w, &words);
	push_stop(w->p, EX_TEMPFAIL,
		  "%s: the destination takes nothing more for now, HTTP %ld%s",
		  w->p->contract->name, w->a->status, words.data);
	buf_release(&words);
}

/* The same where an outcome says so. */
static void stop_for(struct answer *w, const struct rec *r)
{
	w->explained = true;
	buf_reset(&w->code);
	buf_add(&w->code, w->f->notes.data + r->code.at, r->code.n);
	buf_reset(&w->reason);
	buf_add(&w->reason, w->f->notes.data + r->reason.at, r->reason.n);
	if (r->verdict == LATER)
		leave_for_later(w);
	else
		stop(w, false);
}

static bool broke_down(const struct answer *w)
{
	return w->a->status >= 500 && w->a->status < 600;
}

/* A batch that was not refused as a whole: some of it may have been taken. */
static bool may_be_part(const struct answer *w, enum verdict v)
{
	return v == SPLIT && w->s->acts && w->f->n_carried > 1 &&
	       (w->a->status < 300 || broke_down(w));
}

static void apply(struct answer *w, enum verdict v, struct str reason)
{
	bool exists = v == EXISTS;

	answer_explain(w);
	if (reason.s) {
		buf_reset(&w->reason);
		buf_adds(&w->reason, reason);
	}
	/* No neighbour was settled that would have been at fault. */
	if (v == AGAIN)
		v = RETRY;
	if (v == REFRESH && credentials_renew(w->f))
		v = AGAIN;
	if (v == STOP || v == REFRESH)
		stop(w, v == REFRESH);
	if (v == LATER)
		leave_for_later(w);
	/* One of them does; the others may not be there yet. */
	if (exists && w->f->n_carried > 1)
		v = SPLIT;
	/*
	 * A server that broke down may have done its work before, unless the
	 * contract knows that it has not.
	 */
	if (broke_down(w) && v == RETRY)
		mark_unanswered(w);
	else if (!exists && (broke_down(w) ? v != REJECTED && v != FAILED
					   : may_be_part(w, v)))
		mark_ambiguous(w);
	/* Nobody may be sent twice. */
	if (may_be_part(w, v) && w->s->resend == RESEND_NEVER)
		v = UNKNOWN;
	if (v == RETRY)
		msg_debug("batch %" PRIu64 ": HTTP %ld", w->f->number,
			  w->a->status);
	/* It is told to wait whatever becomes of these records. */
	if (v == RETRY || w->a->status == 429 || broke_down(w)) {
		w->wait_ms = answer_hint(w);
		w->throttled = w->a->status < 500 || w->wait_ms >= 0;
		push_wait(w->p, w->wait_ms);
	}
	/* The next batches are smaller from the start. */
	if (v == SPLIT && w->a->status == 413 && w->f->n_carried > 1)
		((struct operation *)w->f->op)->fit_bytes =
		    MAX(w->f->n_body / 2, 1);
	w->failed = v == RETRY || (v == UNKNOWN && w->a->status >= 500);
	if (v == RETRY) {
		if (answer_repeat_page(w))
			return;
		/* It may have been carried out: look again, then decide. */
		if (w->f->n_pages)
			v = GIVEN_UP;
		else if (broke_down(w) && w->s->resend == RESEND_RESTART)
			v = try_again(w);
	}
	answer_decide_all(w, v, text_or_none(&w->code),
			  text_or_none(&w->reason));
}

/* 1: all is said; 0: more is asked for; -1: it cannot be read. */
static int take_parts(struct answer *w, const struct program *pr)
{
	bool asks = pr->prog || w->s->n_save || w->s->next.prog ||
		    w->s->poll.until.prog;
	int got;

	if (w->unreadable && asks)
		return w->flaw ? fail(&w->p->err, "%s", w->flaw) : -1;
	if (w->s->poll.until.prog && !w->f->n_pages) {
		got = answer_poll(w);
		if (got <= 0)
			return got;
	}
	if (answer_save(w) < 0 || (pr->prog && answer_results(w, pr) < 0) ||
	    (asks && answer_check_rows(w) < 0))
		return -1;
	if (w->s->next.prog) {
		got = answer_page(w);
		if (got)
			return got < 0 ? -1 : 0;
	}
	answer_settle_rest(w);
	return 1;
}

/*
 * An outcome that asks for another try means the request that carried the
 * record. If this one did not, it only told of it: the flow begins anew.
 */
static void send_again(struct answer *w)
{
	struct flow *f = w->f;

	if (w->s->item.prog || !f->step)
		return;
	for (size_t i = 0; i < f->n; i++)
		f->restart |= f->recs[i]->verdict == RETRY ||
			      f->recs[i]->verdict == AGAIN;
}

static void take_accepted(struct answer *w, const struct program *results)
{
	const struct program *pr = results ? results : &w->s->results;
	struct flow *f = w->f;
	int got;

	buf_reset(&w->p->err);
	if (w->undecided) {
		buf_adds(&w->p->err, buf_str(&w->doubt));
		got = -1;
	} else {
		got = take_parts(w, pr);
	}
	if (got < 0) {
		/* What whole pages have said before stays. */
		for (size_t i = 0; !f->n_pages && i < f->n; i++)
			f->recs[i]->verdict = NO_VERDICT;
		if (!f->n_pages) {
			f->rest.v = NO_VERDICT;
			f->stray = false;
		}
		take_unreadable(w);
	}
	if (got <= 0)
		return;
	for (size_t i = 0; i < f->n; i++)
		if (f->recs[i]->verdict == STOP || f->recs[i]->verdict == LATER)
			stop_for(w, f->recs[i]);
	send_again(w);
	for (size_t i = 0; i < f->n; i++) {
		if (f->recs[i]->verdict != RETRY)
			continue;
		f->recs[i]->spent = f->recs[i]->tries;
		if (!w->throttled) {
			w->wait_ms = answer_hint(w);
			push_wait(w->p, w->wait_ms);
		}
		w->throttled = true;
	}
}

/*
 * nginx, and what is made of it, answers a connection that it does not want
 * with 400 and a page: that is no record's fault, whatever the contract says of
 * 400. NULL: it is none of these.
 */
static const char *unwanted_connection(const struct answer *w)
{
	static const char *const pages[][2] = {
		{ "No required SSL certificate was sent",
		  "the server wants a client certificate: --cert" },
		{ "The SSL certificate error",
		  "the server does not accept the client certificate of "
		  "--cert" },
		{ "The plain HTTP request was sent to HTTPS port",
		  "the server speaks TLS there: check base_url" },
	};
	struct str type = http_header(w->a->headers, "content-type");

	if (w->a->status != 400 || !type.s || !str_starts(type, "text/html"))
		return NULL;
	for (size_t i = 0; i < ARRAY_LEN(pages); i++)
		if (w->body.n && memmem(w->body.s, w->body.n, pages[i][0],
					strlen(pages[i][0])))
			return pages[i][1];
	return NULL;
}

static void take_unwanted(struct answer *w, const char *why)
{
	push_stop(w->p, strstr(why, "--cert") ? EX_NOPERM : EX_UNAVAILABLE,
		  "%s: HTTP 400: %s", w->p->contract->name, why);
	answer_decide_all(w, STOP, STR("connection"), str_of(why));
}

static void show(const struct answer *w)
{
	if (msg_get_level() < MSG_DEBUG)
		return;
	msg_debug("< HTTP %ld (batch %" PRIu64 ", %" PRId64 " ms)",
		  w->a->status, w->f->number, w->a->took_ms);
	show_headers('<', w->a->headers, w->a->headers.n);
	show_body('<', w->body);
}

static void take_status(struct answer *w)
{
	const char *unwanted;
	const struct rule *r;
	struct buf scratch = BUF_INIT;
	struct str reason = STR_NONE;

	answer_read(w);
	show(w);
	unwanted = unwanted_connection(w);
	if (unwanted) {
		take_unwanted(w, unwanted);
		return;
	}
	if (w->a->status != 401)
		credentials_accepted(w->f);
	r = answer_rule(w);
	if (r && r->reason.s && json_type(r->reason) == JSON_STRING)
		reason = json_text(r->reason, &scratch);
	if (r && r->results.prog)
		take_accepted(w, &r->results);
	else if ((r ? r->then : answer_built_in(w)) == GO_ON)
		take_accepted(w, NULL);
	else
		apply(w, r ? r->then : answer_built_in(w), reason);
	buf_release(&scratch);
}

static void take_failure(struct answer *w)
{
	const struct http_answer *a = w->a;
	struct str why = str_of(a->why);

	msg_debug("batch %" PRIu64 ": %s", w->f->number, a->why);
	w->failed = true;
	switch (a->failure) {
	case HTTP_UNTRUSTED:
		push_stop(w->p, EX_UNAVAILABLE,
			  "%s: the other side's certificate is not trusted: "
			  "%s (--cacert names a private authority)",
			  w->p->contract->name, a->why);
		answer_decide_all(w, STOP, STR("certificate"), why);
		break;
	case HTTP_BAD_CERT:
		push_stop(w->p, EX_NOPERM, "%s: --cert: %s",
			  w->p->contract->name, a->why);
		answer_decide_all(w, STOP, STR("certificate"), why);
		break;
	case HTTP_BAD_URL:
		if (w->s->url.plus || w->f->page.len) {
			/* An answer has named it, not the contract. */
			answer_decide_all(w, GIVEN_UP, STR("address"), why);
			break;
		}
		push_stop(w->p, EX_CONFIG, "%s: %s (check base_url)",
			  w->p->contract->name, a->why);
		answer_decide_all(w, STOP, STR("url"), why);
		break;
	case HTTP_UNREACHABLE:
		if (!answer_repeat_page(w))
			answer_decide_all(w, w->f->n_pages ? GIVEN_UP : RETRY,
					  STR("unreachable"), why);
		break;
	default:
		take_lost(w, STR("lost"), why);
	}
}

/*
 * What must not be sent twice is in doubt for good where the destination is
 * down, so the next ones wait as if it were they that are tried again.
 */
static void spare_others(const struct answer *w)
{
	struct push *p = w->p;
	uint64_t n = p->pace.n_failed;

	if (n > 1 && w->s->resend == RESEND_NEVER &&
	    (w->a->failure == HTTP_LOST || broke_down(w)))
		push_wait(p, retry_delay_ms(&p->d.retry,
					    MIN(n - 1, p->d.retry.attempts)));
}

void response_take(struct flow *f, const struct http_answer *a)
{
	struct answer w = { .f = f,
			    .p = f->push,
			    .s = &f->op->steps[f->step],
			    .a = a,
			    .value = BUF_INIT,
			    .unpacked = BUF_INIT,
			    .response = BUF_INIT,
			    .batch = BUF_INIT,
			    .code = BUF_INIT,
			    .reason = BUF_INIT,
			    .doubt = BUF_INIT,
			    .wait_ms = -1 };

	/* 408 is said to a connection, whoever is the next to speak on it. */
	f->lost = a->failure == HTTP_LOST || a->status == 408;
	scope_fill(f, flow_alone(f), &w.scope);
	if (a->failure == HTTP_OK)
		take_status(&w);
	else
		take_failure(&w);
	pace_failed(f->push, w.failed);
	spare_others(&w);
	if (a->failure == HTTP_OK)
		pace_answered(f, a->took_ms, w.throttled);
	buf_release(&w.value);
	buf_release(&w.unpacked);
	buf_release(&w.response);
	buf_release(&w.batch);
	buf_release(&w.code);
	buf_release(&w.reason);
	buf_release(&w.doubt);
	flow_answered(f, w.wait_ms);
}
