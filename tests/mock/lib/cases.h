/* SPDX-License-Identifier: MIT */
/*
 * The test cases beside a contract, <object>.test.json: a list of
 *
 *	{"name": "...",            what the case claims
 *	 "settings": {...},        given by --settings; "{server}" in a text is
 *	                           the fake vendor's address
 *	 "env": {...},             variables: where secrets come from
 *	 "files": {...},           beside the run, by name: JSON, or a text;
 *	                           "{server}" is replaced there, in env and in
 *	                           bodies of answers too
 *	 "args": [...],            more arguments for retl-push
 *	 "now": 1700000000,        the clock, in seconds
 *	 "contract": {...},        merged over the contract (RFC 7396)
 *	 "records": [...],         the stream, sealed
 *	 "rows": [...],            in place of records: rows of a source,
 *sealed, that go through retl-map and retl-hash first "mapping": "...", the
 *program of retl-map, "." if not given "exchange": [{"request": {method, url,
 *headers, body}, "answer": {status, headers, body, delay, ...}, "times": 1}],
 *	 "receipts": [...],        by line; members not named are not compared
 *	 "exit": 0,
 *	 "says": "..."}            part of what stderr must say
 *
 * In requests only the headers that are named are compared: "*" is any text,
 * null is none. A body is compared byte for byte, JSON as its compact text.
 * <word> in a wanted text stands for whatever is there the first time (letters,
 * digits, - _ : .), and for the same ever after, in answers too.
 *
 * An answer may misbehave: "close" or "reset", each "before" or "after" the
 * request has been read, "truncate" after so many bytes, "delay" in ms.
 */
#ifndef MOCK_CASES_H
#define MOCK_CASES_H

#include "tests/mock/lib/server.h"

struct cases {
	struct buf text;
	struct str list;
	const char *path;
};

/* Ends the program if the file is not a list of cases. */
void cases_load(struct cases *c, const char *path);
void cases_release(struct cases *c);

/* The n-th case, from 1; ends the program if there is none. */
struct str cases_get(const struct cases *c, uint64_t n);

/* Appends the text with each "{server}" in it as the address. */
void cases_put_server(struct buf *out, struct str text, struct str address);

/*
 * Plays the exchanges of a case, in order. 0 if all that was asked was as it
 * should be and all was asked; 1, with messages, if not.
 */
int cases_play(struct str one, struct server *s);

/*
 * All cases at once, each with a folder of its own, <folder>/<n>, and a server
 * of its own, whose address stands for "{server}" there. In the folder are the
 * case's parts, bytes of values unchanged: name, records and rows (sealed),
 * mapping, env (NAME=TEXT lines, the clock with them), args (one a line), exit,
 * says, and what its files are called. In <folder> are plans and receipts, a
 * line a case: {"server", "settings", "contract"}, and the list of wanted
 * receipts. When all of this is there, the port file says how many cases there
 * are.
 *
 * Ends on SIGTERM. Then <folder>/<n>/played is the status of cases_play, and
 * <folder>/<n>/play.err what it said. 0, or 1 if one of them failed.
 */
int cases_stage(const struct cases *c, const char *folder,
		const struct server *s);

#endif
