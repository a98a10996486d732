/* SPDX-License-Identifier: MIT */
/*
 * The signatures that AWS publishes: its signing test suite (by the names of
 * its cases), and the examples of the Amazon S3 API reference.
 */
#include "common/sigv4.h"
#include "tap.h"

#define EMPTY "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static struct buf headers, err, wanted;

static const struct sigv4 suite = {
	.key_id = { "AKIDEXAMPLE", 11 },
	.secret = { "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", 40 },
	.region = { "us-east-1", 9 },
	.service = { "service", 7 },
};
static const struct sigv4 s3 = {
	.key_id = { "AKIAIOSFODNN7EXAMPLE", 20 },
	.secret = { "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", 40 },
	.region = { "us-east-1", 9 },
	.service = { "s3", 2 },
};

/* What is behind the last "authorization: ". */
static const char *authorization(void)
{
	static const char name[] = "\nauthorization: ";
	char *at = strstr(headers.data, name);

	if (!at)
		return err.data;
	at[strcspn(at + 1, "\n") + 1] = '\0';
	return at + sizeof name - 1;
}

static const char *sign(const struct sigv4 *by, const char *method,
			const char *url, const char *given, const char *payload,
			int64_t seconds)
{
	struct sigv4_request rq = {
		.method = str_of(method),
		.url = str_of(url),
		.headers = &headers,
		.payload = str_of(payload),
		.now_ms = seconds * 1000,
	};

	buf_reset(&headers);
	buf_reset(&err);
	buf_addz(&headers, given);
	sigv4_sign(by, &rq, &err);
	return authorization();
}

static void suite_case(const char *name, const struct sigv4 *by,
		       const char *method, const char *target,
		       const char *given, const char *payload,
		       const char *signed_headers, const char *signature)
{
	struct buf url = BUF_INIT;

	buf_addf(&url, "https://example.amazonaws.com%s", target);
	buf_reset(&wanted);
	buf_addf(&wanted,
		 "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/"
		 "service/aws4_request, SignedHeaders=%s, Signature=%s",
		 signed_headers, signature);
	is(sign(by, method, url.data, given, payload, 1440938160), wanted.data,
	   name);
	buf_release(&url);
}

static void get(const char *name, const char *target, const char *signature)
{
	suite_case(name, &suite, "GET", target, "", EMPTY, "host;x-amz-date",
		   signature);
}

static void s3_case(const char *name, const char *method, const char *url,
		    const char *given, const char *payload,
		    const char *signed_headers, const char *signature)
{
	buf_reset(&wanted);
	buf_addf(&wanted,
		 "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/"
		 "us-east-1/s3/aws4_request, SignedHeaders=%s, Signature=%s",
		 signed_headers, signature);
	is(sign(&s3, method, url, given, payload, 1369353600), wanted.data,
	   name);
}

static void test_suite(void)
{
	struct sigv4 temporary = suite;

	get("get-vanilla", "/",
	    "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31");
	get("get-vanilla, no path at all", "",
	    "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31");
	suite_case(
	    "get-vanilla, and a header without a value, which stays here",
	    &suite, "GET", "/", "X-None: \n", EMPTY, "host;x-amz-date",
	    "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763"
	    "fbf31");
	get("get-vanilla-empty-query-key", "/?Param1=value1",
	    "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb");
	get("get-vanilla-query-order-key-case", "/?Param2=value2&Param1=value1",
	    "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500");
	get("get-vanilla-query-order-encoded",
	    "/?Param-3=Value3&Param=Value2&%E1%88%B4=Value1",
	    "371d3713e185cc334048618a97f809c9ffe339c62934c032af5a0e595648fcac");
	get("get-vanilla-query-unreserved",
	    "/?-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwx"
	    "yz=-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvw"
	    "xyz",
	    "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197");
	get("get-vanilla-utf8-query", "/?\xe1\x88\xb4=bar",
	    "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04");
	get("get-utf8", "/\xe1\x88\xb4",
	    "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85");
	get("get-unreserved",
	    "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxy"
	    "z",
	    "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f");
	get("get-space-normalized", "/example space/",
	    "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741");
	get("get-relative-relative-normalized", "/example1/example2/../..",
	    "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31");
	get("get-slashes-normalized", "//example//",
	    "9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84");
	get("get-slash-pointless-dot-normalized", "/./example",
	    "ef75d96142cf21edca26f06005da7988e4f8dc83a165a80865db7089db637ec5");

	suite_case(
	    "get-header-value-trim", &suite, "GET", "/",
	    "My-Header1: value1\nMy-Header2: \"a   b   c\"  \n", EMPTY,
	    "host;my-header1;my-header2;x-amz-date",
	    "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736");
	suite_case(
	    "get-header-key-duplicate", &suite, "GET", "/",
	    "My-Header1: value2\nMy-Header1: value2\nMy-Header1: value1\n",
	    EMPTY, "host;my-header1;x-amz-date",
	    "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea");
	suite_case(
	    "post-header-key-sort", &suite, "POST", "/",
	    "my-header1: value1\nhost: example.amazonaws.com\n", EMPTY,
	    "host;my-header1;x-amz-date",
	    "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c");

	temporary.token =
	    STR("6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf1942"
		"67");
	suite_case(
	    "get-vanilla-with-session-token", &temporary, "GET", "/", "", EMPTY,
	    "host;x-amz-date;x-amz-security-token",
	    "07ec1639c89043aa0e3e2de82b96708f198cceab042d4a97044c66dd9f74e7f8");
}

