/* SPDX-License-Identifier: MIT */
/*
 * Every jv_* call consumes its jv arguments, except jv_copy, jv_get_kind,
 * jv_is_valid, jv_number_value, jv_string_value and jv_object_iter*.
 *
 * jq's own messages at run time show values, so none of them is passed on: the
 * kind of error is told in words of ours.
 */
#include "common/prog_jq.h"

#include <jq.h>

#include "common/json.h"
#include "common/mem.h"
#include "common/prog_halt.h"
#include "common/prog_num.h"
#include "common/record.h"

/* A variable's value is most often that of the record before. */
struct jqvar {
	struct buf text;
	jv value;
};

struct jqside {
	jq_state *jq;
	struct jqpiece *pieces;
	size_t n;
	bool *uses; /* n times n_vars */
	struct jqvar *vars;
	size_t n_vars;
	struct buf scratch, out;
	struct str *own_errors;
	size_t n_own_errors;
	struct buf own_text;
	bool digits_as_text;
};

/* What a conversion needs and what it says when it fails. */
struct convert {
	struct buf *scratch;
	const char *code;
	const char *what;
	bool digits_as_text;
};

/*
 * The user's environment and ~/.jq have no say in what a mapping means: libjq
 * sees none of it. Local time is UTC; without that glibc would look at the
 * machine's time zone for each time that it reads.
 */
static char **hide_environment(void)
{
	static char utc[] = "TZ=UTC";
	static char *none[] = { utc, NULL };
	char **saved = environ;

	environ = none;
	return saved;
}

/* ---- compiling ---- */

static void take_message(void *ctx, jv msg)
{
	struct buf *first = ctx;

	if (!first->len && jv_get_kind(msg) == JV_KIND_STRING)
		buf_addz(first, jv_string_value(msg));
	jv_free(msg);
}

/*
 * "jq: error: syntax error, unexpected '+' (Unix shell quoting issues?) at
 * <top-level>, line 3:\n..." as "map.jq:3: syntax error, unexpected '+'".
 */
static int compile_error(const char *msg, const char *where, struct buf *err)
{
	static const char prefix[] = "jq: error: ";
	static const char shell[] = " (Unix shell quoting issues?)";
	const char *at, *hint, *end;
	int line = 0;

	if (strncmp(msg, prefix, sizeof prefix - 1) == 0)
		msg += sizeof prefix - 1;
	at = strstr(msg, " at <top-level>, line ");
	if (at)
		line = (int)strtol(at + 22, NULL, 10);
	end = at ? at : msg + strcspn(msg, "\n");
	hint = strstr(msg, shell);
	if (hint && hint < end)
		end = hint;
	if (line > 0)
		return fail(err, "%s:%d: %.*s", where, line, (int)(end - msg),
			    msg);
	return fail(err, "%s: %.*s", where, (int)(end - msg), msg);
}

static void set_paths(jq_state *jq, const char *libdir)
{
	jv dirs = jv_array();

	if (libdir)
		dirs = jv_array_append(dirs, jv_string(libdir));
	jq_set_attr(jq, jv_string("JQ_LIBRARY_PATH"), dirs);
	jq_set_attr(jq, jv_string("JQ_ORIGIN"), jv_string("."));
	jq_set_attr(jq, jv_string("PROGRAM_ORIGIN"), jv_string("."));
}

static jq_state *compile(const char *text, jv args, const char *libdir,
			 struct buf *msg)
{
	jq_state *jq = jq_init();
	char **env;
	int done;

	if (!jq) {
		jv_free(args);
		buf_addz(msg, "libjq cannot start");
		return NULL;
	}
	set_paths(jq, libdir);
	jq_set_error_cb(jq, take_message, msg);
	env = hide_environment();
	done = jq_compile_args(jq, text, args);
	environ = env;
	jq_set_error_cb(jq, take_message, NULL);
	if (!done)
		jq_teardown(&jq);
	return jq;
}

/*
 * The program as it was written, so that jq's complaint has the right line.
 */
