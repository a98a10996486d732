/* SPDX-License-Identifier: MIT */
#include "bin/retl-extract/sftp.h"

#include <curl/curl.h>

#include "common/clock.h"
#include "common/mem.h"
#include "common/msg.h"
#include "common/retry.h"
#include "common/ssh.h"

#define WINDOW ((size_t)1 << 20)
#define CONNECT_MS 30000
#define SILENCE_S 60

struct sftp {
	struct sftp_opts o;
	struct retry_plan plan;
	CURLM *multi;
	CURL *easy;
	char error[CURL_ERROR_SIZE];

	bool flying, paused, ended, failed;
	bool looked; /* behind the last byte, at size and time */
	unsigned attempt;
	int64_t due_ms;
	uint64_t received;
	curl_off_t time; /* of the file; -1: not known yet */
	struct failure f;
	struct buf data; /* from at: received and not read yet */
	size_t at;
};

/* ---- setting up ---- */

static const char *env(const char *name)
{
	const char *text = getenv(name);

	return text && *text ? text : NULL;
}

static size_t take_piece(char *p, size_t one, size_t n, void *arg)
{
	struct sftp *s = arg;

	(void)one;
	if (s->data.len - s->at >= WINDOW) {
		s->paused = true;
		return CURL_WRITEFUNC_PAUSE;
	}
	if (s->at) {
		memmove(s->data.data, s->data.data + s->at,
			s->data.len - s->at);
		buf_truncate(&s->data, s->data.len - s->at);
		s->at = 0;
	}
	buf_add(&s->data, p, n);
	s->received += n;
	s->attempt = 0;
	return n;
}

