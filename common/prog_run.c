/* SPDX-License-Identifier: MIT */
/*
 * Values are spans: of the input, of a constant, of a variable, or of text
 * that was built in the arena. What is only passed on keeps its bytes.
 */
#include "common/prog_run.h"

#include <math.h>

#include "common/mem.h"
#include "common/msg.h"
#include "common/prog_num.h"

/* What one piece may give for one record; more is an endless program. */
#define PIECE_MAX_BYTES ((size_t)64 << 20)

int run_fail(struct run *r, const struct plan *p, const char *code,
	     const char *fmt, ...)
{
	va_list ap;

	r->code = code;
	r->line = p->line;
	buf_reset(&r->why);
	va_start(ap, fmt);
	buf_vaddf(&r->why, fmt, ap);
	va_end(ap);
	return -1;
}

int run_repeated(struct run *r, const struct plan *p)
{
	return run_fail(r, p, "repeated",
			"a member name stands twice in one object");
}

const char *run_type(struct str v)
{
	static const char *const names[] = {
		[JSON_NULL] = "null",       [JSON_BOOL] = "a boolean",
		[JSON_NUMBER] = "a number", [JSON_STRING] = "a string",
		[JSON_ARRAY] = "an array",  [JSON_OBJECT] = "an object",
	};

	return names[json_type(v)];
}

/* ---- bounds ---- */

int run_check_size(struct run *r, const struct plan *p, const struct buf *out)
{
	if (LIKELY(out->len <= run_most(r, out)))
		return 0;
	return run_fail(r, p, "size",
			"more text than a record may have (--max-record)");
}

static uint64_t elapsed_ms(clockid_t clock, const struct timespec *since)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)((now.tv_sec - since->tv_sec) * 1000 +
			  (now.tv_nsec - since->tv_nsec) / 1000000);
}

/* The wall's clock is cheap, and never behind that of the processor. */
static int check_bounds(struct run *r, const struct plan *p)
{
	if (r->mem.used > GUARD_BYTES)
		return run_fail(r, p, "limit", "%s",
				guard_reason(GUARD_MEMORY));
	if (!r->limit_ms)
		return 0;
	if (!r->since[0].tv_sec) {
		clock_gettime(CLOCK_MONOTONIC, &r->since[0]);
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &r->since[1]);
		return 0;
	}
	if (elapsed_ms(CLOCK_MONOTONIC, &r->since[0]) > r->limit_ms &&
	    elapsed_ms(CLOCK_THREAD_CPUTIME_ID, &r->since[1]) > r->limit_ms)
		return run_fail(r, p, "limit", "%s", guard_reason(GUARD_TIME));
	return 0;
}

/* ---- buffers ---- */

size_t run_tmp(struct run *r)
{
	if (r->n_tmp == r->cap_tmp) {
		GROW(r->tmp, r->n_tmp, r->cap_tmp);
		for (size_t i = r->n_tmp; i < r->cap_tmp; i++)
			r->tmp[i] = BUF_INIT;
	}
	buf_reset(&r->tmp[r->n_tmp]);
	return r->n_tmp++;
}

/* ---- the input ---- */

/* A record without what is reserved, as text. */
struct str run_record_text(struct run *r)
{
	const struct record *rec = r->record;
	size_t at;

	if (r->input.s)
		return r->input;
	if (!rec->diff_result.s && !rec->diff_id.s && !rec->diff_changed.s &&
	    rec->line.s[0] == '{' && rec->line.s[rec->line.n - 1] == '}') {
		r->input = rec->line;
		return r->input;
	}
	at = run_tmp(r);
	record_put_open(&r->tmp[at], rec);
	buf_addc(&r->tmp[at], '}');
	r->input = arena_copy(&r->mem, buf_str(&r->tmp[at]));
	r->n_tmp = at;
	return r->input;
}

static int member_of(struct run *r, struct plan *p, struct str v,
		     struct str name, struct str *out)
{
	int found;

