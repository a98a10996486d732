/* SPDX-License-Identifier: MIT */
#include "bin/retl-push/operation.h"

#include <strings.h>

#include "common/mem.h"
#include "common/msg.h"

#define DEFAULT_CONCURRENCY 4
#define DEFAULT_ATTEMPTS 6
#define DEFAULT_FIRST_S 1
#define DEFAULT_MOST_S 300
#define MAX_CONCURRENCY 256

static const char *const verdicts[] = {
	[NO_VERDICT] = "",     [DELIVERED] = "delivered",
	[SKIPPED] = "skipped", [REJECTED] = "rejected",
	[FAILED] = "failed",   [UNKNOWN] = "unknown",
	[RETRY] = "retry",     [AGAIN] = "again",
	[SPLIT] = "split",     [STOP] = "stop",
	[GO_ON] = "ok",        [REFRESH] = "refresh",
};

enum verdict verdict_parse(struct str word)
{
	for (size_t i = DELIVERED; i < ARRAY_LEN(verdicts); i++)
		if (str_is(word, verdicts[i]))
			return (enum verdict)i;
	return NO_VERDICT;
}

const char *verdict_name(enum verdict v)
{
	return verdicts[v];
}

/* What loading knows at every level: where it is, for messages. */
struct loader {
	struct delivery *d;
	struct buf where; /* "operations.upsert.steps.find" */
	struct buf *err;
};

static int wrong(struct loader *l, const char *member, const char *what)
{
	return fail(l->err, "%s: %s%s%s: %s", l->d->contract->path,
		    l->where.data, l->where.len && *member ? "." : "", member,
		    what);
}

/* Goes one level down; returns what to cut the place back to. */
static size_t enter(struct loader *l, struct str name)
{
	size_t mark = l->where.len;

	if (mark)
		buf_addc(&l->where, '.');
	buf_adds(&l->where, name);
	return mark;
}

static void leave(struct loader *l, size_t mark)
{
	buf_truncate(&l->where, mark);
}

/* Every member of object must be one of names. */
static int check_members(struct loader *l, struct str object,
			 const char *const *names)
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
		ret = wrong(l, name.data, "not supported by this version");
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
static int get_real(struct loader *l, struct str object, const char *member,
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
		ret = wrong(l, member, "not a number, or the {setting} of one");
	buf_release(&scratch);
	buf_release(&digits);
	return ret;
}

static int get_count(struct loader *l, struct str object, const char *member,
		     uint64_t *out)
{
	double n = (double)*out;

	if (get_real(l, object, member, &n) < 0)
		return -1;
	if (n != (double)(uint64_t)n)
		return wrong(l, member, "not a whole number");
	*out = (uint64_t)n;
	return 0;
}

static int get_ms(struct loader *l, struct str object, const char *member,
		  int64_t *out)
{
	double s = (double)*out / 1000;

	if (get_real(l, object, member, &s) < 0)
		return -1;
	*out = (int64_t)(s * 1000);
	return 0;
}

static int get_program(struct loader *l, struct str object, const char *member,
		       enum place place, struct program *p)
{
	struct str v = json_get(object, member);
	size_t mark;
	int ret;

	if (!v.s)
		return 0;
	mark = enter(l, str_of(member));
	ret = program_new(p, l->d->contract, v, place, l->where.data, l->err);
	leave(l, mark);
	return ret;
}

static int get_template(struct loader *l, struct str value, const char *member,
			enum tmpl_use use, struct tmpl *t)
{
	struct tmpl_opts o = { l->d->contract, use, l->d->show };
	struct buf scratch = BUF_INIT, err = BUF_INIT;
	int ret = 0;

	if (json_type(value) != JSON_STRING)
		return wrong(l, member, "not a string");
	if (tmpl_parse(t, json_text(value, &scratch), &o, &err) < 0)
		ret = wrong(l, member, err.data);
	buf_release(&scratch);
	buf_release(&err);
	return ret;
}

/* A text without variables but settings. */
static int get_text(struct loader *l, struct str value, const char *member,
		    struct buf *out)
{
	struct tmpl t = TMPL_INIT;
	struct tmpl_scope none = { .record = STR_NONE };
	struct buf err = BUF_INIT;
	struct str field;
	int ret = get_template(l, value, member, TMPL_VALUE, &t);

	if (ret == 0)
		ret = tmpl_expand(&t, TMPL_VALUE, &none, out, &field, &err);
	buf_release(&err);
	tmpl_release(&t);
	return ret;
}

