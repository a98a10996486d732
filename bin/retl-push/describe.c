/* SPDX-License-Identifier: MIT */
/* What a contract demands and does, for people; and which ones there are. */
#include "bin/retl-push/look.h"

#include "common/contract.h"
#include "common/file.h"
#include "common/msg.h"
#include "common/table.h"

/* ---- values ---- */

/* A string's text, anything else as JSON. */
static void put_value(struct buf *out, struct str v)
{
	struct buf scratch = BUF_INIT;

	if (!v.s)
		return;
	if (json_type(v) == JSON_STRING)
		buf_adds(out, json_text(v, &scratch));
	else
		json_put_compact(out, v);
	buf_release(&scratch);
}

/* "a, b" of a list, nested lists joined by " + "; a value that is no list. */
static void put_list(struct buf *out, struct str v, const char *sep)
{
	struct json_iter it;
	struct str e;
	bool any = false;

	if (!v.s)
		return;
	if (json_type(v) != JSON_ARRAY) {
		put_value(out, v);
		return;
	}
	json_iter_init(&it, v);
	while (json_iter_element(&it, &e)) {
		buf_addz(out, any ? sep : "");
		put_list(out, e, " + ");
		any = true;
	}
}

/* "word: value" behind what stands there already. */
static void put_more(struct buf *out, const char *word, struct str v)
{
	if (!v.s)
		return;
	buf_addf(out, "%s%s%s", out->len ? ", " : "", word, *word ? " " : "");
	put_list(out, v, "|");
}

static void put_word(struct buf *out, const char *word)
{
	buf_addf(out, "%s%s", out->len ? ", " : "", word);
}

static void heading(struct buf *out, const char *text)
{
	buf_addf(out, "\n%s\n", text);
}

static void put_table(struct table *t, struct buf *out)
{
	struct buf text = BUF_INIT;
	struct str rest, line;

	table_put(t, &text);
	rest = buf_str(&text);
	while (str_split(&rest, '\n', &line))
		if (line.n)
			buf_addf(out, "  %.*s\n", STR_ARG(line));
	table_release(t);
	buf_release(&text);
}

/* ---- the record ---- */

/* "string, e-mail; trim, lower, sha256" */
static void put_demands(struct buf *out, struct str s)
{
	static const char *const limits[] = {
		"const",   "pattern",  "minLength", "maxLength", "minimum",
		"maximum", "minItems", "maxItems",  "maxAge",    "maxAhead",
	};

	put_more(out, "", json_get(s, "type"));
	put_more(out, "", json_get(s, "format"));
	put_more(out, "one of", json_get(s, "enum"));
	for (size_t i = 0; i < ARRAY_LEN(limits); i++)
		put_more(out, limits[i], json_get(s, limits[i]));
	put_more(out, "default", json_get(s, "default"));
}

static void put_treatment(struct buf *out, struct str s)
{
	struct str items = json_get(s, "items");

	if (json_get(s, "normalize").s)
		put_list(out, json_get(s, "normalize"), ", ");
	put_more(out, "", json_get(s, "hash"));
	if (json_text_is(json_get(s, "null").s ? json_get(s, "null")
					       : STR("\"\""),
			 "clear"))
		put_word(out, "null clears it");
	if (json_text_is(json_get(s, "null").s ? json_get(s, "null")
					       : STR("\"\""),
			 "reject"))
		put_word(out, "never null");
	if (json_text_is(json_get(s, "invalid").s ? json_get(s, "invalid")
						  : STR("\"\""),
			 "omit"))
		put_word(out, "left out if invalid");
	if (items.s && json_type(items) == JSON_OBJECT) {
		struct buf inner = BUF_INIT;

		put_treatment(&inner, items);
		if (inner.len)
			buf_addf(out, "%seach: %s", out->len ? ", " : "",
				 inner.data);
		buf_release(&inner);
	}
}

static bool is_in(struct str list, struct str name)
{
	struct json_iter it;
	struct str e;

	if (!list.s || json_type(list) != JSON_ARRAY)
		return false;
	json_iter_init(&it, list);
	while (json_iter_element(&it, &e)) {
		if (json_type(e) == JSON_ARRAY && is_in(e, name))
			return true;
		if (json_type(e) == JSON_STRING &&
		    str_eq((struct str){ e.s + 1, e.n - 2 }, name))
			return true;
	}
	return false;
}

/* One row; key: .s NULL below the record's own members. */
static void add_field(struct table *t, struct str within, struct str name,
		      struct str s, struct str required, struct str key)
{
	struct buf *row = table_row(t);

