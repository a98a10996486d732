/* SPDX-License-Identifier: MIT */
#include "bin/retl-push/upload.h"

#include "common/msg.h"
#include "bin/retl-push/sftp.h"

#define CONNECT_MS 15000

bool upload_is_meant(struct str base_url)
{
	return str_starts(base_url, "sftp:");
}

/* ---- what a contract may say ---- */

static bool names(struct str text, const char *what)
{
	return memmem(text.s, text.n, what, strlen(what)) != NULL;
}

const char *upload_fault(struct str op)
{
	static const char *const others[] = { "steps", "table",   "results",
					      "rules", "save",    "poll",
					      "next",  "cleanup", "response",
					      "each",  NULL };
	struct str rq = json_get(op, "request");
	bool whole = json_is_true(op, "whole");

	for (size_t i = 0; others[i]; i++)
		if (json_get(op, others[i]).s)
			return "a file on an SFTP server is put there by one "
			       "request, whose answer has nothing to read: no "
			       "steps, table, results, rules, save, poll, "
			       "next, cleanup, response or each";
	if (!json_text_is(json_get(rq, "method"), "PUT"))
		return "a file on an SFTP server is PUT";
	if (whole && !json_is_true(rq, "replace") && !names(op, "run."))
		return "the next run finds a file of this name: say "
		       "\"replace\": true, or name $run.id in the url";
	if (!whole && !names(op, "run.batch") && !names(op, "record.") &&
	    !names(op, "derived.") && !names(op, "group"))
		return "each batch would have the same name: name $run.batch "
		       "in the url, or say \"whole\": true";
	return NULL;
}

const char *upload_contract_fault(struct str root)
{
	if (!json_text_is(json_get(json_get(root, "auth"), "type"), "ssh"))
		return "an SFTP server is spoken to with \"auth\" of the type "
		       "ssh";
	if (json_get(root, "prepare").s)
		return "an SFTP server answers nothing to be prepared with";
	return NULL;
}

/* ---- opening ---- */

/* The type may be a setting, so it is known only now. */
static const char *type_fault(const struct operation *op)
{
	const struct step *s = &op->steps[0];

	if (op->whole && s->type != BODY_CSV && s->type != BODY_NDJSON)
		return "a file that is written in pieces is csv or ndjson";
	if (s->type == BODY_FORM || s->type == BODY_MULTIPART || !s->has_body)
		return "a file is csv, ndjson, json or text";
	return NULL;
}

static int check(struct push *p)
{
	struct str root = p->contract->root;
	struct str ops = json_get(root, "operations"), v;
	const char *why = upload_contract_fault(root);

	for (size_t i = 0; !why && i < p->d.n_ops; i++) {
		if (json_find(ops, p->d.ops[i]->name, &v) == 1)
			why = upload_fault(v);
		if (!why)
			why = type_fault(p->d.ops[i]);
	}
	return why ? fail(&p->err, "%s: %s", p->contract->path, why) : 0;
}

/* NULL: not given. */
static const char *value(const struct auth *a, const char *name)
{
	struct str text = auth_get(a, name);

	return text.n ? text.s : NULL;
}

int upload_open(struct push *p)
{
	const struct setting *url =
	    contract_setting(p->contract, STR("base_url"));
	const struct auth *a = p->d.auth;

	if (!upload_is_meant(url->text)) {
		if (str_is(str_of(a->scheme->type), "ssh"))
			return fail(&p->err,
				    "%s: base_url: not sftp://USER@HOST, which "
				    "\"auth\" of the type ssh is for",
				    p->contract->path);
		return 0;
	}
	if (check(p) < 0)
		return -1;
	p->uploads = true;
	if (p->cfg.dry_run)
		return 0;
	p->sftp = sftp_new(&(struct sftp_opts){
	    .ssh = { .known_hosts = value(a, "known_hosts"),
		     .key = value(a, "key_file"),
		     .passphrase = value(a, "passphrase"),
		     .password = value(a, "password") },
	    .connect_ms = MIN(CONNECT_MS, (long)p->cfg.timeout_s * 1000),
	    .timeout_ms = (long)p->cfg.timeout_s * 1000,
	    .n_connections = p->d.concurrency,
	});
	if (!p->sftp)
		return fail(&p->err,
			    "sftp: not built in (libcurl has no SFTP)");
	return 0;
}

void upload_close(struct push *p)
{
	struct session *s = &p->session;

	/* Begun, and nothing came of it. */
	if (p->sftp && s->n_written && s->file.len)
		sftp_drop(p->sftp, s->file.data, s->temp.data);
	sftp_free(p->sftp);
	p->sftp = NULL;
	buf_release(&s->file);
	buf_release(&s->temp);
	buf_release(&s->columns);
}

int upload_fd(const struct push *p)
{
	return p->sftp ? sftp_fd(p->sftp) : -1;
}

void upload_collect(struct push *p)
{
	if (p->sftp)
		sftp_collect(p->sftp);
}

