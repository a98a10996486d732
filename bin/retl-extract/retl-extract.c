/* SPDX-License-Identifier: MIT */
/*
 * Rows of a dataset as a stream. The stream is sealed if the source proved
 * that these were all rows, and nothing narrowed them; an error in mid-stream
 * never looks like the end.
 */
#include <fcntl.h>

#include "bin/retl-extract/cancel.h"
#include "bin/retl-extract/dataset.h"
#include "bin/retl-extract/describe.h"
#include "bin/retl-extract/source.h"
#include "common/file.h"
#include "common/key.h"
#include "common/mem.h"
#include "common/msg.h"
#include "common/opt.h"
#include "common/watch.h"

#define NO_LIMIT UINT64_MAX
#define RETRIES 6
#define SHARDS_MAX 65536

struct config {
	const char *query, *query_file, *source_path;
	struct opt_list params;
	const char *format, *delimiter, *null, *columns, *wide_numbers;
	const char *cacert;
	uint64_t limit, max_record, retries;
	const char *key, *shard, *cursor;
	const char *dialect, *stream, *state;
	bool list, list_sources, schema;
	char **operands;
	size_t n_operands;
	char **command;
};

/* Where the pieces of struct source_args live. */
struct job {
	struct source_args args;
	struct source_file file;
	struct buf query;
	struct cursor cursor;
	struct tap tap;
	struct key_spec key;
	struct str names[KEY_MAX]; /* of the key's columns */
	bool from_file;            /* the URL stands in a source file */
};

static NORETURN void give_up(const struct failure *f)
{
	if (f->status == EX_USAGE)
		opt_die("%s", f->text.data);
	die(f->status, "%s", f->text.data);
}

/* ---- from the command line to a job ---- */

static bool is_name(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!isalnum((unsigned char)s.s[i]) && s.s[i] != '_')
			return false;
	return s.n && !isdigit((unsigned char)*s.s);
}

static void take_params(const struct config *cfg, struct source_args *a)
{
	const struct opt_list *list = &cfg->params;

	/* One more: the cursor. */
	a->params = xcalloc(list->n + 1, sizeof *a->params);
	for (size_t i = 0; i < list->n; i++) {
		const char *eq = strchr(list->v[i], '=');
		struct param p = { .name = { list->v[i],
					     eq ? (size_t)(eq - list->v[i])
						: 0 } };

		if (!eq || !is_name(p.name))
			opt_die("-p '%.*s': expected NAME=VALUE, with a name "
				"of letters, digits and _",
				eq ? (int)p.name.n : (int)strlen(list->v[i]),
				list->v[i]);
		p.value = str_of(eq + 1);
		if (source_find_param(a, p.name))
			opt_die("-p %.*s: is given twice", STR_ARG(p.name));
		a->params[a->n_params++] = p;
	}
}

static void take_cursor(const struct config *cfg, struct job *job,
			struct failure *f)
{
	struct source_args *a = &job->args;
	struct param p = { .name = STR("cursor") };

	if (!cfg->cursor)
		return;
	if (source_find_param(a, p.name))
		opt_die("-p cursor and --cursor exclude each other");
	if (cursor_open(&job->cursor, cfg->cursor, f) < 0)
		give_up(f);
	p.value = buf_str(&job->cursor.value);
	p.null = !p.value.n;
	a->params[a->n_params++] = p;
}

static void take_key(const struct config *cfg, struct job *job,
		     struct failure *f)
{
	if (!cfg->key)
		return;
	if (key_spec_parse(&job->key, cfg->key, &f->text) < 0)
		opt_die("-k: %s", f->text.data);
	for (size_t i = 0; i < job->key.n; i++) {
		job->names[i] = job->key.part[i].name;
		if (*job->names[i].s == '/')
			opt_die("-k %.*s: a source orders by columns only; use "
				"retl-sort(1)",
				STR_ARG(job->names[i]));
	}
	/* 10 is behind 9, "10" is not. */
	if (cfg->wide_numbers)
		opt_die("-k and --wide-numbers exclude each other");
	job->args.key = job->names;
	job->args.n_key = job->key.n;
}

