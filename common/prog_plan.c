/* SPDX-License-Identifier: MIT */
/*
 * From tree to plan. plan_node answers NULL for what is not in the plain
 * subset; plan_any makes a piece for libjq of that. Where an operation needs
 * exactly one value of a part, a piece will do only if it can be told that it
 * gives one (gives_one).
 */
#include "common/prog_ask.h"

#include "common/mem.h"
#include "common/prog_num.h"

static struct plan *plan_node(struct planner *pl, struct node *n, bool top);
static struct plan *plan_any(struct planner *pl, struct node *n, bool top);

static struct plan *make(struct planner *pl, enum plan_op op,
			 const struct node *n)
{
	struct plan *p = arena_get(pl->mem, sizeof *p);

	*p = (struct plan){ .op = op, .one = true, .line = n->line };
	return p;
}

/* ---- pieces for libjq ---- */

static struct plan *piece(struct planner *pl, struct node *n, bool top)
{
	struct plan *p = make(pl, P_JQ, n);
	struct buf defs = BUF_INIT;

	p->node = n;
	p->top = top;
	p->why = pl->why;
	p->one = ask_gives_one(pl, n);
	p->text = n->src;
	/* Room for variables that are bound later on. */
	p->uses = arena_get(pl->mem, 256);
	memset(p->uses, 0, 256);
	ask_vars(pl, n, p->uses);
	for (size_t i = 0; i < pl->n_defs; i++) {
		buf_adds(&defs, pl->defs[i]->src);
		buf_addc(&defs, '\n');
		ask_vars(pl, pl->defs[i]->a, p->uses);
	}
	p->defs = arena_copy(pl->mem, buf_str(&defs));
	buf_release(&defs);
	ask_reads(pl, n, &p->reads);
	return p;
}

static struct plan *not_plain(struct planner *pl, struct str why)
{
	pl->why = why;
	return NULL;
}

static struct plan *plan_any(struct planner *pl, struct node *n, bool top)
{
	struct plan *p = plan_node(pl, n, top);

	return p ? p : piece(pl, n, top);
}

/* A part that must give one value. NULL: it may not. */
static struct plan *plan_one(struct planner *pl, struct node *n, bool top)
{
	struct plan *p = plan_any(pl, n, top);

	return p->one ? p : not_plain(pl, STR("more than one value"));
}

/* ---- constants ---- */

static struct plan *constant(struct planner *pl, const struct node *n,
			     struct str json)
{
	struct plan *p = make(pl, P_CONST, n);

	p->text = arena_copy(pl->mem, json);
	return p;
}

static struct plan *string_constant(struct planner *pl, const struct node *n,
				    struct str text)
{
	buf_reset(&pl->scratch);
	json_put_str(&pl->scratch, text);
	return constant(pl, n, buf_str(&pl->scratch));
}

static struct plan *number_constant(struct planner *pl, const struct node *n,
				    bool negative)
{
	struct json_num num;

	buf_reset(&pl->scratch);
	if (negative)
		buf_addc(&pl->scratch, '-');
	buf_adds(&pl->scratch, n->text);
	json_num_parse(&num, buf_str(&pl->scratch));
	if (num.huge || num.exp > 300 || num.exp < -300)
		return not_plain(pl, STR("a very large or small number"));
	/* "1." and ".5" are numbers in jq and not in JSON. */
	{
		struct str raw = arena_copy(pl->mem, buf_str(&pl->scratch));

		buf_reset(&pl->scratch);
		num_put_text(&pl->scratch, raw);
	}
	return constant(pl, n, buf_str(&pl->scratch));
}

/* ---- operations ---- */

static struct plan *plan_string(struct planner *pl, struct node *n, bool top)
{
	struct plan *p;
	struct str text;

