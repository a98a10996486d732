/* SPDX-License-Identifier: MIT */
#include "bin/retl-extract/sql.h"

#include <strings.h>

#include "common/mem.h"

/* A text, and how far it has been read. */
struct scan {
	const char *p, *end;
	const struct sql_dialect *d;
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

static const char *behind_comment(const char *p, const char *end, bool nested)
{
	unsigned depth = 0;

	while (p < end) {
		if (end - p >= 2 && memcmp(p, "/*", 2) == 0 &&
		    (nested || !depth)) {
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
static const char *behind_word(const struct scan *s)
{
	const char *q = s->p;

	while (q < s->end && (in_name(*q) || *q == '$'))
		q++;
	if (s->d->dollars && q - s->p == 1 && (*s->p == 'e' || *s->p == 'E') &&
	    q < s->end && *q == '\'')
		return behind_quoted(q, s->end, '\'', true);
	return q;
}

static bool is_blank(char c)
{
	return c && strchr(" \t\r\n\f\v", c);
}

/* The place behind the comment that begins here; NULL: none does. */
static const char *behind_any_comment(const struct scan *s)
{
	if (at(s, "--") &&
	    (!s->d->dash_blank || s->end - s->p == 2 || is_blank(s->p[2])))
		return behind_line(s->p, s->end);
	if ((s->d->hash && *s->p == '#') || (s->d->slashes && at(s, "//")))
		return behind_line(s->p, s->end);
	/* MySQL runs what stands in such a comment: it is none. */
	if (at(s, "/*") && !(s->d->dash_blank && at(s, "/*!")))
		return behind_comment(s->p, s->end, s->d->nested);
	return NULL;
}

/* The place behind what cannot hold a parameter; NULL: something else. */
static const char *behind_opaque(const struct scan *s)
{
	const char *behind = behind_any_comment(s);

	if (behind)
		return behind;
	if (starts_name(*s->p))
		return behind_word(s);
	if (*s->p == '\'' || *s->p == '"')
		return behind_quoted(s->p, s->end, *s->p, s->d->backslash);
	if (*s->p == '`')
		return behind_quoted(s->p, s->end, '`', false);
	if (at(s, "::"))
		return s->p + 2;
	if (s->d->dollars && *s->p == '$')
		return behind_dollars(s->p, s->end);
	return NULL;
}

struct str sql_trim(const struct sql_dialect *d, struct str sql)
{
	struct scan s = { .p = sql.s, .end = sql.s + sql.n, .d = d };
	const char *last = sql.s;

	while (s.p < s.end) {
		const char *behind = behind_any_comment(&s);

		if (behind) {
			s.p = behind;
			continue;
		}
		behind = behind_opaque(&s);
		if (!behind)
			behind = s.p + 1;
		if (!is_blank(*s.p) && *s.p != ';')
			last = behind;
		s.p = behind;
	}
	return (struct str){ sql.s, (size_t)(last - sql.s) };
}

bool sql_is_query(const struct sql_dialect *d, struct str sql)
{
	static const char *const words[] = { "select", "with",     "values",
					     "table",  "from",     "show",
					     "desc",   "describe", "explain" };
	struct scan s = { .p = sql.s, .end = sql.s + sql.n, .d = d };
	const char *word;

	while (s.p < s.end) {
		const char *behind = behind_any_comment(&s);

		if (!behind && !is_blank(*s.p) && *s.p != '(')
			break;
		s.p = behind ? behind : s.p + 1;
	}
	for (word = s.p; s.p < s.end && in_name(*s.p); s.p++)
		continue;
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (strlen(words[i]) == (size_t)(s.p - word) &&
		    strncasecmp(words[i], word, (size_t)(s.p - word)) == 0)
			return true;
	return false;
}

/* ---- parameters ---- */

static void put_mark(struct sql_query *q, const struct sql_dialect *d,
		     struct param *param)
{
	size_t i = 0;

	if (d->marks != SQL_QUESTION)
		while (i < q->n && q->values[i] != param)
			i++;
	else
		i = q->n;
	if (i == q->n) {
		GROW(q->values, q->n, q->cap);
		q->values[q->n++] = param;
	}
	param->used = true;
	if (d->marks == SQL_NUMBERED)
		buf_addf(&q->sql, "$%zu", i + 1);
	else if (d->marks == SQL_QUESTION)
		buf_addc(&q->sql, '?');
	else if (d->marks == SQL_COLON)
		buf_addf(&q->sql, ":%.*s", STR_ARG(param->name));
	else
		buf_addf(&q->sql, "{%.*s:%s}", STR_ARG(param->name),
			 param->null ? "Nullable(String)" : "String");
}

static int take_param(struct scan *s, struct sql_query *q,
		      const struct source_args *a, struct failure *f)
{
	const char *start = ++s->p;
	struct param *param;
	struct str name;

	while (s->p < s->end && in_name(*s->p))
		s->p++;
	name = (struct str){ start, (size_t)(s->p - start) };
	param = source_find_param(a, name);
	if (!param)
		return failed(f, EX_USAGE, "the query needs -p %.*s=VALUE%s",
			      STR_ARG(name),
			      s->d->dollars ? " (in an array slice, put a "
					      "blank behind the colon)"
					    : "");
	put_mark(q, s->d, param);
	return 0;
}

/* A mark that the query brought along, for which there is no value. */
static bool is_foreign_mark(const struct scan *s)
{
	if (*s->p == '?' &&
	    (s->d->marks == SQL_QUESTION || s->d->marks == SQL_COLON))
		return true;
	if (s->d->marks == SQL_QUESTION)
		return false;
	return *s->p == '$' && s->p + 1 < s->end &&
	       isdigit((unsigned char)s->p[1]);
}

/* A colon right behind a name, a quoted one, an element or a call. */
static bool is_path(const struct scan *s, const struct sql_query *q)
{
	char last = q->sql.len ? q->sql.data[q->sql.len - 1] : ' ';

	return s->d->paths && (in_name(last) || strchr("\"])", last));
}

static int rewrite(struct scan *s, struct sql_query *q,
		   const struct source_args *a, struct failure *f)
{
	while (s->p < s->end) {
		const char *behind = behind_opaque(s);

		if (behind) {
			buf_add(&q->sql, s->p, (size_t)(behind - s->p));
			s->p = behind;
		} else if (*s->p == ':' && s->p + 1 < s->end &&
			   starts_name(s->p[1]) && !is_path(s, q)) {
			if (take_param(s, q, a, f) < 0)
				return -1;
		} else if (is_foreign_mark(s)) {
			return failed(f, EX_CONFIG,
				      "the query has a %s; give it a name, as "
				      "in :since, for -p since=VALUE",
				      *s->p == '?' ? "?" : "$ with a number");
		} else {
			buf_addc(&q->sql, *s->p++);
		}
	}
	return 0;
}

int sql_prepare(struct sql_query *q, const struct sql_dialect *d,
		const struct source_args *a, struct failure *f)
{
	struct scan s = { .d = d };
	struct str sql = a->query;

	if (!sql.s) {
		if (source_put_select(&q->sql, a->dataset, d->quote, f) < 0)
			return -1;
		return source_check_params(a, f);
	}
	sql = sql_trim(d, sql);
	if (!sql.n)
		return failed(f, EX_CONFIG, "the query is empty");
	if (a->n_params > SQL_PARAMS_MAX)
		return failed(f, EX_USAGE, "more than %d parameters",
			      SQL_PARAMS_MAX);
	s.p = sql.s;
	s.end = sql.s + sql.n;
	if (rewrite(&s, q, a, f) < 0)
		return -1;
	return source_check_params(a, f);
}

void sql_query_release(struct sql_query *q)
{
	free(q->values);
	buf_release(&q->sql);
	*q = SQL_QUERY_INIT;
}

/* ---- the key and the shard ---- */

void sql_put_name(struct buf *out, char quote, struct str name)
{
	buf_addc(out, quote);
	for (size_t i = 0; i < name.n; i++) {
		if (name.s[i] == quote)
			buf_addc(out, quote);
		buf_addc(out, name.s[i]);
	}
	buf_addc(out, quote);
}

bool sql_is_plain(enum column_kind kind)
{
	switch (kind) {
	case COLUMN_BOOL:
	case COLUMN_INTEGER:
	case COLUMN_DECIMAL:
	case COLUMN_FLOAT:
	case COLUMN_DATE:
		return true;
	default:
		return false;
	}
}

/* LF: sql may end in a comment. */
static void put_subquery(struct buf *out, const struct sql_dialect *d,
			 const struct buf *sql)
{
	buf_addf(out, "select * from (\n%s\n) ", sql->data);
	sql_put_name(out, d->quote, STR("retl_rows"));
}

void sql_put_bare(struct buf *out, const struct sql_dialect *d,
		  const struct buf *sql)
{
	put_subquery(out, d, sql);
	buf_addz(out, " limit 0");
}

void sql_put_hashed(struct buf *out, const struct columns *c, size_t i,
		    struct str name)
{
	buf_addf(out, c->v[i].kind == COLUMN_FLOAT ? "%.*s + 0.0" : "%.*s",
		 STR_ARG(name));
}

void sql_put_each(struct buf *out, const struct str *v, size_t n,
		  const char *before, const char *after)
{
	for (size_t i = 0; i < n; i++)
		buf_addf(out, "%s%.*s%s", before, STR_ARG(v[i]), after);
}

/* The name of a key column in quotes, and which column it is. */
static int find_key_column(struct buf *name, size_t *at,
			   const struct sql_dialect *d, struct str key,
			   const struct columns *c, struct failure *f)
{
	ssize_t i = columns_find(c, key);

	if (i < 0)
		return failed(f, EX_CONFIG,
			      "-k %.*s: the rows have no such column",
			      STR_ARG(key));
	buf_reset(name);
	sql_put_name(name, d->quote, key);
	*at = (size_t)i;
	return 0;
}

static int put_shard(struct buf *out, const struct sql_dialect *d,
		     const struct source_args *a, const struct columns *c,
		     struct failure *f)
{
	struct buf name = BUF_INIT, text = BUF_INIT;
	struct str *hashed = xcalloc(a->n_key, sizeof *hashed);
	size_t from = 0, column = 0;
	int ret = 0;

	for (size_t i = 0; ret == 0 && i < a->n_key; i++) {
		ret = find_key_column(&name, &column, d, a->key[i], c, f);
		if (ret == 0)
			(d->put_hashed ? d->put_hashed : sql_put_hashed)(
			    &text, c, column, buf_str(&name));
		hashed[i].n = text.len - from;
		from = text.len;
	}
	/* The text has stopped moving. */
	from = 0;
	for (size_t i = 0; i < a->n_key; i++) {
		hashed[i].s = text.data + from;
		from += hashed[i].n;
	}
	if (ret == 0)
		d->put_shard(out, a, hashed);
	free(hashed);
	buf_release(&name);
	buf_release(&text);
	return ret;
}

static int put_order(struct buf *out, const struct sql_dialect *d,
		     struct str key, const struct columns *c, struct failure *f)
{
	struct buf name = BUF_INIT;
	const char *why = NULL;
	size_t column = 0;
	int ret = find_key_column(&name, &column, d, key, c, f);

	if (ret == 0 && !d->put_order)
		buf_adds(out, buf_str(&name));
	else if (ret == 0 &&
		 d->put_order(out, c, column, buf_str(&name), &why) < 0)
		ret = failed(f, EX_CONFIG,
			     "-k %.*s: %s cannot order by %s as the key order "
			     "wants it; leave -k to retl-sort(1)",
			     STR_ARG(key), d->name, why);
	buf_release(&name);
	return ret;
}

int sql_wrap(struct sql_query *q, const struct sql_dialect *d,
	     const struct source_args *a, const struct columns *c,
	     struct failure *f)
{
	struct buf sql = BUF_INIT;
	int ret = 0;

	put_subquery(&sql, d, &q->sql);
	if (a->n_shards) {
		buf_addz(&sql, " where ");
		ret = put_shard(&sql, d, a, c, f);
	}
	for (size_t i = 0; ret == 0 && i < a->n_key; i++) {
		buf_addz(&sql, i ? ", " : " order by ");
		ret = put_order(&sql, d, a->key[i], c, f);
	}
	if (ret == 0) {
		buf_release(&q->sql);
		q->sql = sql;
		sql = BUF_INIT;
	}
	buf_release(&sql);
	return ret;
}
