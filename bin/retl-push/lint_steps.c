/* SPDX-License-Identifier: MIT */
/*
 * What the members of a step or an operation say together: members without
 * which others mean nothing, and conditions that no answer can meet.
 */
#include "bin/retl-push/lint.h"

#include <strings.h>

/* ---- the request ---- */

static size_t enter(struct lint *l, const char *member)
{
	size_t mark = l->path.len;

	buf_addf(&l->path, "%s%s", mark ? "/" : "", member);
	return mark;
}

static void leave(struct lint *l, size_t mark)
{
	buf_truncate(&l->path, mark);
}

/* A type or gzip of a body that there is not. */
static void look_at_body(struct lint *l, struct str rq)
{
	static const char *const members[] = { "type", "gzip" };

	if (json_get(rq, "item").s || json_get(rq, "body").s)
		return;
	for (size_t i = 0; i < ARRAY_LEN(members); i++) {
		struct str v = json_get(rq, members[i]);
		size_t mark;

		if (!v.s || json_text_is(v, "none") || str_is(v, "false"))
			continue;
		mark = enter(l, members[i]);
		lint_fault(l, "there is no body: the request has neither "
			      "\"item\" nor \"body\"");
		leave(l, mark);
	}
}

static bool same_header(struct str a, struct str b)
{
	return a.n == b.n && strncasecmp(a.s, b.s, a.n) == 0;
}

void lint_headers(struct lint *l, struct str headers)
{
	struct json_iter it, other;
	struct json_member m, o;

	if (!headers.s || json_type(headers) != JSON_OBJECT)
		return;
	json_iter_init(&it, headers);
	while (json_iter_member(&it, &m)) {
		json_iter_init(&other, headers);
		while (json_iter_member(&other, &o) && o.key.s != m.key.s)
			if (same_header(o.key, m.key))
				lint_fault(l, "%.*s: is there twice",
					   STR_ARG(m.key));
	}
}

/* ---- rules ---- */

static void look_at_rule(struct lint *l, struct str rule, bool of_table,
			 bool is_last)
{
	bool state = json_get(rule, "sqlstate").s != NULL;
	bool code = json_get(rule, "code").s != NULL;
	bool other =
	    json_get(rule, "status").s || code || json_get(rule, "when").s;

	if (of_table ? other : state)
		lint_fault(l, of_table ? "of a table only \"sqlstate\" tells"
				       : "\"sqlstate\" is of tables alone");
	else if (!state && !other && !is_last)
		lint_fault(l, "has no condition: the rules behind it are never "
			      "asked");
	if (code && !json_get(json_get(l->root, "answers"), "code").s)
		lint_fault(l, "\"code\" never matches: answers has no "
			      "\"code\", the program that gives it");
}

void lint_rules(struct lint *l, struct str object, bool of_table)
{
	struct str rules = json_get(object, "rules"), rule;
	struct json_iter it;
	size_t i = 0, n;

	if (!rules.s || json_type(rules) != JSON_ARRAY)
		return;
	n = json_count(rules);
	json_iter_init(&it, rules);
	while (json_iter_element(&it, &rule)) {
		size_t mark = l->path.len;

		buf_addf(&l->path, "%srules/%zu", mark ? "/" : "", i++);
		look_at_rule(l, rule, of_table, i == n);
		leave(l, mark);
	}
}

/* ---- outcomes ---- */

/* Has the contract one member by whose value a record can be named? */
static bool has_single_key(const struct lint *l)
{
	struct str key = json_get(l->root, "key");

	return key.s && json_type(key) == JSON_ARRAY && json_count(key) == 1;
}

/* "{key: .id, status: ...}", as far as can be seen. */
static bool names_by_key(struct str program)
{
	const char *end = program.s + program.n, *p = program.s;

	if (memmem(program.s, program.n, "_entries", 8))
		return false;
	while ((p = memmem(p, (size_t)(end - p), "key:", 4))) {
		if (p > program.s && strchr("{ ,", p[-1]))
			return true;
		p += 4;
	}
	return false;
}

static void look_at_results(struct lint *l, struct str step)
{
	struct str results = json_get(step, "results");
	size_t mark;

	if (!results.s || has_single_key(l) ||
	    json_get(l->operation, "match").s || !names_by_key(results))
		return;
	mark = enter(l, "results");
	lint_fault(l,
		   "outcomes with \"key\" name nobody: the contract's key is "
		   "not a single member, so the operation needs a "
		   "\"match\"");
	leave(l, mark);
}

static void look_at_rows(struct lint *l, struct str step)
{
	struct str response = json_get(step, "response");
	size_t mark;

	if (!json_get(step, "rows").s ||
	    (response.s && (json_text_is(response, "csv") ||
			    json_text_is(response, "ndjson"))))
		return;
	mark = enter(l, "rows");
	lint_fault(l, "of a \"response\" that is csv or ndjson alone");
	leave(l, mark);
}

/* ---- all of it ---- */

void lint_step(struct lint *l, struct str step)
{
	struct str rq = json_get(step, "request");
	size_t mark;

	lint_rules(l, step, json_get(step, "table").s != NULL);
	look_at_rows(l, step);
	if (l->operation.s)
		look_at_results(l, step);
	if (!rq.s)
		return;
	mark = enter(l, "request");
	look_at_body(l, rq);
	leave(l, mark);
}

/* Members that must be of the record, if that is closed. */
static void look_at_members(struct lint *l, struct str operation,
			    const char *member)
{
	struct str record = json_get(l->root, "record"), names, name, v;
	struct str known = json_get(record, "properties");
	struct str more = json_get(record, "additionalProperties");
	struct json_iter it;
	size_t mark;

	names = json_get(operation, member);
	if (!names.s || !more.s || !str_is(more, "false") ||
	    json_get(record, "patternProperties").s)
		return;
	mark = enter(l, member);
	json_iter_init(&it, names);
	while (json_iter_element(&it, &name)) {
		struct str bare = { name.s + 1, name.n - 2 };

		if (str_starts(bare, "{"))
			continue;
		if (!known.s || json_find(known, bare, &v) != 1)
			lint_fault(l, "%.*s: not a member of the record",
				   STR_ARG(bare));
	}
	leave(l, mark);
}

/* To begin anew is to repeat what stands before. */
static void look_at_restarts(struct lint *l, struct str steps)
{
	struct json_iter it;
	struct str step, resend;
	bool never = false;
	size_t i = 0;

	if (!steps.s || json_type(steps) != JSON_ARRAY)
		return;
	json_iter_init(&it, steps);
	while (json_iter_element(&it, &step)) {
		size_t mark = l->path.len;

		resend = json_get(step, "resend");
		buf_addf(&l->path, "/steps/%zu/resend", i++);
		if (never && resend.s && json_text_is(resend, "restart"))
			lint_fault(l, "would repeat a step before it that says "
				      "\"never\"");
		never |= resend.s && json_text_is(resend, "never");
		leave(l, mark);
	}
}

void lint_operation(struct lint *l, struct str operation)
{
	look_at_restarts(l, json_get(operation, "steps"));
	look_at_members(l, operation, "requires");
	look_at_members(l, operation, "changed_only");
	if (json_get(operation, "steps").s)
		lint_rules(l, operation, false);
}
