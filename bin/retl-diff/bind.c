/* SPDX-License-Identifier: MIT */
/*
 * What a state is bound to: key, identity, compared members, and whatever
 * --bind names. Set by --init, held against what each run says and against the
 * bound files as they are now.
 */
#include <fcntl.h>
#include <sys/stat.h>

#include "bin/retl-diff/state.h"

#include "common/clock.h"
#include "common/digest.h"
#include "common/enc.h"
#include "common/file.h"
#include "common/mem.h"
#include "common/msg.h"

#define MAX_BOUND ((size_t)64 << 20)

static void digest_text(char *hex, struct str text)
{
	uint8_t sum[DIGEST_MAX];
	struct buf b = BUF_INIT;

	digest(DIGEST_SHA256, text.s, text.n, sum);
	enc_hex(&b, sum, 32);
	memcpy(hex, b.data, 65);
	buf_release(&b);
}

static void digest_file(char *hex, const char *name, const char *file)
{
	struct buf text = BUF_INIT, err = BUF_INIT;

	if (file_read(file, MAX_BOUND, &text, &err) < 0)
		die(EX_NOINPUT, "--bind %s: %s", name, err.data);
	digest_text(hex, buf_str(&text));
	buf_release(&text);
	buf_release(&err);
}

/* NAME=TEXT or NAME=@FILE */
static struct bind parse_bind(const char *arg)
{
	const char *eq = strchr(arg, '=');
	struct bind b = { .name = NULL };

	if (!eq || eq == arg)
		opt_die("--bind: '%s' is not NAME=TEXT or NAME=@FILE", arg);
	b.name = xstrndup(arg, (size_t)(eq - arg));
	if (eq[1] == '@') {
		b.file = xstrdup(eq + 2);
		digest_file(b.digest, b.name, b.file);
	} else {
		b.text = xstrdup(eq + 1);
		digest_text(b.digest, str_of(b.text));
	}
	return b;
}

static void release_bind(struct bind *b)
{
	free(b->name);
	free(b->file);
	free(b->text);
}

static struct bind *find_bind(struct state *st, const char *name)
{
	for (size_t i = 0; i < st->n_binds; i++)
		if (strcmp(st->binds[i].name, name) == 0)
			return &st->binds[i];
	return NULL;
}

static void add_bind(struct state *st, struct bind b)
{
	struct bind *old = find_bind(st, b.name);

	if (old) {
		release_bind(old);
		*old = b;
		return;
	}
	st->binds = xreallocarray(st->binds, st->n_binds + 1, sizeof b);
	st->binds[st->n_binds++] = b;
}

static void parse_compare(const struct config *cfg, struct compare *c)
{
	struct buf err = BUF_INIT;
	const char *text = cfg->fields ? cfg->fields : cfg->ignore;

	*c = (struct compare){ .mode = COMPARE_ALL };
	if (!text)
		return;
	if (compare_parse(c, text, &err) < 0)
		opt_die("--%s: %s", cfg->fields ? "fields" : "ignore",
			err.data);
	c->mode = cfg->fields ? COMPARE_FIELDS : COMPARE_IGNORE;
}

static void contract_identity(const struct config *cfg, struct identity *id)
{
	struct buf err = BUF_INIT;
	int status = EX_CONFIG;
	struct contract *c =
	    contract_load(&cfg->contract, CONTRACT_FOR_DIFF, &status, &err);

	if (!c)
		die(status, "%s", err.data);
	if (c->n_identity)
		identity_take(id, c->identity, c->n_identity);
	else if (cfg->init)
		msg_warn("%s has no identity: a row is known by its key alone",
			 c->name);
	contract_free(c);
}

/* True: the command line says who a row is, by name or by contract. */
static bool parse_identity(const struct config *cfg, struct identity *id)
{
	struct buf err = BUF_INIT;

	*id = (struct identity){ .n = 0 };
	if (cfg->contract.name)
		contract_identity(cfg, id);
	else if (cfg->identity && identity_parse(id, cfg->identity, &err) < 0)
		opt_die("--identity: %s", err.data);
	return cfg->contract.name || cfg->identity;
}

/* ---- creating ---- */

static void make_folder(const char *path)
{
	char *copy = xstrdup(path);

	/* As mkdir -p does it: what is missing on the way is made too. */
	for (char *p = copy + 1; *p; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		if (mkdir(copy, 0777) < 0 && errno != EEXIST)
			die(EX_IOERR, "%s: %s", copy, strerror(errno));
		*p = '/';
	}
	if (mkdir(copy, 0700) < 0 && errno != EEXIST)
		die(EX_IOERR, "%s: %s", copy, strerror(errno));
	free(copy);
}

