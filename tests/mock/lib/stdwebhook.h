/* SPDX-License-Identifier: MIT */
/*
 * The receiving side of Standard Webhooks (standardwebhooks.com, specification
 * 1.0): HMAC-SHA256 over "{webhook-id}.{webhook-timestamp}.{body}", in base64,
 * keyed with what stands in base64 behind "whsec_".
 */
#ifndef MOCK_STDWEBHOOK_H
#define MOCK_STDWEBHOOK_H

#include "tests/mock/lib/server.h"

/* Decodes "whsec_..." into key. -1: it is no such secret. */
int stdwebhook_key(struct str secret, struct buf *key);

/*
 * Does one of the signatures that the request carries fit? tolerance_s: how far
 * from now the timestamp may be, 0: anywhere. NULL if it does, else what is
 * wrong, in a few words.
 */
const char *stdwebhook_fault(const struct request *r, struct str key,
			     uint64_t tolerance_s);

/* Appends "v1,<base64>". */
void stdwebhook_sign(struct buf *out, struct str key, struct str id,
		     struct str timestamp, struct str body);

#endif
