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

enum state_file { STATE_SNAPSHOT, STATE_DOUBT, STATE_HELD, STATE_CHANGES };
#define STATE_FILES 4
#define STATE_PARTS 3 /* of changes there may be several */

/* One of the files of a generation; name NULL: there are no rows. */
struct part {
	char *name; /* in the directory */
	uint64_t rows, bytes;
};

enum run_section { RUN_CHANGES, RUN_REMOVALS, RUN_REPLACING };
#define RUN_SECTIONS 3

/* Where each section begins in the file of a run, and its changes. */
struct run_sections {
	off_t at[RUN_SECTIONS];
	uint64_t count[RUN_SECTIONS];
};

/*
 * Changes that one commit made, or that several did. Where all that a run sent
 * has been delivered, its file is a layer as it is, and nothing is copied.
 */
struct layer {
	struct part part;
	bool is_run;
	struct run_sections sections; /* of a run */
};
#define STATE_LAYERS 8 /* at most; then they become one */

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
	struct part part[STATE_PARTS];
	struct layer layer[STATE_LAYERS]; /* the last one counts most */
	size_t n_layers;
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

/* Opens one part for reading; an absent one has no rows. Not for changes. */
void state_open_part(struct state *st, enum state_file which, struct rows *r);

/* "changes.7.ndjson" */
char *part_name(enum state_file which, uint64_t generation);

/* p takes the place of a part, or is laid over what is there. */
void state_set_part(struct state *st, enum state_file which, struct part p);
void state_add_layer(struct state *st, const struct layer *layer);
void state_drop_layers(struct state *st);
uint64_t state_layer_bytes(const struct state *st);

/* [[at, count], ...], as a run's end mark and state.json have it. */
void state_put_sections(struct buf *b, const struct run_sections *s);
/* False: v is none, or leads beyond the first bytes of a file. */
bool state_get_sections(struct run_sections *s, struct str v, uint64_t bytes);

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

#endif
