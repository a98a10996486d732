/* SPDX-License-Identifier: MIT */
/*
 * What an answer means: the contract's rules and what is built in, then the
 * outcomes that its results name, record by record. An answer comes from
 * outside: it may be anything, and is bounded by http.c.
 */
#include "bin/retl-push/push.h"

#include "common/clock.h"
#include "common/mem.h"
#include "common/msg.h"
#include "common/retry.h"
#include "common/utf8.h"

/* A reason is for people and receipts: so much of the vendor's words. */
#define MAX_REASON 500
#define MAX_CODE 100
#define MAX_SEEN 200 /* headers that programs see */
#define SHOWN 2000   /* bytes of a body, with -v */

struct answer {
	struct flow *f;
	struct push *p;
	const struct step *s;
	const struct http_answer *a;
	struct buf value; /* JSON */
	bool unreadable;  /* not what its kind promises */
	struct buf response, batch;
	struct scope scope;
	struct buf code, reason;
	bool explained;
	int64_t wait_ms; /* -1: no hint */
	bool throttled;
	bool failed; /* nothing of it went well, for a reason that passes */
};

/* ---- making a value of it ---- */

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

static void read_value(struct answer *w)
{
	struct str body = w->a->body, value;
	bool promised =
	    w->s->answer == ANSWER_JSON ||
	    is_json_type(http_header(w->a->headers, "content-type"));
	struct json_fault fault;

	w->unreadable = w->a->cut;
	if (!body.n) {
		buf_addz(&w->value, "null");
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

		if (!r->carried)
			continue;
		if (any)
			buf_addc(&w->batch, ',');
		any = true;
		buf_adds(&w->batch, rec_str(r, r->record));
	}
	buf_addc(&w->batch, ']');
}

static const struct scope *scope_for(struct answer *w, const struct program *pr)
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

static int run(struct answer *w, const struct program *pr, struct buf *out)
{
	return program_run((struct program *)pr, buf_str(&w->value),
			   scope_for(w, pr), out, NULL, &w->p->err);
}

static int first(struct answer *w, const struct program *pr, struct buf *out)
{
	return program_value((struct program *)pr, buf_str(&w->value),
			     scope_for(w, pr), out, NULL, &w->p->err);
}

/* ---- code, reason, wait ---- */

/* A scalar as text; -1 for anything else. null is none. */
static int put_scalar(struct buf *out, struct str v)
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

/* Not in the middle of a character. */
static void cut_text(struct buf *b, size_t max)
{
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
	if (pr->prog && first(w, pr, &v) == 1)
		put_scalar(out, buf_str(&v));
	cut_text(out, max);
	msg_blank(out->data, out->len);
	buf_release(&v);
}