	if (json_type(v) == JSON_NULL) {
		*out = STR("null");
		return 0;
	}
	if (json_type(v) != JSON_OBJECT)
		return run_fail(r, p, "jq", "%s has no member '%.*s'",
				run_type(v), STR_ARG(name));
	found = json_find(v, name, out);
	if (found < 0)
		return run_repeated(r, p);
	if (!found)
		*out = STR("null");
	return 0;
}

/* Where a record has the member, or -1: what is reserved is not there. */
static ssize_t record_place(const struct json_obj *o, struct plan *p)
{
	/* What is found out once holds for all objects of this shape. */
	bool known = LIKELY(o->shape && o->shape == p->slot.shape);
	ssize_t at = json_obj_slot(o, &p->slot);

	if (!known && at >= 0 && record_reserved(&o->m[at]))
		p->slot.at = at = -1;
	return at;
}

static int top_member(struct run *r, struct plan *p, struct str *out)
{
	ssize_t at;

	if (!r->record)
		return member_of(r, p, r->input, p->text, out);
	at = record_place(&r->record->obj, p);
	*out = at < 0 ? STR("null") : r->record->obj.m[at].val;
	return 0;
}

/* ---- looking up ---- */

static int element_of(struct run *r, struct plan *p, struct str v,
		      int64_t index, struct str *out)
{
	struct json_iter it;

	*out = STR("null");
	if (json_type(v) == JSON_NULL)
		return 0;
	if (json_type(v) != JSON_ARRAY)
		return run_fail(r, p, "jq", "%s has no elements by number",
				run_type(v));
	if (index < 0)
		index += (int64_t)json_count(v);
	if (index < 0)
		return 0;
	json_iter_init(&it, v);
	while (json_iter_element(&it, out))
		if (!index--)
			return 0;
	*out = STR("null");
	return 0;
}

static int lookup(struct run *r, struct plan *p, struct str v, struct str key,
		  struct str *out)
{
	double d;

	switch (json_type(key)) {
	case JSON_STRING:
		buf_reset(&r->scratch);
		json_unescape(&r->scratch,
			      (struct str){ key.s + 1, key.n - 2 });
		if (json_type(v) != JSON_OBJECT && json_type(v) != JSON_NULL)
			return run_fail(r, p, "jq", "%s has no members",
					run_type(v));
		return member_of(r, p, v, buf_str(&r->scratch), out);
	case JSON_NUMBER:
		/* Where no element can be there is none. */
		if (num_to_double(key, &d) < 0 || !(fabs(d) < INT32_MAX) ||
		    d != (double)(int32_t)d)
			d = INT32_MAX;
		return element_of(r, p, v, (int64_t)d, out);
	default:
		return list_lookup(r, p, v, key, out);
	}
}

/* One step into v. With p->opt what fails is nobody's concern: 1. */
static int step(struct run *r, struct plan *p, struct str in, struct str v,
		struct str *out)
{
	struct str key;
	int ret;

	if (p->op == P_MEMBER) {
		ret = member_of(r, p, v, p->text, out);
	} else if (p->op == P_ELEMENT) {
		ret = element_of(r, p, v, p->index, out);
	} else {
		if (run_eval(r, p->b, in, &key) < 0)
			return -1;
		ret = lookup(r, p, v, key, out);
	}
	return ret < 0 && p->opt && strcmp(r->code, "jq") == 0 ? 1 : ret;
}

/* ---- strings ---- */

static int put_string(struct run *r, struct plan *p, struct str in,
		      struct buf *out)
{
	struct str v;

	buf_addc(out, '"');
	for (size_t i = 0; i < p->n; i++)
		if (run_eval(r, p->v[i], in, &v) < 0 ||
		    text_put_inside(r, p, out, v) < 0 ||
		    run_check_size(r, p, out) < 0)
			return -1;
	buf_addc(out, '"');
	return 0;
}

/* ---- comparing ---- */

/* null < false < true < numbers < strings < arrays < objects */
static int rank(struct str v)
{
	if (json_type(v) == JSON_BOOL)
		return v.s[0] == 't' ? 2 : 1;
	return json_type(v) == JSON_NULL ? 0 : (int)json_type(v) + 1;
}

