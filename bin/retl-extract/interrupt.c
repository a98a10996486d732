/* SPDX-License-Identifier: MIT */
#include "bin/retl-extract/interrupt.h"

#include "bin/retl-extract/cancel.h"
#include "common/clock.h"
#include "common/mem.h"

#define GRACE_MS 5000

static struct {
	const char *cacert;
	char *method;
	struct buf url, headers, body;
	bool has_body;
} state = { .url = BUF_INIT, .headers = BUF_INIT, .body = BUF_INIT };

static void done(void *arg, const struct http_answer *a UNUSED)
{
	*(bool *)arg = true;
}

static void ask(void *arg UNUSED)
{
	struct http_opts o = { .cacert = state.cacert,
			       .max_body = (size_t)1 << 20,
			       .connect_ms = GRACE_MS,
			       .timeout_ms = GRACE_MS,
			       .n_connections = 1 };
	int64_t until = clock_tick_ms() + GRACE_MS;
	struct http *h = http_new(&o, NULL);
	const char *lines[32];
	struct http_request rq = {
		.method = state.method,
		.url = state.url.data,
		.headers = lines,
		.body = state.has_body ? buf_str(&state.body) : STR_NONE,
	};
	bool answered = false;

	if (!h)
		return;
	for (char *p = state.headers.data, *end;
	     rq.n_headers < ARRAY_LEN(lines) && (end = strchr(p, '\n'));
	     p = end + 1) {
		*end = '\0';
		lines[rq.n_headers++] = p;
	}
	http_send(h, &rq, done, &answered);
	while (!answered && clock_tick_ms() < until)
		http_wait(h, NULL, 0, 100);
	http_free(h);
}

void interrupt_arm(const struct web_request *rq, const char *cacert)
{
	cancel_unwatch();
	state.cacert = cacert;
	free(state.method);
	state.method = xstrdup(rq->method ? rq->method : "GET");
	buf_reset(&state.url);
	buf_adds(&state.url, buf_str(&rq->url));
	buf_reset(&state.headers);
	buf_adds(&state.headers, buf_str(&rq->headers));
	buf_adds(&state.headers, buf_str(&rq->secrets));
	buf_reset(&state.body);
	buf_adds(&state.body, buf_str(&rq->body));
	state.has_body = rq->has_body;
	cancel_watch(ask, NULL);
}

void interrupt_disarm(void)
{
	cancel_unwatch();
}
