/* SPDX-License-Identifier: MIT */
/* Bytes as text: hex, base64, percent-encoding. */
#ifndef RETL_ENC_H
#define RETL_ENC_H

#include "common/buf.h"

void enc_hex(struct buf *out, const void *p, size_t n); /* lower case */
void enc_base64(struct buf *out, const void *p, size_t n);
void enc_base64url(struct buf *out, const void *p, size_t n); /* no padding */

/* Either alphabet, with or without padding, nothing else. 0 or -1. */
int dec_base64(struct buf *out, struct str text);

/* RFC 3986: everything but letters, digits and -._~ becomes %XX. */
void enc_percent(struct buf *out, struct str text);

#endif
