/* SPDX-License-Identifier: MIT */
/*
 * The loop: take records while there is room, start what may go, wait for
 * whatever happens first. Reading stops while enough is on its way, so that
 * memory is bounded by that and the writer of our input feels it.
 */
#include "bin/retl-push/push.h"
#include "bin/retl-push/replay.h"
#include "bin/retl-push/table.h"

#include <fcntl.h>
#include <signal.h>

#include "common/clock.h"
#include "common/digest.h"
#include "common/enc.h"
#include "common/mem.h"
#include "common/msg.h"
#include "common/watch.h"

#define MAX_BYTES ((size_t)64 << 20) /* of records that wait or travel */
#define MAX_WAITING                                              \
	((uint64_t)10000) /* records behind another of their key \
			   */
#define MAX_AT_ONCE 200   /* records taken before others' turn */
/* A batch that nobody joins any more leaves after this much silence. */
#define QUIET_MS 200
/* What is under way at SIGTERM has this long to be answered. */
#define LAST_WAIT_MS 30000

static int signal_pipe[2] = { -1, -1 };
static volatile sig_atomic_t n_signals;

static void on_signal(int sig)
{
	int was = errno;
	ssize_t unused;

	(void)sig;
	n_signals++;
	unused = write(signal_pipe[1], "", 1);
	(void)unused;
	errno = was;
}

static void watch_signals(bool dry_run)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction act = { .sa_handler = on_signal }, was;

	if (pipe2(signal_pipe, O_CLOEXEC | O_NONBLOCK) < 0)
		die(EX_OSERR, "pipe: %s", strerror(errno));
	sigemptyset(&act.sa_mask);
	for (size_t i = 0; i < ARRAY_LEN(signals); i++) {
		/* What nohup or a shell has us ignore stays ignored. */
		sigaction(signals[i], NULL, &was);
		if (was.sa_handler != SIG_IGN)
			sigaction(signals[i], &act, NULL);
	}
	/* A reader that went away is a write that fails, and dealt with. */
	if (!dry_run)
		signal(SIGPIPE, SIG_IGN);
}

/* ---- taking a record ---- */

static void receipt_at_once(struct push *p, enum verdict v, struct str code,
			    struct str reason)
{
	const struct record *rec = &p->rec;
	struct outcome o = { .status = v, .code = code, .reason = reason };

	receipts_add(&p->receipts, p->in.line_no,
		     rec->diff_id.s ? rec->diff_id : (struct str){ "", 0 }, 0,
		     &o);
}

static void take_stub(struct push *p)
{
	struct str why = p->rec.diff_outcome;
	struct str code = json_get(why, "code"), reason;
	struct buf a = BUF_INIT, b = BUF_INIT;
	bool skipped = json_text_is(json_get(why, "status"), "skipped");

	p->session.n_stubs++;

	reason = json_get(why, "reason");
	if (code.s)
		code = json_type(code) == JSON_STRING ? json_text(code, &a)
						      : STR_NONE;
	if (reason.s)
		reason = json_type(reason) == JSON_STRING
			     ? json_text(reason, &b)
			     : STR_NONE;
	receipt_at_once(p, skipped ? SKIPPED : REJECTED, code, reason);
	buf_release(&a);
	buf_release(&b);
}

/* Refuses the current record for p->faults. */
static void refuse(struct push *p)
{
	struct buf place = BUF_INIT, reason = BUF_INIT;

	ndjson_place(&p->in, &place);
	faults_put(&reason, &p->faults);
	receipt_at_once(p, REJECTED, str_of(p->faults.v[0].code),
			buf_str(&reason));
	push_reject(p, place.data, p->in.line_no, p->in.line);
	buf_release(&place);
	buf_release(&reason);
}

/* What the record asks for; -1: it has been refused. */
static int kind_of(struct push *p, enum diff_result *kind)
{
	const char *why = NULL;

	*kind = p->rec.result;
	if (p->cfg.as) {
		if (*kind)
			why = "there already, and --as says it too";
		*kind = p->cfg.as_kind;
	} else if (!*kind) {
		why = "missing: put retl-diff before, or say --as added";
	}
	if (!why)
		return 0;
	faults_add(&p->faults, STR("diff_result"), "diff_result", "%s", why);
	refuse(p);
	return -1;
}