static int check_alone(const struct jqside_opts *o, struct buf *err)
{
	struct buf text = BUF_INIT, msg = BUF_INIT;
	jv args = jv_object();
	jq_state *jq;
	int ret = 0;

	for (size_t i = 0; i < o->n_given; i++)
		args = jv_object_set(args, jv_string(o->vars[i]), jv_null());
	buf_adds(&text, o->whole);
	jq = compile(text.data, args, o->libdir, &msg);
	if (jq)
		jq_teardown(&jq);
	else
		ret = compile_error(msg.data, o->where, err);
	buf_release(&text);
	buf_release(&msg);
	return ret;
}

/*
 * libjq's tonumber and fromjson round what a double cannot hold. These end in
 * an error that the program cannot catch. Texts are most often too short for
 * that; others are compared with what jq would print, digit by digit. (A text
 * given to halt_error would be freed twice by libjq 1.6.)
 */
#define INEXACT 77
#define STRINGIFY(x) #x
#define STRING_OF(x) STRINGIFY(x)
static const char exact_numbers[] =
    "def __digits: explode | (index(101) // index(69)) as $e"
    " | (if $e then .[:$e] else . end) | map(select(. >= 48 and . <= 57))"
    " | until(.[0] != 48; .[1:]) | until(.[-1:] != [48]; .[:-1]); "
    "def __tonumber: tonumber; "
    "def tonumber: if type != \"string\" then __tonumber else"
    " . as $s | __tonumber as $n | if (($s | length) < 16 and $n != 0 and"
    " ($n | isinfinite | not)) or ($s | __digits) == ($n | tojson | __digits)"
    " then $n else null | halt_error(" STRING_OF(
	INEXACT) ") end end; "
		 "def __fromjson: fromjson; "
		 "def fromjson: if type != \"string\" then __fromjson else"
		 " . as $s | __fromjson as $v | if ($s | length) < 5 or"
		 " ($s | test(\"[0-9][0-9.]{14}|[0-9][eE]\") | not) then $v "
		 "else"
		 " ($s | gsub(\"\\\"(\\\\\\\\.|[^\\\"\\\\\\\\])*\\\"\"; \" \")"
		 " | [scan(\"-?[0-9][0-9.eE+-]*\") | tonumber]) | $v end end; ";

static bool mentions(const struct jqside_opts *o, const char *word)
{
	for (size_t i = 0; i < o->n; i++)
		if (memmem(o->pieces[i].text.s, o->pieces[i].text.n, word,
			   strlen(word)) ||
		    memmem(o->pieces[i].defs.s, o->pieces[i].defs.n, word,
			   strlen(word)))
			return true;
	return false;
}

/* What means something else here than in libjq. */
static void put_own(struct buf *b, const struct jqside_opts *o)
{
	for (size_t i = 0; i < o->n_given; i++)
		if (o->vars[i] && strcmp(o->vars[i], "ENV") == 0)
			buf_addz(b, "def env: $ENV; ");
	if (mentions(o, "tonumber") || mentions(o, "fromjson"))
		buf_addz(b, exact_numbers);
}

/* IMPORTS . as [$__n, $__in, $a] | $__in | if $__n == 0 then PIECE ... end */
static void put_program(struct buf *b, const struct jqside_opts *o)
{
	buf_adds(b, o->imports);
	buf_addz(b, "\n. as [$__n, $__in");
	for (size_t i = 0; i < o->n_vars; i++)
		buf_addf(b, ", $%s", o->vars[i]);
	buf_addz(b, "] | $__in | ");
	put_own(b, o);
	for (size_t i = 0; i < o->n; i++) {
		if (i + 1 < o->n)
			buf_addf(b, "if $__n == %zu then ", i);
		buf_addc(b, '(');
		buf_adds(b, o->pieces[i].defs);
		buf_addz(b, "\n(");
		buf_adds(b, o->pieces[i].text);
		buf_addz(b, i + 1 < o->n ? "\n)) else " : "\n))");
	}
	if (!o->n)
		buf_addc(b, '.');
	for (size_t i = 0; i + 1 < o->n; i++)
		buf_addz(b, " end");
}

