/* SPDX-License-Identifier: MIT */
#include "common/crew.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>

#include "common/mem.h"
#include "common/msg.h"

/* A worker that has come to hold so much more than at its start is replaced:
 * libjq 1.6 leaks on some errors. */
#define LEAK_BYTES ((size_t)64 << 20)

/* Room for output beyond the longest record. */
#define SLACK ((size_t)2 << 20)

#define OUT_SLACK ((size_t)16 << 20)

/* What a worker says: one byte. What it hears: a slot's number. */
enum { SAYS_DONE = 'd', SAYS_PART = 'p', SAYS_LAST = 'l' };

/* ---- the worker's own clock ---- */

static struct {
	struct crew_slot *slot;
	volatile uint64_t beat;
	uint64_t seen;
	unsigned interval_ms, limit_ms, spent_ms;
	size_t base, page; /* bytes */
	int fd;
} self;

/* Bytes of memory in use; safe in a signal handler. 0: not to be had. */
static size_t resident(void)
{
	char text[128], *p;
	size_t pages = 0;
	int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);

	if (fd >= 0)
		close(fd);
	if (n <= 0)
		return 0;
	text[n] = '\0';
	p = strchr(text, ' ');
	while (p && *++p >= '0' && *p <= '9')
		pages = pages * 10 + (size_t)(*p - '0');
	return pages * self.page;
}

static NORETURN void give_up(enum guard_cause cause)
{
	atomic_store(&self.slot->cause, cause);
	_exit(EX_SOFTWARE);
}

/*
 * Steps that can watch the time themselves do; the others, libjq above all,
 * are ended here.
 */
static void on_tick(int sig UNUSED)
{
	int saved = errno;
	unsigned limit = self.limit_ms;

	if (self.beat != self.seen) {
		self.seen = self.beat;
		self.spent_ms = 0;
	}
	self.spent_ms += self.interval_ms;
	if (self.slot) {
		if (!self.slot->guard.step)
			limit = limit * 2 + 1000;
		if (self.spent_ms > limit)
			give_up(GUARD_TIME);
		if (resident() > self.base + GUARD_BYTES)
			give_up(GUARD_MEMORY);
	}
	errno = saved;
}

static void start_clock(unsigned limit_ms)
{
	struct sigaction sa = { .sa_handler = on_tick, .sa_flags = SA_RESTART };
	struct itimerval every = { .it_interval.tv_usec = 0 };

	self.limit_ms = limit_ms;
	self.interval_ms = MIN(MAX(limit_ms / 8, 4U), 20U);
	every.it_interval.tv_usec = (suseconds_t)self.interval_ms * 1000;
	every.it_value = every.it_interval;
	self.page = (size_t)sysconf(_SC_PAGESIZE);
	self.base = resident();
	sigemptyset(&sa.sa_mask);
	sigaction(SIGPROF, &sa, NULL);
	setitimer(ITIMER_PROF, &every, NULL);
}

void crew_beat(struct crew_slot *s)
{
	self.beat++;
	self.slot = s;
}

void crew_commit(struct crew_slot *s, struct crew_progress p)
{
	unsigned other = !atomic_load(&s->cur);

	s->p[other] = p;
	atomic_store(&s->cur, other);
}

/* ---- talking ---- */

static void say(char word)
{
	/* Nobody there to hear it: there is no more to do either. */
	if (send(self.fd, &word, 1, MSG_NOSIGNAL) != 1)
		_exit(0);
}

static uint32_t hear(void)
{
	uint32_t slot;
	ssize_t n;

	do
		n = recv(self.fd, &slot, sizeof slot, 0);
	while (n < 0 && errno == EINTR);
	if (n != (ssize_t)sizeof slot)
		_exit(0);
	return slot;
}

void crew_hand_over(struct crew_slot *s)
{
	struct crew_progress p = { .done = crew_progress(s)->done };

	say(SAYS_PART);
	hear();
	crew_commit(s, p);
}

void crew_leave(void)
{
	say(SAYS_LAST);
	_exit(0);
}

