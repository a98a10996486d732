/* SPDX-License-Identifier: MIT */
/*
 * What reading a contract for use finds in it, as far as that comes without
 * values for its settings: they get some that may do.
 */
#include "bin/retl-push/lint.h"

#include "bin/retl-push/operation.h"
#include "common/mem.h"
#include "common/msg.h"

/* "settings/x/from: why", "operations.put.batch: why": the first is a path. */
static void tell(struct lint *l, struct str why)
{
	size_t n = strlen(l->c.path);
	const char *colon;
	struct buf path = BUF_INIT;
	struct str first, part, v;

	if (str_starts(why, l->c.path) && why.n > n + 2)
		why = (struct str){ why.s + n + 2, why.n - n - 2 };
	colon = memmem(why.s, why.n, ": ", 2);
	first = (struct str){ why.s, colon ? (size_t)(colon - why.s) : 0 };
	if (str_starts(first, "setting '")) {
		first = (struct str){ first.s + 9, first.n - 9 };
		if (str_split(&first, '\'', &part))
			buf_addf(&path, "settings/%.*s", STR_ARG(part));
	} else {
		for (size_t i = 0; i < first.n; i++)
			buf_addc(&path, first.s[i] == '.' ? '/' : first.s[i]);
		first = buf_str(&path);
		if (colon && str_split(&first, '/', &part) && part.n &&
		    json_find(l->root, part, &v) == 1)
			why =
			    (struct str){ colon + 2,
					  (size_t)(why.s + why.n - colon) - 2 };
		else
			buf_reset(&path);
	}
	buf_adds(&l->path, buf_str(&path));
	lint_fault(l, "%.*s", STR_ARG(why));
	buf_reset(&l->path);
	buf_release(&path);
}

void lint_record(struct lint *l, const char *name)
{
	struct contract_args args = { .name = name };
	struct buf err = BUF_INIT;
	int status;
	struct contract *c =
	    contract_load(&args, CONTRACT_FOR_HASH, &status, &err);

	if (!c && !memmem(err.data, err.len, "has no value", 12))
		tell(l, buf_str(&err));
	contract_free(c);
	buf_release(&err);
}

/* "name=value" for a setting that somebody has to fill in; NULL: it is none. */
static char *made_up(const struct json_member *m)
{
	struct str choices = json_get(m->val, "enum"), value = STR("1");
	struct buf text = BUF_INIT, scratch = BUF_INIT;
	struct json_iter it;

	if (json_get(m->val, "default").s || json_is_true(m->val, "secret") ||
	    json_is_true(m->val, "optional"))
		return NULL;
	if (json_text_is(json_get(m->val, "type"), "boolean"))
		value = STR("true");
	else if (json_text_is(json_get(m->val, "format"), "uri"))
		value = STR("https://made.up");
	if (choices.s && json_type(choices) == JSON_ARRAY) {
		json_iter_init(&it, choices);
		if (json_iter_element(&it, &value) &&
		    json_type(value) == JSON_STRING)
			value = json_text(value, &scratch);
	}
	buf_addf(&text, "%.*s=%.*s", STR_ARG(m->key), STR_ARG(value));
	buf_release(&scratch);
	return text.data;
}

/* Reads the contract with these arguments; false: with a fault, which is told.
 */
static bool try_out(struct lint *l, const struct contract_args *args)
{
	enum msg_level level = msg_get_level();
	struct buf err = BUF_INIT;
	struct delivery d;
	struct contract *c;
	bool good = false;
	int status;

	/* What is old has been told. */
	msg_set_level(MSG_ERROR);
	c = contract_load(args, CONTRACT_FOR_PUSH, &status, &err);
	if (c) {
		good = delivery_load(&d, c, true, &err) == 0;
		delivery_release(&d);
	}
	msg_set_level(level);
	if (!good)
		tell(l, buf_str(&err));
	contract_free(c);
	buf_release(&err);
	return good;
}

/* May this change, "{on_remove}", lead to the operation? */
static bool may_lead_to(const struct lint *l, struct str change,
			struct str operation)
{
	struct lint_names choices = { .n = 0 };
	bool may;

	if (!change.s || json_type(change) != JSON_STRING ||
	    !str_starts(change, "\"{"))
		return false;
	may = !lint_add_choices(l, (struct str){ change.s + 2, change.n - 4 },
				&choices) ||
	      lint_has_name(&choices, operation);
	lint_release_names(&choices);
	return may;
}

/* Whatever a setting may choose is tried out: --on chooses it. */
static bool try_choices(struct lint *l, struct contract_args *args,
			const struct json_member *operation)
{
	struct str changes = json_get(l->root, "changes");
	struct buf on = BUF_INIT;
	const char *one;
	bool good = true;

	for (int k = DIFF_ADDED; good && k <= DIFF_REMOVED; k++) {
		enum diff_result kind = (enum diff_result)k;
		struct str change = json_get(changes, diff_result_name(kind));

		if (!may_lead_to(l, change, operation->key))
			continue;
		buf_reset(&on);
		buf_addf(&on, "%s=%.*s", diff_result_word(kind),
			 STR_ARG(operation->key));
		one = on.data;
		args->on = (struct opt_list){ .v = &one, .n = 1 };
		good = try_out(l, args);
	}
	args->on = (struct opt_list){ .n = 0 };
	buf_release(&on);
	return good;
}

void lint_delivery(struct lint *l, const char *name)
{
	/* Secrets are not needed. */
	struct contract_args args = { .name = name,
				      .show = true,
				      .made_up = true };
	struct opt_list *set = &args.set;
	struct json_iter it;
	struct json_member m;
	bool good;

	json_iter_init(&it, l->settings);
	while (json_iter_member(&it, &m)) {
		char *one = made_up(&m);

		if (!one)
			continue;
		GROW(set->v, set->n, set->cap);
		set->v[set->n++] = one;
	}
	good = try_out(l, &args);
	json_iter_init(&it, json_get(l->root, "operations"));
	while (good && json_iter_member(&it, &m))
		if (json_type(m.val) == JSON_OBJECT)
			good = try_choices(l, &args, &m);
	for (size_t i = 0; i < set->n; i++)
		free((char *)set->v[i]);
	free(set->v);
}
