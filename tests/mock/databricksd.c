/* SPDX-License-Identifier: MIT */
/*
 * Databricks' SQL Statement Execution API, with the token endpoint of tokens.h
 * at /oidc/v1/token, and the storage that its links lead to: a link carries a
 * signature that is good for one generation of it, and a request that has an
 * Authorization besides is refused, as Amazon's storage does.
 */

#include "common/file.h"
#include "common/json.h"
#include "common/msg.h"
#include "tests/mock/lib/fakeapi.h"
#include "tests/mock/lib/tokens.h"

#define API "/api/2.0/sql/statements/"

struct databricksd {
	struct tokens tokens;
	struct fakeapi api;
	const char *pat, *columns, *rows, *rows_file, *fails;
	uint64_t generate, per_chunk, pending, drops, stale;
	bool truncated, slow;
	uint64_t pat_uses, n_uses, n_polled, n_links, n_rows;
	bool inline_rows;
	struct str host;
};

static void complain(struct answer *a, int status, const char *code,
		     const char *words)
{
	struct buf b = BUF_INIT;

	buf_addz(&b, "{\"error_code\":");
	json_put_strz(&b, code);
	buf_addz(&b, ",\"message\":");
	json_put_strz(&b, words);
	buf_addc(&b, '}');
	answer_json(a, status, buf_str(&b));
	buf_release(&b);
}

static bool ends(struct str text, const char *end)
{
	size_t n = strlen(end);

	return text.n >= n && memcmp(text.s + text.n - n, end, n) == 0;
}

static uint64_t n_chunks(const struct databricksd *s)
{
	return (s->n_rows + s->per_chunk - 1) / s->per_chunk;
}

static uint64_t rows_of(const struct databricksd *s, uint64_t chunk)
{
	return MIN(s->per_chunk, s->n_rows - chunk * s->per_chunk);
}

static void put_rows(const struct databricksd *s, struct buf *b, uint64_t chunk)
{
	uint64_t n = rows_of(s, chunk), first = chunk * s->per_chunk;

	if (s->rows) {
		buf_addz(b, s->rows);
		return;
	}
	if (chunk + 1 == n_chunks(s))
		n -= MIN(n, s->drops);
	buf_addc(b, '[');
	for (uint64_t i = first; i < first + n; i++)
		buf_addf(b, "%s[\"%" PRIu64 "\",\"row %" PRIu64 " é\"]",
			 i > first ? "," : "", i, i);
	buf_addc(b, ']');
}

static void put_manifest(const struct databricksd *s, struct buf *b)
{
	buf_addf(b,
		 ",\"manifest\":{\"format\":\"JSON_ARRAY\",\"schema\":{"
		 "\"columns\":%s},\"total_chunk_count\":%" PRIu64
		 ",\"total_row_count\":%" PRIu64 ",\"truncated\":%s,"
		 "\"chunks\":[",
		 s->columns ? s->columns
			    : "[{\"name\":\"id\",\"type_name\":\"LONG\"},"
			      "{\"name\":\"name\",\"type_name\":\"STRING\"}]",
		 n_chunks(s), s->n_rows, s->truncated ? "true" : "false");
	for (uint64_t i = 0; i < n_chunks(s); i++)
		buf_addf(b,
			 "%s{\"chunk_index\":%" PRIu64 ",\"row_count\":%" PRIu64
			 "}",
			 i ? "," : "", i, rows_of(s, i));
	buf_addz(b, "]}");
}

static void put_state(struct databricksd *s, struct answer *a)
{
	struct buf b = BUF_INIT;

	buf_addz(&b, "{\"statement_id\":\"01ab-cd\",\"status\":{\"state\":");
	if (s->n_polled++ < s->pending || s->slow) {
		buf_addz(&b,
			 s->n_polled > 1 ? "\"RUNNING\"}}" : "\"PENDING\"}}");
	} else if (s->fails) {
		struct str words = str_of(s->fails), code;

		str_split(&words, ':', &code);
		buf_addz(&b, "\"FAILED\",\"error\":{\"error_code\":");
		json_put_str(&b, code);
		buf_addz(&b, ",\"message\":");
		json_put_str(&b, words);
		buf_addz(&b, "}}}");
	} else {
		buf_addz(&b, "\"SUCCEEDED\"}");
		put_manifest(s, &b);
		buf_addc(&b, '}');
	}
	answer_json(a, 200, buf_str(&b));
	buf_release(&b);
}

