/* SPDX-License-Identifier: MIT */
#include "common/http_private.h"

#include "common/clock.h"
#include "common/mem.h"
#include "common/msg.h"

/* All header lines of one answer; a server may send them without end. */
#define MAX_HEADERS ((size_t)256 << 10)

/* ---- what curl calls ---- */

size_t http_take_body(char *data, size_t one, size_t n, void *arg)
{
	struct http_transfer *t = arg;

	(void)one;
	if (n > t->max_body - t->n_body) {
		t->too_large = true;
		return 0;
	}
	if (t->data) {
		long status = 0;

		curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
		switch (t->data(t->arg, status, buf_str(&t->answer_headers),
				(struct str){ data, n })) {
		case HTTP_PAUSE:
			return CURL_WRITEFUNC_PAUSE;
		case HTTP_STOP:
			return 0;
		default:
			break;
		}
	} else {
		buf_add(&t->body, data, n);
	}
	t->n_body += n;
	return n;
}

/*
 * A status line begins a new answer: what an interim one (100, 103) said is
 * forgotten. Names are lowered, so that nobody else needs to care.
 */
size_t http_take_header(char *data, size_t one, size_t n, void *arg)
{
	struct http_transfer *t = arg;
	struct str line = { data, n };
	const char *colon;

	(void)one;
	while (line.n &&
	       (line.s[line.n - 1] == '\n' || line.s[line.n - 1] == '\r'))
		line.n--;
	if (str_starts(line, "HTTP/")) {
		buf_reset(&t->answer_headers);
		t->headers_end = false;
		return n;
	}
	if (!line.n)
		t->headers_end = true;
	colon = memchr(line.s, ':', line.n);
	if (!colon)
		return n;
	for (const char *p = line.s; p < colon; p++)
		buf_addc(&t->answer_headers, (char)tolower((uint8_t)*p));
	buf_add(&t->answer_headers, colon, line.n - (size_t)(colon - line.s));
	buf_addc(&t->answer_headers, '\n');
	if (t->answer_headers.over) {
		t->too_large = true;
		return 0;
	}
	return n;
}

/*
 * Called when a connection is there, before the request is sent on it. A
 * second time means that a kept connection died: libcurl would send the
 * request once more and nobody would know that the first one may have been
 * accepted.
 */
int http_before_request(void *arg, char *to, char *from, int to_port,
			int from_port)
{
	struct http_transfer *t = arg;

	(void)to;
	(void)from;
	(void)to_port;
	(void)from_port;
	if (t->begun && !t->repeatable)
		return CURL_PREREQFUNC_ABORT;
	if (!t->begun && t->leaves)
		t->leaves(t->arg, clock_tick_ms());
	t->begun = true;
	t->refused = false;
	t->stream = 0;
	return CURL_PREREQFUNC_OK;
}

/* The number behind a word of a line. */
static bool number_behind(struct str line, const char *word, uint64_t *n)
{
	const char *at = memmem(line.s, line.n, word, strlen(word));
	struct str digits;

	if (!at)
		return false;
	digits.s = at + strlen(word);
	for (digits.n = 0; digits.s + digits.n < line.s + line.n &&
			   isdigit((uint8_t)digits.s[digits.n]);)
		digits.n++;
	return str_to_u64(digits, n) == 0;
}

/*
 * A stream that HTTP/2 refuses, and one above the last that a GOAWAY names, was
 * not looked at (RFC 9113, 8.7 and 6.8). Of the former libcurl speaks only on a
 * connection that nobody else has used; of one that it does not speak of, it
 * stays unknown what became of it.
 */
int http_hear(CURL *e, curl_infotype type, char *data, size_t n, void *arg)
{
	struct http_transfer *t = arg;
	struct str line = { data, n };
	uint64_t last;

	(void)e;
	if (type != CURLINFO_TEXT)
		return 0;
	if (str_starts(line, "Using Stream ID: "))
		number_behind(line, ": ", &t->stream);
	else if (str_starts(line, "REFUSED_STREAM, retrying"))
		t->refused = true;
	else if ((str_starts(line, "recveived GOAWAY, ") ||
		  str_starts(line, "received GOAWAY, ")) &&
		 number_behind(line, "last_stream=", &last))
		t->refused = t->stream > last;
	return 0;
}

