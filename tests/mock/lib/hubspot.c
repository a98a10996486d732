/* SPDX-License-Identifier: MIT */
/*
 * HubSpot's contacts, as far as batch upsert, read and archive go. Contacts
 * are held by their e-mail address in lower case; the value is {id, then the
 * properties}. Results come in no order that a client could rely on.
 */
#include "common/mem.h"
#include "tests/mock/lib/vendor.h"

#define INPUTS_MAX 100

static void trouble(struct answer *a, int status, uint64_t code,
		    const char *what)
{
	const char *category = status == 401   ? "INVALID_AUTHENTICATION"
			       : status == 403 ? "MISSING_SCOPES"
			       : status == 409 ? "CONFLICT"
			       : status < 500  ? "VALIDATION_ERROR"
					       : "INTERNAL_ERROR";

	(void)code;
	buf_reset(&a->body);
	buf_addf(&a->body,
		 "{\"status\":\"error\",\"message\":\"%s\",\"category\":\"%s\","
		 "\"correlationId\":\"c0ffee\"}",
		 what, category);
	answer_json(a, status, STR(""));
}

static void throttle(struct answer *a, bool of_day)
{
	buf_addf(&a->body,
		 "{\"status\":\"error\",\"message\":\"You have reached your "
		 "limit.\",\"errorType\":\"RATE_LIMIT\",\"policyName\":\"%s\"}",
		 of_day ? "DAILY" : "TEN_SECONDLY_ROLLING");
	answer_json(a, 429, STR(""));
}

static struct str lower(struct str text, struct buf *out)
{
	buf_reset(out);
	for (size_t i = 0; i < text.n; i++)
		buf_addc(out, (char)tolower((unsigned char)text.s[i]));
	return buf_str(out);
}

static bool is_text(struct str v)
{
	return v.s && json_type(v) == JSON_STRING;
}

/* What is wrong with an input of an upsert, NULL: nothing. */
static const char *input_fault(struct str input)
{
	struct str id = json_get(input, "id");
	struct str property = json_get(input, "idProperty");
	struct str ref = json_get(input, "objectWriteTraceId");
	struct str properties = json_get(input, "properties");
	struct json_member m;
	struct json_iter it;

	if (!is_text(id) || json_count(input) != 4)
		return "an input is not {id, idProperty, ...}";
	if (!property.s || !json_text_is(property, "email"))
		return "idProperty is not email";
	if (!is_text(ref) || ref.n <= 2)
		return "objectWriteTraceId is no text";
	if (!properties.s || json_type(properties) != JSON_OBJECT)
		return "properties is no object";
	json_iter_init(&it, properties);
	while (json_iter_member(&it, &m)) {
		if (json_type(m.val) != JSON_STRING)
			return "a property is not a text";
		if (str_starts(m.key, "diff_"))
			return "a reserved member was sent";
	}
	return NULL;
}

/*
 * The inputs, if there are 1 to 100 with unique values under name: e-mail
 * addresses, which are one in upper and lower case, or exact texts.
 */
static struct str inputs_of(struct vendor_run *v, struct str body,
			    const char *name, bool exact)
{
	struct str inputs = json_get(body, "inputs"), one;
	struct buf scratch = BUF_INIT, low = BUF_INIT;
	struct ids seen = { 0 };
	struct json_iter it;

	if (!inputs.s || json_type(inputs) != JSON_ARRAY ||
	    !json_count(inputs) || json_count(inputs) > INPUTS_MAX) {
		vendor_violation(v, "not 1 to 100 inputs");
		return STR_NONE;
	}
	json_iter_init(&it, inputs);
	while (json_iter_element(&it, &one)) {
		struct str id = json_get(one, name);

		if (is_text(id) && !exact)
			id = lower(json_text(id, &scratch), &low);
		if (!id.s || !ids_add(&seen, id)) {
			vendor_violation(v, "an input is there twice");
			inputs = STR_NONE;
			break;
		}
	}
	ids_release(&seen);
	buf_release(&scratch);
	buf_release(&low);
	return inputs;
}

/* ---- upsert ---- */

/* The properties after a write: the old ones, the new ones over them. */
static void merge(struct buf *out, struct str was, struct str properties,
		  uint64_t id)
{
	struct json_member m;
	struct json_iter it;
	struct str val;

	buf_addf(out, "{\"id\":\"%" PRIu64 "\"", id);
	if (was.n) {
		json_iter_init(&it, was);
		while (json_iter_member(&it, &m)) {
			if (str_is(m.key, "id") ||
			    json_find(properties, m.key, &val) == 1)
				continue;
			buf_addf(out, ",\"%.*s\":%.*s", STR_ARG(m.key),
				 STR_ARG(m.val));
		}
	}
	json_iter_init(&it, properties);
	while (json_iter_member(&it, &m))
		if (m.val.n > 2)
			buf_addf(out, ",\"%.*s\":%.*s", STR_ARG(m.key),
				 STR_ARG(m.val));
	buf_addc(out, '}');
}

