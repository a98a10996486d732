/* SPDX-License-Identifier: MIT */
/*
 * Schemes whose header carries an access token that has to be fetched first:
 * OAuth 2.0 with a client's secret or a refresh token, with a signed assertion,
 * and Google's default credentials. Fetching is the owner's (auth_tokens).
 */
#include "common/auth.h"

#include "common/enc.h"
#include "common/file.h"
#include "common/mem.h"
#include "common/msg.h"

#define MAX_KEY_FILE ((size_t)64 << 10)

/* Of how the header is written: some have words of their own for "Bearer". */
#define HEADER "header", "prefix"

/* The header's name and what stands before the token. */
static int prepare_header(struct auth *a, struct buf *err)
{
	struct str name = auth_get(a, "header");
	struct str prefix = auth_get(a, "prefix");

	for (size_t i = 0; i < name.n; i++)
		if (!isalnum((uint8_t)name.s[i]) && name.s[i] != '-')
			return fail(err, "auth: header is not a header's name");
	for (size_t i = 0; i < prefix.n; i++)
		if (iscntrl((uint8_t)prefix.s[i]))
			return fail(err, "auth: prefix has a control character "
					 "in it");
	if (name.n)
		buf_adds(&a->key, name);
	else
		buf_addz(&a->key, "authorization");
	buf_addz(&a->key, ": ");
	if (prefix.s)
		buf_adds(&a->key, prefix);
	else
		buf_addz(&a->key, "Bearer ");
	return 0;
}

static int token_apply(struct auth *a, struct auth_request *rq, struct buf *err)
{
	struct str quota;

	(void)err;
	buf_adds(rq->headers, buf_str(&a->key));
	if (a->show) {
		buf_addz(rq->headers, "\1access token\2\n");
		return 0;
	}
	buf_adds(rq->headers, oauth_token(a->oauth));
	buf_addc(rq->headers, '\n');
	quota = oauth_quota_project(a->oauth);
	if (quota.n)
		auth_put_header(rq, "x-goog-user-project", quota);
	return 0;
}

/* "form.audience": further members of the request for a token. */
static void put_form(const struct auth *a, struct buf *out)
{
	for (size_t i = 0; i < a->n_values; i++) {
		struct str name = a->values[i].name;

		if (!str_starts(name, "form.") || !a->values[i].text.n)
			continue;
		name = (struct str){ name.s + 5, name.n - 5 };
		if (out->len)
			buf_addc(out, '&');
		enc_percent(out, name);
		buf_addc(out, '=');
		enc_percent(out, a->values[i].text);
	}
}

static int take_client(struct auth *a, struct oauth_opts *o, struct buf *err)
{
	struct str how = auth_get(a, "client_auth");

	o->token_url = auth_get(a, "token_url");
	o->client_id = auth_get(a, "client_id");
	o->client_secret = auth_get(a, "client_secret");
	o->scope = auth_get(a, "scope");
	o->basic = str_is(how, "basic");
	if (how.n && !o->basic && !str_is(how, "body"))
		return fail(err, "auth: client_auth is basic or body");
	return 0;
}

static int make_tokens(struct auth *a, struct oauth_opts *o, struct buf *err)
{
	struct buf form = BUF_INIT, why = BUF_INIT;

	put_form(a, &form);
	o->form = buf_str(&form);
	a->oauth = oauth_new(o, &why);
	if (!a->oauth)
		fail(err, "auth: %s", why.data);
	buf_release(&form);
	buf_release(&why);
	return a->oauth ? 0 : -1;
}

/* ---- oauth2 ---- */

static int oauth2_prepare(struct auth *a, struct buf *err)
{
	struct str grant = auth_get(a, "grant");
	struct str file = auth_get(a, "refresh_token_file");
	struct str member = auth_get(a, "refresh_token_member");
	struct oauth_opts o = { .grant = OAUTH_CLIENT_CREDENTIALS };
	char *path = NULL, *name = NULL;
	int ret = -1;

	if (prepare_header(a, err) < 0)
		return -1;
	if (str_is(grant, "refresh_token"))
		o.grant = OAUTH_REFRESH_TOKEN;
	else if (!str_is(grant, "client_credentials"))
		return fail(err, "auth: grant is client_credentials or "
				 "refresh_token");
	if (a->show)
		return 0;
	if (file.n)
		o.refresh_file = path = xstrndup(file.s, file.n);
	if (member.n)
		o.refresh_member = name = xstrndup(member.s, member.n);
	o.refresh_token = auth_get(a, "refresh_token");
	if (take_client(a, &o, err) == 0)
		ret = make_tokens(a, &o, err);
	free(path);
	free(name);
	return ret;
}

