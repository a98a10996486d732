/* SPDX-License-Identifier: MIT */
/*
 * What sources at Google share: credentials, and what an error means, which
 * its reason tells and not its status.
 */
#ifndef RETL_EXTRACT_GOOGLE_H
#define RETL_EXTRACT_GOOGLE_H

#include "bin/retl-extract/token.h"

struct google {
	const char *name; /* of the source */
	struct buf base;  /* "https://sheets.googleapis.com" */
	struct token token;
	bool anonymous; /* an emulator, which asks for no credentials */
};

/*
 * emulator: the variable that names another host, for tests on this machine:
 * "127.0.0.1:9050", with or without http:// before it. -1: see f.
 */
int google_init(struct google *g, const char *name, const char *base,
		const char *emulator, const char *scopes, const char *cacert,
		struct failure *f);
void google_release(struct google *g);

/* Resets rq for an address behind the base, which the caller appends. */
void google_request(struct google *g, struct web_request *rq);

/*
 * An answer that is an error, said for people. -1, status: 75 for what passes,
 * 77, 66 for what is not there, 78 for a wrong query, else 69.
 */
int google_refused(struct google *g, const struct web_answer *a,
		   const char *what, struct failure *f);

/* The same of an object {"reason", "message"} of a job's status. */
int google_failed(struct google *g, struct str error, const char *what,
		  struct failure *f);

/* What an answer is worth to a request that google_request has made. */
enum web_verdict google_judge_own(struct web_request *rq,
				  const struct web_answer *a, unsigned attempt,
				  struct failure *f);

/*
 * What an answer is worth to a request that google_request did not make; where
 * it is WEB_FAIL, f says why, without the source's name.
 */
enum web_verdict google_judge(struct google *g, const struct web_request *rq,
			      const struct web_answer *a, const char *what,
			      struct failure *f);

/* The answer as an object; .s NULL: it is none. */
struct str google_object(const struct web_answer *a);

#endif
