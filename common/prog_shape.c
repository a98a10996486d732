/* SPDX-License-Identifier: MIT */
/*
 * What a program makes of an object, told from its text: names of members, and
 * for each of them the members of the input that it is made from.
 */
#include "common/prog_ask.h"

static struct prog_member *find_member(struct prog_shape *s, struct str name)
{
	for (size_t i = 0; i < s->n; i++)
		if (str_eq(s->m[i].name, name))
			return &s->m[i];
	return NULL;
}

static bool without(const struct prog_shape *s, struct str name)
{
	for (size_t i = 0; i < s->n_without; i++)
		if (str_eq(s->without[i], name))
			return true;
	return false;
}

/*
 * Names of what a stage reads, in names of the record: through the stages
 * before it, whose shape is s.
 */
static void through(struct planner *pl, struct prog_shape *s,
		    const struct names *in, struct names *out)
{
	if (in->n == SIZE_MAX) {
		names_all(out);
		return;
	}
	for (size_t i = 0; i < in->n; i++) {
		struct prog_member *m = find_member(s, in->v[i]);

		if (m) {
			struct names more = { m->reads, m->n_reads, 0 };

			names_join(pl, out, &more);
		} else if (s->rest && !without(s, in->v[i])) {
			names_add(pl, out, in->v[i]);
		}
	}
}

static void set_member(struct planner *pl, struct prog_shape *s,
		       const struct prog_member *m)
{
	struct prog_member *old = find_member(s, m->name);

	if (old) {
		*old = *m;
		return;
	}
	s->m = plan_room(pl, s->m, s->n, sizeof *s->m);
	s->m[s->n++] = *m;
}

static bool fail_shape(struct prog_shape *s, struct str why)
{
	s->why = why;
	return false;
}

static void why_not(const struct plan *p, struct str *why)
{
	if (!p || why->s)
		return;
	if (p->op == P_JQ) {
		*why = p->why;
		return;
	}
	why_not(p->a, why);
	why_not(p->b, why);
	why_not(p->c, why);
	for (size_t i = 0; p->v && i < p->n; i++)
		why_not(p->v[i], why);
	for (size_t i = 0; p->entries && i < p->n; i++)
		why_not(p->entries[i].val, why);
}

/* vars[i]: what was read to bind the variable i, or NULL. */
static void add_bound(struct planner *pl, const struct node *n,
		      const struct names *bound, struct names *out)
{
	ssize_t at;

	if (!n)
		return;
	if (n->kind == N_VAR && (at = ask_var(pl, n->text)) >= 0)
		names_join(pl, out, &bound[at]);
	add_bound(pl, n->a, bound, out);
	add_bound(pl, n->b, bound, out);
	add_bound(pl, n->c, bound, out);
	for (size_t i = 0; i < n->n; i++)
		add_bound(pl, n->v[i], bound, out);
}

static bool shape_of(struct planner *pl, struct node *n, const struct plan *p,
		     struct prog_shape *s, struct names *bound);

/* The caller's variables in an expression and in what it may call. */
static bool *uses_of(struct planner *pl, const struct node *n)
{
	bool *uses = arena_get(pl->mem, pl->n_vars + 1);

	memset(uses, false, pl->n_vars + 1);
	ask_vars(pl, n, uses);
	for (size_t i = 0; i < pl->n_defs; i++)
		ask_vars(pl, pl->defs[i]->a, uses);
	return uses;
}

static bool shape_object(struct planner *pl, struct node *n,
			 const struct plan *p, struct prog_shape *in,
			 struct prog_shape *s, struct names *bound)
{
	for (size_t i = 0; i < p->n; i++) {
		const struct plan_entry *e = &p->entries[i];
		struct names direct = { 0 }, all = { 0 };
		struct prog_member m = { .name = e->name, .line = e->line };

		if (!e->name.s)
			return fail_shape(s, STR("a computed name"));
		ask_reads(pl, n->v[2 * i + 1], &direct);
		through(pl, in, &direct, &all);
		add_bound(pl, n->v[2 * i + 1], bound, &all);
		m.reads = all.v;
		m.n_reads = all.n;
		m.uses = uses_of(pl, n->v[2 * i + 1]);
		m.native = plan_is_native(e->val);
		why_not(e->val, &m.why);
		set_member(pl, s, &m);
	}
	return true;
}