bool run_compare(enum plan_cmp cmp, struct str a, struct str b)
{
	int c;

	if (cmp == CMP_EQ || cmp == CMP_NE)
		return json_equal(a, b) == (cmp == CMP_EQ);
	c = rank(a) - rank(b);
	if (!c && json_type(a) == JSON_NUMBER)
		c = json_num_cmp(a, b);
	else if (!c && json_type(a) == JSON_STRING)
		c = json_str_cmp(a, b);
	switch (cmp) {
	case CMP_LT:
		return c < 0;
	case CMP_LE:
		return c <= 0;
	case CMP_GT:
		return c > 0;
	default:
		return c >= 0;
	}
}

static int eval_compare(struct run *r, struct plan *p, struct str in,
			struct str *v)
{
	struct str a, b;

	if (run_eval(r, p->a, in, &a) < 0 || run_eval(r, p->b, in, &b) < 0)
		return -1;
	*v = run_boolean(run_compare(p->cmp, a, b));
	return 0;
}

static int eval_logic(struct run *r, struct plan *p, struct str in,
		      struct str *v)
{
	if (run_eval(r, p->a, in, v) < 0)
		return -1;
	if (run_truthy(*v) == (p->op == P_AND) && run_eval(r, p->b, in, v) < 0)
		return -1;
	*v = run_boolean(run_truthy(*v));
	return 0;
}

/* ---- adding ---- */

/* The right side first, as jq does. */
static int put_add(struct run *r, struct plan *p, struct str in,
		   struct buf *out)
{
	struct str a, b;

	if (run_eval(r, p->b, in, &b) < 0 || run_eval(r, p->a, in, &a) < 0)
		return -1;
	return sum_put(r, p, a, b, out);
}

/* ---- arrays and objects ---- */

struct array {
	struct plan *p;
	size_t tmp; /* place of the buffer: they move */
	char sep;
};

static int add_element(struct run *r, void *ctx, struct str v)
{
	struct array *a = ctx;

	json_put_element(&r->tmp[a->tmp], &a->sep, v);
	return run_check_size(r, a->p, &r->tmp[a->tmp]);
}

static int put_array(struct run *r, struct plan *p, struct str in,
		     struct buf *out)
{
	struct array a = { .p = p, .sep = '[' };
	int ret;

	if (!p->a) {
		buf_addz(out, "[]");
		return 0;
	}
	a.tmp = run_tmp(r);
	ret = run_each(r, p->a, in, add_element, &a);
	buf_adds(out, buf_str(&r->tmp[a.tmp]));
	json_end_array(out, a.sep);
	r->n_tmp = a.tmp;
	return ret;
}

/* A member of the result failed: that is noted, and the rest goes on. */
static void note_fault(struct run *r, struct str name)
{
	faults_add(r->tolerant, name, r->code, "%s:%u: %s", r->where, r->line,
		   r->why.data);
}

/*
 * Most texts are short: they are copied as a whole block, where nothing behind
 * them is read that is not ours (before end), and to has room for it.
 */
static char *copy_text(char *to, struct str text, const char *end)
{
	if (LIKELY(text.n <= PLAN_SHORT &&
		   (size_t)(end - text.s) >= PLAN_SHORT))
		memcpy(to, text.s, PLAN_SHORT);
	else
		memcpy(to, text.s, text.n);
	return to + text.n;
}

/*
 * Members from entry i on that are copied from a record or constant, which is
 * all that most mappings are made of. Returns the first other entry.
 */
