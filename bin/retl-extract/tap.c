/* SPDX-License-Identifier: MIT */
#include "bin/retl-extract/tap.h"

#include "common/file.h"
#include "common/msg.h"

#define STATE_MAX ((size_t)16 << 20)

int dialect_parse(const char *name, enum dialect *out)
{
	*out = strcmp(name, "airbyte") == 0 ? DIALECT_AIRBYTE : DIALECT_SINGER;
	return strcmp(name, "singer") == 0 || *out == DIALECT_AIRBYTE ? 0 : -1;
}

static void put_next(const struct tap *t, struct buf *path)
{
	buf_addf(path, "%s.next", t->state_file);
}

int tap_open(struct tap *t, char *const *command, struct failure *f)
{
	struct buf next = BUF_INIT;
	int ret = 0;

	/* --state FILE, --state=FILE, -s FILE: as taps take it. */
	for (size_t i = 1; command && command[0] && command[i]; i++)
		if (strcmp(command[i], "--state") == 0 ||
		    strcmp(command[i], "-s") == 0 ||
		    str_starts(str_of(command[i]), "--state="))
			t->had_state = true;
	if (!t->state_file)
		return 0;
	put_next(t, &next);
	if (unlink(next.data) < 0 && errno != ENOENT)
		ret = failed(f, EX_IOERR, "--state: %s: %s", next.data,
			     strerror(errno));
	buf_release(&next);
	return ret;
}

void tap_release(struct tap *t)
{
	buf_release(&t->only);
	buf_release(&t->state);
	buf_release(&t->text);
	buf_release(&t->name);
	json_obj_release(&t->obj);
}

/* ---- parts of messages ---- */

/* A member; .s NULL: it is not there, or of another type. */
static struct str get(struct str obj, const char *name, enum json_type type)
{
	struct str v;

	if (!obj.s || json_type(obj) != JSON_OBJECT ||
	    json_find(obj, str_of(name), &v) != 1 || json_type(v) != type)
		return STR_NONE;
	return v;
}

static bool text_is(struct str v, const char *text)
{
	return v.s && json_text_is(v, text);
}

static int malformed(const char *place, const char *what, struct failure *f)
{
	return failed(f, EX_DATAERR, "%s: %s", place, what);
}

/* Python writes what JSON does not have. */
static int not_json(struct str line, const char *place,
		    const struct json_fault *fault, struct failure *f)
{
	struct str rest = { line.s + fault->at, line.n - fault->at };

	if (rest.n && *rest.s == '-')
		rest = (struct str){ rest.s + 1, rest.n - 1 };
	if (str_starts(rest, "NaN") || str_starts(rest, "Infinity"))
		return failed(f, EX_DATAERR,
			      "%s: byte %zu: NaN and Infinity are no JSON; the "
			      "tap has to write null, or a string",
			      place, fault->at + 1);
	return failed(f, EX_DATAERR, "%s: byte %zu: %s", place, fault->at + 1,
		      fault->what);
}

/*
 * Is it the stream that is wanted? 1, 0; -1: there are several and none was
 * named. full: with its namespace, .s NULL: the same.
 */
static int is_ours(struct tap *t, struct str name, struct str full,
		   const char *place, struct failure *f)
{
	if (t->stream && !str_is(name, t->stream) &&
	    !(full.s && str_is(full, t->stream)))
		return 0;
	if (!full.s)
		full = name;
	if (!t->only.len) {
		buf_adds(&t->only, full);
		return 1;
	}
	if (str_eq(buf_str(&t->only), full))
		return 1;
	return failed(f, EX_USAGE,
		      "%s: there are several streams, '%s' and '%.*s': say "
		      "which with --stream",
		      place, t->only.data, STR_ARG(full));
}

