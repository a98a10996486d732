/* SPDX-License-Identifier: MIT */
#include "bin/retl-diff/journal.h"

#include <sys/stat.h>

#include "common/mem.h"
#include "common/msg.h"

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

int receipt_parse(struct receipt *r, struct str line, struct buf *err)
{
	struct json_fault fault;
	struct str status, id, to;

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
	return 0;
}

void receipt_release(struct receipt *r)
{
	json_obj_release(&r->obj);
	buf_release(&r->text);
}

/* It may have been sent once more after it had come to this. */
static enum fate again(enum fate old)
{
	switch (old) {
	case FATE_NONE:
	case FATE_FAILED:
	case FATE_REJECTED:
		return FATE_SENDING;
	case FATE_UNKNOWN:
		return FATE_UNRESENT;
	default:
		return old;
	}
}

/*
 * The worst counts, but a delivery settles what was less before it. A delivery
 * that something lesser follows may or may not be there: unknown.
 */
static enum fate join(enum fate old, enum fate next)
{
	if (next == FATE_DELIVERED || next == FATE_SKIPPED)
		return old == FATE_DELIVERED ? old : next;
	if (next == FATE_SENDING)
		return again(old);
	if (old == FATE_DELIVERED || old == FATE_SKIPPED)
		return next == FATE_UNRESENT ? next : FATE_UNKNOWN;
	if (old == FATE_SENDING)
		return next;
	return MAX(old, next);
}

static void set(struct journal *j, uint64_t n, enum fate now)
{
	j->fates[n - 1] = (uint8_t)((unsigned)now | (j->fates[n - 1] & 0xf0u));
}

static void take(struct journal *j, const struct receipt *r, bool old)
{
	j->n_receipts += !old;
	if (r->n > j->n)
		j->unknown += !old;
	else
		set(j, r->n, join(journal_now(j, r->n), r->fate));
}

static void remember(struct journal *j)
{
	for (uint64_t i = 0; i < j->n; i++)
		j->fates[i] =
		    (uint8_t)((j->fates[i] & 15) | (j->fates[i] & 15) << 4);
}

/* More changes than one run has ever had: at a byte each. */
#define HEARD_MAX ((uint64_t)1 << 24)

static void stretch(struct journal *j, uint64_t n)
{
	j->fates = xrealloc(j->fates, n + 1);
	memset(j->fates + j->n, 0, n + 1 - j->n);
	j->n = n;
}

bool journal_hear(struct journal *j, const struct receipt *r, size_t bytes)
{
	if (r->n > HEARD_MAX)
		return false;
	if (r->n > j->n)
		stretch(j, MAX(r->n, MIN(2 * j->n, HEARD_MAX)));
	j->last = MAX(j->last, r->n);
	j->bytes += bytes;
	take(j, r, false);
	return true;
}

bool journal_take(struct journal *j, struct journal *heard, const char *path,
		  uint64_t n)
{
	struct stat sb;

	if (heard->last > n || stat(path, &sb) < 0 ||
	    (uint64_t)sb.st_size != heard->bytes)
		return false;
	*j = *heard;
	*heard = (struct journal){ .n = 0 };
	if (n > j->n)
		stretch(j, n);
	j->n = n;
	return true;
}

void journal_read(struct journal *j, const char *path, uint64_t n,
		  uint64_t folded)
{
	FILE *f = fopen(path, "re");
	struct receipt r = RECEIPT_INIT;
	struct buf err = BUF_INIT;
	char *line = NULL;
	size_t cap = 0;
	ssize_t len;

	*j = (struct journal){ .n = n, .fates = xcalloc(n + 1, 1) };
	if (!f && errno == ENOENT)
		return;
	if (!f)
		die(EX_NOINPUT, "%s: %s", path, strerror(errno));
	while ((len = getline(&line, &cap, f)) > 0 && line[len - 1] == '\n') {
		struct str text = { line, (size_t)len - 1 };

		/* What a crash tore is no receipt. */
		if (receipt_parse(&r, text, &err) == 0)
			take(j, &r, j->bytes < folded);
		buf_reset(&err);
		j->bytes += (uint64_t)len;
		if (j->bytes == folded)
			remember(j);
	}
	if (ferror(f))
		die(EX_IOERR, "%s: %s", path, strerror(errno));
	fclose(f);
	free(line);
	receipt_release(&r);
	buf_release(&err);
}

void journal_release(struct journal *j)
{
	free(j->fates);
	*j = (struct journal){ .n = 0 };
}
