/* SPDX-License-Identifier: MIT */
/*
 * Normalises and hashes what a contract, or the command line, says must leave
 * as a digest. How a value is settled is common/contract_record.c's business;
 * here is the stream around it.
 */
#include "bin/retl-hash/fields.h"

#include "common/contract.h"
#include "common/file.h"
#include "common/filter.h"
#include "common/mem.h"
#include "common/msg.h"
#include "common/watch.h"

#define THREADS_MOST 64
/* A record that takes longer is no honest one. */
#define LIMIT_MS 10000

struct config {
	struct contract_args contract;
	struct opt_list fields; /* -f */
	const char *key;
	bool check, explain;
	const char *rejects;
	bool strict;
	uint64_t max_record, threads;
};

struct run {
	const struct config *cfg;
	struct contract *contract;
	struct key_spec key;
	struct fields *fields; /* NULL: there is a contract */
	struct filter f;
	struct buf scratch;
};

static struct contract *contract_of_fields(struct run *r)
{
	struct buf schema = BUF_INIT, err = BUF_INIT;
	struct json_fault fault;
	struct contract *c;

	r->fields = fields_new(&r->cfg->fields);
	fields_put_schema(r->fields, &schema);
	/* argv may hold any bytes. */
	if (json_check(buf_str(&schema), NULL, &fault) < 0)
		opt_die("-f: %s", fault.what);
	c = contract_of_record(buf_str(&schema), &err);
	if (!c)
		opt_die("%s", err.data);
	buf_release(&schema);
	buf_release(&err);
	return c;
}

static struct contract *open_contract(struct run *r)
{
	const struct config *cfg = r->cfg;
	struct buf err = BUF_INIT;
	struct contract *c;
	int status;

	if (cfg->fields.n && cfg->contract.name)
		opt_die("--contract and --field exclude each other");
	if (cfg->fields.n && (cfg->contract.set.n || cfg->contract.on.n ||
			      cfg->contract.settings_file))
		opt_die("--set, --settings and --on are for the contract of "
			"-c");
	if (cfg->fields.n)
		return contract_of_fields(r);
	if (!cfg->contract.name)
		opt_die("--contract or --field is required");
	c = contract_load(&cfg->contract, CONTRACT_FOR_HASH, &status, &err);
	if (!c)
		die(status, "%s", err.data);
	buf_release(&err);
	return c;
}

/* ---- records ---- */

/* A broken promise, and no fault of one record: nothing goes on after it. */
static NORETURN void stop(struct run *r)
{
	struct buf place = BUF_INIT, text = BUF_INIT;

	buf_truncate(&r->f.out.b, r->f.mark);
	out_flush(&r->f.out);
	ndjson_place(&r->f.in, &place);
	faults_put(&text, &r->f.faults);
	die(EX_DATAERR, "%s: %s", place.data, text.data);
}

static void stop_if(struct run *r, const char *code)
{
	for (size_t i = 0; i < r->f.faults.n; i++)
		if (strcmp(r->f.faults.v[i].code, code) == 0)
			stop(r);
}

static void refuse(struct run *r)
{
	struct buf *keys = &r->scratch;

	stop_if(r, "repeated");
	buf_reset(keys);
	if (r->key.n)
		contract_put_key(r->contract, &r->key, &r->f.rec, SETTLE_HASH,
				 keys);
	filter_refuse(&r->f, buf_str(keys));
}

static void hash_record(struct run *r)
{
	struct buf *out = &r->f.out.b;
	int n = contract_settle(r->contract, &r->f.rec, SETTLE_HASH, out,
				&r->f.faults);

	if (n < 0) {
		refuse(r);
		return;
	}
	record_put_reserved(out, &r->f.rec, n > 0);
	out_record(&r->f.out);
}

/*
 * A stub of an earlier stage stands for its row by its key alone, so the key
 * has to become what the good row's key becomes.
 */
static void hash_stub(struct run *r)
{
	struct buf *out = &r->f.out.b;
	int n = contract_settle_stub(r->contract, &r->f.rec, SETTLE_HASH, out);

	if (n < 0 && !r->f.rec.diff_id.s) {
		faults_add(&r->f.faults, STR(""), "key",
			   "the key of a record that an earlier stage refused "
			   "cannot be hashed");
		filter_refuse(&r->f, STR(""));
		return;
	}
	/* With a diff_id the key is not needed to find the row again. */
	if (n < 0)
		buf_addc(out, '{');
	record_put_reserved(out, &r->f.rec, n > 0);
	out_record(&r->f.out);
}

/*
 * Looks for values that should be hashed and are not, and for digests where
 * values should be, and for nothing else.
 */
static void check_record(struct run *r)
{
	buf_reset(&r->scratch);
	if (!record_is_stub(&r->f.rec)) {
		int n = contract_settle(r->contract, &r->f.rec, SETTLE_PUSH,
					&r->scratch, &r->f.faults);

		if (n == SETTLE_UNHASHED)
			stop(r);
		stop_if(r, "hashed");
		stop_if(r, "repeated");
	}
	out_line(&r->f.out, r->f.in.line);
}

/* Hashing a member that is not there hashes nothing: say so. */
static void check_fields(struct run *r)
{
	const char *unseen =
	    r->fields && r->f.in.n_records ? fields_unseen(r->fields) : NULL;

	if (!unseen)
		return;
	out_flush(&r->f.out);
	die(EX_DATAERR,
	    "-f '%s': no record had such a member: is the name right?", unseen);
}

/* A digest among values may be a value that looks like one. */
static void warn_mixed(struct run *r)
{
	struct buf names = BUF_INIT;

	contract_mixed(r->contract, &names);
	if (names.len)
		msg_warn("%s: some values were digests already and were left "
			 "as they are, others were hashed",
			 names.data);
	buf_release(&names);
}

