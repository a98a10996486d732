/* SPDX-License-Identifier: MIT */
/*
 * OAuth 1.0a, RFC 5849, with HMAC-SHA1: each request is signed over its
 * method, its URL, and the members of its query and of a form in its body. Any
 * other body is not covered.
 */
#include "common/auth.h"

#include "common/digest.h"
#include "common/enc.h"
#include "common/mem.h"

/* A member as it goes into the signature: encoded once, "name=value". */
struct member {
	struct str name, value;
};

struct members {
	struct member v[500];
	size_t n;
	struct buf text;
};

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Of a query or a form, where + is a blank. */
static void recode(struct buf *out, struct str text)
{
	struct buf plain = BUF_INIT;

	for (size_t i = 0; i < text.n; i++) {
		if (text.s[i] == '+') {
			buf_addc(&plain, ' ');
		} else if (text.s[i] == '%' && i + 2 < text.n &&
			   hex(text.s[i + 1]) >= 0 && hex(text.s[i + 2]) >= 0) {
			buf_addc(&plain, (char)(hex(text.s[i + 1]) << 4 |
						hex(text.s[i + 2])));
			i += 2;
		} else {
			buf_addc(&plain, text.s[i]);
		}
	}
	enc_percent(out, buf_str(&plain));
	buf_release(&plain);
}

static int add(struct members *m, struct str name, struct str value)
{
	size_t at = m->text.len, mid;

	if (m->n == ARRAY_LEN(m->v))
		return -1;
	recode(&m->text, name);
	mid = m->text.len;
	recode(&m->text, value);
	/* The text was reserved: it does not move. */
	m->v[m->n++] =
	    (struct member){ { m->text.data + at, mid - at },
			     { m->text.data + mid, m->text.len - mid } };
	return 0;
}

static int add_all(struct members *m, struct str form)
{
	struct str part, name;

	while (form.n && str_split(&form, '&', &part)) {
		if (!part.n)
			continue;
		str_split(&part, '=', &name);
		if (add(m, name, part.s ? part : STR("")) < 0)
			return -1;
	}
	return 0;
}

static int by_name(const void *a, const void *b)
{
	const struct member *x = a, *y = b;
	int d = str_cmp(x->name, y->name);

	return d ? d : str_cmp(x->value, y->value);
}

static void put_member(struct buf *out, const struct member *m)
{
	if (out->len)
		buf_addc(out, '&');
	buf_adds(out, m->name);
	buf_addc(out, '=');
	buf_adds(out, m->value);
}

/* Scheme and host in lower case, without the port that goes without saying. */
static void put_base_url(struct buf *out, struct str url)
{
	struct buf base = BUF_INIT;
	size_t i = 0, slashes = 0;

	for (; i < url.n && (url.s[i] != '/' || ++slashes < 3); i++)
		buf_addc(&base, (char)tolower((uint8_t)url.s[i]));
	if (str_starts(buf_str(&base), "https:") && base.len > 4 &&
	    strcmp(base.data + base.len - 4, ":443") == 0)
		buf_truncate(&base, base.len - 4);
	if (str_starts(buf_str(&base), "http:") &&
	    strcmp(base.data + base.len - 3, ":80") == 0)
		buf_truncate(&base, base.len - 3);
	buf_add(&base, url.s + i, url.n - i);
	/* What is asked for where there is no path. */
	if (i == url.n)
		buf_addc(&base, '/');
	enc_percent(out, buf_str(&base));
	buf_release(&base);
}

static void sign(struct auth *a, struct str text, struct buf *out)
{
	struct buf key = BUF_INIT;
	uint8_t mac[DIGEST_MAX];

	enc_percent(&key, auth_get(a, "consumer_secret"));
	buf_addc(&key, '&');
	enc_percent(&key, auth_get(a, "token_secret"));
	digest_hmac(DIGEST_SHA1, buf_str(&key), text, mac);
	enc_base64(out, mac, digest_size(DIGEST_SHA1));
	explicit_bzero(key.data, key.len);
	buf_release(&key);
}

