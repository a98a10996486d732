/* SPDX-License-Identifier: MIT */
#include "common/oauth_private.h"

#include "common/clock.h"
#include "common/enc.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/msg.h"
#include "common/retry.h"

#define GRANT_JWT "urn:ietf:params:oauth:grant-type:jwt-bearer"
#define MAX_WORDS 300 /* bytes of what the endpoint says */
/* This long before a token expires a new one is asked for, at most. */
#define EARLY_MS ((int64_t)120 * 1000)
#define BUSY_MS 100 /* until another process may have renewed the token */

/* ---- making and ending ---- */

static char *copy(struct str s)
{
	return s.n ? xstrndup(s.s, s.n) : NULL;
}

/* "localhost", "127.0.0.1:80": bytes that do not leave the machine. */
static bool is_near(const char *host)
{
	static const char *const near[] = { "127.0.0.1", "localhost", "[::1]" };

	for (size_t i = 0; i < ARRAY_LEN(near); i++) {
		size_t n = strlen(near[i]);

		if (strncmp(host, near[i], n) == 0 &&
		    (!host[n] || strchr(":/", host[n])))
			return true;
	}
	return false;
}

/* Secrets go there: only over TLS, or to this very machine. */
static int check_url(const struct oauth *o, struct buf *err)
{
	const char *url = o->token_url ? o->token_url : "";

	if (strncmp(url, "https://", 8) == 0 ||
	    (strncmp(url, "http://", 7) == 0 &&
	     (is_near(url + 7) || o->grant == OAUTH_METADATA)))
		return 0;
	return fail(err, "token_url: not an https URL");
}

static int check_grant(const struct oauth *o, struct buf *err)
{
	switch (o->grant) {
	case OAUTH_CLIENT_CREDENTIALS:
		if (!o->client_id || !o->client_secret)
			return fail(err, "client_credentials needs client_id "
					 "and client_secret");
		break;
	case OAUTH_REFRESH_TOKEN:
		if (!o->refresh.len && !o->file.path)
			return fail(err, "refresh_token needs a refresh token, "
					 "or the file of one");
		break;
	case OAUTH_JWT_BEARER:
		if (!o->iss || !o->aud)
			return fail(err, "jwt-bearer needs iss and aud");
		break;
	default:
		break;
	}
	if (o->basic && (!o->client_id || !o->client_secret))
		return fail(err, "the client's id and secret are needed for "
				 "its header");
	return 0;
}

static void hide(const char *secret)
{
	if (secret)
		msg_hide(secret, strlen(secret));
}

struct oauth *oauth_new(const struct oauth_opts *opts, struct buf *err)
{
	struct oauth *o = xcalloc(1, sizeof *o);

	*o = (struct oauth){
		.grant = opts->grant,
		.token_url = copy(opts->token_url),
		.client_id = copy(opts->client_id),
		.client_secret = copy(opts->client_secret),
		.scope = copy(opts->scope),
		.form = copy(opts->form),
		.basic = opts->basic,
		.refresh = BUF_INIT,
		.file = { .path = opts->refresh_file
				      ? xstrdup(opts->refresh_file)
				      : NULL,
			  .member = opts->refresh_member
					? xstrdup(opts->refresh_member)
					: NULL,
			  .lock = -1 },
		.kid = copy(opts->kid),
		.iss = copy(opts->iss),
		.sub = copy(opts->sub),
		.aud = copy(opts->aud),
		.lifetime_s = opts->lifetime_s ? opts->lifetime_s : 180,
		.state = OAUTH_NEEDED,
		.plan = { 5, 1000, 20000 },
		.token = BUF_INIT,
		.answer = BUF_INIT,
		.body = BUF_INIT,
		.header = BUF_INIT,
		.err = BUF_INIT,
	};
	buf_adds(&o->refresh, opts->refresh_token);
	hide(o->client_secret);
	msg_hide(o->refresh.data, o->refresh.len);
	if (check_url(o, err) < 0 || check_grant(o, err) < 0)
		goto bad;
	if (o->grant == OAUTH_JWT_BEARER) {
		o->key = jwt_key_new(opts->key, opts->passphrase, err);
		if (!o->key)
			goto bad;
	}
	return o;
bad:
	oauth_free(o);
	return NULL;
}

