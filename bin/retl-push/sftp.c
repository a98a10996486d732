/* SPDX-License-Identifier: MIT */
#include "bin/retl-push/sftp.h"

#include <curl/curl.h>
#include <stdatomic.h>

#include "common/clock.h"
#include "common/mem.h"
#include "common/msg.h"
#include "bin/retl-push/aside.h"

/* Slower than that, and a piece is given up. */
#define LEAST_BYTES_PER_S 16384

struct job {
	struct aside_job aside;
	struct sftp_piece piece;
	char *url, *temp_url;  /* ours; the same in piece */
	struct buf temp, name; /* paths, as the server has them */
	bool drop;
	size_t at; /* how much of the bytes libcurl has taken */
	sftp_done *done;
	void *arg;
	struct sftp_answer answer;
	struct buf why;
};

struct worker {
	CURL *easy;
	char error[CURL_ERROR_SIZE];
};

struct sftp {
	struct sftp_opts o;
	struct worker *workers; /* one for each connection */
	struct aside *aside;
	atomic_bool aborted;
};

/* How long the file is with this piece. */
static uint64_t end_of(const struct job *j)
{
	return j->piece.offset + j->piece.bytes.n;
}

/* ---- what libcurl calls ---- */

static size_t give(char *to, size_t one, size_t n, void *arg)
{
	struct job *j = arg;

	n = MIN(one * n, j->piece.bytes.n - j->at);
	memcpy(to, j->piece.bytes.s + j->at, n);
	j->at += n;
	return n;
}

/* The bytes begin where the piece does: there is nothing to skip. */
static int seek(void *arg, curl_off_t offset, int origin)
{
	struct job *j = arg;

	if (origin != SEEK_SET || offset < (curl_off_t)j->piece.offset)
		return CURL_SEEKFUNC_FAIL;
	j->at = (size_t)offset - j->piece.offset;
	return CURL_SEEKFUNC_OK;
}

static size_t ignore(char *p, size_t one, size_t n, void *arg)
{
	(void)p;
	(void)arg;
	return one * n;
}

static int look(void *arg, curl_off_t a, curl_off_t b, curl_off_t c,
		curl_off_t d)
{
	struct sftp *s = arg;

	(void)a;
	(void)b;
	(void)c;
	(void)d;
	return atomic_load(&s->aborted);
}

/* ---- one exchange ---- */

static void set_always(struct sftp *s, struct worker *w)
{
	CURL *e = w->easy;

	ssh_set_up(e, &s->o.ssh);
	curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(e, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(e, CURLOPT_ERRORBUFFER, w->error);
	curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, s->o.connect_ms);
	curl_easy_setopt(e, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(e, CURLOPT_UPLOAD_BUFFERSIZE, 512L << 10);
	curl_easy_setopt(e, CURLOPT_READFUNCTION, give);
	curl_easy_setopt(e, CURLOPT_SEEKFUNCTION, seek);
	curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, ignore);
	curl_easy_setopt(e, CURLOPT_NOPROGRESS, 0L);
	curl_easy_setopt(e, CURLOPT_XFERINFOFUNCTION, look);
	curl_easy_setopt(e, CURLOPT_XFERINFODATA, s);
}

static CURLcode perform(struct sftp *s, struct worker *w, const char *url,
			size_t bytes)
{
	w->error[0] = '\0';
	curl_easy_setopt(w->easy, CURLOPT_URL, url);
	curl_easy_setopt(w->easy, CURLOPT_TIMEOUT_MS,
			 s->o.timeout_ms +
			     (long)(bytes / LEAST_BYTES_PER_S) * 1000);
	return curl_easy_perform(w->easy);
}

/*
 * Writes what follows the first from bytes of the file. libcurl opens a file
 * that is gone on with for appending, so from must be its size.
 */
static CURLcode write_piece(struct sftp *s, struct worker *w, struct job *j,
			    uint64_t from)
{
	CURL *e = w->easy;
	CURLcode code;

	j->at = (size_t)(from - j->piece.offset);
	curl_easy_setopt(e, CURLOPT_UPLOAD, 1L);
	curl_easy_setopt(e, CURLOPT_READDATA, j);
	curl_easy_setopt(e, CURLOPT_SEEKDATA, j);
	curl_easy_setopt(e, CURLOPT_RESUME_FROM_LARGE, (curl_off_t)from);
	curl_easy_setopt(e, CURLOPT_INFILESIZE_LARGE, (curl_off_t)end_of(j));
	code = perform(s, w, j->temp_url, j->piece.bytes.n);
	curl_easy_setopt(e, CURLOPT_RESUME_FROM_LARGE, (curl_off_t)0);
	curl_easy_setopt(e, CURLOPT_UPLOAD, 0L);
	return code;
}

