/* SPDX-License-Identifier: MIT */
#include "bin/retl-push/push.h"
#include "bin/retl-push/rows.h"

#include "common/msg.h"

#define SHOWN 2000 /* bytes of a body */
/* No secret is longer: what is cut off goes before it is looked for. */
#define LONGEST_SECRET 65536

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
