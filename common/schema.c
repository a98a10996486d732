/* SPDX-License-Identifier: MIT */
/* Schemas as they are read. How values are held against them: schema_check.c */
#include "common/schema_node.h"

#include "common/mem.h"

/* Where a reference leads: to look for it means to go through the schema. */
struct known_ref {
	struct str text, to;
};

struct compile {
	struct schema *s;
	struct known_ref *refs;
	size_t n_refs, cap_refs;
	struct buf path; /* of the node being read, for messages */
	struct buf *err;
	schema_setting_fn *setting; /* NULL: there are none */
	void *arg;
};

typedef int keyword_fn(struct compile *c, struct schema_node *n,
		       struct str val);

static struct schema_node *compile_node(struct compile *c, struct str text);

static void list_add(struct schema_list *l, struct schema_node *n)
{
	if (l->n == l->cap) {
		l->cap = l->cap ? 2 * l->cap : 16;
		l->v =
		    xreallocarray(l->v, l->cap, sizeof(struct schema_node *));
	}
	l->v[l->n++] = n;
}

/* ---- what keywords hold ---- */

static int wrong(struct compile *c, const char *what)
{
	struct buf place = BUF_INIT;

	buf_addf(&place, "%s%s%s", c->path.len ? c->path.data : "the schema",
		 ": ", what);
	fail(c->err, "%s", place.data);
	buf_release(&place);
	return -1;
}

/* The text of a string of the schema, which lives as long as it does. */
static struct str keep_text(struct compile *c, struct str raw)
{
	struct schema *s = c->s;

	if (!raw.n || !memchr(raw.s, '\\', raw.n))
		return raw;
	GROW(s->names, s->n_names, s->cap_names);
	s->names[s->n_names] = BUF_INIT;
	json_unescape(&s->names[s->n_names], raw);
	return buf_str(&s->names[s->n_names++]);
}

static struct str string_text(struct compile *c, struct str val)
{
	return keep_text(c, (struct str){ val.s + 1, val.n - 2 });
}

/* "2" and "2.0" are the same number. */
static int read_count(struct compile *c, struct str val, uint64_t *out)
{
	struct json_num n;
	struct buf digits = BUF_INIT;
	int ret = -1;

	if (json_type(val) == JSON_NUMBER) {
		json_num_parse(&n, val);
		if (!n.neg && !n.huge && n.exp >= (int64_t)(n.a.n + n.b.n) &&
		    n.exp < 20) {
			buf_adds(&digits, n.a);
			buf_adds(&digits, n.b);
			while (digits.len < (size_t)n.exp || !digits.len)
				buf_addc(&digits, '0');
			ret = str_to_u64(buf_str(&digits), out);
		}
	}
	buf_release(&digits);
	return ret < 0 ? wrong(c, "not a whole number") : 0;
}

/* "7d", "168h", "5m", "30s", 3600: in seconds. */
static int read_duration(struct compile *c, struct str val, int64_t *out)
{
	static const struct {
		char unit;
		int64_t seconds;
	} units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 } };
	struct str text = val;
	int64_t scale = 1;
	uint64_t n;

	if (json_type(val) == JSON_STRING) {
		text = (struct str){ val.s + 1, val.n - 2 };
		if (c->setting && text.n > 2 && *text.s == '{' &&
		    text.s[text.n - 1] == '}' &&
		    c->setting(c->arg, (struct str){ text.s + 1, text.n - 2 },
			       &text, c->err) < 0)
			return -1;
		scale = 0;
		for (size_t i = 0; text.n && i < ARRAY_LEN(units); i++)
			if (text.s[text.n - 1] == units[i].unit)
				scale = units[i].seconds;
		text.n -= text.n > 0;
	}
	if (!scale || str_to_u64(text, &n) < 0 || n > 100000000)
		return wrong(c, "not a time such as \"7d\", \"12h\", \"5m\" "
				"or \"30s\"");
	*out = (int64_t)n * scale;
	return 0;
}

