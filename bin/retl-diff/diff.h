/* SPDX-License-Identifier: MIT */
/*
 * What the command line of retl-diff says, and the parts of the tool that main
 * calls. Everything here ends the program itself (die) where it cannot go on:
 * nothing is half done then, see retl-state(5).
 */
#ifndef RETL_DIFF_H
#define RETL_DIFF_H

#include "common/contract.h"
#include "common/opt.h"

struct config {
	const char *dir; /* -s */
	/* bindings: at --init, or repeated by a run */
	const char *key, *identity, *fields, *ignore;
	struct opt_list bind;
	struct contract_args contract;
	/* one of these, or none: a run */
	bool init, adopt, commit, status, dump;
	/* a run */
	const char *emit, *max_removed;
	bool changed, delta, full, rebase, dry_run, trust_eof;
	uint64_t quarantine;
	uint64_t max_record;

	/* of --emit and --max-removed, parsed by main */
	bool emits[4]; /* by enum diff_result */
	enum { GUARD_DEFAULT, GUARD_ROWS, GUARD_PERCENT } guard;
	uint64_t guard_n;
};

/* Each gives the exit status. */
int diff_init(const struct config *cfg);
int diff_run(const struct config *cfg);
int diff_adopt(const struct config *cfg);
int diff_commit(const struct config *cfg);
int diff_status(const struct config *cfg);
int diff_dump(const struct config *cfg);

#endif