const struct auth_scheme auth_oauth2 = {
	.type = "oauth2",
	.needs = { "grant", "token_url" },
	.takes = { "client_id", "client_secret", "client_auth", "scope",
		   "refresh_token", "refresh_token_file",
		   "refresh_token_member", "form.", HEADER },
	.prepare = oauth2_prepare,
	.apply = token_apply,
};

/* ---- jwt-bearer ---- */

/* The key itself, or the file that it is in. */
static int read_key(struct auth *a, struct buf *pem, struct buf *err)
{
	struct str key = auth_get(a, "key"), file = auth_get(a, "key_file");
	struct buf why = BUF_INIT;
	char *path;
	int ret;

	if (key.n) {
		buf_adds(pem, key);
		return 0;
	}
	if (!file.n)
		return fail(err, "auth: jwt-bearer needs \"key\" or "
				 "\"key_file\"");
	path = xstrndup(file.s, file.n);
	ret = file_read(path, MAX_KEY_FILE, pem, &why);
	if (ret < 0) {
		a->status = EX_NOPERM;
		fail(err, "auth: key_file: %s", why.data);
	}
	free(path);
	buf_release(&why);
	return ret;
}

static int jwt_prepare(struct auth *a, struct buf *err)
{
	struct str lifetime = auth_get(a, "lifetime");
	struct oauth_opts o = { .grant = OAUTH_JWT_BEARER };
	struct buf pem = BUF_INIT;
	uint64_t s = 0;
	int ret = -1;

	if (prepare_header(a, err) < 0)
		return -1;
	if (lifetime.n && (str_to_u64(lifetime, &s) < 0 || !s || s > 3600))
		return fail(err, "auth: lifetime is seconds, 3600 at most");
	if (a->show)
		return 0;
	o.lifetime_s = (int64_t)s;
	o.kid = auth_get(a, "kid");
	o.iss = auth_get(a, "iss");
	o.sub = auth_get(a, "sub");
	o.aud = auth_get(a, "aud");
	if (auth_get(a, "passphrase").n)
		o.passphrase = auth_get(a, "passphrase");
	if (take_client(a, &o, err) == 0 && read_key(a, &pem, err) == 0) {
		o.key = buf_str(&pem);
		ret = make_tokens(a, &o, err);
		if (ret < 0)
			a->status = EX_NOPERM;
	}
	explicit_bzero(pem.data, pem.len);
	buf_release(&pem);
	return ret;
}

const struct auth_scheme auth_jwt_bearer = {
	.type = "jwt-bearer",
	.needs = { "token_url", "iss", "aud" },
	.takes = { "key", "key_file", "passphrase", "kid", "sub", "scope",
		   "lifetime", "client_id", "client_secret", "client_auth",
		   "form.", HEADER },
	.prepare = jwt_prepare,
	.apply = token_apply,
};

/* ---- google ---- */

static int google_prepare(struct auth *a, struct buf *err)
{
	struct str file = auth_get(a, "credentials");
	struct buf why = BUF_INIT;
	char *path;

	if (prepare_header(a, err) < 0)
		return -1;
	if (a->show)
		return 0;
	path = file.n ? xstrndup(file.s, file.n) : NULL;
	a->oauth = oauth_google(path, auth_get(a, "scopes"),
				auth_get(a, "subject"), &a->status, &why);
	free(path);
	if (!a->oauth)
		fail(err, "auth: %s", why.data);
	buf_release(&why);
	return a->oauth ? 0 : -1;
}

const struct auth_scheme auth_google = {
	.type = "google",
	.needs = { "scopes" },
	.takes = { "credentials", "subject" },
	.prepare = google_prepare,
	.apply = token_apply,
};
