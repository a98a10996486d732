/* SPDX-License-Identifier: MIT */
/*
 * JSON Web Tokens signed with RS256 (RFC 7519, RFC 7518 section 3.3), made and
 * not read: what a client shows to Google, Salesforce or Snowflake in place of
 * a password.
 */
#ifndef RETL_JWT_H
#define RETL_JWT_H

#include "common/buf.h"

struct jwt_key;

/*
 * An RSA private key in PEM: PKCS#8, PKCS#8 encrypted with the passphrase, or
 * PKCS#1. NULL: err says what is wrong and what to do. passphrase.s NULL: there
 * is none.
 */
struct jwt_key *jwt_key_new(struct str pem, struct str passphrase,
			    struct buf *err);
void jwt_key_free(struct jwt_key *k);

/*
 * Appends header.claims.signature. claims is a JSON object; kid names the key
 * to the other side, n 0: not needed.
 */
void jwt_put(struct buf *out, const struct jwt_key *k, struct str kid,
	     struct str claims);

/*
 * Appends "SHA256:" and the base64 of the digest of the public key (the DER of
 * its SubjectPublicKeyInfo): how Snowflake tells a user's keys apart.
 */
void jwt_put_fingerprint(struct buf *out, const struct jwt_key *k);

#endif
