/* SPDX-License-Identifier: MIT */
/*
 * Amazon S3 and what speaks its language: objects and prefixes, signed
 * requests, the bucket's region found where it is another.
 */
#include "bin/retl-extract/store.h"

#include "bin/retl-extract/aws.h"
#include "bin/retl-extract/s3.h"
#include "bin/retl-extract/xml.h"
#include "common/enc.h"
#include "common/mem.h"

/* Attempts in which something may be mended at once. */
#define MENDING 4

struct s3 {
	struct aws *aws;
	const struct store_place *place;
	struct buf region;
	struct buf host; /* where a new bucket is for now; empty: as usual */
};

/* ---- requests ---- */

static bool has_dot(const struct buf *b)
{
	return memchr(b->data, '.', b->len) != NULL;
}

/*
 * The bucket in the host's name, unless the endpoint is somebody's own, or the
 * name has dots, which the certificate's * does not stand for.
 */
static void put_base(const struct s3 *s, struct buf *url)
{
	const struct store_place *p = s->place;
	struct str own = aws_endpoint(s->aws, "S3");
	const char *top = str_starts(buf_str(&s->region), "cn-")
			      ? "amazonaws.com.cn"
			      : "amazonaws.com";

	if (own.s) {
		while (own.n && own.s[own.n - 1] == '/')
			own.n--;
		buf_addf(url, "%.*s/%s", STR_ARG(own), p->bucket.data);
	} else if (s->host.len) {
		buf_addf(url, "https://%s", s->host.data);
	} else if (has_dot(&p->bucket)) {
		buf_addf(url, "https://s3.%s.%s/%s", s->region.data, top,
			 p->bucket.data);
	} else {
		buf_addf(url, "https://%s.s3.%s.%s", p->bucket.data,
			 s->region.data, top);
	}
}

static void begin(const struct s3 *s, struct web_request *rq)
{
	buf_reset(&rq->url);
	buf_reset(&rq->headers);
	put_base(s, &rq->url);
}

static int s3_ask(void *self, struct web_request *rq, const struct object *o,
		  uint64_t from, uint64_t to, bool whole, struct failure *f)
{
	struct s3 *s = self;

	begin(s, rq);
	buf_addc(&rq->url, '/');
	sigv4_put_path(&rq->url, buf_str(&o->key));
	if (!whole)
		buf_addf(&rq->headers, "range: bytes=%" PRIu64 "-%" PRIu64 "\n",
			 from, to);
	if (o->version.len)
		buf_addf(&rq->headers, "if-match: %s\n", o->version.data);
	return aws_sign(s->aws, rq, buf_str(&s->region), "s3", f);
}

static int s3_ask_list(void *self, struct web_request *rq, struct str page,
		       struct failure *f)
{
	struct s3 *s = self;

	begin(s, rq);
	/* The bucket in the path is the path; in the host's name there is none
	 * yet. */
	if (!strchr(strstr(rq->url.data, "://") + 3, '/'))
		buf_addc(&rq->url, '/');
	/* Names in order, as they are signed. */
	buf_addc(&rq->url, '?');
	if (page.n) {
		buf_addz(&rq->url, "continuation-token=");
		enc_percent(&rq->url, page);
		buf_addc(&rq->url, '&');
	}
	buf_addz(&rq->url, "encoding-type=url&list-type=2&prefix=");
	enc_percent(&rq->url, buf_str(&s->place->key));
	return aws_sign(s->aws, rq, buf_str(&s->region), "s3", f);
}

static struct str s3_version(struct str headers)
{
	return http_header(headers, "etag");
}

/* ---- errors ---- */

/* What the codes of refusals mean; the first that is equal counts. */
static int refusal(const struct s3 *s, const char *code, long status,
		   struct failure *f)
{
	static const struct {
		const char *code;
		int status;
		const char *what;
	} table[] = {
		{ "NoSuchBucket", EX_NOINPUT, "there is no such bucket" },
		{ "NoSuchKey", EX_NOINPUT, "there is no such object" },
		{ "AccessDenied", EX_NOPERM, "access denied" },
		{ "ExpiredToken", EX_NOPERM, "the credentials have expired" },
		{ "InvalidAccessKeyId", EX_NOPERM, "no such access key" },
		{ "SignatureDoesNotMatch", EX_NOPERM,
		  "the secret key is not that of the access key" },
		{ "RequestTimeTooSkewed", EX_NOPERM,
		  "this machine's clock is wrong" },
		{ "InvalidObjectState", EX_UNAVAILABLE,
		  "the object lies in an archive (Glacier); restore it first" },
	};

	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		if (strcmp(code, table[i].code) == 0)
			return failed(f, table[i].status, "%s: %s (%s)",
				      s->place->bucket.data, table[i].what,
				      code);
	return failed(f,
		      status == 403 || status == 401 ? EX_NOPERM
		      : status == 404                ? EX_NOINPUT
						     : EX_UNAVAILABLE,
		      "%s: HTTP %ld%s%s", s->place->bucket.data, status,
		      *code ? " " : "", code);
}

