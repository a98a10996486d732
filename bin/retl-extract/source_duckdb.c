/* SPDX-License-Identifier: MIT */
/*
 * DuckDB: its own files, read-only, or a database in memory for queries over
 * files of any kind; and Parquet files, through it. The result streams by
 * chunks of some 2000 rows. The end is proved by a chunk that is not there,
 * and no error.
 */
#include "bin/retl-extract/source.h"

#include "bin/retl-extract/duckvalue.h"
#include "bin/retl-extract/session.h"
#include "common/mem.h"

struct duck {
	struct session session;
	const struct duckdb_api *db;
	const char *name; /* for messages: the file, or "duckdb" */
	duckdb database, connection, statement, pending, chunk;
	struct duckdb_result result;
	bool has_result;
	struct duck_column **column;
	size_t n_columns;
	uint64_t at, n; /* in the chunk: the next row, and how many there are */
	struct stat before; /* of a Parquet file */
};

/* ---- errors ---- */

static int status_of(const char *text)
{
	static const struct {
		const char *begins;
		int status;
	} table[] = {
		{ "Invalid Input Error: Cannot prepare", EX_CONFIG },
		{ "Parser Error", EX_CONFIG },
		{ "Binder Error", EX_CONFIG },
		{ "Catalog Error", EX_CONFIG },
		{ "Not implemented", EX_CONFIG },
		{ "Permission Error", EX_NOPERM },
		{ "IO Error: Could not set lock", EX_TEMPFAIL },
		{ "IO Error: No files found", EX_NOINPUT },
		{ "IO Error: Cannot open", EX_NOINPUT },
		{ "IO Error", EX_DATAERR },
		{ "Out of Memory", EX_OSERR },
		{ "INTERRUPT", EX_TEMPFAIL },
	};

	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		if (str_starts(str_of(text), table[i].begins))
			return table[i].status;
	return EX_DATAERR;
}

/* Messages about values quote them: those are not for everybody. */
static int give_up(struct duck *s, const char *text, struct failure *f)
{
	struct buf message = BUF_INIT;
	int status = status_of(text ? text : "");
	bool quoted = false;

	for (; text && *text && *text != '\n'; text++) {
		bool quote = *text == '\'' || *text == '"';

		if (quote && status == EX_DATAERR) {
			quoted = !quoted;
			buf_addz(&message, quoted ? "'..." : "'");
		} else if (!quoted) {
			buf_addc(&message, *text);
		}
	}
	failed(f, status, "%s: %s", s->name, message.data);
	buf_release(&message);
	return -1;
}

/* Back to before run, but for the columns' names and types. */
static void stop(struct duck *s)
{
	const struct duckdb_api *db = s->db;

	for (size_t i = 0; i < s->n_columns; i++)
		duck_column_free(s->column[i]);
	free(s->column);
	s->column = NULL;
	s->n_columns = 0;
	if (s->chunk)
		db->destroy_data_chunk(&s->chunk);
	if (s->has_result)
		db->destroy_result(&s->result);
	s->has_result = false;
	if (s->pending)
		db->destroy_pending(&s->pending);
	if (s->statement)
		db->destroy_prepare(&s->statement);
}

static void duck_close(void *self)
{
	struct duck *s = self;

	stop(s);
	columns_release(&s->session.columns);
	if (s->connection)
		s->db->disconnect(&s->connection);
	if (s->database)
		s->db->close(&s->database);
	free(s);
}

/* ---- opening ---- */

static int set_options(struct duck *s, duckdb config, bool read_only)
{
	int bad = 0;

	if (read_only)
		bad |= s->db->set_config(config, "access_mode", "READ_ONLY");
	/* Nobody asked for code from the network. */
	bad |=
	    s->db->set_config(config, "autoinstall_known_extensions", "false");
	return bad;
}