	if (ask_text(n, &text))
		return string_constant(pl, n, text);
	if (n->text.n && !str_is(n->text, "@text"))
		return not_plain(pl, n->text);
	p = make(pl, P_STRING, n);
	p->v = arena_get(pl->mem, n->n * sizeof *p->v);
	for (size_t i = 0; i < n->n; i++) {
		p->v[i] = n->v[i]->kind == N_TEXT
			      ? string_constant(pl, n->v[i], n->v[i]->text)
			      : plan_one(pl, n->v[i], top);
		if (!p->v[i])
			return NULL;
	}
	p->n = n->n;
	return p;
}

/* A constant that is an integer of a size that an index may have. */
static bool is_index(const struct plan *p, int64_t *index)
{
	char *end;

	if (p->op != P_CONST || p->text.n > 9 ||
	    json_type(p->text) != JSON_NUMBER)
		return false;
	*index = strtol(p->text.s, &end, 10);
	return *end == '\0' && !(*index == 0 && p->text.s[0] == '-');
}

/*
 * Is it most likely a name or a number? What else jq can look up, parts of an
 * array by an array or an object, is an error natively.
 */
static bool may_look_up(const struct plan *key)
{
	switch (key->op) {
	case P_DOT:
	case P_VAR:
	case P_MEMBER:
	case P_TOP_MEMBER:
	case P_ELEMENT:
	case P_LOOKUP:
	case P_STRING:
	case P_CALL:
		return true;
	case P_PIPE:
		return may_look_up(key->b);
	case P_IF:
		return may_look_up(key->b) && may_look_up(key->c);
	case P_ALT:
		return may_look_up(key->a) && may_look_up(key->b);
	default:
		return false;
	}
}

static struct plan *plan_index(struct planner *pl, struct node *n, bool top)
{
	struct plan *p = make(pl, P_MEMBER, n), *key;
	struct str name;

	p->opt = n->opt;
	if (ask_text(n->b, &name)) {
		p->text = name;
		p->slot = JSON_SLOT(name);
		if (top && n->a->kind == N_DOT && !n->opt) {
			p->op = P_TOP_MEMBER;
			return p;
		}
	} else {
		key = plan_one(pl, n->b, top);
		if (!key)
			return NULL;
		p->op = is_index(key, &p->index) ? P_ELEMENT : P_LOOKUP;
		if (p->op == P_LOOKUP && !may_look_up(key))
			return not_plain(pl, STR("a computed name"));
		p->b = key;
	}
	p->a = plan_any(pl, n->a, top);
	p->one = p->a->one && !n->opt;
	return p;
}

/* A copy that may be read as one block. */
static struct str padded(struct planner *pl, struct str text)
{
	char *p = arena_get(pl->mem, text.n + PLAN_SHORT);

	memcpy(p, text.s, text.n);
	memset(p + text.n, 0, PLAN_SHORT);
	return (struct str){ p, text.n };
}

static struct plan *plan_object(struct planner *pl, struct node *n, bool top)
{
	struct plan *p = make(pl, P_OBJECT, n);

	p->n = n->n / 2;
	p->entries = arena_get(pl->mem, p->n * sizeof *p->entries);
	for (size_t i = 0; i < p->n; i++) {
		struct plan_entry *e = &p->entries[i];
		struct node *key = n->v[2 * i];

		*e = (struct plan_entry){ .line = key->line };
		if (ask_text(key, &e->name)) {
			buf_reset(&pl->scratch);
			json_put_str(&pl->scratch, e->name);
			buf_addc(&pl->scratch, ':');
			e->prefix = padded(pl, buf_str(&pl->scratch));
		} else {
			e->key = plan_one(pl, key, top);
			if (!e->key)
				return NULL;
			p->dynamic = true;
		}
		e->val = plan_any(pl, n->v[2 * i + 1], top);
		p->one = p->one && e->val->one;
		for (size_t k = 0; e->name.s && k < i; k++)
			if (p->entries[k].name.s &&
			    str_eq(p->entries[k].name, e->name))
				p->dynamic = true;
	}
	return p;
}

