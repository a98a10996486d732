/* SPDX-License-Identifier: MIT */
/*
 * The records that are in memory at once. They stay where read(2) put them;
 * what is sorted is an array of entries of 24 bytes that point to them. Text,
 * encoded keys, entries and the room that sorting needs are counted together
 * against the budget of --memory, at every record, so the bound holds for
 * records of any length.
 *
 * All memory is mapped generously and costs nothing until it is touched.
 */
#include "bin/retl-sort/sort.h"

#include "bin/retl-sort/ahead.h"
#include "bin/retl-sort/outlet.h"

#include <sys/mman.h>

#include "common/mem.h"
#include "common/msg.h"

/* What a record costs beside its text: an entry, and one for sorting. */
#define ENTRY_COST (2 * sizeof(struct entry))
#define CHUNK_MIN ((size_t)4 << 10)
/* What has been read is in the cache still when it is looked at. */
#define CHUNK_MAX ((size_t)256 << 10)
/* Neighbours of at least this many bytes are lent from where they are. */
#define LEND_MIN ((size_t)64 << 10)

static void *map(size_t n)
{
	void *p = mmap(NULL, n, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		die(EX_OSERR,
		    "out of memory (%zu bytes of address space asked for; "
		    "--memory asks for less)",
		    n);
	return p;
}

static void *remap(void *p, size_t old, size_t n)
{
	p = p ? mremap(p, old, n, MREMAP_MAYMOVE) : map(n);
	if (p == MAP_FAILED)
		die(EX_OSERR, "out of memory (%zu bytes asked for)", n);
	return p;
}

static void unmap(void *p, size_t n)
{
	if (p)
		munmap(p, n);
}

/*
 * Text, then keys: what the budget lets stand there, and one more, which is
 * hardly longer encoded than as text.
 */
static size_t map_size(const struct block *b)
{
	return 3 * b->room + 4096;
}

void block_init(struct block *b, const struct config *cfg, size_t budget)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	*b = (struct block){
		.cfg = cfg,
		.budget = budget,
		.chunk = MIN(MAX(budget / 64, CHUNK_MIN), CHUNK_MAX),
		/* Whole pages, so that what lies behind can be given back. */
		.room = (budget + page - 1) / page * page,
		.in_order = true,
	};
	b->mem = map(map_size(b));
}

void block_release(struct block *b)
{
	mapped_end(&b->mapped);
	unmap(b->mem, map_size(b));
	unmap(b->e, b->cap * sizeof *b->e);
	unmap(b->spare, b->cap * sizeof *b->e);
	*b = (struct block){ .cfg = NULL };
}

static size_t text_size(const struct block *b, const struct input *in)
{
	return b->base + ndjson_filled(&in->in);
}

void block_lend(struct block *b, struct input *in)
{
	size_t touched = MAX(b->touched_text, b->base) - b->base;

	ahead_lend(in->ahead, b->mem + b->base, b->room - b->base, touched,
		   b->base || b->n ? NULL : &b->mapped);
}

void block_end_file(struct block *b, const struct input *in)
{
	b->base = MAX(text_size(b, in), mapped_pages(&b->mapped));
}

/* What lies behind the first used bytes. */
static void forget(void *p, size_t used, size_t n)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	used = (used + page - 1) / page * page;
	if (used < n)
		madvise((char *)p + used, n - used, MADV_DONTNEED);
}

/*
 * Blocks of one stream are much alike, so what was touched is used again.
 * Where they are not, what one had for text and the next has for entries would
 * add up to more than the budget: all that is not in use is given back then.
 */
static void trim(struct block *b, size_t text)
{
	size_t entries = b->n * sizeof *b->e, all = b->cap * sizeof *b->e;

	b->touched_text = MAX(b->touched_text, text);
	b->touched_keys = MAX(b->touched_keys, b->n_keys);
	b->touched_entries = MAX(b->touched_entries, b->n * ENTRY_COST);
	if (LIKELY(b->touched_text + b->touched_keys + b->touched_entries <=
		   b->budget))
		return;
	forget(b->mem, text, b->room);
	forget(b->mem + b->room, b->n_keys, map_size(b) - b->room);
	forget(b->e, entries, all);
	forget(b->spare, 0, all);
	b->touched_text = text;
	b->touched_keys = b->n_keys;
	b->touched_entries = b->n * ENTRY_COST;
}

bool block_full(struct block *b, const struct input *in)
{
	/* Whether or not it is there already, to be the same in each run. */
	size_t text = MIN(text_size(b, in) + AHEAD_CHUNKS * b->chunk, b->room);
	size_t used = text + b->n_keys + (b->n + 1) * ENTRY_COST;

	trim(b, text);
	return b->n && used + b->chunk > b->budget;
}

/* Memory again, where a file was. */
static void unmap_file(struct block *b)
{
	size_t n = mapped_pages(&b->mapped);

	if (!n)
		return;
	mapped_end(&b->mapped);
	if (mmap(b->mem, n, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1,
		 0) == MAP_FAILED)
		die(EX_OSERR, "out of memory (%zu bytes asked for)", n);
	b->touched_text = 0;
}

void block_empty(struct block *b)
{
	unmap_file(b);
	b->base = b->n_keys = b->n = 0;
	b->in_order = true;
}

void block_grow(struct block *b, struct input *in)
{
	struct block old = *b;

	b->room *= 2;
	b->base = b->touched_text = 0;
	b->mem = map(map_size(b));
	block_lend(b, in);
	mapped_end(&b->mapped);
	unmap(old.mem, map_size(&old));
}

