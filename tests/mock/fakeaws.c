/* SPDX-License-Identifier: MIT */
/*
 * Plays the services of Amazon that retl-extract asks for objects: S3 (path
 * style, from a folder with a folder for each bucket), STS, the machine's
 * metadata (IMDSv2) and a container's credentials. Signatures, dates, regions
 * and tokens are checked.
 */
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "common/clock.h"
#include "common/enc.h"
#include "common/file.h"
#include "common/mem.h"
#include "common/msg.h"
#include "tests/mock/lib/awssig.h"
#include "tests/mock/lib/mishap.h"
#include "tests/mock/lib/objects.h"

struct fake {
	struct awssig s3, sts;
	const char *root, *log_path, *archived, *web_token, *container_token;
	const char *grant; /* ID:SECRET:TOKEN that STS and the like hand out */
	uint64_t page, expire, lifetime, change_at, remove_at, skew;
	uint64_t loop, n_lists;
	bool redirect, unencoded, silent, unversioned;
	struct mishaps mishaps;
	struct object object;
	uint64_t n_s3;
	int log_fd;
};

static void put_error(struct answer *a, int status, const char *code)
{
	a->status = status;
	buf_reset(&a->body);
	buf_addf(&a->body,
		 "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>%s"
		 "</Code><Message>no</Message></Error>",
		 code);
}

/* ---- listing ---- */