/* Writes one contact and its result. */
static void upsert_one(struct vendor_run *v, uint64_t n, struct str input,
		       struct buf *result)
{
	struct buf scratch = BUF_INIT, low = BUF_INIT, value = BUF_INIT;
	struct str email =
	    lower(json_text(json_get(input, "id"), &scratch), &low);
	struct str properties = json_get(input, "properties");
	struct str ref = json_get(input, "objectWriteTraceId");
	struct id_entry *e = ids_find(&v->objects, email);
	uint64_t id = e ? e->n : ++v->n_objects + 1000;

	merge(&value, e ? e->value : STR(""), properties, id);
	ids_set(&v->objects, email, buf_str(&value))->n = id;
	buf_reset(&value);
	buf_addf(&value, "{\"n\":%" PRIu64 ",\"op\":\"upsert\",\"email\":", n);
	json_put_str(&value, email);
	buf_addf(&value, ",\"ref\":%.*s,\"properties\":", STR_ARG(ref));
	json_put_compact(&value, properties);
	buf_addz(&value, "}");
	vendor_ledger(v, buf_str(&value));
	buf_addf(result,
		 "{\"id\":\"%" PRIu64 "\",\"new\":%s,\"properties\":"
		 "{\"email\":",
		 id, e ? "false" : "true");
	json_put_str(result, email);
	buf_addf(result, "},\"archived\":false,\"objectWriteTraceId\":%.*s}",
		 STR_ARG(ref));
	buf_release(&scratch);
	buf_release(&low);
	buf_release(&value);
}

static void error_one(struct str input, struct buf *errors)
{
	struct str ref = json_get(input, "objectWriteTraceId");

	if (errors->len)
		buf_addc(errors, ',');
	buf_addf(errors,
		 "{\"status\":\"error\",\"category\":\"VALIDATION_ERROR\","
		 "\"message\":\"Property values were not valid\","
		 "\"context\":{\"objectWriteTraceId\":[%.*s]}}",
		 STR_ARG(ref));
}

/* Puts results into the answer, from the middle to both ends. */
static void results_put(struct buf *out, struct buf *all, const size_t *ends,
			size_t n)
{
	bool any = false;

	for (size_t i = 0; i < n; i++) {
		size_t k = i % 2 ? n / 2 - 1 - i / 2 : n / 2 + i / 2;
		size_t from = k ? ends[k - 1] : 0;

		if (any)
			buf_addc(out, ',');
		any = true;
		buf_add(out, all->data + from, ends[k] - from);
	}
}

static void upsert(struct vendor_run *v, const struct request *r,
		   struct str inputs, struct answer *a)
{
	struct buf results = BUF_INIT, errors = BUF_INIT;
	size_t ends[INPUTS_MAX], n = 0, n_bad = 0;
	struct json_iter it;
	struct str one;

	json_iter_init(&it, inputs);
	while (json_iter_element(&it, &one)) {
		if (vendor_poisoned(v, one)) {
			n_bad++;
			error_one(one, &errors);
			continue;
		}
		upsert_one(v, r->number, one, &results);
		ends[n++] = results.len;
	}
	buf_addz(&a->body, "{\"status\":\"COMPLETE\",\"results\":[");
	results_put(&a->body, &results, ends, n);
	buf_addc(&a->body, ']');
	if (n_bad)
		buf_addf(&a->body, ",\"numErrors\":%zu,\"errors\":[%s]", n_bad,
			 errors.data);
	answer_json(a, n_bad ? 207 : 200, STR("}"));
	buf_release(&results);
	buf_release(&errors);
}

static void serve_upsert(struct vendor_run *v, const struct request *r,
			 struct str body, struct answer *a)
{
	struct str inputs = inputs_of(v, body, "id", false), one;
	const char *wrong = NULL;
	struct json_iter it;

	if (inputs.s) {
		json_iter_init(&it, inputs);
		while (!wrong && json_iter_element(&it, &one))
			wrong = input_fault(one);
	}
	if (wrong)
		vendor_violation(v, wrong);
	if (inputs.s && !inputs_of(v, body, "objectWriteTraceId", true).s)
		inputs = STR_NONE;
	if (!inputs.s || wrong)
		trouble(a, 400, 0, wrong ? wrong : "inputs are wrong");
	else if (v->whole && vendor_poisoned(v, inputs))
		trouble(a, 400, 0, "Property values were not valid");
	else
		upsert(v, r, inputs, a);
}