static size_t put_copied(struct run *r, struct plan *p, size_t i, bool *any,
			 size_t *places, struct buf *out)
{
	static const char null[PLAN_SHORT] = "null";
	const struct json_obj *o = &r->record->obj;
	size_t most = run_most(r, out);

	for (; i < p->n; i++) {
		struct plan_entry *e = &p->entries[i];
		struct str val = { null, 4 };
		const char *end = null + PLAN_SHORT;
		size_t need;
		ssize_t at;
		char *to;

		if (LIKELY(e->val->op == P_TOP_MEMBER)) {
			at = record_place(o, e->val);
			if (LIKELY(at >= 0)) {
				val = o->m[at].val;
				end = r->record->line.s + r->record->line.n;
			}
		} else if (e->val->op == P_CONST) {
			val = e->val->text;
			end = val.s + val.n;
		} else {
			break;
		}
		need = 1 + e->prefix.n + val.n + PLAN_SHORT;
		if (UNLIKELY(out->len + need > most || !buf_reserve(out, need)))
			break;
		to = out->data + out->len;
		if (*any)
			*to++ = ',';
		*any = true;
		to = copy_text(to, e->prefix,
			       e->prefix.s + MAX(e->prefix.n, PLAN_SHORT));
		if (places)
			places[2 * i] = (size_t)(to - out->data);
		to = copy_text(to, val, end);
		if (places)
			places[2 * i + 1] = (size_t)(to - out->data);
		*to = '\0';
		out->len = (size_t)(to - out->data);
	}
	return i;
}

/* All names known, each member one value. */
static int put_members(struct run *r, struct plan *p, struct str in,
		       struct buf *out)
{
	bool any = false, whole = true;
	size_t mark, n_tmp = r->n_tmp;
	size_t *at = p == r->listed ? r->at : NULL;

	buf_addc(out, '{');
	for (size_t i = 0; i < p->n; i++) {
		struct plan_entry *e;

		if (r->record)
			i = put_copied(r, p, i, &any, at, out);
		if (i == p->n)
			break;
		e = &p->entries[i];
		mark = out->len;
		if (any)
			buf_addc(out, ',');
		buf_adds(out, e->prefix);
		if (at)
			at[2 * i] = out->len;
		if (run_put(r, e->val, in, out) < 0 ||
		    run_check_size(r, e->val, out) < 0) {
			if (!p->final || !r->tolerant)
				return -1;
			note_fault(r, e->name);
			buf_truncate(out, mark);
			r->n_tmp = n_tmp;
			whole = false;
			continue;
		}
		if (at)
			at[2 * i + 1] = out->len;
		any = true;
	}
	buf_addc(out, '}');
	r->is_listed = at && whole;
	return 0;
}

/* Names that are computed, stand twice, or values of any number. */
struct product {
	struct plan *p;
	struct str in;
	struct str *names, *vals; /* a value that failed has no .s */
	size_t i;
	bool any; /* an object was made */
	plan_sink *sink;
	void *ctx;
};

static int product_done(struct run *r, struct product *o)
{
	size_t at = run_tmp(r), last;
	struct buf *b = &r->tmp[at];
	struct str v;
	char sep = '{';

	/* The last of a name counts, in the place of the first. */
	for (size_t i = 0; i < o->p->n; i++) {
		last = i;
		for (size_t k = 0; k < o->p->n; k++) {
			if (json_str_cmp(o->names[k], o->names[i]) != 0)
				continue;
			if (k < i)
				last = SIZE_MAX;
			else if (last != SIZE_MAX)
				last = k;
		}
		if (last == SIZE_MAX || !o->vals[last].s)
			continue;
		buf_addc(b, sep);
		buf_adds(b, o->names[i]);
		buf_addc(b, ':');
		buf_adds(b, o->vals[last]);
		sep = ',';
	}
	buf_addz(b, sep == '{' ? "{}" : "}");
	v = arena_copy(&r->mem, buf_str(b));
	r->n_tmp = at;
	if (run_check_size(r, o->p, &r->tmp[at]) < 0)
		return -1;
	return o->sink(r, o->ctx, v);
}

static int product_next(struct run *r, struct product *o);

static int product_value(struct run *r, void *ctx, struct str v)
{
	struct product *o = ctx;
	size_t i = o->i;
	int ret;

	o->vals[i] = v;
	o->i = i + 1;
	ret = product_next(r, o);
	o->i = i;
	return ret;
}

