/* SPDX-License-Identifier: MIT */
#include "common/siphash.h"

#include "tap.h"

/* Appendix A of the paper, and the reference implementation's first vectors. */
static void test_vectors(void)
{
	const uint64_t key[2] = { 0x0706050403020100u, 0x0f0e0d0c0b0a0908u };
	unsigned char text[64];

	for (size_t i = 0; i < sizeof text; i++)
		text[i] = (unsigned char)i;
	ok(siphash(key, text, 0) == 0x726fdb47dd0e0e31u, "nothing");
	ok(siphash(key, text, 1) == 0x74f839c593dc67fdu, "a byte");
	ok(siphash(key, text, 15) == 0xa129ca6149be45e5u, "15 bytes");
}

static void test_here(void)
{
	uint64_t mine = siphash_here("name", 4);

	ok(siphash_here("name", 4) == mine, "in one process it stays");
	ok(siphash_here("nam", 3) != mine && siphash_here("namf", 4) != mine,
	   "and tells texts apart");
}

/* What another process makes of the text, started anew. */
static uint64_t elsewhere(const char *self)
{
	FILE *f = popen(self, "r"); /* NOLINT(cert-env33-c) */
	uint64_t got = 0;

	if (!f || fscanf(f, "%" SCNx64, &got) != 1)
		got = 0;
	if (f)
		pclose(f);
	return got;
}

int main(int argc, char **argv)
{
	char again[4096];

	if (argc > 1) {
		printf("%" PRIx64 "\n", siphash_here("name", 4));
		return 0;
	}
	test_vectors();
	test_here();
	snprintf(again, sizeof again, "'%s' again", argv[0]);
	ok(elsewhere(again) != 0 && elsewhere(again) != siphash_here("name", 4),
	   "another process has another key");
	return tap_done();
}
