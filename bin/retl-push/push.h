/* SPDX-License-Identifier: MIT */
/*
 * The push as a whole: records come in, are put into batches, a batch goes
 * through the steps of its operation as a flow, answers turn into receipts.
 * Whatever waits, waits in http_wait. All of this is one thread, but for the
 * intake, which may have another.
 *
 *	intake -> admit -> batch -> flow -> request -> response -> settle
 *	        (order)                                          (receipt)
 *
 * What holds throughout: every record that was read is settled once; a record
 * belongs to exactly one place at a time (waiting for its key, an open batch,
 * a flow).
 */
#ifndef RETL_PUSH_PUSH_H
#define RETL_PUSH_PUSH_H

#include <signal.h>

#include "common/faults.h"
#include "common/http.h"
#include "common/ndjson.h"
#include "common/record.h"
#include "bin/retl-push/operation.h"

struct push;
struct rec;
struct intake;

/* What a line of the input is. */
enum taken {
	TAKEN_RECORD,   /* to be delivered */
	TAKEN_STUB,     /* refused by a stage before: record is its outcome */
	TAKEN_NOTHING,  /* the contract does nothing for such a change */
	TAKEN_REFUSED,  /* for faults */
	TAKEN_UNHASHED, /* for faults: nobody may send it */
	TAKEN_LINE,     /* of a replay: record is the line */
};

/* A place in a record's own text, which may move as it grows. */
struct span {
	uint32_t at, n; /* see REC_TEXT_MAX */
};

/* One value of the contract's key; those of one value stand in line. */
struct key_node {
	uint8_t digest[16];
	struct rec *rec;
	struct key_node *behind;   /* the next record with this value */
	struct key_node *neighbor; /* another value in the same bucket */
};

/* What is settled of a record is shorter; the item comes on top of it. */
#define REC_TEXT_MAX ((size_t)3 << 30)

/*
 * Some thousand are on their way at a time, and what keeps them from going
 * faster is the memory that is touched, which two threads hand to each other:
 * numbers are no wider than they must be, and what is looked at together stands
 * together, first (two lines of the cache) what is looked at for each request.
 */
struct rec {
	struct rec *next; /* in a list, read and not yet taken, or in a pool */
	/* What has been decided, until flow_sweep acts on it. */
	uint8_t verdict; /* enum verdict */
	uint8_t kind;    /* enum diff_result */
	uint8_t taken;   /* enum taken: what its line is */
	bool carried;    /* by the request under way */
	bool stand_in;   /* no record: see flow_for */
	bool trying;     /* attempts counts what goes on */
	bool again;      /* but not yet the request that is to come */
	bool sent_once; /* a request that must not be repeated has carried it */
	bool was_sent_once; /* the same, before the request under way */
	bool acted; /* a step that goes record by record has, for this one */
	/* An attempt ended without an answer: it may have been accepted. */
	bool ambiguous;
	bool unanswered;     /* one that was made again as it was */
	bool in_results;     /* some request with results carried it */
	bool was_in_results; /* the same, before the request under way */
	int http_status;
	/* How often it has been tried; steps and halves do not count. */
	uint32_t attempts;
	uint32_t tries; /* of these, since something last went well in a poll */
	uint32_t spent; /* of these, what nothing that goes well gives back */
	uint64_t line;
	struct span id;           /* diff_id, a JSON string; n 0: none */
	struct span code, reason; /* in the flow's notes */
	struct span item;
	struct span record; /* as it is to be sent */
	uint32_t n_keys, n_blocked;
	const struct step *item_of; /* the step that item is made for */
	const struct operation *op;
	uint32_t n_own;     /* of text: what stays while items come and go */
	uint32_t n_counted; /* bytes, as counted in bytes_unsettled */
	size_t size;        /* foreseen of its item in a body */

