/* SPDX-License-Identifier: MIT */
/*
 * Records held against their contract. How each member is dealt with is
 * planned once for a shape; members that stay as they are leave in one piece
 * with their neighbours.
 */
#include "common/contract_rules.h"
#include "common/mem.h"

/* ---- the plan of a record's shape ---- */

static bool same_shape(const struct record_rules *s, const struct json_obj *o)
{
	return o->shape && s->shape == o->shape;
}

/* Where two structs take turns, names have two numbers. */
static bool same_names(struct record_rules *s, const struct json_obj *o)
{
	if (!o->shape || !s->shape ||
	    !str_eq(buf_str(&o->names), buf_str(&s->names)))
		return false;
	s->shape = o->shape;
	return true;
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
	if (p->what == PLAN_COPY)
		p->ok_types = ~(1u << JSON_NULL);
	else if (p->what == PLAN_RULE)
		p->ok_types = p->rule->ok_types;
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
	for (size_t j = 0; j < s->n_plan; j++)
		s->plan[j].as_is =
		    s->plan[j].what == PLAN_COPY && !s->plan[j].asked;
}

/* Is there more to ask than the value's type? */
static bool wants_look(const struct plan *p)
{
	bool integer = p->ok_types & SCHEMA_INTEGER,
	     number = p->ok_types & 1u << JSON_NUMBER;

	return p->asked || (integer && !number) ||
	       (p->what == PLAN_RULE && p->rule->simple && !p->ok_types);
}

/* What can be told beforehand of records that leave as one piece. */
static void plan_piece(struct record_rules *s, const struct json_obj *o)
{
	size_t n = o->n;

	s->n_piece = s->piece_names = s->n_look = 0;
	s->demanded[0] = s->demanded[1] = false;
	while (n && s->plan[n - 1].what == PLAN_RESERVED)
		n--;
	if (s->n_plan > o->n)
		return;
	for (size_t i = 0; i < n; i++) {
		struct plan *p = &s->plan[i];

		if (p->what != PLAN_COPY && p->what != PLAN_RULE)
			return;
		s->piece_names += o->m[i].key.n + strlen("\"\":");
		p->odd = 0;
		if (wants_look(p)) {
			GROW(s->look, s->n_look, s->cap_look);
			s->look[s->n_look++] = i;
		} else {
			p->odd = (uint8_t)~p->ok_types;
		}
	}
	s->n_piece = n;
}

static void make_plan(struct record_rules *s, const struct record *rec)
{
	const struct json_obj *o = &rec->obj;
	size_t need = 0;

	if (LIKELY(same_shape(s, o)) || same_names(s, o))
		return;
	/* Names with escapes have no shape, and their plan no second use. */
	s->shape = o->shape;
	buf_reset(&s->names);
	if (s->shape)
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
	plan_piece(s, o);
}

/* ---- writing ---- */

/* Members that stay and stand together leave as one piece of the record. */
struct writer {
	struct buf *out;
	const char *from, *to;
	bool any;
	int n;
	/*
	 * What the schema sees of the record as a whole, NULL if nothing. As
	 * long as it is the record's own text, up to same, nothing is copied.
	 */
	struct buf *check;
	bool any_check, copied;
	const char *begin, *same;
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

static inline void write_same(struct writer *w, const struct json_member *m)
{
	const char *from = m->key.s - 1, *to = m->val.s + m->val.n;

	if (UNLIKELY(m->val.s != m->key.s + m->key.n + 2)) {
		write_new(w, m->key, m->val);
		return;
	}
	if (UNLIKELY(!w->from || from != w->to + 1 || *w->to != ',')) {
		flush_run(w);
		w->from = from;
	}
	w->to = to;
	w->n++;
}

/* From here on the record's own text is not what the schema sees. */
static void check_differs(struct writer *w)
{
	if (!w->check || w->copied)
		return;
	w->copied = true;
	w->any_check = w->same > w->begin;
	if (!w->any_check)
		return;
	buf_addc(w->check, '{');
	buf_add(w->check, w->begin, (size_t)(w->same - w->begin));
}

static inline void check_same(struct writer *w, const struct json_member *m)
{
	if (!w->check)
		return;
	if (!w->copied) {
		w->same = m->val.s + m->val.n;
		return;
	}
	put_member(w->check, w->any_check, m->key, m->val);
	w->any_check = true;
}

static void check_new(struct writer *w, struct str key, struct str check)
{
	check_differs(w);
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
		return value_fallback(s, p->rule, 1, out);
	case PLAN_UNKNOWN:
		return value_fault(s, "unknown",
				   "not a member that the contract knows");
	case PLAN_UNCLEAR:
		return value_fault(s, "contract",
				   "described twice by the contract");
	case PLAN_CHECK:
		if (json_type(v) == JSON_NULL)
			return OMIT;
		return value_is_clear(s, v) ||
			       schema_member_check(
				   rules_children(s->root->node), p->name, v,
				   &run) == 0
			   ? SAME
			   : BAD;
	case PLAN_COPY:
		return json_type(v) == JSON_NULL ? OMIT : SAME;
	default:
		if (value_is_clear(s, v))
			return SAME;
		return value_settle(s, p->rule, v, 1, out);
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
		return !blank && !value_is_clear(s, v);
	case JSON_ARRAY:
	case JSON_OBJECT:
		return json_count(v) > 0;
	default:
		return !value_is_clear(s, v);
	}
}

