/* SPDX-License-Identifier: MIT */
/*
 * JSON Schema 2020-12, of it the keywords that describe one record, on spans.
 * A keyword that is not supported is an error when the schema is loaded, never
 * ignored. Contract files are checked with the same code as records.
 */
#ifndef RETL_SCHEMA_H
#define RETL_SCHEMA_H

#include "common/faults.h"
#include "common/json.h"

struct schema;

/*
 * own: names of keywords that the caller interprets (normalize, hash, ...),
 * NULL-terminated, allowed anywhere and without effect here. text must be
 * valid JSON and outlive the schema.
 */
struct schema *schema_new(struct str text, const char *const *own,
			  struct buf *err);

/*
 * The text of a setting, which lives until schema_new_with returns; or -1 with
 * a message in err.
 */
typedef int schema_setting_fn(void *arg, struct str name, struct str *text,
			      struct buf *err);

/* The same; maxAge and maxAhead may be settings in braces. */
struct schema *schema_new_with(struct str text, const char *const *own,
			       schema_setting_fn *setting, void *arg,
			       struct buf *err);
void schema_free(struct schema *s);

/*
 * Adds a fault for everything in value that breaks the schema; field is the
 * member's path ("email", "items/0/price"), reason in plain words and without
 * values. Returns 0 if there was none, else -1.
 */
int schema_check(const struct schema *s, struct str value, struct faults *f);

#endif
