/* SPDX-License-Identifier: MIT */
/*
 * From tree to plan. plan_node answers NULL for what is not in the plain
 * subset; plan_any makes a piece for libjq of that. Where an operation needs
 * exactly one value of a part, a piece will do only if it can be told that it
 * gives one (gives_one).
 */
#include "common/prog_plan.h"

#include "common/mem.h"
#include "common/prog_num.h"

/* What enter_def leaves behind. */
struct scope {
	struct node **defs;
	size_t n;
};

static struct plan *plan_node(struct planner *pl, struct node *n, bool top);
static struct plan *plan_any(struct planner *pl, struct node *n, bool top);

static struct plan *make(struct planner *pl, enum plan_op op,
			 const struct node *n)
{
	struct plan *p = arena_get(pl->mem, sizeof *p);

	*p = (struct plan){ .op = op, .one = true, .line = n->line };
	return p;
}

static void *room(struct planner *pl, void *v, size_t n, size_t size)
{
	void *more;

	if (n & (n - 1))
		return v;
	more = arena_get(pl->mem, (n ? 2 * n : 1) * size);
	if (n)
		memcpy(more, v, n * size);
	return more;
}

static void names_add(struct planner *pl, struct names *names, struct str name)
{
	if (names->n == SIZE_MAX)
		return;
	for (size_t i = 0; i < names->n; i++)
		if (str_eq(names->v[i], name))
			return;
	names->v = room(pl, names->v, names->n, sizeof *names->v);
	names->v[names->n++] = name;
}

static void names_all(struct names *names)
{
	names->n = SIZE_MAX;
}

static void names_join(struct planner *pl, struct names *to,
		       const struct names *from)
{
	if (from->n == SIZE_MAX)
		names_all(to);
	for (size_t i = 0; to->n != SIZE_MAX && i < from->n; i++)
		names_add(pl, to, from->v[i]);
}

/* ---- questions about the tree ---- */

/* A string without parts to compute: its text. */
static bool is_text(const struct node *n, struct str *text)
{
	if (n->kind != N_STRING || n->n > 1 ||
	    (n->n == 1 && n->v[0]->kind != N_TEXT))
		return false;
	*text = n->n ? n->v[0]->text : STR("");
	return true;
}

/* .name of whatever the expression stands on. */
static bool is_member_of_dot(const struct node *n, struct str *name)
{
	return n->kind == N_INDEX && n->a->kind == N_DOT && is_text(n->b, name);
}

static struct node *find_def(struct planner *pl, const struct node *call,
			     size_t *at)
{
	for (size_t i = pl->n_defs; i--;)
		if (str_eq(pl->defs[i]->text, call->text) &&
		    pl->defs[i]->n == call->n) {
			*at = i;
			return pl->defs[i];
		}
	return NULL;
}

static bool is_builtin(struct planner *pl, const struct node *n,
		       const char *name, size_t args)
{
	size_t at;

	return n->kind == N_CALL && n->n == args && str_is(n->text, name) &&
	       !find_def(pl, n, &at);
}

static ssize_t find_var(const struct planner *pl, struct str name)
{
	for (size_t i = 0; i < pl->n_vars; i++)
		if (str_is(name, pl->vars[i].name))
			return (ssize_t)i;
	return -1;
}

/* The same for one that is in force here. */
static ssize_t find_bound(const struct planner *pl, struct str name)
{
	ssize_t at = find_var(pl, name);

	return at >= 0 && pl->vars[at].in_force ? at : -1;
}

static void push_def(struct planner *pl, struct node *n)
{
	GROW(pl->defs, pl->n_defs, pl->cap_defs);
	pl->defs[pl->n_defs++] = n;
}

/* Is it one of these words, each with a space before and behind? */
static bool among(struct str word, const char *words)
{
	for (const char *p = words; (p = strchr(p, ' ')); p++)
		if (strncmp(p + 1, word.s, word.n) == 0 && p[1 + word.n] == ' ')
			return true;
	return false;
}

/* Builtins that give one value if each argument does. */
static const char one_builtins[] =
    " length utf8bytelength not keys keys_unsorted add any all flatten floor "
    "ceil round sqrt pow log fabs tostring tonumber type sort sort_by group_by "
    "min max min_by max_by unique unique_by reverse contains inside startswith "
    "endswith ltrimstr rtrimstr explode implode split join ascii_downcase "
    "ascii_upcase ascii todate fromdate now dateadd datesub date "
    "fromdateiso8601 todateiso8601 strftime strptime mktime gmtime "
    "strflocaltime localtime gsub sub test tojson fromjson has in map "
    "map_values to_entries from_entries with_entries index rindex indices "
    "isnan isinfinite isnormal infinite nan transpose del delpaths error walk ";

