/* SPDX-License-Identifier: MIT */
/* Where an address leads; libcurl's parser, which sends the requests too. */
#ifndef RETL_URL_H
#define RETL_URL_H

#include "common/buf.h"

/*
 * Appends an address as it is seen from base ("/next?page=2", or a whole one).
 * -1: it is none.
 */
int url_resolve(const char *base, struct str to, struct buf *out);

/*
 * Do both lead to the same place: scheme, host and port? False too where one
 * of them is no address, or names a user.
 */
bool url_same_origin(const char *a, const char *b);

/*
 * "localhost", "127.0.0.1:80/x", what stands behind the scheme: bytes that do
 * not leave the machine.
 */
bool url_is_near(const char *host);

/*
 * Of a database's address that its library has taken apart: a password with an
 * @ or a slash that is not encoded has left its second half in another part,
 * which the library would show where it has no use for it. Is it this one?
 * value may be NULL.
 */
bool url_holds_half_a_password(const char *part, const char *value);

#endif