/* "2/8" */
static void take_shard(const struct config *cfg, struct source_args *a)
{
	struct str rest = str_of(cfg->shard), part;

	if (!cfg->shard)
		return;
	if (!str_split(&rest, '/', &part) || str_to_u64(part, &a->shard) < 0 ||
	    !rest.s || str_to_u64(rest, &a->n_shards) < 0 || !a->shard ||
	    a->shard > a->n_shards || a->n_shards > SHARDS_MAX)
		opt_die("--shard: expected I/N, where I is from 1 to N and N "
			"up to %d",
			SHARDS_MAX);
	if (!cfg->key)
		opt_die("--shard divides the rows by their key: add -k");
}

/* The option, or the source file's setting of that name. */
static const char *setting(const struct job *job, const char *option,
			   const char *name)
{
	if (option || !job->from_file)
		return option;
	return source_file_setting(&job->file, name);
}

/* An option is wrong, or else the source file, where it stands. */
static NORETURN void bad_setting(const struct job *job, const char *option,
				 const char *name, const char *what)
{
	if (option)
		opt_die("--%s: %s", name, what);
	die(EX_CONFIG, "%s: settings: %s: %s", job->file.path, name, what);
}

static void take_format(const struct config *cfg, struct job *job)
{
	const char *format = setting(job, cfg->format, "format");

	if (format && format_parse(format, &job->args.text.format) < 0)
		bad_setting(job, cfg->format, "format",
			    "is not csv, tsv, ndjson, json or parquet");
}

static void take_delimiter(const struct config *cfg, struct job *job)
{
	const char *text = setting(job, cfg->delimiter, "delimiter");

	if (!text)
		return;
	if (strcmp(text, "\\t") == 0 || strcmp(text, "tab") == 0)
		text = "\t";
	if (strlen(text) != 1 || strchr("\"\r\n", *text) ||
	    (unsigned char)*text >= 0x80)
		bad_setting(job, cfg->delimiter, "delimiter",
			    "must be one character, or tab, and not a quote");
	job->args.text.delimiter = *text;
}

static void take_text_options(const struct config *cfg, struct job *job)
{
	struct reader_options *o = &job->args.text;

	take_format(cfg, job);
	take_delimiter(cfg, job);
	o->null = setting(job, cfg->null, "null");
	o->columns = setting(job, cfg->columns, "columns");
	o->max_record = cfg->max_record;
}

/* --dialect and what belongs to it. */
static void take_dialect(const struct config *cfg, struct job *job,
			 struct failure *f)
{
	struct tap *t = &job->tap;

	if (!cfg->dialect) {
		if (cfg->stream || cfg->state)
			opt_die("--stream and --state need a --dialect");
		return;
	}
	if (dialect_parse(cfg->dialect, &t->dialect) < 0)
		opt_die("--dialect: is not singer or airbyte");
	if (job->args.text.format)
		opt_die("--dialect and --format exclude each other");
	t->stream = cfg->stream;
	t->state_file = cfg->state;
	job->args.text.tap = t;
	if (tap_open(t, cfg->command, f) < 0)
		give_up(f);
}

/* The text of the query into job->query, wherever it stands. */
static int fetch_query(const struct config *cfg, struct job *job,
		       bool *has_query, struct failure *f)
{
	if (cfg->query)
		buf_addz(&job->query, cfg->query);
	if (cfg->query_file)
		return query_read(cfg->query_file, &job->query, f);
	if (job->from_file && cfg->n_operands)
		return source_file_query(&job->file, cfg->operands[0],
					 &job->query, has_query, f);
	return 0;
}

static void take_query(const struct config *cfg, struct job *job,
		       struct failure *f)
{
	const char *dataset = cfg->n_operands ? cfg->operands[0] : NULL;
	bool has_query = cfg->query || cfg->query_file;

	if (cfg->query && cfg->query_file)
		opt_die("--query and --query-file exclude each other");
	if (has_query && dataset)
		opt_die("a dataset is a query already: '%s' and --query "
			"exclude each other",
			dataset);
	if (fetch_query(cfg, job, &has_query, f) < 0)
		give_up(f);
	job->args.dataset = dataset;
	if (has_query)
		job->args.query = buf_str(&job->query);
}

/* Takes the URL off the operands, or out of the source file. */
static void take_url(struct config *cfg, struct job *job, struct failure *f)
{
	if (cfg->source_path) {
		if (source_file_load(&job->file, cfg->source_path, f) < 0)
			give_up(f);
		job->from_file = true;
		job->args.url = job->file.url;
		return;
	}
	if (!cfg->n_operands)
		opt_die("a source is missing: a URL, a path, - or -- COMMAND");
	job->args.url = *cfg->operands++;
	cfg->n_operands--;
}

