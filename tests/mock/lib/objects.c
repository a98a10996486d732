/* SPDX-License-Identifier: MIT */
#include "tests/mock/lib/objects.h"

#include "common/digest.h"
#include "common/enc.h"
#include "common/file.h"

#define OBJECT_MAX ((size_t)256 << 20)

static int digit(char c)
{
	const char *all = "0123456789abcdef";
	const char *at = c ? strchr(all, tolower((unsigned char)c)) : NULL;

	return at ? (int)(at - all) : -1;
}

void object_decode(struct buf *out, struct str t)
{
	for (size_t i = 0; i < t.n; i++)
		if (t.s[i] == '%' && i + 2 < t.n && digit(t.s[i + 1]) >= 0 &&
		    digit(t.s[i + 2]) >= 0) {
			buf_addc(out, (char)(digit(t.s[i + 1]) * 16 +
					     digit(t.s[i + 2])));
			i += 2;
		} else {
			buf_addc(out, t.s[i]);
		}
}

int object_load(struct object *o, const char *root, struct str name)
{
	struct buf path = BUF_INIT;
	uint8_t sum[DIGEST_MAX];
	int got = -1;

	buf_reset(&o->data);
	buf_reset(&o->etag);
	buf_addf(&path, "%s/%.*s", root, STR_ARG(name));
	if (!strstr(path.data, "/../"))
		got = file_read(path.data, OBJECT_MAX, &o->data, NULL);
	buf_release(&path);
	if (got < 0)
		return -1;
	digest(DIGEST_MD5, o->data.data, o->data.len, sum);
	buf_addc(&o->etag, '"');
	enc_hex(&o->etag, sum, digest_size(DIGEST_MD5));
	buf_addc(&o->etag, '"');
	return 0;
}

void object_release(struct object *o)
{
	buf_release(&o->data);
	buf_release(&o->etag);
}

/* "bytes=5-" or "bytes=5-9". */
static bool range_parse(struct str text, uint64_t *from, uint64_t *to)
{
	struct str part;

	if (!str_starts(text, "bytes="))
		return false;
	text = (struct str){ text.s + 6, text.n - 6 };
	if (!str_split(&text, '-', &part) || str_to_u64(part, from) < 0)
		return false;
	return !text.n || str_to_u64(text, to) == 0;
}

void object_answer(const struct object *o, const struct request *r,
		   struct answer *a, unsigned without)
{
	struct str range = request_header(r, "range");
	struct str match = request_header(r, "if-match");
	uint64_t from = 0, to = o->data.len ? o->data.len - 1 : 0;
	char text[96], size[32];

	if (match.s && !(without & OBJECT_NO_CONDITIONS) &&
	    !str_eq(match, buf_str(&o->etag))) {
		a->status = 412;
		return;
	}
	a->status = 200;
	if (!(without & OBJECT_NO_RANGES) && range.s &&
	    range_parse(range, &from, &to)) {
		if (from >= o->data.len) {
			a->status = 416;
			return;
		}
		to = MIN(to, o->data.len - 1);
		if (o->cap)
			to = MIN(to, from + o->cap - 1);
		a->status = 206;
		snprintf(size, sizeof size, "%zu", o->data.len);
		snprintf(text, sizeof text, "bytes %" PRIu64 "-%" PRIu64 "/%s",
			 from, to, without & OBJECT_NO_LENGTH ? "*" : size);
		answer_header(a, "Content-Range", text);
	}
	if (o->etag.len)
		answer_header(a, "ETag", o->etag.data);
	if (o->data.len)
		buf_add(&a->body, o->data.data + from, to - from + 1);
}
