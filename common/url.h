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

#endif