static void test_body(void)
{
	struct buf hash = BUF_INIT, given = BUF_INIT;

	sigv4_hash(&hash, STR("Param1=value1"));
	buf_addf(&given,
		 "content-type: application/x-www-form-urlencoded\n"
		 "content-length: 13\nx-amz-content-sha256: %s\n",
		 hash.data);
	suite_case(
	    "post-x-www-form-urlencoded", &suite, "POST", "/", given.data,
	    hash.data,
	    "content-length;content-type;host;x-amz-content-sha256;x-amz-date",
	    "d3875051da38690788ef43de4db0d8f280229d82040bfac253562e56c3f20e0b");
	buf_release(&hash);
	buf_release(&given);
}

#define BUCKET "https://examplebucket.s3.amazonaws.com"

static void test_s3(void)
{
	static const char put[] = "date: Fri, 24 May 2013 00:00:00 GMT\n"
				  "x-amz-storage-class: REDUCED_REDUNDANCY\n";
	static const char put_signed[] =
	    "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class";
	static const char put_signature[] =
	    "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd";
	struct buf hash = BUF_INIT, path = BUF_INIT;

	s3_case(
	    "S3: a range of an object", "GET", BUCKET "/test.txt",
	    "range: bytes=0-9\n", EMPTY,
	    "host;range;x-amz-content-sha256;x-amz-date",
	    "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
	sigv4_hash(&hash, STR("Welcome to Amazon S3."));
	s3_case("S3: an object is put", "PUT", BUCKET "/test%24file.text", put,
		hash.data, put_signed, put_signature);
	s3_case("S3: the path's spelling does not count", "PUT",
		BUCKET ":443/test$file.text", put, hash.data, put_signed,
		put_signature);
	s3_case(
	    "S3: a member of the query without a value", "GET",
	    BUCKET "/?lifecycle", "", EMPTY,
	    "host;x-amz-content-sha256;x-amz-date",
	    "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
	s3_case(
	    "S3: a list of objects", "GET", BUCKET "?prefix=J&max-keys=2", "",
	    EMPTY, "host;x-amz-content-sha256;x-amz-date",
	    "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");

	sigv4_put_path(&path, STR("/a b/+c//\xc3\xa4~._-/..'"));
	is(path.data, "/a%20b/%2Bc//%C3%A4~._-/..%27", "S3: a key as a path");
	sign(&s3, "GET", BUCKET "/x", "", "UNSIGNED-PAYLOAD", 0);
	ok(strstr(headers.data, "x-amz-content-sha256: UNSIGNED-PAYLOAD\n"),
	   "S3: the payload's digest is a header");
	buf_release(&hash);
	buf_release(&path);
}

int main(void)
{
	headers = err = wanted = BUF_INIT;
	test_suite();
	test_body();
	test_s3();
	is(sign(&suite, "GET", "ftp://h/", "", EMPTY, 0),
	   "AWS signature: not an http URL of host, path and query",
	   "what is no http URL is not signed");
	buf_release(&headers);
	buf_release(&err);
	buf_release(&wanted);
	return tap_done();
}
