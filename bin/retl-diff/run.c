/* SPDX-License-Identifier: MIT */
#include "bin/retl-diff/run.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>

#include "common/beside.h"
#include "common/clock.h"
#include "common/digest.h"
#include "common/enc.h"
#include "common/file.h"
#include "common/mem.h"
#include "common/msg.h"
#include "common/process.h"

#define FILE_ENOUGH ((size_t)256 << 10) /* is written */
#define OUT_ENOUGH ((size_t)512 << 10)  /* is flushed if nothing is just now */
#define OUT_MOST ((size_t)4 << 20)      /* waits for that */
#define RUN_HEADER_MAX 4096

/* ---- names ---- */

const char *run_path(const struct state *st, const char *id, const char *suffix)
{
	char name[64];

	snprintf(name, sizeof name, "runs/%s.%s", id, suffix);
	return state_path(st, name);
}

bool run_is_id(struct str text)
{
	if (text.n != RUN_ID_LEN)
		return false;
	for (size_t i = 0; i < text.n; i++)
		if (!isdigit((unsigned char)text.s[i]) &&
		    (text.s[i] < 'a' || text.s[i] > 'f'))
			return false;
	return true;
}

int run_parse_id(struct str diff_id, char *id, uint64_t *n)
{
	struct str run = { diff_id.s, RUN_ID_LEN }, rest;

	if (diff_id.n < RUN_ID_LEN + 2 || diff_id.s[RUN_ID_LEN] != ':')
		return -1;
	rest = (struct str){ run.s + run.n + 1, diff_id.n - run.n - 1 };
	if (str_to_u64(rest, n) < 0 || !*n)
		return -1;
	/* Nearly always it is that of the one before. */
	if (memcmp(id, run.s, run.n) == 0)
		return 0;
	if (!run_is_id(run))
		return -1;
	memcpy(id, run.s, run.n);
	id[run.n] = '\0';
	return 0;
}

int run_spool(struct state *st, bool dry)
{
	const char *tmp = getenv("TMPDIR");
	struct buf path = BUF_INIT;
	int fd;

	if (dry)
		buf_addf(&path, "%s/retl-diff.XXXXXX",
			 tmp && *tmp ? tmp : "/tmp");
	else
		buf_addf(&path, "%s/runs/spool.XXXXXX", st->dir);
	fd = mkostemp(path.data, O_CLOEXEC);
	if (fd < 0 || unlink(path.data) < 0)
		die(EX_IOERR, "%s: %s", path.data, strerror(errno));
	buf_release(&path);
	return fd;
}

/* ---- who is at work ---- */

/* Empty where the system does not tell. */
static void put_host(struct buf *out)
{
	char space[64];
	struct buf boot = BUF_INIT;
	ssize_t n = readlink("/proc/self/ns/pid", space, sizeof space);

	if (n > 0 &&
	    file_read("/proc/sys/kernel/random/boot_id", 256, &boot, NULL) ==
		0 &&
	    boot.len > 1)
		buf_addf(out, "%.*s %.*s", (int)boot.len - 1, boot.data, (int)n,
			 space);
	buf_release(&boot);
}

/* Is the group ours, or that of one who started us? */
static bool is_our_group(pid_t group)
{
	struct process p = { .parent = getpid() };

	if (group == getpgrp())
		return true;
	while (p.parent > 1 && process_read(p.parent, &p))
		if (p.group == group)
			return true;
	return false;
}

struct members {
	pid_t group;
	bool any;
};

static bool is_at_work(const struct process *p, void *arg)
{
	struct members *m = arg;

	m->any |= p->group == m->group;
	return p->group == m->group && !p->ended;
}

static bool is_there(pid_t group)
{
	return kill(-group, 0) == 0 || errno != ESRCH;
}

/* Is somebody of the group there who has not ended? In doubt somebody is. */
static bool has_members(pid_t group)
{
	struct members m = { .group = group };

	if (!is_there(group))
		return false;
	if (process_any(is_at_work, &m))
		return true;
	/* It has gone meanwhile, or /proc does not show it. */
	return !m.any && is_there(group);
}

/*
 * A group's number goes to another one day, whose leader is younger than the
 * last byte that the run wrote. In doubt it does not.
 */
