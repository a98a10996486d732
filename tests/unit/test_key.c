/* SPDX-License-Identifier: MIT */
/*
 * The order of keys: total, exact, and the same by prefix as by comparison.
 * Values come from a seeded generator, so a failure can be seen again.
 */
#include "common/key.h"

#include "tests/unit/tap.h"

static uint64_t seed = 1;

static unsigned rnd(unsigned n)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(seed >> 33) % n;
}

static void random_number(struct buf *b)
{
	unsigned digits = 1 + rnd(rnd(4) ? 4 : 30);

	buf_reset(b);
	if (rnd(3) == 0)
		buf_addc(b, '-');
	if (rnd(8) == 0) {
		buf_addc(b, '0');
	} else {
		buf_addc(b, (char)('1' + rnd(9)));
		while (--digits)
			buf_addc(b, (char)('0' + (rnd(2) ? 0 : rnd(10))));
	}
	if (rnd(3) == 0) {
		buf_addc(b, '.');
		for (unsigned i = 1 + rnd(4); i; i--)
			buf_addc(b, (char)('0' + (rnd(2) ? 0 : rnd(10))));
	}
	if (rnd(4) == 0)
		buf_addf(b, "e%d",
			 rnd(8) ? (int)rnd(40) - 20
				: (int)rnd(2000000000) - 1000000000);
}

static void random_string(struct buf *b)
{
	static const char *const parts[] = { "a",
					     "b",
					     "ab",
					     "\\u0061",
					     " ",
					     "~",
					     "\xc3\xa9",
					     "\\u00e9",
					     "\xf0\x9f\x98\x80",
					     "\\ud83d\\ude00",
					     "\xef\xbf\xbd",
					     "\\u0000",
					     "aaaaaaaa",
					     "\\\"" };

	buf_reset(b);
	buf_addc(b, '"');
	for (unsigned i = rnd(5); i; i--)
		buf_addz(b, parts[rnd(ARRAY_LEN(parts))]);
	buf_addc(b, '"');
}

static int sign(int c)
{
	return (c > 0) - (c < 0);
}

static int cmp_encoded(const struct str *a, const struct str *b, size_t n)
{
	struct buf x = BUF_INIT, y = BUF_INIT;
	int c;

	key_encode(&x, a, n);
	key_encode(&y, b, n);
	c = sign(str_cmp(buf_str(&x), buf_str(&y)));
	buf_release(&x);
	buf_release(&y);
	return c;
}

/* Counts the pairs of keys of three members that bytes order otherwise. */
static int broken_bytes(void)
{
	struct buf t[6] = { BUF_INIT, BUF_INIT, BUF_INIT,
			    BUF_INIT, BUF_INIT, BUF_INIT };
	struct str v[6];
	int bad = 0;

	for (int i = 0; i < 200000; i++) {
		for (int j = 0; j < 6; j++) {
			if (j == 1 || j == 4)
				random_string(&t[j]);
			else
				random_number(&t[j]);
			v[j] = buf_str(&t[j]);
			/* Often alike, so that later members are reached. */
			if (j >= 3 && rnd(3))
				v[j] = v[j - 3];
		}
		bad += cmp_encoded(v, v + 3, 3) != sign(key_cmp(v, v + 3, 3));
	}
	for (int j = 0; j < 6; j++)
		buf_release(&t[j]);
	return bad;
}

/* Counts the pairs in which some law of the order does not hold. */
static int broken_laws(void (*make)(struct buf *))
{
	struct buf t[3] = { BUF_INIT, BUF_INIT, BUF_INIT };
	struct str v[3];
	int bad = 0;

	for (int i = 0; i < 200000; i++) {
		uint64_t p[2];
		bool exact[2];
		int ab, bc, ac;

		for (int j = 0; j < 3; j++) {
			make(&t[j]);
			v[j] = buf_str(&t[j]);
		}
		ab = sign(key_cmp(&v[0], &v[1], 1));
		bc = sign(key_cmp(&v[1], &v[2], 1));
		ac = sign(key_cmp(&v[0], &v[2], 1));
		bad += ab != -sign(key_cmp(&v[1], &v[0], 1));
		bad += ab <= 0 && bc <= 0 && ac > 0;
		bad += (ab == 0) != json_equal(v[0], v[1]);
		p[0] = key_prefix(v[0], &exact[0]);
		p[1] = key_prefix(v[1], &exact[1]);
		if (p[0] != p[1])
			bad += ab != (p[0] < p[1] ? -1 : 1);
		else if (exact[0] && exact[1])
			bad += ab != 0;
		bad += ab != cmp_encoded(&v[0], &v[1], 1);
	}
	for (int j = 0; j < 3; j++)
		buf_release(&t[j]);
	return bad;
}

static void test_spec(void)
{
	struct key_spec k = KEY_SPEC_INIT;
	struct buf err = BUF_INIT;
	struct record r = RECORD_INIT;
	struct json_fault f;
	struct str v[KEY_MAX];

	ok(key_spec_parse(&k, "a,/b/c", &err) == 0 && k.n == 2,
	   "a name and a pointer");
	ok(record_parse(&r, STR("{\"a\":1,\"b\":{\"c\":\"x\"}}"), &f) == 0 &&
	       key_get(&k, &r, v, &err) == 0 && str_is(v[0], "1") &&
	       str_is(v[1], "\"x\""),
	   "its values");
	record_parse(&r, STR("{\"a\":\"1\",\"b\":{\"c\":\"x\"}}"), &f);
	ok(key_get(&k, &r, v, &err) < 0, "a change of type");
	is(err.data, "a: a string, where the records before it have a number",
	   "is told");
	record_parse(&r, STR("{\"a\":2,\"b\":{\"c\":null}}"), &f);
	ok(key_get(&k, &r, v, &err) < 0, "null is no key");
	record_parse(&r, STR("{\"a\":2,\"b\":{\"c\":\"x\",\"c\":\"y\"}}"), &f);
	ok(key_get(&k, &r, v, &err) < 0, "a repeated member is no key");
	key_spec_release(&k);
	ok(key_spec_parse(&k, "id,,x", &err) < 0, "an empty name");
	ok(key_spec_parse(&k, "id,id", &err) < 0, "a repeated name");
	ok(key_spec_parse(&k, "diff_id", &err) < 0, "a reserved name");
	record_release(&r);
	buf_release(&err);
}

int main(void)
{
	ok(broken_laws(random_number) == 0, "numbers are in one order");
	ok(broken_laws(random_string) == 0, "strings are in one order");
	ok(broken_bytes() == 0, "bytes are in the order of keys");
	test_spec();
	return tap_done();
}
