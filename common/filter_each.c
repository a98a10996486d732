/* SPDX-License-Identifier: MIT */
/*
 * Records on all processors. This process reads lines into batches and writes
 * what became of them, in order; crew.h's workers do what lies between.
 */
#include "common/filter.h"

#include <sched.h>

#include "common/crew.h"
#include "common/msg.h"

/*
 * Batches begin small, so that few records spread over the workers and leave
 * soon, and grow to what keeps the talk between processes out of sight.
 */
#define BATCH_FIRST ((size_t)16 << 10)
#define BATCH_MOST ((size_t)256 << 10)
/* Input that is no longer than this is not worth starting workers for. */
#define SMALL ((uint64_t)1 << 20)
/* So much is handed over although the batch is not finished. */
#define HAND_OVER ((size_t)1 << 20)

struct job {
	struct filter *f;
	void (*one)(void *arg);
	void *arg;
	struct crew crew;
	unsigned head, tail; /* slots in use: from head up to tail */
	unsigned n_used;     /* how many these are */
	bool open;           /* the slot at tail is being filled */
	size_t batch;        /* bytes to read into the next one */
	bool ended;          /* the input did, or failed */
	bool failed;
	/* In a worker. */
	struct crew_slot *slot;
	struct crew_progress p;
	struct buf told;
};

/* ---- what a worker tells of a record ---- */

/*
 * Followed by the faults and their text. Codes are words that stand in the
 * program, so a worker's pointer to one is good in the parent.
 */
struct tale {
	size_t out_at; /* where it belongs among the records */
	uint32_t line; /* in the slot */
	int status;    /* not 0: the stream ends here, for the reason in text */
	bool lost;
	size_t n_faults, n_text;
};

static struct job *working; /* in a worker: for what die() would say */

static void put_tale(struct job *j, const struct tale *t)
{
	buf_add(&j->told, t, sizeof *t);
}

static void tell_refused(struct filter *f, bool lost)
{
	struct job *j = working;
	const struct faults *faults = &f->faults;
	struct tale t = { .out_at = f->out.b.len,
			  .line = j->p.done,
			  .lost = lost,
			  .n_faults = faults->n,
			  .n_text = faults->text.len };

	/* What no list could hold is told by its first fault. */
	if (!buf_reserve(&j->told, sizeof t + t.n_text +
				       t.n_faults * sizeof *faults->v)) {
		j->told.over = false;
		t.n_faults = 1;
		t.n_text = MIN(t.n_text, HAND_OVER / 2);
	}
	put_tale(j, &t);
	buf_add(&j->told, faults->v, t.n_faults * sizeof *faults->v);
	buf_add(&j->told, faults->text.data, t.n_text);
}

/* In place of die(): what was good comes first. */
static void tell_death(int status, const char *text)
{
	struct job *j = working;
	struct tale t = { .out_at = MIN(j->f->mark, j->f->out.b.len),
			  .line = j->p.done,
			  .status = status,
			  .n_text = strlen(text) };

	put_tale(j, &t);
	buf_add(&j->told, text, t.n_text);
	j->p.out_len = t.out_at;
	j->p.told = j->told.len;
	crew_commit(j->slot, j->p);
	crew_leave();
}

/* ---- in a worker ---- */

static void begin_worker(void *arg)
{
	struct job *j = arg;

	working = j;
	j->f->tell = tell_refused;
	buf_release(&j->f->out.b);
	j->f->out.hold = true;
	ndjson_index(&j->f->in, true);
	msg_divert(tell_death);
}

static struct buf fixed(char *mem, size_t cap, size_t len)
{
	return (
	    struct buf){ .data = mem, .cap = cap, .max = cap - 1, .len = len };
}

/* All of it took a worker's life, no step of it that could be left out. */
static void refuse_whole(struct filter *f)
{
	faults_add(&f->faults, STR(""), "limit", "the record %s",
		   guard_reason(f->guard->whole));
	filter_refuse(f, STR(""));
}

