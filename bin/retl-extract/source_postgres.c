/* SPDX-License-Identifier: MIT */
/*
 * PostgreSQL through libpq, one row at a time, as text: the server writes
 * every type exactly, and the columns' types tell what the text means. The end
 * is proved by a last result without rows and without an error, and nothing
 * behind it. The session is read-only, in UTC, with ISO dates.
 */
#include "bin/retl-extract/source.h"

#include <libpq-fe.h>
#include <poll.h>
#include <signal.h>

#include "bin/retl-extract/pgvalue.h"
#include "bin/retl-extract/sqlparam.h"
#include "common/mem.h"
#include "common/msg.h"

#define CONNECT_TIMEOUT_S "30"

struct postgres {
	PGconn *conn;
	struct columns columns;
	struct pg_type *types;
	bool running; /* the query has not ended yet */
	struct buf element, bytes;
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

	return failed(f, EX_TEMPFAIL, "postgresql: %.*s", STR_ARG(text));
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
	failed(f, status_of(sqlstate), "postgresql: %s (SQLSTATE %s)",
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

/* For the signal handler. */
static PGcancel *volatile cancel_handle;

/* The server stops as well, which it would else notice at its next row. */
static void interrupted(int sig)
{
	char err[256];
	PGcancel *handle = cancel_handle;

	signal(sig, SIG_DFL);
	if (handle)
		PQcancel(handle, err, sizeof err);
	raise(sig);
}

static void catch_signals(struct postgres *s)
{
	static const int sigs[] = { SIGINT, SIGTERM, SIGHUP };

	cancel_handle = PQgetCancel(s->conn);
	for (size_t i = 0; i < ARRAY_LEN(sigs); i++) {
		/* A second signal finds the default action: it ends us. */
		struct sigaction old, new = { .sa_handler = interrupted,
					      .sa_flags = SA_RESETHAND };

		sigaction(sigs[i], NULL, &old);
		if (old.sa_handler != SIG_IGN)
			sigaction(sigs[i], &new, NULL);
	}
}

static void stop_query(struct postgres *s)
{
	PGcancel *handle = cancel_handle;
	char err[256];

	if (s->running && handle)
		PQcancel(handle, err, sizeof err);
	cancel_handle = NULL;
	PQfreeCancel(handle);
}

static void postgres_close(void *self)
{
	struct postgres *s = self;

	stop_query(s);
	PQfinish(s->conn);
	columns_release(&s->columns);
	free(s->types);
	buf_release(&s->element);
	buf_release(&s->bytes);
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
static int check_url(const char *url, bool *timeout, struct failure *f)
{
	char *err = NULL;
	PQconninfoOption *options = PQconninfoParse(url, &err), *o;
	bool secret = false;

	if (!options) {
		struct str why = first_line(err ? err : "out of memory");

		if (has_password(url))
			why = STR("is not right (and should not hold a "
				  "password)");
		failed(f, EX_USAGE, "postgresql: the URL: %.*s", STR_ARG(why));
		PQfreemem(err);
		return -1;
	}
	for (o = options; o->keyword; o++) {
		secret |= o->val && *o->val && strstr(o->keyword, "password");
		*timeout |= o->val && !strcmp(o->keyword, "connect_timeout");
	}
	PQconninfoFree(options);
	/* PGPASSFILE and its file are passfile there, not a password. */
	if (secret)
		return failed(f, EX_USAGE,
			      "postgresql: the URL has a password in it; put "
			      "it into ~/.pgpass (PGPASSFILE) or PGPASSWORD");
	return 0;
}

static int connect_failed(struct postgres *s, struct failure *f)
{
	/* Without an SQLSTATE: whoever asked for a password refused it. */
	bool refused = PQconnectionNeedsPassword(s->conn) ||
		       PQconnectionUsedPassword(s->conn);
	struct str text = first_line(PQerrorMessage(s->conn));

	return failed(f, refused ? EX_NOPERM : EX_UNAVAILABLE,
		      "postgresql: %.*s", STR_ARG(text));
}

static bool is_conninfo(const char *text)
{
	return strchr(text, '=') || str_starts(str_of(text), "postgres://") ||
	       str_starts(str_of(text), "postgresql://");
}

/* postgresql://..., or after the colon what psql takes: a=b c=d, or a name. */
static int do_connect(struct postgres *s, const struct source_args *a,
		      struct failure *f)
{
	const char *target =
	    str_starts(str_of(a->where), "//") ? a->url : a->where;
	bool timeout = getenv("PGCONNECT_TIMEOUT") != NULL;
	const char *keys[5] = { "dbname", "client_encoding",
				"fallback_application_name" };
	const char *values[5] = { target, "UTF8", "retl-extract" };

	if (is_conninfo(target) && check_url(target, &timeout, f) < 0)
		return -1;
	if (!timeout) {
		keys[3] = "connect_timeout";
		values[3] = CONNECT_TIMEOUT_S;
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
	PGresult *r = PQexec(s->conn, sql);
	int ret = 0;

	if (PQresultStatus(r) != PGRES_COMMAND_OK)
		ret = query_failed(s, r, f);
	PQclear(r);
	return ret;
}

static struct postgres *open_session(const struct source_args *a,
				     struct failure *f)
{
	struct postgres *s = xcalloc(1, sizeof *s);

	s->columns = COLUMNS_INIT;
	s->element = s->bytes = BUF_INIT;
	if (do_connect(s, a, f) < 0 || set_up_session(s, f) < 0) {
		postgres_close(s);
		return NULL;
	}
	catch_signals(s);
	return s;
}

static int send_query(struct postgres *s, const char *sql, int n,
		      const char *const *values, struct failure *f)
{
	/* Types are left to the server, which knows what the query wants. */
	if (!PQsendQueryParams(s->conn, sql, n, NULL, values, NULL, NULL, 0) ||
	    !PQsetSingleRowMode(s->conn))
		return connection_lost(s, f);
	s->running = true;
	return 0;
}

static int start(struct postgres *s, const struct source_args *a,
		 struct failure *f)
{
	struct buf select = BUF_INIT;
	struct sqlparam q = SQLPARAM_INIT;
	struct str sql = a->query;
	int ret = -1;

	if (!sql.s) {
		if (source_put_select(&select, a->dataset, f) < 0)
			goto out;
		sql = buf_str(&select);
	}
	if (sqlparam_rewrite(&q, a, sql, f) < 0)
		goto out;
	ret = send_query(s, q.sql.data, q.n, q.values, f);
out:
	buf_release(&select);
	sqlparam_release(&q);
	return ret;
}

static void *postgres_open(const struct source_args *a, struct failure *f)
{
	struct postgres *s = open_session(a, f);

	if (s && start(s, a, f) < 0) {
		postgres_close(s);
		return NULL;
	}
	return s;
}

/* ---- rows ---- */

static int name_columns(struct postgres *s, const PGresult *r,
			struct failure *f)
{
	int n = PQnfields(r);

	if (s->columns.n)
		return 0;
	s->types = xcalloc((size_t)n, sizeof *s->types);
	for (int i = 0; i < n; i++) {
		s->types[i] = pg_type_of(PQftype(r, i));
		if (columns_add(&s->columns, str_of(PQfname(r, i)), f) < 0)
			return failed(f, f->status, "postgresql: %s",
				      f->text.data);
	}
	if (!n)
		return failed(f, EX_CONFIG,
			      "postgresql: the query has no columns");
	return 0;
}

static int put_row(struct postgres *s, const PGresult *r, struct rows *rows,
		   struct failure *f)
{
	struct pg_cell c = { .rows = rows,
			     .columns = &s->columns,
			     .element = &s->element,
			     .bytes = &s->bytes,
			     .f = f,
			     .level = 1 };

	for (c.column = 0; c.column < s->columns.n; c.column++) {
		int i = (int)c.column;
		struct str v = { PQgetvalue(r, 0, i),
				 (size_t)PQgetlength(r, 0, i) };

		column_put(&rows->out.b, &s->columns, c.column);
		if (PQgetisnull(r, 0, i))
			buf_addz(&rows->out.b, "null");
		else if (pg_put_value(&c, s->types[i], v) < 0)
			return -1;
	}
	buf_addc(&rows->out.b, '}');
	return rows_end(rows, f) < 0 ? -1 : 1;
}

/* Whoever reads our rows gets them before we wait for more. */
static void flush_before_waiting(struct postgres *s, struct rows *rows)
{
	struct pollfd p = { .fd = PQsocket(s->conn), .events = POLLIN };

	if (rows_waiting(rows) && PQisBusy(s->conn) && poll(&p, 1, 0) == 0)
		rows_flush(rows);
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
		if (name_columns(s, r, f) < 0)
			return -1;
		return put_row(s, r, rows, f);
	case PGRES_TUPLES_OK:
		/* Rows that come without having been announced are not ours. */
		if (PQntuples(r))
			return failed(f, EX_SOFTWARE,
				      "postgresql: rows in a lump");
		if (name_columns(s, r, f) < 0)
			return -1;
		return take_end(s, f);
	case PGRES_COMMAND_OK:
	case PGRES_EMPTY_QUERY:
	case PGRES_COPY_IN:
	case PGRES_COPY_OUT:
	case PGRES_COPY_BOTH:
		return failed(f, EX_CONFIG,
			      "postgresql: the query gives no rows");
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
	    "order by n.nspname collate \"C\", c.relname collate \"C\"";
	struct postgres *s = open_session(a, f);
	int ret = -1;

	if (!s)
		return -1;
	if (send_query(s, sql, 0, NULL, f) == 0)
		ret = take_names(s, names, f);
	postgres_close(s);
	return ret;
}

const struct source source_postgresql = {
	.has_datasets = true,
	.open = postgres_open,
	.next = postgres_next,
	.list = postgres_list,
	.close = postgres_close,
};