	buf_adds(&row[0], within);
	buf_adds(&row[0], name);
	if (is_in(required, name))
		buf_addz(&row[1], "required");
	else if (is_in(key, name))
		buf_addz(&row[1], "key");
	if (json_type(s) == JSON_OBJECT) {
		put_demands(&row[2], s);
		put_treatment(&row[3], s);
		put_value(&row[4], json_get(s, "description"));
	}
}

/* The members of an object, and of what is in them: "a.b", "list[].b". */
static void add_fields(struct table *t, struct str within, struct str object,
		       struct str key)
{
	struct str all = json_get(object, "properties"), v;
	struct buf inner = BUF_INIT;
	struct json_iter it;
	struct json_member m;

	if (!all.s || json_type(all) != JSON_OBJECT)
		return;
	json_iter_init(&it, all);
	while (json_iter_member(&it, &m)) {
		add_field(t, within, m.key, m.val, json_get(object, "required"),
			  key);
		if (json_type(m.val) != JSON_OBJECT)
			continue;
		v = json_get(m.val, "items");
		buf_reset(&inner);
		buf_addf(&inner, "%.*s%.*s%s.", STR_ARG(within), STR_ARG(m.key),
			 v.s ? "[]" : "");
		if (!v.s)
			add_fields(t, buf_str(&inner), m.val, STR_NONE);
		else if (json_type(v) == JSON_OBJECT)
			add_fields(t, buf_str(&inner), v, STR_NONE);
	}
	buf_release(&inner);
}

/* What is demanded of several members together: as the schema says it. */
static void put_conditions(struct str record, struct buf *out)
{
	static const char *const words[] = {
		"anyOf",
		"oneOf",
		"allOf",
		"not",
		"if",
		"then",
		"else",
		"dependentRequired",
		"dependentSchemas",
		NULL,
	};

	for (size_t i = 0; words[i]; i++) {
		struct str v = json_get(record, words[i]);

		if (!v.s)
			continue;
		buf_addf(out, "  %s: ", words[i]);
		json_put_compact(out, v);
		buf_addc(out, '\n');
	}
}

static void put_key(struct str root, struct buf *out)
{
	struct str key = json_get(root, "key"), v;

	buf_addz(out, "  key: ");
	if (json_type(key) == JSON_OBJECT) {
		v = json_get(key, "any");
		buf_addz(out, v.s ? "at least one of " : "exactly one of ");
		put_list(out, v.s ? v : json_get(key, "one"), ", ");
	} else {
		put_list(out, key, ", ");
	}
	if (json_get(root, "identity").s) {
		buf_addz(out, "; known by ");
		put_list(out, json_get(root, "identity"), ", ");
	}
	buf_addc(out, '\n');
}

static void put_fields(struct str root, struct buf *out)
{
	static const char *const titles[] = { "FIELD",       "",
					      "MUST BE",     "IS MADE",
					      "DESCRIPTION", NULL };
	struct str record = json_get(root, "record"), rest;
	struct table t = { .n = 0 };

	heading(out, "RECORD");
	put_key(root, out);
	if (json_type(record) != JSON_OBJECT)
		return;
	table_add(&t, titles);
	add_fields(&t, STR(""), record, json_get(root, "key"));
	rest = json_get(record, "additionalProperties");
	if (!rest.s || !str_is(rest, "false"))
		add_field(&t, STR(""), STR("(any other)"),
			  rest.s ? rest : STR("{}"), STR_NONE, STR_NONE);
	put_table(&t, out);
	put_conditions(record, out);
}

/* ---- settings ---- */

static void put_settings(struct str root, struct buf *out)
{
	static const char *const titles[] = { "SETTING",     "",
					      "VARIABLE",    "DEFAULT",
					      "DESCRIPTION", NULL };
	struct str all = json_get(root, "settings");
	struct table t = { .n = 0 };
	struct json_iter it;
	struct json_member m;

	if (!all.s || !json_count(all))
		return;
	heading(out, "SETTINGS");
	table_add(&t, titles);
	json_iter_init(&it, all);
	while (json_iter_member(&it, &m)) {
		struct buf *row = table_row(&t);

		buf_adds(&row[0], m.key);
		if (json_is_true(m.val, "secret"))
			put_word(&row[1], "secret");
		if (json_is_true(m.val, "account"))
			put_word(&row[1], "account");
		if (json_is_true(m.val, "optional"))
			put_word(&row[1], "optional");
		put_more(&row[1], "from", json_get(m.val, "from"));
		put_value(&row[2], json_get(m.val, "env"));
		if (!json_is_true(m.val, "secret"))
			put_value(&row[3], json_get(m.val, "default"));
		else if (json_get(m.val, "default").s)
			buf_addz(&row[3], "(secret)");
		put_more(&row[4], "", json_get(m.val, "description"));
		put_more(&row[4], "one of", json_get(m.val, "enum"));
	}
	put_table(&t, out);
}

