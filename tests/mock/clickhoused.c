/* SPDX-License-Identifier: MIT */
/*
 * ClickHouse of today over HTTP, as far as its documentation tells what
 * settings, parameters and exceptions look like: a setting that it does not
 * know, or a value that it may not have, is refused; values are written as the
 * settings say; parameters are read in the escaped format; what fails behind
 * rows fails with status 200.
 */
#include <fcntl.h>

#include "common/file.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/msg.h"
#include "common/opt.h"
#include "tests/mock/lib/objects.h"
#include "tests/mock/lib/server.h"

#define TAG "rumfyutuqkncbgau"

struct clickhoused {
	const char *version, *ending, *log_path;
	uint64_t generate, cut;
	struct answer *a;
	struct str query; /* of the URL */
};

/* ---- errors ---- */

static void put_exception(struct buf *out, const struct clickhoused *s,
			  unsigned code, const char *words)
{
	buf_addf(out, "Code: %u. DB::Exception: %s (version %s)\n", code, words,
		 s->version);
}

static bool refuse(struct clickhoused *s, unsigned code, const char *words)
{
	char text[16];

	s->a->status = code == 516 ? 403 : 400;
	snprintf(text, sizeof text, "%u", code);
	answer_header(s->a, "X-ClickHouse-Exception-Code", text);
	buf_reset(&s->a->body);
	put_exception(&s->a->body, s, code, words);
	return false;
}

/* ---- settings ---- */

static const struct {
	const char *name;
	const char *values; /* with blanks between */
	double since;
} settings[] = {
	{ "output_format_json_quote_64bit_integers", "0 1", 0 },
	{ "output_format_json_quote_denormals", "0 1", 0 },
	{ "limit", "0 1", 21.6 },
	{ "offset", "0 1", 21.6 },
	{ "output_format_json_quote_decimals", "0 1", 22.9 },
	{ "output_format_decimal_trailing_zeros", "0 1", 22.1 },
	{ "output_format_json_named_tuples_as_objects", "0 1", 20 },
	{ "http_write_exception_in_output_format", "0 1", 23.9 },
	{ "date_time_output_format", "simple iso unix_timestamp", 20.12 },
	{ "session_timezone", "UTC Europe/Berlin", 23.6 },
	{ "read_overflow_mode", "throw break", 0 },
	{ "group_by_overflow_mode", "throw break any", 0 },
	{ "sort_overflow_mode", "throw break", 0 },
	{ "result_overflow_mode", "throw break", 0 },
	{ "timeout_overflow_mode", "throw break", 0 },
	{ "set_overflow_mode", "throw break", 0 },
	{ "join_overflow_mode", "throw break", 0 },
	{ "transfer_overflow_mode", "throw break", 0 },
	{ "distinct_overflow_mode", "throw break", 0 },
};

static bool has_word(const char *words, struct str word)
{
	struct str rest = str_of(words), w;

	while (str_split(&rest, ' ', &w))
		if (str_eq(w, word))
			return true;
	return false;
}

static bool check_setting(struct clickhoused *s, struct str name,
			  struct str value)
{
	for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
		if (!str_is(name, settings[i].name) ||
		    strtod(s->version, NULL) < settings[i].since)
			continue;
		if (has_word(settings[i].values, value))
			return true;
		return refuse(s, 36, "Unexpected value of a setting");
	}
	return refuse(s, 115, "Unknown setting");
}

/* A member of the URL's query, decoded; false: it is not there. */
static bool get(const struct clickhoused *s, struct str name, struct buf *out)
{
	struct str rest = s->query, part, key;

	buf_reset(out);
	while (str_split(&rest, '&', &part)) {
		str_split(&part, '=', &key);
		if (!str_eq(key, name))
			continue;
		object_decode(out, part.s ? part : STR(""));
		return true;
	}
	return false;
}

static bool is_set(const struct clickhoused *s, const char *name,
		   const char *value)
{
	struct buf text = BUF_INIT;
	bool is = get(s, str_of(name), &text) && strcmp(text.data, value) == 0;

	buf_release(&text);
	return is;
}

