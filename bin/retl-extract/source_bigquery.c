/* SPDX-License-Identifier: MIT */
/*
 * BigQuery by its REST API. A job is inserted under an id of ours, so that
 * inserting it again does not run the query twice; its result stands in a
 * table for a day, from which pages are read by their first row, several at a
 * time, and written in order. A page may come shorter than was asked for
 * (10 MB is the most): the rest of it is then asked for. All rows are there
 * when as many have come as the job has counted.
 */
#include "bin/retl-extract/source.h"

#include "bin/retl-extract/bigquery.h"
#include "bin/retl-extract/cancel.h"
#include "bin/retl-extract/google.h"
#include "bin/retl-extract/interrupt.h"
#include "bin/retl-extract/session.h"
#include "common/digest.h"
#include "common/enc.h"
#include "common/mem.h"

#define BASE "https://bigquery.googleapis.com"
#define EMULATOR "BIGQUERY_EMULATOR_HOST"
/* The second for tables that are Google Sheets. */
#define SCOPES                                      \
	"https://www.googleapis.com/auth/bigquery " \
	"https://www.googleapis.com/auth/drive.readonly"
#define N_FLYING 4
#define MAX_BODY ((size_t)256 << 20)
#define MAX_WAITING ((size_t)128 << 20)
#define FIRST_ROWS 20000
#define SERVER_WAIT_MS 10000
#define ROWS_AT_ONCE 512

struct bigquery {
	struct session session;
	struct google google;
	struct buf project, dataset, location;
	struct web *web;
	struct web_queue *queue;
	struct buf job; /* its id */
	struct bigquery_field top;
	uint64_t n_wanted, n_rows;
	uint64_t asked, stride; /* rows that pages were asked for, of each */
	uint64_t page_end;      /* where the page under way should end */
	struct buf body;        /* of the page that is being read */
	struct json_iter rows;
	bool in_page;
};

static int said(struct failure *f, int status, const char *what)
{
	return failed(f, status, "bigquery: %s", what);
}

/* ---- addresses ---- */

static bool is_name(struct str text)
{
	for (size_t i = 0; i < text.n; i++)
		if (!isalnum((uint8_t)text.s[i]) && !strchr("-_.:", text.s[i]))
			return false;
	return true;
}

static int take_url(struct bigquery *s, struct str where, struct failure *f)
{
	const char *project = getenv("GOOGLE_CLOUD_PROJECT");
	struct str path, part, name;
	bool good = true;

	if (str_starts(where, "//"))
		where = (struct str){ where.s + 2, where.n - 2 };
	str_split(&where, '?', &path);
	str_split(&path, '/', &part);
	buf_adds(&s->project, part);
	if (path.s)
		buf_adds(&s->dataset, path);
	while (where.s && str_split(&where, '&', &part)) {
		str_split(&part, '=', &name);
		good &= part.s && str_is(name, "location");
		if (good)
			buf_adds(&s->location, part);
	}
	if (!s->project.len && project)
		buf_addz(&s->project, project);
	if (!good || !is_name(buf_str(&s->project)) ||
	    !is_name(buf_str(&s->dataset)) || !is_name(buf_str(&s->location)))
		return said(f, EX_USAGE,
			    "the URL: expected bigquery://PROJECT/DATASET, and "
			    "behind a ? location=EU");
	if (!s->project.len)
		return said(f, EX_CONFIG,
			    "no project: bigquery://PROJECT/..., or "
			    "GOOGLE_CLOUD_PROJECT");
	return 0;
}

static void request(struct bigquery *s, struct web_request *rq)
{
	google_request(&s->google, rq);
	buf_addf(&rq->url, "/bigquery/v2/projects/%s", s->project.data);
}

static void put_location(struct bigquery *s, struct web_request *rq, char sep)
{
	if (s->location.len)
		buf_addf(&rq->url, "%clocation=%s", sep, s->location.data);
}

/* The job's result, or a part of it: without blanks it is a third as long. */
static void request_rows(struct bigquery *s, struct web_request *rq,
			 uint64_t from, uint64_t n)
{
	request(s, rq);
	buf_addf(&rq->url,
		 "/queries/%s?startIndex=%" PRIu64 "&maxResults=%" PRIu64
		 "&timeoutMs=%d&formatOptions.useInt64Timestamp=true"
		 "&prettyPrint=false",
		 s->job.data, from, n, SERVER_WAIT_MS);
	put_location(s, rq, '&');
}

/* ---- the job ---- */

