/* SPDX-License-Identifier: MIT */
/*
 * Reading ahead of the scanner: bytes go where the scanner will look next, and
 * are not copied again. With a thread, reading costs the scanner nothing.
 *
 * Memory that has not been touched is asked for some chunks at a time before it
 * is read into: a page fault for each page costs 0.2 s of CPU for 386 MB,
 * asking 0.1 s. (Huge pages: 0.16 to 0.93 s for all of the reading, by what the
 * host of a virtual machine has at hand, where this takes 0.20.)
 */
#ifndef RETL_SORT_AHEAD_H
#define RETL_SORT_AHEAD_H

#include "common/ndjson.h"

/* How many chunks may have been read, or asked for, and not been taken. */
#define AHEAD_CHUNKS 4

struct ahead;

/*
 * Makes in take its bytes from here: in has been opened, and is given memory by
 * ahead_lend before it is read. threaded false: reading is done when asked.
 */
struct ahead *ahead_start(struct ndjson *in, size_t chunk, bool threaded);

/*
 * As ndjson_lend, which it calls: what has been read and not been given moves
 * to the front of the block. touched: bytes of the block that are memory
 * already.
 */
void ahead_lend(struct ahead *a, char *block, size_t cap, size_t touched);

/* Behind the end of the input. */
void ahead_end(struct ahead *a);

#endif
