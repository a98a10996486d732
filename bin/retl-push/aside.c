/* SPDX-License-Identifier: MIT */
#include "bin/retl-push/aside.h"

#include <fcntl.h>
#include <pthread.h>

#include "common/mem.h"
#include "common/msg.h"
#include "common/thread.h"

struct job_list {
	struct aside_job *first, **end;
};

struct worker {
	struct aside *aside;
	pthread_t thread;
};

struct aside {
	struct aside_opts o;
	pthread_mutex_t lock;
	pthread_cond_t more;
	struct job_list todo, done;
	struct worker *workers;
	size_t n_workers, n_busy, n_todo;
	bool ending;
	int pipe[2];
};

static void list_init(struct job_list *l)
{
	l->first = NULL;
	l->end = &l->first;
}

static void list_add(struct job_list *l, struct aside_job *j)
{
	j->next = NULL;
	*l->end = j;
	l->end = &j->next;
}

static struct aside_job *list_take(struct job_list *l)
{
	struct aside_job *j = l->first;

	if (j) {
		l->first = j->next;
		if (!l->first)
			l->end = &l->first;
	}
	return j;
}

static void *work(void *arg)
{
	struct worker *w = arg;
	struct aside *a = w->aside;
	size_t i = (size_t)(w - a->workers);
	struct aside_job *j;

	pthread_mutex_lock(&a->lock);
	for (;;) {
		while (!(j = list_take(&a->todo)) && !a->ending)
			pthread_cond_wait(&a->more, &a->lock);
		if (!j)
			break;
		a->n_todo--;
		a->n_busy++;
		pthread_mutex_unlock(&a->lock);
		a->o.work(a->o.arg, i, j);
		pthread_mutex_lock(&a->lock);
		a->n_busy--;
		list_add(&a->done, j);
		if (write(a->pipe[1], "", 1) < 0 && errno != EAGAIN)
			die(EX_OSERR, "pipe: %s", strerror(errno));
	}
	pthread_mutex_unlock(&a->lock);
	a->o.leave(a->o.arg, i);
	return NULL;
}

struct aside *aside_new(const struct aside_opts *o)
{
	struct aside *a = xcalloc(1, sizeof *a);

	a->o = *o;
	list_init(&a->todo);
	list_init(&a->done);
	pthread_mutex_init(&a->lock, NULL);
	pthread_cond_init(&a->more, NULL);
	a->workers = xcalloc(o->n_workers, sizeof *a->workers);
	if (pipe2(a->pipe, O_CLOEXEC | O_NONBLOCK) < 0)
		die(EX_OSERR, "pipe: %s", strerror(errno));
	return a;
}

/* One more, if all are busy and there may be more. */
static void hire(struct aside *a)
{
	struct worker *w = &a->workers[a->n_workers];

	if (a->n_busy + a->n_todo <= a->n_workers ||
	    a->n_workers == a->o.n_workers)
		return;
	w->aside = a;
	if (!thread_start(&w->thread, work, w))
		die(EX_OSERR, "no more threads");
	a->n_workers++;
}

void aside_add(struct aside *a, struct aside_job *j)
{
	pthread_mutex_lock(&a->lock);
	list_add(&a->todo, j);
	a->n_todo++;
	hire(a);
	pthread_cond_signal(&a->more);
	pthread_mutex_unlock(&a->lock);
}

int aside_fd(const struct aside *a)
{
	return a->pipe[0];
}

struct aside_job *aside_take(struct aside *a)
{
	char drain[64];
	struct aside_job *j;

	while (read(a->pipe[0], drain, sizeof drain) > 0)
		;
	pthread_mutex_lock(&a->lock);
	j = list_take(&a->done);
	pthread_mutex_unlock(&a->lock);
	return j;
}

void aside_end(struct aside *a)
{
	pthread_mutex_lock(&a->lock);
	a->ending = true;
	pthread_cond_broadcast(&a->more);
	pthread_mutex_unlock(&a->lock);
	for (size_t i = 0; i < a->n_workers; i++)
		pthread_join(a->workers[i].thread, NULL);
	a->n_workers = 0;
}

void aside_free(struct aside *a)
{
	aside_end(a);
	close(a->pipe[0]);
	close(a->pipe[1]);
	pthread_mutex_destroy(&a->lock);
	pthread_cond_destroy(&a->more);
	free(a->workers);
	free(a);
}