/* Of "plain | gsub(...) | plain | gsub(...)" the middle is one piece. */
static struct plan *plan_pipe(struct planner *pl, struct node *n, bool top)
{
	struct plan *p = make(pl, P_PIPE, n);
	bool still = n->a->kind == N_DOT && top;

	p->a = plan_any(pl, n->a, top);
	p->b = plan_any(pl, n->b, still);
	/* Two pieces in a row would cost two runs. */
	if (p->a->op == P_JQ && p->b->op == P_JQ)
		return not_plain(pl, p->a->why);
	p->one = p->a->one && p->b->one;
	return p;
}

static struct plan *plan_two(struct planner *pl, enum plan_op op,
			     struct node *n, bool top)
{
	struct plan *p = make(pl, op, n);

	p->a = plan_any(pl, n->a, top);
	p->b = plan_any(pl, n->b, top);
	if (p->a->op == P_JQ && p->b->op == P_JQ)
		return not_plain(pl, p->a->why);
	p->one = op != P_COMMA && p->a->one && p->b->one;
	return p;
}

static bool is_scalar(const struct plan *p)
{
	return p->op == P_STRING || p->op == P_CONST;
}

static struct plan *plan_binary(struct planner *pl, struct node *n, bool top)
{
	static const struct {
		const char *op;
		enum plan_cmp cmp;
	} cmps[] = {
		{ "==", CMP_EQ }, { "!=", CMP_NE }, { "<", CMP_LT },
		{ "<=", CMP_LE }, { ">", CMP_GT },  { ">=", CMP_GE },
	};
	struct plan *p;

	if (str_is(n->text, "+"))
		return plan_two(pl, P_ADD, n, top);
	if (str_is(n->text, "-")) {
		p = plan_two(pl, P_SUBTRACT, n, top);
		return p && !p->one ? not_plain(pl, n->text) : p;
	}
	if (str_is(n->text, "and"))
		p = plan_two(pl, P_AND, n, top);
	else if (str_is(n->text, "or"))
		p = plan_two(pl, P_OR, n, top);
	else
		p = plan_two(pl, P_COMPARE, n, top);
	if (!p || !p->one)
		return p ? not_plain(pl, STR("more than one value")) : NULL;
	if (p->op != P_COMPARE)
		return p;
	for (size_t i = 0; i < ARRAY_LEN(cmps); i++)
		if (str_is(n->text, cmps[i].op)) {
			p->cmp = cmps[i].cmp;
			/* Order among arrays and objects is libjq's. */
			if (p->cmp > CMP_NE && !is_scalar(p->a) &&
			    !is_scalar(p->b))
				break;
			return p;
		}
	return not_plain(pl, n->text);
}

/* The names of del(.a, .[$x]), or false. */
static bool deleted(struct planner *pl, struct node *n, struct plan *p)
{
	struct plan *name;
	struct str text;

	if (n->kind == N_COMMA)
		return deleted(pl, n->a, p) && deleted(pl, n->b, p);
	if (n->kind != N_INDEX || n->a->kind != N_DOT || n->opt)
		return false;
	if (ask_text(n->b, &text)) {
		name = make(pl, P_MEMBER, n);
		name->text = text;
	} else {
		name = plan_one(pl, n->b, p->top);
		if (!name || name->op == P_CONST || !may_look_up(name))
			return false;
	}
	p->v = plan_room(pl, p->v, p->n, sizeof *p->v);
	p->v[p->n++] = name;
	return true;
}

static struct plan *plan_map(struct planner *pl, struct node *n, bool top)
{
	struct plan *array = make(pl, P_ARRAY, n);
	struct plan *pipe = make(pl, P_PIPE, n);
	struct plan *each = make(pl, P_EACH, n);

	each->a = make(pl, top ? P_TOP : P_DOT, n);
	each->one = pipe->one = false;
	pipe->a = each;
	pipe->b = plan_any(pl, n->v[0], false);
	array->a = pipe;
	return array;
}