static struct span put_span(struct rec *r, struct str s)
{
	struct span at = { r->text.len, s.n };

	buf_adds(&r->text, s);
	return at;
}

/*
 * A value's text that all its spellings share. Most keys are plain: whole
 * numbers, and strings without an escape, are their own.
 */
static void put_key(struct buf *out, struct str v)
{
	struct json_num n;
	bool digits = json_type(v) == JSON_NUMBER;

	if (json_type(v) == JSON_STRING && !memchr(v.s, '\\', v.n)) {
		buf_adds(out, v);
		return;
	}
	for (size_t i = 0; digits && i < v.n; i++)
		digits = isdigit((uint8_t)v.s[i]);
	if (digits) {
		buf_adds(out, v);
		return;
	}
	if (json_type(v) == JSON_NUMBER) {
		json_num_parse(&n, v);
		/* 1.0 and 10e-1 are 1. */
		if (!n.neg && !n.huge && n.exp >= 0 && n.exp <= 400 &&
		    (uint64_t)n.exp >= n.a.n + n.b.n) {
			buf_adds(out, n.a);
			buf_adds(out, n.b);
			for (int64_t i = (int64_t)(n.a.n + n.b.n); i < n.exp;
			     i++)
				buf_addc(out, '0');
			if (!n.a.n && !n.b.n && !n.exp)
				buf_addc(out, '0');
			return;
		}
	}
	json_canon(out, v);
}

/*
 * A member of the record at hand: where it came in, else what was made. Not a
 * value that says nothing of who it is: two empty lists are not the same
 * person.
 */
static struct str key_value(struct push *p, struct rec *r, struct str name)
{
	ssize_t at = json_obj_find(&p->rec.obj, name);
	struct str v;

	if (at >= 0 && contract_tells_apart(p->contract, p->rec.obj.m[at].val))
		return p->rec.obj.m[at].val;
	if (json_find(rec_str(r, r->record), name, &v) != 1 ||
	    !contract_tells_apart(p->contract, v))
		return STR_NONE;
	return v;
}

static void hash_key(struct push *p, struct rec *r, const struct name_set *set)
{
	struct key_node *k = &r->keys[r->n_keys];

	buf_reset(&p->scratch);
	for (size_t i = 0; i < set->n; i++) {
		struct str v = key_value(p, r, set->v[i]);

		if (!v.s)
			return;
		buf_adds(&p->scratch, set->v[i]);
		buf_addc(&p->scratch, '\0');
		put_key(&p->scratch, v);
		buf_addc(&p->scratch, '\0');
	}
	order_digest(buf_str(&p->scratch), k->digest);
	for (size_t i = 0; i < r->n_keys; i++)
		if (!memcmp(r->keys[i].digest, k->digest, sizeof k->digest))
			return;
	r->n_keys++;
}

static void find_keys(struct push *p, struct rec *r)
{
	for (size_t i = 0; i < p->contract->n_keys; i++)
		hash_key(p, r, &p->contract->keys[i]);
}

static bool is_listed(struct str list, const struct json_member *m)
{
	struct buf scratch = BUF_INIT;
	struct json_iter it;
	struct str v;
	bool yes = false;

	if (!list.s || json_type(list) != JSON_ARRAY)
		return false;
	json_iter_init(&it, list);
	while (!yes && json_iter_element(&it, &v))
		yes = json_type(v) == JSON_STRING &&
		      json_key_is(m, json_text(v, &scratch));
	buf_release(&scratch);
	return yes;
}

static bool is_key(const struct contract *c, const struct json_member *m)
{
	for (size_t i = 0; i < c->n_keys; i++)
		for (size_t k = 0; k < c->keys[i].n; k++)
			if (json_key_is(m, c->keys[i].v[k]))
				return true;
	return false;
}

