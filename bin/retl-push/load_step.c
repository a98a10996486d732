/* SPDX-License-Identifier: MIT */
/* A step of an operation: its request, and what becomes of the answer. */
#include "bin/retl-push/load.h"

#include "common/mem.h"
#include "common/msg.h"

static int load_body(struct loader *l, struct str rq, struct step *s)
{
	struct str type = json_get(rq, "type"), body = json_get(rq, "body");
	struct str gzip = json_get(rq, "gzip");
	struct buf scratch = BUF_INIT;
	int known = 0;

	if (type.s)
		known =
		    json_type(type) == JSON_STRING
			? body_type_parse(json_text(type, &scratch), &s->type)
			: -1;
	buf_release(&scratch);
	if (known < 0)
		return load_wrong(l, "request.type",
				  "not supported by this version");
	if (load_program(l, rq, "item", PLACE_RECORD, &s->item) < 0)
		return -1;
	s->has_body = s->type != BODY_NONE && (body.s || s->item.prog);
	s->gzip = s->has_body && gzip.s && str_is(gzip, "true");
	if (!body.s)
		return 0;
	if (json_type(body) == JSON_OBJECT) {
		s->body_constant = body;
		return 0;
	}
	return load_program(l, rq, "body", PLACE_BODY, &s->body);
}

static int load_method(struct loader *l, struct str rq, struct step *s)
{
	struct str v = json_get(rq, "method");
	struct buf scratch = BUF_INIT;
	struct str m;

	if (!v.s || json_type(v) != JSON_STRING)
		return load_wrong(l, "request.method", "missing");
	m = json_text(v, &scratch);
	for (size_t i = 0; i < m.n; i++)
		if (!isupper((uint8_t)m.s[i]))
			return load_wrong(l, "request.method", "not a method");
	s->method = xstrndup(m.s, m.n);
	buf_release(&scratch);
	return 0;
}

/* The base may end with the slash that the rest begins with. */
static void trim_slash(struct tmpl *url)
{
	struct tmpl_part *base = &url->v[0];

	while (base->n && url->text.data[base->at + base->n - 1] == '/')
		base->n--;
}

/* The base, or where the answer with the token says what it is, its template.
 */
static void put_base(struct loader *l, struct buf *out)
{
	const struct setting *s =
	    contract_setting(l->d->contract, STR("base_url"));

	if (memmem(s->text.s, s->text.n, "{+auth.", 7))
		buf_adds(out, s->text);
	else
		buf_addz(out, "{+base_url}");
}

/* A url that starts with / stands behind the base. */
static int load_url(struct loader *l, struct str rq, struct step *s)
{
	struct str v = json_get(rq, "url");
	struct buf whole = BUF_INIT;
	struct buf scratch = BUF_INIT, quoted = BUF_INIT;
	struct str text;
	int ret;

	if (!v.s || json_type(v) != JSON_STRING)
		return load_wrong(l, "request.url", "missing");
	text = json_text(v, &scratch);
	if (text.n && text.s[0] == '/')
		put_base(l, &whole);
	buf_adds(&whole, text);
	json_put_str(&quoted, buf_str(&whole));
	ret = load_template(l, buf_str(&quoted), "request.url", TMPL_URL,
			    &s->url);
	if (!ret && text.n && text.s[0] == '/')
		trim_slash(&s->url);
	buf_release(&whole);
	buf_release(&scratch);
	buf_release(&quoted);
	s->names_record = s->url.names_record;
	return ret;
}

static int load_request(struct loader *l, struct str v, struct step *s)
{
	static const char *const members[] = { "method", "url",  "headers",
					       "type",   "gzip", "auth",
					       "item",   "body", NULL };
	struct str rq = json_get(v, "request");
	struct str auth;

	if (!rq.s || json_type(rq) != JSON_OBJECT)
		return load_wrong(l, "request", "missing");
	if (load_members(l, rq, members) < 0)
		return -1;
	auth = json_get(rq, "auth");
	s->no_auth =
	    auth.s && json_type(auth) == JSON_BOOL && str_is(auth, "false");
	if (load_method(l, rq, s) < 0 || load_url(l, rq, s) < 0 ||
	    load_headers(l, json_get(rq, "headers"), &s->headers,
			 &s->n_headers) < 0)
		return -1;
	return load_body(l, rq, s);
}

static int load_resend(struct loader *l, struct str v, struct step *s)
{
	struct str r = json_get(v, "resend");

	if (!r.s || json_text_is(r, "same"))
		s->resend = RESEND_SAME;
	else if (json_text_is(r, "restart"))
		s->resend = RESEND_RESTART;
	else if (json_text_is(r, "never"))
		s->resend = RESEND_NEVER;
	else
		return load_wrong(l, "resend", "not same, restart or never");
	return 0;
}

