/* SPDX-License-Identifier: MIT */
/*
 * The scripted vendor. It asks nothing of a request but that it be the next one
 * of the script; any other is answered with 418, which no contract repeats.
 */
#include <zlib.h>

#include "common/json.h"
#include "common/mem.h"
#include "common/msg.h"
#include "tests/mock/lib/cases.h"
#include "tests/mock/lib/ids.h"

struct play {
	struct str exchange; /* the list */
	size_t n, at;        /* steps in it; the next one */
	uint64_t times;      /* that one was played */
	struct ids bound;    /* what <word> stands for */
	struct buf want, got, scratch;
	int n_faults;
};

/* ---- texts with holes ---- */

static bool is_word(char c)
{
	return isalnum((unsigned char)c) || c == '-' || c == '_' || c == ':' ||
	       c == '.';
}

/* "<word>" at the start of text: its length, else 0. */
static size_t hole(struct str text)
{
	size_t n = 1;

	if (!text.n || text.s[0] != '<')
		return 0;
	while (n < text.n && islower((unsigned char)text.s[n]))
		n++;
	while (n < text.n && isdigit((unsigned char)text.s[n]))
		n++;
	return n > 1 && n < text.n && text.s[n] == '>' ? n + 1 : 0;
}

static struct str skip(struct str text, size_t n)
{
	return (struct str){ text.s + n, text.n - n };
}

/* How much of got the hole takes: up to what follows the hole in want. */
static size_t fill(struct str after, struct str got)
{
	size_t n = 0;

	while (n < got.n && is_word(got.s[n]) &&
	       (!after.n || got.s[n] != after.s[0]))
		n++;
	return n;
}

/* Is got what want says? If not, *at is where they part. */
static bool matches(struct play *p, struct str want, struct str got, size_t *at)
{
	const char *start = got.s;
	struct id_entry *e;
	size_t n;

	while (want.n) {
		size_t len = hole(want);

		*at = (size_t)(got.s - start);
		if (!len) {
			if (!got.n || got.s[0] != want.s[0])
				return false;
			want = skip(want, 1);
			got = skip(got, 1);
			continue;
		}
		e = ids_find(&p->bound, (struct str){ want.s, len });
		n = e ? e->value.n : fill(skip(want, len), got);
		if (!n || got.n < n || (e && memcmp(got.s, e->value.s, n) != 0))
			return false;
		if (!e)
			ids_set(&p->bound, (struct str){ want.s, len },
				(struct str){ got.s, n });
		want = skip(want, len);
		got = skip(got, n);
	}
	*at = (size_t)(got.s - start);
	return !got.n;
}

static void put_filled(struct play *p, struct buf *out, struct str text)
{
	while (text.n) {
		size_t len = hole(text);
		struct id_entry *e = NULL;

		if (len)
			e = ids_find(&p->bound, (struct str){ text.s, len });
		if (e)
			buf_adds(out, e->value);
		else
			buf_addc(out, text.s[0]);
		text = skip(text, e ? len : 1);
	}
}

/* A text as it is, any other value as its compact text. */
static void put_plain(struct buf *out, struct str v)
{
	struct buf scratch = BUF_INIT;

	if (json_type(v) == JSON_STRING)
		buf_adds(out, json_text(v, &scratch));
	else
		json_put_compact(out, v);
	buf_release(&scratch);
}

/* ---- what was asked ---- */

static void differ(struct play *p, const char *part, struct str want,
		   struct str got, size_t at)
{
	p->n_faults++;
	msg_error("exchange %zu: %s: wanted %.*s, got %.*s (at byte %zu)",
		  p->at + 1, part, STR_ARG(want), STR_ARG(got), at);
}

static bool same_text(struct play *p, const char *part, struct str want,
		      struct str got)
{
	size_t at;

	if (matches(p, want, got.s ? got : STR(""), &at))
		return true;
	differ(p, part, want, got.s ? got : STR("(none)"), at);
	return false;
}

static bool same_value(struct play *p, const char *part, struct str want,
		       struct str got)
{
	if (!want.s)
		return true;
	buf_reset(&p->want);
	put_plain(&p->want, want);
	return same_text(p, part, buf_str(&p->want), got);
}

static bool same_headers(struct play *p, struct str want,
			 const struct request *r)
{
	struct json_member m;
	struct json_iter it;
	bool good = true;

	if (!want.s)
		return true;
	json_iter_init(&it, want);
	while (json_iter_member(&it, &m)) {
		char *name = xstrndup(m.key.s, m.key.n);
		struct str got;

		for (char *c = name; *c; c++)
			*c = (char)tolower((unsigned char)*c);
		got = request_header(r, name);
		if (json_type(m.val) == JSON_NULL && got.s) {
			differ(p, name, STR("(none)"), got, 0);
			good = false;
		} else if (json_text_is(m.val, "*") && !got.n) {
			differ(p, name, STR("*"), STR("(none)"), 0);
			good = false;
		} else if (json_type(m.val) == JSON_STRING &&
			   !json_text_is(m.val, "*")) {
			good &= same_value(p, name, m.val, got);
		}
		free(name);
	}
	return good;
}

static struct str body_inflated(struct play *p, const struct request *r)
{
	struct z_stream_s z = { 0 };
	int ret;

