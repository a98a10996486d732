/* SPDX-License-Identifier: MIT */
/*
 * Folding: the changes of one run, what became of each, and the generation as
 * it was give the next generation. All are sorted by key, so one pass over
 * what changed is enough. Nothing is visible before state.json is renamed.
 *
 * What the destination may hold for a key is its acknowledged row and the rows
 * in doubt. A change that was applied settles doubts that came before it; not
 * those of a run that was alive beside it, since nobody knows which of the two
 * came last.
 *
 * fold.c goes from key to key; effect.c says what the changes of one come to,
 * doubts.c and held.c keep what it has in the files of those names; commit.c
 * does what is to be done once a run.
 */
#ifndef RETL_DIFF_FOLD_H
#define RETL_DIFF_FOLD_H

#include "bin/retl-diff/acked.h"
#include "bin/retl-diff/arrived.h"
#include "bin/retl-diff/commit.h"
#include "bin/retl-diff/journal.h"
#include "bin/retl-diff/part.h"

/* A line of the doubt file: what may be at the destination besides. */
struct entry {
	struct buf row;
	bool removal; /* of row: the destination may lack it */
	bool before;  /* it was in doubt before its run, too */
	char run[RUN_ID_LEN + 1];
	uint64_t n;
	uint64_t number, until; /* of its run, see run_entry */
	struct ident_values values;
	bool dropped;
};

/* A line of the held file. */
struct held {
	struct buf line;
	bool dropped;
};

/* A change of the run that is folded. */
struct folded {
	struct buf row, kept, replaces;
	uint64_t n;
	bool removal;
	bool acked;   /* a removal, of the acknowledged row */
	bool settled; /* it never went out: there was nothing to send */
	bool unsent;  /* it never went out, though it should have */
	bool unheld;  /* it only says that what was rejected is not wanted */
	struct ident_values values;
	enum fate now, then;
};

enum effect { APPLIED, REFUSED, PASSED, DOUBTFUL };

struct fold {
	struct state *st;
	struct run_file file;
	struct run_entry *run;
	struct journal journal;
	enum closing how;
	bool first; /* the run is folded for the first time */
	bool newer; /* runs came after it */
	/* What becomes one file with what this run changes. */
	enum { BASE_NONE, BASE_LAYERS, BASE_ALL } base;

	struct acked acked; /* as far as base wants it */
	struct rows doubt, held_rows, sec[RUN_SECTIONS];
	struct rows none;
	/* a newer run that is open: which keys has it touched? */
	struct run_file open;
	struct rows open_sec[RUN_SECTIONS];
	struct part_writer out[STATE_FILES];

	/* of the key at hand */
	struct rows at;
	struct buf at_text;
	struct entry *entries;
	size_t n_entries, cap_entries;
	struct held *held;
	size_t n_held, cap_held;
	struct folded *c;
	size_t n_c, cap_c;
	bool open_too; /* the open run has it as well */
	enum { AS_IT_WAS, A_ROW, GONE } ack;
	struct str ack_row; /* of one of c */
	struct buf change;  /* its line of the changes file */
	struct record scratch;

	struct arrived *arrived; /* NULL: no removal kept anything */
	uint64_t n_fate[FATE_UNRESENT + 1];
};

/* ---- fold.c ---- */

/*
 * With st, file, run, journal, how, first, newer and open filled: writes the
 * parts of the next generation and makes them those of st, which is not saved.
 */
void fold_parts(struct fold *f);

/* ---- effect.c: the changes of the key at hand ---- */

enum effect effect_of(enum fate fate);
/* One more change of the key: the current row of a section. */
void effect_take(struct fold *f, enum run_section section);
/* What they all come to: ack, entries and held are as they shall be. */
void effect_of_all(struct fold *f);
void effect_release(struct fold *f);

/* ---- doubts.c: what may be at the destination besides ---- */

/* The current row of the doubt file. */
void doubts_take(struct fold *f);
struct entry *doubts_add(struct fold *f, struct str row, bool removal,
			 const char *run, uint64_t n);
/* A doubt that says the same already is replaced by the newer one. */
void doubts_put(struct fold *f, struct str row, bool removal, uint64_t n);
/* That of the change itself, or NULL. */
struct entry *doubts_own(struct fold *f, const struct folded *c);
void doubts_drop_own(struct fold *f, const struct folded *c);
/* It did not arrive. What was in doubt before it was sent is so still. */
void doubts_undo_own(struct fold *f, const struct folded *c);
/*
 * The key's doubts that a change with these values settles: rows that say
 * nothing beyond them, and all removals if it is an addition.
 */
void doubts_settle(struct fold *f, const struct folded *c);
void doubts_write(struct fold *f);
void doubts_release(struct fold *f);

/* ---- held.c: what was rejected, or must not be sent twice ---- */

/* The current row of the held file. */
void held_take(struct fold *f);
/* status: "rejected" or "skipped". */
void held_drop(struct fold *f, const char *status, bool removal);
/*
 * Counts a refusal; from one, where it is another content than before. Not one
 * that comes after a newer run was folded, which may have been accepted.
 */
void held_count(struct fold *f, const struct folded *c);
/* It may not have arrived, and must not be sent again. */
void held_put_unresent(struct fold *f, const struct folded *c);
void held_write(struct fold *f);
void held_release(struct fold *f);

#endif