static void submit(struct databricksd *s, const struct request *r,
		   struct answer *a)
{
	struct json_fault fault;
	struct str v, how, sql;

	if (json_check(r->body, &v, &fault) < 0 ||
	    !json_text_is(json_get(v, "warehouse_id"), "wh") ||
	    !(sql = json_get(v, "statement")).s) {
		complain(a, 400, "INVALID_PARAMETER_VALUE", "no");
		return;
	}
	how = json_get(v, "disposition");
	s->inline_rows = !how.s || json_text_is(how, "INLINE");
	s->n_polled = 0;
	s->n_rows = s->rows ? 1 : s->generate;
	if (ends(sql, "limit 0\""))
		s->n_rows = 0;
	put_state(s, a);
}

static void give_chunk(struct databricksd *s, struct answer *a, uint64_t chunk)
{
	struct buf b = BUF_INIT;

	if (s->inline_rows) {
		buf_addf(&b,
			 "{\"chunk_index\":%" PRIu64 ",\"data_array\":", chunk);
		put_rows(s, &b, chunk);
		buf_addc(&b, '}');
	} else {
		buf_addf(&b,
			 "{\"external_links\":[{\"chunk_index\":%" PRIu64
			 ",\"row_count\":%" PRIu64
			 ",\"external_link\":\"http://%.*s/storage/%" PRIu64
			 "?sig=s3cret%" PRIu64
			 "\",\"http_headers\":{\"x-sse\":\"key\"}}]}",
			 chunk, rows_of(s, chunk), STR_ARG(s->host), chunk,
			 s->n_links++);
	}
	answer_json(a, 200, buf_str(&b));
	buf_release(&b);
}

static void give_storage(struct databricksd *s, const struct request *r,
			 struct answer *a, uint64_t chunk)
{
	struct str sse = request_header(r, "x-sse");
	struct buf b = BUF_INIT;
	uint64_t generation = 0;

	if (str_starts(r->query, "sig=s3cret"))
		str_to_u64((struct str){ r->query.s + 10, r->query.n - 10 },
			   &generation);
	a->status = 400;
	if (request_header(r, "authorization").s || !sse.s ||
	    !str_is(sse, "key") || chunk >= n_chunks(s))
		return;
	a->status = 403;
	if (generation < s->stale)
		return;
	put_rows(s, &b, chunk);
	answer_json(a, 200, buf_str(&b));
	buf_release(&b);
}

/* The number behind a prefix; false: it is none. */
static bool path_number(struct str path, const char *prefix, uint64_t *n)
{
	size_t from = strlen(prefix);

	return str_starts(path, prefix) &&
	       str_to_u64((struct str){ path.s + from, path.n - from }, n) == 0;
}

static bool is_known(struct databricksd *s, const struct request *r)
{
	struct str auth = request_header(r, "authorization");
	struct buf want = BUF_INIT;
	bool is;

	if (!s->pat)
		return !tokens_fault(&s->tokens, r);
	buf_addf(&want, "Bearer %s", s->pat);
	is = auth.s && str_eq(auth, buf_str(&want)) &&
	     (!s->pat_uses || s->n_uses++ < s->pat_uses);
	buf_release(&want);
	return is;
}

static void serve_api(struct databricksd *s, const struct request *r,
		      struct answer *a)
{
	uint64_t chunk;