/* A number that reads back as it is written; the rest is text. */
static const char *param_type(struct str v)
{
	size_t sign = v.n && v.s[0] == '-', dot = v.n;

	if (!row_is_number(v) || v.n - sign > 30)
		return "STRING";
	for (size_t i = sign; i < v.n; i++) {
		if (v.s[i] == '.')
			dot = i;
		else if (!isdigit((uint8_t)v.s[i]))
			return "STRING";
	}
	if (dot < v.n)
		return v.s[v.n - 1] == '0' || v.n - dot > 10 ? "STRING"
							     : "NUMERIC";
	return v.n - sign > 18 ? "STRING" : "INT64";
}

static void put_params(struct buf *out, const struct sql_query *q)
{
	if (!q->n)
		return;
	buf_addz(out,
		 ",\"parameterMode\":\"POSITIONAL\",\"queryParameters\":[");
	for (size_t i = 0; i < q->n; i++) {
		const struct param *p = q->values[i];

		buf_addf(out,
			 "%s{\"parameterType\":{\"type\":\"%s\"},"
			 "\"parameterValue\":{\"value\":",
			 i ? "," : "",
			 p->null ? "STRING" : param_type(p->value));
		if (p->null)
			buf_addz(out, "null");
		else
			json_put_str(out, p->value);
		buf_addz(out, "}}");
	}
	buf_addc(out, ']');
}

static void put_job(struct bigquery *s, struct buf *out,
		    const struct sql_query *q, bool dry)
{
	buf_addz(out, "{\"jobReference\":{\"projectId\":");
	json_put_str(out, buf_str(&s->project));
	if (!dry) {
		buf_addz(out, ",\"jobId\":");
		json_put_str(out, buf_str(&s->job));
	}
	if (s->location.len) {
		buf_addz(out, ",\"location\":");
		json_put_str(out, buf_str(&s->location));
	}
	buf_addf(out,
		 "},\"configuration\":{\"labels\":{\"client\":\"retl\"}"
		 ",\"dryRun\":%s,\"query\":{\"useLegacySql\":false",
		 dry ? "true" : "false");
	if (s->dataset.len) {
		buf_addz(out, ",\"defaultDataset\":{\"projectId\":");
		json_put_str(out, buf_str(&s->project));
		buf_addz(out, ",\"datasetId\":");
		json_put_str(out, buf_str(&s->dataset));
		buf_addc(out, '}');
	}
	put_params(out, q);
	buf_addz(out, ",\"query\":");
	json_put_str(out, buf_str(&q->sql));
	buf_addz(out, "}}}");
}

static void new_job_id(struct bigquery *s)
{
	uint8_t b[16];

	digest_random(b, sizeof b);
	buf_reset(&s->job);
	buf_addz(&s->job, "retl_");
	enc_hex(&s->job, b, sizeof b);
}

/* An error in a job's status, which may come with 200. */
static int check_status(struct bigquery *s, struct str job, struct failure *f)
{
	struct str status = json_get(job, "status"), error;

	if (!status.s || json_type(status) != JSON_OBJECT)
		return 0;
	error = json_get(status, "errorResult");
	if (!error.s || json_type(error) != JSON_OBJECT)
		return 0;
	return google_failed(&s->google, error, "the query", f);
}

static void take_location(struct bigquery *s, struct str job)
{
	struct str ref = json_get(job, "jobReference"), v;
	struct buf scratch = BUF_INIT;

	if (!ref.s || json_type(ref) != JSON_OBJECT)
		return;
	v = json_get(ref, "location");
	if (v.s && json_type(v) == JSON_STRING) {
		v = json_text(v, &scratch);
		if (v.n && is_name(v)) {
			buf_reset(&s->location);
			buf_adds(&s->location, v);
		}
	}
	buf_release(&scratch);
}

/* job: the answer, borrowed like it; .s NULL: it runs already. */
static int insert(struct bigquery *s, const struct sql_query *q, bool dry,
		  struct str *job, struct failure *f)
{
	struct web_request rq = WEB_REQUEST_INIT;
	struct web_answer a;
	int ret;

