/* SPDX-License-Identifier: MIT */
/* JSON Schema: each keyword, and that what is not known is an error. */
#include "common/schema.h"

#include "tests/unit/tap.h"

static const char *const own[] = { "normalize", NULL };

/* The faults of value, "" if there are none, "!..." if the schema is wrong. */
static const char *faults_of(const char *schema, const char *value)
{
	static struct buf text;
	struct buf err = BUF_INIT;
	struct faults f = FAULTS_INIT;
	struct schema *s = schema_new(str_of(schema), own, &err);

	if (!text.data)
		text = BUF_INIT;
	buf_reset(&text);
	if (!s) {
		buf_addf(&text, "!%s", err.data);
	} else {
		int ret = schema_check(s, str_of(value), &f);

		faults_put(&text, &f);
		if ((ret < 0) != (f.n > 0))
			buf_addz(&text, " (result and faults differ)");
	}
	schema_free(s);
	faults_release(&f);
	buf_release(&err);
	return text.data;
}

static void good(const char *schema, const char *value)
{
	struct buf claim = BUF_INIT;

	buf_addf(&claim, "%s takes %s", schema, value);
	is(faults_of(schema, value), "", claim.data);
	buf_release(&claim);
}

static void bad(const char *schema, const char *value, const char *why)
{
	struct buf claim = BUF_INIT;

	buf_addf(&claim, "%s: %s", schema, why);
	is(faults_of(schema, value), why, claim.data);
	buf_release(&claim);
}

static void test_values(void)
{
	good("{\"type\":\"integer\"}", "1.0");
	good("{\"type\":\"integer\"}", "1e3");
	good("{\"type\":\"integer\"}", "123456789012345678901234567890");
	bad("{\"type\":\"integer\"}", "1.5", "not a whole number");
	bad("{\"type\":[\"string\",\"null\"]}", "1",
	    "a number where null or text is expected");
	good("{\"const\":1.0}", "1");
	bad("{\"const\":\"a\"}", "\"b\"", "must be \"a\"");
	good("{\"enum\":[\"a\",2]}", "2.0");
	bad("{\"enum\":[\"a\",2]}", "\"b\"", "must be one of \"a\", 2");
	bad("false", "1", "not allowed here");
	good("true", "1");
}

static void test_numbers(void)
{
	good("{\"minimum\":9007199254740993}", "9007199254740993");
	bad("{\"minimum\":9007199254740993}", "9007199254740992",
	    "less than 9007199254740993");
	bad("{\"maximum\":0.1}", "0.10000000000000000001", "more than 0.1");
	bad("{\"exclusiveMinimum\":0}", "-0.0", "not more than 0");
	bad("{\"exclusiveMaximum\":10}", "1e1", "not less than 10");
	good("{\"multipleOf\":0.01}", "19.99");
	good("{\"multipleOf\":0.1}", "0.3");
	good("{\"multipleOf\":3}", "3e40");
	good("{\"multipleOf\":7}", "123456789012345678901234567890");
	bad("{\"multipleOf\":7}", "123456789012345678901234567892",
	    "not a multiple of 7");
	good("{\"multipleOf\":0.25}", "0");
	bad("{\"multipleOf\":0.01}", "1.005", "not a multiple of 0.01");
	bad("{\"multipleOf\":0}", "1",
	    "!multipleOf: must be above 0, of 18 digits at most");
}

