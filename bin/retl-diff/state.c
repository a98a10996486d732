/* SPDX-License-Identifier: MIT */
#include "bin/retl-diff/state.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "common/clock.h"
#include "common/file.h"
#include "common/mem.h"
#include "common/msg.h"

#define MAX_STATE_JSON ((size_t)64 << 20)
#define FORMAT 2

static const char *const part_names[STATE_FILES] = {
	[STATE_SNAPSHOT] = "snapshot",
	[STATE_CHANGES] = "changes",
	[STATE_DOUBT] = "doubt",
	[STATE_HELD] = "held",
};

const char *state_path(const struct state *st, const char *name)
{
	static struct buf ring[4] = { { .data = buf_empty },
				      { .data = buf_empty },
				      { .data = buf_empty },
				      { .data = buf_empty } };
	static size_t turn;
	struct buf *b = &ring[turn++ % ARRAY_LEN(ring)];

	buf_reset(b);
	buf_addf(b, "%s/%s", st->dir, name);
	return b->data;
}

/* ---- reading state.json ---- */

static NORETURN void bad_file(const struct state *st, const char *name,
			      const char *what)
{
	die(EX_DATAERR,
	    "%s: %s: the state is damaged; restore it from a copy, or --init "
	    "a new one and --adopt what the destination has",
	    state_path(st, name), what);
}

static NORETURN void bad_state(const struct state *st, const char *what)
{
	bad_file(st, "state.json", what);
}

static char *get_text(struct str obj, const char *name)
{
	struct str v = json_get(obj, name);
	struct buf b = BUF_INIT;

	if (!v.s || json_type(v) != JSON_STRING)
		return NULL;
	json_unescape(&b, (struct str){ v.s + 1, v.n - 2 });
	return buf_take(&b);
}

static uint64_t get_count(const struct state *st, struct str obj,
			  const char *name)
{
	struct str v = json_get(obj, name);
	uint64_t n;

	if (!v.s || str_to_u64(v, &n) < 0)
		bad_state(st, name);
	return n;
}

static void get_id(const struct state *st, struct str obj, char *id)
{
	char *text = get_text(obj, "run");

	if (!text || strlen(text) != RUN_ID_LEN)
		bad_state(st, "run");
	memcpy(id, text, RUN_ID_LEN + 1);
	free(text);
}

static void load_compare(struct state *st, struct str root)
{
	char *fields = get_text(root, "fields");
	char *ignore = get_text(root, "ignore");
	struct buf err = BUF_INIT;

	if (fields || ignore) {
		if (compare_parse(&st->compare, fields ? fields : ignore,
				  &err) < 0)
			bad_state(st, err.data);
		st->compare.mode = fields ? COMPARE_FIELDS : COMPARE_IGNORE;
	}
	free(fields);
	free(ignore);
}

static void load_binds(struct state *st, struct str root)
{
	struct str list = json_get(root, "bind"), e;
	struct json_iter it;

	if (!list.s || json_type(list) != JSON_ARRAY)
		bad_state(st, "bind");
	json_iter_init(&it, list);
	while (json_iter_element(&it, &e)) {
		struct bind *b;
		char *digest;

		st->binds = xreallocarray(st->binds, st->n_binds + 1,
					  sizeof *st->binds);
		b = &st->binds[st->n_binds++];
		b->name = get_text(e, "name");
		b->file = get_text(e, "file");
		b->text = get_text(e, "text");
		digest = get_text(e, "sha256");
		if (!b->name || !digest || strlen(digest) != 64)
			bad_state(st, "bind");
		memcpy(b->digest, digest, 65);
		free(digest);
	}
}

/* name: of the member that v is, or stands in. */
static void load_file(struct state *st, struct str v, const char *name,
		      struct part *p)
{
	struct stat sb;