/* Only what is a word is worth showing. */
static void clean_code(struct buf *code)
{
	for (size_t i = 0; i < code->len; i++)
		if (!isalnum((unsigned char)code->data[i]))
			buf_truncate(code, i);
	if (code->len > 64)
		buf_truncate(code, 64);
}

static bool is_region(struct str r)
{
	for (size_t i = 0; i < r.n; i++)
		if (!islower((unsigned char)r.s[i]) &&
		    !isdigit((unsigned char)r.s[i]) && r.s[i] != '-')
			return false;
	return r.n > 0;
}

/* The bucket is elsewhere: true if the answer says where. */
static bool take_region(struct s3 *s, const struct web_answer *a)
{
	struct str name = http_header(a->headers, "x-amz-bucket-region");
	struct buf text = BUF_INIT;
	bool is;

	if (!name.s && xml_find(a->body, "Error/Region", &text))
		name = buf_str(&text);
	is = name.s && is_region(name);
	if (is) {
		buf_reset(&s->region);
		buf_adds(&s->region, name);
		buf_reset(&s->host);
	}
	buf_release(&text);
	return is;
}

/*
 * A new bucket, which the region does not know yet. Only Amazon's own hosts
 * get what is signed.
 */
static bool take_host(struct s3 *s, const struct web_answer *a)
{
	static const char end[] = ".amazonaws.com";
	struct str to = http_header(a->headers, "location"), host;

	if (!to.s || !str_starts(to, "https://"))
		return false;
	to = (struct str){ to.s + 8, to.n - 8 };
	if (!str_split(&to, '/', &host) || host.n <= sizeof end - 1 ||
	    memcmp(host.s + host.n - (sizeof end - 1), end, sizeof end - 1) !=
		0 ||
	    memchr(host.s, '@', host.n))
		return false;
	buf_reset(&s->host);
	buf_adds(&s->host, host);
	return true;
}

static enum web_verdict s3_judge(void *self,
				 const struct web_request *rq UNUSED,
				 const struct web_answer *a, unsigned attempt,
				 struct failure *f)
{
	struct s3 *s = self;
	struct buf code = BUF_INIT;
	enum web_verdict v = WEB_FAIL;
	bool may = attempt < MENDING;

	xml_find(a->body, "Error/Code", &code);
	clean_code(&code);
	refusal(s, code.data, a->status, f);
	if (a->status == 429 || a->status >= 500) {
		failed(f, EX_TEMPFAIL, "%s: HTTP %ld%s%s",
		       s->place->bucket.data, a->status, code.len ? " " : "",
		       code.data);
		v = WEB_AGAIN;
	} else if (strcmp(code.data, "RequestTimeout") == 0) {
		f->status = EX_TEMPFAIL;
		v = WEB_AGAIN;
	} else if (strcmp(code.data, "ExpiredToken") == 0) {
		v = may && aws_renew(s->aws) ? WEB_NOW : WEB_FAIL;
	} else if (a->status == 307) {
		v = may && take_host(s, a) ? WEB_NOW : WEB_FAIL;
	} else if (strcmp(code.data, "RequestTimeTooSkewed") == 0) {
		v = may && aws_set_clock(s->aws, a->headers) ? WEB_NOW
							     : WEB_FAIL;
	} else if (a->status == 301 || a->status == 400) {
		v = may && take_region(s, a) ? WEB_NOW : WEB_FAIL;
	}
	buf_release(&code);
	return v;
}

/* ---- the listing ---- */

struct page {
	struct store_reader *reader;
	bool encoded;
	struct buf key, etag, *next;
	uint64_t size;
	bool truncated, wrong, whole;
	bool says; /* whether it is truncated */
};

static int hex(char c)
{
	return isdigit((unsigned char)c) ? c - '0'
	       : isxdigit((unsigned char)c)
		   ? tolower((unsigned char)c) - 'a' + 10
		   : -1;
}

/* As forms are encoded: + is a blank. */
static void decode(struct buf *out, struct str t)
{
	for (size_t i = 0; i < t.n; i++)
		if (t.s[i] == '%' && i + 2 < t.n && hex(t.s[i + 1]) >= 0 &&
		    hex(t.s[i + 2]) >= 0) {
			buf_addc(out, (char)(hex(t.s[i + 1]) * 16 +
					     hex(t.s[i + 2])));
			i += 2;
		} else {
			buf_addc(out, t.s[i] == '+' ? ' ' : t.s[i]);
		}
}

