/* SPDX-License-Identifier: MIT */
/*
 * What is wrong with a contract, all of it, for whoever writes one. First the
 * shape; if that is good, what the parts say about each other. No setting needs
 * a value, and nothing is sent.
 */
#include "bin/retl-push/lint.h"
#include "bin/retl-push/look.h"

#include "common/file.h"
#include "common/mem.h"
#include "common/msg.h"
#include "bin/retl-push/program.h"

#define MAX_FILE ((size_t)4 << 20)

void lint_fault(struct lint *l, const char *fmt, ...)
{
	struct buf text = BUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	buf_vaddf(&text, fmt, ap);
	va_end(ap);
	faults_add(&l->faults, buf_str(&l->path), "lint", "%s", text.data);
	buf_release(&text);
}

bool lint_has_name(const struct lint_names *l, struct str name)
{
	for (size_t i = 0; i < l->n; i++)
		if (str_eq(l->v[i], name))
			return true;
	return false;
}

void lint_add_name(struct lint_names *l, struct str name)
{
	if (lint_has_name(l, name))
		return;
	GROW(l->v, l->n, l->cap);
	l->v[l->n++] = (struct str){ xstrndup(name.s, name.n), name.n };
}

static void cut_names(struct lint_names *l, size_t n)
{
	while (l->n > n)
		free((char *)l->v[--l->n].s);
}

void lint_release_names(struct lint_names *l)
{
	cut_names(l, 0);
	free(l->v);
}

static size_t name_length(const char *s, const char *end)
{
	const char *p = s;

	while (p < end && (isalnum((uint8_t)*p) || *p == '_'))
		p++;
	return (size_t)(p - s);
}

/* ---- settings ---- */

struct str lint_setting(const struct lint *l, struct str name)
{
	struct str v;

	if (!l->settings.s || json_find(l->settings, name, &v) != 1)
		return STR_NONE;
	return v;
}

bool lint_is_secret(const struct lint *l, struct str name)
{
	struct str s = lint_setting(l, name);

	return s.s && json_is_true(s, "secret");
}

static bool is_known(const struct lint *l, struct str name)
{
	return lint_setting(l, name).s || str_is(name, "api_version") ||
	       str_is(name, "base_url");
}

void lint_use_setting(struct lint *l, struct str name, bool in_program)
{
	lint_add_name(&l->used, name);
	if (!is_known(l, name))
		lint_fault(l, "%s%.*s: there is no such setting",
			   in_program ? "$settings." : "", STR_ARG(name));
	else if (in_program && lint_is_secret(l, name))
		lint_fault(
		    l, "$settings.%.*s: is a secret, which programs do not see",
		    STR_ARG(name));
}

/* ---- texts of programs and templates ---- */

static void use_saved(struct lint *l, struct str name, const char *form)
{
	if (l->in_flow && !lint_has_name(&l->saved, name))
		lint_fault(l, form, STR_ARG(name));
}

/* $settings.x, $settings["x"] and $saved.x, as far as they can be seen. */
static void look_at_text(struct lint *l, struct str text)
{
	const char *end = text.s + text.n;

	for (const char *p = text.s; p < end; p++) {
		bool settings = str_starts((struct str){ p, (size_t)(end - p) },
					   "$settings");
		bool saved =
		    str_starts((struct str){ p, (size_t)(end - p) }, "$saved");
		const char *name = p + (settings ? 9 : 6);
		size_t n;

		if (!settings && !saved)
			continue;
		if (name < end && *name == '.')
			name++;
		else if (name + 1 < end && name[0] == '[' && name[1] == '"')
			name += 2;
		else
			continue;
		n = name_length(name, end);
		if (n && settings)
			lint_use_setting(l, (struct str){ name, n }, true);
		else if (n)
			use_saved(l, (struct str){ name, n },
				  "$saved.%.*s: no step before saves it");
	}
}

static enum place place_of(const struct lint *l, const char *kind,
			   struct str member)
{
	bool step = strcmp(kind, "operation") == 0 || strcmp(kind, "step") == 0;

	if (strcmp(kind, "request") == 0)
		return str_is(member, "item") ? PLACE_RECORD : PLACE_BODY;
	if (strcmp(kind, "batch") == 0 || strcmp(kind, "limit") == 0 ||
	    (step && str_is(member, "match")))
		return PLACE_RECORD;
	if (step && (str_is(member, "when") || str_is(member, "vars")))
		return l->one || l->each ? PLACE_RECORD : PLACE_BATCH;
	return PLACE_ANSWER;
}

