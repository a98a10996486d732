/* SPDX-License-Identifier: MIT */
/*
 * A Meta custom audience. It holds what it knows of its members: each value of
 * the identifying columns by itself, as COLUMN:value. Rows are checked one by
 * one; a bad one is counted and not named, as the real one does.
 */
#include "common/digest.h"
#include "common/enc.h"
#include "tests/mock/lib/vendor.h"

#define ROWS_MAX 10000
#define COLUMNS_MAX 32

struct upload {
	struct str column[COLUMNS_MAX];
	size_t n;
	struct str rows;
};

static void trouble(struct answer *a, int status, uint64_t code,
		    const char *what)
{
	if (!code)
		code = status >= 500 ? 2 : 100;
	buf_reset(&a->body);
	buf_addf(&a->body,
		 "{\"error\":{\"message\":\"%s\",\"type\":\"%s\",\"code\":"
		 "%" PRIu64 ",\"fbtrace_id\":\"AbCdEf\"}}",
		 what, code == 190 ? "OAuthException" : "GraphMethodException",
		 code);
	answer_json(a, status ? status : 400, STR(""));
}

static void throttle(struct answer *a, bool of_day)
{
	trouble(a, 400, of_day ? 17 : 80003, "too many calls");
}

/* ---- who asks ---- */

static bool proof_fits(const struct vendor_run *v, const struct request *r)
{
	struct str given = vendor_query(r, "appsecret_proof");
	uint8_t mac[DIGEST_MAX];
	struct buf want = BUF_INIT;
	bool fits;

	if (!v->secret.n)
		return true;
	digest_hmac(DIGEST_SHA256, v->secret, v->token, mac);
	enc_hex(&want, mac, digest_size(DIGEST_SHA256));
	fits = given.s && str_eq(given, buf_str(&want));
	buf_release(&want);
	return fits;
}

static bool token_fits(const struct vendor_run *v, const struct request *r)
{
	struct str in_query = vendor_query(r, "access_token");

	return vendor_bearer(v, r) ||
	       (in_query.s && str_eq(in_query, v->token));
}

/* ---- what is asked ---- */

static bool is_hashed(struct str column)
{
	return !str_is(column, "\"EXTERN_ID\"") &&
	       !str_is(column, "\"MADID\"") &&
	       !str_is(column, "\"LOOKALIKE_VALUE\"");
}

static bool is_known(struct str column)
{
	static const char *const all[] = { "EXTERN_ID", "EMAIL", "PHONE",
					   "GEN",       "DOBY",  "DOBM",
					   "DOBD",      "LN",    "FN",
					   "FI",        "CT",    "ST",
					   "ZIP",       "MADID", "COUNTRY" };

	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		if (json_text_is(column, all[i]))
			return true;
	return false;
}

static bool is_identity(struct str column)
{
	return json_text_is(column, "EXTERN_ID") ||
	       json_text_is(column, "EMAIL") || json_text_is(column, "PHONE") ||
	       json_text_is(column, "MADID");
}

/* payload: {schema, data}; -1: it is not. */
static int upload_parse(struct vendor_run *v, struct str body, struct upload *u)
{
	struct str payload = json_get(body, "payload");
	struct str schema, one;
	struct json_iter it;

	if (json_count(body) != 1 || !payload.s ||
	    json_type(payload) != JSON_OBJECT || json_count(payload) != 2) {
		vendor_violation(v, "not {payload: {schema, data}}");
		return -1;
	}
	schema = json_get(payload, "schema");
	u->rows = json_get(payload, "data");
	if (!schema.s || json_type(schema) != JSON_ARRAY || !u->rows.s ||
	    json_type(u->rows) != JSON_ARRAY || !json_count(u->rows) ||
	    json_count(u->rows) > ROWS_MAX) {
		vendor_violation(v, "not 1 to 10000 rows");
		return -1;
	}
	u->n = 0;
	json_iter_init(&it, schema);
	while (json_iter_element(&it, &one) && u->n < COLUMNS_MAX) {
		if (!is_known(one)) {
			vendor_violation(v, "an unknown column");
			return -1;
		}
		u->column[u->n++] = one;
	}
	return 0;
}

static bool is_digest(struct str cell)
{
	/* of the empty text: whoever sends this matches strangers */
	static const char empty[] = "\"e3b0c44298fc1c149afbf4c8996fb92427ae41e4"
				    "649b934ca495991b7852b855\"";

	if (cell.n != 66 || str_is(cell, empty))
		return false;
	for (size_t i = 1; i < 65; i++)
		if (!isdigit((unsigned char)cell.s[i]) &&
		    (cell.s[i] < 'a' || cell.s[i] > 'f'))
			return false;
	return true;
}

