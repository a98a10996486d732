/* SPDX-License-Identifier: MIT */
/* What the parts of a contract say about each other. */
#include "bin/retl-push/lint.h"
#include "bin/retl-push/upload.h"

#include "common/clock.h"

/*
 * In key, changes and the record's keywords a setting can stand in many forms:
 * it counts as used where its name does.
 */
static bool is_named(struct str text, struct str name)
{
	for (size_t i = 1; i + name.n < text.n; i++)
		if (memcmp(text.s + i, name.s, name.n) == 0 &&
		    strchr("{$+", text.s[i - 1]) &&
		    !isalnum((uint8_t)text.s[i + name.n]) &&
		    text.s[i + name.n] != '_')
			return true;
	return false;
}

static void check_settings(struct lint *l)
{
	static const char *const elsewhere[] = { "key",        "identity",
						 "record",     "changes",
						 "operations", "derived",
						 "auth" };
	struct json_iter it, other;
	struct json_member m, o;
	bool account = json_get(l->root, "account").s != NULL;

	if (!l->settings.s)
		l->settings = STR("{}");
	json_iter_init(&it, l->settings);
	while (json_iter_member(&it, &m)) {
		struct str of = json_get(m.val, "account");
		/* An account's name may be there for receipts only. */
		bool used = (of.s && str_is(of, "true")) ||
			    lint_has_name(&l->used, m.key);
		size_t mark = l->path.len;

		account |= of.s && str_is(of, "true");
		for (size_t i = 0; !used && i < ARRAY_LEN(elsewhere); i++) {
			struct str v = json_get(l->root, elsewhere[i]);

			used = v.s && is_named(v, m.key);
		}
		json_iter_init(&other, l->settings);
		while (!used && json_iter_member(&other, &o))
			used =
			    json_get(o.val, "from").s &&
			    str_eq(m.key, (struct str){
					      json_get(o.val, "from").s + 1,
					      json_get(o.val, "from").n - 2 });
		if (used)
			continue;
		buf_addf(&l->path, "settings/%.*s", STR_ARG(m.key));
		lint_fault(l, "nothing uses this setting");
		buf_truncate(&l->path, mark);
	}
	if (!account) {
		buf_addz(&l->path, "settings");
		lint_fault(
		    l, "none has \"account\": true, so that receipts do not "
		       "tell one account, list or table from another; if "
		       "there is only one, say \"account\": false at the "
		       "top");
		buf_reset(&l->path);
	}
}

bool lint_add_choices(const struct lint *l, struct str name,
		      struct lint_names *to)
{
	struct str s = lint_setting(l, name),
		   all = s.s ? json_get(s, "enum") : STR_NONE;
	struct json_iter it;
	struct str v;

	if (!all.s || json_type(all) != JSON_ARRAY)
		return false;
	json_iter_init(&it, all);
	while (json_iter_element(&it, &v))
		if (json_type(v) == JSON_STRING)
			lint_add_name(to, (struct str){ v.s + 1, v.n - 2 });
	return true;
}

static void check_changes(struct lint *l)
{
	struct str changes = json_get(l->root, "changes");
	struct str operations = json_get(l->root, "operations"), v;
	struct lint_names led = { .n = 0 };
	struct json_iter it;
	struct json_member m;
	bool open = false;

	json_iter_init(&it, changes);
	while (json_iter_member(&it, &m)) {
		struct str name = { m.val.s + 1, m.val.n - 2 };

		if (json_type(m.val) != JSON_STRING)
			continue;
		if (name.n > 2 && name.s[0] == '{') {
			name = (struct str){ name.s + 1, name.n - 2 };
			open |= !lint_add_choices(l, name, &led);
			buf_addf(&l->path, "changes/%.*s", STR_ARG(m.key));
			lint_use_setting(l, name, false);
			if (lint_is_secret(l, name))
				lint_fault(l,
					   "%.*s: is a secret, which would "
					   "be shown here",
					   STR_ARG(name));
			buf_reset(&l->path);
			continue;
		}
		lint_add_name(&led, name);
	}
	for (size_t i = 0; i < led.n; i++)
		if (!str_is(led.v[i], "skip") &&
		    json_find(operations, led.v[i], &v) != 1) {
			buf_addz(&l->path, "changes");
			lint_fault(l, "%.*s: there is no such operation",
				   STR_ARG(led.v[i]));
			buf_reset(&l->path);
		}
	json_iter_init(&it, operations);
	while (!open && json_iter_member(&it, &m)) {
		if (lint_has_name(&led, m.key))
			continue;
		buf_addf(&l->path, "operations/%.*s", STR_ARG(m.key));
		lint_fault(l, "no change leads to this operation");
		buf_reset(&l->path);
	}
	lint_release_names(&led);
}

/* A limit by a member of the record, and records in batches. */
static void check_limits(struct lint *l)
{
	struct str limits = json_get(l->root, "limits"), v;
	struct str ops = json_get(l->root, "operations");
	struct json_iter it, all;
	struct json_member m;

	if (!limits.s)
		return;
	json_iter_init(&it, limits);
	while (json_iter_element(&it, &v)) {
		struct str by = json_get(v, "by");

		if (!by.s || !memmem(by.s, by.n, "record.", 7))
			continue;
		json_iter_init(&all, ops);
		while (json_iter_member(&all, &m)) {
			struct str batch = json_type(m.val) == JSON_OBJECT
					       ? json_get(m.val, "batch")
					       : STR_NONE;

			if (!batch.s || json_get(batch, "by").s)
				continue;
			buf_addz(&l->path, "limits");
			lint_fault(l,
				   "by a member of the record, but %.*s sends "
				   "batches of any: give its batch a \"by\"",
				   STR_ARG(m.key));
			buf_reset(&l->path);
		}
	}
}

/* Files on an SFTP server. */
static void check_uploads(struct lint *l)
{
	struct str url = json_get(l->root, "base_url");
	struct buf scratch = BUF_INIT;
	struct json_iter it;
	struct json_member m;
	const char *why;

	if (upload_is_meant(json_text(url, &scratch))) {
		why = upload_contract_fault(l->root);
		if (why)
			lint_fault(l, "%s", why);
		json_iter_init(&it, json_get(l->root, "operations"));
		while (json_iter_member(&it, &m)) {
			why = json_type(m.val) == JSON_OBJECT
				  ? upload_fault(m.val)
				  : NULL;
			buf_addf(&l->path, "operations/%.*s", STR_ARG(m.key));
			if (why)
				lint_fault(l, "%s", why);
			buf_reset(&l->path);
		}
	}
	buf_release(&scratch);
}

static void check_day(struct lint *l)
{
	struct str day = json_get(json_get(l->root, "api"), "retires");
	struct buf today = BUF_INIT, scratch = BUF_INIT;

	clock_put_rfc3339(&today, clock_now_ms());
	if (day.s && json_type(day) == JSON_STRING &&
	    strncmp(json_text(day, &scratch).s, today.data, 10) <= 0) {
		buf_addz(&l->path, "api/retires");
		lint_fault(l, "this version of the API is gone");
		buf_reset(&l->path);
	}
	buf_release(&today);
	buf_release(&scratch);
}

void lint_parts(struct lint *l)
{
	check_settings(l);
	check_changes(l);
	check_limits(l);
	check_uploads(l);
	check_day(l);
}
