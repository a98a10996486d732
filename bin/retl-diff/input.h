/* SPDX-License-Identifier: MIT */
/*
 * The dataset as it is now, on standard input: sorted by the state's key, each
 * key once. A line is looked into only when its bytes do not decide.
 */
#ifndef RETL_DIFF_INPUT_H
#define RETL_DIFF_INPUT_H

#include "bin/retl-diff/state.h"

struct input {
	struct rows rows;
	struct state *st;
	/* the line before this one: its key if that is known, else its text */
	struct buf prev;
	uint64_t prev_no; /* 0: there was none */
	bool prev_is_key;
	size_t prev_len[KEY_MAX];
	int status; /* after -1, with err */
	struct buf err;
};

void input_open(struct input *in, struct state *st, uint64_t max_record);
void input_close(struct input *in);

/* 1: in->rows.rec.line is a line; 0; -1. */
int input_next(struct input *in);

/*
 * Looks into the line: 0, and in->rows is parsed; or -1: it is broken, marked
 * already, without a key, or not in order.
 */
int input_parse(struct input *in);

/* Has a line been read before this one that stands at r's key, or behind it? */
bool input_passed(struct input *in, const struct rows *r);

#endif
