/* SPDX-License-Identifier: MIT */
/*
 * The files in which other tools keep their settings by sections:
 *
 *	[profile shop]
 *	region = eu-west-1
 *
 * Lines that begin with # or ; are comments, and those that begin with a blank
 * belong to a setting that is nested.
 */
#ifndef RETL_EXTRACT_INI_H
#define RETL_EXTRACT_INI_H

#include "bin/retl-extract/failure.h"
#include "common/str.h"

/*
 * What stands behind the =, without blanks around it, borrowed from text.
 * False: there is no such section, or not that name in it. name NULL: is there
 * such a section? section "": what stands before all sections.
 */
bool ini_find(struct str text, const char *section, const char *name,
	      struct str *value);

/*
 * The file's text. One that is not there is as good as an empty one, unless it
 * must be. -1: see f.
 */
int ini_load(struct buf *text, const char *path, bool must, struct failure *f);

#endif
