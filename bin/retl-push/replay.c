/* SPDX-License-Identifier: MIT */
#include "bin/retl-push/replay.h"

#include <strings.h>

#include "common/mem.h"
#include "common/msg.h"

/* What a line says; JSON values that borrow from it. */
struct plan {
	struct str to, method, url, headers, body, ids, lines, results;
	const struct operation *op;    /* as it is carried out */
	const struct operation *shown; /* the same, secrets as placeholders */
	size_t n;                      /* records */
};

/* ---- reading a line ---- */

static int read_members(struct str line, struct plan *pl, struct buf *err)
{
	const struct {
		const char *name;
		struct str *to; /* NULL: said for people */
	} known[] = {
		{ "to", &pl->to },       { "method", &pl->method },
		{ "url", &pl->url },     { "headers", &pl->headers },
		{ "body", &pl->body },   { "diff_ids", &pl->ids },
		{ "lines", &pl->lines }, { "diff_results", &pl->results },
		{ "step", NULL },        { "needs", NULL },
		{ "when", NULL },        { "repeats", NULL },
		{ "sql", NULL },
	};
	struct json_iter it;
	struct json_member m;

	json_iter_init(&it, line);
	while (json_iter_member(&it, &m)) {
		size_t i = 0;

		while (i < ARRAY_LEN(known) &&
		       !json_key_is(&m, str_of(known[i].name)))
			i++;
		if (i == ARRAY_LEN(known))
			return fail(err, "a member that no dry run writes");
		if (known[i].to && known[i].to->s)
			return fail(err, "%s is there twice", known[i].name);
		if (known[i].to)
			*known[i].to = m.val;
	}
	return 0;
}

static bool is_list(struct str v)
{
	return v.s && json_type(v) == JSON_ARRAY;
}

static int check_lists(struct plan *pl, struct buf *err)
{
	struct json_iter it;
	struct str v;
	uint64_t line;

	if (!is_list(pl->ids) || !is_list(pl->lines) || !is_list(pl->results))
		return fail(err, "diff_ids, lines and diff_results are lists "
				 "of a dry run");
	pl->n = json_count(pl->lines);
	if (!pl->n)
		return fail(err, "a request without records: flows of several "
				 "steps are shown, not replayed");
	if (json_count(pl->results) != pl->n ||
	    (json_count(pl->ids) && json_count(pl->ids) != pl->n))
		return fail(err, "diff_ids, lines and diff_results do not "
				 "speak of the same records");
	json_iter_init(&it, pl->lines);
	while (json_iter_element(&it, &v))
		if (json_type(v) != JSON_NUMBER || str_to_u64(v, &line) < 0)
			return fail(err, "lines: not a number of a line");
	json_iter_init(&it, pl->ids);
	while (json_iter_element(&it, &v))
		if (json_type(v) != JSON_STRING)
			return fail(err, "diff_ids: not a text");
	return 0;
}

static enum diff_result kind_of(struct str v)
{
	for (int k = DIFF_ADDED; k <= DIFF_REMOVED; k++)
		if (json_text_is(v, diff_result_name((enum diff_result)k)))
			return (enum diff_result)k;
	return DIFF_NONE;
}

/* A removal is only sent for the run that somebody has named. */
static int check_removals(struct push *p, const struct plan *pl,
			  struct buf *err)
{
	struct buf scratch = BUF_INIT;
	struct json_iter it;
	struct str v;
	int ret = 0;

	if (!p->cfg.replay_run)
		return fail(err, "removes records: name the run of its "
				 "diff_ids with --replay-run");
	if (!json_count(pl->ids))
		return fail(err, "removes records, and has no diff_ids that "
				 "would say for which run");
	json_iter_init(&it, pl->ids);
	while (!ret && json_iter_element(&it, &v)) {
		struct str id = json_text(v, &scratch);
		const char *colon = memrchr(id.s, ':', id.n);
		struct str run = { id.s, colon ? (size_t)(colon - id.s) : 0 };

		if (!colon || !str_is(run, p->cfg.replay_run))
			ret = fail(err, "removes records of another run than "
					"that of --replay-run");
	}
	buf_release(&scratch);
	return ret;
}

