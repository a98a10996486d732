/* SPDX-License-Identifier: MIT */
/*
 * The one growable string. A ceiling is part of its birth; passing it is
 * remembered in `over` (and what did not fit is dropped) rather than checked
 * at each call.
 */
#ifndef RETL_BUF_H
#define RETL_BUF_H

#include "common/str.h"

struct buf {
	char *data; /* never NULL, data[len] is NUL */
	size_t len;
	size_t cap; /* 0 while data points at the shared empty string */
	size_t max; /* 0: no limit */
	bool over;  /* something was dropped because of max */
};

extern char buf_empty[1];

#define BUF_INIT ((struct buf){ .data = buf_empty })
#define BUF_INIT_MAX(m) ((struct buf){ .data = buf_empty, .max = (m) })

void buf_release(struct buf *b);

/* Empty again; memory and ceiling stay. */
static inline void buf_reset(struct buf *b)
{
	b->len = 0;
	b->over = false;
	if (b->cap)
		b->data[0] = '\0';
}

bool buf_grow(struct buf *b, size_t n);

/* Room for n more bytes and the NUL. False (and over) beyond the ceiling. */
static inline bool buf_reserve(struct buf *b, size_t n)
{
	return LIKELY(n < b->cap - b->len && !b->max) || buf_grow(b, n);
}

void buf_add(struct buf *b, const void *p, size_t n);
void buf_addz(struct buf *b, const char *z);
void buf_addf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
void buf_vaddf(struct buf *b, const char *fmt, va_list ap) PRINTF_LIKE(2, 0);
void buf_addu(struct buf *b, uint64_t n);
void buf_truncate(struct buf *b, size_t len);

static inline void buf_addc(struct buf *b, char c)
{
	if (LIKELY(b->len + 1 < b->cap)) {
		b->data[b->len++] = c;
		b->data[b->len] = '\0';
	} else {
		buf_add(b, &c, 1);
	}
}

static inline void buf_adds(struct buf *b, struct str s)
{
	buf_add(b, s.s, s.n);
}

static inline struct str buf_str(const struct buf *b)
{
	return (struct str){ b->data, b->len };
}

/* The text, which the caller frees; b is empty afterwards. */
char *buf_take(struct buf *b);

/*
 * Sets err to a message (what stood there is replaced) and returns -1, so that
 * a function can end with `return fail(err, "...")`. err may be NULL.
 */
int fail(struct buf *err, const char *fmt, ...) PRINTF_LIKE(2, 3);

#endif
