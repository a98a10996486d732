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

/* ---- what ECMA-262 writes otherwise than PCRE2 ---- */

static const struct {
	const char *name, *code;
} categories[] = {
	{ "Cased_Letter", "L&" },
	{ "Close_Punctuation", "Pe" },
	{ "Connector_Punctuation", "Pc" },
	{ "Control", "Cc" },
	{ "Currency_Symbol", "Sc" },
	{ "Dash_Punctuation", "Pd" },
	{ "Decimal_Number", "Nd" },
	{ "Enclosing_Mark", "Me" },
	{ "Final_Punctuation", "Pf" },
	{ "Format", "Cf" },
	{ "Initial_Punctuation", "Pi" },
	{ "Letter", "L" },
	{ "Letter_Number", "Nl" },
	{ "Line_Separator", "Zl" },
	{ "Lowercase_Letter", "Ll" },
	{ "Mark", "M" },
	{ "Math_Symbol", "Sm" },
	{ "Modifier_Letter", "Lm" },
	{ "Modifier_Symbol", "Sk" },
	{ "Nonspacing_Mark", "Mn" },
	{ "Number", "N" },
	{ "Open_Punctuation", "Ps" },
	{ "Other", "C" },
	{ "Other_Letter", "Lo" },
	{ "Other_Number", "No" },
	{ "Other_Punctuation", "Po" },
	{ "Other_Symbol", "So" },
	{ "Paragraph_Separator", "Zp" },
	{ "Punctuation", "P" },
	{ "Separator", "Z" },
	{ "Space_Separator", "Zs" },
	{ "Spacing_Mark", "Mc" },
	{ "Symbol", "S" },
	{ "Titlecase_Letter", "Lt" },
	{ "Uppercase_Letter", "Lu" },
	{ "digit", "Nd" },
	{ "punct", "P" },
};

#define SPACES                                                              \
	"\\s\\u{a0}\\u{1680}\\u{2000}-\\u{200a}\\u{2028}\\u{2029}\\u{202f}" \
	"\\u{205f}\\u{3000}\\u{feff}"

/* "Letter}", "gc=Letter}": PCRE2 has the short names only. False: as it is. */
static bool put_category(struct buf *out, struct str *rest)
{
	const char *close = memchr(rest->s, '}', rest->n);
	struct str name = { rest->s, close ? (size_t)(close - rest->s) : 0 };
	struct str value = name, before;

	str_split(&value, '=', &before);
	if (!value.s)
		value = name;
	else if (!str_is(before, "gc") && !str_is(before, "General_Category"))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(categories); i++)
		if (str_is(value, categories[i].name)) {
			buf_addf(out, "%s}", categories[i].code);
			*rest = (struct str){ close + 1, rest->n - name.n - 1 };
			return true;
		}
	return false;
}

static void translate(struct buf *out, struct str rest)
{
	bool in_class = false;

	while (rest.n) {
		bool escape = rest.s[0] == '\\' && rest.n > 1;
		char c = rest.s[escape];

		if (escape && c == 's')
			buf_addz(out, in_class ? SPACES : "[" SPACES "]");
		else if (escape && c == 'S' && !in_class)
			buf_addz(out, "[^" SPACES "]");
		else
			buf_add(out, rest.s, escape + 1U);
		rest = (struct str){ rest.s + escape + 1, rest.n - escape - 1 };
		if (escape && (c == 'p' || c == 'P') && rest.n &&
		    *rest.s == '{') {
			buf_addc(out, '{');
			rest = (struct str){ rest.s + 1, rest.n - 1 };
			put_category(out, &rest);
		} else if (!escape && c == '[') {
			in_class = true;
		} else if (!escape && c == ']') {
			in_class = false;
		}
	}
}

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
	struct buf ours = BUF_INIT;
	int error;
	size_t at;

	translate(&ours, text);
	code = compile(buf_str(&ours), &error, &at);
	buf_release(&ours);
	if (!code) {
		pcre2_get_error_message(error, why, sizeof why);
		fail(err, "not a regular expression: %s", (const char *)why);
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
