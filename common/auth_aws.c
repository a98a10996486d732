/* SPDX-License-Identifier: MIT */
/* AWS Signature Version 4, with keys that the user gives; see sigv4.h. */
#include "common/auth.h"

#include "common/sigv4.h"

static int aws_apply(struct auth *a, struct auth_request *rq, struct buf *err)
{
	struct sigv4 by = {
		.key_id = auth_get(a, "key_id"),
		.secret = auth_get(a, "secret"),
		.token = auth_get(a, "session_token"),
		.region = auth_get(a, "region"),
		.service = auth_get(a, "service"),
	};
	struct buf hash = BUF_INIT;
	struct sigv4_request signed_rq;
	int ret;

	if (a->show) {
		auth_put_header(rq, "x-amz-date", STR("\1time\2"));
		auth_put_header(rq, "authorization",
				STR("AWS4-HMAC-SHA256 \1signature\2"));
		return 0;
	}
	sigv4_hash(&hash, buf_str(rq->body));
	signed_rq = (struct sigv4_request){ .method = rq->method,
					    .url = buf_str(rq->url),
					    .headers = rq->headers,
					    .payload = buf_str(&hash),
					    .now_ms = rq->now_ms };
	ret = sigv4_sign(&by, &signed_rq, err);
	buf_release(&hash);
	return ret;
}

const struct auth_scheme auth_aws_sigv4 = {
	.type = "aws-sigv4",
	.needs = { "key_id", "secret", "region", "service" },
	.takes = { "session_token" },
	.apply = aws_apply,
};
