/* SPDX-License-Identifier: MIT */
/*
 * A jq program as a tree: all of the language of jq 1.6, so that what the
 * plain subset does not cover can still be cut out at the right places and
 * asked which members it reads. Nodes and their texts live in one arena.
 */
#ifndef RETL_PROG_AST_H
#define RETL_PROG_AST_H

#include "common/buf.h"

/* Memory that is given back all at once; what was handed out stays in place. */
struct arena {
	struct arena_block *first, *now;
	size_t used; /* bytes handed out since the last reset */
};
void *arena_get(struct arena *a, size_t n);
struct str arena_copy(struct arena *a, struct str text);
void arena_reset(struct arena *a); /* keeps the memory */
void arena_release(struct arena *a);

enum node_kind {
	N_DOT,
	N_RECURSE, /* .. */
	N_CONST,   /* text: null, true, false, or a number as written */
	N_NUMBER,
	N_STRING, /* v: parts, N_TEXT or any; text: the format, "" if none */
	N_TEXT,   /* text, unescaped */
	N_FORMAT, /* text: "@base64" */
	N_INDEX,  /* a[b], opt */
	N_EACH,   /* a[], opt */
	N_SLICE,  /* a[b:c], opt */
	N_ARRAY,  /* [a], a may be NULL */
	N_OBJECT, /* v: name, value, name, value, ... */
	N_VAR,    /* text: the name */
	N_LOC,
	N_CALL, /* text(v[0]; v[1]; ...) */
	N_BREAK,
	N_PIPE,    /* a | b */
	N_COMMA,   /* a, b */
	N_ALT,     /* a // b */
	N_BINARY,  /* a op b, op in text */
	N_ASSIGN,  /* a op b, op in text */
	N_NEGATE,  /* - a */
	N_TRY,     /* try a catch b, b may be NULL; also a? */
	N_IF,      /* if a then b else c end */
	N_REDUCE,  /* reduce a as v... (b; c) */
	N_FOREACH, /* foreach a as v... (b; c; d), d in v as the last; opt: has
		      d */
	N_AS,      /* a as v... | b */
	N_DEF,     /* def text(v): a; b */
	N_LABEL,   /* label $text | a */
};

struct node {
	enum node_kind kind;
	unsigned line;
	bool opt;
	/* N_AS, N_REDUCE, N_FOREACH: the pattern is one variable, in text. */
	bool plain_pattern;
	struct str src; /* in the program's text */
	struct str text;
	struct node *a, *b, *c;
	struct node **v;
	size_t n;
};

struct ast {
	struct str imports; /* module, import and include directives */
	struct node *root;
};

/*
 * -1: not a program of jq 1.6, as far as this parser can tell; libjq has the
 * last word on it. text must outlive the tree.
 */
int ast_parse(struct ast *ast, struct str text, struct arena *mem);

#endif