void oauth_set_retry(struct oauth *o, const struct retry_plan *plan)
{
	o->plan = *plan;
}

static void free_secret(struct buf *b)
{
	explicit_bzero(b->data, b->len);
	buf_release(b);
}

void oauth_free(struct oauth *o)
{
	if (!o)
		return;
	free(o->token_url);
	free(o->client_id);
	if (o->client_secret)
		explicit_bzero(o->client_secret, strlen(o->client_secret));
	free(o->client_secret);
	free(o->scope);
	free(o->form);
	free(o->kid);
	free(o->iss);
	free(o->sub);
	free(o->aud);
	free(o->quota_project);
	keepfile_release(&o->file);
	jwt_key_free(o->key);
	free_secret(&o->refresh);
	free_secret(&o->token);
	free_secret(&o->answer);
	free_secret(&o->body);
	free_secret(&o->header);
	buf_release(&o->err);
	free(o);
}

/* ---- asking ---- */

enum oauth_state oauth_state(const struct oauth *o, int64_t tick_ms)
{
	if (o->state == OAUTH_FETCHING || o->state == OAUTH_FAILED)
		return o->state;
	if (o->generation && !o->denied) {
		if (tick_ms < o->renew_at)
			return OAUTH_READY;
		/* It could not be renewed early: it still holds. */
		if (tick_ms < o->not_before && tick_ms < o->expires_at)
			return OAUTH_READY;
	}
	return tick_ms < o->not_before ? OAUTH_LATER : OAUTH_NEEDED;
}

int64_t oauth_wait_ms(const struct oauth *o, int64_t tick_ms)
{
	return MAX(o->not_before - tick_ms, 0);
}

static void put_member(struct buf *form, const char *name, const char *value)
{
	if (!value)
		return;
	buf_addf(form, "%s%s=", form->len ? "&" : "", name);
	enc_percent(form, str_of(value));
}

static void put_claim(struct buf *claims, const char *name, const char *value)
{
	if (!value)
		return;
	buf_addf(claims, "%s\"%s\":", claims->len > 1 ? "," : "", name);
	json_put_strz(claims, value);
}

static void put_assertion(struct oauth *o, int64_t now_ms)
{
	struct buf claims = BUF_INIT, token = BUF_INIT;
	int64_t now = now_ms / 1000;

	buf_addc(&claims, '{');
	put_claim(&claims, "iss", o->iss);
	put_claim(&claims, "sub", o->sub);
	put_claim(&claims, "aud", o->aud);
	put_claim(&claims, "scope", o->scope);
	buf_addf(&claims, ",\"iat\":%" PRId64 ",\"exp\":%" PRId64 "}", now,
		 now + o->lifetime_s);
	jwt_put(&token, o->key, str_of(o->kid), buf_str(&claims));
	msg_hide(token.data, token.len);
	put_member(&o->body, "assertion", token.data);
	free_secret(&token);
	buf_release(&claims);
}

static void put_form(struct oauth *o, int64_t now_ms)
{
	static const char *const names[] = {
		[OAUTH_CLIENT_CREDENTIALS] = "client_credentials",
		[OAUTH_REFRESH_TOKEN] = "refresh_token",
		[OAUTH_JWT_BEARER] = GRANT_JWT,
	};

	buf_reset(&o->body);
	put_member(&o->body, "grant_type", names[o->grant]);
	if (o->grant == OAUTH_JWT_BEARER)
		put_assertion(o, now_ms);
	else
		put_member(&o->body, "scope", o->scope);
	if (o->grant == OAUTH_REFRESH_TOKEN)
		put_member(&o->body, "refresh_token", o->refresh.data);
	if (!o->basic) {
		put_member(&o->body, "client_id", o->client_id);
		put_member(&o->body, "client_secret", o->client_secret);
	}
	if (o->form)
		buf_addf(&o->body, "&%s", o->form);
}

