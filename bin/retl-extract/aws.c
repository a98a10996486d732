/* SPDX-License-Identifier: MIT */
#include "bin/retl-extract/aws.h"

#include "bin/retl-extract/xml.h"
#include "common/clock.h"
#include "common/enc.h"
#include "common/file.h"
#include "common/format.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/msg.h"
#include "common/retry.h"

#define ANSWER_MAX ((size_t)1 << 20)
/* Credentials are renewed so long before they expire. */
#define EARLY_MS 300000
#define NEVER INT64_MAX
/* A machine without such a service must not keep us waiting. */
#define LINK_LOCAL_MS 2000
#define ROLES_MAX 5 /* that assume one another */

struct keys {
	struct buf id, secret, token;
	int64_t expires_ms; /* NEVER */
};
#define KEYS_INIT                           \
	((struct keys){ .id = BUF_INIT,     \
			.secret = BUF_INIT, \
			.token = BUF_INIT,  \
			.expires_ms = NEVER })

struct aws {
	struct aws_config config;
	const char *profile;
	struct web *web, *near; /* near: for link-local addresses */
	struct keys keys;
	bool have, renewable;
	int64_t clock_offset_ms; /* of the service's clock to ours */
};

/* ---- keys ---- */

static void keys_release(struct keys *k)
{
	buf_release(&k->id);
	buf_release(&k->secret);
	buf_release(&k->token);
}

static void keys_reset(struct keys *k)
{
	buf_reset(&k->id);
	buf_reset(&k->secret);
	buf_reset(&k->token);
	k->expires_ms = NEVER;
}

/* No more may be said of them. */
static void keys_hide(const struct keys *k)
{
	msg_hide(k->secret.data, k->secret.len);
	msg_hide(k->token.data, k->token.len);
}

static bool is_clean(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.s[i] <= ' ' || s.s[i] == 0x7f)
			return false;
	return true;
}

static int keys_check(const struct keys *k, const char *where,
		      struct failure *f)
{
	if (!k->id.len || !k->secret.len)
		return failed(f, EX_NOPERM,
			      "%s: an access key without both its parts",
			      where);
	if (!is_clean(buf_str(&k->id)) || !is_clean(buf_str(&k->secret)) ||
	    !is_clean(buf_str(&k->token)))
		return failed(f, EX_NOPERM,
			      "%s: there is a blank or a control character in "
			      "the access key",
			      where);
	return 0;
}

static void take_expiry(struct keys *k, struct str text)
{
	struct format_time t;

	if (text.n && format_time_parse(&t, text))
		k->expires_ms = format_time_unix(&t) * 1000;
}

static const char *env(const char *name)
{
	const char *text = getenv(name);

	return text && *text ? text : NULL;
}

/* ---- JSON, as processes, containers and machines give it ---- */

static void put_member(struct buf *out, struct str obj, const char *name)
{
	struct str v = json_get(obj, name);
	struct buf scratch = BUF_INIT;

	if (v.s && json_type(v) == JSON_STRING)
		buf_adds(out, json_text(v, &scratch));
	buf_release(&scratch);
}

static int take_json(struct keys *k, struct str text, const char *token,
		     const char *where, struct failure *f)
{
	struct json_fault fault;
	struct buf expiry = BUF_INIT;
	struct str obj;

	if (json_check(text, &obj, &fault) < 0 || json_type(obj) != JSON_OBJECT)
		return failed(f, EX_NOPERM, "%s: its answer is no JSON object",
			      where);
	keys_reset(k);
	put_member(&k->id, obj, "AccessKeyId");
	put_member(&k->secret, obj, "SecretAccessKey");
	put_member(&k->token, obj, token);
	put_member(&expiry, obj, "Expiration");
	take_expiry(k, buf_str(&expiry));
	buf_release(&expiry);
	return keys_check(k, where, f);
}

/* ---- STS ---- */

static void put_form(struct buf *out, const char *name, struct str value)
{
	buf_addf(out, "&%s=", name);
	enc_percent(out, value);
}