static bool is_reused(const struct run_file *f)
{
	uint64_t ticks_a_second = (uint64_t)sysconf(_SC_CLK_TCK);
	struct timespec now, up;
	struct process leader;
	struct stat sb;

	return stat(f->path, &sb) == 0 &&
	       clock_gettime(CLOCK_REALTIME, &now) == 0 &&
	       clock_gettime(CLOCK_BOOTTIME, &up) == 0 &&
	       process_read(f->group, &leader) &&
	       now.tv_sec - up.tv_sec +
		       (time_t)(leader.started / ticks_a_second) >
		   sb.st_mtim.tv_sec + 2;
}

static bool is_here(const struct run_file *f)
{
	struct buf here = BUF_INIT;
	bool same;

	put_host(&here);
	same = here.len && f->host && strcmp(here.data, f->host) == 0;
	buf_release(&here);
	return same && f->group > 1;
}

bool run_lives(const struct run_file *f)
{
	return !is_our_group(f->group) && is_here(f) && has_members(f->group) &&
	       !is_reused(f);
}

bool run_may_live(const struct run_file *f)
{
	return !is_our_group(f->group) && (!is_here(f) || run_lives(f));
}

/* ---- writing ---- */

uint64_t run_next_number(const struct state *st)
{
	uint64_t n = st->run;

	for (size_t i = 0; i < st->n_runs; i++)
		n = MAX(n, st->runs[i].number);
	return n + 1;
}

void run_begin(struct run *r, struct state *st, bool full, bool dry,
	       struct out *out)
{
	uint8_t bytes[RUN_ID_LEN / 2];
	struct buf id = BUF_INIT, err = BUF_INIT;

