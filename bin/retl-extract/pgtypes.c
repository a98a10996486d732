/* SPDX-License-Identifier: MIT */
#include "bin/retl-extract/pgtypes.h"

#include "common/mem.h"

/* Types may contain others; the server does not allow circles. */
#define MAX_NESTING 32

static const struct builtin {
	unsigned oid, array;
	enum pg_kind kind;
	enum column_kind column;
	const char *name;
} builtins[] = {
	{ 16, 1000, PG_BOOL, COLUMN_BOOL, "boolean" },
	{ 17, 1001, PG_BYTEA, COLUMN_BINARY, "bytea" },
	{ 19, 1003, PG_TEXT, COLUMN_TEXT, "name" },
	{ 20, 1016, PG_INTEGER, COLUMN_INTEGER, "bigint" },
	{ 21, 1005, PG_INTEGER, COLUMN_INTEGER, "smallint" },
	{ 23, 1007, PG_INTEGER, COLUMN_INTEGER, "integer" },
	{ 25, 1009, PG_TEXT, COLUMN_TEXT, "text" },
	{ 26, 1028, PG_INTEGER, COLUMN_INTEGER, "oid" },
	{ 114, 199, PG_JSON, COLUMN_JSON, "json" },
	{ 700, 1021, PG_FLOAT, COLUMN_FLOAT, "real" },
	{ 701, 1022, PG_FLOAT, COLUMN_FLOAT, "double precision" },
	{ 1042, 1014, PG_TEXT, COLUMN_TEXT, "character" },
	{ 1043, 1015, PG_TEXT, COLUMN_TEXT, "character varying" },
	{ 1082, 1182, PG_TEXT, COLUMN_DATE, "date" },
	{ 1083, 1183, PG_TEXT, COLUMN_TIME, "time" },
	{ 1114, 1115, PG_TIMESTAMP, COLUMN_TIMESTAMP, "timestamp" },
	{ 1184, 1185, PG_TIMESTAMPTZ, COLUMN_TIMESTAMPTZ, "timestamptz" },
	{ 1186, 1187, PG_TEXT, COLUMN_TEXT, "interval" },
	{ 1266, 1270, PG_TEXT, COLUMN_TEXT, "timetz" },
	{ 1700, 1231, PG_DECIMAL, COLUMN_DECIMAL, "numeric" },
	{ 2950, 2951, PG_TEXT, COLUMN_TEXT, "uuid" },
	{ 3802, 3807, PG_JSON, COLUMN_JSON, "jsonb" },
};

/* The documentation of Redshift's drivers names these. */
static const struct builtin redshift[] = {
	{ 4000, 0, PG_JSON, COLUMN_JSON, "super" },
	{ 6551, 0, PG_HEX, COLUMN_BINARY, "varbyte" },
};

static struct pg_type *add(struct pg_types *t, struct pg_type type)
{
	struct pg_type *new = xmalloc(sizeof *new);

	*new = type;
	GROW(t->v, t->n, t->cap);
	t->v[t->n++] = new;
	return new;
}

static struct pg_type *add_builtin(struct pg_types *t, const struct builtin *b)
{
	return add(t, (struct pg_type){ .oid = b->oid,
					.kind = b->kind,
					.column = b->column,
					.name = b->name });
}

static struct pg_type *add_text(struct pg_types *t, unsigned oid,
				const char *name)
{
	return add(t, (struct pg_type){ .oid = oid,
					.kind = PG_TEXT,
					.column = COLUMN_TEXT,
					.name = name });
}

static struct pg_type *add_array(struct pg_types *t, unsigned oid,
				 const struct pg_type *element, char delimiter)
{
	return add(t, (struct pg_type){ .oid = oid,
					.kind = PG_ARRAY,
					.column = COLUMN_ARRAY,
					.name = "array",
					.element = element,
					.delimiter = delimiter });
}

static const struct pg_type *find_known(struct pg_types *t, unsigned oid)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->v[i]->oid == oid)
			return t->v[i];
	for (size_t i = 0; t->is_redshift && i < ARRAY_LEN(redshift); i++)
		if (redshift[i].oid == oid)
			return add_builtin(t, &redshift[i]);
	for (size_t i = 0; i < ARRAY_LEN(builtins); i++) {
		if (builtins[i].oid == oid)
			return add_builtin(t, &builtins[i]);
		if (builtins[i].array == oid)
			return add_array(t, oid, find_known(t, builtins[i].oid),
					 ',');
	}
	return NULL;
}

/* ---- the catalogue ---- */