static void keep(struct jqside *s, const struct jqside_opts *o)
{
	s->n = o->n;
	s->n_vars = o->n_vars;
	s->pieces = xmemdup(o->pieces, o->n * sizeof *s->pieces);
	s->uses = xmalloc(o->n * o->n_vars + 1);
	for (size_t i = 0; i < o->n; i++)
		for (size_t k = 0; k < o->n_vars; k++)
			s->uses[i * o->n_vars + k] =
			    !o->pieces[i].uses || o->pieces[i].uses[k];
	s->vars = xcalloc(o->n_vars + 1, sizeof *s->vars);
	for (size_t k = 0; k < o->n_vars; k++)
		s->vars[k] = (struct jqvar){ BUF_INIT, jv_null() };
	s->own_errors =
	    xmemdup(o->own_errors, o->n_own_errors * sizeof *s->own_errors);
	s->n_own_errors = o->n_own_errors;
	s->digits_as_text = o->digits_as_text;
}

struct jqside *jqside_new(const struct jqside_opts *o, struct buf *err)
{
	struct buf text = BUF_INIT, msg = BUF_INIT;
	struct jqside *s = NULL;
	jq_state *jq;

	if (o->check_whole && check_alone(o, err) < 0)
		return NULL;
	put_program(&text, o);
	jq = compile(text.data, jv_object(), o->libdir, &msg);
	if (jq) {
		s = xcalloc(1, sizeof *s);
		s->jq = jq;
		s->scratch = s->out = BUF_INIT;
		keep(s, o);
	} else if (check_alone(o, err) == 0) {
		/* The line is that of what was put around the pieces. */
		fail(err, "%s: more than libjq can hold", o->where);
	}
	buf_release(&text);
	buf_release(&msg);
	return s;
}

void jqside_free(struct jqside *s)
{
	if (!s)
		return;
	jq_teardown(&s->jq);
	for (size_t k = 0; k < s->n_vars; k++) {
		buf_release(&s->vars[k].text);
		jv_free(s->vars[k].value);
	}
	free(s->vars);
	free(s->uses);
	free(s->pieces);
	free(s->own_errors);
	buf_release(&s->scratch);
	buf_release(&s->out);
	free(s);
}

/* ---- values in ---- */

static jv to_jv(struct convert *c, struct str v);

static jv text_to_jv(struct convert *c, struct str v)
{
	struct str text = json_text(v, c->scratch);

	return jv_string_sized(text.s, (int)text.n);
}

static jv number_to_jv(struct convert *c, struct str v)
{
	double d;

	if (num_to_double(v, &d) < 0) {
		if (c->digits_as_text)
			return jv_string_sized(v.s, (int)v.n);
		c->code = "precision";
		c->what = "a number has more digits than jq can keep";
		return jv_invalid();
	}
	return jv_number(d);
}

static jv array_to_jv(struct convert *c, struct str v)
{
	struct json_iter it;
	struct str e;
	jv array = jv_array(), x;

	json_iter_init(&it, v);
	while (json_iter_element(&it, &e)) {
		x = to_jv(c, e);
		if (!jv_is_valid(x)) {
			jv_free(array);
			return x;
		}
		array = jv_array_append(array, x);
	}
	return array;
}

/* Takes over object. */
static jv set_member(struct convert *c, jv object, const struct json_member *m)
{
	struct str name = m->key;
	jv key, x;

	if (m->key_esc) {
		buf_reset(c->scratch);
		json_unescape(c->scratch, m->key);
		name = buf_str(c->scratch);
	}
	key = jv_string_sized(name.s, (int)name.n);
	if (jv_object_has(jv_copy(object), jv_copy(key))) {
		c->code = "repeated";
		c->what = "a member name stands twice in one object";
		x = jv_invalid();
	} else {
		x = to_jv(c, m->val);
	}
	if (!jv_is_valid(x)) {
		jv_free(key);
		jv_free(object);
		return x;
	}
	return jv_object_set(object, key, x);
}

static jv object_to_jv(struct convert *c, struct str v)
{
	struct json_iter it;
	struct json_member m;
	jv object = jv_object();

	json_iter_init(&it, v);
	while (jv_is_valid(object) && json_iter_member(&it, &m))
		object = set_member(c, object, &m);
	return object;
}