/* ---- read and archive ---- */

static void serve_read(struct vendor_run *v, struct str body, struct answer *a)
{
	struct str inputs = inputs_of(v, body, "id", false), one;
	struct str property = json_get(body, "idProperty");
	struct buf scratch = BUF_INIT, low = BUF_INIT;
	size_t n_missing = 0;
	struct json_iter it;
	bool any = false;

	if (!inputs.s || !property.s || !json_text_is(property, "email")) {
		vendor_violation(v, "a read that is none");
		trouble(a, 400, 0, "inputs are wrong");
		return;
	}
	buf_addz(&a->body, "{\"status\":\"COMPLETE\",\"results\":[");
	json_iter_init(&it, inputs);
	while (json_iter_element(&it, &one)) {
		struct str id = json_text(json_get(one, "id"), &scratch);
		struct id_entry *e = ids_find(&v->objects, lower(id, &low));

		if (!e) {
			n_missing++;
			continue;
		}
		buf_addf(&a->body,
			 "%s{\"id\":\"%" PRIu64 "\",\"properties\":"
			 "{\"email\":",
			 any ? "," : "", e->n);
		json_put_str(&a->body, e->id);
		buf_addz(&a->body, "}}");
		any = true;
	}
	buf_addc(&a->body, ']');
	if (n_missing)
		buf_addf(&a->body,
			 ",\"numErrors\":1,\"errors\":[{\"status\":\"error\","
			 "\"category\":\"OBJECT_NOT_FOUND\",\"message\":"
			 "\"%zu were not found\"}]",
			 n_missing);
	answer_json(a, n_missing ? 207 : 200, STR("}"));
	buf_release(&scratch);
	buf_release(&low);
}

static struct id_entry *by_number(const struct vendor_run *v, uint64_t id)
{
	for (size_t i = 0; i < v->objects.n; i++)
		if (v->objects.v[i].n == id && !v->objects.v[i].gone)
			return &v->objects.v[i];
	return NULL;
}

static void archive_one(struct vendor_run *v, uint64_t n, struct id_entry *e)
{
	struct buf line = BUF_INIT;

	buf_addf(&line, "{\"n\":%" PRIu64 ",\"op\":\"archive\",\"email\":", n);
	json_put_str(&line, e->id);
	buf_addz(&line, "}");
	vendor_ledger(v, buf_str(&line));
	ids_remove(&v->objects, e->id);
	buf_release(&line);
}

static void serve_archive(struct vendor_run *v, const struct request *r,
			  struct str body, struct answer *a)
{
	struct str inputs = inputs_of(v, body, "id", false), one;
	struct buf scratch = BUF_INIT;
	struct json_iter it;

	if (!inputs.s) {
		trouble(a, 400, 0, "inputs are wrong");
		return;
	}
	json_iter_init(&it, inputs);
	while (json_iter_element(&it, &one)) {
		struct str id = json_text(json_get(one, "id"), &scratch);
		struct id_entry *e;
		uint64_t n;

		if (str_to_u64(id, &n) < 0) {
			vendor_violation(v, "archive wants record ids");
			break;
		}
		e = by_number(v, n);
		if (e)
			archive_one(v, r->number, e);
	}
	a->status = 204;
	buf_release(&scratch);
}

static void serve(struct vendor_run *v, const struct request *r,
		  struct answer *a)
{
	static const char base[] = "/crm/v3/objects/contacts/batch/";
	struct str what = r->target, body;

	if (!str_is(r->method, "POST") || !str_starts(r->target, base)) {
		vendor_violation(v, "no such place");
		trouble(a, 404, 0, "no such place");
		return;
	}
	if (!vendor_bearer(v, r)) {
		trouble(a, 401, 0, "the token is not valid");
		return;
	}
	what = (struct str){ what.s + sizeof base - 1,
			     what.n - (sizeof base - 1) };
	body = vendor_body(v, r);
	if (!body.s)
		trouble(a, 400, 0, "the body is not valid");
	else if (str_is(what, "upsert"))
		serve_upsert(v, r, body, a);
	else if (str_is(what, "read"))
		serve_read(v, body, a);
	else if (str_is(what, "archive"))
		serve_archive(v, r, body, a);
	else
		trouble(a, 404, 0, "no such place");
}

const struct vendor vendor_hubspot = {
	.name = "hubspot",
	.token_env = "HUBSPOT_TOKEN",
	.serve = serve,
	.trouble = trouble,
	.throttle = throttle,
};
