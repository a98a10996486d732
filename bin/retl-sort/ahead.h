/* SPDX-License-Identifier: MIT */
/*
 * Reading ahead of the scanner: bytes go where the scanner will look next, and
 * are not copied again. With a thread, reading costs the scanner nothing.
 *
 * Memory that has not been touched is asked for some chunks at a time before it
 * is read into: page faults cost 0.2 s of CPU for 386 MB, asking takes 0.1 s.
 *
 * Huge pages take a third of that where the machine has them at hand (a sort of
 * 386 MB: 0.54 s of CPU, and 0.69 without). Where the host of a virtual one has
 * to find them first they take eight times as long: 5 ms for 2 MiB, and 0.65 as
 * small pages. That cannot be known, but it can be measured: who reads enough
 * tries, and goes on with them unless they were slow twice.
 */
#ifndef RETL_SORT_AHEAD_H
#define RETL_SORT_AHEAD_H

#include "bin/retl-sort/mapped.h"

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
 * already. m (may be NULL): what to map the file with, instead of reading it
 * into the block.
 */
void ahead_lend(struct ahead *a, char *block, size_t cap, size_t touched,
		struct mapped *m);

/* Behind the end of the input. */
void ahead_end(struct ahead *a);

#endif
