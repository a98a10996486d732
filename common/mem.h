/* SPDX-License-Identifier: MIT */
/*
 * Memory that cannot be had ends the program (status 71), so callers need no
 * path for it. Sizes of arrays are checked before they are multiplied.
 */
#ifndef RETL_MEM_H
#define RETL_MEM_H

#include "common/base.h"

void *xmalloc(size_t n);
void *xcalloc(size_t count, size_t size);
void *xrealloc(void *p, size_t n);
void *xreallocarray(void *p, size_t count, size_t size);
char *xstrdup(const char *s);
char *xstrndup(const char *s, size_t n);
void *xmemdup(const void *p, size_t n);

/* Makes room for one more element; cap doubles. */
#define GROW(p, n, cap)                                               \
	do {                                                          \
		if ((n) >= (cap)) {                                   \
			(cap) = (cap) ? (cap)*2 : 16;                 \
			(p) = xreallocarray((p), (cap), sizeof *(p)); \
		}                                                     \
	} while (0)

#endif
