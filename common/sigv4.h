/* SPDX-License-Identifier: MIT */
/*
 * AWS Signature Version 4, in headers: HMAC-SHA256 over a canonical form of
 * the request, with a key that is good for one day, region and service.
 * docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request
 *
 * The signature covers the request as it will be sent: sign last, and send
 * exactly these headers and this URL (no other host, no squashed dots).
 */
#ifndef RETL_SIGV4_H
#define RETL_SIGV4_H

#include "common/buf.h"

struct sigv4 {
	struct str key_id, secret;
	struct str token; /* of temporary credentials, n 0: none */
	struct str region, service;
};

/* In place of the payload's digest, where TLS protects the body: S3 alone. */
#define SIGV4_UNSIGNED STR("UNSIGNED-PAYLOAD")

struct sigv4_request {
	struct str method;
	/*
	 * As it is sent: path and query percent-encoded, a space as %20. S3
	 * signs the path as it is; every other service takes dots and double
	 * slashes out of it and encodes it a second time.
	 */
	struct str url;
	/*
	 * "name: value" lines, LF between, all of which are signed. host is
	 * taken from the URL unless it stands here. x-amz-date,
	 * x-amz-security-token, for S3 x-amz-content-sha256 (unless it is
	 * here), and authorization are put behind them.
	 */
	struct buf *headers;
	/* Hex SHA-256 of the body (sigv4_hash), or SIGV4_UNSIGNED. */
	struct str payload;
	int64_t now_ms; /* the service takes 15 minutes more or less */
};

/* -1: err says what is wrong with the URL. */
int sigv4_sign(const struct sigv4 *by, struct sigv4_request *rq,
	       struct buf *err);

/* Appends the digest of a body; that of "" for a request without one. */
void sigv4_hash(struct buf *out, struct str body);

/* Appends a path for S3: every byte of key but letters, digits and -._~/ */
void sigv4_put_path(struct buf *out, struct str key);

#endif
