/* SPDX-License-Identifier: MIT */
/*
 * Random histories of retl-diff against a model of a destination: datasets
 * change, streams are cut, stages are killed, receipts are lost, refused and
 * late, runs overlap, people share and swap their e-mails. Whatever happened,
 * undisturbed runs must bring the destination to what the dataset says and
 * then fall silent, and nobody of the dataset may be missing after the first.
 *
 *	test_history [SEED [STEPS [HISTORIES]]]
 *
 * A failure prints the seed that shows it again.
 */
#include "tests/unit/tap.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "common/file.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/ndjson.h"

#define KEYS 9
/* Their ids are so far apart. Between them may stand a crowd that never moves.
 */
#define SPREAD 60
#define VALUES 5        /* of each kind: e-mails, phones */
#define SILENCE_AFTER 4 /* undisturbed runs */

/* What the world looks like: -1 stands for a value that is not there. */
struct person {
	bool there;
	int email, phone, second, plan;
};

static struct person data[KEYS];  /* the dataset */
static struct person dest[KEYS];  /* a destination that knows keys */
static struct person acked[KEYS]; /* what receipts confirmed */
static bool doubted[KEYS];
static bool audience[2 * VALUES]; /* one that knows values */
static bool crowd_dest[KEYS * SPREAD];
static bool with_identity, overlapping, crowded;
/* Something was emitted that we have not seen, or all rows are sent again. */
static bool unsure;
/* Changes of a run whose push is slow: they arrive after those of the next. */
static struct buf slow = { .data = buf_empty };
static char *dir, *tool;
static uint64_t seed;
static int step_no;
static bool good;

/* ---- chance ---- */

static uint64_t state;

static unsigned dice(unsigned n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (unsigned)(state >> 11) % n;
}

static bool chance(unsigned percent)
{
	return dice(100) < percent;
}

static void complain(const char *what, int key)
{
	printf("# seed %" PRIu64 ", step %d, %s: %s (%d)\n", seed, step_no,
	       with_identity ? "values" : "keys", what, key);
	good = false;
}

/* ---- running the tool ---- */

static const char *in_dir(const char *name)
{
	static char path[2][512];
	static int turn;
	char *p = path[turn++ % 2];

	snprintf(p, sizeof path[0], "%s/%s", dir, name);
	return p;
}

static void write_file(const char *name, struct str text)
{
	int fd = open(in_dir(name), O_WRONLY | O_CREAT | O_TRUNC, 0600);

	if (fd < 0 || file_write_all(fd, text.s, text.n) < 0) {
		perror("writing");
		exit(99);
	}
	close(fd);
}

static void read_all(int fd, struct buf *out)
{
	char chunk[65536];
	ssize_t n;

	while ((n = read(fd, chunk, sizeof chunk)) > 0)
		buf_add(out, chunk, (size_t)n);
}

