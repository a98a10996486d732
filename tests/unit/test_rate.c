/* SPDX-License-Identifier: MIT */
#include "common/rate.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "common/clock.h"
#include "tap.h"

static void test_one(void)
{
	struct rate r;
	struct rate_use u = { .rate = &r };
	int64_t wait;

	rate_init(&r, 3, 1000, false);
	for (int i = 0; i < 3; i++)
		ok(rate_take(&u, 1, 1, 10 * i) == 0, "within the rate");
	wait = rate_wait_ms(&u, 1, 30);
	ok(wait >= 970 && wait < 1000, "the fourth waits for the first");
	ok(rate_take(&u, 1, 1, 30) == wait, "and takes nothing until then");
	ok(rate_wait_ms(&u, 1, 30 + wait) == 0, "and goes after that");
	ok(rate_wait_ms(&u, 2, 30 + wait) > 0, "two at once wait longer");
	ok(rate_take(&u, 1, 99, 5000) == 0,
	   "what costs more than there is goes alone");
	ok(rate_wait_ms(&u, 1, 5500) > 0, "and uses all of it");
	rate_release(&r);
}

/* Is there a window that holds more than most? sent is in order. */
static size_t worst_window(const int64_t *sent, size_t n, int64_t window)
{
	size_t worst = 0;

	for (size_t i = 0, j = 0; i < n; i++) {
		while (sent[j] <= sent[i] - window)
			j++;
		worst = MAX(worst, i - j + 1);
	}
	return worst;
}

static void test_windows(uint64_t most, int64_t window)
{
	static int64_t sent[4000];
	struct rate r;
	struct rate_use u = { .rate = &r };
	size_t n = 0;
	int64_t tick = 0, ideal;

	rate_init(&r, most, window, false);
	while (n < ARRAY_LEN(sent)) {
		int64_t wait = rate_take(&u, 1, 1, tick);

		if (wait) {
			tick += wait;
			continue;
		}
		sent[n++] = tick;
		tick += (int64_t)(n * 7919 % 13) * (n % 97 == 0 ? 400 : 1);
	}
	ok(worst_window(sent, n, window) <= most,
	   "no window holds more than it may, whatever the pattern");
	ideal = (int64_t)(n / most) * window;
	ok(tick < ideal * 12 / 10 + window, "and little is left unused");
	rate_release(&r);
}

static void test_several(void)
{
	struct rate a, b;
	struct rate_use u[] = { { .rate = &a }, { .rate = &b } };

	rate_init(&a, 10, 1000, false);
	rate_init(&b, 2, 5000, false);
	ok(rate_take(u, 2, 2, 0) == 0, "both have room");
	ok(rate_take(u, 2, 1, 1) > 4000, "one has none");
	ok(rate_wait_ms(&u[0], 8, 1) == 0, "so the other is not spent");
	rate_move(u, 2, 2, 0, 700);
	ok(rate_wait_ms(&u[1], 1, 5100) > 0, "what left later counts later");
	ok(rate_wait_ms(&u[1], 2, 5800) == 0, "once");
	rate_release(&a);
	rate_release(&b);
}

static void test_keyed(void)
{
	struct rate r;
	struct rate_use a = { .rate = &r }, b = { .rate = &r };

	rate_init(&r, 1, 1000, true);
	a.key = rate_key(STR("#general"));
	b.key = rate_key(STR("#random"));
	ok(rate_take(&a, 1, 1, 0) == 0, "a value's first");
	ok(rate_take(&a, 1, 1, 1) > 900, "its second waits");
	ok(rate_take(&b, 1, 1, 1) == 0, "another one's does not");
	rate_release(&r);
}

/* ---- shared ---- */

#define SENT 100000
struct shared {
	size_t n;
	int64_t at[SENT];
};

static void child(struct shared *all, int64_t until)
{
	struct rate r;
	struct rate_use u = { .rate = &r };
	struct buf err = BUF_INIT;

	rate_init(&r, 40, 250, false);
	if (rate_share(&r, STR("token s3cr3t"), &err) < 0)
		_exit(1);
	while (clock_tick_ms() < until) {
		int64_t wait = rate_take(&u, 1, 1, clock_tick_ms());
		size_t i;

		if (wait) {
			usleep(1000);
			continue;
		}
		i = __atomic_fetch_add(&all->n, 1, __ATOMIC_SEQ_CST);
		if (i < SENT)
			all->at[i] = clock_tick_ms();
	}
	rate_release(&r);
	_exit(0);
}

