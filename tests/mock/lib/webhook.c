/* SPDX-License-Identifier: MIT */
/*
 * A receiver of webhooks that checks more than the signature: that a
 * webhook-id stands for one message only, and what a message looks like. It
 * holds the records by their member "id".
 */
#include "tests/mock/lib/stdwebhook.h"
#include "tests/mock/lib/vendor.h"

static void trouble(struct answer *a, int status, uint64_t code,
		    const char *what)
{
	(void)code;
	buf_reset(&a->body);
	buf_addf(&a->body, "{\"message\":\"%s\"}", what);
	answer_json(a, status, STR(""));
}

static void throttle(struct answer *a, bool of_day)
{
	trouble(a, 429, 0, "slow down");
	if (of_day)
		answer_header(a, "Retry-After", "86400");
}

/* Is it {type, timestamp, data} and nothing else? */
static bool check_message(struct vendor_run *v, struct str body)
{
	struct str type = json_get(body, "type");
	struct str when = json_get(body, "timestamp");
	struct str data = json_get(body, "data");
	struct json_member m;
	struct json_iter it;

	if (!type.s || json_type(type) != JSON_STRING || !when.s ||
	    json_type(when) != JSON_STRING || !data.s ||
	    json_type(data) != JSON_OBJECT || json_count(body) != 3) {
		vendor_violation(v, "not {type, timestamp, data}");
		return false;
	}
	json_iter_init(&it, data);
	while (json_iter_member(&it, &m))
		if (str_starts(m.key, "diff_")) {
			vendor_violation(v, "a reserved member was sent");
			return false;
		}
	return true;
}

/* The same webhook-id, the same message. True: it is a new one. */
static bool note_id(struct vendor_run *v, const struct request *r)
{
	struct str id = request_header(r, "webhook-id");
	struct id_entry *e = ids_find(&v->seen, id);

	if (!e) {
		ids_set(&v->seen, id, r->body);
		return true;
	}
	if (!str_eq(e->value, r->body))
		vendor_violation(v, "a webhook-id stands for two messages");
	return e->n == 0;
}

static void accept_message(struct vendor_run *v, const struct request *r,
			   struct str body)
{
	struct str data = json_get(body, "data"), id = json_get(data, "id");
	struct str type = json_get(body, "type");
	struct buf line = BUF_INIT, scratch = BUF_INIT;
	struct str word = json_text(type, &scratch);

	ids_find(&v->seen, request_header(r, "webhook-id"))->n = 1;
	buf_addf(&line, "{\"n\":%" PRIu64 ",\"webhook_id\":", r->number);
	json_put_str(&line, request_header(r, "webhook-id"));
	buf_addz(&line, ",\"type\":");
	buf_adds(&line, type);
	buf_addz(&line, ",\"data\":");
	json_put_compact(&line, data);
	buf_addz(&line, "}");
	vendor_ledger(v, buf_str(&line));
	if (id.s) {
		if (word.n > 8 &&
		    memcmp(word.s + word.n - 8, ".removed", 8) == 0)
			ids_remove(&v->objects, id);
		else
			ids_set(&v->objects, id, data);
	}
	buf_release(&line);
	buf_release(&scratch);
}

static void serve(struct vendor_run *v, const struct request *r,
		  struct answer *a)
{
	const char *path = v->account ? v->account : "/";
	struct buf key = BUF_INIT;
	struct str body;
	bool is_new;

	if (!str_is(r->method, "POST") || !str_is(r->target, path)) {
		vendor_violation(v, "not POST to the address");
		trouble(a, 404, 0, "not here");
		return;
	}
	if (stdwebhook_key(v->secret, &key) < 0 ||
	    stdwebhook_fault(r, buf_str(&key), 300)) {
		trouble(a, 401, 0, "the signature does not fit");
		buf_release(&key);
		return;
	}
	buf_release(&key);
	body = vendor_body(v, r);
	if (!body.s || !check_message(v, body)) {
		trouble(a, 400, 0, "not a message");
		return;
	}
	is_new = note_id(v, r);
	if (vendor_poisoned(v, json_get(body, "data"))) {
		trouble(a, 422, 0, "this one is not for us");
		return;
	}
	if (is_new)
		accept_message(v, r, body);
	answer_json(a, 200, STR("{\"ok\":true}"));
}

const struct vendor vendor_webhook = {
	.name = "webhook",
	.secret_env = "WEBHOOK_SECRET",
	.needs_secret = true,
	.serve = serve,
	.trouble = trouble,
	.throttle = throttle,
};
