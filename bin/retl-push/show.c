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
