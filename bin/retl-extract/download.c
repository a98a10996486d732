/* SPDX-License-Identifier: MIT */
#include "bin/retl-extract/download.h"

#include "common/clock.h"
#include "common/mem.h"
#include "common/msg.h"
#include "common/retry.h"

/* So much waits here for the reader; then the sender has to. */
#define WINDOW ((size_t)1 << 20)
#define SILENCE_MS 60000
#define REDIRECTS 5
#define NOT_KNOWN UINT64_MAX

struct download {
	struct web *web;
	const struct web_request *rq;
	const char *name;

	/* of the file, from the first good answer */
	struct buf headers;
	struct str etag, modified; /* strong ones; .s NULL: none */
	uint64_t length;           /* NOT_KNOWN */
	bool known;                /* there was such an answer */
	bool framed;               /* its end shows */

	/* of the attempt that is under way */
	struct http_transfer *transfer; /* NULL: none */
	struct buf url;
	unsigned hops;
	uint64_t skip; /* bytes of it that we have already */
	bool checked, good, paused;
	enum {
		WRONG_NOTHING,
		WRONG_CHANGED, /* it is another file by now */
		WRONG_RANGE,   /* not what was asked for */
	} wrong;
	struct http_answer answer; /* its texts are in why, answer_headers */
	struct buf why, answer_headers;

	uint64_t received;
	unsigned attempt; /* since something was received */
	int64_t due_ms;
	bool ended, failed;
	struct failure f;
	struct buf data; /* from at: received and not read yet */
	size_t at;
};

/* ---- what an answer says about the file ---- */

static bool is_strong(struct str etag)
{
	return etag.n >= 2 && *etag.s == '"';
}

static void learn(struct download *d, struct str headers)
{
	struct str length, etag;

	buf_reset(&d->headers);
	buf_adds(&d->headers, headers);
	headers = buf_str(&d->headers);
	etag = http_header(headers, "etag");
	d->etag = is_strong(etag) ? etag : STR_NONE;
	d->modified = http_header(headers, "last-modified");
	length = http_header(headers, "content-length");
	if (!length.s || str_to_u64(length, &d->length) < 0)
		d->length = NOT_KNOWN;
	d->framed = d->length != NOT_KNOWN ||
		    http_header(headers, "transfer-encoding").s;
	d->known = true;
}

/* "bytes 100-199/200": where it begins, and of how much. */
static int parse_range(struct str text, uint64_t *from, uint64_t *of)
{
	struct str part;

	if (!str_starts(text, "bytes "))
		return -1;
	text = (struct str){ text.s + 6, text.n - 6 };
	if (!str_split(&text, '-', &part) || str_to_u64(part, from) < 0 ||
	    !str_split(&text, '/', &part))
		return -1;
	if (str_is(text, "*"))
		*of = NOT_KNOWN;
	else if (!text.s || str_to_u64(text, of) < 0)
		return -1;
	return 0;
}

static bool same_version(const struct download *d, struct str headers)
{
	struct str etag = http_header(headers, "etag");
	struct str modified = http_header(headers, "last-modified");

	if (d->etag.s)
		return str_eq(d->etag, etag);
	return d->modified.s && str_eq(d->modified, modified);
}

static bool same_length(const struct download *d, struct str headers)
{
	struct str text = http_header(headers, "content-length");
	uint64_t length;

	return d->length == NOT_KNOWN ||
	       (text.s && str_to_u64(text, &length) == 0 &&
		length == d->length);
}

/* Before the first piece of an answer is taken. */
static void check_answer(struct download *d, long status, struct str headers)
{
	uint64_t from, of;

	d->checked = true;
	d->skip = 0;
	if (status == 200 && (!d->known || !d->received)) {
		learn(d, headers);
		d->good = true;
	} else if (status == 200) {
		/* The whole of it once more: what we have is passed over. */
		d->good = same_version(d, headers) && same_length(d, headers);
		d->wrong = d->good ? WRONG_NOTHING : WRONG_CHANGED;
		d->skip = d->received;
	} else if (status == 206) {
		d->good = d->known &&
			  parse_range(http_header(headers, "content-range"),
				      &from, &of) == 0 &&
			  from == d->received &&
			  (of == NOT_KNOWN || d->length == NOT_KNOWN ||
			   of == d->length);
		d->wrong = d->good ? WRONG_NOTHING : WRONG_RANGE;
		/* It need not be the rest: how much there is, counts. */
		if (d->good && d->length == NOT_KNOWN)
			d->length = of;
		d->framed = d->length != NOT_KNOWN;
		if (d->good && !same_version(d, headers) &&
		    http_header(headers, "etag").s) {
			d->good = false;
			d->wrong = WRONG_CHANGED;
		}
	}
}

