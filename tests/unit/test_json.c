/* SPDX-License-Identifier: MIT */
/* The span scanner from the inside: what is awkward to see through a tool. */
#include "common/json.h"

#include "tests/unit/tap.h"

static bool valid(const char *text)
{
	struct json_fault f;

	return json_check(str_of(text), NULL, &f) == 0;
}

static size_t fault_at(const char *text)
{
	struct json_fault f = { 0, "" };

	return json_check(str_of(text), NULL, &f) == 0 ? SIZE_MAX : f.at;
}

static bool parses(struct json_obj *o, const char *text)
{
	struct json_fault f;

	return json_obj_parse(o, str_of(text), &f) == 0;
}

static bool equal(const char *a, const char *b)
{
	struct buf x = BUF_INIT, y = BUF_INIT;
	bool same = json_equal(str_of(a), str_of(b));

	json_canon(&x, str_of(a));
	json_canon(&y, str_of(b));
	if (same != str_eq(buf_str(&x), buf_str(&y)))
		printf("# canon differs: %s, %s\n", x.data, y.data);
	same = same && str_eq(buf_str(&x), buf_str(&y));
	buf_release(&x);
	buf_release(&y);
	return same;
}

static int cmp(const char *a, const char *b)
{
	return json_num_cmp(str_of(a), str_of(b));
}

static void test_grammar(void)
{
	char deep[1100];

	ok(valid(" {\"a\": [1, 2.50, -0, 1e9, true, null]} "), "plain JSON");
	ok(!valid("01"), "no leading zeros");
	ok(!valid("1."), "a fraction has digits");
	ok(!valid("[1,]"), "no comma before a bracket");
	ok(!valid("{\"a\":1,}"), "no comma before a brace");
	ok(!valid("\"\x01\""), "no raw control characters");
	ok(!valid("\"\\ud800\""), "no lone surrogate");
	ok(!valid("\"\\udc00\\ud800\""), "nor two in the wrong order");
	ok(valid("\"\\ud83d\\ude00\""), "a pair is fine");
	ok(!valid("\"\xc0\x80\""), "no overlong UTF-8");
	ok(!valid("\"\xed\xa0\x80\""), "no surrogates in UTF-8");
	ok(valid("\"\xf0\x9f\x98\x80\""), "four bytes are fine");
	ok(!valid("\"\xf4\x90\x80\x80\""), "nothing beyond U+10FFFF");
	ok(!valid(""), "nothing is not a value");
	is((fault_at("{\"a\":tru}") == 5) ? "5" : "other", "5",
	   "the fault names its place");
	memset(deep, '[', 512);
	memset(deep + 512, ']', 512);
	deep[1024] = '\0';
	ok(valid(deep), "512 levels are fine");
	memset(deep, '[', 513);
	memset(deep + 513, ']', 513);
	deep[1026] = '\0';
	ok(!valid(deep), "513 are not");
}

static void test_members(void)
{
	struct json_obj o = JSON_OBJ_INIT;
	struct json_slot slot = JSON_SLOT(STR("b"));
	uint32_t shape;

	ok(parses(&o, "{\"a\":1,\"b\":{\"a\":2}}"), "an object");
	ok(o.n == 2 && json_obj_slot(&o, &slot) == 1, "members in order");
	shape = o.shape;
	ok(parses(&o, "{\"a\": 7 , \"b\" : 3 }") && o.shape == shape,
	   "the same names are the same shape");
	ok(parses(&o, "{\"b\":1,\"a\":2}") && json_obj_slot(&o, &slot) == 0,
	   "another order is found again");
	ok(parses(&o, "{\"a\":1}") && json_obj_slot(&o, &slot) == -1,
	   "a shorter object does not pass for the longer one");
	ok(!parses(&o, "{\"a\":1,\"a\":2}"), "a repeated name");
	ok(!parses(&o, "{\"a\":1,\"\\u0061\":2}"),
	   "a repeated name in another spelling");
	ok(parses(&o, "{}") && o.n == 0, "an empty object");
	ok(!parses(&o, "[1]"), "an array is no record");
	ok(!parses(&o, "{\"a\":1} x"), "nothing may follow");
	json_obj_release(&o);
}

static void test_values(void)
{
	struct str v;

	ok(cmp("9007199254740993", "9007199254740992") > 0, "beyond doubles");
	ok(cmp("1", "1.0") == 0 && cmp("1", "1e0") == 0 &&
	       cmp("1", "10e-1") == 0,
	   "spellings of one");
	ok(cmp("-2", "-1") < 0 && cmp("-1", "0") < 0 && cmp("0", "-0") == 0,
	   "signs");
	ok(cmp("0.1", "0.09") > 0 && cmp("1e-400", "0") > 0, "small ones");
	ok(cmp("123456789012345678901234567890", "1.2e29") > 0 &&
	       cmp("100", "99.999") > 0,
	   "long ones");
	ok(equal("{\"a\":1,\"b\":[1.50]}", "{ \"b\": [1.5], \"a\": 1.0 }"),
	   "order and spelling do not count");
	ok(equal("\"\\u00e9\"", "\"\xc3\xa9\""), "nor do escapes");
	ok(!equal("[1,2]", "[2,1]"), "the order of elements does");
	ok(!equal("1", "\"1\"") && !equal("null", "false"), "types do");
	ok(!json_equal(STR("{\"a\":1,\"a\":1}"), STR("{\"a\":1}")),
	   "a repeated name equals nothing else");
	ok(json_pointer(STR("{\"a\":{\"b/c\":[5,6]}}"), STR("/a/b~1c/1"), &v) ==
		   1 &&
	       str_is(v, "6"),
	   "a pointer");
	ok(json_find(STR("{\"a\":1,\"a\":2}"), STR("a"), &v) == -1,
	   "a name asked for and found twice");
}

static void test_text(void)
{
	struct buf b = BUF_INIT;

	json_unescape(&b, STR("a\\n\\u00e9\\ud83d\\ude00\\/"));
	is(b.data, "a\n\xc3\xa9\xf0\x9f\x98\x80/", "unescaping");
	buf_reset(&b);
	json_put_str(&b, STR("\"\\\b\f\n\r\t\x01/\x7f"));
	is(b.data, "\"\\\"\\\\\\b\\f\\n\\r\\t\\u0001/\x7f\"", "escaping");
	buf_reset(&b);
	json_put_compact(&b, STR("{ \"a b\" : [ 1 , \"\\\" \" ] }"));
	is(b.data, "{\"a b\":[1,\"\\\" \"]}", "compacting");
	buf_release(&b);
}

int main(void)
{
	test_grammar();
	test_members();
	test_values();
	test_text();
	return tap_done();
}