static int by_bytes(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

struct names {
	char **v;
	size_t n, cap;
};

static void walk(struct names *names, const char *folder, const char *below)
{
	DIR *d = opendir(folder);
	struct dirent *e;

	while (d && (e = readdir(d))) {
		struct buf path = BUF_INIT, key = BUF_INIT;
		struct stat st;

		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		buf_addf(&path, "%s/%s", folder, e->d_name);
		buf_addf(&key, "%s%s", below, e->d_name);
		if (stat(path.data, &st) == 0 && S_ISDIR(st.st_mode)) {
			buf_addc(&key, '/');
			walk(names, path.data, key.data);
		} else {
			GROW(names->v, names->n, names->cap);
			names->v[names->n++] = buf_take(&key);
		}
		buf_release(&path);
		buf_release(&key);
	}
	if (d)
		closedir(d);
}

/* A member of a query, decoded. */
static void query_get(struct str query, const char *name, struct buf *out)
{
	struct str part, key;

	buf_reset(out);
	while (str_split(&query, '&', &part))
		if (str_split(&part, '=', &key) && str_is(key, name) && part.s)
			object_decode(out, part);
}

static void put_object(struct fake *k, struct answer *a, struct str bucket,
		       const char *key)
{
	struct buf path = BUF_INIT;

	buf_addf(&path, "%.*s/%s", STR_ARG(bucket), key);
	if (object_load(&k->object, k->root, buf_str(&path)) == 0) {
		buf_addz(&a->body, "<Contents><Key>");
		if (k->unencoded)
			buf_addz(&a->body, key);
		else
			enc_percent(&a->body, str_of(key));
		buf_addf(&a->body,
			 "</Key><ETag>&quot;%.*s&quot;</ETag><Size>%zu</Size>"
			 "<StorageClass>STANDARD</StorageClass></Contents>",
			 (int)k->object.etag.len - 2, k->object.etag.data + 1,
			 k->object.data.len);
	}
	buf_release(&path);
}

static void give_list(struct fake *k, const struct request *r, struct answer *a,
		      struct str bucket)
{
	struct buf folder = BUF_INIT, prefix = BUF_INIT, after = BUF_INIT;
	struct names names = { 0 };
	size_t n = 0, i;

	query_get(r->query, "prefix", &prefix);
	query_get(r->query, "continuation-token", &after);
	buf_addf(&folder, "%s/%.*s", k->root, STR_ARG(bucket));
	walk(&names, folder.data, "");
	qsort(names.v, names.n, sizeof *names.v, by_bytes);
	buf_addz(&a->body, "<ListBucketResult>");
	if (!k->unencoded)
		buf_addz(&a->body, "<EncodingType>url</EncodingType>");
	for (i = 0; i < names.n && n < k->page; i++) {
		if (!str_starts(str_of(names.v[i]), prefix.data) ||
		    (after.len && strcmp(names.v[i], after.data + 6) <= 0))
			continue;
		put_object(k, a, bucket, names.v[i]);
		n++;
	}
	while (i < names.n && !str_starts(str_of(names.v[i]), prefix.data))
		i++;
	if (!k->silent)
		buf_addf(&a->body, "<IsTruncated>%s</IsTruncated>",
			 i < names.n ? "true" : "false");
	if (i < names.n)
		buf_addf(&a->body,
			 "<NextContinuationToken>after/%s"
			 "</NextContinuationToken>",
			 k->loop && ++k->n_lists % k->loop == 0
			     ? ""
			     : names.v[i - 1]);
	buf_addz(&a->body, "</ListBucketResult>");
	a->status = 200;
	for (i = 0; i < names.n; i++)
		free(names.v[i]);
	free(names.v);
	buf_release(&folder);
	buf_release(&prefix);
	buf_release(&after);
}

/* ---- S3 ---- */

static void give_object(struct fake *k, const struct request *r,
			struct answer *a)
{
	struct buf name = BUF_INIT;

	object_decode(&name, r->path);
	if (str_is(r->method, "DELETE")) {
		struct buf path = BUF_INIT;

		buf_addf(&path, "%s%s", k->root, name.data);
		unlink(path.data);
		a->status = 204;
		buf_release(&path);
	} else if (k->archived && strstr(name.data, k->archived))
		put_error(a, 403, "InvalidObjectState");
	else if ((k->remove_at && k->n_s3 >= k->remove_at) ||
		 object_load(&k->object, k->root, buf_str(&name)) < 0)
		put_error(a, 404, "NoSuchKey");
	else {
		if (k->change_at && k->n_s3 >= k->change_at) {
			buf_reset(&k->object.etag);
			buf_addz(&k->object.etag, "\"changed\"");
		}
		if (k->unversioned)
			buf_reset(&k->object.etag);
		object_answer(&k->object, r, a,
			      k->unversioned ? OBJECT_NO_CONDITIONS : 0);
		if (a->status == 412)
			put_error(a, 412, "PreconditionFailed");
		if (a->status == 416) {
			put_error(a, 416, "InvalidRange");
			answer_header(a, "Content-Range", "bytes */0");
		}
	}
	buf_release(&name);
}

static void give_s3(struct fake *k, const struct request *r, struct answer *a)
{
	struct str rest = { r->path.s + 1, r->path.n - 1 }, bucket;
	struct buf folder = BUF_INIT;
	const char *wrong;
	size_t key = 0;
	int status;

	k->n_s3++;
	str_split(&rest, '/', &bucket);
	wrong = awssig_check(&k->s3, r, &key, &status);
	if (!wrong && k->expire && k->n_s3 >= k->expire && key == 0) {
		put_error(a, 400, "ExpiredToken");
		return;
	}
	if (wrong) {
		put_error(a, status, wrong);
		if (strcmp(wrong, "AuthorizationHeaderMalformed") == 0) {
			if (k->redirect)
				a->status = 301;
			answer_header(a, "x-amz-bucket-region", k->s3.region);
		}
		if (strcmp(wrong, "RequestTimeTooSkewed") == 0) {
			time_t now = clock_now_ms() / 1000 + k->s3.skew_s;
			struct tm tm;
			char text[64];

			gmtime_r(&now, &tm);
			strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT",
				 &tm);
			answer_header(a, "Date", text);
		}
		return;
	}
	buf_addf(&folder, "%s/%.*s", k->root, STR_ARG(bucket));
	if (access(folder.data, F_OK) < 0)
		put_error(a, 404, "NoSuchBucket");
	else if (!rest.n)
		give_list(k, r, a, bucket);
	else
		give_object(k, r, a);
	buf_release(&folder);
}

/* ---- credentials ---- */

static void put_expiry(const struct fake *k, struct buf *out)
{
	clock_put_rfc3339(out, clock_now_ms() + (int64_t)k->lifetime * 1000);
}

