/* SPDX-License-Identifier: MIT */
#include "bin/retl-extract/duckvalue.h"

#include <openssl/bn.h>

#include "common/mem.h"

typedef __int128 wide;
typedef unsigned __int128 uwide;

static const struct type {
	enum duckdb_type type;
	enum column_kind kind;
	const char *name;
} types[] = {
	{ DUCKDB_BOOLEAN, COLUMN_BOOL, "boolean" },
	{ DUCKDB_TINYINT, COLUMN_INTEGER, "tinyint" },
	{ DUCKDB_SMALLINT, COLUMN_INTEGER, "smallint" },
	{ DUCKDB_INTEGER, COLUMN_INTEGER, "integer" },
	{ DUCKDB_BIGINT, COLUMN_INTEGER, "bigint" },
	{ DUCKDB_UTINYINT, COLUMN_INTEGER, "utinyint" },
	{ DUCKDB_USMALLINT, COLUMN_INTEGER, "usmallint" },
	{ DUCKDB_UINTEGER, COLUMN_INTEGER, "uinteger" },
	{ DUCKDB_UBIGINT, COLUMN_INTEGER, "ubigint" },
	{ DUCKDB_FLOAT, COLUMN_FLOAT, "float" },
	{ DUCKDB_DOUBLE, COLUMN_FLOAT, "double" },
	{ DUCKDB_TIMESTAMP, COLUMN_TIMESTAMP, "timestamp" },
	{ DUCKDB_DATE, COLUMN_DATE, "date" },
	{ DUCKDB_TIME, COLUMN_TIME, "time" },
	{ DUCKDB_INTERVAL, COLUMN_TEXT, "interval" },
	{ DUCKDB_HUGEINT, COLUMN_INTEGER, "hugeint" },
	{ DUCKDB_VARCHAR, COLUMN_TEXT, "varchar" },
	{ DUCKDB_BLOB, COLUMN_BINARY, "blob" },
	{ DUCKDB_DECIMAL, COLUMN_DECIMAL, "decimal" },
	{ DUCKDB_TIMESTAMP_S, COLUMN_TIMESTAMP, "timestamp_s" },
	{ DUCKDB_TIMESTAMP_MS, COLUMN_TIMESTAMP, "timestamp_ms" },
	{ DUCKDB_TIMESTAMP_NS, COLUMN_TIMESTAMP, "timestamp_ns" },
	{ DUCKDB_ENUM, COLUMN_TEXT, "enum" },
	{ DUCKDB_LIST, COLUMN_ARRAY, "list" },
	{ DUCKDB_STRUCT, COLUMN_OBJECT, "struct" },
	{ DUCKDB_MAP, COLUMN_OBJECT, "map" },
	{ DUCKDB_UUID, COLUMN_TEXT, "uuid" },
	{ DUCKDB_TIMESTAMP_TZ, COLUMN_TIMESTAMPTZ, "timestamptz" },
	{ DUCKDB_UHUGEINT, COLUMN_INTEGER, "uhugeint" },
	{ DUCKDB_ARRAY, COLUMN_ARRAY, "array" },
	{ DUCKDB_BIT, COLUMN_TEXT, "bit" },
	{ DUCKDB_TIME_TZ, COLUMN_TEXT, "timetz" },
	{ DUCKDB_BIGNUM, COLUMN_INTEGER, "bignum" },
	{ DUCKDB_TIME_NS, COLUMN_TIME, "time_ns" },
	{ DUCKDB_SQLNULL, COLUMN_ANY, "null" },
};

static const struct type *find_type(int type)
{
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if ((int)types[i].type == type)
			return &types[i];
	return NULL;
}

enum column_kind duck_column_kind(const struct duck_column *c,
				  const char **native)
{
	const struct type *t = find_type((int)c->type);

	*native = c->is_json ? "json" : t->name;
	return c->is_json ? COLUMN_JSON : t->kind;
}

/* ---- types ---- */

/* Takes over type. name NULL: it has none. -1: it cannot be written. */
static int add_part(struct duck_column *c, const struct duckdb_api *db,
		    const char *name, duckdb type)
{
	struct duck_part *part = &c->parts[c->n_parts];

	part->prefix = BUF_INIT;
	if (c->n_parts)
		buf_addc(&part->prefix, ',');
	if (name) {
		json_put_strz(&part->prefix, name);
		buf_addc(&part->prefix, ':');
	}
	c->n_parts++;
	part->column = duck_column_new(db, type);
	db->destroy_logical_type(&type);
	return part->column ? 0 : -1;
}

