/* SPDX-License-Identifier: MIT */
#include "tests/mock/lib/ids.h"

#include "common/mem.h"

static uint64_t hash(struct str id)
{
	uint64_t h = 14695981039346656037u;

	for (size_t i = 0; i < id.n; i++)
		h = (h ^ (unsigned char)id.s[i]) * 1099511628211u;
	return h ^ h >> 29;
}

/* The place in the table where id is or would be. */
static uint32_t *slot(const struct ids *t, struct str id)
{
	size_t i = hash(id) & (t->table_cap - 1);

	while (t->table[i] && !str_eq(t->v[t->table[i] - 1].id, id))
		i = (i + 1) & (t->table_cap - 1);
	return &t->table[i];
}

static void table_grow(struct ids *t)
{
	free(t->table);
	t->table_cap = t->table_cap ? t->table_cap * 2 : 64;
	t->table = xcalloc(t->table_cap, sizeof *t->table);
	for (size_t i = 0; i < t->n; i++)
		*slot(t, t->v[i].id) = (uint32_t)(i + 1);
}

static struct str copy(struct str a)
{
	char *text = xmalloc(a.n + 1);

	if (a.n)
		memcpy(text, a.s, a.n);
	text[a.n] = '\0';
	return (struct str){ text, a.n };
}

static struct id_entry *find_any(const struct ids *t, struct str id)
{
	uint32_t at = t->table_cap ? *slot(t, id) : 0;

	return at ? &t->v[at - 1] : NULL;
}

void ids_release(struct ids *t)
{
	for (size_t i = 0; i < t->n; i++) {
		free((char *)t->v[i].id.s);
		free((char *)t->v[i].value.s);
	}
	free(t->v);
	free(t->table);
	*t = (struct ids){ 0 };
}

struct id_entry *ids_find(const struct ids *t, struct str id)
{
	struct id_entry *e = find_any(t, id);

	return e && !e->gone ? e : NULL;
}

bool ids_add(struct ids *t, struct str id)
{
	if (ids_find(t, id))
		return false;
	ids_set(t, id, STR(""));
	return true;
}

static struct id_entry *entry_new(struct ids *t, struct str id)
{
	uint32_t at = (uint32_t)t->n;

	if (2 * (t->n + 1) > t->table_cap)
		table_grow(t);
	GROW(t->v, t->n, t->cap);
	/* There is room. NOLINTNEXTLINE(clang-analyzer-core.NullDereference) */
	t->v[at] = (struct id_entry){ .id = copy(id) };
	*slot(t, id) = at + 1;
	t->n++;
	return &t->v[at];
}

struct id_entry *ids_set(struct ids *t, struct str id, struct str value)
{
	struct id_entry *e = find_any(t, id);
	struct str fresh = copy(value);

	if (!e)
		e = entry_new(t, id);
	free((char *)e->value.s);
	e->value = fresh;
	e->gone = false;
	return e;
}

bool ids_remove(struct ids *t, struct str id)
{
	struct id_entry *e = ids_find(t, id);

	if (!e)
		return false;
	e->gone = true;
	return true;
}
