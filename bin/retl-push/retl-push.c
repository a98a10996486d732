/* SPDX-License-Identifier: MIT */
/* retl-push: delivers records as a contract says, one receipt a record. */
#include "bin/retl-push/intake.h"
#include "bin/retl-push/look.h"
#include "bin/retl-push/push.h"
#include "bin/retl-push/replay.h"
#include "bin/retl-push/table.h"
#include "bin/retl-push/upload.h"

#include <fcntl.h>
#include <malloc.h>

#include "common/file.h"
#include "common/filter.h"
#include "common/mem.h"
#include "common/msg.h"
#include "common/url.h"
#include "common/watch.h"

/* Bounds of one request. */
#define CONNECT_MS 15000
#define TIMEOUT_S 60
#define TIMEOUT_MOST_S 86400U
/* In a row: the destination is down, and another run will do better. */
#define MAX_FAILURES 100
/* Refused alike, and none taken: it is not the records. */
#define MAX_ALIKE 1000
/* Who has longer lines has a file, and no records. */
#define MOST_RECORD ((uint64_t)1 << 30)
#define LIMIT_MS 10000U
#define LIMIT_MOST_MS 3600000U

static void parse_as(struct config *cfg)
{
	if (!cfg->as)
		return;
	cfg->as_kind = diff_result_of_word(str_of(cfg->as));
	if (!cfg->as_kind)
		opt_die("--as: '%s' is not added, updated or removed", cfg->as);
}

/* Asked for instead of a push; NULL: not. */
struct look {
	const char *describe, *lint, *list;
};

