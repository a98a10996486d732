/* SPDX-License-Identifier: MIT */
#include "bin/retl-diff/rows.h"

#include "common/mem.h"
#include "common/msg.h"

/* Rows carry marks in our files, so they may be longer than --max-record. */
#define MAX_LINE ((size_t)1 << 40)

bool rows_find(struct rows *r, const char *path, off_t from, uint64_t n,
	       const struct key_spec *key, struct key_types *types)
{
	*r = ROWS_INIT;
	r->path = xstrdup(path);
	r->key = *key;
	r->types = types;
	r->left = n;
	r->in.max_record = MAX_LINE;
	if (ndjson_open(&r->in, r->path) < 0) {
		if (access(path, F_OK) < 0 && errno == ENOENT)
			return false;
		die(r->in.status, "%s", r->in.err.data);
	}
	if (from && lseek(r->in.fd, from, SEEK_SET) < 0)
		die(EX_IOERR, "%s: %s", path, strerror(errno));
	r->index = json_index_new();
	rows_next(r);
	return true;
}

void rows_open(struct rows *r, const char *path, off_t from, uint64_t n,
	       const struct key_spec *key, struct key_types *types)
{
	if (!rows_find(r, path, from, n, key, types))
		die(r->in.status, "%s", r->in.err.data);
}

void rows_close(struct rows *r)
{
	ndjson_close(&r->in);
	record_release(&r->rec);
	free(r->index);
	free(r->path);
	*r = ROWS_INIT;
}

void rows_next(struct rows *r)
{
	int got = 0;

	r->parsed = false;
	if (r->left) {
		r->left--;
		got = ndjson_next(&r->in);
	}
	if (got < 0)
		die(r->in.status, "%s", r->in.err.data);
	r->have = got == 1;
	if (!r->have)
		r->left = 0;
	r->rec.line = r->in.line;
}

static NORETURN void damaged(const struct rows *r, const char *why)
{
	die(EX_DATAERR,
	    "%s:%" PRIu64 ": %s: the state is damaged; restore it from a "
	    "copy, or --init a new one and --adopt what the destination has",
	    r->path, r->in.line_no, why);
}

void rows_keyed(struct rows *r)
{
	r->prefix = key_prefix(r->vals[0], &r->is_whole);
	r->is_whole &= r->key.n == 1;
	r->parsed = true;
}

/* What stands between a row and its marks. */
static const char mark[] = ",\"diff_result\":";

/* ---- skimming ---- */

static bool ends_with(struct str *s, struct str end)
{
	if (s->n < end.n || memcmp(s->s + s->n - end.n, end.s, end.n) != 0)
		return false;
	s->n -= end.n;
	return true;
}

/* The marks that row_put_change wrote, if it wrote nothing behind the id. */
static bool skim_marks(struct record *rec, struct str line)
{
	static const struct str results[] = {
		[DIFF_ADDED] = { "\"DiffAdded\"", 11 },
		[DIFF_UPDATED] = { "\"DiffUpdated\"", 13 },
		[DIFF_REMOVED] = { "\"DiffRemoved\"", 13 },
	};
	const char *id, *id_end = line.s + line.n - 1;

	if (!ends_with(&line, STR("\"}")))
		return false;
	id = memrchr(line.s, '"', line.n);
	if (!id)
		return false;
	line.n = (size_t)(id - line.s);
	if (!ends_with(&line, STR(",\"diff_id\":")))
		return false;
	for (int i = DIFF_ADDED; i <= DIFF_REMOVED; i++) {
		if (!ends_with(&line, results[i]))
			continue;
		rec->result = (enum diff_result)i;
		rec->diff_result =
		    (struct str){ line.s + line.n, results[i].n };
		rec->diff_id = (struct str){ id, (size_t)(id_end - id) };
		rec->diff_changed = rec->diff_outcome = STR_NONE;
		return ends_with(&line, STR(",\"diff_result\":"));
	}
	return false;
}

/* A key of that type with which the row begins; it has no escapes. */
static bool skim_key(struct str name, enum json_type type, struct str line,
		     struct str *val)
{
	const char *p = line.s + 4 + name.n, *end = line.s + line.n, *q;

	if (line.n < 6 + name.n || memcmp(line.s, "{\"", 2) != 0 ||
	    memcmp(line.s + 2, name.s, name.n) != 0 ||
	    memcmp(p - 2, "\":", 2) != 0)
		return false;
	if (*p == '"' && type == JSON_STRING) {
		q = memchr(p + 1, '"', (size_t)(end - p - 1));
		*val = (struct str){ p, q ? (size_t)(q + 1 - p) : 0 };
		return q && !memchr(p, '\\', val->n);
	}
	for (q = p; (*q >= '0' && *q <= '9') || *q == '-';)
		q++;
	*val = (struct str){ p, (size_t)(q - p) };
	return type == JSON_NUMBER && q > p && *q == ',';
}

/*
 * A row was valid when we wrote it, so what both of its ends say needs no
 * parsing of what is between: the text of a name and a value in quotes cannot
 * stand inside a string, and behind the last member nothing is nested. The
 * commonest keys only; whatever looks different is parsed. (35k changes: 36
 * and 27 ms of CPU for the whole commit.)
 */
static bool skim(struct rows *r)
{
	return r->types->known &&
	       skim_key(r->key.part[0].name, r->types->type[0], r->rec.line,
			&r->vals[0]) &&
	       (r->marked || skim_marks(&r->rec, r->rec.line));
}

/* ---- parsing ---- */

