/* SPDX-License-Identifier: MIT */
/* The record schema's own keywords, read. See contract_rules.h. */
#include "common/contract_rules.h"

#include <sys/mman.h>

#include "common/file.h"
#include "common/mem.h"
#include "common/msg.h"

static const char *const own_keywords[] = {
	"normalize", "hash", "null", "invalid", "default", "hashed", NULL,
};

struct compile {
	struct contract *c;
	struct record_rules *r;
	struct buf path;
	int *status;
	struct buf *err;
};

static int wrong(struct compile *k, const char *fmt, ...) PRINTF_LIKE(2, 3);

static int wrong(struct compile *k, const char *fmt, ...)
{
	struct buf what = BUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	buf_vaddf(&what, fmt, ap);
	va_end(ap);
	fail(k->err, "%s: record%s%s: %s", k->c->path, k->path.len ? "/" : "",
	     k->path.data, what.data);
	buf_release(&what);
	return -1;
}

/* ---- keywords ---- */

/* A keyword of the node, or of what it refers to. */
static struct str own(const struct schema_node *n, const char *name)
{
	struct str v = STR_NONE;

	for (; n && !v.s; n = n->ref)
		if (json_type(n->text) == JSON_OBJECT)
			v = json_get(n->text, name);
	return v;
}

static bool has_own(const struct schema_node *n)
{
	for (const char *const *p = own_keywords; *p; p++)
		if (json_type(n->text) == JSON_OBJECT &&
		    json_get(n->text, *p).s)
			return true;
	return false;
}

static int word(struct compile *k, struct str v, const char *name,
		const char *const *words, int *out)
{
	for (int i = 0; words[i]; i++)
		if (json_text_is(v, words[i])) {
			*out = i;
			return 0;
		}
	return wrong(k, "%s: not one of its words", name);
}

static int setting_arg(void *arg, struct str name, struct str *text,
		       struct buf *err)
{
	struct compile *k = arg;

	return contract_need_setting(k->c, name, text, k->status, err);
}

#define KEY_LEAST 16 /* bytes: fewer can be found by trying */

/* "@FILE": the bytes of a file, without a line feed at its end. */
static int read_key_file(struct compile *k, struct rule *r, struct str at)
{
	struct buf text = BUF_INIT, why = BUF_INIT;
	const char *path = contract_keep(k->c, at).s + 1;
	int ret = -1;

	if (at.n < 2 || *at.s != '@') {
		wrong(k, "hash: a key is read from a file: =@FILE");
	} else if (file_read(path, 1 << 16, &text, &why) < 0) {
		wrong(k, "hash: %s", why.data);
	} else {
		if (text.len && text.data[text.len - 1] == '\n')
			buf_truncate(&text, text.len - 1);
		if (text.len < KEY_LEAST)
			wrong(k, "hash: %s: a key has %d bytes at least", path,
			      KEY_LEAST);
		else
			ret = 0;
		r->form.key = contract_keep(k->c, buf_str(&text));
	}
	buf_release(&text);
	buf_release(&why);
	return ret;
}

static int read_hash(struct compile *k, struct rule *r, struct str v)
{
	struct str rest = { v.s + 1, v.n - 2 }, name;

	if (json_type(v) != JSON_STRING)
		return wrong(k, "hash: not a text");
	r->hash = true;
	str_split(&rest, '=', &name);
	if (digest_form_parse(name, &r->form) < 0 ||
	    r->form.keyed != (rest.s != NULL) ||
	    (r->form.keyed && !k->r->ad_hoc))
		return wrong(k,
			     "hash: not a digest: sha256, sha1, sha512 or "
			     "md5, with :base64 or without%s",
			     k->r->ad_hoc ? "; or hmac-sha256=@FILE" : "");
	if (r->form.keyed)
		return read_key_file(k, r, rest);
	digest_put(&r->of_nothing, &r->form, STR(""));
	return 0;
}

/*
 * 32 hexadecimal digits are an MD5, but also the way in which many ids are
 * written: where the schema does not tell one from the other, the contract has
 * to say what they are.
 */
