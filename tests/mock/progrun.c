/* SPDX-License-Identifier: MIT */
/*
 * progrun PROGRAM <VALUES: runs a program on each line's JSON value and writes
 * what it gave as one array, or "error", so that tests can hold it against jq.
 * progrun -p PROGRAM: says "native" or "libjq". progrun -t PROGRAM: the error's
 * code and text in place of "error". With -f FILE in place of PROGRAM: each
 * line of the file is one, and runs on all values before the next. $settings is
 * {"x":"a","n":1,"list":[1,2],"a":"s","b":2}.
 */
#include <unistd.h>

#include "common/file.h"
#include "common/json.h"
#include "common/msg.h"
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

/* Cuts the next line off text; false: there is none. */
static bool next_line(struct str *text, struct str *line)
{
	const char *lf = text->n ? memchr(text->s, '\n', text->n) : NULL;

	if (!text->n)
		return false;
	line->s = text->s;
	line->n = lf ? (size_t)(lf - text->s) : text->n;
	text->s += line->n + (lf != NULL);
	text->n -= line->n + (lf != NULL);
	return true;
}

static void run_values(struct prog *p, struct str values, bool tell)
{
	struct json_fault f;
	struct str line, v;

	while (next_line(&values, &line)) {
		if (json_check(line, &v, &f) < 0)
			die(EX_DATAERR, "%s", f.what);
		put_result(p, v, tell);
	}
}

static void run(struct str program, bool plan, bool tell, struct str values)
{
	struct prog_opts o = {
		.vars = names, .n_vars = 1, .where = "p", .libdir = NULL
	};
	struct buf err = BUF_INIT;
	struct prog *p = prog_new(program, &o, &err);

	if (!p)
		die(EX_USAGE, "%s", err.data);
	if (plan)
		puts(prog_is_native(p) ? "native" : "libjq");
	else
		run_values(p, values, tell);
	prog_free(p);
	buf_release(&err);
}

static void read_whole(const char *path, struct buf *out)
{
	struct buf err = BUF_INIT;

	if (file_read(path, (size_t)1 << 30, out, &err) < 0)
		die(EX_NOINPUT, "%s", err.data);
	buf_release(&err);
}

int main(int argc, char **argv)
{
	bool plan = false, tell = false, file = false;
	struct buf values = BUF_INIT, programs = BUF_INIT;
	struct str text, line;
	int c;

	msg_init("progrun");
	while ((c = getopt(argc, argv, "+fpt")) != -1) {
		plan |= c == 'p';
		tell |= c == 't';
		file |= c == 'f';
	}
	if (optind + 1 != argc)
		die(EX_USAGE, "PROGRAM <VALUES");
	if (!plan)
		read_whole("-", &values);
	if (file) {
		read_whole(argv[optind], &programs);
		text = buf_str(&programs);
		while (next_line(&text, &line))
			run(line, plan, tell, buf_str(&values));
	} else {
		run(str_of(argv[optind]), plan, tell, buf_str(&values));
	}
	buf_release(&values);
	buf_release(&programs);
	return 0;
}