static int add_members(struct duck_column *c, const struct duckdb_api *db,
		       duckdb type)
{
	uint64_t n = db->struct_type_child_count(type);
	int ret = 0;

	c->parts = xcalloc(n, sizeof *c->parts);
	for (uint64_t i = 0; ret == 0 && i < n; i++) {
		char *name = db->struct_type_child_name(type, i);

		ret =
		    add_part(c, db, name, db->struct_type_child_type(type, i));
		db->free(name);
	}
	return ret;
}

static void add_words(struct duck_column *c, const struct duckdb_api *db,
		      duckdb type)
{
	c->n_words = db->enum_dictionary_size(type);
	c->words = xcalloc(c->n_words, sizeof *c->words);
	for (size_t i = 0; i < c->n_words; i++) {
		char *word = db->enum_dictionary_value(type, i);

		c->words[i] = xstrdup(word);
		db->free(word);
	}
}

static int add_parts(struct duck_column *c, const struct duckdb_api *db,
		     duckdb type)
{
	switch (c->type) {
	case DUCKDB_STRUCT:
		return add_members(c, db, type);
	case DUCKDB_LIST:
		c->parts = xcalloc(1, sizeof *c->parts);
		return add_part(c, db, NULL, db->list_type_child_type(type));
	case DUCKDB_ARRAY:
		c->size = db->array_type_array_size(type);
		c->parts = xcalloc(1, sizeof *c->parts);
		return add_part(c, db, NULL, db->array_type_child_type(type));
	case DUCKDB_MAP:
		c->parts = xcalloc(2, sizeof *c->parts);
		if (add_part(c, db, NULL, db->map_type_key_type(type)) < 0)
			return -1;
		return add_part(c, db, NULL, db->map_type_value_type(type));
	default:
		return 0;
	}
}

static bool is_json(const struct duckdb_api *db, duckdb type)
{
	char *alias = db->logical_type_get_alias(type);
	bool is = alias && strcmp(alias, "JSON") == 0;

	db->free(alias);
	return is;
}

struct duck_column *duck_column_new(const struct duckdb_api *db, duckdb type)
{
	struct duck_column *c = xcalloc(1, sizeof *c);
	int id = db->get_type_id(type);

	if (!find_type(id)) {
		free(c);
		return NULL;
	}
	c->type = (enum duckdb_type)id;
	if (c->type == DUCKDB_DECIMAL) {
		c->scale = db->decimal_scale(type);
		c->internal = (enum duckdb_type)db->decimal_internal_type(type);
	} else if (c->type == DUCKDB_ENUM) {
		c->internal = (enum duckdb_type)db->enum_internal_type(type);
		add_words(c, db, type);
	} else if (c->type == DUCKDB_VARCHAR) {
		c->is_json = is_json(db, type);
	}
	if (add_parts(c, db, type) < 0) {
		duck_column_free(c);
		return NULL;
	}
	return c;
}

void duck_column_free(struct duck_column *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->n_parts; i++) {
		buf_release(&c->parts[i].prefix);
		duck_column_free(c->parts[i].column);
	}
	for (size_t i = 0; i < c->n_words; i++)
		free(c->words[i]);
	free(c->words);
	free(c->parts);
	free(c);
}

void duck_column_point(struct duck_column *c, const struct duckdb_api *db,
		       duckdb vector)
{
	c->data = db->vector_get_data(vector);
	c->validity = db->vector_get_validity(vector);
	if (c->type == DUCKDB_LIST || c->type == DUCKDB_MAP)
		vector = db->list_vector_get_child(vector);
	for (size_t i = 0; i < c->n_parts; i++) {
		duckdb child = vector;

		if (c->type == DUCKDB_STRUCT || c->type == DUCKDB_MAP)
			child = db->struct_vector_get_child(vector, i);
		else if (c->type == DUCKDB_ARRAY)
			child = db->array_vector_get_child(vector);
		duck_column_point(c->parts[i].column, db, child);
	}
}

/* ---- numbers ---- */