static int check_md5(struct compile *k, const struct rule *r)
{
	const struct str id = STR("\"0123456789abcdef0123456789abcdef\"");
	struct buf unused = BUF_INIT;
	struct schema_run quiet = { NULL, &unused };

	if (!r->hash || r->form.kind != DIGEST_MD5 || r->form.keyed ||
	    k->r->ad_hoc || r->form.base64 || own(r->node, "hashed").s ||
	    schema_node_check(r->node, id, &quiet, 0) < 0)
		return 0;
	return wrong(k, "hash: 32 hexadecimal digits may be an MD5 here, or a "
			"value to be hashed: say so by \"hashed\", or by a "
			"\"format\" or \"pattern\" of the value");
}

static int read_own(struct compile *k, struct rule *r)
{
	static const char *const nulls[] = { "omit", "clear", "reject", NULL };
	static const char *const with_keep[] = { "omit", "clear", "reject",
						 "keep", NULL };
	static const char *const invalids[] = { "reject", "omit", NULL };
	static const char *const hasheds[] = { "pass", "reject", NULL };
	struct str steps = own(r->node, "normalize");
	struct str hash = own(r->node, "hash"), null = own(r->node, "null");
	struct str invalid = own(r->node, "invalid");
	struct str hashed = own(r->node, "hashed");
	struct buf why = BUF_INIT;
	int n = 0;

	if (steps.s) {
		r->steps = normal_new(steps, setting_arg, k, &why);
		if (!r->steps) {
			n = wrong(k, "normalize: %s", why.data);
			buf_release(&why);
			return n;
		}
	}
	if (hash.s && read_hash(k, r, hash) < 0)
		return -1;
	if (null.s &&
	    word(k, null, "null", k->r->ad_hoc ? with_keep : nulls, &n) < 0)
		return -1;
	r->null = (enum null_mode)n;
	if (r->null == NULL_CLEAR && !k->c->clear.s)
		return wrong(k, "null: \"clear\", but the contract has no "
				"\"clear\"");
	n = 0;
	if (invalid.s && word(k, invalid, "invalid", invalids, &n) < 0)
		return -1;
	r->invalid_omit = n == 1;
	n = 0;
	if (hashed.s && word(k, hashed, "hashed", hasheds, &n) < 0)
		return -1;
	r->hashed_reject = n == 1;
	r->fallback = own(r->node, "default");
	if (r->fallback.s && json_type(r->fallback) == JSON_NULL)
		return wrong(k, "default: null stands for nothing");
	for (const struct schema_node *at = r->node; at; at = at->ref)
		r->own |= has_own(at);
	return 0;
}

/* ---- children ---- */

static struct rule *compile_rule(struct compile *k, struct schema_node *n);

const struct schema_node *rules_children(const struct schema_node *n)
{
	for (; n->ref; n = n->ref)
		if (n->properties.n || n->patterns.n || n->additional ||
		    n->items || n->prefix.n)
			break;
	return n;
}

static int read_child(struct compile *k, struct schema_node *n, struct str name,
		      struct rule **out)
{
	size_t mark = schema_path_add(&k->path, name);

	*out = compile_rule(k, n);
	if (!*out)
		return -1;
	buf_truncate(&k->path, mark);
	return 0;
}

static int read_members(struct compile *k, struct rule *r,
			const struct schema_members *from)
{
	for (size_t i = 0; i < from->n; i++) {
		struct rule_member *m = &r->members[r->n_members];

		m->name = from->v[i].name;
		m->pattern = from->v[i].pattern;
		if (read_child(k, from->v[i].node, m->name, &m->rule) < 0)
			return -1;
		r->n_members++;
	}
	return 0;
}

static int read_children(struct compile *k, struct rule *r)
{
	const struct schema_node *n = rules_children(r->node);
	char name[40];

	r->members =
	    xcalloc(n->properties.n + n->patterns.n + 1, sizeof *r->members);
	r->prefix = xcalloc(n->prefix.n + 1, sizeof(struct rule *));
	if (read_members(k, r, &n->properties) < 0 ||
	    read_members(k, r, &n->patterns) < 0)
		return -1;
	for (size_t i = 0; i < n->prefix.n; i++) {
		snprintf(name, sizeof name, "prefixItems/%zu", i);
		if (read_child(k, n->prefix.v[i], str_of(name), &r->prefix[i]) <
		    0)
			return -1;
		r->n_prefix++;
	}
	if (n->items && read_child(k, n->items, STR("items"), &r->items) < 0)
		return -1;
	if (n->additional && !n->additional->never &&
	    read_child(k, n->additional, STR("additionalProperties"),
		       &r->additional) < 0)
		return -1;
	return 0;
}

