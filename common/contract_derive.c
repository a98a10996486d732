/* SPDX-License-Identifier: MIT */
/*
 * Values that a contract derives of a record for the use of its requests: the
 * MD5 of an address that is a path's last segment, an idempotency key. They are
 * never sent by themselves.
 */
#include "common/contract_private.h"
#include "common/contract_rules.h"
#include "common/mem.h"

struct derived {
	struct str name;
	struct str
	    *from; /* member names, or JSON Pointers, which begin with / */
	size_t n_from;
	struct normal *steps; /* may be NULL */
	bool hash;
	struct digest_form form;
};

/* ---- loading ---- */

struct load {
	struct contract *c;
	int *status;
	struct buf *err;
};

static int setting_arg(void *arg, struct str name, struct str *text,
		       struct buf *err)
{
	struct load *l = arg;

	return contract_need_setting(l->c, name, text, l->status, err);
}

static int read_from(struct load *l, struct derived *d, struct str list)
{
	struct buf scratch = BUF_INIT;
	struct json_iter it;
	struct str v;
	int ret = 0;

	d->from = xcalloc(json_count(list) + 1, sizeof *d->from);
	json_iter_init(&it, list);
	while (!ret && json_iter_element(&it, &v))
		ret =
		    contract_fill_in(l->c, json_text(v, &scratch),
				     &d->from[d->n_from++], l->status, l->err);
	buf_release(&scratch);
	return ret;
}

static int read_one(struct load *l, struct derived *d, struct str v)
{
	struct str from = json_get(v, "from"), hash = json_get(v, "hash");
	struct str steps = json_get(v, "normalize");
	struct buf why = BUF_INIT;

	if (from.s && read_from(l, d, from) < 0)
		return -1;
	if (!d->n_from && (steps.s || !hash.s))
		return fail(l->err,
			    "%s: derived/%.*s: of a whole record there is a "
			    "\"hash\" only; name members in \"from\"",
			    l->c->path, STR_ARG(d->name));
	d->hash = hash.s != NULL;
	/* contract.schema.json knows what may stand there. */
	if (hash.s)
		digest_form_parse((struct str){ hash.s + 1, hash.n - 2 },
				  &d->form);
	if (!steps.s)
		return 0;
	d->steps = normal_new(steps, setting_arg, l, &why);
	if (!d->steps)
		fail(l->err, "%s: derived/%.*s: normalize: %s", l->c->path,
		     STR_ARG(d->name), why.data);
	buf_release(&why);
	return d->steps ? 0 : -1;
}

int contract_load_derived(struct contract *c, int *status, struct buf *err)
{
	struct load l = { c, status, err };
	struct str all = json_get(c->root, "derived");
	struct buf name = BUF_INIT;
	struct json_iter it;
	struct json_member m;
	int ret = 0;

	if (!all.s)
		return 0;
	c->derived = xcalloc(json_count(all) + 1, sizeof *c->derived);
	json_iter_init(&it, all);
	while (!ret && json_iter_member(&it, &m)) {
		struct derived *d = &c->derived[c->n_derived++];

		buf_reset(&name);
		json_unescape(&name, m.key);
		d->name = contract_keep(c, buf_str(&name));
		ret = read_one(&l, d, m.val);
	}
	buf_release(&name);
	return ret;
}

void contract_free_derived(struct contract *c)
{
	for (size_t i = 0; i < c->n_derived; i++) {
		free(c->derived[i].from);
		normal_free(c->derived[i].steps);
	}
	free(c->derived);
}

const struct str *contract_derived_from(const struct contract *c, size_t i,
					struct str *name, size_t *n)
{
	*name = c->derived[i].name;
	*n = c->derived[i].n_from;
	return *n ? c->derived[i].from : NULL;
}

bool contract_derives(const struct contract *c, struct str name)
{
	for (size_t i = 0; i < c->n_derived; i++)
		if (str_eq(c->derived[i].name, name))
			return true;
	return false;
}

/* ---- a record ---- */

enum part { PART_BAD = -1, PART_NONE, PART_TEXT };

static enum part bad(const struct derived *d, struct faults *f,
		     const char *code, const char *reason)
{
	struct buf field = BUF_INIT;

	buf_addf(&field, "derived/%.*s", STR_ARG(d->name));
	faults_add(f, buf_str(&field), code, "%s", reason);
	buf_release(&field);
	return PART_BAD;
}

static int look_up(struct str record, struct str name, struct str *v)
{
	if (name.n && name.s[0] == '/')
		return json_pointer(record, name, v);
	return json_find(record, name, v);
}

/* Appends what the steps make of one member. */
static enum part put_part(struct contract *c, const struct derived *d,
			  struct str record, struct str v, struct buf *text,
			  struct faults *f)
{
	struct buf scratch = BUF_INIT;
	struct normal_value value = { false, v };
	struct normal_fault why;
	bool changed;
	enum part ret = PART_TEXT;

	if (json_type(v) == JSON_NULL || value_is_clear(c->rules, v))
		return PART_NONE;
	if (d->steps &&
	    normal_run(d->steps, v, record, &value, &changed, &why) < 0)
		return bad(d, f, why.code, why.reason);
	if (!value.is_text && json_type(value.s) == JSON_STRING)
		value =
		    (struct normal_value){ true, json_text(value.s, &scratch) };
	if (value.is_text && normal_is_blank(value.s))
		ret = PART_NONE;
	else if (!value.is_text && (json_type(value.s) == JSON_ARRAY ||
				    json_type(value.s) == JSON_OBJECT))
		ret = bad(d, f, "type", "made from a list or an object");
	else if (d->n_from > 1 && memchr(value.s.s, '\n', value.s.n))
		ret = bad(d, f, "type",
			  "made from several members, one of which has a line "
			  "break in it");
	else
		buf_adds(text, value.s);
	buf_release(&scratch);
	return ret;
}

/* The text before it is hashed: that of a member, or several, one a line. */
static enum part put_text(struct contract *c, const struct derived *d,
			  struct str record, struct buf *text, struct faults *f)
{
	enum part ret = PART_TEXT;
	struct str v;
	int found;

	if (!d->n_from)
		json_canon(text, record);
	for (size_t i = 0; ret == PART_TEXT && i < d->n_from; i++) {
		if (i)
			buf_addc(text, '\n');
		found = look_up(record, d->from[i], &v);
		if (found < 0)
			ret =
			    bad(d, f, "repeated", "a member name comes twice");
		else if (!found)
			ret = PART_NONE;
		else
			ret = put_part(c, d, record, v, text, f);
	}
	return ret;
}

int contract_derive(struct contract *c, struct str record, struct buf *out,
		    struct faults *faults)
{
	struct buf text = BUF_INIT;
	char sep = '{';
	int ret = 0;

	for (size_t i = 0; i < c->n_derived; i++) {
		const struct derived *d = &c->derived[i];
		enum part part;

		buf_reset(&text);
		part = put_text(c, d, record, &text, faults);
		if (part == PART_BAD)
			ret = -1;
		if (part != PART_TEXT)
			continue;
		buf_addc(out, sep);
		json_put_str(out, d->name);
		buf_addc(out, ':');
		if (d->hash) {
			buf_addc(out, '"');
			digest_put(out, &d->form, buf_str(&text));
			buf_addc(out, '"');
		} else {
			json_put_str(out, buf_str(&text));
		}
		sep = ',';
	}
	buf_addz(out, sep == '{' ? "{}" : "}");
	buf_release(&text);
	return ret;
}