/* What is wrong with a row that no client may send; NULL: nothing. */
static const char *row_fault(const struct upload *u, struct str row)
{
	struct json_iter it;
	struct str cell;
	bool any = false;
	size_t i = 0;

	if (json_type(row) != JSON_ARRAY || json_count(row) != u->n)
		return "not one cell a column";
	json_iter_init(&it, row);
	while (json_iter_element(&it, &cell)) {
		if (json_type(cell) != JSON_STRING)
			return "a cell is not a text";
		if (cell.n > 2 && is_hashed(u->column[i]) && !is_digest(cell))
			return "a cell that must be a SHA-256 is none";
		any |= cell.n > 2;
		i++;
	}
	return any ? NULL : "an empty row";
}

static void row_apply(struct vendor_run *v, const struct upload *u,
		      struct str row, bool add)
{
	struct buf id = BUF_INIT, scratch = BUF_INIT;
	struct json_iter it;
	struct str cell;
	size_t i = 0;

	json_iter_init(&it, row);
	while (json_iter_element(&it, &cell)) {
		struct str column = u->column[i++];

		if (cell.n <= 2 || !is_identity(column))
			continue;
		buf_reset(&id);
		buf_add(&id, column.s + 1, column.n - 2);
		buf_addc(&id, ':');
		buf_adds(&id, json_text(cell, &scratch));
		if (add)
			ids_add(&v->objects, buf_str(&id));
		else
			ids_remove(&v->objects, buf_str(&id));
	}
	buf_release(&id);
	buf_release(&scratch);
}

static void row_accept(struct vendor_run *v, const struct request *r,
		       const struct upload *u, struct str row)
{
	bool add = str_is(r->method, "POST");
	struct buf line = BUF_INIT;

	buf_addf(&line, "{\"n\":%" PRIu64 ",\"op\":\"%s\",\"row\":", r->number,
		 add ? "add" : "remove");
	json_put_compact(&line, row);
	buf_addz(&line, "}");
	vendor_ledger(v, buf_str(&line));
	row_apply(v, u, row, add);
	buf_release(&line);
}

static void serve_rows(struct vendor_run *v, const struct request *r,
		       const struct upload *u, struct answer *a)
{
	size_t n = 0, n_bad = 0;
	struct json_iter it;
	struct str row;

	json_iter_init(&it, u->rows);
	while (json_iter_element(&it, &row)) {
		n++;
		if (vendor_poisoned(v, row))
			n_bad++;
		else
			row_accept(v, r, u, row);
	}
	buf_addf(&a->body,
		 "{\"audience_id\":\"%s\",\"session_id\":\"1\","
		 "\"num_received\":%zu,\"num_invalid_entries\":%zu,"
		 "\"invalid_entry_samples\":{}}",
		 v->account, n, n_bad);
	answer_json(a, 200, STR(""));
}

static void serve_upload(struct vendor_run *v, const struct request *r,
			 struct answer *a)
{
	struct str body = vendor_body(v, r), row;
	struct json_iter it;
	struct upload u = { .n = 0 };

	if (!body.s || upload_parse(v, body, &u) < 0) {
		trouble(a, 400, 100, "Invalid parameter");
		return;
	}
	json_iter_init(&it, u.rows);
	while (json_iter_element(&it, &row)) {
		const char *wrong = row_fault(&u, row);

		if (wrong) {
			vendor_violation(v, wrong);
			trouble(a, 400, 100, "Invalid parameter");
			return;
		}
	}
	if (v->whole && vendor_poisoned(v, u.rows))
		trouble(a, 400, 100, "Invalid parameter");
	else
		serve_rows(v, r, &u, a);
}

static void serve(struct vendor_run *v, const struct request *r,
		  struct answer *a)
{
	struct buf path = BUF_INIT;

	if (!v->account)
		v->account = "23850000000000000";
	buf_addf(&path, "/v25.0/%s/users", v->account);
	if (!str_is(r->path, path.data) ||
	    (!str_is(r->method, "POST") && !str_is(r->method, "DELETE"))) {
		vendor_violation(v, "no such place");
		trouble(a, 404, 100, "Unsupported request");
	} else if (!token_fits(v, r)) {
		trouble(a, 400, 190, "Invalid OAuth access token");
	} else if (!proof_fits(v, r)) {
		trouble(a, 400, 100, "Invalid appsecret_proof");
	} else {
		serve_upload(v, r, a);
	}
	buf_release(&path);
}

const struct vendor vendor_meta = {
	.name = "meta",
	.token_env = "META_TOKEN",
	.secret_env = "META_APP_SECRET",
	.serve = serve,
	.trouble = trouble,
	.throttle = throttle,
};
