/* SPDX-License-Identifier: MIT */
#include "tests/mock/lib/tokens.h"

#include <openssl/evp.h>
#include <openssl/pem.h>

#include "common/clock.h"
#include "common/enc.h"
#include "common/file.h"
#include "common/json.h"
#include "common/msg.h"

#define JWT_GRANT "urn:ietf:params:oauth:grant-type:jwt-bearer"
#define STS_GRANT "urn:ietf:params:oauth:grant-type:token-exchange"
#define TOKEN_TYPE "urn:ietf:params:oauth:token-type:"
#define ACCOUNTS "/v1/projects/-/serviceAccounts/"
#define SCOPES "https://www.googleapis.com/auth/"

void tokens_opts(struct tokens *t, struct opt *out)
{
	const struct opt opts[TOKENS_N_OPTS] = {
		{ 0, "key", OPT_STR, &t->key_file, "FILE",
		  "the public key of assertions" },
		{ 0, "issuer", OPT_STR, &t->issuer, "TEXT", "their iss" },
		{ 0, "audience", OPT_STR, &t->audience, "TEXT", "their aud" },
		{ 0, "subject", OPT_STR, &t->subject, "TEXT", "their sub" },
		{ 0, "scope", OPT_STR, &t->scope, "TEXT", "asked for" },
		{ 0, "client", OPT_STR, &t->client, "ID", "of the client" },
		{ 0, "client-secret", OPT_STR, &t->secret, "TEXT",
		  "of the client" },
		{ 0, "client-auth", OPT_STR, &t->how, "HOW", "basic or body" },
		{ 0, "refresh", OPT_STR, &t->refresh, "TEXT",
		  "the first refresh token" },
		{ 0, "header", OPT_STR, &t->header, "NAME", "of a token" },
		{ 0, "prefix", OPT_STR, &t->prefix, "TEXT", "of a token" },
		{ 0, "demand", OPT_STR, &t->demand, "NAME=VALUE",
		  "a member that the form must have" },
		{ 0, "rotate", OPT_FLAG, &t->rotate, NULL,
		  "a refresh token is good once" },
		{ 0, "metadata", OPT_FLAG, &t->metadata, NULL,
		  "be a metadata server too" },
		{ 0, "uses", OPT_COUNT, &t->uses, "N",
		  "requests that a token is good for" },
		{ 0, "sts", OPT_STR, &t->sts, "AUDIENCE",
		  "exchange tokens at /sts" },
		{ 0, "subject-file", OPT_STR, &t->subject_file, "FILE",
		  "what /subject gives, in JSON" },
		{ 0, "act-as", OPT_STR, &t->act_as, "EMAIL",
		  "only this account's tokens are good" },
	};

	memcpy(out, opts, sizeof opts);
}

/* ---- forms ---- */

static void decode(struct buf *out, struct str text)
{
	for (size_t i = 0; i < text.n; i++) {
		char pair[3] = { 0 };

		if (text.s[i] == '%' && i + 2 < text.n) {
			pair[0] = text.s[i + 1];
			pair[1] = text.s[i + 2];
			buf_addc(out, (char)strtol(pair, NULL, 16));
			i += 2;
		} else {
			buf_addc(out, text.s[i] == '+' ? ' ' : text.s[i]);
		}
	}
}

/* False: the form has no such member. */
static bool form_get(struct str form, const char *name, struct buf *out)
{
	struct str part, key;

	buf_reset(out);
	while (form.n && str_split(&form, '&', &part)) {
		str_split(&part, '=', &key);
		if (!str_is(key, name))
			continue;
		decode(out, part.s ? part : STR(""));
		return true;
	}
	return false;
}

/* ---- JWT ---- */

static bool signature_fits(struct str text, struct str mac, const char *path)
{
	FILE *f = fopen(path, "r");
	EVP_PKEY *key = f ? PEM_read_PUBKEY(f, NULL, NULL, NULL) : NULL;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	struct buf raw = BUF_INIT;
	bool fits;

	if (!key)
		die(EX_NOINPUT, "%s: no public key", path);
	fclose(f);
	fits = dec_base64(&raw, mac) == 0 &&
	       EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, key) == 1 &&
	       EVP_DigestVerify(ctx, (uint8_t *)raw.data, raw.len,
				(const uint8_t *)text.s, text.n) == 1;
	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(key);
	buf_release(&raw);
	return fits;
}