/* What a function looks for. */
static bool plan_argument(struct planner *pl, struct node *arg, struct plan *p,
			  bool top)
{
	bool stands = ask_text(arg, &p->text);

	if (stands && p->fn < FN_ADD)
		return true;
	/* What else can contain each other is for libjq. */
	if (p->fn == FN_CONTAINS && !stands)
		return false;
	p->b = plan_one(pl, arg, top);
	return p->b && p->b->op != P_JQ;
}

static struct plan *plan_fn(struct planner *pl, struct node *n, bool top)
{
	static const struct {
		const char *name;
		size_t args;
		enum plan_fn fn;
	} fns[] = {
		{ "tostring", 0, FN_TOSTRING },
		{ "tojson", 0, FN_TOJSON },
		{ "tonumber", 0, FN_TONUMBER },
		{ "fromjson", 0, FN_FROMJSON },
		{ "ascii_downcase", 0, FN_DOWNCASE },
		{ "ascii_upcase", 0, FN_UPCASE },
		{ "length", 0, FN_LENGTH },
		{ "not", 0, FN_NOT },
		{ "type", 0, FN_TYPE },
		{ "startswith", 1, FN_STARTSWITH },
		{ "endswith", 1, FN_ENDSWITH },
		{ "ltrimstr", 1, FN_LTRIMSTR },
		{ "rtrimstr", 1, FN_RTRIMSTR },
		{ "split", 1, FN_SPLIT },
		{ "join", 1, FN_JOIN },
		{ "add", 0, FN_ADD },
		{ "to_entries", 0, FN_TO_ENTRIES },
		{ "from_entries", 0, FN_FROM_ENTRIES },
		{ "keys", 0, FN_KEYS },
		{ "keys_unsorted", 0, FN_KEYS_UNSORTED },
		{ "reverse", 0, FN_REVERSE },
		{ "has", 1, FN_HAS },
		{ "index", 1, FN_INDEX },
		{ "contains", 1, FN_CONTAINS },
	};
	struct plan *p = make(pl, P_CALL, n);

	for (size_t i = 0; i < ARRAY_LEN(fns); i++) {
		if (!ask_builtin(pl, n, fns[i].name, fns[i].args))
			continue;
		p->fn = fns[i].fn;
		p->a = top ? make(pl, P_TOP, n) : NULL;
		return !n->n || plan_argument(pl, n->v[0], p, top)
			   ? p
			   : not_plain(pl, n->text);
	}
	return not_plain(pl, n->text);
}

/* ---- functions on arrays and objects ---- */

static struct plan *dot(struct planner *pl, const struct node *n, bool top)
{
	return make(pl, top ? P_TOP : P_DOT, n);
}

static struct plan *pipe_of(struct planner *pl, const struct node *n,
			    struct plan *a, struct plan *b)
{
	struct plan *p = make(pl, P_PIPE, n);

	p->a = a;
	p->b = b;
	p->one = a->one && b->one;
	return p;
}

static struct plan *call_of(struct planner *pl, const struct node *n,
			    enum plan_fn fn, bool top)
{
	struct plan *p = make(pl, P_CALL, n);

	p->fn = fn;
	p->a = top ? make(pl, P_TOP, n) : NULL;
	return p;
}

/* What runs once for each element had better not be libjq's. */
static struct plan *plan_inner(struct planner *pl, struct node *n)
{
	struct plan *p = plan_one(pl, n, false);

	return p && p->op == P_JQ ? NULL : p;
}