static void test_texts(void)
{
	good("{\"maxLength\":2}", "\"\xc3\xa9\xf0\x9f\x98\x80\"");
	good("{\"maxLength\":2}", "\"\\ud83d\\ude00\\u00e9\"");
	bad("{\"maxLength\":2}", "\"abc\"", "longer than 2 characters");
	bad("{\"minLength\":1}", "\"\"", "empty");
	bad("{\"minLength\":3}", "\"a\"", "shorter than 3 characters");
	good("{\"pattern\":\"^\\\\d+$\"}", "\"12\"");
	bad("{\"pattern\":\"^\\\\d+$\"}", "\"12\\n\"",
	    "not of the form that the contract asks for (^\\d+$)");
	bad("{\"pattern\":\"^[A-Z]{3}$\",\"examples\":[\"EUR\",\"USD\"]}",
	    "\"Euro\"",
	    "not of the form that the contract asks for, such as \"EUR\" "
	    "(^[A-Z]{3}$)");
	good("{\"pattern\":\"^.$\"}", "\"\xc3\xa9\"");
	good("{\"pattern\":\"\\\\u00e9\"}", "\"\xc3\xa9\"");
	good("{\"minLength\":3}", "1");
	ok(*faults_of("{\"pattern\":\"(\"}", "1") == '!',
	   "a broken pattern is an error at load");
	bad("{\"pattern\":\"^(a+)+$\"}",
	    "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!\"",
	    "not of the form that the contract asks for (^(a+)+$)");
}

static void test_formats(void)
{
	const char *email = "{\"format\":\"email\"}";
	const char *no = "not an e-mail address";

	good(email, "\"a.b+c@example.co\"");
	bad(email, "\"a@b\"", no);
	bad(email, "\"@example.com\"", no);
	bad(email, "\"a..b@example.com\"", no);
	bad(email, "\"a b@example.com\"", no);
	bad(email, "\"a@b@example.com\"", no);
	bad(email, "\"a@-example.com\"", no);
	bad(email, "\"a@1.2.3.4\"", no);
	bad(email, "\"a@example.com\\u0000\"", no);
	good("{\"format\":\"date\"}", "\"2024-02-29\"");
	bad("{\"format\":\"date\"}", "\"2023-02-29\"",
	    "not a date as YYYY-MM-DD");
	good("{\"format\":\"date-time\"}", "\"2026-11-22T19:33:17.25+05:30\"");
	ok(*faults_of("{\"format\":\"date-time\"}", "\"2026-11-22T19:33:17\""),
	   "a time needs its zone");
	good("{\"format\":\"e164\"}", "\"+4930123456\"");
	ok(*faults_of("{\"format\":\"e164\"}", "\"4930123456\""),
	   "a number without + is not E.164");
	good("{\"format\":\"uri\"}", "\"https://a.b/c?d=%20\"");
	ok(*faults_of("{\"format\":\"uri\"}", "\"a b\""), "no URL");
	good("{\"format\":\"ipv6\"}", "\"::1\"");
	good("{\"format\":\"uuid\"}",
	     "\"123e4567-e89b-12d3-a456-426614174000\"");
	ok(*faults_of("{\"format\":\"emial\"}", "1") == '!',
	   "an unknown format is an error at load");
}

static void test_lists(void)
{
	bad("{\"items\":{\"type\":\"string\"}}", "[\"a\",1]",
	    "1: a number where text is expected");
	good("{\"prefixItems\":[{\"type\":\"string\"}],\"items\":false}",
	     "[\"a\"]");
	bad("{\"prefixItems\":[true],\"items\":false}", "[1,2]",
	    "1: not allowed here");
	bad("{\"maxItems\":1}", "[1,2]", "more than 1 item");
	bad("{\"uniqueItems\":true}", "[1,{\"a\":1,\"b\":2},{\"b\":2,\"a\":1}]",
	    "has an item twice");
	good("{\"uniqueItems\":true}", "[1,\"1\",true]");
	bad("{\"contains\":{\"const\":1},\"minContains\":2}", "[1,2]",
	    "has 1 item of a kind of which 2 are needed");
	good("{\"contains\":{\"const\":1},\"minContains\":0}", "[]");
}

