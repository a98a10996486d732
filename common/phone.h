/* SPDX-License-Identifier: MIT */
/*
 * Phone numbers in the form of E.164, "+4930123456". What carries its country
 * code is brought into it here. Numbers as they are dialled within a country
 * need libphonenumber, by way of phone_shim.cc: a library of our own that is
 * loaded when the first such number comes, since it would double the time that
 * a tool takes to start. It lies in lib/retl/ beside the folder of the tools;
 * where it was not built, such a number is a fault that says so.
 */
#ifndef RETL_PHONE_H
#define RETL_PHONE_H

#include "common/buf.h"

/* Remembers answers of the library. One struct belongs to one thread. */
struct phone;

void phone_free(struct phone *p);

/*
 * Appends the number's form to out. country: two letters in lower case of the
 * country in which it is written so, or NULL. *p: made when it is needed.
 * Returns NULL, or why not.
 */
const char *phone_e164(struct phone **p, struct str text, const char *country,
		       struct buf *out);

/*
 * Is it in that form already? Not if a zero follows the country code where
 * none belongs.
 */
bool phone_is_e164(struct str text);

#endif
