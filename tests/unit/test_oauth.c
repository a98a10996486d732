/* SPDX-License-Identifier: MIT */
/* The machine of states, with answers by hand and a clock of our own. */
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "common/file.h"
#include "common/oauth.h"
#include "tap.h"

static struct buf err, text;
static char path[] = "/tmp/retl-oauth-XXXXXX";

static struct oauth *client(void)
{
	struct oauth_opts o = { .grant = OAUTH_CLIENT_CREDENTIALS,
				.token_url = STR("http://127.0.0.1/token"),
				.client_id = STR("me"),
				.client_secret = STR("s&p=1"),
				.scope = STR("a b"),
				.form = STR("audience=x") };

	return oauth_new(&o, &err);
}

static struct oauth *refresher(const char *file, const char *member)
{
	struct oauth_opts o = { .grant = OAUTH_REFRESH_TOKEN,
				.token_url = STR("http://127.0.0.1/token"),
				.client_id = STR("me"),
				.client_secret = STR("secret"),
				.basic = true,
				.refresh_token = STR("r-env"),
				.refresh_file = file,
				.refresh_member = member };

	return oauth_new(&o, &err);
}

static void take_slow(struct oauth *o, int64_t now)
{
	struct oauth_answer a = { .status = 429,
				  .headers = STR("retry-after: 86400\n") };

	oauth_take(o, &a, now, now);
}

static void take(struct oauth *o, long status, const char *body, int64_t now)
{
	struct oauth_answer a = { .status = status,
				  .why = "no route",
				  .body = str_of(body),
				  .headers = STR("date: Thu, 01 Jan 1970 "
						 "00:10:00 GMT\n") };

	oauth_take(o, &a, now, now);
}

/* It will be asked again; how soon is a matter of chance, and may be at once.
 */
static bool waits(const struct oauth *o, int64_t tick)
{
	enum oauth_state s = oauth_state(o, tick);

	return s == OAUTH_LATER || s == OAUTH_NEEDED;
}

static const char *begin(struct oauth *o, int64_t now)
{
	struct oauth_request rq;

	if (oauth_begin(o, now, now, &rq) < 0)
		return "";
	buf_reset(&text);
	for (size_t i = 0; i < rq.n_headers; i++)
		buf_addf(&text, "%s\n", rq.headers[i]);
	buf_adds(&text, rq.body);
	return text.data;
}

static void test_life(void)
{
	struct oauth *o = client();

	ok(oauth_state(o, 0) == OAUTH_NEEDED, "no token at first");
	is(begin(o, 0),
	   "Accept: application/json\n"
	   "Content-Type: application/x-www-form-urlencoded\n"
	   "grant_type=client_credentials&scope=a%20b&client_id=me&"
	   "client_secret=s%26p%3D1&audience=x",
	   "the form, encoded");
	ok(oauth_state(o, 0) == OAUTH_FETCHING, "one request at a time");
	take(o, 200, "{\"access_token\":\"t1\",\"expires_in\":\"1000\"}", 0);
	ok(oauth_state(o, 0) == OAUTH_READY && str_is(oauth_token(o), "t1") &&
	       oauth_generation(o) == 1,
	   "a token");
	ok(oauth_state(o, 879999) == OAUTH_READY &&
	       oauth_state(o, 880000) == OAUTH_NEEDED,
	   "is renewed two minutes before it expires");

	begin(o, 880000);
	take(o, 503, "", 880000);
	ok(oauth_state(o, 880000) == OAUTH_READY,
	   "and used to its end if that fails");
	begin(o, 990000);
	take(o, 0, "", 990000);
	ok(oauth_state(o, 1000000) != OAUTH_READY, "but not longer");
	begin(o, 1000001);
	take(o, 200, "{\"access_token\":\"t2\"}", 1000001);
	ok(oauth_state(o, INT64_MAX / 2) == OAUTH_READY,
	   "without expires_in it holds until it is refused");

	oauth_refused(o, 1);
	ok(oauth_state(o, 1000002) == OAUTH_READY,
	   "a late 401 for the last token changes nothing");
	oauth_refused(o, 2);
	ok(oauth_state(o, 1000002) == OAUTH_NEEDED,
	   "one for this token asks for another");
	oauth_free(o);
}

static void test_short_life(void)
{
	struct oauth *o = client();

	begin(o, 0);
	take(o, 200, "{\"access_token\":\"t\",\"expires_in\":8}", 0);
	ok(oauth_state(o, 5999) == OAUTH_READY &&
	       oauth_state(o, 6000) == OAUTH_NEEDED,
	   "a short life keeps three quarters of it");
	begin(o, 6000);
	take(o, 200, "{\"access_token\":\"u\",\"expires_in\":0}", 6000);
	ok(oauth_state(o, INT64_MAX / 2) == OAUTH_READY,
	   "one of no length is none that was told");
	oauth_free(o);
}