/* Is what is asked for something that this source has? */
static void check_fit(const struct job *job, const struct source *src)
{
	const struct source_args *a = &job->args;

	if (a->n_key && !src->can_order)
		opt_die("-k: this source cannot order its rows; use "
			"retl-sort(1)");
	if (a->n_shards && !src->can_shard)
		opt_die("--shard: this source cannot divide its rows");
	if (a->n_params && src->no_binding)
		opt_die("-p, --cursor: this source takes no parameters");
	if (src->has_datasets) {
		if (a->text.tap)
			opt_die("--dialect is for files and commands");
		if (a->text.format || a->text.delimiter || a->text.null ||
		    a->text.columns)
			opt_die("--format, --delimiter, --null and --columns "
				"are for files and commands");
		if (!a->query.s && !a->dataset && job->from_file)
			opt_die("which dataset? (--list shows those of %s)",
				job->file.path);
		if (!a->query.s && !a->dataset)
			opt_die("which rows? Add --query SQL or the name of a "
				"table (--list shows them)");
		return;
	}
	if (a->query.s)
		opt_die("a file or a command takes no query");
	if (a->dataset && !job->from_file)
		opt_die("a file or a command has no dataset '%s'", a->dataset);
	if (a->n_params)
		opt_die("-p, --cursor: a file or a command has no query to "
			"bind it to");
}

/* Everything about where to read but the source itself. */
static void take_source(struct config *cfg, struct job *job, struct failure *f)
{
	if (cfg->command) {
		if (cfg->n_operands || cfg->source_path)
			opt_die("a source and a command exclude each other");
		job->args.command = cfg->command;
	} else {
		take_url(cfg, job, f);
	}
	if (cfg->n_operands > 1)
		opt_die("too many operands: '%s'", cfg->operands[1]);
	take_text_options(cfg, job);
	take_dialect(cfg, job, f);
	job->args.cacert = cfg->cacert;
	job->args.retries = cfg->retries;
}

static const struct source *find_source(struct job *job, struct failure *f)
{
	const struct source *src = source_find(&job->args, f);

	if (!src && job->from_file)
		die(EX_CONFIG, "%s: url: %s", job->file.path, f->text.data);
	if (!src)
		give_up(f);
	return src;
}

/* ---- doing it ---- */

/* Are these all rows? Tells it if not, unless it was asked for. */
static bool is_complete(const struct config *cfg, const struct source *src,
			void *s)
{
	const char *doubt = src->doubt ? src->doubt(s) : NULL;

	if (cfg->limit != NO_LIMIT) {
		msg_debug("not sealed: --limit was given");
		return false;
	}
	if (doubt)
		msg_warn("not sealed: %s", doubt);
	return !doubt;
}

/* Of no rows too the columns may be known: --cursor must name one. */
static int check_cursor(const struct config *cfg, const struct job *job,
			const struct columns *c, const struct rows *rows,
			struct failure *f)
{
	if (!cfg->cursor || rows->out.n_records || !c)
		return 0;
	return cursor_check(
	    &job->cursor, columns_find(c, str_of(job->cursor.column)) >= 0, f);
}

/* Where to go on next time; the rows have been written by now. */
static int save_cursor(struct job *job, const struct rows *rows,
		       struct failure *f)
{
	struct cursor *c = &job->cursor;

	if (!c->value.len && !rows->out.n_records)
		msg_warn("--cursor: %s is empty, so :cursor is NULL, and there "
			 "are no rows: does the query know what to do with "
			 "NULL?",
			 c->file);
	return cursor_save(c, f);
}

/* Behind the last row: the seal, if it is due, and the exit status. */
static int finish(const struct config *cfg, struct job *job,
		  const struct source *src, void *s, struct rows *rows)
{
	bool complete = is_complete(cfg, src, s);
	struct failure f = FAILURE_INIT;
	int status = 0;

	if (complete && cfg->cursor)
		msg_debug("not sealed: --cursor was given");
	else if (complete && cfg->dialect && tap_is_delta(&job->tap))
		msg_warn("not sealed: the tap reads what has changed, not all "
			 "rows");
	else if (complete)
		out_seal(&rows->out);
	source_close(src, s);
	out_close(&rows->out);
	msg_debug("%" PRIu64 " rows", rows->out.n_records);
	if (complete && cfg->cursor && save_cursor(job, rows, &f) < 0) {
		msg_error("%s", f.text.data);
		status = f.status;
	}
	if (complete && cfg->state && tap_save(&job->tap, &f) < 0) {
		msg_error("%s", f.text.data);
		status = f.status;
	}
	buf_release(&f.text);
	return status;
}

