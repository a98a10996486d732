/* SPDX-License-Identifier: MIT */
/*
 * The Redshift Data API, which checks signatures with code of its own, runs a
 * statement once for a client token, and knows the page tokens that it gave. It
 * unloads into a folder that fakeaws serves.
 */
#include <sys/stat.h>

#include "common/clock.h"
#include "common/file.h"
#include "common/json.h"
#include "common/msg.h"
#include "tests/mock/lib/awssig.h"
#include "tests/mock/lib/fakeapi.h"
#include "tests/mock/lib/ids.h"

struct redshiftd {
	struct awssig sig;
	struct fakeapi api;
	const char *columns, *row, *error;
	const char *unload_root, *record;
	uint64_t loses, cell;
	bool unloading;
	uint64_t n_rows, generate, per_page, pending, drops, expire, n_polled,
	    n_asked;
	bool never, no_rows, repeats, ends_empty;
	struct ids tokens;
};

static void complain(struct answer *a, const char *type)
{
	struct buf b = BUF_INIT;

	buf_addf(&b, "{\"__type\":\"com.amazon#%s\",\"message\":\"no\"}", type);
	answer_json(a, 400, buf_str(&b));
	buf_release(&b);
}

static bool ends(struct str text, const char *end)
{
	size_t n = strlen(end);

	return text.n >= n && memcmp(text.s + text.n - n, end, n) == 0;
}

/* ---- UNLOAD ---- */

/* 'it''s', with backslashes doubled; false: none begins here. */
static bool take_quoted(struct str *sql, struct buf *out)
{
	size_t i = 1;

	if (!sql->n || *sql->s != '\'')
		return false;
	for (; i < sql->n; i++) {
		char c = sql->s[i];
		bool more = i + 1 < sql->n;

		if (c == '\\' || (c == '\'' && more && sql->s[i + 1] == '\''))
			c = more ? sql->s[++i] : c;
		else if (c == '\'')
			break;
		buf_addc(out, c);
	}
	if (i >= sql->n)
		return false;
	*sql = (struct str){ sql->s + i + 1, sql->n - i - 1 };
	return true;
}

static bool take_word(struct str *sql, const char *word)
{
	size_t n = strlen(word);

	if (!str_starts(*sql, word))
		return false;
	*sql = (struct str){ sql->s + n, sql->n - n };
	return true;
}

static void write_file(const char *path, const struct buf *text)
{
	struct buf err = BUF_INIT;
	char *folder = strdup(path);

	for (char *p = folder + 1; *p; p++)
		if (*p == '/') {
			*p = '\0';
			mkdir(folder, 0700);
			*p = '/';
		}
	if (file_replace(path, buf_str(text), &err) < 0)
		die(EX_IOERR, "%s", err.data);
	free(folder);
}

/* File i of two: half of the rows, of which the last get lost. */
static void unload_file(struct redshiftd *s, const char *to, uint64_t i,
			struct buf *manifest)
{
	uint64_t from = s->generate * i / 2, end = s->generate * (i + 1) / 2;
	struct buf text = BUF_INIT, path = BUF_INIT;
	uint64_t n = end - from - (i ? s->drops : 0);

	for (uint64_t row = from; row < from + n; row++) {
		if (s->record)
			buf_addf(&text, "%s\n", s->record);
		else
			buf_addf(&text,
				 "{\"id\":%" PRIu64 ",\"name\":\"row %" PRIu64
				 " é\"}\n",
				 row, row);
	}
	buf_addf(&path, "%s/%s%04" PRIu64 "_part_00.json", s->unload_root,
		 to + 5, i);
	write_file(path.data, &text);
	if (i >= 2 - s->loses)
		return;
	buf_addf(manifest,
		 "%s\n  {\"url\":\"%s%04" PRIu64
		 "_part_00.json\", \"meta\": { \"content_length\": %zu, "
		 "\"record_count\": %" PRIu64 " }}",
		 i ? "," : "", to, i, text.len, end - from);
	buf_release(&text);
	buf_release(&path);
}

