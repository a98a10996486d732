/* SPDX-License-Identifier: MIT */
#include "bin/retl-map/mapping.h"

#include "common/file.h"
#include "common/msg.h"

#define PROGRAM_MAX ((size_t)4 << 20)
#define SETTINGS_MAX ((size_t)1 << 20)

/* The program's variables, in this order. */
enum { VAR_SETTINGS, VAR_DIFF_RESULT, VAR_ENV, N_VARS };
static const char *const var_names[] = {
	[VAR_SETTINGS] = "settings",
	[VAR_DIFF_RESULT] = "diff_result",
	[VAR_ENV] = "ENV", /* the last: it may not be there */
};

/* ---- settings without a contract ---- */

static bool is_set(const struct opt_list *set, const struct json_member *m)
{
	for (size_t i = 0; i < set->n; i++) {
		struct str name, rest = str_of(set->v[i]);

		if (str_split(&rest, '=', &name) && json_key_is(m, name))
			return true;
	}
	return false;
}

static void add_file(struct mapping *m, const struct contract_args *args,
		     char *sep)
{
	struct buf text = BUF_INIT, err = BUF_INIT;
	const char *path = args->settings_file;
	struct json_obj obj = JSON_OBJ_INIT;
	struct json_fault f;

	if (file_read(path, SETTINGS_MAX, &text, &err) < 0)
		die(EX_NOINPUT, "%s", err.data);
	if (json_obj_parse(&obj, buf_str(&text), &f) < 0)
		die(EX_CONFIG, "%s: byte %zu: %s", path, f.at + 1, f.what);
	for (size_t i = 0; i < obj.n; i++) {
		if (is_set(&args->set, &obj.m[i]))
			continue;
		buf_addc(&m->settings, *sep);
		buf_addc(&m->settings, '"');
		buf_adds(&m->settings, obj.m[i].key);
		buf_addz(&m->settings, "\":");
		json_put_compact(&m->settings, obj.m[i].val);
		*sep = ',';
	}
	json_obj_release(&obj);
	buf_release(&text);
}

/* Of a name that is set twice, the last counts. */
static bool set_again(const struct opt_list *set, size_t i, struct str name)
{
	for (size_t k = i + 1; k < set->n; k++) {
		struct str other, rest = str_of(set->v[k]);

		if (str_split(&rest, '=', &other) && str_eq(other, name))
			return true;
	}
	return false;
}

static void own_settings(struct mapping *m, const struct contract_args *args)
{
	char sep = '{';

	if (args->settings_file)
		add_file(m, args, &sep);
	for (size_t i = 0; i < args->set.n; i++) {
		struct str name, rest = str_of(args->set.v[i]);

		str_split(&rest, '=', &name);
		if (!rest.s || !name.n)
			opt_die("--set: NAME=VALUE expected");
		if (set_again(&args->set, i, name))
			continue;
		buf_addc(&m->settings, sep);
		json_put_str(&m->settings, name);
		buf_addc(&m->settings, ':');
		json_put_str(&m->settings, rest);
		sep = ',';
	}
	buf_addz(&m->settings, sep == '{' ? "{}" : "}");
}

/* ---- loading ---- */

static void load_contract(struct mapping *m, const struct contract_args *args)
{
	struct buf err = BUF_INIT;
	int status = EX_CONFIG;

	m->contract = contract_load(args, CONTRACT_FOR_MAP, &status, &err);
	if (!m->contract)
		die(status, "%s", err.data);
	json_put_compact(&m->settings, m->contract->settings_json);
}

/* What the plan shows already need not wait for a record. */
static void check_shape(const struct prog_shape *s, const char *where)
{
	for (size_t i = 0; s->known && i < s->n; i++)
		if (record_reserved_name(s->m[i].name))
			die(EX_CONFIG,
			    "%s:%u: the mapping defines %.*s, which is "
			    "reserved: give the member another name",
			    where, s->m[i].line, STR_ARG(s->m[i].name));
}

