/* SPDX-License-Identifier: MIT */
#include "bin/retl-push/body.h"

#include "common/digest.h"
#include "common/enc.h"
#include "common/mem.h"

static const char *const types[] = {
	[BODY_JSON] = "json", [BODY_NDJSON] = "ndjson",
	[BODY_FORM] = "form", [BODY_CSV] = "csv",
	[BODY_TEXT] = "text", [BODY_MULTIPART] = "multipart",
	[BODY_NONE] = "none",
};

int body_type_parse(struct str word, enum body_type *type)
{
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (str_is(word, types[i])) {
			*type = (enum body_type)i;
			return 0;
		}
	return -1;
}

/* A value where only text can stand: a string's text, else JSON; null: none. */
static struct str plain_text(struct str v, struct buf *scratch)
{
	if (json_type(v) == JSON_STRING)
		return json_text(v, scratch);
	if (json_type(v) == JSON_NULL)
		return STR("");
	if (json_type(v) != JSON_ARRAY && json_type(v) != JSON_OBJECT)
		return v;
	buf_reset(scratch);
	json_put_compact(scratch, v);
	return buf_str(scratch);
}

/* ---- ndjson ---- */

static int put_lines(struct str v, struct buf *out, struct buf *err)
{
	struct json_iter it;
	struct str line;

	if (json_type(v) != JSON_ARRAY)
		return fail(err, "body: ndjson is made of a list");
	json_iter_init(&it, v);
	while (json_iter_element(&it, &line)) {
		json_put_compact(out, line);
		buf_addc(out, '\n');
	}
	return 0;
}

/* ---- members: of an object, or of a list of objects in turn ---- */

struct members {
	struct str one; /* an object that is all there is; .s NULL: a list */
	struct json_iter list, it;
	bool inside;
};

static int members_init(struct members *m, struct str v)
{
	struct str e;

	*m = (struct members){ .inside = false };
	if (json_type(v) == JSON_OBJECT) {
		json_iter_init(&m->it, v);
		m->one = v;
		m->inside = true;
		return 0;
	}
	if (json_type(v) != JSON_ARRAY)
		return -1;
	json_iter_init(&m->list, v);
	while (json_iter_element(&m->list, &e))
		if (json_type(e) != JSON_OBJECT)
			return -1;
	json_iter_init(&m->list, v);
	return 0;
}

/* Those that are null are left out. */
static bool members_next(struct members *m, struct json_member *out)
{
	struct str e;

	for (;;) {
		while (m->inside && json_iter_member(&m->it, out))
			if (json_type(out->val) != JSON_NULL)
				return true;
		if (m->one.s || !json_iter_element(&m->list, &e))
			return false;
		json_iter_init(&m->it, e);
		m->inside = true;
	}
}

/* ---- form ---- */

static int put_form(struct str v, struct buf *out, struct buf *err)
{
	struct buf name = BUF_INIT, scratch = BUF_INIT;
	struct members all;
	struct json_member m;
	bool any = false;

	if (members_init(&all, v) < 0)
		return fail(err, "body: a form is made of an object, or of a "
				 "list of objects");
	while (members_next(&all, &m)) {
		if (any)
			buf_addc(out, '&');
		any = true;
		buf_reset(&name);
		json_unescape(&name, m.key);
		enc_percent(out, buf_str(&name));
		buf_addc(out, '=');
		enc_percent(out, plain_text(m.val, &scratch));
	}
	buf_release(&name);
	buf_release(&scratch);
	return 0;
}

/* ---- csv ---- */

/* null is an empty field, the empty text one in quotes: they differ. */
static void put_field(struct buf *out, struct str v, bool alone,
		      struct buf *scratch)
{
	struct str t = plain_text(v, scratch);
	bool quote = !t.n && (alone || json_type(v) == JSON_STRING);

