/* SPDX-License-Identifier: MIT */
/*
 * What is no fault of a contract, but most likely not meant: a step of a flow
 * that acts without a look at what came of it, where others look.
 */
#include "bin/retl-push/lint.h"

#include "common/json.h"

static bool has_results(struct str step)
{
	return json_get(step, "results").s != NULL;
}

/* May it be of an answer that says yes? */
static bool is_of_success(struct str status)
{
	struct json_iter it;
	struct str v;
	uint64_t n;

	if (!status.s)
		return true;
	if (json_type(status) == JSON_NUMBER)
		return str_to_u64(status, &n) == 0 && n / 100 == 2;
	if (json_type(status) != JSON_ARRAY)
		return false;
	json_iter_init(&it, status);
	while (json_iter_element(&it, &v))
		if (is_of_success(v))
			return true;
	return false;
}

/* Is there a rule that tells good answers apart? */
static bool rules_look(struct str object)
{
	struct str rules = json_get(object, "rules"), rule;
	struct json_iter it;

	if (!rules.s || json_type(rules) != JSON_ARRAY)
		return false;
	json_iter_init(&it, rules);
	while (json_iter_element(&it, &rule))
		if ((json_get(rule, "when").s || json_get(rule, "code").s ||
		     json_get(rule, "results").s) &&
		    is_of_success(json_get(rule, "status")))
			return true;
	return false;
}

/* The answer is looked into in one way or another. */
static bool looks(const struct lint *l, struct str step)
{
	return has_results(step) || json_get(step, "save").s ||
	       rules_look(step) || rules_look(l->operation) ||
	       rules_look(l->root);
}

static bool is_get(struct str step)
{
	return json_text_is(json_get(json_get(step, "request"), "method"),
			    "GET");
}

/* Does it send something of the records, or name the one it is about? */
static bool is_about_records(struct str step, bool alone)
{
	struct str request = json_get(step, "request");
	struct str url = json_get(request, "url");

	if (json_get(request, "item").s)
		return true;
	return alone && url.s &&
	       (memmem(url.s, url.n, "{record.", 8) ||
		memmem(url.s, url.n, "{derived.", 9));
}

bool lint_always_runs(struct str step)
{
	struct str item = json_get(json_get(step, "request"), "item");

	return !json_get(step, "when").s &&
	       !(item.s && memmem(item.s, item.n, "empty", 5));
}

/* The others of the flow, as far as they have results. */
struct others {
	bool any, always; /* one; one that every record goes through */
	bool report;      /* a later one that sends nothing of them */
	bool later;
};

static struct others others_of(struct str steps, size_t at)
{
	struct others o = { .any = false };
	struct json_iter it;
	struct str step;

	json_iter_init(&it, steps);
	for (size_t i = 0; json_iter_element(&it, &step); i++) {
		if (i == at || !has_results(step))
			continue;
		o.any = true;
		o.always |= lint_always_runs(step);
		o.later |= i > at;
		o.report |=
		    i > at && !json_get(json_get(step, "request"), "item").s;
	}
	return o;
}

const char *lint_hint(const struct lint *l, struct str steps, size_t at,
		      struct str step)
{
	struct others o = others_of(steps, at);
	bool alone = l->one || json_is_true(step, "each");

	if (is_get(step) || !is_about_records(step, alone) || looks(l, step))
		return NULL;
	if (!o.any || o.report || (o.always && o.later))
		return NULL;
	if (o.always)
		return "has no results, nor has a later step: a record of "
		       "which the results before do not speak is unknown in "
		       "the end, whatever the answer to this step";
	return "has no results, while another step of this flow has some: "
	       "whoever it carries is delivered if its status is good, "
	       "whatever the answer says";
}