/* false: it is not as the server wants it. */
static bool unload(struct redshiftd *s, struct str sql)
{
	struct buf query = BUF_INIT, to = BUF_INIT, role = BUF_INIT;
	struct buf manifest = BUF_INIT, path = BUF_INIT, region = BUF_INIT;
	bool ok =
	    take_word(&sql, "unload (") && take_quoted(&sql, &query) &&
	    take_word(&sql, ") to ") && take_quoted(&sql, &to) &&
	    take_word(&sql, " iam_role ") &&
	    (take_word(&sql, "default") || take_quoted(&sql, &role)) &&
	    take_word(&sql, " format json manifest verbose") &&
	    (!take_word(&sql, " region ") || take_quoted(&sql, &region)) &&
	    (!sql.n || str_is(sql, " parallel off")) &&
	    str_starts(buf_str(&query), "select * from (\n") &&
	    str_starts(buf_str(&to), "s3://");

	if (ok && s->generate) {
		buf_addz(&manifest, "{\n  \"entries\": [");
		for (uint64_t i = 0; i < 2; i++)
			unload_file(s, to.data, i, &manifest);
		buf_addz(&manifest, "]\n}\n");
		buf_addf(&path, "%s/%smanifest", s->unload_root, to.data + 5);
		write_file(path.data, &manifest);
	}
	buf_release(&query);
	buf_release(&to);
	buf_release(&role);
	buf_release(&region);
	buf_release(&manifest);
	buf_release(&path);
	return ok;
}

/* Two statements: one that unloads, and one that counts. */
static void execute_batch(struct redshiftd *s, struct str v, struct answer *a)
{
	struct str token = json_get(v, "ClientToken"), sql;
	struct str list = json_get(v, "Sqls");
	struct buf text = BUF_INIT;
	struct json_iter it;
	bool ok = false;

	if (token.s && list.s && json_count(list) == 2) {
		json_iter_init(&it, list);
		json_iter_element(&it, &sql);
		ok = unload(s, json_text(sql, &text));
		json_iter_element(&it, &sql);
		ok &= json_text_is(sql, "select pg_last_unload_count()");
	}
	buf_release(&text);
	if (!ok) {
		complain(a, "ValidationException");
		return;
	}
	ids_add(&s->tokens, token);
	s->unloading = true;
	answer_json(a, 200, STR("{\"Id\":\"st-1\"}"));
}

static void give_count(const struct redshiftd *s, struct answer *a)
{
	struct buf b = BUF_INIT;

	buf_addf(&b,
		 "{\"ColumnMetadata\":[{\"name\":\"pg_last_unload_count\","
		 "\"typeName\":\"int8\"}],\"TotalNumRows\":1,\"Records\":"
		 "[[{\"longValue\":%" PRIu64 "}]]}",
		 s->generate);
	answer_json(a, 200, buf_str(&b));
	buf_release(&b);
}

/* ---- the service ---- */

static void execute(struct redshiftd *s, struct str v, struct answer *a)
{
	struct str token = json_get(v, "ClientToken");
	struct str sql = json_get(v, "Sql");

	if (!sql.s || !json_get(v, "Database").s || !token.s ||
	    (!json_get(v, "WorkgroupName").s &&
	     !json_get(v, "ClusterIdentifier").s)) {
		complain(a, "ValidationException");
		return;
	}
	ids_add(&s->tokens, token);
	s->n_rows = ends(sql, "limit 0\"") ? 0 : s->generate;
	answer_json(a, 200, STR("{\"Id\":\"st-1\"}"));
}

