/* SPDX-License-Identifier: MIT */
#include "bin/retl-diff/removal.h"

#include "common/file.h"
#include "common/mem.h"
#include "common/msg.h"

#define SPOOL_ENOUGH ((size_t)128 << 10)

/* ---- spools ---- */

static void spool_flush(struct removals *r, struct spool *s)
{
	if (s->fd < 0)
		s->fd = run_spool(r->st, r->dry);
	if (file_write_all(s->fd, s->b.data, s->b.len) < 0)
		die(EX_IOERR, "a temporary file in %s: %s",
		    r->dry ? "TMPDIR" : r->st->dir, strerror(errno));
	buf_reset(&s->b);
}

static void spool_end(struct removals *r, struct spool *s)
{
	s->n++;
	if (s->b.len >= SPOOL_ENOUGH)
		spool_flush(r, s);
}

/* Reads lines from the beginning; close with spool_close. */
static void spool_open(struct removals *r, struct spool *s, struct ndjson *in)
{
	*in = NDJSON_INIT;
	if (!s->n)
		return;
	spool_flush(r, s);
	if (lseek(s->fd, 0, SEEK_SET) < 0)
		die(EX_IOERR, "a temporary file: %s", strerror(errno));
	in->fd = s->fd;
	in->name = "a temporary file";
	in->max_record = SIZE_MAX / 4;
}

static bool spool_next(struct ndjson *in)
{
	int got = in->fd < 0 ? 0 : ndjson_next(in);

	if (got < 0)
		die(in->status, "%s", in->err.data);
	return got == 1;
}

static void spool_close(struct ndjson *in)
{
	/* The descriptor is the spool's. */
	in->fd = -1;
	ndjson_close(in);
}

static void spool_release(struct spool *s)
{
	if (s->fd >= 0)
		close(s->fd);
	buf_release(&s->b);
}

void removals_init(struct removals *r, struct state *st, bool dry)
{
	const struct spool none = { .fd = -1, .b = BUF_INIT };

	*r = (struct removals){ .st = st,
				.dry = dry,
				.due = none,
				.replacing = none,
				.live = none };
}

void removals_release(struct removals *r)
{
	spool_release(&r->due);
	spool_release(&r->replacing);
	spool_release(&r->live);
	free(r->values.v);
}

void removals_add(struct removals *r, struct str row, enum removal why)
{
	buf_addc(&r->due.b, (char)why);
	buf_adds(&r->due.b, row);
	buf_addc(&r->due.b, '\n');
	spool_end(r, &r->due);
}

void removals_add_replacing(struct removals *r, struct str row)
{
	buf_adds(&r->replacing.b, row);
	buf_addc(&r->replacing.b, '\n');
	spool_end(r, &r->replacing);
}

/* ---- who lives ---- */

enum { DEAD = 0, PENDING = 1, ACKED = 2 };

/* A digest and how it is held. */
struct live {
	uint8_t digest[IDENT_SIZE];
	uint8_t how;
};

void removals_live(struct removals *r, const struct record *row, bool acked)
{
	identity_values(&r->st->identity, row, &r->values);
	for (size_t i = 0; i < r->values.n; i++) {
		struct live l;

		memcpy(l.digest, r->values.v[i].digest, IDENT_SIZE);
		l.how = acked ? ACKED : PENDING;
		buf_add(&r->live.b, &l, sizeof l);
		spool_end(r, &r->live);
	}
}

/*
 * Digests of the removals' values, a partition at a time: with their fate in
 * 17 bytes, half full at most, within 8 MiB.
 */
#define TABLE_SLOTS ((size_t)1 << 18)
#define TABLE_MOST (TABLE_SLOTS / 2)

struct table {
	struct live slot[TABLE_SLOTS];
	bool used[TABLE_SLOTS];
	uint64_t part, parts;
};

static struct live *table_slot(struct table *t, const uint8_t *digest)
{
	size_t i;

