/* SPDX-License-Identifier: MIT */
/*
 * A token endpoint that believes nothing: RS256 assertions are verified against
 * a public key and their claims checked one by one, clients must show their
 * secret, a refresh token that has been replaced is dead. Tokens of other
 * issuers are verified like assertions before they are exchanged. Fakes of APIs
 * ask tokens_fault whether a request carries a token that is good.
 */
#ifndef MOCK_TOKENS_H
#define MOCK_TOKENS_H

#include "common/opt.h"
#include "tests/mock/lib/ids.h"
#include "tests/mock/lib/server.h"

struct tokens {
	/* What is expected; NULL: such a grant is not known here. */
	const char *key_file; /* of jwt-bearer, a public key in PEM */
	const char *issuer, *audience, *subject, *scope;
	const char *client, *secret;
	const char *how; /* "basic" or "body": how a client shows its secret */
	const char *refresh;
	const char *header, *prefix; /* of a token, if not "Bearer " */
	const char *demand; /* "audience=x": a member the form must have */
	bool rotate;        /* a refresh token is good once */
	bool metadata;      /* serves the metadata server's address */
	/*
	 * The audience of POST /sts, which takes tokens of the issuer that are
	 * signed with the key; GET /subject gives the one in a file.
	 */
	const char *sts, *subject_file;
	/*
	 * A service account: its tokens alone are good for anything, and the
	 * others good for getting one.
	 */
	const char *act_as;
	uint64_t lifetime_s, uses; /* of a token; 0: without end */
	/* private */
	struct ids issued;
	struct buf current; /* refresh token */
	struct str host;    /* that the request was sent to */
	uint64_t n;
};

#define TOKENS_N_OPTS 18
/* Writes the rows that fill the struct. */
void tokens_opts(struct tokens *t, struct opt *out);

/* True: the request was for a token, and is answered. */
bool tokens_serve(struct tokens *t, const struct request *r, struct answer *a);

/* NULL, or why the request's token is not good. Counts its uses. */
const char *tokens_fault(struct tokens *t, const struct request *r);

/* What is wrong with a JWT, besides its signature by the key. NULL: nothing. */
struct claims {
	const char *iss, *aud, *sub, *scope; /* NULL: not looked at */
	int64_t most_s;                      /* from iat to exp */
};
const char *tokens_jwt_fault(struct str token, const char *key_file,
			     const struct claims *want);

void tokens_release(struct tokens *t);

#endif
