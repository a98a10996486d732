/* SPDX-License-Identifier: MIT */
#include "common/rate.h"

#include <fcntl.h>
#include <sys/file.h>

#include "common/clock.h"
#include "common/digest.h"
#include "common/enc.h"
#include "common/file.h"
#include "common/mem.h"
#include "common/msg.h"
#include "common/rundir.h"

/*
 * Requests spread a little on their way: a window of ours is longer than the
 * server's by this much, so that two that left a window apart also arrive so.
 */
#define SLACK_MS(window) (MIN(MAX((window) / 100, 5), 250))

#define MARKS 256      /* in a window */
#define KEYED_MARKS 16 /* in one of many */
/* Values of a key share so many slots by their hash. */
#define KEYED_SLOTS 8192
/* Another process holds the lock for microseconds, unless it was stopped. */
#define LOCK_TRIES 200
/* What has been sent must be counted, also where the machine is busy. */
#define LONG_TRIES 20000
#define LOCK_WAIT_MS 20

struct mark {
	int64_t at_ms; /* of the monotonic clock, the last that it stands for */
	uint64_t n;
};

/* What is in the file: ours alone, so in the machine's own byte order. */
struct slot {
	uint64_t boot;   /* whose clock: it starts again with the machine */
	int64_t wall_ms; /* time of day less the monotonic clock, then */
	uint32_t begin, n;
	struct mark m[MARKS]; /* the first `marks` of them are used */
};

static uint32_t marks_of(const struct rate *r)
{
	return r->keyed ? KEYED_MARKS : MARKS;
}

static size_t slot_size(const struct rate *r)
{
	return offsetof(struct slot, m) + marks_of(r) * sizeof(struct mark);
}

static size_t place_of(const struct rate_use *u)
{
	return u->rate->keyed ? u->key % KEYED_SLOTS : 0;
}

void rate_init(struct rate *r, uint64_t most, int64_t window_ms, bool keyed)
{
	*r = (struct rate){ .most = MAX(most, 1),
			    .window_ms = window_ms + SLACK_MS(window_ms),
			    .keyed = keyed,
			    .fd = -1 };
	r->slots = xcalloc(keyed ? KEYED_SLOTS : 1, slot_size(r));
}

void rate_release(struct rate *r)
{
	if (r->fd >= 0)
		close(r->fd);
	free(r->slots);
	*r = (struct rate){ .fd = -1 };
}

uint32_t rate_key(struct str value)
{
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < value.n; i++)
		h = (h ^ (uint8_t)value.s[i]) * 16777619u;
	return h ^ h >> 15;
}

/* ---- the clock of a slot ---- */

static uint64_t this_boot(void)
{
	static uint64_t boot;
	struct buf id = BUF_INIT;
	uint8_t sum[DIGEST_MAX];

	if (!boot) {
		file_read("/proc/sys/kernel/random/boot_id", 100, &id, NULL);
		digest(DIGEST_SHA256, id.data, id.len, sum);
		memcpy(&boot, sum, sizeof boot);
		boot |= 1;
		buf_release(&id);
	}
	return boot;
}

static int64_t wall_less_tick(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000 -
	       clock_tick_ms();
}

/* What an earlier boot has spent, in the time of this one. */
static void adopt(const struct rate *r, struct slot *s, int64_t tick_ms)
{
	int64_t later = s->wall_ms - wall_less_tick();

	for (uint32_t i = 0; i < s->n; i++) {
		struct mark *m = &s->m[(s->begin + i) % marks_of(r)];

		/* A clock that was set back: as if it were now. */
		m->at_ms = MIN(m->at_ms + later, tick_ms);
	}
}

/* ---- a slot's account ---- */

/* What cannot be made sense of counts as all that there is, just now. */
static void check(const struct rate *r, struct slot *s, int64_t tick_ms)
{
	bool good = s->begin < marks_of(r) && s->n <= marks_of(r);
	int64_t last = INT64_MIN;

	if (good && s->n && s->boot != this_boot())
		adopt(r, s, tick_ms);
	for (uint32_t i = 0; good && i < s->n; i++) {
		const struct mark *m = &s->m[(s->begin + i) % marks_of(r)];

		good = m->at_ms >= last;
		last = m->at_ms;
	}
	if (good)
		return;
	s->begin = 0;
	s->n = 1;
	s->m[0] = (struct mark){ tick_ms, r->most };
}

static uint64_t forget_old(const struct rate *r, struct slot *s,
			   int64_t tick_ms)
{
	uint64_t spent = 0;

	while (s->n && s->m[s->begin].at_ms + r->window_ms <= tick_ms) {
		s->begin = (s->begin + 1) % marks_of(r);
		s->n--;
	}
	for (uint32_t i = 0; i < s->n; i++)
		spent += s->m[(s->begin + i) % marks_of(r)].n;
	return spent;
}

