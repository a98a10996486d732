/* SPDX-License-Identifier: MIT */
/*
 * progrun PROGRAM <VALUES: runs a program on each line's JSON value and writes
 * what it gave as one array, or "error", so that tests can hold it against jq.
 * progrun -p PROGRAM: says "native" or "libjq". progrun -t PROGRAM: the error's
 * code and text in place of "error". $settings is {"x":"a","n":1,"list":[1,2]}.
 */
#include "common/json.h"
#include "common/msg.h"
#include "common/ndjson.h"
#include "common/prog.h"

static const char *const names[] = { "settings" };

static void put_result(struct prog *p, struct str v, bool tell)
{
	static struct buf out = BUF_INIT, err = BUF_INIT;
	const struct str vars[] = { STR(
	    "{\"x\":\"a\",\"n\":1,\"list\":[1,2],\"a\":\"s\",\"b\":2}") };
	int n;

	buf_reset(&out);
	n = prog_run(p, v, vars, &out, &err);
	if (n < 0) {
		if (tell)
			printf("%s: %s\n", prog_error_code(p), err.data);
		else
			printf("\"error\"\n");
		return;
	}
	for (size_t i = 0; n && i < out.len - 1; i++)
		if (out.data[i] == '\n')
			out.data[i] = ',';
	if (n)
		out.len--;
	printf("[%.*s]\n", (int)out.len, out.data);
}

int main(int argc, char **argv)
{
	struct prog_opts o = {
		.vars = names, .n_vars = 1, .where = "p", .libdir = NULL
	};
	bool plan = argc > 1 && strcmp(argv[1], "-p") == 0;
	bool tell = argc > 1 && strcmp(argv[1], "-t") == 0;
	struct buf err = BUF_INIT;
	struct ndjson in = NDJSON_INIT;
	struct prog *p;

	msg_init("progrun");
	argv += plan || tell;
	p = argv[1] ? prog_new(str_of(argv[1]), &o, &err) : NULL;
	if (!p)
		die(EX_USAGE, "%s", argv[1] ? err.data : "PROGRAM <VALUES");
	if (plan) {
		puts(prog_is_native(p) ? "native" : "libjq");
		prog_free(p);
		return 0;
	}
	if (ndjson_open(&in, NULL) < 0)
		die(in.status, "%s", in.err.data);
	while (ndjson_next(&in) == 1) {
		struct json_fault f;
		struct str v;

		if (json_check(in.line, &v, &f) < 0)
			die(EX_DATAERR, "%s", f.what);
		put_result(p, v, tell);
	}
	ndjson_close(&in);
	prog_free(p);
	buf_release(&err);
	return 0;
}