static void give_keys(const struct fake *k, struct answer *a, bool xml)
{
	struct str rest = str_of(k->grant ? k->grant : "a:b:c"), id, secret;
	struct buf until = BUF_INIT;

	str_split(&rest, ':', &id);
	str_split(&rest, ':', &secret);
	put_expiry(k, &until);
	a->status = 200;
	if (xml)
		buf_addf(&a->body,
			 "<R xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/"
			 "\"><X><Credentials><AccessKeyId>%.*s</AccessKeyId>"
			 "<SecretAccessKey>%.*s</SecretAccessKey><SessionToken>"
			 "%.*s</SessionToken><Expiration>%s</Expiration>"
			 "</Credentials></X></R>",
			 STR_ARG(id), STR_ARG(secret), STR_ARG(rest),
			 until.data);
	else
		buf_addf(&a->body,
			 "{\"Code\":\"Success\",\"AccessKeyId\":\"%.*s\","
			 "\"SecretAccessKey\":\"%.*s\",\"Token\":\"%.*s\","
			 "\"Expiration\":\"%s\"}",
			 STR_ARG(id), STR_ARG(secret), STR_ARG(rest),
			 until.data);
	buf_release(&until);
}

static void give_sts(struct fake *k, const struct request *r, struct answer *a)
{
	struct buf action = BUF_INIT, token = BUF_INIT, arn = BUF_INIT;
	const char *wrong = NULL;
	size_t key;
	int status = 403;

	query_get(r->body, "Action", &action);
	query_get(r->body, "WebIdentityToken", &token);
	query_get(r->body, "RoleArn", &arn);
	if (strcmp(action.data, "AssumeRole") == 0)
		wrong = awssig_check(&k->sts, r, &key, &status);
	else if (strcmp(action.data, "AssumeRoleWithWebIdentity") != 0)
		wrong = "InvalidAction";
	else if (!k->web_token || strcmp(token.data, k->web_token) != 0)
		wrong = "InvalidIdentityToken";
	if (!wrong && !str_starts(buf_str(&arn), "arn:aws:iam::"))
		wrong = "ValidationError";
	if (wrong) {
		a->status = status;
		buf_addf(&a->body,
			 "<ErrorResponse><Error><Code>%s</Code></Error>"
			 "</ErrorResponse>",
			 wrong);
	} else {
		give_keys(k, a, true);
	}
	buf_release(&action);
	buf_release(&token);
	buf_release(&arn);
}

static void give_metadata(struct fake *k, const struct request *r,
			  struct answer *a)
{
	static const char roles[] =
	    "/latest/meta-data/iam/security-credentials/";
	struct str token = request_header(r, "x-aws-ec2-metadata-token");

	a->status = 401;
	if (str_is(r->path, "/latest/api/token")) {
		if (!str_is(r->method, "PUT") ||
		    !request_header(r, "x-aws-ec2-metadata-token-ttl-seconds")
			 .s)
			return;
		a->status = 200;
		buf_addz(&a->body, "imds-token");
	} else if (!token.s || !str_is(token, "imds-token")) {
		return;
	} else if (str_is(r->path, roles)) {
		a->status = 200;
		buf_addz(&a->body, "the-role");
	} else if (str_starts(r->path, roles) &&
		   r->path.n == sizeof roles - 1 + 8) {
		give_keys(k, a, false);
	}
}

static void give_container(struct fake *k, const struct request *r,
			   struct answer *a)
{
	struct str auth = request_header(r, "authorization");

	a->status = 403;
	if (!k->container_token || (auth.s && str_is(auth, k->container_token)))
		give_keys(k, a, false);
}

/* ---- the server ---- */

static void put_log(struct fake *k, const struct request *r, int status)
{
	struct buf line = BUF_INIT;
	struct str range = request_header(r, "range");

	buf_addf(&line, "%.*s %.*s %.*s %d\n", STR_ARG(r->method),
		 STR_ARG(r->target), range.s ? (int)range.n : 1,
		 range.s ? range.s : "-", status);
	if (k->log_fd >= 0 && file_write_all(k->log_fd, line.data, line.len))
		die(EX_IOERR, "%s: %s", k->log_path, strerror(errno));
	buf_release(&line);
}

static void serve(void *self, const struct request *r, struct answer *a)
{
	struct fake *k = self;
	struct str what = mishap_of(&k->mishaps, r->number), rest;
	uint64_t status;

	if (what.s && mishap_number(what, "", &status, &rest)) {
		put_error(a, (int)status,
			  status == 503 ? "SlowDown" : "InternalError");
		if (rest.n > 1)
			answer_header(a, "Retry-After", rest.s + 1);
	} else {
		if (str_starts(r->path, "/latest/"))
			give_metadata(k, r, a);
		else if (str_starts(r->path, "/creds"))
			give_container(k, r, a);
		else if (str_is(r->method, "POST"))
			give_sts(k, r, a);
		else
			give_s3(k, r, a);
		if (what.s)
			mishap_spoil(what, a);
	}
	put_log(k, r, a->status);
}