static bool claim_is(struct str claims, const char *name, const char *want)
{
	struct str v = json_get(claims, name);

	return !want || (v.s && json_text_is(v, want));
}

static int64_t claim_number(struct str claims, const char *name)
{
	struct str v = json_get(claims, name);
	uint64_t n;

	return v.s && str_to_u64(v, &n) == 0 ? (int64_t)n : -1;
}

static const char *claims_fault(struct str c, const struct claims *want)
{
	int64_t now = clock_now_ms() / 1000, iat = claim_number(c, "iat");
	int64_t exp = claim_number(c, "exp");

	if (!claim_is(c, "iss", want->iss))
		return "iss is not known";
	if (!claim_is(c, "aud", want->aud))
		return "aud is not this endpoint";
	if (!claim_is(c, "sub", want->sub))
		return "sub is not known";
	if (!claim_is(c, "scope", want->scope))
		return "scope is not allowed";
	if (iat < 0 || exp < 0)
		return "iat or exp is missing, or no count of seconds";
	if (iat > now + 60)
		return "iat is in the future";
	if (exp <= now)
		return "expired";
	if (exp - iat > want->most_s)
		return "exp is too far away";
	return NULL;
}

static const char *parts_fault(struct str head, struct str body, struct str all,
			       struct str mac, const char *key_file,
			       const struct claims *want, struct buf *text)
{
	struct json_fault f;
	struct str v;

	if (dec_base64(text, head) < 0 ||
	    json_check(buf_str(text), &v, &f) < 0 ||
	    json_type(v) != JSON_OBJECT || !claim_is(v, "alg", "RS256") ||
	    !claim_is(v, "typ", "JWT"))
		return "not an RS256 JWT";
	if (!signature_fits(all, mac, key_file))
		return "the signature does not fit";
	buf_reset(text);
	if (dec_base64(text, body) < 0 ||
	    json_check(buf_str(text), &v, &f) < 0 ||
	    json_type(v) != JSON_OBJECT)
		return "the claims are no object";
	return claims_fault(v, want);
}

const char *tokens_jwt_fault(struct str token, const char *key_file,
			     const struct claims *want)
{
	struct str rest = token, head, body, mac, all;
	struct buf text = BUF_INIT;
	const char *fault = "not a JWT";

	if (str_split(&rest, '.', &head) && str_split(&rest, '.', &body) &&
	    str_split(&rest, '.', &mac) && !rest.s) {
		all = (struct str){ token.s, (size_t)(mac.s - token.s) - 1 };
		fault =
		    parts_fault(head, body, all, mac, key_file, want, &text);
	}
	buf_release(&text);
	return fault;
}

/* ---- the endpoint ---- */

static void refuse(struct answer *a, int status, const char *error,
		   const char *why)
{
	struct buf b = BUF_INIT;
	time_t now = time(NULL);
	char date[40];
	struct tm tm;

	strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT",
		 gmtime_r(&now, &tm));
	buf_addf(&b, "{\"error\":\"%s\",\"error_description\":\"%s\"}", error,
		 why);
	answer_json(a, status, buf_str(&b));
	answer_header(a, "Date", date);
	buf_release(&b);
}

static bool basic_is(const struct tokens *t, const struct request *r)
{
	struct str given = request_header(r, "authorization");
	struct buf text = BUF_INIT, id = BUF_INIT, secret = BUF_INIT;
	struct str rest, name;
	bool good = false;

	if (str_starts(given, "Basic ") &&
	    dec_base64(&text, (struct str){ given.s + 6, given.n - 6 }) == 0) {
		rest = buf_str(&text);
		str_split(&rest, ':', &name);
		decode(&id, name);
		decode(&secret, rest.s ? rest : STR(""));
		good = strcmp(id.data, t->client) == 0 &&
		       strcmp(secret.data, t->secret) == 0;
	}
	buf_release(&text);
	buf_release(&id);
	buf_release(&secret);
	return good;
}