static void test_objects(void)
{
	bad("{\"required\":[\"a\",\"b\"]}", "{\"b\":1}", "a: missing");
	bad("{\"properties\":{\"a\":{\"type\":\"string\"}},"
	    "\"additionalProperties\":false}",
	    "{\"a\":1,\"b\":2}",
	    "a: a number where text is expected; "
	    "b: not a member that is known here");
	good("{\"patternProperties\":{\"^x_\":true},"
	     "\"additionalProperties\":false}",
	     "{\"x_1\":1}");
	bad("{\"propertyNames\":{\"maxLength\":2}}", "{\"abc\":1}",
	    "abc: a name that is not allowed here");
	bad("{\"minProperties\":1}", "{}", "fewer than 1 member");
	bad("{\"dependentRequired\":{\"a\":[\"b\"]}}", "{\"a\":1}",
	    "b: missing, where a is given");
	bad("{\"dependentSchemas\":{\"a\":{\"required\":[\"c\"]}}}",
	    "{\"a\":1}", "c: missing");
	bad("{\"properties\":{\"a\":true}}", "{\"a\":1,\"\\u0061\":2}",
	    "a member name comes twice");
	good("{\"properties\":{\"a\":{\"type\":\"string\"}}}",
	     "{\"\\u0061\":\"x\"}");
}

static void test_combinations(void)
{
	const char *tree = "{\"$ref\":\"#/$defs/n\",\"$defs\":{\"n\":"
			   "{\"properties\":{\"next\":{\"$ref\":\"#/$defs/n\"},"
			   "\"v\":{\"type\":\"string\"}}}}}";

	bad("{\"allOf\":[{\"minimum\":3},{\"maximum\":1}]}", "2",
	    "less than 3; more than 1");
	bad("{\"anyOf\":[{\"required\":[\"a\"]},{\"required\":[\"b\"]}]}", "{}",
	    "one of its members is needed: a or b");
	bad("{\"anyOf\":[{\"required\":[\"a\"]},{\"required\":[\"b\",\"c\"]},"
	    "{\"required\":[\"d\"],\"anyOf\":[{\"required\":[\"e\"]},"
	    "{\"required\":[\"f\"]}]}]}",
	    "{\"d\":1}",
	    "one of its members is needed: a, b with c, or d with (e or f)");
	bad("{\"anyOf\":[{\"format\":\"ipv4\"},{\"format\":\"ipv6\"}]}",
	    "\"x\"", "not an IPv4 address, and not an IPv6 address");
	bad("{\"oneOf\":[{\"required\":[\"a\"]},{\"required\":[\"b\"]}]}",
	    "{\"a\":1,\"b\":1}", "only one of these may be given: a or b");
	bad("{\"not\":{\"required\":[\"a\",\"b\"]}}", "{\"a\":1,\"b\":1}",
	    "a and b must not be given together");
	bad("{\"not\":{\"enum\":[\"\",\"none\"]}}", "\"none\"",
	    "must not be one of \"\", \"none\"");
	bad("{\"oneOf\":[{\"minimum\":1},{\"minimum\":2}]}", "3",
	    "fits 2 forms of which only one may hold");
	bad("{\"not\":{\"type\":\"null\"}}", "null",
	    "of the kind that is excluded here");
	bad("{\"if\":{\"minimum\":10},\"then\":{\"multipleOf\":10},"
	    "\"else\":{\"multipleOf\":2}}",
	    "15", "not a multiple of 10");
	bad("{\"if\":{\"minimum\":10},\"else\":{\"multipleOf\":2}}", "3",
	    "not a multiple of 2");
	bad(tree, "{\"next\":{\"next\":{\"v\":1}}}",
	    "next/next/v: a number where text is expected");
	ok(*faults_of("{\"$ref\":\"#\"}", "1") == '!',
	   "a $ref to itself is an error at load");
	ok(*faults_of("{\"allOf\":[{\"$ref\":\"#/$defs/a\"}],\"$defs\":"
		      "{\"a\":{\"not\":{\"$ref\":\"#\"}}}}",
		      "1") == '!',
	   "so is a longer circle");
}

