/* SPDX-License-Identifier: MIT */
#include "bin/retl-extract/reader.h"

#include "bin/retl-extract/array.h"
#include "bin/retl-extract/csv.h"
#include "bin/retl-extract/parquet.h"
#include "common/mem.h"
#include "common/record.h"

#define BLOCK ((size_t)256 << 10)

struct reader {
	enum format format;
	struct input *in;
	struct failure *f; /* of the call that is under way */
	struct csv_rows *csv;
	char *block;
	struct ndjson lines;
	struct array *array;
	struct parquet *parquet;
	struct tap *tap;
	struct record rec;
};

int format_parse(const char *name, enum format *out)
{
	static const char *const names[] = {
		[FORMAT_CSV] = "csv",         [FORMAT_TSV] = "tsv",
		[FORMAT_NDJSON] = "ndjson",   [FORMAT_JSON] = "json",
		[FORMAT_PARQUET] = "parquet",
	};

	for (size_t i = FORMAT_CSV; i < ARRAY_LEN(names); i++)
		if (strcmp(name, names[i]) == 0) {
			*out = (enum format)i;
			return 0;
		}
	return -1;
}

static bool take_suffix(struct str *path, const char *suffix)
{
	size_t n = strlen(suffix);

	if (path->n <= n || strncasecmp(path->s + path->n - n, suffix, n) != 0)
		return false;
	path->n -= n;
	return true;
}

enum format format_of_path(const char *text)
{
	struct str path = str_of(text);

	if (!take_suffix(&path, ".gz") && !take_suffix(&path, ".zst"))
		take_suffix(&path, ".zstd");
	if (take_suffix(&path, ".csv"))
		return FORMAT_CSV;
	if (take_suffix(&path, ".tsv") || take_suffix(&path, ".tab"))
		return FORMAT_TSV;
	if (take_suffix(&path, ".ndjson") || take_suffix(&path, ".jsonl"))
		return FORMAT_NDJSON;
	if (take_suffix(&path, ".parquet"))
		return FORMAT_PARQUET;
	return FORMAT_UNKNOWN;
}

/* ---- NDJSON ---- */

static ssize_t pull(struct ndjson *lines, void *p, size_t n)
{
	struct reader *r = lines->pull_from;
	ssize_t got = input_read(r->in, p, n, r->f);

	if (got < 0) {
		lines->status = r->f->status;
		fail(&lines->err, "%s", r->f->text.data);
	}
	return got;
}

static int refuse_reserved(const struct record *rec, struct buf *place,
			   struct failure *f)
{
	const char *name = rec->diff_id.s        ? "diff_id"
			   : rec->diff_changed.s ? "diff_changed"
			   : rec->diff_outcome.s ? "diff_outcome"
						 : NULL;

	if (!name)
		return 0;
	return failed(f, EX_DATAERR,
		      "%s: %s: the name is reserved, see retl-stream(5); a "
		      "dataset may not have it",
		      place->data, name);
}

static int check_record(struct reader *r, struct str text, struct buf *place,
			struct failure *f)
{
	struct json_fault fault;

	if (record_parse(&r->rec, text, &fault) < 0)
		return failed(f, EX_DATAERR, "%s: byte %zu: %s", place->data,
			      fault.at + 1, fault.what);
	return refuse_reserved(&r->rec, place, f);
}

static int next_line(struct reader *r, struct rows *rows, struct failure *f)
{
	struct json_fault fault;
	int got = ndjson_next(&r->lines);

	if (got < 0)
		return failed(f, r->lines.status, "%s", r->lines.err.data);
	if (!got)
		return 0;
	/* The place is made into text only for those who need it. */
	if (UNLIKELY(record_parse_indexed(&r->rec, r->lines.line,
					  r->lines.in_index, &fault) < 0 ||
		     r->rec.diff_id.s || r->rec.diff_changed.s ||
		     r->rec.diff_outcome.s)) {
		struct buf place = BUF_INIT;

		ndjson_place(&r->lines, &place);
		check_record(r, r->lines.line, &place, f);
		buf_release(&place);
		return -1;
	}
	buf_adds(&rows->out.b, r->lines.line);
	return rows_end(rows, f) < 0 ? -1 : 1;
}

/* ---- messages of a tap ---- */

static int next_message(struct reader *r, struct rows *rows, struct failure *f)
{
	int got = ndjson_next(&r->lines);
	struct buf place = BUF_INIT;
	struct str record;

	if (got < 0)
		return failed(f, r->lines.status, "%s", r->lines.err.data);
	if (!got)
		return tap_end(r->tap, f);
	ndjson_place(&r->lines, &place);
	got = tap_take(r->tap, r->lines.line, &record, place.data, f);
	if (got == 1)
		got = check_record(r, record, &place, f) < 0 ? -1 : 1;
	buf_release(&place);
	if (got < 0)
		return -1;
	if (got == 1) {
		json_put_compact(&rows->out.b, record);
		if (rows_end(rows, f) < 0)
			return -1;
	}
	return 1;
}

static enum reader_verdict tap_verdict(const struct tap *t, const char **why)
{
	*why = tap_doubt(t);
	if (*why)
		return READER_UNSEALED;
	if (tap_vouches(t))
		return READER_SEALED;
	*why = "where the messages of a tap end proves nothing; run the tap as "
	       "a command: retl-extract ... -- TAP";
	return READER_SUSPECT;
}

/* ---- one JSON array ---- */

static int next_element(struct reader *r, struct rows *rows, struct failure *f)
{
	struct buf place = BUF_INIT;
	struct str text;
	int got = array_next(r->array, &text, f);

	if (got <= 0)
		return got;
	buf_addf(&place, "%s: element %" PRIu64, r->in->name,
		 array_count(r->array));
	got = check_record(r, text, &place, f);
	buf_release(&place);
	if (got < 0)
		return -1;
	json_put_compact(&rows->out.b, text);
	return rows_end(rows, f) < 0 ? -1 : 1;
}