/* file "": a database in memory */
static int open_database(struct duck *s, const char *file, struct failure *f)
{
	const struct duckdb_api *db = s->db;
	struct duckdb_result unused = { .data = NULL };
	duckdb config = NULL;
	char *error = NULL;
	int bad = db->create_config(&config);

	if (*file && access(file, R_OK) < 0)
		bad = failed(f, errno == EACCES ? EX_NOPERM : EX_NOINPUT,
			     "%s: %s", file, strerror(errno));
	else if (bad || set_options(s, config, *file))
		bad = failed(f, EX_SOFTWARE, "duckdb: an option is not known");
	else if (db->open_ext(*file ? file : NULL, &s->database, config,
			      &error))
		bad = give_up(s, error, f);
	else if (db->connect(s->database, &s->connection))
		bad = failed(f, EX_OSERR, "duckdb: no connection");
	db->destroy_config(&config);
	db->free(error);
	if (bad)
		return -1;
	/* What has no zone in SQL is not ours to guess. */
	if (db->query(s->connection, "set TimeZone = 'UTC'", &unused))
		bad = give_up(s, db->result_error(&unused), f);
	db->destroy_result(&unused);
	return bad;
}

/* ---- the query ---- */

static int put_order(struct buf *out, const struct columns *c, size_t i,
		     struct str name, const char **why)
{
	switch (c->v[i].kind) {
	case COLUMN_BOOL:
	case COLUMN_INTEGER:
	case COLUMN_DECIMAL:
	case COLUMN_FLOAT:
	case COLUMN_DATE:
	case COLUMN_TIME:
	case COLUMN_TIMESTAMP:
		buf_adds(out, name);
		return 0;
	case COLUMN_TEXT:
		if (str_is(column_native(c, i), "interval"))
			break;
		/* Bytes: a column may have a collation of its own. */
		buf_addf(out, "encode(%.*s::varchar)", STR_ARG(name));
		return 0;
	case COLUMN_BINARY:
		buf_addf(out, "encode(base64(%.*s))", STR_ARG(name));
		return 0;
	default:
		break;
	}
	*why = "such a type";
	return -1;
}

static void put_shard(struct buf *out, const struct source_args *a,
		      const struct str *hashed)
{
	buf_addz(out, "('0x' || left(md5(concat_ws(','");
	sql_put_each(out, hashed, a->n_key, ", ", "");
	buf_addf(out, ")), 8))::bigint %% %" PRIu64 " = %" PRIu64, a->n_shards,
		 a->shard - 1);
}

static const struct sql_dialect dialect = {
	.name = "DuckDB",
	.quote = '"',
	.marks = SQL_NUMBERED,
	.dollars = true,
	.put_order = put_order,
	.put_shard = put_shard,
};

static int add_column(struct duck *s, const char *name, duckdb type,
		      struct failure *f)
{
	struct duck_column *c = duck_column_new(s->db, type);
	enum column_kind kind;
	const char *native;

	if (columns_add(&s->session.columns, str_of(name), f) < 0) {
		duck_column_free(c);
		return failed(f, f->status, "%s: %s", s->name, f->text.data);
	}
	if (!c)
		return failed(f, EX_CONFIG,
			      "%s: column '%s' has a type that is not known "
			      "here; cast it in the query",
			      s->name, name);
	s->column[s->n_columns++] = c;
	kind = duck_column_kind(c, &native);
	columns_set_type(&s->session.columns, kind, native);
	return 0;
}

static int take_columns(struct duck *s, struct failure *f)
{
	const struct duckdb_api *db = s->db;
	uint64_t n = db->column_count(&s->result);
	int ret = 0;

	s->column = xcalloc(n, sizeof(struct duck_column *));
	for (uint64_t i = 0; ret == 0 && i < n; i++) {
		duckdb type = db->column_logical_type(&s->result, i);

		ret = add_column(s, db->column_name(&s->result, i), type, f);
		db->destroy_logical_type(&type);
	}
	return ret;
}

