/* SPDX-License-Identifier: MIT */
#include "bin/retl-push/load.h"
#include "bin/retl-push/table.h"

#include "common/mem.h"
#include "common/msg.h"

#define DEFAULT_CONCURRENCY 4
#define DEFAULT_ATTEMPTS 6
#define DEFAULT_FIRST_S 1
#define DEFAULT_MOST_S 300

static const char *const verdicts[] = {
	[NO_VERDICT] = "",     [DELIVERED] = "delivered",
	[SKIPPED] = "skipped", [REJECTED] = "rejected",
	[FAILED] = "failed",   [UNKNOWN] = "unknown",
	[RETRY] = "retry",     [AGAIN] = "again",
	[SPLIT] = "split",     [STOP] = "stop",
	[GO_ON] = "ok",        [REFRESH] = "refresh",
	[LATER] = "later",     [EXISTS] = "exists",
};

enum verdict verdict_parse(struct str word)
{
	for (size_t i = DELIVERED; i < ARRAY_LEN(verdicts); i++)
		if (str_is(word, verdicts[i]))
			return (enum verdict)i;
	return NO_VERDICT;
}

const char *verdict_name(enum verdict v)
{
	return verdicts[v];
}

/* ---- operations ---- */

static void operation_release(struct operation *op)
{
	for (size_t i = 0; i < op->n_steps; i++)
		step_release(&op->steps[i]);
	free(op->steps);
	rules_release(&op->rules);
	program_release(&op->by);
	program_release(&op->match);
	if (op->cleanup)
		operation_release(op->cleanup);
	if (op->table)
		buf_release(&op->table->name);
	free(op->table);
	free(op);
}

/* A batch that may be no second old would wait for nobody. */
static int load_age(struct loader *l, struct str b, struct operation *op)
{
	if (load_ms(l, b, "seconds", &op->max_age_ms) < 0)
		return -1;
	if (!op->max_age_ms && json_get(b, "seconds").s)
		return load_wrong(l, "seconds", "more than 0 is needed");
	return 0;
}

static int load_batch(struct loader *l, struct str v, struct operation *op)
{
	static const char *const members[] = { "records",    "bytes",
					       "item_bytes", "by",
					       "seconds",    NULL };
	struct str b = json_get(v, "batch"), by;
	size_t mark;
	int ret;

	op->one = !b.s;
	op->swell = 1;
	op->max_records = b.s ? 1000 : 1;
	if (!b.s)
		return 0;
	if (json_type(b) != JSON_OBJECT)
		return load_wrong(l, "batch", "not an object");
	mark = load_enter(l, STR("batch"));
	by = json_get(b, "by");
	ret = load_members(l, b, members);
	op->by_keys = by.s && json_text_is(by, "keys");
	if (ret < 0 || load_some(l, b, "records", &op->max_records) < 0 ||
	    load_some(l, b, "bytes", &op->max_bytes) < 0 ||
	    load_some(l, b, "item_bytes", &op->max_item_bytes) < 0 ||
	    load_age(l, b, op) < 0 ||
	    (!op->by_keys &&
	     load_program(l, b, "by", PLACE_RECORD, &op->by) < 0))
		return -1;
	load_leave(l, mark);
	return 0;
}

/* A list of steps without records: it prepares, or cleans up. */
static struct operation *load_side(struct loader *l, struct str steps,
				   const char *member, enum role role)
{
	struct operation *op = xcalloc(1, sizeof *op);
	size_t mark = load_enter(l, str_of(member));
	int ret;

	op->name = str_of(member);
	op->role = role;
	op->max_records = 1;
	ret = load_step_list(l, steps, op);
	op->counts = l->counts;
	if (ret < 0) {
		operation_release(op);
		return NULL;
	}
	load_leave(l, mark);
	return op;
}

static const struct step *sizing_step(const struct operation *op)
{
	for (size_t i = 0; i < op->n_steps && !op->one; i++)
		if (op->steps[i].item.prog && !op->steps[i].each)
			return &op->steps[i];
	return NULL;
}

static int load_whole(struct loader *l, struct str v, struct operation *op)
{
	op->whole = json_is_true(v, "whole");
	for (size_t i = 0; op->whole && i < l->d->n_ops; i++)
		if (l->d->ops[i] != op && l->d->ops[i]->whole)
			return load_wrong(l, "whole",
					  "another operation is whole too");
	return 0;
}