static void look_up_setting(const struct contract *c, struct str name,
			    const char *where, unsigned line)
{
	const struct setting *s = contract_setting(c, name);

	if (!s && name.n)
		msg_warn("%s:%u: $settings.%.*s: %s has no such setting, so it "
			 "is null",
			 where, line, STR_ARG(name), c->name);
	else if (s && s->secret)
		msg_warn("%s:%u: $settings.%.*s: a secret, which no mapping "
			 "sees, so it is null",
			 where, line, STR_ARG(name));
}

/* A setting that is misspelt would be null without a word. */
static void look_at_settings(const struct mapping *m, const char *where)
{
	static const char var[] = "$settings.";
	const char *p = m->text.data, *end = p + m->text.len;
	unsigned line = 1;

	for (; p < end; p++) {
		struct str rest = { p, (size_t)(end - p) };
		size_t n = 0;

		line += *p == '\n';
		if (*p == '#' && (p == m->text.data || p[-1] <= ' '))
			while (p + 1 < end && p[1] != '\n')
				p++;
		if (!str_starts(rest, var))
			continue;
		rest = (struct str){ p + sizeof var - 1,
				     rest.n - (sizeof var - 1) };
		while (n < rest.n &&
		       (isalnum((uint8_t)rest.s[n]) || rest.s[n] == '_'))
			n++;
		look_up_setting(m->contract, (struct str){ rest.s, n }, where,
				line);
	}
}

static void load_program(struct mapping *m, const struct mapping_args *args)
{
	struct prog_opts o = { .vars = var_names,
			       .n_vars = m->env.len ? N_VARS : VAR_ENV,
			       .where = args->file ? args->file : "-e",
			       .libdir = args->libdir,
			       .limit_ms = args->limit_ms,
			       .max_bytes = args->max_record };
	struct buf err = BUF_INIT;

	if (args->program)
		buf_addz(&m->text, args->program);
	else if (file_read(args->file, PROGRAM_MAX, &m->text, &err) < 0)
		die(EX_NOINPUT, "%s", err.data);
	m->prog = prog_new(buf_str(&m->text), &o, &err);
	if (!m->prog)
		die(EX_CONFIG, "%s", err.data);
	check_shape(prog_shape(m->prog), o.where);
	if (m->contract)
		look_at_settings(m, o.where);
}

/* A variable that is not set would be null without a word. */
static void read_env(struct mapping *m, const struct opt_list *names)
{
	for (size_t i = 0; i < names->n; i++) {
		const char *name = names->v[i], *value = getenv(name);
		struct json_fault f;
		size_t at;

		if (!value)
			die(EX_CONFIG, "--env: there is no variable %s", name);
		buf_addc(&m->env, i ? ',' : '{');
		json_put_strz(&m->env, name);
		buf_addc(&m->env, ':');
		at = m->env.len;
		json_put_strz(&m->env, value);
		if (json_check(
			(struct str){ m->env.data + at, m->env.len - at }, NULL,
			&f) < 0)
			die(EX_CONFIG, "--env: %s is not UTF-8", name);
	}
	if (names->n)
		buf_addc(&m->env, '}');
}

void mapping_load(struct mapping *m, const struct mapping_args *args)
{
	read_env(m, &args->env);
	if (args->contract.name)
		load_contract(m, &args->contract);
	else
		own_settings(m, &args->contract);
	if (args->file || args->program)
		load_program(m, args);
}

void mapping_release(struct mapping *m)
{
	prog_free(m->prog);
	if (m->contract)
		contract_free(m->contract);
	buf_release(&m->text);
	buf_release(&m->settings);
	buf_release(&m->env);
	buf_release(&m->changed);
	*m = MAPPING_INIT;
}

/* ---- running ---- */