static int take_sts(struct keys *k, struct str xml, struct failure *f)
{
	struct buf expiry = BUF_INIT;

	keys_reset(k);
	xml_find(xml, "Credentials/AccessKeyId", &k->id);
	xml_find(xml, "Credentials/SecretAccessKey", &k->secret);
	xml_find(xml, "Credentials/SessionToken", &k->token);
	xml_find(xml, "Credentials/Expiration", &expiry);
	take_expiry(k, buf_str(&expiry));
	buf_release(&expiry);
	return keys_check(k, "AWS STS", f);
}

static int sts_refused(const struct web_answer *answer, struct failure *f)
{
	struct buf code = BUF_INIT;

	if (!xml_find(answer->body, "Error/Code", &code))
		buf_addf(&code, "HTTP %ld", answer->status);
	failed(f, EX_NOPERM, "AWS STS refuses the role: %s", code.data);
	buf_release(&code);
	return -1;
}

static void put_sts_url(const struct aws *a, struct buf *url)
{
	struct str at = aws_endpoint(a, "STS"), region = aws_region(a);

	if (at.s)
		buf_adds(url, at);
	else if (region.n)
		buf_addf(url, "https://sts.%.*s.amazonaws.com",
			 STR_ARG(region));
	else
		buf_addz(url, "https://sts.amazonaws.com");
	if (url->len && url->data[url->len - 1] != '/')
		buf_addc(url, '/');
}

static int sign_with(struct aws *a, const struct keys *k,
		     struct web_request *rq, struct str region,
		     const char *service, struct failure *f)
{
	struct sigv4 by = { .key_id = buf_str(&k->id),
			    .secret = buf_str(&k->secret),
			    .token = buf_str(&k->token),
			    .region = region,
			    .service = str_of(service) };
	struct buf hash = BUF_INIT, err = BUF_INIT;
	struct sigv4_request what = {
		.method = str_of(rq->method ? rq->method : "GET"),
		.url = buf_str(&rq->url),
		.headers = &rq->headers,
		.now_ms = clock_now_ms() + a->clock_offset_ms,
	};
	int ret = 0;

	sigv4_hash(&hash, buf_str(&rq->body));
	what.payload = buf_str(&hash);
	if (sigv4_sign(&by, &what, &err) < 0)
		ret = failed(f, EX_CONFIG, "%s", err.data);
	if (rq->headers.len && rq->headers.data[rq->headers.len - 1] != '\n')
		buf_addc(&rq->headers, '\n');
	buf_release(&hash);
	buf_release(&err);
	return ret;
}

struct role {
	struct str arn, session, external_id;
	const char *token_file; /* a web identity; NULL: signed with keys */
};

/* Asks STS for the role; by: who asks, for a role that is assumed. */
static int assume(struct aws *a, const struct role *role, const struct keys *by,
		  struct failure *f)
{
	struct web_request rq = WEB_REQUEST_INIT;
	struct buf token = BUF_INIT, session = BUF_INIT;
	struct str region = aws_region(a);
	struct web_answer answer;
	int ret = -1;

	if (role->token_file &&
	    file_read(role->token_file, ANSWER_MAX, &token, &f->text) < 0) {
		failed(f, EX_NOPERM, "web identity: %s", f->text.data);
		goto out;
	}
	if (role->session.n)
		buf_adds(&session, role->session);
	else
		buf_addf(&session, "retl-%" PRId64, clock_now_ms());
	rq.method = "POST";
	rq.has_body = true;
	put_sts_url(a, &rq.url);
	buf_addz(&rq.headers,
		 "content-type: application/x-www-form-urlencoded\n");
	buf_addf(&rq.body, "Action=%s&Version=2011-06-15",
		 role->token_file ? "AssumeRoleWithWebIdentity" : "AssumeRole");
	put_form(&rq.body, "RoleArn", role->arn);
	put_form(&rq.body, "RoleSessionName", buf_str(&session));
	if (role->token_file)
		put_form(&rq.body, "WebIdentityToken",
			 str_trim((struct str){ token.data,
						strcspn(token.data, "\r\n") }));
	if (role->external_id.n)
		put_form(&rq.body, "ExternalId", role->external_id);
	if (!role->token_file &&
	    sign_with(a, by, &rq, region.n ? region : STR("us-east-1"), "sts",
		      f) < 0)
		goto out;
	if (web_ask(a->web, &rq, &answer, f) < 0)
		goto out;
	ret = answer.status == 200 ? take_sts(&a->keys, answer.body, f)
				   : sts_refused(&answer, f);
out:
	web_request_release(&rq);
	buf_release(&token);
	buf_release(&session);
	return ret;
}

