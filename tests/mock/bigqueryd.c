/* SPDX-License-Identifier: MIT */
/*
 * BigQuery's REST API, as far as a reader of results sees it, with the token
 * endpoint of tokens.h. It knows a job by its id and place, gives pages no
 * longer than it likes, and breaks its promises on order. --result is an
 * object {"schema", "rows"}; without one, --generate makes rows.
 */

#include "common/file.h"
#include "common/json.h"
#include "common/msg.h"
#include "tests/mock/lib/fakeapi.h"
#include "tests/mock/lib/tokens.h"

#define PROJECT "/bigquery/v2/projects/proj"

struct bigqueryd {
	struct tokens tokens;
	struct fakeapi api;
	const char *result_path, *location, *fails;
	uint64_t generate, per_page, pending, slow_ms, drops, grows, hides;
	struct buf result, text;
	struct str schema, rows;
	uint64_t n_rows, n_polled, n_hidden;
	struct ids jobs;
};

static void complain(struct answer *a, int status, const char *reason,
		     const char *what)
{
	struct buf b = BUF_INIT;

	buf_addf(&b,
		 "{\"error\":{\"code\":%d,\"message\":\"%s\",\"errors\":[{"
		 "\"reason\":\"%s\",\"message\":\"%s\"}]}}",
		 status, what, reason, what);
	answer_json(a, status, buf_str(&b));
	buf_release(&b);
}

static void load(struct bigqueryd *s)
{
	struct buf err = BUF_INIT;
	struct json_fault f;
	struct str v;

	s->result = s->text = BUF_INIT;
	if (s->result_path) {
		if (file_read(s->result_path, (size_t)1 << 28, &s->result,
			      &err) < 0)
			die(EX_NOINPUT, "%s", err.data);
	} else {
		buf_addz(&s->result,
			 "{\"schema\":{\"fields\":[{\"name\":\"id\",\"type\":"
			 "\"INTEGER\"},{\"name\":\"name\",\"type\":\"STRING\"}]"
			 "},\"rows\":[");
		for (uint64_t i = 0; i < s->generate; i++)
			buf_addf(&s->result,
				 "%s{\"f\":[{\"v\":\"%" PRIu64 "\"},{\"v\":"
				 "\"name %" PRIu64 "\"}]}",
				 i ? "," : "", i, i);
		buf_addz(&s->result, "]}");
	}
	if (json_check(buf_str(&s->result), &v, &f) < 0)
		die(EX_DATAERR, "%s: %s", s->result_path, f.what);
	s->schema = json_get(v, "schema");
	s->rows = json_get(v, "rows");
	s->n_rows = json_count(s->rows);
}

/* ---- jobs ---- */

static const char *job_fault(struct str job, struct str *query, struct str *id)
{
	struct str v = json_get(job, "jobReference");

	*id = v.s ? json_get(v, "jobId") : STR_NONE;
	v = json_get(job, "configuration");
	*query = v.s ? json_get(v, "query") : STR_NONE;
	if (!query->s || !json_get(*query, "query").s)
		return "no query";
	v = json_get(*query, "useLegacySql");
	if (!v.s || !str_is(v, "false"))
		return "legacy SQL";
	return NULL;
}

static void insert(struct bigqueryd *s, const struct request *r,
		   struct answer *a)
{
	struct str job, query, id, dry;
	struct json_fault f;
	const char *fault;