	/* These two keep their memory from one record to the next. */
	struct buf text;        /* what the spans point into */
	struct span changed;    /* diff_changed, n 0: none */
	struct span derived;    /* of the contract, n 0: nothing is derived */
	struct span original;   /* the line; n 0: not kept */
	struct faults *faults;  /* of a refused one, else NULL */
	struct buf saved;       /* what "each" has bound to it; JSON object */
	struct key_node keys[]; /* as many as the contract has */
};

/* Records by next. */
struct rec_list {
	struct rec *first, *last;
};

static inline struct str rec_str(const struct rec *r, struct span s)
{
	return (struct str){ r->text.data + s.at, s.n };
}

/* ---- order.c: never two changes of one key under way ---- */

struct order {
	struct key_node **buckets;
	size_t n_buckets, n;
};

/* 16 bytes of a key's text; the same text with another seed is another key. */
void order_digest(struct str text, uint64_t seed, uint8_t *out);
void order_init(struct order *o);
/* r is about to enter or to leave: what that asks for is far away in memory. */
void order_fetch(const struct order *o, const struct rec *r);
void order_release(struct order *o);
/* r->keys is filled. Afterwards r->n_blocked counts the keys it waits for. */
void order_enter(struct order *o, struct rec *r);
/* Takes r out; whoever waited for nothing else goes through admit. */
void order_leave(struct order *o, struct rec *r, struct push *p,
		 void (*admit)(struct push *p, struct rec *r));

/* What is under way at SIGTERM has this long to be answered, and written. */
#define LAST_WAIT_MS 30000

/* ---- receipt.c ---- */

struct outcome {
	enum verdict status;
	long http_status;        /* 0: none */
	struct str code, reason; /* text; .s NULL: none */
	bool no_resend;
};

struct receipts {
	const char *to;
	const char *fallback_path; /* --receipts, NULL: stderr */
	int fallback;
	struct buf b;
	struct buf to_status; /* what stands in each line, up to its status */
	struct buf delivered; /* the same, and all that follows "delivered" */
	bool silent;          /* a dry run */
	int error; /* errno of standard output; then lines go elsewhere */
	/* How many signals have asked to end; writing has an end then. */
	const volatile sig_atomic_t *n_signals;
	int64_t until;           /* tick; 0: not yet known */
	uint64_t n[UNKNOWN + 1]; /* by status */
	uint64_t n_doubt_final;  /* unknown, and not to be sent again */
	/* Of the first that failed, and of the first that is unknown: why. */
	struct buf why_failed, why_unknown;
};

void receipts_open(struct receipts *w);
/* id is a JSON string, n 0: none. */
void receipts_add(struct receipts *w, uint64_t line, struct str id,
		  uint64_t attempts, const struct outcome *o);
void receipts_sending(struct receipts *w, uint64_t line, struct str id);
/* Called before every wait. -1: standard output takes no more. */
int receipts_flush(struct receipts *w);
void receipts_close(struct receipts *w);
/* Why records failed or are unknown, of each the first, and how many. */
void receipts_tell_why(struct receipts *w);

/* ---- batch.c ---- */

#define NOT_GIVEN UINT64_MAX /* of an option that takes a count */

struct config {
	struct contract_args contract;
	const char *dry_run; /* NULL, "", "curl" */
	const char *as;
	const char *rejects, *receipts, *cacert, *cert, *key;
	const char *replay;     /* a dry run to be sent */
	const char *replay_run; /* whose removals may be */
	uint64_t limit;         /* NOT_GIVEN: none */
	uint64_t max_failures;  /* 0: any */
	uint64_t max_alike;     /* refused alike, and none taken; 0: any */
	uint64_t concurrency;   /* NOT_GIVEN: what the contract says */
	uint64_t limit_ms;      /* for one run of a program */
	uint64_t timeout_s;
	uint64_t max_record;
	uint64_t threads;
	bool strict;
	bool allow_empty; /* everything may be replaced by nothing */
	enum diff_result as_kind;
};

