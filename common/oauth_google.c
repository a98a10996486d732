/* SPDX-License-Identifier: MIT */
/*
 * Application default credentials, as cloud.google.com/docs/authentication/
 * application-default-credentials describes them: a file is one of several
 * kinds, told by its member "type".
 */
#include "common/oauth_private.h"

#include "common/enc.h"
#include "common/file.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/msg.h"

#define TOKEN_URL "https://oauth2.googleapis.com/token"
#define MAX_FILE ((size_t)1 << 20)

/* A member of the file as a text that lives as long as the struct. */
struct texts {
	struct buf b[8];
	size_t n;
};

static struct str text_of(struct texts *t, struct str file, const char *name)
{
	struct str v = json_get(file, name);
	struct buf *b = &t->b[t->n++];

	*b = BUF_INIT;
	if (!v.s || json_type(v) != JSON_STRING)
		return STR_NONE;
	json_unescape(b, (struct str){ v.s + 1, v.n - 2 });
	return buf_str(b);
}

static void texts_release(struct texts *t)
{
	while (t->n) {
		struct buf *b = &t->b[--t->n];

		explicit_bzero(b->data, b->len);
		buf_release(b);
	}
}

static struct oauth *from_service_account(struct str file, struct str scopes,
					  struct str subject, struct buf *err)
{
	struct texts t = { .n = 0 };
	struct oauth_opts o = {
		.grant = OAUTH_JWT_BEARER,
		.key = text_of(&t, file, "private_key"),
		.kid = text_of(&t, file, "private_key_id"),
		.iss = text_of(&t, file, "client_email"),
		.token_url = text_of(&t, file, "token_uri"),
		.scope = scopes,
		.sub = subject,
		.lifetime_s = 3600,
	};
	struct oauth *made;

	if (!o.token_url.n)
		o.token_url = STR(TOKEN_URL);
	o.aud = o.token_url;
	made = oauth_new(&o, err);
	texts_release(&t);
	return made;
}

static struct oauth *from_user(struct str file, const char *path,
			       struct buf *err)
{
	struct texts t = { .n = 0 };
	struct oauth_opts o = {
		.grant = OAUTH_REFRESH_TOKEN,
		.client_id = text_of(&t, file, "client_id"),
		.client_secret = text_of(&t, file, "client_secret"),
		.refresh_token = text_of(&t, file, "refresh_token"),
		.refresh_file = path,
		.refresh_member = "refresh_token",
		.token_url = text_of(&t, file, "token_uri"),
	};
	struct oauth *made;

	if (!o.token_url.n)
		o.token_url = STR(TOKEN_URL);
	made = oauth_new(&o, err);
	texts_release(&t);
	return made;
}

static struct oauth *from_json(const char *path, struct str file,
			       struct str scopes, struct str subject,
			       struct buf *err)
{
	struct str type = json_get(file, "type"), quota;
	struct texts t = { .n = 0 };
	struct oauth *o = NULL;

	if (type.s && json_text_is(type, "service_account"))
		o = from_service_account(file, scopes, subject, err);
	else if (type.s && json_text_is(type, "authorized_user"))
		o = from_user(file, path, err);
	else
		fail(err, "credentials of this type are not supported: use a "
			  "service account's key file, or those of gcloud auth "
			  "application-default login");
	quota = text_of(&t, file, "quota_project_id");
	if (o && quota.n)
		o->quota_project = xstrndup(quota.s, quota.n);
	texts_release(&t);
	return o;
}

static struct oauth *from_file(const char *path, struct str scopes,
			       struct str subject, int *status, struct buf *err)
{
	struct buf text = BUF_INIT, why = BUF_INIT;
	struct oauth *o = NULL;
	struct json_fault f;
	struct str file;

	*status = EX_NOPERM;
	if (file_read(path, MAX_FILE, &text, err) < 0)
		goto out;
	*status = EX_CONFIG;
	if (json_check(buf_str(&text), &file, &f) < 0)
		fail(err, "%s: byte %zu: %s", path, f.at + 1, f.what);
	else if (json_type(file) != JSON_OBJECT)
		fail(err, "%s: not an object", path);
	else if (!(o = from_json(path, file, scopes, subject, &why)))
		fail(err, "%s: %s", path, why.data);
out:
	explicit_bzero(text.data, text.len);
	buf_release(&text);
	buf_release(&why);
	return o;
}

/* Where gcloud keeps them; false: there is no such file. */
static bool well_known(struct buf *path)
{
	const char *config = getenv("CLOUDSDK_CONFIG"), *home = getenv("HOME");

	if (config && *config)
		buf_addz(path, config);
	else if (home && *home)
		buf_addf(path, "%s/.config/gcloud", home);
	else
		return false;
	buf_addz(path, "/application_default_credentials.json");
	return access(path->data, F_OK) == 0;
}

static struct oauth *from_metadata(struct str scopes, struct buf *err)
{
	const char *host = getenv("GCE_METADATA_HOST");
	struct buf url = BUF_INIT, list = BUF_INIT;
	struct oauth_opts o = { .grant = OAUTH_METADATA };
	struct oauth *made;

	buf_adds(&list, scopes);
	for (size_t i = 0; i < list.len; i++)
		if (list.data[i] == ' ')
			list.data[i] = ',';
	buf_addf(&url,
		 "http://%s/computeMetadata/v1/instance/service-accounts/"
		 "default/token?scopes=",
		 host && *host ? host : "metadata.google.internal");
	enc_percent(&url, buf_str(&list));
	o.token_url = buf_str(&url);
	made = oauth_new(&o, err);
	buf_release(&url);
	buf_release(&list);
	return made;
}

struct oauth *oauth_google(const char *path, struct str scopes,
			   struct str subject, int *status, struct buf *err)
{
	const char *quota = getenv("GOOGLE_CLOUD_QUOTA_PROJECT");
	struct buf found = BUF_INIT;
	struct oauth *o;

	*status = EX_CONFIG;
	if (!path || !*path)
		path = getenv("GOOGLE_APPLICATION_CREDENTIALS");
	if (path && *path)
		o = from_file(path, scopes, subject, status, err);
	else if (well_known(&found))
		o = from_file(found.data, scopes, subject, status, err);
	else
		o = from_metadata(scopes, err);
	if (o && quota && *quota) {
		free(o->quota_project);
		o->quota_project = xstrdup(quota);
	}
	buf_release(&found);
	return o;
}
