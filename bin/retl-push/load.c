/* SPDX-License-Identifier: MIT */
#include "bin/retl-push/load.h"

#include <strings.h>

#include "common/mem.h"
#include "common/msg.h"

int load_wrong(struct loader *l, const char *member, const char *what)
{
	return fail(l->err, "%s: %s%s%s: %s", l->d->contract->path,
		    l->where.data, l->where.len && *member ? "." : "", member,
		    what);
}

/* Goes one level down; returns what to cut the place back to. */
size_t load_enter(struct loader *l, struct str name)
{
	size_t mark = l->where.len;

	if (mark)
		buf_addc(&l->where, '.');
	buf_adds(&l->where, name);
	return mark;
}

void load_leave(struct loader *l, size_t mark)
{
	buf_truncate(&l->where, mark);
}

/* Every member of object must be one of names. */
int load_members(struct loader *l, struct str object, const char *const *names)
{
	struct json_iter it;
	struct json_member m;
	struct buf name = BUF_INIT;
	int ret = 0;

	json_iter_init(&it, object);
	while (!ret && json_iter_member(&it, &m)) {
		const char *const *n = names;

		while (*n && !json_key_is(&m, str_of(*n)))
			n++;
		if (*n)
			continue;
		buf_reset(&name);
		buf_adds(&name, m.key);
		ret = load_wrong(l, name.data, "not supported by this version");
	}
	buf_release(&name);
	return ret;
}

/* ---- values ---- */

static struct str setting_of(struct loader *l, struct str text)
{
	const struct setting *s;

	if (text.n < 3 || text.s[0] != '{' || text.s[text.n - 1] != '}')
		return STR_NONE;
	s = contract_setting(l->d->contract,
			     (struct str){ text.s + 1, text.n - 2 });
	return s && s->text.s ? s->text : STR_NONE;
}

/* A number, or the name of a setting that has one. */
int load_real(struct loader *l, struct str object, const char *member,
	      double *out)
{
	struct str v = json_get(object, member), text;
	struct buf scratch = BUF_INIT, digits = BUF_INIT;
	char *end;
	int ret = 0;

	if (!v.s)
		return 0;
	text = json_type(v) == JSON_STRING
		   ? setting_of(l, json_text(v, &scratch))
		   : v;
	if (text.s)
		buf_adds(&digits, text);
	*out = strtod(digits.data, &end);
	if (!digits.len || *end || !(*out >= 0) || *out > 1e12)
		ret = load_wrong(l, member,
				 "not a number, or the {setting} of one");
	buf_release(&scratch);
	buf_release(&digits);
	return ret;
}

int load_count(struct loader *l, struct str object, const char *member,
	       uint64_t *out)
{
	double n = (double)*out;

	if (load_real(l, object, member, &n) < 0)
		return -1;
	if (n != (double)(uint64_t)n)
		return load_wrong(l, member, "not a whole number");
	*out = (uint64_t)n;
	return 0;
}

int load_some(struct loader *l, struct str object, const char *member,
	      uint64_t *out)
{
	if (load_count(l, object, member, out) < 0)
		return -1;
	if (!*out && json_get(object, member).s)
		return load_wrong(l, member, "at least 1");
	return 0;
}

int load_ms(struct loader *l, struct str object, const char *member,
	    int64_t *out)
{
	double s = (double)*out / 1000;

	if (load_real(l, object, member, &s) < 0)
		return -1;
	*out = (int64_t)(s * 1000);
	return 0;
}

int load_program(struct loader *l, struct str object, const char *member,
		 enum place place, struct program *p)
{
	struct str v = json_get(object, member);
	size_t mark;
	int ret;

	if (!v.s)
		return 0;
	mark = load_enter(l, str_of(member));
	ret = program_new(p, l->d->contract, v, place, l->where.data, l->err);
	l->counts |= p->counts;
	load_leave(l, mark);
	return ret;
}