/* As in put_members: what could be made of the rest is wanted all the same. */
static int product_failed(struct run *r, struct product *o)
{
	size_t i = o->i;
	int ret = 0;

	note_fault(r, o->p->entries[i].name);
	if (!o->any) {
		o->vals[i] = STR_NONE;
		o->i = i + 1;
		ret = product_next(r, o);
		o->i = i;
	}
	return ret;
}

static int product_next(struct run *r, struct product *o)
{
	size_t n_tmp = r->n_tmp;
	struct plan_entry *e;
	int ret;

	if (o->i == o->p->n) {
		o->any = true;
		return product_done(r, o);
	}
	e = &o->p->entries[o->i];
	if (e->name.s) {
		/* Its prefix without the colon. */
		o->names[o->i] = (struct str){ e->prefix.s, e->prefix.n - 1 };
	} else {
		if (run_eval(r, e->key, o->in, &o->names[o->i]) < 0)
			return -1;
		if (json_type(o->names[o->i]) != JSON_STRING)
			return run_fail(r, o->p, "jq",
					"a member name is %s, not a string",
					run_type(o->names[o->i]));
	}
	ret = run_each(r, e->val, o->in, product_value, o);
	if (ret < 0 && r->tolerant && o->p->final) {
		r->n_tmp = n_tmp;
		ret = product_failed(r, o);
	}
	return ret;
}

static int each_object(struct run *r, struct plan *p, struct str in,
		       plan_sink *sink, void *ctx)
{
	struct product o = { .p = p, .in = in, .sink = sink, .ctx = ctx };

	o.names = arena_get(&r->mem, (p->n + 1) * sizeof *o.names);
	o.vals = arena_get(&r->mem, (p->n + 1) * sizeof *o.vals);
	return product_next(r, &o);
}

static int append(struct run *r UNUSED, void *ctx, struct str v)
{
	buf_adds(ctx, v);
	return 0;
}

/* ---- libjq ---- */

struct outputs {
	struct run *r;
	struct str *v;
	size_t n, cap, bytes;
};

static int keep_output(void *ctx, struct str v)
{
	struct outputs *o = ctx;

	o->bytes += v.n + sizeof v;
	if (o->bytes > PIECE_MAX_BYTES)
		return -1;
	if (o->n == o->cap) {
		struct str *more =
		    arena_get(&o->r->mem, (2 * o->cap + 4) * sizeof *more);

		if (o->n)
			memcpy(more, o->v, o->n * sizeof *more);
		o->v = more;
		o->cap = 2 * o->cap + 4;
	}
	o->v[o->n++] = arena_copy(&o->r->mem, v);
	return 0;
}

/*
 * All outputs at once: libjq has one state, and what is done with an output
 * may need it.
 */
static int run_piece(struct run *r, struct plan *p, struct str in,
		     struct outputs *o)
{
	struct jqside_in side = { .value = in,
				  .names = p->reads.v,
				  .n_names = p->reads.n,
				  .vars = r->vars,
				  .limit_ms = r->guard ? 0 : r->limit_ms };
	struct guard *g = r->guard ? *r->guard : NULL;
	uint32_t step = (uint32_t)p->piece + 1;
	enum guard_cause cause;
	const char *code = "jq";
	int ret;

	*o = (struct outputs){ .r = r };
	cause = g ? guard_find(g, step) : GUARD_NONE;
	if (UNLIKELY(cause != GUARD_NONE))
		return run_fail(r, p, "limit", "%s", guard_reason(cause));
	if (p->top) {
		side.value = r->input;
		if (r->record)
			side.obj = &r->record->obj;
	}
	if (g)
		g->step = step;
	ret =
	    jqside_run(r->jq, p->piece, &side, keep_output, o, &code, &r->why);
	if (g)
		g->step = 0;
	if (ret >= 0)
		return 0;
	r->code = code;
	r->line = p->line;
	return -1;
}

