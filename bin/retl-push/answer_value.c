/* SPDX-License-Identifier: MIT */
/*
 * An answer as programs see it: its body as one value, what came with it, the
 * records that it is about; and what it says of itself, a code, a reason and
 * how long to wait. It comes from outside: it may be anything, and is bounded
 * by http.c.
 */
#include "bin/retl-push/answer.h"

#include "common/clock.h"
#include "common/msg.h"
#include "common/retry.h"
#include "common/utf8.h"
#include "bin/retl-push/rows.h"

#define MAX_SEEN 200 /* headers that programs see */

/* Any bytes as a JSON string; what is no UTF-8 becomes U+FFFD. */
static void put_any_text(struct buf *out, struct str text)
{
	struct buf good = BUF_INIT;

	for (size_t i = 0; i < text.n;) {
		size_t n = utf8_length(text.s + i, text.s + text.n);

		buf_add(&good, n ? text.s + i : "\xef\xbf\xbd", n ? n : 3);
		i += n ? n : 1;
	}
	json_put_str(out, buf_str(&good));
	buf_release(&good);
}

static bool is_json_type(struct str type)
{
	return type.s && (memmem(type.s, type.n, "json", 4) ||
			  memmem(type.s, type.n, "JSON", 4));
}

static bool looks_json(struct str body)
{
	size_t i = 0;

	while (i < body.n && strchr(" \t\r\n", body.s[i]) && body.s[i])
		i++;
	return i < body.n && (body.s[i] == '{' || body.s[i] == '[');
}

/* A text does not say itself where it ends, as JSON does. */
static void check_end(struct answer *w)
{
	if (w->unreadable || !answer_has_open_end(w))
		return;
	w->unreadable = true;
	w->flaw = "a text that ends with the connection, and no length says "
		  "that this is all";
}

/* The whole answer as one value; rows are a list. */
static void make_value(struct answer *w)
{
	struct str body = w->body, value;
	bool promised =
	    w->s->answer == ANSWER_JSON ||
	    is_json_type(http_header(w->a->headers, "content-type"));
	struct json_fault fault;

	if (w->has_value)
		return;
	w->has_value = true;
	if (!body.n) {
		buf_addz(&w->value, "null");
		/* Nothing where JSON was promised was cut off on the way. */
		w->unreadable |= promised && w->a->status != 204;
		check_end(w);
		return;
	}
	if (w->s->answer != ANSWER_TEXT && (promised || looks_json(body))) {
		if (json_check(body, &value, &fault) == 0) {
			buf_adds(&w->value, value);
			return;
		}
		w->unreadable |= promised;
	}
	put_any_text(&w->value, body);
	check_end(w);
}

struct str answer_value(struct answer *w)
{
	if (answer_is_rows(w))
		answer_list(w);
	else
		make_value(w);
	return buf_str(&w->value);
}

void answer_read(struct answer *w)
{
	w->unreadable = w->a->cut;
	w->body = w->a->body;
	if (rows_is_gzip(w->body)) {
		w->unpacked.max =
		    answer_is_rows(w) ? MAX_ROWS_ANSWER : MAX_ANSWER;
		if (rows_unpack(w->body, &w->unpacked, NULL) < 0) {
			w->unreadable = true;
			w->flaw = w->unpacked.over ? "too large, once unpacked"
						   : "gzip that is cut off";
		}
		w->body = buf_str(&w->unpacked);
		w->sealed = !w->unreadable;
	}
	w->body = str_skip_bom(w->body);
	/* Of rows nothing is asked until somebody looks at them. */
	if (!answer_is_rows(w))
		make_value(w);
}