static int load_operation(struct loader *l, struct str v, struct operation *op)
{
	static const char *const members[] = {
		"batch", "match",   "requires", "changed_only", "rules",
		"name",  "each",    "when",     "vars",         "request",
		"poll",  "next",    "pause",    "response",     "save",
		"cost",  "results", "resend",   "commits",      "steps",
		"whole", "cleanup", "table",    "rows",         NULL,
	};
	struct str cleanup = json_get(v, "cleanup");

	if (load_members(l, v, members) < 0 || load_batch(l, v, op) < 0 ||
	    load_program(l, v, "match", PLACE_RECORD, &op->match) < 0 ||
	    load_whole(l, v, op) < 0)
		return -1;
	op->always = json_get(v, "changed_only");
	/* Those of a single exchange are its own: it looks there first. */
	if ((json_get(v, "steps").s || json_get(v, "table").s) &&
	    load_rules(l, v, &op->rules) < 0)
		return -1;
	if (json_get(v, "table").s ? table_load(l, v, op) < 0
				   : load_steps(l, v, op) < 0)
		return -1;
	for (size_t i = 0; i < op->n_steps; i++) {
		op->never |= op->steps[i].resend == RESEND_NEVER;
		op->marks |= op->steps[i].marks;
	}
	op->counts = l->counts;
	op->sizing = sizing_step(op);
	if (!cleanup.s)
		return 0;
	if (op->whole)
		return load_wrong(l, "cleanup", "not with \"whole\"");
	op->cleanup = load_side(l, cleanup, "cleanup", TO_CLEAN_UP);
	return op->cleanup ? 0 : -1;
}

static int load_prepare(struct loader *l)
{
	struct str v = json_get(l->d->contract->root, "prepare");
	bool counts = l->counts;

	if (!v.s)
		return 0;
	l->d->prepare = load_side(l, v, "prepare", TO_PREPARE);
	l->counts = counts;
	return l->d->prepare ? 0 : -1;
}

static struct operation *find_operation(struct delivery *d, struct str name)
{
	for (size_t i = 0; i < d->n_ops; i++)
		if (str_eq(d->ops[i]->name, name))
			return d->ops[i];
	return NULL;
}

static int load_operations(struct loader *l)
{
	struct delivery *d = l->d;
	bool counts = l->counts; /* whatever the operation is */

	for (int kind = DIFF_ADDED; kind <= DIFF_REMOVED; kind++) {
		struct str name = STR_NONE;
		struct str v = contract_operation(
		    d->contract, (enum diff_result)kind, &name);
		struct operation *op;
		size_t mark;

		if (!v.s)
			continue;
		op = find_operation(d, name);
		if (!op) {
			op = xcalloc(1, sizeof *op);
			op->name = name;
			d->ops = xreallocarray(d->ops, d->n_ops + 1,
					       sizeof(struct operation *));
			d->ops[d->n_ops++] = op;
			mark = load_enter(l, STR("operations"));
			load_enter(l, name);
			l->counts = counts;
			if (load_operation(l, v, op) < 0)
				return -1;
			load_leave(l, mark);
		}
		d->of[kind] = op;
	}
	return 0;
}

/* ---- the rest of the contract ---- */

static void limit_release(struct limit *l)
{
	rate_release(&l->rate);
	program_release(&l->by_program);
	tmpl_release(&l->by_tmpl);
}

/* "{group}" is a template, ".channel" a program. */
static int load_by(struct loader *l, struct str v, struct limit *limit)
{
	bool tmpl = limit->by.s && json_type(limit->by) == JSON_STRING &&
		    limit->by.n > 1 && limit->by.s[1] == '{';

	limit->by_tmpl = TMPL_INIT;
	if (tmpl)
		return load_template(l, limit->by, "by", TMPL_HEADER,
				     &limit->by_tmpl);
	return load_program(l, v, "by", PLACE_RECORD, &limit->by_program);
}

/*
 * Is the last limit there already? Settings may make two alike: it holds once,
 * as both would wait for the same file.
 */
static bool is_known_limit(const struct delivery *d)
{
	const struct limit *last = &d->limits[d->n_limits - 1];

	for (const struct limit *x = d->limits; x < last; x++)
		if (x->rate.most == last->rate.most &&
		    x->rate.window_ms == last->rate.window_ms &&
		    str_eq(x->by, last->by))
			return true;
	return false;
}

static int load_limits(struct loader *l)
{
	static const char *const members[] = { "requests", "seconds", "by",
					       NULL };
	struct str all = json_get(l->d->contract->root, "limits"), v;
	struct json_iter it;

	if (!all.s)
		return 0;
	if (json_type(all) != JSON_ARRAY)
		return load_wrong(l, "limits", "not a list");
	l->d->limits = xcalloc(MAX(json_count(all), 1), sizeof *l->d->limits);
	json_iter_init(&it, all);
	while (json_iter_element(&it, &v)) {
		size_t mark = load_enter(l, STR("limits"));
		uint64_t requests = 0;
		struct limit *limit;
		int64_t ms = 0;

		if (load_members(l, v, members) < 0 ||
		    load_count(l, v, "requests", &requests) < 0 ||
		    load_ms(l, v, "seconds", &ms) < 0)
			return -1;
		if (!requests || ms <= 0)
			return load_wrong(l, requests ? "seconds" : "requests",
					  "more than 0 is needed");
		limit = &l->d->limits[l->d->n_limits++];
		limit->seconds = (ms + 999) / 1000;
		limit->by = json_get(v, "by");
		rate_init(&limit->rate, requests, ms, limit->by.s != NULL);
		if (load_by(l, v, limit) < 0)
			return -1;
		if (is_known_limit(l->d))
			limit_release(&l->d->limits[--l->d->n_limits]);
		load_leave(l, mark);
	}
	return 0;
}