static int64_t wait_of(const struct rate *r, struct slot *s, uint64_t cost,
		       int64_t tick_ms)
{
	uint64_t spent = forget_old(r, s, tick_ms), too_many;

	/* What costs more than the window holds is sent alone. */
	cost = MIN(cost, r->most);
	if (spent + cost <= r->most)
		return 0;
	too_many = spent + cost - r->most;
	for (uint32_t i = 0; i < s->n; i++) {
		const struct mark *m = &s->m[(s->begin + i) % marks_of(r)];

		if (m->n >= too_many)
			return MAX(m->at_ms + r->window_ms - tick_ms, 1);
		too_many -= m->n;
	}
	return r->window_ms;
}

static void spend(const struct rate *r, struct slot *s, uint64_t cost,
		  int64_t tick_ms)
{
	/* One mark less than there are: the window is not cut into equal parts
	 * that begin with it. */
	int64_t part = MAX(r->window_ms / (marks_of(r) - 1), 1);
	struct mark *last =
	    s->n ? &s->m[(s->begin + s->n - 1) % marks_of(r)] : NULL;

	cost = MIN(cost, r->most);
	if (last && last->at_ms > tick_ms)
		tick_ms = last->at_ms;
	if (last &&
	    (last->at_ms / part == tick_ms / part || s->n == marks_of(r))) {
		last->at_ms = tick_ms;
		last->n += cost;
		return;
	}
	s->m[(s->begin + s->n++) % marks_of(r)] =
	    (struct mark){ tick_ms, cost };
}

/* ---- where slots are kept ---- */

static void slot_read(const struct rate_use *u, struct slot *s, int64_t tick_ms)
{
	const struct rate *r = u->rate;
	size_t size = slot_size(r), at = place_of(u) * size;
	ssize_t got;

	memset(s, 0, sizeof *s);
	if (r->fd < 0) {
		memcpy(s, r->slots + at, size);
		return;
	}
	got = pread(r->fd, s, size, (off_t)at);
	/* Behind the end nothing was ever spent. */
	if (got != (ssize_t)size)
		memset(s, 0, sizeof *s);
	check(r, s, tick_ms);
}

/*
 * The file takes no more, as where a disk is full: what is spent from now on is
 * counted by this process alone, on top of what all have spent.
 */
static void count_alone(struct rate *r)
{
	size_t size = slot_size(r), n = r->keyed ? KEYED_SLOTS : 1;
	int64_t tick = clock_tick_ms();
	struct slot s;

	msg_warn("limits hold for this process alone: %s: %s", r->name,
		 strerror(errno));
	for (size_t at = 0; at < n * size; at += size) {
		memset(&s, 0, sizeof s);
		if (pread(r->fd, &s, size, (off_t)at) != (ssize_t)size)
			continue;
		check(r, &s, tick);
		memcpy(r->slots + at, &s, size);
	}
	close(r->fd);
	r->fd = -1;
}

static void slot_write(const struct rate_use *u, struct slot *s)
{
	struct rate *r = u->rate;
	size_t size = slot_size(r), at = place_of(u) * size;

	if (r->fd >= 0) {
		ssize_t done;

		s->boot = this_boot();
		s->wall_ms = wall_less_tick();
		errno = ENOSPC;
		done = pwrite(r->fd, s, size, (off_t)at);
		if (done == (ssize_t)size)
			return;
		count_alone(r);
	}
	memcpy(r->slots + at, s, size);
}

static void unlock(const struct rate_use *u, size_t n)
{
	while (n--)
		if (u[n].rate->fd >= 0)
			flock(u[n].rate->fd, LOCK_UN);
}

/* how: LOCK_EX or LOCK_SH. -1: somebody does not let go. */
static int lock(const struct rate_use *u, size_t n, int how, int most_tries)
{
	for (size_t i = 0; i < n; i++) {
		int tries = 0;

		if (u[i].rate->fd < 0)
			continue;
		while (flock(u[i].rate->fd, how | LOCK_NB) < 0) {
			if (++tries == most_tries) {
				unlock(u, i);
				return -1;
			}
			nanosleep(&(struct timespec){ .tv_nsec = 50000 }, NULL);
		}
	}
	return 0;
}

static int64_t wait_ms(const struct rate_use *u, uint64_t cost, int64_t tick_ms)
{
	struct slot s;

	slot_read(u, &s, tick_ms);
	return wait_of(u->rate, &s, cost, tick_ms);
}

/* What another process is just writing would say anything. */
int64_t rate_wait_ms(const struct rate_use *u, uint64_t cost, int64_t tick_ms)
{
	int64_t wait;

	if (lock(u, 1, LOCK_SH, LOCK_TRIES) < 0)
		return LOCK_WAIT_MS;
	wait = wait_ms(u, cost, tick_ms);
	unlock(u, 1);
	return wait;
}

