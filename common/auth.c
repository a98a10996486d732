/* SPDX-License-Identifier: MIT */
#include "common/auth.h"

#include <strings.h>

#include "common/digest.h"
#include "common/enc.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/msg.h"

/* ---- what the schemes share ---- */

struct str auth_get(const struct auth *a, const char *name)
{
	for (size_t i = 0; i < a->n_values; i++)
		if (str_is(a->values[i].name, name))
			return a->values[i].text;
	return STR_NONE;
}

static bool header_is(struct str line, const char *name)
{
	size_t n = strlen(name);

	return line.n > n && line.s[n] == ':' &&
	       strncasecmp(line.s, name, n) == 0;
}

struct str auth_find_header(const struct auth_request *rq, const char *name)
{
	struct str rest = buf_str(rq->headers), line;

	while (str_split(&rest, '\n', &line))
		if (header_is(line, name)) {
			size_t skip = strlen(name) + 1;

			return str_trim(
			    (struct str){ line.s + skip, line.n - skip });
		}
	return STR_NONE;
}

void auth_put_header(struct auth_request *rq, const char *name,
		     struct str value)
{
	buf_addf(rq->headers, "%s: ", name);
	buf_adds(rq->headers, value);
	buf_addc(rq->headers, '\n');
}

void auth_put_query(struct auth_request *rq, struct str name, struct str value,
		    bool as_is)
{
	buf_addc(rq->url, strchr(rq->url->data, '?') ? '&' : '?');
	enc_percent(rq->url, name);
	buf_addc(rq->url, '=');
	if (as_is)
		buf_adds(rq->url, value);
	else
		enc_percent(rq->url, value);
}

/* A header's value comes from the user: it must not end the line. */
static int check_line(struct str value, const char *name, struct buf *err)
{
	for (size_t i = 0; i < value.n; i++)
		if ((uint8_t)value.s[i] < 0x20 && !(value.s[i] == 1) &&
		    !(value.s[i] == 2))
			return fail(err,
				    "auth: %s has a control character in it, "
				    "such as the end of a line",
				    name);
	return 0;
}

/* ---- schemes ---- */

static int none_apply(struct auth *a, struct auth_request *rq, struct buf *err)
{
	(void)a;
	(void)rq;
	(void)err;
	return 0;
}

static int bearer_prepare(struct auth *a, struct buf *err)
{
	buf_addz(&a->key, "Bearer ");
	buf_adds(&a->key, auth_get(a, "token"));
	return check_line(auth_get(a, "token"), "token", err);
}

static int bearer_apply(struct auth *a, struct auth_request *rq,
			struct buf *err)
{
	(void)err;
	auth_put_header(rq, "authorization", buf_str(&a->key));
	return 0;
}

static int basic_prepare(struct auth *a, struct buf *err)
{
	struct str user = auth_get(a, "user");
	struct buf pair = BUF_INIT;

	if (memchr(user.s, ':', user.n))
		return fail(err, "auth: user has a colon in it");
	buf_adds(&pair, user);
	buf_addc(&pair, ':');
	if (auth_get(a, "password").s)
		buf_adds(&pair, auth_get(a, "password"));
	buf_addz(&a->key, "Basic ");
	if (a->show) {
		buf_addz(&a->key, "\1base64 of user:password\2");
	} else {
		enc_base64(&a->key, pair.data, pair.len);
		msg_hide(a->key.data + 6, a->key.len - 6);
	}
	buf_release(&pair);
	return 0;
}

static int header_prepare(struct auth *a, struct buf *err)
{
	struct str name = auth_get(a, "name");

	for (size_t i = 0; i < name.n; i++)
		if (!isalnum((uint8_t)name.s[i]) && !strchr("-_.", name.s[i]))
			return fail(err, "auth: name is not a header's name");
	return check_line(auth_get(a, "value"), "value", err);
}

static int header_apply(struct auth *a, struct auth_request *rq,
			struct buf *err)
{
	struct str name = auth_get(a, "name");

	(void)err;
	buf_adds(rq->headers, name);
	buf_addz(rq->headers, ": ");
	buf_adds(rq->headers, auth_get(a, "value"));
	buf_addc(rq->headers, '\n');
	return 0;
}

static void hide_coded(struct str secret)
{
	struct buf coded = BUF_INIT;

	enc_percent(&coded, secret);
	msg_hide(coded.data, coded.len);
	buf_release(&coded);
}

static int query_prepare(struct auth *a, struct buf *err)
{
	(void)err;
	if (!a->show)
		hide_coded(auth_get(a, "value"));
	return 0;
}

