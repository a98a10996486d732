/* SPDX-License-Identifier: MIT */
/*
 * Who we are for Amazon's services: credentials as Amazon's own tools find
 * them, renewed before they expire, and requests signed with them.
 *
 * In this order: AWS_ACCESS_KEY_ID and its kin; a web identity
 * (AWS_WEB_IDENTITY_TOKEN_FILE, AWS_ROLE_ARN); the profile in the shared files,
 * which may have keys, a process, a role to assume or a web identity; the
 * container's endpoint; the machine's (IMDSv2).
 */
#ifndef RETL_EXTRACT_AWS_H
#define RETL_EXTRACT_AWS_H

#include "bin/retl-extract/awsconfig.h"
#include "bin/retl-extract/web.h"
#include "common/sigv4.h"

struct aws;

/*
 * Reads the shared files, and asks nobody yet. Of web the name, the limits and
 * http1 do not count. NULL: see f.
 */
struct aws *aws_new(const struct web_opts *web, struct failure *f);
void aws_free(struct aws *a);

/* AWS_REGION and its kin, the profile's; .n 0: none is named. */
struct str aws_region(const struct aws *a);

/*
 * Where a service is if not at its usual place: AWS_ENDPOINT_URL_<SERVICE>,
 * AWS_ENDPOINT_URL, the profile's endpoint_url; .s NULL: there.
 */
struct str aws_endpoint(const struct aws *a, const char *service);

/*
 * Puts the headers that sign rq behind those that it has, with credentials
 * that are valid. For S3 an empty body is hashed too.
 */
int aws_sign(struct aws *a, struct web_request *rq, struct str region,
	     const char *service, struct failure *f);

/*
 * The service says that the credentials have expired. False: there is no
 * getting others.
 */
bool aws_renew(struct aws *a);

/*
 * The service says that our clock is wrong, and its answer what time it is.
 * False: that is no help.
 */
bool aws_set_clock(struct aws *a, struct str headers);

#endif
