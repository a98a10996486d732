/* SPDX-License-Identifier: MIT */
#include "bin/retl-push/program.h"

#include "common/digest.h"
#include "common/enc.h"
#include "common/file.h"
#include "common/mem.h"
#include "common/msg.h"

/* More than any body or answer. */
#define MAX_PROGRAM ((size_t)1 << 20)

static const char *const names[N_VARS] = {
	[VAR_SETTINGS] = "settings", [VAR_SAVED] = "saved",
	[VAR_RUN] = "run",           [VAR_NOW] = "now",
	[VAR_RECORD] = "record",     [VAR_REF] = "ref",
	[VAR_CHANGE] = "change",     [VAR_CHANGED] = "changed",
	[VAR_DERIVED] = "derived",   [VAR_VARS] = "vars",
	[VAR_GROUP] = "group",       [VAR_RESPONSE] = "response",
	[VAR_BATCH] = "batch",
};

#define EVERYWHERE VAR_SETTINGS, VAR_SAVED, VAR_RUN, VAR_NOW
static const enum var record_vars[] = { EVERYWHERE, VAR_RECORD,  VAR_REF,
					VAR_CHANGE, VAR_CHANGED, VAR_DERIVED,
					VAR_VARS };
static const enum var batch_vars[] = { EVERYWHERE, VAR_VARS, VAR_GROUP };
static const enum var answer_vars[] = { EVERYWHERE, VAR_VARS, VAR_RESPONSE,
					VAR_BATCH, VAR_RECORD };

static const enum var token_vars[] = { VAR_SETTINGS, VAR_NOW };

/* Members of $run that are the same all along; and all but $run.last. */
static const char *const of_push[] = { ".id", ".time", ".number", NULL };
static const char *const of_batch[] = { ".id", ".time", ".number", ".batch",
					NULL };

static const struct {
	const enum var *v;
	size_t n;
} known[] = {
	[PLACE_RECORD] = { record_vars, ARRAY_LEN(record_vars) },
	[PLACE_BATCH] = { batch_vars, ARRAY_LEN(batch_vars) },
	[PLACE_BODY] = { batch_vars, ARRAY_LEN(batch_vars) },
	[PLACE_ANSWER] = { answer_vars, ARRAY_LEN(answer_vars) },
	[PLACE_TOKEN] = { token_vars, ARRAY_LEN(token_vars) },
};

/* "@file.jq" is beside the contract. */
static int read_beside(const struct contract *c, struct str file,
		       struct buf *out, struct buf *err)
{
	const char *slash = strrchr(c->path, '/');
	struct buf path = BUF_INIT;
	int ret;

	if (slash)
		buf_add(&path, c->path, (size_t)(slash - c->path) + 1);
	buf_adds(&path, file);
	ret = file_read(path.data, MAX_PROGRAM, out, err);
	buf_release(&path);
	return ret;
}

int program_source(const struct contract *c, struct str value, struct buf *out,
		   struct buf *err)
{
	struct buf scratch = BUF_INIT;
	struct json_iter it;
	struct str v;
	int ret = 0;

	if (json_type(value) == JSON_STRING) {
		v = json_text(value, &scratch);
		if (v.n && v.s[0] == '@')
			ret = read_beside(c, (struct str){ v.s + 1, v.n - 1 },
					  out, err);
		else
			buf_adds(out, v);
	} else if (json_type(value) == JSON_ARRAY) {
		json_iter_init(&it, value);
		while (json_iter_element(&it, &v)) {
			if (json_type(v) != JSON_STRING) {
				ret = fail(err, "not a list of lines");
				break;
			}
			if (out->len)
				buf_addc(out, '\n');
			buf_adds(out, json_text(v, &scratch));
		}
	} else {
		ret = fail(err, "not a program: a string or a list of lines");
	}
	buf_release(&scratch);
	return ret;
}

static unsigned limit_ms;

void program_limit(unsigned ms)
{
	limit_ms = ms;
}

static bool mentions(struct str text, const char *name)
{
	char dollar[32];
	int n = snprintf(dollar, sizeof dollar, "$%s", name);

	return memmem(text.s, text.n, dollar, (size_t)n) != NULL;
}

/*
 * Does it ask for more of $run than these members? However it is written: what
 * reads ".last" may have been handed all of $run.
 */