	request(s, &rq);
	buf_addz(&rq.url, "/jobs");
	buf_addz(&rq.headers, "Content-Type: application/json\n");
	rq.method = "POST";
	rq.has_body = true;
	put_job(s, &rq.body, q, dry);
	ret = web_ask(s->web, &rq, &a, f);
	*job = STR_NONE;
	/* A second attempt finds that the first one did arrive. */
	if (ret == 0 && a.status != 409) {
		*job = google_object(&a);
		if (a.status != 200)
			ret = google_refused(&s->google, &a, "the query", f);
		else if (!job->s)
			ret =
			    said(f, EX_UNAVAILABLE, "an answer that is no job");
		else
			ret = check_status(s, *job, f);
	}
	web_request_release(&rq);
	return ret;
}

static int arm(struct bigquery *s, struct failure *f)
{
	struct web_request rq = WEB_REQUEST_INIT;
	int ret;

	request(s, &rq);
	buf_addf(&rq.url, "/jobs/%s/cancel", s->job.data);
	put_location(s, &rq, '?');
	rq.method = "POST";
	ret = rq.prepare(&rq, 1, f);
	if (ret == 0)
		interrupt_arm(&rq, s->session.args->cacert);
	else
		failed(f, f->status, "bigquery: %s", f->text.data);
	web_request_release(&rq);
	return ret;
}

/* ---- its result ---- */

static int take_count(struct str v, uint64_t *n)
{
	if (v.s && json_type(v) == JSON_STRING)
		v = (struct str){ v.s + 1, v.n - 2 };
	return v.s ? str_to_u64(v, n) : -1;
}

/*
 * Begins to read the page in s->body, which should begin at row s->n_rows.
 * Returns how many rows it has, or -1.
 */
static int64_t begin_page(struct bigquery *s, struct failure *f)
{
	struct str v = buf_str(&s->body), rows, total;
	struct json_fault fault;
	uint64_t n;

	if (json_check(v, &v, &fault) < 0 || json_type(v) != JSON_OBJECT ||
	    !json_is_true(v, "jobComplete"))
		return said(f, EX_UNAVAILABLE, "an answer that is no page");
	total = json_get(v, "totalRows");
	if (take_count(total, &n) < 0 || n != s->n_wanted)
		return failed(f, EX_DATAERR,
			      "bigquery: the result has another number of rows "
			      "than before");
	rows = json_get(v, "rows");
	if (!rows.s)
		rows = STR("[]");
	if (json_type(rows) != JSON_ARRAY)
		return said(f, EX_UNAVAILABLE, "an answer that is no page");
	json_iter_init(&s->rows, rows);
	s->in_page = true;
	return (int64_t)json_count(rows);
}

static int make_page(void *arg, struct web_request *rq, struct failure *f)
{
	struct bigquery *s = arg;
	uint64_t n = MIN(s->stride, s->n_wanted - s->asked);

	(void)f;
	if (!n)
		return 0;
	request_rows(s, rq, s->asked, n);
	rq->number = s->asked + n;
	s->asked += n;
	return 1;
}

/* A page that came short says how many rows one takes. */
static void set_stride(struct bigquery *s, uint64_t got)
{
	s->stride = MAX(MIN(s->stride, got - got / 10), 1);
}

static int take_result(struct bigquery *s, struct str v, struct failure *f)
{
	struct web_queue_opts q = { .n_flying = N_FLYING,
				    .max_bytes = MAX_WAITING,
				    .make = make_page,
				    .arg = s };
	struct str schema = json_get(v, "schema");
	int64_t n;

	if (take_count(json_get(v, "totalRows"), &s->n_wanted) < 0 || !schema.s)
		return said(f, EX_CONFIG, "the query gives no rows");
	if (bigquery_schema(&s->top, schema, &s->session.columns, f) < 0)
		return failed(f, f->status, "bigquery: %s", f->text.data);
	if (!s->session.columns.n)
		return said(f, EX_CONFIG, "the query gives no rows");
	n = begin_page(s, f);
	if (n < 0)
		return -1;
	s->stride = FIRST_ROWS;
	if ((uint64_t)n < MIN(s->n_wanted, FIRST_ROWS))
		set_stride(s, (uint64_t)n);
	s->asked = s->page_end = (uint64_t)n;
	s->queue = web_queue_new(s->web, &q);
	return 0;
}

/* A job may have been taken, and not yet be known wherever one asks. */
static enum web_verdict judge_new_job(struct web_request *rq,
				      const struct web_answer *a,
				      unsigned attempt, struct failure *f)
{
	if (a->status == 404 &&
	    memmem(a->body.s, a->body.n, "Not found: Job", 14)) {
		failed(f, EX_TEMPFAIL, "HTTP 404, of a job that was taken");
		return WEB_AGAIN;
	}
	return google_judge_own(rq, a, attempt, f);
}

