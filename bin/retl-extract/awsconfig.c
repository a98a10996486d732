/* SPDX-License-Identifier: MIT */
#include "bin/retl-extract/awsconfig.h"

#include "common/file.h"

#define FILE_MAX ((size_t)4 << 20)

static int load(struct buf *text, const char *variable, const char *name,
		struct failure *f)
{
	const char *path = getenv(variable), *home = getenv("HOME");
	struct buf own = BUF_INIT;
	int ret = 0;

	if (!path || !*path) {
		buf_addf(&own, "%s/.aws/%s", home ? home : "", name);
		path = own.data;
	}
	if (access(path, F_OK) == 0 &&
	    file_read(path, FILE_MAX, text, &f->text) < 0)
		ret = failed(f, EX_NOINPUT, "%s", f->text.data);
	buf_release(&own);
	return ret;
}

int aws_config_load(struct aws_config *c, struct failure *f)
{
	if (load(&c->config, "AWS_CONFIG_FILE", "config", f) < 0)
		return -1;
	return load(&c->credentials, "AWS_SHARED_CREDENTIALS_FILE",
		    "credentials", f);
}

void aws_config_release(struct aws_config *c)
{
	buf_release(&c->config);
	buf_release(&c->credentials);
}

/* "[profile x]" or "[x]", without brackets; .s NULL: no section begins. */
static struct str section_of(struct str line)
{
	const char *end;

	line = str_trim(line);
	if (!line.n || *line.s != '[' || !(end = memchr(line.s, ']', line.n)))
		return STR_NONE;
	return str_trim((struct str){ line.s + 1, (size_t)(end - line.s) - 1 });
}

/*
 * The next setting of the profile's section, or with name the one of that
 * name. In config a section is called "profile x", but for "default".
 */
static bool find(struct str text, const char *profile, bool prefixed,
		 const char *name, struct str *value)
{
	bool inside = false;
	struct str line, key;

	while (str_split(&text, '\n', &line)) {
		struct str section;

		if (line.n && line.s[line.n - 1] == '\r')
			line.n--;
		section = section_of(line);
		if (section.s) {
			if (prefixed && str_starts(section, "profile "))
				section = str_trim((struct str){
				    section.s + 8, section.n - 8 });
			else if (prefixed && !str_is(section, "default"))
				section = STR("");
			inside = str_is(section, profile);
			if (inside && !name)
				return true;
			continue;
		}
		/* What is indented belongs to a nested setting. */
		if (!inside || !name || !line.n || strchr("#; \t", *line.s) ||
		    !str_split(&line, '=', &key) || !line.s)
			continue;
		if (str_is(str_trim(key), name)) {
			*value = str_trim(line);
			return true;
		}
	}
	return false;
}

bool aws_config_has(const struct aws_config *c, const char *profile)
{
	return find(buf_str(&c->credentials), profile, false, NULL, NULL) ||
	       find(buf_str(&c->config), profile, true, NULL, NULL);
}

struct str aws_config_get(const struct aws_config *c, const char *profile,
			  const char *name)
{
	struct str value = STR_NONE;

	if (!find(buf_str(&c->credentials), profile, false, name, &value))
		find(buf_str(&c->config), profile, true, name, &value);
	return value;
}

const char *aws_config_profile(void)
{
	const char *p = getenv("AWS_PROFILE");

	if (!p || !*p)
		p = getenv("AWS_DEFAULT_PROFILE");
	return p && *p ? p : "default";
}
