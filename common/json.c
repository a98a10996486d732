/* SPDX-License-Identifier: MIT */
/* Finding, writing and comparing validated JSON. Validation: json_scan.c */
#include "common/json.h"

#include "common/mem.h"

const char *json_type_name(enum json_type t)
{
	static const char *const names[] = {
		[JSON_NULL] = "null",     [JSON_BOOL] = "boolean",
		[JSON_NUMBER] = "number", [JSON_STRING] = "string",
		[JSON_ARRAY] = "array",   [JSON_OBJECT] = "object",
	};

	return names[t];
}

/* ---- walking ---- */

static inline bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static inline const char *skip_space(const char *p)
{
	while (is_space(*p))
		p++;
	return p;
}

/* p is behind the opening quote; returns the closing one. */
static const char *string_end(const char *p, bool *esc)
{
	/* By byte, commits took a quarter longer. */
	const char *quote = rawmemchr(p, '"');

	if (LIKELY(!memchr(p, '\\', (size_t)(quote - p))))
		return quote;
	for (;; p++) {
		if (*p == '"')
			return p;
		if (*p == '\\') {
			*esc = true;
			p++;
		}
	}
}

const char *json_skip(const char *p)
{
	unsigned depth = 0;
	bool esc;

	if (*p != '"' && *p != '{' && *p != '[') {
		/* A literal or number runs to a delimiter; see json.h: it need
		 * not be followed by anything, so callers pass containers. */
		while (*p && !is_space(*p) && *p != ',' && *p != ']' &&
		       *p != '}')
			p++;
		return p;
	}
	do {
		switch (*p) {
		case '"':
			p = string_end(p + 1, &esc);
			break;
		case '{':
		case '[':
			depth++;
			break;
		case '}':
		case ']':
			depth--;
			break;
		}
		p++;
	} while (depth);
	return p;
}

void json_iter_init(struct json_iter *it, struct str container)
{
	it->p = container.s + 1;
}

/* Steps over the comma; false at the closing bracket. */
static bool iter_step(struct json_iter *it)
{
	const char *p = skip_space(it->p);

	if (*p == ',')
		p = skip_space(p + 1);
	it->p = p;
	return *p != ']' && *p != '}';
}

bool json_iter_element(struct json_iter *it, struct str *v)
{
	if (!iter_step(it))
		return false;
	v->s = it->p;
	it->p = json_skip(it->p);
	v->n = (size_t)(it->p - v->s);
	return true;
}

bool json_iter_member(struct json_iter *it, struct json_member *m)
{
	const char *end;

	if (!iter_step(it))
		return false;
	m->key_esc = false;
	m->key.s = it->p + 1;
	end = string_end(m->key.s, &m->key_esc);
	m->key.n = (size_t)(end - m->key.s);
	m->val.s = skip_space(skip_space(end + 1) + 1);
	it->p = json_skip(m->val.s);
	m->val.n = (size_t)(it->p - m->val.s);
	return true;
}

bool json_key_is(const struct json_member *m, struct str name)
{
	struct buf text = BUF_INIT;
	bool same;

	if (LIKELY(!m->key_esc))
		return str_eq(m->key, name);
	json_unescape(&text, m->key);
	same = str_eq(buf_str(&text), name);
	buf_release(&text);
	return same;
}

ssize_t json_obj_find(const struct json_obj *o, struct str name)
{
	for (size_t i = 0; i < o->n; i++)
		if (json_key_is(&o->m[i], name))
			return (ssize_t)i;
	return -1;
}

int json_find(struct str obj, struct str name, struct str *val)
{
	struct json_iter it;
	struct json_member m;
	int found = 0;

	if (json_type(obj) != JSON_OBJECT)
		return 0;
	json_iter_init(&it, obj);
	while (json_iter_member(&it, &m))
		if (json_key_is(&m, name)) {
			if (found)
				return -1;
			found = 1;
			*val = m.val;
		}
	return found;
}

struct str json_member(struct str obj, const char *name, enum json_type type)
{
	struct str v;

	if (!obj.s || json_type(obj) != JSON_OBJECT ||
	    json_find(obj, str_of(name), &v) != 1 || json_type(v) != type)
		return STR_NONE;
	return v;
}

struct str json_get(struct str obj, const char *name)
{
	struct str val = STR_NONE;

