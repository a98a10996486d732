/* SPDX-License-Identifier: MIT */
/*
 * What would be sent, for people and for review: one JSON object a request, or
 * a curl command. Secrets stand between \1 and \2 in the texts, by name: they
 * are shown as {name}, and to a shell as the variable that holds them.
 */
#include "bin/retl-push/push.h"

#include "common/enc.h"
#include "common/file.h"
#include "common/msg.h"

void dryrun_flush(struct push *p)
{
	if (file_write_all(STDOUT_FILENO, p->shown.data, p->shown.len) < 0)
		die(EX_IOERR, "standard output: %s", strerror(errno));
	buf_reset(&p->shown);
}

static void put_json(struct buf *out, struct str s)
{
	struct buf plain = BUF_INIT;

	show_secrets(&plain, s);
	json_put_str(out, buf_str(&plain));
	buf_release(&plain);
}

static void put_ids(struct flow *f, struct buf *out)
{
	bool any = false;

	buf_addz(out, ",\"diff_ids\":[");
	for (size_t i = 0; i < f->n; i++) {
		struct rec *r = f->recs[i];

		if (!r->carried || !r->id.n)
			continue;
		buf_addz(out, any ? "," : "");
		any = true;
		buf_adds(out, rec_str(r, r->id));
	}
	buf_addz(out, "],\"lines\":[");
	any = false;
	for (size_t i = 0; i < f->n; i++) {
		if (!f->recs[i]->carried || f->recs[i]->stand_in)
			continue;
		buf_addf(out, "%s%" PRIu64, any ? "," : "", f->recs[i]->line);
		any = true;
	}
	buf_addz(out, "],\"diff_results\":[");
	any = false;
	for (size_t i = 0; i < f->n; i++) {
		if (!f->recs[i]->carried || f->recs[i]->stand_in)
			continue;
		buf_addf(out, "%s\"%s\"", any ? "," : "",
			 diff_result_name(f->recs[i]->kind));
		any = true;
	}
	buf_addc(out, ']');
}

/* What does not follow from the request itself. */
struct notes {
	const char *needs, *when, *repeats; /* NULL: nothing to say */
};

static struct notes notes_of(const struct flow *f, const struct step *s)
{
	struct notes n = { .needs = NULL };

	if (s->reads_saved)
		n.needs = "the answer to an earlier step";
	if (f->op->role == TO_PREPARE && s->when.prog &&
	    s->when.uses[VAR_SAVED])
		n.when = "once, before all else, if the answer to an earlier "
			 "step asks for it";
	else if (f->op->role == TO_PREPARE)
		n.when = "once, before all else";
	else if (f->op->role == TO_CLEAN_UP)
		n.when = "a step of the operation fails";
	else if (s->when.prog && s->when.uses[VAR_SAVED])
		n.when = "the answer to an earlier step asks for it";
	if (s->poll.until.prog)
		n.repeats = "until the other side is done";
	else if (s->next.prog)
		n.repeats = "for each further page";
	return n;
}

static void put_headers(struct flow *f, struct buf *out)
{
	struct str rest = buf_str(&f->headers), line;
	bool any = false;

	buf_addz(out, ",\"headers\":{");
	while (str_split(&rest, '\n', &line)) {
		const char *colon = line.n ? memchr(line.s, ':', line.n) : NULL;
		struct str value;

		if (!colon)
			continue;
		value.s = colon + 1;
		value.n = line.n - (size_t)(value.s - line.s);
		if (any)
			buf_addc(out, ',');
		any = true;
		put_json(out, (struct str){ line.s, (size_t)(colon - line.s) });
		buf_addc(out, ':');
		put_json(out, str_trim(value));
	}
	buf_addc(out, '}');
}

/* Markers are only where something secret has been put. */
static bool marks_body(const struct flow *f, const struct step *s)
{
	return auth_writes_body(f->push->d.auth) && !s->no_auth;
}

static void put_body(struct flow *f, const struct step *s, struct buf *out)
{
	struct json_fault fault;
	struct buf plain = BUF_INIT;

	buf_addz(out, ",\"body\":");
	if (!s->has_body) {
		buf_addz(out, "null");
		return;
	}
	if (marks_body(f, s))
		show_secrets(&plain, buf_str(&f->body));
	else
		buf_adds(&plain, buf_str(&f->body));
	/* With the bytes that it is sent with, so that a replay sends them. */
	if (s->type != BODY_JSON ||
	    json_check(buf_str(&plain), NULL, &fault) < 0)
		json_put_str(out, buf_str(&plain));
	else if (memchr(plain.data, '\n', plain.len))
		json_put_compact(out, buf_str(&plain));
	else
		buf_adds(out, buf_str(&plain));
	buf_release(&plain);
}

static void put_note(struct buf *out, const char *name, const char *text)
{
	if (text)
		buf_addf(out, ",\"%s\":\"%s\"", name, text);
}

