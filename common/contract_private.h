/* SPDX-License-Identifier: MIT */
/* What the files contract_*.c share and nobody else sees. */
#ifndef RETL_CONTRACT_PRIVATE_H
#define RETL_CONTRACT_PRIVATE_H

#include "common/contract.h"

/* ---- contract.c ---- */

/* A copy that lives as long as the contract; NUL-terminated. */
struct str contract_keep(struct contract *c, struct str text);
/* Is b what somebody may have meant by a? */
bool contract_near(struct str a, struct str b);

/* ---- contract_support.c: the language, and what of it is carried out ---- */

/* Checks shape, then support. name is the file's, for messages. */
int contract_check(struct str root, const char *path, struct buf *err);

/* ---- contract_settings.c ---- */

int contract_load_settings(struct contract *c, const struct contract_args *args,
			   int *status, struct buf *err);
/*
 * The setting's text, or an error that says how to give it one. text NULL: only
 * whether it has one; else a secret is an error, as names of members and
 * arguments of steps are shown.
 */
int contract_need_setting(struct contract *c, struct str name, struct str *text,
			  int *status, struct buf *err);
/* Fills in "{name}" as it stands, for names of members and operations. */
int contract_fill_in(struct contract *c, struct str text, struct str *out,
		     int *status, struct buf *err);
/* Sets c->to. */
void contract_set_to(struct contract *c);

/* ---- contract_derive.c ---- */

int contract_load_derived(struct contract *c, int *status, struct buf *err);
void contract_free_derived(struct contract *c);
/*
 * The i-th derived value's name and the members that it is made from; NULL:
 * from the whole record.
 */
const struct str *contract_derived_from(const struct contract *c, size_t i,
					struct str *name, size_t *n);

/* ---- contract_record.c ---- */

int contract_load_record(struct contract *c, struct str schema, bool ad_hoc,
			 int *status, struct buf *err);
void contract_free_record(struct contract *c);

#endif
