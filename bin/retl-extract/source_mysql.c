/* SPDX-License-Identifier: MIT */
/*
 * MySQL and MariaDB through libmariadb, unbuffered, as a prepared statement:
 * parameters are bound, types are known before anything runs, and the binary
 * protocol has every value exactly. The end is proved by the server's packet
 * that says so: MYSQL_NO_DATA without an error. The session is one read-only
 * transaction on one snapshot, in UTC and utf8mb4.
 */
#include "bin/retl-extract/source.h"

#include <errmsg.h>
#include <mysql.h>
#include <mysqld_error.h>
#include <poll.h>
#include <strings.h>

#include "bin/retl-extract/cancel.h"
#include "bin/retl-extract/dburl.h"
#include "bin/retl-extract/myvalue.h"
#include "bin/retl-extract/session.h"
#include "common/mem.h"
#include "common/msg.h"

#define CONNECT_TIMEOUT_S 30U
#define CANCEL_TIMEOUT_S 4U

struct mysql {
	struct session session;
	const char *name; /* "mysql" or "mariadb", for messages */
	struct dburl url;
	const char *cacert; /* --cacert */
	size_t max_record;
	MYSQL *conn;
	unsigned long id; /* of the connection, at the server */
	MYSQL_STMT *stmt;
	bool running;
	MYSQL_BIND *binds;
	struct my_cell *cells; /* one a column */
	size_t n_cells;
	bool has_grown; /* a cell has, and the library has not been told */
};

/* ---- errors ---- */

/* By number, where the SQLSTATE tells nothing: it is HY000 for most. */
static int status_of_number(unsigned number)
{
	switch (number) {
	case CR_SERVER_GONE_ERROR:
	case CR_SERVER_LOST:
	case CR_SERVER_LOST_EXTENDED:
	case ER_LOCK_WAIT_TIMEOUT:
	case ER_LOCK_DEADLOCK:
	case ER_CON_COUNT_ERROR:
	case ER_TOO_MANY_USER_CONNECTIONS:
	case ER_USER_LIMIT_REACHED:
	case ER_SERVER_SHUTDOWN:
	case ER_QUERY_INTERRUPTED:
	case ER_CONNECTION_KILLED:
	case ER_STATEMENT_TIMEOUT:
	case 3024: /* MySQL's own number for that */
	case ER_OUTOFMEMORY:
	case ER_OUT_OF_SORTMEMORY:
	case ER_OUT_OF_RESOURCES:
	case ER_DISK_FULL:
		return EX_TEMPFAIL;
	case ER_ACCESS_DENIED_ERROR:
	case ER_DBACCESS_DENIED_ERROR:
	case ER_TABLEACCESS_DENIED_ERROR:
	case ER_COLUMNACCESS_DENIED_ERROR:
	case ER_SPECIFIC_ACCESS_DENIED_ERROR:
	case ER_PROCACCESS_DENIED_ERROR:
	case ER_ACCESS_DENIED_NO_PASSWORD_ERROR:
	case ER_HOST_NOT_PRIVILEGED:
	case ER_HOST_IS_BLOCKED:
	case ER_MUST_CHANGE_PASSWORD:
	case ER_MUST_CHANGE_PASSWORD_LOGIN:
	case CR_AUTH_PLUGIN_CANNOT_LOAD:
	case CR_AUTH_PLUGIN_ERR:
		return EX_NOPERM;
	case ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION:
	case ER_CANT_AGGREGATE_2COLLATIONS:
	case ER_CANT_AGGREGATE_3COLLATIONS:
	case ER_CANT_AGGREGATE_NCOLLATIONS:
	case ER_UNSUPPORTED_PS:
		return EX_CONFIG;
	case CR_OUT_OF_MEMORY:
		return EX_OSERR;
	case CR_NET_PACKET_TOO_LARGE:
		return EX_DATAERR;
	default:
		return 0;
	}
}

