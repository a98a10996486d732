/* SPDX-License-Identifier: MIT */
/*
 * The Redshift Data API, which checks signatures with code of its own, runs a
 * statement once for a client token, and knows the page tokens that it gave.
 */
#include <fcntl.h>

#include "common/clock.h"
#include "common/file.h"
#include "common/json.h"
#include "common/msg.h"
#include "tests/mock/lib/awssig.h"
#include "tests/mock/lib/ids.h"
#include "tests/mock/lib/mishap.h"

struct redshiftd {
	struct awssig sig;
	struct mishaps mishaps;
	const char *columns, *row, *error, *log_path;
	uint64_t n_rows, generate, per_page, pending, drops, expire, n_polled,
	    n_asked;
	bool never, no_rows;
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
		buf_addf(&b, ",\"NextToken\":\"page-%" PRIu64 "\"", to);
	buf_addc(&b, '}');
	answer_json(a, 200, buf_str(&b));
	buf_release(&b);
}

static void give(struct redshiftd *s, const struct request *r, struct answer *a)
{
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

static void note(struct redshiftd *s, const struct request *r, int status)
{
	struct str target = request_header(r, "x-amz-target");
	struct buf line = BUF_INIT;
	int fd;

	if (!s->log_path)
		return;
	buf_addf(&line, "%.*s %d %.*s\n", target.s ? (int)target.n : 1,
		 target.s ? target.s : "-", status, STR_ARG(r->body));
	fd = open(s->log_path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || file_write_all(fd, line.data, line.len) < 0)
		die(EX_IOERR, "%s: %s", s->log_path, strerror(errno));
	close(fd);
	buf_release(&line);
}

static void serve(void *self, const struct request *r, struct answer *a)
{
	struct redshiftd *s = self;
	struct str what = mishap_of(&s->mishaps, r->number), rest;
	uint64_t status;

	if (what.s && str_is(what, "throttle")) {
		complain(a, "ThrottlingException");
	} else if (what.s && mishap_number(what, "", &status, &rest)) {
		a->status = (int)status;
	} else {
		give(s, r, a);
		if (what.s)
			mishap_spoil(what, a);
	}
	note(s, r, a->status);
}

static enum drop before(void *self, const struct request *r)
{
	struct redshiftd *s = self;

	return mishap_before(mishap_of(&s->mishaps, r->number));
}

int main(int argc, char **argv)
{
	struct redshiftd fake = { .sig = { .region = "eu-west-1",
					   .service = "redshift-data" },
				  .per_page = 1000 };
	struct server s = { .self = &fake, .serve = serve, .head = before };
	const struct opt opts[] = {
		{ 0, "port-file", OPT_STR, &s.port_file, "FILE",
		  "write the port there when ready" },
		{ 0, "idle", OPT_COUNT, &s.idle_s, "SECONDS",
		  "end after so long without a request" },
		{ 0, "key", OPT_LIST, &fake.sig.keys, "ID:SECRET[:TOKEN]",
		  "a key that is good" },
		{ 0, "columns", OPT_STR, &fake.columns, "JSON",
		  "of the result" },
		{ 0, "row", OPT_STR, &fake.row, "JSON",
		  "instead of made ones" },
		{ 0, "generate", OPT_COUNT, &fake.generate, "N", "rows" },
		{ 0, "page", OPT_COUNT, &fake.per_page, "N", "rows a page" },
		{ 0, "pending", OPT_COUNT, &fake.pending, "N",
		  "questions before it is ready" },
		{ 0, "never", OPT_FLAG, &fake.never, NULL, "it never is" },
		{ 0, "no-rows", OPT_FLAG, &fake.no_rows, NULL,
		  "statements have no result" },
		{ 0, "drops", OPT_COUNT, &fake.drops, "N",
		  "the last rows get lost" },
		{ 0, "expire", OPT_COUNT, &fake.expire, "N",
		  "the first key has expired from the n-th request on" },
		{ 0, "error", OPT_STR, &fake.error, "WORDS",
		  "every statement fails" },
		{ 0, "log", OPT_STR, &fake.log_path, "FILE",
		  "append a line per request" },
		{ 0, "at", OPT_LIST, &fake.mishaps.at, "N=WHAT",
		  "a mishap at the n-th request" },
	};
	const struct opt_spec spec = {
		.synopsis = "--key ID:SECRET [OPTION]...",
		.about = "Be the Redshift Data API, on 127.0.0.1.",
		.opts = opts,
		.n = ARRAY_LEN(opts),
	};
	struct buf err = BUF_INIT;

	msg_init("redshiftd");
	if (opt_parse(&spec, argc, argv))
		opt_die("operands are not taken");
	mishaps_check(&fake.mishaps);
	if (server_run(&s, &err) < 0)
		die(EX_OSERR, "%s", err.data);
	ids_release(&fake.tokens);
	return 0;
}