/* An integer of that type at place i. */
static wide integer_at(enum duckdb_type type, const void *data, uint64_t i)
{
	const struct duckdb_hugeint *huge = data;

	switch (type) {
	case DUCKDB_TINYINT:
		return ((const int8_t *)data)[i];
	case DUCKDB_SMALLINT:
		return ((const int16_t *)data)[i];
	case DUCKDB_INTEGER:
		return ((const int32_t *)data)[i];
	case DUCKDB_BIGINT:
		return ((const int64_t *)data)[i];
	case DUCKDB_UTINYINT:
		return ((const uint8_t *)data)[i];
	case DUCKDB_USMALLINT:
		return ((const uint16_t *)data)[i];
	case DUCKDB_UINTEGER:
		return ((const uint32_t *)data)[i];
	case DUCKDB_UBIGINT:
		return ((const uint64_t *)data)[i];
	default:
		return (wide)((uwide)(uint64_t)huge[i].upper << 64 |
			      huge[i].lower);
	}
}

/* n / 10^scale, with a digit before the point at least. */
static void put_number(struct rows *r, bool negative, uwide n, unsigned scale,
		       bool decimal)
{
	char text[80], *end = text + sizeof text, *p = end;

	for (unsigned i = 0; i <= scale || n; i++) {
		if (i && i == scale)
			*--p = '.';
		*--p = (char)('0' + (unsigned)(n % 10));
		n /= 10;
	}
	if (negative)
		*--p = '-';
	row_put_digits(r, (struct str){ p, (size_t)(end - p) }, decimal);
}

static void put_integer(struct rows *r, const struct duck_column *c, uint64_t i)
{
	enum duckdb_type type =
	    c->type == DUCKDB_DECIMAL ? c->internal : c->type;
	wide n = integer_at(type, c->data, i);
	bool negative = n < 0 && type != DUCKDB_UHUGEINT;

	if (c->type != DUCKDB_DECIMAL && n >= INT64_MIN && n <= INT64_MAX &&
	    type != DUCKDB_UHUGEINT)
		row_put_int(r, (int64_t)n);
	else
		put_number(r, negative, negative ? -(uwide)n : (uwide)n,
			   c->scale, c->type == DUCKDB_DECIMAL);
}

/*
 * Three bytes of a header, of which the first bit says that the number is not
 * negative and the others how many bytes follow; of a negative one all bits are
 * turned round.
 */
static int put_bignum(struct rows *r, struct str bytes)
{
	bool negative = bytes.n && !((unsigned char)*bytes.s & 0x80);
	struct buf turned = BUF_INIT;
	BIGNUM *n;
	char *digits;

	if (bytes.n < 4)
		return -1;
	for (size_t i = 3; i < bytes.n; i++)
		buf_addc(&turned, (char)(negative ? ~bytes.s[i] : bytes.s[i]));
	n = BN_bin2bn((const unsigned char *)turned.data, (int)turned.len,
		      NULL);
	digits = n ? BN_bn2dec(n) : NULL;
	buf_reset(&turned);
	if (negative)
		buf_addc(&turned, '-');
	if (digits) {
		buf_addz(&turned, digits);
		row_put_digits(r, buf_str(&turned), false);
	}
	BN_free(n);
	buf_release(&turned);
	if (!digits)
		return -1;
	OPENSSL_free(digits);
	return 0;
}

/* A byte that says how many of the bits behind it do not count, and those. */
static int put_bits(struct buf *out, struct str bytes)
{
	size_t skip = bytes.n ? (unsigned char)*bytes.s : 8;

	if (skip > 7 || bytes.n < 2)
		return -1;
	buf_addc(out, '"');
	for (size_t i = 8 + skip; i < 8 * bytes.n; i++)
		buf_addc(out, bytes.s[i / 8] >> (7 - i % 8) & 1 ? '1' : '0');
	buf_addc(out, '"');
	return 0;
}

/* ---- dates and times ---- */

/* Days since 1970-01-01 in the calendar of today, whatever the year. */
static void civil(int64_t days, int64_t *year, unsigned *month, unsigned *day)
{
	/* Eras of 400 years that begin on a first of March. */
	int64_t z = days + 719468, era = (z >= 0 ? z : z - 146096) / 146097;
	unsigned doe = (unsigned)(z - era * 146097);
	unsigned yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	unsigned doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	unsigned mp = (5 * doy + 2) / 153;

	*day = doy - (153 * mp + 2) / 5 + 1;
	*month = mp < 10 ? mp + 3 : mp - 9;
	*year = (int64_t)yoe + era * 400 + (*month <= 2);
}