static int find_operation(struct push *p, struct plan *pl, struct buf *err)
{
	struct json_iter it;
	struct str v;
	bool removes = false;

	json_iter_init(&it, pl->results);
	while (json_iter_element(&it, &v)) {
		enum diff_result kind = kind_of(v);

		if (!kind)
			return fail(err, "diff_results: not a kind of change");
		removes |= kind == DIFF_REMOVED;
		if (!p->d.of[kind] || (pl->op && p->d.of[kind] != pl->op))
			return fail(err, "the contract leads its changes "
					 "elsewhere now");
		pl->op = p->d.of[kind];
		pl->shown = p->shown_d->of[kind];
	}
	return removes ? check_removals(p, pl, err) : 0;
}

/* ---- what can be replayed ---- */

static bool asks(const struct program *pr)
{
	return pr->prog && (pr->uses[VAR_BATCH] || pr->uses[VAR_RECORD] ||
			    pr->uses[VAR_VARS]);
}

static bool rules_ask(const struct rules *r)
{
	for (size_t i = 0; i < r->n; i++)
		if (asks(&r->v[i].when) || asks(&r->v[i].results))
			return true;
	return false;
}

/* Does the contract look into records when an answer has come? */
static bool looks_back(const struct delivery *d, const struct operation *op)
{
	const struct step *s = &op->steps[0];

	return asks(&s->results) || asks(&s->rows) || asks(&s->poll.until) ||
	       rules_ask(&s->rules) || rules_ask(&op->rules) ||
	       rules_ask(&d->rules) || asks(&d->code) || asks(&d->reason) ||
	       asks(&d->wait);
}

static bool is_constant(const struct tmpl *t)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->v[i].kind != TMPL_TEXT)
			return false;
	return true;
}

static bool counts_by_value(const struct delivery *d)
{
	for (size_t i = 0; i < d->n_limits; i++)
		if (d->limits[i].by_program.prog ||
		    !is_constant(&d->limits[i].by_tmpl))
			return true;
	return false;
}

static int check_operation(struct push *p, const struct plan *pl,
			   struct buf *err)
{
	const struct operation *op = pl->op;
	const struct step *s = &op->steps[0];

	if (op->table)
		return fail(err, "statements of a database are shown, not "
				 "replayed");
	if (p->uploads)
		return fail(err, "files are shown, not replayed");
	if (op->n_steps != 1 || p->d.prepare || op->cleanup || s->n_save)
		return fail(err, "flows of several steps are shown, not "
				 "replayed");
	if (op->whole || s->next.prog)
		return fail(err, "%s is shown, not replayed",
			    op->whole ? "what replaces everything"
				      : "an answer of several pages");
	if (looks_back(&p->d, op))
		return fail(err, "the contract compares answers with records, "
				 "which are not there: shown, not replayed");
	if (counts_by_value(&p->d))
		return fail(err, "the contract's limits count by a value of "
				 "the record: shown, not replayed");
	if (s->alone && pl->n != 1)
		return fail(err, "several records, where one goes alone");
	return 0;
}

/* ---- credentials, as they are shown ---- */

/* What they add to a request: header lines, members of the query. */
static int shown_auth(struct push *p, const struct step *s, struct buf *headers,
		      struct buf *query)
{
	struct buf url = BUF_INIT, body = BUF_INIT;
	struct auth_request rq = { .method = str_of(s->method),
				   .url = &url,
				   .headers = headers,
				   .body = &body,
				   .id = STR("id") };
	int ret = 0;

	/* What they put into a body is looked at with the body. */
	if (s->no_auth || auth_writes_body(p->d.auth))
		return 0;
	buf_addz(&url, "https://h/");
	ret = auth_apply(p->shown_d->auth, &rq, &p->err);
	if (!ret && strchr(url.data, '?'))
		buf_addz(query, strchr(url.data, '?') + 1);
	buf_release(&url);
	buf_release(&body);
	return ret;
}

