/* SPDX-License-Identifier: MIT */
#include "common/siphash.h"

#include <endian.h>
#include <pthread.h>
#include <sys/random.h>

static uint64_t turned(uint64_t x, int by)
{
	return x << by | x >> (64 - by);
}

static void rounds(uint64_t v[4], int n)
{
	while (n--) {
		v[0] += v[1];
		v[1] = turned(v[1], 13) ^ v[0];
		v[0] = turned(v[0], 32);
		v[2] += v[3];
		v[3] = turned(v[3], 16) ^ v[2];
		v[0] += v[3];
		v[3] = turned(v[3], 21) ^ v[0];
		v[2] += v[1];
		v[1] = turned(v[1], 17) ^ v[2];
		v[2] = turned(v[2], 32);
	}
}

static void take(uint64_t v[4], uint64_t word)
{
	v[3] ^= word;
	rounds(v, 2);
	v[0] ^= word;
}

uint64_t siphash(const uint64_t key[2], const void *p, size_t n)
{
	uint64_t v[4] = { key[0] ^ 0x736f6d6570736575u,
			  key[1] ^ 0x646f72616e646f6du,
			  key[0] ^ 0x6c7967656e657261u,
			  key[1] ^ 0x7465646279746573u };
	const unsigned char *at = p, *end = at + n / 8 * 8;
	uint64_t word, last = (uint64_t)n << 56;

	for (; at < end; at += 8) {
		memcpy(&word, at, sizeof word);
		take(v, le64toh(word));
	}
	for (size_t i = 0; i < n % 8; i++)
		last |= (uint64_t)at[i] << 8 * i;
	take(v, last);
	v[2] ^= 0xff;
	rounds(v, 4);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static uint64_t here[2];

/* A weak key is no harm to what is computed, so a refusal is not told. */
static void draw(void)
{
	struct timespec now;

	if (getrandom(here, sizeof here, GRND_NONBLOCK) == (ssize_t)sizeof here)
		return;
	clock_gettime(CLOCK_REALTIME, &now);
	here[0] = (uint64_t)now.tv_nsec ^ (uint64_t)getpid() << 32;
	here[1] = (uint64_t)now.tv_sec ^ (uint64_t)(uintptr_t)&now;
}

uint64_t siphash_here(const void *p, size_t n)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, draw);
	return siphash(here, p, n);
}