static int compile(struct duck *s, const char *sql, struct failure *f)
{
	if (s->db->prepare(s->connection, sql, &s->statement))
		return give_up(s, s->db->prepare_error(s->statement), f);
	if (s->db->prepared_statement_type(s->statement) != DUCKDB_SELECT)
		return failed(f, EX_CONFIG, "%s: the query must be a SELECT",
			      s->name);
	return 0;
}

static int bind(struct duck *s, const struct sql_query *q, struct failure *f)
{
	for (size_t i = 0; i < q->n; i++) {
		const struct param *p = q->values[i];

		if (p->null ? s->db->bind_null(s->statement, i + 1)
			    : s->db->bind_varchar_length(
				  s->statement, i + 1, p->value.s, p->value.n))
			return failed(f, EX_DATAERR,
				      "%s: -p %.*s cannot be bound", s->name,
				      STR_ARG(p->name));
	}
	return 0;
}

/* The result begins; its columns are known now. */
static int run_sql(struct duck *s, const char *sql, const struct sql_query *q,
		   struct failure *f)
{
	const struct duckdb_api *db = s->db;

	if (compile(s, sql, f) < 0 || bind(s, q, f) < 0)
		return -1;
	if (db->pending_prepared_streaming(s->statement, &s->pending))
		return give_up(s, db->pending_error(s->pending), f);
	s->has_result = true;
	if (db->execute_pending(s->pending, &s->result))
		return give_up(s, db->result_error(&s->result), f);
	return take_columns(s, f);
}

/*
 * Types are known for sure when values have been bound, so the columns are
 * those of a result without rows.
 */
static int learn(void *self, const struct sql_query *q, struct failure *f)
{
	struct duck *s = self;
	struct buf sql = BUF_INIT;
	int ret = compile(s, q->sql.data, f);

	if (ret == 0) {
		stop(s);
		sql_put_bare(&sql, &dialect, &q->sql);
		ret = run_sql(s, sql.data, q, f);
	}
	stop(s);
	buf_release(&sql);
	return ret;
}

static int run(void *self, const struct sql_query *q, struct failure *f)
{
	struct duck *s = self;

	columns_release(&s->session.columns);
	return run_sql(s, q->sql.data, q, f);
}

/* file: see open_database */
static struct duck *duck_new(const struct source_args *a, const char *file,
			     struct failure *f)
{
	const struct duckdb_api *db = duckdb_load(f);
	struct duck *s;

	if (!db)
		return NULL;
	s = xcalloc(1, sizeof *s);
	s->db = db;
	s->name = *a->where ? a->where : "duckdb";
	session_init(&s->session, a, &dialect);
	if (open_database(s, file, f) < 0) {
		duck_close(s);
		return NULL;
	}
	return s;
}

static void *open_session(const struct source_args *a, struct failure *f)
{
	return duck_new(a, a->where, f);
}

static const struct session_ops session = {
	.open = open_session,
	.learn = learn,
	.run = run,
	.close = duck_close,
};

/* ---- rows ---- */

/* 1: there are rows in the chunk. 0: that was the last one. -1. */
static int next_chunk(struct duck *s, struct failure *f)
{
	const struct duckdb_api *db = s->db;
	const char *error;

	if (s->chunk)
		db->destroy_data_chunk(&s->chunk);
	s->at = s->n = 0;
	s->chunk = db->fetch_chunk(s->result);
	if (!s->chunk) {
		error = db->result_error(&s->result);
		return error && *error ? give_up(s, error, f) : 0;
	}
	s->n = db->data_chunk_get_size(s->chunk);
	for (size_t i = 0; i < s->n_columns; i++)
		duck_column_point(s->column[i], db,
				  db->data_chunk_get_vector(s->chunk, i));
	return 1;
}

static int put_row(struct duck *s, struct rows *rows, struct failure *f)
{
	struct duck_cell cell = { .rows = rows,
				  .columns = &s->session.columns,
				  .f = f };

	for (size_t i = 0; i < s->n_columns; i++) {
		cell.column = i;
		column_put(&rows->out.b, &s->session.columns, i);
		if (duck_put_value(&cell, s->column[i], s->at, 1) < 0)
			return -1;
	}
	s->at++;
	buf_addc(&rows->out.b, '}');
	return rows_end(rows, f) < 0 ? -1 : 1;
}