static int compile(struct lint *l, struct str v, enum place place,
		   struct buf *err)
{
	struct program p;
	int ret = program_new(&p, &l->c, v, place, "", err);

	if (ret == 0) {
		if (place == PLACE_RECORD && !l->loose)
			lint_members_read(l, prog_shape(p.prog));
		program_release(&p);
	}
	return ret;
}

/* ": " and ":1: " say nothing that the path does not say. */
static struct str without_place(struct str why)
{
	if (str_starts(why, ": "))
		why = (struct str){ why.s + 2, why.n - 2 };
	if (str_starts(why, ":1: "))
		why = (struct str){ why.s + 4, why.n - 4 };
	return why;
}

static void look_at_program(struct lint *l, struct str v, enum place place)
{
	struct buf err = BUF_INIT, text = BUF_INIT;
	struct str why;

	if (program_source(&l->c, v, &text, &err) == 0) {
		look_at_text(l, buf_str(&text));
		lint_program_names(l, buf_str(&text));
	}
	buf_reset(&err);
	if (compile(l, v, place, &err) < 0 &&
	    !(l->loose && compile(l, v, PLACE_RECORD, &err) == 0)) {
		why = without_place(buf_str(&err));
		/* jq has lines of its own; one of ours is one line. */
		for (size_t i = 0; i < err.len; i++)
			if (err.data[i] == '\n')
				err.data[i] = ' ';
		lint_fault(l, "%.*s", STR_ARG(why));
	}
	buf_release(&err);
	buf_release(&text);
}

/* Is it a variable whose value may come into a URL as it is? */
static bool may_stay_raw(struct str name)
{
	if (!memchr(name.s, '.', name.n))
		return !str_is(name, "group");
	return str_starts(name, "saved.") || str_starts(name, "auth.");
}

enum template_use { OF_SETTINGS, OF_HEADER, OF_URL };

/* The variables of a template. */
static void look_at_template(struct lint *l, struct str v,
			     enum template_use use)
{
	struct buf scratch = BUF_INIT;
	struct str text, rest;
	const char *open, *close;

	if (json_type(v) != JSON_STRING)
		return;
	rest = text = json_text(v, &scratch);
	while ((open = memchr(rest.s, '{', rest.n))) {
		struct str name;

		close = memchr(open, '}', rest.n - (size_t)(open - rest.s));
		if (!close) {
			lint_fault(l, "a { without its }");
			break;
		}
		name = (struct str){ open + 1, (size_t)(close - open) - 1 };
		rest = (struct str){ close + 1,
				     (size_t)(text.s + text.n - close) - 1 };
		if (name.n && name.s[0] == '+') {
			name = (struct str){ name.s + 1, name.n - 1 };
			if (use == OF_URL && !may_stay_raw(name))
				lint_fault(l,
					   "{+%.*s}: what comes with a record "
					   "cannot go into a URL unencoded",
					   STR_ARG(name));
		}
		if (use != OF_SETTINGS)
			lint_variable(l, name);
		if (str_starts(name, "saved."))
			use_saved(l, (struct str){ name.s + 6, name.n - 6 },
				  "{saved.%.*s}: no step before saves it");
		else if (!memchr(name.s, '.', name.n) && !str_is(name, "group"))
			lint_use_setting(
			    l,
			    (struct str){
				name.s, name_length(name.s, name.s + name.n) },
			    false);
	}
	buf_release(&scratch);
}

/* ---- steps ---- */

static void collect_saved(struct lint *l, struct str step)
{
	struct str save = json_get(step, "save");
	struct json_iter it;
	struct json_member m;

	if (!save.s || json_type(save) != JSON_OBJECT)
		return;
	json_iter_init(&it, save);
	while (json_iter_member(&it, &m))
		lint_add_name(&l->saved, m.key);
}

static bool one_says_commits(struct str steps)
{
	struct json_iter it;
	struct str v;

	json_iter_init(&it, steps);
	while (json_iter_element(&it, &v))
		if (json_is_true(v, "commits"))
			return true;
	return false;
}

/* Where one says so, those before it do not. */
static bool commits(const struct lint *l, struct str step)
{
	struct str method = json_get(json_get(step, "request"), "method");

	return l->says ? json_is_true(step, "commits")
		       : !json_text_is(method, "GET");
}