static int read_number(struct compile *c, struct str val, struct str *out)
{
	struct json_num n;

	if (json_type(val) != JSON_NUMBER)
		return wrong(c, "not a number");
	json_num_parse(&n, val);
	if (n.huge)
		return wrong(c, "a number out of all bounds");
	*out = val;
	return 0;
}

static int read_names(struct compile *c, struct str val,
		      struct schema_names *out)
{
	struct json_iter it;
	struct str v;

	if (json_type(val) != JSON_ARRAY)
		return wrong(c, "not an array of names");
	json_iter_init(&it, val);
	while (json_iter_element(&it, &v)) {
		if (json_type(v) != JSON_STRING)
			return wrong(c, "not an array of names");
		GROW(out->v, out->n, out->cap);
		out->v[out->n++] = string_text(c, v);
	}
	return 0;
}

static int read_schema(struct compile *c, struct str val,
		       struct schema_node **out)
{
	*out = compile_node(c, val);
	return *out ? 0 : -1;
}

static int read_list(struct compile *c, struct str val, struct schema_list *out)
{
	struct json_iter it;
	struct schema_node *node;
	struct str v;
	size_t mark, i = 0;

	if (json_type(val) != JSON_ARRAY || !json_count(val))
		return wrong(c, "not an array of schemas");
	json_iter_init(&it, val);
	while (json_iter_element(&it, &v)) {
		mark = c->path.len;
		buf_addf(&c->path, "/%zu", i++);
		node = compile_node(c, v);
		if (!node)
			return -1;
		list_add(out, node);
		buf_truncate(&c->path, mark);
	}
	return 0;
}

static int read_members(struct compile *c, struct str val,
			struct schema_members *out, bool patterns)
{
	struct json_iter it;
	struct json_member m;
	struct schema_member *to;
	struct buf why = BUF_INIT;
	size_t mark;

	if (json_type(val) != JSON_OBJECT)
		return wrong(c, "not an object of schemas");
	json_iter_init(&it, val);
	while (json_iter_member(&it, &m)) {
		GROW(out->v, out->n, out->cap);
		to = &out->v[out->n++];
		*to = (struct schema_member){ .name = keep_text(c, m.key) };
		mark = schema_path_add(&c->path, to->name);
		if (patterns && !(to->pattern = pattern_new(to->name, &why))) {
			wrong(c, why.data);
			buf_release(&why);
			return -1;
		}
		if (read_schema(c, m.val, &to->node) < 0)
			return -1;
		buf_truncate(&c->path, mark);
	}
	return 0;
}

/* ---- keywords ---- */

static int kw_type_one(struct compile *c, struct schema_node *n, struct str v)
{
	if (json_text_is(v, "integer")) {
		n->types |= SCHEMA_INTEGER;
		return 0;
	}
	for (int t = JSON_NULL; t <= JSON_OBJECT; t++)
		if (json_text_is(v, json_type_name((enum json_type)t))) {
			n->types |= 1u << t;
			return 0;
		}
	return wrong(c, "not a type that JSON Schema has");
}

static int kw_type(struct compile *c, struct schema_node *n, struct str val)
{
	struct json_iter it;
	struct str v;

	if (json_type(val) != JSON_ARRAY)
		return kw_type_one(c, n, val);
	json_iter_init(&it, val);
	while (json_iter_element(&it, &v))
		if (kw_type_one(c, n, v) < 0)
			return -1;
	return n->types ? 0 : wrong(c, "names no type");
}

static int kw_const(struct compile *c, struct schema_node *n, struct str val)
{
	(void)c;
	n->konst = val;
	return 0;
}

static int kw_enum(struct compile *c, struct schema_node *n, struct str val)
{
	struct json_iter it;
	struct str v;

	if (json_type(val) != JSON_ARRAY)
		return wrong(c, "not an array of values");
	n->enumeration = val;
	json_iter_init(&it, val);
	while (json_iter_element(&it, &v)) {
		GROW(n->values.v, n->values.n, n->values.cap);
		n->values.v[n->values.n++] = v;
	}
	return 0;
}

static int kw_multiple_of(struct compile *c, struct schema_node *n,
			  struct str val)
{
	struct json_num num;

