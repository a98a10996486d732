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
#define STS_URL "https://sts.googleapis.com/v1/token"
/* Of a token that does nothing but get another account's. */
#define IAM_SCOPE "https://www.googleapis.com/auth/iam"
#define ANY_SCOPE "https://www.googleapis.com/auth/cloud-platform"
#define MAX_FILE ((size_t)1 << 20)

/* A member of the file as a text that lives as long as the struct. */
struct texts {
	struct buf b[16];
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
	while (t->n)
		oauth_free_secret(&t->b[--t->n]);
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

/* A person's; path: that the refresh token is in, NULL: not by itself. */
static struct oauth *from_user(struct str file, const char *path,
			       bool is_external, struct buf *err)
{
	struct texts t = { .n = 0 };
	struct oauth_opts o = {
		.grant = OAUTH_REFRESH_TOKEN,
		.client_id = text_of(&t, file, "client_id"),
		.client_secret = text_of(&t, file, "client_secret"),
		.basic = is_external,
		.refresh_token = text_of(&t, file, "refresh_token"),
		.refresh_file = path,
		.refresh_member = "refresh_token",
		.token_url =
		    text_of(&t, file, is_external ? "token_url" : "token_uri"),
	};
	struct oauth *made;

	if (!o.token_url.n && !is_external)
		o.token_url = STR(TOKEN_URL);
	made = oauth_new(&o, err);
	texts_release(&t);
	return made;
}

/* ---- service accounts that others act as ---- */

/* Takes the source; NULL: there is none, and err says why. */
static struct oauth *impersonate(struct str url, struct str scopes,
				 struct str delegates, int64_t lifetime_s,
				 struct oauth *source, struct buf *err)
{
	struct oauth_opts o = { .grant = OAUTH_IMPERSONATE,
				.token_url = url,
				.scope = scopes,
				.delegates = delegates,
				.lifetime_s = lifetime_s,
				.source = source };

	return source ? oauth_new(&o, err) : NULL;
}

static struct oauth *from_json(const char *path, struct str file,
			       struct str scopes, struct str subject,
			       struct buf *err);

static struct oauth *from_impersonated(struct str file, struct str scopes,
				       struct buf *err)
{
	struct str inner = json_member(file, "source_credentials", JSON_OBJECT);
	struct str list = json_member(file, "delegates", JSON_ARRAY);
	struct texts t = { .n = 0 };
	struct str url = text_of(&t, file, "service_account_impersonation_url");
	struct oauth *made = NULL;

	if (!inner.s)
		fail(err, "has no source_credentials");
	else if (list.s && !json_all_strings(list))
		fail(err, "delegates: not a list of texts");
	else
		made = impersonate(
		    url, scopes, list, 3600,
		    from_json(NULL, inner, STR(IAM_SCOPE), STR_NONE, err), err);
	texts_release(&t);
	return made;
}

/* ---- accounts of other issuers ---- */

static int put_headers(struct str source, struct buf *out, struct buf *err)
{
	struct str v = json_member(source, "headers", JSON_OBJECT);
	struct buf name = BUF_INIT, value = BUF_INIT;
	struct json_member m;
	struct json_iter it;
	bool good = true;
	size_t n = 0;

	json_iter_init(&it, v.s ? v : STR("{}"));
	while (good && json_iter_member(&it, &m)) {
		buf_reset(&name);
		buf_reset(&value);
		json_unescape(&name, m.key);
		good =
		    json_type(m.val) == JSON_STRING && ++n <= OAUTH_MAX_HEADERS;
		if (good)
			json_unescape(&value,
				      (struct str){ m.val.s + 1, m.val.n - 2 });
		for (size_t i = 0; i < name.len; i++)
			good &= isgraph((uint8_t)name.data[i]) &&
				name.data[i] != ':';
		for (size_t i = 0; i < value.len; i++)
			good &= !iscntrl((uint8_t)value.data[i]);
		buf_addf(out, "%s: %s\n", name.data, value.data);
	}
	buf_release(&name);
	buf_release(&value);
	if (!good)
		return fail(err,
			    "credential_source: headers are texts without "
			    "control characters, %d at most",
			    OAUTH_MAX_HEADERS);
	return 0;
}

/* What says where in a file or an answer the token is; .n 0: it is all. */
static int read_format(struct texts *t, struct str source, struct str *member,
		       struct buf *err)
{
	struct str format = json_member(source, "format", JSON_OBJECT);
	struct str type = format.s ? json_get(format, "type") : STR_NONE;

