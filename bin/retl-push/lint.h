/* SPDX-License-Identifier: MIT */
/* What the files lint*.c share: where in the contract we are, what was found.
 */
#ifndef RETL_PUSH_LINT_H
#define RETL_PUSH_LINT_H

#include "common/contract.h"
#include "common/faults.h"
#include "common/prog.h"

struct lint_names {
	struct str *v; /* our own */
	size_t n, cap;
};

struct lint {
	struct contract c; /* of which programs need the path alone */
	struct str root;
	struct str settings; /* object; .s NULL: none */
	struct buf path;     /* where we are */
	struct faults faults, hints;
	struct lint_names used;  /* settings */
	struct lint_names saved; /* by earlier steps, and by the one at hand */
	struct str operation;    /* at hand; .s NULL: none */
	struct str step;         /* the same */
	bool one;                /* the operation sends records one by one */
	bool each;               /* the step does */
	bool loose;              /* steps that no record goes through */
	bool after;              /* an earlier step has committed */
	bool says;               /* one of the steps says that it commits */
	bool in_flow;            /* $saved means something */
};

/* About what stands at path. */
void lint_fault(struct lint *l, const char *fmt, ...) PRINTF_LIKE(2, 3);

bool lint_has_name(const struct lint_names *l, struct str name);
/* A copy, if it is not there. */
void lint_add_name(struct lint_names *l, struct str name);
void lint_release_names(struct lint_names *l);

/* The setting's object; .s NULL: there is no such setting. */
struct str lint_setting(const struct lint *l, struct str name);
bool lint_is_secret(const struct lint *l, struct str name);
/* The text at hand, a program or a template, names it. */
void lint_use_setting(struct lint *l, struct str name, bool in_program);

/* ---- lint_parts.c: what the parts of the contract say about each other ----
 */

/* Its texts have been looked at, so that it is known what they use. */
void lint_parts(struct lint *l);
/* Adds the operations that this setting may choose; false: it may be any. */
bool lint_add_choices(const struct lint *l, struct str name,
		      struct lint_names *to);

/* ---- lint_names.c: variables that there are not, or not here ---- */

/* "record.x" of a template of the step at hand, or of the contract's headers.
 */
void lint_variable(struct lint *l, struct str name);
/* A program of the step at hand: $vars.x, $derived.x, $group. */
void lint_program_names(struct lint *l, struct str text);
/* A program about a record: the members that it looks for. */
void lint_members_read(struct lint *l, const struct prog_shape *s);
/* What the record must have and may not. */
void lint_required(struct lint *l);
/* A limit's "by", if it is a template: few variables are known there. */
void lint_limit_by(struct lint *l, struct str by);

/* ---- lint_steps.c: members that say nothing, or what cannot be ---- */

void lint_step(struct lint *l, struct str step);
/* Rules of the contract, an operation or a step, in object. */
void lint_rules(struct lint *l, struct str object, bool of_table);
void lint_headers(struct lint *l, struct str headers);
void lint_operation(struct lint *l, struct str operation);

/* ---- lint_hints.c: no fault, and most likely not meant ---- */

/* Of a step of a flow; NULL: there is nothing odd about it. */
const char *lint_hint(const struct lint *l, struct str steps, size_t at,
		      struct str step);
/* One with a condition, or whose items may all be empty, may not. */
bool lint_always_runs(struct str step);

/* ---- lint_load.c: what reading the contract for use finds ---- */

/* What the other stages demand of record and key. */
void lint_record(struct lint *l, const char *name);
/* What a push demands; asked where nothing else was found. */
void lint_delivery(struct lint *l, const char *name);

#endif
