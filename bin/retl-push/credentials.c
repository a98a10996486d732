/* SPDX-License-Identifier: MIT */
/*
 * Access tokens within the push: asked for like everything else in its event
 * loop, one request at a time; what needs one waits in its queue meanwhile.
 */
#include "bin/retl-push/push.h"

#include "common/clock.h"
#include "common/msg.h"

/* For one request in a row, each of a token that had been good. */
#define MAX_RENEWALS 5

/* ---- what the answer names besides the token ---- */

static const char *const no_tls = "http://";

/* An address that credentials go to is no worse guarded than the endpoint. */
static int check_saved(struct push *p, struct str name, struct str value)
{
	struct buf scratch = BUF_INIT;
	struct str text = json_type(value) == JSON_STRING
			      ? json_text(value, &scratch)
			      : value;
	int ret = 0;

	if (json_type(value) == JSON_NULL)
		ret = fail(&p->err,
			   "auth.save: the answer with the token has no %.*s",
			   STR_ARG(name));
	else if (str_starts(text, no_tls) && !p->d.plain_tokens)
		ret = fail(&p->err, "auth.save: %.*s is an address without TLS",
			   STR_ARG(name));
	buf_release(&scratch);
	return ret;
}

static int save(struct push *p, struct oauth *o)
{
	struct scope scope = { .v = { STR_NONE } };
	struct buf *b = &p->auth_json;
	char now[24];

	snprintf(now, sizeof now, "%" PRId64, clock_now_ms() / 1000);
	scope.v[VAR_SETTINGS] = p->contract->settings_json;
	scope.v[VAR_NOW] = str_of(now);
	buf_reset(b);
	buf_addc(b, '{');
	for (size_t i = 0; i < p->d.n_auth_save; i++) {
		struct named *n = &p->d.auth_save[i];
		size_t at;
		int got;

		buf_addf(b, "%s%.*s:", i ? "," : "", STR_ARG(n->name));
		at = b->len;
		got = program_value(&n->prog, oauth_answer(o), &scope, b, NULL,
				    &p->err);
		if (got == 0)
			buf_addz(b, "null");
		if (got < 0 ||
		    check_saved(p, n->name,
				(struct str){ b->data + at, b->len - at }) < 0)
			return -1;
	}
	buf_addc(b, '}');
	return 0;
}

/* ---- fetching ---- */

static void fetched(void *arg, const struct http_answer *a)
{
	struct push *p = arg;
	struct oauth *o = auth_tokens(p->d.auth);
	struct oauth_answer answer = {
		.status = a->failure == HTTP_OK && !a->cut ? a->status : 0,
		.untrusted = a->failure == HTTP_UNTRUSTED,
		.why = a->why,
		.body = a->body,
		.headers = a->headers,
	};

	p->n_under_way--;
	oauth_take(o, &answer, clock_tick_ms(), clock_now_ms());
	if (oauth_state(o, clock_tick_ms()) == OAUTH_READY && save(p, o) < 0)
		push_stop(p, EX_UNAVAILABLE, "%s: %s", p->contract->name,
			  p->err.data);
}

static void fetch(struct push *p, struct oauth *o)
{
	struct oauth_request rq;
	struct http_request out;

	if (oauth_begin(o, clock_tick_ms(), clock_now_ms(), &rq) < 0)
		return;
	msg_debug("asking for a token: %s %s", rq.method, rq.url);
	out = (struct http_request){ .method = rq.method,
				     .url = rq.url,
				     .headers = rq.headers,
				     .n_headers = rq.n_headers,
				     .body = rq.body };
	p->n_under_way++;
	http_send(p->http, &out, fetched, p);
}

bool credentials_ready(struct push *p, int64_t *next)
{
	struct oauth *o = auth_tokens(p->d.auth);
	int64_t tick = clock_tick_ms();

	if (!o)
		return true;
	if (oauth_state(o, tick) == OAUTH_NEEDED)
		fetch(p, o);
	switch (oauth_state(o, tick)) {
	case OAUTH_READY:
		return true;
	case OAUTH_LATER:
		*next = MIN(*next, tick + oauth_wait_ms(o, tick));
		break;
	case OAUTH_FAILED:
		push_stop(p, oauth_status(o), "%s: no access token: %s",
			  p->contract->name, oauth_error(o));
		break;
	default:
		break;
	}
	return false;
}

bool credentials_at_stake(const struct push *p)
{
	const struct oauth *o = auth_tokens(p->d.auth);

	return o && oauth_is_replacing(o);
}

/* ---- 401 ---- */

void credentials_accepted(struct flow *f)
{
	f->push->token_accepted = MAX(f->push->token_accepted, f->token);
}

/*
 * Once; a new token that is refused is no better than the last. Where it has
 * served others before, it has died in turn.
 */
static bool may_renew(const struct flow *f)
{
	return !f->renewals || (f->token == f->push->token_accepted &&
				f->renewals < MAX_RENEWALS);
}

bool credentials_renew(struct flow *f)
{
	struct oauth *o = auth_tokens(f->push->d.auth);

	if (!o || f->op->steps[f->step].no_auth || !may_renew(f))
		return false;
	f->renewals++;
	oauth_refused(o, f->token);
	return true;
}

void credentials_sign(struct flow *f)
{
	struct oauth *o = auth_tokens(f->push->d.auth);

	if (o)
		f->token = oauth_generation(o);
}

int credentials_end(struct push *p)
{
	struct oauth *o = auth_tokens(p->d.auth);

	if (!o || oauth_save(o, &p->err) == 0)
		return 0;
	msg_error("the new refresh token could not be kept, authorize again: "
		  "%s",
		  p->err.data);
	return -1;
}