	for (size_t i = 0; !quote && i < t.n; i++)
		quote = t.s[i] == ',' || t.s[i] == '"' || t.s[i] == '\n' ||
			t.s[i] == '\r';
	/* Some readers take blanks off the ends. */
	quote |= t.n && (t.s[0] == ' ' || t.s[t.n - 1] == ' ');
	if (!quote) {
		buf_adds(out, t);
		return;
	}
	buf_addc(out, '"');
	for (size_t i = 0; i < t.n; i++) {
		if (t.s[i] == '"')
			buf_addc(out, '"');
		buf_addc(out, t.s[i]);
	}
	buf_addc(out, '"');
}

struct columns {
	struct buf names; /* unescaped, one behind the other */
	size_t *ends;
	struct str *row; /* a value each; .s NULL: not in this row */
	size_t n, cap;
};

static struct str column_name(const struct columns *c, size_t i)
{
	size_t from = i ? c->ends[i - 1] : 0;

	return (struct str){ c->names.data + from, c->ends[i] - from };
}

/*
 * The column of a member. Rows are mostly alike: the one behind the last is
 * tried first, and the search goes round from there. c->n: there is none.
 */
static size_t find_column(const struct columns *c, const struct json_member *m,
			  size_t hint)
{
	for (size_t i = 0; i < c->n; i++) {
		size_t at = (hint + i) % c->n;

		if (json_key_is(m, column_name(c, at)))
			return at;
	}
	return c->n;
}

static void add_column(struct columns *c, struct str name)
{
	json_unescape(&c->names, name);
	GROW(c->ends, c->n, c->cap);
	c->ends[c->n++] = c->names.len;
}

static void find_columns(struct columns *c, struct str rows)
{
	struct json_iter list, it;
	struct json_member m;
	struct str row;

	json_iter_init(&list, rows);
	while (json_iter_element(&list, &row)) {
		size_t hint = 0;

		json_iter_init(&it, row);
		while (json_iter_member(&it, &m)) {
			hint = find_column(c, &m, hint);
			if (hint++ < c->n)
				continue;
			add_column(c, m.key);
		}
	}
}

static void put_object_row(struct columns *c, struct str row, struct buf *out,
			   struct buf *scratch)
{
	struct json_iter it;
	struct json_member m;
	size_t hint = 0;

	for (size_t i = 0; i < c->n; i++)
		c->row[i] = STR("null");
	json_iter_init(&it, row);
	while (json_iter_member(&it, &m)) {
		hint = find_column(c, &m, hint);
		c->row[hint++] = m.val;
	}
	for (size_t i = 0; i < c->n; i++) {
		if (i)
			buf_addc(out, ',');
		put_field(out, c->row[i], c->n == 1, scratch);
	}
	buf_addc(out, '\n');
}

static void put_header_row(struct columns *c, struct buf *out,
			   struct buf *scratch)
{
	struct buf name = BUF_INIT;

	for (size_t i = 0; i < c->n; i++) {
		if (i)
			buf_addc(out, ',');
		buf_reset(&name);
		json_put_str(&name, column_name(c, i));
		put_field(out, buf_str(&name), c->n == 1, scratch);
	}
	buf_addc(out, '\n');
	buf_release(&name);
}

static void put_list_row(struct str row, struct buf *out, struct buf *scratch)
{
	bool alone = json_count(row) == 1, any = false;
	struct json_iter it;
	struct str v;

	json_iter_init(&it, row);
	while (json_iter_element(&it, &v)) {
		if (any)
			buf_addc(out, ',');
		any = true;
		put_field(out, v, alone, scratch);
	}
	buf_addc(out, '\n');
}

/* What all elements are; JSON_NULL: not all the same, or v is no list. */
static enum json_type type_of_all(struct str v)
{
	enum json_type all = JSON_NULL;
	struct json_iter it;
	struct str e;

	if (json_type(v) != JSON_ARRAY)
		return JSON_NULL;
	if (!json_count(v))
		return JSON_ARRAY;
	json_iter_init(&it, v);
	while (json_iter_element(&it, &e)) {
		if (all != JSON_NULL && all != json_type(e))
			return JSON_NULL;
		all = json_type(e);
	}
	return all;
}

