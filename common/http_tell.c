/* SPDX-License-Identifier: MIT */
/*
 * What libcurl is told of a request. An easy handle keeps what it was told, and
 * requests are mostly as the last one was but for the body, so only what
 * differs is told again. libcurl writes its own header lines byte by byte, some
 * of them twice, and takes a URL apart and together for each request: that was
 * a third of what it did (HTTP/1.1, by instructions), and is saved where it can
 * be.
 */
#include "common/http_private.h"

#include "common/clock.h"
#include "common/mem.h"
#include "common/msg.h"

#define AGENT "retl/" RETL_VERSION

/* ---- once ---- */

/* Those that curl asks for; HTTP_PROXY is not among them, for good reason. */
static bool names_a_proxy(void)
{
	static const char *const names[] = { "http_proxy", "https_proxy",
					     "HTTPS_PROXY", "all_proxy",
					     "ALL_PROXY" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		const char *v = getenv(names[i]);

		if (v && *v)
			return true;
	}
	return false;
}

static char *encodings(void)
{
	static const struct {
		int feature;
		const char *name;
	} all[] = { { CURL_VERSION_LIBZ, "deflate, gzip" },
		    { CURL_VERSION_BROTLI, "br" },
		    { CURL_VERSION_ZSTD, "zstd" } };
	int features = curl_version_info(CURLVERSION_NOW)->features;
	struct buf line = BUF_INIT;

	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		if (features & all[i].feature)
			buf_addf(
			    &line, "%s%s",
			    line.len ? ", " : "Accept-Encoding: ", all[i].name);
	return line.data;
}

void tell_first(struct http *h)
{
	h->proxied = names_a_proxy();
	h->encodings = encodings();
}

void tell_always(struct http_transfer *t)
{
	const struct http_opts *o = &t->http->opts;
	CURL *e = t->easy;

	curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(e, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, 1L);
	curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, 2L);
	if (o->cacert)
		curl_easy_setopt(e, CURLOPT_CAINFO, o->cacert);
	if (o->cert) {
		curl_easy_setopt(e, CURLOPT_SSLCERT, o->cert);
		curl_easy_setopt(e, CURLOPT_SSLKEY, o->key ? o->key : o->cert);
		/* Nobody is asked for a passphrase in the middle of a run. */
		curl_easy_setopt(e, CURLOPT_KEYPASSWD, "");
	}
	curl_easy_setopt(e, CURLOPT_HTTP_VERSION,
			 o->http1 ? (long)CURL_HTTP_VERSION_1_1
				  : (long)CURL_HTTP_VERSION_2TLS);
	/*
	 * No CURLOPT_PIPEWAIT: with it a request waits for the first answer on
	 * another connection to learn whether that one can be shared, and so
	 * a slow answer holds up all others.
	 */
	curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, o->connect_ms);
	curl_easy_setopt(e, CURLOPT_TCP_KEEPALIVE, 1L);
	/* The request has a line of its own: this one is for a proxy. */
	if (t->http->proxied)
		curl_easy_setopt(e, CURLOPT_USERAGENT, AGENT);
	else
		curl_easy_setopt(e, CURLOPT_NOPROXY, "*");
	curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, http_take_body);
	curl_easy_setopt(e, CURLOPT_WRITEDATA, t);
	curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, http_take_header);
	curl_easy_setopt(e, CURLOPT_HEADERDATA, t);
	curl_easy_setopt(e, CURLOPT_PREREQFUNCTION, http_before_request);
	curl_easy_setopt(e, CURLOPT_PREREQDATA, t);
	curl_easy_setopt(e, CURLOPT_DEBUGFUNCTION, http_hear);
	curl_easy_setopt(e, CURLOPT_DEBUGDATA, t);
	curl_easy_setopt(e, CURLOPT_ERRORBUFFER, t->error);
	curl_easy_setopt(e, CURLOPT_PRIVATE, t);
	/* No .netrc, no cookies: credentials come from the contract alone. */
	curl_easy_setopt(e, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
}

/* ---- header lines ---- */

/* Without one these say "Content-Length: 0": some servers insist. */
static bool wants_body(const char *method)
{
	return strcmp(method, "POST") == 0 || strcmp(method, "PUT") == 0 ||
	       strcmp(method, "PATCH") == 0;
}

static bool has_line(const struct http_request *rq, const char *name)
{
	for (size_t i = 0; i < rq->n_headers; i++)
		if (strncasecmp(rq->headers[i], name, strlen(name)) == 0)
			return true;
	return false;
}

/* Those of the request, and ours; returns how many. */
static size_t list_lines(struct http_transfer *t, const struct http_request *rq)
{
	struct told *o = &t->told;
	size_t n = 0;

	while (o->cap_lines < rq->n_headers + 4)
		GROW(o->lines, o->cap_lines, o->cap_lines);
	for (; n < rq->n_headers; n++)
		o->lines[n] = rq->headers[n];
	/* Waiting for a "100 Continue" costs a second with many servers. */
	o->lines[n++] = "Expect:";
	if (!has_line(rq, "user-agent:"))
		o->lines[n++] = "User-Agent: " AGENT;
	if (!rq->raw && t->http->encodings && !has_line(rq, "accept-encoding:"))
		o->lines[n++] = t->http->encodings;
	if (!rq->body.s && wants_body(rq->method))
		o->lines[n++] = "Content-Type:";
	return n;
}

static bool are_told(const struct told *o, size_t n)
{
	const struct curl_slist *h = o->headers;

	for (size_t i = 0; i < n; i++, h = h->next)
		if (!h || strcmp(h->data, o->lines[i]) != 0)
			return false;
	return !h;
}

