/* SPDX-License-Identifier: MIT */
/*
 * A small HTTP/1.1 server for tests: one thread, one poll loop, many kept-alive
 * connections, and every way in which a server can fail its client. It listens
 * on 127.0.0.1 only, on a port of the system's choice, which it writes to a
 * file when it is ready. It ends on SIGTERM, SIGINT, or after a time without
 * any traffic, so that no test leaves one behind.
 */
#ifndef MOCK_SERVER_H
#define MOCK_SERVER_H

#include "common/buf.h"

struct header {
	struct str name; /* lower case */
	struct str value;
};

struct request {
	struct str method, target, path, query;
	struct header *headers;
	size_t n_headers;
	struct str body;     /* de-chunked; as it was sent otherwise */
	uint64_t number;     /* of all requests, from 1 */
	uint64_t connection; /* from 1 */
};

enum drop {
	DROP_NONE,
	DROP_CLOSE, /* an orderly end of the connection */
	DROP_RESET, /* RST */
};

/* What goes back. Reset by the server before it asks for one. */
struct answer {
	int status;         /* 0: nothing is sent */
	struct buf headers; /* "Name: value\r\n" each */
	struct buf body;
	uint64_t delay_ms;
	enum drop drop; /* the connection's end, after what is sent */
	size_t keep;    /* with drop: so many bytes of the answer are sent */
	bool bare;      /* no Content-Length: the end of the connection is it */
	bool chunked;   /* no Content-Length: the body is one chunk */
	uint64_t claim; /* a Content-Length that is not true; 0: the true one */
};

/* keep: all of it. */
#define KEEP_ALL SIZE_MAX

struct server {
	const char *port_file; /* NULL: the port is written to stdout */
	uint64_t idle_s;       /* 0: for ever */
	int listen_fd;         /* of server_listen; 0: it makes one itself */
	void *self;            /* first argument of what follows */
	/*
	 * Called when a request's head has arrived, its body not yet: anything
	 * but DROP_NONE ends the connection there. May be NULL.
	 */
	enum drop (*head)(void *self, const struct request *r);
	void (*serve)(void *self, const struct request *r, struct answer *a);
};

/*
 * A socket that listens, for a server that others must know before it runs; its
 * port is told to the caller alone. -1 with a message in err.
 */
int server_listen(int *port, struct buf *err);

/* Runs until it is told to end. 0, or -1 with a message in err. */
int server_run(const struct server *s, struct buf *err);

/* .s NULL: no such header. name in lower case. */
struct str request_header(const struct request *r, const char *name);

void answer_header(struct answer *a, const char *name, const char *value);

/* A status and a JSON body. */
void answer_json(struct answer *a, int status, struct str body);

#endif
