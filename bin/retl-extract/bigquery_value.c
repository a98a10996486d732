/* SPDX-License-Identifier: MIT */
#include "bin/retl-extract/bigquery.h"

#include "bin/retl-extract/instant.h"
#include "common/enc.h"
#include "common/mem.h"

#define MAX_DEPTH 15 /* of records in records, as BigQuery has it */

static const struct {
	const char *name;
	enum bigquery_type type;
	enum column_kind kind;
} types[] = {
	{ "INTEGER", BIGQUERY_INTEGER, COLUMN_INTEGER },
	{ "INT64", BIGQUERY_INTEGER, COLUMN_INTEGER },
	{ "FLOAT", BIGQUERY_FLOAT, COLUMN_FLOAT },
	{ "FLOAT64", BIGQUERY_FLOAT, COLUMN_FLOAT },
	{ "NUMERIC", BIGQUERY_NUMERIC, COLUMN_DECIMAL },
	{ "BIGNUMERIC", BIGQUERY_NUMERIC, COLUMN_DECIMAL },
	{ "BOOLEAN", BIGQUERY_BOOLEAN, COLUMN_BOOL },
	{ "BOOL", BIGQUERY_BOOLEAN, COLUMN_BOOL },
	{ "STRING", BIGQUERY_TEXT, COLUMN_TEXT },
	{ "BYTES", BIGQUERY_BYTES, COLUMN_BINARY },
	{ "TIMESTAMP", BIGQUERY_TIMESTAMP, COLUMN_TIMESTAMPTZ },
	{ "DATE", BIGQUERY_CLOCK, COLUMN_DATE },
	{ "TIME", BIGQUERY_CLOCK, COLUMN_TIME },
	{ "DATETIME", BIGQUERY_CLOCK, COLUMN_TIMESTAMP },
	{ "JSON", BIGQUERY_JSON, COLUMN_JSON },
	{ "RECORD", BIGQUERY_RECORD, COLUMN_OBJECT },
	{ "STRUCT", BIGQUERY_RECORD, COLUMN_OBJECT },
	/* GEOGRAPHY, INTERVAL, RANGE: their text */
};

/* ---- schemas ---- */

static struct str text_member(struct str object, const char *name,
			      struct buf *scratch)
{
	struct str v = json_type(object) == JSON_OBJECT ? json_get(object, name)
							: STR_NONE;

	return v.s && json_type(v) == JSON_STRING ? json_text(v, scratch)
						  : STR("");
}

static enum column_kind take_type(struct bigquery_field *field, struct str type)
{
	enum column_kind kind = COLUMN_TEXT;

	field->type = BIGQUERY_TEXT;
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (str_is(type, types[i].name)) {
			field->type = types[i].type;
			kind = types[i].kind;
		}
	return field->repeated ? COLUMN_ARRAY : kind;
}

static int take_fields(struct bigquery_field *top, struct str schema,
		       struct columns *c, unsigned depth, struct failure *f);

static int take_field(struct bigquery_field *field, struct str v,
		      struct columns *c, unsigned depth, struct failure *f)
{
	struct buf scratch = BUF_INIT, type = BUF_INIT;
	struct str name;
	enum column_kind kind;
	int ret = 0;

	*field = (struct bigquery_field){ .name = BUF_INIT };
	field->repeated = str_is(text_member(v, "mode", &scratch), "REPEATED");
	buf_adds(&type, text_member(v, "type", &scratch));
	kind = take_type(field, buf_str(&type));
	name = text_member(v, "name", &scratch);
	json_put_str(&field->name, name);
	if (c) {
		ret = columns_add(c, name, f);
		if (ret == 0)
			columns_set_type(c, kind, type.data);
	}
	if (ret == 0 && field->type == BIGQUERY_RECORD)
		ret = take_fields(field, v, NULL, depth + 1, f);
	buf_release(&scratch);
	buf_release(&type);
	return ret;
}

static int take_fields(struct bigquery_field *top, struct str schema,
		       struct columns *c, unsigned depth, struct failure *f)
{
	struct str list = json_type(schema) == JSON_OBJECT
			      ? json_get(schema, "fields")
			      : STR_NONE,
		   v;
	struct json_iter it;

