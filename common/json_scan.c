/* SPDX-License-Identifier: MIT */
/*
 * The validating scanner: the one place where JSON from outside is read. One
 * pass over the bytes checks the whole text and notes the members of the
 * topmost object. Nearly all bytes of a record stand in strings, so what is
 * worth speed is the run over plain characters in scan_string, and, since the
 * records of a dataset have the same names, that a name which stands where it
 * stood in the last record is compared and not scanned.
 */
#include "common/json.h"

#include <stdatomic.h>

#include "common/json_index.h"
#include "common/mem.h"
#include "common/siphash.h"
#include "common/utf8.h"

struct scan {
	const char *end;
	struct json_fault *fault;
	/* With an index: where the next quote is, and offsets start here. */
	const uint16_t *quote;
	const char *base;
};

static const char *scan_value(struct scan *s, const char *p, unsigned depth);

static const char *broken(struct scan *s, const char *p, const char *what)
{
	/* An offset needs the start of the text: the caller takes it off. */
	s->fault->at = (size_t)(uintptr_t)p;
	s->fault->what = p >= s->end ? "the text ends too early" : what;
	return NULL;
}

static inline const char *scan_space(const struct scan *s, const char *p)
{
	if (LIKELY(p < s->end && (unsigned char)*p > ' '))
		return p;
	while (p < s->end &&
	       (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r'))
		p++;
	return p;
}

/* ---- strings ---- */

/* p is behind "\u". */
static const char *scan_unicode_escape(struct scan *s, const char *p)
{
	int u, low;

	if (s->end - p < 4)
		return broken(s, s->end, NULL);
	u = json_hex4(p);
	if (u < 0)
		return broken(s, p, "\\u needs four hexadecimal digits");
	p += 4;
	if (u < 0xd800 || u > 0xdfff)
		return p;
	if (u > 0xdbff)
		return broken(s, p - 6, "a lone surrogate escape");
	if (s->end - p < 6 && (p == s->end || *p == '\\'))
		return broken(s, s->end, NULL);
	low = p[0] == '\\' && p[1] == 'u' ? json_hex4(p + 2) : -1;
	if (low < 0xdc00 || low > 0xdfff)
		return broken(s, p - 6, "a lone surrogate escape");
	return p + 6;
}

/* p is at the backslash. */
static const char *scan_escape(struct scan *s, const char *p)
{
	if (s->end - p < 2)
		return broken(s, s->end, NULL);
	switch (p[1]) {
	case '"':
	case '\\':
	case '/':
	case 'b':
	case 'f':
	case 'n':
	case 'r':
	case 't':
		return p + 2;
	case 'u':
		return scan_unicode_escape(s, p + 2);
	default:
		return broken(s, p, "an escape that JSON does not have");
	}
}

/* p is at a byte of 0x80 or above. */
static const char *scan_utf8(struct scan *s, const char *p)
{
	size_t n = utf8_length(p, s->end);

	return n ? p + n : broken(s, p, "invalid UTF-8");
}

/* The same, with an index. */
static inline const char *next_string(struct scan *s, const char *p)
{
	const char *end = s->base + s->quote[1];

	if (UNLIKELY(s->base + s->quote[0] != p - 1 || end >= s->end))
		return broken(s, p, "not where the index has a string");
	s->quote += 2;
	return end;
}

/* p is behind the opening quote; returns the closing one. */
static inline const char *scan_string(struct scan *s, const char *p)
{
	if (LIKELY(s->quote))
		return next_string(s, p);
	for (;;) {
		p = utf8_skip_plain(p, s->end);
		if (UNLIKELY(p == s->end))
			return broken(s, p, NULL);
		if (LIKELY(*p == '"'))
			return p;
		if ((unsigned char)*p >= 0x80)
			p = scan_utf8(s, p);
		else if (*p == '\\')
			p = scan_escape(s, p);
		else
			return broken(s, p,
				      "a raw control character in a string");
		if (!p)
			return NULL;
	}
}

/* ---- the rest of the grammar ---- */

static inline bool is_digit(const struct scan *s, const char *p)
{
	return p < s->end && (unsigned char)(*p - '0') < 10;
}

/* At once, since the number of digits is what branches fail to predict. */
static inline const char *skip_digits(const struct scan *s, const char *p)
{
#ifdef UTF8_SSE2
	if (LIKELY(s->end - p >= 16)) {
		__m128i v = _mm_loadu_si128((const __m128i *)p);
		__m128i d = _mm_sub_epi8(v, _mm_set1_epi8('0'));
		__m128i over = _mm_subs_epu8(d, _mm_set1_epi8(9));
		__m128i is = _mm_cmpeq_epi8(over, _mm_setzero_si128());
		unsigned bits = (unsigned)_mm_movemask_epi8(is) ^ 0xffff;

		if (LIKELY(bits))
			return p + __builtin_ctz(bits);
	}
#endif
	while (is_digit(s, p))
		p++;
	return p;
}

static inline const char *scan_digits(struct scan *s, const char *p)
{
	if (UNLIKELY(!is_digit(s, p)))
		return broken(s, p, "a digit is missing in a number");
	return skip_digits(s, p + 1);
}

/* What follows the whole part. */
static const char *scan_fraction(struct scan *s, const char *p)
{
	if (*p == '.' && !(p = scan_digits(s, p + 1)))
		return NULL;
	if (p < s->end && (*p == 'e' || *p == 'E')) {
		p++;
		if (p < s->end && (*p == '+' || *p == '-'))
			p++;
		p = scan_digits(s, p);
	}
	return p;
}

static inline const char *scan_number(struct scan *s, const char *p)
{
	p += *p == '-';
	if (p < s->end && *p == '0')
		p++;
	else if (!(p = scan_digits(s, p)))
		return NULL;
	if (p < s->end && (*p == '.' || (*p | 0x20) == 'e'))
		return scan_fraction(s, p);
	return p;
}

static const char *scan_word(struct scan *s, const char *p, const char *word,
			     size_t n)
{
	if ((size_t)(s->end - p) < n || memcmp(p, word, n) != 0)
		return broken(s, p, "not a JSON value");
	return p + n;
}

static const char *scan_array(struct scan *s, const char *p, unsigned depth)
{
	p = scan_space(s, p + 1);
	if (p < s->end && *p == ']')
		return p + 1;
	for (;;) {
		p = scan_value(s, p, depth);
		if (!p)
			return NULL;
		p = scan_space(s, p);
		if (p < s->end && *p == ']')
			return p + 1;
		if (p >= s->end || *p != ',')
			return broken(s, p, "',' or ']' expected");
		p = scan_space(s, p + 1);
	}
}

/*
 * Name and colon; returns the start of the value. The member's key is set.
 */
static inline const char *scan_name(struct scan *s, const char *p,
				    struct json_member *m)
{
	const char *start = p + 1;

	if (p >= s->end || *p != '"')
		return broken(s, p, "a member name in quotes expected");
	p = scan_string(s, start);
	if (!p)
		return NULL;
	m->key = (struct str){ start, (size_t)(p - start) };
	m->key_esc = memchr(start, '\\', m->key.n) != NULL;
	p = scan_space(s, p + 1);
	if (p >= s->end || *p != ':')
		return broken(s, p, "':' expected");
	return scan_space(s, p + 1);
}

static const char *scan_object(struct scan *s, const char *p, unsigned depth)
{
	struct json_member m;

	p = scan_space(s, p + 1);
	if (p < s->end && *p == '}')
		return p + 1;
	for (;;) {
		p = scan_name(s, p, &m);
		if (p)
			p = scan_value(s, p, depth);
		if (!p)
			return NULL;
		p = scan_space(s, p);
		if (p < s->end && *p == '}')
			return p + 1;
		if (p >= s->end || *p != ',')
			return broken(s, p, "',' or '}' expected");
		p = scan_space(s, p + 1);
	}
}

/* What often stands where a value should, by its first bytes. */
static const char *no_value(const struct scan *s, const char *p)
{
	static const struct {
		const char *begins, *what;
	} known[] = {
		{ "\xef\xbb\xbf",
		  "not a JSON value, but a byte order mark: take it away" },
		{ "\xff\xfe", "not a JSON value, but UTF-16: make it UTF-8" },
		{ "\xfe\xff", "not a JSON value, but UTF-16: make it UTF-8" },
		{ "\x1f\x8b", "not a JSON value, but gzip data: unpack it" },
		{ "\x28\xb5\x2f\xfd",
		  "not a JSON value, but zstd data: unpack it" },
	};
	struct str rest = { p, (size_t)(s->end - p) };

	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (str_starts(rest, known[i].begins))
			return known[i].what;
	return "not a JSON value";
}

/* depth: how many containers p is in. Returns the place behind the value. */
static const char *scan_value(struct scan *s, const char *p, unsigned depth)
{
	if (p >= s->end)
		return broken(s, p, NULL);
	switch (*p) {
	case '"':
		p = scan_string(s, p + 1);
		return p ? p + 1 : NULL;
	case '{':
	case '[':
		if (depth == JSON_MAX_DEPTH)
			return broken(s, p, "nested too deep");
		return *p == '{' ? scan_object(s, p, depth + 1)
				 : scan_array(s, p, depth + 1);
	case 't':
		return scan_word(s, p, "true", 4);
	case 'f':
		return scan_word(s, p, "false", 5);
	case 'n':
		return scan_word(s, p, "null", 4);
	case '-':
	case '0' ... '9':
		return scan_number(s, p);
	default:
		return broken(s, p, no_value(s, p));
	}
}

static int fault_in(struct str text, struct json_fault *f)
{
	f->at -= (size_t)(uintptr_t)text.s;
	return -1;
}

static int trailing(struct str text, const char *p, struct json_fault *f)
{
	*f = (struct json_fault){ (size_t)(p - text.s),
				  "something follows the value" };
	return -1;
}

int json_check(struct str text, struct str *value, struct json_fault *f)
{
	struct scan s = { .end = text.s + text.n, .fault = f };
	const char *start = scan_space(&s, text.s), *p;

	p = scan_value(&s, start, 0);
	if (!p)
		return fault_in(text, f);
	if (value)
		*value = (struct str){ start, (size_t)(p - start) };
	p = scan_space(&s, p);
	return p == s.end ? 0 : trailing(text, p, f);
}

/* ---- members of one object ---- */

static void grow_table(struct json_obj *o)
{
	size_t want = 16;

	while (want < 2 * o->n)
		want *= 2;
	if (want > o->table_cap) {
		free(o->table);
		o->table = xmalloc(want * sizeof *o->table);
		o->table_cap = want;
	}
	memset(o->table, 0, o->table_cap * sizeof *o->table);
}

/* A name as it compares: unescaped, in scratch if it has to be. */
static struct str name_text(const struct json_member *m, struct buf *scratch)
{
	if (!m->key_esc)
		return m->key;
	buf_reset(scratch);
	json_unescape(scratch, m->key);
	return buf_str(scratch);
}

/* The place of the first member whose name came before, or -1. */
static ssize_t find_repeated(struct json_obj *o)
{
	struct buf scratch = BUF_INIT;
	ssize_t found = -1;

	grow_table(o);
	for (size_t i = 0; i < o->n && found < 0; i++) {
		struct str name = name_text(&o->m[i], &scratch);
		size_t h = siphash_here(name.s, name.n) & (o->table_cap - 1);

		while (o->table[h]) {
			if (json_key_is(&o->m[o->table[h] - 1], name)) {
				found = (ssize_t)i;
				break;
			}
			h = (h + 1) & (o->table_cap - 1);
		}
		o->table[h] = (uint32_t)i + 1;
	}
	buf_release(&scratch);
	return found;
}

uint32_t json_new_shape(void)
{
	static atomic_uint last;
	uint32_t n;

	do
		n = atomic_fetch_add(&last, 1) + 1;
	while (UNLIKELY(!n));
	return n;
}

/*
 * A new set of names. Names with escapes get no shape: they may differ in
 * bytes and still be equal, or the other way round.
 */
static int new_shape(struct json_obj *o, struct str text, struct json_fault *f)
{
	ssize_t twice = find_repeated(o);

	o->shape = 0;
	buf_reset(&o->names);
	if (twice >= 0) {
		*f = (struct json_fault){ (size_t)(o->m[twice].key.s - text.s),
					  "a member name stands there twice" };
		return -1;
	}
	for (size_t i = 0; i < o->n; i++) {
		if (o->m[i].key_esc || o->names.len > UINT32_MAX / 2)
			return 0;
		buf_addc(&o->names, '"');
		buf_adds(&o->names, o->m[i].key);
		buf_addz(&o->names, "\":");
		GROW(o->ends, i, o->ends_cap);
		o->ends[i] = (uint32_t)o->names.len;
	}
	o->n_names = o->n;
	o->shape = json_new_shape();
	return 0;
}

/* a and b have n bytes, 4 at least: two loads that may overlap do for most. */
static inline bool same_bytes(const char *a, const char *b, size_t n)
{
	uint64_t x, y, u, v;
	uint32_t s, t;

	if (n > 16)
		return memcmp(a, b, n) == 0;
	if (n >= 8) {
		memcpy(&x, a, 8);
		memcpy(&y, b, 8);
		memcpy(&u, a + n - 8, 8);
		memcpy(&v, b + n - 8, 8);
		return ((x ^ y) | (u ^ v)) == 0;
	}
	memcpy(&s, a, 4);
	memcpy(&t, b, 4);
	if (s != t)
		return false;
	memcpy(&s, a + n - 4, 4);
	memcpy(&t, b + n - 4, 4);
	return s == t;
}

/*
 * Name and colon of the n-th member, whose shape has been that of the last
 * object up to here (*same). Returns the start of the value.
 */
static inline const char *member_name(struct scan *s, struct json_obj *o,
				      size_t n, const char *p, bool *same)
{
	struct json_member *m = &o->m[n];
	const char *name;
	size_t len;

	if (LIKELY(*same && n < o->n_names)) {
		name = o->names.data + (n ? o->ends[n - 1] : 0);
		len = (size_t)(o->names.data + o->ends[n] - name);
		if (LIKELY(len >= 4 && (size_t)(s->end - p) > len &&
			   same_bytes(p, name, len))) {
			m->key = (struct str){ p + 1, len - 3 };
			m->key_esc = false;
			if (LIKELY(s->quote))
				s->quote += 2;
			p += len;
			return LIKELY((unsigned char)*p > ' ')
				   ? p
				   : scan_space(s, p);
		}
		p = scan_name(s, p, m);
		*same = p && !m->key_esc && m->key.n == len - 3 &&
			memcmp(m->key.s, name + 1, m->key.n) == 0;
		return p;
	}
	*same = false;
	return scan_name(s, p, m);
}

static int parse(struct json_obj *o, struct str text, struct json_fault *f,
		 struct json_index *x)
{
	struct scan s = {
		.end = text.s + text.n,
		.fault = f,
		.quote = x ? x->quote : NULL,
		.base = x ? x->base : NULL,
	};
	const char *p = scan_space(&s, text.s);
	bool same = o->shape != 0;
	size_t n = 0;

	o->n = 0;
	if (p >= s.end || *p != '{') {
		if (json_check(text, NULL, f) == 0)
			*f = (struct json_fault){ 0, "not a JSON object" };
		return -1;
	}
	p = scan_space(&s, p + 1);
	while (p < s.end && *p != '}') {
		GROW(o->m, n, o->cap);
		p = member_name(&s, o, n, p, &same);
		if (!p)
			return fault_in(text, f);
		o->m[n].val.s = p;
		if (LIKELY(p < s.end && *p == '"')) {
			p = scan_string(&s, p + 1);
			p = p ? p + 1 : NULL;
		} else {
			p = scan_value(&s, p, 1);
		}
		if (!p)
			return fault_in(text, f);
		o->m[n].val.n = (size_t)(p - o->m[n].val.s);
		n++;
		/* Between members, mostly. */
		if (LIKELY(s.end - p >= 2 && p[0] == ',' && p[1] == '"')) {
			p++;
			continue;
		}
		p = scan_space(&s, p);
		if (LIKELY(p < s.end && *p == ',')) {
			p = scan_space(&s, p + 1);
			if (p < s.end && *p == '}') {
				broken(&s, p, "a member expected after ','");
				return fault_in(text, f);
			}
		} else if (p >= s.end || *p != '}') {
			broken(&s, p, "',' or '}' expected");
			return fault_in(text, f);
		}
	}
	if (p >= s.end) {
		broken(&s, p, NULL);
		return fault_in(text, f);
	}
	o->n = n;
	p = scan_space(&s, p + 1);
	if (p != s.end)
		return trailing(text, p, f);
	if (x)
		x->quote = s.quote;
	if (UNLIKELY(!same || n != o->n_names))
		return new_shape(o, text, f);
	return 0;
}

int json_obj_parse_indexed(struct json_obj *o, struct str text,
			   struct json_index *x, struct json_fault *f)
{
	if (LIKELY(x) && LIKELY(parse(o, text, f, x) == 0))
		return 0;
	/* What is wrong, and where, is told by scanning. */
	return parse(o, text, f, NULL);
}

int json_obj_parse(struct json_obj *o, struct str text, struct json_fault *f)
{
	return parse(o, text, f, NULL);
}

void json_obj_release(struct json_obj *o)
{
	free(o->m);
	free(o->table);
	free(o->ends);
	buf_release(&o->names);
	*o = JSON_OBJ_INIT;
}