bool contract_tells_apart(const struct contract *c, struct str value)
{
	return tells_apart(c->rules, value);
}

/* The i-th of the plan; its place in the record, or behind. */
static void settle_member(struct record_rules *s, const struct record *rec,
			  size_t i, struct writer *w)
{
	const struct plan *p = &s->plan[i];
	const struct json_member *m = i < rec->obj.n ? &rec->obj.m[i] : NULL;
	bool removal = rec->result == DIFF_REMOVED;
	size_t mark = s->faults->n;
	struct result one = { STR_NONE, STR_NONE };
	enum settled how;

	s->seen[i] = ABSENT;
	if (p->what == PLAN_RESERVED)
		check_differs(w);
	if (p->what == PLAN_RESERVED ||
	    (p->what == PLAN_FALLBACK && removal && !p->strict))
		return;
	buf_reset(&s->path);
	buf_adds(&s->path, p->name);
	how = settle_one(s, p, m ? m->val : STR_NONE, &one);
	s->seen[i] = how == BAD ? FAILED : EMPTY;
	if (how == BAD && removal && !p->strict && !s->unhashed && !s->repeated)
		s->faults->n = mark;
	if (how == BAD && m && !removal) {
		/* It is there: the schema must not call it missing as well. */
		check_same(w, m);
		return;
	}
	if (how == BAD || how == OMIT) {
		check_differs(w);
		return;
	}
	s->seen[i] = !p->asked || tells_apart(s, one.emit) ? PRESENT : BLANK;
	if (how == SAME && m)
		write_same(w, m);
	else
		write_new(w, m ? m->key : p->name, one.emit);
	if (m && one.check.s == m->val.s)
		check_same(w, m);
	else
		check_new(w, m ? m->key : p->name, one.check);
}

/* No fraction and no exponent: surely a whole number. */
static bool is_digits(struct str number)
{
	for (size_t i = 0; i < number.n; i++)
		if (!(number.s[i] <= '9' && number.s[i] >= '0') &&
		    number.s[i] != '-')
			return false;
	return true;
}

/* Is there nothing to do for a value of this kind? */
static inline bool is_ok(unsigned types, struct str v)
{
	enum json_type t = json_type(v);

	return (types & 1u << t) ||
	       (t == JSON_NUMBER && (types & SCHEMA_INTEGER) && is_digits(v));
}

/* Does only the schema have to see it, and finds it good? */
static bool is_good(struct record_rules *s, const struct plan *p, struct str v)
{
	struct schema_run quiet = { NULL, &s->path };

	if (p->what != PLAN_RULE || !p->rule->simple || *v.s == 'n')
		return false;
	if (schema_fits_at_once(p->rule->node, v))
		return true;
	buf_reset(&s->path);
	return schema_node_check(p->rule->node, v, &quiet, 0) == 0;
}

/* tells_apart for what can be told by two bytes; false: it may or may not. */
static inline bool surely_tells_apart(const struct record_rules *s,
				      struct str v)
{
	struct str clear = s->contract->clear;