static int duck_next(void *self, struct rows *rows, struct failure *f)
{
	struct duck *s = self;
	int got;

	while (s->at == s->n) {
		got = next_chunk(s, f);
		if (got <= 0)
			return got;
	}
	return put_row(s, rows, f);
}

/* ---- tables ---- */

static int duck_list(const struct source_args *a, struct buf *names,
		     struct failure *f)
{
	static const char sql[] =
	    "select coalesce(nullif(table_schema, 'main'), ''), table_name "
	    "from information_schema.tables "
	    "where table_schema not in ('information_schema', 'pg_catalog') "
	    "order by encode(table_schema), encode(table_name)";
	struct sql_query none = SQL_QUERY_INIT;
	struct duck *s = open_session(a, f);
	int got;

	if (!s)
		return -1;
	got = run_sql(s, sql, &none, f) < 0 ? -1 : 1;
	while (got == 1 && (got = next_chunk(s, f)) == 1) {
		for (uint64_t i = 0; i < s->n; i++) {
			struct str schema = duck_text(s->column[0], i);

			if (schema.n) {
				source_put_name(names, schema);
				buf_addc(names, '.');
			}
			source_put_name(names, duck_text(s->column[1], i));
			buf_addc(names, '\n');
		}
	}
	duck_close(s);
	return got;
}

/* ---- Parquet ---- */

static int put_parquet_query(struct buf *sql, const char *path,
			     struct failure *f)
{
	/* The library would take these for patterns of several files. */
	if (strpbrk(path, "*?["))
		return failed(f, EX_USAGE,
			      "%s: a name of a Parquet file with *, ? or [ in "
			      "it is not possible",
			      path);
	buf_addz(sql, "select * from read_parquet('");
	for (const char *p = path; *p; p++) {
		if (*p == '\'')
			buf_addc(sql, '\'');
		buf_addc(sql, *p);
	}
	/* Nor is the name of its folder one of its columns. */
	buf_addz(sql, "', hive_partitioning = false)");
	return 0;
}

static int prepare_parquet(void *self, struct sql_query *q, struct failure *f)
{
	struct duck *s = self;

	return put_parquet_query(&q->sql, s->session.args->where, f);
}

static void *open_parquet(const struct source_args *a, struct failure *f)
{
	struct stat before;
	struct duck *s;

	if (stat(a->where, &before) < 0 || access(a->where, R_OK) < 0) {
		failed(f, EX_NOINPUT, "%s: %s", a->where, strerror(errno));
		return NULL;
	}
	s = duck_new(a, "", f);
	if (s)
		s->before = before;
	return s;
}

static const struct session_ops parquet_session = {
	.open = open_parquet,
	.prepare = prepare_parquet,
	.learn = learn,
	.run = run,
	.close = duck_close,
};

/* Is the file still what it was? Then these were its rows. */
static int parquet_next(void *self, struct rows *rows, struct failure *f)
{
	struct duck *s = self;
	int got = duck_next(self, rows, f);
	struct stat now;

	if (got)
		return got;
	if (stat(s->name, &now) < 0 || now.st_ino != s->before.st_ino ||
	    now.st_size != s->before.st_size ||
	    now.st_mtim.tv_sec != s->before.st_mtim.tv_sec ||
	    now.st_mtim.tv_nsec != s->before.st_mtim.tv_nsec)
		return failed(f, EX_TEMPFAIL,
			      "%s: was changed while it was read", s->name);
	return 0;
}

const struct source source_duckdb = {
	.has_datasets = true,
	.can_order = true,
	.can_shard = true,
	.session = &session,
	.next = duck_next,
	.list = duck_list,
};

const struct source source_parquet = {
	.can_order = true,
	.can_shard = true,
	.session = &parquet_session,
	.next = parquet_next,
};
