/* SPDX-License-Identifier: MIT */
/*
 * Arrays and objects: their entries, keys and parts, as jq 1.6 has them. What
 * is taken over keeps its bytes.
 */
#include <math.h>

#include "common/mem.h"
#include "common/prog_bag.h"
#include "common/prog_num.h"
#include "common/prog_run.h"

/* ---- entries ---- */

/* The members of an object, or the elements of an array with their places. */
struct entries {
	struct json_iter it;
	bool object;
	uint64_t n;
	struct json_member m;
};

static int entries_begin(struct run *r, struct plan *p, struct str v,
			 struct entries *e)
{
	*e = (struct entries){ .object = json_type(v) == JSON_OBJECT };
	if (!e->object && json_type(v) != JSON_ARRAY)
		return run_fail(r, p, "jq", "%s has no keys", run_type(v));
	if (e->object && text_has_repeats(v))
		return run_repeated(r, p);
	json_iter_init(&e->it, v);
	return 0;
}

static bool entries_next(struct entries *e)
{
	e->n++;
	return e->object ? json_iter_member(&e->it, &e->m)
			 : json_iter_element(&e->it, &e->m.val);
}

static void put_key(struct buf *out, const struct entries *e)
{
	if (!e->object) {
		buf_addu(out, e->n - 1);
		return;
	}
	buf_addc(out, '"');
	buf_adds(out, e->m.key);
	buf_addc(out, '"');
}

static void put_entry(struct buf *out, const struct entries *e)
{
	buf_addz(out, "{\"key\":");
	put_key(out, e);
	buf_addz(out, ",\"value\":");
	buf_adds(out, e->m.val);
	buf_addc(out, '}');
}

static int put_entries(struct run *r, struct plan *p, struct str v,
		       struct buf *out)
{
	struct entries e;
	char sep = '[';

	if (entries_begin(r, p, v, &e) < 0)
		return -1;
	for (; entries_next(&e); sep = ',') {
		buf_addc(out, sep);
		put_entry(out, &e);
		if (run_check_size(r, p, out) < 0)
			return -1;
	}
	json_end_array(out, sep);
	return 0;
}

static bool is_given(struct str v)
{
	return v.s && run_truthy(v);
}

/*
 * {(.key // .Key // .name // .Name): (if has("value") then .value else .Value
 * end)}: that is from_entries of jq 1.6.
 */
static int take_entry(struct run *r, struct plan *p, struct str e,
		      struct bag *bag)
{
	struct str key, val;

	if (json_type(e) != JSON_OBJECT)
		return run_fail(r, p, "jq", "an entry is %s, not an object",
				run_type(e));
	if (text_has_repeats(e))
		return run_repeated(r, p);
	key = json_get(e, "key");
	if (!is_given(key))
		key = json_get(e, "Key");
	if (!is_given(key))
		key = json_get(e, "name");
	if (!is_given(key))
		key = json_get(e, "Name");
	if (!key.s || json_type(key) != JSON_STRING)
		return run_fail(r, p, "jq", "a member name is not a string");
	val = json_get(e, "value");
	if (!val.s)
		val = json_get(e, "Value");
	bag_put(bag, &r->mem, (struct str){ key.s + 1, key.n - 2 },
		val.s ? val : STR("null"));
	return 0;
}

static int put_from_entries(struct run *r, struct plan *p, struct str v,
			    struct buf *out)
{
	struct bag bag = { .n = 0 };
	struct entries e;

	if (entries_begin(r, p, v, &e) < 0)
		return -1;
	while (entries_next(&e))
		if (take_entry(r, p, e.m.val, &bag) < 0)
			return -1;
	bag_write(&bag, out);
	return 0;
}

/* .value OP CONSTANT can be told without making an entry. */
static bool is_about_value(const struct plan *cond)
{
	return cond->op == P_COMPARE && cond->a->op == P_MEMBER &&
	       cond->a->a->op == P_DOT && !cond->a->opt &&
	       str_is(cond->a->text, "value") && cond->b->op == P_CONST;
}

