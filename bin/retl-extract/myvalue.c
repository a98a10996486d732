/* SPDX-License-Identifier: MIT */
#include "bin/retl-extract/myvalue.h"

#include "common/mem.h"

#define BINARY_CHARSET 63
#define FIRST_ROOM 1024 /* bytes for a text, to begin with */

static bool is_format(const MYSQL_FIELD *field, const char *name)
{
	MARIADB_CONST_STRING attr = { NULL, 0 };

	if (mariadb_field_attr(&attr, field, MARIADB_FIELD_ATTR_FORMAT_NAME))
		return false;
	return attr.str && str_is((struct str){ attr.str, attr.length }, name);
}

static enum my_kind set(enum my_kind kind, enum column_kind c, const char *n,
			enum column_kind *column, const char **native)
{
	*column = c;
	*native = n;
	return kind;
}

static enum my_kind kind_of_text(const MYSQL_FIELD *field,
				 enum column_kind *column, const char **native)
{
	/* MariaDB's JSON is a text, but says what it is meant to be. */
	if (is_format(field, "json"))
		return set(MY_JSON, COLUMN_JSON, "json", column, native);
	if (field->charsetnr == BINARY_CHARSET)
		return set(MY_BINARY, COLUMN_BINARY, "binary", column, native);
	if (field->flags & ENUM_FLAG)
		return set(MY_TEXT, COLUMN_TEXT, "enum", column, native);
	if (field->flags & SET_FLAG)
		return set(MY_TEXT, COLUMN_TEXT, "set", column, native);
	return set(MY_TEXT, COLUMN_TEXT, "text", column, native);
}

enum my_kind my_kind_of(const MYSQL_FIELD *field, enum column_kind *column,
			const char **native)
{
	bool is_unsigned = field->flags & UNSIGNED_FLAG;

	switch (field->type) {
	case MYSQL_TYPE_TINY:
	case MYSQL_TYPE_SHORT:
	case MYSQL_TYPE_INT24:
	case MYSQL_TYPE_LONG:
		return set(MY_INTEGER, COLUMN_INTEGER, "int", column, native);
	case MYSQL_TYPE_LONGLONG:
		return set(MY_INTEGER, COLUMN_INTEGER,
			   is_unsigned ? "bigint unsigned" : "bigint", column,
			   native);
	case MYSQL_TYPE_YEAR:
		return set(MY_INTEGER, COLUMN_INTEGER, "year", column, native);
	case MYSQL_TYPE_DECIMAL:
	case MYSQL_TYPE_NEWDECIMAL:
		return set(MY_DECIMAL, COLUMN_DECIMAL, "decimal", column,
			   native);
	case MYSQL_TYPE_FLOAT:
		return set(MY_FLOAT, COLUMN_FLOAT, "float", column, native);
	case MYSQL_TYPE_DOUBLE:
		return set(MY_DOUBLE, COLUMN_FLOAT, "double", column, native);
	case MYSQL_TYPE_DATE:
	case MYSQL_TYPE_NEWDATE:
		return set(MY_DATE, COLUMN_DATE, "date", column, native);
	case MYSQL_TYPE_TIME:
		return set(MY_TIME, COLUMN_TIME, "time", column, native);
	case MYSQL_TYPE_DATETIME:
		return set(MY_DATETIME, COLUMN_TIMESTAMP, "datetime", column,
			   native);
	case MYSQL_TYPE_TIMESTAMP:
		return set(MY_TIMESTAMP, COLUMN_TIMESTAMPTZ,
			   field->decimals ? "timestamp(6)" : "timestamp",
			   column, native);
	case MYSQL_TYPE_BIT:
		return set(MY_BIT, COLUMN_INTEGER, "bit", column, native);
	case MYSQL_TYPE_JSON:
		return set(MY_JSON, COLUMN_JSON, "json", column, native);
	case MYSQL_TYPE_GEOMETRY:
		return set(MY_BINARY, COLUMN_BINARY, "geometry", column,
			   native);
	case MYSQL_TYPE_NULL:
		return set(MY_TEXT, COLUMN_ANY, "null", column, native);
	default:
		return kind_of_text(field, column, native);
	}
}

/* ---- where values are put ---- */

/* The type to ask for: numbers and times as they are, the rest as bytes. */
static enum enum_field_types type_for(const MYSQL_FIELD *field,
				      enum my_kind kind)
{
	switch (kind) {
	case MY_INTEGER:
	case MY_FLOAT:
	case MY_DOUBLE:
	case MY_DATE:
	case MY_TIME:
	case MY_DATETIME:
	case MY_TIMESTAMP:
		return field->type;
	default:
		return MYSQL_TYPE_BLOB;
	}
}

static unsigned width_of(const MYSQL_FIELD *field)
{
	switch (field->type) {
	case MYSQL_TYPE_TINY:
		return 1;
	case MYSQL_TYPE_SHORT:
	case MYSQL_TYPE_YEAR:
		return 2;
	case MYSQL_TYPE_LONGLONG:
		return 8;
	default:
		return 4;
	}
}

void my_bind(struct my_cell *c, const MYSQL_FIELD *field, enum my_kind kind,
	     MYSQL_BIND *b)
{
	c->kind = kind;
	c->is_unsigned = field->flags & UNSIGNED_FLAG;
	c->width = width_of(field);
	if (!c->data) {
		c->cap = FIRST_ROOM;
		c->data = xcalloc(1, c->cap);
	}
	memset(b, 0, sizeof *b);
	b->buffer_type = type_for(field, kind);
	b->buffer = c->data;
	b->buffer_length = c->cap;
	b->length = &c->n;
	b->is_null = &c->null;
	b->is_unsigned = c->is_unsigned;
}

