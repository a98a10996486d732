/* SPDX-License-Identifier: MIT */
#include "bin/retl-extract/token.h"

#include "common/clock.h"

int token_init(struct token *t, const char *name, struct oauth *o,
	       const char *cacert, struct failure *f)
{
	/* The machine of states counts attempts itself. */
	struct web_opts web = { .name = name,
				.cacert = cacert,
				.retries = 0,
				.max_body = (size_t)1 << 20 };

	*t = (struct token){ .name = name, .oauth = o };
	t->web = web_new(&web, f);
	return t->web ? 0 : -1;
}

void token_release(struct token *t)
{
	oauth_free(t->oauth);
	web_free(t->web);
	*t = (struct token){ .name = t->name };
}

struct fetch {
	bool done;
	struct token *token;
};

static void fetched(void *arg, const struct http_answer *a)
{
	struct fetch *f = arg;
	struct oauth_answer answer = {
		.status = a->failure == HTTP_OK && !a->cut ? a->status : 0,
		.untrusted = a->failure == HTTP_UNTRUSTED,
		.why = a->why,
		.body = a->body,
		.headers = a->headers,
	};

	oauth_take(f->token->oauth, &answer, clock_tick_ms(), clock_now_ms());
	f->done = true;
}

static void fetch(struct token *t)
{
	struct fetch f = { .token = t };
	struct oauth_request rq;
	struct http_request out;

	if (oauth_begin(t->oauth, clock_tick_ms(), clock_now_ms(), &rq) < 0)
		return;
	out = (struct http_request){ .method = rq.method,
				     .url = rq.url,
				     .headers = rq.headers,
				     .n_headers = rq.n_headers,
				     .body = rq.body };
	http_send(web_http(t->web), &out, fetched, &f);
	while (!f.done)
		http_wait(web_http(t->web), NULL, 0, 1000);
}

int token_sign(struct token *t, struct web_request *rq, struct failure *f)
{
	struct str quota = oauth_quota_project(t->oauth);

	for (;;) {
		int64_t tick = clock_tick_ms();
		enum oauth_state state = oauth_state(t->oauth, tick);

		if (state == OAUTH_READY)
			break;
		if (state == OAUTH_FAILED)
			return failed(f, oauth_status(t->oauth),
				      "no access token: %s",
				      oauth_error(t->oauth));
		if (state == OAUTH_LATER)
			http_wait(web_http(t->web), NULL, 0,
				  (int)oauth_wait_ms(t->oauth, tick));
		else
			fetch(t);
	}
	buf_reset(&rq->secrets);
	buf_addf(&rq->secrets, "Authorization: Bearer %.*s\n",
		 STR_ARG(oauth_token(t->oauth)));
	if (quota.n)
		buf_addf(&rq->secrets, "x-goog-user-project: %.*s\n",
			 STR_ARG(quota));
	return 0;
}

bool token_renew(struct token *t, const struct web_request *rq,
		 const struct web_answer *a)
{
	struct str now = oauth_token(t->oauth);
	uint64_t generation = oauth_generation(t->oauth);
	bool is_current =
	    memmem(rq->secrets.data, rq->secrets.len, now.s, now.n) != NULL;

	if (a->status != 401) {
		if (is_current)
			t->accepted = generation;
		return false;
	}
	/* The first one may have been revoked; a second one is no better. */
	if (is_current && generation > 1 && t->accepted != generation)
		return false;
	if (is_current)
		oauth_refused(t->oauth, generation);
	return true;
}