static int load_named(struct loader *l, struct str object, const char *member,
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
		return wrong(l, member, "not an object");
	*v = xcalloc(MAX(json_count(all), 1), sizeof **v);
	mark = enter(l, str_of(member));
	json_iter_init(&it, all);
	while (!ret && json_iter_member(&it, &m)) {
		struct named *one = &(*v)[(*n)++];
		size_t inner = enter(l, m.key);

		one->name = (struct str){ m.key.s - 1, m.key.n + 2 };
		ret = program_new(&one->prog, l->d->contract, m.val, place,
				  l->where.data, l->err);
		leave(l, inner);
	}
	leave(l, mark);
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

static int load_headers(struct loader *l, struct str object, struct header **v,
			size_t *n)
{
	struct json_iter it;
	struct json_member m;

	if (!object.s)
		return 0;
	if (json_type(object) != JSON_OBJECT)
		return wrong(l, "headers", "not an object");
	if (json_count(object) > MAX_HEADERS)
		return wrong(l, "headers", "too many");
	*v = xcalloc(MAX(json_count(object), 1), sizeof **v);
	json_iter_init(&it, object);
	while (json_iter_member(&it, &m)) {
		struct header *h = &(*v)[(*n)++];

		h->name = m.key;
		for (size_t i = 0; i < m.key.n; i++)
			if (!isalnum((uint8_t)m.key.s[i]) &&
			    !strchr("-_.", m.key.s[i]))
				return wrong(l, "headers",
					     "one is not a header's name");
		if (json_type(m.val) == JSON_STRING && !is_one_line(m.val))
			return wrong(l, "headers",
				     "one has a control character in it");
		if (get_template(l, m.val, "headers", TMPL_HEADER, &h->value) <
		    0)
			return -1;
	}
	return 0;
}

/* ---- rules ---- */

static int load_rule(struct loader *l, struct str v, struct rule *r)
{
	static const char *const members[] = { "status", "code",   "when",
					       "then",   "reason", "results",
					       NULL };
	struct str then = json_get(v, "then");
	struct buf scratch = BUF_INIT;

	if (json_type(v) != JSON_OBJECT)
		return wrong(l, "rules", "one is no object");
	if (check_members(l, v, members) < 0)
		return -1;
	r->status = json_get(v, "status");
	r->code = json_get(v, "code");
	r->reason = json_get(v, "reason");
	if (then.s && json_type(then) == JSON_STRING)
		r->then = verdict_parse(json_text(then, &scratch));
	buf_release(&scratch);
	if (get_program(l, v, "when", PLACE_ANSWER, &r->when) < 0 ||
	    get_program(l, v, "results", PLACE_ANSWER, &r->results) < 0)
		return -1;
	if (!r->then && !r->results.prog)
		return wrong(l, "rules",
			     "one has neither \"then\" nor "
			     "\"results\"");
	return 0;
}

static int load_rules(struct loader *l, struct str object, struct rules *rules)
{
	struct str all = json_get(object, "rules"), v;
	struct json_iter it;

	if (!all.s)
		return 0;
	if (json_type(all) != JSON_ARRAY)
		return wrong(l, "rules", "not a list");
	rules->v = xcalloc(MAX(json_count(all), 1), sizeof *rules->v);
	json_iter_init(&it, all);
	while (json_iter_element(&it, &v))
		if (load_rule(l, v, &rules->v[rules->n++]) < 0)
			return -1;
	return 0;
}

/* ---- steps ---- */

static int load_body(struct loader *l, struct str rq, struct step *s)
{
	static const char *const types[] = {
		[BODY_JSON] = "json", [BODY_NDJSON] = "ndjson",
		[BODY_FORM] = "form", [BODY_TEXT] = "text",
		[BODY_NONE] = "none",
	};
	struct str type = json_get(rq, "type"), body = json_get(rq, "body");
	size_t i = 0;

	if (type.s) {
		while (i < ARRAY_LEN(types) && !json_text_is(type, types[i]))
			i++;
		if (i == ARRAY_LEN(types))
			return wrong(l, "request.type",
				     "not supported by this version");
		s->type = (enum body_type)i;
	}
	if (get_program(l, rq, "item", PLACE_RECORD, &s->item) < 0)
		return -1;
	s->has_body = s->type != BODY_NONE && (body.s || s->item.prog);
	if (!body.s)
		return 0;
	if (json_type(body) == JSON_OBJECT) {
		s->body_constant = body;
		return 0;
	}
	return get_program(l, rq, "body", PLACE_BODY, &s->body);
}

static int load_method(struct loader *l, struct str rq, struct step *s)
{
	struct str v = json_get(rq, "method");
	struct buf scratch = BUF_INIT;
	struct str m;

	if (!v.s || json_type(v) != JSON_STRING)
		return wrong(l, "request.method", "missing");
	m = json_text(v, &scratch);
	for (size_t i = 0; i < m.n; i++)
		if (!isupper((uint8_t)m.s[i]))
			return wrong(l, "request.method", "not a method");
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

/* A url that starts with / stands behind the base. */
static int load_url(struct loader *l, struct str rq, struct step *s)
{
	struct str v = json_get(rq, "url");
	struct buf whole = BUF_INIT;
	struct buf scratch = BUF_INIT, quoted = BUF_INIT;
	struct str text;
	int ret;

	if (!v.s || json_type(v) != JSON_STRING)
		return wrong(l, "request.url", "missing");
	text = json_text(v, &scratch);
	if (text.n && text.s[0] == '/')
		buf_addz(&whole, "{+base_url}");
	buf_adds(&whole, text);
	json_put_str(&quoted, buf_str(&whole));
	ret =
	    get_template(l, buf_str(&quoted), "request.url", TMPL_URL, &s->url);
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
					       "type",   "auth", "item",
					       "body",   NULL };
	struct str rq = json_get(v, "request");
	struct str auth;

	if (!rq.s || json_type(rq) != JSON_OBJECT)
		return wrong(l, "request", "missing");
	if (check_members(l, rq, members) < 0)
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
		return wrong(l, "resend", "not same, restart or never");
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
		return wrong(l, "response", "not supported by this version");
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
	if (get_program(l, v, "when", place, &s->when) < 0 ||
	    load_named(l, v, "vars", place, &s->vars, &s->n_vars) < 0 ||
	    load_request(l, v, s) < 0 || load_answer(l, v, s) < 0 ||
	    load_rules(l, v, &s->rules) < 0 ||
	    load_named(l, v, "save", PLACE_ANSWER, &s->save, &s->n_save) < 0 ||
	    get_program(l, v, "results", PLACE_ANSWER, &s->results) < 0 ||
	    get_count(l, v, "cost", &s->cost) < 0 || load_resend(l, v, s) < 0)
		return -1;
	s->reads_saved = reads_saved(s);
	return 0;
}

static const char *const step_members[] = {
	"name", "when",    "vars", "request", "response", "rules",
	"save", "results", "cost", "resend",  "commits",  NULL,
};

static int load_steps(struct loader *l, struct str all, struct operation *op)
{
	struct json_iter it;
	struct str v;
	char number[32];
	int ret = 0;

	if (json_type(all) != JSON_ARRAY || !json_count(all))
		return wrong(l, "steps", "not a list of steps");
	op->steps = xcalloc(json_count(all), sizeof *op->steps);
	json_iter_init(&it, all);
	while (!ret && json_iter_element(&it, &v)) {
		size_t mark;

		snprintf(number, sizeof number, "steps.%zu", op->n_steps);
		mark = enter(l, str_of(number));
		ret = check_members(l, v, step_members);
		if (!ret)
			ret =
			    load_step(l, v, op->one, &op->steps[op->n_steps++]);
		leave(l, mark);
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

/* ---- operations ---- */

static int load_batch(struct loader *l, struct str v, struct operation *op)
{
	static const char *const members[] = { "records",    "bytes",
					       "item_bytes", "by",
					       "seconds",    NULL };
	struct str b = json_get(v, "batch"), by;
	size_t mark;
	int ret;

	op->one = !b.s;
	op->max_records = b.s ? 1000 : 1;
	if (!b.s)
		return 0;
	if (json_type(b) != JSON_OBJECT)
		return wrong(l, "batch", "not an object");
	mark = enter(l, STR("batch"));
	by = json_get(b, "by");
	ret = check_members(l, b, members);
	if (!ret && by.s && json_text_is(by, "keys"))
		ret = wrong(l, "by",
			    "\"keys\" is not supported by this "
			    "version");
	if (ret < 0 || get_count(l, b, "records", &op->max_records) < 0 ||
	    get_count(l, b, "bytes", &op->max_bytes) < 0 ||
	    get_count(l, b, "item_bytes", &op->max_item_bytes) < 0 ||
	    get_ms(l, b, "seconds", &op->max_age_ms) < 0 ||
	    get_program(l, b, "by", PLACE_RECORD, &op->by) < 0)
		return -1;
	leave(l, mark);
	if (!op->max_records)
		op->max_records = 1;
	return 0;
}

static int load_operation(struct loader *l, struct str v, struct operation *op)
{
	static const char *const whole[] = {
		"batch", "match",   "requires", "changed_only", "rules",
		"name",  "when",    "vars",     "request",      "response",
		"save",  "results", "cost",     "resend",       "commits",
		"steps", NULL,
	};
	struct str steps = json_get(v, "steps");
	int ret;

	if (check_members(l, v, whole) < 0 || load_batch(l, v, op) < 0 ||
	    get_program(l, v, "match", PLACE_RECORD, &op->match) < 0)
		return -1;
	op->always = json_get(v, "changed_only");
	if (steps.s) {
		if (load_rules(l, v, &op->rules) < 0)
			return -1;
		ret = load_steps(l, steps, op);
	} else {
		op->steps = xcalloc(1, sizeof *op->steps);
		op->n_steps = 1;
		ret = load_step(l, v, op->one, &op->steps[0]);
	}
	if (ret < 0)
		return -1;
	find_commits(op, steps);
	for (size_t i = 0; i < op->n_steps; i++)
		op->never |= op->steps[i].resend == RESEND_NEVER;
	return 0;
}

static struct operation *find_operation(struct delivery *d, struct str name)
{
	for (size_t i = 0; i < d->n_ops; i++)
		if (str_eq(d->ops[i]->name, name))
			return d->ops[i];
	return NULL;
}

static int load_operations(struct loader *l)
{
	struct delivery *d = l->d;

	for (int kind = DIFF_ADDED; kind <= DIFF_REMOVED; kind++) {
		struct str name = STR_NONE;
		struct str v = contract_operation(
		    d->contract, (enum diff_result)kind, &name);
		struct operation *op;
		size_t mark;

		if (!v.s)
			continue;
		op = find_operation(d, name);
		if (!op) {
			op = xcalloc(1, sizeof *op);
			op->name = name;
			d->ops = xreallocarray(d->ops, d->n_ops + 1,
					       sizeof(struct operation *));
			d->ops[d->n_ops++] = op;
			mark = enter(l, STR("operations"));
			enter(l, name);
			if (load_operation(l, v, op) < 0)
				return -1;
			leave(l, mark);
		}
		d->of[kind] = op;
	}
	return 0;
}

/* ---- the rest of the contract ---- */

static int load_auth(struct loader *l)
{
	struct delivery *d = l->d;
	struct str v = json_get(d->contract->root, "auth");
	struct auth_value values[8];
	struct buf text[8], err = BUF_INIT, scratch = BUF_INIT;
	struct str type = STR("none");
	struct json_iter it;
	struct json_member m;
	size_t n = 0;
	int ret = -1;

	if (!v.s || json_type(v) != JSON_OBJECT)
		return wrong(l, "auth", "missing");
	json_iter_init(&it, v);
	while (json_iter_member(&it, &m)) {
		if (json_key_is(&m, STR("type"))) {
			type = json_text(m.val, &scratch);
			continue;
		}
		if (json_key_is(&m, STR("id"))) {
			if (get_template(l, m.val, "auth.id", TMPL_HEADER,
					 &d->auth_id) < 0)
				goto out;
			continue;
		}
		if (n == ARRAY_LEN(values)) {
			wrong(l, "auth", "too many members");
			goto out;
		}
		text[n] = BUF_INIT;
		values[n].name = m.key;
		if (get_text(l, m.val, "auth", &text[n++]) < 0)
			goto out;
		values[n - 1].text = buf_str(&text[n - 1]);
	}
	d->auth = auth_new(type, values, n, d->show, &err);
	ret = d->auth ? 0 : fail(l->err, "%s: %s", d->contract->path, err.data);
out:
	while (n)
		buf_release(&text[--n]);
	buf_release(&err);
	buf_release(&scratch);
	return ret;
}

static int load_limits(struct loader *l)
{
	static const char *const members[] = { "requests", "seconds", NULL };
	struct str all = json_get(l->d->contract->root, "limits"), v;
	struct json_iter it;

	if (!all.s)
		return 0;
	if (json_type(all) != JSON_ARRAY)
		return wrong(l, "limits", "not a list");
	l->d->limits = xcalloc(MAX(json_count(all), 1), sizeof *l->d->limits);
	json_iter_init(&it, all);
	while (json_iter_element(&it, &v)) {
		size_t mark = enter(l, STR("limits"));
		uint64_t requests = 0;
		int64_t ms = 0;

		if (check_members(l, v, members) < 0 ||
		    get_count(l, v, "requests", &requests) < 0 ||
		    get_ms(l, v, "seconds", &ms) < 0)
			return -1;
		if (!requests || ms <= 0)
			return wrong(l, "", "without requests or seconds");
		rate_init(&l->d->limits[l->d->n_limits++], requests, ms);
		leave(l, mark);
	}
	return 0;
}

static int load_pace(struct loader *l)
{
	struct delivery *d = l->d;
	struct str root = d->contract->root, retry = json_get(root, "retry");

	d->concurrency = DEFAULT_CONCURRENCY;
	d->retry =
	    (struct retry_plan){ DEFAULT_ATTEMPTS, DEFAULT_FIRST_S * 1000,
				 DEFAULT_MOST_S * 1000 };
	if (get_count(l, root, "concurrency", &d->concurrency) < 0)
		return -1;
	d->concurrency = MIN(MAX(d->concurrency, 1), MAX_CONCURRENCY);
	if (retry.s &&
	    (get_count(l, retry, "attempts", &d->retry.attempts) < 0 ||
	     get_ms(l, retry, "first", &d->retry.first_ms) < 0 ||
	     get_ms(l, retry, "most", &d->retry.most_ms) < 0))
		return -1;
	d->retry.attempts = MAX(d->retry.attempts, 1);
	return load_limits(l);
}

static int load_answers(struct loader *l)
{
	static const char *const members[] = { "code", "reason", "wait", NULL };
	struct str v = json_get(l->d->contract->root, "answers");
	size_t mark;
	int ret;

	if (!v.s)
		return 0;
	mark = enter(l, STR("answers"));
	ret = check_members(l, v, members);
	if (!ret)
		ret = get_program(l, v, "code", PLACE_ANSWER, &l->d->code);
	if (!ret)
		ret = get_program(l, v, "reason", PLACE_ANSWER, &l->d->reason);
	if (!ret)
		ret = get_program(l, v, "wait", PLACE_ANSWER, &l->d->wait);
	leave(l, mark);
	return ret;
}

/* Members of a contract that would change what is sent, were they ignored. */
static int refuse_unknown(struct loader *l)
{
	static const char *const members[] = {
		"$schema",     "name",     "title",   "documentation",
		"notes",       "extends",  "api",     "settings",
		"base_url",    "auth",     "headers", "record",
		"key",         "identity", "clear",   "changes",
		"operations",  "answers",  "rules",   "limits",
		"concurrency", "retry",    "account", NULL,
	};

	return check_members(l, l->d->contract->root, members);
}

int delivery_load(struct delivery *d, struct contract *c, bool show,
		  struct buf *err)
{
	struct loader l = { .d = d, .where = BUF_INIT, .err = err };
	struct str root = c->root;
	int ret = -1;

	*d = (struct delivery){ .contract = c,
				.show = show,
				.auth_id = TMPL_INIT };
	if (refuse_unknown(&l) < 0 || load_auth(&l) < 0 ||
	    load_headers(&l, json_get(root, "headers"), &d->headers,
			 &d->n_headers) < 0 ||
	    load_rules(&l, root, &d->rules) < 0 || load_answers(&l) < 0 ||
	    load_pace(&l) < 0 || load_operations(&l) < 0)
		goto out;
	ret = 0;
out:
	buf_release(&l.where);
	return ret;
}

/* ---- the end ---- */

static void release_headers(struct header *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		tmpl_release(&v[i].value);
	free(v);
}

static void release_rules(struct rules *r)
{
	for (size_t i = 0; i < r->n; i++) {
		program_release(&r->v[i].when);
		program_release(&r->v[i].results);
	}
	free(r->v);
}

static void release_named(struct named *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		program_release(&v[i].prog);
	free(v);
}

static void release_step(struct step *s)
{
	free((char *)s->name);
	free(s->method);
	program_release(&s->when);
	release_named(s->vars, s->n_vars);
	tmpl_release(&s->url);
	release_headers(s->headers, s->n_headers);
	program_release(&s->item);
	program_release(&s->body);
	release_rules(&s->rules);
	release_named(s->save, s->n_save);
	program_release(&s->results);
}

static void release_operation(struct operation *op)
{
	for (size_t i = 0; i < op->n_steps; i++)
		release_step(&op->steps[i]);
	free(op->steps);
	release_rules(&op->rules);
	program_release(&op->by);
	program_release(&op->match);
	free(op);
}

void delivery_release(struct delivery *d)
{
	for (size_t i = 0; i < d->n_ops; i++)
		release_operation(d->ops[i]);
	free(d->ops);
	release_headers(d->headers, d->n_headers);
	auth_free(d->auth);
	tmpl_release(&d->auth_id);
	release_rules(&d->rules);
	program_release(&d->code);
	program_release(&d->reason);
	program_release(&d->wait);
	for (size_t i = 0; i < d->n_limits; i++)
		rate_release(&d->limits[i]);
	free(d->limits);
}
