/* SPDX-License-Identifier: MIT */
#include "bin/retl-extract/unload.h"

#include "bin/retl-extract/s3.h"
#include "common/digest.h"
#include "common/enc.h"
#include "common/mem.h"
#include "common/msg.h"

#define MANIFEST_MAX ((size_t)64 << 20)

void unload_init(struct unload *u)
{
	*u = (struct unload){ .to = BUF_INIT,
			      .role = BUF_INIT,
			      .region = BUF_INIT };
	rows_init(&u->held, -1, "UNLOAD");
	u->held.out.hold = true;
}

void unload_release(struct unload *u)
{
	if (u->reader)
		source_s3.close(u->reader);
	for (size_t i = 0; i < u->n_files; i++)
		free(u->files[i].url);
	free(u->files);
	buf_release(&u->to);
	buf_release(&u->role);
	buf_release(&u->region);
	rows_release(&u->held);
}

/* ---- the statement ---- */

/* It stands in quotes in SQL, and a * would be many objects. */
static bool is_plain(struct str text)
{
	for (size_t i = 0; i < text.n; i++)
		if ((unsigned char)text.s[i] <= ' ' || text.s[i] == 0x7f ||
		    strchr("'\\*?\"", text.s[i]))
			return false;
	return text.n > 0;
}

int unload_option(struct unload *u, struct str name, struct str value,
		  struct failure *f)
{
	if (str_is(name, "unload")) {
		if (!str_starts(value, "s3://") || value.n == 5 ||
		    !is_plain(value))
			return failed(f, EX_USAGE,
				      "unload= expects s3://BUCKET/PREFIX/");
		buf_reset(&u->to);
		buf_adds(&u->to, value);
		return 1;
	}
	if (str_is(name, "iam_role")) {
		if (!is_plain(value))
			return failed(f, EX_USAGE,
				      "iam_role= expects a role's ARN");
		buf_reset(&u->role);
		buf_adds(&u->role, value);
		return 1;
	}
	if (str_is(name, "region")) {
		for (size_t i = 0; i < value.n; i++)
			if (!isalnum((unsigned char)value.s[i]) &&
			    value.s[i] != '-')
				value.n = 0;
		if (!value.n)
			return failed(f, EX_USAGE,
				      "region= expects that of the bucket");
		buf_reset(&u->region);
		buf_adds(&u->region, value);
		return 1;
	}
	if (str_is(name, "remove")) {
		if (!str_is(value, "yes") && !str_is(value, "no"))
			return failed(f, EX_USAGE, "remove= expects yes or no");
		u->remove = str_is(value, "yes");
		return 1;
	}
	return 0;
}

int unload_begin(struct unload *u, struct failure *f)
{
	uint8_t random[16];

	if (!u->to.len && (u->role.len || u->region.len || u->remove))
		return failed(f, EX_USAGE,
			      "iam_role=, region= and remove= are for unload=");
	if (!u->to.len)
		return 0;
	digest_random(random, sizeof random);
	if (u->to.data[u->to.len - 1] != '/')
		buf_addc(&u->to, '/');
	buf_addz(&u->to, "retl-");
	enc_hex(&u->to, random, sizeof random);
	buf_addc(&u->to, '/');
	return 0;
}

static void put_quoted(struct buf *out, struct str text)
{
	buf_addc(out, '\'');
	for (size_t i = 0; i < text.n; i++) {
		if (text.s[i] == '\'' || text.s[i] == '\\')
			buf_addc(out, text.s[i]);
		buf_addc(out, text.s[i]);
	}
	buf_addc(out, '\'');
}

void unload_put_statement(struct buf *out, const struct unload *u,
			  struct str sql, bool ordered)
{
	buf_addz(out, "unload (");
	put_quoted(out, sql);
	buf_addz(out, ") to ");
	put_quoted(out, buf_str(&u->to));
	buf_addz(out, " iam_role ");
	if (u->role.len)
		put_quoted(out, buf_str(&u->role));
	else
		buf_addz(out, "default");
	buf_addz(out, " format json manifest verbose");
	if (u->region.len) {
		buf_addz(out, " region ");
		put_quoted(out, buf_str(&u->region));
	}
	if (ordered)
		buf_addz(out, " parallel off");
}

/* ---- the manifest ---- */

static int bad_manifest(const struct unload *u, const char *what,
			struct failure *f)
{
	return failed(f, EX_DATAERR, "%smanifest: %s", u->to.data, what);
}

/* {"url": "s3://...", "meta": {"content_length": 9, "record_count": 1}} */
static int take_entry(struct unload *u, struct str entry, uint64_t *sum,
		      struct failure *f)
{
	struct str url = json_get(entry, "url");
	struct str meta = json_get(entry, "meta");
	struct str count = meta.s ? json_get(meta, "record_count") : STR_NONE;
	struct unload_file file = { NULL };
	struct buf text = BUF_INIT;

