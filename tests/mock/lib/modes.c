/* SPDX-License-Identifier: MIT */
/*
 * A vendor of no name that tells in every way there is which records it did not
 * take: the way is the path.
 *
 *	/E1  a result for each, in order
 *	/E2  the indexes of those that failed
 *	/E3  their keys
 *	/E4  their indexes, in a sentence
 *	/E5  a field, and indexes below it
 *	/E6  files of those taken and not
 *	/E7  how many, and no more
 *	/E8  none is taken if one is bad
 *
 * And /jobs, see jobs.h.
 *
 * Tokens are given out at /token; each is good for as many requests as
 * --account says, then another must be fetched.
 */
#include "tests/mock/lib/jobs.h"
#include "tests/mock/lib/vendor.h"

#define MOST 100 /* records a request */

static void trouble(struct answer *a, int status, uint64_t code,
		    const char *what)
{
	(void)code;
	buf_reset(&a->body);
	buf_addf(&a->body, "{\"message\":\"%s\"}", what);
	answer_json(a, status, STR(""));
}

/* In turns by number: a hint, a hint in the body, and none. */
static void throttle(struct answer *a, bool of_day)
{
	static unsigned turn;

	(void)of_day;
	trouble(a, 429, 0, "slow down");
	if (turn % 3 == 0)
		answer_header(a, "Retry-After", "0");
	if (turn++ % 3 == 1) {
		buf_reset(&a->body);
		buf_addz(&a->body, "{\"message\":\"x\",\"wait\":0.01}");
	}
}

/* ---- tokens ---- */

static void give_token(struct vendor_run *v, struct answer *a)
{
	struct buf body = BUF_INIT;

	v->n_objects++;
	buf_addf(&body,
		 "{\"access_token\":\"t%" PRIu64 "\",\"expires_in\":3600}",
		 v->n_objects);
	answer_json(a, 200, buf_str(&body));
	buf_release(&body);
}

static bool good_token(struct vendor_run *v, const struct request *r)
{
	static uint64_t used_by, used;
	struct str given = request_header(r, "authorization");
	uint64_t n, most;

	if (!str_starts(given, "Bearer t") ||
	    str_to_u64((struct str){ given.s + 8, given.n - 8 }, &n) < 0 ||
	    n != v->n_objects)
		return false;
	if (used_by != n) {
		used_by = n;
		used = 0;
	}
	if (!v->account || str_to_u64(str_of(v->account), &most) < 0)
		return true;
	return used++ < most;
}

/* ---- records ---- */

static bool is_bad(const struct vendor_run *v, struct str row)
{
	return vendor_poisoned(v, row);
}

static void accept_row(struct vendor_run *v, const struct request *r,
		       struct str row)
{
	struct buf line = BUF_INIT;

	buf_addf(&line, "{\"n\":%" PRIu64 ",\"row\":", r->number);
	json_put_compact(&line, row);
	buf_addc(&line, '}');
	vendor_ledger(v, buf_str(&line));
	ids_set(&v->objects, json_get(row, "id"), json_get(row, "v"));
	buf_release(&line);
}

/* The rows, none of them twice, each with what it must have. */
static bool check_rows(struct vendor_run *v, struct str rows)
{
	struct ids here = { .n = 0 };
	struct json_iter it;
	struct str row, id;
	bool good = true;

	if (!rows.s || json_type(rows) != JSON_ARRAY || !json_count(rows)) {
		vendor_violation(v, "no rows");
		return false;
	}
	if (json_count(rows) > MOST)
		vendor_violation(v, "too many rows");
	json_iter_init(&it, rows);
	while (json_iter_element(&it, &row)) {
		id = json_type(row) == JSON_OBJECT ? json_get(row, "id")
						   : STR_NONE;
		if (!id.s || !json_get(row, "v").s ||
		    json_get(row, "diff_id").s) {
			vendor_violation(v, "a row that is not as it must be");
			good = false;
		} else if (!ids_add(&here, id)) {
			vendor_violation(v, "a key twice in a request");
		}
	}
	ids_release(&here);
	return good;
}

