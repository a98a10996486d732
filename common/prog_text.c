/* SPDX-License-Identifier: MIT */
/*
 * Text: JSON as jq writes it, strings made of values, and the functions of the
 * plain subset.
 */
#include "common/prog_num.h"
#include "common/prog_run.h"

/* ---- text ---- */

/* Like json_put_str, with DEL escaped as jq does. */
static void put_json_string(struct run *r, struct buf *out, struct str v)
{
	struct str text = json_text(v, &r->scratch);
	size_t from = 0;

	buf_addc(out, '"');
	for (size_t i = 0; i < text.n; i++)
		if (text.s[i] == 0x7f) {
			json_put_escaped(
			    out, (struct str){ text.s + from, i - from });
			buf_addz(out, "\\u007f");
			from = i + 1;
		}
	json_put_escaped(out, (struct str){ text.s + from, text.n - from });
	buf_addc(out, '"');
}

/*
 * For any number of members, and names with escapes: the text is valid, so a
 * repeated name is all that can be wrong with it.
 */
static bool has_repeats_among_many(struct str object)
{
	struct json_obj obj = JSON_OBJ_INIT;
	struct json_fault f;
	bool twice = json_obj_parse(&obj, object, &f) < 0;

	json_obj_release(&obj);
	return twice;
}

bool text_has_repeats(struct str object)
{
	struct str names[32];
	struct json_iter it;
	struct json_member m;
	size_t n = 0;

	json_iter_init(&it, object);
	while (json_iter_member(&it, &m)) {
		if (m.key_esc || n == ARRAY_LEN(names))
			return has_repeats_among_many(object);
		for (size_t i = 0; i < n; i++)
			if (str_eq(names[i], m.key))
				return true;
		names[n++] = m.key;
	}
	return false;
}

/* v as jq's tojson writes it. */
int text_put_json(struct run *r, const struct plan *p, struct buf *out,
		  struct str v)
{
	struct json_iter it;
	struct json_member m;
	struct str e;
	char sep;

	switch (json_type(v)) {
	case JSON_NUMBER:
		num_put_text(out, v);
		return 0;
	case JSON_STRING:
		put_json_string(r, out, v);
		return 0;
	case JSON_ARRAY:
		json_iter_init(&it, v);
		for (sep = '['; json_iter_element(&it, &e); sep = ',') {
			buf_addc(out, sep);
			if (text_put_json(r, p, out, e) < 0)
				return -1;
		}
		json_end_array(out, sep);
		return 0;
	case JSON_OBJECT:
		if (text_has_repeats(v))
			return run_repeated(r, p);
		json_iter_init(&it, v);
		for (sep = '{'; json_iter_member(&it, &m); sep = ',') {
			buf_addc(out, sep);
			put_json_string(
			    r, out, (struct str){ m.key.s - 1, m.key.n + 2 });
			buf_addc(out, ':');
			if (text_put_json(r, p, out, m.val) < 0)
				return -1;
		}
		buf_addz(out, sep == '{' ? "{}" : "}");
		return 0;
	default:
		buf_adds(out, v);
		return 0;
	}
}

/* The text of v inside a string: without quotes, escaped. */
int text_put_inside(struct run *r, const struct plan *p, struct buf *out,
		    struct str v)
{
	size_t at;
	int ret;

	switch (json_type(v)) {
	case JSON_STRING:
		buf_add(out, v.s + 1, v.n - 2);
		return 0;
	case JSON_NUMBER:
		num_put_text(out, v);
		return 0;
	case JSON_ARRAY:
	case JSON_OBJECT:
		at = run_tmp(r);
		ret = text_put_json(r, p, &r->tmp[at], v);
		json_put_escaped(out, buf_str(&r->tmp[at]));
		r->n_tmp--;
		return ret;
	default:
		buf_adds(out, v);
		return 0;
	}
}

/* ---- functions ---- */

static char change_case(char c, bool up)
{
	if (up ? c >= 'a' && c <= 'z' : c >= 'A' && c <= 'Z')
		return (char)(c ^ 0x20);
	return c;
}

static int put_case(struct run *r, struct plan *p, struct str v, bool up,
		    struct buf *out)
{
	struct str text;
	size_t from;

	if (json_type(v) != JSON_STRING)
		return run_fail(r, p, "jq", "%s where a string is expected",
				run_type(v));
	buf_reset(&r->scratch);
	if (memchr(v.s, '\\', v.n)) {
		json_unescape(&r->scratch, (struct str){ v.s + 1, v.n - 2 });
		for (size_t i = 0; i < r->scratch.len; i++)
			r->scratch.data[i] =
			    change_case(r->scratch.data[i], up);
		json_put_str(out, buf_str(&r->scratch));
		return 0;
	}
	text = v;
	from = out->len;
	buf_adds(out, text);
	for (size_t i = from; i < out->len; i++)
		out->data[i] = change_case(out->data[i], up);
	return 0;
}