/* ---- what http.h calls ---- */

static enum http_take take_piece(void *arg, long status, struct str headers,
				 struct str piece)
{
	struct download *d = arg;
	size_t over;

	if (!d->checked)
		check_answer(d, status, headers);
	if (!d->good)
		return d->wrong ? HTTP_STOP : HTTP_TAKEN;
	if (d->data.len - d->at >= WINDOW) {
		d->paused = true;
		return HTTP_PAUSE;
	}
	over = (size_t)MIN(d->skip, piece.n);
	d->skip -= over;
	if (over == piece.n)
		return HTTP_TAKEN;
	if (d->at) {
		memmove(d->data.data, d->data.data + d->at,
			d->data.len - d->at);
		buf_truncate(&d->data, d->data.len - d->at);
		d->at = 0;
	}
	buf_add(&d->data, piece.s + over, piece.n - over);
	d->received += piece.n - over;
	d->attempt = 0;
	return HTTP_TAKEN;
}

static void arrived(void *arg, const struct http_answer *a)
{
	struct download *d = arg;

	if (!d->checked)
		check_answer(d, a->status, a->headers);
	d->transfer = NULL;
	buf_reset(&d->why);
	buf_addz(&d->why, a->why);
	buf_reset(&d->answer_headers);
	buf_adds(&d->answer_headers, a->headers);
	d->answer = *a;
	d->answer.why = d->why.data;
	d->answer.headers = buf_str(&d->answer_headers);
}

/* ---- asking ---- */

static void add_lines(struct buf *text, const char **lines, size_t *n)
{
	for (char *p = text->data, *end; *p; p = end + 1) {
		end = strchr(p, '\n');
		*end = '\0';
		lines[(*n)++] = p;
	}
}

static void ask(struct download *d)
{
	struct buf text = BUF_INIT;
	const char *lines[32];
	struct http_request rq = {
		.method = "GET",
		.url = d->url.data,
		.headers = lines,
		.data = take_piece,
		.max_body = SIZE_MAX,
		.silence_ms = SILENCE_MS,
		.raw = true,
	};

	buf_adds(&text, buf_str(&d->rq->headers));
	if (!d->hops || http_same_origin(d->url.data, d->rq->url.data))
		buf_adds(&text, buf_str(&d->rq->secrets));
	if (d->received) {
		buf_addf(&text, "Range: bytes=%" PRIu64 "-\n", d->received);
		if (d->etag.s)
			buf_addf(&text, "If-Match: %.*s\n", STR_ARG(d->etag));
		else
			buf_addf(&text, "If-Unmodified-Since: %.*s\n",
				 STR_ARG(d->modified));
	}
	add_lines(&text, lines, &rq.n_headers);
	d->checked = d->good = d->paused = false;
	d->wrong = WRONG_NOTHING;
	d->answer = (struct http_answer){ .status = -1 };
	d->transfer = http_send(web_http(d->web), &rq, arrived, d);
	buf_release(&text);
}

static void begin(struct download *d)
{
	d->attempt++;
	d->hops = 0;
	buf_reset(&d->url);
	buf_adds(&d->url, buf_str(&d->rq->url));
	ask(d);
}

/* ---- what came of it ---- */

static void give_up(struct download *d, int status, const char *fmt, ...)
    PRINTF_LIKE(3, 4);
static void give_up(struct download *d, int status, const char *fmt, ...)
{
	struct buf text = BUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	buf_vaddf(&text, fmt, ap);
	va_end(ap);
	failed(&d->f, status, "%s: %s", d->name, text.data);
	buf_release(&text);
	d->failed = true;
}

static void again(struct download *d, int status, const char *why)
{
	struct str hint = http_header(d->answer.headers, "retry-after");
	int64_t ms;

	if (d->received && !d->etag.s && !d->modified.s) {
		give_up(d, EX_TEMPFAIL,
			"%s; the server gives neither ETag nor Last-Modified, "
			"by which to go on where it stopped",
			why);
		return;
	}
	if (!web_may_repeat(d->web, d->attempt)) {
		give_up(d, status, "%s (%u attempts)", why, d->attempt);
		return;
	}
	ms = web_delay_ms(d->web, MAX(d->attempt, 1), hint);
	msg_debug("%s: %s; again in %" PRId64 " ms", d->name, why, ms);
	d->due_ms = clock_tick_ms() + ms;
}

static bool follow(struct download *d)
{
	long n = d->answer.status;
	struct str to = http_header(d->answer.headers, "location");
	struct buf url = BUF_INIT;

	if ((n != 301 && n != 302 && n != 303 && n != 307 && n != 308) ||
	    d->hops >= REDIRECTS || !to.s)
		return false;
	if (http_resolve(&url, d->url.data, to) < 0) {
		give_up(d, EX_UNAVAILABLE,
			"the server redirects to what is no http URL, or from "
			"https to http");
		return true;
	}
	buf_release(&d->url);
	d->url = url;
	d->hops++;
	ask(d);
	return true;
}

