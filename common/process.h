/* SPDX-License-Identifier: MIT */
/* Other processes, as far as /proc tells of them. */
#ifndef RETL_PROCESS_H
#define RETL_PROCESS_H

#include "common/base.h"

struct process {
	pid_t pid, parent, group;
	/*
	 * It has ended, and only its parent has not looked yet: the first
	 * process of a container, to which orphans fall, may never do so.
	 */
	bool ended;
	uint64_t started; /* clock ticks since the machine was started */
};

/* False: there is none of that number, or the system does not tell. */
bool process_read(pid_t pid, struct process *p);

/* Of all that can be seen, is there one for which is() answers true? */
bool process_any(bool (*is)(const struct process *p, void *arg), void *arg);

#endif
