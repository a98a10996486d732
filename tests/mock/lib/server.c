/* SPDX-License-Identifier: MIT */
#include "tests/mock/lib/server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <strings.h>
#include <sys/socket.h>

#include "common/clock.h"
#include "common/file.h"
#include "common/mem.h"

#define CONNS_MAX 512
#define HEAD_MAX (64 << 10)
#define BODY_MAX (256 << 20)

enum conn_state {
	CONN_HEAD,  /* waiting for a request's head */
	CONN_BODY,  /* and for its body */
	CONN_DELAY, /* the answer is ready but not yet due */
	CONN_SEND,
};

struct conn {
	int fd;
	uint64_t id;
	enum conn_state state;
	struct buf in;
	size_t head_len; /* of the request being read */
	struct request req;
	size_t cap_headers;
	struct buf body; /* of a chunked request */
	struct buf out;
	size_t sent;
	int64_t due;
	enum drop drop; /* after out */
	bool expects_continue;
};

struct loop {
	const struct server *s;
	int listen_fd;
	struct conn conns[CONNS_MAX];
	size_t n;
	uint64_t n_conns, n_requests;
	int64_t last_ms;
	struct answer answer;
};

static volatile sig_atomic_t stopped;

static void on_signal(int sig)
{
	(void)sig;
	stopped = 1;
}

/* ---- requests ---- */

struct str request_header(const struct request *r, const char *name)
{
	for (size_t i = 0; i < r->n_headers; i++)
		if (str_is(r->headers[i].name, name))
			return r->headers[i].value;
	return STR_NONE;
}

static void lower(char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		s[i] = (char)tolower((unsigned char)s[i]);
}

/* Splits the head in c->in into the request's parts. -1: it is no HTTP. */
static int head_parse(struct conn *c)
{
	struct request *r = &c->req;
	struct str rest = { c->in.data, c->head_len - 4 }, line, version;

	r->n_headers = 0;
	r->body = STR("");
	if (!str_split(&rest, '\n', &line))
		return -1;
	line = (struct str){ line.s, line.n - (rest.s ? 1 : 0) };
	if (!str_split(&line, ' ', &r->method) ||
	    !str_split(&line, ' ', &r->target) ||
	    !str_split(&line, ' ', &version) || !str_starts(version, "HTTP/1."))
		return -1;
	r->query = r->target;
	str_split(&r->query, '?', &r->path);
	if (!r->query.s)
		r->query = STR("");
	while (str_split(&rest, '\n', &line)) {
		struct header h;

		if (line.n && line.s[line.n - 1] == '\r')
			line.n--;
		if (!str_split(&line, ':', &h.name) || !line.s)
			return -1;
		h.value = str_trim(line);
		lower(c->in.data + (h.name.s - c->in.data), h.name.n);
		GROW(r->headers, r->n_headers, c->cap_headers);
		r->headers[r->n_headers++] = h;
	}
	return 0;
}

/* The request's spans point into c->in: they move when it does. */
static void head_rebase(struct conn *c, const char *was)
{
	struct request *r = &c->req;
	ptrdiff_t by = c->in.data - was;

	if (!by)
		return;
	r->method.s += by;
	r->target.s += by;
	r->path.s += by;
	if (r->query.n)
		r->query.s += by;
	for (size_t i = 0; i < r->n_headers; i++) {
		r->headers[i].name.s += by;
		r->headers[i].value.s += by;
	}
}

/* 1: the chunked body is whole, *used bytes of in; 0: not yet; -1: broken. */
static int body_unchunk(struct conn *c, size_t *used)
{
	size_t at = c->head_len;

	buf_reset(&c->body);
	for (;;) {
		char *eol = memmem(c->in.data + at, c->in.len - at, "\r\n", 2);
		char *end;
		unsigned long n;

		if (!eol)
			return 0;
		n = strtoul(c->in.data + at, &end, 16);
		if (end == c->in.data + at || n > BODY_MAX)
			return -1;
		at = (size_t)(eol + 2 - c->in.data);
		if (c->in.len - at < n + 2)
			return 0;
		buf_add(&c->body, c->in.data + at, n);
		at += n + 2;
		if (n == 0) {
			*used = at;
			return 1;
		}
	}
}