/* ---- where credentials come from: 1 found, 0 not here, -1 ---- */

static int from_environment(struct aws *a, struct failure *f)
{
	const char *id = env("AWS_ACCESS_KEY_ID");
	const char *secret = env("AWS_SECRET_ACCESS_KEY");
	const char *token = env("AWS_SESSION_TOKEN");

	if (!id)
		return 0;
	keys_reset(&a->keys);
	buf_addz(&a->keys.id, id);
	buf_addz(&a->keys.secret, secret ? secret : "");
	buf_addz(&a->keys.token, token ? token : "");
	return keys_check(&a->keys, "AWS_ACCESS_KEY_ID", f) < 0 ? -1 : 1;
}

static int from_web_identity(struct aws *a, struct failure *f)
{
	struct role role = {
		.arn = str_of(env("AWS_ROLE_ARN")),
		.session = str_of(env("AWS_ROLE_SESSION_NAME")),
		.token_file = env("AWS_WEB_IDENTITY_TOKEN_FILE"),
	};

	if (!role.token_file || !role.arn.n)
		return 0;
	a->renewable = true;
	return assume(a, &role, NULL, f) < 0 ? -1 : 1;
}

/* What a command prints; its own messages go to our standard error. */
static int from_process(struct aws *a, struct str command, struct failure *f)
{
	char *text = xstrndup(command.s, command.n);
	struct buf out = BUF_INIT_MAX(ANSWER_MAX);
	FILE *p = popen(text, "re");
	char block[4096];
	size_t n;
	int status, ret = 1;

	free(text);
	if (!p)
		return failed(f, EX_OSERR, "credential_process: %s",
			      strerror(errno));
	while ((n = fread(block, 1, sizeof block, p)))
		buf_add(&out, block, n);
	status = pclose(p);
	a->renewable = true;
	if (status != 0)
		ret = failed(f, EX_NOPERM,
			     "credential_process of profile '%s' failed",
			     a->profile);
	else if (take_json(&a->keys, buf_str(&out), "SessionToken",
			   "credential_process", f) < 0)
		ret = -1;
	buf_release(&out);
	return ret;
}

static int from_container(struct aws *a, struct failure *f);
static int from_machine(struct aws *a, struct failure *f);
static int from_profile(struct aws *a, const char *profile, unsigned depth,
			struct failure *f);

/* Whose keys ask for a role: a profile's, or those of a named place. */
static int from_source(struct aws *a, const char *profile, unsigned depth,
		       struct failure *f)
{
	struct str source =
	    aws_config_get(&a->config, profile, "source_profile");
	struct str place =
	    aws_config_get(&a->config, profile, "credential_source");
	char *name;
	int got;

	if (!source.s) {
		if (place.s && str_is(place, "Environment"))
			return from_environment(a, f);
		if (place.s && str_is(place, "Ec2InstanceMetadata"))
			return from_machine(a, f);
		if (place.s && str_is(place, "EcsContainer"))
			return from_container(a, f);
		return failed(f, EX_CONFIG,
			      "profile '%s': role_arn needs a source_profile "
			      "or a credential_source",
			      profile);
	}
	name = xstrndup(source.s, source.n);
	got = from_profile(a, name, depth + 1, f);
	if (got == 0)
		got = failed(f, EX_NOPERM, "profile '%s' has no credentials",
			     name);
	free(name);
	return got;
}

