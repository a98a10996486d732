/* SPDX-License-Identifier: MIT */
#include "common/retry.h"

#include "common/digest.h"
#include "common/mem.h"

/*
 * Requests spread a little on their way: a window of ours is longer than the
 * server's by this much, so that two that left a window apart also arrive so.
 */
#define SLACK_MS(window) (MIN(MAX((window) / 100, 5), 250))

static uint64_t random_below(uint64_t n)
{
	uint64_t r;

	digest_random(&r, sizeof r);
	return n ? r % n : 0;
}

int64_t retry_delay_ms(const struct retry_plan *plan, uint64_t n)
{
	int64_t top = plan->first_ms;

	while (n-- > 1 && top < plan->most_ms)
		top *= 2;
	top = MIN(top, plan->most_ms);
	return (int64_t)random_below((uint64_t)top + 1);
}

/* The three forms of RFC 9110: today's and two that must be understood. */
static int parse_date(struct str value, int64_t *ms)
{
	static const char *const forms[] = {
		"%a, %d %b %Y %H:%M:%S GMT",
		"%A, %d-%b-%y %H:%M:%S GMT",
		"%a %b %d %H:%M:%S %Y",
	};
	char text[64];

	if (value.n >= sizeof text)
		return -1;
	memcpy(text, value.s, value.n);
	text[value.n] = '\0';
	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		struct tm tm = { .tm_isdst = 0 };
		const char *end = strptime(text, forms[i], &tm);

		if (end && !*end) {
			*ms = (int64_t)timegm(&tm) * 1000;
			return 0;
		}
	}
	return -1;
}

int64_t retry_after_ms(struct str value, int64_t now_ms)
{
	uint64_t s;
	int64_t at;

	value = str_trim(value);
	if (!value.n)
		return -1;
	if (str_to_u64(value, &s) == 0)
		return (int64_t)MIN(s, UINT32_MAX) * 1000;
	if (parse_date(value, &at) == 0)
		return MAX(at - now_ms, 0);
	return -1;
}

/* ---- rates ---- */

void rate_init(struct rate *r, uint64_t most, int64_t window_ms)
{
	*r = (struct rate){ .most = MAX(most, 1),
			    .window_ms = window_ms + SLACK_MS(window_ms) };
}

void rate_release(struct rate *r)
{
	free(r->spent);
	*r = (struct rate){ .most = r->most, .window_ms = r->window_ms };
}

static void forget_old(struct rate *r, int64_t tick_ms)
{
	while (r->n && r->spent[r->begin] + r->window_ms <= tick_ms) {
		r->begin = (r->begin + 1) % r->cap;
		r->n--;
	}
}

int64_t rate_wait_ms(struct rate *r, uint64_t cost, int64_t tick_ms)
{
	uint64_t too_many;

	/* What costs more than the window holds is sent alone. */
	cost = MIN(cost, r->most);
	forget_old(r, tick_ms);
	if (r->n + cost <= r->most)
		return 0;
	too_many = r->n + cost - r->most;
	return r->spent[(r->begin + too_many - 1) % r->cap] + r->window_ms -
	       tick_ms;
}

/* Memory follows what is really spent within a window. */
static void make_room(struct rate *r)
{
	uint64_t cap = MIN(MAX(r->cap * 2, 64), MAX(r->most, 1));
	int64_t *more;

	if (r->n < r->cap)
		return;
	more = xreallocarray(NULL, cap, sizeof *more);
	for (uint64_t i = 0; i < r->n; i++)
		more[i] = r->spent[(r->begin + i) % r->cap];
	free(r->spent);
	r->spent = more;
	r->begin = 0;
	r->cap = cap;
}

void rate_spend(struct rate *r, uint64_t cost, int64_t tick_ms)
{
	cost = MIN(cost, r->most);
	while (cost-- && r->n < r->most) {
		make_room(r);
		r->spent[(r->begin + r->n++) % r->cap] = tick_ms;
	}
}
