/* SPDX-License-Identifier: MIT */
/*
 * --schema: the columns of a dataset as a JSON Schema of its rows, to begin a
 * mapping with.
 */
#ifndef RETL_EXTRACT_DESCRIBE_H
#define RETL_EXTRACT_DESCRIBE_H

#include "bin/retl-extract/row.h"

/* wide_strings: --wide-numbers=string */
void describe_put(struct buf *out, const struct columns *c, bool wide_strings);

#endif
