/* SPDX-License-Identifier: MIT */
/*
 * A batch as one statement. Its rows travel as the JSON that they are, in one
 * parameter, and the server takes them apart by the types of the table's own
 * columns: no value is printed anew, and none becomes part of the statement.
 *
 * A row that the server does not take undoes the batch, which is then halved
 * until that row stands alone.
 */
#include "bin/retl-push/table.h"

#include "bin/retl-push/pg.h"
#include "bin/retl-push/sqlname.h"
#include "common/clock.h"
#include "common/mem.h"
#include "common/msg.h"

#define CONNECT_MS 15000

int table_open(struct push *p)
{
	const struct setting *url =
	    contract_setting(p->contract, STR("base_url"));
	bool any = false;

	for (size_t i = 0; i < p->d.n_ops; i++)
		any |= p->d.ops[i]->table != NULL;
	if (!any || p->cfg.dry_run)
		return 0;
	if (pg_check_url(url->text.s) < 0)
		return fail(&p->err,
			    "%s: base_url: not an address of PostgreSQL: "
			    "postgresql://USER@HOST/DATABASE, with %%40, %%3A "
			    "and %%2F for @, : and / in a password",
			    p->contract->path);
	p->pg = pg_new(&(struct pg_opts){
	    .url = url->text.s,
	    .connect_ms = CONNECT_MS,
	    .timeout_ms = (long)p->cfg.timeout_s * 1000,
	    .n_connections = p->d.concurrency,
	});
	return 0;
}

void table_close(struct push *p)
{
	pg_free(p->pg);
	p->pg = NULL;
}

int table_fd(const struct push *p)
{
	return p->pg ? pg_fd(p->pg) : -1;
}

void table_collect(struct push *p)
{
	if (p->pg)
		pg_collect(p->pg);
}

void table_abort(struct push *p)
{
	if (p->pg)
		pg_abort(p->pg);
}

/* ---- the statement ---- */

static bool is_key(const struct contract *c, struct str name)
{
	for (size_t i = 0; i < c->keys[0].n; i++)
		if (str_eq(c->keys[0].v[i], name))
			return true;
	return false;
}

static int put_rows_of(struct buf *sql, const struct buf *table)
{
	buf_addf(sql, "json_populate_recordset(NULL::%s, $1::json)",
		 table->data);
	return 0;
}

static int put_keys(struct buf *sql, const struct contract *c)
{
	for (size_t i = 0; i < c->keys[0].n; i++) {
		buf_addz(sql, i ? ", " : "");
		if (sql_put_name(sql, c->keys[0].v[i]) < 0)
			return -1;
	}
	return 0;
}

static int put_delete(struct buf *sql, const struct contract *c,
		      const struct table *t)
{
	buf_addf(sql, "DELETE FROM %s AS t USING ", t->name.data);
	put_rows_of(sql, &t->name);
	buf_addz(sql, " AS r WHERE ");
	for (size_t i = 0; i < c->keys[0].n; i++) {
		buf_addz(sql, i ? " AND t." : "t.");
		if (sql_put_name(sql, c->keys[0].v[i]) < 0)
			return -1;
		buf_addz(sql, " = r.");
		sql_put_name(sql, c->keys[0].v[i]);
	}
	return 0;
}

/* The columns, as the members of a record name them. */
static int put_columns(struct buf *sql, struct str record)
{
	struct buf name = BUF_INIT;
	struct json_iter it;
	struct json_member m;
	bool any = false;
	int ret = 0;

	json_iter_init(&it, record);
	while (!ret && json_iter_member(&it, &m)) {
		buf_reset(&name);
		json_unescape(&name, m.key);
		buf_addz(sql, any ? ", " : "");
		any = true;
		ret = sql_put_name(sql, buf_str(&name));
	}
	buf_release(&name);
	return ret;
}

/* What an upsert changes: all but the key. False: there is nothing else. */
static bool put_changes(struct buf *sql, const struct contract *c,
			struct str record)
{
	struct buf name = BUF_INIT;
	struct json_iter it;
	struct json_member m;
	bool any = false;

	json_iter_init(&it, record);
	while (json_iter_member(&it, &m)) {
		buf_reset(&name);
		json_unescape(&name, m.key);
		if (is_key(c, buf_str(&name)))
			continue;
		buf_addz(sql, any ? ", " : "UPDATE SET ");
		any = true;
		sql_put_name(sql, buf_str(&name));
		buf_addz(sql, " = EXCLUDED.");
		sql_put_name(sql, buf_str(&name));
	}
	buf_release(&name);
	if (!any)
		buf_addz(sql, "NOTHING");
	return any;
}