static void set_up(struct sftp *s)
{
	const struct ssh_opts ssh = {
		.known_hosts = env("RETL_SFTP_KNOWN_HOSTS"),
		.key = env("RETL_SFTP_KEY"),
		.passphrase = env("RETL_SFTP_PASSPHRASE"),
		.password = env("RETL_SFTP_PASSWORD"),
	};
	CURL *e = s->easy;

	ssh_set_up(e, &ssh);
	curl_easy_setopt(e, CURLOPT_URL, s->o.url);
	curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(e, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(e, CURLOPT_ERRORBUFFER, s->error);
	curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
	curl_easy_setopt(e, CURLOPT_LOW_SPEED_LIMIT, 1L);
	curl_easy_setopt(e, CURLOPT_LOW_SPEED_TIME, (long)SILENCE_S);
	curl_easy_setopt(e, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(e, CURLOPT_BUFFERSIZE, 256L << 10);
	curl_easy_setopt(e, CURLOPT_FILETIME, 1L);
	curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, take_piece);
	curl_easy_setopt(e, CURLOPT_WRITEDATA, s);
}

/* ---- what came of it ---- */

static void give_up(struct sftp *s, int status, const char *why)
{
	failed(&s->f, status, "%s: %s", s->o.name, why);
	s->failed = true;
}

static void again(struct sftp *s, int status, const char *why)
{
	if (s->attempt > s->o.retries) {
		give_up(s, status, why);
		return;
	}
	s->due_ms =
	    clock_tick_ms() + retry_delay_ms(&s->plan, MAX(s->attempt, 1));
	msg_debug("%s: %s; again", s->o.name, why);
}

/* Is it still the file that it was? */
static bool same_file(struct sftp *s)
{
	curl_off_t time = -1;

	curl_easy_getinfo(s->easy, CURLINFO_FILETIME_T, &time);
	if (s->time == -1)
		s->time = time;
	return time == -1 || time == s->time;
}

static void settle_error(struct sftp *s, CURLcode code)
{
	const char *why = s->error[0] ? s->error : curl_easy_strerror(code);

	switch (code) {
	case CURLE_REMOTE_FILE_NOT_FOUND:
		give_up(s, EX_NOINPUT, "there is no such file");
		return;
	case CURLE_REMOTE_ACCESS_DENIED:
		give_up(s, EX_NOPERM, "the server does not let us read it");
		return;
	case CURLE_LOGIN_DENIED:
		give_up(s, EX_NOPERM, SSH_REFUSED);
		return;
	case CURLE_PEER_FAILED_VERIFICATION:
		give_up(s, EX_UNAVAILABLE, SSH_UNKNOWN_HOST);
		return;
	case CURLE_URL_MALFORMAT:
		give_up(s, EX_USAGE, why);
		return;
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_CONNECT:
		again(s, EX_UNAVAILABLE, why);
		return;
	default:
		again(s, EX_TEMPFAIL, why);
	}
}

static void settle(struct sftp *s, CURLcode code)
{
	curl_off_t size = -1;

	s->flying = false;
	if (s->received && !same_file(s)) {
		give_up(s, EX_TEMPFAIL,
			"was changed while it was read; run again when its "
			"writer has finished");
		return;
	}
	if (code != CURLE_OK) {
		settle_error(s, code);
		return;
	}
	if (!s->looked) {
		s->looked = true;
		s->due_ms = 0;
		return;
	}
	curl_easy_getinfo(s->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &size);
	if (size >= 0 && (uint64_t)size != s->received)
		give_up(s, EX_TEMPFAIL,
			"grows or shrinks; run again when its writer has "
			"finished");
	else
		s->ended = true;
}

static void begin(struct sftp *s)
{
	s->attempt++;
	s->error[0] = '\0';
	s->paused = false;
	/* Behind the last byte: only size and time are asked for. */
	curl_easy_setopt(s->easy, CURLOPT_NOBODY, s->looked ? 1L : 0L);
	curl_easy_setopt(s->easy, CURLOPT_RESUME_FROM_LARGE,
			 s->looked ? (curl_off_t)0 : (curl_off_t)s->received);
	if (curl_multi_add_handle(s->multi, s->easy) != CURLM_OK)
		die(EX_OSERR, "libcurl does not take another request");
	s->flying = true;
}

static void move(struct sftp *s)
{
	struct CURLMsg *m;
	int n;

	curl_multi_perform(s->multi, &n);
	while ((m = curl_multi_info_read(s->multi, &n))) {
		CURLcode code = m->data.result;

		if (m->msg != CURLMSG_DONE)
			continue;
		curl_multi_remove_handle(s->multi, s->easy);
		settle(s, code);
	}
}

/* Moves on when something happens, or so many milliseconds have passed. */
static void wait_ms(struct sftp *s, int64_t ms)
{
	if (s->o.rows && rows_waiting(s->o.rows))
		rows_flush(s->o.rows);
	curl_multi_poll(s->multi, NULL, 0, (int)ms, NULL);
}

/* Until there is something to read, or nothing more to be had. */
static void run(struct sftp *s)
{
	while (s->at == s->data.len && !s->ended && !s->failed) {
		int64_t ms = s->due_ms - clock_tick_ms();

		if (!s->flying && ms > 0) {
			wait_ms(s, ms);
			continue;
		}
		if (!s->flying)
			begin(s);
		if (s->paused) {
			s->paused = false;
			curl_easy_pause(s->easy, CURLPAUSE_CONT);
		}
		move(s);
		if (s->flying && s->at == s->data.len)
			wait_ms(s, 1000);
	}
}

/* ---- for the source ---- */

struct sftp *sftp_open(const struct sftp_opts *o, struct failure *f)
{
	struct sftp *s = xcalloc(1, sizeof *s);

	s->o = *o;
	s->plan = (struct retry_plan){ .attempts = o->retries + 1,
				       .first_ms = 250,
				       .most_ms = 30000 };
	s->data = BUF_INIT;
	s->f = FAILURE_INIT;
	s->time = -1;
	if (curl_global_init(CURL_GLOBAL_DEFAULT) || !ssh_built_in()) {
		failed(f, EX_USAGE, "sftp: not built in (libcurl has no SFTP)");
		sftp_free(s);
		return NULL;
	}
	s->multi = curl_multi_init();
	s->easy = curl_easy_init();
	if (!s->multi || !s->easy)
		die(EX_OSERR, "out of memory");
	set_up(s);
	run(s);
	if (s->failed && !s->received) {
		failed(f, s->f.status, "%s", s->f.text.data);
		sftp_free(s);
		return NULL;
	}
	return s;
}

void sftp_free(struct sftp *s)
{
	if (!s)
		return;
	if (s->flying)
		curl_multi_remove_handle(s->multi, s->easy);
	curl_easy_cleanup(s->easy);
	curl_multi_cleanup(s->multi);
	buf_release(&s->data);
	buf_release(&s->f.text);
	free(s);
}

ssize_t sftp_read(void *self, void *p, size_t n, struct failure *f)
{
	struct sftp *s = self;

	run(s);
	if (s->at == s->data.len) {
		if (s->failed)
			return failed(f, s->f.status, "%s", s->f.text.data);
		return 0;
	}
	n = MIN(n, s->data.len - s->at);
	memcpy(p, s->data.data + s->at, n);
	s->at += n;
	return (ssize_t)n;
}