static int status_of(unsigned number, const char *sqlstate)
{
	static const struct {
		const char *begins;
		int status;
	} table[] = {
		{ "08", EX_TEMPFAIL }, { "28", EX_NOPERM },
		{ "40", EX_TEMPFAIL }, { "42", EX_CONFIG },
		{ "3D", EX_CONFIG },   { "0A", EX_CONFIG },
		{ "2", EX_DATAERR },   { "45", EX_DATAERR },
	};
	int status = status_of_number(number);

	for (size_t i = 0; !status && i < ARRAY_LEN(table); i++)
		if (str_starts(str_of(sqlstate), table[i].begins))
			status = table[i].status;
	return status ? status : EX_UNAVAILABLE;
}

/* In messages about values the server quotes them: not for everybody. */
static void put_message(struct buf *out, const char *sqlstate, const char *text)
{
	bool hide = *sqlstate == '2' || str_starts(str_of(sqlstate), "45");
	bool quoted = false;

	for (; *text && *text != '\n'; text++) {
		if (*text == '\'' && hide) {
			quoted = !quoted;
			buf_addz(out, quoted ? "'..." : "'");
		} else if (!quoted) {
			buf_addc(out, *text);
		}
	}
}

static int give_up(const struct mysql *s, unsigned number, const char *sqlstate,
		   const char *text, struct failure *f)
{
	struct buf message = BUF_INIT;

	put_message(&message, sqlstate, text);
	failed(f, status_of(number, sqlstate), "%s: %s (error %u)", s->name,
	       message.data, number);
	buf_release(&message);
	return -1;
}

static int connection_failed(const struct mysql *s, struct failure *f)
{
	return give_up(s, mysql_errno(s->conn), mysql_sqlstate(s->conn),
		       mysql_error(s->conn), f);
}

/* What breaks off while rows come, only the connection knows. */
static int statement_failed(const struct mysql *s, struct failure *f)
{
	if (!mysql_stmt_errno(s->stmt))
		return connection_failed(s, f);
	return give_up(s, mysql_stmt_errno(s->stmt),
		       mysql_stmt_sqlstate(s->stmt), mysql_stmt_error(s->stmt),
		       f);
}

/* ---- connecting ---- */

/* Rows that go out before the library waits for the server. */
static struct rows *waiting_rows;

static int wait_for_server(my_socket fd, my_bool is_read, int timeout_ms)
{
	struct pollfd p = { .fd = fd, .events = is_read ? POLLIN : POLLOUT };

	if (is_read && waiting_rows && rows_waiting(waiting_rows) &&
	    poll(&p, 1, 0) == 0)
		rows_flush(waiting_rows);
	return poll(&p, 1, timeout_ms);
}

enum tls { TLS_NONE, TLS_ENCRYPTED, TLS_VERIFIED };

/*
 * A server elsewhere must show a certificate for its name, unless the URL says
 * that it need not.
 */
static int take_tls(struct mysql *s, enum tls *tls, struct failure *f)
{
	const char *mode = dburl_option(&s->url, "ssl-mode");

	*tls = TLS_VERIFIED;
	if (!mode)
		*tls = dburl_is_local(s->url.host) && !s->cacert ? TLS_NONE
								 : TLS_VERIFIED;
	else if (strcasecmp(mode, "disabled") == 0)
		*tls = TLS_NONE;
	else if (strcasecmp(mode, "required") == 0)
		*tls = TLS_ENCRYPTED;
	else if (strcasecmp(mode, "verify_identity") != 0)
		return failed(f, EX_USAGE,
			      "%s: the URL: ssl-mode is disabled, required or "
			      "verify_identity",
			      s->name);
	return 0;
}

static void set_tls(MYSQL *conn, struct mysql *s, enum tls tls)
{
	const char *ca = dburl_option(&s->url, "ssl-ca");
	const char *cert = dburl_option(&s->url, "ssl-cert");
	const char *key = dburl_option(&s->url, "ssl-key");
	my_bool on = 1, verify = tls == TLS_VERIFIED;

	if (tls == TLS_NONE)
		return;
	if (!ca)
		ca = s->cacert;
	mysql_ssl_set(conn, key, cert, ca, NULL, NULL);
	mysql_options(conn, MYSQL_OPT_SSL_ENFORCE, &on);
	mysql_options(conn, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &verify);
}

