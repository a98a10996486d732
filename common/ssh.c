/* SPDX-License-Identifier: MIT */
#include "common/ssh.h"

#include <curl/curl.h>

#include "common/msg.h"

bool ssh_built_in(void)
{
	const char *const *p = curl_version_info(CURLVERSION_NOW)->protocols;

	while (*p && strcmp(*p, "sftp") != 0)
		p++;
	return *p != NULL;
}

static bool is_set(const char *text)
{
	return text && *text;
}

/* The path that is given, or that of a file in the home folder. */
static void put_file(struct buf *out, const char *given, const char *file)
{
	const char *home = getenv("HOME");

	buf_reset(out);
	if (is_set(given))
		buf_addz(out, given);
	else
		buf_addf(out, "%s/.ssh/%s", home ? home : "", file);
}

static void set_key(CURL *e, const char *given)
{
	static const char *const names[] = { "id_ed25519", "id_ecdsa" };
	struct buf key = BUF_INIT;
	bool there = false;

	for (size_t i = 0; !there && i < ARRAY_LEN(names); i++) {
		put_file(&key, given, names[i]);
		there = access(key.data, R_OK) == 0;
	}
	if (there)
		curl_easy_setopt(e, CURLOPT_SSH_PRIVATE_KEYFILE, key.data);
	buf_addz(&key, ".pub");
	if (access(key.data, R_OK) == 0)
		curl_easy_setopt(e, CURLOPT_SSH_PUBLIC_KEYFILE, key.data);
	buf_release(&key);
}

void ssh_set_up(void *easy, const struct ssh_opts *o)
{
	struct buf known = BUF_INIT;
	CURL *e = easy;

	curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "sftp");
	put_file(&known, o->known_hosts, "known_hosts");
	curl_easy_setopt(e, CURLOPT_SSH_KNOWNHOSTS, known.data);
	buf_release(&known);
	curl_easy_setopt(e, CURLOPT_NETRC, (long)CURL_NETRC_OPTIONAL);
	set_key(e, o->key);
	if (is_set(o->passphrase))
		curl_easy_setopt(e, CURLOPT_KEYPASSWD, o->passphrase);
	if (is_set(o->password)) {
		msg_hide(o->password, strlen(o->password));
		curl_easy_setopt(e, CURLOPT_PASSWORD, o->password);
	}
	curl_easy_setopt(e, CURLOPT_SSH_AUTH_TYPES,
			 (long)(CURLSSH_AUTH_PUBLICKEY | CURLSSH_AUTH_AGENT |
				CURLSSH_AUTH_PASSWORD | CURLSSH_AUTH_KEYBOARD));
}

int ssh_put_path(struct buf *out, const char *url)
{
	CURLU *u = curl_url();
	char *path = NULL;
	int ret = -1;

	if (u &&
	    curl_url_set(u, CURLUPART_URL, url, CURLU_PATH_AS_IS) ==
		CURLUE_OK &&
	    curl_url_get(u, CURLUPART_PATH, &path, CURLU_URLDECODE) ==
		CURLUE_OK) {
		buf_addz(out,
			 str_starts(str_of(path), "/~/") ? path + 3 : path);
		ret = 0;
	}
	curl_free(path);
	curl_url_cleanup(u);
	return ret;
}
