/* SPDX-License-Identifier: MIT */
#include "common/prog_ask.h"

#include "common/mem.h"

void *plan_room(struct planner *pl, void *v, size_t n, size_t size)
{
	void *more;

	if (n & (n - 1))
		return v;
	more = arena_get(pl->mem, (n ? 2 * n : 1) * size);
	if (n)
		memcpy(more, v, n * size);
	return more;
}

void names_add(struct planner *pl, struct names *names, struct str name)
{
	if (names->n == SIZE_MAX)
		return;
	for (size_t i = 0; i < names->n; i++)
		if (str_eq(names->v[i], name))
			return;
	names->v = plan_room(pl, names->v, names->n, sizeof *names->v);
	names->v[names->n++] = name;
}

void names_all(struct names *names)
{
	names->n = SIZE_MAX;
}

void names_join(struct planner *pl, struct names *to, const struct names *from)
{
	if (from->n == SIZE_MAX)
		names_all(to);
	for (size_t i = 0; to->n != SIZE_MAX && i < from->n; i++)
		names_add(pl, to, from->v[i]);
}

/* ---- questions about the tree ---- */

/* A string without parts to compute: its text. */
bool ask_text(const struct node *n, struct str *text)
{
	if (n->kind != N_STRING || n->n > 1 ||
	    (n->n == 1 && n->v[0]->kind != N_TEXT))
		return false;
	*text = n->n ? n->v[0]->text : STR("");
	return true;
}

/* .name of whatever the expression stands on. */
bool ask_member_of_dot(const struct node *n, struct str *name)
{
	return n->kind == N_INDEX && n->a->kind == N_DOT &&
	       ask_text(n->b, name);
}

struct node *ask_def(struct planner *pl, const struct node *call, size_t *at)
{
	for (size_t i = pl->n_defs; i--;)
		if (str_eq(pl->defs[i]->text, call->text) &&
		    pl->defs[i]->n == call->n) {
			*at = i;
			return pl->defs[i];
		}
	return NULL;
}

bool ask_builtin(struct planner *pl, const struct node *n, const char *name,
		 size_t args)
{
	size_t at;

	return n->kind == N_CALL && n->n == args && str_is(n->text, name) &&
	       !ask_def(pl, n, &at);
}

ssize_t ask_var(const struct planner *pl, struct str name)
{
	for (size_t i = 0; i < pl->n_vars; i++)
		if (str_is(name, pl->vars[i].name))
			return (ssize_t)i;
	return -1;
}

/* The same for one that is in force here. */
ssize_t ask_bound(const struct planner *pl, struct str name)
{
	ssize_t at = ask_var(pl, name);

	return at >= 0 && pl->vars[at].in_force ? at : -1;
}

void ask_push_def(struct planner *pl, struct node *n)
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

static bool all_give_one(struct planner *pl, const struct node *n)
{
	for (size_t i = 0; i < n->n; i++)
		if (!ask_gives_one(pl, n->v[i]))
			return false;
	return true;
}

/*
 * Goes to where a definition stands: in force is what stood before it. False:
 * it calls itself, or there has been enough of this.
 */
bool ask_enter_def(struct planner *pl, size_t at, struct scope *saved)
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

void ask_leave_def(struct planner *pl, size_t at, const struct scope *saved)
{
	saved->defs[at]->opt = false;
	memcpy(pl->defs, saved->defs, saved->n * sizeof *saved->defs);
	pl->n_defs = saved->n;
}

static bool call_gives_one(struct planner *pl, const struct node *n)
{
	struct scope saved;
	size_t at;
	struct node *def = ask_def(pl, n, &at);
	bool one;

	if (!def)
		return among(n->text, one_builtins) &&
		       (among(n->text, loop_builtins) || all_give_one(pl, n));
	if (def->kind == N_CALL)
		return true; /* a parameter: its argument has been looked at */
	if (!all_give_one(pl, n) || !ask_enter_def(pl, at, &saved))
		return false;
	for (size_t i = 0; i < def->n; i++)
		if (def->v[i]->kind == N_CALL)
			ask_push_def(pl, def->v[i]);
	one = ask_gives_one(pl, def->a);
	ask_leave_def(pl, at, &saved);
	return one;
}

/* One value or an error, never none or more. */
bool ask_gives_one(struct planner *pl, const struct node *n)
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
		return !n->opt && ask_gives_one(pl, n->a) &&
		       ask_gives_one(pl, n->b);
	case N_SLICE:
		return !n->opt && ask_gives_one(pl, n->a) &&
		       (!n->b || ask_gives_one(pl, n->b)) &&
		       (!n->c || ask_gives_one(pl, n->c));
	case N_CALL:
		return call_gives_one(pl, n);
	case N_PIPE:
	case N_ALT:
	case N_BINARY:
		return ask_gives_one(pl, n->a) && ask_gives_one(pl, n->b);
	case N_NEGATE:
		return ask_gives_one(pl, n->a);
	case N_IF:
		return ask_gives_one(pl, n->a) && ask_gives_one(pl, n->b) &&
		       ask_gives_one(pl, n->c);
	case N_TRY:
		return n->b && ask_gives_one(pl, n->a) &&
		       ask_gives_one(pl, n->b);
	case N_REDUCE:
		return ask_gives_one(pl, n->b) && ask_gives_one(pl, n->c);
	case N_AS:
		return n->plain_pattern && ask_gives_one(pl, n->a) &&
		       ask_gives_one(pl, n->b);
	default:
		return false;
	}
}

