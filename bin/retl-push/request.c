/* SPDX-License-Identifier: MIT */
/*
 * From the records of a flow to the bytes of one request. Values keep the
 * bytes they came with: items are spliced, not printed anew.
 */
#include "bin/retl-push/push.h"
#include "bin/retl-push/replay.h"
#include "bin/retl-push/rows.h"
#include "bin/retl-push/table.h"
#include "bin/retl-push/upload.h"

#include <strings.h>

#include "common/clock.h"
#include "common/msg.h"
#include "common/pack.h"
#include "common/url.h"

/* ---- what programs see ---- */

/* A record is no time at all. */
static struct str now_json(struct push *p)
{
	if (!p->now_made) {
		p->now_made = true;
		buf_reset(&p->now);
		buf_addf(&p->now, "%" PRId64, clock_now_ms() / 1000);
	}
	return buf_str(&p->now);
}

static struct str kind_json(enum diff_result kind)
{
	switch (kind) {
	case DIFF_ADDED:
		return STR("\"DiffAdded\"");
	case DIFF_UPDATED:
		return STR("\"DiffUpdated\"");
	case DIFF_REMOVED:
		return STR("\"DiffRemoved\"");
	default:
		return STR_NONE;
	}
}

/* $run: of the push, and, for contracts that count, of this batch. */
static struct str run_of(struct flow *f)
{
	static char text[256];
	struct push *p = f->push;

	if (!f->op->counts)
		return buf_str(&p->run_json);
	snprintf(text, sizeof text, "%.*s,\"batch\":%" PRIu64 ",\"last\":%s}",
		 (int)p->run_json.len - 1, p->run_json.data,
		 f->batch ? f->batch : f->number, f->last ? "true" : "false");
	return str_of(text);
}

/* The line's number, as a JSON string. */
static struct str put_ref(char *to, uint64_t line)
{
	char *end = str_put_u64(to + 1, line);

	*to = *end = '"';
	return (struct str){ to, (size_t)(end + 1 - to) };
}

void scope_fill(struct flow *f, struct rec *r, struct scope *s)
{
	struct push *p = f->push;

	*s = (struct scope){ .v = { STR_NONE } };
	s->v[VAR_SETTINGS] = p->contract->settings_json;
	s->v[VAR_SAVED] = saved_of(f, r);
	s->v[VAR_RUN] = run_of(f);
	s->v[VAR_NOW] = now_json(p);
	s->v[VAR_VARS] = f->vars.len ? buf_str(&f->vars) : STR("{}");
	if (f->group.len)
		s->v[VAR_GROUP] = buf_str(&f->group);
	if (!r)
		return;
	s->v[VAR_RECORD] = rec_str(r, r->record);
	s->v[VAR_REF] = put_ref(s->ref, r->line);
	s->v[VAR_CHANGE] = kind_json(r->kind);
	if (r->derived.n)
		s->v[VAR_DERIVED] = rec_str(r, r->derived);
	if (r->changed.n)
		s->v[VAR_CHANGED] = rec_str(r, r->changed);
}

/* Does a program take too long for a record, or for all of them? */
#define MAX_LIMITED 10

bool program_too_often(struct push *p, const char *code)
{
	return strcmp(code, "limit") == 0 && ++p->n_limited >= MAX_LIMITED;
}

/* Is it a record's trouble that something cannot be made? */
static bool may_be_record(const struct flow *f, const char *code)
{
	if (program_too_often(f->push, code))
		return false;
	return f->op->role == FOR_RECORDS && !(f->n && f->recs[0]->stand_in);
}

/* What is said of a record that stands alone with its trouble. */
static enum verdict unmade(const struct flow *f, const struct rec *r)
{
	return f->acted_before || r->acted || r->ambiguous || r->was_sent_once
		   ? GIVEN_UP
		   : REJECTED;
}

/*
 * A program failed, or a body cannot be written so: is it a record's trouble,
 * or the contract's with any record? A batch is halved until a record stands
 * alone, and whether others fare as it does, alike.c finds out. r NULL: it was
 * about the batch.
 */
