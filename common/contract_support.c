/* SPDX-License-Identifier: MIT */
/*
 * The contract language as this version carries it out. A contract is first
 * held against contract.schema.json, which knows the whole language; a member
 * that is not in the table below is then refused by name, never ignored: it
 * would change what is sent. Whoever teaches the engine a member adds its row.
 */
#include "common/contract_private.h"
#include "common/msg.h"
#include "common/schema_node.h"

/* contracts/contract.schema.json, put here by the Makefile */
extern const char contract_schema_text[];

static const struct {
	const char *kind, *member, *holds;
} supported[] = {
	{ "contract", "$schema", "" },
	{ "contract", "name", "" },
	{ "contract", "title", "" },
	{ "contract", "documentation", "" },
	{ "contract", "notes", "" },
	{ "contract", "extends", "" },
	{ "contract", "api", "api" },
	{ "contract", "settings", "" }, /* contract_settings.c */
	{ "contract", "base_url", "" },
	{ "contract", "account", "" },
	{ "contract", "auth", "auth" },
	{ "contract", "headers", "" },
	{ "contract", "record", "" }, /* contract_record.c */
	{ "contract", "key", "" },
	{ "contract", "identity", "" },
	{ "contract", "clear", "" },
	{ "contract", "derived", "" }, /* contract_derive.c */
	{ "contract", "changes", "" },
	{ "contract", "prepare", "step[]" },
	{ "contract", "operations", "operation*" },
	{ "contract", "answers", "answers" },
	{ "contract", "rules", "rule[]" },
	{ "contract", "limits", "limit[]" },
	{ "contract", "concurrency", "" },
	{ "contract", "retry", "" },

	{ "api", "version", "" },
	{ "api", "checked", "" },
	{ "api", "retires", "" },

	{ "auth", "type",
	  "none bearer basic header query body hmac oauth2 jwt-bearer google "
	  "oauth1 aws-sigv4 ssh" },
	{ "auth", "token", "" },
	{ "auth", "user", "" },
	{ "auth", "password", "" },
	{ "auth", "name", "" },
	{ "auth", "value", "" },
	{ "auth", "pointer", "" },
	{ "auth", "proof", "" },
	{ "auth", "scheme", "standard-webhooks" },
	{ "auth", "secret", "" },
	{ "auth", "id", "" },
	{ "auth", "grant", "client_credentials refresh_token" },
	{ "auth", "token_url", "" },
	{ "auth", "client_id", "" },
	{ "auth", "client_secret", "" },
	{ "auth", "client_auth", "body basic" },
	{ "auth", "scope", "" },
	{ "auth", "scopes", "" },
	{ "auth", "form", "" },
	{ "auth", "refresh_token", "" },
	{ "auth", "refresh_token_file", "" },
	{ "auth", "header", "" },
	{ "auth", "prefix", "" },
	{ "auth", "save", "" },
	{ "auth", "key", "" },
	{ "auth", "key_file", "" },
	{ "auth", "passphrase", "" },
	{ "auth", "kid", "" },
	{ "auth", "iss", "" },
	{ "auth", "sub", "" },
	{ "auth", "aud", "" },
	{ "auth", "lifetime", "" },
	{ "auth", "credentials", "" },
	{ "auth", "subject", "" },
	{ "auth", "consumer_key", "" },
	{ "auth", "consumer_secret", "" },
	{ "auth", "token_secret", "" },
	{ "auth", "key_id", "" },
	{ "auth", "session_token", "" },
	{ "auth", "region", "" },
	{ "auth", "service", "" },
	{ "auth", "known_hosts", "" },

	{ "answers", "code", "jq" },
	{ "answers", "reason", "jq" },
	{ "answers", "wait", "jq" },

	{ "limit", "requests", "" },
	{ "limit", "seconds", "" },
	{ "limit", "by", "jq" },

	{ "rule", "status", "" },
	{ "rule", "code", "" },
	{ "rule", "sqlstate", "" },
	{ "rule", "when", "jq" },
	{ "rule", "then", "" },
	{ "rule", "reason", "" },
	{ "rule", "results", "jq" },

	{ "operation", "batch", "batch" },
	{ "operation", "match", "jq" },
	{ "operation", "requires", "" },
	{ "operation", "changed_only", "" },
	{ "operation", "steps", "step[]" },
	{ "operation", "whole", "" },
	{ "operation", "cleanup", "step[]" },
	{ "operation", "table", "table" },
	{ "operation", "name", "" },
	{ "operation", "each", "" },
	{ "operation", "poll", "poll" },
	{ "operation", "next", "jq" },
	{ "operation", "pause", "" },
	{ "operation", "when", "jq" },
	{ "operation", "vars", "jq*" },
	{ "operation", "request", "request" },
	{ "operation", "response", "json text csv ndjson" },
	{ "operation", "rows", "jq" },
	{ "operation", "rules", "rule[]" },
	{ "operation", "save", "jq*" },
	{ "operation", "results", "jq" },
	{ "operation", "cost", "" },
	{ "operation", "resend", "" },
	{ "operation", "commits", "" },

	{ "step", "name", "" },
	{ "step", "each", "" },
	{ "step", "poll", "poll" },
	{ "step", "next", "jq" },
	{ "step", "pause", "" },
	{ "step", "when", "jq" },
	{ "step", "vars", "jq*" },
	{ "step", "request", "request" },
	{ "step", "response", "json text csv ndjson" },
	{ "step", "rows", "jq" },
	{ "step", "rules", "rule[]" },
	{ "step", "save", "jq*" },
	{ "step", "results", "jq" },
	{ "step", "cost", "" },
	{ "step", "resend", "" },
	{ "step", "commits", "" },

	{ "batch", "records", "" },
	{ "batch", "bytes", "" },
	{ "batch", "item_bytes", "" },
	{ "batch", "by", "jq" },
	{ "batch", "seconds", "" },

	{ "table", "name", "" },
	{ "table", "write", "upsert insert delete" },

	{ "poll", "until", "jq" },
	{ "poll", "every", "" },
	{ "poll", "most", "" },
	{ "poll", "deadline", "" },
	{ "poll", "late", "" },

	{ "request", "method", "" },
	{ "request", "url", "" },
	{ "request", "headers", "" },
	{ "request", "type", "" }, /* or a setting: load_step.c */
	{ "request", "gzip", "" },
	{ "request", "auth", "" },
	{ "request", "item", "jq" },
	{ "request", "body", "jq" },
	{ "request", "replace", "" },
};

