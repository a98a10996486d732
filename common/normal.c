/* SPDX-License-Identifier: MIT */
/* A list of steps, read and run. */
#include "common/normal_private.h"

#include "common/codes.h"
#include "common/mem.h"

/* ---- building results ---- */

struct buf *normal_fresh(struct normal *n)
{
	struct buf *b = &n->out[n->turn ^= 1];

	buf_reset(b);
	return b;
}

/*
 * What was built, or, where that is the same, what it was built from: then the
 * buffer is as if it had not been asked for, since a value must never stand in
 * the one that comes next.
 */
struct str normal_built(struct normal *n, const struct buf *b, struct str from)
{
	if (!str_eq(buf_str(b), from))
		return buf_str(b);
	n->turn ^= 1;
	return from;
}

int normal_give(struct normal_value *v, struct str text)
{
	*v = (struct normal_value){ true, text };
	return 0;
}

int normal_broken(struct normal *n, const char *why)
{
	n->why = why;
	return -1;
}

/* ---- arguments ---- */

struct str normal_arg(struct normal *n, const struct step *s)
{
	struct str v;

	if (!s->pointer.s)
		return s->arg;
	if (!n->root.s || json_pointer(n->root, s->pointer, &v) != 1)
		return STR_NONE;
	switch (json_type(v)) {
	case JSON_STRING:
		v = normal_trim(json_text(v, &n->arg));
		return v.n ? v : STR_NONE;
	case JSON_NUMBER:
		return v;
	default:
		return STR_NONE;
	}
}

static const char *find_country(struct str text)
{
	char lower[64];

	for (size_t i = 0; i < text.n; i++) {
		if (i == sizeof lower)
			return NULL;
		lower[i] = (char)tolower((unsigned char)text.s[i]);
	}
	return codes_country((struct str){ lower, text.n });
}

const char *normal_arg_country(struct normal *n, const struct step *s)
{
	struct str text = normal_arg(n, s);

	return text.s ? find_country(text) : NULL;
}

/* ---- a list of steps ---- */

static const struct step_def *const families[] = {
	normal_text_steps,
	normal_field_steps,
	normal_type_steps,
};

static const struct step_def *find_def(struct str name)
{
	for (size_t i = 0; i < ARRAY_LEN(families); i++)
		for (const struct step_def *d = families[i]; d->name; d++)
			if (str_is(name, d->name))
				return d;
	return NULL;
}

static const char *arg_mark(const struct step_def *d)
{
	return d->arg == ARG_NONE ? "" : d->arg == ARG_COUNTRY ? "[=]" : "=";
}

static int unknown_step(struct str name, struct buf *err)
{
	struct buf list = BUF_INIT;

	for (size_t i = 0; i < ARRAY_LEN(families); i++)
		for (const struct step_def *d = families[i]; d->name; d++)
			buf_addf(&list, " %s%s", d->name, arg_mark(d));
	fail(err,
	     "'%.*s' is not a step; there are:%s; a digest, such as sha256, "
	     "goes into hash, or behind the steps of -f",
	     STR_ARG(name), list.data);
	buf_release(&list);
	return -1;
}

static bool read_number(struct str text, uint64_t *n)
{
	return str_to_u64(text, n) == 0 && *n <= 1000;
}

static int read_arg(struct step *s, struct str arg, struct buf *err)
{
	const char *name = s->def->name;

	if (s->def->arg == ARG_NONE && arg.s)
		return fail(err, "the step %s takes no argument", name);
	if (s->def->arg == ARG_NONE || (s->def->arg == ARG_COUNTRY && !arg.s))
		return 0;
	if (!arg.n)
		return fail(err, "the step %s needs an argument: %s=...", name,
			    name);
	if (s->def->arg == ARG_NUMBER && !read_number(arg, &s->n))
		return fail(err, "the step %s needs a number", name);
	if (s->def->arg == ARG_COUNTRY && !find_country(arg))
		return fail(err,
			    "the step %s: '%.*s' is not a country, such as DE",
			    name, STR_ARG(arg));
	if (s->def->arg == ARG_DATE && !normal_is_date_form(arg))
		return fail(err,
			    "the step %s: '%.*s' is not made of YYYY, MM, DD, "
			    "hh, mm and ss",
			    name, STR_ARG(arg));
	s->arg = arg;
	return 0;
}

