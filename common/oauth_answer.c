/* SPDX-License-Identifier: MIT */
/* What a token endpoint has answered: a token, a refusal, or "not now". */
#include "common/oauth_private.h"

#include "common/json.h"
#include "common/msg.h"
#include "common/retry.h"

#define MAX_WORDS 300 /* bytes of what the endpoint says */
/* This long before a token expires a new one is asked for, at most. */
#define EARLY_MS ((int64_t)120 * 1000)
/* Who is told to wait for longer had better come back another time. */
#define LONGEST_WAIT_MS ((int64_t)15 * 60 * 1000)

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

	buf_adds(out, text);
	msg_blank(out->data + at, out->len - at);
	buf_truncate(out, MIN(out->len, at + MAX_WORDS));
	for (size_t i = at; i < out->len; i++)
		if ((uint8_t)out->data[i] < 0x20)
			out->data[i] = ' ';
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
	if (o->grant == OAUTH_IMPERSONATE)
		return "the account that asks needs the role Service Account "
		       "Token Creator on the one that it acts as, or Workload "
		       "Identity User if it comes from elsewhere";
	if (o->grant == OAUTH_EXCHANGE)
		return "check the file's audience, and that the pool trusts "
		       "the issuer of the token that is exchanged, which may "
		       "have expired";
	if (o->grant == OAUTH_ISSUER)
		return "check credential_source";
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

/* Of RFC 6749; Google's APIs have an object of their own. */
static void put_error(struct str json, struct buf *code, struct buf *words)
{
	struct str v = json_member(json, "error", JSON_OBJECT);

	if (v.s) {
		member_text(v, "status", code);
		member_text(v, "message", words);
	} else {
		member_text(json, "error", code);
		member_text(json, "error_description", words);
	}
}

static void take_refusal(struct oauth *o, const struct oauth_answer *a,
			 struct str json, int64_t now_ms)
{
	struct buf code = BUF_INIT, words = BUF_INIT;

	if (json.s)
		put_error(json, &code, &words);
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
	oauth_give_up(o, EX_NOPERM);
}

/* Where nothing else was found, this machine might have been one of Google's.
 */
static void no_machine_of_google(struct oauth *o, const char *why)
{
	buf_reset(&o->err);
	buf_addz(&o->err,
		 "no credentials of Google are to be found: set "
		 "GOOGLE_APPLICATION_CREDENTIALS to a service account's key "
		 "file, or say gcloud auth application-default login (no "
		 "metadata server answers: ");
	put_words(&o->err, str_of(why));
	buf_addc(&o->err, ')');
	oauth_give_up(o, EX_NOPERM);
}

/* No answer, or one that says "not now". */
static void take_trouble(struct oauth *o, const struct oauth_answer *a,
			 int64_t tick_ms, int64_t now_ms)
{
	int64_t hint =
	    retry_after_ms(header_of(a->headers, "retry-after"), now_ms);
	bool patient = oauth_holds(o, tick_ms) || tick_ms < o->patient_until;
	int64_t wait;

	o->n_tries++;
	buf_reset(&o->err);
	buf_addf(&o->err, "%s: ", o->token_url);
	if (a->status)
		buf_addf(&o->err, "HTTP %ld", a->status);
	else
		put_words(&o->err, str_of(a->why));
	if (hint > LONGEST_WAIT_MS)
		buf_addf(&o->err, ", and asks to wait %" PRId64 " s",
			 hint / 1000);
	if (!patient &&
	    (o->n_tries >= o->plan.attempts || hint > LONGEST_WAIT_MS)) {
		if (o->grant == OAUTH_METADATA && !o->generation && !a->status)
			no_machine_of_google(o, a->why);
		else
			oauth_give_up(o,
				      a->status ? EX_TEMPFAIL : EX_UNAVAILABLE);
		return;
	}
	o->state = OAUTH_NEEDED;
	wait = MAX(retry_delay_ms(&o->plan, o->n_tries),
		   MIN(hint, LONGEST_WAIT_MS));
	/* The delay may be none; a token that still holds is used for now. */
	o->not_before = tick_ms + MAX(wait, 1);
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
	/* An impersonation lasts as long as was asked for. */
	int64_t ms =
	    o->grant == OAUTH_IMPERSONATE ? o->lifetime_s : lifetime(object);

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
	    !str_eq(buf_str(&next), buf_str(&o->given))) {
		oauth_free_secret(&o->given);
		o->given = BUF_INIT;
		buf_adds(&o->given, buf_str(&next));
		oauth_hide(buf_str(&next));
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
	oauth_free_secret(&next);
	buf_release(&err);
}

int oauth_save(struct oauth *o, struct buf *err)
{
	if (!o->unsaved)
		return 0;
	if (keepfile_put(&o->file, buf_str(&o->given), err) < 0)
		return -1;
	o->unsaved = false;
	return 0;
}

/* Appends it; nothing: the answer, of which json may be all, has none. */
static void put_token(const struct oauth *o, struct str body, struct str json,
		      struct buf *out)
{
	const char *member = o->grant == OAUTH_IMPERSONATE ? "accessToken"
			     : o->grant == OAUTH_ISSUER    ? o->subject_member
							   : "access_token";

	if (!member)
		buf_adds(out, oauth_trim(body));
	else if (json.s)
		member_text(json, member, out);
}

/* It goes into a header. */
static bool is_token(struct str token)
{
	for (size_t i = 0; i < token.n; i++)
		if ((uint8_t)token.s[i] <= 0x20 || (uint8_t)token.s[i] >= 0x7f)
			return false;
	return token.n > 0;
}

/* Takes the token over. */
static void take_token(struct oauth *o, struct buf token, struct str json,
		       int64_t tick_ms)
{
	struct str object = json.s ? json : STR("{}");

	oauth_free_secret(&o->token);
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

/* The metadata server proves that it is one. */
static bool is_genuine(const struct oauth *o, const struct oauth_answer *a)
{
	return o->grant != OAUTH_METADATA ||
	       str_is(header_of(a->headers, "metadata-flavor"), "Google");
}

void oauth_take_own(struct oauth *o, const struct oauth_answer *a,
		    int64_t tick_ms, int64_t now_ms)
{
	struct buf token = BUF_INIT;
	struct str json = STR_NONE;
	struct json_fault f;
	bool good;

	if (a->body.n && json_check(str_skip_bom(a->body), &json, &f) < 0)
		json = STR_NONE;
	put_token(o, a->body, json, &token);
	good = a->status >= 200 && a->status < 300 && is_token(buf_str(&token));
	if (a->untrusted) {
		buf_reset(&o->err);
		buf_addf(&o->err, "%s: the certificate is not trusted: %s",
			 o->token_url, a->why);
		oauth_give_up(o, EX_UNAVAILABLE);
	} else if (good && is_genuine(o, a)) {
		take_token(o, token, json, tick_ms);
		token = BUF_INIT;
	} else if (!a->status || a->status == 408 || a->status == 429 ||
		   a->status >= 500 ||
		   (a->status < 300 && !json.s &&
		    o->n_tries + 1 < o->plan.attempts)) {
		/* A page of words may be a gateway's, for a while. */
		take_trouble(o, a, tick_ms, now_ms);
	} else {
		take_refusal(o, a, json, now_ms);
	}
	oauth_free_secret(&token);
	keepfile_drop(&o->file);
}