/* Options of a connection; the option files' come later and count less. */
static MYSQL *prepare_connection(struct mysql *s, unsigned timeout_s,
				 struct failure *f)
{
	MYSQL *conn = mysql_init(NULL);
	unsigned long max_packet = s->max_record + (1 << 20);
	unsigned no = 0;
	enum tls tls;

	if (!conn) {
		failed(f, EX_OSERR, "out of memory");
		return NULL;
	}
	if (take_tls(s, &tls, f) < 0) {
		mysql_close(conn);
		return NULL;
	}
	mysql_options(conn, MYSQL_READ_DEFAULT_GROUP, "retl-extract");
	mysql_options(conn, MYSQL_SET_CHARSET_NAME, "utf8mb4");
	mysql_options(conn, MYSQL_OPT_CONNECT_TIMEOUT, &timeout_s);
	mysql_options(conn, MYSQL_OPT_MAX_ALLOWED_PACKET, &max_packet);
	/* A server may ask for any file of ours. */
	mysql_options(conn, MYSQL_OPT_LOCAL_INFILE, &no);
	mysql_optionsv(conn, MARIADB_OPT_IO_WAIT, wait_for_server);
	set_tls(conn, s, tls);
	return conn;
}

/*
 * Who are we? What is not in the URL, nor here, the option files say, and
 * last the library: the system's name of the user, the local socket.
 */
static bool do_connect(struct mysql *s, MYSQL *conn)
{
	const char *host = s->url.host ? s->url.host : getenv("MYSQL_HOST");
	const char *socket = dburl_option(&s->url, "socket");

	return mysql_real_connect(conn, host, s->url.user, getenv("MYSQL_PWD"),
				  s->url.database, s->url.port, socket, 0);
}

/* In the thread that saw the signal: a second connection stops the query. */
static void cancel(void *arg)
{
	struct mysql *s = arg;
	struct failure f = FAILURE_INIT;
	char sql[64];
	MYSQL *conn;

	mysql_thread_init();
	conn = prepare_connection(s, CANCEL_TIMEOUT_S, &f);
	if (!conn)
		return;
	if (do_connect(s, conn)) {
		snprintf(sql, sizeof sql, "kill query %lu", s->id);
		mysql_query(conn, sql);
	}
	mysql_close(conn);
}

static void mysql_source_close(void *self)
{
	struct mysql *s = self;

	cancel_unwatch();
	waiting_rows = NULL;
	/* --limit, or a fault of ours: the server would go on to its end. */
	if (s->running)
		cancel(s);
	/*
	 * The connection first: closing a statement would read the rows that
	 * nobody wants.
	 */
	if (s->conn)
		mysql_close(s->conn);
	if (s->stmt)
		mysql_stmt_close(s->stmt);
	columns_release(&s->session.columns);
	for (size_t i = 0; i < s->n_cells; i++)
		free(s->cells[i].data);
	free(s->cells);
	free(s->binds);
	dburl_release(&s->url);
	free(s);
}

static int run_sql(struct mysql *s, const char *sql, struct failure *f)
{
	return mysql_query(s->conn, sql) ? connection_failed(s, f) : 0;
}

static int set_up_session(struct mysql *s, struct failure *f)
{
	/*
	 * sql_mode decides what a string and an operator is, so it is the one
	 * that both kinds of server have by default, less what depends on
	 * their versions. sql_select_limit would cut the result in silence;
	 * max_sort_length would cut keys, and group_concat_max_len, beyond the
	 * longest of our rows, values. A pipeline may stand still for long:
	 * net_write_timeout.
	 */
	static const char settings[] =
	    "set session time_zone = '+00:00', "
	    "sql_mode = 'STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO,"
	    "NO_ENGINE_SUBSTITUTION', "
	    "sql_select_limit = 18446744073709551615, "
	    "net_write_timeout = 86400, max_sort_length = 65536";
	static const char isolation[] =
	    "set session transaction isolation level repeatable read";
	static const char begin[] =
	    "start transaction with consistent snapshot, read only";
	struct buf longest = BUF_INIT;

	int ret;

	if (run_sql(s, settings, f) < 0 || run_sql(s, isolation, f) < 0)
		return -1;
	buf_addf(&longest, "set session group_concat_max_len = %zu",
		 s->max_record + 1);
	ret = run_sql(s, longest.data, f);
	buf_release(&longest);
	return ret < 0 ? -1 : run_sql(s, begin, f);
}

