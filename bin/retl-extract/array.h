/* SPDX-License-Identifier: MIT */
/*
 * The elements of one JSON array, which may be far larger than memory. The
 * array must end with its bracket, and nothing may follow.
 */
#ifndef RETL_EXTRACT_ARRAY_H
#define RETL_EXTRACT_ARRAY_H

#include "bin/retl-extract/input.h"

struct array;

struct array *array_new(struct input *in, size_t max_element);
void array_free(struct array *a);

/*
 * 1: *element is the text of the next one, not validated yet, until the next
 * call. 0: the array is closed, and the text ends. -1.
 */
int array_next(struct array *a, struct str *element, struct failure *f);

uint64_t array_count(const struct array *a); /* of elements so far */

#endif
