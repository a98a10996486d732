/* SPDX-License-Identifier: MIT */
/* What answers have left for later steps: for the push, a flow, a record. */
#include "bin/retl-push/push.h"

/* The members of a, but for one of that name; "{" stands before them. */
static void put_others(struct buf *out, struct str object, struct str name)
{
	struct json_iter it;
	struct json_member m;

	json_iter_init(&it, object);
	while (json_iter_member(&it, &m)) {
		struct str whole = { m.key.s - 1, m.key.n + 2 };

		if (str_eq(whole, name))
			continue;
		buf_addc(out, out->len ? ',' : '{');
		buf_adds(out, whole);
		buf_addc(out, ':');
		buf_adds(out, m.val);
	}
}

void saved_put(struct buf *object, struct str name, struct str value)
{
	struct buf out = BUF_INIT;

	put_others(&out, buf_str(object), name);
	buf_addc(&out, out.len ? ',' : '{');
	buf_adds(&out, name);
	buf_addc(&out, ':');
	buf_adds(&out, value);
	buf_addc(&out, '}');
	buf_reset(object);
	buf_adds(object, buf_str(&out));
	buf_release(&out);
}

struct str saved_of(struct flow *f, const struct rec *r)
{
	struct str common = f->saved.len          ? buf_str(&f->saved)
			    : f->push->shared.len ? buf_str(&f->push->shared)
						  : STR("{}");
	struct json_iter it;
	struct json_member m;

	if (!r || !r->saved.len)
		return common;
	buf_reset(&f->seen);
	buf_adds(&f->seen, common);
	json_iter_init(&it, buf_str(&r->saved));
	while (json_iter_member(&it, &m))
		saved_put(&f->seen, (struct str){ m.key.s - 1, m.key.n + 2 },
			  m.val);
	return buf_str(&f->seen);
}