/* An outcome for all who are not named. */
struct rest {
	enum verdict v;
	struct buf code, reason;
};

/*
 * Records that travel together: first as an open batch that others join, then
 * through the steps. Halves of a batch are flows of their own.
 */
struct flow {
	struct push *push;
	struct flow *next, *prev;
	const struct operation *op;
	struct rec **recs;
	size_t n, cap;
	size_t n_bytes;   /* of items, while it is open */
	int64_t opened;   /* tick */
	struct buf group; /* JSON, empty: none */
	uint64_t number;

	size_t step;
	size_t each;   /* of a step that goes record by record: whose turn */
	bool advanced; /* a step has been accepted */
	bool acted_before; /* an earlier step may have changed something */
	bool begun; /* holds a place among those that --concurrency counts */
	bool under_way;
	bool restart; /* what is to be tried again begins at the first step */
	uint64_t renewals; /* of credentials, for this step */
	uint64_t token;    /* that its request carries, counted from 1 */
	int64_t wake;      /* tick; 0: may go at once */
	/* What the limits count it by, and when it did so last: pace.c. */
	const struct rec *paced; /* about this record; NULL: not yet */
	struct rate_use *uses;
	int64_t taken;
	uint64_t round;
	struct flow *next_leaving;
	struct buf saved; /* JSON object; empty: what was prepared */
	struct buf seen;  /* the same with what is bound to a record */
	struct buf notes; /* codes and reasons of what has been decided */
	enum { GOES_ON, REPEATS } course; /* what the last answer asks for */
	/* A poll: since when (tick, 0: no answer yet), the last pause. */
	int64_t poll_since, poll_ms;
	/* Pages: the next one's URL; what was said of those not named. */
	struct buf page, seen_page;
	uint64_t n_pages, page_tries;
	struct rest rest;
	/* Somebody was refused whom nobody knows; some went on without f. */
	bool stray, parted;
	/* A session, see session.c: its place in it. */
	uint64_t batch;
	bool last, in_session;
	bool marked;       /* it is the last, and a request has said so */
	struct flow *then; /* by next: those that wait for this one's end */
	/* The request under way. */
	struct buf url, headers, body, vars;
	bool exact;     /* a statement touches as many rows as it is given */
	bool elsewhere; /* it leaves the contract's own server */
	/* The last one got no answer: kept connections may be as dead. */
	bool lost;
	size_t n_auth_headers; /* where in headers those of auth begin */
	size_t n_carried;
	size_t n_body; /* bytes, before it was packed */
};

struct flow_list {
	struct flow *first, *last;
	size_t n;
};

/* How many requests the destination bears at once, and how it has fared. */
struct pace {
	double level;
	bool slow;              /* it has said once that there were too many */
	uint64_t round;         /* how often */
	double smooth, fastest; /* how long answers take, ms */
	uint64_t n_failed;      /* requests in a row */
	struct flow *leaving;   /* whose requests wait for a connection */
	int64_t fresh_ms;       /* how long one may do so uncounted */
};

/* ---- session.c: batches that together replace what is there ---- */

struct range {
	uint64_t line, n;
};

struct session {
	struct flow_list waiting; /* batches, in order */
	size_t n_out;             /* flows that have left this list */
	uint64_t n_batches;       /* sent, or being sent */
	uint64_t n_stubs;
	bool any;    /* a record belongs to it */
	bool broken; /* it can no longer be whole */
	bool told, last_sent;
	bool nothing; /* the input had no record */
	bool refused; /* not even begun */
	/* Who was taken, as long as the last batch has not been. */
	struct range *taken;
	size_t n_taken, cap_taken;
	uint64_t n_held;
	/* A file that is put together: URLs, bytes written, a CSV's header. */
	struct buf file, temp, columns;
	uint64_t n_written;
};

/* ---- alike.c: is it the records, or the settings? ---- */

