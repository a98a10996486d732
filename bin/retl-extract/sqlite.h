/* SPDX-License-Identifier: MIT */
/* What SQLite's error codes mean, whoever passes them on. */
#ifndef RETL_EXTRACT_SQLITE_H
#define RETL_EXTRACT_SQLITE_H

#include "common/base.h"

/*
 * The exit status that an error comes to; compiling: it is about the query
 * itself, which has not begun to run.
 */
int sqlite_status(int code, bool compiling);

#endif
