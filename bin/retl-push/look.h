/* SPDX-License-Identifier: MIT */
/*
 * Looking at contracts instead of using them: --lint, --describe,
 * --list-contracts. Each prints to standard output and gives the exit status.
 */
#ifndef RETL_PUSH_LOOK_H
#define RETL_PUSH_LOOK_H

#include "common/str.h"

/*
 * lint.c: every fault of a contract, one a line with the line of the file and
 * the member's path. name is a path or a name.
 */
int look_lint(const char *name);

/* describe.c: fields, settings, operations, rules and limits as tables. */
int look_describe(const char *name);

/*
 * describe.c: name, day of checking and title of every contract that can be
 * found by name; markdown: as a table for README.
 */
int look_list(bool markdown);

/*
 * hints.c: what is odd about a step of a flow, though it is no fault; NULL:
 * nothing is. one: the operation sends records one by one.
 */
const char *look_hint(struct str steps, size_t at, struct str step, bool one);
/* One with a condition, or whose items may all be empty, may not. */
bool look_step_always_runs(struct str step);

#endif