void upload_abort(struct push *p)
{
	if (p->sftp)
		sftp_abort(p->sftp);
}

/* ---- sending ---- */

struct buf *upload_columns(struct flow *f, const struct step *s)
{
	struct session *session = &f->push->session;

	if (!f->push->uploads || !f->op->whole || s->type != BODY_CSV)
		return NULL;
	if (!session->n_written)
		buf_reset(&session->columns);
	return &session->columns;
}

int upload_check_url(struct flow *f, struct tmpl_field *field)
{
	/* To the server what is decoded is a path. */
	if (!strcasestr(f->url.data, "%2F") && !strstr(f->url.data, "%00"))
		return 0;
	*field = (struct tmpl_field){ STR("url"), TMPL_TEXT };
	return fail(&f->push->err, "a value has a slash or a NUL in it, which "
				   "a file's name cannot have");
}

bool upload_ends(const struct flow *f)
{
	return f->push->uploads && f->op->whole && f->last &&
	       f->push->session.n_written;
}

/* Beside the file: hidden, and of this run alone. */
static void put_temp(struct push *p, const char *url, struct buf *out)
{
	const char *name = strrchr(url, '/') + 1;

	buf_add(out, url, (size_t)(name - url));
	buf_addf(out, ".%s.%.16s.part", name, p->run_id);
}

static void stop(struct flow *f, const struct sftp_answer *a)
{
	push_stop(f->push, a->denied ? EX_NOPERM : EX_UNAVAILABLE, "%s: %s: %s",
		  f->push->contract->name, f->url.data, a->why);
}

/* The piece is there, and so is what stood before it. */
static void piece_done(struct flow *f)
{
	struct session *s = &f->push->session;

	if (!f->op->whole)
		return;
	s->n_written += f->body.len;
	if (f->last)
		buf_reset(&s->file);
}

static enum verdict meaning(struct flow *f, const struct sftp_answer *a)
{
	switch (a->outcome) {
	case SFTP_DONE:
		piece_done(f);
		return GO_ON;
	case SFTP_EXISTS:
		if (f->op->steps[0].names_record)
			return REJECTED;
		stop(f, a);
		return STOP;
	case SFTP_REFUSED:
		stop(f, a);
		return STOP;
	case SFTP_LOST:
		for (size_t i = 0; i < f->n; i++)
			f->recs[i]->ambiguous = true;
		return RETRY;
	default:
		return RETRY;
	}
}

static const char *code_of(enum sftp_outcome outcome)
{
	static const char *const codes[] = {
		[SFTP_DONE] = "",
		[SFTP_EXISTS] = "exists",
		[SFTP_REFUSED] = "refused",
		[SFTP_FAILED] = "sftp",
		[SFTP_UNREACHABLE] = "unreachable",
		[SFTP_LOST] = "lost",
	};

	return codes[outcome];
}

static void answered(void *arg, const struct sftp_answer *a)
{
	struct flow *f = arg;
	struct push *p = f->push;
	enum verdict v;

	p->n_under_way--;
	msg_debug("< batch %" PRIu64 ": %s%s%s (%" PRId64 " ms)", f->number,
		  a->outcome == SFTP_DONE ? "written" : code_of(a->outcome),
		  *a->why ? ": " : "", a->why, a->took_ms);
	v = meaning(f, a);
	if (v != GO_ON)
		flow_decide_all(f, v, str_of(code_of(a->outcome)),
				str_of(a->why));
	pace_failed(p, v == RETRY);
	pace_answered(f, a->took_ms, false);
	flow_answered(f, -1);
}

void upload_send(struct flow *f)
{
	struct push *p = f->push;
	struct session *s = &p->session;
	bool whole = f->op->whole, maybe = false, again = false;
	struct buf temp = BUF_INIT;

	put_temp(p, f->url.data, &temp);
	if (whole && !s->n_written) {
		buf_reset(&s->file);
		buf_reset(&s->temp);
		buf_adds(&s->file, buf_str(&f->url));
		buf_adds(&s->temp, buf_str(&temp));
	}
	for (size_t i = 0; i < f->n; i++) {
		maybe |= f->recs[i]->ambiguous;
		again |= f->recs[i]->tries > 1;
	}
	msg_debug("> PUT %s (batch %" PRIu64 ", %zu records, %zu bytes)",
		  f->url.data, f->number, f->n_carried, f->body.len);
	show_sent(f);
	p->n_under_way++;
	sftp_put(p->sftp,
		 &(struct sftp_piece){
		     .url = whole ? s->file.data : f->url.data,
		     .temp = whole ? s->temp.data : temp.data,
		     .bytes = buf_str(&f->body),
		     .offset = whole ? s->n_written : 0,
		     .last = !whole || f->last,
		     .replace = f->op->steps[0].replace,
		     .again = again,
		     .maybe = maybe,
		 },
		 answered, f);
	buf_release(&temp);
}
