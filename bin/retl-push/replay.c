/* SPDX-License-Identifier: MIT */
#include "bin/retl-push/replay.h"

#include "bin/retl-push/replay_request.h"

#include "common/mem.h"
#include "common/msg.h"

static int check_line(struct push *p, struct str line, struct replay_line *l,
		      struct buf *err)
{
	struct json_fault fault;
	struct str v;
	struct buf body = BUF_INIT, headers = BUF_INIT;
	int ret = -1;

	if (json_check(line, &v, &fault) < 0 || json_type(v) != JSON_OBJECT)
		return fail(err, "not a line of a dry run");
	if (replay_line_read(p, v, l, err) == 0 &&
	    replay_make_url(p, l, NULL, err) == 0 &&
	    replay_check_headers(p, l, err) == 0 &&
	    replay_make_body(p, l, &body, err) == 0)
		ret = 0;
	/* Tokens are not there yet: only what comes from the line counts. */
	if (!ret && !p->d.n_auth_save)
		ret = replay_make_headers(p, l, buf_str(&body), &headers, err);
	buf_release(&body);
	buf_release(&headers);
	return ret;
}

/* ---- before anything is sent ---- */

/* Digests of what is replayed: diff_ids, or else lines. */
struct seen {
	uint8_t (*v)[16];
	size_t n, cap;
};

static void note_seen(struct seen *seen, const struct replay_line *l)
{
	struct json_iter it;
	struct str v;

	json_iter_init(&it, json_count(l->ids) ? l->ids : l->lines);
	while (json_iter_element(&it, &v)) {
		if (seen->n == seen->cap) {
			seen->cap = MAX(2 * seen->cap, 256);
			seen->v =
			    xreallocarray(seen->v, seen->cap, sizeof *seen->v);
		}
		order_digest(v, 0, seen->v[seen->n++]);
	}
}

static int by_digest(const void *a, const void *b)
{
	return memcmp(a, b, 16);
}

static bool has_twice(struct seen *seen)
{
	if (seen->n)
		qsort(seen->v, seen->n, sizeof *seen->v, by_digest);
	for (size_t i = 1; i < seen->n; i++)
		if (!memcmp(seen->v[i - 1], seen->v[i], 16))
			return true;
	return false;
}

#define MAX_TOLD 10

int replay_check(struct push *p)
{
	struct ndjson in = NDJSON_INIT;
	struct seen seen = { .n = 0 };
	struct buf err = BUF_INIT, place = BUF_INIT;
	uint64_t n_bad = 0;
	int got;

	in.max_record = p->cfg.max_record;
	if (ndjson_open(&in, p->cfg.replay) < 0)
		die(in.status, "%s", in.err.data);
	while ((got = ndjson_next(&in)) == 1) {
		struct replay_line l;

		buf_reset(&err);
		if (check_line(p, in.line, &l, &err) == 0) {
			note_seen(&seen, &l);
			continue;
		}
		buf_reset(&place);
		ndjson_place(&in, &place);
		if (n_bad++ < MAX_TOLD)
			msg_error("%s: %s", place.data, err.data);
	}
	if (got < 0)
		die(in.status, "%s", in.err.data);
	if (n_bad)
		msg_error("%s: %" PRIu64 " lines cannot be replayed; nothing "
			  "is sent",
			  p->cfg.replay, n_bad);
	else if (has_twice(&seen))
		msg_error("%s: a record is in it twice; nothing is sent",
			  p->cfg.replay);
	else
		seen.n = 0;
	got = n_bad || seen.n ? -1 : 0;
	free(seen.v);
	buf_release(&err);
	buf_release(&place);
	ndjson_close(&in);
	return got;
}

/* ---- sending ---- */

static struct span put_span(struct rec *r, struct str s)
{
	struct span at = { r->text.len, s.n };

	buf_adds(&r->text, s);
	return at;
}

/* The records of a line, as far as they are known; the first has the line. */
static struct flow *make_flow(struct push *p, const struct replay_line *l,
			      struct str line)
{
	struct flow *f = flow_new(p, l->op);
	struct json_iter ids, lines, results;
	struct str v;

	json_iter_init(&ids, l->ids);
	json_iter_init(&lines, l->lines);
	json_iter_init(&results, l->results);
	while (json_iter_element(&lines, &v)) {
		struct rec *r = rec_new(p);

		str_to_u64(v, &r->line);
		r->op = l->op;
		r->record = put_span(r, STR("{}"));
		if (json_iter_element(&results, &v))
			r->kind = replay_kind(v);
		if (json_iter_element(&ids, &v))
			r->id = put_span(r, v);
		if (!f->n)
			r->original = put_span(r, line);
		r->n_own = r->text.len;
		flow_add(f, r);
	}
	return f;
}

/* After a stop: a line's records have not been sent. */
static void fail_line(struct push *p, const struct replay_line *l)
{
	const struct outcome o = {
		.status = FAILED,
		.code = STR("stopped"),
		.reason = STR("the push was stopped before this was delivered"),
	};
	struct json_iter ids, lines;
	struct str v, id;
	uint64_t line;

	json_iter_init(&ids, l->ids);
	json_iter_init(&lines, l->lines);
	while (json_iter_element(&lines, &v)) {
		if (!json_iter_element(&ids, &id))
			id = STR("");
		str_to_u64(v, &line);
		receipts_add(&p->receipts, line, id, 0, &o);
	}
}

bool replay_take(struct push *p, struct str line, uint64_t line_no)
{
	struct buf err = BUF_INIT;
	struct replay_line l;
	struct flow *f;

	if (p->n_unsettled)
		return false;
	if (check_line(p, line, &l, &err) < 0) {
		/* It was good when all were looked at. */
		push_stop(p, EX_DATAERR, "%s: line %" PRIu64 ": %s",
			  p->cfg.replay, line_no, err.data);
		buf_release(&err);
		return true;
	}
	buf_release(&err);
	if (p->stopped) {
		fail_line(p, &l);
		return true;
	}
	f = make_flow(p, &l, line);
	list_push(&p->ready, f, false);
	return true;
}

enum built replay_build(struct flow *f)
{
	struct push *p = f->push;
	struct str line = rec_str(f->recs[0], f->recs[0]->original);
	struct replay_line l;

	for (size_t i = 0; i < f->n; i++)
		f->recs[i]->carried = true;
	f->n_carried = f->n;
	f->elsewhere = false;
	buf_reset(&f->url);
	buf_reset(&f->headers);
	buf_reset(&f->body);
	if (replay_line_read(p, line, &l, &p->err) < 0 ||
	    replay_make_url(p, &l, &f->url, &p->err) < 0 ||
	    replay_make_body(p, &l, &f->body, &p->err) < 0 ||
	    replay_make_headers(p, &l, buf_str(&f->body), &f->headers,
				&p->err) < 0) {
		push_stop(p, EX_DATAERR, "%s: %s", p->cfg.replay, p->err.data);
		return BUILD_FAILED;
	}
	f->n_body = f->body.len;
	return request_finish(f);
}

void replay_release(struct push *p)
{
	if (!p->shown_d)
		return;
	delivery_release(p->shown_d);
	free(p->shown_d);
	p->shown_d = NULL;
}
