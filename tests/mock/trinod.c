/* SPDX-License-Identifier: MIT */
/*
 * Plays a Trino coordinator: a statement is posted, pages are fetched by the
 * address that the last one gave. A page that was answered is gone when the
 * next one has been asked for, as it is in Trino. The pages are the lines of a
 * file, each a JSON object without its id and nextUri; of several files each
 * statement gets the next, and the last for ever.
 */
#include <fcntl.h>

#include "common/file.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/msg.h"
#include "tests/mock/lib/mishap.h"
#include "tests/mock/lib/objects.h"
#include "tests/mock/lib/server.h"

struct trinod {
	struct opt_list scripts;
	const char *log_path, *authorization, *elsewhere;
	uint64_t latency;
	struct mishaps mishaps;
	struct buf script;
	struct str *pages;
	size_t n_pages, cap, asked; /* asked: the newest page that was */
	size_t n_statements;
	bool started, repeats;
	int log_fd;
};

static void put_log(struct trinod *t, const struct request *r, int status)
{
	struct str prepared = request_header(r, "x-trino-prepared-statement");
	struct buf line = BUF_INIT;

	buf_addf(&line, "%.*s %.*s %d", STR_ARG(r->method), STR_ARG(r->path),
		 status);
	if (r->body.n)
		buf_addf(&line, " [%.*s]", STR_ARG(r->body));
	if (prepared.s) {
		buf_addz(&line, " [");
		object_decode(&line, prepared);
		buf_addc(&line, ']');
	}
	buf_addc(&line, '\n');
	if (t->log_fd >= 0 && file_write_all(t->log_fd, line.data, line.len))
		die(EX_IOERR, "%s: %s", t->log_path, strerror(errno));
	buf_release(&line);
}

static void give_page(struct trinod *t, const struct request *r,
		      struct answer *a, size_t i)
{
	struct str host = request_header(r, "host"), page = t->pages[i];

	t->asked = i;
	a->status = 200;
	a->delay_ms = i ? t->latency : 0;
	answer_header(a, "Content-Type", "application/json");
	buf_addz(&a->body, "{\"id\":\"q1\"");
	if (i + 1 < t->n_pages)
		buf_addf(&a->body,
			 ",\"nextUri\":\"http://%.*s/v1/statement/executing/"
			 "q1/%zu\"",
			 t->elsewhere ? (int)strlen(t->elsewhere) : (int)host.n,
			 t->elsewhere ? t->elsewhere : host.s,
			 t->repeats && i ? i : i + 1);
	if (page.n > 2)
		buf_addf(&a->body, ",%.*s", (int)page.n - 1, page.s + 1);
	else
		buf_addc(&a->body, '}');
}

static void next_script(struct trinod *t)
{
	size_t i = MIN(t->n_statements, t->scripts.n - 1);
	struct buf err = BUF_INIT;
	struct str rest, line;

	t->n_statements++;
	buf_reset(&t->script);
	t->n_pages = 0;
	if (file_read(t->scripts.v[i], (size_t)1 << 30, &t->script, &err) < 0)
		die(EX_NOINPUT, "%s", err.data);
	rest = buf_str(&t->script);
	while (str_split(&rest, '\n', &line)) {
		if (!line.n)
			continue;
		GROW(t->pages, t->n_pages, t->cap);
		t->pages[t->n_pages++] = line;
	}
}

static void play(struct trinod *t, const struct request *r, struct answer *a)
{
	static const char prefix[] = "/v1/statement/executing/q1/";
	struct str auth = request_header(r, "authorization");
	struct str caps = request_header(r, "x-trino-client-capabilities");
	uint64_t n;

	if (!request_header(r, "x-trino-user").s ||
	    !str_is(request_header(r, "x-trino-time-zone"), "UTC") || !caps.s ||
	    !str_is(caps, "PARAMETRIC_DATETIME")) {
		a->status = 400;
	} else if (t->authorization &&
		   (!auth.s || !str_is(auth, t->authorization))) {
		a->status = 401;
	} else if (str_is(r->method, "POST") &&
		   str_is(r->path, "/v1/statement") && r->body.n) {
		t->started = true;
		next_script(t);
		give_page(t, r, a, 0);
	} else if (!str_starts(r->path, prefix) || !t->started ||
		   str_to_u64((struct str){ r->path.s + sizeof prefix - 1,
					    r->path.n - sizeof prefix + 1 },
			      &n) < 0 ||
		   n >= t->n_pages) {
		a->status = 404;
	} else if (str_is(r->method, "DELETE")) {
		t->started = false;
		a->status = 204;
	} else if (n < t->asked || n > t->asked + 1) {
		a->status = 410;
	} else {
		give_page(t, r, a, n);
	}
}

static void serve(void *self, const struct request *r, struct answer *a)
{
	struct trinod *t = self;
	struct str what = mishap_of(&t->mishaps, r->number), rest;
	uint64_t status;

	if (what.s && mishap_number(what, "", &status, &rest)) {
		a->status = (int)status;
		if (rest.n > 1)
			answer_header(a, "Retry-After", rest.s + 1);
	} else {
		play(t, r, a);
		if (what.s)
			mishap_spoil(what, a);
	}
	put_log(t, r, a->status);
}

static enum drop before(void *self, const struct request *r)
{
	struct trinod *t = self;

	return mishap_before(mishap_of(&t->mishaps, r->number));
}

int main(int argc, char **argv)
{
	struct trinod t = { .script = BUF_INIT, .log_fd = -1 };
	struct server s = { .self = &t, .serve = serve, .head = before };
	const struct opt opts[] = {
		{ 0, "port-file", OPT_STR, &s.port_file, "FILE",
		  "write the port there when ready" },
		{ 0, "idle", OPT_COUNT, &s.idle_s, "SECONDS",
		  "end after so long without a request" },
		{ 0, "script", OPT_LIST, &t.scripts, "FILE",
		  "the pages, one a line; again for the next statement" },
		{ 0, "log", OPT_STR, &t.log_path, "FILE", "a line a request" },
		{ 0, "authorization", OPT_STR, &t.authorization, "TEXT",
		  "401 without this header" },
		{ 0, "elsewhere", OPT_STR, &t.elsewhere, "HOST:PORT",
		  "pages are said to be there" },
		{ 0, "repeats", OPT_FLAG, &t.repeats, NULL,
		  "the second page comes for ever" },
		{ 0, "latency", OPT_COUNT, &t.latency, "MS",
		  "how long a page takes" },
		{ 0, "at", OPT_LIST, &t.mishaps.at, "N=WHAT",
		  "a mishap at the n-th request" },
		{ 0, "every", OPT_LIST, &t.mishaps.every, "N=WHAT",
		  "a mishap at every n-th request" },
	};
	const struct opt_spec spec = {
		.synopsis = "--script FILE [OPTION]...",
		.about = "Play a Trino server on 127.0.0.1.",
		.opts = opts,
		.n = ARRAY_LEN(opts),
	};
	struct buf err = BUF_INIT;

	msg_init("trinod");
	if (opt_parse(&spec, argc, argv) || !t.scripts.n)
		opt_die("--script is required, operands are not");
	mishaps_check(&t.mishaps);
	if (t.log_path)
		t.log_fd =
		    open(t.log_path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC,
			 0600);
	if (server_run(&s, &err) < 0)
		die(EX_OSERR, "%s", err.data);
	free(t.pages);
	buf_release(&t.script);
	return 0;
}
