/* SPDX-License-Identifier: MIT */
#include "common/msg.h"

#include <stdatomic.h>

/* Of bytes, as a pipe takes them in one piece. */
#define MAX_LINE 4096

static const char *tool = "retl";
static enum msg_level level = MSG_INFO;
/* The thread that draws knows. */
static atomic_bool on_rows;
static void (*divert)(int status, const char *text);

/* Plain malloc: a message must get out even when memory does not come. */
static struct secret {
	char *text;
	size_t n;
} * secrets;
static size_t n_secrets;

void msg_init(const char *name)
{
	const char *slash = strrchr(name, '/');

	tool = slash ? slash + 1 : name;
}

const char *msg_tool(void)
{
	return tool;
}

void msg_set_level(enum msg_level l)
{
	level = l;
}

enum msg_level msg_get_level(void)
{
	return level;
}

void msg_hide(const char *text, size_t n)
{
	struct secret *more;

	/* One or two letters would blank half of every message. */
	if (n < 4)
		return;
	more = realloc(secrets, (n_secrets + 1) * sizeof *secrets);
	if (!more)
		return;
	secrets = more;
	secrets[n_secrets].text = malloc(n);
	if (!secrets[n_secrets].text)
		return;
	memcpy(secrets[n_secrets].text, text, n);
	secrets[n_secrets++].n = n;
}

void msg_blank(char *line, size_t n)
{
	for (size_t i = 0; i < n_secrets; i++) {
		char *at = line;

		while ((at = memmem(at, n - (size_t)(at - line),
				    secrets[i].text, secrets[i].n)))
			memset(at, '*', secrets[i].n);
	}
}

/* A message is one line: what came from outside may not add another. */
static void flatten(char *line, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
			line[i] = ' ';
}

static void say(const char *kind, const char *fmt, va_list ap)
{
	static const char wipe[] = "\r\033[J";
	/* Longer than what is written: of a secret that is cut, half shows. */
	char text[4 * MAX_LINE + sizeof wipe], *line = text + sizeof wipe - 1;
	int size = 4 * MAX_LINE, head, n;
	size_t before = on_rows ? sizeof wipe - 1 : 0;
	ssize_t unused;

	head = snprintf(line, (size_t)size, "%s: %s", tool, kind);
	n = vsnprintf(line + head, (size_t)(size - head) - 1, fmt, ap);
	n = n < 0 ? head : head + n;
	n = MIN(n, size - 2);
	msg_blank(line, (size_t)n);
	n = MIN(n, MAX_LINE - 2);
	flatten(line, (size_t)n);
	line[n] = '\n';
	memcpy(text, wipe, sizeof wipe - 1);
	/* There is nowhere left to report that stderr does not take it. */
	unused = write(STDERR_FILENO, line - before, (size_t)n + 1 + before);
	(void)unused;
}

void msg_on_rows(bool yes)
{
	on_rows = yes;
}

void msg_divert(void (*f)(int status, const char *text))
{
	divert = f;
}

void die(int status, const char *fmt, ...)
{
	char text[4 * MAX_LINE];
	va_list ap;

	va_start(ap, fmt);
	if (divert) {
		vsnprintf(text, sizeof text, fmt, ap);
		divert(status, text);
	}
	say("error: ", fmt, ap);
	va_end(ap);
	exit(status);
}

void msg_leave(int status, const char *text)
{
	const char *parts[] = { tool, ": error: ", text, "\n" };
	char line[256];
	size_t n = 0;
	ssize_t unused;

	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		for (const char *c = parts[i]; *c && n < sizeof line; c++)
			line[n++] = *c;
	unused = write(STDERR_FILENO, line, n);
	(void)unused;
	_exit(status);
}

void msg_bug(const char *file, int line, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	die(EX_SOFTWARE, "%s:%d: %s (a bug in %s, please report it)", file,
	    line, text, tool);
}

#define MSG_FUNCTION(name, at, kind)    \
	void name(const char *fmt, ...) \
	{                               \
		va_list ap;             \
                                        \
		if (level < (at))       \
			return;         \
		va_start(ap, fmt);      \
		say(kind, fmt, ap);     \
		va_end(ap);             \
	}

MSG_FUNCTION(msg_error, MSG_ERROR, "error: ")
MSG_FUNCTION(msg_warn, MSG_WARN, "warning: ")
MSG_FUNCTION(msg_info, MSG_INFO, "")
MSG_FUNCTION(msg_debug, MSG_DEBUG, "")