/* ---- values ---- */

static void put_integer(const struct my_cell *c, struct rows *rows)
{
	uint64_t u = 0;
	int64_t n;

	/* Little-endian, as the protocol is; we are, too. */
	memcpy(&u, c->data, c->width);
	if (c->is_unsigned) {
		struct buf digits = BUF_INIT;

		if (u <= INT64_MAX) {
			row_put_int(rows, (int64_t)u);
			return;
		}
		buf_addu(&digits, u);
		row_put_digits(rows, buf_str(&digits), false);
		buf_release(&digits);
		return;
	}
	switch (c->width) {
	case 1:
		n = (int16_t)((u ^ 0x80) & 0xff) - 0x80;
		break;
	case 2:
		n = (int16_t)u;
		break;
	case 4:
		n = (int32_t)u;
		break;
	default:
		n = (int64_t)u;
	}
	row_put_int(rows, n);
}

static void put_bit(const struct my_cell *c, struct rows *rows)
{
	struct my_cell number = { .is_unsigned = true, .width = 8 };
	char bytes[8] = { 0 };

	/* The first byte is the highest. */
	for (size_t i = 0; i < c->n && i < sizeof bytes; i++)
		bytes[i] = c->data[c->n - 1 - i];
	number.data = bytes;
	put_integer(&number, rows);
}

/* A column with ZEROFILL has zeros in front, which JSON does not allow. */
static int put_decimal(const struct my_cell *c, struct rows *rows,
		       const struct columns *columns, size_t i,
		       struct failure *f)
{
	struct str v = { c->data, c->n };

	while (v.n > 1 && *v.s == '0' && isdigit((unsigned char)v.s[1])) {
		v.s++;
		v.n--;
	}
	if (!row_is_number(v))
		return row_fault(rows, columns, i,
				 "not a number as JSON writes them", f);
	row_put_digits(rows, v, true);
	return 0;
}

static void put_two(struct buf *out, unsigned n)
{
	buf_addc(out, (char)('0' + n / 10 % 10));
	buf_addc(out, (char)('0' + n % 10));
}

static void put_date(struct buf *out, const MYSQL_TIME *t)
{
	put_two(out, t->year / 100);
	put_two(out, t->year % 100);
	buf_addc(out, '-');
	put_two(out, t->month);
	buf_addc(out, '-');
	put_two(out, t->day);
}

/* Of a fraction as many digits as are not zero at its end. */
static void put_clock(struct buf *out, unsigned hours, const MYSQL_TIME *t)
{
	unsigned long part = t->second_part, scale = 100000;

	if (hours > 99)
		buf_addu(out, hours);
	else
		put_two(out, hours);
	buf_addc(out, ':');
	put_two(out, t->minute);
	buf_addc(out, ':');
	put_two(out, t->second);
	if (part)
		buf_addc(out, '.');
	for (; part; scale /= 10) {
		buf_addc(out, (char)('0' + part / scale));
		part %= scale;
	}
}

static void put_moment(const struct my_cell *c, struct rows *rows,
		       const struct columns *columns, size_t i)
{
	struct buf *out = &rows->out.b;
	MYSQL_TIME t;

	memcpy(&t, c->data, sizeof t);
	if (c->kind != MY_TIME && (!t.month || !t.day)) {
		row_put_null(rows, columns, i,
			     "a date with a zero for its month or day");
		return;
	}
	buf_addc(out, '"');
	if (c->kind == MY_TIME) {
		if (t.neg)
			buf_addc(out, '-');
		put_clock(out, t.day * 24 + t.hour, &t);
	} else {
		put_date(out, &t);
	}
	if (c->kind == MY_DATETIME || c->kind == MY_TIMESTAMP) {
		buf_addc(out, 'T');
		put_clock(out, t.hour, &t);
	}
	/* The session is in UTC. */
	if (c->kind == MY_TIMESTAMP)
		buf_addc(out, 'Z');
	buf_addc(out, '"');
}

static void put_number(const struct my_cell *c, struct rows *rows,
		       const struct columns *columns, size_t i)
{
	double d;
	float single;

	if (c->kind == MY_FLOAT) {
		memcpy(&single, c->data, sizeof single);
		row_put_float(rows, columns, i, single);
	} else {
		memcpy(&d, c->data, sizeof d);
		row_put_double(rows, columns, i, d);
	}
}

int my_put_value(const struct my_cell *c, struct rows *rows,
		 const struct columns *columns, size_t i, struct failure *f)
{
	struct buf *out = &rows->out.b;
	struct str text = { c->data, c->n };
	const char *what;

	if (c->null) {
		buf_addz(out, "null");
		return 0;
	}
	switch (c->kind) {
	case MY_INTEGER:
		put_integer(c, rows);
		return 0;
	case MY_DECIMAL:
		return put_decimal(c, rows, columns, i, f);
	case MY_FLOAT:
	case MY_DOUBLE:
		put_number(c, rows, columns, i);
		return 0;
	case MY_DATE:
	case MY_TIME:
	case MY_DATETIME:
	case MY_TIMESTAMP:
		put_moment(c, rows, columns, i);
		return 0;
	case MY_BIT:
		put_bit(c, rows);
		return 0;
	case MY_BINARY:
		row_put_base64(rows, text.s, text.n);
		return 0;
	case MY_JSON:
		if (row_put_json(out, text, 1, &what) < 0)
			return row_fault(rows, columns, i, what, f);
		return 0;
	default:
		if (row_put_text(out, text) < 0)
			return row_fault(rows, columns, i,
					 "the text is not UTF-8", f);
		return 0;
	}
}
