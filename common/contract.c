/* SPDX-License-Identifier: MIT */
#include "common/contract_private.h"

#include "common/mem.h"
#include "common/msg.h"

/* ---- small things ---- */

struct str contract_keep(struct contract *c, struct str text)
{
	char *copy = xstrndup(text.n ? text.s : "", text.n);

	GROW(c->owned, c->n_owned, c->cap_owned);
	c->owned[c->n_owned++] = copy;
	return (struct str){ copy, text.n };
}

static size_t distance(struct str a, struct str b)
{
	size_t row[65], diagonal, above;

	for (size_t j = 0; j <= b.n; j++)
		row[j] = j;
	for (size_t i = 1; i <= a.n; i++) {
		diagonal = row[0];
		row[0] = i;
		for (size_t j = 1; j <= b.n; j++) {
			above = row[j];
			row[j] = MIN(MIN(row[j], row[j - 1]) + 1,
				     diagonal + (a.s[i - 1] != b.s[j - 1]));
			diagonal = above;
		}
	}
	return row[b.n];
}

bool contract_near(struct str a, struct str b)
{
	if (!a.n || !b.n || a.n > 64 || b.n > 64)
		return false;
	return distance(a, b) <= (MAX(a.n, b.n) > 4 ? 2 : 1);
}

/* ---- sets of names ---- */

static int read_name(struct contract *c, struct str v, struct str *out,
		     int *status, struct buf *err)
{
	struct buf scratch = BUF_INIT;
	int ret = contract_fill_in(c, json_text(v, &scratch), out, status, err);

	buf_release(&scratch);
	if (!ret && record_reserved_name(*out)) {
		*status = EX_CONFIG;
		return fail(err,
			    "%s: %.*s: a name that the tools keep for "
			    "themselves",
			    c->path, STR_ARG(*out));
	}
	return ret;
}

static int read_set(struct contract *c, struct str v, struct name_set *out,
		    int *status, struct buf *err)
{
	struct json_iter it;
	struct str e;

	if (json_type(v) == JSON_STRING) {
		out->v = xcalloc(1, sizeof *out->v);
		out->n = 1;
		return read_name(c, v, &out->v[0], status, err);
	}
	out->v = xcalloc(json_count(v) + 1, sizeof *out->v);
	json_iter_init(&it, v);
	while (json_iter_element(&it, &e))
		if (read_name(c, e, &out->v[out->n++], status, err) < 0)
			return -1;
	return 0;
}

/* A list of alternatives, each a name or a list of names. */
static int read_sets(struct contract *c, struct str v, struct name_set **out,
		     size_t *n, int *status, struct buf *err)
{
	struct json_iter it;
	struct str e;

	*out = xcalloc(json_count(v) + 1, sizeof **out);
	json_iter_init(&it, v);
	while (json_iter_element(&it, &e))
		if (read_set(c, e, &(*out)[(*n)++], status, err) < 0)
			return -1;
	return 0;
}

static int read_key(struct contract *c, int *status, struct buf *err)
{
	struct str key = json_get(c->root, "key");
	struct str any = json_get(key, "any"), one = json_get(key, "one");

	if (any.s || one.s) {
		c->key_mode = any.s ? KEY_ANY : KEY_ONE;
		return read_sets(c, any.s ? any : one, &c->keys, &c->n_keys,
				 status, err);
	}
	c->key_mode = KEY_ALL;
	c->keys = xcalloc(1, sizeof *c->keys);
	c->n_keys = 1;
	return read_set(c, key, &c->keys[0], status, err);
}

/* ---- which operation a change leads to ---- */

/* The operation of this name; *found false if there is none. */
static struct str operation(const struct contract *c, struct str name,
			    bool *found)
{
	struct str all = json_get(c->root, "operations"), v = STR_NONE;

	*found = json_find(all, name, &v) == 1;
	return *found && json_type(v) == JSON_OBJECT ? v : STR_NONE;
}

static int choose(struct contract *c, enum diff_result kind, struct str name,
		  const char *where, struct buf *err)
{
	struct buf list = BUF_INIT;
	struct json_iter it;
	struct json_member m;
	bool found;

	c->operation[kind] = operation(c, name, &found);
	c->operation_name[kind] = c->operation[kind].s ? name : STR_NONE;
	if (found)
		return 0;
	json_iter_init(&it, json_get(c->root, "operations"));
	while (json_iter_member(&it, &m))
		buf_addf(&list, "%s%.*s", list.len ? ", " : "", STR_ARG(m.key));
	fail(err, "%s: '%.*s' is no operation of %s: %s", where, STR_ARG(name),
	     c->name, list.data);
	buf_release(&list);
	return -1;
}

