/* SPDX-License-Identifier: MIT */
/*
 * Data contracts, retl-contract(5): what a destination demands of a record and
 * how it is delivered. Here: finding and loading the file, checking it against
 * contract.schema.json, settings and secrets, and how a record meets the
 * contract. How requests are made of it is retl-push's business, which reads
 * operations, rules and the rest from root.
 */
#ifndef RETL_CONTRACT_H
#define RETL_CONTRACT_H

#include "common/faults.h"
#include "common/key.h"
#include "common/opt.h"
#include "common/record.h"
#include "common/schema.h"

/* What map, hash, push and diff take alike. */
struct contract_args {
	const char *name;          /* -c: "hubspot/contact" or a path */
	struct opt_list set;       /* --set NAME=VALUE */
	const char *settings_file; /* --settings FILE */
	struct opt_list on;        /* --on removed=skip */
	bool show; /* nothing is sent: a secret may be missing, {name} is it */
	bool made_up; /* values of set need not be such as the contract wants */
};

/* Which settings must have a value: push needs all that are not optional. */
enum contract_user {
	CONTRACT_FOR_DIFF,
	CONTRACT_FOR_MAP,
	CONTRACT_FOR_HASH,
	CONTRACT_FOR_PUSH,
};

struct setting {
	struct str name;
	struct str text;  /* its value as text, .s NULL: it has none */
	struct str value; /* the same as JSON, typed as declared */
	bool secret;
	bool account;     /* part of a receipt's `to` */
	const char *file; /* of --settings, if it came from there */
};

/* One of "key": all of these members. any/one: several such sets. */
struct name_set {
	struct str *v;
	size_t n;
};

struct derived;

struct contract {
	char *path;
	char *name;      /* "hubspot/contact" */
	struct str root; /* the file after `extends`, valid and checked */
	struct setting *settings;
	size_t n_settings;
	struct str settings_json; /* object of all that are not secret */
	char *to; /* "hubspot/contact#9a1c0d2e"; NULL but for push */

	enum { KEY_ALL, KEY_ANY, KEY_ONE } key_mode;
	struct name_set *keys; /* KEY_ALL: one set */
	size_t n_keys;
	struct name_set *identity; /* compound values: sets of several */
	size_t n_identity;
	struct derived *derived; /* see contract_derive */
	size_t n_derived;

	/* private */
	struct record_rules *rules;
	struct str clear; /* .s NULL: none */
	struct str operation[DIFF_REMOVED + 1],
	    operation_name[DIFF_REMOVED + 1];
	enum contract_user user;
	char **owned; /* texts that live as long as the contract */
	size_t n_owned, cap_owned;
};

/*
 * NULL: err says what is wrong and where; *status is the exit status for it
 * (EX_CONFIG, EX_NOINPUT, EX_NOPERM for a secret that is missing, EX_USAGE).
 */
struct contract *contract_load(const struct contract_args *args,
			       enum contract_user user, int *status,
			       struct buf *err);
void contract_free(struct contract *c);

/* NULL: no such setting. */
const struct setting *contract_setting(const struct contract *c,
				       struct str name);

/*
 * The operation that a change leads to (after --on and settings): its object
 * in root and its name, or .s NULL where there is nothing to do: skip.
 */
struct str contract_operation(const struct contract *c, enum diff_result kind,
			      struct str *name);

/*
 * How a record meets its contract. The stages settle null, invalid, default
 * and clear alike, so that twice is as once:
 *   map   checks each value as normalising would leave it, writes it as it is
 *   hash  writes normalised values and digests
 *   push  writes values as they are and checks that what must be a digest is
 */
enum settle_stage { SETTLE_MAP, SETTLE_HASH, SETTLE_PUSH };

#define SETTLE_REFUSED -1  /* faults says why */
#define SETTLE_UNHASHED -2 /* push: raw data where the contract says hash */

/*
 * Appends "{" and the members of rec that go on, without what is reserved and
 * without the closing brace (record_put_reserved adds both). Returns how many
 * members, or one of the above with faults filled. Of a DiffRemoved only what
 * its operation requires is demanded; other members that fail are left out.
 */
int contract_settle(struct contract *c, const struct record *rec,
		    enum settle_stage stage, struct buf *out,
		    struct faults *faults);

/*
 * Appends the members that a stub carries as key, settled as the good record's
 * would be: "\"id\":7,\"email\":\"...\"". -1: one of them cannot be made.
 */
int contract_put_key(struct contract *c, const struct key_spec *key,
		     const struct record *rec, enum settle_stage stage,
		     struct buf *out);

/*
 * Whether a value of a key member says which record this is: not null, white
 * space, an empty list, or what empties a member.
 */
bool contract_tells_apart(const struct contract *c, struct str value);

/*
 * A stub of an earlier stage carries key members only: these settled, as "{"
 * and so on. How many, or -1: one of them cannot be made.
 */
int contract_settle_stub(struct contract *c, const struct record *rec,
			 enum settle_stage stage, struct buf *out);

/*
 * What the contract derives of a record, for $derived and {derived.x}: appends
 * an object with a text for each name under "derived", such as
 * {"member":"7de8517b..."}. What it is made from may not be there; then the
 * name is not in the object. record is one valid JSON object, as an operation's
 * programs see it: checked, hashed, nulls settled, without reserved members.
 * -1: a value cannot be brought into its form; faults, field "derived/member".
 */
int contract_derive(struct contract *c, struct str record, struct buf *out,
		    struct faults *faults);
/* Is there such a name? For templates, when they are read. */
bool contract_derives(const struct contract *c, struct str name);

/* ---- a contract's file, for those who look at it rather than use it ---- */

/*
 * The whole text, merged over what it extends, programs of other files read
 * in; *path is the file's, to be freed. -1: err says why, *status as in
 * contract_load.
 */
int contract_read(const char *name, char **path, struct buf *text, int *status,
		  struct buf *err);

/*
 * Every fault of shape, and every member that this version does not carry out;
 * fields are paths such as "operations/put/request". True if there is none.
 */
bool contract_check_all(struct str root, struct faults *faults);

/*
 * What member holds in an object of this kind: another kind, "kind[]" for a
 * list, "kind*" for an object of them, "jq", "jq*"; "" for what is not looked
 * into. NULL: it is not supported. The whole is of kind "contract".
 */
const char *contract_holds(const char *kind, struct str member);

/*
 * Calls each for the contracts that a name can find, by folder, in the order of
 * their names; of two that have one name only for the first.
 */
void contract_list(void (*each)(void *arg, const char *name, const char *path),
		   void *arg);

/*
 * After a stream: appends the names of members of which some values were
 * digests already and others were not, "email, phone". What was taken for a
 * digest may have been a value that looks like one.
 */
void contract_mixed(const struct contract *c, struct buf *out);

/* Has it steps that take long, so that it pays to use all processors? */
bool contract_is_costly(const struct contract *c);

/*
 * A contract of nothing but a record schema, for tools that are told on the
 * command line what to do with members. null may be "keep" in it, hash
 * "hmac-sha256=@FILE".
 */
struct contract *contract_of_record(struct str schema, struct buf *err);

/*
 * Appends a table for people: what is done to each member, shown on rec (NULL:
 * no sample). Kinds and digests, never a value.
 */
void contract_explain(struct contract *c, const struct record *rec,
		      struct buf *out);

#endif
