/* SPDX-License-Identifier: MIT */
/*
 * One value held against its rule, in this order: null; is it a digest
 * already; normalise; validate; hash. What needs no change comes back as the
 * span that it is.
 */
#include "common/contract_rules.h"
#include "common/enc.h"
#include "common/mem.h"
#include "common/utf8.h"

/* ---- faults ---- */

enum settled value_fault(struct record_rules *s, const char *code,
			 const char *reason, ...)
{
	struct buf text = BUF_INIT;
	va_list ap;

	va_start(ap, reason);
	buf_vaddf(&text, reason, ap);
	va_end(ap);
	faults_add(s->faults, buf_str(&s->path), code, "%s", text.data);
	buf_release(&text);
	return BAD;
}

static enum settled unhashed(struct record_rules *s, const struct rule *r)
{
	s->unhashed++;
	return value_fault(s, "unhashed",
			   "not hashed, and the contract says %s",
			   digest_name(r->form.kind));
}

/* ---- digests ---- */

static bool is_hex_digest(struct str text, enum digest_kind kind)
{
	return text.n == 2 * digest_size(kind) &&
	       utf8_is_hex(text.s, text.n, true);
}

static bool is_base64_digest(struct str text, enum digest_kind kind)
{
	size_t size = digest_size(kind), full = (size + 2) / 3 * 4;
	struct buf bytes = BUF_INIT;
	bool is;

	if (text.n != full || (size % 3 && text.s[text.n - 1] != '='))
		return false;
	is = dec_base64(&bytes, text) == 0 && bytes.len == size;
	buf_release(&bytes);
	return is;
}

/* The value's text if it is a digest already, .s NULL if not. */
static struct str as_digest(struct record_rules *s, const struct rule *r,
			    struct str v)
{
	struct str text;

	/* A digest without our key is as good as the value. */
	if (r->form.keyed && s->stage != SETTLE_PUSH)
		return STR_NONE;
	if (json_type(v) != JSON_STRING ||
	    v.n < (r->form.base64 ? 1 : 2) * digest_size(r->form.kind))
		return STR_NONE;
	text = normal_trim(json_text(v, &s->norm));
	if (r->form.base64 ? is_base64_digest(text, r->form.kind)
			   : is_hex_digest(text, r->form.kind))
		return text;
	return STR_NONE;
}

static enum settled pass_digest(struct record_rules *s, const struct rule *r,
				struct str v, struct str text,
				struct result *out)
{
	/* What push sees has been through retl-hash. */
	if (r->hashed_reject && s->stage != SETTLE_PUSH)
		return value_fault(
		    s, "hashed",
		    "a digest already, where the contract wants the "
		    "value itself");
	out->emit = out->check = v;
	if (s->stage == SETTLE_MAP)
		return SAME;
	buf_reset(&s->emit);
	buf_addc(&s->emit, '"');
	buf_adds(&s->emit, text);
	/* Vendors compare hex as text. */
	for (size_t i = 1; !r->form.base64 && i < s->emit.len; i++)
		s->emit.data[i] = (char)tolower((unsigned char)s->emit.data[i]);
	buf_addc(&s->emit, '"');
	if (str_eq(buf_str(&s->emit), v))
		return SAME;
	out->emit = buf_str(&s->emit);
	return NEW;
}

/* The digest of an empty text: a trace of somebody's forgetting to look. */
static bool is_of_nothing(const struct rule *r, struct str digest)
{
	struct str nothing = buf_str(&r->of_nothing);

	if (r->form.base64)
		return str_eq(digest, nothing);
	return digest.n == nothing.n &&
	       strncasecmp(digest.s, nothing.s, digest.n) == 0;
}

/* Where a value itself is due: 40, 64 or 128 hexadecimal digits. */
static bool looks_hashed(struct record_rules *s, struct str v)
{
	struct str text;

	if (json_type(v) != JSON_STRING || v.n < 40)
		return false;
	text = normal_trim(json_text(v, &s->norm));
	return is_hex_digest(text, DIGEST_SHA256) ||
	       is_hex_digest(text, DIGEST_SHA1) ||
	       is_hex_digest(text, DIGEST_SHA512);
}

/* Worker processes share these: written only if that changes them. */
static void note(bool *seen)
{
	if (!*seen)
		*seen = true;
}

/* ---- nothing, or as good as nothing ---- */

enum settled value_fallback(struct record_rules *s, const struct rule *r,
			    unsigned depth, struct result *out)
{
	enum settle_stage stage = s->stage;
	struct rule bare = *r;
	enum settled how;

	/* What is in the contract needs no stage that hashes before push. */
	if (stage == SETTLE_PUSH)
		s->stage = SETTLE_HASH;
	bare.fallback = STR_NONE;
	how = value_settle(s, &bare, r->fallback, depth, out);
	s->stage = stage;
	return how == SAME ? NEW : how;
}