/* changed_only: leaves out of the settled record what has not changed. */
static void keep_changed(struct push *p, struct rec *r)
{
	struct json_iter it;
	struct json_member m;

	if (!r->op->always.s || !p->rec.diff_changed.s)
		return;
	buf_reset(&p->scratch);
	json_iter_init(&it, buf_str(&r->text));
	while (json_iter_member(&it, &m)) {
		if (!is_key(p->contract, &m) && !is_listed(r->op->always, &m) &&
		    !is_listed(p->rec.diff_changed, &m))
			continue;
		buf_addc(&p->scratch, p->scratch.len ? ',' : '{');
		buf_add(&p->scratch, m.key.s - 1, m.key.n + 2);
		buf_addc(&p->scratch, ':');
		buf_adds(&p->scratch, m.val);
	}
	buf_addz(&p->scratch, p->scratch.len ? "}" : "{}");
	buf_reset(&r->text);
	buf_adds(&r->text, buf_str(&p->scratch));
}

static void rec_drop(struct push *p, struct rec *r)
{
	r->next = p->pool;
	p->pool = r;
	p->n_unsettled--;
}

/* The line's number, as a JSON string. */
static void put_ref(struct rec *r)
{
	char digits[20], *to = r->ref;
	size_t n = 0;

	for (uint64_t line = r->line; line || !n; line /= 10)
		digits[n++] = (char)('0' + line % 10);
	*to++ = '"';
	while (n)
		*to++ = digits[--n];
	*to++ = '"';
	*to = '\0';
}

/* -1: it cannot be made, and so the record is refused. */
static int derive(struct push *p, struct rec *r)
{
	if (!p->contract->n_derived)
		return 0;
	buf_reset(&p->scratch);
	if (contract_derive(p->contract, rec_str(r, r->record), &p->scratch,
			    &p->faults) < 0) {
		rec_drop(p, r);
		refuse(p);
		return -1;
	}
	r->derived = put_span(r, buf_str(&p->scratch));
	return 0;
}

/* The record's own memory, with what is to be sent; NULL: it is settled. */
static struct rec *make_rec(struct push *p, const struct operation *op,
			    enum diff_result kind)
{
	struct rec *r = rec_new(p);
	int got;

	r->line = p->in.line_no;
	r->kind = kind;
	r->op = op;
	/* Settling asks for the kind that --as gave. */
	p->rec.result = kind;
	got = contract_settle(p->contract, &p->rec, SETTLE_PUSH, &r->text,
			      &p->faults);
	if (got < 0)
		rec_drop(p, r);
	if (got == SETTLE_UNHASHED) {
		struct buf why = BUF_INIT;

		faults_put(&why, &p->faults);
		receipt_at_once(p, FAILED, STR("unhashed"),
				STR("a value that must be hashed is not"));
		push_stop(p, EX_DATAERR, "line %" PRIu64 ": %s", p->in.line_no,
			  why.len ? why.data
				  : "a value that must be hashed is not");
		buf_release(&why);
		return NULL;
	}
	if (got < 0) {
		refuse(p);
		return NULL;
	}
	buf_addc(&r->text, '}');
	keep_changed(p, r);
	r->record = (struct span){ 0, r->text.len };
	if (p->rec.diff_id.s)
		r->id = put_span(r, p->rec.diff_id);
	if (p->rec.diff_changed.s)
		r->changed = put_span(r, p->rec.diff_changed);
	if (p->cfg.rejects)
		r->original = put_span(r, p->in.line);
	if (derive(p, r) < 0)
		return NULL;
	r->n_own = r->text.len;
	put_ref(r);
	return r;
}

static void take_record(struct push *p, const struct operation *op,
			enum diff_result kind)
{
	struct rec *r = make_rec(p, op, kind);

	if (!r)
		return;
	find_keys(p, r);
	r->n_counted = r->text.cap;
	p->bytes_unsettled += r->n_counted;
	order_enter(&p->order, r);
	if (r->n_blocked)
		p->n_waiting++;
	else
		batch_admit(p, r);
}

/*
 * Changes and removals of one run do not overtake each other: where they turn,
 * what came before is settled first.
 */
static bool at_barrier(struct push *p, enum diff_result kind)
{
	bool removed = kind == DIFF_REMOVED;

	if (!p->rec.diff_id.s)
		return false;
	if (p->any_barrier && p->last_removed != removed && p->n_unsettled)
		return true;
	p->any_barrier = true;
	p->last_removed = removed;
	return false;
}

