/* SPDX-License-Identifier: MIT */
/*
 * Hashes for tables whose keys come from outside: without the key of this
 * process nobody can prepare names that all fall into one place. SipHash-2-4
 * (Aumasson and Bernstein, 2012).
 */
#ifndef RETL_SIPHASH_H
#define RETL_SIPHASH_H

#include "common/base.h"

uint64_t siphash(const uint64_t key[2], const void *p, size_t n);

/* With a key that is drawn once a process; forks have their parent's. */
uint64_t siphash_here(const void *p, size_t n);

#endif
