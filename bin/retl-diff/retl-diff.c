/* SPDX-License-Identifier: MIT */
/*
 * retl-diff: what changed in a dataset since its last delivery, and the memory
 * of what was delivered. See retl-diff(1) and retl-state(5).
 */
#include "bin/retl-diff/diff.h"

#include "common/file.h"
#include "common/msg.h"
#include "common/ndjson.h"
#include "common/record.h"
#include "common/watch.h"

static void parse_emit(struct config *cfg)
{
	struct str rest = str_of(cfg->emit), word;

	if (!cfg->emit) {
		for (int i = DIFF_ADDED; i <= DIFF_REMOVED; i++)
			cfg->emits[i] = true;
		return;
	}
	while (str_split(&rest, ',', &word)) {
		enum diff_result kind = diff_result_of_word(word);

		if (!kind)
			opt_die("--emit: '%.*s' is not added, updated or "
				"removed",
				STR_ARG(word));
		cfg->emits[kind] = true;
	}
}

static void parse_guard(struct config *cfg)
{
	struct str text = str_of(cfg->max_removed);

	if (!cfg->max_removed)
		return;
	cfg->guard = GUARD_ROWS;
	if (text.n && text.s[text.n - 1] == '%') {
		cfg->guard = GUARD_PERCENT;
		text.n--;
	}
	if (str_to_u64(text, &cfg->guard_n) < 0 ||
	    (cfg->guard == GUARD_PERCENT && cfg->guard_n > 100))
		opt_die("--max-removed: '%s' is not a number of rows or a "
			"percentage",
			cfg->max_removed);
}

static int n_modes(const struct config *cfg)
{
	return cfg->init + cfg->adopt + cfg->commit + cfg->status + cfg->dump;
}

/* Options that would be ignored are refused. */
static void check(const struct config *cfg)
{
	bool run = n_modes(cfg) == 0, binds = run || cfg->init || cfg->adopt;

	if (!cfg->dir || !*cfg->dir)
		opt_die("-s DIR is required: where the state is kept");
	if (n_modes(cfg) > 1)
		opt_die("only one of --init, --adopt, --commit, --status and "
			"--dump");
	if (!run &&
	    (cfg->emit || cfg->max_removed || cfg->changed || cfg->delta ||
	     cfg->full || cfg->dry_run || cfg->quarantine))
		opt_die("--emit, --max-removed, --changed, --delta, --full, "
			"--dry-run and --quarantine belong to a run");
	if (!run && !cfg->adopt && (cfg->rebase || cfg->trust_eof))
		opt_die("--rebase and --trust-eof belong to a run and to "
			"--adopt");
	if (!binds && (cfg->key || cfg->identity || cfg->fields ||
		       cfg->ignore || cfg->bind.n || cfg->contract.name))
		opt_die("bindings are set by --init, and held against by a "
			"run; --commit, --status and --dump take none");
	if (cfg->fields && cfg->ignore)
		opt_die("--fields and --ignore exclude each other");
	if (cfg->identity && cfg->contract.name)
		opt_die("--identity and --contract exclude each other: a "
			"contract says its identity");
	if (!cfg->contract.name && (cfg->contract.set.n || cfg->contract.on.n ||
				    cfg->contract.settings_file))
		opt_die("--set, --settings and --on are for the contract of "
			"-c");
	if (cfg->full && cfg->delta)
		opt_die("--full and --delta exclude each other");
}

static int run(const struct config *cfg)
{
	return cfg->init     ? diff_init(cfg)
	       : cfg->adopt  ? diff_adopt(cfg)
	       : cfg->commit ? diff_commit(cfg)
	       : cfg->status ? diff_status(cfg)
	       : cfg->dump   ? diff_dump(cfg)
			     : diff_run(cfg);
}