	*r = (struct run){ .st = st,
			   .fd = -1,
			   .plain = true,
			   .file = BUF_INIT,
			   .out = BUF_INIT,
			   .going = BUF_INIT,
			   .stdout_seal = out };
	if (dry)
		return;
	digest_random(bytes, sizeof bytes);
	enc_hex(&id, bytes, sizeof bytes);
	memcpy(r->id, id.data, RUN_ID_LEN + 1);
	r->number = run_next_number(st);
	r->path = xstrdup(run_path(st, r->id, "ndjson"));
	r->fd = open(r->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (r->fd < 0)
		die(EX_IOERR, "%s: %s", r->path, strerror(errno));
	buf_addf(&r->file,
		 "{\"run\":\"%s\",\"number\":%" PRIu64
		 ",\"full\":%s,\"started\":\"",
		 r->id, r->number, full ? "true" : "false");
	clock_put_rfc3339(&r->file, clock_now_ms());
	buf_addf(&r->file, "\",\"group\":%d,\"host\":\"", (int)getpgrp());
	put_host(&r->file);
	buf_addz(&r->file, "\"}\n");
	run_flush(r);
	if (file_sync_dir(state_path(st, "runs"), &err) < 0)
		die(EX_IOERR, "%s", err.data);
	buf_release(&id);
	buf_release(&err);
}

static void write_file(struct run *r)
{
	if (!r->file.len)
		return;
	if (file_write_all(r->fd, r->file.data, r->file.len) < 0)
		die(EX_IOERR, "%s: %s", r->path, strerror(errno));
	file_write_back(r->fd, (uint64_t)r->written, r->file.len);
	r->written += (off_t)r->file.len;
	buf_reset(&r->file);
}

/* Done beside. */
static void let_out(void *arg)
{
	struct run *r = arg;

	r->file_error = r->out_error = 0;
	if (r->flushed < r->to_flush && fdatasync(r->fd) < 0)
		r->file_error = errno;
	else if (r->going.len &&
		 file_write_all(STDOUT_FILENO, r->going.data, r->going.len) < 0)
		r->out_error = errno;
	else
		r->flushed = r->to_flush;
}

/* Until what was handed over last has gone out. */
static void wait_out(struct run *r)
{
	beside_wait(r->beside);
	buf_reset(&r->going);
	if (r->file_error)
		die(EX_IOERR, "%s: %s", r->path, strerror(r->file_error));
	if (r->out_error) {
		run_break(r, "stopped");
		die(EX_IOERR, "standard output: %s", strerror(r->out_error));
	}
}

static void hand_over(struct run *r)
{
	struct buf empty;

	write_file(r);
	wait_out(r);
	empty = r->going;
	r->going = r->out;
	r->out = empty;
	r->to_flush = r->written;
	beside_do(r->beside, let_out, r);
}

void run_flush(struct run *r)
{
	hand_over(r);
	wait_out(r);
}

/* Counts the next change, which begins at a place in the file. */
static void count_change(struct run_sections *s, enum diff_result result,
			 off_t at)
{
	enum run_section which = RUN_CHANGES;

	if (result == DIFF_REMOVED)
		which = RUN_REMOVALS;
	else if (s->count[RUN_REMOVALS])
		which = RUN_REPLACING;
	if (!s->count[which]++)
		s->at[which] = at;
}

void run_change(struct run *r, const struct change *c)
{
	bool dry = r->fd < 0;

	r->n++;
	r->plain &= c->go && !c->whole.s && !c->more.n;
	count_change(&r->sections, c->result, r->written + (off_t)r->file.len);
	if (!dry) {
		struct buf more = BUF_INIT;

		buf_adds(&more, c->marks);
		if (c->marks.n && c->more.n)
			buf_addc(&more, ',');
		buf_adds(&more, c->more);
		row_put_change(&r->file, c->whole.s ? c->whole : c->row,
			       c->result, r->id, r->n, buf_str(&more));
		buf_addc(&r->file, '\n');
		buf_release(&more);
	}
	if (c->go) {
		row_put_change(&r->out, c->row, c->result, dry ? NULL : r->id,
			       r->n, c->marks);
		buf_addc(&r->out, '\n');
		r->stdout_seal->since_seal++;
	}
	if (r->file.len >= FILE_ENOUGH)
		write_file(r);
	if (r->out.len < OUT_ENOUGH)
		return;
	if (!r->beside)
		r->beside = beside_start();
	if (r->out.len >= OUT_MOST || !beside_busy(r->beside))
		hand_over(r);
}

static void put_end(struct run *r, const struct run_end *e)
{
	buf_addf(&r->file,
		 "{\"end\":\"%s\",\"changes\":%" PRIu64
		 ",\"sealed\":%s,\"rows\":%" PRIu64 ",\"stubs\":%" PRIu64
		 ",\"quarantined\":%" PRIu64 ",\"withheld\":%" PRIu64
		 ",\"at\":\"",
		 e->end, r->n, e->sealed ? "true" : "false", e->rows, e->stubs,
		 e->quarantined, e->withheld);
	clock_put_rfc3339(&r->file, clock_now_ms());
	buf_addf(&r->file,
		 "\",\"plain\":%s,\"sections\":", r->plain ? "true" : "false");
	state_put_sections(&r->file, &r->sections);
	buf_addz(&r->file, "}\n");
}

void run_finish(struct run *r, const struct run_end *e)
{
	run_flush(r);
	if (r->fd >= 0) {
		put_end(r, e);
		run_flush(r);
		if (close(r->fd) < 0)
			die(EX_IOERR, "%s: %s", r->path, strerror(errno));
		r->fd = -1;
	}
	beside_end(r->beside);
	free(r->path);
	buf_release(&r->file);
	buf_release(&r->out);
	buf_release(&r->going);
}

void run_break(struct run *r, const char *end)
{
	/* All changes have been written; an end mark says that they are there.
	 */
	if (r->fd < 0 || fdatasync(r->fd) < 0)
		return;
	put_end(r, &(struct run_end){ .end = end });
	if (file_write_all(r->fd, r->file.data, r->file.len) == 0)
		(void)fdatasync(r->fd);
}

/* ---- reading ---- */

static void take_header(struct run_file *f, struct str line)
{
	struct str host = json_get(line, "host");
	uint64_t n;

	f->full = json_is_true(line, "full");
	if (str_to_u64(json_get(line, "number"), &n) == 0)
		f->number = n;
	if (str_to_u64(json_get(line, "group"), &n) == 0)
		f->group = (int)n;
	if (host.s && json_type(host) == JSON_STRING)
		f->host = xstrndup(host.s + 1, host.n - 2);
}

static bool is_header(struct str line, const char *id)
{
	struct json_fault fault;
	struct str v, number;

	if (json_check(line, &v, &fault) < 0 || json_type(v) != JSON_OBJECT)
		return false;
	number = json_get(v, "number");
	return json_text_is(json_get(v, "run"), id) && number.s &&
	       json_get(v, "full").s;
}

int run_read_header(struct run_file *f, const struct state *st, const char *id)
{
	char text[RUN_HEADER_MAX];
	const char *path = run_path(st, id, "ndjson"), *lf;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	*f = (struct run_file){ .path = NULL };
	if (fd < 0 && errno == ENOENT)
		return -1;
	n = fd < 0 ? -1 : read(fd, text, sizeof text);
	/* What cannot be read now must not be taken for what never was. */
	if (n < 0)
		die(EX_NOINPUT, "%s: %s", path, strerror(errno));
	close(fd);
	lf = n > 0 ? memchr(text, '\n', (size_t)n) : NULL;
	if (!lf)
		return -1;
	if (!is_header((struct str){ text, (size_t)(lf - text) }, id))
		return -1;
	memcpy(f->id, id, RUN_ID_LEN + 1);
	f->path = xstrdup(path);
	take_header(f, (struct str){ text, (size_t)(lf - text) });
	return 0;
}

void run_file_release(struct run_file *f)
{
	free(f->path);
	free(f->host);
	*f = (struct run_file){ .path = NULL };
}

static void take_end(struct run_file *f, struct str line)
{
	struct str end = json_get(line, "end");
	uint64_t n;

	f->ended = !json_text_is(end, "stopped");
	f->finished =
	    json_text_is(end, "finished") || json_text_is(end, "withheld");
	f->data_error =
	    json_text_is(end, "withheld") || json_text_is(end, "broken");
	if (str_to_u64(json_get(line, "stubs"), &n) == 0)
		f->refused += n;
	if (str_to_u64(json_get(line, "quarantined"), &n) == 0)
		f->refused += n;
}

/* False if it cannot be one that this run wrote. */
static bool take_change(struct run_file *f, const struct record *r, off_t at)
{
	char id[RUN_ID_LEN + 1] = "";
	struct buf scratch = BUF_INIT;
	uint64_t n;
	bool mine;

	mine = r->diff_id.s &&
	       run_parse_id(json_text(r->diff_id, &scratch), id, &n) == 0 &&
	       strcmp(id, f->id) == 0 && n == f->n + 1;
	buf_release(&scratch);
	if (mine) {
		f->n++;
		count_change(&f->sections, r->result, at);
	}
	return mine;
}

/* What an end mark says of what stands before it. */
static bool take_sections(struct run_file *f, struct str mark)
{
	struct run_sections s;
	uint64_t n, all = 0;

	if (str_to_u64(json_get(mark, "changes"), &n) < 0 ||
	    !state_get_sections(&s, json_get(mark, "sections"), f->bytes))
		return false;
	for (int i = 0; i < RUN_SECTIONS; i++)
		all += s.count[i];
	if (all != n)
		return false;
	f->n = n;
	f->sections = s;
	f->plain = json_is_true(mark, "plain");
	return true;
}

/*
 * The end mark, if there is one that tells what stands before it. All of that
 * was on the disk when it was written, so no line can be torn.
 */
static bool take_mark(struct run_file *f, int fd)
{
	char text[RUN_HEADER_MAX];
	off_t size = lseek(fd, 0, SEEK_END), from;
	struct json_fault fault;
	struct str line, v;
	const char *lf;
	ssize_t n;

	from = MAX(size - (off_t)sizeof text, 0);
	n = pread(fd, text, sizeof text, from);
	if (n < 2 || from + n != size || text[n - 1] != '\n')
		return false;
	lf = memrchr(text, '\n', (size_t)n - 1);
	if (!lf)
		return false;
	line = (struct str){ lf + 1, (size_t)(text + n - 1 - (lf + 1)) };
	if (json_check(line, &v, &fault) < 0 || json_type(v) != JSON_OBJECT ||
	    !json_get(v, "end").s || json_get(v, "diff_id").s)
		return false;
	f->bytes = (uint64_t)(from + (lf + 1 - text));
	if (!take_sections(f, v))
		return false;
	take_end(f, v);
	return true;
}

static void scan_lines(struct run_file *f, struct ndjson *in)
{
	struct record rec = RECORD_INIT;
	struct json_fault fault;
	off_t at = 0;
	int got;

	while ((got = ndjson_next(in)) == 1) {
		/* The header has been read already. */
		bool is_header = in->line_no == 1;
		bool good =
		    is_header || record_parse(&rec, in->line, &fault) == 0;

		if (good && !is_header && rec.result == DIFF_NONE)
			take_end(f, in->line);
		else if (good && !is_header)
			good = take_change(f, &rec, at);
		/*
		 * What a crash tore was not on the disk and so never went out:
		 * the run ends before it.
		 */
		if (!good)
			break;
		at += (off_t)in->line.n + 1;
	}
	if (got < 0)
		die(in->status, "%s", in->err.data);
	f->bytes = (uint64_t)at;
	record_release(&rec);
}

void run_scan(struct run_file *f, const struct state *st, const char *id)
{
	struct ndjson in = NDJSON_INIT;

	if (run_read_header(f, st, id) < 0)
		die(EX_DATAERR,
		    "%s: the file of a run is damaged: restore the state "
		    "from a copy",
		    run_path(st, id, "ndjson"));
	in.max_record = SIZE_MAX / 4;
	if (ndjson_open(&in, f->path) < 0)
		die(in.status, "%s", in.err.data);
	if (!take_mark(f, in.fd)) {
		f->n = 0;
		if (lseek(in.fd, 0, SEEK_SET) < 0)
			die(EX_IOERR, "%s: %s", f->path, strerror(errno));
		scan_lines(f, &in);
	}
	ndjson_close(&in);
}

void run_open_section(const struct run_file *f, enum run_section s,
		      struct state *st, struct rows *r)
{
	*r = ROWS_INIT;
	if (f->sections.count[s])
		rows_open(r, f->path, f->sections.at[s], f->sections.count[s],
			  &st->key, &st->types);
}

uint64_t run_number(const struct run_file *f, enum run_section s,
		    const struct rows *r)
{
	const struct str id = r->rec.diff_id;
	uint64_t place = f->sections.count[s] - r->left, n = 0;
	char run[RUN_ID_LEN + 1];

	for (int i = 0; i < (int)s; i++)
		place += f->sections.count[i];
	memcpy(run, f->id, sizeof run);
	/* We wrote it without escapes. */
	if (!id.s ||
	    run_parse_id((struct str){ id.s + 1, id.n - 2 }, run, &n) < 0 ||
	    n != place || strcmp(run, f->id) != 0)
		die(EX_DATAERR,
		    "%s: its changes are not what its end mark says: the state "
		    "is damaged; restore it from a copy",
		    f->path);
	return n;
}

/* ---- the open run ---- */

/* The id in "<id>.ndjson" or "<id>.receipts". */
static bool id_of(const char *name, char *id)
{
	struct str text = { name, RUN_ID_LEN };

	if (strlen(name) <= RUN_ID_LEN || name[RUN_ID_LEN] != '.' ||
	    !run_is_id(text))
		return false;
	memcpy(id, name, RUN_ID_LEN);
	id[RUN_ID_LEN] = '\0';
	return true;
}

static void remove_run(struct state *st, const char *id)
{
	unlink(run_path(st, id, "receipts"));
	unlink(run_path(st, id, "ndjson"));
}

bool run_find_open(struct state *st, bool sweep, struct run_file *f)
{
	DIR *d = opendir(state_path(st, "runs"));
	char open_id[RUN_ID_LEN + 1] = "", id[RUN_ID_LEN + 1];
	struct dirent *e;

	*f = (struct run_file){ .path = NULL };
	if (!d)
		die(EX_NOINPUT, "%s: %s", state_path(st, "runs"),
		    strerror(errno));
	while ((e = readdir(d))) {
		struct run_file g;

		if (sweep && strncmp(e->d_name, "spool.", 6) == 0)
			unlinkat(dirfd(d), e->d_name, 0);
		if (!id_of(e->d_name, id) || state_find_run(st, id))
			continue;
		if (run_read_header(&g, st, id) == 0 && g.number > st->run)
			memcpy(open_id, id, sizeof id);
		else if (sweep) /* settled, or never begun */
			remove_run(st, id);
		run_file_release(&g);
	}
	closedir(d);
	return *open_id && run_read_header(f, st, open_id) == 0;
}