/* ---- CSV ---- */

static int next_rows(struct reader *r, struct rows *rows, struct failure *f)
{
	ssize_t got = input_read(r->in, r->block, BLOCK, f);

	if (got < 0)
		return -1;
	if (got == 0)
		return csv_rows_end(r->csv, rows, f);
	if (csv_rows_feed(r->csv, (struct str){ r->block, (size_t)got }, rows,
			  f) < 0)
		return -1;
	return 1;
}

/* ---- all of them ---- */

/* Without a word from anybody: an array, or lines, if it can be JSON at all. */
static int guess_format(struct reader *r, bool lines, struct failure *f)
{
	struct str head;

	if (input_peek(r->in, &head, f) < 0)
		return -1;
	if (head.n && *head.s == '[')
		r->format = FORMAT_JSON;
	else if (str_starts(head, "PAR1"))
		r->format = FORMAT_PARQUET;
	else if (!head.n || *head.s == '{' || lines)
		r->format = FORMAT_NDJSON;
	else
		return failed(f, EX_USAGE,
			      "%s: neither its name nor its beginning tells "
			      "its format; add --format csv, tsv, ndjson, "
			      "json or parquet",
			      r->in->name);
	return 0;
}

static int start_csv(struct reader *r, const struct reader_options *o,
		     struct failure *f)
{
	struct csv_options csv = {
		.delimiter = o->delimiter              ? o->delimiter
			     : r->format == FORMAT_TSV ? '\t'
						       : ',',
		.null = o->null,
		.columns = o->columns,
		.name = r->in->path,
		.max_record = o->max_record,
	};

	r->block = xmalloc(BLOCK);
	r->csv = csv_rows_new(&csv, f);
	return r->csv ? 0 : -1;
}

static int start_other(struct reader *r, const struct reader_options *o,
		       struct failure *f)
{
	if (o->delimiter || o->null || o->columns)
		return failed(f, EX_USAGE,
			      "%s: --delimiter, --null and --columns are for "
			      "CSV and TSV",
			      r->in->name);
	if (r->format == FORMAT_PARQUET) {
		r->parquet = parquet_new(r->in);
		return 0;
	}
	if (r->format == FORMAT_JSON) {
		r->array = array_new(r->in, o->max_record);
		return 0;
	}
	r->lines.name = r->in->path;
	r->lines.max_record = o->max_record;
	r->lines.pull = pull;
	r->lines.pull_from = r;
	ndjson_index(&r->lines, !r->tap);
	return 0;
}

struct reader *reader_new(const struct reader_options *o, struct input *in,
			  struct failure *f)
{
	struct reader *r = xcalloc(1, sizeof *r);
	int got = 0;

	r->format = o->format;
	r->in = in;
	r->tap = o->tap;
	if (r->tap)
		r->format = FORMAT_NDJSON;
	r->lines = NDJSON_INIT;
	r->rec = RECORD_INIT;
	if (r->format == FORMAT_UNKNOWN)
		got = guess_format(r, o->lines_by_default, f);
	if (got == 0 && (r->format == FORMAT_CSV || r->format == FORMAT_TSV))
		got = start_csv(r, o, f);
	else if (got == 0)
		got = start_other(r, o, f);
	if (got < 0) {
		reader_free(r);
		return NULL;
	}
	return r;
}

void reader_free(struct reader *r)
{
	if (!r)
		return;
	csv_rows_free(r->csv);
	array_free(r->array);
	parquet_free(r->parquet);
	ndjson_close(&r->lines);
	record_release(&r->rec);
	free(r->block);
	free(r);
}

int reader_next(struct reader *r, struct rows *rows, struct failure *f)
{
	r->f = f;
	if (r->csv)
		return next_rows(r, rows, f);
	if (r->array)
		return next_element(r, rows, f);
	if (r->parquet)
		return parquet_next(r->parquet, rows, f);
	if (r->tap)
		return next_message(r, rows, f);
	return next_line(r, rows, f);
}

enum reader_verdict reader_verdict(struct reader *r, const char **why)
{
	if (r->tap)
		return tap_verdict(r->tap, why);
	if (r->lines.n_seals) {
		*why = ndjson_seal_fault(&r->lines);
		return *why ? READER_UNSEALED : READER_SEALED;
	}
	if (r->csv && !csv_rows_ended_well(r->csv)) {
		*why = "the last line does not end with a newline, so it may "
		       "be cut off";
		return READER_SUSPECT;
	}
	if (!r->csv && !r->array && !r->parquet && !r->lines.n_records) {
		*why = "the input is empty";
		return READER_EMPTY;
	}
	return READER_SILENT;
}

const char *reader_doubt(struct reader *r, const char *silent)
{
	const char *why = NULL;

	switch (reader_verdict(r, &why)) {
	case READER_SEALED:
		return NULL;
	case READER_SILENT:
		return silent;
	default:
		return why;
	}
}

int textfile_open(struct textfile *t, const struct feed *feed, const char *name,
		  const struct reader_options *o, struct failure *f)
{
	struct reader_options text = *o;

	if (text.format == FORMAT_UNKNOWN)
		text.format = format_of_path(name);
	input_from_feed(&t->in, feed, name);
	t->reader = reader_new(&text, &t->in, f);
	if (t->reader)
		return 0;
	input_close(&t->in);
	return -1;
}

void textfile_close(struct textfile *t)
{
	if (!t->reader)
		return;
	reader_free(t->reader);
	input_close(&t->in);
}
