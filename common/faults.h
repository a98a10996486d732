/* SPDX-License-Identifier: MIT */
/*
 * What is wrong with a record: a list, so that every fault of a record is
 * named at once, and where refused records are written down (--rejects).
 */
#ifndef RETL_FAULTS_H
#define RETL_FAULTS_H

#include "common/buf.h"

/* Offsets into the list's text, since the text may move as it grows. */
struct fault {
	const char *code; /* "format", "required": a fixed word */
	size_t field, n_field;
	size_t reason, n_reason;
	size_t source, n_source;
};

struct faults {
	struct fault *v;
	size_t n, cap;
	struct buf text;
};
#define FAULTS_INIT ((struct faults){ .text = BUF_INIT })

/* The reason names no value. field may be "" where none is at fault. */
void faults_add(struct faults *f, struct str field, const char *code,
		const char *reason, ...) PRINTF_LIKE(4, 5);
void faults_reset(struct faults *f);
void faults_release(struct faults *f);

struct str fault_field(const struct faults *f, size_t i);
struct str fault_reason(const struct faults *f, size_t i);

/*
 * What the field is called where it comes from, as an array of names; none
 * unless it has been set.
 */
void faults_set_source(struct faults *f, size_t i, struct str names);
struct str fault_source(const struct faults *f, size_t i);

/* "email (from mail): not an e-mail address; phone: missing" */
void faults_put(struct buf *out, const struct faults *f);

#define REJECTS_CODES 64

/*
 * Refused records: one line each in a file (opened for append, one write a
 * line), or, without a file, the first ten reasons on stderr and a count by
 * code at the end.
 */
struct rejects {
	const char *path; /* --rejects, NULL: none */
	bool strict;      /* --strict: the first refusal ends the program, 65 */
	/*
	 * True: a file that takes no more does not end the program; error
	 * says why, and nothing more is written.
	 */
	bool keep_going;
	int error;
	uint64_t n;
	int fd;
	struct {
		const char *code;
		uint64_t n;
	} codes[REJECTS_CODES];
	size_t n_codes;
};
#define REJECTS_INIT ((struct rejects){ .fd = -1 })

/* Opens the file if one is asked for; ends the program (66) if it cannot. */
void rejects_open(struct rejects *r);

/*
 * Lists one refused record. place is "line 17" or "FILE:17"; line its number;
 * record its text. The tool that made a stub lists it, nobody else.
 */
void rejects_add(struct rejects *r, const char *place, uint64_t line,
		 const struct faults *f, struct str record);

/* Counts by code on stderr, if there was no file; closes the file. */
void rejects_close(struct rejects *r);

#endif