	if (!url.s || json_type(url) != JSON_STRING || !count.s ||
	    str_to_u64(count, &file.n_rows) < 0)
		return bad_manifest(u, "a file without its number of rows", f);
	json_unescape(&text, (struct str){ url.s + 1, url.n - 2 });
	if (!str_starts(buf_str(&text), u->to.data) ||
	    !is_plain(buf_str(&text))) {
		buf_release(&text);
		return bad_manifest(u, "a file that is not of this run", f);
	}
	*sum += file.n_rows;
	file.url = buf_take(&text);
	GROW(u->files, u->n_files, u->cap);
	u->files[u->n_files++] = file;
	return 0;
}

static int take_manifest(struct unload *u, struct str text, uint64_t n_rows,
			 struct failure *f)
{
	struct json_fault fault;
	struct json_iter it;
	struct str v, entry;
	uint64_t sum = 0;

	if (json_check(text, &v, &fault) < 0 || json_type(v) != JSON_OBJECT)
		return bad_manifest(u, "no JSON object", f);
	v = json_get(v, "entries");
	if (!v.s || json_type(v) != JSON_ARRAY)
		return bad_manifest(u, "it names no files", f);
	json_iter_init(&it, v);
	while (json_iter_element(&it, &entry)) {
		if (json_type(entry) != JSON_OBJECT)
			return bad_manifest(u, "a file that is none", f);
		if (take_entry(u, entry, &sum, f) < 0)
			return -1;
	}
	if (sum != n_rows)
		return failed(f, EX_DATAERR,
			      "%smanifest: its files have %" PRIu64
			      " rows, and %" PRIu64 " were unloaded",
			      u->to.data, sum, n_rows);
	return 0;
}

int unload_open(struct unload *u, const struct source_args *a, uint64_t n_rows,
		struct failure *f)
{
	struct buf url = BUF_INIT, text = BUF_INIT;
	int ret;

	u->args = *a;
	u->args.text.format = FORMAT_NDJSON;
	u->args.text.columns = NULL;
	u->held.max_record = a->rows->max_record;
	u->held.limit = UINT64_MAX;
	/* Of no rows there are neither files nor a manifest. */
	if (!n_rows)
		return 0;
	buf_addf(&url, "%smanifest", u->to.data);
	ret = s3_read(a, url.data, MANIFEST_MAX, &text, f);
	if (ret == 0)
		ret = take_manifest(u, buf_str(&text), n_rows, f);
	buf_release(&url);
	buf_release(&text);
	return ret;
}

/* ---- the files ---- */

static int end_file(struct unload *u, struct failure *f)
{
	const struct unload_file *file = &u->files[u->file];

	source_s3.close(u->reader);
	u->reader = NULL;
	if (u->n_here != file->n_rows)
		return failed(f, EX_DATAERR,
			      "%s: was announced with %" PRIu64
			      " rows and has %" PRIu64,
			      file->url, file->n_rows, u->n_here);
	u->file++;
	return 0;
}

/* Their rows are out: what stays behind costs money, and nothing else. */
static void remove_files(struct unload *u)
{
	struct failure f = FAILURE_INIT;
	struct buf manifest = BUF_INIT;
	int ret = 0;

	if (!u->remove || u->removed || !u->n_files)
		return;
	u->removed = true;
	for (size_t i = 0; ret == 0 && i < u->n_files; i++)
		ret = s3_remove(&u->args, u->files[i].url, &f);
	buf_addf(&manifest, "%smanifest", u->to.data);
	if (ret == 0)
		ret = s3_remove(&u->args, manifest.data, &f);
	if (ret < 0)
		msg_warn("%s: its files could not be removed: %s", u->to.data,
			 f.text.data);
	buf_release(&manifest);
	buf_release(&f.text);
}

/* 1: there is something in held; 0: these were all files; -1. */
static int fill(struct unload *u, struct failure *f)
{
	int got;

	buf_reset(&u->held.out.b);
	u->held.start = u->at = 0;
	while (!u->held.start) {
		if (u->file == u->n_files)
			return 0;
		if (!u->reader) {
			s3_place(&u->args, u->files[u->file].url);
			u->reader = source_s3.open(&u->args, f);
			u->n_here = 0;
		}
		got = u->reader ? source_s3.next(u->reader, &u->held, f) : -1;
		if (got < 0 || (got == 0 && end_file(u, f) < 0))
			return -1;
	}
	return 1;
}

int unload_next(struct unload *u, struct str *record, struct failure *f)
{
	const char *start, *lf;

	if (u->at == u->held.start) {
		int got = fill(u, f);

		if (got == 0)
			remove_files(u);
		if (got <= 0)
			return got;
	}
	start = u->held.out.b.data + u->at;
	lf = memchr(start, '\n', u->held.start - u->at);
	if (!lf)
		BUG("a record without its end");
	*record = (struct str){ start, (size_t)(lf - start) };
	u->at += record->n + 1;
	u->n_here++;
	return 1;
}
