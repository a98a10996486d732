/* SPDX-License-Identifier: MIT */
/*
 * Snowflake's SQL API v2, as far as a reader of results sees it. It verifies
 * what Snowflake verifies: the JWT's signature, issuer with the key's
 * fingerprint, subject and life, the headers, the form of ids; and it breaks
 * its promises on order. --result is a JSON object {"rowType", "rows"}; without
 * one, --generate makes rows {"ID", "NAME"}.
 */
#include <zlib.h>

#include "common/digest.h"
#include "common/enc.h"
#include "common/file.h"
#include "common/json.h"
#include "common/msg.h"
#include "tests/mock/lib/fakeapi.h"
#include "tests/mock/lib/tokens.h"

#define HANDLE "01b2c3d4-0000-1111-0000-000000000001"

struct snowflaked {
	const char *key_file, *issuer, *subject; /* issuer without SHA256: */
	const char *token, *kind;
	const char *result_path;
	uint64_t generate, per_partition, pending, slow_ms;
	uint64_t extra; /* rows announced and not there */
	uint64_t lacks; /* partition that lacks a row, from 1; 0: none */
	bool fails, plain;
	struct fakeapi api;
	struct buf result, text, packed;
	struct str row_type, rows;
	uint64_t n_rows, n_run, n_polled;
	struct ids requests;
	struct buf body; /* of the last statement */
};

static void complain(struct answer *a, int status, const char *code,
		     const char *what)
{
	struct buf b = BUF_INIT;

	buf_addf(&b, "{\"code\":\"%s\",\"message\":\"%s\"}", code, what);
	answer_json(a, status, buf_str(&b));
	buf_release(&b);
}

/* ---- who asks ---- */

static void put_fingerprint(struct snowflaked *s, struct buf *out)
{
	struct buf pem = BUF_INIT, der = BUF_INIT, err = BUF_INIT;
	struct buf b64 = BUF_INIT;
	struct str rest, line;
	uint8_t sum[DIGEST_MAX];

	if (file_read(s->key_file, 1 << 16, &pem, &err) < 0)
		die(EX_NOINPUT, "%s", err.data);
	rest = buf_str(&pem);
	while (str_split(&rest, '\n', &line))
		if (line.n && line.s[0] != '-')
			buf_adds(&b64, line);
	if (dec_base64(&der, buf_str(&b64)) < 0)
		die(EX_NOINPUT, "%s: no PEM", s->key_file);
	digest(DIGEST_SHA256, der.data, der.len, sum);
	buf_addz(out, "SHA256:");
	enc_base64(out, sum, 32);
	buf_release(&pem);
	buf_release(&der);
	buf_release(&b64);
}

static const char *who_fault(struct snowflaked *s, const struct request *r)
{
	struct str given = request_header(r, "authorization");
	struct str kind =
	    request_header(r, "x-snowflake-authorization-token-type");
	struct claims want = { .sub = s->subject, .most_s = 3600 };
	struct buf iss = BUF_INIT;
	const char *fault;

	if (!str_starts(given, "Bearer "))
		return "no token";
	given = (struct str){ given.s + 7, given.n - 7 };
	if (s->token)
		return str_is(kind, s->kind) && str_is(given, s->token)
			   ? NULL
			   : "the token is wrong";
	if (!str_is(kind, "KEYPAIR_JWT"))
		return "the token's type is wrong";
	buf_addf(&iss, "%s.", s->issuer);
	put_fingerprint(s, &iss);
	want.iss = iss.data;
	fault = tokens_jwt_fault(given, s->key_file, &want);
	buf_release(&iss);
	return fault;
}

/* ---- results ---- */