/* The clock stands at 2026-11-22T00:00:00Z. */
static void test_ages(void)
{
	const char *week = "{\"format\":\"unix-seconds\",\"maxAge\":\"7d\","
			   "\"maxAhead\":\"5m\"}";
	const char *day = "{\"format\":\"date\",\"maxAge\":\"1d\","
			  "\"maxAhead\":0}";

	good(week, "1795305600");
	good(week, "1794700800");
	good(week, "\"1794700800\"");
	good(week, "1795305900");
	bad(week, "1794700799", "more than 7 days ago");
	bad(week, "\"1794700799\"", "more than 7 days ago");
	bad(week, "1795305901", "more than 5 minutes in the future");
	bad(week, "1795305600000",
	    "not a time in whole seconds since 1970 (10 digits these days; 13 "
	    "are milliseconds)");
	bad(week, "1795305600.5",
	    "not a time in whole seconds since 1970 (10 digits these days; 13 "
	    "are milliseconds)");
	good("{\"format\":\"unix-ms\",\"maxAge\":\"168h\"}", "1795305600000");
	bad("{\"format\":\"unix-ms\",\"maxAge\":\"168h\"}", "1794700799000",
	    "more than 7 days ago");
	bad("{\"format\":\"unix-ms\"}", "1795305600",
	    "not a time in whole milliseconds since 1970 (13 digits these "
	    "days; 10 are seconds)");
	good("{\"maxAge\":90}", "\"2026-11-22T01:00:00+01:01\"");
	bad("{\"maxAge\":90}", "\"2026-11-22T01:00:00+01:02\"",
	    "more than 90 seconds ago");
	bad("{\"maxAge\":\"90m\"}", "1795300199", "more than 90 minutes ago");
	bad("{\"maxAge\":\"7d\"}", "\"yesterday\"",
	    "not a point in time, so its age is not known");
	bad("{\"format\":\"date\",\"maxAge\":\"7d\"}", "\"yesterday\"",
	    "not a date as YYYY-MM-DD");
	good(day, "\"2026-11-22\"");
	good(day, "\"2026-11-21\"");
	bad(day, "\"2026-11-20\"", "more than 1 day ago");
	bad(day, "\"2026-11-23\"", "in the future");
	bad("{\"format\":\"uuid\",\"maxAge\":\"7d\"}", "1",
	    "!the schema: maxAge and maxAhead need a point in time: the format "
	    "date, date-time, unix-seconds or unix-ms");
	bad("{\"maxAge\":\"7w\"}", "1",
	    "!maxAge: not a time such as \"7d\", \"12h\", \"5m\" or \"30s\"");
}

/* One wrong byte, wherever it stands among many that are looked at at once. */
static void test_digits(void)
{
	static const char wrong[] = "g/:`@ -\x7f";
	const char *uuid = "\"01234567-89ab-cdef-ABCD-EF0123456789\"";
	const char *sha1 = "\"0123456789abcdef0123456789abcdef01234567\"";
	char text[64];
	int bad_uuids = 0, bad_sums = 0;

	good("{\"format\":\"uuid\"}", uuid);
	good("{\"format\":\"sha1\"}", sha1);
	bad("{\"format\":\"sha256\"}", sha1,
	    "not a SHA-256 as 64 hexadecimal digits in lower case");
	good("{\"format\":\"sha256\"}", "\"e3b0c44298fc1c149afbf4c8996fb92427ae"
					"41e4649b934ca495991b7852b855\"");
	bad("{\"format\":\"sha512\"}", sha1,
	    "not a SHA-512 as 128 hexadecimal digits in lower case");
	good(
	    "{\"format\":\"sha512\"}",
	    "\"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	    "\"");
	for (size_t i = 1; i <= 40; i++)
		for (const char *w = wrong; *w; w++) {
			memcpy(text, uuid, strlen(uuid) + 1);
			if (i <= 36 && text[i] != *w) {
				text[i] = *w;
				bad_uuids +=
				    !*faults_of("{\"format\":\"uuid\"}", text);
			}
			memcpy(text, sha1, strlen(sha1) + 1);
			text[i] = *w;
			bad_sums += !*faults_of("{\"format\":\"sha1\"}", text);
			text[i] = 'A';
			bad_sums += !*faults_of("{\"format\":\"sha1\"}", text);
		}
	ok(!bad_uuids, "a UUID with one wrong byte is none");
	ok(!bad_sums, "nor is a digest");
}

