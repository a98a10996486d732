/* SPDX-License-Identifier: MIT */
/*
 * The settings that Amazon's own tools read: ~/.aws/config and
 * ~/.aws/credentials (or what AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE
 * name), by profile.
 */
#ifndef RETL_EXTRACT_AWSCONFIG_H
#define RETL_EXTRACT_AWSCONFIG_H

#include "bin/retl-extract/failure.h"

struct aws_config {
	struct buf config, credentials; /* the texts; empty: no such file */
};
#define AWS_CONFIG_INIT \
	((struct aws_config){ .config = BUF_INIT, .credentials = BUF_INIT })

/* A file that is not there is as good as an empty one. */
int aws_config_load(struct aws_config *c, struct failure *f);
void aws_config_release(struct aws_config *c);

bool aws_config_has(const struct aws_config *c, const char *profile);

/* A setting of a profile, from either file; .s NULL: it is not there. */
struct str aws_config_get(const struct aws_config *c, const char *profile,
			  const char *name);

/* AWS_PROFILE, or "default". */
const char *aws_config_profile(void);

#endif
