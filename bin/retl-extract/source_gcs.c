/* SPDX-License-Identifier: MIT */
/*
 * Google Cloud Storage by its JSON API. Every part is asked for by the
 * object's generation, so that no two versions get mixed. Objects that are
 * stored compressed come as they are stored.
 */
#include "bin/retl-extract/store.h"

#include "bin/retl-extract/google.h"
#include "common/enc.h"
#include "common/json.h"
#include "common/mem.h"

struct gcs {
	struct google google;
	const struct store_place *place;
};

/* .../storage/v1/b/BUCKET/o: google's own way is for requests that it judges.
 */
static int begin(struct gcs *s, struct web_request *rq, struct failure *f)
{
	buf_reset(&rq->url);
	buf_reset(&rq->headers);
	buf_addf(&rq->url, "%s/storage/v1/b/%s/o", s->google.base.data,
		 s->place->bucket.data);
	return s->google.anonymous ? 0 : token_sign(&s->google.token, rq, f);
}

static int gcs_ask(void *self, struct web_request *rq, const struct object *o,
		   uint64_t from, uint64_t to, bool whole, struct failure *f)
{
	struct gcs *s = self;
	int ret = begin(s, rq, f);

	buf_addc(&rq->url, '/');
	enc_percent(&rq->url, buf_str(&o->key));
	buf_addz(&rq->url, "?alt=media");
	if (o->version.len)
		buf_addf(&rq->url, "&generation=%s", o->version.data);
	/* Else the server unpacks what is stored packed, and knows no parts. */
	buf_addz(&rq->headers, "Accept-Encoding: gzip\n");
	if (!whole)
		buf_addf(&rq->headers, "Range: bytes=%" PRIu64 "-%" PRIu64 "\n",
			 from, to);
	return ret;
}

static int gcs_ask_list(void *self, struct web_request *rq, struct str page,
			struct failure *f)
{
	struct gcs *s = self;
	int ret = begin(s, rq, f);

	buf_addz(&rq->url, "?fields=items(name%2Cgeneration%2Csize)%2C"
			   "nextPageToken&prefix=");
	enc_percent(&rq->url, buf_str(&s->place->key));
	if (page.n) {
		buf_addz(&rq->url, "&pageToken=");
		enc_percent(&rq->url, page);
	}
	return ret;
}

static struct str gcs_version(struct str headers)
{
	return http_header(headers, "x-goog-generation");
}

static enum web_verdict gcs_judge(void *self, const struct web_request *rq,
				  const struct web_answer *a, unsigned attempt,
				  struct failure *f)
{
	struct gcs *s = self;

	(void)attempt;
	return google_judge(&s->google, rq, a, s->place->bucket.data, f);
}

/* A member that is a text; false: it is not there. */
static bool get_text(struct str obj, const char *name, struct buf *out)
{
	struct str v;

	buf_reset(out);
	if (json_type(obj) != JSON_OBJECT ||
	    json_find(obj, str_of(name), &v) != 1 ||
	    json_type(v) != JSON_STRING)
		return false;
	json_unescape(out, (struct str){ v.s + 1, v.n - 2 });
	return true;
}

static bool is_digits(const struct buf *b)
{
	uint64_t n;

	return str_to_u64(buf_str(b), &n) == 0;
}

static int gcs_take_list(void *self, struct store_reader *r, struct str body,
			 struct buf *next, struct failure *f)
{
	const struct gcs *s = self;
	struct buf key = BUF_INIT, version = BUF_INIT, size = BUF_INIT;
	struct json_fault fault;
	struct json_iter it;
	struct str v, items, one;
	uint64_t n;
	bool good;

	good = json_check(body, &v, &fault) == 0 && json_type(v) == JSON_OBJECT;
	if (good && json_find(v, STR("items"), &items) == 1) {
		good = json_type(items) == JSON_ARRAY;
		if (good)
			json_iter_init(&it, items);
		while (good && json_iter_element(&it, &one)) {
			good = get_text(one, "name", &key) &&
			       get_text(one, "generation", &version) &&
			       get_text(one, "size", &size) && key.len &&
			       !memchr(key.data, '\0', key.len) &&
			       is_digits(&version) &&
			       str_to_u64(buf_str(&size), &n) == 0;
			if (good)
				store_add(r, buf_str(&key), buf_str(&version),
					  n);
		}
	}
	if (good)
		get_text(v, "nextPageToken", next);
	buf_release(&key);
	buf_release(&version);
	buf_release(&size);
	if (!good)
		return failed(f, EX_UNAVAILABLE,
			      "gs: %s: the listing cannot be read",
			      s->place->bucket.data);
	return 0;
}

static void gcs_close(void *self)
{
	struct gcs *s = self;

	google_release(&s->google);
	free(s);
}

static void *gcs_open(const struct source_args *a,
		      const struct store_place *place, struct failure *f)
{
	struct gcs *s = xcalloc(1, sizeof *s);

	s->place = place;
	if (google_init(&s->google, "gs", "https://storage.googleapis.com",
			"STORAGE_EMULATOR_HOST",
			"https://www.googleapis.com/auth/devstorage.read_only",
			a->cacert, f) < 0) {
		gcs_close(s);
		return NULL;
	}
	return s;
}

static const struct store gcs = {
	.scheme = "gs",
	.open = gcs_open,
	.close = gcs_close,
	.ask = gcs_ask,
	.judge = gcs_judge,
	.version = gcs_version,
	.ask_list = gcs_ask_list,
	.take_list = gcs_take_list,
};

static void *open_gcs(const struct source_args *a, struct failure *f)
{
	return store_open(&gcs, a, f);
}

const struct source source_gcs = {
	.open = open_gcs,
	.next = store_next,
	.doubt = store_doubt,
	.close = store_close,
};
