/* SPDX-License-Identifier: MIT */
/*
 * PostgreSQL, and Redshift, which speaks its protocol, through libpq, one row
 * at a time, as text: the server writes every type exactly, and the columns'
 * types tell what the text means. The end is proved by a last result without
 * rows and without an error, and nothing behind it. Everything happens in one
 * read-only transaction, in UTC, with ISO dates: a pooler that gives a server
 * for the length of a transaction will do, and all rows are of one moment.
 */
#include "bin/retl-extract/source.h"

#include <libpq-fe.h>
#include <poll.h>

#include "bin/retl-extract/cancel.h"
#include "bin/retl-extract/pgvalue.h"
#include "bin/retl-extract/redshift.h"
#include "bin/retl-extract/session.h"
#include "common/mem.h"
#include "common/msg.h"
#include "common/url.h"

#define CONNECT_TIMEOUT_S "30"

#define REDSHIFT_PORT "5439"

struct postgres {
	struct session session;
	bool is_redshift;
	const char *name; /* for messages */
	PGconn *conn;
	struct pg_types known;
	const struct pg_type **types; /* of the columns */
	PGcancel *cancel;
	bool running; /* the query has not ended yet */
	struct pg_cell cell;
};

/* ---- errors ---- */

/* Exit statuses by the beginning of an SQLSTATE; the first that fits counts. */
static int status_of(const char *sqlstate)
{
	static const struct {
		const char *begins;
		int status;
	} table[] = {
		{ "08", EX_TEMPFAIL },    /* connection */
		{ "25006", EX_CONFIG },   /* writing in a read-only session */
		{ "28", EX_NOPERM },      /* who are you */
		{ "40", EX_TEMPFAIL },    /* deadlock, conflict with recovery */
		{ "42501", EX_NOPERM },   /* privilege */
		{ "53", EX_TEMPFAIL },    /* resources */
		{ "55P03", EX_TEMPFAIL }, /* lock not available */
		{ "57", EX_TEMPFAIL },    /* cancelled, shut down, crashed */
		{ "0A", EX_CONFIG },      /* not supported */
		{ "3D", EX_CONFIG },      /* no such database */
		{ "3F", EX_CONFIG },      /* no such schema */
		{ "42", EX_CONFIG },      /* syntax, unknown names, types */
		{ "2", EX_DATAERR },      /* values */
		{ "P0", EX_DATAERR },     /* raised by a function */
	};

	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		if (str_starts(str_of(sqlstate), table[i].begins))
			return table[i].status;
	return EX_UNAVAILABLE;
}

/* libpq's messages end with LF and may have several lines. */
static struct str first_line(const char *text)
{
	return (struct str){ text, strcspn(text, "\n") };
}

/*
 * The server quotes values in its messages about values: those are nobody's
 * business, while the names in messages about names are what people need.
 */
static void put_message(struct buf *out, const char *sqlstate, struct str text)
{
	bool hide = *sqlstate == '2' || str_starts(str_of(sqlstate), "P0");
	bool quoted = false;

	for (size_t i = 0; i < text.n; i++) {
		char c = text.s[i];

		if (c == '"') {
			quoted = !quoted;
			if (quoted && hide)
				buf_addz(out, "\"...");
			else
				buf_addc(out, c);
		} else if (!quoted || !hide) {
			buf_addc(out, c);
		}
	}
}

static int connection_lost(struct postgres *s, struct failure *f)
{
	struct str text = first_line(PQerrorMessage(s->conn));

	return failed(f, EX_TEMPFAIL, "%s: %.*s", s->name, STR_ARG(text));
}

static int query_failed(struct postgres *s, const PGresult *r,
			struct failure *f)
{
	const char *sqlstate = PQresultErrorField(r, PG_DIAG_SQLSTATE);
	const char *text = PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY);
	struct buf message = BUF_INIT;

	if (!sqlstate || !text)
		return connection_lost(s, f);
	put_message(&message, sqlstate, first_line(text));
	failed(f, status_of(sqlstate), "%s: %s (SQLSTATE %s)", s->name,
	       message.data, sqlstate);
	buf_release(&message);
	return -1;
}

/* What servers say beside results may quote values too: only with -v. */
static void take_notice(void *self UNUSED, const char *text)
{
	struct str line = first_line(text);

	msg_debug("postgresql: %.*s", STR_ARG(line));
}