static int is_kept(struct run *r, struct plan *cond, const struct entries *e,
		   struct buf *entry, bool *kept)
{
	struct str v;

	if (is_about_value(cond)) {
		*kept = run_compare(cond->cmp, e->m.val, cond->b->text);
		return 0;
	}
	buf_reset(entry);
	put_entry(entry, e);
	if (run_eval(r, cond, buf_str(entry), &v) < 0)
		return -1;
	*kept = run_truthy(v);
	return 0;
}

static int filter(struct run *r, struct plan *p, struct str v,
		  struct buf *entry, struct buf *out)
{
	struct entries e;
	char sep = '{';
	bool kept;

	if (entries_begin(r, p, v, &e) < 0)
		return -1;
	while (entries_next(&e)) {
		if (is_kept(r, p->a, &e, entry, &kept) < 0)
			return -1;
		if (!kept)
			continue;
		if (!e.object)
			return run_fail(r, p, "jq",
					"a member name is not a string");
		buf_addc(out, sep);
		put_key(out, &e);
		buf_addc(out, ':');
		buf_adds(out, e.m.val);
		sep = ',';
	}
	buf_addz(out, sep == '{' ? "{}" : "}");
	return 0;
}

int list_filter(struct run *r, struct plan *p, struct str v, struct buf *out)
{
	/* The table of buffers may move: nothing points into it. */
	size_t at = run_tmp(r);
	struct buf entry = r->tmp[at];
	int ret;

	r->tmp[at] = BUF_INIT;
	ret = filter(r, p, v, &entry, out);
	r->tmp[at] = entry;
	r->n_tmp = at;
	return ret;
}

int list_update(struct run *r, struct plan *p, struct str v, struct buf *out)
{
	bool object = json_type(v) == JSON_OBJECT;
	const char *brackets = object ? "{}" : "[]";
	struct entries e;
	bool any = false;

	if (!object && json_type(v) != JSON_ARRAY)
		return run_fail(r, p, "jq", "%s has no elements to go through",
				run_type(v));
	if (entries_begin(r, p, v, &e) < 0)
		return -1;
	buf_addc(out, brackets[0]);
	while (entries_next(&e)) {
		if (any)
			buf_addc(out, ',');
		any = true;
		if (object) {
			put_key(out, &e);
			buf_addc(out, ':');
		}
		if (run_put(r, p->a, e.m.val, out) < 0 ||
		    run_check_size(r, p, out) < 0)
			return -1;
	}
	buf_addc(out, brackets[1]);
	return 0;
}

/* ---- keys ---- */

static int compare_texts(const void *a, const void *b)
{
	return json_str_cmp(*(const struct str *)a, *(const struct str *)b);
}

static int put_keys(struct run *r, struct plan *p, struct str v,
		    struct buf *out)
{
	size_t n = 0;
	struct entries e;
	struct str *keys;

	if (entries_begin(r, p, v, &e) < 0)
		return -1;
	keys = arena_get(&r->mem, (json_count(v) + 1) * sizeof *keys);
	for (; e.object && entries_next(&e); n++)
		keys[n] = (struct str){ e.m.key.s - 1, e.m.key.n + 2 };
	if (p->fn == FN_KEYS)
		qsort(keys, n, sizeof *keys, compare_texts);
	buf_addc(out, '[');
	for (size_t i = 0; i < n; i++) {
		if (i)
			buf_addc(out, ',');
		buf_adds(out, keys[i]);
	}
	while (!e.object && entries_next(&e)) {
		if (e.n > 1)
			buf_addc(out, ',');
		buf_addu(out, e.n - 1);
	}
	buf_addc(out, ']');
	return 0;
}

/* The text of a string value, in the arena if it has escapes. */
static struct str text_of(struct run *r, struct str v)
{
	struct str text = json_text(v, &r->scratch);

	return text.s == v.s + 1 ? text : arena_copy(&r->mem, text);
}

static int put_has(struct run *r, struct plan *p, struct str v, struct str key,
		   struct buf *out)
{
	struct str found;
	double d;
	int has = 0;