	memcpy(&i, digest, sizeof i);
	for (i %= TABLE_SLOTS; t->used[i]; i = (i + 1) % TABLE_SLOTS)
		if (memcmp(t->slot[i].digest, digest, IDENT_SIZE) == 0)
			break;
	return &t->slot[i];
}

static bool in_part(const struct table *t, const uint8_t *digest)
{
	uint64_t h;

	memcpy(&h, digest + 8, sizeof h);
	return h % t->parts == t->part;
}

static void table_add(struct table *t, const uint8_t *digest)
{
	struct live *l = table_slot(t, digest);

	memcpy(l->digest, digest, IDENT_SIZE);
	l->how = DEAD;
	t->used[l - t->slot] = true;
}

/* One row of the spool, parsed. */
struct due {
	struct record rec;
	enum removal why;
};

static bool due_next(struct removals *r, struct ndjson *in, struct due *d)
{
	struct json_fault fault;
	struct str line;

	if (!spool_next(in))
		return false;
	line = in->line;
	d->why = (enum removal)line.s[0];
	line.s++;
	line.n--;
	if (record_parse(&d->rec, line, &fault) < 0)
		BUG("a spooled row is broken: %s", fault.what);
	r->values.n = 0;
	if (d->why != FORGET_HELD)
		identity_values(&r->st->identity, &d->rec, &r->values);
	return true;
}

static void table_fill(struct removals *r, struct table *t)
{
	struct due d = { .rec = RECORD_INIT };
	struct ndjson in;

	memset(t->used, 0, sizeof t->used);
	spool_open(r, &r->due, &in);
	while (due_next(r, &in, &d))
		for (size_t i = 0; i < r->values.n; i++)
			if (in_part(t, r->values.v[i].digest))
				table_add(t, r->values.v[i].digest);
	spool_close(&in);
	record_release(&d.rec);
}

static void table_mark(struct removals *r, struct table *t)
{
	struct live batch[4096];
	ssize_t n;

	if (!r->live.n)
		return;
	spool_flush(r, &r->live);
	for (off_t at = 0; (n = pread(r->live.fd, batch, sizeof batch, at)) > 0;
	     at += n) {
		for (size_t i = 0; i < (size_t)n / sizeof *batch; i++) {
			struct live *l;

			if (!in_part(t, batch[i].digest))
				continue;
			l = table_slot(t, batch[i].digest);
			if (t->used[l - t->slot])
				l->how = MAX(l->how, batch[i].how);
		}
	}
	if (n < 0)
		die(EX_IOERR, "a temporary file: %s", strerror(errno));
}

/* Writes down the fate of each value of this partition, in spool order. */
static void table_read(struct removals *r, struct table *t, uint8_t *fate)
{
	struct due d = { .rec = RECORD_INIT };
	struct ndjson in;
	uint64_t at = 0;

	spool_open(r, &r->due, &in);
	while (due_next(r, &in, &d))
		for (size_t i = 0; i < r->values.n; i++, at++)
			if (in_part(t, r->values.v[i].digest))
				fate[at] =
				    table_slot(t, r->values.v[i].digest)->how;
	spool_close(&in);
	record_release(&d.rec);
}

static uint64_t count_values(struct removals *r)
{
	struct due d = { .rec = RECORD_INIT };
	struct ndjson in;
	uint64_t n = 0;

	spool_open(r, &r->due, &in);
	while (due_next(r, &in, &d))
		n += r->values.n;
	spool_close(&in);
	record_release(&d.rec);
	return n;
}

/* What becomes of each value of the rows to be removed, in spool order. */
static uint8_t *settle_fates(struct removals *r)
{
	uint64_t n = count_values(r);
	uint8_t *fate = xcalloc(n + 1, 1);
	struct table *t = xmalloc(sizeof *t);

	t->parts = n / TABLE_MOST + 1;
	for (t->part = 0; t->part < t->parts; t->part++) {
		table_fill(r, t);
		table_mark(r, t);
		table_read(r, t, fate);
	}
	free(t);
	return fate;
}

