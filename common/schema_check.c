/* SPDX-License-Identifier: MIT */
/* Values held against a schema. Reasons are for people and show no value. */
#include "common/clock.h"
#include "common/mem.h"
#include "common/schema_node.h"

size_t schema_path_add(struct buf *path, struct str name)
{
	size_t mark = path->len;

	if (mark)
		buf_addc(path, '/');
	buf_adds(path, name);
	return mark;
}

/* Notes a fault where the path stands; gives -1. */
static PRINTF_LIKE(3, 4) int fault(struct schema_run *run, const char *code,
				   const char *reason, ...)
{
	struct buf text = BUF_INIT;
	va_list ap;

	if (!run->faults)
		return -1;
	va_start(ap, reason);
	buf_vaddf(&text, reason, ap);
	va_end(ap);
	faults_add(run->faults, buf_str(run->path), code, "%s", text.data);
	buf_release(&text);
	return -1;
}

static const char *plural(uint64_t n)
{
	return n == 1 ? "" : "s";
}

/* ---- types and values ---- */

static const char *type_words(unsigned bit)
{
	switch (bit) {
	case 1 << JSON_NULL:
		return "null";
	case 1 << JSON_BOOL:
		return "true or false";
	case 1 << JSON_NUMBER:
		return "a number";
	case 1 << JSON_STRING:
		return "text";
	case 1 << JSON_ARRAY:
		return "a list";
	case 1 << JSON_OBJECT:
		return "an object";
	default:
		return "a whole number";
	}
}

static bool is_integer(struct str number)
{
	struct json_num n;

	json_num_parse(&n, number);
	return !n.huge && n.exp >= (int64_t)(n.a.n + n.b.n);
}

static int check_type(const struct schema_node *n, struct str v,
		      struct schema_run *run)
{
	enum json_type t = json_type(v);
	struct buf want = BUF_INIT;

	if (!n->types || (n->types & 1u << t))
		return 0;
	if (t == JSON_NUMBER && (n->types & SCHEMA_INTEGER) && is_integer(v))
		return 0;
	if (!run->faults)
		return -1;
	for (unsigned bit = 1; bit <= SCHEMA_INTEGER; bit <<= 1)
		if (n->types & bit)
			buf_addf(&want, "%s%s", want.len ? " or " : "",
				 type_words(bit));
	if (t == JSON_NUMBER && (n->types & SCHEMA_INTEGER))
		fault(run, "type", "not a whole number");
	else
		fault(run, "type", "%s where %s is expected",
		      type_words(1u << t), want.data);
	buf_release(&want);
	return -1;
}

static int check_enum(const struct schema_node *n, struct str v,
		      struct schema_run *run)
{
	struct buf list = BUF_INIT;

	/* Mostly both are written in the same way. */
	for (size_t i = 0; i < n->values.n; i++)
		if (str_eq(v, n->values.v[i]))
			return 0;
	for (size_t i = 0; i < n->values.n; i++)
		if (json_equal(v, n->values.v[i]))
			return 0;
	if (!run->faults)
		return -1;
	if (!n->values.n)
		return fault(run, "enum", "no value is allowed here");
	/* These are the contract's values, not the record's. */
	schema_words_values(n, &list);
	fault(run, "enum", "must be one of %s", list.data);
	buf_release(&list);
	return -1;
}

static int check_value(const struct schema_node *n, struct str v,
		       struct schema_run *run)
{
	int ret = 0;

	if (n->types)
		ret |= check_type(n, v, run);
	if (n->konst.s && !json_equal(v, n->konst))
		ret |=
		    n->konst.n <= 60
			? fault(run, "const", "must be %.*s", STR_ARG(n->konst))
			: fault(run, "const",
				"not the one value that is allowed");
	if (n->enumeration.s)
		ret |= check_enum(n, v, run);
	return ret;
}

/* ---- points in time ---- */

