/* SPDX-License-Identifier: MIT */
/*
 * An operation of a contract, ready to be carried out: its templates taken
 * apart, its programs compiled, its numbers resolved. A member that this
 * version cannot carry out is an error here, never ignored.
 */
#ifndef RETL_PUSH_OPERATION_H
#define RETL_PUSH_OPERATION_H

#include "common/auth.h"
#include "common/rate.h"
#include "common/retry.h"
#include "bin/retl-push/body.h"
#include "bin/retl-push/program.h"
#include "bin/retl-push/template.h"

/* What became of a record, or what an answer means for it. */
enum verdict {
	NO_VERDICT,
	DELIVERED,
	SKIPPED,
	REJECTED,
	FAILED,
	UNKNOWN,
	RETRY,
	AGAIN,
	SPLIT,
	STOP,
	GO_ON,   /* "ok" */
	REFRESH, /* renew the credentials, once */
	LATER,   /* nothing will work before long: end the push, 75 */
	EXISTS,  /* what it would make is there: ours, or somebody else's? */
	/* Ours, no word for it: nothing more is tried; was it accepted? */
	GIVEN_UP,
};

/* NO_VERDICT: there is no such word. */
enum verdict verdict_parse(struct str word);
const char *verdict_name(enum verdict v);

struct rule {
	struct str status;   /* JSON: a number or a list; .s NULL: any */
	struct str code;     /* JSON list; .s NULL: any */
	struct str sqlstate; /* the same; a rule for tables alone */
	struct program when;
	enum verdict then;
	struct str reason; /* JSON string; .s NULL: what the answer says */
	struct program results;
};

struct rules {
	struct rule *v;
	size_t n;
};

/* A name with a program: vars, save. */
struct named {
	struct str name; /* JSON string */
	struct program prog;
};

#define MAX_HEADERS 100 /* that one place of a contract may name */

struct header {
	struct str name;
	struct tmpl value;
};

enum answer_type {
	ANSWER_ANY,
	ANSWER_JSON,
	ANSWER_TEXT,
	ANSWER_CSV,
	ANSWER_NDJSON,
};

enum resend { RESEND_SAME, RESEND_RESTART, RESEND_NEVER };

/* Asking again until the other side is done. */
struct poll {
	struct program until; /* .prog NULL: the step does not poll */
	int64_t every_ms, most_ms, deadline_ms;
	enum verdict late;
};

struct step {
	const char *name;
	bool each;  /* once a record of the batch */
	bool alone; /* its request is about one record: each, or no batch */
	struct program when;
	struct named *vars;
	size_t n_vars;
	char *method;
	struct tmpl url;
	struct header *headers;
	size_t n_headers;
	bool no_auth;
	enum body_type type;
	bool gzip;
	bool replace; /* a file of this name that is there already */
	struct program item, body;
	bool body_is_frame;       /* around the items */
	struct buf body_constant; /* JSON object; empty: none */
	size_t body_extra;        /* bytes of a body without items */
	bool item_is_record;      /* "." */
	bool has_body;
	enum answer_type answer;
	struct program rows; /* how many an answer of rows has */
	struct rules rules;
	struct poll poll;
	struct program next; /* the URL of the next page */
	int64_t pause_ms;
	struct named *save;
	size_t n_save;
	struct program results;
	uint64_t cost;
	enum resend resend;
	bool commits;      /* from here on the other side may have acted */
	bool acts;         /* this very request may make it act */
	bool names_record; /* the URL does */
	bool reads_saved;
	bool marks;       /* its request says which batch is the last */
	bool item_varies; /* with more than the record and the settings */
	bool made;        /* its request, at least once in this run */
};

/*
 * What a flow's steps are about: records, or the push itself (once, before the
 * first batch), or what another flow has left behind.
 */
enum role { FOR_RECORDS, TO_PREPARE, TO_CLEAN_UP };

/* An operation on a table of a database: table.h */
enum table_write { TABLE_UPSERT, TABLE_INSERT, TABLE_DELETE };

struct table {
	struct buf name; /* as SQL writes it */
	enum table_write write;
};

struct operation {
	struct str name;
	enum role role;
	struct step *steps;
	size_t n_steps;
	/* Whose items decide how much fits into a batch; NULL: there is none */
	const struct step *sizing;
	struct rules rules;
	bool one; /* one record a request */
	uint64_t max_records, max_bytes, max_item_bytes;
	/*
	 * How much larger bodies are than the sum of what items were measured
	 * to take, learnt from those that were made: a program may do anything
	 * with the items.
	 */
	double swell;
	bool measured;
	/* What the destination called too large (413), halved; 0: nothing. */
	uint64_t fit_bytes;
	int64_t max_age_ms; /* 0: none */
	struct program by, match;
	bool by_keys;              /* the same members, in any order */
	bool never;                /* some step must not be sent twice */
	bool whole;                /* what it sends replaces everything */
	bool counts;               /* it asks for $run.batch or $run.last */
	bool marks;                /* some step marks the last batch */
	struct operation *cleanup; /* NULL: there is none */
	bool cleanup_shown;        /* by a dry run */
	bool grouped;              /* "by" has been found out of some record */
	/* Has what could not be made last been made of some other record? */
	const bool *unmade;
	struct table *table; /* NULL: it makes requests */
	/* changed_only: members that are always sent; .s NULL: all are. */
	struct str always;
};

struct limit {
	struct rate rate;
	int64_t seconds;
	struct str by;             /* JSON; .s NULL: all requests together */
	struct program by_program; /* on the record, or */
	struct tmpl by_tmpl;
};

#define MAX_CONCURRENCY 256

/* How this destination speaks, and at what pace. */
struct delivery {
	struct contract *contract;
	bool show;              /* a dry run: secrets are placeholders */
	struct operation **ops; /* those that changes lead to */
	size_t n_ops;
	struct operation *of[DIFF_REMOVED + 1]; /* by kind; NULL: skip */
	struct operation *prepare;              /* NULL: there is none */
	struct tmpl base_url;
	struct header *headers;
	size_t n_headers;
	struct auth *auth;
	struct tmpl auth_id;
	struct named *auth_save; /* on the answer with a token */
	size_t n_auth_save;
	bool plain_tokens; /* tokens come without TLS, from this machine */
	int status;        /* of a delivery_load that failed */
	struct rules rules;
	struct program code, reason, wait;
	struct limit *limits;
	size_t n_limits;
	struct retry_plan retry;
	uint64_t max_retries; /* of all records together; 0: any */
	uint64_t concurrency;
};

/* -1: err names the contract's member. */
int delivery_load(struct delivery *d, struct contract *c, bool show,
		  struct buf *err);
void delivery_release(struct delivery *d);

#endif
