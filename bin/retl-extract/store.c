/* SPDX-License-Identifier: MIT */
#include "bin/retl-extract/store.h"

#include <fnmatch.h>

#include "common/mem.h"
#include "common/msg.h"

#define FLYING 4
#define IN_MEMORY (5 * (size_t)STORE_PART)
#define LIST_MAX ((size_t)32 << 20)

struct store_reader {
	const struct store *store;
	void *self; /* the store's own part */
	const struct source_args *args;
	struct store_place place;
	struct web *web, *lister;
	struct web_queue *queue;

	/* the listing */
	struct buf page; /* the token of the next */
	struct buf mark; /* one that came before, see goes_round */
	uint64_t n_pages;
	bool listed;                  /* to its end */
	uint64_t n_objects, n_filled; /* with something in them */

	/*
	 * Objects, oldest first: the first is being read, asking has come as
	 * far as `asking` (NULL: behind the last).
	 */
	struct object *first, *last, *asking;
	uint64_t asked; /* bytes of asking */
	bool asked_first;

	/* of the object that is being read */
	struct buf name;
	uint64_t left;   /* bytes of it that have not been handed out */
	struct str part; /* what of a part has not been */
	struct input in;
	struct reader *reader;
	bool open;
	const char *doubt;
};

/* ---- where ---- */

static int bad_url(const char *scheme, struct failure *f)
{
	return failed(f, EX_USAGE,
		      "a bucket is missing: %s://BUCKET/KEY, or "
		      "%s://BUCKET/PREFIX/ for all objects below it",
		      scheme, scheme);
}

static int parse_place(struct store_place *p, const char *scheme,
		       const char *where, struct failure *f)
{
	const char *key, *star;
	size_t n;

	if (strncmp(where, "//", 2) != 0)
		return bad_url(scheme, f);
	where += 2;
	n = strcspn(where, "/");
	for (size_t i = 0; i < n; i++)
		if (!isalnum((unsigned char)where[i]) &&
		    !strchr("._-", where[i]))
			return failed(f, EX_USAGE,
				      "'%.*s' is no name of a bucket", (int)n,
				      where);
	if (!n)
		return bad_url(scheme, f);
	buf_add(&p->bucket, where, n);
	key = where + n + (where[n] == '/');
	star = strchr(key, '*');
	p->many = !*key || star || key[strlen(key) - 1] == '/';
	buf_add(&p->key, key, star ? (size_t)(star - key) : strlen(key));
	if (star)
		buf_addz(&p->pattern, key);
	return 0;
}

/* ---- objects ---- */

static void set_asking(struct store_reader *r, struct object *o)
{
	r->asking = o;
	r->asked = 0;
	r->asked_first = false;
}

static struct object *object_new(struct store_reader *r, struct str key)
{
	struct object *o = xcalloc(1, sizeof *o);

	o->reader = r;
	o->key = o->version = BUF_INIT;
	buf_adds(&o->key, key);
	if (r->last)
		r->last->next = o;
	else
		r->first = o;
	r->last = o;
	if (!r->asking)
		set_asking(r, o);
	return o;
}

static void drop_first(struct store_reader *r)
{
	struct object *o = r->first;

	if (r->asking == o)
		set_asking(r, o->next);
	r->first = o->next;
	if (!r->first)
		r->last = NULL;
	buf_release(&o->key);
	buf_release(&o->version);
	free(o);
}

/* Folders, and marks that programs leave: _SUCCESS, .part.crc */
static bool is_mark(struct str key)
{
	const char *base = memrchr(key.s, '/', key.n);

	base = base ? base + 1 : key.s;
	return base == key.s + key.n || *base == '_' || *base == '.';
}

void store_add(struct store_reader *r, struct str key, struct str version,
	       uint64_t size)
{
	struct object *o;
	char *text = xstrndup(key.s, key.n);
	bool wanted = !r->place.pattern.len ||
		      fnmatch(r->place.pattern.data, text, 0) == 0;

	free(text);
	if (!wanted)
		return;
	if (!key.n || is_mark(key)) {
		msg_debug("%s: an object is passed over: its name says that "
			  "it holds no rows",
			  r->name.data);
		return;
	}
	r->n_objects++;
	if (!size)
		return;
	o = object_new(r, key);
	buf_adds(&o->version, version);
	o->size = size;
	o->known = true;
}

/* ---- the listing ---- */

static int prepare_list(struct web_request *rq, unsigned attempt UNUSED,
			struct failure *f)
{
	struct store_reader *r = rq->arg;

	return r->store->ask_list(r->self, rq, buf_str(&r->page), f);
}