/* *exact: each row is one that the statement touches. */
static int put_statement(struct flow *f, struct str record, struct buf *sql,
			 bool *exact)
{
	const struct contract *c = f->push->contract;
	const struct table *t = f->op->table;

	*exact = t->write == TABLE_INSERT;
	if (t->write == TABLE_DELETE)
		return put_delete(sql, c, t);
	buf_addf(sql, "INSERT INTO %s (", t->name.data);
	if (put_columns(sql, record) < 0)
		return -1;
	buf_addz(sql, ") SELECT ");
	put_columns(sql, record);
	buf_addz(sql, " FROM ");
	put_rows_of(sql, &t->name);
	if (t->write == TABLE_INSERT)
		return 0;
	buf_addz(sql, " ON CONFLICT (");
	if (put_keys(sql, c) < 0)
		return -1;
	buf_addz(sql, ") DO ");
	*exact = put_changes(sql, c, record);
	return 0;
}

/* ---- the rows ---- */

/* Of a row to be deleted nothing but its key is looked at. */
static void put_key_members(struct buf *out, const struct contract *c,
			    struct str record)
{
	struct json_iter it;
	struct json_member m;
	bool any = false;

	json_iter_init(&it, record);
	while (json_iter_member(&it, &m)) {
		bool yes = false;

		for (size_t i = 0; i < c->keys[0].n; i++)
			yes |= json_key_is(&m, c->keys[0].v[i]);
		if (!yes)
			continue;
		buf_addc(out, any ? ',' : '{');
		any = true;
		buf_add(out, m.key.s - 1, m.key.n + 2);
		buf_addc(out, ':');
		buf_adds(out, m.val);
	}
	buf_addz(out, any ? "}" : "{}");
}

static void put_row(struct flow *f, struct rec *r)
{
	if (f->op->table->write == TABLE_DELETE)
		put_key_members(&f->body, f->push->contract,
				rec_str(r, r->record));
	else
		buf_adds(&f->body, rec_str(r, r->record));
}

enum built table_build(struct flow *f)
{
	struct push *p = f->push;

	buf_reset(&f->url);
	buf_reset(&f->headers);
	buf_reset(&f->body);
	f->n_auth_headers = 0;
	for (size_t i = 0; i < f->n; i++) {
		f->recs[i]->carried = true;
		buf_addc(&f->body, i ? ',' : '[');
		put_row(f, f->recs[i]);
	}
	buf_addc(&f->body, ']');
	f->n_carried = f->n;
	if (put_statement(f, rec_str(f->recs[0], f->recs[0]->record), &f->url,
			  &f->exact) < 0) {
		push_stop(p, EX_UNAVAILABLE,
			  "%s: line %" PRIu64 ": a member that can be no "
			  "column",
			  p->contract->name, f->recs[0]->line);
		return BUILD_FAILED;
	}
	if (!f->op->max_bytes || f->body.len <= f->op->max_bytes || f->n == 1)
		return BUILT;
	flow_decide_all(f, SPLIT, STR("too_large"), STR("too large a batch"));
	return BUILD_AGAIN;
}

/* ---- the answer ---- */

/* By the beginning of an SQLSTATE; the first that fits counts. */
static enum verdict built_in(const char *state)
{
	static const struct {
		const char *begins;
		enum verdict then;
	} table[] = {
		{ "08", RETRY },    /* connection */
		{ "21", SPLIT },    /* one row twice */
		{ "22", SPLIT },    /* values */
		{ "23", SPLIT },    /* constraints */
		{ "40", RETRY },    /* deadlock, serialization */
		{ "44", SPLIT },    /* a view's check option */
		{ "53", RETRY },    /* resources */
		{ "54", SPLIT },    /* too large for something */
		{ "55P03", RETRY }, /* lock not available */
		{ "57", RETRY },    /* cancelled, shut down, crashed */
		{ "P0", SPLIT },    /* raised by a trigger */
	};

	if (!*state)
		return SPLIT;
	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		if (str_starts(str_of(state), table[i].begins))
			return table[i].then;
	return STOP;
}