	if (json_check(r->body, &job, &f) < 0) {
		complain(a, 400, "badRequest", "not JSON");
		return;
	}
	fault = job_fault(job, &query, &id);
	if (fault) {
		complain(a, 400, "badRequest", fault);
		return;
	}
	dry = json_get(json_get(job, "configuration"), "dryRun");
	if (!(dry.s && str_is(dry, "true")) &&
	    (!id.s || json_type(id) != JSON_STRING)) {
		complain(a, 400, "badRequest", "no jobId");
		return;
	}
	buf_reset(&s->text);
	if (dry.s && str_is(dry, "true")) {
		buf_addf(&s->text,
			 "{\"status\":{\"state\":\"DONE\"},\"jobReference\":{"
			 "\"projectId\":\"proj\",\"location\":\"%s\"},"
			 "\"statistics\":{\"query\":{\"schema\":%.*s}}}",
			 s->location, STR_ARG(s->schema));
		answer_json(a, 200, buf_str(&s->text));
		return;
	}
	if (!ids_add(&s->jobs, (struct str){ id.s + 1, id.n - 2 })) {
		complain(a, 409, "duplicate", "there is such a job");
		return;
	}
	s->n_polled = s->n_hidden = 0;
	buf_addf(&s->text,
		 "{\"jobReference\":{\"projectId\":\"proj\",\"jobId\":%.*s,"
		 "\"location\":\"%s\"},\"status\":{\"state\":\"RUNNING\"%s%s%s}"
		 "}",
		 STR_ARG(id), s->location,
		 s->fails ? ",\"errorResult\":{\"message\":\"on order\","
			    "\"reason\":\""
			  : "",
		 s->fails ? s->fails : "", s->fails ? "\"}" : "");
	answer_json(a, 200, buf_str(&s->text));
}

static void put_rows(struct bigqueryd *s, uint64_t from, uint64_t most)
{
	uint64_t to = from + most, i = 0;
	struct json_iter it;
	struct str row;
	bool any = false;

	if (s->per_page)
		to = MIN(to, from + s->per_page);
	/* The last rows get lost. */
	to = MIN(to, s->n_rows - MIN(s->drops, s->n_rows));
	json_iter_init(&it, s->rows);
	buf_addz(&s->text, ",\"rows\":[");
	for (; i < to && json_iter_element(&it, &row); i++) {
		if (i < from)
			continue;
		if (any)
			buf_addc(&s->text, ',');
		any = true;
		buf_adds(&s->text, row);
	}
	buf_addc(&s->text, ']');
}

static void results(struct bigqueryd *s, const struct request *r,
		    struct answer *a)
{
	struct str exact = fakeapi_query(r, "formatOptions.useInt64Timestamp");
	struct str from = fakeapi_query(r, "startIndex");
	struct str most = fakeapi_query(r, "maxResults");
	struct str where = fakeapi_query(r, "location");
	uint64_t start = 0, n = 100000;

	if (from.s)
		str_to_u64(from, &start);
	if (most.s)
		str_to_u64(most, &n);
	if (!where.s || !str_is(where, s->location)) {
		complain(a, 404, "notFound", "no such job there");
		return;
	}
	if (!exact.s || !str_is(exact, "true")) {
		complain(a, 400, "invalid", "timestamps would be rounded");
		return;
	}
	if (!str_is(fakeapi_query(r, "prettyPrint"), "false")) {
		complain(a, 400, "invalid", "most of it would be blanks");
		return;
	}
	buf_reset(&s->text);
	if (s->n_polled++ < s->pending) {
		answer_json(a, 200, STR("{\"jobComplete\":false}"));
		return;
	}
	buf_addf(&s->text,
		 "{\"jobComplete\":true,\"schema\":%.*s,\"totalRows\":"
		 "\"%" PRIu64 "\"",
		 STR_ARG(s->schema), s->n_rows + (start ? s->grows : 0));
	if (s->n_rows)
		put_rows(s, start, n);
	buf_addc(&s->text, '}');
	if (start)
		a->delay_ms = s->slow_ms;
	answer_json(a, 200, buf_str(&s->text));
}

/* Two pages of one name each. */
static void list(struct bigqueryd *s, const struct request *r, struct answer *a,
		 const char *kind)
{
	bool second = fakeapi_query(r, "pageToken").s;

	buf_reset(&s->text);
	buf_addf(&s->text,
		 "{\"%ss\":[{\"%sReference\":{\"%sId\":\"%s_%d\"}}]%s}", kind,
		 kind, kind, kind, second ? 2 : 1,
		 second ? "" : ",\"nextPageToken\":\"a b\"");
	answer_json(a, 200, buf_str(&s->text));
}