/* A row that the source has removed is none to send. */
static int check_removed(struct str record, const char *member,
			 const char *place, struct failure *f)
{
	struct str v;

	if (json_find(record, str_of(member), &v) != 1 ||
	    json_type(v) == JSON_NULL)
		return 0;
	return failed(f, EX_DATAERR,
		      "%s: %s says that the source has removed this row, and a "
		      "stream of rows cannot tell; have the tap read the whole "
		      "table instead of its log",
		      place, member);
}

static void keep_state(struct tap *t, struct str value, bool as_array)
{
	buf_reset(&t->state);
	if (as_array)
		buf_addc(&t->state, '[');
	json_put_compact(&t->state, value);
	if (as_array)
		buf_addc(&t->state, ']');
}

/* ---- Singer ---- */

static int singer_stream(struct tap *t, struct str msg, const char *place,
			 struct failure *f)
{
	struct str stream = get(msg, "stream", JSON_STRING);
	int ours;

	if (!stream.s)
		return malformed(place, "a message without its stream", f);
	ours = is_ours(t, json_text(stream, &t->name), STR_NONE, place, f);
	t->seen |= ours == 1;
	return ours;
}

static int singer_record(struct tap *t, struct str msg, struct str *record,
			 const char *place, struct failure *f)
{
	int ours = singer_stream(t, msg, place, f);

	if (ours <= 0)
		return ours;
	*record = get(msg, "record", JSON_OBJECT);
	if (!record->s)
		return malformed(place, "a RECORD without its record", f);
	if (check_removed(*record, "_sdc_deleted_at", place, f) < 0)
		return -1;
	return 1;
}

static int singer_schema(struct tap *t, struct str msg, const char *place,
			 struct failure *f)
{
	int ours = singer_stream(t, msg, place, f);
	struct str marks = get(msg, "bookmark_properties", JSON_ARRAY);

	if (ours == 1 && marks.s && json_count(marks))
		t->incremental = true;
	return ours < 0 ? -1 : 0;
}

static int singer_take(struct tap *t, struct str msg, struct str *record,
		       const char *place, struct failure *f)
{
	struct str type = get(msg, "type", JSON_STRING), value, name;
	int ours;

	if (!type.s)
		return malformed(place, "a message without its type", f);
	name = json_text(type, &t->text);
	if (name.n == 6 && strncasecmp(name.s, "RECORD", 6) == 0)
		return singer_record(t, msg, record, place, f);
	if (name.n == 6 && strncasecmp(name.s, "SCHEMA", 6) == 0)
		return singer_schema(t, msg, place, f);
	if (name.n == 5 && strncasecmp(name.s, "STATE", 5) == 0) {
		if (json_find(msg, STR("value"), &value) != 1)
			return malformed(place, "a STATE without its value", f);
		keep_state(t, value, false);
		return 0;
	}
	if (name.n == 5 && strncasecmp(name.s, "BATCH", 5) == 0) {
		ours = singer_stream(t, msg, place, f);
		return ours <= 0
			   ? ours
			   : malformed(place,
				       "a BATCH: its records are in files that "
				       "only the tap knows; switch batches off "
				       "in its configuration",
				       f);
	}
	return 0;
}

/* ---- Airbyte ---- */

/* name and namespace, of a record or a descriptor. */
static int airbyte_stream(struct tap *t, struct str obj, const char *name_is,
			  const char *place, struct failure *f)
{
	struct str name = get(obj, name_is, JSON_STRING);
	struct str space = get(obj, "namespace", JSON_STRING);
	struct buf full = BUF_INIT, scratch = BUF_INIT;
	int ours;

	if (!name.s)
		return malformed(place, "a message without its stream", f);
	name = json_text(name, &t->name);
	if (space.s)
		buf_addf(&full, "%.*s.%.*s",
			 STR_ARG(json_text(space, &scratch)), STR_ARG(name));
	ours = is_ours(t, name, space.s ? buf_str(&full) : STR_NONE, place, f);
	t->seen |= ours == 1;
	buf_release(&full);
	buf_release(&scratch);
	return ours;
}

