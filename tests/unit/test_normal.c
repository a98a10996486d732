/* SPDX-License-Identifier: MIT */
/* Each step by itself: what it makes, and that twice is as once. */
#include "common/normal.h"

#include "common/digest.h"
#include "common/enc.h"
#include "tests/unit/tap.h"

/* The record that values stand in. */
static struct str record = { "{}", 2 };

/* The steps' result as JSON, or "!REASON"; in *again, once more over it. */
static void normal(const char *steps, struct str value, struct buf *out)
{
	struct buf err = BUF_INIT;
	struct normal *n = normal_new(str_of(steps), NULL, NULL, &err);
	struct normal_value v;
	struct normal_fault f;
	bool changed;

	buf_reset(out);
	if (!n)
		buf_addf(out, "!!%s", err.data);
	else if (normal_run(n, value, record, &v, &changed, &f) < 0)
		buf_addf(out, "!%s", f.code);
	else if (v.is_text)
		json_put_str(out, v.s);
	else
		buf_adds(out, v.s);
	normal_free(n);
	buf_release(&err);
}

static void gives(const char *steps, const char *value, const char *wanted)
{
	struct buf once = BUF_INIT, twice = BUF_INIT, claim = BUF_INIT;

	normal(steps, str_of(value), &once);
	buf_addf(&claim, "%s of %s", steps, value);
	is(once.data, wanted, claim.data);
	if (*once.data != '!') {
		normal(steps, buf_str(&once), &twice);
		if (strcmp(once.data, twice.data) != 0)
			is(twice.data, once.data, "twice is as once");
	}
	buf_release(&once);
	buf_release(&twice);
	buf_release(&claim);
}

static void test_letters(void)
{
	gives("[\"trim\"]", "\" \\t\xc2\xa0 a b\xe2\x80\x83\\n\"", "\"a b\"");
	gives("[\"trim\"]", "\"\xef\xbb\xbf\"", "\"\"");
	gives("[\"lower\"]", "\"ABC\"", "\"abc\"");
	gives("[\"lower\"]", "\"\xc3\x89\xc3\xa9\"", "\"\xc3\xa9\xc3\xa9\"");
	gives("[\"lower\"]", "\"E\xcc\x81\"", "\"\xc3\xa9\"");
	gives("[\"lower\"]",
	      "\"Stra\xc3\x9f"
	      "e\"",
	      "\"stra\xc3\x9f"
	      "e\"");
	gives("[\"lower\"]", "\"\\u00c9\\ud83d\\ude00\"",
	      "\"\xc3\xa9\xf0\x9f\x98\x80\"");
	gives("[\"upper\"]",
	      "\"stra\xc3\x9f"
	      "e\"",
	      "\"STRA\xe1\xba\x9e"
	      "E\"");
	gives("[\"nfc\"]", "\"e\xcc\x81\"", "\"\xc3\xa9\"");
	gives("[\"nfc\",\"lower\"]", "\"\xe1\x84\x8c\xe1\x85\xa5\xe1\x86\xbc\"",
	      "\"\xec\xa0\x95\"");
	gives("[\"strip-spaces\"]", "\" a b\xe3\x80\x80 c \"", "\"abc\"");
	gives("[\"letters\"]", "\"O'Neil-Smith 3\"", "\"ONeilSmith\"");
	gives("[\"letters\"]", "\"val\xc3\xa9ry!\"", "\"val\xc3\xa9ry\"");
	gives("[\"alnum\"]", "\"S\xc3\xa3o Paulo 7\"", "\"SoPaulo7\"");
	gives("[\"strip-punct\"]", "\"a.b,c-d \xe2\x80\x9cz\xe2\x80\x9d\"",
	      "\"abcd z\"");
	gives("[\"first=2\"]",
	      "\"\xc3\xa9"
	      "abc\"",
	      "\"\xc3\xa9"
	      "a\"");
	gives("[\"cut=-\"]", "\"94103-1234\"", "\"94103\"");
	gives("[\"prefix=+\"]", "\"49\"", "\"+49\"");
	gives("[\"pad=2\"]", "\"7\"", "\"07\"");
	gives("[\"strip-leading-zeros\"]", "\"007\"", "\"7\"");
}

