/* SPDX-License-Identifier: MIT */
/*
 * Values of MySQL and MariaDB as their binary protocol has them, as JSON: a
 * FLOAT comes with all its bits, where the text protocol gives six digits.
 */
#ifndef RETL_EXTRACT_MYVALUE_H
#define RETL_EXTRACT_MYVALUE_H

#include <mysql.h>

#include "bin/retl-extract/row.h"

enum my_kind {
	MY_TEXT,
	MY_INTEGER,
	MY_DECIMAL,
	MY_FLOAT,
	MY_DOUBLE,
	MY_DATE,
	MY_TIME,
	MY_DATETIME,
	MY_TIMESTAMP,
	MY_BIT,
	MY_BINARY,
	MY_JSON,
};

/* One column, and where its value is put for us. */
struct my_cell {
	enum my_kind kind;
	bool is_unsigned;
	unsigned width; /* bytes of an integer */
	char *data;
	size_t cap;
	unsigned long n; /* of the value; may be more than cap */
	my_bool null;
};

/* What a column is; *column and *native (static) are for its description. */
enum my_kind my_kind_of(const MYSQL_FIELD *field, enum column_kind *column,
			const char **native);

/* Sets up b so that the library fills c. */
void my_bind(struct my_cell *c, const MYSQL_FIELD *field, enum my_kind kind,
	     MYSQL_BIND *b);

/* -1: the row cannot be written; f names row and column. */
int my_put_value(const struct my_cell *c, struct rows *rows,
		 const struct columns *columns, size_t i, struct failure *f);

#endif