/* RFC 6749, 2.3.1: both are form-encoded before they are put together. */
static void put_basic(struct oauth *o)
{
	struct buf pair = BUF_INIT;

	enc_percent(&pair, str_of(o->client_id));
	buf_addc(&pair, ':');
	enc_percent(&pair, str_of(o->client_secret));
	buf_reset(&o->header);
	buf_addz(&o->header, "Authorization: Basic ");
	enc_base64(&o->header, pair.data, pair.len);
	msg_hide(o->header.data + 21, o->header.len - 21);
	free_secret(&pair);
}

static int give_up(struct oauth *o, int status)
{
	o->state = OAUTH_FAILED;
	o->status = status;
	return -1;
}

/* 1: another process is at it. */
static int read_refresh_token(struct oauth *o, int64_t tick_ms)
{
	int got;

	if (o->grant != OAUTH_REFRESH_TOKEN || !o->file.path || o->unsaved)
		return 0;
	got = keepfile_take(&o->file, &o->refresh, &o->err);
	if (got == 1)
		o->not_before = tick_ms + BUSY_MS;
	if (got < 0)
		return give_up(o, EX_NOINPUT);
	msg_hide(o->refresh.data, o->refresh.len);
	return got;
}

int oauth_begin(struct oauth *o, int64_t tick_ms, int64_t now_ms,
		struct oauth_request *rq)
{
	int got;

	*rq = (struct oauth_request){ .method = "POST", .url = o->token_url };
	buf_reset(&o->err);
	got = read_refresh_token(o, tick_ms);
	if (got)
		return -1;
	o->state = OAUTH_FETCHING;
	rq->headers[rq->n_headers++] = "Accept: application/json";
	if (o->grant == OAUTH_METADATA) {
		rq->method = "GET";
		rq->headers[rq->n_headers++] = "Metadata-Flavor: Google";
		return 0;
	}
	put_form(o, now_ms);
	rq->headers[rq->n_headers++] =
	    "Content-Type: application/x-www-form-urlencoded";
	if (o->basic) {
		put_basic(o);
		rq->headers[rq->n_headers++] = o->header.data;
	}
	rq->body = buf_str(&o->body);
	return 0;
}

/* ---- the answer: no ---- */

static struct str header_of(struct str lines, const char *name)
{
	size_t n = strlen(name);
	struct str line;

	while (str_split(&lines, '\n', &line))
		if (line.n > n && line.s[n] == ':' && str_starts(line, name))
			return str_trim(
			    (struct str){ line.s + n + 1, line.n - n - 1 });
	return STR_NONE;
}

/* Printable, short, and without what must not be seen. */
static void put_words(struct buf *out, struct str text)
{
	size_t at = out->len;

	for (size_t i = 0; i < MIN(text.n, MAX_WORDS); i++)
		buf_addc(out, (uint8_t)text.s[i] < 0x20 ? ' ' : text.s[i]);
	msg_blank(out->data + at, out->len - at);
}

static void member_text(struct str object, const char *name, struct buf *out)
{
	struct str v = json_type(object) == JSON_OBJECT ? json_get(object, name)
							: STR_NONE;

	if (v.s && json_type(v) == JSON_STRING)
		json_unescape(out, (struct str){ v.s + 1, v.n - 2 });
}

static const char *advice(const struct oauth *o, struct str code)
{
	if (str_is(code, "invalid_grant") && o->grant == OAUTH_JWT_BEARER)
		return "the key may have been revoked, or belong to another "
		       "account, the account may be disabled or may not have "
		       "been given leave, or the clock of this machine is "
		       "wrong";
	if (str_is(code, "invalid_grant"))
		return "the refresh token has expired, was revoked, or has "
		       "been used by someone else: authorize again";
	if (str_is(code, "invalid_client") ||
	    str_is(code, "invalid_client_id") || str_is(code, "unauthorized"))
		return "check the client's id and secret, and how they are "
		       "sent (client_auth)";
	if (str_is(code, "invalid_scope"))
		return "check scope";
	if (str_is(code, "unauthorized_client"))
		return "this client has not been given leave for this grant";
	if (str_is(code, "unsupported_grant_type"))
		return "check token_url and grant";
	return "check token_url and the credentials";
}