static enum settled settle_null(struct record_rules *s, const struct rule *r,
				struct str v, unsigned depth,
				struct result *out)
{
	if (r->fallback.s)
		return value_fallback(s, r, depth, out);
	switch (r->null) {
	case NULL_CLEAR:
		out->emit = out->check = s->contract->clear;
		return json_type(v) == JSON_NULL && str_eq(out->emit, v) ? SAME
									 : NEW;
	case NULL_REJECT:
		return value_fault(s, "null", "%s, where a value is needed",
				   json_type(v) == JSON_NULL ? "null"
							     : "empty");
	case NULL_KEEP:
		out->emit = out->check = v;
		return SAME;
	default:
		return OMIT;
	}
}

/* ---- plain values ---- */

static void put_value(struct buf *out, const struct normal_value *v)
{
	buf_reset(out);
	if (v->is_text)
		json_put_str(out, v->s);
	else
		buf_adds(out, v->s);
}

static bool fits(struct record_rules *s, const struct rule *r, struct str v)
{
	struct schema_run run = { s->faults, &s->path };

	return r->node->plain || schema_node_check(r->node, v, &run, 0) == 0;
}

/*
 * v normalised: SAME, NEW (in out->check and *text), or what became of it
 * otherwise.
 */
static enum settled normalise(struct record_rules *s, const struct rule *r,
			      struct str v, struct normal_value *value,
			      struct result *out)
{
	struct normal_fault f;
	bool changed = false;

	out->emit = out->check = v;
	if (!r->steps) {
		value->is_text = json_type(v) == JSON_STRING;
		value->s =
		    value->is_text && r->hash ? json_text(v, &s->norm) : v;
		return SAME;
	}
	if (normal_run(r->steps, v, s->record, value, &changed, &f) < 0)
		return value_fault(s, f.code, "%s", f.reason);
	if (!changed)
		return SAME;
	put_value(&s->norm, value);
	out->check = buf_str(&s->norm);
	return NEW;
}

/* Is there nothing to be hashed, or nothing left of a value? */
static bool is_empty(const struct rule *r, const struct normal_value *v,
		     enum settled how)
{
	if (!v->is_text)
		return false;
	if (r->hash)
		return normal_is_blank(v->s);
	return how == NEW && !v->s.n && r->null != NULL_KEEP;
}

static enum settled settle_plain(struct record_rules *s, const struct rule *r,
				 struct str v, unsigned depth,
				 struct result *out)
{
	struct normal_value value = { false, STR_NONE };
	struct str text = r->hash ? as_digest(s, r, v) : STR_NONE;
	enum settled how;

	if (text.s && is_of_nothing(r, text))
		return r->null == NULL_KEEP
			   ? value_fault(s, "null",
					 "the digest of an empty text, which "
					 "would match strangers")
			   : settle_null(s, r, v, depth, out);
	if (text.s) {
		note(&s->tallies[r->tally].passed);
		return pass_digest(s, r, v, text, out);
	}
	if (r->hashed_reject && !r->hash && looks_hashed(s, v))
		return value_fault(s, "hashed",
				   "a digest, where the contract wants the "
				   "value itself");
	if (r->hash && s->stage == SETTLE_PUSH &&
	    !(json_type(v) == JSON_STRING &&
	      normal_is_blank(json_text(v, &s->norm))))
		return unhashed(s, r);
	how = normalise(s, r, v, &value, out);
	if (how == BAD)
		return BAD;
	if (is_empty(r, &value, how))
		return settle_null(s, r, v, depth, out);
	if (!fits(s, r, out->check))
		return BAD;
	if (r->hash && !value.is_text)
		return value_fault(
		    s, "type",
		    "only text can be hashed (the step string makes "
		    "text of a number)");
	if (s->stage == SETTLE_MAP || (how == SAME && !r->hash))
		return SAME;
	if (s->stage == SETTLE_PUSH)
		return SAME;
	if (!r->hash) {
		out->emit = out->check;
		return NEW;
	}
	note(&s->tallies[r->tally].hashed);
	buf_reset(&s->emit);
	buf_addc(&s->emit, '"');
	digest_put(&s->emit, &r->form, value.s);
	buf_addc(&s->emit, '"');
	out->emit = buf_str(&s->emit);
	return NEW;
}

/* ---- lists and objects ---- */

