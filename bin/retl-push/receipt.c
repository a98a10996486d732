/* SPDX-License-Identifier: MIT */
/*
 * Receipts: one line a record on standard output, which the commit stage turns
 * into state. When nobody reads them any more they are kept all the same, in
 * --receipts FILE or on stderr: what was sent has been sent.
 */
#include "bin/retl-push/push.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>

#include "common/clock.h"
#include "common/file.h"
#include "common/msg.h"
#include "common/prog.h"

#define ENOUGH ((size_t)64 << 10)

/* Those that are written also where a program ends the process. */
static const struct receipts *opened;

/* A program is running, so nobody is adding one. For a signal's handler. */
static void write_last(void)
{
	size_t done = 0;
	ssize_t n = 0;

	while (!opened->error && done < opened->b.len &&
	       (n >= 0 || errno == EINTR)) {
		n = write(STDOUT_FILENO, opened->b.data + done,
			  opened->b.len - done);
		done += n > 0 ? (size_t)n : 0;
	}
}

void receipts_open(struct receipts *w)
{
	int flags = fcntl(STDOUT_FILENO, F_GETFL);

	/* Better known before anything has been sent. */
	if (flags < 0 || (flags & O_ACCMODE) == O_RDONLY)
		die(EX_IOERR, "standard output: not open for writing");
	w->b = w->to_status = w->why_failed = w->why_unknown = BUF_INIT;
	buf_addz(&w->to_status, ",\"to\":");
	json_put_strz(&w->to_status, w->to);
	buf_addz(&w->to_status, ",\"status\":\"");
	w->delivered = BUF_INIT;
	buf_adds(&w->delivered, buf_str(&w->to_status));
	buf_addf(&w->delivered, "%s\"}\n", verdict_name(DELIVERED));
	w->fallback = STDERR_FILENO;
	opened = w;
	prog_before_end(write_last);
	pipe_widen(STDOUT_FILENO);
	if (!w->fallback_path)
		return;
	w->fallback = open(w->fallback_path,
			   O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	if (w->fallback < 0)
		die(EX_NOINPUT, "--receipts %s: %s", w->fallback_path,
		    strerror(errno));
}

static const char first[] = "{\"diff_id\":", next[] = ",\"line\":",
		  only[] = "{\"line\":";

/*
 * Most of what the engine writes is this: what all lines share was put together
 * once, and a line is laid out in one piece (100 ns less a record). Behind it
 * is room for n bytes, which the caller uses up.
 */
static char *begin_line(struct receipts *w, uint64_t line, struct str id,
			size_t n)
{
	char *to;

	buf_reserve(&w->b, sizeof first + id.n + sizeof next + STR_U64_MAX + n);
	to = w->b.data + w->b.len;
	if (id.n) {
		memcpy(to, first, sizeof first - 1);
		to = mempcpy(to + sizeof first - 1, id.s, id.n);
		memcpy(to, next, sizeof next - 1);
		to += sizeof next - 1;
	} else {
		memcpy(to, only, sizeof only - 1);
		to += sizeof only - 1;
	}
	return str_put_u64(to, line);
}

static void put_head(struct receipts *w, uint64_t line, struct str id,
		     const char *status)
{
	size_t n_status = strlen(status);
	char *to = begin_line(w, line, id, w->to_status.len + n_status + 1);

	to = mempcpy(to, w->to_status.data, w->to_status.len);
	to = mempcpy(to, status, n_status);
	*to++ = '"';
	*to = '\0';
	w->b.len = (size_t)(to - w->b.data);
}

static void put_text(struct receipts *w, const char *name, struct str text)
{
	if (!text.s)
		return;
	buf_addf(&w->b, ",\"%s\":", name);
	json_put_str(&w->b, text);
}

static void flush_much(struct receipts *w)
{
	if (UNLIKELY(w->b.len >= ENOUGH))
		receipts_flush(w);
}

static void end_line(struct receipts *w)
{
	buf_add(&w->b, "}\n", 2);
	flush_much(w);
}

/* The whole line of a record that was taken at once. */
static void put_delivered(struct receipts *w, uint64_t line, struct str id)
{
	char *to = begin_line(w, line, id, w->delivered.len);

	to = mempcpy(to, w->delivered.data, w->delivered.len + 1);
	w->b.len = (size_t)(to - w->b.data) - 1;
	flush_much(w);
}

/* Whose reasons are our own words: a destination's may quote a record. */
static bool has_own_words(struct str code)
{
	static const char *const codes[] = { "unreachable", "lost",
					     "unreadable", "address", "stray" };

	for (size_t i = 0; i < ARRAY_LEN(codes); i++)
		if (str_is(code, codes[i]))
			return true;
	return false;
}

/* Nobody may ever look into the receipts; why it stopped has been told. */
static void note_why(struct receipts *w, uint64_t line, const struct outcome *o)
{
	struct buf *why =
	    o->status == FAILED ? &w->why_failed : &w->why_unknown;

	if (why->len || (o->code.s && str_is(o->code, "stopped")))
		return;
	buf_addf(why, "line %" PRIu64 ":", line);
	if (o->http_status)
		buf_addf(why, " HTTP %ld", o->http_status);
	if (o->code.s)
		buf_addf(why, " %.*s", STR_ARG(o->code));
	if (o->code.s && o->reason.s && has_own_words(o->code))
		buf_addf(why, ": %.*s", STR_ARG(o->reason));
	if (!o->http_status && !o->code.s)
		buf_addz(why, " the receipt has the reason");
}

static void tell(const struct receipts *w, enum verdict v, struct buf *why)
{
	if (why->len && !w->silent)
		msg_error("%" PRIu64 " %s, the first of them %s", w->n[v],
			  verdict_name(v), why->data);
	buf_release(why);
}

void receipts_tell_why(struct receipts *w)
{
	tell(w, FAILED, &w->why_failed);
	tell(w, UNKNOWN, &w->why_unknown);
}

void receipts_add(struct receipts *w, uint64_t line, struct str id,
		  uint64_t attempts, const struct outcome *o)
{
	w->n[o->status]++;
	if (o->status == FAILED || o->status == UNKNOWN)
		note_why(w, line, o);
	if (o->status == UNKNOWN && o->no_resend)
		w->n_doubt_final++;
	if (w->silent)
		return;
	if (LIKELY(o->status == DELIVERED && attempts <= 1 && !o->no_resend)) {
		put_delivered(w, line, id);
		return;
	}
	put_head(w, line, id, verdict_name(o->status));
	if (o->status != DELIVERED) {
		if (o->http_status)
			buf_addf(&w->b, ",\"http_status\":%ld", o->http_status);
		put_text(w, "code", o->code);
		put_text(w, "reason", o->reason);
	}
	if (attempts && (o->status != DELIVERED || attempts > 1))
		buf_addf(&w->b, ",\"attempts\":%" PRIu64, attempts);
	if (o->no_resend)
		buf_addz(&w->b, ",\"resend\":false");
	end_line(w);
}

void receipts_sending(struct receipts *w, uint64_t line, struct str id)
{
	if (w->silent)
		return;
	put_head(w, line, id, "sending");
	end_line(w);
}

/* What standard output did not take, from the line it was cut in. */
static void write_elsewhere(struct receipts *w, size_t done)
{
	while (done && w->b.data[done - 1] != '\n')
		done--;
	if (file_write_all(w->fallback, w->b.data + done, w->b.len - done) < 0)
		msg_error("%s: %s: receipts are lost",
			  w->fallback_path ? w->fallback_path : "stderr",
			  strerror(errno));
}

/*
 * A reader that does not read is waited for, but not for ever once the push is
 * to end. Where there is room, there is room for so much.
 */
static ssize_t put_some(struct receipts *w, const char *s, size_t n)
{
	struct pollfd out = { .fd = STDOUT_FILENO, .events = POLLOUT };
	int64_t tick;
	int ready;

	if (!w->n_signals || !*w->n_signals)
		return write(STDOUT_FILENO, s, n);
	tick = clock_tick_ms();
	if (!w->until)
		w->until = tick + LAST_WAIT_MS;
	if (*w->n_signals > 1)
		w->until = tick;
	ready = poll(&out, 1, (int)MAX(w->until - tick, 0));
	if (!ready)
		errno = ETIMEDOUT;
	return ready > 0 ? write(STDOUT_FILENO, s, MIN(n, PIPE_BUF)) : -1;
}

int receipts_flush(struct receipts *w)
{
	size_t done = 0;

	while (!w->error && done < w->b.len) {
		ssize_t n = put_some(w, w->b.data + done, w->b.len - done);

		if (n >= 0)
			done += (size_t)n;
		else if (errno != EINTR)
			w->error = errno;
	}
	if (w->error)
		write_elsewhere(w, done);
	buf_reset(&w->b);
	return w->error ? -1 : 0;
}

void receipts_close(struct receipts *w)
{
	receipts_flush(w);
	prog_before_end(NULL);
	if (!w->error && close(STDOUT_FILENO) < 0 && errno != EINTR) {
		w->error = errno;
		msg_error("standard output: %s", strerror(errno));
	}
	if (w->fallback_path && close(w->fallback) < 0 && errno != EINTR)
		msg_error("%s: %s", w->fallback_path, strerror(errno));
	buf_release(&w->b);
	buf_release(&w->to_status);
	buf_release(&w->delivered);
}
