/* SPDX-License-Identifier: MIT */
/*
 * The jq programs of a contract. Which variables a program may name depends on
 * where it stands, so that a wrong name is found when the contract is read.
 */
#ifndef RETL_PUSH_PROGRAM_H
#define RETL_PUSH_PROGRAM_H

#include "common/contract.h"
#include "common/prog.h"

/* Every variable there is; a place knows some of them. */
enum var {
	VAR_SETTINGS,
	VAR_SAVED,
	VAR_RUN,
	VAR_NOW,
	VAR_RECORD,
	VAR_REF,
	VAR_CHANGE,
	VAR_CHANGED,
	VAR_DERIVED,
	VAR_VARS,
	VAR_GROUP,
	VAR_RESPONSE,
	VAR_BATCH,
	N_VARS,
};

enum place {
	PLACE_RECORD, /* item, match, by; vars and when for one record */
	PLACE_BATCH,  /* vars and when of a batch */
	PLACE_BODY,
	PLACE_ANSWER,
	PLACE_TOKEN, /* save of auth, on the answer with the token */
};

/* JSON values; .s NULL counts as null. */
struct scope {
	char ref[STR_U64_MAX + 3]; /* private: for VAR_REF */
	struct str v[N_VARS];
};

struct program {
	struct prog *prog; /* NULL: there is none */
	enum place place;
	bool uses[N_VARS]; /* may be true of a name that is only in a string */
	bool counts;       /* so is this, of $run.batch and $run.last */
	bool marks;        /* and this, of $run.last alone */
};

/* The text of a program as it stands in the contract; -1: err says why. */
int program_source(const struct contract *c, struct str value, struct buf *out,
		   struct buf *err);

/*
 * value is the program as it stands in the contract: a string, a list of
 * lines, or "@file". where names it in messages.
 */
int program_new(struct program *p, const struct contract *c, struct str value,
		enum place place, const char *where, struct buf *err);
void program_release(struct program *p);
/* How long a run of those that are made from now on may take. */
void program_limit(unsigned ms);

/*
 * Appends the outputs, each followed by LF; returns how many. -1: err says
 * why, *code (may be NULL) is a word for it.
 */
int program_run(struct program *p, struct str input, const struct scope *scope,
		struct buf *out, const char **code, struct buf *err);

/*
 * Runs it for its first output, which is appended without LF; 1, 0 (there was
 * none), -1.
 */
int program_value(struct program *p, struct str input,
		  const struct scope *scope, struct buf *out, const char **code,
		  struct buf *err);

/* A program makes no more than that. */
#define PROGRAM_MOST ((size_t)256 << 20)

/*
 * Of a program that only puts something around its input (prog_is_frame): what
 * stands before it, and behind; both lie in out. False: it has to be run.
 */
bool program_frame(struct program *p, const struct scope *scope,
		   struct buf *out, struct str *before, struct str *behind);

#endif
