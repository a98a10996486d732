/* SPDX-License-Identifier: MIT */
/*
 * What an answer means as a whole: the contract's rules, then what is built in.
 */
#include "bin/retl-push/answer.h"

static bool status_matches(struct str want, long status)
{
	struct json_iter it;
	struct str v;
	char digits[24];
	bool yes = false;

	if (json_type(want) == JSON_ARRAY) {
		json_iter_init(&it, want);
		while (!yes && json_iter_element(&it, &v))
			yes = status_matches(v, status);
		return yes;
	}
	snprintf(digits, sizeof digits, "%ld", status);
	return str_is(want, digits);
}

static bool code_matches(struct answer *w, struct str want)
{
	struct json_iter it;
	struct str v;
	struct buf text = BUF_INIT;
	bool yes = false;

	answer_explain(w);
	if (!w->code.len)
		return false;
	if (json_type(want) != JSON_ARRAY) {
		answer_scalar(&text, want);
		yes = str_eq(buf_str(&text), buf_str(&w->code));
		buf_release(&text);
		return yes;
	}
	json_iter_init(&it, want);
	while (!yes && json_iter_element(&it, &v))
		yes = code_matches(w, v);
	return yes;
}

/*
 * An error is no match. But where the program could not come to an end with
 * this answer, nobody knows what it would have said.
 */
static bool when_matches(struct answer *w, const struct program *when)
{
	struct buf out = BUF_INIT;
	const char *code = "";
	int got = program_value((struct program *)when, answer_value(w),
				answer_scope(w, when), &out, &code, &w->p->err);
	bool yes = got == 1 && strcmp(out.data, "false") != 0 &&
		   strcmp(out.data, "null") != 0;

	if (got < 0 && strcmp(code, "jq") != 0) {
		w->undecided = true;
		buf_reset(&w->doubt);
		buf_adds(&w->doubt, buf_str(&w->p->err));
	}
	buf_release(&out);
	return yes;
}

/* Of an answer that cannot be read, nobody knows what else it would match. */
static void doubt_rules(struct answer *w)
{
	if (!w->unreadable || !w->body.n || w->undecided)
		return;
	w->undecided = true;
	buf_addf(&w->doubt, "a rule looks into it%s%s", w->flaw ? ": " : "",
		 w->flaw ? w->flaw : "");
}

static bool matches(struct answer *w, const struct rule *r)
{
	if (r->sqlstate.s)
		return false;
	if (r->status.s && !status_matches(r->status, w->a->status))
		return false;
	if ((!r->code.s || code_matches(w, r->code)) &&
	    (!r->when.prog || when_matches(w, &r->when)))
		return true;
	doubt_rules(w);
	return false;
}

static const struct rule *match(struct answer *w, const struct rules *rules)
{
	for (size_t i = 0; i < rules->n; i++)
		if (matches(w, &rules->v[i]))
			return &rules->v[i];
	return NULL;
}

const struct rule *answer_rule(struct answer *w)
{
	const struct rule *r = match(w, &w->s->rules);

	if (!r)
		r = match(w, &w->f->op->rules);
	if (!r)
		r = match(w, &w->p->d.rules);
	return r;
}

enum verdict answer_built_in(const struct answer *w)
{
	long status = w->a->status;

	if (status >= 200 && status < 300)
		return GO_ON;
	switch (status) {
	case 408:
	case 425:
	case 429:
		return RETRY;
	case 401:
		return REFRESH;
	case 400:
	case 409:
	case 413:
	case 414:
	case 422:
	case 431:
		return SPLIT;
	case 404:
	case 410:
		/* Of one record, which is not halved. */
		return w->s->names_record && w->s->alone ? SPLIT : STOP;
	default:
		break;
	}
	if (status >= 500 && status < 600)
		return w->s->resend == RESEND_NEVER ? UNKNOWN : RETRY;
	return STOP;
}