/* The clocks of the two, where that may be the reason. */
static void put_skew(struct oauth *o, const struct oauth_answer *a,
		     int64_t now_ms)
{
	int64_t theirs = retry_after_ms(header_of(a->headers, "date"), 0);
	int64_t skew;

	if (theirs <= 0)
		return;
	skew = (now_ms - theirs) / 1000;
	if (skew > 60 || skew < -60)
		buf_addf(&o->err, " (it is %" PRId64 " s %s theirs)",
			 skew < 0 ? -skew : skew,
			 skew < 0 ? "behind" : "ahead of");
}

static void take_refusal(struct oauth *o, const struct oauth_answer *a,
			 struct str json, int64_t now_ms)
{
	struct buf code = BUF_INIT, words = BUF_INIT;

	if (json.s) {
		member_text(json, "error", &code);
		member_text(json, "error_description", &words);
	}
	buf_reset(&o->err);
	buf_addf(&o->err, "%s: HTTP %ld", o->token_url, a->status);
	if (code.len) {
		buf_addc(&o->err, ' ');
		put_words(&o->err, buf_str(&code));
	}
	if (words.len) {
		buf_addz(&o->err, ": ");
		put_words(&o->err, buf_str(&words));
	}
	buf_addf(&o->err, ": %s", advice(o, buf_str(&code)));
	if (o->grant == OAUTH_JWT_BEARER)
		put_skew(o, a, now_ms);
	buf_release(&code);
	buf_release(&words);
	give_up(o, EX_NOPERM);
}

/* No answer, or one that says "not now". */
static void take_trouble(struct oauth *o, const struct oauth_answer *a,
			 int64_t tick_ms, int64_t now_ms)
{
	int64_t hint =
	    retry_after_ms(header_of(a->headers, "retry-after"), now_ms);

	o->n_tries++;
	buf_reset(&o->err);
	buf_addf(&o->err, "%s: ", o->token_url);
	if (a->status)
		buf_addf(&o->err, "HTTP %ld", a->status);
	else
		put_words(&o->err, str_of(a->why));
	if (o->n_tries >= o->plan.attempts &&
	    !(o->generation && !o->denied && tick_ms < o->expires_at)) {
		if (o->grant == OAUTH_METADATA && !o->generation)
			buf_addz(&o->err,
				 ": no credentials of Google are to be found: "
				 "set GOOGLE_APPLICATION_CREDENTIALS to a "
				 "service account's key file, or say gcloud "
				 "auth application-default login");
		give_up(o, a->status ? EX_TEMPFAIL : EX_UNAVAILABLE);
		return;
	}
	o->state = OAUTH_NEEDED;
	o->not_before =
	    tick_ms + MAX(retry_delay_ms(&o->plan, o->n_tries), hint);
	msg_debug("%s, asking again", o->err.data);
}

/* ---- the answer: yes ---- */

/*
 * Seconds, as a number or a text of one; 0: it does not say. Some endpoints
 * say 0 of a token that does not expire: one that had expired as it came would
 * be asked for without an end.
 */
static int64_t lifetime(struct str object)
{
	struct str v = json_get(object, "expires_in");
	uint64_t s;

	if (v.s && json_type(v) == JSON_STRING)
		v = (struct str){ v.s + 1, v.n - 2 };
	/* "3599.5" too: whole seconds count. */
	for (size_t i = 0; v.s && i < v.n; i++)
		if (v.s[i] == '.')
			v.n = i;
	if (!v.s || str_to_u64(v, &s) < 0 || s > INT32_MAX)
		return 0;
	return (int64_t)s;
}

static void set_expiry(struct oauth *o, struct str object, int64_t tick_ms)
{
	int64_t ms = lifetime(object);

	o->expires_at = o->renew_at = INT64_MAX;
	if (!ms)
		return;
	ms *= 1000;
	o->expires_at = tick_ms + ms;
	o->renew_at = o->expires_at - MIN(EARLY_MS, ms / 4);
}

