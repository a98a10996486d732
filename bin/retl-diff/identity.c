/* SPDX-License-Identifier: MIT */
#include "bin/retl-diff/identity.h"

#include "common/digest.h"
#include "common/mem.h"
#include "common/prog_num.h"

/* ---- which members ---- */

/* id->sets as JSON, names of our own copy. */
static void render(struct identity *id)
{
	struct buf b = BUF_INIT;

	buf_addc(&b, '[');
	for (size_t i = 0; i < id->n; i++) {
		const struct name_set *s = &id->sets[i];

		buf_addz(&b, i ? "," : "");
		buf_addz(&b, s->n > 1 ? "[" : "");
		for (size_t j = 0; j < s->n; j++) {
			buf_addz(&b, j ? "," : "");
			json_put_str(&b, s->v[j]);
		}
		buf_addz(&b, s->n > 1 ? "]" : "");
	}
	buf_addc(&b, ']');
	id->text = buf_take(&b);
}

static void add_set(struct identity *id, const struct str *names, size_t n)
{
	struct name_set *s;

	id->sets = xreallocarray(id->sets, id->n + 1, sizeof *id->sets);
	s = &id->sets[id->n++];
	s->v = xcalloc(n, sizeof *s->v);
	s->n = n;
	for (size_t i = 0; i < n; i++)
		s->v[i] = (struct str){ xstrndup(names[i].s, names[i].n),
					names[i].n };
}

int identity_parse(struct identity *id, const char *names, struct buf *err)
{
	struct str rest = str_of(names), name;

	*id = (struct identity){ .n = 0 };
	while (str_split(&rest, ',', &name)) {
		if (!name.n || record_reserved_name(name))
			return fail(err,
				    name.n ? "%.*s is reserved"
					   : "%.*sa member has no name",
				    STR_ARG(name));
		add_set(id, &name, 1);
	}
	render(id);
	return 0;
}

static struct str text_copy(struct str string)
{
	struct buf b = BUF_INIT;
	size_t n;

	json_unescape(&b, (struct str){ string.s + 1, string.n - 2 });
	n = b.len;
	return (struct str){ buf_take(&b), n };
}

int identity_parse_json(struct identity *id, struct str json, struct buf *err)
{
	struct json_iter it, in;
	struct str e, s, names[KEY_MAX];

	*id = (struct identity){ .n = 0 };
	if (!json.s || json_type(json) != JSON_ARRAY)
		return fail(err, "identity is not a list of names");
	json_iter_init(&it, json);
	while (json_iter_element(&it, &e)) {
		size_t n = 0;

		if (json_type(e) == JSON_STRING) {
			names[n++] = text_copy(e);
		} else {
			json_iter_init(&in, e);
			while (n < KEY_MAX && json_iter_element(&in, &s))
				names[n++] = text_copy(s);
		}
		add_set(id, names, n);
		while (n)
			free((char *)names[--n].s);
	}
	render(id);
	return 0;
}

void identity_take(struct identity *id, const struct name_set *sets, size_t n)
{
	*id = (struct identity){ .n = 0 };
	for (size_t i = 0; i < n; i++)
		add_set(id, sets[i].v, sets[i].n);
	render(id);
}

void identity_release(struct identity *id)
{
	for (size_t i = 0; i < id->n; i++) {
		for (size_t j = 0; j < id->sets[i].n; j++)
			free((char *)id->sets[i].v[j].s);
		free(id->sets[i].v);
	}
	free(id->sets);
	free(id->text);
	*id = (struct identity){ .n = 0 };
}

/* ---- the values of a row ---- */

/* Null and empty texts are nobody. */
static bool says_something(struct str v)
{
	return json_type(v) != JSON_NULL && !str_is(v, "\"\"");
}

static void add_value(struct ident_values *v, size_t set, struct str val,
		      struct str canon)
{
	uint8_t sum[DIGEST_MAX];
	struct ident_value *e;

	GROW(v->v, v->n, v->cap);
	e = &v->v[v->n++];
	digest(DIGEST_SHA256, canon.s, canon.n, sum);
	memcpy(e->digest, sum, IDENT_SIZE);
	e->set = set;
	e->val = val;
}

/* A number is the text that a destination would be sent for it. */
static void put_canon(struct buf *out, struct str val)
{
	if (json_type(val) != JSON_NUMBER) {
		json_canon(out, val);
		return;
	}
	buf_addc(out, '"');
	num_put_text(out, val);
	buf_addc(out, '"');
}

static void add_single(struct ident_values *v, size_t set, struct str val)
{
	struct buf canon = BUF_INIT;

	if (!says_something(val))
		return;
	put_canon(&canon, val);
	add_value(v, set, val, buf_str(&canon));
	buf_release(&canon);
}

