/* SPDX-License-Identifier: MIT */
/*
 * Makes the destination's record of each source record, and checks it against
 * a contract. A record that fails goes on as a stub where anybody downstream
 * could otherwise take its absence for a deletion.
 */
#include "bin/retl-map/mapping.h"

#include "common/file.h"
#include "common/filter.h"
#include "common/key.h"
#include "common/msg.h"
#include "common/watch.h"

#define LIMIT_MS 10000U
#define LIMIT_MOST_MS 3600000U
#define THREADS_MOST 256U

struct config {
	struct mapping_args mapping;
	const char *key;
	bool explain, show_values;
	uint64_t max_record, limit_ms, threads;
	const char *input; /* NULL: stdin */
};

struct mapper {
	const struct config *cfg;
	struct mapping mapping;
	struct filter f;
	struct key_spec key;
	struct buf made, keys, err;
	struct record result; /* what made holds */
	struct record listed; /* the same, where the program tells its places */
};

/* ---- refusing ---- */

/* The longest value that --show-values shows. */
#define SHOWN 80

/* A member of the result or, where it has none of that name, of the source. */
static struct str value_of(const struct mapper *m, struct str field)
{
	ssize_t at = json_obj_find(&m->result.obj, field);

	if (at >= 0)
		return m->result.obj.m[at].val;
	at = json_obj_find(&m->f.rec.obj, field);
	return at >= 0 ? m->f.rec.obj.m[at].val : STR_NONE;
}

/* The same faults with the values that are at fault. */
static void show_values(struct mapper *m)
{
	struct faults shown = FAULTS_INIT;
	struct faults *f = &m->f.faults;

	for (size_t i = 0; i < f->n; i++) {
		struct str field = fault_field(f, i), why = fault_reason(f, i);
		struct str v = value_of(m, field);

		if (v.s)
			faults_add(&shown, field, f->v[i].code,
				   "%.*s (it is %.*s%s)", STR_ARG(why),
				   (int)MIN(v.n, (size_t)SHOWN), v.s,
				   v.n > SHOWN ? "..." : "");
		else
			faults_add(&shown, field, f->v[i].code, "%.*s",
				   STR_ARG(why));
	}
	faults_release(f);
	*f = shown;
}

/* Is the member that failed, or what it is in, one of the key's? */
static bool key_failed(const struct mapper *m)
{
	const struct faults *f = &m->f.faults;

	for (size_t i = 0; i < f->n; i++) {
		struct str rest = fault_field(f, i), top;

		str_split(&rest, '/', &top);
		for (size_t k = 0; k < m->key.n; k++)
			if (str_eq(m->key.part[k].slot.name, top))
				return true;
	}
	return false;
}

/*
 * The key as the good record would carry it, of what could be made: in
 * m->keys, empty if it cannot be told.
 */
static void make_keys(struct mapper *m)
{
	struct contract *c = m->mapping.contract;
	struct str vals[KEY_MAX];

	buf_reset(&m->keys);
	if (!m->key.n || !m->result.obj.n || key_failed(m))
		return;
	if (c)
		contract_put_key(c, &m->key, &m->result, SETTLE_MAP, &m->keys);
	else if (key_get(&m->key, &m->result, vals, &m->err) == 0)
		key_put_members(&m->keys, &m->key, &m->result);
}

/*
 * A name that stands twice breaks the promise of the stream, wherever it is
 * found: who looks at the last and sends both has leaked the first.
 */
static void stop_if_repeated(struct mapper *m)
{
	const struct faults *f = &m->f.faults;
	struct buf place = BUF_INIT;

	for (size_t i = 0; i < f->n; i++) {
		struct str field = fault_field(f, i), why = fault_reason(f, i);

		if (strcmp(f->v[i].code, "repeated") != 0)
			continue;
		buf_truncate(&m->f.out.b, m->f.mark);
		out_flush(&m->f.out);
		ndjson_place(&m->f.in, &place);
		die(EX_DATAERR, "%s: %.*s%s%.*s", place.data, STR_ARG(field),
		    field.n ? ": " : "", STR_ARG(why));
	}
}

static void refuse(struct mapper *m)
{
	stop_if_repeated(m);
	make_keys(m);
	if (m->cfg->show_values)
		show_values(m);
	mapping_add_sources(&m->mapping, &m->f.faults);
	filter_refuse(&m->f, buf_str(&m->keys));
}

/* ---- one record ---- */

/*
 * Closes the object that was begun in b and reads it as a record, with the
 * marks of the source: they are the same change.
 */
static void read_result(struct mapper *m, struct buf *b, size_t mark, bool any)
{
	struct record marks = m->f.rec;
	struct json_fault f;

	marks.diff_changed = mapping_changed(&m->mapping, &m->f.rec);
	record_put_reserved(b, &marks, any);
	if (record_parse(&m->result,
			 (struct str){ b->data + mark, b->len - mark }, &f) < 0)
		BUG("the mapping made no record: %s", f.what);
}

/* What could be made of a record that failed. */
static void read_partial(struct mapper *m, bool any)
{
	m->result.obj.n = 0;
	if (m->made.len)
		read_result(m, &m->made, 0, any);
}

