/* SPDX-License-Identifier: MIT */
/* csvonly <FILE: libcsv by itself, with the options that retl-extract has. */
#include <csv.h>

#include "common/msg.h"

static uint64_t n_fields, n_rows;

static void take_field(void *p UNUSED, size_t n UNUSED, void *arg UNUSED)
{
	n_fields++;
}

static void take_row(int c UNUSED, void *arg UNUSED)
{
	n_rows++;
}

int main(void)
{
	static char block[256 << 10];
	struct csv_parser parser;
	ssize_t n;

	msg_init("csvonly");
	csv_init(&parser, CSV_STRICT | CSV_STRICT_FINI | CSV_EMPTY_IS_NULL |
			      CSV_REPALL_NL);
	while ((n = read(STDIN_FILENO, block, sizeof block)) > 0)
		if (csv_parse(&parser, block, (size_t)n, take_field, take_row,
			      NULL) < (size_t)n)
			die(EX_DATAERR, "not CSV");
	csv_fini(&parser, take_field, take_row, NULL);
	csv_free(&parser);
	printf("%" PRIu64 " %" PRIu64 "\n", n_rows, n_fields);
	return n < 0;
}
