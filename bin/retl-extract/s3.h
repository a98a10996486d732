/* SPDX-License-Identifier: MIT */
/* Single objects of Amazon S3, for sources that leave their rows there. */
#ifndef RETL_EXTRACT_S3_H
#define RETL_EXTRACT_S3_H

#include "bin/retl-extract/source.h"

/* What url (s3://BUCKET/KEY) names; of a its options count, not its place. */
int s3_read(const struct source_args *a, const char *url, size_t max,
	    struct buf *out, struct failure *f);
int s3_remove(const struct source_args *a, const char *url, struct failure *f);

/* Its rows, as source_s3 gives them; url and a live as long. */
void s3_place(struct source_args *a, const char *url);

#endif
