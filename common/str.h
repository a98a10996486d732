/* SPDX-License-Identifier: MIT */
/*
 * Borrowed text: a start and a length, not NUL-terminated. s is NULL where
 * there is no text at all, which is not the same as an empty one.
 */
#ifndef RETL_STR_H
#define RETL_STR_H

#include "common/base.h"

struct str {
	const char *s;
	size_t n;
};

#define STR(literal) ((struct str){ (literal), sizeof(literal) - 1 })
#define STR_NONE ((struct str){ NULL, 0 })
/* For "%.*s" */
#define STR_ARG(x) (int)(x).n, (x).s

static inline struct str str_of(const char *z)
{
	return (struct str){ z, z ? strlen(z) : 0 };
}

static inline bool str_eq(struct str a, struct str b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.s, b.s, a.n) == 0);
}

static inline bool str_is(struct str a, const char *z)
{
	return str_eq(a, str_of(z));
}

static inline bool str_starts(struct str a, const char *prefix)
{
	size_t n = strlen(prefix);

	return a.n >= n && memcmp(a.s, prefix, n) == 0;
}

/* Byte order, a prefix before what it begins. */
int str_cmp(struct str a, struct str b);

/* Without the mark that some put in front of UTF-8. */
static inline struct str str_skip_bom(struct str a)
{
	return str_starts(a, "\xef\xbb\xbf") ? (struct str){ a.s + 3, a.n - 3 }
					     : a;
}

/* Without blanks (space, tab) at both ends. */
struct str str_trim(struct str a);

/*
 * Takes the text before the next sep off *rest into *part. False at the end.
 * "a,,b" has three parts, "" has one (empty).
 */
bool str_split(struct str *rest, char sep, struct str *part);

/* The whole text as a decimal number without sign; -1 if it is not one. */
int str_to_u64(struct str a, uint64_t *out);

#define STR_U64_MAX 20 /* digits */
/* Writes a number at to, without a NUL; returns the place behind it. */
char *str_put_u64(char *to, uint64_t n);

/* "64M", "512k", "1G", "1000": bytes; units are powers of 1024. 0 or -1. */
int str_to_size(struct str a, uint64_t *out);

#endif