static void work_line(struct job *j, const struct crew_line *line)
{
	struct filter *f = j->f;

	ndjson_at(&f->in, (struct str){ j->slot->in + line->at, line->n });
	f->in.line_no = line->no;
	crew_beat(j->slot);
	if (!filter_take(f))
		return;
	if (UNLIKELY(f->guard->whole != GUARD_NONE))
		refuse_whole(f);
	else
		j->one(j->arg);
}

static void work(void *arg, struct crew_slot *s)
{
	struct job *j = arg;
	struct out *out = &j->f->out;
	const struct crew_line *last = &s->line[s->n - 1];
	uint64_t before;

	j->slot = s;
	ndjson_block(&j->f->in, s->in + last->at + last->n);
	j->f->guard = &s->guard;
	j->p = *crew_progress(s);
	out->b = fixed(s->out, s->out_cap, j->p.out_len);
	j->told = fixed(s->tell, s->tell_cap, j->p.told);
	while (j->p.done < s->n) {
		before = out->n_records;
		work_line(j, &s->line[j->p.done]);
		if (UNLIKELY(out->b.over))
			BUG("a batch has no room for what became of a record");
		s->guard.n_bad = 0;
		s->guard.whole = GUARD_NONE;
		j->p.done++;
		j->p.n_out += (uint32_t)(out->n_records - before);
		j->p.out_len = out->b.len;
		j->p.told = j->told.len;
		crew_commit(s, j->p);
		if (j->p.out_len < HAND_OVER && j->p.told < HAND_OVER)
			continue;
		crew_hand_over(s);
		j->p = *crew_progress(s);
		buf_reset(&out->b);
		buf_reset(&j->told);
	}
}

/* ---- what comes back ---- */

static void retell_refused(struct filter *f, const struct crew_slot *s,
			   const struct tale *t, const char *from)
{
	const struct crew_line *line = &s->line[t->line];
	struct buf place = BUF_INIT;
	struct fault fault;

	faults_reset(&f->faults);
	for (size_t i = 0; i < t->n_faults; i++) {
		const char *text = from + t->n_faults * sizeof fault;

		memcpy(&fault, from + i * sizeof fault, sizeof fault);
		faults_add(&f->faults,
			   (struct str){ text + fault.field, fault.n_field },
			   fault.code, "%.*s",
			   (int)MIN(fault.n_reason, t->n_text - fault.reason),
			   text + fault.reason);
		if (fault.n_source &&
		    fault.source + fault.n_source <= t->n_text)
			faults_set_source(&f->faults, i,
					  (struct str){ text + fault.source,
							fault.n_source });
	}
	ndjson_place_of(&f->in, line->no, &place);
	rejects_add(&f->rejects, place.data, line->no, &f->faults,
		    (struct str){ s->in + line->at, line->n });
	buf_release(&place);
	f->lossy |= t->lost;
}

static void take(struct filter *f, struct crew_slot *s)
{
	const struct crew_progress *p = crew_progress(s);
	size_t at = 0, from = 0;
	struct tale t;

	while (at < p->told) {
		memcpy(&t, s->tell + at, sizeof t);
		at += sizeof t;
		out_block(&f->out,
			  (struct str){ s->out + from, t.out_at - from }, 0);
		from = t.out_at;
		if (t.status)
			die(t.status, "%.*s", (int)t.n_text, s->tell + at);
		retell_refused(f, s, &t, s->tell + at);
		at += t.n_faults * sizeof(struct fault) + t.n_text;
	}
	out_block(&f->out, (struct str){ s->out + from, p->out_len - from },
		  p->n_out);
}

/* Takes what is there, in order. */
static void take_ready(struct job *j)
{
	struct crew *c = &j->crew;

	while (j->n_used) {
		unsigned k = j->head;

		if (c->state[k] != CREW_DONE && c->state[k] != CREW_PART)
			return;
		take(j->f, c->slot[k]);
		if (c->state[k] == CREW_PART) {
			crew_go_on(c, k);
			return;
		}
		crew_recycle(c, k);
		j->head = (k + 1) % c->n_slots;
		j->n_used--;
	}
}

