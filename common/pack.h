/* SPDX-License-Identifier: MIT */
/* gzip, RFC 1952: the same bytes for the same text, whenever it is made. */
#ifndef RETL_PACK_H
#define RETL_PACK_H

#include "common/buf.h"

/* Appends text, packed. */
void pack_gzip(struct buf *out, struct str text);

#endif
