/* SPDX-License-Identifier: MIT */
/*
 * Is every name in a program bound? libjq would tell, but starting it takes ten
 * times as long as all the rest, so what is plainly right is not shown to it.
 * Of jq's own functions those are listed that mappings use; whoever calls
 * another one waits for libjq.
 */
#include "common/prog_ask.h"

/* Of jq 1.6: the name, and how many arguments there are. */
static const char builtins[] =
    " IN/1 IN/2 INDEX/1 INDEX/2 add/0 all/0 all/1 all/2 any/0 any/1 any/2 "
    "arrays/0 ascii_downcase/0 ascii_upcase/0 booleans/0 capture/1 capture/2 "
    "ceil/0 combinations/0 combinations/1 contains/1 del/1 delpaths/1 empty/0 "
    "endswith/1 error/0 error/1 explode/0 fabs/0 first/0 first/1 flatten/0 "
    "flatten/1 floor/0 format/1 from_entries/0 fromdate/0 fromdateiso8601/0 "
    "fromjson/0 getpath/1 gmtime/0 group_by/1 gsub/2 gsub/3 has/1 implode/0 "
    "in/1 index/1 indices/1 inside/1 isempty/1 isnan/0 iterables/0 join/1 "
    "keys/0 keys_unsorted/0 last/0 last/1 leaf_paths/0 length/0 limit/2 log/0 "
    "ltrimstr/1 map/1 map_values/1 match/1 match/2 max/0 max_by/1 min/0 "
    "min_by/1 mktime/0 not/0 now/0 nth/1 nth/2 nulls/0 numbers/0 objects/0 "
    "path/1 paths/0 paths/1 pow/2 range/1 range/2 range/3 recurse/0 recurse/1 "
    "recurse/2 repeat/1 reverse/0 rindex/1 round/0 rtrimstr/1 scalars/0 scan/1 "
    "select/1 setpath/2 sort/0 sort_by/1 split/1 split/2 splits/1 splits/2 "
    "sqrt/0 startswith/1 strftime/1 strings/0 strptime/1 sub/2 sub/3 test/1 "
    "test/2 to_entries/0 todate/0 todateiso8601/0 tojson/0 tonumber/0 "
    "tostring/0 transpose/0 type/0 unique/0 unique_by/1 until/2 "
    "utf8bytelength/0 values/0 walk/1 while/2 with_entries/1 ";

static bool is_builtin(struct planner *pl, const struct node *call)
{
	buf_reset(&pl->scratch);
	buf_addf(&pl->scratch, " %.*s/%zu ", STR_ARG(call->text), call->n);
	return strstr(builtins, pl->scratch.data) != NULL;
}

/* Variables in force where the walk is. */
struct bound {
	struct names names;
};

static bool known(struct planner *pl, struct node *n, struct bound *b);

static bool is_bound(const struct bound *b, struct str name)
{
	for (size_t i = 0; i < b->names.n; i++)
		if (str_eq(b->names.v[i], name))
			return true;
	return false;
}

/* n with one more variable in force. */
static bool known_with(struct planner *pl, struct node *n, struct str var,
		       struct bound *b)
{
	bool shadows = is_bound(b, var), ok;

	names_add(pl, &b->names, var);
	ok = known(pl, n, b);
	b->names.n -= !shadows;
	return ok;
}

static bool known_def(struct planner *pl, struct node *n, struct bound *b)
{
	size_t defs = pl->n_defs, vars = b->names.n;
	bool ok;

	ask_push_def(pl, n);
	for (size_t i = 0; i < n->n; i++)
		if (n->v[i]->kind == N_CALL)
			ask_push_def(pl, n->v[i]);
		else
			names_add(pl, &b->names, n->v[i]->text);
	ok = known(pl, n->a, b);
	b->names.n = vars;
	pl->n_defs = defs + 1;
	ok = ok && known(pl, n->b, b);
	pl->n_defs = defs;
	return ok;
}

static bool known_all(struct planner *pl, struct node *n, struct bound *b)
{
	if (!known(pl, n->a, b) || !known(pl, n->b, b) || !known(pl, n->c, b))
		return false;
	for (size_t i = 0; i < n->n; i++)
		if (!known(pl, n->v[i], b))
			return false;
	return true;
}

static bool known(struct planner *pl, struct node *n, struct bound *b)
{
	size_t at;

	if (!n)
		return true;
	switch (n->kind) {
	case N_VAR:
		return is_bound(b, n->text);
	case N_CALL:
		return (ask_def(pl, n, &at) || is_builtin(pl, n)) &&
		       known_all(pl, n, b);
	case N_DEF:
		return known_def(pl, n, b);
	case N_AS:
		return n->plain_pattern && known(pl, n->a, b) &&
		       known_with(pl, n->b, n->text, b);
	case N_REDUCE:
		return n->plain_pattern && known(pl, n->a, b) &&
		       known_with(pl, n->b, n->text, b) &&
		       known_with(pl, n->c, n->text, b);
	case N_FOREACH:
	case N_LABEL:
	case N_BREAK:
	case N_FORMAT:
		return false;
	default:
		return known_all(pl, n, b);
	}
}

bool ask_known(struct planner *pl, struct node *root, size_t n_given)
{
	struct bound b = { .names = { .n = 0 } };

	for (size_t i = 0; i < n_given; i++)
		names_add(pl, &b.names, str_of(pl->vars[i].name));
	return known(pl, root, &b);
}