	if (!str_is(request_header(r, "content-encoding"), "gzip"))
		return r->body;
	buf_reset(&p->got);
	inflateInit2(&z, 15 + 16);
	z.next_in = (Bytef *)r->body.s;
	z.avail_in = (uInt)r->body.n;
	do {
		buf_reserve(&p->got, 65536);
		z.next_out = (Bytef *)p->got.data + p->got.len;
		z.avail_out = 65536;
		ret = inflate(&z, Z_NO_FLUSH);
		p->got.len += 65536 - z.avail_out;
	} while (ret == Z_OK);
	inflateEnd(&z);
	if (ret != Z_STREAM_END)
		msg_error("exchange %zu: a broken gzip body", p->at + 1);
	return buf_str(&p->got);
}

/* ---- the script ---- */

/* The step that is due; .s NULL: there is none left. */
static struct str step(const struct play *p)
{
	struct json_iter it;
	struct str v;
	size_t i = 0;

	json_iter_init(&it, p->exchange);
	while (json_iter_element(&it, &v))
		if (i++ == p->at)
			return v;
	return STR_NONE;
}

static void step_done(struct play *p, struct str which)
{
	struct str times = json_get(which, "times");
	uint64_t n = 1;

	if (times.s)
		str_to_u64(times, &n);
	if (++p->times >= n) {
		p->at++;
		p->times = 0;
	}
}

/* Does the answer end the connection at this point, and how? */
static enum drop ends(struct str answer, const char *when)
{
	struct str how = json_get(answer, "close");

	if (how.s && json_text_is(how, when))
		return DROP_CLOSE;
	how = json_get(answer, "reset");
	return how.s && json_text_is(how, when) ? DROP_RESET : DROP_NONE;
}

static enum drop head(void *self, const struct request *r)
{
	struct play *p = self;
	struct str one = step(p), want;
	enum drop drop;

	if (!one.s)
		return DROP_NONE;
	drop = ends(json_get(one, "answer"), "before");
	if (drop == DROP_NONE)
		return DROP_NONE;
	want = json_get(one, "request");
	same_value(p, "method", json_get(want, "method"), r->method);
	same_value(p, "url", json_get(want, "url"), r->target);
	step_done(p, one);
	return drop;
}

static void answer_fill(struct play *p, struct str want,
			const struct request *r, struct answer *a)
{
	struct str headers = json_get(want, "headers");
	struct str body = json_get(want, "body"), v;
	struct json_member m;
	struct json_iter it;
	uint64_t n = 200;

	v = json_get(want, "status");
	a->drop = ends(want, "after");
	if (v.s)
		str_to_u64(v, &n);
	a->status = v.s || a->drop == DROP_NONE ? (int)n : 0;
	if (body.s && json_type(body) != JSON_STRING)
		answer_header(a, "Content-Type", "application/json");
	if (headers.s) {
		json_iter_init(&it, headers);
		while (json_iter_member(&it, &m)) {
			buf_adds(&a->headers, m.key);
			buf_addz(&a->headers, ": ");
			put_plain(&a->headers, m.val);
			buf_addz(&a->headers, "\r\n");
		}
	}
	if (body.s) {
		buf_reset(&p->scratch);
		put_plain(&p->scratch, body);
		buf_reset(&p->want);
		buf_addf(&p->want, "http://%.*s",
			 STR_ARG(request_header(r, "host")));
		buf_reset(&p->got);
		cases_put_server(&p->got, buf_str(&p->scratch),
				 buf_str(&p->want));
		put_filled(p, &a->body, buf_str(&p->got));
	}
	v = json_get(want, "delay");
	if (v.s)
		str_to_u64(v, &a->delay_ms);
	v = json_get(want, "truncate");
	if (v.s && str_to_u64(v, &n) == 0) {
		a->keep = n;
		a->drop = DROP_CLOSE;
	}
}

static void serve(void *self, const struct request *r, struct answer *a)
{
	struct play *p = self;
	struct str one = step(p), want;
	bool good;

	if (!one.s) {
		p->n_faults++;
		msg_error("not in the script: %.*s %.*s %.*s",
			  STR_ARG(r->method), STR_ARG(r->target),
			  STR_ARG(r->body));
		a->status = 418;
		return;
	}
	want = json_get(one, "request");
	good = same_value(p, "method", json_get(want, "method"), r->method);
	good &= same_value(p, "url", json_get(want, "url"), r->target);
	good &= same_headers(p, json_get(want, "headers"), r);
	good &=
	    same_value(p, "body", json_get(want, "body"), body_inflated(p, r));
	if (good)
		answer_fill(p, json_get(one, "answer"), r, a);
	else
		a->status = 418;
	step_done(p, one);
}

int cases_play(struct str one, struct server *s)
{
	struct play p = { .want = BUF_INIT,
			  .got = BUF_INIT,
			  .scratch = BUF_INIT };
	struct buf err = BUF_INIT;

	p.exchange = json_get(one, "exchange");
	if (!p.exchange.s)
		p.exchange = STR("[]");
	p.n = json_count(p.exchange);
	s->self = &p;
	s->head = head;
	s->serve = serve;
	if (server_run(s, &err) < 0)
		die(EX_OSERR, "%s", err.data);
	if (p.at < p.n) {
		p.n_faults++;
		msg_error("%zu of %zu exchanges were not asked for", p.n - p.at,
			  p.n);
	}
	ids_release(&p.bound);
	buf_release(&p.want);
	buf_release(&p.got);
	buf_release(&p.scratch);
	buf_release(&err);
	return p.n_faults ? EX_REFUSED : 0;
}