static struct plan *plan_with_entries(struct planner *pl, struct node *n,
				      bool top)
{
	struct node *f = n->v[0];
	struct plan *p, *map;

	if (ask_builtin(pl, f, "select", 1)) {
		p = make(pl, P_FILTER, n);
		p->top = top;
		p->a = plan_inner(pl, f->v[0]);
		if (p->a)
			return p;
	}
	map = plan_map(pl, n, false);
	if (map->a->b->op == P_JQ)
		return NULL;
	p = pipe_of(pl, n, call_of(pl, n, FN_TO_ENTRIES, top), map);
	return pipe_of(pl, n, p, call_of(pl, n, FN_FROM_ENTRIES, false));
}

static struct plan *plan_map_values(struct planner *pl, struct node *n,
				    bool top)
{
	struct plan *p = make(pl, P_UPDATE, n);

	p->top = top;
	p->a = plan_inner(pl, n->v[0]);
	return p->a ? p : NULL;
}

/* any, any(condition), any(generator; condition) */
static struct plan *plan_any_all(struct planner *pl, struct node *n, bool top)
{
	struct plan *p = make(pl, str_is(n->text, "any") ? P_ANY : P_ALL, n);

	if (n->n == 2) {
		p->a = plan_any(pl, n->v[0], top);
	} else {
		p->a = make(pl, P_EACH, n);
		p->a->a = dot(pl, n, top);
		p->a->one = false;
	}
	if (p->a->op == P_JQ)
		return NULL;
	p->b = n->n ? plan_inner(pl, n->v[n->n - 1]) : dot(pl, n, false);
	return p->b ? p : NULL;
}

static struct plan *plan_end(struct planner *pl, struct node *n, bool top)
{
	struct plan *p = make(pl, P_ELEMENT, n);

	p->a = dot(pl, n, top);
	p->index = str_is(n->text, "first") ? 0 : -1;
	return p;
}

/* IN(1, 2): one of these? */
static struct plan *plan_in(struct planner *pl, struct node *n,
			    struct node *set, bool top)
{
	struct plan *p, *c;

	if (set->kind == N_COMMA) {
		p = make(pl, P_OR, n);
		p->a = plan_in(pl, n, set->a, top);
		p->b = plan_in(pl, n, set->b, top);
		return p->a && p->b ? p : NULL;
	}
	c = plan_node(pl, set, top);
	if (!c || c->op != P_CONST)
		return not_plain(pl, n->text);
	p = make(pl, P_COMPARE, n);
	p->cmp = CMP_EQ;
	p->a = dot(pl, n, top);
	p->b = c;
	return p;
}

static struct plan *plan_one_of(struct planner *pl, struct node *n, bool top)
{
	return plan_in(pl, n, n->v[0], top);
}

/* select(type == "string"), select(. != null) */
static struct plan *plan_of_type(struct planner *pl, struct node *n, bool top)
{
	struct plan *p = make(pl, P_SELECT, n);
	struct plan *c = make(pl, P_COMPARE, n);
	struct str type = { n->text.s, n->text.n - 1 };

	p->one = false;
	p->top = top;
	p->a = c;
	if (str_is(n->text, "values")) {
		c->cmp = CMP_NE;
		c->a = dot(pl, n, top);
		c->b = constant(pl, n, STR("null"));
	} else {
		c->cmp = CMP_EQ;
		c->a = call_of(pl, n, FN_TYPE, top);
		c->b = string_constant(pl, n, type);
	}
	return p;
}

static const struct {
	const char *name;
	size_t args;
	struct plan *(*plan)(struct planner *pl, struct node *n, bool top);
} list_calls[] = {
	{ "map", 1, plan_map },
	{ "with_entries", 1, plan_with_entries },
	{ "map_values", 1, plan_map_values },
	{ "any", 0, plan_any_all },
	{ "any", 1, plan_any_all },
	{ "any", 2, plan_any_all },
	{ "all", 0, plan_any_all },
	{ "all", 1, plan_any_all },
	{ "all", 2, plan_any_all },
	{ "first", 0, plan_end },
	{ "last", 0, plan_end },
	{ "IN", 1, plan_one_of },
	{ "strings", 0, plan_of_type },
	{ "numbers", 0, plan_of_type },
	{ "booleans", 0, plan_of_type },
	{ "arrays", 0, plan_of_type },
	{ "objects", 0, plan_of_type },
	{ "nulls", 0, plan_of_type },
	{ "values", 0, plan_of_type },
};