	if (!obj.s || json_find(obj, str_of(name), &val) != 1)
		return STR_NONE;
	return val;
}

bool json_is_true(struct str obj, const char *name)
{
	return str_is(json_get(obj, name), "true");
}

size_t json_count(struct str container)
{
	struct json_iter it;
	struct json_member m;
	struct str v;
	size_t n = 0;

	json_iter_init(&it, container);
	if (json_type(container) == JSON_OBJECT)
		while (json_iter_member(&it, &m))
			n++;
	else
		while (json_iter_element(&it, &v))
			n++;
	return n;
}

bool json_all_strings(struct str array)
{
	struct json_iter it;
	struct str v;

	json_iter_init(&it, array);
	while (json_iter_element(&it, &v))
		if (json_type(v) != JSON_STRING)
			return false;
	return true;
}

/* One step of a pointer, "~1" and "~0" undone. */
static void pointer_token(struct buf *out, struct str part)
{
	buf_reset(out);
	for (size_t i = 0; i < part.n; i++) {
		if (part.s[i] == '~' && i + 1 < part.n) {
			i++;
			buf_addc(out, part.s[i] == '1' ? '/' : '~');
		} else {
			buf_addc(out, part.s[i]);
		}
	}
}

static int element_at(struct str array, struct str token, struct str *out)
{
	struct json_iter it;
	uint64_t want;

	if (str_to_u64(token, &want) < 0 || (token.n > 1 && *token.s == '0'))
		return 0;
	json_iter_init(&it, array);
	while (json_iter_element(&it, out))
		if (!want--)
			return 1;
	return 0;
}

int json_pointer(struct str v, struct str pointer, struct str *out)
{
	struct buf token = BUF_INIT;
	struct str rest = pointer, part;
	int found = 1;

	*out = v;
	/* What stands before the first slash is nothing. */
	if (!pointer.n || !str_split(&rest, '/', &part))
		return 1;
	while (found == 1 && str_split(&rest, '/', &part)) {
		pointer_token(&token, part);
		if (json_type(*out) == JSON_OBJECT)
			found = json_find(*out, buf_str(&token), out);
		else if (json_type(*out) == JSON_ARRAY)
			found = element_at(*out, buf_str(&token), out);
		else
			found = 0;
	}
	buf_release(&token);
	return found;
}

/* ---- strings ---- */