static void parse(struct config *cfg, struct look *look, int argc, char **argv)
{
	const struct opt opts[] = {
		{ 'c', "contract", OPT_STR, &cfg->contract.name, "CONTRACT",
		  "what the destination demands: hubspot/contact, or a path" },
		{ 0, "set", OPT_LIST, &cfg->contract.set, "NAME=VALUE",
		  "a setting of the contract" },
		{ 0, "settings", OPT_STR, &cfg->contract.settings_file, "FILE",
		  "a JSON object of settings" },
		{ 0, "on", OPT_LIST, &cfg->contract.on, "KIND=OPERATION",
		  "what a change does: removed=skip" },
		{ 0, "describe", OPT_STR, &look->describe, "CONTRACT",
		  "print what a contract demands and does" },
		{ 0, "lint", OPT_STR, &look->lint, "FILE",
		  "print every fault of a contract" },
		{ 0, "list-contracts", OPT_MAYBE, &look->list, "markdown",
		  "print the contracts that there are" },
		{ 'n', "dry-run", OPT_MAYBE, &cfg->dry_run, "curl",
		  "send nothing, print the requests (as curl commands)" },
		{ 0, "replay", OPT_STR, &cfg->replay, "FILE",
		  "send the requests that a dry run has written there" },
		{ 0, "replay-run", OPT_STR, &cfg->replay_run, "RUN",
		  "removals of this run may be replayed" },
		{ 0, "limit", OPT_COUNT, &cfg->limit, "N",
		  "read N records, then stop" },
		{ 0, "as", OPT_STR, &cfg->as, "KIND",
		  "what records without diff_result are: added, updated, "
		  "removed" },
		{ 0, "allow-empty", OPT_FLAG, &cfg->allow_empty, NULL,
		  "an empty dataset may replace everything" },
		{ 0, "concurrency", OPT_COUNT, &cfg->concurrency, "N",
		  "batches under way at once" },
		{ 0, "max-failures", OPT_COUNT, &cfg->max_failures, "N",
		  "stop after N requests in a row that failed (100)" },
		{ 0, "max-alike", OPT_COUNT, &cfg->max_alike, "N",
		  "stop when the first N were refused alike and none was "
		  "taken (1000)" },
		{ 0, "limit-ms", OPT_COUNT, &cfg->limit_ms, "N",
		  "processor time that a program of the contract may take "
		  "(10000)" },
		{ 0, "timeout", OPT_COUNT, &cfg->timeout_s, "SECONDS",
		  "longest time for one request (60)" },
		{ 0, "cacert", OPT_STR, &cfg->cacert, "FILE",
		  "certificates to trust instead of the system's" },
		{ 0, "cert", OPT_STR, &cfg->cert, "FILE",
		  "certificate to show, in PEM" },
		{ 0, "key", OPT_STR, &cfg->key, "FILE",
		  "its key, if that is not in the same file" },
		{ 0, "rejects", OPT_STR, &cfg->rejects, "FILE",
		  "list refused records there" },
		{ 0, "strict", OPT_FLAG, &cfg->strict, NULL,
		  "send nothing more after the first refused record" },
		{ 0, "receipts", OPT_STR, &cfg->receipts, "FILE",
		  "where receipts go that standard output does not take" },
		{ 0, "threads", OPT_COUNT, &cfg->threads, "N",
		  "how many processors to use: 1 or 2" },
		{ 0, "max-record", OPT_SIZE, &cfg->max_record, "BYTES",
		  "longest line that is read (16M)" },
	};
	const struct opt_spec spec = {
		.synopsis = "-c CONTRACT [OPTION]... [FILE]",
		.about = "Deliver records as a contract says; print one "
			 "receipt for each.",
		.opts = opts,
		.n = ARRAY_LEN(opts),
	};
	int n = opt_parse(&spec, argc, argv);

	watch_begin();
	if (!!look->describe + !!look->lint + !!look->list +
		!!cfg->contract.name >
	    1)
		opt_die("one of --contract, --describe, --lint and "
			"--list-contracts");
	if (look->list && *look->list && strcmp(look->list, "markdown") != 0)
		opt_die("--list-contracts: '%s' is not markdown", look->list);
	if (look->describe || look->lint || look->list)
		return;
	if (!cfg->contract.name)
		opt_die("--contract is required");
	if (n > 1)
		opt_die("one file at most");
	if (cfg->dry_run && *cfg->dry_run && strcmp(cfg->dry_run, "curl") != 0)
		opt_die("--dry-run: '%s' is not curl", cfg->dry_run);
	if (cfg->replay && (cfg->dry_run || cfg->as || n))
		opt_die("--replay goes without --dry-run, --as and an input");
	if (cfg->replay_run && !cfg->replay)
		opt_die("--replay-run without --replay");
	if (!cfg->limit_ms || cfg->limit_ms > LIMIT_MOST_MS)
		opt_die("--limit-ms: from 1 to %u", LIMIT_MOST_MS);
	if (!cfg->timeout_s || cfg->timeout_s > TIMEOUT_MOST_S)
		opt_die("--timeout: from 1 to %u", TIMEOUT_MOST_S);
	if (!cfg->limit)
		opt_die("--limit: at least 1");
	if (!cfg->concurrency || (cfg->concurrency > MAX_CONCURRENCY &&
				  cfg->concurrency != NOT_GIVEN))
		opt_die("--concurrency: from 1 to %d", MAX_CONCURRENCY);
	if (!cfg->threads)
		opt_die("--threads: at least 1");
	if (cfg->max_record > MOST_RECORD)
		opt_die("--max-record: 1G at most");
	if (cfg->key && !cfg->cert)
		opt_die("--key without --cert");
	parse_as(cfg);
}

/* Whoever forgets the s shows the token to all who are on the way. */
static void look_at_address(const struct push *p)
{
	const struct setting *s =
	    contract_setting(p->contract, STR("base_url"));
	struct str type = json_get(json_get(p->contract->root, "auth"), "type");
	struct buf url = BUF_INIT;

	if (s->text.s)
		buf_adds(&url, s->text);
	if (str_starts(buf_str(&url), "http://") &&
	    !url_is_near(url.data + 7) && !json_text_is(type, "none"))
		msg_warn("base_url: http, not https: the credentials go to it "
			 "in the clear");
	buf_release(&url);
}

static void load(struct push *p)
{
	int status = EX_CONFIG;

	p->cfg.contract.show = p->cfg.dry_run != NULL;
	p->contract = contract_load(&p->cfg.contract, CONTRACT_FOR_PUSH,
				    &status, &p->err);
	if (!p->contract)
		die(status, "%s", p->err.data);
	if (delivery_load(&p->d, p->contract, p->cfg.dry_run != NULL, &p->err) <
	    0)
		die(p->d.status, "%s", p->err.data);
	if (!p->cfg.dry_run)
		look_at_address(p);
	if (p->cfg.replay) {
		p->shown_d = xcalloc(1, sizeof *p->shown_d);
		if (delivery_load(p->shown_d, p->contract, true, &p->err) < 0)
			die(p->shown_d->status, "%s", p->err.data);
	}
	if (p->cfg.concurrency != NOT_GIVEN)
		p->d.concurrency = p->cfg.concurrency;
}