/* ---- setting up ---- */

struct http *http_new(const struct http_opts *opts, struct buf *err)
{
	struct http *h;

	if (curl_global_init(CURL_GLOBAL_DEFAULT)) {
		fail(err, "libcurl cannot be started");
		return NULL;
	}
	if (opts->cacert && access(opts->cacert, R_OK) < 0) {
		fail(err, "--cacert %s: %s", opts->cacert, strerror(errno));
		return NULL;
	}
	if (opts->cert && access(opts->cert, R_OK) < 0) {
		fail(err, "--cert %s: %s", opts->cert, strerror(errno));
		return NULL;
	}
	if (opts->key && access(opts->key, R_OK) < 0) {
		fail(err, "--key %s: %s", opts->key, strerror(errno));
		return NULL;
	}
	h = xcalloc(1, sizeof *h);
	h->opts = *opts;
	h->wire = wire_new(opts);
	tell_first(h);
	return h;
}

static void transfer_free(struct http_transfer *t)
{
	curl_easy_cleanup(t->easy);
	tell_free(t);
	buf_release(&t->answer_headers);
	buf_release(&t->body);
	free(t);
}

void http_free(struct http *h)
{
	struct http_transfer *t;

	if (!h)
		return;
	while ((t = wire_any(h->wire))) {
		wire_drop(h->wire, t);
		transfer_free(t);
	}
	wire_free(h->wire);
	while ((t = h->idle)) {
		h->idle = t->next;
		transfer_free(t);
	}
	free(h->encodings);
	free(h);
}

static struct http_transfer *transfer_get(struct http *h)
{
	struct http_transfer *t = h->idle;

	if (t) {
		h->idle = t->next;
	} else {
		t = xcalloc(1, sizeof *t);
		t->http = h;
		t->answer_headers = BUF_INIT_MAX(MAX_HEADERS);
		t->body = BUF_INIT;
		t->easy = curl_easy_init();
		if (!t->easy)
			die(EX_OSERR, "out of memory");
		tell_always(t);
	}
	buf_reset(&t->answer_headers);
	buf_reset(&t->body);
	t->n_body = 0;
	t->too_large = t->headers_end = t->begun = t->refused = false;
	t->stream = 0;
	t->error[0] = '\0';
	return t;
}

struct http_transfer *http_send(struct http *h, const struct http_request *rq,
				http_done *done, void *arg)
{
	struct http_transfer *t = transfer_get(h);

	t->done = done;
	t->arg = arg;
	t->data = rq->data;
	t->repeatable = strcmp(rq->method, "GET") == 0;
	t->leaves = rq->leaves;
	tell(t, rq);
	wire_start(h->wire, t);
	return t;
}

void http_resume(struct http_transfer *t)
{
	curl_easy_pause(t->easy, CURLPAUSE_CONT);
}

/* ---- answers ---- */

static enum http_failure failure_of(struct http_transfer *t, CURLcode code)
{
	switch (code) {
	case CURLE_OK:
		return HTTP_OK;
	case CURLE_URL_MALFORMAT:
		return HTTP_BAD_URL;
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_ISSUER_ERROR:
		return HTTP_UNTRUSTED;
	case CURLE_SSL_CERTPROBLEM:
		return HTTP_BAD_CERT;
	case CURLE_UNSUPPORTED_PROTOCOL:
		/* Of an answer: no HTTP at all. */
		return t->begun ? HTTP_LOST : HTTP_BAD_URL;
	case CURLE_ABORTED_BY_CALLBACK:
		return HTTP_LOST;
	default:
		/*
		 * What was said to a proxy is not the request; and one that
		 * had begun on a connection that died may have arrived.
		 */
		return t->begun ? HTTP_LOST : HTTP_UNREACHABLE;
	}
}

