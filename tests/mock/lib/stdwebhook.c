/* SPDX-License-Identifier: MIT */
#include "tests/mock/lib/stdwebhook.h"

#include "common/clock.h"
#include "common/digest.h"
#include "common/enc.h"

int stdwebhook_key(struct str secret, struct buf *key)
{
	if (str_starts(secret, "whsec_"))
		secret = (struct str){ secret.s + 6, secret.n - 6 };
	return secret.n && dec_base64(key, secret) == 0 && key->len ? 0 : -1;
}

void stdwebhook_sign(struct buf *out, struct str key, struct str id,
		     struct str timestamp, struct str body)
{
	struct buf text = BUF_INIT;
	uint8_t mac[DIGEST_MAX];

	buf_adds(&text, id);
	buf_addc(&text, '.');
	buf_adds(&text, timestamp);
	buf_addc(&text, '.');
	buf_adds(&text, body);
	digest_hmac(DIGEST_SHA256, key, buf_str(&text), mac);
	buf_addz(out, "v1,");
	enc_base64(out, mac, digest_size(DIGEST_SHA256));
	buf_release(&text);
}

static bool near_now(struct str timestamp, uint64_t tolerance_s)
{
	uint64_t now = (uint64_t)clock_now_ms() / 1000, then;

	if (str_to_u64(timestamp, &then) < 0)
		return false;
	return !tolerance_s ||
	       (then <= now + tolerance_s && now <= then + tolerance_s);
}

const char *stdwebhook_fault(const struct request *r, struct str key,
			     uint64_t tolerance_s)
{
	struct str id = request_header(r, "webhook-id");
	struct str timestamp = request_header(r, "webhook-timestamp");
	struct str given = request_header(r, "webhook-signature"), one;
	struct buf want = BUF_INIT;
	bool fits = false;

	if (!id.n || !timestamp.n || !given.n)
		return "a webhook- header is missing";
	if (memchr(id.s, '.', id.n))
		return "webhook-id has a dot in it";
	if (!near_now(timestamp, tolerance_s))
		return "webhook-timestamp is not a time near now";
	stdwebhook_sign(&want, key, id, timestamp, r->body);
	while (str_split(&given, ' ', &one))
		fits |= str_eq(one, buf_str(&want));
	buf_release(&want);
	return fits ? NULL : "webhook-signature does not fit";
}