	if (read_number(c, val, &n->multiple_of) < 0)
		return -1;
	json_num_parse(&num, val);
	if (num.neg || !(num.a.n + num.b.n) || num.a.n + num.b.n > 18)
		return wrong(c, "must be above 0, of 18 digits at most");
	return 0;
}

static int kw_unique(struct compile *c, struct schema_node *n, struct str val)
{
	if (json_type(val) != JSON_BOOL)
		return wrong(c, "not true or false");
	n->unique = *val.s == 't';
	return 0;
}

static int kw_pattern(struct compile *c, struct schema_node *n, struct str val)
{
	struct buf why = BUF_INIT;
	int ret = 0;

	if (json_type(val) != JSON_STRING)
		return wrong(c, "not a text");
	n->pattern_text = string_text(c, val);
	n->pattern = pattern_new(n->pattern_text, &why);
	if (!n->pattern)
		ret = wrong(c, why.data);
	buf_release(&why);
	return ret;
}

static int kw_format(struct compile *c, struct schema_node *n, struct str val)
{
	struct buf why = BUF_INIT;

	if (json_type(val) == JSON_STRING)
		n->format = format_find(string_text(c, val));
	if (n->format)
		return 0;
	buf_addz(&why, "not a format known here:");
	for (size_t i = 0; format_at(i); i++)
		buf_addf(&why, " %s", format_at(i)->name);
	wrong(c, why.data);
	buf_release(&why);
	return -1;
}

static struct schema_dependent *dependent(struct schema_node *n)
{
	GROW(n->dependent, n->n_dependent, n->cap_dependent);
	n->dependent[n->n_dependent] = (struct schema_dependent){ 0 };
	return &n->dependent[n->n_dependent++];
}

static int read_dependent(struct compile *c, struct schema_node *n,
			  struct str val, bool schemas)
{
	struct json_iter it;
	struct json_member m;
	struct schema_dependent *d;
	size_t mark;

	if (json_type(val) != JSON_OBJECT)
		return wrong(c, "not an object");
	json_iter_init(&it, val);
	while (json_iter_member(&it, &m)) {
		struct schema_node *node = NULL;
		struct schema_names required = { 0 };
		struct str name = keep_text(c, m.key);

		mark = schema_path_add(&c->path, name);
		if (schemas ? read_schema(c, m.val, &node) < 0
			    : read_names(c, m.val, &required) < 0) {
			free(required.v);
			return -1;
		}
		buf_truncate(&c->path, mark);
		d = dependent(n);
		d->name = name;
		d->node = node;
		d->required = required;
	}
	return 0;
}

static int kw_dependent_required(struct compile *c, struct schema_node *n,
				 struct str val)
{
	return read_dependent(c, n, val, false);
}

static int kw_dependent_schemas(struct compile *c, struct schema_node *n,
				struct str val)
{
	return read_dependent(c, n, val, true);
}

static int kw_properties(struct compile *c, struct schema_node *n,
			 struct str val)
{
	return read_members(c, val, &n->properties, false);
}

static int kw_pattern_properties(struct compile *c, struct schema_node *n,
				 struct str val)
{
	return read_members(c, val, &n->patterns, true);
}

static int kw_required(struct compile *c, struct schema_node *n, struct str val)
{
	return read_names(c, val, &n->required);
}

static int hex_digit(char c)
{
	const char *digits = "0123456789abcdef";
	const char *at = c ? strchr(digits, tolower((unsigned char)c)) : NULL;

	return at ? (int)(at - digits) : -1;
}

/* Without the percent-encoding of a URL's fragment. */
static void put_decoded(struct buf *out, struct str t)
{
	for (size_t i = 0; i < t.n; i++) {
		int high = i + 2 < t.n ? hex_digit(t.s[i + 1]) : -1;
		int low = i + 2 < t.n ? hex_digit(t.s[i + 2]) : -1;

		if (t.s[i] == '%' && high >= 0 && low >= 0) {
			buf_addc(out, (char)(high * 16 + low));
			i += 2;
		} else {
			buf_addc(out, t.s[i]);
		}
	}
}