/* As dryrun.c writes them. */
static void put_shown(struct buf *out, struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		buf_addc(out, s.s[i] == '\1'   ? '{'
			      : s.s[i] == '\2' ? '}'
					       : s.s[i]);
}

/* Without the members that credentials have added; -1: they are not there. */
static int cut_auth(struct push *p, const struct step *s, struct str *url,
		    struct buf *err)
{
	struct buf headers = BUF_INIT, query = BUF_INIT, end = BUF_INIT;
	int ret = shown_auth(p, s, &headers, &query);

	put_shown(&end, buf_str(&query));
	if (!ret && end.len) {
		struct str tail = *url;

		tail.n = MIN(tail.n, end.len);
		tail.s += url->n - tail.n;
		if (url->n > end.len && str_eq(tail, buf_str(&end)) &&
		    strchr("?&", tail.s[-1]))
			url->n -= end.len + 1;
		else
			ret = fail(err, "url: does not end with the place of "
					"the credentials");
	}
	buf_release(&headers);
	buf_release(&query);
	buf_release(&end);
	return ret;
}

/* ---- the address ---- */

/* May it stand for a value that a template has encoded? */
static bool is_encoded(char c)
{
	return isalnum((uint8_t)c) || (c && strchr("-._~%", c));
}

/* Is s what the template makes of some values, from its part i on? */
static bool fits(const struct tmpl *t, size_t i, struct str s)
{
	const struct tmpl_part *part = &t->v[i];
	struct buf text = BUF_INIT;
	size_t most = 0;

	if (i == t->n)
		return !s.n;
	if (part->kind == TMPL_TEXT) {
		bool yes;

		put_shown(&text,
			  (struct str){ t->text.data + part->at, part->n });
		yes = s.n >= text.len && !memcmp(s.s, text.data, text.len) &&
		      fits(t, i + 1,
			   (struct str){ s.s + text.len, s.n - text.len });
		buf_release(&text);
		return yes;
	}
	while (most < s.n && is_encoded(s.s[most]))
		most++;
	for (size_t n = most + 1; n-- > 0;) {
		struct str value = { s.s, n };

		if (part->in_path &&
		    (!n || str_is(value, ".") || str_is(value, "..")))
			continue;
		if (fits(t, i + 1, (struct str){ s.s + n, s.n - n }))
			return true;
	}
	return false;
}

/* Does the contract alone say where it leads: up to the path? */
static bool names_server(const struct tmpl *t)
{
	struct buf text = BUF_INIT;
	const char *host;
	bool yes;

	for (size_t i = 0; i < t->n && t->v[i].kind == TMPL_TEXT; i++)
		put_shown(&text,
			  (struct str){ t->text.data + t->v[i].at, t->v[i].n });
	host = strstr(text.data, "://");
	/* {+base_url} is a whole address, and then a path comes. */
	host = host ? host + 3 : text.data[0] == '{' ? text.data : NULL;
	yes = is_constant(t) || (host && strpbrk(host, "/?"));
	buf_release(&text);
	return yes;
}

/* Puts secrets into their places; with out NULL, only looks. */
static int fill_url(struct push *p, struct str url, struct buf *out,
		    struct buf *err)
{
	struct tmpl_opts o = { p->contract, TMPL_URL, false };
	struct tmpl_scope scope = { .auth = buf_str(&p->auth_json) };
	struct tmpl_field field = TMPL_FIELD_NONE;
	struct tmpl t;
	int ret = tmpl_parse(&t, url, &o, err);

	for (size_t i = 0; !ret && i < t.n; i++)
		if (t.v[i].kind != TMPL_TEXT && t.v[i].kind != TMPL_AUTH)
			ret = fail(err, "url: names what is not known");
	if (!ret && out)
		ret = tmpl_expand(&t, TMPL_URL, &scope, out, &field, err);
	tmpl_release(&t);
	return ret;
}

/* Into out, NULL: only looks. */
static int make_url(struct push *p, const struct plan *pl, struct buf *out,
		    struct buf *err)
{
	const struct tmpl *t = &pl->shown->steps[0].url;
	struct buf scratch = BUF_INIT;
	struct str url;
	int ret = -1;