static int add_step(struct normal *n, struct str text,
		    normal_setting_fn *setting, void *arg, struct buf *err)
{
	struct str rest = text, name, value;
	struct step *s;

	str_split(&rest, '=', &name);
	value = rest;
	GROW(n->steps, n->n, n->cap);
	s = &n->steps[n->n++];
	*s = (struct step){ .def = find_def(name) };
	if (!s->def)
		return unknown_step(name, err);
	if (value.n > 1 && *value.s == '/' && s->def->arg != ARG_NONE) {
		s->pointer = value;
		return 0;
	}
	if (value.n > 1 && *value.s == '$' && setting &&
	    setting(arg, (struct str){ value.s + 1, value.n - 1 }, &value,
		    err) < 0)
		return -1;
	return read_arg(s, value, err);
}

struct normal *normal_new(struct str steps, normal_setting_fn *setting,
			  void *arg, struct buf *err)
{
	struct normal *n = xcalloc(1, sizeof *n);
	struct json_iter it;
	struct str e;
	size_t at;

	n->args = n->unescaped = n->out[0] = n->out[1] = n->arg = BUF_INIT;
	if (json_type(steps) != JSON_ARRAY) {
		fail(err, "not a list of steps");
		goto bad;
	}
	/* Room at once: the steps borrow from it. */
	buf_reserve(&n->args, steps.n);
	json_iter_init(&it, steps);
	while (json_iter_element(&it, &e)) {
		if (json_type(e) != JSON_STRING) {
			fail(err, "a step is a text, \"name\" or "
				  "\"name=argument\"");
			goto bad;
		}
		at = n->args.len;
		json_unescape(&n->args, (struct str){ e.s + 1, e.n - 2 });
		if (add_step(
			n, (struct str){ n->args.data + at, n->args.len - at },
			setting, arg, err) < 0)
			goto bad;
	}
	return n;
bad:
	normal_free(n);
	return NULL;
}

void normal_free(struct normal *n)
{
	if (!n)
		return;
	free(n->steps);
	free(n->points);
	buf_release(&n->args);
	buf_release(&n->unescaped);
	buf_release(&n->arg);
	phone_free(n->phone);
	buf_release(&n->out[0]);
	buf_release(&n->out[1]);
	free(n);
}

void normal_put(struct buf *out, const struct normal *n)
{
	for (size_t i = 0; i < n->n; i++) {
		buf_addf(out, "%s%s", i ? ", " : "", n->steps[i].def->name);
		if (n->steps[i].pointer.s)
			buf_addf(out, "=%.*s", STR_ARG(n->steps[i].pointer));
		else if (n->steps[i].arg.s)
			buf_addf(out, "=%.*s", STR_ARG(n->steps[i].arg));
	}
}

struct str normal_reads(const struct normal *n, size_t i)
{
	return i < n->n ? n->steps[i].pointer : STR_NONE;
}

bool normal_is_costly(const struct normal *n)
{
	for (size_t i = 0; i < n->n; i++)
		if ((strcmp(n->steps[i].def->name, "e164") == 0 ||
		     strcmp(n->steps[i].def->name, "phone") == 0) &&
		    (n->steps[i].arg.s || n->steps[i].pointer.s))
			return true;
	return false;
}

size_t normal_count(const struct normal *n)
{
	return n->n;
}

/* The step with what a member of the record says, in place of an argument. */
static int run_with_member(struct normal *n, const struct step *s,
			   struct normal_value *v)
{
	struct step with = *s;

	with.arg = normal_arg(n, s);
	if (!with.arg.s)
		return normal_broken(n, "needs another member, which has no "
					"value");
	if (s->def->arg == ARG_NUMBER && !read_number(with.arg, &with.n))
		return normal_broken(n, "needs another member, which is not a "
					"whole number up to 1000");
	with.pointer = STR_NONE;
	return s->def->run(n, &with, v);
}

int normal_run(struct normal *n, struct str value, struct str root,
	       struct normal_value *out, bool *changed, struct normal_fault *f)
{
	struct normal_value v = { json_type(value) == JSON_STRING, value }, was;
	int ret;

	n->root = root;
	if (v.is_text)
		v.s = json_text(value, &n->unescaped);
	was = v;
	for (size_t i = 0; i < n->n; i++) {
		const struct step *s = &n->steps[i];

		if (!v.is_text && !s->def->any_type)
			continue;
		/* A country is asked for by the step, and only if need be. */
		if (s->pointer.s && s->def->arg != ARG_COUNTRY)
			ret = run_with_member(n, s, &v);
		else
			ret = s->def->run(n, s, &v);
		if (ret < 0) {
			*f = (struct normal_fault){ s->def->name, n->why };
			return -1;
		}
	}
	*out = v;
	*changed = v.is_text != was.is_text || !str_eq(v.s, was.s);
	return 0;
}