/* What jq's strtod takes beyond JSON: +1, 01, 1., .5 */
static bool is_loose_number(struct str t)
{
	size_t i = 0, digits = 0;

	if (i < t.n && (t.s[i] == '+' || t.s[i] == '-'))
		i++;
	for (; i < t.n && isdigit((unsigned char)t.s[i]); i++)
		digits++;
	if (i < t.n && t.s[i] == '.')
		for (i++; i < t.n && isdigit((unsigned char)t.s[i]); i++)
			digits++;
	if (!digits)
		return false;
	if (i < t.n && (t.s[i] == 'e' || t.s[i] == 'E')) {
		i++;
		if (i < t.n && (t.s[i] == '+' || t.s[i] == '-'))
			i++;
		if (i == t.n)
			return false;
		while (i < t.n && isdigit((unsigned char)t.s[i]))
			i++;
	}
	return i == t.n;
}

static int put_number(struct run *r, struct plan *p, struct str v,
		      struct buf *out)
{
	struct json_fault f;
	struct str text, number;

	if (json_type(v) == JSON_NUMBER) {
		buf_adds(out, v);
		return 0;
	}
	if (json_type(v) != JSON_STRING)
		return run_fail(r, p, "jq", "%s cannot become a number",
				run_type(v));
	text = json_text(v, &r->scratch);
	if (json_check(text, &number, &f) == 0 &&
	    json_type(number) == JSON_NUMBER) {
		buf_adds(out, number);
		return 0;
	}
	if (!is_loose_number(text))
		return run_fail(r, p, "jq", "a text is not a number");
	if (text.s[0] == '+') {
		text.s++;
		text.n--;
	}
	num_put_text(out, text);
	return 0;
}

static bool repeats_within(struct str v)
{
	struct json_iter it;
	struct json_member m;
	struct str e;
	bool yes = false;

	json_iter_init(&it, v);
	if (json_type(v) == JSON_ARRAY) {
		while (!yes && json_iter_element(&it, &e))
			yes = repeats_within(e);
	} else if (json_type(v) == JSON_OBJECT) {
		yes = text_has_repeats(v);
		while (!yes && json_iter_member(&it, &m))
			yes = repeats_within(m.val);
	}
	return yes;
}

/* What a text says in JSON, with its digits; jq also takes nan and 01. */
static int put_parsed(struct run *r, struct plan *p, struct str v,
		      struct buf *out)
{
	struct json_fault f;
	struct str value;

	if (json_type(v) != JSON_STRING)
		return run_fail(r, p, "jq", "%s where a text is expected",
				run_type(v));
	if (json_check(json_text(v, &r->scratch), &value, &f) < 0)
		return run_fail(r, p, "jq", "a text is not JSON");
	if (repeats_within(value))
		return run_fail(r, p, "jq",
				"a text of JSON has a member name twice");
	json_put_compact(out, value);
	return 0;
}

static int put_length(struct run *r, struct plan *p, struct str v,
		      struct buf *out)
{
	struct str text;
	size_t n = 0;

	switch (json_type(v)) {
	case JSON_NULL:
		break;
	case JSON_BOOL:
		return run_fail(r, p, "jq", "a boolean has no length");
	case JSON_NUMBER:
		if (*v.s == '-') {
			v.s++;
			v.n--;
		}
		buf_adds(out, v);
		return 0;
	case JSON_STRING:
		text = json_text(v, &r->scratch);
		for (size_t i = 0; i < text.n; i++)
			n += ((unsigned char)text.s[i] & 0xc0) != 0x80;
		break;
	case JSON_OBJECT:
		if (text_has_repeats(v))
			return run_repeated(r, p);
		/* fall through */
	case JSON_ARRAY:
		n = json_count(v);
	}
	buf_addu(out, n);
	return 0;
}

/* The text of a string, in r->scratch if it has escapes. */
static bool is_text(struct run *r, struct str v, struct str *text)
{
	if (json_type(v) != JSON_STRING)
		return false;
	*text = json_text(v, &r->scratch);
	return true;
}

static bool starts(struct str text, struct str with)
{
	return text.n >= with.n && memcmp(text.s, with.s, with.n) == 0;
}

static bool ends(struct str text, struct str with)
{
	return text.n >= with.n &&
	       memcmp(text.s + text.n - with.n, with.s, with.n) == 0;
}

static int no_text(struct run *r, struct plan *p)
{
	return run_fail(r, p, "jq", "what to look for is not a string");
}

static int put_test(struct run *r, struct plan *p, struct str v, struct str arg,
		    struct buf *out)
{
	struct str text;