static void make_response(struct answer *w)
{
	struct str rest = w->a->headers, name, value;
	struct buf *b = &w->response;
	bool any = false;
	size_t n = 0;

	buf_addf(b, "{\"status\":%ld,\"url\":", w->a->status);
	put_any_text(b, str_of(w->a->url));
	buf_addz(b, ",\"headers\":{");
	while (n++ < MAX_SEEN && http_next_header(&rest, &name, &value)) {
		/* Of a header that comes twice, the first counts. */
		if (http_find_header(w->a->headers, name).s != value.s)
			continue;
		if (any)
			buf_addc(b, ',');
		any = true;
		put_any_text(b, name);
		buf_addc(b, ':');
		put_any_text(b, value);
	}
	buf_addz(b, "}}");
}

static void make_batch(struct answer *w)
{
	struct flow *f = w->f;
	bool any = false;

	buf_addc(&w->batch, '[');
	for (size_t i = 0; i < f->n; i++) {
		struct rec *r = f->recs[i];

		if (!r->carried || r->stand_in)
			continue;
		if (any)
			buf_addc(&w->batch, ',');
		any = true;
		buf_adds(&w->batch, rec_str(r, r->record));
	}
	buf_addc(&w->batch, ']');
}

const struct scope *answer_scope(struct answer *w, const struct program *pr)
{
	if (pr->uses[VAR_RESPONSE] && !w->response.len) {
		make_response(w);
		w->scope.v[VAR_RESPONSE] = buf_str(&w->response);
	}
	if (pr->uses[VAR_BATCH] && !w->batch.len) {
		make_batch(w);
		w->scope.v[VAR_BATCH] = buf_str(&w->batch);
	}
	return &w->scope;
}

int answer_first(struct answer *w, const struct program *pr, struct buf *out)
{
	return program_value((struct program *)pr, answer_value(w),
			     answer_scope(w, pr), out, NULL, &w->p->err);
}

/* ---- code, reason, wait ---- */

int answer_scalar(struct buf *out, struct str v)
{
	struct buf scratch = BUF_INIT;

	switch (json_type(v)) {
	case JSON_STRING:
		buf_adds(out, json_text(v, &scratch));
		buf_release(&scratch);
		return 0;
	case JSON_NUMBER:
	case JSON_BOOL:
		buf_adds(out, v);
		return 0;
	default:
		return -1;
	}
}

void answer_cut(struct buf *b, size_t max)
{
	/* Of a secret, half is too much. */
	msg_blank(b->data, b->len);
	if (b->len <= max)
		return;
	while (max && ((unsigned char)b->data[max] & 0xc0) == 0x80)
		max--;
	buf_truncate(b, max);
}

static void ask(struct answer *w, const struct program *pr, struct buf *out,
		size_t max)
{
	struct buf v = BUF_INIT;

	buf_reset(out);
	if (pr->prog && answer_first(w, pr, &v) == 1)
		answer_scalar(out, buf_str(&v));
	answer_cut(out, max);
	buf_release(&v);
}

void answer_explain(struct answer *w)
{
	if (w->explained)
		return;
	w->explained = true;
	/* Rows are asked for outcomes, one by one, not as a whole. */
	if (answer_is_rows(w))
		return;
	ask(w, &w->p->d.code, &w->code, MAX_CODE);
	ask(w, &w->p->d.reason, &w->reason, MAX_REASON);
}

/* A date of theirs is by their clock, if they show it. */
static int64_t server_now(struct answer *w)
{
	int64_t at;

	if (http_date_ms(http_header(w->a->headers, "date"), &at) == 0)
		return at;
	return clock_now_ms();
}

int64_t answer_hint(struct answer *w)
{
	int64_t wait = retry_after_ms(http_header(w->a->headers, "retry-after"),
				      server_now(w));
	struct buf v = BUF_INIT, text = BUF_INIT;

	if (w->p->d.wait.prog && answer_first(w, &w->p->d.wait, &v) == 1 &&
	    answer_scalar(&text, buf_str(&v)) == 0)
		wait = MAX(wait, retry_hint_ms(buf_str(&text), server_now(w)));
	buf_release(&v);
	buf_release(&text);
	return wait;
}