static void cannot_make(struct flow *f, const struct step *s, struct rec *r,
			const char *code)
{
	struct push *p = f->push;
	uint64_t line = (r ? r : f->recs[0])->line;
	char place[32] = ""; /* prepare is not about a line */
	struct str word = str_of(code);
	struct buf why = BUF_INIT;

	if (line)
		snprintf(place, sizeof place, "line %" PRIu64 ": ", line);
	buf_adds(&why, buf_str(&p->err));
	((struct operation *)f->op)->unmade = &s->made;
	if (!may_be_record(f, code)) {
		push_stop(p, EX_CONFIG, "%s: %s%s", p->contract->name, place,
			  why.data);
		word = STR("stopped");
		buf_reset(&why);
		buf_addz(&why, "the contract's program failed");
	}
	for (size_t i = 0; i < f->n; i++) {
		if (r && f->recs[i] != r)
			continue;
		f->recs[i]->http_status = 0;
		flow_decide(f, f->recs[i],
			    p->stopped       ? GIVEN_UP
			    : r || f->n == 1 ? unmade(f, f->recs[i])
					     : SPLIT,
			    word, buf_str(&why));
	}
	buf_release(&why);
}

/*
 * Does a dry run make this step of answers that it does not have? Programs are
 * given a text in the place of each, "{saved.x}", and what they cannot make of
 * that is such a text itself.
 */
static bool is_guess(const struct flow *f)
{
	return f->push->cfg.dry_run && f->step < f->op->n_steps &&
	       f->op->steps[f->step].reads_saved;
}

int request_item(struct flow *f, struct rec *r, const struct step *s)
{
	struct program *item = (struct program *)&s->item;
	struct push *p = f->push;
	const char *code = "jq";
	struct scope scope;
	int got;

	if (r->item_of == s && !s->item_varies)
		return 0;
	buf_truncate(&r->text, r->n_own);
	r->item_of = s;
	if (s->item_is_record) {
		r->item = r->record;
		return 0;
	}
	r->item_of = NULL;
	r->item = (struct span){ 0, 0 };
	scope_fill(f, r, &scope);
	/* Not straight into text: the input lies there, and would move. */
	buf_reset(&p->scratch);
	got = program_value(item, rec_str(r, r->record), &scope, &p->scratch,
			    &code, &p->err);
	if (got <= 0 && is_guess(f)) {
		buf_reset(&p->scratch);
		buf_addz(&p->scratch, "\"{item}\"");
		got = 1;
	}
	if (got < 0) {
		cannot_make(f, s, r, code);
		return -1;
	}
	if (got) {
		r->item = (struct span){ r->text.len, p->scratch.len };
		buf_adds(&r->text, buf_str(&p->scratch));
	}
	r->item_of = s;
	return 0;
}

/* ---- vars and when ---- */

/* "[record,record,...]" of all that are still in the flow. */
static void put_records(struct flow *f, struct buf *out)
{
	bool any = false;

	buf_addc(out, '[');
	for (size_t i = 0; i < f->n; i++) {
		struct rec *r = f->recs[i];

		if (r->stand_in)
			continue;
		if (any)
			buf_addc(out, ',');
		any = true;
		buf_adds(out, rec_str(r, r->record));
	}
	buf_addc(out, ']');
}

/* Runs a program of the step's own; 1, 0 no output, -1 it has been dealt with.
 */
static int run_own(struct flow *f, const struct program *prog, struct buf *out)
{
	struct push *p = f->push;
	struct rec *r = flow_alone(f);
	struct buf all = BUF_INIT;
	const char *code = "jq";
	struct scope scope;
	int got;

	scope_fill(f, r, &scope);
	if (!r)
		put_records(f, &all);
	got = program_value((struct program *)prog,
			    r ? rec_str(r, r->record) : buf_str(&all), &scope,
			    out, &code, &p->err);
	buf_release(&all);
	if (got < 0)
		cannot_make(f, &f->op->steps[f->step], r, code);
	return got;
}

