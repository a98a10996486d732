/* SPDX-License-Identifier: MIT */
/*
 * A file of a web server. Its end is proved by the length or the framing that
 * the server gives. Credentials come from the environment, and go to the
 * server that was named and to no other.
 */
#include "bin/retl-extract/source.h"

#include "bin/retl-extract/download.h"
#include "common/enc.h"
#include "common/mem.h"
#include "common/msg.h"

struct httpfile {
	struct web *web;
	struct web_request rq;
	struct buf name; /* the URL without its query, which may be a secret */
	struct download *download;
	struct textfile text;
};

static void httpfile_close(void *self)
{
	struct httpfile *s = self;

	textfile_close(&s->text);
	download_free(s->download);
	web_request_release(&s->rq);
	web_free(s->web);
	buf_release(&s->name);
	free(s);
}

/* A value of a header, from the environment; NULL: it is not set. */
static const char *secret(const char *variable, struct failure *f, int *bad)
{
	const char *text = getenv(variable);

	if (!text || !*text)
		return NULL;
	for (const char *p = text; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*bad = failed(f, EX_CONFIG,
				      "%s: there is a control character in it",
				      variable);
	msg_hide(text, strlen(text));
	return text;
}

static int put_credentials(struct buf *out, struct failure *f)
{
	int bad = 0;
	const char *token = secret("RETL_HTTP_TOKEN", f, &bad);
	const char *password = secret("RETL_HTTP_PASSWORD", f, &bad);
	const char *user = getenv("RETL_HTTP_USER");
	struct buf pair = BUF_INIT;

	if (bad < 0)
		return -1;
	if (token && password)
		return failed(f, EX_CONFIG,
			      "RETL_HTTP_TOKEN and RETL_HTTP_PASSWORD exclude "
			      "each other");
	if (token)
		buf_addf(out, "Authorization: Bearer %s\n", token);
	if (!password)
		return 0;
	if (!user || !*user || strchr(user, ':'))
		return failed(f, EX_CONFIG,
			      "RETL_HTTP_PASSWORD needs a RETL_HTTP_USER, "
			      "without a colon");
	buf_addf(&pair, "%s:%s", user, password);
	buf_addz(out, "Authorization: Basic ");
	enc_base64(out, pair.data, pair.len);
	buf_addz(out, "\n");
	buf_release(&pair);
	return 0;
}

static int check_url(const char *url, struct failure *f)
{
	const char *host = strstr(url, "://");

	if (!host || !host[3] || strchr("/?#", host[3]))
		return failed(f, EX_USAGE,
			      "a host is missing: https://HOST/...");
	host += 3;
	if (memchr(host, '@', strcspn(host, "/?#")))
		return failed(f, EX_USAGE,
			      "a URL with a user or a password in it would be "
			      "there for everybody to see; set RETL_HTTP_USER "
			      "and RETL_HTTP_PASSWORD, or RETL_HTTP_TOKEN");
	return 0;
}

/* What the server says of the format, if neither option nor name does. */
static enum format format_of_type(struct str type)
{
	struct str kind;

	if (!type.s || !str_split(&type, ';', &kind))
		return FORMAT_UNKNOWN;
	kind = str_trim(kind);
	if (str_is(kind, "text/csv"))
		return FORMAT_CSV;
	if (str_is(kind, "text/tab-separated-values"))
		return FORMAT_TSV;
	if (str_is(kind, "application/x-ndjson") ||
	    str_is(kind, "application/ndjson") ||
	    str_is(kind, "application/jsonl"))
		return FORMAT_NDJSON;
	return FORMAT_UNKNOWN;
}

/* What is not asked for, and cannot be undone. */
static int check_encoding(struct httpfile *s, struct failure *f)
{
	struct str e = download_header(s->download, "content-encoding");

	if (!e.s || str_is(e, "identity") || str_is(e, "gzip") ||
	    str_is(e, "x-gzip") || str_is(e, "zstd"))
		return 0;
	return failed(f, EX_UNAVAILABLE,
		      "%s: the server sends the file in an encoding that was "
		      "not asked for",
		      s->name.data);
}

/* With status 200 too: a page to log in on would be a table of one column. */
static int check_page(struct httpfile *s, struct failure *f)
{
	struct str type = download_header(s->download, "content-type"), head;

	if (!type.s || !str_starts(type, "text/html"))
		return 0;
	if (input_peek(&s->text.in, &head, f) < 0)
		return -1;
	if (!head.n || *head.s != '<')
		return 0;
	return failed(f, EX_UNAVAILABLE,
		      "%s: the server sends a page of HTML in place of the "
		      "file, perhaps one to log in on",
		      s->name.data);
}

static int start(struct httpfile *s, const struct source_args *a,
		 struct failure *f)
{
	struct web_opts web = { .name = s->name.data,
				.cacert = a->cacert,
				.rows = a->rows,
				.retries = a->retries,
				.http1 = true };
	struct reader_options text = a->text;
	struct feed feed = { .read = download_read };

	s->web = web_new(&web, f);
	if (!s->web)
		return -1;
	s->download = download_open(s->web, &s->rq, s->name.data, f);
	if (!s->download || check_encoding(s, f) < 0)
		return -1;
	feed.self = s->download;
	if (text.format == FORMAT_UNKNOWN)
		text.format = format_of_path(s->name.data);
	if (text.format == FORMAT_UNKNOWN)
		text.format = format_of_type(
		    download_header(s->download, "content-type"));
	if (textfile_open(&s->text, &feed, s->name.data, &text, f) < 0)
		return -1;
	return check_page(s, f);
}

static void *httpfile_open(const struct source_args *a, struct failure *f)
{
	struct httpfile *s = xcalloc(1, sizeof *s);

	s->name = BUF_INIT;
	s->rq = WEB_REQUEST_INIT;
	buf_add(&s->name, a->url, strcspn(a->url, "?#"));
	buf_add(&s->rq.url, a->url, strcspn(a->url, "#"));
	if (check_url(a->url, f) < 0 ||
	    put_credentials(&s->rq.secrets, f) < 0 || start(s, a, f) < 0) {
		httpfile_close(s);
		return NULL;
	}
	return s;
}

static int httpfile_next(void *self, struct rows *rows, struct failure *f)
{
	struct httpfile *s = self;

	return reader_next(s->text.reader, rows, f);
}

static const char *httpfile_doubt(void *self)
{
	struct httpfile *s = self;

	return reader_doubt(s->text.reader,
			    download_proved(s->download)
				? NULL
				: "the server says neither how long the file "
				  "is nor where it ends");
}

const struct source source_http = {
	.open = httpfile_open,
	.next = httpfile_next,
	.doubt = httpfile_doubt,
	.close = httpfile_close,
};