static void keep_refresh_token(struct oauth *o, struct str object)
{
	struct buf next = BUF_INIT, err = BUF_INIT;

	member_text(object, "refresh_token", &next);
	if (o->grant == OAUTH_REFRESH_TOKEN && next.len &&
	    !str_eq(buf_str(&next), buf_str(&o->refresh))) {
		free_secret(&o->refresh);
		o->refresh = BUF_INIT;
		buf_adds(&o->refresh, buf_str(&next));
		msg_hide(next.data, next.len);
		o->unsaved = o->file.path != NULL;
		if (!o->unsaved)
			msg_warn("%s gives a new refresh token, which is not "
				 "kept, since the old one came from no file: "
				 "put it into one (refresh_token_file, or "
				 "--settings FILE)",
				 o->token_url);
		if (oauth_save(o, &err) < 0)
			msg_error("the new refresh token cannot be kept, and "
				  "the old one may be dead: %s",
				  err.data);
	}
	free_secret(&next);
	buf_release(&err);
}

int oauth_save(struct oauth *o, struct buf *err)
{
	if (!o->unsaved)
		return 0;
	if (keepfile_put(&o->file, buf_str(&o->refresh), err) < 0)
		return -1;
	o->unsaved = false;
	return 0;
}

static void take_token(struct oauth *o, struct str object, int64_t tick_ms)
{
	struct buf token = BUF_INIT;

	member_text(object, "access_token", &token);
	free_secret(&o->token);
	o->token = token;
	msg_hide(o->token.data, o->token.len);
	buf_reset(&o->answer);
	buf_adds(&o->answer, object);
	set_expiry(o, object, tick_ms);
	keep_refresh_token(o, object);
	o->generation++;
	o->denied = false;
	o->n_tries = 0;
	o->state = OAUTH_READY;
	msg_debug("%s: a token for %" PRId64 " s", o->token_url,
		  o->expires_at == INT64_MAX
		      ? (int64_t)-1
		      : (o->expires_at - tick_ms) / 1000);
}

/* It goes into a header. */
static bool is_token(struct str object)
{
	struct buf token = BUF_INIT;
	bool good;

	member_text(object, "access_token", &token);
	good = token.len > 0;
	for (size_t i = 0; i < token.len; i++)
		good &= (uint8_t)token.data[i] > 0x20 &&
			(uint8_t)token.data[i] < 0x7f;
	free_secret(&token);
	return good;
}

void oauth_take(struct oauth *o, const struct oauth_answer *a, int64_t tick_ms,
		int64_t now_ms)
{
	struct json_fault f;
	struct str json = STR_NONE;

	if (a->body.n && json_check(a->body, &json, &f) < 0)
		json = STR_NONE;
	if (a->untrusted) {
		buf_reset(&o->err);
		buf_addf(&o->err, "%s: the certificate is not trusted: %s",
			 o->token_url, a->why);
		give_up(o, EX_UNAVAILABLE);
	} else if (!a->status || a->status == 408 || a->status == 429 ||
		   a->status >= 500 ||
		   (a->status < 300 && !json.s &&
		    o->n_tries + 1 < o->plan.attempts)) {
		/* A page of words may be a gateway's, for a while. */
		take_trouble(o, a, tick_ms, now_ms);
	} else if (a->status >= 200 && a->status < 300 && json.s &&
		   is_token(json) &&
		   (o->grant != OAUTH_METADATA ||
		    str_is(header_of(a->headers, "metadata-flavor"),
			   "Google"))) {
		take_token(o, json, tick_ms);
	} else {
		take_refusal(o, a, json, now_ms);
	}
	keepfile_drop(&o->file);
}

/* ---- reading ---- */

int oauth_status(const struct oauth *o)
{
	return o->status;
}

const char *oauth_error(const struct oauth *o)
{
	return o->err.data;
}

struct str oauth_token(const struct oauth *o)
{
	return buf_str(&o->token);
}

struct str oauth_answer(const struct oauth *o)
{
	return o->answer.len ? buf_str(&o->answer) : STR("{}");
}

uint64_t oauth_generation(const struct oauth *o)
{
	return o->generation;
}

struct str oauth_quota_project(const struct oauth *o)
{
	return str_of(o->quota_project);
}

void oauth_refused(struct oauth *o, uint64_t generation)
{
	if (generation == o->generation)
		o->denied = true;
}
