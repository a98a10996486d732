/* SPDX-License-Identifier: MIT */
/*
 * Runs a command and appends to a file how much memory it had at most, in KiB.
 * Ends as the command ended.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "common/file.h"
#include "common/msg.h"

static void note(const char *path, long kib)
{
	char line[32];
	int n = snprintf(line, sizeof line, "%ld\n", kib);
	int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0 || file_write_all(fd, line, (size_t)n) < 0 || close(fd) < 0)
		die(EX_IOERR, "%s: %s", path, strerror(errno));
}

int main(int argc, char **argv)
{
	struct rusage use;
	int status;
	pid_t pid;

	msg_init("peak");
	if (argc < 3)
		die(EX_USAGE, "usage: peak FILE COMMAND ARG...");
	pid = fork();
	if (pid < 0)
		die(EX_OSERR, "fork: %s", strerror(errno));
	if (pid == 0) {
		execvp(argv[2], argv + 2);
		die(127, "%s: %s", argv[2], strerror(errno));
	}
	while (wait4(pid, &status, 0, &use) < 0)
		if (errno != EINTR)
			die(EX_OSERR, "wait: %s", strerror(errno));
	note(argv[1], use.ru_maxrss);
	if (WIFSIGNALED(status)) {
		signal(WTERMSIG(status), SIG_DFL);
		raise(WTERMSIG(status));
	}
	return WEXITSTATUS(status);
}
