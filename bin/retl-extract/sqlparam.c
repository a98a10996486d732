/* SPDX-License-Identifier: MIT */
#include "bin/retl-extract/sqlparam.h"

#include "common/mem.h"

/* The query, and how far it has been read. */
struct scan {
	const char *p, *end;
	struct sqlparam *q;
	const struct source_args *args;
	int *number; /* of each parameter of args, 0: not met yet */
	struct failure *f;
};

static bool starts_name(char c)
{
	return isalpha((unsigned char)c) || c == '_' ||
	       (unsigned char)c >= 0x80;
}

static bool in_name(char c)
{
	return starts_name(c) || isdigit((unsigned char)c);
}

static bool at(const struct scan *s, const char *text)
{
	size_t n = strlen(text);

	return (size_t)(s->end - s->p) >= n && memcmp(s->p, text, n) == 0;
}

static const char *behind_quoted(const char *p, const char *end, char quote,
				 bool backslash)
{
	for (p++; p < end; p++) {
		bool more = p + 1 < end;

		/* An escape, or the quote doubled. */
		if (more && ((backslash && *p == '\\') ||
			     (*p == quote && p[1] == quote)))
			p++;
		else if (*p == quote)
			return p + 1;
	}
	return end;
}

static const char *behind_line(const char *p, const char *end)
{
	const char *lf = memchr(p, '\n', (size_t)(end - p));

	return lf ? lf : end;
}

/* These nest in PostgreSQL. */
static const char *behind_comment(const char *p, const char *end)
{
	unsigned depth = 0;

	while (p < end) {
		if (end - p >= 2 && memcmp(p, "/*", 2) == 0) {
			depth++;
			p += 2;
		} else if (end - p >= 2 && memcmp(p, "*/", 2) == 0) {
			p += 2;
			if (--depth == 0)
				break;
		} else {
			p++;
		}
	}
	return p;
}

/* $$...$$ or $tag$...$tag$; NULL: the dollar begins something else. */
static const char *behind_dollars(const char *p, const char *end)
{
	const char *q = p + 1, *stop;
	size_t n;

	if (q < end && starts_name(*q))
		while (q < end && in_name(*q))
			q++;
	if (q == end || *q != '$')
		return NULL;
	n = (size_t)(q + 1 - p);
	stop = memmem(p + n, (size_t)(end - p) - n, p, n);
	return stop ? stop + n : end;
}

/* A word is copied whole; E before a quote makes backslashes escapes. */
static const char *behind_word(const char *p, const char *end)
{
	const char *q = p;

	while (q < end && (in_name(*q) || *q == '$'))
		q++;
	if (q - p == 1 && (*p == 'e' || *p == 'E') && q < end && *q == '\'')
		return behind_quoted(q, end, '\'', true);
	return q;
}

/* The place behind what cannot hold a parameter; NULL: something else. */
static const char *behind_opaque(const struct scan *s)
{
	if (starts_name(*s->p))
		return behind_word(s->p, s->end);
	if (*s->p == '\'' || *s->p == '"')
		return behind_quoted(s->p, s->end, *s->p, false);
	if (at(s, "--"))
		return behind_line(s->p, s->end);
	if (at(s, "/*"))
		return behind_comment(s->p, s->end);
	if (at(s, "::"))
		return s->p + 2;
	if (*s->p == '$')
		return behind_dollars(s->p, s->end);
	return NULL;
}

static int take_param(struct scan *s)
{
	const char *start = ++s->p;
	struct sqlparam *q = s->q;
	struct param *param;
	struct str name;
	size_t i;

	while (s->p < s->end && in_name(*s->p))
		s->p++;
	name = (struct str){ start, (size_t)(s->p - start) };
	param = source_find_param(s->args, name);
	if (!param)
		return failed(s->f, EX_USAGE,
			      "the query needs -p %.*s=VALUE (where :%.*s is "
			      "an array slice, put a blank behind the colon)",
			      STR_ARG(name), STR_ARG(name));
	i = (size_t)(param - s->args->params);
	if (!s->number[i]) {
		q->values[q->n++] = param->value.s;
		s->number[i] = q->n;
		param->used = true;
	}
	buf_addf(&q->sql, "$%d", s->number[i]);
	return 0;
}

static int rewrite(struct scan *s)
{
	while (s->p < s->end) {
		const char *behind = behind_opaque(s);

		if (behind) {
			buf_add(&s->q->sql, s->p, (size_t)(behind - s->p));
			s->p = behind;
		} else if (*s->p == ':' && s->p + 1 < s->end &&
			   starts_name(s->p[1])) {
			if (take_param(s) < 0)
				return -1;
		} else if (*s->p == '$' && s->p + 1 < s->end &&
			   isdigit((unsigned char)s->p[1])) {
			return failed(s->f, EX_CONFIG,
				      "the query has a $ with a number; give "
				      "it a name, as in :since, for "
				      "-p since=VALUE");
		} else {
			buf_addc(&s->q->sql, *s->p++);
		}
	}
	return 0;
}

int sqlparam_rewrite(struct sqlparam *q, const struct source_args *a,
		     struct str sql, struct failure *f)
{
	struct scan s = {
		.p = sql.s, .end = sql.s + sql.n, .q = q, .args = a, .f = f
	};
	int ret;

	if (a->n_params > SQLPARAM_MAX)
		return failed(f, EX_USAGE, "more than %d parameters",
			      SQLPARAM_MAX);
	q->values = xcalloc(a->n_params, sizeof *q->values);
	s.number = xcalloc(a->n_params, sizeof *s.number);
	ret = rewrite(&s);
	free(s.number);
	return ret < 0 ? -1 : source_check_params(a, f);
}

void sqlparam_release(struct sqlparam *q)
{
	free(q->values);
	buf_release(&q->sql);
	*q = SQLPARAM_INIT;
}
