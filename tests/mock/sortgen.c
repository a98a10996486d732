/* SPDX-License-Identifier: MIT */
/*
 * sortgen SEED N KIND: random records in random order, each behind a text that
 * `LC_ALL=C sort` puts in the order that the record's key has, and a tab: a
 * model of the key order that shares nothing with retl-sort.
 *
 * KIND is a letter for each key member: n number, i small integer, s string,
 * p string with a long common prefix, b boolean; members are "a", "b" and so
 * on. Values come from few, so that there are ties; each is spelt at random.
 */
#include "common/buf.h"

static uint64_t state;

static unsigned rnd(unsigned n)
{
	state = state * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)((state >> 33) % n);
}

#define PLACES 48 /* before the point, and behind it */

/* digits: 2 * PLACES of them; spells the number they mean. */
static void spell_number(struct buf *out, bool neg, const char *digits)
{
	int from = 0, to = 2 * PLACES, shift;

	while (from < PLACES - 1 && digits[from] == '0')
		from++;
	while (to > PLACES && digits[to - 1] == '0')
		to--;
	to += (int)rnd(3) * (int)rnd(2); /* zeros that mean nothing */
	if (to > 2 * PLACES)
		to = 2 * PLACES;
	if (neg)
		buf_addc(out, '-');
	if (rnd(3)) {
		buf_add(out, digits + from, (size_t)(PLACES - from));
		if (to > PLACES) {
			buf_addc(out, '.');
			buf_add(out, digits + PLACES, (size_t)(to - PLACES));
		}
		return;
	}
	/* d.ddd e shift, with the first digit that is not 0 in front */
	while (from < to - 1 && digits[from] == '0')
		from++;
	shift = PLACES - 1 - from;
	buf_addc(out, digits[from]);
	if (to > from + 1) {
		buf_addc(out, '.');
		buf_add(out, digits + from + 1, (size_t)(to - from - 1));
	}
	buf_addf(out, rnd(2) ? "e%d" : shift < 0 ? "E%d" : "E+%d", shift);
}

static void number(struct buf *order, struct buf *out)
{
	char digits[2 * PLACES];
	unsigned before = 1 + rnd(rnd(4) ? 3 : PLACES - 1);
	unsigned behind = rnd(3) ? 0 : rnd(rnd(3) ? 3 : PLACES);
	bool neg = rnd(3) == 0, zero = true;

	memset(digits, '0', sizeof digits);
	for (unsigned i = 0; i < before; i++)
		if (rnd(2))
			digits[PLACES - 1 - i] = (char)('0' + rnd(10));
	for (unsigned i = 0; i < behind; i++)
		if (rnd(2))
			digits[PLACES + i] = (char)('0' + rnd(10));
	for (unsigned i = 0; i < sizeof digits; i++)
		zero &= digits[i] == '0';
	spell_number(out, neg, digits);
	buf_addc(order, neg && !zero ? '1' : '2');
	for (unsigned i = 0; i < sizeof digits; i++)
		buf_addc(order, (char)(neg && !zero ? '0' + '9' - digits[i]
						    : digits[i]));
}

static void integer(struct buf *order, struct buf *out)
{
	unsigned v = rnd(1000000);

	buf_addf(out, "%u", v);
	buf_addf(order, "%08u", v);
}

static void spell_point(struct buf *out, unsigned u)
{
	bool must = u < 0x20 || u == '"' || u == '\\';

	if (u > 0xffff && rnd(2)) {
		u -= 0x10000;
		buf_addf(out, "\\u%04X\\u%04x", 0xd800 + (u >> 10),
			 0xdc00 + (u & 0x3ff));
	} else if (u <= 0xffff && (must || rnd(4) == 0)) {
		buf_addf(out, rnd(2) ? "\\u%04x" : "\\u%04X", u);
	} else if (u < 0x80) {
		buf_addc(out, (char)u);
	} else if (u < 0x800) {
		buf_addc(out, (char)(0xc0 | u >> 6));
		buf_addc(out, (char)(0x80 | (u & 63)));
	} else if (u < 0x10000) {
		buf_addc(out, (char)(0xe0 | u >> 12));
		buf_addc(out, (char)(0x80 | (u >> 6 & 63)));
		buf_addc(out, (char)(0x80 | (u & 63)));
	} else {
		buf_addc(out, (char)(0xf0 | u >> 18));
		buf_addc(out, (char)(0x80 | (u >> 12 & 63)));
		buf_addc(out, (char)(0x80 | (u >> 6 & 63)));
		buf_addc(out, (char)(0x80 | (u & 63)));
	}
}

/* The order is that of code points: eight hexadecimal digits for each. */
static void string(struct buf *order, struct buf *out, unsigned common)
{
	static const unsigned points[] = {
		0,      1,      2,      0x1f,    '"',     '\\',     'a',
		'b',    'z',    0x7f,   0x80,    0x7ff,   0x800,    0xd7ff,
		0xe000, 0xfffd, 0xffff, 0x10000, 0x1f600, 0x10ffff,
	};
	unsigned n = rnd(5);

	buf_addc(out, '"');
	for (unsigned i = 0; i < common + n; i++) {
		unsigned u = i < common ? 'a' : points[rnd(ARRAY_LEN(points))];

		spell_point(out, u);
		buf_addf(order, "%08x", u);
	}
	buf_addc(out, '"');
}

static void value(char kind, struct buf *order, struct buf *out)
{
	bool truth;

	switch (kind) {
	case 'n':
		number(order, out);
		break;
	case 'i':
		integer(order, out);
		break;
	case 's':
		string(order, out, 0);
		break;
	case 'p':
		string(order, out, 21);
		break;
	default:
		truth = rnd(2);
		buf_addz(out, truth ? "true" : "false");
		buf_addz(order, truth ? "1" : "0");
	}
	buf_addc(order, '!'); /* before any digit: the end of a member */
}

int main(int argc, char **argv)
{
	static const char filler[] = "................................";
	struct buf order = BUF_INIT, rec = BUF_INIT;

	if (argc != 4) {
		fputs("usage: sortgen SEED N KIND\n", stderr);
		return EX_USAGE;
	}
	state = strtoull(argv[1], NULL, 10);
	rnd(2);
	for (unsigned long i = 0, n = strtoul(argv[2], NULL, 10); i < n; i++) {
		buf_reset(&order);
		buf_reset(&rec);
		buf_addf(&rec, "{\"n\":%lu", i);
		for (const char *k = argv[3]; *k; k++) {
			buf_addf(&rec, ",\"%c\":", (int)('a' + (k - argv[3])));
			value(*k, &order, &rec);
		}
		buf_addf(&rec, ",\"f\":\"%.*s\"}", (int)rnd(33), filler);
		printf("%s\t%s\n", order.data, rec.data);
	}
	buf_release(&order);
	buf_release(&rec);
	return fflush(stdout) ? EX_IOERR : 0;
}
