/* SPDX-License-Identifier: MIT */
/*
 * "auth": its members are templates of settings, lists of them, or objects of
 * them, and become the plain values that common/auth.h takes.
 */
#include "bin/retl-push/load.h"

#include "common/mem.h"

struct values {
	struct auth_value *v;
	size_t n;
};

static void values_release(struct values *all)
{
	for (size_t i = 0; i < all->n; i++) {
		free((char *)all->v[i].name.s);
		explicit_bzero((char *)all->v[i].text.s, all->v[i].text.n);
		free((char *)all->v[i].text.s);
	}
	free(all->v);
}

static void values_add(struct values *all, struct buf *name, struct buf *text)
{
	struct auth_value *v;

	all->v = xreallocarray(all->v, all->n + 1, sizeof *all->v);
	v = &all->v[all->n++];
	v->name.n = name->len;
	v->name.s = buf_take(name);
	v->text.n = text->len;
	v->text.s = buf_take(text);
}

static int load_list(struct loader *l, struct str list, struct buf *out)
{
	struct json_iter it;
	struct str v;

	json_iter_init(&it, list);
	while (json_iter_element(&it, &v)) {
		if (out->len)
			buf_addc(out, ' ');
		if (load_text(l, v, "auth", out) < 0)
			return -1;
	}
	return 0;
}

static int load_value(struct loader *l, struct values *all, struct str prefix,
		      const struct json_member *m)
{
	struct buf name = BUF_INIT, text = BUF_INIT;
	int ret;

	buf_adds(&name, prefix);
	buf_adds(&name, m->key);
	if (json_type(m->val) == JSON_ARRAY) {
		ret = load_list(l, m->val, &text);
	} else if (json_type(m->val) == JSON_NUMBER) {
		buf_adds(&text, m->val);
		ret = 0;
	} else {
		ret = load_text(l, m->val, "auth", &text);
	}
	if (!ret)
		values_add(all, &name, &text);
	buf_release(&name);
	buf_release(&text);
	return ret;
}

static int load_object(struct loader *l, struct values *all,
		       const struct json_member *m)
{
	struct buf prefix = BUF_INIT;
	struct json_iter it;
	struct json_member inner;
	int ret = 0;

	buf_adds(&prefix, m->key);
	buf_addc(&prefix, '.');
	json_iter_init(&it, m->val);
	while (!ret && json_iter_member(&it, &inner))
		ret = load_value(l, all, buf_str(&prefix), &inner);
	buf_release(&prefix);
	return ret;
}

static void add_text(struct values *all, const char *name, struct str text)
{
	struct buf n = BUF_INIT, t = BUF_INIT;

	buf_addz(&n, name);
	buf_adds(&t, text);
	values_add(all, &n, &t);
}

static struct str find_value(const struct values *all, const char *name)
{
	for (size_t i = 0; i < all->n; i++)
		if (str_is(all->v[i].name, name))
			return all->v[i].text;
	return STR_NONE;
}

/*
 * A refresh token that is a setting out of the file of --settings goes back
 * there when the endpoint gives another.
 */
static void note_origin(struct loader *l, struct str auth, struct values *all)
{
	struct str v = json_get(auth, "refresh_token"), text;
	struct buf scratch = BUF_INIT;
	const struct setting *s;

	if (!v.s || json_type(v) != JSON_STRING)
		return;
	text = json_text(v, &scratch);
	if (text.n > 2 && text.s[0] == '{' && text.s[text.n - 1] == '}') {
		s = contract_setting(l->d->contract,
				     (struct str){ text.s + 1, text.n - 2 });
		if (s && s->file) {
			add_text(all, "refresh_token_file", str_of(s->file));
			add_text(all, "refresh_token_member", s->name);
		}
	}
	buf_release(&scratch);
}

static int load_members_of(struct loader *l, struct str auth, struct str *type,
			   struct values *all, struct buf *scratch)
{
	struct json_iter it;
	struct json_member m;
	int ret = 0;

	json_iter_init(&it, auth);
	while (!ret && json_iter_member(&it, &m)) {
		if (json_key_is(&m, STR("type")))
			*type = json_text(m.val, scratch);
		else if (json_key_is(&m, STR("id")))
			ret = load_template(l, m.val, "auth.id", TMPL_HEADER,
					    &l->d->auth_id);
		else if (json_key_is(&m, STR("save")))
			ret = load_named(l, auth, "save", PLACE_TOKEN,
					 &l->d->auth_save, &l->d->n_auth_save);
		else if (json_type(m.val) == JSON_OBJECT)
			ret = load_object(l, all, &m);
		else
			ret = load_value(l, all, STR(""), &m);
	}
	return ret;
}

int load_auth(struct loader *l)
{
	struct delivery *d = l->d;
	struct str v = json_get(d->contract->root, "auth");
	struct buf err = BUF_INIT, scratch = BUF_INIT;
	struct values all = { .n = 0 };
	struct str type = STR("none");
	int ret = -1;

	if (!v.s || json_type(v) != JSON_OBJECT)
		return load_wrong(l, "auth", "missing");
	if (load_members_of(l, v, &type, &all, &scratch) < 0)
		goto out;
	note_origin(l, v, &all);
	d->auth = auth_new(type, all.v, all.n, d->show, &d->status, &err);
	if (!d->auth)
		fail(l->err, "%s: %s", d->contract->path, err.data);
	else if (d->n_auth_save && !auth_tokens(d->auth) && !d->show)
		load_wrong(l, "auth.save",
			   "of a type that asks for no token, so there is no "
			   "answer to save from");
	else
		ret = 0;
	d->plain_tokens = str_starts(find_value(&all, "token_url"), "http:");
out:
	values_release(&all);
	buf_release(&err);
	buf_release(&scratch);
	return ret;
}
