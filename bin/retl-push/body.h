/* SPDX-License-Identifier: MIT */
/*
 * From the JSON value that a contract makes of its items to the bytes of a
 * request's body. Text that a value holds stays inside its place: it cannot
 * begin a column, a row, a member of a form or a part.
 */
#ifndef RETL_PUSH_BODY_H
#define RETL_PUSH_BODY_H

#include "common/json.h"

enum body_type {
	BODY_JSON,
	BODY_NDJSON,
	BODY_FORM,
	BODY_CSV,
	BODY_MULTIPART,
	BODY_TEXT,
	BODY_NONE,
};

/* -1: there is no such type. */
int body_type_parse(struct str word, enum body_type *type);

/*
 * Appends v as the type writes it; -1: err says what v should be instead.
 *
 *	json       the value as it is
 *	ndjson     a list, each element a line
 *	form       an object, name=value&...; null is left out, lists and
 *	           objects are their JSON text; or a list of such objects
 *	csv        a list of objects: a header line with all their names, in
 *	           the order in which they come up, then a line each; or a list
 *	           of lists: lines only
 *	multipart  as form, one part a member; an object with "content" is a
 *	           file
 *	text       a string
 */
int body_encode(enum body_type type, struct str v, struct buf *out,
		struct buf *err);

/*
 * The same for csv, of which the header may stand already: columns, a JSON list
 * of their names. Empty: it is put, and columns filled in. -1 too if a row has
 * another column.
 */
int body_encode_csv(struct str v, struct buf *columns, struct buf *out,
		    struct buf *err);

/*
 * What an item will take in a body, separator included: exact where the body
 * is the list of items, or holds that list as it is.
 */
size_t body_item_size(enum body_type type, struct str item);

/* Appends the value of content-type for such a body. */
void body_put_type(enum body_type type, struct str body, struct buf *out);

#endif
