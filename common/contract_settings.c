/* SPDX-License-Identifier: MIT */
/*
 * Settings: what the user fills into a contract. First found counts: --set,
 * the settings file, the environment variable, the default; what is derived
 * comes last. A secret is never taken from a command line, which others can
 * read, and no message shows it.
 */
#include "common/clock.h"
#include "common/contract_private.h"
#include "common/digest.h"
#include "common/enc.h"
#include "common/file.h"
#include "common/format.h"
#include "common/mem.h"
#include "common/msg.h"
#include "common/pattern.h"

#define MAX_SETTINGS_FILE ((size_t)1 << 20)

static const char *const own_keywords[] = {
	"env",     "default", "secret",  "optional",
	"account", "from",    "capture", NULL,
};

/* One setting while it is being read. */
struct source {
	struct setting *s;
	struct str spec;  /* its object in the contract */
	const char *from; /* "--set", "the environment", for messages */
	bool made_up;     /* by lint: not held against spec */
};

static struct setting *find(const struct contract *c, struct str name)
{
	for (size_t i = 0; i < c->n_settings; i++)
		if (str_eq(c->settings[i].name, name))
			return &c->settings[i];
	return NULL;
}

const struct setting *contract_setting(const struct contract *c,
				       struct str name)
{
	return find(c, name);
}

/* ---- values ---- */

static bool has_type(struct str type, const char *name)
{
	struct json_iter it;
	struct str v;

	if (json_type(type) == JSON_STRING)
		return json_text_is(type, name);
	json_iter_init(&it, type);
	while (json_iter_element(&it, &v))
		if (json_text_is(v, name))
			return true;
	return false;
}

/* May a text stand for a number or a boolean here? */
static bool wants(struct str spec, enum json_type t)
{
	struct str type = json_get(spec, "type");
	struct str sample = json_get(spec, "default");

	if (type.s)
		return has_type(type, json_type_name(t)) ||
		       (t == JSON_NUMBER && has_type(type, "integer"));
	/* Untyped: as the default is. */
	return sample.s && json_type(sample) == t;
}

/* What a text from outside means as JSON. */
static struct str typed(struct contract *c, struct str spec, struct str text)
{
	struct buf b = BUF_INIT;
	struct json_fault f;
	struct str v;

	if (json_check(text, &v, &f) == 0 && v.n == text.n &&
	    (json_type(v) == JSON_NUMBER || json_type(v) == JSON_BOOL) &&
	    wants(spec, json_type(v)))
		return contract_keep(c, text);
	json_put_str(&b, text);
	v = contract_keep(c, buf_str(&b));
	buf_release(&b);
	return v;
}

static int check_value(struct contract *c, const struct source *src,
		       struct str value, struct buf *err)
{
	struct schema *schema = schema_new(src->spec, own_keywords, err);
	struct faults faults = FAULTS_INIT;
	struct buf text = BUF_INIT;
	int ret;

	if (!schema)
		return fail(err, "%s: settings/%.*s: %s", c->path,
			    STR_ARG(src->s->name), err->data);
	ret = src->made_up ? 0 : schema_check(schema, value, &faults);
	if (ret < 0) {
		faults_put(&text, &faults);
		fail(err, "setting '%.*s' (from %s): %s", STR_ARG(src->s->name),
		     src->from, text.data);
	}
	buf_release(&text);
	faults_release(&faults);
	schema_free(schema);
	return ret;
}

/* As it is, and as an answer may repeat it: in an address, in JSON. */
static void hide(struct str secret)
{
	struct buf b = BUF_INIT, slashed = BUF_INIT;

	msg_hide(secret.s, secret.n);
	enc_percent(&b, secret);
	if (!str_eq(buf_str(&b), secret))
		msg_hide(b.data, b.len);
	buf_reset(&b);
	json_put_str(&b, secret);
	for (size_t i = 1; i + 1 < b.len; i++) {
		if (b.data[i] == '/')
			buf_addc(&slashed, '\\');
		buf_addc(&slashed, b.data[i]);
	}
	if (b.len != secret.n + 2)
		msg_hide(b.data + 1, b.len - 2);
	if (slashed.len != b.len - 2)
		msg_hide(slashed.data, slashed.len);
	explicit_bzero(b.data, b.len);
	explicit_bzero(slashed.data, slashed.len);
	buf_release(&b);
	buf_release(&slashed);
}