	if (!v.s || json_type(v) != JSON_OBJECT)
		bad_state(st, name);
	p->name = get_text(v, "file");
	p->rows = get_count(st, v, "rows");
	p->bytes = get_count(st, v, "bytes");
	if (!p->name || strchr(p->name, '/'))
		bad_state(st, name);
	if (stat(state_path(st, p->name), &sb) == 0 &&
	    (uint64_t)sb.st_size != p->bytes)
		bad_file(st, p->name,
			 "has not the size that it was saved with");
}

static void load_part(struct state *st, struct str root, enum state_file which)
{
	struct str v = json_get(root, part_names[which]);

	if (!v.s || json_type(v) != JSON_NULL)
		load_file(st, v, part_names[which], &st->part[which]);
}

static void load_layers(struct state *st, struct str root)
{
	const char *name = part_names[STATE_CHANGES];
	struct str list = json_get(root, name), v, sections;
	struct json_iter it;

	if (!list.s || json_type(list) != JSON_ARRAY)
		bad_state(st, name);
	json_iter_init(&it, list);
	while (json_iter_element(&it, &v)) {
		struct layer *l = &st->layer[st->n_layers];

		if (st->n_layers++ == STATE_LAYERS)
			bad_state(st, name);
		load_file(st, v, name, &l->part);
		sections = json_get(v, "sections");
		l->is_run = sections.s != NULL;
		if (l->is_run &&
		    !state_get_sections(&l->sections, sections, l->part.bytes))
			bad_state(st, name);
	}
}

static void load_runs(struct state *st, struct str root)
{
	struct str list = json_get(root, "runs"), e;
	struct json_iter it;

	if (!list.s || json_type(list) != JSON_ARRAY)
		bad_state(st, "runs");
	json_iter_init(&it, list);
	while (json_iter_element(&it, &e)) {
		struct run_entry *r;

		GROW(st->runs, st->n_runs, st->cap_runs);
		r = &st->runs[st->n_runs++];
		get_id(st, e, r->id);
		r->number = get_count(st, e, "number");
		r->folded = get_count(st, e, "folded");
		r->until = get_count(st, e, "until");
		r->doubts = get_count(st, e, "doubts");
		r->commits = get_count(st, e, "commits");
		r->committed = json_is_true(e, "committed");
		r->status = (int)get_count(st, e, "status");
	}
	list = json_get(root, "settled");
	if (!list.s || json_type(list) != JSON_ARRAY)
		bad_state(st, "settled");
	json_iter_init(&it, list);
	while (st->n_settled < STATE_SETTLED && json_iter_element(&it, &e)) {
		get_id(st, e, st->settled[st->n_settled].id);
		st->settled[st->n_settled++].status =
		    (int)get_count(st, e, "status");
	}
}

static void load_root(struct state *st, struct str root)
{
	struct buf err = BUF_INIT;
	struct str identity = json_get(root, "identity");
	char *key = get_text(root, "key");

	if (get_count(st, root, "format") != FORMAT)
		die(EX_DATAERR,
		    "%s: format: not the one that this retl-diff writes: use "
		    "the one that made the state, or --init a new one and "
		    "--adopt what the destination has",
		    state_path(st, "state.json"));
	if (!key || key_spec_parse(&st->key, key, &err) < 0)
		bad_state(st, "key");
	free(key);
	if (!identity.s)
		bad_state(st, "identity");
	if (json_type(identity) != JSON_NULL &&
	    identity_parse_json(&st->identity, identity, &err) < 0)
		bad_state(st, err.data);
	load_compare(st, root);
	load_binds(st, root);
	st->to = get_text(root, "to");
	st->generation = get_count(st, root, "generation");
	for (int i = 0; i < STATE_PARTS; i++)
		load_part(st, root, (enum state_file)i);
	load_layers(st, root);
	st->run = get_count(st, root, "run");
	load_runs(st, root);
	st->full = get_count(st, root, "full");
	st->created = get_text(root, "created");
	st->committed = get_text(root, "committed");
	buf_release(&err);
}

