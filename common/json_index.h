/* SPDX-License-Identifier: MIT */
/*
 * Where the strings of a text begin and end, found for 64 bytes at a time.
 *
 * A scanner that has only the text must find the end of a string before it can
 * look for the next one, and wider registers do not help it (32 bytes at once:
 * no gain; 64: 15 % slower). With the places of all quotes known beforehand
 * nothing waits for anything: 1.75 GB/s against 1.45. That needs an instruction
 * that lists the bits of a word (AVX-512 VBMI2); where they have to be listed
 * one by one (AVX2, SSE2) it costs more than it saves, so other machines scan
 * without an index.
 */
#ifndef RETL_JSON_INDEX_H
#define RETL_JSON_INDEX_H

#include "common/str.h"

/* Longer texts are not indexed. */
#define JSON_INDEX_MAX ((size_t)16 << 10)

struct json_index {
	bool has_escapes;
	/*
	 * Offsets of the quotes that are not escaped, an even number; behind
	 * them one that is beyond the text. 64 are written at once.
	 */
	uint16_t at[JSON_INDEX_MAX + 64];
};

/*
 * Does this machine have what it takes? RETL_TEST_NO_INDEX in the environment:
 * no.
 */
bool json_index_usable(void);

/*
 * Fills x. 0: strings have neither control characters nor wrong escapes or
 * UTF-8, provided that all that stands between them is grammar. -1: they may
 * have, or the text is too long: it must be scanned to know.
 */
int json_index(struct json_index *x, struct str text);

/* Four hexadecimal digits, or -1. */
int json_hex4(const char *p);

#endif
