/* SPDX-License-Identifier: MIT */
/*
 * SIGINT, SIGTERM and SIGHUP while a query runs at a server that is spoken to
 * over HTTP: the server is told to stop, for a few seconds at most, and then
 * the signal ends us as it would have. See cancel.h.
 */
#ifndef RETL_EXTRACT_INTERRUPT_H
#define RETL_EXTRACT_INTERRUPT_H

#include "bin/retl-extract/web.h"

/*
 * From now on a signal sends rq (method, url, headers, secrets and body, which
 * are copied; prepare is not called). A new call takes the place of the last.
 */
void interrupt_arm(const struct web_request *rq, const char *cacert);

/* The query has ended, or there was none. */
void interrupt_disarm(void);

#endif
