/* SPDX-License-Identifier: MIT */
/*
 * Where strings begin and end, and lines end, found for 64 bytes at a time.
 *
 * A scanner that has only the text must find the end of a string before it can
 * look for the next one, and wider registers do not help it (32 bytes at once:
 * no gain; 64: 15 % slower). With the places of all quotes known beforehand
 * nothing waits for anything. That needs an instruction that lists the bits of
 * a word (AVX-512 VBMI2); where they have to be listed one by one (AVX2, SSE2)
 * it costs more than it saves, so other machines scan without an index.
 *
 * An index is made of many lines at once: of each by itself, the last word is
 * nearly always a partial one and the number of words is what the branches fail
 * to predict, so that records of 200 bytes gain nothing (140 ns with reading,
 * as without an index; 120 with one for many).
 */
#ifndef RETL_JSON_INDEX_H
#define RETL_JSON_INDEX_H

#include "common/str.h"

/* So much text at most has its places in one index. */
#define JSON_INDEX_MAX ((size_t)16 << 10)

struct json_index {
	const char *base; /* where offsets start */
	size_t n;         /* so many bytes are indexed; 0: nothing is */
	/* The first that has not been passed. Behind the last is UINT16_MAX. */
	const uint16_t *quote, *line;
	/* Of quotes that are not escaped, and of LFs; 64 are written at once.
	 */
	uint16_t quotes[JSON_INDEX_MAX + 64], lines[JSON_INDEX_MAX + 64];
};

/*
 * Does this machine have what it takes? RETL_TEST_NO_INDEX in the environment:
 * no.
 */
bool json_index_usable(void);

/* With nothing in it; NULL: this machine does without. free() it. */
struct json_index *json_index_new(void);

/* The text is not what it was. */
static inline void json_index_forget(struct json_index *x)
{
	x->n = 0;
}

/*
 * Indexes the text from its beginning, up to JSON_INDEX_MAX bytes of it, and no
 * further than strings have neither control characters nor wrong escapes or
 * UTF-8, provided that all that stands between them is grammar and that no line
 * ends in one.
 */
void json_index_fill(struct json_index *x, struct str text);

/* x, which may be NULL, of this text alone; NULL: it must be scanned. */
static inline struct json_index *json_index_alone(struct json_index *x,
						  struct str text)
{
	if (!x)
		return NULL;
	json_index_fill(x, text);
	return x->n == text.n ? x : NULL;
}

/*
 * The LF at which the line ends that begins the text, with x at its quotes. If
 * x does not have it, it is made anew from there. NULL: no line ends in what
 * can be indexed, and nothing is known of this one.
 */
static inline const char *json_index_line(struct json_index *x, struct str text)
{
	size_t at = (size_t)(text.s - x->base);

	if (LIKELY(at < x->n)) {
		while (*x->quote < at)
			x->quote++;
		while (*x->line < at)
			x->line++;
	}
	if (UNLIKELY(at >= x->n || *x->line == UINT16_MAX)) {
		if (at || !x->n)
			json_index_fill(x, text);
		if (*x->line == UINT16_MAX)
			return NULL;
	}
	return x->base + *x->line;
}

/* Four hexadecimal digits, or -1. */
int json_hex4(const char *p);

#endif
