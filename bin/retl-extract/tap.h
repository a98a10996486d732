/* SPDX-License-Identifier: MIT */
/*
 * The messages of Singer taps and Airbyte sources (--dialect): the records of
 * one stream are rows; schemas, states, statuses and errors are heeded.
 *
 * Singer: github.com/singer-io/getting-started, docs/SPEC.md. Airbyte: protocol
 * version 0, airbyte_protocol.yaml.
 */
#ifndef RETL_EXTRACT_TAP_H
#define RETL_EXTRACT_TAP_H

#include "bin/retl-extract/failure.h"
#include "common/json.h"

enum dialect { DIALECT_SINGER, DIALECT_AIRBYTE };

struct tap {
	enum dialect dialect;
	/* --stream; NULL: the only one there is. Airbyte: NAMESPACE.NAME too */
	const char *stream;
	const char *state_file; /* --state; NULL: states are dropped */
	bool had_state;         /* the tap was told where to go on */

	/* private */
	struct buf only; /* the stream, if none was named */
	bool seen;       /* the stream: a schema, a record, a status */
	bool incremental, started, complete, miscounted;
	uint64_t n_records, n_since_state;
	struct buf state; /* the last one, JSON; empty: none came */
	struct json_obj obj;
	struct buf text, name;
};
#define TAP_INIT                             \
	((struct tap){ .only = BUF_INIT,     \
		       .state = BUF_INIT,    \
		       .obj = JSON_OBJ_INIT, \
		       .text = BUF_INIT,     \
		       .name = BUF_INIT })

/* "singer", "airbyte"; -1: no such dialect. */
int dialect_parse(const char *name, enum dialect *out);

/*
 * Removes FILE.next, which an earlier run may have left. command: of the tap,
 * or NULL; whether it is given a state shows in it.
 */
int tap_open(struct tap *t, char *const *command, struct failure *f);
void tap_release(struct tap *t);

/*
 * A line. 1: *record is a row, borrowed from it, valid JSON; 0: it was
 * something else; -1. place: "line 17".
 */
int tap_take(struct tap *t, struct str line, struct str *record,
	     const char *place, struct failure *f);

/* Behind the last line: -1 if something is missing. */
int tap_end(struct tap *t, struct failure *f);

/* Does the stream itself say that it was whole? */
bool tap_vouches(const struct tap *t);

/* Why these cannot be all records, though nothing failed; NULL: they may be. */
const char *tap_doubt(const struct tap *t);

/* Are they what has changed, and no more? */
bool tap_is_delta(const struct tap *t);

/* Writes FILE.next. */
int tap_save(struct tap *t, struct failure *f);

#endif
