/* SPDX-License-Identifier: MIT */
#include "common/process.h"

#include <dirent.h>

#include "common/file.h"

bool process_read(pid_t pid, struct process *p)
{
	char path[32], state;
	struct buf stat = BUF_INIT;
	unsigned long long started;
	const char *name_end;
	int parent, group;
	bool known = false;

	snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	if (file_read(path, 65536, &stat, NULL) == 0) {
		/* "12 (name) S 11 10": the name may hold anything. */
		name_end = strrchr(stat.data, ')');
		known = name_end &&
			sscanf(name_end,
			       ") %c %d %d %*d %*d %*d %*u %*u %*u %*u "
			       "%*u %*u %*u %*d %*d %*d %*d %*d %*d %llu",
			       &state, &parent, &group, &started) == 4;
	}
	if (known)
		*p = (struct process){
			.pid = pid,
			.parent = parent,
			.group = group,
			.ended = state == 'Z' || state == 'X',
			.started = started,
		};
	buf_release(&stat);
	return known;
}

bool process_any(bool (*is)(const struct process *p, void *arg), void *arg)
{
	DIR *proc = opendir("/proc");
	struct dirent *d;
	struct process p;
	bool yes = false;

	while (!yes && proc && (d = readdir(proc))) {
		char *end;
		long pid = strtol(d->d_name, &end, 10);

		yes = pid > 0 && !*end && process_read((pid_t)pid, &p) &&
		      is(&p, arg);
	}
	if (proc)
		closedir(proc);
	return yes;
}
