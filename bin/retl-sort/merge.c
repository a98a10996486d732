/* SPDX-License-Identifier: MIT */
/*
 * Merging sorted runs and sorted files with a tree of losers: each place of the
 * tree remembers who lost there, so that the next record costs one comparison a
 * level. Of equal keys the earlier source comes first, which keeps the whole
 * sort stable as long as only neighbours are merged.
 */
#include "bin/retl-sort/sort.h"

#include <sys/resource.h>

#include "common/mem.h"
#include "common/msg.h"

#define BUFFER_MIN ((size_t)16 << 10)
#define BUFFER_MAX ((size_t)1 << 20)
#define FAN_MAX 512
#define FDS_RESERVED 16 /* standard ones, the run file, a library's */

/* ---- where it goes ---- */

void sink_init(struct sink *s, struct config *cfg, struct out *out,
	       struct runs *runs)
{
	*s = (struct sink){
		.cfg = cfg,
		.out = out,
		.runs = runs,
		.last = CODE_COPY_INIT,
		.held = BUF_INIT,
	};
}

static void pass_on(struct sink *s, const struct item *item)
{
	if (s->out)
		out_line(s->out, item->rec);
	else
		run_put(s->runs, item);
}

static void let_go(struct sink *s)
{
	struct item item = { buf_str(&s->held), s->last.code, s->last_place };

	pass_on(s, &item);
}

static void put_unique(struct sink *s, const struct item *item)
{
	bool hold = s->cfg->unique == UNIQUE_LAST;
	bool same = s->last.any &&
		    code_cmp(&s->last.code, &item->code, s->cfg->reverse) == 0;

	if (same && s->cfg->unique == UNIQUE_ERROR)
		die_duplicate(s->cfg, s->last_place, item->place);
	s->n_dropped += same;
	if (same && !hold)
		return;
	if (hold && s->last.any && !same)
		let_go(s);
	if (!hold)
		pass_on(s, item);
	code_keep(&s->last, &item->code);
	s->last_place = item->place;
	if (hold) {
		buf_reset(&s->held);
		buf_adds(&s->held, item->rec);
	}
}

void sink_put(struct sink *s, const struct item *item)
{
	if (s->cfg->unique == UNIQUE_NO)
		pass_on(s, item);
	else
		put_unique(s, item);
}

uint64_t sink_end(struct sink *s)
{
	if (s->last.any && s->cfg->unique == UNIQUE_LAST)
		let_go(s);
	buf_release(&s->last.text);
	buf_release(&s->held);
	return s->n_dropped;
}

/* ---- what is merged ---- */

struct source {
	struct item item;
	bool done;
	enum { A_RUN, A_FILE, A_BLOCK } kind;
	struct run_reader run;
	struct input file;
	size_t cap; /* of the memory that is lent to file */
	char *lent;
	const struct block *block;
	size_t next; /* in block */
};

static void grow_lent(struct source *s)
{
	char *old = s->lent;

	s->cap *= 2;
	s->lent = xmalloc(s->cap);
	ndjson_lend(&s->file.in, s->lent, s->cap, s->cap);
	free(old);
}

static bool file_next(struct source *s)
{
	int got;

	while ((got = input_next_ordered(&s->file)) == 2) {
		/* Nothing of it is in use but the line that is due. */
		if (ndjson_pending(&s->file.in) > s->cap / 2)
			grow_lent(s);
		else
			ndjson_lend(&s->file.in, s->lent, s->cap, s->cap);
	}
	s->item = s->file.item;
	return got == 1;
}

static bool block_next(struct source *s)
{
	if (s->next == s->block->n)
		return false;
	block_fetch(s->block, s->next);
	block_item(s->block, s->next++, &s->item);
	return true;
}

static void source_next(struct source *s)
{
	switch (s->kind) {
	case A_RUN:
		s->done = !run_next(&s->run, &s->item);
		break;
	case A_FILE:
		s->done = !file_next(s);
		break;
	case A_BLOCK:
		s->done = !block_next(s);
		break;
	}
}

static void open_file(struct source *s, struct config *cfg, size_t file,
		      size_t cap)
{
	s->kind = A_FILE;
	s->cap = cap;
	s->lent = xmalloc(cap);
	input_open(&s->file, cfg, file);
	ndjson_lend(&s->file.in, s->lent, cap, cap);
}

/* True: it was no file, or one that was sealed. */
static bool source_close(struct source *s)
{
	bool sealed = true;

	if (s->kind == A_FILE)
		sealed = input_close(&s->file);
	else if (s->kind == A_RUN)
		run_close(&s->run);
	free(s->lent);
	return sealed;
}

/* ---- the tree ---- */

struct tree {
	struct source *v;
	size_t n;
	size_t *losers; /* [0] is the winner */
	bool reverse;
};

static bool before(const struct tree *t, size_t a, size_t b)
{
	const struct source *x = &t->v[a], *y = &t->v[b];
	int c;

	if (x->done || y->done)
		return x->done == y->done ? a < b : y->done;
	c = code_cmp(&x->item.code, &y->item.code, t->reverse);
	return c ? c < 0 : a < b;
}

/* Source i has a new record: plays its way up. */
static void replay(struct tree *t, size_t i)
{
	for (size_t at = (i + t->n) / 2; at; at /= 2)
		if (before(t, t->losers[at], i)) {
			size_t winner = t->losers[at];

			t->losers[at] = i;
			i = winner;
		}
	t->losers[0] = i;
}