static int compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static void test_processes(void)
{
	struct shared *all = mmap(NULL, sizeof *all, PROT_READ | PROT_WRITE,
				  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int64_t until = clock_tick_ms() + 1500;
	pid_t pids[5];
	int status, bad = 0;

	for (size_t i = 0; i < ARRAY_LEN(pids); i++) {
		pids[i] = fork();
		if (!pids[i])
			child(all, until);
	}
	usleep(300000);
	kill(pids[0], SIGKILL);
	for (size_t i = 0; i < ARRAY_LEN(pids); i++) {
		waitpid(pids[i], &status, 0);
		bad += i > 0 && status != 0;
	}
	qsort(all->at, MIN(all->n, SENT), sizeof *all->at, compare);
	/* A process may lose the processor between taking and noting it. */
	ok(!bad && worst_window(all->at, MIN(all->n, SENT), 200) <= 40,
	   "five processes, one killed: no window holds more than one may");
	ok(all->n > 150, "and they get on");
	munmap(all, sizeof *all);
}

static void test_file(const char *folder)
{
	struct buf err = BUF_INIT, cmd = BUF_INIT;
	struct rate r;
	struct rate_use u = { .rate = &r };

	rate_init(&r, 40, 60000, false);
	ok(rate_share(&r, STR("s3cr3t"), &err) == 0, "a file of its own");
	ok(rate_take(&u, 1, 40, clock_tick_ms()) == 0, "all is spent");
	rate_release(&r);
	rate_init(&r, 40, 60000, false);
	rate_share(&r, STR("s3cr3t"), &err);
	ok(rate_wait_ms(&u, 1, clock_tick_ms()) > 50000,
	   "which the next process knows");
	rate_release(&r);
	rate_init(&r, 40, 60000, false);
	rate_share(&r, STR("other"), &err);
	ok(rate_wait_ms(&u, 1, clock_tick_ms()) == 0,
	   "another credential has another");
	rate_release(&r);
	buf_addf(&cmd, "! grep -rq s3cr3t '%s' && ! ls '%s/retl' | grep -q 3cr",
		 folder, folder);
	ok(system(cmd.data) == 0, "no secret is in it");

	buf_reset(&cmd);
	buf_addf(&cmd,
		 "for f in '%s'/retl/rate.*; do yes | head -c 9000 >$f; done",
		 folder);
	ok(system(cmd.data) == 0, "(files of nonsense)");
	rate_init(&r, 40, 60000, false);
	rate_share(&r, STR("other"), &err);
	ok(rate_wait_ms(&u, 1, clock_tick_ms()) > 50000,
	   "nonsense in it counts as all that there is");
	rate_release(&r);

	buf_reset(&cmd);
	buf_addf(&cmd, "%s/retl", folder);
	chmod(cmd.data, 0755);
	rate_init(&r, 1, 1000, false);
	ok(rate_share(&r, STR("x"), &err) < 0,
	   "a folder that others may read is not used");
	ok(rate_take(&u, 1, 1, 1) == 0 && rate_take(&u, 1, 1, 2) > 0,
	   "the rate holds all the same");
	rate_release(&r);
	buf_release(&cmd);
	buf_release(&err);
}

/* A limit for files is what a full disk is, and needs nobody's rights. */
static void test_full(bool keyed)
{
	struct rlimit was, none;
	struct buf err = BUF_INIT;
	struct rate r, other;
	struct rate_use u = { .rate = &r, .key = keyed ? 77 : 0 };
	struct rate_use v = { .rate = &other, .key = u.key };
	int64_t tick = clock_tick_ms();

	rate_init(&r, 3, 60000, keyed);
	ok(rate_share(&r, STR("full"), &err) == 0, "(shared)");
	ok(rate_take(&u, 1, 2, tick) == 0, "while there is room");
	getrlimit(RLIMIT_FSIZE, &was);
	none = was;
	none.rlim_cur = 0;
	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &none);
	ok(rate_take(&u, 1, 1, tick) == 0, "the last is spent on a full disk");
	ok(rate_wait_ms(&u, 1, tick) > 50000,
	   "and counted, with those before it");
	setrlimit(RLIMIT_FSIZE, &was);
	signal(SIGXFSZ, SIG_DFL);
	rate_init(&other, 3, 60000, keyed);
	ok(rate_share(&other, STR("full"), &err) == 0 &&
	       rate_wait_ms(&v, 1, tick) == 0 &&
	       rate_wait_ms(&v, 2, tick) > 50000,
	   "others know of those before it only");
	rate_release(&r);
	rate_release(&other);
	buf_release(&err);
}

int main(void)
{
	char folder[] = "/tmp/retl-test.XXXXXX";
	struct buf cmd = BUF_INIT;

	if (!mkdtemp(folder))
		return 99;
	setenv("XDG_RUNTIME_DIR", folder, 1);
	test_one();
	test_windows(150, 10000);
	test_windows(3, 1000);
	test_windows(1000, 60000);
	test_several();
	test_keyed();
	test_processes();
	test_full(false);
	test_full(true);
	test_file(folder);
	buf_addf(&cmd, "rm -rf '%s'", folder);
	ok(system(cmd.data) == 0, "(tidied up)");
	buf_release(&cmd);
	return tap_done();
}
