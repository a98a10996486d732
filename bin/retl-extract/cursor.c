/* SPDX-License-Identifier: MIT */
#include "bin/retl-extract/cursor.h"

#include "common/file.h"
#include "common/mem.h"

#define VALUE_MAX ((size_t)64 << 10)

static int read_value(struct cursor *c, struct failure *f)
{
	struct buf *v = &c->value;

	if (access(c->file, F_OK) < 0 && errno == ENOENT)
		return failed(f, EX_NOINPUT,
			      "--cursor: %s does not exist; write the value to "
			      "begin with into it, or make it empty for NULL",
			      c->file);
	if (file_read(c->file, VALUE_MAX, v, &f->text) < 0)
		return failed(f, EX_NOINPUT, "--cursor: %s", f->text.data);
	if (v->len && v->data[v->len - 1] == '\n')
		buf_truncate(v, v->len - 1);
	if (memchr(v->data, '\n', v->len) || memchr(v->data, 0, v->len))
		return failed(f, EX_CONFIG,
			      "--cursor: %s: one line with one value expected",
			      c->file);
	return 0;
}

int cursor_open(struct cursor *c, const char *option, struct failure *f)
{
	const char *eq = strchr(option, '=');
	struct buf next = BUF_INIT;

	*c = CURSOR_INIT;
	if (!eq || eq == option || !eq[1])
		return failed(f, EX_USAGE, "--cursor: expected COLUMN=FILE");
	c->column = xstrndup(option, (size_t)(eq - option));
	c->file = xstrdup(eq + 1);
	buf_addf(&next, "%s.next", c->file);
	c->next = buf_take(&next);
	c->slot = JSON_SLOT(str_of(c->column));
	/* That of a run that failed later must not be taken for ours. */
	if (unlink(c->next) < 0 && errno != ENOENT)
		return failed(f, EX_IOERR, "--cursor: %s: %s", c->next,
			      strerror(errno));
	return read_value(c, f);
}

/* "2024-01-31T10:00:00.5Z": without the Z, texts are in the order of time. */
static struct str without_zone(struct str t)
{
	if (t.n > 11 && t.s[4] == '-' && t.s[7] == '-' && t.s[10] == 'T' &&
	    t.s[t.n - 1] == 'Z')
		t.n--;
	return t;
}

static bool is_larger(struct cursor *c, struct str v)
{
	struct str old = buf_str(&c->largest);

	if (!old.n)
		return true;
	if (json_type(v) != json_type(old))
		return json_type(v) > json_type(old);
	if (json_type(v) == JSON_NUMBER)
		return json_num_cmp(v, old) > 0;
	return str_cmp(without_zone(json_text(v, &c->text)),
		       without_zone(json_text(old, &c->other))) > 0;
}

int cursor_check(const struct cursor *c, bool has_column, struct failure *f)
{
	if (has_column)
		return 0;
	return failed(f, EX_CONFIG, "--cursor: the rows have no column '%s'",
		      c->column);
}

int cursor_take(struct cursor *c, struct str row, struct failure *f)
{
	struct json_fault fault;
	struct str v;
	ssize_t i;

	if (json_obj_parse(&c->obj, row, &fault) < 0)
		return failed(f, EX_DATAERR, "--cursor: %s", fault.what);
	i = json_obj_slot(&c->obj, &c->slot);
	if (cursor_check(c, i >= 0, f) < 0)
		return -1;
	v = c->obj.m[i].val;
	switch (json_type(v)) {
	case JSON_NULL:
		return 0;
	case JSON_NUMBER:
	case JSON_STRING:
		break;
	default:
		return failed(f, EX_DATAERR,
			      "--cursor: column '%s' is neither a number nor a "
			      "text",
			      c->column);
	}
	if (is_larger(c, v)) {
		buf_reset(&c->largest);
		buf_adds(&c->largest, v);
	}
	return 0;
}

int cursor_save(struct cursor *c, struct failure *f)
{
	struct str v = buf_str(&c->largest);
	struct buf line = BUF_INIT;
	int ret = 0;

	if (!v.n)
		buf_adds(&line, buf_str(&c->value));
	else if (json_type(v) == JSON_STRING)
		buf_adds(&line, json_text(v, &c->text));
	else
		buf_adds(&line, v);
	if (memchr(line.data, '\n', line.len))
		ret = failed(f, EX_DATAERR,
			     "--cursor: a line break in a value of '%s'",
			     c->column);
	if (line.len)
		buf_addc(&line, '\n');
	if (ret == 0 && file_replace(c->next, buf_str(&line), &f->text) < 0)
		ret = failed(f, EX_IOERR, "--cursor: %s", f->text.data);
	buf_release(&line);
	return ret;
}

void cursor_release(struct cursor *c)
{
	free(c->column);
	free(c->file);
	free(c->next);
	buf_release(&c->value);
	json_obj_release(&c->obj);
	buf_release(&c->largest);
	buf_release(&c->text);
	buf_release(&c->other);
}
