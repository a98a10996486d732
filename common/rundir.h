/* SPDX-License-Identifier: MIT */
/*
 * The user's folder for what programs share while they run. What is in it does
 * not outlive the machine, or the session.
 */
#ifndef RETL_RUNDIR_H
#define RETL_RUNDIR_H

#include "common/buf.h"

/* A descriptor of the folder, made if need be; -1: err says why not. */
int rundir_open(struct buf *err);

#endif
