/* SPDX-License-Identifier: MIT */
#include "common/pattern.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "common/mem.h"
#include "common/msg.h"

/* Bounds what one hostile value can cost; an honest one needs a few hundred. */
#define MATCH_LIMIT 200000

struct pattern {
	pcre2_code *code;
	pcre2_match_data *data;
	pcre2_match_context *context;
};

static pcre2_code *compile(struct str text, int *error, size_t *at)
{
	pcre2_compile_context *c = pcre2_compile_context_create(NULL);
	pcre2_code *code;

	if (!c)
		die(EX_OSERR, "out of memory");
	pcre2_set_compile_extra_options(c, PCRE2_EXTRA_ALT_BSUX);
	code = pcre2_compile((PCRE2_SPTR)text.s, text.n,
			     PCRE2_UTF | PCRE2_DOLLAR_ENDONLY | PCRE2_ALT_BSUX |
				 PCRE2_MATCH_UNSET_BACKREF |
				 PCRE2_NEVER_BACKSLASH_C,
			     error, at, c);
	pcre2_compile_context_free(c);
	return code;
}

struct pattern *pattern_new(struct str text, struct buf *err)
{
	struct pattern *p;
	pcre2_code *code;
	PCRE2_UCHAR why[128];
	int error;
	size_t at;

	code = compile(text, &error, &at);
	if (!code) {
		pcre2_get_error_message(error, why, sizeof why);
		fail(err, "not a regular expression: %s, at character %zu",
		     (const char *)why, at + 1);
		return NULL;
	}
	/* Without JIT it works as well, only slower. */
	pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);
	p = xcalloc(1, sizeof *p);
	p->code = code;
	p->data = pcre2_match_data_create_from_pattern(code, NULL);
	p->context = pcre2_match_context_create(NULL);
	if (!p->data || !p->context)
		die(EX_OSERR, "out of memory");
	pcre2_set_match_limit(p->context, MATCH_LIMIT);
	return p;
}

void pattern_free(struct pattern *p)
{
	if (!p)
		return;
	pcre2_match_context_free(p->context);
	pcre2_match_data_free(p->data);
	pcre2_code_free(p->code);
	free(p);
}

static int run(const struct pattern *p, struct str text)
{
	return pcre2_match(p->code, (PCRE2_SPTR)(text.n ? text.s : ""), text.n,
			   0, PCRE2_NO_UTF_CHECK, p->data, p->context);
}

bool pattern_match(const struct pattern *p, struct str text)
{
	return run(p, text) > 0;
}

bool pattern_capture(const struct pattern *p, struct str text,
		     struct str *group)
{
	size_t *at;

	if (run(p, text) < 2)
		return false;
	at = pcre2_get_ovector_pointer(p->data);
	if (at[2] == PCRE2_UNSET)
		return false;
	*group = (struct str){ text.s + at[2], at[3] - at[2] };
	return true;
}
