/* SPDX-License-Identifier: MIT */
#include "common/jwt.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "common/digest.h"
#include "common/enc.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/msg.h"

struct jwt_key {
	EVP_PKEY *pkey;
};

struct passphrase {
	struct str text;
	bool asked;
};

/* Instead of OpenSSL's own, which asks on the terminal. */
static int give_passphrase(char *to, int size, int writing, void *arg)
{
	struct passphrase *p = arg;

	(void)writing;
	p->asked = true;
	if (!p->text.s || p->text.n > (size_t)size)
		return -1;
	memcpy(to, p->text.s, p->text.n);
	return (int)p->text.n;
}

static EVP_PKEY *read_pem(struct str pem, struct passphrase *p)
{
	BIO *in = BIO_new_mem_buf(pem.s, (int)MIN(pem.n, (size_t)1 << 20));
	EVP_PKEY *pkey;

	if (!in)
		die(EX_OSERR, "out of memory");
	pkey = PEM_read_bio_PrivateKey(in, NULL, give_passphrase, p);
	BIO_free(in);
	ERR_clear_error();
	return pkey;
}

static const char *fault_of(const EVP_PKEY *pkey, const struct passphrase *p)
{
	if (!pkey && p->asked)
		return p->text.s ? "its passphrase does not open it"
				 : "it is encrypted, and no passphrase is "
				   "given";
	if (!pkey)
		return "not a private key in PEM (PKCS#8 or PKCS#1)";
	if (!EVP_PKEY_is_a(pkey, "RSA"))
		return "not an RSA key, which RS256 needs";
	if (EVP_PKEY_get_bits(pkey) < 2048)
		return "shorter than 2048 bits";
	return NULL;
}

struct jwt_key *jwt_key_new(struct str pem, struct str passphrase,
			    struct buf *err)
{
	struct passphrase p = { .text = passphrase };
	EVP_PKEY *pkey = pem.n ? read_pem(pem, &p) : NULL;
	const char *fault = fault_of(pkey, &p);
	struct jwt_key *k;

	if (fault) {
		EVP_PKEY_free(pkey);
		fail(err, "private key: %s", fault);
		return NULL;
	}
	k = xcalloc(1, sizeof *k);
	k->pkey = pkey;
	return k;
}

void jwt_key_free(struct jwt_key *k)
{
	if (!k)
		return;
	EVP_PKEY_free(k->pkey);
	free(k);
}

static void put_signature(struct buf *out, const struct jwt_key *k,
			  struct str text)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t signature[2048]; /* RSA of 16384 bits, the longest there is */
	size_t n = sizeof signature;

	if (!ctx ||
	    EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, k->pkey) != 1 ||
	    EVP_DigestSign(ctx, signature, &n, (const uint8_t *)text.s,
			   text.n) != 1)
		die(EX_OSERR, "OpenSSL could not sign with RSA");
	EVP_MD_CTX_free(ctx);
	enc_base64url(out, signature, n);
}

void jwt_put(struct buf *out, const struct jwt_key *k, struct str kid,
	     struct str claims)
{
	struct buf header = BUF_INIT;
	size_t from = out->len;

	buf_addz(&header, "{\"alg\":\"RS256\",\"typ\":\"JWT\"");
	if (kid.n) {
		buf_addz(&header, ",\"kid\":");
		json_put_str(&header, kid);
	}
	buf_addc(&header, '}');
	enc_base64url(out, header.data, header.len);
	buf_addc(out, '.');
	enc_base64url(out, claims.s, claims.n);
	buf_reset(&header);
	put_signature(&header, k,
		      (struct str){ out->data + from, out->len - from });
	buf_addc(out, '.');
	buf_adds(out, buf_str(&header));
	buf_release(&header);
}

void jwt_put_fingerprint(struct buf *out, const struct jwt_key *k)
{
	uint8_t *der = NULL, sum[DIGEST_MAX];
	int n = i2d_PUBKEY(k->pkey, &der);

	if (n <= 0)
		die(EX_OSERR, "OpenSSL could not encode a public key");
	digest(DIGEST_SHA256, der, (size_t)n, sum);
	OPENSSL_free(der);
	buf_addz(out, "SHA256:");
	enc_base64(out, sum, digest_size(DIGEST_SHA256));
}