/* A refusal whose receipt waits; texts lie in alike.text. */
struct held {
	uint64_t line, attempts;
	long http_status;
	const bool *made; /* of unmade: could it be made of another record? */
	struct held_text {
		size_t at, n;
	} id, code, reason;
};

struct alike {
	struct held *held;
	size_t n, cap;
	struct buf text;
	bool settled; /* the destination tells records apart */
	bool stopped; /* it does not, and that was too much */
};

struct push {
	struct config cfg;
	struct contract *contract;
	struct delivery d;
	struct delivery *shown_d; /* of a replay: as a dry run has it */
	struct http *http;
	struct pg *pg; /* NULL: no operation is one on a table */
	bool uploads;  /* requests are files on an SFTP server */
	struct sftp *sftp;
	struct intake *in;
	struct faults faults;
	struct rejects rejects;
	struct receipts receipts;
	struct order order;
	struct pace pace;
	uint64_t n_retries; /* of all records together */
	uint64_t n_limited; /* programs that took too long */

	struct rec_list pool;
	struct flow *flow_pool;
	uint64_t n_unsettled;
	size_t bytes_unsettled;
	uint64_t n_waiting; /* for their keys */
	uint64_t n_flows_made;

	struct flow_list open, ready, asleep;
	struct session session;
	struct alike alike, unmade;
	enum { UNPREPARED, PREPARING, PREPARED } prepared;
	struct buf shared;  /* what preparing has saved; JSON object */
	size_t n_under_way; /* requests */
	size_t n_active;    /* flows begun and not ended: they hold a place */

	struct rec *at_hand; /* read, and has to wait */
	bool input_ended;
	bool complete;    /* it ended, sealed */
	int input_status; /* EX_... if the stream is broken */
	bool any_barrier, last_removed;
	uint64_t n_read;
	int64_t last_input; /* tick */
	unsigned n_turns;   /* of the loop, since it has waited */

	int session_status; /* EX_DATAERR: not all has been replaced */

	bool stopped; /* nothing more is sent */
	int stop_status;
	struct buf stop_reason;
	bool interrupted;
	int64_t give_up_at; /* tick; when to drop what is under way */
	int64_t not_before; /* tick; the destination asked for quiet */

	char run_id[33];
	struct buf run_json, err, scratch;
	struct buf items;     /* of the body that is being made */
	struct buf shown;     /* of a dry run, not yet written */
	struct buf auth_json; /* what the answer with the token says, saved */
	uint64_t token_accepted; /* the newest token that was */
	struct buf now;          /* $now, made once in a round of the loop */
	bool now_made;
	int64_t started_ms; /* wall clock */
};

/* Takes a record that waits for nothing into an open batch. */
void batch_admit(struct push *p, struct rec *r);
/* Hands open batches on: all of them, or those that are old enough. */
void batch_close_all(struct push *p);
void batch_close_old(struct push *p, int64_t tick);

/* r is about to be used, after a while or by another thread. */
void rec_fetch(const struct rec *r);
/* From a pool, or new. */
struct rec *rec_make(struct rec_list *pool, size_t n_keys);
void rec_put_back(struct rec_list *pool, struct rec *r);
void rec_free(struct rec *r);
/* Puts all that is in from behind what is in to. */
void rec_list_move(struct rec_list *to, struct rec_list *from);
/* The same, in front of what is there: what was used last is used first. */
void rec_list_lead(struct rec_list *to, struct rec_list *from);
void rec_list_free(struct rec_list *l);
/* One that is not read, and is to be settled. */
struct rec *rec_new(struct push *p);
/* Gives the record its final receipt; it belongs to nobody afterwards. */
void rec_settle(struct push *p, struct rec *r, const struct outcome *o);

/* Lists a refused record; with --strict, that is the end. */
void push_reject(struct push *p, const char *place, uint64_t line,
		 const struct faults *why, struct str record);

