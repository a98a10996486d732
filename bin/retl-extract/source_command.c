/* SPDX-License-Identifier: MIT */
/*
 * A command run as a child: its exit status vouches for the end of what it
 * wrote.
 */
#include "bin/retl-extract/source.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

#include "common/mem.h"

struct command {
	const char *name;
	struct input in;
	struct reader *reader;
	pid_t pid; /* 0: not running any more */
};

/* For the signal handler. */
static volatile pid_t child;

static void pass_on(int sig)
{
	if (child > 0)
		kill(child, sig);
	signal(sig, SIG_DFL);
	raise(sig);
}

/* A signal that we were told to ignore stays ignored, as the shell means it. */
static void forward_signals(void)
{
	static const int sigs[] = { SIGINT, SIGTERM, SIGHUP };

	for (size_t i = 0; i < ARRAY_LEN(sigs); i++) {
		struct sigaction old, new = { .sa_handler = pass_on };

		sigaction(sigs[i], NULL, &old);
		if (old.sa_handler != SIG_IGN)
			sigaction(sigs[i], &new, NULL);
	}
}

/* The end of the pipe that the child's output comes out of, or -1. */
static int spawn(struct command *s, char **argv, struct failure *f)
{
	posix_spawn_file_actions_t actions;
	int fds[2], error;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return failed(f, EX_OSERR, "pipe: %s", strerror(errno));
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, fds[1], STDOUT_FILENO);
	error = posix_spawnp(&s->pid, argv[0], &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	close(fds[1]);
	if (error) {
		close(fds[0]);
		s->pid = 0;
		return failed(
		    f,
		    error == EAGAIN || error == ENOMEM ? EX_OSERR : EX_NOINPUT,
		    "%s: cannot be run: %s", argv[0], strerror(error));
	}
	child = s->pid;
	return fds[0];
}

/* The child's status, or -1 if the system does not tell it. */
static int reap(struct command *s)
{
	siginfo_t info;
	int status = -1;

	/* Waited for first, taken away second: its number must stay its own
	 * for as long as the signal handler may use it. */
	while (waitid(P_PID, (id_t)s->pid, &info, WEXITED | WNOWAIT) < 0 &&
	       errno == EINTR)
		;
	child = 0;
	if (waitpid(s->pid, &status, 0) < 0)
		status = -1;
	s->pid = 0;
	return status;
}

/* Whoever stops before the end stops the child too. */
static void command_close(void *self)
{
	struct command *s = self;

	reader_free(s->reader);
	input_close(&s->in);
	if (s->pid) {
		kill(s->pid, SIGTERM);
		reap(s);
	}
	free(s);
}

static void *command_open(const struct source_args *a, struct failure *f)
{
	struct command *s = xcalloc(1, sizeof *s);
	int fd;

	s->in.fd = -1;
	s->name = a->command[0];
	forward_signals();
	/* If it was ignored, no status would come. */
	signal(SIGCHLD, SIG_DFL);
	fd = spawn(s, a->command, f);
	if (fd >= 0) {
		struct reader_options text = a->text;

		text.lines_by_default = true;
		input_from_fd(&s->in, fd, s->name, a->rows);
		s->reader = reader_new(&text, &s->in, f);
	}
	if (!s->reader) {
		command_close(s);
		return NULL;
	}
	return s;
}

/* A status of the table that retl's tools share is passed on. */
static int check_status(const char *name, int status, struct failure *f)
{
	int code;

	if (status < 0)
		return failed(f, EX_OSERR, "%s: its status is not known", name);
	if (WIFSIGNALED(status))
		return failed(f, EX_UNAVAILABLE,
			      "%s: was ended by signal %d (%s): its output may "
			      "not be all",
			      name, WTERMSIG(status),
			      strsignal(WTERMSIG(status)));
	code = WEXITSTATUS(status);
	if (code == 0)
		return 0;
	return failed(
	    f, code >= EX_USAGE && code <= EX_CONFIG ? code : EX_UNAVAILABLE,
	    "%s: ended with status %d: its output may not be all", name, code);
}

/*
 * The end of the output; what a command that failed has written is not worth
 * complaining about. Its own message comes first, on its standard error.
 */
static int command_next(void *self, struct rows *rows, struct failure *f)
{
	struct command *s = self;
	int got = reader_next(s->reader, rows, f);

	if (got == 0 || (got < 0 && input_at_end(&s->in)))
		if (check_status(s->name, reap(s), f) < 0)
			return -1;
	return got;
}

static const char *command_doubt(void *self)
{
	struct command *s = self;
	const char *why = NULL;

	return reader_verdict(s->reader, &why) == READER_UNSEALED ? why : NULL;
}

const struct source source_command = {
	.open = command_open,
	.next = command_next,
	.doubt = command_doubt,
	.close = command_close,
};