static void print_json(struct flow *f, const struct step *s, struct buf *out)
{
	struct notes notes = notes_of(f, s);

	buf_addz(out, "{\"to\":");
	json_put_strz(out, f->push->contract->to);
	if (s->name) {
		buf_addz(out, ",\"step\":");
		json_put_strz(out, s->name);
	}
	if (f->op->table) {
		buf_addz(out, ",\"sql\":");
		json_put_str(out, buf_str(&f->url));
		buf_addz(out, ",\"body\":");
		buf_adds(out, buf_str(&f->body));
	} else {
		buf_addz(out, ",\"method\":");
		json_put_strz(out, s->method);
		buf_addz(out, ",\"url\":");
		put_json(out, buf_str(&f->url));
		if (!f->push->uploads)
			put_headers(f, out);
		put_body(f, s, out);
	}
	put_ids(f, out);
	put_note(out, "needs", notes.needs);
	put_note(out, "when", notes.when);
	put_note(out, "repeats", notes.repeats);
	buf_addz(out, "}\n");
}

/* ---- curl ---- */

/*
 * Appends the variable that holds it: a secret's of the environment, for an
 * answer's saved_x. False: there is none.
 */
static bool put_variable(struct push *p, struct str name, struct buf *out)
{
	struct str settings = json_get(p->contract->root, "settings"), one;
	struct str env;

	if (str_starts(name, "saved.") || str_starts(name, "vars.") ||
	    str_starts(name, "auth.")) {
		for (size_t i = 0; i < name.n; i++)
			buf_addc(out,
				 isalnum((uint8_t)name.s[i]) ? name.s[i] : '_');
		return true;
	}
	if (!settings.s || json_find(settings, name, &one) != 1)
		return false;
	env = json_get(one, "env");
	if (!env.s || json_type(env) != JSON_STRING)
		return false;
	env = (struct str){ env.s + 1, env.n - 2 };
	for (size_t i = 0; i < env.n; i++)
		if (!isalnum((uint8_t)env.s[i]) && env.s[i] != '_')
			return false;
	buf_adds(out, env);
	return true;
}

/* A word for sh: single quotes keep everything but themselves. */
static void put_word(struct push *p, struct buf *out, struct str s, bool marks)
{
	buf_addc(out, '\'');
	for (size_t i = 0; i < s.n; i++) {
		struct str name;
		const char *end;
		size_t mark = out->len;

		if (s.s[i] == '\'') {
			buf_addz(out, "'\\''");
			continue;
		}
		end = s.s[i] == '\1' && marks ? memchr(s.s + i, '\2', s.n - i)
					      : NULL;
		if (!end) {
			buf_addc(out, s.s[i]);
			continue;
		}
		name = (struct str){ s.s + i + 1, (size_t)(end - s.s) - i - 1 };
		if (name.n && name.s[0] == '+')
			name = (struct str){ name.s + 1, name.n - 1 };
		buf_addz(out, "'\"${");
		if (put_variable(p, name, out)) {
			buf_addz(out, "}\"'");
		} else {
			buf_truncate(out, mark);
			buf_addf(out, "{%.*s}", STR_ARG(name));
		}
		i = (size_t)(end - s.s);
	}
	buf_addc(out, '\'');
}

/*
 * The body on standard output. A shell's words hold no NUL, so that a body with
 * one goes by way of base64.
 */
static void put_printf(struct flow *f, const struct step *s, struct buf *out)
{
	struct str body = buf_str(&f->body);

	buf_addz(out, "printf %s ");
	if (!memchr(body.s, '\0', body.n)) {
		put_word(f->push, out, body, marks_body(f, s));
		buf_addz(out, " | ");
		return;
	}
	enc_base64(out, body.s, body.n);
	buf_addz(out, " | base64 -d | ");
}

static void put_comment(struct buf *out, const char *what, const char *text)
{
	if (text)
		buf_addf(out, "# %s%s\n", what, text);
}

static void print_curl(struct flow *f, const struct step *s, struct buf *out)
{
	struct str rest = buf_str(&f->headers), line, body = buf_str(&f->body);
	struct notes notes = notes_of(f, s);
	bool file = f->push->uploads;
	bool piped = s->has_body && (file || s->gzip ||
				     (body.n && memchr(body.s, '\0', body.n)));

	put_comment(out, "needs ", notes.needs);
	put_comment(out, f->op->role == TO_PREPARE ? "" : "if ", notes.when);
	put_comment(out, "again ", notes.repeats);
	if (piped)
		put_printf(f, s, out);
	if (s->gzip)
		buf_addz(out, "gzip -n | ");
	if (file)
		buf_addz(out, "curl --path-as-is -T -");
	else
		buf_addf(out, "curl --path-as-is -X %s", s->method);
	while (str_split(&rest, '\n', &line)) {
		if (!line.n)
			continue;
		buf_addz(out, " -H ");
		put_word(f->push, out, line, true);
	}
	if (file) {
		if (f->op->whole && f->batch > 1)
			buf_addz(out, " --append");
	} else if (piped) {
		buf_addz(out, " --data-binary @-");
	} else if (s->has_body) {
		buf_addz(out, " --data-raw ");
		put_word(f->push, out, body, marks_body(f, s));
	}
	buf_addc(out, ' ');
	put_word(f->push, out, buf_str(&f->url), true);
	buf_addc(out, '\n');
}

void dryrun_print(struct flow *f)
{
	struct push *p = f->push;
	const struct step *s = &f->op->steps[f->step];

	if (strcmp(p->cfg.dry_run, "curl") != 0)
		print_json(f, s, &p->shown);
	else if (f->op->table)
		buf_addf(&p->shown, "# %s\n# $1: %s\n", f->url.data,
			 f->body.data);
	else
		print_curl(f, s, &p->shown);
	if (p->shown.len > (64 << 10))
		dryrun_flush(p);
}