static bool check_settings(struct clickhoused *s)
{
	struct str rest = s->query, part, key;
	struct buf value = BUF_INIT;
	bool ok = true;

	while (ok && str_split(&rest, '&', &part)) {
		str_split(&part, '=', &key);
		buf_reset(&value);
		object_decode(&value, part.s ? part : STR(""));
		if (!str_is(key, "query_id") && !str_is(key, "database") &&
		    !str_starts(key, "param_"))
			ok = check_setting(s, key, buf_str(&value));
	}
	buf_release(&value);
	return ok;
}

/* ---- parameters ---- */

/* The escaped format; false: a tab or a line break ends it too early. */
static bool unescape(struct buf *out, struct str text)
{
	static const char names[] = "\\tnr0'", means[] = "\\\t\n\r\0'";

	for (size_t i = 0; i < text.n; i++) {
		char c = text.s[i];
		const char *p;

		if (c == '\t' || c == '\n')
			return false;
		if (c == '\\') {
			if (++i == text.n)
				return false;
			p = strchr(names, text.s[i]);
			c = p && *p ? means[p - names] : text.s[i];
		}
		buf_addc(out, c);
	}
	return true;
}

/* {name:String} or {name:Nullable(String)}: its value as JSON. */
static bool take_mark(struct clickhoused *s, struct str mark, struct buf *out)
{
	struct buf name = BUF_INIT, raw = BUF_INIT, value = BUF_INIT;
	struct str key;
	bool ok, nullable;

	str_split(&mark, ':', &key);
	nullable = mark.s && str_is(mark, "Nullable(String)");
	buf_addf(&name, "param_%.*s", STR_ARG(key));
	ok = get(s, buf_str(&name), &raw);
	buf_reset(out);
	if (!ok || (!nullable && !(mark.s && str_is(mark, "String")))) {
		ok = refuse(s, 456, "Query parameter was not set");
	} else if (strcmp(raw.data, "\\N") == 0) {
		buf_addz(out, "null");
		if (!nullable)
			ok = refuse(s, 457, "Value cannot be parsed");
	} else if (!unescape(&value, buf_str(&raw))) {
		ok = refuse(s, 457, "Value isn't parsed completely");
	} else {
		json_put_str(out, buf_str(&value));
	}
	buf_release(&name);
	buf_release(&raw);
	buf_release(&value);
	return ok;
}

/* Every mark needs its value; the last one's is *out. */
static bool take_marks(struct clickhoused *s, struct str sql, struct buf *out)
{
	const char *p = sql.s, *end = sql.s + sql.n, *stop;

	buf_addz(out, "\"\"");
	while ((p = memchr(p, '{', (size_t)(end - p)))) {
		stop = memchr(p, '}', (size_t)(end - p));
		if (!stop)
			return refuse(s, 62, "Syntax error");
		if (!take_mark(s, (struct str){ p + 1, (size_t)(stop - p - 1) },
			       out))
			return false;
		p = stop;
	}
	return true;
}

/* ---- rows ---- */

static void put_row(const struct clickhoused *s, struct buf *b, uint64_t i,
		    const struct buf *param)
{
	bool bare = is_set(s, "output_format_json_quote_64bit_integers", "0");
	bool iso = is_set(s, "date_time_output_format", "iso");
	bool utc = is_set(s, "session_timezone", "UTC");
	bool zeros = is_set(s, "output_format_decimal_trailing_zeros", "1");

	buf_addf(b,
		 "{\"i\":%s1844674407370955%04" PRIu64 "%s,\"t\":\"%s\","
		 "\"d\":%s,\"p\":%s}\n",
		 bare ? "" : "\"", i, bare ? "" : "\"",
		 iso   ? "2024-01-31T12:00:00Z"
		 : utc ? "2024-01-31 12:00:00"
		       : "2024-01-31 13:00:00",
		 zeros ? "1.10" : "1.1", param->data);
}

