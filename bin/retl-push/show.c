/* SPDX-License-Identifier: MIT */
#include "bin/retl-push/push.h"
#include "bin/retl-push/rows.h"

#include <strings.h>

#include "common/msg.h"

#define SHOWN 2000 /* bytes of a body */
/* No secret is longer: what is cut off goes before it is looked for. */
#define LONGEST_SECRET 65536

/* By their names; one that a step was given by an answer is not told else. */
static bool is_credential(struct str name)
{
	static const char *const names[] = { "authorization",
					     "proxy-authorization", "cookie",
					     "set-cookie" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (name.n == strlen(names[i]) &&
		    strncasecmp(name.s, names[i], name.n) == 0)
			return true;
	return false;
}

void show_secrets(struct buf *out, struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		buf_addc(out, s.s[i] == '\1'   ? '{'
			      : s.s[i] == '\2' ? '}'
					       : s.s[i]);
}

void show_headers(char mark, struct str lines, size_t n)
{
	struct str rest = lines, line;

	while (str_split(&rest, '\n', &line)) {
		const char *colon = memchr(line.s, ':', line.n);
		struct str name = { line.s,
				    colon ? (size_t)(colon - line.s) : 0 };

		if (!line.n)
			continue;
		if (colon &&
		    ((size_t)(line.s - lines.s) >= n || is_credential(name)))
			msg_debug("%c %.*s: ***", mark, STR_ARG(name));
		else
			msg_debug("%c %.*s", mark, STR_ARG(line));
	}
}

void show_body(char mark, struct str body)
{
	struct buf text = BUF_INIT;

	if (!body.n || msg_get_level() < MSG_DEBUG)
		return;
	buf_add(&text, body.s, MIN(body.n, SHOWN + LONGEST_SECRET));
	/* Of one that is cut, the half would be shown. */
	msg_blank(text.data, text.len);
	for (size_t i = 0; i < text.len; i++)
		if (!text.data[i])
			text.data[i] = ' ';
	msg_debug("%c %.*s%s", mark, (int)MIN(text.len, SHOWN), text.data,
		  body.n > SHOWN ? " ..." : "");
	buf_release(&text);
}

void show_sent(const struct flow *f)
{
	struct buf plain = BUF_INIT;

	if (msg_get_level() < MSG_DEBUG)
		return;
	if (f->body.len && f->op->steps[f->step].gzip)
		rows_unpack(buf_str(&f->body), &plain, NULL);
	else
		buf_adds(&plain, buf_str(&f->body));
	show_body('>', buf_str(&plain));
	buf_release(&plain);
}

/* ---- without personal data ---- */

/* Shorter ones are words of any message, and tell nobody who it was. */
#define SHORTEST_TEXT 4
#define SHORTEST_NUMBER 5

static bool is_inner(char c)
{
	return isalnum((uint8_t)c) || (uint8_t)c >= 0x80;
}

/* Where it stands for itself, and is no part of a longer word. */
static void hide(struct buf *text, struct str value)
{
	char *end = text->data + text->len, *at = text->data;

	while ((at = memmem(at, (size_t)(end - at), value.s, value.n))) {
		char *behind = at + value.n;

		if (!(at > text->data && is_inner(at[-1])) &&
		    !(behind < end && is_inner(*behind)))
			memset(at, '*', value.n);
		at = behind;
	}
}

static void hide_values(struct buf *text, struct str v, struct buf *scratch)
{
	struct json_iter it;
	struct json_member m;
	struct str e;

	switch (json_type(v)) {
	case JSON_OBJECT:
		json_iter_init(&it, v);
		while (json_iter_member(&it, &m))
			hide_values(text, m.val, scratch);
		break;
	case JSON_ARRAY:
		json_iter_init(&it, v);
		while (json_iter_element(&it, &e))
			hide_values(text, e, scratch);
		break;
	case JSON_STRING:
		e = json_text(v, scratch);
		if (e.n >= SHORTEST_TEXT)
			hide(text, e);
		break;
	case JSON_NUMBER:
		if (v.n >= SHORTEST_NUMBER)
			hide(text, v);
		break;
	default:
		break;
	}
}

void show_without_values(const struct flow *f, struct buf *text)
{
	struct buf scratch = BUF_INIT;

	for (size_t i = 0; i < f->n && text->len; i++) {
		const struct rec *r = f->recs[i];
		struct str body = STR_NONE;

		/* Of a replay the record is not there, but its line. */
		if (r->record.n && !r->stand_in)
			hide_values(text, rec_str(r, r->record), &scratch);
		if (f->push->cfg.replay && r->original.n)
			body = json_get(rec_str(r, r->original), "body");
		if (body.s)
			hide_values(text, body, &scratch);
	}
	buf_release(&scratch);
}
