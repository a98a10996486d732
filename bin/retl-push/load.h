/* SPDX-License-Identifier: MIT */
/*
 * Reading a contract for delivery: what the files load*.c and operation.c
 * share. Each function answers -1 with an error that names the contract's file
 * and the member's place in it.
 */
#ifndef RETL_PUSH_LOAD_H
#define RETL_PUSH_LOAD_H

#include "bin/retl-push/operation.h"

/* What loading knows at every level: where it is, for messages. */
struct loader {
	struct delivery *d;
	struct buf where; /* "operations.upsert.steps.find" */
	bool counts; /* something so far asks for $run.batch or $run.last */
	struct buf *err;
};

/* ---- load.c: values, names with programs, headers, rules ---- */

int load_wrong(struct loader *l, const char *member, const char *what);
/* Goes one level down; returns what to cut the place back to. */
size_t load_enter(struct loader *l, struct str name);
void load_leave(struct loader *l, size_t mark);
/* Every member of object must be one of names, NULL-terminated. */
int load_members(struct loader *l, struct str object, const char *const *names);

/*
 * A number, or the name of a setting that has one; what is not there leaves
 * *out as it was.
 */
int load_real(struct loader *l, struct str object, const char *member,
	      double *out);
int load_count(struct loader *l, struct str object, const char *member,
	       uint64_t *out);
/* The same of what is nothing if it is 0. */
int load_some(struct loader *l, struct str object, const char *member,
	      uint64_t *out);
/* Seconds in the contract. */
int load_ms(struct loader *l, struct str object, const char *member,
	    int64_t *out);
int load_program(struct loader *l, struct str object, const char *member,
		 enum place place, struct program *p);
int load_template(struct loader *l, struct str value, const char *member,
		  enum tmpl_use use, struct tmpl *t);
/* A text without variables but settings. */
int load_text(struct loader *l, struct str value, const char *member,
	      struct buf *out);
/* Does it begin with https:// or the like? */
bool load_is_address(struct str url);
/* Is there one in front of the host of an http address? */
bool load_names_user(struct str url);
/* An address: one that begins with a slash stands behind the base URL. */
int load_url_template(struct loader *l, struct str text, struct tmpl *t);
int load_named(struct loader *l, struct str object, const char *member,
	       enum place place, struct named **v, size_t *n);
int load_headers(struct loader *l, struct str object, struct header **v,
		 size_t *n);
int load_rules(struct loader *l, struct str object, struct rules *rules);

void named_release(struct named *v, size_t n);
void headers_release(struct header *v, size_t n);
void rules_release(struct rules *r);

/* ---- load_auth.c ---- */

int load_auth(struct loader *l);

/* ---- load_step.c ---- */

/* The steps of an operation: a list of them, or the operation is one. */
int load_steps(struct loader *l, struct str v, struct operation *op);
/* A list of steps alone. */
int load_step_list(struct loader *l, struct str steps, struct operation *op);
int load_resend(struct loader *l, struct str v, struct step *s);
void step_release(struct step *s);

#endif
