/* SPDX-License-Identifier: MIT */
/*
 * A fake vendor that believes nothing: it checks each request as the real one
 * would, keeps what it accepted, and writes three things for a test to read:
 *
 *	--ledger  one line per accepted change, in the order of acceptance
 *	--log     one line per request: status, mishap, and the violation if the
 *	          request is one that no client may make, whatever its data
 *	--state   what the vendor holds, written at the end, in byte order
 *
 * SIGUSR1 ends the mishaps: from then on all goes well.
 */
#ifndef MOCK_VENDOR_H
#define MOCK_VENDOR_H

#include "common/json.h"
#include "tests/mock/lib/ids.h"
#include "tests/mock/lib/mishap.h"

struct vendor_run;

struct vendor {
	const char *name;
	const char *token_env;  /* of the bearer token; NULL: none */
	const char *secret_env; /* of a secret to check signatures with */
	bool needs_secret;
	void (*serve)(struct vendor_run *v, const struct request *r,
		      struct answer *a);
	/* An answer for a status, or for the vendor's own code if status 0. */
	void (*trouble)(struct answer *a, int status, uint64_t code,
			const char *what);
	/* "too many requests"; of_day: no more today. */
	void (*throttle)(struct answer *a, bool of_day);
};

struct vendor_run {
	const struct vendor *kind;
	struct str token, secret; /* "" where there is none */
	struct mishaps mishaps;
	const char *ledger_path, *log_path, *state_path;
	int ledger_fd, log_fd;
	const char *poison; /* a record whose texts contain it is refused */
	bool whole;         /* and the whole request with it */
	const char *account;
	const char *script;    /* of vendor_scripted */
	struct ids objects;    /* what is held */
	struct ids seen;       /* requests, where they have an identity */
	const char *violation; /* of the current request */
	uint64_t n_violations;
	uint64_t n_objects; /* ever made: for ids */
	struct buf scratch;
};

extern const struct vendor vendor_hubspot, vendor_meta, vendor_scripted,
    vendor_webhook, vendor_modes;

/* Serves until told to end. The exit status: 0, or 1 after a violation. */
int vendor_serve(struct vendor_run *v, struct server *s);

/* Appends a line (without LF) to the ledger. */
void vendor_ledger(struct vendor_run *v, struct str line);

/* Notes that no client may ask this. */
void vendor_violation(struct vendor_run *v, const char *what);

/* Is the bearer token (header or query, as the vendor allows) right? */
bool vendor_bearer(const struct vendor_run *v, const struct request *r);

/* Does some text of the value contain the poison? */
bool vendor_poisoned(const struct vendor_run *v, struct str value);

/* The request's body as a JSON object, NULL in .s (and a violation) if not. */
struct str vendor_body(struct vendor_run *v, const struct request *r);

/* .s NULL where the query has no such member; as it was sent. */
struct str vendor_query(const struct request *r, const char *name);

#endif