int mapping_run(struct mapping *m, const struct record *r, struct buf *out,
		bool *any, struct faults *faults)
{
	const struct str vars[N_VARS] = {
		[VAR_SETTINGS] = buf_str(&m->settings),
		[VAR_DIFF_RESULT] = r->diff_result,
		[VAR_ENV] = buf_str(&m->env),
	};
	size_t mark = out->len;

	if (m->prog)
		return prog_map(m->prog, r, vars, out, any, faults);
	record_put_open(out, r);
	*any = out->len > mark + 1;
	return 1;
}

/* ["first","last"]; false: nothing that the name does not tell already. */
static bool put_sources(struct buf *out, const struct prog_member *m)
{
	if (!m->n_reads || m->n_reads == SIZE_MAX ||
	    (m->n_reads == 1 && str_eq(m->reads[0], m->name)))
		return false;
	for (size_t i = 0; i < m->n_reads; i++) {
		buf_addc(out, i ? ',' : '[');
		json_put_str(out, m->reads[i]);
	}
	buf_addc(out, ']');
	return true;
}

void mapping_add_sources(const struct mapping *m, struct faults *faults)
{
	const struct prog_shape *s = m->prog ? prog_shape(m->prog) : NULL;
	struct buf names = BUF_INIT;

	for (size_t i = 0; s && s->known && i < faults->n; i++) {
		struct str rest = fault_field(faults, i), top = STR("");

		/* Of "address/city" the mapping makes "address". */
		str_split(&rest, '/', &top);
		for (size_t k = 0; k < s->n; k++) {
			buf_reset(&names);
			if (str_eq(s->m[k].name, top) &&
			    put_sources(&names, &s->m[k]))
				faults_set_source(faults, i, buf_str(&names));
		}
	}
	buf_release(&names);
}

static bool changed_name(const struct record *r, struct str name)
{
	struct buf scratch = BUF_INIT;
	struct json_iter it;
	struct str v;
	bool found = false;

	json_iter_init(&it, r->diff_changed);
	while (!found && json_iter_element(&it, &v))
		found = str_eq(json_text(v, &scratch), name);
	buf_release(&scratch);
	return found;
}

static bool reads_changed(const struct prog_member *m, const struct record *r)
{
	/* What depends on the kind of change may be new with any change. */
	if (m->n_reads == SIZE_MAX || m->uses[VAR_DIFF_RESULT])
		return true;
	for (size_t i = 0; i < m->n_reads; i++)
		if (changed_name(r, m->reads[i]))
			return true;
	return false;
}

static bool goes_on(const struct prog_shape *s, struct str name)
{
	if (!s->rest)
		return false;
	for (size_t i = 0; i < s->n; i++)
		if (str_eq(s->m[i].name, name))
			return false;
	for (size_t i = 0; i < s->n_without; i++)
		if (str_eq(s->without[i], name))
			return false;
	return true;
}

struct str mapping_changed(struct mapping *m, const struct record *r)
{
	const struct prog_shape *s;
	struct buf scratch = BUF_INIT;
	struct json_iter it;
	struct str v;
	char sep = '[';

	if (!r->diff_changed.s || !m->prog)
		return r->diff_changed;
	s = prog_shape(m->prog);
	if (!s->known)
		return STR_NONE;
	buf_reset(&m->changed);
	json_iter_init(&it, r->diff_changed);
	while (json_iter_element(&it, &v)) {
		if (!goes_on(s, json_text(v, &scratch)))
			continue;
		buf_addc(&m->changed, sep);
		buf_adds(&m->changed, v);
		sep = ',';
	}
	for (size_t i = 0; i < s->n; i++) {
		if (!reads_changed(&s->m[i], r))
			continue;
		buf_addc(&m->changed, sep);
		json_put_str(&m->changed, s->m[i].name);
		sep = ',';
	}
	buf_addz(&m->changed, sep == '[' ? "[]" : "]");
	buf_release(&scratch);
	return buf_str(&m->changed);
}
