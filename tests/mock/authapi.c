/* SPDX-License-Identifier: MIT */
/*
 * A token endpoint (POST /token) and an API behind it: what is sent there must
 * carry a token that is good, else 401. Each request leaves a line in the log,
 * {"n","path","status","token"}, and each body that was accepted one in the
 * ledger.
 */
#include <fcntl.h>

#include "common/file.h"
#include "common/json.h"
#include "common/msg.h"
#include "tests/mock/lib/mishap.h"
#include "tests/mock/lib/tokens.h"

struct authapi {
	struct tokens tokens;
	struct mishaps mishaps;
	const char *log_path, *ledger_path, *show;
	bool deny;
	struct buf line;
};

static void append(const char *path, struct buf *line)
{
	int fd;

	if (!path)
		return;
	buf_addc(line, '\n');
	fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || file_write_all(fd, line->data, line->len) < 0)
		die(EX_IOERR, "%s: %s", path, strerror(errno));
	close(fd);
}

static void note(struct authapi *s, const struct request *r, int status)
{
	struct str token = request_header(r, "authorization");

	buf_reset(&s->line);
	buf_addf(&s->line, "{\"n\":%" PRIu64 ",\"path\":", r->number);
	json_put_str(&s->line, r->target);
	buf_addf(&s->line, ",\"status\":%d,\"token\":", status);
	json_put_str(&s->line, token.s ? token : STR(""));
	if (s->show) {
		struct str v = request_header(r, s->show);

		buf_addz(&s->line, ",\"shown\":");
		json_put_str(&s->line, v.s ? v : STR(""));
	}
	buf_addc(&s->line, '}');
	append(s->log_path, &s->line);
}

static void serve_api(struct authapi *s, const struct request *r,
		      struct answer *a)
{
	const char *fault = tokens_fault(&s->tokens, r);

	if (s->deny)
		fault = "nobody may";
	if (fault) {
		struct buf b = BUF_INIT;

		buf_addf(&b, "{\"code\":\"unauthorized\",\"m\":\"%s\"}", fault);
		answer_json(a, 401, buf_str(&b));
		buf_release(&b);
		return;
	}
	buf_reset(&s->line);
	buf_adds(&s->line, r->body);
	append(s->ledger_path, &s->line);
	answer_json(a, 200, STR("{}"));
}

static void serve(void *self, const struct request *r, struct answer *a)
{
	struct authapi *s = self;
	struct str what = mishap_of(&s->mishaps, r->number), rest;
	uint64_t n;

	if (what.s && mishap_number(what, "", &n, &rest))
		answer_json(a, (int)n, STR("{}"));
	else if (!tokens_serve(&s->tokens, r, a))
		serve_api(s, r, a);
	if (what.s && mishap_after(what))
		mishap_spoil(what, a);
	note(s, r, a->status);
}

int main(int argc, char **argv)
{
	struct authapi api = { .line = BUF_INIT };
	struct server s = { .self = &api, .serve = serve };
	struct opt opts[8 + TOKENS_N_OPTS] = {
		{ 0, "port-file", OPT_STR, &s.port_file, "FILE",
		  "write the port there when ready" },
		{ 0, "idle", OPT_COUNT, &s.idle_s, "SECONDS",
		  "end after so long without a request" },
		{ 0, "log", OPT_STR, &api.log_path, "FILE",
		  "append a line per request" },
		{ 0, "ledger", OPT_STR, &api.ledger_path, "FILE",
		  "append accepted bodies" },
		{ 0, "show", OPT_STR, &api.show, "HEADER",
		  "put this header into the log" },
		{ 0, "deny", OPT_FLAG, &api.deny, NULL,
		  "no token is good enough for the API" },
		{ 0, "at", OPT_LIST, &api.mishaps.at, "N=WHAT",
		  "a mishap at the n-th request" },
		{ 0, "lifetime", OPT_COUNT, &api.tokens.lifetime_s, "SECONDS",
		  "of a token" },
	};
	const struct opt_spec spec = {
		.synopsis = "[OPTION]...",
		.about = "Be a token endpoint and an API, on 127.0.0.1.",
		.opts = opts,
		.n = ARRAY_LEN(opts),
	};
	struct buf err = BUF_INIT;

	tokens_opts(&api.tokens, opts + 8);
	msg_init("authapi");
	if (opt_parse(&spec, argc, argv))
		opt_die("operands are not taken");
	mishaps_check(&api.mishaps);
	if (server_run(&s, &err) < 0)
		die(EX_OSERR, "%s", err.data);
	tokens_release(&api.tokens);
	buf_release(&api.line);
	free(api.mishaps.at.v);
	return 0;
}
