/* SPDX-License-Identifier: MIT */
#include "common/thread.h"

#include <signal.h>

#include "common/msg.h"

bool thread_start(pthread_t *t, void *(*run)(void *), void *arg)
{
	sigset_t others, was;
	int why;

	sigfillset(&others);
	sigdelset(&others, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &others, &was);
	why = pthread_create(t, NULL, run, arg);
	pthread_sigmask(SIG_SETMASK, &was, NULL);
	if (why)
		msg_debug("no thread can be had: %s", strerror(why));
	return why == 0;
}
