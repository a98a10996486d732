/* SPDX-License-Identifier: MIT */
#include "bin/retl-extract/describe.h"

/* What a value of each kind is in JSON, NULL aside. */
static const struct {
	const char *type; /* "" for any */
	const char *more;
} kinds[] = {
	[COLUMN_ANY] = { "", "" },
	[COLUMN_BOOL] = { "\"boolean\"", "" },
	[COLUMN_INTEGER] = { "\"integer\"", "" },
	[COLUMN_DECIMAL] = { "\"number\"", "" },
	[COLUMN_FLOAT] = { "\"number\"", "" },
	[COLUMN_TEXT] = { "\"string\"", "" },
	[COLUMN_DATE] = { "\"string\"", "\"format\": \"date\"" },
	[COLUMN_TIME] = { "\"string\"", "" },
	[COLUMN_TIMESTAMP] = { "\"string\"", "" },
	[COLUMN_TIMESTAMPTZ] = { "\"string\"", "\"format\": \"date-time\"" },
	[COLUMN_BINARY] = { "\"string\"", "\"contentEncoding\": \"base64\"" },
	[COLUMN_JSON] = { "", "" },
	[COLUMN_ARRAY] = { "\"array\"", "" },
	[COLUMN_OBJECT] = { "\"object\"", "" },
};

static const char *type_of(enum column_kind kind, bool wide_strings)
{
	if (wide_strings && kind == COLUMN_INTEGER)
		return "\"integer\", \"string\"";
	if (wide_strings && kind == COLUMN_DECIMAL)
		return "\"string\"";
	return kinds[kind].type;
}

/* Any column of a query may be null, for all that we can know. */
static void put_column(struct buf *out, const struct columns *c, size_t i,
		       bool wide_strings)
{
	enum column_kind kind = c->v[i].kind;
	const char *type = type_of(kind, wide_strings), *sep = "";

	buf_addc(out, '{');
	if (*type) {
		buf_addf(out, "\"type\": [%s, \"null\"]", type);
		sep = ", ";
	}
	if (*kinds[kind].more) {
		buf_addf(out, "%s%s", sep, kinds[kind].more);
		sep = ", ";
	}
	if (c->v[i].n_native) {
		buf_addf(out, "%s\"$comment\": ", sep);
		json_put_str(out, column_native(c, i));
	}
	buf_addc(out, '}');
}

void describe_put(struct buf *out, const struct columns *c, bool wide_strings)
{
	buf_addz(out, "{\n  \"$schema\": "
		      "\"https://json-schema.org/draft/2020-12/schema\",\n"
		      "  \"type\": \"object\",\n  \"properties\": {");
	for (size_t i = 0; i < c->n; i++) {
		buf_addz(out, i ? ",\n    " : "\n    ");
		json_put_str(out, column_name(c, i));
		buf_addz(out, ": ");
		put_column(out, c, i, wide_strings);
	}
	buf_addz(out, "\n  },\n  \"required\": [");
	for (size_t i = 0; i < c->n; i++) {
		buf_addz(out, i ? ", " : "");
		json_put_str(out, column_name(c, i));
	}
	buf_addz(out, "],\n  \"additionalProperties\": false\n}\n");
}
