/* SPDX-License-Identifier: MIT */
/*
 * A vendor in a few lines of jq, for whole connections: --script names a list
 *
 *	[{"method": "POST", "path": "/v3/events", "answer": PROGRAM}, ...]
 *
 * The first rule whose method is the request's and whose path is where its path
 * begins answers: the program gets {method, path, query, headers, body, n} (a
 * body that is no JSON is a text, n counts requests) and gives {status, body}.
 * What no rule knows is a violation. The ledger gets method, path, query and
 * body of all that was answered with a status below 300, n, and the answer.
 */
#include "common/file.h"
#include "common/mem.h"
#include "common/msg.h"
#include "common/prog.h"
#include "tests/mock/lib/vendor.h"

#define SCRIPT_MAX (1 << 20)

struct rule {
	struct str method, path;
	struct prog *prog;
};

static struct {
	struct buf text;
	struct rule *rules;
	size_t n;
} script = { .text = BUF_INIT };

static struct str member(const char *path, struct str rule, const char *name)
{
	struct buf scratch = BUF_INIT;
	struct str v = json_get(rule, name), text;

	if (!v.s || json_type(v) != JSON_STRING)
		die(EX_CONFIG, "%s: a rule has no text '%s'", path, name);
	text = json_text(v, &scratch);
	text.s = xmemdup(text.s, text.n);
	buf_release(&scratch);
	return text;
}

static void script_load(const char *path)
{
	struct buf err = BUF_INIT;
	struct json_fault fault;
	struct json_iter it;
	struct str list, one;

	if (!path)
		die(EX_USAGE, "--script FILE is missing");
	if (file_read(path, SCRIPT_MAX, &script.text, &err) < 0)
		die(EX_NOINPUT, "%s", err.data);
	if (json_check(buf_str(&script.text), &list, &fault) < 0 ||
	    json_type(list) != JSON_ARRAY)
		die(EX_CONFIG, "%s: not a list of rules", path);
	script.rules = xcalloc(json_count(list), sizeof *script.rules);
	json_iter_init(&it, list);
	while (json_iter_element(&it, &one)) {
		struct rule *r = &script.rules[script.n++];
		struct prog_opts o = { .where = path };
		struct str answer = member(path, one, "answer");

		r->method = member(path, one, "method");
		r->path = member(path, one, "path");
		r->prog = prog_new(answer, &o, &err);
		if (!r->prog)
			die(EX_CONFIG, "%s", err.data);
		free((char *)answer.s);
	}
	buf_release(&err);
}

static const struct rule *rule_find(const struct request *rq)
{
	for (size_t i = 0; i < script.n; i++) {
		const struct rule *r = &script.rules[i];

		if (str_eq(r->method, rq->method) && rq->path.n >= r->path.n &&
		    memcmp(rq->path.s, r->path.s, r->path.n) == 0)
			return r;
	}
	return NULL;
}

static void put_body(struct buf *out, struct str body)
{
	struct json_fault fault;
	struct str v;

	if (!body.n)
		buf_addz(out, "null");
	else if (json_check(body, &v, &fault) == 0)
		json_put_compact(out, v);
	else
		json_put_str(out, body);
}

/* {"method":...,"body":... without its closing brace. */
static void put_request(struct buf *out, const struct request *r)
{
	buf_addz(out, "{\"method\":");
	json_put_str(out, r->method);
	buf_addz(out, ",\"path\":");
	json_put_str(out, r->path);
	buf_addz(out, ",\"query\":");
	json_put_str(out, r->query.s ? r->query : STR(""));
	buf_addz(out, ",\"body\":");
	put_body(out, r->body);
}

static void put_headers(struct buf *out, const struct request *r)
{
	buf_addz(out, ",\"headers\":{");
	for (size_t i = 0; i < r->n_headers; i++) {
		if (i)
			buf_addc(out, ',');
		json_put_str(out, r->headers[i].name);
		buf_addc(out, ':');
		json_put_str(out, r->headers[i].value);
	}
	buf_addc(out, '}');
}

static void serve(struct vendor_run *v, const struct request *rq,
		  struct answer *a)
{
	struct buf in = BUF_INIT, out = BUF_INIT, err = BUF_INIT;
	const struct rule *rule;
	struct json_fault fault;
	struct str result, status, body;
	uint64_t code = 200;
	size_t n_request;

	if (!script.rules)
		script_load(v->script);
	rule = rule_find(rq);
	if (!rule) {
		vendor_violation(v, "no rule of the script knows this");
		answer_json(a, 404, STR("{}"));
		return;
	}
	put_request(&in, rq);
	n_request = in.len;
	put_headers(&in, rq);
	buf_addf(&in, ",\"n\":%" PRIu64 "}", rq->number);
	if (prog_run(rule->prog, buf_str(&in), NULL, &out, &err) != 1 ||
	    json_check(buf_str(&out), &result, &fault) < 0 ||
	    json_type(result) != JSON_OBJECT)
		die(EX_CONFIG, "%s: no answer: %s", v->script, err.data);
	status = json_get(result, "status");
	body = json_get(result, "body");
	if (status.s && (str_to_u64(status, &code) < 0 || code > 599))
		die(EX_CONFIG, "%s: a status that is none", v->script);
	if (code < 300) {
		buf_truncate(&in, n_request);
		buf_addf(&in, ",\"n\":%" PRIu64 ",\"answer\":", rq->number);
		buf_adds(&in, body.s ? body : STR("null"));
		buf_addc(&in, '}');
		vendor_ledger(v, buf_str(&in));
	}
	if (!body.s)
		body = STR("");
	else if (json_type(body) == JSON_STRING)
		body = json_text(body, &err);
	answer_json(a, (int)code, body);
	buf_release(&in);
	buf_release(&out);
	buf_release(&err);
}

static void trouble(struct answer *a, int status, uint64_t code,
		    const char *what)
{
	(void)code;
	(void)what;
	answer_json(a, status, STR("{}"));
}

static void throttle(struct answer *a, bool of_day)
{
	(void)of_day;
	answer_json(a, 429, STR("{}"));
}

const struct vendor vendor_scripted = {
	.name = "scripted",
	.serve = serve,
	.trouble = trouble,
	.throttle = throttle,
};