/* empty: leaves out a row, which must not be taken for a change. */
static void leave_out(struct mapper *m)
{
	struct filter *f = &m->f;

	if (!f->rec.diff_id.s)
		return;
	m->result.obj.n = 0;
	faults_add(&f->faults, STR(""), "empty",
		   "the mapping leaves out a record that retl-diff has "
		   "counted: filters belong before retl-diff");
	refuse(m);
}

/*
 * A removal that could be made in part. The contract says what it needs; what
 * failed and is not needed is left out.
 */
static int settle_partial(struct mapper *m)
{
	struct filter *f = &m->f;
	struct faults more = FAULTS_INIT;
	int n = contract_settle(m->mapping.contract, &m->result, SETTLE_MAP,
				&f->out.b, &more);

	for (size_t i = 0; n < 0 && i < more.n; i++)
		faults_add(&f->faults, fault_field(&more, i), more.v[i].code,
			   "%.*s", STR_ARG(fault_reason(&more, i)));
	faults_release(&more);
	return n;
}

/*
 * The same as read_result, where the program tells which members it has made:
 * nothing is read again. False: it does not.
 */
static bool list_result(struct mapper *m)
{
	struct record *l = &m->listed;
	struct json_obj o = l->obj;

	if (!m->mapping.prog)
		return false;
	buf_addc(&m->made, '}');
	if (!prog_map_list(m->mapping.prog, buf_str(&m->made), &o)) {
		buf_truncate(&m->made, m->made.len - 1);
		return false;
	}
	*l = m->f.rec;
	l->obj = o;
	l->line = buf_str(&m->made);
	l->diff_changed = mapping_changed(&m->mapping, &m->f.rec);
	return true;
}

static void settle_listed(struct mapper *m, bool any)
{
	struct filter *f = &m->f;
	int n = contract_settle(m->mapping.contract, &m->listed, SETTLE_MAP,
				&f->out.b, &f->faults);

	if (n >= 0) {
		record_put_reserved(&f->out.b, &m->listed, n > 0);
		out_record(&f->out);
		return;
	}
	buf_truncate(&m->made, m->made.len - 1);
	read_partial(m, any);
	refuse(m);
}

/* Checked, by way of m->made, since the contract decides what goes on. */
static void map_checked(struct mapper *m)
{
	struct filter *f = &m->f;
	bool any = false;
	int got, n;

	buf_reset(&m->made);
	got = mapping_run(&m->mapping, &f->rec, &m->made, &any, &f->faults);
	if (got == 0) {
		leave_out(m);
		return;
	}
	if (got > 0 && list_result(m)) {
		settle_listed(m, any);
		return;
	}
	read_partial(m, any);
	if (got < 0 && (f->rec.result != DIFF_REMOVED || !m->made.len)) {
		refuse(m);
		return;
	}
	if (got < 0) {
		stop_if_repeated(m);
		n = settle_partial(m);
	} else {
		n = contract_settle(m->mapping.contract, &m->result, SETTLE_MAP,
				    &f->out.b, &f->faults);
	}
	if (n < 0) {
		refuse(m);
		return;
	}
	record_put_reserved(&f->out.b, &m->result, n > 0);
	out_record(&f->out);
}

/* Straight into the output. */
static void map_plain(struct mapper *m)
{
	struct filter *f = &m->f;
	struct buf *out = &f->out.b;
	struct record marks;
	bool any = false;
	int got = mapping_run(&m->mapping, &f->rec, out, &any, &f->faults);

	if (UNLIKELY(got < 0)) {
		buf_reset(&m->made);
		buf_add(&m->made, out->data + f->mark, out->len - f->mark);
		read_partial(m, any);
		refuse(m);
		return;
	}
	if (got == 0) {
		leave_out(m);
		return;
	}
	if (LIKELY(!f->rec.diff_changed.s)) {
		record_put_reserved(out, &f->rec, any);
	} else {
		marks = f->rec;
		marks.diff_changed = mapping_changed(&m->mapping, &f->rec);
		record_put_reserved(out, &marks, any);
	}
	out_record(&f->out);
}

static void map_one(void *arg)
{
	struct mapper *m = arg;

	if (m->mapping.contract)
		map_checked(m);
	else
		map_plain(m);
}

static int run(struct mapper *m)
{
	const struct filter_how how = {
		.workers = (unsigned)m->cfg->threads,
		.limit_ms = m->cfg->mapping.limit_ms,
		.risky = m->mapping.prog && !prog_is_native(m->mapping.prog),
	};

	filter_open(&m->f, m->cfg->input);
	if (m->mapping.prog)
		prog_watch(m->mapping.prog, &m->f.guard);
	filter_each(&m->f, &how, map_one, m);
	return filter_close(&m->f);
}

/* ---- the command line ---- */