static int make_vars(struct flow *f, const struct step *s)
{
	struct buf vars = BUF_INIT;

	buf_reset(&f->vars);
	if (!s->n_vars)
		return 0;
	buf_addc(&vars, '{');
	for (size_t i = 0; i < s->n_vars; i++) {
		int got;

		buf_addf(&vars, "%s%.*s:", i ? "," : "",
			 STR_ARG(s->vars[i].name));
		if (f->push->cfg.dry_run && s->vars[i].prog.uses[VAR_SAVED]) {
			buf_addf(&vars, "\"{vars.%.*s}\"",
				 (int)s->vars[i].name.n - 2,
				 s->vars[i].name.s + 1);
			continue;
		}
		got = run_own(f, &s->vars[i].prog, &vars);
		if (got < 0) {
			buf_release(&vars);
			return -1;
		}
		if (!got)
			buf_addz(&vars, "null");
	}
	buf_addc(&vars, '}');
	buf_adds(&f->vars, buf_str(&vars));
	buf_release(&vars);
	return 0;
}

/* 1: the step is to be run. */
static int check_when(struct flow *f, const struct step *s)
{
	struct buf out = BUF_INIT;
	int got;

	/* Whether an answer will ask for it is not known. */
	if (!s->when.prog || (f->push->cfg.dry_run && s->when.uses[VAR_SAVED]))
		return 1;
	got = run_own(f, &s->when, &out);
	if (got > 0)
		got = strcmp(out.data, "false") != 0 &&
		      strcmp(out.data, "null") != 0;
	buf_release(&out);
	return got;
}

/* ---- the body ---- */

static bool too_large(const struct flow *f, const struct rec *r)
{
	return f->op->max_item_bytes && r->item.n > f->op->max_item_bytes;
}

/* Marks who is carried; -1: somebody has been given a verdict. */
static int make_items(struct flow *f, const struct step *s)
{
	struct rec *only = flow_alone(f);
	int ret = 0;

	f->n_carried = 0;
	for (size_t i = 0; i < f->n; i++) {
		struct rec *r = f->recs[i];

		r->carried = !only || r == only;
		if (!r->carried)
			continue;
		/* Who stands in for nobody is an empty list. */
		if (s->item.prog && !r->stand_in) {
			if (request_item(f, r, s) < 0) {
				ret = -1;
				continue;
			}
			r->carried = r->item.n > 0;
		}
		if (r->carried && s->item.prog && too_large(f, r)) {
			flow_decide(f, r, REJECTED, STR("too_large"),
				    STR("larger than the destination takes"));
			ret = -1;
		}
		f->n_carried += r->carried;
	}
	return ret;
}

/* "item,item,..." of those who are carried, in one piece. */
static void put_items(const struct flow *f, struct buf *out)
{
	size_t n = 0;
	char *to;

	for (size_t i = 0; i < f->n; i++)
		if (f->recs[i]->carried)
			n += f->recs[i]->item.n + 1;
	if (!n || !buf_reserve(out, n))
		return;
	to = out->data + out->len;
	for (size_t i = 0; i < f->n; i++) {
		const struct rec *r = f->recs[i];

		if (!r->carried)
			continue;
		to = mempcpy(to, r->text.data + r->item.at, r->item.n);
		*to++ = ',';
	}
	*--to = '\0';
	out->len = (size_t)(to - out->data);
}

static int encode(struct flow *f, const struct step *s, struct str v)
{
	struct buf *columns = upload_columns(f, s);

	if (columns)
		return body_encode_csv(v, columns, &f->body, &f->push->err);
	return body_encode(s->type, v, &f->body, &f->push->err);
}

