/* SPDX-License-Identifier: MIT */
#include "common/url.h"

#include <curl/curl.h>
#include <strings.h>

#include "common/msg.h"

static CURLU *parse(const char *text)
{
	CURLU *u = curl_url();

	if (!u)
		die(EX_OSERR, "out of memory");
	if (curl_url_set(u, CURLUPART_URL, text,
			 CURLU_PATH_AS_IS | CURLU_NON_SUPPORT_SCHEME)) {
		curl_url_cleanup(u);
		return NULL;
	}
	return u;
}

int url_resolve(const char *base, struct str to, struct buf *out)
{
	CURLU *u = parse(base);
	struct buf text = BUF_INIT;
	char *whole = NULL;
	int ret = -1;

	buf_adds(&text, to);
	if (u && to.n && !memchr(to.s, '\0', to.n) &&
	    !curl_url_set(u, CURLUPART_URL, text.data, CURLU_PATH_AS_IS) &&
	    !curl_url_get(u, CURLUPART_URL, &whole, 0)) {
		buf_addz(out, whole);
		ret = 0;
	}
	curl_free(whole);
	curl_url_cleanup(u);
	buf_release(&text);
	return ret;
}

/* "https", "host", "443" of an address; "" if it has none. */
static char *part(CURLU *u, CURLUPart which)
{
	char *text = NULL;

	if (u)
		curl_url_get(u, which, &text, CURLU_DEFAULT_PORT);
	return text;
}

bool url_same_origin(const char *a, const char *b)
{
	static const CURLUPart parts[] = { CURLUPART_SCHEME, CURLUPART_HOST,
					   CURLUPART_PORT };
	CURLU *x = parse(a), *y = parse(b);
	char *user = part(x, CURLUPART_USER);
	bool same = x && y && !user;

	for (size_t i = 0; same && i < ARRAY_LEN(parts); i++) {
		char *p = part(x, parts[i]), *q = part(y, parts[i]);

		same = p && q && strcasecmp(p, q) == 0;
		curl_free(p);
		curl_free(q);
	}
	curl_free(user);
	curl_url_cleanup(x);
	curl_url_cleanup(y);
	return same;
}

bool url_holds_half_a_password(const char *part, const char *value)
{
	if (!value)
		return false;
	if (strcmp(part, "port") == 0)
		return value[strspn(value, "0123456789,")] != '\0';
	if (strcmp(part, "dbname") == 0)
		return strchr(value, '@') && strchr(value, '/');
	/* One that begins so is a socket. */
	return strcmp(part, "host") == 0 && *value != '/' && *value != '@' &&
	       strchr(value, '@');
}

bool url_is_near(const char *host)
{
	static const char *const near[] = { "127.0.0.1", "localhost", "[::1]" };

	for (size_t i = 0; i < ARRAY_LEN(near); i++) {
		size_t n = strlen(near[i]);

		if (strncmp(host, near[i], n) == 0 &&
		    (!host[n] || strchr(":/", host[n])))
			return true;
	}
	return false;
}
