/* SPDX-License-Identifier: MIT */
#include "common/key.h"

#include "common/mem.h"

static int parse_part(struct key_part *p, struct str name, struct buf *err)
{
	struct str rest = name, token;

	if (!name.n)
		return fail(err, "a key member has no name");
	p->name = name;
	if (name.s[0] != '/') {
		if (record_reserved_name(name))
			return fail(err, "%.*s is reserved and cannot be a key",
				    STR_ARG(name));
		p->slot = JSON_SLOT(name);
		p->rest = STR("");
		return 0;
	}
	str_split(&rest, '/', &token);
	str_split(&rest, '/', &token);
	if (memchr(token.s, '~', token.n))
		return fail(err,
			    "%.*s: a key's topmost member cannot have ~ or / "
			    "in its name",
			    STR_ARG(name));
	p->slot = JSON_SLOT(token);
	/* With its slash, so that it is a pointer again. */
	p->rest = rest.s ? (struct str){ rest.s - 1, rest.n + 1 } : STR("");
	return 0;
}

int key_spec_parse(struct key_spec *k, const char *text, struct buf *err)
{
	struct str rest, name;

	*k = KEY_SPEC_INIT;
	k->text = xstrdup(text);
	rest = str_of(k->text);
	while (str_split(&rest, ',', &name)) {
		if (k->n == KEY_MAX) {
			fail(err, "a key has at most %d members", KEY_MAX);
			goto bad;
		}
		if (parse_part(&k->part[k->n], name, err) < 0)
			goto bad;
		for (size_t i = 0; i < k->n; i++)
			if (str_eq(k->part[i].name, name)) {
				fail(err, "%.*s stands twice in the key",
				     STR_ARG(name));
				goto bad;
			}
		k->n++;
	}
	return 0;
bad:
	key_spec_release(k);
	return -1;
}

void key_spec_release(struct key_spec *k)
{
	free(k->text);
	*k = KEY_SPEC_INIT;
}

static const char *a_type(enum json_type t)
{
	return t == JSON_NUMBER   ? "a number"
	       : t == JSON_STRING ? "a string"
				  : "a boolean";
}

static int check_value(const struct key_spec *k, size_t i, struct str v,
		       struct buf *err)
{
	enum json_type t = json_type(v);
	struct str name = k->part[i].name;
	struct json_num num;

	if (t == JSON_NULL || t == JSON_ARRAY || t == JSON_OBJECT)
		return fail(err, "%.*s: a key cannot be %s", STR_ARG(name),
			    t == JSON_NULL    ? "null"
			    : t == JSON_ARRAY ? "an array"
					      : "an object");
	if (k->typed && k->type[i] != t)
		return fail(err,
			    "%.*s: %s, where the records before it have %s",
			    STR_ARG(name), a_type(t), a_type(k->type[i]));
	if (t == JSON_NUMBER && v.n > 15) {
		json_num_parse(&num, v);
		if (num.huge)
			return fail(err,
				    "%.*s: a key's exponent cannot have more "
				    "than 15 digits",
				    STR_ARG(name));
	}
	return 0;
}

int key_get(struct key_spec *k, const struct record *r, struct str *vals,
	    struct buf *err)
{
	for (size_t i = 0; i < k->n; i++) {
		struct key_part *p = &k->part[i];
		ssize_t at = json_obj_slot(&r->obj, &p->slot);
		int found = at >= 0;

		if (found)
			vals[i] = r->obj.m[at].val;
		if (found && p->rest.n)
			found = json_pointer(vals[i], p->rest, &vals[i]);
		if (found <= 0)
			return fail(err,
				    found ? "%.*s: a member on the way to the "
					    "key stands there twice"
					  : "%.*s: the key is missing",
				    STR_ARG(p->name));
		if (check_value(k, i, vals[i], err) < 0)
			return -1;
	}
	if (UNLIKELY(!k->typed)) {
		for (size_t i = 0; i < k->n; i++)
			k->type[i] = json_type(vals[i]);
		k->typed = true;
	}
	return 0;
}

static int cmp_value(struct str a, struct str b)
{
	switch (json_type(a)) {
	case JSON_NUMBER:
		return json_num_cmp(a, b);
	case JSON_STRING:
		return json_str_cmp(a, b);
	default: /* false and true */
		return (a.s[0] == 't') - (b.s[0] == 't');
	}
}

int key_cmp(const struct str *a, const struct str *b, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int c = str_eq(a[i], b[i]) ? 0 : cmp_value(a[i], b[i]);

		if (c)
			return c;
	}
	return 0;
}

void key_put_members(struct buf *out, const struct key_spec *k,
		     const struct record *r)
{
	bool any = false;

	for (size_t i = 0; i < k->n; i++) {
		ssize_t at = json_obj_find(&r->obj, k->part[i].slot.name);
		bool again = false;

		/* Two pointers may lead into one member. */
		for (size_t j = 0; j < i; j++)
			again |=
			    str_eq(k->part[j].slot.name, k->part[i].slot.name);
		if (at < 0 || again)
			continue;
		buf_addz(out, any ? ",\"" : "\"");
		buf_adds(out, r->obj.m[at].key);
		buf_addz(out, "\":");
		buf_adds(out, r->obj.m[at].val);
		any = true;
	}
}