/* A bound of a slice that stands there. */
static bool slice_bound(struct planner *pl, struct node *n, int64_t *bound)
{
	struct plan *p;

	if (!n)
		return true;
	p = plan_node(pl, n, false);
	return p && is_index(p, bound);
}

static struct plan *plan_slice(struct planner *pl, struct node *n, bool top)
{
	struct plan *p = make(pl, P_SLICE, n);

	p->end = INT64_MAX;
	if (n->opt || !slice_bound(pl, n->b, &p->index) ||
	    !slice_bound(pl, n->c, &p->end))
		return not_plain(pl, ask_kind_name(n));
	p->top = top && n->a->kind == N_DOT;
	return n->a->kind == N_DOT ? p
				   : pipe_of(pl, n, plan_any(pl, n->a, top), p);
}

/* def f: ...; without parameters stands for its body, if that is plain. */
static struct plan *plan_defined(struct planner *pl, struct node *n,
				 struct node *def, size_t at, bool top)
{
	struct scope saved;
	struct plan *p;

	if (def->n || !ask_enter_def(pl, at, &saved))
		return not_plain(pl, n->text);
	p = plan_node(pl, def->a, top);
	ask_leave_def(pl, at, &saved);
	return p && plan_is_native(p) ? p : not_plain(pl, n->text);
}

static struct plan *plan_call(struct planner *pl, struct node *n, bool top)
{
	struct plan *p;
	struct node *def;
	struct str text;
	size_t at;

	def = ask_def(pl, n, &at);
	if (def)
		return plan_defined(pl, n, def, at, top);
	if (ask_builtin(pl, n, "empty", 0)) {
		p = make(pl, P_EMPTY, n);
		p->one = false;
		return p;
	}
	if (ask_builtin(pl, n, "error", 1) && ask_text(n->v[0], &text)) {
		p = make(pl, P_ERROR, n);
		p->text = text;
		return p;
	}
	if (ask_builtin(pl, n, "select", 1)) {
		p = make(pl, P_SELECT, n);
		p->one = false;
		p->top = top;
		p->a = plan_any(pl, n->v[0], top);
		/* select of a piece is a piece: libjq sees all of it anyway. */
		return p->a->op == P_JQ ? NULL : p;
	}
	if (ask_builtin(pl, n, "del", 1)) {
		p = make(pl, P_DELETE, n);
		p->top = top;
		return deleted(pl, n->v[0], p) ? p : not_plain(pl, n->text);
	}
	for (size_t i = 0; i < ARRAY_LEN(list_calls); i++)
		if (ask_builtin(pl, n, list_calls[i].name, list_calls[i].args))
			return list_calls[i].plan(pl, n, top);
	return plan_fn(pl, n, top);
}

static struct plan *plan_if(struct planner *pl, struct node *n, bool top)
{
	struct plan *p = make(pl, P_IF, n);

	p->a = plan_one(pl, n->a, top);
	if (!p->a)
		return NULL;
	p->b = plan_any(pl, n->b, top);
	p->c = plan_any(pl, n->c, top);
	p->one = p->b->one && p->c->one;
	return p;
}

static struct plan *plan_as(struct planner *pl, struct node *n, bool top)
{
	struct plan *p = make(pl, P_BIND, n);

	/* One name, one variable: shadowing is left to libjq. */
	if (!n->plain_pattern || ask_var(pl, n->text) >= 0 || pl->n_vars >= 255)
		return not_plain(pl, STR("as"));
	p->a = plan_any(pl, n->a, top);
	if (ask_var(pl, n->text) >= 0)
		return not_plain(pl, STR("as"));
	GROW(pl->vars, pl->n_vars, pl->cap_vars);
	p->var = pl->n_vars;
	pl->vars[pl->n_vars++] =
	    (struct plan_var){ arena_copy(pl->mem, n->text).s, true };
	p->b = plan_any(pl, n->b, top);
	pl->vars[p->var].in_force = false;
	p->one = p->a->one && p->b->one;
	return p;
}

