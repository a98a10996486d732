/* SPDX-License-Identifier: MIT */
/*
 * Lines for people, on stderr: "retl-map: error: line 17: email: missing".
 * One write a message, so that the tools of a pipeline do not mix their lines.
 * A message names places and fields, never values, and never a secret: what
 * was given to msg_hide is blanked wherever it would appear.
 */
#ifndef RETL_MSG_H
#define RETL_MSG_H

#include "common/base.h"

enum msg_level { MSG_ERROR, MSG_WARN, MSG_INFO, MSG_DEBUG, MSG_TRACE };

/* The tool's name, borrowed for good; called first in main. */
void msg_init(const char *tool);
const char *msg_tool(void);

/* Lines above this level are not written; MSG_INFO to begin with. */
void msg_set_level(enum msg_level level);
enum msg_level msg_get_level(void);

/* Registers a text (copied) that no message may show. Empty: ignored. */
void msg_hide(const char *secret, size_t n);

/* Blanks in place what was given to msg_hide. */
void msg_blank(char *text, size_t n);

/* There are rows below the cursor (watch_rows.h), which a message wipes away.
 */
void msg_on_rows(bool yes);

/*
 * From now on die() hands its text to f, which must not return, in place of
 * writing it and ending the program: in a worker, whose words have to wait.
 */
void msg_divert(void (*f)(int status, const char *text));

NORETURN void die(int status, const char *fmt, ...) PRINTF_LIKE(2, 3);
void msg_error(const char *fmt, ...) PRINTF_LIKE(1, 2);
void msg_warn(const char *fmt, ...) PRINTF_LIKE(1, 2);
void msg_info(const char *fmt, ...) PRINTF_LIKE(1, 2);
void msg_debug(const char *fmt, ...) PRINTF_LIKE(1, 2);

/* As die(), in a handler of signals: text as it is, and no cleaning up. */
NORETURN void msg_leave(int status, const char *text);

/* A promise between two of our own functions is broken: status 70. */
#define BUG(...) msg_bug(__FILE__, __LINE__, __VA_ARGS__)
NORETURN void msg_bug(const char *file, int line, const char *fmt, ...)
    PRINTF_LIKE(3, 4);

#endif