/* ---- interruption ---- */

/* In the thread that saw the signal. */
static void cancel(void *arg)
{
	char err[256];

	PQcancel(arg, err, sizeof err);
}

static void postgres_close(void *self)
{
	struct postgres *s = self;

	cancel_unwatch();
	if (s->running && s->cancel)
		cancel(s->cancel);
	PQfreeCancel(s->cancel);
	PQfinish(s->conn);
	columns_release(&s->session.columns);
	pg_types_release(&s->known);
	free(s->types);
	for (size_t i = 0; i < ARRAY_LEN(s->cell.part); i++)
		buf_release(&s->cell.part[i]);
	free(s);
}

/* ---- connecting ---- */

/* libpq shows pieces of what it cannot read. Is there a password in it? */
static bool has_password(const char *url)
{
	const char *at = strrchr(url, '@'), *slashes = strstr(url, "//");
	const char *colon = slashes ? strchr(slashes, ':') : NULL;

	return strstr(url, "password") || (at && colon && colon < at);
}

/*
 * Arguments are for everybody to see (ps), and source files get committed: a
 * password in them is refused. *timeout: the URL has its own.
 */
static int check_url(const struct postgres *s, const char *url, bool *timeout,
		     struct failure *f)
{
	char *err = NULL;
	PQconninfoOption *options = PQconninfoParse(url, &err), *o;
	bool secret = false;

	if (!options) {
		struct str why = first_line(err ? err : "out of memory");

		if (has_password(url))
			why = STR("is not right (and should not hold a "
				  "password)");
		failed(f, EX_USAGE, "%s: the URL: %.*s", s->name, STR_ARG(why));
		PQfreemem(err);
		return -1;
	}
	for (o = options; o->keyword; o++) {
		secret |=
		    (o->val && *o->val && strstr(o->keyword, "password")) ||
		    url_holds_half_a_password(o->keyword, o->val);
		*timeout |= o->val && !strcmp(o->keyword, "connect_timeout");
	}
	PQconninfoFree(options);
	/* PGPASSFILE and its file are passfile there, not a password. */
	if (secret)
		return failed(f, EX_USAGE,
			      "%s: the URL has a password in it; put it into "
			      "~/.pgpass (PGPASSFILE) or PGPASSWORD",
			      s->name);
	return 0;
}

/* In the server's language, which may be another one. */
static bool is_busy(struct str text)
{
	static const char *const words[] = {
		"too many",      "connection slots", "starting up",
		"shutting down", "recovery",         "not accepting",
	};

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (memmem(text.s, text.n, words[i], strlen(words[i])))
			return true;
	return false;
}

static int connect_failed(struct postgres *s, struct failure *f)
{
	/* Without an SQLSTATE: whoever asked for a password refused it. */
	bool refused = PQconnectionNeedsPassword(s->conn) ||
		       PQconnectionUsedPassword(s->conn);
	struct str text = first_line(PQerrorMessage(s->conn));

	if (is_busy(text))
		return failed(f, EX_TEMPFAIL, "%s: %.*s", s->name,
			      STR_ARG(text));

	return failed(f, refused ? EX_NOPERM : EX_UNAVAILABLE, "%s: %.*s",
		      s->name, STR_ARG(text));
}

static bool is_conninfo(const char *text)
{
	return strchr(text, '=') || str_starts(str_of(text), "postgres://") ||
	       str_starts(str_of(text), "postgresql://");
}

/*
 * postgresql://..., or after the colon what psql takes: a=b c=d, or a name.
 * The caller frees it. libpq does not know Redshift's scheme.
 */
static char *take_target(const struct source_args *a)
{
	struct buf target = BUF_INIT;

	if (str_starts(str_of(a->where), "//"))
		buf_addz(&target, "postgresql:");
	buf_addz(&target, a->where);
	return buf_take(&target);
}