	if (!pl->url.s || json_type(pl->url) != JSON_STRING)
		return fail(err, "url: not a text");
	url = json_text(pl->url, &scratch);
	if (cut_auth(p, &pl->op->steps[0], &url, err) < 0)
		goto out;
	if (!names_server(t) || !fits(t, 0, url)) {
		fail(err, "url: not the address that the contract has");
		goto out;
	}
	ret = fill_url(p, url, out, err);
out:
	buf_release(&scratch);
	return ret;
}

/* ---- headers ---- */

static bool has_control(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((uint8_t)s.s[i] < 0x20 || s.s[i] == 0x7f)
			return true;
	return false;
}

static bool same_name(struct str a, struct str b)
{
	return a.n == b.n && strncasecmp(a.s, b.s, a.n) == 0;
}

static const struct header *find_header(const struct header *v, size_t n,
					struct str name)
{
	for (size_t i = 0; i < n; i++)
		if (same_name(v[i].name, name))
			return &v[i];
	return NULL;
}

/* That of the step, else that of all requests. */
static const struct header *contract_header(const struct delivery *d,
					    const struct operation *op,
					    struct str name)
{
	const struct step *s = &op->steps[0];
	const struct header *h = find_header(s->headers, s->n_headers, name);

	return h ? h : find_header(d->headers, d->n_headers, name);
}

/* The text of a template that has no variables. */
static void put_constant(const struct tmpl *t, struct buf *out)
{
	for (size_t i = 0; i < t->n; i++)
		buf_add(out, t->text.data + t->v[i].at, t->v[i].n);
}

static int check_value(const struct header *shown, struct str value,
		       struct buf *err)
{
	struct buf raw = BUF_INIT, want = BUF_INIT;
	int ret = 0;

	put_constant(&shown->value, &raw);
	if (has_control(value))
		ret = fail(err, "headers: a control character in one");
	else if (!is_constant(&shown->value))
		/* What the variables are called is in raw too, unmarked. */
		ret = memchr(raw.data, '\1', raw.len)
			  ? fail(err, "headers: a secret beside a value in "
				      "one: shown, not replayed")
			  : 0;
	else {
		put_shown(&want, str_trim(buf_str(&raw)));
		if (!str_eq(buf_str(&want), value))
			ret = fail(err,
				   "headers: %.*s differs from what the "
				   "contract says",
				   STR_ARG(shown->name));
	}
	buf_release(&raw);
	buf_release(&want);
	return ret;
}

/* One that credentials, or the body's encoding, bring. */
static bool is_added(const struct step *s, struct str auth, struct str name)
{
	struct str line;

	if (s->has_body && same_name(name, STR("content-type")))
		return true;
	if (s->gzip && same_name(name, STR("content-encoding")))
		return true;
	while (str_split(&auth, '\n', &line)) {
		const char *colon = line.n ? memchr(line.s, ':', line.n) : NULL;

		if (colon &&
		    same_name(name,
			      (struct str){ line.s, (size_t)(colon - line.s) }))
			return true;
	}
	return false;
}

static int check_header(struct push *p, const struct plan *pl, struct str auth,
			const struct json_member *m, struct buf *err)
{
	const struct header *h = contract_header(p->shown_d, pl->shown, m->key);
	struct buf scratch = BUF_INIT;
	int ret;

	if (json_type(m->val) != JSON_STRING)
		return fail(err, "headers: one is not a text");
	if (h) {
		ret = check_value(h, json_text(m->val, &scratch), err);
		buf_release(&scratch);
		return ret;
	}
	if (is_added(&pl->op->steps[0], auth, m->key))
		return 0;
	return fail(err, "headers: one that the contract does not have");
}

/* The line's own message id, where the contract makes one; .s NULL: not. */
static struct str own_id(struct push *p, const struct plan *pl,
			 struct buf *scratch)
{
	struct json_iter it;
	struct json_member m;

