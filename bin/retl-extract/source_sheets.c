/* SPDX-License-Identifier: MIT */
/*
 * Google Sheets: each tab is a dataset, its first row names the columns. A tab
 * comes with one request, and so is of one moment; a large one comes in pages,
 * several at a time, and is of one moment if the file's version says that
 * nobody has changed it meanwhile. What is in the sheet is what people have
 * typed: cells are held against all that goes wrong there.
 */
#include "bin/retl-extract/source.h"

#include "bin/retl-extract/google.h"
#include "common/enc.h"
#include "common/mem.h"
#include "common/msg.h"

#define BASE "https://sheets.googleapis.com"
#define DRIVE "https://www.googleapis.com"
#define EMULATOR "GOOGLE_SHEETS_EMULATOR_HOST"
/* The second tells whether the file has changed. */
#define SCOPES                                                   \
	"https://www.googleapis.com/auth/spreadsheets.readonly " \
	"https://www.googleapis.com/auth/drive.metadata.readonly"
#define N_FLYING 4
#define MAX_BODY ((size_t)256 << 20)
#define MAX_WAITING ((size_t)64 << 20)
#define ONE_REQUEST 400000 /* cells that come at once */
#define OF_PAGE 100000     /* cells of a page, beyond that */
/* Google counts requests by the minute: a refused one has to wait for it. */
#define MORE_RETRIES 4
#define ROWS_AT_ONCE 512

struct sheets {
	const struct source_args *args;
	struct google google;
	struct web *web;
	struct web_queue *queue;
	struct buf id, tab;    /* of the spreadsheet; the tab's title */
	uint64_t header, page; /* the header's row; rows of a page, 0: ours */
	bool serial;           /* dates as numbers */
	uint64_t n_rows, n_columns; /* of the grid */
	uint64_t asked;             /* rows that pages have been asked for */
	struct buf version;         /* of the file, as it was before */
	bool in_pages;
	const char *doubt;
	struct columns columns;
	bool *warned; /* of a column's numbers */
	struct buf body, text;
	struct json_iter rows;
	uint64_t row; /* of the sheet, the one that comes next */
	bool in_page;
};

/* ---- addresses ---- */

static int bad_url(struct failure *f)
{
	return failed(f, EX_USAGE,
		      "sheets: the URL: expected sheets:ID, the ID being the "
		      "long word in the sheet's address, and behind a ? "
		      "header=ROW, dates=serial or page=ROWS");
}

/* The ID, or the address that a browser shows. */
static int take_id(struct sheets *s, struct str text, struct failure *f)
{
	const char *mark = memmem(text.s, text.n, "/d/", 3);
	struct str id = text;

	if (mark) {
		struct str rest = { mark + 3,
				    (size_t)(text.s + text.n - mark) - 3 };

		str_split(&rest, '/', &id);
	}
	for (size_t i = 0; i < id.n; i++)
		if (!isalnum((uint8_t)id.s[i]) && !strchr("-_", id.s[i]))
			return bad_url(f);
	if (!id.n)
		return bad_url(f);
	buf_adds(&s->id, id);
	return 0;
}

static int take_url(struct sheets *s, struct str where, struct failure *f)
{
	struct str path, part, name;

	if (str_starts(where, "//"))
		where = (struct str){ where.s + 2, where.n - 2 };
	str_split(&where, '#', &path);
	where = path;
	str_split(&where, '?', &path);
	s->header = 1;
	while (where.s && str_split(&where, '&', &part)) {
		str_split(&part, '=', &name);
		if (part.s && str_is(name, "dates") && str_is(part, "serial"))
			s->serial = true;
		else if (part.s && str_is(name, "header") &&
			 str_to_u64(part, &s->header) == 0 && s->header)
			continue;
		else if (part.s && str_is(name, "page") &&
			 str_to_u64(part, &s->page) == 0 && s->page)
			continue;
		else if (!str_is(name, "gid") && !str_is(name, "usp"))
			return bad_url(f);
	}
	return take_id(s, path, f);
}