static NORETURN void serve(struct crew *c)
{
	for (;;) {
		struct crew_slot *s = c->slot[hear()];

		c->work(c->arg, s);
		self.slot = NULL;
		if (resident() > self.base + LEAK_BYTES)
			crew_leave();
		say(SAYS_DONE);
	}
}

/* ---- starting and ending ---- */

/* Standard input and output are the parent's: who waits for their end must
 * not wait for a worker. */
static void detach(struct crew *c, pid_t parent)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(0);
	if (null >= 0) {
		dup2(null, STDIN_FILENO);
		dup2(null, STDOUT_FILENO);
		close(null);
	}
	for (unsigned i = 0; i < c->n; i++)
		if (c->w[i].fd >= 0)
			close(c->w[i].fd);
}

static void start(struct crew *c, struct crew_worker *w)
{
	pid_t parent = getpid();
	int fd[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fd) < 0)
		die(EX_OSERR, "a worker process: %s", strerror(errno));
	w->pid = fork();
	if (w->pid < 0)
		die(EX_OSERR, "a worker process: %s", strerror(errno));
	if (w->pid == 0) {
		detach(c, parent);
		close(fd[0]);
		self.fd = fd[1];
		if (c->in_worker)
			c->in_worker(c->arg);
		start_clock(c->limit_ms);
		serve(c);
	}
	close(fd[1]);
	w->fd = fd[0];
	w->slot = -1;
}

/* Its exit status, as waitpid gives it. */
static int end(struct crew_worker *w)
{
	int status = 0;

	close(w->fd);
	w->fd = -1;
	while (waitpid(w->pid, &status, 0) < 0 && errno == EINTR)
		;
	return status;
}

