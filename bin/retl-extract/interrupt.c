/* SPDX-License-Identifier: MIT */
#include "bin/retl-extract/interrupt.h"

#include <pthread.h>
#include <signal.h>

#include "common/clock.h"
#include "common/mem.h"

#define GRACE_MS 5000

static const int signals[] = { SIGINT, SIGTERM, SIGHUP };

static struct {
	pthread_mutex_t lock;
	bool running; /* the thread is there */
	bool armed;
	sigset_t caught;
	const char *cacert;
	char *method;
	struct buf url, headers, body;
	bool has_body;
} state = { .lock = PTHREAD_MUTEX_INITIALIZER,
	    .url = BUF_INIT,
	    .headers = BUF_INIT,
	    .body = BUF_INIT };

static void done(void *arg, const struct http_answer *a UNUSED)
{
	*(bool *)arg = true;
}

static void ask(void)
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

static NORETURN void *watch(void *arg UNUSED)
{
	int sig = SIGTERM;

	sigwait(&state.caught, &sig);
	/* From here on another one ends the program. */
	for (size_t i = 0; i < ARRAY_LEN(signals); i++)
		if (sigismember(&state.caught, signals[i]))
			signal(signals[i], SIG_DFL);
	pthread_sigmask(SIG_UNBLOCK, &state.caught, NULL);
	pthread_mutex_lock(&state.lock);
	if (state.armed)
		ask();
	kill(getpid(), sig);
	/* Nobody gets the lock again: the program ends here. */
	for (;;)
		pause();
}

static void start(void)
{
	pthread_t thread;

	sigemptyset(&state.caught);
	for (size_t i = 0; i < ARRAY_LEN(signals); i++) {
		struct sigaction old;

		sigaction(signals[i], NULL, &old);
		if (old.sa_handler != SIG_IGN)
			sigaddset(&state.caught, signals[i]);
	}
	pthread_sigmask(SIG_BLOCK, &state.caught, NULL);
	state.running = pthread_create(&thread, NULL, watch, NULL) == 0;
	if (state.running)
		pthread_detach(thread);
	else
		pthread_sigmask(SIG_UNBLOCK, &state.caught, NULL);
}

void interrupt_arm(const struct web_request *rq, const char *cacert)
{
	pthread_mutex_lock(&state.lock);
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
	state.armed = true;
	if (!state.running)
		start();
	pthread_mutex_unlock(&state.lock);
}

void interrupt_disarm(void)
{
	pthread_mutex_lock(&state.lock);
	state.armed = false;
	pthread_mutex_unlock(&state.lock);
}
