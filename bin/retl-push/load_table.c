/* SPDX-License-Identifier: MIT */
/* An operation on a table, as a contract describes it. */
#include "bin/retl-push/table.h"

#include "bin/retl-push/sqlname.h"
#include "common/mem.h"

#ifdef HAVE_LIBPQ
static int load_write(struct loader *l, struct str t, struct operation *op)
{
	static const char *const words[] = {
		[TABLE_UPSERT] = "upsert",
		[TABLE_INSERT] = "insert",
		[TABLE_DELETE] = "delete",
	};
	struct str v = json_get(t, "write");

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (v.s && json_text_is(v, words[i])) {
			op->table->write = (enum table_write)i;
			return 0;
		}
	return load_wrong(l, "table.write", "not upsert, insert or delete");
}

/* One step, whose request is a statement. */
static int load_statement(struct loader *l, struct str v, struct operation *op)
{
	struct step *s = xcalloc(1, sizeof *s);

	op->steps = s;
	op->n_steps = 1;
	s->method = xstrdup("SQL");
	s->type = BODY_JSON;
	s->has_body = s->acts = s->commits = true;
	s->cost = 1;
	return load_count(l, v, "cost", &s->cost) < 0 ||
		       load_resend(l, v, s) < 0
		   ? -1
		   : 0;
}
#endif

int table_load(struct loader *l, struct str v, struct operation *op)
{
#ifdef HAVE_LIBPQ
	static const char *const members[] = { "name", "write", NULL };
	const struct contract *c = l->d->contract;
	struct str t = json_get(v, "table");
	struct buf name = BUF_INIT;
	int ret;

	if (c->key_mode != KEY_ALL || !c->n_keys)
		return load_wrong(l, "table",
				  "needs a key that is a list of columns");
	op->table = xcalloc(1, sizeof *op->table);
	op->table->name = BUF_INIT;
	/* A statement names its columns, so the rows of one share them. */
	op->by_keys = true;
	op->one = false;
	ret = load_members(l, t, members);
	if (!ret)
		ret = load_text(l, json_get(t, "name"), "table.name", &name);
	if (!ret && sql_put_table(&op->table->name, buf_str(&name)) < 0)
		ret = load_wrong(l, "table.name", "not the name of a table");
	buf_release(&name);
	if (ret < 0 || load_write(l, t, op) < 0)
		return -1;
	return load_statement(l, v, op);
#else
	(void)v;
	(void)op;
	return load_wrong(l, "table", "this retl was built without libpq");
#endif
}