static struct plan *plan_def(struct planner *pl, struct node *n, bool top)
{
	struct plan *p;

	ask_push_def(pl, n);
	p = plan_any(pl, n->b, top);
	pl->n_defs--;
	return p;
}

static struct plan *plan_simple(struct planner *pl, struct node *n, bool top)
{
	struct plan *p;
	ssize_t var;

	switch (n->kind) {
	case N_DOT:
		return make(pl, top ? P_TOP : P_DOT, n);
	case N_CONST:
		return constant(pl, n, n->text);
	case N_NUMBER:
		return number_constant(pl, n, false);
	case N_NEGATE:
		return n->a->kind == N_NUMBER ? number_constant(pl, n->a, true)
					      : not_plain(pl, STR("-"));
	case N_LOC:
		buf_reset(&pl->scratch);
		buf_addf(&pl->scratch, "{\"file\":\"<top-level>\",\"line\":%u}",
			 n->line);
		return constant(pl, n, buf_str(&pl->scratch));
	case N_FORMAT:
		if (!str_is(n->text, "@text") && !str_is(n->text, "@json"))
			return not_plain(pl, n->text);
		p = make(pl, P_CALL, n);
		p->fn = n->text.s[1] == 't' ? FN_TOSTRING : FN_TOJSON;
		p->a = top ? make(pl, P_TOP, n) : NULL;
		return p;
	default:
		var = ask_bound(pl, n->text);
		if (var < 0)
			return not_plain(pl, STR("an unknown variable"));
		p = make(pl, P_VAR, n);
		p->var = (size_t)var;
		return p;
	}
}

/* NULL: not in the plain subset; pl->why tells what is not. */
static struct plan *plan_node(struct planner *pl, struct node *n, bool top)
{
	struct plan *p;

	switch (n->kind) {
	case N_DOT:
	case N_CONST:
	case N_NUMBER:
	case N_NEGATE:
	case N_FORMAT:
	case N_LOC:
	case N_VAR:
		return plan_simple(pl, n, top);
	case N_STRING:
		return plan_string(pl, n, top);
	case N_INDEX:
		return plan_index(pl, n, top);
	case N_EACH:
		p = make(pl, P_EACH, n);
		p->a = plan_any(pl, n->a, top);
		p->opt = n->opt;
		p->one = false;
		return p;
	case N_SLICE:
		return plan_slice(pl, n, top);
	case N_ARRAY:
		p = make(pl, P_ARRAY, n);
		p->a = n->a ? plan_any(pl, n->a, top) : NULL;
		return p;
	case N_OBJECT:
		return plan_object(pl, n, top);
	case N_CALL:
		return plan_call(pl, n, top);
	case N_PIPE:
		return plan_pipe(pl, n, top);
	case N_COMMA:
		return plan_two(pl, P_COMMA, n, top);
	case N_ALT:
		return plan_two(pl, P_ALT, n, top);
	case N_BINARY:
		return plan_binary(pl, n, top);
	case N_IF:
		return plan_if(pl, n, top);
	case N_AS:
		return plan_as(pl, n, top);
	case N_DEF:
		return plan_def(pl, n, top);
	default:
		return not_plain(pl, ask_kind_name(n));
	}
}

/* ---- the whole ---- */

bool plan_is_native(const struct plan *p)
{
	if (!p)
		return true;
	if (p->op == P_JQ)
		return false;
	for (size_t i = 0; p->v && i < p->n; i++)
		if (!plan_is_native(p->v[i]))
			return false;
	for (size_t i = 0; p->entries && i < p->n; i++)
		if (!plan_is_native(p->entries[i].key) ||
		    !plan_is_native(p->entries[i].val))
			return false;
	return plan_is_native(p->a) && plan_is_native(p->b) &&
	       plan_is_native(p->c);
}

