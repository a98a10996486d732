/* SPDX-License-Identifier: MIT */
/*
 * Programs that only put something around their input, such as {inputs: .}: who
 * knows that need not have a long input copied by them.
 */
#include "common/prog_ask.h"

/* Uses of the input; more than one stands for any other use of it as well. */
#define OTHERWISE 2u

static unsigned uses(const struct plan *p);

static unsigned uses_in_entries(const struct plan *p)
{
	unsigned n = 0;

	for (size_t i = 0; i < p->n; i++)
		n += p->entries[i].key ? OTHERWISE : uses(p->entries[i].val);
	return n;
}

static unsigned uses(const struct plan *p)
{
	switch (p->op) {
	case P_TOP:
	case P_DOT:
		return 1;
	case P_CONST:
	case P_VAR:
		return 0;
	case P_MEMBER:
		return p->a && !uses(p->a) ? 0 : OTHERWISE;
	case P_ARRAY:
		return p->a ? uses(p->a) : 0;
	case P_COMMA:
		return uses(p->a) + uses(p->b);
	case P_OBJECT:
		return uses_in_entries(p);
	default:
		return OTHERWISE;
	}
}

bool plan_is_frame(const struct plan *p)
{
	return uses(p) == 1;
}
