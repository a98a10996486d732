/* SPDX-License-Identifier: MIT */
/*
 * What we know of SQL without running it, and how the dialects of servers
 * differ: where parameters, strings and comments are, how names are quoted,
 * and how a query is wrapped so that the server orders by the key or gives one
 * shard of the rows.
 */
#ifndef RETL_EXTRACT_SQL_H
#define RETL_EXTRACT_SQL_H

#include "bin/retl-extract/source.h"

/* The tables of a catalog, as the standard has them: schema and name. */
#define SQL_NAMES                                                         \
	"SELECT table_schema, table_name FROM information_schema.tables " \
	"WHERE table_schema <> 'information_schema' ORDER BY 1, 2"

#define SQL_PARAMS_MAX 1000

struct sql_dialect {
	const char *name; /* for messages: "mysql" */
	char quote;       /* stands around names: " or ` */
	/* $1, ?, {name:String} or :name, as it was */
	enum { SQL_NUMBERED, SQL_QUESTION, SQL_BRACED, SQL_COLON } marks;
	bool backslash;  /* begins an escape in strings */
	bool hash;       /* begins a comment */
	bool dash_blank; /* -- begins one only before white space */
	bool nested;     /* comments may stand in comments */
	bool dollars;    /* $$text$$, and E'text' with escapes */
	bool slashes;    /* // begins a comment */
	bool paths;      /* x:y is a member of x, no parameter */

	/*
	 * An expression that orders rows as retl-sort(1) does by what column
	 * i becomes as JSON; name is the column as it stands in SQL. NULL: the
	 * bare name will do for every type. -1 and *why: there is none.
	 */
	int (*put_order)(struct buf *out, const struct columns *c, size_t i,
			 struct str name, const char **why);
	/*
	 * An expression of column i that a hash may be made of: the same for
	 * values that are one key, such as 1 and 1.0. NULL:
	 * sql_put_hashed will do, since the column writes a value in one way
	 * only, but for a zero.
	 */
	void (*put_hashed)(struct buf *out, const struct columns *c, size_t i,
			   struct str name);
	/*
	 * A condition that holds for the rows of a->shard, never null: by a
	 * hash of the a->n_key expressions that put_hashed gave.
	 */
	void (*put_shard)(struct buf *out, const struct source_args *a,
			  const struct str *hashed);
};

/* The kinds whose order is that of keys in every dialect, by the bare name. */
bool sql_is_plain(enum column_kind kind);

/* A query with the columns of sql, and none of its rows. */
void sql_put_bare(struct buf *out, const struct sql_dialect *d,
		  const struct buf *sql);

/* The name, but -0 becomes 0, which it is as a key. */
void sql_put_hashed(struct buf *out, const struct columns *c, size_t i,
		    struct str name);

/* Expressions, each between before and after, and text between them. */
void sql_put_each(struct buf *out, const struct str *v, size_t n,
		  const char *before, const char *after);

/* A query as the server takes it. */
struct sql_query {
	struct buf sql;
	struct param **values; /* of its marks, in their order; borrowed */
	size_t n, cap;
};
#define SQL_QUERY_INIT ((struct sql_query){ .sql = BUF_INIT })

/*
 * The query of a, or a select of its dataset, with the server's marks for
 * ":since". Strings, quoted names, comments and casts are left alone. -1: a
 * parameter has no value, or a value no parameter.
 */
int sql_prepare(struct sql_query *q, const struct sql_dialect *d,
		const struct source_args *a, struct failure *f);
void sql_query_release(struct sql_query *q);

/* Is there a key or a shard to ask for? */
static inline bool sql_is_wrapped(const struct source_args *a)
{
	return a->n_key > 0;
}

/*
 * q, whose columns are c, becomes a query around it that orders by the key and
 * leaves out what is not of the shard.
 */
int sql_wrap(struct sql_query *q, const struct sql_dialect *d,
	     const struct source_args *a, const struct columns *c,
	     struct failure *f);

/* A name in quotes, those in it doubled. */
void sql_put_name(struct buf *out, char quote, struct str name);

/*
 * Does it begin with a word that begins queries? For servers that have no
 * session that only reads.
 */
bool sql_is_query(const struct sql_dialect *d, struct str sql);

/* sql without blanks, comments and semicolons behind its last token. */
struct str sql_trim(const struct sql_dialect *d, struct str sql);

#endif