/* The same for a body of either kind; sets req.body. */
static int body_take(struct conn *c, size_t *used)
{
	struct str length = request_header(&c->req, "content-length");
	struct str coding = request_header(&c->req, "transfer-encoding");
	uint64_t n = 0;

	if (coding.s) {
		int ret = body_unchunk(c, used);

		c->req.body = buf_str(&c->body);
		return ret;
	}
	if (length.s && (str_to_u64(length, &n) < 0 || n > BODY_MAX))
		return -1;
	if (c->in.len - c->head_len < n)
		return 0;
	c->req.body = (struct str){ c->in.data + c->head_len, n };
	*used = c->head_len + n;
	return 1;
}

/* ---- answers ---- */

void answer_header(struct answer *a, const char *name, const char *value)
{
	buf_addf(&a->headers, "%s: %s\r\n", name, value);
}

void answer_json(struct answer *a, int status, struct str body)
{
	a->status = status;
	answer_header(a, "Content-Type", "application/json");
	buf_adds(&a->body, body);
}

static const char *reason_phrase(int status)
{
	switch (status) {
	case 200:
		return "OK";
	case 204:
		return "No Content";
	case 207:
		return "Multi-Status";
	case 400:
		return "Bad Request";
	case 401:
		return "Unauthorized";
	case 404:
		return "Not Found";
	case 429:
		return "Too Many Requests";
	case 500:
		return "Internal Server Error";
	case 503:
		return "Service Unavailable";
	default:
		return "Status";
	}
}

static void answer_put(struct conn *c, const struct answer *a)
{
	buf_reset(&c->out);
	c->sent = 0;
	if (!a->status)
		return;
	buf_addf(&c->out, "HTTP/1.1 %d %s\r\n", a->status,
		 reason_phrase(a->status));
	buf_adds(&c->out, buf_str(&a->headers));
	if (a->bare)
		buf_addz(&c->out, "Connection: close\r\n");
	else if (a->chunked)
		buf_addz(&c->out, "Transfer-Encoding: chunked\r\n");
	else if (a->status != 204)
		buf_addf(&c->out, "Content-Length: %" PRIu64 "\r\n",
			 a->claim ? a->claim : (uint64_t)a->body.len);
	buf_addz(&c->out, "\r\n");
	if (a->chunked && a->body.len)
		buf_addf(&c->out, "%zx\r\n", a->body.len);
	if (a->status != 204)
		buf_adds(&c->out, buf_str(&a->body));
	if (a->chunked)
		buf_addz(&c->out, a->body.len ? "\r\n0\r\n\r\n" : "0\r\n\r\n");
	if (a->drop != DROP_NONE && a->keep < c->out.len)
		buf_truncate(&c->out, a->keep);
}

/* ---- connections ---- */

static void conn_close(struct loop *l, size_t i, enum drop how)
{
	struct conn *c = &l->conns[i];

	if (how == DROP_RESET) {
		struct linger now = { .l_onoff = 1, .l_linger = 0 };

		setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
	}
	close(c->fd);
	buf_release(&c->in);
	buf_release(&c->body);
	buf_release(&c->out);
	free(c->req.headers);
	*c = l->conns[--l->n];
}