static int each_piece(struct run *r, struct plan *p, struct str in,
		      plan_sink *sink, void *ctx)
{
	struct outputs o;
	int ret = run_piece(r, p, in, &o), code = 0;

	if (ret < 0 && o.n) {
		/* What came before the failure may fail sooner. */
		struct str why = arena_copy(&r->mem, buf_str(&r->why));
		const char *word = r->code;

		for (size_t i = 0; i < o.n && code == 0; i++)
			code = sink(r, ctx, o.v[i]);
		return code < 0 ? -1
				: run_fail(r, p, word, "%.*s", STR_ARG(why));
	}
	for (size_t i = 0; ret == 0 && i < o.n; i++)
		ret = sink(r, ctx, o.v[i]);
	return ret;
}

static int eval_piece(struct run *r, struct plan *p, struct str in,
		      struct str *v)
{
	struct outputs o;

	if (run_piece(r, p, in, &o) < 0)
		return -1;
	if (o.n != 1)
		return run_fail(r, p, "jq", "%zu values where one is expected",
				o.n);
	*v = o.v[0];
	return 0;
}

/* ---- one value ---- */

static int put_call(struct run *r, struct plan *p, struct str in,
		    struct buf *out)
{
	struct str v = p->a ? run_record_text(r) : in, arg = p->text;

	if (p->b && run_eval(r, p->b, in, &arg) < 0)
		return -1;
	if (p->fn >= FN_ADD)
		return list_call(r, p, v, arg, out);
	if (p->b && json_type(arg) == JSON_STRING)
		arg = arena_copy(&r->mem, json_text(arg, &r->scratch));
	else if (p->b) /* join(null) joins as join("") does */
		arg = p->fn == FN_JOIN && json_type(arg) == JSON_NULL
			  ? STR("")
			  : STR_NONE;
	return text_call(r, p, v, arg, out);
}

static int put_difference(struct run *r, struct plan *p, struct str in,
			  struct buf *out)
{
	struct str a, b;

	if (run_eval(r, p->b, in, &b) < 0 || run_eval(r, p->a, in, &a) < 0)
		return -1;
	return sum_subtract(r, p, a, b, out);
}

int run_put(struct run *r, struct plan *p, struct str in, struct buf *out)
{
	struct str v;

	switch (p->op) {
	case P_STRING:
		return put_string(r, p, in, out);
	case P_ARRAY:
		return put_array(r, p, in, out);
	case P_OBJECT:
		return p->dynamic ? each_object(r, p, in, append, out)
				  : put_members(r, p, in, out);
	case P_ADD:
		return put_add(r, p, in, out);
	case P_DELETE:
		return sum_delete(r, p, in, out);
	case P_SUBTRACT:
		return put_difference(r, p, in, out);
	case P_FILTER:
		return list_filter(r, p, p->top ? run_record_text(r) : in, out);
	case P_UPDATE:
		return list_update(r, p, p->top ? run_record_text(r) : in, out);
	case P_SLICE:
		return list_slice(r, p, p->top ? run_record_text(r) : in, out);
	case P_CALL:
		return put_call(r, p, in, out);
	case P_PIPE:
		return run_eval(r, p->a, in, &v) < 0 ? -1
						     : run_put(r, p->b, v, out);
	case P_BIND:
		if (run_eval(r, p->a, in, &r->vars[p->var]) < 0)
			return -1;
		return run_put(r, p->b, in, out);
	case P_IF:
		if (run_eval(r, p->a, in, &v) < 0)
			return -1;
		return run_put(r, run_truthy(v) ? p->b : p->c, in, out);
	default:
		if (run_eval(r, p, in, &v) < 0)
			return -1;
		buf_adds(out, v);
		return 0;
	}
}

/* What has to be built is built aside and kept in the arena. */
static int eval_built(struct run *r, struct plan *p, struct str in,
		      struct str *v)
{
	/* The table of buffers may move: nothing points into it. */
	struct buf b;
	size_t at = run_tmp(r);
	int ret;