void state_create(struct state *st, const struct config *cfg)
{
	struct buf err = BUF_INIT, now = BUF_INIT;
	struct identity id;

	if (!cfg->key)
		opt_die("--init needs -k KEY: the members that name a row");
	if (key_spec_parse(&st->key, cfg->key, &err) < 0)
		opt_die("--key: %s", err.data);
	if (parse_identity(cfg, &id) && id.n)
		st->identity = id;
	parse_compare(cfg, &st->compare);
	for (size_t i = 0; i < cfg->bind.n; i++) {
		struct bind b = parse_bind(cfg->bind.v[i]);

		if (find_bind(st, b.name))
			opt_die("--bind %s stands there twice", b.name);
		add_bind(st, b);
	}
	make_folder(state_path(st, "runs"));
	if (chmod(st->dir, 0700) < 0)
		die(EX_IOERR, "%s: %s", st->dir, strerror(errno));
	clock_put_rfc3339(&now, clock_now_ms());
	st->created = buf_take(&now);
	state_save(st);
	buf_release(&err);
}

/* ---- comparing ---- */

static NORETURN void differs(const struct state *st, const char *what,
			     const char *detail, bool can_go_on)
{
	die(EX_CONFIG,
	    can_go_on ? "%s: %s%s: the state is bound to another: --rebase "
			"accepts the new one and sends what the compared "
			"members show, --full sends every row again"
		      : "%s: %s%s: the state is bound to another: this needs "
			"a state of its own (--init with another -s)",
	    st->dir, what, detail);
}

static void check_key(struct state *st, const struct config *cfg)
{
	struct identity id;
	bool same;

	if (cfg->key && strcmp(cfg->key, st->key.text) != 0)
		differs(st, "--key", "", false);
	if (!parse_identity(cfg, &id)) {
		if (cfg->init && st->identity.n)
			differs(st, "--identity", "", false);
		return;
	}
	same = st->identity.n && id.n ? strcmp(id.text, st->identity.text) == 0
				      : st->identity.n == id.n;
	if (!same)
		differs(st, cfg->identity ? "--identity" : "--contract",
			cfg->identity ? "" : " (its identity)", false);
	identity_release(&id);
}

static bool bind_compare(struct state *st, const struct config *cfg,
			 bool accept)
{
	struct compare c;

	if (!cfg->fields && !cfg->ignore && !cfg->init)
		return false;
	parse_compare(cfg, &c);
	if (compare_same(&c, &st->compare)) {
		compare_release(&c);
		return false;
	}
	if (!accept)
		differs(st,
			cfg->fields || (!cfg->ignore &&
					st->compare.mode == COMPARE_FIELDS)
			    ? "--fields"
			    : "--ignore",
			"", !cfg->init);
	compare_release(&st->compare);
	st->compare = c;
	return true;
}

static bool bind_named(struct state *st, const struct config *cfg, bool accept)
{
	bool changed = false;

	for (size_t i = 0; i < cfg->bind.n; i++) {
		struct bind b = parse_bind(cfg->bind.v[i]);
		struct bind *old = find_bind(st, b.name);

		if (old && strcmp(old->digest, b.digest) == 0) {
			release_bind(&b);
			continue;
		}
		if (!accept)
			differs(st, "--bind ", b.name, !cfg->init);
		add_bind(st, b);
		changed = true;
	}
	return changed;
}

/* The bound files, as they are now. */
static bool bind_files(struct state *st, const struct config *cfg, bool accept)
{
	bool changed = false;

	for (size_t i = 0; i < st->n_binds; i++) {
		struct bind *b = &st->binds[i];
		char now[65];

		if (!b->file)
			continue;
		digest_file(now, b->name, b->file);
		if (strcmp(now, b->digest) == 0)
			continue;
		if (!accept)
			differs(st, "--bind ", b->name, !cfg->init);
		memcpy(b->digest, now, sizeof now);
		changed = true;
	}
	return changed;
}

bool state_bind(struct state *st, const struct config *cfg, bool accept)
{
	bool changed;

	check_key(st, cfg);
	changed = bind_compare(st, cfg, accept);
	changed |= bind_named(st, cfg, accept);
	changed |= bind_files(st, cfg, accept);
	if (cfg->init && st->n_binds != cfg->bind.n)
		differs(st, "--bind", "", false);
	return changed;
}

int diff_init(const struct config *cfg)
{
	struct state st = { .lock = -1, .dir = cfg->dir };

	make_folder(cfg->dir);
	state_lock(&st, cfg->dir, true);
	if (access(state_path(&st, "state.json"), F_OK) == 0) {
		state_load(&st, cfg->dir);
		state_bind(&st, cfg, false);
		msg_info("%s: the state is there already, with the same "
			 "bindings: nothing to do",
			 cfg->dir);
	} else {
		state_create(&st, cfg);
	}
	state_release(&st);
	return 0;
}