/* Of these, whose arguments run in a loop and may give what they like. */
static const char loop_builtins[] =
    " map map_values with_entries sort_by group_by unique_by min_by max_by any "
    "all del ";

/* Builtins that do not look at their input, but for their arguments. */
static const char blind_builtins[] =
    " empty error now range limit first last isempty infinite nan ";

static bool gives_one(struct planner *pl, const struct node *n);

static bool all_give_one(struct planner *pl, const struct node *n)
{
	for (size_t i = 0; i < n->n; i++)
		if (!gives_one(pl, n->v[i]))
			return false;
	return true;
}

/*
 * Goes to where a definition stands: in force is what stood before it. False:
 * it calls itself, or there has been enough of this.
 */
static bool enter_def(struct planner *pl, size_t at, struct scope *saved)
{
	struct node *def = pl->defs[at];

	if (def->kind != N_DEF || def->opt || !pl->calls_left)
		return false;
	pl->calls_left--;
	saved->n = pl->n_defs;
	saved->defs = arena_get(pl->mem, pl->n_defs * sizeof *saved->defs);
	memcpy(saved->defs, pl->defs, pl->n_defs * sizeof *saved->defs);
	pl->n_defs = at + 1;
	/* A definition does not need the mark for what it means elsewhere. */
	def->opt = true;
	return true;
}

static void leave_def(struct planner *pl, size_t at, const struct scope *saved)
{
	saved->defs[at]->opt = false;
	memcpy(pl->defs, saved->defs, saved->n * sizeof *saved->defs);
	pl->n_defs = saved->n;
}

static bool call_gives_one(struct planner *pl, const struct node *n)
{
	struct scope saved;
	size_t at;
	struct node *def = find_def(pl, n, &at);
	bool one;

	if (!def)
		return among(n->text, one_builtins) &&
		       (among(n->text, loop_builtins) || all_give_one(pl, n));
	if (def->kind == N_CALL)
		return true; /* a parameter: its argument has been looked at */
	if (!all_give_one(pl, n) || !enter_def(pl, at, &saved))
		return false;
	for (size_t i = 0; i < def->n; i++)
		if (def->v[i]->kind == N_CALL)
			push_def(pl, def->v[i]);
	one = gives_one(pl, def->a);
	leave_def(pl, at, &saved);
	return one;
}

/* One value or an error, never none or more. */
static bool gives_one(struct planner *pl, const struct node *n)
{
	switch (n->kind) {
	case N_DOT:
	case N_CONST:
	case N_NUMBER:
	case N_TEXT:
	case N_FORMAT:
	case N_ARRAY:
	case N_VAR:
	case N_LOC:
		return true;
	case N_STRING:
	case N_OBJECT:
		return all_give_one(pl, n);
	case N_INDEX:
		return !n->opt && gives_one(pl, n->a) && gives_one(pl, n->b);
	case N_SLICE:
		return !n->opt && gives_one(pl, n->a) &&
		       (!n->b || gives_one(pl, n->b)) &&
		       (!n->c || gives_one(pl, n->c));
	case N_CALL:
		return call_gives_one(pl, n);
	case N_PIPE:
	case N_ALT:
	case N_BINARY:
		return gives_one(pl, n->a) && gives_one(pl, n->b);
	case N_NEGATE:
		return gives_one(pl, n->a);
	case N_IF:
		return gives_one(pl, n->a) && gives_one(pl, n->b) &&
		       gives_one(pl, n->c);
	case N_TRY:
		return n->b && gives_one(pl, n->a) && gives_one(pl, n->b);
	case N_REDUCE:
		return gives_one(pl, n->b) && gives_one(pl, n->c);
	case N_AS:
		return n->plain_pattern && gives_one(pl, n->a) &&
		       gives_one(pl, n->b);
	default:
		return false;
	}
}

static void reads(struct planner *pl, const struct node *n,
		  struct names *names);

static void call_reads(struct planner *pl, const struct node *n,
		       struct names *names)
{
	struct scope saved;
	size_t at;
	struct node *def = find_def(pl, n, &at);
	bool sees;