static bool asks_run(struct str text, const char *const *members)
{
	struct str at = text;

	while (at.n) {
		const char *run = memmem(at.s, at.n, "$run", 4);
		size_t n = 0;

		if (!run)
			return false;
		at = (struct str){ run + 4,
				   (size_t)(text.s + text.n - run) - 4 };
		if (at.n && (isalnum((uint8_t)*at.s) || *at.s == '_'))
			continue;
		for (size_t i = 0; !n && members[i]; i++)
			if (str_starts(at, members[i]))
				n = strlen(members[i]);
		if (!n ||
		    (n < at.n && (isalnum((uint8_t)at.s[n]) || at.s[n] == '_')))
			return true;
	}
	return false;
}

int program_new(struct program *p, const struct contract *c, struct str value,
		enum place place, const char *where, struct buf *err)
{
	const char *vars[N_VARS] = { NULL };
	struct buf text = BUF_INIT, why = BUF_INIT;
	int ret = -1;

	*p = (struct program){ .place = place };
	for (size_t i = 0; i < known[place].n; i++)
		vars[i] = names[known[place].v[i]];
	if (program_source(c, value, &text, &why) < 0)
		goto out;
	p->counts = asks_run(buf_str(&text), of_push);
	p->marks = asks_run(buf_str(&text), of_batch);
	for (size_t i = 0; i < known[place].n; i++)
		p->uses[known[place].v[i]] = mentions(buf_str(&text), vars[i]);
	/* What was taken stays so, however many digits an answer has. */
	p->prog = prog_new(
	    buf_str(&text),
	    &(struct prog_opts){ .vars = vars,
				 .n_vars = known[place].n,
				 .where = where,
				 .limit_ms = limit_ms,
				 .max_bytes = PROGRAM_MOST,
				 .digits_as_text = place == PLACE_ANSWER ||
						   place == PLACE_TOKEN },
	    &why);
	if (p->prog)
		ret = 0;
out:
	if (ret < 0)
		fail(err, "%s: %s", where, why.data);
	buf_release(&text);
	buf_release(&why);
	return ret;
}

void program_release(struct program *p)
{
	prog_free(p->prog);
	*p = (struct program){ .prog = NULL };
}

int program_run(struct program *p, struct str input, const struct scope *scope,
		struct buf *out, const char **code, struct buf *err)
{
	struct str vals[N_VARS];
	int n;

	for (size_t i = 0; i < known[p->place].n; i++) {
		vals[i] = scope->v[known[p->place].v[i]];
		if (!vals[i].s)
			vals[i] = STR("null");
	}
	n = prog_run(p->prog, input, vals, out, err);
	if (n >= 0)
		return n;
	if (strcmp(prog_error_code(p->prog), "size") == 0) {
		buf_reset(err);
		fail(err, "makes more than %zu MiB of text",
		     PROGRAM_MOST >> 20);
	}
	if (code)
		*code = prog_error_code(p->prog);
	return n;
}

int program_value(struct program *p, struct str input,
		  const struct scope *scope, struct buf *out, const char **code,
		  struct buf *err)
{
	size_t at = out->len;
	int n = program_run(p, input, scope, out, code, err);
	const char *lf;

	if (n <= 0)
		return n;
	if (n == 1) {
		buf_truncate(out, out->len - 1);
		return 1;
	}
	lf = memchr(out->data + at, '\n', out->len - at);
	if (!lf)
		BUG("a program's output has no end");
	buf_truncate(out, (size_t)(lf - out->data));
	return 1;
}

/* A text that is in no value, since nobody can know it. */
static struct str stand_in(void)
{
	static struct buf text = BUF_INIT;
	uint8_t random[16];

	if (!text.len) {
		digest_random(random, sizeof random);
		buf_addc(&text, '"');
		enc_hex(&text, random, sizeof random);
		buf_addc(&text, '"');
	}
	return buf_str(&text);
}

bool program_frame(struct program *p, const struct scope *scope,
		   struct buf *out, struct str *before, struct str *behind)
{
	struct str hole = stand_in();
	struct buf err = BUF_INIT;
	const char *at = NULL;

	buf_reset(out);
	if (program_value(p, hole, scope, out, NULL, &err) == 1)
		at = memmem(out->data, out->len, hole.s, hole.n);
	buf_release(&err);
	if (!at)
		return false;
	*before = (struct str){ out->data, (size_t)(at - out->data) };
	*behind = (struct str){ at + hole.n, out->len - before->n - hole.n };
	return true;
}
