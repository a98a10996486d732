/* SPDX-License-Identifier: MIT */
/*
 * An HTTP/2 server over TLS that does one thing with each request, whichever it
 * is and on whatever connection:
 *
 *	h2d KEY CERT WORD...
 *
 *	yes         200
 *	refuse      RST_STREAM, REFUSED_STREAM: it was not looked at
 *	error       RST_STREAM, INTERNAL_ERROR: who knows
 *	goaway      GOAWAY whose last stream is one before it
 *	last        GOAWAY whose last stream is this one, and no answer
 *	late        the beginning of an answer, and, once the other side has
 *		    read that (it answers a PING behind it), REFUSED_STREAM
 *	away        as goaway, and nothing listens any more
 *
 * What stands last is done with all that follow. "-" before a word: it is done
 * as soon as the headers are there, and the body is left alone. Standard output
 * has a line "port N", and then the word for each request.
 */
#include <fcntl.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "common/file.h"
#include "common/msg.h"
#include "tests/mock/lib/server.h"

enum {
	DATA,
	HEADERS,
	PRIORITY,
	RST_STREAM,
	SETTINGS,
	PUSH,
	PING,
	GOAWAY,
	WINDOW_UPDATE
};
#define END_STREAM 1
#define END_HEADERS 4
#define ACK 1
#define HEAD 9
#define MAX_FRAME 16384
#define MAX_STREAMS 10000 /* of a connection */

static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

struct h2d {
	char **words;
	size_t n_words;
	size_t *n_requests; /* of all connections */
	int listen_fd;
	uint32_t
	    late; /* the stream that waits for the answer to a PING; or 0 */
};

/* ---- frames ---- */

static void put32(uint8_t *to, uint32_t n)
{
	for (int i = 0; i < 4; i++)
		to[i] = (uint8_t)(n >> (24 - 8 * i));
}

static uint32_t get32(const uint8_t *from)
{
	return (uint32_t)from[0] << 24 | (uint32_t)from[1] << 16 |
	       (uint32_t)from[2] << 8 | from[3];
}

static void send_frame(SSL *tls, int type, int flags, uint32_t stream,
		       const void *data, size_t n)
{
	uint8_t f[HEAD + 64];

	put32(f, (uint32_t)n << 8 | (uint32_t)type);
	f[4] = (uint8_t)flags;
	put32(f + 5, stream);
	memcpy(f + HEAD, data, n);
	if (SSL_write(tls, f, (int)(HEAD + n)) <= 0)
		exit(0);
}

static void reset(SSL *tls, uint32_t stream, uint32_t why)
{
	uint8_t code[4];

	put32(code, why);
	send_frame(tls, RST_STREAM, 0, stream, code, sizeof code);
}

static void go_away(SSL *tls, uint32_t last)
{
	uint8_t body[8] = { 0 };

	put32(body, last);
	send_frame(tls, GOAWAY, 0, 0, body, sizeof body);
}

/* So many bytes more may come, of one stream or (0) of all. */
static void open_window(SSL *tls, uint32_t stream)
{
	uint8_t more[4];

	put32(more, 1 << 30);
	send_frame(tls, WINDOW_UPDATE, 0, stream, more, sizeof more);
}

static void take(SSL *tls, uint8_t *to, size_t n)
{
	while (n) {
		int got = SSL_read(tls, to, (int)n);

		if (got <= 0)
			exit(0);
		to += got;
		n -= (size_t)got;
	}
}

/* ---- requests ---- */

static const char *word_at(const struct h2d *h, size_t n)
{
	return h->words[MIN(n, h->n_words - 1)];
}

static void answer(struct h2d *h, SSL *tls, const char *word, uint32_t stream)
{
	/* ":status: 200", the eighth of the static table. */
	static const uint8_t ok = 0x88;

	if (strcmp(word, "yes") == 0) {
		send_frame(tls, HEADERS, END_HEADERS | END_STREAM, stream, &ok,
			   1);
	} else if (strcmp(word, "refuse") == 0) {
		reset(tls, stream, 7);
	} else if (strcmp(word, "error") == 0) {
		reset(tls, stream, 2);
	} else if (strcmp(word, "goaway") == 0) {
		go_away(tls, stream - 2 + (stream == 1));
	} else if (strcmp(word, "last") == 0) {
		go_away(tls, stream);
		SSL_shutdown(tls);
		exit(0);
	} else if (strcmp(word, "late") == 0) {
		send_frame(tls, HEADERS, END_HEADERS, stream, &ok, 1);
		send_frame(tls, PING, 0, 0, "retl-h2d", 8);
		h->late = stream;
	} else if (strcmp(word, "away") == 0) {
		shutdown(h->listen_fd, SHUT_RDWR);
		go_away(tls, 0);
	} else {
		die(EX_USAGE, "%s: not a word that is known", word);
	}
}