static int query_apply(struct auth *a, struct auth_request *rq, struct buf *err)
{
	(void)err;
	auth_put_query(rq, auth_get(a, "name"), auth_get(a, "value"), a->show);
	return 0;
}

/* As a string of JSON, in which the marks of a dry run stay what they are. */
static void put_shown(struct buf *out, struct str s)
{
	struct buf part = BUF_INIT;

	buf_addc(out, '"');
	for (size_t i = 0; i < s.n;) {
		size_t n = 0;

		while (i + n < s.n && s.s[i + n] != '\1' && s.s[i + n] != '\2')
			n++;
		buf_reset(&part);
		json_put_str(&part, (struct str){ s.s + i, n });
		buf_add(out, part.data + 1, part.len - 2);
		i += n;
		if (i < s.n)
			buf_addc(out, s.s[i++]);
	}
	buf_addc(out, '"');
	buf_release(&part);
}

static int body_prepare(struct auth *a, struct buf *err)
{
	struct str p = auth_get(a, "pointer");

	if (p.n < 2 || p.s[0] != '/' || memchr(p.s + 1, '/', p.n - 1) ||
	    memchr(p.s, '~', p.n))
		return fail(err, "auth: pointer is not /NAME, a member of the "
				 "body's top level");
	if (a->show) {
		put_shown(&a->key, auth_get(a, "value"));
		return 0;
	}
	json_put_str(&a->key, auth_get(a, "value"));
	msg_hide(a->key.data + 1, a->key.len - 2);
	/* In a form. */
	hide_coded(auth_get(a, "value"));
	return 0;
}

static bool is_form(const struct auth_request *rq)
{
	struct str type = auth_find_header(rq, "content-type");

	return type.s && str_eq(type, STR("application/x-www-form-urlencoded"));
}

static void form_apply(struct auth *a, struct auth_request *rq, struct str name)
{
	struct buf out = BUF_INIT;

	enc_percent(&out, name);
	buf_addc(&out, '=');
	if (a->show)
		buf_adds(&out, auth_get(a, "value"));
	else
		enc_percent(&out, auth_get(a, "value"));
	if (rq->body->len)
		buf_addc(&out, '&');
	buf_adds(&out, buf_str(rq->body));
	buf_release(rq->body);
	*rq->body = out;
}

/* The body is an object that the contract made: the secret goes in front. */
static int body_apply(struct auth *a, struct auth_request *rq, struct buf *err)
{
	struct str p = auth_get(a, "pointer"), old;
	struct buf out = BUF_INIT;
	struct str name = { p.s + 1, p.n - 1 };

	if (is_form(rq)) {
		form_apply(a, rq, name);
		return 0;
	}
	if (!rq->body->len || rq->body->data[0] != '{')
		return fail(err, "auth: the body is no object, so it has no "
				 "member for the credentials");
	if (json_find(buf_str(rq->body), name, &old) != 0)
		return fail(err, "auth: the body has the member for the "
				 "credentials already");
	buf_addc(&out, '{');
	json_put_str(&out, name);
	buf_addc(&out, ':');
	buf_adds(&out, buf_str(&a->key));
	if (json_count(buf_str(rq->body)))
		buf_addc(&out, ',');
	buf_add(&out, rq->body->data + 1, rq->body->len - 1);
	buf_release(rq->body);
	*rq->body = out;
	return 0;
}

static const struct auth_scheme schemes[] = {
	{ .type = "none", .apply = none_apply },
	/* What it holds is used when a connection is made. */
	{ .type = "ssh",
	  .takes = { "key_file", "passphrase", "password", "known_hosts" },
	  .apply = none_apply },
	{ .type = "bearer",
	  .needs = { "token" },
	  .prepare = bearer_prepare,
	  .apply = bearer_apply },
	{ .type = "basic",
	  .needs = { "user" },
	  .takes = { "password" },
	  .prepare = basic_prepare,
	  .apply = bearer_apply },
	{ .type = "header",
	  .needs = { "name", "value" },
	  .prepare = header_prepare,
	  .apply = header_apply },
	{ .type = "query",
	  .needs = { "name", "value" },
	  .prepare = query_prepare,
	  .apply = query_apply },
	{ .type = "body",
	  .needs = { "pointer", "value" },
	  .prepare = body_prepare,
	  .apply = body_apply },
};

static const struct auth_scheme *find_scheme(struct str type)
{
	static const struct auth_scheme *const others[] = {
		&auth_hmac,   &auth_oauth1,     &auth_aws_sigv4,
		&auth_oauth2, &auth_jwt_bearer, &auth_google,
	};

	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		if (str_is(type, others[i]->type))
			return others[i];
	for (size_t i = 0; i < ARRAY_LEN(schemes); i++)
		if (str_is(type, schemes[i].type))
			return &schemes[i];
	return NULL;
}

