/* SPDX-License-Identifier: MIT */
#include "common/enc.h"

static const char b64[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* What stands for each byte, two by two. */
static const char hex[] = "000102030405060708090a0b0c0d0e0f"
			  "101112131415161718191a1b1c1d1e1f"
			  "202122232425262728292a2b2c2d2e2f"
			  "303132333435363738393a3b3c3d3e3f"
			  "404142434445464748494a4b4c4d4e4f"
			  "505152535455565758595a5b5c5d5e5f"
			  "606162636465666768696a6b6c6d6e6f"
			  "707172737475767778797a7b7c7d7e7f"
			  "808182838485868788898a8b8c8d8e8f"
			  "909192939495969798999a9b9c9d9e9f"
			  "a0a1a2a3a4a5a6a7a8a9aaabacadaeaf"
			  "b0b1b2b3b4b5b6b7b8b9babbbcbdbebf"
			  "c0c1c2c3c4c5c6c7c8c9cacbcccdcecf"
			  "d0d1d2d3d4d5d6d7d8d9dadbdcdddedf"
			  "e0e1e2e3e4e5e6e7e8e9eaebecedeeef"
			  "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff";

void enc_hex(struct buf *out, const void *p, size_t n)
{
	const unsigned char *b = p;
	char *to;

	if (!buf_reserve(out, 2 * n))
		return;
	to = out->data + out->len;
	for (size_t i = 0; i < n; i++)
		memcpy(to + 2 * i, hex + 2 * b[i], 2);
	to[2 * n] = '\0';
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