/* CURLE_REMOTE_FILE_NOT_FOUND: there is none. */
static CURLcode ask_size(struct sftp *s, struct worker *w, const char *url,
			 curl_off_t *size)
{
	CURLcode code;

	*size = -1;
	curl_easy_setopt(w->easy, CURLOPT_NOBODY, 1L);
	code = perform(s, w, url, 0);
	if (code == CURLE_OK)
		curl_easy_getinfo(w->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T,
				  size);
	curl_easy_setopt(w->easy, CURLOPT_NOBODY, 0L);
	return code;
}

static void put_quoted(struct buf *out, const struct buf *path)
{
	buf_addz(out, " \"");
	for (size_t i = 0; i < path->len; i++) {
		if (path->data[i] == '"' || path->data[i] == '\\')
			buf_addc(out, '\\');
		buf_addc(out, path->data[i]);
	}
	buf_addc(out, '"');
}

/* One that begins with a star may fail. to may be NULL. */
static struct curl_slist *add_command(struct curl_slist *list, const char *word,
				      const struct buf *path,
				      const struct buf *to)
{
	struct buf line = BUF_INIT;

	buf_addz(&line, word);
	put_quoted(&line, path);
	if (to)
		put_quoted(&line, to);
	list = curl_slist_append(list, line.data);
	if (!list)
		die(EX_OSERR, "out of memory");
	buf_release(&line);
	return list;
}

/* Runs the commands, and takes the list. */
static CURLcode command(struct sftp *s, struct worker *w, struct job *j,
			struct curl_slist *list)
{
	struct buf folder = BUF_INIT;
	const char *slash = strrchr(j->url, '/');
	CURLcode code;

	/* Of a folder's address nothing is asked beside them. */
	buf_add(&folder, j->url, (size_t)(slash - j->url) + 1);
	curl_easy_setopt(w->easy, CURLOPT_NOBODY, 1L);
	curl_easy_setopt(w->easy, CURLOPT_QUOTE, list);
	code = perform(s, w, folder.data, 0);
	curl_easy_setopt(w->easy, CURLOPT_QUOTE, NULL);
	curl_easy_setopt(w->easy, CURLOPT_NOBODY, 0L);
	curl_slist_free_all(list);
	buf_release(&folder);
	return code;
}

static CURLcode rename_it(struct sftp *s, struct worker *w, struct job *j,
			  bool make_room)
{
	struct curl_slist *list = NULL;

	if (make_room)
		list = add_command(list, "*rm", &j->name, NULL);
	return command(s, w, j,
		       add_command(list, "rename", &j->temp, &j->name));
}

static void drop(struct sftp *s, struct worker *w, struct job *j)
{
	command(s, w, j, add_command(NULL, "*rm", &j->temp, NULL));
}

/* ---- what came of it ---- */

static void settle(struct job *j, enum sftp_outcome outcome, const char *why)
{
	j->answer.outcome = outcome;
	buf_reset(&j->why);
	buf_addz(&j->why, why);
}

static void refuse(struct job *j, bool denied, const char *why)
{
	settle(j, SFTP_REFUSED, why);
	j->answer.denied = denied;
}

/* An exchange failed; doubt: the file may have got its name before. */
static void settle_error(struct worker *w, struct job *j, CURLcode code,
			 bool doubt)
{
	const char *why = w->error[0] ? w->error : curl_easy_strerror(code);

	switch (code) {
	case CURLE_PEER_FAILED_VERIFICATION:
		refuse(j, false, SSH_UNKNOWN_HOST);
		break;
	case CURLE_LOGIN_DENIED:
		refuse(j, true, SSH_REFUSED);
		break;
	case CURLE_REMOTE_ACCESS_DENIED:
		refuse(j, true, "the server does not let us write there");
		break;
	case CURLE_REMOTE_FILE_NOT_FOUND:
		if (j->piece.offset)
			refuse(j, false,
			       "the temporary file, written so far, "
			       "is gone");
		else
			refuse(j, false, "there is no such folder");
		break;
	case CURLE_URL_MALFORMAT:
	case CURLE_UNSUPPORTED_PROTOCOL:
		refuse(j, false, why);
		break;
	case CURLE_SSH:
	case CURLE_UPLOAD_FAILED:
	case CURLE_REMOTE_DISK_FULL:
	case CURLE_QUOTE_ERROR:
		settle(j, SFTP_FAILED, why);
		break;
	default:
		settle(j, SFTP_UNREACHABLE, why);
	}
	/* Whatever it was: nobody has said that it did not. */
	if (doubt)
		j->answer.outcome = SFTP_LOST;
}