/* Numbers the pieces of a plan. */
static void number_pieces(struct planner *pl, struct plan *p)
{
	if (!p)
		return;
	if (p->op == P_JQ) {
		GROW(pl->pieces, pl->n_pieces, pl->cap_pieces);
		p->piece = pl->n_pieces;
		pl->pieces[pl->n_pieces++] = p;
		return;
	}
	number_pieces(pl, p->a);
	number_pieces(pl, p->b);
	number_pieces(pl, p->c);
	for (size_t i = 0; p->v && i < p->n; i++)
		number_pieces(pl, p->v[i]);
	for (size_t i = 0; p->entries && i < p->n; i++) {
		number_pieces(pl, p->entries[i].key);
		number_pieces(pl, p->entries[i].val);
	}
}

/* What the program itself says with error("..."). */
static void collect_errors(struct planner *pl, const struct node *n)
{
	struct str text;

	if (!n)
		return;
	if (n->kind == N_CALL && n->n == 1 && str_is(n->text, "error") &&
	    ask_text(n->v[0], &text)) {
		GROW(pl->own_errors, pl->n_own_errors, pl->cap_own_errors);
		pl->own_errors[pl->n_own_errors++] = text;
	}
	collect_errors(pl, n->a);
	collect_errors(pl, n->b);
	collect_errors(pl, n->c);
	for (size_t i = 0; i < n->n; i++)
		collect_errors(pl, n->v[i]);
}

/* Numbers of the program that libjq would change. */
static void check_numbers(struct planner *pl, const struct node *n, bool shown)
{
	double d;

	if (!n)
		return;
	/* Any piece may call what is defined. */
	shown = shown || n->kind == N_DEF;
	if (shown && n->kind == N_NUMBER && num_to_double(n->text, &d) < 0)
		pl->inexact = n->line;
	check_numbers(pl, n->a, shown);
	check_numbers(pl, n->b, shown && n->kind != N_DEF);
	check_numbers(pl, n->c, shown);
	for (size_t i = 0; i < n->n; i++)
		check_numbers(pl, n->v[i], shown);
}

/* Marks the objects whose members are those of the result. */
static void mark_final(struct plan *p)
{
	switch (p->op) {
	case P_OBJECT:
		p->final = !p->dynamic;
		break;
	case P_IF:
		mark_final(p->b);
		mark_final(p->c);
		break;
	case P_PIPE:
	case P_BIND:
		mark_final(p->b);
		break;
	case P_ADD: /* merge() leaves out what failed */
		if (p->b->op == P_OBJECT)
			mark_final(p->b);
		break;
	default:
		break;
	}
}

struct plan *plan_make(struct planner *pl, struct node *root)
{
	struct plan *p = plan_any(pl, root, true);

	mark_final(p);
	number_pieces(pl, p);
	if (!pl->n_pieces)
		return p;
	collect_errors(pl, root);
	check_numbers(pl, root, false);
	for (size_t i = 0; i < pl->n_pieces; i++)
		check_numbers(pl, pl->pieces[i]->node, true);
	return p;
}

struct plan *plan_whole(struct planner *pl, struct str text)
{
	struct node *n = arena_get(pl->mem, sizeof *n);
	struct plan *p;

	*n = (struct node){ .kind = N_LOC, .line = 1, .src = text };
	p = make(pl, P_JQ, n);
	p->node = n;
	p->top = true;
	p->one = false;
	p->text = text;
	p->defs = STR("");
	p->why = STR("all of it");
	p->uses = arena_get(pl->mem, 256);
	memset(p->uses, true, 256);
	names_all(&p->reads);
	number_pieces(pl, p);
	return p;
}
