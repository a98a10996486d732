/* SPDX-License-Identifier: MIT */
/*
 * Where Databricks is, and who asks it: from the URL, DATABRICKS_* variables,
 * or a profile of ~/.databrickscfg, as Databricks' own tools have them.
 */
#include "bin/retl-extract/databricks.h"

#include <strings.h>

#include "bin/retl-extract/ini.h"
#include "common/mem.h"
#include "common/msg.h"

/* What is needed to log in, and not afterwards. */
struct settings {
	struct buf profile; /* that is asked for */
	bool by_url;        /* in the URL */
	struct buf host, token, client_id, client_secret;
};

static const char *env(const char *name)
{
	const char *text = getenv(name);

	return text && *text ? text : NULL;
}

static void take_env(struct buf *b, const char *name)
{
	if (!b->len && env(name))
		buf_addz(b, env(name));
}

static bool is_clean(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text <= ' ' || *text == 0x7f)
			return false;
	return true;
}

/* ---- the URL ---- */

/* ?warehouse=ID&profile=NAME&disposition=inline */
static int take_option(struct databricks_login *l, struct settings *s,
		       struct str part, struct failure *f)
{
	struct str name;

	str_split(&part, '=', &name);
	if (str_is(name, "warehouse") && part.n) {
		buf_adds(&l->warehouse, part);
		return 0;
	}
	if (str_is(name, "profile") && part.n) {
		buf_adds(&s->profile, part);
		s->by_url = true;
		return 0;
	}
	if (str_is(name, "disposition") && part.s &&
	    (str_is(part, "inline") || str_is(part, "links"))) {
		l->inline_rows = str_is(part, "inline");
		return 0;
	}
	return failed(f, EX_USAGE,
		      "databricks: '%.*s' in the URL: only warehouse=ID, "
		      "profile=NAME and disposition=inline or links are known",
		      STR_ARG(name));
}

static int take_url(struct databricks_login *l, struct settings *s,
		    const char *where, struct failure *f)
{
	struct str query = str_of(where), rest, host = STR_NONE, part;

	str_split(&query, '?', &rest);
	if (str_starts(rest, "//")) {
		rest = (struct str){ rest.s + 2, rest.n - 2 };
		str_split(&rest, '/', &host);
		if (rest.s && str_split(&rest, '/', &part))
			buf_adds(&l->catalog, part);
		if (rest.s && str_split(&rest, '/', &part))
			buf_adds(&l->schema, part);
	}
	if (host.n)
		buf_adds(&s->host, host);
	while (query.s && str_split(&query, '&', &part))
		if (take_option(l, s, part, f) < 0)
			return -1;
	return 0;
}

/* The host may be a URL; in the clear only for tests on this machine. */
static int put_base(struct buf *out, struct str host, struct failure *f)
{
	char *text = xstrndup(host.s, host.n);
	int ret = 0;

	while (host.n && text[host.n - 1] == '/')
		text[--host.n] = '\0';
	if (str_starts(host, "http://127.0.0.1:") ||
	    str_starts(host, "https://"))
		buf_addz(out, text);
	else if (!host.n || strstr(text, "://") || strchr(text, '@'))
		ret = failed(f, EX_USAGE,
			     "databricks: a host is missing: "
			     "databricks://HOST/CATALOG/SCHEMA?warehouse=ID, "
			     "or DATABRICKS_HOST");
	else
		buf_addf(out, "https://%s", text);
	free(text);
	return ret;
}

/* ---- profiles ---- */

static bool has_credentials(const struct settings *s)
{
	return s->token.len || (s->client_id.len && s->client_secret.len);
}

/* The name without protocol and slashes. */
static struct str host_of(struct str host)
{
	const char *at = memmem(host.s, host.n, "://", 3);

	if (at)
		host =
		    (struct str){ at + 3, host.n - (size_t)(at + 3 - host.s) };
	while (host.n && host.s[host.n - 1] == '/')
		host.n--;
	return host;
}

static bool is_host(struct str a, struct str b)
{
	a = host_of(a);
	b = host_of(b);
	return a.n == b.n && strncasecmp(a.s, b.s, a.n) == 0;
}

static void take(struct buf *to, struct str text, const char *profile,
		 const char *name)
{
	struct str v;

	if (!to->len && ini_find(text, profile, name, &v))
		buf_adds(to, v);
}

static int check_type(struct str text, const char *profile, const char *path,
		      struct failure *f)
{
	struct str type;

	if (!ini_find(text, profile, "auth_type", &type) ||
	    str_is(type, "pat") || str_is(type, "oauth-m2m"))
		return 0;
	return failed(f, EX_NOPERM,
		      "databricks: %s: [%s]: its auth_type cannot be used "
		      "here, but pat and oauth-m2m can",
		      path, profile);
}

/*
 * What the profile has fills what is not known yet. Its credentials are for
 * its host, and for no other.
 */
static int take_profile(struct databricks_login *l, struct settings *s,
			struct str text, const char *path, struct failure *f)
{
	const char *name = s->profile.len ? s->profile.data : "DEFAULT";
	struct str host = STR("");

	if (!ini_find(text, name, NULL, NULL)) {
		if (!s->profile.len)
			return 0;
		return failed(f, EX_CONFIG,
			      "databricks: %s: there is no profile '%s'", path,
			      name);
	}
	ini_find(text, name, "host", &host);
	if (s->host.len && !is_host(buf_str(&s->host), host)) {
		if (s->profile.len)
			return failed(f, EX_CONFIG,
				      "databricks: %s: [%s] is of another host "
				      "than the one that is asked for",
				      path, name);
		msg_debug("databricks: the profile DEFAULT is of another host");
		return 0;
	}
	take(&s->host, text, name, "host");
	take(&l->warehouse, text, name, "warehouse_id");
	if (has_credentials(s))
		return 0;
	take(&s->token, text, name, "token");
	take(&s->client_id, text, name, "client_id");
	take(&s->client_secret, text, name, "client_secret");
	return check_type(text, name, path, f);
}

