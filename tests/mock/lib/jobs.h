/* SPDX-License-Identifier: MIT */
/*
 * Jobs, for vendors that take rows in several steps:
 *
 *	POST /jobs                 {"job":N}
 *	PUT /jobs/N/rows           the rows, in place of those that were there
 *	POST /jobs/N/start         once; 409 the second time
 *	GET /jobs/N                {"state":"running"}, then
 *{"state":"done","failed":K} GET /jobs/N/failures/P
 *{"rows":[{"id":...}],"next":"/jobs/N/failures/P+1"} DELETE /jobs/N of one that
 *has not been started
 *
 * Whatever does not fit the job's state is a violation.
 */
#ifndef MOCK_JOBS_H
#define MOCK_JOBS_H

#include "tests/mock/lib/vendor.h"

struct jobs_owner {
	/* Is it a list of rows as they must be? */
	bool (*check)(struct vendor_run *v, struct str rows);
	bool (*is_bad)(const struct vendor_run *v, struct str row);
	void (*accept)(struct vendor_run *v, const struct request *r,
		       struct str row);
};

/* False: the path is none of these. */
bool jobs_serve(struct vendor_run *v, const struct jobs_owner *owner,
		const struct request *r, struct answer *a);

#endif