static int check_changes(struct tap *t, struct str record, const char *place,
			 struct failure *f)
{
	struct str changes =
	    get(get(record, "meta", JSON_OBJECT), "changes", JSON_ARRAY);
	struct str one, field;
	struct json_iter it;

	if (!changes.s)
		return 0;
	json_iter_init(&it, changes);
	if (!json_iter_element(&it, &one))
		return 0;
	field = get(one, "field", JSON_STRING);
	return failed(
	    f, EX_DATAERR,
	    "%s: the source could not read field '%.*s' as it is, and "
	    "left it out or shortened it (meta.changes)",
	    place, STR_ARG(field.s ? json_text(field, &t->name) : STR("?")));
}

static int airbyte_record(struct tap *t, struct str msg, struct str *record,
			  const char *place, struct failure *f)
{
	struct str r = get(msg, "record", JSON_OBJECT);
	int ours;

	if (!r.s)
		return malformed(place, "a RECORD without its record", f);
	ours = airbyte_stream(t, r, "stream", place, f);
	if (ours <= 0)
		return ours;
	*record = get(r, "data", JSON_OBJECT);
	if (!record->s)
		return malformed(place, "a RECORD without its data", f);
	if (check_changes(t, r, place, f) < 0 ||
	    check_removed(*record, "_ab_cdc_deleted_at", place, f) < 0)
		return -1;
	return 1;
}

/* What sources write that have read the whole table is no place to go on. */
static bool is_cursor(struct str state)
{
	struct json_iter it;
	struct json_member m;

	if (!state.s || json_type(state) != JSON_OBJECT)
		return false;
	json_iter_init(&it, state);
	while (json_iter_member(&it, &m))
		if (!str_starts(m.key, "__ab_"))
			return true;
	return false;
}

static void check_count(struct tap *t, struct str state)
{
	struct str n = get(get(state, "sourceStats", JSON_OBJECT),
			   "recordCount", JSON_NUMBER);
	char own[24];

	snprintf(own, sizeof own, "%" PRIu64, t->n_since_state);
	if (n.s && json_num_cmp(n, str_of(own)) != 0)
		t->miscounted = true;
	t->n_since_state = 0;
}

static int airbyte_state(struct tap *t, struct str msg, const char *place,
			 struct failure *f)
{
	struct str state = get(msg, "state", JSON_OBJECT);
	struct str stream = get(state, "stream", JSON_OBJECT);
	int ours;

	if (!state.s)
		return malformed(place, "a STATE without its state", f);
	if (!stream.s) {
		/* Of all streams, in the newer or the older form. */
		struct str data = get(state, "data", JSON_OBJECT);

		t->incremental = true;
		if (get(state, "global", JSON_OBJECT).s || !data.s)
			keep_state(t, state, true);
		else
			keep_state(t, data, false);
		return 0;
	}
	ours = airbyte_stream(t, get(stream, "stream_descriptor", JSON_OBJECT),
			      "name", place, f);
	if (ours <= 0)
		return ours;
	if (is_cursor(get(stream, "stream_state", JSON_OBJECT)))
		t->incremental = true;
	check_count(t, state);
	keep_state(t, state, true);
	return 0;
}

static int airbyte_error(struct tap *t, struct str error, const char *place,
			 struct failure *f)
{
	struct str kind = get(error, "failure_type", JSON_STRING);
	struct str words = get(error, "message", JSON_STRING);
	int status = text_is(kind, "config_error")      ? EX_CONFIG
		     : text_is(kind, "transient_error") ? EX_TEMPFAIL
							: EX_UNAVAILABLE;

	if (words.s) {
		words = json_text(words, &t->name);
		words.n = MIN(words.n, 500);
		msg_debug("%s: %.*s", place, STR_ARG(words));
	}
	words = kind.s ? json_text(kind, &t->name) : STR("no type is given");
	return failed(f, status,
		      "%s: the source says that it failed (%.*s); -v shows its "
		      "words",
		      place, STR_ARG(words));
}

