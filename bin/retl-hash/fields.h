/* SPDX-License-Identifier: MIT */
/*
 * -f MEMBER=STEP,STEP,...: what to do without a contract. A member may stand in
 * objects and lists: user_data.em[] means each item of em in user_data. A name
 * with a dot, a bracket, an equals sign or a backslash in it is written with a
 * backslash before that.
 */
#ifndef RETL_HASH_FIELDS_H
#define RETL_HASH_FIELDS_H

#include "common/opt.h"
#include "common/record.h"

struct fields;

/* Ends the program (64) for what is no such list. NULL: it is empty. */
struct fields *fields_new(const struct opt_list *list);
void fields_free(struct fields *f);

/* Appends a schema as contract_of_record takes it. */
void fields_put_schema(const struct fields *f, struct buf *out);

/* Notes which of them the record has; worker processes note it together. */
void fields_note(struct fields *f, const struct record *r);
/* The -f of a member that no record had, or NULL. */
const char *fields_unseen(const struct fields *f);

#endif