	if (clear.s && (clear.n < 2 || clear.s[0] != '"' ||
			clear.s[1] == '\\' || clear.s[1] == v.s[1]))
		return false;
	if (v.s[0] != '"')
		return json_type(v) == JSON_NUMBER;
	return v.s[1] > ' ' && v.s[1] < 0x7f && v.s[1] != '"' && v.s[1] != '\\';
}

/* Does it go on as it is, without more ado? */
static inline bool is_quick(struct record_rules *s, const struct plan *p,
			    struct str v)
{
	if (p->as_is)
		return *v.s != 'n';
	return (is_ok(p->ok_types, v) || is_good(s, p, v)) &&
	       (!p->asked || surely_tells_apart(s, v));
}

static inline bool is_compact(const struct json_member *m)
{
	return m->val.s == m->key.s + m->key.n + 2;
}

/* Do they stand side by side, without a space anywhere? */
static inline bool are_neighbours(const struct json_member *a,
				  const struct json_member *b)
{
	const char *end = a->val.s + a->val.n;

	return *end == ',' && b->key.s == end + 2 && is_compact(a) &&
	       is_compact(b);
}

/* These stay as they are and are neighbours. */
static void write_neighbours(struct writer *w, const struct json_member *m,
			     size_t n)
{
	if (!n)
		return;
	write_same(w, m);
	for (size_t i = w->check && w->copied ? 0 : n - 1; i < n; i++)
		check_same(w, &m[i]);
	if (n == 1)
		return;
	w->to = m[n - 1].val.s + m[n - 1].val.n;
	w->n += (int)(n - 1);
}

/* Those from the i-th on that go on without more ado. The next after them. */
static size_t settle_run(struct record_rules *s, const struct record *rec,
			 size_t i, struct writer *w)
{
	const struct json_member *m = rec->obj.m;
	const struct plan *plan = s->plan;
	size_t first = i, n = rec->obj.n;

	for (; i < n && is_quick(s, &plan[i], m[i].val); i++) {
		if (i > first && !are_neighbours(&m[i - 1], &m[i])) {
			write_neighbours(w, &m[first], i - first);
			first = i;
		}
		s->seen[i] = PRESENT;
	}
	write_neighbours(w, &m[first], i - first);
	return i;
}

static inline uint8_t type_bit(struct str v)
{
	static const uint8_t bits[256] = {
		['n'] = 1u << JSON_NULL,   ['t'] = 1u << JSON_BOOL,
		['f'] = 1u << JSON_BOOL,   ['"'] = 1u << JSON_STRING,
		['['] = 1u << JSON_ARRAY,  ['{'] = 1u << JSON_OBJECT,
		['-'] = 1u << JSON_NUMBER, ['0' ... '9'] = 1u << JSON_NUMBER,
	};

	return bits[(uint8_t)*v.s];
}

/*
 * All of the record but what is retl's own, if nothing has to be done for any
 * of it. Asked without a branch for each member, which costs a third.
 */
static bool settle_at_once(struct record_rules *s, const struct record *rec,
			   struct writer *w)
{
	const struct json_member *m = rec->obj.m;
	size_t n = s->n_piece, size = s->piece_names + n - 1;
	const char *from, *to;
	unsigned odd = 0;

	if (!n || (w->check && n < rec->obj.n))
		return false;
	for (size_t i = 0; i < n; i++) {
		odd |= s->plan[i].odd & type_bit(m[i].val);
		size += m[i].val.n;
	}
	from = m[0].key.s - 1;
	to = m[n - 1].val.s + m[n - 1].val.n;
	/* With white space in between it is longer. */
	if (odd || (size_t)(to - from) != size)
		return false;
	for (size_t i = 0; i < s->n_look; i++)
		if (!is_quick(s, &s->plan[s->look[i]], m[s->look[i]].val))
			return false;
	memset(s->seen, PRESENT, n);
	memset(s->seen + n, ABSENT, rec->obj.n - n);
	buf_addc(w->out, '{');
	buf_add(w->out, from, size);
	w->any = true;
	w->n = (int)n;
	return true;
}

/* ---- records ---- */

