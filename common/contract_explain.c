/* SPDX-License-Identifier: MIT */
/*
 * What a contract does to each member, as a table for people. It is meant to
 * be shown around, so it has kinds and digests in it and never a value.
 */
#include "common/contract_rules.h"
#include "common/table.h"
#include "common/utf8.h"

static size_t code_points(struct str text)
{
	size_t n = 0;

	for (size_t i = 0; i < text.n; i++)
		n += ((unsigned char)text.s[i] & 0xc0) != 0x80;
	return n;
}

/* "text, 12 characters, not a digest" */
static void put_kind(struct buf *out, struct str v)
{
	struct buf scratch = BUF_INIT;
	struct str text;
	size_t n;

	switch (json_type(v)) {
	case JSON_STRING:
		text = json_text(v, &scratch);
		n = code_points(text);
		buf_addf(out, "text, %zu character%s", n, n == 1 ? "" : "s");
		for (int k = DIGEST_MD5; k <= DIGEST_SHA512; k++)
			if (text.n == 2 * digest_size((enum digest_kind)k) &&
			    utf8_is_hex(text.s, text.n, true)) {
				buf_addf(out, ", looks like %s",
					 digest_name((enum digest_kind)k));
				n = SIZE_MAX;
			}
		if (n != SIZE_MAX)
			buf_addz(out, ", not a digest");
		break;
	case JSON_ARRAY:
		n = json_count(v);
		buf_addf(out, "list, %zu item%s", n, n == 1 ? "" : "s");
		break;
	default:
		buf_addz(out, json_type_name(json_type(v)));
	}
	buf_release(&scratch);
}

/* "trim, lower, sha256"; of a list what is done to its items. */
static void put_steps(struct buf *out, const struct rule *r)
{
	size_t mark = out->len;

	if (r && r->steps)
		normal_put(out, r->steps);
	if (r && r->hash)
		buf_addf(out, "%s%s%s", out->len > mark ? ", " : "",
			 digest_name(r->form.kind),
			 r->form.base64 ? ":base64" : "");
	if (r && out->len == mark && r->items && r->deep) {
		buf_addz(out, "each: ");
		put_steps(out, r->items);
	} else if (out->len == mark) {
		buf_addc(out, '-');
	}
}

static void put_outcome(struct buf *out, const struct rule *r, struct str name,
			struct str emit, const struct faults *f)
{
	struct str v;

	for (size_t i = 0; i < f->n; i++) {
		struct str field = fault_field(f, i);

		/* A list's items have paths below its name. */
		if (field.n >= name.n && memcmp(field.s, name.s, name.n) == 0 &&
		    (field.n == name.n || field.s[name.n] == '/')) {
			buf_addf(out, "refused: %.*s",
				 STR_ARG(fault_reason(f, i)));
			return;
		}
	}
	if (!emit.s)
		buf_addz(out, "nothing: the record is refused");
	else if (json_find(emit, name, &v) != 1)
		buf_addz(out, "left out");
	else if (r && r->hash && json_type(v) == JSON_STRING && v.n > 2)
		buf_add(out, v.s + 1, v.n - 2);
	else if (r && (r->steps || r->deep))
		buf_addz(out, "as the steps leave it");
	else
		buf_addz(out, "as it is");
}

static void put_row(struct table *t, struct str name, const struct rule *r,
		    const struct record *rec, struct str emit,
		    const struct faults *f)
{
	struct buf *row = table_row(t);
	ssize_t at = rec ? json_obj_find(&rec->obj, name) : -1;

	buf_adds(&row[0], name);
	if (at >= 0)
		put_kind(&row[1], rec->obj.m[at].val);
	else
		buf_addz(&row[1], rec ? "missing" : "-");
	put_steps(&row[2], r);
	if (at >= 0)
		put_outcome(&row[3], r, name, emit, f);
	else
		buf_addc(&row[3], '-');
}

static void add_members(struct table *t, const struct contract *c,
			const struct record *rec, struct str emit,
			const struct faults *f)
{
	const struct rule *root = c->rules->root;
	struct buf name = BUF_INIT;
	bool several, unclear;

	for (size_t i = 0; i < root->n_members; i++)
		if (!root->members[i].pattern)
			put_row(t, root->members[i].name, root->members[i].rule,
				rec, emit, f);
	for (size_t i = 0; rec && i < rec->obj.n; i++) {
		size_t j = 1;

		if (record_reserved(&rec->obj.m[i]))
			continue;
		buf_reset(&name);
		json_unescape(&name, rec->obj.m[i].key);
		while (j < t->n &&
		       !str_eq(buf_str(&t->rows[j][0]), buf_str(&name)))
			j++;
		if (j == t->n)
			put_row(
			    t, buf_str(&name),
			    rule_for(root, buf_str(&name), &several, &unclear),
			    rec, emit, f);
	}
	buf_release(&name);
}

void contract_explain(struct contract *c, const struct record *rec,
		      struct buf *out)
{
	static const char *const titles[] = { "MEMBER", "IN THE FIRST RECORD",
					      "STEPS", "GIVES", NULL };
	struct table t = { .n = 0 };
	struct faults f = FAULTS_INIT;
	struct buf emit = BUF_INIT;

	table_add(&t, titles);
	if (rec && contract_settle(c, rec, SETTLE_HASH, &emit, &f) >= 0)
		buf_addc(&emit, '}');
	add_members(&t, c, rec, emit.len ? buf_str(&emit) : STR_NONE, &f);
	table_put(&t, out);
	for (size_t i = 0; i < f.n; i++)
		if (!fault_field(&f, i).n)
			buf_addf(out, "refused: %.*s\n",
				 STR_ARG(fault_reason(&f, i)));
	table_release(&t);
	faults_release(&f);
	buf_release(&emit);
}