	b = r->tmp[at];
	r->tmp[at] = BUF_INIT;
	ret = run_put(r, p, in, &b);
	if (ret == 0)
		ret = run_check_size(r, p, &b);
	if (ret == 0)
		*v = arena_copy(&r->mem, buf_str(&b));
	r->tmp[at] = b;
	r->n_tmp = at;
	return ret;
}

static int eval_step(struct run *r, struct plan *p, struct str in,
		     struct str *v)
{
	struct str base;

	if (run_eval(r, p->a, in, &base) < 0)
		return -1;
	return step(r, p, in, base, v);
}

/* p->one: its value, which lives until the next run. */
int run_eval(struct run *r, struct plan *p, struct str in, struct str *v)
{
	switch (p->op) {
	case P_TOP:
		*v = run_record_text(r);
		return 0;
	case P_TOP_MEMBER:
		return top_member(r, p, v);
	case P_DOT:
		*v = in;
		return 0;
	case P_CONST:
		*v = p->text;
		return 0;
	case P_VAR:
		*v = r->vars[p->var].s ? r->vars[p->var] : STR("null");
		return 0;
	case P_MEMBER:
	case P_ELEMENT:
	case P_LOOKUP:
		return eval_step(r, p, in, v);
	case P_ALT:
		if (run_eval(r, p->a, in, v) < 0)
			return -1;
		return run_truthy(*v) ? 0 : run_eval(r, p->b, in, v);
	case P_COMPARE:
		return eval_compare(r, p, in, v);
	case P_AND:
	case P_OR:
		return eval_logic(r, p, in, v);
	case P_ANY:
	case P_ALL:
		return list_any(r, p, in, v);
	case P_ERROR:
		return run_fail(r, p, "jq", "%.*s", STR_ARG(p->text));
	case P_JQ:
		return eval_piece(r, p, in, v);
	case P_PIPE:
		if (run_eval(r, p->a, in, &in) < 0)
			return -1;
		return run_eval(r, p->b, in, v);
	case P_BIND:
		if (run_eval(r, p->a, in, &r->vars[p->var]) < 0)
			return -1;
		return run_eval(r, p->b, in, v);
	case P_IF:
		if (run_eval(r, p->a, in, v) < 0)
			return -1;
		return run_eval(r, run_truthy(*v) ? p->b : p->c, in, v);
	default:
		return eval_built(r, p, in, v);
	}
}

/* ---- any number of values ---- */

/* A value on its way through an operation to the sink behind it. */
struct passing {
	struct plan *p;
	struct str in, other;
	plan_sink *sink;
	void *ctx;
	bool found;
};

static int pass_step(struct run *r, void *ctx, struct str v)
{
	struct passing *s = ctx;
	struct str out;
	int ret = step(r, s->p, s->in, v, &out);

	return ret ? MIN(ret, 0) : s->sink(r, s->ctx, out);
}

static int pass_each(struct run *r, void *ctx, struct str v)
{
	struct passing *s = ctx;
	struct json_iter it;
	struct json_member m;
	struct str e;
	int ret = 0;

	if (json_type(v) == JSON_ARRAY) {
		json_iter_init(&it, v);
		while (ret == 0 && json_iter_element(&it, &e))
			ret = s->sink(r, s->ctx, e);
		return ret;
	}
	if (json_type(v) != JSON_OBJECT)
		return s->p->opt ? 0
				 : run_fail(r, s->p, "jq",
					    "%s has no elements to go through",
					    run_type(v));
	if (text_has_repeats(v))
		return run_repeated(r, s->p);
	json_iter_init(&it, v);
	while (ret == 0 && json_iter_member(&it, &m))
		ret = s->sink(r, s->ctx, m.val);
	return ret;
}

static int pass_pipe(struct run *r, void *ctx, struct str v)
{
	struct passing *s = ctx;

	return run_each(r, s->p->b, v, s->sink, s->ctx);
}

static int pass_truthy(struct run *r, void *ctx, struct str v)
{
	struct passing *s = ctx;

	if (!run_truthy(v))
		return 0;
	s->found = true;
	return s->sink(r, s->ctx, v);
}

