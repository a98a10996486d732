/* SPDX-License-Identifier: MIT */
#include "bin/retl-extract/google.h"

#include "common/json.h"

static bool is_near(const char *host)
{
	return str_starts(str_of(host), "127.0.0.1:") ||
	       str_starts(str_of(host), "localhost:");
}

int google_init(struct google *g, const char *name, const char *base,
		const char *emulator, const char *scopes, const char *cacert,
		struct failure *f)
{
	const char *host = emulator ? getenv(emulator) : NULL;
	const char *file = getenv("GOOGLE_APPLICATION_CREDENTIALS");
	struct buf err = BUF_INIT;
	struct oauth *o;
	int status;

	*g = (struct google){ .name = name, .base = BUF_INIT };
	if (host && str_starts(str_of(host), "http://"))
		host += 7;
	if (host && *host && !is_near(host))
		return failed(f, EX_CONFIG,
			      "%s: %s names a host that is not on this machine",
			      name, emulator);
	if (host && *host)
		buf_addf(&g->base, "http://%s", host);
	else
		buf_addz(&g->base, base);
	g->anonymous = host && *host && !(file && *file);
	if (g->anonymous)
		return 0;
	o = oauth_google(NULL, str_of(scopes), STR_NONE, &status, &err);
	if (!o) {
		failed(f, status, "%s: %s", name, err.data);
		buf_release(&err);
		return -1;
	}
	return token_init(&g->token, name, o, cacert, f);
}

void google_release(struct google *g)
{
	token_release(&g->token);
	buf_release(&g->base);
}

/* ---- errors ---- */

struct str google_object(const struct web_answer *a)
{
	struct json_fault fault;
	struct str v;

	if (json_check(a->body, &v, &fault) < 0 || json_type(v) != JSON_OBJECT)
		return STR_NONE;
	return v;
}

static struct str member(struct str object, const char *name,
			 struct buf *scratch)
{
	struct str v = object.s ? json_get(object, name) : STR_NONE;

	return v.s && json_type(v) == JSON_STRING ? json_text(v, scratch)
						  : STR("");
}

/* {"error": {"errors": [{"reason"}], "status"}} */
static struct str error_of(const struct web_answer *a)
{
	struct str v = google_object(a);

	v = v.s ? json_get(v, "error") : STR_NONE;
	return v.s && json_type(v) == JSON_OBJECT ? v : STR_NONE;
}

static void put_reason(struct str error, struct buf *out)
{
	struct str list = error.s ? json_get(error, "errors") : STR_NONE, v;
	struct buf scratch = BUF_INIT;
	struct json_iter it;

	buf_reset(out);
	if (list.s && json_type(list) == JSON_ARRAY) {
		json_iter_init(&it, list);
		if (json_iter_element(&it, &v) && json_type(v) == JSON_OBJECT)
			buf_adds(out, member(v, "reason", &scratch));
	}
	if (!out->len)
		buf_adds(out, member(error, "reason", &scratch));
	if (!out->len)
		buf_adds(out, member(error, "status", &scratch));
	buf_release(&scratch);
}

static const struct {
	const char *reason;
	int status;
	bool again; /* by the same request */
} reasons[] = {
	{ "backendError", EX_TEMPFAIL, true },
	{ "internalError", EX_TEMPFAIL, true },
	{ "rateLimitExceeded", EX_TEMPFAIL, true },
	{ "userRateLimitExceeded", EX_TEMPFAIL, true },
	{ "jobRateLimitExceeded", EX_TEMPFAIL, true },
	{ "RESOURCE_EXHAUSTED", EX_TEMPFAIL, true },
	{ "UNAVAILABLE", EX_TEMPFAIL, true },
	{ "quotaExceeded", EX_TEMPFAIL, false },
	{ "jobBackendError", EX_TEMPFAIL, false },
	{ "jobInternalError", EX_TEMPFAIL, false },
	{ "tableUnavailable", EX_TEMPFAIL, false },
	{ "stopped", EX_TEMPFAIL, false },
	{ "timeout", EX_TEMPFAIL, false },
	{ "accessDenied", EX_NOPERM, false },
	{ "forbidden", EX_NOPERM, false },
	{ "PERMISSION_DENIED", EX_NOPERM, false },
	{ "UNAUTHENTICATED", EX_NOPERM, false },
	{ "authError", EX_NOPERM, false },
	{ "billingNotEnabled", EX_NOPERM, false },
	{ "invalidQuery", EX_CONFIG, false },
	{ "invalid", EX_CONFIG, false },
	{ "badRequest", EX_CONFIG, false },
	{ "INVALID_ARGUMENT", EX_CONFIG, false },
	{ "FAILED_PRECONDITION", EX_CONFIG, false },
	{ "resourcesExceeded", EX_CONFIG, false },
	{ "responseTooLarge", EX_CONFIG, false },
	{ "notFound", EX_NOINPUT, false },
	{ "NOT_FOUND", EX_NOINPUT, false },
};

