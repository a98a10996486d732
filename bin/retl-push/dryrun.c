/* SPDX-License-Identifier: MIT */
/*
 * What would be sent, for people and for review: one JSON object a request, or
 * a curl command. Secrets stand between \1 and \2 in the texts, by name: they
 * are shown as {name}, and to a shell as the variable that holds them.
 */
#include "bin/retl-push/push.h"

#include "common/file.h"
#include "common/msg.h"

void dryrun_flush(struct push *p)
{
	if (file_write_all(STDOUT_FILENO, p->shown.data, p->shown.len) < 0)
		die(EX_IOERR, "standard output: %s", strerror(errno));
	buf_reset(&p->shown);
}

/* The markers as braces. */
static void put_plain(struct buf *out, struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		buf_addc(out, s.s[i] == '\1'   ? '{'
			      : s.s[i] == '\2' ? '}'
					       : s.s[i]);
}

static void put_json(struct buf *out, struct str s)
{
	struct buf plain = BUF_INIT;

	put_plain(&plain, s);
	json_put_str(out, buf_str(&plain));
	buf_release(&plain);
}

static void put_ids(struct flow *f, struct buf *out, bool known)
{
	bool any = false;

	buf_addz(out, ",\"diff_ids\":[");
	for (size_t i = 0; i < f->n; i++) {
		struct rec *r = f->recs[i];

		if ((known && !r->carried) || !r->id.n)
			continue;
		if (any)
			buf_addc(out, ',');
		any = true;
		buf_adds(out, rec_str(r, r->id));
	}
	buf_addz(out, "],\"lines\":[");
	any = false;
	for (size_t i = 0; i < f->n; i++) {
		if ((known && !f->recs[i]->carried) || f->recs[i]->stand_in)
			continue;
		buf_addf(out, "%s%" PRIu64, any ? "," : "", f->recs[i]->line);
		any = true;
	}
	buf_addc(out, ']');
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

static void put_body(struct flow *f, const struct step *s, struct buf *out)
{
	struct json_fault fault;
	struct buf plain = BUF_INIT;

	buf_addz(out, ",\"body\":");
	if (!s->has_body) {
		buf_addz(out, "null");
		return;
	}
	put_plain(&plain, buf_str(&f->body));
	if (s->type == BODY_JSON &&
	    json_check(buf_str(&plain), NULL, &fault) == 0)
		json_put_compact(out, buf_str(&plain));
	else
		json_put_str(out, buf_str(&plain));
	buf_release(&plain);
}

/* A request that needs what an earlier one's answer says. */
static void print_unknown(struct flow *f, const struct step *s, struct buf *out)
{
	buf_addf(out, "{\"step\":");
	json_put_strz(out, s->name ? s->name : "");
	buf_addz(out, ",\"method\":");
	json_put_strz(out, s->method);
	buf_addz(out, ",\"url\":null,\"headers\":null,\"body\":null,"
		      "\"needs\":\"the answer to an earlier step\"");
	put_ids(f, out, false);
	buf_addz(out, "}\n");
}

static void print_json(struct flow *f, const struct step *s, struct buf *out)
{
	buf_addc(out, '{');
	if (s->name) {
		buf_addz(out, "\"step\":");
		json_put_strz(out, s->name);
		buf_addc(out, ',');
	}
	buf_addz(out, "\"method\":");
	json_put_strz(out, s->method);
	buf_addz(out, ",\"url\":");
	put_json(out, buf_str(&f->url));
	put_headers(f, out);
	put_body(f, s, out);
	put_ids(f, out, true);
	buf_addz(out, "}\n");
}

/* ---- curl ---- */

/* The environment variable of a secret; .s NULL: it has none. */
static struct str variable_of(struct push *p, struct str name)
{
	struct str settings = json_get(p->contract->root, "settings"), one;
	struct str env;

	if (!settings.s || json_find(settings, name, &one) != 1)
		return STR_NONE;
	env = json_get(one, "env");
	if (!env.s || json_type(env) != JSON_STRING)
		return STR_NONE;
	env = (struct str){ env.s + 1, env.n - 2 };
	for (size_t i = 0; i < env.n; i++)
		if (!isalnum((uint8_t)env.s[i]) && env.s[i] != '_')
			return STR_NONE;
	return env;
}

/* A word for sh: single quotes keep everything but themselves. */
static void put_word(struct push *p, struct buf *out, struct str s)
{
	buf_addc(out, '\'');
	for (size_t i = 0; i < s.n; i++) {
		struct str name, env;
		const char *end;

		if (s.s[i] == '\'') {
			buf_addz(out, "'\\''");
			continue;
		}
		if (s.s[i] != '\1') {
			buf_addc(out, s.s[i]);
			continue;
		}
		end = memchr(s.s + i, '\2', s.n - i);
		if (!end)
			continue;
		name = (struct str){ s.s + i + 1, (size_t)(end - s.s) - i - 1 };
		env = variable_of(p, name);
		if (env.s)
			buf_addf(out, "'\"${%.*s}\"'", STR_ARG(env));
		else
			buf_addf(out, "{%.*s}", STR_ARG(name));
		i = (size_t)(end - s.s);
	}
	buf_addc(out, '\'');
}

static void print_curl(struct flow *f, const struct step *s, struct buf *out)
{
	struct str rest = buf_str(&f->headers), line;

	if (s->gzip) {
		buf_addz(out, "printf %s ");
		put_word(f->push, out, buf_str(&f->body));
		buf_addz(out, " | gzip -n | ");
	}
	buf_addf(out, "curl --path-as-is -X %s", s->method);
	while (str_split(&rest, '\n', &line)) {
		if (!line.n)
			continue;
		buf_addz(out, " -H ");
		put_word(f->push, out, line);
	}
	if (s->gzip) {
		buf_addz(out, " --data-binary @-");
	} else if (s->has_body) {
		buf_addz(out, " --data-raw ");
		put_word(f->push, out, buf_str(&f->body));
	}
	buf_addc(out, ' ');
	put_word(f->push, out, buf_str(&f->url));
	buf_addc(out, '\n');
}

void dryrun_print(struct flow *f, bool known)
{
	struct push *p = f->push;
	const struct step *s = &f->op->steps[f->step];
	bool curl = strcmp(p->cfg.dry_run, "curl") == 0;

	if (curl && f->op->table)
		buf_addf(&p->shown, "# %s\n", f->url.data);
	else if (!known && curl)
		buf_addf(&p->shown,
			 "# %s %s: made of the answer to an "
			 "earlier step\n",
			 s->method, s->name ? s->name : "");
	else if (!known)
		print_unknown(f, s, &p->shown);
	else if (curl)
		print_curl(f, s, &p->shown);
	else
		print_json(f, s, &p->shown);
	if (p->shown.len > (64 << 10))
		dryrun_flush(p);
}
