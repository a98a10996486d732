/* SPDX-License-Identifier: MIT */
/* A step of an operation: its request, and what becomes of the answer. */
#include "bin/retl-push/load.h"

#include "common/mem.h"
#include "common/msg.h"

#define DEFAULT_EVERY_S 2
#define DEFAULT_POLL_MOST_S 60
#define DEFAULT_DEADLINE_S 3600
#define SHORTEST_POLL_MS 10

/* A word, or the name of a setting that has one. */
static int load_type(struct loader *l, struct str rq, struct step *s)
{
	struct str type = json_get(rq, "type");
	struct buf word = BUF_INIT;
	int ret = 0;

	if (type.s)
		ret = load_text(l, type, "request.type", &word);
	if (ret == 0 && type.s && body_type_parse(buf_str(&word), &s->type) < 0)
		ret = load_wrong(l, "request.type",
				 "not supported by this version");
	buf_release(&word);
	return ret;
}

static int load_gzip(struct loader *l, struct str rq, struct step *s)
{
	struct str gzip = json_get(rq, "gzip");
	struct buf word = BUF_INIT;
	int ret = 0;

	if (gzip.s && json_type(gzip) == JSON_STRING)
		ret = load_text(l, gzip, "request.gzip", &word);
	if (ret == 0 && gzip.s) {
		struct str is = word.len ? buf_str(&word) : gzip;

		s->gzip = str_is(is, "true");
		if (!s->gzip && !str_is(is, "false"))
			ret =
			    load_wrong(l, "request.gzip", "not true or false");
	}
	buf_release(&word);
	return ret;
}