/* Unless something was answered after all. */
static bool was_refused(const struct http_transfer *t, CURLcode code,
			long status)
{
	return code != CURLE_OK && t->refused && !status;
}

/* HTTP/2 marks the end of every body. */
static bool has_open_end(struct http_transfer *t, long status)
{
	struct str headers = buf_str(&t->answer_headers);
	long version = 0;

	curl_easy_getinfo(t->easy, CURLINFO_HTTP_VERSION, &version);
	return version < CURL_HTTP_VERSION_2_0 && status != 204 &&
	       status != 304 && !http_header(headers, "content-length").s &&
	       !http_header(headers, "transfer-encoding").s;
}

static void describe(struct http_transfer *t, CURLcode code,
		     struct http_answer *a)
{
	curl_off_t took = 0;
	char *url = NULL;

	curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &a->status);
	curl_easy_getinfo(t->easy, CURLINFO_TOTAL_TIME_T, &took);
	curl_easy_getinfo(t->easy, CURLINFO_EFFECTIVE_URL, &url);
	a->failure = was_refused(t, code, a->status) ? HTTP_UNREACHABLE
						     : failure_of(t, code);
	a->cut = code != CURLE_OK;
	a->open_end = has_open_end(t, a->status);
	/*
	 * A status that says no, says so without its body too. A success that
	 * was cut off by the network is asked again; one that is too large or
	 * garbled would be so again.
	 */
	if (t->headers_end && (a->status >= 300 || t->too_large ||
			       code == CURLE_BAD_CONTENT_ENCODING))
		a->failure = HTTP_OK;
	a->why = code == CURLE_OK ? ""
		 : was_refused(t, code, a->status)
		     ? "the server refused it, and did not look at it (HTTP/2)"
		 : code == CURLE_ABORTED_BY_CALLBACK
		     ? "the connection ended before an answer came"
		 : a->status && !t->headers_end
		     ? "the headers of the answer are cut off or endless"
		 : t->too_large ? "the answer is too large"
		 : t->error[0]  ? t->error
				: curl_easy_strerror(code);
	a->body = buf_str(&t->body);
	a->headers = buf_str(&t->answer_headers);
	a->url = url ? url : "";
	a->took_ms = took / 1000;
}

/* The body's memory goes back unless it is small: one huge answer is not
 * reason to hold as much for ever. */
static void put_back(struct http_transfer *t)
{
	if (t->body.cap > (1 << 20))
		buf_release(&t->body);
	t->next = t->http->idle;
	t->http->idle = t;
}

static void finish(struct http_transfer *t)
{
	struct http_answer a = { .failure = HTTP_OK };
	CURLcode code = t->code;

	/* For libcurl, headers that were cut off are an answer. */
	if (code == CURLE_OK && !t->headers_end)
		code = CURLE_RECV_ERROR;
	describe(t, code, &a);
	t->done(t->arg, &a);
	/*
	 * A handle remembers more of a failure than it should: libcurl 7.88
	 * sends by itself again what is lost on one on which a stream was
	 * refused, after the beginning of an answer, long before.
	 */
	if (code == CURLE_OK)
		put_back(t);
	else
		transfer_free(t);
}

void http_cancel(struct http_transfer *t)
{
	wire_drop(t->http->wire, t);
	transfer_free(t);
}

void http_go(struct http *h)
{
	wire_go(h->wire);
}

void http_wait(struct http *h, const int *fds, size_t n_fds, int timeout_ms)
{
	struct http_transfer *t;

	wire_wait(h->wire, fds, n_fds, timeout_ms);
	/* One by one: what is made of it may drop the next. */
	while ((t = wire_ended(h->wire)))
		finish(t);
}

void http_drop_unsent(struct http *h)
{
	struct http_transfer *t;

	while ((t = wire_unsent(h->wire))) {
		/* A name server that does not answer is not waited for. */
		curl_easy_setopt(t->easy, CURLOPT_QUICK_EXIT, 1L);
		wire_drop(h->wire, t);
		curl_easy_setopt(t->easy, CURLOPT_QUICK_EXIT, 0L);
		t->code = CURLE_COULDNT_CONNECT;
		snprintf(t->error, sizeof t->error,
			 "given up while connecting");
		finish(t);
	}
}

