/* SPDX-License-Identifier: MIT */
#include "bin/retl-sort/sorter.h"

#include "bin/retl-sort/ahead.h"
#include "bin/retl-sort/outlet.h"

#include "common/beside.h"
#include "common/msg.h"

struct sorter {
	struct config *cfg;
	struct block block[2];
	struct block *cur;  /* is being filled */
	struct block *done; /* is being sorted, or has been */
	struct beside *beside;
	struct runs runs;
	bool spilling; /* a block that is sorted goes to a run at once */
	uint64_t n_dropped;
	bool sealed;
};

static void sort_block(struct sorter *s, struct block *b)
{
	size_t n = b->n;

	block_sort(b);
	s->n_dropped += n - b->n;
}

static void spill(struct sorter *s, struct block *b)
{
	runs_add_block(&s->runs, b);
	block_empty(b);
}

/* What is done beside: the block that was filled last. */
static void finish_block(void *arg)
{
	struct sorter *s = arg;

	sort_block(s, s->done);
	if (s->spilling)
		spill(s, s->done);
}

/* The current block is full. */
static void change_blocks(struct sorter *s, struct input *in)
{
	struct block *full = s->cur;

	beside_wait(s->beside);
	if (s->done->n) {
		s->spilling = true;
		spill(s, s->done);
	}
	s->cur = s->done;
	s->done = full;
	/* First, since what is still to be scanned stands in the full one. */
	block_widen(s->cur, full);
	block_lend(s->cur, in);
	beside_do(s->beside, finish_block, s);
}

static NORETURN void die_input(struct sorter *s, const struct input *in)
{
	/* A second record of a key in an earlier block is told first. */
	beside_wait(s->beside);
	die(in->in.status, "%s", in->in.err.data);
}

static void read_file(struct sorter *s, size_t file)
{
	struct input in;
	int got;

	input_open(&in, s->cfg, file);
	in.ahead = ahead_start(&in.in, s->cur->chunk, s->cfg->threaded);
	block_lend(s->cur, &in);
	do {
		if (UNLIKELY(block_full(s->cur, &in)))
			change_blocks(s, &in);
		got = input_next(&in);
		if (LIKELY(got == 1))
			block_add(s->cur, &in);
		else if (got == 2 && s->cur->n)
			change_blocks(s, &in);
		else if (got == 2)
			block_grow(s->cur, &in);
	} while (got > 0);
	if (got < 0)
		die_input(s, &in);
	block_end_file(s->cur, &in);
	ahead_end(in.ahead);
	s->sealed &= input_close(&in);
}

/* All records are in memory. */
static void write_blocks(struct sorter *s, struct outlet *to)
{
	if (s->done->n && block_before(s->done, s->cur)) {
		block_write(s->done, to);
		block_write(s->cur, to);
	} else if (s->done->n) {
		s->n_dropped += merge_blocks(s->cfg, s->done, s->cur, &to->out);
	} else {
		block_write(s->cur, to);
	}
}

static void write_all(struct sorter *s, struct outlet *to)
{
	beside_wait(s->beside);
	sort_block(s, s->cur);
	if (!s->runs.n) {
		write_blocks(s, to);
		return;
	}
	block_release(s->done);
	if (!merge_has_room(s->cfg, s->runs.n)) {
		spill(s, s->cur);
		block_release(s->cur);
	}
	msg_debug("%zu runs in %s", s->runs.n, s->cfg->tmpdir);
	s->n_dropped += merge_runs(s->cfg, &s->runs, s->cur, &to->out);
}

uint64_t sort_files(struct config *cfg, struct outlet *to, bool *sealed)
{
	struct sorter s = { .cfg = cfg, .sealed = true };

	for (size_t i = 0; i < ARRAY_LEN(s.block); i++)
		block_init(&s.block[i], cfg, cfg->memory / ARRAY_LEN(s.block));
	s.cur = &s.block[0];
	s.done = &s.block[1];
	runs_init(&s.runs, cfg);
	if (cfg->threaded)
		s.beside = beside_start();
	for (size_t i = 0; i < cfg->n_files; i++)
		read_file(&s, i);
	write_all(&s, to);
	*sealed = s.sealed;
	beside_end(s.beside);
	runs_release(&s.runs);
	for (size_t i = 0; i < ARRAY_LEN(s.block); i++)
		block_release(&s.block[i]);
	return s.n_dropped;
}
