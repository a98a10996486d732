/* SPDX-License-Identifier: MIT */
/*
 * Values that removals left out because a living row was to get them: did it?
 * Where the run's own additions brought a value to the destination, it is
 * theirs, and no doubt remains under the removed key.
 */
#ifndef RETL_DIFF_ARRIVED_H
#define RETL_DIFF_ARRIVED_H

#include "bin/retl-diff/journal.h"

struct arrived;

/* NULL: no removal kept a value. */
struct arrived *arrived_new(struct state *st, const struct run_file *file,
			    const struct journal *j);
void arrived_free(struct arrived *a);
bool arrived_has(const struct arrived *a, const uint8_t *digest);

#endif