int load_template(struct loader *l, struct str value, const char *member,
		  enum tmpl_use use, struct tmpl *t)
{
	struct tmpl_opts o = { l->d->contract, use, l->d->show };
	struct buf scratch = BUF_INIT, err = BUF_INIT;
	int ret = 0;

	if (json_type(value) != JSON_STRING)
		return load_wrong(l, member, "not a string");
	if (tmpl_parse(t, json_text(value, &scratch), &o, &err) < 0)
		ret = load_wrong(l, member, err.data);
	l->counts |= t->counts;
	buf_release(&scratch);
	buf_release(&err);
	return ret;
}

/* A text without variables but settings. */
int load_text(struct loader *l, struct str value, const char *member,
	      struct buf *out)
{
	struct tmpl t = TMPL_INIT;
	struct tmpl_scope none = { .record = STR_NONE };
	struct buf err = BUF_INIT;
	struct tmpl_field field;
	int ret = load_template(l, value, member, TMPL_VALUE, &t);

	if (ret == 0)
		ret = tmpl_expand(&t, TMPL_VALUE, &none, out, &field, &err);
	buf_release(&err);
	tmpl_release(&t);
	return ret;
}

/* The base may end with the slash that the rest begins with. */
static void trim_slash(struct tmpl *url)
{
	struct tmpl_part *base = &url->v[0];

	while (base->n && url->text.data[base->at + base->n - 1] == '/')
		base->n--;
}

bool load_is_address(struct str url)
{
	size_t i = 0;

	while (i < url.n && isalpha((uint8_t)url.s[i]))
		i++;
	return i && url.n > i + 3 && memcmp(url.s + i, "://", 3) == 0;
}

bool load_names_user(struct str url)
{
	size_t i;

	if (!str_starts(url, "http://") && !str_starts(url, "https://"))
		return false;
	for (i = str_starts(url, "https") ? 8 : 7;
	     i < url.n && !strchr("/?#@", url.s[i]);)
		i++;
	return i < url.n && url.s[i] == '@';
}

int load_url_template(struct loader *l, struct str text, struct tmpl *t)
{
	const struct setting *s =
	    contract_setting(l->d->contract, STR("base_url"));
	struct buf whole = BUF_INIT, quoted = BUF_INIT;
	bool appended = text.n && text.s[0] == '/';
	bool varies = s->text.s && memchr(s->text.s, '{', s->text.n);
	int ret;

	/* libcurl would take it for a host, and speak to it without TLS. */
	if (appended && !varies && !load_is_address(s->text))
		return load_wrong(
		    l, "base_url",
		    "no address, such as https://api.example.com");
	if (appended && load_names_user(s->text))
		return load_wrong(l, "base_url",
				  "names a user: credentials belong into auth, "
				  "where they are not shown");
	if (appended)
		buf_adds(&whole, varies ? s->text : STR("{+base_url}"));
	while (varies && whole.len && whole.data[whole.len - 1] == '/')
		buf_truncate(&whole, whole.len - 1);
	buf_adds(&whole, text);
	json_put_str(&quoted, buf_str(&whole));
	ret = load_template(l, buf_str(&quoted), "request.url", TMPL_URL, t);
	if (!ret && appended && !varies)
		trim_slash(t);
	buf_release(&whole);
	buf_release(&quoted);
	return ret;
}

int load_named(struct loader *l, struct str object, const char *member,
	       enum place place, struct named **v, size_t *n)
{
	struct str all = json_get(object, member);
	struct json_iter it;
	struct json_member m;
	size_t mark;
	int ret = 0;

	if (!all.s)
		return 0;
	if (json_type(all) != JSON_OBJECT)
		return load_wrong(l, member, "not an object");
	*v = xcalloc(MAX(json_count(all), 1), sizeof **v);
	mark = load_enter(l, str_of(member));
	json_iter_init(&it, all);
	while (!ret && json_iter_member(&it, &m)) {
		struct named *one = &(*v)[(*n)++];
		size_t inner = load_enter(l, m.key);

		one->name = (struct str){ m.key.s - 1, m.key.n + 2 };
		ret = program_new(&one->prog, l->d->contract, m.val, place,
				  l->where.data, l->err);
		l->counts |= one->prog.counts;
		load_leave(l, inner);
	}
	load_leave(l, mark);
	return ret;
}