static struct rule *compile_rule(struct compile *k, struct schema_node *n)
{
	struct rule *r = n->private;

	if (r)
		return r;
	r = xcalloc(1, sizeof *r);
	k->r->all =
	    xreallocarray(k->r->all, k->r->n_all + 1, sizeof(struct rule *));
	k->r->all[k->r->n_all++] = r;
	n->private = r;
	r->node = n;
	r->where = contract_keep(k->c, buf_str(&k->path));
	r->of_nothing = BUF_INIT;
	if (read_own(k, r) < 0 || read_children(k, r) < 0)
		return NULL;
	return r;
}

/* ---- what lies below; schemas may be recursive ---- */

static bool ours(const struct rule *r)
{
	return r && (r->own || r->deep);
}

static bool hashes(const struct rule *r)
{
	return r && (r->hash || r->hash_in_members || r->hash_in_items);
}

/* One round; true if it changed something. */
static bool look_below(struct rule *r)
{
	bool deep = ours(r->items) || ours(r->additional);
	bool members = hashes(r->additional), items = hashes(r->items);
	bool changed;

	for (size_t i = 0; i < r->n_members; i++) {
		deep |= ours(r->members[i].rule);
		members |= hashes(r->members[i].rule);
	}
	for (size_t i = 0; i < r->n_prefix; i++) {
		deep |= ours(r->prefix[i]);
		items |= hashes(r->prefix[i]);
	}
	changed = deep != r->deep || members != r->hash_in_members ||
		  items != r->hash_in_items;
	r->deep = deep;
	r->hash_in_members = members;
	r->hash_in_items = items;
	return changed;
}

/* How little is there to do? */
static void rest_of(struct rule *r)
{
	bool steps = r->steps || r->hash || r->deep || r->hash_in_items ||
		     r->hash_in_members || r->hashed_reject;

	r->plain = r->node->plain && !r->own && !r->deep;
	r->simple = !steps;
	r->ok_types = 0;
	if (!steps && r->node->plain)
		r->ok_types = ~0u;
	else if (!steps && r->node->only_type)
		r->ok_types = r->node->types;
	if (r->null != NULL_KEEP || r->fallback.s)
		r->ok_types &= ~(1u << JSON_NULL);
}

static void find_depth(struct record_rules *r)
{
	bool more = true;

	while (more) {
		more = false;
		for (size_t i = 0; i < r->n_all; i++)
			more |= look_below(r->all[i]);
	}
	for (size_t i = 0; i < r->n_all; i++)
		rest_of(r->all[i]);
}

/* ---- what would be read over ---- */

static int check_branch(struct compile *k, const struct rule *r,
			const struct schema_node *n, int depth);

static int check_branches(struct compile *k, const struct rule *r,
			  const struct schema_list *l, int depth)
{
	for (size_t i = 0; i < l->n; i++)
		if (check_branch(k, r, l->v[i], depth) < 0)
			return -1;
	return 0;
}

/*
 * n is a condition on the value that r is about. Our keywords would have no
 * effect in it; and of a hashed member it would see now a value, now a digest.
 */
static int check_branch(struct compile *k, const struct rule *r,
			const struct schema_node *n, int depth)
{
	bool several, unclear;

	if (!n || depth > 64)
		return 0;
	if (has_own(n))
		return wrong(k, "normalize, hash, null, invalid, default and "
				"hashed have no effect under allOf, anyOf, "
				"oneOf, not, if, then, else, contains, "
				"dependentSchemas and propertyNames");
	for (size_t i = 0; i < n->properties.n; i++) {
		const struct schema_member *m = &n->properties.v[i];
		const struct rule *of =
		    r ? rule_for(r, m->name, &several, &unclear) : NULL;

		if (hashes(of) && !m->node->plain)
			return wrong(k,
				     "a condition on %.*s, which is hashed, "
				     "cannot hold before and after",
				     STR_ARG(m->name));
		if (check_branch(k, of, m->node, depth + 1) < 0)
			return -1;
	}
	if (check_branch(k, r, n->ref, depth + 1) < 0 ||
	    check_branch(k, r, n->negated, depth + 1) < 0 ||
	    check_branch(k, r, n->if_, depth + 1) < 0 ||
	    check_branch(k, r, n->then, depth + 1) < 0 ||
	    check_branch(k, r, n->else_, depth + 1) < 0 ||
	    check_branch(k, NULL, n->items, depth + 1) < 0 ||
	    check_branch(k, NULL, n->additional, depth + 1) < 0)
		return -1;
	return check_branches(k, r, &n->all_of, depth + 1) < 0 ||
		       check_branches(k, r, &n->any_of, depth + 1) < 0 ||
		       check_branches(k, r, &n->one_of, depth + 1) < 0
		   ? -1
		   : 0;
}