static void describe(struct redshiftd *s, struct answer *a)
{
	struct buf b = BUF_INIT;

	if (s->never || s->n_polled++ < s->pending) {
		buf_addz(&b, "{\"Status\":\"STARTED\"}");
	} else if (s->error) {
		buf_addz(&b, "{\"Status\":\"FAILED\",\"Error\":");
		json_put_strz(&b, s->error);
		buf_addc(&b, '}');
	} else {
		buf_addf(&b,
			 "{\"Status\":\"FINISHED\",\"HasResultSet\":%s,"
			 "\"ResultRows\":%" PRIu64 "}",
			 s->no_rows ? "false" : "true", s->n_rows);
	}
	answer_json(a, 200, buf_str(&b));
	buf_release(&b);
}

static void put_rows(const struct redshiftd *s, struct buf *b, uint64_t from,
		     uint64_t to)
{
	if (to == s->n_rows)
		to -= MIN(to - from, s->drops);
	for (uint64_t i = from; i < to; i++) {
		buf_addz(b, i > from ? "," : "");
		if (s->row)
			buf_addz(b, s->row);
		else if (s->cell)
			buf_addf(b,
				 "[{\"longValue\":%" PRIu64
				 "},{\"stringValue\":\"%0*d\"}]",
				 i, (int)s->cell, 7);
		else
			buf_addf(b,
				 "[{\"longValue\":%" PRIu64
				 "},{\"stringValue\":\"row %" PRIu64 " é\"}]",
				 i, i);
	}
}

static void give_page(struct redshiftd *s, struct str v, struct answer *a)
{
	struct str token = json_get(v, "NextToken");
	struct buf b = BUF_INIT;
	uint64_t from = 0, to;

	if (token.s &&
	    (token.n < 8 || memcmp(token.s, "\"page-", 6) != 0 ||
	     str_to_u64((struct str){ token.s + 6, token.n - 7 }, &from) < 0)) {
		complain(a, "ValidationException");
		return;
	}
	to = MIN(from + s->per_page, s->n_rows);
	buf_addf(&b,
		 "{\"ColumnMetadata\":%s,\"TotalNumRows\":%" PRIu64
		 ",\"Records\":[",
		 s->columns ? s->columns
			    : "[{\"name\":\"id\",\"label\":\"id\",\"typeName\":"
			      "\"int8\"},{\"name\":\"name\",\"label\":\"\","
			      "\"typeName\":\"varchar\"}]",
		 s->n_rows);
	put_rows(s, &b, from, to);
	buf_addc(&b, ']');
	if (to < s->n_rows)
		buf_addf(&b, ",\"NextToken\":\"page-%" PRIu64 "\"",
			 s->repeats ? s->per_page : to);
	else if (s->ends_empty)
		buf_addz(&b, ",\"NextToken\":\"\"");
	buf_addc(&b, '}');
	answer_json(a, 200, buf_str(&b));
	buf_release(&b);
}

static void give(void *self, const struct request *r, struct answer *a)
{
	struct redshiftd *s = self;
	struct str target = request_header(r, "x-amz-target"), v, id;
	struct json_fault fault;
	const char *wrong;
	size_t key = 0;
	int status;

	s->n_asked++;
	wrong = awssig_check(&s->sig, r, &key, &status);
	if (wrong)
		complain(a, strcmp(wrong, "InvalidAccessKeyId") == 0
				? "UnrecognizedClientException"
				: "InvalidSignatureException");
	else if (s->expire && key == 0 && s->n_asked >= s->expire)
		complain(a, "ExpiredTokenException");
	else if (json_check(r->body, &v, &fault) < 0 || !target.s)
		complain(a, "SerializationException");
	else if (str_is(target, "RedshiftData.ExecuteStatement"))
		execute(s, v, a);
	else if (str_is(target, "RedshiftData.BatchExecuteStatement"))
		execute_batch(s, v, a);
	else if (s->unloading &&
		 str_is(target, "RedshiftData.GetStatementResult") &&
		 json_text_is(json_get(v, "Id"), "st-1:2"))
		give_count(s, a);
	else if (!(id = json_get(v, "Id")).s || !json_text_is(id, "st-1"))
		complain(a, "ResourceNotFoundException");
	else if (str_is(target, "RedshiftData.DescribeStatement"))
		describe(s, a);
	else if (str_is(target, "RedshiftData.GetStatementResult"))
		give_page(s, v, a);
	else if (str_is(target, "RedshiftData.CancelStatement"))
		answer_json(a, 200, STR("{\"Status\":true}"));
	else
		complain(a, "UnknownOperationException");
}

