/* SPDX-License-Identifier: MIT */
#include "bin/retl-extract/source.h"

#include <fcntl.h>

#include "bin/retl-extract/duckdb.h"
#include "bin/retl-extract/session.h"
#include "common/mem.h"

#ifndef HAVE_LIBPQ
const struct source source_postgresql = { .needs = "libpq" };
#endif
#ifndef HAVE_LIBMARIADB
const struct source source_mysql = { .needs = "libmariadb" };
#endif
#ifndef HAVE_ODBC
const struct source source_odbc = { .needs = "unixODBC" };
#endif
#ifndef HAVE_EXPAT
const struct source source_s3 = { .needs = "expat" };
const struct source source_redshift_data = { .needs = "expat" };
#endif

static const struct scheme {
	const char *name;
	const char *help;
	const struct source *source;
	enum format format;
} schemes[] = {
	{ "sqlite", "an SQLite database: sqlite:shop.db", &source_sqlite, 0 },
	{ "postgresql", "a PostgreSQL server: postgresql://user@host/database",
	  &source_postgresql, 0 },
	{ "postgres", "the same", &source_postgresql, 0 },
	{ "redshift", "Amazon Redshift: redshift://user@host/database",
	  &source_postgresql, 0 },
	{ "mysql", "a MySQL server: mysql://user@host/database", &source_mysql,
	  0 },
	{ "mariadb", "a MariaDB server: mariadb://user@host/database",
	  &source_mysql, 0 },
	{ "bigquery", "BigQuery: bigquery://PROJECT/DATASET", &source_bigquery,
	  0 },
	{ "sheets", "Google Sheets, each tab a dataset: sheets:ID",
	  &source_sheets, 0 },
	{ "snowflake", "Snowflake: snowflake://ACCOUNT/DATABASE/SCHEMA",
	  &source_snowflake, 0 },
	{ "odbc", "whatever has an ODBC driver: odbc:NAME of odbc.ini",
	  &source_odbc, 0 },
	{ "clickhouse", "ClickHouse over HTTP: clickhouse://user@host/database",
	  &source_clickhouse, 0 },
	{ "clickhouses", "the same over HTTPS", &source_clickhouse, 0 },
	{ "duckdb", "a DuckDB database: duckdb:FILE, or duckdb: for queries",
	  &source_duckdb, 0 },
	{ "parquet", "a Parquet file: parquet:rows.bin", &source_parquet,
	  FORMAT_PARQUET },
	{ "csv", "a file of comma-separated values: csv:rows.txt", &source_file,
	  FORMAT_CSV },
	{ "tsv", "a file of tab-separated values: tsv:rows.txt", &source_file,
	  FORMAT_TSV },
	{ "ndjson", "a file with one JSON object a line: ndjson:rows.log",
	  &source_file, FORMAT_NDJSON },
	{ "json", "a file that is one JSON array of objects: json:rows.txt",
	  &source_file, FORMAT_JSON },
	{ "https", "a file of a web server: https://host/rows.csv.gz",
	  &source_http, 0 },
	{ "http", "the same, in the clear", &source_http, 0 },
	{ "trino", "a Trino server: trino://user@host:port/catalog/schema",
	  &source_trino, 0 },
	{ "trino+http", "the same, in the clear", &source_trino, 0 },
	{ "sftp", "a file of an SFTP server: sftp://user@host/path.csv",
	  &source_sftp, 0 },
	{ "databricks", "Databricks: databricks://host/catalog/schema",
	  &source_databricks, 0 },
	{ "redshift-data", "Amazon Redshift by its Data API",
	  &source_redshift_data, 0 },
	{ "gs", "an object of Google Cloud Storage, or all below a prefix",
	  &source_gcs, 0 },
	{ "s3", "an object of S3, or all below a prefix: s3://bucket/prefix/",
	  &source_s3, 0 },
};

