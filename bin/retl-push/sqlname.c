/* SPDX-License-Identifier: MIT */
#include "bin/retl-push/sqlname.h"

int sql_put_name(struct buf *out, struct str name)
{
	if (!name.n || memchr(name.s, '\0', name.n))
		return -1;
	buf_addc(out, '"');
	for (size_t i = 0; i < name.n; i++) {
		if (name.s[i] == '"')
			buf_addc(out, '"');
		buf_addc(out, name.s[i]);
	}
	buf_addc(out, '"');
	return 0;
}

/* The next part of a.b or "a"."b", unquoted. -1: there is none. */
static int next_part(struct str *rest, struct buf *part)
{
	size_t i = 0;

	buf_reset(part);
	if (rest->n && rest->s[0] == '"') {
		for (i = 1; i < rest->n; i++) {
			if (rest->s[i] != '"')
				buf_addc(part, rest->s[i]);
			else if (i + 1 < rest->n && rest->s[i + 1] == '"')
				buf_addc(part, rest->s[i++]);
			else
				break;
		}
		if (i == rest->n)
			return -1;
		i++;
	} else {
		for (; i < rest->n && rest->s[i] != '.'; i++)
			buf_addc(part, rest->s[i]);
	}
	if (i < rest->n && rest->s[i] != '.')
		return -1;
	i += i < rest->n;
	/* Nothing behind a dot is no name. */
	if (i == rest->n && i && rest->s[i - 1] == '.')
		return -1;
	rest->s += i;
	rest->n -= i;
	return part->len ? 0 : -1;
}

int sql_put_table(struct buf *out, struct str name)
{
	struct buf part = BUF_INIT;
	int n = 0, ret = 0;

	do {
		ret = next_part(&name, &part);
		if (ret == 0 && n++)
			buf_addc(out, '.');
		if (ret == 0)
			ret = sql_put_name(out, buf_str(&part));
	} while (ret == 0 && name.n && n < 3);
	buf_release(&part);
	return ret < 0 || name.n ? -1 : 0;
}