static void serve_api(struct bigqueryd *s, const struct request *r,
		      struct answer *a)
{
	const char *fault =
	    s->tokens.key_file ? tokens_fault(&s->tokens, r) : NULL;
	bool post = str_is(r->method, "POST");
	struct str rest = { r->path.s + sizeof PROJECT - 1,
			    r->path.n - (sizeof PROJECT - 1) };

	if (fault)
		complain(a, 401, "authError", fault);
	else if (!str_starts(r->path, PROJECT "/"))
		complain(a, 404, "notFound", "no such project");
	else if (post && str_is(rest, "/jobs"))
		insert(s, r, a);
	else if (post && str_starts(rest, "/jobs/") &&
		 memmem(rest.s, rest.n, "/cancel", 7))
		answer_json(a, 200, STR("{}"));
	else if (str_is(rest, "/datasets"))
		list(s, r, a, "dataset");
	else if (str_starts(rest, "/datasets/"))
		list(s, r, a, "table");
	else if (str_starts(rest, "/queries/") && s->n_hidden++ < s->hides)
		complain(a, 404, "notFound", "Not found: Job proj:EU.x");
	else if (str_starts(rest, "/queries/") &&
		 ids_find(&s->jobs, (struct str){ rest.s + 9, rest.n - 9 }))
		results(s, r, a);
	else
		complain(a, 404, "notFound", "no such job");
}

static void note(void *self UNUSED, const struct request *r, int status,
		 struct buf *b)
{
	buf_addf(b, "{\"method\":\"%.*s\",\"target\":", STR_ARG(r->method));
	json_put_str(b, r->target);
	buf_addf(b, ",\"status\":%d,\"body\":", status);
	if (r->body.n && r->body.s[0] == '{')
		buf_adds(b, r->body);
	else
		buf_addz(b, "null");
	buf_addc(b, '}');
}

static void give(void *self, const struct request *r, struct answer *a)
{
	struct bigqueryd *s = self;

	if (!tokens_serve(&s->tokens, r, a))
		serve_api(s, r, a);
}

static void trouble(struct answer *a, int status)
{
	complain(a, status,
		 status == 403   ? "rateLimitExceeded"
		 : status == 400 ? "invalidQuery"
				 : "backendError",
		 "Bad int64 value: secret");
}

int main(int argc, char **argv)
{
	struct bigqueryd fake = { .location = "EU",
				  .api = { .give = give,
					   .trouble = trouble,
					   .note = note,
					   .self = &fake } };
	struct opt opts[10 + TOKENS_N_OPTS + FAKEAPI_N_OPTS] = {
		{ 0, "result", OPT_STR, &fake.result_path, "FILE",
		  "what every query gives" },
		{ 0, "generate", OPT_COUNT, &fake.generate, "N", "rows" },
		{ 0, "page", OPT_COUNT, &fake.per_page, "N",
		  "rows of a page at most" },
		{ 0, "pending", OPT_COUNT, &fake.pending, "N",
		  "questions before it is ready" },
		{ 0, "slow", OPT_COUNT, &fake.slow_ms, "MS",
		  "each page takes so long" },
		{ 0, "drops", OPT_COUNT, &fake.drops, "N",
		  "the last rows get lost" },
		{ 0, "grows", OPT_COUNT, &fake.grows, "N",
		  "later pages count more rows" },
		{ 0, "hides", OPT_COUNT, &fake.hides, "N",
		  "a job is not to be found so often" },
		{ 0, "fails", OPT_STR, &fake.fails, "REASON",
		  "every query fails, in a 200" },
		{ 0, "location", OPT_STR, &fake.location, "PLACE",
		  "where jobs run" },
	};
	const struct opt_spec spec = {
		.synopsis = "[OPTION]...",
		.about = "Be BigQuery, on 127.0.0.1.",
		.opts = opts,
		.n = ARRAY_LEN(opts),
	};

	tokens_opts(&fake.tokens, opts + 10);
	fakeapi_opts(&fake.api, opts + 10 + TOKENS_N_OPTS);
	msg_init("bigqueryd");
	if (opt_parse(&spec, argc, argv))
		opt_die("operands are not taken");
	load(&fake);
	fakeapi_run(&fake.api);
	return 0;
}