/*
 * appsecret_proof: that whoever has the token also has the app's secret. The
 * digest changes with neither time nor request.
 */
static int prepare_proof(struct auth *a, struct buf *err)
{
	struct str secret = auth_get(a, "proof");
	struct str token = auth_get(a, "token");
	uint8_t mac[DIGEST_MAX];

	if (!secret.n)
		return 0;
	if (!token.n)
		return fail(err,
			    "auth: proof is of a token, and there is none");
	if (a->show) {
		buf_addz(&a->proof, "\1HMAC of token\2");
		return 0;
	}
	digest_hmac(DIGEST_SHA256, secret, token, mac);
	enc_hex(&a->proof, mac, digest_size(DIGEST_SHA256));
	msg_hide(a->proof.data, a->proof.len);
	return 0;
}

static bool known_value(const struct auth_scheme *s, struct str name)
{
	for (size_t i = 0; i < ARRAY_LEN(s->needs) && s->needs[i]; i++)
		if (str_is(name, s->needs[i]))
			return true;
	for (size_t i = 0; i < ARRAY_LEN(s->takes) && s->takes[i]; i++) {
		size_t len = strlen(s->takes[i]);

		if (str_is(name, s->takes[i]) ||
		    (s->takes[i][len - 1] == '.' &&
		     str_starts(name, s->takes[i])))
			return true;
	}
	return str_is(name, "proof");
}

static int check_values(const struct auth *a, struct buf *err)
{
	const struct auth_scheme *s = a->scheme;

	for (size_t i = 0; i < ARRAY_LEN(s->needs) && s->needs[i]; i++)
		if (!auth_get(a, s->needs[i]).n)
			return fail(err, "auth: %s needs \"%s\"", s->type,
				    s->needs[i]);
	for (size_t i = 0; i < a->n_values; i++)
		if (!known_value(s, a->values[i].name))
			return fail(err, "auth: %s has no \"%.*s\"", s->type,
				    STR_ARG(a->values[i].name));
	return 0;
}

/* With a NUL behind it, for libraries. */
static struct str copy(struct str s)
{
	return (struct str){ xstrndup(s.n ? s.s : "", s.n), s.n };
}

struct auth *auth_new(struct str type, const struct auth_value *values,
		      size_t n, bool show, int *status, struct buf *err)
{
	const struct auth_scheme *s = find_scheme(type);
	struct auth *a;

	*status = EX_CONFIG;
	if (!s) {
		fail(err, "auth: type \"%.*s\" is not supported",
		     STR_ARG(type));
		return NULL;
	}
	a = xcalloc(1, sizeof *a);
	*a = (struct auth){
		.scheme = s, .show = show, .key = BUF_INIT, .proof = BUF_INIT
	};
	a->values = xcalloc(MAX(n, 1), sizeof *a->values);
	for (; a->n_values < n; a->n_values++) {
		a->values[a->n_values].name = copy(values[a->n_values].name);
		a->values[a->n_values].text = copy(values[a->n_values].text);
	}
	if (check_values(a, err) < 0 ||
	    (s->prepare && s->prepare(a, err) < 0) ||
	    prepare_proof(a, err) < 0) {
		if (a->status)
			*status = a->status;
		auth_free(a);
		return NULL;
	}
	return a;
}

void auth_free(struct auth *a)
{
	if (!a)
		return;
	for (size_t i = 0; i < a->n_values; i++) {
		free((char *)a->values[i].name.s);
		free((char *)a->values[i].text.s);
	}
	free(a->values);
	oauth_free(a->oauth);
	buf_release(&a->key);
	buf_release(&a->proof);
	free(a);
}

void auth_put_identity(const struct auth *a, struct buf *out)
{
	bool client = auth_get(a, "client_id").n > 0;

	buf_addz(out, a->scheme->type);
	for (size_t i = 0; i < a->n_values; i++) {
		if (client && str_is(a->values[i].name, "refresh_token"))
			continue;
		buf_addc(out, '\n');
		buf_adds(out, a->values[i].name);
		buf_addc(out, '=');
		buf_adds(out, a->values[i].text);
	}
}

bool auth_writes_body(const struct auth *a)
{
	return strcmp(a->scheme->type, "body") == 0;
}

int auth_apply(struct auth *a, struct auth_request *rq, struct buf *err)
{
	if (a->proof.len)
		auth_put_query(rq, STR("appsecret_proof"), buf_str(&a->proof),
			       a->show);
	return a->scheme->apply(a, rq, err);
}

struct oauth *auth_tokens(struct auth *a)
{
	return a->oauth;
}
