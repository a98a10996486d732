/* SPDX-License-Identifier: MIT */
/*
 * Redshift's UNLOAD: the server writes the rows of a query into files of S3,
 * all its nodes at once, and they are read there. Each run has a folder of its
 * own, so no file of another can come in between. All rows are there if the
 * server's count of rows, those of its manifest and the rows that came agree,
 * file by file.
 * docs.aws.amazon.com/redshift/latest/dg/r_UNLOAD.html
 */
#ifndef RETL_EXTRACT_UNLOAD_H
#define RETL_EXTRACT_UNLOAD_H

#include "bin/retl-extract/source.h"

struct unload {
	/* from the URL; to.len 0: there is no unloading */
	struct buf to; /* s3://BUCKET/PREFIX/ */
	struct buf role;
	struct buf region; /* of the bucket, if it is not the cluster's */
	bool remove;       /* the files, once they have been read */

	/* private */
	struct source_args args; /* of the file that is being read */
	struct unload_file {
		char *url;
		uint64_t n_rows;
	} * files;
	size_t n_files, cap, file;
	void *reader; /* of source_s3; NULL: none is open */
	struct rows held;
	size_t at; /* in held */
	uint64_t n_here;
	bool removed;
};

void unload_init(struct unload *u);
void unload_release(struct unload *u);

/* unload= or one of its options in a URL. 1: taken; 0: something else; -1. */
int unload_option(struct unload *u, struct str name, struct str value,
		  struct failure *f);

/* A folder for this run; -1: the options do not go together. */
int unload_begin(struct unload *u, struct failure *f);

/* ordered: sql has an order, which one file after the other keeps. */
void unload_put_statement(struct buf *out, const struct unload *u,
			  struct str sql, bool ordered);

/* After the statement, which has written n_rows. */
int unload_open(struct unload *u, const struct source_args *a, uint64_t n_rows,
		struct failure *f);

/* 1: the next record, until the next call; 0: these were all; -1. */
int unload_next(struct unload *u, struct str *record, struct failure *f);

#endif
