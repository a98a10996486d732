/* SPDX-License-Identifier: MIT */
/*
 * Records held against their contract. Each value is settled alone, in this
 * order: null and clear; is it a digest already; normalise; validate; hash.
 * What comes out of it goes on as a span of the record wherever nothing had to
 * be changed, and neighbours that stay leave in one piece.
 */
#include "common/contract_rules.h"
#include "common/enc.h"
#include "common/mem.h"
#include "common/msg.h"

enum settled {
	SAME, /* emit is the value itself */
	NEW,  /* emit is another text */
	OMIT,
	BAD, /* faults say why */
};

/* Texts as they go out and as the schema sees them; borrowed. */
struct result {
	struct str emit, check;
};

static enum settled settle(struct record_rules *s, const struct rule *r,
			   struct str v, unsigned depth, struct result *out);

/* ---- faults ---- */

static PRINTF_LIKE(3, 4) enum settled
    bad(struct record_rules *s, const char *code, const char *reason, ...)
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
	return bad(s, "unhashed", "not hashed, and the contract says %s",
		   digest_name(r->kind));
}

/* ---- digests ---- */

static bool is_hex_digest(struct str text, enum digest_kind kind)
{
	if (text.n != 2 * digest_size(kind))
		return false;
	for (size_t i = 0; i < text.n; i++)
		if (!isxdigit((unsigned char)text.s[i]))
			return false;
	return true;
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

	if (json_type(v) != JSON_STRING || v.n < 2 * digest_size(DIGEST_MD5))
		if (json_type(v) != JSON_STRING || !r->base64)
			return STR_NONE;
	text = normal_trim(json_text(v, &s->norm));
	if (r->base64 ? is_base64_digest(text, r->kind)
		      : is_hex_digest(text, r->kind))
		return text;
	return STR_NONE;
}

static enum settled pass_digest(struct record_rules *s, const struct rule *r,
				struct str v, struct str text,
				struct result *out)
{
	if (r->hashed_reject)
		return bad(s, "hashed",
			   "a digest already, where the contract wants the "
			   "value itself");
	out->emit = out->check = v;
	if (s->stage == SETTLE_MAP)
		return SAME;
	buf_reset(&s->emit);
	buf_addc(&s->emit, '"');
	buf_adds(&s->emit, text);
	/* Vendors compare hex as text. */
	for (size_t i = 1; !r->base64 && i < s->emit.len; i++)
		s->emit.data[i] = (char)tolower((unsigned char)s->emit.data[i]);
	buf_addc(&s->emit, '"');
	if (str_eq(buf_str(&s->emit), v))
		return SAME;
	out->emit = buf_str(&s->emit);
	return NEW;
}

static void put_digest(struct buf *out, const struct rule *r, struct str text)
{
	uint8_t sum[DIGEST_MAX];

	digest(r->kind, text.s, text.n, sum);
	buf_addc(out, '"');
	if (r->base64)
		enc_base64(out, sum, digest_size(r->kind));
	else
		enc_hex(out, sum, digest_size(r->kind));
	buf_addc(out, '"');
}

/* ---- nothing, or as good as nothing ---- */

static enum settled settle_fallback(struct record_rules *s,
				    const struct rule *r, unsigned depth,
				    struct result *out)
{
	enum settle_stage stage = s->stage;
	struct rule bare = *r;
	enum settled how;

	/* What is in the contract needs no stage that hashes before push. */
	if (stage == SETTLE_PUSH)
		s->stage = SETTLE_HASH;
	bare.fallback = STR_NONE;
	how = settle(s, &bare, r->fallback, depth, out);
	s->stage = stage;
	return how == SAME ? NEW : how;
}

