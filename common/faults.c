/* SPDX-License-Identifier: MIT */
#include "common/faults.h"

#include <fcntl.h>

#include "common/file.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/msg.h"

void faults_add(struct faults *f, struct str field, const char *code,
		const char *reason, ...)
{
	struct fault *v;
	va_list ap;

	GROW(f->v, f->n, f->cap);
	v = &f->v[f->n++];
	*v = (struct fault){ .code = code };
	v->field = f->text.len;
	v->n_field = field.n;
	buf_adds(&f->text, field);
	v->reason = f->text.len;
	va_start(ap, reason);
	buf_vaddf(&f->text, reason, ap);
	va_end(ap);
	v->n_reason = f->text.len - v->reason;
}

void faults_reset(struct faults *f)
{
	f->n = 0;
	buf_reset(&f->text);
}

void faults_release(struct faults *f)
{
	free(f->v);
	buf_release(&f->text);
	*f = FAULTS_INIT;
}

struct str fault_field(const struct faults *f, size_t i)
{
	return (struct str){ f->text.data + f->v[i].field, f->v[i].n_field };
}

struct str fault_reason(const struct faults *f, size_t i)
{
	return (struct str){ f->text.data + f->v[i].reason, f->v[i].n_reason };
}

void faults_set_source(struct faults *f, size_t i, struct str names)
{
	f->v[i].source = f->text.len;
	f->v[i].n_source = names.n;
	buf_adds(&f->text, names);
}

struct str fault_source(const struct faults *f, size_t i)
{
	return (struct str){ f->text.data + f->v[i].source, f->v[i].n_source };
}

/* " (from first, last)" */
static void put_source(struct buf *out, struct str names)
{
	struct buf scratch = BUF_INIT;
	const char *sep = " (from ";
	struct json_iter it;
	struct str name;

	if (!names.n)
		return;
	json_iter_init(&it, names);
	for (; json_iter_element(&it, &name); sep = ", ") {
		buf_addz(out, sep);
		buf_adds(out, json_text(name, &scratch));
	}
	buf_addc(out, ')');
	buf_release(&scratch);
}

void faults_put(struct buf *out, const struct faults *f)
{
	for (size_t i = 0; i < f->n; i++) {
		if (i)
			buf_addz(out, "; ");
		if (f->v[i].n_field) {
			buf_adds(out, fault_field(f, i));
			put_source(out, fault_source(f, i));
			buf_addz(out, ": ");
		}
		buf_adds(out, fault_reason(f, i));
	}
}

void rejects_open(struct rejects *r)
{
	if (!r->path)
		return;
	r->fd = open(r->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	if (r->fd < 0)
		die(EX_NOINPUT, "--rejects %s: %s", r->path, strerror(errno));
}

static void count_code(struct rejects *r, const char *code)
{
	size_t i = 0;

	while (i < r->n_codes && strcmp(r->codes[i].code, code) != 0)
		i++;
	if (i == r->n_codes) {
		/* Beyond the table all share its last place. */
		if (i == REJECTS_CODES) {
			r->codes[i - 1].code = "other";
			r->codes[i - 1].n++;
			return;
		}
		r->codes[r->n_codes++].code = code;
	}
	r->codes[i].n++;
}

static void put_fault(struct buf *b, const struct faults *f, size_t i)
{
	buf_addz(b, "\"field\":");
	if (f->v[i].n_field)
		json_put_str(b, fault_field(f, i));
	else
		buf_addz(b, "null");
	if (f->v[i].n_source) {
		buf_addz(b, ",\"source\":");
		buf_adds(b, fault_source(f, i));
	}
	buf_addz(b, ",\"code\":");
	json_put_strz(b, f->v[i].code);
	buf_addz(b, ",\"reason\":");
	json_put_str(b, fault_reason(f, i));
}

static void write_line(struct rejects *r, uint64_t line, const struct faults *f,
		       struct str record)
{
	struct buf b = BUF_INIT;

	buf_addz(&b, "{\"stage\":");
	json_put_strz(&b, msg_tool());
	buf_addf(&b, ",\"line\":%" PRIu64 ",", line);
	put_fault(&b, f, 0);
	if (f->n > 1) {
		buf_addz(&b, ",\"faults\":[");
		for (size_t i = 0; i < f->n; i++) {
			buf_addz(&b, i ? ",{" : "{");
			put_fault(&b, f, i);
			buf_addc(&b, '}');
		}
		buf_addc(&b, ']');
	}
	buf_addz(&b, ",\"record\":");
	buf_adds(&b, record);
	buf_addz(&b, "}\n");
	if (file_write_all(r->fd, b.data, b.len) < 0) {
		r->error = errno;
		if (!r->keep_going)
			die(EX_IOERR, "--rejects %s: %s", r->path,
			    strerror(errno));
	}
	buf_release(&b);
}

void rejects_add(struct rejects *r, const char *place, uint64_t line,
		 const struct faults *f, struct str record)
{
	struct buf text = BUF_INIT;

	r->n++;
	count_code(r, f->v[0].code);
	if (r->fd >= 0 && !r->error)
		write_line(r, line, f, record);
	faults_put(&text, f);
	if (r->strict)
		die(EX_DATAERR, "%s: %s", place, text.data);
	if (r->fd < 0 && r->n <= 10)
		msg_error("%s: %s", place, text.data);
	buf_release(&text);
}

void rejects_close(struct rejects *r)
{
	struct buf b = BUF_INIT;

	if (r->fd >= 0 && close(r->fd) < 0)
		die(EX_IOERR, "--rejects %s: %s", r->path, strerror(errno));
	r->fd = -1;
	if (!r->n)
		return;
	for (size_t i = 0; i < r->n_codes; i++)
		buf_addf(&b, "%s%s %" PRIu64, i ? ", " : "", r->codes[i].code,
			 r->codes[i].n);
	if (r->path && r->error)
		msg_warn("%" PRIu64 " records refused (%s); not all are listed "
			 "in %s: %s",
			 r->n, b.data, r->path, strerror(r->error));
	else if (r->path)
		msg_warn("%" PRIu64 " records refused (%s), listed in %s", r->n,
			 b.data, r->path);
	else
		msg_warn("%" PRIu64 " records refused (%s); --rejects FILE "
			 "lists them",
			 r->n, b.data);
	buf_release(&b);
}