static void *share(size_t n)
{
	void *p = mmap(NULL, n, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		die(EX_OSERR,
		    "memory for batches: %s (a smaller --max-record or fewer "
		    "--threads may help)",
		    strerror(errno));
	return p;
}

static struct crew_slot *new_slot(const struct crew *c)
{
	struct crew_slot *s = share(sizeof *s);

	s->in_cap = s->tell_cap = c->max_line + SLACK;
	/* What was built is looked at before it is found to be too long. */
	s->out_cap = 2 * (c->max_line + SLACK) + OUT_SLACK;
	s->in = share(s->in_cap);
	s->out = share(s->out_cap);
	s->tell = share(s->tell_cap);
	s->guard.limit_ms = c->limit_ms;
	return s;
}

void crew_init(struct crew *c)
{
	c->n_slots = c->n + 2;
	c->w = xcalloc(c->n, sizeof *c->w);
	for (unsigned i = 0; i < c->n; i++)
		c->w[i] = (struct crew_worker){ .fd = -1, .slot = -1 };
	c->slot = xcalloc(c->n_slots, sizeof *c->slot);
	c->state = xcalloc(c->n_slots, sizeof *c->state);
	for (unsigned i = 0; i < c->n_slots; i++)
		c->slot[i] = new_slot(c);
}

void crew_release(struct crew *c)
{
	for (unsigned i = 0; i < c->n; i++)
		if (c->w[i].fd >= 0)
			end(&c->w[i]);
	for (unsigned i = 0; i < c->n_slots; i++) {
		struct crew_slot *s = c->slot[i];

		munmap(s->in, s->in_cap);
		munmap(s->out, s->out_cap);
		munmap(s->tell, s->tell_cap);
		munmap(s, sizeof *s);
	}
	free(c->w);
	free(c->slot);
	free(c->state);
}

/* ---- the parent's side ---- */

static void give(struct crew *c, struct crew_worker *w, uint32_t slot)
{
	if (w->fd < 0)
		start(c, w);
	w->slot = (ssize_t)slot;
	c->state[slot] = CREW_AT_WORK;
	/* If it is dead already, crew_wait will notice. */
	(void)send(w->fd, &slot, sizeof slot, MSG_NOSIGNAL);
}

bool crew_has_time(const struct crew *c)
{
	for (unsigned i = 0; i < c->n; i++)
		if (c->w[i].slot < 0)
			return true;
	return false;
}

void crew_dispatch(struct crew *c, unsigned first)
{
	unsigned w = 0;

	for (unsigned i = 0; i < c->n_slots; i++) {
		unsigned k = (first + i) % c->n_slots;

		if (c->state[k] != CREW_QUEUED)
			continue;
		while (w < c->n && c->w[w].slot >= 0)
			w++;
		if (w == c->n)
			return;
		give(c, &c->w[w], k);
	}
}

void crew_go_on(struct crew *c, unsigned slot)
{
	uint32_t word = slot;

	for (unsigned i = 0; i < c->n; i++)
		if (c->w[i].slot == (ssize_t)slot) {
			c->state[slot] = CREW_AT_WORK;
			(void)send(c->w[i].fd, &word, sizeof word,
				   MSG_NOSIGNAL);
		}
}

void crew_recycle(struct crew *c, unsigned slot)
{
	struct crew_slot *s = c->slot[slot];

	/* What a very long record needed is given back. */
	if (crew_progress(s)->out_len > SLACK)
		madvise(s->out, s->out_cap, MADV_REMOVE);
	if (s->n && s->line[s->n - 1].at + s->line[s->n - 1].n > SLACK)
		madvise(s->in, s->in_cap, MADV_REMOVE);
	if (crew_progress(s)->told > SLACK)
		madvise(s->tell, s->tell_cap, MADV_REMOVE);
	s->n = 0;
	crew_commit(s, (struct crew_progress){ .done = 0 });
	c->state[slot] = CREW_EMPTY;
}

/* It ended at a record: the next one must know what not to try. */
static void bury(struct crew *c, struct crew_worker *w)
{
	ssize_t slot = w->slot;
	int status = end(w);
	struct crew_slot *s;
	struct guard *g;
	enum guard_cause cause;

	w->slot = -1;
	if (slot < 0)
		return;
	s = c->slot[slot];
	g = &s->guard;
	cause = (enum guard_cause)atomic_exchange(&s->cause, GUARD_NONE);
	if (cause == GUARD_NONE) {
		if (!g->step)
			BUG("a worker ended with %s %d",
			    WIFSIGNALED(status) ? "signal" : "status",
			    WIFSIGNALED(status) ? WTERMSIG(status)
						: WEXITSTATUS(status));
		cause = GUARD_CRASH;
	}
	if (g->step && g->n_bad < GUARD_BAD) {
		g->bad[g->n_bad].step = g->step;
		g->bad[g->n_bad++].cause = cause;
	} else {
		g->whole = cause;
	}
	g->step = 0;
	give(c, w, (uint32_t)slot);
}

static void listen_to(struct crew *c, struct crew_worker *w)
{
	char word = 0;
	ssize_t n;

	do
		n = recv(w->fd, &word, 1, 0);
	while (n < 0 && errno == EINTR);
	if (n != 1) {
		bury(c, w);
		return;
	}
	if (w->slot < 0)
		BUG("a worker without work says '%c'", word);
	if (word == SAYS_PART) {
		c->state[w->slot] = CREW_PART;
		return;
	}
	c->state[w->slot] = CREW_DONE;
	w->slot = -1;
	if (word == SAYS_LAST)
		end(w);
}

void crew_wait(struct crew *c, int fd)
{
	struct pollfd *p = xcalloc(c->n + 1, sizeof *p);
	int got;

	for (unsigned i = 0; i < c->n; i++)
		p[i] = (struct pollfd){ .fd = c->w[i].fd, .events = POLLIN };
	p[c->n] = (struct pollfd){ .fd = fd, .events = POLLIN };
	do
		got = poll(p, c->n + 1, -1);
	while (got < 0 && errno == EINTR);
	for (unsigned i = 0; got > 0 && i < c->n; i++)
		if (c->w[i].fd >= 0 && p[i].revents)
			listen_to(c, &c->w[i]);
	free(p);
}
