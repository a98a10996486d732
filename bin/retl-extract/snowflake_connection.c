/* SPDX-License-Identifier: MIT */
/*
 * docs.snowflake.com/en/developer-guide/snowflake-cli/connecting/
 * configure-connections, and what the connector for Python does. Of TOML only
 * what a connection needs is read: sections, and values that are texts, numbers
 * or true and false.
 */
#include "bin/retl-extract/snowflake_connection.h"

#include <sys/stat.h>

#include "bin/retl-extract/ini.h"
#include "common/mem.h"

static const char *env(const char *name)
{
	const char *text = getenv(name);

	return text && *text ? text : NULL;
}

/* ---- values ---- */

static int put_escape(struct buf *out, char c)
{
	static const char letters[] = "btnfr\"\\", meant[] = "\b\t\n\f\r\"\\";
	const char *at = c ? strchr(letters, c) : NULL;

	if (!at)
		return -1;
	buf_addc(out, meant[at - letters]);
	return 0;
}

/* "text" or 'text', and nothing but a comment behind it. */
static int put_quoted(struct buf *out, struct str v)
{
	char quote = *v.s;
	size_t i = 1;

	/* The three quotes of a text with several lines. */
	if (v.n > 2 && v.s[1] == quote && v.s[2] == quote)
		return -1;
	for (; i < v.n && v.s[i] != quote; i++) {
		if (quote == '"' && v.s[i] == '\\') {
			if (++i == v.n || put_escape(out, v.s[i]) < 0)
				return -1;
		} else {
			buf_addc(out, v.s[i]);
		}
	}
	if (i >= v.n)
		return -1;
	v = str_trim((struct str){ v.s + i + 1, v.n - i - 1 });
	return v.n && *v.s != '#' ? -1 : 0;
}

static int put_value(struct buf *out, struct str v)
{
	struct str bare;

	if (v.n && (*v.s == '"' || *v.s == '\''))
		return put_quoted(out, v);
	if (!v.n || *v.s == '[' || *v.s == '{')
		return -1;
	str_split(&v, '#', &bare);
	buf_adds(out, str_trim(bare));
	return 0;
}

int snowflake_connection_get(const struct snowflake_connection *c,
			     const char *setting, struct buf *out,
			     struct failure *f)
{
	struct str v;

	if (!c->name ||
	    !ini_find(buf_str(&c->text), c->section.data, setting, &v))
		return 0;
	if (put_value(out, v) == 0)
		return 0;
	return failed(f, EX_CONFIG,
		      "%s: [%s]: %s is not a text in quotes on one line",
		      c->path, c->section.data, setting);
}

/* ---- files ---- */

/* The folder of the files. */
static void put_home(struct buf *out)
{
	const char *own = env("SNOWFLAKE_HOME"), *home = env("HOME");
	const char *config = env("XDG_CONFIG_HOME");

	if (own && str_starts(str_of(own), "~/") && home)
		buf_addf(out, "%s%s", home, own + 1);
	else if (own)
		buf_addz(out, own);
	else
		buf_addf(out, "%s/.snowflake", home ? home : "");
	if (access(out->data, F_OK) == 0)
		return;
	buf_reset(out);
	if (config)
		buf_addf(out, "%s/snowflake", config);
	else
		buf_addf(out, "%s/.config/snowflake", home ? home : "");
}

/* default_connection_name of config.toml, or "default". */
static void put_default(struct buf *out, const struct buf *config)
{
	struct str v;

	if (ini_find(buf_str(config), "", "default_connection_name", &v) &&
	    put_value(out, v) == 0 && out->len)
		return;
	buf_reset(out);
	buf_addz(out, "default");
}

/* Whoever may write to it, may have us ask somebody else. */
static int check_mode(const char *path, struct failure *f)
{
	struct stat st;

	if (stat(path, &st) == 0 && st.st_mode & (S_IWGRP | S_IWOTH))
		return failed(f, EX_NOPERM,
			      "%s: others may write to it; chmod 0600", path);
	return 0;
}

/* Looks for the connection in one file. 1: it is there; 0: not; -1. */
static int look(struct snowflake_connection *c, const char *path,
		const char *name, const char *prefix, struct failure *f)
{
	buf_reset(&c->text);
	buf_reset(&c->section);
	if (ini_load(&c->text, path, false, f) < 0)
		return -1;
	buf_addf(&c->section, "%s%s", prefix, name);
	if (!ini_find(buf_str(&c->text), c->section.data, NULL, NULL))
		return 0;
	if (check_mode(path, f) < 0)
		return -1;
	c->name = xstrdup(name);
	c->path = xstrdup(path);
	return 1;
}

int snowflake_connection_find(struct snowflake_connection *c, const char *name,
			      struct failure *f)
{
	struct buf home = BUF_INIT, config = BUF_INIT, own = BUF_INIT;
	struct buf text = BUF_INIT, by_default = BUF_INIT;
	int got = -1;

	*c = SNOWFLAKE_CONNECTION_INIT;
	put_home(&home);
	buf_addf(&own, "%s/connections.toml", home.data);
	buf_addf(&config, "%s/config.toml", home.data);
	if (!name)
		name = env("SNOWFLAKE_DEFAULT_CONNECTION_NAME");
	c->is_default = !name;
	if (ini_load(&text, config.data, false, f) < 0)
		goto out;
	if (!name) {
		put_default(&by_default, &text);
		name = by_default.data;
	}
	/* If there is the one, it takes the place of the section. */
	got = access(own.data, F_OK) == 0
		  ? look(c, own.data, name, "", f)
		  : look(c, config.data, name, "connections.", f);
	if (got == 0 && !c->is_default)
		got = failed(f, EX_CONFIG,
			     "there is no connection '%s' in connections.toml "
			     "or config.toml, in %s",
			     name, home.data);
out:
	explicit_bzero(text.data, text.len);
	buf_release(&home);
	buf_release(&config);
	buf_release(&own);
	buf_release(&text);
	buf_release(&by_default);
	return got < 0 ? -1 : 0;
}

void snowflake_connection_release(struct snowflake_connection *c)
{
	free(c->name);
	free(c->path);
	explicit_bzero(c->text.data, c->text.len);
	buf_release(&c->text);
	buf_release(&c->section);
}
