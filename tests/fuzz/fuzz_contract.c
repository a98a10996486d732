/* SPDX-License-Identifier: MIT */
/*
 * libFuzzer: whatever bytes come as a contract file, loading it
 * answer, and a contract that loads fills its addresses and headers from any
 * record without that leaving its place. The record is the last line. libjq
 * compiles programs here, and leaks some that are wrong: no leaks are looked
 * for.
 */
#include <sys/mman.h>

#include "bin/retl-push/operation.h"
#include "common/file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
const char *__asan_default_options(void);

const char *__asan_default_options(void)
{
	return "detect_leaks=0";
}

static void demand(bool promise)
{
	if (!promise)
		abort();
}

static size_t count(const struct buf *b, char c, size_t from)
{
	size_t n = 0;

	for (size_t i = from; i < b->len; i++)
		n += b->data[i] == c;
	return n;
}

/* How often c stands in what a template says itself. */
static size_t own(const struct tmpl *t, char c)
{
	size_t n = 0;

	for (size_t i = 0; i < t->n; i++)
		for (size_t k = 0; t->v[i].kind == TMPL_TEXT && k < t->v[i].n;
		     k++)
			n += t->text.data[t->v[i].at + k] == c;
	return n;
}

/* What is filled in adds no part of an address, and no line. */
static void check_tmpl(const struct tmpl *t, enum tmpl_use use,
		       const struct tmpl_scope *scope)
{
	static const char special[] = "/?&#=:@\r\n \t";
	struct buf out = BUF_INIT, err = BUF_INIT;
	struct tmpl_field field = TMPL_FIELD_NONE;

	if (tmpl_expand(t, use, scope, &out, &field, &err) < 0)
		demand(err.len);
	else if (use == TMPL_URL && !t->plus)
		for (size_t i = 0; special[i]; i++)
			demand(count(&out, special[i], 0) ==
			       own(t, special[i]));
	else
		demand(count(&out, '\n', 0) == own(t, '\n') &&
		       count(&out, '\r', 0) == own(t, '\r'));
	buf_release(&out);
	buf_release(&err);
}

static void check_step(const struct step *s, const struct tmpl_scope *scope)
{
	check_tmpl(&s->url, TMPL_URL, scope);
	for (size_t i = 0; i < s->n_headers; i++)
		check_tmpl(&s->headers[i].value, TMPL_HEADER, scope);
}

static void check_delivery(struct contract *c, struct str record)
{
	struct buf err = BUF_INIT;
	struct delivery d;
	struct tmpl_scope scope = { .record = record,
				    .saved = record,
				    .vars = record,
				    .derived = record,
				    .run = record };

	if (delivery_load(&d, c, true, &err) < 0)
		demand(err.len);
	else
		for (size_t i = 0; i < d.n_ops; i++)
			for (size_t k = 0; k < d.ops[i]->n_steps; k++)
				check_step(&d.ops[i]->steps[k], &scope);
	delivery_release(&d);
	buf_release(&err);
}

static void load(const char *path, struct str record)
{
	struct contract_args args = { .name = path, .show = true };
	struct buf err = BUF_INIT;
	struct contract *c;
	int status = 0;

	c = contract_load(&args, CONTRACT_FOR_PUSH, &status, &err);
	demand(c || (err.len && status));
	if (c)
		check_delivery(c, record);
	contract_free(c);
	buf_release(&err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static int fd = -1;
	const uint8_t *lf = n ? memrchr(data, '\n', n) : NULL;
	size_t n_contract = lf ? (size_t)(lf - data) : n;
	struct str record = STR("{}");
	struct json_fault f;
	char path[64];
	char *text = malloc(n - n_contract + 1);

	if (fd < 0)
		fd = memfd_create("contract", 0);
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	if (fd < 0 || ftruncate(fd, 0) < 0 || lseek(fd, 0, SEEK_SET) < 0 ||
	    file_write_all(fd, (const char *)data, n_contract) < 0)
		abort();
	memcpy(text, data + n_contract, n - n_contract);
	if (json_check((struct str){ text, n - n_contract }, &record, &f) < 0 ||
	    json_type(record) != JSON_OBJECT)
		record = STR("{}");
	load(path, record);
	free(text);
	return 0;
}