static void test_failures(void)
{
	struct oauth *o = client();
	int64_t now = 0;
	int n = 0;

	while (oauth_state(o, now) != OAUTH_FAILED && n < 20) {
		if (oauth_state(o, now) == OAUTH_NEEDED) {
			begin(o, now);
			take(o, 500, "", now);
			n++;
		}
		now += 100;
	}
	ok(n == 5 && oauth_status(o) == EX_TEMPFAIL,
	   "HTTP 500 is asked again, five times in all, then 75");
	oauth_free(o);

	o = client();
	begin(o, 0);
	take(o, 401,
	     "{\"error\":\"invalid_client\",\"error_description\":\"for "
	     "s&p=1, s%26p%3D1\\n\"}",
	     0);
	ok(oauth_state(o, 0) == OAUTH_FAILED && oauth_status(o) == EX_NOPERM,
	   "a refusal is final, 77");
	is(oauth_error(o),
	   "http://127.0.0.1/token: HTTP 401 invalid_client: for *****, "
	   "********* : check the client's id and secret, and how they are "
	   "sent (client_auth)",
	   "it says what to do, on one line, and no secret in either spelling");
	oauth_free(o);

	o = client();
	begin(o, 0);
	take(o, 200, "{\"access_token\":\"a\\nb: c\"}", 0);
	ok(oauth_state(o, 0) == OAUTH_FAILED,
	   "a token that would begin another header is none");
	oauth_free(o);

	o = client();
	begin(o, 0);
	take_slow(o, 0);
	ok(oauth_state(o, 0) == OAUTH_FAILED && oauth_status(o) == EX_TEMPFAIL,
	   "nobody waits for a day");
	is(oauth_error(o),
	   "http://127.0.0.1/token: HTTP 429, and asks to wait 86400 s",
	   "but it is told that one should");
	oauth_free(o);

	o = client();
	begin(o, 0);
	take(o, 200, "{\"access_token\":\"t\",\"expires_in\":1000}", 0);
	begin(o, 900000);
	take_slow(o, 900000);
	ok(oauth_state(o, 999000) == OAUTH_READY,
	   "a token that holds is used to its end then");
	ok(oauth_state(o, 1800000) == OAUTH_NEEDED,
	   "and another is asked for after a while");
	oauth_free(o);

	o = client();
	begin(o, 0);
	take(o, 200, "<html>", 0);
	ok(waits(o, 0), "a page may be a gateway's, for a while");
	for (int64_t t = 1000000;
	     t < 9000000 && oauth_state(o, t) != OAUTH_FAILED; t += 1000000) {
		begin(o, t);
		take(o, 200, "<html>", t);
	}
	ok(oauth_state(o, 9000000) == OAUTH_FAILED, "and is no token");
	oauth_free(o);
}

static void write_file(const char *content)
{
	int fd = open(path, O_WRONLY | O_TRUNC | O_CREAT, 0640);

	if (fd < 0 || file_write_all(fd, content, strlen(content)) < 0)
		printf("Bail out! %s\n", strerror(errno));
	close(fd);
}

static const char *content(void)
{
	buf_reset(&text);
	file_read(path, 10000, &text, &err);
	return text.data;
}

static void test_rotation(void)
{
	struct oauth *o;
	struct stat st;
	int other;

	write_file("  r-file\n");
	chmod(path, 0640);
	o = refresher(path, NULL);
	is(begin(o, 0),
	   "Accept: application/json\n"
	   "Content-Type: application/x-www-form-urlencoded\n"
	   "Authorization: Basic bWU6c2VjcmV0\n"
	   "grant_type=refresh_token&refresh_token=r-file",
	   "the refresh token is the file's; the client in a header");
	take(o, 200, "{\"access_token\":\"t\",\"refresh_token\":\"r-2\"}", 0);
	is(content(), "  r-2\n", "another one is written back");
	ok(stat(path, &st) == 0 && (st.st_mode & 0777) == 0640,
	   "with the file's mode");

	oauth_refused(o, 1);
	write_file("r-3\n");
	ok(strstr(begin(o, 0), "refresh_token=r-3"),
	   "what another process wrote is taken");
	other = open(path, O_RDONLY);
	ok(flock(other, LOCK_EX | LOCK_NB) < 0,
	   "and it is kept waiting meanwhile");
	take(o, 200, "{\"access_token\":\"t\",\"refresh_token\":\"r-3\"}", 0);
	ok(flock(other, LOCK_EX | LOCK_NB) == 0, "until the answer is there");
	oauth_refused(o, 2);
	is(begin(o, 0), "", "so are we");
	ok(oauth_state(o, 0) == OAUTH_LATER && oauth_wait_ms(o, 0) > 0,
	   "and ask again later");
	close(other);
	oauth_free(o);

	write_file("{\"a\": 1.10, \"rt\": \"r\\u00e4\", \"z\":[ ]}\n");
	o = refresher(path, "rt");
	ok(strstr(begin(o, 0), "refresh_token=r%C3%A4"),
	   "a member of a JSON object");
	take(o, 200, "{\"access_token\":\"t\",\"refresh_token\":\"\\\"\"}", 0);
	is(content(), "{\"a\": 1.10, \"rt\": \"\\\"\", \"z\":[ ]}\n",
	   "is replaced, and no other byte is touched");
	oauth_free(o);

	unlink(path);
	o = refresher(path, NULL);
	ok(begin(o, 0)[0] == '\0' && oauth_state(o, 0) == OAUTH_FAILED &&
	       oauth_status(o) == EX_NOINPUT,
	   "a file that is not there is 66");
	oauth_free(o);
}