/* The tool's status, or -1 if it was killed after so many microseconds. */
static int run(const char *const *args, const char *input, struct buf *out,
	       int kill_us)
{
	const char *argv[16] = { tool };
	int fds[2], status, n = 1;
	pid_t pid;

	while (*args)
		argv[n++] = *args++;
	argv[n++] = "-s";
	argv[n++] = in_dir("state");
	argv[n] = NULL;
	if (pipe(fds) < 0 || (pid = fork()) < 0)
		exit(99);
	if (pid == 0) {
		int in = open(input, O_RDONLY);
		int err =
		    open(in_dir("err"), O_WRONLY | O_CREAT | O_TRUNC, 0600);

		dup2(in, 0);
		dup2(fds[1], 1);
		dup2(err, 2);
		close(fds[0]);
		execv(tool, (char *const *)argv);
		_exit(127);
	}
	close(fds[1]);
	if (kill_us >= 0) {
		usleep((useconds_t)kill_us);
		kill(pid, SIGKILL);
	}
	if (out)
		read_all(fds[0], out);
	close(fds[0]);
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* ---- rows ---- */

static void put_person(struct buf *b, int id, const struct person *p)
{
	/* The same key, however it is spelled. */
	buf_addf(b, chance(80) ? "{\"id\":%d" : "{\"id\":%d.0", id * SPREAD);
	if (p->email >= 0)
		buf_addf(b, ",\"email\":\"e%d\"", p->email);
	else if (id % 2)
		buf_addz(b, ",\"email\":\"\"");
	if (p->phone >= 0 && p->second >= 0)
		buf_addf(b, ",\"phone\":[\"p%d\",\"p%d\"]", p->phone,
			 p->second);
	else if (p->phone >= 0)
		buf_addf(b,
			 id % 3 ? ",\"phone\":\"p%d\"" : ",\"phone\":[\"p%d\"]",
			 p->phone);
	buf_addf(b, ",\"plan\":%d}", p->plan);
}

static int value_of(struct str v, char kind)
{
	if (!v.s || v.n != 4 || v.s[1] != kind)
		return -1;
	return v.s[2] - '0';
}

/* id: -1 for values that no longer have one; CROWD for a row of the crowd. */
enum { CROWD = -2 };
static struct person parse_person(struct str line, int *id)
{
	struct person p = { true, -1, -1, -1, -1 };
	struct str v = json_get(line, "id"), e;
	struct json_iter it;

	*id = v.s ? (int)strtol(v.s, NULL, 10) : -1;
	if (*id > 0 && *id % SPREAD)
		*id = CROWD;
	else if (*id > 0)
		*id /= SPREAD;
	p.email = value_of(json_get(line, "email"), 'e');
	v = json_get(line, "phone");
	if (v.s && json_type(v) == JSON_ARRAY) {
		json_iter_init(&it, v);
		if (json_iter_element(&it, &e))
			p.phone = value_of(e, 'p');
		if (json_iter_element(&it, &e))
			p.second = value_of(e, 'p');
	} else {
		p.phone = value_of(v, 'p');
	}
	v = json_get(line, "plan");
	if (v.s)
		p.plan = (int)strtol(v.s, NULL, 10);
	return p;
}

static bool same_person(const struct person *a, const struct person *b)
{
	return a->there == b->there &&
	       (!a->there || (a->email == b->email && a->phone == b->phone &&
			      a->second == b->second && a->plan == b->plan));
}

static void mutate_one(int id)
{
	struct person *p = &data[id];

	if (!p->there || chance(20)) {
		p->there = chance(70);
		p->email = (int)dice(VALUES + 1) - 1;
		p->phone = (int)dice(VALUES + 1) - 1;
		p->second = -1;
	} else if (chance(40)) {
		p->email = (int)dice(VALUES + 1) - 1;
	} else if (chance(40)) {
		p->phone = (int)dice(VALUES + 1) - 1;
		p->second = p->phone >= 0 ? (int)dice(VALUES + 1) - 1 : -1;
		if (p->second == p->phone)
			p->second = -1;
	}
	p->plan = (int)dice(4);
}

static void mutate(void)
{
	unsigned n = dice(5);

	while (n--)
		mutate_one((int)dice(KEYS));
	for (int id = 0; id < KEYS; id++)
		if (doubted[id] && acked[id].there && chance(25))
			data[id] = acked[id]; /* the source goes back */
	if (chance(15)) {
		/* Two people swap their e-mails. */
		int a = (int)dice(KEYS), b = (int)dice(KEYS);
		int e = data[a].email;

		data[a].email = data[b].email;
		data[b].email = e;
	}
}

/* ---- the destination ---- */

static void touch_values(const struct person *p, bool there)
{
	if (p->email >= 0)
		audience[p->email] = there;
	if (p->phone >= 0)
		audience[VALUES + p->phone] = there;
	if (p->second >= 0)
		audience[VALUES + p->second] = there;
}

static void deliver(struct str line)
{
	bool removal =
	    json_text_is(json_get(line, "diff_result"), "DiffRemoved");
	struct person p;
	int id;

	p = parse_person(line, &id);
	touch_values(&p, !removal);
	if (id == CROWD)
		crowd_dest[strtol(json_get(line, "id").s, NULL, 10)] = !removal;
	if (id < 0)
		return;
	dest[id] = p;
	dest[id].there = !removal;
}

static void confirm(struct str line, bool delivered)
{
	bool removal =
	    json_text_is(json_get(line, "diff_result"), "DiffRemoved");
	struct person p;
	int id;

	p = parse_person(line, &id);
	if (id < 0)
		return;
	doubted[id] = !delivered;
	if (!delivered)
		return;
	acked[id] = p;
	acked[id].there = !removal;
}

static void put_receipt(struct buf *b, struct str line, const char *status,
			const char *more)
{
	buf_addz(b, "{\"diff_id\":");
	buf_adds(b, json_get(line, "diff_id"));
	buf_addf(b, ",\"to\":\"model#0\",\"status\":\"%s\"%s}\n", status, more);
}

/* One change: what happens to it, and what is said of that. */
static void push_one(struct str line, bool undisturbed, struct buf *receipts)
{
	unsigned fate = undisturbed ? 0 : dice(12);

	switch (fate) {
	default:
		deliver(line);
		confirm(line, true);
		if (chance(10))
			put_receipt(receipts, line, "unknown", "");
		put_receipt(receipts, line,
			    chance(90) ? "delivered" : "skipped", "");
		break;
	case 6:
		put_receipt(receipts, line, "rejected", "");
		break;
	case 7:
		put_receipt(receipts, line, "failed", "");
		break;
	case 8:
		deliver(line);
		confirm(line, false);
		put_receipt(receipts, line, "unknown", "");
		break;
	case 9:
		confirm(line, false);
		put_receipt(receipts, line, "unknown", "");
		break;
	case 10: /* the receipt is lost */
		deliver(line);
		confirm(line, false);
		break;
	case 11: /* it was never sent */
		confirm(line, false);
		break;
	}
}

/* A row that is as it was acknowledged has no business in the stream. */
static void check_due(struct str line)
{
	int id;

	parse_person(line, &id);
	if (!with_identity && !overlapping && !unsure && id >= 0 &&
	    !doubted[id] && same_person(&acked[id], &data[id]))
		complain("an acknowledged row that did not change is sent", id);
}

static bool next_line(struct str *rest, struct str *line)
{
	const char *lf = memchr(rest->s, '\n', rest->n);

	/* What is torn off at the end is not read by anybody. */
	if (!lf)
		return false;
	*line = (struct str){ rest->s, (size_t)(lf - rest->s) };
	rest->s += line->n + 1;
	rest->n -= line->n + 1;
	return true;
}

/* Up to `most` changes are read; those behind are in doubt all the same. */
static int push(struct str changes, bool undisturbed, unsigned most,
		struct buf *receipts)
{
	struct str rest = changes, line;
	int n = 0;

	while (next_line(&rest, &line)) {
		if (!line.n || line.s[0] != '{')
			continue;
		n++;
		check_due(line);
		if ((unsigned)n > most)
			confirm(line, false);
		else
			push_one(line, undisturbed, receipts);
	}
	return n;
}

/* ---- runs ---- */

/* Those who stand before a person; returns how many. */
static uint64_t put_crowd(struct buf *b, int id)
{
	if (!crowded || !id)
		return 0;
	for (int i = 1 - SPREAD; i < 0; i++)
		buf_addf(b, "{\"id\":%d,\"plan\":7,\"note\":\"never moves\"}\n",
			 id * SPREAD + i);
	return SPREAD - 1;
}

static void put_dataset(struct buf *b, bool stubs, bool part)
{
	uint64_t n = 0;

	for (int id = 0; id < KEYS; id++) {
		n += put_crowd(b, id);
		if (!data[id].there || (part && chance(50)))
			continue;
		if (stubs && chance(20))
			buf_addf(b,
				 "{\"id\":%d,\"diff_outcome\":"
				 "{\"status\":\"rejected\",\"code\":\"x\"}}",
				 id * SPREAD);
		else
			put_person(b, id, &data[id]);
		buf_addc(b, '\n');
		n++;
	}
	seal_put(b, n);
}

static void must_dump_what_was_confirmed(void)
{
	static const char *const args[] = { "--dump", NULL };
	bool seen[KEYS] = { false };
	struct buf out = BUF_INIT;
	struct str rest, line;
	int n_crowd = 0;

	if (run(args, "/dev/null", &out, -1) != 0)
		complain("--dump fails", 0);
	rest = buf_str(&out);
	while (next_line(&rest, &line)) {
		struct person p;
		int id;

		if (!line.n || line.s[0] != '{')
			continue;
		p = parse_person(line, &id);
		n_crowd += id == CROWD;
		if (id == CROWD)
			continue;
		seen[id] = true;
		if (!same_person(&p, &acked[id]))
			complain("the state has another row", id);
	}
	for (int id = 0; id < KEYS; id++)
		if (acked[id].there && !seen[id])
			complain("the state has lost a row", id);
	if (n_crowd != (crowded ? (KEYS - 1) * (SPREAD - 1) : 0))
		complain("the state has another crowd", n_crowd);
	buf_release(&out);
}

static void commit(const struct buf *receipts, int kill_us)
{
	static const char *const args[] = { "--commit", NULL };

	write_file("receipts", buf_str(receipts));
	run(args, in_dir("receipts"), NULL, kill_us);
}

/* The slow push comes to its end: all arrives, and most is confirmed. */
static void push_slow(struct buf *receipts)
{
	struct str rest = buf_str(&slow), line;

	while (next_line(&rest, &line)) {
		if (!line.n || line.s[0] != '{')
			continue;
		deliver(line);
		put_receipt(receipts, line,
			    chance(80) ? "delivered" : "unknown", "");
	}
	buf_reset(&slow);
}

/* What can be given to a run; returns whether its rows are all sent again. */
static bool choose_options(const char **args, int n, bool delta, bool killed)
{
	if (delta) {
		args[n] = "--delta";
	} else if (!overlapping && !killed && chance(6)) {
		/* Another destination: it has nothing yet. */
		args[n] = "--full";
		memset(dest, 0, sizeof dest);
		memset(crowd_dest, 0, sizeof crowd_dest);
		memset(audience, 0, sizeof audience);
		return true;
	} else if (chance(8)) {
		args[n] = "--emit=added,updated";
	} else if (chance(8)) {
		args[n] = "--quarantine=1";
	}
	return false;
}

/*
 * One sync, with whatever can go wrong. Nothing may depend on what the tools
 * answer here.
 */
static void disturbed_run(void)
{
	const char *args[6] = { "--max-removed", "100%" };
	struct buf in = BUF_INIT, changes = BUF_INIT, receipts = BUF_INIT;
	struct buf late = BUF_INIT;
	bool delta = chance(8), killed = chance(20), is_slow;

	put_dataset(&in, chance(20), delta);
	unsure |= choose_options(args, 2, delta, killed) || killed;
	if (chance(10))
		buf_truncate(&in, dice((unsigned)in.len));
	write_file("in", buf_str(&in));
	is_slow = slow.len > 0;
	run(args, in_dir("in"), &changes, killed ? (int)dice(3000) : -1);
	if (overlapping && !is_slow && chance(40)) {
		buf_adds(&slow, buf_str(&changes));
		goto out;
	}
	/*
	 * A value may leave one key by a slow removal and come to another by
	 * the newer run: no state by key can tell that, only a lock around the
	 * pipelines keeps them apart. So here they arrive in order.
	 */
	if (is_slow && with_identity)
		push_slow(&late);
	push(buf_str(&changes), chance(40), chance(80) ? 1000 : dice(8),
	     &receipts);
	if (is_slow && !with_identity)
		push_slow(&late);
	if (late.len && chance(50)) {
		commit(&late, -1);
		buf_reset(&late);
	}
	if (chance(20))
		commit(&receipts, (int)dice(3000));
	if (chance(90))
		commit(&receipts, -1);
	else
		unsure = true;
	if (late.len)
		commit(&late, -1);
out:
	buf_release(&in);
	buf_release(&changes);
	buf_release(&receipts);
	buf_release(&late);
}

static void must_have_everybody(const char *when)
{
	for (int id = 0; id < KEYS; id++) {
		const struct person *p = &data[id];

		if (!p->there)
			continue;
		if (with_identity &&
		    ((p->email >= 0 && !audience[p->email]) ||
		     (p->phone >= 0 && !audience[VALUES + p->phone]) ||
		     (p->second >= 0 && !audience[VALUES + p->second])))
			complain(when, id);
		if (!with_identity && !same_person(p, &dest[id]))
			complain(when, id);
	}
	for (int i = 0; i < (KEYS - 1) * SPREAD && crowded; i++)
		if (i % SPREAD && !crowd_dest[i])
			complain("one of the crowd is missing", i);
}

static void must_have_nobody_else(void)
{
	bool wanted[2 * VALUES] = { false };

	for (int id = 0; id < KEYS; id++) {
		const struct person *p = &data[id];

		if (!with_identity && !p->there && dest[id].there)
			complain("somebody is left over", id);
		if (!p->there)
			continue;
		if (p->email >= 0)
			wanted[p->email] = true;
		if (p->phone >= 0)
			wanted[VALUES + p->phone] = true;
		if (p->second >= 0)
			wanted[VALUES + p->second] = true;
	}
	for (int v = 0; with_identity && v < 2 * VALUES; v++)
		if (audience[v] && !wanted[v])
			complain("a value is left over", v);
}

/* Returns how many changes went out. */
static int undisturbed_run(void)
{
	static const char *const args[] = { "--max-removed", "100%", NULL };
	static const char *const close[] = { "--commit", NULL };
	struct buf in = BUF_INIT, changes = BUF_INIT, receipts = BUF_INIT;
	int n, status;

	put_dataset(&in, false, false);
	write_file("in", buf_str(&in));
	status = run(args, in_dir("in"), &changes, -1);
	if (status != 0)
		complain("an undisturbed run ends with", status);
	n = push(buf_str(&changes), true, 1000, &receipts);
	write_file("receipts", buf_str(&receipts));
	status = run(close, in_dir("receipts"), NULL, -1);
	if (status != 0)
		complain("an undisturbed commit ends with", status);
	buf_release(&in);
	buf_release(&changes);
	buf_release(&receipts);
	return n;
}

static void settle_down(void)
{
	struct buf receipts = BUF_INIT;
	int n = 0;

	if (slow.len) {
		push_slow(&receipts);
		commit(&receipts, -1);
		buf_release(&receipts);
	}
	for (int i = 0; i < SILENCE_AFTER; i++) {
		n = undisturbed_run();
		unsure &= i == 0;
		must_have_everybody("somebody is missing");
	}
	if (n)
		complain("the runs do not fall silent", n);
	must_have_nobody_else();
	if (overlapping)
		memcpy(acked, data, sizeof acked);
	for (int id = 0; id < KEYS; id++) {
		doubted[id] = false;
		if (!with_identity && !same_person(&acked[id], &data[id]))
			complain("the receipts say something else", id);
	}
	if (!with_identity)
		must_dump_what_was_confirmed();
}

static void remove_state(void)
{
	struct buf cmd = BUF_INIT;

	buf_addf(&cmd, "rm -rf '%s/state'", dir);
	if (system(cmd.data) != 0)
		exit(99);
	buf_release(&cmd);
}

static void forget_all(void)
{
	memset(data, 0, sizeof data);
	memset(dest, 0, sizeof dest);
	memset(acked, 0, sizeof acked);
	memset(doubted, 0, sizeof doubted);
	memset(audience, 0, sizeof audience);
	buf_reset(&slow);
	unsure = false;
}

/* The crowd was there before, so that a change is little beside the rest. */
static void have_crowd(void)
{
	static const char *const args[] = { "--adopt", NULL };
	struct buf in = BUF_INIT;

	put_dataset(&in, false, false);
	write_file("in", buf_str(&in));
	if (run(args, in_dir("in"), NULL, -1) != 0)
		complain("--adopt fails", 0);
	memset(crowd_dest, true, sizeof crowd_dest);
	buf_release(&in);
}

static void play_history(int steps)
{
	static const char *const plain[] = { "--init", "-k", "id", NULL };
	static const char *const people[] = {
		"--init", "-k", "id", "--identity", "email,phone", NULL
	};
	forget_all();
	remove_state();
	run(with_identity ? people : plain, "/dev/null", NULL, -1);
	if (crowded)
		have_crowd();
	for (step_no = 1; step_no <= steps && good; step_no++) {
		mutate();
		disturbed_run();
		if (chance(25))
			settle_down();
	}
	settle_down();
}

int main(int argc, char **argv)
{
	uint64_t first = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
	int steps = argc > 2 ? (int)strtol(argv[2], NULL, 10) : 25;
	int histories = argc > 3 ? (int)strtol(argv[3], NULL, 10) : 1;
	char template[] = "/tmp/retl-history.XXXXXX";
	char memory[] = "/dev/shm/retl-history.XXXXXX";
	const char *b = getenv("B");
	struct buf path = BUF_INIT;

	/* In memory, if there is such a place: each run waits for the disk. */
	dir = mkdtemp(memory);
	if (!dir)
		dir = mkdtemp(template);
	buf_addf(&path, "%s/bin/retl-diff", b ? b : "build");
	tool = path.data;
	if (!dir || access(tool, X_OK) < 0) {
		printf("1..0 # SKIP retl-diff is not built\n");
		return 0;
	}
	for (int i = 0; i < histories * 8; i++) {
		char claim[120];

		with_identity = i & 1;
		overlapping = i & 2;
		crowded = i & 4;
		seed = first + (uint64_t)i / 8;
		state = seed * 0x9e3779b97f4a7c15u + (uint64_t)(i % 8) + 1;
		good = true;
		play_history(steps);
		snprintf(claim, sizeof claim,
			 "seed %" PRIu64 ", a destination that knows %s%s%s: "
			 "all comes right",
			 seed, with_identity ? "values" : "keys",
			 overlapping ? ", runs overlap" : "",
			 crowded ? ", in a crowd" : "");
		ok(good, claim);
	}
	remove_state();
	unlink(in_dir("in"));
	unlink(in_dir("receipts"));
	unlink(in_dir("err"));
	rmdir(dir);
	return tap_done();
}
