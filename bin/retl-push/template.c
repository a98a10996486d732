/* SPDX-License-Identifier: MIT */
#include "bin/retl-push/template.h"

#include "common/enc.h"
#include "common/mem.h"
#include "common/msg.h"

/* ---- reading ---- */

static const struct {
	const char *prefix;
	enum tmpl_kind kind;
} namespaces[] = {
	{ "record.", TMPL_RECORD },   { "saved.", TMPL_SAVED },
	{ "vars.", TMPL_VARS },       { "run.", TMPL_RUN },
	{ "derived.", TMPL_DERIVED }, { "auth.", TMPL_AUTH },
};

static void add_part(struct tmpl *t, struct tmpl_part part, size_t at, size_t n)
{
	part.at = at;
	part.n = n;
	t->v = xreallocarray(t->v, t->n + 1, sizeof *t->v);
	t->v[t->n++] = part;
}

static struct str part_text(const struct tmpl *t, const struct tmpl_part *p)
{
	return (struct str){ t->text.data + p->at, p->n };
}

/* RFC 6570's {+x}: reserved characters and whole %XX stay. */
static void put_reserved(struct buf *out, struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		bool triplet = s.s[i] == '%' && i + 2 < s.n &&
			       isxdigit((uint8_t)s.s[i + 1]) &&
			       isxdigit((uint8_t)s.s[i + 2]);

		if (triplet || (s.s[i] && strchr(":/?#[]@!$&'()*+,;=", s.s[i])))
			buf_addc(out, s.s[i]);
		else
			enc_percent(out, (struct str){ s.s + i, 1 });
	}
}

static bool has_control(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((uint8_t)s.s[i] < 0x20 || s.s[i] == 0x7f)
			return true;
	return false;
}

static int put_setting(struct buf *out, struct str name, bool plus,
		       const struct tmpl_opts *o, struct buf *err)
{
	const struct setting *s = contract_setting(o->contract, name);
	size_t at = out->len;

	if (!s)
		return fail(err, "{%.*s}: there is no such setting",
			    STR_ARG(name));
	/* An optional one without a value leaves its place empty. */
	if (!s->text.n)
		return 0;
	if (s->secret && o->show) {
		buf_addf(out, "\1%s%.*s\2",
			 plus && o->use == TMPL_URL ? "+" : "", STR_ARG(name));
		return 0;
	}
	if (o->use != TMPL_VALUE && has_control(s->text))
		return fail(err, "{%.*s}: has a control character in it",
			    STR_ARG(name));
	if (o->use == TMPL_VALUE || (o->use == TMPL_HEADER && plus))
		buf_adds(out, s->text);
	else if (plus)
		put_reserved(out, s->text);
	else
		enc_percent(out, s->text);
	if (s->secret)
		msg_hide(out->data + at, out->len - at);
	return 0;
}

/* "auth.x": does auth.save have an x? */
static bool saves(const struct contract *c, struct str name)
{
	struct str all = json_get(json_get(c->root, "auth"), "save"), v;

	return all.s && json_type(all) == JSON_OBJECT &&
	       json_find(all, (struct str){ name.s + 5, name.n - 5 }, &v) == 1;
}

bool tmpl_is_of_run(struct str name)
{
	static const char *const names[] = { "run.id", "run.time", "run.number",
					     "run.batch", "run.last" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (str_is(name, names[i]))
			return true;
	return false;
}

static int add_variable(struct tmpl *t, struct str name, bool plus,
			bool in_path, const struct tmpl_opts *o,
			struct buf *err)
{
	struct tmpl_part part = { .plus = plus, .in_path = in_path };
	size_t skip = 0, at = t->text.len;

	if (str_is(name, "group"))
		part.kind = TMPL_GROUP;
	for (size_t i = 0; i < ARRAY_LEN(namespaces); i++)
		if (str_starts(name, namespaces[i].prefix)) {
			part.kind = namespaces[i].kind;
			skip = strlen(namespaces[i].prefix);
		}
	if (part.kind == TMPL_TEXT) {
		if (memchr(name.s, '.', name.n))
			return fail(err, "{%.*s}: there is no such variable",
				    STR_ARG(name));
		if (put_setting(&t->text, name, plus, o, err) < 0)
			return -1;
		add_part(t, part, at, t->text.len - at);
		return 0;
	}
	if (o->use == TMPL_VALUE)
		return fail(err, "{%.*s}: only settings can stand here",
			    STR_ARG(name));
	if (part.kind == TMPL_RUN && !tmpl_is_of_run(name))
		return fail(err, "{%.*s}: there is no such variable",
			    STR_ARG(name));
	if (part.kind == TMPL_AUTH && !saves(o->contract, name))
		return fail(err, "{%.*s}: auth.save has no such member",
			    STR_ARG(name));
	if (part.kind == TMPL_AUTH && o->show) {
		buf_addf(&t->text, "\1%s%.*s\2",
			 plus && o->use == TMPL_URL ? "+" : "", STR_ARG(name));
		part.kind = TMPL_TEXT;
		add_part(t, part, at, t->text.len - at);
		return 0;
	}
	if (part.kind == TMPL_DERIVED &&
	    !contract_derives(o->contract,
			      (struct str){ name.s + skip, name.n - skip }))
		return fail(err, "{%.*s}: there is no such name in derived",
			    STR_ARG(name));
	if (plus && o->use == TMPL_URL && part.kind != TMPL_SAVED &&
	    part.kind != TMPL_AUTH)
		return fail(err,
			    "{+%.*s}: what comes with a record cannot go into "
			    "a URL unencoded",
			    STR_ARG(name));
	t->plus |= plus && o->use == TMPL_URL && part.kind == TMPL_SAVED;
	t->counts |= str_is(name, "run.batch") || str_is(name, "run.last");
	t->marks |= str_is(name, "run.last");
	t->derives |= part.kind == TMPL_DERIVED;
	t->names_record |=
	    part.kind == TMPL_RECORD || part.kind == TMPL_DERIVED;
	t->reads_saved |= part.kind == TMPL_SAVED;
	buf_add(&t->text, name.s + skip, name.n - skip);
	add_part(t, part, at, name.n - skip);
	return 0;
}

int tmpl_parse(struct tmpl *t, struct str text, const struct tmpl_opts *o,
	       struct buf *err)
{
	bool in_path = o->use == TMPL_URL;
	size_t i = 0;

	*t = TMPL_INIT;
	while (i < text.n) {
		size_t from = i, at = t->text.len;
		const char *close;
		struct str name;
		bool plus;

		while (i < text.n && text.s[i] != '{')
			i++;
		if (memchr(text.s + from, '?', i - from) ||
		    memchr(text.s + from, '#', i - from))
			in_path = false;
		if (i > from) {
			buf_add(&t->text, text.s + from, i - from);
			add_part(t, (struct tmpl_part){ .kind = TMPL_TEXT }, at,
				 i - from);
		}
		if (i == text.n)
			break;
		close = memchr(text.s + i, '}', text.n - i);
		if (!close)
			return fail(err, "a { without its }");
		name = (struct str){ text.s + i + 1,
				     (size_t)(close - text.s) - i - 1 };
		plus = name.n && name.s[0] == '+';
		if (plus)
			name = (struct str){ name.s + 1, name.n - 1 };
		if (add_variable(t, name, plus, in_path, o, err) < 0)
			return -1;
		i = (size_t)(close - text.s) + 1;
	}
	return 0;
}

void tmpl_release(struct tmpl *t)
{
	free(t->v);
	buf_release(&t->text);
	*t = TMPL_INIT;
}

bool tmpl_is_constant(const struct tmpl *t)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->v[i].kind != TMPL_TEXT)
			return false;
	return true;
}

