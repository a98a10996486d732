/* SPDX-License-Identifier: MIT */
/*
 * What libcurl can do at best: posts prepared bodies, a line each, with so many
 * handles at once, and nothing else. retl-push is measured against it.
 *
 *	post [-k CACERT] [-n HANDLES] URL FILE
 *
 * With -r FILE holds records, which are checked, joined to bodies of a hundred
 * and answered for with a line each: what nobody can do without who delivers
 * records and says so.
 */
#include <curl/curl.h>
#include <unistd.h>

#include "common/file.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/msg.h"

#define TOGETHER 100

/* One request's, of records. */
struct batch {
	struct buf body;
	uint64_t first, n;
};

struct run {
	CURLM *multi;
	struct str rest; /* bodies, or records, not yet sent */
	bool records;
	uint64_t line;
	struct json_obj obj;
	struct buf receipts;
	size_t n_begun, n_done, n_bad;
};

static size_t drop(char *data, size_t one, size_t n, void *arg)
{
	(void)data;
	(void)one;
	(void)arg;
	return n;
}

/* The next hundred records; false: there are no more. */
static bool join(struct run *r, struct batch *b)
{
	struct json_fault fault;
	struct str line;

	buf_reset(&b->body);
	buf_addz(&b->body, "{\"inputs\":[");
	b->first = r->line + 1;
	for (b->n = 0;
	     b->n < TOGETHER && str_split(&r->rest, '\n', &line) && line.n;
	     b->n++) {
		if (json_obj_parse(&r->obj, line, &fault) < 0)
			die(EX_DATAERR, "%s", fault.what);
		if (b->n)
			buf_addc(&b->body, ',');
		buf_adds(&b->body, line);
	}
	r->line += b->n;
	buf_addz(&b->body, "]}");
	return b->n > 0;
}

static void answer_for(struct run *r, const struct batch *b)
{
	for (uint64_t i = 0; i < b->n; i++) {
		buf_addz(&r->receipts, "{\"line\":");
		buf_addu(&r->receipts, b->first + i);
		buf_addz(&r->receipts, ",\"to\":\"push#00000000\","
				       "\"status\":\"delivered\"}\n");
	}
	if (file_write_all(STDOUT_FILENO, r->receipts.data, r->receipts.len) <
	    0)
		die(EX_IOERR, "standard output: %s", strerror(errno));
	buf_reset(&r->receipts);
}

static bool make_body(struct run *r, struct batch *b, struct str *body)
{
	if (!r->records)
		return str_split(&r->rest, '\n', body) && body->n;
	if (!join(r, b))
		return false;
	*body = buf_str(&b->body);
	return true;
}

static void next(struct run *r, CURL *e)
{
	struct batch *b = NULL;
	struct str body;

	curl_easy_getinfo(e, CURLINFO_PRIVATE, (char **)&b);
	if (!make_body(r, b, &body))
		return;
	curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.n);
	curl_easy_setopt(e, CURLOPT_POSTFIELDS, body.s);
	curl_multi_add_handle(r->multi, e);
	r->n_begun++;
}

/* False: no answer has come. */
static bool collect(struct run *r)
{
	size_t before = r->n_done;
	struct CURLMsg *m;
	long status = 0;
	int left;

	while ((m = curl_multi_info_read(r->multi, &left))) {
		CURL *e = m->easy_handle;

		curl_easy_getinfo(e, CURLINFO_RESPONSE_CODE, &status);
		r->n_bad += m->data.result != CURLE_OK || status != 200;
		r->n_done++;
		curl_multi_remove_handle(r->multi, e);
		if (r->records) {
			struct batch *b = NULL;

			curl_easy_getinfo(e, CURLINFO_PRIVATE, (char **)&b);
			answer_for(r, b);
		}
		next(r, e);
	}
	return r->n_done > before;
}

int main(int argc, char **argv)
{
	struct run r = { .obj = JSON_OBJ_INIT, .receipts = BUF_INIT };
	struct buf bodies = BUF_INIT, err = BUF_INIT;
	struct curl_slist *headers = NULL;
	const char *cacert = NULL;
	long n = 8;
	int running, c;

	msg_init("post");
	while ((c = getopt(argc, argv, "k:n:r")) != -1) {
		if (c == 'k')
			cacert = optarg;
		else if (c == 'r')
			r.records = true;
		else
			n = strtol(optarg, NULL, 10);
	}
	if (argc - optind != 2 || n < 1)
		die(EX_USAGE, "post [-r] [-k CACERT] [-n HANDLES] URL FILE");
	if (file_read(argv[optind + 1], SIZE_MAX >> 1, &bodies, &err) < 0)
		die(EX_NOINPUT, "%s", err.data);
	curl_global_init(CURL_GLOBAL_DEFAULT);
	r.multi = curl_multi_init();
	r.rest = buf_str(&bodies);
	headers = curl_slist_append(headers, "content-type: application/json");
	headers = curl_slist_append(headers, "Expect:");
	for (long i = 0; i < n; i++) {
		struct batch *b = xcalloc(1, sizeof *b);
		CURL *e = curl_easy_init();

		b->body = BUF_INIT;
		curl_easy_setopt(e, CURLOPT_PRIVATE, b);
		curl_easy_setopt(e, CURLOPT_URL, argv[optind]);
		curl_easy_setopt(e, CURLOPT_HTTPHEADER, headers);
		curl_easy_setopt(e, CURLOPT_POST, 1L);
		curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, drop);
		curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
		curl_easy_setopt(e, CURLOPT_HTTP_VERSION,
				 (long)CURL_HTTP_VERSION_2TLS);
		if (cacert)
			curl_easy_setopt(e, CURLOPT_CAINFO, cacert);
		next(&r, e);
	}
	/*
	 * What libcurl says is running is no measure of what is left: an
	 * answer may come while a request is handed in, and wait to be taken.
	 */
	while (r.n_done < r.n_begun) {
		curl_multi_perform(r.multi, &running);
		if (!collect(&r))
			curl_multi_poll(r.multi, NULL, 0, 1000, NULL);
	}
	if (r.n_bad)
		die(EX_UNAVAILABLE, "%zu of %zu requests failed", r.n_bad,
		    r.n_done);
	return 0;
}