/* 1 is A, 27 is AA. */
static void put_letters(struct buf *out, uint64_t column)
{
	char letters[16];
	size_t n = sizeof letters;

	while (column && n) {
		column--;
		letters[--n] = (char)('A' + column % 26);
		column /= 26;
	}
	buf_add(out, letters + n, sizeof letters - n);
}

/* 'Tab''s name'!A5:F104, or without rows the whole tab. */
static void put_range(struct sheets *s, struct buf *out, uint64_t from,
		      uint64_t to)
{
	struct buf range = BUF_INIT;

	buf_addc(&range, '\'');
	for (size_t i = 0; i < s->tab.len; i++) {
		if (s->tab.data[i] == '\'')
			buf_addc(&range, '\'');
		buf_addc(&range, s->tab.data[i]);
	}
	buf_addc(&range, '\'');
	if (from) {
		buf_addf(&range, "!A%" PRIu64 ":", from);
		put_letters(&range, s->n_columns);
		buf_addu(&range, to);
	}
	enc_percent(out, buf_str(&range));
	buf_release(&range);
}

static void request_values(struct sheets *s, struct web_request *rq,
			   uint64_t from, uint64_t to)
{
	google_request(&s->google, rq);
	buf_addf(&rq->url, "/v4/spreadsheets/%s/values/", s->id.data);
	put_range(s, &rq->url, from, to);
	buf_addf(&rq->url,
		 "?majorDimension=ROWS&prettyPrint=false"
		 "&valueRenderOption=UNFORMATTED_VALUE"
		 "&dateTimeRenderOption=%s",
		 s->serial ? "SERIAL_NUMBER" : "FORMATTED_STRING");
}

/* ---- the spreadsheet ---- */

static int refused(struct sheets *s, const struct web_answer *a,
		   struct failure *f)
{
	struct buf text = BUF_INIT;

	google_refused(&s->google, a, "the spreadsheet", f);
	if (a->status == 403 || a->status == 404) {
		buf_adds(&text, buf_str(&f->text));
		failed(f, f->status,
		       "%s; it has to be shared with the account that asks",
		       text.data);
		buf_release(&text);
	}
	return -1;
}

/* Its tabs, as the body of an answer. */
static int ask_tabs(struct sheets *s, struct str *tabs, struct failure *f)
{
	struct web_request rq = WEB_REQUEST_INIT;
	struct web_answer a;
	struct str v;
	int ret;

	google_request(&s->google, &rq);
	buf_addf(&rq.url,
		 "/v4/spreadsheets/%s?fields=sheets.properties(sheetId,title,"
		 "sheetType,gridProperties(rowCount,columnCount))",
		 s->id.data);
	ret = web_ask(s->web, &rq, &a, f);
	if (ret == 0 && a.status != 200)
		ret = refused(s, &a, f);
	v = ret == 0 ? google_object(&a) : STR_NONE;
	if (ret == 0) {
		*tabs = v.s ? json_get(v, "sheets") : STR_NONE;
		if (!tabs->s || json_type(*tabs) != JSON_ARRAY)
			ret = failed(f, EX_UNAVAILABLE,
				     "sheets: an answer without tabs");
	}
	web_request_release(&rq);
	return ret;
}

/* The properties of the next tab with cells; .s NULL: there are no more. */
static struct str next_tab(struct json_iter *it, struct buf *title)
{
	struct str v, p, name, type;

	while (json_iter_element(it, &v)) {
		p = json_type(v) == JSON_OBJECT ? json_get(v, "properties")
						: STR_NONE;
		if (!p.s || json_type(p) != JSON_OBJECT)
			continue;
		name = json_get(p, "title");
		type = json_get(p, "sheetType");
		if (!name.s || json_type(name) != JSON_STRING ||
		    (type.s && !json_text_is(type, "GRID")))
			continue;
		buf_reset(title);
		json_unescape(title, (struct str){ name.s + 1, name.n - 2 });
		return p;
	}
	return STR_NONE;
}

