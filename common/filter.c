/* SPDX-License-Identifier: MIT */
#include "common/filter.h"

#include "common/msg.h"
#include "common/watch.h"

void filter_open(struct filter *f, const char *path)
{
	if (ndjson_open(&f->in, path) < 0)
		die(f->in.status, "%s", f->in.err.data);
	out_init(&f->out, STDOUT_FILENO, "standard output");
	f->in.flush_first = &f->out;
	rejects_open(&f->rejects);
	watch_count("read", &f->in.n_records);
	watch_count("written", &f->out.n_records);
	watch_count("rejected", &f->rejects.n);
}

void filter_die_fault(const struct ndjson *in, const struct json_fault *fault)
{
	struct buf place = BUF_INIT;

	ndjson_place(in, &place);
	die(EX_DATAERR, "%s: byte %zu: %s", place.data, fault->at + 1,
	    fault->what);
}

bool filter_take(struct filter *f)
{
	struct json_fault fault;

	f->mark = f->out.b.len;
	if (record_parse_indexed(&f->rec, f->in.line, f->in.in_index, &fault) <
	    0) {
		/* What was good goes out; the seal does not. */
		out_flush(&f->out);
		filter_die_fault(&f->in, &fault);
	}
	faults_reset(&f->faults);
	if (f->stubs || !record_is_stub(&f->rec))
		return true;
	out_line(&f->out, f->in.line);
	return false;
}

bool filter_next(struct filter *f)
{
	int got;

	while ((got = ndjson_next(&f->in)) == 1)
		if (filter_take(f))
			return true;
	if (got < 0) {
		out_flush(&f->out);
		die(f->in.status, "%s", f->in.err.data);
	}
	return false;
}

static void list(struct filter *f)
{
	struct buf place = BUF_INIT;

	ndjson_place(&f->in, &place);
	if (f->rejects.strict)
		out_flush(&f->out);
	rejects_add(&f->rejects, place.data, f->in.line_no, &f->faults,
		    f->in.line);
	buf_release(&place);
}

void filter_refuse(struct filter *f, struct str keys)
{
	bool lost = !f->rec.diff_id.s && !keys.n;

	buf_truncate(&f->out.b, f->mark);
	if (f->tell)
		f->tell(f, lost);
	else
		list(f);
	f->lossy |= lost;
	if (lost)
		return;
	record_put_stub(&f->out.b, &f->rec, keys,
			&(struct stub){ STR("rejected"),
					str_of(f->faults.v[0].code),
					fault_field(&f->faults, 0),
					fault_reason(&f->faults, 0) });
	out_record(&f->out);
}

void filter_warn_unsealed(struct ndjson *in)
{
	const char *why = ndjson_seal_fault(in);

	if (why && isatty(STDERR_FILENO))
		msg_warn("%s: what follows cannot tell that it is complete, "
			 "and will remove nothing",
			 why);
}

int filter_close(struct filter *f)
{
	bool refused = f->rejects.n > 0, sealed = ndjson_sealed(&f->in);

	filter_warn_unsealed(&f->in);
	if (sealed && !f->lossy)
		out_seal(&f->out);
	out_close(&f->out);
	watch_stop(&f->in.n_records);
	watch_stop(&f->out.n_records);
	watch_stop(&f->rejects.n);
	rejects_close(&f->rejects);
	if (sealed && f->lossy)
		msg_warn("the output is not sealed: of a refused record there "
			 "is no stub, for want of a key (-k KEY)");
	ndjson_close(&f->in);
	record_release(&f->rec);
	faults_release(&f->faults);
	return refused ? EX_REFUSED : 0;
}