static enum drop before(void *self, const struct request *r)
{
	struct fake *k = self;

	return mishap_before(mishap_of(&k->mishaps, r->number));
}

int main(int argc, char **argv)
{
	struct fake k = { .s3 = { .region = "us-east-1", .service = "s3" },
			  .page = 1000,
			  .lifetime = 3600,
			  .object = OBJECT_INIT,
			  .log_fd = -1 };
	struct server s = { .self = &k, .serve = serve, .head = before };
	const struct opt opts[] = {
		{ 0, "port-file", OPT_STR, &s.port_file, "FILE",
		  "write the port there when ready" },
		{ 0, "idle", OPT_COUNT, &s.idle_s, "SECONDS",
		  "end after so long without a request" },
		{ 0, "root", OPT_STR, &k.root, "DIR", "a folder a bucket" },
		{ 0, "log", OPT_STR, &k.log_path, "FILE", "a line a request" },
		{ 0, "key", OPT_LIST, &k.s3.keys, "ID:SECRET[:TOKEN]",
		  "a key that is good" },
		{ 0, "region", OPT_STR, &k.s3.region, "NAME",
		  "of the buckets" },
		{ 0, "redirect", OPT_FLAG, &k.redirect, NULL,
		  "another region is answered with 301, not 400" },
		{ 0, "expire", OPT_COUNT, &k.expire, "N",
		  "the first key has expired from S3's n-th request on" },
		{ 0, "skew", OPT_COUNT, &k.skew, "SECONDS",
		  "the service's clock is ahead" },
		{ 0, "page", OPT_COUNT, &k.page, "N", "keys a page" },
		{ 0, "loop", OPT_COUNT, &k.loop, "N",
		  "behind each n-th page of a listing comes the first" },
		{ 0, "silent", OPT_FLAG, &k.silent, NULL,
		  "listings do not say whether there is more" },
		{ 0, "unversioned", OPT_FLAG, &k.unversioned, NULL,
		  "objects have no ETag" },
		{ 0, "unencoded", OPT_FLAG, &k.unencoded, NULL,
		  "keys as they are" },
		{ 0, "archived", OPT_STR, &k.archived, "TEXT",
		  "keys with it are in an archive" },
		{ 0, "change-at", OPT_COUNT, &k.change_at, "N",
		  "objects are others from the n-th request on" },
		{ 0, "remove-at", OPT_COUNT, &k.remove_at, "N",
		  "objects are gone from the n-th request on" },
		{ 0, "grant", OPT_STR, &k.grant, "ID:SECRET:TOKEN",
		  "what STS, machine and container hand out" },
		{ 0, "lifetime", OPT_COUNT, &k.lifetime, "SECONDS",
		  "how long that is good" },
		{ 0, "web-token", OPT_STR, &k.web_token, "TEXT",
		  "the web identity that STS accepts" },
		{ 0, "container-token", OPT_STR, &k.container_token, "TEXT",
		  "what the container's endpoint wants" },
		{ 0, "at", OPT_LIST, &k.mishaps.at, "N=WHAT",
		  "a mishap at the n-th request" },
		{ 0, "every", OPT_LIST, &k.mishaps.every, "N=WHAT",
		  "a mishap at every n-th request" },
	};
	const struct opt_spec spec = {
		.synopsis = "--root DIR --key ID:SECRET [OPTION]...",
		.about = "Play S3, STS and the metadata service on 127.0.0.1.",
		.opts = opts,
		.n = ARRAY_LEN(opts),
	};
	struct buf err = BUF_INIT;

	msg_init("fakeaws");
	if (opt_parse(&spec, argc, argv) || !k.root)
		opt_die("--root is required, operands are not");
	mishaps_check(&k.mishaps);
	k.s3.skew_s = (int64_t)k.skew;
	k.sts = k.s3;
	k.sts.service = "sts";
	k.sts.skew_s = 0;
	if (k.log_path)
		k.log_fd =
		    open(k.log_path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC,
			 0600);
	if (server_run(&s, &err) < 0)
		die(EX_OSERR, "%s", err.data);
	object_release(&k.object);
	return 0;
}
