/* SPDX-License-Identifier: MIT */
/*
 * A compiled schema from the inside, for contract_record.c, which walks it
 * beside the record so that values can be normalised before they are checked.
 * Everybody else uses schema.h.
 */
#ifndef RETL_SCHEMA_NODE_H
#define RETL_SCHEMA_NODE_H

#include "common/format.h"
#include "common/pattern.h"
#include "common/schema.h"

struct schema_node;

struct schema_member {
	struct str name; /* unescaped; of patternProperties: the pattern */
	struct pattern *pattern;
	struct schema_node *node;
};

struct schema_members {
	struct schema_member *v;
	size_t n, cap;
};

struct schema_list {
	struct schema_node **v;
	size_t n, cap;
};

struct schema_names {
	struct str *v;
	size_t n, cap;
};

/* Each of these names, if `name` is there. */
struct schema_dependent {
	struct str name;
	struct schema_names required;
	struct schema_node *node;
};

enum schema_types { /* bits: 1 << enum json_type, and */
		    SCHEMA_INTEGER = 1 << 6
};

struct schema_node {
	struct str text; /* its source */
	bool never;      /* the schema `false` */
	unsigned types;  /* 0: any */
	struct str konst;
	struct str enumeration; /* an array, and its values */
	struct schema_names values;
	struct str minimum, maximum, exclusive_minimum, exclusive_maximum;
	struct str multiple_of;
	uint64_t min_length, max_length, min_items, max_items;
	uint64_t min_contains, max_contains, min_properties, max_properties;
	bool unique;
	struct pattern *pattern;
	struct str pattern_text;
	struct str example; /* the first of "examples" */
	const struct format *format;
	int64_t max_age, max_ahead; /* seconds; -1: any */

	struct schema_members properties, patterns;
	struct schema_node *additional, *names; /* may be NULL */
	struct schema_names required;
	struct schema_dependent *dependent;
	size_t n_dependent, cap_dependent;

	struct schema_list prefix;
	struct schema_node *items, *contains;

	struct schema_list all_of, any_of, one_of;
	struct schema_node *negated, *if_, *then, *else_, *ref;

	unsigned n_said; /* keywords, but for type */
	bool plain;      /* accepts everything */
	bool only_type;  /* says nothing but types, */
	bool only_texts; /* or a format or values, and types that texts have */
	int seen;        /* while looking for endless $ref */
	void *private;   /* the caller's */
};

struct schema {
	struct str text;
	const char *const *own;
	struct schema_node *root;
	struct schema_list all; /* every node, for looking up and freeing */
	struct buf *names;      /* unescaped names that outlive their source */
	size_t n_names, cap_names;
};

struct schema_run {
	struct faults *faults; /* NULL: only whether it fits */
	struct buf *path;
};

/* What a check leaves out, because the caller sees to it. */
enum schema_skip {
	SCHEMA_SKIP_CHILDREN = 1, /* members' and elements' own schemas */
	SCHEMA_SKIP_REQUIRED = 2,
};

/* 0 or -1, as schema_check. */
int schema_node_check(const struct schema_node *n, struct str value,
		      struct schema_run *run, unsigned skip);

/* True: it surely fits; told at once of what only_texts say of most texts. */
bool schema_fits_at_once(const struct schema_node *n, struct str value);

/* Every schema of n that describes the member of this name; path is at it. */
int schema_member_check(const struct schema_node *n, struct str name,
			struct str value, struct schema_run *run);

/*
 * What a schema says, for a fault's reason; out is written over. False: it
 * says something else as well.
 */
/* "email, phone, or first with (city or zip)": members that a form asks for. */
bool schema_words_asked(const struct schema_list *forms, struct buf *out);
/* "not an IPv4 address, and not an IPv6 address" */
bool schema_words_formats(const struct schema_list *forms, struct buf *out);
/* "a and b must not be given together" */
bool schema_words_excluded(const struct schema_node *n, struct buf *out);
/* "a", "b", and 40 more */
void schema_words_values(const struct schema_node *n, struct buf *out);

/* Does a member name come twice? */
bool schema_repeats_name(struct str object);

/* Appends a step of a path; returns the length to cut it back to. */
size_t schema_path_add(struct buf *path, struct str name);

#endif
