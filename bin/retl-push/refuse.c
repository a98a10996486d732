/* SPDX-License-Identifier: MIT */
/*
 * A request that cannot be made, as a value that its URL or a header names is
 * not there, or cannot stand where it should. Whose fault that is: the
 * record's, if the value is the record's; nobody's who is in the batch, if an
 * answer was to bring it.
 */
#include "bin/retl-push/push.h"

static bool saves(const struct step *s, struct str name)
{
	for (size_t i = 0; i < s->n_save; i++) {
		struct str is = s->save[i].name;

		if (str_eq((struct str){ is.s + 1, is.n - 2 }, name))
			return true;
	}
	return false;
}

/* The step before n that was the last to save this; NULL: none was. */
static const struct step *saver(const struct operation *op, size_t n,
				struct str name)
{
	while (n-- > 0)
		if (saves(&op->steps[n], name))
			return &op->steps[n];
	return NULL;
}

/* Is it of $saved that the step makes this variable? */
static bool is_of_answers(const struct step *s, struct str name)
{
	for (size_t i = 0; i < s->n_vars; i++) {
		struct str is = s->vars[i].name;

		if (str_eq((struct str){ is.s + 1, is.n - 2 }, name))
			return s->vars[i].prog.uses[VAR_SAVED];
	}
	return false;
}

static void put_saver(struct flow *f, const struct step *s, struct str name,
		      struct buf *out)
{
	struct str v;

	buf_addf(out, "saved.%.*s, which step ", STR_ARG(name));
	if (s->name)
		buf_addf(out, "'%s'", s->name);
	else
		buf_addf(out, "%td", s - f->op->steps + 1);
	buf_addz(out, " takes from its answer");
	if (json_find(saved_of(f, flow_alone(f)), name, &v) != 1)
		buf_addz(out, ", but it was not run");
}

/* Was an earlier answer of this very flow to bring it? Then it is named. */
static bool was_awaited(struct flow *f, struct tmpl_field field,
			struct buf *why)
{
	const struct step *s = &f->op->steps[f->step], *from;

	switch (field.kind) {
	case TMPL_SAVED:
		from = saver(f->op, f->step, field.name);
		if (!from)
			return false;
		put_saver(f, from, field.name, why);
		return true;
	case TMPL_VARS:
		if (!is_of_answers(s, field.name))
			return false;
		buf_addf(why, "vars.%.*s, made of what earlier answers had",
			 STR_ARG(field.name));
		return true;
	case TMPL_TEXT:
		/* An address out of an answer, and where it leads. */
		return flow_alone(f) && s->url.plus;
	default:
		return false;
	}
}

static bool is_of_record(enum tmpl_kind kind)
{
	return kind != TMPL_SAVED && kind != TMPL_AUTH && kind != TMPL_RUN;
}

/* No request has been made, so no status is to be told. */
static void decide(struct flow *f, enum verdict v, struct buf *why)
{
	for (size_t i = 0; i < f->n; i++)
		if (f->recs[i]->carried)
			f->recs[i]->http_status = 0;
	flow_decide_all(f, v, STR("address"), buf_str(why));
}

enum built request_refuse(struct flow *f, struct tmpl_field field)
{
	struct push *p = f->push;
	struct buf why = BUF_INIT;
	enum verdict v = NO_VERDICT;

	if (p->stopped)
		return BUILD_FAILED;
	/* Nothing to clean up; or what it was about may be done. */
	if (was_awaited(f, field, &why) || f->op->role == TO_CLEAN_UP ||
	    f->acted_before || f->page.len)
		v = GIVEN_UP;
	else if (field.kind == TMPL_GROUP ||
		 (flow_alone(f) && is_of_record(field.kind)))
		v = REJECTED; /* a group is what they have in common */
	if (!why.len)
		buf_addf(&why, "%s%.*s%s",
			 field.kind == TMPL_SAVED ? "saved." : "",
			 STR_ARG(field.name),
			 field.kind == TMPL_SAVED
			     ? ", which prepare takes from an answer"
			     : "");
	buf_addf(&why, ": %s", p->err.data);
	if (v)
		decide(f, v, &why);
	else
		push_stop(p, EX_UNAVAILABLE, "%s: %s", p->contract->name,
			  why.data);
	buf_release(&why);
	return v ? BUILD_AGAIN : BUILD_FAILED;
}
