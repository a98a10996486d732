/* SPDX-License-Identifier: MIT */
/*
 * The file of one run, runs/<run>.ndjson: a header, the changes in the order
 * in which they went out, and the end mark. A change is on the disk here
 * before its first byte goes to standard output, so nothing is ever delivered
 * that the state could not know of.
 *
 * The disk is what that waits for, so it is done beside: as long as some
 * changes are flushed and then let out, the next come together, and the slower
 * the disk is the more of them one flush is for. (A first run of a million
 * rows on a busy machine: 5.0 s with a flush a mebibyte that is waited for, 2.4
 * this way.)
 */
#ifndef RETL_DIFF_RUN_H
#define RETL_DIFF_RUN_H

#include "bin/retl-diff/state.h"

/* ---- writing ---- */

struct run {
	struct state *st;
	char id[RUN_ID_LEN + 1];
	uint64_t number;
	char *path;
	int fd;     /* -1: a dry run */
	uint64_t n; /* changes */
	/* Each went out, and says no more than the one who got it was told. */
	bool plain;
	struct run_sections sections;
	off_t written; /* bytes of the file */
	/* What is to be written to the file; what waits to be let out. */
	struct buf file, out;
	/* The job beside: to flush so much of the file, then to let that out.
	 */
	struct beside *beside; /* NULL: not started */
	off_t flushed, to_flush;
	struct buf going;
	int file_error, out_error; /* an errno; of the last job */
	struct out *stdout_seal;   /* counts records for the seal */
};

/* The number that the next run gets. */
uint64_t run_next_number(const struct state *st);

/* Creates the file and puts it on the disk. dry: nothing is created. */
void run_begin(struct run *r, struct state *st, bool full, bool dry,
	       struct out *out);

/*
 * One change. row as it goes out; whole, as the state must remember it, with
 * more (members that only the state needs). Where both are the same, whole is
 * STR_NONE. go false: it does not go out.
 */
struct change {
	enum diff_result result;
	struct str row, whole;
	struct str marks; /* further reserved members that go out */
	struct str more;  /* further reserved members for the state */
	bool go;
};
void run_change(struct run *r, const struct change *c);
/* All that has come so far is on the disk, and has gone out. */
void run_flush(struct run *r);

/* What the end mark says. */
struct run_end {
	const char *end; /* "finished", "withheld", "broken", "stopped" */
	bool sealed;
	uint64_t rows, stubs, quarantined, withheld;
};
void run_finish(struct run *r, const struct run_end *e);
/*
 * For a run that cannot go on: "broken" by its input, or "stopped" by what may
 * go better next time. Best effort, says nothing if it fails.
 */
void run_break(struct run *r, const char *end);

/* ---- reading ---- */

/* What is known of a run from its file. */
struct run_file {
	char id[RUN_ID_LEN + 1];
	char *path;
	uint64_t number;
	bool full;
	uint64_t n; /* changes */
	struct run_sections sections;
	bool plain;       /* see run; the end mark says so */
	bool ended;       /* there is an end mark */
	bool finished;    /* it says so */
	bool data_error;  /* removals withheld, or the stream broke: 65 */
	uint64_t refused; /* stubs and rows in quarantine */
	uint64_t bytes;
	int group;  /* process group of the pipeline that it came from */
	char *host; /* the boot and process space that this number is of */
};

/*
 * May the pipeline that a run came from be at work still? Not if nobody is
 * left of its process group; nor if that is our own, or that of a process
 * which started us, since the script behind both has gone on. True where it
 * cannot be told.
 */
bool run_may_live(const struct run_file *f);
/* Is it known to be at work, on this machine? */
bool run_lives(const struct run_file *f);

/*
 * The header alone: 0, or -1 if there is no such file, or no whole header in
 * it, so that nothing can have gone out.
 */
int run_read_header(struct run_file *f, const struct state *st, const char *id);
/*
 * What its end mark says; all of it is read only if it has none. Whoever reads
 * the changes finds out whether they are what they should be.
 */
void run_scan(struct run_file *f, const struct state *st, const char *id);
void run_file_release(struct run_file *f);

/* One section, its rows in key order. */
void run_open_section(const struct run_file *f, enum run_section s,
		      struct state *st, struct rows *r);
/*
 * The number of a section's current row, which has been parsed: its place says
 * it, and so must its diff_id. If it does not, the program ends.
 */
uint64_t run_number(const struct run_file *f, enum run_section s,
		    const struct rows *r);

/* "runs/<id>.ndjson", "runs/<id>.receipts"; as state_path. */
const char *run_path(const struct state *st, const char *id,
		     const char *suffix);
/* 32 lower-case hex digits? */
bool run_is_id(struct str text);
/*
 * "<run>:<n>" from a diff_id; -1: it is none. id holds another run's, or
 * nothing, before.
 */
int run_parse_id(struct str diff_id, char *id, uint64_t *n);

/*
 * The open run: in runs/, and newer than what state.json knows. False: there
 * is none. Files there that mean nothing are removed if sweep.
 */
bool run_find_open(struct state *st, bool sweep, struct run_file *f);

/* A temporary file that has no name: in runs/, or in TMPDIR for a dry run. */
int run_spool(struct state *st, bool dry);

#endif