/* ---- what goes out ---- */

static void open_slot(struct job *j)
{
	struct crew_slot *s = j->crew.slot[j->tail];
	size_t pending = ndjson_pending(&j->f->in);

	ndjson_lend(&j->f->in, s->in,
		    MIN(MAX(j->batch, pending + BATCH_FIRST), s->in_cap),
		    j->batch);
	j->batch = MIN(j->batch * 2, BATCH_MOST);
	j->open = true;
}

static void close_slot(struct job *j)
{
	struct crew *c = &j->crew;

	c->state[j->tail] = CREW_QUEUED;
	j->tail = (j->tail + 1) % c->n_slots;
	j->n_used++;
	j->open = false;
	crew_dispatch(c, j->head);
}

/* One line more. False: the input has to be waited for, or there is none. */
static bool fill(struct job *j)
{
	struct ndjson *in = &j->f->in;
	struct crew_slot *s = j->crew.slot[j->tail];
	int got;

	if (!j->open)
		open_slot(j);
	got = ndjson_next(in);
	switch (got) {
	case 1:
		s->line[s->n++] =
		    (struct crew_line){ (size_t)(in->line.s - s->in),
					in->line.n, in->line_no };
		if (s->n == CREW_LINES)
			close_slot(j);
		return true;
	case 2:
		if (s->n)
			close_slot(j);
		else /* one line is longer than a batch */
			ndjson_lend(in, s->in, s->in_cap, BATCH_MOST);
		return true;
	case NDJSON_WAIT:
		return false;
	default:
		j->ended = true;
		j->failed = got < 0;
		if (s->n)
			close_slot(j);
		return false;
	}
}

static bool may_fill(const struct job *j)
{
	return !j->ended && j->n_used < j->crew.n_slots;
}

static void run_crew(struct job *j)
{
	struct crew *c = &j->crew;
	struct filter *f = j->f;

	f->in.nowait = true;
	while (!j->ended || j->n_used) {
		bool more = true;

		while (more && may_fill(j)) {
			more = fill(j);
			take_ready(j);
		}
		take_ready(j);
		if (more && may_fill(j))
			continue;
		/* The input is slow: what is there need not wait for more. */
		if (j->open && !j->ended && c->slot[j->tail]->n &&
		    crew_has_time(c))
			close_slot(j);
		crew_dispatch(c, j->head);
		if (!j->ended || j->n_used)
			crew_wait(c, may_fill(j) ? f->in.fd : -1);
	}
	f->in.nowait = false;
	if (j->failed)
		die(f->in.status, "%s", f->in.err.data);
}

/* ---- */

unsigned filter_processors(void)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof set, &set) < 0)
		return 1;
	return (unsigned)MAX(CPU_COUNT(&set), 1);
}

void filter_each(struct filter *f, const struct filter_how *how,
		 void (*one)(void *arg), void *arg)
{
	struct job j = { .f = f,
			 .one = one,
			 .arg = arg,
			 .batch = BATCH_FIRST,
			 .crew = { .n = how->workers,
				   .max_line = f->in.max_record,
				   .limit_ms = how->limit_ms,
				   .work = work,
				   .in_worker = begin_worker } };
	uint64_t bytes = 0;

	ndjson_index(&f->in, true);
	while (!how->risky && (how->workers < 2 || bytes < SMALL)) {
		if (!filter_next(f))
			return;
		bytes += f->in.line.n;
		one(arg);
	}
	out_flush(&f->out);
	/* Who only cuts it in pieces needs to know less of it. */
	ndjson_index(&f->in, false);
	j.crew.arg = &j;
	crew_init(&j.crew);
	run_crew(&j);
	crew_release(&j.crew);
	f->faults.n = 0;
}