static void test_persons(void)
{
	const char *email = "[\"strip-spaces\",\"lower\",\"gmail\"]";
	const char *given = "[\"trim\",\"lower\",\"strip-title\"]";
	const char *family = "[\"trim\",\"lower\",\"strip-suffix\"]";

	gives(email, "\"Cloudy.SanFrancisco+shopping@gmail.com\"",
	      "\"cloudysanfrancisco@gmail.com\"");
	gives(email, "\"user.name+NYC@Example.com\"",
	      "\"user.name+nyc@example.com\"");
	gives(given, "\" Mr. Alex   \"", "\"alex\"");
	gives(given, "\"Alex Dr.\"", "\"alex dr.\"");
	gives(given, "\"Mralex\"", "\"mralex\"");
	gives(family, "\" Quinn, Jr.   \"", "\"quinn\"");
	gives(family, "\"quinn, jr., dds\"", "\"quinn\"");
	gives(family, "\"Quinn-Alex\"", "\"quinn-alex\"");
}

static void test_phones(void)
{
	gives("[\"digits\"]", "\"+44 844 412 4653\"", "\"448444124653\"");
	gives("[\"digits\"]", "\"\xd9\xa1\xd9\xa2\"", "!digits");
	gives("[\"e164\"]", "\"+49 (0)30 / 123-456\"", "\"+4930123456\"");
	gives("[\"e164\"]", "\"0049 30 123456\"", "\"+4930123456\"");
	gives("[\"e164\"]", "\"+18005550100\"", "\"+18005550100\"");
	gives("[\"e164\"]", "\"030 123456\"", "!e164");
	gives("[\"e164\"]", "\"+1 800 FLOWERS\"", "!e164");
	gives("[\"e164\"]", "\"+1234567890123456\"", "!e164");
	gives("[\"e164\"]", "\"+0049301234\"", "!e164");
	gives("[\"e164\"]", "\"+12\"", "!e164");
	gives("[\"e164\"]", "\"+49 30 123456 ext. 7\"", "\"+4930123456\"");
	gives("[\"e164\"]", "\"+1 650-555-1212x12\"", "\"+16505551212\"");
	gives("[\"e164\"]", "\"+1 650-555-1212 x\"", "!e164");
	gives("[\"e164\"]", "\"\xe2\x80\xaa+4930123456\xe2\x80\xac\"",
	      "\"+4930123456\"");
	gives("[\"e164\"]", "\"+39 06 12345678\"", "\"+390612345678\"");
	gives("[\"e164\"]", "\"+2250712345678\"", "\"+2250712345678\"");
	gives("[\"e164=DE\"]", "\"+1 650 555 1212\"", "\"+16505551212\"");
}

/* What a step's argument may be taken from. */
static void test_members(void)
{
	record = STR("{\"n\":2,\"land\":\"France\",\"a\":{\"b\":\" x \"},"
		     "\"l\":[],\"us\":\"USA\",\"twice\":{\"a\":1,\"a\":2}}");
	gives("[\"first=/n\"]", "\"abc\"", "\"ab\"");
	gives("[\"prefix=/a/b\"]", "\"abc\"", "\"xabc\"");
	gives("[\"first=/a/b\"]", "\"abc\"", "!first");
	gives("[\"first=/no\"]", "\"abc\"", "!first");
	gives("[\"prefix=/l\"]", "\"abc\"", "!prefix");
	gives("[\"prefix=/twice/a\"]", "\"abc\"", "!prefix");
	gives("[\"state=/land\"]", "\"Georgia\"", "\"georgia\"");
	gives("[\"state=/us\"]", "\"Georgia\"", "\"ga\"");
	gives("[\"state=/no\"]", "\"Georgia\"", "\"ga\"");
	gives("[\"zip=/land\"]", "\"94103-1234\"", "\"94103-1234\"");
	gives("[\"zip=/us\"]", "\"94103-1234\"", "\"94103\"");
	gives("[\"trim=/n\"]", "\"a\"", "!!the step trim takes no argument");
	record = STR("{}");
}