static int check_conditions(struct compile *k, const struct rule *r)
{
	const struct schema_node *n = r->node;

	if (check_branches(k, r, &n->all_of, 0) < 0 ||
	    check_branches(k, r, &n->any_of, 0) < 0 ||
	    check_branches(k, r, &n->one_of, 0) < 0 ||
	    check_branch(k, r, n->negated, 0) < 0 ||
	    check_branch(k, r, n->if_, 0) < 0 ||
	    check_branch(k, r, n->then, 0) < 0 ||
	    check_branch(k, r, n->else_, 0) < 0 ||
	    check_branch(k, NULL, n->contains, 0) < 0 ||
	    check_branch(k, NULL, n->names, 0) < 0)
		return -1;
	for (size_t i = 0; i < n->n_dependent; i++)
		if (check_branch(k, r, n->dependent[i].node, 0) < 0)
			return -1;
	if (n->ref && ours(r) && rules_children(n) == n &&
	    rules_children(n->ref)->properties.n)
		return wrong(k, "members are described here and behind $ref: "
				"describe them in one place");
	return 0;
}

struct rule *rule_for(const struct rule *r, struct str name, bool *several,
		      bool *unclear)
{
	struct rule *found = NULL;

	*several = *unclear = false;
	for (size_t i = 0; i < r->n_members; i++) {
		const struct rule_member *m = &r->members[i];

		if (m->pattern ? !pattern_match(m->pattern, name)
			       : !str_eq(m->name, name))
			continue;
		if (found) {
			*several = true;
			*unclear |= ours(found) || ours(m->rule);
		} else {
			found = m->rule;
		}
	}
	return found ? found : r->additional;
}

/* ---- what is demanded ---- */

static void add_name(struct schema_names *to, struct str name)
{
	for (size_t i = 0; i < to->n; i++)
		if (str_eq(to->v[i], name))
			return;
	GROW(to->v, to->n, to->cap);
	to->v[to->n++] = name;
}

