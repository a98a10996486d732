/* SPDX-License-Identifier: MIT */
#include "tests/mock/lib/fakeapi.h"

#include <fcntl.h>

#include "common/file.h"
#include "common/msg.h"

void fakeapi_opts(struct fakeapi *f, struct opt *out)
{
	const struct opt opts[FAKEAPI_N_OPTS] = {
		{ 0, "port-file", OPT_STR, &f->server.port_file, "FILE",
		  "write the port there when ready" },
		{ 0, "idle", OPT_COUNT, &f->server.idle_s, "SECONDS",
		  "end after so long without a request" },
		{ 0, "log", OPT_STR, &f->log_path, "FILE",
		  "append a line per request" },
		{ 0, "at", OPT_LIST, &f->mishaps.at, "N=WHAT",
		  "a mishap at the n-th request" },
		{ 0, "every", OPT_LIST, &f->mishaps.every, "N=WHAT",
		  "at every n-th" },
	};

	memcpy(out, opts, sizeof opts);
}

static void note(const struct fakeapi *f, const struct request *r, int status)
{
	struct buf line = BUF_INIT;
	int fd;

	if (!f->log_path)
		return;
	f->note(f->self, r, status, &line);
	buf_addc(&line, '\n');
	fd = open(f->log_path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || file_write_all(fd, line.data, line.len) < 0)
		die(EX_IOERR, "%s: %s", f->log_path, strerror(errno));
	close(fd);
	buf_release(&line);
}

static void serve(void *self, const struct request *r, struct answer *a)
{
	struct fakeapi *f = self;
	struct str what = mishap_of(&f->mishaps, r->number), rest;
	uint64_t n;

	if (what.s && !mishap_after(what) &&
	    mishap_number(what, "", &n, &rest)) {
		f->trouble(a, (int)n);
		if (rest.n > 1)
			buf_addf(&a->headers, "Retry-After: %.*s\r\n",
				 (int)rest.n - 1, rest.s + 1);
	} else {
		f->give(f->self, r, a);
	}
	if (what.s && mishap_after(what))
		mishap_spoil(what, a);
	note(f, r, a->status);
}

static enum drop before(void *self, const struct request *r)
{
	struct fakeapi *f = self;

	return mishap_before(mishap_of(&f->mishaps, r->number));
}

void fakeapi_run(struct fakeapi *f)
{
	struct buf err = BUF_INIT;

	mishaps_check(&f->mishaps);
	f->server.self = f;
	f->server.serve = serve;
	f->server.head = before;
	if (server_run(&f->server, &err) < 0)
		die(EX_OSERR, "%s", err.data);
	buf_release(&err);
}

struct str fakeapi_query(const struct request *r, const char *name)
{
	struct str rest = r->query, part, key;

	while (rest.n && str_split(&rest, '&', &part)) {
		str_split(&part, '=', &key);
		if (str_is(key, name))
			return part.s ? part : STR("");
	}
	return STR_NONE;
}
