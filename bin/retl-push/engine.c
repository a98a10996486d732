/* SPDX-License-Identifier: MIT */
/*
 * The loop: take records while there is room, start what may go, wait for
 * whatever happens first. Reading stops while enough is on its way, so that
 * memory is bounded by that and the writer of our input feels it.
 */
#include "bin/retl-push/intake.h"
#include "bin/retl-push/push.h"
#include "bin/retl-push/replay.h"
#include "bin/retl-push/table.h"
#include "bin/retl-push/upload.h"

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
/* So many turns at most without a look at who has answered. */
#define MAX_TURNS 8
/* A batch that nobody joins any more leaves after this much silence. */
#define QUIET_MS 200

static int signal_pipe[2] = { -1, -1 };
static volatile sig_atomic_t n_signals, at_work;

static void on_signal(int sig)
{
	int was = errno;
	ssize_t unused;

	(void)sig;
	if (!at_work)
		msg_leave(EX_TEMPFAIL, "interrupted before anything was read");
	n_signals++;
	unused = write(signal_pipe[1], "", 1);
	(void)unused;
	errno = was;
}

void push_watch_signals(void)
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
}

/* ---- taking a record ---- */

static void receipt_at_once(struct push *p, const struct rec *r, enum verdict v,
			    struct str code, struct str reason)
{
	struct outcome o = { .status = v, .code = code, .reason = reason };

	receipts_add(&p->receipts, r->line, rec_str(r, r->id), 0, &o);
}

static void take_stub(struct push *p, const struct rec *r)
{
	struct str why = rec_str(r, r->record);
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
	receipt_at_once(p, r, skipped ? SKIPPED : REJECTED, code, reason);
	buf_release(&a);
	buf_release(&b);
}

static void take_refused(struct push *p, const struct rec *r)
{
	struct buf place = BUF_INIT, reason = BUF_INIT;

	intake_place(p->in, r->line, &place);
	faults_put(&reason, r->faults);
	receipt_at_once(p, r, REJECTED, str_of(r->faults->v[0].code),
			buf_str(&reason));
	push_reject(p, place.data, r->line, r->faults, rec_str(r, r->original));
	buf_release(&place);
	buf_release(&reason);
}

static void take_unhashed(struct push *p, const struct rec *r)
{
	static const char what[] = "a value that must be hashed is not";
	struct buf why = BUF_INIT;

	faults_put(&why, r->faults);
	receipt_at_once(p, r, FAILED, STR("unhashed"), str_of(what));
	push_stop(p, EX_DATAERR, "line %" PRIu64 ": %s", r->line,
		  why.len ? why.data : what);
	buf_release(&why);
}

static void take_change_for_whole(struct push *p, const struct rec *r)
{
	receipt_at_once(p, r, FAILED, STR("usage"),
			STR("a change, where a whole dataset is wanted"));
	push_stop(p, EX_USAGE,
		  "line %" PRIu64 ": diff_id: %.*s replaces everything, so it "
		  "needs all records and not what has changed: leave out "
		  "retl-diff, and say --as added",
		  r->line, STR_ARG(r->op->name));
}

