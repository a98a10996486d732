/* SPDX-License-Identifier: MIT */
/*
 * The state directory, retl-state(5): what state.json says, and the only ways
 * to change it. Renaming state.json is the one commit point; files that it
 * does not name are strays and mean nothing.
 */
#ifndef RETL_DIFF_STATE_H
#define RETL_DIFF_STATE_H

#include "bin/retl-diff/compare.h"
#include "bin/retl-diff/diff.h"
#include "bin/retl-diff/identity.h"
#include "bin/retl-diff/rows.h"

#define RUN_ID_LEN 32    /* hex digits */
#define STATE_SETTLED 32 /* settled runs whose ids are remembered */

enum state_file { STATE_SNAPSHOT, STATE_CHANGES, STATE_DOUBT, STATE_HELD };
#define STATE_FILES 4

/* One of the files of a generation; name NULL: there are no rows. */
struct part {
	char *name; /* in the directory */
	uint64_t rows, bytes;
};

/* --bind NAME=TEXT or NAME=@FILE */
struct bind {
	char *name;
	char *file; /* NULL: a text */
	char *text; /* the text, NULL for a file */
	char digest[65];
};

/* A run that was closed, but may still be heard of. */
struct run_entry {
	char id[RUN_ID_LEN + 1];
	uint64_t number;
	uint64_t folded; /* bytes of its receipts that the state knows */
	/*
	 * The newest run there was when this one last showed that it was
	 * alive. Up to that run their changes may have overtaken each other.
	 */
	uint64_t until;
	uint64_t doubts;  /* lines of the doubt file that are its own */
	uint64_t commits; /* newer runs that a commit closed */
	bool committed;   /* its own commit closed it */
	int status;
};

struct state {
	const char *dir;
	int lock; /* -1: not held */
	struct key_spec key;
	struct identity identity;
	struct compare compare;
	struct bind *binds;
	size_t n_binds;
	char *to; /* NULL: no receipt was committed yet */
	uint64_t generation;
	struct part part[STATE_FILES];
	uint64_t run; /* number of the last run that was closed */
	struct run_entry *runs;
	size_t n_runs, cap_runs;
	struct {
		char id[RUN_ID_LEN + 1];
		int status;
	} settled[STATE_SETTLED]; /* newest first */
	size_t n_settled;
	/* All rows are to be sent, until this run or a later one has; or 0. */
	uint64_t full;
	char *created, *committed;

	struct key_types types;
};

/* "DIR/NAME"; until the next but three calls. */
const char *state_path(const struct state *st, const char *name);

/*
 * Reads state.json. No such state: ends the program (66). The lock is not
 * taken; who only reads needs none, since files that vanish meanwhile are
 * noticed when they are opened.
 */
void state_load(struct state *st, const char *dir);
void state_release(struct state *st);

/* Locks the directory; wait false and it is taken: ends the program (75). */
void state_lock(struct state *st, const char *dir, bool wait);
void state_unlock(struct state *st);

/* Makes st what state.json says: the commit point. */
void state_save(struct state *st);

/* Removes files that state.json does not name. The lock is held. */
void state_sweep(struct state *st);

/* Opens one part for reading; an absent one has no rows. */
void state_open_part(struct state *st, enum state_file which, struct rows *r);
/* False: a file is gone, since another generation came; load again. */
bool state_open_acked(struct state *st, struct acked *a);

struct run_entry *state_find_run(struct state *st, const char *id);
/* Index into settled, or -1. */
int state_find_settled(const struct state *st, const char *id);

/* ---- bindings ---- */

/* Creates DIR and its state.json. */
void state_create(struct state *st, const struct config *cfg);

/*
 * Compares what cfg repeats, and the files that were bound, with the state. A
 * difference ends the program (78), unless accept is true: then st takes what
 * cfg says, and true is returned.
 */
bool state_bind(struct state *st, const struct config *cfg, bool accept);

/* ---- writing files of a generation ---- */

struct part_writer {
	struct state *st;
	char *path;
	int fd; /* -1: nothing written yet */
	struct buf b;
	struct part part;
	/* What is being written beside, if there is much. */
	struct beside *beside;
	struct buf going;
	uint64_t at;
	int error; /* an errno; of that */
};

/* The file appears with the first row; die (74) removes it. */
void part_begin(struct part_writer *w, struct state *st, enum state_file which,
		uint64_t generation);
/* Ends the row that was appended to w->b. */
void part_row(struct part_writer *w);
/* On the disk; the part is the caller's. */
struct part part_end(struct part_writer *w);

/* Writes or ends the program (74) with path in the message. */
void write_or_die(int fd, const char *path, const void *p, size_t n);

#endif
