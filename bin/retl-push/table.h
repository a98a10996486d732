/* SPDX-License-Identifier: MIT */
/*
 * Operations on a table of a database, in the place of requests: a batch is a
 * statement, and a transaction of its own. Built with libpq; without it a
 * contract that asks for a table is refused when it is read.
 */
#ifndef RETL_PUSH_TABLE_H
#define RETL_PUSH_TABLE_H

#include "bin/retl-push/load.h"
#include "bin/retl-push/push.h"

/* Makes op the one that its member "table" describes. */
int table_load(struct loader *l, struct str v, struct operation *op);

#ifdef HAVE_LIBPQ

/* If some operation is one on a table. -1: the address is none. */
int table_open(struct push *p);
void table_close(struct push *p);
enum built table_build(struct flow *f);
void table_send(struct flow *f);
/* Can be read when there are answers; -1: there is no database. */
int table_fd(const struct push *p);
void table_collect(struct push *p);
void table_abort(struct push *p);

#else

static inline int table_open(struct push *p)
{
	(void)p;
	return 0;
}

static inline void table_close(struct push *p)
{
	(void)p;
}

static inline enum built table_build(struct flow *f)
{
	(void)f;
	return BUILD_FAILED;
}

static inline void table_send(struct flow *f)
{
	(void)f;
}

static inline int table_fd(const struct push *p)
{
	(void)p;
	return -1;
}

static inline void table_collect(struct push *p)
{
	(void)p;
}

static inline void table_abort(struct push *p)
{
	(void)p;
}

#endif
#endif