/* Is a byte part of a name in jq? */
static bool in_name(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

/* "a" of "a" and of "/a/b": where a derived value looks. */
static struct str first_member(struct compile *k, struct str from)
{
	struct str rest = from, part;
	struct buf name = BUF_INIT;

	if (!from.n || from.s[0] != '/')
		return from;
	str_split(&rest, '/', &part);
	str_split(&rest, '/', &part);
	for (size_t i = 0; i < part.n; i++) {
		bool escaped = part.s[i] == '~' && i + 1 < part.n;

		buf_addc(&name, !escaped             ? part.s[i]
				: part.s[++i] == '1' ? '/'
						     : '~');
	}
	part = contract_keep(k->c, buf_str(&name));
	buf_release(&name);
	return part;
}

static void add_derived(struct compile *k, struct str asked)
{
	struct str name;
	size_t n;

	for (size_t i = 0; i < k->c->n_derived; i++) {
		const struct str *from =
		    contract_derived_from(k->c, i, &name, &n);

		if (!str_eq(name, asked))
			continue;
		k->r->all_strict |= !from;
		for (size_t j = 0; j < n; j++)
			add_name(&k->r->strict, first_member(k, from[j]));
	}
}

/*
 * The members that a jq program or a template reads, roughly: every .name in
 * it. Too many do no harm, they only make a removal stricter.
 */
static void add_used(struct compile *k, struct str text)
{
	struct record_rules *r = k->r;
	size_t i = 0;

	while (i < text.n) {
		size_t from = i + 1, to;
		bool after =
		    i && (in_name(text.s[i - 1]) || text.s[i - 1] == ']' ||
			  text.s[i - 1] == ')' || text.s[i - 1] == '?');

		if (text.s[i++] != '.')
			continue;
		for (to = from; to < text.n && in_name(text.s[to]); to++)
			;
		i = to;
		if (to > from && !isdigit((unsigned char)text.s[from])) {
			struct str name = { text.s + from, to - from };

			if (from > 7 &&
			    memcmp(text.s + from - 8, "derived", 7) == 0)
				add_derived(k, name);
			add_name(&r->strict, contract_keep(k->c, name));
		} else if (to == from && !after) {
			/* "." alone or .["name"]: anything may be meant. */
			r->all_strict = true;
		}
	}
}

static void add_used_by(struct compile *k, struct str v, const char *name)
{
	struct str p = json_get(v, name);
	struct buf scratch = BUF_INIT;
	struct json_iter it;
	struct json_member m;

	if (!p.s)
		return;
	if (json_type(p) == JSON_STRING)
		add_used(k, json_text(p, &scratch));
	if (json_type(p) == JSON_OBJECT) {
		json_iter_init(&it, p);
		while (json_iter_member(&it, &m))
			if (json_type(m.val) == JSON_STRING)
				add_used(k, json_text(m.val, &scratch));
	}
	buf_release(&scratch);
}

static void add_used_by_step(struct compile *k, struct str step)
{
	struct str request = json_get(step, "request");

	add_used_by(k, step, "when");
	add_used_by(k, step, "vars");
	if (!request.s)
		return;
	add_used_by(k, request, "item");
	add_used_by(k, request, "url");
	add_used_by(k, request, "headers");
}

static int read_requires(struct compile *k, struct str list)
{
	struct record_rules *r = k->r;
	struct buf scratch = BUF_INIT;
	struct json_iter it;
	struct str v, name;
	bool identity;
	int ret = 0;

	json_iter_init(&it, list);
	while (!ret && json_iter_element(&it, &v)) {
		ret = contract_fill_in(k->c, json_text(v, &scratch), &name,
				       k->status, k->err);
		if (ret)
			break;
		identity = false;
		for (size_t i = 0; i < k->c->n_identity; i++)
			for (size_t j = 0; j < k->c->identity[i].n; j++)
				identity |=
				    str_eq(k->c->identity[i].v[j], name);
		if (identity) {
			r->needs_identity = true;
		} else {
			add_name(&r->requires, name);
			add_name(&r->strict, name);
		}
	}
	buf_release(&scratch);
	return ret;
}

/*
 * What a removal must have. With an identity the row may have been reduced to
 * what is left of it, so one of its values is enough; else it is the key.
 */
static int find_removal(struct compile *k)
{
	struct record_rules *r = k->r;
	struct contract *c = k->c;
	struct str op = c->operation[DIFF_REMOVED], list, v;
	struct json_iter it;

	if (!op.s) {
		r->removal_skipped = true;
		return 0;
	}
	list = json_get(op, "requires");
	if (list.s)
		return read_requires(k, list);
	r->needs_identity = c->n_identity > 0;
	r->needs_key = !r->needs_identity;
	add_used_by_step(k, op);
	add_used_by(k, op, "match");
	v = json_get(op, "batch");
	if (v.s)
		add_used_by(k, v, "by");
	v = json_get(op, "steps");
	if (v.s) {
		json_iter_init(&it, v);
		while (json_iter_element(&it, &v))
			add_used_by_step(k, v);
	}
	/* These are alternatives: one that fails is left out. */
	for (size_t i = 0;
	     r->needs_key && c->key_mode == KEY_ALL && i < c->keys[0].n; i++)
		add_name(&r->strict, c->keys[0].v[i]);
	return 0;
}

/* A key or identity that the record cannot have is a slip of the pen. */
static int check_known(struct compile *k, const struct name_set *sets, size_t n,
		       const char *what)
{
	const struct rule *root = k->r->root;
	const struct schema_node *node = rules_children(root->node);
	bool several, unclear;

	if (!node->additional || !node->additional->never)
		return 0;
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < sets[i].n; j++)
			if (!rule_for(root, sets[i].v[j], &several, &unclear))
				return fail(k->err,
					    "%s: %s: %.*s is not a member of "
					    "the record",
					    k->c->path, what,
					    STR_ARG(sets[i].v[j]));
	return 0;
}

