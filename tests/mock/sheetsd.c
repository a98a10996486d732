/* SPDX-License-Identifier: MIT */
/*
 * Google Sheets, as far as a reader of values sees it, and the version of a
 * file in Drive, with the token endpoint of tokens.h. --book is {"sheets":
 * [{"title", "gid", "type", "rows": [[...]]}]}; empty cells and rows at the end
 * of what is asked for are left out, as there.
 */

#include "common/file.h"
#include "common/json.h"
#include "common/msg.h"
#include "tests/mock/lib/fakeapi.h"
#include "tests/mock/lib/tokens.h"

#define BOOK "/v4/spreadsheets/book-1"

struct sheetsd {
	struct tokens tokens;
	struct fakeapi api;
	const char *book_path;
	uint64_t slow_ms, grid_rows, grows;
	bool edited, no_drive;
	struct buf book, text, range;
	struct str sheets;
	uint64_t n_versions, n_tabs;
};

static void complain(struct answer *a, int status, const char *what)
{
	struct buf b = BUF_INIT;

	buf_addf(&b,
		 "{\"error\":{\"code\":%d,\"message\":\"on order\",\"status\":"
		 "\"%s\"}}",
		 status, what);
	answer_json(a, status, buf_str(&b));
	buf_release(&b);
}

static void load(struct sheetsd *s)
{
	struct buf err = BUF_INIT;
	struct json_fault f;
	struct str v;

	s->book = s->text = s->range = BUF_INIT;
	if (!s->book_path ||
	    file_read(s->book_path, (size_t)1 << 28, &s->book, &err) < 0)
		die(EX_NOINPUT, "--book: %s", err.data);
	if (json_check(buf_str(&s->book), &v, &f) < 0)
		die(EX_DATAERR, "%s: %s", s->book_path, f.what);
	s->sheets = json_get(v, "sheets");
}

static size_t width(struct str rows)
{
	struct json_iter it;
	struct str row;
	size_t n = 1;

	json_iter_init(&it, rows);
	while (json_iter_element(&it, &row))
		n = MAX(n, json_count(row));
	return n;
}

static void put_tabs(struct sheetsd *s, struct answer *a)
{
	struct json_iter it;
	struct str v;
	bool any = false;

	buf_reset(&s->text);
	buf_addz(&s->text, "{\"sheets\":[");
	json_iter_init(&it, s->sheets);
	while (json_iter_element(&it, &v)) {
		struct str rows = json_get(v, "rows"), type;

		type = json_get(v, "type");
		buf_addf(&s->text,
			 "%s{\"properties\":{\"sheetId\":%.*s,\"title\":%.*s,"
			 "\"sheetType\":%.*s,\"gridProperties\":{\"rowCount\":"
			 "%zu,\"columnCount\":%zu}}}",
			 any ? "," : "", STR_ARG(json_get(v, "gid")),
			 STR_ARG(json_get(v, "title")),
			 type.s ? (int)type.n : 6, type.s ? type.s : "\"GRID\"",
			 MAX(json_count(rows) + 10, s->grid_rows) -
			     (s->n_tabs ? 0 : s->grows),
			 width(rows) + 2);
		any = true;
	}
	s->n_tabs++;
	buf_addz(&s->text, "]}");
	answer_json(a, 200, buf_str(&s->text));
}

/* ---- values ---- */

static void decode(struct buf *out, struct str text)
{
	for (size_t i = 0; i < text.n; i++) {
		char pair[3] = { 0 };

		if (text.s[i] == '%' && i + 2 < text.n) {
			pair[0] = text.s[i + 1];
			pair[1] = text.s[i + 2];
			buf_addc(out, (char)strtol(pair, NULL, 16));
			i += 2;
		} else {
			buf_addc(out, text.s[i]);
		}
	}
}

/* 'It''s'!A5:C8 into a title and rows; false: it is no range. */
static bool take_range(struct sheetsd *s, struct buf *title, uint64_t *from,
		       uint64_t *to)
{
	const char *p = s->range.data;

	if (*p++ != '\'')
		return false;
	for (; *p && (*p != '\'' || p[1] == '\''); p++) {
		p += *p == '\'';
		buf_addc(title, *p);
	}
	*from = 1;
	*to = UINT64_MAX;
	if (*p++ != '\'')
		return false;
	if (!*p)
		return true;
	if (p[0] != '!' || p[1] != 'A')
		return false;
	*from = strtoull(p + 2, (char **)&p, 10);
	if (*p++ != ':')
		return false;
	while (isupper((uint8_t)*p))
		p++;
	*to = strtoull(p, (char **)&p, 10);
	return !*p && *from && *to >= *from;
}

/* Without the empty cells at its end. */
static void put_row(struct buf *out, struct str row)
{
	struct json_iter it;
	struct str v;
	size_t n = 0, last = 0;

	json_iter_init(&it, row);
	while (json_iter_element(&it, &v)) {
		n++;
		if (!json_text_is(v, ""))
			last = n;
	}
	buf_addc(out, '[');
	json_iter_init(&it, row);
	for (size_t i = 0; i < last && json_iter_element(&it, &v); i++) {
		if (i)
			buf_addc(out, ',');
		buf_adds(out, v);
	}
	buf_addc(out, ']');
}

