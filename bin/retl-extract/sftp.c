/* SPDX-License-Identifier: MIT */
#include "bin/retl-extract/sftp.h"

#include <curl/curl.h>

#include "common/clock.h"
#include "common/mem.h"
#include "common/msg.h"
#include "common/retry.h"

#define WINDOW ((size_t)1 << 20)
#define CONNECT_MS 30000
#define SILENCE_S 60

struct sftp {
	struct sftp_opts o;
	struct retry_plan plan;
	CURLM *multi;
	CURL *easy;
	char error[CURL_ERROR_SIZE];
	struct buf known_hosts, key, public_key;

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

/* The variable's text, or a file in the home folder. */
static void put_path(struct buf *out, const char *variable, const char *file)
{
	const char *text = env(variable), *home = env("HOME");

	if (text)
		buf_addz(out, text);
	else
		buf_addf(out, "%s/.ssh/%s", home ? home : "", file);
}

static void find_key(struct sftp *s)
{
	static const char *const names[] = { "id_ed25519", "id_ecdsa" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		buf_reset(&s->key);
		put_path(&s->key, "RETL_SFTP_KEY", names[i]);
		if (access(s->key.data, R_OK) == 0)
			break;
	}
	buf_addf(&s->public_key, "%s.pub", s->key.data);
}

static bool has_protocol(void)
{
	const char *const *p = curl_version_info(CURLVERSION_NOW)->protocols;

	while (*p && strcmp(*p, "sftp") != 0)
		p++;
	return *p != NULL;
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
	const char *password = env("RETL_SFTP_PASSWORD");
	const char *passphrase = env("RETL_SFTP_PASSPHRASE");
	CURL *e = s->easy;

	put_path(&s->known_hosts, "RETL_SFTP_KNOWN_HOSTS", "known_hosts");
	find_key(s);
	curl_easy_setopt(e, CURLOPT_URL, s->o.url);
	curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "sftp");
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
	curl_easy_setopt(e, CURLOPT_SSH_KNOWNHOSTS, s->known_hosts.data);
	curl_easy_setopt(e, CURLOPT_NETRC, (long)CURL_NETRC_OPTIONAL);
	if (access(s->key.data, R_OK) == 0)
		curl_easy_setopt(e, CURLOPT_SSH_PRIVATE_KEYFILE, s->key.data);
	if (access(s->public_key.data, R_OK) == 0)
		curl_easy_setopt(e, CURLOPT_SSH_PUBLIC_KEYFILE,
				 s->public_key.data);
	if (passphrase)
		curl_easy_setopt(e, CURLOPT_KEYPASSWD, passphrase);
	if (password) {
		msg_hide(password, strlen(password));
		curl_easy_setopt(e, CURLOPT_PASSWORD, password);
	}
	curl_easy_setopt(e, CURLOPT_SSH_AUTH_TYPES,
			 (long)(CURLSSH_AUTH_PUBLICKEY | CURLSSH_AUTH_AGENT |
				CURLSSH_AUTH_PASSWORD | CURLSSH_AUTH_KEYBOARD));
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
		give_up(s, EX_NOPERM,
			"the server refuses to let us in (RETL_SFTP_KEY names "
			"a key, of type ed25519 or ECDSA: RSA keys do not "
			"work with today's servers; RETL_SFTP_PASSWORD a "
			"password)");
		return;
	case CURLE_PEER_FAILED_VERIFICATION:
		give_up(s, EX_UNAVAILABLE,
			"the server's host key is not known, or another one "
			"is; ssh-keyscan shows it, and when it has been "
			"checked it goes into ~/.ssh/known_hosts");
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
	s->known_hosts = s->key = s->public_key = s->data = BUF_INIT;
	s->f = FAILURE_INIT;
	s->time = -1;
	if (curl_global_init(CURL_GLOBAL_DEFAULT) || !has_protocol()) {
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
	buf_release(&s->known_hosts);
	buf_release(&s->key);
	buf_release(&s->public_key);
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