/* Invalid: c says why. */
static jv to_jv(struct convert *c, struct str v)
{
	switch (json_type(v)) {
	case JSON_NULL:
		return jv_null();
	case JSON_BOOL:
		return jv_bool(v.s[0] == 't');
	case JSON_NUMBER:
		return number_to_jv(c, v);
	case JSON_STRING:
		return text_to_jv(c, v);
	case JSON_ARRAY:
		return array_to_jv(c, v);
	default:
		return object_to_jv(c, v);
	}
}

static bool wanted(const struct json_member *m, const struct jqside_in *in)
{
	for (size_t i = 0; i < in->n_names; i++)
		if (json_key_is(m, in->names[i]))
			return true;
	return false;
}

static jv record_to_jv(struct convert *c, const struct jqside_in *in)
{
	jv object = jv_object();

	for (size_t i = 0; jv_is_valid(object) && i < in->obj->n; i++) {
		const struct json_member *m = &in->obj->m[i];

		if (!record_reserved(m) &&
		    (in->n_names == SIZE_MAX || wanted(m, in)))
			object = set_member(c, object, m);
	}
	return object;
}

/* Who looks at members alone sees of any other value just the type. */
static jv stand_in(struct str v)
{
	switch (json_type(v)) {
	case JSON_NULL:
		return jv_null();
	case JSON_BOOL:
		return jv_bool(v.s[0] == 't');
	case JSON_NUMBER:
		return jv_number(0);
	case JSON_STRING:
		return jv_string("");
	default:
		return jv_array();
	}
}

static jv input_to_jv(struct convert *c, const struct jqside_in *in)
{
	struct json_iter it;
	struct json_member m;
	jv object;

	if (in->obj)
		return record_to_jv(c, in);
	if (in->n_names == SIZE_MAX)
		return to_jv(c, in->value);
	if (json_type(in->value) != JSON_OBJECT)
		return stand_in(in->value);
	object = jv_object();
	json_iter_init(&it, in->value);
	while (jv_is_valid(object) && json_iter_member(&it, &m))
		if (wanted(&m, in))
			object = set_member(c, object, &m);
	return object;
}

static jv var_to_jv(struct convert *c, struct jqvar *var, struct str v)
{
	if (!v.s)
		return jv_null();
	if (!str_eq(v, buf_str(&var->text)) || !var->text.len) {
		jv x = to_jv(c, v);

		if (!jv_is_valid(x))
			return x;
		buf_reset(&var->text);
		buf_adds(&var->text, v);
		jv_free(var->value);
		var->value = x;
	}
	return jv_copy(var->value);
}

/* [piece, input, variables] */
static jv arguments(struct jqside *s, size_t piece, const struct jqside_in *in,
		    struct convert *c)
{
	jv args = jv_array_sized((int)s->n_vars + 2), x;

	args = jv_array_append(args, jv_number((double)piece));
	x = input_to_jv(c, in);
	for (size_t k = 0;; k++) {
		if (!jv_is_valid(x)) {
			jv_free(args);
			return x;
		}
		args = jv_array_append(args, x);
		if (k == s->n_vars)
			return args;
		x = s->uses[piece * s->n_vars + k]
			? var_to_jv(c, &s->vars[k], in->vars[k])
			: jv_null();
	}
}

/* ---- values out ---- */

static bool put_jv(struct buf *out, jv v, unsigned depth);

/* Borrows v, as put_jv does. */
static bool put_array(struct buf *out, jv v, unsigned depth)
{
	int n = jv_array_length(jv_copy(v));
	bool fits = true;

	buf_addc(out, '[');
	for (int i = 0; fits && i < n; i++) {
		jv x = jv_array_get(jv_copy(v), i);

		if (i)
			buf_addc(out, ',');
		fits = put_jv(out, x, depth);
		jv_free(x);
	}
	buf_addc(out, ']');
	return fits;
}

static void put_text(struct buf *out, jv v)
{
	json_put_str(
	    out, (struct str){ jv_string_value(v),
			       (size_t)jv_string_length_bytes(jv_copy(v)) });
}

