/* SPDX-License-Identifier: MIT */
/*
 * Variables of templates and programs: is there such a one, and can it have a
 * value where it stands? One that cannot would refuse every record, or send
 * null in its place.
 */
#include "bin/retl-push/lint.h"
#include "bin/retl-push/template.h"

static bool has_member(struct str object, struct str name)
{
	struct str v;

	return object.s && json_type(object) == JSON_OBJECT &&
	       json_find(object, name, &v) == 1;
}

/* May a record have this member at all? */
static bool may_have(const struct lint *l, struct str name)
{
	struct str record = json_get(l->root, "record");
	struct str more = json_get(record, "additionalProperties");

	return !more.s || !str_is(more, "false") ||
	       json_get(record, "patternProperties").s ||
	       has_member(json_get(record, "properties"), name);
}

/* Is there a batch of which no record is the one that is meant? */
static bool is_batched(struct str operation)
{
	struct json_iter it;
	struct str steps, step;

	if (json_type(operation) != JSON_OBJECT ||
	    !json_get(operation, "batch").s)
		return false;
	steps = json_get(operation, "steps");
	if (!steps.s)
		return !json_get(operation, "each").s;
	json_iter_init(&it, steps);
	while (json_iter_element(&it, &step))
		if (!json_get(step, "each").s)
			return true;
	return false;
}

/* Of the contract's headers: the first operation that has no single record. */
static struct str batched_operation(const struct lint *l)
{
	struct json_iter it;
	struct json_member m;

	json_iter_init(&it, json_get(l->root, "operations"));
	while (json_iter_member(&it, &m))
		if (is_batched(m.val))
			return m.key;
	return STR_NONE;
}

static void about_one_record(struct lint *l, struct str name)
{
	struct str op;

	if (l->loose) {
		lint_fault(l, "{%.*s}: there are no records here",
			   STR_ARG(name));
	} else if (l->step.s) {
		if (!l->one && !l->each)
			lint_fault(l,
				   "{%.*s}: the request is about a batch, not "
				   "about one record: \"each\" goes record by "
				   "record",
				   STR_ARG(name));
	} else {
		op = batched_operation(l);
		if (op.s)
			lint_fault(l,
				   "{%.*s}: %.*s sends batches, which have no "
				   "such value",
				   STR_ARG(name), STR_ARG(op));
	}
}

static void record_variable(struct lint *l, struct str name)
{
	struct str member = { name.s + 7, name.n - 7 };

	about_one_record(l, name);
	if (!may_have(l, member))
		lint_fault(l, "{%.*s}: not a member of the record",
			   STR_ARG(name));
}

static void group_variable(struct lint *l, const char *written)
{
	if (l->loose || !l->operation.s ||
	    json_get(json_get(l->operation, "batch"), "by").s)
		return;
	lint_fault(l, "%s: the operation has no \"batch\" with \"by\"",
		   written);
}

void lint_variable(struct lint *l, struct str name)
{
	struct str save = json_get(json_get(l->root, "auth"), "save");
	struct str derived = json_get(l->root, "derived");

	if (str_is(name, "group")) {
		group_variable(l, "{group}");
	} else if (str_starts(name, "record.")) {
		record_variable(l, name);
	} else if (str_starts(name, "derived.")) {
		about_one_record(l, name);
		if (!has_member(derived,
				(struct str){ name.s + 8, name.n - 8 }))
			lint_fault(l,
				   "{%.*s}: there is no such name in derived",
				   STR_ARG(name));
	} else if (str_starts(name, "vars.")) {
		if (l->step.s &&
		    !has_member(json_get(l->step, "vars"),
				(struct str){ name.s + 5, name.n - 5 }))
			lint_fault(l,
				   "{%.*s}: the step has no such name in "
				   "vars",
				   STR_ARG(name));
	} else if (str_starts(name, "auth.")) {
		if (!has_member(save, (struct str){ name.s + 5, name.n - 5 }))
			lint_fault(l, "{%.*s}: auth.save has no such member",
				   STR_ARG(name));
	} else if (memchr(name.s, '.', name.n) && !str_starts(name, "saved.") &&
		   !tmpl_is_of_run(name)) {
		lint_fault(l, "{%.*s}: there is no such variable",
			   STR_ARG(name));
	}
}