	if (!list.s || json_type(list) != JSON_ARRAY || depth > MAX_DEPTH)
		return failed(f, EX_UNAVAILABLE, "no schema");
	top->fields = xcalloc(MAX(json_count(list), 1), sizeof *top->fields);
	json_iter_init(&it, list);
	while (json_iter_element(&it, &v))
		if (take_field(&top->fields[top->n++], v, c, depth, f) < 0)
			return -1;
	return 0;
}

int bigquery_schema(struct bigquery_field *top, struct str schema,
		    struct columns *c, struct failure *f)
{
	*top = (struct bigquery_field){ .name = BUF_INIT,
					.type = BIGQUERY_RECORD };
	return take_fields(top, schema, c, 0, f);
}

void bigquery_release(struct bigquery_field *field)
{
	for (size_t i = 0; i < field->n; i++)
		bigquery_release(&field->fields[i]);
	free(field->fields);
	if (field->name.data)
		buf_release(&field->name);
	*field = (struct bigquery_field){ .name = BUF_INIT };
}

/* ---- cells ---- */

struct cell {
	struct rows *rows;
	const struct columns *c;
	size_t column;
	unsigned level; /* containers around the value */
	struct buf text;
	const char *what; /* is wrong with it */
};

static int put_float(struct cell *cell, struct str text)
{
	char digits[64], *end;
	double d;

	if (!text.n || text.n >= sizeof digits)
		return -1;
	memcpy(digits, text.s, text.n);
	digits[text.n] = '\0';
	d = strtod(digits, &end);
	if (*end)
		return -1;
	row_put_double(cell->rows, cell->c, cell->column, d);
	return 0;
}

static int put_number(struct cell *cell, struct str text, bool decimal)
{
	if (!row_is_number(text))
		return -1;
	row_put_digits(cell->rows, text, decimal);
	return 0;
}

static int put_boolean(struct buf *out, struct str text)
{
	if (!str_is(text, "true") && !str_is(text, "false"))
		return -1;
	buf_adds(out, text);
	return 0;
}

static int put_bytes(struct cell *cell, struct str text)
{
	struct buf raw = BUF_INIT;
	int ret = dec_base64(&raw, text);

	if (ret == 0)
		row_put_base64(cell->rows, raw.data, raw.len);
	buf_release(&raw);
	return ret;
}

/* Microseconds, as was asked for. */
static int put_timestamp(struct buf *out, struct str text)
{
	bool negative = text.n && text.s[0] == '-';
	uint64_t n;
	int64_t seconds, micros;

	if (str_to_u64((struct str){ text.s + negative, text.n - negative },
		       &n) < 0 ||
	    n > INT64_MAX)
		return -1;
	seconds = (int64_t)(n / 1000000);
	micros = (int64_t)(n % 1000000);
	if (negative) {
		seconds = -seconds;
		if (micros) {
			seconds--;
			micros = 1000000 - micros;
		}
	}
	buf_addc(out, '"');
	if (instant_put(out, seconds, (uint32_t)micros * 1000, true) < 0)
		return -1;
	buf_addc(out, '"');
	return 0;
}

/* Text but for the zeros at the end of a fraction. */
static int put_clock(struct buf *out, struct str text)
{
	if (memchr(text.s, '.', text.n)) {
		while (text.n && text.s[text.n - 1] == '0')
			text.n--;
		if (text.n && text.s[text.n - 1] == '.')
			text.n--;
	}
	return row_put_text(out, text);
}

static int put_scalar(struct cell *cell, enum bigquery_type type,
		      struct str text)
{
	struct buf *out = &cell->rows->out.b;

	switch (type) {
	case BIGQUERY_INTEGER:
		return put_number(cell, text, false);
	case BIGQUERY_FLOAT:
		return put_float(cell, text);
	case BIGQUERY_NUMERIC:
		return put_number(cell, text, true);
	case BIGQUERY_BOOLEAN:
		return put_boolean(out, text);
	case BIGQUERY_BYTES:
		return put_bytes(cell, text);
	case BIGQUERY_TIMESTAMP:
		return put_timestamp(out, text);
	case BIGQUERY_CLOCK:
		return put_clock(out, text);
	case BIGQUERY_JSON:
		return row_put_json(out, text, cell->level, &cell->what);
	default:
		return row_put_text(out, text);
	}
}