static void call_reads(struct planner *pl, const struct node *n,
		       struct names *names)
{
	struct scope saved;
	size_t at;
	struct node *def = ask_def(pl, n, &at);
	bool sees;

	for (size_t i = 0; i < n->n; i++)
		ask_reads(pl, n->v[i], names);
	if (def && def->kind == N_CALL)
		return; /* a parameter: its argument has been looked at */
	if (def) {
		if (!ask_enter_def(pl, at, &saved)) {
			names_all(names);
			return;
		}
		for (size_t i = 0; i < def->n; i++)
			ask_push_def(pl, def->v[i]);
		ask_reads(pl, def->a, names);
		ask_leave_def(pl, at, &saved);
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
void ask_reads(struct planner *pl, const struct node *n, struct names *names)
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
			ask_reads(pl, n->v[i], names);
		return;
	case N_INDEX:
		if (ask_member_of_dot(n, &name)) {
			names_add(pl, names, name);
			return;
		}
		/* fall through */
	case N_SLICE:
	case N_EACH:
		ask_reads(pl, n->a, names);
		ask_reads(pl, n->b, names);
		ask_reads(pl, n->c, names);
		return;
	case N_ARRAY:
	case N_NEGATE:
	case N_LABEL:
		ask_reads(pl, n->a, names);
		return;
	case N_CALL:
		call_reads(pl, n, names);
		return;
	case N_PIPE:
		if (n->a->kind == N_DOT)
			ask_reads(pl, n->b, names);
		else
			ask_reads(pl, n->a, names);
		return;
	case N_TRY: /* what catch sees is the error */
		ask_reads(pl, n->a, names);
		return;
	case N_COMMA:
	case N_ALT:
	case N_BINARY:
		ask_reads(pl, n->a, names);
		ask_reads(pl, n->b, names);
		return;
	case N_IF:
		ask_reads(pl, n->a, names);
		ask_reads(pl, n->b, names);
		ask_reads(pl, n->c, names);
		return;
	case N_REDUCE:
	case N_FOREACH: /* the rest sees what is folded */
		ask_reads(pl, n->a, names);
		ask_reads(pl, n->b, names);
		if (!n->plain_pattern)
			names_all(names);
		return;
	case N_AS:
		ask_reads(pl, n->a, names);
		ask_reads(pl, n->b, names);
		if (!n->plain_pattern)
			names_all(names);
		return;
	case N_DEF:
		saved = pl->n_defs;
		ask_push_def(pl, (struct node *)n);
		ask_reads(pl, n->b, names);
		pl->n_defs = saved;
		return;
	default:
		names_all(names);
	}
}

/* Marks the variables that an expression names. */
void ask_vars(struct planner *pl, const struct node *n, bool *uses)
{
	ssize_t at;

	if (!n)
		return;
	if (n->kind == N_VAR && (at = ask_bound(pl, n->text)) >= 0)
		uses[at] = true;
	ask_vars(pl, n->a, uses);
	ask_vars(pl, n->b, uses);
	ask_vars(pl, n->c, uses);
	for (size_t i = 0; i < n->n; i++)
		ask_vars(pl, n->v[i], uses);
}

struct str ask_kind_name(const struct node *n)
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
	case N_INDEX:
	case N_EACH:
		return STR("a path");
	case N_CONST:
	case N_NUMBER:
		return STR("a constant");
	case N_STRING:
		return STR("a string");
	case N_ARRAY:
		return STR("an array");
	case N_VAR:
	case N_LOC:
		return STR("a variable");
	case N_COMMA:
		return STR(",");
	case N_ALT:
		return STR("//");
	case N_IF:
		return STR("if");
	default:
		return n->text;
	}
}

/* ---- what has no meaning here ---- */

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

/*
 * A record is all that a program sees, and a value all that it gives. Where the
 * caller binds $ENV, env is another name for it.
 */
const char *plan_forbidden(struct planner *pl, struct node *n, unsigned *line)
{
	const char *found = NULL;
	size_t saved = pl->n_defs, at;

	if (!n)
		return NULL;
	*line = n->line;
	if (ask_builtin(pl, n, "env", 0) && ask_var(pl, STR("ENV")) >= 0) {
		n->kind = N_VAR;
		n->text = STR("ENV");
	}
	if (n->kind == N_VAR && str_is(n->text, "ENV") &&
	    ask_var(pl, n->text) < 0)
		return "$ENV";
	if (n->kind == N_CALL && !ask_def(pl, n, &at))
		for (size_t i = 0; i < ARRAY_LEN(forbidden); i++)
			if (str_is(n->text, forbidden[i]))
				return forbidden[i];
	if (n->kind == N_DEF)
		for (size_t i = 0; i < n->n; i++)
			ask_push_def(pl, n->v[i]);
	if (n->kind == N_DEF)
		ask_push_def(pl, n);
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