static void open_http(struct push *p)
{
	const struct http_opts o = {
		.cacert = p->cfg.cacert,
		.cert = p->cfg.cert,
		.key = p->cfg.key,
		.max_body = MAX_ANSWER,
		.connect_ms = MIN(CONNECT_MS, (long)p->cfg.timeout_s * 1000),
		.timeout_ms = (long)p->cfg.timeout_s * 1000,
		.n_connections = p->d.concurrency + 1,
	};

	p->http = http_new(&o, &p->err);
	if (!p->http)
		die(EX_NOINPUT, "%s", p->err.data);
	if (table_open(p) < 0 || upload_open(p) < 0)
		die(EX_CONFIG, "%s", p->err.data);
}

/*
 * A closed descriptor would be the next thing that is opened: a connection, in
 * the place of our input or of the receipts.
 */
static void hold_descriptors(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 &&
		    open("/dev/null",
			 fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd)
			die(EX_OSERR, "/dev/null: %s", strerror(errno));
}

/*
 * libcurl and OpenSSL get and give back some 100 KiB for each request. Given
 * back to the kernel, and cleared and mapped by it again, that is a fifth of
 * what a request by TLS takes.
 */
static void keep_memory(void)
{
	mallopt(M_TRIM_THRESHOLD, 8 << 20);
	mallopt(M_MMAP_THRESHOLD, 4 << 20);
}

/* What was read of the command line and the contract is sent for. */
static int run(struct push *p, const char *input)
{
	p->in =
	    intake_open(&(struct intake_opts){ .cfg = &p->cfg,
					       .threaded = p->cfg.threads > 1,
					       .d = &p->d,
					       .contract = p->contract },
			p->cfg.replay ? p->cfg.replay : input);
	p->rejects.path = p->cfg.rejects;
	p->rejects.keep_going = true;
	p->receipts.to = p->contract->to;
	p->receipts.fallback_path = p->cfg.receipts;
	p->receipts.silent = p->cfg.dry_run != NULL;
	return push_run(p);
}

int main(int argc, char **argv)
{
	struct push p = { .faults = FAULTS_INIT,
			  .rejects = REJECTS_INIT,
			  .stop_reason = BUF_INIT,
			  .run_json = BUF_INIT,
			  .shared = BUF_INIT,
			  .err = BUF_INIT,
			  .scratch = BUF_INIT,
			  .items = BUF_INIT,
			  .now = BUF_INIT,
			  .shown = BUF_INIT,
			  .auth_json = BUF_INIT,
			  .alike = { .text = BUF_INIT },
			  .unmade = { .text = BUF_INIT },
			  .session = { .file = BUF_INIT,
				       .temp = BUF_INIT,
				       .columns = BUF_INIT } };
	struct look look = { .list = NULL };
	int status;

	keep_memory();
	hold_descriptors();
	push_watch_signals();
	msg_init(argv[0]);
	file_outlive_limits();
	p.cfg.limit = p.cfg.concurrency = NOT_GIVEN;
	p.cfg.timeout_s = TIMEOUT_S;
	p.cfg.max_failures = MAX_FAILURES;
	p.cfg.max_alike = MAX_ALIKE;
	p.cfg.limit_ms = LIMIT_MS;
	p.cfg.max_record = NDJSON_MAX_RECORD;
	p.cfg.threads = filter_processors() > 2 ? 2 : 1;
	parse(&p.cfg, &look, argc, argv);
	if (look.describe)
		return look_describe(look.describe);
	if (look.lint)
		return look_lint(look.lint);
	if (look.list)
		return look_list(*look.list != '\0');
	program_limit((unsigned)p.cfg.limit_ms);
	load(&p);
	open_http(&p);
	status = p.cfg.replay && replay_check(&p) < 0 ? EX_DATAERR
						      : run(&p, argv[0]);
	http_free(p.http);
	table_close(&p);
	upload_close(&p);
	replay_release(&p);
	delivery_release(&p.d);
	contract_free(p.contract);
	free(p.cfg.contract.set.v);
	free(p.cfg.contract.on.v);
	return status;
}