	if (!p->d.auth_id.n || pl->op->steps[0].no_auth)
		return STR_NONE;
	json_iter_init(&it, pl->headers);
	while (json_iter_member(&it, &m))
		if (same_name(m.key, STR("webhook-id")) &&
		    json_type(m.val) == JSON_STRING)
			return json_text(m.val, scratch);
	return STR("");
}

static int check_id(struct push *p, const struct plan *pl, struct buf *err)
{
	struct buf scratch = BUF_INIT;
	struct str id = own_id(p, pl, &scratch);
	int ret = 0;

	if (id.s && (!id.n || has_control(id)))
		ret = fail(err, "headers: webhook-id is missing, or no id");
	buf_release(&scratch);
	return ret;
}

static int check_headers(struct push *p, const struct plan *pl, struct buf *err)
{
	struct buf auth = BUF_INIT, query = BUF_INIT;
	struct json_iter it;
	struct json_member m;
	int ret;

	if (!pl->headers.s || json_type(pl->headers) != JSON_OBJECT)
		return fail(err, "headers: not an object");
	ret = shown_auth(p, &pl->op->steps[0], &auth, &query);
	json_iter_init(&it, pl->headers);
	while (!ret && json_iter_member(&it, &m))
		ret = check_header(p, pl, buf_str(&auth), &m, err);
	if (!ret)
		ret = check_id(p, pl, err);
	buf_release(&auth);
	buf_release(&query);
	return ret;
}

/* The line's own value, where the contract's has variables. */
static int put_value(struct push *p, const struct plan *pl,
		     const struct header *h, struct buf *out, struct buf *err)
{
	struct tmpl_scope scope = { .auth = buf_str(&p->auth_json) };
	const struct header *shown =
	    contract_header(p->shown_d, pl->shown, h->name);
	struct buf scratch = BUF_INIT;
	struct tmpl_field field = TMPL_FIELD_NONE;
	struct json_iter it;
	struct json_member m;

	if (is_constant(&shown->value))
		return tmpl_expand(&h->value, TMPL_HEADER, &scope, out, &field,
				   err);
	json_iter_init(&it, pl->headers);
	while (json_iter_member(&it, &m)) {
		if (!same_name(m.key, h->name))
			continue;
		buf_adds(out, json_text(m.val, &scratch));
		buf_release(&scratch);
		return 0;
	}
	return fail(err, "headers: %.*s is missing", STR_ARG(h->name));
}

static int put_header(struct push *p, const struct plan *pl,
		      const struct header *h, struct buf *out, struct buf *err)
{
	buf_adds(out, h->name);
	buf_addz(out, ": ");
	if (put_value(p, pl, h, out, err) < 0)
		return -1;
	buf_addc(out, '\n');
	return 0;
}

static int make_headers(struct push *p, const struct plan *pl, struct str body,
			struct buf *out, struct buf *err)
{
	const struct step *s = &pl->op->steps[0];
	struct str type = STR("content-type"), id;
	struct buf scratch = BUF_INIT;

	for (size_t i = 0; i < p->d.n_headers; i++)
		if (!find_header(s->headers, s->n_headers,
				 p->d.headers[i].name) &&
		    put_header(p, pl, &p->d.headers[i], out, err) < 0)
			return -1;
	for (size_t i = 0; i < s->n_headers; i++)
		if (put_header(p, pl, &s->headers[i], out, err) < 0)
			return -1;
	if (s->has_body && !contract_header(&p->d, pl->op, type)) {
		buf_addz(out, "content-type: ");
		body_put_type(s->type, body, out);
		buf_addc(out, '\n');
	}
	if (s->gzip)
		buf_addz(out, "content-encoding: gzip\n");
	/* Signing keeps one that is there. */
	id = own_id(p, pl, &scratch);
	if (id.s)
		buf_addf(out, "webhook-id: %.*s\n", STR_ARG(id));
	buf_release(&scratch);
	return 0;
}

/* ---- the body ---- */