static struct str member(const struct record *r, struct str name)
{
	ssize_t at = json_obj_find(&r->obj, name);

	return at < 0 ? STR_NONE : r->obj.m[at].val;
}

static void add_compound(struct ident_values *v, size_t set,
			 const struct name_set *names, const struct record *r)
{
	struct buf canon = BUF_INIT;
	bool any = false;

	buf_addz(&canon, "compound");
	for (size_t i = 0; i < names->n; i++) {
		struct str val = member(r, names->v[i]);

		buf_addc(&canon, ',');
		if (!val.s || !says_something(val))
			continue;
		put_canon(&canon, val);
		any = true;
	}
	if (any)
		add_value(v, set, STR_NONE, buf_str(&canon));
	buf_release(&canon);
}

void identity_values(const struct identity *id, const struct record *r,
		     struct ident_values *v)
{
	v->n = 0;
	for (size_t i = 0; i < id->n; i++) {
		struct json_iter it;
		struct str val, e;

		if (id->sets[i].n > 1) {
			add_compound(v, i, &id->sets[i], r);
			continue;
		}
		val = member(r, id->sets[i].v[0]);
		if (!val.s)
			continue;
		if (json_type(val) != JSON_ARRAY) {
			add_single(v, i, val);
			continue;
		}
		json_iter_init(&it, val);
		while (json_iter_element(&it, &e))
			add_single(v, i, e);
	}
}

bool identity_within(const struct ident_values *a, const struct ident_values *b)
{
	for (size_t i = 0; i < a->n; i++) {
		size_t j = 0;

		while (j < b->n &&
		       memcmp(a->v[i].digest, b->v[j].digest, IDENT_SIZE) != 0)
			j++;
		if (j == b->n)
			return false;
	}
	return true;
}

/* ---- writing some of them ---- */

static bool is_key(const struct key_spec *k, struct str name)
{
	for (size_t i = 0; k && i < k->n; i++)
		if (str_eq(k->part[i].slot.name, name))
			return true;
	return false;
}

static bool set_has(const struct name_set *s, struct str name)
{
	for (size_t i = 0; i < s->n; i++)
		if (str_eq(s->v[i], name))
			return true;
	return false;
}

void identity_strike(const struct identity *id, const struct ident_values *v,
		     uint8_t *live)
{
	for (size_t i = 0; i < v->n; i++) {
		const struct name_set *s = &id->sets[v->v[i].set];

		for (size_t j = 0; s->n > 1 && j < v->n; j++) {
			const struct name_set *t = &id->sets[v->v[j].set];

			if (t->n == 1 && set_has(s, t->v[0]))
				live[i] |= live[j];
		}
	}
}

static bool in_compound(const struct identity *id, const struct ident_values *v,
			const uint8_t *use, struct str name)
{
	for (size_t i = 0; i < v->n; i++) {
		const struct name_set *s = &id->sets[v->v[i].set];

		if (use[i] && s->n > 1 && set_has(s, name))
			return true;
	}
	return false;
}

/* Appends the used values of a single member; false if there are none. */
static bool put_single(struct buf *out, const struct identity *id,
		       const struct json_member *m,
		       const struct ident_values *v, const uint8_t *use)
{
	bool array = json_type(m->val) == JSON_ARRAY, any = false;

	for (size_t i = 0; i < v->n; i++) {
		const struct name_set *s = &id->sets[v->v[i].set];

		if (!use[i] || s->n > 1 || !json_key_is(m, s->v[0]))
			continue;
		if (array)
			buf_addc(out, any ? ',' : '[');
		buf_adds(out, v->v[i].val);
		any = true;
	}
	if (any && array)
		buf_addc(out, ']');
	return any;
}

void identity_put(struct buf *out, const struct identity *id,
		  const struct record *r, const struct ident_values *v,
		  const uint8_t *use, const struct key_spec *skip)
{
	size_t start = out->len;
	struct buf name = BUF_INIT;

	for (size_t i = 0; i < r->obj.n; i++) {
		const struct json_member *m = &r->obj.m[i];
		size_t mark = out->len;

		buf_reset(&name);
		json_unescape(&name, m->key);
		if (record_reserved(m) || is_key(skip, buf_str(&name)))
			continue;
		buf_addz(out, mark > start ? ",\"" : "\"");
		buf_adds(out, m->key);
		buf_addz(out, "\":");
		if (put_single(out, id, m, v, use))
			continue;
		if (in_compound(id, v, use, buf_str(&name)))
			buf_adds(out, m->val);
		else
			buf_truncate(out, mark);
	}
	buf_release(&name);
}
