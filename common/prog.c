/* SPDX-License-Identifier: MIT */
#include "common/prog.h"

#include "common/mem.h"
#include "common/prog_ask.h"
#include "common/prog_run.h"

struct prog {
	char *text, *where;
	size_t n_vars; /* those of the caller */
	struct arena mem;
	struct plan *root;
	struct prog_shape shape;
	struct jqside *jq; /* NULL: all of it runs on spans */
	struct run run;
	struct json_obj obj; /* of results whose shape is not known */
};

/* ---- compiling ---- */

static int start_jq(struct prog *p, struct planner *pl, const struct ast *ast,
		    const struct prog_opts *opts, struct buf *err)
{
	/*
	 * What nobody calls is not in the plan, but must be right as well; and
	 * a piece could name a variable where it is not bound any more.
	 */
	bool alone = !ast->root || ast->imports.n ||
		     !ask_known(pl, ast->root, p->n_vars);
	struct jqpiece *pieces;
	const char **vars;
	struct jqside_opts o;

	if (!pl->n_pieces && !alone)
		return 0;
	vars = xcalloc(pl->n_vars + 1, sizeof *vars);
	for (size_t i = 0; i < pl->n_vars; i++)
		vars[i] = pl->vars[i].name;
	pieces = xcalloc(pl->n_pieces + 1, sizeof *pieces);
	for (size_t i = 0; i < pl->n_pieces; i++) {
		struct plan *piece = pl->pieces[i];

		pieces[i] = (struct jqpiece){ piece->defs, piece->text,
					      piece->line, piece->uses };
	}
	o = (struct jqside_opts){ .whole = str_of(p->text),
				  .check_whole = alone,
				  .imports = ast->imports,
				  .vars = vars,
				  .n_vars = pl->n_vars,
				  .n_given = p->n_vars,
				  .pieces = pieces,
				  .n = pl->n_pieces,
				  .where = p->where,
				  .libdir = opts->libdir,
				  .digits_as_text = opts->digits_as_text,
				  .own_errors = pl->own_errors,
				  .n_own_errors = pl->n_own_errors };
	p->jq = jqside_new(&o, err);
	free(vars);
	free(pieces);
	if (!p->jq)
		return -1;
	if (!pl->n_pieces) {
		jqside_free(p->jq);
		p->jq = NULL;
	}
	return 0;
}

/* Tree, plan, shape. */
static int make_plan(struct prog *p, struct planner *pl, struct ast *ast,
		     const struct prog_opts *opts, struct buf *err)
{
	struct str text = str_of(p->text);
	const char *word;
	unsigned line;

	*ast = (struct ast){ .imports = STR("") };
	if (ast_parse(ast, text, &p->mem) < 0) {
		ast->imports = STR("");
		p->root = plan_whole(pl, text);
		p->shape.why = p->root->why;
		return 0;
	}
	if (ast->imports.n && !opts->libdir)
		return fail(err,
			    "%s: import and include need a folder (-L DIR)",
			    p->where);
	word = plan_forbidden(pl, ast->root, &line);
	if (word)
		return fail(err,
			    "%s:%u: %s has no meaning here: a program sees "
			    "its input and its variables, nothing else",
			    p->where, line, word);
	p->root = plan_make(pl, ast->root);
	if (pl->inexact)
		return fail(err,
			    "%s:%u: a number has more digits than jq can keep, "
			    "and stands where libjq has to run",
			    p->where, pl->inexact);
	plan_shape(pl, ast, p->root, &p->shape);
	return 0;
}

/* An object of fixed names at the top: where its members come to lie is known.
 */
static void list_members(struct prog *p)
{
	const struct plan *top = p->root;

	if (top->op != P_OBJECT || !top->final)
		return;
	for (size_t i = 0; i < top->n; i++)
		if (memchr(top->entries[i].prefix.s, '\\',
			   top->entries[i].prefix.n))
			return;
	p->run.listed = top;
	p->run.at = xcalloc(2 * top->n + 1, sizeof *p->run.at);
}

static int compile(struct prog *p, const struct prog_opts *opts,
		   struct buf *err)
{
	struct planner pl = { .mem = &p->mem,
			      .calls_left = 1000,
			      .scratch = BUF_INIT };
	struct ast ast;
	int ret;

	for (size_t i = 0; i < opts->n_vars; i++) {
		GROW(pl.vars, pl.n_vars, pl.cap_vars);
		pl.vars[pl.n_vars++] = (struct plan_var){ opts->vars[i], true };
	}
	ret = make_plan(p, &pl, &ast, opts, err);
	if (ret == 0)
		ret = start_jq(p, &pl, &ast, opts, err);
	p->run.jq = p->jq;
	if (ret == 0)
		list_members(p);
	p->run.vars = xcalloc(pl.n_vars + 1, sizeof *p->run.vars);
	free(pl.vars);
	free(pl.defs);
	free(pl.pieces);
	free(pl.own_errors);
	buf_release(&pl.scratch);
	return ret;
}