static int run_body(struct flow *f, const struct step *s, struct str items)
{
	struct push *p = f->push;
	struct buf value = BUF_INIT;
	/* JSON is its own encoding. */
	struct buf *out = s->type == BODY_JSON ? &f->body : &value;
	const char *code = "jq";
	struct scope scope;
	int got, ret = -1;

	scope_fill(f, NULL, &scope);
	got = program_value((struct program *)&s->body, items, &scope, out,
			    &code, &p->err);
	if (got == 0)
		fail(&p->err, "body: made nothing");
	if (got > 0)
		ret = s->type == BODY_JSON ? 0 : encode(f, s, buf_str(&value));
	if (got < 0 && !is_guess(f))
		cannot_make(f, s, flow_alone(f), code);
	if (ret < 0 && is_guess(f)) {
		buf_reset(&f->body);
		buf_addz(&f->body,
			 s->type == BODY_JSON ? "\"{body}\"" : "{body}");
		ret = 0;
	}
	buf_release(&value);
	return ret;
}

/*
 * The body at once, without a copy of its items for the program. False: it has
 * to be made in the other way.
 */
static bool frame_items(struct flow *f, const struct step *s)
{
	struct str before, behind;
	struct scope scope;

	if (!s->body_is_frame || !s->item.prog || s->alone ||
	    s->type != BODY_JSON)
		return false;
	scope_fill(f, NULL, &scope);
	if (!program_frame((struct program *)&s->body, &scope, &f->push->items,
			   &before, &behind))
		return false;
	buf_adds(&f->body, before);
	buf_addc(&f->body, '[');
	put_items(f, &f->body);
	buf_addc(&f->body, ']');
	buf_adds(&f->body, behind);
	if (f->body.len < PROGRAM_MOST)
		return true;
	buf_reset(&f->body);
	return false;
}

static int make_body(struct flow *f, const struct step *s)
{
	struct buf *all = &f->push->items;
	struct str items;

	buf_reset(&f->body);
	if (!s->has_body)
		return 0;
	if (s->body_constant.len)
		return encode(f, s, buf_str(&s->body_constant));
	if (frame_items(f, s))
		return 0;
	buf_reset(all);
	if (!s->alone)
		buf_addc(all, '[');
	if (s->item.prog)
		put_items(f, all);
	else if (s->alone)
		buf_adds(all, rec_str(flow_alone(f), flow_alone(f)->record));
	if (!s->alone)
		buf_addc(all, ']');
	items = buf_str(all);
	if (s->body.prog)
		return run_body(f, s, items);
	return encode(f, s, items);
}

/* ---- URL and headers ---- */

static void fill_templates(struct flow *f, struct tmpl_scope *t)
{
	struct rec *r = flow_alone(f);

	*t = (struct tmpl_scope){
		.record = r ? rec_str(r, r->record) : STR_NONE,
		.saved = saved_of(f, r),
		.vars = f->vars.len ? buf_str(&f->vars) : STR_NONE,
		.run = run_of(f),
		.group = f->group.len ? buf_str(&f->group) : STR_NONE,
		.auth = buf_str(&f->push->auth_json),
		.derived =
		    r && r->derived.n ? rec_str(r, r->derived) : STR_NONE,
		.pretend = f->push->cfg.dry_run != NULL,
	};
}

static bool has_header(const struct header *v, size_t n, struct str name)
{
	for (size_t i = 0; i < n; i++)
		if (v[i].name.n == name.n &&
		    strncasecmp(v[i].name.s, name.s, name.n) == 0)
			return true;
	return false;
}

static int put_header(struct flow *f, const struct header *h,
		      const struct tmpl_scope *t, struct tmpl_field *field)
{
	size_t line = f->headers.len, at;

	buf_adds(&f->headers, h->name);
	buf_addz(&f->headers, ": ");
	at = f->headers.len;
	if (tmpl_expand(&h->value, TMPL_HEADER, t, &f->headers, field,
			&f->push->err) < 0)
		return -1;
	if (f->headers.len == at)
		/* libcurl would leave it out as well. */
		buf_truncate(&f->headers, line);
	else
		buf_addc(&f->headers, '\n');
	return 0;
}

