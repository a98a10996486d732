/* SPDX-License-Identifier: MIT */
/*
 * libFuzzer: the first line is the letter of a source and a type as that source
 * calls it, the rest a value as that source writes it. What comes out is JSON;
 * what is refused is told of.
 */
#include "bin/retl-extract/bigquery.h"
#include "bin/retl-extract/clickhouse.h"
#include "bin/retl-extract/databricks.h"
#include "bin/retl-extract/instant.h"
#include "bin/retl-extract/snowflake.h"
#include "bin/retl-extract/trino_value.h"
#ifdef HAVE_LIBPQ
#include "bin/retl-extract/pgvalue.h"
#endif
#include "common/mem.h"
#include "common/msg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void demand(bool promise)
{
	if (!promise)
		abort();
}

struct cell {
	struct str type, text;
	struct str json; /* the text as JSON; .s NULL: it is none */
	struct rows rows;
	struct columns columns;
	struct failure f;
};

#ifdef HAVE_LIBPQ
/* The type is a number; types of the catalogue are none that can be asked. */
static int pg(struct cell *c, bool redshift)
{
	static const unsigned known[] = { 16,   17,   20,   114,  700,  701,
					  1082, 1083, 1114, 1184, 1700, 3802,
					  1000, 1001, 1016, 199,  1021, 1115,
					  1185, 1231, 3807, 25 };
	struct pg_types types = { .is_redshift = redshift };
	struct pg_cell cell = {
		.rows = &c->rows, .columns = &c->columns, .f = &c->f, .level = 1
	};
	struct buf text = BUF_INIT; /* the library's have a NUL behind them */
	PGresult *unused = NULL;
	uint64_t n = 0;
	int ret;

	buf_adds(&text, c->text);
	str_to_u64(c->type, &n);
	for (size_t i = 0; i < ARRAY_LEN(cell.part); i++)
		cell.part[i] = BUF_INIT;
	ret = pg_put_value(&cell,
			   pg_types_find(&types,
					 redshift ? (n % 2 ? 4000 : 6551)
						  : known[n % ARRAY_LEN(known)],
					 &unused),
			   buf_str(&text));
	for (size_t i = 0; i < ARRAY_LEN(cell.part); i++)
		buf_release(&cell.part[i]);
	pg_types_release(&types);
	buf_release(&text);
	return ret;
}
#else
static int pg(struct cell *c, bool redshift UNUSED)
{
	return failed(&c->f, EX_USAGE, "not built in");
}
#endif

/* The type is the element of rowType, the schema, the signature. */
static int snowflake(struct cell *c, struct str type)
{
	return snowflake_put_value(&c->rows, &c->columns, 0,
				   snowflake_type_of(type, &c->columns),
				   c->text, &c->f);
}

static int databricks(struct cell *c, struct str type)
{
	return databricks_put_value(&c->rows, &c->columns, 0,
				    databricks_type_of(type, &c->columns),
				    c->text, &c->f);
}

static int trino(struct cell *c, struct str type)
{
	struct trino_column t = trino_column_of(type, &c->columns);
	struct buf scratch = BUF_INIT;
	int ret = trino_put_value(&c->rows, &c->columns, 0, &t, c->json,
				  &scratch, &c->f);

	buf_release(&scratch);
	return ret;
}

static int bigquery(struct cell *c, struct str schema)
{
	struct bigquery_field top = { .name = BUF_INIT };
	int ret;

	columns_release(&c->columns);
	ret = bigquery_schema(&top, schema, &c->columns, &c->f);
	if (ret == 0)
		ret = bigquery_put_row(&c->rows, &top, &c->columns, c->json,
				       &c->f);
	bigquery_release(&top);
	return ret;
}

static int clickhouse(struct cell *c)
{
	struct click_column t;

	click_column_parse(&t, c->type);
	return click_put_value(&t, &c->rows, &c->columns, 0, c->json, &c->f);
}

static int instant(struct cell *c)
{
	struct buf *out = &c->rows.out.b;
	int64_t seconds;
	uint32_t nanos;
	int ret;

	buf_addc(out, '"');
	ret = instant_parse(c->text, &seconds, &nanos);
	if (ret == 0)
		ret = instant_put(out, seconds, nanos, true);
	else
		ret = instant_put_text(out, c->text, c->type.n > 0);
	buf_addc(out, '"');
	return ret < 0 ? failed(&c->f, EX_DATAERR, "no instant") : 0;
}

/* 1: there is no such source, or it does not take such a type. */
static int put(struct cell *c, char source)
{
	struct json_fault f;
	struct str type;
	bool typed = json_check(c->type, &type, &f) == 0 &&
		     json_type(type) == JSON_OBJECT;

	switch (source) {
	case 'p':
		return pg(c, false);
	case 'r':
		return pg(c, true);
	case 'i':
		return instant(c);
	case 's':
		return typed ? snowflake(c, type) : 1;
	case 'd':
		return typed ? databricks(c, type) : 1;
	case 't':
		return typed && c->json.s ? trino(c, type) : 1;
	case 'b':
		return typed && c->json.s ? bigquery(c, type) : 1;
	case 'c':
		return c->json.s ? clickhouse(c) : 1;
	default:
		return 1;
	}
}

static void check(struct cell *c, int ret)
{
	struct str text = buf_str(&c->rows.out.b);
	struct json_fault f;

	if (ret < 0) {
		demand(c->f.status >= EX_USAGE && c->f.text.len);
		return;
	}
	/* Of BigQuery it is a row, which may be an empty object. */
	demand(json_check(text, NULL, &f) == 0 ||
	       (text.n && text.s[text.n - 1] == '\n'));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct cell c = { .columns = COLUMNS_INIT, .f = FAILURE_INIT };
	char *text = malloc(n ? n : 1);
	struct str rest = { text, n };
	struct json_fault f;
	int ret;

	msg_set_level(MSG_ERROR);
	memcpy(text, data, n);
	str_split(&rest, '\n', &c.type);
	if (c.type.n && rest.s) {
		char source = *c.type.s;

		c.type = (struct str){ c.type.s + 1, c.type.n - 1 };
		c.text = rest;
		if (json_check(rest, &c.json, &f) < 0)
			c.json = STR_NONE;
		rows_init(&c.rows, -1, "out");
		columns_add(&c.columns, STR("x"), &c.f);
		ret = put(&c, source);
		if (ret <= 0)
			check(&c, ret);
		buf_reset(&c.rows.out.b);
		rows_release(&c.rows);
	}
	columns_release(&c.columns);
	buf_release(&c.f.text);
	free(text);
	return 0;
}
