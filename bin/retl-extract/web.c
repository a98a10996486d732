/* SPDX-License-Identifier: MIT */
#include "bin/retl-extract/web.h"

#include "common/clock.h"
#include "common/mem.h"
#include "common/msg.h"
#include "common/retry.h"

#define MAX_BODY ((size_t)64 << 20)
#define CONNECT_MS 30000
#define TIMEOUT_MS 120000
/* No server's hint keeps us waiting longer at once. */
#define FIRST_TURN_MS 100
#define MOST_TURN_MS 5000
#define MOST_HINT_MS 300000

/* A request on its way to an answer. */
struct slot {
	struct web *web;
	struct web_request rq;
	enum {
		SLOT_IDLE,
		SLOT_WAITING, /* until due_ms */
		SLOT_FLYING,
		SLOT_ARRIVED, /* an answer, or none; not looked at yet */
		SLOT_DONE,
		SLOT_FAILED,
	} state;
	unsigned attempt, hops;
	int64_t due_ms;
	struct http_transfer *transfer;
	/* of the attempt that arrived */
	enum http_failure failure;
	bool cut;
	long status;
	struct buf why, headers, body, url;
	struct failure f; /* why it failed, or will be asked again */
	struct slot *next;
};

struct web {
	struct web_opts o;
	struct http *http;
	struct retry_plan plan;
	struct slot *active; /* waiting, flying or arrived */
	struct slot single;  /* of web_ask */
	const char **lines;  /* of the request that is being sent */
	size_t lines_cap;
	struct buf scratch;
};

/* ---- requests ---- */

void web_request_reset(struct web_request *rq)
{
	struct web_request kept = *rq;

	*rq = (struct web_request){ .url = kept.url,
				    .headers = kept.headers,
				    .secrets = kept.secrets,
				    .body = kept.body };
	buf_reset(&rq->url);
	buf_reset(&rq->headers);
	buf_reset(&rq->secrets);
	buf_reset(&rq->body);
}

void web_request_release(struct web_request *rq)
{
	buf_release(&rq->url);
	buf_release(&rq->headers);
	buf_release(&rq->secrets);
	buf_release(&rq->body);
}

static void slot_init(struct slot *s, struct web *w)
{
	*s = (struct slot){ .web = w,
			    .rq = WEB_REQUEST_INIT,
			    .why = BUF_INIT,
			    .headers = BUF_INIT,
			    .body = BUF_INIT,
			    .url = BUF_INIT,
			    .f = FAILURE_INIT };
}

/* Takes it off the active ones; what flies is dropped. */
static void slot_stop(struct slot *s)
{
	struct slot **p = &s->web->active;

	if (s->state == SLOT_FLYING)
		http_cancel(s->transfer);
	while (*p && *p != s)
		p = &(*p)->next;
	if (*p)
		*p = s->next;
	s->state = SLOT_IDLE;
}

static void slot_release(struct slot *s)
{
	slot_stop(s);
	web_request_release(&s->rq);
	buf_release(&s->why);
	buf_release(&s->headers);
	buf_release(&s->body);
	buf_release(&s->url);
	buf_release(&s->f.text);
}

struct web *web_new(const struct web_opts *o, struct failure *f)
{
	struct web *w = xcalloc(1, sizeof *w);
	struct buf err = BUF_INIT;
	struct http_opts http = {
		.cacert = o->cacert,
		.max_body = o->max_body ? o->max_body : MAX_BODY,
		.connect_ms = CONNECT_MS,
		.timeout_ms = o->timeout_ms ? o->timeout_ms : TIMEOUT_MS,
		.n_connections = 16,
		.http1 = o->http1,
	};

	w->o = *o;
	w->plan = (struct retry_plan){ .attempts = o->retries + 1,
				       .first_ms = 250,
				       .most_ms = 30000 };
	w->scratch = BUF_INIT;
	slot_init(&w->single, w);
	w->http = http_new(&http, &err);
	if (!w->http) {
		failed(f, EX_NOINPUT, "%s", err.data);
		web_free(w);
		w = NULL;
	}
	buf_release(&err);
	return w;
}

void web_free(struct web *w)
{
	if (!w)
		return;
	slot_release(&w->single);
	http_free(w->http);
	buf_release(&w->scratch);
	free(w->lines);
	free(w);
}

struct http *web_http(struct web *w)
{
	return w->http;
}

bool web_may_repeat(const struct web *w, unsigned attempts)
{
	return attempts < w->plan.attempts;
}

int64_t web_delay_ms(const struct web *w, unsigned attempts, struct str hint)
{
	int64_t ms = retry_delay_ms(&w->plan, attempts);
	int64_t least = hint.s ? retry_after_ms(hint, clock_now_ms()) : -1;

	return MAX(ms, MIN(least, MOST_HINT_MS));
}