/* False: the record has to wait, and stays where it is. */
static bool take_line(struct push *p)
{
	struct json_fault fault;
	enum diff_result kind;
	const struct operation *op;

	if (p->cfg.replay)
		return replay_take(p);
	if (record_parse(&p->rec, p->in.line, &fault) < 0) {
		struct buf place = BUF_INIT;

		ndjson_place(&p->in, &place);
		msg_error("%s: byte %zu: %s", place.data, fault.at + 1,
			  fault.what);
		buf_release(&place);
		p->input_ended = true;
		p->input_status = EX_DATAERR;
		return true;
	}
	faults_reset(&p->faults);
	if (record_is_stub(&p->rec)) {
		take_stub(p);
		return true;
	}
	if (p->stopped) {
		receipt_at_once(p, FAILED, STR("stopped"),
				STR("the push was stopped before this was "
				    "delivered"));
		return true;
	}
	if (kind_of(p, &kind) < 0)
		return true;
	op = p->d.of[kind];
	if (!op) {
		receipt_at_once(p, SKIPPED, STR_NONE, STR_NONE);
		return true;
	}
	if (op->whole && p->rec.diff_id.s) {
		receipt_at_once(p, FAILED, STR("usage"),
				STR("a change, where a whole dataset is "
				    "wanted"));
		push_stop(p, EX_USAGE,
			  "line %" PRIu64 ": diff_id: %.*s replaces "
			  "everything, so it needs all records and not what "
			  "has changed: leave out retl-diff, and say --as "
			  "added",
			  p->in.line_no, STR_ARG(op->name));
		return true;
	}
	if (at_barrier(p, kind))
		return false;
	take_record(p, op, kind);
	return true;
}

/* ---- reading ---- */

static bool is_full(const struct push *p)
{
	/* A batch that is held does not keep the next from coming together. */
	size_t most = p->session.waiting.n ? 2 * MAX_BYTES : MAX_BYTES;

	return p->bytes_unsettled >= most || p->n_waiting >= MAX_WAITING;
}

static bool has_room(const struct push *p)
{
	return p->ready.n + p->session.waiting.n < p->d.concurrency + 1 &&
	       !is_full(p) && p->asleep.n < MAX_WAITING;
}

static void end_input(struct push *p)
{
	if (p->in.fd == STDIN_FILENO && !p->in.name)
		close(STDIN_FILENO);
	p->input_ended = true;
	p->have_line = false;
}

static void reached_limit(struct push *p)
{
	if (p->cfg.limit && p->n_read >= p->cfg.limit)
		end_input(p);
}

/* One line on; false: nothing more to be had for now. */
static bool read_line(struct push *p)
{
	int got = ndjson_next(&p->in);

	if (got == NDJSON_WAIT)
		return false;
	if (got == 1) {
		p->have_line = true;
		p->n_read++;
		return true;
	}
	p->input_ended = true;
	p->complete = got == 0 && ndjson_sealed(&p->in);
	if (got < 0) {
		msg_error("%s", p->in.err.data);
		p->input_status = p->in.status;
	}
	return false;
}

/* True: the other side has nothing for us at the moment. */
static bool take_input(struct push *p)
{
	bool took = false;

	for (int i = 0; i < MAX_AT_ONCE && !p->input_ended && has_room(p);
	     i++) {
		if (!p->have_line && !read_line(p)) {
			if (took)
				p->last_input = clock_tick_ms();
			return true;
		}
		if (!take_line(p)) {
			batch_close_all(p);
			return false;
		}
		p->have_line = false;
		took = true;
		reached_limit(p);
		/* What can leave should not wait for what is read. */
		if (p->ready.n && !pace_is_full(p))
			break;
	}
	if (took)
		p->last_input = clock_tick_ms();
	return false;
}

/* ---- ending ---- */

static void interrupted(struct push *p)
{
	char drain[64];

	while (read(signal_pipe[0], drain, sizeof drain) > 0)
		;
	if (!p->interrupted) {
		p->interrupted = true;
		p->give_up_at = clock_tick_ms() + LAST_WAIT_MS;
		push_stop(p, EX_TEMPFAIL,
			  "interrupted: waiting for %zu requests under way",
			  p->n_under_way);
		end_input(p);
	}
	if (n_signals > 1)
		p->give_up_at = clock_tick_ms();
}