static int set_value(struct contract *c, const struct source *src,
		     struct str value, struct buf *err)
{
	struct buf text = BUF_INIT;

	if (json_type(value) == JSON_ARRAY || json_type(value) == JSON_OBJECT)
		return fail(err, "setting '%.*s' (from %s): not a plain value",
			    STR_ARG(src->s->name), src->from);
	if (check_value(c, src, value, err) < 0)
		return -1;
	src->s->value = value;
	src->s->text = value;
	if (json_type(value) == JSON_STRING) {
		json_unescape(&text, (struct str){ value.s + 1, value.n - 2 });
		src->s->text = contract_keep(c, buf_str(&text));
		buf_release(&text);
	}
	if (src->s->secret)
		hide(src->s->text);
	return 0;
}

static int set_text(struct contract *c, const struct source *src,
		    struct str text, struct buf *err)
{
	struct json_fault f;
	struct buf quoted = BUF_INIT;
	int ok;

	/* argv and the environment may hold any bytes. */
	json_put_str(&quoted, text);
	ok = json_check(buf_str(&quoted), NULL, &f);
	buf_release(&quoted);
	if (ok < 0)
		return fail(err, "setting '%.*s' (from %s): not UTF-8",
			    STR_ARG(src->s->name), src->from);
	return set_value(c, src, typed(c, src->spec, text), err);
}

/* ---- where they come from ---- */

static int unknown_setting(const struct contract *c, struct str name,
			   const char *from, struct buf *err)
{
	struct buf near = BUF_INIT;

	for (size_t i = 0; i < c->n_settings; i++)
		if (contract_near(c->settings[i].name, name))
			buf_addf(&near, "%s '%.*s'", near.len ? "," : "",
				 STR_ARG(c->settings[i].name));
	if (!near.len)
		for (size_t i = 0; i < c->n_settings; i++)
			buf_addf(&near, "%s '%.*s'", near.len ? "," : " one of",
				 STR_ARG(c->settings[i].name));
	fail(err, "%s '%.*s': %s has no such setting; did you mean%s?", from,
	     STR_ARG(name), c->name, near.data);
	buf_release(&near);
	return -1;
}

static struct str spec_of(const struct contract *c, const struct setting *s)
{
	struct str all = json_get(c->root, "settings"), spec;

	if (all.s && json_find(all, s->name, &spec) == 1)
		return spec;
	return STR("{}");
}

static int from_argv(struct contract *c, const struct contract_args *args,
		     struct buf *err)
{
	for (size_t i = 0; i < args->set.n; i++) {
		struct str rest = str_of(args->set.v[i]), name;
		struct source src = { .from = "--set",
				      .made_up = args->made_up };

		str_split(&rest, '=', &name);
		if (!rest.s || !name.n)
			return fail(err, "--set: NAME=VALUE is expected");
		src.s = find(c, name);
		if (!src.s)
			return unknown_setting(c, name, "--set", err);
		if (src.s->secret)
			return fail(err,
				    "--set '%.*s': a secret, which a command "
				    "line would show to others; use the "
				    "environment or --settings FILE",
				    STR_ARG(name));
		src.spec = spec_of(c, src.s);
		if (set_text(c, &src, rest, err) < 0)
			return -1;
	}
	return 0;
}

/* A text here is one as it is elsewhere: "5" may be the number. */
static int set_json(struct contract *c, struct source *src, struct str v,
		    struct buf *err)
{
	struct buf text = BUF_INIT;
	int ret;

	if (json_type(v) != JSON_STRING)
		return set_value(c, src, contract_keep(c, v), err);
	json_unescape(&text, (struct str){ v.s + 1, v.n - 2 });
	ret = set_text(c, src, buf_str(&text), err);
	explicit_bzero(text.data, text.len);
	buf_release(&text);
	return ret;
}

