/* SPDX-License-Identifier: MIT */
#include "bin/retl-extract/array.h"

#include "common/mem.h"

#define CHUNK ((size_t)256 << 10)

struct array {
	struct input *in;
	size_t max;
	char *mem;
	size_t at, end, cap; /* mem[at .. end) is read and not used yet */
	bool eof, opened;
	uint64_t n;
};

struct array *array_new(struct input *in, size_t max_element)
{
	struct array *a = xcalloc(1, sizeof *a);

	a->in = in;
	a->max = max_element;
	return a;
}

void array_free(struct array *a)
{
	if (!a)
		return;
	free(a->mem);
	free(a);
}

uint64_t array_count(const struct array *a)
{
	return a->n;
}

static int cut_off(struct array *a, struct failure *f)
{
	return failed(f, EX_DATAERR,
		      "%s: element %" PRIu64 ": the text ends before the array "
		      "does",
		      a->in->name, a->n + 1);
}

/* More bytes behind what is kept. */
static int fill(struct array *a, struct failure *f)
{
	ssize_t got;

	if (a->eof)
		return cut_off(a, f);
	if (a->at) {
		memmove(a->mem, a->mem + a->at, a->end - a->at);
		a->end -= a->at;
		a->at = 0;
	}
	if (a->cap - a->end < CHUNK) {
		a->cap = MAX(a->cap * 2, 2 * CHUNK);
		a->mem = xrealloc(a->mem, a->cap);
	}
	got = input_read(a->in, a->mem + a->end, CHUNK, f);
	if (got < 0)
		return -1;
	a->eof = got == 0;
	a->end += (size_t)got;
	return 0;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* The next character that is not white space; 0: there is none. -1. */
static int peek(struct array *a, struct failure *f)
{
	for (;;) {
		while (a->at < a->end && is_space(a->mem[a->at]))
			a->at++;
		if (a->at < a->end)
			return (unsigned char)a->mem[a->at];
		if (a->eof)
			return 0;
		if (fill(a, f) < 0)
			return -1;
	}
}

static int unexpected(struct array *a, const char *wanted, struct failure *f)
{
	if (a->at == a->end)
		return cut_off(a, f);
	return failed(f, EX_DATAERR, "%s: element %" PRIu64 ": %s expected",
		      a->in->name, a->n + 1, wanted);
}

static int too_long(struct array *a, struct failure *f)
{
	return failed(f, EX_DATAERR,
		      "%s: element %" PRIu64 ": longer than %zu bytes "
		      "(--max-record raises that)",
		      a->in->name, a->n + 1, a->max);
}

/* The object that begins at a->at, found by its brackets and strings. */
static int take_object(struct array *a, struct str *element, struct failure *f)
{
	size_t depth = 0, i = 0;
	bool in_string = false, escaped = false;

	for (;; i++) {
		char c;

		while (a->at + i == a->end) {
			if (i > a->max)
				return too_long(a, f);
			/* At the end of the text this fails. */
			if (fill(a, f) < 0)
				return -1;
		}
		c = a->mem[a->at + i];
		if (escaped)
			escaped = false;
		else if (in_string && c == '\\')
			escaped = true;
		else if (c == '"')
			in_string = !in_string;
		else if (in_string)
			continue;
		else if (c == '{' || c == '[')
			depth++;
		else if ((c == '}' || c == ']') && --depth == 0)
			break;
	}
	*element = (struct str){ a->mem + a->at, i + 1 };
	a->at += i + 1;
	a->n++;
	return 1;
}

/* Behind the closing bracket. */
static int finish(struct array *a, struct failure *f)
{
	int c;

	a->at++;
	c = peek(a, f);
	if (c > 0)
		return failed(f, EX_DATAERR, "%s: something follows the array",
			      a->in->name);
	return c;
}

int array_next(struct array *a, struct str *element, struct failure *f)
{
	int c = peek(a, f);

	if (c >= 0 && !a->opened) {
		if (c != '[')
			return unexpected(a, "an array", f);
		a->opened = true;
		a->at++;
		c = peek(a, f);
		if (c == ']')
			return finish(a, f);
	} else if (c == ']') {
		return finish(a, f);
	} else if (c >= 0) {
		if (c != ',')
			return unexpected(a, "',' or ']'", f);
		a->at++;
		c = peek(a, f);
	}
	if (c < 0)
		return -1;
	if (c != '{')
		return unexpected(a, "an object", f);
	return take_object(a, element, f);
}
