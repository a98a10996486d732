/* SPDX-License-Identifier: MIT */
/*
 * What the filters that take a record and give a record have in common:
 * reading, refusing, stubs, the seal at the end, the exit status.
 *
 *	filter_open(&f, path);
 *	while (filter_next(&f))
 *		... append to f.out.b, then out_record(&f.out);
 *		... or fill f.faults, then filter_refuse(&f, keys);
 *	return filter_close(&f);
 *
 * filter_next passes stubs of earlier stages on unchanged; the caller never
 * sees them. A broken stream ends the program (65) from within filter_next.
 */
#ifndef RETL_FILTER_H
#define RETL_FILTER_H

#include "common/faults.h"
#include "common/guard.h"
#include "common/ndjson.h"
#include "common/record.h"

struct filter {
	struct ndjson in;
	struct out out;
	struct record rec;
	struct faults faults; /* of the current record; filter_next resets */
	struct rejects rejects;
	bool stubs; /* the caller wants them too, and sees to them */
	bool lossy; /* a record vanished: no seal */
	/* In a worker of filter_each: what it tells its parent; else NULL. */
	struct guard *guard;
	/* Takes a refused record in place of rejects; NULL: rejects does. */
	void (*tell)(struct filter *f, bool lost);
	size_t mark; /* in out.b: where the current record begins */
};
#define FILTER_INIT                              \
	((struct filter){ .in = NDJSON_INIT,     \
			  .rec = RECORD_INIT,    \
			  .faults = FAULTS_INIT, \
			  .rejects = REJECTS_INIT })

/* Set in.max_record, rejects.path, rejects.strict before. path NULL: stdin. */
void filter_open(struct filter *f, const char *path);

/* True: f->rec is the next record; no stub, unless f->stubs. */
bool filter_next(struct filter *f);

/*
 * The same for the line that f->in has. Stubs are passed on, and false is
 * answered.
 */
bool filter_take(struct filter *f);

/* How to go through the records. */
struct filter_how {
	unsigned workers;  /* at most; processes, see crew.h */
	unsigned limit_ms; /* of processor time for one record in a worker */
	/* A record may take for ever, or crash: workers from the first on. */
	bool risky;
};

/*
 * Calls one(arg) for each record, in worker processes where that pays or must
 * be: what one() does is append to out and to faults and refuse, and what it
 * did comes out in the order of the input, whoever did it.
 */
void filter_each(struct filter *f, const struct filter_how *how,
		 void (*one)(void *arg), void *arg);

/* How many processors this process may use. */
unsigned filter_processors(void);

/*
 * Refuses the current record for f->faults: lists it, takes back what was
 * appended for it, and writes a stub with keys (text of members, see
 * record_put_stub) if it has a diff_id or keys is not empty; else the record
 * is dropped and the stream will not be sealed.
 */
void filter_refuse(struct filter *f, struct str keys);

/* Seals if that is due, flushes, reports; gives the exit status, 0 or 1. */
int filter_close(struct filter *f);

/* "line 17: byte 5: what": ends the program, 65. For all that read records. */
NORETURN void filter_die_fault(const struct ndjson *in,
			       const struct json_fault *fault);

/* On a terminal, says once that the input was not sealed, and why. */
void filter_warn_unsealed(struct ndjson *in);

#endif