static int run(const struct config *cfg, struct job *job,
	       const struct source *src)
{
	struct failure f = FAILURE_INIT;
	struct rows rows;
	int got = 1, status;
	void *s;

	rows_init(&rows, STDOUT_FILENO, "standard output");
	rows.out.last = cancel_now;
	watch_count("written", &rows.out.n_records);
	rows.limit = cfg->limit;
	rows.max_record = cfg->max_record;
	rows.wide_strings = cfg->wide_numbers != NULL;
	rows.cursor = cfg->cursor ? &job->cursor : NULL;
	job->args.rows = &rows;
	s = source_open(src, &job->args, &f);
	if (!s)
		give_up(&f);
	while (!rows_full(&rows) && got == 1)
		got = src->next(s, &rows, &f);
	if (got == 0 &&
	    check_cursor(cfg, job, source_columns(src, s), &rows, &f) < 0)
		got = -1;
	if (got < 0) {
		cancel_settle();
		/* What was good goes out; the seal does not. */
		rows_drop(&rows);
		rows_flush(&rows);
		msg_error("%s", f.text.data);
		source_close(src, s);
		status = f.status;
	} else {
		status = finish(cfg, job, src, s, &rows);
	}
	watch_stop(&rows.out.n_records);
	rows_release(&rows);
	buf_release(&f.text);
	return status;
}

/* Names for people and scripts: no stream, so no seal either. */
static int print(struct buf *text)
{
	struct out out;

	out_init(&out, STDOUT_FILENO, "standard output");
	buf_adds(&out.b, buf_str(text));
	out_close(&out);
	buf_release(text);
	return 0;
}

static void list_tables(struct job *job, struct buf *names, struct failure *f)
{
	const struct source *src = find_source(job, f);

	if (!src->list)
		opt_die("--list: a file has no datasets");
	if (src->list(&job->args, names, f) < 0)
		give_up(f);
}

static int list(struct config *cfg, struct job *job, struct failure *f)
{
	struct buf names = BUF_INIT;

	take_source(cfg, job, f);
	if (cfg->query || cfg->query_file || cfg->params.n || cfg->command ||
	    cfg->n_operands)
		opt_die("--list takes a source and nothing else");
	if (job->from_file)
		source_file_list(&job->file, &names);
	else
		list_tables(job, &names, f);
	return print(&names);
}

static int list_sources(void)
{
	struct buf text = BUF_INIT;

	source_put_list(&text);
	return print(&text);
}

static int print_schema(const struct config *cfg, const struct job *job,
			const struct source *src, struct failure *f)
{
	struct columns columns = COLUMNS_INIT;
	struct buf text = BUF_INIT;

	if (!source_can_describe(src))
		opt_die("--schema: this source cannot tell its columns");
	if (source_describe(src, &job->args, &columns, f) < 0)
		give_up(f);
	describe_put(&text, &columns, cfg->wide_numbers != NULL);
	columns_release(&columns);
	return print(&text);
}

static int extract(struct config *cfg, struct job *job, struct failure *f)
{
	const struct source *src;

	take_source(cfg, job, f);
	src = find_source(job, f);
	take_params(cfg, &job->args);
	take_cursor(cfg, job, f);
	take_key(cfg, job, f);
	take_shard(cfg, &job->args);
	take_query(cfg, job, f);
	check_fit(job, src);
	if (cfg->schema)
		return print_schema(cfg, job, src, f);
	return run(cfg, job, src);
}

static void job_release(struct job *job)
{
	free(job->args.params);
	cursor_release(&job->cursor);
	tap_release(&job->tap);
	key_spec_release(&job->key);
	source_file_release(&job->file);
	buf_release(&job->query);
}

/*
 * A file or a connection that is opened must not become a standard stream that
 * was closed: rows or messages would be written into it.
 */
