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
	bool null; /* it is NULL, and has no value */
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
	/* -k: the columns to order by, as retl-sort(1) orders; 0: any order */
	const struct str *key;
	size_t n_key;
	uint64_t shard, n_shards; /* --shard: 1 to n_shards; 0: all rows */
	char **command; /* of a command, with its arguments; else NULL */
	struct reader_options text;
	struct rows *rows;  /* go out before a read has to wait */
	const char *cacert; /* --cacert, or NULL */
	uint64_t retries;   /* --retries: of a request that failed in passing */
};

struct session_ops;

struct source {
	const char *needs; /* it is not built in: the library that it needs */
	/* It is asked in SQL: open, describe and close are of session.h. */
	const struct session_ops *session;
	bool has_datasets; /* it takes queries, and tables by name */
	bool no_binding;   /* its queries take no -p */
	bool can_order;    /* -k */
	bool can_shard;    /* --shard */
	/* NULL: see f */
	void *(*open)(const struct source_args *a, struct failure *f);
	/* 1: rows were appended; 0: the source says that this is the end; -1 */
	int (*next)(void *self, struct rows *rows, struct failure *f);
	/*
	 * After the end: why nobody can be sure that these were all rows; NULL
	 * if it is proved. The function may be NULL: always proved.
	 */
	const char *(*doubt)(void *self);
	/*
	 * The columns of the query or table, without its rows; they are added
	 * to c. NULL: it cannot say.
	 */
	int (*describe)(const struct source_args *a, struct columns *c,
			struct failure *f);
	/* Names of tables, each with LF; NULL without datasets. */
	int (*list)(const struct source_args *a, struct buf *names,
		    struct failure *f);
	void (*close)(void *self);
};

extern const struct source source_sqlite;
extern const struct source source_postgresql;
extern const struct source source_mysql;
extern const struct source source_clickhouse;
extern const struct source source_duckdb;
extern const struct source source_odbc;
extern const struct source source_parquet;
extern const struct source source_file;
extern const struct source source_http;
extern const struct source source_s3;
extern const struct source source_snowflake;
extern const struct source source_sftp;
extern const struct source source_databricks;
extern const struct source source_gcs;
extern const struct source source_redshift_data;
extern const struct source source_bigquery;
extern const struct source source_sheets;
extern const struct source source_trino;
extern const struct source source_command;

/*
 * Finds the source for a->url and sets a->where and a->text.format; NULL: there
 * is none.
 */
const struct source *source_find(struct source_args *a, struct failure *f);

/* As in the table, or by its session. */
void *source_open(const struct source *src, const struct source_args *a,
		  struct failure *f);
bool source_can_describe(const struct source *src);
int source_describe(const struct source *src, const struct source_args *a,
		    struct columns *c, struct failure *f);
void source_close(const struct source *src, void *self);

/* Of the rows, after their end; NULL: it cannot say. */
const struct columns *source_columns(const struct source *src,
				     const void *self);

/* One line a source: scheme, TAB, help. */
void source_put_list(struct buf *out);

/*
 * Appends `select * from "schema"."table"` for a dataset: a name, or several
 * with dots between them; one with a dot or a quote in it stands in double
 * quotes, as in SQL. They go out in the quotes that the source has, " or `.
 * -1: an unbalanced quote or an empty name.
 */
int source_put_select(struct buf *out, const char *dataset, char quote,
		      struct failure *f);

/* A table's name as source_put_select reads it. */
void source_put_name(struct buf *out, struct str name);

/*
 * The names that rows of JSON hold: SCHEMA.TABLE, LF. A row is an array of
 * texts, each by itself or as the one member of an object. The number of rows,
 * or -1: they are not like that.
 */
ssize_t source_put_names(struct buf *names, struct json_iter *rows,
			 struct buf *scratch);

/* Unused parameters are a usage error. */
int source_check_params(const struct source_args *a, struct failure *f);

struct param *source_find_param(const struct source_args *a, struct str name);

#endif
