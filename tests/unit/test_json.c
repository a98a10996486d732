/* SPDX-License-Identifier: MIT */
/* The span scanner from the inside: what is awkward to see through a tool. */
#include "common/json.h"
#include "common/json_index.h"

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

static uint64_t seed = 1;

static unsigned rnd(unsigned n)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(seed >> 33) % n;
}

/* Of some words of the index, with escapes and characters across its words. */
static void random_string(struct buf *b)
{
	static const char *const parts[] = {
		"plain text",
		"a",
		"\\\"",
		"\\\\",
		"\\n",
		"\\u00e9",
		"\\ud83d\\ude00",
		"\xc3\xa9",
		"\xe2\x82\xac",
		"\xf0\x9f\x98\x80",
		"[{,:}]",
		" ",
	};
	static const char *const wrong[] = {
		"\\x",  "\\u12", "\\ud83d", "\\ude00",
		"\xc3", "\xff",  "\t",      "\xed\xa0\x80",
	};

	buf_addc(b, '"');
	for (unsigned n = rnd(40); n; n--)
		buf_addz(b, parts[rnd(ARRAY_LEN(parts))]);
	if (rnd(16) == 0)
		buf_addz(b, wrong[rnd(ARRAY_LEN(wrong))]);
	buf_addc(b, '"');
}

/* An object whose names are often those of the last; sometimes damaged. */
static void random_object(struct buf *b)
{
	static const char *const names[] = { "",
					     "a",
					     "ab",
					     "id",
					     "id2",
					     "a\\u0062",
					     "quite_a_long_name_of_a_member",
					     "seven__",
					     "\xc3\xa9t\xc3\xa9" };
	static const char *const values[] = {
		"1", "-2.5e3", "1234567890123456789012345", "0.10e+12", "01",
		"\"x\"", "null", "true", "[1,{}]",
		/* More than 16 quotes, and than 32, in a word of the index. */
		"[\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\"]",
		"[\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\","
		"\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\"]",
		"{\"id\":[]}", "\"a long string, \\n, \xc3\xa9\""
	};
	static const char *const blanks[] = { "", "", "", " ", "\t " };
	unsigned from = rnd(4) ? 3 : rnd(ARRAY_LEN(names)), n = rnd(5);

	buf_reset(b);
	buf_addc(b, '{');
	for (unsigned i = 0; i < n; i++) {
		unsigned at = (from + i) % ARRAY_LEN(names);

		buf_addf(b, "%s\"%s\"%s:%s", i ? "," : "",
			 names[rnd(20) ? at : rnd(ARRAY_LEN(names))],
			 blanks[rnd(5)], blanks[rnd(5)]);
		if (rnd(4))
			buf_addz(b, values[rnd(ARRAY_LEN(values))]);
		else
			random_string(b);
	}
	buf_addc(b, '}');
	if (rnd(4) == 0)
		buf_truncate(b, rnd((unsigned)b->len + 1));
	if (rnd(4) == 0 && b->len)
		b->data[rnd((unsigned)b->len)] = "\"{}[]:,\\ x1\xff"[rnd(12)];
}

static bool same_members(const struct json_obj *a, const struct json_obj *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (!str_eq(a->m[i].key, b->m[i].key) ||
		    !str_eq(a->m[i].val, b->m[i].val) ||
		    a->m[i].key_esc != b->m[i].key_esc)
			return false;
	return true;
}

/*
 * The lines of text, each with one struct that remembers names and the index of
 * all, and with a new one that has neither: how often do they differ?
 */
static int lines_differ(struct json_obj *kept, struct json_index *x,
			struct str text)
{
	const char *end = text.s + text.n;
	int bad = 0;

	json_index_forget(x);
	while (text.n) {
		struct json_obj fresh = JSON_OBJ_INIT;
		struct json_fault f = { 0, "" }, g = { 0, "" };
		const char *lf = memchr(text.s, '\n', text.n);
		struct str line = { text.s,
				    (size_t)((lf ? lf : end) - text.s) };
		const char *found =
		    json_index_usable() ? json_index_line(x, text) : NULL;
		int a, b;

		bad += found && found != lf;
		if (line.n && line.s[line.n - 1] == '\r')
			line.n--;
		a = json_obj_parse_indexed(kept, line, found ? x : NULL, &f);
		b = json_obj_parse(&fresh, line, &g);
		bad += a != b || f.at != g.at || strcmp(f.what, g.what) != 0;
		bad += a == 0 && !same_members(kept, &fresh);
		bad += (a == 0) && json_check(line, NULL, &f) < 0;
		json_obj_release(&fresh);
		text.s = lf ? lf + 1 : end;
		text.n = (size_t)(end - text.s);
	}
	return bad;
}

/* Random objects, up to some thousand in a text. */
static int memory_matters(void)
{
	static struct json_index x;
	struct json_obj kept = JSON_OBJ_INIT;
	struct buf b = BUF_INIT, all = BUF_INIT;
	int bad = 0;

	for (int i = 0; i < 20000; i++) {
		unsigned n = 1 + rnd(i % 500 ? 20 : 4000);
		char *text;

		buf_reset(&all);
		while (n--) {
			random_object(&b);
			buf_adds(&all, buf_str(&b));
			buf_addz(&all, rnd(9) ? "\n" : rnd(3) ? "\r\n" : " ");
		}
		/* Exactly as large as the text: a sanitizer sees more. */
		text = memcpy(malloc(all.len), all.data, all.len);
		bad += lines_differ(&kept, &x, (struct str){ text, all.len });
		free(text);
	}
	json_obj_release(&kept);
	buf_release(&b);
	buf_release(&all);
	return bad;
}

/* How often does the index of strings from few to many a word not list them? */
static int index_misses(void)
{
	static struct json_index x;
	uint16_t want[512];
	char text[512];
	int bad = 0;

	for (int i = 0; i < 20000; i++) {
		size_t len = rnd(sizeof text), n = 0, at = 0;
		unsigned most = 1 + rnd(40);

		memset(text, 'a', sizeof text);
		for (;;) {
			at += rnd(most);
			if (at + 1 + most >= len || n + 2 > ARRAY_LEN(want))
				break;
			text[at] = '"';
			want[n++] = (uint16_t)at;
			at += 1 + rnd(most);
			text[at] = '"';
			want[n++] = (uint16_t)at++;
		}
		json_index_fill(&x, (struct str){ text, len });
		bad += x.n != len || x.quotes[n] != UINT16_MAX ||
		       memcmp(x.quotes, want, n * sizeof *want) != 0;
	}
	return bad;
}

/* What stops an index: at which byte of the second line, and not before. */
static size_t stops_at(const char *line)
{
	static struct json_index x;
	struct buf b = BUF_INIT;
	size_t at;

	buf_addf(&b, "{\"a\":1}\n%s\n", line);
	json_index_fill(&x, buf_str(&b));
	at = x.n == b.len ? 0 : x.n - 8;
	buf_release(&b);
	return at;
}

static void test_index(void)
{
	ok(index_misses() == 0, "an index lists every quote");
	ok(!stops_at("{\"\\u00e9\xc3\xa9\":1}\r") && !stops_at("x"),
	   "it goes on over what may be");
	ok(stops_at("{\"\xff\":1}") == 2 && stops_at("{\"\\x\":1}") == 2 &&
	       stops_at("{\t\"a\":1}") == 1 && stops_at("{}\r ") == 2 &&
	       stops_at("{\"\xc3") == 2,
	   "and ends at what may not");
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
	if (json_index_usable())
		test_index();
	ok(memory_matters() == 0, "what was read before makes no difference");
	test_values();
	test_text();
	return tap_done();
}