void web_before_wait(struct web *w)
{
	if (w->o.rows && rows_waiting(w->o.rows))
		rows_flush(w->o.rows);
}

void web_wait_turn(struct web *w, int64_t *ms)
{
	int64_t until, left;

	*ms = *ms ? MIN(*ms * 3 / 2, MOST_TURN_MS) : FIRST_TURN_MS;
	until = clock_tick_ms() + *ms;
	web_before_wait(w);
	while ((left = until - clock_tick_ms()) > 0)
		http_wait(web_http(w), NULL, 0, (int)left);
}

struct str web_object(const struct web_answer *a)
{
	struct json_fault fault;
	struct str v;

	if (json_check(a->body, &v, &fault) < 0 || json_type(v) != JSON_OBJECT)
		return STR_NONE;
	return v;
}

/* ---- one attempt ---- */

static enum http_take take_piece(void *arg, long status UNUSED,
				 struct str headers UNUSED, struct str piece)
{
	struct slot *s = arg;

	buf_adds(&s->body, piece);
	return HTTP_TAKEN;
}

static void arrived(void *arg, const struct http_answer *a)
{
	struct slot *s = arg;

	s->state = SLOT_ARRIVED;
	s->transfer = NULL;
	s->failure = a->failure;
	s->cut = a->cut;
	s->status = a->status;
	buf_reset(&s->why);
	buf_addz(&s->why, a->why);
	buf_reset(&s->headers);
	buf_adds(&s->headers, a->headers);
}

/* "name: value" lines as pointers; the text is cut apart in scratch. */
static size_t split_lines(struct web *w, const struct slot *s)
{
	bool own = !s->hops || http_same_origin(s->url.data, s->rq.url.data);
	size_t n = 0;

	buf_reset(&w->scratch);
	buf_adds(&w->scratch, buf_str(&s->rq.headers));
	if (own)
		buf_adds(&w->scratch, buf_str(&s->rq.secrets));
	for (char *p = w->scratch.data, *end; *p; p = end + 1) {
		end = strchr(p, '\n');
		if (!end)
			BUG("a header line without its end");
		*end = '\0';
		GROW(w->lines, n, w->lines_cap);
		w->lines[n++] = p;
	}
	return n;
}

static void send_slot(struct web *w, struct slot *s)
{
	struct http_request rq = {
		.method = s->rq.method ? s->rq.method : "GET",
		.url = s->url.data,
		.body = s->rq.has_body ? buf_str(&s->rq.body) : STR_NONE,
		.fresh = s->rq.once,
		.data = take_piece,
		.max_body = s->rq.max_body,
		.raw = s->rq.raw,
	};

	rq.n_headers = split_lines(w, s);
	rq.headers = w->lines;
	buf_reset(&s->body);
	s->state = SLOT_FLYING;
	s->transfer = http_send(w->http, &rq, arrived, s);
}

static void begin_attempt(struct web *w, struct slot *s)
{
	s->attempt++;
	s->hops = 0;
	if (s->rq.prepare && s->rq.prepare(&s->rq, s->attempt, &s->f) < 0) {
		s->state = SLOT_FAILED;
		return;
	}
	buf_reset(&s->url);
	buf_adds(&s->url, buf_str(&s->rq.url));
	send_slot(w, s);
}

/* ---- what came of it ---- */

enum web_verdict web_judge(struct web_request *rq UNUSED,
			   const struct web_answer *a, unsigned attempt UNUSED,
			   struct failure *f)
{
	if (a->status != 408 && a->status != 429 && a->status < 500)
		return WEB_TAKE;
	failed(f, EX_TEMPFAIL, "HTTP %ld", a->status);
	return WEB_AGAIN;
}

static void put_answer(const struct slot *s, struct web_answer *a)
{
	*a = (struct web_answer){
		.status = s->status,
		.headers = buf_str(&s->headers),
		.body = buf_str(&s->body),
		.url = s->url.data,
	};
}

/* No answer, or half of one. */
static enum web_verdict judge_failure(struct slot *s)
{
	switch (s->failure) {
	case HTTP_BAD_URL:
		failed(&s->f, EX_CONFIG, "%s", s->why.data);
		return WEB_FAIL;
	case HTTP_UNTRUSTED:
		failed(&s->f, EX_UNAVAILABLE,
		       "%s (--cacert FILE names the certificates of private "
		       "authorities)",
		       s->why.data);
		return WEB_FAIL;
	case HTTP_UNREACHABLE:
		failed(&s->f, EX_UNAVAILABLE, "%s", s->why.data);
		return WEB_AGAIN;
	case HTTP_LOST:
		failed(&s->f, EX_TEMPFAIL, "%s", s->why.data);
		return s->rq.once ? WEB_FAIL : WEB_AGAIN;
	default:
		/* Too large or garbled: so it would be the next time. */
		failed(&s->f, EX_DATAERR, "the answer is not whole: %s",
		       s->why.data);
		return WEB_FAIL;
	}
}

