/* SPDX-License-Identifier: MIT */
/*
 * Regular expressions as JSON Schema means them (ECMAScript's syntax, by code
 * points), over PCRE2 in UTF mode. POSIX expressions would not do: they know
 * neither \d nor lazy quantifiers, and in the C locale they count bytes.
 * One struct belongs to one thread.
 */
#ifndef RETL_PATTERN_H
#define RETL_PATTERN_H

#include "common/buf.h"

struct pattern;

/* NULL: not a regular expression; err says why and where. */
struct pattern *pattern_new(struct str text, struct buf *err);
void pattern_free(struct pattern *p);

/*
 * Does it match somewhere in the text, which must be valid UTF-8? A match that
 * would cost too much counts as none.
 */
bool pattern_match(const struct pattern *p, struct str text);

/* The same, and what the first group caught; false if it caught nothing. */
bool pattern_capture(const struct pattern *p, struct str text,
		     struct str *group);

#endif