static void begin(struct contract *c, const struct record *rec,
		  enum settle_stage stage, struct faults *faults)
{
	struct record_rules *s = c->rules;

	s->stage = stage;
	s->faults = faults;
	s->record = rec->line;
	while (s->record.n && *s->record.s != '{')
		s->record = (struct str){ s->record.s + 1, s->record.n - 1 };
	while (s->record.n && s->record.s[s->record.n - 1] != '}')
		s->record.n--;
	faults_reset(&s->left_out);
	s->unhashed = 0;
	s->repeated = false;
	make_plan(s, rec);
}

static struct str check_text(struct record_rules *s, struct writer *w)
{
	if (!w->check)
		return STR_NONE;
	if (!w->copied)
		return s->record;
	buf_addz(w->check, w->any_check ? "}" : "{}");
	return buf_str(w->check);
}

/* Of a refused record: what else was wrong with it. */
static void tell_left_out(struct record_rules *s)
{
	const struct faults *f = &s->left_out;

	for (size_t i = 0; i < f->n; i++)
		faults_add(s->faults, fault_field(f, i), f->v[i].code, "%.*s",
			   STR_ARG(fault_reason(f, i)));
}

static void settle_members(struct record_rules *s, const struct record *rec,
			   struct writer *w)
{
	for (size_t i = 0; i < s->n_plan; i++) {
		i = settle_run(s, rec, i, w);
		if (i < s->n_plan)
			settle_member(s, rec, i, w);
	}
	flush_run(w);
	if (!w->any)
		buf_addc(w->out, '{');
}

static void demand(struct record_rules *s, bool removal, struct str check)
{
	if (removal)
		rules_demand_removal(s);
	else
		rules_demand_record(s, check);
}

int contract_settle(struct contract *c, const struct record *rec,
		    enum settle_stage stage, struct buf *out,
		    struct faults *faults)
{
	struct record_rules *s = c->rules;
	bool removal = rec->result == DIFF_REMOVED, at_once;
	struct writer w = { .out = out };
	size_t mark = out->len;

	begin(c, rec, stage, faults);
	if (s->whole_check && !removal)
		w.check = &value_level(s, 0)->check;
	if (rec->obj.n)
		w.begin = w.same = rec->obj.m[0].key.s - 1;
	at_once = settle_at_once(s, rec, &w);
	if (!at_once)
		settle_members(s, rec, &w);
	if (!at_once || !s->demanded[removal]) {
		demand(s, removal, check_text(s, &w));
		/* Of the next that is alike there is nothing else to demand. */
		s->demanded[removal] = at_once && !faults->n && !s->whole_check;
	}
	if (!faults->n)
		return w.n;
	tell_left_out(s);
	buf_truncate(out, mark);
	return s->unhashed ? SETTLE_UNHASHED : SETTLE_REFUSED;
}

/* The member of this name, settled alone; false if it cannot be had. */
static bool put_one(struct record_rules *s, const struct record *rec,
		    struct str name, bool any, struct buf *out)
{
	size_t i = 0;
	struct result one = { STR_NONE, STR_NONE };
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
	struct result one = { STR_NONE, STR_NONE };
	int ret = 0;

	s->stage = SETTLE_HASH;
	s->faults = &faults;
	for (size_t i = 0; !ret && i < s->n_all; i++) {
		if (!s->all[i]->fallback.s)
			continue;
		buf_reset(&s->path);
		if (value_fallback(s, s->all[i], 1, &one) == NEW)
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
	s->left_out = FAULTS_INIT;
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
	n = rules_children(n);
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
	free(s->look);
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
	faults_release(&s->left_out);
	free(s);
}

void contract_mixed(const struct contract *c, struct buf *out)
{
	for (size_t i = 0; i < c->rules->n_all; i++) {
		const struct tally *t = &c->rules->tallies[i];

		if (t->passed && t->hashed)
			buf_addf(out, "%s%.*s", out->len ? ", " : "",
				 STR_ARG(c->rules->all[i]->where));
	}
}

bool contract_is_costly(const struct contract *c)
{
	for (size_t i = 0; i < c->rules->n_all; i++)
		if (c->rules->all[i]->steps &&
		    normal_is_costly(c->rules->all[i]->steps))
			return true;
	return false;
}