/* What credentials add to a body that is empty, as it is shown. */
static int shown_in_body(struct push *p, const struct step *s, struct buf *out)
{
	struct buf url = BUF_INIT, headers = BUF_INIT, body = BUF_INIT;
	struct auth_request rq = { .method = str_of(s->method),
				   .url = &url,
				   .headers = &headers,
				   .body = &body,
				   .id = STR("id") };
	int ret;

	buf_addz(&headers, "content-type: ");
	body_put_type(s->type, STR(""), &headers);
	buf_addc(&headers, '\n');
	if (s->type != BODY_FORM)
		buf_addz(&body, "{}");
	ret = auth_apply(p->shown_d->auth, &rq, &p->err);
	if (!ret)
		put_shown(out, buf_str(&body));
	buf_release(&url);
	buf_release(&headers);
	buf_release(&body);
	return ret;
}

/* Of a body that nobody has touched: it begins with the member. */
static bool cut_first(struct buf *body, struct str shown)
{
	struct buf out = BUF_INIT;
	size_t n = shown.n - 1; /* without its closing brace */

	if (body->len <= n || memcmp(body->data, shown.s, n) != 0 ||
	    !strchr(",}", body->data[n]))
		return false;
	buf_addc(&out, '{');
	n += body->data[n] == ',';
	buf_add(&out, body->data + n, body->len - n);
	buf_release(body);
	*body = out;
	return true;
}

/* The body without the member that is in shown alone; -1: it has it not. */
static int cut_member(struct buf *body, struct str shown)
{
	struct buf out = BUF_INIT, a = BUF_INIT, b = BUF_INIT;
	struct json_member place, m;
	struct json_iter it;
	size_t n_cut = 0;

	json_iter_init(&it, shown);
	if (!json_iter_member(&it, &place) || body->data[0] != '{')
		return -1;
	json_iter_init(&it, buf_str(body));
	while (json_iter_member(&it, &m)) {
		if (json_key_is(&m, place.key) &&
		    json_type(m.val) == JSON_STRING &&
		    str_eq(json_text(m.val, &a), json_text(place.val, &b))) {
			n_cut++;
			continue;
		}
		buf_addc(&out, out.len ? ',' : '{');
		buf_add(&out, m.key.s - 1, m.key.n + 2);
		buf_addc(&out, ':');
		buf_adds(&out, m.val);
	}
	buf_addz(&out, out.len ? "}" : "{}");
	buf_release(&a);
	buf_release(&b);
	buf_release(body);
	*body = out;
	return n_cut == 1 ? 0 : -1;
}

/* The same of a form, which begins with it. */
static int cut_field(struct buf *body, struct str shown)
{
	struct buf out = BUF_INIT;

	if (body->len < shown.n || memcmp(body->data, shown.s, shown.n) != 0 ||
	    (body->len > shown.n && body->data[shown.n] != '&'))
		return -1;
	if (body->len > shown.n)
		buf_add(&out, body->data + shown.n + 1,
			body->len - shown.n - 1);
	buf_release(body);
	*body = out;
	return 0;
}

/* They are put in anew: their place must be there, and only once. */
static int cut_auth_of_body(struct push *p, const struct step *s,
			    struct buf *body, struct buf *err)
{
	struct buf shown = BUF_INIT;
	int ret;

	if (!auth_writes_body(p->d.auth) || s->no_auth)
		return 0;
	ret = shown_in_body(p, s, &shown);
	if (!ret && s->type == BODY_FORM)
		ret = cut_field(body, buf_str(&shown));
	else if (!ret && !cut_first(body, buf_str(&shown)))
		ret = cut_member(body, buf_str(&shown));
	buf_release(&shown);
	return ret ? fail(err, "body: without the place of the credentials")
		   : 0;
}

static int make_body(struct push *p, const struct plan *pl, struct buf *out,
		     struct buf *err)
{
	const struct step *s = &pl->op->steps[0];
	bool none = !pl->body.s || json_type(pl->body) == JSON_NULL;

