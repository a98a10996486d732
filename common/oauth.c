/* SPDX-License-Identifier: MIT */
#include "common/oauth_private.h"

#include "common/clock.h"
#include "common/enc.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/msg.h"
#include "common/retry.h"
#include "common/url.h"

#define GRANT_JWT "urn:ietf:params:oauth:grant-type:jwt-bearer"
#define GRANT_EXCHANGE "urn:ietf:params:oauth:grant-type:token-exchange"
#define ACCESS_TOKEN "urn:ietf:params:oauth:token-type:access_token"
#define BUSY_MS 100  /* until another process may have renewed the token */
#define BUSY_TOLD 10 /* so often, until it is told what is waited for */

/* ---- making and ending ---- */

static char *copy(struct str s)
{
	return s.n ? xstrndup(s.s, s.n) : NULL;
}

/*
 * Secrets go there: only over TLS, or to this very machine. What issues tokens
 * to whoever asks from within a cloud's machine has no TLS.
 */
static int check_url(const struct oauth *o, struct buf *err)
{
	const char *url = o->token_url ? o->token_url : "";

	if (strncmp(url, "https://", 8) == 0 ||
	    (strncmp(url, "http://", 7) == 0 &&
	     (url_is_near(url + 7) || o->grant == OAUTH_METADATA ||
	      o->grant == OAUTH_ISSUER)))
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
		if (!o->given.len && !o->file.path)
			return fail(err, "refresh_token needs a refresh token, "
					 "or the file of one");
		break;
	case OAUTH_JWT_BEARER:
		if (!o->iss || !o->aud)
			return fail(err, "jwt-bearer needs iss and aud");
		break;
	case OAUTH_EXCHANGE:
		if (!o->aud || !o->subject_type)
			return fail(err, "an exchange needs an audience and "
					 "the subject token's type");
		break;
	default:
		break;
	}
	if (o->basic && (!o->client_id || !o->client_secret))
		return fail(err, "the client's id and secret are needed for "
				 "its header");
	return 0;
}

void oauth_hide(struct str secret)
{
	struct buf coded = BUF_INIT;

	enc_percent(&coded, secret);
	msg_hide(secret.s, secret.n);
	if (!str_eq(buf_str(&coded), secret))
		msg_hide(coded.data, coded.len);
	oauth_free_secret(&coded);
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
		.given = BUF_INIT,
		.file = { .lock = -1 },
		.kid = copy(opts->kid),
		.iss = copy(opts->iss),
		.sub = copy(opts->sub),
		.aud = copy(opts->aud),
		.source = opts->source,
		.subject_type = copy(opts->subject_type),
		.subject_member = copy(opts->subject_member),
		.headers = copy(opts->headers),
		.delegates = copy(opts->delegates),
		.lifetime_s = opts->lifetime_s ? opts->lifetime_s : 180,
		.state = OAUTH_NEEDED,
		.plan = { 5, 1000, 20000 },
		.token = BUF_INIT,
		.answer = BUF_INIT,
		.body = BUF_INIT,
		.header = BUF_INIT,
		.err = BUF_INIT,
	};
	if (opts->refresh_file)
		o->file.path = xstrdup(opts->refresh_file);
	if (opts->refresh_file && opts->refresh_member)
		o->file.member = xstrdup(opts->refresh_member);
	if (opts->subject_file) {
		o->file.path = xstrdup(opts->subject_file);
		o->file.member = copy(opts->subject_member);
	}
	buf_adds(&o->given, opts->refresh_token);
	oauth_hide(str_of(o->client_secret));
	oauth_hide(buf_str(&o->given));
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
	if (o->source)
		oauth_set_retry(o->source, plan);
}

void oauth_free_secret(struct buf *b)
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
	oauth_free(o->source);
	free(o->subject_type);
	free(o->subject_member);
	free(o->headers);
	free(o->delegates);
	keepfile_release(&o->file);
	jwt_key_free(o->key);
	oauth_free_secret(&o->given);
	oauth_free_secret(&o->token);
	oauth_free_secret(&o->answer);
	oauth_free_secret(&o->body);
	oauth_free_secret(&o->header);
	buf_release(&o->err);
	free(o);
}

