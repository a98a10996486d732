/* SPDX-License-Identifier: MIT */
/*
 * What the files normal*.c share and nobody else sees. Each family of steps has
 * a file with a table at its end; normal.c runs them.
 */
#ifndef RETL_NORMAL_PRIVATE_H
#define RETL_NORMAL_PRIVATE_H

#include "common/normal.h"
#include "common/phone.h"

struct step {
	const struct step_def *def;
	struct str arg; /* .s NULL: none, or it is a member's */
	struct str
	    pointer; /* to the member that gives it; .s NULL: none does */
	uint64_t n;  /* arg as a number, where the step wants one */
};

struct normal {
	struct step *steps;
	size_t n, cap;
	struct buf args; /* their unescaped texts */
	struct buf unescaped;
	struct buf out[2]; /* by turns: one is read while the other is filled */
	int turn;
	int32_t *points; /* for NFC */
	size_t cap_points;
	const char *why;     /* of a step that failed */
	struct str root;     /* the record, for arguments that are members */
	struct buf arg;      /* such an argument's text */
	struct phone *phone; /* NULL until a number is looked at */
};

typedef int step_fn(struct normal *n, const struct step *s,
		    struct normal_value *v);

enum step_arg {
	ARG_NONE,
	ARG_TEXT,
	ARG_NUMBER,
	ARG_COUNTRY, /* may be left out */
	ARG_DATE,    /* a form of dates */
};

struct step_def {
	const char *name;
	enum step_arg arg;
	bool any_type; /* false: leaves what is no text alone */
	step_fn *run;
};

/* Each ends with a row without a name. */
extern const struct step_def normal_text_steps[], normal_field_steps[],
    normal_type_steps[];

/* ---- normal_types.c ---- */

/* Made of YYYY, MM, DD, hh, mm, ss, and no letter that looks like another. */
bool normal_is_date_form(struct str form);

/* ---- normal_points.c: code points ---- */

/* Takes one off a text of valid UTF-8 that is not empty. */
int32_t normal_point(struct str *rest);
void normal_put_point(struct buf *b, int32_t c);
bool normal_is_ascii(struct str t);
bool normal_is_white(int32_t c);
bool normal_is_letter(int32_t c); /* and accents that stand on their own */
bool normal_is_punct(int32_t c);  /* and the symbols of ASCII */
bool normal_is_digit(int32_t c);  /* 0 to 9 */
/* A digit, but of a script that nobody here can read. */
bool normal_is_foreign_digit(int32_t c);

/* ---- normal.c: results ---- */

/* A buffer to build one in. */
struct buf *normal_fresh(struct normal *n);
/*
 * What was built, or, where that is the same, what it was built from: then the
 * buffer is as if it had not been asked for, since a value must never stand in
 * the one that comes next.
 */
struct str normal_built(struct normal *n, const struct buf *b, struct str from);
/* The step's result is this text; gives 0. */
int normal_give(struct normal_value *v, struct str text);
/* The step failed; gives -1. */
int normal_broken(struct normal *n, const char *why);
/*
 * The step's argument for the record at hand; .s NULL if it has none, or the
 * member that gives it has no value.
 */
struct str normal_arg(struct normal *n, const struct step *s);
/* The same as a country's two letters in lower case, or NULL. */
const char *normal_arg_country(struct normal *n, const struct step *s);

/* ---- normal_text.c ---- */

struct str normal_change_case(struct normal *n, struct str t, bool lower);

#endif