static int find_ref(struct compile *c, struct str text, struct str *to)
{
	struct buf pointer = BUF_INIT;
	int found = 0;

	for (size_t i = 0; i < c->n_refs; i++)
		if (str_eq(c->refs[i].text, text)) {
			*to = c->refs[i].to;
			return 1;
		}
	if (text.n && *text.s == '#') {
		put_decoded(&pointer, (struct str){ text.s + 1, text.n - 1 });
		found = json_pointer(c->s->text, buf_str(&pointer), to);
	}
	buf_release(&pointer);
	if (found == 1) {
		GROW(c->refs, c->n_refs, c->cap_refs);
		c->refs[c->n_refs++] = (struct known_ref){ text, *to };
	}
	return found;
}

/* "#/$defs/x": a JSON Pointer into the same schema. */
static int kw_ref(struct compile *c, struct schema_node *n, struct str val)
{
	struct str to;

	if (json_type(val) != JSON_STRING)
		return wrong(c, "not a text");
	if (find_ref(c, string_text(c, val), &to) != 1)
		return wrong(c, "leads nowhere in this schema (write "
				"\"#/$defs/NAME\")");
	return read_schema(c, to, &n->ref);
}

/* Another draft means other things by the same words. */
static int kw_schema(struct compile *c, struct schema_node *n, struct str val)
{
	(void)n;
	if (json_type(val) == JSON_STRING) {
		struct str text = string_text(c, val);

		if (text.n && text.s[text.n - 1] == '#')
			text.n--;
		if (str_is(text,
			   "https://json-schema.org/draft/2020-12/schema"))
			return 0;
	}
	return wrong(c, "only https://json-schema.org/draft/2020-12/schema is "
			"understood");
}

static int kw_max_age(struct compile *c, struct schema_node *n, struct str val)
{
	return read_duration(c, val, &n->max_age);
}

static int kw_max_ahead(struct compile *c, struct schema_node *n,
			struct str val)
{
	return read_duration(c, val, &n->max_ahead);
}

/* Only what refers to them is read, and checked, then. */
static int kw_defs(struct compile *c, struct schema_node *n, struct str val)
{
	struct schema_members defs = { 0 };
	int ret = read_members(c, val, &defs, false);

	(void)n;
	free(defs.v);
	return ret;
}

#define COUNT(name, member)                                              \
	static int kw_##member(struct compile *c, struct schema_node *n, \
			       struct str val)                           \
	{                                                                \
		return read_count(c, val, &n->member);                   \
	}
COUNT("minLength", min_length)
COUNT("maxLength", max_length)
COUNT("minItems", min_items)
COUNT("maxItems", max_items)
COUNT("minContains", min_contains)
COUNT("maxContains", max_contains)
COUNT("minProperties", min_properties)
COUNT("maxProperties", max_properties)

#define NUMBER(member)                                                   \
	static int kw_##member(struct compile *c, struct schema_node *n, \
			       struct str val)                           \
	{                                                                \
		return read_number(c, val, &n->member);                  \
	}
NUMBER(minimum)
NUMBER(maximum)
NUMBER(exclusive_minimum)
NUMBER(exclusive_maximum)

#define SCHEMA(member)                                                   \
	static int kw_##member(struct compile *c, struct schema_node *n, \
			       struct str val)                           \
	{                                                                \
		return read_schema(c, val, &n->member);                  \
	}
SCHEMA(additional)
SCHEMA(names)
SCHEMA(items)
SCHEMA(contains)
SCHEMA(negated)
SCHEMA(if_)
SCHEMA(then)
SCHEMA(else_)

#define LIST(member)                                                     \
	static int kw_##member(struct compile *c, struct schema_node *n, \
			       struct str val)                           \
	{                                                                \
		return read_list(c, val, &n->member);                    \
	}
LIST(prefix)
LIST(all_of)
LIST(any_of)
LIST(one_of)

