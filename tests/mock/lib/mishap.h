/* SPDX-License-Identifier: MIT */
/*
 * What goes wrong, and when: at a request by its number, at every n-th, or by
 * chance (the same for the same seed). Which one befalls a request depends on
 * its number alone.
 *
 *	429 500 503 ...   that status instead of service; 429+2: Retry-After: 2
 *	code4 code190 ... the vendor's error of that code (Meta)
 *	throttle daily    as this vendor says "too many requests", "for today"
 *	reset-before close-before   the connection ends before the body is read
 *	reset-after close-after     the request is served, the answer is not
 *sent 500-after         it is served, the answer is 500 half              it is
 *served, half of the answer is sent garbage empty     it is served, the answer
 *is not JSON, has no body slow250           it is served, the answer comes 250
 *ms later
 */
#ifndef MOCK_MISHAP_H
#define MOCK_MISHAP_H

#include "common/opt.h"
#include "tests/mock/lib/server.h"

struct mishaps {
	struct opt_list at;     /* N=WHAT */
	struct opt_list every;  /* N=WHAT */
	struct opt_list chance; /* PERCENT=WHAT */
	uint64_t seed;
};

/* Ends the program (64) if one of them is not as above. */
void mishaps_check(const struct mishaps *m);

/* What befalls the n-th request; .s NULL: nothing. */
struct str mishap_of(const struct mishaps *m, uint64_t n);

/* How it ends the connection before the body is read, if it does. */
enum drop mishap_before(struct str what);

/* Is the request served although something happens to its answer? */
bool mishap_after(struct str what);

/* Spoils the answer of a request that was served. */
void mishap_spoil(struct str what, struct answer *a);

/* "500", "429+2", "code4": number and what follows. False: not of that kind. */
bool mishap_number(struct str what, const char *prefix, uint64_t *n,
		   struct str *rest);

#endif
