/* SPDX-License-Identifier: MIT */
/*
 * Who a row is to an audience: the values of some members (--identity), each
 * on its own, the elements of an array each on their own, or several members
 * together as one compound value. Values are known by digests, whatever member
 * they stand in: the same e-mail in two columns is the same person.
 */
#ifndef RETL_DIFF_IDENTITY_H
#define RETL_DIFF_IDENTITY_H

#include "common/contract.h"
#include "common/key.h"

#define IDENT_SIZE 16 /* bytes of a digest */

struct identity {
	char *text; /* as JSON: ["email",["first","last"]]; NULL: none */
	struct name_set *sets;
	size_t n;
};

/* One value of a row. */
struct ident_value {
	uint8_t digest[IDENT_SIZE];
	size_t set;
	struct str val; /* of a single member: the value or element */
};

struct ident_values {
	struct ident_value *v;
	size_t n, cap;
};

/* "email,phone"; -1: err says why. */
int identity_parse(struct identity *id, const char *names, struct buf *err);
/* From the JSON that state.json holds. */
int identity_parse_json(struct identity *id, struct str json, struct buf *err);
/* From a contract. */
void identity_take(struct identity *id, const struct name_set *sets, size_t n);
void identity_release(struct identity *id);

/* Appends, in the order of sets and elements; v->n is set to 0 first. */
void identity_values(const struct identity *id, const struct record *r,
		     struct ident_values *v);

/* Is every value of a among those of b? */
bool identity_within(const struct ident_values *a,
		     const struct ident_values *b);

/*
 * live[i] tells how the i-th value is held by a living row, 0: not at all. A
 * compound value shares the fate of the single values among its members, since
 * to name it would be to name them.
 */
void identity_strike(const struct identity *id, const struct ident_values *v,
		     uint8_t *live);

/*
 * Appends, as members of an object ("\"email\":\"x\""), those of the values
 * of r for which use[i] is not 0, maybe none. skip: key members, which were
 * written already; or NULL.
 */
void identity_put(struct buf *out, const struct identity *id,
		  const struct record *r, const struct ident_values *v,
		  const uint8_t *use, const struct key_spec *skip);

#endif