static int from_role(struct aws *a, const char *profile, struct str arn,
		     unsigned depth, struct failure *f)
{
	const struct aws_config *c = &a->config;
	struct str file = aws_config_get(c, profile, "web_identity_token_file");
	struct role role = {
		.arn = arn,
		.session = aws_config_get(c, profile, "role_session_name"),
		.external_id = aws_config_get(c, profile, "external_id"),
	};
	struct keys by = KEYS_INIT;
	char *path = NULL;
	int got;

	if (aws_config_get(c, profile, "mfa_serial").s)
		return failed(f, EX_NOPERM,
			      "profile '%s': a role that asks for an MFA code "
			      "cannot be assumed without a person",
			      profile);
	if (file.s) {
		role.token_file = path = xstrndup(file.s, file.n);
	} else {
		got = from_source(a, profile, depth, f);
		if (got <= 0)
			return got;
		by = a->keys;
		a->keys = KEYS_INIT;
	}
	a->renewable = true;
	got = assume(a, &role, &by, f) < 0 ? -1 : 1;
	keys_release(&by);
	free(path);
	return got;
}

static int from_profile(struct aws *a, const char *profile, unsigned depth,
			struct failure *f)
{
	const struct aws_config *c = &a->config;
	struct str arn = aws_config_get(c, profile, "role_arn");
	struct str id = aws_config_get(c, profile, "aws_access_key_id");
	struct str process = aws_config_get(c, profile, "credential_process");

	if (depth > ROLES_MAX)
		return failed(f, EX_CONFIG,
			      "profile '%s': roles that assume one another "
			      "without end",
			      profile);
	/* A profile may name itself as the source of its role. */
	if (arn.s && !(depth && id.s))
		return from_role(a, profile, arn, depth, f);
	if (id.s) {
		keys_reset(&a->keys);
		buf_adds(&a->keys.id, id);
		buf_adds(&a->keys.secret,
			 aws_config_get(c, profile, "aws_secret_access_key"));
		buf_adds(&a->keys.token,
			 aws_config_get(c, profile, "aws_session_token"));
		return keys_check(&a->keys, profile, f) < 0 ? -1 : 1;
	}
	if (process.s)
		return from_process(a, process, f);
	if (aws_config_get(c, profile, "sso_account_id").s)
		return failed(
		    f, EX_NOPERM,
		    "profile '%s' signs in by SSO, which the AWS CLI does: "
		    "credential_process = aws configure export-credentials "
		    "--format process --profile %s in a profile of its own",
		    profile, profile);
	return 0;
}

static int ask_near(struct aws *a, struct web_request *rq,
		    struct web_answer *answer, struct failure *f)
{
	return web_ask(a->near, rq, answer, f);
}

/* Credentials must not go to, or come from, just anybody in the clear. */
static bool is_near(const char *url)
{
	static const char *const hosts[] = {
		"169.254.170.2", "169.254.170.23", "127.0.0.1",
		"localhost",     "[::1]",          "[fd00:ec2::23]"
	};

	if (str_starts(str_of(url), "https://"))
		return true;
	if (!str_starts(str_of(url), "http://"))
		return false;
	url += 7;
	for (size_t i = 0; i < ARRAY_LEN(hosts); i++) {
		size_t n = strlen(hosts[i]);

		if (strncmp(url, hosts[i], n) == 0 && strchr(":/", url[n]))
			return true;
	}
	return false;
}