	for (size_t i = 0; i < n->n; i++)
		reads(pl, n->v[i], names);
	if (def && def->kind == N_CALL)
		return; /* a parameter: its argument has been looked at */
	if (def) {
		if (!enter_def(pl, at, &saved)) {
			names_all(names);
			return;
		}
		for (size_t i = 0; i < def->n; i++)
			push_def(pl, def->v[i]);
		reads(pl, def->a, names);
		leave_def(pl, at, &saved);
		return;
	}
	sees = !among(n->text, blind_builtins);
	/* first and last without arguments look at their input. */
	if ((str_is(n->text, "first") || str_is(n->text, "last") ||
	     str_is(n->text, "error")) &&
	    n->n == 0)
		sees = true;
	if (sees)
		names_all(names);
}

/* Which members of its input an expression may look at. */
static void reads(struct planner *pl, const struct node *n, struct names *names)
{
	struct str name;
	size_t saved;

	if (!n || names->n == SIZE_MAX)
		return;
	switch (n->kind) {
	case N_CONST:
	case N_NUMBER:
	case N_TEXT:
	case N_VAR:
	case N_LOC:
	case N_BREAK:
		return;
	case N_STRING:
	case N_OBJECT:
		for (size_t i = 0; i < n->n; i++)
			reads(pl, n->v[i], names);
		return;
	case N_INDEX:
		if (is_member_of_dot(n, &name)) {
			names_add(pl, names, name);
			return;
		}
		/* fall through */
	case N_SLICE:
	case N_EACH:
		reads(pl, n->a, names);
		reads(pl, n->b, names);
		reads(pl, n->c, names);
		return;
	case N_ARRAY:
	case N_NEGATE:
	case N_LABEL:
		reads(pl, n->a, names);
		return;
	case N_CALL:
		call_reads(pl, n, names);
		return;
	case N_PIPE:
		if (n->a->kind == N_DOT)
			reads(pl, n->b, names);
		else
			reads(pl, n->a, names);
		return;
	case N_TRY: /* what catch sees is the error */
		reads(pl, n->a, names);
		return;
	case N_COMMA:
	case N_ALT:
	case N_BINARY:
		reads(pl, n->a, names);
		reads(pl, n->b, names);
		return;
	case N_IF:
		reads(pl, n->a, names);
		reads(pl, n->b, names);
		reads(pl, n->c, names);
		return;
	case N_REDUCE:
	case N_FOREACH: /* the rest sees what is folded */
		reads(pl, n->a, names);
		reads(pl, n->b, names);
		if (!n->plain_pattern)
			names_all(names);
		return;
	case N_AS:
		reads(pl, n->a, names);
		reads(pl, n->b, names);
		if (!n->plain_pattern)
			names_all(names);
		return;
	case N_DEF:
		saved = pl->n_defs;
		push_def(pl, (struct node *)n);
		reads(pl, n->b, names);
		pl->n_defs = saved;
		return;
	default:
		names_all(names);
	}
}

/* Marks the variables that an expression names. */
static void mark_vars(struct planner *pl, const struct node *n, bool *uses)
{
	ssize_t at;

	if (!n)
		return;
	if (n->kind == N_VAR && (at = find_bound(pl, n->text)) >= 0)
		uses[at] = true;
	mark_vars(pl, n->a, uses);
	mark_vars(pl, n->b, uses);
	mark_vars(pl, n->c, uses);
	for (size_t i = 0; i < n->n; i++)
		mark_vars(pl, n->v[i], uses);
}

/* ---- pieces for libjq ---- */

static struct plan *piece(struct planner *pl, struct node *n, bool top)
{
	struct plan *p = make(pl, P_JQ, n);
	struct buf defs = BUF_INIT;

	p->node = n;
	p->top = top;
	p->why = pl->why;
	p->one = gives_one(pl, n);
	p->text = n->src;
	/* Room for variables that are bound later on. */
	p->uses = arena_get(pl->mem, 256);
	memset(p->uses, 0, 256);
	mark_vars(pl, n, p->uses);
	for (size_t i = 0; i < pl->n_defs; i++) {
		buf_adds(&defs, pl->defs[i]->src);
		buf_addc(&defs, '\n');
		mark_vars(pl, pl->defs[i]->a, p->uses);
	}
	p->defs = arena_copy(pl->mem, buf_str(&defs));
	buf_release(&defs);
	reads(pl, n, &p->reads);
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

	if (is_text(n, &text))
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

static struct plan *plan_index(struct planner *pl, struct node *n, bool top)
{
	struct plan *p = make(pl, P_MEMBER, n), *key;
	struct str name;