/* Until it has ended; its first page is in s->body then. */
static int wait_for_job(struct bigquery *s, struct failure *f)
{
	struct web_request rq = WEB_REQUEST_INIT;
	int64_t ms = 0;
	struct web_answer a;
	struct str v;
	int ret;

	request_rows(s, &rq, 0, FIRST_ROWS);
	rq.judge = judge_new_job;
	for (;;) {
		ret = web_ask(s->web, &rq, &a, f);
		if (ret == 0 && a.status != 200)
			ret = google_refused(&s->google, &a, "the query", f);
		v = ret == 0 ? google_object(&a) : STR_NONE;
		if (ret == 0 && !v.s)
			ret = said(f, EX_UNAVAILABLE,
				   "an answer that is no result");
		if (ret < 0 || json_is_true(v, "jobComplete"))
			break;
		/* The server should have waited; this one does not. */
		web_wait_turn(s->web, &ms);
	}
	if (ret == 0)
		buf_adds(&s->body, a.body);
	web_request_release(&rq);
	return ret;
}

static void forget_columns(struct bigquery *s)
{
	columns_release(&s->session.columns);
	bigquery_release(&s->top);
}

static int run(void *self, const struct sql_query *q, struct failure *f)
{
	struct bigquery *s = self;
	struct json_fault fault;
	struct str v;
	int ret;

	forget_columns(s);
	new_job_id(s);
	if (arm(s, f) < 0)
		return -1;
	ret = insert(s, q, false, &v, f);
	/* The answer that said where it runs got lost: there it would run. */
	if (ret == 0 && !v.s && !s->location.len)
		ret = insert(s, q, true, &v, f);
	if (ret == 0 && v.s)
		take_location(s, v);
	/* Where the job runs is known now. */
	if (ret == 0)
		ret = arm(s, f);
	if (ret == 0)
		ret = wait_for_job(s, f);
	if (ret < 0)
		cancel_settle();
	interrupt_disarm();
	if (ret < 0 || json_check(buf_str(&s->body), &v, &fault) < 0)
		return -1;
	return take_result(s, v, f);
}

/* ---- SQL ---- */

static int put_order(struct buf *out, const struct columns *c, size_t i,
		     struct str name, const char **why)
{
	/* What else is text here, is not in SQL. */
	if (!sql_is_plain(c->v[i].kind) &&
	    !(c->v[i].kind == COLUMN_TEXT &&
	      str_is(column_native(c, i), "STRING"))) {
		*why = "such a type";
		return -1;
	}
	buf_adds(out, name);
	return 0;
}

static void put_shard(struct buf *out, const struct source_args *a,
		      const struct str *hashed)
{
	/* Its value is laid down for good; it may be negative. */
	buf_addz(out, "mod(mod(farm_fingerprint(concat(''");
	sql_put_each(out, hashed, a->n_key, ", ',', ifnull(cast(",
		     " as string), '')");
	buf_addf(out, ")), %" PRIu64 ") + %" PRIu64 ", %" PRIu64 ") = %" PRIu64,
		 a->n_shards, a->n_shards, a->n_shards, a->shard - 1);
}

static const struct sql_dialect dialect = {
	.name = "BigQuery",
	.quote = '`',
	.marks = SQL_QUESTION,
	.backslash = true,
	.hash = true,
	.put_order = put_order,
	.put_shard = put_shard,
};

/* The columns, from a run that reads nothing. */
static int learn(void *self, const struct sql_query *q, struct failure *f)
{
	struct bigquery *s = self;
	static const char *const path[] = { "statistics", "query", "schema" };
	struct str v;
	int ret;

	ret = insert(s, q, true, &v, f);
	for (size_t i = 0; ret == 0 && i < ARRAY_LEN(path); i++)
		v = v.s && json_type(v) == JSON_OBJECT ? json_get(v, path[i])
						       : STR_NONE;
	if (ret == 0 && !v.s)
		ret = said(f, EX_CONFIG, "the query gives no rows");
	if (ret == 0 && bigquery_schema(&s->top, v, &s->session.columns, f) < 0)
		ret = failed(f, f->status, "bigquery: %s", f->text.data);
	return ret;
}

/* ---- the source ---- */

static void bigquery_close(void *self)
{
	struct bigquery *s = self;

	interrupt_disarm();
	web_queue_free(s->queue);
	web_free(s->web);
	google_release(&s->google);
	columns_release(&s->session.columns);
	bigquery_release(&s->top);
	buf_release(&s->project);
	buf_release(&s->dataset);
	buf_release(&s->location);
	buf_release(&s->job);
	buf_release(&s->body);
	free(s);
}

