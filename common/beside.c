/* SPDX-License-Identifier: MIT */
#include "common/beside.h"

#include "common/mem.h"
#include "common/thread.h"

struct beside {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	void (*job)(void *arg); /* NULL: nothing to do, or it is done */
	void *arg;
	bool ends;
};

static void *run(void *to)
{
	struct beside *b = to;

	pthread_mutex_lock(&b->lock);
	for (;;) {
		while (!b->job && !b->ends)
			pthread_cond_wait(&b->changed, &b->lock);
		if (!b->job)
			break;
		pthread_mutex_unlock(&b->lock);
		b->job(b->arg);
		pthread_mutex_lock(&b->lock);
		b->job = NULL;
		pthread_cond_signal(&b->changed);
	}
	pthread_mutex_unlock(&b->lock);
	return NULL;
}

static void release(struct beside *b)
{
	pthread_mutex_destroy(&b->lock);
	pthread_cond_destroy(&b->changed);
	free(b);
}

struct beside *beside_start(void)
{
	struct beside *b = xcalloc(1, sizeof *b);

	pthread_mutex_init(&b->lock, NULL);
	pthread_cond_init(&b->changed, NULL);
	if (thread_start(&b->thread, run, b))
		return b;
	release(b);
	return NULL;
}

bool beside_busy(struct beside *b)
{
	bool busy;

	if (!b)
		return false;
	pthread_mutex_lock(&b->lock);
	busy = b->job != NULL;
	pthread_mutex_unlock(&b->lock);
	return busy;
}

void beside_wait(struct beside *b)
{
	if (!b)
		return;
	pthread_mutex_lock(&b->lock);
	while (b->job)
		pthread_cond_wait(&b->changed, &b->lock);
	pthread_mutex_unlock(&b->lock);
}

void beside_do(struct beside *b, void (*job)(void *arg), void *arg)
{
	if (!b) {
		job(arg);
		return;
	}
	beside_wait(b);
	pthread_mutex_lock(&b->lock);
	b->job = job;
	b->arg = arg;
	pthread_cond_signal(&b->changed);
	pthread_mutex_unlock(&b->lock);
}

void beside_end(struct beside *b)
{
	if (!b)
		return;
	beside_wait(b);
	pthread_mutex_lock(&b->lock);
	b->ends = true;
	pthread_cond_signal(&b->changed);
	pthread_mutex_unlock(&b->lock);
	pthread_join(b->thread, NULL);
	release(b);
}