/* ---- what is done ---- */

static void put_changes(struct str root, struct buf *out)
{
	static const char *const titles[] = { "CHANGE", "OPERATION", NULL };
	struct str changes = json_get(root, "changes");
	struct table t = { .n = 0 };

	heading(out, "CHANGES");
	table_add(&t, titles);
	for (int i = DIFF_ADDED; i <= DIFF_REMOVED; i++) {
		enum diff_result kind = (enum diff_result)i;
		struct str v = json_get(changes, diff_result_name(kind));
		struct buf *row = table_row(&t);

		buf_addz(&row[0], diff_result_word(kind));
		if (!v.s || json_type(v) == JSON_NULL)
			buf_addz(&row[1], "skipped");
		else
			put_value(&row[1], v);
	}
	put_table(&t, out);
}

/* What the batch is like; once an operation. */
static void put_batch(struct buf *out, struct str op)
{
	struct str batch = json_get(op, "batch");

	if (!batch.s)
		put_word(out, "one record");
	put_more(out, "records:", json_get(batch, "records"));
	put_more(out, "bytes:", json_get(batch, "bytes"));
	put_more(out, "bytes each:", json_get(batch, "item_bytes"));
	put_more(out, "seconds:", json_get(batch, "seconds"));
	put_more(out, "by", json_get(batch, "by"));
	if (json_get(op, "changed_only").s)
		put_word(out, "what changed");
	if (json_is_true(op, "whole"))
		put_word(out, "replaces everything");
}

/* How the request is made. */
static void put_manner(struct buf *out, struct str v)
{
	struct str auth = json_get(json_get(v, "request"), "auth");
	struct str poll = json_get(v, "poll");

	if (auth.s && str_is(auth, "false"))
		put_word(out, "without credentials");
	if (json_is_true(v, "each"))
		put_word(out, "each record");
	if (poll.s)
		put_word(out, "asked again until done");
	put_more(out, "seconds at most:", json_get(poll, "deadline"));
	if (json_get(v, "next").s)
		put_word(out, "page after page");
	if (json_get(v, "when").s)
		put_word(out, "if need be");
	if (json_is_true(v, "commits"))
		put_word(out, "commits");
	put_more(out, "resend", json_get(v, "resend"));
	put_more(out, "weighs", json_get(v, "cost"));
}

/* op: of which this is the first request, else .s NULL. */
static void add_request(struct table *t, struct str name, struct str v,
			struct str op)
{
	struct str rq = json_get(v, "request");
	struct buf *row = table_row(t);

	buf_adds(&row[0], name);
	put_value(&row[1], json_get(v, "name"));
	if (rq.s) {
		put_value(&row[2], json_get(rq, "method"));
		buf_addc(&row[2], ' ');
		put_value(&row[2], json_get(rq, "url"));
		put_more(&row[3], "", json_get(rq, "type"));
		if (json_is_true(rq, "gzip"))
			put_word(&row[3], "gzip");
	}
	if (op.s)
		put_batch(&row[3], op);
	put_manner(&row[3], v);
}

static void add_steps(struct table *t, struct str name, struct str steps,
		      struct str op)
{
	struct json_iter it;
	struct str v;

	if (!steps.s || json_type(steps) != JSON_ARRAY)
		return;
	json_iter_init(&it, steps);
	while (json_iter_element(&it, &v)) {
		add_request(t, name, v, op);
		name = STR("");
		op = STR_NONE;
	}
}

static void add_operation(struct table *t, struct str name, struct str v)
{
	struct str steps, sql;

	if (json_type(v) != JSON_OBJECT) {
		buf_adds(&table_row(t)[0], name);
		buf_addz(&t->rows[t->n - 1][2], "(nothing is done)");
		return;
	}
	steps = json_get(v, "steps");
	sql = json_get(v, "table");
	if (steps.s)
		add_steps(t, name, steps, v);
	else
		add_request(t, name, v, v);
	if (sql.s && json_type(sql) == JSON_OBJECT) {
		put_value(&t->rows[t->n - 1][2], json_get(sql, "write"));
		buf_addc(&t->rows[t->n - 1][2], ' ');
		put_value(&t->rows[t->n - 1][2], json_get(sql, "name"));
	}
	add_steps(t, STR("(if it fails)"), json_get(v, "cleanup"), STR_NONE);
}