/* A control character would end the header, and begin another. */
static bool is_one_line(struct str string)
{
	struct buf scratch = BUF_INIT;
	struct str text = json_text(string, &scratch);
	bool yes = true;

	for (size_t i = 0; i < text.n; i++)
		yes &= !iscntrl((uint8_t)text.s[i]);
	buf_release(&scratch);
	return yes;
}

int load_headers(struct loader *l, struct str object, struct header **v,
		 size_t *n)
{
	struct json_iter it;
	struct json_member m;

	if (!object.s)
		return 0;
	if (json_type(object) != JSON_OBJECT)
		return load_wrong(l, "headers", "not an object");
	if (json_count(object) > MAX_HEADERS)
		return load_wrong(l, "headers", "too many");
	*v = xcalloc(MAX(json_count(object), 1), sizeof **v);
	json_iter_init(&it, object);
	while (json_iter_member(&it, &m)) {
		struct header *h = &(*v)[(*n)++];

		h->name = m.key;
		for (size_t i = 0; i < m.key.n; i++)
			if (!isalnum((uint8_t)m.key.s[i]) &&
			    !strchr("-_.", m.key.s[i]))
				return load_wrong(l, "headers",
						  "one is not a header's name");
		if (json_type(m.val) == JSON_STRING && !is_one_line(m.val))
			return load_wrong(l, "headers",
					  "one has a control character in it");
		if (load_template(l, m.val, "headers", TMPL_HEADER, &h->value) <
		    0)
			return -1;
	}
	return 0;
}

/* ---- rules ---- */

static int load_rule(struct loader *l, struct str v, struct rule *r)
{
	static const char *const members[] = { "status",  "code", "sqlstate",
					       "when",    "then", "reason",
					       "results", NULL };
	struct str then = json_get(v, "then");
	struct buf scratch = BUF_INIT;

	if (json_type(v) != JSON_OBJECT)
		return load_wrong(l, "rules", "one is no object");
	if (load_members(l, v, members) < 0)
		return -1;
	r->status = json_get(v, "status");
	r->code = json_get(v, "code");
	r->sqlstate = json_get(v, "sqlstate");
	r->reason = json_get(v, "reason");
	if (then.s && json_type(then) == JSON_STRING)
		r->then = verdict_parse(json_text(then, &scratch));
	buf_release(&scratch);
	if (load_program(l, v, "when", PLACE_ANSWER, &r->when) < 0 ||
	    load_program(l, v, "results", PLACE_ANSWER, &r->results) < 0)
		return -1;
	if (!r->then && !r->results.prog)
		return load_wrong(l, "rules",
				  "one has neither \"then\" nor "
				  "\"results\"");
	return 0;
}

int load_rules(struct loader *l, struct str object, struct rules *rules)
{
	struct str all = json_get(object, "rules"), v;
	struct json_iter it;

	if (!all.s)
		return 0;
	if (json_type(all) != JSON_ARRAY)
		return load_wrong(l, "rules", "not a list");
	rules->v = xcalloc(MAX(json_count(all), 1), sizeof *rules->v);
	json_iter_init(&it, all);
	while (json_iter_element(&it, &v))
		if (load_rule(l, v, &rules->v[rules->n++]) < 0)
			return -1;
	return 0;
}

/* ---- the end ---- */

void headers_release(struct header *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		tmpl_release(&v[i].value);
	free(v);
}

void rules_release(struct rules *r)
{
	for (size_t i = 0; i < r->n; i++) {
		program_release(&r->v[i].when);
		program_release(&r->v[i].results);
	}
	free(r->v);
}

void named_release(struct named *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		program_release(&v[i].prog);
	free(v);
}
