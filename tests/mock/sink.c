/* SPDX-License-Identifier: MIT */
/*
 * A server that says yes to everything and writes down when it was asked: for
 * tests of pace. The first requests may be answered otherwise: with a status,
 * headers and a body, in which <date+N> is the HTTP date N seconds from now and
 * <epoch+N> that second since 1970. It also counts how many requests are being
 * answered at once, and can refuse what is more than --most.
 */
#include <fcntl.h>

#include "common/clock.h"
#include "common/enc.h"
#include "common/file.h"
#include "common/json.h"
#include "common/msg.h"
#include "common/opt.h"
#include "tests/mock/lib/server.h"

struct sink {
	const char *log_path, *whole_path, *first_body, *body;
	struct opt_list first_headers;
	uint64_t first_status, n_first, delay_ms, most;
	int log_fd, whole_fd;
	int64_t *until; /* when each of the last is answered */
	size_t n_until, cap_until;
	struct buf line;
};

/* A text with <date+N> and <epoch+N> filled in. */
static void put_filled(struct buf *out, const char *text)
{
	for (; *text; text++) {
		time_t at = time(NULL);
		struct tm tm;
		char date[64];
		int n = 0, used = 0;

		if (sscanf(text, "<date+%d>%n", &n, &used) == 1 && used) {
			at += n;
			gmtime_r(&at, &tm);
			strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT",
				 &tm);
			buf_addz(out, date);
		} else if (sscanf(text, "<epoch+%d>%n", &n, &used) == 1 &&
			   used) {
			buf_addf(out, "%lld", (long long)at + n);
		} else {
			buf_addc(out, *text);
			continue;
		}
		text += used - 1;
	}
}

/* How many are being answered, this one included. */
static size_t count_busy(struct sink *s, int64_t now)
{
	size_t n = 0;

	for (size_t i = 0; i < s->n_until; i++)
		if (s->until[i] > now)
			s->until[n++] = s->until[i];
	s->n_until = n;
	if (s->n_until == s->cap_until) {
		s->cap_until = MAX(s->cap_until * 2, 64);
		s->until = realloc(s->until, s->cap_until * sizeof *s->until);
		if (!s->until)
			die(EX_OSERR, "out of memory");
	}
	s->until[s->n_until++] = now + (int64_t)s->delay_ms;
	return s->n_until;
}

static void answer_first(struct sink *s, struct answer *a)
{
	struct buf text = BUF_INIT;

	a->status = (int)s->first_status;
	for (size_t i = 0; i < s->first_headers.n; i++) {
		put_filled(&a->headers, s->first_headers.v[i]);
		buf_addz(&a->headers, "\r\n");
	}
	if (s->first_body)
		put_filled(&text, s->first_body);
	buf_adds(&a->body, buf_str(&text));
	buf_release(&text);
}

static int open_for_append(const char *path)
{
	int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0)
		die(EX_CANTCREAT, "%s: %s", path, strerror(errno));
	return fd;
}

static void write_line(const char *path, int fd, const struct buf *line)
{
	if (file_write_all(fd, line->data, line->len) < 0)
		die(EX_IOERR, "%s: %s", path, strerror(errno));
}

/* The request as one line of JSON. */
static void write_whole(struct sink *s, const struct request *r)
{
	struct buf *b = &s->line;

	buf_reset(b);
	buf_addz(b, "{\"method\":");
	json_put_str(b, r->method);
	buf_addz(b, ",\"target\":");
	json_put_str(b, r->target);
	buf_addz(b, ",\"headers\":{");
	for (size_t i = 0; i < r->n_headers; i++) {
		buf_addz(b, i ? "," : "");
		json_put_str(b, r->headers[i].name);
		buf_addc(b, ':');
		json_put_str(b, r->headers[i].value);
	}
	buf_addz(b, "},\"body\":\"");
	enc_base64(b, r->body.s, r->body.n);
	buf_addz(b, "\"}\n");
	write_line(s->whole_path, s->whole_fd, b);
}

static void serve(void *self, const struct request *r, struct answer *a)
{
	struct sink *s = self;
	int64_t now = clock_tick_ms();
	size_t busy = count_busy(s, now);
	bool over = s->most && busy > s->most;

	a->delay_ms = s->delay_ms;
	if (s->first_status && r->number <= s->n_first) {
		answer_first(s, a);
	} else if (over) {
		a->status = 429;
		a->delay_ms = 0;
		s->n_until--;
	} else {
		a->status = 200;
		answer_header(a, "Content-Type", "application/json");
		buf_addz(&a->body, s->body ? s->body : "{}");
	}
	if (s->whole_path)
		write_whole(s, r);
	if (!s->log_path)
		return;
	buf_reset(&s->line);
	buf_addf(&s->line, "%" PRId64 " %d %zu %.*s %.*s %zu\n", now, a->status,
		 busy, STR_ARG(r->method), STR_ARG(r->target), r->body.n);
	write_line(s->log_path, s->log_fd, &s->line);
}

int main(int argc, char **argv)
{
	struct sink sink = { .n_first = 1, .log_fd = -1, .line = BUF_INIT };
	struct server s = { .self = &sink, .serve = serve };
	const struct opt opts[] = {
		{ 0, "port-file", OPT_STR, &s.port_file, "FILE",
		  "write the port there when ready" },
		{ 0, "idle", OPT_COUNT, &s.idle_s, "SECONDS",
		  "end after so long without a request" },
		{ 0, "log", OPT_STR, &sink.log_path, "FILE",
		  "a line a request: ms, status, at once, method, target, "
		  "bytes" },
		{ 0, "whole", OPT_STR, &sink.whole_path, "FILE",
		  "each request whole, as a line of JSON, its body in base64" },
		{ 0, "delay", OPT_COUNT, &sink.delay_ms, "MS",
		  "time to answer" },
		{ 0, "most", OPT_COUNT, &sink.most, "N",
		  "answer 429 to more at once" },
		{ 0, "body", OPT_STR, &sink.body, "TEXT", "the answer, {}" },
		{ 0, "first", OPT_COUNT, &sink.first_status, "STATUS",
		  "of the first requests" },
		{ 0, "first-n", OPT_COUNT, &sink.n_first, "N",
		  "how many these are, 1" },
		{ 0, "first-header", OPT_LIST, &sink.first_headers, "TEXT",
		  "a header of theirs" },
		{ 0, "first-body", OPT_STR, &sink.first_body, "TEXT",
		  "their body" },
	};
	const struct opt_spec spec = {
		.synopsis = "[OPTION]...",
		.about = "Say yes to everything, on 127.0.0.1.",
		.opts = opts,
		.n = ARRAY_LEN(opts),
	};
	struct buf err = BUF_INIT;

	msg_init("sink");
	if (opt_parse(&spec, argc, argv))
		opt_die("no operands");
	if (sink.log_path)
		sink.log_fd = open_for_append(sink.log_path);
	if (sink.whole_path)
		sink.whole_fd = open_for_append(sink.whole_path);
	if (server_run(&s, &err) < 0)
		die(EX_OSERR, "%s", err.data);
	free(sink.until);
	free(sink.first_headers.v);
	buf_release(&sink.line);
	return 0;
}
