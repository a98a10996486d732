/* SPDX-License-Identifier: MIT */
#include "bin/retl-hash/fields.h"

#include <sys/mman.h>

#include "common/digest.h"
#include "common/mem.h"
#include "common/msg.h"

/* A place in a record, as a tree: several fields may lie in one object. */
struct node {
	struct str name; /* .s NULL: the items of a list */
	struct node **v;
	size_t n, cap;
	struct buf keywords; /* empty: nothing is done here, only below */
};

struct field {
	const char *arg;
	struct str *path; /* names; .s NULL: the items */
	size_t n, cap;
	struct json_slot slot;
};

struct fields {
	struct field *v;
	size_t n;
	struct node *root;
	bool *seen; /* one a field */
	size_t n_unseen;
	char **owned;
	size_t n_owned, cap_owned;
};

/* ---- the tree ---- */

static struct node *node_new(struct str name)
{
	struct node *n = xcalloc(1, sizeof *n);

	n->name = name;
	n->keywords = BUF_INIT;
	return n;
}

static void node_free(struct node *n)
{
	for (size_t i = 0; i < n->n; i++)
		node_free(n->v[i]);
	free(n->v);
	buf_release(&n->keywords);
	free(n);
}

static struct node *child(struct node *n, struct str name)
{
	for (size_t i = 0; i < n->n; i++)
		if (!n->v[i]->name.s == !name.s && str_eq(n->v[i]->name, name))
			return n->v[i];
	if (n->n == n->cap) {
		n->cap = n->cap ? 2 * n->cap : 4;
		n->v = xreallocarray(n->v, n->cap, sizeof(struct node *));
	}
	n->v[n->n] = node_new(name);
	return n->v[n->n++];
}

/* ---- reading ---- */

static struct str keep(struct fields *f, struct buf *text)
{
	size_t n = text->len;

	GROW(f->owned, f->n_owned, f->cap_owned);
	f->owned[f->n_owned] = xstrndup(text->data, n);
	buf_reset(text);
	return (struct str){ f->owned[f->n_owned++], n };
}

static void add_step(struct field *field, struct str name)
{
	GROW(field->path, field->n, field->cap);
	field->path[field->n++] = name;
}

/* The path before the equals sign; gives the steps behind it. */
static struct str read_path(struct fields *f, struct field *field)
{
	struct buf name = BUF_INIT;
	const char *p = field->arg;
	bool named = false; /* name has to be something */

	for (; *p && *p != '='; p++) {
		if (*p == '\\' && p[1]) {
			buf_addc(&name, *++p);
		} else if (p[0] == '[' && p[1] == ']' &&
			   (name.len || (field->n && !named))) {
			if (name.len)
				add_step(field, keep(f, &name));
			add_step(field, STR_NONE);
			p++;
			named = false;
			if (p[1] && p[1] != '.' && p[1] != '=' && p[1] != '[')
				break;
		} else if (*p == '.' && (name.len || (field->n && !named))) {
			if (name.len)
				add_step(field, keep(f, &name));
			named = true;
		} else if (*p == '.' || *p == '[') {
			break;
		} else {
			buf_addc(&name, *p);
		}
	}
	if (name.len)
		add_step(field, keep(f, &name));
	else if (named || !field->n)
		p = "";
	buf_release(&name);
	if (*p != '=')
		opt_die("-f '%s': MEMBER=STEP,STEP,... is expected, where "
			"MEMBER is a name, or names such as user_data.em[]",
			field->arg);
	return str_of(p + 1);
}

static bool is_digest_name(struct str step)
{
	struct digest_form unused;
	struct str rest = step, name;

	str_split(&rest, '=', &name);
	return digest_form_parse(name, &unused) == 0;
}

/* "normalize":["trim"],"hash":"sha256" */
static void put_keywords(struct buf *out, const char *arg, struct str steps)
{
	struct str step, hash = STR_NONE;
	bool any = false;

	buf_addz(out, "\"normalize\":[");
	while (str_split(&steps, ',', &step)) {
		step = str_trim(step);
		if (!step.n || hash.s)
			opt_die("-f '%s': %s", arg,
				hash.s ? "the digest comes last"
				       : "a step is missing");
		if (is_digest_name(step)) {
			hash = step;
			continue;
		}
		buf_addz(out, any ? "," : "");
		json_put_str(out, step);
		any = true;
	}
	buf_addc(out, ']');
	if (hash.s) {
		buf_addz(out, ",\"hash\":");
		json_put_str(out, hash);
	}
}