static bool is_denied(const struct worker *w)
{
	return strstr(w->error, "ermission denied") != NULL;
}

/* Is the piece's file whole under the temporary name? */
static bool is_whole(struct sftp *s, struct worker *w, struct job *j)
{
	curl_off_t size;
	CURLcode code = ask_size(s, w, j->temp_url, &size);

	/* Where nothing may be read, the size is not told. */
	if (code == CURLE_REMOTE_ACCESS_DENIED ||
	    (code == CURLE_OK && (size < 0 || (uint64_t)size == end_of(j))))
		return true;
	if (code != CURLE_OK) {
		settle_error(w, j, code, false);
		return false;
	}
	settle(j, SFTP_FAILED, "");
	buf_addf(&j->why, "of %" PRIu64 " bytes, %" PRId64 " are there",
		 end_of(j), (int64_t)size);
	return false;
}

/*
 * The server has not renamed it, or its answer was lost: has it got its name?
 * False: it has not, and j is not settled.
 */
static bool is_settled(struct sftp *s, struct worker *w, struct job *j)
{
	char *why = xstrdup(w->error);
	curl_off_t size;
	CURLcode code = ask_size(s, w, j->temp_url, &size);

	snprintf(w->error, sizeof w->error, "%s", why);
	free(why);
	if (code == CURLE_OK || code == CURLE_REMOTE_ACCESS_DENIED)
		return false;
	if (code == CURLE_REMOTE_FILE_NOT_FOUND)
		settle(j, SFTP_DONE, "");
	else
		settle_error(w, j, code, true);
	return true;
}

/*
 * OpenSSH renames by another link and taking the first away; between the two
 * it may die. The name was free before the file was written.
 */
static bool is_linked(struct sftp *s, struct worker *w, struct job *j)
{
	curl_off_t size;

	if (j->piece.replace || ask_size(s, w, j->url, &size) != CURLE_OK ||
	    (uint64_t)size != end_of(j))
		return false;
	drop(s, w, j);
	return true;
}

/*
 * Many servers rename only to a name that is free. Where they do not put one
 * file in the place of another, there is none for a moment.
 */
static void give_name(struct sftp *s, struct worker *w, struct job *j)
{
	CURLcode code = rename_it(s, w, j, false);
	bool denied = code != CURLE_OK && is_denied(w);

	if (code != CURLE_OK && is_settled(s, w, j))
		return;
	if (code != CURLE_OK && j->piece.replace && !denied) {
		code = rename_it(s, w, j, true);
		denied = code != CURLE_OK && is_denied(w);
		if (code != CURLE_OK && is_settled(s, w, j))
			return;
	}
	if (code == CURLE_OK || (!denied && is_linked(s, w, j)))
		settle(j, SFTP_DONE, "");
	else if (denied)
		settle_error(w, j, CURLE_REMOTE_ACCESS_DENIED, false);
	else
		settle_error(w, j, code, false);
}

/* True: there is a file of that name, or it is not known: j is settled. */
static bool is_taken(struct sftp *s, struct worker *w, struct job *j)
{
	curl_off_t size;
	CURLcode code = ask_size(s, w, j->url, &size);

	if (code == CURLE_REMOTE_FILE_NOT_FOUND)
		return false;
	if (code == CURLE_OK || code == CURLE_REMOTE_ACCESS_DENIED)
		settle(j, SFTP_EXISTS, "there is a file of this name already");
	else
		settle_error(w, j, code, false);
	return true;
}

/*
 * An earlier attempt to give the name was not answered. True: it was given, or
 * it is not known, and j is settled. *whole: the file waits for its name, of
 * which it may be another link, and so must not be written again.
 */
static bool was_done(struct sftp *s, struct worker *w, struct job *j,
		     bool *whole)
{
	curl_off_t size;
	CURLcode code = ask_size(s, w, j->temp_url, &size);

	*whole = code == CURLE_REMOTE_ACCESS_DENIED ||
		 (code == CURLE_OK && (uint64_t)size == end_of(j));
	if (*whole || code == CURLE_OK)
		return false;
	if (code == CURLE_REMOTE_FILE_NOT_FOUND)
		code = ask_size(s, w, j->url, &size);
	if (code == CURLE_OK && (uint64_t)size == end_of(j))
		settle(j, SFTP_DONE, "");
	else if (code == CURLE_OK || code == CURLE_REMOTE_FILE_NOT_FOUND)
		settle(j, SFTP_LOST, "another file is there now, or none");
	else
		settle_error(w, j, code, true);
	return true;
}

/*
 * How much of the file is there after a piece that failed. True: it cannot be
 * gone on with, and j is settled.
 */