static int find_reason(const char *reason)
{
	for (size_t i = 0; i < ARRAY_LEN(reasons); i++)
		if (strcmp(reason, reasons[i].reason) == 0)
			return (int)i;
	return -1;
}

/* One line; a value that it quotes is nobody's business. */
static void put_words(struct buf *out, struct str text)
{
	const char *value = memmem(text.s, text.n, "value: ", 7);

	if (value)
		text.n = (size_t)(value - text.s) + 5;
	for (size_t i = 0; i < MIN(text.n, 400); i++)
		buf_addc(out, iscntrl((uint8_t)text.s[i]) ? ' ' : text.s[i]);
}

static int tell(struct google *g, const char *what, long http, int status,
		struct str error, struct failure *f)
{
	struct buf reason = BUF_INIT, words = BUF_INIT, scratch = BUF_INIT;
	int i;

	put_reason(error, &reason);
	put_words(&words, member(error, "message", &scratch));
	i = find_reason(reason.data);
	if (i >= 0)
		status = reasons[i].status;
	buf_reset(&scratch);
	if (http)
		buf_addf(&scratch, "HTTP %ld", http);
	if (reason.len)
		buf_addf(&scratch, "%s%s", scratch.len ? " " : "", reason.data);
	failed(f, status, "%s: %s: %s%s%s%s", g->name, what, scratch.data,
	       words.len ? ": " : "", words.data,
	       status == EX_NOPERM ? " (check the credentials, their scopes, "
				     "and what the account may see)"
				   : "");
	buf_release(&reason);
	buf_release(&words);
	buf_release(&scratch);
	return -1;
}

int google_refused(struct google *g, const struct web_answer *a,
		   const char *what, struct failure *f)
{
	web_refused(a, what, f);
	return tell(g, what, a->status, f->status, error_of(a), f);
}

int google_failed(struct google *g, struct str error, const char *what,
		  struct failure *f)
{
	return tell(g, what, 0, EX_UNAVAILABLE, error, f);
}

/* ---- requests ---- */

static int prepare(struct web_request *rq, unsigned attempt, struct failure *f)
{
	struct google *g = rq->arg;

	(void)attempt;
	return g->anonymous ? 0 : token_sign(&g->token, rq, f);
}

/* WEB_TAKE: neither mended nor worth another try. */
static enum web_verdict judge_passing(struct google *g,
				      const struct web_request *rq,
				      const struct web_answer *a,
				      struct failure *f)
{
	struct buf reason = BUF_INIT;
	enum web_verdict v = WEB_TAKE;
	int i;

	if (!g->anonymous && token_renew(&g->token, rq, a)) {
		failed(f, EX_NOPERM, "HTTP 401, again and again");
		return WEB_NOW;
	}
	if (a->status == 403) {
		put_reason(error_of(a), &reason);
		i = find_reason(reason.data);
		if (i >= 0 && reasons[i].again) {
			failed(f, EX_TEMPFAIL, "HTTP 403 %s", reason.data);
			v = WEB_AGAIN;
		}
		buf_release(&reason);
	}
	return v;
}

enum web_verdict google_judge_own(struct web_request *rq,
				  const struct web_answer *a, unsigned attempt,
				  struct failure *f)
{
	enum web_verdict v = judge_passing(rq->arg, rq, a, f);

	return v == WEB_TAKE ? web_judge(rq, a, attempt, f) : v;
}

enum web_verdict google_judge(struct google *g, const struct web_request *rq,
			      const struct web_answer *a, const char *what,
			      struct failure *f)
{
	enum web_verdict v = judge_passing(g, rq, a, f);

	if (v != WEB_TAKE || a->status == 200)
		return v;
	v = web_judge(NULL, a, 1, f);
	if (v != WEB_TAKE)
		return v;
	google_refused(g, a, what, f);
	failed(f, f->status, "%s", f->text.data + strlen(g->name) + 2);
	return WEB_FAIL;
}

void google_request(struct google *g, struct web_request *rq)
{
	web_request_reset(rq);
	buf_adds(&rq->url, buf_str(&g->base));
	buf_addz(&rq->headers, "Accept: application/json\n");
	rq->prepare = prepare;
	rq->judge = google_judge_own;
	rq->arg = g;
}