/* Standard output is gone: what is under way is finished, no more. */
static void check_output(struct push *p)
{
	if (p->cfg.dry_run)
		dryrun_flush(p);
	if (receipts_flush(&p->receipts) == 0)
		return;
	if (p->stop_status == EX_IOERR)
		return;
	p->stopped = false;
	push_stop(p, EX_IOERR, "standard output: %s: receipts go to %s",
		  strerror(p->receipts.error),
		  p->cfg.receipts ? p->cfg.receipts : "stderr");
	end_input(p);
}

static int64_t until(int64_t tick, int64_t at, int64_t wait)
{
	return at == INT64_MAX ? wait : MIN(wait, MAX(at - tick, 0));
}

static void wait_for_something(struct push *p, int64_t next, bool dry_input)
{
	int64_t tick = clock_tick_ms(), wait = 60000;
	int fds[] = { signal_pipe[0], -1, table_fd(p) };

	wait = until(tick, next, wait);
	if (p->give_up_at)
		wait = until(tick, p->give_up_at, wait);
	if (p->open.n) {
		wait = until(tick, p->last_input + QUIET_MS, wait);
		for (struct flow *f = p->open.first; f; f = f->next)
			if (f->op->max_age_ms)
				wait = until(
				    tick, f->opened + f->op->max_age_ms, wait);
	}
	/* What stood at a barrier need not wait any more. */
	if (p->have_line && !p->n_unsettled)
		wait = 0;
	if (!p->input_ended && has_room(p)) {
		if (dry_input)
			fds[1] = p->in.fd;
		else if (!p->have_line)
			wait = 0;
	}
	http_wait(p->http, fds, ARRAY_LEN(fds), (int)wait);
	table_collect(p);
}

static bool is_done(const struct push *p)
{
	return p->input_ended && !p->n_unsettled;
}

static void close_batches(struct push *p, bool dry_input)
{
	int64_t tick = clock_tick_ms();

	batch_close_old(p, tick);
	/* Nobody can join any more, or nobody seems to come. */
	if (p->input_ended || is_full(p) ||
	    (dry_input && tick - p->last_input >= QUIET_MS))
		batch_close_all(p);
}

static void abort_all(struct push *p)
{
	p->give_up_at = 0;
	http_abort(p->http);
	table_abort(p);
}

static void loop(struct push *p)
{
	while (!is_done(p)) {
		bool dry_input;
		int64_t next;

		p->now_made = false;
		dry_input = take_input(p);
		close_batches(p, dry_input);
		next = flow_run_ready(p);
		check_output(p);
		if (p->stopped) {
			flow_fail_all(p);
			check_output(p);
		}
		if (is_done(p))
			break;
		if (p->ready.n && !p->n_under_way && !p->asleep.n &&
		    next == INT64_MAX && !p->stopped)
			continue;
		wait_for_something(p, next, dry_input);
		if (n_signals)
			interrupted(p);
		if (p->give_up_at && clock_tick_ms() >= p->give_up_at)
			abort_all(p);
	}
}

/* ---- the whole ---- */

/* How much a body is without its items, so that batches come out right. */
static void measure_bodies(struct push *p)
{
	for (size_t i = 0; i < p->d.n_ops; i++) {
		struct operation *op = p->d.ops[i];
		struct flow alone = flow_stand_in(p, op);
		struct scope scope;

		scope_fill(&alone, NULL, &scope);
		for (size_t k = 0; k < op->n_steps && !op->one; k++) {
			struct step *s = &op->steps[k];

			struct buf body = BUF_INIT;
			struct str v = STR("[]");

			buf_reset(&p->scratch);
			if (s->body.prog &&
			    program_value(&s->body, v, &scope, &p->scratch,
					  NULL, &p->err) == 1)
				v = buf_str(&p->scratch);
			if (s->item.prog &&
			    body_encode(s->type, v, &body, &p->err) == 0)
				s->body_extra = body.len;
			buf_release(&body);
		}
	}
}

static void begin_watch(const struct push *p)
{
	static const enum verdict shown[] = { DELIVERED, SKIPPED, REJECTED,
					      FAILED, UNKNOWN };

	watch_count("read", &p->n_read);
	for (size_t i = 0; i < ARRAY_LEN(shown); i++)
		watch_count(verdict_name(shown[i]), &p->receipts.n[shown[i]]);
}

