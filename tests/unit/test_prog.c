/* SPDX-License-Identifier: MIT */
/* Programs from the inside: what they answer, refuse and never change. */
#include "common/msg.h"
#include "common/prog.h"

#include "tests/unit/tap.h"

static const char *const names[] = { "settings", "x" };
static struct buf out = BUF_INIT, err = BUF_INIT;

static bool digits_as_text;

/* The outputs, one a line, or "CODE: message". */
static const char *run(const char *program, const char *input)
{
	const struct str vars[] = { STR("{\"plan\":\"pro\",\"n\":7}"),
				    STR("12345678901234567") };
	struct prog_opts o = { .vars = names,
			       .n_vars = ARRAY_LEN(names),
			       .where = "p.jq",
			       .digits_as_text = digits_as_text };
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
	is(run("$x", "{}"), "12345678901234567\n", "a variable's digits");
	is(run(".a # comment", "{\"a\":1}"), "1\n", "a comment at the end");
	is(run("def f: .a; f", "{\"a\":1}"), "1\n", "a definition");
	is(run(".a", "{\"a\":[1,\n 2]}"), "[1,2]\n",
	   "an output stays on its line");
}

static void test_compile(void)
{
	is(run(".a |", "{}"), "compile: p.jq:1: syntax error, unexpected $end",
	   "a syntax error is told with its line");
	is(run("1) | (2", "{}"),
	   "compile: p.jq:1: syntax error, unexpected INVALID_CHARACTER, "
	   "expecting $end",
	   "a program cannot leave its parentheses");
	is(run("$nope", "{}"), "compile: p.jq:1: $nope is not defined",
	   "an unknown variable");
	is(run("{a: 1,\n b: (.x | nope)}", "{}"),
	   "compile: p.jq:2: nope/0 is not defined", "an unknown function");
	is(run("{a: input}", "{}"),
	   "compile: p.jq:1: input has no meaning here: a program sees its "
	   "input and its variables, nothing else",
	   "a program sees nothing else");
}

/* A variable that libjq cannot hold matters only to who names it. */
static void test_variables(void)
{
	is(run("{a: (.a | explode), b: $x}", "{\"a\":\"A\"}"),
	   "{\"a\":[65],\"b\":12345678901234567}\n", "not to others");
	is(run("{a: ($x * 1)}", "{}"),
	   "precision: p.jq:1: a number has more digits than jq can keep",
	   "to who does");
}

static void test_judging(void)
{
	digits_as_text = true;
	is(run("{n: ($x | [.] | flatten[0] | length), m: (.a | @text), b}",
	       "{\"a\":0.123456789012345678901,\"b\":12345678901234567}"),
	   "{\"n\":17,\"m\":\"0.123456789012345678901\","
	   "\"b\":12345678901234567}\n",
	   "who judges sees a text where libjq would lose digits");
	is(run("$x | if . == 1 then error(\"one\") else {status: \"ok\"} end",
	       "{}"),
	   "{\"status\":\"ok\"}\n", "and comes to a verdict");
	digits_as_text = false;
}

static bool is_frame(const char *text)
{
	static const char *const vars[] = { "v" };
	struct prog_opts o = { .where = "p.jq", .vars = vars, .n_vars = 1 };
	struct prog *p = prog_new(str_of(text), &o, &err);
	bool is = p && prog_is_frame(p);

	if (!p)
		die(EX_SOFTWARE, "%s: %s", text, err.data);
	prog_free(p);
	return is;
}

static void test_frame(void)
{
	static const char *const frames[] = {
		".",           "[.]",
		"{inputs: .}", "{a: {b: [1, .]}, c: $v, d: $v.x.y}",
		"{a: (1, .)}",
	};
	static const char *const others[] = {
		"1",
		"{a: 1}",
		"{a: ., b: .}",
		"{a: .x}",
		"{a: .[0]}",
		"{a: length}",
		"{a: ., n: length}",
		"{a: ., b: .x}",
		"{(.x): .}",
		"{a: map(.b)}",
		"{a: (. | .x)}",
		"[.[]]",
		"{a: (. // 1)}",
		"{a: (if . then . else 1 end)}",
		". + {a: 1}",
		"{a: gsub(\"a\"; \"b\")}",
		"{x}",
		"select(.x)",
		"{a: .} | .a",
	};

	for (size_t i = 0; i < ARRAY_LEN(frames); i++)
		ok(is_frame(frames[i]), frames[i]);
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		ok(!is_frame(others[i]), others[i]);
}

static void test_map(void)
{
	struct prog_opts o = { .where = "p.jq" };
	struct prog *p = prog_new(STR("{k: .id, a: (.v | ascii_upcase), "
				      "b: .v.x, c: .w}"),
				  &o, &err);
	struct faults faults = FAULTS_INIT;
	struct record r = RECORD_INIT;
	struct json_fault f;
	bool any = false;

	ok(p && prog_is_native(p), "a plain mapping is native");
	record_parse(&r, STR("{\"id\":1,\"v\":5,\"diff_id\":\"r:1\"}"), &f);
	buf_reset(&out);
	ok(prog_map(p, &r, NULL, &out, &any, &faults) == -1 && any,
	   "members that fail");
	ok(faults.n == 2, "are all told");
	is(out.data, "{\"k\":1,\"c\":null", "and what did not fail is made");
	is(prog_error_code(p), "jq", "with a word for it");
	ok(prog_shape(p)->known && prog_shape(p)->n == 4 &&
	       str_is(prog_shape(p)->m[2].reads[0], "v"),
	   "the shape tells members and what they read");
	faults_release(&faults);
	record_release(&r);
	prog_free(p);
}

int main(void)
{
	test_basics();
	test_compile();
	test_variables();
	test_judging();
	test_frame();
	test_map();
	buf_release(&out);
	buf_release(&err);
	return tap_done();
}
