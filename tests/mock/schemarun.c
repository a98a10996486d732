/* SPDX-License-Identifier: MIT */
/*
 * Plays a file of JSON Schema's official test suite: an array of groups, each
 * a schema and tests of it.
 *
 *	schemarun FILE
 *
 * A line for each test: "pass" or "FAIL", or, where the schema is not taken,
 * "refused" with the reason; then a tab and the descriptions.
 */
#include "common/file.h"
#include "common/mem.h"
#include "common/msg.h"
#include "common/schema.h"

static void say(const char *what, struct str group, struct str test)
{
	struct buf a = BUF_INIT, b = BUF_INIT;

	json_unescape(&a, (struct str){ group.s + 1, group.n - 2 });
	json_unescape(&b, (struct str){ test.s + 1, test.n - 2 });
	printf("%s\t%s: %s\n", what, a.data, b.data);
	buf_release(&a);
	buf_release(&b);
}

static void play_test(const struct schema *s, const char *refused,
		      struct str group, struct str test)
{
	struct str name = json_get(test, "description");
	bool valid = *json_get(test, "valid").s == 't', is;
	struct faults f = FAULTS_INIT;
	struct buf why = BUF_INIT;

	if (!s) {
		buf_addf(&why, "refused %s", refused);
		say(why.data, group, name);
	} else {
		is = schema_check(s, json_get(test, "data"), &f) == 0;
		say(is == valid ? "pass" : "FAIL", group, name);
		if (is != (f.n == 0))
			say("FAIL (result and faults differ)", group, name);
	}
	faults_release(&f);
	buf_release(&why);
}

static void play(struct str group)
{
	struct str name = json_get(group, "description"), test;
	struct buf err = BUF_INIT;
	struct schema *s = schema_new(json_get(group, "schema"), NULL, &err);
	struct json_iter it;

	json_iter_init(&it, json_get(group, "tests"));
	while (json_iter_element(&it, &test))
		play_test(s, err.data, name, test);
	schema_free(s);
	buf_release(&err);
}

int main(int argc, char **argv)
{
	struct buf text = BUF_INIT, err = BUF_INIT;
	struct json_fault fault;
	struct json_iter it;
	struct str all, group;

	msg_init("schemarun");
	if (argc != 2)
		die(EX_USAGE, "one file is expected");
	if (file_read(argv[1], SIZE_MAX, &text, &err) < 0)
		die(EX_NOINPUT, "%s", err.data);
	if (json_check(buf_str(&text), &all, &fault) < 0)
		die(EX_DATAERR, "%s: %s", argv[1], fault.what);
	json_iter_init(&it, all);
	while (json_iter_element(&it, &group))
		play(group);
	buf_release(&text);
	return 0;
}
