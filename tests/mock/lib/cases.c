/* SPDX-License-Identifier: MIT */
#include "tests/mock/lib/cases.h"

#include <fcntl.h>

#include "common/file.h"
#include "common/json.h"
#include "common/msg.h"

#define CASES_MAX (16 << 20)

void cases_load(struct cases *c, const char *path)
{
	struct buf err = BUF_INIT;
	struct json_fault fault;

	c->path = path;
	c->text = BUF_INIT;
	if (file_read(path, CASES_MAX, &c->text, &err) < 0)
		die(EX_NOINPUT, "%s", err.data);
	if (json_check(buf_str(&c->text), &c->list, &fault) < 0)
		die(EX_CONFIG, "%s: byte %zu: %s", path, fault.at, fault.what);
	if (json_type(c->list) != JSON_ARRAY)
		die(EX_CONFIG, "%s: not a list of cases", path);
}

void cases_release(struct cases *c)
{
	buf_release(&c->text);
}

static struct str text_of(struct str value, struct buf *scratch)
{
	if (value.s && json_type(value) == JSON_STRING)
		return json_text(value, scratch);
	return value;
}

void cases_names(const struct cases *c)
{
	struct buf scratch = BUF_INIT;
	struct json_iter it;
	struct str one;

	json_iter_init(&it, c->list);
	while (json_iter_element(&it, &one)) {
		struct str name = text_of(json_get(one, "name"), &scratch);

		printf("%.*s\n", STR_ARG(name));
	}
	buf_release(&scratch);
}

struct str cases_get(const struct cases *c, uint64_t n)
{
	struct json_iter it;
	struct str one;

	json_iter_init(&it, c->list);
	while (json_iter_element(&it, &one))
		if (--n == 0)
			return one;
	die(EX_USAGE, "%s has no such case", c->path);
}

/* ---- a case as files ---- */

static void file_put(const char *folder, const char *name, struct str text)
{
	struct buf path = BUF_INIT;
	int fd;

	buf_addf(&path, "%s/%s", folder, name);
	fd = open(path.data, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || file_write_all(fd, text.s, text.n) < 0 || close(fd) < 0)
		die(EX_CANTCREAT, "%s: %s", path.data, strerror(errno));
	buf_release(&path);
}

/* Elements of a list, one a line: texts as they are, all else compact. */
static void lines_put(struct buf *out, struct str list)
{
	struct buf scratch = BUF_INIT;
	struct json_iter it;
	struct str v;

	if (list.s) {
		json_iter_init(&it, list);
		while (json_iter_element(&it, &v)) {
			if (json_type(v) == JSON_STRING)
				buf_adds(out, json_text(v, &scratch));
			else
				json_put_compact(out, v);
			buf_addc(out, '\n');
		}
	}
	buf_release(&scratch);
}

static void pairs_put(struct buf *out, struct str object)
{
	struct buf scratch = BUF_INIT;
	struct json_member m;
	struct json_iter it;

	if (object.s) {
		json_iter_init(&it, object);
		while (json_iter_member(&it, &m)) {
			buf_adds(out, m.key);
			buf_addc(out, '=');
			buf_adds(out, text_of(m.val, &scratch));
			buf_addc(out, '\n');
		}
	}
	buf_release(&scratch);
}

static void files_put(const char *folder, struct str object)
{
	struct buf scratch = BUF_INIT, name = BUF_INIT;
	struct json_member m;
	struct json_iter it;

	if (object.s) {
		json_iter_init(&it, object);
		while (json_iter_member(&it, &m)) {
			buf_reset(&name);
			buf_addf(&name, "files.%.*s", STR_ARG(m.key));
			file_put(folder, name.data, text_of(m.val, &scratch));
		}
	}
	buf_release(&scratch);
	buf_release(&name);
}

void cases_extract(struct str one, const char *folder)
{
	static const char *const lists[] = { "records", "rows", "receipts",
					     "args" };
	static const char *const objects[] = { "settings", "contract" };
	static const char *const texts[] = { "mapping", "exit", "now", "says" };
	struct buf out = BUF_INIT, name = BUF_INIT, scratch = BUF_INIT;

	for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
		buf_reset(&out);
		lines_put(&out, json_get(one, lists[i]));
		file_put(folder, lists[i], buf_str(&out));
	}
	for (size_t i = 0; i < ARRAY_LEN(objects); i++) {
		struct str v = json_get(one, objects[i]);

		buf_reset(&name);
		buf_addf(&name, "%s.json", objects[i]);
		file_put(folder, name.data, v.s ? v : STR("{}"));
	}
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct str v = text_of(json_get(one, texts[i]), &scratch);

		file_put(folder, texts[i], v.s ? v : STR(""));
	}
	files_put(folder, json_get(one, "files"));
	buf_reset(&out);
	pairs_put(&out, json_get(one, "env"));
	file_put(folder, "env", buf_str(&out));
	buf_release(&out);
	buf_release(&name);
	buf_release(&scratch);
}