static bool put_object(struct buf *out, jv v, unsigned depth)
{
	bool fits = true;
	char sep = '{';

	for (int i = jv_object_iter(v); fits && jv_object_iter_valid(v, i);
	     i = jv_object_iter_next(v, i)) {
		jv key = jv_object_iter_key(v, i);
		jv x = jv_object_iter_value(v, i);

		buf_addc(out, sep);
		put_text(out, key);
		buf_addc(out, ':');
		fits = put_jv(out, x, depth);
		jv_free(key);
		jv_free(x);
		sep = ',';
	}
	buf_addz(out, sep == '{' ? "{}" : "}");
	return fits;
}

/* False: nested deeper than a record may be. */
static bool put_jv(struct buf *out, jv v, unsigned depth)
{
	switch (jv_get_kind(v)) {
	case JV_KIND_FALSE:
		buf_addz(out, "false");
		return true;
	case JV_KIND_TRUE:
		buf_addz(out, "true");
		return true;
	case JV_KIND_NUMBER:
		num_put_double(out, jv_number_value(v));
		return true;
	case JV_KIND_STRING:
		put_text(out, v);
		return true;
	case JV_KIND_ARRAY:
		return depth < JSON_MAX_DEPTH && put_array(out, v, depth + 1);
	case JV_KIND_OBJECT:
		return depth < JSON_MAX_DEPTH && put_object(out, v, depth + 1);
	default:
		buf_addz(out, "null");
		return true;
	}
}

/* ---- running ---- */

/* What jq's messages mean, without the values that they show. */
static const struct {
	const char *part, *ours;
} meanings[] = {
	{ "Cannot index null", "null has no such members" },
	{ "Cannot index boolean", "a boolean has no members" },
	{ "Cannot index number", "a number has no members" },
	{ "Cannot index string", "a string has no members" },
	{ "Cannot index array", "an array has no members by name" },
	{ "Cannot index object", "a member name is not a string" },
	{ "Cannot iterate over null", "null has no elements to go through" },
	{ "Cannot iterate over boolean",
	  "a boolean has no elements to go through" },
	{ "Cannot iterate over number",
	  "a number has no elements to go through" },
	{ "Cannot iterate over string",
	  "a string has no elements to go through" },
	{ "Object keys must be strings", "a member name is not a string" },
	{ "as object key", "a member name is not a string" },
	{ "Invalid path expression", "this cannot be assigned to" },
	{ "Cannot delete", "these members cannot be deleted" },
	{ "Cannot update field", "a member cannot be set in such a value" },
	{ "Cannot check whether", "has() does not fit such a value" },
	{ "Out of bounds negative array index", "a negative index is too low" },
	{ "Invalid numeric literal", "a text is not a number or JSON" },
	{ "(while parsing", "a text is not JSON" },
	{ "the divisor is zero", "a division by zero" },
	{ "cannot be added", "values of these types cannot be added" },
	{ "cannot be subtracted",
	  "values of these types cannot be subtracted" },
	{ "cannot be multiplied",
	  "values of these types cannot be multiplied" },
	{ "cannot be divided", "values of these types cannot be divided" },
	{ "cannot be negated", "only a number can be negated" },
	{ "cannot be parsed as a number",
	  "only a number or the text of one can become a number" },
	{ "cannot be matched", "only a string can be matched" },
	{ "cannot be searched", "only a string can be searched" },
	{ "cannot be sorted", "only an array can be sorted" },
	{ "cannot be grouped", "only an array can be grouped" },
	{ "cannot be iterated over", "a value has no elements to go through" },
	{ "have their containment checked",
	  "values of these types cannot contain each other" },
	{ "has no length", "a boolean has no length" },
	{ "has no keys", "only objects and arrays have keys" },
	{ "is not valid base64", "a text is not base64" },
	{ "is not a valid regex", "a regular expression is not valid" },
	{ "does not match format", "a text is not a time of this format" },
	{ "requires parsed datetime", "a time in its parts is expected" },
	{ "requires numeric inputs", "a number is expected" },
	{ "requires string inputs", "strings are expected" },
	{ "requires a string format", "a format is not a string" },
	{ "requires array inputs", "an array is expected" },
	{ "input must be a string", "a string is expected" },
	{ "input must be an array", "an array is expected" },
	{ "must be strings", "strings are expected" },
	{ "must be a string", "a string is expected" },
	{ "must be numbers", "numbers are expected" },
	{ "must be numeric", "numbers are expected" },
	{ "not valid in a csv row", "a value does not fit in a row" },
	{ "-formatted, only array", "only an array can become a row" },
	{ "can not be escaped for shell", "a value cannot be escaped" },
	{ "too deep", "a value is nested too deep" },
	{ "too long", "a string is too long" },
};