static enum settled settle_null(struct record_rules *s, const struct rule *r,
				struct str v, unsigned depth,
				struct result *out)
{
	if (r->fallback.s)
		return settle_fallback(s, r, depth, out);
	switch (r->null) {
	case NULL_CLEAR:
		out->emit = out->check = s->contract->clear;
		return json_type(v) == JSON_NULL && str_eq(out->emit, v) ? SAME
									 : NEW;
	case NULL_REJECT:
		return bad(s, "null",
			   json_type(v) == JSON_NULL ? "null" : "empty");
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
	if (normal_run(r->steps, v, value, &changed, &f) < 0)
		return bad(s, f.code, "%s", f.reason);
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

	if (text.s)
		return pass_digest(s, r, v, text, out);
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
		return bad(s, "type",
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
	buf_reset(&s->emit);
	put_digest(&s->emit, r, value.s);
	out->emit = buf_str(&s->emit);
	return NEW;
}

/* ---- lists and objects ---- */

static struct level *level(struct record_rules *s, unsigned depth)
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

static enum settled settle_items(struct record_rules *s, const struct rule *r,
				 struct str v, unsigned depth, struct level *l)
{
	enum settled all = SAME, how;
	struct json_iter it;
	struct result one;
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
			how = settle(s, of, e, depth + 1, &one);
			buf_truncate(&s->path, mark);
		}
		if (how == BAD)
			all = BAD;
		if (how != SAME && all == SAME)
			all = NEW;
		if (how == BAD || how == OMIT)
			continue;
		if (any)
			put_both(l, STR(","));
		put_result(l, &one);
		any = true;
	}
	put_both(l, STR("]"));
	return all;
}