/* By its title, or by "gid:7", which it keeps when it is renamed. */
static bool is_wanted(struct sheets *s, struct str properties)
{
	struct str gid = json_get(properties, "sheetId");

	if (strcmp(s->tab.data, s->args->dataset) == 0)
		return true;
	return str_starts(str_of(s->args->dataset), "gid:") && gid.s &&
	       str_is(gid, s->args->dataset + 4);
}

static int find_tab(struct sheets *s, struct failure *f)
{
	struct str tabs, p, grid, n;
	struct json_iter it;

	if (ask_tabs(s, &tabs, f) < 0)
		return -1;
	json_iter_init(&it, tabs);
	while ((p = next_tab(&it, &s->tab)).s && !is_wanted(s, p))
		continue;
	if (!p.s)
		return failed(
		    f, EX_NOINPUT,
		    "sheets: there is no tab '%s' (--list shows them)",
		    s->args->dataset);
	grid = json_get(p, "gridProperties");
	if (grid.s && json_type(grid) == JSON_OBJECT) {
		n = json_get(grid, "rowCount");
		if (n.s)
			str_to_u64(n, &s->n_rows);
		n = json_get(grid, "columnCount");
		if (n.s)
			str_to_u64(n, &s->n_columns);
	}
	if (!s->n_rows || !s->n_columns || s->n_columns > COLUMNS_MAX * 2)
		return failed(f, EX_UNAVAILABLE,
			      "sheets: an answer that does not say how large "
			      "the tab is");
	return 0;
}

/* What changes with every edit; false: it cannot be known. */
static int ask_version(struct sheets *s, struct buf *version, struct failure *f)
{
	struct web_request rq = WEB_REQUEST_INIT;
	bool is_test = getenv(EMULATOR) && *getenv(EMULATOR);
	struct web_answer a;
	struct str v;
	int ret;

	google_request(&s->google, &rq);
	if (!is_test) {
		buf_reset(&rq.url);
		buf_addz(&rq.url, DRIVE);
	}
	/* Files of shared drives are not there for those who do not say so. */
	buf_addf(&rq.url,
		 "/drive/v3/files/%s?fields=version&supportsAllDrives=true",
		 s->id.data);
	ret = web_ask(s->web, &rq, &a, f);
	v = ret == 0 && a.status == 200 ? google_object(&a) : STR_NONE;
	v = v.s ? json_get(v, "version") : STR_NONE;
	if (ret == 0 && v.s && json_type(v) == JSON_STRING)
		buf_adds(version, v);
	web_request_release(&rq);
	return ret;
}

/* ---- pages ---- */

/* The page in s->body begins at s->row. */
static int begin_page(struct sheets *s, struct failure *f)
{
	struct str v = buf_str(&s->body), values, how;
	struct json_fault fault;

	if (json_check(v, &v, &fault) < 0 || json_type(v) != JSON_OBJECT ||
	    !json_get(v, "range").s)
		return failed(f, EX_UNAVAILABLE,
			      "sheets: an answer that is no range of cells");
	how = json_get(v, "majorDimension");
	values = json_get(v, "values");
	/* An empty range has none. */
	if (!values.s)
		values = STR("[]");
	if (json_type(values) != JSON_ARRAY ||
	    (how.s && !json_text_is(how, "ROWS")))
		return failed(f, EX_UNAVAILABLE,
			      "sheets: an answer that is not in rows");
	json_iter_init(&s->rows, values);
	s->in_page = true;
	return 0;
}

static int make_page(void *arg, struct web_request *rq, struct failure *f)
{
	struct sheets *s = arg;
	uint64_t to = MIN(s->asked + s->page, s->n_rows);

	(void)f;
	if (s->asked == s->n_rows)
		return 0;
	request_values(s, rq, s->asked + 1, to);
	rq->number = s->asked + 1;
	s->asked = to;
	return 1;
}

