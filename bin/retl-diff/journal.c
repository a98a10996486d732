/* SPDX-License-Identifier: MIT */
#include "bin/retl-diff/journal.h"

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

static int parse_status(struct receipt *r, struct str status, struct str line,
			struct buf *err)
{
	struct str resend = json_get(line, "resend");

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (json_text_is(status, words[i].status)) {
			r->fate = words[i].fate;
			if (r->fate == FATE_UNKNOWN && resend.s &&
			    str_is(resend, "false"))
				r->fate = FATE_UNRESENT;
			return 0;
		}
	return fail(err, "status: none that a receipt can have");
}

int receipt_parse(struct receipt *r, struct str line, struct buf *err)
{
	struct buf scratch = BUF_INIT;
	struct json_fault fault;
	struct str v, status, id, to;
	int ret;

	if (json_check(line, &v, &fault) < 0)
		return fail(err, "byte %zu: %s", fault.at + 1, fault.what);
	if (json_type(v) != JSON_OBJECT)
		return fail(err, "not a receipt");
	status = json_get(v, "status");
	if (!status.s || json_type(status) != JSON_STRING)
		return 1;
	if (parse_status(r, status, v, err) < 0)
		return -1;
	id = json_get(v, "diff_id");
	if (!id.s || json_type(id) != JSON_STRING)
		return fail(err, "diff_id: missing: the record was in no run "
				 "of retl-diff");
	ret = run_parse_id(json_text(id, &scratch), r->run, &r->n);
	buf_release(&scratch);
	if (ret < 0)
		return fail(err, "diff_id: not of the form <run>:<n>");
	buf_reset(&r->to);
	to = json_get(v, "to");
	if (to.s && json_type(to) == JSON_STRING)
		json_unescape(&r->to, (struct str){ to.s + 1, to.n - 2 });
	return 0;
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

static void take(struct journal *j, struct str line, bool old)
{
	struct receipt r = RECEIPT_INIT;
	struct buf err = BUF_INIT;

	/* What a crash tore is no receipt. */
	if (receipt_parse(&r, line, &err) == 0) {
		j->n_receipts += !old;
		if (r.n > j->n)
			j->unknown += !old;
		else
			set(j, r.n, join(journal_now(j, r.n), r.fate));
	}
	buf_release(&r.to);
	buf_release(&err);
}

static void remember(struct journal *j)
{
	for (uint64_t i = 0; i < j->n; i++)
		j->fates[i] =
		    (uint8_t)((j->fates[i] & 15) | (j->fates[i] & 15) << 4);
}

void journal_read(struct journal *j, const char *path, uint64_t n,
		  uint64_t folded)
{
	FILE *f = fopen(path, "re");
	char *line = NULL;
	size_t cap = 0;
	ssize_t len;

	*j = (struct journal){ .n = n, .fates = xcalloc(n + 1, 1) };
	if (!f && errno == ENOENT)
		return;
	if (!f)
		die(EX_NOINPUT, "%s: %s", path, strerror(errno));
	while ((len = getline(&line, &cap, f)) > 0 && line[len - 1] == '\n') {
		take(j, (struct str){ line, (size_t)len - 1 },
		     j->bytes < folded);
		j->bytes += (uint64_t)len;
		if (j->bytes == folded)
			remember(j);
	}
	if (ferror(f))
		die(EX_IOERR, "%s: %s", path, strerror(errno));
	fclose(f);
	free(line);
}

void journal_release(struct journal *j)
{
	free(j->fates);
	*j = (struct journal){ .n = 0 };
}
