/* SPDX-License-Identifier: MIT */
#include "tests/mock/lib/cases.h"

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

void cases_put_server(struct buf *out, struct str text, struct str address)
{
	const struct str mark = STR("{server}");
	const char *at;

	while ((at = memmem(text.s, text.n, mark.s, mark.n))) {
		size_t n = (size_t)(at - text.s);

		buf_add(out, text.s, n);
		buf_adds(out, address);
		text.s += n + mark.n;
		text.n -= n + mark.n;
	}
	buf_adds(out, text);
}