struct level *value_level(struct record_rules *s, unsigned depth)
{
	while (s->n_levels <= depth) {
		s->levels = xreallocarray(s->levels, s->n_levels + 1,
					  sizeof(struct level *));
		s->levels[s->n_levels] = xmalloc(sizeof(struct level));
		*s->levels[s->n_levels++] =
		    (struct level){ BUF_INIT, BUF_INIT };
	}
	buf_reset(&s->levels[depth]->emit);
	buf_reset(&s->levels[depth]->check);
	return s->levels[depth];
}

static void put_both(struct level *l, struct str text)
{
	buf_adds(&l->emit, text);
	buf_adds(&l->check, text);
}

static void put_result(struct level *l, const struct result *r)
{
	buf_adds(&l->emit, r->emit);
	buf_adds(&l->check, r->check);
}

/*
 * What is at fault stays in sight of the schema, which would call it missing
 * otherwise. Nothing of it goes out: all of it is BAD.
 */
static enum settled as_it_came(struct result *r, struct str v)
{
	r->emit = r->check = v;
	return BAD;
}

static enum settled settle_items(struct record_rules *s, const struct rule *r,
				 struct str v, unsigned depth, struct level *l)
{
	enum settled all = SAME, how;
	struct json_iter it;
	struct result one = { STR_NONE, STR_NONE };
	struct str e;
	char name[24];
	size_t i = 0, mark;
	bool any = false;

	put_both(l, STR("["));
	json_iter_init(&it, v);
	while (json_iter_element(&it, &e)) {
		const struct rule *of =
		    i < r->n_prefix ? r->prefix[i] : r->items;

		snprintf(name, sizeof name, "%zu", i++);
		one.emit = one.check = e;
		how = SAME;
		if (of && !of->plain) {
			mark = schema_path_add(&s->path, str_of(name));
			how = value_settle(s, of, e, depth + 1, &one);
			buf_truncate(&s->path, mark);
		}
		if (how == BAD)
			all = as_it_came(&one, e);
		if (how != SAME && all == SAME)
			all = NEW;
		if (how == OMIT)
			continue;
		if (any)
			put_both(l, STR(","));
		put_result(l, &one);
		any = true;
	}
	put_both(l, STR("]"));
	return all;
}

bool value_is_clear(const struct record_rules *s, struct str v)
{
	struct str clear = s->contract->clear;

	/* Nearly all end here: another first byte, and no escape to come. */
	if (!clear.s || (v.n > 1 && clear.n > 1 && v.s[1] != clear.s[1] &&
			 v.s[1] != '\\' && clear.s[1] != '\\' && v.s[0] == '"'))
		return false;
	return json_type(clear) == json_type(v) && json_type(v) != JSON_NULL &&
	       json_equal(clear, v);
}

/* One member of a nested object, under its unescaped name. */
static enum settled settle_nested(struct record_rules *s, const struct rule *r,
				  struct str name, struct str v, unsigned depth,
				  struct result *out)
{
	struct schema_run run = { s->faults, &s->path };
	bool several, unclear;
	const struct rule *of = rule_for(r, name, &several, &unclear);

	out->emit = out->check = v;
	if (unclear)
		return value_fault(s, "contract",
				   "described twice by the contract");
	if (several || !of)
		return schema_member_check(rules_children(r->node), name, v,
					   &run) < 0
			   ? BAD
			   : SAME;
	if (of->plain || value_is_clear(s, v))
		return SAME;
	return value_settle(s, of, v, depth, out);
}

static void put_name(struct level *l, struct str key, bool any)
{
	if (any)
		put_both(l, STR(","));
	put_both(l, STR("\""));
	put_both(l, key);
	put_both(l, STR("\":"));
}

/* The members that the object lacks and the contract has a default for. */
static enum settled add_fallbacks(struct record_rules *s, const struct rule *r,
				  struct str v, unsigned depth, struct level *l,
				  bool any)
{
	enum settled all = SAME, how;
	struct result one = { STR_NONE, STR_NONE };
	struct str unused;
	size_t mark;

	for (size_t i = 0; i < r->n_members; i++) {
		const struct rule_member *m = &r->members[i];

		if (m->pattern || !m->rule->fallback.s ||
		    json_find(v, m->name, &unused) != 0)
			continue;
		mark = schema_path_add(&s->path, m->name);
		how = value_fallback(s, m->rule, depth + 1, &one);
		buf_truncate(&s->path, mark);
		if (how == BAD)
			all = BAD;
		if (how != NEW)
			continue;
		put_name(l, m->name, any);
		put_result(l, &one);
		any = true;
		if (all == SAME)
			all = NEW;
	}
	return all;
}

static enum settled settle_members(struct record_rules *s, const struct rule *r,
				   struct str v, unsigned depth,
				   struct level *l)
{
	struct buf text = BUF_INIT;
	enum settled all = SAME, how;
	struct json_iter it;
	struct json_member m;
	struct result one = { STR_NONE, STR_NONE };
	bool any = false;
	size_t mark;

