/* SPDX-License-Identifier: MIT */
#include "bin/retl-extract/failure.h"

int failed(struct failure *f, int status, const char *fmt, ...)
{
	struct buf text = BUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	buf_vaddf(&text, fmt, ap);
	va_end(ap);
	f->status = status;
	fail(&f->text, "%s", text.data);
	buf_release(&text);
	return -1;
}