/* ---- going out ---- */

static void choose(uint8_t *use, const uint8_t *fate, size_t n, uint8_t what)
{
	for (size_t i = 0; i < n; i++)
		use[i] = fate[i] == what;
}

/* "sent" and "kept" of a removal's diff_outcome, and the row that goes out. */
static void emit_stripped(struct removals *r, struct run *run,
			  const struct due *d, uint8_t *fate)
{
	const struct identity *id = &r->st->identity;
	struct buf more = BUF_INIT, row = BUF_INIT, kept = BUF_INIT;
	uint8_t *use = xcalloc(r->values.n + 1, 1);
	const struct key_spec *key = &r->st->key;
	bool keep = false;
	size_t keys_end;

	identity_strike(id, &r->values, fate);
	choose(use, fate, r->values.n, DEAD);
	buf_addc(&row, '{');
	identity_put(&row, id, &d->rec, &r->values, use, NULL);
	buf_addc(&row, '}');

	choose(use, fate, r->values.n, PENDING);
	for (size_t i = 0; i < r->values.n; i++)
		keep |= use[i];
	buf_addc(&kept, '{');
	key_put_members(&kept, key, &d->rec);
	buf_addc(&kept, ',');
	keys_end = kept.len;
	identity_put(&kept, id, &d->rec, &r->values, use, key);
	if (kept.len == keys_end)
		kept.len--;
	buf_addc(&kept, '}');

	buf_addf(&more, "\"diff_outcome\":{\"status\":\"skipped\",\"acked\":%s",
		 d->why == REMOVE_ACKED ? "true" : "false");
	if (row.len > 2) {
		buf_addz(&more, ",\"sent\":");
		buf_adds(&more, buf_str(&row));
	}
	if (keep) {
		buf_addz(&more, ",\"kept\":");
		buf_adds(&more, buf_str(&kept));
	}
	buf_addc(&more, '}');
	run_change(run, &(struct change){ .result = DIFF_REMOVED,
					  .row = buf_str(&row),
					  .whole = d->rec.line,
					  .more = buf_str(&more),
					  .go = row.len > 2 });
	free(use);
	buf_release(&more);
	buf_release(&row);
	buf_release(&kept);
}

/* Without an identity: the row as it was acknowledged. */
static void emit_plain(struct run *run, struct str row, enum removal why)
{
	bool forget = why == FORGET_HELD;

	run_change(run, &(struct change){
			    .result = DIFF_REMOVED,
			    .row = row,
			    .more = forget ? STR("\"diff_outcome\":{\"status\":"
						 "\"skipped\",\"acked\":false}")
					   : STR_NONE,
			    .go = !forget });
}

static void emit_removals(struct removals *r, struct run *run)
{
	bool stripping = r->st->identity.n > 0;
	uint8_t *fate = stripping ? settle_fates(r) : NULL;
	struct due d = { .rec = RECORD_INIT };
	struct ndjson in;
	uint64_t at = 0;

	spool_open(r, &r->due, &in);
	while (stripping ? due_next(r, &in, &d) : spool_next(&in)) {
		struct str row = { in.line.s + 1, in.line.n - 1 };

		if (stripping) {
			emit_stripped(r, run, &d, fate + at);
			at += r->values.n;
		} else {
			emit_plain(run, row, (enum removal)in.line.s[0]);
		}
	}
	spool_close(&in);
	record_release(&d.rec);
	free(fate);
}

void removals_emit(struct removals *r, struct run *run)
{
	struct ndjson in;

	emit_removals(r, run);
	spool_open(r, &r->replacing, &in);
	while (spool_next(&in))
		run_change(run, &(struct change){ .result = DIFF_ADDED,
						  .row = in.line,
						  .go = true });
	spool_close(&in);
}