	put_both(l, STR("{"));
	json_iter_init(&it, v);
	while (json_iter_member(&it, &m)) {
		struct str name = m.key;

		if (m.key_esc) {
			buf_reset(&text);
			json_unescape(&text, m.key);
			name = buf_str(&text);
		}
		mark = schema_path_add(&s->path, name);
		how = settle_nested(s, r, name, m.val, depth + 1, &one);
		buf_truncate(&s->path, mark);
		if (how == BAD)
			all = as_it_came(&one, m.val);
		if (how != SAME && all == SAME)
			all = NEW;
		if (how == OMIT)
			continue;
		put_name(l, m.key, any);
		put_result(l, &one);
		any = true;
	}
	buf_release(&text);
	how = add_fallbacks(s, r, v, depth, l, any);
	if (how != SAME && all != BAD)
		all = how;
	put_both(l, STR("}"));
	return all;
}

/* A list or an object with rules below it. */
static enum settled settle_deep(struct record_rules *s, const struct rule *r,
				struct str v, unsigned depth,
				struct result *out)
{
	struct schema_run run = { s->faults, &s->path };
	struct level *l;
	enum settled how;

	if (json_type(v) == JSON_OBJECT && schema_repeats_name(v)) {
		s->repeated = true;
		return value_fault(s, "repeated", "a member name comes twice");
	}
	l = value_level(s, depth);
	how = json_type(v) == JSON_ARRAY ? settle_items(s, r, v, depth, l)
					 : settle_members(s, r, v, depth, l);
	out->emit = how == SAME ? v : buf_str(&l->emit);
	out->check = buf_str(&l->check);
	if (schema_node_check(r->node, out->check, &run, SCHEMA_SKIP_CHILDREN) <
	    0)
		return BAD;
	return how;
}

/* ---- any value ---- */

/*
 * A value of a kind that the contract's hashes do not reach: it would slip
 * through them.
 */
static bool slips_through(const struct rule *r, struct str v)
{
	switch (json_type(v)) {
	case JSON_ARRAY:
		return (r->hash || r->hash_in_members) && !r->hash_in_items;
	case JSON_OBJECT:
		return (r->hash || r->hash_in_items) && !r->hash_in_members;
	default:
		return !r->hash && (r->hash_in_items || r->hash_in_members);
	}
}

static enum settled settle_kind(struct record_rules *s, const struct rule *r,
				struct str v, unsigned depth,
				struct result *out)
{
	bool container =
	    json_type(v) == JSON_ARRAY || json_type(v) == JSON_OBJECT;
	struct normal_value value;
	struct normal_fault f;
	bool changed;

	if (container && r->steps) {
		/* Only join makes a text of it. */
		if (normal_run(r->steps, v, s->record, &value, &changed, &f) <
		    0)
			return value_fault(s, f.code, "%s", f.reason);
		if (changed)
			return settle_plain(s, r, v, depth, out);
	}
	if (slips_through(r, v)) {
		/* The schema's own words, if it has some. */
		if (fits(s, r, v))
			value_fault(
			    s, "type",
			    "a list or an object where a value to be hashed is "
			    "expected, or the other way round");
		if (s->stage == SETTLE_PUSH)
			s->unhashed++;
		return BAD;
	}
	if (container && r->deep)
		return settle_deep(s, r, v, depth, out);
	return settle_plain(s, r, v, depth, out);
}

/*
 * The faults from the mark on cost the value alone. They are kept for a record
 * that is refused in the end: it may be for the lack of this value.
 */
static void leave_out(struct record_rules *s, size_t mark)
{
	const struct faults *f = s->faults;

	for (size_t i = mark; i < f->n; i++)
		faults_add(&s->left_out, fault_field(f, i), f->v[i].code,
			   "%.*s, so it was left out",
			   STR_ARG(fault_reason(f, i)));
	s->faults->n = mark;
}

enum settled value_settle(struct record_rules *s, const struct rule *r,
			  struct str v, unsigned depth, struct result *out)
{
	size_t mark = s->faults->n;
	unsigned was_unhashed = s->unhashed;
	enum settled how;

	if (r->simple && json_type(v) != JSON_NULL) {
		out->emit = out->check = v;
		how = fits(s, r, v) ? SAME : BAD;
	} else if (json_type(v) == JSON_NULL && (r->own || depth == 1))
		how = settle_null(s, r, v, depth, out);
	else
		how = settle_kind(s, r, v, depth, out);
	if (how != BAD || !r->invalid_omit || s->repeated ||
	    s->unhashed != was_unhashed)
		return how;
	leave_out(s, mark);
	return OMIT;
}