int rows_parse_line(struct rows *r, struct json_fault *f)
{
	/* By itself: most of the lines around it are nobody's concern. */
	struct json_index *x = json_index_alone(r->index, r->rec.line);

	return record_parse_indexed(&r->rec, r->rec.line, x, f);
}

static void parse(struct rows *r)
{
	struct json_fault fault;

	if (rows_parse_line(r, &fault) < 0)
		damaged(r, fault.what);
}

/* Cuts the marks off the line, and gives it the brace that stood there. */
static void cut_marks(struct rows *r)
{
	size_t at;

	if (!skim_marks(&r->rec, r->rec.line))
		parse(r);
	if (!r->rec.diff_result.s)
		damaged(r, "diff_result: missing");
	at = (size_t)(r->rec.diff_result.s - r->rec.line.s);
	if (at < sizeof mark || memcmp(r->rec.line.s + at - (sizeof mark - 1),
				       mark, sizeof mark - 1) != 0)
		damaged(r, "diff_result: not written by retl-diff");
	at -= sizeof mark - 1;
	r->in.mem[r->rec.line.s - r->in.mem + (ptrdiff_t)at] = '}';
	r->rec.line.n = at + 1;
}

static void parse_key(struct rows *r)
{
	struct buf err = BUF_INIT;

	if (r->types->known && !r->key.typed) {
		memcpy(r->key.type, r->types->type, sizeof r->key.type);
		r->key.typed = true;
	}
	if (key_get(&r->key, &r->rec, r->vals, &err) < 0)
		damaged(r, err.data);
	if (!r->types->known) {
		memcpy(r->types->type, r->key.type, sizeof r->key.type);
		r->types->known = true;
	}
	buf_release(&err);
}

void rows_parse(struct rows *r)
{
	enum diff_result result;

	if (r->parsed)
		return;
	if (r->marked)
		cut_marks(r);
	result = r->rec.result;
	r->skimmed = r->skim && skim(r);
	if (r->skimmed) {
		r->rec.obj.n = 0;
	} else {
		parse(r);
		parse_key(r);
	}
	if (r->marked)
		r->rec.result = result;
	rows_keyed(r);
}

bool rows_may_skim(const struct key_spec *key)
{
	struct str name = key->part[0].name;

	for (size_t i = 0; i < name.n; i++)
		if ((unsigned char)name.s[i] < ' ' || name.s[i] == '"' ||
		    name.s[i] == '\\')
			return false;
	return key->n == 1 && name.s[0] != '/';
}

int rows_cmp(struct rows *a, struct rows *b)
{
	if (!a->have || !b->have)
		return (int)b->have - (int)a->have;
	rows_parse(a);
	rows_parse(b);
	if (a->prefix != b->prefix)
		return a->prefix < b->prefix ? -1 : 1;
	if (a->is_whole && b->is_whole)
		return 0;
	return key_cmp(a->vals, b->vals, a->key.n);
}

void rows_hold(struct rows *r, struct buf *text, struct rows *from)
{
	rows_parse(from);
	buf_reset(text);
	buf_adds(text, from->rec.line);
	r->rec.line = buf_str(text);
	for (size_t i = 0; i < from->key.n; i++) {
		r->vals[i] = from->vals[i];
		r->vals[i].s =
		    text->data + (from->vals[i].s - from->rec.line.s);
	}
	r->key.n = from->key.n;
	r->prefix = from->prefix;
	r->is_whole = from->is_whole;
	r->skimmed = from->skimmed;
	r->rec.obj.n = 0;
	r->have = r->parsed = true;
}

void rows_put_key(struct buf *out, const struct key_spec *key, struct rows *r)
{
	struct json_fault fault;

	if (r->skimmed) {
		buf_addc(out, '"');
		buf_adds(out, key->part[0].name);
		buf_addz(out, "\":");
		buf_adds(out, r->vals[0]);
		return;
	}
	if (!r->rec.obj.n && record_parse(&r->rec, r->rec.line, &fault) < 0)
		BUG("the row that was held is broken: %s", fault.what);
	key_put_members(out, key, &r->rec);
}

/* ---- lines ---- */

struct str row_text(struct str line)
{
	while (line.n && line.s[0] != '{') {
		line.s++;
		line.n--;
	}
	while (line.n && line.s[line.n - 1] != '}')
		line.n--;
	return line;
}

void row_put_unmarked(struct buf *out, const struct record *r)
{
	size_t n = sizeof mark - 1;
	const char *at;

	if (!r->diff_result.s) {
		buf_adds(out, r->line);
		return;
	}
	at = r->diff_result.s - n;
	if (at < r->line.s || memcmp(at, mark, n) != 0)
		die(EX_DATAERR, "a line of the state was not written by "
				"retl-diff: restore the state from a copy");
	buf_add(out, r->line.s, (size_t)(at - r->line.s));
	buf_addc(out, '}');
}

void row_put_change(struct buf *out, struct str row, enum diff_result result,
		    const char *run, uint64_t n, struct str more)
{
	/* What stands between the braces may be nothing at all. */
	bool any = memchr(row.s, '"', row.n) != NULL;

	buf_add(out, row.s, row.n - 1);
	buf_addz(out, any ? ",\"diff_result\":\"" : "\"diff_result\":\"");
	buf_addz(out, diff_result_name(result));
	buf_addc(out, '"');
	if (run) {
		buf_addz(out, ",\"diff_id\":\"");
		buf_addz(out, run);
		buf_addc(out, ':');
		buf_addu(out, n);
		buf_addc(out, '"');
	}
	if (more.n) {
		buf_addc(out, ',');
		buf_adds(out, more);
	}
	buf_addc(out, '}');
}