/* jq would put replacement characters in place of what is no UTF-8. */
static int check_text(const struct prog *p, struct str text, struct buf *err)
{
	struct buf quoted = BUF_INIT;
	struct json_fault f;
	int ret = 0;

	if (text.n && memchr(text.s, '\0', text.n))
		return fail(err, "%s: a zero byte in the program", p->where);
	if (str_starts(text, "\xef\xbb\xbf"))
		return fail(err,
			    "%s: begins with a byte order mark: take it away",
			    p->where);
	json_put_str(&quoted, text);
	if (json_check(buf_str(&quoted), NULL, &f) < 0)
		ret = fail(err, "%s: %s in the program", p->where, f.what);
	buf_release(&quoted);
	return ret;
}

struct prog *prog_new(struct str text, const struct prog_opts *opts,
		      struct buf *err)
{
	struct prog *p = xcalloc(1, sizeof *p);

	p->text = xstrndup(text.s, text.n);
	p->where = xstrdup(opts->where ? opts->where : "the program");
	p->n_vars = opts->n_vars;
	p->run.scratch = p->run.why = BUF_INIT;
	p->run.limit_ms = opts->limit_ms;
	p->run.max_bytes = opts->max_bytes;
	p->obj = JSON_OBJ_INIT;
	if (check_text(p, text, err) == 0 && compile(p, opts, err) == 0)
		return p;
	prog_free(p);
	return NULL;
}

void prog_free(struct prog *p)
{
	if (!p)
		return;
	jqside_free(p->jq);
	run_release(&p->run);
	arena_release(&p->mem);
	json_obj_release(&p->obj);
	free(p->text);
	free(p->where);
	free(p);
}

void prog_watch(struct prog *p, struct guard *const *guard)
{
	p->run.guard = guard;
}

bool prog_is_native(const struct prog *p)
{
	return !p->jq;
}

bool prog_is_frame(const struct prog *p)
{
	return plan_is_frame(p->root);
}

const char *prog_error_code(const struct prog *p)
{
	return p->run.code ? p->run.code : "jq";
}

const struct prog_shape *prog_shape(const struct prog *p)
{
	return &p->shape;
}

/* ---- running ---- */

static void begin(struct prog *p, const struct str *vars)
{
	run_begin(&p->run);
	for (size_t i = 0; i < p->n_vars; i++)
		p->run.vars[i] = vars[i];
}

static bool has_breaks(struct str v)
{
	return memchr(v.s, '\n', v.n) || memchr(v.s, '\r', v.n);
}

static void put_line(struct buf *out, struct str v)
{
	if (has_breaks(v))
		json_put_compact(out, v);
	else
		buf_adds(out, v);
}

struct lines {
	struct buf *out;
	int n;
};

static int add_line(struct run *r UNUSED, void *ctx, struct str v)
{
	struct lines *lines = ctx;

	put_line(lines->out, v);
	buf_addc(lines->out, '\n');
	lines->n++;
	return 0;
}

/* What a program of one result makes goes where it is wanted, uncopied. */
static int put_one(struct prog *p, struct str input, struct buf *out)
{
	size_t mark = out->len;
	struct str v;

	if (run_put(&p->run, p->root, input, out) < 0)
		return -1;
	v = (struct str){ out->data + mark, out->len - mark };
	if (UNLIKELY(has_breaks(v))) {
		struct buf text = BUF_INIT;

		json_put_compact(&text, v);
		buf_truncate(out, mark);
		buf_adds(out, buf_str(&text));
		buf_release(&text);
	}
	buf_addc(out, '\n');
	return 0;
}

int prog_run(struct prog *p, struct str input, const struct str *vars,
	     struct buf *out, struct buf *err)
{
	struct lines lines = { out, 0 };
	size_t mark = out->len;

	begin(p, vars);
	p->run.out = out;
	p->run.out_mark = mark;
	p->run.record = NULL;
	p->run.input = input;
	if (p->root->one) {
		if (put_one(p, input, out) == 0)
			return 1;
	} else if (run_each(&p->run, p->root, input, add_line, &lines) == 0) {
		return lines.n;
	}
	buf_truncate(out, mark);
	return fail(err, "%s:%u: %s", p->where, p->run.line, p->run.why.data);
}

/* ---- mappings ---- */

struct result {
	struct buf *out;
	size_t mark;
	int n;
};