static bool client_is(const struct tokens *t, const struct request *r)
{
	struct buf id = BUF_INIT, secret = BUF_INIT;
	bool in_body = form_get(r->body, "client_secret", &secret);
	bool good;

	if (!t->client)
		return true;
	if (t->how && strcmp(t->how, "basic") == 0)
		good = !in_body && basic_is(t, r);
	else
		good = !request_header(r, "authorization").s && in_body &&
		       form_get(r->body, "client_id", &id) &&
		       strcmp(id.data, t->client) == 0 &&
		       strcmp(secret.data, t->secret) == 0;
	buf_release(&id);
	buf_release(&secret);
	return good;
}

static void make_token(struct tokens *t, const char *kind, struct buf *name)
{
	struct buf b = BUF_INIT;

	buf_addf(name, "%s-%" PRIu64, kind, ++t->n);
	buf_addf(&b, "%" PRId64,
		 t->lifetime_s ? clock_tick_ms() + (int64_t)t->lifetime_s * 1000
			       : INT64_MAX);
	ids_set(&t->issued, buf_str(name), buf_str(&b))->n = 0;
	buf_release(&b);
}

static void issue(struct tokens *t, struct answer *a, bool refreshed)
{
	struct buf b = BUF_INIT, name = BUF_INIT;

	make_token(t, t->act_as ? "other" : "token", &name);
	buf_addf(&b, "{\"access_token\":\"%s\",\"token_type\":\"Bearer\"",
		 name.data);
	if (t->lifetime_s)
		buf_addf(&b, ",\"expires_in\":%" PRIu64, t->lifetime_s);
	if (refreshed && t->rotate) {
		buf_reset(&t->current);
		buf_addf(&t->current, "refresh-%" PRIu64, t->n);
		buf_addf(&b, ",\"refresh_token\":\"%s\"", t->current.data);
	}
	buf_addf(&b, ",\"instance_url\":\"http://%.*s/instance\"}",
		 STR_ARG(t->host));
	answer_json(a, 200, buf_str(&b));
	buf_release(&b);
	buf_release(&name);
}

static bool form_demand(const struct tokens *t, struct str form)
{
	struct str want = str_of(t->demand), part;

	if (!t->demand)
		return true;
	while (form.n && str_split(&form, '&', &part))
		if (str_eq(part, want))
			return true;
	return false;
}

static void grant_jwt(struct tokens *t, const struct request *r,
		      struct answer *a, struct buf *v)
{
	struct claims want = { .iss = t->issuer,
			       .aud = t->audience,
			       .sub = t->subject,
			       .scope = t->act_as ? SCOPES "iam" : t->scope,
			       .most_s = 3600 };
	const char *fault;

	if (!t->key_file) {
		refuse(a, 400, "unsupported_grant_type", "no assertions here");
		return;
	}
	form_get(r->body, "assertion", v);
	fault = tokens_jwt_fault(buf_str(v), t->key_file, &want);
	if (fault)
		refuse(a, 400, "invalid_grant", fault);
	else
		issue(t, a, false);
}

static void grant(struct tokens *t, const struct request *r, struct answer *a)
{
	struct buf v = BUF_INIT, scope = BUF_INIT;

	form_get(r->body, "scope", &scope);
	form_get(r->body, "grant_type", &v);
	if (!str_is(request_header(r, "content-type"),
		    "application/x-www-form-urlencoded"))
		refuse(a, 400, "invalid_request", "not a form");
	else if (!client_is(t, r))
		refuse(a, 401, "invalid_client", "who are you?");
	else if (!form_demand(t, r->body))
		refuse(a, 400, "invalid_request", "a member is missing");
	else if (strcmp(v.data, JWT_GRANT) == 0)
		grant_jwt(t, r, a, &v);
	else if (t->scope && !t->act_as && strcmp(scope.data, t->scope) != 0)
		refuse(a, 400, "invalid_scope", "not this scope");
	else if (strcmp(v.data, "client_credentials") == 0 && t->client)
		issue(t, a, false);
	else if (strcmp(v.data, "refresh_token") == 0 && t->refresh &&
		 form_get(r->body, "refresh_token", &v) &&
		 str_eq(buf_str(&v), buf_str(&t->current)))
		issue(t, a, true);
	else if (strcmp(v.data, "refresh_token") == 0 || t->refresh)
		refuse(a, 400, "invalid_grant", "this token is dead");
	else
		refuse(a, 400, "unsupported_grant_type", "not here");
	buf_release(&v);
	buf_release(&scope);
}