/* The table of the ad platforms' rules: what has no step above. */
static void test_fields(void)
{
	gives("[\"lower\",\"gmail-dots\"]", "\"A.b+c@GMail.com\"",
	      "\"ab+c@gmail.com\"");
	gives("[\"gmail-dots\"]", "\"a.b@example.com\"", "\"a.b@example.com\"");
	gives("[\"all-dots-plus\"]", "\"a.b+c@example.com\"",
	      "\"ab@example.com\"");
	gives("[\"all-dots-plus\"]", "\"+@example.com\"", "\"+@example.com\"");
	gives("[\"all-dots-plus\"]", "\"a.b\"", "\"a.b\"");
	gives("[\"lower\",\"keep=a-z0-9.@+-\"]", "\"O'Neil-X+1@ex_ample.com\"",
	      "\"oneil-x+1@example.com\"");
	gives("[\"keep=\u00e0-\u00ff\"]", "\"a\u00e9\u00ff\u0100\"",
	      "\"\u00e9\u00ff\"");
	gives("[\"drop=0-9 \"]", "\"4 u 2\"", "\"u\"");
	gives("[\"gender\"]", "\" Male\"", "\"m\"");
	gives("[\"gender\"]", "\"WOMAN\"", "\"f\"");
	gives("[\"gender\"]", "\"f\"", "\"f\"");
	gives("[\"gender\"]", "\"diverse\"", "!gender");
	gives("[\"gender\"]", "\"n\"", "!gender");
	gives("[\"gender-n\"]", "\" Non-Binary\"", "\"n\"");
	gives("[\"gender-n\"]", "\"Female\"", "\"f\"");
	gives("[\"gender-n\"]", "\"unknown\"", "!gender-n");
	gives("[\"state\"]", "\" California \"", "\"ca\"");
	gives("[\"state\"]", "\"CA\"", "\"ca\"");
	gives("[\"state\"]", "\"New-York\"", "\"ny\"");
	gives("[\"state\"]", "\"N.Y.\"", "\"ny\"");
	gives("[\"state\"]", "\"U.S. Virgin Islands\"", "\"vi\"");
	gives("[\"state\"]", "\"Washington, D.C.\"", "\"dc\"");
	gives("[\"state\"]", "\"Nordrhein-Westfalen\"",
	      "\"nordrheinwestfalen\"");
	gives("[\"state=DE\"]", "\"Hessen 1\"", "\"hessen1\"");
	gives("[\"zip\"]", "\"94103-1234\"", "\"94103\"");
	gives("[\"zip\"]", "\"SW1A 1AA\"", "\"sw1a1aa\"");
	gives("[\"zip\"]", "\"00-950\"", "\"00-950\"");
	gives("[\"phone\",\"digits\"]", "\"1 (650) 555-1212\"",
	      "\"16505551212\"");
	gives("[\"phone\"]", "\"(1) 650 555 1212\"", "\"+16505551212\"");
	gives("[\"phone\"]", "\"0049 30 123456\"", "\"+4930123456\"");
	gives("[\"phone\"]", "\"+49 (0)30 123456\"", "\"+4930123456\"");
	gives("[\"phone\"]", "\"030 123456\"", "!phone");
	gives("[\"phone\"]", "\"unknown\"", "!phone");
	gives("[\"trunk-zero\",\"digits\",\"strip-leading-zeros\"]",
	      "\"+44-0447-234-2344\"", "\"444472342344\"");
	gives("[\"trunk-zero\",\"digits\",\"strip-leading-zeros\"]",
	      "\"0044 0447 2342344\"", "\"444472342344\"");
	gives("[\"trunk-zero\"]", "\"+440447\"", "\"+440447\"");
	gives("[\"trunk-zero\"]", "\"(0) 447\"", "\"(0) 447\"");
}

