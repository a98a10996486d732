/* SPDX-License-Identifier: MIT */
#include "bin/retl-extract/awsconfig.h"

#include "bin/retl-extract/ini.h"

static int load(struct buf *text, const char *variable, const char *name,
		struct failure *f)
{
	const char *path = getenv(variable), *home = getenv("HOME");
	struct buf own = BUF_INIT;
	int ret;

	if (!path || !*path) {
		buf_addf(&own, "%s/.aws/%s", home ? home : "", name);
		path = own.data;
	}
	ret = ini_load(text, path, false, f);
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

/* In config a section is called "profile x", but for "default". */
static bool find_in_config(const struct aws_config *c, const char *profile,
			   const char *name, struct str *value)
{
	struct buf section = BUF_INIT;
	bool found;

	buf_addf(&section, "profile %s", profile);
	found = ini_find(buf_str(&c->config), section.data, name, value);
	buf_release(&section);
	return found || (strcmp(profile, "default") == 0 &&
			 ini_find(buf_str(&c->config), profile, name, value));
}

bool aws_config_has(const struct aws_config *c, const char *profile)
{
	return ini_find(buf_str(&c->credentials), profile, NULL, NULL) ||
	       find_in_config(c, profile, NULL, NULL);
}

struct str aws_config_get(const struct aws_config *c, const char *profile,
			  const char *name)
{
	struct str value = STR_NONE;

	if (!ini_find(buf_str(&c->credentials), profile, name, &value))
		find_in_config(c, profile, name, &value);
	return value;
}

const char *aws_config_profile(void)
{
	const char *p = getenv("AWS_PROFILE");

	if (!p || !*p)
		p = getenv("AWS_DEFAULT_PROFILE");
	return p && *p ? p : "default";
}
