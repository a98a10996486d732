/* SPDX-License-Identifier: MIT */
/*
 * Command lines. One table per tool feeds parsing, --help, shell completion
 * (through --help-options) and the test that compares a tool with its page.
 *
 * Every tool also has, without listing them: --help, --version,
 * --help-options, --quiet and -v (--verbose), --progress, --stats, --metrics. A
 * letter stands for its long name everywhere; long names match whole; values
 * may be stuck or apart
 * (-kid, -k id, --key=id, --key id); "--" ends the options.
 * A usage error ends the program with 64.
 */
#ifndef RETL_OPT_H
#define RETL_OPT_H

#include "common/base.h"

enum opt_type {
	OPT_FLAG,  /* bool *: set to true */
	OPT_STR,   /* const char **: the last one given */
	OPT_LIST,  /* struct opt_list *: each one given, in order */
	OPT_COUNT, /* uint64_t *: a number */
	OPT_SIZE,  /* uint64_t *: bytes, with k, M, G, T */
	/*
	 * const char **: the value may be left out ("" then), so it must be
	 * stuck on: --dry-run=curl, -n=curl, -ufirst.
	 */
	OPT_MAYBE,
};

struct opt_list {
	const char **v;
	size_t n, cap;
};

struct opt {
	char letter; /* 0: none */
	const char *name;
	enum opt_type type;
	void *to;
	const char *arg; /* what the value is called in the help */
	const char *help;
};

struct opt_spec {
	const char *synopsis; /* one line a form, without the tool's name */
	const char *about;    /* a sentence or two */
	const struct opt *opts;
	size_t n;
	/*
	 * True: options end at the first operand, which may be a command with
	 * options of its own. False: options and operands may be mixed.
	 */
	bool operands_last;
};

/*
 * Parses, and moves the operands to argv[0] .. argv[n - 1] in order with
 * argv[n] NULL; returns n. Everything in argv is borrowed for good.
 */
int opt_parse(const struct opt_spec *spec, int argc, char **argv);

/*
 * How many operands stood before the "--" that ended the options; -1: there
 * was none.
 */
int opt_dashes(void);

/* What was given for watch.h; NULL: was not. */
struct opt_watch {
	const char *progress, *stats, *metrics;
};
const struct opt_watch *opt_watch(void);

/* For usage errors found later: the line, the pointer to --help, status 64. */
NORETURN void opt_die(const char *fmt, ...) PRINTF_LIKE(1, 2);

#endif