static void take_record(struct push *p, struct rec *r)
{
	p->n_unsettled++;
	r->n_counted = (uint32_t)MIN(r->text.cap, UINT32_MAX);
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
static bool at_barrier(struct push *p, const struct rec *r)
{
	bool removed = r->kind == DIFF_REMOVED;

	if (!r->id.n)
		return false;
	if (p->any_barrier && p->last_removed != removed && p->n_unsettled)
		return true;
	p->any_barrier = true;
	p->last_removed = removed;
	return false;
}

/* Of a line that asks for nothing, or will not get it. */
static bool take_other(struct push *p, struct rec *r)
{
	if (r->taken == TAKEN_STUB) {
		take_stub(p, r);
	} else if (p->stopped) {
		receipt_at_once(p, r, FAILED, STR("stopped"),
				STR("the push was stopped before this was "
				    "delivered"));
	} else if (r->taken == TAKEN_NOTHING) {
		receipt_at_once(p, r, SKIPPED, STR_NONE, STR_NONE);
	} else if (!r->op) {
		take_refused(p, r);
	} else if (r->op->whole && r->id.n) {
		take_change_for_whole(p, r);
	} else {
		return false;
	}
	return true;
}

/* False: the record has to wait, and stays where it is. */
static bool take(struct push *p, struct rec *r)
{
	if (r->taken == TAKEN_LINE) {
		if (!replay_take(p, rec_str(r, r->record), r->line))
			return false;
		rec_put_back(&p->pool, r);
		return true;
	}
	if (!take_other(p, r)) {
		if (at_barrier(p, r))
			return false;
		if (r->taken == TAKEN_RECORD) {
			take_record(p, r);
			return true;
		}
		if (r->taken == TAKEN_REFUSED)
			take_refused(p, r);
		else
			take_unhashed(p, r);
	}
	rec_put_back(&p->pool, r);
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

/* What was read ahead is answered: else it would be in doubt. */
static void answer_rest(struct push *p)
{
	while (p->at_hand || (p->at_hand = intake_next(p->in, &p->pool))) {
		if (p->cfg.replay || !p->stopped || !take(p, p->at_hand))
			rec_put_back(&p->pool, p->at_hand);
		p->at_hand = NULL;
	}
}

static void end_input(struct push *p)
{
	intake_stop(p->in);
	answer_rest(p);
	p->input_ended = true;
}

static void reached_limit(struct push *p)
{
	if (p->cfg.limit && p->n_read >= p->cfg.limit)
		end_input(p);
}

/* Those behind the one at hand. */
static void fetch_next(const struct push *p)
{
	const struct rec *next = p->at_hand->next;

	if (!next)
		return;
	order_fetch(&p->order, next);
	if (next->next)
		rec_fetch(next->next);
}

/* One line on; false: nothing more to be had for now. */
static bool read_line(struct push *p)
{
	const struct intake_end *end;

	p->at_hand = intake_next(p->in, &p->pool);
	if (p->at_hand) {
		p->n_read++;
		fetch_next(p);
		return true;
	}
	end = intake_ended(p->in);
	if (!end)
		return false;
	p->input_ended = true;
	p->complete = end->sealed;
	p->input_status = end->status;
	if (end->why)
		msg_error("%s", end->why);
	return false;
}

/* True: there is nothing more at the moment. */
static bool take_input(struct push *p)
{
	bool took = false;

	for (int i = 0; i < MAX_AT_ONCE && !p->input_ended && has_room(p);
	     i++) {
		if (!p->at_hand && !read_line(p)) {
			if (took)
				p->last_input = clock_tick_ms();
			return true;
		}
		if (!take(p, p->at_hand))
			return false;
		p->at_hand = NULL;
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
		http_drop_unsent(p->http);
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

/* The input has ended, or who is at hand stands at a barrier. */
static bool nobody_joins(const struct push *p)
{
	return p->input_ended || p->at_hand;
}

/* dry_input: there is nothing to be taken before intake_fd says so. */
static void wait_for_something(struct push *p, int64_t next, bool dry_input)
{
	int64_t tick = clock_tick_ms(), wait = 60000;
	int fds[] = { signal_pipe[0], -1, table_fd(p), upload_fd(p) };

	wait = until(tick, next, wait);
	if (p->give_up_at)
		wait = until(tick, p->give_up_at, wait);
	/* Those that have joined since batches were closed. */
	if (p->open.n && nobody_joins(p))
		wait = 0;
	if (p->open.n) {
		/* Where there is no room it is not silence that counts. */
		if (dry_input && intake_is_silent(p->in))
			wait = until(tick, p->last_input + QUIET_MS, wait);
		for (struct flow *f = p->open.first; f; f = f->next)
			if (f->op->max_age_ms)
				wait = until(
				    tick, f->opened + f->op->max_age_ms, wait);
	}
	/* What stood at a barrier need not wait any more. */
	if (p->at_hand && !p->n_unsettled)
		wait = 0;
	if (!p->input_ended && has_room(p)) {
		if (dry_input)
			fds[1] = intake_fd(p->in);
		else if (!p->at_hand)
			wait = 0;
	}
	http_wait(p->http, fds, ARRAY_LEN(fds), (int)wait);
	table_collect(p);
	upload_collect(p);
}

static bool is_done(const struct push *p)
{
	return p->input_ended && !p->n_unsettled && !credentials_at_stake(p);
}

static void close_batches(struct push *p, bool dry_input)
{
	int64_t tick = clock_tick_ms();

	batch_close_old(p, tick);
	/* Nobody can join any more, or nobody seems to come. */
	if (nobody_joins(p) || is_full(p) ||
	    (dry_input && intake_is_silent(p->in) &&
	     tick - p->last_input >= QUIET_MS))
		batch_close_all(p);
}

/*
 * There is more to be taken: asking the kernel what else has happened takes as
 * long as ten records.
 */
static bool goes_on(struct push *p, bool dry_input)
{
	if (dry_input || p->input_ended || p->at_hand || !has_room(p) ||
	    ++p->n_turns == MAX_TURNS) {
		p->n_turns = 0;
		return false;
	}
	http_go(p->http);
	return true;
}

static void abort_all(struct push *p)
{
	p->give_up_at = 0;
	http_abort(p->http);
	table_abort(p);
	upload_abort(p);
}

static void loop(struct push *p)
{
	while (!is_done(p)) {
		bool dry_input;
		int64_t next;

		if (n_signals)
			interrupted(p);
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
		if (goes_on(p, dry_input))
			continue;
		wait_for_something(p, next, dry_input);
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
	order_init(&p->order);
	/* A reader that went away is a write that fails, and dealt with. */
	if (!p->cfg.dry_run)
		signal(SIGPIPE, SIG_IGN);
	p->receipts.n_signals = &n_signals;
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

	/* What ended the push has been told. */
	if (p->stop_status)
		buf_reset(&p->receipts.why_failed);
	receipts_tell_why(&p->receipts);
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
	struct flow *f;

	rec_list_free(&p->pool);
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
		buf_release(&f->vars);
		free(f->recs);
		free(f->uses);
		free(f);
	}
	order_release(&p->order);
	faults_release(&p->faults);
	buf_release(&p->run_json);
	buf_release(&p->shared);
	buf_release(&p->err);
	buf_release(&p->scratch);
	buf_release(&p->items);
	buf_release(&p->now);
	buf_release(&p->shown);
	buf_release(&p->auth_json);
	buf_release(&p->stop_reason);
	intake_free(p->in);
}

int push_run(struct push *p)
{
	int64_t began = clock_tick_ms();
	int status;

	at_work = true;
	begin(p);
	loop(p);
	if (p->cfg.dry_run)
		dryrun_flush(p);
	p->session_status = session_end(p);
	alike_end(p);
	receipts_close(&p->receipts);
	rejects_close(&p->rejects);
	summarize(p, began);
	end_watch(p);
	status = final_status(p);
	release_all(p);
	return status;
}