static void put_rows(struct sheetsd *s, struct str rows, uint64_t from,
		     uint64_t to)
{
	struct json_iter it;
	struct str row;
	size_t end;

	buf_reset(&s->text);
	buf_addz(&s->text, "{\"range\":");
	json_put_str(&s->text, buf_str(&s->range));
	buf_addz(&s->text, ",\"majorDimension\":\"ROWS\"");
	end = s->text.len;
	buf_addz(&s->text, ",\"values\":[");
	json_iter_init(&it, rows);
	for (uint64_t i = 1; json_iter_element(&it, &row) && i <= to; i++) {
		size_t at = s->text.len;

		if (i < from)
			continue;
		if (i > from)
			buf_addc(&s->text, ',');
		put_row(&s->text, row);
		if (s->text.len - at > 3)
			end = s->text.len;
	}
	buf_truncate(&s->text, end);
	buf_addz(&s->text, s->text.data[end - 1] == ']' ? "]}" : "}");
}

static void put_values(struct sheetsd *s, const struct request *r,
		       struct answer *a, struct str coded)
{
	struct buf title = BUF_INIT;
	struct json_iter it;
	uint64_t from, to;
	struct str v;

	buf_reset(&s->range);
	decode(&s->range, coded);
	if (!memmem(r->query.s, r->query.n,
		    "valueRenderOption=UNFORMATTED_VALUE", 35) ||
	    !memmem(r->query.s, r->query.n, "majorDimension=ROWS", 19)) {
		complain(a, 400, "INVALID_ARGUMENT");
		return;
	}
	if (!take_range(s, &title, &from, &to)) {
		complain(a, 400, "INVALID_ARGUMENT");
		return;
	}
	json_iter_init(&it, s->sheets);
	while (json_iter_element(&it, &v))
		if (json_text_is(json_get(v, "title"), title.data)) {
			put_rows(s, json_get(v, "rows"), from, to);
			answer_json(a, 200, buf_str(&s->text));
			a->delay_ms = s->slow_ms;
			buf_release(&title);
			return;
		}
	buf_release(&title);
	complain(a, 400, "INVALID_ARGUMENT");
}

static void serve_api(struct sheetsd *s, const struct request *r,
		      struct answer *a)
{
	const char *fault =
	    s->tokens.key_file ? tokens_fault(&s->tokens, r) : NULL;

	if (fault) {
		complain(a, 401, "UNAUTHENTICATED");
	} else if (str_is(r->path, BOOK)) {
		put_tabs(s, a);
	} else if (str_starts(r->path, BOOK "/values/")) {
		put_values(s, r, a,
			   (struct str){ r->path.s + sizeof BOOK + 7,
					 r->path.n - sizeof BOOK - 7 });
	} else if (str_is(r->path, "/drive/v3/files/book-1") && !s->no_drive &&
		   str_is(fakeapi_query(r, "supportsAllDrives"), "true")) {
		buf_reset(&s->text);
		buf_addf(&s->text, "{\"version\":\"%" PRIu64 "\"}",
			 s->edited ? ++s->n_versions : 7);
		answer_json(a, 200, buf_str(&s->text));
	} else if (str_starts(r->path, "/drive/")) {
		complain(a, 403, "PERMISSION_DENIED");
	} else {
		complain(a, 404, "NOT_FOUND");
	}
}

static void give(void *self, const struct request *r, struct answer *a)
{
	struct sheetsd *s = self;

	if (!tokens_serve(&s->tokens, r, a))
		serve_api(s, r, a);
}

static void trouble(struct answer *a, int status)
{
	complain(a, status, status == 429 ? "RESOURCE_EXHAUSTED" : "INTERNAL");
}

static void note(void *self UNUSED, const struct request *r, int status,
		 struct buf *line)
{
	buf_addf(line, "%d %.*s", status, STR_ARG(r->target));
}

int main(int argc, char **argv)
{
	struct sheetsd fake = { .api = { .give = give,
					 .trouble = trouble,
					 .note = note,
					 .self = &fake } };
	struct opt opts[6 + TOKENS_N_OPTS + FAKEAPI_N_OPTS] = {
		{ 0, "book", OPT_STR, &fake.book_path, "FILE",
		  "the spreadsheet book-1" },
		{ 0, "grid-rows", OPT_COUNT, &fake.grid_rows, "N",
		  "rows that a tab has at least" },
		{ 0, "grows", OPT_COUNT, &fake.grows, "N",
		  "rows by which a tab was shorter when it was first seen" },
		{ 0, "slow", OPT_COUNT, &fake.slow_ms, "MS",
		  "each answer with values takes so long" },
		{ 0, "edited", OPT_FLAG, &fake.edited, NULL,
		  "somebody keeps editing" },
		{ 0, "no-drive", OPT_FLAG, &fake.no_drive, NULL,
		  "the file's version is not told" },
	};
	const struct opt_spec spec = {
		.synopsis = "--book FILE [OPTION]...",
		.about = "Be Google Sheets, on 127.0.0.1.",
		.opts = opts,
		.n = ARRAY_LEN(opts),
	};

	tokens_opts(&fake.tokens, opts + 6);
	fakeapi_opts(&fake.api, opts + 6 + TOKENS_N_OPTS);
	msg_init("sheetsd");
	if (opt_parse(&spec, argc, argv))
		opt_die("operands are not taken");
	load(&fake);
	fakeapi_run(&fake.api);
	return 0;
}