static int airbyte_status(struct tap *t, struct str status, const char *place,
			  struct failure *f)
{
	struct str word = get(status, "status", JSON_STRING);
	int ours = airbyte_stream(
	    t, get(status, "stream_descriptor", JSON_OBJECT), "name", place, f);

	if (ours <= 0)
		return ours;
	if (text_is(word, "STARTED") || text_is(word, "RUNNING"))
		t->started = true;
	if (text_is(word, "COMPLETE"))
		t->complete = true;
	if (text_is(word, "INCOMPLETE"))
		return failed(f, EX_UNAVAILABLE,
			      "%s: the source says that the stream is "
			      "incomplete",
			      place);
	return 0;
}

static int airbyte_trace(struct tap *t, struct str msg, const char *place,
			 struct failure *f)
{
	struct str trace = get(msg, "trace", JSON_OBJECT);
	struct str type = get(trace, "type", JSON_STRING);

	if (text_is(type, "ERROR"))
		return airbyte_error(t, get(trace, "error", JSON_OBJECT), place,
				     f);
	if (text_is(type, "STREAM_STATUS"))
		return airbyte_status(
		    t, get(trace, "stream_status", JSON_OBJECT), place, f);
	return 0;
}

static int airbyte_take(struct tap *t, struct str msg, struct str *record,
			const char *place, struct failure *f)
{
	struct str type = get(msg, "type", JSON_STRING);

	if (!type.s)
		return malformed(place, "a message without its type", f);
	if (text_is(type, "RECORD"))
		return airbyte_record(t, msg, record, place, f);
	if (text_is(type, "STATE"))
		return airbyte_state(t, msg, place, f);
	if (text_is(type, "TRACE"))
		return airbyte_trace(t, msg, place, f);
	return 0;
}

/* ---- both ---- */

int tap_take(struct tap *t, struct str line, struct str *record,
	     const char *place, struct failure *f)
{
	struct json_fault fault;
	int got;

	if (json_obj_parse(&t->obj, line, &fault) < 0)
		return not_json(line, place, &fault, f);
	line = str_trim(line);
	got = t->dialect == DIALECT_SINGER
		  ? singer_take(t, line, record, place, f)
		  : airbyte_take(t, line, record, place, f);
	if (got == 1) {
		t->n_records++;
		t->n_since_state++;
		if (t->complete)
			return malformed(place,
					 "a record behind the stream's end", f);
	}
	return got;
}

int tap_end(struct tap *t, struct failure *f)
{
	if (t->stream && !t->seen)
		return failed(f, EX_CONFIG,
			      "the tap has no stream '%s', or it is not "
			      "selected",
			      t->stream);
	if (t->started && !t->complete)
		return failed(f, EX_UNAVAILABLE,
			      "the source did not say that the stream is "
			      "complete");
	return 0;
}

bool tap_vouches(const struct tap *t)
{
	return t->complete;
}

const char *tap_doubt(const struct tap *t)
{
	if (!t->seen)
		return "the tap wrote neither a schema nor a record";
	if (t->miscounted)
		return "the source counts other records than came";
	return NULL;
}

bool tap_is_delta(const struct tap *t)
{
	return t->incremental || t->had_state;
}

int tap_save(struct tap *t, struct failure *f)
{
	struct buf next = BUF_INIT;
	int ret = 0;

	/* Without a new one the old one stays. */
	if (!t->state.len && access(t->state_file, F_OK) == 0 &&
	    file_read(t->state_file, STATE_MAX, &t->state, &f->text) < 0)
		return failed(f, EX_NOINPUT, "--state: %s", f->text.data);
	if (!t->state.len)
		buf_addz(&t->state, t->dialect == DIALECT_SINGER ? "{}" : "[]");
	if (t->state.data[t->state.len - 1] != '\n')
		buf_addc(&t->state, '\n');
	put_next(t, &next);
	if (file_replace(next.data, buf_str(&t->state), &f->text) < 0)
		ret = failed(f, EX_IOERR, "--state: %s", f->text.data);
	buf_release(&next);
	return ret;
}
