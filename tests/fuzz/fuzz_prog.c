/* SPDX-License-Identifier: MIT */
/*
 * libFuzzer: whatever bytes come as a program, reading it answers without
 * reading beyond them; what turns out to be plain is compiled and run, and
 * gives values that are JSON. Programs for libjq are not started: libjq is not
 * ours, and leaks.
 */
#include "common/json.h"
#include "common/prog.h"
#include "common/prog_ask.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void demand(bool promise)
{
	if (!promise)
		abort();
}

static const char *const names[] = { "settings" };

/* Would prog_new have to ask libjq? */
static bool is_plain(struct str text)
{
	struct arena mem = { .used = 0 };
	struct planner pl = { .mem = &mem,
			      .calls_left = 1000,
			      .scratch = BUF_INIT };
	struct plan_var vars[256] = { { names[0], true } };
	struct ast ast = { .imports = STR("") };
	unsigned line;
	bool plain = false;

	pl.vars = vars;
	pl.n_vars = 1;
	pl.cap_vars = 256;
	if (ast_parse(&ast, text, &mem) == 0 && !ast.imports.n &&
	    !plan_forbidden(&pl, ast.root, &line)) {
		plan_make(&pl, ast.root);
		plain = !pl.n_pieces && ask_known(&pl, ast.root, 1);
	}
	free(pl.defs);
	free(pl.pieces);
	free(pl.own_errors);
	buf_release(&pl.scratch);
	arena_release(&mem);
	return plain;
}

static void check_outputs(struct str out, int n)
{
	struct json_fault f;
	struct str line;
	int seen = 0;

	while (out.n && str_split(&out, '\n', &line) && line.n) {
		demand(json_check(line, NULL, &f) == 0);
		seen++;
	}
	demand(seen == n);
}

static void run(struct str text)
{
	static const char *const inputs[] = {
		"null",
		"[1,\"x\",{\"a\":[null,true]},-1.50]",
		"{\"a\":{\"b\":\"\\u00e9 "
		"y\"},\"b\":[1,2,3],\"c\":1e3,\"d\":null}",
		"\"a,b\"",
	};
	const struct str vars[] = { STR("{\"x\":\"a\",\"n\":1}") };
	struct prog_opts o = { .vars = names,
			       .n_vars = 1,
			       .where = "p",
			       .limit_ms = 200,
			       .max_bytes = 1 << 20 };
	struct buf out = BUF_INIT, err = BUF_INIT;
	struct prog *p = prog_new(text, &o, &err);
	int got;

	for (size_t i = 0; p && i < ARRAY_LEN(inputs); i++) {
		buf_reset(&out);
		got = prog_run(p, str_of(inputs[i]), vars, &out, &err);
		demand(got >= 0 || err.len);
		if (got >= 0)
			check_outputs(buf_str(&out), got);
	}
	prog_free(p);
	buf_release(&out);
	buf_release(&err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	/* A copy of exact size, so that one byte beyond is seen. */
	char *text = malloc(n ? n : 1);
	struct buf quoted = BUF_INIT;
	struct json_fault f;

	memcpy(text, data, n);
	if (!n || !memchr(text, '\0', n)) {
		json_put_str(&quoted, (struct str){ text, n });
		if (json_check(buf_str(&quoted), NULL, &f) == 0 &&
		    is_plain((struct str){ text, n }))
			run((struct str){ text, n });
	}
	buf_release(&quoted);
	free(text);
	return 0;
}
