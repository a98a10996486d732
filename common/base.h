/* SPDX-License-Identifier: MIT */
/*
 * What every file starts from: the system headers that everybody uses,
 * attributes, and the functions that this project does without.
 */
#ifndef RETL_BASE_H
#define RETL_BASE_H

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#ifndef RETL_VERSION
#define RETL_VERSION "0.1.0"
#endif

/* "every record was read, but some were refused": beside <sysexits.h> */
#define EX_REFUSED 1

#define ARRAY_LEN(a) (sizeof(a) / sizeof *(a))

/*
 * The lesser and the greater of two numbers, in the type that both have in
 * common. Each is evaluated once: it may be the time, or drawn at random.
 */
#define MIN(a, b) PICK_BY_TYPE(min, a, b)
#define MAX(a, b) PICK_BY_TYPE(max, a, b)
/* clang-format off */
#define PICK_BY_TYPE(f, a, b)                                                  \
	_Generic((a) + (b),                                                    \
		int: f##_int,                                                  \
		unsigned: f##_unsigned,                                        \
		long: f##_long,                                                \
		unsigned long: f##_ulong,                                      \
		long long: f##_llong,                                          \
		unsigned long long: f##_ullong,                                \
		double: f##_double)((a), (b))
/* clang-format on */
#define PICKS(name, type)                             \
	static inline type min_##name(type a, type b) \
	{                                             \
		return a < b ? a : b;                 \
	}                                             \
	static inline type max_##name(type a, type b) \
	{                                             \
		return a > b ? a : b;                 \
	}
PICKS(int, int)
PICKS(unsigned, unsigned)
PICKS(long, long)
PICKS(ulong, unsigned long)
PICKS(llong, long long)
PICKS(ullong, unsigned long long)
PICKS(double, double)
#undef PICKS

#define PRINTF_LIKE(f, a) __attribute__((format(printf, f, a)))
#define NORETURN __attribute__((noreturn))
#define MUST_USE __attribute__((warn_unused_result))
#define UNUSED __attribute__((unused))
#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

/*
 * Unbounded copies, hidden state, silent nonsense on overflow: a use of one of
 * these does not compile.
 */
#define BANNED(f) retl_does_without_##f
#undef strcpy
#define strcpy(a, b) BANNED(strcpy)
#undef strcat
#define strcat(a, b) BANNED(strcat)
#undef strncpy
#define strncpy(a, b, n) BANNED(strncpy)
#undef strncat
#define strncat(a, b, n) BANNED(strncat)
#undef sprintf
#define sprintf(...) BANNED(sprintf)
#undef vsprintf
#define vsprintf(...) BANNED(vsprintf)
#undef strtok
#define strtok(a, b) BANNED(strtok)
#undef atoi
#define atoi(a) BANNED(atoi)
#undef atol
#define atol(a) BANNED(atol)
#undef atof
#define atof(a) BANNED(atof)
#undef gmtime
#define gmtime(t) BANNED(gmtime)
#undef localtime
#define localtime(t) BANNED(localtime)
#undef ctime
#define ctime(t) BANNED(ctime)
#undef asctime
#define asctime(t) BANNED(asctime)

#endif