static enum web_verdict judge(struct slot *s)
{
	struct web_answer a;
	enum web_verdict v;

	if (s->failure != HTTP_OK || (s->cut && s->status < 300))
		return judge_failure(s);
	put_answer(s, &a);
	v = s->rq.judge ? s->rq.judge(&s->rq, &a, s->attempt, &s->f)
			: web_judge(&s->rq, &a, s->attempt, &s->f);
	if (v == WEB_AGAIN && s->rq.once && s->status != 429 &&
	    s->status != 503)
		return WEB_FAIL;
	return v;
}

static bool is_redirect(const struct slot *s)
{
	return s->failure == HTTP_OK && s->hops < s->rq.redirects &&
	       (s->status == 301 || s->status == 302 || s->status == 303 ||
		s->status == 307 || s->status == 308);
}

/* True: the request flies again, to where the answer points. */
static bool follow(struct web *w, struct slot *s)
{
	struct str to = http_header(buf_str(&s->headers), "location");
	struct buf url = BUF_INIT;

	if (!to.s || http_resolve(&url, s->url.data, to) < 0) {
		buf_release(&url);
		return false;
	}
	buf_release(&s->url);
	s->url = url;
	s->hops++;
	send_slot(w, s);
	return true;
}

static int64_t delay_ms(const struct slot *s)
{
	struct str hint = http_header(buf_str(&s->headers), "retry-after");

	return web_delay_ms(s->web, s->attempt,
			    s->failure == HTTP_OK ? hint : STR_NONE);
}

static void again(struct slot *s, int64_t ms)
{
	if (!web_may_repeat(s->web, s->attempt)) {
		if (s->attempt > 1)
			failed(&s->f, s->f.status, "%s (%u attempts)",
			       s->f.text.data, s->attempt);
		s->state = SLOT_FAILED;
		return;
	}
	msg_debug("%s: %s; again in %" PRId64 " ms", s->web->o.name,
		  s->f.text.data, ms);
	s->due_ms = clock_tick_ms() + ms;
	s->state = SLOT_WAITING;
}

static void settle(struct web *w, struct slot *s)
{
	if (is_redirect(s) && follow(w, s))
		return;
	switch (judge(s)) {
	case WEB_TAKE:
		s->state = SLOT_DONE;
		return;
	case WEB_AGAIN:
		again(s, delay_ms(s));
		return;
	case WEB_NOW:
		again(s, 0);
		return;
	default:
		s->state = SLOT_FAILED;
	}
}

/* ---- moving them all ---- */

static void slot_start(struct slot *s)
{
	s->attempt = 0;
	s->state = SLOT_WAITING;
	s->due_ms = 0;
	s->next = s->web->active;
	s->web->active = s;
}

/* Takes out what needs nothing more. */
static void drop_settled(struct web *w)
{
	struct slot **p = &w->active;

	while (*p) {
		if ((*p)->state == SLOT_DONE || (*p)->state == SLOT_FAILED)
			*p = (*p)->next;
		else
			p = &(*p)->next;
	}
}

/* Starts and settles what can be; how long until the next is due. */
static int64_t move(struct web *w)
{
	int64_t now = clock_tick_ms(), least = 60000;

	for (struct slot *s = w->active; s; s = s->next) {
		if (s->state == SLOT_ARRIVED)
			settle(w, s);
		if (s->state == SLOT_WAITING && s->due_ms <= now)
			begin_attempt(w, s);
		if (s->state == SLOT_WAITING)
			least = MIN(least, s->due_ms - now);
	}
	drop_settled(w);
	return least;
}

static bool is_settled(const struct slot *s)
{
	return s->state == SLOT_DONE || s->state == SLOT_FAILED;
}

static void run_until_settled(struct web *w, const struct slot *s)
{
	int64_t ms = move(w);

	/* What has come meanwhile needs no waiting. */
	if (!is_settled(s)) {
		http_wait(w->http, NULL, 0, 0);
		ms = move(w);
	}
	if (!is_settled(s))
		web_before_wait(w);
	while (!is_settled(s)) {
		http_wait(w->http, NULL, 0, (int)ms);
		ms = move(w);
	}
}

static int slot_result(const struct slot *s, struct web_answer *a,
		       struct failure *f)
{
	put_answer(s, a);
	if (s->state == SLOT_DONE)
		return 0;
	return failed(f, s->f.status, "%s: %s", s->web->o.name, s->f.text.data);
}