/* The winner among what is below place at; its losers are noted. */
static size_t play(struct tree *t, size_t at)
{
	size_t a, b;

	if (at >= t->n)
		return at - t->n;
	a = play(t, 2 * at);
	b = play(t, 2 * at + 1);
	if (before(t, b, a)) {
		t->losers[at] = a;
		return b;
	}
	t->losers[at] = b;
	return a;
}

static void merge(struct source *v, size_t n, struct sink *to)
{
	struct tree t = { v, n, NULL, to->cfg->reverse };

	t.losers = xreallocarray(NULL, n + 1, sizeof *t.losers);
	for (size_t i = 0; i < n; i++)
		source_next(&v[i]);
	t.losers[0] = n > 1 ? play(&t, 1) : 0;
	for (;;) {
		struct source *s = &v[t.losers[0]];

		if (s->done)
			break;
		sink_put(to, &s->item);
		source_next(s);
		replay(&t, t.losers[0]);
	}
	free(t.losers);
}

/* ---- passes ---- */

static size_t fan_of(size_t memory)
{
	return MIN(MAX(memory / BUFFER_MIN, 2), FAN_MAX);
}

static size_t buffer_of(size_t memory, size_t n)
{
	return MIN(MAX(memory / n, BUFFER_MIN), BUFFER_MAX);
}

/* n runs, and a block if there is one, to out or to another run. */
static uint64_t merge_some(struct config *cfg, struct runs *r, size_t from,
			   size_t n, const struct block *b, struct out *out)
{
	struct source *v = xcalloc(n + 1, sizeof *v);
	size_t memory = b ? cfg->memory / 2 : cfg->memory;
	struct sink to;

	sink_init(&to, cfg, out, r);
	for (size_t i = 0; i < n; i++)
		run_open(&v[i].run, r, from + i, buffer_of(memory, n));
	if (b)
		v[n++] = (struct source){ .kind = A_BLOCK, .block = b };
	merge(v, n, &to);
	for (size_t i = 0; i < n; i++)
		source_close(&v[i]);
	free(v);
	return sink_end(&to);
}

/*
 * Merges neighbours, fan at a time, into runs that take the place of the first
 * of them.
 */
static uint64_t pass(struct config *cfg, struct runs *r, size_t fan)
{
	size_t had = r->n, kept = 0, n;
	uint64_t dropped = 0;

	for (size_t from = 0; from < had; from += n) {
		n = MIN(fan, had - from);
		if (n > 1) {
			run_begin(r);
			dropped += merge_some(cfg, r, from, n, NULL, NULL);
			run_end(r);
			runs_punch(r, &r->v[from], n);
			r->v[kept] = r->v[--r->n];
		} else {
			r->v[kept] = r->v[from];
		}
		kept++;
	}
	r->n = kept;
	return dropped;
}

bool merge_has_room(const struct config *cfg, size_t n)
{
	return n <= fan_of(cfg->memory / 2);
}

uint64_t merge_runs(struct config *cfg, struct runs *r, const struct block *b,
		    struct out *out)
{
	uint64_t dropped = 0;

	if (b && !b->n)
		b = NULL;
	while (!b && r->n > fan_of(cfg->memory))
		dropped += pass(cfg, r, fan_of(cfg->memory));
	return dropped + merge_some(cfg, r, 0, r->n, b, out);
}

uint64_t merge_blocks(struct config *cfg, const struct block *a,
		      const struct block *b, struct out *out)
{
	struct source v[] = { { .kind = A_BLOCK, .block = a },
			      { .kind = A_BLOCK, .block = b } };
	struct sink to;

	sink_init(&to, cfg, out, NULL);
	merge(v, ARRAY_LEN(v), &to);
	return sink_end(&to);
}

/* How many files may be open at once; asks for as many as are allowed. */
static size_t open_limit(void)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_NOFILE, &l) < 0)
		return FAN_MAX;
	l.rlim_cur = l.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &l);
	if (getrlimit(RLIMIT_NOFILE, &l) < 0 || l.rlim_cur > SIZE_MAX / 2)
		return FAN_MAX;
	return l.rlim_cur > FDS_RESERVED + 2 ? l.rlim_cur - FDS_RESERVED : 2;
}

static uint64_t merge_some_files(struct config *cfg, size_t from, size_t n,
				 struct sink *to, bool *sealed)
{
	struct source *v = xcalloc(n, sizeof *v);

	for (size_t i = 0; i < n; i++)
		open_file(&v[i], cfg, from + i, buffer_of(cfg->memory, n));
	merge(v, n, to);
	for (size_t i = 0; i < n; i++)
		*sealed &= source_close(&v[i]);
	free(v);
	return sink_end(to);
}

uint64_t merge_files(struct config *cfg, struct out *out, bool *sealed)
{
	size_t fan = MIN(fan_of(cfg->memory), open_limit()), n;
	uint64_t dropped = 0;
	struct runs r;
	struct sink to;

	*sealed = true;
	if (cfg->n_files <= fan) {
		sink_init(&to, cfg, out, NULL);
		return merge_some_files(cfg, 0, cfg->n_files, &to, sealed);
	}
	runs_init(&r, cfg);
	for (size_t from = 0; from < cfg->n_files; from += n) {
		n = MIN(fan, cfg->n_files - from);
		run_begin(&r);
		sink_init(&to, cfg, NULL, &r);
		dropped += merge_some_files(cfg, from, n, &to, sealed);
		run_end(&r);
	}
	dropped += merge_runs(cfg, &r, NULL, out);
	runs_release(&r);
	return dropped;
}