static void check_descriptors(void)
{
	int fd;

	if (fcntl(STDOUT_FILENO, F_GETFD) < 0)
		die(EX_IOERR, "standard output is closed");
	do
		fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

int main(int argc, char **argv)
{
	struct config cfg = { .operands = argv,
			      .limit = NO_LIMIT,
			      .retries = RETRIES,
			      .max_record = NDJSON_MAX_RECORD };
	const struct opt opts[] = {
		{ 'q', "query", OPT_STR, &cfg.query, "SQL", "the query" },
		{ 'f', "query-file", OPT_STR, &cfg.query_file, "FILE",
		  "read the query from a file" },
		{ 'p', "param", OPT_LIST, &cfg.params, "NAME=VALUE",
		  "bind a value to :NAME in the query" },
		{ 's', "source", OPT_STR, &cfg.source_path, "FILE",
		  "a source file with named datasets" },
		{ 'k', "key", OPT_STR, &cfg.key, "KEY",
		  "let the source order by KEY, as retl-sort does" },
		{ 0, "shard", OPT_STR, &cfg.shard, "I/N",
		  "the I-th of N parts, by a hash of the key" },
		{ 0, "cursor", OPT_STR, &cfg.cursor, "COLUMN=FILE",
		  "bind FILE to :cursor, note the largest in FILE.next" },
		{ 0, "schema", OPT_FLAG, &cfg.schema, NULL,
		  "print the columns as a JSON Schema" },
		{ 0, "list", OPT_FLAG, &cfg.list, NULL,
		  "print the names of the datasets" },
		{ 0, "list-sources", OPT_FLAG, &cfg.list_sources, NULL,
		  "print the kinds of sources" },
		{ 0, "limit", OPT_COUNT, &cfg.limit, "N",
		  "stop after N rows, without a seal" },
		{ 0, "dialect", OPT_STR, &cfg.dialect, "NAME",
		  "what a tap writes: singer or airbyte" },
		{ 0, "stream", OPT_STR, &cfg.stream, "NAME",
		  "which of a tap's streams" },
		{ 0, "state", OPT_STR, &cfg.state, "FILE",
		  "note a tap's last state in FILE.next" },
		{ 0, "format", OPT_STR, &cfg.format, "FORMAT",
		  "csv, tsv, ndjson, json or parquet, whatever the name" },
		{ 0, "delimiter", OPT_STR, &cfg.delimiter, "CHAR",
		  "what stands between CSV fields" },
		{ 0, "null", OPT_STR, &cfg.null, "TEXT",
		  "the CSV field that means null" },
		{ 0, "columns", OPT_STR, &cfg.columns, "NAMES",
		  "the CSV columns, where there is no header" },
		{ 0, "wide-numbers", OPT_STR, &cfg.wide_numbers, "string",
		  "numbers that jq would change as strings" },
		{ 0, "cacert", OPT_STR, &cfg.cacert, "FILE",
		  "certificates to trust instead of the system's" },
		{ 0, "retries", OPT_COUNT, &cfg.retries, "N",
		  "how often to repeat a request (6)" },
		{ 0, "max-record", OPT_SIZE, &cfg.max_record, "BYTES",
		  "the longest row (16M)" },
	};
	const struct opt_spec spec = {
		.synopsis = "[-q SQL | -f FILE] [-p NAME=VALUE]... URL "
			    "[DATASET]\n"
			    "-s SOURCE.json DATASET\n"
			    "--schema ...\n"
			    "--list URL | --list -s SOURCE.json\n"
			    "-- COMMAND [ARG]...",
		.about = "Write the rows of a dataset as a stream, sealed if "
			 "they are all there.",
		.opts = opts,
		.n = ARRAY_LEN(opts),
	};
	struct job job = { .file = SOURCE_FILE_INIT,
			   .query = BUF_INIT,
			   .cursor = CURSOR_INIT,
			   .tap = TAP_INIT,
			   .key = KEY_SPEC_INIT };
	struct failure f = FAILURE_INIT;
	int status, n;

	msg_init("retl-extract");
	file_outlive_limits();
	n = opt_parse(&spec, argc, argv);
	watch_begin();
	cfg.n_operands = (size_t)n;
	if (opt_dashes() >= 0 && opt_dashes() < n) {
		cfg.n_operands = (size_t)opt_dashes();
		cfg.command = argv + opt_dashes();
	}
	if (cfg.wide_numbers && strcmp(cfg.wide_numbers, "string") != 0)
		opt_die("--wide-numbers: the only value is 'string'");
	check_descriptors();
	if (cfg.list_sources)
		status = list_sources();
	else if (cfg.list)
		status = list(&cfg, &job, &f);
	else
		status = extract(&cfg, &job, &f);
	job_release(&job);
	free(cfg.params.v);
	buf_release(&f.text);
	return status;
}
