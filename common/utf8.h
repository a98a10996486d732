/* SPDX-License-Identifier: MIT */
/*
 * Bytes of text, as fast as they can be told apart: the run over plain ASCII
 * that makes up nearly all of it, and what a well-formed character is. Inline,
 * since they are the inner loops of reading and of writing JSON.
 */
#ifndef RETL_UTF8_H
#define RETL_UTF8_H

#include "common/base.h"

/* RETL_PORTABLE: as on a processor that this project knows nothing about. */
#if defined(__SSE2__) && !defined(RETL_PORTABLE)
#define UTF8_SSE2
#include <emmintrin.h>
#endif

/* Does the byte stand for itself in a JSON string, and is it ASCII? */
static inline bool utf8_is_plain(unsigned char c)
{
	return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

/* First byte that is a quote, a backslash, a control or not ASCII; or end. */
static inline const char *utf8_skip_plain(const char *p, const char *end)
{
#ifdef UTF8_SSE2
	const __m128i quote = _mm_set1_epi8('"');
	const __m128i slash = _mm_set1_epi8('\\');
	const __m128i space = _mm_set1_epi8(' ');

	while (end - p >= 16) {
		__m128i v = _mm_loadu_si128((const __m128i *)p);
		/* Signed: bytes of 0x80 and above are below space too. */
		__m128i m = _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(v, quote),
						      _mm_cmpeq_epi8(v, slash)),
					 _mm_cmplt_epi8(v, space));
		int bits = _mm_movemask_epi8(m);

		if (bits)
			return p + __builtin_ctz((unsigned)bits);
		p += 16;
	}
#endif
	while (p < end && utf8_is_plain((unsigned char)*p))
		p++;
	return p;
}

/* Only hexadecimal digits, of lower case and, if upper, of upper case? */
static inline bool utf8_is_hex(const char *p, size_t n, bool upper)
{
	const char *end = p + n;
	unsigned char fold = upper ? 0x20 : 0;

#ifdef UTF8_SSE2
	while (end - p >= 16) {
		__m128i v = _mm_loadu_si128((const __m128i *)p);
		__m128i l = _mm_or_si128(v, _mm_set1_epi8((char)fold));
		__m128i digit =
		    _mm_and_si128(_mm_cmpgt_epi8(v, _mm_set1_epi8('0' - 1)),
				  _mm_cmplt_epi8(v, _mm_set1_epi8('9' + 1)));
		__m128i letter =
		    _mm_and_si128(_mm_cmpgt_epi8(l, _mm_set1_epi8('a' - 1)),
				  _mm_cmplt_epi8(l, _mm_set1_epi8('f' + 1)));

		if (_mm_movemask_epi8(_mm_or_si128(digit, letter)) != 0xffff)
			return false;
		p += 16;
	}
#endif
	for (; p < end; p++) {
		unsigned char l = (unsigned char)*p | fold;

		if (!(*p >= '0' && *p <= '9') && !(l >= 'a' && l <= 'f'))
			return false;
	}
	return true;
}

/*
 * Bytes of the character at p; 0: there is no well-formed one. Table 3-7 of
 * the Unicode standard: no overlong forms, no surrogates, nothing beyond
 * U+10FFFF.
 */
static inline size_t utf8_length(const char *p, const char *end)
{
	const unsigned char *u = (const unsigned char *)p;
	unsigned from = 0x80, to = 0xbf;
	size_t n;

	if (p >= end)
		return 0;
	if (u[0] < 0x80)
		return 1;
	if (u[0] < 0xc2 || u[0] > 0xf4)
		return 0;
	n = u[0] < 0xe0 ? 2 : u[0] < 0xf0 ? 3 : 4;
	if (u[0] == 0xe0)
		from = 0xa0;
	else if (u[0] == 0xed)
		to = 0x9f;
	else if (u[0] == 0xf0)
		from = 0x90;
	else if (u[0] == 0xf4)
		to = 0x8f;
	if ((size_t)(end - p) < n || u[1] < from || u[1] > to)
		return 0;
	for (size_t i = 2; i < n; i++)
		if (u[i] < 0x80 || u[i] > 0xbf)
			return 0;
	return n;
}

#endif
