/* SPDX-License-Identifier: MIT */
/* A mapping: the program, what it is given, and what follows from its shape. */
#ifndef RETL_MAP_MAPPING_H
#define RETL_MAP_MAPPING_H

#include "common/contract.h"
#include "common/prog.h"

struct mapping {
	struct prog *prog;         /* NULL: records stay as they are */
	struct buf text;           /* of the program */
	struct buf settings;       /* $settings, one JSON object */
	struct buf env;            /* $ENV, the same; empty: it has none */
	struct contract *contract; /* NULL: none */
	struct buf changed;        /* the last rewritten diff_changed */
};
#define MAPPING_INIT                             \
	((struct mapping){ .text = BUF_INIT,     \
			   .settings = BUF_INIT, \
			   .env = BUF_INIT,      \
			   .changed = BUF_INIT })

struct mapping_args {
	const char *file;    /* -m */
	const char *program; /* -e */
	const char *libdir;  /* -L */
	struct opt_list env; /* --env: names of variables that it may see */
	unsigned limit_ms;   /* for a record */
	size_t max_record;   /* bytes of a result */
	struct contract_args contract;
};

/* Ends the program if anything is wrong with what args name. */
void mapping_load(struct mapping *m, const struct mapping_args *args);
void mapping_release(struct mapping *m);

/* As prog_map; without a program the record's own members. */
int mapping_run(struct mapping *m, const struct record *r, struct buf *out,
		bool *any, struct faults *faults);

/*
 * The members of the result that read one of those that changed, as an array;
 * .s is NULL, which means all, where that cannot be told.
 */
struct str mapping_changed(struct mapping *m, const struct record *r);

/*
 * Tells for each fault what its field is called at the source, where that is
 * another name and the program shows it.
 */
void mapping_add_sources(const struct mapping *m, struct faults *faults);

/* The plan as a table on stdout, for --explain. */
void mapping_explain(const struct mapping *m);

#endif
