/* SPDX-License-Identifier: MIT */
/* Every case of a file, ready to be run: its files, and a vendor that waits. */
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/file.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/msg.h"
#include "common/ndjson.h"
#include "tests/mock/lib/cases.h"

/* ---- files ---- */

static int file_open(const char *folder, const char *name)
{
	struct buf path = BUF_INIT;
	int fd;

	buf_addf(&path, "%s/%s", folder, name);
	fd = open(path.data, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		die(EX_CANTCREAT, "%s: %s", path.data, strerror(errno));
	buf_release(&path);
	return fd;
}

static void file_put(const char *folder, const char *name, struct str text)
{
	int fd = file_open(folder, name);

	if (file_write_all(fd, text.s, text.n) < 0 || close(fd) < 0)
		die(EX_CANTCREAT, "%s/%s: %s", folder, name, strerror(errno));
}

static void folder_make(const char *path)
{
	if (mkdir(path, 0700) < 0)
		die(EX_CANTCREAT, "%s: %s", path, strerror(errno));
}

/* ---- a case as files ---- */

static struct str text_of(struct str value, struct buf *scratch)
{
	if (value.s && json_type(value) == JSON_STRING)
		return json_text(value, scratch);
	return value;
}

/* Elements of a list, one a line: texts as they are, all else compact. */
static size_t lines_put(struct buf *out, struct str list)
{
	struct buf scratch = BUF_INIT;
	struct json_iter it;
	struct str v;
	size_t n = 0;

	if (list.s) {
		json_iter_init(&it, list);
		for (; json_iter_element(&it, &v); n++) {
			if (json_type(v) == JSON_STRING)
				buf_adds(out, json_text(v, &scratch));
			else
				json_put_compact(out, v);
			buf_addc(out, '\n');
		}
	}
	buf_release(&scratch);
	return n;
}

static void env_put(struct buf *out, struct str one, struct str server)
{
	struct str object = json_get(one, "env"), now = json_get(one, "now");
	struct buf scratch = BUF_INIT;
	struct json_member m;
	struct json_iter it;

	if (now.s)
		buf_addf(out, "RETL_TEST_CLOCK=%.*s\n", STR_ARG(now));
	if (object.s) {
		json_iter_init(&it, object);
		while (json_iter_member(&it, &m)) {
			buf_adds(out, m.key);
			buf_addc(out, '=');
			cases_put_server(out, text_of(m.val, &scratch), server);
			buf_addc(out, '\n');
		}
	}
	buf_release(&scratch);
}

static void files_put(const char *folder, struct str object, struct str server)
{
	struct buf scratch = BUF_INIT, text = BUF_INIT;
	struct json_member m;
	struct json_iter it;

	if (object.s) {
		json_iter_init(&it, object);
		while (json_iter_member(&it, &m)) {
			char *name = xstrndup(m.key.s, m.key.n);

			buf_reset(&text);
			cases_put_server(&text, text_of(m.val, &scratch),
					 server);
			file_put(folder, name, buf_str(&text));
			free(name);
		}
	}
	buf_release(&scratch);
	buf_release(&text);
}

static void case_put(struct str one, const char *folder, struct str server)
{
	static const char *const streams[] = { "records", "rows" };
	static const char *const texts[] = { "name", "mapping", "exit",
					     "says" };
	struct buf out = BUF_INIT, scratch = BUF_INIT;

	folder_make(folder);
	for (size_t i = 0; i < ARRAY_LEN(streams); i++) {
		struct str list = json_get(one, streams[i]);

		buf_reset(&out);
		seal_put(&out, lines_put(&out, list));
		if (list.s)
			file_put(folder, streams[i], buf_str(&out));
	}
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct str v = text_of(json_get(one, texts[i]), &scratch);

		file_put(folder, texts[i], v.s ? v : STR(""));
	}
	buf_reset(&out);
	lines_put(&out, json_get(one, "args"));
	file_put(folder, "args", buf_str(&out));
	buf_reset(&out);
	env_put(&out, one, server);
	file_put(folder, "env", buf_str(&out));
	files_put(folder, json_get(one, "files"), server);
	buf_release(&out);
	buf_release(&scratch);
}

/* ---- what all cases have in one file ---- */

