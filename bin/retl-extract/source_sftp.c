/* SPDX-License-Identifier: MIT */
/*
 * A file of an SFTP server. Its length is known, so that its end is proved;
 * that its writer has finished is not, unless it renames what is whole.
 */
#include "bin/retl-extract/source.h"

#include "bin/retl-extract/sftp.h"
#include "common/mem.h"

struct sftpfile {
	struct buf url;
	struct sftp *sftp;
	struct textfile text;
};

static void sftpfile_close(void *self)
{
	struct sftpfile *s = self;

	textfile_close(&s->text);
	sftp_free(s->sftp);
	buf_release(&s->url);
	free(s);
}

/* Adds the user, if there is none. */
static int make_url(struct buf *out, const char *where, struct failure *f)
{
	const char *path, *at, *user = getenv("USER");
	size_t n;

	if (strncmp(where, "//", 2) != 0 || !where[2] || where[2] == '/')
		return failed(f, EX_USAGE,
			      "a host is missing: sftp://USER@HOST/PATH");
	where += 2;
	n = strcspn(where, "/");
	path = where + n;
	at = memchr(where, '@', n);
	if (!*path || path[strlen(path) - 1] == '/')
		return failed(f, EX_USAGE,
			      "a file is missing: sftp://USER@HOST/PATH");
	if (at && memchr(where, ':', (size_t)(at - where)))
		return failed(f, EX_USAGE,
			      "a password in the URL would be there for "
			      "everybody to see; RETL_SFTP_PASSWORD or "
			      "~/.netrc may have it");
	buf_addz(out, "sftp://");
	if (!at && user)
		buf_addf(out, "%s@", user);
	buf_addz(out, where);
	return 0;
}

static void *sftpfile_open(const struct source_args *a, struct failure *f)
{
	struct sftpfile *s = xcalloc(1, sizeof *s);
	struct sftp_opts o = { .name = a->url,
			       .rows = a->rows,
			       .retries = a->retries };
	struct feed feed = { .read = sftp_read };
	int ret;

	s->url = BUF_INIT;
	ret = make_url(&s->url, a->where, f);
	o.url = s->url.data;
	if (ret == 0)
		feed.self = s->sftp = sftp_open(&o, f);
	if (!s->sftp ||
	    textfile_open(&s->text, &feed, a->url, &a->text, f) < 0) {
		sftpfile_close(s);
		return NULL;
	}
	return s;
}

static int sftpfile_next(void *self, struct rows *rows, struct failure *f)
{
	struct sftpfile *s = self;

	return reader_next(s->text.reader, rows, f);
}

static const char *sftpfile_doubt(void *self)
{
	struct sftpfile *s = self;

	return reader_doubt(s->text.reader, NULL);
}

const struct source source_sftp = {
	.open = sftpfile_open,
	.next = sftpfile_next,
	.doubt = sftpfile_doubt,
	.close = sftpfile_close,
};