static int pass_selected(struct run *r, void *ctx, struct str v)
{
	struct passing *s = ctx;

	return run_truthy(v) ? s->sink(r, s->ctx, s->in) : 0;
}

static int pass_bind(struct run *r, void *ctx, struct str v)
{
	struct passing *s = ctx;

	r->vars[s->p->var] = v;
	return run_each(r, s->p->b, s->in, s->sink, s->ctx);
}

static int pass_sum(struct run *r, void *ctx, struct str a)
{
	struct passing *s = ctx;
	size_t at = run_tmp(r);
	struct str v;
	int ret = sum_put(r, s->p, a, s->other, &r->tmp[at]);

	if (ret == 0)
		ret = run_check_size(r, s->p, &r->tmp[at]);
	v = arena_copy(&r->mem, buf_str(&r->tmp[at]));
	r->n_tmp = at;
	return ret < 0 ? ret : s->sink(r, s->ctx, v);
}

static int pass_addend(struct run *r, void *ctx, struct str b)
{
	struct passing *s = ctx;

	s->other = b;
	return run_each(r, s->p->a, s->in, pass_sum, s);
}

static int each_alternative(struct run *r, struct passing *s)
{
	if (run_each(r, s->p->a, s->in, pass_truthy, s) < 0)
		return -1;
	return s->found ? 0 : run_each(r, s->p->b, s->in, s->sink, s->ctx);
}

static int each_branch(struct run *r, struct passing *s)
{
	struct str v;

	if (run_eval(r, s->p->a, s->in, &v) < 0)
		return -1;
	return run_each(r, run_truthy(v) ? s->p->b : s->p->c, s->in, s->sink,
			s->ctx);
}

int run_each(struct run *r, struct plan *p, struct str in, plan_sink *sink,
	     void *ctx)
{
	struct passing s = { .p = p, .in = in, .sink = sink, .ctx = ctx };
	struct str v;

	if (UNLIKELY((++r->steps & 63) == 0) && check_bounds(r, p) < 0)
		return -1;
	if (p->one)
		return run_eval(r, p, in, &v) < 0 ? -1 : sink(r, ctx, v);
	switch (p->op) {
	case P_MEMBER:
	case P_ELEMENT:
	case P_LOOKUP:
		return run_each(r, p->a, in, pass_step, &s);
	case P_EACH:
		return run_each(r, p->a, in, pass_each, &s);
	case P_OBJECT:
		return each_object(r, p, in, sink, ctx);
	case P_PIPE:
		return run_each(r, p->a, in, pass_pipe, &s);
	case P_COMMA:
		if (run_each(r, p->a, in, sink, ctx) < 0)
			return -1;
		return run_each(r, p->b, in, sink, ctx);
	case P_ALT:
		return each_alternative(r, &s);
	case P_IF:
		return each_branch(r, &s);
	case P_ADD:
		return run_each(r, p->b, in, pass_addend, &s);
	case P_SELECT:
		if (p->top)
			s.in = run_record_text(r);
		return run_each(r, p->a, in, pass_selected, &s);
	case P_BIND:
		return run_each(r, p->a, in, pass_bind, &s);
	case P_EMPTY:
		return 0;
	case P_JQ:
		return each_piece(r, p, in, sink, ctx);
	default:
		BUG("operation %d gives one value", (int)p->op);
	}
}

void run_begin(struct run *r)
{
	arena_reset(&r->mem);
	r->n_tmp = 0;
	r->code = NULL;
	r->line = 0;
	r->tolerant = NULL;
	r->is_listed = false;
	r->steps = 0;
	r->since[0].tv_sec = 0;
}

void run_release(struct run *r)
{
	arena_release(&r->mem);
	for (size_t i = 0; i < r->cap_tmp; i++)
		buf_release(&r->tmp[i]);
	free(r->tmp);
	free(r->vars);
	free(r->at);
	buf_release(&r->scratch);
	buf_release(&r->why);
}