void source_put_list(struct buf *out)
{
	for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
		const struct source *s = schemes[i].source;

		buf_addf(out, "%s:\t%s", schemes[i].name, schemes[i].help);
		if ((s == &source_duckdb || s == &source_parquet) &&
		    !duckdb_is_there())
			buf_addz(out, " (libduckdb cannot be loaded)");
		if (s->needs)
			buf_addf(out, " (not built in: needs %s)", s->needs);
		buf_addc(out, '\n');
	}
	buf_addz(out, "FILE\ta path: .csv .tsv .ndjson .jsonl .json, also with "
		      ".gz or .zst behind it; .parquet; an SQLite database"
#ifndef HAVE_ZSTD
		      " (.zst is not built in: needs libzstd)"
#endif
		      "\n");
	buf_addz(out, "-\tstandard input\n");
	buf_addz(out, "-- COMMAND\twhat a command writes\n");
}

void *source_open(const struct source *src, const struct source_args *a,
		  struct failure *f)
{
	return src->session ? session_open(src->session, a, f)
			    : src->open(a, f);
}

bool source_can_describe(const struct source *src)
{
	return src->session || src->describe;
}

int source_describe(const struct source *src, const struct source_args *a,
		    struct columns *c, struct failure *f)
{
	return src->session ? session_describe(src->session, a, c, f)
			    : src->describe(a, c, f);
}

void source_close(const struct source *src, void *self)
{
	if (src->session)
		src->session->close(self);
	else
		src->close(self);
}

const struct columns *source_columns(const struct source *src, const void *self)
{
	return src->session ? &((const struct session *)self)->columns : NULL;
}

/* The scheme of a URL; .n 0: it is a path. */
static struct str scheme_of(const char *url)
{
	size_t n = 0;

	while ((url[n] >= 'a' && url[n] <= 'z') ||
	       (n && ((url[n] >= '0' && url[n] <= '9') ||
		      (url[n] && strchr("+.-", url[n])))))
		n++;
	return (struct str){ url, url[n] == ':' ? n : 0 };
}

static bool is_sqlite(const char *path)
{
	static const char magic[16] = "SQLite format 3";
	char head[sizeof magic];
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	bool is;

	if (fd < 0)
		return false;
	is = read(fd, head, sizeof head) == sizeof head &&
	     memcmp(head, magic, sizeof head) == 0;
	close(fd);
	return is;
}

static bool is_file(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

static bool ends(const char *path, const char *suffix)
{
	size_t n = strlen(path), m = strlen(suffix);

	return n >= m && strcmp(path + n - m, suffix) == 0;
}

/* In place a file has columns to order by; what has to be unpacked has not. */
static const struct source *find_parquet(struct source_args *a)
{
	static const char *const packed[] = { ".gz", ".zst", ".zstd" };
	bool in_place = strcmp(a->where, "-") != 0;
	struct stat st;

	if (stat(a->where, &st) == 0 && !S_ISREG(st.st_mode))
		in_place = false;
	for (size_t i = 0; i < ARRAY_LEN(packed); i++)
		in_place &= !ends(a->where, packed[i]);
	a->text.format = FORMAT_PARQUET;
	return in_place ? &source_parquet : &source_file;
}

static const struct source *find_path(struct source_args *a)
{
	a->where = a->url;
	if (a->text.format == FORMAT_UNKNOWN)
		a->text.format = format_of_path(a->url);
	if (a->text.format == FORMAT_PARQUET)
		return find_parquet(a);
	/* A pipe may be read once only, so nobody looks into it. */
	if (a->text.format == FORMAT_UNKNOWN && is_file(a->url) &&
	    is_sqlite(a->url))
		return &source_sqlite;
	return &source_file;
}

static int no_source(struct str scheme, struct failure *f)
{
	return failed(f, EX_USAGE,
		      "there is no source '%.*s:' (--list-sources shows those "
		      "that there are; a file of that name is ./%.*s:...)",
		      STR_ARG(scheme), STR_ARG(scheme));
}

const struct source *source_find(struct source_args *a, struct failure *f)
{
	struct str scheme;

	if (a->command)
		return &source_command;
	scheme = scheme_of(a->url);
	if (!scheme.n)
		return find_path(a);
	for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
		const struct scheme *s = &schemes[i];

		if (!str_is(scheme, s->name))
			continue;
		if (s->source->needs) {
			failed(f, EX_USAGE, "%s: not built in (needs %s)",
			       s->name, s->source->needs);
			return NULL;
		}
		if (s->format && a->text.format &&
		    s->format != a->text.format) {
			failed(f, EX_USAGE,
			       "%s: is another format than --format says",
			       s->name);
			return NULL;
		}
		if (s->format)
			a->text.format = s->format;
		a->where = a->url + scheme.n + 1;
		return s->source == &source_parquet ? find_parquet(a)
						    : s->source;
	}
	no_source(scheme, f);
	return NULL;
}