/* The columns of a header that stands already. */
static void take_header(struct columns *c, struct str names)
{
	struct json_iter it;
	struct str name;

	json_iter_init(&it, names);
	while (json_iter_element(&it, &name))
		add_column(c, (struct str){ name.s + 1, name.n - 2 });
}

static void keep_header(const struct columns *c, struct buf *names)
{
	buf_addc(names, '[');
	for (size_t i = 0; i < c->n; i++) {
		if (i)
			buf_addc(names, ',');
		json_put_str(names, column_name(c, i));
	}
	buf_addc(names, ']');
}

/* -1: a row has a column that the header, which stands already, has not. */
static int make_header(struct columns *c, struct str rows, struct buf *header,
		       struct buf *out, struct buf *scratch)
{
	size_t n;

	if (header && header->len) {
		take_header(c, buf_str(header));
		n = c->n;
		find_columns(c, rows);
		return c->n > n ? -1 : 0;
	}
	find_columns(c, rows);
	put_header_row(c, out, scratch);
	if (header)
		keep_header(c, header);
	return 0;
}

static int put_csv(struct str v, struct buf *header, struct buf *out,
		   struct buf *err)
{
	struct buf scratch = BUF_INIT;
	struct columns c = { .names = BUF_INIT };
	struct json_iter it;
	struct str row;
	enum json_type type = type_of_all(v);
	int ret = 0;

	if (type != JSON_OBJECT && type != JSON_ARRAY)
		return fail(err, "body: csv is made of a list of objects, or "
				 "of a list of lists");
	if (type == JSON_OBJECT)
		ret = make_header(&c, v, header, out, &scratch);
	if (ret < 0)
		fail(err,
		     "body: %.*s: not a column of the header, which the "
		     "first rows have made: give every row the same members",
		     STR_ARG(column_name(&c, c.n - 1)));
	c.row = xcalloc(MAX(c.n, 1), sizeof *c.row);
	json_iter_init(&it, v);
	while (ret == 0 && json_iter_element(&it, &row)) {
		if (type == JSON_OBJECT)
			put_object_row(&c, row, out, &scratch);
		else
			put_list_row(row, out, &scratch);
	}
	buf_release(&c.names);
	free(c.ends);
	free(c.row);
	buf_release(&scratch);
	return ret;
}

int body_encode_csv(struct str v, struct buf *columns, struct buf *out,
		    struct buf *err)
{
	return put_csv(v, columns, out, err);
}

/* ---- multipart ---- */

/*
 * The boundary is made of the parts' digest: the same request has the same
 * bytes however often it is sent, and no part can hold what is made of it. Its
 * place is kept until then.
 */
#define BOUNDARY "retl-................................"
#define BOUNDARY_N (sizeof BOUNDARY - 1)

struct part {
	size_t at, n; /* of its content, in the body */
	struct str name;
};

struct parts {
	struct buf *out;
	struct part *v;
	size_t n, cap;
	size_t *boundaries; /* where they stand */
	size_t n_boundaries, cap_boundaries;
	struct buf *err;
};

static void put_boundary(struct parts *p, const char *end)
{
	buf_addz(p->out, p->n_boundaries ? "\r\n--" : "--");
	GROW(p->boundaries, p->n_boundaries, p->cap_boundaries);
	p->boundaries[p->n_boundaries++] = p->out->len;
	buf_addz(p->out, BOUNDARY);
	buf_addz(p->out, end);
}

/* A quoted name, as forms of web pages write it. */
static void put_name(struct buf *out, struct str name)
{
	for (size_t i = 0; i < name.n; i++) {
		if (name.s[i] == '"')
			buf_addz(out, "%22");
		else if (name.s[i] == '\r')
			buf_addz(out, "%0D");
		else if (name.s[i] == '\n')
			buf_addz(out, "%0A");
		else
			buf_addc(out, name.s[i]);
	}
}

static bool is_line(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (iscntrl((uint8_t)s.s[i]))
			return false;
	return true;
}

