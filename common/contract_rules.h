/* SPDX-License-Identifier: MIT */
/*
 * The record schema's own keywords (normalize, hash, null, ...), compiled to
 * rules that stand beside the schema's nodes. contract_rules.c makes them,
 * contract_record.c applies them, contract_explain.c shows them.
 */
#ifndef RETL_CONTRACT_RULES_H
#define RETL_CONTRACT_RULES_H

#include "common/contract_private.h"
#include "common/digest.h"
#include "common/normal.h"
#include "common/schema_node.h"

enum null_mode { NULL_OMIT, NULL_CLEAR, NULL_REJECT, NULL_KEEP };

struct rule;

struct rule_member {
	struct str name;
	const struct pattern *pattern; /* NULL: the name itself */
	struct rule *rule;
};

struct rule {
	struct schema_node *node;
	struct str where; /* "user/emails/items" */
	bool own;         /* has a keyword of ours */

	struct normal *steps; /* may be NULL */
	bool hash;
	struct digest_form form;
	struct buf of_nothing; /* what the form makes of an empty text */
	/* Index in record_rules.tallies. */
	size_t tally;
	enum null_mode null;
	bool invalid_omit, hashed_reject;
	struct str fallback; /* "default"; .s NULL: none */

	/* Something of ours below; a hash below, by way of ... */
	bool deep, hash_in_members, hash_in_items;
	bool plain;        /* nothing to do and nothing to check */
	bool simple;       /* only null to see to, and the schema */
	unsigned ok_types; /* of schema_node.types: nothing to do for these */

	struct rule_member *members; /* properties, then patternProperties */
	size_t n_members;
	struct rule **prefix;
	size_t n_prefix;
	struct rule *items, *additional; /* may be NULL */
};

/* How a member of a record is dealt with; the same for all of one shape. */
enum plan_what {
	PLAN_RESERVED,
	PLAN_COPY,    /* nothing to do */
	PLAN_RULE,    /* rule */
	PLAN_CHECK,   /* several schemas describe it, none of them with rules */
	PLAN_UNKNOWN, /* not a member of the contract */
	PLAN_UNCLEAR, /* several, with rules */
	PLAN_FALLBACK, /* not in the record; the contract has a default */
};

struct plan {
	enum plan_what what;
	struct rule *rule;
	struct str name;   /* unescaped */
	bool strict;       /* if it fails, a removal is refused */
	bool asked;        /* some asked.at is its place */
	bool as_is;        /* copied, if it is not null; nobody asks for it */
	unsigned ok_types; /* as rule's */
	uint8_t odd;       /* types, a bit each, that do not go on at once */
};

/* What a list or an object is built in, one for each depth. */
struct level {
	struct buf emit, check;
};

enum presence {
	ABSENT, /* not in the record */
	EMPTY,  /* there, but left out: null, blank, invalid */
	FAILED, /* there, and at fault */
	BLANK,  /* goes on, but tells no record from another: "" */
	PRESENT,
};

/* A member that somebody asks for by name. */
struct asked {
	struct str name;
	ssize_t at; /* in the plan, -1 */
};

/* Some of record_rules.asked. */
struct asked_set {
	size_t from, n;
};

/* What has been seen of a member that is hashed. */
struct tally {
	bool passed, hashed;
};

struct record_rules {
	const struct contract *contract;
	struct schema *schema;
	struct rule *root;
	struct rule **all;
	size_t n_all;
	bool ad_hoc;
	struct tally *tallies; /* of all; worker processes share them */
	bool whole_check; /* the schema has more to say than of its members */
	bool closed;      /* additionalProperties: false */

	/* demanded */
	struct asked *asked;
	size_t n_asked;
	struct asked_set asked_required, asked_requires;
	struct asked_set *key_sets, *identity_sets;
	size_t n_key_sets, n_identity_sets;

	/* of a removal */
	bool removal_skipped;
	bool all_strict;              /* a template uses the whole record */
	struct schema_names strict;   /* else these */
	struct schema_names requires; /* those beside the identity */
	bool needs_identity, needs_key;

	/* the plan of the last shape: its members, then absent defaults */
	uint32_t shape;   /* whose plan it is; 0: nobody's */
	struct buf names; /* as json_obj has them */
	struct buf texts; /* unescaped names */
	struct plan *plan;
	size_t n_plan, cap_plan;
	uint8_t *seen; /* enum presence, of the record at hand, as in plan */
	/*
	 * Most records leave as one piece: their first n_piece members, all
	 * but those of retl that stand behind. 0: never.
	 */
	size_t n_piece;
	size_t piece_names;   /* bytes of their names, quotes and colons */
	size_t *look, n_look; /* those whose value has to be looked at */
	size_t cap_look;
	bool demanded[2]; /* such a record, and removal, is complete */

	/* for the record at hand */
	enum settle_stage stage;
	struct faults *faults;
	struct faults left_out; /* of values that `invalid` leaves out */
	struct str record; /* all of it, as it came; .s NULL: there is none */
	unsigned unhashed; /* values */
	bool repeated;
	struct buf path;
	struct buf norm, emit; /* a plain value, normalised; as it goes out */
	struct level **levels;
	size_t n_levels;
};

/* ---- contract_value.c ---- */

enum settled {
	SAME, /* emit is the value itself */
	NEW,  /* emit is another text */
	OMIT,
	BAD, /* faults say why */
};

/* As it goes out and as the schema sees it; borrowed until the next value. */
struct result {
	struct str emit, check;
};

/*
 * depth 0 is the record; a member of it has 1. Below that null is what the
 * schema makes of it, unless our keywords speak of it.
 */
enum settled value_settle(struct record_rules *s, const struct rule *r,
			  struct str v, unsigned depth, struct result *out);
/* The rule's default. */
enum settled value_fallback(struct record_rules *s, const struct rule *r,
			    unsigned depth, struct result *out);
/* Notes a fault where the path stands; gives BAD. */
enum settled value_fault(struct record_rules *s, const char *code,
			 const char *reason, ...) PRINTF_LIKE(3, 4);
/* Is v what empties a member? Not null, which has a keyword of its own. */
bool value_is_clear(const struct record_rules *s, struct str v);
struct level *value_level(struct record_rules *s, unsigned depth);

/* ---- contract_demand.c: faults for what is not there ---- */

/* check: the whole record, normalised, if the schema has to see it. */
void rules_demand_record(struct record_rules *s, struct str check);
void rules_demand_removal(struct record_rules *s);

/* ---- contract_rules.c ---- */

/* The rule that describes a member; *several: more than one schema does. */
struct rule *rule_for(const struct rule *r, struct str name, bool *several,
		      bool *unclear);

/* Where the schemas of members and items stand: here, or behind a $ref. */
const struct schema_node *rules_children(const struct schema_node *n);

/* Fills r->root and what is demanded. */
int rules_compile(struct contract *c, struct str schema, int *status,
		  struct buf *err);
void rules_free(struct record_rules *r);

#endif
