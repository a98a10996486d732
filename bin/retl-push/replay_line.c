/* SPDX-License-Identifier: MIT */
#include "bin/retl-push/replay_line.h"

/* ---- reading a line ---- */

static int read_members(struct str line, struct replay_line *l, struct buf *err)
{
	const struct {
		const char *name;
		struct str *to; /* NULL: said for people */
	} known[] = {
		{ "to", &l->to },       { "method", &l->method },
		{ "url", &l->url },     { "headers", &l->headers },
		{ "body", &l->body },   { "diff_ids", &l->ids },
		{ "lines", &l->lines }, { "diff_results", &l->results },
		{ "step", NULL },       { "needs", NULL },
		{ "when", NULL },       { "repeats", NULL },
		{ "sql", NULL },
	};
	struct json_iter it;
	struct json_member m;

	json_iter_init(&it, line);
	while (json_iter_member(&it, &m)) {
		size_t i = 0;

		while (i < ARRAY_LEN(known) &&
		       !json_key_is(&m, str_of(known[i].name)))
			i++;
		if (i == ARRAY_LEN(known))
			return fail(err, "a member that no dry run writes");
		if (known[i].to && known[i].to->s)
			return fail(err, "%s is there twice", known[i].name);
		if (known[i].to)
			*known[i].to = m.val;
	}
	return 0;
}

static bool is_list(struct str v)
{
	return v.s && json_type(v) == JSON_ARRAY;
}

static int check_lists(struct replay_line *l, struct buf *err)
{
	struct json_iter it;
	struct str v;
	uint64_t line;

	if (!is_list(l->ids) || !is_list(l->lines) || !is_list(l->results))
		return fail(err, "diff_ids, lines and diff_results are lists "
				 "of a dry run");
	l->n = json_count(l->lines);
	if (!l->n)
		return fail(err, "a request without records: flows of several "
				 "steps are shown, not replayed");
	if (json_count(l->results) != l->n ||
	    (json_count(l->ids) && json_count(l->ids) != l->n))
		return fail(err, "diff_ids, lines and diff_results do not "
				 "speak of the same records");
	json_iter_init(&it, l->lines);
	while (json_iter_element(&it, &v))
		if (json_type(v) != JSON_NUMBER || str_to_u64(v, &line) < 0)
			return fail(err, "lines: not a number of a line");
	json_iter_init(&it, l->ids);
	while (json_iter_element(&it, &v))
		if (json_type(v) != JSON_STRING)
			return fail(err, "diff_ids: not a text");
	return 0;
}

enum diff_result replay_kind(struct str v)
{
	for (int k = DIFF_ADDED; k <= DIFF_REMOVED; k++)
		if (json_text_is(v, diff_result_name((enum diff_result)k)))
			return (enum diff_result)k;
	return DIFF_NONE;
}

/* A removal is only sent for the run that somebody has named. */
static int check_removals(struct push *p, const struct replay_line *l,
			  struct buf *err)
{
	struct buf scratch = BUF_INIT;
	struct json_iter it;
	struct str v;
	int ret = 0;

	if (!p->cfg.replay_run)
		return fail(err, "removes records: name the run of its "
				 "diff_ids with --replay-run");
	if (!json_count(l->ids))
		return fail(err, "removes records, and has no diff_ids that "
				 "would say for which run");
	json_iter_init(&it, l->ids);
	while (!ret && json_iter_element(&it, &v)) {
		struct str id = json_text(v, &scratch);
		const char *colon = memrchr(id.s, ':', id.n);
		struct str run = { id.s, colon ? (size_t)(colon - id.s) : 0 };

		if (!colon || !str_is(run, p->cfg.replay_run))
			ret = fail(err, "removes records of another run than "
					"that of --replay-run");
	}
	buf_release(&scratch);
	return ret;
}

static int find_operation(struct push *p, struct replay_line *l,
			  struct buf *err)
{
	struct json_iter it;
	struct str v;
	bool removes = false;

	json_iter_init(&it, l->results);
	while (json_iter_element(&it, &v)) {
		enum diff_result kind = replay_kind(v);

		if (!kind)
			return fail(err, "diff_results: not a kind of change");
		removes |= kind == DIFF_REMOVED;
		if (!p->d.of[kind] || (l->op && p->d.of[kind] != l->op))
			return fail(err, "the contract leads its changes "
					 "elsewhere now");
		l->op = p->d.of[kind];
		l->shown = p->shown_d->of[kind];
	}
	return removes ? check_removals(p, l, err) : 0;
}

/* ---- what can be replayed ---- */

static bool asks(const struct program *pr)
{
	return pr->prog && (pr->uses[VAR_BATCH] || pr->uses[VAR_RECORD] ||
			    pr->uses[VAR_VARS]);
}

static bool rules_ask(const struct rules *r)
{
	for (size_t i = 0; i < r->n; i++)
		if (asks(&r->v[i].when) || asks(&r->v[i].results))
			return true;
	return false;
}

/* Does the contract look into records when an answer has come? */
static bool looks_back(const struct delivery *d, const struct operation *op)
{
	const struct step *s = &op->steps[0];

	return asks(&s->results) || asks(&s->rows) || asks(&s->poll.until) ||
	       rules_ask(&s->rules) || rules_ask(&op->rules) ||
	       rules_ask(&d->rules) || asks(&d->code) || asks(&d->reason) ||
	       asks(&d->wait);
}

static bool counts_by_value(const struct delivery *d)
{
	for (size_t i = 0; i < d->n_limits; i++)
		if (d->limits[i].by_program.prog ||
		    !tmpl_is_constant(&d->limits[i].by_tmpl))
			return true;
	return false;
}

static int check_operation(struct push *p, const struct replay_line *l,
			   struct buf *err)
{
	const struct operation *op = l->op;
	const struct step *s = &op->steps[0];

	if (op->table)
		return fail(err, "statements of a database are shown, not "
				 "replayed");
	if (p->uploads)
		return fail(err, "files are shown, not replayed");
	if (op->n_steps != 1 || p->d.prepare || op->cleanup || s->n_save)
		return fail(err, "flows of several steps are shown, not "
				 "replayed");
	if (op->whole || s->next.prog)
		return fail(err, "%s is shown, not replayed",
			    op->whole ? "what replaces everything"
				      : "an answer of several pages");
	if (looks_back(&p->d, op))
		return fail(err, "the contract compares answers with records, "
				 "which are not there: shown, not replayed");
	if (counts_by_value(&p->d))
		return fail(err, "the contract's limits count by a value of "
				 "the record: shown, not replayed");
	if (s->alone && l->n != 1)
		return fail(err, "several records, where one goes alone");
	return 0;
}

/* ---- a line as a whole ---- */

int replay_line_read(struct push *p, struct str line, struct replay_line *l,
		     struct buf *err)
{
	*l = (struct replay_line){ .to = STR_NONE };
	if (read_members(line, l, err) < 0)
		return -1;
	if (!l->to.s || !json_text_is(l->to, p->contract->to))
		return fail(err,
			    "goes to something else than %s: another "
			    "contract, address or account",
			    p->contract->to);
	if (check_lists(l, err) < 0 || find_operation(p, l, err) < 0 ||
	    check_operation(p, l, err) < 0)
		return -1;
	if (!l->method.s || !json_text_is(l->method, l->op->steps[0].method))
		return fail(err, "method: the contract has %s",
			    l->op->steps[0].method);
	return 0;
}