static int from_object(struct contract *c, struct str object, const char *path,
		       struct buf *err)
{
	struct json_iter it;
	struct json_member m;
	struct source src = { .from = path };

	json_iter_init(&it, object);
	while (json_iter_member(&it, &m)) {
		src.s = find(c, m.key);
		if (!src.s)
			return unknown_setting(c, m.key, path, err);
		if (json_type(m.val) == JSON_NULL || src.s->text.s)
			continue;
		src.spec = spec_of(c, src.s);
		if (set_json(c, &src, m.val, err) < 0)
			return -1;
		src.s->file = path;
	}
	return 0;
}

static int from_file(struct contract *c, const char *path, int *status,
		     struct buf *err)
{
	struct buf text = BUF_INIT;
	struct json_obj o = JSON_OBJ_INIT;
	struct json_fault f;
	struct str object;
	int ret = -1;

	*status = EX_NOINPUT;
	if (file_read(path, MAX_SETTINGS_FILE, &text, err) < 0)
		goto out;
	*status = EX_CONFIG;
	if (json_obj_parse(&o, buf_str(&text), &f) < 0 ||
	    json_check(buf_str(&text), &object, &f) < 0)
		fail(err, "%s: byte %zu: %s", path, f.at + 1, f.what);
	else
		ret = from_object(c, object, path, err);
out:
	/* It may hold secrets. */
	explicit_bzero(text.data, text.len);
	json_obj_release(&o);
	buf_release(&text);
	return ret;
}

/* The variable, else the default. An empty variable counts as unset. */
static int from_rest(struct contract *c, struct setting *s, struct buf *err)
{
	struct source src = { .s = s, .spec = spec_of(c, s) };
	struct str env = json_get(src.spec, "env"), value;
	struct buf name = BUF_INIT;
	int ret = 0;

	if (s->text.s)
		return 0;
	if (env.s) {
		json_unescape(&name, (struct str){ env.s + 1, env.n - 2 });
		value = str_of(getenv(name.data));
		src.from = name.data;
		if (value.n)
			ret = set_text(c, &src, value, err);
	}
	value = json_get(src.spec, "default");
	src.from = "the contract";
	if (!ret && !s->text.s && value.s)
		ret = set_value(c, &src, value, err);
	buf_release(&name);
	return ret;
}

static int derive(struct contract *c, struct setting *s, struct buf *err)
{
	struct source src = { .s = s,
			      .spec = spec_of(c, s),
			      .from = "another setting" };
	struct str from = json_get(src.spec, "from"), capture, part;
	struct buf name = BUF_INIT, scratch = BUF_INIT;
	const struct setting *other;
	struct pattern *p = NULL;
	int ret = -1;

	if (s->text.s || !from.s)
		return 0;
	capture = json_get(src.spec, "capture");
	json_unescape(&name, (struct str){ from.s + 1, from.n - 2 });
	other = find(c, buf_str(&name));
	if (!other || other == s || json_get(spec_of(c, other), "from").s) {
		fail(err, "%s: settings/%.*s/from: not another setting",
		     c->path, STR_ARG(s->name));
		goto out;
	}
	p = pattern_new(json_text(capture, &scratch), err);
	if (!p) {
		fail(err, "%s: settings/%.*s/capture: %s", c->path,
		     STR_ARG(s->name), err->data);
		goto out;
	}
	if (!other->text.s)
		ret = 0;
	else if (!pattern_capture(p, other->text, &part))
		fail(err,
		     "setting '%.*s': cannot be taken from '%s', which is not "
		     "of the form expected; give it with --set",
		     STR_ARG(s->name), name.data);
	else
		ret = set_text(c, &src, part, err);
out:
	pattern_free(p);
	buf_release(&name);
	buf_release(&scratch);
	return ret;
}

/* ---- what there is ---- */

static int add(struct contract *c, struct str name, struct str spec,
	       struct buf *err)
{
	struct setting *s;