static int load_retry(struct loader *l, struct str v)
{
	struct delivery *d = l->d;
	size_t mark = load_enter(l, STR("retry"));

	if (load_some(l, v, "attempts", &d->retry.attempts) < 0 ||
	    load_ms(l, v, "first", &d->retry.first_ms) < 0 ||
	    load_ms(l, v, "most", &d->retry.most_ms) < 0 ||
	    load_some(l, v, "total", &d->max_retries) < 0)
		return -1;
	load_leave(l, mark);
	return 0;
}

static int load_pace(struct loader *l)
{
	struct delivery *d = l->d;
	struct str root = d->contract->root, retry = json_get(root, "retry");

	d->concurrency = DEFAULT_CONCURRENCY;
	d->retry =
	    (struct retry_plan){ DEFAULT_ATTEMPTS, DEFAULT_FIRST_S * 1000,
				 DEFAULT_MOST_S * 1000 };
	if (load_some(l, root, "concurrency", &d->concurrency) < 0)
		return -1;
	if (d->concurrency > MAX_CONCURRENCY)
		return load_wrong(l, "concurrency", "256 at most");
	if (retry.s && load_retry(l, retry) < 0)
		return -1;
	if (auth_tokens(d->auth))
		oauth_set_retry(auth_tokens(d->auth), &d->retry);
	return load_limits(l);
}

static int load_answers(struct loader *l)
{
	static const char *const members[] = { "code", "reason", "wait", NULL };
	struct str v = json_get(l->d->contract->root, "answers");
	size_t mark;
	int ret;

	if (!v.s)
		return 0;
	mark = load_enter(l, STR("answers"));
	ret = load_members(l, v, members);
	if (!ret)
		ret = load_program(l, v, "code", PLACE_ANSWER, &l->d->code);
	if (!ret)
		ret = load_program(l, v, "reason", PLACE_ANSWER, &l->d->reason);
	if (!ret)
		ret = load_program(l, v, "wait", PLACE_ANSWER, &l->d->wait);
	load_leave(l, mark);
	return ret;
}

/* Members of a contract that would change what is sent, were they ignored. */
static int refuse_unknown(struct loader *l)
{
	static const char *const members[] = {
		"$schema",     "name",     "title",   "documentation",
		"notes",       "extends",  "api",     "settings",
		"base_url",    "auth",     "headers", "record",
		"key",         "identity", "clear",   "changes",
		"operations",  "answers",  "rules",   "limits",
		"concurrency", "retry",    "account", "derived",
		"prepare",     NULL,
	};

	return load_members(l, l->d->contract->root, members);
}

int delivery_load(struct delivery *d, struct contract *c, bool show,
		  struct buf *err)
{
	struct loader l = { .d = d, .where = BUF_INIT, .err = err };
	struct str root = c->root;
	int ret = -1;

	*d = (struct delivery){ .contract = c,
				.show = show,
				.status = EX_CONFIG,
				.auth_id = TMPL_INIT };
	if (refuse_unknown(&l) < 0 || load_auth(&l) < 0 ||
	    load_headers(&l, json_get(root, "headers"), &d->headers,
			 &d->n_headers) < 0 ||
	    load_rules(&l, root, &d->rules) < 0 || load_answers(&l) < 0 ||
	    load_pace(&l) < 0 ||
	    load_url_template(&l, STR("/"), &l.d->base_url) < 0 ||
	    load_prepare(&l) < 0 || load_operations(&l) < 0)
		goto out;
	ret = 0;
out:
	buf_release(&l.where);
	return ret;
}

/* ---- the end ---- */

void delivery_release(struct delivery *d)
{
	for (size_t i = 0; i < d->n_ops; i++)
		operation_release(d->ops[i]);
	free(d->ops);
	if (d->prepare)
		operation_release(d->prepare);
	tmpl_release(&d->base_url);
	headers_release(d->headers, d->n_headers);
	auth_free(d->auth);
	named_release(d->auth_save, d->n_auth_save);
	tmpl_release(&d->auth_id);
	rules_release(&d->rules);
	program_release(&d->code);
	program_release(&d->reason);
	program_release(&d->wait);
	for (size_t i = 0; i < d->n_limits; i++)
		limit_release(&d->limits[i]);
	free(d->limits);
}
