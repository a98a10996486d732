/* SPDX-License-Identifier: MIT */
#include "common/sigv4.h"

#include "common/digest.h"
#include "common/enc.h"
#include "common/mem.h"

#define ALGORITHM "AWS4-HMAC-SHA256"

/* A name with a value: of the query, of a header. Places in one text. */
struct pair {
	struct str name, value;
	size_t place; /* as it came: what is equal stays in order */
};

struct pairs {
	struct pair *v;
	size_t n, cap;
};

static void pairs_add(struct pairs *p, struct str name, struct str value)
{
	GROW(p->v, p->n, p->cap);
	p->v[p->n] = (struct pair){ name, value, p->n };
	p->n++;
}

static struct pair *pairs_find(struct pairs *p, const char *name)
{
	for (size_t i = 0; i < p->n; i++)
		if (str_is(p->v[i].name, name))
			return &p->v[i];
	return NULL;
}

void sigv4_hash(struct buf *out, struct str body)
{
	uint8_t sum[DIGEST_MAX];

	digest(DIGEST_SHA256, body.n ? body.s : "", body.n, sum);
	enc_hex(out, sum, digest_size(DIGEST_SHA256));
}

/* ---- the URL ---- */

struct parts {
	struct str host; /* with its port, unless that is the scheme's own */
	struct str path, query;
};

static int take_url(struct str url, struct parts *p, struct buf *err)
{
	static const struct {
		const char *scheme, *port;
	} known[] = { { "https://", ":443" }, { "http://", ":80" } };

	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		size_t skip = strlen(known[i].scheme), n = 0;
		size_t port = strlen(known[i].port);
		struct str rest = { url.s + skip, url.n - skip };

		if (!str_starts(url, known[i].scheme))
			continue;
		while (n < rest.n && !strchr("/?#", rest.s[n]))
			n++;
		p->host = (struct str){ rest.s, n };
		if (n > port &&
		    memcmp(rest.s + n - port, known[i].port, port) == 0)
			p->host.n -= port;
		p->path = (struct str){ rest.s + n, rest.n - n };
		p->query = (struct str){ "", 0 };
		for (size_t k = 0; k < p->path.n; k++)
			if (p->path.s[k] == '?') {
				p->query.s = p->path.s + k + 1;
				p->query.n = p->path.n - k - 1;
				p->path.n = k;
			}
		if (p->host.n && !memchr(p->host.s, '@', p->host.n) &&
		    !memchr(url.s, '#', url.n))
			return 0;
	}
	return fail(err, "AWS signature: not an http URL of host, path and "
			 "query");
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void decode(struct buf *out, struct str text)
{
	for (size_t i = 0; i < text.n; i++) {
		int hi, lo;

		if (text.s[i] == '%' && i + 2 < text.n &&
		    (hi = hex_digit(text.s[i + 1])) >= 0 &&
		    (lo = hex_digit(text.s[i + 2])) >= 0) {
			buf_addc(out, (char)(hi << 4 | lo));
			i += 2;
		} else {
			buf_addc(out, text.s[i]);
		}
	}
}

/* The same text, in the one spelling that the service compares with. */
static void recode(struct buf *out, struct str text)
{
	struct buf plain = BUF_INIT;

	decode(&plain, text);
	enc_percent(out, buf_str(&plain));
	buf_release(&plain);
}

void sigv4_put_path(struct buf *out, struct str key)
{
	struct str part;
	bool any = false;

	while (str_split(&key, '/', &part)) {
		if (any)
			buf_addc(out, '/');
		any = true;
		enc_percent(out, part);
	}
}

static void put_s3_path(struct buf *out, struct str path)
{
	struct str part;

	while (str_split(&path, '/', &part)) {
		recode(out, part);
		if (path.s)
			buf_addc(out, '/');
	}
}

/* Without "." and "..", and with one slash where there are several. */
static void put_other_path(struct buf *out, struct str path)
{
	struct buf plain = BUF_INIT;
	struct str part;
	bool open = true; /* ends in a slash */

	while (str_split(&path, '/', &part)) {
		open = !part.n || str_is(part, ".") || str_is(part, "..");
		if (str_is(part, "..")) {
			while (plain.len && plain.data[plain.len - 1] != '/')
				buf_truncate(&plain, plain.len - 1);
			if (plain.len)
				buf_truncate(&plain, plain.len - 1);
		} else if (!open) {
			buf_addc(&plain, '/');
			buf_adds(&plain, part);
		}
	}
	if (open)
		buf_addc(&plain, '/');
	sigv4_put_path(out, buf_str(&plain));
	buf_release(&plain);
}