void state_load(struct state *st, const char *dir)
{
	struct buf text = BUF_INIT, err = BUF_INIT;
	struct json_fault fault;
	struct str root;
	int lock = st->lock;

	*st = (struct state){ .dir = dir, .lock = lock };
	if (access(state_path(st, "state.json"), F_OK) < 0 && errno == ENOENT)
		die(EX_NOINPUT,
		    "%s: there is no state here: create it with "
		    "'retl-diff --init -s %s -k KEY'",
		    dir, dir);
	if (file_read(state_path(st, "state.json"), MAX_STATE_JSON, &text,
		      &err) < 0)
		die(EX_NOINPUT, "%s", err.data);
	if (json_check(buf_str(&text), &root, &fault) < 0)
		bad_state(st, fault.what);
	load_root(st, root);
	buf_release(&text);
	buf_release(&err);
}

void state_release(struct state *st)
{
	for (size_t i = 0; i < st->n_binds; i++) {
		free(st->binds[i].name);
		free(st->binds[i].file);
		free(st->binds[i].text);
	}
	free(st->binds);
	for (int i = 0; i < STATE_PARTS; i++)
		free(st->part[i].name);
	state_drop_layers(st);
	free(st->runs);
	key_spec_release(&st->key);
	identity_release(&st->identity);
	compare_release(&st->compare);
	free(st->to);
	free(st->created);
	free(st->committed);
	state_unlock(st);
}

/* ---- the lock ---- */

void state_lock(struct state *st, const char *dir, bool wait)
{
	struct buf err = BUF_INIT;

	st->dir = dir;
	if (access(dir, F_OK) < 0)
		die(EX_NOINPUT,
		    "%s: there is no state here: create it with "
		    "'retl-diff --init -s %s -k KEY'",
		    dir, dir);
	st->lock = file_lock_dir(dir, wait, &err);
	if (st->lock == -2)
		die(EX_TEMPFAIL,
		    "%s: another sync has the state: try again when it is over",
		    dir);
	if (st->lock < 0)
		die(EX_NOINPUT, "%s", err.data);
}

void state_unlock(struct state *st)
{
	if (st->lock >= 0)
		close(st->lock);
	st->lock = -1;
}

/* ---- writing state.json ---- */

static void put_text(struct buf *b, const char *name, const char *text)
{
	buf_addf(b, ",\n  \"%s\": ", name);
	if (text)
		json_put_strz(b, text);
	else
		buf_addz(b, "null");
}

static void put_count(struct buf *b, const char *name, uint64_t n)
{
	buf_addf(b, ",\n  \"%s\": %" PRIu64, name, n);
}

static void put_file(struct buf *b, const struct part *p,
		     const struct run_sections *s)
{
	buf_addf(
	    b, "{\"file\": \"%s\", \"rows\": %" PRIu64 ", \"bytes\": %" PRIu64,
	    p->name, p->rows, p->bytes);
	if (s) {
		buf_addz(b, ", \"sections\": ");
		state_put_sections(b, s);
	}
	buf_addc(b, '}');
}

static void put_layers(struct buf *b, const struct state *st)
{
	buf_addf(b, ",\n  \"%s\": [", part_names[STATE_CHANGES]);
	for (size_t i = 0; i < st->n_layers; i++) {
		const struct layer *l = &st->layer[i];

		buf_addz(b, i ? ",\n    " : "\n    ");
		put_file(b, &l->part, l->is_run ? &l->sections : NULL);
	}
	buf_addc(b, ']');
}

static void put_binds(struct buf *b, const struct state *st)
{
	buf_addz(b, ",\n  \"bind\": [");
	for (size_t i = 0; i < st->n_binds; i++) {
		const struct bind *e = &st->binds[i];

		buf_addz(b, i ? ",\n    {\"name\": " : "\n    {\"name\": ");
		json_put_strz(b, e->name);
		buf_addz(b, e->file ? ", \"file\": " : ", \"text\": ");
		json_put_strz(b, e->file ? e->file : e->text);
		buf_addf(b, ", \"sha256\": \"%s\"}", e->digest);
	}
	buf_addc(b, ']');
}

