/* SPDX-License-Identifier: MIT */
/*
 * Standard Webhooks: the receiver recomputes HMAC-SHA256 over message id, time
 * of this attempt and the exact bytes of the body. A secret is "whsec_" and
 * the key in base64; several, separated by spaces, sign side by side while
 * keys are changed.
 */
#include "common/auth.h"

#include "common/digest.h"
#include "common/enc.h"
#include "common/msg.h"

static int check_secret(struct str secret, struct buf *err)
{
	struct buf key = BUF_INIT;
	int ret = 0;

	if (str_starts(secret, "whsec_")) {
		secret.s += 6;
		secret.n -= 6;
	}
	if (!secret.n || dec_base64(&key, secret) < 0)
		ret = fail(err, "auth: secret is not base64 (with or without "
				"whsec_ before it)");
	buf_release(&key);
	return ret;
}

static int hmac_prepare(struct auth *a, struct buf *err)
{
	struct str rest = auth_get(a, "secret"), secret;
	struct str scheme = auth_get(a, "scheme");

	if (scheme.n && !str_is(scheme, "standard-webhooks"))
		return fail(err, "auth: scheme \"%.*s\" is not supported",
			    STR_ARG(scheme));
	if (a->show)
		return 0;
	while (str_split(&rest, ' ', &secret)) {
		if (check_secret(secret, err) < 0)
			return -1;
		msg_hide(secret.s, secret.n);
	}
	return 0;
}

static void sign(struct buf *out, struct str secret, struct str text)
{
	struct buf key = BUF_INIT;
	uint8_t mac[DIGEST_MAX];

	if (str_starts(secret, "whsec_")) {
		secret.s += 6;
		secret.n -= 6;
	}
	dec_base64(&key, secret);
	digest_hmac(DIGEST_SHA256, buf_str(&key), text, mac);
	buf_addz(out, out->len ? " v1," : "v1,");
	enc_base64(out, mac, digest_size(DIGEST_SHA256));
	buf_release(&key);
}

static int hmac_apply(struct auth *a, struct auth_request *rq, struct buf *err)
{
	struct str id = auth_find_header(rq, "webhook-id");
	struct str rest = auth_get(a, "secret"), secret;
	struct buf text = BUF_INIT, mac = BUF_INIT;
	char seconds[24];

	(void)err;
	snprintf(seconds, sizeof seconds, "%" PRId64, rq->now_ms / 1000);
	buf_adds(&text, id.s ? id : rq->id);
	buf_addf(&text, ".%s.", seconds);
	buf_adds(&text, buf_str(rq->body));
	if (a->show)
		buf_addz(&mac, "v1,\1signature\2");
	else
		while (str_split(&rest, ' ', &secret))
			sign(&mac, secret, buf_str(&text));
	if (!id.s)
		auth_put_header(rq, "webhook-id", rq->id);
	auth_put_header(rq, "webhook-timestamp", str_of(seconds));
	auth_put_header(rq, "webhook-signature", buf_str(&mac));
	buf_release(&text);
	buf_release(&mac);
	return 0;
}

const struct auth_scheme auth_hmac = {
	.type = "hmac",
	.needs = { "secret" },
	.takes = { "scheme" },
	.prepare = hmac_prepare,
	.apply = hmac_apply,
};
