/* SPDX-License-Identifier: MIT */
/*
 * +, -, add, del: arithmetic as far as doubles are exact, and values that are
 * joined or thinned out. What stays keeps its bytes.
 */
#include <math.h>

#include "common/prog_bag.h"
#include "common/prog_num.h"
#include "common/prog_run.h"

/* Where doubles stand further apart than whole numbers: is digits lost? */
static bool is_rounded(double x, double y)
{
	double sum = x + y, y1 = sum - x;

	return fabs(sum) >= 0x1p53 && (x - (sum - y1)) + (y - y1) != 0;
}

static int lost_digits(struct run *r, struct plan *p)
{
	return run_fail(r, p, "precision",
			"a number has more digits than jq can keep");
}

static int add_numbers(struct run *r, struct plan *p, struct str a,
		       struct str b, bool minus, struct buf *out)
{
	double x, y;

	if (num_to_double(a, &x) < 0 || num_to_double(b, &y) < 0)
		return lost_digits(r, p);
	if (minus)
		y = -y;
	if (is_rounded(x, y))
		return run_fail(r, p, "precision",
				"a sum has more digits than jq can keep");
	num_put_double(out, x + y);
	return 0;
}

static void put_elements(struct buf *out, struct str array, char *sep)
{
	struct json_iter it;
	struct str e;

	json_iter_init(&it, array);
	while (json_iter_element(&it, &e))
		json_put_element(out, sep, e);
}

static void put_member(struct buf *out, const struct json_member *m,
		       struct str val, char *sep)
{
	buf_addc(out, *sep);
	buf_addc(out, '"');
	buf_adds(out, m->key);
	buf_add(out, "\":", 2);
	buf_adds(out, val);
	*sep = ',';
}

static struct str key_text(struct run *r, const struct json_member *m)
{
	if (!m->key_esc)
		return m->key;
	buf_reset(&r->scratch);
	json_unescape(&r->scratch, m->key);
	return buf_str(&r->scratch);
}

/* Did a member of this name fail in the object that is being made? */
static bool has_failed(const struct run *r, struct str name)
{
	for (size_t i = 0; r->tolerant && i < r->tolerant->n; i++)
		if (str_eq(fault_field(r->tolerant, i), name))
			return true;
	return false;
}

/* Members of a, with b's values where b has them, then those of b alone. */
static int merge(struct run *r, struct plan *p, struct str a, struct str b,
		 struct buf *out)
{
	bool unique_a = r->record && p->a->op == P_TOP;
	struct json_iter it;
	struct json_member m;
	struct str val, name;
	char sep = '{';
	int found;

	if ((!unique_a && text_has_repeats(a)) || text_has_repeats(b))
		return run_repeated(r, p);
	json_iter_init(&it, a);
	while (json_iter_member(&it, &m)) {
		name = key_text(r, &m);
		if (has_failed(r, name))
			continue;
		found = json_find(b, name, &val);
		put_member(out, &m, found ? val : m.val, &sep);
	}
	json_iter_init(&it, b);
	while (json_iter_member(&it, &m))
		if (!json_find(a, key_text(r, &m), &val))
			put_member(out, &m, m.val, &sep);
	buf_addz(out, sep == '{' ? "{}" : "}");
	return 0;
}

int sum_put(struct run *r, struct plan *p, struct str a, struct str b,
	    struct buf *out)
{
	char sep = '[';

	if (json_type(a) == JSON_NULL || json_type(b) == JSON_NULL) {
		buf_adds(out, json_type(a) == JSON_NULL ? b : a);
		return 0;
	}
	if (json_type(a) != json_type(b) || json_type(a) == JSON_BOOL)
		return run_fail(r, p, "jq", "%s and %s cannot be added",
				run_type(a), run_type(b));
	switch (json_type(a)) {
	case JSON_NUMBER:
		return add_numbers(r, p, a, b, false, out);
	case JSON_STRING:
		buf_add(out, a.s, a.n - 1);
		buf_add(out, b.s + 1, b.n - 1);
		return 0;
	case JSON_ARRAY:
		put_elements(out, a, &sep);
		put_elements(out, b, &sep);
		json_end_array(out, sep);
		return 0;
	default:
		return merge(r, p, a, b, out);
	}
}

