/* SPDX-License-Identifier: MIT */
/*
 * retl-sort: records in key order. All that fits into --memory is sorted there;
 * what does not is sorted piece by piece into runs on disk, which are merged.
 */
#include "bin/retl-sort/sort.h"

#include <sys/resource.h>
#include <sys/stat.h>

#include "bin/retl-sort/outlet.h"
#include "bin/retl-sort/sorter.h"

#include "common/file.h"
#include "common/filter.h"
#include "common/msg.h"
#include "common/opt.h"
#include "common/watch.h"

#define MEMORY_MIN ((uint64_t)64 << 10)
#define MEMORY_MAX ((uint64_t)16 << 30) /* what an entry can point to */
#define RECORD_MAX (((uint64_t)1 << ENTRY_LEN_BITS) - 1)

/* ---- sorting ---- */

static void open_outlet(const struct config *cfg, struct outlet *to)
{
	outlet_open(to, cfg->threaded);
	watch_count("read", NULL);
	watch_count("written", &to->out.n_records);
}

static int finish(const struct config *cfg, struct outlet *to, bool sealed,
		  uint64_t n_dropped)
{
	if (n_dropped)
		msg_info("%" PRIu64 " records left out that have the key of "
			 "another (--unique=%s)",
			 n_dropped,
			 cfg->unique == UNIQUE_LAST ? "last" : "first");
	if (sealed)
		out_seal(&to->out);
	watch_stop(&to->out.n_records);
	outlet_close(to);
	return 0;
}

static int sort(struct config *cfg)
{
	struct outlet to;
	uint64_t n_dropped;
	bool sealed;

	open_outlet(cfg, &to);
	n_dropped = sort_files(cfg, &to, &sealed);
	return finish(cfg, &to, sealed, n_dropped);
}

static int merge(struct config *cfg)
{
	struct outlet to;
	uint64_t n_dropped;
	bool sealed;

	open_outlet(cfg, &to);
	n_dropped = merge_files(cfg, &to.out, &sealed);
	return finish(cfg, &to, sealed, n_dropped);
}

static void check_seal(struct input *in, const char *file)
{
	const char *why = ndjson_seal_fault(&in->in);

	if (!why)
		return;
	/* A wrong count is told with its line, and so with the file. */
	if (strcmp(file, "-") == 0 || str_starts(str_of(why), file))
		die(EX_DATAERR, "%s", why);
	die(EX_DATAERR, "%s: %s", file, why);
}

static int check(struct config *cfg)
{
	struct input in;

	for (size_t i = 0; i < cfg->n_files; i++) {
		input_open(&in, cfg, i);
		while (input_next_ordered(&in) == 1)
			;
		check_seal(&in, cfg->files[i]);
		input_close(&in);
	}
	return 0;
}

/* ---- settings ---- */

/* A limit that a container sets, or UINT64_MAX. */
static uint64_t container_memory(void)
{
	struct buf text = BUF_INIT;
	uint64_t n = UINT64_MAX;
	struct str s;

	if (file_read("/sys/fs/cgroup/memory.max", 64, &text, NULL) == 0) {
		s = buf_str(&text);
		if (s.n && s.s[s.n - 1] == '\n')
			s.n--;
		if (str_to_u64(s, &n) < 0) /* "max" */
			n = UINT64_MAX;
	}
	buf_release(&text);
	return n;
}

/* A quarter of the memory there is; 8 MiB at least, 4 GiB at most. */
static uint64_t default_memory(void)
{
	long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
	uint64_t all = (uint64_t)1 << 30;
	struct rlimit space;

	if (pages > 0 && size > 0)
		all = (uint64_t)pages * (uint64_t)size;
	all = MIN(all, container_memory());
	/* Memory is mapped generously: a block takes three times its size. */
	if (getrlimit(RLIMIT_AS, &space) == 0 && space.rlim_cur / 2 < all)
		all = space.rlim_cur / 2;
	return MIN(MAX(all / 4, (uint64_t)8 << 20), (uint64_t)4 << 30);
}

static enum unique unique_parse(const char *text)
{
	static const char *const names[] = {
		[UNIQUE_FIRST] = "first",
		[UNIQUE_LAST] = "last",
		[UNIQUE_ERROR] = "error",
	};

	if (!text)
		return UNIQUE_NO;
	if (!*text)
		return UNIQUE_FIRST;
	for (int i = UNIQUE_FIRST; i <= UNIQUE_ERROR; i++)
		if (strcmp(text, names[i]) == 0)
			return (enum unique)i;
	opt_die("--unique: '%s' is none of first, last, error", text);
}

