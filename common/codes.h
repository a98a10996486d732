/* SPDX-License-Identifier: MIT */
/* Codes of countries, currencies and states, and names that stand for them. */
#ifndef RETL_CODES_H
#define RETL_CODES_H

#include "common/str.h"

/*
 * ISO 3166-1's two letters, in lower case, of a code of two or three letters or
 * an English name, all in lower case. NULL: none.
 */
const char *codes_country(struct str text);
/* Two capital letters of ISO 3166-1. */
bool codes_is_country(struct str text);
/* Three capital letters of ISO 4217, of 2026. */
bool codes_is_currency(struct str text);
/*
 * The two letters of a state of the USA, of these or its name; all in lower
 * case without spaces and punctuation. NULL: none.
 */
const char *codes_us_state(struct str text);

#endif