static bool shape_pipe(struct planner *pl, struct node *n, const struct plan *p,
		       struct prog_shape *s, struct names *bound)
{
	return shape_of(pl, n->a, p->a, s, bound) &&
	       shape_of(pl, n->b, p->b, s, bound);
}

/* . + {...}: the left side as it is, what the right side makes over it. */
static bool shape_add(struct planner *pl, struct node *n, const struct plan *p,
		      struct prog_shape *s, struct names *bound)
{
	struct prog_shape in = *s;

	/* Members are appended to: they must not be shared. */
	in.m = arena_get(pl->mem, (s->n + 1) * sizeof *in.m);
	if (s->n)
		memcpy(in.m, s->m, s->n * sizeof *in.m);
	if (!shape_of(pl, n->a, p->a, s, bound))
		return false;
	if (p->b->op != P_OBJECT)
		return fail_shape(s, STR("+"));
	return shape_object(pl, n->b, p->b, &in, s, bound);
}

static void forget(struct planner *pl, struct prog_shape *s, struct str name)
{
	size_t k = 0;

	for (size_t i = 0; i < s->n; i++)
		if (!str_eq(s->m[i].name, name))
			s->m[k++] = s->m[i];
	s->n = k;
	if (without(s, name))
		return;
	s->without =
	    plan_room(pl, s->without, s->n_without, sizeof *s->without);
	s->without[s->n_without++] = name;
}

static bool shape_bind(struct planner *pl, struct node *n, const struct plan *p,
		       struct prog_shape *s, struct names *bound)
{
	struct names direct = { 0 }, all = { 0 };

	ask_reads(pl, n->a, &direct);
	through(pl, s, &direct, &all);
	add_bound(pl, n->a, bound, &all);
	bound[p->var] = all;
	return shape_of(pl, n->b, p->b, s, bound);
}

/*
 * From the shape of what n runs on to the shape of what it gives; false if
 * that cannot be told. The plan is n's, step by step.
 */
static bool shape_of(struct planner *pl, struct node *n, const struct plan *p,
		     struct prog_shape *s, struct names *bound)
{
	struct prog_shape in = *s;
	bool known;

	if (n->kind == N_DEF) {
		ask_push_def(pl, n);
		known = shape_of(pl, n->b, p, s, bound);
		pl->n_defs--;
		return known;
	}
	switch (p->op) {
	case P_TOP:
	case P_DOT:
		return n->kind == N_DOT || fail_shape(s, STR("a definition"));
	case P_OBJECT:
		if (n->kind != N_OBJECT)
			return fail_shape(s, STR("a definition"));
		*s = (struct prog_shape){ .known = true };
		return shape_object(pl, n, p, &in, s, bound);
	case P_PIPE:
		return n->kind == N_PIPE ? shape_pipe(pl, n, p, s, bound)
					 : fail_shape(s, STR("a definition"));
	case P_ADD:
		return n->kind == N_BINARY ? shape_add(pl, n, p, s, bound)
					   : fail_shape(s, STR("a definition"));
	case P_DELETE:
		for (size_t i = 0; i < p->n; i++)
			if (p->v[i]->op != P_MEMBER || p->v[i]->a)
				return fail_shape(s, STR("a computed name"));
		for (size_t i = 0; i < p->n; i++)
			forget(pl, s, p->v[i]->text);
		return true;
	case P_SELECT:
		return true; /* whole or not at all */
	case P_BIND:
		return n->kind == N_AS ? shape_bind(pl, n, p, s, bound)
				       : fail_shape(s, STR("a definition"));
	case P_JQ:
		return fail_shape(s, p->why);
	default:
		return fail_shape(s, ask_kind_name(n));
	}
}

void plan_shape(struct planner *pl, const struct ast *ast,
		const struct plan *root, struct prog_shape *shape)
{
	struct names *bound = arena_get(pl->mem, 256 * sizeof *bound);

	memset(bound, 0, 256 * sizeof *bound);
	*shape = (struct prog_shape){ .known = true, .rest = true };
	shape->known = ast->root && shape_of(pl, ast->root, root, shape, bound);
	if (!ast->root)
		shape->why = root->why;
}
