/* SPDX-License-Identifier: MIT */
#include "common/enc.h"

static const char b64[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void enc_hex(struct buf *out, const void *p, size_t n)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *b = p;
	char *to;

	if (!buf_reserve(out, 2 * n))
		return;
	to = out->data + out->len;
	for (size_t i = 0; i < n; i++) {
		*to++ = digits[b[i] >> 4];
		*to++ = digits[b[i] & 15];
	}
	*to = '\0';
	out->len += 2 * n;
}

void enc_base64(struct buf *out, const void *p, size_t n)
{
	const unsigned char *b = p;

	while (n) {
		size_t k = MIN(n, 3);
		uint32_t v = (uint32_t)b[0] << 16 |
			     (k > 1 ? (uint32_t)b[1] << 8 : 0) |
			     (k > 2 ? (uint32_t)b[2] : 0);

		for (size_t i = 0; i < 4; i++)
			buf_addc(out,
				 i <= k ? b64[v >> (18 - 6 * i) & 63] : '=');
		b += k;
		n -= k;
	}
}

void enc_base64url(struct buf *out, const void *p, size_t n)
{
	size_t from = out->len;

	enc_base64(out, p, n);
	while (out->len > from && out->data[out->len - 1] == '=')
		buf_truncate(out, out->len - 1);
	for (size_t i = from; i < out->len; i++) {
		if (out->data[i] == '+')
			out->data[i] = '-';
		else if (out->data[i] == '/')
			out->data[i] = '_';
	}
}

static int b64_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+' || c == '-')
		return 62;
	if (c == '/' || c == '_')
		return 63;
	return -1;
}

int dec_base64(struct buf *out, struct str text)
{
	uint32_t v = 0;
	size_t bits = 0, pad = 0;

	while (text.n && pad < 2 && text.s[text.n - 1] == '=') {
		text.n--;
		pad++;
	}
	if (text.n % 4 == 1 || (pad && (text.n + pad) % 4))
		return -1;
	for (size_t i = 0; i < text.n; i++) {
		int d = b64_value(text.s[i]);

		if (d < 0)
			return -1;
		v = v << 6 | (uint32_t)d;
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			buf_addc(out, (char)(v >> bits & 0xff));
		}
	}
	return 0;
}

void enc_percent(struct buf *out, struct str text)
{
	static const char digits[] = "0123456789ABCDEF";

	for (size_t i = 0; i < text.n; i++) {
		unsigned char c = (unsigned char)text.s[i];

		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		    (c >= '0' && c <= '9') || c == '-' || c == '.' ||
		    c == '_' || c == '~') {
			buf_addc(out, (char)c);
		} else {
			buf_addc(out, '%');
			buf_addc(out, digits[c >> 4]);
			buf_addc(out, digits[c & 15]);
		}
	}
}
