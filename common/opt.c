/* SPDX-License-Identifier: MIT */
#include "common/opt.h"

#include "common/mem.h"
#include "common/msg.h"
#include "common/str.h"

/* What every tool has; handled here. */
static bool want_help, want_version, want_table, want_quiet, want_verbose;
static struct opt_watch watch;
static int dashes = -1;

static const struct opt common_opts[] = {
	{ 0, "quiet", OPT_FLAG, &want_quiet, NULL, "write errors only" },
	{ 'v', "verbose", OPT_FLAG, &want_verbose, NULL,
	  "say more about what happens" },
	{ 0, "progress", OPT_MAYBE, &watch.progress, "always|auto|never",
	  "show on the terminal how far it is" },
	{ 0, "stats", OPT_STR, &watch.stats, "FILE",
	  "write what was done to FILE, as a JSON object" },
	{ 0, "metrics", OPT_STR, &watch.metrics, "FILE",
	  "the same for Prometheus' textfile collector" },
	{ 0, "help", OPT_FLAG, &want_help, NULL, "print this help" },
	{ 0, "version", OPT_FLAG, &want_version, NULL, "print the version" },
	{ 0, "help-options", OPT_FLAG, &want_table, NULL,
	  "print the options as a table, for completion" },
};

const struct opt_watch *opt_watch(void)
{
	return &watch;
}

void opt_die(const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	msg_error("%s", text);
	fprintf(stderr, "Try '%s --help'.\n", msg_tool());
	exit(EX_USAGE);
}

static bool takes_value(const struct opt *o)
{
	return o->type != OPT_FLAG && o->type != OPT_MAYBE;
}

static void set(const struct opt *o, const char *value)
{
	struct opt_list *list;
	uint64_t n;

	switch (o->type) {
	case OPT_FLAG:
		*(bool *)o->to = true;
		break;
	case OPT_STR:
	case OPT_MAYBE:
		*(const char **)o->to = value;
		break;
	case OPT_LIST:
		list = o->to;
		GROW(list->v, list->n, list->cap);
		list->v[list->n++] = value;
		break;
	case OPT_COUNT:
		if (str_to_u64(str_of(value), &n) < 0)
			opt_die("--%s: '%s' is not a whole number", o->name,
				value);
		*(uint64_t *)o->to = n;
		break;
	case OPT_SIZE:
		if (str_to_size(str_of(value), &n) < 0)
			opt_die("--%s: '%s' is not a size (such as 64M)",
				o->name, value);
		*(uint64_t *)o->to = n;
		break;
	}
}

static const struct opt *find(const struct opt_spec *spec, char letter,
			      const char *name, size_t n)
{
	for (size_t i = 0; i < spec->n + ARRAY_LEN(common_opts); i++) {
		const struct opt *o =
		    i < spec->n ? &spec->opts[i] : &common_opts[i - spec->n];

		if (name ? strlen(o->name) == n && !memcmp(o->name, name, n)
			 : o->letter && o->letter == letter)
			return o;
	}
	return NULL;
}

/* "--name", "--name=value" or "--name" "value"; returns arguments used. */
static int parse_long(const struct opt_spec *spec, const char *arg,
		      const char *next)
{
	const char *name = arg + 2, *eq = strchr(name, '=');
	size_t n = eq ? (size_t)(eq - name) : strlen(name);
	const struct opt *o = find(spec, 0, name, n);

	if (!o)
		opt_die("there is no option --%.*s", (int)n, name);
	if (o->type == OPT_FLAG && eq)
		opt_die("--%s takes no value", o->name);
	if (!takes_value(o) || eq) {
		set(o, eq ? eq + 1 : "");
		return 1;
	}
	if (!next)
		opt_die("--%s needs a value: %s", o->name, o->arg);
	set(o, next);
	return 2;
}

