/* SPDX-License-Identifier: MIT */
/*
 * A map from texts to values: what a server remembers. Names live on the heap
 * and are found by hash; entries keep the order in which they came.
 */
#ifndef MOCK_IDS_H
#define MOCK_IDS_H

#include "common/buf.h"

struct id_entry {
	struct str id;
	struct str value; /* as last set, "" to begin with */
	uint64_t n;       /* free for the owner */
	bool gone;
};

struct ids {
	struct id_entry *v;
	size_t n, cap;
	uint32_t *table;
	size_t table_cap;
};

void ids_release(struct ids *t);

/* NULL: not there, or gone. */
struct id_entry *ids_find(const struct ids *t, struct str id);

/* True if it was not there (or gone) and is now. */
bool ids_add(struct ids *t, struct str id);

/* Adds it if need be; value is copied. The entry is valid until the next. */
struct id_entry *ids_set(struct ids *t, struct str id, struct str value);

/* False: there was none. */
bool ids_remove(struct ids *t, struct str id);

#endif
