/* SPDX-License-Identifier: MIT */
/*
 * A query that runs at a server does not stop because its client is gone. So
 * SIGINT, SIGTERM and SIGHUP first tell the server, then end the program as
 * they would have done: by the signal. So does a reader that has gone away.
 */
#ifndef RETL_EXTRACT_CANCEL_H
#define RETL_EXTRACT_CANCEL_H

/*
 * From now on such a signal calls fn in a thread of its own, while the main
 * one may stand in any call of the source's library. fn must not take long; a
 * second signal ends the program at once. One source at a time.
 */
void cancel_watch(void (*fn)(void *arg), void *arg);

/*
 * No more calls of fn: to be called before what arg points to goes away.
 * Returns only if none is under way.
 */
void cancel_unwatch(void);

/* Calls fn now, and never again: what it is for, nobody wants any more. */
void cancel_now(void);

/*
 * Called before the message of an error: if it is a signal's doing, the
 * program ends here, by that signal and in silence.
 */
void cancel_settle(void);

#endif
