/* SPDX-License-Identifier: MIT */
/*
 * What the parts of retl-sort share. Bytes are read (ahead.c) into a block of
 * memory (block.c) or mapped there (mapped.c), scanned for records and keys
 * there (input.c), put in order (order.c) and go out (outlet.c), or into a run
 * on disk (run.c) to be merged with others (merge.c). Who does what when is
 * said in sorter.c. A key is encoded once, when its record comes in, and
 * compared as bytes from then on.
 */
#ifndef RETL_SORT_H
#define RETL_SORT_H

#include "bin/retl-sort/mapped.h"

#include "common/key.h"
#include "common/ndjson.h"

enum unique { UNIQUE_NO, UNIQUE_FIRST, UNIQUE_LAST, UNIQUE_ERROR };

struct config {
	struct key_spec key;
	uint64_t memory;
	uint64_t max_record;
	const char *tmpdir;
	enum unique unique;
	bool reverse;
	bool threaded; /* work is done side by side */
	char **files;  /* "-" is stdin */
	size_t n_files;
};

/* ---- keys ---- */

struct code {
	uint64_t prefix; /* window 0 of bytes; complemented for --reverse */
	/*
	 * The encoded key, in the record where that is possible. Empty for a
	 * whole number or a boolean, which the prefix tells completely.
	 */
	struct str bytes;
};

/* Behind equal prefixes; a and b are whole encoded keys. */
static inline int code_cmp_rest(struct str a, struct str b, size_t from,
				bool reverse)
{
	size_t n = MIN(a.n, b.n);
	int c = n > from ? memcmp(a.s + from, b.s + from, n - from) : 0;

	if (!c)
		c = (a.n > b.n) - (a.n < b.n);
	return reverse ? -c : c;
}

static inline int code_cmp(const struct code *a, const struct code *b,
			   bool reverse)
{
	if (LIKELY(a->prefix != b->prefix))
		return a->prefix < b->prefix ? -1 : 1;
	return code_cmp_rest(a->bytes, b->bytes, sizeof a->prefix, reverse);
}

/* A code that outlives its record. */
struct code_copy {
	struct code code;
	struct buf text;
	bool any;
};
#define CODE_COPY_INIT ((struct code_copy){ .text = BUF_INIT })

void code_keep(struct code_copy *to, const struct code *code);

/* Where a record came from: which file, and its line. */
#define PLACE_LINE_BITS 44
static inline uint64_t place_of(size_t file, uint64_t line)
{
	return (uint64_t)file << PLACE_LINE_BITS | line;
}

/* "FILE:17" or "line 17" */
void place_put(struct buf *out, const struct config *cfg, uint64_t place);

/* What is read, merged and written: all borrowed. */
struct item {
	struct str rec;
	struct code code;
	uint64_t place; /* may be 0 unless duplicates are to be named */
};

NORETURN void die_duplicate(const struct config *cfg, uint64_t first,
			    uint64_t second);

/* ---- input.c ---- */

struct ahead;
struct outlet;

/* One file or stdin: its records with their keys. */
struct input {
	struct config *cfg;
	size_t file;
	struct ndjson in;
	struct ahead *ahead; /* reads for in; NULL: in does so itself */
	struct record rec;
	struct item item;   /* after input_next gave 1 */
	bool key_in_record; /* item.code.bytes stands in item.rec */
	/* private */
	struct buf scratch;
	struct code_copy last;
	uint64_t last_place;
};

void input_open(struct input *in, struct config *cfg, size_t file);

/*
 * 1; 0 at the end; 2: lend in->in a block with more room; -1: in->in.status and
 * in->in.err say what is wrong.
 */
int input_next(struct input *in);

/*
 * The same, and the record must not stand before the last one, nor with
 * --unique beside it: 65. Faults end the program.
 */
int input_next_ordered(struct input *in);

/* Closes. Was it sealed? If not, that is said once on a terminal. */
bool input_close(struct input *in);

/* ---- block.c ---- */

/* A record in memory. Both words are an offset and a length, see block.c. */
struct entry {
	uint64_t prefix;
	uint64_t rec;
	uint64_t key;
};

#define ENTRY_LEN_BITS 28
static inline size_t entry_at(uint64_t word)
{
	return (size_t)(word >> ENTRY_LEN_BITS);
}
static inline size_t entry_len(uint64_t word)
{
	return (size_t)(word & (((uint64_t)1 << ENTRY_LEN_BITS) - 1));
}

struct block {
	const struct config *cfg;
	size_t budget; /* bytes that all of it may take */
	size_t chunk;  /* bytes read at once */
	/*
	 * Text as it was read, in mem .. mem + room; behind it, keys that had
	 * to be encoded.
	 */
	char *mem;
	size_t room;
	size_t base;          /* where the text of the current file begins */
	struct mapped mapped; /* what the first file is, if it was not read */
	size_t n_keys;
	struct entry *e, *spare; /* n used of cap; sorting needs as many */
	size_t n, cap;
	bool in_order;
	/* What has been touched, since memory stays ours once it was. */
	size_t touched_text, touched_keys, touched_entries;
};