static void put_duration(struct buf *out, int64_t seconds)
{
	static const struct {
		int64_t seconds;
		const char *name;
	} units[] = { { 86400, "day" },
		      { 3600, "hour" },
		      { 60, "minute" },
		      { 1, "second" } };
	size_t i = 0;

	while (seconds % units[i].seconds || seconds < units[i].seconds) {
		if (i + 1 == ARRAY_LEN(units))
			break;
		i++;
	}
	buf_addf(out, "%" PRId64 " %s%s", seconds / units[i].seconds,
		 units[i].name, seconds == units[i].seconds ? "" : "s");
}

/* text is of the node's format, if that looks at it. */
static int check_age(const struct schema_node *n, struct str text,
		     bool formatted, struct schema_run *run)
{
	struct buf words = BUF_INIT;
	int64_t first, last, now;
	int ret = 0;

	if (n->max_age < 0 && n->max_ahead < 0)
		return 0;
	if (formatted)
		n->format->seconds(text, &first, &last);
	else if (!format_seconds(text, &first, &last))
		return fault(run, "format",
			     "not a point in time, so its age is not known");
	now = clock_now_ms() / 1000;
	if (n->max_age >= 0 && now - last > n->max_age) {
		put_duration(&words, n->max_age);
		ret = fault(run, "maxAge", "more than %s ago", words.data);
	} else if (n->max_ahead >= 0 && first - now > n->max_ahead) {
		put_duration(&words, n->max_ahead);
		ret = n->max_ahead
			  ? fault(run, "maxAhead", "more than %s in the future",
				  words.data)
			  : fault(run, "maxAhead", "in the future");
	}
	buf_release(&words);
	return ret;
}

/* ---- numbers ---- */

static uint64_t pow10_mod(uint64_t e, uint64_t m)
{
	unsigned __int128 r = 1 % m, b = 10 % m;

	for (; e; e >>= 1) {
		if (e & 1)
			r = r * b % m;
		b = b * b % m;
	}
	return (uint64_t)r;
}

static uint64_t digits_mod(const struct json_num *n, uint64_t m)
{
	unsigned __int128 r = 0;

	for (size_t i = 0; i < n->a.n; i++)
		r = (r * 10 + (unsigned)(n->a.s[i] - '0')) % m;
	for (size_t i = 0; i < n->b.n; i++)
		r = (r * 10 + (unsigned)(n->b.s[i] - '0')) % m;
	return (uint64_t)r;
}

/*
 * Both as a whole number times a power of ten, neither ending in 0: what has
 * the smaller power cannot be a multiple.
 */
static bool is_multiple(struct str v, struct str of)
{
	struct json_num x, y;
	int64_t shift;
	uint64_t m;

	json_num_parse(&x, v);
	json_num_parse(&y, of);
	if (!(x.a.n + x.b.n))
		return true;
	shift = (x.exp - (int64_t)(x.a.n + x.b.n)) -
		(y.exp - (int64_t)(y.a.n + y.b.n));
	m = digits_mod(&y, UINT64_MAX);
	if (x.huge || shift < 0 || !m)
		return false;
	return (unsigned __int128)digits_mod(&x, m) *
		   pow10_mod((uint64_t)shift, m) % m ==
	       0;
}

static int check_number(const struct schema_node *n, struct str v,
			struct schema_run *run)
{
	bool formatted;
	int ret = 0;

