/* SPDX-License-Identifier: MIT */
#ifndef RETL_THREAD_H
#define RETL_THREAD_H

#include <pthread.h>

#include "common/base.h"

/*
 * A thread that takes no signals: they are the business of the one that was
 * there first. But SIGPIPE, which comes to whoever writes, and has to end the
 * program there as well if it is not ignored. False: no thread can be had.
 */
bool thread_start(pthread_t *t, void *(*run)(void *), void *arg);

#endif
