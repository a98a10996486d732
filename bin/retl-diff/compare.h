/* SPDX-License-Identifier: MIT */
/*
 * Which members of a row count when it is compared (--fields, --ignore), and
 * the comparison. Reserved members never count; a row of a state has none.
 */
#ifndef RETL_DIFF_COMPARE_H
#define RETL_DIFF_COMPARE_H

#include "common/record.h"

struct compare {
	enum { COMPARE_ALL, COMPARE_FIELDS, COMPARE_IGNORE } mode;
	char *text; /* the names as given, with commas between; NULL for all */
	struct str *names;
	size_t n;
};

/* "a,b"; -1: a name is empty, reserved or there twice. */
int compare_parse(struct compare *c, const char *text, struct buf *err);
void compare_release(struct compare *c);
/* The same mode and the same names, in whatever order? */
bool compare_same(const struct compare *a, const struct compare *b);

bool compare_rows(const struct compare *c, const struct record *a,
		  const struct record *b);

/* "[\"plan\",\"name\"]": the compared members in which two rows differ. */
void compare_put_changed(struct buf *out, const struct compare *c,
			 const struct record *old, const struct record *now);

/*
 * 32 hex digits over the compared members, the same for rows that compare
 * equal.
 */
void compare_put_digest(struct buf *out, const struct compare *c,
			const struct record *r);

#endif