static int load_body(struct loader *l, struct str rq, struct step *s)
{
	struct str body = json_get(rq, "body");

	if (load_type(l, rq, s) < 0 || load_gzip(l, rq, s) < 0)
		return -1;
	if (load_program(l, rq, "item", PLACE_RECORD, &s->item) < 0)
		return -1;
	s->item_is_record = json_text_is(
	    s->item.prog ? json_get(rq, "item") : STR("null"), ".");
	s->has_body = s->type != BODY_NONE && (body.s || s->item.prog);
	s->gzip &= s->has_body;
	if (!body.s)
		return 0;
	if (json_type(body) == JSON_OBJECT) {
		s->body_constant = BUF_INIT;
		json_put_compact(&s->body_constant, body);
		return 0;
	}
	if (load_program(l, rq, "body", PLACE_BODY, &s->body) < 0)
		return -1;
	s->body_is_frame = s->body.prog && prog_is_frame(s->body.prog);
	return 0;
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

/* Why this cannot be the address of a request; NULL: it can. */
static const char *url_fault(struct loader *l, struct str text)
{
	struct str base =
	    contract_setting(l->d->contract, STR("base_url"))->text;

	if (!text.n ||
	    (text.s[0] != '/' && text.s[0] != '{' && !load_is_address(text)))
		return "neither a path, which begins with /, nor an address";
	if (load_names_user(text))
		return "names a user: credentials belong into auth, where they "
		       "are not shown";
	if (text.s[0] == '/' && base.s &&
	    (memchr(base.s, '?', base.n) || memchr(base.s, '#', base.n)))
		return "a path cannot stand behind a base_url with ? or #";
	return NULL;
}

static int load_url(struct loader *l, struct str rq, struct step *s)
{
	struct str v = json_get(rq, "url");
	struct buf scratch = BUF_INIT;
	const char *why;
	int ret;

	if (!v.s || json_type(v) != JSON_STRING)
		return load_wrong(l, "request.url", "missing");
	why = url_fault(l, json_text(v, &scratch));
	ret = why ? load_wrong(l, "request.url", why)
		  : load_url_template(l, json_text(v, &scratch), &s->url);
	buf_release(&scratch);
	s->names_record = s->url.names_record;
	return ret;
}

static int load_request(struct loader *l, struct str v, struct step *s)
{
	static const char *const members[] = { "method", "url",     "headers",
					       "type",   "gzip",    "auth",
					       "item",   "replace", "body",
					       NULL };
	struct str rq = json_get(v, "request");
	struct str auth;

	if (!rq.s || json_type(rq) != JSON_OBJECT)
		return load_wrong(l, "request", "missing");
	if (load_members(l, rq, members) < 0)
		return -1;
	auth = json_get(rq, "auth");
	s->replace = json_is_true(rq, "replace");
	s->no_auth =
	    auth.s && json_type(auth) == JSON_BOOL && str_is(auth, "false");
	if (load_method(l, rq, s) < 0 || load_url(l, rq, s) < 0 ||
	    load_headers(l, json_get(rq, "headers"), &s->headers,
			 &s->n_headers) < 0)
		return -1;
	return load_body(l, rq, s);
}

int load_resend(struct loader *l, struct str v, struct step *s)
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
	static const char *const types[] = {
		[ANSWER_ANY] = "",          [ANSWER_JSON] = "json",
		[ANSWER_TEXT] = "text",     [ANSWER_CSV] = "csv",
		[ANSWER_NDJSON] = "ndjson",
	};
	struct str r = json_get(v, "response");

	for (size_t i = 0; r.s && i < ARRAY_LEN(types); i++)
		if (json_text_is(r, types[i]))
			s->answer = (enum answer_type)i;
	if (r.s && !s->answer)
		return load_wrong(l, "response",
				  "not json, text, csv or ndjson");
	if (json_get(v, "rows").s && s->answer != ANSWER_CSV &&
	    s->answer != ANSWER_NDJSON)
		return load_wrong(l, "rows", "of csv and ndjson alone");
	return load_program(l, v, "rows", PLACE_ANSWER, &s->rows);
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

static bool marks(const struct delivery *d, const struct step *s)
{
	bool yes =
	    s->url.marks || s->item.marks || s->body.marks || s->when.marks;

	for (size_t i = 0; i < s->n_headers; i++)
		yes |= s->headers[i].value.marks;
	for (size_t i = 0; i < s->n_vars; i++)
		yes |= s->vars[i].prog.marks;
	for (size_t i = 0; i < d->n_headers; i++)
		yes |= d->headers[i].value.marks;
	return yes;
}

static int load_poll(struct loader *l, struct str v, struct poll *poll)
{
	static const char *const members[] = { "until",    "every", "most",
					       "deadline", "late",  NULL };
	struct str p = json_get(v, "poll"), late;
	struct buf scratch = BUF_INIT;
	size_t mark;

	*poll = (struct poll){ .every_ms = DEFAULT_EVERY_S * 1000,
			       .most_ms = DEFAULT_POLL_MOST_S * 1000,
			       .deadline_ms = DEFAULT_DEADLINE_S * 1000,
			       .late = UNKNOWN };
	if (!p.s)
		return 0;
	mark = load_enter(l, STR("poll"));
	late = json_get(p, "late");
	if (late.s && json_type(late) == JSON_STRING)
		poll->late = verdict_parse(json_text(late, &scratch));
	buf_release(&scratch);
	if (load_members(l, p, members) < 0 ||
	    load_program(l, p, "until", PLACE_ANSWER, &poll->until) < 0 ||
	    load_ms(l, p, "every", &poll->every_ms) < 0 ||
	    load_ms(l, p, "most", &poll->most_ms) < 0 ||
	    load_ms(l, p, "deadline", &poll->deadline_ms) < 0)
		return -1;
	if (!poll->until.prog)
		return load_wrong(l, "until", "missing");
	/* Never in a tight circle, whatever the contract says. */
	poll->every_ms = MAX(poll->every_ms, SHORTEST_POLL_MS);
	poll->most_ms = MAX(poll->most_ms, poll->every_ms);
	load_leave(l, mark);
	return 0;
}

/* What a step of a flow without records cannot have. */
static int check_role(struct loader *l, const struct operation *op,
		      const struct step *s)
{
	if (op->role == FOR_RECORDS)
		return 0;
	if (s->each)
		return load_wrong(l, "each", "there are no records here");
	if (s->item.prog)
		return load_wrong(l, "item", "there are no records here");
	if (s->names_record)
		return load_wrong(l, "url", "there are no records here");
	return 0;
}

static int load_step(struct loader *l, struct str v, const struct operation *op,
		     struct step *s)
{
	struct str name = json_get(v, "name");
	struct buf scratch = BUF_INIT;
	enum place place;

	if (name.s && json_type(name) == JSON_STRING) {
		struct str text = json_text(name, &scratch);

		s->name = xstrndup(text.s, text.n);
	}
	buf_release(&scratch);
	s->cost = 1;
	s->each = json_is_true(v, "each");
	s->alone = s->each || op->one;
	place = s->alone ? PLACE_RECORD : PLACE_BATCH;
	if (load_program(l, v, "when", place, &s->when) < 0 ||
	    load_named(l, v, "vars", place, &s->vars, &s->n_vars) < 0 ||
	    load_request(l, v, s) < 0 || load_answer(l, v, s) < 0 ||
	    load_rules(l, v, &s->rules) < 0 ||
	    load_named(l, v, "save", PLACE_ANSWER, &s->save, &s->n_save) < 0 ||
	    load_program(l, v, "results", PLACE_ANSWER, &s->results) < 0 ||
	    load_poll(l, v, &s->poll) < 0 ||
	    load_program(l, v, "next", PLACE_ANSWER, &s->next) < 0 ||
	    load_ms(l, v, "pause", &s->pause_ms) < 0 ||
	    load_count(l, v, "cost", &s->cost) < 0 || load_resend(l, v, s) < 0)
		return -1;
	if (s->resend == RESEND_NEVER && (s->poll.until.prog || s->next.prog))
		return load_wrong(l, "resend",
				  "never, and \"poll\" or \"next\" would "
				  "repeat the request");
	s->reads_saved = reads_saved(s);
	s->marks = marks(l->d, s);
	s->item_varies = s->item.uses[VAR_SAVED] || s->item.uses[VAR_VARS] ||
			 s->item.uses[VAR_NOW] || s->item.counts;
	return check_role(l, op, s);
}

static const char *const step_members[] = {
	"name",  "each",   "when",    "vars", "request", "response",
	"rules", "save",   "results", "poll", "next",    "pause",
	"cost",  "resend", "commits", "rows", NULL,
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
			ret = load_step(l, v, op, &op->steps[op->n_steps++]);
		load_leave(l, mark);
	}
	return ret;
}