static void metadata(struct tokens *t, const struct request *r,
		     struct answer *a)
{
	struct buf scopes = BUF_INIT;

	form_get(r->query, "scopes", &scopes);
	if (!str_is(request_header(r, "metadata-flavor"), "Google"))
		refuse(a, 403, "forbidden", "the header is missing");
	else if (t->scope && strcmp(scopes.data, t->scope) != 0)
		refuse(a, 403, "forbidden", "not this scope");
	else
		issue(t, a, false);
	answer_header(a, "Metadata-Flavor", "Google");
	buf_release(&scopes);
}

/* ---- tokens for tokens ---- */

static bool form_is(struct str form, const char *name, const char *want)
{
	struct buf v = BUF_INIT;
	bool is = form_get(form, name, &v) && strcmp(v.data, want) == 0;

	buf_release(&v);
	return is;
}

/* RFC 8693, as Google has it. */
static void exchange(struct tokens *t, const struct request *r,
		     struct answer *a)
{
	struct claims want = { .iss = t->issuer,
			       .aud = t->sts,
			       .most_s = 3600 };
	struct buf v = BUF_INIT;
	const char *fault;

	form_get(r->body, "subject_token", &v);
	fault = tokens_jwt_fault(buf_str(&v), t->key_file, &want);
	if (!form_is(r->body, "grant_type", STS_GRANT) ||
	    !form_is(r->body, "requested_token_type",
		     TOKEN_TYPE "access_token") ||
	    !form_is(r->body, "subject_token_type", TOKEN_TYPE "jwt"))
		refuse(a, 400, "invalid_request", "not an exchange");
	else if (!client_is(t, r))
		refuse(a, 401, "invalid_client", "who are you?");
	else if (!form_is(r->body, "audience", t->sts))
		refuse(a, 400, "invalid_target", "no such pool");
	else if (fault)
		refuse(a, 400, "invalid_grant", fault);
	else if (!form_is(r->body, "scope",
			  t->act_as ? SCOPES "cloud-platform" : t->scope))
		refuse(a, 400, "invalid_scope", "not this scope");
	else
		issue(t, a, false);
	buf_release(&v);
}

/* Its scopes, with blanks between them; false: it is not such a body. */
static bool act_as_scopes(struct str body, struct buf *out)
{
	struct str object, list, lifetime, v;
	struct json_fault f;
	struct json_iter it;

	if (json_check(body, &object, &f) < 0)
		return false;
	list = json_member(object, "scope", JSON_ARRAY);
	lifetime = json_member(object, "lifetime", JSON_STRING);
	if (!list.s || !json_all_strings(list) || !lifetime.s ||
	    !json_text_is(lifetime, "3600s"))
		return false;
	json_iter_init(&it, list);
	while (json_iter_element(&it, &v))
		buf_addf(out, "%s%.*s", out->len ? " " : "", (int)v.n - 2,
			 v.s + 1);
	return true;
}

