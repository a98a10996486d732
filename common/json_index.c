/* SPDX-License-Identifier: MIT */
#include "common/json_index.h"

#include "common/mem.h"
#include "common/msg.h"
#include "common/utf8.h"

struct json_index *json_index_new(void)
{
	struct json_index *x;

	if (!json_index_usable())
		return NULL;
	x = xmalloc(sizeof *x);
	json_index_forget(x);
	return x;
}

int json_hex4(const char *p)
{
	int v = 0;

	for (int i = 0; i < 4; i++) {
		int c = (unsigned char)p[i];

		if (c >= '0' && c <= '9')
			c -= '0';
		else if (c >= 'a' && c <= 'f')
			c -= 'a' - 10;
		else if (c >= 'A' && c <= 'F')
			c -= 'A' - 10;
		else
			return -1;
		v = v << 4 | c;
	}
	return v;
}

#if defined(__x86_64__) && !defined(RETL_PORTABLE)
#include <immintrin.h>

#define AVX512 __attribute__((target("avx512bw,avx512vbmi2,bmi,bmi2,popcnt")))

/* p is at the backslash. Bytes of the escape; 0: it is none. */
static size_t escape_length(const char *p, const char *end)
{
	int u;

	if (end - p < 2)
		return 0;
	if (p[1] != 'u')
		return p[1] && strchr("\"\\/bfnrt", p[1]) ? 2 : 0;
	u = end - p < 6 ? -1 : json_hex4(p + 2);
	if (u < 0xd800 || u > 0xdfff)
		return u < 0 ? 0 : 6;
	if (u > 0xdbff || end - p < 12 || p[6] != '\\' || p[7] != 'u')
		return 0;
	u = json_hex4(p + 8);
	return u < 0xdc00 || u > 0xdfff ? 0 : 12;
}

/* What runs through the words of a text. */
struct walk {
	const char *p, *end;
	const char *next; /* what lies before it has been looked at */
	uint64_t escaped; /* quotes of this word that are escaped */
	bool carry;       /* the first byte of the next word is such a one */
};

/*
 * bits: the bytes of the word that are backslashes or not ASCII. The place of
 * the first that is not as it must be; 64: all are.
 */
static inline unsigned check_special(struct walk *w, uint64_t bits)
{
	for (; bits; bits &= bits - 1) {
		unsigned i = (unsigned)__builtin_ctzll(bits);
		const char *p = w->p + i;
		size_t n;

		if (p < w->next)
			continue;
		if (*p == '\\') {
			n = escape_length(p, w->end);
			w->escaped |= (uint64_t)1 << i << 1;
			w->carry = i == 63;
		} else {
			n = utf8_length(p, w->end);
		}
		if (!n)
			return i;
		w->next = p + n;
	}
	return 64;
}

/* The same of control characters but LF: a CR before one is fine. */
static unsigned check_controls(const struct walk *w, uint64_t bits)
{
	for (; bits; bits &= bits - 1) {
		unsigned i = (unsigned)__builtin_ctzll(bits);
		const char *p = w->p + i;

		if (*p != '\r' || p + 1 == w->end || p[1] != '\n')
			return i;
	}
	return 64;
}

/*
 * The numbers of the bits that are set, counted from base. There are seldom
 * more than 16 in a word: for these one store of 32 bytes does, where all 64
 * take two of 64.
 */
AVX512 static inline uint16_t *list_bits(uint16_t *to, uint64_t bits,
					 size_t base)
{
	const __m512i numbers = _mm512_set_epi8(
	    63, 62, 61, 60, 59, 58, 57, 56, 55, 54, 53, 52, 51, 50, 49, 48, 47,
	    46, 45, 44, 43, 42, 41, 40, 39, 38, 37, 36, 35, 34, 33, 32, 31, 30,
	    29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19, 18, 17, 16, 15, 14, 13,
	    12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
	__m512i set = _mm512_maskz_compress_epi8(bits, numbers);
	__m512i add = _mm512_set1_epi16((short)base);
	int n = __builtin_popcountll(bits);
	__m256i few = _mm256_cvtepu8_epi16(_mm512_castsi512_si128(set));

	_mm256_storeu_si256((__m256i *)to,
			    _mm256_add_epi16(few, _mm512_castsi512_si256(add)));
	if (UNLIKELY(n > 16)) {
		__m512i low = _mm512_cvtepu8_epi16(_mm512_castsi512_si256(set));
		__m512i high =
		    _mm512_cvtepu8_epi16(_mm512_extracti64x4_epi64(set, 1));

		_mm512_storeu_si512(to, _mm512_add_epi16(low, add));
		_mm512_storeu_si512(to + 32, _mm512_add_epi16(high, add));
	}
	return to + n;
}

/* The same where there is mostly none or one, without a branch for that. */
AVX512 static inline uint16_t *list_few(uint16_t *to, uint64_t bits,
					size_t base)
{
	*to = (uint16_t)(base + _tzcnt_u64(bits));
	to += bits != 0;
	while (UNLIKELY(bits & (bits - 1))) {
		bits &= bits - 1;
		*to++ = (uint16_t)(base + _tzcnt_u64(bits));
	}
	return to;
}

AVX512 void json_index_fill(struct json_index *x, struct str text)
{
	const __m512i blanks = _mm512_set1_epi8(' ');
	size_t n = MIN(text.n, JSON_INDEX_MAX);
	struct walk w = { .end = text.s + n, .next = text.s };
	uint16_t *quote = x->quotes, *line = x->lines;

	for (size_t base = 0; base < n; base += 64) {
		size_t left = MIN(n - base, (size_t)64);
		__mmask64 there = _bzhi_u64(~(uint64_t)0, (unsigned)left);
		uint64_t quotes, lines, special, controls;
		unsigned good = 64;
		__m512i v;

		w.p = text.s + base;
		w.escaped = w.carry;
		w.carry = false;
		v = _mm512_mask_loadu_epi8(blanks, there, w.p);
		controls = _mm512_cmplt_epu8_mask(v, blanks);
		lines = _mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8('\n'));
		quotes = _mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8('"'));
		special = _mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8('\\')) |
			  _mm512_movepi8_mask(v);
		if (UNLIKELY(controls & ~lines))
			good = check_controls(&w, controls & ~lines);
		if (special)
			good = MIN(good, check_special(&w, special));
		if (UNLIKELY(good < 64)) {
			quotes = _bzhi_u64(quotes, good);
			lines = _bzhi_u64(lines, good);
			n = base + good;
		}
		quote = list_bits(quote, quotes & ~w.escaped, base);
		line = list_few(line, lines, base);
	}
	*quote = *line = UINT16_MAX;
	x->base = text.s;
	x->n = n;
	x->quote = x->quotes;
	x->line = x->lines;
}

bool json_index_usable(void)
{
	/* Tests want to see the other way on such a machine too. */
	return !getenv("RETL_TEST_NO_INDEX") &&
	       __builtin_cpu_supports("avx512bw") &&
	       __builtin_cpu_supports("avx512vbmi2") &&
	       __builtin_cpu_supports("bmi") &&
	       __builtin_cpu_supports("bmi2") &&
	       __builtin_cpu_supports("popcnt");
}

#else

bool json_index_usable(void)
{
	return false;
}

void json_index_fill(struct json_index *x UNUSED, struct str text UNUSED)
{
	BUG("an index where there can be none");
}

#endif