	if (find(c, name))
		return fail(err,
			    "%s: settings/%.*s: a name that every "
			    "contract has already",
			    c->path, STR_ARG(name));
	s = &c->settings[c->n_settings++];
	*s = (struct setting){
		.name = name,
		.secret = json_is_true(spec, "secret"),
		.account = json_is_true(spec, "account"),
	};
	if (s->secret && s->account)
		return fail(err,
			    "%s: settings/%.*s: a secret cannot be part "
			    "of a receipt's `to`",
			    c->path, STR_ARG(name));
	return 0;
}

static int list_settings(struct contract *c, struct buf *err)
{
	struct str all = json_get(c->root, "settings");
	struct json_iter it;
	struct json_member m;
	size_t n = all.s ? json_count(all) : 0;

	c->settings = xcalloc(n + 2, sizeof *c->settings);
	if (add(c, STR("api_version"), STR("{}"), err) < 0 ||
	    add(c, STR("base_url"), STR("{}"), err) < 0)
		return -1;
	if (!all.s)
		return 0;
	json_iter_init(&it, all);
	while (json_iter_member(&it, &m))
		if (add(c, m.key, m.val, err) < 0)
			return -1;
	return 0;
}

/* ---- templates of settings ---- */

/* RFC 6570's {+x}: reserved characters stay. */
static void put_reserved(struct buf *out, struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.s[i] && strchr(":/?#[]@!$&'()*+,;=%", s.s[i]))
			buf_addc(out, s.s[i]);
		else
			enc_percent(out, (struct str){ s.s + i, 1 });
}

/*
 * Fills a template of settings. Secrets, and what has no value, stay as they
 * are written; *secret tells of the first, *other of a variable that is no
 * setting.
 */
static void expand(const struct contract *c, struct str text, struct buf *out,
		   bool *secret, struct str *other)
{
	size_t i = 0;

	while (i < text.n) {
		const char *open = memchr(text.s + i, '{', text.n - i), *close;
		const struct setting *s;
		struct str name;
		bool plus;

		close =
		    open ? memchr(open, '}', (size_t)(text.s + text.n - open))
			 : NULL;
		if (!close) {
			buf_add(out, text.s + i, text.n - i);
			return;
		}
		buf_add(out, text.s + i, (size_t)(open - (text.s + i)));
		plus = open[1] == '+';
		name.s = open + 1 + plus;
		name.n = (size_t)(close - name.s);
		s = find(c, name);
		if (!s)
			*other = name;
		if (s && s->secret)
			*secret = true;
		if (!s || s->secret || !s->text.s)
			buf_add(out, open, (size_t)(close + 1 - open));
		else if (plus)
			put_reserved(out, s->text);
		else
			enc_percent(out, s->text);
		i = (size_t)(close + 1 - text.s);
	}
}

/* With its secrets filled in too: the address that push uses. */
static void expand_all(const struct contract *c, struct str text,
		       struct buf *out)
{
	bool hidden[64];
	bool unused;
	struct str other;
	size_t n = MIN(c->n_settings, ARRAY_LEN(hidden));

	for (size_t i = 0; i < n; i++) {
		hidden[i] = c->settings[i].secret;
		c->settings[i].secret = false;
	}
	expand(c, text, out, &unused, &other);
	for (size_t i = 0; i < n; i++)
		c->settings[i].secret = hidden[i];
}

static int set_base_url(struct contract *c, struct buf *err)
{
	struct setting *s = find(c, STR("base_url"));
	struct str text = json_get(c->root, "base_url"), other = STR_NONE;
	struct buf raw = BUF_INIT, b = BUF_INIT;
	bool secret = false;
	int ret = 0;

	if (s->text.s)
		return 0;
	json_unescape(&raw, (struct str){ text.s + 1, text.n - 2 });
	expand(c, buf_str(&raw), &b, &secret, &other);
	/* What a run finds out stays a variable, for push to fill in. */
	if (other.s && !str_starts(other, "saved.") &&
	    !str_starts(other, "auth."))
		ret = fail(err, "%s: base_url: {%.*s} is no setting", c->path,
			   STR_ARG(other));
	if (secret) {
		buf_reset(&b);
		expand_all(c, buf_str(&raw), &b);
		s->secret = true;
		msg_hide(b.data, b.len);
	}
	if (!ret) {
		s->text = contract_keep(c, buf_str(&b));
		buf_reset(&raw);
		json_put_str(&raw, s->text);
		s->value = contract_keep(c, buf_str(&raw));
	}
	buf_release(&raw);
	buf_release(&b);
	return ret;
}

