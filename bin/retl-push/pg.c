/* SPDX-License-Identifier: MIT */
#include "bin/retl-push/pg.h"

#include <libpq-fe.h>
#include <pthread.h>

#include "common/clock.h"
#include "common/mem.h"
#include "common/msg.h"
#include "common/url.h"
#include "bin/retl-push/aside.h"

/* One statement, from pg_send to its answer. */
struct job {
	struct aside_job aside;
	const char *sql;
	struct str param;
	int64_t n_rows;
	pg_done *done;
	void *arg;
	struct pg_answer answer;
	struct buf why;
};

struct worker {
	struct pg *pg;
	PGconn *conn;
	PGcancel *cancel; /* of what is under way; under the lock */
};

struct pg {
	struct pg_opts opts;
	pthread_mutex_t lock;
	struct worker *workers; /* one for each connection */
	struct aside *aside;
};

/* ---- what the server says ---- */

/*
 * Messages about values quote them: they are left out. Those about names quote
 * names, which people need.
 */
static void put_message(struct buf *out, const char *sqlstate, const char *text)
{
	bool hide = str_starts(str_of(sqlstate), "22") ||
		    str_starts(str_of(sqlstate), "P0");
	bool quoted = false;

	for (const char *c = text; *c && *c != '\n'; c++) {
		if (*c == '"') {
			quoted = !quoted;
			buf_addz(out, quoted && hide ? "\"..." : "\"");
		} else if (!quoted || !hide) {
			buf_addc(out, *c);
		}
	}
}

static void take_error(struct job *j, PGconn *conn, const PGresult *r)
{
	const char *state = PQresultErrorField(r, PG_DIAG_SQLSTATE);
	const char *text = PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY);

	buf_reset(&j->why);
	if (!state || PQstatus(conn) != CONNECTION_OK) {
		j->answer.outcome = PG_UNREACHABLE;
		put_message(&j->why, "", PQerrorMessage(conn));
		return;
	}
	j->answer.outcome = PG_REFUSED;
	snprintf(j->answer.sqlstate, sizeof j->answer.sqlstate, "%s", state);
	put_message(&j->why, state, text ? text : "");
}

/* ---- a worker ---- */

static void disconnect(struct worker *w)
{
	pthread_mutex_lock(&w->pg->lock);
	PQfreeCancel(w->cancel);
	w->cancel = NULL;
	pthread_mutex_unlock(&w->pg->lock);
	PQfinish(w->conn);
	w->conn = NULL;
}

/* libpq does not tell the SQLSTATE of a connection that was not granted. */
static const char *refused_as(const char *message)
{
	static const struct {
		const char *words, *state;
	} table[] = {
		{ "authentication failed", "28000" },
		{ "no password supplied", "28000" },
		{ "no pg_hba.conf entry", "28000" },
		{ "FATAL:  role ", "28000" },
		{ "FATAL:  database ", "3D000" },
	};

	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		if (strstr(message, table[i].words))
			return table[i].state;
	return NULL;
}

static int connect_it(struct worker *w, struct job *j)
{
	const struct pg_opts *o = &w->pg->opts;
	char wait[24], silence[24];
	const char *const names[] = { "dbname",
				      "connect_timeout",
				      "tcp_user_timeout",
				      "client_encoding",
				      "fallback_application_name",
				      NULL };
	const char *const values[] = { o->url, wait,   silence,
				       "UTF8", "retl", NULL };
	const char *state;
	PGconn *conn;

	if (w->conn && PQstatus(w->conn) == CONNECTION_OK)
		return 0;
	disconnect(w);
	snprintf(wait, sizeof wait, "%ld", MAX(o->connect_ms / 1000, 2));
	snprintf(silence, sizeof silence, "%ld", o->timeout_ms);
	conn = PQconnectdbParams(names, values, 1);
	if (!conn)
		die(EX_OSERR, "out of memory");
	if (PQstatus(conn) != CONNECTION_OK) {
		j->answer.outcome = PG_UNREACHABLE;
		/* It says who was refused, and not by which secret. */
		put_message(&j->why, "", PQerrorMessage(conn));
		state = refused_as(PQerrorMessage(conn));
		if (state) {
			j->answer.outcome = PG_REFUSED;
			memcpy(j->answer.sqlstate, state, 6);
		}
		PQfinish(conn);
		return -1;
	}
	PQsetNoticeProcessor(conn, NULL, NULL);
	w->conn = conn;
	pthread_mutex_lock(&w->pg->lock);
	w->cancel = PQgetCancel(conn);
	pthread_mutex_unlock(&w->pg->lock);
	return 0;
}

/* -1: the job has its answer. */
static int run(struct worker *w, struct job *j, const char *sql)
{
	PGresult *r = PQexec(w->conn, sql);
	int ret = 0;

	if (PQresultStatus(r) != PGRES_COMMAND_OK) {
		take_error(j, w->conn, r);
		ret = -1;
	}
	PQclear(r);
	return ret;
}

