/* SPDX-License-Identifier: MIT */
/*
 * One answer, while it is looked at: what response.c and the files answer_*.c
 * share.
 */
#ifndef RETL_PUSH_ANSWER_H
#define RETL_PUSH_ANSWER_H

#include "bin/retl-push/push.h"
#include "bin/retl-push/rows.h"

/* A reason is for people and receipts: so much of the vendor's words. */
#define MAX_REASON 500
#define MAX_CODE 100

struct answer {
	struct flow *f;
	struct push *p;
	const struct step *s;
	const struct http_answer *a;
	struct str body;
	struct buf unpacked;
	struct buf value; /* JSON; of rows only made if a program asks */
	bool has_value;
	bool unreadable;  /* not what its kind promises */
	const char *flaw; /* in what way; NULL: nothing to say */
	bool lost;        /* not whole: asked again, it may be */
	bool final;       /* asked again, it would be no better */
	bool undecided;   /* a rule could not be applied: doubt says why */
	struct buf doubt;
	bool sealed; /* packed rows say themselves where they end */
	bool rows_read;
	uint64_t n_rows;
	struct buf response, batch;
	struct scope scope;
	struct buf code, reason;
	bool explained;
	int64_t wait_ms; /* -1: no hint */
	bool throttled;
	bool nameless; /* it names records that a replay does not know */
	bool failed;   /* nothing of it went well, for a reason that passes */
};

static inline struct str text_or_none(const struct buf *b)
{
	return b->len ? buf_str(b) : STR_NONE;
}

/* ---- answer_value.c ---- */

/* Unpacks the body, and makes a value of it unless it is of rows. */
void answer_read(struct answer *w);
/* JSON; borrowed. */
struct str answer_value(struct answer *w);
/* What pr sees beside the value. */
const struct scope *answer_scope(struct answer *w, const struct program *pr);
/* Runs pr on the value for its first output; as program_value. */
int answer_first(struct answer *w, const struct program *pr, struct buf *out);
/* A scalar as text; -1 for anything else. null is none. */
int answer_scalar(struct buf *out, struct str v);
/* Without secrets, and cut to max bytes, not in the middle of a character. */
void answer_cut(struct buf *b, size_t max);
/* Fills in w->code and w->reason, by the contract's answers; once. */
void answer_explain(struct answer *w);
/* How long it asks to wait, ms; -1: it does not. */
int64_t answer_hint(struct answer *w);

/* ---- answer_rows.c ---- */

bool answer_is_rows(const struct answer *w);
/* Does only the end of the connection say that the body is whole? */
bool answer_has_open_end(const struct answer *w);
/* Hands every row to take; -1: they cannot be read, or take said so. */
int answer_each_row(struct answer *w, rows_take *take, void *arg);
/* Makes the value of the list of all rows. */
void answer_list(struct answer *w);
/* -1: it is not known to be whole. */
int answer_check_rows(struct answer *w);

/* ---- answer_rules.c ---- */

/* The first rule that matches, of the step, the operation, the contract. */
const struct rule *answer_rule(struct answer *w);
/* What is meant where no rule says so. */
enum verdict answer_built_in(const struct answer *w);

/* ---- answer_outcomes.c ---- */

/* Takes what results say of the records; -1: the answer cannot be read. */
int answer_results(struct answer *w, const struct program *results);
/* After the last page: those of whom nothing was said by name. */
void answer_settle_rest(struct answer *w);
/* One verdict for all that the request carries. */
void answer_decide_all(struct answer *w, enum verdict v, struct str code,
		       struct str reason);

/* ---- answer_more.c ---- */

/* Saves what the step wants of it; -1: it cannot be read. */
int answer_save(struct answer *w);
/* 1: it is done; 0: it will be asked again, or it is too late; -1. */
int answer_poll(struct answer *w);
/* 1: there is a next page, and it will be asked for; 0; -1. */
int answer_page(struct answer *w);
/*
 * A page further on failed for now. What the pages before it said stays; the
 * page alone is asked for again. False: this was the first page, or too often.
 */
bool answer_repeat_page(struct answer *w);

#endif