int main(int argc, char **argv)
{
	struct config cfg = { .max_record = NDJSON_MAX_RECORD };
	const struct opt opts[] = {
		{ 's', "state", OPT_STR, &cfg.dir, "DIR",
		  "the folder that remembers what was delivered" },
		{ 0, "init", OPT_FLAG, &cfg.init, NULL, "create the state" },
		{ 0, "adopt", OPT_FLAG, &cfg.adopt, NULL,
		  "take the input for what the destination has" },
		{ 0, "commit", OPT_FLAG, &cfg.commit, NULL,
		  "read receipts; what they confirm becomes state" },
		{ 0, "status", OPT_FLAG, &cfg.status, NULL,
		  "print counts, runs, doubts and held rows" },
		{ 0, "dump", OPT_FLAG, &cfg.dump, NULL,
		  "print the acknowledged rows, sealed" },
		{ 'k', "key", OPT_STR, &cfg.key, "KEY[,KEY...]",
		  "the members that name a row" },
		{ 0, "identity", OPT_STR, &cfg.identity, "NAMES",
		  "members whose values tell who a row is" },
		{ 0, "fields", OPT_STR, &cfg.fields, "NAMES",
		  "compare these members only" },
		{ 0, "ignore", OPT_STR, &cfg.ignore, "NAMES",
		  "compare all members but these" },
		{ 0, "bind", OPT_LIST, &cfg.bind, "NAME=TEXT|@FILE",
		  "bind the state to a text or a file's content too" },
		{ 'c', "contract", OPT_STR, &cfg.contract.name, "CONTRACT",
		  "take the identity from a contract" },
		{ 0, "set", OPT_LIST, &cfg.contract.set, "NAME=VALUE",
		  "a setting of the contract" },
		{ 0, "settings", OPT_STR, &cfg.contract.settings_file, "FILE",
		  "settings of the contract, as a JSON object" },
		{ 0, "on", OPT_LIST, &cfg.contract.on, "CHANGE=OPERATION",
		  "what the contract does for a kind of change" },
		{ 0, "emit", OPT_STR, &cfg.emit, "KINDS",
		  "added, updated, removed: send these kinds only" },
		{ 0, "changed", OPT_FLAG, &cfg.changed, NULL,
		  "name the members that changed in diff_changed" },
		{ 0, "max-removed", OPT_STR, &cfg.max_removed, "N|P%",
		  "withhold all removals if more rows would go" },
		{ 0, "quarantine", OPT_COUNT, &cfg.quarantine, "N",
		  "do not resend what was rejected N times" },
		{ 0, "delta", OPT_FLAG, &cfg.delta, NULL,
		  "the input is only what changed: remove nothing" },
		{ 0, "full", OPT_FLAG, &cfg.full, NULL,
		  "send every row again" },
		{ 0, "rebase", OPT_FLAG, &cfg.rebase, NULL,
		  "accept new bindings or another destination" },
		{ 0, "trust-eof", OPT_FLAG, &cfg.trust_eof, NULL,
		  "take an unsealed input for complete" },
		{ 'n', "dry-run", OPT_FLAG, &cfg.dry_run, NULL,
		  "print the changes and write nothing down" },
		{ 0, "max-record", OPT_SIZE, &cfg.max_record, "BYTES",
		  "the longest line that is read (16M)" },
	};
	const struct opt_spec spec = {
		.synopsis = "--init -s DIR -k KEY [BINDING]...\n"
			    "-s DIR [OPTION]... <ROWS >CHANGES\n"
			    "--commit -s DIR <RECEIPTS\n"
			    "--adopt -s DIR <ROWS\n"
			    "--status -s DIR\n"
			    "--dump -s DIR",
		.about = "Find what changed in a sorted dataset since its last "
			 "delivery.",
		.opts = opts,
		.n = ARRAY_LEN(opts),
	};

	int status, n;

	msg_init(argv[0]);
	file_outlive_limits();
	n = opt_parse(&spec, argc, argv);
	watch_begin();
	check(&cfg);
	if (n > 0)
		opt_die("'%s': rows and receipts come from standard input",
			argv[0]);
	parse_emit(&cfg);
	parse_guard(&cfg);
	status = run(&cfg);
	free(cfg.bind.v);
	free(cfg.contract.set.v);
	free(cfg.contract.on.v);
	return status;
}
