/* SPDX-License-Identifier: MIT */
#include "bin/retl-diff/receipt.h"

static const struct {
	const char *status;
	enum fate fate;
} words[] = {
	{ "delivered", FATE_DELIVERED }, { "skipped", FATE_SKIPPED },
	{ "rejected", FATE_REJECTED },   { "failed", FATE_FAILED },
	{ "unknown", FATE_UNKNOWN },     { "sending", FATE_SENDING },
};

static struct str member(struct receipt *r, struct json_slot *slot)
{
	ssize_t at = json_obj_slot(&r->obj, slot);

	return at < 0 ? STR_NONE : r->obj.m[at].val;
}

static int parse_status(struct receipt *r, struct str status, struct buf *err)
{
	struct str resend;

	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (!json_text_is(status, words[i].status))
			continue;
		r->fate = words[i].fate;
		if (r->fate != FATE_UNKNOWN)
			return 0;
		resend = member(r, &r->at.resend);
		if (resend.s && str_is(resend, "false"))
			r->fate = FATE_UNRESENT;
		return 0;
	}
	return fail(err, "status: none that a receipt can have");
}

static bool is_string(struct str v)
{
	return v.s && json_type(v) == JSON_STRING;
}

/* ---- alike ---- */

static const char line_member[] = "\",\"line\":";

/* Takes what text begins with off it. */
static bool begins(struct str *text, const char *with, size_t n)
{
	if (text->n < n || memcmp(text->s, with, n) != 0)
		return false;
	text->s += n;
	text->n -= n;
	return true;
}

/* Takes a number off text that needs no more than a look: 1 .. 10^18 - 1. */
static bool number(struct str *text, uint64_t *n)
{
	uint64_t v = 0;
	size_t i = 0;

	while (i < text->n && text->s[i] >= '0' && text->s[i] <= '9' && i < 19)
		v = v * 10 + (uint64_t)(text->s[i++] - '0');
	if (i == 0 || i == 19 || text->s[0] == '0')
		return false;
	text->s += i;
	text->n -= i;
	*n = v;
	return true;
}

/*
 * Where a line has the bytes of the last one but for the two numbers, it is as
 * valid and says the same of another change. (35k receipts that retl-push
 * wrote: 8.6 million instructions this way, 39 by parsing each.)
 */
static bool is_like_last(struct receipt *r, struct str line)
{
	struct str rest = line;
	uint64_t n, ignored;

	if (!r->last.head.len ||
	    !begins(&rest, r->last.head.data, r->last.head.len) ||
	    !number(&rest, &n))
		return false;
	if (r->last.has_line &&
	    (!begins(&rest, line_member, sizeof line_member - 1) ||
	     !number(&rest, &ignored)))
		return false;
	if (!str_eq(rest, buf_str(&r->last.tail)))
		return false;
	r->n = n;
	return true;
}

/* Where part of text is when text has been copied to copy. */
static const char *moved(const char *part, struct str text,
			 const struct buf *copy)
{
	bool is_in = part >= text.s && part < text.s + text.n;

	return is_in ? copy->data + (part - text.s) : part;
}

static void remember(struct receipt *r, struct str line, struct str id)
{
	const char *at = id.s + 1 + RUN_ID_LEN + 1, *end = id.s + id.n - 1;
	struct str head = { line.s, (size_t)(at - line.s) }, rest, behind;
	uint64_t ignored;

	if (memchr(id.s, '\\', id.n))
		return;
	rest = (struct str){ end, (size_t)(line.s + line.n - end) };
	behind = rest;
	r->last.has_line =
	    begins(&behind, line_member, sizeof line_member - 1) &&
	    number(&behind, &ignored) && behind.n &&
	    (*behind.s == ',' || *behind.s == '}');
	if (r->last.has_line)
		rest = behind;
	buf_adds(&r->last.head, head);
	buf_reset(&r->last.tail);
	buf_adds(&r->last.tail, rest);
	r->to.s = moved(r->to.s, head, &r->last.head);
	r->to.s = moved(r->to.s, rest, &r->last.tail);
}

/* ---- any ---- */

int receipt_parse(struct receipt *r, struct str line, struct buf *err)
{
	struct json_fault fault;
	struct str status, id, to;

	if (is_like_last(r, line))
		return 0;
	buf_reset(&r->last.head);
	if (json_obj_parse(&r->obj, line, &fault) < 0)
		return fail(err, "byte %zu: %s", fault.at + 1, fault.what);
	status = member(r, &r->at.status);
	if (!is_string(status))
		return 1;
	if (parse_status(r, status, err) < 0)
		return -1;
	id = member(r, &r->at.diff_id);
	if (!is_string(id))
		return fail(err, "diff_id: missing: the record was in no run "
				 "of retl-diff");
	if (run_parse_id(json_text(id, &r->text), r->run, &r->n) < 0)
		return fail(err, "diff_id: not of the form <run>:<n>");
	to = member(r, &r->at.to);
	r->to = is_string(to) ? json_text(to, &r->text) : STR_NONE;
	remember(r, line, id);
	return 0;
}

void receipt_release(struct receipt *r)
{
	json_obj_release(&r->obj);
	buf_release(&r->text);
	buf_release(&r->last.head);
	buf_release(&r->last.tail);
}