	if (json_type(v) == JSON_OBJECT && json_type(key) == JSON_STRING) {
		has = json_find(v, text_of(r, key), &found);
		if (has < 0)
			return run_repeated(r, p);
	} else if (json_type(v) == JSON_ARRAY &&
		   json_type(key) == JSON_NUMBER) {
		/* jq cuts off what is behind the point. */
		d = strtod(arena_copy(&r->mem, key).s, NULL);
		has = d > -1 && MAX(d, 0) < (double)json_count(v);
	} else if (json_type(v) != JSON_NULL) {
		return run_fail(r, p, "jq", "has() does not fit such a value");
	}
	buf_adds(out, run_boolean(has));
	return 0;
}

/* ---- looking for something ---- */

/* The elements of an array, side by side. */
static struct str *elements(struct run *r, struct str array, size_t *n)
{
	struct str *v = arena_get(&r->mem, (json_count(array) + 1) * sizeof *v);
	struct json_iter it;

	*n = 0;
	json_iter_init(&it, array);
	while (json_iter_element(&it, &v[*n]))
		++*n;
	return v;
}

/* The first place where b's elements stand in a, or null. */
static void put_place(struct run *r, struct str a, const struct str *b,
		      size_t n, struct buf *out)
{
	size_t most, i, k;
	struct str *v = elements(r, a, &most);

	for (i = 0; n && i + n <= most; i++) {
		for (k = 0; k < n && json_equal(v[i + k], b[k]);)
			k++;
		if (k == n) {
			buf_addu(out, i);
			return;
		}
	}
	buf_addz(out, "null");
}

static int put_index_in_array(struct run *r, struct str v, struct str what,
			      struct buf *out)
{
	const struct str *part = &what;
	size_t n = 1;

	if (json_type(what) == JSON_ARRAY)
		part = elements(r, what, &n);
	put_place(r, v, part, n, out);
	return 0;
}

/* Of an object jq's index(x) is .[x][0]. */
static int put_first_of(struct run *r, struct plan *p, struct str v,
			struct str name, struct buf *out)
{
	struct json_iter it;
	struct str found, e = STR("null");
	int n = json_find(v, name, &found);

	if (n < 0)
		return run_repeated(r, p);
	if (n && json_type(found) == JSON_ARRAY) {
		json_iter_init(&it, found);
		if (!json_iter_element(&it, &e))
			e = STR("null");
	} else if (n && json_type(found) != JSON_NULL) {
		return run_fail(r, p, "jq", "%s has no elements by number",
				run_type(found));
	}
	buf_adds(out, e);
	return 0;
}

/* index(x) of an array, or of a string: there it is a place in bytes. */
static int put_index(struct run *r, struct plan *p, struct str v,
		     struct str what, struct buf *out)
{
	struct str text, part;
	const char *at;

	if (json_type(v) == JSON_ARRAY)
		return put_index_in_array(r, v, what, out);
	if (json_type(v) == JSON_NULL && json_type(what) != JSON_NULL &&
	    json_type(what) != JSON_BOOL && json_type(what) != JSON_ARRAY) {
		buf_addz(out, "null");
		return 0;
	}
	if (json_type(v) == JSON_OBJECT && json_type(what) == JSON_STRING)
		return put_first_of(r, p, v, text_of(r, what), out);
	if (json_type(v) != JSON_STRING || json_type(what) != JSON_STRING)
		return run_fail(r, p, "jq", "index() of %s in %s",
				run_type(what), run_type(v));
	text = text_of(r, v);
	part = text_of(r, what);
	/* Here jq 1.6 would never end. */
	if (!part.n)
		return run_fail(r, p, "jq", "index() of an empty text");
	at = memmem(text.s, text.n, part.s, part.n);
	if (at)
		buf_addu(out, (uint64_t)(at - text.s));
	else
		buf_addz(out, "null");
	return 0;
}

/* jq compares strings of C: a zero byte ends them. */
static struct str before_zero(struct str text)
{
	const char *zero = text.n ? memchr(text.s, '\0', text.n) : NULL;

	return zero ? (struct str){ text.s, (size_t)(zero - text.s) } : text;
}