static int make_headers(struct flow *f, const struct step *s,
			const struct tmpl_scope *t, struct tmpl_field *field)
{
	const struct delivery *d = &f->push->d;
	struct str type = STR("content-type");

	buf_reset(&f->headers);
	/* What an SFTP server is told are names and bytes. */
	if (f->push->uploads)
		return 0;
	/* Elsewhere they are nobody's business: one may be a key. */
	for (size_t i = 0; i < d->n_headers && !f->elsewhere; i++)
		if (!has_header(s->headers, s->n_headers, d->headers[i].name) &&
		    put_header(f, &d->headers[i], t, field) < 0)
			return -1;
	for (size_t i = 0; i < s->n_headers; i++)
		if (put_header(f, &s->headers[i], t, field) < 0)
			return -1;
	if (s->has_body && !has_header(d->headers, d->n_headers, type) &&
	    !has_header(s->headers, s->n_headers, type)) {
		buf_addz(&f->headers, "content-type: ");
		body_put_type(s->type, buf_str(&f->body), &f->headers);
		buf_addc(&f->headers, '\n');
	}
	if (s->gzip)
		buf_addz(&f->headers, "content-encoding: gzip\n");
	return 0;
}

/* The address that a url beginning with a slash is appended to. */
static int base_url(struct flow *f, const struct tmpl_scope *t, struct buf *out,
		    struct tmpl_field *field)
{
	struct push *p = f->push;

	if (tmpl_expand(&p->d.base_url, TMPL_URL, t, out, field, &p->err) < 0)
		return -1;
	while (out->len && out->data[out->len - 1] == '/')
		buf_truncate(out, out->len - 1);
	return 0;
}

/*
 * What an answer has named as an address is followed where the contract's own
 * address is, or without credentials.
 */
static int check_origin(struct flow *f, const struct step *s,
			const struct tmpl_scope *t, struct tmpl_field *field)
{
	struct push *p = f->push;
	struct buf base = BUF_INIT;
	int ret = base_url(f, t, &base, field);

	if (ret == 0) {
		f->elsewhere = !url_same_origin(f->url.data, base.data);
		if (f->elsewhere && !s->no_auth)
			ret = fail(&p->err, "leads to another server, where "
					    "credentials do not go");
	}
	buf_release(&base);
	return ret;
}

static int make_url(struct flow *f, const struct step *s,
		    const struct tmpl_scope *t, struct tmpl_field *field)
{
	struct push *p = f->push;
	struct buf whole = BUF_INIT;
	int ret;

	f->elsewhere = false;
	buf_reset(&f->url);
	if (f->page.len) {
		buf_adds(&f->url, buf_str(&f->page));
		*field = (struct tmpl_field){ STR("next"), TMPL_TEXT };
		return check_origin(f, s, t, field);
	}
	ret = tmpl_expand(&s->url, TMPL_URL, t, &f->url, field, &p->err);
	if (ret == 0 && p->uploads)
		ret = upload_check_url(f, field);
	if (ret < 0 || !s->url.plus)
		return ret;
	*field = (struct tmpl_field){ STR("url"), TMPL_TEXT };
	if (f->url.data[0] == '\1') {
		/* A dry run does not know where. */
		f->elsewhere = s->no_auth;
		return 0;
	}
	if (f->url.data[0] == '/') {
		ret = base_url(f, t, &whole, field);
		buf_adds(&whole, buf_str(&f->url));
		buf_reset(&f->url);
		buf_adds(&f->url, buf_str(&whole));
	}
	buf_release(&whole);
	return ret < 0 ? ret : check_origin(f, s, t, field);
}

/*
 * The message's own name: the contract's, else that of its first change. A
 * replay has it from its line.
 */
static int message_id(struct flow *f, const struct tmpl_scope *t,
		      struct buf *out, struct tmpl_field *field)
{
	struct push *p = f->push;
	struct rec *r = f->recs[0];
	struct buf scratch = BUF_INIT;

	if (p->d.auth_id.n && !p->cfg.replay)
		return tmpl_expand(&p->d.auth_id, TMPL_HEADER, t, out, field,
				   &p->err);
	if (r->id.n)
		buf_adds(out, json_text(rec_str(r, r->id), &scratch));
	else
		buf_addf(out, "%s:%" PRIu64, p->run_id, r->line);
	buf_release(&scratch);
	return 0;
}