void block_widen(struct block *b, const struct block *other)
{
	if (b->room >= other->room)
		return;
	unmap(b->mem, map_size(b));
	b->room = other->room;
	b->mem = map(map_size(b));
	b->touched_text = b->touched_keys = 0;
}

/* Encoded keys lie behind the text; numbered ones behind their place. */
static size_t keep_key(struct block *b, const struct item *item)
{
	char *to = b->mem + b->room + b->n_keys;
	size_t before = 0;

	if (b->cfg->unique == UNIQUE_ERROR) {
		memcpy(to, &item->place, sizeof item->place);
		before = sizeof item->place;
	}
	if (item->code.bytes.n)
		memcpy(to + before, item->code.bytes.s, item->code.bytes.n);
	b->n_keys += before + item->code.bytes.n;
	return (size_t)(to - b->mem) + before;
}

static uint64_t entry_word(size_t at, size_t len)
{
	return (uint64_t)at << ENTRY_LEN_BITS | len;
}

/* Room for another entry. */
static void grow_entries(struct block *b)
{
	size_t cap = b->cap ? 2 * b->cap : 4096;

	b->e = remap(b->e, b->cap * sizeof *b->e, cap * sizeof *b->e);
	b->spare = remap(b->spare, b->cap * sizeof *b->e, cap * sizeof *b->e);
	b->cap = cap;
}

void block_add(struct block *b, const struct input *in)
{
	const struct item *item = &in->item;
	struct entry *e;
	size_t key = 0;

	if (UNLIKELY(b->n == b->cap))
		grow_entries(b);
	if (b->cfg->unique == UNIQUE_ERROR ||
	    (item->code.bytes.n && !in->key_in_record))
		key = keep_key(b, item);
	else if (item->code.bytes.n)
		key = (size_t)(item->code.bytes.s - b->mem);
	e = &b->e[b->n];
	e->prefix = item->code.prefix;
	e->rec = entry_word((size_t)(item->rec.s - b->mem), item->rec.n);
	e->key = entry_word(key, item->code.bytes.n);
	if (b->n && b->in_order)
		b->in_order = entry_cmp(e - 1, e, b->mem, b->cfg->reverse) <= 0;
	b->n++;
}

void block_item(const struct block *b, size_t i, struct item *item)
{
	const struct entry *e = &b->e[i];
	const char *key = b->mem + entry_at(e->key);

	item->rec.s = b->mem + entry_at(e->rec);
	item->rec.n = entry_len(e->rec);
	item->code.prefix = e->prefix;
	item->code.bytes.s = key;
	item->code.bytes.n = entry_len(e->key);
	item->place = 0;
	if (b->cfg->unique == UNIQUE_ERROR)
		memcpy(&item->place, key - sizeof item->place,
		       sizeof item->place);
}

static void die_entries(const struct block *b, size_t i)
{
	struct item first, second;

	block_item(b, i, &first);
	block_item(b, i + 1, &second);
	die_duplicate(b->cfg, first.place, second.place);
}

static void make_unique(struct block *b)
{
	bool last = b->cfg->unique == UNIQUE_LAST;
	size_t kept = 0;

	for (size_t i = 1; i < b->n; i++) {
		bool same = entry_cmp(&b->e[kept], &b->e[i], b->mem,
				      b->cfg->reverse) == 0;

		if (same && b->cfg->unique == UNIQUE_ERROR)
			die_entries(b, i - 1);
		if (!same)
			b->e[++kept] = b->e[i];
		else if (last)
			b->e[kept] = b->e[i];
	}
	b->n = MIN(b->n, kept + 1);
}

void block_sort(struct block *b)
{
	if (!b->in_order)
		order_entries(b->e, b->spare, b->n, b->mem, b->cfg->reverse);
	if (b->cfg->unique != UNIQUE_NO)
		make_unique(b);
}

bool block_before(const struct block *a, const struct block *b)
{
	struct item x, y;
	int c;

	if (!a->n || !b->n)
		return true;
	block_item(a, a->n - 1, &x);
	block_item(b, 0, &y);
	c = code_cmp(&x.code, &y.code, a->cfg->reverse);
	return a->cfg->unique == UNIQUE_NO ? c <= 0 : c < 0;
}

/*
 * Records are copied together before they are written: handing their places to
 * writev instead took half more CPU time (1.4 s against 0.9 s for the whole of
 * a million rows between two cats).
 */
void block_write(const struct block *b, struct outlet *to)
{
	struct out *o = &to->out;

	for (size_t i = 0, next; i < b->n; i = next) {
		size_t from = entry_at(b->e[i].rec);
		size_t end = from + entry_len(b->e[i].rec);

		/* Neighbours in order go out as one piece, LFs and all. */
		for (next = i + 1; next < b->n; next++) {
			if (entry_at(b->e[next].rec) != end + 1)
				break;
			end += 1 + entry_len(b->e[next].rec);
		}
		block_fetch(b, i);
		o->since_seal += next - i - 1;
		o->n_records += next - i - 1;
		if (end - from >= LEND_MIN && from < mapped_pages(&b->mapped))
			outlet_write(to, b->mem + from, end - from);
		else if (end - from >= LEND_MIN)
			outlet_lend(to, b->mem + from, end - from);
		else
			buf_add(&o->b, b->mem + from, end - from);
		out_record(o);
	}
}
