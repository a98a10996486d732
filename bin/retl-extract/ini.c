/* SPDX-License-Identifier: MIT */
#include "bin/retl-extract/ini.h"

#include "common/file.h"

#define FILE_MAX ((size_t)4 << 20)

/* What stands in the brackets; .s NULL: no section begins. */
static struct str section_of(struct str line)
{
	const char *end;

	line = str_trim(line);
	if (!line.n || *line.s != '[' || !(end = memchr(line.s, ']', line.n)))
		return STR_NONE;
	return str_trim((struct str){ line.s + 1, (size_t)(end - line.s) - 1 });
}

/* Any number of blanks between words is one; quotes do not count. */
static bool is_section(struct str s, const char *name)
{
	size_t i = 0;

	while (i < s.n) {
		if (s.s[i] == '"' || s.s[i] == '\'') {
			i++;
			continue;
		}
		if (s.s[i] == ' ' || s.s[i] == '\t') {
			while (i < s.n && (s.s[i] == ' ' || s.s[i] == '\t'))
				i++;
			if (*name++ != ' ')
				return false;
			continue;
		}
		if (!*name || s.s[i++] != *name++)
			return false;
	}
	return !*name;
}

bool ini_find(struct str text, const char *section, const char *name,
	      struct str *value)
{
	bool inside = !*section;
	struct str line, key;

	while (str_split(&text, '\n', &line)) {
		struct str begins;

		if (line.n && line.s[line.n - 1] == '\r')
			line.n--;
		begins = section_of(line);
		if (begins.s) {
			inside = is_section(begins, section);
			if (inside && !name)
				return true;
			continue;
		}
		if (!inside || !name || !line.n || strchr("#; \t", *line.s) ||
		    !str_split(&line, '=', &key) || !line.s)
			continue;
		if (str_is(str_trim(key), name)) {
			*value = str_trim(line);
			return true;
		}
	}
	return false;
}

int ini_load(struct buf *text, const char *path, bool must, struct failure *f)
{
	if (!must && access(path, F_OK) < 0)
		return 0;
	if (file_read(path, FILE_MAX, text, &f->text) < 0)
		return failed(f, EX_NOINPUT, "%s", f->text.data);
	return 0;
}
