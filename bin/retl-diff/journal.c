/* SPDX-License-Identifier: MIT */
#include "bin/retl-diff/journal.h"

#include <sys/stat.h>

#include "common/mem.h"
#include "common/msg.h"

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