/* ---- asking for them ---- */

int contract_need_setting(struct contract *c, struct str name, struct str *text,
			  int *status, struct buf *err)
{
	const struct setting *s = find(c, name);
	struct str env;
	struct buf scratch = BUF_INIT;

	*status = EX_CONFIG;
	if (!s)
		return fail(err, "%s: {%.*s}: there is no such setting",
			    c->path, STR_ARG(name));
	if (s->secret && text)
		return fail(err,
			    "%s: {%.*s}: a secret, which cannot stand where it "
			    "would be shown",
			    c->path, STR_ARG(name));
	if (text)
		*text = s->text;
	if (s->text.s)
		return 0;
	env = json_get(spec_of(c, s), "env");
	*status = s->secret ? EX_NOPERM : EX_CONFIG;
	buf_reset(err);
	buf_addf(err, "setting '%.*s' has no value: ", STR_ARG(name));
	if (!s->secret)
		buf_addf(err, "give --set %.*s=..., ", STR_ARG(name));
	if (env.s)
		buf_addf(err, "set the variable %.*s, ",
			 STR_ARG(json_text(env, &scratch)));
	buf_addf(err, "%sput it into --settings FILE",
		 s->secret && !env.s ? "" : "or ");
	buf_release(&scratch);
	return -1;
}

int contract_fill_in(struct contract *c, struct str text, struct str *out,
		     int *status, struct buf *err)
{
	struct buf b = BUF_INIT;
	struct str rest = text, value = STR_NONE, name;
	const char *open, *close;
	int ret = 0;

	while (!ret && (open = memchr(rest.s, '{', rest.n)) &&
	       (close = memchr(open, '}', (size_t)(rest.s + rest.n - open)))) {
		buf_add(&b, rest.s, (size_t)(open - rest.s));
		name = (struct str){ open + 1, (size_t)(close - open) - 1 };
		ret = contract_need_setting(c, name, &value, status, err);
		if (!ret)
			buf_adds(&b, value);
		rest.n -= (size_t)(close + 1 - rest.s);
		rest.s = close + 1;
	}
	buf_adds(&b, rest);
	*out = contract_keep(c, buf_str(&b));
	buf_release(&b);
	return ret;
}

/* Is it cut out of a secret? */
static bool is_of_secret(struct contract *c, const struct setting *s)
{
	struct str from = json_get(spec_of(c, s), "from");
	const struct setting *other;

	if (!from.s)
		return false;
	other = find(c, (struct str){ from.s + 1, from.n - 2 });
	return other && other->secret;
}

/*
 * Push sends requests: there is nothing that it may do without. Where requests
 * are only shown, a secret is a placeholder anyway, and so is a part of it.
 */
static int check_missing(struct contract *c, bool show, int *status,
			 struct buf *err)
{
	for (size_t i = 0; i < c->n_settings; i++) {
		struct setting *s = &c->settings[i];

		if (s->text.s || json_is_true(spec_of(c, s), "optional") ||
		    str_is(s->name, "api_version"))
			continue;
		if (contract_need_setting(c, s->name, NULL, status, err) == 0)
			continue;
		if (!show || !(s->secret || is_of_secret(c, s)))
			return -1;
		if (s->secret)
			msg_warn("%s: %s", c->path, err->data);
		s->secret = true;
		buf_reset(err);
		buf_addf(err, "{%.*s}", STR_ARG(s->name));
		s->text = contract_keep(c, buf_str(err));
		buf_reset(err);
	}
	return 0;
}

static void put_settings(struct contract *c)
{
	struct buf b = BUF_INIT;
	char sep = '{';

	for (size_t i = 0; i < c->n_settings; i++) {
		const struct setting *s = &c->settings[i];

		if (s->secret || !s->text.s)
			continue;
		buf_addc(&b, sep);
		json_put_str(&b, s->name);
		buf_addc(&b, ':');
		buf_adds(&b, s->value);
		sep = ',';
	}
	buf_addz(&b, sep == '{' ? "{}" : "}");
	c->settings_json = contract_keep(c, buf_str(&b));
	buf_release(&b);
}

