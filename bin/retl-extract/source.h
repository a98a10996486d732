/* SPDX-License-Identifier: MIT */
/*
 * What every source implements. A new source is one file source_<name>.c and
 * one line in source.c.
 */
#ifndef RETL_EXTRACT_SOURCE_H
#define RETL_EXTRACT_SOURCE_H

#include "bin/retl-extract/reader.h"
#include "bin/retl-extract/row.h"

/* -p NAME=VALUE: bound to :NAME in the query, never spliced into it. */
struct param {
	struct str name, value;
	bool used; /* the query has it */
};

/* What to read. All of it is borrowed and outlives the source. */
struct source_args {
	const char *url;     /* as given, for sources that read it themselves */
	const char *where;   /* behind the scheme and its colon */
	struct str query;    /* .s NULL: none */
	const char *dataset; /* without a query: a table; NULL: none */
	struct param *params;
	size_t n_params;
	char **command; /* of a command, with its arguments; else NULL */
	struct reader_options text;
	struct rows *rows;  /* go out before a read has to wait */
	const char *cacert; /* --cacert, or NULL */
	uint64_t retries;   /* --retries: of a request that failed in passing */
};

struct source {
	const char *needs; /* it is not built in: the library that it needs */
	bool has_datasets; /* it takes queries, and tables by name */
	/* NULL: see f */
	void *(*open)(const struct source_args *a, struct failure *f);
	/* 1: rows were appended; 0: the source says that this is the end; -1 */
	int (*next)(void *self, struct rows *rows, struct failure *f);
	/*
	 * After the end: why nobody can be sure that these were all rows; NULL
	 * if it is proved. The function may be NULL: always proved.
	 */
	const char *(*doubt)(void *self);
	/* Names of tables, each with LF; NULL without datasets. */
	int (*list)(const struct source_args *a, struct buf *names,
		    struct failure *f);
	void (*close)(void *self);
};

extern const struct source source_sqlite, source_postgresql, source_file,
    source_command, source_http;

/*
 * Finds the source for a->url and sets a->where and a->text.format; NULL: there
 * is none.
 */
const struct source *source_find(struct source_args *a, struct failure *f);

/* One line a source: scheme, TAB, help. */
void source_put_list(struct buf *out);

/*
 * Appends `select * from "schema"."table"` for a dataset: a name, or several
 * with dots between them; one with a dot or a quote in it stands in double
 * quotes, as in SQL. -1: an unbalanced quote or an empty name.
 */
int source_put_select(struct buf *out, const char *dataset, struct failure *f);

/* A table's name as source_put_select reads it. */
void source_put_name(struct buf *out, struct str name);

/* Unused parameters are a usage error. */
int source_check_params(const struct source_args *a, struct failure *f);

struct param *source_find_param(const struct source_args *a, struct str name);

#endif
