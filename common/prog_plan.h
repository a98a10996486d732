/* SPDX-License-Identifier: MIT */
/*
 * What a program is compiled to: a tree whose operations run on spans, with
 * pieces for libjq where the plain subset ends.
 */
#ifndef RETL_PROG_PLAN_H
#define RETL_PROG_PLAN_H

#include "common/json.h"
#include "common/prog.h"
#include "common/prog_ast.h"
#include "common/prog_jq.h"

enum plan_op {
	P_TOP,        /* the program's input */
	P_TOP_MEMBER, /* its member text */
	P_DOT,        /* the current value */
	P_CONST,      /* text, as JSON */
	P_VAR,        /* var */
	P_MEMBER,     /* a.text, opt */
	P_ELEMENT,    /* a[index], opt */
	P_LOOKUP,     /* a[b], opt */
	P_EACH,       /* a[], opt */
	P_STRING,     /* v joined: P_CONST strings stand for their text */
	P_ARRAY,      /* [a], a may be NULL */
	P_OBJECT,     /* entries */
	P_PIPE,       /* a | b */
	P_COMMA,      /* a, b */
	P_ALT,        /* a // b */
	P_COMPARE,    /* a cmp b */
	P_AND,
	P_OR,
	P_IF,       /* if a then b else c */
	P_ADD,      /* a + b */
	P_SUBTRACT, /* a - b */
	/* Without the members v: each a P_MEMBER of nothing, or computed. */
	P_DELETE,
	P_FILTER, /* with_entries(select(a)) */
	P_UPDATE, /* map_values(a) */
	P_ANY,    /* any(a; b) */
	P_ALL,    /* all(a; b) */
	P_SLICE,  /* [index:end] of the current value */
	P_SELECT, /* select(a) */
	P_EMPTY,
	P_ERROR, /* error(text) */
	P_CALL,  /* fn on the current value; b: its argument, if computed */
	P_BIND,  /* a as var | b */
	P_JQ,    /* piece */
};

enum plan_fn {
	FN_TOSTRING,
	FN_TOJSON,
	FN_TONUMBER,
	FN_FROMJSON,
	FN_DOWNCASE,
	FN_UPCASE,
	FN_LENGTH,
	FN_NOT,
	FN_TYPE,
	/* With a text, in plan.text. */
	FN_STARTSWITH,
	FN_ENDSWITH,
	FN_LTRIMSTR,
	FN_RTRIMSTR,
	FN_SPLIT,
	FN_JOIN,
	/* On arrays and objects: prog_list.c. */
	FN_ADD,
	FN_TO_ENTRIES,
	FN_FROM_ENTRIES,
	FN_KEYS,
	FN_KEYS_UNSORTED,
	FN_REVERSE,
	/* With any value, in plan.b. */
	FN_HAS,
	FN_INDEX,
	FN_CONTAINS,
};

enum plan_cmp { CMP_EQ, CMP_NE, CMP_LT, CMP_LE, CMP_GT, CMP_GE };

/* Texts up to here are copied as one block. */
#define PLAN_SHORT ((size_t)32)

struct plan_entry {
	struct str name; /* unescaped; .s NULL: computed by key */
	/* "\"name\":", PLAN_SHORT bytes of which may be read in any case */
	struct str prefix;
	struct plan *key, *val;
	unsigned line;
};

/* Names of the input's members; n is SIZE_MAX where it may be any. */
struct names {
	struct str *v;
	size_t n, cap;
};

struct plan {
	enum plan_op op;
	bool one; /* gives one value or an error, never none or more */
	bool opt;
	bool top;     /* it runs on the program's input */
	bool final;   /* P_OBJECT: what it makes is the result, or added to . */
	bool dynamic; /* P_OBJECT: names are known only as it runs */
	enum plan_fn fn;
	enum plan_cmp cmp;
	unsigned line;
	struct str text;
	struct json_slot slot;
	struct plan *a, *b, *c;
	struct plan **v;
	size_t n;
	struct plan_entry *entries;
	int64_t index, end;
	size_t var, piece;
	/* P_JQ */
	struct node *node;
	struct str defs, why;
	struct names reads;
	bool *uses;
};

struct plan_var {
	const char *name;
	bool in_force;
};

struct planner {
	struct arena *mem;
	/* Variables: those of the caller, then those that the program binds. */
	struct plan_var *vars;
	size_t n_vars, cap_vars;
	/* What made the last expression one for libjq: "gsub", "reduce". */
	struct str why;
	/* Definitions in force, outermost first. */
	struct node **defs;
	size_t n_defs, cap_defs;
	unsigned calls_left; /* definitions may call each other without end */
	/* Line of a number in a piece that libjq would change, or 0. */
	unsigned inexact;
	/* Every piece of the finished plan. */
	struct plan **pieces;
	size_t n_pieces, cap_pieces;
	struct str *own_errors;
	size_t n_own_errors, cap_own_errors;
	struct buf scratch;
};

/* Never NULL: where nothing is plain, the plan is one piece. */
struct plan *plan_make(struct planner *pl, struct node *root);

/* The whole program as one piece, for what could not even be parsed. */
struct plan *plan_whole(struct planner *pl, struct str text);

/* What it makes of a record, for --explain and for diff_changed. */
void plan_shape(struct planner *pl, const struct ast *ast,
		const struct plan *root, struct prog_shape *shape);

/*
 * NULL, or what the program calls that has no meaning here: "input", "$ENV".
 * env becomes $ENV where that is bound.
 */
const char *plan_forbidden(struct planner *pl, struct node *root,
			   unsigned *line);

#endif