static void test_others(void)
{
	gives("[\"number\"]", "\" 12.50\"", "12.50");
	gives("[\"number\"]", "9007199254740993", "9007199254740993");
	gives("[\"number\"]", "\"\"", "\"\"");
	gives("[\"number\"]", "\"12,50\"", "!number");
	gives("[\"number\"]", "\"1 2\"", "!number");
	gives("[\"number\"]", "\"007\"", "!number");
	gives("[\"number\"]", "\"true\"", "!number");
	gives("[\"number\",\"string\"]", "\" 1.10 \"", "\"1.10\"");
	gives("[\"boolean\"]", "\"Yes\"", "true");
	gives("[\"boolean\"]", "0", "false");
	gives("[\"boolean\"]", "true", "true");
	gives("[\"boolean\"]", "\"maybe\"", "!boolean");
	gives("[\"boolean\"]", "2", "!boolean");
	gives("[\"country\"]", "\"DE\"", "\"de\"");
	gives("[\"country\"]", "\" usa \"", "\"us\"");
	gives("[\"country\"]", "\"United Kingdom\"", "\"gb\"");
	gives("[\"country\",\"upper\"]", "\"germany\"", "\"DE\"");
	gives("[\"country\"]", "\"XX\"", "!country");
	gives("[\"date=YYYYMMDD\"]", "\"1990-01-31\"", "\"19900131\"");
	gives("[\"date=MM\"]", "\"1990-01-31T10:00:00Z\"", "\"01\"");
	gives("[\"date=YYYYMMDD\"]", "\"31.1.1990\"", "!date");
	gives("[\"date=YYYYMMDD\"]", "\"1990-02-30\"", "!date");
	gives("[\"unix\"]", "\"2026-11-22T19:33:17+01:00\"", "1795372397");
	gives("[\"unix\"]", "\"1969-12-31\"", "-86400");
	gives("[\"unix\"]", "\"2026-11-22 19:33:17\"", "!unix");
	gives("[\"unix-ms\"]", "\"1970-01-01T00:00:01Z\"", "1000");
	gives("[\"unix-ms\"]", "\"1970-01-01T00:00:01.5Z\"", "1500");
	gives("[\"unix-ms\"]", "\"1970-01-01T00:00:01.0079Z\"", "1007");
	gives("[\"unix-ms\"]", "\"1969-12-31T23:59:59.25Z\"", "-750");
	gives("[\"unix\"]", "\"1970-01-01T00:00:01.9Z\"", "1");
	gives("[\"string\"]", "1.10", "\"1.10\"");
	gives("[\"string\"]", "9007199254740993", "\"9007199254740993\"");
	gives("[\"string\"]", "true", "\"true\"");
	gives("[\"lower\"]", "1", "1");
	gives("[\"join=;\"]", "[\"a\",null,2]", "\"a;2\"");
	gives("[\"join=;\"]", "[\"a;b\"]", "!join");
	gives("[\"first=x\"]", "\"\"", "!!the step first needs a number");
	gives("[\"trim=1\"]", "\"\"", "!!the step trim takes no argument");
}

/* Steps that are no steps are errors when they are read. */
static void test_reading(void)
{
	struct buf err = BUF_INIT;

	ok(!normal_new(STR("[\"trimm\"]"), NULL, NULL, &err) &&
	       strstr(err.data, "'trimm' is not a step"),
	   "an unknown step is named");
	ok(!normal_new(STR("\"trim\""), NULL, NULL, &err), "steps are a list");
	ok(!normal_new(STR("[1]"), NULL, NULL, &err), "of texts");
	ok(!normal_new(STR("[\"e164=Atlantis\"]"), NULL, NULL, &err) &&
	       strstr(err.data, "is not a country"),
	   "a country that is none");
	buf_release(&err);
}

static void sha256(const char *steps, const char *value, const char *wanted)
{
	struct buf text = BUF_INIT, hex = BUF_INIT;
	uint8_t sum[DIGEST_MAX];

	normal(steps, str_of(value), &text);
	digest(DIGEST_SHA256, text.data + 1, text.len - 2, sum);
	enc_hex(&hex, sum, digest_size(DIGEST_SHA256));
	is(hex.data, wanted, value);
	buf_release(&text);
	buf_release(&hex);
}

