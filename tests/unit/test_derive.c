/* SPDX-License-Identifier: MIT */
/* What a contract derives of a record, and when it refuses to. */
#include "common/contract.h"

#include <fcntl.h>

#include "tests/unit/tap.h"

static char path[] = "/tmp/retl-derive-XXXXXX.json";

/* The contract with these derived values, or NULL: err says why. */
static struct contract *load(const char *derived, struct buf *err)
{
	struct contract_args args = { .name = path };
	struct buf text = BUF_INIT;
	struct contract *c;
	int status, fd = open(path, O_WRONLY | O_TRUNC);

	buf_addf(&text,
		 "{\"name\":\"t\",\"account\":false,"
		 "\"api\":{\"checked\":\"2026-11-22\"},"
		 "\"base_url\":\"https://example.com\","
		 "\"auth\":{\"type\":\"none\"},\"clear\":\"#N/A\","
		 "\"record\":{\"properties\":{\"id\":{},\"email\":{},"
		 "\"event\":{},\"user\":{},\"~/\":{}},"
		 "\"additionalProperties\":false},\"key\":[\"id\"],"
		 "\"derived\":%s,\"changes\":{},\"operations\":{\"x\":null}}",
		 derived);
	if (fd < 0 || write(fd, text.data, text.len) != (ssize_t)text.len)
		abort();
	close(fd);
	buf_release(&text);
	c = contract_load(&args, CONTRACT_FOR_MAP, &status, err);
	return c;
}

/* The object; "!..." for faults, "?..." if the contract is not taken. */
static const char *derive(const char *derived, const char *record)
{
	static struct buf out;
	struct faults f = FAULTS_INIT;
	struct buf err = BUF_INIT;
	struct contract *c = load(derived, &err);

	if (!out.data)
		out = BUF_INIT;
	buf_reset(&out);
	if (!c) {
		buf_addf(&out, "?%s", err.data + strlen(path) + 2);
	} else if (contract_derive(c, str_of(record), &out, &f) < 0) {
		buf_reset(&out);
		buf_addc(&out, '!');
		faults_put(&out, &f);
	}
	contract_free(c);
	faults_release(&f);
	buf_release(&err);
	return out.data;
}

static void test_values(void)
{
	const char *member = "{\"member\":{\"from\":[\"email\"],"
			     "\"normalize\":[\"trim\",\"lower\"],"
			     "\"hash\":\"md5\"}}";
	const char *plain = "{\"k\":{\"from\":[\"id\"]}}";
	const char *two = "{\"k\":{\"from\":[\"id\",\"event\"]}}";

	is(derive(member, "{\"email\":\" Person@Example.com\"}"),
	   "{\"member\":\"7de8517bce4457e8390aa4006a1880fb\"}",
	   "Mailchimp's member id");
	is(derive(plain, "{\"id\":9007199254740993}"),
	   "{\"k\":\"9007199254740993\"}", "a number keeps its digits");
	is(derive(plain, "{\"id\":1.10}"), "{\"k\":\"1.10\"}", "all of them");
	is(derive(plain, "{\"id\":\"a\\\"\\u00e9\"}"),
	   "{\"k\":\"a\\\"\u00e9\"}", "a text without steps is unescaped");
	is(derive(two, "{\"event\":\"buy\",\"id\":7}"), "{\"k\":\"7\\nbuy\"}",
	   "several members stand one a line, in the contract's order");
	is(derive("{\"k\":{\"from\":[\"/user/id\",\"/~0~1\"]}}",
		  "{\"user\":{\"id\":7},\"~/\":true}"),
	   "{\"k\":\"7\\ntrue\"}", "a pointer looks into an object");
	is(derive("{\"a\":{\"from\":[\"id\"]},\"b\":{\"from\":[\"event\"],"
		  "\"hash\":\"sha256:base64\"}}",
		  "{\"id\":1,\"event\":\"alexz@example.com\"}"),
	   "{\"a\":\"1\",\"b\":"
	   "\"UJ6TMBm7KFoTSpM0uLtnnf950M4CPVKa9L10TUe0/Yo=\"}",
	   "several values, one of them in base64");
}

static void test_missing(void)
{
	const char *plain = "{\"k\":{\"from\":[\"id\",\"event\"]}}";

	is(derive(plain, "{\"id\":1}"), "{}", "a member that is not there");
	is(derive(plain, "{\"id\":1,\"event\":null}"), "{}", "or null");
	is(derive(plain, "{\"id\":1,\"event\":\" \"}"), "{}", "or blank");
	is(derive(plain, "{\"id\":1,\"event\":\"#N/A\"}"), "{}",
	   "or what empties it");
	is(derive("{\"k\":{\"from\":[\"id\"],\"normalize\":[\"letters\"],"
		  "\"hash\":\"md5\"}}",
		  "{\"id\":\"12\"}"),
	   "{}", "the digest of nothing is none");
}

static void test_whole(void)
{
	const char *whole = "{\"k\":{\"hash\":\"sha256\"}}";
	struct buf first = BUF_INIT;

	buf_addz(&first, derive(whole, "{\"id\":1,\"email\":\"a\\u00e9\"}"));
	is(derive(whole, "{\"email\":\"a\u00e9\",\"id\":1}"), first.data,
	   "the order of members and the spelling of texts do not count");
	ok(strcmp(derive(whole, "{\"email\":\"a\u00e9\",\"id\":2}"),
		  first.data) != 0,
	   "values do");
	buf_release(&first);
}

static void test_faults(void)
{
	const char *two = "{\"k\":{\"from\":[\"id\",\"event\"]}}";

	is(derive("{\"k\":{\"from\":[\"id\"],\"normalize\":[\"country\"]}}",
		  "{\"id\":\"Atlantis\"}"),
	   "!derived/k: not a country: a code such as DE or DEU, or its "
	   "English "
	   "name, is expected",
	   "a step that fails");
	is(derive(two, "{\"id\":[1],\"event\":\"a\"}"),
	   "!derived/k: made from a list or an object", "a list");
	is(derive(two, "{\"id\":\"a\\nb\",\"event\":\"a\"}"),
	   "!derived/k: made from several members, one of which has a line "
	   "break in it",
	   "two records never give one text");
	is(derive("{\"k\":{\"from\":[\"/user/a\"]}}",
		  "{\"user\":{\"a\":1,\"a\":2}}"),
	   "!derived/k: a member name comes twice", "a name that is not one");
	is(derive("{\"k\":{\"from\":[\"nmae\"]}}", "{}"),
	   "?derived/k: nmae is not a member of the record",
	   "a slip is found when the contract is read");
	is(derive("{\"k\":{\"normalize\":[\"trim\"]}}", "{}"),
	   "?derived/k: of a whole record there is a \"hash\" only; name "
	   "members "
	   "in \"from\"",
	   "steps on a whole record");
	ok(str_starts(str_of(derive("{\"k\":{\"from\":[\"id\"],"
				    "\"normalize\":[\"tirm\"]}}",
				    "{}")),
		      "?derived/k: normalize: 'tirm' is not a step; there"),
	   "an unknown step");
}

int main(void)
{
	int fd = mkostemps(path, 5, O_CLOEXEC);

	if (fd < 0)
		return 99;
	close(fd);
	test_values();
	test_missing();
	test_whole();
	test_faults();
	unlink(path);
	return tap_done();
}
