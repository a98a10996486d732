/* SPDX-License-Identifier: MIT */
/*
 * JSON as spans. A value is a struct str: exactly the bytes of one value, with
 * no white space around it; its first byte tells its type. Nothing here turns
 * a value into another form, so what only travels leaves as it came.
 *
 * Text from outside is validated once, as RFC 8259 says (UTF-8 included, no
 * lone surrogates, nesting up to JSON_MAX_DEPTH), by json_check or
 * json_obj_parse. All other functions take text that has been validated.
 *
 * Objects nested in a record may repeat a member name; whoever looks a member
 * up there gets -1 for a repeated one and must refuse the record.
 */
#ifndef RETL_JSON_H
#define RETL_JSON_H

#include "common/buf.h"

struct json_index; /* json_index.h */

#define JSON_MAX_DEPTH 512

enum json_type {
	JSON_NULL,
	JSON_BOOL,
	JSON_NUMBER,
	JSON_STRING,
	JSON_ARRAY,
	JSON_OBJECT,
};

static inline enum json_type json_type(struct str v)
{
	switch (v.s[0]) {
	case 'n':
		return JSON_NULL;
	case 't':
	case 'f':
		return JSON_BOOL;
	case '"':
		return JSON_STRING;
	case '[':
		return JSON_ARRAY;
	case '{':
		return JSON_OBJECT;
	default:
		return JSON_NUMBER;
	}
}

/* "null", "boolean", "number", ... as JSON Schema calls them. */
const char *json_type_name(enum json_type t);

struct json_fault {
	size_t at;        /* offset of the byte that is wrong */
	const char *what; /* "invalid UTF-8" */
};

/* One value, white space around it allowed. value (may be NULL) is its span. */
int json_check(struct str text, struct str *value, struct json_fault *f);

/* Names are raw: the bytes between the quotes, escapes and all. */
struct json_member {
	struct str key;
	struct str val;
	bool key_esc; /* key has a backslash */
};

/* Is the member's name, unescaped, this name? */
bool json_key_is(const struct json_member *m, struct str name);

/*
 * The members of one object, in their order. The struct is used again for the
 * next record and remembers the names of the last: records of one dataset have
 * the same names, so that repeated names need not be searched for again.
 * Initialise with JSON_OBJ_INIT. The spans borrow from the parsed text.
 */
struct json_obj {
	struct json_member *m;
	size_t n, cap;
	/*
	 * Objects with equal shape (and not 0) have the same names in the same
	 * places, so a place may be remembered.
	 */
	uint32_t shape;
	/* private */
	struct buf names; /* of shape, each as in the text: "name": */
	uint32_t *ends;   /* where each ends in names */
	size_t n_names, ends_cap;
	uint32_t *table;
	size_t table_cap;
};
#define JSON_OBJ_INIT ((struct json_obj){ .names = BUF_INIT })

/*
 * Validates text, which must be one object (white space around it allowed),
 * and lists its members. A repeated name at this level is a fault.
 */
int json_obj_parse(struct json_obj *o, struct str text, struct json_fault *f);
/* The same of a text that json_index_line found; x may be NULL. */
int json_obj_parse_indexed(struct json_obj *o, struct str text,
			   struct json_index *x, struct json_fault *f);
void json_obj_release(struct json_obj *o);

/* A number for a set of names that nothing else has. */
uint32_t json_new_shape(void);

/* Place of the member with this (unescaped) name, or -1. */
ssize_t json_obj_find(const struct json_obj *o, struct str name);

/* A member that is asked for in every record; its place is remembered. */
struct json_slot {
	struct str name; /* unescaped */
	uint32_t shape;
	ssize_t at;
};
#define JSON_SLOT(text) ((struct json_slot){ .name = (text) })

static inline ssize_t json_obj_slot(const struct json_obj *o,
				    struct json_slot *s)
{
	if (UNLIKELY(!o->shape || o->shape != s->shape)) {
		s->at = json_obj_find(o, s->name);
		s->shape = o->shape;
	}
	return s->at;
}

/* Walks an array or object, in order. */
struct json_iter {
	const char *p;
};
void json_iter_init(struct json_iter *it, struct str container);
bool json_iter_member(struct json_iter *it, struct json_member *m);
bool json_iter_element(struct json_iter *it, struct str *v);

/*
 * A member of a nested object or a configuration: 1 and *val; 0 not there (or
 * obj is no object); -1 it is there twice. name is unescaped.
 */
int json_find(struct str obj, struct str name, struct str *val);

/* A member of this type; .s is NULL if there is none, or it is there twice. */
struct str json_member(struct str obj, const char *name, enum json_type type);

/* For configurations, which have no repeated names: .s is NULL if absent. */
struct str json_get(struct str obj, const char *name);
bool json_is_true(struct str obj, const char *name);

/* RFC 6901, "" is the whole value: 1, 0, -1 as json_find. */
int json_pointer(struct str v, struct str pointer, struct str *out);

size_t json_count(struct str container); /* members or elements */

bool json_all_strings(struct str array);

/* The place behind the value that starts at p. */
const char *json_skip(const char *p);

/* ---- strings ---- */

/* Appends the text of raw, the bytes between a string's quotes. */
void json_unescape(struct buf *out, struct str raw);

/*
 * The text of a string value: borrowed from it if it has no escapes, else
 * written to scratch (which is reset).
 */
struct str json_text(struct str string, struct buf *scratch);
bool json_text_is(struct str v, const char *text); /* false if not a string */

/* Appends text as a string value, with quotes; escapes what must be. */
void json_put_str(struct buf *out, struct str text);
static inline void json_put_strz(struct buf *out, const char *text)
{
	json_put_str(out, str_of(text));
}
/*
 * An array, element by element: sep is '[' to begin with, and tells at the end
 * whether there was any.
 */
static inline void json_put_element(struct buf *out, char *sep, struct str v)
{
	buf_addc(out, *sep);
	buf_adds(out, v);
	*sep = ',';
}
static inline void json_end_array(struct buf *out, char sep)
{
	buf_addz(out, sep == '[' ? "[]" : "]");
}
/* The same without the quotes. */
void json_put_escaped(struct buf *out, struct str text);

/* Appends v without the white space between its parts. */
void json_put_compact(struct buf *out, struct str v);

/* ---- comparing ---- */

/*
 * Equal as JSON values: spelling of numbers and strings, white space and the
 * order of members do not count. An object with a repeated name, and a number
 * whose exponent has more than 15 digits, equal their own bytes only.
 */
bool json_equal(struct str a, struct str b);

/*
 * Appends text that two values share exactly if they are json_equal: for
 * digests and tables, not for people.
 */
void json_canon(struct buf *out, struct str v);

/* A number's parts: (-1)^neg * 0.DIGITS * 10^exp; no digits: it is zero. */
struct json_num {
	bool neg;
	bool huge; /* the exponent is beyond 15 digits: no order */
	int64_t exp;
	struct str a, b; /* DIGITS: a, then b; no zeros at the ends */
};
void json_num_parse(struct json_num *n, struct str number);

/* Its value, however it is written: 1, 1.0, 10e-1; -1: it is none of uint64_t.
 */
int json_num_u64(struct str number, uint64_t *out);

/* By value, exactly, at any length. */
int json_num_cmp(struct str a, struct str b);

/* Two string values by code points of their texts. */
int json_str_cmp(struct str a, struct str b);

#endif
