/* SPDX-License-Identifier: MIT */
/*
 * Normalisers: what a value goes through before it is compared, checked or
 * hashed. retl-contract(5) lists the steps; normal.c has them in one table.
 *
 * A step that finds nothing to do gives its input back, so that a value that
 * is already as it should be is recognised and keeps its bytes. Steps on text
 * leave other values alone.
 */
#ifndef RETL_NORMAL_H
#define RETL_NORMAL_H

#include "common/json.h"

struct normal;

struct normal_value {
	bool is_text;
	struct str s; /* unescaped text, or a JSON value that is no string */
};

/*
 * What "$name" as a step's argument stands for: 0 and *text, borrowed for as
 * long as the normaliser lives, or -1.
 */
typedef int normal_setting_fn(void *arg, struct str name, struct str *text,
			      struct buf *err);

/*
 * steps: a JSON array of strings, "name", "name=argument", "name=$setting" or
 * "name=/member", a JSON Pointer into the record. NULL: see err.
 */
struct normal *normal_new(struct str steps, normal_setting_fn *setting,
			  void *arg, struct buf *err);
void normal_free(struct normal *n);

struct normal_fault {
	const char *code;   /* the step's name */
	const char *reason; /* "not a country", without the value */
};

/*
 * Runs the steps on a JSON value. root is the record that it stands in, valid
 * JSON, or .s NULL: what a step's argument may be taken from. The result is
 * borrowed from value, root or n, until the next run. *changed: it is not the
 * value itself. -1: see f.
 */
int normal_run(struct normal *n, struct str value, struct str root,
	       struct normal_value *out, bool *changed, struct normal_fault *f);

/* How many steps; the JSON Pointer that is the i-th's argument, or .s NULL. */
size_t normal_count(const struct normal *n);
struct str normal_reads(const struct normal *n, size_t i);

/* May it ask libphonenumber? */
bool normal_is_costly(const struct normal *n);

/* "trim, lower", for people. */
void normal_put(struct buf *out, const struct normal *n);

/* Nothing but white space, of any script, or nothing at all. */
bool normal_is_blank(struct str text);
/* Without white space at both ends. */
struct str normal_trim(struct str text);

#endif