static void load(struct snowflaked *s)
{
	struct buf err = BUF_INIT;
	struct json_fault f;
	struct str v;

	s->result = s->text = s->packed = s->body = BUF_INIT;
	if (s->result_path) {
		if (file_read(s->result_path, (size_t)1 << 28, &s->result,
			      &err) < 0)
			die(EX_NOINPUT, "%s", err.data);
	} else {
		buf_addz(&s->result,
			 "{\"rowType\":[{\"name\":\"ID\",\"type\":\"fixed\","
			 "\"scale\":0},{\"name\":\"NAME\",\"type\":\"text\"}],"
			 "\"rows\":[");
		for (uint64_t i = 0; i < s->generate; i++)
			buf_addf(&s->result,
				 "%s[\"%" PRIu64 "\",\"name %" PRIu64 "\"]",
				 i ? "," : "", i, i);
		buf_addz(&s->result, "]}");
	}
	if (json_check(buf_str(&s->result), &v, &f) < 0)
		die(EX_DATAERR, "%s: %s", s->result_path, f.what);
	s->row_type = json_get(v, "rowType");
	s->rows = json_get(v, "rows");
	s->n_rows = json_count(s->rows);
	if (!s->per_partition)
		s->per_partition = s->n_rows + 1;
}

static uint64_t n_partitions(const struct snowflaked *s)
{
	return s->n_rows ? (s->n_rows + s->per_partition - 1) / s->per_partition
			 : 1;
}

static void put_data(struct snowflaked *s, uint64_t n, struct buf *out)
{
	uint64_t from = n * s->per_partition, to = from + s->per_partition;
	struct json_iter it;
	struct str row;
	uint64_t i = 0;
	bool any = false;

	if (s->lacks == n + 1)
		to = MIN(to, s->n_rows) - 1;
	buf_addz(out, "\"data\":[");
	json_iter_init(&it, s->rows);
	for (; i < to && json_iter_element(&it, &row); i++) {
		if (i < from)
			continue;
		if (any)
			buf_addc(out, ',');
		any = true;
		buf_adds(out, row);
	}
	buf_addc(out, ']');
}

static bool is_limit_0(const struct snowflaked *s)
{
	return memmem(s->body.data, s->body.len, " limit 0\"", 9);
}

static void put_result(struct snowflaked *s, struct answer *a)
{
	struct buf *b = &s->text;
	uint64_t left = s->n_rows;
	bool none = is_limit_0(s);

	buf_reset(b);
	buf_addf(b,
		 "{\"code\":\"090001\",\"statementHandle\":\"" HANDLE
		 "\",\"resultSetMetaData\":{\"format\":\"jsonv2\",\"numRows\":"
		 "%" PRIu64 ",\"rowType\":%.*s,\"partitionInfo\":[",
		 none ? 0 : s->n_rows + s->extra, STR_ARG(s->row_type));
	for (uint64_t i = 0; i < (none ? 1 : n_partitions(s)); i++) {
		uint64_t here = none ? 0 : MIN(left, s->per_partition);

		buf_addf(b, "%s{\"rowCount\":%" PRIu64 "}", i ? "," : "", here);
		left -= here;
	}
	buf_addz(b, "]},");
	if (none)
		buf_addz(b, "\"data\":[]");
	else
		put_data(s, 0, b);
	buf_addc(b, '}');
	answer_json(a, 200, buf_str(b));
}

