/* SPDX-License-Identifier: MIT */
#include "common/prog_bag.h"

#include "common/json.h"
#include "common/siphash.h"

/* Below this, looking through all names is faster than a table. */
#define FEW ((size_t)16)

static struct str unescaped(struct arena *mem, struct str raw)
{
	struct buf text = BUF_INIT;
	struct str copy;

	if (!raw.n || !memchr(raw.s, '\\', raw.n))
		return raw;
	json_unescape(&text, raw);
	copy = arena_copy(mem, buf_str(&text));
	buf_release(&text);
	return copy;
}

/* Where it is, or an empty place for it. */
static uint32_t *place(const struct bag *b, const struct bag_member *m)
{
	size_t at = siphash_here(m->name.s, m->name.n) & (b->n_table - 1);

	while (b->table[at] && !str_eq(b->v[b->table[at] - 1].name, m->name))
		at = (at + 1) & (b->n_table - 1);
	return &b->table[at];
}

static struct bag_member *find(const struct bag *b, const struct bag_member *m)
{
	uint32_t at;

	if (b->n_table) {
		at = *place(b, m);
		return at ? &b->v[at - 1] : NULL;
	}
	for (size_t i = 0; i < b->n; i++)
		if (str_eq(b->v[i].name, m->name))
			return &b->v[i];
	return NULL;
}

static void grow(struct bag *b, struct arena *mem)
{
	struct bag_member *more;

	b->cap = b->cap ? 2 * b->cap : FEW;
	more = arena_get(mem, b->cap * sizeof *more);
	if (b->n)
		memcpy(more, b->v, b->n * sizeof *more);
	b->v = more;
	if (b->cap == FEW)
		return;
	b->n_table = 2 * b->cap;
	b->table = arena_get(mem, b->n_table * sizeof *b->table);
	memset(b->table, 0, b->n_table * sizeof *b->table);
	for (size_t i = 0; i < b->n; i++)
		*place(b, &b->v[i]) = (uint32_t)i + 1;
}

void bag_put(struct bag *b, struct arena *mem, struct str raw, struct str val)
{
	struct bag_member m = { .raw = raw, .val = val }, *old;

	m.name = unescaped(mem, raw);
	old = find(b, &m);
	if (old) {
		old->val = val;
		return;
	}
	if (b->n == b->cap)
		grow(b, mem);
	b->v[b->n++] = m;
	if (b->n_table)
		*place(b, &m) = (uint32_t)b->n;
}

void bag_write(const struct bag *b, struct buf *out)
{
	char sep = '{';

	for (size_t i = 0; i < b->n; i++) {
		buf_addc(out, sep);
		buf_addc(out, '"');
		buf_adds(out, b->v[i].raw);
		buf_add(out, "\":", 2);
		buf_adds(out, b->v[i].val);
		sep = ',';
	}
	buf_addz(out, sep == '{' ? "{}" : "}");
}