/* budget: bytes that all of it may take. */
void block_init(struct block *b, const struct config *cfg, size_t budget);
void block_release(struct block *b);

/*
 * Lets in read into the block, behind what is there; what in has not given yet
 * moves here.
 */
void block_lend(struct block *b, struct input *in);
/* The end of in: the next file's text goes behind its own. */
void block_end_file(struct block *b, const struct input *in);

/* No room for another record (and its share of sorting)? */
bool block_full(struct block *b, const struct input *in);
/* For a record that is longer than the (empty) block. */
void block_grow(struct block *b, struct input *in);
/* An empty block gets as much room as the other has. */
void block_widen(struct block *b, const struct block *other);
void block_add(struct block *b, const struct input *in);
/* Forgets the records; keeps the memory. */
void block_empty(struct block *b);

/* Sorts, and with --unique leaves one record of a key. */
void block_sort(struct block *b);
/*
 * To be called before the i-th record is copied: records lie anywhere in
 * memory, and one that is due soon had better be in the cache by then.
 */
static inline void block_fetch(const struct block *b, size_t i)
{
	const size_t ahead = 12;
	const char *p;
	size_t n;

	if (b->n - i <= ahead)
		return;
	p = b->mem + entry_at(b->e[i + ahead].rec);
	n = MIN(entry_len(b->e[i + ahead].rec), (size_t)512);
	for (size_t at = 0; at < n; at += 64)
		__builtin_prefetch(p + at);
}

/* The i-th item. */
void block_item(const struct block *b, size_t i, struct item *item);
/* Sorted blocks: may b be written behind a, as it is? */
bool block_before(const struct block *a, const struct block *b);
/* All records, in order. */
void block_write(const struct block *b, struct outlet *to);

/* ---- order.c ---- */

/* Sorts e, stably. spare has room for n; keys are offsets into mem. */
void order_entries(struct entry *e, struct entry *spare, size_t n,
		   const char *mem, bool reverse);

static inline int entry_cmp(const struct entry *a, const struct entry *b,
			    const char *mem, bool reverse)
{
	struct str x = { mem + entry_at(a->key), entry_len(a->key) };
	struct str y = { mem + entry_at(b->key), entry_len(b->key) };

	if (LIKELY(a->prefix != b->prefix))
		return a->prefix < b->prefix ? -1 : 1;
	return code_cmp_rest(x, y, sizeof a->prefix, reverse);
}

/* ---- run.c ---- */

struct run {
	off_t at, end;
};

/* All runs stand in one file that has no name. */
struct runs {
	const struct config *cfg;
	int fd;
	off_t size;
	struct run *v;
	size_t n, cap;
	struct code_copy last; /* the greatest of the last run */
	/* private: what is waiting to be written */
	struct buf b;
	size_t enough;
};

void runs_init(struct runs *r, const struct config *cfg);
void runs_release(struct runs *r);

/* Writing a run: begin, put in order, end. */
void run_begin(struct runs *r);
void run_put(struct runs *r, const struct item *item);
void run_end(struct runs *r);

/* A block as a run, or as the rest of the last one if it fits behind it. */
void runs_add_block(struct runs *r, const struct block *b);

/* Gives the disk space of runs back that have been merged. */
void runs_punch(struct runs *r, const struct run *v, size_t n);

/* Reads a run through a buffer of about cap bytes. */
struct run_reader {
	const struct runs *runs;
	off_t at, end;
	char *buf;
	size_t cap, begin, filled;
};

void run_open(struct run_reader *rd, const struct runs *r, size_t i,
	      size_t cap);
/* False at the end. The item is valid until the next call. */
bool run_next(struct run_reader *rd, struct item *item);
void run_close(struct run_reader *rd);

/* ---- merge.c ---- */

/* Where sorted records go: standard output, or a run. */
struct sink {
	struct config *cfg;
	struct out *out;   /* NULL: to a run */
	struct runs *runs; /* if out is NULL */
	uint64_t n_dropped;
	/* private */
	struct code_copy last;
	struct buf held; /* UNIQUE_LAST: its record */
	uint64_t last_place;
};

void sink_init(struct sink *s, struct config *cfg, struct out *out,
	       struct runs *runs);
void sink_put(struct sink *s, const struct item *item);
/* Lets out what is held; counts what --unique left out. */
uint64_t sink_end(struct sink *s);

/* These functions return how many records --unique left out. */

/* Merges two sorted blocks, a being the earlier one. */
uint64_t merge_blocks(struct config *cfg, const struct block *a,
		      const struct block *b, struct out *out);

/* Can n runs be merged in one pass beside a block that is in memory? */
bool merge_has_room(const struct config *cfg, size_t n);

/* Merges all runs, and the block (may be empty) that came behind them. */
uint64_t merge_runs(struct config *cfg, struct runs *r, const struct block *b,
		    struct out *out);

/* Merges the sorted files of cfg to out; *sealed if all of them were. */
uint64_t merge_files(struct config *cfg, struct out *out, bool *sealed);

#endif
