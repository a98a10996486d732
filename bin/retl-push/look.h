/* SPDX-License-Identifier: MIT */
/*
 * Looking at contracts instead of using them: --lint, --describe,
 * --list-contracts. Each prints to standard output and gives the exit status.
 */
#ifndef RETL_PUSH_LOOK_H
#define RETL_PUSH_LOOK_H

#include <stdbool.h>

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

#endif
