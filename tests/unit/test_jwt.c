/* SPDX-License-Identifier: MIT */
/* Keys are made here, in every form; tokens are checked by OpenSSL. */
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "common/enc.h"
#include "common/jwt.h"
#include "tap.h"

#define CLAIMS "{\"iss\":\"a\xc3\xa4\",\"exp\":1}"

static struct buf err;

static struct str mem_text(BIO *out)
{
	char *text;
	long n = BIO_get_mem_data(out, &text);

	return (struct str){ text, (size_t)n };
}

static void decode(struct buf *out, struct str text)
{
	buf_reset(out);
	if (dec_base64(out, text) < 0)
		buf_addz(out, "not base64");
}

/* Is it signed by the key, over its own first two parts? */
static bool verifies(EVP_PKEY *pkey, struct str token)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	struct buf mac = BUF_INIT;
	size_t n = token.n;
	bool good;

	while (n && token.s[n - 1] != '.')
		n--;
	decode(&mac, (struct str){ token.s + n, token.n - n });
	good = n && EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, pkey) &&
	       EVP_DigestVerify(ctx, (uint8_t *)mac.data, mac.len,
				(const uint8_t *)token.s, n - 1) == 1;
	EVP_MD_CTX_free(ctx);
	buf_release(&mac);
	return good;
}

static void test_token(EVP_PKEY *pkey, struct str pem)
{
	struct jwt_key *k = jwt_key_new(pem, STR_NONE, &err);
	struct buf token = BUF_INIT, part = BUF_INIT;
	struct str rest, one;

	jwt_put(&token, k, STR("k\"1"), STR(CLAIMS));
	ok(verifies(pkey, buf_str(&token)), "the signature is the key's");
	ok(!strpbrk(token.data, "+/="), "base64url, without padding");
	rest = buf_str(&token);
	str_split(&rest, '.', &one);
	decode(&part, one);
	is(part.data, "{\"alg\":\"RS256\",\"typ\":\"JWT\",\"kid\":\"k\\\"1\"}",
	   "the header names algorithm and key");
	str_split(&rest, '.', &one);
	decode(&part, one);
	is(part.data, CLAIMS, "the claims are as they were given");

	token.data[token.len - 10] ^= 1;
	ok(!verifies(pkey, buf_str(&token)), "(and the test can tell)");
	jwt_key_free(k);
	buf_release(&token);
	buf_release(&part);
}

static bool reads(struct str pem, struct str passphrase)
{
	struct jwt_key *k;

	buf_reset(&err);
	k = jwt_key_new(pem, passphrase, &err);
	jwt_key_free(k);
	return k;
}

static void test_forms(EVP_PKEY *pkey, struct str pkcs8)
{
	BIO *locked = BIO_new(BIO_s_mem()), *old = BIO_new(BIO_s_mem());

	PEM_write_bio_PKCS8PrivateKey(locked, pkey, EVP_aes_256_cbc(), "s3cret",
				      6, NULL, NULL);
	PEM_write_bio_PrivateKey_traditional(old, pkey, NULL, NULL, 0, NULL,
					     NULL);
	ok(str_starts(pkcs8, "-----BEGIN PRIVATE") && reads(pkcs8, STR_NONE),
	   "PKCS#8");
	ok(str_starts(mem_text(old), "-----BEGIN RSA") &&
	       reads(mem_text(old), STR_NONE),
	   "PKCS#1");
	ok(str_starts(mem_text(locked), "-----BEGIN ENCRYPTED") &&
	       reads(mem_text(locked), STR("s3cret")),
	   "encrypted PKCS#8, with its passphrase");
	ok(!reads(mem_text(locked), STR("s3cre")), "not with another");
	is(err.data, "private key: its passphrase does not open it",
	   "and says so");
	ok(!reads(mem_text(locked), STR_NONE), "not without");
	is(err.data, "private key: it is encrypted, and no passphrase is given",
	   "and does not ask on the terminal");
	BIO_free(locked);
	BIO_free(old);
}

static void test_refused(struct str pkcs8)
{
	EVP_PKEY *ec = EVP_EC_gen("P-256"), *small = EVP_RSA_gen(1024);
	BIO *one = BIO_new(BIO_s_mem()), *two = BIO_new(BIO_s_mem());

	PEM_write_bio_PrivateKey(one, ec, NULL, NULL, 0, NULL, NULL);
	PEM_write_bio_PrivateKey(two, small, NULL, NULL, 0, NULL, NULL);
	ok(!reads(mem_text(one), STR_NONE), "an EC key");
	is(err.data, "private key: not an RSA key, which RS256 needs",
	   "is refused");
	ok(!reads(mem_text(two), STR_NONE), "a short key");
	is(err.data, "private key: shorter than 2048 bits", "is refused");
	pkcs8.n /= 2;
	ok(!reads(pkcs8, STR_NONE), "half a key");
	is(err.data, "private key: not a private key in PEM (PKCS#8 or PKCS#1)",
	   "is refused");
	ok(!reads(STR(""), STR_NONE), "and so is none");
	BIO_free(one);
	BIO_free(two);
	EVP_PKEY_free(ec);
	EVP_PKEY_free(small);
}

int main(void)
{
	EVP_PKEY *pkey = EVP_RSA_gen(2048);
	BIO *pkcs8 = BIO_new(BIO_s_mem());

	err = BUF_INIT;
	PEM_write_bio_PKCS8PrivateKey(pkcs8, pkey, NULL, NULL, 0, NULL, NULL);
	test_token(pkey, mem_text(pkcs8));
	test_forms(pkey, mem_text(pkcs8));
	test_refused(mem_text(pkcs8));
	BIO_free(pkcs8);
	EVP_PKEY_free(pkey);
	buf_release(&err);
	return tap_done();
}
