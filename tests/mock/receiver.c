/* SPDX-License-Identifier: MIT */
/*
 * A receiver of webhooks, as small as one can be that trusts nothing: it
 * accepts what carries a Standard Webhooks signature made with its secret, and
 * appends each accepted body to a log, one a line. A message that comes again
 * (the same webhook-id) is acknowledged and not logged a second time.
 */
#include <fcntl.h>

#include "common/file.h"
#include "common/json.h"
#include "common/msg.h"
#include "common/opt.h"
#include "tests/mock/lib/ids.h"
#include "tests/mock/lib/stdwebhook.h"

struct receiver {
	const char *log_path;
	int log_fd;
	uint64_t tolerance_s;
	struct buf key;
	struct ids seen;
	struct buf line;
};

static void refuse(struct answer *a, int status, const char *why)
{
	struct buf body = BUF_INIT;

	buf_addz(&body, "{\"error\":");
	json_put_strz(&body, why);
	buf_addz(&body, "}");
	answer_json(a, status, buf_str(&body));
	buf_release(&body);
}

static void log_body(struct receiver *rx, struct str body)
{
	buf_reset(&rx->line);
	json_put_compact(&rx->line, body);
	buf_addc(&rx->line, '\n');
	if (file_write_all(rx->log_fd, rx->line.data, rx->line.len) < 0)
		die(EX_IOERR, "%s: %s", rx->log_path, strerror(errno));
}

static void serve(void *self, const struct request *r, struct answer *a)
{
	struct receiver *rx = self;
	struct json_fault fault;
	struct str body;
	const char *wrong;

	if (!str_is(r->method, "POST")) {
		refuse(a, 405, "only POST");
		return;
	}
	wrong = stdwebhook_fault(r, buf_str(&rx->key), rx->tolerance_s);
	if (wrong) {
		refuse(a, 401, wrong);
		return;
	}
	if (json_check(r->body, &body, &fault) < 0) {
		refuse(a, 400, "the body is not JSON");
		return;
	}
	if (ids_add(&rx->seen, request_header(r, "webhook-id")))
		log_body(rx, body);
	answer_json(a, 200, STR("{}"));
}

static void key_read(struct receiver *rx, const char *variable)
{
	const char *secret = getenv(variable);

	if (!secret || !*secret)
		die(EX_NOPERM, "the variable %s is not set", variable);
	if (stdwebhook_key(str_of(secret), &rx->key) < 0)
		die(EX_CONFIG, "%s is not whsec_ and base64", variable);
}

int main(int argc, char **argv)
{
	struct receiver rx = { .key = BUF_INIT,
			       .line = BUF_INIT,
			       .tolerance_s = 300 };
	struct server s = { .self = &rx, .serve = serve };
	const char *secret_env = "WEBHOOK_SECRET";
	const struct opt opts[] = {
		{ 0, "port-file", OPT_STR, &s.port_file, "FILE",
		  "write the port there when ready (default: standard "
		  "output)" },
		{ 0, "log", OPT_STR, &rx.log_path, "FILE",
		  "append accepted bodies, one a line" },
		{ 0, "secret-env", OPT_STR, &secret_env, "NAME",
		  "variable that holds the secret, WEBHOOK_SECRET" },
		{ 0, "tolerance", OPT_COUNT, &rx.tolerance_s, "SECONDS",
		  "how old a message may be, 300; 0: any age" },
		{ 0, "idle", OPT_COUNT, &s.idle_s, "SECONDS",
		  "end after so long without a request" },
	};
	const struct opt_spec spec = {
		.synopsis = "--log FILE [--port-file FILE] [--idle SECONDS]",
		.about = "Receive signed webhooks on 127.0.0.1.",
		.opts = opts,
		.n = ARRAY_LEN(opts),
	};
	struct buf err = BUF_INIT;

	msg_init("receiver");
	if (opt_parse(&spec, argc, argv) || !rx.log_path)
		opt_die("--log is required, operands are not");
	key_read(&rx, secret_env);
	rx.log_fd =
	    open(rx.log_path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	if (rx.log_fd < 0)
		die(EX_CANTCREAT, "%s: %s", rx.log_path, strerror(errno));
	if (server_run(&s, &err) < 0)
		die(EX_OSERR, "%s", err.data);
	close(rx.log_fd);
	ids_release(&rx.seen);
	buf_release(&rx.key);
	buf_release(&rx.line);
	return 0;
}
