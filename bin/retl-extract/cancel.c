/* SPDX-License-Identifier: MIT */
#include "bin/retl-extract/cancel.h"

#include <pthread.h>
#include <signal.h>

#include "common/msg.h"

static const int caught[] = { SIGINT, SIGTERM, SIGHUP };

/* Held while fn runs, and from then on until the signal has ended us. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static void (*function)(void *arg);
static void *argument;
static sigset_t signals;
static bool watching;

static NORETURN void *wait_for_signal(void *unused)
{
	int sig = 0;

	(void)unused;
	while (sigwait(&signals, &sig))
		continue;
	pthread_mutex_lock(&lock);
	/* A second one takes its default action, also while fn runs. */
	pthread_sigmask(SIG_UNBLOCK, &signals, NULL);
	if (function)
		function(argument);
	kill(getpid(), sig);
	for (;;)
		pause();
}

static void go_on(int sig UNUSED)
{
}

/*
 * A write to a pipe without a reader fails instead of ending us at once: see
 * struct out, which does it then. No handler would outlive an exec.
 */
static void outlive_pipes(void)
{
	struct sigaction old, act = { .sa_handler = go_on };

	if (sigaction(SIGPIPE, NULL, &old) == 0 && old.sa_handler == SIG_DFL)
		sigaction(SIGPIPE, &act, NULL);
}

/* Signals that someone told us to ignore (nohup) stay ignored. */
static void block_signals(void)
{
	sigemptyset(&signals);
	for (size_t i = 0; i < ARRAY_LEN(caught); i++) {
		struct sigaction old;

		sigaction(caught[i], NULL, &old);
		if (old.sa_handler != SIG_IGN)
			sigaddset(&signals, caught[i]);
	}
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
}

void cancel_watch(void (*fn)(void *arg), void *arg)
{
	pthread_t thread;

	pthread_mutex_lock(&lock);
	function = fn;
	argument = arg;
	if (!watching) {
		outlive_pipes();
		block_signals();
		if (pthread_create(&thread, NULL, wait_for_signal, NULL))
			die(EX_OSERR, "no thread can be started");
		pthread_detach(thread);
		watching = true;
	}
	pthread_mutex_unlock(&lock);
}

void cancel_unwatch(void)
{
	pthread_mutex_lock(&lock);
	function = NULL;
	pthread_mutex_unlock(&lock);
}

void cancel_now(void)
{
	void (*fn)(void *arg);

	pthread_mutex_lock(&lock);
	fn = function;
	function = NULL;
	if (fn)
		fn(argument);
	pthread_mutex_unlock(&lock);
}

void cancel_settle(void)
{
	pthread_mutex_lock(&lock);
	pthread_mutex_unlock(&lock);
}
