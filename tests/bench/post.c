/* SPDX-License-Identifier: MIT */
/*
 * What libcurl can do at best: posts prepared bodies, a line each, with so many
 * handles at once, and nothing else. retl-push is measured against it.
 *
 *	post [-k CACERT] [-n HANDLES] URL FILE
 */
#include <curl/curl.h>
#include <unistd.h>

#include "common/file.h"
#include "common/mem.h"
#include "common/msg.h"

struct run {
	CURLM *multi;
	struct str rest; /* bodies not yet sent */
	size_t n_begun, n_done, n_bad;
};

static size_t drop(char *data, size_t one, size_t n, void *arg)
{
	(void)data;
	(void)one;
	(void)arg;
	return n;
}

static void next(struct run *r, CURL *e)
{
	struct str body;

	if (!str_split(&r->rest, '\n', &body) || !body.n)
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
		next(r, e);
	}
	return r->n_done > before;
}

int main(int argc, char **argv)
{
	struct run r = { .multi = NULL };
	struct buf bodies = BUF_INIT, err = BUF_INIT;
	struct curl_slist *headers = NULL;
	const char *cacert = NULL;
	long n = 8;
	int running, c;

	msg_init("post");
	while ((c = getopt(argc, argv, "k:n:")) != -1) {
		if (c == 'k')
			cacert = optarg;
		else
			n = strtol(optarg, NULL, 10);
	}
	if (argc - optind != 2 || n < 1)
		die(EX_USAGE, "post [-k CACERT] [-n HANDLES] URL FILE");
	if (file_read(argv[optind + 1], SIZE_MAX >> 1, &bodies, &err) < 0)
		die(EX_NOINPUT, "%s", err.data);
	curl_global_init(CURL_GLOBAL_DEFAULT);
	r.multi = curl_multi_init();
	r.rest = buf_str(&bodies);
	headers = curl_slist_append(headers, "content-type: application/json");
	headers = curl_slist_append(headers, "Expect:");
	for (long i = 0; i < n; i++) {
		CURL *e = curl_easy_init();

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
