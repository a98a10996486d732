/* SPDX-License-Identifier: MIT */
#include "bin/retl-extract/csv.h"

#include <csv.h>

#include "bin/retl-extract/csvrow.h"
#include "common/mem.h"
#include "common/msg.h"

/*
 * Rows are csvrow's, as long as they are whole and well-formed. What it leaves
 * is read by libcsv, line by line until a row has ended with one: the header,
 * the row that a block cuts in two, and whatever is wrong. libcsv hands out one
 * field after the other, so here is a row in parts.
 */
struct csv_rows {
	struct csv_options o;
	struct csv_parser parser;
	struct columns columns;
	bool has_columns;
	struct csvrow row;
	bool takes_rows;   /* csvrow, now that the columns are known */
	bool at_row;       /* no row is begun, and libcsv waits for one */
	size_t n_fields;   /* of the current row, so far */
	uint64_t line;     /* that is being read, from 1 */
	uint64_t row_line; /* where the current row began */
	uint64_t blank;    /* a blank line, 0: none */
	bool after_cr;
	char last; /* byte of the input */
	bool failed;

	/* while libcsv runs */
	struct rows *rows;
	struct failure *f;
};

/* "FILE:17: what" or "line 17: what" */
static int give_up(struct csv_rows *c, uint64_t line, const char *fmt, ...)
    PRINTF_LIKE(3, 4);
static int give_up(struct csv_rows *c, uint64_t line, const char *fmt, ...)
{
	struct buf text = BUF_INIT;
	va_list ap;

	if (c->o.name)
		buf_addf(&text, "%s:%" PRIu64 ": ", c->o.name, line);
	else
		buf_addf(&text, "line %" PRIu64 ": ", line);
	va_start(ap, fmt);
	buf_vaddf(&text, fmt, ap);
	va_end(ap);
	failed(c->f, EX_DATAERR, "%s", text.data);
	buf_release(&text);
	c->failed = true;
	return -1;
}

/* Blanks belong to the value. */
static int no_space(unsigned char ch UNUSED)
{
	return 0;
}

static void columns_known(struct csv_rows *c)
{
	c->has_columns = true;
	c->takes_rows =
	    !c->o.libcsv_only &&
	    csvrow_start(&c->row, &c->columns, c->o.delimiter, c->o.null);
}

static int set_columns(struct csv_rows *c, struct failure *f)
{
	struct str rest = str_of(c->o.columns), name;

	while (str_split(&rest, ',', &name))
		if (columns_add(&c->columns, name, f) < 0)
			return failed(f, EX_USAGE, "--columns: %s",
				      f->text.data);
	columns_known(c);
	return 0;
}

struct csv_rows *csv_rows_new(const struct csv_options *o, struct failure *f)
{
	struct csv_rows *c = xcalloc(1, sizeof *c);

	c->o = *o;
	c->columns = COLUMNS_INIT;
	c->row = CSVROW_INIT;
	c->at_row = true;
	c->line = c->row_line = 1;
	if (csv_init(&c->parser, CSV_STRICT | CSV_STRICT_FINI | CSV_REPALL_NL |
				     CSV_EMPTY_IS_NULL))
		BUG("libcsv does not start");
	csv_set_delim(&c->parser, (unsigned char)o->delimiter);
	csv_set_space_func(&c->parser, no_space);
	if (o->columns && set_columns(c, f) < 0) {
		csv_rows_free(c);
		return NULL;
	}
	return c;
}

void csv_rows_free(struct csv_rows *c)
{
	if (!c)
		return;
	csv_free(&c->parser);
	columns_release(&c->columns);
	csvrow_release(&c->row);
	free(c);
}

static void count_lines(struct csv_rows *c, const char *p, size_t n)
{
	const char *end = p + n;

	while (p < end && (p = memchr(p, '\n', (size_t)(end - p)))) {
		c->line++;
		p++;
	}
}

static void put_value(struct csv_rows *c, const char *s, size_t n)
{
	struct buf *out = &c->rows->out.b;
	size_t i = c->n_fields;

	if (c->o.null ? s && str_is((struct str){ s, n }, c->o.null) : !s) {
		buf_addz(out, "null");
		return;
	}
	if (row_put_text(out, (struct str){ s, s ? n : 0 }) < 0) {
		struct str name = column_name(&c->columns, i);

		give_up(c, c->line,
			"column '%.*s': invalid UTF-8: convert the file first, "
			"for instance with iconv -f WINDOWS-1252 -t UTF-8",
			STR_ARG(name));
	}
}

static void take_field(void *s, size_t n, void *self)
{
	struct csv_rows *c = self;

	if (c->failed)
		return;
	if (s)
		count_lines(c, s, n);
	if (!c->has_columns) {
		if (columns_add(&c->columns, (struct str){ s, s ? n : 0 },
				c->f) < 0)
			give_up(c, c->line, "the header: %s", c->f->text.data);
		else if (c->columns.text.len / 2 > c->o.max_record)
			give_up(c, c->line,
				"the header is longer than %zu bytes "
				"(--max-record raises that)",
				c->o.max_record);
	} else if (c->n_fields < c->columns.n && !rows_full(c->rows)) {
		column_put(&c->rows->out.b, &c->columns, c->n_fields);
		put_value(c, s, n);
		if (c->rows->out.b.len - c->rows->start > c->o.max_record)
			give_up(c, c->row_line,
				"the row is longer than %zu bytes "
				"(--max-record raises that)",
				c->o.max_record);
	}
	c->n_fields++;
}