static enum web_verdict judge_list(struct web_request *rq,
				   const struct web_answer *a, unsigned attempt,
				   struct failure *f)
{
	struct store_reader *r = rq->arg;

	if (a->status == 200)
		return WEB_TAKE;
	return r->store->judge(r->self, rq, a, attempt, f);
}

/*
 * Has the next page been there before? Of the tokens one is remembered, the
 * first, the second, the fourth and so on: of a round that goes for ever one
 * comes again.
 */
static bool goes_round(struct store_reader *r, const struct buf *next)
{
	if (!next->len)
		return false;
	if (str_eq(buf_str(next), buf_str(&r->page)) ||
	    str_eq(buf_str(next), buf_str(&r->mark)))
		return true;
	r->n_pages++;
	if ((r->n_pages & (r->n_pages - 1)) == 0) {
		buf_reset(&r->mark);
		buf_adds(&r->mark, buf_str(next));
	}
	return false;
}

/* One page more. */
static int list_more(struct store_reader *r, struct failure *f)
{
	struct web_request rq = WEB_REQUEST_INIT;
	struct web_answer answer;
	struct buf next = BUF_INIT;
	int ret = -1;

	rq.arg = r;
	rq.prepare = prepare_list;
	rq.judge = judge_list;
	if (web_ask(r->lister, &rq, &answer, f) < 0)
		goto out;
	if (r->store->take_list(r->self, r, answer.body, &next, f) < 0)
		goto out;
	if (goes_round(r, &next)) {
		failed(f, EX_UNAVAILABLE,
		       "%s: the listing comes back to the same page",
		       r->name.data);
		goto out;
	}
	r->listed = next.len == 0;
	buf_release(&r->page);
	r->page = next;
	next = BUF_INIT;
	ret = 0;
out:
	buf_release(&next);
	web_request_release(&rq);
	return ret;
}

/* ---- parts ---- */

static uint64_t part_end(const struct object *o, uint64_t from)
{
	return o->known ? MIN(from + STORE_PART, o->size) : STORE_PART;
}

static int prepare_part(struct web_request *rq, unsigned attempt UNUSED,
			struct failure *f)
{
	struct object *o = rq->arg;
	struct store_reader *r = o->reader;
	uint64_t from = rq->number, to = part_end(o, from);

	return r->store->ask(r->self, rq, o, from, to - 1,
			     o->known && from == 0 && to == o->size, f);
}

/* "bytes 0-99/1000" or "bytes * /0": where it begins and of how much. */
static int parse_range(struct str text, uint64_t *from, uint64_t *of)
{
	struct str part;

	if (!str_starts(text, "bytes "))
		return -1;
	text = (struct str){ text.s + 6, text.n - 6 };
	if (str_starts(text, "*/"))
		*from = 0;
	else if (!str_split(&text, '-', &part) || str_to_u64(part, from) < 0)
		return -1;
	if (!str_split(&text, '/', &part) || !text.s ||
	    str_to_u64(text, of) < 0)
		return -1;
	return 0;
}

static enum web_verdict changed(const struct object *o, struct failure *f)
{
	failed(f, EX_TEMPFAIL, "%s: was changed while it was read; run again",
	       o->key.data);
	return WEB_FAIL;
}

/* Learns the size from the first answer, or holds the answer against it. */
static enum web_verdict check_part(struct object *o, uint64_t asked,
				   const struct web_answer *a,
				   struct failure *f)
{
	struct store_reader *r = o->reader;
	struct str version = r->store->version(a->headers);
	uint64_t from = 0, of = a->body.n;

	if (a->status != 200 &&
	    parse_range(http_header(a->headers, "content-range"), &from, &of) <
		0) {
		failed(f, EX_UNAVAILABLE,
		       "%s: a part without a right Content-Range", o->key.data);
		return WEB_FAIL;
	}
	if (o->version.len && version.n &&
	    !str_eq(buf_str(&o->version), version))
		return changed(o, f);
	if (o->known && of != o->size)
		return changed(o, f);
	if ((o->known ? o->version.len > 0 : of > STORE_PART) && !version.n) {
		failed(f, EX_UNAVAILABLE,
		       "%s: the server does not say which version it is",
		       o->key.data);
		return WEB_FAIL;
	}
	if (from != asked || (a->status == 416 && of)) {
		failed(f, EX_UNAVAILABLE,
		       "%s: the server answers with another range than it "
		       "was asked for",
		       o->key.data);
		return WEB_FAIL;
	}
	if (!o->known) {
		o->known = true;
		o->size = of;
		buf_adds(&o->version, version);
	}
	if (a->status != 416 && a->body.n != part_end(o, from) - from) {
		failed(f, EX_TEMPFAIL, "%s: a part of a wrong length",
		       o->key.data);
		return WEB_AGAIN;
	}
	return WEB_TAKE;
}