/* An option file may have named another host than the URL did. */
static int check_host(struct mysql *s, struct failure *f)
{
	const char *info = mysql_get_host_info(s->conn);

	if (mysql_get_ssl_cipher(s->conn) || !strstr(info, "TCP/IP") ||
	    str_starts(str_of(info), "localhost") ||
	    str_starts(str_of(info), "127.") || str_starts(str_of(info), "::1"))
		return 0;
	if (dburl_option(&s->url, "ssl-mode"))
		return 0;
	return failed(f, EX_USAGE,
		      "%s: the server is on another machine: name it in the "
		      "URL, so that its certificate is checked",
		      s->name);
}

/* ---- the query ---- */

static int put_order(struct buf *out, const struct columns *c, size_t i,
		     struct str name, const char **why)
{
	switch (c->v[i].kind) {
	case COLUMN_INTEGER:
	case COLUMN_DECIMAL:
	case COLUMN_FLOAT:
	case COLUMN_DATE:
	case COLUMN_TIMESTAMP:
		buf_adds(out, name);
		return 0;
	case COLUMN_TIMESTAMPTZ:
		/* "10:00:00Z" is behind "10:00:00.5Z". */
		if (!str_is(column_native(c, i), "timestamp"))
			break;
		buf_adds(out, name);
		return 0;
	case COLUMN_TEXT:
		/* utf8mb4_bin would not tell "a" from "a ". */
		buf_addf(out, "cast(convert(%.*s using utf8mb4) as binary)",
			 STR_ARG(name));
		return 0;
	case COLUMN_BINARY:
		buf_addf(out,
			 "cast(replace(to_base64(%.*s), '\\n', '') as binary)",
			 STR_ARG(name));
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
	/* As bytes: texts in two collations cannot be put together. */
	buf_addz(out, "mod(crc32(concat_ws(','");
	sql_put_each(out, hashed, a->n_key, ", cast(", " as binary)");
	buf_addf(out, ")), %" PRIu64 ") = %" PRIu64, a->n_shards, a->shard - 1);
}

static const struct sql_dialect dialect = {
	.name = "MySQL",
	.quote = '`',
	.marks = SQL_QUESTION,
	.backslash = true,
	.hash = true,
	.dash_blank = true,
	.put_order = put_order,
	.put_shard = put_shard,
};

/* The server compiles it, and says what its columns are. */
static int compile(struct mysql *s, const struct sql_query *q,
		   struct failure *f)
{
	if (s->stmt)
		mysql_stmt_close(s->stmt);
	s->stmt = mysql_stmt_init(s->conn);
	if (!s->stmt)
		return failed(f, EX_OSERR, "out of memory");
	if (mysql_stmt_prepare(s->stmt, q->sql.data, q->sql.len))
		return statement_failed(s, f);
	if (!mysql_stmt_field_count(s->stmt))
		return failed(f, EX_CONFIG, "%s: the query gives no rows",
			      s->name);
	return 0;
}

static int take_columns(struct mysql *s, struct failure *f)
{
	MYSQL_RES *meta = mysql_stmt_result_metadata(s->stmt);
	unsigned n = meta ? mysql_num_fields(meta) : 0;
	int ret = meta ? 0 : statement_failed(s, f);

	columns_release(&s->session.columns);
	for (unsigned i = 0; ret == 0 && i < n; i++) {
		MYSQL_FIELD *field = mysql_fetch_field_direct(meta, i);
		struct str name = { field->name, field->name_length };
		enum column_kind column;
		const char *native;

		my_kind_of(field, &column, &native);
		ret = columns_add(&s->session.columns, name, f);
		if (ret == 0)
			columns_set_type(&s->session.columns, column, native);
		else
			failed(f, f->status, "%s: %s", s->name, f->text.data);
	}
	if (meta)
		mysql_free_result(meta);
	return ret;
}

static int learn(void *self, const struct sql_query *q, struct failure *f)
{
	return compile(self, q, f) < 0 ? -1 : take_columns(self, f);
}

/*
 * Values are bound as texts. A server makes of such a text what the column has
 * that it is compared with, where a number bound to a text column would make
 * numbers of all the texts.
 */
static int execute(struct mysql *s, const struct sql_query *q,
		   struct failure *f)
{
	MYSQL_BIND *binds = xcalloc(q->n, sizeof *binds);
	int ret = 0;