static void take_element(void *arg, struct str path, struct str text)
{
	struct page *p = arg;

	if (str_is(path, "ListBucketResult/Contents/Key")) {
		buf_reset(&p->key);
		if (p->encoded)
			decode(&p->key, text);
		else
			buf_adds(&p->key, text);
	} else if (str_is(path, "ListBucketResult/Contents/ETag")) {
		buf_reset(&p->etag);
		buf_adds(&p->etag, text);
	} else if (str_is(path, "ListBucketResult/Contents/Size")) {
		p->wrong |= str_to_u64(text, &p->size) < 0;
	} else if (str_is(path, "ListBucketResult/Contents")) {
		p->wrong |= !p->key.len ||
			    memchr(p->key.data, '\0', p->key.len) ||
			    memchr(p->etag.data, '\n', p->etag.len);
		if (!p->wrong)
			store_add(p->reader, buf_str(&p->key),
				  buf_str(&p->etag), p->size);
		p->size = 0;
	} else if (str_is(path, "ListBucketResult/IsTruncated")) {
		p->truncated = str_is(text, "true");
		p->says = p->truncated || str_is(text, "false");
	} else if (str_is(path, "ListBucketResult/NextContinuationToken")) {
		buf_reset(p->next);
		buf_adds(p->next, text);
	} else if (str_is(path, "ListBucketResult")) {
		p->whole = true;
	}
}

static int s3_take_list(void *self, struct store_reader *r, struct str body,
			struct buf *next, struct failure *f)
{
	const struct s3 *s = self;
	struct page p = {
		.reader = r, .key = BUF_INIT, .etag = BUF_INIT, .next = next
	};
	struct buf text = BUF_INIT;
	const char *why = NULL;
	int ret = 0;

	p.encoded = xml_find(body, "ListBucketResult/EncodingType", &text) &&
		    strcmp(text.data, "url") == 0;
	if (xml_walk(body, take_element, &p, &why) < 0 || p.wrong || !p.whole ||
	    !p.says || (p.truncated && !next->len))
		ret = failed(f, EX_UNAVAILABLE,
			     "s3: %s: the listing cannot be read: %s",
			     s->place->bucket.data,
			     why ? why : "it is not as it should be");
	if (!p.truncated)
		buf_reset(next);
	buf_release(&p.key);
	buf_release(&p.etag);
	buf_release(&text);
	return ret;
}

/* ---- ---- */

static void s3_close(void *self)
{
	struct s3 *s = self;

	aws_free(s->aws);
	buf_release(&s->region);
	buf_release(&s->host);
	free(s);
}

static void *s3_open(const struct source_args *a,
		     const struct store_place *place, struct failure *f)
{
	struct s3 *s = xcalloc(1, sizeof *s);
	struct web_opts web = { .cacert = a->cacert,
				.rows = a->rows,
				.retries = a->retries };
	struct str region;

	s->place = place;
	s->region = s->host = BUF_INIT;
	s->aws = aws_new(&web, f);
	if (!s->aws) {
		s3_close(s);
		return NULL;
	}
	region = aws_region(s->aws);
	if (region.n && !is_region(region)) {
		failed(f, EX_CONFIG, "AWS_REGION is no name of a region");
		s3_close(s);
		return NULL;
	}
	/* If that is wrong, the answer says where the bucket is. */
	buf_adds(&s->region, region.n ? region : STR("us-east-1"));
	return s;
}

static const struct store s3 = {
	.scheme = "s3",
	.open = s3_open,
	.close = s3_close,
	.ask = s3_ask,
	.judge = s3_judge,
	.version = s3_version,
	.ask_list = s3_ask_list,
	.take_list = s3_take_list,
};

void s3_place(struct source_args *a, const char *url)
{
	a->url = url;
	a->where = url + strlen("s3:");
}

int s3_read(const struct source_args *a, const char *url, size_t max,
	    struct buf *out, struct failure *f)
{
	struct source_args one = *a;

	s3_place(&one, url);
	return store_read_all(&s3, &one, max, out, f);
}

int s3_remove(const struct source_args *a, const char *url, struct failure *f)
{
	struct source_args one = *a;

	s3_place(&one, url);
	return store_remove(&s3, &one, f);
}

static void *open_s3(const struct source_args *a, struct failure *f)
{
	return store_open(&s3, a, f);
}

const struct source source_s3 = {
	.open = open_s3,
	.next = store_next,
	.doubt = store_doubt,
	.close = store_close,
};