/* Is it one of these, or of a class that is named by its first characters? */
static bool is_listed(struct str list, const char *state)
{
	struct buf scratch = BUF_INIT;
	struct json_iter it;
	struct str v;
	bool yes = false;

	if (json_type(list) == JSON_STRING) {
		v = json_text(list, &scratch);
		yes =
		    v.n && strlen(state) >= v.n && memcmp(state, v.s, v.n) == 0;
	} else if (json_type(list) == JSON_ARRAY) {
		json_iter_init(&it, list);
		while (!yes && json_iter_element(&it, &v))
			yes = is_listed(v, state);
	}
	buf_release(&scratch);
	return yes;
}

static const struct rule *match(const struct rules *rules, const char *state)
{
	for (size_t i = 0; i < rules->n; i++)
		if (rules->v[i].sqlstate.s &&
		    is_listed(rules->v[i].sqlstate, state))
			return &rules->v[i];
	return NULL;
}

static void stop(struct push *p, const struct pg_answer *a)
{
	bool denied = str_starts(str_of(a->sqlstate), "28") ||
		      strcmp(a->sqlstate, "42501") == 0;

	push_stop(p, denied ? EX_NOPERM : EX_UNAVAILABLE,
		  "%s: the database refuses: %s (SQLSTATE %s)%s",
		  p->contract->name, a->why, a->sqlstate,
		  denied ? " (check the credentials)" : "");
}

/* Is what stands in the way what an earlier attempt has made? */
static bool is_own_conflict(const struct flow *f, const struct pg_answer *a)
{
	return f->n == 1 && f->recs[0]->ambiguous &&
	       strcmp(a->sqlstate, "23505") == 0;
}

static enum verdict refused(struct flow *f, const struct pg_answer *a,
			    struct buf *why)
{
	struct push *p = f->push;
	const struct rule *r = match(&f->op->rules, a->sqlstate);
	struct buf scratch = BUF_INIT;
	enum verdict v;

	if (!r)
		r = match(&p->d.rules, a->sqlstate);
	v = r ? r->then : built_in(a->sqlstate);
	if (v == STOP || v == REFRESH)
		stop(p, a);
	if (v == LATER)
		push_stop(
		    p, EX_TEMPFAIL,
		    "%s: the database takes nothing more for now: %s (%s)",
		    p->contract->name, a->why, a->sqlstate);
	if (v == EXISTS && f->n_carried > 1)
		v = SPLIT;
	if (!r && v == SPLIT && is_own_conflict(f, a))
		v = UNKNOWN;
	if (r && r->reason.s && json_type(r->reason) == JSON_STRING) {
		buf_reset(why);
		buf_adds(why, json_text(r->reason, &scratch));
	}
	buf_release(&scratch);
	return v;
}

static void answered(void *arg, const struct pg_answer *a)
{
	struct flow *f = arg;
	struct push *p = f->push;
	const struct step *s = &f->op->steps[f->step];
	struct buf why = BUF_INIT;
	enum verdict v = GO_ON;

	p->n_under_way--;
	buf_addz(&why, a->why);
	msg_debug("< batch %" PRIu64 ": %s%s%s (%" PRId64 " ms)", f->number,
		  a->outcome == PG_DONE ? "committed" : a->sqlstate,
		  a->outcome == PG_DONE ? "" : " ", a->why, a->took_ms);
	switch (a->outcome) {
	case PG_DONE:
		break;
	case PG_REFUSED:
		v = refused(f, a, &why);
		flow_decide_all(f, v, str_of(a->sqlstate), buf_str(&why));
		break;
	case PG_UNREACHABLE:
		v = RETRY;
		flow_decide_all(f, v, STR("unreachable"), buf_str(&why));
		break;
	case PG_LOST:
		for (size_t i = 0; i < f->n; i++)
			f->recs[i]->ambiguous = true;
		v = s->resend == RESEND_NEVER ? UNKNOWN : RETRY;
		flow_decide_all(f, v, STR("lost"), buf_str(&why));
		break;
	}
	pace_failed(p, v == RETRY || v == UNKNOWN);
	pace_answered(f, a->took_ms, v == RETRY && a->outcome == PG_REFUSED);
	buf_release(&why);
	flow_answered(f, -1);
}

void table_send(struct flow *f)
{
	struct push *p = f->push;

	msg_debug("> %s (batch %" PRIu64 ", %zu records, %zu bytes)",
		  f->url.data, f->number, f->n_carried, f->body.len);
	show_sent(f);
	p->n_under_way++;
	pg_send(p->pg, f->url.data, buf_str(&f->body),
		f->exact ? (int64_t)f->n_carried : -1, answered, f);
}