static int put_contains(struct run *r, struct plan *p, struct str v,
			struct str what, struct buf *out)
{
	struct str text, part;

	if (json_type(v) != JSON_STRING)
		return run_fail(r, p, "jq",
				"%s and a string cannot contain each other",
				run_type(v));
	text = before_zero(text_of(r, v));
	part = before_zero(text_of(r, what));
	buf_adds(out, run_boolean(!part.n ||
				  memmem(text.s, text.n, part.s, part.n)));
	return 0;
}

/* ---- parts ---- */

/* What jq takes for a list of length 0. */
static bool is_nothing(struct str v)
{
	struct json_num n;

	switch (json_type(v)) {
	case JSON_NULL:
		return true;
	case JSON_BOOL:
		return false;
	case JSON_NUMBER:
		json_num_parse(&n, v);
		return !n.a.n && !n.b.n;
	case JSON_STRING:
		return v.n == 2;
	default:
		return json_count(v) == 0;
	}
}

static int put_reversed(struct run *r, struct plan *p, struct str v,
			struct buf *out)
{
	struct str *e;
	size_t n;

	if (is_nothing(v)) {
		buf_addz(out, "[]");
		return 0;
	}
	if (json_type(v) != JSON_ARRAY)
		return run_fail(r, p, "jq", "%s cannot be reversed",
				run_type(v));
	e = elements(r, v, &n);
	buf_addc(out, '[');
	while (n--) {
		buf_adds(out, e[n]);
		if (n)
			buf_addc(out, ',');
	}
	buf_addc(out, ']');
	return 0;
}

/* A slice, as the program or the data says it. */
struct cut {
	double from, to; /* below 0: from the end; to may be INFINITY */
};

/* Its bounds among n elements or characters. A part of one is one. */
static void bounds(struct cut c, size_t n, size_t *from, size_t *to)
{
	double len = (double)n;

	c.from = MIN(MAX(c.from < 0 ? c.from + len : c.from, 0), len);
	c.to = MIN(c.to < 0 ? c.to + len : c.to, len);
	*from = (size_t)c.from;
	*to = (size_t)ceil(MAX(c.from, c.to));
}

static void put_text_slice(struct run *r, struct cut c, struct str v,
			   struct buf *out)
{
	struct str text = json_text(v, &r->scratch);
	size_t n = 0, from, to, begin = text.n, end = text.n;

	for (size_t i = 0; i < text.n; i++)
		n += ((unsigned char)text.s[i] & 0xc0) != 0x80;
	bounds(c, n, &from, &to);
	n = 0;
	for (size_t i = 0; i < text.n; i++) {
		if (((unsigned char)text.s[i] & 0xc0) == 0x80)
			continue;
		if (n == from)
			begin = i;
		if (n++ == to)
			end = i;
	}
	json_put_str(out, (struct str){ text.s + begin, end - begin });
}

static int put_slice(struct run *r, struct plan *p, struct str v, struct cut c,
		     struct buf *out)
{
	struct json_iter it;
	struct str e;
	size_t from, to;
	char sep = '[';

	switch (json_type(v)) {
	case JSON_NULL:
		buf_adds(out, v);
		return 0;
	case JSON_STRING:
		put_text_slice(r, c, v, out);
		return 0;
	case JSON_ARRAY:
		bounds(c, json_count(v), &from, &to);
		json_iter_init(&it, v);
		for (size_t i = 0; i < to && json_iter_element(&it, &e); i++) {
			if (i < from)
				continue;
			json_put_element(out, &sep, e);
		}
		json_end_array(out, sep);
		return 0;
	default:
		return run_fail(r, p, "jq", "%s cannot be sliced", run_type(v));
	}
}

int list_slice(struct run *r, struct plan *p, struct str v, struct buf *out)
{
	const struct cut c = { (double)p->index, (double)p->end };

	return put_slice(r, p, v, c, out);
}

/* ---- looking up by a list or an object ---- */