static const struct {
	const char *name;
	keyword_fn *read; /* NULL: a remark, without effect */
} keywords[] = {
	{ "type", kw_type },
	{ "const", kw_const },
	{ "enum", kw_enum },
	{ "minimum", kw_minimum },
	{ "maximum", kw_maximum },
	{ "exclusiveMinimum", kw_exclusive_minimum },
	{ "exclusiveMaximum", kw_exclusive_maximum },
	{ "multipleOf", kw_multiple_of },
	{ "minLength", kw_min_length },
	{ "maxLength", kw_max_length },
	{ "pattern", kw_pattern },
	{ "format", kw_format },
	{ "maxAge", kw_max_age }, /* these two are ours */
	{ "maxAhead", kw_max_ahead },
	{ "properties", kw_properties },
	{ "patternProperties", kw_pattern_properties },
	{ "additionalProperties", kw_additional },
	{ "propertyNames", kw_names },
	{ "required", kw_required },
	{ "minProperties", kw_min_properties },
	{ "maxProperties", kw_max_properties },
	{ "dependentRequired", kw_dependent_required },
	{ "dependentSchemas", kw_dependent_schemas },
	{ "items", kw_items },
	{ "prefixItems", kw_prefix },
	{ "contains", kw_contains },
	{ "minContains", kw_min_contains },
	{ "maxContains", kw_max_contains },
	{ "minItems", kw_min_items },
	{ "maxItems", kw_max_items },
	{ "uniqueItems", kw_unique },
	{ "allOf", kw_all_of },
	{ "anyOf", kw_any_of },
	{ "oneOf", kw_one_of },
	{ "not", kw_negated },
	{ "if", kw_if_ },
	{ "then", kw_then },
	{ "else", kw_else_ },
	{ "$ref", kw_ref },
	{ "$defs", kw_defs },
	{ "$schema", kw_schema },
	{ "$id", NULL },
	{ "$comment", NULL },
	{ "title", NULL },
	{ "description", NULL },
	{ "default", NULL },
	{ "examples", NULL },
	{ "deprecated", NULL },
};

static bool is_own(const struct schema *s, struct str name)
{
	for (const char *const *p = s->own; p && *p; p++)
		if (str_is(name, *p))
			return true;
	return false;
}

/* A remark; but the first one helps whoever has to mend a value. */
static void note_example(struct schema_node *n, struct str val)
{
	struct json_iter it;

	if (json_type(val) != JSON_ARRAY)
		return;
	json_iter_init(&it, val);
	json_iter_element(&it, &n->example);
}

static int read_keyword(struct compile *c, struct schema_node *n,
			const struct json_member *m)
{
	struct str name = keep_text(c, m->key);

	for (size_t i = 0; i < ARRAY_LEN(keywords); i++) {
		if (!str_is(name, keywords[i].name))
			continue;
		if (str_is(name, "examples"))
			note_example(n, m->val);
		if (!keywords[i].read)
			return 0;
		n->only_type = n->plain && keywords[i].read == kw_type;
		n->plain = false;
		n->n_said += keywords[i].read != kw_type;
		return keywords[i].read(c, n, m->val);
	}
	if (is_own(c->s, name))
		return 0;
	return wrong(c, "not a keyword that is supported here");
}

/* ---- nodes ---- */

static struct schema_node *node_new(struct compile *c, struct str text)
{
	struct schema_node *n = xcalloc(1, sizeof *n);

	n->text = text;
	n->max_length = n->max_items = n->max_properties = UINT64_MAX;
	n->max_contains = UINT64_MAX;
	n->min_contains = 1;
	n->max_age = n->max_ahead = -1;
	list_add(&c->s->all, n);
	return n;
}

/* The node of the same place, if a $ref came there before. */
static struct schema_node *node_known(struct compile *c, struct str text)
{
	for (size_t i = 0; i < c->s->all.n; i++)
		if (c->s->all.v[i]->text.s == text.s)
			return c->s->all.v[i];
	return NULL;
}

static int repeated_keyword(struct compile *c, struct str text)
{
	struct json_obj o = JSON_OBJ_INIT;
	struct json_fault f;
	int bad = json_obj_parse(&o, text, &f) < 0;

	json_obj_release(&o);
	return bad ? wrong(c, "a name comes twice") : 0;
}