static int run_statement(struct worker *w, struct job *j)
{
	const char *values[] = { j->param.s };
	PGresult *r =
	    PQexecParams(w->conn, j->sql, 1, NULL, values, NULL, NULL, 0);
	int ret = 0;

	if (PQresultStatus(r) != PGRES_COMMAND_OK) {
		take_error(j, w->conn, r);
		ret = -1;
	} else if (j->n_rows >= 0 &&
		   strtoll(PQcmdTuples(r), NULL, 10) != j->n_rows) {
		j->answer.outcome = PG_REFUSED;
		buf_addz(&j->why, "a trigger or a rule has left a row out");
		ret = -1;
	}
	PQclear(r);
	return ret;
}

static void commit(struct worker *w, struct job *j)
{
	PGresult *r = PQexec(w->conn, "COMMIT");

	/* A transaction that failed unseen ends with ROLLBACK here. */
	if (PQresultStatus(r) == PGRES_COMMAND_OK &&
	    strcmp(PQcmdStatus(r), "COMMIT") == 0) {
		j->answer.outcome = PG_DONE;
	} else {
		take_error(j, w->conn, r);
		if (j->answer.outcome == PG_UNREACHABLE)
			j->answer.outcome = PG_LOST;
	}
	PQclear(r);
}

static void carry_out(struct worker *w, struct job *j)
{
	int64_t began = clock_tick_ms();
	char begin[128];

	snprintf(begin, sizeof begin,
		 "BEGIN; SET LOCAL TimeZone = 'UTC'; "
		 "SET LOCAL statement_timeout = %ld",
		 w->pg->opts.timeout_ms);
	if (connect_it(w, j) == 0) {
		if (run(w, j, begin) == 0 && run_statement(w, j) == 0)
			commit(w, j);
		if (PQtransactionStatus(w->conn) != PQTRANS_IDLE)
			PQclear(PQexec(w->conn, "ROLLBACK"));
		if (PQstatus(w->conn) != CONNECTION_OK)
			disconnect(w);
	}
	j->answer.took_ms = clock_tick_ms() - began;
}

static void work(void *arg, size_t i, struct aside_job *j)
{
	struct pg *g = arg;

	carry_out(&g->workers[i], (struct job *)j);
}

static void leave(void *arg, size_t i)
{
	struct pg *g = arg;

	disconnect(&g->workers[i]);
}

/* ---- the thread that sends ---- */

int pg_check_url(const char *url)
{
	char *err = NULL;
	PQconninfoOption *all = PQconninfoParse(url, &err);
	int ret = all && (strncmp(url, "postgresql://", 13) == 0 ||
			  strncmp(url, "postgres://", 11) == 0)
		      ? 0
		      : -1;

	for (PQconninfoOption *o = all; o && o->keyword; o++)
		if (url_holds_half_a_password(o->keyword, o->val))
			ret = -1;

	/* It would show pieces of what it cannot read. */
	PQfreemem(err);
	PQconninfoFree(all);
	return ret;
}

struct pg *pg_new(const struct pg_opts *o)
{
	struct pg *g = xcalloc(1, sizeof *g);
	const struct aside_opts aside = { .n_workers = o->n_connections,
					  .work = work,
					  .leave = leave,
					  .arg = g };

	g->opts = *o;
	pthread_mutex_init(&g->lock, NULL);
	g->workers = xcalloc(o->n_connections, sizeof *g->workers);
	for (size_t i = 0; i < o->n_connections; i++)
		g->workers[i].pg = g;
	g->aside = aside_new(&aside);
	return g;
}

void pg_send(struct pg *g, const char *sql, struct str param, int64_t n_rows,
	     pg_done *done, void *arg)
{
	struct job *j = xcalloc(1, sizeof *j);

	j->sql = sql;
	j->param = param;
	j->n_rows = n_rows;
	j->done = done;
	j->arg = arg;
	j->why = BUF_INIT;
	aside_add(g->aside, &j->aside);
}

int pg_fd(const struct pg *g)
{
	return aside_fd(g->aside);
}

static void job_free(struct job *j)
{
	buf_release(&j->why);
	free(j);
}

void pg_collect(struct pg *g)
{
	struct job *j;

	while ((j = (struct job *)aside_take(g->aside))) {
		msg_blank(j->why.data, j->why.len);
		j->answer.why = j->why.data;
		j->done(j->arg, &j->answer);
		job_free(j);
	}
}

void pg_abort(struct pg *g)
{
	char why[256];

	pthread_mutex_lock(&g->lock);
	for (size_t i = 0; i < g->opts.n_connections; i++)
		if (g->workers[i].cancel)
			PQcancel(g->workers[i].cancel, why, sizeof why);
	pthread_mutex_unlock(&g->lock);
}

void pg_free(struct pg *g)
{
	struct job *j;

	if (!g)
		return;
	aside_end(g->aside);
	while ((j = (struct job *)aside_take(g->aside)))
		job_free(j);
	aside_free(g->aside);
	pthread_mutex_destroy(&g->lock);
	free(g->workers);
	free(g);
}