static int put_container_token(struct buf *headers, struct failure *f)
{
	const char *token = env("AWS_CONTAINER_AUTHORIZATION_TOKEN");
	const char *path = env("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
	struct buf text = BUF_INIT;

	if (path) {
		if (file_read(path, ANSWER_MAX, &text, &f->text) < 0)
			return failed(f, EX_NOPERM, "%s", f->text.data);
		buf_truncate(&text, strcspn(text.data, "\r\n"));
	} else if (token) {
		buf_addz(&text, token);
	}
	msg_hide(text.data, text.len);
	if (text.len && !strpbrk(text.data, "\r\n"))
		buf_addf(headers, "Authorization: %s\n", text.data);
	buf_release(&text);
	return 0;
}

static int from_container(struct aws *a, struct failure *f)
{
	const char *relative = env("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
	const char *full = env("AWS_CONTAINER_CREDENTIALS_FULL_URI");
	struct web_request rq = WEB_REQUEST_INIT;
	struct web_answer answer;
	int got = -1;

	if (!relative && !full)
		return 0;
	if (relative)
		buf_addf(&rq.url, "http://169.254.170.2%s", relative);
	else
		buf_addz(&rq.url, full);
	a->renewable = true;
	if (!is_near(rq.url.data))
		failed(f, EX_CONFIG,
		       "AWS_CONTAINER_CREDENTIALS_FULL_URI: must be https, or "
		       "this machine");
	else if (put_container_token(&rq.secrets, f) < 0 ||
		 ask_near(a, &rq, &answer, f) < 0)
		;
	else if (answer.status != 200)
		failed(f, EX_NOPERM, "the container's credentials: HTTP %ld",
		       answer.status);
	else if (take_json(&a->keys, answer.body, "Token",
			   "the container's credentials", f) == 0)
		got = 1;
	web_request_release(&rq);
	return got;
}

/* One request to the machine's own service: its answer's body into out. */
static int ask_machine(struct aws *a, const char *method, const char *path,
		       const char *header, struct str value, struct buf *out)
{
	const char *at = env("AWS_EC2_METADATA_SERVICE_ENDPOINT");
	struct web_request rq = WEB_REQUEST_INIT;
	struct failure f = FAILURE_INIT;
	struct web_answer answer;
	int got = -1;

	rq.method = method;
	buf_addz(&rq.url, at ? at : "http://169.254.169.254");
	if (rq.url.data[rq.url.len - 1] == '/')
		buf_truncate(&rq.url, rq.url.len - 1);
	buf_addz(&rq.url, path);
	buf_addf(&rq.headers, "%s: %.*s\n", header, STR_ARG(value));
	buf_reset(out);
	if (web_ask(a->near, &rq, &answer, &f) == 0 && answer.status == 200) {
		buf_adds(out, answer.body);
		got = 0;
	} else {
		msg_debug("no credentials from this machine's metadata");
	}
	web_request_release(&rq);
	buf_release(&f.text);
	return got;
}

/* Without such a service there are just no credentials here. */
static int from_machine(struct aws *a, struct failure *f)
{
	static const char header[] = "X-aws-ec2-metadata-token";
	static const char roles[] =
	    "/latest/meta-data/iam/security-credentials/";
	const char *off = env("AWS_EC2_METADATA_DISABLED");
	struct buf token = BUF_INIT, role = BUF_INIT, path = BUF_INIT;
	int got = 0;

	if (off && strcasecmp(off, "true") == 0)
		return 0;
	if (ask_machine(a, "PUT", "/latest/api/token",
			"X-aws-ec2-metadata-token-ttl-seconds", STR("21600"),
			&token) == 0 &&
	    is_clean(buf_str(&token)) &&
	    ask_machine(a, "GET", roles, header, buf_str(&token), &role) == 0) {
		buf_addz(&path, roles);
		buf_add(&path, role.data, strcspn(role.data, "\r\n"));
		a->renewable = true;
		got = ask_machine(a, "GET", path.data, header, buf_str(&token),
				  &role);
		if (got == 0 && take_json(&a->keys, buf_str(&role), "Token",
					  "the machine's credentials", f) == 0)
			got = 1;
		else if (got == 0)
			got = -1;
		else
			got = 0;
	}
	buf_release(&token);
	buf_release(&role);
	buf_release(&path);
	return got;
}

static int from_own_profile(struct aws *a, struct failure *f)
{
	return from_profile(a, a->profile, 0, f);
}

static int find_keys(struct aws *a, struct failure *f)
{
	static int (*const places[])(struct aws *, struct failure *) = {
		from_environment, from_web_identity, from_own_profile,
		from_container,   from_machine,
	};

	a->renewable = false;
	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		int got = places[i](a, f);

		if (got < 0)
			return -1;
		if (got > 0) {
			keys_hide(&a->keys);
			a->have = true;
			return 0;
		}
	}
	return failed(f, EX_NOPERM,
		      "no AWS credentials: set AWS_ACCESS_KEY_ID and "
		      "AWS_SECRET_ACCESS_KEY, or AWS_PROFILE (profile '%s' of "
		      "the shared files was looked for)",
		      a->profile);
}

/* ---- for the sources ---- */

struct aws *aws_new(const struct web_opts *opts, struct failure *f)
{
	struct aws *a = xcalloc(1, sizeof *a);
	struct web_opts web = { .name = "AWS STS",
				.cacert = opts->cacert,
				.rows = opts->rows,
				.retries = opts->retries,
				.max_body = ANSWER_MAX };
	struct web_opts near = web;

	near.name = "AWS credentials";
	near.retries = 1;
	near.timeout_ms = LINK_LOCAL_MS;
	a->config = AWS_CONFIG_INIT;
	a->keys = KEYS_INIT;
	a->profile = aws_config_profile();
	if (aws_config_load(&a->config, f) == 0 && (a->web = web_new(&web, f)))
		a->near = web_new(&near, f);
	if (!a->near) {
		aws_free(a);
		return NULL;
	}
	if (strcmp(a->profile, "default") != 0 &&
	    !aws_config_has(&a->config, a->profile)) {
		failed(f, EX_CONFIG,
		       "AWS_PROFILE: the shared files have no profile '%s'",
		       a->profile);
		aws_free(a);
		return NULL;
	}
	return a;
}

void aws_free(struct aws *a)
{
	if (!a)
		return;
	aws_config_release(&a->config);
	keys_release(&a->keys);
	web_free(a->web);
	web_free(a->near);
	free(a);
}

struct str aws_region(const struct aws *a)
{
	const char *text = env("AWS_REGION");
	struct str region;

	if (!text)
		text = env("AWS_DEFAULT_REGION");
	if (text)
		return str_of(text);
	region = aws_config_get(&a->config, a->profile, "region");
	return region.s ? region : STR("");
}

struct str aws_endpoint(const struct aws *a, const char *service)
{
	struct buf name = BUF_INIT;
	const char *text;

	buf_addf(&name, "AWS_ENDPOINT_URL_%s", service);
	text = env(name.data);
	buf_release(&name);
	if (!text)
		text = env("AWS_ENDPOINT_URL");
	if (text)
		return str_of(text);
	return aws_config_get(&a->config, a->profile, "endpoint_url");
}

int aws_sign(struct aws *a, struct web_request *rq, struct str region,
	     const char *service, struct failure *f)
{
	int64_t now = clock_now_ms() + a->clock_offset_ms;

	if (a->have && a->renewable && a->keys.expires_ms != NEVER &&
	    now > a->keys.expires_ms - EARLY_MS)
		a->have = false;
	if (!a->have && find_keys(a, f) < 0)
		return -1;
	return sign_with(a, &a->keys, rq, region, service, f);
}

bool aws_renew(struct aws *a)
{
	a->have = a->have && !a->renewable;
	return a->renewable;
}

bool aws_set_clock(struct aws *a, struct str headers)
{
	struct str date = http_header(headers, "date");
	int64_t ahead = date.s ? retry_after_ms(date, 0) : -1;
	int64_t offset = ahead - clock_now_ms();

	if (ahead <= 0 || llabs(offset - a->clock_offset_ms) < 60000)
		return false;
	msg_warn("this machine's clock is wrong by %lld s",
		 llabs(offset) / 1000);
	a->clock_offset_ms = offset;
	return true;
}