static void put_operations(struct str root, struct buf *out)
{
	static const char *const titles[] = { "OPERATION", "STEP", "REQUEST",
					      "", NULL };
	struct table t = { .n = 0 };
	struct json_iter it;
	struct json_member m;

	heading(out, "OPERATIONS");
	table_add(&t, titles);
	add_steps(&t, STR("(once a run)"), json_get(root, "prepare"), STR_NONE);
	json_iter_init(&it, json_get(root, "operations"));
	while (json_iter_member(&it, &m))
		add_operation(&t, m.key, m.val);
	put_table(&t, out);
}

/* ---- answers ---- */

static void add_rules(struct table *t, struct str of, struct str all)
{
	struct json_iter it;
	struct str v;

	if (!all.s || json_type(all) != JSON_ARRAY)
		return;
	json_iter_init(&it, all);
	while (json_iter_element(&it, &v)) {
		struct buf *row = table_row(t);

		buf_adds(&row[0], of);
		put_list(&row[1], json_get(v, "status"), " ");
		put_list(&row[2], json_get(v, "code"), " ");
		put_list(&row[2], json_get(v, "sqlstate"), " ");
		put_value(&row[3], json_get(v, "when"));
		if (json_get(v, "then").s)
			put_value(&row[4], json_get(v, "then"));
		else
			buf_addz(&row[4], "outcomes of its own");
		put_value(&row[5], json_get(v, "reason"));
		/* A program of several lines is one cell. */
		for (size_t i = 0; i < row[3].len; i++)
			if (row[3].data[i] == '\n')
				row[3].data[i] = ' ';
	}
}

static void add_rules_of_steps(struct table *t, struct str of, struct str steps)
{
	struct json_iter it;
	struct str v;

	if (!steps.s || json_type(steps) != JSON_ARRAY)
		return;
	json_iter_init(&it, steps);
	while (json_iter_element(&it, &v)) {
		struct buf name = BUF_INIT;

		buf_adds(&name, of);
		if (json_get(v, "name").s)
			buf_addc(&name, ' ');
		put_value(&name, json_get(v, "name"));
		add_rules(t, buf_str(&name), json_get(v, "rules"));
		buf_release(&name);
	}
}

static void add_rules_of(struct table *t, struct str name, struct str op)
{
	if (json_type(op) != JSON_OBJECT)
		return;
	add_rules_of_steps(t, name, json_get(op, "steps"));
	add_rules(t, name, json_get(op, "rules"));
	add_rules_of_steps(t, STR("(if it fails)"), json_get(op, "cleanup"));
}

static void put_rules(struct str root, struct buf *out)
{
	static const char *const titles[] = { "OF",   "STATUS", "CODE",
					      "WHEN", "MEANS",  "BECAUSE" };
	const char *cells[TABLE_COLUMNS + 1] = { NULL };
	struct table t = { .n = 0 };
	struct json_iter it;
	struct json_member m;

	memcpy(cells, titles, sizeof titles);
	table_add(&t, cells);
	add_rules_of_steps(&t, STR("(once a run)"), json_get(root, "prepare"));
	json_iter_init(&it, json_get(root, "operations"));
	while (json_iter_member(&it, &m))
		add_rules_of(&t, m.key, m.val);
	add_rules(&t, STR("(all)"), json_get(root, "rules"));
	if (t.n == 1) {
		table_release(&t);
		return;
	}
	heading(out, "RULES (others: see retl-push(1))");
	put_table(&t, out);
}

static void put_retry(struct str retry, struct buf *out)
{
	struct buf line = BUF_INIT;

	put_more(&line, "attempts", json_get(retry, "attempts"));
	put_more(&line, "first pause", json_get(retry, "first"));
	put_more(&line, "most", json_get(retry, "most"));
	put_more(&line, "in all", json_get(retry, "total"));
	if (line.len)
		buf_addf(out, "  tried again: %s\n", line.data);
	buf_release(&line);
}

static void put_limits(struct str root, struct buf *out)
{
	struct str all = json_get(root, "limits"), v;
	struct str n = json_get(root, "concurrency");
	struct str retry = json_get(root, "retry");
	struct json_iter it;

	if (!all.s && !n.s && !retry.s)
		return;
	heading(out, "LIMITS");
	if (all.s && json_type(all) == JSON_ARRAY) {
		json_iter_init(&it, all);
		while (json_iter_element(&it, &v)) {
			buf_addz(out, "  ");
			put_value(out, json_get(v, "requests"));
			buf_addz(out, " requests in ");
			put_value(out, json_get(v, "seconds"));
			buf_addz(out, " s");
			if (json_get(v, "by").s) {
				buf_addz(out, ", for each ");
				put_value(out, json_get(v, "by"));
			}
			buf_addc(out, '\n');
		}
	}
	if (n.s) {
		buf_addz(out, "  at once: ");
		put_value(out, n);
		buf_addc(out, '\n');
	}
	put_retry(retry, out);
}