static int by_name(const void *a, const void *b)
{
	const struct pair *x = a, *y = b;
	int d = str_cmp(x->name, y->name);

	return d ? d : x->place < y->place ? -1 : 1;
}

static int by_name_and_value(const void *a, const void *b)
{
	const struct pair *x = a, *y = b;
	int d = str_cmp(x->name, y->name);

	return d ? d : str_cmp(x->value, y->value);
}

static void put_query(struct buf *out, struct str query)
{
	struct pairs all = { 0 };
	struct buf text = BUF_INIT;
	struct str part, name, value;

	/* No text is longer than all of it in percent-encoding. */
	buf_reserve(&text, 3 * query.n + 1);
	while (query.n && str_split(&query, '&', &part)) {
		size_t at = text.len;

		value = part;
		str_split(&value, '=', &name);
		recode(&text, name);
		name = (struct str){ text.data + at, text.len - at };
		at = text.len;
		if (value.s)
			recode(&text, value);
		value = (struct str){ text.data + at, text.len - at };
		if (part.n)
			pairs_add(&all, name, value);
	}
	if (all.n)
		qsort(all.v, all.n, sizeof *all.v, by_name_and_value);
	for (size_t i = 0; i < all.n; i++) {
		if (i)
			buf_addc(out, '&');
		buf_adds(out, all.v[i].name);
		buf_addc(out, '=');
		buf_adds(out, all.v[i].value);
	}
	free(all.v);
	buf_release(&text);
}

/* ---- headers ---- */

/* Trimmed, and one blank where there are several. */
static void put_value(struct buf *out, struct str value)
{
	value = str_trim(value);
	for (size_t i = 0; i < value.n; i++)
		if (value.s[i] != ' ' || value.s[i - 1] != ' ')
			buf_addc(out, value.s[i]);
}

static void read_headers(struct pairs *all, struct str lines, struct buf *text)
{
	struct str line, name, value;

	buf_reserve(text, lines.n + 1);
	while (str_split(&lines, '\n', &line)) {
		size_t at = text->len;

		value = line;
		if (!line.n || !str_split(&value, ':', &name))
			continue;
		for (size_t i = 0; i < name.n; i++)
			buf_addc(text, (char)tolower((uint8_t)name.s[i]));
		name = (struct str){ text->data + at, text->len - at };
		at = text->len;
		if (value.s)
			put_value(text, value);
		/* One without a value is not sent (see http.h). */
		if (text->len > at)
			pairs_add(
			    all, name,
			    (struct str){ text->data + at, text->len - at });
	}
}

/* "name:value" lines, and the names alone. Equal names share a line. */
static void put_headers(struct pairs *all, struct buf *out, struct buf *names)
{
	qsort(all->v, all->n, sizeof *all->v, by_name);
	for (size_t i = 0; i < all->n; i++) {
		struct pair *h = &all->v[i];

		if (i && str_eq(h->name, h[-1].name)) {
			out->data[out->len - 1] = ',';
		} else {
			buf_addf(names, "%s%.*s", names->len ? ";" : "",
				 STR_ARG(h->name));
			buf_addf(out, "%.*s:", STR_ARG(h->name));
		}
		buf_adds(out, h->value);
		buf_addc(out, '\n');
	}
}

/* ---- signing ---- */

static void put_header(struct buf *headers, const char *name, struct str value)
{
	if (headers->len && headers->data[headers->len - 1] != '\n')
		buf_addc(headers, '\n');
	buf_addf(headers, "%s: %.*s\n", name, STR_ARG(value));
}

static struct str mac_of(const uint8_t *mac)
{
	return (struct str){ (const char *)mac, digest_size(DIGEST_SHA256) };
}