/*
 * From the first step on that may change something, everything may have: the
 * one that says so, else the first that is not GET. Of those behind it, a GET
 * only looks; of those before it, one acts that must not simply be repeated.
 */
static void find_commits(struct operation *op, struct str steps)
{
	struct json_iter it;
	struct str v;
	size_t first = op->n_steps, said = op->n_steps;

	for (size_t i = op->n_steps; i-- > 0;) {
		op->steps[i].acts = strcmp(op->steps[i].method, "GET") != 0;
		if (op->steps[i].acts)
			first = i;
	}
	if (steps.s) {
		json_iter_init(&it, steps);
		for (size_t i = 0; json_iter_element(&it, &v); i++) {
			op->steps[i].acts |= json_is_true(v, "commits");
			if (json_is_true(v, "commits"))
				said = MIN(said, i);
		}
	}
	if (said < op->n_steps)
		first = said;
	for (size_t i = 0; i < op->n_steps; i++) {
		struct step *s = &op->steps[i];

		s->commits = i >= first;
		s->acts &= s->commits || s->resend != RESEND_SAME;
	}
}

int load_step_list(struct loader *l, struct str steps, struct operation *op)
{
	if (load_list(l, steps, op) < 0)
		return -1;
	find_commits(op, steps);
	return 0;
}

int load_steps(struct loader *l, struct str v, struct operation *op)
{
	struct str steps = json_get(v, "steps");
	int ret;

	if (steps.s)
		return load_step_list(l, steps, op);
	op->steps = xcalloc(1, sizeof *op->steps);
	op->n_steps = 1;
	ret = load_step(l, v, op, &op->steps[0]);
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
	if (s->body_constant.len)
		buf_release(&s->body_constant);
	rules_release(&s->rules);
	named_release(s->save, s->n_save);
	program_release(&s->results);
	program_release(&s->rows);
	program_release(&s->poll.until);
	program_release(&s->next);
}