static int do_connect(struct postgres *s, const char *target, struct failure *f)
{
	bool timeout = getenv("PGCONNECT_TIMEOUT") != NULL;
	const char *keys[6] = { "client_encoding",
				"fallback_application_name" };
	const char *values[6] = { "UTF8", "retl-extract" };
	size_t n = 2;

	if (is_conninfo(target) && check_url(s, target, &timeout, f) < 0)
		return -1;
	/* What stands before the name of the database, it can overrule. */
	if (s->is_redshift && !getenv("PGPORT")) {
		keys[n] = "port";
		values[n++] = REDSHIFT_PORT;
	}
	keys[n] = "dbname";
	values[n++] = target;
	if (!timeout) {
		keys[n] = "connect_timeout";
		values[n++] = CONNECT_TIMEOUT_S;
	}
	s->conn = PQconnectdbParams(keys, values, 1);
	if (!s->conn)
		return failed(f, EX_OSERR, "out of memory");
	PQsetNoticeProcessor(s->conn, take_notice, NULL);
	if (PQstatus(s->conn) != CONNECTION_OK)
		return connect_failed(s, f);
	return 0;
}

static int set_up_session(struct postgres *s, struct failure *f)
{
	static const char sql[] = "begin read only;"
				  "set local timezone = 'UTC';"
				  "set local datestyle = 'ISO';"
				  "set local intervalstyle = 'iso_8601';"
				  "set local bytea_output = 'hex';"
				  "set local extra_float_digits = 3;"
				  "set local standard_conforming_strings = on";
	static const char redshift[] = "begin read only;"
				       "set timezone to 'UTC';"
				       "set datestyle to 'ISO';"
				       "set extra_float_digits to 2";
	PGresult *r = PQexec(s->conn, s->is_redshift ? redshift : sql);
	int ret = 0;

	if (PQresultStatus(r) != PGRES_COMMAND_OK)
		ret = query_failed(s, r, f);
	PQclear(r);
	return ret;
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
		buf_adds(out, name);
		return 0;
	case COLUMN_TEXT:
	case COLUMN_DATE:
	case COLUMN_TIME:
		/* What is text already can be read from an index. */
		if (str_is(column_native(c, i), "text") ||
		    str_is(column_native(c, i), "character varying"))
			buf_adds(out, name);
		else
			/* Unlike a cast it keeps the blanks of char(n). */
			buf_addf(out, "concat(%.*s)", STR_ARG(name));
		break;
	case COLUMN_TIMESTAMP:
		buf_addf(out, "replace(concat(%.*s), ' ', 'T')", STR_ARG(name));
		break;
	case COLUMN_TIMESTAMPTZ:
		buf_addf(out,
			 "replace(replace(concat(%.*s), ' ', 'T'), '+00', 'Z')",
			 STR_ARG(name));
		break;
	case COLUMN_BINARY:
		buf_addf(out, "replace(encode(%.*s, 'base64'), E'\\n', '')",
			 STR_ARG(name));
		break;
	default:
		*why = "such a type";
		return -1;
	}
	buf_addz(out, " collate \"C\"");
	return 0;
}

/* A numeric keeps the zeros that it was written with, a float the sign of 0. */
static void put_hashed(struct buf *out, const struct columns *c, size_t i,
		       struct str name)
{
	if (c->v[i].kind == COLUMN_DECIMAL)
		buf_addf(out, "rtrim(rtrim(concat(%.*s + 0.0), '0'), '.')",
			 STR_ARG(name));
	else if (c->v[i].kind == COLUMN_FLOAT)
		buf_addf(out, "%.*s + 0.0", STR_ARG(name));
	else
		buf_adds(out, name);
}

static void put_shard(struct buf *out, const struct source_args *a,
		      const struct str *hashed)
{
	/* No other hash stays the same over versions. */
	buf_addz(out, "mod(('x' || left(md5(concat_ws(','");
	sql_put_each(out, hashed, a->n_key, ", ", "");
	buf_addf(out, ")), 8))::bit(32)::bigint, %" PRIu64 ") = %" PRIu64,
		 a->n_shards, a->shard - 1);
}

static const struct sql_dialect dialects[] = {
	{ .name = "PostgreSQL",
	  .quote = '"',
	  .marks = SQL_NUMBERED,
	  .nested = true,
	  .dollars = true,
	  .put_order = put_order,
	  .put_hashed = put_hashed,
	  .put_shard = put_shard },
	{ .name = "Redshift",
	  .quote = '"',
	  .marks = SQL_NUMBERED,
	  .nested = true,
	  .dollars = true,
	  .put_order = redshift_put_order,
	  .put_shard = redshift_put_shard },
};

static int take_columns(struct postgres *s, const PGresult *r,
			struct failure *f)
{
	int n = PQnfields(r);