/* What fails behind the rows. */
static void put_ending(struct clickhoused *s)
{
	static const char words[] =
	    "Value 'zoe@x' passed to 'throwIf' function is non-zero";
	struct buf *b = &s->a->body, message = BUF_INIT;

	if (strcmp(s->ending, "open") == 0) {
		s->a->bare = true;
		s->a->drop = DROP_CLOSE;
		return;
	}
	put_exception(&message, s, 395, words);
	if (strcmp(s->ending, "block") == 0)
		buf_addf(b,
			 "\r\n__exception__\r\n" TAG "\r\n%s%zu " TAG
			 "\r\n__exception__\r\n",
			 message.data, message.len);
	else if (strcmp(s->ending, "cut") != 0)
		buf_adds(b, buf_str(&message));
	if (strcmp(s->ending, "text") != 0)
		s->a->claim = b->len + 1;
	s->a->drop = DROP_CLOSE;
	s->a->keep = KEEP_ALL;
	buf_release(&message);
}

static void answer_query(struct clickhoused *s, struct str sql)
{
	struct buf param = BUF_INIT;

	s->a->status = 200;
	if (!take_marks(s, sql, &param)) {
		buf_release(&param);
		return;
	}
	if (str_starts(sql, "select version()")) {
		buf_addf(&s->a->body,
			 "{\"v\":\"%s\",\"z\":\"Europe/Berlin\"}\n",
			 s->version);
	} else if (str_starts(sql, "describe table (")) {
		buf_addz(&s->a->body,
			 "{\"name\":\"i\",\"type\":\"UInt64\"}\n"
			 "{\"name\":\"t\",\"type\":\"DateTime\"}\n"
			 "{\"name\":\"d\",\"type\":\"Decimal(9, 2)\"}\n"
			 "{\"name\":\"p\",\"type\":\"Nullable(String)\"}\n");
	} else {
		uint64_t n = s->generate;

		if (s->cut && !is_set(s, "limit", "0"))
			n = MIN(n, s->cut);
		for (uint64_t i = 0; i < n; i++)
			put_row(s, &s->a->body, i, &param);
		if (s->ending)
			put_ending(s);
	}
	buf_release(&param);
}

static void note(const struct clickhoused *s, const struct request *r)
{
	struct buf line = BUF_INIT;
	int fd;

	if (!s->log_path)
		return;
	buf_addf(&line, "%d %.*s %.*s\n", s->a->status, STR_ARG(r->query),
		 STR_ARG(r->body));
	fd = open(s->log_path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || file_write_all(fd, line.data, line.len) < 0)
		die(EX_IOERR, "%s: %s", s->log_path, strerror(errno));
	close(fd);
	buf_release(&line);
}

static void serve(void *self, const struct request *r, struct answer *a)
{
	struct clickhoused *s = self;

	s->a = a;
	s->query = r->query;
	answer_header(a, "X-ClickHouse-Exception-Tag", TAG);
	if (!str_is(r->method, "POST"))
		refuse(s, 164, "Cannot execute query in readonly mode");
	else if (check_settings(s))
		answer_query(s, r->body);
	note(s, r);
}

int main(int argc, char **argv)
{
	struct clickhoused fake = { .version = "25.11.1.1", .generate = 3 };
	struct server s = { .self = &fake, .serve = serve };
	const struct opt opts[] = {
		{ 0, "port-file", OPT_STR, &s.port_file, "FILE",
		  "write the port there when ready" },
		{ 0, "idle", OPT_COUNT, &s.idle_s, "SECONDS",
		  "end after so long without a request" },
		{ 0, "version", OPT_STR, &fake.version, "TEXT", "to be" },
		{ 0, "generate", OPT_COUNT, &fake.generate, "N", "rows" },
		{ 0, "limit", OPT_COUNT, &fake.cut, "N",
		  "the user's profile has this limit" },
		{ 0, "ending", OPT_STR, &fake.ending, "text|cut|block|open",
		  "it fails behind the rows, or does not say where they end" },
		{ 0, "log", OPT_STR, &fake.log_path, "FILE",
		  "append a line per request" },
	};
	const struct opt_spec spec = {
		.synopsis = "[OPTION]...",
		.about = "Be a ClickHouse of today, on 127.0.0.1.",
		.opts = opts,
		.n = ARRAY_LEN(opts),
	};
	struct buf err = BUF_INIT;

	msg_init("clickhoused");
	if (opt_parse(&spec, argc, argv))
		opt_die("operands are not taken");
	if (server_run(&s, &err) < 0)
		die(EX_OSERR, "%s", err.data);
	return 0;
}