static void put_text(struct auth *a, struct auth_request *rq, struct members *m,
		     struct str url, struct buf *out)
{
	struct buf all = BUF_INIT;

	(void)a;
	qsort(m->v, m->n, sizeof *m->v, by_name);
	for (size_t i = 0; i < m->n; i++)
		put_member(&all, &m->v[i]);
	buf_adds(out, rq->method);
	buf_addc(out, '&');
	put_base_url(out, url);
	buf_addc(out, '&');
	enc_percent(out, buf_str(&all));
	buf_release(&all);
}

static void put_param(struct buf *header, const char *name, struct str value)
{
	buf_addf(header, "%s%s=\"", header->len ? ", " : "OAuth ", name);
	enc_percent(header, value);
	buf_addc(header, '"');
}

static int sign_request(struct auth *a, struct auth_request *rq,
			struct members *m, struct str nonce, struct str when,
			struct buf *header)
{
	const struct member own[] = {
		{ STR("oauth_consumer_key"), auth_get(a, "consumer_key") },
		{ STR("oauth_nonce"), nonce },
		{ STR("oauth_signature_method"), STR("HMAC-SHA1") },
		{ STR("oauth_timestamp"), when },
		{ STR("oauth_token"), auth_get(a, "token") },
		{ STR("oauth_version"), STR("1.0") },
	};
	struct str url = buf_str(rq->url), query = STR("");
	struct str type = auth_find_header(rq, "content-type");
	const char *mark = memchr(url.s, '?', url.n);
	struct buf text = BUF_INIT, mac = BUF_INIT;
	size_t n = 2048;

	if (mark) {
		query = (struct str){ mark + 1,
				      (size_t)(url.s + url.n - mark) - 1 };
		url.n = (size_t)(mark - url.s);
	}
	for (size_t i = 0; i < ARRAY_LEN(own); i++)
		n += 3 * (own[i].name.n + own[i].value.n);
	buf_reserve(&m->text, n + 3 * (query.n + rq->body->len));
	for (size_t i = 0; i < ARRAY_LEN(own); i++) {
		struct buf coded = BUF_INIT;

		/* recode takes apart what is encoded. */
		enc_percent(&coded, own[i].value);
		add(m, own[i].name, buf_str(&coded));
		buf_release(&coded);
		put_param(header, own[i].name.s, own[i].value);
	}
	if (add_all(m, query) < 0 ||
	    (str_starts(type, "application/x-www-form-urlencoded") &&
	     add_all(m, buf_str(rq->body)) < 0))
		return -1;
	put_text(a, rq, m, url, &text);
	sign(a, buf_str(&text), &mac);
	put_param(header, "oauth_signature", buf_str(&mac));
	buf_release(&text);
	buf_release(&mac);
	return 0;
}

static int oauth1_apply(struct auth *a, struct auth_request *rq,
			struct buf *err)
{
	struct members *m = xcalloc(1, sizeof *m);
	struct buf header = BUF_INIT, nonce = BUF_INIT;
	struct str given = auth_get(a, "nonce");
	uint8_t random[16];
	char when[24];
	int ret = 0;

	m->text = BUF_INIT;
	digest_random(random, sizeof random);
	enc_hex(&nonce, random, sizeof random);
	snprintf(when, sizeof when, "%" PRId64, rq->now_ms / 1000);
	if (a->show)
		buf_addz(&header, "OAuth \1signature\2");
	else if (sign_request(a, rq, m, given.n ? given : buf_str(&nonce),
			      str_of(when), &header) < 0)
		ret = fail(err,
			   "auth: oauth1: more than %zu members in query "
			   "and form",
			   ARRAY_LEN(m->v));
	if (!ret)
		auth_put_header(rq, "authorization", buf_str(&header));
	buf_release(&m->text);
	buf_release(&header);
	buf_release(&nonce);
	free(m);
	return ret;
}

/* nonce: to recompute a published signature. */
const struct auth_scheme auth_oauth1 = {
	.type = "oauth1",
	.needs = { "consumer_key", "consumer_secret", "token", "token_secret" },
	.takes = { "nonce" },
	.apply = oauth1_apply,
};
