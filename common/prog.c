/* SPDX-License-Identifier: MIT */
#include "common/prog.h"

#include "common/mem.h"
#include "common/prog_jq.h"

struct prog {
	char *text, *where;
	struct jqside *jq;
	const char *code;
};

/* Does $name stand in the text? */
static bool names_var(struct str text, const char *name)
{
	size_t n = strlen(name);
	const char *p = text.s, *end = text.s + text.n;

	while ((p = memchr(p, '$', (size_t)(end - p)))) {
		p++;
		if ((size_t)(end - p) >= n && memcmp(p, name, n) == 0 &&
		    ((size_t)(end - p) == n ||
		     !(isalnum((unsigned char)p[n]) || p[n] == '_')))
			return true;
	}
	return false;
}

struct prog *prog_new(struct str text, const struct prog_opts *opts,
		      struct buf *err)
{
	struct prog *p = xcalloc(1, sizeof *p);
	struct jqpiece piece;
	bool *uses = xcalloc(opts->n_vars + 1, sizeof *uses);

	p->text = xstrndup(text.s, text.n);
	p->where = xstrdup(opts->where);
	for (size_t i = 0; i < opts->n_vars; i++)
		uses[i] = names_var(text, opts->vars[i]);
	piece = (struct jqpiece){ STR(""), { p->text, text.n }, 1, uses };
	p->jq = jqside_new(&(struct jqside_opts){ .whole = piece.text,
						  .imports = STR(""),
						  .vars = opts->vars,
						  .n_vars = opts->n_vars,
						  .pieces = &piece,
						  .n = 1,
						  .where = p->where,
						  .libdir = opts->libdir },
			   err);
	free(uses);
	if (p->jq)
		return p;
	prog_free(p);
	return NULL;
}

void prog_free(struct prog *p)
{
	if (!p)
		return;
	jqside_free(p->jq);
	free(p->text);
	free(p->where);
	free(p);
}

bool prog_is_native(const struct prog *p)
{
	return !p->jq;
}

const char *prog_error_code(const struct prog *p)
{
	return p->code ? p->code : "jq";
}

static void add_line(void *ctx, struct str v)
{
	buf_adds(ctx, v);
	buf_addc(ctx, '\n');
}

int prog_run(struct prog *p, struct str input, const struct str *vars,
	     struct buf *out, struct buf *err)
{
	struct jqside_in in = { input, NULL, SIZE_MAX, vars };
	struct buf why = BUF_INIT;
	size_t mark = out->len;
	int n = jqside_run(p->jq, 0, &in, add_line, out, &p->code, &why);

	if (n < 0) {
		buf_truncate(out, mark);
		fail(err, "%s: %s", p->where, why.data);
	}
	buf_release(&why);
	return n;
}