static void *open_session(const struct source_args *a, struct failure *f)
{
	struct bigquery *s = xcalloc(1, sizeof *s);
	struct web_opts web = session_web(a, "bigquery", MAX_BODY);

	s->project = s->dataset = s->location = BUF_INIT;
	s->job = s->body = s->google.base = BUF_INIT;
	s->top.name = BUF_INIT;
	session_init(&s->session, a, &dialect);
	if (take_url(s, str_of(a->where), f) < 0 ||
	    google_init(&s->google, "bigquery", BASE, EMULATOR, SCOPES,
			a->cacert, f) < 0 ||
	    !(s->web = web_new(&web, f))) {
		bigquery_close(s);
		return NULL;
	}
	return s;
}

static int prepare(void *self, struct sql_query *q, struct failure *f)
{
	const struct source_args *a = ((struct session *)self)->args;

	if (a->query.s && !sql_is_query(&dialect, a->query))
		return said(f, EX_CONFIG,
			    "only queries are run: SELECT, WITH and the like, "
			    "and no scripts");
	return sql_prepare(q, &dialect, a, f);
}

static const struct session_ops session = {
	.open = open_session,
	.prepare = prepare,
	.learn = learn,
	.run = run,
	.close = bigquery_close,
};

/* ---- rows ---- */

static int take_page(struct bigquery *s, const struct web_answer *a,
		     struct failure *f)
{
	int64_t n;

	if (a->status != 200)
		return google_refused(&s->google, a, "a page of the result", f);
	buf_reset(&s->body);
	buf_adds(&s->body, a->body);
	n = begin_page(s, f);
	if (n < 0)
		return -1;
	if (n == 0 || s->n_rows + (uint64_t)n > s->page_end)
		return failed(f, EX_DATAERR,
			      "bigquery: a page from row %" PRIu64 " on has "
			      "%" PRId64 " rows, of %" PRIu64 " asked for",
			      s->n_rows, n, s->page_end - s->n_rows);
	if (s->n_rows + (uint64_t)n < s->page_end)
		set_stride(s, (uint64_t)n);
	return 1;
}

/* What the page under way has left out. */
static int ask_rest(struct bigquery *s, struct failure *f)
{
	struct web_request rq = WEB_REQUEST_INIT;
	struct web_answer a;
	int ret;

	request_rows(s, &rq, s->n_rows, s->page_end - s->n_rows);
	ret = web_ask(s->web, &rq, &a, f);
	if (ret == 0)
		ret = take_page(s, &a, f);
	web_request_release(&rq);
	return ret;
}

static int next_page(struct bigquery *s, struct failure *f)
{
	const struct web_request *rq;
	struct web_answer a;
	int got;

	if (s->n_rows < s->page_end)
		return ask_rest(s, f);
	got = web_queue_next(s->queue, &a, &rq, f);
	if (got < 0)
		return -1;
	if (got == 0 && s->n_rows != s->n_wanted)
		return failed(f, EX_DATAERR,
			      "bigquery: %" PRIu64 " rows were counted, and "
			      "%" PRIu64 " came",
			      s->n_wanted, s->n_rows);
	if (got == 0)
		return 0;
	s->page_end = rq->number;
	return take_page(s, &a, f);
}

static int bigquery_next(void *self, struct rows *rows, struct failure *f)
{
	struct bigquery *s = self;
	struct str row;

	if (!s->in_page)
		return next_page(s, f);
	for (int i = 0; i < ROWS_AT_ONCE && !rows_full(rows); i++) {
		if (!json_iter_element(&s->rows, &row)) {
			s->in_page = false;
			return 1;
		}
		if (bigquery_put_row(rows, &s->top, &s->session.columns, row,
				     f) < 0)
			return failed(f, f->status, "bigquery: %s",
				      f->text.data);
		s->n_rows++;
	}
	return 1;
}

/* ---- tables ---- */

/* Each {PART: {NAME: "x"}} of a list that comes in pages, to fn. */
struct listing {
	struct bigquery *s;
	const char *list, *part, *name;
	struct buf path;
	void (*take)(void *arg, struct str name);
	void *arg;
};