static int put_value(struct cell *cell, const struct bigquery_field *field,
		     struct str v);

/* {"f": [{"v"}, ...]} */
static int put_record(struct cell *cell, const struct bigquery_field *field,
		      struct str v)
{
	struct buf *out = &cell->rows->out.b;
	struct str list = json_type(v) == JSON_OBJECT ? json_get(v, "f")
						      : STR_NONE,
		   one;
	struct json_iter it;

	if (!list.s || json_type(list) != JSON_ARRAY ||
	    json_count(list) != field->n)
		return -1;
	json_iter_init(&it, list);
	buf_addc(out, '{');
	cell->level++;
	for (size_t i = 0; i < field->n && json_iter_element(&it, &one); i++) {
		const struct bigquery_field *inner = &field->fields[i];

		if (i)
			buf_addc(out, ',');
		buf_adds(out, buf_str(&inner->name));
		buf_addc(out, ':');
		if (put_value(cell, inner, one) < 0)
			return -1;
	}
	cell->level--;
	buf_addc(out, '}');
	return 0;
}

static int put_one(struct cell *cell, const struct bigquery_field *field,
		   struct str v)
{
	if (json_type(v) == JSON_NULL) {
		buf_addz(&cell->rows->out.b, "null");
		return 0;
	}
	if (field->type == BIGQUERY_RECORD)
		return put_record(cell, field, v);
	if (json_type(v) != JSON_STRING)
		return -1;
	return put_scalar(cell, field->type, json_text(v, &cell->text));
}

static struct str cell_value(struct str cell)
{
	struct str v;

	if (json_type(cell) != JSON_OBJECT)
		return STR_NONE;
	v = json_get(cell, "v");
	return v;
}

static int put_list(struct cell *cell, const struct bigquery_field *field,
		    struct str list)
{
	struct buf *out = &cell->rows->out.b;
	struct json_iter it;
	struct str one, v;
	bool any = false;

	if (json_type(list) == JSON_NULL) {
		buf_addz(out, "[]");
		return 0;
	}
	if (json_type(list) != JSON_ARRAY)
		return -1;
	json_iter_init(&it, list);
	buf_addc(out, '[');
	cell->level++;
	while (json_iter_element(&it, &one)) {
		v = cell_value(one);
		if (any)
			buf_addc(out, ',');
		any = true;
		if (!v.s || put_one(cell, field, v) < 0)
			return -1;
	}
	cell->level--;
	buf_addc(out, ']');
	return 0;
}

static int put_value(struct cell *cell, const struct bigquery_field *field,
		     struct str v)
{
	v = cell_value(v);
	if (!v.s)
		return -1;
	return field->repeated ? put_list(cell, field, v)
			       : put_one(cell, field, v);
}

int bigquery_put_row(struct rows *rows, const struct bigquery_field *top,
		     const struct columns *c, struct str row, struct failure *f)
{
	struct cell cell = { .rows = rows, .c = c, .text = BUF_INIT };
	struct str list = json_type(row) == JSON_OBJECT ? json_get(row, "f")
							: STR_NONE,
		   v;
	struct json_iter it;
	int ret = 0;

	if (!list.s || json_type(list) != JSON_ARRAY ||
	    json_count(list) != top->n)
		return failed(f, EX_DATAERR,
			      "row %" PRIu64 ": not as many values as there "
			      "are columns",
			      rows_number(rows));
	json_iter_init(&it, list);
	for (size_t i = 0; ret == 0 && json_iter_element(&it, &v); i++) {
		column_put(&rows->out.b, c, i);
		cell.column = i;
		cell.level = 1;
		cell.what = "not a value of its type";
		if (put_value(&cell, &top->fields[i], v) < 0)
			ret = row_fault(rows, c, i, cell.what, f);
	}
	buf_release(&cell.text);
	if (ret < 0)
		return -1;
	buf_addc(&rows->out.b, '}');
	return rows_end(rows, f);
}
