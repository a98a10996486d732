/* SPDX-License-Identifier: MIT */
/* Programs from the inside: what they answer, refuse and never change. */
#include "common/prog.h"

#include "tests/unit/tap.h"

static const char *const names[] = { "settings", "x" };
static struct buf out = BUF_INIT, err = BUF_INIT;

/* The outputs, one a line, or "CODE: message". */
static const char *run(const char *program, const char *input)
{
	const struct str vars[] = { STR("{\"plan\":\"pro\",\"n\":7}"),
				    STR("12345678901234567") };
	struct prog_opts o = { .vars = names,
			       .n_vars = ARRAY_LEN(names),
			       .where = "p.jq" };
	struct prog *p = prog_new(str_of(program), &o, &err);

	buf_reset(&out);
	if (!p) {
		buf_addf(&out, "compile: %s", err.data);
		return out.data;
	}
	if (prog_run(p, str_of(input), vars, &out, &err) < 0)
		buf_addf(&out, "%s: %s", prog_error_code(p), err.data);
	prog_free(p);
	return out.data;
}

static void test_basics(void)
{
	is(run(".a", "{\"a\":1}"), "1\n", "a member");
	is(run(".a,.b", "{\"a\":1,\"b\":\"x\"}"), "1\n\"x\"\n", "two outputs");
	is(run("empty", "{}"), "", "no output");
	is(run("$settings.plan", "{}"), "\"pro\"\n", "a variable");
	is(run(".a # comment", "{\"a\":1}"), "1\n", "a comment at the end");
	is(run("def f: .a; f", "{\"a\":1}"), "1\n", "a definition");
	is(run(".a |", "{}"), "compile: p.jq:1: syntax error, unexpected $end",
	   "a syntax error is told with its line");
	is(run("1) | (2", "{}"),
	   "compile: p.jq:1: syntax error, unexpected INVALID_CHARACTER, expecting "
	   "$end",
	   "a program cannot leave its parentheses");
	is(run("$nope", "{}"), "compile: p.jq:1: $nope is not defined",
	   "an unknown variable");
}

int main(void)
{
	test_basics();
	buf_release(&out);
	buf_release(&err);
	return tap_done();
}
