/* SPDX-License-Identifier: MIT */
/*
 * Records that share a value of the contract's key go one after the other, in
 * the order in which they were read. Each value is a line of records; the
 * first of a line is the one under way (or in an open batch).
 */
#include "bin/retl-push/push.h"

#include "common/mem.h"
#include "common/msg.h"

/* So much more than records: who shares a bucket is far away in memory. */
#define SPARE 4

void order_init(struct order *o)
{
	o->n_buckets = 4096;
	o->n = 0;
	o->buckets = xcalloc(o->n_buckets, sizeof *o->buckets);
}

void order_release(struct order *o)
{
	free(o->buckets);
	o->buckets = NULL;
}

/*
 * Two values that had the same digest would only wait for each other: it needs
 * to be fast and spread well, no more.
 */
static void mix(uint64_t *a, uint64_t *b, uint64_t word)
{
	*a = (*a ^ word) * 0x9fb21c651e98df25u;
	*a ^= *a >> 32;
	*b = (*b + word) * 0x5851f42d4c957f2du;
	*b ^= *b >> 29;
}

/*
 * Up to seven bytes, each at least once. Put together in memory they would be
 * waited for.
 */
static uint64_t last_bytes(struct str text)
{
	uint32_t begin, end;

	if (text.n >= sizeof end) {
		memcpy(&begin, text.s, sizeof begin);
		memcpy(&end, text.s + text.n - sizeof end, sizeof end);
		return (uint64_t)begin << 32 | end;
	}
	if (!text.n)
		return 0;
	return (uint64_t)(uint8_t)text.s[0] << 16 |
	       (uint64_t)(uint8_t)text.s[text.n / 2] << 8 |
	       (uint8_t)text.s[text.n - 1];
}

void order_digest(struct str text, uint64_t seed, uint8_t *out)
{
	uint64_t a = 0x9e3779b97f4a7c15u ^ text.n;
	uint64_t b = 0xc2b2ae3d27d4eb4fu ^ seed;
	uint64_t word;

	for (; text.n >= sizeof word; text.n -= sizeof word) {
		memcpy(&word, text.s, sizeof word);
		mix(&a, &b, word);
		text.s += sizeof word;
	}
	mix(&a, &b, last_bytes(text));
	a *= 0xd6e8feb86659fd93u;
	a ^= a >> 32;
	memcpy(out, &a, sizeof a);
	memcpy(out + sizeof a, &b, sizeof b);
}

static size_t place_of(const struct order *o, const struct key_node *k)
{
	size_t h;

	memcpy(&h, k->digest, sizeof h);
	return h & (o->n_buckets - 1);
}

void order_fetch(const struct order *o, const struct rec *r)
{
	for (size_t i = 0; i < r->n_keys; i++)
		__builtin_prefetch(&o->buckets[place_of(o, &r->keys[i])], 1);
}

static struct key_node **find(struct order *o, const struct key_node *k)
{
	struct key_node **at = &o->buckets[place_of(o, k)];

	while (*at && memcmp((*at)->digest, k->digest, sizeof k->digest) != 0)
		at = &(*at)->neighbor;
	return at;
}

static void grow(struct order *o)
{
	size_t old = o->n_buckets;
	struct key_node **was = o->buckets;

	if (o->n * SPARE < old)
		return;
	o->n_buckets = old * 2;
	o->buckets = xcalloc(o->n_buckets, sizeof *o->buckets);
	for (size_t i = 0; i < old; i++)
		while (was[i]) {
			struct key_node *k = was[i];
			size_t h = place_of(o, k);

			was[i] = k->neighbor;
			k->neighbor = o->buckets[h];
			o->buckets[h] = k;
		}
	free(was);
}

void order_enter(struct order *o, struct rec *r)
{
	r->n_blocked = 0;
	for (size_t i = 0; i < r->n_keys; i++) {
		struct key_node *k = &r->keys[i], **at;

		k->rec = r;
		k->behind = k->neighbor = NULL;
		grow(o);
		at = find(o, k);
		if (!*at) {
			*at = k;
			o->n++;
			continue;
		}
		/* Lines are short: a hot key's records are few at a time. */
		for (k = *at; k->behind; k = k->behind)
			;
		k->behind = &r->keys[i];
		r->n_blocked++;
	}
}

void order_leave(struct order *o, struct rec *r, struct push *p,
		 void (*admit)(struct push *p, struct rec *r))
{
	for (size_t i = 0; i < r->n_keys; i++) {
		struct key_node *k = &r->keys[i], **at = find(o, k);
		struct key_node *heir = k->behind;

		if (*at != k)
			BUG("a record left out of its turn");
		if (!heir) {
			*at = k->neighbor;
			o->n--;
			continue;
		}
		heir->neighbor = k->neighbor;
		*at = heir;
		if (--heir->rec->n_blocked == 0)
			admit(p, heir->rec);
	}
	r->n_keys = 0;
}