/* ---- asking ---- */

bool oauth_holds(const struct oauth *o, int64_t tick_ms)
{
	return o->generation && !o->denied && tick_ms < o->expires_at;
}

static enum oauth_state own_state(const struct oauth *o, int64_t tick_ms)
{
	if (o->state == OAUTH_FETCHING || o->state == OAUTH_FAILED)
		return o->state;
	if (oauth_holds(o, tick_ms)) {
		if (tick_ms < o->renew_at)
			return OAUTH_READY;
		/* It could not be renewed early: it still holds. */
		if (tick_ms < o->not_before)
			return OAUTH_READY;
	}
	return tick_ms < o->not_before ? OAUTH_LATER : OAUTH_NEEDED;
}

enum oauth_state oauth_state(const struct oauth *o, int64_t tick_ms)
{
	enum oauth_state state = own_state(o, tick_ms);

	if (state != OAUTH_NEEDED || !o->source)
		return state;
	state = oauth_state(o->source, tick_ms);
	if (state == OAUTH_READY)
		return OAUTH_NEEDED;
	if (state == OAUTH_LATER && oauth_holds(o, tick_ms))
		return OAUTH_READY;
	return state;
}

int64_t oauth_wait_ms(const struct oauth *o, int64_t tick_ms)
{
	int64_t ms = MAX(o->not_before - tick_ms, 0);

	return ms || !o->source ? ms : oauth_wait_ms(o->source, tick_ms);
}

bool oauth_is_replacing(const struct oauth *o)
{
	return (o->state == OAUTH_FETCHING && o->grant == OAUTH_REFRESH_TOKEN &&
		o->file.path) ||
	       (o->source && oauth_is_replacing(o->source));
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
	oauth_free_secret(&token);
	buf_release(&claims);
}

static void put_exchange(struct oauth *o)
{
	put_member(&o->body, "audience", o->aud);
	put_member(&o->body, "requested_token_type", ACCESS_TOKEN);
	put_member(&o->body, "subject_token_type", o->subject_type);
	put_member(&o->body, "subject_token",
		   o->source ? o->source->token.data : o->given.data);
}

static void put_form(struct oauth *o, int64_t now_ms)
{
	static const char *const names[] = {
		[OAUTH_CLIENT_CREDENTIALS] = "client_credentials",
		[OAUTH_REFRESH_TOKEN] = "refresh_token",
		[OAUTH_JWT_BEARER] = GRANT_JWT,
		[OAUTH_EXCHANGE] = GRANT_EXCHANGE,
	};

	buf_reset(&o->body);
	put_member(&o->body, "grant_type", names[o->grant]);
	if (o->grant == OAUTH_JWT_BEARER)
		put_assertion(o, now_ms);
	else
		put_member(&o->body, "scope", o->scope);
	if (o->grant == OAUTH_REFRESH_TOKEN)
		put_member(&o->body, "refresh_token", o->given.data);
	if (o->grant == OAUTH_EXCHANGE)
		put_exchange(o);
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
	oauth_free_secret(&pair);
}

/* What Google's generateAccessToken takes, and by whose leave. */
static void put_impersonation(struct oauth *o)
{
	struct str scopes = str_of(o->scope), one;
	char sep = '[';

	buf_reset(&o->body);
	buf_addz(&o->body, "{\"scope\":");
	while (str_split(&scopes, ' ', &one)) {
		buf_addc(&o->body, sep);
		json_put_str(&o->body, one);
		sep = ',';
	}
	json_end_array(&o->body, sep);
	if (o->delegates)
		buf_addf(&o->body, ",\"delegates\":%s", o->delegates);
	buf_addf(&o->body, ",\"lifetime\":\"%" PRId64 "s\"}", o->lifetime_s);
	buf_reset(&o->header);
	buf_addf(&o->header, "Authorization: Bearer %s", o->source->token.data);
}

