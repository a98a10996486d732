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

/* What something is made from, and how. */
struct made {
	struct names reads; /* members of the record */
	struct str why;     /* not natively: because of this; else .s NULL */
	bool whole;         /* libjq is given all of the record for it */
};

static void add_made(struct planner *pl, struct made *to,
		     const struct names *reads, struct str why, bool whole)
{
	names_join(pl, &to->reads, reads);
	if (!to->why.s)
		to->why = why;
	to->whole |= whole;
}

/*
 * Names of what a stage reads, in names of the record: through the stages
 * before it, whose shape is s.
 */
static void through(struct planner *pl, struct prog_shape *s,
		    const struct names *in, struct made *out)
{
	if (s->is_inside) {
		const struct prog_member *m = &s->inside;
		const struct names reads = { m->reads, m->n_reads, 0 };

		add_made(pl, out, &reads, m->why, m->whole);
		return;
	}
	for (size_t i = 0; i < s->n; i++) {
		const struct prog_member *m = &s->m[i];
		const struct names reads = { m->reads, m->n_reads, 0 };
		bool is_read = in->n == SIZE_MAX;

		for (size_t k = 0; !is_read && k < in->n; k++)
			is_read = str_eq(in->v[k], m->name);
		if (is_read)
			add_made(pl, out, &reads, m->why, m->whole);
	}
	if (in->n == SIZE_MAX)
		names_all(&out->reads);
	for (size_t i = 0; in->n != SIZE_MAX && i < in->n; i++)
		if (s->rest && !find_member(s, in->v[i]) &&
		    !without(s, in->v[i]))
			names_add(pl, &out->reads, in->v[i]);
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

/* What the walk knows of the program outside of where it is. */
struct walk {
	struct planner *pl;
	/* For each variable that the program binds. */
	struct {
		struct made made;
		bool is_input;        /* it is what its stage ran on, */
		struct prog_shape in; /* which had this shape */
	} bound[256];
	bool *before; /* the caller's variables that earlier stages use */
};

/* What the variables in an expression were made from. */
static void add_bound(struct walk *w, const struct node *n, struct made *out)
{
	struct str name;
	ssize_t at;

	if (!n)
		return;
	if (n->kind == N_INDEX && n->a->kind == N_VAR &&
	    (at = ask_var(w->pl, n->a->text)) >= 0 && w->bound[at].is_input &&
	    ask_text(n->b, &name)) {
		const struct names one = { &name, 1, 1 };

		through(w->pl, &w->bound[at].in, &one, out);
		return;
	}
	if (n->kind == N_VAR && (at = ask_var(w->pl, n->text)) >= 0)
		add_made(w->pl, out, &w->bound[at].made.reads,
			 w->bound[at].made.why, w->bound[at].made.whole);
	add_bound(w, n->a, out);
	add_bound(w, n->b, out);
	add_bound(w, n->c, out);
	for (size_t i = 0; i < n->n; i++)
		add_bound(w, n->v[i], out);
}

static bool shape_of(struct walk *w, struct node *n, const struct plan *p,
		     struct prog_shape *s);

/* The caller's variables in an expression and in what it may call. */
static void add_uses(struct planner *pl, const struct node *n, bool *uses)
{
	ask_vars(pl, n, uses);
	for (size_t i = 0; i < pl->n_defs; i++)
		ask_vars(pl, pl->defs[i]->a, uses);
}

/* A piece that libjq gets a variable for which is all of the record? */
static bool takes_all(const struct walk *w, const struct plan *p)
{
	if (!p)
		return false;
	if (p->op == P_JQ) {
		for (size_t i = 0; i < w->pl->n_vars; i++)
			if (p->uses[i] && w->bound[i].made.reads.n == SIZE_MAX)
				return true;
		return false;
	}
	for (size_t i = 0; p->v && i < p->n; i++)
		if (takes_all(w, p->v[i]))
			return true;
	for (size_t i = 0; p->entries && i < p->n; i++)
		if (takes_all(w, p->entries[i].val))
			return true;
	return takes_all(w, p->a) || takes_all(w, p->b) || takes_all(w, p->c);
}

/* Of n, whose plan is p, and which runs on something of the shape s. */
static struct made made_of(struct walk *w, const struct node *n,
			   const struct plan *p, struct prog_shape *s)
{
	struct names direct = { 0 };
	struct made made = { .whole = false };

	why_not(p, &made.why);
	ask_reads(w->pl, n, &direct);
	through(w->pl, s, &direct, &made);
	add_bound(w, n, &made);
	if (!plan_is_native(p))
		made.whole |= made.reads.n == SIZE_MAX || takes_all(w, p);
	return made;
}

static void set_made(struct prog_member *m, const struct made *made)
{
	m->reads = made->reads.v;
	m->n_reads = made->reads.n;
	m->native = !made->why.s;
	m->why = made->why;
	m->whole = made->whole;
}

static bool shape_object(struct walk *w, struct node *n, const struct plan *p,
			 struct prog_shape *in, struct prog_shape *s)
{
	struct planner *pl = w->pl;

	for (size_t i = 0; i < p->n; i++) {
		const struct plan_entry *e = &p->entries[i];
		struct node *val = n->v[2 * i + 1];
		struct made made = made_of(w, val, e->val, in);
		bool *uses = arena_get(pl->mem, pl->n_vars + 1);
		struct prog_member m = { .name = e->name, .line = e->line };

		if (!e->name.s)
			return fail_shape(s, STR("a computed name"));
		set_made(&m, &made);
		memcpy(uses, w->before, pl->n_vars + 1);
		add_uses(pl, val, uses);
		m.uses = uses;
		set_member(pl, s, &m);
	}
	return true;
}

/*
 * A stage that gives something else than an object of known names. What comes
 * behind it can be told: all of that is made from what this stage reads.
 */
static bool shape_inside(struct walk *w, struct node *n, const struct plan *p,
			 struct prog_shape *s)
{
	struct made made = made_of(w, n, p, s);

	*s = (struct prog_shape){ .known = true, .is_inside = true };
	s->why = p->op == P_JQ ? p->why : ask_kind_name(n);
	set_made(&s->inside, &made);
	return true;
}

static bool shape_pipe(struct walk *w, struct node *n, const struct plan *p,
		       struct prog_shape *s)
{
	if (!shape_of(w, n->a, p->a, s))
		return false;
	add_uses(w->pl, n->a, w->before);
	return shape_of(w, n->b, p->b, s);
}

/* . + {...}: the left side as it is, what the right side makes over it. */
static bool shape_add(struct walk *w, struct node *n, const struct plan *p,
		      struct prog_shape *s)
{
	struct prog_shape in = *s;

	/* Members are appended to: they must not be shared. */
	in.m = arena_get(w->pl->mem, (s->n + 1) * sizeof *in.m);
	if (s->n)
		memcpy(in.m, s->m, s->n * sizeof *in.m);
	if (!shape_of(w, n->a, p->a, s))
		return false;
	if (p->b->op != P_OBJECT)
		return fail_shape(s, STR("+"));
	return shape_object(w, n->b, p->b, &in, s);
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

static bool shape_bind(struct walk *w, struct node *n, const struct plan *p,
		       struct prog_shape *s)
{
	w->bound[p->var].made = made_of(w, n->a, p->a, s);
	w->bound[p->var].is_input = n->a->kind == N_DOT;
	w->bound[p->var].in = *s;
	add_uses(w->pl, n->a, w->before);
	return shape_of(w, n->b, p->b, s);
}

/*
 * From the shape of what n runs on to the shape of what it gives; false if
 * that cannot be told. The plan is n's, step by step.
 */
static bool shape_of(struct walk *w, struct node *n, const struct plan *p,
		     struct prog_shape *s)
{
	struct prog_shape in = *s;
	bool known;

	if (n->kind == N_DEF) {
		ask_push_def(w->pl, n);
		known = shape_of(w, n->b, p, s);
		w->pl->n_defs--;
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
		return shape_object(w, n, p, &in, s);
	case P_PIPE:
		return n->kind == N_PIPE ? shape_pipe(w, n, p, s)
					 : shape_inside(w, n, p, s);
	case P_ADD:
		return n->kind == N_BINARY ? shape_add(w, n, p, s)
					   : fail_shape(s, STR("a definition"));
	case P_DELETE:
		for (size_t i = 0; i < p->n; i++)
			if (p->v[i]->op != P_MEMBER || p->v[i]->a)
				return fail_shape(s, STR("a computed name"));
		for (size_t i = 0; i < p->n; i++)
			forget(w->pl, s, p->v[i]->text);
		return true;
	case P_SELECT:
		return true; /* whole or not at all */
	case P_BIND:
		return n->kind == N_AS ? shape_bind(w, n, p, s)
				       : fail_shape(s, STR("a definition"));
	default:
		return shape_inside(w, n, p, s);
	}
}

void plan_shape(struct planner *pl, const struct ast *ast,
		const struct plan *root, struct prog_shape *shape)
{
	struct walk *w = arena_get(pl->mem, sizeof *w);

	memset(w, 0, sizeof *w);
	w->pl = pl;
	w->before = arena_get(pl->mem, 256);
	memset(w->before, false, 256);
	*shape = (struct prog_shape){ .known = true, .rest = true };
	shape->known = ast->root && shape_of(w, ast->root, root, shape) &&
		       !shape->is_inside;
	if (!ast->root)
		shape->why = root->why;
}