/* " ; filename=..." and a type, of a part that has them. */
static int put_part_head(struct parts *p, const struct json_member *m,
			 struct str file, struct str type)
{
	struct buf text = BUF_INIT;
	int ret = 0;

	buf_addz(p->out, "content-disposition: form-data; name=\"");
	json_unescape(&text, m->key);
	put_name(p->out, buf_str(&text));
	if (file.s) {
		buf_addz(p->out, "\"; filename=\"");
		put_name(p->out, plain_text(file, &text));
	}
	buf_addz(p->out, "\"\r\n");
	if (type.s) {
		struct str t = plain_text(type, &text);

		if (!is_line(t))
			ret = fail(p->err,
				   "body: %.*s: its type has a control "
				   "character in it",
				   STR_ARG(m->key));
		buf_addz(p->out, "content-type: ");
		buf_adds(p->out, t);
		buf_addz(p->out, "\r\n");
	}
	buf_addz(p->out, "\r\n");
	buf_release(&text);
	return ret;
}

static int put_content(struct parts *p, struct str content, struct str as)
{
	struct buf scratch = BUF_INIT;
	enum body_type type = BODY_TEXT;
	int ret = 0;

	if (as.s && (json_type(as) != JSON_STRING ||
		     body_type_parse(json_text(as, &scratch), &type) < 0 ||
		     type == BODY_MULTIPART || type == BODY_NONE))
		ret = fail(p->err, "body: a part's \"as\" is json, ndjson, "
				   "form, csv or text");
	else if (as.s && type != BODY_TEXT)
		ret = body_encode(type, content, p->out, p->err);
	else
		buf_adds(p->out, plain_text(content, &scratch));
	buf_release(&scratch);
	return ret;
}

/* The digest of a part that stands before this one. */
static int put_digest(struct parts *p, struct str kind, struct str of)
{
	struct buf scratch = BUF_INIT, name = BUF_INIT;
	uint8_t sum[DIGEST_MAX];
	enum digest_kind k;
	int ret = -1;

	if (json_type(kind) != JSON_STRING || !of.s ||
	    json_type(of) != JSON_STRING ||
	    digest_kind_parse(json_text(kind, &scratch), &k) < 0) {
		ret = fail(p->err, "body: a part's \"digest\" is md5, sha1, "
				   "sha256 or sha512, with \"of\"");
		goto out;
	}
	for (size_t i = 0; ret && i < p->n; i++) {
		buf_reset(&name);
		json_unescape(&name, p->v[i].name);
		if (!str_eq(buf_str(&name), json_text(of, &scratch)))
			continue;
		digest(k, p->out->data + p->v[i].at, p->v[i].n, sum);
		enc_hex(p->out, sum, digest_size(k));
		ret = 0;
	}
	if (ret < 0)
		fail(p->err, "body: a digest \"of\" a part that does not "
			     "stand before it");
out:
	buf_release(&scratch);
	buf_release(&name);
	return ret;
}

/* A member of a part's description; null is none. */
static struct str told(struct str object, const char *member)
{
	struct str v = json_get(object, member);

	return v.s && json_type(v) != JSON_NULL ? v : STR_NONE;
}

static int put_part(struct parts *p, const struct json_member *m)
{
	bool object = json_type(m->val) == JSON_OBJECT;
	struct str content = object ? json_get(m->val, "content") : STR_NONE;
	struct str kind = object ? told(m->val, "digest") : STR_NONE;
	bool file = content.s != NULL;
	struct part *part;
	size_t at;
	int ret;

	put_boundary(p, "\r\n");
	if (put_part_head(p, m, file ? told(m->val, "filename") : STR_NONE,
			  file ? told(m->val, "type") : STR_NONE) < 0)
		return -1;
	at = p->out->len;
	if (file)
		ret = put_content(p, content, told(m->val, "as"));
	else if (kind.s)
		ret = put_digest(p, kind, json_get(m->val, "of"));
	else
		ret = put_content(p, m->val, STR_NONE);
	GROW(p->v, p->n, p->cap);
	part = &p->v[p->n++];
	*part = (struct part){ at, p->out->len - at, m->key };
	return ret;
}

