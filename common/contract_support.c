/* SPDX-License-Identifier: MIT */
/*
 * The contract language as this version carries it out. A contract is first
 * held against contract.schema.json, which knows the whole language; a member
 * that is not in the table below is then refused by name, never ignored: it
 * would change what is sent. Whoever teaches the engine a member adds its row.
 */
#include "common/contract_private.h"

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
	  "oauth1 aws-sigv4" },
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

	{ "answers", "code", "jq" },
	{ "answers", "reason", "jq" },
	{ "answers", "wait", "jq" },

	{ "limit", "requests", "" },
	{ "limit", "seconds", "" },
	{ "limit", "by", "jq" },

	{ "rule", "status", "" },
	{ "rule", "code", "" },
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
	{ "operation", "name", "" },
	{ "operation", "each", "" },
	{ "operation", "poll", "poll" },
	{ "operation", "next", "jq" },
	{ "operation", "pause", "" },
	{ "operation", "when", "jq" },
	{ "operation", "vars", "jq*" },
	{ "operation", "request", "request" },
	{ "operation", "response", "json text csv ndjson" },
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

	{ "poll", "until", "jq" },
	{ "poll", "every", "" },
	{ "poll", "most", "" },
	{ "poll", "deadline", "" },
	{ "poll", "late", "" },

	{ "request", "method", "" },
	{ "request", "url", "" },
	{ "request", "headers", "" },
	{ "request", "type", "json ndjson form csv multipart text none" },
	{ "request", "gzip", "" },
	{ "request", "auth", "" },
	{ "request", "item", "jq" },
	{ "request", "body", "jq" },
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
	const char *file;
	struct buf path;
	struct buf *err;
};

static size_t enter(struct walk *w, struct str name)
{
	size_t mark = w->path.len;

	if (mark)
		buf_addc(&w->path, '/');
	buf_adds(&w->path, name);
	return mark;
}

static int unsupported(struct walk *w)
{
	return fail(w->err, "%s: %s: not supported by this version", w->file,
		    w->path.data);
}

static int check_object(struct walk *w, struct str v, const char *kind);

/* A list of the words that may stand here, "json text". */
static int check_word(struct walk *w, struct str v, const char *words)
{
	struct str rest = str_of(words), word;

	if (json_type(v) != JSON_STRING)
		return 0;
	while (str_split(&rest, ' ', &word))
		if (str_eq((struct str){ v.s + 1, v.n - 2 }, word))
			return 0;
	enter(w, (struct str){ v.s + 1, v.n - 2 });
	return unsupported(w);
}

/* Every element of a list, every member of an object: of this kind. */
static int check_each(struct walk *w, struct str v, const char *kind)
{
	struct json_iter it;
	struct json_member m;
	struct str e;
	char number[24];
	size_t i = 0, mark;

	if (json_type(v) != JSON_OBJECT && json_type(v) != JSON_ARRAY)
		return 0;
	json_iter_init(&it, v);
	if (json_type(v) == JSON_OBJECT) {
		while (json_iter_member(&it, &m)) {
			mark = enter(w, m.key);
			if (check_object(w, m.val, kind) < 0)
				return -1;
			buf_truncate(&w->path, mark);
		}
		return 0;
	}
	while (json_iter_element(&it, &e)) {
		snprintf(number, sizeof number, "%zu", i++);
		mark = enter(w, str_of(number));
		if (check_object(w, e, kind) < 0)
			return -1;
		buf_truncate(&w->path, mark);
	}
	return 0;
}

static int check_held(struct walk *w, struct str v, const char *holds)
{
	char kind[16];
	size_t n = strlen(holds);

	if (!n || str_starts(str_of(holds), "jq"))
		return 0;
	if (holds[n - 1] == '*' || holds[n - 1] == ']') {
		snprintf(kind, sizeof kind, "%.*s",
			 (int)(n - (holds[n - 1] == '*' ? 1 : 2)), holds);
		return check_each(w, v, kind);
	}
	for (size_t i = 0; i < ARRAY_LEN(supported); i++)
		if (strcmp(supported[i].kind, holds) == 0)
			return check_object(w, v, holds);
	return check_word(w, v, holds);
}

static int check_object(struct walk *w, struct str v, const char *kind)
{
	struct json_iter it;
	struct json_member m;
	const char *holds;
	size_t mark;

	if (json_type(v) != JSON_OBJECT)
		return 0;
	json_iter_init(&it, v);
	while (json_iter_member(&it, &m)) {
		mark = enter(w, m.key);
		holds = contract_holds(kind, m.key);
		if (!holds)
			return unsupported(w);
		if (check_held(w, m.val, holds) < 0)
			return -1;
		buf_truncate(&w->path, mark);
	}
	return 0;
}

static int check_shape(struct str root, const char *file, struct buf *err)
{
	struct schema *s = schema_new(str_of(contract_schema_text), NULL, err);
	struct faults faults = FAULTS_INIT;
	struct buf text = BUF_INIT;
	int ret;

	if (!s)
		return -1;
	ret = schema_check(s, root, &faults);
	if (ret < 0) {
		faults_put(&text, &faults);
		fail(err, "%s: %s", file, text.data);
	}
	buf_release(&text);
	faults_release(&faults);
	schema_free(s);
	return ret;
}

int contract_check(struct str root, const char *path, struct buf *err)
{
	struct walk w = { .file = path, .path = BUF_INIT, .err = err };
	int ret;

	if (check_shape(root, path, err) < 0)
		return -1;
	ret = check_object(&w, root, "contract");
	buf_release(&w.path);
	return ret;
}