	if (!n)
		return failed(f, EX_CONFIG, "%s: the query gives no rows",
			      s->name);
	s->types = xcalloc((size_t)n, sizeof(struct pg_type *));
	for (int i = 0; i < n; i++) {
		PGresult *failure = NULL;

		if (columns_add(&s->session.columns, str_of(PQfname(r, i)), f) <
		    0)
			return failed(f, f->status, "%s: %s", s->name,
				      f->text.data);
		s->types[i] = pg_types_find(&s->known, PQftype(r, i), &failure);
		if (!s->types[i]) {
			query_failed(s, failure, f);
			PQclear(failure);
			return -1;
		}
		columns_set_type(&s->session.columns, s->types[i]->column,
				 s->types[i]->name);
	}
	return 0;
}

/* Names and types of the columns, from the server, which runs nothing yet. */
static int learn(void *self, const struct sql_query *q, struct failure *f)
{
	struct postgres *s = self;
	PGresult *r = PQprepare(s->conn, "", q->sql.data, 0, NULL);
	int ret = -1;

	if (PQresultStatus(r) == PGRES_COMMAND_OK) {
		PQclear(r);
		r = PQdescribePrepared(s->conn, "");
	}
	if (PQresultStatus(r) == PGRES_COMMAND_OK)
		ret = take_columns(s, r, f);
	else
		query_failed(s, r, f);
	PQclear(r);
	return ret;
}

static int send_query(void *self, const struct sql_query *q, struct failure *f)
{
	struct postgres *s = self;
	const char **values = xcalloc(q->n, sizeof *values);
	int sent;

	for (size_t i = 0; i < q->n; i++)
		values[i] = q->values[i]->null ? NULL : q->values[i]->value.s;
	/* Types are left to the server, which knows what the query wants. */
	sent = PQsendQueryParams(s->conn, q->sql.data, (int)q->n, NULL, values,
				 NULL, NULL, 0) &&
	       PQsetSingleRowMode(s->conn);
	free(values);
	if (!sent)
		return connection_lost(s, f);
	s->running = true;
	return 0;
}

static void *open_session(const struct source_args *a, struct failure *f)
{
	struct postgres *s = xcalloc(1, sizeof *s);
	char *target = take_target(a);

	s->is_redshift = str_starts(str_of(a->url), "redshift:");
	session_init(&s->session, a, &dialects[s->is_redshift]);
	s->name = s->is_redshift ? "redshift" : "postgresql";
	for (size_t i = 0; i < ARRAY_LEN(s->cell.part); i++)
		s->cell.part[i] = BUF_INIT;
	if (do_connect(s, target, f) < 0 || set_up_session(s, f) < 0) {
		postgres_close(s);
		s = NULL;
	} else {
		s->known.conn = s->conn;
		s->known.is_redshift = s->is_redshift;
		s->cancel = PQgetCancel(s->conn);
		cancel_watch(cancel, s->cancel);
	}
	free(target);
	return s;
}

static const struct session_ops session = {
	.open = open_session,
	.learn = learn,
	.must_learn = session_always,
	.run = send_query,
	.close = postgres_close,
};

/* ---- rows ---- */

/* The server gives what it has described. */
static int check_columns(struct postgres *s, const PGresult *r,
			 struct failure *f)
{
	size_t n = (size_t)PQnfields(r);
	bool same = n == s->session.columns.n;

	for (size_t i = 0; same && i < n; i++)
		same = str_is(column_name(&s->session.columns, i),
			      PQfname(r, (int)i));
	if (!same)
		return failed(f, EX_TEMPFAIL,
			      "%s: the query's columns have changed meanwhile",
			      s->name);
	return 0;
}

static int put_row(struct postgres *s, const PGresult *r, struct rows *rows,
		   struct failure *f)
{
	struct pg_cell *c = &s->cell;

	c->rows = rows;
	c->columns = &s->session.columns;
	c->f = f;
	c->level = 1;
	for (c->column = 0; c->column < s->session.columns.n; c->column++) {
		int i = (int)c->column;
		struct str v = { PQgetvalue(r, 0, i),
				 (size_t)PQgetlength(r, 0, i) };

		column_put(&rows->out.b, &s->session.columns, c->column);
		if (PQgetisnull(r, 0, i))
			buf_addz(&rows->out.b, "null");
		else if (pg_put_value(c, s->types[i], v) < 0)
			return -1;
	}
	buf_addc(&rows->out.b, '}');
	return rows_end(rows, f) < 0 ? -1 : 1;
}

