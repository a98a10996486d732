/* SPDX-License-Identifier: MIT */
/*
 * Source files: a URL, how to read it, and datasets by name. See
 * retl-sources(7).
 */
#ifndef RETL_EXTRACT_DATASET_H
#define RETL_EXTRACT_DATASET_H

#include "bin/retl-extract/failure.h"

#define SETTINGS_MAX 4

struct source_file {
	const char *path;
	char *url; /* a relative file in it made relative to the source file */
	char *settings[SETTINGS_MAX];
	struct str datasets; /* object */
	struct buf text;
};
#define SOURCE_FILE_INIT ((struct source_file){ .text = BUF_INIT })

int source_file_load(struct source_file *s, const char *path,
		     struct failure *f);
void source_file_release(struct source_file *s);

/* The text of a setting, borrowed; NULL: it is not there. */
const char *source_file_setting(const struct source_file *s, const char *name);

/* Names of datasets, each with LF. */
void source_file_list(const struct source_file *s, struct buf *names);

/*
 * Appends the dataset's query; *has_query false: it has none, and is a table
 * of that name or the whole file.
 */
int source_file_query(const struct source_file *s, const char *dataset,
		      struct buf *query, bool *has_query, struct failure *f);

/* A file with a query in it. */
int query_read(const char *path, struct buf *query, struct failure *f);

#endif