static int use_profile(struct databricks_login *l, struct settings *s,
		       struct failure *f)
{
	const char *path = env("DATABRICKS_CONFIG_FILE"), *home = env("HOME");
	struct buf own = BUF_INIT, text = BUF_INIT;
	int ret;

	if (!path) {
		buf_addf(&own, "%s/.databrickscfg", home ? home : "");
		path = own.data;
	}
	ret = ini_load(&text, path, s->profile.len > 0, f);
	if (ret == 0)
		ret = take_profile(l, s, buf_str(&text), path, f);
	explicit_bzero(text.data, text.len);
	buf_release(&own);
	buf_release(&text);
	return ret;
}

/* ---- logging in ---- */

static int use_client(struct databricks_login *l, const struct settings *s,
		      const char *cacert, struct failure *f)
{
	struct buf url = BUF_INIT, err = BUF_INIT;
	struct oauth_opts o = { .grant = OAUTH_CLIENT_CREDENTIALS,
				.client_id = buf_str(&s->client_id),
				.client_secret = buf_str(&s->client_secret),
				.basic = true,
				.scope = STR("all-apis") };
	struct oauth *oauth;
	int ret;

	buf_addf(&url, "%s/oidc/v1/token", l->base.data);
	o.token_url = buf_str(&url);
	oauth = oauth_new(&o, &err);
	ret = oauth ? token_init(&l->token, "databricks", oauth, cacert, f)
		    : failed(f, EX_CONFIG, "databricks: %s", err.data);
	buf_release(&url);
	buf_release(&err);
	return ret;
}

static int take_credentials(struct databricks_login *l,
			    const struct settings *s, const char *cacert,
			    struct failure *f)
{
	if (!is_clean(s->token.data))
		return failed(f, EX_CONFIG,
			      "DATABRICKS_TOKEN: there is a blank or a control "
			      "character in it");
	if (s->token.len) {
		msg_hide(s->token.data, s->token.len);
		buf_addf(&l->secrets, "Authorization: Bearer %s\n",
			 s->token.data);
		return 0;
	}
	if (s->client_id.len && s->client_secret.len)
		return use_client(l, s, cacert, f);
	return failed(f, EX_NOPERM,
		      "databricks: no credentials: set DATABRICKS_TOKEN, or "
		      "DATABRICKS_CLIENT_ID and DATABRICKS_CLIENT_SECRET, or "
		      "DATABRICKS_CONFIG_PROFILE");
}

static int log_in(struct databricks_login *l, struct settings *s,
		  const char *where, const char *cacert, struct failure *f)
{
	if (take_url(l, s, where, f) < 0)
		return -1;
	/* What a profile lacks is not to be had from somewhere else. */
	if (!s->by_url) {
		take_env(&s->host, "DATABRICKS_HOST");
		take_env(&l->warehouse, "DATABRICKS_WAREHOUSE_ID");
		take_env(&s->token, "DATABRICKS_TOKEN");
		take_env(&s->client_id, "DATABRICKS_CLIENT_ID");
		take_env(&s->client_secret, "DATABRICKS_CLIENT_SECRET");
		take_env(&s->profile, "DATABRICKS_CONFIG_PROFILE");
	}
	if ((s->profile.len || !has_credentials(s)) && use_profile(l, s, f) < 0)
		return -1;
	if (!l->warehouse.len)
		return failed(f, EX_USAGE,
			      "databricks: which warehouse? Add ?warehouse=ID "
			      "or set DATABRICKS_WAREHOUSE_ID");
	if (put_base(&l->base, buf_str(&s->host), f) < 0)
		return -1;
	return take_credentials(l, s, cacert, f);
}

int databricks_login_init(struct databricks_login *l, const char *where,
			  const char *cacert, struct failure *f)
{
	struct settings s = { .profile = BUF_INIT,
			      .host = BUF_INIT,
			      .token = BUF_INIT,
			      .client_id = BUF_INIT,
			      .client_secret = BUF_INIT };
	int ret;

	*l = (struct databricks_login){ .base = BUF_INIT,
					.warehouse = BUF_INIT,
					.catalog = BUF_INIT,
					.schema = BUF_INIT,
					.secrets = BUF_INIT };
	ret = log_in(l, &s, where, cacert, f);
	explicit_bzero(s.token.data, s.token.len);
	explicit_bzero(s.client_secret.data, s.client_secret.len);
	buf_release(&s.profile);
	buf_release(&s.host);
	buf_release(&s.token);
	buf_release(&s.client_id);
	buf_release(&s.client_secret);
	return ret;
}

void databricks_login_release(struct databricks_login *l)
{
	token_release(&l->token);
	explicit_bzero(l->secrets.data, l->secrets.len);
	buf_release(&l->base);
	buf_release(&l->warehouse);
	buf_release(&l->catalog);
	buf_release(&l->schema);
	buf_release(&l->secrets);
}

int databricks_sign(struct databricks_login *l, struct web_request *rq,
		    struct failure *f)
{
	if (!l->secrets.len)
		return token_sign(&l->token, rq, f);
	buf_reset(&rq->secrets);
	buf_adds(&rq->secrets, buf_str(&l->secrets));
	return 0;
}

bool databricks_renew(struct databricks_login *l, const struct web_request *rq,
		      const struct web_answer *a)
{
	return !l->secrets.len && token_renew(&l->token, rq, a);
}