int64_t rate_take(const struct rate_use *u, size_t n, uint64_t cost,
		  int64_t tick_ms)
{
	int64_t wait = 0;
	struct slot s;

	if (lock(u, n, LOCK_EX, LOCK_TRIES) < 0)
		return LOCK_WAIT_MS;
	/* It may have waited for the lock; others have spent meanwhile. */
	for (size_t i = 0; i < n; i++)
		if (u[i].rate->fd >= 0)
			tick_ms = MAX(tick_ms, clock_tick_ms());
	for (size_t i = 0; i < n; i++)
		wait = MAX(wait, wait_ms(&u[i], cost, tick_ms));
	for (size_t i = 0; !wait && i < n; i++) {
		slot_read(&u[i], &s, tick_ms);
		forget_old(u[i].rate, &s, tick_ms);
		spend(u[i].rate, &s, cost, tick_ms);
		slot_write(&u[i], &s);
	}
	unlock(u, n);
	return wait;
}

/* Takes cost units from the mark of that time, or from the next ones. */
static void unspend(const struct rate *r, struct slot *s, uint64_t cost,
		    int64_t at_ms)
{
	for (uint32_t i = 0; cost && i < s->n; i++) {
		struct mark *m = &s->m[(s->begin + i) % marks_of(r)];
		uint64_t part = MIN(m->n, cost);

		if (m->at_ms < at_ms)
			continue;
		m->n -= part;
		cost -= part;
	}
}

void rate_move(const struct rate_use *u, size_t n, uint64_t cost,
	       int64_t from_ms, int64_t to_ms)
{
	struct slot s;

	if (lock(u, n, LOCK_EX, LONG_TRIES) < 0)
		return;
	for (size_t i = 0; i < n; i++) {
		slot_read(&u[i], &s, to_ms);
		forget_old(u[i].rate, &s, to_ms);
		unspend(u[i].rate, &s, MIN(cost, u[i].rate->most), from_ms);
		spend(u[i].rate, &s, cost, to_ms);
		slot_write(&u[i], &s);
	}
	unlock(u, n);
}

/* ---- the shared file ---- */

#define SALT_SIZE 32

/* What the names of files are keyed with: made once, whoever comes first. */
static int read_salt(int folder, uint8_t *salt, struct buf *err)
{
	char name[48] = "salt";
	uint8_t made[SALT_SIZE];
	int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0) {
		digest_random(made, sizeof made);
		snprintf(name, sizeof name, "salt.%ld", (long)getpid());
		fd = openat(folder, name,
			    O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		if (fd < 0 || file_write_all(fd, made, sizeof made) < 0) {
			fail(err, "salt: %s", strerror(errno));
			if (fd >= 0)
				close(fd);
			return -1;
		}
		close(fd);
		/* Only the first of several gets the name. */
		if (linkat(folder, name, folder, "salt", 0) < 0 &&
		    errno != EEXIST)
			fail(err, "salt: %s", strerror(errno));
		unlinkat(folder, name, 0);
		fd = openat(folder, "salt", O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	}
	if (fd < 0)
		return fail(err, "salt: %s", strerror(errno));
	if (read(fd, salt, SALT_SIZE) != SALT_SIZE) {
		close(fd);
		return fail(err, "salt: not whole");
	}
	close(fd);
	return 0;
}

static void make_name(struct rate *r, const uint8_t *salt, struct str what)
{
	struct buf text = BUF_INIT, hex = BUF_INIT;
	uint8_t mac[DIGEST_MAX];

	buf_addf(&text, "1 %" PRIu64 " %" PRId64 " %d ", r->most, r->window_ms,
		 r->keyed);
	buf_adds(&text, what);
	digest_hmac(DIGEST_SHA256,
		    (struct str){ (const char *)salt, SALT_SIZE },
		    buf_str(&text), mac);
	buf_addz(&hex, "rate.");
	enc_hex(&hex, mac, 12);
	snprintf(r->name, sizeof r->name, "%s", hex.data);
	buf_release(&text);
	buf_release(&hex);
}

int rate_share(struct rate *r, struct str what, struct buf *err)
{
	uint8_t salt[SALT_SIZE];
	int folder = rundir_open(err);

	if (folder < 0)
		return -1;
	if (read_salt(folder, salt, err) < 0) {
		close(folder);
		return -1;
	}
	make_name(r, salt, what);
	r->fd = openat(folder, r->name,
		       O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	close(folder);
	if (r->fd < 0) {
		fail(err, "%s: %s", r->name, strerror(errno));
		r->name[0] = '\0';
		return -1;
	}
	return 0;
}