static void read_field(struct fields *f, const char *arg)
{
	struct field *field = &f->v[f->n++];
	struct node *at = f->root;
	struct str steps;

	field->arg = arg;
	steps = read_path(f, field);
	field->slot = JSON_SLOT(field->path[0]);
	if (record_reserved_name(field->path[0]))
		opt_die("-f '%s': a name that the tools keep for themselves",
			arg);
	for (size_t i = 0; i < field->n; i++) {
		at = child(at, field->path[i]);
		if (at->keywords.len)
			opt_die("-f '%s': given twice", arg);
	}
	if (at->n)
		opt_die("-f '%s': given twice", arg);
	put_keywords(&at->keywords, arg, steps);
}

struct fields *fields_new(const struct opt_list *list)
{
	struct fields *f;

	if (!list->n)
		return NULL;
	f = xcalloc(1, sizeof *f);
	f->v = xcalloc(list->n, sizeof *f->v);
	f->root = node_new(STR(""));
	for (size_t i = 0; i < list->n; i++)
		read_field(f, list->v[i]);
	f->n_unseen = f->n;
	f->seen = mmap(NULL, f->n, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (f->seen == MAP_FAILED)
		die(EX_OSERR, "out of memory");
	return f;
}

void fields_free(struct fields *f)
{
	if (!f)
		return;
	for (size_t i = 0; i < f->n; i++)
		free(f->v[i].path);
	for (size_t i = 0; i < f->n_owned; i++)
		free(f->owned[i]);
	free(f->owned);
	munmap(f->seen, f->n);
	node_free(f->root);
	free(f->v);
	free(f);
}

/* ---- the schema ---- */

/* What is not named leaves as it came, null included. */
static void put_node(const struct node *n, struct buf *out)
{
	const char *sep = "";

	buf_addf(out, "{\"null\":\"keep\"%s%s", n->keywords.len ? "," : "",
		 n->keywords.data);
	/* Of a list each element. */
	if (n->keywords.len)
		buf_addf(out, ",\"items\":{\"null\":\"keep\",%s}",
			 n->keywords.data);
	for (size_t i = 0; i < n->n; i++)
		if (!n->v[i]->name.s) {
			buf_addz(out, ",\"items\":");
			put_node(n->v[i], out);
		}
	for (size_t i = 0; i < n->n; i++) {
		if (!n->v[i]->name.s)
			continue;
		buf_addz(out, *sep ? sep : ",\"properties\":{");
		sep = ",";
		json_put_str(out, n->v[i]->name);
		buf_addc(out, ':');
		put_node(n->v[i], out);
	}
	buf_addz(out, *sep ? "}}" : "}");
}

void fields_put_schema(const struct fields *f, struct buf *out)
{
	const char *sep = "";

	buf_addz(out, "{\"properties\":{");
	for (size_t i = 0; i < f->root->n; i++) {
		buf_addz(out, sep);
		sep = ",";
		json_put_str(out, f->root->v[i]->name);
		buf_addc(out, ':');
		put_node(f->root->v[i], out);
	}
	buf_addz(out, "},\"additionalProperties\":{\"null\":\"keep\"}}");
}

/* ---- which of them are there ---- */

/* Is it there, or can that not be told, as null and an empty list hide it? */
static bool has(struct str v, const struct str *path, size_t n)
{
	struct json_iter it;
	struct str e;
	bool any = false;

	if (!n || json_type(v) == JSON_NULL)
		return true;
	if (path->s)
		return json_find(v, *path, &e) != 0 && has(e, path + 1, n - 1);
	/* Anything else is refused, and so has been seen. */
	if (json_type(v) != JSON_ARRAY)
		return true;
	json_iter_init(&it, v);
	while (json_iter_element(&it, &e)) {
		if (has(e, path + 1, n - 1))
			return true;
		any = true;
	}
	return !any;
}

void fields_note(struct fields *f, const struct record *r)
{
	for (size_t i = 0; f->n_unseen && i < f->n; i++) {
		struct field *field = &f->v[i];
		ssize_t at;

		if (f->seen[i])
			continue;
		at = json_obj_slot(&r->obj, &field->slot);
		if (at < 0 ||
		    !has(r->obj.m[at].val, field->path + 1, field->n - 1))
			continue;
		f->seen[i] = true;
		f->n_unseen--;
	}
}

const char *fields_unseen(const struct fields *f)
{
	for (size_t i = 0; i < f->n; i++)
		if (!f->seen[i])
			return f->v[i].arg;
	return NULL;
}