static void begin(struct push *p)
{
	uint8_t id[16];
	struct buf hex = BUF_INIT;

	digest_random(id, sizeof id);
	enc_hex(&hex, id, sizeof id);
	memcpy(p->run_id, hex.data, sizeof p->run_id);
	buf_release(&hex);
	p->started_ms = clock_now_ms();
	buf_addf(&p->run_json, "{\"id\":\"%s\",\"time\":\"", p->run_id);
	clock_put_rfc3339(&p->run_json, p->started_ms);
	/* It fits a double, and is larger than that of any run before. */
	buf_addf(&p->run_json, "\",\"number\":%" PRId64 "%03u}", p->started_ms,
		 (id[0] * 256u + id[1]) % 1000);
	measure_bodies(p);
	pace_begin(p);
	p->last_input = clock_tick_ms();
	p->in.nowait = true;
	order_init(&p->order);
	watch_signals(p->cfg.dry_run != NULL);
	receipts_open(&p->receipts);
	rejects_open(&p->rejects);
	begin_watch(p);
}

static void end_watch(const struct push *p)
{
	watch_stop(&p->n_read);
	for (size_t i = 0; i < ARRAY_LEN(p->receipts.n); i++)
		watch_stop(&p->receipts.n[i]);
}

static void summarize(struct push *p, int64_t began)
{
	const uint64_t *n = p->receipts.n;

	if (p->cfg.dry_run)
		return;
	msg_info("%" PRIu64 " delivered, %" PRIu64 " skipped, %" PRIu64
		 " rejected, %" PRIu64 " failed, %" PRIu64 " unknown, %.1f s",
		 n[DELIVERED], n[SKIPPED], n[REJECTED], n[FAILED], n[UNKNOWN],
		 (double)(clock_tick_ms() - began) / 1000);
}

/* What ends the pipeline: the worst that happened. */
static int final_status(struct push *p)
{
	const uint64_t *n = p->receipts.n;

	if (p->receipts.error || p->rejects.error || credentials_end(p) < 0)
		return EX_IOERR;
	if (p->input_status)
		return p->input_status;
	if (p->stop_status)
		return p->stop_status;
	if (p->session_status)
		return p->session_status;
	if (n[FAILED] || n[UNKNOWN] > p->receipts.n_doubt_final)
		return EX_TEMPFAIL;
	if (p->rejects.n || n[UNKNOWN])
		return EX_REFUSED;
	return 0;
}

static void release_all(struct push *p)
{
	struct rec *r;
	struct flow *f;

	while ((r = p->pool)) {
		p->pool = r->next;
		buf_release(&r->text);
		buf_release(&r->saved);
		free(r->keys);
		free(r);
	}
	while ((f = p->flow_pool)) {
		p->flow_pool = f->next;
		buf_release(&f->group);
		buf_release(&f->saved);
		buf_release(&f->seen);
		buf_release(&f->page);
		buf_release(&f->seen_page);
		buf_release(&f->rest.code);
		buf_release(&f->rest.reason);
		buf_release(&f->notes);
		buf_release(&f->url);
		buf_release(&f->headers);
		buf_release(&f->body);
		buf_release(&f->items);
		buf_release(&f->vars);
		free(f->recs);
		free(f->uses);
		free(f);
	}
	order_release(&p->order);
	record_release(&p->rec);
	faults_release(&p->faults);
	buf_release(&p->run_json);
	buf_release(&p->shared);
	buf_release(&p->err);
	buf_release(&p->scratch);
	buf_release(&p->now);
	buf_release(&p->shown);
	buf_release(&p->auth_json);
	buf_release(&p->stop_reason);
	ndjson_close(&p->in);
}

int push_run(struct push *p)
{
	int64_t began = clock_tick_ms();
	int status;

	begin(p);
	loop(p);
	if (p->cfg.dry_run)
		dryrun_flush(p);
	p->session_status = session_end(p);
	receipts_close(&p->receipts);
	rejects_close(&p->rejects);
	summarize(p, began);
	end_watch(p);
	status = final_status(p);
	release_all(p);
	return status;
}
