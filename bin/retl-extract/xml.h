/* SPDX-License-Identifier: MIT */
/*
 * XML answers of Amazon's services (expat reads them): elements by their path,
 * with their text. A document type is refused, so there are no entities.
 */
#ifndef RETL_EXTRACT_XML_H
#define RETL_EXTRACT_XML_H

#include "common/buf.h"

/*
 * Called at the end of each element: path is "ListBucketResult/Contents/Key",
 * text what stood in the element itself.
 */
typedef void xml_element(void *arg, struct str path, struct str text);

/* -1: *why says what is wrong; some elements may have been called for. */
int xml_walk(struct str doc, xml_element *element, void *arg, const char **why);

/* Is this the end of the path? "Contents/Key" */
bool xml_path_ends(struct str path, const char *end);

/* Appends the text of the first element whose path ends so; false: none. */
bool xml_find(struct str doc, const char *end, struct buf *out);

#endif
