/* SPDX-License-Identifier: MIT */
/*
 * A contract's file: where it lies, what it says with the programs of other
 * files read in, and merged over the contract that it extends.
 */
#include <dirent.h>
#include <sys/stat.h>

#include "common/contract_private.h"
#include "common/file.h"
#include "common/mem.h"

#define MAX_FILE ((size_t)4 << 20)

/* ---- finding ---- */

static bool is_file(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

static bool ends_in_json(const char *name)
{
	size_t n = strlen(name);

	return n > 5 && strcmp(name + n - 5, ".json") == 0;
}

static bool is_path(const char *name)
{
	return is_file(name) || (strchr(name, '/') && ends_in_json(name));
}

/* DIR/NAME.json if it is there, else NULL. */
static char *in_folder(struct str dir, const char *name, struct buf *tried)
{
	struct buf path = BUF_INIT;

	buf_addf(&path, "%.*s/%s.json", STR_ARG(dir), name);
	if (is_file(path.data))
		return buf_take(&path);
	buf_release(&path);
	buf_addf(tried, "%s%.*s", tried->len ? ", " : "", STR_ARG(dir));
	return NULL;
}

/*
 * The folder that make install fills: share/retl/contracts beside the bin/ that
 * this program stands in, so that an installed tree may be moved.
 */
static void installed_folder(struct buf *out)
{
	char exe[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof exe);
	struct str dir = { exe, n > 0 ? (size_t)n : 0 };

	for (int up = 0; up < 2; up++) {
		while (dir.n && dir.s[dir.n - 1] != '/')
			dir.n--;
		if (dir.n)
			dir.n--;
	}
	buf_addf(out, "%.*s/share/retl/contracts",
		 n > 0 ? (int)dir.n : (int)strlen("/usr/local"),
		 n > 0 ? dir.s : "/usr/local");
}

/*
 * The folder below which a file of this name lies, as far as its path tells:
 * "x/contracts" of x/contracts/acme/customer.json. .n 0: it does not.
 */
static struct str folder_of(const char *path, struct str name)
{
	size_t n = strlen(path), tail = name.n + strlen("/.json");

	if (n <= tail || path[n - tail] != '/' ||
	    memcmp(path + n - tail + 1, name.s, name.n) != 0)
		return STR("");
	return (struct str){ path, n - tail };
}

/* first: the folder that is looked into before all others, .n 0: none. */
static char *find_file(const char *name, struct str first, struct buf *tried)
{
	struct str rest = str_of(getenv("RETL_CONTRACTS")), dir;
	struct buf installed = BUF_INIT;
	char *path;

	if (is_path(name))
		return xstrdup(name);
	/* A name is looked up below a folder, never beside it. */
	if (*name == '/' || strstr(name, "..")) {
		buf_addz(tried, "any folder: a name has no \"..\" and does "
				"not begin with /, a path ends in .json");
		return NULL;
	}
	path = first.n ? in_folder(first, name, tried) : NULL;
	if (!path)
		path = in_folder(STR("./contracts"), name, tried);
	while (!path && str_split(&rest, ':', &dir))
		if (dir.n)
			path = in_folder(dir, name, tried);
	if (!path) {
		installed_folder(&installed);
		path = in_folder(buf_str(&installed), name, tried);
		buf_release(&installed);
	}
	return path;
}

/* ---- listing ---- */

struct listing {
	char **v; /* names */
	size_t n, cap;
	void (*each)(void *arg, const char *name, const char *path);
	void *arg;
};

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool is_contract_name(const char *name)
{
	size_t n = strlen(name);

	return n > 5 && strcmp(name + n - 5, ".json") == 0 && *name != '.' &&
	       !(n > 10 && strcmp(name + n - 10, ".test.json") == 0);
}

/* Names below root/below, one folder deep and then another. */
static void collect(struct listing *l, const char *root, const char *below)
{
	struct buf path = BUF_INIT;
	struct dirent *e;
	DIR *d;

	buf_addf(&path, "%s/%s", root, below);
	d = opendir(path.data);
	while (d && (e = readdir(d))) {
		struct buf name = BUF_INIT;

		if (*e->d_name == '.')
			continue;
		buf_addf(&name, "%s%s%s", below, *below ? "/" : "", e->d_name);
		buf_reset(&path);
		buf_addf(&path, "%s/%s", root, name.data);
		if (!is_file(path.data)) {
			if (!strchr(name.data, '/'))
				collect(l, root, name.data);
		} else if (is_contract_name(e->d_name) &&
			   strchr(name.data, '/')) {
			buf_truncate(&name, name.len - 5);
			GROW(l->v, l->n, l->cap);
			l->v[l->n++] = buf_take(&name);
		}
		buf_release(&name);
	}
	if (d)
		closedir(d);
	buf_release(&path);
}

static void list_folder(struct listing *l, struct str folder)
{
	struct buf root = BUF_INIT, path = BUF_INIT;
	size_t before = l->n;

	buf_adds(&root, folder);
	collect(l, root.data, "");
	if (l->n > before)
		qsort(l->v + before, l->n - before, sizeof *l->v, by_text);
	for (size_t i = before; i < l->n; i++) {
		bool hidden = false;

		for (size_t k = 0; k < before && !hidden; k++)
			hidden = strcmp(l->v[k], l->v[i]) == 0;
		if (hidden)
			continue;
		buf_reset(&path);
		buf_addf(&path, "%s/%s.json", root.data, l->v[i]);
		l->each(l->arg, l->v[i], path.data);
	}
	buf_release(&root);
	buf_release(&path);
}

void contract_list(void (*each)(void *arg, const char *name, const char *path),
		   void *arg)
{
	struct str rest = str_of(getenv("RETL_CONTRACTS")), dir;
	struct listing l = { .each = each, .arg = arg };
	struct buf installed = BUF_INIT;

	list_folder(&l, STR("./contracts"));
	while (str_split(&rest, ':', &dir))
		if (dir.n)
			list_folder(&l, dir);
	installed_folder(&installed);
	list_folder(&l, buf_str(&installed));
	for (size_t i = 0; i < l.n; i++)
		free(l.v[i]);
	free(l.v);
	buf_release(&installed);
}

/* ---- reading ---- */

/* -1 if an object at any depth has a name twice. */
static int check_names(struct str v, struct buf *err)
{
	struct json_obj o = JSON_OBJ_INIT;
	struct json_fault f;
	struct json_iter it;
	struct json_member m;
	struct str e;
	int ret = 0;

	if (json_type(v) == JSON_ARRAY) {
		json_iter_init(&it, v);
		while (!ret && json_iter_element(&it, &e))
			ret = check_names(e, err);
	}
	if (json_type(v) != JSON_OBJECT)
		return ret;
	if (json_obj_parse(&o, v, &f) < 0)
		ret = fail(err, "%s", f.what);
	json_obj_release(&o);
	json_iter_init(&it, v);
	while (!ret && json_iter_member(&it, &m)) {
		/* Merging and looking up go by the name as it is written. */
		if (m.key_esc)
			ret = fail(err,
				   "%.*s: a member name with a backslash: "
				   "write it as it is",
				   STR_ARG(m.key));
		else if (check_names(m.val, err) < 0)
			ret = fail(err, "%.*s/%s", STR_ARG(m.key), err->data);
	}
	return ret;
}

static int broken_at(const char *path, const struct buf *text,
		     const struct json_fault *f, struct buf *err)
{
	size_t line = 1, column = 1;

	for (size_t i = 0; i < f->at && i < text->len; i++) {
		column++;
		if (text->data[i] == '\n') {
			line++;
			column = 1;
		}
	}
	return fail(err, "%s:%zu:%zu: %s", path, line, column, f->what);
}

/* The file's object in *root, which borrows from text. */
static int read_object(const char *path, struct buf *text, struct str *root,
		       int *status, struct buf *err)
{
	struct buf why = BUF_INIT;
	struct json_fault f;
	int ret = 0;

	if (file_read(path, MAX_FILE, text, err) < 0) {
		*status = EX_NOINPUT;
		return -1;
	}
	*status = EX_CONFIG;
	if (json_check(buf_str(text), root, &f) < 0)
		return broken_at(path, text, &f, err);
	if (json_type(*root) != JSON_OBJECT)
		return fail(err, "%s: not a JSON object", path);
	if (check_names(*root, &why) < 0)
		ret = fail(err, "%s: %s", path, why.data);
	buf_release(&why);
	return ret;
}

/* ---- programs ---- */

struct resolve {
	const char *path; /* of the contract */
	const char *text; /* as it stands there */
	struct buf *out;
	struct buf *err;
};

/* name is that of a file, and lies in the contract's text. */
static int cannot_read(struct resolve *r, struct str name, const char *why)
{
	size_t line = 1;

	for (const char *p = r->text; p < name.s; p++)
		line += *p == '\n';
	return fail(r->err, "%s:%zu: \"@%.*s\": %s", r->path, line,
		    STR_ARG(name), why);
}

static int put_file(struct resolve *r, struct str name)
{
	const char *slash = strrchr(r->path, '/');
	struct buf path = BUF_INIT, text = BUF_INIT;
	int ret = -1;

	if (memchr(name.s, '/', name.n)) {
		cannot_read(r, name, "the file must lie beside the contract");
		goto out;
	}
	if (slash)
		buf_add(&path, r->path, (size_t)(slash - r->path) + 1);
	buf_adds(&path, name);
	if (file_read(path.data, MAX_FILE, &text, r->err) < 0) {
		cannot_read(r, name, r->err->data);
		goto out;
	}
	json_put_str(r->out, buf_str(&text));
	ret = 0;
out:
	buf_release(&path);
	buf_release(&text);
	return ret;
}

static void put_lines(struct resolve *r, struct str lines)
{
	struct json_iter it;
	struct str v;
	bool any = false;

	buf_addc(r->out, '"');
	json_iter_init(&it, lines);
	while (json_iter_element(&it, &v)) {
		buf_addz(r->out, any ? "\\n" : "");
		buf_add(r->out, v.s + 1, v.n - 2);
		any = true;
	}
	buf_addc(r->out, '"');
}

static int put_program(struct resolve *r, struct str v)
{
	if (json_type(v) == JSON_STRING && v.n > 3 && v.s[1] == '@')
		return put_file(r, (struct str){ v.s + 2, v.n - 3 });
	if (json_type(v) == JSON_ARRAY && json_all_strings(v))
		put_lines(r, v);
	else
		buf_adds(r->out, v);
	return 0;
}

static int put_kind(struct resolve *r, struct str v, const char *kind);

/* Each member or element by itself. */
static int put_each(struct resolve *r, struct str v, const char *kind)
{
	bool object = json_type(v) == JSON_OBJECT, any = false;
	struct json_iter it;
	struct json_member m;
	struct str e;

	if (!object && json_type(v) != JSON_ARRAY) {
		buf_adds(r->out, v);
		return 0;
	}
	buf_addc(r->out, object ? '{' : '[');
	json_iter_init(&it, v);
	while (object ? json_iter_member(&it, &m)
		      : json_iter_element(&it, &e)) {
		buf_addz(r->out, any ? "," : "");
		if (object) {
			buf_addf(r->out, "\"%.*s\":", STR_ARG(m.key));
			e = m.val;
		}
		if (put_kind(r, e, kind) < 0)
			return -1;
		any = true;
	}
	buf_addc(r->out, object ? '}' : ']');
	return 0;
}

static int put_members(struct resolve *r, struct str v, const char *kind)
{
	struct json_iter it;
	struct json_member m;
	const char *holds;
	char sep = '{';

	json_iter_init(&it, v);
	while (json_iter_member(&it, &m)) {
		holds = contract_holds(kind, m.key);
		buf_addf(r->out, "%c\"%.*s\":", sep, STR_ARG(m.key));
		if (put_kind(r, m.val, holds ? holds : "") < 0)
			return -1;
		sep = ',';
	}
	buf_addz(r->out, sep == '{' ? "{}" : "}");
	return 0;
}

/* v with its programs resolved. kind as in contract_holds. */
static int put_kind(struct resolve *r, struct str v, const char *kind)
{
	char one[16];
	size_t n = strlen(kind);

	if (strcmp(kind, "jq") == 0)
		return put_program(r, v);
	if (n && (kind[n - 1] == '*' || kind[n - 1] == ']')) {
		snprintf(one, sizeof one, "%.*s",
			 (int)(n - (kind[n - 1] == '*' ? 1 : 2)), kind);
		return put_each(r, v, one);
	}
	if (n && json_type(v) == JSON_OBJECT)
		return put_members(r, v, kind);
	buf_adds(r->out, v);
	return 0;
}

/* ---- extends ---- */

/* RFC 7396. base .s NULL: there is none. */
static void put_merged(struct buf *out, struct str base, struct str patch)
{
	struct json_iter it;
	struct json_member m;
	struct str other;
	char sep = '{';

	if (json_type(patch) != JSON_OBJECT) {
		buf_adds(out, patch);
		return;
	}
	if (base.s && json_type(base) == JSON_OBJECT) {
		json_iter_init(&it, base);
		while (json_iter_member(&it, &m)) {
			int in = json_find(patch, m.key, &other);

			if (in && json_type(other) == JSON_NULL)
				continue;
			buf_addf(out, "%c\"%.*s\":", sep, STR_ARG(m.key));
			if (in)
				put_merged(out, m.val, other);
			else
				buf_adds(out, m.val);
			sep = ',';
		}
	} else {
		base = STR_NONE;
	}
	json_iter_init(&it, patch);
	while (json_iter_member(&it, &m)) {
		if (json_type(m.val) == JSON_NULL ||
		    (base.s && json_find(base, m.key, &other) == 1))
			continue;
		buf_addf(out, "%c\"%.*s\":", sep, STR_ARG(m.key));
		put_merged(out, STR_NONE, m.val);
		sep = ',';
	}
	buf_addz(out, sep == '{' ? "{}" : "}");
}

static int read_one(const char *name, struct str first, char **path,
		    struct buf *text, int *status, struct buf *err)
{
	struct buf raw = BUF_INIT, tried = BUF_INIT;
	struct resolve r = { NULL, NULL, text, err };
	struct str root;
	int ret = -1;

	*path = find_file(name, first, &tried);
	r.path = *path;
	*status = EX_NOINPUT;
	if (!*path) {
		fail(err, "%s: no such contract in %s; %s", name, tried.data,
		     ends_in_json(name)
			 ? "the path of a file has a slash in it (./NAME.json)"
			 : "retl-push --list-contracts shows which there are");
	} else if (read_object(*path, &raw, &root, status, err) == 0) {
		r.text = raw.data;
		ret = put_members(&r, root, "contract");
	}
	buf_release(&raw);
	buf_release(&tried);
	return ret;
}

static int extend(const char *path, struct buf *text, int *status,
		  struct buf *err)
{
	struct str from = json_get(buf_str(text), "extends");
	struct str own = json_get(buf_str(text), "name"), first = STR("");
	struct buf base = BUF_INIT, merged = BUF_INIT, name = BUF_INIT;
	char *base_path = NULL;
	int ret = -1;

	if (json_type(from) != JSON_STRING) {
		fail(err, "%s: extends: not a name", path);
		goto out;
	}
	json_unescape(&name, (struct str){ from.s + 1, from.n - 2 });
	if (own.s && json_type(own) == JSON_STRING)
		first = folder_of(path, (struct str){ own.s + 1, own.n - 2 });
	if (read_one(name.data, first, &base_path, &base, status, err) < 0) {
		*status = EX_CONFIG;
		fail(err, "%s: extends: %s", path, err->data);
		goto out;
	}
	if (json_get(buf_str(&base), "extends").s) {
		fail(err, "%s: extends: %s extends another one itself", path,
		     name.data);
		goto out;
	}
	put_merged(&merged, buf_str(&base), buf_str(text));
	buf_reset(text);
	buf_adds(text, buf_str(&merged));
	ret = 0;
out:
	free(base_path);
	buf_release(&base);
	buf_release(&merged);
	buf_release(&name);
	return ret;
}

int contract_read(const char *name, char **path, struct buf *text, int *status,
		  struct buf *err)
{
	if (read_one(name, STR(""), path, text, status, err) < 0)
		return -1;
	*status = EX_CONFIG;
	if (json_get(buf_str(text), "extends").s)
		return extend(*path, text, status, err);
	return 0;
}