int web_ask(struct web *w, struct web_request *rq, struct web_answer *a,
	    struct failure *f)
{
	struct slot *s = &w->single;
	struct web_request own = s->rq;
	int got;

	/* The request itself, so that prepare sees the caller's. */
	s->rq = *rq;
	slot_start(s);
	run_until_settled(w, s);
	got = slot_result(s, a, f);
	*rq = s->rq;
	s->rq = own;
	s->state = SLOT_IDLE;
	return got;
}

int web_refused(const struct web_answer *a, const char *what, struct failure *f)
{
	long n = a->status;
	int status = n == 401 || n == 403               ? EX_NOPERM
		     : n == 404 || n == 410             ? EX_NOINPUT
		     : n == 408 || n == 429 || n >= 500 ? EX_TEMPFAIL
							: EX_UNAVAILABLE;

	return failed(f, status, "%s: HTTP %ld", what, n);
}

/* ---- many, in order ---- */

struct web_queue {
	struct web *web;
	struct web_queue_opts o;
	struct slot *slots; /* a ring: begin is the one whose turn it is */
	size_t begin, n;
	bool handed_out; /* the answer of slots[begin] */
	size_t largest;  /* answer so far */
};

struct web_queue *web_queue_new(struct web *w, const struct web_queue_opts *o)
{
	struct web_queue *q = xcalloc(1, sizeof *q);

	q->web = w;
	q->o = *o;
	/* One more: the answer that is being read is not under way. */
	q->o.n_flying = MAX(o->n_flying, 1);
	q->slots = xcalloc(q->o.n_flying + 1, sizeof *q->slots);
	for (size_t i = 0; i <= q->o.n_flying; i++)
		slot_init(&q->slots[i], w);
	return q;
}

void web_queue_free(struct web_queue *q)
{
	if (!q)
		return;
	for (size_t i = 0; i <= q->o.n_flying; i++)
		slot_release(&q->slots[i]);
	free(q->slots);
	free(q);
}

static struct slot *slot_at(struct web_queue *q, size_t i)
{
	return &q->slots[(q->begin + i) % (q->o.n_flying + 1)];
}

/* Bytes that wait, and those that may come of what is under way. */
static size_t bytes_held(struct web_queue *q)
{
	size_t sum = 0;

	for (size_t i = 0; i < q->n; i++) {
		struct slot *s = slot_at(q, i);

		sum +=
		    is_settled(s) ? s->body.len : MAX(s->body.len, q->largest);
	}
	return sum;
}

static int fill_queue(struct web_queue *q, struct failure *f)
{
	size_t most = q->o.n_flying + (q->handed_out ? 1 : 0);

	while (q->n < most &&
	       (q->n == 0 || bytes_held(q) + q->largest <= q->o.max_bytes)) {
		struct slot *s = slot_at(q, q->n);
		int got;

		web_request_reset(&s->rq);
		got = q->o.make(q->o.arg, &s->rq, f);
		if (got <= 0)
			return got;
		slot_start(s);
		q->n++;
	}
	return 0;
}

static void drop_first(struct web_queue *q)
{
	struct slot *s = slot_at(q, 0);

	s->state = SLOT_IDLE;
	q->begin = (q->begin + 1) % (q->o.n_flying + 1);
	q->n--;
	q->handed_out = false;
}

int web_queue_next(struct web_queue *q, struct web_answer *a,
		   const struct web_request **rq, struct failure *f)
{
	struct slot *s;

	if (q->handed_out)
		drop_first(q);
	if (fill_queue(q, f) < 0)
		return -1;
	if (!q->n)
		return 0;
	s = slot_at(q, 0);
	run_until_settled(q->web, s);
	if (slot_result(s, a, f) < 0)
		return -1;
	q->handed_out = true;
	q->largest = MAX(q->largest, s->body.len);
	/* The others go on while this one is read. */
	if (fill_queue(q, f) < 0)
		return -1;
	move(q->web);
	http_wait(q->web->http, NULL, 0, 0);
	if (rq)
		*rq = &s->rq;
	return 1;
}

int web_chain_next(struct web_queue **q, struct web *w,
		   int (*make)(void *arg, struct web_request *rq,
			       struct failure *f),
		   void *arg, struct web_answer *a, struct failure *f)
{
	struct web_queue_opts o = {
		.n_flying = 1, .max_bytes = SIZE_MAX, .make = make, .arg = arg
	};
	int got;

	if (!*q)
		*q = web_queue_new(w, &o);
	got = web_queue_next(*q, a, NULL, f);
	if (got == 0)
		BUG("a request that was not made");
	return got < 0 ? -1 : 0;
}