static struct oauth *exchanger(void)
{
	struct oauth_opts from = { .grant = OAUTH_ISSUER,
				   .token_url = STR("http://10.0.0.1/id"),
				   .headers = STR("A: 1\nB: 2\n") };
	struct oauth_opts o = { .grant = OAUTH_EXCHANGE,
				.token_url = STR("http://127.0.0.1/sts"),
				.aud = STR("//pool"),
				.subject_type = STR("urn:jwt"),
				.source = oauth_new(&from, &err) };

	return oauth_new(&o, &err);
}

static void test_exchange(void)
{
	struct oauth *o = exchanger();
	int64_t now = 880000;
	int asked = 0;
	bool held = true;

	is(begin(o, 0), "A: 1\nB: 2\n", "first, the other issuer is asked");
	ok(oauth_state(o, 0) == OAUTH_FETCHING, "and only that");
	take(o, 200, "a.b.c\n", 0);
	ok(oauth_state(o, 0) == OAUTH_NEEDED && !oauth_token(o).n,
	   "its token is none of ours");
	ok(strstr(begin(o, 0), "subject_token_type=urn%3Ajwt&"
			       "subject_token=a.b.c"),
	   "it is what a token is given for");
	take(o, 200, "{\"access_token\":\"t1\",\"expires_in\":1000}", 0);
	ok(oauth_state(o, 0) == OAUTH_READY && str_is(oauth_token(o), "t1"),
	   "a token");

	for (; now < 1000000; now += 10000)
		if (oauth_state(o, now) == OAUTH_NEEDED) {
			begin(o, now);
			take(o, 503, "", now);
			asked++;
			held &=
			    oauth_state(o, now) == OAUTH_READY || waits(o, now);
		}
	ok(held && asked > 1,
	   "an issuer that is down is asked while the last token holds");
	begin(o, 1000001);
	take(o, 403, "", 1000001);
	ok(oauth_state(o, 1000001) == OAUTH_FAILED &&
	       oauth_status(o) == EX_NOPERM &&
	       strstr(oauth_error(o), "10.0.0.1/id: HTTP 403"),
	   "its refusal is final");
	oauth_free(o);
}

static void test_options(void)
{
	struct oauth_opts o = { .grant = OAUTH_CLIENT_CREDENTIALS,
				.token_url = STR("http://example.com/token"),
				.client_id = STR("me"),
				.client_secret = STR("x") };

	ok(!oauth_new(&o, &err), "secrets do not go out without TLS");
	is(err.data, "token_url: not an https URL", "and it says so");
	o.token_url = STR("http://localhost.example.com/");
	ok(!oauth_new(&o, &err), "nor to a host that looks like ours");
	o.grant = OAUTH_JWT_BEARER;
	o.token_url = STR("https://example.com/token");
	ok(!oauth_new(&o, &err), "jwt-bearer without claims");
	is(err.data, "jwt-bearer needs iss and aud", "is refused");
}

/* Asked until it is given up. */
static void let_fail(struct oauth *o, long status)
{
	for (int64_t t = 0;
	     t < 100 && oauth_state(o, t * 1000000) != OAUTH_FAILED; t++) {
		begin(o, t * 1000000);
		take(o, status, "", t * 1000000);
	}
}

static void test_metadata(void)
{
	struct oauth_opts opts = { .grant = OAUTH_METADATA,
				   .token_url = STR("http://metadata/token") };
	struct oauth *o = oauth_new(&opts, &err);

	let_fail(o, 0);
	ok(oauth_status(o) == EX_NOPERM,
	   "no machine of Google's: credentials are missing");
	ok(str_starts(str_of(oauth_error(o)),
		      "no credentials of Google are to be found: set "
		      "GOOGLE_APPLICATION_CREDENTIALS "),
	   "what to do comes first");
	oauth_free(o);
	o = oauth_new(&opts, &err);
	let_fail(o, 503);
	ok(oauth_status(o) == EX_TEMPFAIL, "one that is ill");
	is(oauth_error(o), "http://metadata/token: HTTP 503",
	   "is told as that");
	oauth_free(o);
}

int main(void)
{
	int fd = mkstemp(path);

	close(fd);
	err = text = BUF_INIT;
	test_life();
	test_short_life();
	test_failures();
	test_rotation();
	test_exchange();
	test_options();
	test_metadata();
	unlink(path);
	buf_release(&err);
	buf_release(&text);
	return tap_done();
}