/* What the vendors publish. */
static void test_vectors(void)
{
	const char *email = "[\"trim\",\"lower\"]";
	const char *name = "[\"trim\",\"lower\",\"strip-punct\"]";
	const char *phone = "[\"digits\",\"strip-leading-zeros\"]";

	sha256(email, "\" John_Smith@gmail.com \"",
	       "62a14e44f765419d10fea99367361a727c12365e2520f32218d505ed9aa0f62"
	       "f");
	sha256(phone, "\"US phone number 1 (650)555-1212\"",
	       "e323ec626319ca94ee8bff2e4c87cf613be6ea19919ed1364124e16807ab317"
	       "6");
	sha256(name, "\"Mary\"",
	       "6915771be1c5aa0c886870b6951b03d7eafc121fea0e80a5ea83beb7c449f4e"
	       "c");
	sha256(name, "\"Val\\u00e9ry\"",
	       "08e1996b5dd49e62a4b4c010d44e4345592a863bb9f8e3976219bac29417149"
	       "c");
	sha256(name, "\"\xec\xa0\x95\"",
	       "8fa8cd9c440be61d0151429310034083132b35975c4bea67fdd74158eb51db1"
	       "4");
	sha256(email, "\"Person@Example.com\"",
	       "542d240129883c019e106e3b1b2d3f3cb3537c43c425364de8e951d5a308334"
	       "5");
	sha256(phone, "\"+44 844 412 4653\"",
	       "dc008fda46e2e64002cf2f82a4906236282d431c4f75e5b60bfe79fc4854638"
	       "3");
	sha256(email, "\"alexz@example.com\"",
	       "509e933019bb285a134a9334b8bb679dff79d0ce023d529af4bd744d47b4fd8"
	       "a");
	sha256("[\"e164\"]", "\"+1 800 555 0100\"",
	       "fb4f73a6ec5fdb7077d564cdd22c3554b43ce49168550c3b12c547b78c517b3"
	       "0");
	sha256("[\"strip-spaces\",\"lower\",\"gmail\"]",
	       "\"Cloudy.SanFrancisco+shopping@gmail.com\"",
	       "223ebda6f6889b1494551ba902d9d381daf2f642bae055888e96343d53e9f9c"
	       "4");
	sha256("[\"trunk-zero\",\"digits\",\"strip-leading-zeros\"]",
	       "\"+44-0447-234-2344\"",
	       "19f25a18866af88fc60189c3af85010a0b971cf976053787fe21e004538c20a"
	       "0");
	sha256("[\"state\"]", "\"California\"",
	       "6959097001d10501ac7d54c0bdb8db61420f658f2922cc26e46d536119a3112"
	       "6");
	sha256("[\"country\"]", "\"United States\"",
	       "79adb2a2fce5c6ba215fe5f27f532d4e7edbac4b6a5e09e1ef3a08084a90462"
	       "1");
	sha256("[\"lower\",\"first=1\"]", "\"Male\"",
	       "62c66a7a5dd70c3146618063c344e531e6d4b59e379808443ce962b3abd63c5"
	       "a");
	sha256("[\"lower\",\"first=1\"]", "\"F\"",
	       "252f10c83610ebca1a059c0bae8255eba2f95be4d1d7bcfa89d7248a82d9f11"
	       "1");
	sha256(email, "\"CA\"",
	       "6959097001d10501ac7d54c0bdb8db61420f658f2922cc26e46d536119a3112"
	       "6");
	sha256("[\"country\"]", "\"United States\"",
	       "79adb2a2fce5c6ba215fe5f27f532d4e7edbac4b6a5e09e1ef3a08084a90462"
	       "1");
}

int main(void)
{
	test_letters();
	test_persons();
	test_phones();
	test_members();
	test_fields();
	test_others();
	test_reading();
	test_vectors();
	return tap_done();
}