static int add_result(struct run *r UNUSED, void *ctx, struct str v)
{
	struct result *res = ctx;

	/* Beyond the first they only count. */
	if (!res->n++)
		put_line(res->out, v);
	return 0;
}

static int refuse(struct prog *p, struct faults *faults, const char *code,
		  const char *why)
{
	p->run.code = code;
	faults_add(faults, STR(""), code, "%s: %s", p->where, why);
	return -1;
}

static int refuse_size(struct prog *p, struct faults *faults)
{
	return refuse(p, faults, "size",
		      "the result is longer than a record may be "
		      "(--max-record)");
}

/* What could not be known beforehand: names that are reserved or repeated. */
static int check_names(struct prog *p, struct str object, struct faults *faults)
{
	struct json_fault f;

	if (json_obj_parse(&p->obj, object, &f) < 0)
		return refuse(p, faults, "repeated",
			      "a member name stands twice in the result");
	for (size_t i = 0; i < p->obj.n; i++)
		if (record_reserved(&p->obj.m[i])) {
			faults_add(faults, p->obj.m[i].key, "reserved",
				   "%s: the mapping defines a member that is "
				   "reserved",
				   p->where);
			return -1;
		}
	return 0;
}

static size_t count(struct str text, char c, size_t most)
{
	const char *p = text.s, *end = text.s + text.n;
	size_t n = 0;

	while (n < most && (p = memchr(p, c, (size_t)(end - p)))) {
		p++;
		n++;
	}
	return n;
}

/* What a record nests may come to lie deeper than a record may go. */
static bool too_deep(struct str v)
{
	const size_t most = JSON_MAX_DEPTH + 1;
	struct json_fault f;

	return count(v, '[', most) + count(v, '{', most) > JSON_MAX_DEPTH &&
	       json_check(v, NULL, &f) < 0;
}

static int check_result(struct prog *p, struct result *res,
			struct faults *faults)
{
	struct str v = { res->out->data + res->mark,
			 res->out->len - res->mark };

	if (res->n > 1)
		return refuse(p, faults, "outputs",
			      "the mapping gives more than one result");
	if (json_type(v) != JSON_OBJECT)
		return refuse(p, faults, "type",
			      "the mapping gives something that is no object");
	if (too_deep(v))
		return refuse(p, faults, "depth",
			      "the result is nested too deep");
	return p->shape.known ? 0 : check_names(p, v, faults);
}

/* The object that stands at mark, without its last brace. */
static bool open_object(struct buf *out, size_t mark)
{
	const char *p = out->data + mark + 1;

	buf_truncate(out, out->len - 1);
	while (*p == ' ' || *p == '\t')
		p++;
	return *p != '\0';
}

int prog_map(struct prog *p, const struct record *rec, const struct str *vars,
	     struct buf *out, bool *any, struct faults *faults)
{
	struct result res = { out, out->len, 0 };
	struct run *r = &p->run;
	size_t n_faults = faults->n;
	int ret;

	begin(p, vars);
	r->out = out;
	r->out_mark = out->len;
	r->record = rec;
	r->input = STR_NONE;
	r->where = p->where;
	r->tolerant = faults;
	if (p->root->one) {
		ret = run_put(r, p->root, STR_NONE, out);
		res.n = 1;
	} else {
		ret = run_each(r, p->root, STR_NONE, add_result, &res);
	}
	if (ret < 0) {
		faults_add(faults, STR(""), r->code, "%s:%u: %s", p->where,
			   r->line, r->why.data);
	} else if (!res.n) {
		return faults->n > n_faults ? -1 : 0;
	} else {
		ret = check_result(p, &res, faults);
	}
	if (ret < 0) {
		buf_truncate(out, res.mark);
		return -1;
	}
	*any = open_object(out, res.mark);
	if (p->run.max_bytes && out->len - res.mark >= p->run.max_bytes)
		return refuse_size(p, faults);
	return faults->n > n_faults ? -1 : 1;
}

bool prog_map_list(struct prog *p, struct str made, struct json_obj *o)
{
	const struct plan *top = p->run.listed;

	if (!p->run.is_listed)
		return false;
	if (UNLIKELY(!o->shape)) {
		for (size_t i = 0; i < top->n; i++) {
			GROW(o->m, i, o->cap);
			buf_adds(&o->names, top->entries[i].prefix);
		}
		o->shape = json_new_shape();
	}
	o->n = top->n;
	for (size_t i = 0; i < top->n; i++) {
		const size_t *at = &p->run.at[2 * i];
		size_t n = top->entries[i].prefix.n;
		struct json_member *m = &o->m[i];

		m->key = (struct str){ made.s + at[0] - n + 1, n - 3 };
		m->val = (struct str){ made.s + at[0], at[1] - at[0] };
		m->key_esc = false;
	}
	return true;
}