static void check_config(const struct config *cfg)
{
	const struct mapping_args *a = &cfg->mapping;

	if (a->file && a->program)
		opt_die("-m and -e: one mapping is enough");
	if (!a->file && !a->program && !a->contract.name)
		opt_die("a mapping (-m FILE or -e PROGRAM) or a contract (-c) "
			"is needed");
	if (!a->contract.name && a->contract.on.n)
		opt_die("--on needs a contract (-c)");
	if (!cfg->max_record)
		opt_die("--max-record: 0 bytes are no record");
	if (!cfg->limit_ms || cfg->limit_ms > LIMIT_MOST_MS)
		opt_die("--limit-ms: from 1 to %u", LIMIT_MOST_MS);
	if (!cfg->threads || cfg->threads > THREADS_MOST)
		opt_die("--threads: from 1 to %u", THREADS_MOST);
}

int main(int argc, char **argv)
{
	struct config cfg = { .max_record = NDJSON_MAX_RECORD,
			      .limit_ms = LIMIT_MS };
	struct mapper m = { .cfg = &cfg,
			    .mapping = MAPPING_INIT,
			    .f = FILTER_INIT,
			    .key = KEY_SPEC_INIT,
			    .made = BUF_INIT,
			    .keys = BUF_INIT,
			    .err = BUF_INIT,
			    .result = RECORD_INIT,
			    .listed = RECORD_INIT };
	const struct opt opts[] = {
		{ 'c', "contract", OPT_STR, &cfg.mapping.contract.name,
		  "CONTRACT", "check what is made against this contract" },
		{ 0, "set", OPT_LIST, &cfg.mapping.contract.set, "NAME=VALUE",
		  "a setting" },
		{ 0, "settings", OPT_STR, &cfg.mapping.contract.settings_file,
		  "FILE", "settings as a JSON object" },
		{ 0, "on", OPT_LIST, &cfg.mapping.contract.on,
		  "CHANGE=OPERATION",
		  "what a change leads to, in place of the contract's choice" },
		{ 'm', "mapping", OPT_STR, &cfg.mapping.file, "FILE",
		  "the mapping, a jq program" },
		{ 'e', "expression", OPT_STR, &cfg.mapping.program, "PROGRAM",
		  "the mapping itself" },
		{ 'L', "library", OPT_STR, &cfg.mapping.libdir, "DIR",
		  "where the mapping's import and include look" },
		{ 0, "env", OPT_LIST, &cfg.mapping.env, "NAME",
		  "a variable of the environment that the mapping may see" },
		{ 'k', "key", OPT_STR, &cfg.key, "KEY",
		  "members of the result that a refused record's stub keeps" },
		{ 0, "explain", OPT_FLAG, &cfg.explain, NULL,
		  "print how each member is made, and read nothing" },
		{ 0, "rejects", OPT_STR, &m.f.rejects.path, "FILE",
		  "append refused records to FILE" },
		{ 0, "strict", OPT_FLAG, &m.f.rejects.strict, NULL,
		  "end at the first refused record, with status 65" },
		{ 0, "show-values", OPT_FLAG, &cfg.show_values, NULL,
		  "show values in messages and rejects: personal data" },
		{ 0, "max-record", OPT_SIZE, &cfg.max_record, "BYTES",
		  "the longest line that is accepted (16M)" },
		{ 0, "limit-ms", OPT_COUNT, &cfg.limit_ms, "N",
		  "processor time that one record may take (10000)" },
		{ 0, "threads", OPT_COUNT, &cfg.threads, "N",
		  "how many processors to use (all)" },
	};
	const struct opt_spec spec = {
		.synopsis =
		    "(-m FILE | -e PROGRAM) [-L DIR] [-k KEY] [FILE]\n"
		    "-c CONTRACT [--set NAME=VALUE]... [-m FILE | -e PROGRAM] "
		    "[-k KEY] [FILE]\n"
		    "[-c CONTRACT] [-m FILE | -e PROGRAM] --explain",
		.about = "Make the destination's records of a dataset's "
			 "records, by a jq program.",
		.opts = opts,
		.n = ARRAY_LEN(opts),
	};
	int n, status;

	msg_init("retl-map");
	file_outlive_limits();
	cfg.threads = MIN(filter_processors(), THREADS_MOST);
	n = opt_parse(&spec, argc, argv);
	watch_begin();
	check_config(&cfg);
	if (n > 1)
		opt_die("one input at a time: '%s'", argv[1]);
	if (cfg.key && key_spec_parse(&m.key, cfg.key, &m.err) < 0)
		opt_die("--key: %s", m.err.data);
	cfg.mapping.limit_ms = (unsigned)cfg.limit_ms;
	cfg.mapping.max_record = (size_t)cfg.max_record;
	mapping_load(&m.mapping, &cfg.mapping);
	if (cfg.explain) {
		mapping_explain(&m.mapping);
		status = 0;
	} else {
		cfg.input = n ? argv[0] : NULL;
		m.f.in.max_record = (size_t)cfg.max_record;
		status = run(&m);
	}
	mapping_release(&m.mapping);
	free(cfg.mapping.env.v);
	free(cfg.mapping.contract.set.v);
	free(cfg.mapping.contract.on.v);
	key_spec_release(&m.key);
	record_release(&m.result);
	json_obj_release(&m.listed.obj);
	buf_release(&m.made);
	buf_release(&m.keys);
	buf_release(&m.err);
	return status;
}