/* What follows "$vars" as a name: ".x" or ["x"]; .n 0: nothing of the kind. */
static struct str name_behind(const char *p, const char *end)
{
	const char *at;

	if (p < end && *p == '.')
		p++;
	else if (end - p > 1 && p[0] == '[' && p[1] == '"')
		p += 2;
	else
		return STR("");
	for (at = p; at < end && (isalnum((uint8_t)*at) || *at == '_'); at++)
		;
	return (struct str){ p, (size_t)(at - p) };
}

static void look_for(struct lint *l, struct str text, const char *dollar,
		     struct str object, const char *form)
{
	const char *end = text.s + text.n, *p = text.s;
	size_t n = strlen(dollar);

	while ((p = memmem(p, (size_t)(end - p), dollar, n))) {
		struct str name = name_behind(p + n, end);

		p += n;
		if (name.n && !has_member(object, name))
			lint_fault(l, form, STR_ARG(name));
	}
}

void lint_program_names(struct lint *l, struct str text)
{
	const char *group = memmem(text.s, text.n, "$group", 6);

	look_for(l, text, "$derived", json_get(l->root, "derived"),
		 "$derived.%.*s: there is no such name in derived");
	if (!l->step.s)
		return;
	look_for(l, text, "$vars", json_get(l->step, "vars"),
		 "$vars.%.*s: the step has no such name in vars");
	if (group && (group + 6 == text.s + text.n ||
		      !(isalnum((uint8_t)group[6]) || group[6] == '_')))
		group_variable(l, "$group");
}

void lint_members_read(struct lint *l, const struct prog_shape *s)
{
	if (!s->known)
		return;
	for (size_t i = 0; i < s->n; i++) {
		const struct prog_member *m = &s->m[i];

		for (size_t k = 0; m->n_reads != SIZE_MAX && k < m->n_reads;
		     k++)
			if (!may_have(l, m->reads[k]))
				lint_fault(l,
					   "%.*s: looks for %.*s, which is not "
					   "a member of the record",
					   STR_ARG(m->name),
					   STR_ARG(m->reads[k]));
	}
}

void lint_required(struct lint *l)
{
	struct str list = json_get(json_get(l->root, "record"), "required");
	struct buf scratch = BUF_INIT;
	struct json_iter it;
	struct str e;

	if (!list.s || json_type(list) != JSON_ARRAY)
		return;
	buf_addz(&l->path, "record/required");
	json_iter_init(&it, list);
	while (json_iter_element(&it, &e)) {
		if (json_type(e) != JSON_STRING)
			continue;
		e = json_text(e, &scratch);
		if (!may_have(l, e))
			lint_fault(l, "%.*s: not a member of the record",
				   STR_ARG(e));
	}
	buf_reset(&l->path);
	buf_release(&scratch);
}

void lint_limit_by(struct lint *l, struct str by)
{
	struct buf scratch = BUF_INIT;
	struct str rest = json_text(by, &scratch);
	const char *open, *close;

	while ((open = memchr(rest.s, '{', rest.n)) &&
	       (close = memchr(open, '}', rest.n - (size_t)(open - rest.s)))) {
		struct str name = { open + 1, (size_t)(close - open) - 1 };

		rest.n -= (size_t)(close + 1 - rest.s);
		rest.s = close + 1;
		if (!str_starts(name, "record.") && !str_is(name, "group"))
			lint_fault(l,
				   "{%.*s}: a limit counts by {record.x} or by "
				   "{group}",
				   STR_ARG(name));
		else if (str_starts(name, "record.") &&
			 !may_have(l, (struct str){ name.s + 7, name.n - 7 }))
			lint_fault(l, "{%.*s}: not a member of the record",
				   STR_ARG(name));
	}
	buf_release(&scratch);
}