static void note(const char *word)
{
	char line[32];
	int n = snprintf(line, sizeof line, "%s\n", word);

	file_write_all(STDOUT_FILENO, line, (size_t)n);
}

/*
 * A frame of a request: its headers, or the end of it. What is done with it is
 * settled by the former; streams come one after the other here.
 */
static void take_request(struct h2d *h, SSL *tls, int type, int flags,
			 uint32_t stream)
{
	static const char *words[MAX_STREAMS];
	const char **word = &words[stream / 2];

	if (stream / 2 >= MAX_STREAMS)
		die(EX_DATAERR, "stream %u", (unsigned)stream);
	if (type == HEADERS) {
		*word = word_at(
		    h, __atomic_fetch_add(h->n_requests, 1, __ATOMIC_SEQ_CST));
		if (**word != '-')
			open_window(tls, stream);
	}
	if (!*word || (**word != '-' && !(flags & END_STREAM)))
		return;
	note(*word);
	answer(h, tls, *word + (**word == '-'), stream);
	*word = NULL;
}

static void reset_late(struct h2d *h, SSL *tls)
{
	reset(tls, h->late, 7);
	h->late = 0;
}

static void serve(struct h2d *h, SSL *tls)
{
	uint8_t head[HEAD], body[MAX_FRAME];

	take(tls, body, sizeof preface - 1);
	if (memcmp(body, preface, sizeof preface - 1) != 0)
		die(EX_DATAERR, "no HTTP/2");
	send_frame(tls, SETTINGS, 0, 0, "", 0);
	open_window(tls, 0);
	for (;;) {
		uint32_t n, stream;
		int type, flags;

		take(tls, head, sizeof head);
		n = get32(head) >> 8;
		type = head[3];
		flags = head[4];
		stream = get32(head + 5) & 0x7fffffff;
		if (n > sizeof body)
			die(EX_DATAERR, "a frame of %u bytes", (unsigned)n);
		take(tls, body, n);
		if (type == SETTINGS && !(flags & ACK))
			send_frame(tls, SETTINGS, ACK, 0, "", 0);
		else if (type == PING && !(flags & ACK))
			send_frame(tls, PING, ACK, 0, body, 8);
		else if (type == PING && h->late)
			reset_late(h, tls);
		else if (type == DATA || type == HEADERS)
			take_request(h, tls, type, flags, stream);
	}
}

/* ---- connections ---- */

static int choose(SSL *tls, const unsigned char **out, unsigned char *n,
		  const unsigned char *in, unsigned int n_in, void *arg)
{
	(void)tls;
	(void)arg;
	return SSL_select_next_proto((unsigned char **)out, n,
				     (const unsigned char *)"\2h2", 3, in,
				     n_in) == OPENSSL_NPN_NEGOTIATED
		   ? SSL_TLSEXT_ERR_OK
		   : SSL_TLSEXT_ERR_ALERT_FATAL;
}

static SSL_CTX *context(const char *key, const char *cert)
{
	SSL_CTX *c = SSL_CTX_new(TLS_server_method());

	if (!c || SSL_CTX_use_certificate_chain_file(c, cert) != 1 ||
	    SSL_CTX_use_PrivateKey_file(c, key, SSL_FILETYPE_PEM) != 1)
		die(EX_NOINPUT, "key or certificate cannot be used");
	SSL_CTX_set_alpn_select_cb(c, choose, NULL);
	return c;
}

static void connection(struct h2d *h, SSL_CTX *c, int fd)
{
	SSL *tls = SSL_new(c);

	SSL_set_fd(tls, fd);
	if (SSL_accept(tls) == 1)
		serve(h, tls);
	exit(0);
}

int main(int argc, char **argv)
{
	struct h2d h = { .words = argv + 3, .n_words = (size_t)argc - 3 };
	struct buf err = BUF_INIT;
	SSL_CTX *c;
	int port, fd;

	msg_init("h2d");
	if (argc < 4)
		die(EX_USAGE, "usage: h2d KEY CERT WORD...");
	signal(SIGPIPE, SIG_IGN);
	signal(SIGCHLD, SIG_IGN);
	alarm(600);
	c = context(argv[1], argv[2]);
	h.n_requests = mmap(NULL, sizeof *h.n_requests, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	h.listen_fd = server_listen(&port, &err);
	if (h.listen_fd < 0 || h.n_requests == MAP_FAILED)
		die(EX_OSERR, "%s", err.len ? err.data : "no memory");
	fcntl(h.listen_fd, F_SETFL, 0);
	printf("port %d\n", port);
	fflush(stdout);
	while ((fd = accept(h.listen_fd, NULL, NULL)) >= 0) {
		if (fork() == 0)
			connection(&h, c, fd);
		close(fd);
	}
	return 0;
}