static int read_changes(struct contract *c, int *status, struct buf *err)
{
	struct str changes = json_get(c->root, "changes"), v, name;
	struct buf where = BUF_INIT, scratch = BUF_INIT;
	int ret = 0;

	for (int k = DIFF_ADDED; !ret && k <= DIFF_REMOVED; k++) {
		v = json_get(changes, diff_result_name((enum diff_result)k));
		if (!v.s || json_type(v) == JSON_NULL)
			continue;
		if (contract_fill_in(c, json_text(v, &scratch), &name, status,
				     err) < 0) {
			/* Only push must know; see enum contract_user. */
			ret = c->user == CONTRACT_FOR_PUSH ? -1 : 0;
			continue;
		}
		*status = EX_CONFIG;
		buf_reset(&where);
		buf_addf(&where, "%s: changes/%s", c->path,
			 diff_result_name((enum diff_result)k));
		ret = choose(c, (enum diff_result)k, name, where.data, err);
	}
	buf_release(&where);
	buf_release(&scratch);
	return ret;
}

/* --on removed=skip */
static int read_on(struct contract *c, const struct opt_list *on,
		   struct buf *err)
{
	for (size_t i = 0; i < on->n; i++) {
		struct str rest = str_of(on->v[i]), kind;
		enum diff_result k;

		str_split(&rest, '=', &kind);
		k = diff_result_of_word(kind);
		if (!k || !rest.n)
			return fail(err, "--on: added=, updated= or removed= "
					 "and skip or an operation is "
					 "expected");
		c->operation[k] = c->operation_name[k] = STR_NONE;
		if (!str_is(rest, "skip") &&
		    choose(c, k, rest, "--on", err) < 0)
			return -1;
	}
	return 0;
}

struct str contract_operation(const struct contract *c, enum diff_result kind,
			      struct str *name)
{
	/* What no diff stage marked is there, so it is added. */
	if (kind == DIFF_NONE)
		kind = DIFF_ADDED;
	*name = c->operation_name[kind];
	return c->operation[kind];
}

/* ---- loading ---- */

static int set_name(struct contract *c, const char *asked, struct buf *err)
{
	struct str name = json_get(c->root, "name");
	struct buf text = BUF_INIT;

	json_unescape(&text, (struct str){ name.s + 1, name.n - 2 });
	c->name = buf_take(&text);
	/* Found as a name, it should know itself by it. */
	if (strcmp(asked, c->path) != 0 && strcmp(asked, c->name) != 0)
		return fail(err, "%s: calls itself %s, but lies under %s",
			    c->path, c->name, asked);
	return 0;
}

static int load(struct contract *c, const struct contract_args *args,
		int *status, struct buf *err)
{
	struct buf text = BUF_INIT;
	struct str clear, identity;
	int ret = contract_read(args->name, &c->path, &text, status, err);

	if (!ret)
		c->root = contract_keep(c, buf_str(&text));
	buf_release(&text);
	if (ret < 0 || contract_check(c->root, c->path, err) < 0 ||
	    set_name(c, args->name, err) < 0 ||
	    contract_load_settings(c, args, status, err) < 0)
		return -1;
	identity = json_get(c->root, "identity");
	if (identity.s && read_sets(c, identity, &c->identity, &c->n_identity,
				    status, err) < 0)
		return -1;
	if (c->user == CONTRACT_FOR_DIFF)
		return 0;
	if (read_key(c, status, err) < 0 || read_changes(c, status, err) < 0)
		return -1;
	*status = EX_USAGE;
	if (read_on(c, &args->on, err) < 0)
		return -1;
	*status = EX_CONFIG;
	clear = json_get(c->root, "clear");
	c->clear = clear;
	if (contract_load_derived(c, status, err) < 0 ||
	    contract_load_record(c, json_get(c->root, "record"), false, status,
				 err) < 0)
		return -1;
	if (c->user == CONTRACT_FOR_PUSH)
		contract_set_to(c);
	return 0;
}

struct contract *contract_load(const struct contract_args *args,
			       enum contract_user user, int *status,
			       struct buf *err)
{
	struct contract *c = xcalloc(1, sizeof *c);

	c->user = user;
	*status = EX_CONFIG;
	if (load(c, args, status, err) == 0)
		return c;
	contract_free(c);
	return NULL;
}

struct contract *contract_of_record(struct str schema, struct buf *err)
{
	struct contract *c = xcalloc(1, sizeof *c);
	int status;

	c->user = CONTRACT_FOR_HASH;
	c->path = xstrdup("-f");
	c->name = xstrdup("");
	c->root = STR("{}");
	schema = contract_keep(c, schema);
	if (contract_load_record(c, schema, true, &status, err) == 0)
		return c;
	contract_free(c);
	return NULL;
}

static void free_sets(struct name_set *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(v[i].v);
	free(v);
}

void contract_free(struct contract *c)
{
	if (!c)
		return;
	contract_free_record(c);
	contract_free_derived(c);
	free_sets(c->keys, c->n_keys);
	free_sets(c->identity, c->n_identity);
	free(c->settings);
	for (size_t i = 0; i < c->n_owned; i++)
		free(c->owned[i]);
	free(c->owned);
	free(c->path);
	free(c->name);
	free(c->to);
	free(c);
}
