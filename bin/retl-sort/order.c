/* SPDX-License-Identifier: MIT */
/*
 * Sorting entries, stably. Many are sorted by radix on 8 bytes of their keys,
 * least significant byte first, leaving out bytes in which all agree; among
 * those that agree in all 8, the next 8 bytes take the prefix's place and it
 * begins anew. Few are merge-sorted by comparison. The smallest of groups are
 * sorted by insertion.
 */
#include "bin/retl-sort/sort.h"

#define INSERTION 12
/* Below it, counting 256 buckets 8 times costs more than comparing. */
#define RADIX_MIN 1500
/* Keys may be long and alike: from here on comparison it is. */
#define MAX_LEVEL 64

struct order {
	const char *mem;
	bool reverse;
};

static struct str key_of(const struct order *o, const struct entry *e)
{
	return (struct str){ o->mem + entry_at(e->key), entry_len(e->key) };
}

/* Prefixes are windows at depth. */
static inline bool after(const struct order *o, const struct entry *a,
			 const struct entry *b, size_t depth)
{
	if (LIKELY(a->prefix != b->prefix))
		return a->prefix > b->prefix;
	return code_cmp_rest(key_of(o, a), key_of(o, b),
			     depth + sizeof a->prefix, o->reverse) > 0;
}

static void insertion_sort(const struct order *o, struct entry *e, size_t n,
			   size_t depth)
{
	for (size_t i = 1; i < n; i++) {
		struct entry x = e[i];
		size_t j = i;

		for (; j && after(o, &e[j - 1], &x, depth); j--)
			e[j] = e[j - 1];
		e[j] = x;
	}
}

static void merge_sort(const struct order *o, struct entry *e,
		       struct entry *spare, size_t n, size_t depth)
{
	size_t half = n / 2, i = 0, j = half, k = 0;

	if (n <= INSERTION) {
		insertion_sort(o, e, n, depth);
		return;
	}
	merge_sort(o, e, spare, half, depth);
	merge_sort(o, e + half, spare, n - half, depth);
	if (!after(o, &e[half - 1], &e[half], depth))
		return;
	memcpy(spare, e, half * sizeof *e);
	while (i < half && j < n)
		e[k++] =
		    after(o, &spare[i], &e[j], depth) ? e[j++] : spare[i++];
	memcpy(e + k, spare + i, (half - i) * sizeof *e);
}

static inline size_t byte_of(uint64_t prefix, unsigned pass)
{
	return prefix >> 8 * pass & 255;
}

static void radix_sort(struct entry *e, struct entry *spare, size_t n)
{
	size_t count[8][256] = { { 0 } };
	struct entry *from = e, *to = spare, *t;

	for (size_t i = 0; i < n; i++)
		for (unsigned pass = 0; pass < 8; pass++)
			count[pass][byte_of(e[i].prefix, pass)]++;
	for (unsigned pass = 0; pass < 8; pass++) {
		size_t *at = count[pass], sum = 0;

		if (at[byte_of(e[0].prefix, pass)] == n)
			continue;
		for (unsigned b = 0; b < 256; b++) {
			size_t c = at[b];

			at[b] = sum;
			sum += c;
		}
		for (size_t i = 0; i < n; i++)
			to[at[byte_of(from[i].prefix, pass)]++] = from[i];
		t = from;
		from = to;
		to = t;
	}
	if (from != e)
		memcpy(e, from, n * sizeof *e);
}

static void sort_at(const struct order *o, struct entry *e, struct entry *spare,
		    size_t n, size_t depth, unsigned level);

/* e agree up to depth; their prefixes stay as they are. */
static void sort_alike(const struct order *o, struct entry *e,
		       struct entry *spare, size_t n, size_t depth,
		       unsigned level)
{
	uint64_t prefix = e[0].prefix, mask = o->reverse ? UINT64_MAX : 0;
	size_t shortest = SIZE_MAX, longest = 0;

	for (size_t i = 0; i < n; i++) {
		shortest = MIN(shortest, entry_len(e[i].key));
		longest = MAX(longest, entry_len(e[i].key));
	}
	if (longest <= depth && shortest == longest)
		return;
	if (longest <= depth || n < RADIX_MIN || level == MAX_LEVEL) {
		merge_sort(o, e, spare, n, depth - sizeof prefix);
		return;
	}
	for (size_t i = 0; i < n; i++) {
		struct str key = key_of(o, &e[i]);

		e[i].prefix = key_window(key.s, key.n, depth) ^ mask;
	}
	sort_at(o, e, spare, n, depth, level);
	for (size_t i = 0; i < n; i++)
		e[i].prefix = prefix;
}

static void sort_at(const struct order *o, struct entry *e, struct entry *spare,
		    size_t n, size_t depth, unsigned level)
{
	if (n < RADIX_MIN) {
		merge_sort(o, e, spare, n, depth);
		return;
	}
	radix_sort(e, spare, n);
	for (size_t i = 0, next; i < n; i = next) {
		for (next = i + 1; next < n; next++)
			if (e[next].prefix != e[i].prefix)
				break;
		if (next - i > 1)
			sort_alike(o, e + i, spare, next - i,
				   depth + sizeof e->prefix, level + 1);
	}
}

void order_entries(struct entry *e, struct entry *spare, size_t n,
		   const char *mem, bool reverse)
{
	struct order o = { mem, reverse };

	sort_at(&o, e, spare, n, 0, 0);
}