static void take_items(const struct listing *l, struct str v)
{
	struct str list = json_get(v, l->list), item, part, name;
	struct buf scratch = BUF_INIT;
	struct json_iter it;

	if (list.s && json_type(list) == JSON_ARRAY) {
		json_iter_init(&it, list);
		while (json_iter_element(&it, &item)) {
			part = json_type(item) == JSON_OBJECT
				   ? json_get(item, l->part)
				   : STR_NONE;
			name = part.s && json_type(part) == JSON_OBJECT
				   ? json_get(part, l->name)
				   : STR_NONE;
			if (name.s && json_type(name) == JSON_STRING)
				l->take(l->arg, json_text(name, &scratch));
		}
	}
	buf_release(&scratch);
}

static int list_pages(const struct listing *l, struct failure *f)
{
	struct web_request rq = WEB_REQUEST_INIT;
	struct buf page = BUF_INIT, last = BUF_INIT, scratch = BUF_INIT;
	struct web_answer a;
	struct str v, next;
	int ret;

	do {
		request(l->s, &rq);
		buf_addf(&rq.url, "%s?maxResults=1000", l->path.data);
		if (page.len) {
			buf_addz(&rq.url, "&pageToken=");
			enc_percent(&rq.url, buf_str(&page));
		}
		buf_reset(&last);
		buf_adds(&last, buf_str(&page));
		buf_reset(&page);
		ret = web_ask(l->s->web, &rq, &a, f);
		if (ret == 0 && a.status != 200)
			ret = google_refused(&l->s->google, &a, "the list", f);
		v = ret == 0 ? google_object(&a) : STR_NONE;
		if (ret == 0 && !v.s)
			ret = said(f, EX_UNAVAILABLE,
				   "an answer that is no list");
		if (ret == 0) {
			take_items(l, v);
			next = json_get(v, "nextPageToken");
			if (next.s && json_type(next) == JSON_STRING)
				buf_adds(&page, json_text(next, &scratch));
			if (page.len && str_eq(buf_str(&page), buf_str(&last)))
				ret = said(f, EX_UNAVAILABLE,
					   "the list comes back to the same "
					   "page");
		}
	} while (ret == 0 && page.len);
	web_request_release(&rq);
	buf_release(&page);
	buf_release(&last);
	buf_release(&scratch);
	return ret;
}

struct names {
	struct buf *out;
	const char *dataset; /* NULL: the default one */
};

static void take_table(void *arg, struct str name)
{
	struct names *n = arg;

	if (n->dataset) {
		source_put_name(n->out, str_of(n->dataset));
		buf_addc(n->out, '.');
	}
	source_put_name(n->out, name);
	buf_addc(n->out, '\n');
}

static int list_tables(struct bigquery *s, const char *dataset,
		       struct names *names, struct failure *f)
{
	struct listing l = { .s = s,
			     .list = "tables",
			     .part = "tableReference",
			     .name = "tableId",
			     .path = BUF_INIT,
			     .take = take_table,
			     .arg = names };
	int ret;

	buf_addf(&l.path, "/datasets/%s/tables", dataset);
	ret = list_pages(&l, f);
	buf_release(&l.path);
	return ret;
}

static void take_dataset(void *arg, struct str name)
{
	buf_adds(arg, name);
	buf_addc(arg, '\n');
}

static int list_all(struct bigquery *s, struct buf *out, struct failure *f)
{
	struct buf datasets = BUF_INIT;
	struct listing l = { .s = s,
			     .list = "datasets",
			     .part = "datasetReference",
			     .name = "datasetId",
			     .path = BUF_INIT,
			     .take = take_dataset,
			     .arg = &datasets };
	int ret;

	buf_addz(&l.path, "/datasets");
	ret = list_pages(&l, f);
	for (char *p = datasets.data, *end; ret == 0 && *p; p = end + 1) {
		struct names names = { out, p };

		end = strchr(p, '\n');
		*end = '\0';
		ret = list_tables(s, p, &names, f);
	}
	buf_release(&l.path);
	buf_release(&datasets);
	return ret;
}

static int bigquery_list(const struct source_args *a, struct buf *out,
			 struct failure *f)
{
	struct bigquery *s = open_session(a, f);
	struct names names = { out, NULL };
	int ret;

	if (!s)
		return -1;
	ret = s->dataset.len ? list_tables(s, s->dataset.data, &names, f)
			     : list_all(s, out, f);
	bigquery_close(s);
	return ret;
}

const struct source source_bigquery = {
	.has_datasets = true,
	.can_order = true,
	.can_shard = true,
	.session = &session,
	.next = bigquery_next,
	.list = bigquery_list,
};