static void tell_headers(struct http_transfer *t, const struct http_request *rq)
{
	struct told *o = &t->told;
	size_t n = list_lines(t, rq);

	if (are_told(o, n))
		return;
	curl_slist_free_all(o->headers);
	o->headers = NULL;
	for (size_t i = 0; i < n; i++) {
		struct curl_slist *more =
		    curl_slist_append(o->headers, o->lines[i]);

		if (!more)
			die(EX_OSERR, "out of memory");
		o->headers = more;
	}
	curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, o->headers);
}

/* ---- method and body ---- */

static void tell_method(struct http_transfer *t, const struct http_request *rq,
			bool body)
{
	struct told *o = &t->told;
	CURL *e = t->easy;

	if (o->method && strcmp(o->method, rq->method) == 0 && o->body == body)
		return;
	free(o->method);
	o->method = xstrdup(rq->method);
	o->body = body;
	/* Back to a request without a body, whatever the last one was. */
	curl_easy_setopt(e, CURLOPT_POSTFIELDS, NULL);
	curl_easy_setopt(e, CURLOPT_HTTPGET, 1L);
	curl_easy_setopt(e, CURLOPT_NOBODY, 0L);
	if (body)
		curl_easy_setopt(e, CURLOPT_POST, 1L);
	else if (strcmp(rq->method, "HEAD") == 0)
		curl_easy_setopt(e, CURLOPT_NOBODY, 1L);
	curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, rq->method);
}

static void tell_body(struct http_transfer *t, const struct http_request *rq)
{
	bool body = rq->body.s || wants_body(rq->method);

	tell_method(t, rq, body);
	if (!body)
		return;
	curl_easy_setopt(t->easy, CURLOPT_POSTFIELDSIZE_LARGE,
			 (curl_off_t)rq->body.n);
	curl_easy_setopt(t->easy, CURLOPT_POSTFIELDS,
			 rq->body.s ? rq->body.s : "");
}

/* ---- where to ---- */

/*
 * Taken apart once for all requests that go there. What cannot be, is left to
 * libcurl to complain of; and an address with a zone, which it loses.
 */
static void tell_url(struct http_transfer *t, const char *url)
{
	struct told *o = &t->told;
	CURLUcode bad;

	if (o->url && strcmp(o->url, url) == 0)
		return;
	free(o->url);
	o->url = xstrdup(url);
	curl_easy_setopt(t->easy, CURLOPT_CURLU, NULL);
	curl_easy_setopt(t->easy, CURLOPT_URL, url);
	curl_url_cleanup(o->parsed);
	o->parsed = curl_url();
	if (!o->parsed)
		die(EX_OSERR, "out of memory");
	bad = curl_url_set(o->parsed, CURLUPART_URL, url, CURLU_PATH_AS_IS);
	if (!bad && !strchr(url, '['))
		curl_easy_setopt(t->easy, CURLOPT_CURLU, o->parsed);
}

/* ---- limits ---- */

/*
 * Of HTTP/2, libcurl (7.88) collects all header lines, up to 128 KiB, and gives
 * them to the transfer by as much as the buffer holds; for the rest it waits
 * until more comes from the server, which has said all. So they have to fit.
 */
static long buffer_size(const struct http_opts *o,
			const struct http_request *rq)
{
	if (rq->data)
		return 256L << 10;
	return o->http1 ? (long)CURL_MAX_WRITE_SIZE : 128L << 10;
}

static void tell_limits(struct http_transfer *t, const struct http_request *rq)
{
	const struct http_opts *o = &t->http->opts;
	struct told *was = &t->told;
	CURL *e = t->easy;

	t->max_body = rq->max_body ? rq->max_body : o->max_body;
	t->started = clock_tick_ms();
	t->timeout_ms = rq->silence_ms ? 0 : o->timeout_ms;
	t->n_graces = 0;
	curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, (long)t->timeout_ms);
	curl_easy_setopt(e, CURLOPT_LOW_SPEED_LIMIT, rq->silence_ms ? 1L : 0L);
	curl_easy_setopt(e, CURLOPT_LOW_SPEED_TIME,
			 (rq->silence_ms + 999) / 1000);
	if (!was->any || was->raw != rq->raw)
		curl_easy_setopt(e, CURLOPT_ACCEPT_ENCODING,
				 rq->raw ? NULL : "");
	curl_easy_setopt(e, CURLOPT_BUFFERSIZE, buffer_size(o, rq));
	curl_easy_setopt(e, CURLOPT_FRESH_CONNECT, rq->fresh ? 1L : 0L);
	was->any = true;
	was->raw = rq->raw;
}

/*
 * Whether a server has refused a stream, libcurl (7.88) only says in words.
 * They cost as much as the rest of a request, so they are listened to where it
 * has a connection of its own, which costs far more: nowhere else are they said
 * of this one alone.
 */
static void tell_verbose(struct http_transfer *t, const struct http_request *rq)
{
	bool hears = rq->fresh && str_starts(str_of(rq->url), "https:");

	if (hears == t->told.heard)
		return;
	t->told.heard = hears;
	curl_easy_setopt(t->easy, CURLOPT_VERBOSE, hears ? 1L : 0L);
}

void tell(struct http_transfer *t, const struct http_request *rq)
{
	tell_verbose(t, rq);
	tell_headers(t, rq);
	tell_body(t, rq);
	tell_url(t, rq->url);
	tell_limits(t, rq);
}

void tell_free(struct http_transfer *t)
{
	struct told *o = &t->told;

	free(o->method);
	free(o->url);
	curl_url_cleanup(o->parsed);
	curl_slist_free_all(o->headers);
	free(o->lines);
}