/* ---- names of tables ---- */

/* Takes one part off *p, which moves to the dot or the end behind it. */
static int take_part(const char **p, struct buf *part)
{
	const char *q = *p;

	buf_reset(part);
	if (*q != '"') {
		for (; *q && *q != '.'; q++) {
			if (*q == '"')
				return -1;
			buf_addc(part, *q);
		}
	} else {
		for (q++; *q != '"' || q[1] == '"'; q++) {
			if (!*q)
				return -1;
			q += *q == '"';
			buf_addc(part, *q);
		}
		q++;
	}
	*p = q;
	return part->len && (!*q || *q == '.') ? 0 : -1;
}

static void put_quoted(struct buf *out, char quote, struct str name)
{
	buf_addc(out, quote);
	for (size_t i = 0; i < name.n; i++) {
		if (name.s[i] == quote)
			buf_addc(out, quote);
		buf_addc(out, name.s[i]);
	}
	buf_addc(out, quote);
}

int source_put_select(struct buf *out, const char *dataset, char quote,
		      struct failure *f)
{
	struct buf part = BUF_INIT;
	const char *p = dataset;
	int ret = -1;

	buf_addz(out, "select * from ");
	for (;;) {
		if (take_part(&p, &part) < 0) {
			failed(f, EX_USAGE,
			       "'%s' does not name a table: expected NAME or "
			       "SCHEMA.NAME, with double quotes around a name "
			       "that has a dot or a quote in it",
			       dataset);
			break;
		}
		put_quoted(out, quote, buf_str(&part));
		if (!*p) {
			ret = 0;
			break;
		}
		buf_addc(out, *p++);
	}
	buf_release(&part);
	return ret;
}

void source_put_name(struct buf *out, struct str name)
{
	if (memchr(name.s, '.', name.n) || memchr(name.s, '"', name.n))
		put_quoted(out, '"', name);
	else
		buf_adds(out, name);
}

/* ---- parameters ---- */

struct param *source_find_param(const struct source_args *a, struct str name)
{
	for (size_t i = 0; i < a->n_params; i++)
		if (str_eq(a->params[i].name, name))
			return &a->params[i];
	return NULL;
}

ssize_t source_put_names(struct buf *names, struct json_iter *rows,
			 struct buf *scratch)
{
	struct json_iter it, cell;
	struct json_member m;
	struct str row, v;
	ssize_t n = 0;

	for (; json_iter_element(rows, &row); n++) {
		const char *dot = "";

		if (json_type(row) != JSON_ARRAY)
			return -1;
		json_iter_init(&it, row);
		while (json_iter_element(&it, &v)) {
			if (json_type(v) == JSON_OBJECT) {
				json_iter_init(&cell, v);
				if (json_iter_member(&cell, &m))
					v = m.val;
			}
			if (json_type(v) != JSON_STRING)
				return -1;
			buf_addz(names, dot);
			source_put_name(names, json_text(v, scratch));
			dot = ".";
		}
		buf_addc(names, '\n');
	}
	return n;
}

int source_check_params(const struct source_args *a, struct failure *f)
{
	for (size_t i = 0; i < a->n_params; i++)
		if (!a->params[i].used)
			return failed(f, EX_USAGE,
				      "-p %.*s: the query has no :%.*s",
				      STR_ARG(a->params[i].name),
				      STR_ARG(a->params[i].name));
	return 0;
}
