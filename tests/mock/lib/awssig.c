/* SPDX-License-Identifier: MIT */
#include "tests/mock/lib/awssig.h"

#include <stdlib.h>

#include "common/clock.h"
#include "common/digest.h"
#include "common/enc.h"
#include "common/mem.h"

struct proof {
	struct str id, day, region, service, signed_names, signature;
};

/* The text between a and the next of stops. */
static struct str field(struct str text, const char *begin, const char *stops)
{
	char *at = memmem(text.s, text.n, begin, strlen(begin));
	struct str out;

	if (!at)
		return STR_NONE;
	out.s = at + strlen(begin);
	out.n = 0;
	while (out.s + out.n < text.s + text.n && !strchr(stops, out.s[out.n]))
		out.n++;
	return out;
}

static bool parse(struct str auth, struct proof *p)
{
	struct str scope, end;

	if (!auth.s || !str_starts(auth, "AWS4-HMAC-SHA256 "))
		return false;
	scope = field(auth, "Credential=", ", ");
	p->signed_names = field(auth, "SignedHeaders=", ", ");
	p->signature = field(auth, "Signature=", ", ");
	return scope.s && p->signed_names.s && p->signature.s &&
	       str_split(&scope, '/', &p->id) &&
	       str_split(&scope, '/', &p->day) &&
	       str_split(&scope, '/', &p->region) &&
	       str_split(&scope, '/', &p->service) &&
	       str_split(&scope, '/', &end) && str_is(end, "aws4_request");
}

static int by_text(const void *a, const void *b)
{
	return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

static void put_query(struct buf *out, struct str query)
{
	struct str part, v[64];
	size_t n = 0;

	while (query.n && n < ARRAY_LEN(v) && str_split(&query, '&', &part))
		v[n++] = part;
	qsort(v, n, sizeof *v, by_text);
	for (size_t i = 0; i < n; i++)
		buf_addf(out, "%s%.*s%s", i ? "&" : "", STR_ARG(v[i]),
			 memchr(v[i].s, '=', v[i].n) ? "" : "=");
}

static bool has_name(struct str names, const char *name)
{
	struct str one;

	while (str_split(&names, ';', &one))
		if (str_is(one, name))
			return true;
	return false;
}

static void put_canonical(struct buf *out, const struct request *r,
			  const struct proof *p)
{
	struct str names = p->signed_names, name;

	buf_addf(out, "%.*s\n%.*s\n", STR_ARG(r->method), STR_ARG(r->path));
	put_query(out, r->query);
	buf_addc(out, '\n');
	while (str_split(&names, ';', &name)) {
		struct str value = STR("");

		for (size_t i = 0; i < r->n_headers; i++)
			if (str_eq(r->headers[i].name, name))
				value = r->headers[i].value;
		buf_addf(out, "%.*s:%.*s\n", STR_ARG(name), STR_ARG(value));
	}
	buf_addf(out, "\n%.*s\n", STR_ARG(p->signed_names));
}

static void hash_hex(struct buf *out, struct str text)
{
	uint8_t sum[DIGEST_MAX];

	digest(DIGEST_SHA256, text.s, text.n, sum);
	enc_hex(out, sum, 32);
}

static bool signature_is(const struct awssig *s UNUSED, const struct request *r,
			 const struct proof *p, struct str secret)
{
	struct buf canonical = BUF_INIT, text = BUF_INIT, key = BUF_INIT;
	struct str payload = request_header(r, "x-amz-content-sha256");
	struct str steps[] = { p->day, p->region, p->service,
			       STR("aws4_request") };
	uint8_t mac[32];
	bool same;

	put_canonical(&canonical, r, p);
	if (payload.s)
		buf_adds(&canonical, payload);
	else
		hash_hex(&canonical, r->body);
	buf_addf(&text, "AWS4-HMAC-SHA256\n%.*s\n%.*s/%.*s/%.*s/aws4_request\n",
		 STR_ARG(request_header(r, "x-amz-date")), STR_ARG(p->day),
		 STR_ARG(p->region), STR_ARG(p->service));
	hash_hex(&text, buf_str(&canonical));
	buf_addf(&key, "AWS4%.*s", STR_ARG(secret));
	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		digest_hmac(DIGEST_SHA256, buf_str(&key), steps[i], mac);
		buf_reset(&key);
		buf_add(&key, mac, sizeof mac);
	}
	digest_hmac(DIGEST_SHA256, buf_str(&key), buf_str(&text), mac);
	buf_reset(&text);
	enc_hex(&text, mac, sizeof mac);
	same = str_eq(buf_str(&text), p->signature);
	buf_release(&canonical);
	buf_release(&text);
	buf_release(&key);
	return same;
}

static bool is_now(const struct awssig *s, const struct request *r,
		   const struct proof *p)
{
	struct str date = request_header(r, "x-amz-date");
	struct tm tm = { .tm_isdst = 0 };
	char text[32];

	if (date.n != 16 || memcmp(date.s, p->day.s, MIN(p->day.n, 8)) != 0)
		return false;
	snprintf(text, sizeof text, "%.*s", STR_ARG(date));
	if (!strptime(text, "%Y%m%dT%H%M%SZ", &tm))
		return false;
	return llabs((long long)timegm(&tm) -
		     (clock_now_ms() / 1000 + s->skew_s)) < 900;
}

/* The secret of a key and its token; false: there is no such key. */
static bool find_key(const struct awssig *s, struct str id, size_t *at,
		     struct str *secret, struct str *token)
{
	for (*at = 0; *at < s->keys.n; ++*at) {
		struct str rest = str_of(s->keys.v[*at]), name;

		if (str_split(&rest, ':', &name) && str_eq(name, id) &&
		    str_split(&rest, ':', secret)) {
			*token = rest.s ? rest : STR("");
			return true;
		}
	}
	return false;
}

static bool payload_fits(const struct request *r)
{
	struct str given = request_header(r, "x-amz-content-sha256");
	struct buf hex = BUF_INIT;
	bool fits;

	hash_hex(&hex, r->body);
	fits =
	    str_eq(given, buf_str(&hex)) || str_is(given, "UNSIGNED-PAYLOAD");
	buf_release(&hex);
	return fits;
}

const char *awssig_check(const struct awssig *s, const struct request *r,
			 size_t *key, int *status)
{
	struct proof p;
	struct str secret, token;
	struct str given = request_header(r, "x-amz-security-token");
	bool s3 = strcmp(s->service, "s3") == 0;

	*status = 403;
	if (!request_header(r, "authorization").s)
		return "AccessDenied";
	*status = 400;
	if (!parse(request_header(r, "authorization"), &p) ||
	    !str_is(p.service, s->service) ||
	    !has_name(p.signed_names, "host") ||
	    !has_name(p.signed_names, "x-amz-date"))
		return "AuthorizationHeaderMalformed";
	if (s3 && (!has_name(p.signed_names, "x-amz-content-sha256") ||
		   !payload_fits(r)))
		return "XAmzContentSHA256Mismatch";
	*status = 403;
	if (!find_key(s, p.id, key, &secret, &token))
		return "InvalidAccessKeyId";
	if (!is_now(s, r, &p))
		return "RequestTimeTooSkewed";
	if (!str_eq(token, given.s ? given : STR("")))
		return "InvalidToken";
	if (given.s && !has_name(p.signed_names, "x-amz-security-token"))
		return "SignatureDoesNotMatch";
	*status = 400;
	if (!str_is(p.region, s->region))
		return "AuthorizationHeaderMalformed";
	*status = 403;
	if (!signature_is(s, r, &p, secret))
		return "SignatureDoesNotMatch";
	return NULL;
}
