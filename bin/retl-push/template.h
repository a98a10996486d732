/* SPDX-License-Identifier: MIT */
/*
 * URI templates, the part of RFC 6570 that contracts use: {name} is percent-
 * encoded, {+name} keeps what is reserved. A bare name is a setting and is
 * filled in when the contract is read; the rest is filled in for each request.
 *
 * Whatever a record holds, it stays within its place: it cannot begin a path
 * segment, a query member or a header. What the destination itself has said,
 * {+saved.x}, may be a whole address; whoever sends the request then has to
 * look where it leads (plus).
 */
#ifndef RETL_PUSH_TEMPLATE_H
#define RETL_PUSH_TEMPLATE_H

#include "common/contract.h"

enum tmpl_kind {
	TMPL_TEXT,
	TMPL_RECORD,
	TMPL_SAVED,
	TMPL_VARS,
	TMPL_RUN,
	TMPL_GROUP,
	TMPL_AUTH, /* what the answer with the token says */
	TMPL_DERIVED,
};

/* Where the text will stand. */
enum tmpl_use {
	TMPL_URL,
	TMPL_HEADER,
	TMPL_VALUE, /* nothing is encoded, only settings are there */
};

struct tmpl_part {
	enum tmpl_kind kind;
	size_t at, n; /* in the template's text: text, or the member's name */
	bool plus;
	bool in_path; /* of a URL: before its question mark */
};

struct tmpl {
	struct tmpl_part *v;
	size_t n;
	struct buf text; /* what parts borrow from */
	bool names_record;
	bool reads_saved;
	bool counts;  /* {run.batch}, {run.last} */
	bool marks;   /* {run.last} */
	bool plus;    /* {+saved.x}: it may lead anywhere */
	bool derives; /* {derived.x} */
};
#define TMPL_INIT ((struct tmpl){ .text = BUF_INIT })

/* Secrets appear as \1name\2 if show: what a dry run prints. */
struct tmpl_opts {
	const struct contract *contract;
	enum tmpl_use use;
	bool show;
};

/* text is unescaped. -1: err names the variable that cannot stand there. */
int tmpl_parse(struct tmpl *t, struct str text, const struct tmpl_opts *o,
	       struct buf *err);
void tmpl_release(struct tmpl *t);

/* No variables? */
bool tmpl_is_constant(const struct tmpl *t);

/* Of "run.x": is there such a variable? */
bool tmpl_is_of_run(struct str name);

/* What the variables stand for: JSON values; .s NULL where there is none. */
struct tmpl_scope {
	struct str record, saved, vars, run, group, derived, auth;
	/*
	 * A dry run: what an answer would say is not known, and appears as
	 * \1saved.x\2; so does a variable whose text is {vars.x}.
	 */
	bool pretend;
};

/* What a text could not be made for. */
struct tmpl_field {
	struct str name;
	enum tmpl_kind kind; /* TMPL_TEXT: of the whole text */
};
#define TMPL_FIELD_NONE ((struct tmpl_field){ .name = STR_NONE })

/*
 * Appends the text. -1: a value is missing or cannot stand there, that of
 * *field; err is the reason. Whose fault that is depends on where it is from.
 */
int tmpl_expand(const struct tmpl *t, enum tmpl_use use,
		const struct tmpl_scope *scope, struct buf *out,
		struct tmpl_field *field, struct buf *err);

#endif