static void conn_accept(struct loop *l)
{
	int fd =
	    accept4(l->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	int one = 1;

	if (fd < 0)
		return;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	l->conns[l->n++] = (struct conn){
		.fd = fd,
		.id = ++l->n_conns,
		.in = BUF_INIT,
		.body = BUF_INIT,
		.out = BUF_INIT,
	};
}

static void say_continue(struct conn *c)
{
	static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";

	/* A client that does not get this one sends its body all the same. */
	if (send(c->fd, text, sizeof text - 1, MSG_NOSIGNAL) < 0)
		return;
}

static void serve(struct loop *l, struct conn *c, size_t used)
{
	struct answer *a = &l->answer;

	a->status = 0;
	buf_reset(&a->headers);
	buf_reset(&a->body);
	a->delay_ms = 0;
	a->drop = DROP_NONE;
	a->keep = KEEP_ALL;
	a->bare = a->chunked = false;
	a->claim = 0;
	l->s->serve(l->s->self, &c->req, a);
	if (!a->status && a->drop == DROP_NONE)
		a->drop = DROP_CLOSE;
	answer_put(c, a);
	c->drop = a->drop;
	c->due = clock_tick_ms() + (int64_t)a->delay_ms;
	c->state = a->delay_ms ? CONN_DELAY : CONN_SEND;
	memmove(c->in.data, c->in.data + used, c->in.len - used);
	buf_truncate(&c->in, c->in.len - used);
}

/*
 * Goes on with what has been read, as far as it goes; DROP_NONE if the
 * connection lives on.
 */
static enum drop conn_advance(struct loop *l, struct conn *c)
{
	size_t used = 0;
	int ret;

	if (c->state == CONN_HEAD) {
		char *end = memmem(c->in.data, c->in.len, "\r\n\r\n", 4);
		enum drop drop;

		if (!end)
			return c->in.len > HEAD_MAX ? DROP_CLOSE : DROP_NONE;
		c->head_len = (size_t)(end + 4 - c->in.data);
		if (head_parse(c) < 0)
			return DROP_CLOSE;
		c->req.number = ++l->n_requests;
		c->req.connection = c->id;
		drop = l->s->head ? l->s->head(l->s->self, &c->req) : DROP_NONE;
		if (drop != DROP_NONE)
			return drop;
		c->state = CONN_BODY;
		if (request_header(&c->req, "expect").s)
			say_continue(c);
	}
	ret = body_take(c, &used);
	if (ret < 0)
		return DROP_CLOSE;
	if (ret > 0)
		serve(l, c, used);
	return DROP_NONE;
}

/* Reads what is there. DROP_NONE: the connection lives on. */
static enum drop conn_read(struct loop *l, struct conn *c)
{
	const char *was = c->in.data;
	ssize_t n;

	buf_reserve(&c->in, 65536);
	if (c->state == CONN_BODY)
		head_rebase(c, was);
	n = read(c->fd, c->in.data + c->in.len, 65536);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? DROP_NONE
							 : DROP_CLOSE;
	if (n == 0)
		return DROP_CLOSE;
	c->in.len += (size_t)n;
	c->in.data[c->in.len] = '\0';
	return conn_advance(l, c);
}

static enum drop conn_send(struct loop *l, struct conn *c)
{
	while (c->sent < c->out.len) {
		ssize_t n = send(c->fd, c->out.data + c->sent,
				 c->out.len - c->sent, MSG_NOSIGNAL);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return DROP_NONE;
		if (n < 0)
			return DROP_CLOSE;
		c->sent += (size_t)n;
	}
	if (c->drop != DROP_NONE)
		return c->drop;
	c->state = CONN_HEAD;
	return c->in.len ? conn_advance(l, c) : DROP_NONE;
}

static enum drop conn_step(struct loop *l, struct conn *c, short revents)
{
	enum drop drop = DROP_NONE;

	if (c->state == CONN_DELAY && clock_tick_ms() >= c->due)
		c->state = CONN_SEND;
	if (c->state <= CONN_BODY && revents)
		drop = conn_read(l, c);
	else if (c->state == CONN_DELAY && (revents & (POLLHUP | POLLERR)))
		drop = DROP_CLOSE; /* nobody waits for the answer any more */
	if (drop == DROP_NONE && c->state == CONN_SEND)
		drop = conn_send(l, c);
	return drop;
}

/* ---- the loop ---- */

int server_listen(int *port, struct buf *err)
{
	struct sockaddr_in at = { .sin_family = AF_INET };
	socklen_t len = sizeof at;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) < 0 ||
	    listen(fd, 128) < 0 ||
	    getsockname(fd, (struct sockaddr *)&at, &len) < 0) {
		fail(err, "cannot listen on 127.0.0.1: %s", strerror(errno));
		if (fd >= 0)
			close(fd);
		return -1;
	}
	*port = ntohs(at.sin_port);
	return fd;
}