	if (n->minimum.s && json_num_cmp(v, n->minimum) < 0)
		ret |= fault(run, "minimum", "less than %.*s",
			     STR_ARG(n->minimum));
	if (n->maximum.s && json_num_cmp(v, n->maximum) > 0)
		ret |= fault(run, "maximum", "more than %.*s",
			     STR_ARG(n->maximum));
	if (n->exclusive_minimum.s &&
	    json_num_cmp(v, n->exclusive_minimum) <= 0)
		ret |= fault(run, "exclusiveMinimum", "not more than %.*s",
			     STR_ARG(n->exclusive_minimum));
	if (n->exclusive_maximum.s &&
	    json_num_cmp(v, n->exclusive_maximum) >= 0)
		ret |= fault(run, "exclusiveMaximum", "not less than %.*s",
			     STR_ARG(n->exclusive_maximum));
	if (n->multiple_of.s && !is_multiple(v, n->multiple_of))
		ret |= fault(run, "multipleOf", "not a multiple of %.*s",
			     STR_ARG(n->multiple_of));
	formatted = n->format && n->format->is_number;
	if (formatted && !n->format->is_number(v))
		return fault(run, "format", "%s", n->format->reason);
	return ret | check_age(n, v, formatted, run);
}

/* ---- strings ---- */

static uint64_t code_points(struct str text)
{
	uint64_t n = 0;

	for (size_t i = 0; i < text.n; i++)
		n += ((unsigned char)text.s[i] & 0xc0) != 0x80;
	return n;
}

static int check_length(const struct schema_node *n, struct str text,
			struct schema_run *run)
{
	uint64_t len = code_points(text);

	if (len < n->min_length)
		return len ? fault(run, "minLength",
				   "shorter than %" PRIu64 " characters",
				   n->min_length)
			   : fault(run, "minLength", "empty");
	if (len > n->max_length)
		return fault(run, "maxLength",
			     "longer than %" PRIu64 " character%s",
			     n->max_length, plural(n->max_length));
	return 0;
}

static int check_string(const struct schema_node *n, struct str v,
			struct schema_run *run)
{
	struct buf scratch = BUF_INIT;
	struct str text;
	int ret = 0;

	if (!n->min_length && n->max_length == UINT64_MAX && !n->pattern &&
	    !n->format && n->max_age < 0 && n->max_ahead < 0)
		return 0;
	text = json_text(v, &scratch);
	if (n->min_length || n->max_length != UINT64_MAX)
		ret |= check_length(n, text, run);
	if (n->pattern && !pattern_match(n->pattern, text))
		ret |= fault(run, "pattern",
			     "not of the form that the contract asks for%s%.*s "
			     "(%.*s)",
			     n->example.s ? ", such as " : "",
			     STR_ARG(n->example), STR_ARG(n->pattern_text));
	if (n->format && !n->format->is(text))
		ret |= fault(run, "format", "%s", n->format->reason);
	else
		ret |= check_age(n, text, n->format != NULL, run);
	buf_release(&scratch);
	return ret;
}

/* ---- arrays ---- */