/* One that is nowhere in a list, for programs that run before there is one. */
struct flow flow_stand_in(struct push *p, const struct operation *op);
struct flow *flow_new(struct push *p, const struct operation *op);
/*
 * A flow without records, for steps that prepare or clean up: one that stands
 * in for them carries the verdict.
 */
struct flow *flow_for(struct push *p, const struct operation *op);
/* Forgets what belongs to one step: whose turn it is, and that. */
void flow_step_reset(struct flow *f);
/* Forgets what belongs to one turn of a step: polls, pages, renewals. */
void flow_turn_reset(struct flow *f);
void flow_free(struct push *p, struct flow *f);
void flow_add(struct flow *f, struct rec *r);
void list_push(struct flow_list *l, struct flow *f, bool front);
void list_remove(struct flow_list *l, struct flow *f);

void session_add(struct push *p, struct flow *f);
/* The halves of a batch that was refused; all: no record of it was taken. */
void session_halves(struct push *p, struct flow *first, struct flow *second,
		    bool all);
/* Lets the next batch go, if it is time for it. */
void session_go_on(struct push *p);
/*
 * May the flow make its next request? Not if it is the last batch, nothing has
 * said so yet, and not all else was taken: its records are given up.
 */
bool session_may(struct flow *f);
/* The flow's request is about to leave. */
void session_sent(struct flow *f);
/* A record of it is settled; true: its receipt has to wait. */
bool session_settle(struct push *p, struct rec *r, const struct outcome *o);
/* The receipts that waited, and whether all has been replaced: 0 or 65. */
int session_end(struct push *p);

/*
 * A record's outcome is known. True: its receipt waits; or *o has changed,
 * where a refusal is not the record's fault.
 */
bool alike_settle(struct push *p, const struct rec *r, struct outcome *o);
/* The same of records of which a program or a body could not be made. */
bool unmade_settle(struct push *p, const struct rec *r, struct outcome *o);
/* It has been made of a record for the first time. */
void unmade_made(struct push *p);
/* The receipts that wait still are given. */
void alike_end(struct push *p);

/* ---- saved.c ---- */

/* What $saved is for this flow; r (may be NULL): with what is bound to it. */
struct str saved_of(struct flow *f, const struct rec *r);
/* Sets a member of a JSON object, in place of one of that name. */
void saved_put(struct buf *object, struct str name, struct str value);

/* ---- flow.c ---- */

/* Starts or goes on with what may go now; returns when to look again (tick). */
int64_t flow_run_ready(struct push *p);
/* Acts on the verdicts of the flow's records, then goes on. */
void flow_answered(struct flow *f, int64_t wait_ms);
/* Nothing more is sent; what is queued is answered "failed". */
void push_stop(struct push *p, int status, const char *fmt, ...)
    PRINTF_LIKE(3, 4);
void flow_fail_all(struct push *p);
/*
 * The destination wants quiet for so long (ms): nothing is sent before that,
 * and not in this run if it is too long to wait for.
 */
void push_wait(struct push *p, int64_t ms);

/* Sets the verdict of one record, text kept in the flow's notes. */
void flow_decide(struct flow *f, struct rec *r, enum verdict v, struct str code,
		 struct str reason);
/* Of all that the request carries; while it pages, of those not decided. */
void flow_decide_all(struct flow *f, enum verdict v, struct str code,
		     struct str reason);
/* The record that the next request is about; NULL: it is about a batch. */
struct rec *flow_alone(const struct flow *f);

/* ---- pace.c ---- */

void pace_begin(struct push *p);
/*
 * Milliseconds until the flow's next request may leave; 0: now. *alone: it
 * waits for itself, others need not.
 */