static void settle_good(struct download *d)
{
	/* HTTP_OK, and not cut: the end that the protocol has, if it has. */
	if (d->length == NOT_KNOWN && d->answer.open_end)
		d->framed = false;
	if (d->length != NOT_KNOWN ? d->received == d->length : !d->skip)
		d->ended = true;
	else
		again(d, EX_TEMPFAIL, "the answer is shorter than it said");
}

/* Looks at the attempt that has arrived. */
static void settle(struct download *d)
{
	const struct http_answer *a = &d->answer;
	struct web_answer w = { .status = a->status, .headers = a->headers };

	if (d->wrong == WRONG_CHANGED || (a->status == 412 && d->received))
		give_up(d, EX_TEMPFAIL,
			"was changed while it was read; run again");
	else if (a->status == 416 && d->received)
		give_up(d, EX_TEMPFAIL,
			"is shorter than the server said that it was");
	else if (d->wrong == WRONG_RANGE)
		give_up(d, EX_UNAVAILABLE,
			"the server answers with another range than it was "
			"asked for");
	else if (a->failure == HTTP_BAD_URL)
		give_up(d, EX_USAGE, "%s", a->why);
	else if (a->failure == HTTP_UNTRUSTED)
		give_up(d, EX_UNAVAILABLE,
			"%s (--cacert FILE names the certificates of private "
			"authorities)",
			a->why);
	else if (a->failure == HTTP_UNREACHABLE)
		again(d, EX_UNAVAILABLE, a->why);
	else if (a->failure != HTTP_OK || (a->cut && d->good))
		again(d, EX_TEMPFAIL, a->why);
	else if (d->good)
		settle_good(d);
	else if (follow(d))
		;
	else if (a->status == 408 || a->status == 429 || a->status >= 500)
		again(d, EX_TEMPFAIL,
		      a->status == 429 ? "HTTP 429" : "the server fails");
	else {
		web_refused(&w, d->name, &d->f);
		d->failed = true;
	}
}

/* ---- reading ---- */

/* Until there is something to read, or nothing more to be had. */
static void run(struct download *d)
{
	struct http *h = web_http(d->web);

	while (d->at == d->data.len && !d->ended && !d->failed) {
		int64_t ms = 60000;

		if (!d->transfer) {
			ms = MAX(d->due_ms - clock_tick_ms(), 0);
			if (!ms)
				begin(d);
		}
		if (d->transfer && d->paused) {
			d->paused = false;
			http_resume(d->transfer);
			if (d->at < d->data.len)
				break;
		}
		http_wait(h, NULL, 0, 0);
		if (d->at == d->data.len && d->answer.status == -1) {
			web_before_wait(d->web);
			http_wait(h, NULL, 0, (int)ms);
		}
		if (!d->transfer && d->answer.status != -1) {
			settle(d);
			d->answer.status = -1;
		}
	}
}

struct download *download_open(struct web *w, const struct web_request *rq,
			       const char *name, struct failure *f)
{
	struct download *d = xcalloc(1, sizeof *d);

	d->web = w;
	d->rq = rq;
	d->name = name;
	d->headers = d->url = d->why = d->answer_headers = d->data = BUF_INIT;
	d->f = FAILURE_INIT;
	d->length = NOT_KNOWN;
	d->answer.status = -1;
	run(d);
	if (d->failed && !d->received) {
		failed(f, d->f.status, "%s", d->f.text.data);
		download_free(d);
		return NULL;
	}
	return d;
}

void download_free(struct download *d)
{
	if (!d)
		return;
	if (d->transfer)
		http_cancel(d->transfer);
	buf_release(&d->headers);
	buf_release(&d->url);
	buf_release(&d->why);
	buf_release(&d->answer_headers);
	buf_release(&d->data);
	buf_release(&d->f.text);
	free(d);
}

ssize_t download_read(void *self, void *p, size_t n, struct failure *f)
{
	struct download *d = self;

	run(d);
	if (d->at == d->data.len) {
		if (d->failed)
			return failed(f, d->f.status, "%s", d->f.text.data);
		return 0;
	}
	n = MIN(n, d->data.len - d->at);
	memcpy(p, d->data.data + d->at, n);
	d->at += n;
	return (ssize_t)n;
}

struct str download_header(const struct download *d, const char *name)
{
	return http_header(buf_str(&d->headers), name);
}

bool download_proved(const struct download *d)
{
	return d->framed;
}