static void value_put(struct buf *out, struct str v, const char *otherwise)
{
	json_put_compact(out, v.s ? v : str_of(otherwise));
}

static void plan_put(struct buf *out, struct str one, struct str server)
{
	buf_addf(out, "{\"server\":\"%.*s\",\"settings\":", STR_ARG(server));
	value_put(out, json_get(one, "settings"), "{}");
	buf_addz(out, ",\"contract\":");
	value_put(out, json_get(one, "contract"), "{}");
	buf_addz(out, "}\n");
}

/* ---- the servers ---- */

struct stage {
	const char *folder;
	struct buf path; /* of the case at hand */
	struct buf plans, receipts;
	pid_t *pids;
	size_t n;
};

/* The vendor of a case, in a process of its own. */
static void play_alone(struct str one, const char *folder, int listen_fd)
{
	struct server s = { .listen_fd = listen_fd };
	int fd = file_open(folder, "play.err");

	prctl(PR_SET_PDEATHSIG, SIGTERM);
	dup2(fd, STDERR_FILENO);
	exit(cases_play(one, &s));
}

static void case_begin(struct stage *g, struct str one)
{
	struct buf server = BUF_INIT, err = BUF_INIT;
	int port, fd = server_listen(&port, &err);

	if (fd < 0)
		die(EX_OSERR, "%s", err.data);
	buf_addf(&server, "http://127.0.0.1:%d", port);
	buf_reset(&g->path);
	buf_addf(&g->path, "%s/%zu", g->folder, g->n + 1);
	case_put(one, g->path.data, buf_str(&server));
	plan_put(&g->plans, one, buf_str(&server));
	value_put(&g->receipts, json_get(one, "receipts"), "[]");
	buf_addc(&g->receipts, '\n');
	g->pids[g->n] = fork();
	if (g->pids[g->n] < 0)
		die(EX_OSERR, "fork: %s", strerror(errno));
	if (g->pids[g->n] == 0)
		play_alone(one, g->path.data, fd);
	g->n++;
	close(fd);
	buf_release(&server);
	buf_release(&err);
}

/* Ends a case's vendor: what it says of what it has seen. */
static int case_end(struct stage *g, size_t i)
{
	int status = 0;
	char text[16];

	kill(g->pids[i], SIGTERM);
	while (waitpid(g->pids[i], &status, 0) < 0 && errno == EINTR)
		;
	status = WIFEXITED(status) ? WEXITSTATUS(status) : EX_SOFTWARE;
	snprintf(text, sizeof text, "%d\n", status);
	buf_reset(&g->path);
	buf_addf(&g->path, "%s/%zu", g->folder, i + 1);
	file_put(g->path.data, "played", str_of(text));
	return status;
}

/* Tells that all is there, and waits for the end. */
static void stage_hold(const struct stage *g, const struct server *s,
		       const sigset_t *ends)
{
	const struct timespec most = { .tv_sec = (time_t)(s->idle_s * g->n) };
	char text[24];

	snprintf(text, sizeof text, "%zu\n", g->n);
	file_put(".", s->port_file, str_of(text));
	while (sigtimedwait(ends, NULL, s->idle_s ? &most : NULL) < 0 &&
	       errno == EINTR)
		;
}

int cases_stage(const struct cases *c, const char *folder,
		const struct server *s)
{
	struct stage g = { .folder = folder,
			   .path = BUF_INIT,
			   .plans = BUF_INIT,
			   .receipts = BUF_INIT };
	struct json_iter it;
	sigset_t ends;
	struct str one;
	int ret = 0;

	/* Blocked before there are children: an early end waits for them. */
	sigemptyset(&ends);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGINT);
	sigprocmask(SIG_BLOCK, &ends, NULL);
	g.pids = xcalloc(json_count(c->list) + 1, sizeof *g.pids);
	json_iter_init(&it, c->list);
	while (json_iter_element(&it, &one))
		case_begin(&g, one);
	file_put(folder, "plans", buf_str(&g.plans));
	file_put(folder, "receipts", buf_str(&g.receipts));
	stage_hold(&g, s, &ends);
	for (size_t i = 0; i < g.n; i++)
		if (case_end(&g, i) != 0)
			ret = EX_REFUSED;
	free(g.pids);
	buf_release(&g.path);
	buf_release(&g.plans);
	buf_release(&g.receipts);
	return ret;
}