static int load_answer(struct loader *l, struct str v, struct step *s)
{
	struct str r = json_get(v, "response");

	if (!r.s)
		s->answer = ANSWER_ANY;
	else if (json_text_is(r, "json"))
		s->answer = ANSWER_JSON;
	else if (json_text_is(r, "text"))
		s->answer = ANSWER_TEXT;
	else
		return load_wrong(l, "response",
				  "not supported by this version");
	return 0;
}

static bool reads_saved(const struct step *s)
{
	bool yes = s->url.reads_saved || s->item.uses[VAR_SAVED] ||
		   s->body.uses[VAR_SAVED] || s->when.uses[VAR_SAVED];

	for (size_t i = 0; i < s->n_headers; i++)
		yes |= s->headers[i].value.reads_saved;
	for (size_t i = 0; i < s->n_vars; i++)
		yes |= s->vars[i].prog.uses[VAR_SAVED];
	return yes;
}

static int load_step(struct loader *l, struct str v, bool one, struct step *s)
{
	struct str name = json_get(v, "name");
	enum place place = one ? PLACE_RECORD : PLACE_BATCH;
	struct buf scratch = BUF_INIT;

	if (name.s && json_type(name) == JSON_STRING) {
		struct str text = json_text(name, &scratch);

		s->name = xstrndup(text.s, text.n);
	}
	buf_release(&scratch);
	s->cost = 1;
	if (load_program(l, v, "when", place, &s->when) < 0 ||
	    load_named(l, v, "vars", place, &s->vars, &s->n_vars) < 0 ||
	    load_request(l, v, s) < 0 || load_answer(l, v, s) < 0 ||
	    load_rules(l, v, &s->rules) < 0 ||
	    load_named(l, v, "save", PLACE_ANSWER, &s->save, &s->n_save) < 0 ||
	    load_program(l, v, "results", PLACE_ANSWER, &s->results) < 0 ||
	    load_count(l, v, "cost", &s->cost) < 0 || load_resend(l, v, s) < 0)
		return -1;
	s->reads_saved = reads_saved(s);
	return 0;
}

static const char *const step_members[] = {
	"name", "when",    "vars", "request", "response", "rules",
	"save", "results", "cost", "resend",  "commits",  NULL,
};

static int load_list(struct loader *l, struct str all, struct operation *op)
{
	struct json_iter it;
	struct str v;
	char number[32];
	int ret = 0;

	if (json_type(all) != JSON_ARRAY || !json_count(all))
		return load_wrong(l, "steps", "not a list of steps");
	op->steps = xcalloc(json_count(all), sizeof *op->steps);
	json_iter_init(&it, all);
	while (!ret && json_iter_element(&it, &v)) {
		size_t mark;

		snprintf(number, sizeof number, "steps.%zu", op->n_steps);
		mark = load_enter(l, str_of(number));
		ret = load_members(l, v, step_members);
		if (!ret)
			ret =
			    load_step(l, v, op->one, &op->steps[op->n_steps++]);
		load_leave(l, mark);
	}
	return ret;
}

/* From the first step on that may change something, everything may have. */
static void find_commits(struct operation *op, struct str steps)
{
	struct json_iter it;
	struct str v;
	size_t first = op->n_steps;

	for (size_t i = op->n_steps; i-- > 0;)
		if (strcmp(op->steps[i].method, "GET") != 0)
			first = i;
	if (steps.s) {
		json_iter_init(&it, steps);
		for (size_t i = 0; json_iter_element(&it, &v); i++)
			if (json_get(v, "commits").s &&
			    str_is(json_get(v, "commits"), "true")) {
				first = i;
				break;
			}
	}
	for (size_t i = first; i < op->n_steps; i++)
		op->steps[i].commits = true;
}

int load_steps(struct loader *l, struct str v, struct operation *op)
{
	struct str steps = json_get(v, "steps");
	int ret;

	if (steps.s) {
		ret = load_list(l, steps, op);
	} else {
		op->steps = xcalloc(1, sizeof *op->steps);
		op->n_steps = 1;
		ret = load_step(l, v, op->one, &op->steps[0]);
	}
	if (ret == 0)
		find_commits(op, steps);
	return ret;
}

void step_release(struct step *s)
{
	free((char *)s->name);
	free(s->method);
	program_release(&s->when);
	named_release(s->vars, s->n_vars);
	tmpl_release(&s->url);
	headers_release(s->headers, s->n_headers);
	program_release(&s->item);
	program_release(&s->body);
	rules_release(&s->rules);
	named_release(s->save, s->n_save);
	program_release(&s->results);
}
