/* SPDX-License-Identifier: MIT */
/* What a record must have: its key, required members; less for a removal. */
#include "common/contract_rules.h"

/* ---- what is demanded ---- */

static enum presence presence(const struct record_rules *s,
			      const struct asked *a)
{
	return a->at < 0 ? ABSENT : s->seen[a->at];
}

static bool has_fault(const struct record_rules *s, struct str field)
{
	for (size_t i = 0; i < s->faults->n; i++)
		if (str_eq(fault_field(s->faults, i), field))
			return true;
	return false;
}

static void demand(struct record_rules *s, const struct asked *a, bool is_key)
{
	enum presence p = presence(s, a);

	if (p == PRESENT || (p == BLANK && !is_key) || has_fault(s, a->name))
		return;
	faults_add(s->faults, a->name, "required", "%s%s",
		   p == ABSENT ? "missing" : "without a value",
		   is_key ? ", and it is part of the key" : "");
}

static void demand_all(struct record_rules *s, const struct asked_set *set,
		       bool is_key)
{
	for (size_t i = 0; i < set->n; i++)
		demand(s, &s->asked[set->from + i], is_key);
}

static bool complete(const struct record_rules *s, const struct asked_set *set)
{
	for (size_t i = 0; i < set->n; i++)
		if (presence(s, &s->asked[set->from + i]) != PRESENT)
			return false;
	return true;
}

static void put_sets(const struct record_rules *s, const struct asked_set *sets,
		     size_t n, struct buf *out)
{
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < sets[i].n; j++) {
			const struct asked *a = &s->asked[sets[i].from + j];

			buf_addz(out, j ? " with " : i ? ", " : "");
			buf_adds(out, a->name);
		}
}

static bool any_fault_in(const struct record_rules *s,
			 const struct asked_set *sets, size_t n)
{
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < sets[i].n; j++)
			if (has_fault(s, s->asked[sets[i].from + j].name))
				return true;
	return false;
}

/* At least one of the sets; or exactly one. */
static void demand_some(struct record_rules *s, const struct asked_set *sets,
			size_t n, bool only_one)
{
	struct buf names = BUF_INIT;
	size_t found = 0;

	for (size_t i = 0; i < n; i++)
		found += complete(s, &sets[i]);
	if (found == 1 || (found && !only_one) ||
	    (!found && any_fault_in(s, sets, n)))
		return;
	put_sets(s, sets, n, &names);
	faults_add(s->faults, STR(""), "key",
		   found ? "more than one of these has a value: %s"
			 : "none of these has a value: %s",
		   names.data);
	buf_release(&names);
}

static void demand_key(struct record_rules *s)
{
	if (!s->n_key_sets)
		return;
	if (s->contract->key_mode == KEY_ALL)
		demand_all(s, &s->key_sets[0], true);
	else
		demand_some(s, s->key_sets, s->n_key_sets,
			    s->contract->key_mode == KEY_ONE);
}

void rules_demand_removal(struct record_rules *s)
{
	if (s->removal_skipped)
		return;
	demand_all(s, &s->asked_requires, false);
	if (s->needs_identity)
		demand_some(s, s->identity_sets, s->n_identity_sets, false);
	if (s->needs_key)
		demand_key(s);
}

/*
 * Of the faults from the mark on: does it only repeat what is known to be wrong
 * with the member? A value that is no date has no age either.
 */
static bool is_told(const struct faults *f, size_t mark, size_t i)
{
	static const char *const once[] = { "format", "type", "required" };
	bool repeats = false;

	for (size_t k = 0; k < ARRAY_LEN(once); k++)
		repeats |= strcmp(f->v[i].code, once[k]) == 0;
	for (size_t j = 0; repeats && j < mark; j++)
		if (str_eq(fault_field(f, j), fault_field(f, i)))
			return true;
	return false;
}

static void forget_told(struct faults *f, size_t mark)
{
	size_t n = mark;

	for (size_t i = mark; i < f->n; i++)
		if (!is_told(f, mark, i))
			f->v[n++] = f->v[i];
	f->n = n;
}

void rules_demand_record(struct record_rules *s, struct str check)
{
	struct schema_run run = { s->faults, &s->path };
	size_t mark;

	demand_key(s);
	demand_all(s, &s->asked_required, false);
	if (!s->whole_check)
		return;
	buf_reset(&s->path);
	mark = s->faults->n;
	schema_node_check(s->root->node, check, &run,
			  SCHEMA_SKIP_CHILDREN | SCHEMA_SKIP_REQUIRED);
	forget_told(s->faults, mark);
}
