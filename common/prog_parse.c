/* SPDX-License-Identifier: MIT */
/*
 * The grammar of jq 1.6, read by recursive descent and operator precedence.
 * Where jq is strict we are as strict (the value of an object's member is a
 * term, comparisons do not chain), since a program that runs natively is never
 * shown to libjq. Whatever this parser does not know fails, and goes there.
 */
#include "common/prog_ast.h"

#include "common/json.h"
#include "common/mem.h"

/* ---- memory ---- */

struct arena_block {
	struct arena_block *next;
	size_t size, used;
	char data[];
};

#define ARENA_BLOCK ((size_t)16 << 10)

void *arena_get(struct arena *a, size_t n)
{
	struct arena_block *b = a->now;
	void *p;

	n = (n + 15) & ~(size_t)15;
	while (b && b->size - b->used < n && b->next) {
		b = b->next;
		b->used = 0;
	}
	if (!b || b->size - b->used < n) {
		size_t size = MAX(n, ARENA_BLOCK);
		struct arena_block *more = xmalloc(sizeof *more + size);

		*more = (struct arena_block){ .size = size };
		if (b)
			b->next = more;
		else
			a->first = more;
		b = more;
	}
	a->now = b;
	p = b->data + b->used;
	b->used += n;
	a->used += n;
	return p;
}

struct str arena_copy(struct arena *a, struct str text)
{
	char *p = arena_get(a, text.n + 1);

	if (text.n)
		memcpy(p, text.s, text.n);
	p[text.n] = '\0';
	return (struct str){ p, text.n };
}

void arena_reset(struct arena *a)
{
	a->now = a->first;
	a->used = 0;
	if (a->now)
		a->now->used = 0;
}

void arena_release(struct arena *a)
{
	while (a->first) {
		struct arena_block *b = a->first;

		a->first = b->next;
		free(b);
	}
	a->now = NULL;
}

/* ---- tokens ---- */

enum token_kind {
	T_END,
	T_BAD,
	T_IDENT,
	T_KEYWORD,
	T_FIELD, /* .name */
	T_NUMBER,
	T_FORMAT, /* @name */
	T_QUOTE,  /* the opening one: the parser reads on by itself */
	T_OP,
};

/* Programs nested deeper than this go to libjq, which has a limit too. */
#define MAX_NESTING 200

/*
 * A long chain (a + b + c, .a.b.c) is a deep tree as well. Short chains are
 * free; of long ones a program has so many links.
 */
#define FREE_LINKS 8
#define MAX_LINKS 2000

struct parser {
	const char *start, *end;
	const char *p; /* behind the current token */
	enum token_kind kind;
	struct str tok;
	const char *last;    /* the end of the token before the current one */
	const char *line_at; /* in this line */
	unsigned line, depth, links;
	struct arena *mem;
	struct buf scratch;
};

static bool is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static const char *word_end(const struct parser *ps, const char *p)
{
	while (p < ps->end && (is_word(*p) || is_digit(*p)))
		p++;
	return p;
}

/* a::b::c is one name. */
static const char *ident_end(const struct parser *ps, const char *p)
{
	for (;;) {
		p = word_end(ps, p);
		if (ps->end - p < 3 || p[0] != ':' || p[1] != ':' ||
		    !is_word(p[2]))
			return p;
		p += 2;
	}
}

static const char *number_end(const struct parser *ps, const char *p)
{
	const char *e;

	while (p < ps->end && is_digit(*p))
		p++;
	if (p < ps->end && *p == '.')
		for (p++; p < ps->end && is_digit(*p);)
			p++;
	if (p == ps->end || (*p != 'e' && *p != 'E'))
		return p;
	e = p + 1;
	if (e < ps->end && (*e == '+' || *e == '-'))
		e++;
	if (e == ps->end || !is_digit(*e))
		return p;
	while (e < ps->end && is_digit(*e))
		e++;
	return e;
}