	if (!s->has_body)
		return none ? 0 : fail(err, "body: the request has none");
	if (none)
		return fail(err, "body: missing");
	if (s->type == BODY_JSON) {
		buf_adds(out, pl->body);
	} else {
		if (json_type(pl->body) != JSON_STRING)
			return fail(err, "body: not a text");
		json_unescape(out,
			      (struct str){ pl->body.s + 1, pl->body.n - 2 });
	}
	if (pl->op->max_bytes && out->len > pl->op->max_bytes)
		return fail(err, "body: larger than the destination takes");
	return cut_auth_of_body(p, s, out, err);
}

/* ---- a line as a whole ---- */

static int read_plan(struct push *p, struct str line, struct plan *pl,
		     struct buf *err)
{
	*pl = (struct plan){ .to = STR_NONE };
	if (read_members(line, pl, err) < 0)
		return -1;
	if (!pl->to.s || !json_text_is(pl->to, p->contract->to))
		return fail(err,
			    "goes to something else than %s: another "
			    "contract, address or account",
			    p->contract->to);
	if (check_lists(pl, err) < 0 || find_operation(p, pl, err) < 0 ||
	    check_operation(p, pl, err) < 0)
		return -1;
	if (!pl->method.s || !json_text_is(pl->method, pl->op->steps[0].method))
		return fail(err, "method: the contract has %s",
			    pl->op->steps[0].method);
	return 0;
}

static int check_line(struct push *p, struct str line, struct plan *pl,
		      struct buf *err)
{
	struct json_fault fault;
	struct str v;
	struct buf body = BUF_INIT, headers = BUF_INIT;
	int ret = -1;

	if (json_check(line, &v, &fault) < 0 || json_type(v) != JSON_OBJECT)
		return fail(err, "not a line of a dry run");
	if (read_plan(p, v, pl, err) == 0 && make_url(p, pl, NULL, err) == 0 &&
	    check_headers(p, pl, err) == 0 && make_body(p, pl, &body, err) == 0)
		ret = 0;
	/* Tokens are not there yet: only what comes from the line counts. */
	if (!ret && !p->d.n_auth_save)
		ret = make_headers(p, pl, buf_str(&body), &headers, err);
	buf_release(&body);
	buf_release(&headers);
	return ret;
}

/* ---- before anything is sent ---- */

/* Digests of what is replayed: diff_ids, or else lines. */
struct seen {
	uint8_t (*v)[16];
	size_t n, cap;
};

static void note_seen(struct seen *seen, const struct plan *pl)
{
	struct json_iter it;
	struct str v;

	json_iter_init(&it, json_count(pl->ids) ? pl->ids : pl->lines);
	while (json_iter_element(&it, &v)) {
		if (seen->n == seen->cap) {
			seen->cap = MAX(2 * seen->cap, 256);
			seen->v =
			    xreallocarray(seen->v, seen->cap, sizeof *seen->v);
		}
		order_digest(v, 0, seen->v[seen->n++]);
	}
}

static int by_digest(const void *a, const void *b)
{
	return memcmp(a, b, 16);
}

static bool has_twice(struct seen *seen)
{
	if (seen->n)
		qsort(seen->v, seen->n, sizeof *seen->v, by_digest);
	for (size_t i = 1; i < seen->n; i++)
		if (!memcmp(seen->v[i - 1], seen->v[i], 16))
			return true;
	return false;
}

#define MAX_TOLD 10

int replay_check(struct push *p)
{
	struct ndjson in = NDJSON_INIT;
	struct seen seen = { .n = 0 };
	struct buf err = BUF_INIT, place = BUF_INIT;
	uint64_t n_bad = 0;
	int got;

	in.max_record = p->cfg.max_record;
	if (ndjson_open(&in, p->cfg.replay) < 0)
		die(in.status, "%s", in.err.data);
	while ((got = ndjson_next(&in)) == 1) {
		struct plan pl;

		buf_reset(&err);
		if (check_line(p, in.line, &pl, &err) == 0) {
			note_seen(&seen, &pl);
			continue;
		}
		buf_reset(&place);
		ndjson_place(&in, &place);
		if (n_bad++ < MAX_TOLD)
			msg_error("%s: %s", place.data, err.data);
	}
	if (got < 0)
		die(in.status, "%s", in.err.data);
	if (n_bad)
		msg_error("%s: %" PRIu64 " lines cannot be replayed; nothing "
			  "is sent",
			  p->cfg.replay, n_bad);
	else if (has_twice(&seen))
		msg_error("%s: a record is in it twice; nothing is sent",
			  p->cfg.replay);
	else
		seen.n = 0;
	got = n_bad || seen.n ? -1 : 0;
	free(seen.v);
	buf_release(&err);
	buf_release(&place);
	ndjson_close(&in);
	return got;
}

