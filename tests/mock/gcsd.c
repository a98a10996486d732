/* SPDX-License-Identifier: MIT */
/*
 * Google Cloud Storage's JSON API over a folder with a folder for each bucket,
 * with the token endpoint of tokens.h. Objects have generations; an object
 * that is stored packed is unpacked for whoever does not accept it as it is, so
 * such a request is refused here.
 */
#include <dirent.h>

#include "common/enc.h"
#include "common/file.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/msg.h"
#include "tests/mock/lib/fakeapi.h"
#include "tests/mock/lib/objects.h"
#include "tests/mock/lib/tokens.h"

struct gcsd {
	struct tokens tokens;
	struct fakeapi api;
	const char *root;
	uint64_t page, change_at, n_api;
	struct object object;
};

static void complain(struct answer *a, int status, const char *reason)
{
	struct buf b = BUF_INIT;

	buf_addf(&b,
		 "{\"error\":{\"code\":%d,\"message\":\"no\",\"errors\":[{"
		 "\"reason\":\"%s\",\"message\":\"no\"}]}}",
		 status, reason);
	answer_json(a, status, buf_str(&b));
	buf_release(&b);
}

/* A number out of the content; another one once it is to have changed. */
static void put_generation(const struct gcsd *s, struct buf *out)
{
	bool changed = s->change_at && s->n_api >= s->change_at;

	for (size_t i = 1; i < 13; i++)
		buf_addc(out, (char)('1' + s->object.etag.data[i] % 9));
	if (changed)
		buf_addc(out, '7');
}

/* A member of the query, decoded; false: it is not there. */
static bool query_get(const struct request *r, const char *name,
		      struct buf *out)
{
	struct str query = r->query, part, key;

	buf_reset(out);
	while (str_split(&query, '&', &part))
		if (str_split(&part, '=', &key) && str_is(key, name)) {
			object_decode(out, part);
			return true;
		}
	return false;
}