static int take_body(struct sheets *s, const struct web_answer *a,
		     struct failure *f)
{
	if (a->status != 200)
		return refused(s, a, f);
	buf_reset(&s->body);
	buf_adds(&s->body, a->body);
	return begin_page(s, f);
}

/* 1: there is one; 0: there are no more. */
static int next_page(struct sheets *s, struct failure *f)
{
	const struct web_request *rq;
	struct web_answer a;
	int got;

	s->in_page = false;
	if (!s->queue)
		return 0;
	got = web_queue_next(s->queue, &a, &rq, f);
	if (got <= 0)
		return got;
	s->row = rq->number;
	return take_body(s, &a, f) < 0 ? -1 : 1;
}

static int open_pages(struct sheets *s, struct failure *f)
{
	struct web_queue_opts q = { .n_flying = N_FLYING,
				    .max_bytes = MAX_WAITING,
				    .make = make_page,
				    .arg = s };

	s->in_pages = true;
	/* How long it was before that, is of another moment. */
	if (ask_version(s, &s->version, f) < 0 || find_tab(s, f) < 0)
		return -1;
	s->queue = web_queue_new(s->web, &q);
	return next_page(s, f) < 0 ? -1 : 0;
}

static int open_whole(struct sheets *s, struct failure *f)
{
	struct web_request rq = WEB_REQUEST_INIT;
	struct web_answer a;
	int ret;

	request_values(s, &rq, 0, 0);
	s->row = 1;
	ret = web_ask(s->web, &rq, &a, f);
	if (ret == 0)
		ret = take_body(s, &a, f);
	web_request_release(&rq);
	return ret;
}

/* The next row of the sheet, over the pages; 0: there are no more. */
static int next_row(struct sheets *s, struct str *row, struct failure *f)
{
	int got;

	while (s->in_page) {
		if (json_iter_element(&s->rows, row)) {
			s->row++;
			if (json_type(*row) != JSON_ARRAY)
				return failed(f, EX_UNAVAILABLE,
					      "sheets: row %" PRIu64
					      " is no list of cells",
					      s->row - 1);
			return 1;
		}
		/* Empty rows at the end of a page are left out of it. */
		got = next_page(s, f);
		if (got < 0)
			return -1;
	}
	return 0;
}

/* ---- the header ---- */

static int take_header(struct sheets *s, struct str row, struct failure *f)
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
	json_iter_init(&it, row);
	for (size_t i = 0; i < last && json_iter_element(&it, &v); i++) {
		struct str name = v;

		if (json_type(v) == JSON_STRING)
			name = json_text(v, &s->text);
		else if (json_type(v) != JSON_NUMBER)
			return failed(f, EX_DATAERR,
				      "sheets: row %" PRIu64
				      ": column %zu: its name is no text",
				      s->header, i + 1);
		if (columns_add(&s->columns, name, f) < 0)
			return failed(f, f->status,
				      "sheets: row %" PRIu64 ": %s", s->header,
				      f->text.data);
	}
	if (!s->columns.n)
		return failed(f, EX_DATAERR,
			      "sheets: row %" PRIu64
			      " should name the columns, and is empty "
			      "(?header=ROW says that it is another)",
			      s->header);
	s->warned = xcalloc(s->columns.n, sizeof *s->warned);
	return 0;
}

static int find_header(struct sheets *s, struct failure *f)
{
	struct str row = STR("[]");
	int got = 1;

	while (got == 1 && s->row <= s->header) {
		got = next_row(s, &row, f);
		if (got == 1 && s->row == s->header + 1)
			return take_header(s, row, f);
	}
	return got < 0 ? -1 : take_header(s, STR("[]"), f);
}

/* ---- the source ---- */

static void sheets_close(void *self)
{
	struct sheets *s = self;

	web_queue_free(s->queue);
	web_free(s->web);
	google_release(&s->google);
	columns_release(&s->columns);
	free(s->warned);
	buf_release(&s->id);
	buf_release(&s->tab);
	buf_release(&s->version);
	buf_release(&s->body);
	buf_release(&s->text);
	free(s);
}