/* "-abc", "-kVALUE" or "-k" "VALUE"; returns arguments used. */
static int parse_letters(const struct opt_spec *spec, const char *arg,
			 const char *next)
{
	for (const char *p = arg + 1; *p; p++) {
		const struct opt *o = find(spec, *p, NULL, 0);

		if (!o)
			opt_die("there is no option -%c", *p);
		if (o->type == OPT_FLAG) {
			set(o, "");
			continue;
		}
		if (o->type == OPT_MAYBE) {
			set(o, p[1] == '=' ? p + 2 : p + 1);
			return 1;
		}
		if (p[1]) {
			set(o, p + 1);
			return 1;
		}
		if (!next)
			opt_die("-%c needs a value: %s", *p, o->arg);
		set(o, next);
		return 2;
	}
	return 1;
}

static void print_synopsis(const struct opt_spec *spec)
{
	struct str rest = str_of(spec->synopsis), line;
	const char *lead = "usage:";

	while (str_split(&rest, '\n', &line)) {
		printf("%s %s %.*s\n", lead, msg_tool(), STR_ARG(line));
		lead = "      ";
	}
}

static void print_option(const struct opt *o)
{
	char left[64];
	int n;

	n = snprintf(left, sizeof left, "  %c%c%c --%s%s%s%s",
		     o->letter ? '-' : ' ', o->letter ? o->letter : ' ',
		     o->letter ? ',' : ' ', o->name,
		     o->type == OPT_MAYBE ? "[" : "", o->arg ? "=" : "",
		     o->arg ? o->arg : "");
	printf("%s%s%*s %s\n", left, o->type == OPT_MAYBE ? "]" : "",
	       n < 30 ? 30 - n - (o->type == OPT_MAYBE) : 0, "", o->help);
}

static NORETURN void print_help(const struct opt_spec *spec)
{
	print_synopsis(spec);
	printf("\n%s\n\n", spec->about);
	for (size_t i = 0; i < spec->n; i++)
		print_option(&spec->opts[i]);
	for (size_t i = 0; i < ARRAY_LEN(common_opts); i++)
		print_option(&common_opts[i]);
	printf("\nThe whole story: man %s, man retl.\n", msg_tool());
	exit(fflush(stdout) ? EX_IOERR : 0);
}

/* letter (or -), name, value's name (or -), help: tabs between. */
static NORETURN void print_table(const struct opt_spec *spec)
{
	for (size_t i = 0; i < spec->n + ARRAY_LEN(common_opts); i++) {
		const struct opt *o =
		    i < spec->n ? &spec->opts[i] : &common_opts[i - spec->n];

		printf("%c\t%s\t%s\t%s\n", o->letter ? o->letter : '-', o->name,
		       o->arg ? o->arg : "-", o->help);
	}
	exit(fflush(stdout) ? EX_IOERR : 0);
}

static void apply_common(const struct opt_spec *spec)
{
	if (want_help)
		print_help(spec);
	if (want_table)
		print_table(spec);
	if (want_version) {
		printf("%s (retl) %s\n", msg_tool(), RETL_VERSION);
		exit(fflush(stdout) ? EX_IOERR : 0);
	}
	if (want_quiet)
		msg_set_level(MSG_ERROR);
	else if (want_verbose)
		msg_set_level(MSG_DEBUG);
}

int opt_parse(const struct opt_spec *spec, int argc, char **argv)
{
	int n = 0, i = 1;

	while (i < argc) {
		char *arg = argv[i], *next = i + 1 < argc ? argv[i + 1] : NULL;

		if (strcmp(arg, "--") == 0) {
			dashes = n;
			i++;
			break;
		}
		if (arg[0] != '-' || !arg[1]) {
			if (spec->operands_last)
				break;
			argv[n++] = arg;
			i++;
		} else if (arg[1] == '-') {
			i += parse_long(spec, arg, next);
		} else {
			i += parse_letters(spec, arg, next);
		}
	}
	while (i < argc)
		argv[n++] = argv[i++];
	argv[n] = NULL;
	apply_common(spec);
	return n;
}

int opt_dashes(void)
{
	return dashes;
}
