/* SPDX-License-Identifier: MIT */
/*
 * Access tokens for sources: waits until there is one, puts it into a request,
 * and renews it when the server says 401.
 */
#ifndef RETL_EXTRACT_TOKEN_H
#define RETL_EXTRACT_TOKEN_H

#include "bin/retl-extract/web.h"
#include "common/oauth.h"

struct token {
	const char *name; /* of the source, for messages */
	struct oauth *oauth;
	struct web *web;   /* that tokens are asked for with */
	uint64_t accepted; /* the newest that a server took */
};

/* Takes o. -1: see f; token_release in any case. */
int token_init(struct token *t, const char *name, struct oauth *o,
	       const char *cacert, struct failure *f);
void token_release(struct token *t);

/* Sets rq->secrets to the header. For web_request's prepare. -1: 69, 75, 77. */
int token_sign(struct token *t, struct web_request *rq, struct failure *f);

/*
 * For web_request's judge: true if the answer is a 401 that a new token may
 * mend: WEB_NOW then.
 */
bool token_renew(struct token *t, const struct web_request *rq,
		 const struct web_answer *a);

#endif