static struct sheets *open_session(const struct source_args *a,
				   struct failure *f)
{
	struct sheets *s = xcalloc(1, sizeof *s);
	struct web_opts web = { .name = "sheets",
				.cacert = a->cacert,
				.rows = a->rows,
				.retries =
				    a->retries ? a->retries + MORE_RETRIES : 0,
				.max_body = MAX_BODY };

	s->args = a;
	s->id = s->tab = s->version = s->body = s->text = BUF_INIT;
	s->google.base = BUF_INIT;
	s->columns = COLUMNS_INIT;
	if (take_url(s, str_of(a->where), f) < 0 ||
	    google_init(&s->google, "sheets", BASE, EMULATOR, SCOPES, a->cacert,
			f) < 0 ||
	    !(s->web = web_new(&web, f))) {
		sheets_close(s);
		return NULL;
	}
	return s;
}

static int start(struct sheets *s, struct failure *f)
{
	bool large;

	if (find_tab(s, f) < 0)
		return -1;
	large = s->n_rows > ONE_REQUEST / s->n_columns;
	if (!s->page && large)
		s->page = MAX(OF_PAGE / s->n_columns, 1);
	if ((s->page ? open_pages(s, f) : open_whole(s, f)) < 0)
		return -1;
	return find_header(s, f);
}

static void *sheets_open(const struct source_args *a, struct failure *f)
{
	struct sheets *s;

	if (a->query.s) {
		failed(f, EX_USAGE,
		       "sheets: a sheet takes no query; name a tab");
		return NULL;
	}
	s = open_session(a, f);
	if (s && start(s, f) < 0) {
		sheets_close(s);
		s = NULL;
	}
	return s;
}

static int sheets_describe(const struct source_args *a, struct columns *c,
			   struct failure *f)
{
	struct sheets *s = sheets_open(a, f);

	if (!s)
		return -1;
	*c = s->columns;
	s->columns = COLUMNS_INIT;
	sheets_close(s);
	return 0;
}

static int sheets_list(const struct source_args *a, struct buf *names,
		       struct failure *f)
{
	struct sheets *s = open_session(a, f);
	struct json_iter it;
	struct str tabs;
	int ret;

	if (!s)
		return -1;
	ret = ask_tabs(s, &tabs, f);
	if (ret == 0) {
		json_iter_init(&it, tabs);
		while (next_tab(&it, &s->tab).s) {
			buf_adds(names, buf_str(&s->tab));
			buf_addc(names, '\n');
		}
	}
	sheets_close(s);
	return ret;
}

/* ---- cells ---- */

/* "row 17: column 'email': what", by the sheet's own rows. */
static int cell_fault(struct sheets *s, size_t i, int status, const char *what,
		      struct failure *f)
{
	struct buf cell = BUF_INIT;

	put_letters(&cell, i + 1);
	buf_addu(&cell, s->row - 1);
	failed(f, status, "sheets: cell %s: column '%.*s': %s", cell.data,
	       STR_ARG(column_name(&s->columns, i)), what);
	buf_release(&cell);
	return -1;
}

static const char *error_in(struct str text)
{
	static const char *const errors[] = { "#N/A",    "#REF!",  "#VALUE!",
					      "#DIV/0!", "#NAME?", "#NUM!",
					      "#ERROR!", "#NULL!" };

	for (size_t i = 0; i < ARRAY_LEN(errors); i++)
		if (str_is(text, errors[i]))
			return errors[i];
	return NULL;
}

/* Sheets keeps 15 digits of a number: an id of more is another one by now. */
static void check_digits(struct sheets *s, size_t i, struct str number)
{
	size_t n = 0;

	if (s->warned[i])
		return;
	for (size_t k = 0; k < number.n; k++) {
		if (number.s[k] == 'e' || number.s[k] == 'E')
			n = 16;
		if (number.s[k] == '.' || n > 15)
			break;
		n += isdigit((uint8_t)number.s[k]) != 0;
	}
	if (n <= 15)
		return;
	s->warned[i] = true;
	msg_warn("sheets: row %" PRIu64 ": column '%.*s': a number of more "
		 "than 15 digits, which Sheets does not keep; if these are "
		 "ids, format the column as text and enter them again",
		 s->row - 1, STR_ARG(column_name(&s->columns, i)));
}

