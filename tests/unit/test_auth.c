/* SPDX-License-Identifier: MIT */
#include "common/auth.h"
#include "tap.h"

static struct buf url, headers, body, err;
static int64_t now = 1614265330;

/* The request after the scheme has had its turn; "" where it failed. */
static const char *apply(const char *type, const struct auth_value *v, size_t n)
{
	static struct buf all = { .data = buf_empty };
	struct auth_request rq = {
		.method = STR("POST"),
		.url = &url,
		.headers = &headers,
		.body = &body,
		.id = STR("msg_p5jXN8AQM9LWM0D4loKWxJek"),
		.now_ms = now * 1000,
	};
	int status;
	struct auth *a = auth_new(str_of(type), v, n, false, &status, &err);

	buf_reset(&all);
	if (!a)
		return "";
	if (auth_apply(a, &rq, &err) == 0)
		buf_addf(&all, "%s|%s|%s", url.data, headers.data, body.data);
	auth_free(a);
	return all.data;
}

static void fresh(const char *u, const char *b)
{
	buf_reset(&url);
	buf_reset(&headers);
	buf_reset(&body);
	buf_reset(&err);
	buf_addz(&url, u);
	buf_addz(&body, b);
}

#define V(n, t)                \
	{                      \
		STR(n), STR(t) \
	}
#define APPLY(type, ...)                                        \
	apply(type, (const struct auth_value[]){ __VA_ARGS__ }, \
	      ARRAY_LEN(((const struct auth_value[]){ __VA_ARGS__ })))

/* The authorization with a fixed nonce, up to its end. */
static const char *oauth1(const char *u)
{
	fresh(u, "");
	return strchr(APPLY("oauth1", V("consumer_key", "k"),
			    V("consumer_secret", "s"), V("token", "t"),
			    V("token_secret", "u"), V("nonce", "n")),
		      '|');
}

static void test_no_path(void)
{
	struct buf wanted = BUF_INIT;

	buf_addz(&wanted, oauth1("http://h/?a=1"));
	is(oauth1("http://h?a=1"), wanted.data,
	   "OAuth 1.0a: what is asked for without a path is /");
	buf_release(&wanted);
}

int main(void)
{
	url = headers = body = err = BUF_INIT;

	fresh("http://h/", "{\"test\": 2432232314}");
	is(APPLY("hmac", V("secret", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")),
	   "http://h/|webhook-id: msg_p5jXN8AQM9LWM0D4loKWxJek\n"
	   "webhook-timestamp: 1614265330\n"
	   "webhook-signature: "
	   "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=\n"
	   "|{\"test\": 2432232314}",
	   "Standard Webhooks: the published vector");

	fresh("http://h/", "x");
	ok(strstr(APPLY("hmac", V("secret", "whsec_AAAA whsec_BBBB")), " v1,"),
	   "two secrets sign side by side");

	fresh("http://h/", "");
	is(APPLY("bearer", V("token", "t0ken")),
	   "http://h/|authorization: Bearer t0ken\n|", "bearer");

	fresh("http://h/", "");
	is(APPLY("basic", V("user", "Aladdin"), V("password", "open sesame")),
	   "http://h/|authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\n|",
	   "basic, as in RFC 7617");

	fresh("http://h/?a=1", "");
	is(APPLY("query", V("name", "key"), V("value", "a&b=c")),
	   "http://h/?a=1&key=a%26b%3Dc||", "query, encoded");

	fresh("http://h/", "{\"a\":1}");
	is(APPLY("body", V("pointer", "/api_key"), V("value", "q\"")),
	   "http://h/||{\"api_key\":\"q\\\"\",\"a\":1}", "body");

	fresh("http://h/", "{\"api_key\":1}");
	is(APPLY("body", V("pointer", "/api_key"), V("value", "q")), "",
	   "body: not beside a member of that name");

	fresh("http://h/", "");
	is(APPLY("header", V("name", "X-Key"), V("value", "v")),
	   "http://h/|X-Key: v\n|", "header");

	fresh("http://h/", "");
	is(APPLY("header", V("name", "X-Key"), V("value", "v\nEvil: 1")), "",
	   "a secret cannot begin another header");

	/* printf token | openssl dgst -sha256 -hmac appsecret */
	fresh("http://h/u", "");
	ok(strstr(APPLY("bearer", V("token", "token"), V("proof", "appsecret")),
		  "appsecret_proof=3beefbd785800f44"),
	   "appsecret_proof is the HMAC of the token");

	/* X's documentation, "Creating a signature" */
	fresh("https://api.twitter.com/1.1/statuses/"
	      "update.json?include_entities=true",
	      "status=Hello%20Ladies%20%2b%20Gentlemen%2c%20a%20signed%20OAuth"
	      "%20request%21");
	buf_addz(&headers, "content-type: application/x-www-form-urlencoded\n");
	now = 1318622958;
	ok(strstr(
	       APPLY("oauth1", V("consumer_key", "xvz1evFS4wEEPTGEFPHBog"),
		     V("consumer_secret",
		       "kAcSOqF21Fu85e7zjz7ZN2U4ZRhfV3WpwPAoE3Z7kBw"),
		     V("token", "370773112-"
				"GmHxMAgYyLbNEtIKZeRNFsMKPR9EyMZeS9weJAEb"),
		     V("token_secret",
		       "LswwdoUaIvS8ltyTt5jkRh4J50vUPVVHtR2YPi5kE"),
		     V("nonce", "kYjzVBB8Y0ZFabxSWbWovY3uYSQ2pTgmZeNu2VS4cg")),
	       "oauth_signature=\"hCtSmYh%2BiHYCEqBWrE7C7hYmtUk%3D\""),
	   "OAuth 1.0a: the published signature, of query and form");

	test_no_path();

	fresh("http://h/", "");
	is(APPLY("kerberos", V("a", "b")), "", "an unknown scheme");
	is(err.data, "auth: type \"kerberos\" is not supported",
	   "is named in the message");
	is(APPLY("bearer", V("tokken", "b")), "", "a missing value");
	is(err.data, "auth: bearer needs \"token\"", "is named too");

	buf_release(&url);
	buf_release(&headers);
	buf_release(&body);
	buf_release(&err);
	return tap_done();
}