static void note(void *self UNUSED, const struct request *r, int status,
		 struct buf *line)
{
	struct str target = request_header(r, "x-amz-target");

	buf_addf(line, "%.*s %d %.*s", target.s ? (int)target.n : 1,
		 target.s ? target.s : "-", status, STR_ARG(r->body));
}

/* Amazon throttles with 400. */
static void trouble(struct answer *a, int status)
{
	if (status == 429)
		complain(a, "ThrottlingException");
	else
		a->status = status;
}

int main(int argc, char **argv)
{
	struct redshiftd fake = { .sig = { .region = "eu-west-1",
					   .service = "redshift-data" },
				  .per_page = 1000,
				  .api = { .give = give,
					   .trouble = trouble,
					   .note = note,
					   .self = &fake } };
	struct opt opts[17 + FAKEAPI_N_OPTS] = {
		{ 0, "key", OPT_LIST, &fake.sig.keys, "ID:SECRET[:TOKEN]",
		  "a key that is good" },
		{ 0, "columns", OPT_STR, &fake.columns, "JSON",
		  "of the result" },
		{ 0, "row", OPT_STR, &fake.row, "JSON",
		  "instead of made ones" },
		{ 0, "cell", OPT_COUNT, &fake.cell, "BYTES",
		  "made names are so long" },
		{ 0, "generate", OPT_COUNT, &fake.generate, "N", "rows" },
		{ 0, "page", OPT_COUNT, &fake.per_page, "N", "rows a page" },
		{ 0, "pending", OPT_COUNT, &fake.pending, "N",
		  "questions before it is ready" },
		{ 0, "never", OPT_FLAG, &fake.never, NULL, "it never is" },
		{ 0, "no-rows", OPT_FLAG, &fake.no_rows, NULL,
		  "statements have no result" },
		{ 0, "unload-root", OPT_STR, &fake.unload_root, "DIR",
		  "where unloaded files go: a folder a bucket" },
		{ 0, "record", OPT_STR, &fake.record, "JSON",
		  "unloaded instead of made ones" },
		{ 0, "loses", OPT_COUNT, &fake.loses, "N",
		  "the manifest does not name the last files" },
		{ 0, "repeats", OPT_FLAG, &fake.repeats, NULL,
		  "the second page comes for ever" },
		{ 0, "ends-empty", OPT_FLAG, &fake.ends_empty, NULL,
		  "the last page has a token of no length" },
		{ 0, "drops", OPT_COUNT, &fake.drops, "N",
		  "the last rows get lost" },
		{ 0, "expire", OPT_COUNT, &fake.expire, "N",
		  "the first key has expired from the n-th request on" },
		{ 0, "error", OPT_STR, &fake.error, "WORDS",
		  "every statement fails" },
	};
	const struct opt_spec spec = {
		.synopsis = "--key ID:SECRET [OPTION]...",
		.about = "Be the Redshift Data API, on 127.0.0.1.",
		.opts = opts,
		.n = ARRAY_LEN(opts),
	};

	fakeapi_opts(&fake.api, opts + 17);
	msg_init("redshiftd");
	if (opt_parse(&spec, argc, argv))
		opt_die("operands are not taken");
	fakeapi_run(&fake.api);
	ids_release(&fake.tokens);
	free(fake.sig.keys.v);
	return 0;
}