static void sign(const struct sigv4 *by, struct str day, struct str text,
		 uint8_t *mac)
{
	const struct str chain[] = { by->region, by->service,
				     STR("aws4_request"), text };
	struct buf key = BUF_INIT;

	buf_addz(&key, "AWS4");
	buf_adds(&key, by->secret);
	digest_hmac(DIGEST_SHA256, buf_str(&key), day, mac);
	for (size_t i = 0; i < ARRAY_LEN(chain); i++) {
		uint8_t last[DIGEST_MAX];

		memcpy(last, mac, sizeof last);
		digest_hmac(DIGEST_SHA256, mac_of(last), chain[i], mac);
	}
	explicit_bzero(key.data, key.len);
	buf_release(&key);
}

static void canonical(const struct sigv4 *by, const struct sigv4_request *rq,
		      const struct parts *p, struct pairs *headers,
		      struct buf *out, struct buf *names)
{
	buf_adds(out, rq->method);
	buf_addc(out, '\n');
	if (!p->path.n)
		buf_addc(out, '/');
	else if (str_is(by->service, "s3"))
		put_s3_path(out, p->path);
	else
		put_other_path(out, p->path);
	buf_addc(out, '\n');
	put_query(out, p->query);
	buf_addc(out, '\n');
	put_headers(headers, out, names);
	buf_addc(out, '\n');
	buf_adds(out, buf_str(names));
	buf_addc(out, '\n');
	buf_adds(out, rq->payload);
}

static void add_own_headers(const struct sigv4 *by, struct sigv4_request *rq,
			    struct str when, struct pairs *all)
{
	static const char sha[] = "x-amz-content-sha256";

	if (str_is(by->service, "s3") && !pairs_find(all, sha)) {
		put_header(rq->headers, sha, rq->payload);
		pairs_add(all, str_of(sha), rq->payload);
	}
	put_header(rq->headers, "x-amz-date", when);
	pairs_add(all, STR("x-amz-date"), when);
	if (by->token.n) {
		put_header(rq->headers, "x-amz-security-token", by->token);
		pairs_add(all, STR("x-amz-security-token"), by->token);
	}
}

static void put_authorization(const struct sigv4 *by, struct sigv4_request *rq,
			      struct str scope, struct str names,
			      const uint8_t *mac)
{
	struct buf v = BUF_INIT;

	buf_addz(&v, ALGORITHM " Credential=");
	buf_adds(&v, by->key_id);
	buf_addf(&v, "/%.*s, SignedHeaders=%.*s, Signature=", STR_ARG(scope),
		 STR_ARG(names));
	enc_hex(&v, mac, digest_size(DIGEST_SHA256));
	put_header(rq->headers, "authorization", buf_str(&v));
	buf_release(&v);
}

int sigv4_sign(const struct sigv4 *by, struct sigv4_request *rq,
	       struct buf *err)
{
	struct buf text = BUF_INIT, names = BUF_INIT, all = BUF_INIT;
	struct buf scope = BUF_INIT;
	struct pairs headers = { 0 };
	time_t seconds = (time_t)(rq->now_ms / 1000);
	uint8_t mac[DIGEST_MAX];
	struct parts p = { .host = STR_NONE };
	struct tm tm;
	char when[20];
	struct str day = { when, 8 };

	if (take_url(rq->url, &p, err) < 0)
		return -1;
	gmtime_r(&seconds, &tm);
	strftime(when, sizeof when, "%Y%m%dT%H%M%SZ", &tm);
	buf_adds(&scope, day);
	buf_addf(&scope, "/%.*s/%.*s/aws4_request", STR_ARG(by->region),
		 STR_ARG(by->service));

	read_headers(&headers, buf_str(rq->headers), &text);
	if (!pairs_find(&headers, "host"))
		pairs_add(&headers, STR("host"), p.host);
	add_own_headers(by, rq, str_of(when), &headers);
	canonical(by, rq, &p, &headers, &all, &names);

	buf_reset(&text);
	buf_addf(&text, ALGORITHM "\n%s\n%s\n", when, scope.data);
	sigv4_hash(&text, buf_str(&all));
	sign(by, day, buf_str(&text), mac);
	put_authorization(by, rq, buf_str(&scope), buf_str(&names), mac);

	free(headers.v);
	buf_release(&text);
	buf_release(&names);
	buf_release(&all);
	buf_release(&scope);
	return 0;
}