static int put_cell(struct sheets *s, struct rows *rows, size_t i, struct str v,
		    struct failure *f)
{
	struct buf *out = &rows->out.b;
	struct str text;

	switch (json_type(v)) {
	case JSON_NUMBER:
		check_digits(s, i, v);
		row_put_digits(rows, v, false);
		return 0;
	case JSON_BOOL:
		buf_adds(out, v);
		return 0;
	case JSON_STRING:
		text = json_text(v, &s->text);
		break;
	default:
		return cell_fault(s, i, EX_UNAVAILABLE, "no plain value", f);
	}
	if (error_in(text))
		return cell_fault(s, i, EX_DATAERR, error_in(text), f);
	if (str_is(text, "Loading..."))
		return cell_fault(s, i, EX_TEMPFAIL,
				  "has not been computed yet", f);
	/* Empty at the end of a row is not there at all: no difference. */
	if (!text.n)
		buf_addz(out, "null");
	else
		json_put_str(out, text);
	return 0;
}

static bool is_blank(struct str row)
{
	struct json_iter it;
	struct str v;

	json_iter_init(&it, row);
	while (json_iter_element(&it, &v))
		if (!json_text_is(v, ""))
			return false;
	return true;
}

static int put_row(struct sheets *s, struct str row, struct rows *rows,
		   struct failure *f)
{
	struct json_iter it;
	struct str v;
	bool more = true;

	json_iter_init(&it, row);
	for (size_t i = 0; i < s->columns.n; i++) {
		column_put(&rows->out.b, &s->columns, i);
		more = more && json_iter_element(&it, &v);
		if (!more)
			buf_addz(&rows->out.b, "null");
		else if (put_cell(s, rows, i, v, f) < 0)
			return -1;
	}
	while (more && json_iter_element(&it, &v))
		if (!json_text_is(v, ""))
			return failed(f, EX_DATAERR,
				      "sheets: row %" PRIu64
				      ": a value right of the last column that "
				      "has a name",
				      s->row - 1);
	buf_addc(&rows->out.b, '}');
	return rows_end(rows, f);
}

/* Was it of one moment? */
static int check_version(struct sheets *s, struct failure *f)
{
	struct buf now = BUF_INIT;
	int ret = ask_version(s, &now, f);

	if (ret == 0 && (!now.len || !s->version.len))
		s->doubt = "the tab came in pages, and whether it was changed "
			   "meanwhile is not known (the account may not see "
			   "the file in Drive)";
	else if (ret == 0 && !str_eq(buf_str(&now), buf_str(&s->version)))
		ret = failed(f, EX_TEMPFAIL,
			     "sheets: the spreadsheet was changed while it was "
			     "read");
	buf_release(&now);
	return ret;
}

static int sheets_next(void *self, struct rows *rows, struct failure *f)
{
	struct sheets *s = self;
	struct str row;
	int got = 1;

	for (int i = 0; i < ROWS_AT_ONCE && !rows_full(rows); i++) {
		got = next_row(s, &row, f);
		if (got < 1)
			break;
		if (!is_blank(row) && put_row(s, row, rows, f) < 0)
			return -1;
	}
	if (got == 0 && s->in_pages && check_version(s, f) < 0)
		return -1;
	return got;
}

static const char *sheets_doubt(void *self)
{
	struct sheets *s = self;

	return s->doubt;
}

const struct source source_sheets = {
	.has_datasets = true,
	.no_binding = true,
	.open = sheets_open,
	.next = sheets_next,
	.doubt = sheets_doubt,
	.describe = sheets_describe,
	.list = sheets_list,
	.close = sheets_close,
};