static bool is_keyword(struct str t)
{
	static const char *const words[] = {
		"as",    "import", "include", "module",  "def",
		"if",    "then",   "else",    "elif",    "and",
		"or",    "end",    "reduce",  "foreach", "try",
		"catch", "label",  "break",   "__loc__",
	};

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (str_is(t, words[i]))
			return true;
	return false;
}

/* Longest first. */
static size_t op_length(struct str rest)
{
	static const char *const ops[] = {
		"?//", "//=", "!=", "==", "|=", "+=", "-=",
		"*=",  "/=",  "%=", "//", "<=", ">=", "..",
	};

	for (size_t i = 0; i < ARRAY_LEN(ops); i++)
		if (str_starts(rest, ops[i]))
			return strlen(ops[i]);
	return strchr(".?=;,:|+-*/%$<>[](){}", rest.s[0]) ? 1 : 0;
}

static const char *skip_blank(const struct parser *ps, const char *p)
{
	for (;;) {
		while (p < ps->end &&
		       (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r'))
			p++;
		if (p == ps->end || *p != '#')
			return p;
		while (p < ps->end && *p != '\n')
			p++;
	}
}

static void next(struct parser *ps)
{
	const char *p = skip_blank(ps, ps->p), *e;

	ps->last = ps->p;
	if (p == ps->end) {
		ps->kind = T_END;
		e = p;
	} else if (is_word(*p)) {
		e = ident_end(ps, p);
		ps->kind = is_keyword((struct str){ p, (size_t)(e - p) })
			       ? T_KEYWORD
			       : T_IDENT;
	} else if (is_digit(*p) ||
		   (*p == '.' && p + 1 < ps->end && is_digit(p[1]))) {
		e = number_end(ps, p);
		ps->kind = T_NUMBER;
	} else if (*p == '.' && p + 1 < ps->end && is_word(p[1])) {
		e = word_end(ps, p + 1);
		ps->kind = T_FIELD;
	} else if (*p == '@' && p + 1 < ps->end &&
		   (is_word(p[1]) || is_digit(p[1]))) {
		e = word_end(ps, p + 1);
		ps->kind = T_FORMAT;
	} else if (*p == '"') {
		e = p + 1;
		ps->kind = T_QUOTE;
	} else if (*p) {
		e = p + op_length((struct str){ p, (size_t)(ps->end - p) });
		ps->kind = e > p ? T_OP : T_BAD;
	} else {
		e = p;
		ps->kind = T_BAD;
	}
	ps->tok = (struct str){ p, (size_t)(e - p) };
	ps->p = e;
}

static bool at_op(const struct parser *ps, const char *op)
{
	return ps->kind == T_OP && str_is(ps->tok, op);
}

static bool at_word(const struct parser *ps, const char *word)
{
	return ps->kind == T_KEYWORD && str_is(ps->tok, word);
}

static bool take_op(struct parser *ps, const char *op)
{
	if (!at_op(ps, op))
		return false;
	next(ps);
	return true;
}

static bool take_word(struct parser *ps, const char *word)
{
	if (!at_word(ps, word))
		return false;
	next(ps);
	return true;
}

/* ---- nodes ---- */

static unsigned line_of(struct parser *ps, const char *at)
{
	for (; ps->line_at < at; ps->line_at++)
		ps->line += *ps->line_at == '\n';
	for (; ps->line_at > at; ps->line_at--)
		ps->line -= ps->line_at[-1] == '\n';
	return ps->line;
}

/* A node from start to the end of the last token taken. */
static struct node *make(struct parser *ps, enum node_kind kind,
			 const char *start)
{
	struct node *n = arena_get(ps->mem, sizeof *n);

	*n = (struct node){ .kind = kind, .line = line_of(ps, start) };
	n->src = (struct str){ start, (size_t)(ps->last - start) };
	return n;
}

/* The same for what was parsed of it: NULL if a part is. */
static struct node *make2(struct parser *ps, enum node_kind kind,
			  const char *start, struct node *a, struct node *b)
{
	struct node *n;

	if (!a || !b)
		return NULL;
	n = make(ps, kind, start);
	n->a = a;
	n->b = b;
	return n;
}

static void add(struct parser *ps, struct node *n, struct node *part)
{
	/* Room doubles at the powers of two. */
	if (!(n->n & (n->n - 1))) {
		struct node **v =
		    arena_get(ps->mem, (n->n ? 2 * n->n : 1) * sizeof *v);

		if (n->n)
			memcpy(v, n->v, n->n * sizeof *v);
		n->v = v;
	}
	n->v[n->n++] = part;
}

static struct node *text_node(struct parser *ps, const char *start,
			      struct str text)
{
	struct node *n = make(ps, N_TEXT, start);

	n->text = text;
	return n;
}

static struct node *dot_at(struct parser *ps, const char *start)
{
	struct node *n = make(ps, N_DOT, start);

	n->src = (struct str){ start, 0 };
	return n;
}

/* Another link in a chain of n: is that too much? */
static bool too_long(struct parser *ps, unsigned n)
{
	return n > FREE_LINKS && ++ps->links > MAX_LINKS;
}

/* ---- the grammar ---- */

enum {
	P_PIPE = 1,
	P_COMMA,
	P_ALT,
	P_ASSIGN,
	P_OR,
	P_AND,
	P_COMPARE,
	P_ADD,
	P_MULTIPLY,
};

static struct node *parse_exp(struct parser *ps, int min);
static struct node *parse_operand(struct parser *ps);
static struct node *parse_term(struct parser *ps);

/*
 * A run of plain text and escapes inside a string, to the next quote or "\(".
 * jq reads the escapes as JSON does.
 */
static int string_run(struct parser *ps, struct node *string)
{
	struct buf quoted = BUF_INIT;
	struct json_fault f;
	const char *p = ps->p;
	int ret = -1;

	buf_addc(&quoted, '"');
	while (p < ps->end && *p != '"') {
		if (*p != '\\') {
			json_put_escaped(&quoted, (struct str){ p, 1 });
			p++;
			continue;
		}
		if (ps->end - p < 2)
			goto out;
		if (p[1] == '(')
			break;
		buf_add(&quoted, p, 2);
		p += 2;
	}
	buf_addc(&quoted, '"');
	if (p == ps->end || json_check(buf_str(&quoted), NULL, &f) < 0)
		goto out;
	if (quoted.len > 2) {
		struct str text;

		text = arena_copy(ps->mem,
				  json_text(buf_str(&quoted), &ps->scratch));
		add(ps, string, text_node(ps, ps->p, text));
	}
	ps->p = p;
	ret = 0;
out:
	buf_release(&quoted);
	return ret;
}

/* The current token is the opening quote, or a format before it. */
static struct node *parse_string(struct parser *ps)
{
	const char *start = ps->tok.s;
	struct node *n = make(ps, N_STRING, start), *part;

	n->text = STR("");
	if (ps->kind == T_FORMAT) {
		n->text = ps->tok;
		next(ps);
	}
	if (ps->kind != T_QUOTE)
		return NULL;
	for (;;) {
		if (string_run(ps, n) < 0)
			return NULL;
		if (*ps->p == '"')
			break;
		ps->p += 2;
		next(ps);
		part = parse_exp(ps, P_PIPE);
		/* The parser must not look beyond the parenthesis. */
		if (!part || !at_op(ps, ")"))
			return NULL;
		add(ps, n, part);
	}
	ps->p++;
	next(ps);
	n->src.n = (size_t)(ps->last - start);
	return n;
}

/* .name, ."name", [...] behind a term. NULL with *none: there is no more. */
static struct node *parse_suffix(struct parser *ps, struct node *base,
				 const char *start, bool *none)
{
	struct node *n, *key = NULL, *to = NULL;
	const char *at = ps->tok.s;
	enum node_kind kind = N_INDEX;

	*none = false;
	if (ps->kind == T_FIELD) {
		struct str name = { ps->tok.s + 1, ps->tok.n - 1 };

		next(ps);
		key = make(ps, N_STRING, at);
		key->text = STR("");
		add(ps, key, text_node(ps, at, name));
	} else if (at_op(ps, ".")) {
		next(ps);
		if (ps->kind != T_QUOTE && ps->kind != T_FORMAT)
			return NULL;
		key = parse_string(ps);
		if (!key)
			return NULL;
	} else if (take_op(ps, "[")) {
		if (at_op(ps, "]")) {
			kind = N_EACH;
		} else {
			if (!at_op(ps, ":") && !(key = parse_exp(ps, P_PIPE)))
				return NULL;
			if (take_op(ps, ":")) {
				kind = N_SLICE;
				if (!at_op(ps, "]") &&
				    !(to = parse_exp(ps, P_PIPE)))
					return NULL;
				if (!key && !to)
					return NULL;
			}
		}
		if (!take_op(ps, "]"))
			return NULL;
	} else {
		*none = true;
		return NULL;
	}
	n = make(ps, kind, start);
	n->a = base;
	n->b = key;
	n->c = to;
	if (at_op(ps, "?")) {
		next(ps);
		n->opt = true;
		n->src.n = (size_t)(ps->last - start);
	}
	return n;
}

/* The value of an object's member: terms, minus and pipes, nothing else. */
static struct node *parse_exp_d(struct parser *ps)
{
	const char *start = ps->tok.s;
	struct node *n;

	if (take_op(ps, "-")) {
		struct node *a = parse_exp_d(ps);

		n = a ? make(ps, N_NEGATE, start) : NULL;
		if (n)
			n->a = a;
		/* jq gives - | no order that matters: refuse the mixture. */
		if (n && a->kind == N_PIPE)
			return NULL;
		return n;
	}
	n = parse_term(ps);
	if (n && take_op(ps, "|"))
		n = make2(ps, N_PIPE, start, n, parse_exp_d(ps));
	return n;
}

/* .[name] of the input, for {name} and {"name"}. */
static struct node *member_of_dot(struct parser *ps, const char *start,
				  struct node *key)
{
	return make2(ps, N_INDEX, start, dot_at(ps, start), key);
}

static struct node *name_node(struct parser *ps, const char *start,
			      struct str name)
{
	struct node *n = make(ps, N_STRING, start);

	n->text = STR("");
	add(ps, n, text_node(ps, start, name));
	return n;
}

static int parse_entry(struct parser *ps, struct node *object)
{
	const char *start = ps->tok.s;
	struct node *key, *value = NULL;
	bool shorthand = true;

	if (take_op(ps, "$")) {
		struct str name = ps->tok;

		if (ps->kind != T_IDENT)
			return -1;
		next(ps);
		key = name_node(ps, start, name);
		value = make(ps, N_VAR, start);
		value->text = name;
	} else if (ps->kind == T_IDENT || ps->kind == T_KEYWORD) {
		shorthand = ps->kind == T_IDENT;
		key = name_node(ps, start, ps->tok);
		next(ps);
		key->src.n = (size_t)(ps->last - start);
	} else if (ps->kind == T_QUOTE || ps->kind == T_FORMAT) {
		key = parse_string(ps);
	} else if (take_op(ps, "(")) {
		key = parse_exp(ps, P_PIPE);
		shorthand = false;
		if (!take_op(ps, ")"))
			return -1;
	} else {
		return -1;
	}
	if (!key)
		return -1;
	if (!value && take_op(ps, ":"))
		value = parse_exp_d(ps);
	else if (!value && shorthand)
		value = member_of_dot(ps, start, key);
	if (!value)
		return -1;
	add(ps, object, key);
	add(ps, object, value);
	return 0;
}

static struct node *parse_object(struct parser *ps, const char *start)
{
	struct node *n = make(ps, N_OBJECT, start);

	while (!at_op(ps, "}")) {
		if (parse_entry(ps, n) < 0)
			return NULL;
		if (!take_op(ps, ","))
			break;
	}
	if (!take_op(ps, "}"))
		return NULL;
	n->src.n = (size_t)(ps->last - start);
	return n;
}

static struct node *parse_call(struct parser *ps, const char *start)
{
	struct node *n = make(ps, N_CALL, start), *arg;

	n->text = ps->tok;
	next(ps);
	if (str_is(n->text, "null") || str_is(n->text, "true") ||
	    str_is(n->text, "false")) {
		n->kind = N_CONST;
		if (at_op(ps, "("))
			return NULL;
	} else if (take_op(ps, "(")) {
		do {
			arg = parse_exp(ps, P_PIPE);
			if (!arg)
				return NULL;
			add(ps, n, arg);
		} while (take_op(ps, ";"));
		if (!take_op(ps, ")"))
			return NULL;
	}
	n->src.n = (size_t)(ps->last - start);
	return n;
}

static struct node *parse_array(struct parser *ps, const char *start)
{
	struct node *n, *a = NULL;

	if (!at_op(ps, "]") && !(a = parse_exp(ps, P_PIPE)))
		return NULL;
	if (!take_op(ps, "]"))
		return NULL;
	n = make(ps, N_ARRAY, start);
	n->a = a;
	return n;
}

static struct node *parse_name(struct parser *ps, enum node_kind kind,
			       const char *start)
{
	struct node *n;

	if (ps->kind != T_IDENT && !at_word(ps, "__loc__"))
		return NULL;
	n = make(ps, ps->kind == T_IDENT ? kind : N_LOC, start);
	n->text = ps->tok;
	if (n->kind == N_LOC && kind != N_VAR)
		return NULL;
	next(ps);
	n->src.n = (size_t)(ps->last - start);
	return n;
}

static struct node *leaf(struct parser *ps, enum node_kind kind,
			 const char *start)
{
	struct node *n;
	struct str text = ps->tok;

	next(ps);
	n = make(ps, kind, start);
	n->text = text;
	return n;
}

static struct node *parse_primary(struct parser *ps)
{
	const char *start = ps->tok.s;
	struct node *n;
	bool none;

	switch (ps->kind) {
	case T_NUMBER:
		return leaf(ps, N_NUMBER, start);
	case T_QUOTE:
		return parse_string(ps);
	case T_FORMAT:
		/* With a string behind it, it formats that string. */
		if (skip_blank(ps, ps->p) < ps->end &&
		    *skip_blank(ps, ps->p) == '"')
			return parse_string(ps);
		return leaf(ps, N_FORMAT, start);
	case T_IDENT:
		return parse_call(ps, start);
	case T_FIELD:
		return parse_suffix(ps, dot_at(ps, start), start, &none);
	case T_KEYWORD:
		if (!take_word(ps, "break") || !take_op(ps, "$"))
			return NULL;
		return parse_name(ps, N_BREAK, start);
	default:
		break;
	}
	if (at_op(ps, "..") || at_op(ps, ".")) {
		const char *behind = skip_blank(ps, ps->p);

		if (ps->tok.n == 2)
			return leaf(ps, N_RECURSE, start);
		if (behind < ps->end && (*behind == '"' || *behind == '@'))
			return parse_suffix(ps, dot_at(ps, start), start,
					    &none);
		return leaf(ps, N_DOT, start);
	}
	if (take_op(ps, "$"))
		return parse_name(ps, N_VAR, start);
	if (take_op(ps, "["))
		return parse_array(ps, start);
	if (take_op(ps, "{"))
		return parse_object(ps, start);
	if (take_op(ps, "(")) {
		n = parse_exp(ps, P_PIPE);
		return n && take_op(ps, ")") ? n : NULL;
	}
	return NULL;
}

static struct node *parse_term(struct parser *ps)
{
	const char *start = ps->tok.s;
	struct node *n, *more;
	unsigned links = 0;
	bool none;

	if (++ps->depth > MAX_NESTING)
		return NULL;
	n = parse_primary(ps);
	while (n) {
		more = parse_suffix(ps, n, start, &none);
		if (none)
			break;
		n = too_long(ps, ++links) ? NULL : more;
	}
	ps->depth--;
	return n;
}

/* Names and expressions in a pattern: added to n. */
static int parse_pattern(struct parser *ps, struct node *n);

static int parse_object_pattern(struct parser *ps, struct node *n)
{
	do {
		const char *start = ps->tok.s;
		struct node *key = NULL;
		bool var = false;

		if (take_op(ps, "$")) {
			key = parse_name(ps, N_VAR, start);
			var = true;
		} else if (ps->kind == T_IDENT || ps->kind == T_KEYWORD) {
			key = leaf(ps, N_TEXT, start);
		} else if (ps->kind == T_QUOTE || ps->kind == T_FORMAT) {
			key = parse_string(ps);
		} else if (take_op(ps, "(")) {
			key = parse_exp(ps, P_PIPE);
			if (!take_op(ps, ")"))
				return -1;
		}
		if (!key)
			return -1;
		add(ps, n, key);
		if (take_op(ps, ":")) {
			if (parse_pattern(ps, n) < 0)
				return -1;
		} else if (!var) {
			return -1;
		}
	} while (take_op(ps, ","));
	return take_op(ps, "}") ? 0 : -1;
}

static int parse_pattern(struct parser *ps, struct node *n)
{
	const char *start = ps->tok.s;
	struct node *var;
	int ret = -1;

	if (++ps->depth > MAX_NESTING)
		return -1;
	if (take_op(ps, "$")) {
		var = parse_name(ps, N_VAR, start);
		if (var) {
			add(ps, n, var);
			ret = 0;
		}
	} else if (take_op(ps, "[")) {
		do
			ret = parse_pattern(ps, n);
		while (ret == 0 && take_op(ps, ","));
		if (ret == 0 && !take_op(ps, "]"))
			ret = -1;
	} else if (take_op(ps, "{")) {
		ret = parse_object_pattern(ps, n);
	}
	ps->depth--;
	return ret;
}

static int parse_patterns(struct parser *ps, struct node *n)
{
	bool alone = at_op(ps, "$");

	do {
		if (parse_pattern(ps, n) < 0)
			return -1;
		alone = alone && n->n == 1;
	} while (take_op(ps, "?//"));
	n->plain_pattern = alone && n->n == 1 && n->v[0]->kind == N_VAR;
	if (n->plain_pattern)
		n->text = n->v[0]->text;
	return 0;
}

/* Behind the keyword: TERM as PATTERNS (A; B) or (A; B; C) */
static struct node *parse_fold(struct parser *ps, enum node_kind kind,
			       const char *start)
{
	struct node *n = make(ps, kind, start), *more;

	n->a = parse_term(ps);
	if (!n->a || !take_word(ps, "as") || parse_patterns(ps, n) < 0)
		return NULL;
	if (!take_op(ps, "(") || !(n->b = parse_exp(ps, P_PIPE)) ||
	    !take_op(ps, ";") || !(n->c = parse_exp(ps, P_PIPE)))
		return NULL;
	if (kind == N_FOREACH && take_op(ps, ";")) {
		more = parse_exp(ps, P_PIPE);
		if (!more)
			return NULL;
		add(ps, n, more);
		n->opt = true;
	}
	if (!take_op(ps, ")"))
		return NULL;
	n->src.n = (size_t)(ps->last - start);
	return n;
}

/* Behind if or elif. */
static struct node *parse_if(struct parser *ps, const char *start)
{
	struct node *n = make(ps, N_IF, start);
	const char *at;

	if (++ps->depth > MAX_NESTING)
		return NULL;
	if (!(n->a = parse_exp(ps, P_PIPE)) || !take_word(ps, "then") ||
	    !(n->b = parse_exp(ps, P_PIPE)))
		return NULL;
	at = ps->tok.s;
	if (take_word(ps, "elif"))
		/* Without its "el" it can be cut out and stand alone. */
		n->c = parse_if(ps, at + 2);
	else if (take_word(ps, "else") && (n->c = parse_exp(ps, P_PIPE)) &&
		 !take_word(ps, "end"))
		return NULL;
	ps->depth--;
	n->src.n = (size_t)(ps->last - start);
	return n->c ? n : NULL;
}

static struct node *parse_try(struct parser *ps, const char *start)
{
	struct node *n = make(ps, N_TRY, start);

	n->a = parse_operand(ps);
	if (n->a && take_word(ps, "catch") && !(n->b = parse_operand(ps)))
		return NULL;
	n->src.n = (size_t)(ps->last - start);
	return n->a ? n : NULL;
}

/* Behind def; the program that it is in force for follows. */
static struct node *parse_def(struct parser *ps, const char *start)
{
	struct node *n = make(ps, N_DEF, start), *param;

	if (ps->kind != T_IDENT)
		return NULL;
	n->text = ps->tok;
	next(ps);
	if (take_op(ps, "(")) {
		do {
			const char *at = ps->tok.s;
			bool var = take_op(ps, "$");

			if (ps->kind != T_IDENT)
				return NULL;
			param = leaf(ps, var ? N_VAR : N_CALL, at);
			if (var)
				param->text.s = ps->last - param->text.n;
			add(ps, n, param);
		} while (take_op(ps, ";"));
		if (!take_op(ps, ")"))
			return NULL;
	}
	if (!take_op(ps, ":") || !(n->a = parse_exp(ps, P_PIPE)) ||
	    !take_op(ps, ";"))
		return NULL;
	n->src.n = (size_t)(ps->last - start);
	/* Definitions alone are the identity, as is nothing at all. */
	n->b =
	    ps->kind == T_END ? dot_at(ps, ps->tok.s) : parse_exp(ps, P_PIPE);
	return n->b ? n : NULL;
}

static struct node *parse_label(struct parser *ps, const char *start)
{
	struct node *n;

	if (!take_op(ps, "$"))
		return NULL;
	n = parse_name(ps, N_LABEL, start);
	if (!n || !take_op(ps, "|") || !(n->a = parse_exp(ps, P_PIPE)))
		return NULL;
	n->src.n = (size_t)(ps->last - start);
	return n;
}

/* A term, and "as" behind it. */
static struct node *parse_as(struct parser *ps)
{
	const char *start = ps->tok.s;
	struct node *n = parse_term(ps), *as;

	if (!n || !take_word(ps, "as"))
		return n;
	as = make(ps, N_AS, start);
	as->a = n;
	if (parse_patterns(ps, as) < 0 || !take_op(ps, "|") ||
	    !(as->b = parse_exp(ps, P_PIPE)))
		return NULL;
	as->src.n = (size_t)(ps->last - start);
	return as;
}

/* What an operator stands between, without a question mark behind it. */
static struct node *parse_operand(struct parser *ps)
{
	const char *start = ps->tok.s;
	struct node *n, *a;

	if (take_op(ps, "-")) {
		a = parse_exp(ps, P_MULTIPLY);
		n = a ? make(ps, N_NEGATE, start) : NULL;
		if (n)
			n->a = a;
		return n;
	}
	if (ps->kind != T_KEYWORD || at_word(ps, "break"))
		return parse_as(ps);
	if (take_word(ps, "if"))
		return parse_if(ps, start);
	if (take_word(ps, "try"))
		return parse_try(ps, start);
	if (take_word(ps, "reduce"))
		return parse_fold(ps, N_REDUCE, start);
	if (take_word(ps, "foreach"))
		return parse_fold(ps, N_FOREACH, start);
	if (take_word(ps, "def"))
		return parse_def(ps, start);
	if (take_word(ps, "label"))
		return parse_label(ps, start);
	return NULL;
}

static int precedence(const struct parser *ps)
{
	static const struct {
		const char *op;
		int prec;
	} ops[] = {
		{ "|", P_PIPE },     { ",", P_COMMA },    { "//", P_ALT },
		{ "=", P_ASSIGN },   { "|=", P_ASSIGN },  { "+=", P_ASSIGN },
		{ "-=", P_ASSIGN },  { "*=", P_ASSIGN },  { "/=", P_ASSIGN },
		{ "%=", P_ASSIGN },  { "//=", P_ASSIGN }, { "==", P_COMPARE },
		{ "!=", P_COMPARE }, { "<", P_COMPARE },  { "<=", P_COMPARE },
		{ ">", P_COMPARE },  { ">=", P_COMPARE }, { "+", P_ADD },
		{ "-", P_ADD },      { "*", P_MULTIPLY }, { "/", P_MULTIPLY },
		{ "%", P_MULTIPLY },
	};

	if (at_word(ps, "or"))
		return P_OR;
	if (at_word(ps, "and"))
		return P_AND;
	if (ps->kind == T_OP)
		for (size_t i = 0; i < ARRAY_LEN(ops); i++)
			if (str_is(ps->tok, ops[i].op))
				return ops[i].prec;
	return 0;
}

static enum node_kind kind_of(int prec)
{
	switch (prec) {
	case P_PIPE:
		return N_PIPE;
	case P_COMMA:
		return N_COMMA;
	case P_ALT:
		return N_ALT;
	case P_ASSIGN:
		return N_ASSIGN;
	default:
		return N_BINARY;
	}
}

static struct node *parse_exp(struct parser *ps, int min)
{
	const char *start = ps->tok.s;
	struct node *n, *right;
	unsigned links = 0;
	int prec;

	if (++ps->depth > MAX_NESTING)
		return NULL;
	n = parse_operand(ps);
	while (n && at_op(ps, "?")) {
		struct node *a = n;

		next(ps);
		if (too_long(ps, ++links))
			return NULL;
		n = make(ps, N_TRY, start);
		n->a = a;
	}
	while (n && (prec = precedence(ps)) >= min && prec) {
		bool to_right = prec == P_PIPE || prec == P_ALT;
		bool chains = prec != P_ASSIGN && prec != P_COMPARE;
		struct str op = ps->tok;

		next(ps);
		if (too_long(ps, ++links))
			return NULL;
		right = parse_exp(ps, to_right ? prec : prec + 1);
		n = make2(ps, kind_of(prec), start, n, right);
		if (n)
			n->text = op;
		if (!chains && precedence(ps) == prec)
			return NULL;
	}
	ps->depth--;
	return n;
}

/* module ...; import ...; include ...; */
static int parse_directives(struct parser *ps, struct ast *ast)
{
	const char *start = ps->tok.s;

	ast->imports = (struct str){ start, 0 };
	while (at_word(ps, "module") || at_word(ps, "import") ||
	       at_word(ps, "include")) {
		bool is_import = at_word(ps, "import");
		bool is_module = at_word(ps, "module");

		next(ps);
		if (!is_module && (ps->kind != T_QUOTE || !parse_string(ps)))
			return -1;
		if (is_import) {
			if (!take_word(ps, "as"))
				return -1;
			take_op(ps, "$");
			if (ps->kind != T_IDENT)
				return -1;
			next(ps);
		}
		if (!at_op(ps, ";") && !parse_exp(ps, P_PIPE))
			return -1;
		if (!take_op(ps, ";"))
			return -1;
		ast->imports.n = (size_t)(ps->last - start);
	}
	return 0;
}

int ast_parse(struct ast *ast, struct str text, struct arena *mem)
{
	struct parser ps = { .start = text.s,
			     .end = text.s + text.n,
			     .p = text.s,
			     .last = text.s,
			     .line_at = text.s,
			     .line = 1,
			     .mem = mem,
			     .scratch = BUF_INIT };

	next(&ps);
	ast->root = NULL;
	if (parse_directives(&ps, ast) == 0)
		ast->root = ps.kind == T_END ? dot_at(&ps, ps.tok.s)
					     : parse_exp(&ps, P_PIPE);
	if (ps.kind != T_END)
		ast->root = NULL;
	buf_release(&ps.scratch);
	return ast->root ? 0 : -1;
}