int64_t pace_wait(struct flow *f, int64_t tick, bool *alone);
/* The same, and what it spends is spent if it may leave. */
int64_t pace_take(struct flow *f);
/* Counts anew what still waits to leave. */
void pace_refresh(struct push *p, int64_t tick);
/* When to do so again (tick). */
int64_t pace_next(const struct push *p, int64_t tick);
/* There was a connection for the flow's request at tick, and it went. */
void pace_left(struct flow *f, int64_t tick);
/* It has left, or never will. */
void pace_gone(struct flow *f);
/* Are as many requests under way as the destination bears? */
bool pace_is_full(const struct push *p);
/* An answer has come; throttled: it says that there were too many. */
void pace_answered(struct flow *f, int64_t took_ms, bool throttled);
/* Too many requests in a row that failed stop the push. */
void pace_failed(struct push *p, bool failed);

/* ---- request.c ---- */

enum built { BUILT, NOT_RUN, BUILD_AGAIN, BUILD_FAILED };

/* The scope that programs of this flow see; r may be NULL. */
void scope_fill(struct flow *f, struct rec *r, struct scope *s);

/*
 * Makes the flow's next request in f->url, headers, body. NOT_RUN: the step
 * has nothing to do. BUILD_AGAIN: a record was refused, or the batch is too
 * large and has been marked for splitting: sweep first. BUILD_FAILED: the
 * contract is wrong and the push has been stopped.
 */
enum built request_build(struct flow *f);
/* Packs and signs what stands in f; part of request_build. */
enum built request_finish(struct flow *f);
void request_send(struct flow *f);
/*
 * Makes the body of a batch that is still being filled, only to see how large
 * it has become. The records' items are made.
 */
void request_measure(struct flow *f, const struct step *s);
/* Has one more program taken too long, and were that too many? */
bool program_too_often(struct push *p, const char *code);
/* Makes r's item for the step; -1: r has been given a verdict. */
int request_item(struct flow *f, struct rec *r, const struct step *s);

/* ---- refuse.c ---- */

/*
 * A value that the request names cannot stand where it should (p->err says why
 * not): whose fault that is. Part of request_build.
 */
enum built request_refuse(struct flow *f, struct tmpl_field field);

/* ---- response.c ---- */

/* Of an answer's body, unpacked; of one that is a file of rows. */
#define MAX_ANSWER ((size_t)16 << 20)
#define MAX_ROWS_ANSWER ((size_t)256 << 20)

void response_take(struct flow *f, const struct http_answer *a);

/* ---- credentials.c ---- */

/* May requests be signed now? If not, something happens by *next (tick). */
bool credentials_ready(struct push *p, int64_t *next);
/* Notes which token the flow's request carries. */
void credentials_sign(struct flow *f);
/* Notes that the flow's request was not refused for its token. */
void credentials_accepted(struct flow *f);
/* After a 401: true if the flow's step is to be tried once more. */
bool credentials_renew(struct flow *f);
/* Is a refresh token being replaced, which would be lost with the answer? */
bool credentials_at_stake(const struct push *p);
/* -1: a refresh token was not kept (a message has said so). */
int credentials_end(struct push *p);

/* ---- show.c ---- */

/*
 * With -v: header lines, but for the values of those that are credentials, such
 * as all that stand behind the first n bytes.
 */
void show_headers(char mark, struct str lines, size_t n);
/* With -v: the beginning of a body, without secrets; empty: nothing. */
void show_body(char mark, struct str body);
/* That of the flow's request, as it was before it was packed. */
void show_sent(const struct flow *f);
/* Appends a text of a dry run: its secrets' marks, \1 and \2, as braces. */
void show_secrets(struct buf *out, struct str s);
/*
 * For messages, which show no value of a record: those of f's that stand in
 * what the destination has said become asterisks.
 */
void show_without_values(const struct flow *f, struct buf *text);

/* ---- dryrun.c ---- */

void dryrun_print(struct flow *f);
void dryrun_flush(struct push *p);

/* ---- engine.c ---- */

/*
 * Before anything that may be interrupted: a signal ends the push in order, or
 * at once while nothing has been read.
 */
void push_watch_signals(void);
int push_run(struct push *p);

#endif