/* The same for what values are derived from. */
static int check_derived(struct compile *k)
{
	const struct schema_node *node = rules_children(k->r->root->node);
	bool closed = node->additional && node->additional->never;
	bool several, unclear;
	struct str name;
	size_t n;

	for (size_t i = 0; i < k->c->n_derived; i++) {
		const struct str *from =
		    contract_derived_from(k->c, i, &name, &n);

		for (size_t j = 0; j < n; j++) {
			struct str at = first_member(k, from[j]);

			if (closed &&
			    !rule_for(k->r->root, at, &several, &unclear))
				return fail(k->err,
					    "%s: derived/%.*s: %.*s is not a "
					    "member of the record",
					    k->c->path, STR_ARG(name),
					    STR_ARG(at));
		}
	}
	return 0;
}

/* And for what a step takes its argument from. */
static int check_arguments(struct compile *k)
{
	const struct schema_node *node = rules_children(k->r->root->node);
	bool several, unclear;

	if (!node->additional || !node->additional->never)
		return 0;
	for (size_t i = 0; i < k->r->n_all; i++) {
		const struct normal *steps = k->r->all[i]->steps;

		for (size_t j = 0; steps && j < normal_count(steps); j++) {
			struct str from = normal_reads(steps, j);

			if (!from.s)
				continue;
			from = first_member(k, from);
			if (!rule_for(k->r->root, from, &several, &unclear))
				return wrong(k,
					     "normalize: =/%.*s: that is not a "
					     "member of the record",
					     STR_ARG(from));
		}
	}
	return 0;
}

static int check_reserved(struct compile *k)
{
	for (size_t i = 0; i < k->r->root->n_members; i++)
		if (record_reserved_name(k->r->root->members[i].name))
			return wrong(k,
				     "%.*s: a name that the tools keep for "
				     "themselves",
				     STR_ARG(k->r->root->members[i].name));
	return 0;
}

static void make_tallies(struct record_rules *r)
{
	void *p =
	    mmap(NULL, r->n_all * sizeof *r->tallies, PROT_READ | PROT_WRITE,
		 MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		die(EX_OSERR, "out of memory");
	r->tallies = p;
	for (size_t i = 0; i < r->n_all; i++)
		r->all[i]->tally = i;
}

int rules_compile(struct contract *c, struct str schema, int *status,
		  struct buf *err)
{
	struct record_rules *r = c->rules;
	struct compile k = { c, r, BUF_INIT, status, err };
	struct buf why = BUF_INIT;
	int ret = -1;

	r->schema =
	    schema_new_with(schema, own_keywords, setting_arg, &k, &why);
	if (!r->schema) {
		fail(err, "%s: record/%s", c->path, why.data);
		goto out;
	}
	r->root = compile_rule(&k, r->schema->root);
	if (!r->root)
		goto out;
	find_depth(r);
	if (r->root->own) {
		wrong(&k, "its own keywords belong to members");
		goto out;
	}
	for (size_t i = 0; i < r->n_all; i++)
		if (check_conditions(&k, r->all[i]) < 0 ||
		    check_md5(&k, r->all[i]) < 0)
			goto out;
	make_tallies(r);
	if (check_reserved(&k) < 0 ||
	    check_known(&k, c->keys, c->n_keys, "key") < 0 ||
	    check_known(&k, c->identity, c->n_identity, "identity") < 0 ||
	    check_derived(&k) < 0 || check_arguments(&k) < 0 ||
	    find_removal(&k) < 0)
		goto out;
	ret = 0;
out:
	buf_release(&k.path);
	buf_release(&why);
	return ret;
}

void rules_free(struct record_rules *r)
{
	for (size_t i = 0; i < r->n_all; i++) {
		normal_free(r->all[i]->steps);
		buf_release(&r->all[i]->of_nothing);
		free(r->all[i]->members);
		free(r->all[i]->prefix);
		free(r->all[i]);
	}
	if (r->tallies)
		munmap(r->tallies, r->n_all * sizeof *r->tallies);
	free(r->all);
	free(r->strict.v);
	free(r->requires.v);
	schema_free(r->schema);
}
