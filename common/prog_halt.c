/* SPDX-License-Identifier: MIT */
#include "common/prog_halt.h"

#include <fcntl.h>
#include <signal.h>
#include <time.h>

#include "common/msg.h"
#include "common/prog.h"

#define TICK_MS 25
/* Told to halt, it has this much longer before the process ends. */
#define STUCK_TICKS 400
#define STUCK_BYTES (4 * GUARD_BYTES)

static timer_t timer;
static bool has_timer;
static volatile sig_atomic_t is_ticking;
static jq_state *volatile running;
static volatile sig_atomic_t n_ticks, told_at, cause;
static volatile unsigned most_ticks;
static volatile size_t bytes_before;
static void (*volatile before_end)(void);

void prog_before_end(void (*call)(void))
{
	before_end = call;
}

static void set_timer(bool on)
{
	struct timespec tick = { 0, on ? TICK_MS * 1000000L : 0 };
	struct itimerspec t = { .it_interval = tick, .it_value = tick };

	is_ticking = on;
	timer_settime(timer, 0, &t, NULL);
}

/* How much memory the process has; by calls that a handler may make. */
static size_t resident_bytes(void)
{
	char text[128];
	int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof text - 1);
	size_t pages = 0;
	ssize_t i = 0;

	if (fd >= 0)
		close(fd);
	while (i < n && text[i] != ' ')
		i++;
	for (i++; i < n && isdigit((uint8_t)text[i]); i++)
		pages = pages * 10 + (size_t)(text[i] - '0');
	return pages * 4096;
}

static void tell(jq_state *jq, enum guard_cause why)
{
	if (cause)
		return;
	cause = why;
	told_at = n_ticks;
	if (!jq_halted(jq))
		jq_halt(jq, jv_null(), jv_null());
}

static NORETURN void end_process(void)
{
	if (before_end)
		before_end();
	msg_leave(EX_CONFIG, "a step of a jq program does not end");
}

static void on_tick(int sig)
{
	int was = errno;
	jq_state *jq = running;
	size_t bytes;

	(void)sig;
	if (!jq) {
		/* Nothing has run for a whole tick, or almost. */
		set_timer(false);
		errno = was;
		return;
	}
	bytes = resident_bytes();
	if (!n_ticks)
		bytes_before = bytes;
	n_ticks = n_ticks + 1;
	if (n_ticks > (sig_atomic_t)most_ticks)
		tell(jq, GUARD_TIME);
	else if (bytes > bytes_before + GUARD_BYTES)
		tell(jq, GUARD_MEMORY);
	if (cause && (n_ticks - told_at > STUCK_TICKS ||
		      bytes > bytes_before + STUCK_BYTES))
		end_process();
	errno = was;
}

static void start(void)
{
	struct sigaction act = { .sa_handler = on_tick,
				 .sa_flags = SA_RESTART };
	struct sigevent ev = { .sigev_notify = SIGEV_SIGNAL,
			       .sigev_signo = SIGVTALRM };

	sigemptyset(&act.sa_mask);
	sigaction(SIGVTALRM, &act, NULL);
	if (timer_create(CLOCK_THREAD_CPUTIME_ID, &ev, &timer) < 0)
		die(EX_OSERR, "a timer: %s", strerror(errno));
	has_timer = true;
}

void halt_begin(jq_state *jq, unsigned limit_ms)
{
	if (!has_timer)
		start();
	n_ticks = 0;
	cause = GUARD_NONE;
	most_ticks = (limit_ms + TICK_MS - 1) / TICK_MS;
	running = jq;
	if (!is_ticking)
		set_timer(true);
}

enum guard_cause halt_end(void)
{
	running = NULL;
	return (enum guard_cause)cause;
}