/* Nobody waits for a disk: who reads the file does so while we run. */
static int port_write(const char *path, struct str text, struct buf *err)
{
	struct buf tmp = BUF_INIT;
	int fd, ret = -1;

	buf_addf(&tmp, "%s.tmp", path);
	fd = open(tmp.data, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd >= 0 && file_write_all(fd, text.s, text.n) == 0 &&
	    rename(tmp.data, path) == 0)
		ret = 0;
	else
		fail(err, "%s: %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	buf_release(&tmp);
	return ret;
}

static int port_tell(const struct server *s, int port, struct buf *err)
{
	char text[16];

	snprintf(text, sizeof text, "%d\n", port);
	if (s->port_file)
		return port_write(s->port_file, str_of(text), err);
	fputs(text, stdout);
	fflush(stdout);
	return 0;
}

/* 0, or -1 with a message. */
static int loop_listen(struct loop *l, struct buf *err)
{
	int port;

	l->listen_fd = l->s->listen_fd;
	if (l->listen_fd)
		return 0;
	l->listen_fd = server_listen(&port, err);
	return l->listen_fd < 0 ? -1 : port_tell(l->s, port, err);
}

/* How long poll may sleep, in ms. */
static int64_t sleep_ms(const struct loop *l)
{
	int64_t now = clock_tick_ms(), most = 60000;

	if (l->s->idle_s)
		most =
		    MIN(most, l->last_ms + (int64_t)l->s->idle_s * 1000 - now);
	for (size_t i = 0; i < l->n; i++)
		if (l->conns[i].state == CONN_DELAY)
			most = MIN(most, l->conns[i].due - now);
	return MAX(most, 0);
}

static size_t poll_fill(const struct loop *l, struct pollfd *p)
{
	p[0] = (struct pollfd){ .fd = l->n < CONNS_MAX ? l->listen_fd : -1,
				.events = POLLIN };
	for (size_t i = 0; i < l->n; i++) {
		const struct conn *c = &l->conns[i];

		p[i + 1] = (struct pollfd){ .fd = c->fd };
		if (c->state == CONN_SEND)
			p[i + 1].events = POLLOUT;
		else if (c->state != CONN_DELAY)
			p[i + 1].events = POLLIN;
	}
	return l->n + 1;
}

/* What is still to be sent when the end comes goes out, if it can at once. */
static void loop_release(struct loop *l)
{
	while (l->n) {
		struct conn *c = &l->conns[l->n - 1];

		if (c->state == CONN_SEND)
			conn_send(l, c);
		conn_close(l, l->n - 1, c->drop);
	}
	close(l->listen_fd);
	buf_release(&l->answer.headers);
	buf_release(&l->answer.body);
}

static void loop_turn(struct loop *l, const sigset_t *unblocked)
{
	struct pollfd p[CONNS_MAX + 1];
	size_t n = poll_fill(l, p);
	int64_t ms = sleep_ms(l);
	struct timespec ts = { ms / 1000, ms % 1000 * 1000000 };

	if (ppoll(p, n, &ts, unblocked) < 0)
		return;
	/* Backwards: a closed connection's place is taken by the last one. */
	for (size_t i = n - 1; i > 0; i--) {
		struct conn *c = &l->conns[i - 1];
		enum drop drop = conn_step(l, c, p[i].revents);

		if (p[i].revents)
			l->last_ms = clock_tick_ms();
		if (drop != DROP_NONE)
			conn_close(l, i - 1, drop);
	}
	if (p[0].revents) {
		l->last_ms = clock_tick_ms();
		conn_accept(l);
	}
}

static bool loop_idle(const struct loop *l)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->conns[i].state == CONN_DELAY)
			return false;
	return l->s->idle_s &&
	       clock_tick_ms() - l->last_ms >= (int64_t)l->s->idle_s * 1000;
}

static void catch_signals(sigset_t *unblocked)
{
	struct sigaction sa = { .sa_handler = on_signal };
	sigset_t both;

	sigemptyset(&both);
	sigaddset(&both, SIGTERM);
	sigaddset(&both, SIGINT);
	sigprocmask(SIG_BLOCK, &both, unblocked);
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGINT, &sa, NULL);
	sigdelset(unblocked, SIGTERM);
	sigdelset(unblocked, SIGINT);
}

int server_run(const struct server *s, struct buf *err)
{
	struct loop *l = xcalloc(1, sizeof *l);
	sigset_t unblocked;
	int ret = -1;

	l->s = s;
	l->answer.headers = BUF_INIT;
	l->answer.body = BUF_INIT;
	catch_signals(&unblocked);
	if (loop_listen(l, err) == 0) {
		l->last_ms = clock_tick_ms();
		while (!stopped && !loop_idle(l))
			loop_turn(l, &unblocked);
		ret = 0;
	}
	if (l->listen_fd >= 0)
		loop_release(l);
	free(l);
	return ret;
}
