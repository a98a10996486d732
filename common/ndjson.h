/* SPDX-License-Identifier: MIT */
/*
 * The stream, retl-stream(5): one record a line, and the seal, a line of white
 * space that counts the records since the seal before it. Reading gives lines
 * as they are; what they say is record.h's business.
 */
#ifndef RETL_NDJSON_H
#define RETL_NDJSON_H

#include "common/buf.h"
#include "common/json_index.h"

#define NDJSON_MAX_RECORD ((uint64_t)16 << 20) /* bytes; --max-record */

/* Asks for 1 MiB pipes: with default ones the pipe is the bottleneck. */
void pipe_widen(int fd);

/* ---- writing ---- */

/*
 * Records are appended to b and ended with out_record, so that a tool builds
 * its output in place. Bytes leave when a good deal has come together, and
 * when a reader that names this output (ndjson.flush_first) has to wait.
 */
struct out {
	int fd;
	const char *name; /* for messages: "standard output" */
	struct buf b;
	uint64_t since_seal; /* records */
	uint64_t n_records;
	/*
	 * False: a write that fails ends the program, 74. True: it is
	 * remembered in error (an errno) and later writes do nothing.
	 */
	bool keep_going;
	/* A reader that has gone away ends the program, as out_init found. */
	bool dies_of_pipe;
	/* Called before that, if it is not NULL: last things to do. */
	void (*last)(void);
	/* True: nothing is written, what comes stays in b (crew.h). */
	bool hold;
	int error;
	/*
	 * Takes all of b instead of it being written, and leaves it empty; -1:
	 * errno says why not. NULL: write(2).
	 */
	int (*put)(struct out *o);
	void *put_to;
};

void out_init(struct out *o, int fd, const char *name);

/* Ends the record that was appended to o->b since the last one. */
void out_record(struct out *o);
/* A whole record, without LF. */
void out_line(struct out *o, struct str line);
/* Whole records, each with its LF, that lie elsewhere: n of them. */
void out_block(struct out *o, struct str text, uint64_t n);
/* The seal over the records since the last. */
void out_seal(struct out *o);
int out_flush(struct out *o);
/* Flushes, and checks with fsync-less close where fd is our own. 0 or -1. */
int out_close(struct out *o);

/* Appends a seal line for n records, with LF. */
void seal_put(struct buf *b, uint64_t n);

/* ---- reading ---- */

struct ndjson {
	const char *name; /* path, or NULL for stdin */
	int fd;
	size_t max_record;
	struct out *flush_first; /* may be NULL */
	/* Called before a read that has to wait; may be NULL. */
	void (*on_wait)(void *arg);
	void *on_wait_arg;
	/*
	 * Bytes come from here instead of fd, if it is set: as read(2) gives
	 * them, but with -1 it has filled status and err (ndjson_read_failed
	 * does). They are put at p, which lies in r's memory.
	 */
	ssize_t (*pull)(struct ndjson *r, void *p, size_t n);
	void *pull_from;
	/*
	 * True: ndjson_next answers NDJSON_WAIT rather than wait for the
	 * other side, so that one thread can mind other things as well.
	 */
	bool nowait;

	/* after ndjson_next gave 1: */
	struct str line; /* without LF and CR; until the next call */
	struct json_index *in_index; /* that has it, or NULL */
	uint64_t line_no;            /* from 1 */
	uint64_t n_records;
	uint64_t n_seals; /* right or wrong ones */

	/* after -1: */
	int status; /* EX_DATAERR, EX_IOERR, EX_NOINPUT */
	struct buf err;

	/* private */
	char *mem;
	size_t cap, begin, seen, end;
	size_t chunk; /* of a lent block: how much to read at once */
	bool eof, bad_seal, last_is_seal;
	struct json_index *index; /* NULL: lines are not indexed */
	const char *block_end;
	uint64_t since_seal, sealed_count;
};
#define NDJSON_INIT       \
	((struct ndjson){ \
	    .fd = -1, .max_record = NDJSON_MAX_RECORD, .err = BUF_INIT })

/* path NULL or "-": stdin. -1: see status and err. */
int ndjson_open(struct ndjson *r, const char *path);

/*
 * yes: the lines to come are going to be parsed, and are indexed for that, if
 * this machine can. At first they are not.
 */
void ndjson_index(struct ndjson *r, bool yes);

/*
 * In place of ndjson_next: lines of a block that somebody else has read, and
 * that ends at end.
 */
void ndjson_block(struct ndjson *r, const char *end);
/* The next of them that is wanted; behind the one before. */
void ndjson_at(struct ndjson *r, struct str line);

/* For pull: tells that reading failed. -1. */
int ndjson_read_failed(struct ndjson *r, int why);

#define NDJSON_WAIT 3 /* no whole line yet: again when fd can be read */

/* 1: r->line holds a record; 0: the end; -1: failed. Seals are swallowed. */
int ndjson_next(struct ndjson *r);

/*
 * Lends r a block of cap bytes to read into, at most chunk at once, so that the
 * lines that it gives stay in place as long as the block does. What has been
 * read and not been given yet moves to the front of the block, which may be the
 * one that r has, and which must have room for it. When the block is too full
 * for the next line, ndjson_next gives 2: lend another, or this one again.
 */
void ndjson_lend(struct ndjson *r, char *block, size_t cap, size_t chunk);

/* Bytes of the lent block that hold text. */
static inline size_t ndjson_filled(const struct ndjson *r)
{
	return r->end;
}

/* How many of them have not been given yet. */
static inline size_t ndjson_pending(const struct ndjson *r)
{
	return r->end - r->begin;
}

/* After the end: is every record covered by a right seal? */
bool ndjson_sealed(const struct ndjson *r);

/*
 * After the end: what is wrong with the seal, for a message, NULL if nothing.
 * "the stream has no seal", "the seal counts 1000 records, 990 came". Borrowed
 * from r->err.
 */
const char *ndjson_seal_fault(struct ndjson *r);

/* "line 17" or "FILE:17", of the current record; of another line. */
void ndjson_place(const struct ndjson *r, struct buf *out);
void ndjson_place_of(const struct ndjson *r, uint64_t line_no, struct buf *out);

void ndjson_close(struct ndjson *r);

#endif