/* ---- filling in ---- */

static struct str object_of(const struct tmpl_part *p,
			    const struct tmpl_scope *s)
{
	switch (p->kind) {
	case TMPL_RECORD:
		return s->record;
	case TMPL_SAVED:
		return s->saved;
	case TMPL_VARS:
		return s->vars;
	case TMPL_AUTH:
		return s->auth;
	case TMPL_DERIVED:
		return s->derived;
	default:
		return s->run;
	}
}

static int find_value(const struct tmpl_part *p, struct str name,
		      const struct tmpl_scope *s, struct str *val,
		      struct buf *err)
{
	struct str object;

	if (p->kind == TMPL_GROUP) {
		*val = s->group;
	} else {
		object = object_of(p, s);
		if (!object.s || json_find(object, name, val) != 1)
			return fail(err, "missing, and the request names it");
	}
	if (!val->s || json_type(*val) == JSON_NULL)
		return fail(err, "null, and the request names it");
	if (json_type(*val) == JSON_OBJECT || json_type(*val) == JSON_ARRAY)
		return fail(err, "no single value, and the request names it");
	return 0;
}

static int put_value(const struct tmpl_part *p, enum tmpl_use use,
		     struct str text, struct buf *out, struct buf *err)
{
	if (use == TMPL_HEADER && p->plus) {
		if (has_control(text))
			return fail(err, "a control character in it, which a "
					 "header cannot carry");
		buf_adds(out, text);
		return 0;
	}
	if (p->plus && (p->kind == TMPL_SAVED || p->kind == TMPL_AUTH)) {
		if (has_control(text))
			return fail(err, "a control character in it, which an "
					 "address cannot carry");
		put_reserved(out, text);
		return 0;
	}
	if (p->in_path && (!text.n || str_is(text, ".") || str_is(text, "..")))
		return fail(err, "cannot be a part of a path");
	enc_percent(out, text);
	return 0;
}

/* Is it unknown, since it depends on what an answer would say? */
static bool is_pretended(const struct tmpl_part *p, struct str name,
			 const struct tmpl_scope *s)
{
	struct buf text = BUF_INIT;
	struct str v;
	bool yes = false;

	if (!s->pretend || p->kind == TMPL_SAVED)
		return s->pretend;
	if (p->kind != TMPL_VARS || !s->vars.s ||
	    json_find(s->vars, name, &v) != 1)
		return false;
	buf_addf(&text, "\"{vars.%.*s}\"", STR_ARG(name));
	yes = str_eq(v, buf_str(&text));
	buf_release(&text);
	return yes;
}

int tmpl_expand(const struct tmpl *t, enum tmpl_use use,
		const struct tmpl_scope *scope, struct buf *out,
		struct tmpl_field *field, struct buf *err)
{
	struct buf scratch = BUF_INIT;
	int ret = -1;

	for (size_t i = 0; i < t->n; i++) {
		const struct tmpl_part *p = &t->v[i];
		struct str name = part_text(t, p), val = STR_NONE;

		if (p->kind == TMPL_TEXT) {
			buf_adds(out, name);
			continue;
		}
		*field = (struct tmpl_field){ name, p->kind };
		if (is_pretended(p, name, scope)) {
			buf_addf(out, "\1%s.%.*s\2",
				 p->kind == TMPL_SAVED ? "saved" : "vars",
				 STR_ARG(name));
			continue;
		}
		if (find_value(p, name, scope, &val, err) < 0)
			goto out;
		/* find_value has set it.
		 * NOLINTNEXTLINE(clang-analyzer-core.NullDereference) */
		if (json_type(val) == JSON_STRING)
			val = json_text(val, &scratch);
		if (put_value(p, use, val, out, err) < 0)
			goto out;
	}
	ret = 0;
out:
	buf_release(&scratch);
	return ret;
}
