/* SPDX-License-Identifier: MIT */
#include "bin/retl-diff/arrived.h"

#include "common/mem.h"
#include "common/msg.h"

/*
 * Within 5 MiB. What does not find room any more stays in doubt; the next run
 * sees that the values are acknowledged and settles them.
 */
#define SLOTS ((size_t)1 << 18)
#define MOST (SLOTS / 2)

enum { EMPTY, WANTED, ARRIVED };

struct arrived {
	size_t n;
	uint8_t digest[SLOTS][IDENT_SIZE];
	uint8_t is[SLOTS];
};

static size_t slot(const struct arrived *a, const uint8_t *digest)
{
	size_t i;

	memcpy(&i, digest, sizeof i);
	for (i %= SLOTS; a->is[i] != EMPTY; i = (i + 1) % SLOTS)
		if (memcmp(a->digest[i], digest, IDENT_SIZE) == 0)
			break;
	return i;
}

bool arrived_has(const struct arrived *a, const uint8_t *digest)
{
	return a->is[slot(a, digest)] == ARRIVED;
}

static void want(struct arrived *a, const uint8_t *digest)
{
	size_t at = slot(a, digest);

	if (a->is[at] != EMPTY || a->n == MOST)
		return;
	a->n++;
	a->is[at] = WANTED;
	memcpy(a->digest[at], digest, IDENT_SIZE);
}

static struct arrived *collect(struct state *st, const struct run_file *file)
{
	struct arrived *a = NULL;
	struct ident_values values = { .n = 0 };
	struct record kept = RECORD_INIT;
	struct rows r;

	run_open_section(file, RUN_REMOVALS, st, &r);
	for (; r.have; rows_next(&r)) {
		struct json_fault fault;
		struct str text;

		rows_parse(&r);
		if (!r.rec.diff_outcome.s)
			continue;
		text = json_get(r.rec.diff_outcome, "kept");
		if (!text.s || record_parse(&kept, text, &fault) < 0)
			continue;
		if (!a)
			a = xcalloc(1, sizeof *a);
		identity_values(&st->identity, &kept, &values);
		for (size_t i = 0; i < values.n; i++)
			want(a, values.v[i].digest);
	}
	rows_close(&r);
	record_release(&kept);
	free(values.v);
	return a;
}

static void mark(struct arrived *a, struct state *st,
		 const struct run_file *file, const struct journal *j,
		 enum run_section s, uint64_t first)
{
	struct ident_values values = { .n = 0 };
	struct rows r;

	run_open_section(file, s, st, &r);
	for (uint64_t n = first; r.have; rows_next(&r), n++) {
		enum fate fate = journal_now(j, n);

		if (fate != FATE_DELIVERED && fate != FATE_SKIPPED)
			continue;
		rows_parse(&r);
		identity_values(&st->identity, &r.rec, &values);
		for (size_t i = 0; i < values.n; i++) {
			size_t at = slot(a, values.v[i].digest);

			if (a->is[at] == WANTED)
				a->is[at] = ARRIVED;
		}
	}
	rows_close(&r);
	free(values.v);
}

struct arrived *arrived_new(struct state *st, const struct run_file *file,
			    const struct journal *j)
{
	struct arrived *a = collect(st, file);

	if (!a)
		return NULL;
	mark(a, st, file, j, RUN_CHANGES, 1);
	mark(a, st, file, j, RUN_REPLACING,
	     file->sections.count[RUN_CHANGES] +
		 file->sections.count[RUN_REMOVALS] + 1);
	return a;
}

void arrived_free(struct arrived *a)
{
	free(a);
}
