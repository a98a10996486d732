/* SPDX-License-Identifier: MIT */
/*
 * Files on an SFTP server in the place of requests: a batch is a file, or,
 * where an operation replaces everything, the next piece of one.
 */
#ifndef RETL_PUSH_UPLOAD_H
#define RETL_PUSH_UPLOAD_H

#include "bin/retl-push/push.h"

/* Is this base URL, or the template of one, that of an SFTP server? */
bool upload_is_meant(struct str base_url);
/*
 * What keeps an operation (JSON) from being an upload of files; NULL: nothing.
 */
const char *upload_fault(struct str operation);
/* The same of the contract's "auth" and "prepare". */
const char *upload_contract_fault(struct str root);

/* If the contract is about files. -1: it cannot be. */
int upload_open(struct push *p);
void upload_close(struct push *p);
void upload_send(struct flow *f);
/* Can be read when there are answers; -1: there are no uploads. */
int upload_fd(const struct push *p);
void upload_collect(struct push *p);
void upload_abort(struct push *p);

/* -1: a value would lead into another folder; see p->err. */
int upload_check_url(struct flow *f, struct tmpl_field *field);
/* Is there a file that this batch completes, even if it adds nothing? */
bool upload_ends(const struct flow *f);
/* Where the batch is a piece of a file with a header: its columns, else NULL.
 */
struct buf *upload_columns(struct flow *f, const struct step *s);

#endif