static struct schema_node *compile_node(struct compile *c, struct str text)
{
	struct schema_node *n = node_known(c, text);
	struct json_iter it;
	struct json_member m;
	size_t mark;

	if (n)
		return n;
	n = node_new(c, text);
	if (json_type(text) == JSON_BOOL) {
		n->never = *text.s == 'f';
		n->plain = !n->never;
		return n;
	}
	if (json_type(text) != JSON_OBJECT) {
		wrong(c, "not a schema");
		return NULL;
	}
	if (repeated_keyword(c, text) < 0)
		return NULL;
	json_iter_init(&it, text);
	n->plain = true;
	while (json_iter_member(&it, &m)) {
		mark = schema_path_add(&c->path, m.key);
		if (read_keyword(c, n, &m) < 0)
			return NULL;
		buf_truncate(&c->path, mark);
	}
	n->only_texts = n->n_said == 1 && (n->format || n->values.n) &&
			(!n->types || (n->types & 1u << JSON_STRING));
	if ((n->max_age >= 0 || n->max_ahead >= 0) && n->format &&
	    !n->format->seconds) {
		wrong(c, "maxAge and maxAhead need a point in time: the format "
			 "date, date-time, unix-seconds or unix-ms");
		return NULL;
	}
	return n;
}

/* ---- endless $ref ---- */

static int endless(struct schema_node *n);

static int endless_list(const struct schema_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		if (endless(l->v[i]))
			return 1;
	return 0;
}

/* Does checking one value by n come back to n with the same value? */
static int endless(struct schema_node *n)
{
	if (!n || n->seen == 2)
		return 0;
	if (n->seen == 1)
		return 1;
	n->seen = 1;
	if (endless(n->ref) || endless(n->negated) || endless(n->if_) ||
	    endless(n->then) || endless(n->else_) || endless_list(&n->all_of) ||
	    endless_list(&n->any_of) || endless_list(&n->one_of))
		return 1;
	for (size_t i = 0; i < n->n_dependent; i++)
		if (endless(n->dependent[i].node))
			return 1;
	n->seen = 2;
	return 0;
}

static int find_endless(struct compile *c)
{
	for (size_t i = 0; i < c->s->all.n; i++)
		if (endless(c->s->all.v[i]))
			return wrong(c, "a $ref leads back to itself");
	return 0;
}

struct schema *schema_new_with(struct str text, const char *const *own,
			       schema_setting_fn *setting, void *arg,
			       struct buf *err)
{
	struct schema *s = xcalloc(1, sizeof *s);
	struct compile c = { .s = s,
			     .path = BUF_INIT,
			     .err = err,
			     .setting = setting,
			     .arg = arg };

	s->text = text;
	s->own = own;
	s->root = compile_node(&c, text);
	if (!s->root || find_endless(&c) < 0) {
		schema_free(s);
		s = NULL;
	}
	free(c.refs);
	buf_release(&c.path);
	return s;
}

struct schema *schema_new(struct str text, const char *const *own,
			  struct buf *err)
{
	return schema_new_with(text, own, NULL, NULL, err);
}

static void members_release(struct schema_members *m)
{
	for (size_t i = 0; i < m->n; i++)
		pattern_free(m->v[i].pattern);
	free(m->v);
}

static void node_free(struct schema_node *n)
{
	pattern_free(n->pattern);
	members_release(&n->properties);
	members_release(&n->patterns);
	free(n->required.v);
	free(n->values.v);
	for (size_t i = 0; i < n->n_dependent; i++)
		free(n->dependent[i].required.v);
	free(n->dependent);
	free(n->prefix.v);
	free(n->all_of.v);
	free(n->any_of.v);
	free(n->one_of.v);
	free(n);
}

void schema_free(struct schema *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->all.n; i++)
		node_free(s->all.v[i]);
	free(s->all.v);
	for (size_t i = 0; i < s->n_names; i++)
		buf_release(&s->names[i]);
	free(s->names);
	free(s);
}
