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

/* ---- prefixes ---- */

static uint64_t first_bytes(struct str text, bool *exact)
{
	uint64_t v = 0;

	/* A text of 8 bytes may go on in another; NUL may pad or be text. */
	*exact = text.n < 8 && !memchr(text.s, 0, text.n);
	for (size_t i = 0; i < 8; i++)
		v = v << 8 | (i < text.n ? (unsigned char)text.s[i] : 0);
	return v;
}

static uint64_t string_prefix(struct str val, bool *exact)
{
	struct buf scratch = BUF_INIT;
	uint64_t v = first_bytes(json_text(val, &scratch), exact);

	buf_release(&scratch);
	return v;
}

#define MIDDLE ((uint64_t)1 << 63)
#define INTS ((uint64_t)1 << 62) /* magnitudes below it map to themselves */

/* Digits and an optional minus: the commonest key. */
static bool small_integer(struct str val, bool neg, uint64_t *out)
{
	struct str digits = { val.s + neg, val.n - neg };

	return digits.n <= 18 && str_to_u64(digits, out) == 0;
}

/*
 * Magnitudes below 2^62 count by their integer part, those above share the
 * last places by their decimal exponent. Monotone; exact for integers below.
 */
static uint64_t magnitude(const struct json_num *n, bool *exact)
{
	uint64_t v = 0;
	int64_t places = n->exp;

	*exact = false;
	if (places > 18) {
		*exact = false;
		return INTS + (uint64_t)MIN(places, (int64_t)INTS - 1);
	}
	for (int64_t i = 0; i < places; i++) {
		size_t at = (size_t)i;
		char d = at < n->a.n            ? n->a.s[at]
			 : at < n->a.n + n->b.n ? n->b.s[at - n->a.n]
						: '0';

		v = v * 10 + (uint64_t)(d - '0');
	}
	*exact = places >= 0 && n->a.n + n->b.n <= (size_t)places;
	if (!n->a.n && !n->b.n)
		*exact = true;
	return v;
}

static uint64_t number_prefix(struct str val, bool *exact)
{
	bool neg = val.s[0] == '-';
	struct json_num n;
	uint64_t v;

	*exact = true;
	if (!small_integer(val, neg, &v)) {
		json_num_parse(&n, val);
		neg = n.neg;
		v = magnitude(&n, exact);
	}
	return neg ? MIDDLE - v : MIDDLE + v;
}

uint64_t key_prefix(struct str val, bool *exact)
{
	switch (json_type(val)) {
	case JSON_NUMBER:
		return number_prefix(val, exact);
	case JSON_STRING:
		return string_prefix(val, exact);
	default:
		*exact = true;
		return val.s[0] == 't';
	}
}