static void act_as(struct tokens *t, const struct request *r, struct answer *a)
{
	struct buf scopes = BUF_INIT, name = BUF_INIT, b = BUF_INIT;
	struct buf path = BUF_INIT;
	struct str given = request_header(r, "authorization");
	bool known =
	    str_starts(given, "Bearer other-") &&
	    ids_find(&t->issued, (struct str){ given.s + 7, given.n - 7 });

	buf_addf(&path, ACCOUNTS "%s:generateAccessToken", t->act_as);
	if (!known || !str_is(r->path, path.data) ||
	    !str_is(request_header(r, "content-type"), "application/json")) {
		answer_json(a, 403,
			    STR("{\"error\":{\"code\":403,\"message\":"
				"\"Permission "
				"'iam.serviceAccounts.getAccessToken' denied\","
				"\"status\":\"PERMISSION_DENIED\"}}"));
	} else if (!act_as_scopes(r->body, &scopes) ||
		   (t->scope && strcmp(scopes.data, t->scope) != 0)) {
		answer_json(a, 400,
			    STR("{\"error\":{\"code\":400,\"message\":"
				"\"scope or lifetime\",\"status\":"
				"\"INVALID_ARGUMENT\"}}"));
	} else {
		make_token(t, "token", &name);
		buf_addf(&b,
			 "{\"accessToken\":\"%s\",\"expireTime\":"
			 "\"2099-01-01T00:00:00Z\"}",
			 name.data);
		answer_json(a, 200, buf_str(&b));
	}
	buf_release(&path);
	buf_release(&scopes);
	buf_release(&name);
	buf_release(&b);
}

/* As Azure's does. */
static void give_subject(struct tokens *t, const struct request *r,
			 struct answer *a)
{
	struct buf token = BUF_INIT, b = BUF_INIT, err = BUF_INIT;

	if (!str_is(request_header(r, "metadata"), "True")) {
		refuse(a, 400, "bad_request", "the header is missing");
	} else if (file_read(t->subject_file, 1 << 16, &token, &err) < 0) {
		refuse(a, 404, "not_found", "no identity");
	} else {
		buf_addz(&b, "{\"access_token\":");
		if (token.len && token.data[token.len - 1] == '\n')
			token.len--;
		json_put_str(&b, buf_str(&token));
		buf_addz(&b, ",\"token_type\":\"Bearer\"}");
		answer_json(a, 200, buf_str(&b));
	}
	buf_release(&token);
	buf_release(&b);
	buf_release(&err);
}

bool tokens_serve(struct tokens *t, const struct request *r, struct answer *a)
{
	t->host = request_header(r, "host");
	if (!t->current.data) {
		t->current = BUF_INIT;
		if (t->refresh)
			buf_addz(&t->current, t->refresh);
	}
	if (t->metadata && str_is(r->method, "GET") &&
	    str_is(r->path, "/computeMetadata/v1/instance/service-accounts/"
			    "default/token")) {
		metadata(t, r, a);
		return true;
	}
	if (t->sts && str_is(r->path, "/sts")) {
		exchange(t, r, a);
		return true;
	}
	if (t->subject_file && str_is(r->path, "/subject")) {
		give_subject(t, r, a);
		return true;
	}
	if (t->act_as && str_is(r->method, "POST") &&
	    str_starts(r->path, ACCOUNTS)) {
		act_as(t, r, a);
		return true;
	}
	if (!str_is(r->path, "/token"))
		return false;
	if (str_is(r->method, "POST"))
		grant(t, r, a);
	else
		refuse(a, 405, "invalid_request", "only POST");
	return true;
}

const char *tokens_fault(struct tokens *t, const struct request *r)
{
	struct str given =
	    request_header(r, t->header ? t->header : "authorization");
	const char *prefix = t->prefix ? t->prefix : "Bearer ";
	size_t n = strlen(prefix);
	struct id_entry *e;

	if (!str_starts(given, prefix))
		return "no token";
	e = ids_find(&t->issued, (struct str){ given.s + n, given.n - n });
	if (!e)
		return "this token is not known";
	if (str_starts(e->id, "other-"))
		return "this token is good for nothing here";
	if (clock_tick_ms() >= strtoll(e->value.s, NULL, 10))
		return "this token has expired";
	if (t->uses && e->n >= t->uses)
		return "this token has been revoked";
	e->n++;
	return NULL;
}

void tokens_release(struct tokens *t)
{
	ids_release(&t->issued);
	if (t->current.data)
		buf_release(&t->current);
}
