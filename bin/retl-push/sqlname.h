/* SPDX-License-Identifier: MIT */
/* Names as SQL writes them: never part of the statement but as a name. */
#ifndef RETL_PUSH_SQLNAME_H
#define RETL_PUSH_SQLNAME_H

#include "common/buf.h"

/* Appends "na""me". -1: it cannot be a name. */
int sql_put_name(struct buf *out, struct str name);
/* A table's, which may have a schema before it: shop.orders, "My"."T". */
int sql_put_table(struct buf *out, struct str name);

#endif