static void settle_boundary(struct parts *p, size_t from)
{
	uint8_t sum[DIGEST_MAX];
	struct buf hex = BUF_INIT;

	digest(DIGEST_SHA256, p->out->data + from, p->out->len - from, sum);
	buf_addz(&hex, "retl-");
	enc_hex(&hex, sum, 16);
	for (size_t i = 0; i < p->n_boundaries; i++)
		memcpy(p->out->data + p->boundaries[i], hex.data, BOUNDARY_N);
	buf_release(&hex);
}

static int put_multipart(struct str v, struct buf *out, struct buf *err)
{
	struct parts p = { .out = out, .err = err };
	size_t from = out->len;
	struct members all;
	struct json_member m;
	int ret = 0;

	if (members_init(&all, v) < 0)
		return fail(err, "body: multipart is made of an object, or of "
				 "a list of objects");
	while (!ret && members_next(&all, &m))
		ret = put_part(&p, &m);
	put_boundary(&p, "--\r\n");
	settle_boundary(&p, from);
	free(p.v);
	free(p.boundaries);
	return ret;
}

/* ---- all of them ---- */

int body_encode(enum body_type type, struct str v, struct buf *out,
		struct buf *err)
{
	struct buf scratch = BUF_INIT;

	switch (type) {
	case BODY_JSON:
		buf_adds(out, v);
		return 0;
	case BODY_NDJSON:
		return put_lines(v, out, err);
	case BODY_FORM:
		return put_form(v, out, err);
	case BODY_CSV:
		return put_csv(v, NULL, out, err);
	case BODY_MULTIPART:
		return put_multipart(v, out, err);
	case BODY_TEXT:
		if (json_type(v) != JSON_STRING)
			return fail(err, "body: text is made of a string");
		buf_adds(out, json_text(v, &scratch));
		buf_release(&scratch);
		return 0;
	case BODY_NONE:
		return 0;
	}
	return 0;
}

static size_t percent_size(struct str s)
{
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++)
		n += isalnum((uint8_t)s.s[i]) || strchr("-._~", s.s[i]) ? 1 : 3;
	return n;
}

static size_t csv_size(struct str item)
{
	struct buf row = BUF_INIT, scratch = BUF_INIT;
	struct json_iter it;
	struct json_member m;
	size_t n;

	if (json_type(item) == JSON_ARRAY) {
		put_list_row(item, &row, &scratch);
	} else if (json_type(item) == JSON_OBJECT) {
		json_iter_init(&it, item);
		while (json_iter_member(&it, &m)) {
			put_field(&row, m.val, false, &scratch);
			buf_addc(&row, ',');
		}
	}
	n = row.len;
	buf_release(&row);
	buf_release(&scratch);
	return n;
}

size_t body_item_size(enum body_type type, struct str item)
{
	switch (type) {
	case BODY_FORM:
		return percent_size(item) + 3; /* %2C */
	case BODY_CSV:
		return csv_size(item);
	default:
		return item.n + 1;
	}
}

void body_put_type(enum body_type type, struct str body, struct buf *out)
{
	switch (type) {
	case BODY_NDJSON:
		buf_addz(out, "application/x-ndjson");
		break;
	case BODY_FORM:
		buf_addz(out, "application/x-www-form-urlencoded");
		break;
	case BODY_CSV:
		buf_addz(out, "text/csv; charset=utf-8");
		break;
	case BODY_MULTIPART:
		/* "--" and the boundary begin the body. */
		buf_addz(out, "multipart/form-data; boundary=");
		if (body.n >= 2 + BOUNDARY_N)
			buf_add(out, body.s + 2, BOUNDARY_N);
		break;
	case BODY_TEXT:
		buf_addz(out, "text/plain; charset=utf-8");
		break;
	default:
		buf_addz(out, "application/json");
	}
}