static void put_runs(struct buf *b, const struct state *st)
{
	buf_addz(b, ",\n  \"runs\": [");
	for (size_t i = 0; i < st->n_runs; i++) {
		const struct run_entry *r = &st->runs[i];

		buf_addf(b,
			 "%s\n    {\"run\": \"%s\", \"number\": %" PRIu64
			 ", \"folded\": %" PRIu64 ", \"until\": %" PRIu64
			 ", \"doubts\": %" PRIu64 ", \"commits\": %" PRIu64
			 ", \"committed\": %s, \"status\": %d}",
			 i ? "," : "", r->id, r->number, r->folded, r->until,
			 r->doubts, r->commits, r->committed ? "true" : "false",
			 r->status);
	}
	buf_addz(b, "],\n  \"settled\": [");
	for (size_t i = 0; i < st->n_settled; i++)
		buf_addf(b, "%s\n    {\"run\": \"%s\", \"status\": %d}",
			 i ? "," : "", st->settled[i].id,
			 st->settled[i].status);
	buf_addc(b, ']');
}

static void render(struct buf *b, const struct state *st)
{
	const struct compare *c = &st->compare;

	buf_addf(b, "{\n  \"format\": %d", FORMAT);
	put_text(b, "key", st->key.text);
	buf_addf(b, ",\n  \"identity\": %s",
		 st->identity.text ? st->identity.text : "null");
	put_text(b, "fields", c->mode == COMPARE_FIELDS ? c->text : NULL);
	put_text(b, "ignore", c->mode == COMPARE_IGNORE ? c->text : NULL);
	put_binds(b, st);
	put_text(b, "to", st->to);
	put_count(b, "generation", st->generation);
	for (int i = 0; i < STATE_PARTS; i++) {
		buf_addf(b, ",\n  \"%s\": ", part_names[i]);
		if (st->part[i].name)
			put_file(b, &st->part[i], NULL);
		else
			buf_addz(b, "null");
	}
	put_layers(b, st);
	put_count(b, "run", st->run);
	put_runs(b, st);
	put_count(b, "full", st->full);
	put_text(b, "created", st->created);
	put_text(b, "committed", st->committed);
	buf_addz(b, "\n}\n");
}

/*
 * What state.json names must be on the disk before it is. Its own file is
 * flushed before the folder: with it most file systems flush the names of the
 * others as well, so that three flushes wait for the disk twice.
 */
static int replace_json(struct state *st, struct str text, struct buf *err)
{
	struct tmpfile t = TMPFILE_INIT;
	int ret = -1;

	if (tmpfile_open(&t, state_path(st, "state.json"), err) < 0)
		return -1;
	if (file_write_all(t.fd, text.s, text.n) < 0 || fsync(t.fd) < 0)
		fail(err, "%s: %s", t.tmp, strerror(errno));
	else if (file_sync_dir(st->dir, err) == 0)
		ret = tmpfile_commit(&t, err);
	tmpfile_release(&t);
	return ret;
}

void state_save(struct state *st)
{
	struct buf text = BUF_INIT, err = BUF_INIT;

	render(&text, st);
	if (replace_json(st, buf_str(&text), &err) < 0)
		die(EX_IOERR, "%s", err.data);
	buf_release(&text);
	buf_release(&err);
}

/* ---- strays ---- */

static bool is_part(const struct state *st, const char *name)
{
	for (int i = 0; i < STATE_PARTS; i++)
		if (st->part[i].name && strcmp(st->part[i].name, name) == 0)
			return true;
	for (size_t i = 0; i < st->n_layers; i++)
		if (strcmp(st->layer[i].part.name, name) == 0)
			return true;
	return false;
}

