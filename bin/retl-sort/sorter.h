/* SPDX-License-Identifier: MIT */
/*
 * The sort itself. --memory is for two blocks: while one is filled with records
 * the other is sorted and, once it is clear that not all fits, written as a run
 * beside it. What is in memory when the input ends is merged from there.
 *
 * Which records stand in which block depends on their lengths alone, and blocks
 * are merged in their order, so neither threads nor the pace of the input can
 * be seen in the output.
 */
#ifndef RETL_SORT_SORTER_H
#define RETL_SORT_SORTER_H

#include "bin/retl-sort/sort.h"

struct outlet;

/*
 * Sorts all files of cfg to out. *sealed: each of them was. Returns how many
 * records --unique left out.
 */
uint64_t sort_files(struct config *cfg, struct outlet *to, bool *sealed);

#endif