static unsigned hex4(const char *p)
{
	unsigned v = 0;

	for (int i = 0; i < 4; i++) {
		unsigned c = (unsigned char)p[i];

		v = v << 4 | (c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
	}
	return v;
}

static void put_utf8(struct buf *out, unsigned u)
{
	if (u < 0x80) {
		buf_addc(out, (char)u);
	} else if (u < 0x800) {
		buf_addc(out, (char)(0xc0 | u >> 6));
		buf_addc(out, (char)(0x80 | (u & 0x3f)));
	} else if (u < 0x10000) {
		buf_addc(out, (char)(0xe0 | u >> 12));
		buf_addc(out, (char)(0x80 | (u >> 6 & 0x3f)));
		buf_addc(out, (char)(0x80 | (u & 0x3f)));
	} else {
		buf_addc(out, (char)(0xf0 | u >> 18));
		buf_addc(out, (char)(0x80 | (u >> 12 & 0x3f)));
		buf_addc(out, (char)(0x80 | (u >> 6 & 0x3f)));
		buf_addc(out, (char)(0x80 | (u & 0x3f)));
	}
}

/* p is at a backslash; returns the place behind the escape. */
static const char *put_escape(struct buf *out, const char *p)
{
	unsigned u;

	switch (p[1]) {
	case 'b':
		buf_addc(out, '\b');
		return p + 2;
	case 'f':
		buf_addc(out, '\f');
		return p + 2;
	case 'n':
		buf_addc(out, '\n');
		return p + 2;
	case 'r':
		buf_addc(out, '\r');
		return p + 2;
	case 't':
		buf_addc(out, '\t');
		return p + 2;
	case 'u':
		u = hex4(p + 2);
		p += 6;
		if (u >= 0xd800 && u <= 0xdbff) {
			u = 0x10000 + ((u - 0xd800) << 10) +
			    (hex4(p + 2) - 0xdc00);
			p += 6;
		}
		put_utf8(out, u);
		return p;
	default:
		buf_addc(out, p[1]);
		return p + 2;
	}
}

void json_unescape(struct buf *out, struct str raw)
{
	const char *p = raw.s, *end = raw.s + raw.n;

	while (p < end) {
		const char *slash = memchr(p, '\\', (size_t)(end - p));

		if (!slash)
			slash = end;
		buf_add(out, p, (size_t)(slash - p));
		p = slash < end ? put_escape(out, slash) : end;
	}
}

static struct str inner(struct str string)
{
	return (struct str){ string.s + 1, string.n - 2 };
}

struct str json_text(struct str string, struct buf *scratch)
{
	struct str raw = inner(string);

	if (!raw.n || !memchr(raw.s, '\\', raw.n))
		return raw;
	buf_reset(scratch);
	json_unescape(scratch, raw);
	return buf_str(scratch);
}

bool json_text_is(struct str v, const char *text)
{
	struct buf scratch = BUF_INIT;
	bool same;

	if (!v.s || json_type(v) != JSON_STRING)
		return false;
	same = str_is(json_text(v, &scratch), text);
	buf_release(&scratch);
	return same;
}

static bool must_escape(unsigned char c)
{
	return c < 0x20 || c == '"' || c == '\\';
}

void json_put_escaped(struct buf *out, struct str text)
{
	static const char digits[] = "0123456789abcdef";
	static const char letters[0x20] = { ['\b'] = 'b',
					    ['\f'] = 'f',
					    ['\n'] = 'n',
					    ['\r'] = 'r',
					    ['\t'] = 't' };
	size_t from = 0;

	for (size_t i = 0; i < text.n; i++) {
		unsigned char c = (unsigned char)text.s[i];

		if (LIKELY(!must_escape(c)))
			continue;
		buf_add(out, text.s + from, i - from);
		from = i + 1;
		buf_addc(out, '\\');
		if (c == '"' || c == '\\') {
			buf_addc(out, (char)c);
		} else if (c < 0x20 && letters[c]) {
			buf_addc(out, letters[c]);
		} else {
			buf_addz(out, "u00");
			buf_addc(out, digits[c >> 4]);
			buf_addc(out, digits[c & 15]);
		}
	}
	buf_add(out, text.s + from, text.n - from);
}

void json_put_str(struct buf *out, struct str text)
{
	buf_addc(out, '"');
	json_put_escaped(out, text);
	buf_addc(out, '"');
}

void json_put_compact(struct buf *out, struct str v)
{
	const char *p = v.s, *end = v.s + v.n;
	bool esc;

	while (p < end) {
		const char *from = p;

		if (is_space(*p)) {
			p++;
			continue;
		}
		while (p < end && !is_space(*p))
			p = *p == '"' ? string_end(p + 1, &esc) + 1 : p + 1;
		buf_add(out, from, (size_t)(p - from));
	}
}

/* ---- numbers ---- */

/* "00012" without its zeros; the same from the other end. */
static struct str strip_front(struct str d)
{
	while (d.n && *d.s == '0') {
		d.s++;
		d.n--;
	}
	return d;
}

static struct str strip_back(struct str d)
{
	while (d.n && d.s[d.n - 1] == '0')
		d.n--;
	return d;
}

static int64_t parse_exponent(struct json_num *n, const char *p,
			      const char *end)
{
	bool neg = *p == '-';
	int64_t e = 0;
	struct str digits;

	if (*p == '-' || *p == '+')
		p++;
	digits = strip_front((struct str){ p, (size_t)(end - p) });
	n->huge = digits.n > 15;
	for (size_t i = 0; i < digits.n && i < 15; i++)
		e = e * 10 + (digits.s[i] - '0');
	return neg ? -e : e;
}

static bool digit(const char *p, const char *end)
{
	return p < end && *p >= '0' && *p <= '9';
}

void json_num_parse(struct json_num *n, struct str number)
{
	const char *p = number.s, *end = number.s + number.n;
	size_t before;

	*n = (struct json_num){ .neg = *p == '-' };
	p += n->neg;
	n->a.s = p;
	while (digit(p, end))
		p++;
	n->a.n = (size_t)(p - n->a.s);
	n->b.s = p;
	if (p < end && *p == '.') {
		n->b.s = ++p;
		while (digit(p, end))
			p++;
		n->b.n = (size_t)(p - n->b.s);
	}
	if (p < end)
		n->exp = parse_exponent(n, p + 1, end);
	n->a = strip_front(n->a);
	n->exp += (int64_t)n->a.n;
	n->b = strip_back(n->b);
	if (!n->b.n)
		n->a = strip_back(n->a);
	if (!n->a.n) {
		before = n->b.n;
		n->b = strip_front(n->b);
		n->exp -= (int64_t)(before - n->b.n);
	}
	if (!n->a.n && !n->b.n) /* zero, whatever its sign and exponent */
		*n = (struct json_num){ .neg = false };
}

static size_t n_digits(const struct json_num *n)
{
	return n->a.n + n->b.n;
}

static char digit_at(const struct json_num *n, size_t i)
{
	return i < n->a.n ? n->a.s[i] : n->b.s[i - n->a.n];
}

int json_num_u64(struct str number, uint64_t *out)
{
	char digits[STR_U64_MAX];
	struct json_num n;

	json_num_parse(&n, number);
	if (!n_digits(&n)) {
		*out = 0;
		return 0;
	}
	if (n.neg || n.huge || n.exp < (int64_t)n_digits(&n) ||
	    n.exp > (int64_t)sizeof digits)
		return -1;
	memset(digits, '0', sizeof digits);
	memcpy(digits, n.a.s, n.a.n);
	memcpy(digits + n.a.n, n.b.s, n.b.n);
	return str_to_u64((struct str){ digits, (size_t)n.exp }, out);
}

static int cmp_digits(const struct json_num *a, const struct json_num *b)
{
	size_t na = n_digits(a), nb = n_digits(b);

	if (!a->b.n && !b->b.n)
		return str_cmp(a->a, b->a);
	for (size_t i = 0; i < na && i < nb; i++) {
		int c = digit_at(a, i) - digit_at(b, i);

		if (c)
			return c;
	}
	return (na > nb) - (na < nb);
}

int json_num_cmp(struct str a, struct str b)
{
	struct json_num x, y;
	int c;

	json_num_parse(&x, a);
	json_num_parse(&y, b);
	if (!n_digits(&x) || !n_digits(&y)) {
		if (!n_digits(&x) && !n_digits(&y))
			return 0;
		if (!n_digits(&x))
			return y.neg ? 1 : -1;
		return x.neg ? -1 : 1;
	}
	if (x.neg != y.neg)
		return x.neg ? -1 : 1;
	c = x.exp != y.exp ? (x.exp > y.exp ? 1 : -1) : cmp_digits(&x, &y);
	c = (c > 0) - (c < 0);
	return x.neg ? -c : c;
}

/* ---- comparing ---- */

int json_str_cmp(struct str a, struct str b)
{
	struct str x = inner(a), y = inner(b);
	struct buf u = BUF_INIT, v = BUF_INIT;
	int c;

	/* UTF-8 sorts by bytes as its code points do. */
	if ((!x.n || !memchr(x.s, '\\', x.n)) &&
	    (!y.n || !memchr(y.s, '\\', y.n)))
		return str_cmp(x, y);
	json_unescape(&u, x);
	json_unescape(&v, y);
	c = str_cmp(buf_str(&u), buf_str(&v));
	buf_release(&u);
	buf_release(&v);
	return c;
}

static bool equal_arrays(struct str a, struct str b)
{
	struct json_iter i, j;
	struct str x, y;

	json_iter_init(&i, a);
	json_iter_init(&j, b);
	for (;;) {
		bool more = json_iter_element(&i, &x);

		if (more != json_iter_element(&j, &y))
			return false;
		if (!more)
			return true;
		if (!json_equal(x, y))
			return false;
	}
}

/* A member under its unescaped name. */
struct named {
	struct str name;
	struct str val;
};

static int by_name(const void *a, const void *b)
{
	return str_cmp(((const struct named *)a)->name,
		       ((const struct named *)b)->name);
}

/*
 * The members sorted by unescaped name; *repeated tells whether a name came
 * twice. text keeps the unescaped names; both are the caller's to free.
 */
static struct named *sorted_members(struct str obj, struct buf *text, size_t *n,
				    bool *repeated)
{
	struct named *v = NULL;
	struct json_iter it;
	struct json_member m;
	size_t cap = 0, need = 0;

	*n = 0;
	json_iter_init(&it, obj);
	while (json_iter_member(&it, &m))
		need += m.key_esc ? m.key.n : 0;
	/* Reserved at once, so that what is borrowed from it stays. */
	buf_reserve(text, need + 1);
	json_iter_init(&it, obj);
	while (json_iter_member(&it, &m)) {
		struct str name = m.key;

		if (m.key_esc) {
			size_t at = text->len;

			json_unescape(text, m.key);
			name = (struct str){ text->data + at, text->len - at };
		}
		GROW(v, *n, cap);
		v[(*n)++] = (struct named){ name, m.val };
	}
	if (*n)
		qsort(v, *n, sizeof *v, by_name);
	*repeated = false;
	for (size_t i = 1; i < *n; i++)
		*repeated |= str_eq(v[i - 1].name, v[i].name);
	return v;
}

static bool equal_objects(struct str a, struct str b)
{
	struct buf ta = BUF_INIT, tb = BUF_INIT;
	size_t na, nb;
	bool twice_a, twice_b, same;
	struct named *x = sorted_members(a, &ta, &na, &twice_a);
	struct named *y = sorted_members(b, &tb, &nb, &twice_b);

	same = na == nb && !twice_a && !twice_b;
	for (size_t i = 0; same && i < na; i++)
		same = str_eq(x[i].name, y[i].name) &&
		       json_equal(x[i].val, y[i].val);
	free(x);
	free(y);
	buf_release(&ta);
	buf_release(&tb);
	return same;
}

static bool equal_numbers(struct str a, struct str b)
{
	struct json_num x, y;

	json_num_parse(&x, a);
	json_num_parse(&y, b);
	return !x.huge && !y.huge && json_num_cmp(a, b) == 0;
}

bool json_equal(struct str a, struct str b)
{
	if (str_eq(a, b))
		return true;
	if (json_type(a) != json_type(b))
		return false;
	switch (json_type(a)) {
	case JSON_NUMBER:
		return equal_numbers(a, b);
	case JSON_STRING:
		return json_str_cmp(a, b) == 0;
	case JSON_ARRAY:
		return equal_arrays(a, b);
	case JSON_OBJECT:
		return equal_objects(a, b);
	default:
		return false; /* null and booleans have one spelling */
	}
}

static void canon_number(struct buf *out, struct str v)
{
	struct json_num n;

	json_num_parse(&n, v);
	if (n.huge) {
		buf_adds(out, v);
		return;
	}
	if (n.neg)
		buf_addc(out, '-');
	if (!n_digits(&n)) {
		buf_addc(out, '0');
		return;
	}
	buf_adds(out, n.a);
	buf_adds(out, n.b);
	buf_addf(out, "e%" PRId64, n.exp - (int64_t)n_digits(&n));
}

static void canon_string(struct buf *out, struct str text)
{
	buf_addc(out, '"');
	json_put_escaped(out, text);
	buf_addc(out, '"');
}

static void canon_object(struct buf *out, struct str v)
{
	struct buf text = BUF_INIT;
	size_t n;
	bool repeated;
	struct named *m = sorted_members(v, &text, &n, &repeated);

	if (repeated) {
		buf_adds(out, v);
	} else {
		buf_addc(out, '{');
		for (size_t i = 0; i < n; i++) {
			if (i)
				buf_addc(out, ',');
			canon_string(out, m[i].name);
			buf_addc(out, ':');
			json_canon(out, m[i].val);
		}
		buf_addc(out, '}');
	}
	free(m);
	buf_release(&text);
}

void json_canon(struct buf *out, struct str v)
{
	struct buf text = BUF_INIT;
	struct json_iter it;
	struct str e;
	char sep = '[';

	switch (json_type(v)) {
	case JSON_NUMBER:
		canon_number(out, v);
		break;
	case JSON_STRING:
		canon_string(out, json_text(v, &text));
		break;
	case JSON_ARRAY:
		json_iter_init(&it, v);
		while (json_iter_element(&it, &e)) {
			buf_addc(out, sep);
			json_canon(out, e);
			sep = ',';
		}
		json_end_array(out, sep);
		break;
	case JSON_OBJECT:
		canon_object(out, v);
		break;
	default:
		buf_adds(out, v);
	}
	buf_release(&text);
}
