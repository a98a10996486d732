/* SPDX-License-Identifier: MIT */
/*
 * A web server with the files of a folder, which fails on order: connections
 * cut after so many bytes, files that change under the reader, servers without
 * ETag or ranges, wrong lengths, redirects. Each request is logged: method,
 * target, Range, whether it had an Authorization, status.
 */
#include <fcntl.h>

#include "common/file.h"
#include "common/mem.h"
#include "common/msg.h"
#include "common/opt.h"
#include "tests/mock/lib/mishap.h"
#include "tests/mock/lib/objects.h"

struct webfiles {
	const char *root, *log_path, *authorization, *redirect, *type;
	uint64_t cut, longer, shorter, status_of_range;
	bool no_etag, no_ranges, no_conditions, changing, bare, chunked;
	bool bare_ranges, starred;
	struct mishaps mishaps;
	struct object object;
	int log_fd;
};

static void put_log(struct webfiles *w, const struct request *r, int status)
{
	struct buf line = BUF_INIT;
	struct str range = request_header(r, "range");
	bool auth = request_header(r, "authorization").s != NULL;

	buf_addf(&line, "%.*s %.*s %.*s %s %d\n", STR_ARG(r->method),
		 STR_ARG(r->target), range.s ? (int)range.n : 1,
		 range.s ? range.s : "-", auth ? "auth" : "-", status);
	if (w->log_fd >= 0 && file_write_all(w->log_fd, line.data, line.len))
		die(EX_IOERR, "%s: %s", w->log_path, strerror(errno));
	buf_release(&line);
}

static void misbehave(struct webfiles *w, struct answer *a)
{
	if (w->longer || w->shorter)
		a->claim = a->body.len + w->longer - w->shorter;
	a->chunked = w->chunked && a->status == 200;
	if (w->bare || (w->bare_ranges && a->status == 206)) {
		a->bare = true;
		a->drop = DROP_CLOSE;
	}
	if (w->longer)
		a->drop = DROP_CLOSE;
	if (w->cut && a->body.len > w->cut) {
		a->drop = DROP_CLOSE;
		a->keep = a->headers.len + w->cut + 64;
	}
	if (w->status_of_range && a->status == 206)
		a->status = (int)w->status_of_range;
}

static void give_file(struct webfiles *w, const struct request *r,
		      struct answer *a)
{
	struct buf name = BUF_INIT;
	struct str auth = request_header(r, "authorization");

	object_decode(&name, r->path);
	if (w->authorization && !str_is(auth, w->authorization))
		a->status = 401;
	else if (w->redirect && str_starts(r->path, "/to/")) {
		buf_truncate(&name, 0);
		buf_addf(&name, "%s/%.*s", w->redirect, (int)r->path.n - 4,
			 r->path.s + 4);
		answer_header(a, "Location", name.data);
		a->status = 302;
	} else if (object_load(&w->object, w->root, buf_str(&name)) < 0)
		a->status = 404;
	else {
		if (w->no_etag || w->changing)
			buf_reset(&w->object.etag);
		if (w->changing)
			buf_addf(&w->object.etag, "\"v%" PRIu64 "\"",
				 r->number);
		object_answer(
		    &w->object, r, a,
		    (w->no_ranges ? OBJECT_NO_RANGES : 0u) |
			(w->no_conditions ? OBJECT_NO_CONDITIONS : 0u) |
			(w->starred ? OBJECT_NO_LENGTH : 0u));
		if (w->type)
			answer_header(a, "Content-Type", w->type);
		misbehave(w, a);
	}
	buf_release(&name);
}

static void serve(void *self, const struct request *r, struct answer *a)
{
	struct webfiles *w = self;
	struct str what = mishap_of(&w->mishaps, r->number), rest;
	uint64_t status;

	if (what.s && mishap_number(what, "", &status, &rest)) {
		a->status = (int)status;
		if (rest.n > 1)
			answer_header(a, "Retry-After", rest.s + 1);
	} else {
		give_file(w, r, a);
		if (what.s)
			mishap_spoil(what, a);
	}
	put_log(w, r, a->status);
}

static enum drop before(void *self, const struct request *r)
{
	struct webfiles *w = self;

	return mishap_before(mishap_of(&w->mishaps, r->number));
}

int main(int argc, char **argv)
{
	struct webfiles w = { .object = OBJECT_INIT, .log_fd = -1 };
	struct server s = { .self = &w, .serve = serve, .head = before };
	const struct opt opts[] = {
		{ 0, "port-file", OPT_STR, &s.port_file, "FILE",
		  "write the port there when ready" },
		{ 0, "idle", OPT_COUNT, &s.idle_s, "SECONDS",
		  "end after so long without a request" },
		{ 0, "root", OPT_STR, &w.root, "DIR", "the files" },
		{ 0, "log", OPT_STR, &w.log_path, "FILE", "a line a request" },
		{ 0, "authorization", OPT_STR, &w.authorization, "TEXT",
		  "401 without this header" },
		{ 0, "redirect", OPT_STR, &w.redirect, "URL",
		  "where /to/... leads" },
		{ 0, "cut", OPT_COUNT, &w.cut, "N",
		  "end each connection after about N bytes of a body" },
		{ 0, "longer", OPT_COUNT, &w.longer, "N",
		  "claim N bytes more than there are" },
		{ 0, "shorter", OPT_COUNT, &w.shorter, "N",
		  "claim N bytes fewer" },
		{ 0, "no-etag", OPT_FLAG, &w.no_etag, NULL, "no ETag" },
		{ 0, "no-ranges", OPT_FLAG, &w.no_ranges, NULL, "no ranges" },
		{ 0, "no-conditions", OPT_FLAG, &w.no_conditions, NULL,
		  "no If-Match" },
		{ 0, "changing", OPT_FLAG, &w.changing, NULL,
		  "an ETag of its own in each answer" },
		{ 0, "type", OPT_STR, &w.type, "TEXT", "a Content-Type" },
		{ 0, "bare", OPT_FLAG, &w.bare, NULL, "no length" },
		{ 0, "chunked", OPT_FLAG, &w.chunked, NULL,
		  "no length of a whole file, but chunks" },
		{ 0, "bare-ranges", OPT_FLAG, &w.bare_ranges, NULL,
		  "no length of a range" },
		{ 0, "starred", OPT_FLAG, &w.starred, NULL,
		  "a range does not say of how much it is" },
		{ 0, "cap", OPT_COUNT, &w.object.cap, "N",
		  "no range longer than N bytes" },
		{ 0, "range-status", OPT_COUNT, &w.status_of_range, "N",
		  "answer ranges with this status" },
		{ 0, "at", OPT_LIST, &w.mishaps.at, "N=WHAT",
		  "a mishap at the n-th request" },
		{ 0, "every", OPT_LIST, &w.mishaps.every, "N=WHAT",
		  "a mishap at every n-th request" },
	};
	const struct opt_spec spec = {
		.synopsis = "--root DIR [OPTION]...",
		.about = "Serve files over HTTP on 127.0.0.1, badly.",
		.opts = opts,
		.n = ARRAY_LEN(opts),
	};
	struct buf err = BUF_INIT;

	msg_init("webfiles");
	if (opt_parse(&spec, argc, argv) || !w.root)
		opt_die("--root is required, operands are not");
	mishaps_check(&w.mishaps);
	if (w.log_path)
		w.log_fd =
		    open(w.log_path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC,
			 0600);
	if (server_run(&s, &err) < 0)
		die(EX_OSERR, "%s", err.data);
	object_release(&w.object);
	return 0;
}
