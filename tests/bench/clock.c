/* SPDX-License-Identifier: MIT */
/*
 * clock FILE COMMAND: runs COMMAND with bash, pipefail set, and appends to FILE
 * a line: wall seconds, CPU seconds of it and all that it waited for, and the
 * most memory that one of these processes had, in KiB. Its status is COMMAND's.
 */
#include <sys/resource.h>
#include <sys/wait.h>

#include "common/base.h"

static double seconds(struct timeval t)
{
	return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
	struct rusage used;
	double start = now();
	int status;
	pid_t pid;
	FILE *f;

	if (argc != 3) {
		fputs("usage: clock FILE COMMAND\n", stderr);
		return EX_USAGE;
	}
	pid = fork();
	if (pid == 0) {
		execl("/bin/bash", "bash", "-o", "pipefail", "-c", argv[2],
		      (char *)NULL);
		_exit(127);
	}
	if (pid < 0 || wait4(pid, &status, 0, &used) < 0) {
		perror("clock");
		return EX_OSERR;
	}
	f = fopen(argv[1], "a");
	if (!f ||
	    fprintf(f, "%.3f %.3f %ld\n", now() - start,
		    seconds(used.ru_utime) + seconds(used.ru_stime),
		    used.ru_maxrss) < 0 ||
	    fclose(f) != 0) {
		perror(argv[1]);
		return EX_IOERR;
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : EX_SOFTWARE;
}