int oauth_give_up(struct oauth *o, int status)
{
	o->state = OAUTH_FAILED;
	o->status = status;
	return -1;
}

/* 1: another process is at it. */
static int read_file(struct oauth *o, int64_t tick_ms)
{
	int got;

	if (!o->file.path || o->unsaved)
		return 0;
	if (o->grant == OAUTH_REFRESH_TOKEN)
		got = keepfile_take(&o->file, &o->given, &o->err);
	else
		got = keepfile_read(&o->file, &o->given, &o->err);
	if (got == 1)
		o->not_before = tick_ms + BUSY_MS;
	o->n_busy = got == 1 ? o->n_busy + 1 : 0;
	if (o->n_busy == BUSY_TOLD)
		msg_warn("%s: waiting for another process that has it locked",
			 o->file.path);
	if (got < 0)
		return oauth_give_up(o, EX_NOINPUT);
	oauth_hide(buf_str(&o->given));
	return got;
}

static void add_header(struct oauth_request *rq, const char *line)
{
	rq->headers[rq->n_headers++] = line;
}

/* Those that the options have: a line each. */
static void add_lines(struct oauth *o, struct oauth_request *rq)
{
	struct str rest = str_of(o->headers), line;

	buf_reset(&o->header);
	buf_adds(&o->header, rest);
	rest = buf_str(&o->header);
	while (rest.n && str_split(&rest, '\n', &line)) {
		((char *)line.s)[line.n] = '\0';
		add_header(rq, line.s);
	}
}

static int begin_own(struct oauth *o, int64_t tick_ms, int64_t now_ms,
		     struct oauth_request *rq)
{
	buf_reset(&o->err);
	if (read_file(o, tick_ms))
		return -1;
	*rq = (struct oauth_request){ .method = "POST", .url = o->token_url };
	o->state = OAUTH_FETCHING;
	add_header(rq, "Accept: application/json");
	switch (o->grant) {
	case OAUTH_METADATA:
		rq->method = "GET";
		add_header(rq, "Metadata-Flavor: Google");
		return 0;
	case OAUTH_ISSUER:
		rq->method = "GET";
		rq->n_headers = 0;
		add_lines(o, rq);
		return 0;
	case OAUTH_IMPERSONATE:
		put_impersonation(o);
		add_header(rq, "Content-Type: application/json");
		add_header(rq, o->header.data);
		break;
	default:
		put_form(o, now_ms);
		add_header(rq,
			   "Content-Type: application/x-www-form-urlencoded");
		if (!o->basic)
			break;
		put_basic(o);
		add_header(rq, o->header.data);
	}
	rq->body = buf_str(&o->body);
	return 0;
}

int oauth_begin(struct oauth *o, int64_t tick_ms, int64_t now_ms,
		struct oauth_request *rq)
{
	struct oauth *s = o->source;

	if (!s || oauth_state(s, tick_ms) == OAUTH_READY)
		return begin_own(o, tick_ms, now_ms, rq);
	s->patient_until =
	    oauth_holds(o, tick_ms) ? o->expires_at : o->patient_until;
	return oauth_begin(s, tick_ms, now_ms, rq);
}

void oauth_take(struct oauth *o, const struct oauth_answer *a, int64_t tick_ms,
		int64_t now_ms)
{
	struct oauth *s = o->source;

	if (s && oauth_state(s, tick_ms) == OAUTH_FETCHING) {
		oauth_take(s, a, tick_ms, now_ms);
		return;
	}
	oauth_take_own(o, a, tick_ms, now_ms);
	/* It has done what it was for: the next one is given for another. */
	if (s && o->state == OAUTH_READY)
		oauth_refused(s, s->generation);
}

/* ---- reading ---- */

int oauth_status(const struct oauth *o)
{
	return o->state != OAUTH_FAILED && o->source ? oauth_status(o->source)
						     : o->status;
}

const char *oauth_error(const struct oauth *o)
{
	return o->state != OAUTH_FAILED && o->source ? oauth_error(o->source)
						     : o->err.data;
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