/* Where the first step commits, nothing is left to clean up. */
static void look_at_cleanup(struct lint *l, struct str op)
{
	struct str steps = json_get(op, "steps"), first = op;
	struct json_iter it;
	bool says = l->says;
	size_t mark = l->path.len;

	if (!json_get(op, "cleanup").s)
		return;
	if (steps.s) {
		json_iter_init(&it, steps);
		json_iter_element(&it, &first);
		l->says = one_says_commits(steps);
	}
	buf_addz(&l->path, "/cleanup");
	if (commits(l, first))
		lint_fault(l, "is never run: the first step commits already "
			      "(\"commits\": true, of a later one, says "
			      "otherwise)");
	buf_truncate(&l->path, mark);
	l->says = says;
}

/* Splitting a batch that has been acted on would act twice. */
static void look_at_splits(struct lint *l, struct str step)
{
	struct str rules = json_get(step, "rules"), rule;
	struct json_iter it;

	if (!l->after || !rules.s || json_type(rules) != JSON_ARRAY)
		return;
	json_iter_init(&it, rules);
	while (json_iter_element(&it, &rule))
		if (json_text_is(json_get(rule, "then"), "split"))
			lint_fault(l,
				   "a rule splits after a step that commits: "
				   "what has been done is not done twice, so "
				   "this reads as unknown");
}

static void look_at_object(struct lint *l, struct str v, const char *kind);

static void look_at_step(struct lint *l, struct str v, const char *kind)
{
	l->each = json_is_true(v, "each");
	l->step = v;
	look_at_splits(l, v);
	lint_step(l, v);
	/* What it saves, its own results and rules see. */
	collect_saved(l, v);
	look_at_object(l, v, kind);
	l->after |=
	    json_get(v, "request").s && commits(l, v) && lint_always_runs(v);
	l->step = STR_NONE;
	l->each = false;
}

static void add_hint(struct lint *l, struct str steps, size_t at,
		     struct str step)
{
	const char *hint = lint_hint(l, steps, at, step);

	if (hint && !l->loose)
		faults_add(&l->hints, buf_str(&l->path), "hint", "%s", hint);
}

static void look_at_steps(struct lint *l, struct str all)
{
	struct json_iter it;
	struct str v;
	char number[24];
	size_t i = 0, mark;
	bool says = l->says;

	l->says = one_says_commits(all);
	json_iter_init(&it, all);
	while (json_iter_element(&it, &v)) {
		snprintf(number, sizeof number, "%zu", i);
		mark = l->path.len;
		buf_addf(&l->path, "/%s", number);
		look_at_step(l, v, "step");
		add_hint(l, all, i++, v);
		buf_truncate(&l->path, mark);
	}
	l->says = says;
}

static void look_at_operation(struct lint *l, struct str v)
{
	size_t n_saved = l->saved.n;

	if (json_type(v) != JSON_OBJECT)
		return;
	l->operation = v;
	l->one = !json_get(v, "batch").s;
	l->in_flow = true;
	l->after = false;
	lint_operation(l, v);
	look_at_cleanup(l, v);
	if (json_get(v, "steps").s)
		look_at_object(l, v, "operation");
	else
		look_at_step(l, v, "operation");
	l->in_flow = false;
	l->operation = STR_NONE;
	cut_names(&l->saved, n_saved);
}

/* ---- all of it ---- */

/* Members that hold templates. */
static bool is_template(const char *kind, struct str member, struct str v)
{
	if (strcmp(kind, "limit") == 0 && str_is(member, "by"))
		return v.n > 1 && v.s[0] == '"' && v.s[1] == '{';
	if (strcmp(kind, "contract") == 0)
		return str_is(member, "base_url");
	if (strcmp(kind, "request") == 0)
		return str_is(member, "url");
	return strcmp(kind, "auth") == 0 && !str_is(member, "type");
}

static void look_at_numbers(struct lint *l, struct str v)
{
	if (json_type(v) == JSON_STRING && v.n > 2 && v.s[1] == '{')
		look_at_template(l, v, OF_SETTINGS);
}

