/* SPDX-License-Identifier: MIT */
#include "bin/retl-push/replay_request.h"

#include <strings.h>

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

/* Without the members that credentials have added; -1: they are not there. */
static int cut_auth(struct push *p, const struct step *s, struct str *url,
		    struct buf *err)
{
	struct buf headers = BUF_INIT, query = BUF_INIT, end = BUF_INIT;
	int ret = shown_auth(p, s, &headers, &query);

	show_secrets(&end, buf_str(&query));
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

		show_secrets(&text,
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
		show_secrets(&text, (struct str){ t->text.data + t->v[i].at,
						  t->v[i].n });
	host = strstr(text.data, "://");
	/* {+base_url} is a whole address, and then a path comes. */
	host = host ? host + 3 : text.data[0] == '{' ? text.data : NULL;
	yes = tmpl_is_constant(t) || (host && strpbrk(host, "/?"));
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
int replay_make_url(struct push *p, const struct replay_line *l,
		    struct buf *out, struct buf *err)
{
	const struct tmpl *t = &l->shown->steps[0].url;
	struct buf scratch = BUF_INIT;
	struct str url;
	int ret = -1;

	if (!l->url.s || json_type(l->url) != JSON_STRING)
		return fail(err, "url: not a text");
	url = json_text(l->url, &scratch);
	if (cut_auth(p, &l->op->steps[0], &url, err) < 0)
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
	else if (!tmpl_is_constant(&shown->value))
		/* What the variables are called is in raw too, unmarked. */
		ret = memchr(raw.data, '\1', raw.len)
			  ? fail(err, "headers: a secret beside a value in "
				      "one: shown, not replayed")
			  : 0;
	else {
		show_secrets(&want, str_trim(buf_str(&raw)));
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

static int check_header(struct push *p, const struct replay_line *l,
			struct str auth, const struct json_member *m,
			struct buf *err)
{
	const struct header *h = contract_header(p->shown_d, l->shown, m->key);
	struct buf scratch = BUF_INIT;
	int ret;

	if (json_type(m->val) != JSON_STRING)
		return fail(err, "headers: one is not a text");
	if (h) {
		ret = check_value(h, json_text(m->val, &scratch), err);
		buf_release(&scratch);
		return ret;
	}
	if (is_added(&l->op->steps[0], auth, m->key))
		return 0;
	return fail(err, "headers: one that the contract does not have");
}

/* The line's own message id, where the contract makes one; .s NULL: not. */
static struct str own_id(struct push *p, const struct replay_line *l,
			 struct buf *scratch)
{
	struct json_iter it;
	struct json_member m;

	if (!p->d.auth_id.n || l->op->steps[0].no_auth)
		return STR_NONE;
	json_iter_init(&it, l->headers);
	while (json_iter_member(&it, &m))
		if (same_name(m.key, STR("webhook-id")) &&
		    json_type(m.val) == JSON_STRING)
			return json_text(m.val, scratch);
	return STR("");
}

static int check_id(struct push *p, const struct replay_line *l,
		    struct buf *err)
{
	struct buf scratch = BUF_INIT;
	struct str id = own_id(p, l, &scratch);
	int ret = 0;

	if (id.s && (!id.n || has_control(id)))
		ret = fail(err, "headers: webhook-id is missing, or no id");
	buf_release(&scratch);
	return ret;
}

int replay_check_headers(struct push *p, const struct replay_line *l,
			 struct buf *err)
{
	struct buf auth = BUF_INIT, query = BUF_INIT;
	struct json_iter it;
	struct json_member m;
	int ret;

	if (!l->headers.s || json_type(l->headers) != JSON_OBJECT)
		return fail(err, "headers: not an object");
	ret = shown_auth(p, &l->op->steps[0], &auth, &query);
	json_iter_init(&it, l->headers);
	while (!ret && json_iter_member(&it, &m))
		ret = check_header(p, l, buf_str(&auth), &m, err);
	if (!ret)
		ret = check_id(p, l, err);
	buf_release(&auth);
	buf_release(&query);
	return ret;
}

/* The line's own value, where the contract's has variables. */
static int put_value(struct push *p, const struct replay_line *l,
		     const struct header *h, struct buf *out, struct buf *err)
{
	struct tmpl_scope scope = { .auth = buf_str(&p->auth_json) };
	const struct header *shown =
	    contract_header(p->shown_d, l->shown, h->name);
	struct buf scratch = BUF_INIT;
	struct tmpl_field field = TMPL_FIELD_NONE;
	struct json_iter it;
	struct json_member m;

	if (tmpl_is_constant(&shown->value))
		return tmpl_expand(&h->value, TMPL_HEADER, &scope, out, &field,
				   err);
	json_iter_init(&it, l->headers);
	while (json_iter_member(&it, &m)) {
		if (!same_name(m.key, h->name))
			continue;
		buf_adds(out, json_text(m.val, &scratch));
		buf_release(&scratch);
		return 0;
	}
	return fail(err, "headers: %.*s is missing", STR_ARG(h->name));
}

static int put_header(struct push *p, const struct replay_line *l,
		      const struct header *h, struct buf *out, struct buf *err)
{
	buf_adds(out, h->name);
	buf_addz(out, ": ");
	if (put_value(p, l, h, out, err) < 0)
		return -1;
	buf_addc(out, '\n');
	return 0;
}

int replay_make_headers(struct push *p, const struct replay_line *l,
			struct str body, struct buf *out, struct buf *err)
{
	const struct step *s = &l->op->steps[0];
	struct str type = STR("content-type"), id;
	struct buf scratch = BUF_INIT;

	for (size_t i = 0; i < p->d.n_headers; i++)
		if (!find_header(s->headers, s->n_headers,
				 p->d.headers[i].name) &&
		    put_header(p, l, &p->d.headers[i], out, err) < 0)
			return -1;
	for (size_t i = 0; i < s->n_headers; i++)
		if (put_header(p, l, &s->headers[i], out, err) < 0)
			return -1;
	if (s->has_body && !contract_header(&p->d, l->op, type)) {
		buf_addz(out, "content-type: ");
		body_put_type(s->type, body, out);
		buf_addc(out, '\n');
	}
	if (s->gzip)
		buf_addz(out, "content-encoding: gzip\n");
	/* Signing keeps one that is there. */
	id = own_id(p, l, &scratch);
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
		show_secrets(out, buf_str(&body));
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

int replay_make_body(struct push *p, const struct replay_line *l,
		     struct buf *out, struct buf *err)
{
	const struct step *s = &l->op->steps[0];
	bool none = !l->body.s || json_type(l->body) == JSON_NULL;

	if (!s->has_body)
		return none ? 0 : fail(err, "body: the request has none");
	if (none)
		return fail(err, "body: missing");
	if (s->type == BODY_JSON) {
		buf_adds(out, l->body);
	} else {
		if (json_type(l->body) != JSON_STRING)
			return fail(err, "body: not a text");
		json_unescape(out,
			      (struct str){ l->body.s + 1, l->body.n - 2 });
	}
	if (l->op->max_bytes && out->len > l->op->max_bytes)
		return fail(err, "body: larger than the destination takes");
	return cut_auth_of_body(p, s, out, err);
}