/* ---- subtracting ---- */

static bool has_element(struct str array, struct str v)
{
	struct json_iter it;
	struct str e;

	json_iter_init(&it, array);
	while (json_iter_element(&it, &e))
		if (json_equal(e, v))
			return true;
	return false;
}

int sum_subtract(struct run *r, struct plan *p, struct str a, struct str b,
		 struct buf *out)
{
	struct json_iter it;
	struct str e;
	char sep = '[';

	if (json_type(a) == JSON_NUMBER && json_type(b) == JSON_NUMBER)
		return add_numbers(r, p, a, b, true, out);
	if (json_type(a) != JSON_ARRAY || json_type(b) != JSON_ARRAY)
		return run_fail(r, p, "jq", "%s and %s cannot be subtracted",
				run_type(a), run_type(b));
	json_iter_init(&it, a);
	while (json_iter_element(&it, &e)) {
		if (has_element(b, e))
			continue;
		json_put_element(out, &sep, e);
	}
	json_end_array(out, sep);
	return 0;
}

/* ---- add ---- */

struct walk {
	struct json_iter it;
	bool object;
};

/* The values of an array or object. */
static int walk_begin(struct run *r, struct plan *p, struct str v,
		      struct walk *w)
{
	w->object = json_type(v) == JSON_OBJECT;
	if (!w->object && json_type(v) != JSON_ARRAY)
		return run_fail(r, p, "jq", "%s has no elements to go through",
				run_type(v));
	if (w->object && text_has_repeats(v))
		return run_repeated(r, p);
	json_iter_init(&w->it, v);
	return 0;
}

/* The next one that is not null, as null adds nothing. */
static bool walk_next(struct walk *w, struct str *e)
{
	struct json_member m;

	do {
		if (!(w->object ? json_iter_member(&w->it, &m)
				: json_iter_element(&w->it, &m.val)))
			return false;
	} while (json_type(m.val) == JSON_NULL);
	*e = m.val;
	return true;
}

static int add_all_numbers(struct run *r, struct plan *p, struct walk *w,
			   struct str e, struct buf *out)
{
	double sum, d;

	if (num_to_double(e, &sum) < 0)
		return lost_digits(r, p);
	while (walk_next(w, &e)) {
		if (num_to_double(e, &d) < 0)
			return lost_digits(r, p);
		if (is_rounded(sum, d))
			return run_fail(r, p, "precision",
					"a sum has more digits than jq can "
					"keep");
		sum += d;
	}
	num_put_double(out, sum);
	return 0;
}

static int add_all_objects(struct run *r, struct plan *p, struct walk *w,
			   struct str e, struct buf *out)
{
	struct bag bag = { .n = 0 };
	struct json_iter it;
	struct json_member m;

	do {
		if (text_has_repeats(e))
			return run_repeated(r, p);
		json_iter_init(&it, e);
		while (json_iter_member(&it, &m))
			bag_put(&bag, &r->mem, m.key, m.val);
	} while (walk_next(w, &e));
	bag_write(&bag, out);
	return 0;
}

/* They are all of one type, or cannot be added. */
static int check_types(struct run *r, struct plan *p, struct walk w,
		       struct str first)
{
	struct str e;

	while (walk_next(&w, &e))
		if (json_type(e) != json_type(first) ||
		    json_type(e) == JSON_BOOL)
			return run_fail(r, p, "jq", "%s and %s cannot be added",
					run_type(first), run_type(e));
	return 0;
}

int sum_all(struct run *r, struct plan *p, struct str v, struct buf *out)
{
	struct walk w, ahead;
	struct str e, next;
	char sep = '[';

	if (walk_begin(r, p, v, &w) < 0)
		return -1;
	if (!walk_next(&w, &e)) {
		buf_addz(out, "null");
		return 0;
	}
	ahead = w;
	if (!walk_next(&ahead, &next)) {
		buf_adds(out, e);
		return 0;
	}
	if (check_types(r, p, w, e) < 0)
		return -1;
	switch (json_type(e)) {
	case JSON_NUMBER:
		return add_all_numbers(r, p, &w, e, out);
	case JSON_OBJECT:
		return add_all_objects(r, p, &w, e, out);
	case JSON_STRING:
		buf_addc(out, '"');
		do
			buf_add(out, e.s + 1, e.n - 2);
		while (walk_next(&w, &e));
		buf_addc(out, '"');
		return 0;
	default:
		do
			put_elements(out, e, &sep);
		while (walk_next(&w, &e));
		json_end_array(out, sep);
		return 0;
	}
}