static void put_notes(struct str root, struct buf *out)
{
	struct str all = json_get(root, "notes"), v;
	struct json_iter it;

	if (!all.s || json_type(all) != JSON_ARRAY || !json_count(all))
		return;
	heading(out, "NOTES");
	json_iter_init(&it, all);
	while (json_iter_element(&it, &v)) {
		buf_addz(out, "  - ");
		put_value(out, v);
		buf_addc(out, '\n');
	}
}

/* ---- the whole ---- */

static void put_head(struct str root, struct buf *out)
{
	struct str api = json_get(root, "api"), auth = json_get(root, "auth");

	put_value(out, json_get(root, "name"));
	if (json_get(root, "title").s) {
		buf_addz(out, ": ");
		put_value(out, json_get(root, "title"));
	}
	buf_addz(out, "\n  ");
	put_value(out, json_get(root, "base_url"));
	buf_addz(out, ", credentials: ");
	put_value(out, json_get(auth, "type"));
	buf_addz(out, "\n  ");
	if (json_get(api, "version").s) {
		buf_addz(out, "API ");
		put_value(out, json_get(api, "version"));
		buf_addz(out, ", ");
	}
	buf_addz(out, "checked ");
	put_value(out, json_get(api, "checked"));
	if (json_get(api, "retires").s) {
		buf_addz(out, ", retires ");
		put_value(out, json_get(api, "retires"));
	}
	if (json_get(root, "documentation").s) {
		buf_addz(out, "\n  ");
		put_value(out, json_get(root, "documentation"));
	}
	buf_addc(out, '\n');
}

static void show(const struct buf *out)
{
	if (file_write_all(STDOUT_FILENO, out->data, out->len) < 0)
		die(EX_IOERR, "standard output: %s", strerror(errno));
}

int look_describe(const char *name)
{
	struct buf text = BUF_INIT, err = BUF_INIT, out = BUF_INIT;
	struct faults faults = FAULTS_INIT;
	struct str root;
	char *path;
	int status;

	if (contract_read(name, &path, &text, &status, &err) < 0)
		die(status, "%s", err.data);
	root = buf_str(&text);
	if (!contract_check_all(root, &faults)) {
		faults_put(&err, &faults);
		die(EX_CONFIG, "%s: %s", path, err.data);
	}
	put_head(root, &out);
	put_fields(root, &out);
	put_settings(root, &out);
	put_changes(root, &out);
	put_operations(root, &out);
	put_rules(root, &out);
	put_limits(root, &out);
	put_notes(root, &out);
	show(&out);
	free(path);
	faults_release(&faults);
	buf_release(&text);
	buf_release(&err);
	buf_release(&out);
	return 0;
}

/* ---- all contracts ---- */

struct list {
	struct table t;
	struct buf markdown;
	int status;
};

static void add_contract(void *arg, const char *name, const char *path)
{
	struct list *l = arg;
	struct buf text = BUF_INIT, err = BUF_INIT;
	struct str root, title;
	struct buf *row;
	char *found;
	int status;

	if (contract_read(path, &found, &text, &status, &err) < 0) {
		msg_error("%s", err.data);
		l->status = EX_CONFIG;
	} else {
		root = buf_str(&text);
		title = json_get(root, "title");
		row = table_row(&l->t);
		buf_addz(&row[0], name);
		put_value(&row[1], json_get(json_get(root, "api"), "checked"));
		put_value(&row[2], title);
		buf_addf(&l->markdown, "| `%s` | %s | %s |\n", row[0].data,
			 row[2].data, row[1].data);
	}
	free(found);
	buf_release(&text);
	buf_release(&err);
}

int look_list(bool markdown)
{
	struct list l = { .markdown = BUF_INIT };
	struct buf out = BUF_INIT;

	contract_list(add_contract, &l);
	if (markdown)
		buf_addf(&out,
			 "| contract | delivers | facts checked |\n"
			 "| --- | --- | --- |\n%s",
			 l.markdown.data);
	else
		table_put(&l.t, &out);
	show(&out);
	table_release(&l.t);
	buf_release(&l.markdown);
	buf_release(&out);
	return l.status;
}