static void one_record(void *arg)
{
	struct run *r = arg;

	if (r->fields)
		fields_note(r->fields, &r->f.rec);
	if (r->cfg->check)
		check_record(r);
	else if (record_is_stub(&r->f.rec))
		hash_stub(r);
	else
		hash_record(r);
}

static int filter_run(struct run *r, const char *path)
{
	struct filter_how how = { .workers = (unsigned)r->cfg->threads,
				  .limit_ms = LIMIT_MS };

	/* Starting processes pays only where records take long. */
	if (!how.workers)
		how.workers = contract_is_costly(r->contract)
				  ? MIN(filter_processors(), THREADS_MOST)
				  : 1;
	r->f.stubs = true;
	filter_open(&r->f, path);
	filter_each(&r->f, &how, one_record, r);
	check_fields(r);
	if (!r->cfg->check)
		warn_mixed(r);
	return filter_close(&r->f);
}

/* ---- --explain ---- */

/* The first record, if there is one to be had without waiting for a person. */
static const struct record *sample(struct run *r, const char *path)
{
	struct json_fault fault;
	int got;

	if (!path && isatty(STDIN_FILENO))
		return NULL;
	if (ndjson_open(&r->f.in, path) < 0)
		die(r->f.in.status, "%s", r->f.in.err.data);
	while ((got = ndjson_next(&r->f.in)) == 1) {
		if (record_parse(&r->f.rec, r->f.in.line, &fault) < 0)
			filter_die_fault(&r->f.in, &fault);
		if (!record_is_stub(&r->f.rec))
			return &r->f.rec;
	}
	if (got < 0)
		die(r->f.in.status, "%s", r->f.in.err.data);
	return NULL;
}

static int explain(struct run *r, const char *path)
{
	struct out out;

	out_init(&out, STDOUT_FILENO, "standard output");
	contract_explain(r->contract, sample(r, path), &out.b);
	return out_close(&out) < 0 ? EX_IOERR : 0;
}

/* ---- */

static void prepare(struct run *r, const struct config *cfg)
{
	struct buf err = BUF_INIT;

	r->cfg = cfg;
	r->contract = open_contract(r);
	if (cfg->key && key_spec_parse(&r->key, cfg->key, &err) < 0)
		opt_die("--key: %s", err.data);
	if (cfg->threads > THREADS_MOST)
		opt_die("--threads: from 1 to %d", THREADS_MOST);
	if (!cfg->max_record)
		opt_die("--max-record: 0 bytes are no record");
	r->f.in.max_record = cfg->max_record;
	r->f.rejects.path = cfg->rejects;
	r->f.rejects.strict = cfg->strict;
	buf_release(&err);
}

static void release(struct run *r, struct config *cfg)
{
	free(cfg->contract.set.v);
	free(cfg->contract.on.v);
	free(cfg->fields.v);
	contract_free(r->contract);
	key_spec_release(&r->key);
	record_release(&r->f.rec);
	ndjson_close(&r->f.in);
	faults_release(&r->f.faults);
	buf_release(&r->scratch);
	fields_free(r->fields);
}

int main(int argc, char **argv)
{
	struct config cfg = { .max_record = NDJSON_MAX_RECORD };
	const struct opt opts[] = {
		{ 'c', "contract", OPT_STR, &cfg.contract.name, "NAME",
		  "the destination's contract: a name or a path" },
		{ 0, "set", OPT_LIST, &cfg.contract.set, "NAME=VALUE",
		  "give a setting of the contract a value" },
		{ 0, "settings", OPT_STR, &cfg.contract.settings_file, "FILE",
		  "read settings from FILE, a JSON object" },
		{ 0, "on", OPT_LIST, &cfg.contract.on, "KIND=OPERATION",
		  "what added, updated or removed does, or skip" },
		{ 'f', "field", OPT_LIST, &cfg.fields, "MEMBER=STEP,...",
		  "without a contract: what to do to a member" },
		{ 'k', "key", OPT_STR, &cfg.key, "KEY",
		  "members that a stub of a refused record carries" },
		{ 0, "check", OPT_FLAG, &cfg.check, NULL,
		  "change nothing; end at the first value not hashed" },
		{ 0, "explain", OPT_FLAG, &cfg.explain, NULL,
		  "print what is done to each member" },
		{ 0, "rejects", OPT_STR, &cfg.rejects, "FILE",
		  "list refused records in FILE" },
		{ 0, "strict", OPT_FLAG, &cfg.strict, NULL,
		  "end at the first refused record" },
		{ 0, "threads", OPT_COUNT, &cfg.threads, "N",
		  "how many processors to use" },
		{ 0, "max-record", OPT_SIZE, &cfg.max_record, "BYTES",
		  "the longest line, 16M" },
	};
	const struct opt_spec spec = {
		.synopsis = "-c NAME [--set NAME=VALUE]... [-k KEY] [--check] "
			    "[FILE]\n"
			    "-f MEMBER=STEP,STEP,... [-f ...] [FILE]\n"
			    "-c NAME --explain [FILE]",
		.about = "Normalise and hash what must not leave this machine "
			 "as it is.",
		.opts = opts,
		.n = ARRAY_LEN(opts),
	};
	struct run r = { .key = KEY_SPEC_INIT,
			 .f = FILTER_INIT,
			 .scratch = BUF_INIT };
	int status;

	msg_init("retl-hash");
	file_outlive_limits();
	if (opt_parse(&spec, argc, argv) > 1)
		opt_die("one file at most: '%s' is one too many", argv[1]);
	watch_begin();
	prepare(&r, &cfg);
	status = cfg.explain ? explain(&r, *argv) : filter_run(&r, *argv);
	release(&r, &cfg);
	return status;
}