/* Writes of the n-th row what this way of telling has to say. */
static void tell(char mode, struct buf *out, size_t n, struct str row, bool bad,
		 bool *any)
{
	const char *sep = *any ? "," : "";

	if (mode == '1') {
		buf_addf(out, "%s{\"ok\":%s}", n ? "," : "",
			 bad ? "false" : "true");
		return;
	}
	if (mode == '6') {
		buf_addf(out, "%.*s,%s\n", STR_ARG(json_get(row, "id")),
			 bad ? "bad" : "");
		return;
	}
	if (!bad)
		return;
	*any = true;
	if (mode == '2' || mode == '5')
		buf_addf(out, "%s%zu", sep, n);
	else if (mode == '3')
		buf_addf(out, "%s%.*s", sep, STR_ARG(json_get(row, "id")));
	else if (mode == '4')
		buf_addf(out, "%srows[%zu].v is bad", *sep ? "; " : "", n);
}

static void put_answer(struct vendor_run *v, char mode, const struct buf *told,
		       size_t n_bad, const struct request *r, struct answer *a)
{
	struct buf body = BUF_INIT, name = BUF_INIT;

	switch (mode) {
	case '1':
		buf_addf(&body, "{\"results\":[%s]}", told->data);
		break;
	case '2':
		buf_addf(&body, "{\"failed\":[%s]}", told->data);
		break;
	case '3':
		buf_addf(&body, "{\"keys\":[%s]}", told->data);
		break;
	case '4':
		buf_addf(&body, "{\"message\":\"%s\"}", told->data);
		break;
	case '5':
		buf_addf(&body, "{\"fields\":{\"v\":[%s]}}", told->data);
		break;
	case '6':
		buf_addf(&name, "%" PRIu64, r->number);
		ids_set(&v->seen, buf_str(&name), buf_str(told));
		buf_addf(&body, "{\"job\":%s}", name.data);
		break;
	default:
		buf_addf(&body, "{\"bad\":%zu}", n_bad);
	}
	answer_json(a, 200, buf_str(&body));
	buf_release(&body);
	buf_release(&name);
}

static void take_rows(struct vendor_run *v, char mode, const struct request *r,
		      struct answer *a)
{
	struct str body = vendor_body(v, r);
	struct str rows = body.s ? json_get(body, "rows") : STR_NONE, row;
	struct buf told = BUF_INIT;
	struct json_iter it;
	size_t n = 0, n_bad = 0;
	bool any = false;

	if (!check_rows(v, rows)) {
		trouble(a, 400, 0, "not as it must be");
		return;
	}
	json_iter_init(&it, rows);
	while (json_iter_element(&it, &row))
		n_bad += is_bad(v, row);
	if (mode == '8' && n_bad) {
		trouble(a, 400, 0, "one of them is bad");
		return;
	}
	json_iter_init(&it, rows);
	while (json_iter_element(&it, &row)) {
		bool bad = is_bad(v, row);

		if (!bad)
			accept_row(v, r, row);
		tell(mode, &told, n++, row, bad, &any);
	}
	put_answer(v, mode, &told, n_bad, r, a);
	buf_release(&told);
}

/* /file/N: what became of the rows of request N. */
static void give_file(struct vendor_run *v, struct str path, struct answer *a)
{
	struct id_entry *e =
	    ids_find(&v->seen, (struct str){ path.s + 6, path.n - 6 });

	if (!e) {
		trouble(a, 404, 0, "no such file");
		return;
	}
	a->status = 200;
	answer_header(a, "Content-Type", "text/csv");
	buf_addz(&a->body, "id,error\n");
	buf_adds(&a->body, e->value);
}

static void serve(struct vendor_run *v, const struct request *r,
		  struct answer *a)
{
	static const struct jobs_owner owner = { check_rows, is_bad,
						 accept_row };
	bool post = str_is(r->method, "POST");

	if (post && str_is(r->path, "/token")) {
		give_token(v, a);
	} else if (!good_token(v, r)) {
		trouble(a, 401, 0, "the token has expired");
	} else if (post && r->path.n == 3 && str_starts(r->path, "/E") &&
		   r->path.s[2] >= '1' && r->path.s[2] <= '8') {
		take_rows(v, r->path.s[2], r, a);
	} else if (!post && str_starts(r->path, "/file/")) {
		give_file(v, r->path, a);
	} else if (!jobs_serve(v, &owner, r, a)) {
		vendor_violation(v, "no such address");
		trouble(a, 404, 0, "not here");
	}
}

const struct vendor vendor_modes = {
	.name = "modes",
	.serve = serve,
	.trouble = trouble,
	.throttle = throttle,
};