static enum web_verdict judge_part(struct web_request *rq,
				   const struct web_answer *a, unsigned attempt,
				   struct failure *f)
{
	struct object *o = rq->arg;
	struct store_reader *r = o->reader;

	if (a->status == 200 || a->status == 206)
		return check_part(o, rq->number, a, f);
	/* An object of no bytes has no first one. */
	if (a->status == 416 && !o->known && rq->number == 0)
		return check_part(o, 0, a, f);
	if (a->status == 412 && o->known)
		return changed(o, f);
	if (a->status == 404 && o->known) {
		failed(
		    f, EX_TEMPFAIL,
		    "%s: was removed or changed while it was read; run again",
		    o->key.data);
		return WEB_FAIL;
	}
	return r->store->judge(r->self, rq, a, attempt, f);
}

static bool asked_all(const struct store_reader *r, const struct object *o)
{
	return o->known ? r->asked_first && r->asked >= o->size
			: r->asked_first;
}

static int make_part(void *arg, struct web_request *rq, struct failure *f)
{
	struct store_reader *r = arg;

	while (!r->asking || asked_all(r, r->asking)) {
		struct object *o = r->asking;

		/* How much of it there is, its first part will tell. */
		if (o && !o->known)
			return 0;
		if (o && o->next)
			set_asking(r, o->next);
		else if (r->listed)
			return 0;
		else if (list_more(r, f) < 0)
			return -1;
	}
	rq->arg = r->asking;
	rq->number = r->asked;
	rq->raw = true;
	rq->max_body = STORE_PART + (1 << 20);
	rq->prepare = prepare_part;
	rq->judge = judge_part;
	r->asked = part_end(r->asking, r->asked);
	r->asked_first = true;
	return 1;
}

/* ---- reading ---- */

/* For inflate.h: what comes next of the object, 0 behind its last byte. */
static ssize_t read_object(void *self, void *p, size_t n, struct failure *f)
{
	struct store_reader *r = self;

	while (!r->part.n) {
		struct web_answer a;
		int got;

		if (r->first->known && !r->left)
			return 0;
		got = web_queue_next(r->queue, &a, NULL, f);
		if (got < 0)
			return -1;
		if (!got)
			BUG("an object without its parts");
		if (r->left == UINT64_MAX)
			r->left = r->first->size;
		r->part = r->left ? a.body : STR_NONE;
	}
	n = MIN(n, r->part.n);
	memcpy(p, r->part.s, n);
	r->part.s += n;
	r->part.n -= n;
	r->left -= n;
	return (ssize_t)n;
}

static int open_object(struct store_reader *r, struct failure *f)
{
	struct object *o = r->first;
	struct reader_options text = r->args->text;
	struct feed feed = { .read = read_object, .self = r };

	buf_reset(&r->name);
	buf_addf(&r->name, "%s://%s/%s", r->store->scheme, r->place.bucket.data,
		 o->key.data);
	r->left = o->known ? o->size : UINT64_MAX;
	r->part = STR_NONE;
	if (text.format == FORMAT_UNKNOWN)
		text.format = format_of_path(o->key.data);
	input_from_feed(&r->in, &feed, r->name.data);
	r->open = true;
	r->reader = reader_new(&text, &r->in, f);
	return r->reader ? 0 : -1;
}

static void close_object(struct store_reader *r)
{
	if (!r->open)
		return;
	reader_free(r->reader);
	r->reader = NULL;
	input_close(&r->in);
	r->open = false;
}

static struct web *new_web(const struct store *store,
			   const struct source_args *a, size_t max,
			   struct failure *f)
{
	struct web_opts o = { .name = store->scheme,
			      .cacert = a->cacert,
			      .rows = a->rows,
			      .retries = a->retries,
			      .max_body = max,
			      .http1 = true };

	return web_new(&o, f);
}