static PGresult *ask(struct pg_types *t, const char *sql, const char *value)
{
	return PQexecParams(t->conn, sql, 1, NULL, &value, NULL, NULL, 0);
}

static unsigned oid_of(const PGresult *r, int row, int column)
{
	return (unsigned)strtoul(PQgetvalue(r, row, column), NULL, 10);
}

static const struct pg_type *find(struct pg_types *t, unsigned oid,
				  unsigned depth, PGresult **failure);

static int add_fields(struct pg_types *t, struct pg_type *type, PGresult *r,
		      unsigned depth, PGresult **failure)
{
	int n = PQntuples(r);

	type->fields = xcalloc((size_t)n, sizeof *type->fields);
	for (int i = 0; i < n; i++) {
		struct pg_field *field = &type->fields[type->n_fields++];

		field->prefix = BUF_INIT;
		if (i)
			buf_addc(&field->prefix, ',');
		json_put_strz(&field->prefix, PQgetvalue(r, i, 0));
		buf_addc(&field->prefix, ':');
		field->type = find(t, oid_of(r, i, 1), depth + 1, failure);
		if (!field->type)
			return -1;
	}
	return 0;
}

static const struct pg_type *find_composite(struct pg_types *t, unsigned oid,
					    const char *relation,
					    unsigned depth, PGresult **failure)
{
	PGresult *r = ask(t,
			  "select attname, atttypid from pg_attribute "
			  "where attrelid = $1::oid and attnum > 0 "
			  "and not attisdropped order by attnum",
			  relation);
	struct pg_type *type;

	if (PQresultStatus(r) != PGRES_TUPLES_OK) {
		*failure = r;
		return NULL;
	}
	type = add(t, (struct pg_type){ .oid = oid,
					.kind = PG_COMPOSITE,
					.column = COLUMN_OBJECT,
					.name = "composite" });
	if (add_fields(t, type, r, depth, failure) < 0)
		type = NULL;
	PQclear(r);
	return type;
}

/* r: one row of pg_type */
static const struct pg_type *take_type(struct pg_types *t, unsigned oid,
				       const PGresult *r, unsigned depth,
				       PGresult **failure)
{
	enum { TYPTYPE, BASE, RELATION, ELEMENT, DELIMITER };
	const struct pg_type *inner;

	switch (*PQgetvalue(r, 0, TYPTYPE)) {
	case 'd':
		return find(t, oid_of(r, 0, BASE), depth + 1, failure);
	case 'c':
		return find_composite(t, oid, PQgetvalue(r, 0, RELATION), depth,
				      failure);
	case 'b':
		if (PQgetisnull(r, 0, ELEMENT))
			break;
		inner = find(t, oid_of(r, 0, ELEMENT), depth + 1, failure);
		if (!inner)
			return NULL;
		return add_array(t, oid, inner, *PQgetvalue(r, 0, DELIMITER));
	case 'e':
		return add_text(t, oid, "enum");
	case 'r':
	case 'm':
		return add_text(t, oid, "range");
	default:
		break;
	}
	return add_text(t, oid, "other");
}

static const struct pg_type *find(struct pg_types *t, unsigned oid,
				  unsigned depth, PGresult **failure)
{
	static const char sql[] =
	    "select t.typtype, t.typbasetype, t.typrelid, e.oid, e.typdelim "
	    "from pg_type t left join pg_type e "
	    "on e.oid = t.typelem and t.typlen = -1 and t.typcategory = 'A' "
	    "where t.oid = $1::oid";
	const struct pg_type *type = find_known(t, oid);
	char number[16];
	PGresult *r;

	if (type)
		return type;
	if (t->is_redshift || depth > MAX_NESTING)
		return add_text(t, oid, "other");
	snprintf(number, sizeof number, "%u", oid);
	r = ask(t, sql, number);
	if (PQresultStatus(r) != PGRES_TUPLES_OK) {
		*failure = r;
		return NULL;
	}
	type = PQntuples(r) ? take_type(t, oid, r, depth, failure)
			    : add_text(t, oid, "other");
	PQclear(r);
	return type;
}

const struct pg_type *pg_types_find(struct pg_types *t, unsigned oid,
				    PGresult **r)
{
	return find(t, oid, 0, r);
}

void pg_types_release(struct pg_types *t)
{
	for (size_t i = 0; i < t->n; i++) {
		struct pg_type *type = t->v[i];

		for (size_t j = 0; j < type->n_fields; j++)
			buf_release(&type->fields[j].prefix);
		free(type->fields);
		free(type);
	}
	free(t->v);
	t->v = NULL;
	t->n = t->cap = 0;
}
