/* SPDX-License-Identifier: MIT */
/* One receipt: what a push says became of a change. */
#ifndef RETL_DIFF_RECEIPT_H
#define RETL_DIFF_RECEIPT_H

#include "bin/retl-diff/run.h"

/* What became of a change, as far as is known. */
enum fate {
	FATE_NONE,    /* no receipt */
	FATE_SENDING, /* must not be sent twice, and may have been sent */
	FATE_DELIVERED,
	FATE_SKIPPED,
	FATE_FAILED,
	FATE_REJECTED,
	FATE_UNKNOWN,
	FATE_UNRESENT, /* unknown, and must not be sent twice */
};

/* Used again for the next: receipts of one push have the same members. */
struct receipt {
	char run[RUN_ID_LEN + 1];
	uint64_t n;
	enum fate fate;
	struct str to; /* .s NULL: it does not say; until the next */
	/* private */
	struct json_obj obj;
	struct {
		struct json_slot status, diff_id, to, resend;
	} at;
	struct buf text;
	/* The last one, as far as most that follow it have the same bytes. */
	struct {
		struct buf head; /* to the change's number; empty: none */
		bool has_line;   /* next is the number of the line */
		struct buf tail;
	} last;
};
#define RECEIPT_INIT                                                     \
	((struct receipt){                                               \
	    .obj = JSON_OBJ_INIT,                                        \
	    .at = { JSON_SLOT(STR("status")), JSON_SLOT(STR("diff_id")), \
		    JSON_SLOT(STR("to")), JSON_SLOT(STR("resend")) },    \
	    .text = BUF_INIT,                                            \
	    .last = { .head = BUF_INIT, .tail = BUF_INIT } })

/* 0; 1: not a receipt (no status); -1: broken; err says why. */
int receipt_parse(struct receipt *r, struct str line, struct buf *err);
void receipt_release(struct receipt *r);

#endif