const char *contract_holds(const char *kind, struct str member)
{
	for (size_t i = 0; i < ARRAY_LEN(supported); i++)
		if (strcmp(supported[i].kind, kind) == 0 &&
		    str_is(member, supported[i].member))
			return supported[i].holds;
	return NULL;
}

struct walk {
	struct buf path;
	struct faults *faults;
};

static void unsupported(struct walk *w)
{
	faults_add(w->faults, buf_str(&w->path), "unsupported",
		   "not supported by this version");
}

static void check_object(struct walk *w, struct str v, const char *kind);

/* A list of the words that may stand here, "json text". */
static void check_word(struct walk *w, struct str v, const char *words)
{
	struct str rest = str_of(words), word;
	size_t mark;

	if (json_type(v) != JSON_STRING)
		return;
	while (str_split(&rest, ' ', &word))
		if (str_eq((struct str){ v.s + 1, v.n - 2 }, word))
			return;
	mark = schema_path_add(&w->path, (struct str){ v.s + 1, v.n - 2 });
	unsupported(w);
	buf_truncate(&w->path, mark);
}

/* Every element of a list, every member of an object: of this kind. */
static void check_each(struct walk *w, struct str v, const char *kind)
{
	struct json_iter it;
	struct json_member m;
	struct str e;
	char number[24];
	size_t i = 0, mark;

	if (json_type(v) != JSON_OBJECT && json_type(v) != JSON_ARRAY)
		return;
	json_iter_init(&it, v);
	if (json_type(v) == JSON_OBJECT) {
		while (json_iter_member(&it, &m)) {
			mark = schema_path_add(&w->path, m.key);
			check_object(w, m.val, kind);
			buf_truncate(&w->path, mark);
		}
		return;
	}
	while (json_iter_element(&it, &e)) {
		snprintf(number, sizeof number, "%zu", i++);
		mark = schema_path_add(&w->path, str_of(number));
		check_object(w, e, kind);
		buf_truncate(&w->path, mark);
	}
}

static void check_held(struct walk *w, struct str v, const char *holds)
{
	char kind[16];
	size_t n = strlen(holds);

	if (!n || str_starts(str_of(holds), "jq"))
		return;
	if (holds[n - 1] == '*' || holds[n - 1] == ']') {
		snprintf(kind, sizeof kind, "%.*s",
			 (int)(n - (holds[n - 1] == '*' ? 1 : 2)), holds);
		check_each(w, v, kind);
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(supported); i++)
		if (strcmp(supported[i].kind, holds) == 0) {
			check_object(w, v, holds);
			return;
		}
	check_word(w, v, holds);
}

static void check_object(struct walk *w, struct str v, const char *kind)
{
	struct json_iter it;
	struct json_member m;
	const char *holds;
	size_t mark;

	if (json_type(v) != JSON_OBJECT)
		return;
	json_iter_init(&it, v);
	while (json_iter_member(&it, &m)) {
		mark = schema_path_add(&w->path, m.key);
		holds = contract_holds(kind, m.key);
		if (holds)
			check_held(w, m.val, holds);
		else
			unsupported(w);
		buf_truncate(&w->path, mark);
	}
}

bool contract_check_all(struct str root, struct faults *faults)
{
	struct walk w = { .path = BUF_INIT, .faults = faults };
	struct buf err = BUF_INIT;
	struct schema *s = schema_new(str_of(contract_schema_text), NULL, &err);

	if (!s)
		BUG("contract.schema.json: %s", err.data);
	/* Of a member that is not known, one word is enough. */
	if (schema_check(s, root, faults) == 0)
		check_object(&w, root, "contract");
	schema_free(s);
	buf_release(&w.path);
	buf_release(&err);
	return !faults->n;
}

int contract_check(struct str root, const char *path, struct buf *err)
{
	struct faults faults = FAULTS_INIT;
	struct buf text = BUF_INIT;
	int ret = 0;

	if (!contract_check_all(root, &faults)) {
		faults_put(&text, &faults);
		ret = fail(err, "%s: %s", path, text.data);
	}
	buf_release(&text);
	faults_release(&faults);
	return ret;
}
