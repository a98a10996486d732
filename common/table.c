/* SPDX-License-Identifier: MIT */
#include "common/table.h"

#include "common/mem.h"

struct buf *table_row(struct table *t)
{
	GROW(t->rows, t->n, t->cap);
	for (int i = 0; i < TABLE_COLUMNS; i++)
		t->rows[t->n][i] = BUF_INIT;
	return t->rows[t->n++];
}

void table_add(struct table *t, const char *const *cells)
{
	struct buf *row = table_row(t);

	for (int i = 0; i < TABLE_COLUMNS && cells[i]; i++)
		buf_addz(&row[i], cells[i]);
}

static size_t code_points(struct str text)
{
	size_t n = 0;

	for (size_t i = 0; i < text.n; i++)
		n += ((unsigned char)text.s[i] & 0xc0) != 0x80;
	return n;
}

static void put_row(const struct buf *row, const size_t *width, struct buf *out)
{
	size_t gap = 0;

	for (int j = 0; j < TABLE_COLUMNS; j++) {
		struct str cell = buf_str(&row[j]);

		/* Nothing stands behind the last cell. */
		if (cell.n) {
			buf_addf(out, "%*s", (int)gap, "");
			buf_adds(out, cell);
			gap = 0;
		}
		gap += width[j] - code_points(cell) + (width[j] ? 2 : 0);
	}
	buf_addc(out, '\n');
}

/* Numbers of columns are small, names may be of any script. */
void table_put(const struct table *t, struct buf *out)
{
	size_t width[TABLE_COLUMNS] = { 0 };

	for (size_t i = 0; i < t->n; i++)
		for (int j = 0; j < TABLE_COLUMNS; j++)
			width[j] =
			    MAX(width[j], code_points(buf_str(&t->rows[i][j])));
	for (size_t i = 0; i < t->n; i++)
		put_row(t->rows[i], width, out);
}

void table_release(struct table *t)
{
	for (size_t i = 0; i < t->n; i++)
		for (int j = 0; j < TABLE_COLUMNS; j++)
			buf_release(&t->rows[i][j]);
	free(t->rows);
	*t = (struct table){ .n = 0 };
}
