/* SPDX-License-Identifier: MIT */
/*
 * Files and standard input. The end of a regular file is the end of its rows;
 * the end of a pipe proves nothing, unless a seal in it does.
 */
#include "bin/retl-extract/source.h"

#include "common/mem.h"

struct file {
	struct input in;
	struct reader *reader;
	bool whole; /* all of a regular file was read */
};

static void file_close(void *self)
{
	struct file *s = self;

	reader_free(s->reader);
	input_close(&s->in);
	free(s);
}

static void *file_open(const struct source_args *a, struct failure *f)
{
	struct file *s = xcalloc(1, sizeof *s);

	s->in.fd = -1;
	if (input_open(&s->in, a->where, a->rows, f) == 0)
		s->reader = reader_new(&a->text, &s->in, f);
	if (!s->reader) {
		file_close(s);
		return NULL;
	}
	return s;
}

static int file_next(void *self, struct rows *rows, struct failure *f)
{
	struct file *s = self;
	int got = reader_next(s->reader, rows, f);

	if (got == 0) {
		int whole = input_whole(&s->in, f);

		if (whole < 0)
			return -1;
		s->whole = whole == 1;
	}
	return got;
}

static const char *file_doubt(void *self)
{
	struct file *s = self;

	return reader_doubt(s->reader,
			    s->whole ? NULL
				     : "the end of a pipe does not prove that "
				       "all rows came; run the producer as a "
				       "command: retl-extract -- COMMAND");
}

const struct source source_file = {
	.open = file_open,
	.next = file_next,
	.doubt = file_doubt,
	.close = file_close,
};