static const char *meaning(const char *msg)
{
	for (size_t i = 0; i < ARRAY_LEN(meanings); i++)
		if (strstr(msg, meanings[i].part))
			return meanings[i].ours;
	return "the expression ends in an error";
}

/* error("no plan") may say so: the words are the program's, not a value. */
static bool is_own_error(const struct jqside *s, struct str msg)
{
	for (size_t i = 0; i < s->n_own_errors; i++)
		if (str_eq(s->own_errors[i], msg))
			return true;
	return false;
}

/* Takes over end. */
static int explain(struct jqside *s, jv end, const char **code, struct buf *err)
{
	jv msg = jv_invalid_get_msg(end);
	int ret;

	*code = "jq";
	if (jv_get_kind(msg) == JV_KIND_STRING) {
		const char *text = jv_string_value(msg);

		ret = is_own_error(s, str_of(text))
			  ? fail(err, "%s", text)
			  : fail(err, "%s", meaning(text));
	} else {
		ret = fail(err, "the expression ends in an error");
	}
	jv_free(msg);
	return ret;
}

/* By exact_numbers; or by a module, which may call halt as it likes. */
static int halted(struct jqside *s, const char **code, struct buf *err)
{
	jv status = jq_get_exit_code(s->jq);
	bool inexact = jv_get_kind(status) == JV_KIND_NUMBER &&
		       jv_number_value(status) == INEXACT;

	jv_free(status);
	*code = inexact ? "precision" : "jq";
	return fail(err, "%s",
		    inexact ? "a number has more digits than jq can keep"
			    : "halt has no meaning here");
}

/* Lets the outputs come. Returns how many, or -1. */
static int drain(struct jqside *s, jqside_emit *emit, void *ctx,
		 const char **code, struct buf *err)
{
	int n = 0;

	for (;; n++) {
		jv v = jq_next(s->jq);
		bool fits;

		if (!jv_is_valid(v)) {
			if (jv_invalid_has_msg(jv_copy(v)))
				return explain(s, v, code, err);
			jv_free(v);
			break;
		}
		buf_reset(&s->out);
		fits = put_jv(&s->out, v, 0);
		jv_free(v);
		if (!fits) {
			*code = "jq";
			return fail(err, "the result is nested deeper than %d",
				    JSON_MAX_DEPTH);
		}
		if (emit(ctx, buf_str(&s->out)) < 0) {
			*code = "jq";
			return fail(err, "the expression gives far too much");
		}
	}
	return jq_halted(s->jq) ? halted(s, code, err) : n;
}

static int check_limit(enum guard_cause cause, int n, const char **code,
		       struct buf *err)
{
	if (cause == GUARD_NONE)
		return n;
	*code = "limit";
	buf_reset(err);
	return fail(err, "%s", guard_reason(cause));
}

int jqside_run(struct jqside *s, size_t piece, const struct jqside_in *in,
	       jqside_emit *emit, void *ctx, const char **code, struct buf *err)
{
	struct convert c = { .scratch = &s->scratch,
			     .digits_as_text = s->digits_as_text };
	jv args = arguments(s, piece, in, &c);
	char **env;
	int n;

	if (!jv_is_valid(args)) {
		*code = c.code;
		return fail(err, "%s", c.what);
	}
	env = hide_environment();
	jq_start(s->jq, args, 0);
	if (in->limit_ms)
		halt_begin(s->jq, in->limit_ms);
	n = drain(s, emit, ctx, code, err);
	if (in->limit_ms)
		n = check_limit(halt_end(), n, code, err);
	environ = env;
	return n;
}