static void look_at_each(struct lint *l, struct str v, const char *holds,
			 const char *kind, struct str member)
{
	struct json_iter it;
	struct json_member m = { .key = STR_NONE };
	struct str e;
	bool object = json_type(v) == JSON_OBJECT;
	char inner[16], number[24];
	size_t i = 0, mark = l->path.len;

	if (!object && json_type(v) != JSON_ARRAY)
		return;
	snprintf(
	    inner, sizeof inner, "%.*s",
	    (int)(strlen(holds) - (holds[strlen(holds) - 1] == '*' ? 1 : 2)),
	    holds);
	json_iter_init(&it, v);
	while (object ? json_iter_member(&it, &m)
		      : json_iter_element(&it, &e)) {
		snprintf(number, sizeof number, "%zu", i++);
		if (object)
			e = m.val;
		buf_addf(&l->path, "/%.*s",
			 STR_ARG(object ? m.key : str_of(number)));
		if (strcmp(inner, "jq") == 0)
			look_at_program(l, e, place_of(l, kind, member));
		else if (strcmp(inner, "operation") == 0)
			look_at_operation(l, e);
		else
			look_at_object(l, e, inner);
		buf_truncate(&l->path, mark);
	}
}

static void look_at_headers(struct lint *l, struct str v)
{
	struct json_iter it;
	struct json_member m;
	size_t mark = l->path.len;

	if (json_type(v) != JSON_OBJECT)
		return;
	lint_headers(l, v);
	json_iter_init(&it, v);
	while (json_iter_member(&it, &m)) {
		buf_addf(&l->path, "/%.*s", STR_ARG(m.key));
		look_at_template(l, m.val, OF_HEADER);
		buf_truncate(&l->path, mark);
	}
}

static void look_at_member(struct lint *l, const struct json_member *m,
			   const char *kind)
{
	const char *holds = contract_holds(kind, m->key);
	size_t n = holds ? strlen(holds) : 0;

	if (str_is(m->key, "steps") || str_is(m->key, "prepare") ||
	    str_is(m->key, "cleanup")) {
		bool loose = l->loose, after = l->after, in = l->in_flow;

		l->loose = !str_is(m->key, "steps");
		l->after &= !l->loose;
		l->in_flow = true;
		look_at_steps(l, m->val);
		l->loose = loose;
		l->after = after;
		l->in_flow = in;
	} else if (str_is(m->key, "headers")) {
		look_at_headers(l, m->val);
	} else if (is_template(kind, m->key, m->val)) {
		if (strcmp(kind, "limit") == 0)
			lint_limit_by(l, m->val);
		look_at_template(l, m->val,
				 str_is(m->key, "url") ? OF_URL : OF_SETTINGS);
	} else if (n && strcmp(holds, "jq") == 0) {
		if (!json_text_is(m->val, "keys") &&
		    json_type(m->val) != JSON_OBJECT)
			look_at_program(l, m->val, place_of(l, kind, m->key));
	} else if (n && (holds[n - 1] == '*' || holds[n - 1] == ']')) {
		look_at_each(l, m->val, holds, kind, m->key);
	} else if (str_is(m->key, "retry")) {
		look_at_object(l, m->val, "retry");
	} else if (n && json_type(m->val) == JSON_OBJECT) {
		look_at_object(l, m->val, holds);
	} else {
		look_at_numbers(l, m->val);
	}
}

/*
 * What steps save is there for the cleanup and the rules of their operation,
 * wherever in the file these stand, and not for the rest of it.
 */
enum turn { BEFORE_STEPS, STEPS, BEHIND_STEPS };

static enum turn turn_of(const char *kind, struct str member)
{
	if (strcmp(kind, "operation") != 0)
		return BEFORE_STEPS;
	if (str_is(member, "steps"))
		return STEPS;
	return str_is(member, "cleanup") || str_is(member, "rules")
		   ? BEHIND_STEPS
		   : BEFORE_STEPS;
}

static void look_at_object(struct lint *l, struct str v, const char *kind)
{
	struct json_iter it;
	struct json_member m;
	size_t mark = l->path.len;

	if (json_type(v) != JSON_OBJECT)
		return;
	for (int turn = BEFORE_STEPS; turn <= BEHIND_STEPS; turn++) {
		json_iter_init(&it, v);
		while (json_iter_member(&it, &m)) {
			if (turn_of(kind, m.key) != (enum turn)turn)
				continue;
			buf_addf(&l->path, "%s%.*s", mark ? "/" : "",
				 STR_ARG(m.key));
			look_at_member(l, &m, kind);
			buf_truncate(&l->path, mark);
		}
	}
}

/* ---- what must be known before ---- */