/* code and reason, by the contract's answers; once. */
static void explain(struct answer *w)
{
	if (w->explained)
		return;
	w->explained = true;
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

static int64_t hint_of(struct answer *w)
{
	int64_t wait = retry_after_ms(http_header(w->a->headers, "retry-after"),
				      server_now(w));
	struct buf v = BUF_INIT;

	if (w->p->d.wait.prog && first(w, &w->p->d.wait, &v) == 1 &&
	    json_type(buf_str(&v)) == JSON_NUMBER) {
		double s = strtod(v.data, NULL);

		if (s > 0 && s < 1e9)
			wait = MAX(wait, (int64_t)(s * 1000) + 1);
	}
	buf_release(&v);
	return wait;
}

static struct str text_or_none(const struct buf *b)
{
	return b->len ? buf_str(b) : STR_NONE;
}

/* ---- rules ---- */

static bool status_matches(struct str want, long status)
{
	struct json_iter it;
	struct str v;
	char digits[24];
	struct buf scratch = BUF_INIT;
	bool yes = false;

	if (json_type(want) == JSON_ARRAY) {
		json_iter_init(&it, want);
		while (!yes && json_iter_element(&it, &v))
			yes = status_matches(v, status);
		return yes;
	}
	snprintf(digits, sizeof digits, "%ld", status);
	if (json_type(want) == JSON_STRING) {
		/* "5xx" */
		v = json_text(want, &scratch);
		yes = v.n == 3 && v.s[0] == digits[0] && v.s[1] == 'x' &&
		      v.s[2] == 'x';
		buf_release(&scratch);
		return yes;
	}
	return str_is(want, digits);
}

static bool code_matches(struct answer *w, struct str want)
{
	struct json_iter it;
	struct str v;
	struct buf text = BUF_INIT;
	bool yes = false;

	explain(w);
	if (!w->code.len)
		return false;
	if (json_type(want) != JSON_ARRAY) {
		put_scalar(&text, want);
		yes = str_eq(buf_str(&text), buf_str(&w->code));
		buf_release(&text);
		return yes;
	}
	json_iter_init(&it, want);
	while (!yes && json_iter_element(&it, &v))
		yes = code_matches(w, v);
	return yes;
}

static bool when_matches(struct answer *w, const struct program *when)
{
	struct buf out = BUF_INIT;
	bool yes = first(w, when, &out) == 1 &&
		   strcmp(out.data, "false") != 0 &&
		   strcmp(out.data, "null") != 0;

	buf_release(&out);
	return yes;
}

static const struct rule *match(struct answer *w, const struct rules *rules)
{
	for (size_t i = 0; i < rules->n; i++) {
		const struct rule *r = &rules->v[i];

		if (r->status.s && !status_matches(r->status, w->a->status))
			continue;
		if (r->code.s && !code_matches(w, r->code))
			continue;
		if (r->when.prog && !when_matches(w, &r->when))
			continue;
		return r;
	}
	return NULL;
}

static const struct rule *find_rule(struct answer *w)
{
	const struct rule *r = match(w, &w->s->rules);

	if (!r)
		r = match(w, &w->f->op->rules);
	if (!r)
		r = match(w, &w->p->d.rules);
	return r;
}

static enum verdict built_in(const struct answer *w)
{
	long status = w->a->status;

	if (status >= 200 && status < 300)
		return GO_ON;
	switch (status) {
	case 408:
	case 425:
	case 429:
		return RETRY;
	case 401:
		return REFRESH;
	case 400:
	case 409:
	case 413:
	case 422:
		return SPLIT;
	case 404:
	case 410:
		return w->s->names_record && w->f->op->one ? REJECTED : STOP;
	default:
		break;
	}
	if (status >= 500 && status < 600)
		return w->s->resend == RESEND_SAME ? RETRY : UNKNOWN;
	return STOP;
}

/* ---- outcomes ---- */

/*
 * Finds records by ref or key: texts in a small hash table, made once an
 * answer, and only if an outcome asks for it.
 */
struct index {
	size_t *slots; /* place in recs + 1 */
	size_t n_slots;
	struct buf text;
	struct span *names;
	bool made;
};

static uint64_t hash_text(struct str s)
{
	uint64_t h = 1469598103934665603u;

	for (size_t i = 0; i < s.n; i++)
		h = (h ^ (unsigned char)s.s[i]) * 1099511628211u;
	return h;
}

/* The text that an outcome's key is compared with. */
static void put_match(struct answer *w, struct rec *r, struct buf *out)
{
	const struct contract *c = w->p->contract;
	struct program *match = (struct program *)&w->f->op->match;
	struct buf v = BUF_INIT;
	struct scope scope;
	struct str val;

	if (match->prog) {
		scope_fill(w->f, r, &scope);
		if (program_value(match, rec_str(r, r->record), &scope, &v,
				  NULL, &w->p->err) == 1)
			put_scalar(out, buf_str(&v));
	} else if (c->n_keys == 1 && c->keys[0].n == 1 &&
		   json_find(rec_str(r, r->record), c->keys[0].v[0], &val) ==
		       1) {
		put_scalar(out, val);
	}
	buf_release(&v);
}

static void index_make(struct answer *w, struct index *x, bool by_ref)
{
	struct flow *f = w->f;

	x->made = true;
	x->n_slots = 16;
	while (x->n_slots < 2 * f->n)
		x->n_slots *= 2;
	x->slots = xcalloc(x->n_slots, sizeof *x->slots);
	x->names = xcalloc(f->n, sizeof *x->names);
	x->text = BUF_INIT;
	for (size_t i = 0; i < f->n; i++) {
		struct rec *r = f->recs[i];
		size_t at = x->text.len;
		uint64_t h;

		if (!r->carried)
			continue;
		if (by_ref)
			buf_add(&x->text, r->ref + 1, strlen(r->ref) - 2);
		else
			put_match(w, r, &x->text);
		x->names[i] = (struct span){ at, x->text.len - at };
		h = hash_text((struct str){ x->text.data + at, x->names[i].n });
		while (x->slots[h & (x->n_slots - 1)])
			h++;
		x->slots[h & (x->n_slots - 1)] = i + 1;
	}
}

static void index_release(struct index *x)
{
	free(x->slots);
	free(x->names);
	if (x->made)
		buf_release(&x->text);
}

/* Which verdict stands when an answer gives a record two. */
static int weight(enum verdict v)
{
	static const int weights[] = {
		[NO_VERDICT] = 0, [DELIVERED] = 1, [SKIPPED] = 1, [AGAIN] = 2,
		[RETRY] = 3,      [SPLIT] = 4,     [UNKNOWN] = 5, [FAILED] = 6,
		[REJECTED] = 7,   [STOP] = 8,
	};

	return weights[v];
}

static void decide(struct answer *w, struct rec *r, enum verdict v,
		   struct str code, struct str reason)
{
	r->in_results = true;
	r->http_status = w->a->status;
	if (weight(v) > weight(r->verdict))
		flow_decide(w->f, r, v, code, reason);
}

struct spoken {
	enum verdict v;
	struct str code, reason; /* text, borrowed */
};

/* Applies an outcome to all whose text is name. */
static void decide_named(struct answer *w, struct index *x, bool by_ref,
			 struct str name, const struct spoken *o)
{
	uint64_t h = hash_text(name);
	size_t slot;

	if (!x->made)
		index_make(w, x, by_ref);
	for (; (slot = x->slots[h & (x->n_slots - 1)]); h++) {
		struct span at = x->names[slot - 1];

		if (str_eq((struct str){ x->text.data + at.at, at.n }, name))
			decide(w, w->f->recs[slot - 1], o->v, o->code,
			       o->reason);
	}
}

static void decide_at(struct answer *w, struct str number,
		      const struct spoken *o)
{
	struct flow *f = w->f;
	uint64_t want;

	if (str_to_u64(number, &want) < 0)
		return;
	for (size_t i = 0; i < f->n; i++) {
		if (!f->recs[i]->carried)
			continue;
		if (want-- == 0) {
			decide(w, f->recs[i], o->v, o->code, o->reason);
			return;
		}
	}
}

struct outcomes {
	struct index refs, keys;
	struct spoken rest; /* for all who are not named */
	struct buf rest_code, rest_reason;
};

static void keep_rest(struct outcomes *all, const struct spoken *o)
{
	if (weight(o->v) <= weight(all->rest.v))
		return;
	all->rest.v = o->v;
	buf_reset(&all->rest_code);
	buf_adds(&all->rest_code, o->code);
	buf_reset(&all->rest_reason);
	buf_adds(&all->rest_reason, o->reason);
}

static struct str spoken_text(struct str object, const char *member,
			      struct buf *out, size_t max)
{
	struct str v = json_get(object, member);

	buf_reset(out);
	if (v.s && put_scalar(out, v) < 0 && json_type(v) != JSON_NULL)
		json_put_compact(out, v);
	cut_text(out, max);
	msg_blank(out->data, out->len);
	return text_or_none(out);
}

/* One outcome of the stream; -1: it is none. */
static int take_outcome(struct answer *w, struct str line, struct outcomes *all)
{
	struct str status, index, ref, key;
	struct buf word = BUF_INIT, name = BUF_INIT;
	struct spoken o;
	int ret = 0;

	if (json_type(line) != JSON_OBJECT)
		return -1;
	status = json_get(line, "status");
	index = json_get(line, "index");
	ref = json_get(line, "ref");
	key = json_get(line, "key");
	o.v = status.s && json_type(status) == JSON_STRING
		  ? verdict_parse(json_text(status, &word))
		  : NO_VERDICT;
	if (!o.v || o.v == GO_ON || o.v == REFRESH) {
		ret = -1;
		goto out;
	}
	o.code = spoken_text(line, "code", &w->code, MAX_CODE);
	o.reason = spoken_text(line, "reason", &w->reason, MAX_REASON);
	if (index.s && json_type(index) == JSON_NUMBER)
		decide_at(w, index, &o);
	else if (ref.s && put_scalar(&name, ref) == 0)
		decide_named(w, &all->refs, true, buf_str(&name), &o);
	else if (key.s && put_scalar(&name, key) == 0)
		decide_named(w, &all->keys, false, buf_str(&name), &o);
	else if (!index.s && !ref.s && !key.s)
		keep_rest(all, &o);
	/* One that names null names nobody we know. */
out:
	buf_release(&word);
	buf_release(&name);
	return ret;
}

/* "again" is only for neighbours of a record that was settled. */
static void check_again(struct flow *f)
{
	bool settled = false;

	for (size_t i = 0; i < f->n; i++)
		settled |= f->recs[i]->carried &&
			   weight(f->recs[i]->verdict) >= 1 &&
			   f->recs[i]->verdict != AGAIN &&
			   f->recs[i]->verdict != RETRY;
	for (size_t i = 0; !settled && i < f->n; i++)
		if (f->recs[i]->verdict == AGAIN)
			f->recs[i]->verdict = RETRY;
}

/* -1: the answer cannot be read. */
static int take_results(struct answer *w, const struct program *results)
{
	struct outcomes all = { .rest_code = BUF_INIT,
				.rest_reason = BUF_INIT };
	struct buf out = BUF_INIT;
	struct str rest, line;
	int ret = -1;

	if (run(w, results, &out) < 0)
		goto out;
	rest = buf_str(&out);
	while (str_split(&rest, '\n', &line))
		if (line.n && take_outcome(w, line, &all) < 0) {
			fail(&w->p->err, "an outcome without a status that "
					 "is known");
			goto out;
		}
	for (size_t i = 0; i < w->f->n; i++) {
		struct rec *r = w->f->recs[i];

		if (!r->carried)
			continue;
		r->in_results = true;
		r->http_status = w->a->status;
		if (!r->verdict && all.rest.v)
			flow_decide(w->f, r, all.rest.v,
				    text_or_none(&all.rest_code),
				    text_or_none(&all.rest_reason));
		/* Someone was refused; the others may have been taken. */
		if (r->verdict == SPLIT && w->s->commits)
			r->ambiguous = true;
	}
	check_again(w->f);
	ret = 0;
out:
	index_release(&all.refs);
	index_release(&all.keys);
	buf_release(&all.rest_code);
	buf_release(&all.rest_reason);
	buf_release(&out);
	return ret;
}

/* ---- save ---- */

static int take_saved(struct answer *w)
{
	struct flow *f = w->f;
	struct buf saved = BUF_INIT;
	int ret = 0;

	if (!w->s->n_save)
		return 0;
	buf_adds(&saved, buf_str(&f->saved));
	for (size_t i = 0; !ret && i < w->s->n_save; i++) {
		const struct named *n = &w->s->save[i];

		buf_truncate(&saved, saved.len - 1);
		if (saved.len > 1)
			buf_addc(&saved, ',');
		buf_adds(&saved, n->name);
		buf_addc(&saved, ':');
		ret = first(w, &n->prog, &saved);
		if (ret == 0)
			buf_addz(&saved, "null");
		ret = ret < 0 ? -1 : 0;
		buf_addc(&saved, '}');
	}
	if (ret == 0) {
		buf_reset(&f->saved);
		buf_adds(&f->saved, buf_str(&saved));
	}
	buf_release(&saved);
	return ret;
}

/* ---- the whole answer ---- */

static void decide_all(struct answer *w, enum verdict v, struct str code,
		       struct str reason)
{
	for (size_t i = 0; i < w->f->n; i++)
		if (w->f->recs[i]->carried)
			w->f->recs[i]->http_status = w->a->status;
	flow_decide_all(w->f, v, code, reason);
}

static void mark_ambiguous(struct answer *w)
{
	if (!w->s->commits)
		return;
	for (size_t i = 0; i < w->f->n; i++)
		if (w->f->recs[i]->carried)
			w->f->recs[i]->ambiguous = true;
}

/* It says yes, but not in words that the contract understands. */
static void take_unreadable(struct answer *w)
{
	struct buf why = BUF_INIT;

	buf_addf(&why, "an answer that cannot be read%s%s",
		 w->p->err.len ? ": " : "", w->p->err.data);
	if (w->a->cut)
		buf_addf(&why, " (%s)", w->a->why);
	cut_text(&why, MAX_REASON);
	msg_blank(why.data, why.len);
	mark_ambiguous(w);
	decide_all(w, FAILED, STR("unreadable"), buf_str(&why));
	buf_release(&why);
}

static void stop(struct answer *w, bool credentials)
{
	long status = w->a->status;
	bool denied = credentials || status == 401 || status == 403;

	explain(w);
	push_stop(w->p, denied ? EX_NOPERM : EX_UNAVAILABLE,
		  "%s: the destination refuses, HTTP %ld%s%s%s%s%s",
		  w->p->contract->name, status, w->code.len ? " " : "",
		  w->code.data, w->reason.len ? ": " : "", w->reason.data,
		  denied ? " (check the credentials)"
		  : status >= 300 && status < 400
		      ? " (redirects are not followed: check the address)"
		      : "");
}

/* The same where an outcome says so. */
static void stop_for(struct answer *w, const struct rec *r)
{
	w->explained = true;
	buf_reset(&w->code);
	buf_add(&w->code, w->f->notes.data + r->code.at, r->code.n);
	buf_reset(&w->reason);
	buf_add(&w->reason, w->f->notes.data + r->reason.at, r->reason.n);
	stop(w, false);
}

static void apply(struct answer *w, enum verdict v, struct str reason)
{
	explain(w);
	if (reason.s) {
		buf_reset(&w->reason);
		buf_adds(&w->reason, reason);
	}
	if (v == REFRESH && credentials_renew(w->f))
		v = AGAIN;
	if (v == STOP || v == REFRESH)
		stop(w, v == REFRESH);
	/* A server that broke down may have done its work before. */
	if (w->a->status >= 500 && w->a->status < 600 && v != REJECTED)
		mark_ambiguous(w);
	if (v == RETRY) {
		w->wait_ms = hint_of(w);
		w->throttled = w->a->status < 500 || w->wait_ms >= 0;
		if (w->wait_ms > 0)
			w->p->not_before =
			    MAX(w->p->not_before,
				clock_tick_ms() + MIN(w->wait_ms, INT32_MAX));
		msg_debug("batch %" PRIu64 ": HTTP %ld", w->f->number,
			  w->a->status);
	}
	w->failed = v == RETRY || (v == UNKNOWN && w->a->status >= 500);
	decide_all(w, v, text_or_none(&w->code), text_or_none(&w->reason));
}

static void take_accepted(struct answer *w, const struct program *results)
{
	const struct program *pr = results ? results : &w->s->results;

	buf_reset(&w->p->err);
	if ((w->unreadable && (pr->prog || w->s->n_save)) ||
	    take_saved(w) < 0 || (pr->prog && take_results(w, pr) < 0)) {
		for (size_t i = 0; i < w->f->n; i++)
			w->f->recs[i]->verdict = NO_VERDICT;
		take_unreadable(w);
		return;
	}
	for (size_t i = 0; i < w->f->n; i++)
		if (w->f->recs[i]->verdict == STOP)
			stop_for(w, w->f->recs[i]);
	for (size_t i = 0; i < w->f->n && !w->throttled; i++)
		if (w->f->recs[i]->verdict == RETRY) {
			w->throttled = true;
			w->wait_ms = hint_of(w);
		}
}

static void take_status(struct answer *w)
{
	const struct rule *r;
	struct buf scratch = BUF_INIT;
	struct str reason = STR_NONE;

	read_value(w);
	if (w->a->status != 401)
		credentials_accepted(w->f);
	r = find_rule(w);
	if (r && r->reason.s && json_type(r->reason) == JSON_STRING)
		reason = json_text(r->reason, &scratch);
	if (r && r->results.prog)
		take_accepted(w, &r->results);
	else if ((r ? r->then : built_in(w)) == GO_ON)
		take_accepted(w, NULL);
	else
		apply(w, r ? r->then : built_in(w), reason);
	buf_release(&scratch);
}

static void take_failure(struct answer *w)
{
	const struct http_answer *a = w->a;
	struct str why = str_of(a->why);

	msg_debug("batch %" PRIu64 ": %s", w->f->number, a->why);
	w->failed = true;
	switch (a->failure) {
	case HTTP_UNTRUSTED:
		push_stop(w->p, EX_UNAVAILABLE,
			  "%s: the other side's certificate is not trusted: "
			  "%s (--cacert names a private authority)",
			  w->p->contract->name, a->why);
		decide_all(w, STOP, STR("certificate"), why);
		break;
	case HTTP_BAD_URL:
		push_stop(w->p, EX_CONFIG, "%s: %s (check base_url)",
			  w->p->contract->name, a->why);
		decide_all(w, STOP, STR("url"), why);
		break;
	case HTTP_UNREACHABLE:
		decide_all(w, RETRY, STR("unreachable"), why);
		break;
	default:
		mark_ambiguous(w);
		w->f->restart = w->s->resend == RESEND_RESTART;
		decide_all(w, w->s->resend == RESEND_NEVER ? UNKNOWN : RETRY,
			   STR("lost"), why);
	}
}

static void show(const struct answer *w)
{
	struct str rest = w->a->headers, line;
	struct str body = w->a->body;

	if (msg_get_level() < MSG_DEBUG || w->a->failure != HTTP_OK)
		return;
	msg_debug("< HTTP %ld (batch %" PRIu64 ", %" PRId64 " ms)",
		  w->a->status, w->f->number, w->a->took_ms);
	while (str_split(&rest, '\n', &line))
		if (line.n)
			msg_debug("< %.*s", STR_ARG(line));
	if (body.n)
		msg_debug("< %.*s%s", (int)MIN(body.n, SHOWN), body.s,
			  body.n > SHOWN ? " ..." : "");
}

void response_take(struct flow *f, const struct http_answer *a)
{
	struct answer w = { .f = f,
			    .p = f->push,
			    .s = &f->op->steps[f->step],
			    .a = a,
			    .value = BUF_INIT,
			    .response = BUF_INIT,
			    .batch = BUF_INIT,
			    .code = BUF_INIT,
			    .reason = BUF_INIT,
			    .wait_ms = -1 };

	scope_fill(f, f->op->one ? f->recs[0] : NULL, &w.scope);
	show(&w);
	if (a->failure == HTTP_OK)
		take_status(&w);
	else
		take_failure(&w);
	pace_failed(f->push, w.failed);
	if (a->failure == HTTP_OK)
		pace_answered(f, a->took_ms, w.throttled);
	buf_release(&w.value);
	buf_release(&w.response);
	buf_release(&w.batch);
	buf_release(&w.code);
	buf_release(&w.reason);
	flow_answered(f, w.wait_ms);
}