static void answer_packed(struct snowflaked *s, struct answer *a)
{
	z_stream z = { .next_in = (Bytef *)s->text.data,
		       .avail_in = (uInt)s->text.len };

	deflateInit2(&z, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
	buf_reset(&s->packed);
	buf_reserve(&s->packed, deflateBound(&z, s->text.len));
	z.next_out = (Bytef *)s->packed.data;
	z.avail_out = (uInt)s->packed.cap;
	deflate(&z, Z_FINISH);
	s->packed.len = z.total_out;
	deflateEnd(&z);
	answer_json(a, 200, buf_str(&s->packed));
	answer_header(a, "Content-Encoding", "gzip");
}

static void put_partition(struct snowflaked *s, const struct request *r,
			  struct answer *a)
{
	struct str n = { r->query.s + 10, r->query.n - 10 };
	uint64_t i;

	if (!str_starts(r->query, "partition=") || str_to_u64(n, &i) < 0 ||
	    i >= n_partitions(s)) {
		complain(a, 400, "390000", "no such partition");
		return;
	}
	buf_reset(&s->text);
	buf_addc(&s->text, '{');
	put_data(s, i, &s->text);
	buf_addc(&s->text, '}');
	a->delay_ms = s->slow_ms;
	if (s->plain)
		answer_json(a, 200, buf_str(&s->text));
	else
		answer_packed(s, a);
}

/* ---- statements ---- */

static bool is_uuid(struct str v)
{
	for (size_t i = 0; i < v.n; i++)
		if (i == 8 || i == 13 || i == 18 || i == 23
			? v.s[i] != '-'
			: !isxdigit((uint8_t)v.s[i]))
			return false;
	return v.n == 36;
}

/*
 * Those that the specification knows; what is not given is the account's own,
 * which is a bad one here.
 */
static const char *parameters_fault(struct str parameters)
{
	static const char *const known[] = {
		"timezone",
		"query_tag",
		"binary_output_format",
		"date_output_format",
		"time_output_format",
		"timestamp_output_format",
		"timestamp_ltz_output_format",
		"timestamp_ntz_output_format",
		"timestamp_tz_output_format",
		"multi_statement_count",
		"rows_per_resultset",
		"client_result_chunk_size",
		"use_cached_result",
	};
	struct str zone = json_member(parameters, "timezone", JSON_STRING);
	struct str bytes =
	    json_member(parameters, "binary_output_format", JSON_STRING);
	struct str rows =
	    json_member(parameters, "rows_per_resultset", JSON_NUMBER);
	struct str many =
	    json_member(parameters, "multi_statement_count", JSON_NUMBER);
	struct json_iter it;
	struct json_member m;

	json_iter_init(&it, parameters);
	while (json_iter_member(&it, &m)) {
		size_t i = 0;

		while (i < ARRAY_LEN(known) && !str_is(m.key, known[i]))
			i++;
		if (i == ARRAY_LEN(known))
			return "a parameter that is not known";
	}
	if (!zone.s || !json_text_is(zone, "UTC"))
		return "the zone is the account's own";
	if (!bytes.s || !json_text_is(bytes, "HEX"))
		return "bytes are written as the account has it";
	if (!rows.s || !str_is(rows, "0"))
		return "the account's limit of rows cuts the result";
	if (!many.s || !str_is(many, "1"))
		return "the account allows several statements";
	return NULL;
}

static const char *statement_fault(struct snowflaked *s,
				   const struct request *r)
{
	struct str id = fakeapi_query(r, "requestId"), v, text;
	const char *fault;
	struct json_fault f;

	if (!id.s || !is_uuid(id))
		return "requestId is not a UUID";
	if (json_check(r->body, &v, &f) < 0 || json_type(v) != JSON_OBJECT)
		return "the body is no object";
	text = json_get(v, "statement");
	if (!text.s || json_type(text) != JSON_STRING)
		return "there is no statement";
	v = json_get(v, "parameters");
	fault = v.s ? parameters_fault(v) : "no parameters";
	if (fault)
		return fault;
	buf_reset(&s->body);
	buf_adds(&s->body, r->body);
	return NULL;
}

static void put_running(struct answer *a)
{
	answer_json(a, 202,
		    STR("{\"code\":\"333334\",\"message\":\"running\","
			"\"statementHandle\":\"" HANDLE
			"\",\"statementStatusUrl\":\"/api/v2/statements/" HANDLE
			"\"}"));
}

static void submit(struct snowflaked *s, const struct request *r,
		   struct answer *a)
{
	const char *fault = statement_fault(s, r);

	if (fault) {
		complain(a, 400, "391902", fault);
		return;
	}
	/* Only if it is another id is it another statement. */
	if (ids_add(&s->requests, fakeapi_query(r, "requestId"))) {
		s->n_run++;
		s->n_polled = 0;
	} else if (!fakeapi_query(r, "retry").s) {
		complain(a, 400, "391904", "the id has been used");
		return;
	}
	if (s->fails) {
		answer_json(
		    a, 422,
		    STR("{\"code\":\"002003\",\"sqlState\":\"42S02\","
			"\"message\":\"Object 'NOWHERE' does not exist\","
			"\"statementHandle\":\"" HANDLE "\"}"));
		return;
	}
	if (s->pending)
		put_running(a);
	else
		put_result(s, a);
}

static void give(void *self, const struct request *r, struct answer *a)
{
	struct snowflaked *s = self;
	static const char path[] = "/api/v2/statements/" HANDLE;
	const char *fault = who_fault(s, r);
	bool post = str_is(r->method, "POST");

	if (!request_header(r, "user-agent").n)
		complain(a, 400, "391903", "User-Agent is missing");
	else if (!str_starts(request_header(r, "accept"), "application/json"))
		complain(a, 400, "391901", "Accept is missing");
	else if (fault)
		complain(a, 401, "390144", fault);
	else if (post && str_is(r->path, "/api/v2/statements"))
		submit(s, r, a);
	else if (post &&
		 str_is(r->path, "/api/v2/statements/" HANDLE "/cancel"))
		answer_json(a, 200, STR("{\"code\":\"000604\"}"));
	else if (!str_is(r->path, path))
		complain(a, 404, "390000", "no such statement");
	else if (r->query.n)
		put_partition(s, r, a);
	else if (++s->n_polled < s->pending)
		put_running(a);
	else
		put_result(s, a);
}

static void note(void *self, const struct request *r, int status, struct buf *b)
{
	struct snowflaked *s = self;

	buf_addf(b,
		 "{\"n\":%" PRIu64 ",\"run\":%" PRIu64 ",\"method\":\"%.*s"
		 "\",\"target\":",
		 r->number, s->n_run, STR_ARG(r->method));
	json_put_str(b, r->target);
	buf_addf(b, ",\"status\":%d,\"body\":", status);
	if (r->body.n)
		buf_adds(b, r->body);
	else
		buf_addz(b, "null");
	buf_addc(b, '}');
}

static void trouble(struct answer *a, int status)
{
	complain(a, status, "000000", "on order");
}

int main(int argc, char **argv)
{
	struct snowflaked fake = { .kind = "OAUTH",
				   .api = { .give = give,
					    .trouble = trouble,
					    .note = note,
					    .self = &fake } };
	struct opt opts[14 + FAKEAPI_N_OPTS] = {
		{ 0, "key", OPT_STR, &fake.key_file, "FILE",
		  "the user's public key" },
		{ 0, "issuer", OPT_STR, &fake.issuer, "ACCOUNT.USER",
		  "what iss begins with" },
		{ 0, "subject", OPT_STR, &fake.subject, "TEXT", "sub" },
		{ 0, "token", OPT_STR, &fake.token, "TEXT",
		  "a token in place of the key" },
		{ 0, "kind", OPT_STR, &fake.kind, "TYPE", "of the token" },
		{ 0, "result", OPT_STR, &fake.result_path, "FILE",
		  "what every statement gives" },
		{ 0, "generate", OPT_COUNT, &fake.generate, "N", "rows" },
		{ 0, "partition", OPT_COUNT, &fake.per_partition, "N",
		  "rows of a partition" },
		{ 0, "pending", OPT_COUNT, &fake.pending, "N",
		  "ready at the n-th question" },
		{ 0, "slow", OPT_COUNT, &fake.slow_ms, "MS",
		  "each partition takes so long" },
		{ 0, "extra", OPT_COUNT, &fake.extra, "N",
		  "announce rows that are not there" },
		{ 0, "lacks", OPT_COUNT, &fake.lacks, "N",
		  "the n-th partition lacks a row" },
		{ 0, "plain", OPT_FLAG, &fake.plain, NULL, "without gzip" },
		{ 0, "fails", OPT_FLAG, &fake.fails, NULL,
		  "every statement is wrong" },
	};
	const struct opt_spec spec = {
		.synopsis = "[OPTION]...",
		.about = "Be Snowflake, on 127.0.0.1.",
		.opts = opts,
		.n = ARRAY_LEN(opts),
	};

	fakeapi_opts(&fake.api, opts + 14);
	msg_init("snowflaked");
	if (opt_parse(&spec, argc, argv))
		opt_die("operands are not taken");
	load(&fake);
	fakeapi_run(&fake.api);
	return 0;
}
