/* SPDX-License-Identifier: MIT */
/*
 * Questions about a program's tree: does this expression give one value, what
 * does it read, which variables does it name. Where that cannot be told, the
 * answer is the careful one.
 */
#ifndef RETL_PROG_ASK_H
#define RETL_PROG_ASK_H

#include "common/prog_plan.h"

/* Room for one more element behind n: doubles at the powers of two. */
void *plan_room(struct planner *pl, void *v, size_t n, size_t size);

void names_add(struct planner *pl, struct names *names, struct str name);
void names_all(struct names *names);
void names_join(struct planner *pl, struct names *to, const struct names *from);

/* A string without parts to compute: its text. */
bool ask_text(const struct node *n, struct str *text);
/* .name of whatever the expression stands on. */
bool ask_member_of_dot(const struct node *n, struct str *name);
bool ask_builtin(struct planner *pl, const struct node *n, const char *name,
		 size_t args);
/* What to call it in "because of ...". */
struct str ask_kind_name(const struct node *n);

/* Definitions: those in force are pl->defs, the last one wins. */
struct scope {
	struct node **defs;
	size_t n;
};
struct node *ask_def(struct planner *pl, const struct node *call, size_t *at);
void ask_push_def(struct planner *pl, struct node *n);
/*
 * Goes to where a definition stands: in force is what stood before it. False:
 * it calls itself, or there has been enough of this.
 */
bool ask_enter_def(struct planner *pl, size_t at, struct scope *saved);
void ask_leave_def(struct planner *pl, size_t at, const struct scope *saved);

/* Variables: the place, or -1. bound: it is in force here. */
ssize_t ask_var(const struct planner *pl, struct str name);
ssize_t ask_bound(const struct planner *pl, struct str name);
/* Marks the variables that an expression names. */
void ask_vars(struct planner *pl, const struct node *n, bool *uses);

/* One value or an error, never none or more. */
bool ask_gives_one(struct planner *pl, const struct node *n);
/* Adds the members of its input that an expression may look at. */
void ask_reads(struct planner *pl, const struct node *n, struct names *names);

/*
 * Are all its variables, the first n_given ones of the planner among them, and
 * all its functions bound? False: that cannot be told here. prog_names.c
 */
bool ask_known(struct planner *pl, struct node *root, size_t n_given);

bool plan_is_native(const struct plan *p);
/* Does it put constants and variables around its input, and nothing else? */
bool plan_is_frame(const struct plan *p);

#endif