static bool find_place(struct sftp *s, struct worker *w, struct job *j,
		       uint64_t *from)
{
	curl_off_t size;
	CURLcode code = ask_size(s, w, j->temp_url, &size);

	if (code != CURLE_OK) {
		settle_error(w, j, code, false);
		return true;
	}
	if (size < (curl_off_t)j->piece.offset ||
	    size > (curl_off_t)end_of(j)) {
		refuse(j, false, "the temporary file is not as it was written");
		return true;
	}
	*from = (uint64_t)size;
	return false;
}

static void put(struct sftp *s, struct worker *w, struct job *j)
{
	uint64_t from = j->piece.offset;
	CURLcode code = CURLE_OK;
	bool whole = false;

	if (j->piece.maybe && was_done(s, w, j, &whole))
		return;
	if (whole)
		from = end_of(j);
	else if (j->piece.again && from && find_place(s, w, j, &from))
		return;
	if (!whole && !j->piece.replace && !from && is_taken(s, w, j))
		return;
	if (from < end_of(j) || !from)
		code = write_piece(s, w, j, from);
	if (code != CURLE_OK)
		settle_error(w, j, code, false);
	else if (!j->piece.last)
		settle(j, SFTP_DONE, "");
	else if (is_whole(s, w, j))
		give_name(s, w, j);
}

/* What is begun anew next time need not lie there until then. */
static void tidy(struct sftp *s, struct worker *w, struct job *j)
{
	if (j->piece.offset || !j->piece.last ||
	    (j->answer.outcome != SFTP_FAILED &&
	     j->answer.outcome != SFTP_EXISTS))
		return;
	drop(s, w, j);
}

static void work(void *arg, size_t i, struct aside_job *job)
{
	struct sftp *s = arg;
	struct worker *w = &s->workers[i];
	struct job *j = (struct job *)job;
	int64_t began = clock_tick_ms();

	if (!w->easy) {
		w->easy = curl_easy_init();
		if (!w->easy)
			die(EX_OSERR, "out of memory");
		set_always(s, w);
	}
	if (j->drop) {
		drop(s, w, j);
	} else {
		put(s, w, j);
		tidy(s, w, j);
	}
	j->answer.took_ms = clock_tick_ms() - began;
}

static void leave(void *arg, size_t i)
{
	struct sftp *s = arg;

	curl_easy_cleanup(s->workers[i].easy);
}

/* ---- the thread that sends ---- */

struct sftp *sftp_new(const struct sftp_opts *o)
{
	struct sftp *s;
	struct aside_opts aside = { .n_workers = o->n_connections,
				    .work = work,
				    .leave = leave };

	if (!ssh_built_in())
		return NULL;
	s = xcalloc(1, sizeof *s);
	s->o = *o;
	s->workers = xcalloc(o->n_connections, sizeof *s->workers);
	aside.arg = s;
	s->aside = aside_new(&aside);
	return s;
}

static struct job *job_new(const char *url, const char *temp)
{
	struct job *j = xcalloc(1, sizeof *j);

	j->url = xstrdup(url);
	j->temp_url = xstrdup(temp);
	j->temp = j->name = j->why = BUF_INIT;
	ssh_put_path(&j->name, url);
	ssh_put_path(&j->temp, temp);
	return j;
}

static void job_free(struct job *j)
{
	free(j->url);
	free(j->temp_url);
	buf_release(&j->temp);
	buf_release(&j->name);
	buf_release(&j->why);
	free(j);
}

void sftp_put(struct sftp *s, const struct sftp_piece *piece, sftp_done *done,
	      void *arg)
{
	struct job *j = job_new(piece->url, piece->temp);

	j->piece = *piece;
	j->done = done;
	j->arg = arg;
	aside_add(s->aside, &j->aside);
}

void sftp_drop(struct sftp *s, const char *url, const char *temp)
{
	struct job *j = job_new(url, temp);

	j->drop = true;
	aside_add(s->aside, &j->aside);
}

int sftp_fd(const struct sftp *s)
{
	return aside_fd(s->aside);
}

void sftp_collect(struct sftp *s)
{
	struct job *j;

	while ((j = (struct job *)aside_take(s->aside))) {
		if (j->done) {
			msg_blank(j->why.data, j->why.len);
			j->answer.why = j->why.data;
			j->done(j->arg, &j->answer);
		}
		job_free(j);
	}
}

void sftp_abort(struct sftp *s)
{
	atomic_store(&s->aborted, true);
}

void sftp_free(struct sftp *s)
{
	struct job *j;

	if (!s)
		return;
	aside_end(s->aside);
	while ((j = (struct job *)aside_take(s->aside)))
		job_free(j);
	aside_free(s->aside);
	free(s->workers);
	free(s);
}
