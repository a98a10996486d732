/* SPDX-License-Identifier: MIT */
#include "tests/mock/lib/vendor.h"

#include <fcntl.h>
#include <signal.h>

#include "common/file.h"
#include "common/mem.h"
#include "common/msg.h"

void vendor_violation(struct vendor_run *v, const char *what)
{
	if (!v->violation)
		v->violation = what;
}

static void line_append(const char *path, int fd, struct buf *line)
{
	if (fd < 0)
		return;
	buf_addc(line, '\n');
	if (file_write_all(fd, line->data, line->len) < 0)
		die(EX_IOERR, "%s: %s", path, strerror(errno));
}

void vendor_ledger(struct vendor_run *v, struct str line)
{
	buf_reset(&v->scratch);
	buf_adds(&v->scratch, line);
	line_append(v->ledger_path, v->ledger_fd, &v->scratch);
}

static void log_request(struct vendor_run *v, const struct request *r,
			int status, struct str mishap)
{
	struct buf *b = &v->scratch;

	buf_reset(b);
	buf_addf(b, "{\"n\":%" PRIu64 ",\"connection\":%" PRIu64 ",\"method\":",
		 r->number, r->connection);
	json_put_str(b, r->method);
	buf_addz(b, ",\"path\":");
	json_put_str(b, r->path);
	buf_addf(b, ",\"bytes\":%zu,\"status\":%d", r->body.n, status);
	if (mishap.s) {
		buf_addz(b, ",\"mishap\":");
		json_put_str(b, mishap);
	}
	if (v->violation) {
		v->n_violations++;
		buf_addz(b, ",\"violation\":");
		json_put_strz(b, v->violation);
	}
	buf_addz(b, "}");
	line_append(v->log_path, v->log_fd, b);
}

/* ---- what all vendors check ---- */

struct str vendor_query(const struct request *r, const char *name)
{
	struct str rest = r->query, part, key;

	while (str_split(&rest, '&', &part)) {
		str_split(&part, '=', &key);
		if (str_is(key, name))
			return part.s ? part : STR("");
	}
	return STR_NONE;
}

bool vendor_bearer(const struct vendor_run *v, const struct request *r)
{
	struct str given = request_header(r, "authorization");

	return str_starts(given, "Bearer ") &&
	       str_eq((struct str){ given.s + 7, given.n - 7 }, v->token);
}

static bool contains(struct str text, const char *part)
{
	return memmem(text.s, text.n, part, strlen(part)) != NULL;
}

bool vendor_poisoned(const struct vendor_run *v, struct str value)
{
	return v->poison && contains(value, v->poison);
}

struct str vendor_body(struct vendor_run *v, const struct request *r)
{
	struct str type = request_header(r, "content-type"), body;
	struct json_fault fault;

	if (!str_starts(type, "application/json"))
		vendor_violation(v, "content-type is not application/json");
	else if (json_check(r->body, &body, &fault) < 0)
		vendor_violation(v, "the body is not JSON");
	else if (json_type(body) != JSON_OBJECT)
		vendor_violation(v, "the body is no object");
	else
		return body;
	return STR_NONE;
}

/* ---- serving ---- */

static volatile sig_atomic_t calm;

static void on_usr1(int sig)
{
	(void)sig;
	calm = 1;
}

static enum drop head(void *self, const struct request *r)
{
	struct vendor_run *v = self;
	struct str what = calm ? STR_NONE : mishap_of(&v->mishaps, r->number);
	enum drop drop = mishap_before(what);

	if (drop != DROP_NONE) {
		v->violation = NULL;
		log_request(v, r, 0, what);
	}
	return drop;
}

/* The answer instead of service. */
static void hamper(const struct vendor_run *v, struct str what,
		   struct answer *a)
{
	struct str rest;
	uint64_t n;

	if (str_is(what, "throttle") || str_is(what, "daily")) {
		v->kind->throttle(a, str_is(what, "daily"));
	} else if (mishap_number(what, "code", &n, &rest)) {
		v->kind->trouble(a, 0, n, "it did not work");
	} else if (mishap_number(what, "", &n, &rest)) {
		v->kind->trouble(a, (int)n, 0, "it did not work");
		if (n < 400)
			answer_header(a, "Location", "/elsewhere");
		if (rest.n)
			buf_addf(&a->headers, "Retry-After: %.*s\r\n",
				 (int)rest.n - 1, rest.s + 1);
	}
}

static void serve(void *self, const struct request *r, struct answer *a)
{
	struct vendor_run *v = self;
	struct str what = calm ? STR_NONE : mishap_of(&v->mishaps, r->number);

	v->violation = NULL;
	if (what.s && !mishap_after(what)) {
		hamper(v, what, a);
	} else {
		v->kind->serve(v, r, a);
		if (what.s)
			mishap_spoil(what, a);
	}
	log_request(v, r, a->status, what);
}

static int by_id(const void *a, const void *b)
{
	const struct id_entry *x = a, *y = b;

	return str_cmp(x->id, y->id);
}

static void state_write(struct vendor_run *v)
{
	struct id_entry *all =
	    xreallocarray(NULL, v->objects.n + 1, sizeof *all);
	struct buf out = BUF_INIT, err = BUF_INIT;
	size_t n = 0;

	for (size_t i = 0; i < v->objects.n; i++)
		if (!v->objects.v[i].gone)
			all[n++] = v->objects.v[i];
	qsort(all, n, sizeof *all, by_id);
	for (size_t i = 0; i < n; i++) {
		buf_addz(&out, "{\"id\":");
		json_put_str(&out, all[i].id);
		if (all[i].value.n) {
			buf_addz(&out, ",\"value\":");
			buf_adds(&out, all[i].value);
		}
		buf_addz(&out, "}\n");
	}
	if (file_replace(v->state_path, buf_str(&out), &err) < 0)
		die(EX_CANTCREAT, "%s", err.data);
	free(all);
	buf_release(&out);
}

static int open_append(const char *path)
{
	int fd;

	if (!path)
		return -1;
	fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		die(EX_CANTCREAT, "%s: %s", path, strerror(errno));
	return fd;
}

static struct str from_env(const char *name, bool needed)
{
	const char *text = name ? getenv(name) : NULL;

	if (needed && (!text || !*text))
		die(EX_NOPERM, "the variable %s is not set", name);
	return str_of(text ? text : "");
}

int vendor_serve(struct vendor_run *v, struct server *s)
{
	struct buf err = BUF_INIT;

	v->token = from_env(v->kind->token_env, v->kind->token_env != NULL);
	v->secret = from_env(v->kind->secret_env, v->kind->needs_secret);
	v->ledger_fd = open_append(v->ledger_path);
	v->log_fd = open_append(v->log_path);
	v->scratch = BUF_INIT;
	sigaction(SIGUSR1, &(struct sigaction){ .sa_handler = on_usr1 }, NULL);
	s->self = v;
	s->head = head;
	s->serve = serve;
	if (server_run(s, &err) < 0)
		die(EX_OSERR, "%s", err.data);
	if (v->state_path)
		state_write(v);
	if (v->n_violations)
		msg_error("%" PRIu64 " requests that no client may make",
			  v->n_violations);
	ids_release(&v->objects);
	ids_release(&v->seen);
	buf_release(&v->scratch);
	return v->n_violations ? EX_REFUSED : 0;
}
