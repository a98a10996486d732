/* SPDX-License-Identifier: MIT */
#include "bin/retl-diff/compare.h"

#include "common/digest.h"
#include "common/enc.h"
#include "common/mem.h"

int compare_parse(struct compare *c, const char *text, struct buf *err)
{
	struct str rest, name;
	size_t cap = 0;

	c->text = xstrdup(text);
	c->names = NULL;
	c->n = 0;
	rest = str_of(c->text);
	while (str_split(&rest, ',', &name)) {
		if (!name.n)
			return fail(err, "a member has no name");
		if (record_reserved_name(name))
			return fail(err, "%.*s is reserved", STR_ARG(name));
		for (size_t i = 0; i < c->n; i++)
			if (str_eq(c->names[i], name))
				return fail(err, "%.*s stands there twice",
					    STR_ARG(name));
		GROW(c->names, c->n, cap);
		c->names[c->n++] = name;
	}
	return 0;
}

void compare_release(struct compare *c)
{
	free(c->text);
	free(c->names);
	*c = (struct compare){ .mode = COMPARE_ALL };
}

bool compare_same(const struct compare *a, const struct compare *b)
{
	if (a->mode != b->mode || a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++) {
		size_t j = 0;

		while (j < b->n && !str_eq(a->names[i], b->names[j]))
			j++;
		if (j == b->n)
			return false;
	}
	return true;
}

static bool counts(const struct compare *c, const struct json_member *m)
{
	bool named = false;

	if (c->mode == COMPARE_ALL)
		return true;
	for (size_t i = 0; i < c->n && !named; i++)
		named = json_key_is(m, c->names[i]);
	return named == (c->mode == COMPARE_FIELDS);
}

/* The member of o with the name of m, which has the place i in its own row. */
static const struct json_member *partner(const struct json_obj *o, size_t i,
					 const struct json_member *m)
{
	const struct json_member *there = i < o->n ? o->m + i : NULL;
	struct buf name = BUF_INIT;
	ssize_t at;

	if (LIKELY(there && !m->key_esc && !there->key_esc &&
		   str_eq(there->key, m->key)))
		return there;
	json_unescape(&name, m->key);
	at = json_obj_find(o, buf_str(&name));
	buf_release(&name);
	return at < 0 ? NULL : &o->m[at];
}

bool compare_rows(const struct compare *c, const struct record *a,
		  const struct record *b)
{
	size_t n = 0;

	for (size_t i = 0; i < a->obj.n; i++) {
		const struct json_member *m = &a->obj.m[i], *other;

		if (!counts(c, m))
			continue;
		n++;
		other = partner(&b->obj, i, m);
		if (!other || !json_equal(m->val, other->val))
			return false;
	}
	for (size_t i = 0; i < b->obj.n; i++)
		n -= counts(c, &b->obj.m[i]);
	return n == 0;
}

static void put_name(struct buf *out, const struct json_member *m, char *sep)
{
	buf_addc(out, *sep);
	buf_addc(out, '"');
	buf_adds(out, m->key);
	buf_addc(out, '"');
	*sep = ',';
}

void compare_put_changed(struct buf *out, const struct compare *c,
			 const struct record *old, const struct record *now)
{
	char sep = '[';

	for (size_t i = 0; i < now->obj.n; i++) {
		const struct json_member *m = &now->obj.m[i], *other;

		if (!counts(c, m))
			continue;
		other = partner(&old->obj, i, m);
		if (!other || !json_equal(m->val, other->val))
			put_name(out, m, &sep);
	}
	for (size_t i = 0; i < old->obj.n; i++) {
		const struct json_member *m = &old->obj.m[i];

		if (counts(c, m) && !partner(&now->obj, i, m))
			put_name(out, m, &sep);
	}
	buf_addz(out, sep == '[' ? "[]" : "]");
}

void compare_put_digest(struct buf *out, const struct compare *c,
			const struct record *r)
{
	struct buf text = BUF_INIT, canon = BUF_INIT;
	uint8_t sum[DIGEST_MAX];
	char sep = '{';

	for (size_t i = 0; i < r->obj.n; i++) {
		const struct json_member *m = &r->obj.m[i];

		if (record_reserved(m) || !counts(c, m))
			continue;
		put_name(&text, m, &sep);
		buf_addc(&text, ':');
		buf_adds(&text, m->val);
	}
	buf_addz(&text, sep == '{' ? "{}" : "}");
	json_canon(&canon, buf_str(&text));
	digest(DIGEST_SHA256, canon.data, canon.len, sum);
	enc_hex(out, sum, 16);
	buf_release(&text);
	buf_release(&canon);
}
