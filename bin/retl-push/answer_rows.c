/* SPDX-License-Identifier: MIT */
/*
 * Answers that are files of rows, CSV or NDJSON: reading them, and whether they
 * are whole.
 */
#include "bin/retl-push/answer.h"

static int add_row(void *arg, struct str row)
{
	struct answer *w = arg;

	w->n_rows++;
	buf_addc(&w->value, w->value.len ? ',' : '[');
	buf_adds(&w->value, row);
	return 0;
}

bool answer_is_rows(const struct answer *w)
{
	return (w->s->answer == ANSWER_CSV || w->s->answer == ANSWER_NDJSON) &&
	       w->a->status >= 200 && w->a->status < 300;
}

bool answer_has_open_end(const struct answer *w)
{
	return w->a->open_end && !w->sealed;
}

int answer_each_row(struct answer *w, rows_take *take, void *arg)
{
	int ret;

	w->rows_read = true;
	w->n_rows = 0;
	ret = w->s->answer == ANSWER_CSV
		  ? rows_csv(w->body, take, arg, &w->p->err)
		  : rows_ndjson(w->body, take, arg, &w->p->err);
	w->lost |= ret < 0 && answer_has_open_end(w);
	return ret;
}

void answer_list(struct answer *w)
{
	if (w->has_value)
		return;
	w->has_value = true;
	if (answer_each_row(w, add_row, w) < 0) {
		w->unreadable = true;
		buf_reset(&w->value);
		buf_addz(&w->value, "null");
	} else {
		buf_addz(&w->value, w->value.len ? "]" : "[]");
	}
}

static int count_row(void *arg, struct str row)
{
	struct answer *w = arg;

	(void)row;
	w->n_rows++;
	return 0;
}

/*
 * How many rows there have to be: a number, or a text of one, as headers have
 * them. 1: *n is it; 0: nobody knows; -1: that could not be found out.
 */
static int rows_wanted(struct answer *w, uint64_t *n)
{
	struct program *rows = (struct program *)&w->s->rows;
	struct buf v = BUF_INIT, text = BUF_INIT;
	int got = 0, ret = -1;

	if (rows->prog)
		got = program_value(rows, STR("null"), answer_scope(w, rows),
				    &v, NULL, &w->p->err);
	if (got == 1 && json_type(buf_str(&v)) == JSON_NULL)
		got = 0;
	if (got == 1 && json_type(buf_str(&v)) == JSON_NUMBER)
		ret = json_num_u64(buf_str(&v), n);
	else if (got == 1 && answer_scalar(&text, buf_str(&v)) == 0)
		ret = str_to_u64(buf_str(&text), n);
	if (got == 1 && ret < 0)
		got = fail(&w->p->err, "\"rows\" gives no whole number");
	buf_release(&v);
	buf_release(&text);
	return got;
}

/* What says yes, but is not all of what was said. */
static int is_part(struct answer *w, const char *why)
{
	w->lost = true;
	return fail(&w->p->err, "%s", why);
}

static bool is_html(const struct answer *w)
{
	struct str type = http_header(w->a->headers, "content-type");

	return type.s && str_starts(type, "text/html");
}

/*
 * Of a file of rows the last line may have been cut so that it reads as one,
 * or the lines behind it be missing altogether. -1: it is not known to be
 * whole.
 */
int answer_check_rows(struct answer *w)
{
	uint64_t wanted;
	int known;

	if (!answer_is_rows(w))
		return 0;
	/* A page that excuses itself has no rows, and so no bad ones. */
	if (is_html(w))
		return fail(&w->p->err, "a page of HTML, where rows should be");
	if (answer_has_open_end(w) && w->body.n &&
	    w->body.s[w->body.n - 1] != '\n')
		return is_part(w, "rows that end with the connection, in the "
				  "middle of a line");
	known = rows_wanted(w, &wanted);
	if (known < 0)
		return -1;
	if (!known)
		return answer_has_open_end(w)
			   ? fail(&w->p->err,
				  "rows that end with the connection, and "
				  "neither a length nor \"rows\" says that "
				  "these are all")
			   : 0;
	if (!w->rows_read && answer_each_row(w, count_row, w) < 0)
		return -1;
	return w->n_rows == wanted
		   ? 0
		   : is_part(w, w->n_rows < wanted
				    ? "fewer rows than there should be"
				    : "more rows than there should be");
}