/* Only names that we give: whatever else lies there is not ours. */
static bool is_stray(const struct state *st, const char *name)
{
	size_t n = strlen(name);

	if (strcmp(name, "state.json.tmp") == 0)
		return true;
	if (n < 7 || strcmp(name + n - 7, ".ndjson") != 0)
		return false;
	for (int i = 0; i < STATE_FILES; i++) {
		size_t len = strlen(part_names[i]);

		if (strncmp(name, part_names[i], len) == 0 &&
		    name[len] == '.' &&
		    strspn(name + len + 1, "0123456789") == n - len - 8)
			return !is_part(st, name);
	}
	return false;
}

void state_sweep(struct state *st)
{
	DIR *d = opendir(st->dir);
	struct dirent *e;

	if (!d)
		die(EX_NOINPUT, "%s: %s", st->dir, strerror(errno));
	while ((e = readdir(d)))
		if (is_stray(st, e->d_name))
			unlink(state_path(st, e->d_name));
	closedir(d);
}

/* ---- parts ---- */

void state_open_part(struct state *st, enum state_file which, struct rows *r)
{
	*r = ROWS_INIT;
	if (st->part[which].name)
		rows_open(r, state_path(st, st->part[which].name), 0,
			  UINT64_MAX, &st->key, &st->types);
}

void state_set_part(struct state *st, enum state_file which, struct part p)
{
	free(st->part[which].name);
	st->part[which] = p;
}

void state_add_layer(struct state *st, const struct layer *layer)
{
	if (st->n_layers == STATE_LAYERS)
		BUG("a layer too many");
	st->layer[st->n_layers++] = *layer;
}

void state_drop_layers(struct state *st)
{
	while (st->n_layers)
		free(st->layer[--st->n_layers].part.name);
}

uint64_t state_layer_bytes(const struct state *st)
{
	uint64_t n = 0;

	for (size_t i = 0; i < st->n_layers; i++)
		n += st->layer[i].part.bytes;
	return n;
}

char *part_name(enum state_file which, uint64_t generation)
{
	struct buf name = BUF_INIT;

	buf_addf(&name, "%s.%" PRIu64 ".ndjson", part_names[which], generation);
	return buf_take(&name);
}

/* ---- sections ---- */

void state_put_sections(struct buf *b, const struct run_sections *s)
{
	buf_addc(b, '[');
	for (int i = 0; i < RUN_SECTIONS; i++)
		buf_addf(b, "%s[%lld,%" PRIu64 "]", i ? "," : "",
			 (long long)s->at[i], s->count[i]);
	buf_addc(b, ']');
}

bool state_get_sections(struct run_sections *s, struct str v, uint64_t bytes)
{
	struct json_iter it, two;
	struct str pair, number;
	uint64_t n[2];
	int i = 0;

	if (!v.s || json_type(v) != JSON_ARRAY)
		return false;
	json_iter_init(&it, v);
	while (i < RUN_SECTIONS && json_iter_element(&it, &pair)) {
		if (json_type(pair) != JSON_ARRAY)
			return false;
		json_iter_init(&two, pair);
		for (int k = 0; k < 2; k++)
			if (!json_iter_element(&two, &number) ||
			    str_to_u64(number, &n[k]) < 0 || n[k] > bytes)
				return false;
		s->at[i] = (off_t)n[0];
		s->count[i++] = n[1];
	}
	return i == RUN_SECTIONS;
}

/* ---- runs ---- */

struct run_entry *state_find_run(struct state *st, const char *id)
{
	for (size_t i = 0; i < st->n_runs; i++)
		if (strcmp(st->runs[i].id, id) == 0)
			return &st->runs[i];
	return NULL;
}

int state_find_settled(const struct state *st, const char *id)
{
	for (size_t i = 0; i < st->n_settled; i++)
		if (strcmp(st->settled[i].id, id) == 0)
			return (int)i;
	return -1;
}