/* What spreadsheets write, depending on the country. */
static void look_for_delimiter(const struct csv_rows *c)
{
	struct str name = column_name(&c->columns, 0);

	if (c->columns.n != 1)
		return;
	for (const char *d = ";\t|"; *d; d++) {
		const char *shown = *d == '\t' ? "tab" : (char[]){ *d, '\0' };

		if (*d == c->o.delimiter || !memchr(name.s, *d, name.n))
			continue;
		msg_warn("%s%sthe header is one column with '%s' in its name: "
			 "if that stands between the fields, say --delimiter "
			 "'%s'",
			 c->o.name ? c->o.name : "", c->o.name ? ": " : "",
			 shown, shown);
		return;
	}
}

static void end_row(struct csv_rows *c)
{
	if (!c->has_columns) {
		look_for_delimiter(c);
		columns_known(c);
		return;
	}
	if (rows_full(c->rows))
		return;
	if (c->n_fields != c->columns.n) {
		give_up(c, c->row_line,
			"%zu fields where there are %zu columns", c->n_fields,
			c->columns.n);
		return;
	}
	if (c->blank && c->columns.n == 1) {
		give_up(c, c->blank,
			"a blank line, which may be an empty value or none; "
			"write \"\" for an empty one");
		return;
	}
	buf_addc(&c->rows->out.b, '}');
	if (rows_end(c->rows, c->f) < 0)
		c->failed = true;
}

/* ch: the character that ended the line, -1: the end of the file. */
static void take_row(int ch, void *self)
{
	struct csv_rows *c = self;
	bool second_half = ch == '\n' && c->after_cr && !c->n_fields;

	if (c->failed)
		return;
	if (c->n_fields)
		end_row(c);
	else if (!second_half && ch != -1 && !c->blank)
		c->blank = c->line;
	if (ch != -1 && !second_half)
		c->line++;
	c->after_cr = ch == '\r';
	c->at_row = ch == '\n';
	c->n_fields = 0;
	c->row_line = c->line;
}

static int too_long(struct csv_rows *c)
{
	return give_up(c, c->row_line,
		       "a field is longer than %zu bytes; is a quote missing? "
		       "(--max-record raises the limit)",
		       c->o.max_record);
}

/* The rows at p that csvrow takes; returns what follows them. */
static const char *take_rows(struct csv_rows *c, const char *p, const char *end)
{
	struct buf *out = &c->rows->out.b;
	size_t most = MIN(c->o.max_record, c->rows->max_record);

	/* Is a blank line a value? That is for libcsv's rows to say. */
	if (c->blank && c->columns.n == 1)
		return p;
	while (!rows_full(c->rows)) {
		uint64_t lines = 0;
		const char *next = csvrow_take(&c->row, p, end, out, &lines);

		if (!next || out->len - c->rows->start > most) {
			rows_drop(c->rows);
			break;
		}
		if (rows_end(c->rows, c->f) < 0) {
			c->failed = true;
			break;
		}
		p = next;
		c->line += lines + 1;
		c->row_line = c->line;
	}
	return p;
}

static int give_to_libcsv(struct csv_rows *c, const char *p, size_t n)
{
	size_t used = csv_parse(&c->parser, p, n, take_field, take_row, c);

	if (c->failed)
		return -1;
	if (used == n || rows_full(c->rows))
		return 0;
	if (csv_error(&c->parser) == CSV_ENOMEM)
		return failed(c->f, EX_OSERR, "out of memory");
	return give_up(c, c->line,
		       "a quote inside a field that does not begin "
		       "with one, or text behind a closing quote");
}

int csv_rows_feed(struct csv_rows *c, struct str block, struct rows *rows,
		  struct failure *f)
{
	const char *p = block.s, *end = p + block.n;

	c->rows = rows;
	c->f = f;
	while (p < end) {
		const char *lf;

		if (c->at_row && c->takes_rows)
			p = take_rows(c, p, end);
		if (c->failed)
			return -1;
		if (p == end || (c->has_columns && rows_full(rows)))
			break;
		lf = c->o.libcsv_only ? NULL
				      : memchr(p, '\n', (size_t)(end - p));
		lf = lf ? lf + 1 : end;
		c->at_row = false;
		if (give_to_libcsv(c, p, (size_t)(lf - p)) < 0)
			return -1;
		p = lf;
	}
	/* What follows the last row that is wanted is nobody's business. */
	if (rows_full(rows))
		return 0;
	if (c->parser.entry_pos > c->o.max_record)
		return too_long(c);
	c->last = block.s[block.n - 1];
	return 0;
}

int csv_rows_end(struct csv_rows *c, struct rows *rows, struct failure *f)
{
	c->rows = rows;
	c->f = f;
	if (csv_fini(&c->parser, take_field, take_row, c) < 0)
		return give_up(c, c->row_line,
			       "the quote of a field that begins in this row "
			       "is never closed");
	if (c->failed)
		return -1;
	if (!c->has_columns)
		return give_up(c, 1,
			       "the file is empty: not even a header line");
	return 0;
}

bool csv_rows_ended_well(const struct csv_rows *c)
{
	return c->last == '\n' || c->last == '\r';
}