/* What is prepared is there for every operation, wherever it stands. */
static void collect_prepared(struct lint *l)
{
	struct str all = json_get(l->root, "prepare"), step;
	struct json_iter it;

	if (!all.s || json_type(all) != JSON_ARRAY)
		return;
	json_iter_init(&it, all);
	while (json_iter_element(&it, &step))
		collect_saved(l, step);
}

/* Do requests go to the tables of a database? Rules mean another thing. */
static bool is_of_tables(const struct lint *l)
{
	struct json_iter it;
	struct json_member m;

	json_iter_init(&it, json_get(l->root, "operations"));
	while (json_iter_member(&it, &m))
		if (json_type(m.val) == JSON_OBJECT &&
		    json_get(m.val, "table").s)
			return true;
	return false;
}

/* ---- lines ---- */

/*
 * The line of the file where a path leads, or of the last part of it that is
 * there: what was extended stands elsewhere.
 */
static size_t line_of(const char *begin, struct str root, struct str path)
{
	struct str at = root, part, found = root;
	size_t line = 1;

	while (at.n && path.n && str_split(&path, '/', &part)) {
		struct json_iter it;
		struct json_member m;
		struct str e, next = STR_NONE;
		uint64_t n, i = 0;

		if (json_type(at) == JSON_OBJECT) {
			json_iter_init(&it, at);
			while (!next.s && json_iter_member(&it, &m))
				if (str_eq(m.key, part)) {
					next = m.val;
					found = m.key;
				}
		} else if (json_type(at) == JSON_ARRAY &&
			   str_to_u64(part, &n) == 0) {
			json_iter_init(&it, at);
			while (!next.s && json_iter_element(&it, &e))
				if (i++ == n)
					found = next = e;
		}
		at = next;
	}
	for (const char *p = begin; p < found.s; p++)
		line += *p == '\n';
	return line;
}

/* A fault is a line, whatever it quotes. */
static void put_line(struct buf *out, struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		buf_addc(out, (uint8_t)s.s[i] < 0x20 ? ' ' : s.s[i]);
	buf_addc(out, '\n');
}

static void print(const struct lint *l, const struct faults *all,
		  const char *word, const char *begin, struct str root,
		  struct buf *out)
{
	for (size_t i = 0; i < all->n; i++) {
		struct str field = fault_field(all, i);

		buf_addf(out, "%s:%zu: %.*s%s%s", l->c.path,
			 line_of(begin, root, field), STR_ARG(field),
			 field.n ? ": " : "", word);
		put_line(out, fault_reason(all, i));
	}
}

int look_lint(const char *name)
{
	struct lint l = { .path = BUF_INIT,
			  .faults = FAULTS_INIT,
			  .hints = FAULTS_INIT };
	struct buf text = BUF_INIT, raw = BUF_INIT, err = BUF_INIT;
	struct buf out = BUF_INIT;
	struct json_fault f;
	struct str span = STR("{}");
	int status;

	if (contract_read(name, &l.c.path, &text, &status, &err) < 0)
		die(status, "%s", err.data);
	if (file_read(l.c.path, MAX_FILE, &raw, &err) < 0 ||
	    json_check(buf_str(&raw), &span, &f) < 0)
		span = (struct str){ raw.data, 0 };
	l.root = buf_str(&text);
	l.settings = json_get(l.root, "settings");
	if (contract_check_all(l.root, &l.faults)) {
		collect_prepared(&l);
		lint_rules(&l, l.root, is_of_tables(&l));
		look_at_object(&l, l.root, "contract");
		lint_parts(&l);
		lint_required(&l);
		lint_record(&l, name);
		if (!l.faults.n)
			lint_delivery(&l, name);
	}
	print(&l, &l.faults, "", raw.data, span, &out);
	print(&l, &l.hints, "hint: ", raw.data, span, &out);
	status = l.faults.n ? EX_CONFIG : 0;
	if (file_write_all(STDOUT_FILENO, out.data, out.len) < 0)
		die(EX_IOERR, "standard output: %s", strerror(errno));
	if (!l.faults.n)
		msg_info("%s: no fault was found", l.c.path);
	free(l.c.path);
	lint_release_names(&l.used);
	lint_release_names(&l.saved);
	faults_release(&l.faults);
	faults_release(&l.hints);
	buf_release(&l.path);
	buf_release(&text);
	buf_release(&raw);
	buf_release(&err);
	buf_release(&out);
	return status;
}