/* ---- deleting ---- */

/* A name that stands in the program has no plan to be computed by. */
static bool stands(const struct plan *name)
{
	return name->op == P_MEMBER && !name->a;
}

static int delete_members(struct run *r, struct plan *p, struct str v,
			  const struct str *keys, struct buf *out)
{
	struct json_iter it;
	struct json_member m;
	struct str found;
	char sep = '{';
	bool gone;

	for (size_t i = 0; i < p->n; i++)
		if (json_find(v, keys[i], &found) < 0)
			return run_repeated(r, p);
	json_iter_init(&it, v);
	while (json_iter_member(&it, &m)) {
		gone = false;
		for (size_t i = 0; i < p->n; i++)
			gone = gone || json_key_is(&m, keys[i]);
		if (!gone)
			put_member(out, &m, m.val, &sep);
	}
	buf_addz(out, sep == '{' ? "{}" : "}");
	return 0;
}

static int no_such(struct run *r, struct plan *p, struct str v)
{
	return run_fail(r, p, "jq", "%s has no such members to delete",
			run_type(v));
}

/* What to delete from v, as text; a number deletes from null only. */
static int delete_key(struct run *r, struct plan *p, struct plan *name,
		      struct str in, struct str v, struct str *key)
{
	if (stands(name)) {
		*key = name->text;
		return 0;
	}
	if (run_eval(r, name, in, key) < 0)
		return -1;
	if (json_type(v) == JSON_NULL && json_type(*key) == JSON_NUMBER)
		return 0;
	if (json_type(*key) != JSON_STRING)
		return no_such(r, p, v);
	buf_reset(&r->scratch);
	json_unescape(&r->scratch, (struct str){ key->s + 1, key->n - 2 });
	*key = arena_copy(&r->mem, buf_str(&r->scratch));
	return 0;
}

/* The elements at these numbers; below 0 they count from the end. */
static int delete_elements(struct run *r, struct plan *p, struct str in,
			   struct str v, struct buf *out)
{
	double *at = arena_get(&r->mem, p->n * sizeof *at), n = 0;
	double count = (double)json_count(v);
	struct json_iter it;
	struct str key, e;
	char sep = '[';
	bool gone;

	for (size_t i = 0; i < p->n; i++) {
		if (stands(p->v[i]))
			return no_such(r, p, v);
		if (run_eval(r, p->v[i], in, &key) < 0)
			return -1;
		if (json_type(key) != JSON_NUMBER ||
		    num_to_double(key, &at[i]) < 0 ||
		    at[i] != (double)(int32_t)at[i])
			return no_such(r, p, v);
		if (at[i] < 0)
			at[i] += count;
	}
	json_iter_init(&it, v);
	for (; json_iter_element(&it, &e); n++) {
		gone = false;
		for (size_t i = 0; i < p->n; i++)
			gone = gone || at[i] == n;
		if (gone)
			continue;
		json_put_element(out, &sep, e);
	}
	json_end_array(out, sep);
	return 0;
}

int sum_delete(struct run *r, struct plan *p, struct str in, struct buf *out)
{
	struct str v = p->top ? run_record_text(r) : in;
	struct str *keys = arena_get(&r->mem, p->n * sizeof *keys);

	if (json_type(v) == JSON_ARRAY)
		return delete_elements(r, p, in, v, out);
	if (json_type(v) != JSON_NULL && json_type(v) != JSON_OBJECT)
		return no_such(r, p, v);
	for (size_t i = 0; i < p->n; i++)
		if (delete_key(r, p, p->v[i], in, v, &keys[i]) < 0)
			return -1;
	if (json_type(v) == JSON_OBJECT)
		return delete_members(r, p, v, keys, out);
	buf_adds(out, v);
	return 0;
}
