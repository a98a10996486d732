/* SPDX-License-Identifier: MIT */
#include "bin/retl-extract/dataset.h"

#include "common/file.h"
#include "common/json.h"
#include "common/mem.h"

#define SOURCE_FILE_MAX ((size_t)4 << 20)
#define QUERY_MAX ((size_t)16 << 20)

/* What a source file may say of a file of text. Options say the same. */
static const char *const setting_names[SETTINGS_MAX + 1] = {
	"format", "delimiter", "null", "columns", NULL
};

static bool is_one_of(struct str name, const char *const *names)
{
	for (; *names; names++)
		if (str_is(name, *names))
			return true;
	return false;
}

/* Every member of obj is one of names, and stands there once. */
static int check_members(const struct source_file *s, const char *where,
			 struct str obj, const char *const *names,
			 struct failure *f)
{
	struct json_iter it;
	struct json_member m;
	struct buf name = BUF_INIT;
	int ret = 0;

	if (json_type(obj) != JSON_OBJECT)
		return failed(f, EX_CONFIG, "%s: %s must be an object", s->path,
			      where);
	json_iter_init(&it, obj);
	while (ret == 0 && json_iter_member(&it, &m)) {
		struct str val;

		buf_reset(&name);
		json_unescape(&name, m.key);
		if (names && !is_one_of(buf_str(&name), names))
			ret = failed(f, EX_CONFIG, "%s: %s has no member '%s'",
				     s->path, where, name.data);
		else if (json_find(obj, buf_str(&name), &val) < 0)
			ret = failed(f, EX_CONFIG, "%s: %s has '%s' twice",
				     s->path, where, name.data);
	}
	buf_release(&name);
	return ret;
}

/* A string without NUL, which the caller frees; NULL: it is none. */
static char *text_of(struct str v)
{
	struct buf scratch = BUF_INIT;
	struct str text;
	char *copy = NULL;

	if (v.s && json_type(v) == JSON_STRING) {
		text = json_text(v, &scratch);
		if (!text.n || !memchr(text.s, '\0', text.n))
			copy = xstrndup(text.s, text.n);
	}
	buf_release(&scratch);
	return copy;
}

/* path as seen from the source file's folder; the caller frees it. */
static char *beside(const struct source_file *s, const char *path)
{
	const char *slash = strrchr(s->path, '/');
	struct buf full = BUF_INIT;

	if (slash && *path != '/')
		buf_add(&full, s->path, (size_t)(slash - s->path) + 1);
	buf_addz(&full, path);
	return buf_take(&full);
}

/*
 * The URL with its file, if it has one, as seen from the source file's folder.
 */
static char *url_beside(const struct source_file *s, const char *url)
{
	static const char *const schemes[] = { "sqlite:", "duckdb:", "parquet:",
					       "csv:",    "tsv:",    "ndjson:",
					       "json:" };
	struct buf full = BUF_INIT;
	const char *file = url;
	char *path;

	for (size_t i = 0; i < ARRAY_LEN(schemes); i++)
		if (str_starts(str_of(url), schemes[i]))
			file = url + strlen(schemes[i]);
	/* Another scheme, standard input, or SQLite's own URL form. */
	if (strcmp(file, "-") == 0 || (file == url && strchr(url, ':')) ||
	    str_starts(str_of(file), "file:") || !*file)
		return xstrdup(url);
	path = beside(s, file);
	buf_add(&full, url, (size_t)(file - url));
	buf_addz(&full, path);
	free(path);
	return buf_take(&full);
}

static int take_settings(struct source_file *s, struct str root,
			 struct failure *f)
{
	struct str settings = json_get(root, "settings");

	if (!settings.s)
		return 0;
	if (check_members(s, "settings", settings, setting_names, f) < 0)
		return -1;
	for (size_t i = 0; i < SETTINGS_MAX; i++) {
		struct str val = json_get(settings, setting_names[i]);

		s->settings[i] = text_of(val);
		if (val.s && !s->settings[i])
			return failed(f, EX_CONFIG,
				      "%s: settings: %s must be a string",
				      s->path, setting_names[i]);
	}
	return 0;
}

static int take_datasets(struct source_file *s, struct str root,
			 struct failure *f)
{
	static const char *const members[] = { "query", "query_file", NULL };
	struct json_iter it;
	struct json_member m;

	s->datasets = json_get(root, "datasets");
	if (!s->datasets.s)
		return failed(f, EX_CONFIG, "%s: 'datasets' is missing",
			      s->path);
	if (check_members(s, "datasets", s->datasets, NULL, f) < 0)
		return -1;
	json_iter_init(&it, s->datasets);
	while (json_iter_member(&it, &m))
		if (check_members(s, "a dataset", m.val, members, f) < 0)
			return -1;
	return 0;
}