	s->host = request_header(r, "host");
	if (path_number(r->path, "/storage/", &chunk))
		give_storage(s, r, a, chunk);
	else if (!is_known(s, r))
		complain(a, 401, "UNAUTHENTICATED", "no");
	else if (str_is(r->method, "POST") && str_is(r->path, API))
		submit(s, r, a);
	else if (str_is(r->method, "POST") &&
		 str_is(r->path, API "01ab-cd/cancel"))
		answer_json(a, 200, STR("{}"));
	else if (str_is(r->path, API "01ab-cd"))
		put_state(s, a);
	else if (path_number(r->path, API "01ab-cd/result/chunks/", &chunk) &&
		 chunk < n_chunks(s))
		give_chunk(s, a, chunk);
	else
		complain(a, 404, "NOT_FOUND", "no");
}

static void note(void *self UNUSED, const struct request *r, int status,
		 struct buf *line)
{
	buf_addf(line, "%.*s %.*s %d %.*s", STR_ARG(r->method),
		 STR_ARG(r->path), status, STR_ARG(r->body));
}

static void give_token(struct databricksd *s, const struct request *r,
		       struct answer *a)
{
	struct request at = *r;

	at.path = STR("/token");
	if (!tokens_serve(&s->tokens, &at, a))
		a->status = 404;
}

static void give(void *self, const struct request *r, struct answer *a)
{
	struct databricksd *s = self;

	if (str_is(r->path, "/oidc/v1/token"))
		give_token(s, r, a);
	else
		serve_api(s, r, a);
}

static void trouble(struct answer *a, int status)
{
	complain(a, status, "TEMPORARILY_UNAVAILABLE", "no");
}

int main(int argc, char **argv)
{
	struct databricksd fake = { .per_chunk = 1000,
				    .api = { .give = give,
					     .trouble = trouble,
					     .note = note,
					     .self = &fake } };
	struct opt opts[13 + TOKENS_N_OPTS + FAKEAPI_N_OPTS] = {
		{ 0, "pat", OPT_STR, &fake.pat, "TEXT",
		  "the personal token that is good" },
		{ 0, "pat-uses", OPT_COUNT, &fake.pat_uses, "N",
		  "how often it is" },
		{ 0, "columns", OPT_STR, &fake.columns, "JSON",
		  "of the result" },
		{ 0, "rows", OPT_STR, &fake.rows, "JSON",
		  "of a chunk, instead of made ones" },
		{ 0, "rows-file", OPT_STR, &fake.rows_file, "FILE",
		  "the same, in a file" },
		{ 0, "generate", OPT_COUNT, &fake.generate, "N", "rows" },
		{ 0, "chunk", OPT_COUNT, &fake.per_chunk, "N",
		  "rows of a chunk" },
		{ 0, "pending", OPT_COUNT, &fake.pending, "N",
		  "questions before it is ready" },
		{ 0, "never", OPT_FLAG, &fake.slow, NULL, "it never is" },
		{ 0, "drops", OPT_COUNT, &fake.drops, "N",
		  "the last rows get lost" },
		{ 0, "truncated", OPT_FLAG, &fake.truncated, NULL,
		  "more than it gives" },
		{ 0, "fails", OPT_STR, &fake.fails, "CODE:WORDS",
		  "every statement fails, in a 200" },
		{ 0, "stale", OPT_COUNT, &fake.stale, "N",
		  "the first links have run out" },
	};
	const struct opt_spec spec = {
		.synopsis = "[OPTION]...",
		.about = "Be Databricks, on 127.0.0.1.",
		.opts = opts,
		.n = ARRAY_LEN(opts),
	};
	struct buf err = BUF_INIT, rows = BUF_INIT;

	tokens_opts(&fake.tokens, opts + 13);
	fakeapi_opts(&fake.api, opts + 13 + TOKENS_N_OPTS);
	msg_init("databricksd");
	if (opt_parse(&spec, argc, argv))
		opt_die("operands are not taken");
	if (fake.rows_file) {
		if (file_read(fake.rows_file, (size_t)1 << 28, &rows, &err) < 0)
			die(EX_NOINPUT, "%s", err.data);
		fake.rows = rows.data;
	}
	fakeapi_run(&fake.api);
	tokens_release(&fake.tokens);
	return 0;
}