/* As PostgreSQL writes them: years before 1 have " BC" in the end. */
static bool put_date(struct buf *out, int64_t days)
{
	int64_t year;
	unsigned month, day;

	civil(days, &year, &month, &day);
	buf_addf(out, "%04" PRId64 "-%02u-%02u", year > 0 ? year : 1 - year,
		 month, day);
	return year <= 0;
}

/* part: of a second, in units of 10^-places. */
static void put_fraction(struct buf *out, uint64_t part, unsigned places)
{
	if (!part)
		return;
	for (; part % 10 == 0; places--)
		part /= 10;
	buf_addf(out, ".%0*" PRIu64, (int)places, part);
}

static void put_clock(struct buf *out, uint64_t ticks, unsigned places)
{
	uint64_t second = 1;

	for (unsigned i = 0; i < places; i++)
		second *= 10;
	buf_addf(out, "%02u:%02u:%02u", (unsigned)(ticks / second / 3600),
		 (unsigned)(ticks / second / 60 % 60),
		 (unsigned)(ticks / second % 60));
	put_fraction(out, ticks % second, places);
}

/*
 * Microseconds above 24 bits of the offset, which counts down from the largest
 * there is: "12:00:00+05:30".
 */
static void put_zoned_clock(struct buf *out, uint64_t bits)
{
	int offset = 57599 - (int)(bits & 0xffffff);
	unsigned away = (unsigned)(offset < 0 ? -offset : offset);

	put_clock(out, bits >> 24, 6);
	buf_addf(out, "%c%02u", offset < 0 ? '-' : '+', away / 3600);
	if (away % 3600)
		buf_addf(out, ":%02u", away / 60 % 60);
	if (away % 60)
		buf_addf(out, ":%02u", away % 60);
}

static void put_timestamp(struct buf *out, int64_t t, unsigned places,
			  bool zoned)
{
	int64_t day = 86400, days;
	bool bc;

	for (unsigned i = 0; i < places; i++)
		day *= 10;
	days = t / day - (t % day < 0);
	bc = put_date(out, days);
	buf_addc(out, bc ? ' ' : 'T');
	put_clock(out, (uint64_t)(t - days * day), places);
	if (zoned)
		buf_addz(out, bc ? "+00" : "Z");
	if (bc)
		buf_addz(out, " BC");
}

/* P1Y2M3DT4H5M6.7S, as PostgreSQL does it: each part has its own sign. */
static void put_interval(struct buf *out, const struct duckdb_interval *v)
{
	int64_t seconds = v->micros / 1000000, part = v->micros % 1000000;
	int64_t minutes = seconds / 60, hours = minutes / 60;

	if (!v->months && !v->days && !v->micros) {
		buf_addz(out, "PT0S");
		return;
	}
	buf_addc(out, 'P');
	if (v->months / 12)
		buf_addf(out, "%dY", v->months / 12);
	if (v->months % 12)
		buf_addf(out, "%dM", v->months % 12);
	if (v->days)
		buf_addf(out, "%dD", v->days);
	if (v->micros)
		buf_addc(out, 'T');
	if (hours)
		buf_addf(out, "%" PRId64 "H", hours);
	if (minutes % 60)
		buf_addf(out, "%" PRId64 "M", minutes % 60);
	seconds %= 60;
	if (seconds || part) {
		if (v->micros < 0)
			buf_addc(out, '-');
		buf_addu(out, (uint64_t)(seconds < 0 ? -seconds : seconds));
		put_fraction(out, (uint64_t)(part < 0 ? -part : part), 6);
		buf_addc(out, 'S');
	}
}

/* The largest and the smallest of a type stand for infinity. */
static bool put_infinite(struct buf *out, int64_t v, int64_t infinite)
{
	if (v == infinite)
		buf_addz(out, "infinity");
	else if (v == -infinite)
		buf_addz(out, "-infinity");
	return v == infinite || v == -infinite;
}