static int take_members(struct source_file *s, struct str root,
			struct failure *f)
{
	static const char *const members[] = { "url", "settings", "datasets",
					       NULL };
	char *url;

	if (check_members(s, "a source", root, members, f) < 0)
		return -1;
	url = text_of(json_get(root, "url"));
	if (!url)
		return failed(f, EX_CONFIG, "%s: 'url' must be a string",
			      s->path);
	s->url = url_beside(s, url);
	free(url);
	if (take_settings(s, root, f) < 0)
		return -1;
	return take_datasets(s, root, f);
}

int source_file_load(struct source_file *s, const char *path, struct failure *f)
{
	struct json_fault fault;
	struct str root;

	s->path = path;
	if (file_read(path, SOURCE_FILE_MAX, &s->text, &f->text) < 0)
		return failed(f, EX_NOINPUT, "%s", f->text.data);
	if (json_check(buf_str(&s->text), &root, &fault) < 0)
		return failed(f, EX_CONFIG, "%s: byte %zu: %s", path,
			      fault.at + 1, fault.what);
	return take_members(s, root, f);
}

void source_file_release(struct source_file *s)
{
	for (size_t i = 0; i < SETTINGS_MAX; i++)
		free(s->settings[i]);
	free(s->url);
	buf_release(&s->text);
	*s = SOURCE_FILE_INIT;
}

const char *source_file_setting(const struct source_file *s, const char *name)
{
	for (size_t i = 0; i < SETTINGS_MAX; i++)
		if (strcmp(setting_names[i], name) == 0)
			return s->settings[i];
	return NULL;
}

void source_file_list(const struct source_file *s, struct buf *names)
{
	struct json_iter it;
	struct json_member m;

	json_iter_init(&it, s->datasets);
	while (json_iter_member(&it, &m)) {
		json_unescape(names, m.key);
		buf_addc(names, '\n');
	}
}

/* "; it has: customers, orders" */
static void put_known(const struct source_file *s, struct buf *out)
{
	struct json_iter it;
	struct json_member m;
	const char *sep = "; it has: ";

	json_iter_init(&it, s->datasets);
	while (json_iter_member(&it, &m)) {
		buf_addz(out, sep);
		json_unescape(out, m.key);
		sep = ", ";
	}
}

static int unknown(const struct source_file *s, const char *dataset,
		   struct failure *f)
{
	struct buf known = BUF_INIT;

	put_known(s, &known);
	failed(f, EX_USAGE, "%s: there is no dataset '%s'%s", s->path, dataset,
	       known.data);
	buf_release(&known);
	return -1;
}

static int add_query_file(const struct source_file *s, const char *dataset,
			  struct str name, struct buf *query, struct failure *f)
{
	char *text = text_of(name), *path;
	int ret;

	if (!text)
		return failed(f, EX_CONFIG,
			      "%s: %s: 'query_file' must be a string", s->path,
			      dataset);
	path = beside(s, text);
	ret = query_read(path, query, f);
	free(path);
	free(text);
	return ret;
}

int source_file_query(const struct source_file *s, const char *dataset,
		      struct buf *query, bool *has_query, struct failure *f)
{
	struct str entry = STR_NONE, text, name;
	char *inline_text;

	if (json_find(s->datasets, str_of(dataset), &entry) != 1)
		return unknown(s, dataset, f);
	text = json_get(entry, "query");
	name = json_get(entry, "query_file");
	*has_query = text.s || name.s;
	if (text.s && name.s)
		return failed(f, EX_CONFIG,
			      "%s: %s: has both 'query' and 'query_file'",
			      s->path, dataset);
	if (name.s)
		return add_query_file(s, dataset, name, query, f);
	if (!text.s)
		return 0;
	inline_text = text_of(text);
	if (!inline_text)
		return failed(f, EX_CONFIG, "%s: %s: 'query' must be a string",
			      s->path, dataset);
	buf_addz(query, inline_text);
	free(inline_text);
	return 0;
}

int query_read(const char *path, struct buf *query, struct failure *f)
{
	if (file_read(path, QUERY_MAX, query, &f->text) < 0)
		return failed(f, EX_NOINPUT, "%s", f->text.data);
	if (memchr(query->data, '\0', query->len))
		return failed(f, EX_CONFIG, "%s: there is a NUL in the query",
			      path);
	return 0;
}