	if (!arg.s)
		return no_text(r, p);
	if (!is_text(r, v, &text))
		return run_fail(r, p, "jq", "%s where a string is expected",
				run_type(v));
	buf_adds(out, run_boolean(p->fn == FN_STARTSWITH ? starts(text, arg)
							 : ends(text, arg)));
	return 0;
}

/* What does not begin or end so stays as it is, also if it is no string. */
static int put_trimmed(struct run *r, struct plan *p, struct str v,
		       struct str arg, struct buf *out)
{
	struct str text;
	bool front = p->fn == FN_LTRIMSTR;

	if (!arg.s || !is_text(r, v, &text) ||
	    !(front ? starts(text, arg) : ends(text, arg))) {
		buf_adds(out, v);
		return 0;
	}
	text.n -= arg.n;
	if (front)
		text.s += arg.n;
	json_put_str(out, text);
	return 0;
}

/* The bytes of the character that text begins with. */
static size_t one_character(struct str text)
{
	size_t n = 1;

	while (n < text.n && ((unsigned char)text.s[n] & 0xc0) == 0x80)
		n++;
	return n;
}

static int put_split(struct run *r, struct plan *p, struct str v,
		     struct str arg, struct buf *out)
{
	struct str text, at = arg;
	bool more;

	if (!arg.s)
		return no_text(r, p);
	if (!is_text(r, v, &text))
		return run_fail(r, p, "jq", "%s where a string is expected",
				run_type(v));
	buf_addc(out, '[');
	for (more = text.n > 0; more;) {
		const char *found =
		    at.n ? memmem(text.s, text.n, at.s, at.n) : NULL;
		size_t n = found  ? (size_t)(found - text.s)
			   : at.n ? text.n
				  : one_character(text);

		json_put_str(out, (struct str){ text.s, n });
		more = found || n < text.n;
		n += found ? at.n : 0;
		text.s += n;
		text.n -= n;
		if (more)
			buf_addc(out, ',');
	}
	buf_addc(out, ']');
	return 0;
}

static int put_part(struct run *r, struct plan *p, struct str e,
		    struct buf *out)
{
	if (json_type(e) == JSON_ARRAY || json_type(e) == JSON_OBJECT)
		return run_fail(r, p, "jq", "%s cannot be joined", run_type(e));
	return json_type(e) == JSON_NULL ? 0 : text_put_inside(r, p, out, e);
}

static int put_joined(struct run *r, struct plan *p, struct str v,
		      struct str arg, struct buf *out)
{
	bool object = json_type(v) == JSON_OBJECT, any = false;
	struct json_iter it;
	struct json_member m;

	if (!object && json_type(v) != JSON_ARRAY)
		return run_fail(r, p, "jq", "%s where an array is expected",
				run_type(v));
	if (object && text_has_repeats(v))
		return run_repeated(r, p);
	buf_addc(out, '"');
	json_iter_init(&it, v);
	while (object ? json_iter_member(&it, &m)
		      : json_iter_element(&it, &m.val)) {
		if (any && !arg.s)
			return no_text(r, p);
		if (any)
			json_put_escaped(out, arg);
		if (put_part(r, p, m.val, out) < 0 ||
		    run_check_size(r, p, out) < 0)
			return -1;
		any = true;
	}
	buf_addc(out, '"');
	return 0;
}

int text_call(struct run *r, struct plan *p, struct str v, struct str arg,
	      struct buf *out)
{
	size_t at;
	int ret;

	switch (p->fn) {
	case FN_TOSTRING:
		if (json_type(v) == JSON_STRING) {
			buf_adds(out, v);
			return 0;
		}
		/* fall through */
	case FN_TOJSON:
		at = run_tmp(r);
		ret = text_put_json(r, p, &r->tmp[at], v);
		json_put_str(out, buf_str(&r->tmp[at]));
		r->n_tmp--;
		return ret;
	case FN_TONUMBER:
		return put_number(r, p, v, out);
	case FN_FROMJSON:
		return put_parsed(r, p, v, out);
	case FN_DOWNCASE:
	case FN_UPCASE:
		return put_case(r, p, v, p->fn == FN_UPCASE, out);
	case FN_LENGTH:
		return put_length(r, p, v, out);
	case FN_NOT:
		buf_adds(out, run_boolean(!run_truthy(v)));
		return 0;
	case FN_TYPE:
		json_put_strz(out, json_type_name(json_type(v)));
		return 0;
	case FN_STARTSWITH:
	case FN_ENDSWITH:
		return put_test(r, p, v, arg, out);
	case FN_LTRIMSTR:
	case FN_RTRIMSTR:
		return put_trimmed(r, p, v, arg, out);
	case FN_SPLIT:
		return put_split(r, p, v, arg, out);
	default:
		return put_joined(r, p, v, arg, out);
	}
}