static void put_moment(struct buf *out, const struct duck_column *c, uint64_t i)
{
	int64_t t = 0;

	buf_addc(out, '"');
	if (c->type == DUCKDB_DATE) {
		int32_t days = ((const int32_t *)c->data)[i];

		if (!put_infinite(out, days, INT32_MAX) && put_date(out, days))
			buf_addz(out, " BC");
	} else {
		t = ((const int64_t *)c->data)[i];
	}
	if (c->type == DUCKDB_TIME)
		put_clock(out, (uint64_t)t, 6);
	else if (c->type != DUCKDB_DATE && !put_infinite(out, t, INT64_MAX))
		put_timestamp(out, t,
			      c->type == DUCKDB_TIMESTAMP_S    ? 0
			      : c->type == DUCKDB_TIMESTAMP_MS ? 3
			      : c->type == DUCKDB_TIMESTAMP_NS ? 9
							       : 6,
			      c->type == DUCKDB_TIMESTAMP_TZ);
	buf_addc(out, '"');
}

/* ---- texts ---- */

struct str duck_text(const struct duck_column *c, uint64_t i)
{
	const struct duckdb_string *s =
	    (const struct duckdb_string *)c->data + i;
	bool here = s->n <= sizeof s->bytes + sizeof s->at;

	return (struct str){ here ? (const char *)s +
					offsetof(struct duckdb_string, bytes)
				  : s->at.p,
			     s->n };
}

static void put_uuid(struct buf *out, const struct duck_column *c, uint64_t i)
{
	const struct duckdb_hugeint *v =
	    (const struct duckdb_hugeint *)c->data + i;
	/* Its first bit is turned, so that the order of numbers is right. */
	uint64_t upper = (uint64_t)v->upper ^ (uint64_t)1 << 63;

	buf_addf(out, "\"%08x-%04x-%04x-%04x-%012" PRIx64 "\"",
		 (unsigned)(upper >> 32), (unsigned)(upper >> 16 & 0xffff),
		 (unsigned)(upper & 0xffff), (unsigned)(v->lower >> 48),
		 v->lower & UINT64_C(0xffffffffffff));
}

static int bad_cell(const struct duck_cell *cell, const char *what)
{
	return row_fault(cell->rows, cell->columns, cell->column, what,
			 cell->f);
}

static int put_text(const struct duck_cell *cell, const struct duck_column *c,
		    struct str text, unsigned level)
{
	struct buf *out = &cell->rows->out.b;
	const char *what = "the text is not UTF-8";

	if (c->is_json ? row_put_json(out, text, level, &what) < 0
		       : row_put_text(out, text) < 0)
		return bad_cell(cell, what);
	return 0;
}

/* ---- lists and their like ---- */

static int put_elements(const struct duck_cell *cell,
			const struct duck_column *element, uint64_t from,
			uint64_t n, unsigned level)
{
	struct buf *out = &cell->rows->out.b;

	buf_addc(out, '[');
	for (uint64_t i = 0; i < n; i++) {
		if (i)
			buf_addc(out, ',');
		if (duck_put_value(cell, element, from + i, level + 1) < 0)
			return -1;
	}
	buf_addc(out, ']');
	return 0;
}

static int put_members(const struct duck_cell *cell,
		       const struct duck_column *c, uint64_t i, unsigned level)
{
	struct buf *out = &cell->rows->out.b;

	buf_addc(out, '{');
	for (size_t j = 0; j < c->n_parts; j++) {
		buf_adds(out, buf_str(&c->parts[j].prefix));
		if (duck_put_value(cell, c->parts[j].column, i, level + 1) < 0)
			return -1;
	}
	buf_addc(out, '}');
	return 0;
}

/* Names of members are texts, whatever the keys are. */
static int put_key(const struct duck_cell *cell, const struct duck_column *key,
		   uint64_t i, unsigned level)
{
	struct buf *out = &cell->rows->out.b;
	size_t start = out->len;
	struct buf text = BUF_INIT;

	if (duck_put_value(cell, key, i, level + 1) < 0)
		return -1;
	if (out->data[start] != '"') {
		buf_add(&text, out->data + start, out->len - start);
		buf_truncate(out, start);
		json_put_str(out, buf_str(&text));
		buf_release(&text);
	}
	buf_addc(out, ':');
	return 0;
}

