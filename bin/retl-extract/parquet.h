/* SPDX-License-Identifier: MIT */
/*
 * Parquet that comes as a stream of bytes. What is where in such a file stands
 * at its end, so all of it goes into a file without a name, and is read from
 * there.
 */
#ifndef RETL_EXTRACT_PARQUET_H
#define RETL_EXTRACT_PARQUET_H

#include "bin/retl-extract/input.h"

struct parquet;

/* Reads nothing yet. in stays the caller's. */
struct parquet *parquet_new(struct input *in);
void parquet_free(struct parquet *p);

/* 1: rows were written; 0: the end; -1: see f. */
int parquet_next(struct parquet *p, struct rows *rows, struct failure *f);

#endif
