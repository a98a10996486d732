/* SPDX-License-Identifier: MIT */
/* --explain: for every member of the result, where it comes from and how. */
#include "bin/retl-map/mapping.h"

#include "common/mem.h"
#include "common/msg.h"

enum { COL_MEMBER, COL_FROM, COL_RUNS, COL_NOTE, N_COLS };

struct row {
	struct buf col[N_COLS];
};

struct table {
	struct row *v;
	size_t n, cap;
};

static struct row *new_row(struct table *t)
{
	GROW(t->v, t->n, t->cap);
	for (int i = 0; i < N_COLS; i++)
		t->v[t->n].col[i] = BUF_INIT;
	return &t->v[t->n++];
}

static struct row *add_row(struct table *t, struct str member, const char *from,
			   const char *runs)
{
	struct row *r = new_row(t);

	buf_adds(&r->col[COL_MEMBER], member);
	buf_addz(&r->col[COL_FROM], from);
	buf_addz(&r->col[COL_RUNS], runs);
	return r;
}

static void put_names(struct buf *b, const struct str *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		buf_addz(b, i ? ", " : "");
		buf_adds(b, v[i]);
	}
}

static void put_why(struct row *r, struct str why)
{
	buf_addf(&r->col[COL_NOTE], "because of %.*s", STR_ARG(why));
}

static void add_member(struct table *t, const struct prog_member *m)
{
	struct row *r = add_row(t, m->name, "", m->native ? "native" : "libjq");

	if (m->n_reads == SIZE_MAX)
		buf_addz(&r->col[COL_FROM], "(whole record)");
	else if (!m->n_reads)
		buf_addz(&r->col[COL_FROM], "(constant)");
	else
		put_names(&r->col[COL_FROM], m->reads, m->n_reads);
	if (!m->native)
		put_why(r, m->why);
	if (m->whole)
		buf_addz(&r->col[COL_NOTE],
			 ", which is given all of the record");
}

static void add_rest(struct table *t, const struct prog_shape *s)
{
	struct row *r;

	r = add_row(t, STR("(others)"), "(same names)", "native");
	if (s->n_without) {
		buf_addz(&r->col[COL_NOTE], "without ");
		put_names(&r->col[COL_NOTE], s->without, s->n_without);
	}
}

/* ---- what a contract asks for ---- */

static bool makes(const struct mapping *m, struct str name)
{
	const struct prog_shape *s = m->prog ? prog_shape(m->prog) : NULL;

	/* What cannot be told is not called missing. */
	if (!s || !s->known || s->rest)
		return true;
	for (size_t i = 0; i < s->n; i++)
		if (str_eq(s->m[i].name, name))
			return true;
	return false;
}

static bool makes_all(const struct mapping *m, const struct name_set *set)
{
	for (size_t i = 0; i < set->n; i++)
		if (!makes(m, set->v[i]))
			return false;
	return true;
}

static void add_missing(struct table *t, struct str name, const char *note)
{
	struct row *r = add_row(t, name, "", "");

	buf_addz(&r->col[COL_NOTE], note);
}

static void add_missing_keys(struct table *t, const struct mapping *m)
{
	const struct contract *c = m->contract;
	struct buf names = BUF_INIT;
	struct row *r;

	if (c->key_mode == KEY_ALL) {
		for (size_t i = 0; c->n_keys && i < c->keys[0].n; i++)
			if (!makes(m, c->keys[0].v[i]))
				add_missing(t, c->keys[0].v[i],
					    "missing: a key of the contract");
		return;
	}
	for (size_t i = 0; i < c->n_keys; i++) {
		if (makes_all(m, &c->keys[i]))
			return;
		buf_addz(&names, i ? " or " : "");
		put_names(&names, c->keys[i].v, c->keys[i].n);
	}
	r = add_row(t, buf_str(&names), "", "");
	buf_addz(&r->col[COL_NOTE], "missing: the contract needs one of these");
	buf_release(&names);
}

static bool is_key(const struct contract *c, struct str name)
{
	for (size_t i = 0; i < c->n_keys; i++)
		for (size_t k = 0; k < c->keys[i].n; k++)
			if (str_eq(c->keys[i].v[k], name))
				return true;
	return false;
}

static void add_missing_required(struct table *t, const struct mapping *m)
{
	struct str required, v, name;
	struct buf scratch = BUF_INIT;
	struct json_iter it;

	required = json_get(json_get(m->contract->root, "record"), "required");
	if (!required.s || json_type(required) != JSON_ARRAY)
		return;
	json_iter_init(&it, required);
	while (json_iter_element(&it, &v)) {
		name = json_text(v, &scratch);
		if (!makes(m, name) && !is_key(m->contract, name))
			add_missing(t, name,
				    "missing: required by the contract");
	}
	buf_release(&scratch);
}

/* ---- printing ---- */

/* Columns of a terminal: characters, not bytes. */
static size_t width(struct str s)
{
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++)
		n += ((unsigned char)s.s[i] & 0xc0) != 0x80;
	return n;
}

static void put_row(struct buf *out, const struct row *r, const size_t *widths)
{
	size_t end = N_COLS;

	while (end && !r->col[end - 1].len)
		end--;
	for (size_t i = 0; i < end; i++) {
		struct str s = buf_str(&r->col[i]);

		buf_adds(out, s);
		for (size_t k = width(s); i + 1 < end && k < widths[i] + 2; k++)
			buf_addc(out, ' ');
	}
	buf_addc(out, '\n');
}

static void print(const struct table *t)
{
	size_t widths[N_COLS] = { 0 };
	struct buf out = BUF_INIT;

	for (size_t i = 0; i < t->n; i++)
		for (int k = 0; k < N_COLS; k++)
			widths[k] =
			    MAX(widths[k], width(buf_str(&t->v[i].col[k])));
	for (size_t i = 0; i < t->n; i++)
		put_row(&out, &t->v[i], widths);
	if (fwrite(out.data, 1, out.len, stdout) != out.len ||
	    fflush(stdout) != 0)
		die(EX_IOERR, "standard output: %s", strerror(errno));
	buf_release(&out);
}

static void add_program(struct table *t, const struct mapping *m)
{
	const struct prog_shape *s = m->prog ? prog_shape(m->prog) : NULL;

	if (!s) {
		add_row(t, STR("(all)"), "(same names)", "native");
	} else if (!s->known) {
		struct row *r =
		    add_row(t, STR("(any)"), "(whole record)",
			    prog_is_native(m->prog) ? "native" : "libjq");

		if (prog_is_native(m->prog))
			buf_addf(&r->col[COL_NOTE],
				 "names are not told by %.*s", STR_ARG(s->why));
		else
			put_why(r, s->why);
	} else {
		for (size_t i = 0; i < s->n; i++)
			add_member(t, &s->m[i]);
		if (s->rest)
			add_rest(t, s);
	}
}

void mapping_explain(const struct mapping *m)
{
	struct table t = { .n = 0 };
	struct row *head = add_row(&t, STR("MEMBER"), "FROM", "RUNS");

	buf_addz(&head->col[COL_NOTE], "NOTE");
	add_program(&t, m);
	if (m->contract) {
		add_missing_keys(&t, m);
		add_missing_required(&t, m);
	}
	print(&t);
	for (size_t i = 0; i < t.n; i++)
		for (int k = 0; k < N_COLS; k++)
			buf_release(&t.v[i].col[k]);
	free(t.v);
}
