/* SPDX-License-Identifier: MIT */
#include "common/buf.h"

#include "common/mem.h"

char buf_empty[1] = "";

void buf_release(struct buf *b)
{
	if (b->cap)
		free(b->data);
	*b = BUF_INIT_MAX(b->max);
}

bool buf_grow(struct buf *b, size_t n)
{
	size_t need, cap;

	if (n > SIZE_MAX / 2 - b->len || (b->max && n > b->max - b->len)) {
		b->over = true;
		return false;
	}
	need = b->len + n + 1;
	if (need <= b->cap)
		return true;
	cap = b->cap ? b->cap : 64;
	while (cap < need)
		cap *= 2;
	if (b->cap) {
		b->data = xrealloc(b->data, cap);
	} else {
		b->data = xmalloc(cap);
		b->data[0] = '\0';
	}
	b->cap = cap;
	return true;
}

void buf_add(struct buf *b, const void *p, size_t n)
{
	if (!n || b->over || !buf_reserve(b, n))
		return;
	memcpy(b->data + b->len, p, n);
	b->len += n;
	b->data[b->len] = '\0';
}

void buf_addz(struct buf *b, const char *z)
{
	buf_add(b, z, strlen(z));
}

void buf_vaddf(struct buf *b, const char *fmt, va_list ap)
{
	va_list again;
	int n;

	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	if (n < 0 || b->over || !buf_reserve(b, (size_t)n))
		return;
	vsnprintf(b->data + b->len, (size_t)n + 1, fmt, ap);
	b->len += (size_t)n;
}

void buf_addf(struct buf *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	buf_vaddf(b, fmt, ap);
	va_end(ap);
}

void buf_addu(struct buf *b, uint64_t n)
{
	char text[STR_U64_MAX];

	buf_add(b, text, (size_t)(str_put_u64(text, n) - text));
}

void buf_truncate(struct buf *b, size_t len)
{
	if (len >= b->len)
		return;
	b->len = len;
	b->data[len] = '\0';
}

char *buf_take(struct buf *b)
{
	char *data = b->cap ? b->data : xcalloc(1, 1);

	*b = BUF_INIT_MAX(b->max);
	return data;
}

int fail(struct buf *err, const char *fmt, ...)
{
	struct buf text = BUF_INIT;
	va_list ap;

	if (!err)
		return -1;
	/* The arguments may borrow from err itself. */
	va_start(ap, fmt);
	buf_vaddf(&text, fmt, ap);
	va_end(ap);
	buf_reset(err);
	buf_add(err, text.data, text.len);
	buf_release(&text);
	return -1;
}
