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
#include "common/siphash.h"
#include "common/url.h"
#include "common/utf8.h"
#include "bin/retl-push/rows.h"

/* A reason is for people and receipts: so much of the vendor's words. */
#define MAX_REASON 500
#define MAX_CODE 100
#define MAX_SEEN 200 /* headers that programs see */
#define SHOWN 2000   /* bytes of a body, with -v */
#define MAX_UNPACKED ((size_t)256 << 20)
#define MAX_PAGES 100000
#define MAX_PAGE_URL 65536

struct answer {
	struct flow *f;
	struct push *p;
	const struct step *s;
	const struct http_answer *a;
	struct str body;
	struct buf unpacked;
	struct buf value; /* JSON; of rows only made if a program asks */
	bool has_value;
	bool unreadable; /* not what its kind promises */
	bool lost;       /* not whole: asked again, it may be */
	bool final;      /* asked again, it would be no better */
	bool undecided;  /* a rule could not be applied: doubt says why */
	struct buf doubt;
	bool sealed; /* packed rows say themselves where they end */
	bool rows_read;
	uint64_t n_rows;
	struct buf response, batch;
	struct scope scope;
	struct buf code, reason;
	bool explained;
	int64_t wait_ms; /* -1: no hint */
	bool throttled;
	bool nameless; /* it names records that a replay does not know */
	bool failed;   /* nothing of it went well, for a reason that passes */
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

static int add_row(void *arg, struct str row)
{
	struct answer *w = arg;

	w->n_rows++;
	buf_addc(&w->value, w->value.len ? ',' : '[');
	buf_adds(&w->value, row);
	return 0;
}

static bool is_rows(const struct answer *w)
{
	return (w->s->answer == ANSWER_CSV || w->s->answer == ANSWER_NDJSON) &&
	       w->a->status >= 200 && w->a->status < 300;
}

static bool has_open_end(const struct answer *w)
{
	return w->a->open_end && !w->sealed;
}

static int each_row(struct answer *w, rows_take *take, void *arg)
{
	int ret;

	w->rows_read = true;
	w->n_rows = 0;
	ret = w->s->answer == ANSWER_CSV
		  ? rows_csv(w->body, take, arg, &w->p->err)
		  : rows_ndjson(w->body, take, arg, &w->p->err);
	w->lost |= ret < 0 && has_open_end(w);
	return ret;
}

static void make_list(struct answer *w)
{
	if (w->has_value)
		return;
	w->has_value = true;
	if (each_row(w, add_row, w) < 0) {
		w->unreadable = true;
		buf_reset(&w->value);
		buf_addz(&w->value, "null");
	} else {
		buf_addz(&w->value, w->value.len ? "]" : "[]");
	}
}

static int count_row(void *arg, struct str row)
{
	struct answer *w = arg;

	(void)row;
	w->n_rows++;
	return 0;
}

static struct str value_of(struct answer *w)
{
	if (is_rows(w))
		make_list(w);
	else
		make_value(w);
	return buf_str(&w->value);
}

static void read_body(struct answer *w)
{
	w->unreadable = w->a->cut;
	w->body = w->a->body;
	if (rows_is_gzip(w->body)) {
		w->unpacked.max = MAX_UNPACKED;
		w->unreadable |=
		    rows_unpack(w->body, &w->unpacked, &w->p->err) < 0;
		w->body = buf_str(&w->unpacked);
		w->sealed = !w->unreadable;
	}
	/* Of rows nothing is asked until somebody looks at them. */
	if (!is_rows(w))
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

static int first(struct answer *w, const struct program *pr, struct buf *out)
{
	return program_value((struct program *)pr, value_of(w),
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
	/* Rows are asked for outcomes, one by one, not as a whole. */
	if (is_rows(w))
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

static int64_t hint_of(struct answer *w)
{
	int64_t wait = retry_after_ms(http_header(w->a->headers, "retry-after"),
				      server_now(w));
	struct buf v = BUF_INIT, text = BUF_INIT;

	if (w->p->d.wait.prog && first(w, &w->p->d.wait, &v) == 1 &&
	    put_scalar(&text, buf_str(&v)) == 0)
		wait = MAX(wait, retry_hint_ms(buf_str(&text), server_now(w)));
	buf_release(&v);
	buf_release(&text);
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

/*
 * An error is no match. But where the program could not come to an end with
 * this answer, nobody knows what it would have said.
 */
static bool when_matches(struct answer *w, const struct program *when)
{
	struct buf out = BUF_INIT;
	const char *code = "";
	int got = program_value((struct program *)when, value_of(w),
				scope_for(w, when), &out, &code, &w->p->err);
	bool yes = got == 1 && strcmp(out.data, "false") != 0 &&
		   strcmp(out.data, "null") != 0;

	if (got < 0 && strcmp(code, "jq") != 0) {
		w->undecided = true;
		buf_reset(&w->doubt);
		buf_adds(&w->doubt, buf_str(&w->p->err));
	}
	buf_release(&out);
	return yes;
}

static const struct rule *match(struct answer *w, const struct rules *rules)
{
	for (size_t i = 0; i < rules->n; i++) {
		const struct rule *r = &rules->v[i];

		if (r->sqlstate.s)
			continue;
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
		return w->s->names_record && w->s->alone ? REJECTED : STOP;
	default:
		break;
	}
	if (status >= 500 && status < 600)
		return w->s->resend == RESEND_NEVER ? UNKNOWN : RETRY;
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
			buf_addu(&x->text, r->line);
		else
			put_match(w, r, &x->text);
		x->names[i] = (struct span){ at, x->text.len - at };
		h = siphash_here(x->text.data + at, x->names[i].n);
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
		[GIVEN_UP] = 6,   [REJECTED] = 7,  [EXISTS] = 7,  [LATER] = 8,
		[STOP] = 9,
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

/* Applies an outcome to all whose text is name. True: there are such. */
static bool decide_named(struct answer *w, struct index *x, bool by_ref,
			 struct str name, const struct spoken *o)
{
	uint64_t h = siphash_here(name.s, name.n);
	bool found = false;
	size_t slot;

	if (!x->made)
		index_make(w, x, by_ref);
	for (; (slot = x->slots[h & (x->n_slots - 1)]); h++) {
		struct span at = x->names[slot - 1];

		if (!str_eq((struct str){ x->text.data + at.at, at.n }, name))
			continue;
		decide(w, w->f->recs[slot - 1], o->v, o->code, o->reason);
		found = true;
	}
	return found;
}

static bool decide_at(struct answer *w, struct str number,
		      const struct spoken *o)
{
	struct flow *f = w->f;
	uint64_t want;

	if (str_to_u64(number, &want) < 0)
		return false;
	for (size_t i = 0; i < f->n; i++) {
		if (!f->recs[i]->carried)
			continue;
		if (want-- == 0) {
			decide(w, f->recs[i], o->v, o->code, o->reason);
			return true;
		}
	}
	return false;
}

/*
 * May an outcome of this answer be about a record that is not in the request?
 * After some of the batch went on by themselves, a report still names them.
 */
static bool speaks_of_others(const struct answer *w)
{
	return w->s->each || w->f->parted || w->f->n_carried < w->f->n;
}

struct outcomes {
	struct answer *w;
	const struct program *results;
	struct index refs, keys;
};

/* It speaks when the last page has come. */
static void keep_rest(struct flow *f, const struct spoken *o)
{
	if (weight(o->v) <= weight(f->rest.v))
		return;
	f->rest.v = o->v;
	buf_reset(&f->rest.code);
	buf_adds(&f->rest.code, o->code);
	buf_reset(&f->rest.reason);
	buf_adds(&f->rest.reason, o->reason);
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

static bool says_well(enum verdict v)
{
	return v == DELIVERED || v == SKIPPED;
}

/* One outcome of the stream; -1: it is none. */
static int take_outcome(struct answer *w, struct str line, struct outcomes *all)
{
	struct str status, index, ref, key;
	struct buf word = BUF_INIT, name = BUF_INIT;
	struct spoken o;
	bool known = true;
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
		known = decide_at(w, index, &o);
	else if (ref.s && put_scalar(&name, ref) == 0)
		known = decide_named(w, &all->refs, true, buf_str(&name), &o) ||
			speaks_of_others(w);
	else if (key.s && w->p->cfg.replay)
		w->nameless = true;
	else if (key.s && put_scalar(&name, key) == 0)
		known =
		    decide_named(w, &all->keys, false, buf_str(&name), &o) ||
		    speaks_of_others(w);
	else if (index.s || ref.s || key.s)
		known = false; /* null, or no text */
	else
		keep_rest(w->f, &o);
	w->f->stray |= !known && !says_well(o.v);
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

/* Outcomes of the whole answer, or of one of its rows. */
static int take_row(void *arg, struct str row)
{
	struct outcomes *all = arg;
	struct answer *w = all->w;
	struct buf out = BUF_INIT;
	struct str rest, line;
	int ret = 0;

	w->n_rows++;
	if (program_run((struct program *)all->results, row,
			scope_for(w, all->results), &out, NULL, &w->p->err) < 0)
		ret = -1;
	rest = buf_str(&out);
	while (!ret && str_split(&rest, '\n', &line))
		if (line.n && take_outcome(w, line, all) < 0)
			ret = fail(&w->p->err, "an outcome without a status "
					       "that is known");
	buf_release(&out);
	return ret;
}

static void mark_carried(struct answer *w)
{
	for (size_t i = 0; i < w->f->n; i++) {
		struct rec *r = w->f->recs[i];

		if (!r->carried)
			continue;
		r->in_results = true;
		r->http_status = w->a->status;
	}
}

/* -1: the answer cannot be read. */
static int take_results(struct answer *w, const struct program *results)
{
	struct outcomes all = { .w = w, .results = results };
	int ret;

	if (is_rows(w))
		ret = each_row(w, take_row, &all);
	else
		ret = take_row(&all, value_of(w));
	if (ret == 0)
		mark_carried(w);
	index_release(&all.refs);
	index_release(&all.keys);
	return ret;
}

/*
 * After the last page: what was said of those not named. If somebody was
 * refused whom nobody knows, it may be any of them.
 */
static void settle_rest(struct answer *w)
{
	struct flow *f = w->f;

	for (size_t i = 0; i < f->n; i++) {
		struct rec *r = f->recs[i];

		if (!r->carried)
			continue;
		if (!r->verdict && w->nameless)
			flow_decide(f, r, UNKNOWN, STR("no_outcome"),
				    STR("the answer names records by values "
					"that a replay does not know"));
		if (!r->verdict && f->stray && says_well(f->rest.v))
			flow_decide(f, r, UNKNOWN, STR("stray"),
				    STR("the answer refuses a record that is "
					"not in the request"));
		else if (!r->verdict && f->rest.v)
			flow_decide(f, r, f->rest.v,
				    text_or_none(&f->rest.code),
				    text_or_none(&f->rest.reason));
		/* Someone was refused; the others may have been taken. */
		if (r->verdict == SPLIT && w->s->acts)
			r->ambiguous = true;
	}
	f->rest.v = NO_VERDICT;
	f->stray = false;
	check_again(f);
}

static void decide_all(struct answer *w, enum verdict v, struct str code,
		       struct str reason)
{
	for (size_t i = 0; i < w->f->n; i++)
		if (w->f->recs[i]->carried)
			w->f->recs[i]->http_status = w->a->status;
	flow_decide_all(w->f, v, code, reason);
}

/* ---- save ---- */

/* For the record, if the step is about one of a batch; else for the flow. */
static int take_saved(struct answer *w)
{
	struct flow *f = w->f;
	struct rec *r = w->s->each ? flow_alone(f) : NULL;
	struct buf saved = BUF_INIT, value = BUF_INIT;
	int ret = 0;

	if (!w->s->n_save)
		return 0;
	buf_adds(&saved, r ? buf_str(&r->saved) : saved_of(f, NULL));
	if (!saved.len)
		buf_addz(&saved, "{}");
	for (size_t i = 0; !ret && i < w->s->n_save; i++) {
		const struct named *n = &w->s->save[i];
		int got;

		buf_reset(&value);
		got = first(w, &n->prog, &value);
		if (got == 0)
			buf_addz(&value, "null");
		ret = got < 0 || w->unreadable ? -1 : 0;
		saved_put(&saved, n->name, buf_str(&value));
	}
	if (ret == 0) {
		struct buf *to = r ? &r->saved : &f->saved;

		buf_reset(to);
		buf_adds(to, buf_str(&saved));
		w->scope.v[VAR_SAVED] = saved_of(f, flow_alone(f));
	}
	buf_release(&saved);
	buf_release(&value);
	return ret;
}

/* ---- again: polls and pages ---- */

/* The step is repeated by the flow, whose records stay as they are. */
static void repeat(struct answer *w, int64_t wait_ms)
{
	w->f->course = REPEATS;
	w->f->wake = clock_tick_ms() + wait_ms;
}

/* What went well was not a try. */
static void forget_tries(struct flow *f)
{
	for (size_t i = 0; i < f->n; i++)
		if (f->recs[i]->carried)
			f->recs[i]->tries = 1;
}

/* 1: it is done; 0: it will be asked again, or it is too late; -1. */
static int take_poll(struct answer *w)
{
	const struct poll *poll = &w->s->poll;
	struct flow *f = w->f;
	struct buf out = BUF_INIT;
	int64_t tick = clock_tick_ms();
	int got = first(w, &poll->until, &out);
	bool done = got > 0 && strcmp(out.data, "false") != 0 &&
		    strcmp(out.data, "null") != 0;

	buf_release(&out);
	if (got < 0 || w->unreadable)
		return -1;
	if (done)
		return 1;
	if (!f->poll_since)
		f->poll_since = MAX(tick, 1);
	f->poll_ms = f->poll_ms ? MIN(f->poll_ms * 3 / 2, poll->most_ms)
				: poll->every_ms;
	forget_tries(f);
	if (tick + f->poll_ms - f->poll_since > poll->deadline_ms) {
		decide_all(w, poll->late, STR("late"),
			   STR("not done before the deadline"));
		return 0;
	}
	repeat(w, f->poll_ms);
	return 0;
}

/*
 * Did the pages come to where they were before? One address is remembered, a
 * later one each time that their number has doubled: a circle is noticed before
 * it was gone round a third time.
 */
static bool goes_round(struct flow *f, const struct buf *to)
{
	if (str_eq(buf_str(&f->seen_page), buf_str(to)))
		return true;
	if ((f->n_pages & (f->n_pages + 1)) == 0) {
		buf_reset(&f->seen_page);
		buf_adds(&f->seen_page, buf_str(to));
	}
	return false;
}

/* 1: there is a next page, and it will be asked for; 0; -1. */
static int take_page(struct answer *w)
{
	struct flow *f = w->f;
	struct buf v = BUF_INIT, to = BUF_INIT, scratch = BUF_INIT;
	int ret = first(w, &w->s->next, &v);

	if (ret == 1 && json_type(buf_str(&v)) == JSON_NULL)
		ret = 0;
	if (ret == 1 &&
	    (json_type(buf_str(&v)) != JSON_STRING ||
	     url_resolve(w->a->url, json_text(buf_str(&v), &scratch), &to) < 0))
		ret = fail(&w->p->err, "next: not an address");
	if (ret == 1 &&
	    (str_eq(buf_str(&to), str_of(w->a->url)) || goes_round(f, &to) ||
	     to.len > MAX_PAGE_URL || f->n_pages == MAX_PAGES))
		ret = fail(&w->p->err, "next: pages without an end");
	w->final |= ret < 0;
	if (ret == 1) {
		buf_reset(&f->page);
		buf_adds(&f->page, buf_str(&to));
		f->n_pages++;
		f->page_tries = 0;
		forget_tries(f);
		repeat(w, 0);
	}
	buf_release(&v);
	buf_release(&to);
	buf_release(&scratch);
	return ret;
}

/*
 * A page further on failed for now. What the pages before it said stays; the
 * page alone is asked for again.
 */
static bool repeat_page(struct answer *w)
{
	struct flow *f = w->f;
	const struct retry_plan *plan = &w->p->d.retry;

	if (!f->n_pages || ++f->page_tries >= plan->attempts)
		return false;
	repeat(w, MAX(retry_delay_ms(plan, f->page_tries), w->wait_ms));
	return true;
}

/* ---- the whole answer ---- */

static void mark_ambiguous(struct answer *w)
{
	if (!w->s->acts)
		return;
	for (size_t i = 0; i < w->f->n; i++)
		if (w->f->recs[i]->carried)
			w->f->recs[i]->ambiguous = true;
}

/* No answer, or none that counts: it may have been carried out all the same. */
static void mark_lost(struct answer *w)
{
	mark_ambiguous(w);
	for (size_t i = 0; w->s->acts && i < w->f->n; i++)
		w->f->recs[i]->lost |= w->f->recs[i]->carried;
}

/* No whole answer has come: it is asked for again, if that may be. */
static void take_lost(struct answer *w, struct str code, struct str why)
{
	struct flow *f = w->f;
	enum resend resend = w->s->resend;

	w->failed = true;
	mark_lost(w);
	if (repeat_page(w))
		return;
	f->restart = resend == RESEND_RESTART;
	decide_all(w,
		   f->n_pages               ? GIVEN_UP
		   : resend == RESEND_NEVER ? UNKNOWN
					    : RETRY,
		   code, why);
}

/*
 * What only looks may look once more: a doubt would be settled by sending all
 * of it again.
 */
static bool may_look_again(const struct answer *w)
{
	return strcmp(w->s->method, "GET") == 0 && !w->s->acts && !w->a->cut &&
	       !w->final;
}

/* It says yes, but not in words that the contract understands. */
static void take_unreadable(struct answer *w)
{
	struct buf why = BUF_INIT;

	if (w->lost) {
		buf_adds(&why, buf_str(&w->p->err));
		take_lost(w, STR("lost"), buf_str(&why));
		buf_release(&why);
		return;
	}
	buf_addf(&why, "an answer that cannot be read%s%s",
		 w->p->err.len ? ": " : "", w->p->err.data);
	if (w->a->cut)
		buf_addf(&why, " (%s)", w->a->why);
	cut_text(&why, MAX_REASON);
	msg_blank(why.data, why.len);
	if (may_look_again(w)) {
		take_lost(w, STR("unreadable"), buf_str(&why));
	} else {
		mark_ambiguous(w);
		decide_all(w, GIVEN_UP, STR("unreadable"), buf_str(&why));
	}
	buf_release(&why);
}

static void stop(struct answer *w, bool credentials)
{
	long status = w->a->status;
	bool denied = credentials || status == 401 || status == 403;

	/* What cannot be cleaned up stays where it is. */
	if (w->f->op->role == TO_CLEAN_UP)
		return;
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

/* A quota that opens again some day, but not while somebody waits. */
static void leave_for_later(struct answer *w)
{
	if (w->f->op->role == TO_CLEAN_UP)
		return;
	explain(w);
	push_stop(w->p, EX_TEMPFAIL,
		  "%s: the destination takes nothing more for now, HTTP "
		  "%ld%s%s%s%s",
		  w->p->contract->name, w->a->status, w->code.len ? " " : "",
		  w->code.data, w->reason.len ? ": " : "", w->reason.data);
}

/* The same where an outcome says so. */
static void stop_for(struct answer *w, const struct rec *r)
{
	w->explained = true;
	buf_reset(&w->code);
	buf_add(&w->code, w->f->notes.data + r->code.at, r->code.n);
	buf_reset(&w->reason);
	buf_add(&w->reason, w->f->notes.data + r->reason.at, r->reason.n);
	if (r->verdict == LATER)
		leave_for_later(w);
	else
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
	if (v == LATER)
		leave_for_later(w);
	/* One of them does; the others may not be there yet. */
	if (v == EXISTS && w->f->n_carried > 1)
		v = SPLIT;
	/* A server that broke down may have done its work before. */
	if (w->a->status >= 500 && w->a->status < 600 && v == SPLIT)
		mark_ambiguous(w);
	else if (w->a->status >= 500 && w->a->status < 600 && v != REJECTED)
		mark_lost(w);
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
	/* The next batches are smaller from the start. */
	if (v == SPLIT && w->a->status == 413 && w->f->n_carried > 1)
		((struct operation *)w->f->op)->fit_bytes =
		    MAX(w->f->n_body / 2, 1);
	w->failed = v == RETRY || (v == UNKNOWN && w->a->status >= 500);
	if (v == RETRY) {
		/* It may have been carried out: look again, then decide. */
		w->f->restart =
		    w->s->resend == RESEND_RESTART && w->a->status >= 500;
		if (repeat_page(w))
			return;
		if (w->f->n_pages)
			v = GIVEN_UP;
	}
	decide_all(w, v, text_or_none(&w->code), text_or_none(&w->reason));
}

/* How many rows there have to be; -1: the program failed, or nobody knows. */
static int64_t rows_wanted(struct answer *w)
{
	struct program *rows = (struct program *)&w->s->rows;
	struct buf v = BUF_INIT;
	int64_t n = -1;
	uint64_t got;

	if (rows->prog &&
	    program_value(rows, STR("null"), scope_for(w, rows), &v, NULL,
			  &w->p->err) == 1 &&
	    str_to_u64(buf_str(&v), &got) == 0 && got <= INT64_MAX)
		n = (int64_t)got;
	buf_release(&v);
	return n;
}

/* What says yes, but is not all of what was said. */
static int is_part(struct answer *w, const char *why)
{
	w->lost = true;
	return fail(&w->p->err, "%s", why);
}

static bool is_html(const struct answer *w)
{
	struct str type = http_header(w->a->headers, "content-type");

	return type.s && str_starts(type, "text/html");
}

/*
 * Of a file of rows the last line may have been cut so that it reads as one,
 * or the lines behind it be missing altogether. -1: it is not known to be
 * whole.
 */
static int check_rows(struct answer *w)
{
	int64_t wanted;

	if (!is_rows(w))
		return 0;
	/* A page that excuses itself has no rows, and so no bad ones. */
	if (is_html(w))
		return fail(&w->p->err, "a page of HTML, where rows should be");
	if (has_open_end(w) && w->body.n && w->body.s[w->body.n - 1] != '\n')
		return is_part(w, "rows that end with the connection, in the "
				  "middle of a line");
	wanted = rows_wanted(w);
	if (wanted < 0)
		return has_open_end(w)
			   ? fail(&w->p->err,
				  "rows that end with the connection, and "
				  "neither a length nor \"rows\" says that "
				  "these are all")
			   : 0;
	if (!w->rows_read && each_row(w, count_row, w) < 0)
		return -1;
	return w->n_rows == (uint64_t)wanted
		   ? 0
		   : is_part(w, w->n_rows < (uint64_t)wanted
				    ? "fewer rows than there should be"
				    : "more rows than there should be");
}

/* 1: all is said; 0: more is asked for; -1: it cannot be read. */
static int take_parts(struct answer *w, const struct program *pr)
{
	bool asks = pr->prog || w->s->n_save || w->s->next.prog ||
		    w->s->poll.until.prog;
	int got;

	if (w->unreadable && asks)
		return -1;
	if (w->s->poll.until.prog && !w->f->n_pages) {
		got = take_poll(w);
		if (got <= 0)
			return got;
	}
	if (take_saved(w) < 0 || (pr->prog && take_results(w, pr) < 0) ||
	    (asks && check_rows(w) < 0))
		return -1;
	if (w->s->next.prog) {
		got = take_page(w);
		if (got)
			return got < 0 ? -1 : 0;
	}
	settle_rest(w);
	return 1;
}

/*
 * An outcome that asks for another try means the request that carried the
 * record. If this one did not, it only told of it: the flow begins anew.
 */
static void send_again(struct answer *w)
{
	struct flow *f = w->f;

	if (w->s->item.prog || !f->step)
		return;
	for (size_t i = 0; i < f->n; i++)
		f->restart |= f->recs[i]->verdict == RETRY ||
			      f->recs[i]->verdict == AGAIN;
}

static void take_accepted(struct answer *w, const struct program *results)
{
	const struct program *pr = results ? results : &w->s->results;
	struct flow *f = w->f;
	int got;

	buf_reset(&w->p->err);
	if (w->undecided) {
		buf_adds(&w->p->err, buf_str(&w->doubt));
		got = -1;
	} else {
		got = take_parts(w, pr);
	}
	if (got < 0) {
		/* What whole pages have said before stays. */
		for (size_t i = 0; !f->n_pages && i < f->n; i++)
			f->recs[i]->verdict = NO_VERDICT;
		if (!f->n_pages) {
			f->rest.v = NO_VERDICT;
			f->stray = false;
		}
		take_unreadable(w);
	}
	if (got <= 0)
		return;
	for (size_t i = 0; i < f->n; i++)
		if (f->recs[i]->verdict == STOP || f->recs[i]->verdict == LATER)
			stop_for(w, f->recs[i]);
	send_again(w);
	for (size_t i = 0; i < f->n && !w->throttled; i++)
		if (f->recs[i]->verdict == RETRY) {
			w->throttled = true;
			w->wait_ms = hint_of(w);
		}
}

/*
 * nginx, and what is made of it, answers a connection that it does not want
 * with 400 and a page: that is no record's fault, whatever the contract says of
 * 400. NULL: it is none of these.
 */
static const char *unwanted_connection(const struct answer *w)
{
	static const char *const pages[][2] = {
		{ "No required SSL certificate was sent",
		  "the server wants a client certificate: --cert" },
		{ "The SSL certificate error",
		  "the server does not accept the client certificate of "
		  "--cert" },
		{ "The plain HTTP request was sent to HTTPS port",
		  "the server speaks TLS there: check base_url" },
	};
	struct str type = http_header(w->a->headers, "content-type");

	if (w->a->status != 400 || !type.s || !str_starts(type, "text/html"))
		return NULL;
	for (size_t i = 0; i < ARRAY_LEN(pages); i++)
		if (w->body.n && memmem(w->body.s, w->body.n, pages[i][0],
					strlen(pages[i][0])))
			return pages[i][1];
	return NULL;
}

static void take_unwanted(struct answer *w, const char *why)
{
	push_stop(w->p, strstr(why, "--cert") ? EX_NOPERM : EX_UNAVAILABLE,
		  "%s: HTTP 400: %s", w->p->contract->name, why);
	decide_all(w, STOP, STR("connection"), str_of(why));
}

static void take_status(struct answer *w)
{
	const char *unwanted;
	const struct rule *r;
	struct buf scratch = BUF_INIT;
	struct str reason = STR_NONE;

	read_body(w);
	unwanted = unwanted_connection(w);
	if (unwanted) {
		take_unwanted(w, unwanted);
		return;
	}
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
	case HTTP_BAD_CERT:
		push_stop(w->p, EX_NOPERM, "%s: --cert: %s",
			  w->p->contract->name, a->why);
		decide_all(w, STOP, STR("certificate"), why);
		break;
	case HTTP_BAD_URL:
		push_stop(w->p, EX_CONFIG, "%s: %s (check base_url)",
			  w->p->contract->name, a->why);
		decide_all(w, STOP, STR("url"), why);
		break;
	case HTTP_UNREACHABLE:
		if (!repeat_page(w))
			decide_all(w, w->f->n_pages ? GIVEN_UP : RETRY,
				   STR("unreachable"), why);
		break;
	default:
		take_lost(w, STR("lost"), why);
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
			    .unpacked = BUF_INIT,
			    .response = BUF_INIT,
			    .batch = BUF_INIT,
			    .code = BUF_INIT,
			    .reason = BUF_INIT,
			    .doubt = BUF_INIT,
			    .wait_ms = -1 };

	scope_fill(f, flow_alone(f), &w.scope);
	show(&w);
	if (a->failure == HTTP_OK)
		take_status(&w);
	else
		take_failure(&w);
	pace_failed(f->push, w.failed);
	if (a->failure == HTTP_OK)
		pace_answered(f, a->took_ms, w.throttled);
	buf_release(&w.value);
	buf_release(&w.unpacked);
	buf_release(&w.response);
	buf_release(&w.batch);
	buf_release(&w.code);
	buf_release(&w.reason);
	buf_release(&w.doubt);
	flow_answered(f, w.wait_ms);
}
