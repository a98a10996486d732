/* SPDX-License-Identifier: MIT */
#include "tests/mock/lib/jobs.h"

#define PAGE 2    /* failures a page */
#define RUNNING 2 /* so often a job is asked for before it is done */

/* Kept in v->seen: "jN" its rows, "sN" once started the ids of bad ones. */
struct job {
	struct str number, rest; /* "17", "/rows" */
	struct id_entry *rows, *started;
};

static struct id_entry *find(struct vendor_run *v, char kind, struct str number)
{
	buf_reset(&v->scratch);
	buf_addc(&v->scratch, kind);
	buf_adds(&v->scratch, number);
	return ids_find(&v->seen, buf_str(&v->scratch));
}

static void set(struct vendor_run *v, char kind, struct str number,
		struct str value)
{
	buf_reset(&v->scratch);
	buf_addc(&v->scratch, kind);
	buf_adds(&v->scratch, number);
	ids_set(&v->seen, buf_str(&v->scratch), value);
}

static void say(struct answer *a, int status, const char *json)
{
	answer_json(a, status, str_of(json));
}

static void begin(struct vendor_run *v, const struct request *r,
		  struct answer *a)
{
	struct buf number = BUF_INIT, body = BUF_INIT;

	buf_addf(&number, "%" PRIu64, r->number);
	set(v, 'j', buf_str(&number), STR("[]"));
	buf_addf(&body, "{\"job\":%s}", number.data);
	answer_json(a, 200, buf_str(&body));
	buf_release(&number);
	buf_release(&body);
}

static void upload(struct vendor_run *v, const struct jobs_owner *owner,
		   const struct job *j, const struct request *r,
		   struct answer *a)
{
	struct str body = vendor_body(v, r);
	struct str rows = body.s ? json_get(body, "rows") : STR_NONE;

	if (j->started)
		vendor_violation(v, "rows for a job that has been started");
	if (j->started || !owner->check(v, rows)) {
		say(a, 400, "{\"message\":\"not as it must be\"}");
		return;
	}
	set(v, 'j', j->number, rows);
	say(a, 200, "{}");
}

static void start(struct vendor_run *v, const struct jobs_owner *owner,
		  const struct job *j, const struct request *r,
		  struct answer *a)
{
	struct buf bad = BUF_INIT;
	struct json_iter it;
	struct str row;

	if (j->started) {
		say(a, 409, "{\"message\":\"it runs\"}");
		return;
	}
	if (str_is(j->rows->value, "[]"))
		vendor_violation(v, "a job without rows is started");
	json_iter_init(&it, j->rows->value);
	while (json_iter_element(&it, &row)) {
		if (owner->is_bad(v, row)) {
			buf_adds(&bad, json_get(row, "id"));
			buf_addc(&bad, ' ');
		} else {
			owner->accept(v, r, row);
		}
	}
	set(v, 's', j->number, buf_str(&bad));
	say(a, 200, "{}");
	buf_release(&bad);
}

static size_t count(struct str words)
{
	size_t n = 0;

	for (size_t i = 0; i < words.n; i++)
		n += words.s[i] == ' ';
	return n;
}

static void tell(struct vendor_run *v, const struct job *j, struct answer *a)
{
	struct buf body = BUF_INIT;

	if (!j->started) {
		vendor_violation(v, "a job that nobody started is waited for");
		say(a, 200, "{\"state\":\"open\"}");
		return;
	}
	if (j->started->n++ < RUNNING) {
		say(a, 200, "{\"state\":\"running\"}");
		return;
	}
	buf_addf(&body, "{\"state\":\"done\",\"failed\":%zu}",
		 count(j->started->value));
	answer_json(a, 200, buf_str(&body));
	buf_release(&body);
}

static void list(const struct job *j, uint64_t page, struct answer *a)
{
	struct buf body = BUF_INIT;
	struct str rest = j->started ? j->started->value : STR(""), id;
	size_t i = 0, n = count(rest), first = page * PAGE;

	buf_addz(&body, "{\"rows\":[");
	for (; str_split(&rest, ' ', &id); i++)
		if (id.n && i >= first && i < first + PAGE)
			buf_addf(&body, "%s{\"id\":%.*s}", i > first ? "," : "",
				 STR_ARG(id));
	buf_addz(&body, "],\"next\":");
	if (first + PAGE < n)
		buf_addf(&body, "\"/jobs/%.*s/failures/%" PRIu64 "\"}",
			 STR_ARG(j->number), page + 1);
	else
		buf_addz(&body, "null}");
	answer_json(a, 200, buf_str(&body));
	buf_release(&body);
}

static void drop(struct vendor_run *v, const struct job *j, struct answer *a)
{
	if (j->started)
		vendor_violation(v, "a job that runs is dropped");
	set(v, 'j', j->number, STR("[]"));
	say(a, 200, "{}");
}

bool jobs_serve(struct vendor_run *v, const struct jobs_owner *owner,
		const struct request *r, struct answer *a)
{
	static const char failures[] = "/failures/";
	struct str path = r->path, page;
	struct job j = { .number = { path.s + 6, 0 } };
	uint64_t n_page;

	if (!str_starts(path, "/jobs"))
		return false;
	if (path.n == 5 && str_is(r->method, "POST")) {
		begin(v, r, a);
		return true;
	}
	while (6 + j.number.n < path.n &&
	       isdigit((uint8_t)j.number.s[j.number.n]))
		j.number.n++;
	j.rest =
	    (struct str){ j.number.s + j.number.n, path.n - 6 - j.number.n };
	j.rows = find(v, 'j', j.number);
	j.started = find(v, 's', j.number);
	page = (struct str){ j.rest.s + sizeof failures - 1,
			     j.rest.n - (sizeof failures - 1) };
	if (!j.rows)
		return false;
	if (str_is(j.rest, "/rows") && str_is(r->method, "PUT"))
		upload(v, owner, &j, r, a);
	else if (str_is(j.rest, "/start") && str_is(r->method, "POST"))
		start(v, owner, &j, r, a);
	else if (!j.rest.n && str_is(r->method, "GET"))
		tell(v, &j, a);
	else if (!j.rest.n && str_is(r->method, "DELETE"))
		drop(v, &j, a);
	else if (str_starts(j.rest, failures) && str_to_u64(page, &n_page) == 0)
		list(&j, n_page, a);
	else
		return false;
	return true;
}