static int by_text(const void *a, const void *b)
{
	return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

static bool all_differ(struct str array)
{
	size_t n = json_count(array), i = 0;
	struct buf text = BUF_INIT;
	struct str *v = xreallocarray(NULL, n + 1, sizeof *v), e, rest;
	struct json_iter it;
	bool differ = true;

	json_iter_init(&it, array);
	while (json_iter_element(&it, &e)) {
		json_canon(&text, e);
		buf_addc(&text, '\n'); /* which no canonical text has */
	}
	/* Only now, since the text moves while it grows. */
	rest = buf_str(&text);
	while (i < n && str_split(&rest, '\n', &v[i]))
		i++;
	if (n)
		qsort(v, n, sizeof *v, by_text);
	for (i = 1; i < n && differ; i++)
		differ = !str_eq(v[i - 1], v[i]);
	free(v);
	buf_release(&text);
	return differ;
}

static int check_contains(const struct schema_node *n, struct str v,
			  struct schema_run *run)
{
	struct buf path = BUF_INIT;
	struct schema_run quiet = { NULL, &path };
	struct json_iter it;
	struct str e;
	uint64_t found = 0;

	json_iter_init(&it, v);
	while (json_iter_element(&it, &e))
		found += schema_node_check(n->contains, e, &quiet, 0) == 0;
	buf_release(&path);
	if (found < n->min_contains)
		return fault(run, "contains",
			     "has %" PRIu64 " item%s of a kind of which "
			     "%" PRIu64 " %s needed",
			     found, plural(found), n->min_contains,
			     n->min_contains == 1 ? "is" : "are");
	if (found > n->max_contains)
		return fault(run, "maxContains",
			     "has %" PRIu64 " item%s of a kind of which "
			     "%" PRIu64 " %s allowed",
			     found, plural(found), n->max_contains,
			     n->max_contains == 1 ? "is" : "are");
	return 0;
}

static int check_items(const struct schema_node *n, struct str v,
		       struct schema_run *run)
{
	const struct schema_node *s;
	struct json_iter it;
	struct str e;
	char name[24];
	size_t i = 0, mark;
	int ret = 0, len;

	json_iter_init(&it, v);
	while (json_iter_element(&it, &e)) {
		s = i < n->prefix.n ? n->prefix.v[i] : n->items;
		len = snprintf(name, sizeof name, "%zu", i++);
		if (!s || s->plain)
			continue;
		mark = schema_path_add(run->path,
				       (struct str){ name, (size_t)len });
		ret |= schema_node_check(s, e, run, 0);
		buf_truncate(run->path, mark);
	}
	return ret;
}

static int check_array(const struct schema_node *n, struct str v,
		       struct schema_run *run, unsigned skip)
{
	uint64_t count;
	int ret = 0;

	if (n->min_items || n->max_items != UINT64_MAX) {
		count = json_count(v);
		if (count < n->min_items)
			ret |= count ? fault(run, "minItems",
					     "fewer than %" PRIu64 " items",
					     n->min_items)
				     : fault(run, "minItems", "an empty list");
		if (count > n->max_items)
			ret |= fault(run, "maxItems",
				     "more than %" PRIu64 " item%s",
				     n->max_items, plural(n->max_items));
	}
	if (n->unique && !all_differ(v))
		ret |= fault(run, "uniqueItems", "has an item twice");
	if (n->contains)
		ret |= check_contains(n, v, run);
	if (!(skip & SCHEMA_SKIP_CHILDREN) && (n->items || n->prefix.n))
		ret |= check_items(n, v, run);
	return ret;
}

/* ---- objects ---- */

static int check_names(const struct schema_names *names, struct str v,
		       struct schema_run *run, const char *code,
		       struct str because)
{
	struct str unused;
	size_t mark;
	int ret = 0;

	for (size_t i = 0; i < names->n; i++) {
		if (json_find(v, names->v[i], &unused) != 0)
			continue;
		mark = schema_path_add(run->path, names->v[i]);
		if (because.s)
			ret |= fault(run, code, "missing, where %.*s is given",
				     STR_ARG(because));
		else
			ret |= fault(run, code, "missing");
		buf_truncate(run->path, mark);
	}
	return ret;
}

static int check_dependent(const struct schema_node *n, struct str v,
			   struct schema_run *run)
{
	struct str unused;
	int ret = 0;

	for (size_t i = 0; i < n->n_dependent; i++) {
		const struct schema_dependent *d = &n->dependent[i];

		if (json_find(v, d->name, &unused) == 0)
			continue;
		if (d->node)
			ret |= schema_node_check(d->node, v, run, 0);
		else
			ret |= check_names(&d->required, v, run,
					   "dependentRequired", d->name);
	}
	return ret;
}

int schema_member_check(const struct schema_node *n, struct str name,
			struct str v, struct schema_run *run)
{
	bool known = false;
	int ret = 0;

	for (size_t i = 0; i < n->properties.n; i++)
		if (str_eq(n->properties.v[i].name, name)) {
			known = true;
			ret |= schema_node_check(n->properties.v[i].node, v,
						 run, 0);
		}
	for (size_t i = 0; i < n->patterns.n; i++)
		if (pattern_match(n->patterns.v[i].pattern, name)) {
			known = true;
			ret |=
			    schema_node_check(n->patterns.v[i].node, v, run, 0);
		}
	if (known || !n->additional)
		return ret;
	if (n->additional->never)
		return fault(run, "unknown", "not a member that is known here");
	return schema_node_check(n->additional, v, run, 0);
}

static int check_one_name(const struct schema_node *n, struct str name,
			  struct schema_run *run)
{
	struct buf quoted = BUF_INIT, path = BUF_INIT;
	struct schema_run quiet = { NULL, &path };
	int ret;

	json_put_str(&quoted, name);
	ret = schema_node_check(n->names, buf_str(&quoted), &quiet, 0);
	if (ret < 0)
		fault(run, "propertyNames", "a name that is not allowed here");
	buf_release(&path);
	buf_release(&quoted);
	return ret;
}

static int check_members(const struct schema_node *n, struct str v,
			 struct schema_run *run, unsigned skip)
{
	struct buf scratch = BUF_INIT;
	struct json_iter it;
	struct json_member m;
	size_t mark;
	int ret = 0;

	json_iter_init(&it, v);
	while (json_iter_member(&it, &m)) {
		struct str name = m.key;

		if (m.key_esc) {
			buf_reset(&scratch);
			json_unescape(&scratch, m.key);
			name = buf_str(&scratch);
		}
		mark = schema_path_add(run->path, name);
		if (n->names)
			ret |= check_one_name(n, name, run);
		if (!(skip & SCHEMA_SKIP_CHILDREN))
			ret |= schema_member_check(n, name, m.val, run);
		buf_truncate(run->path, mark);
	}
	buf_release(&scratch);
	return ret;
}

bool schema_repeats_name(struct str object)
{
	struct json_obj o = JSON_OBJ_INIT;
	struct json_fault f;
	bool bad = json_obj_parse(&o, object, &f) < 0;

	json_obj_release(&o);
	return bad;
}

static int check_object(const struct schema_node *n, struct str v,
			struct schema_run *run, unsigned skip)
{
	bool children = !(skip & SCHEMA_SKIP_CHILDREN) &&
			(n->properties.n || n->patterns.n || n->additional);
	uint64_t count;
	int ret = 0;

	/* Who checks the last of two members and sends both has leaked one. */
	if ((children || n->names || n->required.n || n->n_dependent) &&
	    schema_repeats_name(v))
		return fault(run, "repeated", "a member name comes twice");
	if (n->min_properties || n->max_properties != UINT64_MAX) {
		count = json_count(v);
		if (count < n->min_properties)
			ret |=
			    fault(run, "minProperties",
				  "fewer than %" PRIu64 " member%s",
				  n->min_properties, plural(n->min_properties));
		if (count > n->max_properties)
			ret |=
			    fault(run, "maxProperties",
				  "more than %" PRIu64 " member%s",
				  n->max_properties, plural(n->max_properties));
	}
	if (!(skip & SCHEMA_SKIP_REQUIRED))
		ret |= check_names(&n->required, v, run, "required", STR_NONE);
	if (n->n_dependent)
		ret |= check_dependent(n, v, run);
	if (children || n->names)
		ret |= check_members(n, v, run, skip);
	return ret;
}

/* ---- combinations ---- */

static size_t count_fitting(const struct schema_list *l, struct str v)
{
	struct buf path = BUF_INIT;
	struct schema_run quiet = { NULL, &path };
	size_t fitting = 0;

	for (size_t i = 0; i < l->n; i++)
		fitting += schema_node_check(l->v[i], v, &quiet, 0) == 0;
	buf_release(&path);
	return fitting;
}

static int no_branch(const struct schema_list *l, struct str v,
		     struct schema_run *run, const char *code)
{
	struct buf words = BUF_INIT;

	if (!run->faults)
		return -1;
	if (l->n == 1)
		schema_node_check(l->v[0], v, run, 0);
	else if (schema_words_asked(l, &words))
		fault(run, code, "one of its members is needed: %s",
		      words.data);
	else if (schema_words_formats(l, &words))
		fault(run, code, "%s", words.data);
	else
		fault(run, code, "fits none of the %zu forms that are allowed",
		      l->n);
	buf_release(&words);
	return -1;
}

static int several_branches(const struct schema_list *l, size_t fitting,
			    struct schema_run *run)
{
	struct buf words = BUF_INIT;

	if (!run->faults)
		return -1;
	if (schema_words_asked(l, &words))
		fault(run, "oneOf", "only one of these may be given: %s",
		      words.data);
	else
		fault(run, "oneOf", "fits %zu forms of which only one may hold",
		      fitting);
	buf_release(&words);
	return -1;
}

static int excluded(const struct schema_node *n, struct schema_run *run)
{
	struct buf words = BUF_INIT;

	if (!run->faults)
		return -1;
	fault(run, "not", "%s",
	      schema_words_excluded(n, &words)
		  ? words.data
		  : "of the kind that is excluded here");
	buf_release(&words);
	return -1;
}

static bool fits(const struct schema_node *n, struct str v)
{
	struct buf path = BUF_INIT;
	struct schema_run quiet = { NULL, &path };
	bool good = schema_node_check(n, v, &quiet, 0) == 0;

	buf_release(&path);
	return good;
}

static int check_combined(const struct schema_node *n, struct str v,
			  struct schema_run *run, unsigned skip)
{
	const struct schema_node *branch;
	size_t fitting;
	int ret = 0;

	if (n->ref)
		ret |= schema_node_check(n->ref, v, run,
					 skip & SCHEMA_SKIP_CHILDREN);
	for (size_t i = 0; i < n->all_of.n; i++)
		ret |= schema_node_check(n->all_of.v[i], v, run, 0);
	if (n->any_of.n && !count_fitting(&n->any_of, v))
		ret |= no_branch(&n->any_of, v, run, "anyOf");
	if (n->one_of.n && (fitting = count_fitting(&n->one_of, v)) != 1)
		ret |= fitting ? several_branches(&n->one_of, fitting, run)
			       : no_branch(&n->one_of, v, run, "oneOf");
	if (n->negated && fits(n->negated, v))
		ret |= excluded(n->negated, run);
	if (n->if_) {
		branch = fits(n->if_, v) ? n->then : n->else_;
		if (branch)
			ret |= schema_node_check(branch, v, run, 0);
	}
	return ret;
}

bool schema_fits_at_once(const struct schema_node *n, struct str v)
{
	if (!n->only_texts || *v.s != '"')
		return false;
	if (n->format)
		return !memchr(v.s, '\\', v.n) &&
		       n->format->is((struct str){ v.s + 1, v.n - 2 });
	for (size_t i = 0; i < n->values.n; i++)
		if (str_eq(v, n->values.v[i]))
			return true;
	return false;
}

int schema_node_check(const struct schema_node *n, struct str v,
		      struct schema_run *run, unsigned skip)
{
	int ret;

	if (n->plain)
		return 0;
	if (n->never)
		return fault(run, "not", "not allowed here");
	ret = check_value(n, v, run);
	switch (json_type(v)) {
	case JSON_NUMBER:
		ret |= check_number(n, v, run);
		break;
	case JSON_STRING:
		ret |= check_string(n, v, run);
		break;
	case JSON_ARRAY:
		ret |= check_array(n, v, run, skip);
		break;
	case JSON_OBJECT:
		ret |= check_object(n, v, run, skip);
		break;
	default:
		break;
	}
	return ret | check_combined(n, v, run, skip);
}

int schema_check(const struct schema *s, struct str value, struct faults *f)
{
	struct buf path = BUF_INIT;
	struct schema_run run = { f, &path };
	int ret = schema_node_check(s->root, value, &run, 0);

	buf_release(&path);
	return ret;
}
