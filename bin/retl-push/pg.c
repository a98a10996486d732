/* SPDX-License-Identifier: MIT */
#include "bin/retl-push/pg.h"

#include <fcntl.h>
#include <libpq-fe.h>
#include <pthread.h>
#include <signal.h>

#include "common/clock.h"
#include "common/mem.h"
#include "common/msg.h"

/* One statement, from pg_send to its answer. */
struct job {
	struct job *next;
	const char *sql;
	struct str param;
	int64_t n_rows;
	pg_done *done;
	void *arg;
	struct pg_answer answer;
	struct buf why;
};

struct job_list {
	struct job *first, **end;
};

struct worker {
	struct pg *pg;
	pthread_t thread;
	PGconn *conn;
	PGcancel *cancel; /* of what is under way; under the lock */
};

struct pg {
	struct pg_opts opts;
	pthread_mutex_t lock;
	pthread_cond_t work;
	struct job_list todo, answered;
	struct worker *workers;
	size_t n_workers, n_busy, n_todo;
	bool ending;
	int pipe[2];
};

static void list_init(struct job_list *l)
{
	l->first = NULL;
	l->end = &l->first;
}

static void list_add(struct job_list *l, struct job *j)
{
	j->next = NULL;
	*l->end = j;
	l->end = &j->next;
}

static struct job *list_take(struct job_list *l)
{
	struct job *j = l->first;

	if (j) {
		l->first = j->next;
		if (!l->first)
			l->end = &l->first;
	}
	return j;
}

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

static void *work(void *arg)
{
	struct worker *w = arg;
	struct pg *g = w->pg;
	struct job *j;

	pthread_mutex_lock(&g->lock);
	for (;;) {
		while (!(j = list_take(&g->todo)) && !g->ending)
			pthread_cond_wait(&g->work, &g->lock);
		if (!j)
			break;
		g->n_todo--;
		g->n_busy++;
		pthread_mutex_unlock(&g->lock);
		carry_out(w, j);
		pthread_mutex_lock(&g->lock);
		g->n_busy--;
		list_add(&g->answered, j);
		if (write(g->pipe[1], "", 1) < 0 && errno != EAGAIN)
			die(EX_OSERR, "pipe: %s", strerror(errno));
	}
	pthread_mutex_unlock(&g->lock);
	disconnect(w);
	return NULL;
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

	/* It would show pieces of what it cannot read. */
	PQfreemem(err);
	PQconninfoFree(all);
	return ret;
}

struct pg *pg_new(const struct pg_opts *o)
{
	struct pg *g = xcalloc(1, sizeof *g);

	g->opts = *o;
	list_init(&g->todo);
	list_init(&g->answered);
	pthread_mutex_init(&g->lock, NULL);
	pthread_cond_init(&g->work, NULL);
	g->workers = xcalloc(o->n_connections, sizeof *g->workers);
	if (pipe2(g->pipe, O_CLOEXEC | O_NONBLOCK) < 0)
		die(EX_OSERR, "pipe: %s", strerror(errno));
	return g;
}

/* One more connection, if all are busy and there may be more. */
static void hire(struct pg *g)
{
	struct worker *w = &g->workers[g->n_workers];
	sigset_t all, was;

	if (g->n_busy + g->n_todo <= g->n_workers ||
	    g->n_workers == g->opts.n_connections)
		return;
	w->pg = g;
	/* Signals are the other thread's business. */
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &was);
	if (pthread_create(&w->thread, NULL, work, w) != 0)
		die(EX_OSERR, "no more threads");
	pthread_sigmask(SIG_SETMASK, &was, NULL);
	g->n_workers++;
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
	pthread_mutex_lock(&g->lock);
	list_add(&g->todo, j);
	g->n_todo++;
	hire(g);
	pthread_cond_signal(&g->work);
	pthread_mutex_unlock(&g->lock);
}

int pg_fd(const struct pg *g)
{
	return g->pipe[0];
}

static void job_free(struct job *j)
{
	buf_release(&j->why);
	free(j);
}

void pg_collect(struct pg *g)
{
	char drain[64];
	struct job *j;

	while (read(g->pipe[0], drain, sizeof drain) > 0)
		;
	for (;;) {
		pthread_mutex_lock(&g->lock);
		j = list_take(&g->answered);
		pthread_mutex_unlock(&g->lock);
		if (!j)
			return;
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
	for (size_t i = 0; i < g->n_workers; i++)
		if (g->workers[i].cancel)
			PQcancel(g->workers[i].cancel, why, sizeof why);
	pthread_mutex_unlock(&g->lock);
}

void pg_free(struct pg *g)
{
	struct job *j;

	if (!g)
		return;
	pthread_mutex_lock(&g->lock);
	g->ending = true;
	pthread_cond_broadcast(&g->work);
	pthread_mutex_unlock(&g->lock);
	for (size_t i = 0; i < g->n_workers; i++)
		pthread_join(g->workers[i].thread, NULL);
	while ((j = list_take(&g->answered)))
		job_free(j);
	close(g->pipe[0]);
	close(g->pipe[1]);
	pthread_mutex_destroy(&g->lock);
	pthread_cond_destroy(&g->work);
	free(g->workers);
	free(g);
}