	for (size_t i = 0; i < q->n; i++) {
		struct param *p = q->values[i];

		binds[i].buffer_type =
		    p->null ? MYSQL_TYPE_NULL : MYSQL_TYPE_STRING;
		binds[i].buffer = (char *)(uintptr_t)p->value.s;
		binds[i].buffer_length = p->value.n;
	}
	if (q->n && mysql_stmt_bind_param(s->stmt, binds))
		ret = statement_failed(s, f);
	s->running = true;
	if (ret == 0 && mysql_stmt_execute(s->stmt))
		ret = statement_failed(s, f);
	free(binds);
	return ret;
}

/* Types may be others than before: now the parameters have some, too. */
static int bind_results(struct mysql *s, struct failure *f)
{
	MYSQL_RES *meta = mysql_stmt_result_metadata(s->stmt);
	unsigned n = meta ? mysql_num_fields(meta) : 0;

	if (!meta)
		return statement_failed(s, f);
	s->binds = xcalloc(n, sizeof *s->binds);
	s->cells = xcalloc(n, sizeof *s->cells);
	s->n_cells = n;
	for (unsigned i = 0; i < n; i++) {
		MYSQL_FIELD *field = mysql_fetch_field_direct(meta, i);
		enum column_kind column;
		const char *native;

		my_bind(&s->cells[i], field,
			my_kind_of(field, &column, &native), &s->binds[i]);
	}
	mysql_free_result(meta);
	if (n != s->session.columns.n)
		return failed(f, EX_TEMPFAIL,
			      "%s: the query's columns have changed meanwhile",
			      s->name);
	if (mysql_stmt_bind_result(s->stmt, s->binds))
		return statement_failed(s, f);
	return 0;
}

static int run(void *self, const struct sql_query *q, struct failure *f)
{
	struct mysql *s = self;

	/* Else it has been compiled already. */
	if (sql_is_wrapped(s->session.args) && compile(s, q, f) < 0)
		return -1;
	return execute(s, q, f) < 0 ? -1 : bind_results(s, f);
}

static void *open_session(const struct source_args *a, struct failure *f)
{
	struct mysql *s = xcalloc(1, sizeof *s);
	const char *password = getenv("MYSQL_PWD");

	s->name = str_starts(str_of(a->url), "mariadb:") ? "mariadb" : "mysql";
	session_init(&s->session, a, &dialect);
	s->cacert = a->cacert;
	s->max_record = a->rows ? a->rows->max_record : NDJSON_MAX_RECORD;
	if (password)
		msg_hide(password, strlen(password));
	if (dburl_parse(&s->url, s->name, a->where, f) < 0)
		goto bad;
	s->conn = prepare_connection(s, CONNECT_TIMEOUT_S, f);
	if (!s->conn)
		goto bad;
	if (!do_connect(s, s->conn)) {
		connection_failed(s, f);
		goto bad;
	}
	if (dburl_check(&s->url, s->name, f) < 0 || check_host(s, f) < 0 ||
	    set_up_session(s, f) < 0)
		goto bad;
	s->id = mysql_thread_id(s->conn);
	waiting_rows = a->rows;
	cancel_watch(cancel, s);
	return s;
bad:
	mysql_source_close(s);
	return NULL;
}

/* "2024-01-31T10:00:00Z", as rows have it, has no Z in SQL. */
static void spell_cursor(const struct source_args *a)
{
	struct param *p = source_find_param(a, STR("cursor"));

	if (p && !p->null && p->value.n > 11 && p->value.s[10] == 'T' &&
	    p->value.s[p->value.n - 1] == 'Z')
		p->value.n--;
}

static int prepare(void *self, struct sql_query *q, struct failure *f)
{
	const struct source_args *a = ((struct session *)self)->args;

	spell_cursor(a);
	return sql_prepare(q, &dialect, a, f);
}

static const struct session_ops session = {
	.open = open_session,
	.prepare = prepare,
	.learn = learn,
	.must_learn = session_always,
	.run = run,
	.close = mysql_source_close,
};

/* ---- rows ---- */

/*
 * A value that did not fit is fetched again, into more room. The library is
 * told of the room before the next row: binding results sets the lengths of
 * this one to 0 in some of its releases (10.11.18).
 */
static int fetch_long(struct mysql *s, struct rows *rows, unsigned i,
		      struct failure *f)
{
	struct my_cell *c = &s->cells[i];
	MYSQL_BIND *b = &s->binds[i];

