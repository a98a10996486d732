/* SPDX-License-Identifier: MIT */
/* Records as they come in: validated, and with the key encoded, in one pass. */
#include "bin/retl-sort/sort.h"

#include "common/filter.h"
#include "common/msg.h"
#include "common/watch.h"

void code_keep(struct code_copy *to, const struct code *code)
{
	buf_reset(&to->text);
	buf_adds(&to->text, code->bytes);
	to->code.prefix = code->prefix;
	to->code.bytes = buf_str(&to->text);
	to->any = true;
}

void place_put(struct buf *out, const struct config *cfg, uint64_t place)
{
	const char *file = cfg->files[place >> PLACE_LINE_BITS];
	uint64_t line = place & (((uint64_t)1 << PLACE_LINE_BITS) - 1);

	if (strcmp(file, "-") == 0)
		buf_addf(out, "line %" PRIu64, line);
	else
		buf_addf(out, "%s:%" PRIu64, file, line);
}

void die_duplicate(const struct config *cfg, uint64_t first, uint64_t second)
{
	struct buf a = BUF_INIT, b = BUF_INIT;

	place_put(&a, cfg, first);
	place_put(&b, cfg, second);
	die(EX_DATAERR, "%s: has the same key (%s) as %s", b.data,
	    cfg->key.text, a.data);
}

void input_open(struct input *in, struct config *cfg, size_t file)
{
	*in = (struct input){
		.cfg = cfg,
		.file = file,
		.in = NDJSON_INIT,
		.rec = RECORD_INIT,
		.scratch = BUF_INIT,
		.last = CODE_COPY_INIT,
	};
	in->in.max_record = cfg->max_record;
	if (ndjson_open(&in->in, cfg->files[file]) < 0)
		die(in->in.status, "%s", in->in.err.data);
	ndjson_index(&in->in, true);
	watch_count("read", &in->in.n_records);
}

/* The common case: one member. */
static void code_one(struct input *in, struct str val)
{
	struct code *c = &in->item.code;
	bool whole;

	if (json_type(val) == JSON_STRING &&
	    !memchr(val.s + 1, '\\', val.n - 2)) {
		c->bytes = (struct str){ val.s + 1, val.n - 2 };
		c->prefix = key_window(c->bytes.s, c->bytes.n, 0);
		in->key_in_record = true;
		return;
	}
	if (json_type(val) != JSON_STRING) {
		c->prefix = key_prefix(val, &whole);
		c->bytes = STR("");
		if (whole)
			return;
	}
	key_encode(&in->scratch, &val, 1);
	c->bytes = buf_str(&in->scratch);
	c->prefix = key_window(c->bytes.s, c->bytes.n, 0);
}

/* The record breaks a promise: "line 17: why". */
static int broken(struct input *in, const char *fmt, ...) PRINTF_LIKE(2, 3);
static int broken(struct input *in, const char *fmt, ...)
{
	va_list ap;

	in->in.status = EX_DATAERR;
	buf_reset(&in->in.err);
	ndjson_place(&in->in, &in->in.err);
	buf_addz(&in->in.err, ": ");
	va_start(ap, fmt);
	buf_vaddf(&in->in.err, fmt, ap);
	va_end(ap);
	return -1;
}

int input_next(struct input *in)
{
	struct str vals[KEY_MAX];
	struct json_fault fault;
	struct buf err = BUF_INIT;
	struct code *c = &in->item.code;
	int got = ndjson_next(&in->in);

	if (got != 1)
		return got;
	if (record_parse_indexed(&in->rec, in->in.line, in->in.in_index,
				 &fault) < 0)
		return broken(in, "byte %zu: %s", fault.at + 1, fault.what);
	if (key_get(&in->cfg->key, &in->rec, vals, &err) < 0) {
		broken(in, "%s", err.data);
		buf_release(&err);
		return -1;
	}
	in->key_in_record = false;
	buf_reset(&in->scratch);
	if (LIKELY(in->cfg->key.n == 1)) {
		code_one(in, vals[0]);
	} else {
		key_encode(&in->scratch, vals, in->cfg->key.n);
		c->bytes = buf_str(&in->scratch);
		c->prefix = key_window(c->bytes.s, c->bytes.n, 0);
	}
	if (in->cfg->reverse)
		c->prefix = ~c->prefix;
	in->item.rec = in->in.line;
	in->item.place = place_of(in->file, in->in.line_no);
	return 1;
}

int input_next_ordered(struct input *in)
{
	struct buf place = BUF_INIT, before = BUF_INIT;
	int got = input_next(in), c;

	if (got < 0)
		die(in->in.status, "%s", in->in.err.data);
	if (got != 1)
		return got;
	if (in->last.any) {
		c = code_cmp(&in->last.code, &in->item.code, in->cfg->reverse);
		if (c == 0 && in->cfg->unique == UNIQUE_ERROR)
			die_duplicate(in->cfg, in->last_place, in->item.place);
		if (c > 0) {
			place_put(&place, in->cfg, in->item.place);
			place_put(&before, in->cfg, in->last_place);
			die(EX_DATAERR,
			    "%s: not sorted by %s: belongs before %s",
			    place.data, in->cfg->key.text, before.data);
		}
	}
	code_keep(&in->last, &in->item.code);
	in->last_place = in->item.place;
	return 1;
}

bool input_close(struct input *in)
{
	static bool warned;
	bool sealed = ndjson_sealed(&in->in);

	if (!sealed && !warned) {
		filter_warn_unsealed(&in->in);
		warned = true;
	}
	watch_stop(&in->in.n_records);
	ndjson_close(&in->in);
	record_release(&in->rec);
	buf_release(&in->scratch);
	buf_release(&in->last.text);
	return sealed;
}