static void test_codes(void)
{
	good("{\"format\":\"iso-4217\"}", "\"EUR\"");
	good("{\"format\":\"iso-4217\"}", "\"ZWG\"");
	bad("{\"format\":\"iso-4217\"}", "\"eur\"",
	    "not a currency's three letters, such as EUR");
	ok(*faults_of("{\"format\":\"iso-4217\"}", "\"EDA\""),
	   "not across two of the list");
	good("{\"format\":\"iso-3166-1\"}", "\"DE\"");
	bad("{\"format\":\"iso-3166-1\"}", "\"UK\"",
	    "not a country's two capital letters, such as DE");
	ok(*faults_of("{\"format\":\"iso-3166-1\"}", "\"de\""), "nor these");
	good("{\"format\":\"md5\"}", "\"d41d8cd98f00b204e9800998ecf8427e\"");
	ok(*faults_of("{\"format\":\"md5\"}",
		      "\"D41d8cd98f00b204e9800998ecf8427e\""),
	   "vendors compare digests as text");
	test_digits();
	good("{\"format\":\"uri\"}", "\"https://u:p@[::1]:80/a?b=/?#c\"");
	for (const char *const *p =
		 (const char *const[]){ "\"https://a b/\"", "\"https://a:x/\"",
					"\"https://a/[b]\"", "\"https://[1]/\"",
					"\"https://a/%2\"", "\"//a/b\"", NULL };
	     *p; p++)
		bad("{\"format\":\"uri\"}", *p, "not a URL with its scheme");
	ok(*faults_of("{\"format\":\"date-time\"}", "\"2026-11-22T12:00:60Z\""),
	   "no leap second at noon");
	good("{\"format\":\"date-time\"}", "\"2016-12-31T18:59:60-05:00\"");
	good("{\"pattern\":\"^\\\\s[\\\\s]\\\\p{Lowercase_Letter}$\"}",
	     "\"\u00a0\\u2003\u00e9\"");
}

static void test_loading(void)
{
	good("{\"maxLength\":2.0}", "\"ab\"");
	bad("{\"maxItems\":1e1,\"minItems\":2}", "[1]", "fewer than 2 items");
	ok(*faults_of("{\"maxLength\":2.5}", "1") == '!', "a count is whole");
	ok(*faults_of("{\"maxLength\":-1}", "1") == '!', "and not below 0");
	ok(*faults_of("{\"maxLength\":1e99}", "1") == '!', "nor endless");
	bad("{\"$schema\":\"http://json-schema.org/draft-07/schema#\"}", "1",
	    "!$schema: only https://json-schema.org/draft/2020-12/schema is "
	    "understood");
	bad("{\"properties\":{\"a\":{\"$ref\":\"#/$defs/x%22%25y\"}},"
	    "\"$defs\":{\"x\\\"%y\":{\"type\":\"null\"}}}",
	    "{\"a\":1}", "a: a number where null is expected");
	bad("{\"properties\":{\"a\":{\"minLenght\":1}}}", "1",
	    "!properties/a/minLenght: not a keyword that is supported here");
	bad("{\"unevaluatedProperties\":false}", "1",
	    "!unevaluatedProperties: not a keyword that is supported here");
	good("{\"normalize\":[\"trim\"],\"title\":\"x\",\"examples\":[1]}",
	     "1");
	ok(*faults_of("{\"type\":\"text\"}", "1") == '!', "no such type");
	ok(*faults_of("{\"$ref\":\"#/$defs/x\"}", "1") == '!',
	   "a $ref that leads nowhere");
	ok(*faults_of("{\"$defs\":{\"x\":{\"typ\":1}}}", "1") == '!',
	   "what nobody refers to is read all the same");
	ok(*faults_of("{\"type\":\"string\",\"type\":\"null\"}", "1") == '!',
	   "a keyword given twice");
}

int main(void)
{
	setenv("RETL_TEST_CLOCK", "1795305600", 1);
	test_values();
	test_numbers();
	test_texts();
	test_formats();
	test_lists();
	test_objects();
	test_combinations();
	test_ages();
	test_codes();
	test_loading();
	return tap_done();
}
