/* SPDX-License-Identifier: MIT */
/*
 * Combined schemas in words: what was missing from a record that fits none of
 * several forms. Only what the schema says is shown, never a value.
 */
#include "common/schema_node.h"

/* How many keywords; none of `true`. */
static size_t n_keywords(const struct schema_node *n)
{
	return json_type(n->text) == JSON_OBJECT ? json_count(n->text) : 0;
}

/* Does it say this and nothing else? */
static bool says_only(const struct schema_node *n, bool says)
{
	return says && n_keywords(n) == 1;
}

static const char *between(size_t i, size_t n)
{
	if (!i)
		return "";
	if (n == 2)
		return " or ";
	return i + 1 == n ? ", or " : ", ";
}

/* "first with (city or zip)", of a form that only asks for members. */
static bool put_asked(const struct schema_node *n, struct buf *out)
{
	if (!n->required.n || n_keywords(n) != (n->any_of.n ? 2 : 1))
		return false;
	for (size_t i = 0; i < n->required.n; i++)
		buf_addf(out, "%s%.*s", i ? " with " : "",
			 STR_ARG(n->required.v[i]));
	if (!n->any_of.n)
		return true;
	buf_addz(out, " with (");
	for (size_t i = 0; i < n->any_of.n; i++) {
		buf_addz(out, i ? " or " : "");
		if (!put_asked(n->any_of.v[i], out))
			return false;
	}
	buf_addc(out, ')');
	return true;
}

bool schema_words_asked(const struct schema_list *forms, struct buf *out)
{
	buf_reset(out);
	for (size_t i = 0; i < forms->n; i++) {
		buf_addz(out, between(i, forms->n));
		if (!put_asked(forms->v[i], out))
			return false;
	}
	return true;
}

bool schema_words_formats(const struct schema_list *forms, struct buf *out)
{
	buf_reset(out);
	for (size_t i = 0; i < forms->n; i++) {
		const struct schema_node *n = forms->v[i];

		if (!says_only(n, n->format != NULL))
			return false;
		buf_addf(out, "%s%s", i ? ", and " : "", n->format->reason);
	}
	return true;
}

/* The most that is shown of a list of values. */
#define SHOWN ((size_t)300)

void schema_words_values(const struct schema_node *n, struct buf *out)
{
	buf_reset(out);
	for (size_t i = 0; i < n->values.n; i++) {
		if (out->len > SHOWN) {
			buf_addf(out, ", and %zu more", n->values.n - i);
			return;
		}
		buf_addz(out, i ? ", " : "");
		json_put_compact(out, n->values.v[i]);
	}
}

bool schema_words_excluded(const struct schema_node *n, struct buf *out)
{
	buf_reset(out);
	if (says_only(n, n->required.n > 0)) {
		for (size_t i = 0; i < n->required.n; i++)
			buf_addf(out, "%s%.*s", i ? " and " : "",
				 STR_ARG(n->required.v[i]));
		buf_addz(out, n->required.n > 1 ? " must not be given together"
						: " must not be given");
		return true;
	}
	if (says_only(n, n->values.n > 0)) {
		struct buf values = BUF_INIT;

		schema_words_values(n, &values);
		buf_addf(out, "must not be one of %s", values.data);
		buf_release(&values);
		return true;
	}
	return false;
}