	p->opt = n->opt;
	if (is_text(n->b, &name)) {
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
		if (p->op == P_LOOKUP && key->op != P_VAR &&
		    key->op != P_MEMBER && key->op != P_TOP_MEMBER &&
		    key->op != P_STRING)
			return not_plain(pl, STR("a computed name"));
		p->b = key;
	}
	p->a = plan_any(pl, n->a, top);
	p->one = p->a->one && !n->opt;
	return p;
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
		if (is_text(key, &e->name)) {
			buf_reset(&pl->scratch);
			json_put_str(&pl->scratch, e->name);
			buf_addc(&pl->scratch, ':');
			e->prefix = arena_copy(pl->mem, buf_str(&pl->scratch));
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

static bool is_native(const struct plan *p);

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

/* The names of del(.a, .b), or false. */
static bool deleted(struct planner *pl, struct node *n, struct plan *p)
{
	struct str name;

	if (n->kind == N_COMMA)
		return deleted(pl, n->a, p) && deleted(pl, n->b, p);
	if (!is_member_of_dot(n, &name) || n->opt)
		return false;
	p->v = room(pl, p->v, p->n, sizeof *p->v);
	p->v[p->n] = make(pl, P_CONST, n);
	p->v[p->n++]->text = name;
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

static struct plan *plan_fn(struct planner *pl, struct node *n)
{
	static const struct {
		const char *name;
		size_t args;
		enum plan_fn fn;
	} fns[] = {
		{ "tostring", 0, FN_TOSTRING },
		{ "tojson", 0, FN_TOJSON },
		{ "tonumber", 0, FN_TONUMBER },
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
	};
	struct plan *p = make(pl, P_CALL, n);

	for (size_t i = 0; i < ARRAY_LEN(fns); i++) {
		if (!is_builtin(pl, n, fns[i].name, fns[i].args))
			continue;
		/* What to look for must stand in the program. */
		if (n->n && !is_text(n->v[0], &p->text))
			break;
		p->fn = fns[i].fn;
		return p;
	}
	return not_plain(pl, n->text);
}

/* def f: ...; without parameters stands for its body, if that is plain. */
static struct plan *plan_defined(struct planner *pl, struct node *n,
				 struct node *def, size_t at, bool top)
{
	struct scope saved;
	struct plan *p;

	if (def->n || !enter_def(pl, at, &saved))
		return not_plain(pl, n->text);
	p = plan_node(pl, def->a, top);
	leave_def(pl, at, &saved);
	return p && is_native(p) ? p : not_plain(pl, n->text);
}

static struct plan *plan_call(struct planner *pl, struct node *n, bool top)
{
	struct plan *p, *dot;
	struct node *def;
	struct str text;
	size_t at;

	def = find_def(pl, n, &at);
	if (def)
		return plan_defined(pl, n, def, at, top);
	if (is_builtin(pl, n, "empty", 0)) {
		p = make(pl, P_EMPTY, n);
		p->one = false;
		return p;
	}
	if (is_builtin(pl, n, "error", 1) && is_text(n->v[0], &text)) {
		p = make(pl, P_ERROR, n);
		p->text = text;
		return p;
	}
	if (is_builtin(pl, n, "select", 1)) {
		p = make(pl, P_SELECT, n);
		p->one = false;
		p->top = top;
		p->a = plan_any(pl, n->v[0], top);
		/* select of a piece is a piece: libjq sees all of it anyway. */
		return p->a->op == P_JQ ? NULL : p;
	}
	if (is_builtin(pl, n, "map", 1))
		return plan_map(pl, n, top);
	if (is_builtin(pl, n, "del", 1)) {
		p = make(pl, P_DELETE, n);
		p->top = top;
		return deleted(pl, n->v[0], p) ? p : not_plain(pl, n->text);
	}
	p = plan_fn(pl, n);
	if (p && top) {
		/* Functions take the current value. */
		dot = make(pl, P_TOP, n);
		p->a = dot;
	}
	return p;
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
	if (!n->plain_pattern || find_var(pl, n->text) >= 0 ||
	    pl->n_vars >= 255)
		return not_plain(pl, STR("as"));
	p->a = plan_any(pl, n->a, top);
	if (find_var(pl, n->text) >= 0)
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

	push_def(pl, n);
	p = plan_any(pl, n->b, top);
	pl->n_defs--;
	return p;
}

static struct str kind_name(const struct node *n)
{
	switch (n->kind) {
	case N_RECURSE:
		return STR("..");
	case N_SLICE:
		return STR("a slice");
	case N_ASSIGN:
	case N_BINARY:
		return n->text;
	case N_NEGATE:
		return STR("-");
	case N_TRY:
		return n->b ? STR("try") : STR("?");
	case N_REDUCE:
		return STR("reduce");
	case N_FOREACH:
		return STR("foreach");
	case N_LABEL:
	case N_BREAK:
		return STR("label");
	default:
		return n->text;
	}
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
		var = find_bound(pl, n->text);
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
		return not_plain(pl, kind_name(n));
	}
}

/* ---- the whole ---- */

static bool is_native(const struct plan *p)
{
	if (!p)
		return true;
	if (p->op == P_JQ)
		return false;
	for (size_t i = 0; p->v && i < p->n; i++)
		if (!is_native(p->v[i]))
			return false;
	for (size_t i = 0; p->entries && i < p->n; i++)
		if (!is_native(p->entries[i].key) ||
		    !is_native(p->entries[i].val))
			return false;
	return is_native(p->a) && is_native(p->b) && is_native(p->c);
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
	    is_text(n->v[0], &text)) {
		GROW(pl->own_errors, pl->n_own_errors, pl->cap_own_errors);
		pl->own_errors[pl->n_own_errors++] = text;
	}
	collect_errors(pl, n->a);
	collect_errors(pl, n->b);
	collect_errors(pl, n->c);
	for (size_t i = 0; i < n->n; i++)
		collect_errors(pl, n->v[i]);
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
	if (pl->n_pieces)
		collect_errors(pl, root);
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

/* ---- what has no meaning here ---- */

static bool has_prefix_var(const struct node *n, const char *name)
{
	return n->kind == N_VAR && str_is(n->text, name);
}

static const char *const forbidden[] = { "input",
					 "inputs",
					 "debug",
					 "stderr",
					 "env",
					 "halt",
					 "halt_error",
					 "input_filename",
					 "input_line_number",
					 "modulemeta",
					 "get_search_list" };

/* A record is all that a program sees, and a value all that it gives. */
const char *plan_forbidden(struct planner *pl, struct node *n, unsigned *line)
{
	const char *found = NULL;
	size_t saved = pl->n_defs, at;

	if (!n)
		return NULL;
	*line = n->line;
	if (has_prefix_var(n, "ENV"))
		return "$ENV";
	if (n->kind == N_CALL && !find_def(pl, n, &at))
		for (size_t i = 0; i < ARRAY_LEN(forbidden); i++)
			if (str_is(n->text, forbidden[i]))
				return forbidden[i];
	if (n->kind == N_DEF)
		for (size_t i = 0; i < n->n; i++)
			push_def(pl, n->v[i]);
	if (n->kind == N_DEF)
		push_def(pl, n);
	found = plan_forbidden(pl, n->a, line);
	if (!found)
		found = plan_forbidden(pl, n->b, line);
	if (!found)
		found = plan_forbidden(pl, n->c, line);
	for (size_t i = 0; !found && n->kind != N_DEF && i < n->n; i++)
		found = plan_forbidden(pl, n->v[i], line);
	pl->n_defs = saved;
	return found;
}

/* ---- the shape ---- */

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
	s->m = room(pl, s->m, s->n, sizeof *s->m);
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
	if (n->kind == N_VAR && (at = find_var(pl, n->text)) >= 0)
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
	mark_vars(pl, n, uses);
	for (size_t i = 0; i < pl->n_defs; i++)
		mark_vars(pl, pl->defs[i]->a, uses);
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
		reads(pl, n->v[2 * i + 1], &direct);
		through(pl, in, &direct, &all);
		add_bound(pl, n->v[2 * i + 1], bound, &all);
		m.reads = all.v;
		m.n_reads = all.n;
		m.uses = uses_of(pl, n->v[2 * i + 1]);
		m.native = is_native(e->val);
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
	s->without = room(pl, s->without, s->n_without, sizeof *s->without);
	s->without[s->n_without++] = name;
}

static bool shape_bind(struct planner *pl, struct node *n, const struct plan *p,
		       struct prog_shape *s, struct names *bound)
{
	struct names direct = { 0 }, all = { 0 };

	reads(pl, n->a, &direct);
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
		push_def(pl, n);
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
		return fail_shape(s, kind_name(n));
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
