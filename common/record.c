/* SPDX-License-Identifier: MIT */
#include "common/record.h"

static const char *const result_names[] = {
	[DIFF_NONE] = NULL,
	[DIFF_ADDED] = "DiffAdded",
	[DIFF_UPDATED] = "DiffUpdated",
	[DIFF_REMOVED] = "DiffRemoved",
};

static const char *const result_words[] = {
	[DIFF_NONE] = NULL,
	[DIFF_ADDED] = "added",
	[DIFF_UPDATED] = "updated",
	[DIFF_REMOVED] = "removed",
};

enum reserved { RESULT, ID, CHANGED, OUTCOME, N_RESERVED };

static const struct str reserved_names[] = {
	[RESULT] = { "diff_result", 11 },
	[ID] = { "diff_id", 7 },
	[CHANGED] = { "diff_changed", 12 },
	[OUTCOME] = { "diff_outcome", 12 },
};

const char *diff_result_name(enum diff_result r)
{
	return result_names[r];
}

const char *diff_result_word(enum diff_result r)
{
	return result_words[r];
}

enum diff_result diff_result_of_word(struct str word)
{
	for (int i = DIFF_ADDED; i <= DIFF_REMOVED; i++)
		if (str_is(word, result_words[i]))
			return (enum diff_result)i;
	return DIFF_NONE;
}

static int which(const struct json_member *m)
{
	/* Nearly all names end here. */
	if (LIKELY(!m->key_esc &&
		   (m->key.n < 7 || m->key.s[0] != 'd' || m->key.s[4] != '_')))
		return -1;
	for (int i = 0; i < N_RESERVED; i++)
		if (json_key_is(m, reserved_names[i]))
			return i;
	return -1;
}

bool record_reserved(const struct json_member *m)
{
	return which(m) >= 0;
}

bool record_reserved_name(struct str name)
{
	for (int i = 0; i < N_RESERVED; i++)
		if (str_eq(name, reserved_names[i]))
			return true;
	return false;
}

static int wrong(const struct record *r, const struct json_member *m,
		 const char *what, struct json_fault *f)
{
	*f = (struct json_fault){ (size_t)(m->val.s - r->line.s), what };
	return -1;
}

static int take_result(struct record *r, const struct json_member *m,
		       struct json_fault *f)
{
	for (int i = DIFF_ADDED; i <= DIFF_REMOVED; i++)
		if (json_text_is(m->val, result_names[i])) {
			r->result = (enum diff_result)i;
			r->diff_result = m->val;
			return 0;
		}
	return wrong(r, m,
		     "diff_result is not DiffAdded, DiffUpdated or DiffRemoved",
		     f);
}

static int take_reserved(struct record *r, int kind,
			 const struct json_member *m, struct json_fault *f)
{
	enum json_type t = json_type(m->val);

	switch (kind) {
	case RESULT:
		return take_result(r, m, f);
	case ID:
		if (t != JSON_STRING)
			return wrong(r, m, "diff_id is not a string", f);
		r->diff_id = m->val;
		return 0;
	case CHANGED:
		if (t != JSON_ARRAY || !json_all_strings(m->val))
			return wrong(
			    r, m, "diff_changed is not an array of names", f);
		r->diff_changed = m->val;
		return 0;
	default:
		if (t != JSON_OBJECT ||
		    (!json_text_is(json_get(m->val, "status"), "rejected") &&
		     !json_text_is(json_get(m->val, "status"), "skipped")))
			return wrong(r, m,
				     "diff_outcome is not an outcome with "
				     "the status rejected or skipped",
				     f);
		r->diff_outcome = m->val;
		return 0;
	}
}

/* Where the reserved members stand: mostly where they stood in the last. */
static void find_reserved(struct record *r)
{
	r->shape = r->obj.shape;
	r->n_reserved = 0;
	/* No name is there twice. */
	for (size_t i = 0; i < r->obj.n; i++)
		if (UNLIKELY(which(&r->obj.m[i]) >= 0))
			r->reserved[r->n_reserved++] = (uint32_t)i;
}

int record_parse_indexed(struct record *r, struct str line,
			 struct json_index *x, struct json_fault *f)
{
	r->line = line;
	r->result = DIFF_NONE;
	/* Each by itself: one copied from another waits for it, 20 ns. */
	r->diff_result = STR_NONE;
	r->diff_id = STR_NONE;
	r->diff_changed = STR_NONE;
	r->diff_outcome = STR_NONE;
	if (json_obj_parse_indexed(&r->obj, line, x, f) < 0)
		return -1;
	if (UNLIKELY(!r->obj.shape || r->obj.shape != r->shape))
		find_reserved(r);
	for (size_t i = 0; i < r->n_reserved; i++) {
		const struct json_member *m = &r->obj.m[r->reserved[i]];

		if (take_reserved(r, which(m), m, f) < 0)
			return -1;
	}
	return 0;
}

int record_parse(struct record *r, struct str line, struct json_fault *f)
{
	return record_parse_indexed(r, line, NULL, f);
}

void record_release(struct record *r)
{
	json_obj_release(&r->obj);
	*r = RECORD_INIT;
}

void record_put_open(struct buf *out, const struct record *r)
{
	char sep = '{';

	for (size_t i = 0; i < r->obj.n; i++) {
		const struct json_member *m = &r->obj.m[i];

		if (record_reserved(m))
			continue;
		buf_addc(out, sep);
		buf_addc(out, '"');
		buf_adds(out, m->key);
		buf_addz(out, "\":");
		buf_adds(out, m->val);
		sep = ',';
	}
	if (sep == '{')
		buf_addc(out, '{');
}

static void put_member(struct buf *out, const char *name, struct str val,
		       bool *any)
{
	if (!val.s)
		return;
	buf_addf(out, "%s\"%s\":", *any ? "," : "", name);
	buf_adds(out, val);
	*any = true;
}

static void put_marks(struct buf *out, const struct record *r, bool *any)
{
	put_member(out, "diff_result", r->diff_result, any);
	put_member(out, "diff_id", r->diff_id, any);
	put_member(out, "diff_changed", r->diff_changed, any);
}

void record_put_reserved(struct buf *out, const struct record *r, bool any)
{
	put_marks(out, r, &any);
	put_member(out, "diff_outcome", r->diff_outcome, &any);
	buf_addc(out, '}');
}

static void put_text(struct buf *out, const char *name, struct str text)
{
	if (!text.s)
		return;
	buf_addf(out, ",\"%s\":", name);
	json_put_str(out, text);
}

void record_put_stub(struct buf *out, const struct record *r, struct str keys,
		     const struct stub *why)
{
	bool any = keys.n > 0;

	buf_addc(out, '{');
	buf_adds(out, keys);
	put_marks(out, r, &any);
	buf_addz(out, any ? ",\"diff_outcome\":{\"status\":"
			  : "\"diff_outcome\":{\"status\":");
	json_put_str(out, why->status);
	put_text(out, "code", why->code);
	put_text(out, "field", why->field);
	put_text(out, "reason", why->reason);
	buf_addz(out, "}}");
}
