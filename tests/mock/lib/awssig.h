/* SPDX-License-Identifier: MIT */
/*
 * Checks AWS Signature Version 4 as the services do, with code of its own: what
 * signs in common/ is not used here.
 */
#ifndef MOCK_AWSSIG_H
#define MOCK_AWSSIG_H

#include "common/opt.h"
#include "tests/mock/lib/server.h"

struct awssig {
	struct opt_list keys; /* ID:SECRET or ID:SECRET:TOKEN */
	const char *region, *service;
	int64_t skew_s; /* of the service's clock to ours */
};

/*
 * NULL: it is signed as it should be, *key is the place of the key. Else the
 * code of the error, "AccessDenied" and so on; *status is its HTTP status.
 */
const char *awssig_check(const struct awssig *s, const struct request *r,
			 size_t *key, int *status);

#endif