/* ---- how long the version lives ---- */

static int check_life(struct contract *c, bool chosen, struct buf *err)
{
	struct str day = json_get(json_get(c->root, "api"), "retires");
	struct buf scratch = BUF_INIT;
	struct format_time t;
	int64_t left;
	int ret = 0;

	if (!day.s || chosen)
		return 0;
	format_time_parse(&t, json_text(day, &scratch));
	left = format_time_unix(&t) - clock_now_ms() / 1000;
	if (left <= 0)
		ret = fail(err,
			   "%s: this version of the API was retired on %.*s; "
			   "update the contract, or say --set api_version=...",
			   c->path, STR_ARG(json_text(day, &scratch)));
	else if (left <= 90 * 86400)
		msg_warn("%s: this version of the API will be retired on %.*s, "
			 "in %d days: the contract needs an update",
			 c->path, STR_ARG(json_text(day, &scratch)),
			 (int)(left / 86400));
	buf_release(&scratch);
	return ret;
}

int contract_load_settings(struct contract *c, const struct contract_args *args,
			   int *status, struct buf *err)
{
	struct setting *version;
	struct source src = { .from = "the contract", .spec = STR("{}") };
	struct str known = json_get(json_get(c->root, "api"), "version");

	*status = EX_CONFIG;
	if (list_settings(c, err) < 0)
		return -1;
	*status = EX_USAGE;
	if (from_argv(c, args, err) < 0)
		return -1;
	if (args->settings_file &&
	    from_file(c, args->settings_file, status, err) < 0)
		return -1;
	*status = EX_CONFIG;
	version = find(c, STR("api_version"));
	if (check_life(c, version->text.s != NULL, err) < 0)
		return -1;
	src.s = version;
	if (!version->text.s && known.s && set_value(c, &src, known, err) < 0)
		return -1;
	for (size_t i = 0; i < c->n_settings; i++)
		if (from_rest(c, &c->settings[i], err) < 0)
			return -1;
	for (size_t i = 0; i < c->n_settings; i++)
		if (derive(c, &c->settings[i], err) < 0)
			return -1;
	if (set_base_url(c, err) < 0)
		return -1;
	put_settings(c);
	return c->user == CONTRACT_FOR_PUSH
		   ? check_missing(c, args->show, status, err)
		   : 0;
}

/* ---- what receipts are bound to ---- */

static int by_name(const void *a, const void *b)
{
	const struct setting *const *x = a, *const *y = b;

	return str_cmp((*x)->name, (*y)->name);
}

/* The base URL without secrets, and a line NAME=VALUE for each account. */
void contract_set_to(struct contract *c)
{
	const struct setting **v =
	    xcalloc(c->n_settings + 1, sizeof(struct setting *));
	const struct setting *base = find(c, STR("base_url"));
	struct buf text = BUF_INIT, raw = BUF_INIT, to = BUF_INIT;
	struct str url = json_get(c->root, "base_url"), other;
	uint8_t sum[DIGEST_MAX];
	bool unused;
	size_t n = 0;

	json_unescape(&raw, (struct str){ url.s + 1, url.n - 2 });
	if (base->secret)
		expand(c, buf_str(&raw), &text, &unused, &other);
	else
		buf_adds(&text, base->text);
	for (size_t i = 0; i < c->n_settings; i++)
		if (c->settings[i].account && c->settings[i].text.s)
			v[n++] = &c->settings[i];
	qsort(v, n, sizeof(struct setting *), by_name);
	for (size_t i = 0; i < n; i++)
		buf_addf(&text, "\n%.*s=%.*s", STR_ARG(v[i]->name),
			 STR_ARG(v[i]->text));
	digest(DIGEST_SHA256, text.data, text.len, sum);
	buf_addf(&to, "%s#", c->name);
	enc_hex(&to, sum, 4);
	c->to = buf_take(&to);
	free(v);
	buf_release(&raw);
	buf_release(&text);
}