static int sign(struct flow *f, const struct step *s,
		const struct tmpl_scope *t, struct tmpl_field *field)
{
	struct push *p = f->push;
	struct buf id = BUF_INIT;
	struct auth_request rq = {
		.method = str_of(s->method),
		.url = &f->url,
		.headers = &f->headers,
		.body = &f->body,
		.now_ms = clock_now_ms(),
	};
	int ret = 0;

	f->n_auth_headers = f->headers.len;
	if (s->no_auth)
		return 0;
	if (message_id(f, t, &id, field) < 0) {
		buf_release(&id);
		return -1;
	}
	rq.id = buf_str(&id);
	credentials_sign(f);
	if (auth_apply(p->d.auth, &rq, &p->err) < 0) {
		push_stop(p, EX_CONFIG, "%s: %s", p->contract->path,
			  p->err.data);
		ret = -1;
	}
	buf_release(&id);
	return ret;
}

/* A dry run shows the body as it is. */
static void pack(struct flow *f, const struct step *s)
{
	struct buf packed = BUF_INIT;

	if (!s->gzip || f->push->cfg.dry_run)
		return;
	pack_gzip(&packed, buf_str(&f->body));
	buf_release(&f->body);
	f->body = packed;
}

/*
 * What was foreseen when the batch was filled, and what became of it: the next
 * batch is filled by that.
 */
static void learn_size(struct flow *f, const struct step *s)
{
	struct operation *op = (struct operation *)f->op;
	size_t foreseen = 1,
	       got = f->body.len - MIN(f->body.len, s->body_extra);
	double ratio;

	for (size_t i = 0; i < f->n; i++)
		if (f->recs[i]->carried)
			foreseen += f->recs[i]->size;
	ratio = (double)got / (double)foreseen;
	if (!op->measured) {
		op->measured = true;
		op->swell = ratio > 0.95 && ratio <= 1 ? 1 : ratio * 1.05;
	}
	if (f->body.len > op->max_bytes)
		op->swell = MAX(op->swell, ratio * 1.05);
	else if (ratio < op->swell * 0.8)
		op->swell -= (op->swell - ratio) / 4;
}

void request_measure(struct flow *f, const struct step *s)
{
	for (size_t i = 0; i < f->n; i++)
		f->recs[i]->carried = f->recs[i]->item.n > 0;
	if (make_body(f, s) == 0)
		learn_size(f, s);
	for (size_t i = 0; i < f->n; i++) {
		f->recs[i]->carried = false;
		/* What has failed will do so when it is made to be sent. */
		f->recs[i]->verdict = NO_VERDICT;
	}
}

static enum built check_size(struct flow *f, const struct step *s)
{
	if (!f->op->max_bytes || !s->has_body)
		return BUILT;
	if (s->item.prog && !f->op->one)
		learn_size(f, s);
	if (f->body.len <= f->op->max_bytes)
		return BUILT;
	for (size_t i = 0; i < f->n; i++)
		if (f->recs[i]->carried)
			f->recs[i]->http_status = 0;
	flow_decide_all(f, SPLIT, STR("too_large"),
			STR("larger than the destination takes"));
	return BUILD_AGAIN;
}

static enum built body_failed(struct flow *f, const struct step *s)
{
	struct push *p = f->push;
	bool decided = false;

	for (size_t i = 0; i < f->n; i++)
		decided |= f->recs[i]->verdict != NO_VERDICT;
	/* One file, one header: what does not fit it ends that. */
	if (!decided && upload_columns(f, s))
		push_stop(p, EX_CONFIG, "%s: %s", p->contract->name,
			  p->err.data);
	else if (!decided)
		cannot_make(f, s, flow_alone(f), "body");
	return p->stopped ? BUILD_FAILED : BUILD_AGAIN;
}

/* The step has shown that its request can be made. */
static void has_made(struct flow *f, struct step *s)
{
	if (s->made || f->op->role != FOR_RECORDS || f->recs[0]->stand_in)
		return;
	s->made = true;
	unmade_made(f->push);
}

enum built request_finish(struct flow *f)
{
	const struct step *s = &f->op->steps[f->step];
	struct tmpl_field field = TMPL_FIELD_NONE;
	struct tmpl_scope t;