/* ---- sending ---- */

static struct span put_span(struct rec *r, struct str s)
{
	struct span at = { r->text.len, s.n };

	buf_adds(&r->text, s);
	return at;
}

/* The records of a line, as far as they are known; the first has the line. */
static struct flow *make_flow(struct push *p, const struct plan *pl,
			      struct str line)
{
	struct flow *f = flow_new(p, pl->op);
	struct json_iter ids, lines, results;
	struct str v;

	json_iter_init(&ids, pl->ids);
	json_iter_init(&lines, pl->lines);
	json_iter_init(&results, pl->results);
	while (json_iter_element(&lines, &v)) {
		struct rec *r = rec_new(p);

		str_to_u64(v, &r->line);
		r->op = pl->op;
		r->record = put_span(r, STR("{}"));
		if (json_iter_element(&results, &v))
			r->kind = kind_of(v);
		if (json_iter_element(&ids, &v))
			r->id = put_span(r, v);
		if (!f->n)
			r->original = put_span(r, line);
		r->n_own = r->text.len;
		flow_add(f, r);
	}
	return f;
}

/* After a stop: a line's records have not been sent. */
static void fail_line(struct push *p, const struct plan *pl)
{
	const struct outcome o = {
		.status = FAILED,
		.code = STR("stopped"),
		.reason = STR("the push was stopped before this was delivered"),
	};
	struct json_iter ids, lines;
	struct str v, id;
	uint64_t line;

	json_iter_init(&ids, pl->ids);
	json_iter_init(&lines, pl->lines);
	while (json_iter_element(&lines, &v)) {
		if (!json_iter_element(&ids, &id))
			id = STR("");
		str_to_u64(v, &line);
		receipts_add(&p->receipts, line, id, 0, &o);
	}
}

bool replay_take(struct push *p, struct str line, uint64_t line_no)
{
	struct buf err = BUF_INIT;
	struct plan pl;
	struct flow *f;

	if (p->n_unsettled)
		return false;
	if (check_line(p, line, &pl, &err) < 0) {
		/* It was good when all were looked at. */
		push_stop(p, EX_DATAERR, "%s: line %" PRIu64 ": %s",
			  p->cfg.replay, line_no, err.data);
		buf_release(&err);
		return true;
	}
	buf_release(&err);
	if (p->stopped) {
		fail_line(p, &pl);
		return true;
	}
	f = make_flow(p, &pl, line);
	list_push(&p->ready, f, false);
	return true;
}

enum built replay_build(struct flow *f)
{
	struct push *p = f->push;
	struct str line = rec_str(f->recs[0], f->recs[0]->original);
	struct plan pl;

	for (size_t i = 0; i < f->n; i++)
		f->recs[i]->carried = true;
	f->n_carried = f->n;
	f->elsewhere = false;
	buf_reset(&f->url);
	buf_reset(&f->headers);
	buf_reset(&f->body);
	if (read_plan(p, line, &pl, &p->err) < 0 ||
	    make_url(p, &pl, &f->url, &p->err) < 0 ||
	    make_body(p, &pl, &f->body, &p->err) < 0 ||
	    make_headers(p, &pl, buf_str(&f->body), &f->headers, &p->err) < 0) {
		push_stop(p, EX_DATAERR, "%s: %s", p->cfg.replay, p->err.data);
		return BUILD_FAILED;
	}
	f->n_body = f->body.len;
	return request_finish(f);
}

void replay_release(struct push *p)
{
	if (!p->shown_d)
		return;
	delivery_release(p->shown_d);
	free(p->shown_d);
	p->shown_d = NULL;
}
