/* SPDX-License-Identifier: MIT */
#include "bin/retl-extract/dburl.h"

#include <strings.h>

#include "common/mem.h"

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Without its %XX; NULL: they are wrong, or a NUL is among them. */
static char *decoded(struct str s)
{
	struct buf out = BUF_INIT;

	for (size_t i = 0; i < s.n; i++) {
		int high = 0, low = 0;

		if (s.s[i] != '%') {
			buf_addc(&out, s.s[i]);
			continue;
		}
		if (i + 2 < s.n) {
			high = hex_value(s.s[i + 1]);
			low = hex_value(s.s[i + 2]);
		}
		if (high < 0 || low < 0 || !(high | low)) {
			buf_release(&out);
			return NULL;
		}
		buf_addc(&out, (char)(high << 4 | low));
		i += 2;
	}
	return buf_take(&out);
}

static int bad_url(const char *scheme, const char *why, struct failure *f)
{
	return failed(f, EX_USAGE,
		      "%s: the URL %s; expected "
		      "%s://USER@HOST:PORT/DATABASE?NAME=VALUE",
		      scheme, why, scheme);
}

static int secret_in_url(const char *scheme, struct failure *f)
{
	return failed(f, EX_USAGE,
		      "%s: the URL has a password in it, where everybody can "
		      "see it; see retl-sources(7) for where it may be",
		      scheme);
}

static int take_part(char **to, struct str text, const char *scheme,
		     struct failure *f)
{
	*to = decoded(text);
	return *to ? 0 : bad_url(scheme, "has a % that stands for nothing", f);
}

/* "user" and "host:port" or "[::1]:port" */
static int take_authority(struct dburl *u, struct str a, const char *scheme,
			  struct failure *f)
{
	const char *at = memrchr(a.s, '@', a.n), *colon;
	uint64_t port;

	if (at) {
		struct str user = { a.s, (size_t)(at - a.s) };

		if (memchr(user.s, ':', user.n))
			return secret_in_url(scheme, f);
		if (take_part(&u->user, user, scheme, f) < 0)
			return -1;
		a.n -= (size_t)(at + 1 - a.s);
		a.s = at + 1;
	}
	colon = memrchr(a.s, ':', a.n);
	if (colon && memchr(colon, ']', (size_t)(a.s + a.n - colon)))
		colon = NULL;
	if (colon) {
		struct str text = { colon + 1,
				    a.n - (size_t)(colon + 1 - a.s) };

		if (str_to_u64(text, &port) < 0 || !port || port > 65535)
			return bad_url(scheme, "has no right port", f);
		u->port = (unsigned)port;
		a.n = (size_t)(colon - a.s);
	}
	if (a.n > 1 && *a.s == '[' && a.s[a.n - 1] == ']') {
		a.s++;
		a.n -= 2;
	}
	return a.n ? take_part(&u->host, a, scheme, f) : 0;
}

static int take_option(struct dburl *u, struct str text, const char *scheme,
		       struct failure *f)
{
	struct dburl_option *o = &u->option[u->n_options];
	struct str name;

	if (!text.n)
		return 0;
	if (u->n_options == DBURL_OPTIONS_MAX)
		return bad_url(scheme, "has too many options", f);
	u->n_options++;
	str_split(&text, '=', &name);
	if (take_part(&o->name, name, scheme, f) < 0 ||
	    take_part(&o->value, text, scheme, f) < 0)
		return -1;
	if (strcasestr(o->name, "password") || strcasestr(o->name, "passwd") ||
	    strcasecmp(o->name, "pwd") == 0)
		return secret_in_url(scheme, f);
	return 0;
}

int dburl_parse(struct dburl *u, const char *scheme, const char *where,
		struct failure *f)
{
	struct str rest = str_of(where), part, option;
	bool has_host = str_starts(rest, "//");

	str_split(&rest, '?', &part);
	if (has_host) {
		struct str authority;

		part.s += 2;
		part.n -= 2;
		str_split(&part, '/', &authority);
		if (take_authority(u, authority, scheme, f) < 0)
			return -1;
	}
	if (part.n && take_part(&u->database, part, scheme, f) < 0)
		return -1;
	while (rest.s && str_split(&rest, '&', &option))
		if (take_option(u, option, scheme, f) < 0)
			return -1;
	return 0;
}

const char *dburl_option(struct dburl *u, const char *name)
{
	for (size_t i = 0; i < u->n_options; i++)
		if (strcmp(u->option[i].name, name) == 0) {
			u->option[i].used = true;
			return u->option[i].value;
		}
	return NULL;
}

int dburl_check(const struct dburl *u, const char *scheme, struct failure *f)
{
	for (size_t i = 0; i < u->n_options; i++)
		if (!u->option[i].used)
			return failed(f, EX_USAGE,
				      "%s: the URL has an option '%s', which "
				      "is not known",
				      scheme, u->option[i].name);
	return 0;
}

bool dburl_is_local(const char *host)
{
	return !host || strcmp(host, "localhost") == 0 ||
	       strcmp(host, "::1") == 0 || str_starts(str_of(host), "127.");
}

void dburl_release(struct dburl *u)
{
	free(u->user);
	free(u->host);
	free(u->database);
	for (size_t i = 0; i < u->n_options; i++) {
		free(u->option[i].name);
		free(u->option[i].value);
	}
	*u = DBURL_INIT;
}
