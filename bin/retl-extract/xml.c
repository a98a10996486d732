/* SPDX-License-Identifier: MIT */
#include "bin/retl-extract/xml.h"

#include <expat.h>

#include "common/msg.h"

#define DEPTH_MAX 16

struct walk {
	XML_Parser parser;
	xml_element *element;
	void *arg;
	const char *why;
	struct buf path, text;
	size_t begins[DEPTH_MAX]; /* of each open element, in path */
	size_t depth;
};

static void stop(struct walk *w, const char *why)
{
	w->why = why;
	XML_StopParser(w->parser, XML_FALSE);
}

static void XMLCALL start(void *arg, const XML_Char *name,
			  const XML_Char **attributes UNUSED)
{
	struct walk *w = arg;

	if (w->depth == DEPTH_MAX) {
		stop(w, "too many elements in each other");
		return;
	}
	w->begins[w->depth++] = w->path.len;
	if (w->path.len)
		buf_addc(&w->path, '/');
	buf_addz(&w->path, name);
	buf_reset(&w->text);
}

static void XMLCALL end(void *arg, const XML_Char *name UNUSED)
{
	struct walk *w = arg;

	w->element(w->arg, buf_str(&w->path), buf_str(&w->text));
	buf_reset(&w->text);
	buf_truncate(&w->path, w->begins[--w->depth]);
}

static void XMLCALL text(void *arg, const XML_Char *s, int n)
{
	struct walk *w = arg;

	buf_add(&w->text, s, (size_t)n);
}

static void XMLCALL doctype(void *arg, const XML_Char *name UNUSED,
			    const XML_Char *system UNUSED,
			    const XML_Char *public UNUSED, int subset UNUSED)
{
	stop(arg, "there is a document type in it");
}

int xml_walk(struct str doc, xml_element *element, void *arg, const char **why)
{
	struct walk w = { .element = element,
			  .arg = arg,
			  .path = BUF_INIT,
			  .text = BUF_INIT };
	bool good;

	w.parser = XML_ParserCreate(NULL);
	if (!w.parser)
		die(EX_OSERR, "out of memory");
	XML_SetUserData(w.parser, &w);
	XML_SetElementHandler(w.parser, start, end);
	XML_SetCharacterDataHandler(w.parser, text);
	XML_SetStartDoctypeDeclHandler(w.parser, doctype);
	good = doc.n <= INT_MAX &&
	       XML_Parse(w.parser, doc.s, (int)doc.n, 1) == XML_STATUS_OK;
	if (!good && !w.why)
		w.why = XML_ErrorString(XML_GetErrorCode(w.parser));
	*why = w.why;
	XML_ParserFree(w.parser);
	buf_release(&w.path);
	buf_release(&w.text);
	return good ? 0 : -1;
}

bool xml_path_ends(struct str path, const char *end)
{
	size_t n = strlen(end);

	return path.n >= n && memcmp(path.s + path.n - n, end, n) == 0 &&
	       (path.n == n || path.s[path.n - n - 1] == '/');
}

struct search {
	const char *end;
	struct buf *out;
	bool found;
};

static void compare(void *arg, struct str path, struct str text)
{
	struct search *s = arg;

	if (s->found || !xml_path_ends(path, s->end))
		return;
	buf_adds(s->out, text);
	s->found = true;
}

bool xml_find(struct str doc, const char *end, struct buf *out)
{
	struct search s = { .end = end, .out = out };
	const char *why;

	xml_walk(doc, compare, &s, &why);
	return s.found;
}