static void set_tmpdir(struct config *cfg)
{
	const char *from_env = getenv("TMPDIR");
	struct stat st;

	if (!cfg->tmpdir) {
		cfg->tmpdir = from_env && *from_env ? from_env : "/tmp";
		return;
	}
	/* What was asked for is looked at before the work, not after it. */
	if (stat(cfg->tmpdir, &st) < 0)
		die(EX_NOINPUT, "--tmpdir %s: %s", cfg->tmpdir,
		    strerror(errno));
	if (!S_ISDIR(st.st_mode))
		die(EX_NOINPUT, "--tmpdir %s: not a folder", cfg->tmpdir);
	if (access(cfg->tmpdir, W_OK | X_OK) < 0)
		die(EX_NOINPUT, "--tmpdir %s: %s", cfg->tmpdir,
		    strerror(errno));
}

static void check_limits(const struct config *cfg)
{
	if (cfg->memory < MEMORY_MIN)
		opt_die("--memory: at least 64k");
	if (!cfg->max_record || cfg->max_record > RECORD_MAX)
		opt_die("--max-record: between 1 and %" PRIu64 " bytes",
			RECORD_MAX);
}

static void set_files(struct config *cfg, char **files, int n)
{
	static char dash[] = "-";
	static char *standard_input[] = { dash, NULL };
	size_t n_stdin = 0;

	cfg->files = n ? files : standard_input;
	cfg->n_files = n ? (size_t)n : 1;
	for (size_t i = 0; i < cfg->n_files; i++)
		n_stdin += strcmp(cfg->files[i], "-") == 0;
	if (n_stdin > 1)
		opt_die("standard input (-) is given more than once");
}

int main(int argc, char **argv)
{
	struct config cfg = { .key = KEY_SPEC_INIT,
			      .max_record = NDJSON_MAX_RECORD };
	const char *key = NULL, *unique = NULL;
	uint64_t threads = filter_processors();
	bool want_check = false, want_merge = false;
	struct buf err = BUF_INIT;
	const struct opt opts[] = {
		{ 'k', "key", OPT_STR, &key, "KEY[,KEY...]",
		  "members to sort by: names, or JSON Pointers (/a/b)" },
		{ 'S', "memory", OPT_SIZE, &cfg.memory, "BYTES",
		  "use at most that much (512M); default: a quarter of RAM" },
		{ 'T', "tmpdir", OPT_STR, &cfg.tmpdir, "DIR",
		  "where runs go that do not fit; default: $TMPDIR or /tmp" },
		{ 'u', "unique", OPT_MAYBE, &unique, "first|last|error",
		  "keep one record of a key (the first), or refuse a second" },
		{ 'r', "reverse", OPT_FLAG, &cfg.reverse, NULL,
		  "greatest key first" },
		{ 'c', "check", OPT_FLAG, &want_check, NULL,
		  "write nothing: is it sorted, and sealed?" },
		{ 'm', "merge", OPT_FLAG, &want_merge, NULL,
		  "merge files that are sorted" },
		{ 0, "threads", OPT_COUNT, &threads, "N",
		  "how many processors to use; default: those there are" },
		{ 0, "max-record", OPT_SIZE, &cfg.max_record, "BYTES",
		  "longest line to accept; default: 16M" },
	};
	const struct opt_spec spec = {
		.synopsis =
		    "-k KEY[,KEY...] [-S BYTES] [-T DIR] [-u[first|last|error]]"
		    " [-r] [FILE...]\n"
		    "-k KEY[,KEY...] -m [-u[first|last|error]] [-r] FILE...\n"
		    "-k KEY[,KEY...] -c [-u] [-r] [FILE...]",
		.about = "Write the records in the order of their keys.",
		.opts = opts,
		.n = ARRAY_LEN(opts),
	};
	int n, status;

	msg_init("retl-sort");
	file_outlive_limits();
	cfg.memory = default_memory();
	n = opt_parse(&spec, argc, argv);
	watch_begin();
	if (!key)
		opt_die("--key is required");
	if (key_spec_parse(&cfg.key, key, &err) < 0)
		opt_die("--key: %s", err.data);
	if (want_check && want_merge)
		opt_die("--check and --merge exclude each other");
	cfg.unique = unique_parse(unique);
	if (want_check && cfg.unique != UNIQUE_NO)
		cfg.unique = UNIQUE_ERROR;
	if (!threads)
		opt_die("--threads: at least 1");
	cfg.threaded = threads > 1;
	check_limits(&cfg);
	cfg.memory = MIN(cfg.memory, MEMORY_MAX);
	set_tmpdir(&cfg);
	set_files(&cfg, argv, n);
	status = want_check   ? check(&cfg)
		 : want_merge ? merge(&cfg)
			      : sort(&cfg);
	key_spec_release(&cfg.key);
	return status;
}
