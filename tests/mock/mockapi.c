/* SPDX-License-Identifier: MIT */
/*
 * The fake vendor. It plays the exchange of a contract's test case, or stands
 * in for a vendor and checks what that one would check, with mishaps on order.
 * It ends on SIGTERM or after --idle seconds; 0: all was as it should be; 1:
 * something was not, stderr or the log says what.
 */
#include "common/msg.h"
#include "tests/mock/lib/cases.h"
#include "tests/mock/lib/vendor.h"

struct config {
	struct server server;
	uint64_t n_case;
	struct vendor_run vendor;
};

static int run_cases(struct config *cfg, const char *mode, char **args)
{
	struct cases c;
	int status;

	cases_load(&c, args[0]);
	if (strcmp(mode, "stage") == 0)
		status = cases_stage(&c, args[1], &cfg->server);
	else
		status = cases_play(cases_get(&c, cfg->n_case), &cfg->server);
	cases_release(&c);
	return status;
}

static const struct vendor *vendor_find(const char *name)
{
	static const struct vendor *const all[] = {
		&vendor_hubspot, &vendor_meta,  &vendor_scripted,
		&vendor_webhook, &vendor_modes, NULL
	};
	const struct vendor *const *v = all;

	while (*v && strcmp((*v)->name, name) != 0)
		v++;
	return *v;
}

/* How many files a mode that reads cases takes; -1: it is no such mode. */
static int cases_args(const char *mode)
{
	if (strcmp(mode, "play") == 0)
		return 1;
	return strcmp(mode, "stage") == 0 ? 2 : -1;
}

int main(int argc, char **argv)
{
	struct config cfg = { .n_case = 1 };
	struct vendor_run *v = &cfg.vendor;
	const struct opt opts[] = {
		{ 0, "port-file", OPT_STR, &cfg.server.port_file, "FILE",
		  "write the port there when ready (default: standard "
		  "output)" },
		{ 0, "idle", OPT_COUNT, &cfg.server.idle_s, "SECONDS",
		  "end after so long without a request" },
		{ 0, "case", OPT_COUNT, &cfg.n_case, "N",
		  "which case of FILE, from 1" },
		{ 0, "ledger", OPT_STR, &v->ledger_path, "FILE",
		  "append a line per accepted change" },
		{ 0, "log", OPT_STR, &v->log_path, "FILE",
		  "append a line per request" },
		{ 0, "state", OPT_STR, &v->state_path, "FILE",
		  "write what is held at the end" },
		{ 0, "account", OPT_STR, &v->account, "TEXT",
		  "the audience or the path that is served" },
		{ 0, "script", OPT_STR, &v->script, "FILE",
		  "what a scripted vendor answers" },
		{ 0, "poison", OPT_STR, &v->poison, "TEXT",
		  "refuse records that contain it" },
		{ 0, "whole", OPT_FLAG, &v->whole, NULL,
		  "refuse the whole request with them" },
		{ 0, "at", OPT_LIST, &v->mishaps.at, "N=WHAT",
		  "a mishap at the n-th request" },
		{ 0, "every", OPT_LIST, &v->mishaps.every, "N=WHAT",
		  "at every n-th" },
		{ 0, "chance", OPT_LIST, &v->mishaps.chance, "PERCENT=WHAT",
		  "at some" },
		{ 0, "seed", OPT_COUNT, &v->mishaps.seed, "N",
		  "at other ones" },
	};
	const struct opt_spec spec = {
		.synopsis = "hubspot|meta|modes|scripted|webhook [OPTION]...\n"
			    "play [--case N] FILE.test.json\n"
			    "stage FILE.test.json FOLDER",
		.about = "Stand in for a vendor, on 127.0.0.1.",
		.opts = opts,
		.n = ARRAY_LEN(opts),
	};
	int n; /* operands, then the exit status */

	msg_init("mockapi");
	n = opt_parse(&spec, argc, argv);
	if (n < 1)
		opt_die("a mode is required");
	if (cases_args(argv[0]) >= 0) {
		if (n != 1 + cases_args(argv[0]))
			opt_die("%s takes %d files", argv[0],
				cases_args(argv[0]));
		return run_cases(&cfg, argv[0], argv + 1);
	}
	v->kind = vendor_find(argv[0]);
	if (!v->kind || n != 1)
		opt_die("'%s' is no mode", argv[0]);
	mishaps_check(&v->mishaps);
	n = vendor_serve(v, &cfg.server);
	free(v->mishaps.at.v);
	free(v->mishaps.every.v);
	free(v->mishaps.chance.v);
	return n;
}