/*
 * Whoever reads our rows gets them before we wait for more. What there is to be
 * read may end within a row, and then the next call would wait all the same.
 */
static void flush_before_waiting(struct postgres *s, struct rows *rows)
{
	struct pollfd p = { .fd = PQsocket(s->conn), .events = POLLIN };

	while (rows_waiting(rows) && PQisBusy(s->conn)) {
		if (poll(&p, 1, 0) == 0)
			rows_flush(rows);
		else if (!PQconsumeInput(s->conn))
			return; /* PQgetResult tells why */
	}
}

/* The result that ends the rows was right: nothing may follow it. */
static int take_end(struct postgres *s, struct failure *f)
{
	PGresult *r = PQgetResult(s->conn);
	int ret = 0;

	s->running = false;
	if (r)
		ret = query_failed(s, r, f);
	PQclear(r);
	return ret;
}

static int take_result(struct postgres *s, const PGresult *r, struct rows *rows,
		       struct failure *f)
{
	switch (PQresultStatus(r)) {
	case PGRES_SINGLE_TUPLE:
		if (!rows->out.n_records && check_columns(s, r, f) < 0)
			return -1;
		return put_row(s, r, rows, f);
	case PGRES_TUPLES_OK:
		/* Rows that come without having been announced are not ours. */
		if (PQntuples(r))
			return failed(f, EX_SOFTWARE, "%s: rows in a lump",
				      s->name);
		return take_end(s, f);
	case PGRES_COMMAND_OK:
	case PGRES_EMPTY_QUERY:
	case PGRES_COPY_IN:
	case PGRES_COPY_OUT:
	case PGRES_COPY_BOTH:
		return failed(f, EX_CONFIG, "%s: the query gives no rows",
			      s->name);
	default:
		return query_failed(s, r, f);
	}
}

static int postgres_next(void *self, struct rows *rows, struct failure *f)
{
	struct postgres *s = self;
	PGresult *r;
	int got;

	flush_before_waiting(s, rows);
	r = PQgetResult(s->conn);
	if (!r)
		return connection_lost(s, f);
	got = take_result(s, r, rows, f);
	PQclear(r);
	return got;
}

/* ---- tables ---- */

static int take_names(struct postgres *s, struct buf *names, struct failure *f)
{
	PGresult *r;
	int ret = 1;

	while (ret == 1) {
		r = PQgetResult(s->conn);
		if (r && PQresultStatus(r) == PGRES_SINGLE_TUPLE) {
			if (!PQgetisnull(r, 0, 0)) {
				source_put_name(names,
						str_of(PQgetvalue(r, 0, 0)));
				buf_addc(names, '.');
			}
			source_put_name(names, str_of(PQgetvalue(r, 0, 1)));
			buf_addc(names, '\n');
		} else if (r && PQresultStatus(r) == PGRES_TUPLES_OK) {
			ret = take_end(s, f);
		} else {
			ret = r ? query_failed(s, r, f) : connection_lost(s, f);
		}
		PQclear(r);
	}
	return ret;
}

static int postgres_list(const struct source_args *a, struct buf *names,
			 struct failure *f)
{
	static const char sql[] =
	    "select case when pg_table_is_visible(c.oid) then null "
	    "else n.nspname end, c.relname "
	    "from pg_class c join pg_namespace n on n.oid = c.relnamespace "
	    "where c.relkind in ('r', 'v', 'm', 'f', 'p') "
	    "and n.nspname not in ('pg_catalog', 'information_schema') "
	    "and n.nspname not like 'pg\\_%' "
	    "and has_table_privilege(c.oid, 'select') "
	    "order by n.nspname, c.relname";
	struct postgres *s = open_session(a, f);
	struct sql_query q = SQL_QUERY_INIT;
	int ret = -1;

	if (!s)
		return -1;
	buf_addz(&q.sql, sql);
	if (send_query(s, &q, f) == 0)
		ret = take_names(s, names, f);
	sql_query_release(&q);
	postgres_close(s);
	return ret;
}

const struct source source_postgresql = {
	.has_datasets = true,
	.can_order = true,
	.can_shard = true,
	.session = &session,
	.next = postgres_next,
	.list = postgres_list,
};