static int put_map(const struct duck_cell *cell, const struct duck_column *c,
		   const struct duckdb_list *entry, unsigned level)
{
	struct buf *out = &cell->rows->out.b;

	buf_addc(out, '{');
	for (uint64_t i = entry->offset; i < entry->offset + entry->n; i++) {
		if (i > entry->offset)
			buf_addc(out, ',');
		if (put_key(cell, c->parts[0].column, i, level) < 0 ||
		    duck_put_value(cell, c->parts[1].column, i, level + 1) < 0)
			return -1;
	}
	buf_addc(out, '}');
	return 0;
}

static int put_container(const struct duck_cell *cell,
			 const struct duck_column *c, uint64_t i,
			 unsigned level)
{
	const struct duckdb_list *list = c->data;

	if (level >= JSON_MAX_DEPTH)
		return bad_cell(cell, "nested too deep");
	switch (c->type) {
	case DUCKDB_LIST:
		return put_elements(cell, c->parts[0].column, list[i].offset,
				    list[i].n, level);
	case DUCKDB_ARRAY:
		return put_elements(cell, c->parts[0].column, i * c->size,
				    c->size, level);
	case DUCKDB_MAP:
		return put_map(cell, c, &list[i], level);
	default:
		return put_members(cell, c, i, level);
	}
}

/* ---- any value ---- */

int duck_put_value(const struct duck_cell *cell, const struct duck_column *c,
		   uint64_t i, unsigned level)
{
	struct rows *r = cell->rows;
	struct buf *out = &r->out.b;
	struct str text;
	uint64_t word;

	if (c->validity && !(c->validity[i / 64] >> i % 64 & 1)) {
		buf_addz(out, "null");
		return 0;
	}
	switch (c->type) {
	case DUCKDB_BOOLEAN:
		buf_addz(out, ((const uint8_t *)c->data)[i] ? "true" : "false");
		return 0;
	case DUCKDB_FLOAT:
		row_put_float(r, cell->columns, cell->column,
			      ((const float *)c->data)[i]);
		return 0;
	case DUCKDB_DOUBLE:
		row_put_double(r, cell->columns, cell->column,
			       ((const double *)c->data)[i]);
		return 0;
	case DUCKDB_TIMESTAMP:
	case DUCKDB_TIMESTAMP_S:
	case DUCKDB_TIMESTAMP_MS:
	case DUCKDB_TIMESTAMP_NS:
	case DUCKDB_TIMESTAMP_TZ:
	case DUCKDB_DATE:
	case DUCKDB_TIME:
		put_moment(out, c, i);
		return 0;
	case DUCKDB_INTERVAL:
		buf_addc(out, '"');
		put_interval(out, (const struct duckdb_interval *)c->data + i);
		buf_addc(out, '"');
		return 0;
	case DUCKDB_UUID:
		put_uuid(out, c, i);
		return 0;
	case DUCKDB_VARCHAR:
		return put_text(cell, c, duck_text(c, i), level);
	case DUCKDB_BLOB:
		text = duck_text(c, i);
		row_put_base64(r, text.s, text.n);
		return 0;
	case DUCKDB_BIT:
		return put_bits(out, duck_text(c, i)) < 0
			   ? bad_cell(cell, "no bits")
			   : 0;
	case DUCKDB_BIGNUM:
		return put_bignum(r, duck_text(c, i)) < 0
			   ? bad_cell(cell, "no number")
			   : 0;
	case DUCKDB_TIME_TZ:
		buf_addc(out, '"');
		put_zoned_clock(out, ((const uint64_t *)c->data)[i]);
		buf_addc(out, '"');
		return 0;
	case DUCKDB_TIME_NS:
		buf_addc(out, '"');
		put_clock(out, ((const uint64_t *)c->data)[i], 9);
		buf_addc(out, '"');
		return 0;
	case DUCKDB_ENUM:
		word = (uint64_t)integer_at(c->internal, c->data, i);
		return put_text(cell, c,
				str_of(word < c->n_words ? c->words[word] : ""),
				level);
	case DUCKDB_LIST:
	case DUCKDB_ARRAY:
	case DUCKDB_MAP:
	case DUCKDB_STRUCT:
		return put_container(cell, c, i, level);
	case DUCKDB_SQLNULL:
		buf_addz(out, "null");
		return 0;
	default:
		put_integer(r, c, i);
		return 0;
	}
}