	if (c->n > rows->max_record)
		return row_fault(rows, &s->session.columns, i,
				 "longer than --max-record", f);
	c->cap = c->n + c->n / 2;
	c->data = xrealloc(c->data, c->cap);
	b->buffer = c->data;
	b->buffer_length = c->cap;
	s->has_grown = true;
	if (mysql_stmt_fetch_column(s->stmt, b, i, 0))
		return statement_failed(s, f);
	return 0;
}

static int put_row(struct mysql *s, struct rows *rows, struct failure *f)
{
	for (unsigned i = 0; i < s->n_cells; i++) {
		struct my_cell *c = &s->cells[i];

		column_put(&rows->out.b, &s->session.columns, i);
		if (!c->null && c->n > c->cap && fetch_long(s, rows, i, f) < 0)
			return -1;
		if (my_put_value(c, rows, &s->session.columns, i, f) < 0)
			return -1;
	}
	buf_addc(&rows->out.b, '}');
	return rows_end(rows, f) < 0 ? -1 : 1;
}

static int mysql_next(void *self, struct rows *rows, struct failure *f)
{
	struct mysql *s = self;

	if (s->has_grown && mysql_stmt_bind_result(s->stmt, s->binds))
		return statement_failed(s, f);
	s->has_grown = false;
	switch (mysql_stmt_fetch(s->stmt)) {
	case 0:
	case MYSQL_DATA_TRUNCATED: /* it is told by the lengths */
		return put_row(s, rows, f);
	case MYSQL_NO_DATA:
		s->running = false;
		if (mysql_stmt_errno(s->stmt) || mysql_errno(s->conn))
			return statement_failed(s, f);
		return 0;
	default:
		return statement_failed(s, f);
	}
}

/* ---- tables ---- */

static int mysql_list(const struct source_args *a, struct buf *names,
		      struct failure *f)
{
	static const char sql[] =
	    "select if(table_schema = database(), null, table_schema), "
	    "table_name from information_schema.tables "
	    "where table_schema = database() or (database() is null and "
	    "table_schema not in ('information_schema', 'mysql', "
	    "'performance_schema', 'sys')) "
	    "order by cast(table_schema as binary), "
	    "cast(table_name as binary)";
	struct mysql *s = open_session(a, f);
	MYSQL_RES *r = NULL;
	MYSQL_ROW row;
	int ret = -1;

	if (!s)
		return -1;
	if (run_sql(s, sql, f) == 0) {
		r = mysql_store_result(s->conn);
		ret = r ? 0 : connection_failed(s, f);
	}
	while (r && (row = mysql_fetch_row(r))) {
		if (row[0]) {
			source_put_name(names, str_of(row[0]));
			buf_addc(names, '.');
		}
		source_put_name(names, str_of(row[1]));
		buf_addc(names, '\n');
	}
	if (r)
		mysql_free_result(r);
	mysql_source_close(s);
	return ret;
}

const struct source source_mysql = {
	.has_datasets = true,
	.can_order = true,
	.can_shard = true,
	.session = &session,
	.next = mysql_next,
	.list = mysql_list,
};
