/* SPDX-License-Identifier: MIT */
#include "bin/retl-extract/csvrow.h"

#include "common/mem.h"
#include "common/utf8.h"

#define STEP ((size_t)16)
/* Bytes that may be read behind where a step begins. */
#define AHEAD (2 * STEP)
/* Bytes that a step may write: itself, or what stands around a value. */
#define MARGIN (4 * STEP)

bool csvrow_start(struct csvrow *r, const struct columns *c, char delimiter,
		  const char *null)
{
	if ((unsigned char)delimiter >= 0x80 || delimiter == '"' ||
	    delimiter == '\r' || delimiter == '\n')
		return false;
	/* A value that has quotes is compared as it stands, doubled. */
	if (null && strchr(null, '"'))
		return false;
	r->delimiter = delimiter;
	r->has_null = null;
	r->null = null ? str_of(null) : (struct str){ NULL, 0 };
	r->v = xcalloc(c->n, sizeof *r->v);
	r->n = c->n;
	for (size_t i = 0; i < c->n; i++) {
		r->v[i].at = r->leads.len;
		column_put(&r->leads, c, i);
		buf_addc(&r->leads, '"');
		r->v[i].n = r->leads.len - r->v[i].at;
	}
	/* They are copied in steps. */
	buf_reserve(&r->leads, STEP);
	return true;
}

void csvrow_release(struct csvrow *r)
{
	free(r->v);
	buf_release(&r->leads);
	*r = CSVROW_INIT;
}

/* Where the next byte goes is everybody's local variable: it changes often. */
struct pen {
	struct buf *out;
	char *limit;      /* up to here there is a margin */
	const char *last; /* of the block: where a step may begin */
	uint64_t lines;
};

/* Room for a margin and n bytes. */
static char *more(struct pen *w, char *o, size_t n)
{
	struct buf *out = w->out;

	out->len = (size_t)(o - out->data);
	buf_reserve(out, n + 2 * MARGIN);
	w->limit = out->data + out->cap - MARGIN;
	return out->data + out->len;
}

static inline void copy_step(char *to, const char *from)
{
	memcpy(to, from, STEP);
}

/*
 * Copies a step; returns how many bytes of it, from the first on, stand for
 * themselves in JSON and are not stop.
 */
static inline size_t copy_plain(char *to, const char *from, char stop)
{
#ifdef UTF8_SSE2
	__m128i v = _mm_loadu_si128((const __m128i *)from);
	/* Signed: bytes of 0x80 and above are below space too. */
	__m128i odd = _mm_cmplt_epi8(v, _mm_set1_epi8(' '));
	unsigned bits;

	_mm_storeu_si128((__m128i *)to, v);
	odd = _mm_or_si128(odd, _mm_cmpeq_epi8(v, _mm_set1_epi8('"')));
	odd = _mm_or_si128(odd, _mm_cmpeq_epi8(v, _mm_set1_epi8('\\')));
	odd = _mm_or_si128(odd, _mm_cmpeq_epi8(v, _mm_set1_epi8(stop)));
	bits = (unsigned)_mm_movemask_epi8(odd);
	return (size_t)__builtin_ctz(bits | 1u << STEP);
#else
	size_t n = 0;

	while (n < STEP && from[n] != stop &&
	       utf8_is_plain((unsigned char)from[n])) {
		to[n] = from[n];
		n++;
	}
	return n;
#endif
}

/*
 * The text of a value up to its end: stop is the quote if one began it, else
 * the delimiter. Returns the place of the quote, of the delimiter or of the
 * line end; NULL: unusual, or not all of it is there.
 */
static inline const char *copy_text(struct pen *w, const char *p, char **at,
				    char stop)
{
	bool quoted = stop == '"';
	char *o = *at;

	while (LIKELY(p <= w->last)) {
		size_t n = copy_plain(o, p, stop);
		unsigned char c;

		p += n;
		o += n;
		if (UNLIKELY(o > w->limit))
			o = more(w, o, 0);
		if (n == STEP)
			continue;
		c = (unsigned char)*p;
		if (c == '"') {
			if (!quoted)
				return NULL;
			if (p[1] != '"') {
				*at = o;
				return p;
			}
			*o++ = '\\';
			*o++ = '"';
			p += 2;
		} else if (!quoted && (c == (unsigned char)stop || c == '\n' ||
				       c == '\r')) {
			*at = o;
			return p;
		} else if (c >= 0x80) {
			n = utf8_length(p, w->last + AHEAD);
			if (!n)
				return NULL;
			memcpy(o, p, 4);
			o += n;
			p += n;
		} else {
			w->lines += c == '\n';
			w->out->len = (size_t)(o - w->out->data);
			json_put_escaped(w->out, (struct str){ p, 1 });
			p++;
			o = more(w, w->out->data + w->out->len, 0);
		}
	}
	return NULL;
}

static inline char *put_lead(struct pen *w, char *o, const struct csvrow *r,
			     size_t i)
{
	const char *lead = r->leads.data + r->v[i].at;
	size_t n = r->v[i].n;

	if (UNLIKELY(o + n > w->limit))
		o = more(w, o, n);
	copy_step(o, lead);
	for (size_t k = STEP; k < n; k += STEP)
		copy_step(o + k, lead + k);
	return o + n;
}

/* The value at p, its lead being there. Returns the place behind it. */
static inline const char *take_value(const struct csvrow *r, struct pen *w,
				     const char *p, char **at)
{
	char *o = *at;
	size_t begin = (size_t)(o - w->out->data) - 1;
	const char *from = p, *end;
	const struct str null = STR("null");
	bool is_null;

	if (*p == '"') {
		from++;
		end = copy_text(w, from, &o, '"');
		p = end ? end + 1 : NULL;
	} else {
		p = end = copy_text(w, p, &o, r->delimiter);
	}
	if (!p)
		return NULL;
	if (UNLIKELY(r->has_null))
		/* --null names no value that is empty and has no quotes. */
		is_null =
		    p > from &&
		    str_eq((struct str){ from, (size_t)(end - from) }, r->null);
	else
		is_null = p == from;
	if (is_null) {
		o = w->out->data + begin;
		memcpy(o, null.s, null.n);
		o += null.n;
	} else {
		*o++ = '"';
	}
	*at = o;
	return p;
}

static const char *take_values(const struct csvrow *r, struct pen *w,
			       const char *p, char **at)
{
	size_t i = 0;

	for (;;) {
		if (UNLIKELY(i == r->n))
			return NULL;
		*at = put_lead(w, *at, r, i++);
		p = take_value(r, w, p, at);
		if (!p)
			return NULL;
		if (*p != r->delimiter)
			break;
		p++;
	}
	if (*p == '\r')
		p++;
	return *p == '\n' && i == r->n ? p + 1 : NULL;
}

const char *csvrow_take(const struct csvrow *r, const char *p, const char *end,
			struct buf *out, uint64_t *lines)
{
	struct pen w = { .out = out };
	char *o;

	if (end - p < (ptrdiff_t)AHEAD)
		return NULL;
	/* Of one column: a blank line. */
	if (r->n == 1 && (*p == '\n' || *p == '\r'))
		return NULL;
	w.last = end - AHEAD;
	o = more(&w, out->data + out->len, 0);
	p = take_values(r, &w, p, &o);
	if (p) {
		*o++ = '}';
		out->len = (size_t)(o - out->data);
	}
	out->data[out->len] = '\0';
	*lines += w.lines;
	return p;
}
