/* SPDX-License-Identifier: MIT */
/*
 * Ends what runs in libjq when it takes too long or too much memory, for
 * programs that run in a process which has to go on: libjq looks between two
 * of its steps whether it has been told to halt, and a clock tells it. Who can
 * run programs in workers (crew.h) needs none of this.
 *
 * A single step of libjq is not ended: one that does not come back, or fills
 * the memory, ends the process in the end, with a message and status 78.
 */
#ifndef RETL_PROG_HALT_H
#define RETL_PROG_HALT_H

#include <jq.h>

#include "common/guard.h"

/* Of processor time, which is looked at forty times a second. One at a time. */
void halt_begin(jq_state *jq, unsigned limit_ms);
/* Why it was ended; GUARD_NONE: it was not. */
enum guard_cause halt_end(void);

#endif