	*member = STR_NONE;
	if (!type.s || json_text_is(type, "text"))
		return 0;
	*member = text_of(t, format, "subject_token_field_name");
	if (!json_text_is(type, "json") || !member->n)
		return fail(err, "credential_source: format is text, or json "
				 "with a subject_token_field_name");
	return 0;
}

/* Sets the part of o that says where the subject token comes from. */
static int read_source(struct texts *t, struct str source, struct oauth_opts *o,
		       struct buf *file, struct buf *err)
{
	struct str path = text_of(t, source, "file");
	struct oauth_opts issuer = { .grant = OAUTH_ISSUER };
	struct buf headers = BUF_INIT;
	struct str member;
	int ret = -1;

	issuer.token_url = text_of(t, source, "url");
	if (json_get(source, "environment_id").s ||
	    (!path.n && !issuer.token_url.n))
		return fail(err, "credential_source: only file and url are "
				 "read: have another program write the token "
				 "to a file");
	if (read_format(t, source, &member, err) < 0)
		return -1;
	if (path.n) {
		buf_adds(file, path);
		o->subject_file = file->data;
		o->subject_member = member;
		return 0;
	}
	issuer.subject_member = member;
	if (put_headers(source, &headers, err) == 0) {
		issuer.headers = buf_str(&headers);
		o->source = oauth_new(&issuer, err);
		ret = o->source ? 0 : -1;
	}
	oauth_free_secret(&headers);
	return ret;
}

/* How long a token of the service account is to last; 0: not a number. */
static int64_t lifetime_of(struct str file)
{
	struct str v =
	    json_member(file, "service_account_impersonation", JSON_OBJECT);
	uint64_t s;

	v = v.s ? json_get(v, "token_lifetime_seconds") : STR_NONE;
	if (!v.s)
		return 3600;
	return str_to_u64(v, &s) < 0 || s > 43200 ? 0 : (int64_t)s;
}

/* RFC 8693: by name of a project, where a workforce's members need one. */
static void put_options(struct str project, struct buf *form)
{
	struct buf json = BUF_INIT;

	buf_addz(&json, "{\"userProject\":");
	json_put_str(&json, project);
	buf_addc(&json, '}');
	buf_addz(form, "options=");
	enc_percent(form, buf_str(&json));
	buf_release(&json);
}

static struct oauth *from_external(struct str file, struct str scopes,
				   struct buf *err)
{
	struct str source = json_member(file, "credential_source", JSON_OBJECT);
	struct buf form = BUF_INIT, path = BUF_INIT;
	struct texts t = { .n = 0 };
	struct str url = text_of(&t, file, "service_account_impersonation_url");
	struct str project = text_of(&t, file, "workforce_pool_user_project");
	struct oauth_opts o = {
		.grant = OAUTH_EXCHANGE,
		.token_url = text_of(&t, file, "token_url"),
		.client_id = text_of(&t, file, "client_id"),
		.client_secret = text_of(&t, file, "client_secret"),
		.aud = text_of(&t, file, "audience"),
		.subject_type = text_of(&t, file, "subject_token_type"),
		.scope = url.n ? STR(ANY_SCOPE) : scopes,
	};
	int64_t lifetime_s = lifetime_of(file);
	struct oauth *made = NULL;

	if (!o.token_url.n)
		o.token_url = STR(STS_URL);
	o.basic = o.client_id.n > 0;
	if (project.n && !o.basic)
		put_options(project, &form);
	o.form = buf_str(&form);
	if (!source.s)
		fail(err, "has no credential_source");
	else if (!lifetime_s)
		fail(err, "token_lifetime_seconds: not a number up to 43200");
	else if (read_source(&t, source, &o, &path, err) == 0)
		made = oauth_new(&o, err);
	if (made && url.n)
		made =
		    impersonate(url, scopes, STR_NONE, lifetime_s, made, err);
	buf_release(&form);
	buf_release(&path);
	texts_release(&t);
	return made;
}

/* ---- files ---- */

static struct oauth *from_type(struct str type, const char *path,
			       struct str file, struct str scopes,
			       struct buf *err)
{
	if (type.s && json_text_is(type, "authorized_user"))
		return from_user(file, path, false, err);
	if (type.s && json_text_is(type, "external_account_authorized_user"))
		return from_user(file, path, true, err);
	if (type.s && json_text_is(type, "impersonated_service_account"))
		return from_impersonated(file, scopes, err);
	if (type.s && json_text_is(type, "external_account"))
		return from_external(file, scopes, err);
	fail(err, "credentials of this type are not supported: use a service "
		  "account's key file, those of gcloud auth "
		  "application-default login, or a configuration of workload "
		  "identity federation");
	return NULL;
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
	else if (subject.n)
		fail(err, "only a service account's key file can act for a "
			  "user (subject)");
	else
		o = from_type(type, path, file, scopes, err);
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
	oauth_free_secret(&text);
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