static int by_bytes(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void put_item(struct gcsd *s, struct buf *out, const char *bucket,
		     const char *name)
{
	struct buf path = BUF_INIT;

	buf_addf(&path, "%s/%s", bucket, name);
	if (object_load(&s->object, s->root, buf_str(&path)) == 0) {
		buf_addz(out, "{\"name\":");
		json_put_strz(out, name);
		buf_addz(out, ",\"generation\":\"");
		put_generation(s, out);
		buf_addf(out, "\",\"size\":\"%zu\"}", s->object.data.len);
	}
	buf_release(&path);
}

static void give_list(struct gcsd *s, const struct request *r, struct answer *a,
		      const char *bucket)
{
	struct buf folder = BUF_INIT, prefix = BUF_INIT, after = BUF_INIT;
	struct buf out = BUF_INIT;
	char *names[1024];
	size_t n = 0, given = 0, i;
	struct dirent *e;
	DIR *d;

	query_get(r, "prefix", &prefix);
	query_get(r, "pageToken", &after);
	buf_addf(&folder, "%s/%s", s->root, bucket);
	d = opendir(folder.data);
	while (d && (e = readdir(d)) && n < ARRAY_LEN(names))
		if (*e->d_name != '.' &&
		    str_starts(str_of(e->d_name), prefix.data))
			names[n++] = xstrdup(e->d_name);
	if (d)
		closedir(d);
	qsort(names, n, sizeof *names, by_bytes);
	buf_addz(&out, "{\"items\":[");
	for (i = 0; i < n && given < s->page; i++) {
		if (after.len && strcmp(names[i], after.data) <= 0)
			continue;
		buf_addz(&out, given++ ? "," : "");
		put_item(s, &out, bucket, names[i]);
	}
	buf_addc(&out, ']');
	if (i < n) {
		buf_addz(&out, ",\"nextPageToken\":");
		json_put_strz(&out, names[i - 1]);
	}
	buf_addc(&out, '}');
	if (!n)
		answer_json(a, 200, STR("{}"));
	else
		answer_json(a, 200, buf_str(&out));
	while (n)
		free(names[--n]);
	buf_release(&folder);
	buf_release(&prefix);
	buf_release(&after);
	buf_release(&out);
}

static void give_object(struct gcsd *s, const struct request *r,
			struct answer *a, const char *bucket, struct str name)
{
	struct buf path = BUF_INIT, wanted = BUF_INIT, now = BUF_INIT;
	struct buf media = BUF_INIT;
	struct str accept = request_header(r, "accept-encoding");

	buf_addf(&path, "%s/", bucket);
	object_decode(&path, name);
	query_get(r, "alt", &media);
	if (strcmp(media.data, "media") != 0 || !accept.s ||
	    !str_is(accept, "gzip") || memchr(name.s, '/', name.n))
		complain(a, 400, "badRequest");
	else if (object_load(&s->object, s->root, buf_str(&path)) < 0)
		complain(a, 404, "notFound");
	else {
		put_generation(s, &now);
		if (query_get(r, "generation", &wanted) &&
		    !str_eq(buf_str(&wanted), buf_str(&now))) {
			complain(a, 404, "notFound");
		} else {
			object_answer(&s->object, r, a, 0);
			answer_header(a, "x-goog-generation", now.data);
			if (a->status == 416)
				answer_header(a, "Content-Range", "bytes */0");
		}
	}
	buf_release(&path);
	buf_release(&wanted);
	buf_release(&now);
	buf_release(&media);
}

static void serve_api(struct gcsd *s, const struct request *r, struct answer *a)
{
	struct str rest = r->path, bucket;
	struct buf name = BUF_INIT, folder = BUF_INIT;

	s->n_api++;
	if (s->tokens.key_file && tokens_fault(&s->tokens, r)) {
		complain(a, 401, "authError");
		return;
	}
	if (!str_starts(rest, "/storage/v1/b/")) {
		complain(a, 400, "badRequest");
		return;
	}
	rest = (struct str){ rest.s + 14, rest.n - 14 };
	str_split(&rest, '/', &bucket);
	buf_adds(&name, bucket);
	buf_addf(&folder, "%s/%s", s->root, name.data);
	if (strcmp(name.data, "forbidden") == 0)
		complain(a, 403, "forbidden");
	else if (strcmp(name.data, "busy") == 0)
		complain(a, 403, "rateLimitExceeded");
	else if (access(folder.data, F_OK) < 0)
		complain(a, 404, "notFound");
	else if (str_is(rest, "o"))
		give_list(s, r, a, name.data);
	else if (str_starts(rest, "o/"))
		give_object(s, r, a, name.data,
			    (struct str){ rest.s + 2, rest.n - 2 });
	else
		complain(a, 400, "badRequest");
	buf_release(&name);
	buf_release(&folder);
}

static void note(void *self UNUSED, const struct request *r, int status,
		 struct buf *line)
{
	buf_addf(line, "%.*s %.*s %d", STR_ARG(r->method), STR_ARG(r->target),
		 status);
}

static void give(void *self, const struct request *r, struct answer *a)
{
	struct gcsd *s = self;

	if (!tokens_serve(&s->tokens, r, a))
		serve_api(s, r, a);
}

static void trouble(struct answer *a, int status)
{
	complain(a, status, "backendError");
}

int main(int argc, char **argv)
{
	struct gcsd fake = { .page = 1000,
			     .object = OBJECT_INIT,
			     .api = { .give = give,
				      .trouble = trouble,
				      .note = note,
				      .self = &fake } };
	struct opt opts[3 + TOKENS_N_OPTS + FAKEAPI_N_OPTS] = {
		{ 0, "root", OPT_STR, &fake.root, "DIR", "a folder a bucket" },
		{ 0, "page", OPT_COUNT, &fake.page, "N", "names a page" },
		{ 0, "change-at", OPT_COUNT, &fake.change_at, "N",
		  "objects are others from the n-th request on" },
	};
	const struct opt_spec spec = {
		.synopsis = "--root DIR [OPTION]...",
		.about = "Be Google Cloud Storage, on 127.0.0.1.",
		.opts = opts,
		.n = ARRAY_LEN(opts),
	};

	tokens_opts(&fake.tokens, opts + 3);
	fakeapi_opts(&fake.api, opts + 3 + TOKENS_N_OPTS);
	msg_init("gcsd");
	if (opt_parse(&spec, argc, argv) || !fake.root)
		opt_die("--root is required, operands are not");
	fakeapi_run(&fake.api);
	object_release(&fake.object);
	tokens_release(&fake.tokens);
	return 0;
}