void http_abort(struct http *h)
{
	struct http_transfer *t;

	while ((t = wire_any(h->wire))) {
		wire_drop(h->wire, t);
		t->code = CURLE_ABORTED_BY_CALLBACK;
		finish(t);
	}
}

/* ---- URLs ---- */

static char *part_of(CURLU *u, CURLUPart part)
{
	char *text = NULL;

	return curl_url_get(u, part, &text, CURLU_DEFAULT_PORT) ? NULL : text;
}

static bool same_part(CURLU *a, CURLU *b, CURLUPart part)
{
	char *x = part_of(a, part), *y = part_of(b, part);
	bool same = x && y && strcasecmp(x, y) == 0;

	curl_free(x);
	curl_free(y);
	return same;
}

static bool part_is(CURLU *u, CURLUPart part, const char *wanted)
{
	char *text = part_of(u, part);
	bool is = text ? wanted && strcmp(text, wanted) == 0 : !wanted;

	curl_free(text);
	return is;
}

static CURLU *parse_url(const char *text)
{
	CURLU *u = curl_url();

	if (!u)
		die(EX_OSERR, "out of memory");
	if (curl_url_set(u, CURLUPART_URL, text, 0)) {
		curl_url_cleanup(u);
		return NULL;
	}
	return u;
}

bool http_same_origin(const char *a, const char *b)
{
	CURLU *x = parse_url(a), *y = parse_url(b);
	bool same = x && y && same_part(x, y, CURLUPART_SCHEME) &&
		    same_part(x, y, CURLUPART_HOST) &&
		    same_part(x, y, CURLUPART_PORT);

	curl_url_cleanup(x);
	curl_url_cleanup(y);
	return same;
}

int http_resolve(struct buf *out, const char *base, struct str reference)
{
	CURLU *u = parse_url(base);
	char *ref = xstrndup(reference.s, reference.n), *full = NULL;
	bool tls, good;

	if (!u) {
		free(ref);
		return -1;
	}
	tls = part_is(u, CURLUPART_SCHEME, "https");
	good = !curl_url_set(u, CURLUPART_USER, NULL, 0) &&
	       !curl_url_set(u, CURLUPART_PASSWORD, NULL, 0) &&
	       !curl_url_set(u, CURLUPART_URL, ref, 0) &&
	       (part_is(u, CURLUPART_SCHEME, "https") ||
		(!tls && part_is(u, CURLUPART_SCHEME, "http"))) &&
	       part_is(u, CURLUPART_USER, NULL) &&
	       part_is(u, CURLUPART_PASSWORD, NULL) &&
	       !curl_url_set(u, CURLUPART_FRAGMENT, NULL, 0) &&
	       !curl_url_get(u, CURLUPART_URL, &full, 0);
	if (good)
		buf_addz(out, full);
	curl_free(full);
	free(ref);
	curl_url_cleanup(u);
	return good ? 0 : -1;
}

/* ---- headers ---- */

bool http_next_header(struct str *rest, struct str *name, struct str *value)
{
	struct str line;
	const char *colon;

	while (str_split(rest, '\n', &line)) {
		colon = line.n ? memchr(line.s, ':', line.n) : NULL;
		if (!colon)
			continue;
		name->s = line.s;
		name->n = (size_t)(colon - line.s);
		value->s = colon + 1;
		value->n = line.n - name->n - 1;
		*value = str_trim(*value);
		return true;
	}
	return false;
}

struct str http_header(struct str headers, const char *name)
{
	return http_find_header(headers, str_of(name));
}

struct str http_find_header(struct str headers, struct str name)
{
	struct str n, v;

	while (http_next_header(&headers, &n, &v))
		if (str_eq(n, name))
			return v;
	return STR_NONE;
}