	fill_templates(f, &t);
	/* A secret is put into the body as it is, a signature is of the bytes
	 * that are sent. */
	if (!auth_writes_body(f->push->d.auth))
		pack(f, s);
	if (sign(f, s, &t, &field) < 0)
		return request_refuse(f, field);
	if (auth_writes_body(f->push->d.auth))
		pack(f, s);
	return BUILT;
}

static enum built build_one(struct flow *f, const struct step *s)
{
	struct tmpl_scope t;
	struct tmpl_field field = TMPL_FIELD_NONE;
	int run;

	if (make_vars(f, s) < 0 || (run = check_when(f, s)) < 0)
		return f->push->stopped ? BUILD_FAILED : BUILD_AGAIN;
	if (!run)
		return NOT_RUN;
	if (make_items(f, s) < 0)
		return f->push->stopped ? BUILD_FAILED : BUILD_AGAIN;
	if (!f->n_carried && !upload_ends(f))
		return NOT_RUN;
	if (make_body(f, s) < 0)
		return body_failed(f, s);
	f->n_body = f->body.len;
	if (check_size(f, s) != BUILT)
		return BUILD_AGAIN;
	fill_templates(f, &t);
	if (make_url(f, s, &t, &field) < 0 ||
	    make_headers(f, s, &t, &field) < 0)
		return request_refuse(f, field);
	has_made(f, (struct step *)s);
	return request_finish(f);
}

enum built request_build(struct flow *f)
{
	const struct step *s = &f->op->steps[f->step];
	enum built got;

	if (f->push->cfg.replay)
		return replay_build(f);
	if (f->op->table)
		return table_build(f);
	if (!s->each)
		return build_one(f, s);
	if (f->op->role == FOR_RECORDS && f->recs[0]->stand_in)
		return NOT_RUN;
	while (f->each < f->n) {
		got = build_one(f, s);
		if (got != NOT_RUN)
			return got;
		f->recs[f->each++]->carried = false;
	}
	return NOT_RUN;
}

/* ---- sending ---- */

static void show(struct flow *f, const struct step *s)
{
	if (msg_get_level() < MSG_DEBUG)
		return;
	msg_debug("> %s %s (batch %" PRIu64 ", %zu records, %zu bytes)",
		  s->method, f->url.data, f->number, f->n_carried, f->body.len);
	show_headers('>', buf_str(&f->headers), f->n_auth_headers);
	show_sent(f);
}

static void leaves(void *arg, int64_t tick)
{
	pace_left(arg, tick);
}

static void answered(void *arg, const struct http_answer *a)
{
	struct flow *f = arg;

	f->push->n_under_way--;
	pace_gone(f);
	response_take(f, a);
}

void request_send(struct flow *f)
{
	struct push *p = f->push;
	const struct step *s = &f->op->steps[f->step];
	const char *lines[2 * MAX_HEADERS + 16];
	size_t n = 0;
	char *at = f->headers.data;
	struct http_request rq = {
		.method = s->method,
		.url = f->url.data,
		.headers = lines,
		.body = s->has_body ? buf_str(&f->body) : STR_NONE,
		.fresh = s->resend != RESEND_SAME || f->lost,
		/* It is of no interest where nothing counts requests. */
		.leaves = p->d.n_limits ? leaves : NULL,
		.max_body =
		    s->answer == ANSWER_CSV || s->answer == ANSWER_NDJSON
			? MAX_ROWS_ANSWER
			: 0,
	};

	if (f->op->table) {
		pace_left(f, clock_tick_ms());
		table_send(f);
		return;
	}
	if (p->uploads) {
		pace_left(f, clock_tick_ms());
		upload_send(f);
		return;
	}
	show(f, s);
	for (char *lf; n < ARRAY_LEN(lines) && (lf = strchr(at, '\n'));
	     at = lf + 1) {
		*lf = '\0';
		lines[n++] = at;
	}
	rq.n_headers = n;
	p->n_under_way++;
	http_send(p->http, &rq, answered, f);
}
