/* SPDX-License-Identifier: MIT */
#include "common/digest.h"

#include <openssl/evp.h>
#include <openssl/core_names.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include "common/enc.h"
#include "common/msg.h"

static const struct {
	const char *name;
	size_t size;
} kinds[] = {
	[DIGEST_MD5] = { "md5", 16 },
	[DIGEST_SHA1] = { "sha1", 20 },
	[DIGEST_SHA256] = { "sha256", 32 },
	[DIGEST_SHA512] = { "sha512", 64 },
};

/* A thread's own; they live as long as the process. */
static _Thread_local struct {
	EVP_MD *md;
	EVP_MD_CTX *ctx;
	EVP_MAC_CTX *mac;
} cache[ARRAY_LEN(kinds)];

int digest_kind_parse(struct str name, enum digest_kind *out)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (str_is(name, kinds[i].name)) {
			*out = (enum digest_kind)i;
			return 0;
		}
	return -1;
}

const char *digest_name(enum digest_kind kind)
{
	return kinds[kind].name;
}

size_t digest_size(enum digest_kind kind)
{
	return kinds[kind].size;
}

static const EVP_MD *fetched(enum digest_kind kind)
{
	if (!cache[kind].md) {
		cache[kind].md = EVP_MD_fetch(NULL, kinds[kind].name, NULL);
		cache[kind].ctx = EVP_MD_CTX_new();
		if (!cache[kind].md || !cache[kind].ctx)
			die(EX_OSERR, "OpenSSL does not offer %s here",
			    kinds[kind].name);
	}
	return cache[kind].md;
}

void digest(enum digest_kind kind, const void *p, size_t n, uint8_t *out)
{
	const EVP_MD *md = fetched(kind);
	EVP_MD_CTX *ctx = cache[kind].ctx;

	if (!EVP_DigestInit_ex2(ctx, md, NULL) ||
	    !EVP_DigestUpdate(ctx, p, n) || !EVP_DigestFinal_ex(ctx, out, NULL))
		die(EX_OSERR, "OpenSSL could not compute %s", kinds[kind].name);
}

int digest_form_parse(struct str name, struct digest_form *out)
{
	struct str rest = name, kind;

	*out = (struct digest_form){ .keyed = str_starts(name, "hmac-") };
	str_split(&rest, ':', &kind);
	if (out->keyed)
		kind = (struct str){ kind.s + 5, kind.n - 5 };
	out->base64 = rest.s && str_is(rest, "base64");
	if (rest.s && !out->base64 && !str_is(rest, "hex"))
		return -1;
	return digest_kind_parse(kind, &out->kind);
}

void digest_put(struct buf *out, const struct digest_form *f, struct str text)
{
	uint8_t sum[DIGEST_MAX];

	if (f->keyed)
		digest_hmac(f->kind, f->key, text, sum);
	else
		digest(f->kind, text.s, text.n, sum);
	if (f->base64)
		enc_base64(out, sum, digest_size(f->kind));
	else
		enc_hex(out, sum, digest_size(f->kind));
}

static EVP_MAC_CTX *fetched_mac(enum digest_kind kind)
{
	OSSL_PARAM params[] = { OSSL_PARAM_construct_utf8_string(
				    OSSL_MAC_PARAM_DIGEST,
				    (char *)(uintptr_t)kinds[kind].name, 0),
				OSSL_PARAM_construct_end() };
	EVP_MAC *hmac;

	if (cache[kind].mac)
		return cache[kind].mac;
	hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	cache[kind].mac = EVP_MAC_CTX_new(hmac);
	EVP_MAC_free(hmac);
	if (!cache[kind].mac ||
	    !EVP_MAC_CTX_set_params(cache[kind].mac, params))
		die(EX_OSERR, "OpenSSL does not offer HMAC-%s here",
		    kinds[kind].name);
	return cache[kind].mac;
}

void digest_hmac(enum digest_kind kind, struct str key, struct str text,
		 uint8_t *out)
{
	EVP_MAC_CTX *mac = fetched_mac(kind);
	/* A NULL key would stand for "the last one". */
	const char *k = key.n ? key.s : "";
	size_t n;

	if (!EVP_MAC_init(mac, (const uint8_t *)k, key.n, NULL) ||
	    !EVP_MAC_update(mac, (const uint8_t *)text.s, text.n) ||
	    !EVP_MAC_final(mac, out, &n, digest_size(kind)))
		die(EX_OSERR, "OpenSSL could not compute HMAC-%s",
		    kinds[kind].name);
}

void digest_random(void *out, size_t n)
{
	if (RAND_bytes(out, (int)n) != 1)
		die(EX_OSERR, "no random bytes to be had");
}
