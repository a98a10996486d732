/* SPDX-License-Identifier: MIT */
#include "bin/retl-diff/input.h"

#include "common/mem.h"

void input_open(struct input *in, struct state *st, uint64_t max_record)
{
	*in = (struct input){
		.rows = ROWS_INIT, .st = st, .prev = BUF_INIT, .err = BUF_INIT
	};
	in->rows.key = st->key;
	in->rows.types = &st->types;
	in->rows.in.max_record = max_record;
	in->rows.index = json_index_new();
	ndjson_open(&in->rows.in, NULL);
}

void input_close(struct input *in)
{
	rows_close(&in->rows);
	buf_release(&in->prev);
	buf_release(&in->err);
}

static void remember(struct input *in)
{
	struct rows *r = &in->rows;

	buf_reset(&in->prev);
	in->prev_no = r->in.line_no;
	in->prev_is_key = r->parsed;
	if (!r->parsed) {
		buf_adds(&in->prev, r->rec.line);
		return;
	}
	for (size_t i = 0; i < r->key.n; i++) {
		buf_adds(&in->prev, r->vals[i]);
		in->prev_len[i] = r->vals[i].n;
	}
}

int input_next(struct input *in)
{
	struct rows *r = &in->rows;
	int got;

	if (r->have)
		remember(in);
	r->parsed = false;
	got = ndjson_next(&r->in);
	r->have = got == 1;
	r->rec.line = r->in.line;
	if (got < 0) {
		in->status = r->in.status;
		fail(&in->err, "%s", r->in.err.data);
	}
	return got;
}

static int broken(struct input *in, const char *what)
{
	in->status = EX_DATAERR;
	return fail(&in->err, "line %" PRIu64 ": %s", in->rows.in.line_no,
		    what);
}

/*
 * The values of the line before. Its text is a row of the state, whose lines
 * are valid and have a key.
 */
static void prev_values(struct input *in, struct str *vals)
{
	const char *at = in->prev.data;
	struct record rec = RECORD_INIT;
	struct key_spec key = in->st->key;
	struct json_fault fault;

	if (in->prev_is_key) {
		for (size_t i = 0; i < key.n; i++) {
			vals[i] = (struct str){ at, in->prev_len[i] };
			at += in->prev_len[i];
		}
		return;
	}
	if (record_parse(&rec, buf_str(&in->prev), &fault) < 0 ||
	    key_get(&key, &rec, vals, &in->err) < 0) {
		/* Equal to a row that is damaged: no order can be shown. */
		memcpy(vals, in->rows.vals, sizeof *vals * key.n);
	}
	record_release(&rec);
}

bool input_passed(struct input *in, const struct rows *r)
{
	struct str prev[KEY_MAX];

	if (!in->prev_no)
		return false;
	prev_values(in, prev);
	return key_cmp(prev, r->vals, r->key.n) >= 0;
}

static int check_order(struct input *in)
{
	struct str prev[KEY_MAX];
	struct rows *r = &in->rows;
	int c;

	if (!in->prev_no)
		return 0;
	prev_values(in, prev);
	c = key_cmp(prev, r->vals, r->key.n);
	if (c < 0)
		return 0;
	in->status = EX_DATAERR;
	if (c == 0)
		return fail(&in->err,
			    "lines %" PRIu64 " and %" PRIu64
			    " have the same key (%s): a key names one row",
			    in->prev_no, r->in.line_no, r->key.text);
	return fail(&in->err,
		    "line %" PRIu64 ": its key comes before that of line "
		    "%" PRIu64 ": sort the stream with retl-sort -k %s",
		    r->in.line_no, in->prev_no, r->key.text);
}

static int check_marks(struct input *in)
{
	const struct record *rec = &in->rows.rec;

	if (rec->diff_result.s && !rec->diff_id.s)
		return broken(in, "diff_result: a dataset that says itself "
				  "what changed needs no diff stage");
	if (rec->diff_result.s || rec->diff_id.s)
		return broken(in, "diff_id: the record comes from another "
				  "diff stage already");
	if (rec->diff_changed.s)
		return broken(in, "diff_changed: the record comes from "
				  "another diff stage already");
	return 0;
}

int input_parse(struct input *in)
{
	struct rows *r = &in->rows;
	struct json_fault fault;
	struct buf why = BUF_INIT;
	int ret;

	if (r->parsed)
		return 0;
	if (rows_parse_line(r, &fault) < 0) {
		in->status = EX_DATAERR;
		return fail(&in->err, "line %" PRIu64 ": byte %zu: %s",
			    r->in.line_no, fault.at + 1, fault.what);
	}
	if (check_marks(in) < 0)
		return -1;
	if (r->types->known && !r->key.typed) {
		memcpy(r->key.type, r->types->type, sizeof r->key.type);
		r->key.typed = true;
	}
	ret = key_get(&r->key, &r->rec, r->vals, &why);
	if (ret < 0)
		broken(in, why.data);
	buf_release(&why);
	if (ret < 0)
		return -1;
	if (!r->types->known) {
		memcpy(r->types->type, r->key.type, sizeof r->key.type);
		r->types->known = true;
	}
	rows_keyed(r);
	return check_order(in);
}