struct store_reader *store_open(const struct store *store,
				const struct source_args *a, struct failure *f)
{
	struct store_reader *r = xcalloc(1, sizeof *r);
	struct web_queue_opts q = { .n_flying = FLYING,
				    .max_bytes = IN_MEMORY,
				    .make = make_part,
				    .arg = r };

	r->store = store;
	r->args = a;
	r->place = (struct store_place){ .bucket = BUF_INIT,
					 .key = BUF_INIT,
					 .pattern = BUF_INIT };
	r->page = r->mark = r->name = BUF_INIT;
	buf_addz(&r->name, a->url);
	if (parse_place(&r->place, store->scheme, a->where, f) < 0 ||
	    !(r->web = new_web(store, a, LIST_MAX, f)) ||
	    !(r->lister = new_web(store, a, LIST_MAX, f)) ||
	    !(r->self = store->open(a, &r->place, f))) {
		store_close(r);
		return NULL;
	}
	r->queue = web_queue_new(r->web, &q);
	if (!r->place.many) {
		object_new(r, buf_str(&r->place.key));
		r->n_objects = 1;
		r->listed = true;
	}
	return r;
}

void store_close(void *self)
{
	struct store_reader *r = self;

	close_object(r);
	web_queue_free(r->queue);
	web_free(r->web);
	web_free(r->lister);
	if (r->self)
		r->store->close(r->self);
	while (r->first)
		drop_first(r);
	buf_release(&r->place.bucket);
	buf_release(&r->place.key);
	buf_release(&r->place.pattern);
	buf_release(&r->page);
	buf_release(&r->mark);
	buf_release(&r->name);
	free(r);
}

/* The next object with something in it: 1; 0: there is none; -1. */
static int next_object(struct store_reader *r, struct failure *f)
{
	while (!r->first) {
		if (r->listed) {
			if (r->n_objects)
				return 0;
			return failed(f, EX_NOINPUT,
				      "%s: there is no object of that name",
				      r->args->url);
		}
		if (list_more(r, f) < 0)
			return -1;
	}
	return open_object(r, f) < 0 ? -1 : 1;
}

/* Behind an object: what it says itself about being whole. */
static void take_verdict(struct store_reader *r)
{
	const char *why = NULL;
	enum reader_verdict v = reader_verdict(r->reader, &why);

	/* One of many may be empty. */
	if (v == READER_EMPTY && r->place.many)
		return;
	r->n_filled++;
	if (v != READER_SEALED && v != READER_SILENT)
		r->doubt = why;
}

int store_next(void *self, struct rows *rows, struct failure *f)
{
	struct store_reader *r = self;
	int got;

	if (!r->open) {
		got = next_object(r, f);
		if (got <= 0)
			return got;
	}
	got = reader_next(r->reader, rows, f);
	if (got != 0)
		return got;
	if (r->left || r->part.n)
		return failed(f, EX_DATAERR, "%s: something follows its end",
			      r->name.data);
	take_verdict(r);
	close_object(r);
	drop_first(r);
	return 1;
}

const char *store_doubt(void *self)
{
	struct store_reader *r = self;

	if (r->doubt)
		return r->doubt;
	return r->n_filled ? NULL : "all of its objects are empty";
}

/* ---- one object, not as rows ---- */

int store_read_all(const struct store *store, const struct source_args *a,
		   size_t max, struct buf *out, struct failure *f)
{
	struct store_reader *r = store_open(store, a, f);
	char piece[16384];
	ssize_t n = -1;

	if (!r)
		return -1;
	r->left = UINT64_MAX;
	while (out->len <= max &&
	       (n = read_object(r, piece, sizeof piece, f)) > 0)
		buf_add(out, piece, (size_t)n);
	if (n > 0)
		n = failed(f, EX_DATAERR, "%s: longer than %zu bytes", a->url,
			   max);
	store_close(r);
	return (int)n;
}

static int prepare_remove(struct web_request *rq, unsigned attempt UNUSED,
			  struct failure *f)
{
	struct object *o = rq->arg;

	return o->reader->store->ask(o->reader->self, rq, o, 0, 0, true, f);
}

static enum web_verdict judge_remove(struct web_request *rq,
				     const struct web_answer *a,
				     unsigned attempt, struct failure *f)
{
	struct object *o = rq->arg;

	if (a->status == 200 || a->status == 204 || a->status == 404)
		return WEB_TAKE;
	return o->reader->store->judge(o->reader->self, rq, a, attempt, f);
}

int store_remove(const struct store *store, const struct source_args *a,
		 struct failure *f)
{
	struct store_reader *r = store_open(store, a, f);
	struct web_request rq = WEB_REQUEST_INIT;
	struct web_answer answer;
	int ret;

	if (!r)
		return -1;
	rq.method = "DELETE";
	rq.arg = r->first;
	rq.prepare = prepare_remove;
	rq.judge = judge_remove;
	ret = web_ask(r->web, &rq, &answer, f);
	web_request_release(&rq);
	store_close(r);
	return ret;
}