/* One end of a slice that is data; null is the default. */
static int cut_end(struct run *r, struct plan *p, struct str key,
		   const char *name, double *end)
{
	struct str v;
	int n = json_find(key, str_of(name), &v);

	if (n < 0)
		return run_repeated(r, p);
	if (n && json_type(v) == JSON_NULL)
		return 0;
	if (!n || json_type(v) != JSON_NUMBER)
		return run_fail(r, p, "jq",
				"an end of a slice is not a number");
	/* Beyond what a double holds is beyond every end. */
	if (num_to_double(v, end) < 0)
		*end = v.s[0] == '-' ? -INFINITY : INFINITY;
	return 0;
}

static int put_cut(struct run *r, struct plan *p, struct str v, struct str key,
		   struct buf *out)
{
	struct cut c = { 0, INFINITY };

	if (json_type(v) == JSON_NULL) {
		buf_adds(out, v);
		return 0;
	}
	if (cut_end(r, p, key, "start", &c.from) < 0 ||
	    cut_end(r, p, key, "end", &c.to) < 0)
		return -1;
	return put_slice(r, p, v, c, out);
}

/* Every place at which the elements of `part` stand in a row. */
static void put_places(struct run *r, struct str v, struct str part,
		       struct buf *out)
{
	size_t n, k, most;
	struct str *all = elements(r, v, &most), *want = elements(r, part, &n);
	char sep = '[';

	for (size_t i = 0; n && i + n <= most; i++) {
		for (k = 0; k < n && json_equal(all[i + k], want[k]);)
			k++;
		if (k < n)
			continue;
		buf_addc(out, sep);
		buf_addu(out, i);
		sep = ',';
	}
	json_end_array(out, sep);
}

int list_lookup(struct run *r, struct plan *p, struct str v, struct str key,
		struct str *found)
{
	size_t at = run_tmp(r);
	struct buf *out = &r->tmp[at];
	enum json_type of = json_type(v);

	if (json_type(key) == JSON_ARRAY && of == JSON_ARRAY)
		put_places(r, v, key, out);
	else if (json_type(key) != JSON_OBJECT || of == JSON_OBJECT ||
		 of == JSON_NUMBER || of == JSON_BOOL)
		return run_fail(r, p, "jq", "%s cannot be looked up in %s",
				run_type(key), run_type(v));
	else if (put_cut(r, p, v, key, out) < 0)
		return -1;
	*found = arena_copy(&r->mem, buf_str(&r->tmp[at]));
	r->n_tmp = at;
	return 0;
}

/* ---- any, all ---- */

struct quest {
	struct plan *p;
	bool found, over;
};

/*
 * After the one that settles it jq asks for one more value, and does not look
 * at that.
 */
static int look(struct run *r, void *ctx, struct str v)
{
	struct quest *q = ctx;

	if (q->found) {
		q->over = true;
		return -1;
	}
	if (run_eval(r, q->p->b, v, &v) < 0)
		return -1;
	q->found = run_truthy(v) == (q->p->op == P_ANY);
	return 0;
}

int list_any(struct run *r, struct plan *p, struct str in, struct str *v)
{
	struct quest q = { .p = p };
	size_t n_tmp = r->n_tmp;

	if (run_each(r, p->a, in, look, &q) < 0 && !q.over)
		return -1;
	r->n_tmp = n_tmp;
	*v = run_boolean(q.found == (p->op == P_ANY));
	return 0;
}

/* ---- functions ---- */

int list_call(struct run *r, struct plan *p, struct str v, struct str arg,
	      struct buf *out)
{
	switch (p->fn) {
	case FN_ADD:
		return sum_all(r, p, v, out);
	case FN_TO_ENTRIES:
		return put_entries(r, p, v, out);
	case FN_FROM_ENTRIES:
		return put_from_entries(r, p, v, out);
	case FN_KEYS:
	case FN_KEYS_UNSORTED:
		return put_keys(r, p, v, out);
	case FN_REVERSE:
		return put_reversed(r, p, v, out);
	case FN_HAS:
		return put_has(r, p, v, arg, out);
	case FN_INDEX:
		return put_index(r, p, v, arg, out);
	default:
		return put_contains(r, p, v, arg, out);
	}
}