/* null has keywords of its own. */
static bool is_clear(const struct record_rules *s, struct str v)
{
	struct str clear = s->contract->clear;

	return clear.s && json_type(clear) == json_type(v) &&
	       json_type(v) != JSON_NULL && json_equal(clear, v);
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
		return bad(s, "contract", "described twice by the contract");
	if (several || !of)
		return schema_member_check(r->node, name, v, &run) < 0 ? BAD
								       : SAME;
	if (of->plain || is_clear(s, v))
		return SAME;
	return settle(s, of, v, depth, out);
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
	struct result one;
	struct str unused;
	size_t mark;

	for (size_t i = 0; i < r->n_members; i++) {
		const struct rule_member *m = &r->members[i];

		if (m->pattern || !m->rule->fallback.s ||
		    json_find(v, m->name, &unused) != 0)
			continue;
		mark = schema_path_add(&s->path, m->name);
		how = settle_fallback(s, m->rule, depth + 1, &one);
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
	struct result one;
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
			all = BAD;
		if (how != SAME && all == SAME)
			all = NEW;
		if (how == BAD || how == OMIT)
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

static bool has_repeated_name(struct str object)
{
	struct json_obj o = JSON_OBJ_INIT;
	struct json_fault f;
	bool bad_names = json_obj_parse(&o, object, &f) < 0;

	json_obj_release(&o);
	return bad_names;
}

/* A list or an object with rules below it. */
static enum settled settle_deep(struct record_rules *s, const struct rule *r,
				struct str v, unsigned depth,
				struct result *out)
{
	struct schema_run run = { s->faults, &s->path };
	struct level *l;
	enum settled how;

	if (json_type(v) == JSON_OBJECT && has_repeated_name(v)) {
		s->repeated = true;
		return bad(s, "repeated", "a member name comes twice");
	}
	l = level(s, depth);
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
		if (normal_run(r->steps, v, &value, &changed, &f) < 0)
			return bad(s, f.code, "%s", f.reason);
		if (changed)
			return settle_plain(s, r, v, depth, out);
	}
	if (slips_through(r, v)) {
		/* The schema's own words, if it has some. */
		if (fits(s, r, v))
			bad(s, "type",
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
 * depth 0 is the record; a member of it has 1. Below that null is what the
 * schema makes of it, unless our keywords speak of it.
 */
static enum settled settle(struct record_rules *s, const struct rule *r,
			   struct str v, unsigned depth, struct result *out)
{
	size_t mark = s->faults->n;
	unsigned was_unhashed = s->unhashed;
	enum settled how;

	if (json_type(v) == JSON_NULL && (r->own || depth == 1))
		how = settle_null(s, r, v, depth, out);
	else
		how = settle_kind(s, r, v, depth, out);
	if (how != BAD || !r->invalid_omit || s->repeated ||
	    s->unhashed != was_unhashed)
		return how;
	s->faults->n = mark;
	return OMIT;
}

/* ---- the plan of a record's shape ---- */

static bool same_shape(const struct record_rules *s, const struct json_obj *o)
{
	/*
	 * By names, not by number: two structs, or one that was used afresh,
	 * may count the same.
	 */
	return o->shape && s->n_plan &&
	       str_eq(buf_str(&o->names), buf_str(&s->names));
}

static bool names_it(const struct schema_names *names, struct str name)
{
	for (size_t i = 0; i < names->n; i++)
		if (str_eq(names->v[i], name))
			return true;
	return false;
}

static bool is_identity(const struct contract *c, struct str name)
{
	for (size_t i = 0; i < c->n_identity; i++)
		for (size_t j = 0; j < c->identity[i].n; j++)
			if (str_eq(c->identity[i].v[j], name))
				return true;
	return false;
}

static void plan_member(struct record_rules *s, struct plan *p)
{
	const struct rule *root = s->root;
	bool several, unclear;

	p->rule = rule_for(root, p->name, &several, &unclear);
	p->strict = (s->all_strict || names_it(&s->strict, p->name)) &&
		    !is_identity(s->contract, p->name);
	if (unclear)
		p->what = PLAN_UNCLEAR;
	else if (several)
		p->what = PLAN_CHECK;
	else if (p->rule)
		p->what = p->rule->plain ? PLAN_COPY : PLAN_RULE;
	else
		p->what = s->closed ? PLAN_UNKNOWN : PLAN_COPY;
}

static struct plan *add_plan(struct record_rules *s, struct str name)
{
	struct plan *p;

	if (s->n_plan >= s->cap_plan) {
		GROW(s->plan, s->n_plan, s->cap_plan);
		s->seen = xreallocarray(s->seen, s->cap_plan, sizeof *s->seen);
	}
	p = &s->plan[s->n_plan++];
	*p = (struct plan){ .name = name };
	return p;
}

/* Behind the record's members: those it lacks and there is a default for. */
static void plan_fallbacks(struct record_rules *s, size_t n)
{
	for (size_t i = 0; i < s->root->n_members; i++) {
		const struct rule_member *m = &s->root->members[i];
		size_t j = 0;

		if (m->pattern || !m->rule->fallback.s)
			continue;
		while (j < n && !str_eq(s->plan[j].name, m->name))
			j++;
		if (j == n) {
			struct plan *p = add_plan(s, m->name);

			p->what = PLAN_FALLBACK;
			p->rule = m->rule;
			p->strict =
			    s->all_strict || names_it(&s->strict, m->name);
		}
	}
}

static void find_asked(struct record_rules *s)
{
	for (size_t i = 0; i < s->n_asked; i++) {
		struct asked *a = &s->asked[i];

		a->at = -1;
		for (size_t j = 0; j < s->n_plan; j++)
			if (str_eq(s->plan[j].name, a->name)) {
				a->at = (ssize_t)j;
				s->plan[j].asked = true;
			}
	}
}

static void make_plan(struct record_rules *s, const struct record *rec)
{
	const struct json_obj *o = &rec->obj;
	size_t need = 0;

	if (LIKELY(same_shape(s, o)))
		return;
	buf_reset(&s->names);
	if (o->shape)
		buf_adds(&s->names, buf_str(&o->names));
	s->n_plan = 0;
	for (size_t i = 0; i < o->n; i++)
		need += o->m[i].key.n;
	/* Room at once: the plan borrows from it. */
	buf_reset(&s->texts);
	buf_reserve(&s->texts, need + 1);
	for (size_t i = 0; i < o->n; i++) {
		size_t at = s->texts.len;
		struct plan *p;

		json_unescape(&s->texts, o->m[i].key);
		p = add_plan(
		    s, (struct str){ s->texts.data + at, s->texts.len - at });
		p->what = PLAN_RESERVED;
		if (!record_reserved(&o->m[i]))
			plan_member(s, p);
	}
	plan_fallbacks(s, o->n);
	find_asked(s);
}

/* ---- writing ---- */

/* Members that stay and stand together leave as one piece of the record. */
struct writer {
	struct buf *out, *check; /* check: NULL if nobody wants it */
	const char *from, *to;
	bool any, any_check;
	int n;
};

static void flush_run(struct writer *w)
{
	if (!w->from)
		return;
	buf_addc(w->out, w->any ? ',' : '{');
	buf_add(w->out, w->from, (size_t)(w->to - w->from));
	w->any = true;
	w->from = NULL;
}

static void put_member(struct buf *out, bool any, struct str key,
		       struct str text)
{
	buf_addz(out, any ? ",\"" : "{\"");
	buf_adds(out, key);
	buf_addz(out, "\":");
	buf_adds(out, text);
}

/* key is raw, as it stands between its quotes. */
static void write_new(struct writer *w, struct str key, struct str emit)
{
	flush_run(w);
	put_member(w->out, w->any, key, emit);
	w->any = true;
	w->n++;
}

static void write_same(struct writer *w, const struct json_member *m)
{
	const char *from = m->key.s - 1, *to = m->val.s + m->val.n;

	if (m->val.s != m->key.s + m->key.n + 2) {
		write_new(w, m->key, m->val);
		return;
	}
	if (!w->from || from != w->to + 1 || *w->to != ',') {
		flush_run(w);
		w->from = from;
	}
	w->to = to;
	w->n++;
}

static void write_check(struct writer *w, struct str key, struct str check)
{
	if (!w->check)
		return;
	put_member(w->check, w->any_check, key, check);
	w->any_check = true;
}

/* ---- members of the record ---- */

static enum settled settle_one(struct record_rules *s, const struct plan *p,
			       struct str v, struct result *out)
{
	struct schema_run run = { s->faults, &s->path };

	out->emit = out->check = v;
	switch (p->what) {
	case PLAN_FALLBACK:
		return settle_fallback(s, p->rule, 1, out);
	case PLAN_UNKNOWN:
		return bad(s, "unknown",
			   "not a member that the contract knows");
	case PLAN_UNCLEAR:
		return bad(s, "contract", "described twice by the contract");
	case PLAN_CHECK:
		if (json_type(v) == JSON_NULL)
			return OMIT;
		return is_clear(s, v) ||
			       schema_member_check(s->root->node, p->name, v,
						   &run) == 0
			   ? SAME
			   : BAD;
	case PLAN_COPY:
		return json_type(v) == JSON_NULL ? OMIT : SAME;
	default:
		if (is_clear(s, v))
			return SAME;
		return settle(s, p->rule, v, 1, out);
	}
}

/* Is this a value that can tell one record from another? */
static bool tells_apart(const struct record_rules *s, struct str v)
{
	struct buf scratch = BUF_INIT;
	bool blank;

	switch (json_type(v)) {
	case JSON_NULL:
		return false;
	case JSON_STRING:
		blank = normal_is_blank(json_text(v, &scratch));
		buf_release(&scratch);
		return !blank && !is_clear(s, v);
	case JSON_ARRAY:
	case JSON_OBJECT:
		return json_count(v) > 0;
	default:
		return !is_clear(s, v);
	}
}

/* The i-th of the plan; its place in the record, or behind. */
static void settle_member(struct record_rules *s, const struct record *rec,
			  size_t i, struct writer *w)
{
	const struct plan *p = &s->plan[i];
	const struct json_member *m = i < rec->obj.n ? &rec->obj.m[i] : NULL;
	bool removal = rec->result == DIFF_REMOVED;
	size_t mark = s->faults->n;
	struct result one;
	enum settled how;

	s->seen[i] = ABSENT;
	if (p->what == PLAN_RESERVED ||
	    (p->what == PLAN_FALLBACK && removal && !p->strict))
		return;
	buf_reset(&s->path);
	buf_adds(&s->path, p->name);
	how = settle_one(s, p, m ? m->val : STR_NONE, &one);
	s->seen[i] = how == BAD ? FAILED : EMPTY;
	if (how == BAD && removal && !p->strict && !s->unhashed &&
	    !s->repeated) {
		s->faults->n = mark;
		return;
	}
	if (how == BAD || how == OMIT)
		return;
	s->seen[i] = !p->asked || tells_apart(s, one.emit) ? PRESENT : BLANK;
	if (how == SAME && m)
		write_same(w, m);
	else
		write_new(w, m ? m->key : p->name, one.emit);
	write_check(w, m ? m->key : p->name, one.check);
}

/* ---- what is demanded ---- */

static enum presence presence(const struct record_rules *s,
			      const struct asked *a)
{
	return a->at < 0 ? ABSENT : s->seen[a->at];
}

static bool has_fault(const struct record_rules *s, struct str field)
{
	for (size_t i = 0; i < s->faults->n; i++)
		if (str_eq(fault_field(s->faults, i), field))
			return true;
	return false;
}

static void demand(struct record_rules *s, const struct asked *a, bool is_key)
{
	enum presence p = presence(s, a);

	if (p == PRESENT || (p == BLANK && !is_key) || has_fault(s, a->name))
		return;
	faults_add(s->faults, a->name, "required", "%s%s",
		   p == ABSENT ? "missing" : "without a value",
		   is_key ? ", and it is part of the key" : "");
}

static void demand_all(struct record_rules *s, const struct asked_set *set,
		       bool is_key)
{
	for (size_t i = 0; i < set->n; i++)
		demand(s, &s->asked[set->from + i], is_key);
}

static bool complete(const struct record_rules *s, const struct asked_set *set)
{
	for (size_t i = 0; i < set->n; i++)
		if (presence(s, &s->asked[set->from + i]) != PRESENT)
			return false;
	return true;
}

static void put_sets(const struct record_rules *s, const struct asked_set *sets,
		     size_t n, struct buf *out)
{
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < sets[i].n; j++) {
			const struct asked *a = &s->asked[sets[i].from + j];

			buf_addz(out, j ? " with " : i ? ", " : "");
			buf_adds(out, a->name);
		}
}

static bool any_fault_in(const struct record_rules *s,
			 const struct asked_set *sets, size_t n)
{
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < sets[i].n; j++)
			if (has_fault(s, s->asked[sets[i].from + j].name))
				return true;
	return false;
}

/* At least one of the sets; or exactly one. */
static void demand_some(struct record_rules *s, const struct asked_set *sets,
			size_t n, bool only_one)
{
	struct buf names = BUF_INIT;
	size_t found = 0;

	for (size_t i = 0; i < n; i++)
		found += complete(s, &sets[i]);
	if (found == 1 || (found && !only_one) ||
	    (!found && any_fault_in(s, sets, n)))
		return;
	put_sets(s, sets, n, &names);
	faults_add(s->faults, STR(""), "key",
		   found ? "more than one of these has a value: %s"
			 : "none of these has a value: %s",
		   names.data);
	buf_release(&names);
}

static void demand_key(struct record_rules *s)
{
	if (!s->n_key_sets)
		return;
	if (s->contract->key_mode == KEY_ALL)
		demand_all(s, &s->key_sets[0], true);
	else
		demand_some(s, s->key_sets, s->n_key_sets,
			    s->contract->key_mode == KEY_ONE);
}

static void demand_for_removal(struct record_rules *s)
{
	if (s->removal_skipped)
		return;
	demand_all(s, &s->asked_requires, false);
	if (s->needs_identity)
		demand_some(s, s->identity_sets, s->n_identity_sets, false);
	if (s->needs_key)
		demand_key(s);
}

static void demand_for_record(struct record_rules *s, const struct buf *check)
{
	struct schema_run run = { s->faults, &s->path };

	demand_key(s);
	demand_all(s, &s->asked_required, false);
	if (!s->whole_check)
		return;
	buf_reset(&s->path);
	schema_node_check(s->root->node, buf_str(check), &run,
			  SCHEMA_SKIP_CHILDREN | SCHEMA_SKIP_REQUIRED);
}

/* ---- records ---- */

static void begin(struct contract *c, const struct record *rec,
		  enum settle_stage stage, struct faults *faults)
{
	struct record_rules *s = c->rules;

	s->stage = stage;
	s->faults = faults;
	s->unhashed = 0;
	s->repeated = false;
	make_plan(s, rec);
}

int contract_settle(struct contract *c, const struct record *rec,
		    enum settle_stage stage, struct buf *out,
		    struct faults *faults)
{
	struct record_rules *s = c->rules;
	struct writer w = { .out = out };
	size_t mark = out->len;

	begin(c, rec, stage, faults);
	if (s->whole_check)
		w.check = &level(s, 0)->check;
	for (size_t i = 0; i < s->n_plan; i++)
		settle_member(s, rec, i, &w);
	flush_run(&w);
	if (!w.any)
		buf_addc(out, '{');
	if (w.check)
		buf_addz(w.check, w.any_check ? "}" : "{}");
	if (rec->result == DIFF_REMOVED)
		demand_for_removal(s);
	else
		demand_for_record(s, w.check);
	if (!faults->n)
		return w.n;
	buf_truncate(out, mark);
	return s->unhashed ? SETTLE_UNHASHED : SETTLE_REFUSED;
}

/* The member of this name, settled alone; false if it cannot be had. */
static bool put_one(struct record_rules *s, const struct record *rec,
		    struct str name, bool any, struct buf *out)
{
	size_t i = 0;
	struct result one;
	enum settled how;

	while (i < s->n_plan && !str_eq(s->plan[i].name, name))
		i++;
	if (i == s->n_plan || s->plan[i].what == PLAN_RESERVED)
		return false;
	buf_reset(&s->path);
	buf_adds(&s->path, name);
	how = settle_one(s, &s->plan[i],
			 i < rec->obj.n ? rec->obj.m[i].val : STR_NONE, &one);
	if (how == BAD || how == OMIT || !tells_apart(s, one.emit))
		return false;
	buf_addz(out, any ? ",\"" : "\"");
	json_put_escaped(out, name);
	buf_addz(out, "\":");
	buf_adds(out, one.emit);
	return true;
}

int contract_put_key(struct contract *c, const struct key_spec *key,
		     const struct record *rec, enum settle_stage stage,
		     struct buf *out)
{
	struct record_rules *s = c->rules;
	struct faults unused = FAULTS_INIT;
	size_t mark = out->len;
	int ret = 0;

	begin(c, rec, stage, &unused);
	for (size_t i = 0; !ret && i < key->n; i++)
		if (!put_one(s, rec, key->part[i].slot.name, i > 0, out))
			ret = -1;
	if (ret < 0)
		buf_truncate(out, mark);
	faults_release(&unused);
	return ret;
}

int contract_settle_stub(struct contract *c, const struct record *rec,
			 enum settle_stage stage, struct buf *out)
{
	struct record_rules *s = c->rules;
	struct faults unused = FAULTS_INIT;
	size_t mark = out->len;
	int n = 0;

	begin(c, rec, stage, &unused);
	buf_addc(out, '{');
	for (size_t i = 0; i < rec->obj.n; i++) {
		if (s->plan[i].what == PLAN_RESERVED)
			continue;
		if (!put_one(s, rec, s->plan[i].name, n > 0, out)) {
			buf_truncate(out, mark);
			n = -1;
			break;
		}
		n++;
	}
	faults_release(&unused);
	return n;
}

/* ---- loading ---- */

static void ask(struct record_rules *s, struct str name)
{
	s->asked = xreallocarray(s->asked, s->n_asked + 1, sizeof *s->asked);
	s->asked[s->n_asked++] = (struct asked){ name, -1 };
}

static struct asked_set ask_names(struct record_rules *s, const struct str *v,
				  size_t n)
{
	struct asked_set set = { s->n_asked, n };

	for (size_t i = 0; i < n; i++)
		ask(s, v[i]);
	return set;
}

static struct asked_set *ask_sets(struct record_rules *s,
				  const struct name_set *v, size_t n)
{
	struct asked_set *sets = xcalloc(n + 1, sizeof *sets);

	for (size_t i = 0; i < n; i++)
		sets[i] = ask_names(s, v[i].v, v[i].n);
	return sets;
}

/* Does the record as a whole have to be looked at? */
static bool needs_whole(const struct schema_node *n)
{
	return n->never || n->konst.s || n->enumeration.s ||
	       (n->types && !(n->types & 1u << JSON_OBJECT)) ||
	       n->min_properties || n->max_properties != UINT64_MAX ||
	       n->names || n->n_dependent || n->all_of.n || n->any_of.n ||
	       n->one_of.n || n->negated || n->if_ || n->ref;
}

/* A default that its own schema refuses would refuse every record. */
static int check_fallbacks(struct contract *c, struct buf *err)
{
	struct record_rules *s = c->rules;
	struct faults faults = FAULTS_INIT;
	struct buf text = BUF_INIT;
	struct result one;
	int ret = 0;

	s->stage = SETTLE_HASH;
	s->faults = &faults;
	for (size_t i = 0; !ret && i < s->n_all; i++) {
		if (!s->all[i]->fallback.s)
			continue;
		buf_reset(&s->path);
		if (settle_fallback(s, s->all[i], 1, &one) == NEW)
			continue;
		faults_put(&text, &faults);
		ret = fail(err,
			   "%s: record: a default that its own schema "
			   "does not take: %s",
			   c->path, text.data);
	}
	buf_release(&text);
	faults_release(&faults);
	return ret;
}

int contract_load_record(struct contract *c, struct str schema, bool ad_hoc,
			 int *status, struct buf *err)
{
	struct record_rules *s = xcalloc(1, sizeof *s);
	const struct schema_node *n;

	c->rules = s;
	s->contract = c;
	s->ad_hoc = ad_hoc;
	s->names = s->texts = s->path = s->norm = s->emit = BUF_INIT;
	if (rules_compile(c, schema, status, err) < 0)
		return -1;
	n = s->root->node;
	s->asked_required = ask_names(s, n->required.v, n->required.n);
	s->asked_requires = ask_names(s, s->requires.v, s->requires.n);
	s->key_sets = ask_sets(s, c->keys, c->n_keys);
	s->n_key_sets = c->n_keys;
	s->identity_sets = ask_sets(s, c->identity, c->n_identity);
	s->n_identity_sets = c->n_identity;
	s->whole_check = needs_whole(n);
	s->closed = n->additional && n->additional->never;
	return check_fallbacks(c, err);
}

void contract_free_record(struct contract *c)
{
	struct record_rules *s = c->rules;

	if (!s)
		return;
	rules_free(s);
	free(s->asked);
	free(s->key_sets);
	free(s->identity_sets);
	free(s->plan);
	free(s->seen);
	for (size_t i = 0; i < s->n_levels; i++) {
		buf_release(&s->levels[i]->emit);
		buf_release(&s->levels[i]->check);
		free(s->levels[i]);
	}
	free(s->levels);
	buf_release(&s->names);
	buf_release(&s->texts);
	buf_release(&s->path);
	buf_release(&s->norm);
	buf_release(&s->emit);
	free(s);
}
