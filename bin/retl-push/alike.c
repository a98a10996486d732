/* SPDX-License-Identifier: MIT */
/*
 * Is it the records, or the settings? A destination that has taken nothing yet,
 * and refuses all in the same words, most likely says no to all of them: a
 * wrong field, list or mapping. So the receipts of refusals wait until it has
 * shown that it tells records apart, by taking one or by refusing one
 * otherwise. If it does not, the push ends, and they are "failed": what was
 * never the record's fault must not be held against it in later runs.
 *
 * So it is with what cannot be made of a record here: where it has been made of
 * another one, the record is at fault; as long as it has not, nobody knows.
 */
#include "bin/retl-push/push.h"

#include "common/mem.h"
#include "common/msg.h"

/* Do both say the same? Not counting digits: they may say which one it is. */
static bool same_words(struct str a, struct str b)
{
	size_t i = 0, k = 0;

	for (;;) {
		while (i < a.n && isdigit((uint8_t)a.s[i]))
			i++;
		while (k < b.n && isdigit((uint8_t)b.s[k]))
			k++;
		if (i == a.n || k == b.n)
			return i == a.n && k == b.n;
		if (a.s[i++] != b.s[k++])
			return false;
	}
}

static struct str held_text(const struct alike *a, struct held_text s)
{
	return (struct str){ a->text.data + s.at, s.n };
}

static struct held_text keep(struct alike *a, struct str s)
{
	struct held_text at = { a->text.len, s.n };

	buf_adds(&a->text, s);
	return at;
}

static bool is_like_first(const struct alike *a, const struct outcome *o)
{
	const struct held *first = &a->held[0];

	return first->http_status == o->http_status &&
	       str_eq(held_text(a, first->code), o->code) &&
	       same_words(held_text(a, first->reason), o->reason);
}

/* Gives one that waited its receipt. */
static void tell(struct push *p, const struct alike *a, const struct held *h,
		 enum verdict v)
{
	struct str code = held_text(a, h->code);
	struct str reason = held_text(a, h->reason);
	struct outcome o = { .status = v,
			     .http_status = h->http_status,
			     .code = code.n ? code : STR_NONE,
			     .reason = reason.n ? reason : STR_NONE };

	receipts_add(&p->receipts, h->line, held_text(a, h->id), h->attempts,
		     &o);
}

static void let_go(struct push *p, struct alike *a, enum verdict v)
{
	for (size_t i = 0; i < a->n; i++)
		tell(p, a, &a->held[i], v);
	/* Those that are refused later are compared with the first. */
	a->n = 0;
}

static void drop(struct alike *a)
{
	free(a->held);
	a->held = NULL;
	buf_release(&a->text);
}

static void settle(struct push *p, enum verdict v)
{
	let_go(p, &p->alike, v);
	p->alike.settled = true;
	drop(&p->alike);
}

static void hold(struct alike *a, const struct rec *r, const struct outcome *o)
{
	struct held *h;

	GROW(a->held, a->n, a->cap);
	h = &a->held[a->n++];
	*h = (struct held){ .line = r->line,
			    .attempts = r->attempts,
			    .http_status = o->http_status,
			    .made = r->op->unmade,
			    .id = keep(a, rec_str(r, r->id)),
			    .code = keep(a, o->code),
			    .reason = keep(a, o->reason) };
}

static void give_up(struct push *p)
{
	struct alike *a = &p->alike;
	struct str code = held_text(a, a->held[0].code);

	a->stopped = true;
	push_stop(p, EX_CONFIG,
		  "%s: the first %" PRIu64 " records were all refused alike "
		  "(HTTP %ld%s%.*s) and none was taken: check the settings, "
		  "the mapping and the contract rather than the records "
		  "(--max-alike=0 goes on)",
		  p->contract->name, p->cfg.max_alike, a->held[0].http_status,
		  code.n ? ", " : "", STR_ARG(code));
	let_go(p, a, FAILED);
}

/* It waits with the others, unless it is known already what becomes of them. */
static bool wait_with(struct push *p, struct alike *a, const struct rec *r,
		      struct outcome *o, void (*end)(struct push *p))
{
	if (a->stopped) {
		o->status = FAILED;
		return false;
	}
	hold(a, r, o);
	if (a->n == p->cfg.max_alike)
		end(p);
	return true;
}

bool alike_settle(struct push *p, const struct rec *r, struct outcome *o)
{
	struct alike *a = &p->alike;
	bool refused = o->status == REJECTED && o->http_status;

	if (a->settled || !p->cfg.max_alike || p->cfg.dry_run)
		return false;
	if (!refused) {
		if (o->status == DELIVERED && !a->stopped)
			settle(p, REJECTED);
		return false;
	}
	if (a->held && !is_like_first(a, o)) {
		if (!a->stopped)
			settle(p, REJECTED);
		return false;
	}
	return wait_with(p, a, r, o, give_up);
}

/* ---- what cannot be made here ---- */

static void give_up_making(struct push *p)
{
	struct alike *a = &p->unmade;

	a->stopped = true;
	push_stop(p, EX_CONFIG,
		  "%s: line %" PRIu64 ": %.*s; of no record could it be made, "
		  "so it may be the contract",
		  p->contract->name, a->held[0].line,
		  STR_ARG(held_text(a, a->held[0].reason)));
	let_go(p, a, FAILED);
}

bool unmade_settle(struct push *p, const struct rec *r, struct outcome *o)
{
	if (o->status != REJECTED || o->http_status || !r->op->unmade ||
	    *r->op->unmade || !p->cfg.max_alike ||
	    !(str_is(o->code, "jq") || str_is(o->code, "body")))
		return false;
	return wait_with(p, &p->unmade, r, o, give_up_making);
}

void unmade_made(struct push *p)
{
	struct alike *a = &p->unmade;
	size_t n = 0;

	for (size_t i = 0; i < a->n; i++) {
		if (*a->held[i].made)
			tell(p, a, &a->held[i], REJECTED);
		else
			a->held[n++] = a->held[i];
	}
	a->n = n;
}

/* ---- the end ---- */

void alike_end(struct push *p)
{
	if (!p->alike.settled)
		settle(p, REJECTED);
	if (p->unmade.n)
		give_up_making(p);
	drop(&p->unmade);
}
